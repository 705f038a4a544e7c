"""The pictures: what is in the axes is what was passed, and nothing covers anything else."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, permutations, product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from maade_np import report
from maade_np.report import style as st
from maade_np.report._axes import error_range, spread
from maade_np.report._cell_layout import BOX_HEIGHT, BOX_WIDTH, layout_cell

matplotlib = pytest.importorskip("matplotlib")
Text = pytest.importorskip("matplotlib.text").Text

CONV3, CONV1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"


# ---------------------------------------------------------------------------------- one search

def make_run(n, seed=0, collapsed=0):
    """Signal, held-out accuracy and identity of n queries, with the incumbent's curve."""
    rng = np.random.default_rng(seed)
    signal = 0.94 - rng.gamma(2.0, 0.01, n)
    signal[rng.choice(n, collapsed, replace=False)] = 0.1
    held_out = signal - rng.uniform(0.0, 0.006, n)
    cell = rng.integers(0, max(1, int(0.8 * n)), n)
    best = [int(np.argmax(signal[: k + 1])) for k in range(n)]
    return SimpleNamespace(query=np.arange(1, n + 1), signal=signal, held_out=held_out, cell=cell,
                           driving=signal[best], result=held_out[best])


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
    for name, chosen in (("new", ~repeated & (errors <= high)),
                         ("repeated", repeated & (errors <= high))):
        np.testing.assert_allclose(dots(ax, name), np.c_[run.query, errors][chosen])
    np.testing.assert_array_equal(dots(ax, "beyond")[:, 0], run.query[errors > high])
    assert len(artist(ax, "evaluations-repeated").get_facecolor()) == 0  # hollow
    said = texts(ax)
    assert "a title" in said and "small print" in said
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
        held_out == "known" or optimum == 0.9432)
    low, high = ax.get_ylim()
    assert np.isfinite([low, high]).all() and low < high
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
    np.testing.assert_allclose(artist(ax, "incumbent-held-out").get_ydata(),
                               100 * (1 - run.driving))
    assert not any("held-out" in text for text in texts(ax))


@pytest.mark.parametrize(("kind", "word"), [("real", "real results"), ("surrogate", "SURROGATE"),
                                            ("toy", "TOY"), ("objective", "own objective")])
def test_the_kind_of_table_is_stated(kind, word):
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
    assert low > 100 and high > run.signal.max()
    np.testing.assert_array_equal(dots(ax, "beyond")[:, 0], run.query[run.signal < low])
    assert f"{(run.signal < low).sum()} below {low:.4g} (worst 100)" in texts(ax)


def test_collapsed_runs_do_not_flatten_the_picture():
    run = make_run(150, collapsed=12)
    low, high = draw(run).get_ylim()
    assert high < 15.0
    # A search in which nothing works shows just that.
    bad = make_run(150, collapsed=150)
    low, high = draw(bad).get_ylim()
    assert low < 5.68 and high > 90.0


@settings(deadline=None)
@given(some.lists(some.floats(0, 100), min_size=1, max_size=60))
def test_error_range_keeps_what_matters(errors):
    track = np.minimum.accumulate(errors)
    low, high = error_range(errors, (track,), None)
    assert low < min(errors) and track[-1] < high
    assert high <= max(errors) + 0.07 * max(np.ptp(errors), 0.1 * max(errors), 0.1) + 1e-9
    assert np.mean(np.unique(errors) > high) <= 0.25


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
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1


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
    with pytest.raises(ValueError, match="kind of table is 'fake'.*real, surrogate"):
        draw(run, kind="fake")


# ------------------------------------------------------------------------- a result, comparison

