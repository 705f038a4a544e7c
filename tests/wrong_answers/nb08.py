"""Plausible wrong answers to the exercises of notebook 8."""

from __future__ import annotations

import math

import numpy as np


def _last_wins(dkeys, pairs, P):
    """The colleague's."""
    dK = np.zeros((P, dkeys.shape[-1]))
    dK[pairs] += dkeys
    return dK


def _mean(dkeys, pairs, P):
    """The mean over whoever chose a pair."""
    dK, count = np.zeros((P, dkeys.shape[-1])), np.zeros((P, 1))
    np.add.at(dK, pairs, dkeys)
    np.add.at(count, pairs, 1)
    return dK / np.maximum(count, 1)


def _over_batch(dkeys, pairs, P):
    """The mean over the batch."""
    dK = np.zeros((P, dkeys.shape[-1]))
    np.add.at(dK, pairs, dkeys)
    return dK / len(dkeys)


def _by_strings(dkeys, pairs, P):
    """A loop over hyper-parameters, which repeats pairs within a column."""
    dK = np.zeros((P, dkeys.shape[-1]))
    for i in range(pairs.shape[1]):
        dK[pairs[:, i]] += dkeys[:, i]
    return dK


def _summed_first(dkeys, pairs, P):
    """Sums over strings before it looks who chose what."""
    dK = np.zeros((P, dkeys.shape[-1]))
    np.add.at(dK, pairs[0], dkeys.sum(axis=0))
    return dK


def _over_all_pairs(scores, K, chi):
    """Normalised over all pairs, chosen or not."""
    w = np.exp(scores) / np.exp(scores).sum()
    return chi @ (w[:, None] * K)


def _not_normalised(scores, K, chi):
    return chi @ (np.exp(scores)[:, None] * K)


def _empty_is_nan(scores, K, chi):
    w = np.exp(scores)
    with np.errstate(invalid="ignore"):
        return (chi @ (w[:, None] * K)) / (chi @ w[:, None])


def _softmax_of_products(scores, K, chi):
    """Masks by multiplying scores: what was not chosen has score 0, not weight 0."""
    e = np.exp(scores * chi)
    return (e / e.sum(axis=1, keepdims=True)) @ K


def _small_number(scores, K, chi):
    """Avoids 0/0 by a number that the smallest weights feel."""
    w = np.exp(scores)
    return (chi @ (w[:, None] * K)) / (chi @ w[:, None] + 1e-3)


WRONG = {
    "break_even": [
        lambda N, P: math.ceil(P / N),  # not strictly fewer where N divides P
        lambda N, P: P // N,
        lambda N, P: P / N,
        lambda N, P: P + 1,  # one decision's share forgotten
        lambda N, P: round(P / N),
    ],
    "contexts": [
        _over_all_pairs,
        _not_normalised,
        _empty_is_nan,
        _softmax_of_products,
        _small_number,
    ],
    "silent": [_last_wins, _mean, _over_batch, _by_strings, _summed_first],
}
