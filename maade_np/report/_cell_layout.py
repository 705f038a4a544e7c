"""Where to draw the boxes and edges of a NAS-Bench-101 cell.

A cell is drawn from left to right in layers (Sugiyama, Tagawa and Toda, 1981). The layer of a
vertex is the length of the longest path to it. An edge that spans several layers passes each of
those between through a *waypoint*, which takes room in the layer like a box does; lines bend
between the layers only, so no edge can run through a box. Heights are integers on a small grid. A
dynamic programme over the layers finds the orders with the fewest crossings, a second one the
heights in these orders with the least climbing; both are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, pairwise, permutations

import numpy as np
import numpy.typing as npt

MAX_VERTICES, MAX_EDGES = 7, 9
BOX_WIDTH, BOX_HEIGHT, LAYER_PITCH = 1.08, 0.62, 1.80
GRID_STEP = 0.25

# A vertex (v,), or the waypoint (u, v, layer) of the edge from u to v.
Node = tuple[int, ...]
# Indices of two nodes in successive layers, and how much a climb between them costs.
Segment = tuple[int, int, float]


@dataclass(frozen=True)
class CellLayout:
    """Where everything in the drawing of a cell is, in units of the drawing.

    Attributes
    ----------
    centres : ndarray (V, 2)
        Centres of the boxes, BOX_WIDTH by BOX_HEIGHT; x to the right, y upwards.
    edges : dict of (int, int) to ndarray (K, 2)
        Points that the edge passes, K even: 2k to 2k+1 is an S-shaped bend between two layers,
        2k+1 to 2k+2 a straight line across one.
    """

    centres: np.ndarray
    edges: dict[tuple[int, int], np.ndarray]


def layout_cell(matrix: npt.ArrayLike) -> CellLayout:
    """Place the boxes and edges of a pruned cell.

    Parameters
    ----------
    matrix : array_like (V, V)
        Upper-triangular 0/1 adjacency, 2 <= V <= 7, at most 9 edges, every vertex on a path from
        vertex 0 to vertex V-1.

    Returns
    -------
    CellLayout

    Raises
    ------
    ValueError
        If the matrix is no such thing.
    """
    adjacency = _checked_matrix(matrix)
    edges = [(int(u), int(v)) for u, v in np.argwhere(adjacency)]
    depth = [0] * len(adjacency)
    for u, v in edges:  # rows ascend, so depth[u] is final here
        depth[v] = max(depth[v], depth[u] + 1)

    chains = {
        (u, v): [(u,), *((u, v, k) for k in range(depth[u] + 1, depth[v])), (v,)] for u, v in edges
    }
    layers: list[list[Node]] = [[] for _ in range(max(depth) + 1)]
    for vertex, layer in enumerate(depth):
        layers[layer].append((vertex,))
    for chain in chains.values():
        for node in chain[1:-1]:
            layers[node[2]].append(node)
    heights = _place(layers, list(chains.values()))

    def centre(node: Node) -> tuple[float, float]:
        layer = depth[node[0]] if len(node) == 1 else node[2]
        return layer * LAYER_PITCH, GRID_STEP * heights[node]

    routes = {}
    for edge, chain in chains.items():
        middle = np.repeat([centre(node) for node in chain], 2, axis=0)
        middle[::2, 0] -= BOX_WIDTH / 2
        middle[1::2, 0] += BOX_WIDTH / 2
        routes[edge] = middle[1:-1]
    return CellLayout(np.array([centre((v,)) for v in range(len(adjacency))]), routes)


def _checked_matrix(matrix: npt.ArrayLike) -> np.ndarray:
    adjacency = np.asarray(matrix)
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1]:
        raise ValueError(f"the matrix of a cell is square, this one has shape {adjacency.shape}")
    size = len(adjacency)
    if not 2 <= size <= MAX_VERTICES:
        raise ValueError(f"a cell has 2 to {MAX_VERTICES} vertices, this one has {size}")
    if not np.isin(adjacency, (0, 1)).all() or np.tril(adjacency).any():
        raise ValueError(
            "the matrix of a cell holds 0 and 1, and only 0 on and below the "
            f"diagonal; this one is\n{adjacency}"
        )
    adjacency = adjacency.astype(bool)
    if adjacency.sum() > MAX_EDGES:
        raise ValueError(f"a cell has at most {MAX_EDGES} edges, this one has {adjacency.sum()}")
    loose = [
        v
        for v in range(size)
        if (v > 0 and not adjacency[:, v].any()) or (v < size - 1 and not adjacency[v].any())
    ]
    if loose:  # in an acyclic graph every other vertex lies on a path from input to output
        raise ValueError(f"vertices {loose} are not between input and output: prune the cell first")
    return adjacency


def _place(layers: list[list[Node]], chains: list[list[Node]]) -> dict[Node, int]:
    """Find the height of every node on the grid: first the order in the layers, then the rest."""
    where = {node: (k, i) for k, layer in enumerate(layers) for i, node in enumerate(layer)}
    segments: list[list[Segment]] = [[] for _ in layers[1:]]
    for chain in chains:
        for left, right in pairwise(chain):
            # Long edges and neighbours should be straight; a waypoint may be reached by a bend.
            weight = {2: 2.5, 4: 1.0, 6: 6.0}[len(left) + len(right)]
            segments[where[left][0]].append((where[left][1], where[right][1], weight))
    boxes = [[len(node) == 1 for node in layer] for layer in layers]
    packed = _cheapest(
        [
            np.array([_packed(order, box) for order in permutations(range(len(box)))])
            for box in boxes
        ],
        segments,
    )
    reach = int(max(np.ptp(heights) for heights in packed)) // 2 + 3
    chosen = _cheapest(
        [_stretched(heights, box, reach) for heights, box in zip(packed, boxes, strict=True)],
        segments,
    )
    return {
        node: int(height)
        for layer, heights in zip(layers, chosen, strict=True)
        for node, height in zip(layer, heights, strict=True)
    }


def _cheapest(states: list[np.ndarray], segments: list[list[Segment]]) -> list[np.ndarray]:
    """Choose a row of heights for every layer so that the sum of costs is least.

    Parameters
    ----------
    states : list of ndarray (S_k, n_k)
        For each layer the rows of heights to choose from.
    segments : list of list of (int, int, float)
        For each pair of successive layers the lines between them, with weights.

    Returns
    -------
    list of ndarray (n_k,)
    """
    centred = [0.05 * np.abs(rows).sum(1) for rows in states]
    cost, back = centred[0], []
    for k, parts in enumerate(segments):
        total = cost[:, None] + _between(states[k], states[k + 1], parts)
        back.append(total.argmin(0))
        cost = total.min(0) + centred[k + 1]
    best = int(cost.argmin())
    chosen = [states[-1][best]]
    for rows, choice in zip(states[-2::-1], back[::-1], strict=True):
        best = int(choice[best])
        chosen.append(rows[best])
    return chosen[::-1]


def _gaps(order: Sequence[int], boxes: list[bool]) -> list[int]:
    """Least distances of neighbours: box and box 4 steps, box and line 3, line and line 2."""
    return [2 + boxes[a] + boxes[b] for a, b in pairwise(order)]


def _packed(order: Sequence[int], boxes: list[bool]) -> np.ndarray:
    """Heights of nodes that stand in this order as close as they may, centred at 0."""
    heights = np.empty(len(order))
    heights[list(order)] = np.cumsum([0, *_gaps(order, boxes)])
    return heights - np.ptp(heights) / 2


def _stretched(packed: np.ndarray, boxes: list[bool], reach: int) -> np.ndarray:
    """List all rows of integer heights in [-reach, reach] in the order of the packed ones."""
    order = np.argsort(packed).tolist()
    room = 2 * reach - int(np.ptp(packed))
    slack = np.array(list(combinations_with_replacement(range(room + 1), len(order))))
    rows = np.empty_like(slack)
    rows[:, order] = slack + np.cumsum([0, *_gaps(order, boxes)]) - reach
    return rows


def _between(left: np.ndarray, right: np.ndarray, segments: list[Segment]) -> np.ndarray:
    """Cost of the lines between two layers, for all pairs of rows: crossings count most."""
    cost = np.zeros((len(left), len(right)))
    for i, j, weight in segments:
        climb = np.abs(left[:, i, None] - right[None, :, j])
        cost += weight * (climb + 0.6 * (climb > 0))
    for (a, b, _), (c, d, _) in combinations(segments, 2):
        cost += 100.0 * ((left[:, a] - left[:, c])[:, None] * (right[:, b] - right[:, d]) < 0)
    return cost
