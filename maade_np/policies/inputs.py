"""Decided values as inputs of a hidden layer, one-hot or embedded, and the settings that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from maade_np.backend import Array, array_module
from maade_np.layers import pair_table_backward, pair_table_forward
from maade_np.policies.base import Layout, Params
from maade_np.spaces import CategoricalSpace

INPUTS = ("one-hot", "embedded")


def start_values(space: CategoricalSpace, d: int, scale: float, rng: np.random.Generator) -> Params:
    """Draw a matrix of value vectors "V.<family>" (D_f, d) for each family of hyper-parameters."""
    sizes = space.family_sizes
    return {f"V.{family}": rng.normal(size=(size, d)) * scale for family, size in sizes.items()}


def stacked_values(params: Params, space: CategoricalSpace) -> Array:
    """Return the vectors of all families (R, d), one below the other, as `Layout.row` counts them."""
    parts = [params[f"V.{family}"] for family in space.family_sizes]
    return array_module(*parts).concatenate(parts)


def split_values(dV: Array, space: CategoricalSpace) -> Params:
    """Backward of `stacked_values`."""
    grads, start = {}, 0
    for family, size in space.family_sizes.items():
        grads[f"V.{family}"] = dV[start : start + size]
        start += size
    return grads


def start_inputs(
    space: CategoricalSpace,
    inputs: str,
    d: int,
    H: int,
    scales: Mapping[str, float],
    rng: np.random.Generator,
) -> Params:
    """Draw what makes the table: "W" (P, H), or "V.<family>" (D_f, d) and "W" (N, d, H).

    A hidden unit's input is a sum over at most N decisions, of N vectors or of N d numbers: the
    deviation of W is the scale divided by the square root of that number of terms.
    """
    N, P = space.size, int(space.cardinalities.sum())
    if inputs == "one-hot":
        return {"W": rng.normal(size=(P, H)) * (scales["W"] / np.sqrt(N))}
    params = start_values(space, d, scales["V"], rng)
    params["W"] = rng.normal(size=(N, d, H)) * (scales["W"] / np.sqrt(N * d))
    return params


def input_table_forward(
    params: Params, layout: Layout, space: CategoricalSpace
) -> tuple[Array, Any]:
    """Return what each pair adds to the hidden layer (P, H), and the cache of the backward."""
    if params["W"].ndim == 2:
        return params["W"], None
    value = array_module(layout.first).arange(layout.P) - layout.first[layout.hyper]
    V = stacked_values(params, space)
    return pair_table_forward(V, params["W"], layout.hyper, value, layout.row, layout.D)


def input_table_backward(dtable: Array, cache: Any, space: CategoricalSpace) -> Params:
    """Backward of `input_table_forward`: gradients by the names of the parameters."""
    if cache is None:
        return {"W": dtable}
    dV, dW = pair_table_backward(dtable, cache)
    return {**split_values(dV, space), "W": dW}


def check_inputs(inputs: str) -> None:
    """Raise ValueError unless `inputs` is one of `INPUTS`."""
    if inputs not in INPUTS:
        raise ValueError(f"inputs is {inputs!r}; choose one of {', '.join(map(repr, INPUTS))}")


def check_counts(**counts: int) -> None:
    """Raise ValueError where a width or a number of layers is below 1."""
    for name, count in counts.items():
        if int(count) < 1:
            raise ValueError(f"{name} is {count}; it must be at least 1")


def merged_scales(
    defaults: Mapping[str, float], changes: Mapping[str, float] | None
) -> dict[str, float]:
    """Return the scales of the start with changes, or say which names there are."""
    scales = {**defaults, **(changes or {})}
    if set(scales) != set(defaults):
        raise ValueError(f"init_scales has {sorted(scales)}; it may name only {sorted(defaults)}")
    return scales
