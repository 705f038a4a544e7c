"""Solutions of notebook 1, by the names of the checks."""

from __future__ import annotations

import numpy as np

import maade_np as mn


def one_decision(logits, rewards):
    """J = sum_k p_k r_k and dp_k/dz_l = p_k ([k = l] - p_l), so dJ/dz_l = p_l r_l - p_l J.

    This is (1.5) with a single decision. Subtracting the largest logit changes nothing but keeps the
    exponentials from overflowing.
    """
    p = np.exp(logits - logits.max())
    p /= p.sum()
    return p * (rewards - p @ rewards)


def how_many(samples, gradient, ratio):
    """(1.7) says error^2 = (sum of variances) / B; we want error^2 <= ratio^2 |gradient|^2."""
    variance = samples.var(axis=0).sum()
    return int(np.ceil(variance / (ratio**2 * (gradient @ gradient))))


def each_string_once(policy, evaluate, B, order, rng):
    """Evaluate the distinct strings, then give every drawn string its reward back.

    The bug: after `np.unique` the mean is taken over distinct strings, so a string that fills half of
    the batch weighs no more than one that came once. The mean of such an estimate is a sum of
    f(a) grad log P(a) in which a string counts not by P(a) but, roughly, by the probability of being
    in the batch at all, 1 - (1 - P(a))^B. That still points uphill often enough for a search to work,
    which is why nobody notices.

    `return_inverse` says at which place of the distinct strings each drawn one stands. It would serve
    as well to keep the distinct strings and to weigh each by its count over B.
    """
    actions, _ = policy.sample(B, order, rng)
    distinct, place = np.unique(actions, axis=0, return_inverse=True)
    reward = evaluate(distinct)[place.reshape(-1)]
    log_prob, cache = policy.forward(actions, np.tile(order, (B, 1)))
    _, dlog_prob = mn.objectives.reinforce(log_prob, reward)
    return policy.backward(-dlog_prob, cache)


def valid_only(rewards):
    """By (1.9) at b = J_v, grad J_v = E_v[(f - J_v) grad log P] = Cov_v(f, grad log P).

    The sample covariance with B - 1 in the denominator is an unbiased estimate of a covariance, so
    sum_b (f_b - mean) / (B - 1) grad log P(a_b) has exactly the mean grad J_v: neither Z nor J_v is
    needed. The same weights are, up to rounding, (f_b - mean of the others) / B.
    """
    return (rewards - rewards.mean()) / (len(rewards) - 1)
