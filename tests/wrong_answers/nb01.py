"""Plausible wrong answers to the exercises of notebook 1."""

from __future__ import annotations

import numpy as np

import maade_np as mn


def _softmax(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()


def _pull_without_push(logits, rewards):
    return _softmax(logits) * rewards  # forgets that all probabilities share a sum


def _plain_mean(logits, rewards):
    return _softmax(logits) * (rewards - rewards.mean())  # the mean must be the policy's


def _score_only(logits, rewards):
    return rewards - _softmax(logits) @ rewards  # without the probability in front


def _downhill(logits, rewards):
    p = _softmax(logits)
    return -p * (rewards - p @ rewards)


def _not_squared(samples, gradient, ratio):
    return int(np.ceil(samples.var(axis=0).sum() / (ratio * (gradient @ gradient))))


def _deviations(samples, gradient, ratio):
    total = samples.std(axis=0).sum()  # standard deviations do not add
    return int(np.ceil((total / (ratio * np.linalg.norm(gradient))) ** 2))


def _worst_component(samples, gradient, ratio):
    return int(np.ceil(samples.var(axis=0).max() / (ratio**2 * (gradient @ gradient))))


def _second_moment(samples, gradient, ratio):
    return int(np.ceil((samples**2).sum(axis=1).mean() / (ratio**2 * (gradient @ gradient))))


def _not_an_integer(samples, gradient, ratio):
    return samples.var(axis=0).sum() / (ratio**2 * (gradient @ gradient))


def _as_given(policy, evaluate, B, order, rng):
    actions, _ = policy.sample(B, order, rng)
    actions = np.unique(actions, axis=0)
    reward = evaluate(actions)
    log_prob, cache = policy.forward(actions, np.tile(order, (len(actions), 1)))
    _, dlog_prob = mn.objectives.reinforce(log_prob, reward)
    return policy.backward(-dlog_prob, cache)


def _evaluates_all(policy, evaluate, B, order, rng):
    actions, _ = policy.sample(B, order, rng)
    log_prob, cache = policy.forward(actions, np.tile(order, (B, 1)))
    _, dlog_prob = mn.objectives.reinforce(log_prob, evaluate(actions))
    return policy.backward(-dlog_prob, cache)


def _counts_but_another_mean(policy, evaluate, B, order, rng):
    actions, _ = policy.sample(B, order, rng)
    actions, counts = np.unique(actions, axis=0, return_counts=True)
    reward = counts * evaluate(actions)
    log_prob, cache = policy.forward(actions, np.tile(order, (len(actions), 1)))
    _, dlog_prob = mn.objectives.reinforce(log_prob, reward)  # divides by the distinct ones
    return policy.backward(-dlog_prob, cache)


def _weighs_by_probability(policy, evaluate, B, order, rng):
    actions, _ = policy.sample(B, order, rng)
    actions = np.unique(actions, axis=0)
    log_prob, cache = policy.forward(actions, np.tile(order, (len(actions), 1)))
    return policy.backward(np.exp(log_prob) * evaluate(actions), cache)  # the unseen are missing


def _divides_by_B(policy, evaluate, B, order, rng):
    actions, _ = policy.sample(B, order, rng)
    actions = np.unique(actions, axis=0)
    _, cache = policy.forward(actions, np.tile(order, (len(actions), 1)))
    return policy.backward(evaluate(actions) / B, cache)


def _with_the_batch_mean(policy, evaluate, B, order, rng):
    actions, _ = policy.sample(B, order, rng)
    actions, counts = np.unique(actions, axis=0, return_counts=True)
    reward = evaluate(actions)
    reward = reward - counts @ reward / B  # a baseline that nobody asked for: (B - 1) / B too short
    _, cache = policy.forward(actions, np.tile(order, (len(actions), 1)))
    return policy.backward(counts * reward / B, cache)


WRONG = {
    "one_decision": [_pull_without_push, _plain_mean, _score_only, _downhill, 0.5],
    "how_many": [
        _not_squared,
        _deviations,
        _worst_component,
        _second_moment,
        _not_an_integer,
        lambda samples, gradient, ratio: None,
    ],
    "each_string_once": [
        _as_given,
        _evaluates_all,
        _counts_but_another_mean,
        _weighs_by_probability,
        _divides_by_B,
        _with_the_batch_mean,
    ],
    "valid_only": [
        lambda rewards: rewards / len(rewards),
        lambda rewards: (rewards - rewards.mean()) / len(rewards),
        lambda rewards: (rewards - rewards.max()) / len(rewards),
        lambda rewards: rewards - rewards.mean(),
        lambda rewards: (rewards - rewards.mean()) / (rewards.std() + 1e-12),
        lambda rewards: rewards.mean(),
    ],
}
