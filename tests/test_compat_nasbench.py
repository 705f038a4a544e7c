"""compat.nasbench.api against the official layouts: values, draws, counters, refusals by name."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import numpy as np
import pytest
from compat import official
from hypothesis import given
from hypothesis import strategies as st

from maade_np.compat.nasbench import api
from maade_np.compat.nasbench.api import ModelSpec, NASBench, OutOfDomainError
from maade_np.spaces import NASBench101Space
from maade_np.spaces import nasbench101 as nb
from maade_np.tables import TableError

SIZE = 30


@pytest.fixture(scope="module")
def data() -> list[official.Cell]:
    return official.sample(SIZE)


@pytest.fixture(scope="module")
def path(data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return official.write_tfrecord(tmp_path_factory.mktemp("file") / "nasbench.tfrecord", data)


@pytest.fixture(scope="module")
def original(data) -> official.Original:
    return official.Original(data)


@pytest.fixture
def nasbench(path: Path) -> NASBench:
    return NASBench(path, seed=3)


def spec_of(cell: official.Cell) -> ModelSpec:
    return ModelSpec(cell.matrix, cell.ops)


def test_the_official_file_as_the_original_holds_it(nasbench, original, data) -> None:
    assert list(nasbench.hash_iterator()) == list(original.hash_iterator())
    assert len(nasbench.hash_iterator()) == SIZE
    assert nasbench.valid_epochs == original.valid_epochs == {4, 12, 36, 108}
    for cell in data:
        fixed, computed = nasbench.get_metrics_from_hash(cell.hash)
        expected_fixed, expected = original.get_metrics_from_hash(cell.hash)
        assert official.equal_cells(fixed, expected_fixed)
        assert fixed["module_adjacency"].dtype == np.int8
        assert computed == expected
        assert type(computed) is dict
        assert type(computed[108][0]) is dict
        assert json.loads(json.dumps(computed[4])) == expected[4]
        by_spec = nasbench.get_metrics_from_spec(spec_of(cell))
        assert official.equal_cells(by_spec[0], expected_fixed)
        assert by_spec[1] == expected
        assert nasbench._hash_spec(spec_of(cell)) == cell.hash
    assert nasbench.fixed_statistics[official.BEST[2]]["trainable_parameters"] == 32_426_634
    assert nasbench.get_budget_counters() == (0.0, 0)
    assert nasbench.kind == "real"


def test_statistics_act_as_dictionaries(nasbench, data) -> None:
    fixed, computed = nasbench.fixed_statistics, nasbench.computed_statistics
    first = data[0].hash
    assert first in fixed
    assert first in computed
    assert len(fixed) == len(computed) == SIZE
    assert fixed.get("0" * 32) is None
    assert [module_hash for module_hash, _ in fixed.items()] == [cell.hash for cell in data]
    for wrong in ("0" * 32, "f" * 32, first.upper(), first[:-2], first + "00", "", 7, None):
        assert wrong not in fixed
        assert wrong not in computed
        with pytest.raises(KeyError, match="holds 30 of the 423,624 cells"):
            nasbench.get_metrics_from_hash(wrong)
    with pytest.raises(KeyError):
        computed[first][5]
    with pytest.raises(KeyError):
        computed[first][108][0]["final_accuracy"]
    with pytest.raises(IndexError):
        computed[first][108][3]


def test_what_is_returned_is_a_copy(nasbench, data) -> None:
    first = data[0]
    before = copy.deepcopy(nasbench.get_metrics_from_hash(first.hash))
    for found in (nasbench.get_metrics_from_hash(first.hash), [nasbench.query(spec_of(first))]):
        found[0]["module_adjacency"][:] = 7
        found[0]["module_operations"].clear()
        if len(found) > 1:
            found[1][108][0]["final_test_accuracy"] = 0.0
            found[1][4].clear()
    after = nasbench.get_metrics_from_hash(first.hash)
    assert official.equal_cells(after[0], before[0])
    assert after[1] == before[1]


def test_a_query_is_one_run(nasbench, data) -> None:
    """All figures from the same repeat, each repeat a third of the time, exact float64."""
    seen = np.zeros((2, 3), int)
    for number in range(600):
        cell = data[number % SIZE]
        epochs, halfway = official.EPOCHS[number % 4], number % 3 == 0
        found = nasbench.query(spec_of(cell), epochs=epochs, stop_halfway=halfway)
        runs = cell.metrics[official.EPOCHS.index(epochs), :, 0 if halfway else 1]
        figures = [found[name] for name in official.METRICS]
        repeat = [run.tolist() for run in runs].index(figures)
        seen[int(halfway), repeat] += 1
        assert list(found) == [
            "module_adjacency",
            "module_operations",
            "trainable_parameters",
            *official.METRICS,
        ]
        np.testing.assert_array_equal(found["module_adjacency"], cell.matrix)
        assert (found["module_operations"], found["trainable_parameters"]) == (
            cell.ops,
            cell.params,
        )
    assert (seen > 0.2 * seen.sum(axis=1, keepdims=True)).all()


def test_draws_are_those_of_a_generator_of_its_own(path: Path, data) -> None:
    """The original seeds the global one: the same seed gives the same runs, and ours is private."""
    specs = [spec_of(cell) for cell in data] * 4
    random.seed(8)
    state = random.getstate()
    numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second, other = NASBench(path, seed=8), NASBench(path, 8), NASBench(path, seed=9)
    found = []
    for spec in specs:  # interleaved: two objects share nothing
        a, b, c = (nasbench.query(spec)["test_accuracy"] for nasbench in (first, second, other))
        assert a == b
        found.append((a, c))
    assert random.getstate() == state
    assert np.random.get_state()[1].tolist() == numpy_state  # noqa: NPY002
    as_original = [data[n % SIZE].metrics[3, random.randint(0, 2), 1, 3] for n in range(len(specs))]
    assert [a for a, _ in found] == as_original
    assert any(a != c for a, c in found)
    unseeded = [[NASBench(path).query(s)["test_accuracy"] for s in specs[:30]] for _ in range(2)]
    assert unseeded[0] != unseeded[1]


def test_counters(nasbench, path: Path, data) -> None:
    spec, seconds = spec_of(data[3]), 0.0
    for epochs, halfway, charged in (
        (108, False, 108),
        (36, True, 18),
        (4, False, 4),
        (4, True, 2),
    ):
        before = nasbench.total_epochs_spent
        seconds += nasbench.query(spec, epochs, stop_halfway=halfway)["training_time"]
        assert nasbench.total_epochs_spent - before == charged
        assert nasbench.get_budget_counters() == (seconds, before + charged)
        assert nasbench.training_time_spent == seconds
    nasbench.get_metrics_from_spec(spec)
    nasbench.get_metrics_from_hash(data[3].hash)
    nasbench.is_valid(spec)
    for refused in ({"model_spec": spec, "epochs": 5}, {"model_spec": ModelSpec(*CASES[0][:2])}):
        with pytest.raises(OutOfDomainError):
            nasbench.query(**refused)
    assert nasbench.get_budget_counters() == (seconds, 132)
    assert NASBench(path).get_budget_counters() == (0.0, 0)
    nasbench.reset_budget_counters()
    assert nasbench.get_budget_counters() == (0.0, 0)
    nasbench.training_time_spent += 5.0
    assert nasbench.training_time_spent == 5.0


def test_a_refused_query_draws_nothing(path: Path, data) -> None:
    plain, refused = NASBench(path, seed=1), NASBench(path, seed=1)
    for cell in data:
        for wrong in ({"epochs": 7}, {"model_spec": ModelSpec(*CASES[1][:2])}):
            with pytest.raises(OutOfDomainError):
                refused.query(**({"model_spec": spec_of(cell)} | wrong))
        assert (
            plain.query(spec_of(cell))["training_time"]
            == (refused.query(spec_of(cell))["training_time"])
        )


FULL = np.triu(np.ones((8, 8), int), 1)
CONV = "conv3x3-bn-relu"
CASES = [
    ([[0, 0], [0, 0]], ["input", "output"], "not connected"),
    (np.eye(8, k=1, dtype=int), ["input", *[CONV] * 6, "output"], "has 8 vertices"),
    (FULL[:5, :5], ["input", *[CONV] * 3, "output"], "has 10 edges"),
    ([[0, 2], [0, 0]], ["input", "output"], "entries other than 0 and 1"),
    ([[0, 0.5], [0, 0]], ["input", "output"], "entries other than 0 and 1"),
    ([[0, 1], [0, 0]], ["in", "output"], r"ops\[0\] is 'in'"),
    ([[0, 1], [0, 0]], ["input", "out"], r"ops\[-1\] is 'out'"),
    (FULL[:3, :3], ["input", "conv5x5", "output"], "operation 'conv5x5'"),
    (FULL[:3, :3], ["input", 0, "output"], "operation 0"),
]


@pytest.mark.parametrize(("matrix", "ops", "message"), CASES)
def test_outside_the_space(nasbench, matrix, ops, message: str) -> None:
    spec = ModelSpec(matrix, ops)
    assert not nasbench.is_valid(spec)
    for question in (nasbench.query, nasbench.get_metrics_from_spec, nasbench._check_spec):
        with pytest.raises(OutOfDomainError, match=message):
            question(spec)


def test_what_pruning_removes_does_not_matter(nasbench, data) -> None:
    cell = data[0]
    matrix = np.zeros((9, 9), int)
    matrix[:6, :6], matrix[:6, 8] = cell.matrix[:6, :6], cell.matrix[:6, 6]
    matrix[1, 6] = matrix[6, 7] = 1
    spec = ModelSpec(matrix, [*cell.ops[:6], "a word", "another", "output"])
    assert nasbench.is_valid(spec)
    assert nasbench.query(spec)["trainable_parameters"] == cell.params


def test_a_float_matrix_is_found(nasbench, data) -> None:
    """The original hashes the text of a float's degree and then knows no such cell."""
    found = nasbench.query(ModelSpec(data[0].matrix.astype(float), data[0].ops))
    assert found["trainable_parameters"] == 2_694_282


