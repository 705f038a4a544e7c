"""The layers of NADE, MADE and the LSTM: values against loops, purity, another device."""

from __future__ import annotations

import numpy as np
import oracles
import policy_oracles
import pytest
from hypothesis import given
from hypothesis import strategies as some
from strict_array import same, xp

from maade_np import layers
from maade_np.policies import in_turn
from maade_np.policies.base import Batch

SIZES = some.integers(1, 4)
SEEDS = some.integers(0, 2**32 - 1)


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@given(seed=SEEDS, lead=some.lists(SIZES, min_size=1, max_size=3))
def test_sigmoid(seed, lead):
    x = 5 * normal(seed, tuple(lead))[0]
    y, _ = layers.sigmoid_forward(x)
    close(y, policy_oracles.sigmoid(x))


def test_sigmoid_never_overflows():
    x = np.array([-1e30, -1000, 0, 1000, 1e30], dtype=np.float32)
    np.testing.assert_array_equal(layers.sigmoid_forward(x)[0], [0, 0, 0.5, 1, 1])


@given(seed=SEEDS, T=SIZES, B=SIZES, n=SIZES)
def test_running_sums(seed, T, B, n):
    rows, c = normal(seed, (T, B, n), n)
    a, _ = layers.running_sums_forward(rows, c)
    for t in range(T):
        for b in range(B):
            close(a[t, b], c + sum(rows[s, b] for s in range(t)))


@given(seed=SEEDS, card=some.lists(SIZES, min_size=1, max_size=4), d=SIZES, n=SIZES)
def test_pair_table(seed, card, d, n):
    rng = np.random.default_rng(seed)
    pairs = [(j, v) for j, c in enumerate(card) for v in range(c)]
    hyper, value = np.array(pairs).T
    row = rng.integers(5, size=len(pairs))
    V, W = normal(seed, (5, d), (len(card), d, n))
    table, _ = layers.pair_table_forward(V, W, hyper, value, row, max(card))
    for p, (j, _) in enumerate(pairs):
        close(table[p], V[row[p]] @ W[j])


@given(seed=SEEDS, P=SIZES, T=SIZES, B=SIZES, n=SIZES)
def test_take_pairs(seed, P, T, B, n):
    pairs = np.random.default_rng(seed).integers(P, size=(T, B))
    table, drows = normal(seed, (P, n), (T, B, n))
    rows, cache = layers.take_pairs_forward(table, pairs)
    dtable = np.zeros((P, n))
    for t, b in np.ndindex(T, B):
        close(rows[t, b], table[pairs[t, b]])
        dtable[pairs[t, b]] += drows[t, b]
    close(layers.take_pairs_backward(drows, cache), dtable)


@given(seed=SEEDS, B=SIZES, m=SIZES, n=SIZES)
def test_masked_affine(seed, B, m, n):
    x, W, b = normal(seed, (B, m), (m, n), n)
    mask = np.random.default_rng(seed).random((m, n)) < 0.5
    y, _ = layers.masked_affine_forward(x, W, b, mask)
    for r, k in np.ndindex(B, n):
        close(y[r, k], sum(x[r, i] * W[i, k] for i in range(m) if mask[i, k]) + b[k])


def problem(data, seed):
    """Degrees (n,) of units, their ends, and orders of a batch."""
    N = data.draw(some.integers(1, 5))
    degrees = np.sort(data.draw(some.lists(some.integers(1, N), min_size=1, max_size=6)))
    ends = np.searchsorted(degrees, np.arange(N), side="right").tolist()
    B = data.draw(SIZES)
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(N), (B, 1)), axis=1)
    return N, B, degrees, ends, orders


@given(seed=SEEDS, data=some.data())
def test_prefix_affine(seed, data):
    N, B, degrees, ends, orders = problem(data, seed)
    W, b = normal(seed, (2 * N, len(degrees)), len(degrees))
    pairs = 2 * orders + np.random.default_rng(seed).integers(2, size=(B, N))
    out, _ = layers.prefix_affine_forward(W, b, pairs.T, ends)
    for s, k in np.ndindex(B, len(degrees)):
        # units of degree N, which no decision may read, are left out
        seen = pairs[s, : degrees[k]] if degrees[k] < N else []
        close(out[s, k], b[k] + sum(W[p, k] for p in seen))


