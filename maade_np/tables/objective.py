"""A user's own function as a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from maade_np.spaces.categorical import CategoricalSpace
from maade_np.tables.base import Measured, Table, TableError


class Objective(Table):
    """What your function returns is the signal; higher is better.

    Parameters
    ----------
    space : CategoricalSpace
    function : callable
        Takes one point as a dict, name -> value (`space.decode`), and returns a finite number.
        It is called once for each valid point asked, in order; nothing is remembered.
    name : str

    Examples
    --------
    >>> space = CategoricalSpace(["width", "depth"], [3, 2], values=[[16, 32, 64], [1, 2]])
    >>> table = Objective(space, lambda point: -abs(point["width"] * point["depth"] - 60))
    >>> table.query([[1, 1], [0, 0]]).signal
    array([ -4., -44.])
    """

    kind = "objective"
    at_once: ClassVar[int | None] = 1

    def __init__(
        self,
        space: CategoricalSpace,
        function: Callable[[dict[str, Any]], float],
        name: str = "objective",
    ) -> None:
        if not callable(function):
            raise TableError(f"function is {function!r}: expected a callable that takes a dict")
        self.space = space
        self.name = name
        self._function = function

    @property
    def protocols(self) -> tuple[str, ...]:
        """One: `objective`, the function's value."""
        return ("objective",)

    def measure(
        self,
        actions: np.ndarray,
        cells: np.ndarray,
        protocol: str,
        seed: int | np.ndarray,
        epochs: np.ndarray,
    ) -> Measured:
        """See `Table.measure`; nothing but the signal is known."""
        signal = np.array([self._value(point) for point in self.space.decode(actions)], dtype=float)
        unknown = np.full(len(signal), np.nan)
        return Measured(signal, unknown, unknown, unknown)

    def mean_test(self, actions: Any) -> np.ndarray:
        """Unknown: NaN throughout, without a call of the function."""
        return np.full(len(self.space.check(actions)), np.nan)

    def optimum(self, protocol: str | None = None, seed: int = 0) -> dict[str, float | None]:
        """Unknown."""
        return {"signal": None, "held_out": None, "mean_test": None}

    def _value(self, point: dict[str, Any]) -> float:
        value = self._function(point)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise TableError(
                f"the function of table {self.name!r} returned {value!r} for {point}: return a "
                "finite number, or exclude the point with the space's is_valid rule"
            )
        return number