def make_result(n=50, **optimum):
    run = make_run(n)
    history = {"query": run.query, "signal": run.signal, "held_out": run.held_out,
               "mean_test": run.held_out, "cell": run.cell, "seconds": np.ones(n)}
    curve = {"query": run.query, "signal": run.driving, "held_out": run.result,
             "mean_test": run.result - 0.001}
    optimum = {"mean_test": None, "held_out": None, "signal": None, **optimum}
    table = {"name": "NAS-Bench-101", "kind": "surrogate"}
    return SimpleNamespace(
        history=history, curve=lambda: curve, optimum=optimum,
        settings={"searcher": "remaade", "table": table, "protocol": "test-holdout",
                  "budget": n, "seed": 7})


def test_a_result_is_described_in_full():
    result = make_result(mean_test=0.9432, held_out=0.9440, signal=0.9466)
    ax = report.draw_curve(result)
    said = "\n".join(texts(ax))
    distinct = len(set(result.history["cell"].tolist()))
    regret = 100 * (0.9432 - result.curve()["mean_test"][-1])
    for words in ("ReMAADE on NAS-Bench-101", "SURROGATE", "test-holdout", "budget 50", "seed 7",
                  f"{distinct} of 50 distinct", f"regret {regret:.2f} points",
                  "optimum, held-out\n5.60 %"):
        assert words in said
    result.history = SimpleNamespace(**result.history)
    assert "\n".join(texts(report.draw_curve(result))) == said


def test_unknown_figures_are_not_made_up():
    result = make_result()
    for key in ("held_out", "mean_test"):
        result.curve()[key][:] = np.nan
    said = "\n".join(texts(report.draw_curve(result)))
    assert "held-out unknown" in said and "regret" not in said and "nan" not in said.lower()


def test_comparison_holds_what_was_passed():
    query = np.arange(1, 151)
    curves = {name: {"query": query, "mean": 0.94 - scale / query, "low": 0.935 - scale / query,
                     "high": 0.942 - scale / query}
              for name, scale in (("random", 0.3), ("remaade", 0.1), ("mine", 0.2))}
    del curves["mine"]["low"], curves["mine"]["high"]
    ax = report.draw_comparison(curves, optimum=0.9432, title="t", x_scale="log")
    assert ax.get_xscale() == "log" and ax.get_xlim()[0] > 0
    for name, curve in curves.items():
        line = artist(ax, f"mean-{name}")
        np.testing.assert_array_equal(line.get_xdata(), query)
        np.testing.assert_allclose(line.get_ydata(), 100 * (1 - curve["mean"]))
    band = artist(ax, "band-random").get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(5.8 + 30 / 150)
    assert band[:, 1].max() == pytest.approx(6.5 + 30)
    colours = {artist(ax, f"mean-{name}").get_color() for name in curves}
    assert len(colours) == 3 and artist(ax, "mean-remaade").get_linewidth() == max(
        artist(ax, f"mean-{name}").get_linewidth() for name in curves)
    assert {"Random search\n6.20 %", "mine\n6.13 %", "ReMAADE\n6.07 %", "optimum\n5.68 %"} <= {
        text.get_text() for text in ax.texts}
    with pytest.raises(ValueError, match="`curves` is empty"):
        report.draw_comparison({})
    with pytest.raises(ValueError, match="mean of random"):
        report.draw_comparison({"random": {"query": query, "mean": [0.9]}})


