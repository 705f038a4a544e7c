"""`maade-np reproduce`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from maade_np.cli._common import TrialBar, WorkBar, command, trial_flags
from maade_np.experiments import run_plan
from maade_np.reproduce import STUDIES, Part, table2, write_study
from maade_np.tables import NASBench101

HELP = """\
Run a table of the paper again, or go on with it, and write it as Markdown, CSV and pictures.

  table2   what each policy's context layer costs: counts, and measured time
  table3   every searcher: 150 queries
  table4   the policy, ablated: 150 queries, 500 trials an arm
  table5   searchers at 3,200 queries
  table6   how many orders are mixed: 3,200 queries

The plan (settings, seeds, protocol) is written first. Every trial is recorded as it ends, so the
same command goes on where it was interrupted, or with more --trials; results do not depend on
--jobs. Parts on real results need --table, those on the surrogate nothing. table2 runs no search:
it takes --memory, --out and --report-only alone.

examples:
  maade-np reproduce table4 --trials 20
  maade-np reproduce table4 --table nasbench101.npz --jobs 4
  maade-np reproduce table6 --table nasbench101.npz --part test-mean --trials 50
  maade-np reproduce table4 --report-only"""


def add(commands: Any) -> None:
    """Declare the command."""
    made = command(commands, "reproduce", _reproduce, "run a table of the paper again", HELP)
    flag = made.add_argument
    flag("study", choices=sorted((table2.NAME, *STUDIES)), help="which table")
    flag(
        "--table",
        type=Path,
        metavar="FILE",
        help="real NAS-Bench-101 results, .npz or .tfrecord (default: $MAADE_NASBENCH101)",
    )
    parts = sorted({part.name for study in STUDIES.values() for part in study.parts})
    flag("--part", choices=parts, help="only this part of the table (default: all)")
    flag(
        "--trials",
        type=int,
        metavar="T",
        help="trials an arm, the first of the plan's (default: all, 500 or 100)",
    )
    flag(
        "--out",
        type=Path,
        metavar="DIR",
        help="records, tables and pictures (default: runs/NAME)",
    )
    flag(
        "--memory",
        type=float,
        default=table2.MEMORY,
        metavar="GIB",
        help="table2: largest policy that is made (parameters, gradients, moments; default: %(default)s)",
    )
    trial_flags(flag)


def _reproduce(arguments: argparse.Namespace) -> None:
    folder = arguments.out or Path("runs") / arguments.study
    if arguments.study == table2.NAME:
        if not arguments.report_only:
            with WorkBar("policies", hidden=arguments.quiet) as bar:
                table2.run(folder, arguments.memory, bar)
        print("\n".join(str(path) for path in table2.write(folder)))
        return
    study = STUDIES[arguments.study]
    parts = [part for part in study.parts if arguments.part in (None, part.name)]
    if not parts:
        names = ", ".join(part.name for part in study.parts)
        raise ValueError(f"{study.name} has no part {arguments.part!r}; it has {names}")
    if not arguments.report_only:
        _run(arguments, parts, folder)
    print("\n".join(str(path) for path in write_study(study, folder)))


def _run(arguments: argparse.Namespace, parts: list[Part], folder: Path) -> None:
    path = NASBench101.locate(arguments.table)
    ran = 0
    for part in parts:
        real = part.plan.kind == "real"
        if real and path is None:
            print(
                f"part {part.name!r} needs real results: give --table, or set MAADE_NASBENCH101 "
                "(see `maade-np table --help`); left out",
                file=sys.stderr,
            )
            continue
        bar = TrialBar(arguments.quiet, part.name)
        try:
            run_plan(
                part.plan,
                folder / part.name,
                source=str(path) if real else None,
                jobs=arguments.jobs,
                trials=arguments.trials and min(arguments.trials, len(part.plan.seeds)),
                cluster=arguments.cluster,
                watch=bar.show,
            )
        finally:
            bar.close()
        ran += 1
    if not ran:
        raise ValueError("no part could be run")
