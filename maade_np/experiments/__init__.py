"""Many trials of many searchers: a plan written first, records that grow, statistics."""

from __future__ import annotations

from maade_np.experiments.plan import Arm, Plan
from maade_np.experiments.records import (
    FIGURES,
    Outcome,
    outcomes,
    pack_records,
    read_records,
)
from maade_np.experiments.run import run_plan

__all__ = [
    "FIGURES",
    "Arm",
    "Outcome",
    "Plan",
    "outcomes",
    "pack_records",
    "read_records",
    "run_plan",
]
