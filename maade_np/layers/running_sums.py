"""Sums over what precedes a step: NADE's running activation (Uria et al. 2016, equation 4)."""

from __future__ import annotations

from maade_np.backend import Array, array_module


def running_sums_forward(rows: Array, c: Array) -> tuple[Array, None]:
    """Compute ``a_0 = c`` and ``a_{t+1} = a_t + rows_t``: step t sees the rows before it.

    The last row is seen by no step. Time and memory are those of `rows`, T B n; with a mask over pairs
    of steps they would grow with T squared.

    Parameters
    ----------
    rows : array (T, B, n)
    c : array (n,)

    Returns
    -------
    a : array (T, B, n)
    cache : None
    """
    xp = array_module(rows, c)
    a = xp.empty_like(rows)
    a[0] = c
    # a loop over steps: cumsum along a leading axis walks down columns, six times as slow
    for t in range(1, len(rows)):
        xp.add(a[t - 1], rows[t - 1], out=a[t])
    return a, None


def running_sums_backward(da: Array, cache: None) -> tuple[Array, Array]:
    r"""Backward of `running_sums_forward`: the sums run backwards, over what follows a step.

    From :math:`a_t = c + \sum_{s<t} r_s`: :math:`dr_s = \sum_{t>s} da_t` (0 for the last row) and
    :math:`dc = \sum_t da_t`, summed over the strings too. So :math:`dr_{s-1} = dr_s + da_s`, and one
    more such step is dc.

    Returns
    -------
    drows : array (T, B, n)
    dc : array (n,)
    """
    xp = array_module(da)
    drows = xp.empty_like(da)
    drows[-1] = 0
    for t in range(len(da) - 1, 0, -1):
        xp.add(drows[t], da[t], out=drows[t - 1])
    return drows, (drows[0] + da[0]).sum(axis=0)
