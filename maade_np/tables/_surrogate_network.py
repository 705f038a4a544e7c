"""The surrogate's network: the graph of a cell in, figures about its training runs out.

Two sweeps carry a state of h numbers from vertex to vertex along the edges, from input to
output (x) and back (y). What a vertex does with the sum of its neighbours' states depends on
its operation and on how many vertices share the output's channels::

    x_v = relu(W1 (s1 * a) + b1) + a / 2               a = sum of x_u over edges u -> v
    y_u = relu(W2 (s2 * a) + V2 x_u + b2) + a / 2      a = sum of y_v over edges u -> v
    r   = sum over operations of relu(W3 y_v + V3 x_v + b3)

Heads of three layers read x at the output, y at the input, r, and the kind of cell. Sums over
edges and vertices do not know the vertices' numbers, so the network is invariant under
isomorphism; as it is given one representative of each class, not even rounding differs.

**The same bits on every machine.** Matrices hold integers. Whatever they multiply is rounded to
integers first (states count steps of 1 / 256), so small that no sum of products of any cell
reaches 2**24: float32 then holds every partial sum exactly, and neither the order of summation
nor the linear algebra library can change a bit. What remains is elementwise arithmetic, which
IEEE 754 defines. `benchmarks/fit_surrogate.py` checks the bound on all cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from maade_np.spaces._isomorphism import EDGE_NUMBER, EDGES, VERTICES, op_digits
from maade_np.spaces._module_hash import OPS

INTERIOR = range(1, VERTICES - 1)
OUTPUT = VERTICES - 1
KINDS = 2 * (len(INTERIOR) + 1)  # how many vertices share the output, and does the input feed it
VERTEX_KINDS = len(OPS) * (len(INTERIOR) + 1)


class Structure(NamedTuple):
    """Cells as the network reads them.

    Attributes
    ----------
    edges : ndarray, float32 (21, B)
        0 or 1.
    vertex_kind : ndarray, int64 (5, B)
        Operation + 3 * number of interior vertices that feed the output, which share its
        channels evenly.
    kind : ndarray, int64 (B,)
        The latter number, + 6 where the input feeds the output.
    used : ndarray, float32 (5, B)
        1 where the interior vertex is in use.
    """

    edges: np.ndarray
    vertex_kind: np.ndarray
    kind: np.ndarray
    used: np.ndarray


def structure(edges: np.ndarray, ops: np.ndarray) -> Structure:
    """The structure of pruned cells given by edge masks and op codes (B,)."""
    bits = np.asarray(edges)[None, :] >> np.arange(len(EDGES))[:, None] & 1
    sharing = sum(bits[EDGE_NUMBER[v, OUTPUT]] for v in INTERIOR)
    used = [np.any([bits[EDGE_NUMBER[u, v]] for u in range(v)], axis=0) for v in INTERIOR]
    return Structure(
        edges=bits.astype(np.float32),
        vertex_kind=op_digits().T[:, ops] + len(OPS) * sharing,
        kind=sharing + KINDS // 2 * bits[EDGE_NUMBER[0, OUTPUT]],
        used=np.array(used, dtype=np.float32),
    )


Weights = Mapping[str, np.ndarray]
"""All float32. By kind of cell ``e_in``, ``e_out`` (h, 12); by kind of vertex ``s1``, ``b1``,
``s2``, ``b2``, ``b3`` (h, 18); matrices of integers NAME (M, K) with NAME.unit (M, 1) for W1,
W2, V23 (V2 above V3), W3; of each head HEAD.1, HEAD.2, HEAD.3 with HEAD.kind, HEAD.b2,
HEAD.b3."""

Edge = tuple[int, int]
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]
Apply = Callable[[str, np.ndarray], np.ndarray]
Arriving = Callable[[list[Edge], list[np.ndarray], int], np.ndarray]


def forward(
    weights: Weights, cells: Structure, heads: tuple[str, ...], product: Product = np.matmul
) -> np.ndarray:
    """Outputs of the heads one below the other, float32 (outputs, B)."""

    def apply(name: str, x: np.ndarray) -> np.ndarray:
        out = product(weights[name], x)
        out *= weights[f"{name}.unit"]
        return out

    cells_with = cells.edges.sum(axis=1).tolist()

    def arriving(edges: list[Edge], states: list[np.ndarray], end: int) -> np.ndarray:
        """Sum of the states (h, B) at the start (0) or end (1) of those edges that a cell has."""
        total = np.zeros_like(states[end * OUTPUT])
        for edge in edges:
            k = EDGE_NUMBER[edge]
            if cells_with[k] == len(cells.kind):
                total += states[edge[end]]
            elif cells_with[k]:
                total += cells.edges[k] * states[edge[end]]
        return total

    x = _forwards(weights, cells, apply, arriving)
    y_in, r = _backwards(weights, cells, apply, arriving, x)
    read = np.concatenate([x[OUTPUT], y_in, r])
    outputs = []
    for head in heads:
        hidden = _relu(apply(f"{head}.1", read) + weights[f"{head}.kind"][:, cells.kind])
        hidden = _relu(apply(f"{head}.2", np.rint(hidden, out=hidden)) + weights[f"{head}.b2"])
        outputs.append(apply(f"{head}.3", np.rint(hidden, out=hidden)) + weights[f"{head}.b3"])
    return np.concatenate(outputs)


def _forwards(
    weights: Weights, cells: Structure, apply: Apply, arriving: Arriving
) -> list[np.ndarray]:
    """The states x of vertices 0 to 5, and the sum that arrives at the output, (h, B) each."""
    x = [weights["e_in"].take(cells.kind, axis=1)]
    for v in INTERIOR:
        a = arriving([(u, v) for u in range(v)], x, 0)
        kind = cells.vertex_kind[v - 1]
        hidden = apply("W1", _scaled(weights["s1"], kind, a))
        hidden += weights["b1"].take(kind, axis=1)
        x.append(_state(hidden, a))
    x.append(arriving([(u, OUTPUT) for u in range(OUTPUT)], x, 0))
    return x


def _backwards(
    weights: Weights, cells: Structure, apply: Apply, arriving: Arriving, x: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The sum of states y that arrives at the input, and r, (h, B) each."""
    h = len(x[0])
    y = [*x[:OUTPUT], weights["e_out"].take(cells.kind, axis=1)]  # filled from the end
    r = np.zeros_like(x[0])
    for u in reversed(INTERIOR):
        a = arriving([(u, v) for v in range(OUTPUT, u, -1)], y, 1)
        kind = cells.vertex_kind[u - 1]
        from_x = apply("V23", x[u])
        hidden = apply("W2", _scaled(weights["s2"], kind, a))
        hidden += from_x[:h]
        hidden += weights["b2"].take(kind, axis=1)
        y[u] = _state(hidden, a)
        seen = apply("W3", y[u])
        seen += from_x[h:]
        seen += weights["b3"].take(kind, axis=1)
        seen = _relu(seen)
        seen *= cells.used[u - 1]
        r += np.rint(seen, out=seen)
    return arriving([(0, v) for v in range(OUTPUT, 0, -1)], y, 1), r


def _scaled(scale: np.ndarray, kind: np.ndarray, a: np.ndarray) -> np.ndarray:
    scaled = scale.take(kind, axis=1)
    scaled *= a
    return np.rint(scaled, out=scaled)


def _state(hidden: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The next state, in whole steps; both arguments are used up."""
    hidden = _relu(hidden)
    a *= np.float32(0.5)
    hidden += a
    return np.rint(hidden, out=hidden)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, np.float32(0), out=x)
