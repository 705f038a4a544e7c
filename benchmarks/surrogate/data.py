"""What the surrogate is fitted to, by class number, and the split that is never mixed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maade_np.spaces.categorical import mix64
from maade_np.spaces.nasbench101 import NUM_CELLS, cell_numbers
from maade_np.tables._format import IMAGES, MISSING
from maade_np.tables.nasbench101 import NASBench101

HELD_OUT, SELECTION = 40_000, 20_000
COLLAPSED_TEST = 999  # a diverged network answers one class for every image
_COLLAPSED_BELOW = 0.15
_SPLIT_KEY = 0x5A11

EPOCHS = (4, 12, 36, 108)


@dataclass(frozen=True)
class Split:
    """Class numbers of the three parts, int64: fitting, choosing, judging."""

    train: np.ndarray
    selection: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class Results:
    """Real results by class number; accuracies in 0..1, NaN where unknown.

    Attributes
    ----------
    first, pair : ndarray, float64 (C,)
        Test repeat 0, and the mean of repeats 1 and 2, as they are.
    alive_first, alive_pair : ndarray, float64 (C,)
        The same over the repeats that did not collapse; NaN where all did.
    collapsed_pair : ndarray, int64 (C,)
        How many of repeats 1 and 2 collapsed.
    best : ndarray, float64 (C, 4)
        Validation: a single run at 4, 12, 36 epochs, the best of three at 108; 20,001 cells.
    seconds : ndarray, float64 (C,)
        Training seconds at 108 epochs: the mean of three runs, or one run where only that is
        known.
    single_seconds : ndarray, float64 (C,)
        Of one run, 20,001 cells.
    mean_validation : ndarray, float64 (C, 4)
        Mean of three validation repeats, some 920 cells.
    params : ndarray, int64 (C,)
    quantiles : ndarray, float64 (2001,)
        Of single validation runs of cells drawn by the official sampler.
    """

    first: np.ndarray
    pair: np.ndarray
    alive_first: np.ndarray
    alive_pair: np.ndarray
    collapsed_pair: np.ndarray
    best: np.ndarray
    seconds: np.ndarray
    single_seconds: np.ndarray
    mean_validation: np.ndarray
    params: np.ndarray
    quantiles: np.ndarray

    @property
    def mean_test(self) -> np.ndarray:
        """Mean of the three test repeats, (C,)."""
        return (self.first + 2 * self.pair) / 3

    @property
    def collapsed(self) -> np.ndarray:
        """How many of the three test repeats collapsed, int64 (C,)."""
        return np.isnan(self.alive_first) + self.collapsed_pair


def split_cells() -> Split:
    """The fixed split, by a hash of the class number."""
    order = np.argsort(mix64(np.arange(NUM_CELLS, dtype=np.uint64) + np.uint64(_SPLIT_KEY << 32)))
    held_out, selection, train = np.split(order, [HELD_OUT, HELD_OUT + SELECTION])
    return Split(train, selection, held_out)


def load_results(path: str | Path | None = None) -> Results:
    """Read the table and the extra file beside it."""
    located = NASBench101.locate(path)
    if located is None:
        raise SystemExit("name the table: --table nasbench101.npz, or MAADE_NASBENCH101")
    table = NASBench101.load(located)
    extra_path = located.with_name("nasbench101_extra.npz")
    cells = cell_numbers(table.column("edges"), table.column("ops"))
    rows = np.empty(len(cells), dtype=np.int64)
    rows[cells] = np.arange(len(cells))
    with np.load(extra_path, allow_pickle=False) as archive:
        extra = {key: archive[key] for key in archive.files}

    test = table.column("test")[rows, -1].astype(np.float64) / IMAGES
    first, pair = test[:, 0], test[:, 1:].mean(axis=1)
    alive_first, alive_pair, collapsed_pair = _without_collapsed(first, pair)
    all_seconds = table.column("train_seconds")[rows, -1]
    known = ~np.isnan(all_seconds)
    single_seconds = np.where(
        known.any(axis=1), np.where(known, all_seconds, 0).sum(axis=1, dtype=np.float64), np.nan
    )
    seconds = single_seconds.copy()
    seconds[cells[extra["train_rows"]]] = extra["train_seconds"]
    mean_validation = np.full((len(cells), len(EPOCHS)), np.nan)
    mean_validation[cells[extra["rows"]]] = _accuracy(extra["validation_sum3"], 3)
    return Results(
        first=first,
        pair=pair,
        alive_first=alive_first,
        alive_pair=alive_pair,
        collapsed_pair=collapsed_pair,
        best=_accuracy(table.column("validation_best")[rows]),
        seconds=seconds,
        single_seconds=single_seconds,
        mean_validation=mean_validation,
        params=table.column("params")[rows].astype(np.int64),
        quantiles=extra["single_run_validation_quantiles"].astype(np.float64) / IMAGES,
    )


def _accuracy(counts: np.ndarray, repeats: int = 1) -> np.ndarray:
    return np.where(counts == MISSING, np.nan, counts / (IMAGES * repeats))


def _without_collapsed(
    first: np.ndarray, pair: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat 0 and the mean of the others without collapsed runs, and the others' number.

    One of the pair collapsed where its mean lies half-way between 0.1 and an accuracy that
    repeat 0 does not contradict.
    """
    collapsed = COLLAPSED_TEST / IMAGES
    first_fell = first < _COLLAPSED_BELOW
    both = pair < _COLLAPSED_BELOW
    one = ~both & (pair < 0.53) & (first_fell | (first - pair > 0.2))
    alive_pair = np.where(both, np.nan, np.where(one, 2 * pair - collapsed, pair))
    return np.where(first_fell, np.nan, first), alive_pair, both * 2 + one
