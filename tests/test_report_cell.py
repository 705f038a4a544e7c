"""Drawings of cells and points: nothing covers anything else, and no order crosses less."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest

from maade_np import report
from maade_np.report import style as st
from maade_np.report._cell_layout import BOX_HEIGHT, BOX_WIDTH, layout_cell

pytest.importorskip("matplotlib")

CONV3, CONV1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"


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
        boxes.append(
            [
                box.get_x(),
                box.get_y(),
                box.get_x() + box.get_width(),
                box.get_y() + box.get_height(),
            ]
        )
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
        assert (everything > (x0, y0)).all()
        assert (everything < (x1, y1)).all()


def test_lines_that_pass_each_other_keep_apart():
    for matrix in random_cells(200, seed=1):
        layout = layout_cell(matrix)
        points = {}
        for route in layout.edges.values():
            for x, y in route[1:-1:2] + np.array([BOX_WIDTH / 2, 0]):  # waypoints
                points.setdefault(round(x, 6), []).append((y, 0.0))
        for x, y in layout.centres:
            points.setdefault(round(x, 6), []).append((y, BOX_HEIGHT / 2))
        for column in points.values():
            for (y, half), (other, other_half) in combinations(column, 2):
                assert abs(y - other) >= 0.4 + half + other_half - 0.1 * (half > 0)


def layered(matrix):
    """Independent of the code: the layers of longest paths, with a waypoint for each long edge."""
    size = len(matrix)
    depth = [
        max((k for k in range(size) if np.linalg.matrix_power(matrix, k)[0, v]), default=0)
        for v in range(size)
    ]
    segments, layers = [], [[] for _ in range(max(depth) + 1)]
    for v in range(size):
        layers[depth[v]].append(v)
    for u, v in np.argwhere(matrix).tolist():
        chain = [u, *((u, v, k) for k in range(depth[u] + 1, depth[v])), v]
        for node in chain[1:-1]:
            layers[node[2]].append(node)
        segments += [(depth[u] + i, a, b) for i, (a, b) in enumerate(pairwise(chain))]
    return layers, segments


def crossings(segments, height):
    return sum(
        k == m and (height[a] - height[c]) * (height[b] - height[d]) < 0
        for (k, a, b), (m, c, d) in combinations(segments, 2)
    )


def test_no_order_of_the_boxes_has_fewer_crossings():
    tried = unavoidable = avoided = 0
    for matrix in random_cells(150, seed=2):
        layers, segments = layered(matrix)
        orders = [list(permutations(layer)) for layer in layers]
        if np.prod([len(order) for order in orders]) > 2000:
            continue
        least = min(
            crossings(segments, {node: i for layer in choice for i, node in enumerate(layer)})
            for choice in product(*orders)
        )
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
    assert tried > 60
    assert unavoidable > 0
    assert avoided > 20


def test_labels_fit_their_boxes():
    ax = report.draw_cell(BEST, BEST_OPS, title="The best cell\ntest error 5.68 %")
    renderer = ax.figure.canvas.get_renderer()
    boxes = {p.get_gid(): p.get_window_extent(renderer) for p in ax.patches}
    labels = {t.get_gid(): t for t in ax.texts if t.get_gid()}
    shown = [labels[f"label-{v}"].get_text().replace("\n", " ") for v in range(7)]
    assert shown == [
        "input",
        "conv 1×1",
        "conv 3×3",
        "max-pool 3×3",
        "conv 3×3",
        "conv 3×3",
        "output",
    ]
    for v in range(7):
        text, box = labels[f"label-{v}"].get_window_extent(renderer), boxes[f"box-{v}"]
        assert box.x0 < text.x0
        assert text.x1 < box.x1
        assert box.y0 < text.y0
        assert text.y1 < box.y1
    heading = next(t for t in ax.texts if t.get_text() == "The best cell")
    assert heading.get_window_extent(renderer).y1 < ax.figure.bbox.y1
    assert ax.figure.get_figwidth() <= 8


def test_a_cell_can_be_drawn_into_given_axes():
    figure = st.new_figure(4, 2)
    ax = figure.add_axes((0, 0, 1, 1))
    assert report.draw_cell(BEST, BEST_OPS, ax=ax) is ax
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        (np.zeros((2, 3)), ["input", "output"], r"square.*\(2, 3\)"),
        ([[0]], ["input"], "2 to 7 vertices, this one has 1"),
        (np.triu(np.ones((8, 8)), 1), ["input"] * 8, "this one has 8"),
        ([[0, 2], [0, 0]], ["input", "output"], "0 and 1"),
        ([[0, 1], [1, 0]], ["input", "output"], "below the\ndiagonal|below the diagonal"),
        (np.triu(np.ones((5, 5)), 1), ["input"] * 5, "at most 9 edges, this one has 10"),
        (
            cell_matrix(4, [(0, 1), (0, 3)]),
            ["input", CONV3, CONV3, "output"],
            r"vertices \[1, 2\].*prune",
        ),
        (np.zeros((2, 2)), ["input", "output"], r"vertices \[0, 1\].*prune"),
        ([[0, 1], [0, 0]], ["input"], "2 vertices, but there are 1 operations"),
        (cell_matrix(3, [(0, 1), (1, 2)]), ["input", "conv5x5", "output"], "conv5x5"),
        (cell_matrix(3, [(0, 1), (1, 2)]), ["output", CONV3, "input"], "'input', then"),
    ],
)
def test_what_is_no_pruned_cell_is_refused(matrix, ops, message):
    with pytest.raises(ValueError, match=message):
        report.draw_cell(matrix, ops)


@pytest.mark.parametrize("count", [1, 14, 15, 60])
def test_a_point_is_a_table_without_overlaps(count, tmp_path):
    names = [f"hyper-parameter {i}" for i in range(count)]
    values = [0.001, "adam", None, "x" * 60][:count] + [3] * max(0, count - 4)
    ax = report.draw_point(names, values, title="Best point\nvalue 0.93")
    said = [t.get_text() for t in ax.texts]
    assert said[: 2 * count : 2] == names
    assert said[1 : 2 * count : 2] == [
        str(v) if len(str(v)) <= 32 else "x" * 31 + "…" for v in values
    ]
    renderer = ax.figure.canvas.get_renderer()
    extents = [t.get_window_extent(renderer) for t in ax.texts]
    assert not any(a.overlaps(b) for a, b in combinations(extents, 2))
    page = ax.figure.bbox
    assert all(
        box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= 0 and box.y1 <= page.y1 for box in extents
    )
    assert page.x1 <= 1600
    assert report.save_point(names, values, tmp_path / "point.svg").exists()


def test_a_point_needs_names_and_values():
    with pytest.raises(ValueError, match="2 names and 1 values"):
        report.draw_point(["a", "b"], [1])
    with pytest.raises(ValueError, match="0 names and 0 values"):
        report.draw_point([], [])
