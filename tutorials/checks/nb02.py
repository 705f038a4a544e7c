"""Checks of notebook 2."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._common import exercise, expect, expect_close


@exercise
def check_a_baseline_for_each(answer: Any) -> str:
    """Compare the variance of every component with that of other baselines."""
    rng = np.random.default_rng(21)
    for K, p in ((5, 3), (12, 7)):
        probability = rng.dirichlet(np.ones(K))
        reward = rng.normal(0.9, 0.05, size=K)
        scores = rng.normal(size=(K, p)) * rng.uniform(0.1, 3.0, size=p)
        scores -= probability @ scores  # scores have the mean 0
        found = answer(probability.copy(), reward.copy(), scores.copy())
        expect(found is not None, "The function returns None.")
        found = np.asarray(found, dtype=float)
        expect(
            found.shape == (p,), f"Return one number a parameter: shape ({p},), not {found.shape}."
        )

        def variance(b: np.ndarray, P=probability, f=reward, s=scores) -> np.ndarray:
            return P @ ((f[:, None] - b) * s) ** 2 - (P @ (f[:, None] * s)) ** 2

        here = variance(found)
        for shift in (1e-3, -1e-3, 0.02, -0.02):
            worse = variance(found + shift)
            expect(
                (here <= worse + 1e-12).all(),
                f"Component {int(np.argmax(here - worse))} has less variance with another baseline. "
                "(2.4) is the answer for the sum of all components; do the same for one of them.",
            )
    squares = probability[:, None] * scores**2
    expect_close(found, reward @ squares / squares.sum(axis=0), "Near, but not the minimum.")
    return (
        "E[f s_j^2] / E[s_j^2]: each parameter weighs the rewards by its own squared scores. It needs "
        "the scores string by string, which is why hardly anybody does it."
    )


@exercise
def check_partners(answer: Any) -> str:
    """Compare with a loop over the strings."""
    rng = np.random.default_rng(22)
    for B in (4, 6, 30):
        reward = rng.normal(0.9, 0.1, size=B)
        right = np.empty(B)
        for i in range(B):
            others = [reward[j] for j in range(B) if j // 2 != i // 2]
            right[i] = reward[i] - sum(others) / len(others)
        given = reward.copy()
        found = answer(given)
        expect(found is not None, "The function returns None.")
        expect((given == reward).all(), "Your function changes the rewards it is given.")
        expect_close(
            found,
            right,
            f"With {B} strings an advantage is not the reward less the mean of the strings of the "
            "other pairs. How many are these?",
        )
    return (
        "subtract the pair's sum from the sum of all and divide by B - 2; no string sees its pair."
    )


def _weights(make: Any, decay: float, batches: int) -> np.ndarray:
    """How much each past batch weighs in the baseline of the next."""
    found = np.empty(batches)
    for k in range(batches):
        average = make(decay)
        for t in range(batches):
            f = np.array([-0.5, -0.25, 0.0, 0.75]) + (t == k)  # mean 1 in batch k, else 0
            average(f)
            average.update(f)
        found[k] = float(average(np.zeros(4)))
    return found


@exercise
def check_a_slow_start(answer: Any) -> str:
    """Try what the class does: a constant reward, the batch itself, and its weights of the past."""
    average = answer(0.9)
    for t in range(6):
        f = np.full(5, 0.88)
        b = average(f)
        expect(b is not None, "Calling the baseline returns None.")
        expect_close(
            b,
            0.88,
            f"All rewards so far were 0.88, and yet in batch {t + 1} they are compared with another "
            "number.",
        )
        average.update(f)
    average = answer(0.8)
    first = np.array([0.5, 0.7, 0.9])
    expect_close(average(first), first.mean(), "The first batch has no past but its own mean.")
    average.update(first)
    one, two = average(np.array([0.1, 0.1])), average(np.array([0.9, 0.3]))
    expect_close(
        one, two, "The baseline of a batch depends on that batch's own rewards (or on being asked)."
    )
    for decay in (0.9, 0.5):
        weights = _weights(answer, decay, 6)
        expect_close(
            weights.sum(),
            1.0,
            f"The weights of all past batches' means add up to {weights.sum():.3f}, not to 1.",
        )
        ratios = weights[1:-1] / weights[2:]
        expect(
            np.isfinite(ratios).all() and np.allclose(ratios, decay, atol=1e-8),
            f"With decay {decay} each batch should weigh {decay} times as much as the next one after "
            "it (the very first may weigh more).",
        )
    return (
        "the average must not begin at 0, where no reward lies. From 0 it is off by 0.88 times 0.9^t, "
        "and (2.4) charges the square; five updates of the paper's short searches would all pay."
    )


@exercise
def check_best_decay(answer: Any) -> str:
    """Compare its error with the least on a fine grid."""
    grid = np.linspace(0, 0.99999, 400_001)
    for slope, sigma, B in (
        (1e-3, 0.02, 30),
        (1e-4, 0.02, 30),
        (1e-3, 0.05, 2),
        (5e-3, 0.01, 64),
        (1e-2, 0.01, 1),
    ):

        def error(decay, c=slope, s=sigma, n=B):
            return (c / (1 - decay)) ** 2 + (1 - decay) / (1 + decay) * s**2 / n

        found = answer(slope, sigma, B)
        expect(found is not None, "The function returns None.")
        found = float(found)
        expect(0 <= found < 1, f"A decay lies in [0, 1); yours is {found:.4f}.")
        expect(
            error(found) <= 1.002 * error(grid).min(),
            f"With slope {slope:g}, sigma {sigma:g}, B = {B} another decay has a smaller error than "
            f"your {found:.3f}: the square of the lag plus the variance is what counts.",
        )
    return (
        "where the batch is large or the rise steep, a short memory; where rewards are noisy and the "
        "rise is slow, a long one. Around the best value the curve is flat."
    )
