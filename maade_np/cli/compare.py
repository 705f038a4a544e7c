"""`maade-np compare`."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

from maade_np.cli._common import TrialBar, command, trial_flags
from maade_np.experiments import FIGURES, Plan, TrialError, outcomes, run_plan
from maade_np.experiments.arms import SYNTAX
from maade_np.experiments.plan import FILE
from maade_np.reproduce import write_study
from maade_np.reproduce.comparison import (
    KEYS,
    PART,
    comparison_study,
    make_plan,
    read_options,
)
from maade_np.reproduce.write import all_rows, short_grids
from maade_np.searchers import REGISTRY
from maade_np.statistics import TESTS

HELP = f"""\
Run many trials of several searchers on one table and compare what they found.

A searcher is written
  {SYNTAX}
where an item is a preset or SETTING=VALUE: random, remaade:paper-medium, or
ours=remaade:duplicates=skip,batch_size=10. Tables and pictures show the label, or what was written
where there is none. `maade-np search --help` lists presets and settings.

Trial t of every searcher has the seed SEED + t, so results depend neither on --jobs nor on where
the trials run. Each is recorded when it ends: the same command, or --out DIR alone, goes on where a
run was interrupted, and takes more --trials or searchers. Every searcher is tested against those of
--against; these tests are the family of Holm's correction, and are written into DIR/{PART}/{FILE}
before the first trial.

Made from the records: table.md, table.csv, table.tex; details.md (who beats whom, queries to
--targets, settings, cost); wins.csv, targets.csv, curves.csv; and as PNG and SVG intervals, curves,
regrets, ranks and wins.

--plan takes the same from a JSON file: {{"searchers": ["random", "remaade:paper-short"],
"table": "surrogate", "budget": 150, "trials": 20, "against": ["random"], "targets": [6.2]}};
"searchers" may be an object, label: {{"searcher": name, "preset": p, "settings": {{...}}}}. A run's
{FILE} is one. What the command line says goes before the file.

A cluster's workers need this version of maade-np, and open the table by the same name: a file must
have the same path on each machine; the surrogate needs nothing.

examples:
  maade-np compare --searchers random remaade reinforce-lstm --trials 20 --jobs 4
  maade-np compare --searchers random ours=remaade:duplicates=skip --targets 6.3 6.1 \\
                   --table nasbench101.npz --protocol test-holdout --out runs/ours
  maade-np compare --searchers random remaade --table task.py:make_table --test permutation
  maade-np compare --plan plan.json --cluster dask://scheduler:8786 --out runs/big
  maade-np compare --out runs/big                        go on with it
  maade-np compare --out runs/big --report-only"""


def add(commands: Any) -> None:
    """Declare the command."""
    made = command(commands, "compare", _compare, "compare searchers over many trials", HELP)
    flag = made.add_argument
    flag(
        "--searchers",
        nargs="+",
        metavar="SEARCHER",
        help=f"see above; names are {', '.join(REGISTRY)}",
    )
    flag("--plan", type=Path, metavar="FILE", help="read the comparison from JSON; see above")
    flag(
        "--table",
        metavar="TABLE",
        help="a NAS-Bench-101 file, a name of `maade-np table list`, or FILE.py:NAME, a Table of "
        "your own or a function that makes it (default: $MAADE_NASBENCH101 if set, else the surrogate)",
    )
    flag("--protocol", help="what drives searches and what is compared (default: the table's)")
    flag("--budget", type=int, metavar="N", help="queries a trial (default: 150)")
    flag("--trials", type=int, metavar="T", help="of each searcher (default: 20)")
    flag("--seed", type=int, dest="first_seed", metavar="S", help="of trial 0 (default: 0)")
    flag(
        "--against",
        nargs="+",
        metavar="LABEL",
        help="what every searcher is tested against (default: the first searcher)",
    )
    flag("--test", choices=TESTS, help="default: welch; rank: a permutation test of mid-ranks")
    flag(
        "--figure",
        choices=FIGURES,
        help="what is compared at the end: held_out (default where known), mean_test, or signal, "
        "which drove the search",
    )
    flag(
        "--targets",
        nargs="+",
        type=float,
        metavar="E",
        help="count queries to these errors in %% (default: where the --against end, on average)",
    )
    flag(
        "--out", type=Path, default=Path("runs/compare"), metavar="DIR", help="default: %(default)s"
    )
    trial_flags(flag)


def _compare(arguments: argparse.Namespace) -> None:
    folder, failed = arguments.out / PART, None
    options = _options(arguments, folder)
    targets = options.pop("targets", ())
    if arguments.report_only:
        plan = Plan.read(folder)
    else:
        plan, source = make_plan(**options)
        bar = TrialBar(arguments.quiet)
        try:
            run_plan(
                plan, folder, source, arguments.jobs, cluster=arguments.cluster, watch=bar.show
            )
        except TrialError as error:  # the others' results are worth seeing
            failed = error
        finally:
            bar.close()
    plan = Plan.read(folder)
    found = outcomes(plan, folder)
    if not found:
        raise failed or ValueError(f"{folder} holds no record; run it without --report-only")
    study = comparison_study(plan, found, targets)
    paths = write_study(study, arguments.out, ("png", "svg"))
    for grid in short_grids(study, {PART: all_rows(study, {PART: found})[PART]}, {PART: found}):
        print("\n".join([grid.title, *textwrap.wrap(grid.note + ".", 100), "", *grid.text(), ""]))
    print("\n".join(map(str, paths)))
    if failed:
        raise failed


def _options(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return what the command line says, before what a plan says."""
    plan = arguments.plan
    if plan is None and arguments.searchers is None:
        plan = folder / FILE
        if not plan.exists():
            raise ValueError(
                f"name --searchers or give a --plan; {arguments.out} holds no comparison to go on "
                f"with. Searchers: {', '.join(REGISTRY)}"
            )
    options = {} if plan is None else read_options(plan)
    said = {key: getattr(arguments, key) for key in KEYS}
    options |= {key: value for key, value in said.items() if value is not None}
    if "searchers" not in options:
        raise ValueError(f'{plan} names no searchers: "searchers": ["random", "remaade"]')
    return options
