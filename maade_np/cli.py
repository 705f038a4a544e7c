"""The command line: ``maade-np search | gradcheck | table | plot | info``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import typing
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

import maade_np as mn
from maade_np import gradcheck_suite
from maade_np.files import cache_folder
from maade_np.loop import Progress, versions
from maade_np.report import save_cell, save_curve, save_point, text
from maade_np.searchers import REGISTRY, settings_for
from maade_np.spaces import nasbench101
from maade_np.tables import NASBench101, Table, Toy

MEDIUM_FROM = 1000

SEARCH_HELP = """\
Search for the best string of a space and show what was found.

examples:
  maade-np search --table nasbench101.npz --out runs/first
  maade-np search --table nasbench101.npz --budget 3200 --protocol test-mean
  maade-np search --table nasbench101.npz --batch-size 10 --advantage rank \\
                  --objective ppo --updates 5 --duplicates skip
  maade-np search --searcher random --table toy"""

TABLE_NOTE = """\
no table was given, so this is a search on a small made-up toy landscape.
For real results give --table PATH (or set MAADE_NASBENCH101): an .npz file in the format
maade-np/nasbench101/1, see `maade-np table --help`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"maade-np {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"maade-np {arguments.command}: interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="maade-np",
        description="Neural architecture search by policy gradient, in NumPy (ReMAADE).",
        epilog="`maade-np COMMAND --help` explains each command.",
    )
    top.add_argument("--version", action="version", version=f"maade-np {mn.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_search(commands)
    _add_gradcheck(commands)
    _add_table(commands)
    _add_plot(commands)
    _add_info(commands)
    return top


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], Any], help: str, description: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    return made


# search


def _add_search(commands: Any) -> None:
    command = _command(commands, "search", _search, "run a search", SEARCH_HELP)
    add = command.add_argument
    add(
        "--table",
        metavar="PATH",
        help="results to search on: a .npz table, or 'toy' "
        "(default: $MAADE_NASBENCH101 if set, else toy)",
    )
    add("--searcher", default="remaade", choices=sorted(REGISTRY), help="default: %(default)s")
    add("--budget", type=int, default=150, metavar="N", help="queries (default: %(default)s)")
    add(
        "--protocol",
        help="what drives the search and what is reported, for example test-holdout "
        "or test-mean (default: the table's)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="of the searcher's choices and of the table's noise (default: %(default)s)",
    )
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="write result.json, history.csv, curve.png and the best string's picture there",
    )
    add("--overwrite", action="store_true", help="replace a result that DIR already holds")
    add("--profile", action="store_true", help="print where the time went")
    add("--quiet", action="store_true", help="no progress bar")
    presets = ", ".join(p for e in REGISTRY.values() for p in e.presets if p != "default")
    add(
        "--preset",
        help=f"where the settings start from: {presets} (default for remaade: "
        f"paper-short, and paper-medium for budgets from {MEDIUM_FROM} on)",
    )
    for name in REGISTRY:
        _add_settings(command, name)


def _add_settings(command: argparse.ArgumentParser, name: str) -> None:
    presets = REGISTRY[name].presets
    settings = next(iter(presets.values()))
    shown_presets = f" (defaults: {' | '.join(presets)})" if len(presets) > 1 else ""
    group = command.add_argument_group(f"settings of {name}{shown_presets}")
    types = typing.get_type_hints(type(settings))
    for field in fields(settings):
        flag = "--" + field.name.replace("_", "-")
        if any(flag in action.option_strings for action in command._actions):
            continue
        kind = next(
            t
            for t in (*typing.get_args(types[field.name]), types[field.name])
            if t in (int, float, str)
        )
        values = [getattr(preset, field.name) for preset in presets.values()]
        shown = " | ".join(map(str, dict.fromkeys(values)))
        text_of = field.metadata["help"]
        group.add_argument(
            flag,
            type=kind,
            choices=field.metadata["choices"] or None,
            default=None,
            metavar=None if field.metadata["choices"] else "X",
            help=text_of
            if "default" in text_of or values[0] is None
            else f"{text_of} (default: {shown})",
        )


def _search(arguments: argparse.Namespace) -> None:
    name = arguments.searcher
    known = {
        field.name for e in REGISTRY.values() for field in fields(next(iter(e.presets.values())))
    }
    changes = {k: v for k, v in vars(arguments).items() if k in known and v is not None}
    preset = arguments.preset
    if preset is None and name == "remaade" and arguments.budget >= MEDIUM_FROM:
        preset = "paper-medium"
    settings = settings_for(name, preset, **changes)
    out = arguments.out
    if out is not None:
        _prepare_folder(out, arguments.overwrite)
    path = NASBench101.locate(arguments.table)
    if path is None:
        print(TABLE_NOTE, end="\n\n", file=sys.stderr)
    table: Table = Toy() if path is None or str(path) == "toy" else NASBench101.load(path)
    searcher = REGISTRY[name].make(table.space, settings, arguments.seed)
    bar = _Bar(arguments.budget, hidden=arguments.quiet)
    try:
        result = mn.search(
            searcher,
            table,
            budget=arguments.budget,
            protocol=arguments.protocol,
            seed=arguments.seed,
            on_batch=bar.show,
            checkpoint=None if out is None else out / "checkpoint.npz",
        )
    finally:
        bar.close()
    print(text.summary(result))
    if arguments.profile:
        print("\n" + text.profile(result))
    if out is not None:
        print("\n" + "\n".join(str(path) for path in write_result(result, out)))


