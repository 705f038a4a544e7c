"""Plausible wrong answers to the exercises of notebook 4."""

from __future__ import annotations

import numpy as np


def _gate(dout, cache, du=None, dv=None, dx=None):
    x, W, V, t, s = cache
    du = dout * s * (1 - t**2) if du is None else du
    dv = dout * t * s * (1 - s) if dv is None else dv
    return {
        "x": du @ W.T + dv @ V.T if dx is None else dx,
        "W": x.T @ du,
        "b": du.sum(axis=0),
        "V": x.T @ dv,
        "c": dv.sum(axis=0),
    }


def _x_once(dout, cache):
    _, W, _, t, s = cache
    return _gate(dout, cache, dx=(dout * s * (1 - t**2)) @ W.T)


def _no_other_factor(dout, cache):
    _, _, _, t, s = cache
    return _gate(dout, cache, du=dout * (1 - t**2), dv=dout * s * (1 - s))


def _tanh_for_sigmoid(dout, cache):
    _, _, _, t, s = cache
    return _gate(dout, cache, dv=dout * t * (1 - s**2))


def _derivative_of_the_output(dout, cache):
    _, _, _, t, s = cache
    return _gate(dout, cache, du=dout * s * (1 - (t * s) ** 2))


def _no_transpose(dout, cache):
    _, W, V, t, s = cache
    grads = _gate(dout, cache)
    if W.shape[0] == W.shape[1]:
        du, dv = dout * s * (1 - t**2), dout * t * s * (1 - s)
        grads["x"] = du @ W + dv @ V
    return grads


def _abs_forward(x):
    scale = np.abs(x).max(axis=-1, keepdims=True)
    return x / scale, (x, scale)


def _constant_scale(dout, cache):
    return dout / cache[1]


def _safe_forward(x):
    rows = np.arange(len(x))
    largest = np.abs(x.real).argmax(axis=-1)
    sign = np.sign(x.real[rows, largest])
    scale = (sign * x[rows, largest])[:, None]
    return x / scale, (x, scale, rows, largest, sign)


def _full_backward(dout, cache):
    x, scale, rows, largest, sign = cache
    dx = dout / scale
    dx[rows, largest] -= sign * (dout * x).sum(axis=-1) / scale[:, 0] ** 2
    return dx


def _abs_forward_with_cache(x):
    rows = np.arange(len(x))
    largest = np.abs(x).argmax(axis=-1)
    scale = np.abs(x).max(axis=-1, keepdims=True)
    return x / scale, (x, scale, rows, largest, np.sign(x.real[rows, largest]))


def _no_sign(dout, cache):
    x, scale, rows, largest, _ = cache
    dx = dout / scale
    dx[rows, largest] -= (dout * x).sum(axis=-1) / scale[:, 0] ** 2
    return dx


def _signed_forward(x):
    rows = np.arange(len(x))
    largest = np.abs(x.real).argmax(axis=-1)
    scale = x[rows, largest][:, None]  # turns the sign of some rows
    return x / scale, (x, scale, rows, largest, np.ones(len(x)))


def _abs_huber(x, delta):
    return np.where(np.abs(x) <= delta, x**2 / 2, delta * (np.abs(x) - delta / 2))


def _square_of_the_modulus(x, delta):
    absolute = np.where(x.real < 0, -x, x)
    return np.where(absolute.real <= delta, np.abs(x) ** 2 / 2, delta * (absolute - delta / 2))


def _numpy_sign(x, delta):
    absolute = x * np.sign(x)
    return np.where(absolute.real <= delta, x**2 / 2, delta * (absolute - delta / 2))


def _one_sided(x, delta):
    return np.where(x.real <= delta, x**2 / 2, delta * (x - delta / 2))


def _real_part(x, delta):
    x = np.real(x)
    return np.where(np.abs(x) <= delta, x**2 / 2, delta * (np.abs(x) - delta / 2))


def _difference(gradient, x, v):
    return (gradient(x + 1e-6 * v) - gradient(x - 1e-6 * v)) / 2e-6


def _large_step(gradient, x, v):
    return np.imag(gradient(x + 1e-5j * v)) / 1e-5


def _not_divided(gradient, x, v):
    return np.imag(gradient(x + 1e-30j * v))


def _columns(gradient, x, v):
    eye = np.eye(len(x))
    H = np.array([np.imag(gradient(x + 1e-30j * e)) / 1e-30 for e in eye])
    return H @ v


def _still_complex(gradient, x, v):
    return gradient(x + 1e-30j * v) / 1e-30j


WRONG = {
    "gate": [
        _x_once,
        _no_other_factor,
        _tanh_for_sigmoid,
        _derivative_of_the_output,
        _no_transpose,
    ],
    "agreement": [
        (_abs_forward, _constant_scale),
        (_safe_forward, _constant_scale),
        (_abs_forward_with_cache, _full_backward),
        (_safe_forward, _no_sign),
        (_signed_forward, _full_backward),
        _full_backward,
    ],
    "huber": [_abs_huber, _square_of_the_modulus, _numpy_sign, _one_sided, _real_part],
    "curvature": [_difference, _large_step, _not_divided, _columns, _still_complex],
}
