"""From rewards to advantages: the moving-average baseline, and scalings of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np


class MovingAverage:
    """The exponential moving average of the batches' mean rewards (the paper's b).

    Before the first batch there is no history: its own mean takes the place. The average is updated
    after the gradient step, so a batch is never compared with itself afterwards.

    Parameters
    ----------
    decay : float
        In [0, 1): how much of the average stays with each batch. The paper gives no value.

    Attributes
    ----------
    value : float or None
        None before the first batch.
    """

    def __init__(self, decay: float = 0.9) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}; it must be in [0, 1)")
        self.decay = decay
        self.value: float | None = None

    def __call__(self, rewards: np.ndarray) -> float:
        """Return the baseline for a batch of rewards (B,)."""
        return float(np.mean(rewards)) if self.value is None else self.value

    def update(self, rewards: np.ndarray) -> None:
        """Take a batch of rewards (B,) into the average."""
        mean = float(np.mean(rewards))
        self.value = (
            mean if self.value is None else self.decay * self.value + (1 - self.decay) * mean
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.value = state["value"]


def standardised(rewards: np.ndarray) -> np.ndarray:
    """Return the batch's rewards with mean 0 and standard deviation 1; zeros where all are equal."""
    centred = rewards - rewards.mean()
    deviation = np.sqrt((centred**2).mean())
    # equal rewards leave rounding errors, which must not be blown up to 1
    return centred / deviation if deviation > 1e-12 * np.abs(rewards).max() else centred * 0


def ranked(rewards: np.ndarray) -> np.ndarray:
    """Return the batch's ranks scaled to [-1, 1], equal rewards at the mean of their ranks.

    Only the order of the rewards counts then, and a collapsed training run weighs no more than any
    other last place.
    """
    values, inverse, counts = np.unique(rewards, return_inverse=True, return_counts=True)
    if len(values) == 1:
        return np.zeros(len(rewards))
    middle = np.cumsum(counts) - (counts + 1) / 2
    return 2 * middle[inverse.reshape(-1)] / (len(rewards) - 1) - 1
