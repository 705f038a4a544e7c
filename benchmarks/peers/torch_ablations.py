"""The paper's other policies in eager PyTorch with autograd: independent, NADE, MADE, LSTM.

Like every peer they share with maade_np the names and shapes of the parameters and nothing else, and are
written as somebody who knows PyTorch well would write them: MADE masks its weights by the order and has
a sampler that computes each unit once; NADE is a gather and a cumulative sum; the LSTM is PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from . import seed_of, shared_order, steps_of

Tensor = torch.Tensor


class TorchPolicy:
    """What the four share: Adam on REINFORCE's loss, and the Gumbel-max trick.

    A policy implements ``_logits(actions, orders)``, (N, B, D), and ``_walk(batch_size, orders,
    noise)``, which returns strings (B, N).
    """

    def __init__(
        self,
        params: Mapping[str, np.ndarray],
        cardinalities: Sequence[int],
        families: Sequence[str],
        learning_rate: float = 1e-3,
    ) -> None:
        card = np.asarray(cardinalities)
        self.size, self.width = len(card), int(card.max())
        self.families = list(dict.fromkeys(families))
        sizes = {f: max(c for c, g in zip(card, families, strict=True) if g == f) for f in families}
        starts = dict(
            zip(self.families, np.cumsum([0, *map(sizes.get, self.families)]), strict=False)
        )
        self.first = torch.from_numpy(np.cumsum(card) - card)
        self.pairs = int(card.sum())
        hyper = np.repeat(np.arange(self.size), card)
        self.hyper = torch.from_numpy(hyper)
        self.value = torch.arange(self.pairs) - self.first[self.hyper]
        self.row = torch.from_numpy(np.array([starts[families[j]] for j in hyper])) + self.value
        self.missing = torch.arange(self.width) >= torch.from_numpy(card)[:, None]
        self.params = {name: torch.tensor(v).requires_grad_() for name, v in params.items()}
        self.optimizer = torch.optim.Adam(self.params.values(), lr=learning_rate, fused=True)
        self.dtype = self.params["b_out"].dtype

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
        """Strings (B, N); noise (N, B, D) is in the order of the steps."""
        generator = torch.Generator().manual_seed(seed_of(seed))
        with torch.inference_mode():
            noise = torch.empty((self.size, batch_size, self.width), dtype=self.dtype)
            noise.exponential_(generator=generator).log_().neg_()
            return self._walk(batch_size, np.asarray(orders), noise).numpy()

    def _losses(self, actions: np.ndarray, orders: np.ndarray) -> Tensor:
        actions = torch.as_tensor(actions)
        logits = self._logits(actions, orders)
        return functional.cross_entropy(
            logits.flatten(0, 1), actions.T.flatten(), reduction="none"
        ).view(logits.shape[:2])

    def _bias(self) -> Tensor:
        return self.params["b_out"].masked_fill(self.missing, -torch.inf)

    def _values(self) -> Tensor:
        return torch.cat([self.params[f"V.{name}"] for name in self.families])

    def _table(self) -> Tensor:
        """What each pair adds to a hidden layer, (P, H)."""
        W = self.params["W"]
        if W.dim() == 2:
            return W
        product = torch.bmm(self._values()[self.row].unsqueeze(1), W[self.hyper])
        return product.squeeze(1)

    def _steps(self, actions: Tensor, orders: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """By step, (N, B): hyper-parameters, chosen pairs; by hyper-parameter, (N, B): steps."""
        columns = torch.as_tensor(np.broadcast_to(orders, actions.shape).copy()).T
        pairs = (actions + self.first).T.gather(0, columns)
        step = torch.as_tensor(steps_of(orders)).expand(actions.shape).T
        return columns, pairs, step

    def _by_hyper(self, h: Tensor, step: Tensor) -> Tensor:
        return h.gather(0, step.unsqueeze(2).expand(h.shape))

    def _decide_in_turn(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        """Strings, from `_begin`, `_due` (what the head reads, (B, H)) and `_note`."""
        shared = shared_order(orders)
        columns = torch.as_tensor(orders if shared is None else shared[:, None])
        columns = columns if shared is not None else columns.T
        head, bias = self.params["W_out"][columns], self._bias()[columns] + noise
        choices = torch.empty((self.size, batch_size), dtype=torch.int64)
        state = self._begin(batch_size)
        for t in range(self.size):
            h = self._due(state, columns[t])
            if shared is None:
                logits = torch.baddbmm(bias[t].unsqueeze(1), h.unsqueeze(1), head[t]).squeeze(1)
            else:
                logits = torch.addmm(bias[t], h, head[t, 0])
            torch.argmax(logits, -1, out=choices[t])
            self._note(state, self.first[columns[t]] + choices[t])
        if shared is None:
            return torch.empty_like(choices.T).scatter_(1, columns.T, choices.T)
        return choices[torch.as_tensor(steps_of(shared))].T


class TorchIndependent(TorchPolicy):
    """Logits alone."""

    def _logits(self, actions: Tensor, orders: np.ndarray) -> Tensor:
        return self._bias().unsqueeze(1).expand(-1, len(actions), -1)

    def _walk(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        return (self._bias().unsqueeze(1) + noise).argmax(-1).T


class TorchNADE(TorchPolicy):
    """A gather, a cumulative sum, a sigmoid."""

    def _logits(self, actions: Tensor, orders: np.ndarray) -> Tensor:
        p = self.params
        _, pairs, step = self._steps(actions, orders)
        rows = functional.embedding(pairs[:-1], self._table())
        sums = torch.cat([p["c"].expand(1, len(actions), -1), rows]).cumsum(0)
        h = self._by_hyper(torch.sigmoid(sums), step)
        return torch.baddbmm(self._bias().unsqueeze(1), h, p["W_out"])

    def _walk(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        return self._decide_in_turn(batch_size, orders, noise)

    def _begin(self, batch_size: int) -> dict[str, Tensor]:
        return {"sums": self.params["c"].repeat(batch_size, 1), "table": self._table()}

    def _due(self, state: dict[str, Tensor], i: Tensor) -> Tensor:
        return torch.sigmoid(state["sums"])

    def _note(self, state: dict[str, Tensor], pairs: Tensor) -> None:
        state["sums"] += functional.embedding(pairs, state["table"])


class TorchMADE(TorchPolicy):
    """Masks on the weights, made from the order; strings are taken together by their order."""

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)
        units = len(self.params["b1"])
        unit = torch.arange(units)
        self.degree = 1 + (2 * unit + 1) * (self.size - 1) // (2 * units)
        self.between = self.degree.unsqueeze(1) <= self.degree
        self.layers = 1 + sum(name[1:].isdigit() and name[0] == "W" for name in self.params)

    def _logits(self, actions: Tensor, orders: np.ndarray) -> Tensor:
        shared = shared_order(orders)
        if shared is not None:
            return self._network(actions, torch.as_tensor(steps_of(shared)))
        ways, group = np.unique(orders, axis=0, return_inverse=True)
        logits = torch.empty((self.size, len(actions), self.width), dtype=self.dtype)
        for g, way in enumerate(ways):
            rows = torch.from_numpy(np.flatnonzero(group.reshape(-1) == g))
            part = self._network(actions[rows], torch.as_tensor(steps_of(way)))
            logits = logits.index_copy(1, rows, part)
        return logits

    def _network(self, actions: Tensor, step: Tensor) -> Tensor:
        p = self.params
        x = torch.zeros((len(actions), self.pairs), dtype=self.dtype)
        x.scatter_(1, actions + self.first, 1.0)
        before = step[self.hyper].unsqueeze(1) < self.degree
        h = torch.tanh(torch.addmm(p["b1"], x, self._table() * before))
        for m in range(2, self.layers + 1):
            h = torch.tanh(torch.addmm(p[f"b{m}"], h, p[f"W{m}"] * self.between))
        reads = (self.degree.unsqueeze(1) <= step).unsqueeze(2)
        logits = h @ (p["W_heads"] * reads).flatten(1)
        if "W_direct" in p:
            earlier = (step[self.hyper].unsqueeze(1) < step).unsqueeze(2)
            logits = logits + x @ (p["W_direct"] * earlier).flatten(1)
        logits = logits.view(len(actions), self.size, self.width) + self._bias()
        return logits.transpose(0, 1)

    def _walk(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        """Each unit is computed once, when what it reads is decided; any orders."""
        p, table = self.params, self._table()
        ends = torch.searchsorted(self.degree, torch.arange(self.size), right=True).tolist()
        columns = torch.as_tensor(np.broadcast_to(orders, (batch_size, self.size)).copy())
        strings = torch.arange(batch_size)
        chosen = torch.zeros((batch_size, self.pairs), dtype=self.dtype)
        units = torch.zeros((self.layers - 1, batch_size, len(p["b1"])), dtype=self.dtype)
        z = self._bias().repeat(batch_size, 1, 1)
        flat, heads = z.view(batch_size, -1), p["W_heads"].flatten(1)
        actions = torch.empty((batch_size, self.size), dtype=torch.int64)
        for t in range(self.size):
            i = columns[:, t]
            if t > 0 and ends[t - 1] < ends[t]:
                new, known = slice(ends[t - 1], ends[t]), slice(ends[t])
                h = torch.addmm(p["b1"][new], chosen, table[:, new]).tanh_()
                for m in range(2, self.layers + 1):
                    units[m - 2, :, new] = h
                    h = torch.addmm(p[f"b{m}"][new], units[m - 2, :, known], p[f"W{m}"][known, new])
                    h.tanh_()
                flat.addmm_(h, heads[new])
            value = (z[strings, i] + noise[t]).argmax(-1)
            actions[strings, i] = value
            pair = self.first[i] + value
            chosen.scatter_(1, pair.unsqueeze(1), 1.0)
            if "W_direct" in p:
                z += p["W_direct"][pair]
        return actions


class TorchLSTM(TorchPolicy):
    """PyTorch's own LSTM over the sequence; its own cell in the sampler.

    Our quarters are g, i, f, o; PyTorch's are i, f, g, o.
    """

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)
        self.hidden = self.params["lstm1.W_h"].shape[0]
        self.layers = sum(name.endswith(".W_h") for name in self.params)

    def _weights(self) -> list[Tensor]:
        p, flat = self.params, []
        for m in range(1, self.layers + 1):
            W_x = [p["lstm1.W_q"], p["lstm1.W_v"]] if m == 1 else [p[f"lstm{m}.W_x"]]
            flat += [self._quarters(torch.cat(W_x)).T.contiguous()]
            flat += [self._quarters(p[f"lstm{m}.W_h"]).T.contiguous()]
            bias = self._quarters(p[f"lstm{m}.b"])
            flat += [bias, torch.zeros_like(bias)]
        return flat

    def _quarters(self, x: Tensor) -> Tensor:
        g, i, f, o = x.split(self.hidden, -1)
        return torch.cat([i, f, g, o], -1)

    def _logits(self, actions: Tensor, orders: np.ndarray) -> Tensor:
        p = self.params
        columns, pairs, step = self._steps(actions, orders)
        next_one = functional.embedding(columns, p["q"])
        last = functional.embedding(self.row[pairs[:-1]], self._values())
        last = functional.pad(last, (0, 0, 0, 0, 1, 0))
        zeros = next_one.new_zeros((self.layers, len(actions), self.hidden))
        x = torch.cat([next_one, last], 2)
        h, _, _ = torch.lstm(
            x, (zeros, zeros), self._weights(), True, self.layers, 0.0, True, False, False
        )
        h = self._by_hyper(h, step)
        return torch.baddbmm(self._bias().unsqueeze(1), h, p["W_out"])

    def _walk(self, batch_size: int, orders: np.ndarray, noise: Tensor) -> Tensor:
        return self._decide_in_turn(batch_size, orders, noise)

    def _begin(self, batch_size: int) -> dict[str, object]:
        weights, values = self._weights(), self._values()
        zeros = values.new_zeros((batch_size, self.hidden))
        return {
            "weights": [weights[4 * m : 4 * m + 4] for m in range(self.layers)],
            "states": [(zeros, zeros)] * self.layers,
            "values": values,
            "last": values.new_zeros((batch_size, values.shape[1])),
        }

    def _due(self, state: dict, i: Tensor) -> Tensor:
        q = self.params["q"][i].expand(len(state["last"]), -1)
        x = torch.cat([q, state["last"]], 1)
        for m, weights in enumerate(state["weights"]):
            state["states"][m] = torch.lstm_cell(x, state["states"][m], *weights)
            x = state["states"][m][0]
        return x

    def _note(self, state: dict, pairs: Tensor) -> None:
        state["last"] = functional.embedding(self.row[pairs], state["values"])
