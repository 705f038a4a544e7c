"""The embedding layer: a key for every pair (hyper-parameter, value)."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, scatter_add


class KeyTableCache(NamedTuple):
    """What the backward needs."""

    hyper: Array
    row: Array
    N: int
    rows: int


def key_table_forward(q: Array, V: Array, hyper: Array, row: Array) -> tuple[Array, KeyTableCache]:
    """Compute the initial keys ``k0[p] = q[j] + V[v]`` of all pairs p = (j, v).

    What a string's key ``q_j + v_j`` is before the first block depends on the pair alone (the paper,
    before equation 4), so P rows hold everything that can occur.

    Parameters
    ----------
    q : array (N, d)
        A query vector for each hyper-parameter.
    V : array (R, d)
        The value vectors of all families, one below the other.
    hyper, row : integer arrays (P,)
        For each pair its hyper-parameter j, and the row of V that holds the vector of its value.

    Returns
    -------
    keys : array (P, d)
    cache : KeyTableCache
    """
    return q[hyper] + V[row], KeyTableCache(hyper, row, len(q), len(V))


def key_table_backward(dkeys: Array, cache: KeyTableCache) -> tuple[Array, Array]:
    """Backward of `key_table_forward`: each pair's gradient is added to the two rows it was made of.

    Returns
    -------
    dq : array (N, d)
    dV : array (R, d)
    """
    dq = scatter_add(cache.hyper, dkeys, cache.N)
    dV = scatter_add(cache.row, dkeys, cache.rows)
    return dq, dV