@given(st.lists(st.tuples(st.lists(st.integers(0, 1), min_size=21, max_size=21),
                          st.lists(st.integers(0, 2), min_size=5, max_size=5)), min_size=1))  # fmt: skip
def test_validity_is_that_of_the_space(strings) -> None:
    actions = np.array([[*edges, *ops] for edges, ops in strings])
    nasbench = NASBench.__new__(NASBench)
    nasbench.config = {"module_vertices": 7, "max_edges": 9, "available_ops": list(nb.OPS)}
    specs = [
        ModelSpec(matrix, ["input", *(nb.OPS[op] for op in ops), "output"])
        for matrix, ops in zip(*nb.matrix_ops(actions), strict=True)
    ]
    expected = NASBench101Space().is_valid(actions).tolist()
    assert [nasbench.is_valid(spec) for spec in specs] == expected


def test_isomorphic_cells_share_their_results(nasbench, data) -> None:
    cell = data[0]  # vertices 1, 2 and 5 hang between input and output alone
    order = [0, 5, 1, 3, 4, 2, 6]
    moved = ModelSpec(cell.matrix[np.ix_(order, order)], [cell.ops[v] for v in order])
    assert not np.array_equal(moved.matrix, cell.matrix) or moved.ops != cell.ops
    assert nasbench.get_metrics_from_spec(moved)[1] == nasbench.computed_statistics[cell.hash]


