"""Timing several functions against each other on a machine whose speed drifts.

Two functions timed one after the other are compared under different conditions: clocks change and
other processes come and go. Here all functions take turns (A B C, B C A, C A B, ...), and a ratio
is formed within each round, between samples taken milliseconds apart; what is reported is the
median of these ratios.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of a sample."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        """Summarise ``values``, one number a round."""
        lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
        return cls(float(median), float(lower), float(upper))


@dataclass(frozen=True)
class Comparison:
    """What `compare` measured: seconds a call, one row a round, one column a function."""

    names: tuple[str, ...]
    seconds: np.ndarray  # (rounds, functions)
    loops: tuple[int, ...]  # calls in each sample
    reference: str

    def time(self, name: str) -> Spread:
        """Seconds a call of ``name``."""
        return Spread.of(self.seconds[:, self.names.index(name)])

    def ratio(self, name: str, reference: str | None = None) -> Spread:
        """How many times as long as ``reference`` the function ``name`` takes, round by round."""
        other = self.names.index(reference or self.reference)
        return Spread.of(self.seconds[:, self.names.index(name)] / self.seconds[:, other])

    def as_dict(self) -> dict[str, dict[str, float | int]]:
        """Plain numbers for a JSON file."""
        rows: dict[str, dict[str, float | int]] = {}
        for name, loops in zip(self.names, self.loops, strict=True):
            t, r = self.time(name), self.ratio(name)
            rows[name] = {
                "seconds": t.median,
                "seconds_q1": t.lower,
                "seconds_q3": t.upper,
                "ratio": r.median,
                "ratio_q1": r.lower,
                "ratio_q3": r.upper,
                "rounds": len(self.seconds),
                "calls_per_sample": loops,
            }
        return rows

    def __str__(self) -> str:
        width = max(map(len, self.names))
        against = f"x {self.reference}"
        header = (
            f"{'':{width}}  {'ms a call':>10}  {'quartiles':>19}  "
            f"{against:>{width + 2}}  {'quartiles':>15}"
        )
        lines = [header]
        for name in self.names:
            t, r = self.time(name), self.ratio(name)
            lines.append(
                f"{name:{width}}  {t.median * 1e3:10.3f}  "
                f"{t.lower * 1e3:9.3f} {t.upper * 1e3:9.3f}  "
                f"{r.median:{width + 2}.2f}  {r.lower:7.2f} {r.upper:7.2f}"
            )
        return "\n".join(lines)


def compare(
    functions: Mapping[str, Callable[[], object]],
    reference: str | None = None,
    repeats: int = 15,
    warmup: int = 3,
    min_seconds: float = 5e-3,
    timer: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Time ``functions`` in turns.

    Parameters
    ----------
    functions : mapping of str to callable
        Called without arguments. Asynchronous work must be waited for inside.
    reference : str, optional
        The function that ratios are taken to; the first by default.
    repeats : int
        Rounds; each gives one sample a function.
    warmup : int
        Calls before anything is measured (compilation, caches), at least 1.
    min_seconds : float
        A sample is as many calls in a row as take about this long.
    timer : callable
        Returns seconds; another one serves the tests.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If there is nothing to time, a count is below one, or ``reference`` is unknown.
    """
    if not functions:
        raise ValueError("no functions to compare")
    if repeats < 1 or warmup < 1:
        raise ValueError(f"repeats and warmup must be at least 1, not {repeats} and {warmup}")
    names = tuple(functions)
    reference = names[0] if reference is None else reference
    if reference not in names:
        raise ValueError(f"reference {reference!r} is none of {', '.join(names)}")
    loops = tuple(_calls_per_sample(functions[name], warmup, min_seconds, timer) for name in names)
    seconds = np.empty((repeats, len(names)))
    collecting = gc.isenabled()
    gc.disable()
    try:
        for i in range(repeats):
            for j in range(len(names)):
                column = (i + j) % len(names)
                seconds[i, column] = _sample(functions[names[column]], loops[column], timer)
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return Comparison(names, seconds, loops, reference)


def _sample(function: Callable[[], object], loops: int, timer: Callable[[], float]) -> float:
    start = timer()
    for _ in range(loops):
        function()
    return (timer() - start) / loops


def _calls_per_sample(
    function: Callable[[], object], warmup: int, min_seconds: float, timer: Callable[[], float]
) -> int:
    for _ in range(warmup):
        function()
    loops = 1
    while (elapsed := _sample(function, loops, timer) * loops) < min_seconds:
        # a clock too coarse to see one call gives 0; a step of at most 10 keeps this bounded
        loops = min(
            10 * loops,
            max(2 * loops, int(1.2 * loops * min_seconds / elapsed) if elapsed > 0 else 10 * loops),
        )
        if loops >= 1_000_000:
            break
    return loops
