"""The NAS-Bench-101 space against brute force, networkx, the plain hash and published figures."""

from __future__ import annotations

import doctest
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maade_np import files
from maade_np.spaces import NASBench101Space, _enumeration, _isomorphism, _md5, _module_hash
from maade_np.spaces import nasbench101 as nb

# Ying et al. (2019) count 423,624 cells; vectors from the official hash function.
ALL_HASHES_SHA256 = "a7f10bf770c1b5b8a221e37824e42b3b1a237a5d21ccf545bbe8e23abd933403"
CELLS_BY_SIZE = {  # (vertices, edges): cells
    (2, 1): 1, (3, 2): 3, (3, 3): 3,
    (4, 3): 9, (4, 4): 33, (4, 5): 33, (4, 6): 9,
    (5, 4): 27, (5, 5): 225, (5, 6): 622, (5, 7): 811, (5, 8): 558, (5, 9): 198,
    (6, 5): 81, (6, 6): 1_260, (6, 7): 6_909, (6, 8): 19_701, (6, 9): 34_059,
    (7, 6): 243, (7, 7): 6_264, (7, 8): 58_563, (7, 9): 294_012,
}  # fmt: skip
INCEPTION = (
    [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)],
    ["conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3"],
)
BEST = (
    [(0, 1), (0, 2), (0, 5), (0, 6), (1, 5), (2, 3), (3, 4), (4, 5), (5, 6)],
    ["conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "conv3x3-bn-relu", "conv3x3-bn-relu"],
)
VECTORS = [
    (([(0, 1)], []), "043721b9c7fe8c5fad811d47d83132ec"),
    (INCEPTION, "28cfc7874f6d200472e1a9dcd8650aa0"),
    (BEST, "02e5a0247bbdcf2860b7e96f74961594"),
    (([(0, 1), (0, 3), (1, 2), (2, 3)], [0, 0]), "b5fb4f6193360330b6ff6a52cbf0cad7"),
]


def adjacency(edges: list[tuple[int, int]], vertices: int) -> np.ndarray:
    matrix = np.zeros((vertices, vertices), dtype=int)
    for i, j in edges:
        matrix[i, j] = 1
    return matrix


@pytest.fixture(scope="module")
def space() -> NASBench101Space:
    return NASBench101Space()


@pytest.fixture(scope="module")
def strings(space: NASBench101Space) -> np.ndarray:
    """Random strings, valid or not."""
    return np.random.default_rng(5).integers(0, space.cardinalities, size=(3_000, 26))


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh cache folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAADE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def hashes(own_cache: Path) -> _enumeration.CellHashes:
    """Computed here and now, and written to the fresh cache."""
    _enumeration.cell_hashes.cache_clear()
    return _enumeration.cell_hashes()


def as_graph(actions: np.ndarray) -> nx.DiGraph | None:
    """The pruned cell as networkx sees it, None where invalid."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(7))
    graph.add_edges_from(edge for edge, bit in zip(nb.EDGES, actions, strict=False) if bit)
    live = (nx.descendants(graph, 0) | {0}) & (nx.ancestors(graph, 6) | {6})
    if not {0, 6} <= live:
        return None
    labels = {0: "input", 6: "output"} | {v: int(actions[20 + v]) for v in range(1, 6)}
    nx.set_node_attributes(graph, labels, "op")
    pruned = graph.subgraph(live)
    return pruned if pruned.number_of_edges() <= 9 else None


def same_cell(a: nx.DiGraph, b: nx.DiGraph) -> bool:
    return nx.is_isomorphic(a, b, node_match=lambda u, v: u["op"] == v["op"])


def test_description(space: NASBench101Space) -> None:
    assert (space.size, space.num_points) == (26, 509_607_936)
    assert space.names[:3] == ("edge 0-1", "edge 0-2", "edge 0-3")
    assert space.names[20:] == ("edge 5-6", "op 1", "op 2", "op 3", "op 4", "op 5")
    assert space.family_sizes == {"edge": 2, "op": 3}
    assert space.decode(np.eye(26, dtype=int)[25:])[0]["op 5"] == "conv1x1-bn-relu"
    json.dumps(space.to_dict())
    assert doctest.testmod(nb).failed == doctest.testmod(_module_hash).failed == 0


def test_number_of_valid_strings(space: NASBench101Space) -> None:
    masks = np.arange(2**21)
    actions = nb.from_codes(masks, np.zeros(len(masks), dtype=int))
    assert int(space.is_valid(actions).sum()) == 1_538_083  # x 3**5 = 373,754,169 strings


def test_validity_and_pruning_against_networkx(
    space: NASBench101Space, strings: np.ndarray
) -> None:
    graphs = [as_graph(row) for row in strings]
    valid = space.is_valid(strings)
    assert valid.tolist() == [graph is not None for graph in graphs]
    assert 0.6 < valid.mean() < 0.85
    assert ((space.identity(strings) >= 0) == valid).all()
    for row, graph in zip(strings[:300], graphs, strict=False):
        if graph is not None:
            matrix, ops = nb.matrix_ops(row[None])
            pruned, names = nb.prune(matrix[0], ops[0])
            order = sorted(graph)
            np.testing.assert_array_equal(pruned, nx.to_numpy_array(graph, order, dtype=int))
            labels = [graph.nodes[v]["op"] for v in order[1:-1]]
            assert names == ["input", *(nb.OPS[op] for op in labels), "output"]


def test_cells_by_size_are_the_published_counts() -> None:
    index = _isomorphism.isomorphism_index()
    matrix, _ = nb.matrix_ops(nb.cell_representatives())
    vertices = (matrix.any(axis=1) | matrix.any(axis=2)).sum(axis=1)
    sizes = Counter(zip(vertices.tolist(), matrix.sum(axis=(1, 2)).tolist(), strict=True))
    assert sizes == CELLS_BY_SIZE
    assert len(index.edges) == 423_624
    codes = index.edges.astype(np.int64) * 243 + index.ops
    assert (np.diff(codes) > 0).all()


def test_representatives_are_their_own_class_and_smallest(space: NASBench101Space) -> None:
    actions = nb.cell_representatives()
    np.testing.assert_array_equal(space.identity(actions), np.arange(423_624))
    rng = np.random.default_rng(0)
    for row in rng.choice(423_624, 200, replace=False):
        mask, op = nb.to_codes(actions[row][None])
        for _ in range(5):
            again_mask, again_op = nb.to_codes(relabelled(actions[row], rng, dead=False)[None])
            assert (mask[0], op[0]) <= (again_mask[0], again_op[0])


def relabelled(actions: np.ndarray, rng: np.random.Generator, dead: bool = True) -> np.ndarray:
    """The same cell in another string: vertices in another topological order, and, with `dead`,
    random operations on unused vertices and edges that lead nowhere."""
    matrix, ops = nb.matrix_ops(actions[None])
    graph = nx.from_numpy_array(matrix[0], create_using=nx.DiGraph)
    used = [v for v in range(1, 6) if matrix[0, v].any() and matrix[0, :, v].any()]
    orders = list(nx.all_topological_sorts(graph.subgraph([0, *used, 6])))
    order = orders[rng.integers(len(orders))]
    places = sorted(rng.choice(range(1, 6), len(used), replace=False).tolist())
    place = dict(zip(order, [0, *places, 6], strict=True))
    moved = np.zeros(26, dtype=int)
    if dead:
        moved[21:] = rng.integers(0, 3, 5)
    for i, j in np.argwhere(matrix[0]).tolist():
        moved[_isomorphism.EDGE_NUMBER[place[i], place[j]]] = 1
    for v in used:
        moved[20 + place[v]] = ops[0, v - 1]
    unused = [v for v in range(1, 6) if v not in place.values()]
    if dead and unused:
        lone = unused[rng.integers(len(unused))]
        direction = rng.integers(2)  # an end nothing leaves, or a start nothing enters
        for v in range(7):
            if v != lone and (v < lone) == direction and rng.random() < 0.5 and v not in unused:
                moved[_isomorphism.EDGE_NUMBER[min(v, lone), max(v, lone)]] = 1
    return moved


def test_identity_survives_relabelling(space: NASBench101Space) -> None:
    rng = np.random.default_rng(2)
    small = rng.choice(2_532, 300, replace=False)  # few vertices: much room for dead ones
    actions = nb.cell_representatives()
    by_size = np.argsort(actions[:, :21].sum(axis=1), kind="stable")
    rows = np.concatenate([by_size[small], rng.choice(423_624, 500)])
    moved = np.array([relabelled(actions[row], rng) for row in rows])
    assert (moved != actions[rows]).any(axis=1).mean() > 0.5  # many cells have one order only
    np.testing.assert_array_equal(space.identity(moved), rows)


def test_identity_against_exact_isomorphism(space: NASBench101Space) -> None:
    """Cells that differ by one or two flips are the same exactly where networkx says so."""
    rng = np.random.default_rng(3)
    base = space.sample(1_500, rng)
    base[: len(base) // 2, :21] &= rng.integers(0, 2, (len(base) // 2, 21))  # few vertices too
    other = base.copy()
    for row in other:
        for column in rng.choice(26, rng.integers(1, 3), replace=False):
            row[column] = (row[column] + 1) % space.cardinalities[column]
        if rng.random() < 0.5:  # exchange two vertices' operations: often an automorphism
            i, j = rng.choice(np.arange(21, 26), 2, replace=False)
            row[[i, j]] = row[[j, i]]
    a, b = space.identity(base), space.identity(other)
    outcomes = Counter()
    for row in np.flatnonzero((a >= 0) & (b >= 0)):
        same = same_cell(as_graph(base[row]), as_graph(other[row]))
        assert (a[row] == b[row]) == same
        outcomes[same] += 1
    assert min(outcomes[True], outcomes[False]) > 100


@pytest.mark.parametrize(("cell", "expected"), VECTORS)
def test_module_hash_vectors(cell: tuple, expected: str) -> None:
    edges, ops = cell
    matrix = adjacency(edges, len(ops) + 2)
    assert nb.module_hash(matrix, ops) == expected
    named = [op if isinstance(op, str) else nb.OPS[op] for op in ops]
    assert nb.module_hash(matrix.astype(float), ["input", *named, "output"]) == expected
    back, numbers = nb.matrix_ops(nb.from_matrix(matrix, ops)[None])
    assert nb.module_hash(back[0], numbers[0]) == expected


def test_module_hash_prunes_and_goes_beyond_the_space() -> None:
    chain = adjacency([(i, i + 1) for i in range(9)], 10)
    longer = adjacency([(0, 2), *[(i, i + 1) for i in range(2, 10)]], 11)
    longer[0, 1] = longer[1, 10] = 0
    assert nb.module_hash(chain, [1] * 8) == nb.module_hash(longer, [2, *[1] * 8])


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        ([[0, 1]], [], r"shape \(1, 2\)"),
        ([[0]], [], "V of 2 or more"),
        ([[0, 2], [0, 0]], [], "entries other than 0 and 1"),
        ([[0, 1], [1, 0]], [], r"matrix\[1, 0\] is 1"),
        ([[0, 1], [0, 1]], [], r"matrix\[1, 1\] is 1"),
        ([[0, 0], [0, 0]], [], "not connected"),
        ([[0, 1], [0, 0]], [0, 1, 2], "ops has 3 entries for 2 vertices"),
        ([[0, 1], [0, 0]], ["output", "input"], "starts with 'output'"),
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["conv5x5"], "operation 'conv5x5' is unknown"),
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [3], "operation 3 is unknown"),
    ],
)
def test_bad_cells(matrix: list, ops: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nb.module_hash(matrix, ops)


def test_from_matrix(space: NASBench101Space) -> None:
    rng = np.random.default_rng(6)
    for row in space.sample(50, rng):
        matrix, ops = nb.matrix_ops(row[None])
        np.testing.assert_array_equal(nb.from_matrix(matrix[0], ops[0]), row)
        pruned, names = nb.prune(matrix[0], ops[0])
        short = nb.from_matrix(pruned, names)
        assert space.identity(short[None]) == space.identity(row[None])
        assert (short[21 + len(names) - 2 :] == 0).all()
    with pytest.raises(ValueError, match="8 vertices, the space allows 7"):
        nb.from_matrix(adjacency([(0, 7)], 8), [0] * 6)


def test_cell_text() -> None:
    text = nb.cell_text(nb.from_matrix(adjacency(BEST[0], 7), BEST[1]))
    lines = text.splitlines()
    assert "9 edges" in lines[0]
    assert VECTORS[2][1] in lines[0]
    assert lines[6].split() == ["5", "conv3x3-bn-relu", "<-", "input,", "1,", "4"]
    assert "no path" in nb.cell_text(np.zeros(26, int))
    with pytest.raises(ValueError, match="'op 5' has 3 values"):
        nb.cell_text([0] * 25 + [3])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 300), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_md5_against_hashlib(length: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    messages = [rng.bytes(length) for _ in range(n)]
    digests = _md5.md5(np.stack([_md5.padded(message) for message in messages], axis=1))
    expected = [hashlib.md5(message).hexdigest() for message in messages]
    assert [row.tobytes().hex() for row in _md5.to_bytes(digests)] == expected
    text = _md5.hexadecimal(digests).T.astype("<u4").tobytes().decode("ascii")
    assert text == "".join(expected)
    leading = _md5.leading_64_bits(digests)
    assert leading.tolist() == [int(digest[:16], 16) for digest in expected]


def test_all_hashes_are_the_official_ones(
    hashes: _enumeration.CellHashes, space: NASBench101Space
) -> None:
    text = [row.tobytes().hex() for row in hashes.digests[hashes.order]]
    assert text == sorted(text)
    assert hashlib.sha256("\n".join(text).encode()).hexdigest() == ALL_HASHES_SHA256
    cells = nb.enumerate_cells()
    assert cells.shape == (423_624, 26)
    np.testing.assert_array_equal(space.identity(cells), hashes.order)
    for row in np.linspace(0, 423_623, 40).astype(int):
        matrix, ops = nb.matrix_ops(cells[row][None])
        assert nb.module_hash(matrix[0], ops[0]) == text[row]


def test_random_strings_find_the_hash_of_their_cell(
    hashes: _enumeration.CellHashes, space: NASBench101Space
) -> None:
    for row in space.sample(500, np.random.default_rng(8)):
        matrix, ops = nb.matrix_ops(row[None])
        digest = hashes.digests[space.identity(row[None])[0]]
        assert digest.tobytes().hex() == nb.module_hash(matrix[0], ops[0])


def test_hashes_come_back_from_the_cache(
    hashes: _enumeration.CellHashes, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_enumeration, "_build", lambda: pytest.fail("built again"))
    _enumeration.cell_hashes.cache_clear()
    again = _enumeration.cell_hashes()
    np.testing.assert_array_equal(again.digests, hashes.digests)
    np.testing.assert_array_equal(again.order, hashes.order)


@pytest.mark.slow
def test_every_labelled_graph_finds_its_class(hashes: _enumeration.CellHashes) -> None:
    """All 1,293,208 labelled graphs of 2 to 7 vertices without dead ones, by their own hash."""
    masks = np.arange(2**21, dtype=np.uint32)
    masks = masks[(_isomorphism.prune_masks(masks) == masks) & (np.bitwise_count(masks) <= 9)]
    matrix, _ = nb.matrix_ops(nb.from_codes(masks, np.zeros(len(masks), dtype=int)))
    used = (matrix.any(axis=1) | matrix.any(axis=2))[:, 1:6]
    in_order = (used[:, :-1] >= used[:, 1:]).all(axis=1) & (masks > 0)  # unused ones come last
    masks, interior = masks[in_order], used[in_order].sum(axis=1)
    parts = []
    for count in range(6):
        chosen = masks[interior == count]
        labellings = np.tile(np.arange(3**count), len(chosen))
        parts.append((np.repeat(chosen, 3**count), labellings))
    edges, ops = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert len(edges) == 1_293_208
    cells = nb.cell_numbers(edges, ops)
    assert len(np.unique(cells)) == 423_624
    np.testing.assert_array_equal(_enumeration.module_digests(edges, ops), hashes.digests[cells])


def test_index_does_not_need_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _isomorphism.isomorphism_index()
    monkeypatch.setenv("MAADE_CACHE", str(tmp_path))

    def load() -> _isomorphism.IsomorphismIndex:
        return _isomorphism.isomorphism_index.__wrapped__()

    file = tmp_path / f"{_isomorphism._CACHE_NAME}.npz"
    arrays = load()._asdict()
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[len(flipped) // 2] ^= 1
    np.savez(tmp_path / "stale.npz", **(arrays | {"edges": arrays["edges"][:9]}))
    for content in (good, b"", good[: len(good) // 2], bytes(flipped),
                    (tmp_path / "stale.npz").read_bytes()):  # fmt: skip
        file.write_bytes(content)
        for found, wanted in zip(load(), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
        assert file.read_bytes() == good


@pytest.mark.parametrize("place", ["a file", "below a file", "missing", "no home"])
def test_cache_folder_that_does_not_serve(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    folders = {"a file": "file", "below a file": "file/below", "missing": "new/folder"}
    if place == "no home":
        monkeypatch.delenv("MAADE_CACHE", raising=False)
        monkeypatch.setattr(files, "cache_folder", lambda: Path("~nobody-here").expanduser())
    else:
        monkeypatch.setenv("MAADE_CACHE", str(tmp_path / folders[place]))
    built = []

    def build() -> dict[str, np.ndarray]:
        built.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        assert files.cached("thing-1", build, lambda _: True)["x"].tolist() == [0, 1, 2]
    assert len(built) == (1 if place == "missing" else 2)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "in the way"


def test_pickled_cache_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAADE_CACHE", str(tmp_path))
    np.savez(tmp_path / "thing-1.npz", x=np.array([print], dtype=object))
    found = files.cached("thing-1", lambda: {"x": np.arange(2)}, lambda _: True)
    assert found["x"].tolist() == [0, 1]


def test_atomic_write_leaves_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    files.write_text(target, "ä\n")

    def write_half() -> None:
        with files.atomic_write(target) as file:
            file.write(b"half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_half()
    assert target.read_bytes() == "ä\n".encode()
    assert list(tmp_path.iterdir()) == [target]


def test_op_codes_cover_all_labellings() -> None:
    ops = np.array(list(product(range(3), repeat=5)))
    actions = np.concatenate([np.zeros((243, 21), int), ops], axis=1)
    _, codes = nb.to_codes(actions)
    assert sorted(codes.tolist()) == list(range(243))
    np.testing.assert_array_equal(nb.from_codes(np.zeros(243, int), codes), actions)
