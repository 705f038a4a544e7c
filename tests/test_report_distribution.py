"""The picture of a table's results: what is drawn is what was passed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from maade_np.report import draw_distribution, save_distribution
from maade_np.report.distribution import BINS, MARKS

matplotlib = pytest.importorskip("matplotlib")
extent = pytest.importorskip("matplotlib.text").Text.get_window_extent  # without the arrow


@pytest.fixture
def accuracies():
    rng = np.random.default_rng(0)
    mean = 0.95 - rng.gamma(3.0, 0.01, 20_000)
    mean[:50] = 0.1
    mean[50:60] = np.nan
    return {"mean": mean, "one run": mean + rng.normal(0, 0.003, len(mean))}


def stairs(ax, rank):
    [found] = [c for c in ax.get_children() if c.get_gid() == f"distribution-{rank}"]
    return found.get_data()


def test_the_bars_are_the_counts(accuracies):
    ax = draw_distribution(accuracies, title="a table", kind="real")
    for rank, values in enumerate(accuracies.values()):
        known = 100 * (1 - values[np.isfinite(values)])
        data = stairs(ax, rank)
        expected, _ = np.histogram(known, data.edges)
        assert expected.sum() == len(known), "no point lies outside"
        assert len(expected) == BINS
        np.testing.assert_array_equal(data.values, np.maximum(expected, 0.5))
    texts = {text.get_text() for text in ax.texts}
    assert "19,990 points · filled: mean" in texts
    assert {"a table", "real results"} <= texts
    error = 100 * (1 - accuracies["mean"])
    for name, quantile in MARKS:
        assert f"{name}\n{np.nanquantile(error, quantile):.2f}" in texts


def test_labels_do_not_touch(accuracies):
    ax = draw_distribution(accuracies, title="a table", kind="surrogate")
    ax.figure.canvas.draw()
    boxes = [extent(text) for text in ax.texts if "\n" in text.get_text()]
    assert len(boxes) == len(MARKS)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    others = [extent(t) for t in ax.texts if "\n" not in t.get_text() and t.get_text()]
    assert not any(a.overlaps(b) for a in boxes for b in others)


def test_one_point_and_a_perfect_one_are_drawn():
    draw_distribution({"mean": [0.9]})
    draw_distribution({"mean": [1.0, 0.5]})


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="no accuracy is known"):
        draw_distribution({"mean": [np.nan]})


def test_it_is_written(accuracies, tmp_path):
    path = save_distribution(accuracies, tmp_path / "accuracies.png", title="t", kind="toy")
    assert path.read_bytes().startswith(b"\x89PNG")
