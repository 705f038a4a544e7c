"""What all the notebooks share: the look of the figures, a heat map and a small animation.

Importing it gives pyplot the look of the package's own pictures (`maade_np.report.style`), whose
colours (Okabe and Ito) are told apart with every common colour blindness:

    import course
    figure, axes = course.axes(7, 3)
    axes.plot(x, y, color=course.BLUE)
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from maade_np.report import style
from maade_np.report.style import BLUE, CYCLE, GREEN, INK, MUTED, ORANGE, PURPLE, SKY, VERMILLION

__all__ = [
    "BLUE",
    "CYCLE",
    "DIVERGING",
    "GREEN",
    "INK",
    "MUTED",
    "ORANGE",
    "PURPLE",
    "SEQUENTIAL",
    "SKY",
    "VERMILLION",
    "Counting",
    "animate",
    "axes",
    "heatmap",
]

# from nothing to much, and from below zero to above it
SEQUENTIAL = LinearSegmentedColormap.from_list("paper-blue", ["#FFFFFF", SKY, BLUE, "#00304D"])
DIVERGING = LinearSegmentedColormap.from_list("blue-vermillion", [BLUE, "#F4F5F7", VERMILLION])

RC = {
    **style.RC,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "grid.color": style.GRID,
    "legend.frameon": False,
}
plt.rcParams.update(RC)


class Counting:
    """numpy.tanh that counts the numbers it is given: `mock.patch.object(np, "tanh", Counting())`."""

    def __init__(self):
        self.count = 0
        self.real_tanh = np.tanh

    def __call__(self, values, **more):
        """Count, and compute."""
        self.count += values.size
        return self.real_tanh(values, **more)


def axes(width: float = 7.0, height: float = 3.2, rows: int = 1, columns: int = 1, **more: Any):
    """Return a figure of `width` by `height` inches and its axes, as `pyplot.subplots` does.

    `more` goes to `pyplot.subplots`, for example `sharey=True`.
    """
    return plt.subplots(rows, columns, figsize=(width, height), **more)


def heatmap(
    ax: Any,
    values: np.ndarray,
    rows: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
    label: str | None = None,
    diverging: bool = False,
    numbers: str | None = None,
    limit: float | None = None,
):
    """Draw a matrix as coloured squares on `ax`, rows downwards; NaN stays grey.

    Parameters
    ----------
    ax : matplotlib axes
    values : array of shape (R, C)
    rows, columns : names of the rows and columns, optional
    label : text at the colour bar; None draws no bar
    diverging : colours on both sides of zero, scaled alike
    numbers : a format such as ".2f" writes each value into its square
    limit : value of the darkest colour; default the largest there is

    Returns
    -------
    The image, whose data an animation can set anew.
    """
    values = np.asarray(values, float)
    if limit is None:
        limit = float(np.nanmax(np.abs(values))) or 1.0
    colours = (DIVERGING if diverging else SEQUENTIAL).with_extremes(bad="#E5E7EB")
    image = ax.imshow(values, cmap=colours, vmin=-limit if diverging else 0.0, vmax=limit)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if rows is not None:
        ax.set_yticks(range(values.shape[0]), list(rows))
    if columns is not None:
        turned = {"rotation": 90} if values.shape[1] > 12 else {}
        ax.set_xticks(range(values.shape[1]), list(columns), **turned)
    if label is not None:
        bar = ax.figure.colorbar(image, ax=ax, label=label, fraction=0.046, pad=0.03)
        bar.outline.set_visible(False)
    if numbers is not None:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
                colour = "white" if dark else INK
                at = {"ha": "center", "va": "center", "fontsize": 8}
                ax.text(column, row, format(value, numbers), color=colour, **at)
    return image


def animate(
    draw: Callable[[Figure, Any], None],
    frames: Iterable[Any],
    width: float = 6.0,
    height: float = 3.2,
    per_second: float = 6.0,
    hold: float = 1.5,
    dpi: int = 90,
    alt: str = "",
):
    """Return a small animation, to stand last in a cell.

    It is an animated PNG: every place that shows a notebook shows PNGs, browsers move them, and
    what does not (paper) shows the last frame. So let the last frame be worth a look.

    Parameters
    ----------
    draw : function
        `draw(figure, frame)` draws one frame on an empty figure (`ax = figure.subplots()`). Set
        the limits of the axes there, or they jump.
    frames : iterable
        What `draw` is given, one by one: 20 to 40 frames of a plain plot take about 150 kB.
    width, height : inches
    per_second : frames a second
    hold : seconds that the last frame stays before it begins anew
    alt : what the animation shows, in words, for those who cannot see it
    """
    from IPython.display import Image as Shown
    from PIL import Image

    pictures = []
    with plt.rc_context({"figure.constrained_layout.use": True}):
        for frame in frames:
            figure = Figure(figsize=(width, height), dpi=dpi)
            draw(figure, frame)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=dpi)
            pictures.append(Image.open(buffer).convert("RGB"))
    # one palette of 255 colours for all frames makes the file three times smaller
    sample = pictures[:: max(1, len(pictures) // 8)] + pictures[-1:]
    wide, high = pictures[0].size
    strip = Image.new("RGB", (wide, high * len(sample)))
    for place, picture in enumerate(sample):
        strip.paste(picture, (0, high * place))
    palette = strip.quantize(255, dither=Image.Dither.NONE)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[colours.min(axis=1) >= 248] = 255  # the paper stays white
    palette.putpalette(colours.ravel().tolist())
    small = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    step = round(1000 / per_second)
    buffer = io.BytesIO()
    small[-1].save(  # the first image is what is shown where nothing moves
        buffer,
        format="PNG",
        save_all=True,
        default_image=True,
        append_images=small,
        duration=[step] * (len(small) - 1) + [round(1000 * hold)],
        loop=0,
        optimize=True,
    )
    return Shown(buffer.getvalue(), format="png", alt=alt or None)
