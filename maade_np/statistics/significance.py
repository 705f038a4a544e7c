"""Tests of two samples, and their correction for many comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maade_np.statistics._checked import checked
from maade_np.statistics._student import student_two_sided
from maade_np.statistics.intervals import DRAWS
from maade_np.statistics.ranks import midranks


class Comparison(NamedTuple):
    """Mean of the first less mean of the second sample, and the two-sided p-value."""

    difference: float
    p: float


def welch(first: npt.ArrayLike, second: npt.ArrayLike) -> Comparison:
    """Compare two means by Welch's t test, which lets the variances differ.

    For samples that share nothing. Trials of one seed share the table's noise, and searchers that are
    alike may share their first proposals; such pairs correlate positively, and not using that makes
    the test cautious, never bold.

    Returns
    -------
    Comparison
        With p = 1 where both samples are constant and equal, 0 where they are constant and differ.
    """
    a, b = checked(first, 2), checked(second, 2)
    difference = float(a.mean() - b.mean())
    u, v = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if u + v == 0:
        return Comparison(difference, float(difference == 0))
    t = difference / math.sqrt(u + v)
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1))
    return Comparison(difference, student_two_sided(t, float(freedom)))


def permutation_test(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    rng: np.random.Generator | int = 0,
    draws: int = DRAWS,
    paired: bool = False,
) -> Comparison:
    """Compare two means by random relabelling, without assuming a distribution.

    Parameters
    ----------
    first, second : array-like (n,), (m,)
    rng : numpy.random.Generator or int
    draws : int
        Random relabellings; the observed one counts as one more, so p is at least 1 / (draws + 1).
    paired : bool
        Swap within pairs only. For trials that truly share their start and noise.

    Raises
    ------
    ValueError
        Paired samples of different lengths.
    """
    a, b = checked(first, 1), checked(second, 1)
    rng, difference = np.random.default_rng(rng), float(a.mean() - b.mean())
    if paired and len(a) != len(b):
        raise ValueError(f"paired samples have {len(a)} and {len(b)} values; they must be as many")
    pool, hits = np.concatenate([a, b]), 0
    for start in range(0, draws, 1000):
        size = min(1000, draws - start)
        if paired:
            differences = (rng.choice([-1.0, 1.0], size=(size, len(a))) * (a - b)).mean(axis=1)
        else:
            mixed = rng.permuted(np.tile(pool, (size, 1)), axis=1)
            differences = mixed[:, : len(a)].mean(axis=1) - mixed[:, len(a) :].mean(axis=1)
        hits += int((np.abs(differences) >= abs(difference) * (1 - 1e-12)).sum())
    return Comparison(difference, (hits + 1) / (draws + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for a family of tests (Holm 1979).

    The k-th smallest of m is multiplied by m - k + 1, and made no smaller than the one before: with
    all below 0.05, the chance of any false claim is below 0.05, however the tests hang together.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return [float(value) for value in corrected]


def rank_test(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    rng: np.random.Generator | int = 0,
    draws: int = DRAWS,
) -> Comparison:
    """Compare by the mid-ranks of the pooled values (Wilcoxon 1945), by random relabelling.

    Relabelling keeps ties exact, which tables of finitely many cells are full of; outliers count by
    their rank only. The difference returned is that of the means.
    """
    a, b = checked(first, 1), checked(second, 1)
    ranks = midranks(np.concatenate([a, b]))
    p = permutation_test(ranks[: len(a)], ranks[len(a) :], rng, draws).p
    return Comparison(float(a.mean() - b.mean()), p)


class Test(NamedTuple):
    """A test, and what it is called in a sentence."""

    name: str
    run: Callable[[npt.ArrayLike, npt.ArrayLike], Comparison]


TESTS = {
    "welch": Test("Welch's test", welch),
    "permutation": Test("a permutation test of the means", permutation_test),
    "rank": Test("a permutation test of the mean mid-ranks", rank_test),
}
