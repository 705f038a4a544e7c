"""MAADE in JAX under jit: the textbook form, and ours handed to XLA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import layout, seed_of, shared_order, steps_of

Array = jax.Array
Params = dict[str, Array]


class JaxMAADE:
    """MAADE as equations 3 to 9 say it, for any number of blocks.

    Each of the public calls runs one compiled function, with Adam inside the update's; results
    come back as NumPy arrays, so a call returns when its work is done. The first call for each
    shape compiles.

    Raises
    ------
    ValueError
        If ``params`` are float64 and JAX is not set to keep them (``jax_enable_x64``).
    """

    def __init__(
        self,
        params: Mapping[str, np.ndarray],
        cardinalities: Sequence[int],
        families: Sequence[str],
        blocks: int = 1,
        learning_rate: float = 1e-3,
    ) -> None:
        if params["q"].dtype == np.float64 and not jax.config.read("jax_enable_x64"):
            raise ValueError(
                "params are float64, which JAX would round to float32; "
                "call jax.config.update('jax_enable_x64', True) first"
            )
        self.layout = layout(params, cardinalities, families, blocks)
        self.blocks, self.learning_rate = blocks, learning_rate
        self.params = {name: jnp.array(value) for name, value in params.items()}
        zeros = {name: jnp.zeros_like(value) for name, value in self.params.items()}
        self.state = (
            self.params,
            zeros,
            {name: value.copy() for name, value in zeros.items()},
            jnp.zeros((), jnp.int32),
        )
        self._jit_log_prob = jax.jit(self._log_prob)
        self._jit_gradients = jax.jit(
            jax.grad(
                lambda p, actions, step, dlog_prob: dlog_prob @ self._log_prob(p, actions, step)
            )
        )
        self._jit_update = jax.jit(self._update, donate_argnums=0)
        self._jit_sample = jax.jit(self._sample, static_argnums=1)

    def numpy_params(self) -> dict[str, np.ndarray]:
        """Copies of the parameters."""
        return {name: np.array(value) for name, value in self.params.items()}

    def log_prob(self, actions: np.ndarray, orders: np.ndarray) -> np.ndarray:
        """Log-probabilities (B,) of the strings."""
        return np.asarray(self._jit_log_prob(self.params, actions, _steps(orders)))

    def gradients(
        self, actions: np.ndarray, orders: np.ndarray, dlog_prob: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Gradient of ``dlog_prob @ log_prob`` by every parameter."""
        grads = self._jit_gradients(self.params, actions, _steps(orders), dlog_prob)
        return {name: np.asarray(grad) for name, grad in grads.items()}

    def update(self, actions: np.ndarray, orders: np.ndarray, advantage: np.ndarray) -> float:
        """One Adam step on REINFORCE's loss, -mean(A log P), which is returned."""
        self.state, loss = self._jit_update(self.state, actions, _steps(orders), advantage)
        self.params = self.state[0]
        jax.block_until_ready(self.state)
        return float(loss)

    def sample(
        self, batch_size: int, orders: np.ndarray, seed: int | np.random.Generator
    ) -> np.ndarray:
        """Strings (B, N), drawn with the Gumbel-max trick."""
        shared = shared_order(orders)
        columns = np.asarray(orders).T if shared is None else shared[:, None]
        key = jax.random.key(seed_of(seed) & 0xFFFFFFFF)
        return np.asarray(self._jit_sample(self.params, batch_size, columns, key))

    # -- compiled ------------------------------------------------------------------------------

    def _update(self, state: Any, actions: Array, step: Array, advantage: Array) -> Any:
        params, first, second, count = state
        loss, grads = jax.value_and_grad(
            lambda p: -jnp.mean(advantage * self._log_prob(p, actions, step))
        )(params)
        count = count + 1
        tree = jax.tree.map
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
        rate = self.learning_rate / (1 - 0.9**count)
        scale = 1 / (1 - 0.999**count)
        params = tree(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v * scale) + 1e-8), params, first, second
        )
        return (params, first, second, count), loss

    def _log_prob(self, p: Params, actions: Array, step: Array) -> Array:
        log_probs = jax.nn.log_softmax(self._logits(p, actions, step))
        return jnp.take_along_axis(log_probs, actions.T[..., None], -1).sum((0, 2))

    def _logits(self, p: Params, actions: Array, step: Array) -> Array:
        """Logits (N, B, D), -inf where a value does not exist."""
        step = jnp.broadcast_to(step, actions.shape)
        earlier = step[:, None, :] < step[:, :, None]  # [b, i, j]: j before i
        q = p["q"][None]
        k = q + self._values(p)[actions + self.layout.value_offset]
        for m in range(1, self.blocks + 1):
            projected = k @ p[f"block{m}.W_k"] + p[f"block{m}.b_a"]
            new_q = self._feed_forward(p, m, q + self._attend(p, m, q, k, projected, earlier))
            if m < self.blocks:
                itself = step[:, None, :] <= step[:, :, None]
                k = self._feed_forward(p, m, k + self._attend(p, m, k, k, projected, itself))
            q = new_q
        return jnp.einsum("bnd,nde->nbe", q, p["W_out"]) + self._bias(p)[:, None]

    def _attend(
        self, p: Params, m: int, x: Array, k: Array, projected: Array, visible: Array
    ) -> Array:
        query = x @ p[f"block{m}.W_q"]
        scores = jnp.tanh(query[:, :, None] + projected[:, None]) @ p[f"block{m}.w_a"]
        lowest = jnp.finfo(scores.dtype).min
        weights = jax.nn.softmax(jnp.where(visible, scores, lowest))
        return jnp.where(visible, weights, 0) @ k  # the mask empties a row that sees nothing

    def _feed_forward(self, p: Params, m: int, x: Array) -> Array:
        hidden = jnp.tanh(x @ p[f"block{m}.W1"] + p[f"block{m}.b1"])
        return hidden @ p[f"block{m}.W2"] + p[f"block{m}.b2"]

    def _values(self, p: Params) -> Array:
        return jnp.concatenate([p[f"V.{name}"] for name in self.layout.family_names])

    def _bias(self, p: Params) -> Array:
        return jnp.where(self.layout.exists, p["b_out"], -jnp.inf)

    def _sample(self, p: Params, batch_size: int, columns: Array, key: Array) -> Array:
        """``columns`` is (N, B), or (N, 1) where the order is shared.

        The loop over steps is unrolled by the trace: the caches then have static shapes, and a
        step attends to the keys that are there instead of to all N under a mask.
        """
        values, size = self._values(p), self.layout.size
        noise = jax.random.gumbel(
            key, (size, batch_size, self.layout.exists.shape[1]), p["q"].dtype
        )
        q, head, bias = p["q"][columns], p["W_out"][columns], self._bias(p)[columns] + noise
        offset = jnp.asarray(self.layout.value_offset)[columns]
        caches: list[list[tuple[Array, Array]]] = [[] for _ in range(self.blocks)]
        choices = []
        for t in range(size):
            x = q[t]
            for m in range(1, self.blocks + 1):
                if t > 0:
                    x = x + self._attend_cached(p, m, x, caches[m - 1])
                x = self._feed_forward(p, m, x)
            if columns.shape[1] == 1:
                logits = x @ head[t, 0] + bias[t]
            else:
                logits = jnp.einsum("bd,bde->be", x, head[t]) + bias[t]
            choices.append(jnp.argmax(logits, -1))
            k = q[t] + values[offset[t] + choices[t]]
            for m in range(1, self.blocks + 1):
                caches[m - 1].append((k, k @ p[f"block{m}.W_k"] + p[f"block{m}.b_a"]))
                if m < self.blocks:
                    k = self._feed_forward(p, m, k + self._attend_cached(p, m, k, caches[m - 1]))
        columns = jnp.broadcast_to(columns, (size, batch_size))
        empty = jnp.zeros((batch_size, size), choices[0].dtype)
        return jnp.put_along_axis(empty, columns.T, jnp.stack(choices, 1), 1, inplace=False)

    def _attend_cached(
        self, p: Params, m: int, x: Array, cache: list[tuple[Array, Array]]
    ) -> Array:
        keys = jnp.stack([key for key, _ in cache])
        projected = jnp.stack([projection for _, projection in cache])
        scores = jnp.tanh(x @ p[f"block{m}.W_q"] + projected) @ p[f"block{m}.w_a"]
        return (jax.nn.softmax(scores, 0)[..., None] * keys).sum(0)


