"""Two plain searches on columns of results, all trials at once: real against surrogate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maade_np.spaces.nasbench101 import NASBench101Space
from maade_np.tables.base import noise_uniform

Signal = Callable[[np.ndarray, np.ndarray], np.ndarray]  # cells, trials -> what drives the search

_START = 10


def single_run(runs: np.ndarray) -> Signal:
    """One of the repeats (C, 3), a function of trial and cell."""

    def signal(cells: np.ndarray, trials: np.ndarray) -> np.ndarray:
        keys = cells + trials * len(runs)
        return runs[cells, (noise_uniform(0, keys) * runs.shape[1]).astype(np.int64)]

    return signal


def fixed(values: np.ndarray) -> Signal:
    """The same value in every trial."""
    return lambda cells, trials: values[cells]


def random_search(signal: Signal, queries: int, trials: int, seed: int) -> np.ndarray:
    """The cell each trial selects, (trials,): the best signal, the earliest of equals."""
    space, rng = NASBench101Space(), np.random.default_rng(seed)
    cells = space.identity(space.sample(trials * queries, rng)).reshape(trials, queries)
    numbers = np.repeat(np.arange(trials), queries)
    values = signal(cells.reshape(-1), numbers).reshape(trials, queries)
    return cells[np.arange(trials), values.argmax(axis=1)]


def hill_climb(signal: Signal, queries: int, trials: int, seed: int) -> np.ndarray:
    """The cell each trial selects: ten random ones, then valid mutants of the best so far.

    Each of the 21 edges flips with probability 1/21, each operation is redrawn with 1/5.
    """
    space, rng = NASBench101Space(), np.random.default_rng(seed)
    numbers = np.arange(trials)
    best = space.sample(trials, rng)
    cells = space.identity(best)
    value = signal(cells, numbers)
    for query in range(1, queries):
        child = space.sample(trials, rng) if query < _START else _mutants(best, space, rng)
        found = space.identity(child)
        got = signal(found, numbers)
        better = got > value
        best[better], cells[better], value[better] = child[better], found[better], got[better]
    return cells


def _mutants(parents: np.ndarray, space: NASBench101Space, rng: np.random.Generator) -> np.ndarray:
    children = parents.copy()
    wanting = np.arange(len(parents))
    while len(wanting):
        tried = parents[wanting]
        flips = rng.random((len(wanting), 21)) < 1 / 21
        drawn = rng.random((len(wanting), 5)) < 1 / 5
        tried[:, :21] ^= flips
        tried[:, 21:] = np.where(drawn, rng.integers(3, size=drawn.shape), tried[:, 21:])
        valid = space.is_valid(tried)
        children[wanting[valid]] = tried[valid]
        wanting = wanting[~valid]
    return children
