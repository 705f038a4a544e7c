"""The pictures: what is in the axes is what was passed, and nothing covers anything else."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from maade_np import report
from maade_np.report import style as st
from maade_np.report._axes import error_range, spread

matplotlib = pytest.importorskip("matplotlib")
Text = pytest.importorskip("matplotlib.text").Text


# ---------------------------------------------------------------------------------- one search


def make_run(n, seed=0, collapsed=0):
    """Signal, held-out accuracy and identity of n queries, with the incumbent's curve."""
    rng = np.random.default_rng(seed)
    signal = 0.94 - rng.gamma(2.0, 0.01, n)
    signal[rng.choice(n, collapsed, replace=False)] = 0.1
    held_out = signal - rng.uniform(0.0, 0.006, n)
    cell = rng.integers(0, max(1, int(0.8 * n)), n)
    best = [int(np.argmax(signal[: k + 1])) for k in range(n)]
    return SimpleNamespace(
        query=np.arange(1, n + 1),
        signal=signal,
        held_out=held_out,
        cell=cell,
        driving=signal[best],
        result=held_out[best],
    )


def draw(run, **kwargs):
    kwargs = {"cell": run.cell, "optimum": 0.9432, **kwargs}
    return report.draw_run(run.query, run.signal, run.driving, run.result, **kwargs)


def artist(ax, gid):
    found = [child for child in ax.get_children() if child.get_gid() == gid]
    assert len(found) <= 1
    return found[0] if found else None


def dots(ax, name):
    found = artist(ax, f"evaluations-{name}")
    return np.empty((0, 2)) if found is None else np.asarray(found.get_offsets())


def texts(ax):
    legend = ax.get_legend()
    return [t.get_text() for t in ax.texts] + [t.get_text() for t in legend.get_texts()]


def test_the_axes_hold_what_was_passed():
    run = make_run(150, collapsed=3)
    ax = draw(run, title="a title", lines=["small print"])
    for name, expected in (("signal", run.driving), ("held-out", run.result)):
        line = artist(ax, f"incumbent-{name}")
        np.testing.assert_array_equal(line.get_xdata(), run.query)
        np.testing.assert_allclose(line.get_ydata(), 100 * (1 - expected))
        assert line.get_drawstyle() == "steps-post"
    assert artist(ax, "optimum").get_ydata() == pytest.approx([5.68, 5.68])

    errors, high = 100 * (1 - run.signal), ax.get_ylim()[1]
    seen = set()
    repeated = np.array([c in seen or seen.add(c) for c in run.cell], dtype=bool)
    for name, chosen in (
        ("new", ~repeated & (errors <= high)),
        ("repeated", repeated & (errors <= high)),
    ):
        np.testing.assert_allclose(dots(ax, name), np.c_[run.query, errors][chosen])
    np.testing.assert_array_equal(dots(ax, "beyond")[:, 0], run.query[errors > high])
    assert len(artist(ax, "evaluations-repeated").get_facecolor()) == 0  # hollow
    said = texts(ax)
    assert "a title" in said
    assert "small print" in said
    assert f"{(errors > high).sum()} above {high:.2f} % (worst 90.00 %)" in said
    assert f"incumbent, held-out\n{100 * (1 - run.result[-1]):.2f} %" in said


@pytest.mark.parametrize("n", [1, 2, 30, 3200])
@pytest.mark.parametrize("held_out", ["known", "unknown"])
@pytest.mark.parametrize("optimum", [0.9432, None, np.nan])
def test_edge_cases_are_drawn(n, held_out, optimum):
    run = make_run(n)
    if held_out == "unknown":
        run.result = np.full(n, np.nan)
    ax = draw(run, optimum=optimum)
    assert (artist(ax, "optimum") is None) == (optimum is None or np.isnan(optimum))
    assert sum(len(dots(ax, name)) for name in ("new", "repeated", "beyond")) == n
    assert any("held-out" in text for text in texts(ax)) == (
        held_out == "known" or optimum == 0.9432
    )
    low, high = ax.get_ylim()
    assert np.isfinite([low, high]).all()
    assert low < high
    assert (100 * (1 - run.driving) > low).all()
    assert low < 100 * (1 - run.driving[-1]) < high
    ax.figure.canvas.draw()


