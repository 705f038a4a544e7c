"""The distances that NASBOT's Gaussian process can work with, and a memory for the costly one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maade_np.searchers._gaussian_process import Distances, KernelForm
from maade_np.searchers.rejection import contains
from maade_np.spaces import CategoricalSpace, NASBench101Space, encodings, otmann
from maade_np.spaces.categorical import mix64
from maade_np.spaces.nasbench101 import NUM_CELLS

AUTO, OTMANN, HAMMING = "auto", "otmann", "hamming"
_PLAIN = {"simplified": encodings.nasbot_distance, "edit": encodings.edit_distance}
DISTANCES = (AUTO, OTMANN, *_PLAIN, HAMMING)


def distances(name: str, space: CategoricalSpace, structure: tuple[float, ...]) -> Distances:
    """Return distances by name, or say why the space has none of it."""
    if name == AUTO:
        name = OTMANN if isinstance(space, NASBench101Space) else HAMMING
    if name == HAMMING:
        return _Plain(hamming_distance)
    if not isinstance(space, NASBench101Space):
        raise ValueError(
            f"distance {name!r} is one of NAS-Bench-101's cells, and this is another space "
            f"({space!r}): choose distance={HAMMING!r} or {AUTO!r}"
        )
    return TransportDistances(space, structure) if name == OTMANN else _Plain(_PLAIN[name])


class _Plain:
    """One distance d, kernel scale exp(-beta d): positive, as d is a sum of absolute values."""

    form = KernelForm(np.zeros(1, dtype=int), np.ones(1), np.array([[1e-2], [1e1]]))

    def __init__(self, function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self.function = function

    def between(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self.function(a, b)[None].astype(np.float64)


def hamming_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many hyper-parameters differ, of all pairs, int64 (n, m)."""
    total = np.zeros((len(a), len(b)), dtype=np.int64)
    for mine, its in zip(a.T, b.T, strict=True):
        total += mine[:, None] != its
    return total


class TransportDistances:
    """OTMANN, d and normalised, for K weights of the path lengths, remembered by pairs of cells.

    The kernel is the published one: a term for d with power 1, and one for the normalised
    distance with power 2. A pair's place in the memory is a hash of its cells, and the pair that
    was there before is forgotten: a search soon stops asking for most pairs. The layers of the last
    cells are remembered, too.
    """

    slots = 2**19
    most_layers = 2**12

    def __init__(self, space: NASBench101Space, structure: tuple[float, ...]) -> None:
        self.space, self.structure = space, structure
        count = len(structure)
        self.form = KernelForm(
            term=np.repeat([0, 1], count),
            power=np.repeat([1.0, 2.0], count),
            beta=np.repeat([[1e-4, 1e-1], [1e1, 1e2]], count, axis=1),
        )
        self._pair = np.full(self.slots, -1, dtype=np.int64)
        self._values = np.empty((self.slots, 2 * count))
        self._layers = otmann.cell_layers(np.empty(0, dtype=np.int64))
        self.computed = 0

    def between(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return distances (2 K, n, m) of valid strings (n, 26) and (m, 26)."""
        rows, columns = (self.space.identity(actions) for actions in (a, b))
        low = np.minimum(rows[:, None], columns).ravel()
        high = np.maximum(rows[:, None], columns).ravel()
        pair = low * NUM_CELLS + high
        slot = (mix64(pair.astype(np.uint64)) % np.uint64(self.slots)).astype(np.int64)
        values = self._values[slot]
        missing = np.flatnonzero(self._pair[slot] != pair)
        if len(missing):
            values[missing] = found = self._compute(low[missing], high[missing])
            self._pair[slot[missing]], self._values[slot[missing]] = pair[missing], found
        return values.T.reshape(2 * len(self.structure), len(rows), len(columns))

    def _compute(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        self.computed += len(low)
        cells, place = np.unique(np.concatenate([low, high]), return_inverse=True)
        layers = self._layers_of(cells)
        i, j = np.searchsorted(layers.cell, cells)[place].reshape(2, -1)
        d = otmann.pair_distances(layers, i, j, self.structure)
        total = layers.total()
        return np.concatenate([d, d / (total[i] + total[j])]).T

    def _layers_of(self, cells: np.ndarray) -> otmann.Layers:
        """Return the layers of these cells, ascending, and of others."""
        known = self._layers
        missing = cells[~contains(known.cell, cells)]
        if len(known.cell) + len(missing) > self.most_layers:
            self._layers = otmann.cell_layers(cells)
        elif len(missing):
            joined = known.join(otmann.cell_layers(missing))
            self._layers = joined.take(np.argsort(joined.cell))
        return self._layers
