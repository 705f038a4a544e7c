"""Categorical spaces: checking, sampling, identity, labels."""

from __future__ import annotations

import doctest
import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from maade_np.spaces import CategoricalSpace, categorical


def small_space() -> CategoricalSpace:
    """Three hyper-parameters of 2, 3 and 4 values; 24 strings, 15 of them valid."""
    return CategoricalSpace(["a", "b", "c"], [2, 3, 4], is_valid=lambda x: x.sum(axis=1) < 4)


def every(space: CategoricalSpace) -> np.ndarray:
    return np.array(list(product(*map(range, space.cardinalities))))


def test_attributes() -> None:
    space = CategoricalSpace(["e1", "o1", "e2", "o2"], [2, 3, 4, 3], families=list("eoeo"))
    assert (space.size, space.num_points) == (4, 72)
    assert space.names == ("e1", "o1", "e2", "o2")
    assert space.families == ("e", "o", "e", "o")
    assert list(space.family_sizes.items()) == [("e", 4), ("o", 3)]
    assert space.cardinalities.dtype == np.int64
    assert CategoricalSpace(["x", "y"], [2, 5]).family_sizes == {"x": 2, "y": 5}


def test_docstring_examples() -> None:
    assert doctest.testmod(categorical).failed == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": [], "cardinalities": []}, "names is empty"),
        ({"names": ["a", "a"], "cardinalities": [2, 2]}, r"names repeats \['a'\]"),
        ({"names": ["a", "b"], "cardinalities": [2]}, r"expected integers \(2,\)"),
        ({"names": ["a"], "cardinalities": [2.0]}, "float64"),
        ({"names": ["a", "b"], "cardinalities": [2, 0]}, "'b' has cardinality 0"),
        ({"names": ["a"], "cardinalities": [2], "families": []}, "families has 0 entries"),
        ({"names": ["a"], "cardinalities": [2], "values": [[1]]}, "expected 2 different"),
        ({"names": ["a"], "cardinalities": [2], "values": [[1, 1]]}, "expected 2 different"),
        ({"names": ["a"], "cardinalities": [2], "values": []}, "values has 0 entries"),
    ],
)
def test_bad_space(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CategoricalSpace(**arguments)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros(3, int), r"shape \(3,\).*actions\[None\]"),
        (np.zeros((1, 2, 3), int), r"shape \(1, 2, 3\)"),
        (np.zeros((2, 4), int), "4 columns, the space has 3"),
        (np.zeros((2, 3)), "dtype float64"),
        (np.zeros((2, 3), bool), "dtype bool"),
        ([["0", "1", "2"]], "dtype <U1"),
        ([[0, 1, 2], [0, 1]], "no rectangular array"),
        ([[0, 0, 0], [0, 3, 0]], r"actions\[1, 1\] is 3: 'b' has 3 values, 0 to 2"),
        ([[0, 0, -1]], r"actions\[0, 2\] is -1: 'c'"),
        (np.full((1, 3), 2**63 + 1, dtype=np.uint64), "is 9223372036854775809"),
    ],
)
def test_bad_actions(actions: object, message: str) -> None:
    for method in ("check", "is_valid", "identity", "decode"):
        with pytest.raises(ValueError, match=message):
            getattr(small_space(), method)(actions)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.int64])
def test_check_converts_any_integers(dtype: type) -> None:
    checked = small_space().check(np.asfortranarray(np.array([[1, 2, 3], [0, 1, 2]], dtype)))
    assert checked.dtype == np.int64
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, [[1, 2, 3], [0, 1, 2]])
    assert small_space().check(checked) is checked
    assert small_space().check(np.empty((0, 3), int)).shape == (0, 3)


def test_sample_is_uniform_over_valid_points() -> None:
    space = small_space()
    points = every(space)
    valid = points[space.is_valid(points)]
    assert len(valid) == 15
    drawn = space.identity(space.sample(15 * 400, np.random.default_rng(1)))
    counts = [np.count_nonzero(drawn == cell) for cell in space.identity(valid)]
    assert sum(counts) == 15 * 400
    assert stats.chisquare(counts).pvalue > 1e-3
    assert abs((drawn[1:] == drawn[:-1]).mean() - 1 / 15) < 0.02


def test_sample_repeats_with_its_generator() -> None:
    space = small_space()
    first, again, other = (space.sample(9, np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert space.sample(0, np.random.default_rng(0)).shape == (0, 3)
    with pytest.raises(ValueError, match="n is -1"):
        space.sample(-1, np.random.default_rng(0))


def test_sample_says_when_nothing_is_valid() -> None:
    space = CategoricalSpace(["a"], [2], is_valid=lambda x: np.zeros(len(x), bool))
    with pytest.raises(ValueError, match=r"none of 1.* uniform draws was valid"):
        space.sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("rule", [lambda x: x.sum(axis=1), lambda x: True, lambda x: x > 0])
def test_rule_that_returns_no_flags(rule: object) -> None:
    with pytest.raises(ValueError, match="is_valid rule returned"):
        CategoricalSpace(["a", "b"], [2, 2], is_valid=rule).is_valid([[0, 0], [0, 1], [1, 1]])


def test_identity_is_different_for_different_points() -> None:
    space = small_space()
    points = every(space)
    cells, valid = space.identity(points), space.is_valid(points)
    assert (cells[~valid] == -1).all()
    assert (cells[valid] >= 0).all()
    assert len(np.unique(cells[valid])) == valid.sum()


@pytest.mark.parametrize("size", [62, 63, 64, 200])
def test_identity_of_huge_spaces(size: int) -> None:
    space = CategoricalSpace([f"x{i}" for i in range(size)], [2] * size)
    corners = np.concatenate([np.eye(size, dtype=int), 1 - np.eye(size, dtype=int)])
    cells = space.identity(np.concatenate([corners, corners]))
    assert len(np.unique(cells)) == 2 * size
    assert cells.min() >= 0
    np.testing.assert_array_equal(cells[: 2 * size], cells[2 * size :])


@given(st.data())
def test_decode_undoes_encode(data: st.DataObject) -> None:
    label = st.one_of(st.text(max_size=3), st.integers(-9, 9), st.none())
    values = data.draw(st.lists(st.lists(label, min_size=1, max_size=4, unique=True), min_size=1))
    names = [f"h{i}" for i in range(len(values))]
    space = CategoricalSpace(names, [len(v) for v in values], values=values)
    actions = space.sample(5, np.random.default_rng(0))
    points = space.decode(actions)
    assert all(point[name] in v for point in points for name, v in zip(names, values, strict=True))
    np.testing.assert_array_equal(space.encode(points), actions)
    json.dumps(space.to_dict())


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"a": 0, "b": 1}, r"point 1: missing hyper-parameters \['c'\]"),
        ({"a": 0, "b": 1, "c": 2, "d": 3}, r"unknown ones \['d'\]"),
        ({"a": 0, "b": 7, "c": 2}, r"'b' has no value 7, its values are \[0, 1, 2\]"),
        ({"a": 0, "b": [], "c": 2}, r"'b' has no value \[\]"),
    ],
)
def test_bad_points(point: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_space().encode([{"a": 0, "b": 0, "c": 0}, point])