def test_more_searchers_than_colours_are_told_apart():
    curves = {f"s{i}": {"query": [1, 2], "mean": [0.9, 0.91 + i / 1000]} for i in range(13)}
    ax = report.draw_comparison(curves, highlight=None)
    looks = {(artist(ax, f"mean-{n}").get_color(), artist(ax, f"mean-{n}").get_linestyle())
             for n in curves}
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
    with pytest.raises(OSError):
        report.save_cell([[0, 1], [0, 0]], ["input", "output"], tmp_path / "none" / "cell.png")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        report.save_cell([[0, 1], [0, 0]], ["input", "output"], path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = (
        "import sys\n"
        "import maade_np.report as report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "report.draw_cell([[0, 1], [0, 0]], ['input', 'output']).figure.canvas.draw()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("call", [
    lambda: report.draw_cell([[0, 1], [0, 0]], ["input", "output"]),
    lambda: report.draw_curve(make_result()),
    lambda: report.draw_comparison({"a": {"query": [1], "mean": [0.9]}}),
    lambda: report.draw_point(["a"], [1]),
])
def test_missing_matplotlib_is_said_clearly(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        call()


def test_settings_of_matplotlib_are_left_as_they_were(tmp_path):
    before = dict(matplotlib.rcParams)
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda i: report.save_curve(make_result(), tmp_path / f"{i}.svg"),
                              range(8)))
    assert len({path.read_bytes() for path in paths}) == 1
    assert dict(matplotlib.rcParams) == before
    with pytest.raises(RuntimeError), st.style():
        raise RuntimeError
    assert dict(matplotlib.rcParams) == before


# ---------------------------------------------------------------------------------------- cells

def cell_matrix(size, edges):
    matrix = np.zeros((size, size), int)
    matrix[tuple(np.transpose(edges))] = 1
    return matrix


BEST = cell_matrix(7, [(0, 1), (0, 2), (0, 5), (0, 6), (1, 5), (2, 3), (3, 4), (4, 5), (5, 6)])
BEST_OPS = ["input", CONV1, CONV3, POOL, CONV3, CONV3, "output"]
WIDE = cell_matrix(5, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (3, 4)])


TANGLE = cell_matrix(7, [(0, 1), (0, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 5), (4, 5), (5, 6)])


def random_cells(count, seed=0):
    """Different pruned cells of 2 to 7 vertices and up to 9 edges, the larger ones more often."""
    rng = np.random.default_rng(seed)
    cells = {matrix.tobytes(): matrix for matrix in (cell_matrix(2, [(0, 1)]), BEST, WIDE, TANGLE)}
    while len(cells) < count:
        size = rng.choice([3, 4, 5, 6, 7, 7, 7])
        rows, columns = np.triu_indices(size, 1)
        edges = min(len(rows), rng.integers(size - 1, 10))
        matrix = np.zeros((size, size), int)
        chosen = rng.choice(len(rows), edges, replace=False)
        matrix[rows[chosen], columns[chosen]] = 1
        if matrix[:, 1:].any(0).all() and matrix[:-1].any(1).all():
            cells[matrix.tobytes()] = matrix
    return list(cells.values())


def drawn_cell(matrix, ax):
    """Boxes (V, 4) as x0, y0, x1, y1 and densely sampled lines with their tips, as drawn."""
    ops = ["input", *[CONV3, CONV1, POOL, CONV3, POOL][: len(matrix) - 2], "output"]
    for old in [*ax.patches, *ax.texts]:  # much faster than new axes
        old.remove()
    report.draw_cell(matrix, ops, ax=ax)
    patches = {patch.get_gid(): patch for patch in ax.patches}
    boxes = []
    for vertex in range(len(matrix)):
        box = patches.pop(f"box-{vertex}")
        boxes.append([box.get_x(), box.get_y(), box.get_x() + box.get_width(),
                      box.get_y() + box.get_height()])
    lines, tips = {}, {}
    for edge in np.argwhere(matrix).tolist():
        name = f"edge-{edge[0]}-{edge[1]}"
        path = patches.pop(name).get_path()
        pieces = [curve(np.linspace(0, 1, 60)) for curve, _ in path.iter_bezier()]
        lines[tuple(edge)] = np.concatenate(pieces)
        tips[tuple(edge)] = patches.pop(f"{name}-head").get_xy()[0]
    assert not patches  # nothing is drawn that is not in the cell
    return np.array(boxes), lines, tips


