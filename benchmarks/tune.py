"""Tunes every searcher with the same effort, away from what is reported.

    python benchmarks/tune.py --jobs 2         # runs what has no record, then chooses
    python benchmarks/tune.py --report-only    # chooses again from the records

*Effort*, the same for each searcher: its settings as published and 19 random ones from its space
(`SPACES`; all policies share the draws, leaving out what they do not have), in three rounds. In a round
each setting that is left runs on every landscape of `LANDSCAPES` with as many fresh seeds as `ROUNDS`
says; the best `ROUNDS` keeps go on. *Landscapes*: the surrogate (a model), NAS-Bench-201 and HPOLib;
seeds from 30,000 on. The tables of results are made on NAS-Bench-101's real accuracies, and on the
surrogate with other seeds. All search with duplicates skipped. *Score*: the held-out error, less random
search's mean, divided by its standard deviation on the same landscape, averaged over landscapes; lower
is better.

AlphaX, NASBOT and BANANAS are tuned from their small presets: at full cost it would take days. BOHB is
tuned with full trainings alone, which is how it enters the tables of real results.

Writes ``results/tune/records.jsonl.gz`` (a line a trial) and ``results/tune/chosen.json``. What is chosen
is copied by hand into ``maade_np/reproduce/tuned.py``; a test compares the two.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402

from maade_np.experiments import Plan  # noqa: E402
from maade_np.experiments.engine import engine  # noqa: E402
from maade_np.experiments.trial import run_trial  # noqa: E402
from maade_np.files import atomic_write, write_text  # noqa: E402
from maade_np.reproduce.tuned import tuned_arm  # noqa: E402

HERE = Path(__file__).parent / "results" / "tune"
BUDGET = 150
LANDSCAPES = ("surrogate", "nasbench201:cifar100", "hpolib:protein_structure")
PROTOCOL = "validation-single"
RANDOM_TRIALS = 100
FIRST_SEED = 30_000
REFERENCE = range(FIRST_SEED, FIRST_SEED + RANDOM_TRIALS)
DRAWS = 19
ROUNDS = ((3, 6), (8, 2), (20, 1))  # (seeds a landscape, settings that are kept)
Space = dict[str, tuple[Any, ...]]
POLICY: Space = {
    "batch_size": (5, 10, 15, 30),
    "learning_rate": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "advantage": ("raw", "standardised", "rank"),
    "updates": (1, 2, 5, 10),
    "ppo_form": ("paper", "clipped"),
    "epsilon": (0.1, 0.2, 0.3),
    "entropy": (0.0, 0.003, 0.01, 0.03),
    "orders": ("1", "4", "all", "natural"),
    "d": (16, 36, 64),
}
SPACES: dict[str, Space] = {
    **dict.fromkeys(
        ("reinforce", "reinforce-made", "reinforce-nade", "reinforce-lstm", "remaade"), POLICY
    ),
    "remaade-critic": {
        **POLICY,
        "parents": (1, 5, 20),
        "candidates": (20, 100, 400),
    },
    "local-search": {
        "initial": (1, 2, 5, 10, 20, 50),
        "improvement": ("first", "best"),
    },
    "evolution": {
        "initial": (10, 20, 50, 100),
        "population": (10, 20, 29, 50, 100),
        "sample": (2, 5, 10, 20),
        "replacement": ("with", "without"),
        "removal": ("oldest", "worst"),
        "mutation": ("one", "naszilla", "naszilla-2020"),
        "invalid": ("keep", "parent", "tournament"),
    },
    "tpe": {
        "initial": (5, 10, 20, 40),
        "candidates": (10, 24, 64, 128),
        "gamma": (0.1, 0.15, 0.25, 0.4),
        "share": ("root", "linear"),
        "estimator": ("counts", "kernels", "joint-kernels"),
        "prior_weight": (0.1, 0.3, 1.0),
    },
    "bohb": {
        "num_samples": (16, 64, 256),
        "random_fraction": (0.0, 0.1, 0.2, 0.33),
        "min_bandwidth": (1e-3, 0.1, 0.3, 0.5),
        "top_n_percent": (5, 10, 15, 25),
        "min_points": (0, 5, 10),
        "kernel": ("statsmodels", "bounded"),
    },
    "alphax": {
        "exploration": (0.05, 0.2, 0.5, 1.0, 2.0),
        "simulations": (0, 10, 30),
        "hidden": ("32-32", "64-64", "128-128"),
        "learning_rate": (5e-4, 2e-3, 5e-3),
        "epochs": (20, 50, 100),
        "fit_every": (10, 20, 50, 100),
        "scale": ("none", "min-max"),
        "cells": ("whole", "valid"),
    },
    "nasbot": {
        "initial": (5, 10, 20),
        "acquisition": ("ei", "ucb"),
        "effort": (6.0, 12.0, 25.0),
        "pool": (10, 20, 40),
        "mutation": ("steps", "one"),
        "hyper": ("sampled", "likeliest"),
        "refit": (10, 20, 40),
    },
    "bananas": {
        "initial": (5, 10, 20),
        "batch_size": (5, 10),
        "networks": (3, 5),
        "layers": (1, 2, 3),
        "width": (20, 32),
        "epochs": (30, 60),
        "learning_rate": (3e-3, 1e-2, 3e-2),
        "target": ("error", "standardised"),
        "encoding": ("path", "adjacency"),
        "length": (40, 364),
        "mutation": ("naszilla", "naszilla-2020", "one"),
        "pool": (100, 200),
        "max_parents": (5, 25),
        "acquisition": ("its", "ts", "ucb", "mean"),
    },
}
SEARCHERS = tuple(SPACES)
FIXED: dict[str, dict[str, Any]] = {"bohb": {"budgets": "108"}}
SKIP = {"duplicates": "skip"}


def candidates(searcher: str) -> list[dict[str, Any]]:
    """Return the changes to the base settings that are tried, none at all first."""
    rng = np.random.default_rng(2020)
    space, fixed = SPACES[searcher], {**FIXED.get(searcher, {}), **SKIP}
    drawn: list[dict[str, Any]] = [{}]
    for _ in range(DRAWS):
        one = {name: values[rng.integers(len(values))] for name, values in space.items()}
        if "updates" in space:
            one["objective"] = "ppo" if one["updates"] > 1 else "reinforce"
        drawn.append(one)
    known = vars(tuned_arm("tried", searcher, fixed).resolved())
    return [{**{k: v for k, v in one.items() if k in known}, **fixed} for one in drawn]


def run_one(searcher: str, candidate: int, settings: dict[str, Any], landscape: str, seed: int):
    """Run a trial and return its record."""
    tried = tuned_arm("tried", searcher, settings)
    plan = Plan(landscape, PROTOCOL, BUDGET, range(seed, seed + 1), (tried,), 1)
    ran = run_trial(plan, tried, seed, landscape)
    return {
        "searcher": searcher,
        "candidate": candidate,
        "landscape": landscape,
        "seed": seed,
        "held_out": ran["held_out"][-1],
        "seconds": ran["seconds"],
    }


class Trials:
    """All trials by (searcher, number of the candidate, landscape, seed), run where missing."""

    def __init__(self, run_missing: bool, jobs: int = 1) -> None:
        self.run_missing, self.found = run_missing, {}
        self.run = engine(jobs)
        path = HERE / "records.jsonl.gz"
        if path.exists():
            for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
                record = json.loads(line)
                self.found[self.key(record)] = record

    @staticmethod
    def key(record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(record[name] for name in ("searcher", "candidate", "landscape", "seed"))

    def complete(self, searcher: str, tried: dict[int, dict[str, Any]], seeds: range) -> None:
        """Run what has no record, of these candidates on all landscapes."""
        missing = [
            (searcher, number, settings, landscape, seed)
            for number, settings in tried.items()
            for landscape in LANDSCAPES
            for seed in seeds
            if (searcher, number, landscape, seed) not in self.found
        ]
        if missing and not self.run_missing:
            raise SystemExit(f"no record of {missing[0]}; run without --report-only")
        for record in self.run(run_one, iter(missing)):
            self.found[self.key(record)] = record

    def held_out(self, searcher: str, candidate: int, landscape: str, seeds: range) -> np.ndarray:
        """Return final held-out errors (%), one a seed."""
        return np.array(
            [self.found[searcher, candidate, landscape, seed]["held_out"] for seed in seeds]
        )

    def save(self) -> None:
        """Write the records, sorted."""
        lines = [json.dumps(self.found[key], separators=(",", ":")) for key in sorted(self.found)]
        with atomic_write(HERE / "records.jsonl.gz") as file:
            file.write(gzip.compress(("\n".join(lines) + "\n").encode("utf-8"), 9, mtime=0))


def score(trials: Trials, searcher: str, candidate: int, seeds: range) -> float:
    """Return the mean over landscapes of the held-out error in random search's deviations."""
    scores = []
    for landscape in LANDSCAPES:
        reference = trials.held_out("random", 0, landscape, REFERENCE)
        errors = trials.held_out(searcher, candidate, landscape, seeds)
        scores.append((errors.mean() - reference.mean()) / reference.std(ddof=1))
    return float(np.mean(scores))