def test_all_unknown_is_drawn():
    nothing = np.full(5, np.nan)
    ax = report.draw_run(np.arange(1, 6), nothing, nothing, nothing)
    assert ax.get_ylim() == (0.0, 100.0)


def test_one_line_where_the_signal_is_the_result():
    run = make_run(40)
    run.result = run.driving
    ax = draw(run)
    assert artist(ax, "incumbent-signal") is None
    np.testing.assert_allclose(
        artist(ax, "incumbent-held-out").get_ydata(), 100 * (1 - run.driving)
    )
    assert not any("held-out" in text for text in texts(ax))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("real", "real results"),
        ("surrogate", "SURROGATE"),
        ("toy", "TOY"),
        ("objective", "own objective"),
    ],
)
def test_the_kind_of_table_is_stated(kind, word):
    assert not any("results" in text for text in texts(draw(make_run(20))))  # nothing is claimed
    ax = draw(make_run(20), kind=kind)
    assert any(word in text for text in texts(ax))
    if kind == "surrogate":
        assert "simulated" in ax.get_ylabel()


def test_an_objective_is_drawn_as_it_is_and_higher_is_better():
    run = make_run(60, collapsed=2)
    run.signal, run.driving = 1000 * run.signal, 1000 * run.driving
    run.result = np.full(60, np.nan)
    ax = draw(run, kind="objective", optimum=None)
    np.testing.assert_allclose(artist(ax, "incumbent-signal").get_ydata(), run.driving)
    low, high = ax.get_ylim()
    assert low > 100
    assert high > run.signal.max()
    np.testing.assert_array_equal(dots(ax, "beyond")[:, 0], run.query[run.signal < low])
    assert f"{(run.signal < low).sum()} below {low:.4g} (worst 100)" in texts(ax)


def test_collapsed_runs_do_not_flatten_the_picture():
    run = make_run(150, collapsed=12)
    low, high = draw(run).get_ylim()
    assert high < 15.0
    # A search in which nothing works shows just that.
    bad = make_run(150, collapsed=150)
    low, high = draw(bad).get_ylim()
    assert low < 5.68
    assert high > 90.0


@settings(deadline=None)
@given(some.lists(some.floats(0, 100), min_size=1, max_size=60))
def test_error_range_keeps_what_matters(errors):
    track = np.minimum.accumulate(errors)
    low, high = error_range(errors, (track,), None)
    assert low < min(errors)
    assert track[-1] < high
    assert high <= max(errors) + 0.07 * max(np.ptp(errors), 0.1 * max(errors), 0.1) + 1e-9
    assert np.mean(np.unique(errors) > high) <= 0.25


def test_how_many_errors_are_shown():
    spread_out = np.geomspace(1, 100, 101)  # four in five: up to 10 ** 1.6
    assert error_range(spread_out)[1] == pytest.approx(39.8 + 0.07 * 38.8, abs=0.1)
    even = np.linspace(1, 100, 101)  # 1.25 times the room shows all
    assert error_range(even)[1] > 100


def test_a_search_that_repeats_one_cell_shows_the_way_to_it():
    errors = np.r_[np.linspace(9, 6, 40), np.full(400, 6.0)]
    assert error_range(errors, (np.minimum.accumulate(errors),))[1] > 8.5
    assert error_range([6.0, 90.0])[1] > 90.0  # two points are no bulk


@pytest.mark.parametrize("labels", [(0.9432, 0.9431, 0.9430), (0.9, 0.9, 0.9), (0.5, 0.94, 0.2)])
def test_labels_neither_touch_nor_leave_the_picture(labels):
    optimum, driving, result = labels
    run = make_run(30)
    run.driving[-1], run.result[-1] = driving, result
    ax = draw(run, optimum=optimum, title="ReMAADE on " + "a long name " * 6)
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    # Of the text alone: an annotation's own extent includes its line.
    ends = [Text.get_window_extent(t, renderer) for t in ax.texts if "%" in t.get_text()]
    assert len(ends) == 3
    assert not any(a.overlaps(b) for a, b in combinations(ends, 2))
    page = ax.figure.bbox
    for text in ax.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1


