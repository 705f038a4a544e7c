"""What AlphaX's tree is made of: states, the actions that lead on from them, random completions.

A state is a row of integers: the string so far (N), a counter, and whether it is finished (0 or 1).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from maade_np.spaces import CategoricalSpace, NASBench101Space
from maade_np.spaces.nasbench101 import EDGES, MAX_EDGES, OPS, VERTICES, matrix_ops

_COUNT, _FINISHED = -2, -1

# how often a random completion is tried, for each that is wanted
MAX_WALKS = 1000
WALKS_AT_ONCE = 256


class Building(Protocol):
    """A way to build strings one action at a time."""

    inputs: int

    def root(self) -> np.ndarray:
        """Return the state in which nothing has been decided."""

    def next_states(self, state: np.ndarray) -> np.ndarray:
        """Return what the legal actions in an unfinished state lead to, a row each."""

    def complete(self, state: np.ndarray, walks: int, rng: np.random.Generator) -> np.ndarray:
        """Choose actions at random to the end, at most `walks` times; return the finished states."""

    def accepts(self, states: np.ndarray) -> np.ndarray:
        """Return a mask: the finished states (n, N + 2) whose strings may be evaluated."""

    def encode(self, strings: np.ndarray) -> np.ndarray:
        """Return the inputs of the meta-network, (n, inputs)."""


def finished(state: np.ndarray) -> bool:
    """Whether nothing can be added to a state."""
    return bool(state[_FINISHED])


def string(state: np.ndarray) -> np.ndarray:
    """Return the string (N,) of a state."""
    return state[:_COUNT]


def completions(
    building: Building, state: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return at most `count` acceptable strings (n, N) to which random actions lead from a state.

    A finished state leads to itself, if it is acceptable.
    """
    if finished(state):
        return string(state)[None][building.accepts(state[None])]
    found = np.empty((0, len(string(state))), dtype=np.int64)
    walks = 0
    while len(found) < count and walks < MAX_WALKS * (1 + len(found)):
        states = building.complete(state, WALKS_AT_ONCE, rng)
        found = np.concatenate([found, states[building.accepts(states), :_COUNT]])
        walks += WALKS_AT_ONCE
    return found[:count]


