"""A study's records as Markdown, CSV and pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maade_np import report, statistics
from maade_np.experiments import FIGURES, Outcome, outcomes
from maade_np.experiments.plan import FILE
from maade_np.files import write_text
from maade_np.report.intervals import Mark
from maade_np.reproduce.study import Part, Printed, Row, Study, rows

BAND_DRAWS = 2_000
COMMAND = "maade-np reproduce {name} --report-only --out DIR"


def read_study(study: Study, folder: Path) -> dict[str, dict[str, Outcome]]:
    """Return the outcomes of all parts that have records in a folder, by arm.

    Raises
    ------
    ValueError
        No part has a record there, or records are of another plan.
    """
    found = {
        part.name: outcomes(part.plan, folder / part.name)
        for part in study.parts
        if (folder / part.name / FILE).exists()
    }
    found = {name: arms for name, arms in found.items() if arms}
    if not found:
        raise ValueError(f"{folder} holds no record of {study.name}; run it without --report-only")
    return found


def all_rows(
    study: Study, found: Mapping[str, Mapping[str, Outcome]]
) -> dict[str, list[list[Row]]]:
    """Return each part's rows, a list a family."""
    return {
        name: [rows(family, arms) for family in study.part(name).families]
        for name, arms in found.items()
    }


def write_study(study: Study, folder: Path) -> list[Path]:
    """Make tables and pictures from the records in a folder; return the files.

    Raises
    ------
    ValueError
        As `read_study`.
    """
    found = read_study(study, folder)
    made = all_rows(study, found)
    written = [folder / "table.md", folder / "table.csv"]
    write_text(written[0], as_markdown(study, made))
    write_text(written[1], as_csv(study, made))
    for name, families in made.items():
        part = study.part(name)
        written.append(folder / f"{name}.png")
        report.save_figure(draw_rows(study, part, families), written[-1])
        written.append(folder / f"{name}-curves.png")
        report.save_figure(draw_curves(part, found[name]), written[-1])
    return written


def as_markdown(study: Study, made: Mapping[str, list[list[Row]]]) -> str:
    """Return all parts' tables: a section a part, a table a family."""
    lines = [
        f"# {study.title}",
        "",
        "Test error in %: mean over trials [95 % bootstrap interval] ± standard deviation; lower is",
        "better. *IQM*: interquartile mean of the held-out error [95 % bootstrap interval]. *Against*:",
        "difference of the held-out means (negative: better) and p of Welch's test, two-sided, corrected",
        "by Holm over all tests of the table; trials share no start, so none are paired. *Paper*: what",
        "it prints, under its own protocol. Made from the records by",
        f"`{COMMAND.format(name=study.name)}`.",
    ]
    for name, families in made.items():
        part = study.part(name)
        lines += ["", f"## {part.title}, protocol `{part.plan.protocol}`"]
        for family, table in zip(part.families, families, strict=True):
            lines += ["", f"### {family.title}", "", family.note, ""]
            lines += _markdown_table(study, part, family.references, table)
    return "\n".join(lines) + "\n"


