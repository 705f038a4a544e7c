"""Labelled directed graphs, as ``nasbench.lib.graph_util`` treats them.

A graph is a square matrix of 0 and 1 (entry [u, v] is the edge u -> v) with one label a vertex.
Nothing here asks for a valid cell, or for an acyclic graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt


def gen_is_edge_fn(bits: int) -> Callable[[npt.ArrayLike, npt.ArrayLike], np.ndarray]:
    """A vectorised "is there an edge x -> y?" for a graph given as a bit mask.

    Parameters
    ----------
    bits : int
        Bit x + y (y - 1) / 2 is the edge x -> y, x < y: the upper triangle by columns, so that
        the same number gives the same graph, padded, on any larger number of vertices.

    Returns
    -------
    callable
        Of two integer arrays; its 0 or 1 are int64 in their broadcast shape.

    Raises
    ------
    ValueError
        `bits` is negative.

    Examples
    --------
    >>> np.fromfunction(gen_is_edge_fn(0b110), (3, 3), dtype=np.int8).tolist()
    [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    """
    if bits < 0:
        raise ValueError(f"bits is {bits}, expected a bit mask of 0 or more")
    octets = np.frombuffer(int(bits).to_bytes(int(bits).bit_length() // 8 + 1, "little"), np.uint8)
    edge = np.unpackbits(octets, bitorder="little").astype(np.int64)  # its last entry is 0

    def is_edge(x: npt.ArrayLike, y: npt.ArrayLike) -> np.ndarray:
        source, target = np.asarray(x, dtype=np.int64), np.asarray(y, dtype=np.int64)
        bit = np.minimum(source + target * (target - 1) // 2, len(edge) - 1)
        return np.where(source < target, edge[bit], 0)

    return is_edge


def is_full_dag(matrix: npt.ArrayLike) -> bool:
    """Whether every vertex of an upper triangular matrix lies on a path from first to last.

    That is so where every vertex but the last has an edge out and all but the first one in.
    """
    linked = np.asarray(matrix) != 0
    return bool(linked[:-1].any(axis=1).all() and linked[:, 1:].any(axis=0).all())


def num_edges(matrix: npt.ArrayLike) -> int:
    """The number of edges of a 0/1 matrix."""
    return int(np.sum(matrix))


def hash_module(matrix: npt.ArrayLike, labeling: Sequence[int]) -> str:
    """The official hash of a labelled graph: the same for isomorphic graphs.

    Each vertex starts as the MD5 of its degrees and label; V times over, all at once, it
    becomes the MD5 of its sorted in-neighbours, its sorted out-neighbours and itself; the
    graph is the MD5 of its sorted vertices. Some non-isomorphic graphs share a hash, though no
    two cells of NAS-Bench-101 do.

    Parameters
    ----------
    matrix : array-like, (V, V)
        Of any dtype, as long as the entries are whole numbers: a graph stored as floats or
        booleans has the hash of the same graph stored as integers. (The original hashes the
        text "1.0" there, and then finds no such cell.)
    labeling : sequence of int, V
        -1 for the input, -2 for the output and the operation's number for every other vertex,
        where the graph is a cell; NumPy's integers serve too.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        A matrix that is not square, entries that are no whole numbers, or another number of
        labels than vertices.

    Examples
    --------
    >>> hash_module([[0, 1], [0, 0]], [-1, -2])
    '043721b9c7fe8c5fad811d47d83132ec'
    """
    return _md5(str(sorted(_vertex_hashes(_checked(matrix, labeling), labeling))))


def permute_graph(
    graph: npt.ArrayLike, label: Sequence[Any], permutation: Sequence[int]
) -> tuple[np.ndarray, list[Any]]:
    """The same graph with its vertices in another order.

    Parameters
    ----------
    graph : array-like, (V, V)
    label : sequence, V
    permutation : sequence of int, V
        `permutation[v]` is the new number of vertex v.

    Returns
    -------
    matrix : ndarray, bool (V, V)
        True where the entry was 1.
    label : list

    Raises
    ------
    ValueError
        `permutation` is none of V vertices, or another number of labels than vertices.
    """
    matrix = _checked(graph, label)
    if sorted(permutation) != list(range(len(matrix))):
        raise ValueError(
            f"permutation is {list(permutation)}, expected each of 0 to {len(matrix) - 1} once"
        )
    old = np.argsort(permutation)
    return matrix[np.ix_(old, old)] == 1, [label[v] for v in old]


def is_isomorphic(
    graph1: tuple[npt.ArrayLike, Sequence[Any]], graph2: tuple[npt.ArrayLike, Sequence[Any]]
) -> bool:
    """Whether two graphs, each (matrix, labels), are one graph in two vertex orders. Exact.

    Vertices are told apart by what their surroundings look like, as in `hash_module`, and
    matched among their like one by one, so no two cells ever take 5,040 permutations. Labels
    may be anything that compares. Graphs of different size are not isomorphic (the original
    stops at an assertion).
    """
    known: list[Any] = []
    matrices, looks = [], []
    for matrix, labels in (graph1, graph2):
        known.extend(labels)
        matrices.append(_checked(matrix, labels))
        looks.append(_vertex_hashes(matrices[-1], [known.index(label) for label in labels]))
    if sorted(looks[0]) != sorted(looks[1]):
        return False
    first, second = matrices
    rarest = sorted(range(len(first)), key=lambda v: looks[0].count(looks[0][v]))

    def extend(images: list[int]) -> bool:
        if len(images) == len(rarest):
            return True
        vertex, done = rarest[len(images)], rarest[: len(images) + 1]
        for image, look in enumerate(looks[1]):
            if look != looks[0][vertex] or image in images:
                continue
            chosen = [*images, image]
            if (
                np.array_equal(first[vertex, done], second[image, chosen])
                and np.array_equal(first[done, vertex], second[chosen, image])
                and extend(chosen)
            ):
                return True
        return False

    return extend([])


def _checked(matrix: npt.ArrayLike, labels: Sequence[Any]) -> np.ndarray:
    """The matrix as int64 (V, V), if it is square, whole-numbered and has as many labels."""
    array = np.asarray(matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"matrix has shape {array.shape}, expected (V, V)")
    if len(labels) != len(array):
        raise ValueError(f"{len(labels)} labels for {len(array)} vertices: give one a vertex")
    whole = np.isfinite(array) & (array == np.round(array)) if array.dtype.kind == "f" else True
    if array.dtype.kind not in "biuf" or not np.all(whole):
        raise ValueError("matrix has entries that are no whole numbers")
    return array.astype(np.int64)


def _vertex_hashes(matrix: np.ndarray, labels: Sequence[int]) -> list[str]:
    into, out = (
        [[u for u, entry in enumerate(line) if entry] for line in lines.tolist()]
        for lines in (matrix.T, matrix)
    )
    degrees = zip(matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist(), strict=True)
    hashes = [
        _md5(str((leaving, entering, index(label))))
        for (leaving, entering), label in zip(degrees, labels, strict=True)
    ]
    for _ in matrix:
        hashes = [
            _md5(
                "".join(sorted(hashes[u] for u in into[v]))
                + "|"
                + "".join(sorted(hashes[u] for u in out[v]))
                + "|"
                + hashes[v]
            )
            for v in range(len(matrix))
        ]
    return hashes


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest()
