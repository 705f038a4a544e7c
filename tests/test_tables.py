"""Tables: protocols by hand-computed figures, files that are wrong, the toy, own objectives."""

from __future__ import annotations

import doctest
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maade_np.spaces import CategoricalSpace, NASBench101Space
from maade_np.spaces import nasbench101 as nb
from maade_np.tables import NASBench101, Objective, TableError, Toy, objective
from maade_np.tables import nasbench101 as table_module
from maade_np.tables.base import noise_uniform

Columns = dict[str, np.ndarray]
M = 65_535  # a missing count
SIZE = 60
REAL = os.environ.get("MAADE_NASBENCH101")
real_table = pytest.mark.skipif(not REAL, reason="MAADE_NASBENCH101 does not name a table")


def small_columns() -> Columns:
    """A table of 60 cells with made-up counts at 12 and 108 epochs; at 12 test is missing."""
    rng = np.random.default_rng(11)
    actions = nb.cell_representatives()[rng.choice(nb.NUM_CELLS, SIZE, replace=False)]
    matrices, interior = nb.matrix_ops(actions)
    hashes = [nb.module_hash(m, o) for m, o in zip(matrices, interior, strict=True)]
    actions = actions[np.argsort(hashes)]
    edges, ops = nb.to_codes(actions)
    test = rng.integers(8_000, 9_500, (SIZE, 2, 3), dtype=np.uint16)
    test[:, 0] = M
    seconds = rng.uniform(100, 2_000, (SIZE, 2, 3)).astype(np.float32)
    seconds[0, 1] = [np.nan, 10, 20]
    seconds[1, 1] = np.nan
    return {
        "edges": edges.astype(np.uint32),
        "ops": ops.astype(np.uint16),
        "epochs": np.array([12, 108], np.int16),
        "validation": rng.integers(8_000, 9_500, (SIZE, 2, 3), dtype=np.uint16),
        "test": test,
        "train_seconds": seconds,
        "params": rng.integers(10**5, 10**7, SIZE, dtype=np.uint32),
        "hash": np.frombuffer(bytes.fromhex("".join(sorted(hashes))), np.uint8).reshape(-1, 16),
        "provenance": np.array(json.dumps({"source": "made up for a test"})),
    }


@pytest.fixture
def columns() -> Columns:
    return {key: array.copy() for key, array in small_columns().items()}


@pytest.fixture
def table(columns: Columns) -> NASBench101:
    return NASBench101(columns, name="small")


def write(path: Path, columns: Columns, **changes: object) -> Path:
    arrays = {"format": np.array("maade-np/nasbench101/1")} | columns | changes
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


def test_protocols_by_hand(table: NASBench101, columns: Columns) -> None:
    test = columns["test"][:, 1].astype(float) / 9_984
    validation = columns["validation"][:, 1].astype(float) / 9_984
    actions = table.actions()
    assert table.default_protocol == "validation-single"
    expected = {
        "test-holdout": (test[:, 0], test[:, 1:].mean(axis=1)),
        "test-mean": (test.mean(axis=1), test.mean(axis=1)),
        "validation-mean": (validation.mean(axis=1), test.mean(axis=1)),
    }
    for protocol, (signal, held_out) in expected.items():
        found = table.query(actions, protocol)
        np.testing.assert_allclose(found.signal, signal, rtol=1e-14)
        np.testing.assert_allclose(found.held_out, held_out, rtol=1e-14)
        np.testing.assert_allclose(found.mean_test, test.mean(axis=1), rtol=1e-14)
        best = table.optimum(protocol)
        assert best == {
            "signal": found.signal.max(),
            "held_out": found.held_out.max(),
            "mean_test": found.mean_test.max(),
        }
    np.testing.assert_array_equal(table.mean_test(actions), found.mean_test)
    assert (found.epochs == 108).all()
    np.testing.assert_array_equal(found.cell, table.space.identity(actions))
    assert len(found) == SIZE


