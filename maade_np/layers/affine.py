"""The affine map ``y = x W + b``."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module


class AffineCache(NamedTuple):
    """What the backward needs."""

    x: Array
    W: Array


def affine_forward(x: Array, W: Array, b: Array) -> tuple[Array, AffineCache]:
    """Compute ``y = x W + b`` over the last axis.

    Parameters
    ----------
    x : array (..., m)
    W : array (m, n)
    b : array (n,)

    Returns
    -------
    y : array (..., n)
    cache : AffineCache
    """
    y = x.reshape(-1, x.shape[-1]) @ W
    y += b
    return y.reshape(*x.shape[:-1], W.shape[1]), AffineCache(x, W)


def affine_backward(dy: Array, cache: AffineCache) -> tuple[Array, Array, Array]:
    r"""Backward of `affine_forward`.

    With rows :math:`r`, :math:`y_{rk} = \sum_m x_{rm} W_{mk} + b_k`, so

    .. math:: dx = dy\,W^T, \qquad dW = x^T dy, \qquad db = \sum_r dy_r .

    Parameters
    ----------
    dy : array (..., n)

    Returns
    -------
    dx : array (..., m)
    dW : array (m, n)
    db : array (n,)
    """
    x, W = cache
    xp = array_module(dy)
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    dx = (drows @ W.T).reshape(x.shape)
    dW = rows.T @ drows
    db = xp.ones(len(drows), dtype=dy.dtype) @ drows
    return dx, dW, db
