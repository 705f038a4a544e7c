"""The NAS-Bench-101 search space on 26 decisions: 21 edges, then 5 operations.

Vertex 0 is the cell's input, vertex 6 its output, vertices 1 to 5 carry operations. Edge k is
entry k of the row-major upper triangle of the 7x7 adjacency matrix. Source: Ying et al.,
"NAS-Bench-101: Towards Reproducible Neural Architecture Search" (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from maade_np.spaces._enumeration import cell_hashes
from maade_np.spaces._isomorphism import (
    EDGE_NUMBER,
    EDGES,
    MAX_EDGES,
    NUM_CELLS,
    NUM_OP_CODES,
    VERTICES,
    isomorphism_index,
    op_digits,
)
from maade_np.spaces._module_hash import INPUT, OPS, OUTPUT, checked_cell, module_hash, prune
from maade_np.spaces._official_labelling import official_codes
from maade_np.spaces._parameters import count_parameters, vertex_channels
from maade_np.spaces.categorical import CategoricalSpace

__all__ = [
    "EDGES",
    "INPUT",
    "MAX_EDGES",
    "NUM_CELLS",
    "NUM_OP_CODES",
    "OPS",
    "OUTPUT",
    "VERTICES",
    "NASBench101Space",
    "cell_digests",
    "cell_numbers",
    "cell_representatives",
    "cell_text",
    "count_parameters",
    "enumerate_cells",
    "from_codes",
    "from_matrix",
    "matrix_ops",
    "module_hash",
    "official_codes",
    "prune",
    "to_codes",
    "vertex_channels",
]

_INTERIOR = VERTICES - 2
# actions @ _WEIGHTS = (edge mask, op code)
_WEIGHTS = np.zeros((len(EDGES) + _INTERIOR, 2), dtype=np.int64)
_WEIGHTS[: len(EDGES), 0] = 2 ** np.arange(len(EDGES))
_WEIGHTS[len(EDGES) :, 1] = 3 ** np.arange(_INTERIOR)


class NASBench101Space(CategoricalSpace):
    """All strings of 21 edge bits and 5 ternary operations: 509,607,936, of them 373,754,169
    valid, which are 423,624 different cells.

    A string is valid as in the official API: what lies on no path from input to output is
    pruned; something must remain, with at most 9 edges. `identity` is the number of the cell up
    to isomorphism, 0 to 423,623 (see `cell_representatives`), -1 where invalid; it needs no
    table. The index behind both is built on first use, in about a second, and kept in
    `maade_np.files.cache_folder()`.
    """

    def __init__(self) -> None:
        super().__init__(
            names=[f"edge {i}-{j}" for i, j in EDGES] + [f"op {v + 1}" for v in range(_INTERIOR)],
            cardinalities=[2] * len(EDGES) + [len(OPS)] * _INTERIOR,
            families=["edge"] * len(EDGES) + ["op"] * _INTERIOR,
            values=[(0, 1)] * len(EDGES) + [OPS] * _INTERIOR,
        )

    def identity(self, actions: Any) -> np.ndarray:
        """Number of the cell up to isomorphism, (B,) int64 in 0 .. 423,623; -1 where invalid."""
        return cell_numbers(*to_codes(self.check(actions)))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description."""
        return {"type": type(self).__name__}

    def _valid(self, actions: np.ndarray) -> np.ndarray:
        return isomorphism_index().form_of_mask[actions @ _WEIGHTS[:, 0]] > 0


