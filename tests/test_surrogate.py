from __future__ import annotations

from importlib.resources import files
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maade_np.spaces._isomorphism import EDGES, NUM_CELLS, VERTICES, isomorphism_index
from maade_np.spaces.nasbench101 import NASBench101Space, from_matrix, matrix_ops, to_codes
from maade_np.tables import surrogate
from maade_np.tables._surrogate_network import forward, structure

LIMIT = 500_000
MISSING = 65_535
SPACE = NASBench101Space()
SOME = np.random.default_rng(1).permutation(NUM_CELLS)

CHAIN = np.diag(np.ones(6, dtype=int), 1)
BEST = from_matrix(  # the published best mean test accuracy, 0.94318
    [
        [0, 1, 1, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    [1, 0, 2, 0, 0],
)


def archive() -> dict[str, np.ndarray]:
    path = files("maade_np.tables") / "data" / "surrogate.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def number(actions) -> np.ndarray:
    return SPACE.identity(np.atleast_2d(actions))


def one_cell(matrix, ops) -> dict[str, np.ndarray]:
    return surrogate.predict(number(from_matrix(matrix, ops)))


# --- the shipped file -------------------------------------------------------------------------


def test_weights_file_is_small_and_plain():
    path = files("maade_np.tables") / "data" / "surrogate.npz"
    assert len(path.read_bytes()) <= LIMIT
    arrays = archive()
    assert all(array.dtype.kind in "if" for array in arrays.values())
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_the_version_names_weights_and_code(monkeypatch):
    version = surrogate.model_version()
    assert len(version) == 12
    assert surrogate.model_version() == version
    monkeypatch.setattr(surrogate, "_RUNS_VERSION", b"other code")
    assert surrogate.model_version() != version
    monkeypatch.undo()
    monkeypatch.setattr(surrogate, "_shipped", lambda: b"other weights")
    assert surrogate.model_version() != version


def test_matrices_are_whole_numbers():
    arrays = archive()
    matrices = [key for key in arrays if f"{key}.unit" in arrays]
    assert len(matrices) == 10
    assert all(arrays[key].dtype == np.int16 for key in matrices)


# --- the network ------------------------------------------------------------------------------


def test_outputs_have_the_bits_they_had_where_they_were_fitted():
    arrays = archive()
    index = isomorphism_index()
    cells = arrays["check.cells"]
    graphs = structure(index.edges[cells], index.ops[cells])
    found = forward(surrogate.surrogate_weights()[0], graphs, surrogate.HEADS)
    np.testing.assert_array_equal(found, arrays["check.network"])
    # torch, in floats without rounding: log error, collapse logit, log spread, low budgets, seconds
    allowed = np.array([0.01, 0.2, 0.05, 0.05, 0.05, 0.05, 0.01])
    assert (np.abs(found - arrays["check.torch"]).max(axis=1) < allowed).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 70))
def test_no_order_of_summation_changes_a_bit(seed, n):
    rng = np.random.default_rng(seed)
    index = isomorphism_index()
    cells = rng.integers(NUM_CELLS, size=n)
    graphs = structure(index.edges[cells], index.ops[cells])
    weights = surrogate.surrogate_weights()[0]

    def shuffled(matrix, x):
        order = rng.permutation(len(x))
        total = np.zeros((len(matrix), x.shape[1]), dtype=np.float32)
        for k in order:  # one product at a time, each sum rounded to float32
            total += matrix[:, k, None] * x[k]
        return total

    def exact(matrix, x):
        assert (np.abs(matrix).astype(np.float64) @ np.abs(x)).max() < 2**24
        return (matrix.astype(np.float64) @ x).astype(np.float32)

    expected = forward(weights, graphs, surrogate.HEADS)
    for product in (shuffled, exact):
        found = forward(weights, graphs, surrogate.HEADS, product)
        np.testing.assert_array_equal(found, expected)


