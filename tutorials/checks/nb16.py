"""Checks of notebook 16: one code for both kinds of arrays."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from checks._common import exercise, expect, expect_close
from maade_np import backend, baselines


def _strict() -> Any:
    """Return the package's strict array, which its tests are run on."""
    if "strict_array" in sys.modules:
        return sys.modules["strict_array"]
    path = Path(__file__).parents[2] / "tests" / "strict_array.py"
    expect(path.exists(), "The check needs tests/strict_array.py, which comes with the repository.")
    spec = importlib.util.spec_from_file_location("strict_array", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["strict_array"] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _counted(xp: Any) -> Iterator[Counter[str]]:
    """Count the transfers of a strict module."""
    counts: Counter[str] = Counter()
    asarray, asnumpy = xp.asarray, xp.asnumpy

    def to_device(array: Any, dtype: Any = None) -> Any:
        if isinstance(array, np.ndarray) and array.size > 1:
            counts["to the device"] += 1
        return asarray(array, dtype)

    def to_host(array: Any) -> Any:
        counts["to the host"] += 1
        return asnumpy(array)

    xp.asarray, xp.asnumpy = to_device, to_host
    try:
        yield counts
    finally:
        del xp.asarray, xp.asnumpy


def _moved(counts: Counter[str]) -> str:
    return ", ".join(f"{number} transfers {where}" for where, number in counts.items())


@exercise
def check_log_mean_exp(answer):
    """The logarithm of rows' means of exponentials, on two kinds of arrays."""
    expect(callable(answer), "The answer must be a function of one array.")
    strict = _strict()
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        x = rng.normal(size=(5, 7)).astype(dtype)
        shifted = (x + np.array([[0], [900], [-900], [3], [-80]])).astype(dtype)
        for rows in (x, shifted):
            right = np.logaddexp.reduce(rows.astype(float), axis=1) - np.log(7)
            before = rows.copy()
            found = answer(rows)
            expect(isinstance(found, np.ndarray), "For a NumPy array the result must be one too.")
            expect((rows == before).all(), "Your function changes the array that it is given.")
            expect(found.shape == (5,), f"Five rows give {found.shape}; it must be (5,).")
            expect(np.isfinite(found).all(), "Rows around 900 or -900 overflow, or are lost.")
            rtol = 1e-9 if dtype == np.float64 else 1e-4
            expect_close(
                found, right, "On NumPy arrays the values are off.", rtol=rtol, atol=rtol / 10
            )
            expect(found.dtype == dtype, f"{np.dtype(dtype)} became {found.dtype}.")
            device = strict.xp.asarray(rows)
            with _counted(strict.xp) as counts:
                found = answer(device)
            expect(
                isinstance(found, strict.StrictArray),
                f"For a device array the result is {type(found).__name__}, no device array.",
            )
            expect(not counts, f"Nothing needs to be moved, but there were {_moved(counts)}.")
            there = strict.xp.asnumpy(found)
            expect_close(
                there, right, "On the device the values are off.", rtol=rtol, atol=rtol / 10
            )
            expect(
                (strict.xp.asnumpy(device) == before).all(), "Your function changes its argument."
            )
    return (
        "six launches or so, no transfer: the module comes from the array, and the largest of each row "
        "is taken out before the exponential."
    )


@exercise
def check_baseline(answer):
    """A moving average that stays where the batches are."""
    expect(callable(answer), "The answer must be a function of a list of arrays.")
    strict = _strict()
    rng = np.random.default_rng(1)
    for number, decay in ((1, 0.9), (2, 0.9), (7, 0.5), (12, 0.95)):
        batches = [rng.uniform(size=rng.integers(1, 30)) for _ in range(number)]
        average = baselines.MovingAverage(decay)
        for batch in batches:
            average.update(batch)
        right = np.array([average.value])
        for where in ("host", "device"):
            given = batches
            if where == "device":
                given = [strict.xp.asarray(batch) for batch in batches]
            with _counted(strict.xp) as counts:
                found = answer([batch.copy() for batch in given], decay)
            kind = type(given[0])
            expect(
                isinstance(found, kind),
                f"For {kind.__name__} the result is {type(found).__name__}; it must stay where the "
                "batches are.",
            )
            expect(not counts, f"There were {_moved(counts)}; everything can stay on the device.")
            expect(found.shape == (1,), f"The result has shape {found.shape}, not (1,).")
            expect_close(
                backend.to_host(found),
                right,
                f"On the {where} the average of {number} batches with decay {decay} is off.",
            )
            again = [batch.copy() for batch in given]
            answer(again, decay)
            unchanged = all(
                np.array_equal(backend.to_host(x), y) for x, y in zip(again, batches, strict=True)
            )
            expect(unchanged, "The batches are changed.")
    return (
        "one array, made on the device and updated there. The bug was an alias: NumPy's asarray shares "
        "memory, so the average followed the value; a device's copies, so it kept the first one."
    )


@exercise
def check_break_even(answer):
    """The smallest batch at which NumPy takes longer than the launches."""
    expect(callable(answer), "The answer must be a function of four numbers.")
    for launches, microseconds, fixed, per_string in (
        (484, 5.0, 1.2, 0.021),
        (484, 25.0, 1.2, 0.021),
        (3064, 10.0, 4.0, 0.4),
        (100, 5.0, 1.0, 0.01),
        (200, 10.0, 1.0, 0.125),  # equal at B = 8, so longer from 9 on
    ):
        found = answer(launches, microseconds, fixed, per_string)
        expect(float(found) == int(found), "A batch has a whole number of strings.")
        B, floor = int(found), launches * microseconds / 1000
        expect(B >= 1, f"A batch has at least one string, not {B}.")
        expect(
            fixed + per_string * B > floor,
            f"At B = {B} NumPy takes {fixed + per_string * B:.2f} ms, the launches {floor:.2f} ms: "
            "it is not slower yet. (Are microseconds and milliseconds apart?)",
        )
        expect(
            B == 1 or fixed + per_string * (B - 1) <= floor,
            f"At B = {B - 1} NumPy is slower than {launches} launches of {microseconds} µs already.",
        )
    return (
        f"from B = {answer(484, 5.0, 1.2, 0.021)} on if a launch costs 5 µs, from "
        f"{answer(484, 25.0, 1.2, 0.021)} on if it costs 25: the assumption decides by a factor of ten."
    )
