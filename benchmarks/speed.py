"""How fast maade_np is, beside the same MAADE in PyTorch, JAX and HIPS autograd.

    python benchmarks/speed.py [--table nasbench101.npz] [--quick]

All sides run in one process, one thread each, in turns; ratios are formed round by round
(`timing.py`). The setting is the paper's for 3,200 queries: B = 64 strings, N = 26 decisions of
NAS-Bench-101, d = 45, M = 1. Writes ``results/speed/speed.json`` (with the machine's description),
``speed.md`` and ``growth.png``. The peers (PyTorch, JAX, autograd) are optional: what is not installed
is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
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
from maade_np import report  # noqa: E402
from maade_np.files import write_text  # noqa: E402
from maade_np.optimizers import Adam  # noqa: E402
from maade_np.policies import MAADE, factorised_pays, maade_sampler  # noqa: E402
from maade_np.report import style  # noqa: E402
from maade_np.spaces import CategoricalSpace, NASBench101Space  # noqa: E402
from maade_np.tables import NASBench101  # noqa: E402

HERE = Path(__file__).parent / "results" / "speed"
B, D_MODEL = 64, 45
# thousands of updates on one batch would drive the policy where no search is (scores so far apart that
# the careful forms of softmax and sampler take over), so they are made, but hardly move it
STILL = 1e-9
GOALS = {
    "torch": ("sample + update", 10.0),
    "torch-plain-sampler": ("sample + update", 50.0),
    "jax": ("update", 3.0),
    "autograd": ("update", 20.0),
}
NAMES = {
    "torch": "PyTorch eager, autograd, cached keys",
    "torch-plain-sampler": "PyTorch eager, every position recomputed by the sampler",
    "torch-factorised": "PyTorch eager, given our factorised scores",
    "torch-folded": "PyTorch eager, given all our factorisations",
    "jax": "JAX jit, textbook",
    "jax-factorised": "JAX jit, given our factorised scores",
    "jax-folded": "JAX jit, given all our factorisations",
    "autograd": "HIPS autograd over textbook NumPy",
}


class Ours:
    """maade_np's policy and optimizer behind the peers' two calls."""

    def __init__(self, space: CategoricalSpace, d: int, form: str = "auto", blocks: int = 1):
        self.policy = MAADE(space, d=d, rng=0, form=form, blocks=blocks)
        self.optimizer = Adam(self.policy.params, learning_rate=STILL)

    def sample(self, size: int, orders: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.policy.sample(size, orders, rng)[0]

    def update(self, actions: np.ndarray, orders: np.ndarray, advantage: np.ndarray) -> None:
        log_prob, cache = self.policy.forward(actions, orders)
        _, dlog_prob = mn.objectives.reinforce(log_prob, advantage)
        self.optimizer.step(self.policy.backward(dlog_prob, cache))


def batch(space: CategoricalSpace, size: int, kind: str = "shared") -> tuple[np.ndarray, ...]:
    """Return random actions, orders ("shared", "own" or a number of them) and advantages."""
    rng = np.random.default_rng(1)
    N = space.size
    actions = rng.integers(0, space.cardinalities, (size, N))
    orders = rng.permuted(np.tile(np.arange(N), (size, 1)), axis=1)
    if kind == "shared":
        orders = np.tile(orders[0], (size, 1))
    elif kind != "own":
        orders = orders[rng.integers(int(kind), size=size)]
    return actions, orders, rng.normal(size=size).astype(np.float32)


def against_peers(repeats: int) -> dict[str, Any]:
    """Time sample, update and both, for us and for each peer that is installed."""
    space = NASBench101Space()
    actions, orders, advantage = batch(space, B)
    ours = Ours(space, D_MODEL)
    sides: dict[str, Any] = {"maade_np": ours}
    missing = {}
    for name in peers.PEERS:
        try:
            sides[name] = peers.create(
                name,
                ours.policy.params,
                space.cardinalities.tolist(),
                space.families,
                learning_rate=STILL,
            )
        except peers.MissingPeer as error:
            missing[name] = str(error)
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"missing": missing}
    for what in ("sample", "update", "sample + update"):
        calls = {
            name: _call(side, what, actions, orders, advantage, rng) for name, side in sides.items()
        }
        found[what] = _rows(compare(calls, reference="maade_np", repeats=repeats), what)
    return found


def _call(side: Any, what: str, actions: Any, orders: Any, advantage: Any, rng: Any) -> Callable:
    def sample() -> None:
        side.sample(B, orders, rng)

    def update() -> None:
        side.update(actions, orders, advantage)

    def both() -> None:
        sample()
        update()

    return {"sample": sample, "update": update, "sample + update": both}[what]


def _rows(comparison: Comparison, what: str) -> dict[str, Any]:
    print(f"\n{what}\n{comparison}", flush=True)
    return comparison.as_dict()


def whole_search(path: Path, repeats: int) -> dict[str, Any]:
    """Time whole searches of 150 and 3,200 queries, and the same through the PyTorch peer."""
    table = NASBench101.load(path)
    table.query(table.actions()[:1].astype(int), protocol="test-holdout")
    found: dict[str, Any] = {}
    for budget, preset in ((150, "paper-short"), (3200, "paper-medium")):

        def run(make: type, budget: int = budget, preset: str = preset) -> None:
            settings = mn.searchers.settings_for("remaade", preset)
            mn.search(make(table.space, settings, 0), table, budget, "test-holdout")

        sides = {"maade_np": lambda run=run: run(mn.searchers.PolicyGradient)}
        try:
            peer = peer_searcher()
            sides["torch"] = lambda run=run, peer=peer: run(peer)
        except peers.MissingPeer as error:
            print(error)
        rounds = max(3, repeats // 3) if budget == 3200 else repeats
        comparison = compare(sides, reference="maade_np", repeats=rounds, warmup=1)
        found[f"search, {budget} queries"] = _rows(comparison, f"search, {budget} queries")
    return found


def peer_searcher() -> type:
    """Return ReMAADE with the PyTorch peer in the place of our policy."""

    class PeerSearch(mn.searchers.PolicyGradient):
        def __init__(self, space: Any, settings: Any, seed: int = 0) -> None:
            super().__init__(space, settings, seed)
            self.peer = peers.create(
                "torch",
                self.policy.params,
                space.cardinalities.tolist(),
                space.families,
                learning_rate=settings.learning_rate,
            )

        def _draw(self, count: int, tries: int) -> dict[str, np.ndarray]:
            orders = self._draw_orders(count)
            actions = self.peer.sample(count, orders, self._rngs["strings"])
            return {"actions": actions, "orders": orders, "log_prob": np.zeros(count)}

        def update(self, proposals: Any, rewards: np.ndarray) -> None:
            advantage = rewards - self.baseline(rewards)
            self.peer.update(proposals.actions, proposals.orders, advantage.astype(np.float32))
            self.baseline.update(rewards)

    peers.create(
        "torch",
        MAADE(NASBench101Space(), rng=0).params,
        [2] * 21 + [3] * 5,
        NASBench101Space().families,
    )
    return PeerSearch


def lookups(path: Path, repeats: int) -> dict[str, Any]:
    """Time what the table costs: looking up a batch, and loading, cold and warm."""
    table = NASBench101.load(path)
    actions = table.space.sample(64, np.random.default_rng(0))
    calls = {
        "query 64 strings": lambda: table.query(actions, "test-holdout"),
        "identity of 64 strings": lambda: table.space.identity(actions),
    }
    found = _rows(compare(calls, repeats=repeats), "table")
    code = (
        "import time; from maade_np.tables import NASBench101; s = time.perf_counter();"
        f"t = NASBench101.load({str(path)!r}); t.query(t.actions()[:64].astype(int));"
        "print(time.perf_counter() - s)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold load", "warm load"):
            import subprocess

            run = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "MAADE_CACHE": folder},
            )
            found[name] = {"seconds": float(run.stdout)}
            print(f"{name}: {float(run.stdout):.2f} s")
    start = time.perf_counter()
    mn.spaces.nasbench101.enumerate_cells()
    found["enumeration (or its cache)"] = {"seconds": time.perf_counter() - start}
    return found


def growth(repeats: int) -> dict[str, Any]:
    """Time an update along N, d, M, B and D, in both forms, and what the rule would choose."""
    base = {"N": 26, "d": 45, "M": 1, "B": 64, "D": 2}
    axes = {
        "B": [10, 30, 64, 256],
        "N": [10, 20, 40, 80],
        "d": [16, 32, 64, 128],
        "M": [1, 2, 3],
        "D": [2, 4, 8, 16, 32, 64],
    }
    found: dict[str, Any] = {}
    for axis, values in axes.items():
        for value in values:
            p = {**base, axis: value}
            space = CategoricalSpace(
                [str(i) for i in range(p["N"])], [p["D"]] * p["N"], families=["value"] * p["N"]
            )
            actions, orders, advantage = batch(space, p["B"])
            calls = {}
            for form in ("factorised", "textbook"):
                side = Ours(space, p["d"], form, p["M"])
                calls[form] = lambda s=side, a=actions, o=orders, v=advantage: s.update(a, o, v)
            result = compare(calls, reference="factorised", repeats=repeats, warmup=1)
            pays = factorised_pays(p["B"], p["N"], p["N"] * p["D"], p["d"], p["d"], p["M"])
            found[f"{axis}={value}"] = {
                **{form: result.time(form).median for form in calls},
                "gain": result.ratio("textbook").median,
                "rule": "factorised" if pays else "textbook",
            }
            row = found[f"{axis}={value}"]
            print(
                f"{axis} = {value:4}: factorised {1e3 * row['factorised']:8.2f} ms, textbook "
                f"{1e3 * row['textbook']:8.2f} ms, gain {row['gain']:6.2f}, rule: {row['rule']}",
                flush=True,
            )
    return found


def orders_of_a_batch(repeats: int) -> dict[str, Any]:
    """Time the sampler where strings share an order, have one of four, or each its own."""
    space, found = NASBench101Space(), {}
    policy = MAADE(space, d=D_MODEL, rng=0)
    rng = np.random.default_rng(0)
    chosen_overhead = maade_sampler.GROUP_OVERHEAD
    for size in (64, 256, 1024):
        calls = {}
        for name, kind, overhead in (
            ("one order", "shared", 0),
            ("four orders, grouped", "4", 0),
            ("four orders, gathered", "4", 10**9),
            ("own orders", "own", 10**9),
        ):
            _, orders, _ = batch(space, size, kind)

            def sample(orders: Any = orders, overhead: int = overhead, size: int = size) -> None:
                maade_sampler.GROUP_OVERHEAD = overhead
                policy.sample(size, orders, rng)

            calls[name] = sample
        found[f"B={size}"] = _rows(compare(calls, repeats=repeats), f"sampler, B = {size}")
    maade_sampler.GROUP_OVERHEAD = chosen_overhead
    return found


def draw_growth(found: dict[str, Any]) -> Any:
    """Draw an update's time along each axis."""
    axes: dict[str, list[tuple[float, dict[str, Any]]]] = {}
    for key, row in found.items():
        axis, value = key.split("=")
        axes.setdefault(axis, []).append((float(value), row))
    titles = {
        "B": "B, strings a batch",
        "N": "N, hyper-parameters",
        "d": "d, width",
        "M": "M, blocks",
        "D": "D, values each",
    }
    with style.style():
        figure = style.new_figure(8.0, 3.2)
        plots = figure.subplots(1, len(axes), sharey=True)
        for ax, (axis, points) in zip(plots, axes.items(), strict=True):
            x = [value for value, _ in points]
            for form, colour in (("textbook", style.BLUE), ("factorised", style.VERMILLION)):
                ax.plot(
                    x,
                    [1e3 * row[form] for _, row in points],
                    "o-",
                    color=colour,
                    label=form,
                    markersize=4,
                )
            ax.set_xscale("log" if axis != "M" else "linear")
            ax.set_yscale("log")
            ax.set_xticks(x, [f"{value:.0f}" for value in x])
            ax.minorticks_off()
            ax.set_xlabel(titles[axis])
            ax.grid(axis="y", color=style.GRID)
        plots[0].set_ylabel("an update, ms")
        plots[0].legend(frameon=False, fontsize=8)
        figure.suptitle(
            "Cost of an update (base: B = 64, N = 26, d = 45, M = 1, D = 2)",
            x=0.01,
            ha="left",
            fontweight="bold",
        )
        figure.tight_layout()
    return figure