class JaxFactorisedMAADE(JaxMAADE):
    """One block, with our factorised attention: a score for each (i, (j, value)), not each string.

    ``fold=True`` also multiplies the key table by W1 and the heads by W2 beforehand. A batch that
    shares its order is compiled apart from one in which each string has its own.
    """

    def __init__(
        self,
        params: Mapping[str, np.ndarray],
        cardinalities: Sequence[int],
        families: Sequence[str],
        blocks: int = 1,
        learning_rate: float = 1e-3,
        fold: bool = False,
    ) -> None:
        if blocks != 1:
            raise ValueError(f"the factorised form is for one block, not {blocks}")
        self.fold = fold
        super().__init__(params, cardinalities, families, blocks, learning_rate)

    def _tables(self, p: Params) -> tuple[Array, Array]:
        """Scores (N, P) and keys (P, d), or keys times W1 if folded."""
        keys = p["q"][self.layout.pair_position] + self._values(p)[self.layout.pair_row]
        query = p["q"] @ p["block1.W_q"] + p["block1.b_a"]
        hidden = jnp.tanh(query[:, None] + keys @ p["block1.W_k"])
        return hidden @ p["block1.w_a"], keys @ p["block1.W1"] if self.fold else keys

    def _logits(self, p: Params, actions: Array, step: Array) -> Array:
        scores, keys = self._tables(p)
        pairs = actions + self.layout.pair_offset
        # both forms are compiled, one is run: by the spread of the scores, known only then
        low, high = scores.min(1), scores.max(1)
        safe = -0.9 * float(np.log(np.finfo(scores.dtype).tiny))
        context = jax.lax.cond(
            jnp.max(high - low) < safe,
            self._context_by_product,
            self._context_by_gather,
            scores,
            keys,
            pairs,
            step,
        )
        return self._head(p, context)

    def _context_by_product(self, scores: Array, keys: Array, pairs: Array, step: Array) -> Array:
        position, size = self.layout.pair_position, self.layout.size
        weight = jnp.exp(scores - jax.lax.stop_gradient(scores.max(1, keepdims=True)))
        chosen = jax.nn.one_hot(pairs, self.layout.pairs, dtype=keys.dtype).sum(1)  # (B, P)
        if step.ndim == 1:
            weight = jnp.where(step[position][:, None] < step, weight.T, 0)  # (P, N)
            table = (weight[:, :, None] * keys[:, None]).reshape(len(position), -1)
            context = (chosen @ table).reshape(len(pairs), size, -1)
            return (context / (chosen @ weight + (step == 0))[..., None]).swapaxes(0, 1)
        seen = jnp.where(step[:, position] < step.T[..., None], chosen, 0)  # (N, B, P)
        total = jnp.einsum("nbp,np->nb", seen, weight) + (step.T == 0)
        return seen @ (weight[..., None] * keys) / total[..., None]

    def _context_by_gather(self, scores: Array, keys: Array, pairs: Array, step: Array) -> Array:
        """Safe for any scores: each string takes the softmax over what it sees."""
        step = jnp.broadcast_to(step, pairs.shape)
        visible = step.T[:, :, None] > step[None]  # (N, B, N)
        taken = jnp.where(visible, scores[:, pairs], jnp.finfo(scores.dtype).min)
        weights = jnp.where(visible, jax.nn.softmax(taken), 0)
        return jnp.einsum("nbj,bjd->nbd", weights, keys[pairs])

    def _head(self, p: Params, context: Array) -> Array:
        start, head, bias = self._head_tables(p)
        x = start[:, None] + context
        h = jnp.tanh(x) if self.fold else self._feed_forward(p, 1, x)
        return h @ head + bias[:, None]

    def _head_tables(self, p: Params) -> tuple[Array, Array, Array]:
        if not self.fold:
            return p["q"], p["W_out"], self._bias(p)
        return (
            p["q"] @ p["block1.W1"] + p["block1.b1"],
            p["block1.W2"] @ p["W_out"],
            self._bias(p) + p["block1.b2"] @ p["W_out"],
        )

    def _sample(self, p: Params, batch_size: int, columns: Array, key: Array) -> Array:
        """A softmax over the pairs chosen so far, safe for any scores, then a product."""
        scores, keys = self._tables(p)
        start, head, bias = self._head_tables(p)
        size, width = self.layout.exists.shape
        noise = jax.random.gumbel(key, (size, batch_size, width), keys.dtype)
        offset = jnp.asarray(self.layout.pair_offset)
        numbers = jnp.arange(self.layout.pairs)
        shared = columns.shape[1] == 1

        def decide(chosen: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
            i, gumbel = step  # i is (1,) or (B,)
            masked = jnp.where(chosen, scores[i], -jnp.inf)
            highest = jnp.maximum(masked.max(1, keepdims=True), jnp.finfo(keys.dtype).min)
            weight = jnp.exp(masked - highest)
            total = weight.sum(1, keepdims=True)
            x = start[i] + weight @ keys / jnp.where(total > 0, total, 1)
            h = jnp.tanh(x) if self.fold else self._feed_forward(p, 1, x)
            logits = h @ head[i[0]] if shared else jnp.einsum("bd,bde->be", h, head[i])
            choice = jnp.argmax(logits + bias[i] + gumbel, -1)
            return chosen | (numbers == (offset[i] + choice)[:, None]), choice

        chosen = jnp.zeros((batch_size, self.layout.pairs), bool)
        _, choices = jax.lax.scan(decide, chosen, (columns, noise))
        columns = jnp.broadcast_to(columns, choices.shape)
        return jnp.put_along_axis(jnp.zeros_like(choices.T), columns.T, choices.T, 1, inplace=False)


def _steps(orders: np.ndarray) -> np.ndarray:
    """Steps (N,) where all strings share one order, (B, N) where they do not."""
    shared = shared_order(orders)
    return steps_of(orders if shared is None else shared)