def write_result(result: mn.SearchResult, folder: Path) -> list[Path]:
    """Write the record of a search and its pictures; return the paths."""
    result.save(folder)
    paths = [folder / "result.json", folder / "history.csv"]
    paths.append(save_curve(result, folder / "curve.png"))
    best, title = result.best, f"best of {result.counts['queries']} queries"
    if text.are_cells(result.names):
        title += f": mean test error {100 * (1 - best.mean_test):.2f} %"
        matrix, ops = nasbench101.matrix_ops(best.actions[None])
        pruned = nasbench101.prune(matrix[0], ops[0].tolist())
        paths.append(save_cell(*pruned, folder / "cell.png", title))
    else:
        values = best.actions.tolist()
        paths.append(save_point(result.names, values, folder / "point.png", title))
    return paths


def _prepare_folder(folder: Path, overwrite: bool) -> None:
    """Make sure, before the search, that its results can be written and hide no other's."""
    if (folder / "result.json").exists() and not overwrite:
        raise ValueError(
            f"{folder} already holds a result; give another --out, or --overwrite to replace it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot write to --out {folder}: {error.strerror or error}") from error


class _Bar:
    """A progress bar on stderr: queries, best error so far, distinct cells."""

    def __init__(self, budget: int, hidden: bool) -> None:
        self._bar: Any = None
        if hidden or not sys.stderr.isatty():
            return
        if importlib.util.find_spec("tqdm") is None:
            print("(a progress bar needs tqdm: pip install tqdm)", file=sys.stderr)
            return
        from tqdm import tqdm

        self._bar = tqdm(total=budget, unit=" queries", ncols=100, mininterval=0.05)

    def show(self, progress: Progress) -> None:
        if self._bar is None:
            return
        best = progress.best_signal
        shown = f"{100 * (1 - best):.2f} %" if 0 <= best <= 1 else f"{best:.4g}"
        self._bar.set_postfix_str(
            f"best {shown}, {progress.distinct_cells} distinct", refresh=False
        )
        self._bar.update(progress.queries - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


# gradcheck


def _add_gradcheck(commands: Any) -> None:
    description = """\
Check every hand-derived gradient against the complex step and central differences.

For each case: the largest error of any entry, relative to the norm of its parameter's gradient,
and the parameter where it stands; "direction" is the complex step along a random direction through
all parameters at once. Exits with status 1 if one fails. Your own forward/backward pair:
`maade_np.gradcheck.check_pair`.

examples:
  maade-np gradcheck
  maade-np gradcheck softmax --seed 7"""
    command = _command(commands, "gradcheck", _gradcheck, "check all gradients", description)
    command.add_argument(
        "pattern", nargs="?", default="", help="only cases whose name contains this"
    )
    command.add_argument("--seed", type=int, default=0, metavar="S")


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


# table


def _add_table(commands: Any) -> None:
    description = """\
Say what a table of results holds.

A table is an .npz file in the format maade-np/nasbench101/1 (see
`help(maade_np.tables.NASBench101.load)`): a row a cell, test and validation counts of three
repeats at one or more training budgets.

example:
  maade-np table nasbench101.npz"""
    command = _command(commands, "table", _table, "describe a table of results", description)
    command.add_argument("path", nargs="?", help="default: $MAADE_NASBENCH101")


def _table(arguments: argparse.Namespace) -> None:
    path = NASBench101.locate(arguments.path)
    if path is None:
        raise ValueError("give the path of a table, or set MAADE_NASBENCH101")
    table = NASBench101.load(path)
    described = table.describe()
    mean = table.mean_test(table.actions())
    print(f"{path}: {len(table):,} cells, {text.KINDS[table.kind]}")
    print(f"  training budgets   {', '.join(map(str, table.epochs))} epochs")
    print(f"  protocols          {', '.join(table.protocols)} (default: {table.default_protocol})")
    for protocol in table.protocols:
        best = {k: v for k, v in table.optimum(protocol).items() if v is not None}
        shown = ", ".join(f"{text.FIGURE_NAMES[k]} {100 * (1 - v):.4f} %" for k, v in best.items())
        print(f"  optimum, {protocol}: {shown}")
    quantiles = np.nanquantile(100 * (1 - mean), [0, 0.001, 0.01, 0.1, 0.5, 0.9])
    names = ("best", "0.1 %", "1 %", "10 %", "median", "90 %")
    print(
        "  mean test error    "
        + "   ".join(f"{name} {value:.2f} %" for name, value in zip(names, quantiles, strict=True))
    )
    if "sha256" in described:
        print(f"  SHA-256            {described['sha256']}")


# plot and info


def _add_plot(commands: Any) -> None:
    description = """\
Draw a saved search again, for example as SVG or with a newer version.

example:
  maade-np plot runs/first --out first.svg"""
    command = _command(commands, "plot", _plot, "draw a saved search", description)
    command.add_argument("folder", type=Path, help="what `maade-np search --out` wrote")
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=".png, .svg or .pdf (default: curve.png in the folder)",
    )


def _plot(arguments: argparse.Namespace) -> None:
    result = mn.SearchResult.load(arguments.folder)
    print(save_curve(result, arguments.out or arguments.folder / "curve.png"))


def _add_info(commands: Any) -> None:
    description = """\
Show versions, where files are kept, what is installed, and the constants of NAS-Bench-101."""
    _command(commands, "info", _info, "versions, folders, constants", description)


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
