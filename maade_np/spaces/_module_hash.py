"""One cell at a time: pruning and the official module hash, in plain Python.

The slow, readable reference of what `_isomorphism` and `_enumeration` do for all cells at once.
Source of the rules: Ying et al., "NAS-Bench-101" (2019), and the `nasbench` package,
`api.py` and `lib/graph_util.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

INPUT, OUTPUT = "input", "output"
OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
INPUT_LABEL, OUTPUT_LABEL = -1, -2


def checked_cell(matrix: Any, ops: Sequence[Any]) -> tuple[np.ndarray, list[int]]:
    """A cell's adjacency matrix as int64 (V, V) and its V labels, or a clear error.

    Parameters
    ----------
    matrix : array-like, (V, V)
        Strictly upper triangular, entries 0 or 1; vertex 0 is the input, V - 1 the output.
    ops : sequence
        Operations by name or number, with or without "input" and "output" at the ends.

    Returns
    -------
    matrix : ndarray, int64 (V, V)
    labels : list of int
        -1 for the input, -2 for the output, else the operation's number.
    """
    array = np.asarray(matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) < 2:
        raise ValueError(f"matrix has shape {array.shape}, expected (V, V) with V of 2 or more")
    if not np.isin(array, (0, 1)).all():
        raise ValueError("matrix has entries other than 0 and 1")
    if np.tril(array).any():
        i, j = np.argwhere(np.tril(array))[0].tolist()
        raise ValueError(
            f"matrix[{i}, {j}] is 1: a cell's edges go from lower to higher vertices, "
            "so the matrix must be strictly upper triangular"
        )
    vertices = len(array)
    interior = list(ops)
    if len(interior) == vertices:
        first, last = interior[0], interior[-1]
        if first not in (INPUT, INPUT_LABEL) or last not in (OUTPUT, OUTPUT_LABEL):
            raise ValueError(
                f"ops starts with {first!r} and ends with {last!r}, expected 'input' and 'output'"
            )
        interior = interior[1:-1]
    if len(interior) != vertices - 2:
        raise ValueError(
            f"ops has {len(ops)} entries for {vertices} vertices: give {vertices} with 'input' "
            f"and 'output', or the {vertices - 2} operations between them"
        )
    labels = [op_number(op) for op in interior]
    return array.astype(np.int64), [INPUT_LABEL, *labels, OUTPUT_LABEL]


def op_number(op: Any) -> int:
    """The number of an operation given by its official name or already by number."""
    if isinstance(op, str) and op in OPS:
        return OPS.index(op)
    if isinstance(op, int | np.integer) and 0 <= op < len(OPS):
        return int(op)
    raise ValueError(f"operation {op!r} is unknown: use one of {list(OPS)} or 0 to {len(OPS) - 1}")


def prune(matrix: Any, ops: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """A cell without the vertices that lie on no path from input to output.

    Parameters
    ----------
    matrix, ops
        A cell of any size, as for `module_hash`.

    Returns
    -------
    matrix : ndarray, int64 (V', V')
    ops : list of str
        V' official names, "input" first and "output" last.

    Raises
    ------
    ValueError
        No path leads from input to output, or the arguments are no cell.
    """
    pruned, labels = _pruned(*checked_cell(matrix, ops))
    return pruned, [INPUT, *(OPS[label] for label in labels[1:-1]), OUTPUT]


def module_hash(matrix: Any, ops: Sequence[Any]) -> str:
    """The official hash of a cell: the same for isomorphic cells, pruned first.

    Each vertex starts as the MD5 of its degrees and label; V times over, all at once, it
    becomes the MD5 of its sorted in-neighbours, its sorted out-neighbours and itself; the
    cell is the MD5 of its sorted vertices (`nasbench/lib/graph_util.py`, `hash_module`).

    Parameters
    ----------
    matrix : array-like, (V, V)
        Strictly upper triangular adjacency, any V of 2 or more.
    ops : sequence
        Operations by official name or number (0 conv3x3, 1 conv1x1, 2 maxpool3x3): all V with
        "input" and "output" at the ends, or the V - 2 between them.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        As `prune`.

    Examples
    --------
    >>> module_hash([[0, 1], [0, 0]], ["input", "output"])
    '043721b9c7fe8c5fad811d47d83132ec'
    """
    adjacency, labels = _pruned(*checked_cell(matrix, ops))
    into = [np.flatnonzero(column).tolist() for column in adjacency.T]
    out = [np.flatnonzero(row).tolist() for row in adjacency]
    hashes = [_md5(str((len(out[v]), len(into[v]), label))) for v, label in enumerate(labels)]
    for _ in labels:
        hashes = [
            _md5(
                "".join(sorted(hashes[u] for u in into[v]))
                + "|"
                + "".join(sorted(hashes[u] for u in out[v]))
                + "|"
                + hashes[v]
            )
            for v in range(len(labels))
        ]
    return _md5(str(sorted(hashes)))


def _pruned(matrix: np.ndarray, labels: list[int]) -> tuple[np.ndarray, list[int]]:
    live = _reachable(matrix, 0) & _reachable(matrix.T, len(matrix) - 1)
    if not live[0]:
        raise ValueError("the cell is not connected: no path leads from input to output")
    keep = np.flatnonzero(live)
    return matrix[np.ix_(keep, keep)], [labels[v] for v in keep]


def _reachable(matrix: np.ndarray, start: int) -> np.ndarray:
    reached = np.arange(len(matrix)) == start
    for _ in matrix:
        reached = reached | matrix[reached].any(axis=0)
    return reached


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest()
