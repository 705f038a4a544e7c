"""Plausible wrong answers to the exercises of notebook 2."""

from __future__ import annotations

import numpy as np


def _the_same_for_all(probability, reward, scores):
    squared = probability * (scores**2).sum(axis=1)
    return np.full(scores.shape[1], squared @ reward / squared.sum())


def _not_squared(probability, reward, scores):
    weights = probability[:, None] * np.abs(scores)
    return reward @ weights / weights.sum(axis=0)


def _strings_alike(probability, reward, scores):
    return reward @ scores**2 / (scores**2).sum(axis=0)


def _mean_reward(probability, reward, scores):
    return np.full(scores.shape[1], probability @ reward)


def _itself_included(reward):
    return reward - reward.mean()


def _without_itself_only(reward):
    return reward - (reward.sum() - reward) / (len(reward) - 1)


def _wrong_count(reward):
    pair = np.repeat(reward.reshape(-1, 2).sum(axis=1), 2)
    return reward - (reward.sum() - pair) / len(reward)


def _partners_far_apart(reward):
    half = len(reward) // 2
    pair = np.tile(reward[:half] + reward[half:], 2)
    return reward - (reward.sum() - pair) / (len(reward) - 2)


class _FromZero:
    def __init__(self, decay=0.9):
        self.decay, self.value = decay, 0.0

    def __call__(self, reward):
        return self.value

    def update(self, reward):
        self.value = self.decay * self.value + (1 - self.decay) * float(np.mean(reward))


class _FirstBatchZero(_FromZero):
    """Starts well from the second batch on, but compares the first one with 0."""

    def __init__(self, decay=0.9):
        super().__init__(decay)
        self.fresh = True

    def update(self, reward):
        if self.fresh:
            self.value, self.fresh = float(np.mean(reward)), False
        else:
            super().update(reward)


class _NeverForgets:
    def __init__(self, decay=0.9):
        self.sum, self.count = 0.0, 0

    def __call__(self, reward):
        return self.sum / self.count if self.count else float(np.mean(reward))

    def update(self, reward):
        self.sum, self.count = self.sum + float(np.mean(reward)), self.count + 1


class _SeesItself:
    def __init__(self, decay=0.9):
        self.decay, self.value = decay, None

    def __call__(self, reward):
        mean = float(np.mean(reward))
        return mean if self.value is None else self.decay * self.value + (1 - self.decay) * mean

    def update(self, reward):
        self.value = self(reward)


class _LastBatch:
    def __init__(self, decay=0.9):
        self.value = None

    def __call__(self, reward):
        return float(np.mean(reward)) if self.value is None else self.value

    def update(self, reward):
        self.value = float(np.mean(reward))


class _CorrectedOneTooFar:
    """Adam's correction with the power of the next step."""

    def __init__(self, decay=0.9):
        self.decay, self.value, self.t = decay, 0.0, 0

    def __call__(self, reward):
        if not self.t:
            return float(np.mean(reward))
        return self.value / (1 - self.decay ** (self.t + 1))

    def update(self, reward):
        self.value = self.decay * self.value + (1 - self.decay) * float(np.mean(reward))
        self.t += 1


class _ZeroForNone:
    """Takes an average of exactly 0 for one that has not begun."""

    def __init__(self, decay=0.9):
        self.decay, self.value = decay, 0.0

    def __call__(self, reward):
        return self.value or float(np.mean(reward))

    def update(self, reward):
        mean = float(np.mean(reward))
        self.value = self.decay * (self.value or mean) + (1 - self.decay) * mean


class _OfTheBest:
    """The average of the batches' best rewards, from the first update on."""

    def __init__(self, decay=0.9):
        self.decay, self.value = decay, None

    def __call__(self, reward):
        return float(np.mean(reward)) if self.value is None else self.value

    def update(self, reward):
        best = float(np.max(reward))
        old = best if self.value is None else self.value
        self.value = self.decay * old + (1 - self.decay) * best


def _swapped(slope, sigma, B):
    decays = np.linspace(0, 0.9999, 10_001)
    error = (slope / (1 - decays)) ** 2 + (1 - decays) / (1 + decays) * sigma**2 / B
    return 1 - float(decays[error.argmin()])


def _lag_not_squared(slope, sigma, B):
    decays = np.linspace(0, 0.9999, 10_001)
    error = slope / (1 - decays) + (1 - decays) / (1 + decays) * sigma**2 / B
    return float(decays[error.argmin()])


def _no_batch_size(slope, sigma, B):
    decays = np.linspace(0, 0.9999, 10_001)
    error = (slope / (1 - decays)) ** 2 + (1 - decays) / (1 + decays) * sigma**2
    return float(decays[error.argmin()])


WRONG = {
    "a_baseline_for_each": [_the_same_for_all, _not_squared, _strings_alike, _mean_reward],
    "partners": [_itself_included, _without_itself_only, _wrong_count, _partners_far_apart],
    "a_slow_start": [
        _FromZero,
        _FirstBatchZero,
        _NeverForgets,
        _SeesItself,
        _LastBatch,
        _CorrectedOneTooFar,
        _OfTheBest,
        _ZeroForNone,
    ],
    "best_decay": [
        lambda slope, sigma, B: 0.9,
        _swapped,
        _lag_not_squared,
        _no_batch_size,
        lambda slope, sigma, B: 1.0,
    ],
}
