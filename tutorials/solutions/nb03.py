"""Solutions of notebook 3, by the names of the checks."""

from __future__ import annotations

import numpy as np


def temperature(dell, cache):
    """With u = z / T the layer is a log-softmax of u, so (3.5) gives du.

    Then u_k = z_k / T has du_k/dz_k = 1 / T and du_k/dT = -z_k / T^2. The one number T is read by all
    logits of all strings, so its gradient is a sum over all of them.
    """
    z, T, probs = cache
    du = dell - probs * dell.sum(axis=-1, keepdims=True)
    return {"z": du / T, "T": -(du * z).sum() / T**2}


def correct_once(dlog_prob, cache):
    """The bug: `p` is the cache's own array, and the old code wrote the gradient into it.

    The first call is right. The second finds a gradient where it expects probabilities. `check_pair`
    calls the backward once, before anything else, so it sees only the first. The cure is to write to a
    new array; then the backward may be called as often as one likes.
    """
    p, rows, actions = cache
    dz = -dlog_prob[:, None] * p
    dz[rows, actions] += dlog_prob
    return dz


def one_sided(f, f2, epsilon):
    """The error f2 eta / 2 + 2 epsilon f / eta has the derivative f2 / 2 - 2 epsilon f / eta^2.

    It is zero at eta = 2 sqrt(epsilon f / f2), where both terms are sqrt(epsilon f f2).
    """
    return 2 * np.sqrt(epsilon * f / f2), 2 * np.sqrt(epsilon * f * f2)


def a_check_that_can_fail(forward, backward, shape, rng):
    """Random input, random upstream gradient, every entry, relative error, and NaN is not small.

    Normal numbers fall on both sides of zero, so both sides of a relu are tried. The error is measured
    by the size of the numerical gradient, so that a layer in large units is not blamed for rounding and
    one in small units is not excused. `error <= bound` is False for NaN.
    """
    x, eta = rng.normal(size=shape), 1e-5
    out, cache = forward(x)
    g = rng.normal(size=out.shape)
    dx = backward(g, cache)
    if dx is None or np.shape(dx) != shape:
        return False
    numeric = np.empty(shape)
    for index in np.ndindex(*shape):
        nudge = np.zeros(shape)
        nudge[index] = eta
        numeric[index] = (g * (forward(x + nudge)[0] - forward(x - nudge)[0])).sum() / (2 * eta)
    return bool(np.abs(dx - numeric).max() <= 1e-6 * np.abs(numeric).max())
