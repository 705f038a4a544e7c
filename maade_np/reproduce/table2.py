"""The paper's Table 2: what each policy's context layer costs, counted and measured.

The context layer is what turns the decisions before one into the vector that its head reads: MAADE's
block, NADE's and MADE's hidden layer over embedded values, the LSTM. Embeddings of values and queries,
and the heads, are the same for all and are left out. One block, one layer, all widths d, and N d units
in MADE: what the paper's orders of growth imply.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maade_np import objectives, policies, report
from maade_np.files import write_text
from maade_np.loop import versions
from maade_np.optimizers import Adam
from maade_np.report.growth import Panel, draw_growth
from maade_np.spaces import CategoricalSpace

NAME = "table2"
SIZES = (10, 30, 100, 300, 1000)
WIDTHS = (16, 32, 64, 128, 256)
SHOWN = 32  # the width that is drawn, and timed
BATCH = 30
REPEATS = 5
MEMORY = 1.0  # GiB
BYTES = 4 * 4  # a float32 parameter, its gradient, Adam's two moments


class Layer(NamedTuple):
    """A policy's context layer.

    Attributes
    ----------
    make : callable
        The policy from (space, d).
    prefixes : tuple of str
        What the names of its parameters begin with.
    parameters : callable
        Their number from (N, d).
    multiply_adds : callable
        Of the matrix products for all N decisions of a string, from (N, d), in the textbook form.
    paper : str
        The order of growth of the parameters that the paper prints.
    """

    make: Callable[[CategoricalSpace, int], policies.Policy]
    prefixes: tuple[str, ...]
    parameters: Callable[[int, int], int]
    multiply_adds: Callable[[int, int], int]
    paper: str


LAYERS = {
    # W_q, W_k, W1, W2; b_a, w_a, b1, b2. All N queries and keys are projected and all N contexts go
    # through PosFF; each of the N (N - 1) / 2 visible pairs costs d for its score, d for its context.
    "MAADE": Layer(
        lambda space, d: policies.MAADE(space, d=d, rng=0),
        ("block",),
        lambda N, d: 4 * d * d + 4 * d,
        lambda N, d: 4 * N * d * d + N * (N - 1) * d,
        "d²",
    ),
    # inputs q and V, and the state: three products with d x 4 d
    "LSTM": Layer(
        lambda space, d: policies.LSTM(space, d=d, rng=0),
        ("lstm",),
        lambda N, d: 12 * d * d + 4 * d,
        lambda N, d: 12 * N * d * d,
        "d²",
    ),
    # a d x d matrix for each hyper-parameter, used once a string: sums carry the rest
    "NADE": Layer(
        lambda space, d: policies.NADE(space, d=d, inputs="embedded", rng=0),
        ("W", "c"),
        lambda N, d: N * d * d + d,
        lambda N, d: N * d * d,
        "N d²",
    ),
    # N d inputs to N d units, once a string: the masks hide decisions from each other
    "MADE": Layer(
        lambda space, d: policies.MADE(space, d=d, inputs="embedded", rng=0),
        ("W", "b1"),
        lambda N, d: N * d * N * d + N * d,
        lambda N, d: N * d * N * d,
        "N² d²",
    ),
}


def make_space(N: int) -> CategoricalSpace:
    """Return N binary hyper-parameters of one family."""
    return CategoricalSpace([f"h{i}" for i in range(N)], [2] * N, families=["h"] * N)


def counted(policy: policies.Policy, layer: Layer) -> int:
    """Count the parameters of a real policy's context layer."""
    return sum(
        array.size
        for name, array in policy.params.items()
        if name.startswith(layer.prefixes) and not name.startswith(("W_out", "W_heads"))
    )


def fits(layer: Layer, N: int, d: int, memory: float) -> bool:
    """Tell whether a layer's parameters, gradients and moments take at most so many GiB."""
    return layer.parameters(N, d) * BYTES <= memory * 2**30


def measure(
    memory: float = MEMORY, progress: Callable[[int, int], object] | None = None
) -> dict[str, Any]:
    """Count everything, check the counts on real policies that fit, and time those of one width.

    Parameters
    ----------
    memory : float
        GiB that a context layer's parameters, their gradients and Adam's moments may take, for a
        policy to be made.
    progress : callable, optional
        Called with what is done and the total.

    Raises
    ------
    RuntimeError
        A count from shapes is not that of the real policy.
    """
    sizes: list[dict[str, Any]] = []
    cases = [(name, N, d) for d in WIDTHS for N in SIZES for name in LAYERS]
    for number, (name, N, d) in enumerate(cases, start=1):
        layer = LAYERS[name]
        row: dict[str, Any] = {
            "policy": name,
            "N": N,
            "d": d,
            "parameters": layer.parameters(N, d),
            "multiply_adds": layer.multiply_adds(N, d),
            "checked": fits(layer, N, d, memory),
        }
        if row["checked"]:
            policy = layer.make(make_space(N), d)
            if counted(policy, layer) != row["parameters"]:
                raise RuntimeError(
                    f"{name}, N = {N}, d = {d}: {row['parameters']:,} parameters from shapes, "
                    f"{counted(policy, layer):,} in the policy"
                )
            if d == SHOWN:
                row["seconds"] = seconds(policy)
        sizes.append(row)
        if progress is not None:
            progress(number, len(cases))
    return {
        "memory": memory,
        "batch": BATCH,
        "repeats": REPEATS,
        "versions": versions(),
        "rows": sizes,
    }


