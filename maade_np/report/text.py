"""A search's outcome as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from maade_np.report.curve import SEARCHER_NAMES
from maade_np.results import SearchResult
from maade_np.spaces import nasbench101

KINDS = {
    "real": "real results",
    "surrogate": "surrogate",
    "toy": "toy",
    "objective": "your objective",
}
FIGURE_NAMES = {
    "signal": "driving signal",
    "held_out": "held out",
    "mean_test": "mean of all tests",
}


def summary(result: SearchResult) -> str:
    """Return the best string, its figures beside the table's optimum, and the accounting."""
    s, best = result.settings, result.best
    name = SEARCHER_NAMES.get(s["searcher"], s["searcher"])
    table = s["table"]
    lines = [
        f"{name} on {table['name']} ({KINDS[table['kind']]}), protocol {s['protocol']}, "
        f"{s['budget']} queries, seed {s['seed']}",
        "",
        f"best string, found at query {best.query}:",
        point_text(result.names, best.actions, s["table"].get("space", {}).get("values")),
        "",
        *_figures(result),
        "",
        f"{result.counts['queries']} queries · {result.counts['distinct_cells']} distinct · "
        f"{result.counts['duplicates']} repeated · "
        f"{result.counts['resampled']} invalid strings drawn again",
    ]
    seconds = result.history.seconds
    if np.isfinite(seconds).any():
        known = np.isfinite(seconds)
        note = "" if known.all() else f" (known for {known.sum()} of {len(known)} queries)"
        lines.append(f"{seconds[known].sum() / 3600:.1f} h of simulated training{note}")
    return "\n".join(lines)


def are_cells(names: tuple[str, ...]) -> bool:
    """Tell by the hyper-parameters' names whether strings are NAS-Bench-101 cells."""
    return names == nasbench101.NASBench101Space().names


def point_text(
    names: tuple[str, ...], actions: np.ndarray, values: list[list[Any]] | None = None
) -> str:
    """Return a string of any space as text: a NAS-Bench-101 cell, or a line a hyper-parameter.

    `values` (one list a hyper-parameter) are what its numbers stand for, where that is known.
    """
    if are_cells(names):
        return nasbench101.cell_text(actions)
    shown = value_labels(actions, values)
    width = max(map(len, names))
    return "\n".join(
        f"  {name:<{width}}  {value}" for name, value in zip(names, shown, strict=True)
    )


def value_labels(actions: np.ndarray, values: list[list[Any]] | None) -> list[Any]:
    """Return what a string's numbers (N,) stand for; the numbers where that is not known."""
    if values is None:
        return actions.tolist()
    return [of[number] for of, number in zip(values, actions.tolist(), strict=True)]


def _figures(result: SearchResult) -> list[str]:
    best, regret = result.best, result.regret()
    if result.settings["table"]["kind"] == "objective":
        return [f"value {best.signal:.6g}"]
    lines = [f"{'':20}{'error':>9}{'optimum':>11}{'regret':>9}"]
    for key, name in FIGURE_NAMES.items():
        value, top = getattr(best, key), result.optimum.get(key)
        if np.isnan(value):
            continue
        line = f"{name:20}{percent(1 - value):>7} %"
        if top is not None:
            line += f"{percent(1 - top):>9} %{percent(regret[key] or 0.0):>9}"
        lines.append(line)
    return lines


def percent(share: float) -> str:
    """Write a share in per cent: two decimals, or as many as show three digits below 0.1."""
    value = 100 * share
    if value == 0 or abs(value) >= 0.1:
        return f"{value:.2f}"
    return f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def profile(result: SearchResult) -> str:
    """Return where the wall-clock time of a search went."""
    total = sum(result.timing.values()) or 1.0
    what = {
        "ask": "proposing (sampler, validity)",
        "query": "the table",
        "tell": "learning (forward, backward, optimizer)",
    }
    lines = [f"{total:.3f} s in the search loop"]
    for key, seconds in result.timing.items():
        share, each = seconds / total, 1e6 * seconds / result.counts["queries"]
        lines.append(f"  {what[key]:40}{seconds:8.3f} s {share:6.1%} {each:9.1f} us a query")
    return "\n".join(lines)
