"""The benchmark of the policies: both sides compute the same, and its verdicts follow its numbers."""

from __future__ import annotations

import json
import sys

import numpy as np
import policies_speed
import pytest
from oracles import all_strings, chi_square_p, tile

from maade_np.spaces import CategoricalSpace


@pytest.mark.parametrize("kind", policies_speed.KINDS)
@pytest.mark.parametrize("name", policies_speed.POLICIES)
def test_the_peer_is_the_same_policy(name, kind):
    pytest.importorskip("torch")
    assert policies_speed.difference(name, kind) < 1e-9


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", [n for n in policies_speed.POLICIES if n != "MAADE"])
def test_the_peer_draws_from_its_density(name, shared):
    pytest.importorskip("torch")
    space = CategoricalSpace(["a", "b", "c"], [2, 3, 2], families=["x", "y", "x"])
    make, settings, _ = policies_speed.POLICIES[name]
    rng = np.random.default_rng(3)
    policy = make(space, rng=0, dtype=np.float64, **settings)
    for array in policy.params.values():
        array += 0.5 * rng.normal(size=array.shape)
    peer = policies_speed.make_peer(name, space, policy.params)
    ways = np.array([[2, 0, 1], [1, 2, 0]])
    orders = tile(ways[0], 4000) if shared else ways[rng.integers(2, size=4000)]
    drawn = peer.sample(4000, orders, 1)
    strings = all_strings(space)
    for way in np.unique(orders, axis=0):
        rows = drawn[(orders == way).all(axis=1)]
        counts = np.array([(rows == string).all(axis=1).sum() for string in strings])
        density = np.exp(policy.forward(strings, tile(way, len(strings)))[0])
        assert chi_square_p(counts, density * len(rows)) > 1e-4


def test_verdicts():
    def rows(ratio, torch):
        row = {"ratio": ratio, "seconds": 1e-3, "torch": {"ratio": torch}}
        return {policies_speed.PARTS[-1]: dict.fromkeys(policies_speed.POLICIES, row)}

    good, slow, behind = (policies_speed._verdicts(rows(*r)) for r in ((2, 2), (4, 2), (2, 0.9)))
    assert all(line.endswith("reached.") and "not reached" not in line for line in good)
    assert "not reached" in slow[0]
    assert "LSTM" not in slow[0].split("by")[1]
    assert "not reached" not in slow[1]
    assert "not reached" in behind[1]


def test_it_runs_and_writes(tmp_path, monkeypatch):
    """Without PyTorch, as a reader without it would run it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(policies_speed, "B", 4)
    monkeypatch.setattr(sys, "argv", ["policies_speed.py", "--quick", "--out", str(tmp_path)])
    policies_speed.main()
    found = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert "pip install torch" in found["missing"]
    assert set(found["own"]["sample + update"]) == set(policies_speed.POLICIES)
    assert "| MADE, embedded |" in (tmp_path / "speed.md").read_text(encoding="utf-8")
