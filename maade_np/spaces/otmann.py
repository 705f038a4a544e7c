"""OTMANN: the distance of two cells of NAS-Bench-101 by optimal transport, as in NASBOT.

A cell is a set of layers, its vertices in use. Each has a mass, the computation that it does, and
the distance of two cells is the cost of matching the masses of one with those of the other. To
match a unit of layer i with one of layer j costs ::

    C_ij = mismatch(label_i, label_j) + nu mean_s |length_s(i) - length_s(j)|

and to leave a unit of either cell unmatched costs 1. So d is the smallest value of ::

    sum_ij C_ij z_ij + sum_i (m_i - sum_j z_ij) + sum_j (m_j - sum_i z_ij)
        = M_a + M_b - sum_ij (2 - C_ij) z_ij

where M are total masses: a transport problem in which matching earns 2 - C_ij (`_transport`).
Input, output, convolutions and poolings match among themselves only, so the two ends are
settled by themselves. d is a pseudo-metric; the normalised distance d / (M_a + M_b), between 0 and
1, obeys no triangle inequality.

Source: Kandasamy, Neiswanger, Schneider, Poczos and Xing, "Neural architecture search with
Bayesian optimisation and optimal transport" (2018), section 3, and its code (`nn/nn_comparators`,
`nn/neural_network`). What is particular to the cells of NAS-Bench-101:

- a vertex adds what it receives, so a convolution has as many channels c going in as out, and
  mass c^2 whatever its kernel; a pooling has c. Where the cell's input feeds a vertex, through a
  1x1 convolution from 128 channels, 128 c is added. Channels are those of the first stack, in the
  labelling in which the cell was trained; a mass of 1 is a convolution of 128 to 128 channels.
- input and output have a tenth of the mass of all others each, at least 100 / 128^2; there is one
  decision layer, the same for all cells, which is left out;
- kernels of 3x3 and 1x1 mismatch by 0.1 sqrt(2) sqrt(3 - 1) = 0.2, the code's rule, the paper
  having no 1x1; convolution and pooling do not match;
- lengths of the shortest, the longest and the random-walk path to the output, and from the input,
  count all layers, convolutions or poolings: 18. The mean is over 24, as in the code, which counts
  fully connected layers too: a cell has none, so those 6 lengths do not differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from maade_np.spaces._transport import most_profit
from maade_np.spaces.nasbench101 import (
    NASBench101Space,
    from_codes,
    matrix_ops,
    official_codes,
    vertex_channels,
)

# nu in the published code
STRUCTURE = (0.1, 0.25, 0.61, 1.5)

_CHANNELS = 128
_UNIT = _CHANNELS**2
_END_SHARE, _END_MINIMUM = 0.1, 100
_POOL = 2
# at a cost of 2 a match is no better than none: it stands for infinity
_MISMATCH = np.array([[0.0, 0.2, 2.0], [0.2, 0.0, 2.0], [2.0, 2.0, 0.0]])
_ENDS, _INTERIOR = slice(None, None, 6), slice(1, 6)
_NUM_LENGTHS = 24
_PAIRS_AT_ONCE = 1024


class Layers(NamedTuple):
    """The layers of B cells, the batch in the last axis.

    Attributes
    ----------
    cell : ndarray, int64 (B,)
        Numbers of the cells (`NASBench101Space.identity`).
    label : ndarray, int64 (5, B)
        Operations of the interior vertices.
    mass : ndarray, int64 (5, B)
        Theirs, in multiplications a pixel; 0 for a vertex not in use.
    end_mass : ndarray, float64 (B,)
        Of the input, and of the output.
    length : ndarray, float64 (18, 7, B)
        Path lengths of all vertices, without those that count fully connected layers.
    """

    cell: np.ndarray
    label: np.ndarray
    mass: np.ndarray
    end_mass: np.ndarray
    length: np.ndarray

    def take(self, rows: np.ndarray) -> Layers:
        """Return the layers of these cells."""
        return Layers(*(array[..., rows] for array in self))

    def join(self, other: Layers) -> Layers:
        """Return the layers of both batches, one after the other."""
        return Layers(*(np.concatenate(pair, axis=-1) for pair in zip(self, other, strict=True)))

    def total(self) -> np.ndarray:
        """Return the total mass of each cell, (B,), in units of 128^2."""
        total: np.ndarray = (self.mass.sum(axis=0) + 2 * self.end_mass) / _UNIT
        return total


def otmann_distance(
    a: Any, b: Any | None = None, structure: tuple[float, ...] = STRUCTURE
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of all pairs, d and normalised, float64 (K, n, m) each.

    Parameters
    ----------
    a : array-like, int (n, 26)
        Valid strings. Isomorphic ones are the same cell.
    b : array-like, int (m, 26), optional
        Default: a.
    structure : tuple of K floats
        nu, the weights of the path lengths, each giving a distance.

    Raises
    ------
    ValueError
        No valid strings of the space.
    """
    rows = _cells(a)
    columns = rows if b is None else _cells(b)
    found, place = np.unique(np.concatenate([rows, columns]), return_inverse=True)
    i, j = np.meshgrid(place[: len(rows)], place[len(rows) :], indexing="ij")
    layers = cell_layers(found)
    d = pair_distances(layers, i.ravel(), j.ravel(), structure).reshape(-1, *i.shape)
    total = layers.total()
    return d, d / (total[i] + total[j])


