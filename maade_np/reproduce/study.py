"""What a reproduction consists of, and the figures that its tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from maade_np import statistics
from maade_np.experiments import FIGURES, Outcome, Plan


class Printed(NamedTuple):
    """What the paper prints: a mean and what stands behind its plus-minus sign, test error in %."""

    mean: float
    spread: float


@dataclass(frozen=True)
class Family:
    """Arms that are compared, and against what: one family of tests for Holm's correction.

    Attributes
    ----------
    title : str
    note : str
        What the arms have in common.
    labels : tuple of str
        The arms, in the order of the table's rows.
    references : tuple of str
        Each arm is tested against each of these.
    """

    title: str
    note: str
    labels: tuple[str, ...]
    references: tuple[str, ...]

    def pairs(self) -> list[tuple[str, str]]:
        """Return all (arm, reference) that are tested, each two arms once."""
        pairs: dict[frozenset[str], tuple[str, str]] = {}
        for reference in self.references:
            for label in self.labels:
                if label != reference:
                    pairs.setdefault(frozenset((label, reference)), (label, reference))
        return list(pairs.values())


@dataclass(frozen=True)
class Part:
    """Trials on one table under one protocol.

    Attributes
    ----------
    name : str
        Of the folder of its plan and records.
    title : str
    plan : Plan
    families : tuple of Family
    curves : tuple of str
        The arms whose curves are drawn together; the last is highlighted.
    """

    name: str
    title: str
    plan: Plan
    families: tuple[Family, ...]
    curves: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        """Whether the protocol reports what the search did not see."""
        return not self.plan.protocol.startswith("test-mean")


@dataclass(frozen=True)
class Study:
    """A table of the paper: its parts, and what the paper prints for some of the arms."""

    name: str
    title: str
    parts: tuple[Part, ...]
    printed: Mapping[str, Printed] = field(default_factory=dict)

    def part(self, name: str) -> Part:
        """Return a part by its name."""
        return next(part for part in self.parts if part.name == name)


class Row(NamedTuple):
    """An arm's figures, errors in %.

    Attributes
    ----------
    label : str
    trials : int
    means : dict of Interval
        Of each figure: mean over trials and its 95 % bootstrap interval.
    deviations : dict of float
        Standard deviation over trials of each figure.
    middle : Interval
        Interquartile mean of the held-out error, with its bootstrap interval.
    distinct, resampled, seconds : float
        Means over trials.
    against : dict of Comparison
        By reference: Welch's test of the held-out errors, its p-value corrected within the family.
    """

    label: str
    trials: int
    means: dict[str, statistics.Interval]
    deviations: dict[str, float]
    middle: statistics.Interval
    distinct: float
    resampled: float
    seconds: float
    against: dict[str, statistics.Comparison]


def rows(family: Family, found: Mapping[str, Outcome]) -> list[Row]:
    """Return a family's rows; arms without trials are left out, tests need two trials a side."""
    labels = [label for label in family.labels if label in found]
    tested = [
        (label, reference)
        for label, reference in family.pairs()
        if label in found and reference in found
        if min(len(found[label]), len(found[reference])) > 1
    ]
    raw = [statistics.welch(found[a].final(), found[b].final()) for a, b in tested]
    corrected = statistics.holm([comparison.p for comparison in raw])
    against: dict[str, dict[str, statistics.Comparison]] = {label: {} for label in labels}
    for (label, reference), comparison, p in zip(tested, raw, corrected, strict=True):
        against[label][reference] = statistics.Comparison(comparison.difference, p)
    return [_row(found[label], against[label]) for label in labels]


def _row(outcome: Outcome, against: dict[str, statistics.Comparison]) -> Row:
    final = {name: outcome.final(name) for name in FIGURES}
    return Row(
        label=outcome.label,
        trials=len(outcome),
        means={name: statistics.bootstrap(values) for name, values in final.items()},
        deviations={
            name: float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            for name, values in final.items()
        },
        middle=statistics.bootstrap(final["held_out"], statistics.interquartile_mean),
        distinct=float(outcome.counts["distinct"].mean()),
        resampled=float(outcome.counts["resampled"].mean()),
        seconds=float(outcome.counts["seconds"].mean()),
        against=against,
    )
