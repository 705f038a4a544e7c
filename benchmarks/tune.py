"""Tunes every policy-gradient searcher with the same effort, away from what is reported.

    python benchmarks/tune.py                  # runs what has no record, then chooses
    python benchmarks/tune.py --report-only    # chooses again from the records

*Effort*, the same for each searcher: the paper's settings and 19 random ones from `SPACE` (the same draws
for all; a searcher leaves out what it does not have), in three rounds. In a round each setting that is
left runs on every landscape of `LANDSCAPES` with as many fresh seeds as `ROUNDS` says; the best
`ROUNDS` keeps go on. *Landscapes*: the surrogate (a model), NAS-Bench-201 and HPOLib; seeds from
30,000 on. The tables of results are made on NAS-Bench-101's real accuracies, and on the surrogate with
other seeds. All search with duplicates skipped. *Score*: the held-out error, less random search's mean,
divided by its standard deviation on the same landscape, averaged over landscapes; lower is better.

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

from maade_np.experiments import Arm, Plan  # noqa: E402
from maade_np.experiments.run import run_trial  # noqa: E402
from maade_np.files import atomic_write, write_text  # noqa: E402
from maade_np.searchers import settings_for  # noqa: E402

HERE = Path(__file__).parent / "results" / "tune"
BUDGET = 150
SEARCHERS = ("reinforce", "reinforce-made", "reinforce-nade", "reinforce-lstm", "remaade")
LANDSCAPES = ("surrogate", "nasbench201:cifar100", "hpolib:protein_structure")
PROTOCOL = "validation-single"
RANDOM_TRIALS = 100
FIRST_SEED = 30_000
DRAWS = 19
ROUNDS = ((3, 6), (8, 2), (20, 1))  # (seeds a landscape, settings that are kept)
SPACE: dict[str, tuple[Any, ...]] = {
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


def candidates(searcher: str) -> list[dict[str, Any]]:
    """Return the changes to the paper's settings that are tried, the paper's own first."""
    rng = np.random.default_rng(2020)
    drawn: list[dict[str, Any]] = [{}]
    for _ in range(DRAWS):
        one = {name: values[rng.integers(len(values))] for name, values in SPACE.items()}
        one["objective"] = "ppo" if one["updates"] > 1 else "reinforce"
        drawn.append(one)
    known = vars(settings_for(searcher))
    return [{**{k: v for k, v in one.items() if k in known}, "duplicates": "skip"} for one in drawn]


class Trials:
    """All trials by (searcher, number of the candidate, landscape, seed), run where missing."""

    def __init__(self, run_missing: bool) -> None:
        self.run_missing, self.found = run_missing, {}
        path = HERE / "records.jsonl.gz"
        if path.exists():
            for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
                record = json.loads(line)
                self.found[self.key(record)] = record

    @staticmethod
    def key(record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(record[name] for name in ("searcher", "candidate", "landscape", "seed"))

    def held_out(
        self, searcher: str, candidate: int, settings: dict[str, Any], landscape: str, seeds: range
    ) -> np.ndarray:
        """Return final held-out errors (%), one a seed."""
        values = []
        for seed in seeds:
            key = (searcher, candidate, landscape, seed)
            if key not in self.found:
                if not self.run_missing:
                    raise SystemExit(f"no record of {key}; run without --report-only")
                plan = Plan(
                    landscape,
                    PROTOCOL,
                    BUDGET,
                    range(seed, seed + 1),
                    (_arm(searcher, settings),),
                    1,
                )
                ran = run_trial(plan, plan.arms[0], seed, landscape)
                self.found[key] = {
                    "searcher": searcher,
                    "candidate": candidate,
                    "landscape": landscape,
                    "seed": seed,
                    "held_out": ran["held_out"][-1],
                    "seconds": ran["seconds"],
                }
            values.append(self.found[key]["held_out"])
        return np.array(values)

    def save(self) -> None:
        """Write the records, sorted."""
        lines = [json.dumps(self.found[key], separators=(",", ":")) for key in sorted(self.found)]
        with atomic_write(HERE / "records.jsonl.gz") as file:
            file.write(gzip.compress(("\n".join(lines) + "\n").encode("utf-8"), 9, mtime=0))


def _arm(searcher: str, settings: dict[str, Any]) -> Arm:
    return Arm("tuned", searcher, None, settings)


def score(
    trials: Trials, searcher: str, candidate: int, settings: dict[str, Any], seeds: range
) -> float:
    """Return the mean over landscapes of the held-out error in random search's deviations."""
    scores = []
    for landscape in LANDSCAPES:
        reference = trials.held_out(
            "random",
            0,
            {"duplicates": "skip"},
            landscape,
            range(FIRST_SEED, FIRST_SEED + RANDOM_TRIALS),
        )
        errors = trials.held_out(searcher, candidate, settings, landscape, seeds)
        scores.append((errors.mean() - reference.mean()) / reference.std(ddof=1))
    return float(np.mean(scores))


def tune(trials: Trials, searcher: str) -> dict[str, Any]:
    """Run the rounds and return what was chosen, with its way there."""
    tried = candidates(searcher)
    left, start, rounds = list(range(len(tried))), FIRST_SEED, []
    for seeds, keep in ROUNDS:
        scores = {
            i: score(trials, searcher, i, tried[i], range(start, start + seeds)) for i in left
        }
        left = sorted(scores, key=lambda i: scores[i])[:keep]
        rounds.append(
            {
                "seeds": [start, start + seeds],
                "scores": {str(i): round(scores[i], 3) for i in sorted(scores)},
            }
        )
        start += seeds
        trials.save()
    return {"settings": tried[left[0]], "candidate": left[0], "rounds": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--report-only", action="store_true")
    arguments = parser.parse_args()
    HERE.mkdir(parents=True, exist_ok=True)
    trials, chosen = Trials(run_missing=not arguments.report_only), {}
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
