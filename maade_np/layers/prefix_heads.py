"""MADE's output layer: each decision reads the hidden units that have seen no more than it may see.

A decision at step t (from 0) has t decisions before it and reads the units of degree at most t
(Germain et al. 2015: strictly below its own degree t + 1). So the units of degree m write to the
decisions of the steps m, m + 1, ... of each string: a product for each degree, of which what belongs
to earlier steps is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from maade_np.backend import Array, array_module, batch_sum


class PrefixHeadsCache(NamedTuple):
    """What the backward needs."""

    h: Array
    W: Array
    ranks: Array
    ends: Sequence[int]


def prefix_heads_forward(
    h: Array, W: Array, b: Array, ranks: Array, ends: Sequence[int]
) -> tuple[Array, PrefixHeadsCache]:
    """Compute ``logits_i = b[i] + sum of h_k W[k, i]`` over the units k of degree at most ranks_i.

    Parameters
    ----------
    h : array (B, n)
        The units in ascending order of their degrees.
    W : array (n, N, D)
    b : array (N, D)
    ranks : integer array (B, N)
        The step at which a string decides a hyper-parameter.
    ends : sequence of N ints
        ``ends[t]`` units have a degree of at most t; ``ends[0]`` is 0.

    Returns
    -------
    logits : array (B, N, D)
        The first decision's are its biases.
    cache : PrefixHeadsCache
    """
    xp = array_module(h)
    # a rank for each logit, so that every operation runs along whole rows
    ranks = xp.repeat(ranks, b.shape[1], axis=1)
    flat = W.reshape(len(W), -1)
    logits = xp.zeros((len(h), b.size), dtype=h.dtype)
    logits += b.reshape(-1)
    for t in range(1, len(ends)):
        units = slice(ends[t - 1], ends[t])
        if units.start < units.stop:
            part = h[:, units] @ flat[units]
            part *= ranks >= t
            logits += part
    return logits.reshape(len(h), *b.shape), PrefixHeadsCache(h, W, ranks, ends)


def prefix_heads_backward(dlogits: Array, cache: PrefixHeadsCache) -> tuple[Array, Array, Array]:
    r"""Backward of `prefix_heads_forward`.

    The units u of degree m wrote to the decisions of step m and later: with :math:`dz` the gradients
    of those logits and 0 elsewhere, :math:`dh_u = dz\, W_u^T` and :math:`dW_u = h_u^T dz`.

    Returns
    -------
    dh : array (B, n)
    dW : array (n, N, D)
    db : array (N, D)
    """
    h, W, ranks, ends = cache
    xp = array_module(dlogits)
    dh, dW = xp.zeros_like(h), xp.zeros_like(W)
    flat, dflat = W.reshape(len(W), -1), dW.reshape(len(W), -1)
    dz = dlogits.reshape(ranks.shape)
    for t in range(1, len(ends)):
        units = slice(ends[t - 1], ends[t])
        if units.start < units.stop:
            dz = dz * (ranks >= t)
            dh[:, units] = dz @ flat[units].T
            dflat[units] = h[:, units].T @ dz
    return dh, dW, batch_sum(dlogits)
