"""Estimates of the noise model. Nothing here looks at a held-out cell."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

from maade_np.tables._surrogate_noise import LOW, SCORES, Outputs, tails
from surrogate.data import Results
from surrogate.heads import logit

Arrays = dict[str, np.ndarray]

LEVELS = np.array([0.75, 0.83, 0.865, 0.89, 0.905, 0.915, 0.925, 0.9325, 0.94])
# An assumption. Two moments bear on it, neither decides: how best validation and mean test of
# 20,001 cells vary together, and how little the gap between mean validation and mean test of
# some 900 small cells scatters. `benchmarks/surrogate_quality.py` shows what 0 and 0.9 change.
RHO = 0.5
LOW_LEVELS = 24
_SIMULATED = 400_000


def calibrate_collapse(logits: np.ndarray, collapsed: np.ndarray) -> tuple[float, float]:
    """Slope and shift of the logit by maximum likelihood; three runs a cell."""

    def loss(p: np.ndarray) -> float:
        x = p[0] * logits + p[1]
        return float((3 * np.logaddexp(0, x) - collapsed * x).mean()) * 1e3

    return tuple(minimize(loss, [1.0, 0.0], method="Nelder-Mead").x)


def fit_tails(z: np.ndarray) -> tuple[np.ndarray, float]:
    """Shape of T, and the factor of sigma, from z = (y0 - log mean of the pair) / sigma.

    Quantiles of z are matched by simulated triples, between the 0.2 and 99.8 per cent points.
    """
    levels = np.concatenate([[0.002, 0.005, 0.01, 0.02], np.linspace(0.04, 0.96, 24),
                             [0.98, 0.99, 0.995, 0.998]])  # fmt: skip
    wanted = np.quantile(z, levels)
    normals = np.random.default_rng(7).standard_normal((3, _SIMULATED))

    def shape_of(skew: float, tail: float) -> np.ndarray:
        raw = tails(np.array([skew, tail, 0.0, 1.0]), normals[0])
        return np.array([skew, tail, raw.mean(), raw.std()])

    def loss(p: np.ndarray) -> float:
        if p[1] <= 0.2:
            return np.inf
        t = tails(shape_of(p[0], p[1]), normals) * p[2]
        found = np.quantile(t[0] - (t[1] + t[2]) / 2, levels)
        return float((((found - wanted) / (0.3 + np.abs(wanted))) ** 2).mean())

    best = minimize(loss, [0.1, 0.85, 1.2], method="Nelder-Mead", options={"maxiter": 120}).x
    return shape_of(best[0], best[1]), float(best[2])


def cell_effect(outputs: Outputs, results: Results, cells: np.ndarray) -> np.ndarray:
    """tau at `LEVELS`: repeats of a cell err together, by the covariance of their residuals."""
    cells = cells[results.collapsed[cells] == 0]
    m, sigma = outputs.log_error[cells], outputs.spread[cells]
    first = np.log(1 - results.first[cells]) - m
    pair = np.log(1 - results.pair[cells]) - m
    usual = (np.abs(first) < 4 * sigma) & (np.abs(pair) < 4 * sigma)
    product = np.where(usual, first * pair, np.nan)
    weight = _hats(1 - np.exp(m)) * usual[:, None]
    # the mean over each level's neighbourhood, a smooth curve of few numbers
    variance = np.nansum(weight * product[:, None], axis=0) / weight.sum(axis=0)
    return np.sqrt(np.maximum(variance, 0))


def validation_gaps(
    outputs: Outputs, results: Results, cells: np.ndarray, shape: np.ndarray
) -> np.ndarray:
    """gap at `LEVELS`, (2, K): of small cells by their means, of large ones by their best of three.

    Log validation error less log test error. What the best of three gains on a mean is known
    from the spread of test runs; validation runs are taken to spread alike.
    """
    fine = results.collapsed[cells] == 0
    mean, best = results.mean_validation[:, -1], results.best[:, -1]
    small = cells[fine & np.isfinite(mean[cells]) & outputs.small[cells]]
    large = cells[fine & (best[cells] > 0.5) & ~outputs.small[cells]]
    gain = -_three(shape).min(axis=0).mean() * outputs.spread[large]  # smallest error
    test = np.log(1 - results.mean_test)
    return np.stack(
        [
            _smooth(_level(outputs, small), np.log(1 - mean[small]) - test[small]),
            _smooth(_level(outputs, large), np.log(1 - best[large]) + gain - test[large]),
        ]
    )


def validation_effect(
    outputs: Outputs, results: Results, cells: np.ndarray, model: Arrays
) -> tuple[float, float]:
    """gamma, and rho by its own moment, from the best of three of large cells.

    var(best) = gamma^2 + tau^2 + sigma^2 var(min of three T);
    cov(best, mean test) = tau^2 + rho sigma^2 / 3.
    """
    best = results.best[:, -1]
    cells = cells[(results.collapsed[cells] == 0) & (best[cells] > 0.5) & ~outputs.small[cells]]
    level, sigma = _level(outputs, cells), outputs.spread[cells]
    rests = [np.log(1 - a[cells]) - outputs.log_error[cells] for a in (best, results.mean_test)]
    rests = [rest - _hats(level) @ _smooth(level, rest) for rest in rests]
    usual = (np.abs(rests[0]) < 4 * sigma) & (np.abs(rests[1]) < 4 * sigma)
    level, sigma, rests = level[usual], sigma[usual], [rest[usual] for rest in rests]
    tau2 = np.interp(level, LEVELS, model["tau"]) ** 2
    least = _three(model["shape"]).min(axis=0).var()
    own = rests[0] ** 2 - tau2 - sigma**2 * least
    rho = 3 * (rests[0] * rests[1] - tau2).mean() / (sigma**2).mean()
    return float(np.sqrt(max(own.mean(), 0))), float(rho)


def gap_scatter(outputs: Outputs, results: Results, cells: np.ndarray, model: Arrays) -> float:
    """rho by the scatter of the gap over small cells, if no part of that is the cells' own."""
    mean = results.mean_validation[:, -1]
    cells = cells[np.isfinite(mean[cells]) & (results.collapsed[cells] == 0)]
    cells = cells[outputs.small[cells]]
    gap = np.log(1 - mean[cells]) - np.log(1 - results.mean_test[cells])
    z = gap - np.interp(_level(outputs, cells), LEVELS, model["gap"][0])
    z = np.clip(z / outputs.spread[cells], -3, 3)
    return float(1 - 1.5 * (z**2).mean())