def test_a_valid_cell_that_the_file_lacks(nasbench) -> None:
    for question in (nasbench.query, nasbench.get_metrics_from_spec):
        with pytest.raises(KeyError, match="043721b9c7fe8c5fad811d47d83132ec"):
            question(ModelSpec([[0, 1], [0, 0]], ["input", "output"]))


def test_what_is_not_offered(nasbench, data, tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="original nasbench package"):
        nasbench.evaluate(spec_of(data[0]), str(tmp_path))
    with pytest.raises(TypeError, match="expected a ModelSpec, got list"):
        nasbench.query([[0, 1], [0, 0]])
    with pytest.raises(OutOfDomainError, match=r"5 epochs.*\[4, 12, 36, 108\]"):
        nasbench.query(spec_of(data[0]), epochs=5)


def test_files_that_cannot_be_opened(tmp_path: Path, path: Path) -> None:
    with pytest.raises(TableError, match="there is no such file"):
        NASBench(tmp_path / "no.npz")
    with pytest.raises(TableError, match=r"missing\.tfrecord"):
        NASBench(tmp_path / "missing.tfrecord")
    with pytest.raises(TableError, match="holds single runs"):
        NASBench(path, single_runs={"test": [0]})
    with pytest.raises(TypeError):
        NASBench(3)


def test_hashes_are_found_by_all_their_bytes() -> None:
    """Zero bytes at the end and inside, equal first halves."""
    from maade_np.compat.nasbench._sources import RecordsSource

    digests = [bytes([7] * 8 + [n] * 4 + [0] * 4) for n in (3, 0, 9)] + [bytes(16), b"\xff" * 16]

    class Fake:
        hash = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)
        epochs = np.array([108])

    source = RecordsSource(Fake(), "fake")
    assert [source.find(digest.hex()) for digest in digests] == list(range(5))
    assert source.find(bytes([7] * 8 + [3] * 4 + [0] * 3 + [1]).hex()) == -1
    assert source.find(b"\xfe".hex() * 16) == -1


def test_names_of_the_original() -> None:
    assert api.ModelSpec is ModelSpec
    assert issubclass(OutOfDomainError, Exception)
    assert not issubclass(OutOfDomainError, KeyError)
