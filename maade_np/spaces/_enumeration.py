"""The official hash of all 423,624 cells: 20 million MD5 digests in some ten seconds.

`_module_hash.module_hash` for many cells at once. A vertex's colour is an MD5 digest; a round
replaces all colours by the MD5 of a message that lists the sorted colours of its in-neighbours,
of its out-neighbours, and its own. Vertices of the same in- and out-degree have messages of one
layout, and are hashed some thousands at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from maade_np.files import Arrays, cached
from maade_np.spaces._isomorphism import (
    EDGES,
    NUM_CELLS,
    VERTICES,
    isomorphism_index,
    op_digits,
    prune_masks,
)
from maade_np.spaces._md5 import hexadecimal, leading_64_bits, md5, padded, to_bytes
from maade_np.spaces._module_hash import INPUT_LABEL, OPS, OUTPUT_LABEL

_CACHE_NAME = "nasbench101-hashes-1"
_CELLS_AT_ONCE = 2**17
_MESSAGES_AT_ONCE = 2**14
_HEX = 32

Piece = bytes | np.ndarray  # of a message: text, or the numbers of vertices whose colour is meant


class CellHashes(NamedTuple):
    """Official hashes by class number.

    Attributes
    ----------
    digests : ndarray, uint8 (423624, 16)
        The hash of each class, as bytes.
    order : ndarray, int32 (423624,)
        Class numbers in ascending order of their hash.
    """

    digests: np.ndarray
    order: np.ndarray


class Colours(NamedTuple):
    """The digests of numbered vertices: text, uint32 (8, n), and what orders it, uint64 (n,)."""

    text: np.ndarray
    order: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Colours:
        """Room for n vertices."""
        return cls(np.empty((8, n), dtype=np.uint32), np.empty(n, dtype=np.uint64))

    @classmethod
    def of(cls, digests: np.ndarray) -> Colours:
        """Of digests, uint32 (4, n), for all vertices."""
        return cls(hexadecimal(digests), leading_64_bits(digests))

    def put(self, vertices: np.ndarray, digests: np.ndarray) -> None:
        """Store the digests, uint32 (4, k), of the vertices (k,)."""
        self.text[:, vertices] = hexadecimal(digests)
        self.order[vertices] = leading_64_bits(digests)


@cache
def cell_hashes() -> CellHashes:
    """Official hash of every class, from the cache folder or computed in some ten seconds."""
    return CellHashes(**cached(_CACHE_NAME, _build, _accept))


def module_digests(edges: np.ndarray, ops: np.ndarray) -> np.ndarray:
    """Official hashes, uint8 (n, 16), of connected cells given by edge masks and op codes (n,)."""
    pruned = prune_masks(np.asarray(edges, dtype=np.uint32))
    adjacency = np.zeros((len(pruned), VERTICES, VERTICES), dtype=bool)
    for k, (i, j) in enumerate(EDGES):
        adjacency[:, i, j] = pruned >> np.uint32(k) & np.uint32(1)
    labels = np.empty((len(pruned), VERTICES), dtype=np.int64)
    labels[:, 0], labels[:, -1] = INPUT_LABEL, OUTPUT_LABEL
    labels[:, 1:-1] = op_digits()[ops]
    vertices = (adjacency.any(axis=1) | adjacency.any(axis=2)).sum(axis=1)
    digests = np.empty((len(pruned), 16), dtype=np.uint8)
    for count in np.unique(vertices).tolist():
        rows = np.flatnonzero(vertices == count)
        for start in range(0, len(rows), _CELLS_AT_ONCE):
            part = rows[start : start + _CELLS_AT_ONCE]
            digests[part] = _hash_cells(adjacency[part], labels[part], count)
    return digests


def _hash_cells(adjacency: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Digests (n, 16) of pruned cells that all have `count` vertices in use."""
    into, out = adjacency.sum(axis=1), adjacency.sum(axis=2)
    groups = list(_degree_groups(adjacency, into, out))
    colours = Colours.of(_first_colours(out, into, labels))
    for _ in range(count):
        refined = Colours.empty(adjacency.shape[0] * VERTICES)
        for own, sources, targets in groups:
            for part in _parts(len(own)):
                into_text = _sorted(sources[:, part], colours.order)
                out_text = _sorted(targets[:, part], colours.order)
                message: list[Piece] = [*into_text, b"|", *out_text, b"|", own[part]]
                refined.put(own[part], md5(_messages(message, colours.text)))
        colours = refined

    used = np.flatnonzero((into + out).reshape(-1)).reshape(-1, count).T
    hashes = np.empty((4, len(adjacency)), dtype=np.uint32)
    for part in _parts(len(adjacency)):
        separators = [b"['", *[b"', '"] * (count - 1)]
        pairs = zip(separators, _sorted(used[:, part], colours.order), strict=True)
        message = [piece for pair in pairs for piece in pair] + [b"']"]
        hashes[:, part] = md5(_messages(message, colours.text))
    return to_bytes(hashes)


