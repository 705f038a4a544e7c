"""Cells of NAS-Bench-101 as vectors, and distances between them, for searchers that need them.

Every function takes a batch of strings (n, 26) and works on all at once. Where a result depends
on how a cell is labelled, `form` chooses: ``"raw"`` takes the strings as they are, unused parts
included, as the published searchers do; ``"canonical"`` first replaces each by the
representative of its cell (`cell_representatives`), where operations not in use count as a
value of their own, so that isomorphic cells are alike.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from maade_np.spaces._isomorphism import EDGE_NUMBER, EDGES, VERTICES, isomorphism_index
from maade_np.spaces._module_hash import OPS
from maade_np.spaces.categorical import CategoricalSpace
from maade_np.spaces.nasbench101 import (
    NASBench101Space,
    cell_numbers,
    from_codes,
    matrix_ops,
    to_codes,
)

FORMS = ("raw", "canonical")
_SPACE = NASBench101Space()

_INTERIOR = VERTICES - 2
_UNUSED = len(OPS)
NUM_PATHS = sum(len(OPS) ** length for length in range(_INTERIOR + 1))  # 364

# Every way from input to output: the vertices between, in ascending order.
_WAYS = [way for length in range(_INTERIOR + 1) for way in combinations(range(1, 6), length)]
_WAY_EDGES = np.array(
    [
        sum(1 << EDGE_NUMBER[step] for step in zip((0, *way), (*way, VERTICES - 1), strict=True))
        for way in _WAYS
    ]
)
_WAY_DIGITS = np.zeros((_INTERIOR, len(_WAYS)), dtype=np.int64)
for _column, _way in enumerate(_WAYS):
    for _k, _v in enumerate(_way):
        _WAY_DIGITS[_v - 1, _column] = len(OPS) ** _k


def path_counts(actions: Any, length: int = NUM_PATHS) -> np.ndarray:
    """How many paths from input to output carry each sequence of operations.

    Parameters
    ----------
    actions : array-like, int (n, 26)
    length : int
        Only the first so many of the 364 sequences, 1 to 364. They are ordered by length, so
        this leaves out long paths.

    Returns
    -------
    ndarray, uint8 (n, length)
        Entry sum_k 3**k (op_k + 1) is the sequence op_0, op_1 ... counted from the input; entry
        0 is the edge from input to output. The same for isomorphic cells; zeros throughout
        where no path leads to the output.

    Raises
    ------
    ValueError
        No strings of the space, or a length out of range.

    References
    ----------
    White, Neiswanger and Savani, "BANANAS" (2021), section 3; the index is that of its code.
    """
    checked = _SPACE.check(actions)
    if not 1 <= length <= NUM_PATHS:
        raise ValueError(f"length is {length}: the path encoding has 1 to {NUM_PATHS} entries")
    edges, _ = to_codes(checked)
    index = (checked[:, len(EDGES) :] + 1) @ _WAY_DIGITS
    row, way = np.nonzero((edges[:, None] & _WAY_EDGES) == _WAY_EDGES)
    place = index[row, way]
    row, place = row[place < length], place[place < length]
    counts = np.zeros((len(checked), length), dtype=np.uint8)
    np.add.at(counts, (row, place), 1)
    return counts


def path_encoding(actions: Any, length: int = NUM_PATHS) -> np.ndarray:
    """Which sequences of operations some path from input to output carries, bool (n, length).

    Parameters and index as of `path_counts`. BANANAS' truncated form is ``length=40``, which
    keeps all paths of at most three operations. Different cells can have the same encoding:
    the 423,624 cells have 170,820 encodings (30,808 with a length of 40), but 214,068 different
    `path_counts`.
    """
    return path_counts(actions, length) > 0


def adjacency_encoding(actions: Any, form: str = "raw") -> np.ndarray:
    """The 21 edges and, one-hot, the operations of the 5 interior vertices, uint8 (n, 36).

    Parameters
    ----------
    actions : array-like, int (n, 26)
    form : {"raw", "canonical"}
        See the module. In canonical form the three entries of an unused vertex are 0.
    """
    edges, ops = _edges_and_ops(actions, form)
    flags = ops[:, :, None] == np.arange(len(OPS))
    flat = flags.reshape(len(edges), len(OPS) * _INTERIOR)
    return np.concatenate([edges.astype(np.uint8), flat.astype(np.uint8)], axis=1)


def features(space: CategoricalSpace, actions: Any) -> np.ndarray:
    """What a regression of rewards on strings works with, float64 (n, F).

    On NAS-Bench-101 the logarithms of 1 + `path_counts` beside the canonical
    `adjacency_encoding`: the same for isomorphic cells, and all 423,624 cells differ. In any other
    space the values one-hot, a column a pair of hyper-parameter and value.

    Parameters
    ----------
    space : CategoricalSpace
    actions : array-like, int (n, N)
        Valid strings.
    """
    if isinstance(space, NASBench101Space):
        graph = adjacency_encoding(actions, "canonical")
        return np.concatenate([np.log1p(path_counts(actions).astype(np.float64)), graph], axis=1)
    return one_hot(space.check(actions), space.cardinalities)


def one_hot(actions: np.ndarray, cardinalities: np.ndarray) -> np.ndarray:
    """Return strings (n, N) as ones and zeros, float64 (n, sum of the cardinalities)."""
    first = np.cumsum(cardinalities) - cardinalities
    encoded = np.zeros((len(actions), int(cardinalities.sum())))
    encoded[np.arange(len(actions))[:, None], first + actions] = 1.0
    return encoded


def edit_distance(a: Any, b: Any | None = None, form: str = "raw") -> np.ndarray:
    """Differing edges plus differing operations of all pairs, int64 (n, m).

    With ``form="raw"`` this is the default distance of BANANAS' Gaussian process ("adj"), which
    compares 7x7 matrices and operations as they were drawn. It is the Hamming distance of the
    strings, no distance between cells: isomorphic ones can be far apart. In canonical form
    isomorphic cells have distance 0, but others need not be as close as their best matching.

    Parameters
    ----------
    a : array-like, int (n, 26)
    b : array-like, int (m, 26), optional
        Default: a.
    form : {"raw", "canonical"}
    """
    values = np.concatenate(_edges_and_ops(a, form), axis=1)
    others = values if b is None else np.concatenate(_edges_and_ops(b, form), axis=1)
    # matches counted by one matrix product of one-hot values: exact, sums of ones below 2**24
    alike = _one_hot(values) @ _one_hot(others).T
    return values.shape[1] - alike.astype(np.int64)


def nasbot_distance(a: Any, b: Any | None = None, form: str = "raw") -> np.ndarray:
    """BANANAS' stand-in for the distance of NASBOT, of all pairs, int64 (n, m).

    The sum of three L1 distances: of the sorted in-degrees of the 7 vertices, of their sorted
    out-degrees, and of the counts of the 3 operations (unused ones are counted in raw form, not
    in canonical form). It is not the optimal-transport distance of Kandasamy et al. (2018).

    Parameters
    ----------
    a, b, form
        As of `edit_distance`.
    """
    features = _degrees_and_counts(a, form)
    others = features if b is None else _degrees_and_counts(b, form)
    total = np.zeros((len(features), len(others)), dtype=np.int64)
    for mine, its in zip(features.T, others.T, strict=True):
        total += np.abs(mine[:, None] - its)
    return total


def _edges_and_ops(actions: Any, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Edges 0 or 1 (n, 21) and operations 0 to 2 (n, 5), 3 where canonically unused."""
    checked = _SPACE.check(actions)
    if form not in FORMS:
        raise ValueError(f"form is {form!r}: choose one of {', '.join(map(repr, FORMS))}")
    if form == "raw":
        return checked[:, : len(EDGES)], checked[:, len(EDGES) :]
    cells = cell_numbers(*to_codes(checked))
    if (cells < 0).any():
        raise ValueError(
            f"actions[{int(cells.argmin())}] is no valid cell and has no canonical form: "
            "use form='raw', or leave out what space.is_valid refuses"
        )
    index = isomorphism_index()
    representatives = from_codes(index.edges[cells], index.ops[cells]).astype(np.int64)
    used = matrix_ops(representatives)[0].max(axis=1)[:, 1:-1] > 0
    ops = np.where(used, representatives[:, len(EDGES) :], _UNUSED)
    return representatives[:, : len(EDGES)], ops


def _one_hot(values: np.ndarray) -> np.ndarray:
    one_hot = values[:, :, None] == np.arange(_UNUSED + 1)
    return one_hot.reshape(len(values), (_UNUSED + 1) * values.shape[1]).astype(np.float32)


def _degrees_and_counts(actions: Any, form: str) -> np.ndarray:
    """Sorted in-degrees, sorted out-degrees and operation counts, int64 (n, 17)."""
    edges, ops = _edges_and_ops(actions, form)
    matrices, _ = matrix_ops(np.concatenate([edges, ops], axis=1))
    degrees = [np.sort(matrices.sum(axis=axis), axis=1) for axis in (1, 2)]
    counts = (ops[:, :, None] == np.arange(len(OPS))).sum(axis=1)
    return np.concatenate([*degrees, counts], axis=1).astype(np.int64)