def markdown(found: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    m = found["machine"]
    lines = [
        "Made by `python benchmarks/speed.py`: all sides in turns in one process, one thread each;",
        "times are medians, ratios medians of rounds (quartiles in brackets).",
        f"Machine: {m.get('processor')}, {m.get('os')}, Python {m.get('python')}, "
        f"NumPy {m.get('numpy')}.",
        "",
        f"## B = {B}, N = 26, d = {D_MODEL}, M = 1, one shared order",
        "",
        "| | sample | update | both | times ours: sample | update | both |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    kernels = found["kernels"]
    for name in kernels["update"]:
        cells = [
            f"{1e3 * kernels[w][name]['seconds']:.2f} ms"
            for w in ("sample", "update", "sample + update")
        ]
        cells += [f"{kernels[w][name]['ratio']:.1f}" for w in ("sample", "update")]
        both = kernels["sample + update"][name]
        cells.append(f"{both['ratio']:.1f} [{both['ratio_q1']:.1f}, {both['ratio_q3']:.1f}]")
        lines.append(f"| {NAMES.get(name, name)} | " + " | ".join(cells) + " |")
    for name, (what, goal) in GOALS.items():
        if name in kernels[what]:
            ratio = kernels[what][name]["ratio"]
            verdict = "reached" if ratio >= goal else "**not reached**"
            lines.append(
                f"\nGoal, {NAMES[name]}, {what}: {goal:.0f} times; measured {ratio:.1f}: {verdict}."
            )
    if "searches" in found:
        lines += [
            "",
            "## Whole searches, table loaded, no plots",
            "",
            "| | maade_np | through the PyTorch peer | ratio |",
            "| --- | ---: | ---: | --- |",
        ]
        for name, rows in found["searches"].items():
            ours, peer = rows["maade_np"], rows.get("torch")
            cells = [f"{ours['seconds']:.3f} s"]
            cells += (
                [
                    f"{peer['seconds']:.3f} s",
                    f"{peer['ratio']:.1f} [{peer['ratio_q1']:.1f}, {peer['ratio_q3']:.1f}]",
                ]
                if peer
                else ["–", "–"]
            )
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines += ["", "## The table", "", "| | |", "| --- | ---: |"]
        for name, row in found["table"].items():
            s = row["seconds"]
            lines.append(f"| {name} | {f'{1e6 * s:.0f} us' if s < 0.01 else f'{s:.2f} s'} |")
    lines += [
        "",
        "## Growth of an update, and the gain of the factorised first block",
        "",
        "| setting | factorised | textbook | gain | the rule takes |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, row in found["growth"].items():
        lines.append(
            f"| {name} | {1e3 * row['factorised']:.2f} ms | {1e3 * row['textbook']:.2f} ms "
            f"| {row['gain']:.2f} | {row['rule']} |"
        )
    lines += [
        "",
        "## The sampler by orders",
        "",
        "| B | one order | four, grouped | four, gathered | own |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, rows in found["orders"].items():
        times = " | ".join(f"{1e3 * row['seconds']:.2f} ms" for row in rows.values())
        lines.append(f"| {name} | {times} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", help="also time whole searches and the table itself")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("--out", type=Path, default=HERE, help="default: %(default)s")
    arguments = parser.parse_args()
    repeats = 3 if arguments.quick else 21
    kept = peers.keep_memory()
    found: dict[str, Any] = {"machine": machine.describe(), "keep_memory": kept}
    found["kernels"] = against_peers(repeats)
    path = NASBench101.locate(arguments.table)
    if path is not None:
        found["searches"] = whole_search(path, repeats)
        found["table"] = lookups(path, repeats)
    found["orders"] = orders_of_a_batch(repeats)
    found["growth"] = growth(max(3, repeats // 3))
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "speed.json", json.dumps(found, indent=1) + "\n")
    write_text(arguments.out / "speed.md", markdown(found))
    report.save_figure(draw_growth(found["growth"]), arguments.out / "growth.png")
    print("\n" + markdown(found))


if __name__ == "__main__":
    main()
