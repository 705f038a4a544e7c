"""The picture of a table: how its results are distributed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from maade_np.report import style as st
from maade_np.report._axes import clean_axes, finite, scale_of, spread, write_heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = (("best", 0.0), ("0.1 %", 0.001), ("1 %", 0.01), ("10 %", 0.1), ("median", 0.5))
BINS = 160


def draw_distribution(
    accuracies: Mapping[str, npt.ArrayLike],
    ax: Axes | None = None,
    *,
    title: str = "",
    kind: str | None = None,
) -> Axes:
    """Draw how many points have which error, both on logarithmic axes.

    Near the optimum a few hundred points matter and at the other end thousands that collapsed:
    linear axes would show neither.

    Parameters
    ----------
    accuracies : mapping of str to array-like
        A name and the accuracies in [0, 1] of all points, NaN where unknown. The first is filled
        and its quantiles are marked, the others are lines.
    ax : matplotlib.axes.Axes, optional
        Drawn into if given; otherwise a figure is made (``ax.figure``).
    title : str
    kind : str, optional
        Where the numbers come from, as in `maade_np.report.draw_run`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is nothing to draw.
    """
    errors = {name: 100.0 * (1.0 - finite(values)) for name, values in accuracies.items()}
    errors = {name: np.maximum(values, 1e-2) for name, values in errors.items() if values.size}
    if not errors:
        raise ValueError("there is nothing to draw: no accuracy is known")
    everything = np.concatenate(list(errors.values()))
    low, high = everything.min() * 0.97, everything.max() * 1.03
    edges = np.geomspace(low, high, BINS + 1)
    scale = scale_of(kind)
    with st.style():
        if ax is None:
            figure = st.new_figure(st.MAX_WIDTH, 4.7)
            ax = figure.add_axes((0.085, 0.115, 0.885, 0.655))
        clean_axes(ax)
        ax.set_xscale("log")
        ax.set_yscale("log")
        for rank, (name, values) in enumerate(errors.items()):
            counts, _ = np.histogram(values, edges)
            ink = (st.BLUE, *st.CYCLE)[rank % (len(st.CYCLE) + 1)]
            ax.stairs(
                np.maximum(counts, 0.5),
                edges,
                baseline=0.5,
                fill=rank == 0,
                color=ink,
                alpha=0.35 if rank == 0 else 1.0,
                linewidth=1.3,
                label=name,
                gid=f"distribution-{rank}",
            )
        ax.set_xlim(low, high)
        ax.set_ylim(0.5, None)
        ax.margins(y=0.2)
        _ticks(ax, low, high)
        ax.set_xlabel("error (%)" if not scale.label else scale.label)
        ax.set_ylabel("points")
        _mark_quantiles(ax, next(iter(errors.values())))
        if len(errors) > 1:
            ax.legend(frameon=False, fontsize=9, loc="upper right")
        known = len(next(iter(errors.values())))
        write_heading(
            ax,
            title,
            [f"{known:,} points · filled: {next(iter(errors))}"],
            (scale.tag, scale.colour),
            36,
        )
    return ax


def _ticks(ax: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    steps = np.array([0.01, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 30, 50, 70, 90])
    ax.xaxis.set_major_locator(FixedLocator(steps[(steps >= low) & (steps <= high)].tolist()))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="y", which="minor", length=0)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _mark_quantiles(ax: Axes, errors: np.ndarray) -> None:
    """Mark quantiles by lines, their names moved apart where they would overlap."""
    values = [float(np.quantile(errors, quantile)) for _, quantile in MARKS]
    to_axes = ax.transAxes.inverted()
    places = [float(to_axes.transform(ax.transData.transform((v, 1.0)))[0]) for v in values]
    centres = spread(places, 0.057, 0.03, 0.97)
    for (name, _), value, place, centre in zip(MARKS, values, places, centres, strict=True):
        ax.axvline(value, color=st.INK, linewidth=0.8, dashes=(4, 3), zorder=3)
        ax.annotate(
            f"{name}\n{value:.2f}",
            (place, 1),
            xytext=(centre, 1.025),
            xycoords="axes fraction",
            textcoords="axes fraction",
            ha="center",
            va="bottom",
            fontsize=8,
            color=st.MUTED,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": st.RULE, "linewidth": 0.8, "shrinkB": 0},
        )


def save_distribution(
    accuracies: Mapping[str, npt.ArrayLike],
    path: str | Path,
    *,
    title: str = "",
    kind: str | None = None,
) -> Path:
    """Draw a distribution and write it atomically as ``.png``, ``.svg`` or ``.pdf``."""
    ax = draw_distribution(accuracies, title=title, kind=kind)
    return st.save_figure(ax.figure, path)  # type: ignore[arg-type]
