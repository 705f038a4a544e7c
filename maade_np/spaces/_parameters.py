"""How many trainable parameters the network of a cell has.

The network of the benchmark is fixed but for the cell: a 3x3 convolution to 128 channels, three
stacks of three cells, and a dense layer to 10 classes. Before the second and the third stack the
image is halved and the channels double. All convolutions are without bias and followed by batch
normalisation, two parameters a channel. Source: Ying et al., "NAS-Bench-101" (2019), section
2.1, and the `nasbench` package, `lib/model_builder.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maade_np.spaces._isomorphism import (
    EDGES,
    VERTICES,
    isomorphism_index,
    op_digits,
    prune_masks,
)
from maade_np.spaces._official_labelling import official_codes

_KERNEL = np.array([9, 1, 0])  # weights a pair of channels, by operation; pooling has none
# channels into and out of a cell, and how many cells have them
_CELLS = ((128, 128, 3), (128, 256, 1), (256, 256, 2), (256, 512, 1), (512, 512, 2))
_STEM = 9 * 3 * 128 + 2 * 128
_DENSE = 512 * 10 + 10


def vertex_channels(edges: Any, output_channels: int) -> np.ndarray:
    """Channels of the interior vertices of cells with so many output channels.

    The vertices that feed the output share its channels evenly, the first ones taking one more
    where they do not divide; any other vertex has as many as the widest it feeds. With a
    remainder the widths depend on the order of the vertices, which isomorphic cells do not
    share: start from `official_codes` for what must be a function of the cell.

    Parameters
    ----------
    edges : array-like, int (B,)
        Edge masks as they are labelled, pruned here.
    output_channels : int
        128, 256 or 512 in the benchmark's stacks.

    Returns
    -------
    ndarray, int64 (B, 5)
        0 for a vertex not in use.
    """
    return _channels(_adjacency(_pruned(edges)), output_channels).T


def count_parameters(edges: Any, ops: Any) -> np.ndarray:
    """Trainable parameters of cells as the benchmark trained them, int64 (B,).

    Parameters
    ----------
    edges, ops : array-like, int (B,)
        Edge masks and op codes (`to_codes`), in range; pruned first.

    Returns
    -------
    ndarray
        The same for isomorphic cells: that of the official labelling. -1 where invalid.

    Examples
    --------
    >>> from maade_np.spaces.nasbench101 import from_matrix, to_codes
    >>> count_parameters(*to_codes(from_matrix([[0, 1], [0, 0]], [])[None]))
    array([882570])
    """
    index, (official_edges, official_ops) = isomorphism_index(), official_codes()
    cells = index.class_of_form[index.form_of_mask[np.asarray(edges)], np.asarray(ops)]
    counts = _count(official_edges[cells], official_ops[cells])
    return np.where(cells >= 0, counts, -1)


def labelled_parameters(edges: Any, ops: Any) -> np.ndarray:
    """Trainable parameters of the networks of cells labelled as they are, int64 (B,).

    As `count_parameters`, but isomorphic cells can differ, by up to some per cent (see
    `vertex_channels`), cells of more than 9 edges are counted too, and -1 says that no path
    leads from input to output.
    """
    pruned = _pruned(edges)
    return np.where(pruned > 0, _count(pruned, np.asarray(ops)), -1)


def _count(pruned: np.ndarray, ops: np.ndarray) -> np.ndarray:
    adjacency = _adjacency(pruned)
    into_vertices, into_output = adjacency[0, 1:-1], adjacency[0, -1]
    kernel = _KERNEL[op_digits()[ops].T]
    widths = {channels: _channels(adjacency, channels) for channels in (128, 256, 512)}
    total = np.full(len(pruned), _STEM + _DENSE)
    for entering, leaving, times in _CELLS:
        c = widths[leaving]
        operation = kernel * c * c + 2 * c * (kernel > 0)
        # what comes from the cell's input is projected by a 1x1 convolution
        projection = into_vertices * c * (entering + 2)
        last = into_output * leaving * (entering + 2)
        total += times * ((operation + projection).sum(axis=0) + last)
    return total


def _pruned(edges: Any) -> np.ndarray:
    return prune_masks(np.asarray(edges).astype(np.uint32))


def _adjacency(pruned: np.ndarray) -> np.ndarray:
    """Entries 0 and 1, int64 (7, 7, B): the batch last, so that each entry is one long row."""
    matrices = np.zeros((VERTICES, VERTICES, len(pruned)), dtype=np.int64)
    for k, (i, j) in enumerate(EDGES):
        matrices[i, j] = pruned >> np.uint32(k) & np.uint32(1)
    return matrices


def _channels(adjacency: np.ndarray, output_channels: int) -> np.ndarray:
    """Of the interior vertices, int64 (5, B)."""
    feeds, between = adjacency[1:-1, -1], adjacency[1:-1, 1:-1]
    share, rest = np.divmod(output_channels, np.maximum(feeds.sum(axis=0), 1))
    channels = feeds * (share + (feeds.cumsum(axis=0) <= rest))
    for v in range(len(channels) - 2, -1, -1):
        widest = (between[v, v + 1 :] * channels[v + 1 :]).max(axis=0)
        channels[v] = np.where(feeds[v], channels[v], widest)
    return channels
