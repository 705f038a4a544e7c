"""The affine map with a fixed mask on its weights: MADE's map between two hidden layers."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array
from maade_np.layers.affine import AffineCache, affine_backward, affine_forward


class MaskedAffineCache(NamedTuple):
    """What the backward needs."""

    affine: AffineCache
    mask: Array


def masked_affine_forward(
    x: Array, W: Array, b: Array, mask: Array
) -> tuple[Array, MaskedAffineCache]:
    """Compute ``y = x (W * mask) + b`` over the last axis (Germain et al. 2015, equation 8).

    Parameters
    ----------
    x : array (..., m)
    W : array (m, n)
    b : array (n,)
    mask : boolean array (m, n)

    Returns
    -------
    y : array (..., n)
    cache : MaskedAffineCache
    """
    y, affine = affine_forward(x, W * mask, b)
    return y, MaskedAffineCache(affine, mask)


def masked_affine_backward(dy: Array, cache: MaskedAffineCache) -> tuple[Array, Array, Array]:
    r"""Backward of `masked_affine_forward`.

    That of an affine map with the weights :math:`W \odot M`; from there to W it is multiplied by M
    again: a masked weight is never read and has gradient exactly 0.

    Returns
    -------
    dx : array (..., m)
    dW : array (m, n)
    db : array (n,)
    """
    dx, dW, db = affine_backward(dy, cache.affine)
    dW *= cache.mask
    return dx, dW, db