def tune(trials: Trials, searcher: str) -> dict[str, Any]:
    """Run the rounds and return what was chosen, with its way there."""
    trials.complete("random", {0: SKIP}, REFERENCE)
    tried = candidates(searcher)
    left, start, rounds = list(range(len(tried))), FIRST_SEED, []
    for seeds, keep in ROUNDS:
        drawn = range(start, start + seeds)
        trials.complete(searcher, {i: tried[i] for i in left}, drawn)
        scores = {i: score(trials, searcher, i, drawn) for i in left}
        left = sorted(scores, key=lambda i: scores[i])[:keep]
        rounds.append(
            {
                "seeds": [start, start + seeds],
                "scores": {str(i): round(scores[i], 3) for i in sorted(scores)},
            }
        )
        start += seeds
        if trials.run_missing:
            trials.save()
    return {"settings": tried[left[0]], "candidate": left[0], "rounds": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, metavar="J")
    arguments = parser.parse_args()
    HERE.mkdir(parents=True, exist_ok=True)
    trials, chosen = Trials(not arguments.report_only, arguments.jobs), {}
    for searcher in SEARCHERS:
        chosen[searcher] = tune(trials, searcher)
        print(searcher, chosen[searcher]["settings"], chosen[searcher]["rounds"][-1]["scores"])
        sys.stdout.flush()
    seconds = sum(record["seconds"] for record in trials.found.values())
    report = {
        "budget": BUDGET,
        "protocol": PROTOCOL,
        "landscapes": LANDSCAPES,
        "trials": len(trials.found),
        "seconds": round(seconds),
        "searchers": chosen,
    }
    write_text(HERE / "chosen.json", json.dumps(report, indent=1) + "\n")
    print(f"{len(trials.found):,} trials, {seconds:.0f} s of one core")


if __name__ == "__main__":
    main()
