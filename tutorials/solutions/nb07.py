"""Solutions of notebook 7: MAADE in full."""

from __future__ import annotations

import numpy as np

from maade_np import layers


def count(cardinalities, families, d, blocks, a, f):
    """7.1: the number of parameters, by the equations.

    (7.1) has a query a hyper-parameter and a value vector for each value of each family. A block has
    W_q, W_k, b_a, w_a for the attention and W1, b1, W2, b2 for PosFF; both streams share them, so they
    count once. The heads (7.5) are made D columns wide for all, D the largest number of values; columns
    that do not exist for a hyper-parameter are never read, but they are there.
    """
    N, D = len(cardinalities), max(cardinalities)
    largest: dict[str, int] = {}
    for cardinality, family in zip(cardinalities, families, strict=True):
        largest[family] = max(cardinality, largest.get(family, 0))
    embedding = N * d + sum(largest.values()) * d
    attention = 2 * d * a + 2 * a
    feed_forward = d * f + f + f * d + d
    heads = N * d * D + N * D
    return embedding + blocks * (attention + feed_forward) + heads


def first(policy, i):
    """7.2: a first decision sees nothing, so in every block its context is 0.

    What is left of (7.2) is q <- PosFF(q), block by block, and then its head. Only the values that
    exist take part in the softmax.
    """
    x = policy.params["q"][i]
    for m in range(1, policy.blocks + 1):
        weights = policy.block(m)
        x, _ = layers.tanh_ff_forward(x, *(weights[name] for name in ("W1", "b1", "W2", "b2")))
    logits = x @ policy.params["W_out"][i] + policy.params["b_out"][i]
    logits = logits[: policy.space.cardinalities[i]]
    p = np.exp(logits - logits.max())
    return p / p.sum()


def silent(policy, actions, orders):
    """7.3: two masks instead of one that is changed in place.

    `visible |= np.eye(N)` writes into the array that the next turn of the loop gives to the query
    stream. With one block there is no next turn, and what the key stream computes is read by nobody,
    so every test with one block passes.
    """
    ranks = np.argsort(orders, axis=1)
    before = ranks[:, None, :] < ranks[:, :, None]
    until = ranks[:, None, :] <= ranks[:, :, None]
    table, _ = policy.key_table()
    keys = table[policy.layout.first + actions]
    x = policy.params["q"]
    for m in range(1, policy.blocks + 1):
        weights = policy.block(m)
        x, _ = layers.textbook_block_forward(x, keys, before, weights)
        keys, _ = layers.textbook_block_forward(keys, keys, until, weights)
    return layers.heads_forward(x, policy.params["W_out"], policy.params["b_out"])[0]
