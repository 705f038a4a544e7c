"""Which NAS-Bench-101 strings are the same cell: an index of all 2**21 edge masks.

A cell is a directed acyclic graph on 7 vertices, its 21 possible edges the bits of a *mask*
(bit k is edge k of the row-major upper triangle), its 5 interior operations the digits of an
*op code* (base 3, vertex 1 the lowest digit). Isomorphism is settled once, for every mask:

1. prune: keep the vertices on some path from input to output; only some 14,000 of the
   2,097,152 masks are their own pruned form, connected and within 9 edges;
2. relabel: of the 120 orders of the interior vertices some give the smallest mask, the
   *shape*; unused vertices come last by themselves, for the highest bit of a mask in use is
   the edge from its last used vertex to the output;
3. operations: among the orders that give the shape, which differ by its automorphisms, take
   the smallest op code.

Two cells are isomorphic exactly where (shape, smallest op code) agree. A string is looked up
by two gathers: mask -> number of its pruned form, (pruned form, op code) -> class.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import permutations
from typing import NamedTuple

import numpy as np

from maade_np.files import Arrays, cached

VERTICES = 7
MAX_EDGES = 9
NUM_MASKS = 2**21
NUM_OP_CODES = 3**5
NUM_CELLS = 423_624

EDGES = tuple((i, j) for i in range(VERTICES) for j in range(i + 1, VERTICES))
EDGE_NUMBER = {edge: k for k, edge in enumerate(EDGES)}

_CACHE_NAME = "nasbench101-isomorphism-1"
_MASKS_AT_ONCE = 2**16


class IsomorphismIndex(NamedTuple):
    """Every string's class, and one representative of each class.

    Attributes
    ----------
    form_of_mask : ndarray, uint16 (2**21,)
        Number of the mask's pruned form; 0 where the cell is invalid.
    class_of_form : ndarray, int32 (forms, 243)
        Class of a pruned form with raw op code; row 0 is -1 throughout.
    edges, ops : ndarray, uint32 and uint8 (423624,)
        Each class' smallest mask, and the smallest op code with it (unused vertices have 0).
        Classes are numbered in ascending order of (mask, op code).
    """

    form_of_mask: np.ndarray
    class_of_form: np.ndarray
    edges: np.ndarray
    ops: np.ndarray


@cache
def isomorphism_index() -> IsomorphismIndex:
    """The index, from the cache folder or built in about a second."""
    return IsomorphismIndex(**cached(_CACHE_NAME, _build, _accept))


def live_vertices(mask: np.ndarray) -> list[np.ndarray]:
    """For each vertex, where it is both reachable from the input and leads to the output.

    Returns seven bool arrays shaped like `mask`; where input and output are not connected all
    are False.
    """
    has = [(mask >> np.uint32(k) & np.uint32(1)).astype(bool) for k in range(len(EDGES))]
    everywhere = np.ones(mask.shape, dtype=bool)
    reached, leads = [everywhere], {VERTICES - 1: everywhere}
    for j in range(1, VERTICES):
        into = [reached[i] & has[EDGE_NUMBER[i, j]] for i in range(j)]
        reached.append(np.logical_or.reduce(into))
    for i in range(VERTICES - 2, -1, -1):
        out = [leads[j] & has[EDGE_NUMBER[i, j]] for j in range(i + 1, VERTICES)]
        leads[i] = np.logical_or.reduce(out)
    return [reached[v] & leads[v] for v in range(VERTICES)]


def prune_masks(mask: np.ndarray) -> np.ndarray:
    """The masks without the edges of dead vertices; 0 where nothing connects input and output."""
    live = live_vertices(mask)
    pruned = np.zeros_like(mask)
    for k, (i, j) in enumerate(EDGES):
        pruned |= (mask & np.uint32(1 << k)) * (live[i] & live[j])
    return pruned


def op_digits() -> np.ndarray:
    """The five operations of every op code, (243, 5)."""
    return np.arange(NUM_OP_CODES)[:, None] // 3 ** np.arange(5) % 3


def _build() -> Arrays:
    pruned = np.concatenate(
        [
            prune_masks(np.arange(start, start + _MASKS_AT_ONCE, dtype=np.uint32))
            for start in range(0, NUM_MASKS, _MASKS_AT_ONCE)
        ]
    )
    own_form = pruned == np.arange(NUM_MASKS, dtype=np.uint32)
    own_form &= np.bitwise_count(pruned) <= MAX_EDGES
    own_form[0] = False
    forms = np.flatnonzero(own_form)
    number = np.zeros(NUM_MASKS, dtype=np.uint16)
    number[forms] = np.arange(1, len(forms) + 1)

    shape, op_code = _canonical(forms)
    present = np.zeros(NUM_MASKS, dtype=bool)
    present[shape] = True
    shapes = np.flatnonzero(present)
    key = np.searchsorted(shapes, shape)[:, None] * NUM_OP_CODES + op_code
    present = np.zeros(len(shapes) * NUM_OP_CODES, dtype=bool)
    present[key] = True
    classes = np.flatnonzero(present)
    rank = np.cumsum(present, dtype=np.int32) - np.int32(1)

    class_of_form = np.full((len(forms) + 1, NUM_OP_CODES), -1, dtype=np.int32)
    class_of_form[1:] = rank[key]
    return {
        "form_of_mask": number[pruned],
        "class_of_form": class_of_form,
        "edges": shapes[classes // NUM_OP_CODES].astype(np.uint32),
        "ops": (classes % NUM_OP_CODES).astype(np.uint8),
    }


def _canonical(forms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest mask (F,) of each pruned form, and smallest op code (F, 243) of its labellings."""
    orders = np.array(list(permutations(range(1, VERTICES - 1))))
    place = np.zeros((len(orders), VERTICES), dtype=np.int64)
    place[:, 1:-1] = orders
    place[:, -1] = VERTICES - 1

    bit = np.empty((len(EDGES), len(orders)))
    backwards = 2.0**40  # more than any mask: an order with an edge against it never wins
    for k, (i, j) in enumerate(EDGES):
        moved = [EDGE_NUMBER.get((p[i], p[j])) for p in place.tolist()]
        bit[k] = [backwards if m is None else 2.0**m for m in moved]
    has = (forms[:, None] >> np.arange(len(EDGES)) & 1).astype(float)
    masks = has @ bit  # exact: sums below 2**53
    smallest = masks.min(axis=1)

    used = np.zeros((len(forms), VERTICES), dtype=bool)
    for k, (i, j) in enumerate(EDGES):
        used[:, i] |= has[:, k] > 0
        used[:, j] |= has[:, k] > 0
    digits = op_digits()
    form, order = np.nonzero(masks == smallest[:, None])
    moved_codes = (digits @ (3 ** (orders - 1)).T).T.astype(np.uint8)
    starts = np.searchsorted(form, np.arange(len(forms)))
    code = np.minimum.reduceat(moved_codes[order], starts, axis=0)

    subsets, which = np.unique(used[:, 1:-1], axis=0, return_inverse=True)
    without_unused = (digits * subsets[:, None, :]) @ 3 ** np.arange(5)
    return smallest.astype(np.int64), np.take_along_axis(
        code, without_unused[which.reshape(-1)], axis=1
    )


def _accept(arrays: Mapping[str, np.ndarray]) -> bool:
    form, classes = arrays["form_of_mask"], arrays["class_of_form"]
    return (
        set(arrays) == set(IsomorphismIndex._fields)
        and (form.dtype, form.shape) == (np.uint16, (NUM_MASKS,))
        and (classes.dtype, classes.shape[1:]) == (np.int32, (NUM_OP_CODES,))
        and int(form.max()) == len(classes) - 1
        and int(classes.max()) == NUM_CELLS - 1
        and (arrays["edges"].dtype, arrays["edges"].shape) == (np.uint32, (NUM_CELLS,))
        and (arrays["ops"].dtype, arrays["ops"].shape) == (np.uint8, (NUM_CELLS,))
    )