@given(seed=SEEDS, D=SIZES, data=some.data())
def test_prefix_heads(seed, D, data):
    N, B, degrees, ends, orders = problem(data, seed)
    h, W, b = normal(seed, (B, len(degrees)), (len(degrees), N, D), (N, D))
    ranks = np.argsort(orders, axis=1)
    logits, _ = layers.prefix_heads_forward(h, W, b, ranks, ends)
    for s, i in np.ndindex(B, N):
        reads = np.flatnonzero(degrees <= ranks[s, i])
        close(logits[s, i], b[i] + sum((h[s, k] * W[k, i] for k in reads), np.zeros(D)))


@given(seed=SEEDS, B=SIZES, N=SIZES, P=SIZES, D=SIZES)
def test_direct_heads(seed, B, N, P, D):
    (W,) = normal(seed, (P, N, D))
    seen = np.random.default_rng(seed).random((N, B, P)) < 0.5
    logits, _ = layers.direct_heads_forward(W, seen.astype(float))
    for b, i in np.ndindex(B, N):
        close(logits[b, i], sum((W[p, i] for p in np.flatnonzero(seen[i, b])), np.zeros(D)))


@given(seed=SEEDS, T=SIZES, B=SIZES, H=SIZES)
def test_lstm(seed, T, B, H):
    x, W_h = normal(seed, (T, B, 4 * H), (H, 4 * H))
    h, _ = layers.lstm_forward(x, W_h)
    for b in range(B):
        state, memory = np.zeros(H), np.zeros(H)
        for t in range(T):
            state, memory = policy_oracles.lstm_step(x[t, b] + state @ W_h, memory)
            close(h[t, b], state)


@given(seed=SEEDS, N=SIZES, B=SIZES, n=SIZES)
def test_steps_and_hyper_parameters(seed, N, B, n):
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(N), (B, 1)), axis=1)
    actions = rng.integers(3, size=(B, N))
    batch = Batch(actions, orders, np.argsort(orders, axis=1).astype(np.int16))
    (x,) = normal(seed, (N, B, n))
    y = in_turn.by_step(x, batch)
    pairs = in_turn.pairs_by_step(batch, 3 * np.arange(N))
    for t, b in np.ndindex(N, B):
        i = orders[b, t]
        np.testing.assert_array_equal(y[t, b], x[i, b])
        assert pairs[t, b] == 3 * i + actions[b, i]
    np.testing.assert_array_equal(in_turn.by_hyper(y, batch), x)


# --------------------------------------------------------------------------- purity and devices

N, B, n, D = 4, 3, 5, 3
ENDS = [0, 1, 3, 5]
RANKS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
PAIRS = np.array([[0, 6, 2], [2, 4, 7], [4, 2, 1], [6, 0, 5]])


def inputs():
    W, x, h, V = normal(0, (8, n), (N, B, n), (B, n), (6, n))
    Wn, b, W_out, b_out = normal(1, (N, n, 2), n, (n, N, D), (N, D))
    X, W_h, W2, W_direct = normal(2, (N, B, 4 * n), (n, 4 * n), (n, n), (8, N, D))
    hyper, value = np.arange(8) // 2, np.arange(8) % 2
    return {
        "sigmoid": (h,),
        "running_sums": (x, b),
        "pair_table": (V, Wn, hyper, value, np.arange(8) % 6, 2),
        "take_pairs": (W, PAIRS),
        "masked_affine": (h, W2, b, W2 > 0),
        "prefix_affine": (W, b, PAIRS, ENDS),
        "prefix_heads": (h, W_out, b_out, RANKS, ENDS),
        "direct_heads": (W_direct, (normal(3, (N, B, 8))[0] > 0).astype(float)),
        "lstm": (X, W_h),
    }


@pytest.mark.parametrize("name", inputs())
def test_pairs_are_pure_and_run_elsewhere(name):
    forward = getattr(layers, f"{name}_forward")
    backward = getattr(layers, f"{name}_backward")
    arguments = inputs()[name]
    with oracles.unchanged(arguments):
        out, cache = forward(*arguments)
    (dout,) = normal(4, out.shape)
    with oracles.unchanged(arguments, cache, dout):
        first, second = backward(dout, cache), backward(dout, cache)
    moved = [xp.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    strict_out, strict_cache = forward(*moved)
    same(strict_out, out)
    strict = backward(xp.asarray(dout), strict_cache)
    as_tuple = [g if isinstance(g, tuple) else (g,) for g in (first, second, strict)]
    for one, two, three in zip(*as_tuple, strict=True):
        np.testing.assert_array_equal(one, two)
        same(three, one)
