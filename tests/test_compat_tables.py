"""compat.nasbench.api on compact tables: what they answer, and what they refuse by name."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from compat import official

from maade_np.compat.nasbench.api import ModelSpec, NASBench, NotInTableError, OutOfDomainError
from maade_np.compat.nasbench.lib import graph_util
from maade_np.spaces import nasbench101 as nb
from maade_np.tables import NASBench101, TableError
from maade_np.tables.tfrecord import read_records, to_columns

SINGLE = {key: [0, 1, 2] for key in ("train_seconds", "validation", "test", "train", "halfway")}
BEST_CELL = (  # the best mean test accuracy, as in the authors' augment_model.py
    [
        [0, 1, 1, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ["conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "conv3x3-bn-relu", "conv3x3-bn-relu"],
)
REAL = os.environ.get("MAADE_NASBENCH101")


@pytest.fixture(scope="module")
def data() -> list[official.Cell]:
    return official.sample(12)


@pytest.fixture(scope="module")
def original(data) -> official.Original:
    return official.Original(data)


@pytest.fixture(scope="module")
def columns(data, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = official.write_tfrecord(tmp_path_factory.mktemp("file") / "nasbench.tfrecord", data)
    return to_columns(read_records(path), {"single_runs": SINGLE}, everything=True)


def table(columns: dict[str, np.ndarray], **provenance: object) -> NASBench101:
    """The table with another provenance."""
    return NASBench101(columns | {"provenance": np.array(json.dumps(provenance))}, name="a table")


def official_labels(fixed: dict) -> tuple[np.ndarray, list[int]]:
    names = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
    operations = fixed["module_operations"]
    return fixed["module_adjacency"], [-1, *map(names.index, operations[1:-1]), -2]


def test_the_graph_is_labelled_as_published(columns) -> None:
    """The best cell as the benchmark's authors print it, however the table stores it."""
    best = nb.NASBench101Space().identity(nb.from_matrix(*BEST_CELL)[None])
    for shuffled in (nb.cell_representatives()[best], nb.from_matrix(*BEST_CELL)[None]):
        edges, ops = nb.to_codes(shuffled)
        one = {k: v[:1] for k, v in columns.items() if v.ndim and k != "epochs"}
        one |= {"epochs": columns["epochs"], "provenance": columns["provenance"]}
        one |= {"edges": edges.astype(np.uint32), "ops": ops.astype(np.uint16)}
        one["hash"] = np.frombuffer(bytes.fromhex(nb.module_hash(*BEST_CELL)), np.uint8)[None]
        fixed, _ = NASBench(NASBench101(one)).get_metrics_from_hash(nb.module_hash(*BEST_CELL))
        np.testing.assert_array_equal(fixed["module_adjacency"], BEST_CELL[0])
        assert fixed["module_operations"] == ["input", *BEST_CELL[1], "output"]


def test_a_whole_table_as_the_file_but_for_rounding(columns, original, tmp_path: Path) -> None:
    NASBench101(columns).save(tmp_path / "small.npz")
    from_file = NASBench(tmp_path / "small.npz")
    nasbench = NASBench(NASBench101(columns))
    assert list(nasbench.hash_iterator()) == sorted(original.hash_iterator())
    for module_hash in original.hash_iterator():
        fixed, computed = nasbench.get_metrics_from_hash(module_hash)
        expected_fixed, expected = original.get_metrics_from_hash(module_hash)
        assert graph_util.hash_module(*official_labels(fixed)) == module_hash
        assert fixed["trainable_parameters"] == expected_fixed["trainable_parameters"]
        for epochs in official.EPOCHS:
            for run, wanted in zip(computed[epochs], expected[epochs], strict=True):
                assert run.keys() == wanted.keys()
                for key, value in wanted.items():
                    assert run[key] == pytest.approx(value, rel=1e-6)
                count = run["final_test_accuracy"] * 9_984
                assert count == pytest.approx(round(count), abs=1e-9)
        final = from_file.computed_statistics[module_hash][108][1]["final_validation_accuracy"]
        assert final == computed[108][1]["final_validation_accuracy"]
    nasbench.query(ModelSpec(*official.known(*official.BEST[:2])), 36, stop_halfway=True)
    assert nasbench.get_budget_counters()[1] == 18


