"""TPE: against Optuna's and hyperopt's own numbers, and against brute force."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from published.densities import CARDINALITIES, SPACE, history, questions, stored

import maade_np as mn
from maade_np.searchers import _parzen
from maade_np.searchers.tpe import HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE, TPE, TPESettings
from maade_np.spaces import CategoricalSpace

EVERY = np.array(list(product(*map(range, CARDINALITIES))))


def after(n, settings, observe=False):
    """A searcher that has been told n results, in an order of its own."""
    searcher = TPE(SPACE, settings)
    actions, rewards = history(n)
    if observe:
        searcher.observe(actions, rewards)
        return searcher
    order = np.random.default_rng(0).permutation(n)
    searcher.archive.add(order, actions[order], rewards[order])
    searcher.counts |= {"asked": n, "told": n}
    return searcher


# --------------------------------------------------------------------- published implementations


@pytest.mark.parametrize("case", stored("hyperopt")["cases"], ids=lambda case: case["n"])
def test_hyperopt_s_probabilities(case):
    for observe in (False, True):
        for side, density in zip(
            ("good", "bad"), after(case["n"], HYPEROPT, observe).densities(), strict=True
        ):
            for row, expected in zip(density.probabilities, case[side], strict=True):
                assert_allclose(row[: len(expected)], expected, rtol=1e-12)
                assert not row[len(expected) :].any()


@pytest.mark.parametrize("case", stored("optuna")["cases"], ids=lambda case: case["n"])
def test_optuna_s_probabilities_and_expected_improvement(case):
    independent, joint = after(case["n"], OPTUNA), after(case["n"], OPTUNA_MULTIVARIATE)
    for side, one, whole in zip(
        ("good", "bad"), independent.densities(), joint.densities(), strict=True
    ):
        for row, expected in zip(one.probabilities, case[side]["values"], strict=True):
            assert_allclose(np.log(row[: len(expected)]), expected, rtol=1e-12)
        assert_allclose(whole.log_parts(questions())[:, 0], case[side]["strings"], rtol=1e-12)
    good, bad = joint.densities()
    gains = np.subtract(case["good"]["strings"], case["bad"]["strings"])
    found = good.log_parts(questions()) - bad.log_parts(questions())
    assert_allclose(found[:, 0], gains, rtol=1e-10, atol=1e-12)


def test_the_stored_numbers_are_still_optuna_s():
    """Where Optuna is installed: the weights and the split of the version that is there."""
    sampler = pytest.importorskip("optuna.samplers._tpe.sampler")
    for n in (1, 5, 24, 25, 26, 60, 300):
        assert_allclose(_parzen.forgetting_weights(n, 25), sampler.default_weights(n))
        assert HYPEROPT.good(n) == sampler.hyperopt_default_gamma(n)
        assert OPTUNA.good(n) == sampler.default_gamma(n)


# ------------------------------------------------------------------------------------- densities


@pytest.mark.parametrize("settings", [HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE])
@pytest.mark.parametrize("n", [1, 2, 30])
def test_densities_sum_to_one_and_are_what_is_drawn(settings, n):
    """Also where there is nothing but the prior: of one result none is bad."""
    for density in after(n, settings).densities():
        log_probability = density.log_parts(EVERY).sum(axis=1)
        probability = np.exp(log_probability)
        assert probability.sum() == pytest.approx(1)
        drawn = density.sample(20_000, np.random.default_rng(n))
        counts = np.bincount(SPACE.identity(drawn)[:, None].ravel(), minlength=len(EVERY)) / len(
            drawn
        )
        order = SPACE.identity(EVERY)
        assert abs(counts[order] - probability).sum() < 0.1


def test_the_marginals_of_kernels_are_those_of_their_mixture():
    """For one hyper-parameter Optuna's two forms are one."""
    space = CategoricalSpace(["x"], [4])
    actions = np.random.default_rng(0).integers(0, 4, (40, 1))
    one = TPE(space, OPTUNA).estimate(actions)
    joint = TPE(space, OPTUNA_MULTIVARIATE).estimate(actions)
    every = np.arange(4)[:, None]
    assert_allclose(one.log_parts(every), joint.log_parts(every), rtol=1e-12)


def test_a_mixture_by_its_definition():
    rng = np.random.default_rng(1)
    points, weights = rng.integers(0, CARDINALITIES, (7, 5)), rng.dirichlet(np.ones(8))
    same, other = rng.uniform(0.5, 1, 5), rng.uniform(0, 0.5, 5)
    cardinalities = np.array(CARDINALITIES)
    mixture = _parzen.KernelMixture(
        points, weights[:7], same, other, cardinalities, uniform=weights[7]
    )
    for string, found in zip(EVERY, mixture.log_parts(EVERY)[:, 0], strict=True):
        kernels = np.where(string == points, same, other).prod(axis=1)
        expected = weights[:7] @ kernels + weights[7] / np.prod(CARDINALITIES)
        assert found == pytest.approx(np.log(expected), rel=1e-10)


