"""The surrogate as a table: it answers like a real one, and says everywhere what it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

import maade_np as mn
from maade_np.spaces import nasbench101 as nb
from maade_np.tables import surrogate_table
from maade_np.tables.surrogate import runs

PROTOCOLS = ("validation-single", "validation-mean", "test-holdout", "test-mean")


@pytest.fixture(scope="module")
def table():
    return mn.tables.NASBench101.surrogate()


def test_it_holds_every_cell_and_answers_every_protocol(table):
    assert len(table) == nb.NUM_CELLS
    assert table.protocols == PROTOCOLS
    assert table.default_protocol == "validation-single"
    assert table.kind == "surrogate"
    assert "surrogate" in table.name
    rng = np.random.default_rng(0)
    actions = table.space.sample(500, rng)
    cells = table.space.identity(actions)
    modelled = runs(cells)
    validation, test = (
        modelled[key][:, -1].astype(float) / 9_984 for key in ("validation", "test")
    )
    found = table.query(actions, "validation-mean")
    np.testing.assert_allclose(found.signal, validation.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.held_out, test.mean(axis=1), rtol=1e-12)
    found = table.query(actions, "test-holdout")
    np.testing.assert_allclose(found.signal, test[:, 0], rtol=1e-12)
    early = table.query(actions, "validation-single", epochs=4)
    assert early.signal.mean() < table.query(actions, "validation-single").signal.mean()
    assert np.isnan(early.mean_test).all(), "test accuracy at 4 epochs is not modelled"
    seconds = table.query(actions, "validation-single").seconds
    np.testing.assert_allclose(early.seconds / seconds, 4 / 108, rtol=1e-5)


def test_every_record_says_surrogate(table, tmp_path):
    searcher = mn.searchers.create("random", table.space, seed=0)
    result = mn.search(searcher, table, budget=20)
    result.save(tmp_path)
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    described = json.loads(text)["table"]
    assert described["kind"] == "surrogate"
    assert described["model"] == surrogate_table.model_version()
    assert mn.SearchResult.load(tmp_path).settings["table"]["kind"] == "surrogate"


def test_saved_it_is_a_table_in_the_format_that_still_says_surrogate(table, tmp_path):
    table.save(tmp_path / "surrogate.npz")
    again = mn.tables.NASBench101.load(tmp_path / "surrogate.npz")
    assert again.kind == "surrogate"
    assert "surrogate" in again.name
    actions = table.space.sample(300, np.random.default_rng(1))
    for protocol in PROTOCOLS:
        ours, theirs = (
            table.query(actions, protocol, seed=3),
            again.query(actions, protocol, seed=3),
        )
        np.testing.assert_array_equal(ours.signal, theirs.signal)
        np.testing.assert_array_equal(ours.held_out, theirs.held_out)
    digests = again.column("hash")
    assert digests[0].tobytes().hex() == "00005c142e6f48ac74fdcf73e3439874"
    assert digests[-1].tobytes().hex() == "ffff76fafa7b0cdf545fd7feee9c8bf9"


def test_a_cache_that_is_stale_or_cannot_be_written_does_no_harm(table, tmp_path, monkeypatch):
    """Building takes seconds, so the model is replaced by its own stored answer."""
    calls = []
    columns = {key: table.column(key) for key in ("validation", "test", "train_seconds", "params")}
    monkeypatch.setattr(
        surrogate_table, "surrogate_columns", lambda progress: calls.append(1) or columns
    )
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("MAADE_CACHE", str(folder))
    name = f"nasbench101-surrogate-{surrogate_table.model_version()}.npz"
    np.savez(folder / name, **{**columns, "params": columns["params"][:-1]})
    surrogate_table.Surrogate()
    assert len(calls) == 1
    surrogate_table.Surrogate()
    assert len(calls) == 1, "the cache was written anew"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MAADE_CACHE", str(tmp_path / "file"))
    again = surrogate_table.Surrogate()
    assert len(calls) == 2
    assert len(again) == nb.NUM_CELLS
