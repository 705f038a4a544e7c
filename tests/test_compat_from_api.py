"""A table from an object of the original package: exact, and clear about what is wrong with one."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from compat import official

from maade_np.compat.nasbench.api import NASBench
from maade_np.spaces import nasbench101 as nb
from maade_np.tables import NASBench101, TableError
from maade_np.tables.from_api import columns_from_api
from maade_np.tables.tfrecord import read_records, to_columns

SIZE = 25


@pytest.fixture(scope="module")
def data() -> list[official.Cell]:
    return official.cells(np.random.default_rng(1).choice(nb.NUM_CELLS, SIZE, replace=False))


@pytest.fixture
def original(data) -> official.Original:
    return official.Original(data)


def test_every_figure_arrives(original, data) -> None:
    table = NASBench101(columns_from_api(original))
    assert len(table) == SIZE
    assert table.epochs == official.EPOCHS
    by_hash = sorted(data, key=lambda cell: cell.hash)
    for row, cell in enumerate(by_hash):
        assert table.column("hash")[row].tobytes().hex() == cell.hash
        assert table.column("params")[row] == cell.params
        counts = np.rint(cell.metrics[:, :, 1, 2:] * 9_984)
        np.testing.assert_array_equal(table.column("validation")[row], counts[..., 0])
        np.testing.assert_array_equal(table.column("test")[row], counts[..., 1])
        np.testing.assert_array_equal(
            table.column("train_seconds")[row], cell.metrics[:, :, 1, 0].astype(np.float32)
        )
    actions = np.array([nb.from_matrix(cell.matrix, cell.ops) for cell in by_hash])
    expected = [np.rint(cell.metrics[3, :, 1, 3] * 9_984).sum() / 3 / 9_984 for cell in by_hash]
    np.testing.assert_allclose(table.query(actions).mean_test, expected, rtol=1e-14)
    provenance = json.loads(str(table.column("provenance")))
    assert provenance["source"] == "an object compat.official.Original"
    assert provenance["single_runs"]["validation"] == [0, 1, 2]


@pytest.mark.parametrize("everything", [False, True])
def test_the_same_columns_as_from_the_file(original, data, tmp_path, everything: bool) -> None:
    path = official.write_tfrecord(tmp_path / "nasbench.tfrecord", data)
    found = columns_from_api(original, everything=everything)
    for expected in (
        to_columns(read_records(path), {}, everything),
        columns_from_api(NASBench(path), everything=everything),
    ):
        assert found.keys() == expected.keys()
        for key in found.keys() - {"provenance"}:
            np.testing.assert_array_equal(found[key], expected[key])
            assert found[key].dtype == expected[key].dtype
    nasbench = NASBench(NASBench101(found))  # and it answers as the original does
    single = nasbench.computed_statistics[data[0].hash][36][1]
    value = data[0].metrics[2, 1, 1, 3]
    assert single["final_test_accuracy"] == pytest.approx(value, rel=1e-6)
    assert ("final_train_accuracy" in single) == everything


def test_progress_and_an_object_left_alone(original) -> None:
    seen: list[tuple[int, int]] = []
    before = official.copy.deepcopy(original.computed_statistics)
    columns_from_api(original, progress=lambda *numbers: seen.append(numbers))
    assert seen == [(SIZE, SIZE)]
    assert original.computed_statistics == before


def first(original: official.Original) -> str:
    return next(iter(original.fixed_statistics))


Change = Callable[[official.Original, dict, dict], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o, f, c: f.pop("module_adjacency"), "no entry 'module_adjacency'"),
        (lambda o, f, c: f.pop("trainable_parameters"), "no entry 'trainable_parameters'"),
        (lambda o, f, c: f.update(trainable_parameters=-1), "trainable_parameters is -1"),
        (lambda o, f, c: f.update(trainable_parameters=2**32), "trainable_parameters is 4294967296"),
        (lambda o, f, c: f.update(trainable_parameters=1e6), "trainable_parameters is 1000000.0"),
        (lambda o, f, c: f.update(module_operations=["input", "output"]), r"with 2 operations"),
        (lambda o, f, c: f["module_operations"].__setitem__(1, "conv5x5"), "module_operations is"),
        (lambda o, f, c: f["module_operations"].__setitem__(0, "in"), "module_operations is"),
        (lambda o, f, c: f["module_adjacency"].__setitem__((0, 1), 2), "no upper triangle"),
        (lambda o, f, c: f["module_adjacency"].__setitem__((1, 0), 1), "no upper triangle"),
        (lambda o, f, c: f.update(module_adjacency=None), r"shape \(\)"),
        (lambda o, f, c: c.pop(36), r"it has results at \[4, 12, 108\] epochs"),
        (lambda o, f, c: c[36].pop(), r"it has \[3, 3, 2, 3\] repeats"),
        (lambda o, f, c: c[4].append(c[4][0]), r"it has \[4, 3, 3, 3\] repeats"),
        (lambda o, f, c: c[4][1].pop("final_test_accuracy"), "no entry 'final_test_accuracy'"),
        (lambda o, f, c: c[4][1].update(final_test_accuracy="x"), "ValueError"),
        (lambda o, f, c: c.update({4: None}), "TypeError"),
        (lambda o, f, c: c[4][2].update(final_test_accuracy=1.5),
         "final_test_accuracy of repeat 2 at 4 epochs is 1.5"),
        (lambda o, f, c: c[12][0].update(final_training_time=float("nan")), "at 12 epochs is nan"),
        (lambda o, f, c: c[12][0].update(halfway_training_time=-1.0), "is -1.0"),
        (lambda o, f, c: c[108][0].update(final_validation_accuracy=0.5 + 0.1 / 9_984),
         "multiple of 1/9984"),
        (lambda o, f, c: c[108][0].update(final_train_accuracy=float("inf")), "is inf"),
    ],
)  # fmt: skip
def test_malformed_cells_are_named(original, change: Change, message: str) -> None:
    name = list(original.fixed_statistics)[7]
    change(original, original.fixed_statistics[name], original.computed_statistics[name])
    with pytest.raises(TableError, match=f"cell '{name}'.*{message}"):
        columns_from_api(original)


def test_objects_of_another_kind(original, data) -> None:
    for other in (object(), 3, None, {"fixed_statistics": {}}):
        with pytest.raises(TableError, match=r"expected an instance of nasbench\.api\.NASBench"):
            columns_from_api(other)
    with pytest.raises(TableError, match="holds no cells"):
        columns_from_api(official.Original([]))
    for wrong in ("abc", first(original).upper(), first(original) + "00"):
        changed = official.Original(data)
        changed.fixed_statistics[wrong] = changed.fixed_statistics.pop(first(original))
        with pytest.raises(TableError, match=f"cell '{wrong}': its key is no module hash"):
            columns_from_api(changed)
    original.computed_statistics.pop(list(original.fixed_statistics)[3])
    with pytest.raises(TableError, match="there is no entry"):
        columns_from_api(original)


@pytest.mark.parametrize("budgets", [{}, None, {"108": []}, {0: []}, {70_000: []}])
def test_impossible_budgets(original, budgets) -> None:
    original.computed_statistics[first(original)] = budgets
    with pytest.raises(TableError, match="training budget"):
        columns_from_api(original)


def test_cells_under_other_cells_hashes(original) -> None:
    fixed = original.fixed_statistics
    original.fixed_statistics = dict(zip(fixed, [*list(fixed.values())[1:], None], strict=True))
    original.fixed_statistics[list(fixed)[-1]] = fixed[first(original)]
    columns = columns_from_api(original)
    with pytest.raises(TableError, match="but the cell in that row has hash"):
        NASBench101(columns)
