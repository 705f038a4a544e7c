"""Scaled dot-product attention scores, the alternative that the paper tried and rejected."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array
from maade_np.layers.additive_scores import _unbroadcast
from maade_np.layers.affine import AffineCache, affine_backward, affine_forward


class DotScoresCache(NamedTuple):
    """What the backward needs."""

    query: AffineCache
    key: AffineCache
    queries: Array
    projected: Array
    scale: float


def dot_scores_forward(
    x: Array, keys: Array, W_q: Array, W_k: Array, b_a: Array
) -> tuple[Array, DotScoresCache]:
    """Compute ``e[i, j] = (x_i W_q + b_a) . (k_j W_k) / sqrt(a)`` (Vaswani et al. 2017).

    The projections are those of the additive scores. A bias on the keys would add the same number to
    all scores of one query and vanish in the softmax, so there is none.

    Parameters
    ----------
    x : array (..., n, d)
    keys : array (..., m, d)
    W_q, W_k : arrays (d, a)
    b_a : array (a,)

    Returns
    -------
    scores : array (..., n, m)
    cache : DotScoresCache
    """
    queries, query = affine_forward(x, W_q, b_a)
    projected, key = affine_forward(keys, W_k, b_a * 0)
    scale = float(W_q.shape[1]) ** -0.5
    scores = (queries @ projected.swapaxes(-1, -2)) * scale
    return scores, DotScoresCache(query, key, queries, projected, scale)


def dot_scores_backward(
    dscores: Array, cache: DotScoresCache
) -> tuple[Array, Array, Array, Array, Array]:
    r"""Backward of `dot_scores_forward`.

    With :math:`e = Q K^T / \sqrt a`: :math:`dQ = de\,K / \sqrt a`, :math:`dK = de^T Q / \sqrt a`.

    Returns
    -------
    dx, dkeys, dW_q, dW_k, db_a : arrays
        Shaped like what they belong to.
    """
    dscaled = dscores * cache.scale
    dqueries = _unbroadcast(dscaled @ cache.projected, cache.query.x.shape[:-2])
    dprojected = _unbroadcast(dscaled.swapaxes(-1, -2) @ cache.queries, cache.key.x.shape[:-2])
    dx, dW_q, db_a = affine_backward(dqueries, cache.query)
    dkeys, dW_k, _ = affine_backward(dprojected, cache.key)
    return dx, dkeys, dW_q, dW_k, db_a