def low_distributions(location: np.ndarray, results: Results, cells: np.ndarray) -> Arrays:
    """Distributions of real runs by predicted level, from out-of-fold predictions (3, C)."""
    probabilities = ndtr(SCORES)
    levels, tables = [], []
    for budget in range(LOW):
        known = cells[np.isfinite(results.best[cells, budget])]
        known = known[np.argsort(location[budget, known], kind="stable")]
        parts = np.array_split(known, LOW_LEVELS)
        levels.append([location[budget, part].mean() for part in parts])
        tables.append(
            [np.quantile(logit(results.best[part, budget]), probabilities) for part in parts]
        )
    return {"low_level": np.array(levels), "low": np.array(tables)}


def low_shares(location: np.ndarray, results: Results, cells: np.ndarray) -> np.ndarray:
    """phi of each low budget: how much less means of three scatter than single runs do.

    Both about the prediction, in the same four ranges of it; robust spreads.
    """
    shares = np.empty(LOW)
    for budget in range(LOW):
        mean, single = results.mean_validation[:, budget], results.best[:, budget]
        means = cells[np.isfinite(mean[cells])]
        singles = cells[np.isfinite(single[cells])]
        edges = np.quantile(location[budget, means], [0.02, 0.25, 0.5, 0.75, 0.98])
        ratios = []
        for low, high in pairwise(edges):
            spreads = []
            for values, group in ((mean, means), (single, singles)):
                at = location[budget, group]
                inside = group[(at >= low) & (at < high)]
                rest = logit(values[inside]) - location[budget, inside]
                spreads.append(np.subtract(*np.quantile(rest, [0.75, 0.25])))
            ratios.append((spreads[0] / spreads[1]) ** 2)
        shares[budget] = np.clip(1.5 * (np.mean(ratios) - 1 / 3), 0.0, 0.9)
    return shares


def _level(outputs: Outputs, cells: np.ndarray) -> np.ndarray:
    return 1 - np.exp(outputs.log_error[cells])


def _three(shape: np.ndarray) -> np.ndarray:
    """T of many simulated triples, (3, n)."""
    return tails(shape, np.random.default_rng(8).standard_normal((3, _SIMULATED)))


def _smooth(level: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least squares at `LEVELS`; second differences cost a little, outer levels have few cells."""
    bend = 3.0 * np.diff(np.eye(len(LEVELS)), 2, axis=0)
    system = np.concatenate([_hats(level), bend])
    return np.linalg.lstsq(system, np.concatenate([values, np.zeros(len(bend))]), rcond=None)[0]


def _hats(level: np.ndarray) -> np.ndarray:
    """Linear interpolation at `LEVELS` as a matrix, (n, K)."""
    return np.stack([np.interp(level, LEVELS, row) for row in np.eye(len(LEVELS))], axis=1)
