"""`maade-np table info | convert | download | verify | list`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from maade_np.cli._common import WorkBar, command
from maade_np.report import save_distribution, text
from maade_np.tables import NASBench101, Table, catalog, convert, download
from maade_np.tables.verify import verify

ABOUT = """\
Tables of results: describe, convert, download, verify, list.

examples:
  maade-np table list
  maade-np table info                               the embedded surrogate
  maade-np table info nasbench101.npz --out accuracies.png
  maade-np table download only108 --to data
  maade-np table convert data/nasbench_only108.tfrecord nasbench101.npz
  maade-np table verify nasbench101.npz"""

INFO = """\
Say what a table holds: points, training budgets, protocols, optima, and how accuracies are
distributed.

TABLE is a name (`maade-np table list`) or a NAS-Bench-101 file: the official .tfrecord, or an .npz
in the format maade-np/nasbench101/1 (see `help(maade_np.tables.NASBench101.load)`).

examples:
  maade-np table info nasbench101.npz --out accuracies.png
  maade-np table info hpolib:protein_structure"""

CONVERT = """\
Convert the official NAS-Bench-101 file to the compact .npz format, without TensorFlow.

Every record's two checksums are checked, and every field of every record. The result is some
10 to 40 MB and opens in a fraction of a second.

examples:
  maade-np table convert nasbench_only108.tfrecord nasbench101.npz
  maade-np table convert nasbench_full.tfrecord nasbench101-full.npz --everything"""

DOWNLOAD = """\
Download an official NAS-Bench-101 file, going on where an earlier attempt broke off, and check its
SHA-256.

examples:
  maade-np table download only108
  maade-np table download full --to data"""

VERIFY = """\
Check a NAS-Bench-101 table: the number of cells, repeats and training budgets, the official hash
and the parameter count of every cell. Exits with status 1 if a check fails.

example:
  maade-np table verify nasbench101.npz"""


def add(commands: Any) -> None:
    """Declare the commands."""
    made = command(
        commands, "table", _list, "tables of results: info, convert, download ...", ABOUT
    )
    made.set_defaults(run=None)
    table = made.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    info = command(table, "info", _info, "describe a table", INFO)
    info.add_argument(
        "table",
        nargs="?",
        help="name or path (default: $MAADE_NASBENCH101 if set, else the surrogate)",
    )
    info.add_argument(
        "--out", type=Path, metavar="FILE", help="draw the distribution: .png, .svg or .pdf"
    )
    convert = command(table, "convert", _convert, "official .tfrecord to .npz", CONVERT)
    convert.add_argument("source", type=Path, help="the official .tfrecord file")
    convert.add_argument("target", type=Path, help="the .npz file to write")
    convert.add_argument(
        "--everything",
        action="store_true",
        help="keep training accuracies and half-way metrics too, which searches do not need but "
        "the nasbench API answers",
    )
    convert.add_argument("--overwrite", action="store_true", help="replace TARGET if it exists")
    fetch = command(table, "download", _download, "fetch an official file", DOWNLOAD)
    fetch.add_argument("name", choices=sorted(download.FILES), help="which file")
    fetch.add_argument(
        "--to", type=Path, default=Path(), metavar="DIR", help="default: the current folder"
    )
    fetch.add_argument("--url", help="of a mirror; the SHA-256 must be the same")
    check = command(table, "verify", _verify, "check a table", VERIFY)
    check.add_argument("table", nargs="?", help="path (default: $MAADE_NASBENCH101)")
    check.add_argument(
        "--no-hashes",
        action="store_true",
        help="do not recompute all hashes, which takes some ten seconds the first time",
    )
    command(table, "list", _list, "the names of the tables", "List the names of the tables.")


def _info(arguments: argparse.Namespace) -> None:
    with WorkBar("opening the table") as bar:
        table = catalog.open_table(arguments.table, bar)
    print(describe(table))
    if arguments.out is not None:
        print(
            save_distribution(_accuracies(table), arguments.out, title=table.name, kind=table.kind)
        )


def describe(table: Table) -> str:
    """Return what a table holds, as text."""
    known = table.describe()
    rows = {"space": f"{table.space.size} hyper-parameters"}
    if isinstance(table, NASBench101):
        rows["cells"] = f"{len(table):,}"
        rows["training budgets"] = f"{', '.join(map(str, table.epochs))} epochs"
    default = table.default_protocol
    rows["protocols"] = f"{', '.join(table.protocols)} (default: {default})"
    for protocol in table.protocols:
        best = {k: v for k, v in table.optimum(protocol).items() if v is not None}
        shown = (f"{text.FIGURE_NAMES[k]} {100 * (1 - v):.4f} %" for k, v in best.items())
        rows[f"optimum, {protocol}"] = ", ".join(shown) or "unknown"
    if isinstance(table, NASBench101):
        error = 100 * (1 - table.mean_test(table.actions()))
        quantiles = np.nanquantile(error, [0, 0.001, 0.01, 0.1, 0.5, 0.9])
        names = ("best", "0.1 %", "1 %", "10 %", "median", "90 %")
        pairs = zip(names, quantiles, strict=True)
        rows["mean test error"] = "   ".join(f"{name} {value:.2f} %" for name, value in pairs)
    rows |= {
        key: str(known[key])
        for key in ("path", "sha256", "source", "licence", "provenance")
        if key in known
    }
    width = max(map(len, rows))
    lines = [f"{table.name} ({text.KINDS[table.kind]})"]
    return "\n".join(lines + [f"  {key:<{width}}  {value}" for key, value in rows.items()])


def _accuracies(table: Table) -> dict[str, np.ndarray]:
    if not isinstance(table, NASBench101):
        raise ValueError(f"--out draws NAS-Bench-101 tables only, and {table.name} is none")
    actions = table.actions()
    found = {"mean of the test runs": table.mean_test(actions)}
    for protocol in table.protocols:
        if protocol in ("validation-single", "test-holdout"):
            kind = "validation" if protocol.startswith("validation") else "test"
            found[f"one {kind} run"] = table.query(actions, protocol).signal
    return found


def _convert(arguments: argparse.Namespace) -> None:
    with WorkBar("converting") as bar:
        found = convert.convert(
            arguments.source,
            arguments.target,
            everything=arguments.everything,
            overwrite=arguments.overwrite,
            progress=bar,
        )
    for key, value in found.items():
        print(f"{key:18}{value}")


def _download(arguments: argparse.Namespace) -> None:
    with WorkBar("downloading") as bar:
        path = download.download(arguments.name, arguments.to, url=arguments.url, progress=bar)
    print(path)
    print(f"next: maade-np table convert {path} nasbench101.npz")


def _verify(arguments: argparse.Namespace) -> int:
    path = NASBench101.locate(arguments.table)
    if path is None:
        raise ValueError("give the path of a table, or set MAADE_NASBENCH101")
    with WorkBar("verifying") as bar:
        report = verify(path, hashes=not arguments.no_hashes, progress=bar)
    print(report)
    return 0 if report.ok else 1


def _list(arguments: argparse.Namespace) -> None:
    for name in catalog.names():
        print(name)
    print("or the path of a NAS-Bench-101 file, .npz or .tfrecord", file=sys.stderr)
