"""MAADE in eager PyTorch with autograd: the textbook form, and ours handed to PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from . import layout, seed_of, shared_order, steps_of

Tensor = torch.Tensor


class TorchMAADE:
    """MAADE as equations 3 to 9 say it, for any number of blocks.

    Parameters
    ----------
    params, cardinalities, families, blocks, learning_rate
        As for every peer (see the package's docstring).
    sampler : {"cached", "plain"}
        ``"cached"`` keeps the keys of the decided hyper-parameters and their projections, so a
        step costs one position; ``"plain"`` evaluates every position of every string again at
        each step, which is what a direct port does.
    """

    def __init__(
        self,
        params: Mapping[str, np.ndarray],
        cardinalities: Sequence[int],
        families: Sequence[str],
        blocks: int = 1,
        learning_rate: float = 1e-3,
        sampler: str = "cached",
    ) -> None:
        if sampler not in ("cached", "plain"):
            raise ValueError(f"sampler is {sampler!r}; it must be 'cached' or 'plain'")
        self.layout = layout(params, cardinalities, families, blocks)
        self.blocks, self.sampler = blocks, sampler
        self.params = {name: torch.tensor(value).requires_grad_() for name, value in params.items()}
        self.optimizer = torch.optim.Adam(self.params.values(), lr=learning_rate, fused=True)
        self.value_offset = torch.from_numpy(self.layout.value_offset)
        self.missing = torch.from_numpy(~self.layout.exists)
        self.dtype = self.params["q"].dtype

    def numpy_params(self) -> dict[str, np.ndarray]:
        """Copies of the parameters."""
        return {name: value.detach().numpy().copy() for name, value in self.params.items()}

    def log_prob(self, actions: np.ndarray, orders: np.ndarray) -> np.ndarray:
        """Log-probabilities (B,) of the strings."""
        with torch.inference_mode():
            return -self._losses(actions, orders).sum(0).numpy()

    def gradients(
        self, actions: np.ndarray, orders: np.ndarray, dlog_prob: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Gradient of ``dlog_prob @ log_prob`` by every parameter."""
        value = -(self._losses(actions, orders).sum(0) @ torch.as_tensor(dlog_prob))
        grads = torch.autograd.grad(value, list(self.params.values()))
        return {name: grad.numpy() for name, grad in zip(self.params, grads, strict=True)}

    def update(self, actions: np.ndarray, orders: np.ndarray, advantage: np.ndarray) -> float:
        """One Adam step on REINFORCE's loss, -mean(A log P), which is returned."""
        weight = torch.as_tensor(advantage, dtype=self.dtype)
        loss = (self._losses(actions, orders).sum(0) * weight).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def sample(
        self, batch_size: int, orders: np.ndarray, seed: int | np.random.Generator
    ) -> np.ndarray:
        """Strings (B, N), drawn with the Gumbel-max trick."""
        generator = torch.Generator().manual_seed(seed_of(seed))
        size, width = self.layout.exists.shape
        with torch.inference_mode():
            noise = torch.empty((size, batch_size, width), dtype=self.dtype)
            noise.exponential_(generator=generator).log_().neg_()
            draw = self._sample_cached if self.sampler == "cached" else self._sample_plain
            return draw(batch_size, np.asarray(orders), noise).numpy()

    # -- density -------------------------------------------------------------------------------

    def _losses(self, actions: np.ndarray | Tensor, orders: np.ndarray) -> Tensor:
        """-log of the chosen values' conditional probabilities, (N, B)."""
        actions = torch.as_tensor(actions)
        logits = self._logits(actions, orders)
        return functional.cross_entropy(
            logits.flatten(0, 1), actions.T.flatten(), reduction="none"
        ).view(logits.shape[:2])

    def _logits(self, actions: Tensor, orders: np.ndarray) -> Tensor:
        """Logits (N, B, D), -inf where a value does not exist."""
        p = self.params
        step = torch.as_tensor(steps_of(orders))
        step = step.expand(actions.shape)
        earlier = step.unsqueeze(1) < step.unsqueeze(2)  # [b, i, j]: j before i
        q = p["q"].unsqueeze(0)
        k = q + functional.embedding(actions + self.value_offset, self._values())
        for m in range(1, self.blocks + 1):
            projected = k @ p[f"block{m}.W_k"] + p[f"block{m}.b_a"]
            new_q = self._feed_forward(m, q + self._attend(m, q, k, projected, earlier))
            if m < self.blocks:
                itself = step.unsqueeze(1) <= step.unsqueeze(2)
                k = self._feed_forward(m, k + self._attend(m, k, k, projected, itself))
            q = new_q
        return torch.baddbmm(self._bias().unsqueeze(1), q.transpose(0, 1), p["W_out"])

    def _attend(self, m: int, x: Tensor, k: Tensor, projected: Tensor, visible: Tensor) -> Tensor:
        p = self.params
        # expanded here, so that its gradient is summed over j, then over the strings: far faster
        query = (x @ p[f"block{m}.W_q"]).expand(len(k), -1, -1)
        # in place: nothing needs the sum again, and it is the largest array, (B, N, N, a)
        hidden = (query.unsqueeze(2) + projected.unsqueeze(1)).tanh_()
        scores = hidden @ p[f"block{m}.w_a"]
        lowest = torch.finfo(scores.dtype).min
        weights = scores.masked_fill(~visible, lowest).softmax(-1)
        return (weights * visible) @ k  # the product empties a row that sees nothing

    def _feed_forward(self, m: int, x: Tensor) -> Tensor:
        p = self.params
        hidden = torch.tanh(x @ p[f"block{m}.W1"] + p[f"block{m}.b1"])
        return hidden @ p[f"block{m}.W2"] + p[f"block{m}.b2"]

    def _values(self) -> Tensor:
        return torch.cat([self.params[f"V.{name}"] for name in self.layout.family_names])

    def _bias(self) -> Tensor:
        return self.params["b_out"].masked_fill(self.missing, -torch.inf)

    # -- samplers ------------------------------------------------------------------------------

    def _sample_plain(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        actions = torch.zeros((batch_size, self.layout.size), dtype=torch.int64)
        columns = torch.as_tensor(np.broadcast_to(orders, actions.shape).copy())
        strings = torch.arange(batch_size)
        for t in range(self.layout.size):
            logits = self._logits(actions, orders)
            i = columns[:, t]
            actions[strings, i] = (logits[i, strings] + noise[t]).argmax(-1)
        return actions

    def _sample_cached(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        """Arrays are in the order of the steps; with a shared order they have no string axis."""
        p, values, size = self.params, self._values(), self.layout.size
        shared = shared_order(orders)
        columns = torch.as_tensor(orders if shared is None else shared[:, None])
        columns = columns if shared is not None else columns.T  # (N, B) or (N, 1)
        q, head, bias = p["q"][columns], p["W_out"][columns], self._bias()[columns] + noise
        offset = self.value_offset[columns]
        query = q @ p["block1.W_q"]
        keys = [q.new_empty((size, batch_size, q.shape[-1])) for _ in range(self.blocks)]
        projected = [q.new_empty((size, batch_size, query.shape[-1])) for _ in keys]
        choices = torch.empty((size, batch_size), dtype=torch.int64)
        for t in range(size):
            x = q[t]
            for m in range(1, self.blocks + 1):
                if t > 0:
                    xq = query[t] if m == 1 else x @ p[f"block{m}.W_q"]
                    x = x + self._attend_cached(m, xq, keys[m - 1][:t], projected[m - 1][:t])
                x = self._feed_forward(m, x)
            x = x.expand(batch_size, -1)
            if shared is None:
                logits = torch.baddbmm(bias[t].unsqueeze(1), x.unsqueeze(1), head[t]).squeeze(1)
            else:
                logits = torch.addmm(bias[t], x, head[t, 0])
            torch.argmax(logits, -1, out=choices[t])
            if t < size - 1:
                k = q[t] + functional.embedding(offset[t] + choices[t], values)
                self._cache_key(k, t, keys, projected)
        if shared is None:
            return torch.empty_like(choices.T).scatter_(1, columns.T, choices.T)
        return choices[torch.as_tensor(steps_of(shared))].T

    def _cache_key(self, k: Tensor, t: int, keys: list[Tensor], projected: list[Tensor]) -> None:
        p = self.params
        for m in range(1, self.blocks + 1):
            keys[m - 1][t] = k
            torch.addmm(p[f"block{m}.b_a"], k, p[f"block{m}.W_k"], out=projected[m - 1][t])
            if m < self.blocks:
                k = self._feed_forward(
                    m,
                    k
                    + self._attend_cached(
                        m, k @ p[f"block{m}.W_q"], keys[m - 1][: t + 1], projected[m - 1][: t + 1]
                    ),
                )

    def _attend_cached(self, m: int, query: Tensor, keys: Tensor, projected: Tensor) -> Tensor:
        scores = (projected + query).tanh_() @ self.params[f"block{m}.w_a"]  # (t, B)
        # not bmm: over a transposed batch it copies string by string, ten times as slow
        return (scores.softmax(0).unsqueeze(2) * keys).sum(0)


class TorchFactorisedMAADE(TorchMAADE):
    """One block, with our factorised attention: a score for each (i, (j, value)), not each string.

    ``fold=True`` also multiplies the key table by W1 and the heads by W2 beforehand, which one
    block allows: both are linear in what the strings select.
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
        super().__init__(params, cardinalities, families, blocks, learning_rate)
        self.fold = fold
        self.pair_offset = torch.from_numpy(self.layout.pair_offset)
        self.pair_position = torch.from_numpy(self.layout.pair_position)
        self.pair_row = torch.from_numpy(self.layout.pair_row)

    def _tables(self, pairs: Tensor | slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Scores (N, P) and keys (P, d), or keys times W1 if folded."""
        p = self.params
        keys = p["q"].index_select(0, self.pair_position[pairs])
        keys = keys + functional.embedding(self.pair_row[pairs], self._values())
        query = p["q"] @ p["block1.W_q"] + p["block1.b_a"]
        hidden = (query.unsqueeze(1) + keys @ p["block1.W_k"]).tanh_()
        return hidden @ p["block1.w_a"], keys @ p["block1.W1"] if self.fold else keys

    def _exponentials(self, scores: Tensor) -> Tensor | None:
        """exp(scores), or None where that could lose a visible key beside an invisible one."""
        low, high = scores.detach().aminmax(dim=1, keepdim=True)
        safe = -0.9 * float(np.log(torch.finfo(scores.dtype).tiny))
        return None if float((high - low).max()) > safe else torch.exp(scores - high)

    def _logits(self, actions: Tensor, orders: np.ndarray) -> Tensor:
        scores, keys = self._tables()
        weight = self._exponentials(scores)
        step = torch.as_tensor(steps_of(orders))
        shared = shared_order(orders)
        if weight is None:
            context = self._context_by_gather(scores, keys, actions, step)
        else:
            chosen = keys.new_zeros((len(actions), self.layout.pairs))
            chosen.scatter_(1, actions + self.pair_offset, 1.0)
            if shared is None:
                context = self._context_by_mask(weight, keys, chosen, step)
            else:
                step = torch.as_tensor(steps_of(shared))
                context = self._context_by_product(weight, keys, chosen, step)
        return self._head(context)

    def _context_by_product(
        self, weight: Tensor, keys: Tensor, chosen: Tensor, step: Tensor
    ) -> Tensor:
        """Shared order: choices (B, P) times the weighted key table (P, N d) is all there is."""
        visible = step[self.pair_position].unsqueeze(1) < step  # (P, N)
        weight = weight.T * visible
        table = (weight.unsqueeze(2) * keys.unsqueeze(1)).flatten(1)
        total = chosen @ weight + (step == 0)
        context = (chosen @ table).view(len(chosen), self.layout.size, -1)
        return (context / total.unsqueeze(2)).transpose(0, 1)

    def _context_by_mask(
        self, weight: Tensor, keys: Tensor, chosen: Tensor, step: Tensor
    ) -> Tensor:
        """An order for each string: one product for each hyper-parameter, over (B, P) masks."""
        visible = step[:, self.pair_position] < step.T.unsqueeze(2)  # (N, B, P)
        seen = visible * chosen
        weight = weight.unsqueeze(2)
        total = torch.bmm(seen, weight) + (step.T == 0).unsqueeze(2)
        return torch.bmm(seen, weight * keys) / total

    def _context_by_gather(
        self, scores: Tensor, keys: Tensor, actions: Tensor, step: Tensor
    ) -> Tensor:
        """Safe for any scores: each string takes the softmax over what it sees."""
        pairs = actions + self.pair_offset
        step = step.expand(actions.shape)
        visible = step.unsqueeze(1) < step.unsqueeze(2)  # (B, N, N)
        taken = scores[:, pairs].transpose(0, 1)
        weights = taken.masked_fill(~visible, torch.finfo(taken.dtype).min).softmax(-1)
        return ((weights * visible) @ functional.embedding(pairs, keys)).transpose(0, 1)

    def _head(self, context: Tensor) -> Tensor:
        start, head, bias = (part.unsqueeze(1) for part in self._head_tables())
        return torch.baddbmm(bias, self._hidden(start + context), head.squeeze(1))

    def _head_tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the context is added to (N, d), and the heads' weights and biases."""
        p = self.params
        if not self.fold:
            return p["q"], p["W_out"], self._bias()
        return (
            p["q"] @ p["block1.W1"] + p["block1.b1"],
            p["block1.W2"] @ p["W_out"],
            self._bias() + p["block1.b2"] @ p["W_out"],
        )

    def _hidden(self, x: Tensor) -> Tensor:
        return torch.tanh(x) if self.fold else self._feed_forward(1, x)

    def _sample_cached(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        shared = shared_order(orders)
        if shared is not None:
            step = steps_of(shared)
            # pairs in the order of the steps, so that a step multiplies what is decided, no more
            by_step = np.argsort(step[self.layout.pair_position], kind="stable")
            scores, keys = self._tables(torch.from_numpy(by_step))
            weight = self._exponentials(scores)
            if weight is not None:
                column = torch.as_tensor(shared)
                keys = torch.cat([keys, torch.ones_like(keys[:, :1])], 1)
                table = weight[column].unsqueeze(2) * keys
                choices = self._walk_by_product(batch_size, column, table, noise)
                return choices[torch.as_tensor(step)].T
        columns = torch.as_tensor(np.broadcast_to(orders, (batch_size, self.layout.size)).copy())
        choices = self._walk_by_softmax(columns.T, noise)
        return torch.empty_like(columns).scatter_(1, columns, choices.T)

    def _walk_by_product(
        self, batch_size: int, column: Tensor, table: Tensor, noise: Tensor
    ) -> Tensor:
        """Choices (N, B) step by step; ``table`` (N, P, d + 1) ends in the weights' own column."""
        start, head, bias = (part[column] for part in self._head_tables())
        bias = bias.unsqueeze(1) + noise
        chosen = table.new_zeros((batch_size, self.layout.pairs))
        choices = torch.empty((self.layout.size, batch_size), dtype=torch.int64)
        decided = 0
        for t, cardinality in enumerate(self.layout.cardinalities[column.numpy()].tolist()):
            x = start[t].expand(batch_size, -1)
            if t > 0:
                context = chosen[:, :decided] @ table[t, :decided]
                x = torch.addcdiv(x, context[:, :-1], context[:, -1:])
            torch.argmax(torch.addmm(bias[t], self._hidden(x), head[t]), -1, out=choices[t])
            chosen[:, decided : decided + cardinality].scatter_(1, choices[t].unsqueeze(1), 1.0)
            decided += cardinality
        return choices

    def _walk_by_softmax(self, columns: Tensor, noise: Tensor) -> Tensor:
        """Choices (N, B) for any orders and any scores: a softmax over the pairs chosen so far."""
        scores, keys = self._tables()
        scores, offset = scores[columns], self.pair_offset[columns].unsqueeze(2)
        start, head, bias = (part[columns] for part in self._head_tables())
        bias = (bias + noise).unsqueeze(2)
        hidden_from = torch.full_like(scores[0], -torch.inf)
        choices = torch.empty(columns.shape, dtype=torch.int64)
        for t in range(len(columns)):
            x = start[t]
            if t > 0:
                x = torch.addmm(x, (scores[t] + hidden_from).softmax(-1), keys)
            logits = torch.baddbmm(bias[t], self._hidden(x).unsqueeze(1), head[t])
            torch.argmax(logits.squeeze(1), -1, out=choices[t])
            hidden_from.scatter_(1, offset[t] + choices[t].unsqueeze(1), 0.0)
        return choices