def test_single_validation_repeat_is_fixed_by_seed_and_cell(
    table: NASBench101, columns: Columns
) -> None:
    actions = table.actions()
    counts = columns["validation"][:, 1]
    chosen: Counter = Counter()
    signals = []
    for seed in range(40):
        found = table.query(actions, "validation-single", seed=seed)
        matches = np.round(found.signal * 9_984)[:, None] == counts
        assert matches.any(axis=1).all()
        chosen.update(matches.argmax(axis=1).tolist())
        order = np.random.default_rng(seed).permutation(SIZE)
        again = table.query(actions[order], "validation-single", seed=seed)
        np.testing.assert_array_equal(again.signal, found.signal[order])
        signals.append(found.signal)
        assert table.optimum("validation-single", seed)["signal"] == found.signal.max()
    assert min(chosen.values()) > 0.3 * 40 * SIZE
    assert len(np.unique(signals, axis=0)) == 40


def test_redrawn_noise_is_a_function_of_seed_cell_and_number(
    table: NASBench101, columns: Columns
) -> None:
    protocol = "validation-single:noise=redrawn"
    actions = np.repeat(table.actions()[:1], 3_000, axis=0)
    counts = columns["validation"][0, 1]
    found = table.query(actions, protocol, seed=3)
    repeat = (np.round(found.signal * 9_984)[:, None] == counts).argmax(axis=1)
    assert np.bincount(repeat, minlength=3).min() > 900  # 1,000 each, sd 26
    np.testing.assert_array_equal(found.held_out, found.mean_test)
    later = table.query(actions[:1_000], protocol, seed=3, first=2_000)
    np.testing.assert_array_equal(later.signal, found.signal[2_000:])
    other = table.query(actions, protocol, seed=4)
    assert 0.55 < (other.signal != found.signal).mean() < 0.78
    validation = columns["validation"][:, 1] / 9_984
    assert table.optimum(protocol)["signal"] == validation.max()
    assert table.optimum(protocol, seed=9) == table.optimum(protocol)


def test_report_single_is_the_test_accuracy_and_time_of_the_run_that_drove(
    table: NASBench101, columns: Columns
) -> None:
    protocol = "validation-single:report=single"
    found = table.query(table.actions(), protocol, seed=5)
    fixed = table.query(table.actions(), "validation-single", seed=5)
    np.testing.assert_array_equal(found.signal, fixed.signal)
    validation, test = (columns[k][:, 1] / 9_984 for k in ("validation", "test"))
    repeat = (np.abs(found.signal[:, None] - validation) < 1e-9).argmax(axis=1)
    rows = np.arange(SIZE)
    np.testing.assert_allclose(found.held_out, test[rows, repeat], rtol=1e-14)
    np.testing.assert_array_equal(found.seconds, columns["train_seconds"][rows, 1, repeat])
    assert table.optimum(protocol, seed=5)["held_out"] == found.held_out.max()


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("validation-single:noise=loud", "'noise=loud' is no option; there are noise=fixed"),
        ("validation-single:redrawn", "'redrawn' is no option"),
        ("test-mean:noise=redrawn", "options are for protocols in which one of several"),
        ("median:noise=redrawn", "'median' is not available"),
    ],
)
def test_protocol_options_that_do_not_fit_are_refused(
    table: NASBench101, protocol: str, message: str
) -> None:
    with pytest.raises(TableError, match=message):
        table.query(table.actions(), protocol)


