"""Checks of notebook 8: the factorised first block."""

from __future__ import annotations

import numpy as np

from checks._common import exercise, expect, expect_close
from maade_np import layers


@exercise
def check_break_even(answer):
    """8.1: the smallest batch for which the table has fewer tanh."""
    expect(callable(answer), "The answer should be a function of N and P.")
    for N, P in ((26, 57), (10, 20), (10, 21), (1, 5), (6, 15), (10, 10_000), (7, 7)):
        right = next(B for B in range(1, 20_000) if B * N * N > N * P)
        found = answer(N, P)
        expect(
            isinstance(found, (int, np.integer)) and not isinstance(found, bool),
            f"A batch is a whole number; for N = {N}, P = {P} your answer is {found!r}.",
        )
        expect(found >= right, f"For N = {N}, P = {P} and B = {found} the table has no fewer tanh.")
        expect(found <= right, f"For N = {N}, P = {P} a smaller batch than {found} would do.")
    return (
        "N P a < B N^2 a where B > P / N, the mean number of values of a decision; the smallest whole "
        "number strictly above it is P // N + 1."
    )


@exercise
def check_contexts(answer):
    """8.2: contexts by matrix products of the choices with a ready-made table."""
    expect(callable(answer), "The answer should be a function of scores, K and chi.")
    for seed in range(4):
        rng = np.random.default_rng(80 + seed)
        P, d, B = 9 + seed, 4, 6
        scores, K = rng.uniform(-10, 10, size=P), rng.normal(size=(P, d))
        chi = (rng.random((B, P)) < 0.4).astype(float)
        chi[0, 0] = 1
        if seed:
            chi[-1] = 0
        alpha, _ = layers.masked_softmax_forward(scores[None], chi[None] > 0)
        given = scores.copy(), K.copy(), chi.copy()
        found = np.asarray(answer(*given))
        expect(
            np.isfinite(found).all(), "A string that has chosen nothing gets numbers not finite."
        )
        for name, before, after in zip(
            ("scores", "K", "chi"), (scores, K, chi), given, strict=True
        ):
            expect((before == after).all(), f"Your function changes {name}.")
        if seed and found.shape == (B, d):
            expect(
                not found[-1].any(),
                "The context of a string that has chosen nothing must be exactly 0.",
            )
        expect_close(found, alpha[0] @ K, "These are not the contexts of (8.4).", atol=1e-12)
    return (
        "numerator and denominator are both products of the choices with something that no string "
        "occurs in, and where the denominator is 0 so is the numerator."
    )


@exercise
def check_silent(answer):
    """8.3: the gradient of a table from which many strings have looked up rows."""
    expect(callable(answer), "The answer should be a function of dkeys, pairs and P.")
    for seed, (B, N, P, d) in enumerate(
        ((1, 3, 7, 2), (2, 3, 7, 4), (30, 5, 12, 3), (64, 1, 2, 1))
    ):
        rng = np.random.default_rng(830 + seed)
        first = np.arange(N) * (P // N)
        pairs = first + rng.integers(0, P // N, size=(B, N))
        dkeys = rng.normal(size=(B, N, d))
        right = np.zeros((P, d))
        for b in range(B):
            for i in range(N):
                right[pairs[b, i]] += dkeys[b, i]
        given = dkeys.copy()
        found = np.asarray(answer(given, pairs.copy(), P))
        expect((given == dkeys).all(), "Your function changes dkeys.")
        expect_close(found, right, f"With {B} string(s) of {N} decisions it is not the gradient.")
    return (
        "`dK[pairs] += dkeys` reads, adds and writes: where a row occurs several times the last one "
        "wins. One string chooses no pair twice, so one string could not show it. `np.add.at`, a "
        "product with one-hot choices, or the package's `backend.scatter_add` add them all."
    )
