"""Trials in parallel processes, each recorded when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from maade_np import searchers
from maade_np.experiments.plan import Arm, Plan, commit_plan, digest
from maade_np.experiments.records import (
    FIGURES,
    Key,
    Record,
    as_line,
    open_to_append,
    pack_records,
    read_records,
)
from maade_np.loop import search
from maade_np.searchers.base import FULL_EPOCHS
from maade_np.tables import Table
from maade_np.tables.catalog import open_table

Progress = Callable[[int, int], object]


@lru_cache(maxsize=4)
def opened(source: str) -> Table:
    """Open a table once a process."""
    return open_table(source)


def run_plan(
    plan: Plan,
    folder: Path,
    source: str | None = None,
    jobs: int = 1,
    trials: int | None = None,
    progress: Progress | None = None,
) -> dict[Key, Record]:
    """Run the trials that have no record yet.

    The plan is written into the folder first. A trial is a function of its arm and its seed, so the
    number of jobs and interruptions change nothing but the time (with more than one job, each
    process computes with one thread; set OMP_NUM_THREADS=1 for one job to do the same).

    Parameters
    ----------
    plan : Plan
    folder : Path
        Gets ``plan.json`` and ``records.jsonl``, which becomes ``records.jsonl.gz`` when all that
        was asked for is there. What is there already is not run again.
    source : str, optional
        What `maade_np.tables.catalog.open_table` opens; the plan's table by default.
    jobs : int
        Processes; more than one needs joblib.
    trials : int, optional
        Only the first so many of the plan's seeds, of each arm.
    progress : callable, optional
        Called with the trials done and the trials to do in this call.

    Returns
    -------
    dict
        All records of the folder by arm and seed.

    Raises
    ------
    ValueError
        The folder belongs to another plan, or the table is of another kind than the plan's.
    ImportError
        More than one job, and joblib is missing.
    """
    if jobs < 1 or (trials is not None and not 1 <= trials <= len(plan.seeds)):
        raise ValueError(
            f"jobs is {jobs} and trials is {trials}; jobs must be at least 1, "
            f"trials from 1 to {len(plan.seeds)}"
        )
    joblib = _joblib() if jobs > 1 else None
    source = plan.table if source is None else source
    table = opened(source)
    if table.kind != plan.kind:
        raise ValueError(
            f"the plan is for a {plan.kind} table ({plan.table}); {source} is {table.kind}"
        )
    plan.arms[0].resolved()
    table.check_protocol(plan.protocol)
    written = commit_plan(plan, folder)
    done = read_records(plan, folder)
    wanted = [
        (arm, seed)
        for seed in plan.seeds[: len(plan.seeds) if trials is None else trials]
        for arm in plan.arms  # seeds outside: an interrupted run has as many trials of each arm
        if (arm.label, seed) not in done
    ]
    with open_to_append(folder) as file, closing(_ended(plan, wanted, source, joblib, jobs)) as ran:
        for number, record in enumerate(ran, start=1):
            record = {**record, "of": digest(written, record["arm"])}
            file.write(as_line(record))
            file.flush()
            if progress is not None:
                progress(number, len(wanted))
    pack_records(plan, folder)
    return read_records(plan, folder)


def _ended(
    plan: Plan, wanted: list[tuple[Arm, int]], source: str, joblib: Any, jobs: int
) -> Generator[Record, None, None]:
    """Yield records as trials end."""
    if joblib is None:
        for arm, seed in wanted:
            yield run_trial(plan, arm, seed, source)
        return
    tasks = (joblib.delayed(run_trial)(plan, arm, seed, source) for arm, seed in wanted)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        yield from joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)


def run_trial(plan: Plan, arm: Arm, seed: int, source: str) -> Record:
    """Run one search and return its record, without the digest of its settings."""
    table, start = opened(source), time.perf_counter()
    searcher = searchers.create(
        arm.searcher, table.space, seed, preset=arm.preset, **dict(arm.settings)
    )
    result = search(searcher, table, plan.budget, plan.protocol, seed)
    curve, described = result.curve(), table.describe()
    # a searcher that asks for less than full trainings makes more queries than its budget
    spent = np.cumsum(result.history.epochs) / FULL_EPOCHS
    at = (np.searchsorted(spent, plan.checkpoints + 1e-9, side="right") - 1).clip(0)
    version = described.get("model") or str(described.get("sha256", ""))[:12]
    return {
        "arm": arm.label,
        "seed": seed,
        "table": f"{table.kind}: {table.name} {version}".strip(),
        **{name: _errors(curve[name][at]) for name in FIGURES},
        "best": result.best.cell,
        "queries": result.counts["queries"],
        "distinct": result.counts["distinct_cells"],
        "resampled": result.counts["resampled"],
        "seconds": round(time.perf_counter() - start, 3),
    }


def _errors(accuracies: np.ndarray) -> list[float | None]:
    """Return errors in %, to more digits than a test set of 9,984 images tells apart."""
    return [None if np.isnan(a) else round(100 * (1 - float(a)), 4) for a in accuracies]


def _joblib() -> Any:
    try:
        import joblib
    except ImportError as error:
        raise ImportError(
            "several jobs need joblib, which is not installed: `pip install joblib`, "
            "or run with one job"
        ) from error
    return joblib