def test_isomorphic_strings_share_a_row_and_invalid_ones_have_none(table: NASBench101) -> None:
    actions = table.actions().astype(np.int64)
    renamed = actions.copy()
    matrix, _ = nb.matrix_ops(actions)
    lone = ~(matrix.any(axis=1) | matrix.any(axis=2))[:, 5]
    renamed[lone, 25] = 2  # the operation of a vertex that is not in use
    assert lone.any()
    batch = np.concatenate([renamed, np.zeros((2, 26), int)])
    found = table.query(batch, "test-mean")
    np.testing.assert_array_equal(found.signal[:-2], table.query(actions, "test-mean").signal)
    assert found.valid.tolist() == [True] * SIZE + [False] * 2
    assert (found.cell[-2:] == -1).all()
    for column in (found.signal, found.held_out, found.mean_test, found.seconds):
        assert np.isnan(column[-2:]).all()
    assert np.isnan(table.mean_test(batch)[-2:]).all()
    nothing = table.query(np.empty((0, 26), int))
    assert len(nothing) == 0


def test_seconds_are_the_mean_of_what_is_known(table: NASBench101, columns: Columns) -> None:
    seconds = table.query(table.actions(), "validation-mean").seconds
    assert seconds[0] == 15
    assert np.isnan(seconds[1])
    expected = columns["train_seconds"][2:, 1].astype(float).mean(axis=1)
    np.testing.assert_allclose(seconds[2:], expected, rtol=1e-14)


def test_budgets_differ_within_a_batch(table: NASBench101, columns: Columns) -> None:
    epochs = np.where(np.arange(SIZE) % 2, 108, 12)
    found = table.query(table.actions(), "validation-mean", epochs=epochs)
    expected = columns["validation"][np.arange(SIZE), np.arange(SIZE) % 2].mean(axis=1) / 9_984
    np.testing.assert_allclose(found.signal, expected, rtol=1e-14)
    np.testing.assert_array_equal(found.epochs, epochs)
    assert np.isnan(found.mean_test[::2]).all()
    assert not np.isnan(found.mean_test[1::2]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "nope"}, "'nope' is not available on table 'small': it offers validation-"),
        ({"epochs": 50}, "no validation results at 50 epochs.*are 12, 108"),
        ({"epochs": 12, "protocol": "test-mean"}, "no test results at 12 epochs.*are 108$"),
        ({"epochs": 108.0}, "epochs is float64"),
        ({"epochs": np.array([108, 108])}, r"epochs is int64 \(2,\), expected.*\(60,\)"),
    ],
)
def test_bad_questions(table: NASBench101, arguments: dict, message: str) -> None:
    with pytest.raises(TableError, match=message):
        table.query(table.actions(), **arguments)


def test_cells_without_row_or_result(columns: Columns) -> None:
    columns["test"][7, 1, 2] = M
    table = NASBench101(columns, name="small")
    actions = table.actions()
    with pytest.raises(TableError, match=r"lacks the test results of 1 of 60 cells.*at 108 epochs"):
        table.query(actions, "test-mean")
    assert np.isnan(table.query(actions, "test-holdout").held_out[7])
    assert np.isnan(table.query(actions, "validation-mean").mean_test[7])
    assert table.optimum("test-mean")["signal"] > 0.9
    absent = nb.from_matrix([[0, 1], [0, 0]], [])[None]
    message = "no row for 1 of 61 valid cells asked, first cell 043721b9c7fe8c5fad811d47d83132ec"
    with pytest.raises(TableError, match=message):
        table.query(np.concatenate([actions, absent]))
    with pytest.raises(TableError, match="no column 'speed'"):
        table.column("speed")


def test_protocols_follow_what_is_there(columns: Columns) -> None:
    columns["validation"][:, :, 1] = M
    table = NASBench101(columns, name="small")
    assert table.protocols == ("test-holdout", "test-mean")
    assert table.default_protocol == "test-holdout"
    with pytest.raises(TableError, match="'validation-mean' needs single validation repeats"):
        table.query(table.actions(), "validation-mean")


def test_save_and_load_are_exact(tmp_path: Path, columns: Columns) -> None:
    columns["validation_best"] = np.full((SIZE, 2), M, np.uint16)
    NASBench101(columns).save(tmp_path / "table.npz")
    table = NASBench101.load(tmp_path / "table.npz")
    for key, array in columns.items():
        found = table.column(key)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)
    assert [p.name for p in tmp_path.iterdir()] == ["table.npz"]
    record = table.describe()
    assert (record["kind"], record["rows"], len(record["sha256"])) == ("real", SIZE, 64)
    json.dumps(record)
    table.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "table.npz").read_bytes()


