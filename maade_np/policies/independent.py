"""Independent decisions: the paper's plain vanilla REINFORCE (equation 15)."""

from __future__ import annotations

from typing import Any

import numpy as np

from maade_np.backend import Array, batch_sum, row_sum
from maade_np.layers import log_softmax_forward
from maade_np.policies.base import Batch, Layout, Params, Policy, PolicyCache
from maade_np.spaces import CategoricalSpace


class Independent(Policy):
    r"""A density in which no decision depends on another (equation 15).

    .. math::
        P(a) = \prod_i P(a_i), \qquad P(a_i) = \mathrm{softmax}(b_{out,i})_{a_i}

    The logits are the parameters: what is left of equation 9 without a context. They start at 0, so the
    policy starts exactly uniform and nothing is drawn for the start. An order makes no difference.

    Parameters
    ----------
    space : CategoricalSpace
    rng : numpy.random.Generator or int, optional
        Not used; taken so that all policies are made alike.
    dtype : dtype
        float32 for searching, float64 for checking.

    Attributes
    ----------
    params : dict of arrays
        "b_out" (N, D).
    """

    def __init__(
        self,
        space: CategoricalSpace,
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.space = space
        self.layout = Layout(space, np)
        self.params = {"b_out": np.zeros((self.layout.N, self.layout.D), dtype=dtype)}

    def logits_forward(self, batch: Batch) -> tuple[Array, None]:
        """Give every string the same logits; see `Policy.logits_forward`."""
        return self._for_each(self.params["b_out"], len(batch.actions)), None

    def _log_prob(self, batch: Batch, logits: Array, inner: Any) -> tuple[Array, PolicyCache]:
        """Take the softmax once: it is the same for every string."""
        log_probs, softmax = log_softmax_forward(self.params["b_out"], self.layout.exists)
        chosen = batch.actions[:, :, None] == self.layout.values
        log_prob = row_sum((log_probs * chosen).reshape(len(chosen), -1))[:, 0]
        each = self._for_each(log_probs, len(chosen))
        return log_prob, PolicyCache(batch, each, softmax, chosen, inner)

    def _for_each(self, x: Array, B: int) -> Array:
        return self.xp.broadcast_to(x, (B, *x.shape))

    def logits_backward(self, dlogits: Array, cache: None) -> Params:
        """Sum over the strings: each of them read the same parameters."""
        return {"b_out": batch_sum(dlogits)}

    def sample_logits(
        self, orders: np.ndarray, noise: Array, temperature: float
    ) -> tuple[Array, Array]:
        """Decide all hyper-parameters at once; see `Policy.sample_logits`."""
        b_out = self.params["b_out"]
        scores = self.xp.where(self.layout.exists, b_out / temperature + noise, -np.inf)
        return scores.argmax(axis=-1), self._for_each(b_out, len(noise))
