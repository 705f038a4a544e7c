"""The picture of several searchers compared: mean curves with bands, over many trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from maade_np.report import style as st
from maade_np.report._axes import (
    Scale,
    checked,
    draw_optimum,
    error_range,
    finite,
    height,
    label_ends,
    prepare,
    scale_of,
    write_heading,
)
from maade_np.report.curve import SEARCHER_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = ("-", "--", "-.", ":")
LABEL_WIDTH = 1.38  # inches, right of the axes


def draw_comparison(
    curves: Mapping[str, Mapping[str, npt.ArrayLike]],
    ax: Axes | None = None,
    *,
    optimum: float | None = None,
    title: str = "",
    lines: Sequence[str] = (),
    kind: str | None = None,
    highlight: str | None = "remaade",
    x_scale: str = "linear",
) -> Axes:
    """Draw mean curves of several searchers with bands.

    Parameters
    ----------
    curves : mapping of str to mapping
        For each searcher ``query`` (n,) and ``mean`` (n,), and optionally ``low`` and ``high``
        (n,), the ends of the band: accuracies in [0, 1], NaN where unknown.
    ax : matplotlib.axes.Axes, optional
    optimum : float, optional
        The table's best accuracy, as in :func:`draw_run`.
    title, lines, kind : optional
        As in :func:`draw_run`. Say in `lines` how many trials there are and what the band is.
    highlight : str, optional
        The searcher drawn thick and on top.
    x_scale : {"linear", "log"}, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no curve, or its arrays have different lengths.
    """
    if not curves:
        raise ValueError("there is no curve to draw: `curves` is empty")
    scale = scale_of(kind)
    tracks = {name: _comparison_track(name, curve, scale) for name, curve in curves.items()}
    best = height(scale, optimum)
    longest = max((track["query"] for track in tracks.values()), key=lambda query: query[-1])
    # Searches fall steeply at first, which would flatten all that follows.
    start = longest[-1] / 20 if x_scale == "linear" else longest[-1] ** 0.5 / 2
    settled = [
        track[key][track["query"] >= start]
        for track in tracks.values()
        for key in ("mean", "low", "high")
    ]
    seen = finite(np.concatenate(settled))
    limits = error_range(seen, (), best)
    if seen.size:
        limits = min(limits[0], seen.min()), max(limits[1], seen.max())

    with st.style():
        ax = prepare(ax, longest, limits, scale.label, 0.48 + 0.19 * len(lines), x_scale)
        labels = draw_optimum(ax, scale, best, "optimum")
        others = [name for name in tracks if name != highlight]
        for name, track in tracks.items():
            chosen = name == highlight
            # The first colour is the highlighted searcher's; dashes begin when colours run out.
            rank = 0 if chosen else others.index(name) + 1
            ink = st.CYCLE[rank % len(st.CYCLE)]
            ax.fill_between(
                track["query"],
                track["low"],
                track["high"],
                color=ink,
                alpha=0.13,
                linewidth=0,
                zorder=3,
                gid=f"band-{name}",
            )
            ax.plot(
                track["query"],
                track["mean"],
                color=ink,
                linewidth=2.4 if chosen else 1.5,
                linestyle=DASHES[rank // len(st.CYCLE) % len(DASHES)],
                zorder=5 if chosen else 4,
                gid=f"mean-{name}",
            )
            known = finite(track["mean"])
            if known.size:
                shown = st.wrapped(SEARCHER_NAMES.get(name, name), 9, LABEL_WIDTH)
                end = float(known[-1])
                labels.append((end, f"{shown}\n{scale.text(end)}", ink))
        label_ends(ax, labels)
        write_heading(ax, title, lines, (scale.tag, scale.colour), lift=10)
    return ax


def _comparison_track(
    name: str, curve: Mapping[str, npt.ArrayLike], scale: Scale
) -> dict[str, np.ndarray]:
    query = np.asarray(curve["query"])
    track = {
        key: scale.heights(checked(f"{key} of {name}", curve.get(key, curve["mean"]), len(query)))
        for key in ("mean", "low", "high")
    }
    return {"query": query, **track}
