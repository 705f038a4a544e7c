"""compat.nasbench.lib: graphs against NetworkX and brute force, pruning, known hashes."""

from __future__ import annotations

import sys
from itertools import permutations
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from compat import official
from hypothesis import given
from hypothesis import strategies as st

from maade_np.compat.nasbench.lib import config, graph_util, model_spec
from maade_np.compat.nasbench.lib.model_spec import ModelSpec
from maade_np.spaces import nasbench101 as nb

CHAIN = np.triu(np.ones((4, 4), int), 1) - np.triu(np.ones((4, 4), int), 2)


@st.composite
def graphs(draw: st.DrawFn, most: int = 6, dag: bool = False):
    """Any labelled directed graph, self-loops included unless acyclic."""
    count = draw(st.integers(2, most))
    bits = draw(st.lists(st.integers(0, 1), min_size=count**2, max_size=count**2))
    matrix = np.reshape(bits, (count, count))
    labels = draw(st.lists(st.integers(-2, 2), min_size=count, max_size=count))
    return (np.triu(matrix, 1) if dag else matrix), labels


@st.composite
def permuted(draw: st.DrawFn):
    matrix, labels = draw(graphs())
    return matrix, labels, draw(st.permutations(range(len(labels))))


def as_networkx(matrix: np.ndarray, labels: list[int]) -> nx.DiGraph:
    graph = nx.from_numpy_array(np.asarray(matrix), create_using=nx.DiGraph)
    nx.set_node_attributes(graph, dict(enumerate(labels)), "label")
    return graph


@pytest.mark.parametrize(
    ("edges", "ops", "module_hash"),
    [
        ([(0, 1)], [], "043721b9c7fe8c5fad811d47d83132ec"),
        ([(0, 1), (0, 3), (1, 2), (2, 3)], [0, 0], "b5fb4f6193360330b6ff6a52cbf0cad7"),
        official.INCEPTION[:3],
        official.BEST[:3],
    ],
)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, bool, float, np.float32])
def test_known_hashes_whatever_the_dtype(edges, ops, module_hash, dtype) -> None:
    matrix, names = official.known(edges, ops)
    labels = [-1, *ops, -2]
    assert graph_util.hash_module(matrix.astype(dtype), labels) == module_hash
    assert graph_util.hash_module(matrix.astype(dtype).tolist(), np.array(labels)) == module_hash
    assert ModelSpec(matrix.astype(dtype), names).hash_spec(nb.OPS) == module_hash


@given(permuted())
def test_permuted_graphs_hash_equal_and_are_isomorphic(case) -> None:
    matrix, labels, order = case
    moved, moved_labels = graph_util.permute_graph(matrix, labels, order)
    assert moved.dtype == bool
    for v, w in np.ndindex(matrix.shape):
        assert moved[order[v], order[w]] == matrix[v, w]
    assert [moved_labels[order[v]] for v in range(len(labels))] == labels
    assert graph_util.hash_module(matrix, labels) == graph_util.hash_module(moved, moved_labels)
    assert graph_util.is_isomorphic((matrix, labels), (moved, moved_labels))


@given(permuted(), st.data())
def test_isomorphism_as_networkx_decides_it(case, data) -> None:
    """A permuted graph with one entry or label changed: near misses, not random strangers."""
    matrix, labels, order = case
    moved, other = graph_util.permute_graph(matrix, labels, order)
    moved = moved.astype(int)
    v, w = (data.draw(st.integers(0, len(labels) - 1)) for _ in range(2))
    moved[v, w] ^= data.draw(st.integers(0, 1))
    other[w] = data.draw(st.sampled_from([other[v], other[w]]))
    expected = nx.is_isomorphic(
        as_networkx(matrix, labels),
        as_networkx(moved, other),
        node_match=lambda a, b: a["label"] == b["label"],
    )
    assert graph_util.is_isomorphic((matrix, labels), (moved, other)) == expected
    if expected:
        assert graph_util.hash_module(matrix, labels) == graph_util.hash_module(moved, other)


