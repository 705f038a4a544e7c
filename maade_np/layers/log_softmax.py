"""The softmax heads' log-probabilities, with hyper-parameters of different cardinalities."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module, row_max, row_sum


class LogSoftmaxCache(NamedTuple):
    """What the backward needs."""

    probs: Array
    exists: Array


def log_softmax_forward(logits: Array, exists: Array) -> tuple[Array, LogSoftmaxCache]:
    """Compute the log-probabilities of the values that exist (equation 9).

    Values beyond a hyper-parameter's cardinality are excluded by selection: whatever their logits
    are, their probability and their gradient are exactly 0. Their log-probability is returned as that
    of value 0, a finite number that nobody reads.

    Parameters
    ----------
    logits : array (..., N, D)
    exists : boolean array (N, D)
        True in column 0 of each row.

    Returns
    -------
    log_probs : array (..., N, D)
    cache : LogSoftmaxCache
    """
    xp = array_module(logits, exists)
    z = xp.where(exists, logits, logits[..., :1])
    z -= row_max(z)
    probs = xp.exp(z) * exists
    total = row_sum(probs)
    probs /= total
    return z - xp.log(total), LogSoftmaxCache(probs, exists)


def log_softmax_backward(dlog_probs: Array, cache: LogSoftmaxCache) -> Array:
    r"""Backward of `log_softmax_forward`.

    From :math:`\partial \log p_k / \partial z_l = \delta_{kl} - p_l`,

    .. math:: dz_l = d\ell_l - p_l \sum_k d\ell_k .

    Parameters
    ----------
    dlog_probs : array (..., N, D)
        With respect to the log-probabilities; entries of values that do not exist are ignored.

    Returns
    -------
    dlogits : array (..., N, D)
    """
    xp = array_module(dlog_probs)
    dlogits = xp.where(cache.exists, dlog_probs, 0)
    return dlogits - cache.probs * row_sum(dlogits)
