"""What a pair (hyper-parameter, value) adds to a hidden layer, and the choice among pairs."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module, scatter_add


class PairTableCache(NamedTuple):
    """What the backward needs."""

    x: Array
    W: Array
    hyper: Array
    value: Array
    row: Array
    rows: int


def pair_table_forward(
    V: Array, W: Array, hyper: Array, value: Array, row: Array, D: int
) -> tuple[Array, PairTableCache]:
    """Compute ``table[p] = V[row_p] W[j]`` for every pair p = (j, v): an embedded value's product.

    A hidden layer over the N d numbers of the N embedded values multiplies them by one (N d, n)
    matrix; a decision that has not been made adds nothing. What each pair adds depends on the pair
    alone, so P rows hold everything that can occur.

    Parameters
    ----------
    V : array (R, d)
        The value vectors of all families, one below the other.
    W : array (N, d, n)
    hyper, value, row : integer arrays (P,)
        For each pair its hyper-parameter, its value, and the row of V that holds the value's vector.
    D : int
        The largest number of values.

    Returns
    -------
    table : array (P, n)
    cache : PairTableCache
    """
    xp = array_module(V, W)
    # the values of a hyper-parameter side by side, so that all products are one
    x = xp.zeros((len(W), D, V.shape[1]), dtype=V.dtype)
    x[hyper, value] = V[row]
    return (x @ W)[hyper, value], PairTableCache(x, W, hyper, value, row, len(V))


def pair_table_backward(dtable: Array, cache: PairTableCache) -> tuple[Array, Array]:
    r"""Backward of `pair_table_forward`.

    For hyper-parameter j with the vectors :math:`x_j` (D, d) of its values and the table's rows
    :math:`T_j = x_j W_j`: :math:`dW_j = x_j^T dT_j`, :math:`dx_j = dT_j W_j^T`; hyper-parameters of a
    family share their vectors, so these gradients are added up.

    Returns
    -------
    dV : array (R, d)
    dW : array (N, d, n)
    """
    x, W, hyper, value, row, rows = cache
    xp = array_module(dtable)
    dproduct = xp.zeros((*x.shape[:2], W.shape[2]), dtype=dtable.dtype)
    dproduct[hyper, value] = dtable
    dx = (dproduct @ W.swapaxes(1, 2))[hyper, value]
    return scatter_add(row, dx, rows), x.swapaxes(1, 2) @ dproduct


class TakePairsCache(NamedTuple):
    """What the backward needs."""

    pairs: Array
    P: int


def take_pairs_forward(table: Array, pairs: Array) -> tuple[Array, TakePairsCache]:
    """Select each string's rows: ``rows[t, b] = table[pairs[t, b]]``.

    Parameters
    ----------
    table : array (P, n)
    pairs : integer array (T, B)

    Returns
    -------
    rows : array (T, B, n)
    cache : TakePairsCache
    """
    rows = table.take(pairs.reshape(-1), axis=0).reshape(*pairs.shape, table.shape[1])
    return rows, TakePairsCache(pairs, len(table))


def take_pairs_backward(drows: Array, cache: TakePairsCache) -> Array:
    """Backward of `take_pairs_forward`: a row's gradient is the sum over whom it was given to.

    Returns
    -------
    dtable : array (P, n)
    """
    return scatter_add(cache.pairs.reshape(-1), drows.reshape(-1, drows.shape[-1]), cache.P)
