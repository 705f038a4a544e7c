"""The picture of one search, query by query.

Accuracies come in, errors in per cent are drawn (values of a user's own objective as they are). A
few collapsed trainings (errors of 20 % or 90 %) must not flatten the picture, so the range of the
error axis is chosen from the bulk of the evaluations; what lies beyond is marked at the border and
counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from maade_np.report import style as st
from maade_np.report._axes import (
    Label,
    Scale,
    checked,
    draw_optimum,
    error_range,
    height,
    label_ends,
    prepare,
    scale_of,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEARCHER_NAMES = {
    "random": "Random search",
    "local-search": "Local search",
    "evolution": "Regularized evolution",
    "tpe": "TPE",
    "bohb": "BOHB",
    "alphax": "AlphaX",
    "nasbot": "NASBOT",
    "bananas": "BANANAS",
    "remaade": "ReMAADE",
    "reinforce": "REINFORCE",
    "reinforce-made": "REINFORCE (MADE)",
    "reinforce-nade": "REINFORCE (NADE)",
    "reinforce-lstm": "REINFORCE (LSTM)",
}


def draw_run(
    query: npt.ArrayLike,
    signal: npt.ArrayLike,
    incumbent_signal: npt.ArrayLike,
    incumbent_held_out: npt.ArrayLike,
    *,
    cell: npt.ArrayLike | None = None,
    optimum: float | None = None,
    title: str = "",
    lines: Sequence[str] = (),
    kind: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one search from plain arrays; :func:`draw_curve` takes them from a result.

    Parameters
    ----------
    query : array_like (n,)
        1 to n.
    signal : array_like (n,)
        Accuracy in [0, 1] that drove the search, of each evaluated string; NaN where unknown.
    incumbent_signal, incumbent_held_out : array_like (n,)
        Accuracies in [0, 1] of the best string so far, after each query; NaN where unknown.
    cell : array_like (n,), optional
        Identities; a string whose identity came earlier is drawn hollow.
    optimum : float, optional
        The table's best held-out accuracy.
    title : str, optional
    lines : sequence of str, optional
        Small print under the title.
    kind : {"real", "surrogate", "toy", "objective"}, optional
        Where the results come from, which the picture then states; None claims nothing. With
        "objective" the values are drawn as they are and may be any numbers.
    ax : matplotlib.axes.Axes, optional
        Drawn into if given; it needs room at its right side and above.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no query, an array has another length, or the kind is unknown.
    """
    scale, query = scale_of(kind), np.asarray(query)
    repeated = _repeated(None if cell is None else checked("cell", cell, len(query)), len(query))
    heights, driving, held_out = (
        scale.heights(checked(name, values, len(query)))
        for name, values in (
            ("signal", signal),
            ("incumbent_signal", incumbent_signal),
            ("incumbent_held_out", incumbent_held_out),
        )
    )
    best = height(scale, optimum)
    sign = 1.0 if scale.percent else -1.0
    low, high = error_range(
        sign * heights, (sign * driving, sign * held_out), None if best is None else sign * best
    )
    # In a noise-free protocol the signal is the result: one line, not two on top of each other.
    same = np.array_equal(driving, held_out, equal_nan=True)
    suffix = ", held-out" if scale.percent and not same else ""

    with st.style():
        ax = prepare(ax, query, scale.limits(low, high), scale.label, 0.69 + 0.19 * len(lines))
        labels = draw_optimum(ax, scale, best, f"optimum{suffix}")
        _draw_evaluations(ax, query, heights, repeated, sign * heights > high, scale)
        if not same:
            name = "incumbent, signal" if scale.percent else "incumbent"
            labels += _draw_track(ax, query, driving, name, scale, st.BLUE, 1.4, "signal")
        labels += _draw_track(
            ax, query, held_out, f"incumbent{suffix}", scale, st.VERMILLION, 2.2, "held-out"
        )
        label_ends(ax, labels)
        write_heading(ax, title, lines, (scale.tag, scale.colour), lift=26)
    return ax