def test_a_table_without_optional_columns_refuses_by_name(columns) -> None:
    """Half-way metrics and train accuracy are not in a plain table; the rest is answered."""
    plain = {key: columns[key] for key in columns if key not in ("train", "halfway")}
    nasbench = NASBench(NASBench101(plain, name="plain"), seed=0)
    spec = ModelSpec(*official.known(*official.BEST[:2]))
    run = nasbench.get_metrics_from_spec(spec)[1][108][2]
    assert set(run) == {
        "final_training_time", "final_validation_accuracy", "final_test_accuracy"
    }  # fmt: skip
    message = (
        r"plain, cell 02e5\w{28}, 108 epochs, repeat 2, has no 'final_train_accuracy': "
        "the table has no column 'train'"
    )
    with pytest.raises(NotInTableError, match=message):
        run["final_train_accuracy"]
    with pytest.raises(KeyError, match="no column 'halfway'"):
        run["halfway_test_accuracy"]
    assert run.get("final_train_accuracy") is None
    found = nasbench.query(spec)
    assert found["validation_accuracy"] > 0
    with pytest.raises(NotInTableError, match="no column 'train'"):
        found["train_accuracy"]
    assert nasbench.get_budget_counters() == (found["training_time"], 108)
    halfway = nasbench.query(spec, stop_halfway=True)
    assert "training_time" not in halfway
    assert nasbench.total_epochs_spent == 162
    with pytest.raises(NotInTableError, match="training time spent is unknown"):
        nasbench.get_budget_counters()
    nasbench.reset_budget_counters()
    assert nasbench.get_budget_counters() == (0.0, 0)


def test_missing_figures_survive_copies(columns) -> None:
    plain = {key: columns[key] for key in columns if key not in ("train", "halfway")}
    run = NASBench(NASBench101(plain)).computed_statistics[official.BEST[2]][108][0]
    for other in (copy.deepcopy(run), copy.copy(run), pickle.loads(pickle.dumps(run))):
        assert other == run
        with pytest.raises(NotInTableError, match="final_train_accuracy") as caught:
            other["final_train_accuracy"]
        assert "\\n" not in str(caught.value)
        assert not str(caught.value).startswith("'")


def test_single_runs_are_what_the_table_says(columns) -> None:
    """Test repeats 1 and 2 known by their sum: repeat 0 is given, a query's draw is not."""
    nasbench = NASBench(table(columns, single_runs={"test": [0], "validation": [0, 1, 2]}), seed=2)
    runs = nasbench.computed_statistics[official.BEST[2]][108]
    assert set(runs[0]) == {"final_validation_accuracy", "final_test_accuracy"}
    assert set(runs[1]) == set(runs[2]) == {"final_validation_accuracy"}
    with pytest.raises(NotInTableError, match=r"column 'test' no repeat but \[0\] is known"):
        runs[2]["final_test_accuracy"]
    with pytest.raises(NotInTableError, match="'train_seconds' no repeat is known"):
        runs[0]["final_training_time"]
    spec = ModelSpec(*official.known(*official.BEST[:2]))
    drawn = set()
    for _ in range(20):  # whatever the draw: no metric comes and goes
        found = nasbench.query(spec)
        assert "test_accuracy" not in found
        drawn.add(found["validation_accuracy"])
        with pytest.raises(NotInTableError, match=r"not all three.*\[1\]\[108\], repeats \[0\]$"):
            found["test_accuracy"]
    assert len(drawn) == 3