def relabelled(matrix: np.ndarray, ops: np.ndarray, rng) -> tuple[int, int]:
    """Codes of the same cell with its vertices numbered otherwise, still in order."""
    orders = list(permutations(range(1, VERTICES - 1)))
    while True:
        order = np.array([0, *orders[rng.integers(len(orders))], VERTICES - 1])
        moved = matrix[np.ix_(order, order)]
        if not np.tril(moved).any():
            break
    mask = sum(int(moved[i, j]) << k for k, (i, j) in enumerate(EDGES))
    return mask, int(ops[order[1:-1] - 1] @ 3 ** np.arange(5))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_isomorphic_graphs_have_the_same_outputs_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    index = isomorphism_index()
    cells = rng.integers(NUM_CELLS, size=16)
    codes = index.edges[cells], index.ops[cells]
    bits = index.edges[cells, None] >> np.arange(21) & 1
    actions = np.concatenate([bits, index.ops[cells, None] // 3 ** np.arange(5) % 3], axis=1)
    pairs = [
        relabelled(m, o, rng) for m, o in zip(*matrix_ops(actions.astype(np.int8)), strict=True)
    ]
    weights = surrogate.surrogate_weights()[0]
    other = np.array(pairs).T
    np.testing.assert_array_equal(
        forward(weights, structure(*other), surrogate.HEADS),
        forward(weights, structure(*codes), surrogate.HEADS),
    )


def test_structure_of_a_known_cell():
    edges, ops = to_codes(BEST[None])
    graphs = structure(edges, ops)
    assert graphs.edges[:, 0].astype(int).tolist() == BEST[:21].tolist()
    assert graphs.kind.tolist() == [1 + 6]  # one vertex feeds the output, and so does the input
    assert graphs.vertex_kind[:, 0].tolist() == [1 + 3, 0 + 3, 2 + 3, 0 + 3, 0 + 3]
    assert graphs.used[:, 0].tolist() == [1, 1, 1, 1, 1]


def test_unused_vertices_do_not_matter():
    edges, ops = to_codes(from_matrix([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [1])[None])
    weights = surrogate.surrogate_weights()[0]
    plain = forward(weights, structure(edges, ops), surrogate.HEADS)
    with_labels = forward(weights, structure(edges, ops + 2 * 81 + 27), surrogate.HEADS)
    np.testing.assert_array_equal(plain, with_labels)


# --- predictions ------------------------------------------------------------------------------


def test_predictions_do_not_depend_on_the_batch():
    cells = SOME[:300]
    whole = surrogate.predict(cells)
    for part in (cells[:1], cells[17:18], cells[::-1], np.repeat(cells[5:8], 3)):
        where = [int(np.flatnonzero(cells == c)[0]) for c in part]
        for key, found in surrogate.predict(part).items():
            np.testing.assert_array_equal(found, whole[key][where])


def test_no_cells():
    found = surrogate.predict(np.empty(0, dtype=np.int64))
    assert found["validation"].shape == (0, 4)
    assert surrogate.runs(np.empty(0, dtype=np.int64))["test"].shape == (0, 4, 3)


def test_predictions_of_cells_that_everybody_knows():
    best = surrogate.predict(number(BEST))
    assert 0.935 < best["mean_test"][0] < 0.945
    assert best["collapse"][0] < 1e-3
    conv = one_cell(CHAIN, [0] * 5)
    pixelwise = one_cell(CHAIN, [1] * 5)
    assert conv["test"][0] > pixelwise["test"][0] + 0.1
    assert conv["seconds"][0] > 2 * pixelwise["seconds"][0]
    smallest = one_cell([[0, 1], [0, 0]], [])
    assert 0.7 < smallest["test"][0] < 0.9
    for found in (best, conv, pixelwise, smallest):
        assert (np.diff(found["validation"][0]) > 0).all()  # more training helps them all


def test_ranges():
    found = surrogate.predict(SOME[:5000])
    assert ((found["collapse"] >= 0) & (found["collapse"] <= 1)).all()
    assert ((found["spread"] > 0.0005) & (found["spread"] < 0.2)).all()
    assert ((found["seconds"] > 200) & (found["seconds"] < 8000)).all()
    assert ((found["validation"] > 0.01) & (found["validation"] < 0.96)).all()
    np.testing.assert_allclose(
        found["mean_test"], found["test"] - found["collapse"] * (found["test"] - 0.1)
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([[1, 2]], r"int64 \(1, 2\)"),
        (3, r"int64 \(\)"),
        ([0.5], "float64"),
        ([4, -1], r"cells\[1\] is -1, .*invalid string"),
        ([NUM_CELLS], f"cells\\[0\\] is {NUM_CELLS}"),
    ],
)
@pytest.mark.parametrize("function", [surrogate.predict, surrogate.runs])
def test_bad_cells(function, cells, message):
    with pytest.raises(ValueError, match=message):
        function(cells)