def swap(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array[[3, 4]] = array[[4, 3]]
    return array


def put(value: int, *place: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("test", None, r"keys \['test'\] are missing"),
        ("format", None, "no text key 'format'"),
        ("format", lambda _: np.array("maade-np/nasbench101/9"), "format is 'maade-np/nasb.*/9'"),
        ("format", lambda _: np.arange(3), "no text key 'format'"),
        ("test", lambda a: a.astype(np.int64), "'test' has dtype int64, expected uint16"),
        ("params", lambda a: a.astype(float), "'params' has dtype float64, expected uint32"),
        ("provenance", lambda _: np.array(3), "'provenance' has dtype int64, expected str"),
        ("edges", lambda a: a[:, None], r"'edges' has shape \(60, 1\), expected \(C,\)"),
        ("ops", lambda a: a[:-1], r"'ops' has shape \(59,\), expected \(C,\) = \(60,\)"),
        ("test", lambda a: a[:, :1], r"'test' has shape \(60, 1, 3\).* = \(60, 2, 3\)"),
        ("hash", lambda a: a[:, :8], r"'hash' has shape \(60, 8\), expected \(C, 16\)"),
        ("epochs", lambda a: a[::-1], r"epochs is \[108, 12\], expected ascending"),
        ("edges", put(2**21, 5), r"edges\[5\] is 2097152, expected below 2097152"),
        ("ops", put(243, 6), r"ops\[6\] is 243, expected below 243"),
        ("edges", put(1, 8), r"row 8 \(edges 1, .*is no valid cell"),
        ("test", put(9_985, 2, 1, 0), r"test\[2, 1, 0\] is 9985, expected a count of at most"),
        ("hash", swap, r"hash\[4\] is not above hash\[3\]"),
        ("hash", put(0, 0), r"hash\[0\] is 0{32}, but the cell in that row has hash"),
    ],
)
def test_bad_files(
    tmp_path: Path, columns: Columns, key: str, change: Callable | None, message: str
) -> None:
    changed = None if change is None else change(columns.get(key))
    path = write(tmp_path / "bad.npz", columns, **{key: changed})
    with pytest.raises(TableError, match=r"bad\.npz.*" + message):
        NASBench101.load(path)
    if key != "format":
        memory = columns | {key: changed}
        with pytest.raises(TableError, match=message):
            NASBench101({k: a for k, a in memory.items() if a is not None})


def test_two_rows_of_one_cell(columns: Columns) -> None:
    columns["edges"][9], columns["ops"][9] = columns["edges"][20], columns["ops"][20]
    with pytest.raises(TableError, match="rows 9 and 20 are the same cell"):
        NASBench101(columns)


def test_no_rows(columns: Columns) -> None:
    empty = {k: a[:0] if a.ndim and k != "epochs" else a for k, a in columns.items()}
    with pytest.raises(TableError, match="no rows"):
        NASBench101(empty)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_truncated_file(tmp_path: Path, columns: Columns, kept: float) -> None:
    whole = write(tmp_path / "whole.npz", columns).read_bytes()
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(TableError, match=r"cut\.npz: not a readable \.npz file.*truncated"):
        NASBench101.load(cut)


def test_damaged_bytes_are_noticed_when_read(tmp_path: Path, columns: Columns) -> None:
    path = write(tmp_path / "table.npz", columns)
    content = bytearray(path.read_bytes())
    start = content.find(columns["train_seconds"].tobytes())
    content[start + 100] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(TableError, match=r"table\.npz.*damaged"):
        NASBench101.load(path).column("train_seconds")


