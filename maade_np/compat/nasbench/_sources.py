"""What a file knows of one cell, whichever kind of file it is; and what it does not, by name.

The official file holds every repeat exactly. The compact table holds counts of images, may lack
columns, and may hold repeats that are no single training runs: repeats known by their sum
alone are stored as equal parts of it. Which repeats are single runs is never guessed: the
table's provenance says it under the key ``single_runs``, a mapping from column to repeats, e.g.
``{"test": [0], "train_seconds": []}``, or the caller does. A column not named there has none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from maade_np.compat.nasbench.lib.model_spec import used_vertices
from maade_np.spaces.nasbench101 import (
    INPUT,
    OPS,
    OUTPUT,
    cell_numbers,
    from_codes,
    matrix_ops,
    official_codes,
)
from maade_np.tables import NASBench101, TableError
from maade_np.tables._format import IMAGES, MISSING, REPEATS
from maade_np.tables.from_api import METRICS, POINTS
from maade_np.tables.tfrecord import Records

SingleRuns = Mapping[str, Sequence[int]]

_COLUMNS = ("train_seconds", "train", "validation", "test")  # of the final metrics, in order
_HALFWAY = "halfway"


class Source(ABC):
    """Cells by row, in the file's order.

    Attributes
    ----------
    name : str
        The file, for messages.
    kind : "real" or "surrogate"
        Whether the figures were measured, or made by a model.
    digests : ndarray, uint8 (C, 16)
        The official module hash of each row.
    epochs : tuple of int
        Training budgets, ascending.
    """

    name: str
    kind: str
    digests: np.ndarray
    epochs: tuple[int, ...]

    @abstractmethod
    def cell(self, row: int) -> tuple[np.ndarray, list[str]]:
        """The pruned cell: a new int8 (V, V) matrix, and V operations by name."""

    @abstractmethod
    def parameters(self, row: int) -> int:
        """Trainable parameters."""

    @abstractmethod
    def metrics(self, row: int) -> np.ndarray:
        """All single runs, float64 (E, 3, 2, 4): budget, repeat, `POINTS`, `METRICS`.

        NaN where the file does not hold the figure as one run's.
        """

    @abstractmethod
    def why_missing(self, point: int, metric: int, repeat: int) -> str:
        """Why a figure that `metrics` has as NaN is not there, and what to do."""

    @cached_property
    def reasons(self) -> tuple[dict[str, str], ...]:
        """`why_missing` of each of the three repeats, by the metric's whole name."""
        return tuple(
            {
                f"{POINTS[point]}_{METRICS[metric]}": self.why_missing(point, metric, repeat)
                for point, metric in np.ndindex(len(POINTS), len(METRICS))
            }
            for repeat in range(REPEATS)
        )

    @cached_property
    def budgets(self) -> set[int]:
        """The training budgets at which any cell has any result."""
        return set(self.epochs)

    def find(self, module_hash: str) -> int:
        """The row of a hash, -1 where there is none."""
        try:
            digest = bytes.fromhex(module_hash)
        except (TypeError, ValueError):
            return -1
        if digest.hex() != module_hash or len(digest) != 16:
            return -1
        place = int(np.searchsorted(self._sorted, np.array(digest, "S16")))
        if place == len(self._order):
            return -1
        row = int(self._order[place])
        return row if self.digests[row].tobytes() == digest else -1

    @cached_property
    def _keys(self) -> np.ndarray:
        return np.ascontiguousarray(self.digests).view("S16").reshape(-1)

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self._keys, kind="stable")

    @cached_property
    def _sorted(self) -> np.ndarray:
        return self._keys[self._order]


class RecordsSource(Source):
    """The official file: float64 values exactly as it has them."""

    def __init__(self, records: Records, name: str) -> None:
        self.name, self.kind = name, "real"
        self._records = records
        self.digests = records.hash
        self.epochs = tuple(records.epochs.tolist())

    def cell(self, row: int) -> tuple[np.ndarray, list[str]]:
        """See `Source.cell`."""
        count = int(self._records.vertices[row])
        interior = self._records.ops[row, : count - 2].tolist()
        matrix = self._records.adjacency[row, :count, :count].astype(np.int8)
        return matrix, [INPUT, *(OPS[op] for op in interior), OUTPUT]

    def parameters(self, row: int) -> int:
        """See `Source.parameters`."""
        return int(self._records.params[row])

    def metrics(self, row: int) -> np.ndarray:
        """See `Source.metrics`."""
        return self._records.metrics[row]

    def why_missing(self, point: int, metric: int, repeat: int) -> str:
        """See `Source.why_missing`."""
        return "the file has no such evaluation"


