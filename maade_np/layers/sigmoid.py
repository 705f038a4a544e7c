"""The logistic sigmoid, NADE's and the LSTM gates' activation."""

from __future__ import annotations

from maade_np.backend import Array, array_module


def sigmoid_forward(x: Array) -> tuple[Array, Array]:
    """Compute ``y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2``.

    By tanh: nothing overflows, whatever x is.

    Parameters
    ----------
    x : array

    Returns
    -------
    y : array
        Shaped like x, and the cache as well.
    """
    y = x * 0.5
    array_module(x).tanh(y, out=y)
    y += 1
    y *= 0.5
    return y, y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Backward of `sigmoid_forward`: ``dy y (1 - y)``, from the output alone."""
    dx = y * y
    dx -= y
    dx *= dy
    dx *= -1
    return dx