def _first_colours(out: np.ndarray, into: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """MD5 of the text of each vertex's (out-degree, in-degree, label), uint32 (4, n * 7)."""
    # negative labels index the table from its end, as Python does
    numbers = (*range(len(OPS)), OUTPUT_LABEL, INPUT_LABEL)
    triples = product(range(VERTICES), range(VERTICES), numbers)
    texts = [padded(str(triple).encode("ascii")) for triple in triples]
    table = md5(np.stack(texts, axis=1)).reshape(4, VERTICES, VERTICES, len(numbers))
    return table[:, out.reshape(-1), into.reshape(-1), labels.reshape(-1)]


def _degree_groups(
    adjacency: np.ndarray, into: np.ndarray, out: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Vertices by (in-degree, out-degree): own numbers (n,), sources (in, n), targets (out, n).

    Vertex v of cell c is number 7 c + v.
    """
    degrees = into * VERTICES + out
    for degree in np.unique(degrees[degrees > 0]).tolist():
        cell, vertex = np.nonzero(degrees == degree)
        neighbours = []
        for matrix, number in ((adjacency[cell, :, vertex], degree // VERTICES),
                               (adjacency[cell, vertex, :], degree % VERTICES)):  # fmt: skip
            columns = np.nonzero(matrix)[1].reshape(len(cell), number)
            neighbours.append(np.ascontiguousarray((cell[:, None] * VERTICES + columns).T))
        yield cell * VERTICES + vertex, neighbours[0], neighbours[1]


def _sorted(vertices: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """The rows of vertices (k, n), each column put in ascending `order`, by exchanging pairs.

    Equal leading bits are taken for equal colours; that this never misled is checked by the
    published checksum of all hashes.
    """
    rows, keys = list(vertices), [order[row] for row in vertices]
    for last in range(len(rows) - 1, 0, -1):
        for i in range(last):
            swap = keys[i] > keys[i + 1]
            for column in (rows, keys):
                low = np.where(swap, column[i + 1], column[i])
                column[i + 1] = np.where(swap, column[i], column[i + 1])
                column[i] = low
    return rows


def _messages(pieces: list[Piece], text: np.ndarray) -> np.ndarray:
    """Padded messages, uint32 (words, n), joined of pieces.

    A vertex, of which a piece has (n,), stands for its column of `text`, (8, vertices).
    """
    frame = padded(b"".join(p if isinstance(p, bytes) else bytes(_HEX) for p in pieces))
    n = next(len(piece) for piece in pieces if not isinstance(piece, bytes))
    words, at = np.repeat(frame[:, None], n, axis=1), 0
    for piece in pieces:
        if not isinstance(piece, bytes):
            word, shift = at // 4, np.uint32(8 * (at % 4))
            for k, row in enumerate(text):
                value = row.take(piece)
                words[word + k] |= value << shift
                if shift:
                    words[word + k + 1] |= value >> (np.uint32(32) - shift)
        at += len(piece) if isinstance(piece, bytes) else _HEX
    return words


def _parts(n: int) -> Iterator[slice]:
    for start in range(0, n, _MESSAGES_AT_ONCE):
        yield slice(start, start + _MESSAGES_AT_ONCE)


def _build() -> Arrays:
    index = isomorphism_index()
    digests = module_digests(index.edges, index.ops)
    order = np.lexsort(digests.view(">u8").astype(np.uint64).T[::-1])
    return {"digests": digests, "order": order.astype(np.int32)}


def _accept(arrays: Mapping[str, np.ndarray]) -> bool:
    digests, order = arrays["digests"], arrays["order"]
    return (
        set(arrays) == set(CellHashes._fields)
        and (digests.dtype, digests.shape) == (np.uint8, (NUM_CELLS, 16))
        and (order.dtype, order.shape) == (np.int32, (NUM_CELLS,))
        and int(order.min()) >= 0
        and bool((np.bincount(order, minlength=NUM_CELLS) == 1).all())
    )
