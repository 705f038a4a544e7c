"""How good the surrogate is: figures on cells to which nothing was fitted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import kendalltau, spearmanr

from maade_np.spaces.nasbench101 import NASBench101Space
from maade_np.tables._format import IMAGES
from surrogate.data import EPOCHS, Results

Figures = dict[str, Any]
PROBABILITIES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
COLLAPSE_EDGES = (0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1)
LEVEL_EDGES = (0.0, 0.85, 0.88, 0.90, 0.91, 0.92, 0.93, 1.0)


def accuracy(counts: np.ndarray) -> np.ndarray:
    return counts.astype(np.float64) / IMAGES


def tau(a: np.ndarray, b: np.ndarray) -> float:
    return float(kendalltau(a, b).statistic)


def ranks(
    predicted: Figures,
    results: Results,
    modelled: np.ndarray,
    level: np.ndarray,
    cells: np.ndarray,
) -> Figures:
    """Rank agreement of the predicted with the measured mean of three; see `top` for the best.

    The ceiling is what a model reaches that knows the level of every cell, by the noise model:
    the modelled cells' `level` against the mean of their three modelled runs.
    """
    p, real = predicted["test"][cells], results.mean_test[cells]
    calm = results.collapsed[cells] == 0
    return {
        "cells": len(cells),
        "kendall": tau(p, real),
        "kendall, were the model right": tau(p, modelled[cells]),
        "kendall ceiling by the noise": tau(level[cells], modelled[cells]),
        "kendall of the expectation with collapses": tau(predicted["mean_test"][cells], real),
        "spearman": float(spearmanr(p, real).statistic),
        "kendall with repeat 0 alone": tau(p, results.first[cells]),
        "root mean square error where no run collapsed, points": float(
            100 * np.sqrt(np.mean((p - real)[calm] ** 2))
        ),
        "median absolute error, points": float(100 * np.median(np.abs(p - real))),
    }


def top(
    predicted: np.ndarray, results: Results, modelled: np.ndarray, cells: np.ndarray
) -> Figures:
    """Rank quality among the best 1 per cent, and what the model itself leads one to expect."""
    n = len(cells) // 100
    p = predicted[cells]
    by_prediction = np.argsort(-p, kind="stable")
    found: Figures = {"best 1 per cent, cells": n}
    for name, real in (("real", results.mean_test[cells]), ("modelled", modelled[cells])):
        by_result = np.argsort(-real, kind="stable")
        best = by_result[:n]
        found[name] = {
            "kendall within": tau(p[best], real[best]),
            "recall of the best 1 per cent in the predicted 1 per cent": _shared(
                best, by_prediction[:n]
            ),
            "recall of the best 100 in the predicted 1 per cent": _shared(
                by_result[:100], by_prediction[:n]
            ),
            "mean error of the predicted best 100, per cent": 100
            * (1 - real[by_prediction[:100]].mean()),
            "mean error of the best 100, per cent": 100 * (1 - real[by_result[:100]].mean()),
        }
    return found


def spread(results: Results, test: np.ndarray, predicted: Figures, cells: np.ndarray) -> Figures:
    """r0 - (r1 + r2) / 2 over its predicted deviation: real cells against modelled ones."""
    deviation = predicted["spread"][cells] * np.sqrt(1.5)
    modelled = accuracy(test[cells])
    fell = (modelled < 0.15).any(axis=1)
    calm = results.collapsed[cells] == 0
    real = ((results.first - results.pair)[cells] / deviation)[calm]
    model = ((modelled[:, 0] - modelled[:, 1:].mean(axis=1)) / deviation)[~fell]
    groups = {}
    sizes = np.quantile(predicted["spread"][cells], np.linspace(0, 1, 6))
    sizes[-1] += 1e-9
    for name, key, edges in (("level", "test", LEVEL_EDGES), ("spread", "spread", sizes)):
        groups[name] = []
        value = predicted[key][cells]
        for low, high in pairwise(edges):
            inside = (value >= low) & (value < high)
            widths = [
                float(np.subtract(*np.quantile(z[inside[which]], [0.84, 0.16])) / 2)
                for z, which in ((real, calm), (model, ~fell))
            ]
            row = {f"predicted {name}": f"{low:.4f} to {high:.4f}", "cells": int(inside.sum())}
            groups[name].append(row | {"real": widths[0], "modelled": widths[1]})
    coverage = {}
    for share in (0.5, 0.8, 0.9, 0.95, 0.99):
        low, high = np.quantile(model, [(1 - share) / 2, (1 + share) / 2])
        coverage[f"{share:g}"] = float(((real >= low) & (real <= high)).mean())
    return {
        "quantiles": _quantiles(real, model),
        "share of real differences inside the modelled central interval": coverage,
        "half width of the central 68 per cent by level": groups["level"],
        "half width of the central 68 per cent by predicted spread": groups["spread"],
    }


def collapses(
    results: Results, test: np.ndarray, probability: np.ndarray, cells: np.ndarray
) -> Figures:
    """Collapsed runs: how many in all, in how many cells, and whether probabilities hold."""
    p, seen = probability[cells], results.collapsed[cells]
    modelled = (test[cells] < 0.15 * IMAGES).sum(axis=1)
    bins = []
    for low, high in pairwise(COLLAPSE_EDGES):
        inside = (p >= low) & (p < high)
        bins.append(
            {
                "probability": f"{low:g} to {high:g}",
                "cells": int(inside.sum()),
                "expected runs": float(3 * p[inside].sum()),
                "collapsed runs": int(seen[inside].sum()),
            }
        )
    return {
        "share of runs, real": float(seen.mean() / 3),
        "share of runs, modelled": float(modelled.mean() / 3),
        "cells with 0, 1, 2, 3 collapsed runs, real": np.bincount(seen, minlength=4).tolist(),
        "cells with 0, 1, 2, 3 collapsed runs, modelled": np.bincount(
            modelled, minlength=4
        ).tolist(),
        "reliability": bins,
    }


def sampled_validation(results: Results, validation: np.ndarray, draws: int, seed: int) -> Figures:
    """Single validation runs of cells drawn by the official sampler, against 600,000 real ones."""
    space, rng = NASBench101Space(), np.random.default_rng(seed)
    cells = space.identity(space.sample(draws, rng))
    runs = accuracy(validation[cells, -1, rng.integers(3, size=draws)])
    grid = np.linspace(0, 1, len(results.quantiles))
    real, model = results.quantiles, np.quantile(runs, grid)
    inner = (grid >= 0.01) & (grid <= 0.99)
    counts = np.searchsorted(np.sort(runs), real, side="right") / draws
    return {
        "draws": draws,
        "quantiles": _quantiles_of(real, model, grid),
        "mean, real": float(real.mean()),
        "mean, modelled": float(runs.mean()),
        "below 0.5, real": float(np.interp(0.5, real, grid)),
        "below 0.5, modelled": float((runs < 0.5).mean()),
        "largest difference of quantiles, 1 to 99 per cent, points": float(
            100 * np.abs(real - model)[inner].max()
        ),
        "mean difference of quantiles, 1 to 99 per cent, points": float(
            100 * np.abs(real - model)[inner].mean()
        ),
        "largest difference of distribution functions": float(np.abs(counts - grid)[inner].max()),
        "curve": {
            "share": grid[::10].tolist(),
            "real": real[::10].tolist(),
            "modelled": model[::10].tolist(),
        },
    }


def budgets(
    results: Results, validation: np.ndarray, predicted: Figures, cells: np.ndarray
) -> Figures:
    """Held-out cells of the 20,001: single runs at 4, 12, 36 epochs, best of three at 108."""
    found: Figures = {}
    for number, epochs in enumerate(EPOCHS):
        known = cells[np.isfinite(results.best[cells, number])]
        real = results.best[known, number]
        modelled = accuracy(validation[known, number])
        model = modelled.max(axis=1) if epochs == EPOCHS[-1] else modelled[:, 0]
        means = np.flatnonzero(np.isfinite(results.mean_validation[:, number]))
        difference = (
            accuracy(validation[means, number]).mean(axis=1)
            - results.mean_validation[means, number]
        )
        typical = predicted["validation"][known, number]
        found[str(epochs)] = {
            "what": "best of three" if epochs == EPOCHS[-1] else "one run",
            "cells": len(known),
            "quantiles": _quantiles(real, model),
            "kendall of the prediction": tau(typical, real),
            "kendall expected by the model itself": tau(typical, model),
            "means of three, cells": len(means),
            "means of three, modelled less real, points": 100 * float(difference.mean()),
            "means of three, deviation of that, points": 100 * float(difference.std()),
        }
    return found


def seconds(results: Results, predicted: np.ndarray, cells: np.ndarray) -> Figures:
    known = cells[np.isfinite(results.seconds[cells])]
    error = np.log(predicted[known]) - np.log(results.seconds[known])
    return {
        "cells": len(known),
        "median relative error, per cent": float(100 * np.median(np.abs(error))),
        "95th percentile, per cent": float(100 * np.quantile(np.abs(error), 0.95)),
        "kendall": tau(predicted[known], results.seconds[known]),
        "median seconds, real": float(np.median(results.seconds[known])),
        "median seconds, predicted": float(np.median(predicted[known])),
    }


def whole_space(results: Results, test: np.ndarray) -> Figures:
    """The space as the surrogate has it, against the real one; all cells."""
    modelled = accuracy(test)
    found = {}
    for name, mean, single in (
        ("real", results.mean_test, results.first),
        ("surrogate", modelled.mean(axis=1), modelled[:, 0]),
    ):
        found[name] = {
            "mean accuracy": float(mean.mean()),
            "median accuracy": float(np.median(mean)),
            "best mean of three, error in per cent": float(100 * (1 - mean.max())),
            "best repeat 0, error in per cent": float(100 * (1 - single.max())),
            "share of cells below 6.15 per cent error": float((mean > 1 - 0.0615).mean()),
            "share of cells below 5.9 per cent error": float((mean > 1 - 0.059).mean()),
            "kendall between repeat 0 and the mean of the others": tau(
                single[::7],
                (results.pair if name == "real" else modelled[:, 1:].mean(axis=1))[::7],
            ),
        }
    return found


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    return len(np.intersect1d(a, b)) / len(a)


def _quantiles(real: np.ndarray, model: np.ndarray) -> list[Figures]:
    return [
        {
            "probability": q,
            "real": float(np.quantile(real, q)),
            "modelled": float(np.quantile(model, q)),
        }
        for q in PROBABILITIES
    ]


def _quantiles_of(real: np.ndarray, model: np.ndarray, grid: np.ndarray) -> list[Figures]:
    return [
        {
            "probability": q,
            "real": float(np.interp(q, grid, real)),
            "modelled": float(np.interp(q, grid, model)),
        }
        for q in PROBABILITIES
    ]
