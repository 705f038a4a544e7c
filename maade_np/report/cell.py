"""Pictures of what a search found: a NAS-Bench-101 cell, or a point of any categorical space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from maade_np.report import style as st
from maade_np.report._axes import write_heading
from maade_np.report._cell_layout import BOX_HEIGHT, BOX_WIDTH, layout_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = 0.66  # of a unit of the drawing
HEAD_LENGTH, HEAD_WIDTH = 0.15, 0.15

# Label, fill, edge, text.
OPS = {
    "input": ("input", "#FFFFFF", "#9CA3AF", st.INK),
    "output": ("output", "#FFFFFF", "#9CA3AF", st.INK),
    "conv3x3-bn-relu": ("conv\n3×3", "#0072B2", "#0072B2", "#FFFFFF"),
    "conv1x1-bn-relu": ("conv\n1×1", "#8CCBF0", "#8CCBF0", st.INK),
    "maxpool3x3": ("max-pool\n3×3", "#F5B841", "#F5B841", st.INK),
}


def draw_cell(
    matrix: npt.ArrayLike, ops: Sequence[str], ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw a NAS-Bench-101 cell.

    Parameters
    ----------
    matrix : array_like (V, V)
        Upper-triangular 0/1 adjacency of the pruned cell, 2 <= V <= 7.
    ops : sequence of str (V,)
        "input", then "conv3x3-bn-relu", "conv1x1-bn-relu" or "maxpool3x3", then "output".
    ax : matplotlib.axes.Axes, optional
        Drawn into if given; otherwise a figure of the cell's size is made (``ax.figure``).
    title : str, optional
        Its first line becomes the heading, further lines small print.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If matrix and operations are not a pruned cell.
    """
    layout = layout_cell(matrix)
    names = _checked_ops(ops, len(layout.centres))
    half = np.array([BOX_WIDTH, BOX_HEIGHT]) / 2
    points = np.concatenate([layout.centres - half, layout.centres + half, *layout.edges.values()])
    low, high = points.min(0) - 0.04, points.max(0) + 0.04
    heading, *lines = (title or "").splitlines() or [""]
    with st.style():
        if ax is None:
            ax = _canvas((high - low) * INCHES, heading, lines)
        ax.set_axis_off()
        ax.set_aspect("equal")
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1])
        scale = _points_per_unit(ax, high - low)
        for edge, route in layout.edges.items():
            _draw_edge(ax, edge, route, scale)
        for vertex, (centre, name) in enumerate(zip(layout.centres, names, strict=True)):
            _draw_box(ax, vertex, centre, name, scale)
        if title:
            write_heading(ax, heading, lines, ("", ""), lift=12)
    return ax


def save_cell(
    matrix: npt.ArrayLike, ops: Sequence[str], path: str | Path, title: str | None = None
) -> Path:
    """Draw a cell and write it atomically as ``.png``, ``.svg`` or ``.pdf``.

    Parameters are those of :func:`draw_cell`, which raises the same errors.

    Returns
    -------
    Path
    """
    return st.save_figure(draw_cell(matrix, ops, title=title).figure, path)  # type: ignore[arg-type]