@settings(deadline=None)
@given(some.lists(some.floats(0, 1), min_size=1, max_size=7))
def test_spread_is_the_least_squares_solution(targets):
    optimize = pytest.importorskip("scipy.optimize")
    gap = 0.1
    placed = np.array(spread(targets, gap, 0.0, 1.0))
    order = np.argsort(targets, kind="stable")
    ranks = gap * np.arange(len(targets))
    shifted = optimize.isotonic_regression(np.array(targets)[order] - ranks).x
    expected = np.clip(shifted, 0.0, 1.0 - ranks[-1]) + ranks
    np.testing.assert_allclose(placed[order], expected, atol=1e-12)


def test_wrong_arrays_are_refused():
    run = make_run(10)
    with pytest.raises(ValueError, match=r"`signal` has shape \(9,\), but there are 10 queries"):
        report.draw_run(run.query, run.signal[:9], run.driving, run.result)
    with pytest.raises(ValueError, match="`query` is empty"):
        report.draw_run([], [], [], [])
    with pytest.raises(ValueError, match=r"kind of table is 'fake'.*real, surrogate"):
        draw(run, kind="fake")


# ------------------------------------------------------------------------- a result, comparison


def make_result(n=50, **optimum):
    run = make_run(n)
    history = {
        "query": run.query,
        "signal": run.signal,
        "held_out": run.held_out,
        "mean_test": run.held_out,
        "cell": run.cell,
        "seconds": np.ones(n),
    }
    curve = {
        "query": run.query,
        "signal": run.driving,
        "held_out": run.result,
        "mean_test": run.result - 0.001,
    }
    optimum = {"mean_test": None, "held_out": None, "signal": None, **optimum}
    table = {"name": "NAS-Bench-101", "kind": "surrogate"}
    return SimpleNamespace(
        history=history,
        curve=lambda: curve,
        optimum=optimum,
        settings={
            "searcher": "remaade",
            "table": table,
            "protocol": "test-holdout",
            "budget": n,
            "seed": 7,
        },
    )


def test_a_result_is_described_in_full():
    result = make_result(mean_test=0.9432, held_out=0.9440, signal=0.9466)
    ax = report.draw_curve(result)
    said = "\n".join(texts(ax))
    distinct = len(set(result.history["cell"].tolist()))
    regret = 100 * (0.9432 - result.curve()["mean_test"][-1])
    for words in (
        "ReMAADE on NAS-Bench-101",
        "SURROGATE",
        "test-holdout",
        "budget 50",
        "seed 7",
        f"{distinct} of 50 distinct",
        f"regret {regret:.2f} points",
        "optimum, held-out\n5.60 %",
    ):
        assert words in said
    result.history = SimpleNamespace(**result.history)
    assert "\n".join(texts(report.draw_curve(result))) == said


def test_unknown_figures_are_not_made_up():
    result = make_result()
    for key in ("held_out", "mean_test"):
        result.curve()[key][:] = np.nan
    said = "\n".join(texts(report.draw_curve(result)))
    assert "held-out unknown" in said
    assert "regret" not in said
    assert "nan" not in said.lower()


def test_comparison_holds_what_was_passed():
    query = np.arange(1, 151)
    curves = {
        name: {
            "query": query,
            "mean": 0.94 - scale / query,
            "low": 0.935 - scale / query,
            "high": 0.942 - scale / query,
        }
        for name, scale in (("random", 0.3), ("remaade", 0.1), ("mine", 0.2))
    }
    del curves["mine"]["low"], curves["mine"]["high"]
    ax = report.draw_comparison(curves, optimum=0.9432, title="t", x_scale="log")
    assert ax.get_xscale() == "log"
    assert ax.get_xlim()[0] > 0
    for name, curve in curves.items():
        line = artist(ax, f"mean-{name}")
        np.testing.assert_array_equal(line.get_xdata(), query)
        np.testing.assert_allclose(line.get_ydata(), 100 * (1 - curve["mean"]))
    band = artist(ax, "band-random").get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(5.8 + 30 / 150)
    assert band[:, 1].max() == pytest.approx(6.5 + 30)
    colours = {artist(ax, f"mean-{name}").get_color() for name in curves}
    assert len(colours) == 3
    assert artist(ax, "mean-remaade").get_linewidth() == max(
        artist(ax, f"mean-{name}").get_linewidth() for name in curves
    )
    assert {"Random search\n6.20 %", "mine\n6.13 %", "ReMAADE\n6.07 %", "optimum\n5.68 %"} <= {
        text.get_text() for text in ax.texts
    }
    with pytest.raises(ValueError, match="`curves` is empty"):
        report.draw_comparison({})
    with pytest.raises(ValueError, match="mean of random"):
        report.draw_comparison({"random": {"query": query, "mean": [0.9]}})