def cell_layers(cells: np.ndarray) -> Layers:
    """Return the layers of cells given by their numbers, int (B,)."""
    edges, ops = (codes[cells] for codes in official_codes())
    matrix, label = matrix_ops(from_codes(edges, ops))
    channels = vertex_channels(edges, _CHANNELS)
    pool = label == _POOL
    mass = np.where(pool, channels, channels**2) + _CHANNELS * channels * matrix[:, 0, 1:-1]
    counted = np.zeros((3, len(cells), matrix.shape[1]))
    counted[0] = 1.0
    counted[1:, :, 1:-1] = [~pool, pool]
    to_output = _path_lengths(matrix > 0, counted)
    backwards = np.swapaxes(matrix, 1, 2)[:, ::-1, ::-1]
    from_input = _path_lengths(backwards > 0, counted[:, :, ::-1])[..., ::-1]
    lengths = np.concatenate([to_output, from_input]).reshape(18, len(cells), matrix.shape[1])
    return Layers(
        cell=np.asarray(cells, dtype=np.int64),
        label=label.T.astype(np.int64),
        mass=mass.T,
        end_mass=np.maximum(_END_SHARE * mass.sum(axis=1), _END_MINIMUM),
        length=np.ascontiguousarray(lengths.swapaxes(1, 2)),
    )


def pair_distances(
    layers: Layers, i: np.ndarray, j: np.ndarray, structure: tuple[float, ...] = STRUCTURE
) -> np.ndarray:
    """Return d between cells i and j of `layers`, float64 (K, P), of index arrays (P,).

    Bit for bit the same for (i, j) as for (j, i), and whatever the other pairs are.
    """
    swap = layers.cell[i] > layers.cell[j]
    i, j = np.where(swap, j, i), np.where(swap, i, j)
    d = np.empty((len(structure), len(i)))
    for start in range(0, len(i), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        d[:, some] = _transport(layers.take(i[some]), layers.take(j[some]), structure)
    return d


def _transport(a: Layers, b: Layers, structure: tuple[float, ...]) -> np.ndarray:
    nu = np.array(structure)[:, None, None]
    mismatch = _MISMATCH[a.label[:, None], b.label]
    lengths = _difference(a.length[:, _INTERIOR, None], b.length[:, None, _INTERIOR])
    inside = most_profit(2 - (mismatch + nu[..., None] * lengths), a.mass, b.mass)
    ends = 2 - nu * _difference(a.length[:, _ENDS], b.length[:, _ENDS])
    outside = np.maximum(ends, 0).sum(axis=1) * np.minimum(a.end_mass, b.end_mass)
    # a sum of many products: rounding must not make the distance of a cell from itself negative
    d: np.ndarray = np.maximum(a.total() + b.total() - (inside + outside) / _UNIT, 0)
    return d


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean of |a - b| over the lengths, in the first axis."""
    total = np.abs(a[0] - b[0])
    for one, other in zip(a[1:], b[1:], strict=True):
        total += np.abs(one - other)
    return total / _NUM_LENGTHS


def _path_lengths(adjacency: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return lengths of paths from each vertex to the last one, (3 kinds, 3 counts, B, V).

    Shortest, longest, and expected if each next vertex is drawn uniformly. A path counts the
    layers that it leaves: `counted` (3, B, V) says which do. 0 for a vertex not in use.
    """
    lengths = np.zeros((3, *counted.shape))
    for v in range(adjacency.shape[1] - 2, -1, -1):
        follows = adjacency[:, v, v + 1 :]
        shortest, longest, walk = lengths[..., v + 1 :]
        degree = follows.sum(axis=1)
        onward = np.stack(
            [
                np.where(follows, shortest, np.inf).min(axis=2),
                np.where(follows, longest, -np.inf).max(axis=2),
                np.where(follows, walk, 0).sum(axis=2) / np.maximum(degree, 1),
            ]
        )
        lengths[..., v] = np.where(degree > 0, onward + counted[..., v], 0)
    return lengths


def _cells(actions: Any) -> np.ndarray:
    cells = NASBench101Space().identity(actions)
    if (cells < 0).any():
        raise ValueError(f"actions[{int(cells.argmin())}] is no valid cell and has no layers")
    return cells
