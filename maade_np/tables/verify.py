"""Whether a NAS-Bench-101 table is whole and what it says it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from maade_np.spaces._parameters import count_parameters
from maade_np.spaces.nasbench101 import NUM_CELLS, cell_digests, cell_numbers
from maade_np.tables._format import IMAGES, MISSING, REPEATS
from maade_np.tables._frames import Progress
from maade_np.tables.base import TableError
from maade_np.tables.nasbench101 import BEST_MEAN_TEST, BEST_MEAN_VALIDATION, NASBench101

BUDGETS = (4, 12, 36, 108)

_HALF_AN_IMAGE = 0.5 / (REPEATS * IMAGES)
_MARKS = {True: "ok", False: "WRONG", None: "--"}


class Check(NamedTuple):
    """One thing that was looked at; `ok` is None where the table does not hold it at all."""

    name: str
    ok: bool | None
    text: str


class Report(NamedTuple):
    """What `verify` found. Its text has one line a check."""

    source: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; what a table does not hold is not wrong."""
        return all(check.ok is not False for check in self.checks)

    def __str__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [f"{_MARKS[c.ok]:5}  {c.name:{width}}  {c.text}" for c in self.checks]
        return "\n".join([self.source, *lines])


def verify(
    table: NASBench101 | str | os.PathLike[str],
    hashes: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Check a table against what is known of the benchmark.

    Parameters
    ----------
    table : NASBench101 or path-like
        A table, or its file: ``.npz`` or the official ``.tfrecord``. A file that cannot be read
        as a table is a failed check, its error the text.
    hashes : bool
        Recompute the official hash of every cell, ten seconds the first time.
    progress : callable, optional
        Called as ``progress(done_bytes, total_bytes)`` while a ``.tfrecord`` file is read.

    Returns
    -------
    Report
        Checks of: the number of cells; training budgets; repeats by metric and budget; hashes;
        parameter counts; and for a whole table its best mean accuracies against the published.
    """
    source = str(table.path or table.name) if isinstance(table, NASBench101) else str(table)
    try:
        opened = table if isinstance(table, NASBench101) else NASBench101.load(table, progress)
        return Report(source, tuple(_checks(opened, hashes)))
    except TableError as error:
        return Report(source, (Check("file", False, str(error)),))


def _checks(table: NASBench101, hashes: bool) -> Iterator[Check]:
    yield Check(
        "cells", len(table) == NUM_CELLS, f"{len(table):,}, the benchmark has {NUM_CELLS:,}"
    )
    foreign = set(table.epochs) - set(BUDGETS)
    yield Check(
        "epochs",
        not foreign,
        f"{', '.join(map(str, table.epochs))}; the benchmark has {', '.join(map(str, BUDGETS))}",
    )
    for key in ("test", "validation"):
        for budget, epochs in enumerate(table.epochs):
            yield _repeats(f"{key}, {epochs} epochs", table.column(key)[:, budget] != MISSING)
    for budget, epochs in enumerate(table.epochs):
        seconds = table.column("train_seconds")[:, budget]
        impossible = int(((seconds < 0) | np.isinf(seconds)).sum())
        if impossible:
            yield Check(f"seconds, {epochs} epochs", False, f"{impossible:,} below 0 or infinite")
        else:
            yield _repeats(f"seconds, {epochs} epochs", ~np.isnan(seconds))
    if hashes:
        yield _hashes(table)
    yield _parameters(table)
    yield from _published(table)


def _repeats(name: str, known: np.ndarray) -> Check:
    """Check that all cells, (C, 3), have all repeats, or none has."""
    runs = known.sum(axis=1)
    whole = int((runs == REPEATS).sum())
    if not whole:
        some = f"all {REPEATS} repeats of no cell, some of {int((runs > 0).sum()):,}"
        return Check(name, None, some if runs.any() else "not in this table")
    text = f"{whole:,} of {len(runs):,} cells have all {REPEATS} repeats"
    if whole < len(runs):
        text += f"; row {int((runs < REPEATS).argmax())} has {runs.min()}"
    return Check(name, whole == len(runs), text)


def _hashes(table: NASBench101) -> Check:
    cells = cell_numbers(table.column("edges"), table.column("ops"))
    stated, computed = table.column("hash"), cell_digests()[cells]
    wrong = (stated != computed).any(axis=1)
    if not wrong.any():
        return Check("hashes", True, f"{len(cells):,} recomputed, all as stated")
    row = int(wrong.argmax())
    return Check(
        "hashes",
        False,
        f"{int(wrong.sum()):,} of {len(cells):,} differ; row {row} states "
        f"{stated[row].tobytes().hex()}, its cell has {computed[row].tobytes().hex()}",
    )


def _parameters(table: NASBench101) -> Check:
    stated = table.column("params")
    counted = count_parameters(table.column("edges"), table.column("ops"))
    wrong = stated != counted
    if not wrong.any():
        return Check("parameters", True, f"{len(stated):,} counted, all as stated")
    row = int(wrong.argmax())
    return Check(
        "parameters",
        False,
        f"{int(wrong.sum()):,} of {len(stated):,} differ; row {row} states {stated[row]:,}, its "
        f"cell has {counted[row]:,}",
    )


def _published(table: NASBench101) -> Iterator[Check]:
    """Check the best means of a whole table at 108 epochs against the published ones."""
    if len(table) < NUM_CELLS or BUDGETS[-1] not in table.epochs:
        return
    for key, best in (("test", BEST_MEAN_TEST), ("validation", BEST_MEAN_VALIDATION)):
        counts = table.column(key)[:, table.epochs.index(BUDGETS[-1])]
        known = (counts != MISSING).all(axis=1)
        if not known.any():
            continue
        found = int(counts[known].sum(axis=1, dtype=np.int64).max()) / (REPEATS * IMAGES)
        yield Check(
            f"best {key}",
            abs(found - best) < _HALF_AN_IMAGE,
            f"highest mean of {REPEATS} repeats {found:.6f}, published {best:.6f}",
        )