def _markdown_table(
    study: Study, part: Part, references: tuple[str, ...], table: list[Row]
) -> list[str]:
    printed = study.printed if any(row.label in study.printed for row in table) else {}
    names = {"held_out": "held out", "mean_test": "mean of 3", "signal": "driving signal"}
    if not part.held_out:
        names = {"mean_test": "mean of 3, which drives"}
    elif part.plan.protocol.startswith("validation"):
        names = {"held_out": "held out (mean of 3 tests)", "signal": "driving signal"}
    head = ["search", "trials", *names.values(), "IQM", "distinct cells"]
    head += [f"against {reference}" for reference in references]
    head += ["paper"] if printed else []
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in table:
        cells = [row.label, f"{row.trials:,}"]
        cells += [f"{_interval(row.means[name])} ± {row.deviations[name]:.2f}" for name in names]
        cells += [_interval(row.middle), f"{row.distinct:,.0f}"]
        cells += [_comparison(row.against.get(reference)) for reference in references]
        cells += [_printed(printed.get(row.label))] if printed else []
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _interval(interval: statistics.Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _comparison(comparison: statistics.Comparison | None) -> str:
    if comparison is None:
        return "–"
    p = "p < 0.001" if comparison.p < 0.001 else f"p = {comparison.p:.3f}"
    return f"{comparison.difference:+.3f} ({p})".replace("-", "−")


def _printed(printed: Printed | None) -> str:
    return "–" if printed is None else f"{printed.mean:.2f} ± {printed.spread:.2f}"


def as_csv(study: Study, made: Mapping[str, list[list[Row]]]) -> str:
    """Return all rows in one table, a line an arm of a family."""
    lines: list[dict[str, Any]] = []
    for name, families in made.items():
        part = study.part(name)
        for family, table in zip(part.families, families, strict=True):
            for row in table:
                line: dict[str, Any] = {
                    "part": name,
                    "table": part.plan.table,
                    "protocol": part.plan.protocol,
                    "budget": part.plan.budget,
                    "family": family.title,
                    "search": row.label,
                    "trials": row.trials,
                }
                for figure in FIGURES:
                    value, low, high = row.means[figure]
                    line |= {figure: value, f"{figure}_low": low, f"{figure}_high": high}
                    line[f"{figure}_sd"] = row.deviations[figure]
                line |= dict(zip(("iqm", "iqm_low", "iqm_high"), row.middle, strict=True))
                line |= {"distinct": row.distinct, "resampled": row.resampled}
                for number, reference in enumerate(family.references, start=1):
                    comparison = row.against.get(reference)
                    line |= {
                        f"reference_{number}": reference if comparison else "",
                        f"difference_{number}": comparison.difference if comparison else "",
                        f"p_{number}": comparison.p if comparison else "",
                    }
                printed = study.printed.get(row.label)
                line["paper"] = printed.mean if printed else ""
                lines.append(line)
    columns = list(dict.fromkeys(column for line in lines for column in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in line.items()})
    return text.getvalue()


def draw_rows(study: Study, part: Part, families: list[list[Row]]) -> Any:
    """Draw each arm's held-out mean and interval, and the paper's mean where it prints one."""
    marks = [
        Mark(
            row.label,
            *row.means["held_out"],
            other=study.printed[row.label].mean if row.label in study.printed else None,
            group=family.title,
        )
        for family, table in zip(part.families, families, strict=True)
        for row in table
    ]
    return report.draw_intervals(
        marks,
        title=f"{study.title}",
        lines=[
            f"{part.title} · protocol {part.plan.protocol} · {_trials(families)} trials",
            "dots: mean over trials with 95 % bootstrap interval · diamonds: what the paper prints",
        ],
        kind=part.plan.kind,
        label="held-out test error (%)" if part.held_out else "mean test error (%)",
    ).figure


def _trials(families: list[list[Row]]) -> str:
    counts = sorted({row.trials for table in families for row in table})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def draw_curves(part: Part, found: Mapping[str, Outcome]) -> Any:
    """Draw the mean held-out error of the incumbent over queries, with bootstrap bands."""
    curves = {}
    drawn = [label for label in part.curves if label in found]
    for label in drawn:
        errors = found[label].held_out
        bands = np.array([statistics.bootstrap(column, draws=BAND_DRAWS) for column in errors.T])
        accuracy = 1 - bands / 100
        curves[label] = {
            "query": part.plan.checkpoints,
            "mean": accuracy[:, 0],
            "low": accuracy[:, 2],
            "high": accuracy[:, 1],
        }
    trials = max(len(found[label]) for label in drawn)
    return report.draw_comparison(
        curves,
        title=f"{part.title}, {part.plan.budget:,} queries",
        lines=[
            f"protocol {part.plan.protocol} · {'held-out' if part.held_out else 'mean'} test error · "
            f"{trials} trials · bands are 95 % bootstrap intervals of the mean"
        ],
        kind=part.plan.kind,
        highlight=drawn[-1],
    ).figure
