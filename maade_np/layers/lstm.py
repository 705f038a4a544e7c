"""A layer of long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates)."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module


class LSTMCache(NamedTuple):
    """What the backward needs; gates hold g, i, f, o side by side."""

    gates: Array
    c: Array
    tanh_c: Array
    h: Array
    W_h: Array


def lstm_cell(x: Array, h: Array, c: Array, W_h: Array) -> tuple[Array, Array, tuple[Array, Array]]:
    """Take one step of the layer.

    Parameters
    ----------
    x : array (B, 4 H) or (4 H,)
        What the step's input contributes to the gates, biases included.
    h, c : arrays (B, H)
        Output and memory of the step before; zeros at the first.
    W_h : array (H, 4 H)

    Returns
    -------
    h, c : arrays (B, H)
    (gates, tanh_c) : arrays (B, 4 H), (B, H)
    """
    xp, H = array_module(h), h.shape[1]
    gates = h @ W_h
    gates += x
    # a sigmoid is a tanh of half its input, so one tanh serves all four gates
    half = xp.full(4 * H, 0.5, dtype=x.real.dtype)
    half[:H] = 1
    gates *= half
    xp.tanh(gates, out=gates)
    gates *= half
    gates[:, H:] += 0.5
    g, i, f, o = (gates[:, k * H : (k + 1) * H] for k in range(4))
    c = f * c
    c += i * g
    tanh_c = xp.tanh(c)
    return o * tanh_c, c, (gates, tanh_c)


def lstm_forward(x: Array, W_h: Array) -> tuple[Array, LSTMCache]:
    r"""Run the layer along T steps from a zero state, all strings at a time.

    .. math::
        g_t, i_t, f_t, o_t &= \tanh(\cdot), \sigma(\cdot), \sigma(\cdot), \sigma(\cdot)
            \quad\text{of the quarters of}\quad x_t + h_{t-1} W_h \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t)

    Parameters
    ----------
    x : array (T, B, 4 H)
        What the inputs contribute to the gates, biases included.
    W_h : array (H, 4 H)

    Returns
    -------
    h : array (T, B, H)
    cache : LSTMCache
    """
    xp = array_module(x, W_h)
    h = c = xp.zeros((x.shape[1], len(W_h)), dtype=x.dtype)
    steps = []
    for t in range(len(x)):
        h, c, (gates, tanh_c) = lstm_cell(x[t], h, c, W_h)
        steps.append((gates, c, tanh_c, h))
    gates, c, tanh_c, h = (xp.stack(list(parts)) for parts in zip(*steps, strict=True))
    return h, LSTMCache(gates, c, tanh_c, h, W_h)


def lstm_backward(dh: Array, cache: LSTMCache) -> tuple[Array, Array]:
    r"""Backward of `lstm_forward`: back-propagation through time.

    Let :math:`\bar h_t` and :math:`\bar c_t` be the gradients of :math:`h_t` and :math:`c_t` through
    everything that follows, and :math:`s_t = x_t + h_{t-1} W_h`. A step's output reaches the loss
    directly and through the next step's gates, its memory through its output and the next memory:

    .. math::
        \bar h_t &= dh_t + ds_{t+1} W_h^T \\
        \bar c_t &= \bar h_t \odot o_t (1 - \tanh^2 c_t) + \bar c_{t+1} \odot f_{t+1} \\
        ds_t &= \big[\,\bar c_t\, i_t (1 - g_t^2),\;\; \bar c_t\, g_t\, i_t (1 - i_t),\;\;
            \bar c_t\, c_{t-1} f_t (1 - f_t),\;\; \bar h_t \tanh(c_t)\, o_t (1 - o_t) \big]

    and :math:`dx_t = ds_t`, :math:`dW_h = \sum_t h_{t-1}^T ds_t`, one product over all steps. The factors
    beside :math:`\bar c_t` and :math:`\bar h_t` need no recurrence: they are computed for all steps at
    once, and the loop keeps one product and a few multiplications.

    Returns
    -------
    dx : array (T, B, 4 H)
    dW_h : array (H, 4 H)
    """
    gates, c, tanh_c, h, W_h = cache
    xp = array_module(dh)
    T, B, H = h.shape
    quarters = gates.reshape(T, B, 4, H)
    g, i, f, o = (quarters[:, :, k] for k in range(4))
    factors = xp.empty((T, B, 4, H), dtype=dh.dtype)
    xp.subtract(1, quarters[:, :, 1:], out=factors[:, :, 1:])
    factors[:, :, 1:] *= quarters[:, :, 1:]
    factors[:, :, 0] = i - i * g * g
    factors[:, :, 1] *= g
    factors[1:, :, 2] *= c[:-1]
    factors[0, :, 2] = 0
    factors[:, :, 3] *= tanh_c
    to_c = o - o * tanh_c * tanh_c
    ds = factors
    dc = xp.zeros((B, H), dtype=dh.dtype)
    back = xp.ascontiguousarray(W_h.T)
    for t in range(T - 1, -1, -1):
        dh_t = dh[t]
        if t + 1 < T:
            dh_t = ds[t + 1].reshape(B, -1) @ back
            dh_t += dh[t]
            dc *= f[t + 1]
        dc += dh_t * to_c[t]
        ds[t, :, :3] *= dc[:, None]
        ds[t, :, 3] *= dh_t
    dx = ds.reshape(T, B, 4 * H)
    dW_h = h[:-1].reshape(-1, H).T @ dx[1:].reshape(-1, 4 * H)
    return dx, dW_h