def to_codes(actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edge mask (bit k is edge k) and op code (base 3, vertex 1 lowest), int64 (B,) each."""
    codes = np.asarray(actions) @ _WEIGHTS
    return codes[:, 0], codes[:, 1]


def cell_numbers(edges: np.ndarray, ops: np.ndarray) -> np.ndarray:
    """Number of the cell up to isomorphism, int64 (B,), of codes in range; -1 where invalid."""
    index = isomorphism_index()
    return index.class_of_form[index.form_of_mask[edges], ops].astype(np.int64)


def from_codes(edges: np.ndarray, ops: np.ndarray) -> np.ndarray:
    """The actions, int8 (B, 26), of edge masks and op codes (B,)."""
    bits = np.asarray(edges)[:, None] >> np.arange(len(EDGES)) & 1
    return np.concatenate([bits.astype(np.int8), op_digits().astype(np.int8)[ops]], axis=1)


def matrix_ops(actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Adjacency matrices, int8 (B, 7, 7), and operation numbers, int8 (B, 5), not pruned."""
    actions = np.asarray(actions)
    matrix = np.zeros((len(actions), VERTICES, VERTICES), dtype=np.int8)
    sources, targets = np.array(EDGES).T
    matrix[:, sources, targets] = actions[:, : len(EDGES)]
    return matrix, actions[:, len(EDGES) :].astype(np.int8)


def from_matrix(matrix: Any, ops: Sequence[Any]) -> np.ndarray:
    """The actions, int64 (26,), of a cell of 2 to 7 vertices.

    Parameters
    ----------
    matrix : array-like, (V, V)
        Strictly upper triangular adjacency.
    ops : sequence
        V operations with "input" and "output" at the ends, or the V - 2 between them; by
        official name or number.

    Returns
    -------
    ndarray
        The cell as it is, not pruned. With fewer than 7 vertices the last interior vertices of
        the string stay unconnected, their operation 0.

    Raises
    ------
    ValueError
        More than 7 vertices, or not a cell.
    """
    adjacency, labels = checked_cell(matrix, ops)
    vertices = len(adjacency)
    if vertices > VERTICES:
        raise ValueError(f"the cell has {vertices} vertices, the space allows {VERTICES}")
    place = [*range(vertices - 1), VERTICES - 1]
    actions = np.zeros(len(EDGES) + _INTERIOR, dtype=np.int64)
    for i, j in np.argwhere(adjacency).tolist():
        actions[EDGE_NUMBER[place[i], place[j]]] = 1
    actions[len(EDGES) : len(EDGES) + vertices - 2] = labels[1:-1]
    return actions


def cell_text(actions: Any) -> str:
    """A cell as text: each vertex in use, its operation and where its inputs come from.

    Parameters
    ----------
    actions : array-like, int (26,)

    Examples
    --------
    >>> print(cell_text(from_matrix([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["conv3x3-bn-relu"])))
    3 vertices, 3 edges, hash d32d0b26d534203b48d866facd98cc3e
      input
      1  conv3x3-bn-relu  <- input
      output              <- input, 1
    """
    matrix, ops = matrix_ops(NASBench101Space().check(np.asarray(actions)[None]))
    try:
        pruned, names = prune(matrix[0], ops[0].tolist())
    except ValueError:
        return "no cell: no path leads from input to output"
    last = len(names) - 1
    width = max(len(name) for name in names[:-1])
    titles = [INPUT, *(f"{v}  {names[v]}" for v in range(1, last)), OUTPUT]
    short = [INPUT, *map(str, range(1, last)), OUTPUT]
    lines = [
        f"{len(names)} vertices, {int(pruned.sum())} edges, hash {module_hash(pruned, names)}",
        f"  {INPUT}",
    ]
    for v in range(1, len(names)):
        sources = ", ".join(short[u] for u in np.flatnonzero(pruned[:, v]))
        lines.append(f"  {titles[v]:<{width + 3}}  <- {sources}")
    return "\n".join(lines)


def cell_representatives() -> np.ndarray:
    """One string of every cell, int8 (423624, 26); row c is a string whose `identity` is c.

    Of all strings of the cell whose unused operations are 0 it is the one with the smallest
    edge mask, then the smallest op code (`to_codes`); rows ascend in (mask, op code). Vertices
    not in use are the last interior ones.
    """
    index = isomorphism_index()
    return from_codes(index.edges, index.ops)


def enumerate_cells() -> np.ndarray:
    """Every cell once, int8 (423624, 26), in ascending order of the official module hash.

    The strings are those of `cell_representatives`, which is there at once. The order takes 20
    million MD5 digests, some ten seconds on one core, and is then kept in
    `maade_np.files.cache_folder()`.
    """
    index, order = isomorphism_index(), cell_hashes().order
    return from_codes(index.edges[order], index.ops[order])


def cell_digests() -> np.ndarray:
    """The official hash of every cell as bytes, uint8 (423624, 16), by `identity`."""
    return cell_hashes().digests