def test_single_runs_are_never_guessed(columns) -> None:
    silent = table(columns)
    nasbench = NASBench(silent)
    assert NASBench(table(columns, kind="surrogate")).kind == "surrogate"
    spec = ModelSpec(*official.known(*official.BEST[:2]))
    found = nasbench.query(spec)
    assert list(found) == ["module_adjacency", "module_operations", "trainable_parameters"]
    with pytest.raises(NotInTableError, match="does not say which of its repeats are single"):
        found["test_accuracy"]
    said = NASBench(silent, single_runs={"test": (0, 1, 2)}).query(spec)
    assert "test_accuracy" in said
    assert "validation_accuracy" not in said
    for wrong in ({"tests": [0]}, {"test": [3]}, {"test": 0}, {"test": "012"}):
        with pytest.raises(TableError, match="a table: single_runs has 'test"):
            NASBench(silent, single_runs=wrong)
        with pytest.raises(TableError, match="a table: single_runs has 'test"):
            NASBench(table(columns, single_runs=wrong))
    with pytest.raises(TableError, match="expected a mapping"):
        NASBench(table(columns, single_runs=[0]))


def test_budgets_and_values_that_are_missing(columns, data, tmp_path: Path) -> None:
    changed = {key: array.copy() for key, array in columns.items()}
    for key in ("test", "validation"):
        changed[key][:, 1] = 65_535
    for key in ("train_seconds", "train", "halfway"):
        changed[key][:, 1] = np.nan
    best = [row.tobytes().hex() for row in columns["hash"]].index(official.BEST[2])
    changed["test"][best, 3, 1] = 65_535
    changed["test"][1:, 2] = changed["validation"][:, 2] = 65_535
    for key in ("train_seconds", "train", "halfway"):
        changed[key][:, 2] = np.nan  # one cell alone has one column at 36 epochs
    nasbench = NASBench(NASBench101(changed))
    assert nasbench.valid_epochs == {4, 36, 108}
    spec = ModelSpec(*official.known(*official.BEST[:2]))
    with pytest.raises(OutOfDomainError, match=r"\[4, 36, 108\]"):
        nasbench.query(spec, epochs=12)
    with pytest.raises(NotInTableError, match=r"has no 12: no cell .*\[4, 36, 108\]"):
        nasbench.get_metrics_from_spec(spec)[1][12]
    with pytest.raises(NotInTableError, match="has no value there"):
        nasbench.query(spec)["test_accuracy"]
    assert "test_accuracy" in nasbench.query(spec, epochs=4)

    partial = official.write_tfrecord(tmp_path / "part.tfrecord", data, skip=(2,))
    nasbench = NASBench(partial)  # the third repeat of the first cell at 4 epochs
    first = ModelSpec(data[0].matrix, data[0].ops)
    assert len(nasbench.get_metrics_from_spec(first)[1][4][2]) == 0
    with pytest.raises(NotInTableError, match="file has no such evaluation"):
        nasbench.query(first, epochs=4)["test_accuracy"]
    assert "test_accuracy" in nasbench.query(first)


@pytest.mark.skipif(not REAL, reason="MAADE_NASBENCH101 does not name a table")
def test_the_real_table() -> None:
    loaded = NASBench101.load(REAL)
    nasbench = NASBench(loaded, single_runs={"test": [0]})
    assert len(nasbench.hash_iterator()) == nb.NUM_CELLS
    assert 108 in nasbench.valid_epochs
    for edges, ops, module_hash, params in (official.INCEPTION, official.BEST):
        fixed, computed = nasbench.get_metrics_from_spec(ModelSpec(*official.known(edges, ops)))
        assert fixed["trainable_parameters"] == params
        assert nb.module_hash(fixed["module_adjacency"], fixed["module_operations"]) == module_hash
        first = computed[108][0]["final_test_accuracy"]
        expected = loaded.query(nb.from_matrix(*official.known(edges, ops))[None], "test-holdout")
        assert first == expected.signal[0]
