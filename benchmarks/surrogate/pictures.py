"""Two pictures of the surrogate beside the real results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from maade_np.report.style import BLUE, GRID, MUTED, VERMILLION, new_figure, save_figure, style
from surrogate.data import Results
from surrogate.measures import accuracy


def draw(
    folder: Path,
    results: Results,
    predicted: dict[str, np.ndarray],
    columns: dict[str, np.ndarray],
    report: dict[str, Any],
    cells: np.ndarray,
) -> None:
    with style():
        figure = new_figure(8.0, 3.6)
        left, right = figure.subplots(1, 2)
        _agreement(left, results, predicted, report, cells)
        _collapse(right, report)
        _finish(figure, [left, right])
        save_figure(figure, folder / "prediction.png")
        figure = new_figure(8.0, 3.6)
        left, right = figure.subplots(1, 2)
        _sampled(left, report)
        _budgets(right, results, columns, cells)
        _finish(figure, [left, right])
        save_figure(figure, folder / "runs.png")


def _agreement(axes: Any, results: Results, predicted, report, cells: np.ndarray) -> None:
    p, real = 100 * (1 - predicted["test"][cells]), 100 * (1 - results.mean_test[cells])
    axes.scatter(p, real, s=1.5, color=BLUE, alpha=0.15, linewidths=0, rasterized=True)
    limits = (5.5, 20.0)
    axes.plot(limits, limits, color=VERMILLION, linewidth=1)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    _plain_ticks(axes, [6, 7, 8, 10, 12, 15, 20])
    figures = report["held-out ranks"]
    axes.set_title(
        f"{len(cells):,} held-out cells, Kendall tau {figures['kendall']:.3f}\n"
        f"(noise alone would allow {figures['kendall ceiling by the noise']:.3f})",
        fontsize=9.5,
        loc="left",
    )
    axes.set(xlabel="predicted test error, %", ylabel="real mean test error of three runs, %")


def _collapse(axes: Any, report: dict[str, Any]) -> None:
    bins = [b for b in report["held-out collapses"]["reliability"] if b["cells"]]
    expected = np.array([b["expected runs"] / (3 * b["cells"]) for b in bins])
    seen = np.array([b["collapsed runs"] / (3 * b["cells"]) for b in bins])
    deviation = np.sqrt(np.maximum(expected, 1e-9) / [3 * b["cells"] for b in bins])
    axes.plot([1e-6, 1], [1e-6, 1], color=VERMILLION, linewidth=1)
    floor = 3e-6
    low = np.maximum(seen - 2 * deviation, floor)
    axes.vlines(expected, low, seen + 2 * deviation, color=BLUE, linewidth=1)
    axes.plot(expected, np.maximum(seen, floor), "o", color=BLUE, markersize=4)
    axes.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1))
    axes.set(xlabel="predicted probability of a collapse", ylabel="share of runs that collapsed")
    axes.set_title("Collapsed runs, held-out cells", fontsize=9.5, loc="left")


def _sampled(axes: Any, report: dict[str, Any]) -> None:
    curve = report["validation of 600,000 draws"]["curve"]
    for key, color, name in (("real", MUTED, "600,000 real runs"), ("modelled", BLUE, "surrogate")):
        axes.plot(100 * (1 - np.array(curve[key])), curve["share"], color=color, label=name)
    axes.set(xlim=(5, 20), xscale="log", ylim=(0, 1))
    _plain_ticks(axes, [5, 6, 7, 8, 10, 12, 15, 20], y=False)
    axes.set(xlabel="validation error of one run, %", ylabel="share of runs that are worse")
    axes.set_title("Cells drawn by the official sampler", fontsize=9.5, loc="left")
    axes.legend(frameon=False, fontsize=8.5)


def _budgets(axes: Any, results: Results, columns, cells: np.ndarray) -> None:
    levels = np.linspace(0.002, 0.998, 250)
    names = ("4", "12", "36", "108")
    for number, name in enumerate(names):
        known = cells[np.isfinite(results.best[cells, number])]
        runs = accuracy(columns["validation"][known, number])
        model = runs.max(axis=1) if number == 3 else runs[:, 0]
        axes.plot(100 * np.quantile(results.best[known, number], levels), levels, color=MUTED)
        axes.plot(100 * np.quantile(model, levels), levels, color=BLUE, linestyle=(0, (3, 2)))
        middle = 100 * np.quantile(model, 0.5)
        left = number < 3
        axes.annotate(
            f"{name} epochs" if number == 0 else name,
            (middle, 0.5),
            (-4 if left else 4, 4),
            textcoords="offset points",
            fontsize=8,
            ha="right" if left else "left",
        )
    axes.set(
        xlim=(0, 100),
        ylim=(0, 1),
        xlabel="validation accuracy, % (108 epochs: best of three)",
        ylabel="share of cells below",
    )
    axes.set_title("Held-out cells: real (grey), surrogate (dashed)", fontsize=9.5, loc="left")


def _plain_ticks(axes: Any, ticks: list[int], y: bool = True) -> None:
    for axis in (axes.xaxis, axes.yaxis) if y else (axes.xaxis,):
        axis.set_ticks(ticks, labels=list(map(str, ticks)))
        axis.set_ticks([], minor=True)


def _finish(figure: Any, panels: list[Any]) -> None:
    for axes in panels:
        axes.grid(color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=2)
