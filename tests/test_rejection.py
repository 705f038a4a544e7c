"""Drawing until there are enough valid strings: what is taken, and what is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maade_np.searchers.rejection import MAX_TRIES, Rejection, contains
from maade_np.spaces import CategoricalSpace


def scripted(rounds):
    """A source of strings; a string is 10 * cell + validity, one hyper-parameter a digit."""
    asked = []

    def draw(count, tries):
        assert tries == len(asked)
        asked.append(count)
        numbers = np.array(rounds[tries])
        return {"actions": np.column_stack([numbers // 10, numbers % 10]), "number": numbers}

    return draw, asked


def test_what_counts_as_resampled():
    """Invalid strings up to the last that was taken; what was drawn in excess is not looked at."""
    space = CategoricalSpace(["cell", "valid"], [10, 2], is_valid=lambda a: a[:, 1] == 1)
    rejection = Rejection(space, "charge")
    draw, asked = scripted([[11, 20, 30], [40, 11, 31, 50, 60, 71]])
    np.testing.assert_array_equal(rejection.collect(3, draw)["number"], [11, 11, 31])
    assert asked == [3, 6]  # one in three was valid, so twice three are drawn for two
    assert rejection.resampled == 3


def test_what_counts_as_a_duplicate():
    """Within a round, within a collection, and across collections."""
    space = CategoricalSpace(["cell", "valid"], [10, 2], is_valid=lambda a: a[:, 1] == 1)
    rejection = Rejection(space, "skip")
    draw, _ = scripted([[11, 11, 20, 31], [31, 41, 51, 61]])
    np.testing.assert_array_equal(rejection.collect(4, draw)["number"], [11, 31, 41, 51])
    draw, _ = scripted([[41, 61, 11, 70], [71, 81, 91, 11]])
    np.testing.assert_array_equal(rejection.collect(2, draw)["number"], [61, 71])
    assert rejection.resampled == 2


CELLS = st.lists(st.integers(0, 30), max_size=12)


@given(CELLS, CELLS)
def test_contains(members, values):
    found = contains(np.array(sorted(members), dtype=np.int64), np.array(values, dtype=np.int64))
    assert found.tolist() == [value in members for value in values]


@given(st.lists(CELLS, max_size=6))
def test_what_was_visited_is_new_no_more(visits):
    rejection = Rejection(CategoricalSpace(["cell"], [31]), "skip")
    seen = set()
    everything = np.arange(31)[:, None]
    for cells in visits:
        rejection.visit(np.array(cells, dtype=np.int64).reshape(-1, 1))
        seen |= set(cells)
        new = set(np.flatnonzero(rejection.new(everything)).tolist())
        assert new == set(range(31)) - seen
        assert rejection.state_dict()["visited"].tolist() == sorted(seen)


def test_nothing_valid_to_draw():
    space = CategoricalSpace(["a", "b"], [3, 3], is_valid=lambda actions: actions[:, 0] == 2)
    rejection = Rejection(space, "charge")

    def draw(count, tries):
        return {"actions": np.zeros((count, 2), dtype=int)}

    with pytest.raises(
        ValueError, match=r"no valid string in the last.*collapsed onto invalid strings"
    ):
        rejection.collect(3, draw)
    assert MAX_TRIES * 10 < rejection.resampled < MAX_TRIES * 1000
