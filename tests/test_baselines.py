"""From rewards to advantages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from maade_np import baselines

REWARDS = some.lists(
    some.floats(-100, 100).map(lambda x: round(x, 2)), min_size=2, max_size=12
).map(np.array)


def test_the_moving_average_by_hand():
    b = baselines.MovingAverage(0.9)
    first, second = np.array([1.0, 3.0]), np.array([6.0, 8.0])
    assert b.value is None
    assert b(first) == 2.0  # no history: the batch's own mean,
    assert b.value is None  # and asking changes nothing
    b.update(first)
    assert b(second) == b.value == 2.0  # a batch is not compared with itself
    b.update(second)
    assert b.value == pytest.approx(0.9 * 2 + 0.1 * 7)


def test_decay_zero_is_the_last_batch():
    b = baselines.MovingAverage(0.0)
    for batch in ([1.0], [5.0]):
        b.update(np.array(batch))
    assert b.value == 5.0


def test_the_moving_average_goes_on_from_its_state():
    b, other = baselines.MovingAverage(0.5), baselines.MovingAverage(0.5)
    other.load_state_dict(b.state_dict())
    assert other.value is None
    b.update(np.array([4.0]))
    other.load_state_dict(b.state_dict())
    for each in (b, other):
        each.update(np.array([8.0]))
    assert b.value == other.value == 6.0


@pytest.mark.parametrize("decay", [-0.1, 1.0, 2.0, np.nan])
def test_bad_decays(decay):
    with pytest.raises(ValueError, match=f"decay is {decay}; it must be in"):
        baselines.MovingAverage(decay)


def test_standardised_by_hand():
    np.testing.assert_allclose(
        baselines.standardised(np.array([1.0, 3.0, 5.0])), np.array([-1, 0, 1]) * 1.5**0.5
    )


@given(REWARDS)
def test_standardised(rewards):
    found = baselines.standardised(rewards)
    assert found.mean() == pytest.approx(0, abs=1e-9)
    if np.ptp(rewards):
        assert found.std() == pytest.approx(1)
        np.testing.assert_array_equal(
            np.argsort(found, kind="stable"), np.argsort(rewards, kind="stable")
        )


@pytest.mark.parametrize("value", [0.0, 0.1, 0.9435, -1e9])
@pytest.mark.parametrize("scale", [baselines.standardised, baselines.ranked])
def test_equal_rewards_give_zeros(value, scale):
    """Rounding errors of the mean must not be blown up to 1."""
    for n in (1, 3, 7, 30):
        np.testing.assert_array_equal(scale(np.full(n, value)), np.zeros(n))


def test_ranked_by_hand():
    np.testing.assert_allclose(baselines.ranked(np.array([0.9, 0.1, 0.5])), [1, -1, 0])
    np.testing.assert_allclose(
        baselines.ranked(np.array([2.0, 7, 7, 9, 1])), [-0.5, 0.25, 0.25, 1, -1]
    )


@given(REWARDS)
def test_ranked(rewards):
    found = baselines.ranked(rewards)
    n = len(rewards)
    for i in range(n):
        below, equal = (rewards < rewards[i]).sum(), (rewards == rewards[i]).sum()
        assert found[i] == pytest.approx(2 * (below + (equal - 1) / 2) / (n - 1) - 1)
    assert found.sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(baselines.ranked(np.exp(rewards / 50)), found)
