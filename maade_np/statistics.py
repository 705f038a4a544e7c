"""Comparing searchers over trials: intervals, tests, and their correction for many comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
DRAWS = 10_000


class Interval(NamedTuple):
    """An estimate and the ends of its interval."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Mean of the first less mean of the second sample, and the two-sided p-value."""

    difference: float
    p: float


def interquartile_mean(values: npt.ArrayLike, axis: int = -1) -> np.ndarray:
    """Return the mean of the middle half.

    A quarter of the weight is cut off at either end; where that is no whole number of values, a
    value at the border counts in part (so it is the mean of the order statistics' middle half for
    every n). It hangs less on single lucky or unlucky trials than the mean, and uses more of the
    sample than the median (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the
    statistical precipice").
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=axis)
    n = ordered.shape[axis]
    places = np.arange(n)
    weights = (np.minimum(places + 1, 0.75 * n) - np.maximum(places, 0.25 * n)).clip(0)
    return np.asarray(np.tensordot(ordered, weights / (0.5 * n), axes=(axis, 0)))


def _mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.mean(axis=-1))


def bootstrap(
    values: npt.ArrayLike,
    statistic: Callable[[np.ndarray], np.ndarray] = _mean,
    rng: np.random.Generator | int = 0,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Interval:
    """Return a statistic with its percentile-bootstrap interval (Efron 1979).

    Parameters
    ----------
    values : array-like (n,)
        A figure a trial.
    statistic : callable
        From samples (draws, n) to their statistics (draws,); the mean by default.
    rng : numpy.random.Generator or int
        Of the resampling.
    level : float
        Share of the bootstrap distribution within the interval.
    draws : int

    Raises
    ------
    ValueError
        There is no value, or one is not finite.
    """
    sample = _checked(values, 1)
    picks = np.random.default_rng(rng).integers(len(sample), size=(draws, len(sample)))
    ends = np.quantile(statistic(sample[picks]), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(sample[None])[0]), float(ends[0]), float(ends[1]))


def welch(first: npt.ArrayLike, second: npt.ArrayLike) -> Comparison:
    """Compare two means by Welch's t test, which lets the variances differ.

    For samples that share nothing: a pair of trials with one seed shares the table's noise at most,
    and two policies spend their random numbers differently from the first string on.

    Returns
    -------
    Comparison
        With p = 1 where both samples are constant and equal, 0 where they are constant and differ.
    """
    a, b = _checked(first, 2), _checked(second, 2)
    difference = float(a.mean() - b.mean())
    u, v = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if u + v == 0:
        return Comparison(difference, float(difference == 0))
    t = difference / math.sqrt(u + v)
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1))
    return Comparison(difference, student_two_sided(t, float(freedom)))


def student_two_sided(t: float, freedom: float) -> float:
    """Return P(abs(T) > abs(t)) of Student's distribution: I_x(freedom / 2, 1/2), x = f / (f + t^2)."""
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    By the continued fraction (Abramowitz & Stegun 26.5.8), evaluated from its front (Lentz 1976),
    where it converges fast, and by I_x(a, b) = 1 - I_{1-x}(b, a) elsewhere.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    value = d
    for m in range(1, 1000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c = (1 + numerator / c) or tiny
            d = 1 / ((1 + numerator * d) or tiny)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return scale * value / a


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
    a, b = _checked(first, 1), _checked(second, 1)
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


def midranks(values: npt.ArrayLike, axis: int = -1) -> np.ndarray:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    array = np.moveaxis(np.asarray(values, dtype=float), axis, -1)
    below = (array[..., None, :] < array[..., :, None]).sum(axis=-1)
    equal = (array[..., None, :] == array[..., :, None]).sum(axis=-1)
    return np.asarray(np.moveaxis(below + (equal + 1) / 2, -1, axis))


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


def _checked(values: npt.ArrayLike, least: int) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < least:
        raise ValueError(f"values have shape {array.shape}; at least {least} in a row are needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{(~np.isfinite(array)).sum()} of {len(array)} values are not finite")
    return array
