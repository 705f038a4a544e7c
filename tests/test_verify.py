"""What `verify` says of tables that are whole, in parts, and wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import official_writer as of
import pytest

from maade_np.spaces.nasbench101 import cell_digests, cell_numbers, enumerate_cells, to_codes
from maade_np.tables import NASBench101, verify
from maade_np.tables._format import save_columns
from maade_np.tables.tfrecord import to_columns
from maade_np.tables.verify import Report

Columns = dict[str, np.ndarray]


@pytest.fixture
def columns() -> Columns:
    """Sixty cells at 4 and 108 epochs, parameter counts as they are."""
    columns = to_columns(of.made_up_records(60, (4, 108)), {"source": "a test"})
    columns["params"] = verify.count_parameters(columns["edges"], columns["ops"]).astype(np.uint32)
    return columns


def checked(columns: Columns, hashes: bool = True) -> Report:
    return verify.verify(NASBench101(columns), hashes=hashes)


def verdicts(report: Report) -> dict[str, bool | None]:
    return {check.name: check.ok for check in report.checks}


def text(report: Report, name: str) -> str:
    return next(check.text for check in report.checks if check.name == name)


def test_a_part_of_the_benchmark(columns: Columns) -> None:
    report = checked(columns)
    assert not report.ok  # for one reason only
    assert [name for name, ok in verdicts(report).items() if not ok] == ["cells"]
    assert text(report, "cells") == "60, the benchmark has 423,624"
    assert text(report, "hashes") == "60 recomputed, all as stated"
    assert text(report, "test, 4 epochs") == "60 of 60 cells have all 3 repeats"
    assert "hashes" not in verdicts(checked(columns, hashes=False))
    lines = str(report).splitlines()
    assert lines[0] == "NAS-Bench-101"
    assert len(lines) == 1 + len(report.checks)
    assert re.match(r"WRONG  cells +60, the", lines[1])


@pytest.mark.parametrize("key", ["test", "validation"])
def test_a_missing_repeat_is_wrong_and_an_absent_metric_is_not(columns: Columns, key: str) -> None:
    columns[key][7, 0, 1] = 65_535
    columns[key][:, 1] = 65_535
    report = checked(columns)
    assert verdicts(report)[f"{key}, 4 epochs"] is False
    assert text(report, f"{key}, 4 epochs") == "59 of 60 cells have all 3 repeats; row 7 has 2"
    assert verdicts(report)[f"{key}, 108 epochs"] is None
    columns[key][3:5, 1, 0] = 9_000
    report = checked(columns)
    assert text(report, f"{key}, 108 epochs") == "all 3 repeats of no cell, some of 2"
    assert verdicts(report)[f"{key}, 108 epochs"] is None


def test_seconds(columns: Columns) -> None:
    columns["train_seconds"][5, 1, 2] = np.nan
    columns["train_seconds"][5, 0, 2] = -1
    found = verdicts(checked(columns))
    assert found["seconds, 4 epochs"] is False
    assert found["seconds, 108 epochs"] is False


def test_foreign_budgets(columns: Columns) -> None:
    assert verdicts(checked(columns))["epochs"] is True
    assert verdicts(checked(columns | {"epochs": np.array([5, 108], np.int16)}))["epochs"] is False


def test_a_hash_that_does_not_match(columns: Columns) -> None:
    columns["hash"][30, -1] ^= 1  # not one of the few that opening a table checks
    report = checked(columns)
    assert verdicts(report)["hashes"] is False
    assert text(report, "hashes").startswith("1 of 60 differ; row 30 states ")


def test_a_parameter_count_that_does_not_match(columns: Columns) -> None:
    columns["params"][9] += 1
    report = checked(columns)
    assert verdicts(report)["parameters"] is False
    assert text(report, "parameters").startswith("1 of 60 differ; row 9 states ")


def test_files(columns: Columns, tmp_path: Path) -> None:
    records = of.made_up_records(20, (108,))
    source = of.write_records(tmp_path / "a.tfrecord", records)
    calls: list[int] = []
    report = verify.verify(source, progress=lambda done, total: calls.append(done))
    assert report.source == str(source)
    assert verdicts(report)["hashes"] is True
    assert verdicts(report)["parameters"] is False  # they are made up
    assert calls
    save_columns(tmp_path / "a.npz", columns)
    assert verdicts(verify.verify(tmp_path / "a.npz"))["parameters"] is True
    source.write_bytes(source.read_bytes()[:-1])
    (tmp_path / "b.npz").write_bytes(b"nothing")
    for path, expected in ((source, "ends"), (tmp_path / "b.npz", "npz"), (tmp_path / "c", "no")):
        report = verify.verify(path)
        [check] = report.checks
        assert not report.ok
        assert check.name == "file"
        assert expected in check.text


def test_a_whole_table_is_compared_with_the_published_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "count_parameters", lambda edges, ops: np.ones(len(edges)))
    edges, ops = to_codes(enumerate_cells())
    counts = np.full((len(edges), 1, 3), 9_000, dtype=np.uint16)
    columns = {
        "edges": edges.astype(np.uint32),
        "ops": ops.astype(np.uint16),
        "epochs": np.array([108], np.int16),
        "validation": counts.copy(),
        "test": counts,
        "train_seconds": np.ones(counts.shape, np.float32),
        "params": np.ones(len(edges), np.uint32),
        "hash": cell_digests()[cell_numbers(edges, ops)],
        "provenance": np.array("{}"),
    }
    columns["test"][1000, 0] = 9_416, 9_417, 9_417  # 0.943176
    columns["validation"][1000, 0] = 9_490
    report = checked(columns)
    found = verdicts(report)
    assert found.pop("best test") is True
    assert found.pop("best validation") is False
    assert all(found.values())
    columns["validation"][1000, 0] = 9_490, 9_490, 9_491  # 0.950554
    assert checked(columns).ok


def test_the_real_table(table_path: Path) -> None:
    report = verify.verify(table_path)
    assert report.ok, str(report)
    found = verdicts(report)
    assert found["best test"] is True
    assert found["hashes"] is True
    assert found["parameters"] is True
    assert found["validation, 108 epochs"] is None
