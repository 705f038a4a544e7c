"""Best practices for research on architecture search, answered for our experiments from the records.

``python benchmarks/checklist.py`` reads all plans and records in benchmarks/results/ and writes
docs/checklist.md. The points are those of Lindauer & Hutter (2020), "Best practices for scientific
research on neural architecture search" (JMLR 21), which the paper answers in its appendix A.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # before an installed version

import strong  # noqa: E402
import tune  # noqa: E402

from maade_np.experiments.records import PACKED, read_records  # noqa: E402
from maade_np.experiments.run import RUNS  # noqa: E402
from maade_np.files import write_text  # noqa: E402
from maade_np.reproduce import STUDIES, Study  # noqa: E402
from maade_np.reproduce.study import Part  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
TEMPLATE = ROOT / "benchmarks" / "checklist.txt"
PAGE = ROOT / "docs" / "checklist.md"


class Stand(NamedTuple):
    """What the records of a part hold."""

    study: str
    part: Part
    trials: tuple[int, int]  # of the arm with the fewest and the most
    seeds: tuple[int, int]
    searches: int
    hours: float


def standing(studies: dict[str, Study]) -> Iterator[Stand]:
    """Yield each part that has records."""
    for name, study in studies.items():
        for part in study.parts:
            folder = RESULTS / name / part.name
            if not (folder / PACKED).exists():
                continue
            records = read_records(part.plan, folder)
            counts = [sum(arm == one.label for arm, _ in records) for one in part.plan.arms]
            counts = [count for count in counts if count]
            seeds = [seed for _, seed in records]
            hours = sum(record["seconds"] for record in records.values()) / 3600
            yield Stand(
                name,
                part,
                (min(counts), max(counts)),
                (min(seeds), max(seeds)),
                len(records),
                hours,
            )


def machines(studies: dict[str, Study]) -> list[str]:
    """Return what the committed runs ran on: platform, Python, NumPy."""
    seen: dict[str, None] = {}
    for path in sorted(path for name in studies for path in (RESULTS / name).glob(f"*/{RUNS}")):
        for line in path.read_text(encoding="utf-8").splitlines():
            run = json.loads(line)
            system = run["platform"].split("-")[0]
            seen[f"{system}, {run['processor']}, Python {run['python']}, NumPy {run['numpy']}"] = (
                None
            )
    return list(seen)


def rows(stands: list[Stand]) -> list[str]:
    """Return the table of all parts."""
    lines = [
        "| records | table | protocol | queries | rows | trials a row | seeds | searches | core-hours |",
        "| --- | --- | --- | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    for s in stands:
        plan, (low, high) = s.part.plan, s.trials
        trials = f"{high}" if low == high else f"{low} to {high}"
        lines.append(
            f"| [{s.study}](../benchmarks/results/{s.study}/table.md), {s.part.name} | {plan.table} "
            f"| `{plan.protocol}` | {plan.budget:,} | {len(plan.arms)} | {trials} "
            f"| {s.seeds[0]:,} to {s.seeds[1]:,} | {s.searches:,} | {s.hours:.1f} |"
        )
    total = sum(s.searches for s in stands), sum(s.hours for s in stands)
    return [*lines, f"| **all** | | | | | | | **{total[0]:,}** | **{total[1]:.1f}** |"]


def page() -> str:
    """Return the page."""
    studies = {**STUDIES, strong.STUDY.name: strong.STUDY}
    stands, tuned = list(standing(studies)), tune.Trials(run_missing=False).found
    efforts = {sum(key[0] == name for key in tuned) for name in tune.SEARCHERS}
    assert len(efforts) == 1, efforts
    short = [s for s in stands if s.trials[0] < len(s.part.plan.seeds)]
    incomplete = ", ".join(
        f"{s.study} {s.part.name} ({s.trials[0]} of {len(s.part.plan.seeds)})" for s in short
    )
    fields = {
        "machines": "; ".join(machines(studies)),
        "searches": f"{sum(s.searches for s in stands):,}",
        "incomplete": incomplete or "none",
        "without_random": ", ".join(
            f"{s.study} {s.part.name}"
            for s in stands
            if all(arm.searcher != "random" for arm in s.part.plan.arms)
        ),
        "tuned": len(tune.SEARCHERS),
        "effort": efforts.pop(),
        "tuning_trials": f"{len(tuned):,}",
        "tuning_hours": f"{sum(one['seconds'] for one in tuned.values()) / 3600:.1f}",
        "rows": "\n".join(rows(stands)),
    }
    text = TEMPLATE.read_text(encoding="utf-8").partition("\n\n")[2]
    return Template(text).substitute(fields)


if __name__ == "__main__":
    write_text(PAGE, page())
    print(PAGE)
