"""The paper's Table 6: how many orders are mixed, at 3,200 queries."""

from __future__ import annotations

from maade_np.experiments import Arm, Plan
from maade_np.reproduce.study import Family, Part, Printed, Study

BUDGET = 3_200
SEEDS = range(20_000, 20_500)
SIZES = ("1", "2", "4", "6", "8", "16", "all")
LABELS = {S: f"S = {S}" for S in SIZES}
ARMS = (
    Arm("random", "random"),
    *(Arm(LABELS[S], "remaade", "paper-medium", {"orders": S}) for S in SIZES),
)
FAMILIES = (
    Family(
        "The paper's settings",
        "B = 64, alpha = 0.001, d = 45, PPO with one update a batch; repeated cells are charged. "
        "S = all: a fresh order for each string.",
        ("random", *LABELS.values()),
        ("random", "S = 4"),
    ),
)
CURVES = ("random", "S = 1", "S = 16", "S = all", "S = 4")


def _part(name: str, title: str, table: str, protocol: str, trials: int) -> Part:
    plan = Plan(table, protocol, BUDGET, SEEDS[:trials], ARMS, steps=20)
    return Part(name, title, plan, FAMILIES, CURVES)


STUDY = Study(
    name="table6",
    title="Table 6: orders mixed (3,200 queries)",
    parts=(
        _part("holdout", "NAS-Bench-101, real results", "nasbench101", "test-holdout", 500),
        _part(
            "test-mean", "NAS-Bench-101, real results, noise-free", "nasbench101", "test-mean", 500
        ),
        _part("surrogate", "Surrogate of NAS-Bench-101", "surrogate", "validation-single", 100),
    ),
    printed={
        "random": Printed(6.03, 0.23),
        "S = 1": Printed(5.95, 0.18),
        "S = 2": Printed(5.94, 0.19),
        "S = 4": Printed(5.91, 0.19),
        "S = 6": Printed(5.92, 0.19),
        "S = 8": Printed(5.93, 0.19),
        "S = 16": Printed(5.92, 0.19),
        "S = all": Printed(5.92, 0.19),
    },
)
