"""`maade-np gradcheck`, `plot` and `info`."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

import maade_np as mn
from maade_np import gradcheck_suite
from maade_np.cli._common import command
from maade_np.files import cache_folder
from maade_np.loop import versions
from maade_np.report import save_curve
from maade_np.searchers import REGISTRY
from maade_np.tables import NASBench101


def add_gradcheck(commands: Any) -> None:
    """Declare the command."""
    description = """\
Check every hand-derived gradient against the complex step and central differences.

For each case: the largest error of any entry, relative to the norm of its parameter's gradient,
and the parameter where it stands; "direction" is the complex step along a random direction through
all parameters at once. Exits with status 1 if one fails. Your own forward/backward pair:
`maade_np.gradcheck.check_pair`.

examples:
  maade-np gradcheck
  maade-np gradcheck softmax --seed 7"""
    made = command(commands, "gradcheck", _gradcheck, "check all gradients", description)
    made.add_argument("pattern", nargs="?", default="", help="only cases whose name contains this")
    made.add_argument("--seed", type=int, default=0, metavar="S")


def _gradcheck(arguments: argparse.Namespace) -> int:
    print(f"{'case':44}{'complex':>9}{'central':>9}{'direction':>10}  worst at")
    problems, cases = [], 0
    for report in gradcheck_suite.run(arguments.pattern, arguments.seed):
        cases += 1
        (complex_error, where), (central_error, _) = (
            report.worst("complex"),
            report.worst("central"),
        )
        central = "-" if np.isnan(central_error) else f"{central_error:.1e}"
        direction = report.directional["complex"]
        verdict = "" if report.ok else "  FAILED"
        print(
            f"{report.name:44}{complex_error:9.1e}{central:>9}{direction:10.1e}  {where}{verdict}",
            flush=True,
        )
        problems += report.problems
    if not cases:
        raise ValueError(f"no case's name contains {arguments.pattern!r}")
    if problems:
        print(f"\n{len(problems)} problems:\n" + "\n".join(problems))
        return 1
    print(f"\nall {cases} cases are right (complex step to 1e-10, central differences to 1e-6)")
    return 0


def add_plot(commands: Any) -> None:
    """Declare the command."""
    description = """\
Draw a saved search again, for example as SVG or with a newer version.

example:
  maade-np plot runs/first --out first.svg"""
    made = command(commands, "plot", _plot, "draw a saved search", description)
    made.add_argument("folder", type=Path, help="what `maade-np search --out` wrote")
    made.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=".png, .svg or .pdf (default: curve.png in the folder)",
    )


def _plot(arguments: argparse.Namespace) -> None:
    result = mn.SearchResult.load(arguments.folder)
    print(save_curve(result, arguments.out or arguments.folder / "curve.png"))


def add_info(commands: Any) -> None:
    """Declare the command."""
    description = """\
Show versions, where files are kept, what is installed, and the constants of NAS-Bench-101."""
    command(commands, "info", _info, "versions, folders, constants", description)


def _info(arguments: argparse.Namespace) -> None:
    rows = dict(versions())
    for package, use in (("matplotlib", "pictures"), ("tqdm", "progress bars"), ("cupy", "GPU")):
        there = importlib.util.find_spec(package) is not None
        rows[package] = f"{'installed' if there else 'not installed'} ({use})"
    rows["cache folder"] = f"{cache_folder()} ($MAADE_CACHE)"
    rows["table"] = f"{NASBench101.locate() or 'not set'} ($MAADE_NASBENCH101)"
    rows["searchers"] = ", ".join(REGISTRY)
    rows["NAS-Bench-101"] = "26 decisions, 509,607,936 strings, 373,754,169 valid, 423,624 cells"
    width = max(map(len, rows))
    for key, value in rows.items():
        print(f"{key:<{width}}  {value}")
