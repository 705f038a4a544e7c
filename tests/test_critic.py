"""The critic: a Gaussian process held to its formulas, and what it does to a search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from searching import SPACE, drive, make

import maade_np as mn
from maade_np.searchers import critic as critics
from maade_np.searchers.critic import Critic, matern, normal_scores
from maade_np.spaces import CategoricalSpace, NASBench101Space, encodings

WIDE = CategoricalSpace([f"h{i}" for i in range(8)], [3] * 8)


def told(space, n, seed=0, rewards=None):
    """A critic that knows n strings, with them and their rewards."""
    rng = np.random.default_rng(seed)
    actions = space.sample(n, rng)
    if rewards is None:
        rewards = (actions == 1).sum(axis=1) + rng.normal(size=n) / 10
    critic = Critic(space)
    critic.tell(np.arange(n), actions, rewards)
    if critic.ready:
        critic.fit(rng)
    return critic, actions, rewards


def covariance(a, b, length):
    distances = np.sqrt(((a[:, None] - b) ** 2).sum(axis=2))
    z = np.sqrt(3) * distances / length
    return (1 + z) * np.exp(-z)


def test_the_posterior_is_the_textbook_formula():
    """Against scipy's multivariate normal on the grid, and against the inverse of the covariance."""
    critic, actions, rewards = told(WIDE, 40)
    x, y = encodings.features(WIDE, actions), normal_scores(rewards)
    rows = np.argsort(-rewards, kind="stable")
    x, y = x[rows], y[rows]
    unit = np.median(np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))[np.triu_indices(40, 1)])
    found = []
    for length in critics.LENGTHS:
        for noise in critics.NOISES:
            K = covariance(x, x, length * unit) + noise * np.eye(40)
            v = y @ np.linalg.inv(K) @ y / 40
            found.append((stats.multivariate_normal(np.zeros(40), v * K).logpdf(y), length, K, v))
    _, length, K, v = max(found, key=lambda one: one[0])
    new = WIDE.sample(7, np.random.default_rng(5))
    across = covariance(encodings.features(WIDE, new), x, length * unit)
    inverse = np.linalg.inv(K)
    mean, deviation = critic.predict(new)
    np.testing.assert_allclose(mean, across @ inverse @ y, rtol=1e-8, atol=1e-10)
    expected = v * (1 - np.einsum("ij,jk,ik->i", across, inverse, across))
    np.testing.assert_allclose(deviation**2, expected, rtol=1e-7, atol=1e-9)


def test_draws_are_independent_posterior_draws():
    critic, _, _ = told(WIDE, 30)
    new = WIDE.sample(4, np.random.default_rng(5))
    mean, deviation = critic.predict(new)
    draws = np.array([critic.draw(new, np.random.default_rng(k)) for k in range(4000)])
    assert np.abs(draws.mean(axis=0) - mean).max() < 5 * deviation.max() / np.sqrt(4000)
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.06)
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.08


def test_normal_scores():
    values = np.array([3.0, -1e9, 3.0, 7.0, 5.0])
    expected = stats.norm.ppf((stats.rankdata(values) - 0.5) / 5)
    np.testing.assert_allclose(normal_scores(values), expected, rtol=1e-12)
    np.testing.assert_allclose(normal_scores(np.ones(3)), 0, atol=1e-15)


def test_it_ranks_what_it_has_not_seen():
    critic, _, _ = told(WIDE, 80)
    new = WIDE.sample(300, np.random.default_rng(1))
    mean, _ = critic.predict(new)
    assert stats.kendalltau(mean, (new == 1).sum(axis=1)).statistic > 0.6


def test_correlation_falls_with_distance():
    d = np.linspace(0, 5, 50)
    k = matern(d, 1.5)
    assert k[0] == 1
    assert (np.diff(k) < 0).all()
    assert np.linalg.eigvalsh(matern(np.abs(d[:, None] - d), 1.5)).min() > 0


def test_many_results_are_thinned_to_the_best_and_others(monkeypatch):
    monkeypatch.setattr(critics, "MOST", 20)
    critic, actions, rewards = told(WIDE, 70)
    assert len(critic.archive) == 70
    kept = {tuple(row) for row in critic._x}
    best = encodings.features(WIDE, actions[np.argsort(-rewards)[:10]])
    assert {tuple(row) for row in best} <= kept
    assert len(critic._x) == 20


