"""The searchers beside the published code of their authors, in one process on the real table.

    python benchmarks/published_searchers.py --naszilla DIR --naszilla-2020 DIR
        --nas-benchmarks DIR --alphax DIR --nasbot DIR --table nasbench101.npz

Each DIR is a clone that you have; nothing is downloaded, and nothing of it is kept. What is not given is
left as it stands in ``results/published/published.json``. The clones:

- ``--naszilla``: naszilla/naszilla. Local search, random search, evolution, what BANANAS chooses
  among and how, encodings and distances;
- ``--naszilla-2020``: the same at commit 4922703 (``git worktree add``), as it was when the ReMAADE paper
  was written. Evolution, what BANANAS chooses among;
- ``--nas-benchmarks``: automl/nas_benchmarks. Regularized evolution;
- ``--alphax``: linnanwang/AlphaX-NASBench101. The tree, roll-outs, inputs of the meta-network;
- ``--nasbot``: kirthevasank/nasbot. The distance OTMANN, the Gaussian process, acquisition.

TPE and BOHB are compared with numbers that ``published_densities.py`` stored.

Old frameworks are not needed: the modules of `published/` say what stands in for them. Searches have the
protocol test-mean (without noise), 150 queries and the seeds from 0 on, on both sides: T trials, of
naszilla's evolution 3 T, of automl's T / 2, of BANANAS T / 10. Together some 20 minutes on one core.
Writes ``results/published/published.json`` and ``published.md``, and the tables of
``docs/published.md``.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from published import alphax, comparing, densities, evolution, nasbot, naszilla
from published.cells import Answers
from published.comparing import Row
from published.loading import commit

from maade_np.files import write_text
from maade_np.tables import NASBench101

RESULTS = Path(__file__).parent / "results" / "published"
DOCS = Path(__file__).parents[1] / "docs" / "published.md"
Compare = Callable[[Path, NASBench101, Answers, int], list[Row]]

# part -> the option that names its clone, what it is called, how it is compared
PARTS: dict[str, tuple[str, str, Compare]] = {
    "naszilla": ("naszilla", "naszilla/naszilla", naszilla.compare),
    "bananas": ("naszilla", "naszilla/naszilla", naszilla.compare_bananas),
    "naszilla-2020": ("naszilla_2020", "naszilla/naszilla", naszilla.compare_2020),
    "bananas-2020": ("naszilla_2020", "naszilla/naszilla", naszilla.compare_bananas_2020),
    "nas-benchmarks": ("nas_benchmarks", "automl/nas_benchmarks", evolution.compare),
    "alphax": ("alphax", "linnanwang/AlphaX-NASBench101", alphax.compare),
    "nasbot": ("nasbot", "kirthevasank/nasbot", nasbot.compare),
    "densities": ("", densities.versions(), densities.compare),
}


def read() -> dict[str, Any]:
    """Return the committed results by part, in the order of `PARTS`."""
    path = RESULTS / "published.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {part: found[part] for part in PARTS if part in found}


def markdown(results: dict[str, Any]) -> str:
    """Return all parts as one text."""
    lines = ["# The searchers beside published code", ""]
    for part, found in results.items():
        of = f", commit `{found['commit'][:7]}`" if found["commit"] else ""
        lines += [f"## {part}", "", f"{found['code']}{of}.", ""]
        lines += [comparing.table(found["rows"])]
    return "\n".join(lines)


def with_tables(text: str, results: dict[str, Any]) -> str:
    """Return a page with the tables between its marks made anew."""
    for part, found in results.items():
        mark = f"<!-- table: {part} -->\n"
        pattern = re.compile(re.escape(mark) + r"(\n?\|.*\n)*\n?", re.MULTILINE)
        table = f"{mark}\n{comparing.table(found['rows'])}\n"
        text = pattern.sub(lambda _, new=table: new, text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in dict.fromkeys(option for option, _, _ in PARTS.values() if option):
        parser.add_argument("--" + option.replace("_", "-"), type=Path, metavar="DIR")
    parser.add_argument("--table", help="the compact table, else MAADE_NASBENCH101")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    path = NASBench101.locate(arguments.table)
    if path is None:
        raise SystemExit("give --table PATH or set MAADE_NASBENCH101")
    table = NASBench101.load(path)
    answers = Answers(table)
    warnings.filterwarnings("ignore", category=SyntaxWarning)  # of old code
    results = read()
    for part in arguments.parts:
        option, code, compare = PARTS[part]
        directory = getattr(arguments, option) if option else Path()
        if directory is None:
            continue
        started = time.process_time()
        rows = compare(directory, table, answers, arguments.trials)
        results[part] = {
            "code": code,
            "commit": commit(directory) if option else None,
            "numpy": np.__version__,
            "rows": rows,
        }
        print(f"{part}, {time.process_time() - started:.0f} s\n{comparing.table(rows)}", flush=True)
    results = {part: results[part] for part in PARTS if part in results}
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(RESULTS / "published.json", json.dumps(results, indent=1) + "\n")
    write_text(RESULTS / "published.md", markdown(results))
    if DOCS.exists():
        write_text(DOCS, with_tables(DOCS.read_text(encoding="utf-8"), results))


if __name__ == "__main__":
    main()