class CellBuilding:
    """Cells of NAS-Bench-101: add a vertex, add an edge, or stop.

    The counter is the number of vertices, from 2. A new vertex carries one of the three operations,
    stands before the output, and **removes all edges**; an edge joins any two vertices that have
    none. A random walk takes every one of these actions with the same probability, and starts again
    where it would exceed the vertices or the nine edges.

    Parameters
    ----------
    space : NASBench101Space
    max_nodes : int
        Vertices at most, 2 to 7.
    whole : bool
        Accept only cells that use all their vertices, as those in the table do, else all that are
        valid after pruning.
    """

    inputs = VERTICES * VERTICES + VERTICES
    # AlphaX' numbers for conv3x3, conv1x1, maxpool; the output's, 6, it forgets to write
    _INPUT_CODE, _OP_CODES, _NO_CODE = 2, np.array([5, 3, 4]), 9
    _ENDS = np.array(EDGES)

    def __init__(self, space: NASBench101Space, max_nodes: int, whole: bool) -> None:
        self._space, self._max_nodes, self._whole = space, max_nodes, whole
        last = np.arange(VERTICES + 1)[:, None] - 2  # by number of vertices: the last interior one
        source, target = self._ENDS.T
        self._possible = (source <= last) & ((target <= last) | (target == VERTICES - 1))

    def root(self) -> np.ndarray:
        """Return input and output, not joined."""
        return np.array([0] * self._space.size + [2, 0])

    def next_states(self, state: np.ndarray) -> np.ndarray:
        """Return the states after a new vertex, after a new edge, and the finished one."""
        edges, count = state[: len(EDGES)], state[_COUNT]
        found = []
        if count < self._max_nodes:
            vertices = np.repeat(state[None], len(OPS), axis=0)
            vertices[:, : len(EDGES)] = 0
            vertices[:, len(EDGES) + count - 2] = np.arange(len(OPS))
            vertices[:, _COUNT] += 1
            found.append(vertices)
        if edges.sum() < MAX_EDGES:
            free = np.flatnonzero(self._possible[count] & (edges == 0))
            joined = np.repeat(state[None], len(free), axis=0)
            joined[np.arange(len(free)), free] = 1
            found.append(joined)
        stopped = state[None].copy()
        stopped[:, _FINISHED] = 1
        return np.concatenate([*found, stopped])

    def complete(self, state: np.ndarray, walks: int, rng: np.random.Generator) -> np.ndarray:
        """Walk at random from a state until the walks stop; those that go too far are left out.

        The finished states stand in the order of their walks, not in that in which they stopped:
        the first of them are a fair sample.

        Between two new vertices a walk adds edges in a random order, so all of them at once: with m
        free edges the next action is an edge with probability m / (m + 4), against 3 vertices and
        the end.
        """
        states, walk = np.repeat(state[None], walks, axis=0), np.arange(walks)
        arrived, numbers = [], []
        while len(states):
            edges = states[:, : len(EDGES)]
            free = self._possible[states[:, _COUNT]] & (edges == 0)
            left = (free.sum(axis=1)[:, None] - np.arange(len(EDGES) + 1)).clip(min=0)
            added = (rng.random(left.shape) >= left / (left + len(OPS) + 1)).argmax(axis=1)
            keys = np.where(free, rng.random(free.shape), 1.0)
            ranks = keys.argsort(axis=1).argsort(axis=1)
            edges |= ranks < added[:, None]
            action = rng.integers(len(OPS) + 1, size=len(states))
            legal = edges.sum(axis=1) <= MAX_EDGES
            stops = action == len(OPS)
            arrived.append(states[legal & stops])
            numbers.append(walk[legal & stops])
            legal &= ~stops & (states[:, _COUNT] < self._max_nodes)
            states, action, walk = states[legal], action[legal], walk[legal]
            states[:, : len(EDGES)] = 0
            states[np.arange(len(states)), len(EDGES) + states[:, _COUNT] - 2] = action
            states[:, _COUNT] += 1
        finished_states = np.concatenate(arrived)[np.concatenate(numbers).argsort()]
        finished_states[:, _FINISHED] = 1
        return finished_states

    def accepts(self, states: np.ndarray) -> np.ndarray:
        """Return a mask of the valid ones, of those that use all vertices if `whole`."""
        valid = self._space.is_valid(states[:, :_COUNT])
        if self._whole:
            matrix = matrix_ops(states)[0]
            used = (matrix.max(axis=1) & matrix.max(axis=2))[:, 1:-1]
            valid &= used.sum(axis=1) == states[:, _COUNT] - 2
        return valid

    def _vertices(self, strings: np.ndarray) -> np.ndarray:
        """Return how many vertices a string needs: all up to the last one with an edge."""
        matrix = matrix_ops(strings)[0]
        joined = (matrix.max(axis=1) | matrix.max(axis=2))[:, 1:-1]
        return np.asarray(2 + (joined * np.arange(1, VERTICES - 1)).max(axis=1))

    def encode(self, strings: np.ndarray) -> np.ndarray:
        """Return AlphaX' 56 numbers: the V x V matrix by rows, then 0; the operations, then 9."""
        matrix, count = matrix_ops(strings)[0], self._vertices(strings)
        codes = np.full((len(strings), VERTICES), self._NO_CODE)
        codes[:, 0] = self._INPUT_CODE
        ops = self._OP_CODES[strings[:, len(EDGES) :]]
        place = np.arange(1, VERTICES - 1)
        codes[:, 1:-1] = np.where(place < count[:, None] - 1, ops, self._NO_CODE)
        cells = np.zeros((len(strings), VERTICES * VERTICES), dtype=np.int64)
        for vertices in range(2, VERTICES + 1):
            rows = np.flatnonzero(count == vertices)
            kept = [*range(vertices - 1), VERTICES - 1]
            part = matrix[rows][:, kept][:, :, kept]
            cells[rows, : vertices * vertices] = part.reshape(len(rows), vertices * vertices)
        return np.concatenate([cells, codes], axis=1)


class StringBuilding:
    """Any categorical space: one hyper-parameter after the other; the counter is how many there are.

    Parameters
    ----------
    space : CategoricalSpace
    """

    def __init__(self, space: CategoricalSpace) -> None:
        self._space = space
        values = np.arange(space.cardinalities.max())
        self._exists = values < space.cardinalities[:, None]
        self.inputs = int(self._exists.sum())

    def root(self) -> np.ndarray:
        """Return the empty string."""
        return np.zeros(self._space.size + 2, dtype=np.int64)

    def next_states(self, state: np.ndarray) -> np.ndarray:
        """Return the states after each value of the next hyper-parameter."""
        place = state[_COUNT]
        count = self._space.cardinalities[place]
        states = np.repeat(state[None], count, axis=0)
        states[:, place] = np.arange(count)
        states[:, _COUNT] += 1
        states[:, _FINISHED] = place + 1 == self._space.size
        return states

    def complete(self, state: np.ndarray, walks: int, rng: np.random.Generator) -> np.ndarray:
        """Draw what is missing uniformly."""
        drawn = rng.integers(0, self._space.cardinalities, (walks, self._space.size))
        drawn[:, : state[_COUNT]] = state[: state[_COUNT]]
        return np.concatenate([drawn, np.tile([self._space.size, 1], (walks, 1))], axis=1)

    def accepts(self, states: np.ndarray) -> np.ndarray:
        """Return a mask of the valid ones."""
        return self._space.is_valid(states[:, :_COUNT])

    def encode(self, strings: np.ndarray) -> np.ndarray:
        """Return one input for each value of each hyper-parameter."""
        values = np.arange(self._exists.shape[1])
        return (strings[:, :, None] == values)[:, self._exists].astype(np.int64)
