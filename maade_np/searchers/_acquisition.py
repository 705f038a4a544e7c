"""What a Gaussian process' predictions promise, and evolution that looks for the most of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from maade_np.searchers.rejection import contains
from maade_np.spaces import CategoricalSpace
from maade_np.spaces.mutation import ONE, mutate

STEPS = "steps"
# how likely a mutation has 1, 2, ... 5 steps
STEP_PROBABILITY = np.array([0.5, 0.25, 0.125, 0.075, 0.05])
# what the published confidence bound takes for the dimension of a space of networks
UCB_DIMENSION = 3

_erfc = np.frompyfunc(math.erfc, 1, 1)

Fitness = Callable[[np.ndarray], np.ndarray]


def expected_improvement(mean: np.ndarray, sd: np.ndarray, best: float) -> np.ndarray:
    """Return E max(f - best, 0) of normal variables f, (n,)."""
    z = (mean - best) / sd
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    below = _erfc(-z / math.sqrt(2)).astype(np.float64) / 2
    improvement: np.ndarray = np.maximum(sd * (density + z * below), 0)
    return improvement


def confidence_bound(mean: np.ndarray, sd: np.ndarray, time: int) -> np.ndarray:
    """Return the upper bound of GP-UCB after so many results, (n,)."""
    width = math.sqrt(UCB_DIMENSION / 2 * math.log(2 * UCB_DIMENSION * time + 1))
    bound: np.ndarray = mean + width * sd
    return bound


class Population(NamedTuple):
    """Valid strings of different cells: actions (n, N), cells (n,) and fitness (n,)."""

    actions: np.ndarray
    cells: np.ndarray
    fitness: np.ndarray

    def joined(self, space: CategoricalSpace, actions: np.ndarray, fitness: Fitness) -> Population:
        """Return the population with those of the strings that are valid and of further cells."""
        cells = space.identity(actions)
        first = np.sort(np.unique(cells, return_index=True)[1])
        rows = first[(cells[first] >= 0) & ~contains(np.sort(self.cells), cells[first])]
        if not len(rows):
            return self
        more = (actions[rows], cells[rows], fitness(actions[rows]))
        return Population(*(np.concatenate(pair) for pair in zip(self, more, strict=True)))


def evolve(
    space: CategoricalSpace,
    start: np.ndarray,
    fitness: Fitness,
    evaluations: int,
    mutation: str,
    rng: np.random.Generator,
) -> Population:
    """Search for strings of high fitness.

    Parents are drawn from all that has been looked at, in proportion to exp(fitness / (2 sd)),
    each has one child, and the valid ones of cells not seen before join. A generation is
    3 sqrt(evaluations) children, 5 to 100.

    Parameters
    ----------
    start : ndarray, int64 (n, N)
        Valid strings.
    fitness : callable
        Of strings (m, N), (m,).
    evaluations : int
        Children in all, rounded up to whole generations.
    mutation : str
        As of `step`, or rates of `maade_np.spaces.mutation.mutate`.

    Returns
    -------
    Population
        All that was looked at.
    """
    nothing = Population(start[:0], np.empty(0, dtype=np.int64), np.empty(0))
    population = nothing.joined(space, start, fitness)
    at_once = int(np.clip(3 * evaluations**0.5, 5, 100))
    for _ in range(0, evaluations, at_once):
        drawn = rng.choice(len(population.cells), at_once, p=_selection(population.fitness))
        children = step(space, population.actions[drawn], mutation, rng)
        population = population.joined(space, children, fitness)
    return population


def step(
    space: CategoricalSpace, parents: np.ndarray, mutation: str, rng: np.random.Generator
) -> np.ndarray:
    """Return one child of each parent, perhaps invalid; "steps" are 1 to 5 single changes."""
    if mutation != STEPS:
        return mutate(space, parents, rng, mutation, valid=False)
    children = parents.copy()
    last = rng.choice(len(STEP_PROBABILITY), len(parents), p=STEP_PROBABILITY)
    for number in range(len(STEP_PROBABILITY)):
        rows = np.flatnonzero(last >= number)
        children[rows] = mutate(space, children[rows], rng, ONE, valid=False)
    return children


def _selection(fitness: np.ndarray) -> np.ndarray:
    spread = 2 * fitness.std()
    weights = np.exp((fitness - fitness.max()) / spread) if spread > 0 else np.ones(len(fitness))
    probabilities: np.ndarray = weights / weights.sum()
    return probabilities
