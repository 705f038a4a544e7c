"""Compute the stored trajectory anew: ``python tests/make_golden.py``.

Ten steps of Adam on REINFORCE for a fixed batch. Nothing is drawn at random, so that no version
of NumPy can change the problem: parameters, strings, orders and advantages are formulas. Run it
only when a change of the numbers is intended, and say why in the commit.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from maade_np import objectives, optimizers
from maade_np.policies import MAADE
from maade_np.spaces import CategoricalSpace

PATH = Path(__file__).parent / "golden" / "trajectory.json"
STEPS, B = 10, 12
SPACE = CategoricalSpace(
    ["a", "b", "c", "d", "e"], [2, 3, 1, 4, 3], families=["x", "y", "x", "y", "y"]
)


def problem(blocks: int) -> tuple[MAADE, np.ndarray, np.ndarray, np.ndarray]:
    """The policy at its start, and the batch: actions, orders, advantages."""
    policy = MAADE(SPACE, d=6, blocks=blocks, ff_width=5, attention_width=4, dtype=np.float64)
    for k, name in enumerate(sorted(policy.params)):
        array = policy.params[name]
        array[...] = 0.8 * np.sin(1.7 * k + 0.9 * np.arange(array.size)).reshape(array.shape)
    string, place = np.arange(B)[:, None], np.arange(SPACE.size)
    actions = (string * (place + 3) + place * place) % SPACE.cardinalities
    orders = (
        (string % 4 + 1) * place + string
    ) % SPACE.size  # steps of 1 to 4 around a circle of 5
    return policy, actions, orders, np.sin(1.0 + np.arange(B))


def trajectory(blocks: int) -> list[float]:
    """The losses before each step and after the last."""
    policy, actions, orders, advantage = problem(blocks)
    optimizer = optimizers.Adam(policy.params, learning_rate=0.01)
    losses = []
    for _ in range(STEPS + 1):
        log_prob, cache = policy.forward(actions, orders)
        loss, dlog_prob = objectives.reinforce(log_prob, advantage)
        losses.append(float(loss))
        optimizer.step(policy.backward(dlog_prob, cache))
    return losses


def main() -> None:
    """Write the file, whole or not at all."""
    PATH.parent.mkdir(exist_ok=True)
    text = json.dumps({f"blocks={M}": trajectory(M) for M in (1, 2)}, indent=1) + "\n"
    temporary = PATH.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, PATH)
    print(f"wrote {PATH}")


if __name__ == "__main__":
    main()
