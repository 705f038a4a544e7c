"""The softmax over a visible set, which may be empty."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module, batch_sum, row_sum, to_host

# exp(-60) is 1e-26, far above the smallest float32: within this range one shift serves a whole row.
SAFE_RANGE = 60.0


class MaskedSoftmaxCache(NamedTuple):
    """What the backward needs."""

    alpha: Array
    shape: tuple[int, ...]


def shared_shift(scores: Array) -> Array | None:
    """Return the row maxima (..., 1) that may be subtracted whatever is visible.

    None where a row spans more than `SAFE_RANGE`, so that a visible entry might underflow beside an
    invisible one.
    """
    top = scores.real.max(axis=-1, keepdims=True)
    spread = top - scores.real.min(axis=-1, keepdims=True)
    return top if to_host(spread.max()) <= SAFE_RANGE else None


def masked_softmax_forward(scores: Array, visible: Array) -> tuple[Array, MaskedSoftmaxCache]:
    """Normalise ``exp(scores)`` over the visible entries of the last axis.

    What is not visible has weight exactly 0, and a row in which nothing is visible is a row of zeros:
    the first hyper-parameter of an order attends to nothing, and its context is the zero vector.

    Scores that all strings share (``(n, m)`` against a mask ``(B, n, m)``) are exponentiated once.
    The shift that keeps the exponential in range is the row's maximum over all entries, visible or
    not, where that is safe (`shared_shift`); else each row of each string takes the maximum of its
    visible entries.

    Parameters
    ----------
    scores : array, broadcastable to the shape of `visible`
    visible : boolean array (..., m)

    Returns
    -------
    alpha : array, shaped like `visible`
    cache : MaskedSoftmaxCache
    """
    xp = array_module(scores, visible)
    top = shared_shift(scores)
    if top is not None:
        alpha = xp.exp(scores - top) * visible
    else:
        lowest = scores.real.min()
        top = xp.where(visible, scores.real, lowest).max(axis=-1, keepdims=True)
        alpha = xp.exp(xp.where(visible, scores - top, 0)) * visible
    total = row_sum(alpha)
    total += total.real == 0
    alpha /= total
    return alpha, MaskedSoftmaxCache(alpha, scores.shape)


def masked_softmax_backward(dalpha: Array, cache: MaskedSoftmaxCache) -> Array:
    r"""Backward of `masked_softmax_forward`.

    From :math:`\partial\alpha_j / \partial e_k = \alpha_j (\delta_{jk} - \alpha_k)`,

    .. math:: de_k = \alpha_k \Big(d\alpha_k - \sum_j \alpha_j\, d\alpha_j\Big),

    which is 0 where :math:`\alpha_k` is: at what is not visible, and in rows where nothing is.

    Parameters
    ----------
    dalpha : array (..., m)
        With respect to the weights, not to the scores.

    Returns
    -------
    dscores : array
        Shaped like the scores: summed over the leading axis where they were shared.
    """
    alpha = cache.alpha
    weighted = dalpha * alpha
    inner = row_sum(weighted)
    if len(cache.shape) == alpha.ndim - 1:
        # summing over strings first, the subtraction is a product for each row of scores
        over_strings = inner.transpose(1, 2, 0) @ alpha.transpose(1, 0, 2)
        return batch_sum(weighted) - over_strings[:, 0]
    weighted -= alpha * inner
    return weighted
