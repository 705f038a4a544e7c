"""The labelling in which the benchmark stores, and trained, each cell.

Isomorphic cells are one row of the benchmark, kept in the labelling that its generator met first:
it counts through adjacency matrices by bit masks in column-major order, and for each matrix
through the operations in lexicographic order. Which labelling it is shows in the networks: where
channels do not divide evenly, the first vertices get more (`_parameters.vertex_channels`).
Source: the `nasbench` package, `scripts/generate_graphs.py`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from maade_np.spaces._isomorphism import (
    EDGES,
    NUM_CELLS,
    NUM_OP_CODES,
    VERTICES,
    isomorphism_index,
    op_digits,
)

_COLUMN_MAJOR = np.array([1 << (i + j * (j - 1) // 2) for i, j in EDGES])


@cache
def official_codes() -> tuple[np.ndarray, np.ndarray]:
    """Edge mask, uint32, and op code, uint8, (423624,) each, of every cell by its number.

    Vertices not in use are the last interior ones, their operation 0.
    """
    index = isomorphism_index()
    masks, used = _masks_in_order()
    digits = op_digits()
    lexicographic = np.lexsort(digits.T[::-1])
    unused_differ = ((digits[lexicographic] > 0) & ~used[:, None, :]).any(axis=2)
    place = np.flatnonzero(~unused_differ)
    row, column = np.divmod(place, NUM_OP_CODES)
    cells = index.class_of_form[index.form_of_mask[masks[row]], lexicographic[column]]
    first = np.full(NUM_CELLS, place.size)
    np.minimum.at(first, cells, np.arange(place.size))
    return masks[row[first]].astype(np.uint32), lexicographic[column[first]].astype(np.uint8)


def _masks_in_order() -> tuple[np.ndarray, np.ndarray]:
    """Masks (F,) of full graphs as they are generated, and which interior vertices they use.

    Graphs of different sizes are never isomorphic, so their order among each other is free.
    """
    form_of_mask = isomorphism_index().form_of_mask
    # a pruned form is the smallest of the masks that it is the form of; number 0 is no form
    masks = np.unique(form_of_mask, return_index=True)[1][1:]
    has = masks[:, None] >> np.arange(len(EDGES)) & 1
    used = np.zeros((len(masks), VERTICES), dtype=bool)
    for k, (_, target) in enumerate(EDGES):
        used[:, target] |= has[:, k] > 0
    used = used[:, 1:-1]
    first_ones = (used[:, 1:] <= used[:, :-1]).all(axis=1)
    order = np.flatnonzero(first_ones)
    order = order[np.argsort((has @ _COLUMN_MAJOR)[order])]
    return masks[order], used[order]
