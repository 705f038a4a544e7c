"""The original's nested dictionaries, made when they are looked at.

The original builds 423,624 dictionaries of dictionaries when it loads a file. Here a mapping
from hash to dictionary stands over arrays; each look-up makes new dictionaries, so what a
program does to one of them changes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from maade_np.compat.nasbench._sources import Source
from maade_np.spaces.nasbench101 import NUM_CELLS
from maade_np.tables import TableError
from maade_np.tables._format import REPEATS
from maade_np.tables.from_api import METRICS, NAMES, POINTS


class NotInTableError(TableError, KeyError):
    """A figure, training budget or cell that the file does not hold."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError's own would put it in quotes


class Partial(dict[Any, Any]):
    """A dictionary some of whose keys the file cannot answer: asking for one says why.

    They are not in it otherwise: ``in``, ``get``, ``keys`` and iteration know those alone that
    are there.
    """

    def __init__(self, known: Mapping[Any, Any], place: str, reasons: Mapping[Any, str]) -> None:
        super().__init__(known)
        self._place, self._reasons = place, reasons

    def __missing__(self, key: Any) -> Any:
        if key in self._reasons:
            raise NotInTableError(f"{self._place} has no {key!r}: {self._reasons[key]}")
        raise KeyError(key)

    def merged_into(self, other: Mapping[Any, Any]) -> Partial:
        """All of `other` and of this, what is missing here still missing."""
        return Partial({**other, **self}, self._place, self._reasons)


class FixedStatistics(Mapping[str, dict[str, Any]]):
    """Hash -> module_adjacency (int8 (V, V)), module_operations and trainable_parameters."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getitem__(self, module_hash: str) -> dict[str, Any]:
        row = find(self._source, module_hash)
        matrix, operations = self._source.cell(row)
        return {
            "module_adjacency": matrix,
            "module_operations": operations,
            "trainable_parameters": self._source.parameters(row),
        }

    def __contains__(self, module_hash: object) -> bool:
        return isinstance(module_hash, str) and self._source.find(module_hash) >= 0

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 4096):
            text = self._source.digests[start : start + 4096].tobytes().hex()
            yield from (text[place : place + 32] for place in range(0, len(text), 32))

    def __len__(self) -> int:
        return len(self._source.digests)


class ComputedStatistics(FixedStatistics):
    """Hash -> epochs -> repeat (a list of three) -> ``halfway_`` and ``final_`` metrics."""

    def __getitem__(self, module_hash: str) -> dict[Any, Any]:
        source = self._source
        figures = source.metrics(find(source, module_hash)).reshape(len(source.epochs), REPEATS, -1)
        budgets = {
            budget: [
                _run(source, run, f"{source.name}, cell {module_hash}, {budget} epochs", repeat)
                for repeat, run in enumerate(runs)
            ]
            for budget, runs in zip(source.epochs, figures.tolist(), strict=True)
            if budget in source.budgets
        }
        if len(budgets) == len(source.epochs):
            return budgets
        reason = f"no cell has results at that budget, but at {sorted(source.budgets)} epochs"
        absent = {budget: reason for budget in source.epochs if budget not in budgets}
        return Partial(budgets, f"{source.name}, cell {module_hash},", absent)


def _run(source: Source, figures: list[float], place: str, repeat: int) -> dict[str, float]:
    """Metrics by name; a plain dictionary where none is missing."""
    known = {name: f for name, f in zip(NAMES, figures, strict=True) if not math.isnan(f)}
    if len(known) == len(NAMES):
        return known
    return Partial(known, f"{place}, repeat {repeat},", source.reasons[repeat])


def drawn_run(
    source: Source, module_hash: str, epochs: int, point: str, repeat: int
) -> dict[str, float]:
    """The metrics of one run of a cell, one of three drawn at random, as a query gives them.

    A metric is there only if all three runs have it: otherwise the draw, not the cell, would
    decide whether a query is answered.
    """
    budget = source.epochs.index(epochs)
    runs = source.metrics(find(source, module_hash))[budget, :, POINTS.index(point)]
    unknown = np.isnan(runs)
    known, reasons = {}, {}
    for metric, name in enumerate(METRICS):
        if not (lacking := np.flatnonzero(unknown[:, metric])).size:
            known[name] = float(runs[repeat, metric])
            continue
        why = source.reasons[lacking[0]][f"{point}_{name}"]
        reasons[name] = f"a query draws one of three runs, and not all three are known: {why}"
        if (held := np.flatnonzero(~unknown[:, metric])).size:
            reasons[name] += (
                f". Those that are stand in get_metrics_from_hash({module_hash!r})[1][{epochs}], "
                f"repeats {held.tolist()}"
            )
    if not reasons:
        return known
    return Partial(known, f"{source.name}, cell {module_hash}, {epochs} epochs,", reasons)


def find(source: Source, module_hash: str) -> int:
    """The row of a hash, or an error that says what the file holds."""
    row = source.find(module_hash)
    if row < 0:
        raise NotInTableError(
            f"{source.name} has no cell with the hash {module_hash!r}: it holds "
            f"{len(source.digests):,} of the {NUM_CELLS:,} cells"
        )
    return row
