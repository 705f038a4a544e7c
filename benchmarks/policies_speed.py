"""How fast the five policies are, beside each other and beside the same policies in eager PyTorch.

    python benchmarks/policies_speed.py [--quick]

All sides run in one process, one thread each, in turns; ratios are formed round by round (`timing.py`).
The setting is the paper's for 3,200 queries: B = 64 strings, N = 26 decisions of NAS-Bench-101, d = 45,
one layer or block; MADE has N d = 1,170 units. Before anything is timed, log-probabilities and gradients
of both sides are compared in double precision. Writes ``results/policies/speed.json`` (with the machine's
description) and ``speed.md``. PyTorch is optional: without it the five are timed alone, and it is said.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import peers

peers.limit_threads(1)

import numpy as np  # noqa: E402
from peers import machine  # noqa: E402
from timing import Comparison, compare  # noqa: E402

import maade_np as mn  # noqa: E402
from maade_np import policies  # noqa: E402
from maade_np.files import write_text  # noqa: E402
from maade_np.optimizers import Adam  # noqa: E402
from maade_np.spaces import CategoricalSpace, NASBench101Space  # noqa: E402

HERE = Path(__file__).parent / "results" / "policies"
B, D_MODEL = 64, 45
# updates are made, but hardly move the policy: thousands on one batch would drive it where no search is
STILL = 1e-9
POLICIES: dict[str, tuple[type, dict[str, Any], str]] = {
    "MAADE": (policies.MAADE, {"d": D_MODEL}, "TorchMAADE"),
    "Independent": (policies.Independent, {}, "TorchIndependent"),
    "NADE": (policies.NADE, {"d": D_MODEL}, "TorchNADE"),
    "NADE, embedded": (policies.NADE, {"d": D_MODEL, "inputs": "embedded"}, "TorchNADE"),
    "MADE": (policies.MADE, {"d": D_MODEL}, "TorchMADE"),
    "MADE, direct": (policies.MADE, {"d": D_MODEL, "direct": True}, "TorchMADE"),
    "MADE, embedded": (policies.MADE, {"d": D_MODEL, "inputs": "embedded"}, "TorchMADE"),
    "LSTM": (policies.LSTM, {"d": D_MODEL}, "TorchLSTM"),
    "LSTM, two layers": (policies.LSTM, {"d": D_MODEL, "layers": 2}, "TorchLSTM"),
}
KINDS = {"shared": "one shared order", "own": "an order for each string"}
PARTS = ("sample", "update", "sample + update")
SLOWEST = 3.0  # times MAADE, for all but the LSTM


class Ours:
    """A policy and its optimizer behind the peers' two calls."""

    def __init__(self, policy: policies.Policy) -> None:
        self.policy = policy
        self.optimizer = Adam(policy.params, learning_rate=STILL)

    def sample(self, size: int, orders: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.policy.sample(size, orders, rng)[0]

    def update(self, actions: np.ndarray, orders: np.ndarray, advantage: np.ndarray) -> None:
        log_prob, cache = self.policy.forward(actions, orders)
        _, dlog_prob = mn.objectives.reinforce(log_prob, advantage)
        self.optimizer.step(self.policy.backward(dlog_prob, cache))


def make_peer(name: str, space: CategoricalSpace, params: Any, **settings: Any) -> Any:
    """Return the policy in PyTorch, with the same parameters."""
    card, peer = space.cardinalities.tolist(), POLICIES[name][2]
    if peer == "TorchMAADE":
        return peers.create("torch", params, card, space.families, **settings)
    from peers import torch_ablations

    return getattr(torch_ablations, peer)(params, card, space.families, **settings)


def batch(space: CategoricalSpace, kind: str, size: int) -> tuple[np.ndarray, ...]:
    """Return random actions, orders ("shared" or "own") and advantages."""
    rng = np.random.default_rng(1)
    actions = rng.integers(0, space.cardinalities, (size, space.size))
    orders = rng.permuted(np.tile(np.arange(space.size), (size, 1)), axis=1)
    if kind == "shared":
        orders = np.tile(orders[0], (size, 1))
    return actions, orders, rng.normal(size=size).astype(np.float32)


def difference(name: str, kind: str) -> float:
    """Worst relative difference of log-probabilities and gradients, both sides in float64."""
    space = CategoricalSpace(
        [f"h{i}" for i in range(7)],
        [2, 3, 2, 5, 3, 2, 3],
        families=["edge", "op", "edge", "width", "op", "edge", "op"],
    )
    make, settings, _ = POLICIES[name]
    small = {**settings, **({"d": 6} if "d" in settings else {})}
    policy = make(space, rng=0, dtype=np.float64, **small)
    rng = np.random.default_rng(2)
    for array in policy.params.values():
        array += 0.5 * rng.normal(size=array.shape)
    actions, orders, weight = batch(space, kind, 11)
    weight = weight.astype(np.float64)
    peer = make_peer(name, space, policy.params)
    log_prob, cache = policy.forward(actions, orders)
    grads, other = policy.backward(weight, cache), peer.gradients(actions, orders, weight)
    pairs = [(log_prob, peer.log_prob(actions, orders))]
    pairs += [(grads[key], other[key]) for key in policy.params]
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def calls(side: Any, kind: str, what: str) -> Callable[[], None]:
    """Return one of the `PARTS` as a call without arguments."""
    actions, orders, advantage = batch(NASBench101Space(), kind, B)
    rng = np.random.default_rng(0)

    def sample() -> None:
        side.sample(B, orders, rng)

    def update() -> None:
        side.update(actions, orders, advantage)

    def both() -> None:
        sample()
        update()

    return {"sample": sample, "update": update, "sample + update": both}[what]


def measure(kind: str, repeats: int, with_peers: bool) -> dict[str, Any]:
    """Time all policies together, then each beside its peer."""
    space = NASBench101Space()
    ours = {name: make(space, rng=0, **s) for name, (make, s, _) in POLICIES.items()}
    found: dict[str, Any] = {"parameters": {k: p.num_parameters for k, p in ours.items()}}
    for what in PARTS:
        together = {name: calls(Ours(policy), kind, what) for name, policy in ours.items()}
        found[what] = _rows(compare(together, reference="MAADE", repeats=repeats), kind, what)
        if not with_peers:
            continue
        for name, policy in ours.items():
            peer = make_peer(name, space, policy.params, learning_rate=STILL)
            sides = {
                "maade_np": calls(Ours(policy), kind, what),
                "torch": calls(peer, kind, what),
            }
            result = compare(sides, reference="maade_np", repeats=repeats).as_dict()
            found[what][name]["torch"] = result["torch"]
            row = result["torch"]
            print(
                f"{name:18} PyTorch {1e3 * row['seconds']:8.2f} ms, {row['ratio']:.2f} times ours "
                f"[{row['ratio_q1']:.2f}, {row['ratio_q3']:.2f}]",
                flush=True,
            )
    return found


def _rows(comparison: Comparison, kind: str, what: str) -> dict[str, Any]:
    print(f"\n{KINDS[kind]}: {what}\n{comparison}", flush=True)
    return comparison.as_dict()


def markdown(found: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    m = found["machine"]
    lines = [
        "Made by `python benchmarks/policies_speed.py`: all sides in turns in one process, one thread",
        "each; times are medians, ratios medians of rounds (quartiles in brackets).",
        f"Machine: {m.get('processor')}, {m.get('os')}, Python {m.get('python')}, "
        f"NumPy {m.get('numpy')}, PyTorch {m.get('frameworks', {}).get('torch', 'not installed')}.",
    ]
    for kind, title in KINDS.items():
        rows = found[kind]
        lines += [
            "",
            f"## B = {B}, N = 26, d = {D_MODEL}, {title}",
            "",
            "| | parameters | sample | update | both | times MAADE | PyTorch / ours: sample | update "
            "| both |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        ]
        for name in POLICIES:
            cells = [f"{rows['parameters'][name]:,}"]
            cells += [f"{1e3 * rows[what][name]['seconds']:.2f} ms" for what in PARTS]
            cells.append(f"{rows[PARTS[-1]][name]['ratio']:.2f}")
            against = [rows[what][name].get("torch") for what in PARTS]
            if against[-1] is None:
                cells += ["–"] * 3
            else:
                cells += [f"{row['ratio']:.2f}" for row in against[:2]]
                row = against[-1]
                cells.append(f"{row['ratio']:.2f} [{row['ratio_q1']:.2f}, {row['ratio_q3']:.2f}]")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines += ["", *_verdicts(rows)]
    return "\n".join(lines) + "\n"


def _verdicts(rows: dict[str, Any]) -> list[str]:
    both = rows[PARTS[-1]]
    slow = [n for n in POLICIES if "LSTM" not in n and both[n]["ratio"] > SLOWEST]
    lines = [
        f"No policy but the LSTM above {SLOWEST:g} times MAADE: "
        + (f"**not reached** by {', '.join(slow)}." if slow else "reached.")
    ]
    if "torch" in both["MAADE"]:
        behind = [n for n in POLICIES if both[n]["torch"]["ratio"] < 1]
        lines.append(
            "None slower than in eager PyTorch: "
            + (f"**not reached** by {', '.join(behind)}." if behind else "reached.")
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("--out", type=Path, default=HERE, help="default: %(default)s")
    arguments = parser.parse_args()
    repeats = 2 if arguments.quick else 15
    found: dict[str, Any] = {"keep_memory": peers.keep_memory()}
    try:
        import torch

        torch.set_num_threads(1)
        found["difference"] = {f"{n}, {k}": difference(n, k) for n in POLICIES for k in KINDS}
        worst = max(found["difference"].values())
        print(f"both sides agree to {worst:.1e}")
        if not worst < 1e-9:
            sys.exit(f"the two sides differ: {found['difference']}")
    except ImportError:
        found["missing"] = "PyTorch is not installed: pip install torch"
        print(found["missing"])
    found["machine"] = machine.describe()  # with the versions of what is loaded by now
    for kind in KINDS:
        found[kind] = measure(kind, repeats, "difference" in found)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "speed.json", json.dumps(found, indent=1) + "\n")
    write_text(arguments.out / "speed.md", markdown(found))
    print("\n" + markdown(found))


if __name__ == "__main__":
    main()
