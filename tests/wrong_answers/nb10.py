"""Plausible wrong answers to the exercises of notebook 10."""

from __future__ import annotations

import numpy as np

from maade_np import objectives


def _contexts_of_sequences(orders):
    return len({(z[t], tuple(z[:t])) for z in orders.tolist() for t in range(len(z))})


def _contexts_without_hyper(orders):
    return len({frozenset(z[:t]) for z in orders.tolist() for t in range(len(z))})


def _contexts_all(orders):
    return orders.size


def _contexts_with_itself(orders):
    return len({frozenset(z[: t + 1]) for z in orders.tolist() for t in range(len(z))})


def _mixture_evenly(log_prob, advantage):
    return np.broadcast_to(-advantage / log_prob.size, log_prob.shape)


def _mixture_over_batch(log_prob, advantage):
    weights = np.exp(log_prob - log_prob.max(axis=1, keepdims=True))
    return -advantage * weights / weights.sum(axis=1, keepdims=True) / len(log_prob)


def _mixture_overflows(log_prob, advantage):
    weights = np.exp(log_prob)
    return -advantage * weights / weights.sum(axis=0) / log_prob.shape[1]


def _mixture_with_share(log_prob, advantage):
    weights = np.exp(log_prob - log_prob.max(axis=0))
    return -advantage * weights / weights.sum(axis=0) / log_prob.size


def _mixture_ascent(log_prob, advantage):
    weights = np.exp(log_prob - log_prob.max(axis=0))
    return advantage * weights / weights.sum(axis=0) / log_prob.shape[1]


def _step(of_forward):
    def step(policy, optimizer, mixed, B, reward, rng):
        orders = mixed[rng.integers(len(mixed), size=B)]
        actions, _ = policy.sample(B, orders, rng)
        rewards = reward(actions)
        log_prob, cache = policy.forward(actions, of_forward(orders, mixed, rng))
        _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
        optimizer.step(policy.backward(dlog_prob, cache))
        return rewards.mean()

    return step


def _step_ranks_everywhere(policy, optimizer, mixed, B, reward, rng):
    orders = np.argsort(mixed[rng.integers(len(mixed), size=B)], axis=1)
    actions, _ = policy.sample(B, orders, rng)
    rewards = reward(actions)
    log_prob, cache = policy.forward(actions, orders)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
    optimizer.step(policy.backward(dlog_prob, cache))
    return rewards.mean()


def _as_it_was(orders, mixed, rng):
    return np.argsort(orders, axis=1)


def _drawn_anew(orders, mixed, rng):
    return mixed[rng.integers(len(mixed), size=len(orders))]


def _first_of_all(orders, mixed, rng):
    return np.tile(mixed[0], (len(orders), 1))


def _trials_one_row(difference, deviation, correlation):
    return (1 - correlation) * (2.8 * deviation / difference) ** 2


def _trials_without_power(difference, deviation, correlation):
    return 2 * (1 - correlation) * (1.96 * deviation / difference) ** 2


def _trials_unpaired(difference, deviation, correlation):
    return 2 * (2.8 * deviation / difference) ** 2


def _trials_not_squared(difference, deviation, correlation):
    return 2 * (1 - correlation) * 2.8**2 * deviation / difference


def _trials_one_sided(difference, deviation, correlation):
    return 2 * (1 - correlation) * ((1.645 + 0.84) * deviation / difference) ** 2


def _step_returns_nothing(policy, optimizer, mixed, B, reward, rng):
    orders = mixed[rng.integers(len(mixed), size=B)]
    actions, _ = policy.sample(B, orders, rng)
    rewards = reward(actions)
    log_prob, cache = policy.forward(actions, orders)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
    optimizer.step(policy.backward(dlog_prob, cache))


def _step_one_order_a_batch(policy, optimizer, mixed, B, reward, rng):
    orders = np.tile(mixed[rng.integers(len(mixed))], (B, 1))
    actions, _ = policy.sample(B, orders, rng)
    rewards = reward(actions)
    log_prob, cache = policy.forward(actions, orders)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
    optimizer.step(policy.backward(dlog_prob, cache))
    return rewards.mean()


WRONG = {
    "contexts": [
        _contexts_of_sequences,
        _contexts_without_hyper,
        _contexts_all,
        _contexts_with_itself,
    ],
    "mixture": [
        _mixture_evenly,
        _mixture_over_batch,
        _mixture_overflows,
        _mixture_with_share,
        _mixture_ascent,
    ],
    "step": [
        _step(_as_it_was),
        _step(_drawn_anew),
        _step(_first_of_all),
        _step_ranks_everywhere,
        _step_returns_nothing,
        _step_one_order_a_batch,
    ],
    "trials": [
        _trials_one_row,
        _trials_without_power,
        _trials_unpaired,
        _trials_not_squared,
        _trials_one_sided,
    ],
}
