"""What makes policy-gradient search strong: the default settings, and each choice changed.

Run ``python benchmarks/strong.py --table nasbench101.npz --jobs 2``; it goes on where it was
interrupted, and takes part (``--part``) or fewer trials (``--trials``). ``--report-only`` makes the
tables and pictures in benchmarks/results/strong/ again from the records.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # before an installed version

from maade_np.cli._common import WorkBar
from maade_np.experiments import Arm, Plan, run_plan
from maade_np.reproduce import write_study
from maade_np.reproduce.study import Family, Part, Study

HERE = Path(__file__).parent / "results" / "strong"
SEEDS = range(40_000, 40_500)  # nothing was chosen on them
ABLATION_SEEDS = range(41_000, 41_200)
FULL, NO_CRITIC = "ReMAADE, strong", "strong without critic"
PAPER = "ReMAADE, the paper's settings"

HEADLINE = (
    Arm("random, skipped", "random", None, {"duplicates": "skip"}),
    Arm(PAPER, "remaade", "paper-short"),
    Arm(f"{PAPER}, skipped", "remaade", "paper-short", {"duplicates": "skip"}),
    Arm(NO_CRITIC, "remaade", "strong", {"critic": "off"}),
    Arm(FULL, "remaade", "strong"),
)
POLICIES = {
    "independent": "reinforce",
    "MADE": "reinforce-made",
    "NADE": "reinforce-nade",
    "LSTM": "reinforce-lstm",
}
CHANGES: dict[str, dict[str, Any]] = {
    "raw advantages": {"advantage": "raw"},
    "standardised advantages": {"advantage": "standardised"},
    "one update a batch": {"updates": 1},
    "10 updates a batch": {"updates": 10},
    "B = 5": {"batch_size": 5},
    "B = 30": {"batch_size": 30},
    "alpha = 0.003": {"learning_rate": 0.003},
    "alpha = 0.03": {"learning_rate": 0.03},
    "PPO clipped": {"ppo_form": "clipped", "epsilon": 0.2},
    "entropy 0.01": {"entropy": 0.01},
    "4 orders": {"orders": "4"},
    "all orders": {"orders": "all"},
    "natural order": {"orders": "natural"},
    "d = 64": {"d": 64},
    "shared value embedding": {"value_embedding": "shared"},
    "no temperature ramp": {"temperature_ramp": 0.0},
    "duplicates charged": {"duplicates": "charge"},
    "1 parent": {"parents": 1},
    "20 parents": {"parents": 20},
    "20 candidates": {"candidates": 20},
    "400 candidates": {"candidates": 400},
}
ABLATION = (
    Arm(FULL, "remaade", "strong"),
    Arm(NO_CRITIC, "remaade", "strong", {"critic": "off"}),
    *(Arm(f"strong, {label}", name, "strong") for label, name in POLICIES.items()),
    *(
        Arm(f"{label}, no critic", name, "strong", {"critic": "off"})
        for label, name in POLICIES.items()
    ),
    *(Arm(f"strong, {label}", "remaade", "strong", change) for label, change in CHANGES.items()),
)


def _part(
    name: str,
    title: str,
    protocol: str,
    seeds: range,
    arms: tuple[Arm, ...],
    against: tuple[str, ...],
) -> Part:
    labels = tuple(arm.label for arm in arms)
    family = Family(
        title, "Repeated cells are skipped where nothing else is said.", labels, against
    )
    plan = Plan("nasbench101", protocol, 150, seeds, arms, steps=15)
    curves = labels if len(labels) < 8 else (NO_CRITIC, *labels[2:6], FULL)
    return Part(name, title, plan, (family,), curves)


STUDY = Study(
    name="strong",
    title="What makes policy-gradient search strong",
    parts=(
        _part("holdout", "150 queries", "test-holdout", SEEDS, HEADLINE, (FULL,)),
        _part("test-mean", "150 queries, noise-free", "test-mean", SEEDS, HEADLINE, (FULL,)),
        _part(
            "changes-holdout",
            "One choice changed",
            "test-holdout",
            ABLATION_SEEDS,
            ABLATION,
            (FULL,),
        ),
        _part(
            "changes-test-mean",
            "One choice changed, noise-free",
            "test-mean",
            ABLATION_SEEDS,
            ABLATION,
            (FULL,),
        ),
    ),
    command="python benchmarks/strong.py --report-only",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", metavar="FILE", help="real results, .npz or .tfrecord")
    parser.add_argument("--part", choices=[part.name for part in STUDY.parts])
    parser.add_argument("--trials", type=int, metavar="T", help="trials an arm (default: all)")
    parser.add_argument("--jobs", type=int, default=1, metavar="J")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    parser.add_argument("--report-only", action="store_true")
    arguments = parser.parse_args()
    if not arguments.report_only:
        if not arguments.table:
            parser.error("give --table FILE, or --report-only")
        for part in STUDY.parts:
            if arguments.part in (None, part.name):
                trials = arguments.trials and min(arguments.trials, len(part.plan.seeds))
                with WorkBar(part.name) as bar:
                    run_plan(
                        part.plan,
                        arguments.out / part.name,
                        source=arguments.table,
                        jobs=arguments.jobs,
                        trials=trials,
                        progress=bar,
                    )
    print("\n".join(str(path) for path in write_study(STUDY, arguments.out)))


if __name__ == "__main__":
    main()