def test_forgetting():
    assert_array_equal(_parzen.forgetting_weights(3, 25), np.ones(3))
    assert_allclose(_parzen.forgetting_weights(5, 2), [1 / 5, 0.6, 1, 1, 1])
    assert len(_parzen.forgetting_weights(0, 25)) == 0


# --------------------------------------------------------------------------------------- choices


@pytest.mark.parametrize("settings", [HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE])
def test_the_best_candidate_is_chosen(settings):
    """With thousands of candidates that is the best string of the space, found by enumeration."""
    searcher = after(60, TPESettings(**{**vars(settings), "candidates": 20_000}))
    good, bad = searcher.densities()
    gains = (good.log_parts(EVERY) - bad.log_parts(EVERY)).sum(axis=1)
    chosen = searcher.choose(1)[0]
    assert_array_equal(chosen, EVERY[gains.argmax()])


def test_groups_of_candidates_do_not_mix():
    drawn = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    by_value = _parzen.best_of_each(drawn, np.array([[2, 1], [1, 0], [5, 6], [6, 5.0]]), 2)
    assert_array_equal(by_value, [[0, 1], [1, 0]])
    by_string = _parzen.best_of_each(drawn, np.array([[0], [1], [3], [3.0]]), 2)
    assert_array_equal(by_string, [[1, 0], [0, 0]])


def test_what_is_awaited_counts_as_bad_or_not_at_all():
    told, failed, bad, ignored = (
        after(30, TPESettings(pending=p, candidates=1, batch_size=5))
        for p in ("bad", "bad", "bad", "ignored")
    )
    for searcher in (failed, bad, ignored):
        asked = searcher.ask()  # the same strings
    failed.tell(asked, np.full(5, -1e9))
    for one, other in ((failed, bad), (told, ignored)):
        for expected, found in zip(one.densities(), other.densities(), strict=True):
            assert_array_equal(found.probabilities, expected.probabilities)
    assert (bad.densities()[1].probabilities != told.densities()[1].probabilities).any()


def test_a_space_whose_best_string_is_invalid_does_not_hang():
    """Each hyper-parameter by itself wants 0; that both are 0 is what may not be."""
    space = CategoricalSpace(["a", "b"], [2, 2], is_valid=lambda a: a.any(axis=1))
    for settings in (HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE):
        searcher = TPE(space, settings, seed=3)
        for _ in range(60):
            proposals = searcher.ask()
            assert space.is_valid(proposals.actions).all()
            searcher.tell(proposals, -proposals.actions.sum(axis=1))
        assert searcher.counts["resampled"] > 10


@pytest.mark.parametrize("settings", [HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE])
def test_skipped_duplicates_until_none_is_left(settings):
    space = CategoricalSpace(["a", "b", "c"], [2, 3, 2])
    searcher = TPE(space, TPESettings(**{**vars(settings), "duplicates": "skip", "initial": 3}))
    cells = []
    for _ in range(15):
        proposals = searcher.ask()
        cells += space.identity(proposals.actions).tolist()
        searcher.tell(proposals, -proposals.actions.sum(axis=1))
    assert sorted(cells[:12]) == list(range(12))


@pytest.mark.parametrize("settings", [HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE])
def test_constant_rewards_and_a_space_of_one_point(settings):
    table = mn.tables.Objective(CategoricalSpace(["a", "b"], [1, 1]), lambda point: 0.5)
    result = mn.search(TPE(table.space, settings), table, budget=30)
    assert not result.history.actions.any()


def test_it_finds_what_is_good():
    """On the toy landscape it ends above random search, trial by trial on average."""
    table = mn.tables.Toy()
    gains = []
    for seed in range(8):
        found = [
            mn.search(searcher, table, budget=120, protocol="test-mean", seed=seed).best.signal
            for searcher in (
                TPE(table.space, TPESettings(duplicates="skip"), seed),
                mn.searchers.create("random", table.space, seed, duplicates="skip"),
            )
        ]
        gains.append(found[0] - found[1])
    assert np.mean(gains) > 0.004


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"candidates": 0}, "candidates is 0; it must be at least 1"),
        ({"forgetting": 0}, "forgetting is 0"),
        ({"gamma": 0.0}, "gamma is 0.0; it must be above 0"),
        ({"prior_weight": -1.0}, "prior_weight is -1.0"),
        ({"prior_weight": float("nan")}, "prior_weight is nan"),
        ({"share": "half"}, "share is 'half'"),
        ({"estimator": "kde"}, "estimator is 'kde'"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        TPESettings(**settings)
