"""What stands in the way of a faster sample and update: where the time goes, and its floor.

    python benchmarks/speed_limits.py

Times the four parts of a sample + update of `speed.py`, and by themselves, in the same process and
one thread, the operations that any NumPy form of the algorithm must make: the tanh, the matrix
products and the calls of the 26 steps of the sampler. Times are minima, for a floor is meant. Writes
``results/speed/limits.md`` and ``limits.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import peers

peers.limit_threads(1)

import numpy as np  # noqa: E402
from peers import machine  # noqa: E402

import maade_np as mn  # noqa: E402
from maade_np.files import write_text  # noqa: E402

HERE = Path(__file__).parent / "results" / "speed"
B, D_MODEL = 64, 45


def fastest(function: Callable[[], object], seconds: float) -> float:
    """The shortest time of a call within so many seconds of calls, in milliseconds."""
    best, until = np.inf, time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        function()
        best = min(best, time.perf_counter() - start)
    return 1e3 * float(best)


def measure(seconds: float) -> dict[str, Any]:
    """Milliseconds of the parts and of their floors."""
    space, rng = mn.spaces.NASBench101Space(), np.random.default_rng(0)
    policy = mn.policies.MAADE(space, d=D_MODEL, rng=0)
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-9)
    orders = np.tile(rng.permutation(space.size), (B, 1))
    actions, _ = policy.sample(B, orders, rng)
    log_prob, cache = policy.forward(actions, orders)
    _, dlog_prob = mn.objectives.reinforce(log_prob, np.linspace(-1, 1, B, dtype=np.float32))
    grads = policy.backward(dlog_prob, cache)
    parts = {
        "sample": lambda: policy.sample(B, orders, rng),
        "forward": lambda: policy.forward(actions, orders),
        "backward": lambda: policy.backward(dlog_prob, cache),
        "Adam": lambda: optimizer.step(grads),
    }
    N, P, d = space.size, policy.layout.P, D_MODEL

    def array(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    table, rows, step = array(N, P, d), array(B, N, d), array(B, d)
    alpha, values, chosen = array(B * N, P), array(P, d), array(B, P)
    flat, weighted, head = array(B * N, d), array(P, d + 1), array(d, 3)
    noise = array(B, 3)

    def step_calls() -> None:
        for _ in range(N):
            sums = chosen @ weighted
            pre = sums[:, :-1] / sums[:, -1:]
            pre += step
            z = np.tanh(pre, out=pre) @ head
            np.add(z, noise, out=z).argmax(axis=1)

    floors = {
        "sample: 26 steps of one product, tanh, head and argmax": step_calls,
        "sample: tanh of the score table": lambda: np.tanh(table),
        "forward: tanh of the score table": lambda: np.tanh(table),
        "forward: tanh of PosFF": lambda: np.tanh(rows),
        "forward: one product with the weights": lambda: alpha @ values,
        "backward: two products with the weights": lambda: (alpha.T @ flat, flat @ values.T),
        "backward: 1 - y^2 of both tanh": lambda: (1 - table * table, 1 - rows * rows),
        "head: its product": lambda: rows.transpose(1, 0, 2) @ np.broadcast_to(head, (N, d, 3)),
    }
    return {
        "parts": {name: fastest(call, seconds) for name, call in parts.items()},
        "floors": {name: fastest(call, seconds) for name, call in floors.items()},
    }


def markdown(found: dict[str, Any]) -> str:
    """The report."""
    parts, floors = found["parts"], found["floors"]
    both, floor = sum(parts.values()), sum(floors.values())
    lines = [
        "Made by `python benchmarks/speed_limits.py`; minima, one thread, nothing else in the "
        "process.",
        f"Machine: {found['machine']['processor']}, NumPy {found['machine']['numpy']}. "
        f"B = {B}, N = 26, d = {D_MODEL}, M = 1, one shared order.",
        "",
        "| part | ms |",
        "| --- | ---: |",
        *(f"| {name} | {value:.2f} |" for name, value in parts.items()),
        f"| **sum** | **{both:.2f}** |",
        "",
        "| what any NumPy form of the algorithm must do, by itself | ms |",
        "| --- | ---: |",
        *(f"| {name} | {value:.2f} |" for name, value in floors.items()),
        f"| **sum** | **{floor:.2f}** |",
        "",
        f"So {100 * floor / both:.0f} % of the time is work that no rearrangement of NumPy calls "
        "removes; the rest is masks, normalisation, sums and memory traffic.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="a row (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE, help="default: %(default)s")
    arguments = parser.parse_args()
    found = {"machine": machine.describe(), **measure(arguments.seconds)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "limits.json", json.dumps(found, indent=1) + "\n")
    write_text(arguments.out / "limits.md", markdown(found))
    print(markdown(found))


if __name__ == "__main__":
    main()