def draw_curve(result: Any, ax: Axes | None = None) -> Axes:
    """Draw one search: every evaluation, the incumbent's two errors, the table's optimum.

    Parameters
    ----------
    result : maade_np.SearchResult
    ax : matplotlib.axes.Axes, optional
        Drawn into if given; otherwise a figure of 8 by 5 inches is made (``ax.figure``).

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    curve, history, settings = result.curve(), _mapping(result.history), result.settings
    table, optimum = settings["table"], result.optimum or {}
    searcher = SEARCHER_NAMES.get(settings["searcher"], settings["searcher"])
    cell = history["cell"]
    queries = len(curve["query"])
    lines = [
        f"{settings['protocol']} · budget {settings['budget']:,} · seed {settings['seed']} · "
        f"{len(np.unique(cell)):,} of {queries:,} distinct",
        _final_figures(curve, optimum, scale_of(table["kind"])),
    ]
    return draw_run(
        curve["query"],
        history["signal"],
        curve["signal"],
        curve["held_out"],
        cell=cell,
        optimum=optimum.get("held_out"),
        title=f"{searcher} on {table['name']}",
        lines=lines,
        kind=table["kind"],
        ax=ax,
    )


def save_curve(result: Any, path: str | Path) -> Path:
    """Draw one search and write it atomically as ``.png``, ``.svg`` or ``.pdf``.

    Parameters
    ----------
    result : maade_np.SearchResult
    path : str or Path

    Returns
    -------
    Path

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the suffix is not one of the three.
    """
    return st.save_figure(draw_curve(result).figure, path)  # type: ignore[arg-type]


def _draw_evaluations(
    ax: Axes,
    query: np.ndarray,
    heights: np.ndarray,
    repeated: np.ndarray,
    beyond: np.ndarray,
    scale: Scale,
) -> None:
    """Draw dots: full where new, hollow where repeated, a triangle at the border where beyond."""
    decades = np.log10(len(query))
    size = float(np.interp(decades, [1.5, 3.5], [22.0, 5.0]))
    alpha = float(np.interp(decades, [2.0, 3.5], [0.45, 0.30]))
    groups: tuple[tuple[str, np.ndarray, str, dict[str, Any]], ...] = (
        ("new", ~repeated & ~beyond, "evaluated string", {"color": st.BLUE, "linewidth": 0}),
        (
            "repeated",
            repeated & ~beyond,
            "evaluated before",
            {"facecolor": "none", "edgecolor": st.BLUE, "linewidth": 0.7},
        ),
    )
    for name, chosen, label, look in groups:
        if np.isfinite(heights[chosen]).any():
            ax.scatter(
                query[chosen],
                heights[chosen],
                s=size,
                alpha=alpha,
                zorder=3,
                label=label,
                clip_on=False,
                gid=f"evaluations-{name}",
                **look,
            )
    if beyond.any():
        bottom, top = ax.get_ylim()
        side, border, marker, edge, worst = (
            ("above", top, "^", 1.0, heights[beyond].max())
            if scale.percent
            else ("below", bottom, "v", 0.0, heights[beyond].min())
        )
        ax.scatter(
            query[beyond],
            np.full(beyond.sum(), edge),
            marker=marker,
            s=12 + size / 2,
            color=st.PURPLE,
            linewidth=0,
            zorder=6,
            clip_on=False,
            gid="evaluations-beyond",
            transform=ax.get_xaxis_transform(),
            label=f"{beyond.sum():,} {side} {scale.text(border)} (worst {scale.text(worst)})",
        )
    if np.isfinite(heights).any():
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(-0.012, 1.0),
            ncols=3,
            frameon=False,
            fontsize=8.5,
            labelcolor=st.MUTED,
            handletextpad=0.1,
            columnspacing=1.4,
            borderaxespad=0.4,
        )


def _draw_track(
    ax: Axes,
    query: np.ndarray,
    track: np.ndarray,
    name: str,
    scale: Scale,
    ink: str,
    width: float,
    gid: str,
) -> list[Label]:
    """Draw an incumbent as steps with a dot at the end; return the label of the end."""
    ax.plot(
        query,
        track,
        drawstyle="steps-post",
        color=ink,
        linewidth=width,
        zorder=4,
        gid=f"incumbent-{gid}",
    )
    known = np.flatnonzero(np.isfinite(track))
    if known.size == 0:
        return []
    end = known[-1]
    ax.plot(query[end], track[end], "o", color=ink, markersize=2.2 * width, zorder=5, clip_on=False)
    return [(float(track[end]), f"{name}\n{scale.text(track[end])}", ink)]


def _final_figures(
    curve: Mapping[str, np.ndarray], optimum: Mapping[str, float | None], scale: Scale
) -> str:
    """Write the incumbent's last figures in a line; equal ones share a number."""
    names: dict[str, list[str]] = {}
    for key, name in (("signal", "signal"), ("held_out", "held-out"), ("mean_test", "mean test")):
        value = float(curve[key][-1])
        if np.isfinite(value):
            names.setdefault(scale.text(float(scale.heights(value))), []).append(name)
    text = ", ".join(f"{' = '.join(group)} {number}" for number, group in names.items())
    if scale.percent and not np.isfinite(curve["held_out"][-1]):
        text += ", held-out unknown"
    best, value = optimum.get("mean_test"), float(curve["mean_test"][-1])
    if scale.percent and best is not None and np.isfinite(best - value):
        text += f" (regret {100 * (best - value):.2f} points)"
    return f"final incumbent: {text}"


def _repeated(cell: np.ndarray | None, length: int) -> np.ndarray:
    """Mark the entries whose value came earlier."""
    repeated = np.zeros(length, bool)
    if cell is not None:
        repeated[:] = True
        repeated[np.unique(cell, return_index=True)[1]] = False
    return repeated


def _mapping(history: Any) -> Mapping[str, np.ndarray]:
    return history if isinstance(history, Mapping) else vars(history)
