"""What every table has in common: queries, protocols, optima."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from maade_np.spaces.categorical import CategoricalSpace, mix64


class TableError(ValueError):
    """A table file, or a question to a table, that cannot be answered as it stands."""


@dataclass(frozen=True)
class Evaluation:
    """The answers to n queries, in the order they were asked; every field is (n,).

    Attributes
    ----------
    valid : ndarray, bool
        False where the string may not be evaluated; the figures are NaN there.
    cell : ndarray, int64
        The space's identity of the point, -1 where invalid.
    signal : ndarray, float64
        What drives the search under the protocol; all that a searcher is told.
    held_out : ndarray, float64
        The result that the search never saw, where the protocol has one; NaN where unknown.
    mean_test : ndarray, float64
        Mean of all test repeats; NaN where unknown.
    seconds : ndarray, float64
        Training time of one repeat; NaN where unknown.
    epochs : ndarray, int64
        Training budget.
    """

    valid: np.ndarray
    cell: np.ndarray
    signal: np.ndarray
    held_out: np.ndarray
    mean_test: np.ndarray
    seconds: np.ndarray
    epochs: np.ndarray

    def __len__(self) -> int:
        return len(self.signal)


class Measured(NamedTuple):
    """What a table knows of n valid points under a protocol: float64 (n,) each."""

    signal: np.ndarray
    held_out: np.ndarray
    mean_test: np.ndarray
    seconds: np.ndarray


class Table(ABC):
    """Results of the points of a space, asked in batches.

    A subclass sets the attributes and implements `measure` and `optimum`; `query` checks the
    question and leaves invalid points out.

    Attributes
    ----------
    kind : "real", "surrogate", "toy" or "objective"
        Where the numbers come from; every record and plot repeats it.
    name : str
    space : CategoricalSpace
    protocols : tuple of str
        What can drive a search here.
    default_protocol : str
    at_once : int or None
        How many points `search` asks for at a time at most: 1 where each takes long, so that
        what is done is kept when the next one fails.
    """

    kind: ClassVar[str]
    at_once: ClassVar[int | None] = None
    name: str
    space: CategoricalSpace

    @property
    @abstractmethod
    def protocols(self) -> tuple[str, ...]:
        """The protocols this table can answer, its default first."""

    @property
    def default_protocol(self) -> str:
        """The protocol that `None` stands for."""
        return self.protocols[0]

    @abstractmethod
    def measure(
        self, actions: np.ndarray, cells: np.ndarray, protocol: str, seed: int, epochs: np.ndarray
    ) -> Measured:
        """Results of valid, checked actions (n, N) with identities (n,) and budgets (n,)."""

    @abstractmethod
    def optimum(self, protocol: str | None = None, seed: int = 0) -> dict[str, float | None]:
        """The best value of "signal", "held_out" and "mean_test" over the space.

        Each is its own maximum, over different points as a rule; None where unknown. The best
        signal can depend on the trial's seed, through its noise.
        """

    def query(
        self,
        actions: Any,
        protocol: str | None = None,
        seed: int = 0,
        epochs: int | np.ndarray = 108,
    ) -> Evaluation:
        """Evaluate n points.

        Parameters
        ----------
        actions : array-like, int (n, N)
        protocol : str, optional
            One of `protocols`; None is `default_protocol`.
        seed : int
            The trial's noise: the same point has the same signal throughout a trial.
        epochs : int or ndarray (n,)
            Training budget.

        Returns
        -------
        Evaluation

        Raises
        ------
        ValueError
            Actions that are no points of the space.
        TableError
            A protocol or training budget that this table lacks, or a point it has no row of.
        """
        checked = self.space.check(actions)
        protocol = self.check_protocol(protocol)
        budgets = self._budgets(epochs, len(checked))
        cells = self.space.identity(checked)
        valid = cells >= 0
        found = self.measure(checked[valid], cells[valid], protocol, seed, budgets[valid])

        def spread(column: np.ndarray) -> np.ndarray:
            everywhere = np.full(len(valid), np.nan)
            everywhere[valid] = column
            return everywhere

        return Evaluation(
            valid=valid,
            cell=cells,
            signal=spread(found.signal),
            held_out=spread(found.held_out),
            mean_test=spread(found.mean_test),
            seconds=spread(found.seconds),
            epochs=budgets,
        )

    def mean_test(self, actions: Any) -> np.ndarray:
        """Mean of all test repeats at the full budget, float64 (n,); NaN where invalid."""
        return self.query(actions).mean_test

    def check_protocol(self, protocol: str | None) -> str:
        """The protocol's name, `None` resolved, or an error that lists what there is."""
        if protocol is None:
            return self.default_protocol
        if protocol not in self.protocols:
            raise TableError(
                f"protocol {protocol!r} is not available on table {self.name!r}: it offers "
                f"{', '.join(self.protocols)}"
            )
        return protocol

    def describe(self) -> dict[str, Any]:
        """What was asked, JSON-able, for the record of a run."""
        return {"name": self.name, "kind": self.kind, "space": self.space.to_dict()}

    @staticmethod
    def _budgets(epochs: int | np.ndarray, n: int) -> np.ndarray:
        budgets = np.asarray(epochs)
        if budgets.dtype.kind not in "iu" or budgets.shape not in ((), (n,)):
            raise TableError(
                f"epochs is {budgets.dtype} {budgets.shape}, expected an integer or integers "
                f"({n},), one a point"
            )
        return np.broadcast_to(budgets.astype(np.int64), (n,))


def noise_uniform(seed: int, cells: np.ndarray, stream: int = 0) -> np.ndarray:
    """Numbers in [0, 1), float64 (n,), that are a function of (trial seed, cell, stream) alone.

    So a trial's noise is the same for every searcher, in any order of queries and on any
    machine.
    """
    key = np.array([seed % 2**64], dtype=np.uint64)
    key = mix64(mix64(key) + np.uint64(stream))
    bits = mix64(key + mix64(cells.astype(np.uint64)))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
