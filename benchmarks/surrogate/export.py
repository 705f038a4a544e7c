"""From torch to the integers that maade_np runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from maade_np.spaces._isomorphism import NUM_CELLS, isomorphism_index
from maade_np.tables._surrogate_network import KINDS, forward, structure

STEPS = 256  # of a state's unit
LEVELS = 511
EXACT = 2**24

Arrays = dict[str, np.ndarray]


def trunk(network: nn.Module) -> Arrays:
    """The sweeps' part of the weights."""
    p = {name: value.detach().double().numpy() for name, value in network.named_parameters()}
    h = p["e_in"].shape[1]
    arrays = {name: np.rint(STEPS * p[name].T) for name in ("e_in", "e_out")}
    arrays |= {name: p[name].T for name in ("s1", "s2")}
    arrays |= {name: STEPS * p[name].T for name in ("b1", "b2", "b3")}
    w2, w3 = p["W2.weight"], p["W3.weight"]
    matrices = {"W1": p["W1.weight"], "W2": w2[:, :h]}
    matrices |= {"V23": np.concatenate([w2[:, h:], w3[:, :h]]), "W3": w3[:, h:]}
    for name, matrix in matrices.items():
        arrays |= _integers(name, matrix, 1.0)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def head(name: str, layers: Sequence[nn.Linear]) -> Arrays:
    """Three linear layers; the kind's one-hot part of the first becomes a table."""
    w1, w2, w3 = (layer.weight.detach().double().numpy() for layer in layers)
    b1, b2, b3 = (layer.bias.detach().double().numpy()[:, None] for layer in layers)
    arrays = _integers(f"{name}.1", w1[:, :-KINDS], 1.0)
    arrays |= _integers(f"{name}.2", w2, 1.0) | _integers(f"{name}.3", w3, 1 / STEPS)
    arrays[f"{name}.kind"] = STEPS * (w1[:, -KINDS:] + b1)
    arrays[f"{name}.b2"], arrays[f"{name}.b3"] = STEPS * b2, b3
    return {key: array.astype(np.float32) for key, array in arrays.items()}


def largest_sums(weights: Arrays, heads: tuple[str, ...]) -> dict[str, float]:
    """Over all cells, the largest sum of absolute products of each matrix; below 2**24."""
    largest: dict[str, float] = {}
    names = {id(array): name for name, array in weights.items()}

    def product(matrix: np.ndarray, x: np.ndarray) -> np.ndarray:
        name = names[id(matrix)]
        largest[name] = max(largest.get(name, 0.0), float((np.abs(matrix) @ np.abs(x)).max()))
        return matrix @ x

    index = isomorphism_index()
    for start in range(0, NUM_CELLS, 4096):
        part = slice(start, start + 4096)
        forward(weights, structure(index.edges[part], index.ops[part]), heads, product)
    return largest


def _integers(name: str, matrix: np.ndarray, unit: float) -> Arrays:
    rows = np.maximum(np.abs(matrix).max(axis=1, keepdims=True), 1e-12) / LEVELS
    return {name: np.rint(matrix / rows), f"{name}.unit": rows * unit}