def test_isomorphism_where_every_vertex_looks_alike() -> None:
    """Two triangles and a hexagon: one hash, yet two graphs. And a cycle of 30 both ways."""

    def cycle(*lengths: int) -> np.ndarray:
        matrix, start = np.zeros((sum(lengths),) * 2, int), 0
        for n in lengths:
            for v in range(n):
                matrix[start + v, start + (v + 1) % n] = 1
            start += n
        return matrix

    ones = [1] * 6
    assert graph_util.hash_module(cycle(3, 3), ones) == graph_util.hash_module(cycle(6), ones)
    assert not graph_util.is_isomorphic((cycle(3, 3), ones), (cycle(6), ones))
    squares, octagon = (n + n.T for n in (cycle(4, 4), cycle(8)))  # opposite corners are twins
    assert not graph_util.is_isomorphic((squares, [0] * 8), (octagon, [0] * 8))
    assert graph_util.is_isomorphic((cycle(30), [0] * 30), (cycle(30).T, [0] * 30))


def test_labels_decide_and_may_be_anything() -> None:
    assert graph_util.is_isomorphic((CHAIN, list("abca")), (CHAIN.T, list("acba")))
    assert not graph_util.is_isomorphic((CHAIN, list("abca")), (CHAIN, list("acba")))
    assert graph_util.is_isomorphic((CHAIN, [1, 1, 1, 1]), (CHAIN, [1.0, True, 1, 1]))
    assert not graph_util.is_isomorphic((CHAIN, [0] * 4), (CHAIN[:3, :3], [0] * 3))
    hashes = {
        graph_util.hash_module(CHAIN, [-1, *labels, -2]) for labels in permutations((0, 1, 2), 2)
    }
    assert len(hashes) == 6


