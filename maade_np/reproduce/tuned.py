"""Settings chosen by ``benchmarks/tune.py`` for 150 queries, as changes to "paper-short".

Tuned on the surrogate, NAS-Bench-201 and HPOLib; the way there is in ``benchmarks/results/tune``.
"""

from __future__ import annotations

from typing import Any

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
}
