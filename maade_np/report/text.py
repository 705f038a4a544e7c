"""A search's outcome as text."""

from __future__ import annotations

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
        point_text(result.names, best.actions),
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


def point_text(names: tuple[str, ...], actions: np.ndarray) -> str:
    """Return a string of any space as text: a NAS-Bench-101 cell, or a line a hyper-parameter."""
    if are_cells(names):
        return nasbench101.cell_text(actions)
    width = max(map(len, names))
    return "\n".join(f"  {n:<{width}}  {v}" for n, v in zip(names, actions.tolist(), strict=True))


def _figures(result: SearchResult) -> list[str]:
    best, regret = result.best, result.regret()
    if result.settings["table"]["kind"] == "objective":
        return [f"value {best.signal:.6g}"]
    lines = [f"{'':20}{'error':>9}{'optimum':>11}{'regret':>9}"]
    for key, name in FIGURE_NAMES.items():
        value, top = getattr(best, key), result.optimum.get(key)
        if np.isnan(value):
            continue
        line = f"{name:20}{100 * (1 - value):7.2f} %"
        if top is not None:
            line += f"{100 * (1 - top):9.2f} %{100 * (regret[key] or 0.0):9.2f}"
        lines.append(line)
    return lines


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