def draw_point(
    names: Sequence[str], values: Sequence[Any], title: str | None = None, rows: int = 14
) -> Axes:
    """Draw a point of a categorical space as a small table on a figure of its own.

    Parameters
    ----------
    names : sequence of str (N,)
        The hyper-parameters.
    values : sequence (N,)
        Their values, written with ``str``.
    title : str, optional
        Its first line becomes the heading, further lines small print.
    rows : int, optional
        Rows of a column; what is beyond goes into a further column.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is nothing to draw, or a name or a value is missing.
    """
    if len(names) != len(values) or not len(names):
        raise ValueError(
            f"a point needs as many values as names and at least one: there are "
            f"{len(names)} names and {len(values)} values"
        )
    names = [_shortened(str(name), 32) for name in names]
    shown = [_shortened(str(value), 32) for value in values]
    heading, *lines = (title or "").splitlines() or [""]
    with st.style():
        width = (
            0.35
            + max(st.text_width(name, 9.5) for name in names)
            + max(st.text_width(value, 9.5, bold=True) for value in shown)
        )
        gap, pitch = 0.4, 0.29
        columns = min(-(-len(names) // rows), max(1, int(st.MAX_WIDTH / (width + gap))))
        rows = -(-len(names) // columns)
        if columns == 1:
            width = max(width, min(st.text_width(heading, 13, bold=True), 7.0))
        extent = np.array([columns * (width + gap) - gap, rows * pitch])
        ax = _canvas(extent, heading, lines)
        ax.set_axis_off()
        ax.set_xlim(0, extent[0])
        ax.set_ylim(extent[1], 0)
        for i, (name, value) in enumerate(zip(names, shown, strict=True)):
            left, middle = i // rows * (width + gap), (i % rows + 0.5) * pitch
            ax.plot(
                [left, left + width],
                [middle + pitch / 2] * 2,
                color=st.RULE,
                linewidth=0.6,
                clip_on=False,
            )
            ax.text(left + 0.03, middle, name, va="center", color=st.MUTED)
            ax.text(left + width - 0.03, middle, value, va="center", ha="right", fontweight="bold")
        if title:
            write_heading(ax, heading, lines, ("", ""), lift=12)
    return ax


def save_point(
    names: Sequence[str], values: Sequence[Any], path: str | Path, title: str | None = None
) -> Path:
    """Draw a point as a table and write it atomically as ``.png``, ``.svg`` or ``.pdf``.

    Parameters are those of :func:`draw_point`, which raises the same errors.

    Returns
    -------
    Path
    """
    return st.save_figure(draw_point(names, values, title).figure, path)  # type: ignore[arg-type]


def _checked_ops(ops: Sequence[str], size: int) -> list[str]:
    names = [str(name) for name in ops]
    if len(names) != size:
        raise ValueError(f"the cell has {size} vertices, but there are {len(names)} operations")
    interior = sorted(set(OPS) - {"input", "output"})
    unknown = sorted(set(names[1:-1]) - set(interior))
    if names[0] != "input" or names[-1] != "output" or unknown:
        raise ValueError(
            f"operations are 'input', then any of {interior}, then 'output'; these are {names}"
        )
    return names


def _canvas(extent: np.ndarray, heading: str, lines: list[str]) -> Axes:
    """Return axes of `extent` inches, or less if too wide, on a figure with a heading."""
    margin = 0.2
    head = (0.46 + 0.195 * len(lines)) if heading or lines else 0.0
    room = st.MAX_WIDTH - 2 * margin
    width, height = extent * min(1.0, room / extent[0])
    texts = [st.text_width(heading, 13, bold=True), *(st.text_width(line, 9) for line in lines)]
    total = (min(max(width, *texts), room) + 2 * margin, height + head + 2 * margin)
    return st.new_figure(*total).add_axes(
        (margin / total[0], margin / total[1], width / total[0], height / total[1])
    )


def _points_per_unit(ax: Axes, extent: np.ndarray) -> float:
    figure: Any = ax.figure
    box = ax.get_window_extent()
    return 72.0 / figure.dpi * min(box.width / extent[0], box.height / extent[1])


def _draw_edge(ax: Axes, edge: tuple[int, int], route: np.ndarray, scale: float) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path as Curve

    tip = route[-1]
    points = route.copy()
    points[-1, 0] -= 0.8 * HEAD_LENGTH
    vertices, codes = [points[0]], [Curve.MOVETO]
    for start, end in zip(points[:-1:2], points[1::2], strict=True):
        if codes[-1] != Curve.MOVETO:
            vertices.append(start)
            codes.append(Curve.LINETO)
        pull = np.array([0.55 * (end[0] - start[0]), 0.0])
        vertices += [start + pull, end - pull, end]
        codes += [Curve.CURVE4] * 3
    name = f"edge-{edge[0]}-{edge[1]}"
    ax.add_artist(
        PathPatch(
            Curve(vertices, codes),
            fill=False,
            edgecolor="#4B5563",
            linewidth=0.034 * scale,
            capstyle="butt",
            zorder=2,
            gid=name,
        )
    )
    back = tip - (HEAD_LENGTH, 0.0)
    side = np.array([0.0, HEAD_WIDTH / 2])
    ax.add_artist(
        Polygon(
            [tip, back + side, back - side],
            closed=True,
            facecolor="#4B5563",
            edgecolor="none",
            zorder=3,
            gid=f"{name}-head",
        )
    )


def _draw_box(ax: Axes, vertex: int, centre: np.ndarray, name: str, scale: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    label, fill, line, ink = OPS[name]
    corner = centre - (BOX_WIDTH / 2, BOX_HEIGHT / 2)
    ax.add_artist(
        FancyBboxPatch(
            (corner[0], corner[1]),
            BOX_WIDTH,
            BOX_HEIGHT,
            facecolor=fill,
            edgecolor=line,
            linewidth=0.03 * scale,
            boxstyle="round,pad=0,rounding_size=0.13",
            zorder=4,
            gid=f"box-{vertex}",
        )
    )
    ax.text(
        centre[0],
        centre[1],
        label,
        ha="center",
        va="center",
        color=ink,
        zorder=5,
        fontsize=0.185 * scale,
        fontweight="bold",
        linespacing=1.1,
        gid=f"label-{vertex}",
    )


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
