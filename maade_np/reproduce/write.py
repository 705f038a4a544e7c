"""A study's records as Markdown, CSV, LaTeX and pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maade_np import report
from maade_np.experiments import Outcome, outcomes
from maade_np.experiments.plan import FILE
from maade_np.files import write_text
from maade_np.report.grid import Grid
from maade_np.reproduce import grids, pictures, sheets
from maade_np.reproduce.figures import Row, contest, reach, rows
from maade_np.reproduce.sheets import as_csv
from maade_np.reproduce.study import Family, Part, Study
from maade_np.statistics import TESTS

__all__ = ["all_rows", "as_csv", "as_markdown", "read_study", "write_study"]

Made = Mapping[str, list[list[Row]]]
AllFound = Mapping[str, dict[str, Outcome]]


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
    parts = {name: study.part(name) for name in found}
    return {
        name: [rows(family, found[name], part.figure) for family in part.families]
        for name, part in parts.items()
    }


def write_study(study: Study, folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Make tables and pictures from the records in a folder; return the files.

    ``table.md`` and ``table.csv`` have every arm's figures and tests; ``details.md`` who beats
    whom, queries to the parts' targets, settings and cost; ``table.tex`` all of these, shortened;
    ``wins.csv``, ``targets.csv`` and ``curves.csv`` every number. For each part there are pictures
    in each of the formats: intervals, curves (one for each of its tracks), and for each family of
    two or more arms ranks and wins.

    Raises
    ------
    ValueError
        As `read_study`.
    """
    found = read_study(study, folder)
    made = all_rows(study, found)
    texts = {
        "table.md": as_markdown(study, made),
        "table.csv": as_csv(study, made),
        "details.md": details(study, found),
        "table.tex": as_latex(study, made, found),
        "wins.csv": sheets.wins_csv(study, found),
        "curves.csv": sheets.curves_csv(study, found),
    }
    if any(study.part(name).targets for name in found):
        texts["targets.csv"] = sheets.targets_csv(study, found)
    for name, text in texts.items():
        write_text(folder / name, text)
    written = [folder / name for name in texts]
    for name, arms in found.items():
        for stem, figure in _figures(study, study.part(name), made[name], arms):
            paths = [folder / f"{stem}.{ending}" for ending in formats]
            written += [report.save_figure(figure, path) for path in paths]
    return written


def _figures(
    study: Study, part: Part, families: list[list[Row]], found: Mapping[str, Outcome]
) -> Iterator[tuple[str, Any]]:
    """Yield each picture of a part with its name."""
    yield part.name, pictures.draw_rows(study, part, families)
    for track in sheets.known_tracks(part, found):
        stem = f"{part.name}-curves" + ("" if track == part.tracks[0] else f"-{track}")
        yield stem, pictures.draw_curves(part, found, track)
    for family, suffix, table in zip(part.families, part.family_names(), families, strict=True):
        if len(table) > 1:
            stand = contest(part, family, found)
            yield f"{part.name}-ranks{suffix}", pictures.draw_ranks(part, family, found)
            yield f"{part.name}-wins{suffix}", pictures.draw_wins(part, family, stand)


def as_markdown(study: Study, made: Made) -> str:
    """Return all parts' tables: a section a part, a table a family."""
    lines = [f"# {study.title}", "", *_preface(study, made), f"`{study.command}`."]
    for part, family, table in _tables(study, made):
        if family is part.families[0]:
            lines += ["", f"## {part.title}, protocol `{part.plan.protocol}`"]
        grid = grids.full_grid(study, part, family, table)
        lines += ["", f"### {family.title}", "", family.note, "", *grid.markdown()]
    return "\n".join(lines) + "\n"


def _preface(study: Study, made: Made) -> list[str]:
    parts = [study.part(name) for name in made]
    tests = {TESTS[family.test].name: None for part in parts for family in part.families}
    figure = "held-out" if all(part.figure == "held_out" for part in parts) else "compared"
    error = f"the {figure} error" if all(part.percent for part in parts) else "it"
    unit = "Test error in %" if all(part.percent for part in parts) else "Minus the objective"
    text = (
        f"{unit}: mean over trials [95 % bootstrap interval] ± standard deviation; lower is better. "
        f"*IQM*: interquartile mean of {error} [95 % bootstrap interval]. *Against*: difference of "
        f"the {figure} means (negative: better) and p of {' or '.join(tests)}, two-sided, corrected "
        "by Holm over all tests of the table; none are paired: what trials of one seed share makes it "
        "cautious. "
    )
    if study.printed:
        text += "*Paper*: what it prints, under its own protocol. "
    return textwrap.wrap(text + "Made from the records by", 95, break_on_hyphens=False)


def _tables(study: Study, made: Made) -> Iterator[tuple[Part, Family, list[Row]]]:
    for name, families in made.items():
        part = study.part(name)
        for family, table in zip(part.families, families, strict=True):
            yield part, family, table


def details(study: Study, found: AllFound) -> str:
    """Return who beats whom, how fast targets are reached, settings and cost, as Markdown."""
    lines = [f"# {study.title}: details", "", "Made from the records by", f"`{study.command}`."]
    for name, arms in found.items():
        part = study.part(name)
        lines += ["", f"## {part.title}, protocol `{part.plan.protocol}`"]
        for family in part.families:
            for grid in (
                *_more_grids(study, part, family, arms),
                grids.cost_grid(study, part, family, arms),
            ):
                lines += ["", f"### {grid.title}", "", f"{grid.note}.", "", *grid.markdown()]
    return "\n".join(lines) + "\n"


def as_latex(study: Study, made: Made, found: AllFound) -> str:
    """Return all parts' tables for LaTeX, shortened to what fits a page."""
    lines = [f"% {study.title}; made by: {study.command}", r"% \usepackage{booktabs}"]
    for grid in short_grids(study, made, found):
        lines += ["", *grid.latex()]
    for name, arms in found.items():
        part = study.part(name)
        for family in part.families:
            for grid in _more_grids(study, part, family, arms):
                lines += ["", *grid.latex()]
    return "\n".join(lines) + "\n"


def short_grids(study: Study, made: Made, found: AllFound) -> list[Grid]:
    """Return for each family what fits a page or a terminal."""
    return [
        grids.short_grid(study, part, family, table, contest(part, family, found[part.name]))
        for part, family, table in _tables(study, made)
    ]


def _more_grids(study: Study, part: Part, family: Family, found: dict[str, Outcome]) -> list[Grid]:
    stand = contest(part, family, found)
    made = [grids.wins_grid(study, part, family, stand)]
    if part.targets:
        exact = all(found[label].exact for label in stand.labels)
        reached = reach(part, family, found)
        made.append(grids.targets_grid(study, part, family, reached, exact))
    return made