def test_beyond_the_limit_the_grid_is_searched_after_growth_alone(monkeypatch):
    monkeypatch.setattr(critics, "MOST", 20)
    searched = []
    monkeypatch.setattr(critics, "product", lambda *axes: searched.append(1) or [(1.0, 0.1)])
    rng = np.random.default_rng(0)
    actions, critic = WIDE.sample(40, rng), Critic(WIDE)
    for n in range(40):
        critic.tell(np.array([n]), actions[n : n + 1], rng.normal(size=1))
        if n >= 18:
            critic.fit(rng)
            if n == 30:  # what was found survives
                critic.load_state_dict(critic.state_dict())
    assert len(searched) == 2 + 6  # at 19 and 20 strings; then 22, 25, 28, 31, 35 and 39


@pytest.mark.parametrize("rewards", [[0.5], [0.5, 0.5, 0.5]])
def test_nothing_to_predict_from(rewards):
    critic, _, _ = told(WIDE, len(rewards), rewards=np.array(rewards))
    assert not critic.ready


def test_it_goes_on_from_its_state():
    critic, _, _ = told(WIDE, 25)
    other = Critic(WIDE)
    other.load_state_dict(critic.state_dict())
    new = WIDE.sample(9, np.random.default_rng(2))
    np.testing.assert_array_equal(other.predict(new), critic.predict(new))
    more = WIDE.sample(5, np.random.default_rng(3))
    for one in (critic, other):
        one.tell(np.arange(25, 30), more, np.arange(5.0))
        one.fit(np.random.default_rng(4))
    np.testing.assert_array_equal(other.predict(new), critic.predict(new))


def test_features_tell_cells_apart_and_isomorphic_ones_not():
    space = NASBench101Space()
    actions = space.sample(400, np.random.default_rng(0))
    _, first, cells = np.unique(space.identity(actions), return_index=True, return_inverse=True)
    assert len(first) < 390
    x = encodings.features(space, actions)
    np.testing.assert_array_equal(x, x[first][cells.reshape(-1)])
    assert len(np.unique(x, axis=0)) == len(first)


def test_features_of_any_space_are_one_hot():
    space = CategoricalSpace(["a", "b"], [3, 2])
    x = encodings.features(space, [[2, 0], [0, 1]])
    np.testing.assert_array_equal(x, [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]])


def test_proposals_with_a_critic_are_valid_new_and_better():
    """On a smooth landscape, against the same search without one."""
    table = mn.tables.Toy()
    ends = {}
    for critic in ("off", "gp"):
        ends[critic] = []
        for seed in range(6):
            searcher = mn.searchers.create("remaade", table.space, seed=seed, critic=critic)
            result = mn.search(searcher, table, 60, seed=seed)
            assert result.counts["distinct_cells"] == 60
            ends[critic].append(result.curve()["signal"][-1])
    assert np.mean(ends["gp"]) > np.mean(ends["off"])


@pytest.mark.parametrize("duplicates", ["charge", "skip"])
def test_a_critic_proposes_nothing_twice(duplicates):
    """After the start, whatever the rule: it knows the rewards of what was evaluated."""
    searcher = make("critic", candidates=60, duplicates=duplicates)
    actions = drive(searcher, 5)
    cells = SPACE.identity(actions)
    start = 8
    assert len(np.unique(cells[start:])) == len(cells) - start
    assert not np.isin(cells[start:], cells[:start]).any()


def test_mutants_and_strings_of_the_policy_are_both_chosen():
    searcher = make("critic", candidates=60)
    drive(searcher, 6)
    archive = searcher.critic.archive
    best = archive.actions[archive.best_first()[:3]]
    near = (np.abs(archive.actions[16:, None] - best) > 0).sum(axis=2).min(axis=1)
    assert (near <= 2).any()
    proposals = searcher.ask()
    log_prob, _ = searcher.policy.forward(proposals.actions, proposals.orders)
    np.testing.assert_allclose(proposals.log_prob, log_prob, rtol=1e-4, atol=1e-4)
    assert SPACE.is_valid(proposals.actions).all()
