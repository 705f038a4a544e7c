"""Objectives: numbers worked by hand, and expectations over all strings against exact gradients."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from oracles import all_strings, complex_gradient, flat, make_policy, tile, weighted_score

from maade_np import objectives

FORWARDS, BACKWARDS = [0, 1, 2], [2, 1, 0]


@pytest.fixture(params=[1, 2], ids=["M=1", "M=2"])
def policy(request, tiny_space):
    """A policy with few parameters, so that each can take its own complex step."""
    return make_policy(
        tiny_space,
        blocks=request.param,
        d=2,
        ff_width=2,
        attention_width=2,
        init_scales={"heads": 2.0},
    )


@pytest.fixture
def strings(tiny_space):
    return all_strings(tiny_space)


@pytest.fixture
def rewards(strings):
    return np.random.default_rng(11).random(len(strings))


def log_probs_of(policy, strings, order=FORWARDS):
    return policy.forward(strings, tile(order, len(strings)))[0]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.linalg.norm(expected))


# ---------------------------------------------------------------------------------- by hand


def test_reinforce_by_hand():
    loss, dlog_prob = objectives.reinforce(np.array([-1.0, -2.0]), np.array([2.0, -3.0]))
    assert loss == -2.0  # -(2 * -1 + -3 * -2) / 2
    np.testing.assert_array_equal(dlog_prob, [-1.0, 1.5])


# (form, ratio, advantage): what A is multiplied by, and whether the gradient flows; epsilon is 0.1
PPO = {
    ("paper", 1.5, 2.0): (1.1, False),
    ("paper", 0.5, 2.0): (0.5, True),
    ("paper", 1.5, -2.0): (1.1, False),
    ("paper", 0.5, -2.0): (0.5, True),
    ("clipped", 1.5, 2.0): (1.1, False),
    ("clipped", 0.5, 2.0): (0.5, True),
    ("clipped", 1.5, -2.0): (1.5, True),
    ("clipped", 0.5, -2.0): (0.9, False),
}
PPO |= {
    (form, ratio, advantage): (ratio, True)
    for form, ratio, advantage in product(("paper", "clipped"), (0.95, 1.05), (2.0, -2.0))
}


@pytest.mark.parametrize(("form", "ratio", "advantage"), PPO)
def test_ppo_by_hand(form, ratio, advantage):
    factor, flows = PPO[form, ratio, advantage]
    old = np.array([-3.0, -1.0])
    log_prob = old + np.log([ratio, 1.0])  # the second string did not move
    loss, dlog_prob = objectives.ppo(log_prob, old, np.array([advantage, 4.0]), 0.1, form)
    assert loss == pytest.approx(-(advantage * factor + 4.0) / 2, rel=1e-12)
    np.testing.assert_allclose(dlog_prob, [-advantage * ratio * flows / 2, -2.0], rtol=1e-12)


def test_epsilon_moves_the_bounds():
    old, log_prob = np.zeros(2), np.log([1.15, 1.25])
    loss, dlog_prob = objectives.ppo(log_prob, old, np.ones(2), epsilon=0.2)
    assert loss == pytest.approx(-(1.15 + 1.2) / 2)
    np.testing.assert_allclose(dlog_prob, [-1.15 / 2, 0], rtol=1e-12)
    loss, _ = objectives.ppo(-log_prob, old, -np.ones(2), epsilon=0.15, form="clipped")
    assert loss == pytest.approx((1 / 1.15 + 0.85) / 2)


@pytest.mark.parametrize("form", ["paper", "clipped"])
def test_ppo_before_the_first_step_is_reinforce(form):
    rng = np.random.default_rng(0)
    log_prob, advantage = -rng.random(20), rng.normal(size=20)
    loss, dlog_prob = objectives.ppo(log_prob, log_prob.copy(), advantage, 1e-9, form)
    np.testing.assert_array_equal(dlog_prob, objectives.reinforce(log_prob, advantage)[1])
    assert loss == pytest.approx(-advantage.mean())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["paper", "clipped"])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_log_ratio_is_bounded(form, sign, dtype):
    log_prob = np.array([-1.0, -2000.0, -30.0, 0.0], dtype=dtype)
    old = np.array([-2000.0, -1.0, 0.0, -30.0], dtype=dtype)
    loss, dlog_prob = objectives.ppo(log_prob, old, sign * np.ones(4, dtype=dtype), form=form)
    assert np.isfinite(loss)
    assert loss.dtype == dlog_prob.dtype == dtype
    np.testing.assert_array_equal(dlog_prob, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda o: o.reinforce(np.zeros(2), np.zeros(3)),
            r"advantage has shape \(3,\), but log_prob",
        ),
        (lambda o: o.reinforce(np.zeros((2, 1)), np.zeros((2, 1))), r"log_prob has shape \(2, 1\)"),
        (lambda o: o.reinforce(np.zeros(0), np.zeros(0)), "B at least 1"),
        (lambda o: o.ppo(np.zeros(2), np.zeros(1), np.zeros(2)), r"old_log_prob has shape \(1,\)"),
        (lambda o: o.ppo(np.zeros(2), np.zeros(2), np.zeros((2, 2))), "advantage has shape"),
        (
            lambda o: o.ppo(np.zeros(2), np.zeros(2), np.zeros(2), epsilon=0),
            "epsilon is 0; it must",
        ),
        (lambda o: o.ppo(np.zeros(2), np.zeros(2), np.zeros(2), epsilon=np.nan), "epsilon is nan"),
        (lambda o: o.ppo(np.zeros(2), np.zeros(2), np.zeros(2), form="new"), "form is 'new'"),
        (lambda o: o.entropy(*[None] * 5, form="none"), "form is 'none'; choose 'full'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(objectives)


# ---------------------------------------------------------------- REINFORCE, over all strings


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_reinforce_is_unbiased_whatever_the_baseline(baseline, policy, strings, rewards):
    """sum_a P(a) (estimate of a) is the exact gradient of the exact expected reward."""
    log_prob = log_probs_of(policy, strings)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - baseline)
    weights = np.exp(log_prob) * len(strings) * dlog_prob
    expected = weighted_score(policy, strings, tile(FORWARDS, len(strings)), weights)

    def mean_reward(moved):
        return (np.exp(log_probs_of(moved, strings)) * rewards).sum()

    close(expected, -complex_gradient(mean_reward, policy))


def test_what_resampling_invalid_strings_does(policy, strings, rewards, tiny_space):
    """E_valid[(f - b) grad log P] = grad E_valid[f] + (E_valid[f] - b) grad log Z."""
    valid = tiny_space.is_valid(strings)
    assert 0 < valid.sum() < len(strings)

    def validity(moved):
        return np.exp(log_probs_of(moved, strings))[valid].sum()

    def mean_valid(moved):
        weights = np.exp(log_probs_of(moved, strings))[valid]
        return (weights * rewards[valid]).sum() / weights.sum()

    def expected_estimate(baseline):
        given_validity = np.exp(log_probs_of(policy, strings)) * valid / validity(policy)
        weights = given_validity * (rewards - baseline)
        return weighted_score(policy, strings, tile(FORWARDS, len(strings)), weights)

    mean = mean_valid(policy)
    exact = complex_gradient(mean_valid, policy)
    drift = complex_gradient(lambda moved: np.log(validity(moved)), policy)
    assert np.linalg.norm(drift) > 0.1 * np.linalg.norm(exact)
    for baseline in (0.0, 0.5, mean, 0.9):
        close(expected_estimate(baseline), exact + (mean - baseline) * drift)
    close(expected_estimate(mean), exact)  # the bias vanishes there,
    bias = expected_estimate(mean + 0.3) - exact  # and elsewhere the baseline is not free of it
    np.testing.assert_allclose(bias, -0.3 * drift, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------- entropy, over all strings


def exact_entropy(policy, strings, order):
    log_prob = log_probs_of(policy, strings, order)
    return -(np.exp(log_prob) * log_prob).sum()


def estimate(policy, actions, orders, form):
    """The loss and the whole gradient that one batch gives."""
    log_prob, cache = policy.forward(actions, orders)
    found = objectives.entropy(
        log_prob, cache.log_probs, actions, orders, policy.layout.exists, form
    )
    grads = policy.backward(found.dlog_prob, cache, found.dconditionals)
    return found.loss, flat(grads), np.exp(log_prob.sum())


def expectation(policy, strings, orders, form):
    """Mean loss and gradient over all batches of len(orders) strings, each in its own order."""
    loss, gradient, total = 0.0, 0.0, 0.0
    for rows in product(range(len(strings)), repeat=len(orders)):
        one, its_gradient, probability = estimate(
            policy, strings[list(rows)], np.array(orders), form
        )
        loss, total = loss + probability * one, total + probability
        gradient = gradient + probability * its_gradient
    assert total == pytest.approx(1)
    return loss, gradient


BATCHES = {
    "one string": [FORWARDS],
    "two strings": [FORWARDS, FORWARDS],
    "two orders": [FORWARDS, BACKWARDS],
}


@pytest.mark.parametrize("orders", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("form", ["full", "score", "pathwise"])
def test_entropy_s_gradient(form, orders, policy, strings):
    """Unbiased in two forms, with one string and with the others' mean as a baseline."""
    loss, gradient = expectation(policy, strings, orders, form)
    exact = np.mean([exact_entropy(policy, strings, order) for order in orders])
    slope = np.mean(
        [
            complex_gradient(lambda moved, o=order: exact_entropy(moved, strings, o), policy)
            for order in orders
        ],
        axis=0,
    )
    assert loss == pytest.approx(-exact, rel=1e-12)
    if form == "pathwise":
        assert np.linalg.norm(gradient + slope) > 0.02 * np.linalg.norm(slope)
    else:
        close(gradient, -slope)


