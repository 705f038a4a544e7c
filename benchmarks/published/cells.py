"""Cells of NAS-Bench-101 as published programs hold them, and the table's answers for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from maade_np.spaces.nasbench101 import (
    EDGES,
    OPS,
    cell_numbers,
    cell_representatives,
    matrix_ops,
    to_codes,
)
from maade_np.tables import NASBench101

_SOURCES, _TARGETS = np.array(EDGES).T


def string(matrix: Any, ops: Any) -> np.ndarray:
    """Return the string (26,) of a 7 x 7 matrix with its seven operations' names, as it is."""
    return np.array(
        [*np.asarray(matrix)[_SOURCES, _TARGETS], *(OPS.index(op) for op in ops[1:-1])],
        dtype=np.int64,
    )


def strings(specs: Any) -> np.ndarray:
    """Return the strings (n, 26) of some cells, dicts of "matrix" and "ops"."""
    return np.array([string(spec["matrix"], spec["ops"]) for spec in specs])


def spec(actions: np.ndarray) -> dict[str, Any]:
    """Return a string's matrix and operations' names, as a dict."""
    matrix, ops = matrix_ops(actions[None])
    return {"matrix": matrix[0], "ops": ["input", *(OPS[op] for op in ops[0]), "output"]}


class Answers:
    """The table's mean test error (%) of every cell, and whether a cell is valid."""

    def __init__(self, table: NASBench101) -> None:
        representatives = cell_representatives().astype(np.int64)
        self._errors = 100 * (1 - table.mean_test(representatives))
        self.size = (representatives[:, : len(EDGES)].sum(axis=1)).tolist()

    def cell(self, matrix: Any, ops: Any) -> int:
        """Return the number of a cell, -1 where it is invalid."""
        return int(cell_numbers(*to_codes(string(matrix, ops)[None]))[0])

    def error(self, matrix: Any, ops: Any) -> float:
        """Return the mean test error of a valid cell."""
        return float(self._errors[self.cell(matrix, ops)])

    def errors(self, actions: np.ndarray) -> np.ndarray:
        """Return the mean test errors of valid strings (n, 26)."""
        return self._errors[cell_numbers(*to_codes(actions))]

    def edges(self, actions: np.ndarray) -> list[int]:
        """Return the numbers of edges of valid strings after pruning."""
        return [self.size[cell] for cell in cell_numbers(*to_codes(actions))]