def seconds(policy: policies.Policy) -> float:
    """Return the median time of sampling a batch in one order and updating the policy with it."""
    rng, N = np.random.default_rng(0), policy.space.size
    orders = np.tile(rng.permutation(N), (BATCH, 1))
    optimizer = Adam(policy.params, learning_rate=1e-9)
    advantage = rng.normal(size=BATCH).astype(policy.dtype)
    times = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        actions, _ = policy.sample(BATCH, orders, rng)
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.reinforce(log_prob, advantage)
        optimizer.step(policy.backward(dlog_prob, cache))
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def lines(
    found: dict[str, Any], key: str, d: int = SHOWN
) -> dict[str, tuple[list[int], list[float]]]:
    """Return for each policy the sizes N and a figure at one width, where it is known."""
    return {
        name: (
            [
                row["N"]
                for row in found["rows"]
                if (row["policy"], row["d"]) == (name, d) and key in row
            ],
            [
                row[key]
                for row in found["rows"]
                if (row["policy"], row["d"]) == (name, d) and key in row
            ],
        )
        for name in LAYERS
    }


def slope(x: list[int], y: list[float]) -> float:
    """Return the exponent of growth between the last two sizes; NaN where there are no two."""
    if len(x) < 2:
        return float("nan")
    return float(np.log(y[-1] / y[-2]) / np.log(x[-1] / x[-2]))


def as_markdown(found: dict[str, Any]) -> str:
    """Return the counts and times at one width, and how they grow."""
    keys = {"parameters": "parameters", "multiply_adds": "multiply-adds a string", "seconds": "ms"}
    text = [
        "# Table 2: what the context layer costs",
        "",
        f"d = {SHOWN}, one block or layer, N binary hyper-parameters; other widths are in `table.csv`.",
        "Counts come from shapes; where parameters, gradients and Adam's moments take at most",
        f"{found['memory']:g} GiB they were compared with those of a real policy (✓), which was",
        f"timed. *ms*: sampling a batch of {found['batch']} strings in one order and one update with it,",
        f"whole policy, float32, median of {found['repeats']}. *Exponent*: x in N^x between the last two",
        "sizes. Made by `maade-np reproduce table2`.",
    ]
    for key, title in keys.items():
        data = lines(found, key)
        head = ["policy", *(f"N = {N:,}" for N in SIZES), "exponent", "paper, parameters"]
        text += ["", f"## {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        for name, (x, y) in data.items():
            values = dict(zip(x, y, strict=True))
            cells = [name]
            for N in SIZES:
                cells.append(
                    _cell(key, values.get(N), fits(LAYERS[name], N, SHOWN, found["memory"]))
                )
            cells += [f"{slope(x, y):.2f}", f"O({LAYERS[name].paper})"]
            text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


def _cell(key: str, value: float | None, checked: bool) -> str:
    if value is None:
        return "–"
    if key == "seconds":
        return f"{1e3 * value:,.3g}"
    return f"{value:,}" + (" ✓" if checked and key == "parameters" else "")


def as_csv(found: dict[str, Any]) -> str:
    """Return all counts, a line a policy, size and width."""
    columns = ("policy", "N", "d", "parameters", "multiply_adds", "checked", "seconds")
    text = [",".join(columns)]
    text += [",".join(str(row.get(column, "")) for column in columns) for row in found["rows"]]
    return "\n".join(text) + "\n"


def write(folder: Path) -> list[Path]:
    """Make the tables and the picture from ``measured.json`` in a folder; return the files."""
    source = folder / "measured.json"
    if not source.exists():
        raise ValueError(f"{folder} holds no measured.json; run table2 without --report-only")
    found = json.loads(source.read_text(encoding="utf-8"))
    paths = [folder / "table.md", folder / "table.csv", folder / "growth.png"]
    write_text(paths[0], as_markdown(found))
    write_text(paths[1], as_csv(found))
    milliseconds = {
        name: (x, [1e3 * value for value in y]) for name, (x, y) in lines(found, "seconds").items()
    }
    figure = draw_growth(
        [
            Panel("parameters", lines(found, "parameters")),
            Panel("multiply-adds a string", lines(found, "multiply_adds")),
            Panel(f"ms, sample + update, B = {found['batch']}", milliseconds),
        ],
        title="The context layer, as the number of hyper-parameters grows",
        note=f"d = {SHOWN} · counted from shapes; measured up to {found['memory']:g} GiB of "
        "parameters, gradients and moments",
    )
    report.save_figure(figure, paths[2])
    return paths


def run(
    folder: Path, memory: float = MEMORY, progress: Callable[[int, int], object] | None = None
) -> None:
    """Measure and write ``measured.json``."""
    found = measure(memory, progress)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "measured.json", json.dumps(found, indent=1) + "\n")
