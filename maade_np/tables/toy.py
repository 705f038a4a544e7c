"""A small made-up landscape, built in: to try things without a download, never for a claim."""

from __future__ import annotations

from functools import cached_property
from itertools import product

import numpy as np

from maade_np.spaces.categorical import CategoricalSpace, mix64
from maade_np.tables.base import Measured, Table, noise_uniform

_SWITCHES, _KNOBS, _NEIGHBOURS = 6, 4, 2
_WORST, _BEST = 0.80, 0.95
_NOISE = 0.01


def toy_space() -> CategoricalSpace:
    """Six switches (off, on) and four knobs (0, 1, 2); one to four of the switches are on."""
    return CategoricalSpace(
        names=[f"switch {i + 1}" for i in range(_SWITCHES)]
        + [f"knob {i + 1}" for i in range(_KNOBS)],
        cardinalities=[2] * _SWITCHES + [3] * _KNOBS,
        families=["switch"] * _SWITCHES + ["knob"] * _KNOBS,
        is_valid=_one_to_four_switches,
    )


def _one_to_four_switches(actions: np.ndarray) -> np.ndarray:
    on = actions[:, :_SWITCHES].sum(axis=1)
    return (on >= 1) & (on <= 4)


class Toy(Table):
    """An NK landscape (Kauffman and Levin, 1987) of 10 hyper-parameters, made up.

    Each hyper-parameter contributes a fixed pseudo-random amount that depends on its own value
    and on those of the next two, cyclically, so no decision can be judged alone. The truth is
    the mean contribution, scaled to accuracies of 0.80 to 0.95. Under `test-holdout` the signal
    is the truth plus triangular noise within +-0.01, fixed by trial seed and point, and the
    result is the truth; under `test-mean` the truth drives too. All 4,536 valid points are
    enumerated, so the optimum is known.
    """

    kind = "toy"
    name = "a made-up NK landscape"

    def __init__(self) -> None:
        self.space = toy_space()

    @property
    def protocols(self) -> tuple[str, ...]:
        """`test-holdout` (noisy signal) and `test-mean` (the truth)."""
        return ("test-holdout", "test-mean")

    @cached_property
    def points(self) -> np.ndarray:
        """Every valid point, int64 (4536, 10)."""
        every = np.array(list(product(*map(range, self.space.cardinalities.tolist()))))
        return every[self.space.is_valid(every)]

    @cached_property
    def _scale(self) -> tuple[float, float]:
        raw = _raw_landscape(self.points)
        return float(raw.min()), float(raw.max())

    def truth(self, actions: np.ndarray) -> np.ndarray:
        """The noise-free accuracy of checked, valid actions, float64 (n,)."""
        low, high = self._scale
        return _WORST + (_BEST - _WORST) * (_raw_landscape(actions) - low) / (high - low)

    def measure(
        self,
        actions: np.ndarray,
        cells: np.ndarray,
        protocol: str,
        seed: int | np.ndarray,
        epochs: np.ndarray,
    ) -> Measured:
        """See `Table.measure`; the training budget makes no difference here."""
        truth = self.truth(actions)
        signal = truth
        if protocol == "test-holdout":
            wobble = noise_uniform(seed, cells, 0) - noise_uniform(seed, cells, 1)
            signal = truth + _NOISE * wobble
        return Measured(signal, truth, truth, np.full(len(truth), np.nan))

    def optimum(self, protocol: str | None = None, seed: int = 0) -> dict[str, float | None]:
        """See `Table.optimum`; exact, by enumeration."""
        found = self.query(self.points, protocol, seed)
        return {
            "signal": float(found.signal.max()),
            "held_out": float(found.held_out.max()),
            "mean_test": float(found.mean_test.max()),
        }


def _raw_landscape(actions: np.ndarray) -> np.ndarray:
    """Mean contribution in [0, 1), (n,): integer arithmetic, so the same on every machine."""
    total = np.zeros(len(actions), dtype=np.int64)
    for i in range(actions.shape[1]):
        key = np.full(len(actions), i, dtype=np.uint64)
        for step in range(_NEIGHBOURS + 1):
            neighbour = actions[:, (i + step) % actions.shape[1]].astype(np.uint64)
            key = key * np.uint64(3) + neighbour
        total += (mix64(key) >> np.uint64(44)).astype(np.int64)
    return total / (actions.shape[1] * 2.0**20)
