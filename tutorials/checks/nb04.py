"""Checks of notebook 4."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from maade_np import gradcheck, layers

from ._common import exercise, expect, expect_close

STEP = 1e-30


def _gate_forward(x: Any, W: Any, b: Any, V: Any, c: Any) -> tuple[Any, Any]:
    t = np.tanh(x @ W + b)
    s = 1 / (1 + np.exp(-(x @ V + c)))
    return t * s, (x, W, V, t, s)


@exercise
def check_gate(answer: Any) -> str:
    """Run the package's gradient check on the pair, with square matrices too."""
    rng = np.random.default_rng(41)
    for B, d, f in ((3, 4, 5), (1, 2, 3), (4, 3, 3)):
        shapes = {"x": (B, d), "W": (d, f), "b": (f,), "V": (d, f), "c": (f,)}
        inputs = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        grads = answer(rng.normal(size=(B, f)), _gate_forward(**inputs)[1])
        expect(isinstance(grads, dict), "Return a dict of gradients by the inputs' names.")
        missing = sorted(set(shapes) - set(grads))
        expect(not missing, f"The dict lacks {', '.join(missing)}.")
        try:
            gradcheck.check_pair(_gate_forward, answer, inputs, name="gate", rng=rng)
        except gradcheck.GradientError as error:
            raise AssertionError(
                f"With B = {B}, d = {d}, f = {f}: {str(error).splitlines()[0]}. Name the two inner "
                "sums, u = xW + b and v = xV + c, and find du and dv first."
            ) from None
    return (
        "each factor's upstream gradient is dout times the other factor; sigma' = sigma (1 - sigma); "
        "and dx is the sum of what comes back through W and through V."
    )


@exercise
def check_agreement(answer: Any) -> str:
    """Both methods must agree with the backward pass, and the output must be what it was."""
    expect(
        isinstance(answer, (tuple, list)) and len(answer) == 2 and all(map(callable, answer)),
        "Give both functions: answer = (scaled_forward, scaled_backward).",
    )
    forward, backward = answer
    rng = np.random.default_rng(42)
    for B, d in ((5, 4), (1, 3), (6, 7)):
        x = rng.normal(size=(B, d))
        before = x.copy()
        out, _ = forward(x)
        expect((x == before).all(), "The forward pass changes its input.")
        right = x / np.abs(x).max(axis=-1, keepdims=True)
        expect_close(out, right, "The output is no longer x over the row's largest absolute value.")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = gradcheck.compare(forward, backward, {"x": x}, name="scaled", rng=rng)
        (entry,) = report.entries
        complex_fine = entry.errors["complex"] <= gradcheck.TOLERANCE["complex"]
        central_fine = entry.errors["central"] <= gradcheck.TOLERANCE["central"]
        expect(
            central_fine or not complex_fine,
            "The complex step agrees with your backward pass, and central differences do not. The "
            "two may not differ: what does the forward pass do with an imaginary part?",
        )
        expect(
            complex_fine or not central_fine,
            "Your backward pass is right now, but the complex step does not say so: the forward pass "
            "loses an imaginary part on the way.",
        )
        expect(
            report.ok,
            "The complex step and central differences both say that the backward pass is off. On "
            "which entries of a row does its scale depend?",
        )
    return (
        "the modulus of x + ih has no imaginary part, so the scale looked like a constant, and the "
        "backward pass took it for one: two mistakes that agreed. Let both methods run."
    )


@exercise
def check_huber(answer: Any) -> str:
    """Compare values on the real line, and the complex step with the derivative."""
    rng = np.random.default_rng(43)
    for delta in (1.0, 0.3):
        x = np.concatenate([rng.normal(size=40), [-5.0, 4.0, 0.1 * delta, -0.1 * delta]])
        right = np.where(np.abs(x) <= delta, x**2 / 2, delta * (np.abs(x) - delta / 2))
        found = answer(x.copy(), delta)
        expect(found is not None, "The function returns None.")
        expect_close(found, right, f"On real x, with delta = {delta}, it is not the Huber loss.")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            moved = answer(x + 1j * STEP, delta)
        slope = np.imag(moved) / STEP
        sides = (
            ("x < -delta", x < -delta),
            ("x > delta", x > delta),
            ("|x| <= delta", np.abs(x) <= delta),
        )
        for name, side in sides:
            expect(
                np.allclose(slope[side], np.clip(x, -delta, delta)[side], rtol=1e-12, atol=0),
                f"The values are right, but the complex step finds a wrong derivative where {name}. "
                "Which function there is not analytic?",
            )
        expect_close(np.real(moved), right, "With a complex argument the value is another one.")
    return (
        "the sign and the branch are decided on x.real, and what is computed in a branch is a "
        "polynomial, which the complex step sees through."
    )


@exercise
def check_curvature(answer: Any) -> str:
    """Compare with a known matrix, and with a layer whose second derivatives nobody has derived."""
    rng = np.random.default_rng(44)
    n = 6
    A = rng.normal(size=(n, n))
    A = A + A.T
    calls = []

    def quartic(x: np.ndarray) -> np.ndarray:
        calls.append(1)
        return A @ x + x**3  # of x A x / 2 + sum(x^4) / 4

    x, v = rng.normal(size=n), 100 * rng.normal(size=n)
    kept_x, kept_v = x.copy(), v.copy()
    found = answer(quartic, x, v)
    expect(found is not None, "The function returns None.")
    expect(len(calls) == 1, f"You call `gradient` {len(calls)} times; once is enough.")
    expect((x == kept_x).all() and (v == kept_v).all(), "Your function changes x or v.")
    right = A @ v + 3 * x**2 * v
    expect(not np.iscomplexobj(found), "H v is real; return real numbers.")
    expect_close(
        found, right, "For a gradient A x + x^3 it is not A v + 3 x^2 v.", rtol=1e-5, atol=1e-5
    )
    expect_close(found, right, "Near, but not to full precision.", rtol=1e-13, atol=1e-11)

    d = 3
    data, upstream = rng.normal(size=(4, d)), rng.normal(size=(4, d))
    W2, zero = rng.normal(size=(d, d)), np.zeros(d)

    def layer(w: np.ndarray) -> np.ndarray:
        parts = (data.astype(w.dtype), w.reshape(d, d), zero.astype(w.dtype), W2, zero)
        _, cache = layers.tanh_ff_forward(*parts)
        return layers.tanh_ff_backward(upstream.astype(w.dtype), cache)[1].ravel()

    w = rng.normal(size=d * d)
    columns = np.array([answer(layer, w, e) for e in np.eye(d * d)])
    expect_close(
        columns, columns.T, "The matrix of second derivatives of a layer is not symmetric."
    )
    one = rng.normal(size=d * d)
    expect_close(columns @ one, answer(layer, w, one), "H v is not linear in v.")
    return (
        "Im gradient(x + ihv) / h. A Hessian-vector product for the price of one complex gradient, and "
        "exact, because a hand-written backward pass is ordinary analytic code."
    )
