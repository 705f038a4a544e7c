"""Checks of notebook 1."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

import maade_np as mn

from ._common import exercise, expect, expect_close


@exercise
def check_one_decision(answer: Any) -> str:
    """Compare the gradient with the complex step, for several numbers of values."""
    rng = np.random.default_rng(11)
    for D in (2, 3, 6):
        logits, rewards = rng.normal(size=D), rng.normal(0.5, 1.0, size=D)
        right = np.empty(D)
        for k in range(D):
            moved = logits.astype(complex)
            moved[k] += 1e-30j
            weights = np.exp(moved)
            right[k] = (weights @ rewards / weights.sum()).imag / 1e-30
        found = answer(logits.copy(), rewards.copy())
        expect(found is not None, "The function returns None.")
        expect_close(
            found,
            right,
            f"With {D} values it is not the derivative of J = sum of softmax(logits) * rewards. "
            "Differentiate J with respect to one logit: it stands in every probability.",
        )
        expect_close(
            answer(logits.copy(), rewards + 10.0),
            right,
            "Adding 10 to all rewards changes your gradient, but it only adds 10 to J.",
            atol=1e-8,
        )
    return (
        "p_k (r_k - J). A value's logit rises exactly if the value beats the average under the "
        "policy, not the plain average of all values."
    )


@exercise
def check_how_many(answer: Any) -> str:
    """Compare the batch size with equation (1.7) solved for B."""
    rng = np.random.default_rng(12)
    for p, ratio, scale in ((1, 0.5, 1.0), (7, 0.1, 3.0), (20, 1.0, 0.2)):
        widths = scale * rng.uniform(0.2, 2.0, size=p)
        gradient = rng.normal(size=p)
        samples = gradient + widths * rng.normal(size=(4000, p))
        right = samples.var(axis=0).sum() / (ratio**2 * gradient @ gradient)
        found = answer(samples, gradient, ratio)
        expect(found is not None, "The function returns None.")
        found = float(found)
        expect(found == int(found), f"A number of strings is an integer, not {found}.")
        expect(
            found >= 0.99 * right,
            f"With {p} parameters and ratio {ratio} you take too few strings: the error of (1.7) "
            "is still larger than asked for. Which quantities of (1.7) are squares?",
        )
        expect(
            found <= 1.01 * right + 1,
            f"With {p} parameters and ratio {ratio} you take more strings than needed. "
            "Compare the sum of the variances with the squared length of the gradient.",
        )
    return (
        "the sum of the variances over (ratio times length) squared; half the error, four times B."
    )


class _Dealer(mn.policies.Independent):
    """A policy of which the strings to be drawn next are told."""

    batch: np.ndarray
    calls = 0

    def sample(self, B: int, *args: Any, **settings: Any) -> Any:
        """Return the strings that were laid out, if two are asked for."""
        self.calls += 1 if len(self.batch) == B else 2
        actions, log_prob = super().sample(B, *args, **settings)
        if len(self.batch) == B:
            actions = self.batch.copy()
            log_prob, _ = self.forward(actions, np.tile(np.arange(2), (B, 1)))
        return actions, log_prob


@exercise
def check_each_string_once(answer: Any) -> str:
    """Test by its mean over many batches, and count what it evaluates."""
    space = mn.spaces.CategoricalSpace(["x", "y"], [3, 2])
    strings = np.array(list(product(range(3), range(2))))
    order = np.arange(2)
    policy = mn.policies.Independent(space, dtype=np.float64)
    policy.params["b_out"][:, :2] = [[0.8, -0.3], [0.5, 0.0]]
    rewards = np.array([1.0, -0.5, 0.3, 0.9, -1.2, 2.0])
    log_prob, cache = policy.forward(strings, np.tile(order, (6, 1)))
    probability = np.exp(log_prob)
    scores = np.array([policy.backward(row, cache)["b_out"].ravel() for row in np.eye(6)])
    exact = probability @ (rewards[:, None] * scores)
    asked: list[np.ndarray] = []

    def evaluate(actions: np.ndarray) -> np.ndarray:
        asked.append(np.asarray(actions))
        return rewards[space.identity(actions)]

    B, repeats = 8, 1500
    rng = np.random.default_rng(13)
    found = []
    for _ in range(repeats):
        asked.clear()
        grads = answer(policy, evaluate, B, order, rng)
        expect(isinstance(grads, dict), "Return the dict of gradients that `backward` returns.")
        found.append(np.ravel(grads["b_out"]).copy())
        expect(len(asked) > 0, "It returned an estimate without evaluating anything.")
        together = np.concatenate(asked)
        expect(
            len(np.unique(together, axis=0)) == len(together),
            "A string was evaluated twice in one batch: each distinct string only once.",
        )
    found = np.array(found)
    variance = (probability @ (rewards[:, None] * scores) ** 2 - exact**2).clip(0) / B / repeats
    live = variance > 1e-14
    z = (found.mean(axis=0) - exact)[live] / np.sqrt(variance[live])
    expect(
        np.abs(z).max() < 6,
        f"Over {repeats} batches the mean of the estimates is {np.abs(z).max():.0f} standard errors "
        "away from the exact gradient. How often does a string stand in the batch, and how often "
        "does it stand in your mean?",
    )
    dealer = _Dealer(space, dtype=np.float64)
    dealer.params["b_out"][:] = policy.params["b_out"]
    mean, whole = np.zeros(6), True
    for one, two in product(range(6), repeat=2):  # all batches of two, where a small bias is large
        dealer.batch, dealer.calls = strings[[one, two]], 0
        grads = answer(dealer, evaluate, 2, order, rng)
        mean += probability[one] * probability[two] * np.ravel(grads["b_out"])
        whole &= dealer.calls == 1
    if whole:  # drawn as in the exercise, by one call
        expect_close(
            mean,
            exact,
            "Over all batches of two strings the mean of the estimates is not the gradient, if only "
            "by a factor. Does anything but its own reward stand before the score of a string?",
        )
    return (
        "each distinct string is evaluated once, and enters the mean as often as it was drawn. "
        "Without the counts, rare strings weigh as much as common ones."
    )


@exercise
def check_valid_only(answer: Any) -> str:
    """Enumerate all batches of two and three valid strings, and add up the estimates."""
    space = mn.spaces.CategoricalSpace(["x", "y"], [3, 2])
    strings = np.array(list(product(range(3), range(2))))
    valid = np.array([True, True, False, True, True, False])
    rng = np.random.default_rng(14)
    policy = mn.policies.Independent(space, dtype=np.float64)
    for B in (2, 3):
        policy.params["b_out"][:] = rng.normal(size=(2, 3))
        rewards = rng.normal(3.0, 1.0, size=6)
        orders = np.tile(np.arange(2), (6, 1))
        log_prob, cache = policy.forward(strings, orders)
        within = np.exp(log_prob) * valid
        within /= within.sum()
        scores = np.array([policy.backward(row, cache)["b_out"].ravel() for row in np.eye(6)])
        right = within @ ((rewards - within @ rewards)[:, None] * scores)
        mean = np.zeros(6)
        for batch in product(np.flatnonzero(valid), repeat=B):
            rows = list(batch)
            weights = answer(rewards[rows])
            expect(weights is not None, "The function returns None.")
            weights = np.asarray(weights, dtype=float)
            expect(weights.shape == (B,), f"Return one weight a string: shape ({B},).")
            mean += np.prod(within[rows]) * (weights @ scores[rows])
        length = float(np.sqrt(mean @ mean))
        cosine = mean @ right / max(length * np.sqrt(right @ right), 1e-300)
        expect(
            cosine > 1 - 1e-9,
            f"With B = {B} the mean of your estimator does not even point along grad J_v (cosine "
            f"{cosine:.3f}). Some part of grad log Z is left in it.",
        )
        expect_close(
            length,
            np.sqrt(right @ right),
            f"With B = {B} the direction is right, but the length is off by a constant factor: a "
            "string is compared with a mean that contains itself.",
        )
    return (
        "(f - mean) / (B - 1), the sample covariance of reward and score. The covariance removes "
        "grad log Z without ever estimating it, so rejection leaves no bias."
    )
