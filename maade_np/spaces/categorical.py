"""Any space of N categorical hyper-parameters: names, cardinalities, validity, identity."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

ValidityRule = Callable[[np.ndarray], np.ndarray]

_MAX_FRUITLESS_DRAWS = 100_000
_MAX_DRAWS_AT_ONCE = 65_536


class CategoricalSpace:
    """A search space of N categorical hyper-parameters.

    A point is a string of actions a = (a_1 .. a_N), an integer row with a_i in
    0 .. cardinality_i - 1. A batch of points is an (B, N) array.

    Parameters
    ----------
    names : sequence of str
        One name a hyper-parameter, all different.
    cardinalities : sequence of int
        How many values each hyper-parameter has, at least 1.
    families : sequence of str, optional
        Hyper-parameters of one family share their value embeddings in a policy. Default: each
        hyper-parameter is its own family.
    is_valid : callable, optional
        Takes actions (B, N), int64, in range; returns (B,) bool. Default: all are valid.
    values : sequence of sequences, optional
        The labels of each hyper-parameter's values, for `encode` and `decode`. Default:
        0 .. cardinality - 1.

    Attributes
    ----------
    size : int
        N.
    names, families : tuple of str
    cardinalities : ndarray, int64 (N,)
    values : tuple of tuples
    family_sizes : dict of str to int
        Largest cardinality in each family, families in the order of their first member.
    num_points : int
        Number of strings, valid or not (a Python integer, it may be huge).

    Raises
    ------
    ValueError
        Names that repeat, lengths that differ, a cardinality below 1, labels that repeat.

    Examples
    --------
    >>> space = CategoricalSpace(["layers", "activation"], [3, 2],
    ...                          values=[[1, 2, 4], ["relu", "tanh"]])
    >>> space.decode([[2, 1]])
    [{'layers': 4, 'activation': 'tanh'}]
    """

    def __init__(
        self,
        names: Sequence[str],
        cardinalities: Sequence[int] | np.ndarray,
        families: Sequence[str] | None = None,
        is_valid: ValidityRule | None = None,
        values: Sequence[Sequence[Hashable]] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.size = len(self.names)
        self.cardinalities = _checked_cardinalities(self.names, cardinalities)
        self.families = self.names if families is None else tuple(families)
        if len(self.families) != self.size:
            raise ValueError(
                f"families has {len(self.families)} entries, the space has {self.size} "
                "hyper-parameters: give one family name a hyper-parameter"
            )
        self.values = _checked_values(self.names, self.cardinalities, values)
        self.family_sizes: dict[str, int] = {}
        for family, cardinality in zip(self.families, self.cardinalities.tolist(), strict=True):
            self.family_sizes[family] = max(cardinality, self.family_sizes.get(family, 0))
        self.num_points = math.prod(self.cardinalities.tolist())
        self._rule = is_valid
        self._codes: list[dict[Hashable, int]] = [
            {value: code for code, value in enumerate(labels)} for labels in self.values
        ]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, num_points={self.num_points:,})"

    def check(self, actions: Any) -> np.ndarray:
        """Actions as a C-contiguous int64 array (B, N), or a clear error.

        Returns the array itself, uncopied, where it already is one.

        Raises
        ------
        ValueError
            Not two-dimensional, not N columns, not integers, or a value out of range (named
            with its row, hyper-parameter and cardinality).
        """
        try:
            array = np.asarray(actions)
        except ValueError as error:
            raise ValueError(f"actions is no rectangular array: {error}") from error
        if array.ndim != 2:
            hint = ": for one point use actions[None]" if array.ndim == 1 else ""
            raise ValueError(
                f"actions has shape {array.shape}, expected (B, {self.size}), one row a point{hint}"
            )
        if array.shape[1] != self.size:
            raise ValueError(
                f"actions has {array.shape[1]} columns, the space has {self.size} hyper-parameters"
            )
        if array.dtype.kind not in "iu":
            raise ValueError(
                f"actions has dtype {array.dtype}, expected integers: convert with .astype(int)"
            )
        outside = (array < 0) | (array >= self.cardinalities)
        if outside.any():
            row, column = np.argwhere(outside)[0].tolist()
            raise ValueError(
                f"actions[{row}, {column}] is {array[row, column]}: {self.names[column]!r} has "
                f"{self.cardinalities[column]} values, 0 to {self.cardinalities[column] - 1}"
            )
        return np.ascontiguousarray(array, dtype=np.int64)

    def is_valid(self, actions: Any) -> np.ndarray:
        """Which points may be evaluated, (B,) bool."""
        return self._valid(self.check(actions))

    def identity(self, actions: Any) -> np.ndarray:
        """A number for each point, (B,) int64, and -1 where the point is invalid.

        Two valid points have the same number exactly where they are the same point. The number
        is the mixed-radix code of the string; in a space of more than 2**63 strings it is a
        63-bit hash of it, where two different points collide with probability 2**-63.
        """
        checked = self.check(actions)
        return np.where(self._valid(checked), self._code(checked), -1)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points uniformly from the valid strings, (n, N) int64, by rejection.

        Raises
        ------
        ValueError
            n is negative, or 100,000 draws in a row held no valid string.
        """
        if n < 0:
            raise ValueError(f"n is {n}: cannot sample fewer than 0 points")
        parts = [np.empty((0, self.size), dtype=np.int64)]
        missing, fruitless = n, 0
        while missing > 0:
            draws = min(max(2 * missing, 16), _MAX_DRAWS_AT_ONCE)
            actions = rng.integers(0, self.cardinalities, size=(draws, self.size))
            found = actions[self._valid(actions)][:missing]
            fruitless = 0 if len(found) else fruitless + draws
            if fruitless >= _MAX_FRUITLESS_DRAWS:
                raise ValueError(
                    f"none of {fruitless:,} uniform draws was valid: check the is_valid rule "
                    "of the space, or restate the space so that valid points are less rare"
                )
            parts.append(found)
            missing -= len(found)
        return np.concatenate(parts)

    def encode(self, points: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Actions (n, N) int64 of points given as name -> value.

        Raises
        ------
        ValueError
            A name that is missing or unknown, or a value that the hyper-parameter lacks.
        """
        actions = np.empty((len(points), self.size), dtype=np.int64)
        for row, point in enumerate(points):
            if point.keys() != set(self.names):
                missing = [name for name in self.names if name not in point]
                unknown = [name for name in point if name not in self.names]
                raise ValueError(
                    f"point {row}: missing hyper-parameters {missing}, unknown ones {unknown}"
                )
            for column, name in enumerate(self.names):
                try:
                    actions[row, column] = self._codes[column][point[name]]
                except (KeyError, TypeError):
                    raise ValueError(
                        f"point {row}: {name!r} has no value {point[name]!r}, its values are "
                        f"{list(self.values[column])}"
                    ) from None
        return actions

    def decode(self, actions: Any) -> list[dict[str, Any]]:
        """The points as a list of dicts, name -> value."""
        return [
            {
                name: self.values[i][a]
                for i, (name, a) in enumerate(zip(self.names, row, strict=True))
            }
            for row in self.check(actions).tolist()
        ]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description (a validity rule is code: only its presence is told)."""
        return {
            "type": type(self).__name__,
            "names": list(self.names),
            "cardinalities": self.cardinalities.tolist(),
            "families": list(self.families),
            "values": [[_jsonable(value) for value in labels] for labels in self.values],
            "constrained": self._rule is not None,
        }

    def _valid(self, actions: np.ndarray) -> np.ndarray:
        if self._rule is None:
            return np.ones(len(actions), dtype=bool)
        valid = np.asarray(self._rule(actions))
        if valid.shape != (len(actions),) or valid.dtype != np.bool_:
            raise ValueError(
                f"the is_valid rule returned {valid.dtype} {valid.shape} for {len(actions)} "
                f"points, expected bool ({len(actions)},)"
            )
        return valid

    def _code(self, actions: np.ndarray) -> np.ndarray:
        if self.num_points <= 2**63:
            radices = [1, *self.cardinalities[:0:-1].tolist()]
            places = np.cumprod(np.array(radices, dtype=np.int64))[::-1]
            return actions @ places
        code = np.zeros(len(actions), dtype=np.uint64)
        for column in actions.T:
            code = mix64(code + column.astype(np.uint64))
        return (code >> np.uint64(1)).astype(np.int64)


def mix64(keys: np.ndarray) -> np.ndarray:
    """A 64-bit integer hash (a bijection), elementwise on uint64; 0 does not map to 0.

    The output step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", 2014).
    """
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _checked_cardinalities(
    names: tuple[str, ...], cardinalities: Sequence[int] | np.ndarray
) -> np.ndarray:
    if not names:
        raise ValueError("names is empty: a space needs at least one hyper-parameter")
    if len(set(names)) != len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"names repeats {repeated}: give each hyper-parameter its own name")
    counts = np.asarray(cardinalities)
    if counts.shape != (len(names),) or counts.dtype.kind not in "iu":
        raise ValueError(
            f"cardinalities is {counts.dtype} {counts.shape}, expected integers ({len(names)},), "
            "one a name"
        )
    if counts.min() < 1:
        worst = int(counts.argmin())
        raise ValueError(
            f"{names[worst]!r} has cardinality {counts[worst]}: it needs at least one value"
        )
    return counts.astype(np.int64)


def _checked_values(
    names: tuple[str, ...],
    cardinalities: np.ndarray,
    values: Sequence[Sequence[Hashable]] | None,
) -> tuple[tuple[Hashable, ...], ...]:
    if values is None:
        return tuple(tuple(range(count)) for count in cardinalities.tolist())
    labels = tuple(tuple(entry) for entry in values)
    if len(labels) != len(names):
        raise ValueError(f"values has {len(labels)} entries, the space has {len(names)}")
    for name, count, entry in zip(names, cardinalities.tolist(), labels, strict=True):
        if len(entry) != count or len(set(entry)) != count:
            raise ValueError(f"{name!r} has labels {list(entry)}, expected {count} different ones")
    return labels


def _jsonable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else repr(value)
