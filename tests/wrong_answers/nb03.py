"""Plausible wrong answers to the exercises of notebook 3."""

from __future__ import annotations

import numpy as np


def _du(dell, probs):
    return dell - probs * dell.sum(axis=-1, keepdims=True)


def _forgets_T(dell, cache):
    z, T, probs = cache
    du = _du(dell, probs)
    return {"z": du, "T": -(du * z).sum() / T**2}


def _plus_sign(dell, cache):
    z, T, probs = cache
    du = _du(dell, probs)
    return {"z": du / T, "T": (du * z).sum() / T**2}


def _upstream_into_T(dell, cache):
    z, T, probs = cache
    return {"z": _du(dell, probs) / T, "T": -(dell * z).sum() / T**2}


def _one_T_a_string(dell, cache):
    z, T, probs = cache
    du = _du(dell, probs)
    return {"z": du / T, "T": -(du * z).sum(axis=-1) / T**2}


def _in_place(dlog_prob, cache):
    p, rows, actions = cache
    p[rows, actions] -= 1
    p *= -dlog_prob[:, None]
    return p


def _undone_too_little(dlog_prob, cache):
    p, rows, actions = cache
    p[rows, actions] -= 1
    dz = -dlog_prob[:, None] * p
    return dz  # a new array, but the cache is still changed


def _copy_of_the_tuple(dlog_prob, cache):
    p, rows, actions = tuple(cache)  # a new tuple of the same arrays
    p[rows, actions] -= 1
    p *= -dlog_prob[:, None]
    return p.copy()


def _writes_upstream(dlog_prob, cache):
    p, rows, actions = cache
    dlog_prob *= -1
    dz = dlog_prob[:, None] * p
    dz[rows, actions] -= dlog_prob
    return dz


def _without_the_chosen(dlog_prob, cache):
    p, _, _ = cache
    return -dlog_prob[:, None] * p


def _numeric(forward, x, g, eta=1e-5):
    numeric = np.empty(x.shape)
    for index in np.ndindex(*x.shape):
        nudge = np.zeros(x.shape)
        nudge[index] = eta
        numeric[index] = (g * (forward(x + nudge)[0] - forward(x - nudge)[0])).sum() / (2 * eta)
    return numeric


def _ones(forward, backward, shape, rng):
    x = rng.normal(size=shape)
    out, cache = forward(x)
    g = np.ones(out.shape)
    numeric = _numeric(forward, x, g)
    return np.abs(backward(g, cache) - numeric).max() <= 1e-6 * max(np.abs(numeric).max(), 1e-3)


def _at_zero(forward, backward, shape, rng):
    x = np.zeros(shape) + 1e-3
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    numeric = _numeric(forward, x, g)
    return np.abs(backward(g, cache) - numeric).max() <= 1e-6 * np.abs(numeric).max()


def _absolute(forward, backward, shape, rng):
    x = rng.normal(size=shape)
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    return np.abs(backward(g, cache) - _numeric(forward, x, g)).max() < 1e-5


def _nan_is_fine(forward, backward, shape, rng):
    x = rng.normal(size=shape)
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    numeric = _numeric(forward, x, g)
    error = np.abs(backward(g, cache) - numeric)
    return not (error > 1e-6 * np.abs(numeric).max()).any()


def _positive_inputs(forward, backward, shape, rng):
    x = rng.uniform(0.1, 1.0, size=shape)
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    numeric = _numeric(forward, x, g)
    return np.abs(backward(g, cache) - numeric).max() <= 1e-6 * np.abs(numeric).max()


def _first_entry(forward, backward, shape, rng):
    x = rng.normal(size=shape)
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    numeric = _numeric(forward, x, g)
    return abs(backward(g, cache)[0, 0] - numeric[0, 0]) <= 1e-6 * np.abs(numeric).max()


def _loose(forward, backward, shape, rng):
    x = rng.normal(size=shape)
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    numeric = _numeric(forward, x, g)
    return np.abs(backward(g, cache) - numeric).max() <= 0.02 * np.abs(numeric).max()


def _a_row(forward, backward, shape, rng):
    x = rng.normal(size=(1, shape[1]))
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    numeric = _numeric(forward, x, g)
    return np.abs(backward(g, cache) - numeric).max() <= 1e-6 * np.abs(numeric).max()


_kept = {}


def _one_buffer(dlog_prob, cache):
    p, rows, actions = cache
    dz = _kept.setdefault((p.shape, p.dtype), np.empty_like(p))  # the same array at every call
    dz[...] = -dlog_prob[:, None] * p
    dz[rows, actions] += dlog_prob
    return dz


WRONG = {
    "temperature": [_forgets_T, _plus_sign, _upstream_into_T, _one_T_a_string],
    "correct_once": [
        _in_place,
        _undone_too_little,
        _copy_of_the_tuple,
        _writes_upstream,
        _without_the_chosen,
        _one_buffer,
    ],
    "one_sided": [
        lambda f, f2, epsilon: (np.sqrt(epsilon), 2 * np.sqrt(epsilon)),
        lambda f, f2, epsilon: (np.sqrt(epsilon * f / f2), 2.5 * np.sqrt(epsilon * f * f2)),
        lambda f, f2, epsilon: (epsilon ** (1 / 3), epsilon ** (2 / 3)),
        lambda f, f2, epsilon: (2 * np.sqrt(epsilon * f / f2), np.sqrt(epsilon * f * f2)),
        lambda f, f2, epsilon: 2 * np.sqrt(epsilon * f / f2),
    ],
    "a_check_that_can_fail": [
        _ones,
        _at_zero,
        _absolute,
        _nan_is_fine,
        _positive_inputs,
        _first_entry,
        _loose,
        _a_row,
        lambda forward, backward, shape, rng: True,
        lambda forward, backward, shape, rng: False,
    ],
}