def test_file_replaced_after_loading(tmp_path: Path, columns: Columns) -> None:
    path = write(tmp_path / "table.npz", columns)
    table = NASBench101.load(path)
    path.write_bytes(b"something else")
    with pytest.raises(TableError, match="changed after it was opened"):
        table.column("params")


def test_other_files(tmp_path: Path, columns: Columns) -> None:
    with pytest.raises(TableError, match=r"there is no such file.*MAADE_NASBENCH101"):
        NASBench101.load(tmp_path / "nothing.npz")
    with pytest.raises(TableError, match="no such file"):
        NASBench101.load(tmp_path)
    (tmp_path / "official.tfrecord").write_bytes(b"x")
    with pytest.raises(TableError, match="the file ends 1 bytes into it"):
        NASBench101.load(tmp_path / "official.tfrecord")
    np.save(tmp_path / "array.npy", np.arange(3))
    with pytest.raises(TableError, match=r"not a readable \.npz"):
        NASBench101.load(tmp_path / "array.npy")
    np.savez(tmp_path / "foreign.npz", x=np.arange(3))
    with pytest.raises(TableError, match=r"no text key 'format', found \['x'\]"):
        NASBench101.load(tmp_path / "foreign.npz")
    path = write(tmp_path / "pickled.npz", columns, test=np.array([print], dtype=object))
    with pytest.raises(TableError, match=r"keys \['test'\] hold pickled Python objects"):
        NASBench101.load(path)


def test_locate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAADE_NASBENCH101", "from-environment.npz")
    assert NASBench101.locate("given.npz") == Path("given.npz")
    assert NASBench101.locate() == Path("from-environment.npz")
    monkeypatch.delenv("MAADE_NASBENCH101")
    assert NASBench101.locate() is None


def test_noise_is_uniform_and_independent() -> None:
    cells = np.arange(50_000)
    draws = np.array([noise_uniform(s, cells, t) for s, t in ((0, 0), (0, 1), (1, 0), (2**63, 0))])
    assert ((draws >= 0) & (draws < 1)).all()
    np.testing.assert_allclose(draws.mean(axis=1), 0.5, atol=0.01)
    np.testing.assert_allclose(draws.var(axis=1), 1 / 12, atol=0.002)
    correlations = np.corrcoef(draws) - np.eye(4)
    assert np.abs(correlations).max() < 0.03
    assert abs(np.corrcoef(draws[0, 1:], draws[0, :-1])[0, 1]) < 0.03


def test_toy() -> None:
    toy = Toy()
    assert toy.kind == "toy"
    assert toy.default_protocol == "test-holdout"
    assert len(toy.points) == (64 - 1 - 6 - 1) * 81
    found = toy.query(toy.points, seed=3)
    assert found.valid.all()
    assert (found.mean_test.min(), found.mean_test.max()) == pytest.approx((0.80, 0.95))
    np.testing.assert_array_equal(found.held_out, found.mean_test)
    noise = found.signal - found.mean_test
    assert np.abs(noise).max() <= 0.01
    assert noise.std() == pytest.approx(0.01 / np.sqrt(6), rel=0.05)
    assert toy.optimum(seed=3) == {
        "signal": found.signal.max(),
        "held_out": found.held_out.max(),
        "mean_test": found.mean_test.max(),
    }
    np.testing.assert_array_equal(toy.query(toy.points[::-1], seed=3).signal, found.signal[::-1])
    assert (toy.query(toy.points, seed=4).signal != found.signal).mean() > 0.99
    clean = toy.query(toy.points, "test-mean")
    np.testing.assert_array_equal(clean.signal, clean.mean_test)
    np.testing.assert_array_equal(toy.mean_test(toy.points), clean.mean_test)
    all_off = toy.query(np.zeros((1, 10), int))
    assert not all_off.valid[0]
    assert np.isnan(all_off.signal[0])
    json.dumps(toy.describe())


