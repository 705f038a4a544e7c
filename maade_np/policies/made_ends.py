"""Both ends of MADE, where the masks depend on the order, in two forms of one function.

Strings that share an order share its masks: the weights are multiplied by them, as Germain et al. do,
and each end is one product. With an order for each string there would be a mask for each; there the
units sorted by degree turn the masks into slices (`maade_np.layers.prefix_affine`,
`maade_np.layers.prefix_heads`). Masks cost a little less, slices serve any orders.

Both classes hold what a batch fixes and have the same methods, each a forward/backward pair:
``first`` from the table of pairs to the first layer, ``heads`` from the last layer to the logits, and
``direct`` from the choices to the logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maade_np.backend import Array, to_device
from maade_np.layers import (
    direct_heads_backward,
    direct_heads_forward,
    masked_affine_backward,
    masked_affine_forward,
    prefix_affine_backward,
    prefix_affine_forward,
    prefix_heads_backward,
    prefix_heads_forward,
)
from maade_np.policies.base import Batch
from maade_np.policies.in_turn import pairs_by_step

if TYPE_CHECKING:
    from maade_np.policies.made import MADE


class SlicedEnds:
    """Any orders, without masks."""

    def __init__(self, policy: MADE, batch: Batch) -> None:
        self.policy, self.batch, self.ends = policy, batch, policy.ends
        self.pairs = pairs_by_step(batch, policy.layout.first)

    def first_forward(self, table: Array) -> tuple[Array, Any]:
        """Return the first layer before its tanh (B, H), and a cache."""
        return prefix_affine_forward(table, self.policy.params["b1"], self.pairs, self.ends)

    def first_backward(self, dpre: Array, cache: Any) -> tuple[Array, Array]:
        """Return dtable (P, H) and db1 (H,)."""
        return prefix_affine_backward(dpre, cache)

    def heads_forward(self, y: Array) -> tuple[Array, Any]:
        """Return the logits (B, N, D) from the last layer, and a cache."""
        p = self.policy.params
        return prefix_heads_forward(y, p["W_heads"], p["b_out"], self.batch.ranks, self.ends)

    def heads_backward(self, dlogits: Array, cache: Any) -> tuple[Array, Array, Array]:
        """Return dy (B, H), dW_heads (H, N, D) and db_out (N, D)."""
        return prefix_heads_backward(dlogits, cache)

    def direct_forward(self) -> tuple[Array, Any]:
        """Return what the choices add to the logits (B, N, D), and a cache."""
        xp, layout, ranks = self.policy.xp, self.policy.layout, self.batch.ranks
        decided = xp.full((len(ranks), layout.P), layout.N, dtype=ranks.dtype)
        decided[xp.arange(len(ranks))[:, None], self.batch.actions + layout.first] = ranks
        seen = (decided < ranks.T[:, :, None]).astype(self.policy.dtype)
        return direct_heads_forward(self.policy.params["W_direct"], seen)

    def direct_backward(self, dlogits: Array, cache: Any) -> Array:
        """Return dW_direct (P, N, D)."""
        return direct_heads_backward(dlogits, cache)


class MaskedEnds:
    """One order, that of the batch's first string, for all."""

    def __init__(self, policy: MADE, batch: Batch) -> None:
        xp, layout = policy.xp, policy.layout
        self.policy, self.degrees = policy, to_device(policy.degrees, xp)
        self.step = batch.ranks[0]
        self.place = self.step[layout.hyper][:, None]  # the step at which a pair is decided on
        self.x = xp.zeros((len(batch.ranks), layout.P), dtype=policy.dtype)
        self.x[xp.arange(len(self.x))[:, None], batch.actions + layout.first] = 1

    def first_forward(self, table: Array) -> tuple[Array, Any]:
        """Return the first layer before its tanh (B, H), and a cache."""
        mask = self.place < self.degrees
        return masked_affine_forward(self.x, table, self.policy.params["b1"], mask)

    def first_backward(self, dpre: Array, cache: Any) -> tuple[Array, Array]:
        """Return dtable (P, H) and db1 (H,)."""
        _, dtable, db1 = masked_affine_backward(dpre, cache)
        return dtable, db1

    def heads_forward(self, y: Array) -> tuple[Array, Any]:
        """Return the logits (B, N, D) from the last layer, and a cache."""
        p = self.policy.params
        return self._to_logits(y, p["W_heads"], p["b_out"], self.degrees[:, None] <= self.step)

    def heads_backward(self, dlogits: Array, cache: Any) -> tuple[Array, Array, Array]:
        """Return dy (B, H), dW_heads (H, N, D) and db_out (N, D)."""
        dy, dW, db = masked_affine_backward(dlogits.reshape(len(dlogits), -1), cache)
        return dy, dW.reshape(-1, *dlogits.shape[1:]), db.reshape(dlogits.shape[1:])

    def direct_forward(self) -> tuple[Array, Any]:
        """Return what the choices add to the logits (B, N, D), and a cache."""
        p = self.policy.params
        b = self.policy.xp.zeros_like(p["b_out"])
        return self._to_logits(self.x, p["W_direct"], b, self.place < self.step)

    def direct_backward(self, dlogits: Array, cache: Any) -> Array:
        """Return dW_direct (P, N, D)."""
        return self.heads_backward(dlogits, cache)[1]

    def _to_logits(self, y: Array, W: Array, b: Array, mask: Array) -> tuple[Array, Any]:
        mask = self.policy.xp.repeat(mask, b.shape[1], axis=1)  # all logits of a decision alike
        z, cache = masked_affine_forward(y, W.reshape(len(W), -1), b.reshape(-1), mask)
        return z.reshape(len(y), *b.shape), cache
