from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import norm

from maade_np.spaces._isomorphism import NUM_CELLS, isomorphism_index
from maade_np.spaces._parameters import count_parameters
from maade_np.spaces.nasbench101 import NASBench101Space, from_matrix
from maade_np.tables import _surrogate_noise, surrogate
from maade_np.tables._surrogate_noise import (
    BUDGETS,
    SCORES,
    Outputs,
    draw_runs,
    low_budget,
    tails,
)
from maade_np.tables.base import noise_uniform

MISSING = 65_535
SPACE = NASBench101Space()
SOME = np.random.default_rng(1).permutation(NUM_CELLS)


def test_runs_are_functions_of_the_cell_alone():
    cells = SOME[:400]
    whole = surrogate.runs(cells)
    again = surrogate.runs(cells[::-1])
    for key, runs in whole.items():
        np.testing.assert_array_equal(again[key][::-1], runs)
        np.testing.assert_array_equal(surrogate.runs(cells[7:9])[key], runs[7:9])


def test_columns_are_the_runs_of_all_cells(monkeypatch):
    monkeypatch.setattr(surrogate, "NUM_CELLS", 5000)
    told: list[float] = []
    index = isomorphism_index()
    monkeypatch.setattr(
        surrogate,
        "count_parameters",
        lambda edges, ops: count_parameters(edges[:5000], ops[:5000]),
    )
    columns = surrogate.surrogate_columns(told.append)
    monkeypatch.undo()
    assert {key: (a.dtype.name, a.shape) for key, a in columns.items()} == {
        "validation": ("uint16", (5000, 4, 3)),
        "test": ("uint16", (5000, 4, 3)),
        "train_seconds": ("float32", (5000, 4, 3)),
        "params": ("uint32", (5000,)),
    }
    for key, runs in surrogate.runs(np.arange(5000)).items():
        np.testing.assert_array_equal(columns[key], runs)
    parameters = count_parameters(index.edges[:5000], index.ops[:5000])
    np.testing.assert_array_equal(columns["params"], parameters)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 3


def test_test_accuracy_is_known_at_the_full_budget_only():
    runs = surrogate.runs(SOME[:100])
    assert (runs["test"][:, :-1] == MISSING).all()
    assert (runs["test"][:, -1] <= 9984).all()
    assert (runs["validation"] <= 9984).all()
    share = runs["train_seconds"] / runs["train_seconds"][:, -1:]
    expected = np.broadcast_to(np.array(BUDGETS)[None, :, None] / 108, share.shape)
    np.testing.assert_allclose(share, expected, rtol=1e-6)
    full = surrogate.predict(SOME[:100])["seconds"]
    np.testing.assert_allclose(runs["train_seconds"][:, -1], full[:, None].repeat(3, 1), rtol=0.01)


def made_up(n: int, collapse: float = 0.0, small: bool = False) -> Outputs:
    def full(x):
        return np.full(n, x)

    return Outputs(
        full(np.log(0.07)), full(collapse), full(0.05), np.zeros((3, n)), full(7.0), full(small)
    )


