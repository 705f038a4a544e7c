"""MADE's first layer: hidden units that each see the first so many decisions, in each string's order.

A unit of degree m reads the first m decisions of a string (Germain et al. 2015: its weight from an input
is kept where the input's degree, its place in the order, is at most m). With an order for each string
the masks differ between strings; the degrees do not, and that is enough: with the units sorted by
degree, those of degree m are a slice of columns, and what they read is one matrix ``chosen`` of zeros
and ones that gains one decision of each string from one slice to the next. So a batch of any orders costs
what a product with the unmasked weights costs, and no mask is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from maade_np.backend import Array, array_module, batch_sum


class PrefixAffineCache(NamedTuple):
    """What the backward needs."""

    pairs: Array
    W: Array
    ends: Sequence[int]


def prefix_affine_forward(
    W: Array, b: Array, pairs: Array, ends: Sequence[int]
) -> tuple[Array, PrefixAffineCache]:
    """Compute ``out[s, k] = b_k + sum of W[p, k]`` over the first m_k pairs p of string s.

    Parameters
    ----------
    W : array (P, n)
        What each pair adds to each unit; the units in ascending order of their degrees.
    b : array (n,)
    pairs : integer array (N, B)
        The pair that string s chose at step t.
    ends : sequence of N ints
        ``ends[t]`` units have a degree of at most t; ``ends[0]`` is 0.

    Returns
    -------
    out : array (B, n)
        Units beyond ``ends[-1]``, which would see the last decision, have their bias alone.
    cache : PrefixAffineCache
    """
    xp = array_module(W, pairs)
    N, B = pairs.shape
    out = xp.zeros((B, W.shape[1]), dtype=W.dtype)
    chosen, strings = xp.zeros((B, len(W)), dtype=W.dtype), xp.arange(B)
    for t in range(1, N):
        chosen[strings, pairs[t - 1]] = 1
        units = slice(ends[t - 1], ends[t])
        if units.start < units.stop:
            out[:, units] = chosen @ W[:, units]
    out += b
    return out, PrefixAffineCache(pairs, W, ends)


def prefix_affine_backward(dout: Array, cache: PrefixAffineCache) -> tuple[Array, Array]:
    r"""Backward of `prefix_affine_forward`.

    With :math:`C_m` (B, P) the first m choices and :math:`u_m` the units of degree m:
    :math:`out_{u_m} = C_m W_{u_m} + b_{u_m}`, so :math:`dW_{u_m} = C_m^T dout_{u_m}`. The choices are
    taken back one after the other.

    Returns
    -------
    dW : array (P, n)
    db : array (n,)
    """
    pairs, W, ends = cache
    xp = array_module(dout)
    N, B = pairs.shape
    dW = xp.zeros(W.shape, dtype=dout.dtype)
    chosen, strings = xp.zeros((B, len(W)), dtype=dout.dtype), xp.arange(B)
    chosen[strings, pairs] = 1
    for t in range(N - 1, 0, -1):
        chosen[strings, pairs[t]] = 0
        units = slice(ends[t - 1], ends[t])
        if units.start < units.stop:
            dW[:, units] = chosen.T @ dout[:, units]
    return dW, batch_sum(dout)