def test_nothing_runs_through_a_box_and_no_boxes_touch():
    ax = st.new_figure(8, 4).add_axes((0, 0, 1, 1))
    for matrix in random_cells(200):
        boxes, lines, tips = drawn_cell(matrix, ax)
        for a, b in combinations(boxes, 2):
            gap = np.maximum(a[:2] - b[2:], b[:2] - a[2:])
            assert gap.max() > 0.3, matrix
        for (u, v), line in lines.items():
            np.testing.assert_allclose(line[0], [boxes[u, 2], boxes[u, [1, 3]].mean()])
            np.testing.assert_allclose(tips[u, v], [boxes[v, 0], boxes[v, [1, 3]].mean()])
            for vertex, (x0, y0, x1, y1) in enumerate(boxes):
                # A line may touch the two boxes it joins, and keeps its distance to the others.
                room = -1e-9 if vertex in (u, v) else 0.1
                inside = ((line > (x0 - room, y0 - room)) & (line < (x1 + room, y1 + room))).all(1)
                assert not inside.any(), (matrix, (u, v), vertex)
        (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
        everything = np.concatenate([boxes[:, :2], boxes[:, 2:], *lines.values()])
        assert (everything > (x0, y0)).all() and (everything < (x1, y1)).all()


def test_lines_that_pass_each_other_keep_apart():
    for matrix in random_cells(200, seed=1):
        layout = layout_cell(matrix)
        points = {}
        for route in layout.edges.values():
            for x, y in route[1:-1:2] + (BOX_WIDTH / 2, 0):  # waypoints
                points.setdefault(round(x, 6), []).append((y, 0.0))
        for x, y in layout.centres:
            points.setdefault(round(x, 6), []).append((y, BOX_HEIGHT / 2))
        for column in points.values():
            for (y, half), (other, other_half) in combinations(column, 2):
                assert abs(y - other) >= 0.4 + half + other_half - 0.1 * (half > 0)


def layered(matrix):
    """Independent of the code: the layers of longest paths, with a waypoint for each long edge."""
    size = len(matrix)
    depth = [max((k for k in range(size) if np.linalg.matrix_power(matrix, k)[0, v]), default=0)
             for v in range(size)]
    segments, layers = [], [[] for _ in range(max(depth) + 1)]
    for v in range(size):
        layers[depth[v]].append(v)
    for u, v in np.argwhere(matrix).tolist():
        chain = [u, *((u, v, k) for k in range(depth[u] + 1, depth[v])), v]
        for node in chain[1:-1]:
            layers[node[2]].append(node)
        segments += [(depth[u] + i, a, b)
                     for i, (a, b) in enumerate(zip(chain, chain[1:], strict=False))]
    return layers, segments


def crossings(segments, height):
    return sum(
        k == m and (height[a] - height[c]) * (height[b] - height[d]) < 0
        for (k, a, b), (m, c, d) in combinations(segments, 2))


def test_no_order_of_the_boxes_has_fewer_crossings():
    tried = unavoidable = avoided = 0
    for matrix in random_cells(150, seed=2):
        layers, segments = layered(matrix)
        orders = [list(permutations(layer)) for layer in layers]
        if np.prod([len(order) for order in orders]) > 2000:
            continue
        least = min(
            crossings(segments, {node: i for layer in choice for i, node in enumerate(layer)})
            for choice in product(*orders))
        layout = layout_cell(matrix)
        height = {v: y for v, (_, y) in enumerate(layout.centres)}
        for (u, v), route in layout.edges.items():
            first = next(k for k, layer in enumerate(layers) if u in layer) + 1
            for k, (_, y) in enumerate(route[1:-1:2]):
                height[u, v, first + k] = y
        assert crossings(segments, height) == least, matrix
        naive = {node: i for layer in layers for i, node in enumerate(layer)}
        tried, unavoidable = tried + 1, unavoidable + (least > 0)
        avoided += crossings(segments, naive) > least
    assert tried > 60 and unavoidable > 0 and avoided > 20


def test_labels_fit_their_boxes():
    ax = report.draw_cell(BEST, BEST_OPS, title="The best cell\ntest error 5.68 %")
    renderer = ax.figure.canvas.get_renderer()
    boxes = {p.get_gid(): p.get_window_extent(renderer) for p in ax.patches}
    labels = {t.get_gid(): t for t in ax.texts if t.get_gid()}
    shown = [labels[f"label-{v}"].get_text().replace("\n", " ") for v in range(7)]
    assert shown == ["input", "conv 1×1", "conv 3×3", "max-pool 3×3", "conv 3×3", "conv 3×3",
                     "output"]
    for v in range(7):
        text, box = labels[f"label-{v}"].get_window_extent(renderer), boxes[f"box-{v}"]
        assert box.x0 < text.x0 and text.x1 < box.x1 and box.y0 < text.y0 and text.y1 < box.y1
    heading = next(t for t in ax.texts if t.get_text() == "The best cell")
    assert heading.get_window_extent(renderer).y1 < ax.figure.bbox.y1
    assert ax.figure.get_figwidth() <= 8


def test_a_cell_can_be_drawn_into_given_axes():
    figure = st.new_figure(4, 2)
    ax = figure.add_axes((0, 0, 1, 1))
    assert report.draw_cell(BEST, BEST_OPS, ax=ax) is ax
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize(("matrix", "ops", "message"), [
    (np.zeros((2, 3)), ["input", "output"], r"square.*\(2, 3\)"),
    ([[0]], ["input"], "2 to 7 vertices, this one has 1"),
    (np.triu(np.ones((8, 8)), 1), ["input"] * 8, "this one has 8"),
    ([[0, 2], [0, 0]], ["input", "output"], "0 and 1"),
    ([[0, 1], [1, 0]], ["input", "output"], "below the\ndiagonal|below the diagonal"),
    (np.triu(np.ones((5, 5)), 1), ["input"] * 5, "at most 9 edges, this one has 10"),
    (cell_matrix(4, [(0, 1), (0, 3)]), ["input", CONV3, CONV3, "output"],
     r"vertices \[1, 2\].*prune"),
    (np.zeros((2, 2)), ["input", "output"], r"vertices \[0, 1\].*prune"),
    ([[0, 1], [0, 0]], ["input"], "2 vertices, but there are 1 operations"),
    (cell_matrix(3, [(0, 1), (1, 2)]), ["input", "conv5x5", "output"], "conv5x5"),
    (cell_matrix(3, [(0, 1), (1, 2)]), ["output", CONV3, "input"], "'input', then"),
])
def test_what_is_no_pruned_cell_is_refused(matrix, ops, message):
    with pytest.raises(ValueError, match=message):
        report.draw_cell(matrix, ops)


# --------------------------------------------------------------------------------------- points

@pytest.mark.parametrize("count", [1, 14, 15, 60])
def test_a_point_is_a_table_without_overlaps(count, tmp_path):
    names = [f"hyper-parameter {i}" for i in range(count)]
    values = [0.001, "adam", None, "x" * 60][: count] + [3] * max(0, count - 4)
    ax = report.draw_point(names, values, title="Best point\nvalue 0.93")
    said = [t.get_text() for t in ax.texts]
    assert said[: 2 * count: 2] == names
    assert said[1: 2 * count: 2] == [str(v) if len(str(v)) <= 32 else "x" * 31 + "…"
                                     for v in values]
    renderer = ax.figure.canvas.get_renderer()
    extents = [t.get_window_extent(renderer) for t in ax.texts]
    assert not any(a.overlaps(b) for a, b in combinations(extents, 2))
    page = ax.figure.bbox
    assert all(box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= 0 and box.y1 <= page.y1
               for box in extents)
    assert page.x1 <= 1600
    assert report.save_point(names, values, tmp_path / "point.svg").exists()


def test_a_point_needs_names_and_values():
    with pytest.raises(ValueError, match="2 names and 1 values"):
        report.draw_point(["a", "b"], [1])
    with pytest.raises(ValueError, match="0 names and 0 values"):
        report.draw_point([], [])
