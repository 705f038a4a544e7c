"""The rows of a table: checked, and found by cell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from maade_np.spaces.nasbench101 import (
    EDGES,
    MAX_EDGES,
    NUM_CELLS,
    NUM_OP_CODES,
    cell_numbers,
    from_codes,
    matrix_ops,
    module_hash,
)
from maade_np.tables.base import TableError

_HASHES_CHECKED = 16


def row_of_cell(source: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Row of each of the 423,624 cells, int32, -1 where the table has none.

    Raises
    ------
    TableError
        Rows that are invalid, twice the same cell, not in ascending order of the hash, or whose
        hash is another cell's (a sample of them).
    """
    edges, ops, hashes = columns["edges"], columns["ops"], columns["hash"]
    epochs = columns["epochs"]
    if len(epochs) == 0 or (epochs < 1).any() or (np.diff(epochs) <= 0).any():
        raise TableError(f"{source}: epochs is {epochs.tolist()}, expected ascending budgets")
    if len(edges) == 0:
        raise TableError(f"{source}: the table has no rows")
    for key, values, limit in (("edges", edges, 2 ** len(EDGES)), ("ops", ops, NUM_OP_CODES)):
        if values.max() >= limit:
            row = int(values.argmax())
            raise TableError(f"{source}: {key}[{row}] is {values[row]}, expected below {limit}")
    cells = cell_numbers(edges, ops)
    if cells.min() < 0:
        row = int(cells.argmin())
        raise TableError(
            f"{source}: row {row} (edges {edges[row]}, ops {ops[row]}) is no valid cell: not "
            f"connected, or more than {MAX_EDGES} edges after pruning"
        )
    rows = np.full(NUM_CELLS, -1, dtype=np.int32)
    rows[cells] = np.arange(len(cells), dtype=np.int32)
    if (twice := rows[cells] != np.arange(len(cells))).any():
        row = int(twice.argmax())
        raise TableError(f"{source}: rows {row} and {rows[cells[row]]} are the same cell")
    _check_hashes(source, hashes, edges, ops)
    return rows


def _check_hashes(source: str, hashes: np.ndarray, edges: np.ndarray, ops: np.ndarray) -> None:
    """Check that digests ascend, and on a few rows that they are the digests of the cells."""
    high, low = np.ascontiguousarray(hashes).view(">u8").astype(np.uint64).T
    ascending = (high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))
    if not ascending.all():
        row = int(ascending.argmin()) + 1
        raise TableError(
            f"{source}: hash[{row}] is not above hash[{row - 1}]: rows must be in ascending "
            "order of the official module hash"
        )
    sample = np.unique(np.linspace(0, len(edges) - 1, _HASHES_CHECKED).astype(np.int64))
    matrices, interior = matrix_ops(from_codes(edges[sample], ops[sample]))
    for row, matrix, op in zip(sample, matrices, interior, strict=True):
        expected = module_hash(matrix, op)
        if (found := hashes[row].tobytes().hex()) != expected:
            raise TableError(
                f"{source}: hash[{row}] is {found}, but the cell in that row has hash {expected}"
            )