class TableSource(Source):
    """A compact table: accuracies are its counts of images out of 9,984.

    Parameters
    ----------
    table : NASBench101
    single_runs : mapping of str to sequence of int, optional
        Which repeats of which column are single runs, where the provenance does not say so.

    Raises
    ------
    TableError
        A statement of single runs that names another column or repeat than there is.
    """

    def __init__(self, table: NASBench101, single_runs: SingleRuns | None = None) -> None:
        self.name = table.name if table.path is None else str(table.path)
        self.kind = table.kind
        self._table = table
        self.digests = table.column("hash")
        self.epochs = table.epochs
        stated = table.provenance.get("single_runs", {}) if single_runs is None else single_runs
        self._single = _checked_single(self.name, stated)
        self._arrays = {key: _optional(table, key) for key in (*_COLUMNS, _HALFWAY)}

    @cached_property
    def budgets(self) -> set[int]:
        """See `Source.budgets`; whether they are single runs or not."""
        held = np.zeros(len(self.epochs), dtype=bool)
        for array in self._arrays.values():
            if array is not None:
                known = array != MISSING if array.dtype.kind == "u" else ~np.isnan(array)
                held |= known.any(axis=(0, *range(2, known.ndim)))
        return {budget for budget, any_known in zip(self.epochs, held, strict=True) if any_known}

    def cell(self, row: int) -> tuple[np.ndarray, list[str]]:
        """See `Source.cell`."""
        stored = [self._table.column(key)[row : row + 1] for key in ("edges", "ops")]
        number = cell_numbers(*stored)  # the table may hold another labelling than was trained
        matrices, interior = matrix_ops(from_codes(*(code[number] for code in official_codes())))
        used = used_vertices(matrices[0])
        names = [OPS[interior[0, v - 1]] for v in used[1:-1]]
        return matrices[0][used][:, used], [INPUT, *names, OUTPUT]

    def parameters(self, row: int) -> int:
        """See `Source.parameters`."""
        return int(self._table.column("params")[row])

    def metrics(self, row: int) -> np.ndarray:
        """See `Source.metrics`."""
        found = np.full((len(self.epochs), REPEATS, len(POINTS), len(METRICS)), np.nan)
        for metric, key in enumerate(_COLUMNS):
            array, single = self._arrays[key], list(self._single.get(key, ()))
            if array is not None:
                found[:, single, 1, metric] = _figures(array[row])[:, single]
        array, single = self._arrays[_HALFWAY], list(self._single.get(_HALFWAY, ()))
        if array is not None:
            found[:, single, 0] = array[row][:, single]
        return found

    def why_missing(self, point: int, metric: int, repeat: int) -> str:
        """See `Source.why_missing`."""
        key = _COLUMNS[metric] if POINTS[point] == "final" else _HALFWAY
        if self._arrays[key] is None:
            return (
                f"the table has no column {key!r}: open the official .tfrecord file, or convert "
                "it again with everything in it"
            )
        if not self._single:
            return (
                "the table does not say which of its repeats are single training runs "
                "(provenance key 'single_runs'): convert the official file again, or say it "
                "yourself, as in NASBench(file, single_runs={'test': [0]})"
            )
        single = list(self._single.get(key, ()))
        if repeat not in single:
            only = f"no repeat but {single} is" if single else "no repeat is"
            return (
                f"in its column {key!r} {only} known as a single training run, the others by "
                "their sum at most: open the official .tfrecord file, or use what the table has "
                "through maade_np.tables.NASBench101 (query, mean_test)"
            )
        return f"its column {key!r} has no value there"


def _checked_single(name: str, stated: Any) -> SingleRuns:
    example = 'expected a mapping from column to repeats, as in {"test": [0, 1, 2]}'
    if not isinstance(stated, Mapping):
        raise TableError(f"{name}: single_runs is {stated!r}, {example}")
    for key, repeats in stated.items():
        right = isinstance(repeats, list | tuple) and all(r in range(REPEATS) for r in repeats)
        if key not in (*_COLUMNS, _HALFWAY) or not right:
            raise TableError(
                f"{name}: single_runs has {key!r}: {repeats!r}, {example}, with columns among "
                f"{[*_COLUMNS, _HALFWAY]} and repeats from 0 to {REPEATS - 1}"
            )
    return stated


def _optional(table: NASBench101, key: str) -> np.ndarray | None:
    try:
        return table.column(key)
    except TableError:
        if key in ("validation", "test", "train_seconds"):
            raise  # not absent but unreadable
        return None


def _figures(values: np.ndarray) -> np.ndarray:
    """Counts as accuracies, other figures as they are, float64; NaN where missing."""
    if values.dtype.kind != "u":
        return values.astype(np.float64)
    return np.where(values == MISSING, np.nan, values / IMAGES)
