"""Checks of notebook 5: additive attention."""

from __future__ import annotations

import numpy as np

from checks._common import exercise, expect, expect_close
from maade_np import gradcheck, layers


@exercise
def check_bound(answer):
    """5.1: the largest ratio of two weights that additive scores allow."""
    expect(callable(answer), "The answer should be a function of w_a.")
    rng = np.random.default_rng(51)
    for width in (1, 2, 3, 5):
        w_a = rng.normal(size=width) * 0.8
        found = float(answer(w_a.copy()))
        ratio = _most_one_sided(w_a)
        shown = np.array2string(w_a, precision=2)
        expect(
            found >= ratio * (1 - 1e-9),
            f"With w_a = {shown} there are two keys of which one has more than your "
            f"{found:.4g} times the weight of the other.",
        )
        expect(
            found <= ratio * (1 + 1e-6),
            f"With w_a = {shown} no two keys come near your {found:.4g}: it is a bound, but not "
            "the smallest one.",
        )
    return (
        "the scores lie between -||w_a||_1 and ||w_a||_1, so they differ by less than twice that, and "
        "the ratio of two weights is the exponential of the difference of their scores."
    )


def _most_one_sided(w_a):
    """Return the ratio of two weights whose keys push every tanh to its ends."""
    eye, keys = np.eye(len(w_a)), 30.0 * np.stack([np.sign(w_a), -np.sign(w_a)])
    scores, _ = layers.additive_scores_forward(keys[:1] * 0, keys, eye, eye, w_a * 0, w_a)
    alpha, _ = layers.masked_softmax_forward(scores, np.ones((1, 2), dtype=bool))
    return alpha[0, 0] / alpha[0, 1]


@exercise
def check_pull(answer):
    """5.2: the gradient of the scores by equation 5.6."""
    expect(callable(answer), "The answer should be a function of alpha, keys and dcontext.")
    for seed in range(4):
        rng = np.random.default_rng(seed)
        n, m, d = 4 + seed, 3 + 2 * seed, 5
        visible = rng.random((n, m)) < 0.6
        visible[0] = True
        if seed:
            visible[-1] = False
        alpha, cache = layers.masked_softmax_forward(2 * rng.normal(size=(n, m)), visible)
        keys, dcontext = rng.normal(size=(m, d)), rng.normal(size=(n, d))
        right = layers.masked_softmax_backward(dcontext @ keys.T, cache)
        found = np.asarray(answer(alpha.copy(), keys.copy(), dcontext.copy()))
        expect(np.isfinite(found).all(), "Some of your gradients are not finite numbers.")
        if seed and found.shape == right.shape:
            expect(
                not found[~visible].any(),
                "A score that is not visible gets a gradient; it must be exactly 0.",
            )
        expect_close(found, right, "The gradient of the scores is not that of (5.6).", atol=1e-12)
    return (
        "a score is pulled by how far its key lies from the context, along dc, times its weight; "
        "where nothing is visible all weights are 0, and so is the pull."
    )


def colleagues_forward(x, keys, W_q, W_k, b_a, w_a):
    """The forward of exercise 5.3, as in the notebook."""
    u = np.tanh((x @ W_q)[:, None, :] + (keys @ W_k)[None, :, :] + b_a)
    e = u @ w_a
    alpha = np.exp(e - e.real.max(axis=1, keepdims=True))
    alpha = alpha / alpha.sum(axis=1, keepdims=True)
    return alpha @ keys, (x, keys, W_q, W_k, w_a, u, alpha)


@exercise
def check_silent(answer):
    """5.3: the colleague's backward, repaired."""
    expect(callable(answer), "The answer should be a function of dout and cache.")
    shapes = {"W_q": (4, 3), "W_k": (4, 3), "b_a": (3,), "w_a": (3,)}
    for seed in range(3):
        rng = np.random.default_rng(530 + seed)
        inputs = {"x": rng.normal(size=(3 + seed, 4)), "keys": rng.normal(size=(5, 4))}
        inputs |= {name: rng.normal(size=shape) for name, shape in shapes.items()}
        report = gradcheck.compare(colleagues_forward, answer, inputs, name="backward", rng=seed)
        wrong = [
            f"d{e.name} is off by {e.errors['complex']:.1e} of its norm"
            if np.isfinite(e.errors["complex"])
            else e.problem
            for e in report.entries
            if e.problem
        ]
        expect(
            not wrong,
            f"With {3 + seed} queries, 5 keys and all weights at random, the complex step "
            f"disagrees: {'; '.join(wrong)}.",
        )
    return (
        "the weights' own mean must be taken off, sum(alpha * dalpha), and not the plain mean. The two "
        "agree where attention is even, and W_k = 0 is exactly such a point: the one place where the "
        "bug could not be seen. The warning were the four gradients of norm 0, of which nothing was "
        "checked; `gradcheck.check_pair` refuses them. Check at a point where nothing is special."
    )
