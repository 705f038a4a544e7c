"""The position-wise feed-forward layer of the paper's equation 8, with tanh for the usual relu."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module
from maade_np.layers.affine import AffineCache, affine_backward, affine_forward


class TanhFFCache(NamedTuple):
    """What the backward needs."""

    first: AffineCache
    y: Array
    second: AffineCache


def tanh_ff_forward(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array
) -> tuple[Array, TanhFFCache]:
    """Compute ``PosFF(x) = tanh(x W1 + b1) W2 + b2`` (equation 8) over the last axis.

    Parameters
    ----------
    x : array (..., d)
    W1 : array (d, f)
    b1 : array (f,)
    W2 : array (f, d)
    b2 : array (d,)

    Returns
    -------
    out : array (..., d)
    cache : TanhFFCache
    """
    pre, first = affine_forward(x, W1, b1)
    y = array_module(x).tanh(pre, out=pre)
    out, second = affine_forward(y, W2, b2)
    return out, TanhFFCache(first, y, second)


def tanh_ff_backward(dout: Array, cache: TanhFFCache) -> tuple[Array, Array, Array, Array, Array]:
    r"""Backward of `tanh_ff_forward`.

    The derivative of tanh is a function of its output alone, :math:`\tanh' = 1 - y^2`; hence the
    cache keeps :math:`y`, not what went into it.

    Returns
    -------
    dx, dW1, db1, dW2, db2 : arrays
        Shaped like what they belong to.
    """
    dy, dW2, db2 = affine_backward(dout, cache.second)
    dpre = tanh_backward(dy, cache.y)
    dx, dW1, db1 = affine_backward(dpre, cache.first)
    return dx, dW1, db1, dW2, db2


def tanh_backward(dy: Array, y: Array) -> Array:
    """Gradient of ``y = tanh(pre)`` with respect to ``pre``: ``dy (1 - y^2)``."""
    dpre = y * y
    dpre *= -1
    dpre += 1
    dpre *= dy
    return dpre
