"""Mutation of strings of any categorical space, and the rates that published searchers use."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from maade_np.spaces.categorical import CategoricalSpace

Rates = str | float | Mapping[str, float]

ONE = "one"
MUTATIONS: dict[str, Mapping[str, float]] = {
    "naszilla-2020": {"edge": 1 / 7, "op": 1 / 5},
    "naszilla": {"edge": 1 / 21, "op": 1 / 5},
    "naslib": {"edge": 1 / 7, "op": 1 / 3},
}
_MAX_TRIES = 1000


def mutate(
    space: CategoricalSpace,
    actions: Any,
    rng: np.random.Generator,
    rates: Rates,
    valid: bool = True,
    max_tries: int = _MAX_TRIES,
) -> np.ndarray:
    """One child of each string: some hyper-parameters change to another value, drawn uniformly.

    Parameters
    ----------
    space : CategoricalSpace
    actions : array-like, int (n, N)
        The parents. Repeat a row to get several children of it.
    rng : numpy.random.Generator
    rates : str, float or mapping
        With what probability each hyper-parameter changes, independently: one number for all,
        or one a family; or by name:

        - ``"naszilla-2020"``: edges 1/7, operations 1/5; naszilla in June 2020, BANANAS' first
          code, and the example notebook of NAS-Bench-101. Three edges change on average;
        - ``"naszilla"``: edges 1/21, operations 1/5; the same later. A child is its parent with
          probability 0.12, before validity;
        - ``"naslib"``: edges 1/7, operations 1/3; NASLib;
        - ``"one"``: exactly one hyper-parameter, each with the same probability; automl's
          nas_benchmarks, after Real et al., "Regularized evolution" (2019), which takes
          invalid children too (``valid=False``).
    valid : bool
        Whether a child that the space refuses is drawn again, from the same parent. naszilla
        raises its rates after 5,000 refusals instead of giving up.
    max_tries : int
        How often at most, for each child.

    Returns
    -------
    ndarray, int64 (n, N)

    Raises
    ------
    ValueError
        No strings of the space, rates that are unknown or out of range, or a parent without a
        valid child in `max_tries` draws.
    """
    parents = space.check(actions)
    if max_tries < 1:
        raise ValueError(f"max_tries is {max_tries}: at least one draw is needed")
    probabilities = None if rates == ONE else _probabilities(space, rates)
    children = _children(space, parents, rng, probabilities)
    if not valid:
        return children
    for _ in range(max_tries - 1):
        refused = np.flatnonzero(~space.is_valid(children))
        if not len(refused):
            return children
        children[refused] = _children(space, parents[refused], rng, probabilities)
    refused = np.flatnonzero(~space.is_valid(children))
    if len(refused):
        raise ValueError(
            f"none of {max_tries:,} children of actions[{refused[0]}] was valid "
            f"({len(refused)} such parents): use higher rates, more tries, or valid=False"
        )
    return children


def _children(
    space: CategoricalSpace,
    parents: np.ndarray,
    rng: np.random.Generator,
    probabilities: np.ndarray | None,
) -> np.ndarray:
    """One mutation of each parent; `probabilities` (N,), or None for exactly one change."""
    if probabilities is None:
        free = np.flatnonzero(space.cardinalities > 1)
        changes = np.zeros(parents.shape, dtype=bool)
        if len(free):
            changes[np.arange(len(parents)), rng.choice(free, size=len(parents))] = True
    else:
        changes = rng.random(parents.shape) < probabilities
    # a step of 1 .. cardinality - 1, cyclically, reaches every other value alike
    steps = 1 + rng.integers(0, np.maximum(space.cardinalities - 1, 1), size=parents.shape)
    return np.where(changes, (parents + steps) % space.cardinalities, parents)


def _probabilities(space: CategoricalSpace, rates: Rates) -> np.ndarray:
    if isinstance(rates, str):
        if rates not in MUTATIONS:
            names = [*MUTATIONS, ONE]
            close = get_close_matches(rates, names, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"rates {rates!r} is unknown{hint}: the names are {', '.join(names)}")
        rates = MUTATIONS[rates]
    by_family = (
        dict(rates) if isinstance(rates, Mapping) else dict.fromkeys(space.family_sizes, rates)
    )
    if by_family.keys() != space.family_sizes.keys():
        raise ValueError(
            f"rates are for the families {sorted(by_family)}, the space has "
            f"{sorted(space.family_sizes)}: give one rate a family, or one number"
        )
    for family, rate in by_family.items():
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"the rate of {family!r} is {rate}: expected a probability, 0 to 1")
    return np.array([by_family[family] for family in space.families])
