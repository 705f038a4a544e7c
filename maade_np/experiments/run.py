"""Trials in parallel processes or on a cluster, each recorded when it ends."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from maade_np._version import __version__
from maade_np.experiments.arms import Arm
from maade_np.experiments.engine import engine
from maade_np.experiments.plan import Plan, commit_plan, digest
from maade_np.experiments.records import (
    Key,
    Record,
    as_line,
    open_to_append,
    pack_records,
    read_records,
)
from maade_np.experiments.sources import absolute, described, opened
from maade_np.experiments.trial import Failure, attempt
from maade_np.files import only_writer
from maade_np.loop import versions

RUNS = "runs.jsonl"
Progress = Callable[[int, int], object]


class Standing(NamedTuple):
    """How far a run is: trials done and to do in this call, and the seconds left (None: unknown)."""

    done: int
    total: int
    seconds_left: float | None


class TrialError(RuntimeError):
    """Trials raised; what others recorded is kept."""


def run_plan(
    plan: Plan,
    folder: Path,
    source: str | None = None,
    jobs: int = 1,
    trials: int | None = None,
    progress: Progress | None = None,
    cluster: str | None = None,
    watch: Callable[[Standing], object] | None = None,
) -> dict[Key, Record]:
    """Run the trials that have no record yet.

    The plan is written into the folder first. A trial is a function of its arm, its seed and the
    table, and computes with one thread (where threadpoolctl is installed, which comes with the
    extra "parallel"; else set OMP_NUM_THREADS=1 for runs in this process), so neither the number of
    jobs, nor a cluster, nor interruptions change anything but the time.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Gets ``plan.json``, ``runs.jsonl`` (what each call ran on) and ``records.jsonl``, which
        becomes ``records.jsonl.gz`` when all that was asked for is there. What is there already is
        not run again.
    source : str, optional
        The table, as in `maade_np.experiments.sources.opened`; the plan's by default. Every process
        opens it by this name: on a cluster a file must have the same path on each machine (a shared
        folder, or copies), names such as "surrogate" need nothing.
    jobs : int
        Processes on this machine; more than one needs joblib.
    trials : int, optional
        Only the first so many of the plan's seeds, of each arm.
    progress : callable, optional
        Called with the trials done and the trials to do in this call.
    cluster : str, optional
        Where to run instead; see `maade_np.experiments.engine`.
    watch : callable, optional
        Called with a `Standing`, which has an estimate of the time left as well.

    Returns
    -------
    dict
        All records of the folder by arm and seed.

    Raises
    ------
    ValueError
        The folder belongs to another plan, the table is of another kind than the plan's, or the
        cluster is not known.
    ImportError
        The package that the jobs or the cluster need is missing.
    RuntimeError
        Another run is writing into the folder.
    TrialError
        Trials raised. An arm of which one does is not tried again in this call; all others ran.
    """
    if jobs < 1 or (trials is not None and not 1 <= trials <= len(plan.seeds)):
        raise ValueError(
            f"jobs is {jobs} and trials is {trials}; jobs must be at least 1, "
            f"trials from 1 to {len(plan.seeds)}"
        )
    run_all = engine(jobs, cluster)
    source = absolute(plan.table if source is None else source)
    table = opened(source)
    if table.kind != plan.kind:
        raise ValueError(
            f"the plan is for a {plan.kind} table ({plan.table}); {source} is {table.kind}"
        )
    plan.describe()
    table.check_protocol(plan.protocol)
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder / RUNS, str(folder)):
        written = commit_plan(plan, folder)
        done = read_records(plan, folder)
        wanted = [
            (arm, seed)
            for seed in plan.seeds[: len(plan.seeds) if trials is None else trials]
            for arm in plan.arms  # seeds outside: an interrupted run has as many trials of each arm
            if (arm.label, seed) not in done
        ]
        of = {arm.label: digest(written, arm.label) for arm in plan.arms}
        clock = Clock(wanted, done.values())
        failures: dict[str, Failure] = {}

        def calls() -> Iterator[tuple[Any, ...]]:
            for arm, seed in wanted:
                if arm.label not in failures:
                    yield __version__, described(table), plan, arm, seed, source

        if watch is not None:
            watch(Standing(0, len(wanted), None))
        try:
            with open_to_append(folder) as file, closing(run_all(attempt, calls())) as ran:
                for result in ran:
                    if isinstance(result, Failure):
                        failures.setdefault(result.arm, result)
                        continue
                    file.write(as_line({**result, "of": of[result["arm"]]}))
                    file.flush()
                    standing = clock.ended(result)
                    if progress is not None:
                        progress(standing.done, standing.total)
                    if watch is not None:
                        watch(standing)
        finally:
            if clock.done:
                _note_run(folder, jobs, cluster, clock)
        if failures:
            raise _failed(failures)
        pack_records(plan, folder)
        return read_records(plan, folder)


class Clock:
    """Estimates the time left: for each arm its mean trial, over how many run at a time."""

    def __init__(self, wanted: Iterable[tuple[Arm, int]], before: Iterable[Record]) -> None:
        self.left = Counter(arm.label for arm, _ in wanted)
        self.total, self.done, self.worked = self.left.total(), 0, 0.0
        self.seconds: dict[str, list[float]] = defaultdict(list)
        for record in before:
            self.seconds[record["arm"]].append(record["seconds"])
        self.start = time.perf_counter()

    def ended(self, record: Record) -> Standing:
        """Count a trial."""
        self.done += 1
        self.left[record["arm"]] -= 1
        self.worked += record["seconds"]
        self.seconds[record["arm"]].append(record["seconds"])
        return Standing(self.done, self.total, self.seconds_left())

    def seconds_left(self) -> float | None:
        """Return the estimate; None while there is an arm of which no trial has ended."""
        arms = [label for label, count in self.left.items() if count]
        if not all(self.seconds[label] for label in arms):
            return None
        work = sum(self.left[a] * sum(self.seconds[a]) / len(self.seconds[a]) for a in arms)
        elapsed = time.perf_counter() - self.start
        return float(work * elapsed / self.worked) if self.worked else None


def _note_run(folder: Path, jobs: int, cluster: str | None, clock: Clock) -> None:
    """Add a line on what a call ran: how much, with what, how long."""
    line = {
        "trials": clock.done,
        "wall_seconds": round(time.perf_counter() - clock.start, 1),
        "trial_seconds": round(clock.worked, 1),
        "jobs": None if cluster else jobs,
        "cluster": cluster,
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        **versions(),
    }
    with open(folder / RUNS, "a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(line) + "\n")


def _failed(failures: dict[str, Failure]) -> TrialError:
    lines = [f"arm {f.arm!r}, seed {f.seed}: {f.error}" for f in failures.values()]
    error = TrialError(
        f"trials of {len(lines)} searchers failed, which were not tried further; what has ended is "
        "kept, and running again goes on from there.\n  " + "\n  ".join(lines)
    )
    for failure in failures.values():
        error.add_note(failure.details)
    return error
