"""Drawing strings from MAADE, one decision after the other, a whole batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from maade_np.backend import Array, array_module, row_sum, to_device
from maade_np.layers import (
    affine_forward,
    fold_heads_forward,
    masked_softmax_forward,
    textbook_block_forward,
)
from maade_np.layers.block import scores_forward
from maade_np.layers.masked_softmax import shared_shift

if TYPE_CHECKING:
    from maade_np.policies.maade import MAADE

# A decision of a group costs about as much as this many more strings in the gather path: measured by
# benchmarks/speed.py, and the reason why a few small groups are not worth separate runs.
GROUP_OVERHEAD = 64


class Tables(NamedTuple):
    """What sampling needs, none of which depends on the strings.

    Attributes
    ----------
    scores : (N, P)
        Additive (or dot-product) scores of all pairs.
    weights : (N, P) or None
        ``exp(scores - row maximum)`` where `shared_shift` finds that safe.
    values : (P, f)
        Keys times W1.
    base : (N, f)
        Queries times W1, plus b1.
    W, b : (N, f, D), (N, D)
        The folded heads.
    """

    scores: Array
    weights: Array | None
    values: Array
    base: Array
    W: Array
    b: Array


def make_tables(policy: MAADE) -> Tables:
    """Compute the tables of the factorised sampler (one block)."""
    p, weights, xp = policy.params, policy.block(1), policy.xp
    keys, _ = policy.key_table()
    scores, _ = scores_forward(p["q"], keys, weights)
    top = shared_shift(scores)
    weights_of_pairs = None if top is None else xp.exp(scores - top)
    values = keys @ weights["W1"]
    base, _ = affine_forward(p["q"], weights["W1"], weights["b1"])
    (W, b), _ = fold_heads_forward(weights["W2"], weights["b2"], p["W_out"], p["b_out"])
    return Tables(scores, weights_of_pairs, values, base, W, b)


def sample_factorised(
    policy: MAADE, orders: np.ndarray, noise: Array, temperature: float
) -> tuple[Array, Array]:
    """Sample with one block: what is chosen so far is a 0/1 matrix, and attention a product with it.

    Strings that share an order are decided together, without any gather: for hyper-parameter i the
    sum of weighted keys and the sum of weights are one product, ``chosen @ (weights[i] * [values|1])``.
    Where each string has its own order the rows of the tables are gathered, string by string.
    """
    tables = make_tables(policy)
    xp, layout = policy.xp, policy.layout
    B, N, D = noise.shape
    if tables.weights is None or (groups := _groups(orders, xp)) is None:
        return _sample_own_orders(policy, tables, orders, noise, temperature)
    ones = xp.ones((layout.P, 1), dtype=noise.dtype)
    weighted = tables.weights[:, :, None] * xp.concatenate([tables.values, ones], axis=1)
    actions = xp.empty((B, N), dtype=layout.first.dtype)
    logits = xp.empty((B, N, D), dtype=noise.dtype)
    for order, rows in groups:
        _sample_group(policy, tables, weighted, order, rows, noise, temperature, actions, logits)
    return actions, logits


def _groups(orders: np.ndarray, xp: Any) -> list[tuple[np.ndarray, Any]] | None:
    """Return each distinct order with the rows of its strings; None where there are too many."""
    if (orders == orders[0]).all():
        return [(orders[0], slice(None))]
    distinct, group_of = np.unique(orders, axis=0, return_inverse=True)
    if len(distinct) * GROUP_OVERHEAD > len(orders):
        return None
    members = [np.flatnonzero(group_of.reshape(-1) == g) for g in range(len(distinct))]
    return [(order, to_device(rows, xp)) for order, rows in zip(distinct, members, strict=True)]


def _sample_group(
    policy: MAADE,
    tables: Tables,
    weighted: Array,
    order: np.ndarray,
    rows: Any,
    noise: Array,
    temperature: float,
    actions: Array,
    logits: Array,
) -> None:
    """Decide the strings `rows`, which share `order`; fill their rows of `actions` and `logits`."""
    xp, layout = policy.xp, policy.layout
    # decisions first, so that every step works on contiguous rows
    noise = xp.ascontiguousarray(noise[rows].transpose(1, 0, 2))
    z = xp.empty_like(noise)
    values = xp.empty(noise.shape[:2], dtype=layout.first.dtype)
    chosen = xp.zeros((noise.shape[1], layout.P), dtype=noise.dtype)
    strings = xp.arange(noise.shape[1])
    for t, i in enumerate(order.tolist()):
        pre = tables.base[i]
        if t:
            sums = chosen @ weighted[i]
            pre = sums[:, :-1] / sums[:, -1:]
            pre += tables.base[i]
        xp.add(xp.tanh(pre) @ tables.W[i], tables.b[i], out=z[i])
        scaled = z[i] if temperature == 1 else z[i] / temperature
        values[i] = (scaled + noise[i])[:, : layout.cardinalities[i]].argmax(axis=1)
        chosen[strings, values[i] + layout.starts[i]] = 1
    actions[rows], logits[rows] = values.T, z.transpose(1, 0, 2)


def _sample_own_orders(
    policy: MAADE, tables: Tables, orders: np.ndarray, noise: Array, temperature: float
) -> tuple[Array, Array]:
    """Decide strings of which each has its own order, gathering a row of each table a string."""
    xp, layout = policy.xp, policy.layout
    B, N, D = noise.shape
    steps = to_device(np.ascontiguousarray(orders.T), xp)
    strings = xp.arange(B)
    chosen = xp.zeros((B, layout.P), dtype=noise.dtype)
    actions = xp.empty((B, N), dtype=layout.first.dtype)
    logits = xp.empty((B, N, D), dtype=noise.dtype)
    for t in range(N):
        i = steps[t]
        pre = tables.base[i]
        if t and tables.weights is not None:
            weights = chosen * tables.weights[i]
            pre = (weights @ tables.values) / row_sum(weights) + pre
        elif t:
            alpha, _ = masked_softmax_forward(tables.scores[i], chosen > 0)
            pre = alpha @ tables.values + pre
        z = (xp.tanh(pre)[:, None, :] @ tables.W[i])[:, 0] + tables.b[i]
        logits[strings, i] = z
        value = draw(z, noise[strings, i], layout.exists[i], temperature)
        actions[strings, i] = value
        chosen[strings, layout.first[i] + value] = 1
    return actions, logits


def sample_textbook(
    policy: MAADE, orders: np.ndarray, noise: Array, temperature: float
) -> tuple[Array, Array]:
    """Sample with any number of blocks; the keys of every block are computed once and kept.

    A decided hyper-parameter's key never changes, since it sees only what was decided before it: each
    step computes one query and, once its value is drawn, one key a block.
    """
    xp, layout, p = policy.xp, policy.layout, policy.params
    B, N, D = noise.shape
    blocks = [policy.block(m) for m in range(1, policy.blocks + 1)]
    table, _ = policy.key_table()
    stored = [xp.zeros((B, N, policy.d), dtype=noise.dtype) for _ in blocks]
    steps = to_device(np.ascontiguousarray(orders.T), xp)
    strings = xp.arange(B)
    actions = xp.empty((B, N), dtype=layout.first.dtype)
    logits = xp.empty((B, N, D), dtype=noise.dtype)

    def attend(x: Array, keys: Array, nothing: bool, weights: dict[str, Array]) -> Array:
        visible = xp.full((B, 1, keys.shape[1]), not nothing)
        return textbook_block_forward(x[:, None, :], keys, visible, weights)[0][:, 0]

    for t in range(N):
        i = steps[t]
        x = p["q"][i]
        for keys, weights in zip(stored, blocks, strict=True):
            x = attend(x, keys[:, : max(t, 1)], t == 0, weights)
        z = (x[:, None, :] @ p["W_out"][i])[:, 0] + p["b_out"][i]
        logits[strings, i] = z
        value = draw(z, noise[strings, i], layout.exists[i], temperature)
        actions[strings, i] = value
        key = table[layout.first[i] + value]
        for m, (keys, weights) in enumerate(zip(stored, blocks, strict=True)):
            keys[:, t] = key
            if m + 1 < len(blocks):
                key = attend(key, keys[:, : t + 1], False, weights)
    return actions, logits


def draw(z: Array, noise: Array, exists: Array, temperature: float) -> Array:
    """Draw a value a row as the argument of the largest ``z / temperature + noise`` that exists."""
    return array_module(z).where(exists, z / temperature + noise, -np.inf).argmax(axis=1)
