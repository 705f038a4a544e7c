"""Pictures of figures with intervals, and of growth."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from maade_np.report import style
from maade_np.report.growth import Panel, draw_growth
from maade_np.report.intervals import Mark, draw_intervals

MARKS = [
    Mark("random", 6.5, 6.4, 6.6, other=6.3, group="one"),
    Mark("a longer name", 6.2, 6.1, 6.25, group="one"),
    Mark("third", 6.0, 5.9, 6.1, group="two"),
]


def test_every_mark_is_drawn_with_its_interval_from_top_to_bottom(tmp_path):
    ax = draw_intervals(MARKS, title="T", lines=["small print"], kind="real")
    drawn = [line.get_xdata() for line in ax.lines]
    assert [x.tolist() for x in map(np.atleast_1d, drawn)] == [
        [6.4, 6.6],
        [6.5],
        [6.3],
        [6.1, 6.25],
        [6.2],
        [5.9, 6.1],
        [6.0],
    ]
    ticks = ax.get_yticks()
    assert (np.diff(ticks) > 0).all()
    assert ax.yaxis_inverted()
    assert [t.get_text() for t in ax.get_yticklabels()] == [mark.label for mark in MARKS]
    said = [text.get_text() for text in ax.texts]
    assert {"one", "two", "6.500", "6.200", "6.000", "real results", "small print"} <= set(said)
    path = style.save_figure(ax.figure, tmp_path / "a.png")
    again = draw_intervals(MARKS, title="T", lines=["small print"], kind="real").figure
    assert path.read_bytes() == style.save_figure(again, tmp_path / "b.png").read_bytes()


def test_labels_stay_in_the_picture():
    ax = draw_intervals([Mark("a name that is really quite long", 1.0, 0.9, 1.1)])
    figure = ax.figure
    figure.canvas.draw()
    box = ax.get_yticklabels()[0].get_window_extent()
    assert box.x0 > 0
    assert box.x1 < ax.get_window_extent().x0


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="`marks` is empty"):
        draw_intervals([])
    with pytest.raises(ValueError, match="`panels` is empty"):
        draw_growth([], title="")


def test_growth_has_a_panel_a_quantity_and_a_line_a_method():
    lines = {"flat": ([1, 10], [5, 5]), "linear": ([1, 10], [2, 20])}
    figure = draw_growth([Panel("a", lines), Panel("b", lines)], title="Growth")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b"]
    for ax in figure.axes:
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert [line.get_ydata().tolist() for line in ax.lines] == [[5, 5], [2, 20]]
