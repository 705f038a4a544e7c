"""How good the embedded surrogate is, measured on cells to which nothing was fitted.

    python benchmarks/surrogate_quality.py --table nasbench101.npz

Prints the figures and stores them, as JSON, Markdown and two pictures, in
benchmarks/results/surrogate. `--small` is a quick pass over fewer cells and trials.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from surrogate import measures, pictures, searches
from surrogate.data import Results, load_results, split_cells
from surrogate.text import as_text

from maade_np.files import write_text
from maade_np.spaces._isomorphism import NUM_CELLS
from maade_np.tables import surrogate as shipped
from maade_np.tables._surrogate_noise import Outputs, Runs, draw_runs

FOLDER = Path(__file__).parent / "results" / "surrogate"
ASKED_KENDALL = 0.88
QUERIES = 150
RHOS = (0.0, 0.5, 0.9)

Columns = dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", help="nasbench101.npz; default: MAADE_NASBENCH101")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    results, split = load_results(args.table), split_cells()
    cells = split.held_out[:8000] if args.small else split.held_out
    trials, draws = (200, 60_000) if args.small else (4000, 600_000)

    start = time.process_time()
    columns = shipped.surrogate_columns()
    cost = {"columns of all cells, seconds of one core": time.process_time() - start}
    cost["predict 64 cells, milliseconds of one core"] = time_predict()
    outputs = all_outputs()
    predicted = predictions()
    test, validation = columns["test"][:, -1], columns["validation"]
    modelled = measures.accuracy(test).mean(axis=1)
    report: dict[str, Any] = {
        "held-out ranks": measures.ranks(predicted, results, modelled, true_levels(outputs), cells),
        "held-out best 1 per cent": measures.top(predicted["test"], results, modelled, cells),
        "held-out spread": measures.spread(results, test, predicted, cells),
        "held-out collapses": measures.collapses(results, test, predicted["collapse"], cells),
        "validation of 600,000 draws": measures.sampled_validation(results, validation, draws, 3),
        "held-out budgets": measures.budgets(results, validation, predicted, cells),
        "held-out seconds": measures.seconds(results, predicted["seconds"], cells),
        "whole space": measures.whole_space(results, test),
        "searches": compare_searches(results, columns, trials),
        "shared noise": sensitivity(outputs, modelled, trials),
        "cost": cost,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    text = as_text(report)
    print(text)
    write_text(args.out / "quality.json", json.dumps(report, indent=1) + "\n")
    write_text(args.out / "quality.md", text)
    pictures.draw(args.out, results, predicted, columns, report, cells)
    if report["held-out ranks"]["kendall"] < ASKED_KENDALL:
        raise SystemExit(f"the held-out Kendall tau is below {ASKED_KENDALL}")


def in_parts(function: Callable[[np.ndarray], Any]) -> list[Any]:
    """What the function says of all cells, a piece at a time."""
    return [function(np.arange(i, min(i + 2048, NUM_CELLS))) for i in range(0, NUM_CELLS, 2048)]


def predictions() -> Columns:
    parts = in_parts(shipped.predict)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def all_outputs() -> Outputs:
    parts = in_parts(shipped.network_outputs)
    return Outputs(*(np.concatenate(field, axis=-1) for field in zip(*parts, strict=True)))


def drawn(outputs: Outputs, rho: float | None = None) -> Runs:
    """The runs of all cells of other outputs, or with another share of common noise."""
    noise = dict(shipped.surrogate_weights()[1])
    if rho is not None:
        noise["rho"] = np.float64(rho)
    return draw_runs(noise, outputs, shipped.noise_keys(np.arange(NUM_CELLS)))


def true_levels(outputs: Outputs) -> np.ndarray:
    """What the modelled cells are worth without noise, their own effect included, (C,)."""
    nothing = np.zeros_like(outputs.spread)
    silent = outputs._replace(spread=nothing, collapse=nothing)
    return measures.accuracy(drawn(silent).test[:, -1, 0])


def compare_searches(results: Results, columns: Columns, trials: int) -> list[dict[str, Any]]:
    """Mean test error of what 150 queries find, per cent, on real results and on the surrogate."""
    test, validation = columns["test"][:, -1], columns["validation"][:, -1]
    t, v = measures.accuracy(test), measures.accuracy(validation)
    real, model = results.mean_test, t.mean(axis=1)
    settings = [
        ("test-mean", "real", searches.fixed(real), real),
        ("test-mean", "surrogate", searches.fixed(model), model),
        ("test-holdout", "real", searches.fixed(results.first), results.pair),
        ("test-holdout", "surrogate", searches.fixed(t[:, 0]), t[:, 1:].mean(axis=1)),
        ("validation-single", "surrogate", searches.single_run(v), model),
        ("validation-mean", "surrogate", searches.fixed(v.mean(axis=1)), model),
    ]
    return [
        {"protocol": protocol, "results": where} | both_searches(signal, reported, trials)
        for protocol, where, signal, reported in settings
    ]


def sensitivity(outputs: Outputs, mean_test: np.ndarray, trials: int) -> list[dict[str, Any]]:
    """The same under validation-single, for other shares of noise common to both."""
    found = []
    for rho in RHOS:
        validation = measures.accuracy(drawn(outputs, rho).validation[:, -1])
        signal = searches.single_run(validation)
        found.append({"rho": rho} | both_searches(signal, mean_test, trials))
    return found


def both_searches(signal: searches.Signal, reported: np.ndarray, trials: int) -> dict[str, float]:
    found = {}
    for name, search in (("random", searches.random_search), ("hill climb", searches.hill_climb)):
        errors = 100 * (1 - reported[search(signal, QUERIES, trials, seed=5)])
        found[name] = float(errors.mean())
        found[f"{name}, standard error"] = float(errors.std() / np.sqrt(trials))
    return found


def time_predict() -> float:
    cells = np.random.default_rng(0).integers(NUM_CELLS, size=64)
    shipped.predict(cells)
    start = time.process_time()
    for _ in range(50):
        shipped.predict(cells)
    return (time.process_time() - start) * 1000 / 50


if __name__ == "__main__":
    main()
