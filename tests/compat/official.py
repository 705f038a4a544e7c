"""A small made-up data set as the official file has it, and as the original package holds it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import official_writer as writer

from maade_np.spaces import nasbench101 as nb

EPOCHS = (4, 12, 36, 108)
METRICS = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
INCEPTION = (  # the example of the original's documentation, a valid cell of 7 vertices
    [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)],
    [1, 0, 0, 0, 2],
    "28cfc7874f6d200472e1a9dcd8650aa0",
    2_694_282,
)
BEST = (  # the cell with the best mean test accuracy
    [(0, 1), (0, 2), (0, 5), (0, 6), (1, 5), (2, 3), (3, 4), (4, 5), (5, 6)],
    [1, 0, 2, 0, 0],
    "02e5a0247bbdcf2860b7e96f74961594",
    32_426_634,
)


@dataclass
class Cell:
    """One cell of the data set; metrics are float64 (E, 3, 2, 4): half-way first, final second."""

    hash: str
    matrix: np.ndarray
    ops: list[str]
    params: int
    metrics: np.ndarray


def known(edges: list[tuple[int, int]], ops: list[int]) -> tuple[np.ndarray, list[str]]:
    """Matrix and official operation names of a cell given by its edges."""
    matrix = np.zeros((len(ops) + 2,) * 2, np.int8)
    matrix[tuple(np.transpose(edges))] = 1
    return matrix, ["input", *(nb.OPS[op] for op in ops), "output"]


def cells(rows: np.ndarray, seed: int = 0, epochs: tuple[int, ...] = EPOCHS) -> list[Cell]:
    """The cells of these rows of `cell_representatives`, with made-up figures."""
    rng = np.random.default_rng(seed)
    found = []
    for matrix, ops in zip(*nb.matrix_ops(nb.cell_representatives()[rows]), strict=True):
        pruned, names = nb.prune(matrix, ops)
        found.append((nb.module_hash(pruned, names), pruned.astype(np.int8), names))
    return [
        Cell(
            module_hash, matrix, names, int(rng.integers(10**5, 10**7)), _metrics(rng, len(epochs))
        )
        for module_hash, matrix, names in found
    ]


def sample(size: int) -> list[Cell]:
    """Cells of all sizes, the two known by name first."""
    found = cells(np.random.default_rng(5).choice(nb.NUM_CELLS, size, replace=False))
    for cell, (edges, ops, module_hash, params) in zip(found, (INCEPTION, BEST), strict=False):
        cell.matrix, cell.ops = known(edges, ops)
        cell.hash, cell.params = module_hash, params
    return found


def _metrics(rng: np.random.Generator, budgets: int) -> np.ndarray:
    """Accuracies as the original has them: float32 sums close to multiples of 1/9984."""
    counts = rng.integers(1_000, 9_900, (budgets, 3, 2, 4))
    metrics = (counts.astype(np.float32) / np.float32(9984)).astype(np.float64)
    metrics[..., 0] = rng.uniform(10.0, 5_000.0, (budgets, 3, 2))
    return metrics


def small_rows(vertices: int) -> np.ndarray:
    """The rows of all cells of at most so many vertices (91 at 4)."""
    matrix, _ = nb.matrix_ops(nb.cell_representatives())
    used = matrix.any(axis=2)
    return np.flatnonzero(used.sum(axis=1) + 1 <= vertices)


def write_tfrecord(
    path: Path, data: list[Cell], epochs: tuple[int, ...] = EPOCHS, skip: tuple[int, ...] = ()
) -> Path:
    """The official file; `skip` leaves out the rows of these numbers."""
    rows = [
        writer.row(
            bytes.fromhex(cell.hash),
            budget,
            cell.matrix,
            map(nb.OPS.index, cell.ops[1:-1]),
            writer.message(budget, cell.params, *cell.metrics[at, repeat].tolist()),
        )
        for cell in data
        for at, budget in enumerate(epochs)
        for repeat in range(3)
    ]
    kept = (row for number, row in enumerate(rows) if number not in skip)
    return writer.write(path, map(writer.payload, kept))


class Original:
    """What the original package holds after it loaded a file: nested dictionaries."""

    def __init__(self, data: list[Cell], epochs: tuple[int, ...] = EPOCHS) -> None:
        self.valid_epochs = set(epochs)
        self.fixed_statistics, self.computed_statistics = {}, {}
        for cell in data:
            self.fixed_statistics[cell.hash] = {
                "module_adjacency": cell.matrix.copy(),
                "module_operations": list(cell.ops),
                "trainable_parameters": cell.params,
            }
            self.computed_statistics[cell.hash] = {
                budget: [self._run(cell.metrics[at, repeat]) for repeat in range(3)]
                for at, budget in enumerate(epochs)
            }

    @staticmethod
    def _run(metrics: np.ndarray) -> dict[str, float]:
        return {
            f"{point}_{name}": float(metrics[p, m])
            for p, point in enumerate(("halfway", "final"))
            for m, name in enumerate(METRICS)
        }

    def hash_iterator(self):
        return self.fixed_statistics.keys()

    def get_metrics_from_hash(self, module_hash: str):
        return (
            copy.deepcopy(self.fixed_statistics[module_hash]),
            copy.deepcopy(self.computed_statistics[module_hash]),
        )


def equal_cells(found: dict, expected: dict) -> bool:
    """Whether two fixed statistics or queries are equal, matrices included."""
    matrices = (entry["module_adjacency"] for entry in (found, expected))
    return np.array_equal(*matrices) and (
        {**found, "module_adjacency": 0} == {**expected, "module_adjacency": 0}
    )
