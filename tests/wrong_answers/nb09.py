"""Plausible wrong answers to the exercises of notebook 9."""

from __future__ import annotations

import numpy as np

from maade_np import objectives


def _push_clipped_on_both_sides(ratio, advantage, epsilon, form):
    return np.where(np.abs(ratio - 1) > epsilon, 0.0, ratio * advantage)


def _push_by_ratio(ratio, advantage, epsilon, form):
    above, below = ratio > 1 + epsilon, ratio < 1 - epsilon
    flat = above if form == "paper" else np.where(advantage >= 0, above, below)
    return np.where(flat, 0.0, advantage)


def _push_of_loss(ratio, advantage, epsilon, form):
    above, below = ratio > 1 + epsilon, ratio < 1 - epsilon
    flat = above if form == "paper" else np.where(advantage >= 0, above, below)
    return np.where(flat, 0.0, -ratio * advantage)


def _push_forms_swapped(ratio, advantage, epsilon, form):
    above, below = ratio > 1 + epsilon, ratio < 1 - epsilon
    flat = above if form == "clipped" else np.where(advantage >= 0, above, below)
    return np.where(flat, 0.0, ratio * advantage)


def _push_clipped_value(ratio, advantage, epsilon, form):
    return advantage * np.minimum(ratio, 1 + epsilon)


def _worth_summed(new, old):
    return 1.0 / (1.0 + sum((p**2 / q).sum() - 1 for p, q in zip(new, old, strict=True)))


def _worth_of_old(new, old):
    return 1.0 / np.prod([(q**2 / p).sum() for p, q in zip(new, old, strict=True)])


def _worth_of_variances(new, old):
    return 1.0 / (1.0 + np.prod([(p**2 / q).sum() - 1 for p, q in zip(new, old, strict=True)]))


def _worth_of_one(new, old):
    return 1.0 / max((p**2 / q).sum() for p, q in zip(new, old, strict=True))


def _updates_recomputed(policy, optimizer, actions, orders, A, updates, epsilon, form="clipped"):
    for _ in range(updates):
        old, _ = policy.forward(actions, orders)
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.ppo(log_prob, old, A, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))


def _updates_previous(policy, optimizer, actions, orders, A, updates, epsilon, form="clipped"):
    old, _ = policy.forward(actions, orders)
    for _ in range(updates):
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.ppo(log_prob, old, A, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))
        old = log_prob


def _updates_once(policy, optimizer, actions, orders, A, updates, epsilon, form="clipped"):
    old, cache = policy.forward(actions, orders)
    for _ in range(updates):
        _, dlog_prob = objectives.ppo(old, old, A, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))


def _updates_without_clip(policy, optimizer, actions, orders, A, updates, epsilon, form="clipped"):
    old, _ = policy.forward(actions, orders)
    for _ in range(updates):
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.ppo(log_prob, old, A, 1e9, form)
        optimizer.step(policy.backward(dlog_prob, cache))


WRONG = {
    "six_cases": [
        _push_clipped_on_both_sides,
        _push_by_ratio,
        _push_of_loss,
        _push_forms_swapped,
        _push_clipped_value,
    ],
    "worth": [_worth_summed, _worth_of_old, _worth_of_variances, _worth_of_one],
    "updates": [_updates_recomputed, _updates_previous, _updates_once, _updates_without_clip],
    "logs": [
        {"I": "recomputed", "II": "right", "III": "misaligned"},
        {"I": "misaligned", "II": "right", "III": "tempered"},
        {"I": "tempered", "II": "misaligned", "III": "right"},
    ],
}