@given(st.integers(0, 2**200), st.integers(2, 8))
def test_bits_fill_the_upper_triangle_by_columns(bits: int, count: int) -> None:
    function = graph_util.gen_is_edge_fn(bits)
    matrix = np.fromfunction(function, (count, count), dtype=np.int8)
    expected = np.zeros((count, count), int)
    bit = 0
    for y in range(count):
        for x in range(y):
            expected[x, y] = bits >> bit & 1
            bit += 1
    np.testing.assert_array_equal(matrix, expected)
    assert function(0, 1) == bits % 2
    assert function(1, 0) == 0
    wide = np.fromfunction(function, (25, 25), dtype=np.int8)
    assert wide[20, 24] == bits >> (20 + 24 * 23 // 2) & 1
    np.testing.assert_array_equal(wide[:count, :count], expected)


@given(graphs(dag=True))
def test_full_dag_and_edges(case) -> None:
    matrix, _ = case
    graph = nx.from_numpy_array(matrix, create_using=nx.DiGraph)
    last = len(matrix) - 1
    on_path = (nx.descendants(graph, 0) | {0}) & (nx.ancestors(graph, last) | {last})
    assert graph_util.is_full_dag(matrix) == (len(on_path) == len(matrix))
    assert graph_util.num_edges(matrix) == graph.number_of_edges()


@given(graphs(most=8, dag=True))
def test_pruning(case) -> None:
    matrix, ops = case
    spec = ModelSpec(matrix, ops)
    graph = nx.from_numpy_array(matrix, create_using=nx.DiGraph)
    last = len(matrix) - 1
    keep = sorted((nx.descendants(graph, 0) | {0}) & (nx.ancestors(graph, last) | {last}))
    np.testing.assert_array_equal(spec.original_matrix, matrix)
    assert spec.original_ops == ops
    assert spec.valid_spec == bool(keep)
    if not keep:
        assert spec.matrix is None
        assert spec.ops is None
        return
    np.testing.assert_array_equal(spec.matrix, matrix[np.ix_(keep, keep)])
    assert spec.matrix.dtype == matrix.dtype
    assert spec.ops == [ops[v] for v in keep]
    assert graph_util.is_full_dag(spec.matrix)
    again = ModelSpec(spec.matrix, spec.ops)
    np.testing.assert_array_equal(again.matrix, spec.matrix)
    assert again.ops == spec.ops


def test_a_spec_keeps_copies() -> None:
    matrix, ops = official.known(*official.INCEPTION[:2])
    spec = ModelSpec(matrix, ops)
    matrix[:], ops[1] = 0, "changed"
    assert spec.matrix.sum() == 9
    assert spec.original_matrix.sum() == 9
    assert spec.ops[1] == spec.original_ops[1] == nb.OPS[1]
    spec.matrix[0, 1] = 0
    assert spec.original_matrix[0, 1] == 1
    for others in (tuple(spec.original_ops), np.array(spec.original_ops)):
        pruned = ModelSpec(np.triu(np.ones((7, 7)), 6), others)
        assert pruned.ops == ["input", "output"]
        assert list(pruned.original_ops) == list(others)


def test_a_spec_of_one_vertex_is_not_connected() -> None:
    assert not ModelSpec([[0]], ["input"]).valid_spec


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        ([[0, 1]], ["input", "output"], r"shape \(1, 2\)"),
        ([0, 1], ["input", "output"], r"shape \(2,\)"),
        ([[0, 1], [0, 0]], ["input"], "1 entries for 2 vertices"),
        ([[0, 1], [1, 0]], ["input", "output"], r"matrix\[1, 0\] is 1"),
        ([[1, 1], [0, 0]], ["input", "output"], r"matrix\[0, 0\] is 1"),
        ([["a", "b"], ["c", "d"]], ["input", "output"], "dtype"),
    ],
)
def test_what_is_no_spec(matrix, ops, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSpec(matrix, ops)


def test_what_has_no_hash() -> None:
    with pytest.raises(ValueError, match="valid_spec"):
        ModelSpec([[0, 0], [0, 0]], ["input", "output"]).hash_spec(nb.OPS)
    with pytest.raises(ValueError, match="'conv5x5' is not one of"):
        ModelSpec(CHAIN, ["input", nb.OPS[0], "conv5x5", "output"]).hash_spec(nb.OPS)
    for entry in (0.5, np.nan, np.inf):
        with pytest.raises(ValueError, match="whole numbers"):
            graph_util.hash_module([[0, entry], [0, 0]], [-1, -2])
    with pytest.raises(TypeError, match="integer"):
        graph_util.hash_module([[0, 1], [0, 0]], [-1, -1.5])
    with pytest.raises(ValueError, match="3 labels for 2 vertices"):
        graph_util.hash_module([[0, 1], [0, 0]], [-1, 0, -2])
    with pytest.raises(ValueError, match="shape"):
        graph_util.is_isomorphic(([[0, 1]], [0]), ([[0, 1]], [0]))
    with pytest.raises(ValueError, match=r"permutation is \[0, 0\]"):
        graph_util.permute_graph([[0, 1], [0, 0]], [0, 1], [0, 0])
    with pytest.raises(ValueError, match="bits is -1"):
        graph_util.gen_is_edge_fn(-1)


def test_upper_triangular() -> None:
    assert model_spec.is_upper_triangular(np.triu(np.ones((5, 5)), 1))
    for v, w in zip(*np.tril_indices(4), strict=True):
        matrix = np.zeros((4, 4))
        matrix[v, w] = 1
        assert not model_spec.is_upper_triangular(matrix)


def test_picture_needs_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec(*official.known(*official.INCEPTION[:2]))
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="draw_cell"):
        spec.visualize()
    drawn: list[tuple[str, ...]] = []
    picture = SimpleNamespace(node=lambda *a: drawn.append(a), edge=lambda *a: drawn.append(a))
    monkeypatch.setitem(sys.modules, "graphviz", SimpleNamespace(Digraph=lambda: picture))
    assert spec.visualize() is picture
    assert drawn[:2] == [("0", "input"), ("1", "conv1x1-bn-relu")]
    assert set(drawn[7:]) == {(str(u), str(v)) for u, v in official.INCEPTION[0]}
    with pytest.raises(ValueError, match="no picture"):
        ModelSpec([[0, 0], [0, 0]], ["input", "output"]).visualize()


def test_config_is_the_published_one_and_fresh() -> None:
    first = config.build_config()
    first["available_ops"].append("conv5x5")
    found = config.build_config()
    assert found["available_ops"] == ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
    expected = {"module_vertices": 7, "max_edges": 9, "num_repeats": 3, "train_epochs": 108}
    expected |= {"num_stacks": 3, "num_modules_per_stack": 3, "stem_filter_size": 128}
    assert expected.items() <= found.items()