def test_toy_decisions_depend_on_each_other() -> None:
    """A sum of one term a hyper-parameter explains little of the landscape."""
    toy = Toy()
    truth = toy.query(toy.points).mean_test
    one_hot = np.concatenate([toy.points == value for value in range(3)], axis=1).astype(float)
    fitted = one_hot @ np.linalg.lstsq(one_hot, truth, rcond=None)[0]
    assert np.var(truth - fitted) > 0.3 * np.var(truth)


def make_objective(function: Callable) -> Objective:
    space = CategoricalSpace(
        ["w", "d"], [3, 2], values=[[16, 32, 64], [1, 2]], is_valid=lambda x: x.sum(axis=1) < 3
    )
    return Objective(space, function, name="mine")


def test_own_objective() -> None:
    calls: list[dict] = []

    def function(point: dict) -> float:
        calls.append(point)
        return point["w"] / point["d"]

    table = make_objective(function)
    found = table.query([[2, 0], [2, 1], [0, 1], [2, 0]])
    np.testing.assert_array_equal(found.signal, [64, np.nan, 8, 64])
    assert calls == [{"w": 64, "d": 1}, {"w": 16, "d": 2}, {"w": 64, "d": 1}]
    assert found.valid.tolist() == [True, False, True, True]
    for column in (found.held_out, found.mean_test, found.seconds, table.mean_test([[0, 0]])):
        assert np.isnan(column).all()
    assert len(calls) == 3
    assert table.kind == table.default_protocol == "objective"
    assert set(table.optimum().values()) == {None}
    json.dumps(table.describe())
    assert doctest.testmod(objective).failed == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "good", [1.0, 2.0], 1j])
def test_objective_that_returns_no_number(value: object) -> None:
    table = make_objective(lambda _: value)
    with pytest.raises(TableError, match=r"'mine' returned .* for {'w': 16, 'd': 1}: return a fin"):
        table.query([[0, 0]])


def test_objective_that_is_no_function() -> None:
    with pytest.raises(TableError, match="function is 3"):
        make_objective(3)


@pytest.fixture(scope="module")
def real() -> NASBench101:
    return NASBench101.load(Path(REAL or ""))


@real_table
def test_real_table_has_the_published_optimum(real: NASBench101) -> None:
    assert len(real) == nb.NUM_CELLS
    best = real.optimum("test-holdout")
    # stored accuracies are float32 sums: counts are right, the last digits are not
    assert best["mean_test"] == pytest.approx(table_module.BEST_MEAN_TEST, abs=1e-7)
    assert best["signal"] == pytest.approx(table_module.BEST_SINGLE_TEST, abs=1e-7)
    assert real.optimum("test-mean")["signal"] == best["mean_test"]
    row = int(real.mean_test(real.actions()).argmax())
    assert real.column("hash")[row].tobytes().hex() == "02e5a0247bbdcf2860b7e96f74961594"


@real_table
def test_real_table_finds_random_strings_by_their_official_hash(real: NASBench101) -> None:
    actions = real.space.sample(300, np.random.default_rng(7))
    found = real.query(actions, "test-holdout")
    by_hash = {row.tobytes().hex(): number for number, row in enumerate(real.column("hash"))}
    matrices, interior = nb.matrix_ops(actions)
    rows = [by_hash[nb.module_hash(m, o)] for m, o in zip(matrices, interior, strict=True)]
    counts = real.column("test")[rows, -1].astype(float)
    np.testing.assert_allclose(found.signal, counts[:, 0] / 9_984, rtol=1e-14)
    np.testing.assert_allclose(found.held_out, counts[:, 1:].mean(axis=1) / 9_984, rtol=1e-14)
    np.testing.assert_allclose(found.mean_test, counts.mean(axis=1) / 9_984, rtol=1e-14)


@real_table
def test_real_table_is_quick(real: NASBench101) -> None:
    actions = NASBench101Space().sample(64, np.random.default_rng(0))
    real.query(actions)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        real.query(actions)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3e-3
