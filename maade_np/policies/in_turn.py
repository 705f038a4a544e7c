"""One decision after the other: steps and hyper-parameters, and drawing strings a whole batch at a time.

What NADE, MADE and the LSTM share. A batch may mix orders, so "the t-th decision" is another
hyper-parameter in each string; arrays are kept by step where a recurrence runs, and by hyper-parameter
where the heads are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from maade_np.backend import Array, array_module, to_device
from maade_np.policies.base import Batch, Policy
from maade_np.policies.maade_sampler import _groups, draw


class Turns(Protocol):
    """Strings in the making.

    `i` is the hyper-parameter that is decided now: one number where the strings share an order, an
    array (b,) where each has its own. Indexing with either is one expression.
    """

    def logits(self, i: int | Array) -> Array:
        """Return the logits (b, D) of the decision that is due."""

    def decide(self, i: int | Array, value: Array) -> None:
        """Take note of what was drawn, (b,)."""


def head(h: Array, W: Array, b: Array, i: int | Array) -> Array:
    """Compute ``h W[i] + b[i]`` (b, D) for one hyper-parameter, or for one a string."""
    if isinstance(i, int):
        return h @ W[i] + b[i]
    return (h[:, None, :] @ W[i])[:, 0] + b[i]


def sample_in_turn(
    policy: Policy,
    start: Callable[[int], Turns],
    orders: np.ndarray,
    noise: Array,
    temperature: float,
) -> tuple[Array, Array]:
    """Decide all hyper-parameters of all strings; see `Policy.sample_logits`.

    Strings that share an order are decided together, each decision by one head. Where each string has
    its own order, a head is gathered for each string.

    Parameters
    ----------
    policy : Policy
    start : callable
        ``start(b)`` returns the `Turns` of b strings of which nothing is decided.
    orders : integer array (B, N), on the host
    noise : array (B, N, D)
    temperature : float
    """
    xp, layout = policy.xp, policy.layout
    B, N, D = noise.shape
    actions = xp.empty((B, N), dtype=layout.first.dtype)
    logits = xp.empty((B, N, D), dtype=noise.dtype)
    groups = _groups(orders, xp)
    if groups is None:
        turns, strings = start(B), xp.arange(B)
        steps = to_device(np.ascontiguousarray(orders.T), xp)
        for t in range(N):
            i = steps[t]
            z = turns.logits(i)
            value = draw(z, noise[strings, i], layout.exists[i], temperature)
            logits[strings, i], actions[strings, i] = z, value
            turns.decide(i, value)
        return actions, logits
    for order, rows in groups:
        # decisions first, so that every step works on contiguous rows
        own_noise = xp.ascontiguousarray(noise[rows].transpose(1, 0, 2))
        z, turns = xp.empty_like(own_noise), start(own_noise.shape[1])
        values = xp.empty(z.shape[:2], dtype=actions.dtype)
        for i in order.tolist():
            z[i] = turns.logits(i)
            scaled = z[i] if temperature == 1 else z[i] / temperature
            values[i] = (scaled + own_noise[i])[:, : layout.cardinalities[i]].argmax(axis=1)
            turns.decide(i, values[i])
        actions[rows], logits[rows] = values.T, z.transpose(1, 0, 2)
    return actions, logits


def pairs_by_step(batch: Batch, first: Array) -> Array:
    """Return the pair that each string chose at each step, (N, B)."""
    xp = array_module(batch.actions)
    return xp.take_along_axis(batch.actions + first, batch.orders, axis=1).T


def by_hyper(x: Array, batch: Batch) -> Array:
    """Bring rows from steps (N, B, n) to hyper-parameters (N, B, n)."""
    return _rearranged(x, batch.ranks)


def by_step(x: Array, batch: Batch) -> Array:
    """Bring rows from hyper-parameters (N, B, n) to steps (N, B, n): the inverse of `by_hyper`.

    Both are permutations, so each is the other's backward.
    """
    return _rearranged(x, batch.orders)


def _rearranged(x: Array, places: Array) -> Array:
    """``out[r, b] = x[places[b, r], b]``."""
    xp = array_module(x)
    N, B, n = x.shape
    rows = places.T.astype(np.int64) * B + xp.arange(B)
    # take of flat rows: three times as fast as indexing with two arrays
    return x.reshape(N * B, n).take(rows.reshape(-1), axis=0).reshape(N, B, n)
