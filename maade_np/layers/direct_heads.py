"""Direct connections from decided values to later decisions: MADE's shortcut past the hidden layers."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array


class DirectHeadsCache(NamedTuple):
    """What the backward needs."""

    seen: Array


def direct_heads_forward(W: Array, seen: Array) -> tuple[Array, DirectHeadsCache]:
    """Compute ``logits_i = sum of W[p, i]`` over the pairs p that hyper-parameter i may see.

    Parameters
    ----------
    W : array (P, N, D)
    seen : array (N, B, P) of 0 and 1
        Whether string b chose pair p before it decided hyper-parameter i.

    Returns
    -------
    logits : array (B, N, D)
    cache : DirectHeadsCache
    """
    return (seen @ W.transpose(1, 0, 2)).transpose(1, 0, 2), DirectHeadsCache(seen)


def direct_heads_backward(dlogits: Array, cache: DirectHeadsCache) -> Array:
    """Backward of `direct_heads_forward`: ``dW[:, i] = seen_i^T dlogits_i``.

    Returns
    -------
    dW : array (P, N, D)
    """
    return (cache.seen.swapaxes(1, 2) @ dlogits.transpose(1, 0, 2)).transpose(1, 0, 2)