def test_the_baseline_of_the_others_is_used(policy, strings):
    """With two equal strings in one order each is the other's baseline: no score term is left."""
    actions, orders = strings[[3, 3]], tile(FORWARDS, 2)
    _, full, _ = estimate(policy, actions, orders, "full")
    _, pathwise, _ = estimate(policy, actions, orders, "pathwise")
    _, score, _ = estimate(policy, actions, orders, "score")
    np.testing.assert_allclose(full, pathwise, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(score, 0, atol=1e-13)


def test_entropy_by_hand():
    """One hyper-parameter of two values beside one of three; the second is decided first."""
    probs = np.array([[[0.25, 0.75, 1.0], [0.5, 0.25, 0.25]]])
    exists = np.array([[True, True, False], [True, True, True]])
    log_probs = np.log(probs)
    actions, orders = np.array([[1, 0]]), np.array([[1, 0]])
    log_prob = np.array([np.log(0.75 * 0.5)])
    H = [-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)), 1.5 * np.log(2)]
    pathwise = probs * (log_probs + 1) * exists
    found = objectives.entropy(log_prob, log_probs, actions, orders, exists, "pathwise")
    assert found.loss == pytest.approx(-sum(H))
    np.testing.assert_allclose(found.dconditionals, pathwise, atol=1e-15)
    full = objectives.entropy(log_prob, log_probs, actions, orders, exists, "full")
    pathwise[0, 1, 0] -= H[0]  # what is decided after it
    np.testing.assert_allclose(full.dconditionals, pathwise, atol=1e-15)
    score = objectives.entropy(log_prob, log_probs, actions, orders, exists, "score")
    np.testing.assert_allclose(score.dlog_prob, log_prob + 1)
    assert not score.dconditionals.any()
    assert not full.dlog_prob.any()
