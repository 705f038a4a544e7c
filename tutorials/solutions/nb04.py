"""Solutions of notebook 4, by the names of the checks."""

from __future__ import annotations

import numpy as np


def gate(dout, cache):
    """With u = xW + b, v = xV + c, t = tanh(u), s = sigma(v), out = t s.

    dt = dout s and ds = dout t, by the product rule. tanh' = 1 - t^2. For the sigmoid,
    sigma = (1 + e^-v)^-1 has the derivative e^-v / (1 + e^-v)^2 = sigma (1 - sigma). What follows is
    the affine map's backward, (4.2), twice; x was read by both, so its two gradients add up.
    """
    x, W, V, t, s = cache
    du = dout * s * (1 - t**2)
    dv = dout * t * s * (1 - s)
    return {
        "x": du @ W.T + dv @ V.T,
        "W": x.T @ du,
        "b": du.sum(axis=0),
        "V": x.T @ dv,
        "c": dv.sum(axis=0),
    }


def _scaled_forward(x):
    """Divide each row of x by its largest absolute value, decided on the real part."""
    rows = np.arange(len(x))
    largest = np.abs(x.real).argmax(axis=-1)
    sign = np.sign(x.real[rows, largest])
    scale = (sign * x[rows, largest])[:, None]  # |x| there, with its imaginary part
    return x / scale, (x, scale, rows, largest, sign)


def _scaled_backward(dout, cache):
    """With out = x / s: dx = dout / s, and what the scale passes on to the largest entry."""
    x, scale, rows, largest, sign = cache
    dx = dout / scale
    dscale = -(dout * x).sum(axis=-1) / scale[:, 0] ** 2
    dx[rows, largest] += sign * dscale
    return dx


# Two mistakes that agreed. `np.abs` of a complex number is its modulus, which does not feel a small
# imaginary part, so to the complex step the scale was a constant. The backward pass made the same
# assumption, by forgetting that the scale is one of the row's own entries. Central differences, which
# know nothing of imaginary parts, see the mistake at once.
agreement = (_scaled_forward, _scaled_backward)


def huber(x, delta):
    """Decide on the real part; compute with polynomials.

    sign(x.real) * x is |x| with its imaginary part. Both branches are computed everywhere and
    `where` selects, so neither may fail outside its own range; polynomials do not.
    """
    absolute = np.where(x.real < 0, -x, x)
    return np.where(absolute.real <= delta, x**2 / 2, delta * (absolute - delta / 2))


def curvature(gradient, x, v):
    """(4.7) with the gradient in place of the value: Im gradient(x + ihv) / h = H v."""
    h = 1e-30
    return np.imag(gradient(x + 1j * h * v)) / h
