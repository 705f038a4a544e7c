"""Plausible wrong answers to the exercises of notebook 7."""

from __future__ import annotations

import numpy as np

from maade_np import layers


def _count(per_block=None, heads=None, values=None, streams=1):
    """A count with one part replaced; each part is a function of (cards, families, d, a, f)."""

    def count(cardinalities, families, d, blocks, a, f):
        N, D = len(cardinalities), max(cardinalities)
        of = {}
        for cardinality, family in zip(cardinalities, families, strict=True):
            of[family] = max(cardinality, of.get(family, 0))
        known = (cardinalities, families, d, a, f)
        block = per_block(*known) if per_block else 2 * d * a + 2 * a + 2 * d * f + f + d
        head = heads(*known) if heads else N * D * (d + 1)
        vectors = values(*known) if values else d * sum(of.values())
        return N * d + vectors + streams * blocks * block + head

    return count


def _probabilities(policy, i, x, bias=True, exist=True):
    logits = x @ policy.params["W_out"][i] + (policy.params["b_out"][i] if bias else 0)
    if exist:
        logits = logits[: policy.space.cardinalities[i]]
    p = np.exp(logits - logits.max())
    return (p / p.sum())[: policy.space.cardinalities[i]]


def _through(policy, x, blocks=None, same=False):
    for m in range(1, (policy.blocks if blocks is None else blocks) + 1):
        weights = policy.block(1 if same else m)
        x, _ = layers.tanh_ff_forward(x, *(weights[name] for name in ("W1", "b1", "W2", "b2")))
    return x


def _uniform_attention(policy, i):
    """What the popular mask makes of an empty set: the mean of everything."""
    x = policy.params["q"][i]
    for m in range(1, policy.blocks + 1):
        weights = policy.block(m)
        mean = policy.key_table()[0].mean(axis=0)
        x, _ = layers.tanh_ff_forward(x + mean, *(weights[n] for n in ("W1", "b1", "W2", "b2")))
    return _probabilities(policy, i, x)


def _logits(policy, actions, orders, masks):
    """The colleague's loop; masks(m, before) gives those of the query and the key stream."""
    ranks = np.argsort(orders, axis=1)
    before = ranks[:, None, :] < ranks[:, :, None]
    keys = policy.key_table()[0][policy.layout.first + actions]
    x = policy.params["q"]
    for m in range(1, policy.blocks + 1):
        weights = policy.block(m)
        of_query, of_key = masks(m, before)
        x, _ = layers.textbook_block_forward(x, keys, of_query, weights)
        keys, _ = layers.textbook_block_forward(keys, keys, of_key, weights)
    return layers.heads_forward(x, policy.params["W_out"], policy.params["b_out"])[0]


def _itself(before):
    return before | np.eye(before.shape[1], dtype=bool)


def _as_it_was(policy, actions, orders):
    return _logits(policy, actions, orders, lambda m, b: (_itself(b) if m > 1 else b, _itself(b)))


def _keys_do_not_see_themselves(policy, actions, orders):
    return _logits(policy, actions, orders, lambda m, b: (b, b))


def _never_itself_later(policy, actions, orders):
    return _logits(policy, actions, orders, lambda m, b: (b, _itself(b) if m == 1 else b))


def _everyone_sees_themselves(policy, actions, orders):
    return _logits(policy, actions, orders, lambda m, b: (_itself(b), _itself(b)))


def _new_keys_at_once(policy, actions, orders):
    """Brings the key stream forward before the query stream reads it."""
    ranks = np.argsort(orders, axis=1)
    before = ranks[:, None, :] < ranks[:, :, None]
    keys = policy.key_table()[0][policy.layout.first + actions]
    x = policy.params["q"]
    for m in range(1, policy.blocks + 1):
        weights = policy.block(m)
        keys, _ = layers.textbook_block_forward(keys, keys, _itself(before), weights)
        x, _ = layers.textbook_block_forward(x, keys, before, weights)
    return layers.heads_forward(x, policy.params["W_out"], policy.params["b_out"])[0]


def _keys_stay(policy, actions, orders):
    """Has no key stream at all."""
    ranks = np.argsort(orders, axis=1)
    before = ranks[:, None, :] < ranks[:, :, None]
    keys = policy.key_table()[0][policy.layout.first + actions]
    x = policy.params["q"]
    for m in range(1, policy.blocks + 1):
        x, _ = layers.textbook_block_forward(x, keys, before, policy.block(m))
    return layers.heads_forward(x, policy.params["W_out"], policy.params["b_out"])[0]


WRONG = {
    "count": [
        _count(streams=2),  # each stream its own weights
        _count(per_block=lambda c, g, d, a, f: 2 * d * a + a + 2 * d * f + f + d),  # no w_a
        _count(per_block=lambda c, g, d, a, f: 2 * d * a + 2 * d * f),  # no biases
        _count(heads=lambda c, g, d, a, f: max(c) * (d + 1)),  # one head for all
        _count(heads=lambda c, g, d, a, f: sum(c) * (d + 1)),  # only the columns that are read
        _count(values=lambda c, g, d, a, f: d * sum(c)),  # a matrix a hyper-parameter
        _count(values=lambda c, g, d, a, f: d * max(c)),  # the paper's shared matrix
        _count(  # the last member of a family for its largest
            values=lambda c, g, d, a, f: d * sum(dict(zip(g, c, strict=True)).values())
        ),
    ],
    "first": [
        _uniform_attention,
        lambda policy, i: _probabilities(policy, i, policy.params["q"][i]),
        lambda policy, i: _probabilities(
            policy, i, _through(policy, policy.params["q"][i], blocks=1)
        ),
        lambda policy, i: _probabilities(
            policy, i, _through(policy, policy.params["q"][i], same=True)
        ),
        lambda policy, i: _probabilities(
            policy, i, _through(policy, policy.params["q"][i]), bias=False
        ),
        lambda policy, i: _probabilities(
            policy, i, _through(policy, policy.params["q"][i]), exist=False
        ),
        lambda policy, i: np.full(policy.space.cardinalities[i], 1 / policy.space.cardinalities[i]),
    ],
    "silent": [
        _as_it_was,
        _keys_do_not_see_themselves,
        _never_itself_later,
        _everyone_sees_themselves,
        _new_keys_at_once,
        _keys_stay,
    ],
}
