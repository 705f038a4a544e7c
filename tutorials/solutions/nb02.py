"""Solutions of notebook 2, by the names of the checks."""

from __future__ import annotations

import numpy as np


def a_baseline_for_each(probability, reward, scores):
    """The variance of component j is E[(f - b_j)^2 s_j^2] less a term without b_j.

    Its derivative, -2 E[(f - b_j) s_j^2], is zero at b_j = E[f s_j^2] / E[s_j^2]: (2.4) with the one
    squared score in place of the sum of all of them.
    """
    weights = probability[:, None] * scores**2
    return reward @ weights / weights.sum(axis=0)


def partners(reward):
    """Sum over all, less the sum of the own pair, over the B - 2 strings that remain."""
    B = len(reward)
    pair = reward.reshape(-1, 2).sum(axis=1)
    return reward - (reward.sum() - np.repeat(pair, 2)) / (B - 2)


class a_slow_start:  # noqa: N801 (named like its check)
    """The bug is one number, `self.value = 0.0`: the average begins where no reward lies.

    After t batches of rewards around 0.88 it is at 0.88 (1 - 0.9^t). By (2.4) the noise is then
    larger by E|s|^2 (0.88 * 0.9^t)^2: hundreds of times at the beginning, and still several times
    after 20 updates. A search of five updates never gets out of it. As (2.2) says, the mean of the
    estimate is right all the while, so no test for bias can find this.

    Here the first batch's mean takes the place of the missing past, as in the package. Adam's way,
    value / (1 - decay^t), is as good; it forgets the first batch sooner.
    """

    def __init__(self, decay=0.9):
        self.decay = decay
        self.value = None

    def __call__(self, reward):
        """Return the baseline for this batch."""
        return float(np.mean(reward)) if self.value is None else self.value

    def update(self, reward):
        """Take the batch into the average, after the step."""
        mean = float(np.mean(reward))
        if self.value is None:
            self.value = mean
        else:
            self.value = self.decay * self.value + (1 - self.decay) * mean


def best_decay(slope, sigma, B):
    """Minimise (c / (1 - decay))^2 + (1 - decay) / (1 + decay) sigma^2 / B on a grid.

    With m = 1 - decay the sum is c^2 / m^2 + m / (2 - m) sigma^2 / B. Where m is small that is about
    c^2 / m^2 + m sigma^2 / (2 B), least at m = (4 B c^2 / sigma^2)^(1/3): to be four times as
    forgetful takes a rise eight times as steep. The grid is exact enough and needs no approximation.
    """
    decays = 1 - np.geomspace(1.0, 1e-5, 20_001)
    error = (slope / (1 - decays)) ** 2 + (1 - decays) / (1 + decays) * sigma**2 / B
    return float(decays[error.argmin()])
