"""The picture of how quantities grow with a size: panels with logarithmic axes, a line a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from maade_np.report import style as st
from maade_np.report.style import CYCLE

WIDTH, HEIGHT = 8.0, 3.7  # inches
MARKERS = "os^Dv"


class Panel(NamedTuple):
    """A quantity: its name and, for each method, sizes and values (n,)."""

    title: str
    lines: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]


def draw_growth(
    panels: Sequence[Panel], *, title: str, note: str = "", size: str = "N, hyper-parameters"
) -> Any:
    """Draw panels side by side; return the figure.

    Parameters
    ----------
    panels : sequence of Panel
        All with the same methods; a method may lack sizes in some.
    title, note : str
        The heading, and small print below it.
    size : str
        What the horizontal axes count.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no panel.
    """
    if not panels:
        raise ValueError("there is nothing to draw: `panels` is empty")
    with st.style():
        figure = st.new_figure(WIDTH, HEIGHT)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        figure.subplots_adjust(left=0.07, right=0.985, top=0.76, bottom=0.27, wspace=0.27)
        for ax, panel in zip(axes, panels, strict=True):
            for number, (name, (x, y)) in enumerate(panel.lines.items()):
                ax.plot(
                    np.asarray(x),
                    np.asarray(y),
                    marker=MARKERS[number % len(MARKERS)],
                    markersize=4.5,
                    linewidth=1.7,
                    color=CYCLE[number % len(CYCLE)],
                    label=name,
                )
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.set_axisbelow(True)
            ax.grid(True, axis="y", color=st.GRID, linewidth=0.8)
            for side in ("left", "right", "top"):
                ax.spines[side].set_visible(False)
            ax.tick_params(which="both", length=0, labelsize=8.5)
            ax.minorticks_off()
            ax.set_title(panel.title, loc="left", fontsize=9.5, color=st.INK)
            ax.set_xlabel(size, fontsize=9)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, names, loc="lower center", ncols=len(names), frameon=False, fontsize=9
        )
        figure.text(0.02, 0.94, title, fontsize=13, fontweight="bold", color=st.INK)
        figure.text(0.02, 0.875, note, fontsize=9, color=st.MUTED)
    return figure
