"""What the checks of all notebooks share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def exercise(check: Callable[[Any], str]) -> Callable[[Any], None]:
    """Make a self-check of a function that asserts and returns one sentence of explanation.

    `None` (nothing answered yet) is refused, an error that the reader's own function raises is
    told as such, and the sentence is printed behind "Right:".
    """

    @functools.wraps(check)
    def checked(answer: Any) -> None:
        assert answer is not None, "There is no answer yet: set `answer` first."
        try:
            why = check(answer)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"Your answer could not be used: {type(error).__name__}: {error}"
            ) from error
        print(f"Right: {why}")

    return checked


def expect(condition: Any, message: str) -> None:
    """Raise an AssertionError with the message unless the condition holds."""
    assert condition, message


def expect_close(
    answer: Any, right: Any, message: str, rtol: float = 1e-7, atol: float = 1e-10
) -> None:
    """Raise an AssertionError unless the answer has the shape and the values of what is right.

    The message says what is off in the exercise's own words; what is added to it (the shapes, or
    how many values are off) does not give the right values away.
    """
    answer, right = np.asarray(answer), np.asarray(right)
    assert answer.shape == right.shape, (
        f"{message} (Its shape is {answer.shape}, expected was {right.shape}.)"
    )
    try:
        near = np.isclose(answer, right, rtol=rtol, atol=atol, equal_nan=True)
    except TypeError:
        raise AssertionError(f"{message} (It is not made of numbers.)") from None
    off = int(near.size - near.sum())
    count = f" ({off} of {near.size} values are off.)" if near.size > 1 else ""
    assert off == 0, message + count