def test_runs_have_the_moments_of_the_noise_model():
    n = 60_000
    noise = surrogate.surrogate_weights()[1]
    outputs = made_up(n)
    runs = draw_runs(noise, outputs, np.arange(n) * 7919)
    test, validation = (
        np.log(1 - column[:, -1].astype(float) / 9984) for column in (runs.test, runs.validation)
    )
    tau, gamma = np.interp(0.93, noise["level"], noise["tau"]), noise["gamma"]
    gap = np.interp(0.93, noise["level"], noise["gap"][1])
    np.testing.assert_allclose(test.mean(axis=0), np.log(0.07), atol=0.001)
    np.testing.assert_allclose(validation.mean(axis=0), np.log(0.07) + gap, atol=0.001)
    images = 1 / (12 * (0.07 * 9984) ** 2)  # rounding to whole images
    np.testing.assert_allclose(test.var(axis=0), tau**2 + 0.05**2 + images, rtol=0.05)
    expected = tau**2 + gamma**2 + 0.05**2 + images
    np.testing.assert_allclose(validation.var(axis=0), expected, rtol=0.05)
    between_repeats = np.cov(test.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(between_repeats, tau**2, atol=0.00006)
    same_run = [np.cov(test[:, j], validation[:, j])[0, 1] for j in range(3)]
    z = np.random.default_rng(0).standard_normal((2, 400_000))
    other = noise["rho"] * z[0] + np.sqrt(1 - noise["rho"] ** 2) * z[1]
    shared = np.mean(tails(noise["shape"], z[0]) * tails(noise["shape"], other))
    assert 0.8 * noise["rho"] < shared < noise["rho"]
    np.testing.assert_allclose(same_run, tau**2 + 0.05**2 * shared, rtol=0.07)
    other_run = np.cov(test[:, 0], validation[:, 1])[0, 1]
    assert other_run == pytest.approx(tau**2, abs=0.00006)


def test_no_random_number_is_used_twice(monkeypatch):
    streams: list[int] = []

    def recorded(seed, keys, stream):
        streams.append(stream)
        return noise_uniform(seed, keys, stream)

    monkeypatch.setattr(_surrogate_noise, "noise_uniform", recorded)
    draw_runs(surrogate.surrogate_weights()[1], made_up(2), np.arange(2))
    assert len(streams) == 2 * 12 + 3
    assert len(set(streams)) == len(streams)


def test_small_cells_have_their_own_gap():
    noise = surrogate.surrogate_weights()[1]
    small, large = made_up(1, small=True).gap(noise), made_up(1).gap(noise)
    for found, curve in ((small, noise["gap"][0]), (large, noise["gap"][1])):
        assert found == pytest.approx(np.interp(0.93, noise["level"], curve))


def test_small_cells_have_at_most_five_vertices():
    chains = [
        from_matrix(np.diag(np.ones(v - 1, dtype=int), 1), [0] * (v - 2)) for v in range(2, 8)
    ]
    found = surrogate.network_outputs(SPACE.identity(np.stack(chains))).small
    assert found.tolist() == [True, True, True, True, False, False]


def test_a_collapse_hits_validation_and_test_of_a_run():
    n = 30_000
    runs = draw_runs(surrogate.surrogate_weights()[1], made_up(n, 0.2), np.arange(n))
    fell = runs.test[:, -1] == 999
    np.testing.assert_array_equal(fell, runs.validation[:, -1] == 949)
    np.testing.assert_allclose(fell.mean(axis=0), 0.2, atol=0.01)
    counts = np.bincount(fell.sum(axis=1)) / n
    np.testing.assert_allclose(counts, [0.512, 0.384, 0.096, 0.008], atol=0.012)


def test_tails_have_mean_0_and_variance_1():
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    t = tails(surrogate.surrogate_weights()[1]["shape"], points)
    weights = weights / weights.sum()
    assert weights @ t == pytest.approx(0, abs=0.01)
    assert weights @ t**2 == pytest.approx(1, abs=0.03)
    assert (np.diff(t) > 0).all()


def test_low_budgets_follow_their_tables():
    noise = surrogate.surrogate_weights()[1]
    rng = np.random.default_rng(2)
    for budget in range(3):
        levels, table = noise["low_level"][budget], noise["low"][budget]
        assert (np.diff(levels) > 0).all()
        assert (np.diff(table, axis=1) >= 0).all()
        location = rng.uniform(levels[0], levels[-1], 500)
        score = rng.uniform(-4, 4, 500)
        oracle = RegularGridInterpolator((levels, SCORES), table)(np.stack([location, score], 1))
        np.testing.assert_allclose(low_budget(noise, budget, location, score), oracle, atol=1e-9)
        beyond = low_budget(noise, budget, levels[-1:] + 0.3, np.array([9.0]))
        np.testing.assert_allclose(beyond, table[-1, -1] + 0.3)
        below = low_budget(noise, budget, levels[:1] - [0.1, 9.0], np.array([0.0, 0.0]))
        np.testing.assert_allclose(below, [max(table[0, 20] - 0.1, table.min()), table.min()])


def test_low_budget_runs_have_the_distribution_of_the_table():
    n = 40_000
    noise = surrogate.surrogate_weights()[1]
    location = noise["low_level"][:, [12]]
    outputs = made_up(n)._replace(low=np.repeat(location, n, axis=1))
    runs = draw_runs(noise, outputs, np.arange(n) + 10**9).validation[:, :3] / 9984
    for budget in range(3):
        for q in (0.1, 0.5, 0.9):
            logit = np.interp(norm.ppf(q), SCORES, noise["low"][budget, 12])
            found = np.quantile(runs[:, budget], q)
            assert found == pytest.approx(1 / (1 + np.exp(-logit)), abs=0.004)
        repeats = np.corrcoef(norm.ppf((runs[:, budget].argsort(0).argsort(0) + 0.5) / n).T)
        assert repeats[0, 1] == pytest.approx(noise["share"][budget], abs=0.03)


def test_the_space_as_a_whole():
    runs = surrogate.runs(SOME[:30_000])
    test = runs["test"][:, -1] / 9984
    assert test.mean() == pytest.approx(0.8968, abs=0.0015)  # the real one
    assert np.median(test.mean(axis=1)) == pytest.approx(0.9064, abs=0.001)
    assert (test < 0.5).mean() == pytest.approx(0.0069, abs=0.0015)
    assert 0.939 < test.mean(axis=1).max() < 0.947


# --- against the real results -----------------------------------------------------------------

real = pytest.mark.skipif(
    "MAADE_NASBENCH101" not in os.environ, reason="MAADE_NASBENCH101 names no table"
)


@pytest.fixture(scope="module")
def results():
    data = pytest.importorskip("surrogate.data")
    return data.load_results()


def held_out(n: int) -> np.ndarray:
    from surrogate.data import split_cells

    return split_cells().held_out[:n]


def test_the_split_is_a_split():
    from surrogate.data import split_cells

    split = split_cells()
    assert [len(part) for part in split.__dict__.values()] == [363_624, 20_000, 40_000]
    everything = np.sort(np.concatenate(list(split.__dict__.values())))
    np.testing.assert_array_equal(everything, np.arange(NUM_CELLS))


@real
def test_held_out_ranks_spread_and_collapses(results):
    from surrogate import measures

    cells = held_out(10_000)
    predicted = {key: np.zeros((NUM_CELLS, *a.shape[1:])) for key, a in PREDICTED_SHAPES.items()}
    for key, values in surrogate.predict(cells).items():
        predicted[key][cells] = values
    assert measures.tau(predicted["test"][cells], results.mean_test[cells]) >= 0.88
    test = np.full((NUM_CELLS, 3), MISSING, dtype=np.uint16)
    test[cells] = surrogate.runs(cells)["test"][:, -1]
    spread = measures.spread(results, test, predicted, cells)
    for share, found in spread[
        "share of real differences inside the modelled central interval"
    ].items():
        assert found == pytest.approx(float(share), abs=0.02)
    expected = 3 * predicted["collapse"][cells].sum()
    seen = results.collapsed[cells].sum()
    assert seen == pytest.approx(expected, abs=5 * np.sqrt(expected))


PREDICTED_SHAPES = surrogate.predict(np.zeros(1, dtype=np.int64))


@real
def test_single_validation_runs_of_random_draws(results):
    space_cells = SPACE.identity(SPACE.sample(20_000, np.random.default_rng(4)))
    distinct, inverse = np.unique(space_cells, return_inverse=True)
    runs = surrogate.runs(distinct)["validation"][inverse, -1] / 9984
    grid = np.linspace(0, 1, len(results.quantiles))
    # 91 cells make 57 per cent of such draws: their single runs are steps of the distribution
    for q, allowed in ((0.05, 0.01), (0.25, 0.006), (0.5, 0.003), (0.75, 0.003), (0.99, 0.002)):
        real_one = np.interp(q, grid, results.quantiles)
        assert np.quantile(runs, q) == pytest.approx(real_one, abs=allowed)
    assert runs.mean() == pytest.approx(0.8972, abs=0.003)


@real
@pytest.mark.slow
def test_quality_script_small(tmp_path, monkeypatch):
    import surrogate_quality

    argv = ["surrogate_quality.py", "--small", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", argv)
    surrogate_quality.main()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"quality.json", "quality.md", "prediction.png", "runs.png"}
