"""MAADE as NumPy code differentiated by HIPS autograd, the textbook form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad, value_and_grad
from autograd.extend import defvjp, primitive

from . import layout, shared_order, steps_of


@primitive
def tanh(x: np.ndarray) -> np.ndarray:
    """tanh whose derivative is taken from its value; autograd's own evaluates cosh(x) again."""
    return np.tanh(x)


defvjp(tanh, lambda ans, x: lambda g: g * (1 - ans * ans))


class AutogradMAADE:
    """MAADE as equations 3 to 9 say it, for any number of blocks.

    What autograd differentiates slowly is avoided, as its users learn to: indexing (its gradient
    is ``np.add.at``) is replaced by products with one-hot matrices.
    """

    def __init__(
        self,
        params: Mapping[str, np.ndarray],
        cardinalities: Sequence[int],
        families: Sequence[str],
        blocks: int = 1,
        learning_rate: float = 1e-3,
    ) -> None:
        self.layout = layout(params, cardinalities, families, blocks)
        self.blocks, self.learning_rate, self.count = blocks, learning_rate, 0
        self.params = {name: np.array(value) for name, value in params.items()}
        self.first = {name: np.zeros_like(value) for name, value in self.params.items()}
        self.second = {name: np.zeros_like(value) for name, value in self.params.items()}
        self._gradients = grad(
            lambda p, actions, orders, dlog_prob: anp.dot(
                self._log_prob(p, actions, orders), dlog_prob
            )
        )
        self._loss_and_gradients = value_and_grad(
            lambda p, actions, orders, advantage: (
                -anp.mean(self._log_prob(p, actions, orders) * advantage)
            )
        )

    def numpy_params(self) -> dict[str, np.ndarray]:
        """Copies of the parameters."""
        return {name: value.copy() for name, value in self.params.items()}

    def log_prob(self, actions: np.ndarray, orders: np.ndarray) -> np.ndarray:
        """Log-probabilities (B,) of the strings."""
        return self._log_prob(self.params, actions, orders)

    def gradients(
        self, actions: np.ndarray, orders: np.ndarray, dlog_prob: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Gradient of ``dlog_prob @ log_prob`` by every parameter."""
        return self._gradients(self.params, actions, orders, dlog_prob)

    def update(self, actions: np.ndarray, orders: np.ndarray, advantage: np.ndarray) -> float:
        """One Adam step on REINFORCE's loss, -mean(A log P), which is returned."""
        loss, grads = self._loss_and_gradients(self.params, actions, orders, advantage)
        self.count += 1
        rate = self.learning_rate / (1 - 0.9**self.count)
        scale = 1 / (1 - 0.999**self.count)
        for name, gradient in grads.items():
            first, second = self.first[name], self.second[name]
            first *= 0.9
            first += 0.1 * gradient
            second *= 0.999
            second += 0.001 * gradient * gradient
            self.params[name] -= rate * first / (np.sqrt(second * scale) + 1e-8)
        return float(loss)

    def sample(
        self, batch_size: int, orders: np.ndarray, seed: int | np.random.Generator
    ) -> np.ndarray:
        """Strings (B, N), with cached keys and the Gumbel-max trick; plain NumPy."""
        p, size = self.params, self.layout.size
        shared = shared_order(orders)
        columns = np.asarray(orders).T if shared is None else shared[:, None]
        noise = (
            np.random.default_rng(seed)
            .gumbel(size=(size, batch_size, self.layout.exists.shape[1]))
            .astype(p["q"].dtype)
        )
        values, q = self._values(p), p["q"][columns]
        bias = np.where(self.layout.exists, p["b_out"], -np.inf)[columns] + noise
        keys = np.empty((self.blocks, size, batch_size, q.shape[-1]), q.dtype)
        projected = np.empty((self.blocks, size, batch_size, len(p["block1.w_a"])), q.dtype)
        actions = np.empty((batch_size, size), np.int64)
        strings = np.arange(batch_size)
        for t in range(size):
            i, x = columns[t], q[t]
            for m in range(1, self.blocks + 1):
                if t > 0:
                    x = x + self._attend_cached(m, x, keys[m - 1, :t], projected[m - 1, :t])
                x = self._feed_forward(p, m, x)
            logits = (x[:, None] @ p["W_out"][i])[:, 0] + bias[t]
            actions[strings, i] = choice = logits.argmax(-1)
            k = q[t] + values[self.layout.value_offset[i] + choice]
            for m in range(1, self.blocks + 1):
                keys[m - 1, t] = k
                projected[m - 1, t] = k @ p[f"block{m}.W_k"] + p[f"block{m}.b_a"]
                if m < self.blocks:
                    seen = keys[m - 1, : t + 1], projected[m - 1, : t + 1]
                    k = self._feed_forward(p, m, k + self._attend_cached(m, k, *seen))
        return actions

    def _attend_cached(
        self, m: int, x: np.ndarray, keys: np.ndarray, projected: np.ndarray
    ) -> np.ndarray:
        p = self.params
        scores = np.tanh(x @ p[f"block{m}.W_q"] + projected) @ p[f"block{m}.w_a"]
        weights = np.exp(scores - scores.max(0))
        return ((weights / weights.sum(0))[..., None] * keys).sum(0)

    # -- what autograd traces ------------------------------------------------------------------

    def _log_prob(self, p: dict[str, Any], actions: np.ndarray, orders: np.ndarray) -> Any:
        step = np.broadcast_to(steps_of(orders), actions.shape)
        earlier = step[:, None, :] < step[:, :, None]  # [b, i, j]: j before i
        dtype = self.params["q"].dtype
        rows = np.eye(self.layout.rows, dtype=dtype)[actions + self.layout.value_offset]
        q = p["q"][None]
        k = q + anp.dot(rows, self._values(p))
        for m in range(1, self.blocks + 1):
            projected = anp.dot(k, p[f"block{m}.W_k"]) + p[f"block{m}.b_a"]
            new_q = self._feed_forward(p, m, q + self._attend(p, m, q, k, projected, earlier))
            if m < self.blocks:
                itself = step[:, None, :] <= step[:, :, None]
                k = self._feed_forward(p, m, k + self._attend(p, m, k, k, projected, itself))
            q = new_q
        logits = anp.matmul(anp.transpose(q, (1, 0, 2)), p["W_out"]) + p["b_out"][:, None]
        logits = anp.where(self.layout.exists[:, None], logits, np.finfo(dtype).min)
        chosen = np.eye(logits.shape[-1], dtype=dtype)[actions.T]
        shifted = logits - logits.max(-1, keepdims=True)
        log_probs = anp.sum(shifted * chosen, -1) - anp.log(anp.sum(anp.exp(shifted), -1))
        return anp.sum(log_probs, 0)

    def _attend(
        self, p: dict[str, Any], m: int, x: Any, k: Any, projected: Any, visible: np.ndarray
    ) -> Any:
        query = anp.dot(x, p[f"block{m}.W_q"])
        hidden = tanh(query[:, :, None] + projected[:, None])
        scores = anp.where(visible, anp.dot(hidden, p[f"block{m}.w_a"]), -1e30)
        weights = anp.exp(scores - anp.max(scores, -1, keepdims=True))
        weights = weights / anp.sum(weights, -1, keepdims=True)
        return anp.matmul(weights * visible, k)  # the product empties a row that sees nothing

    def _feed_forward(self, p: dict[str, Any], m: int, x: Any) -> Any:
        hidden = tanh(anp.dot(x, p[f"block{m}.W1"]) + p[f"block{m}.b1"])
        return anp.dot(hidden, p[f"block{m}.W2"]) + p[f"block{m}.b2"]

    def _values(self, p: dict[str, Any]) -> Any:
        return anp.concatenate([p[f"V.{name}"] for name in self.layout.family_names])
