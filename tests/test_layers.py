"""Layers: gradients to rounding error, values against loops, what caches and masks promise."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from maade_np import gradcheck_suite, layers

CASES = gradcheck_suite.cases()
SIZES = some.integers(1, 4)
SEEDS = some.integers(0, 2**32 - 1)


# --------------------------------------------------------------------------------- the gradients


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    report = CASES[name](np.random.default_rng(len(name)))
    assert not report.problems
    complex_step, where = report.worst("complex")
    assert complex_step < 1e-10, where
    assert all(entry.errors["complex"] < 1e-10 for entry in report.entries)
    assert report.directional["complex"] < 1e-10


def test_every_layer_has_a_case():
    covered = " ".join(CASES)
    for name in layers.__all__:
        assert name.rsplit("_", 1)[0] in covered, f"{name} has no gradient check"


def test_the_suite_runs_by_pattern_and_under_the_cases_names():
    reports = list(gradcheck_suite.run("softmax"))
    assert [report.name for report in reports] == [name for name in CASES if "softmax" in name]
    assert all(report.ok for report in reports)


# ------------------------------------------------------------------------- values, against loops


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@given(seed=SEEDS, lead=some.lists(SIZES, max_size=3), m=SIZES, n=SIZES)
def test_affine(seed, lead, m, n):
    x, W, b = normal(seed, (*lead, m), (m, n), (n,))
    y, _ = layers.affine_forward(x, W, b)
    assert y.shape == (*lead, n)
    for row in np.ndindex(*lead):
        close(y[row], [sum(x[row][i] * W[i, k] for i in range(m)) + b[k] for k in range(n)])


@given(seed=SEEDS, lead=some.lists(SIZES, max_size=2), d=SIZES, f=SIZES)
def test_tanh_ff(seed, lead, d, f):
    weights = dict(zip(("W1", "b1", "W2", "b2"), normal(seed, (d, f), f, (f, d), d), strict=True))
    (x,) = normal(seed + 1, (*lead, d))
    out, _ = layers.tanh_ff_forward(x, **weights)
    for row in np.ndindex(*lead):
        close(out[row], oracles.pos_ff(x[row], weights))


@given(seed=SEEDS, B=SIZES, n=SIZES, m=SIZES, d=SIZES, a=SIZES, data=some.data())
def test_scores(seed, B, n, m, d, a, data):
    W_q, W_k, b_a, w_a = normal(seed, (d, a), (d, a), a, a)
    leads = data.draw(some.sampled_from([((), ()), ((), (B,)), ((B,), (B,)), ((1,), (B,))]))
    x, keys = normal(seed + 1, (*leads[0], n, d), (*leads[1], m, d))
    weights = {"W_q": W_q, "W_k": W_k, "b_a": b_a}
    for extra, forward in (
        ({"w_a": w_a}, layers.additive_scores_forward),
        ({}, layers.dot_scores_forward),
    ):
        found, _ = forward(x, keys, *weights.values(), *extra.values())
        wide_x = np.broadcast_to(x, (*found.shape[:-2], n, d))
        wide_keys = np.broadcast_to(keys, (*found.shape[:-2], m, d))
        for *lead, i, j in np.ndindex(*found.shape):
            lead = tuple(lead)
            expected = oracles.score(wide_x[lead][i], wide_keys[lead][j], weights | extra)
            close(found[(*lead, i, j)], expected)


@given(
    seed=SEEDS,
    B=SIZES,
    n=SIZES,
    m=SIZES,
    shared=some.booleans(),
    gap=some.sampled_from([0.0, 1.0, 1000.0]),
    data=some.data(),
)
def test_masked_softmax(seed, B, n, m, shared, gap, data):
    visible = data.draw(arrays.arrays(bool, (B, n, m)))
    (scores,) = normal(seed, (n, m) if shared else (B, n, m))
    scores = scores + gap * ~visible[0]  # what string 0 cannot see towers
    alpha, _ = layers.masked_softmax_forward(scores, visible)
    close(alpha, oracles.masked_softmax(np.broadcast_to(scores, visible.shape), visible))
    assert (alpha[~visible] == 0).all()
    close(alpha.sum(axis=-1), visible.any(axis=-1))


@given(seed=SEEDS, B=SIZES, data=some.data())
def test_log_softmax(seed, B, data):
    card = np.array(data.draw(some.lists(SIZES, min_size=1, max_size=4)))
    N, D = len(card), card.max()
    (logits,) = normal(seed, (B, N, D))
    exists = np.arange(D) < card[:, None]
    logits[:, ~exists] = 1e30  # must not be looked at
    log_probs, cache = layers.log_softmax_forward(logits, exists)
    for b, i in np.ndindex(B, N):
        probs = oracles.softmax(list(logits[b, i, : card[i]]))
        close(log_probs[b, i, : card[i]], np.log(probs))
    assert np.isfinite(log_probs).all()
    dlogits = layers.log_softmax_backward(normal(seed, (B, N, D))[0], cache)
    assert (dlogits[:, ~exists] == 0).all()


@given(seed=SEEDS, B=SIZES, N=SIZES, d=SIZES, f=SIZES, D=SIZES)
def test_heads_and_their_folding(seed, B, N, d, f, D):
    y, W2, b2, W_out, b_out = normal(seed, (B, N, f), (f, d), d, (N, d, D), (N, D))
    h = y @ W2 + b2
    logits, _ = layers.heads_forward(h, W_out, b_out)
    for b, i in np.ndindex(B, N):
        close(logits[b, i], [h[b, i] @ W_out[i, :, v] + b_out[i, v] for v in range(D)])
    (W, bias), _ = layers.fold_heads_forward(W2, b2, W_out, b_out)
    np.testing.assert_allclose(layers.heads_forward(y, W, bias)[0], logits, rtol=1e-9, atol=1e-11)


@given(seed=SEEDS, N=SIZES, R=SIZES, P=some.integers(1, 9), d=SIZES)
def test_key_table(seed, N, R, P, d):
    rng = np.random.default_rng(seed)
    q, V, dkeys = normal(seed, (N, d), (R, d), (P, d))
    hyper, row = rng.integers(N, size=P), rng.integers(R, size=P)
    keys, cache = layers.key_table_forward(q, V, hyper, row)
    dq, dV = layers.key_table_backward(dkeys, cache)
    slow_dq, slow_dV = np.zeros_like(q), np.zeros_like(V)
    for p in range(P):
        close(keys[p], q[hyper[p]] + V[row[p]])
        slow_dq[hyper[p]] += dkeys[p]
        slow_dV[row[p]] += dkeys[p]
    close(dq, slow_dq)
    close(dV, slow_dV)


def block_weights(seed, d, a, f, attention):
    names = ("W_q", "W_k", "b_a", "w_a", "W1", "b1", "W2", "b2")
    shapes = ((d, a), (d, a), a, a, (d, f), f, (f, d), d)
    weights = dict(zip(names, normal(seed, *shapes), strict=True))
    if attention == "dot":
        del weights["w_a"]
    return weights


ATTENTION = some.sampled_from(["additive", "dot"])


@given(
    seed=SEEDS,
    B=SIZES,
    N=SIZES,
    d=SIZES,
    a=SIZES,
    f=SIZES,
    attention=ATTENTION,
    shared=some.booleans(),
    data=some.data(),
)
def test_textbook_block(seed, B, N, d, a, f, attention, shared, data):
    weights = block_weights(seed, d, a, f, attention)
    x, keys = normal(seed + 1, (N, d) if shared else (B, N, d), (B, N, d))
    visible = data.draw(arrays.arrays(bool, (B, N, N)))
    out, _ = layers.textbook_block_forward(x, keys, visible, weights)
    for b, i in np.ndindex(B, N):
        query = x[i] if shared else x[b, i]
        seen = [keys[b, j] for j in range(N) if visible[b, i, j]]
        close(out[b, i], oracles.pos_ff(query + oracles.attend(query, seen, weights), weights))


@given(
    seed=SEEDS,
    B=SIZES,
    N=SIZES,
    P=some.integers(1, 6),
    d=SIZES,
    a=SIZES,
    f=SIZES,
    attention=ATTENTION,
    key_stream=some.booleans(),
    data=some.data(),
)
def test_factorised_block(seed, B, N, P, d, a, f, attention, key_stream, data):
    weights = block_weights(seed, d, a, f, attention)
    x, keys = normal(seed + 1, (N, d), (P, d))
    visible = data.draw(arrays.arrays(bool, (B, N, P)))
    pair = np.random.default_rng(seed).integers(P, size=(B, N))
    own = np.eye(P)[pair] if key_stream else None
    y, _ = layers.factorised_block_forward(keys if key_stream else x, keys, visible, weights, own)
    for b, i in np.ndindex(B, N):
        query = keys[pair[b, i]] if key_stream else x[i]
        seen = [keys[p] for p in range(P) if visible[b, i, p]]
        expected = oracles.pos_ff(query + oracles.attend(query, seen, weights), weights)
        close(y[b, i] @ weights["W2"] + weights["b2"], expected)


# -------------------------------------------------------------------------- caches and extremes


def pairs():
    """Each pair as (forward, backward, arguments of the forward, the weights among them last)."""
    B, N, D, P, d, a, f = 3, 4, 3, 6, 4, 3, 5
    x, keys, table = normal(0, (B, N, d), (B, N, d), (P, d))
    visible = np.random.default_rng(1).random((B, N, N)) < 0.5
    seen = np.random.default_rng(2).random((B, N, P)) < 0.5
    own = np.eye(P)[np.random.default_rng(3).integers(P, size=(B, N))]
    w = block_weights(4, d, a, f, "additive")
    scorers = [w["W_q"], w["W_k"], w["b_a"]]
    ff = [w[name] for name in ("W1", "b1", "W2", "b2")]
    exists = np.arange(D) < np.array([3, 2, 1, 3])[:, None]
    W_out, b_out, logits = normal(5, (N, d, D), (N, D), (B, N, D))
    hyper, row = np.array([0, 0, 1, 2, 3, 3]), np.array([0, 1, 0, 2, 2, 1])
    return {
        "affine": (x, w["W1"], w["b1"]),
        "tanh_ff": (x, *ff),
        "key_table": (table[:4], table[3:], hyper, row),
        "additive_scores": (x, keys, *scorers, w["w_a"]),
        "dot_scores": (x, keys, *scorers),
        "masked_softmax": (logits @ W_out[0].T @ keys.swapaxes(1, 2), visible),
        "log_softmax": (logits, exists),
        "heads": (x, W_out, b_out),
        "fold_heads": (w["W2"], w["b2"], W_out, b_out),
        "textbook_block": (x, keys, visible, w),
        "factorised_block": (table, table, seen, w, own),
    }


@pytest.mark.parametrize("name", pairs())
def test_a_pair_is_pure(name):
    """Neither half writes to what it was given, and a backward may be called twice."""
    forward, backward = (getattr(layers, f"{name}_{half}") for half in ("forward", "backward"))
    arguments = pairs()[name]
    with oracles.unchanged(arguments):
        out, cache = forward(*arguments)
        parts = out if isinstance(out, tuple) else (out,)
        douts = normal(9, *(part.shape for part in parts))
        dout = tuple(douts) if isinstance(out, tuple) else douts[:1]
        with oracles.unchanged(out, cache, dout):
            first = backward(*dout, cache)
            second = backward(*dout, cache)
    again, _ = forward(*arguments)
    for a, b in zip(oracles._arrays((out, first)), oracles._arrays((again, second)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [100.0, 1000.0])
def test_hidden_scores_that_tower(gap, dtype):
    """A shift by the row's maximum would leave 0/0 where the largest score is hidden."""
    visible = np.array([[[False, True, True], [False, False, False], [True, True, True]]])
    scores = np.array([[gap, 1.0, 2.0], [gap, 0.0, 0.0], [0.0, gap, gap]], dtype=dtype)
    expected = [[[0, 1 / (1 + np.e), np.e / (1 + np.e)], [0, 0, 0], [0, 0.5, 0.5]]]
    for e in (scores, scores[None]):
        alpha, cache = layers.masked_softmax_forward(e, visible)
        assert alpha.dtype == dtype
        np.testing.assert_allclose(alpha, expected, rtol=1e-6, atol=1e-30)
        dalpha = np.array([[[5.0, 1.0, 3.0], [1, 1, 1], [1, 1, 2]]], dtype=dtype)
        dscores = layers.masked_softmax_backward(dalpha, cache)
        assert dscores.shape == e.shape
        slope = 2 * np.e / (1 + np.e) ** 2
        np.testing.assert_allclose(
            dscores.reshape(3, 3),
            [[0, -slope, slope], [0, 0, 0], [0, -0.25, 0.25]],
            rtol=1e-5,
            atol=1e-30,
        )


def test_scores_just_within_the_shared_shift():
    """The largest gap that is still exponentiated once leaves a hidden row its float32 digits."""
    gap = layers.masked_softmax.SAFE_RANGE
    scores = np.array([[gap, 0.0, 0.5]], dtype=np.float32)
    alpha, _ = layers.masked_softmax_forward(scores, np.array([[[False, True, True]]]))
    np.testing.assert_allclose(alpha[0, 0, 2], 1 / (1 + np.exp(-0.5)), rtol=1e-5)


def test_log_softmax_of_huge_logits():
    logits = np.array([[[1e4, 0.0, -1e4]]], dtype=np.float32)
    log_probs, cache = layers.log_softmax_forward(logits, np.ones((1, 3), dtype=bool))
    np.testing.assert_array_equal(log_probs, [[[0, -1e4, -2e4]]])
    assert np.isfinite(layers.log_softmax_backward(np.ones_like(logits), cache)).all()