def test_comparison_of_sparse_curves_with_long_names_fits():
    query = np.array([1, 2, 4, 8, 16, 32, 64, 150])
    names = ["ReMAADE, B = 10, five updates, duplicates skipped", "ReMAADE, the paper's", "random"]
    curves = {name: {"query": query, "mean": 0.94 - 0.4 / query} for name in names}
    for x_scale, first in (("linear", 8), ("log", 8)):
        ax = report.draw_comparison(curves, x_scale=x_scale, highlight=names[0])
        assert 6 + 40 / first < ax.get_ylim()[1] < 6 + 40 / (first / 2)
        ax.figure.canvas.draw()
        renderer = ax.figure.canvas.get_renderer()
        ends = [Text.get_window_extent(t, renderer) for t in ax.texts if "%" in t.get_text()]
        assert len(ends) == 3
        assert not any(a.overlaps(b) for a, b in combinations(ends, 2))
        assert all(box.x1 <= ax.figure.bbox.x1 for box in ends)


def test_more_searchers_than_colours_are_told_apart():
    curves = {f"s{i}": {"query": [1, 2], "mean": [0.9, 0.91 + i / 1000]} for i in range(13)}
    ax = report.draw_comparison(curves, highlight=None)
    looks = {
        (artist(ax, f"mean-{n}").get_color(), artist(ax, f"mean-{n}").get_linestyle())
        for n in curves
    }
    assert len(looks) == 13


# ---------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_files_are_written_whole_and_the_same_every_time(tmp_path, suffix):
    result, path = make_result(), tmp_path / f"curve.{suffix}"
    assert report.save_curve(result, path) == path
    first = path.read_bytes()
    report.save_curve(result, str(path))
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if suffix == "svg":
        assert ElementTree.fromstring(first).tag.endswith("svg")
    if suffix == "png":
        assert int.from_bytes(first[16:20], "big") == 1600  # the width in the header


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "cell.png"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=r"'.*cell\.jpg'.*\.png, \.svg, \.pdf"):
        report.save_cell([[0, 1], [0, 0]], ["input", "output"], tmp_path / "cell.jpg")
    with pytest.raises(FileNotFoundError):
        report.save_cell([[0, 1], [0, 0]], ["input", "output"], tmp_path / "none" / "cell.png")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        report.save_cell([[0, 1], [0, 0]], ["input", "output"], path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = (
        "import sys\n"
        "import maade_np.report as report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "report.draw_cell([[0, 1], [0, 0]], ['input', 'output']).figure.canvas.draw()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda: report.draw_cell([[0, 1], [0, 0]], ["input", "output"]),
        lambda: report.draw_curve(make_result()),
        lambda: report.draw_comparison({"a": {"query": [1], "mean": [0.9]}}),
        lambda: report.draw_point(["a"], [1]),
    ],
)
def test_missing_matplotlib_is_said_clearly(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        call()


def test_settings_of_matplotlib_are_left_as_they_were(tmp_path):
    before = dict(matplotlib.rcParams)
    with ThreadPoolExecutor(4) as pool:
        paths = list(
            pool.map(lambda i: report.save_curve(make_result(), tmp_path / f"{i}.svg"), range(8))
        )
    assert len({path.read_bytes() for path in paths}) == 1
    assert dict(matplotlib.rcParams) == before
    with pytest.raises(RuntimeError), st.style():
        raise RuntimeError
    assert dict(matplotlib.rcParams) == before
