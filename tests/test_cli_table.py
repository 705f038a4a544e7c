"""`maade-np table`, as its users meet it."""

from __future__ import annotations

import numpy as np
import official_writer
import pytest

from maade_np import cli
from maade_np.spaces import nasbench101 as nb
from maade_np.tables import NASBench101


def run(capsys, *arguments):
    status = cli.main(["table", *(str(a) for a in arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(autouse=True)
def no_table(monkeypatch, request):
    if "table_path" not in request.fixturenames:
        monkeypatch.delenv("MAADE_NASBENCH101", raising=False)


def test_list_names_what_needs_no_file(capsys):
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert out.split()[:2] == ["surrogate", "toy"]
    assert "nasbench201:cifar10" in out


def test_info_of_the_surrogate_and_its_picture(capsys, tmp_path):
    status, out, _ = run(capsys, "info", "--out", tmp_path / "accuracies.png")
    assert status == 0
    assert out.startswith("NAS-Bench-101 surrogate (surrogate)")
    assert "423,624" in out
    assert "validation-single, validation-mean, test-holdout, test-mean" in out
    assert "4, 12, 36, 108 epochs" in out
    assert (tmp_path / "accuracies.png").read_bytes().startswith(b"\x89PNG")


def test_info_of_the_real_table(capsys, table_path):
    status, out, _ = run(capsys, "info", table_path)
    assert status == 0
    assert "NAS-Bench-101 (real results)" in out
    assert "423,624" in out
    assert "test-holdout, test-mean" in out
    assert "5.6824 %" in out


def test_info_of_the_toy(capsys, tmp_path):
    assert run(capsys, "info", "toy")[0] == 0
    status, _, err = run(capsys, "info", "toy", "--out", tmp_path / "toy.png")
    assert status == 2
    assert "NAS-Bench-101 tables only" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("surogate", "did you mean surrogate"),
        ("nothing.npz", "there is no such file"),
        ("nothing", "neither a file nor a name"),
    ],
)
def test_unknown_names(capsys, name, message):
    status, _, err = run(capsys, "info", name)
    assert status == 2
    assert message in err
    assert err.startswith("maade-np table info: ")


def test_an_unknown_official_file(capsys):
    with pytest.raises(SystemExit):
        run(capsys, "download", "nasbench_half")
    assert "only108" in capsys.readouterr().err


def test_convert_verify_and_search_on_an_official_file(capsys, tmp_path):
    source, target = tmp_path / "official.tfrecord", tmp_path / "table.npz"
    records = official_writer.made_up_records(300, seed=5)
    official_writer.write_records(source, records)
    status, out, _ = run(capsys, "convert", source, target)
    assert status == 0
    assert "300" in out
    table, direct = NASBench101.load(target), NASBench101.load(source)
    assert len(table) == 300
    for key in ("validation", "test", "train_seconds", "hash", "params"):
        np.testing.assert_array_equal(table.column(key), direct.column(key))
    assert table.protocols[0] == "validation-single"
    actions = nb.cell_representatives()[nb.NASBench101Space().identity(table.actions())]
    assert np.isfinite(table.query(actions, "validation-single:report=single").held_out).all()

    status, out, err = run(capsys, "convert", source, target)
    assert status == 2
    assert "exists" in err
    assert run(capsys, "convert", source, target, "--overwrite", "--everything")[0] == 0
    assert NASBench101.load(target).column("halfway").shape == (300, len(table.epochs), 3, 4)

    status, out, _ = run(capsys, "verify", target)
    assert status == 1, "300 cells are not the benchmark"
    assert "WRONG" in out
    assert "300, the benchmark has 423,624" in out


def test_convert_leaves_nothing_of_a_damaged_file(capsys, tmp_path):
    source = tmp_path / "official.tfrecord"
    official_writer.write_records(source, official_writer.made_up_records(50, seed=1))
    content = bytearray(source.read_bytes())
    content[4_000] ^= 1
    source.write_bytes(content)
    status, _, err = run(capsys, "convert", source, tmp_path / "table.npz")
    assert status == 2
    assert "checksum" in err
    assert [path.name for path in tmp_path.iterdir()] == ["official.tfrecord"]
