"""Settings chosen by ``benchmarks/tune.py`` for 150 queries, as changes to its bases.

Tuned on the surrogate, NAS-Bench-201 and HPOLib; the way there is in ``benchmarks/results/tune``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maade_np.experiments import Arm

# the preset from which a searcher was tuned; otherwise its own first one
BASES = {
    "reinforce": "paper-short",
    "reinforce-made": "paper-short",
    "reinforce-nade": "paper-short",
    "reinforce-lstm": "paper-short",
    "remaade": "paper-short",
    "remaade-critic": "strong",
    "alphax": "small",
    "bananas": "small",
    "nasbot": "small",
}
TUNED: dict[str, dict[str, Any]] = {
    "reinforce": {
        "batch_size": 15,
        "learning_rate": 0.1,
        "advantage": "rank",
        "updates": 10,
        "ppo_form": "paper",
        "epsilon": 0.3,
        "entropy": 0.01,
        "orders": "1",
        "objective": "ppo",
        "duplicates": "skip",
    },
    "reinforce-made": {
        "batch_size": 5,
        "learning_rate": 0.001,
        "advantage": "rank",
        "updates": 5,
        "ppo_form": "clipped",
        "epsilon": 0.2,
        "entropy": 0.01,
        "orders": "1",
        "d": 64,
        "objective": "ppo",
        "duplicates": "skip",
    },
    "reinforce-nade": {
        "batch_size": 10,
        "learning_rate": 0.01,
        "advantage": "rank",
        "updates": 5,
        "ppo_form": "clipped",
        "epsilon": 0.3,
        "entropy": 0.01,
        "orders": "natural",
        "d": 64,
        "objective": "ppo",
        "duplicates": "skip",
    },
    "reinforce-lstm": {
        "batch_size": 5,
        "learning_rate": 0.03,
        "advantage": "standardised",
        "updates": 2,
        "ppo_form": "paper",
        "epsilon": 0.2,
        "entropy": 0.01,
        "orders": "natural",
        "d": 36,
        "objective": "ppo",
        "duplicates": "skip",
    },
    "remaade": {
        "batch_size": 5,
        "learning_rate": 0.03,
        "advantage": "standardised",
        "updates": 2,
        "ppo_form": "paper",
        "epsilon": 0.2,
        "entropy": 0.01,
        "orders": "natural",
        "d": 36,
        "objective": "ppo",
        "duplicates": "skip",
    },
    "remaade-critic": {
        "batch_size": 5,
        "learning_rate": 0.03,
        "advantage": "rank",
        "updates": 1,
        "ppo_form": "clipped",
        "epsilon": 0.3,
        "entropy": 0.03,
        "orders": "all",
        "d": 64,
        "parents": 5,
        "candidates": 400,
        "objective": "reinforce",
        "duplicates": "skip",
    },
    "local-search": {"initial": 50, "improvement": "first", "duplicates": "skip"},
    "evolution": {
        "initial": 10,
        "population": 20,
        "sample": 10,
        "replacement": "without",
        "removal": "oldest",
        "mutation": "naszilla-2020",
        "invalid": "parent",
        "duplicates": "skip",
    },
    "tpe": {
        "initial": 20,
        "candidates": 64,
        "gamma": 0.4,
        "share": "linear",
        "estimator": "counts",
        "prior_weight": 1.0,
        "duplicates": "skip",
    },
    "bohb": {
        "num_samples": 64,
        "random_fraction": 0.0,
        "min_bandwidth": 0.1,
        "top_n_percent": 5,
        "min_points": 0,
        "kernel": "bounded",
        "budgets": "108",
        "duplicates": "skip",
    },
    "alphax": {
        "exploration": 0.05,
        "simulations": 10,
        "hidden": "128-128",
        "learning_rate": 0.002,
        "epochs": 100,
        "fit_every": 100,
        "scale": "none",
        "cells": "valid",
        "duplicates": "skip",
    },
    "nasbot": {
        "initial": 20,
        "acquisition": "ucb",
        "effort": 12.0,
        "pool": 40,
        "mutation": "steps",
        "hyper": "likeliest",
        "refit": 20,
        "duplicates": "skip",
    },
    "bananas": {
        "initial": 20,
        "batch_size": 5,
        "networks": 3,
        "layers": 3,
        "width": 32,
        "epochs": 60,
        "learning_rate": 0.01,
        "target": "standardised",
        "encoding": "path",
        "length": 40,
        "mutation": "naszilla",
        "pool": 100,
        "max_parents": 5,
        "acquisition": "mean",
        "duplicates": "skip",
    },
}


def tuned_arm(label: str, key: str, settings: Mapping[str, Any] | None = None) -> Arm:
    """Return the arm of a searcher that is tuned: its base, with what was chosen or is tried.

    Parameters
    ----------
    label : str
    key : str
        A searcher's name; "remaade-critic" is "remaade", tuned with its critic.
    settings : mapping, optional
        Changes to the base; what was chosen by default.
    """
    changes = TUNED[key] if settings is None else settings
    return Arm(label, key.removesuffix("-critic"), BASES.get(key), changes)
