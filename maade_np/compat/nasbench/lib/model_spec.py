"""A cell as ``nasbench.lib.model_spec`` describes it: as given, and pruned."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from maade_np.compat.nasbench.lib import graph_util


class ModelSpec:
    """A cell: adjacency matrix and operations, pruned when it is made.

    Every vertex that lies on no path from the first (the input) to the last (the output) is
    taken out. Nothing is checked against the search space here: `NASBench.is_valid` does that.

    Parameters
    ----------
    matrix : array-like, (V, V)
        Strictly upper triangular; entry [u, v] is the edge u -> v. Copied.
    ops : sequence of str, V
        Operations by official name, "input" first and "output" last. Copied.
    data_format : {"channels_last", "channels_first"}
        Kept, and of no effect on results.

    Attributes
    ----------
    original_matrix, original_ops
        As given.
    matrix : ndarray (V', V') or None
        Pruned; None where no path leads from input to output.
    ops : list or None
        Those of the vertices that are left.
    valid_spec : bool
        Whether there is such a path.
    data_format : str

    Raises
    ------
    ValueError
        A matrix that is not square or not strictly upper triangular, or another number of
        operations than vertices.

    Examples
    --------
    >>> spec = ModelSpec([[0, 1, 1], [0, 0, 0], [0, 0, 0]], ["input", "maxpool3x3", "output"])
    >>> spec.matrix.tolist(), spec.ops
    ([[0, 1], [0, 0]], ['input', 'output'])
    """

    matrix: np.ndarray | None
    ops: list[Any] | None

    def __init__(
        self, matrix: npt.ArrayLike, ops: Sequence[Any], data_format: str = "channels_last"
    ) -> None:
        given = np.array(matrix)
        if given.ndim != 2 or given.shape[0] != given.shape[1]:
            raise ValueError(f"matrix has shape {given.shape}, expected (V, V)")
        if given.dtype.kind not in "biuf":
            raise ValueError(f"matrix has dtype {given.dtype}, expected numbers 0 and 1")
        if len(given) != len(ops):
            raise ValueError(
                f"ops has {len(ops)} entries for {len(given)} vertices: give one a vertex"
            )
        if not is_upper_triangular(given):
            u, v = np.argwhere(np.tril(given) != 0)[0].tolist()
            raise ValueError(
                f"matrix[{u}, {v}] is {given[u, v]}: edges go from lower to higher vertices, so "
                "the matrix must be strictly upper triangular"
            )
        self.original_matrix = given
        self.original_ops = copy.deepcopy(ops)
        self.data_format = data_format
        keep = used_vertices(given)
        self.valid_spec = len(keep) > 0
        self.matrix = given[keep][:, keep] if self.valid_spec else None
        self.ops = [copy.deepcopy(ops[v]) for v in keep] if self.valid_spec else None

    def hash_spec(self, canonical_ops: Sequence[Any]) -> str:
        """The official module hash of the pruned cell.

        Parameters
        ----------
        canonical_ops : sequence
            The operations in their official order, `config["available_ops"]`.

        Raises
        ------
        ValueError
            The cell is not connected, or has an operation that is not among `canonical_ops`.
        """
        matrix, ops = self._connected("hash")
        canonical = list(canonical_ops)
        unknown = [op for op in ops[1:-1] if op not in canonical]
        if unknown:
            raise ValueError(f"operation {unknown[0]!r} is not one of {canonical}")
        return graph_util.hash_module(matrix, [-1, *map(canonical.index, ops[1:-1]), -2])

    def visualize(self) -> Any:
        """The pruned cell as a ``graphviz.Digraph``; needs the package graphviz.

        Raises
        ------
        ImportError
            There is no graphviz; `maade_np.report.draw_cell` draws with Matplotlib.
        ValueError
            The cell is not connected.
        """
        matrix, ops = self._connected("picture")
        try:
            graphviz = importlib.import_module("graphviz")
        except ImportError as error:
            raise ImportError(
                "visualize needs the package graphviz: install it, or draw the cell with "
                "maade_np.report.draw_cell, which needs Matplotlib alone"
            ) from error
        picture = graphviz.Digraph()
        for v, name in enumerate(["input", *ops[1:-1], "output"]):
            picture.node(str(v), name)
        for u, v in np.argwhere(matrix).tolist():
            picture.edge(str(u), str(v))
        return picture

    def _connected(self, wanted: str) -> tuple[np.ndarray, list[Any]]:
        if self.matrix is None or self.ops is None:
            raise ValueError(
                f"a cell in which no path leads from input to output has no {wanted}: look at "
                "valid_spec first"
            )
        return self.matrix, self.ops


def is_upper_triangular(matrix: npt.ArrayLike) -> bool:
    """Whether a square matrix is 0 on and below its diagonal."""
    return not np.tril(matrix).any()


def used_vertices(matrix: np.ndarray) -> list[int]:
    """The vertices on some path from the first to the last, ascending; none if there is none."""
    linked = (matrix != 0).tolist()
    last = len(linked) - 1
    reached = {0}
    for v in range(1, last + 1):
        if any(linked[u][v] for u in reached):
            reached.add(v)
    leads = {last}
    for v in range(last - 1, -1, -1):
        if any(linked[v][w] for w in leads):
            leads.add(v)
    return sorted(reached & leads) if 0 in leads and last > 0 else []
