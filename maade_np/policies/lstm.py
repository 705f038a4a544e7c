"""An LSTM controller (Zoph & Le 2017), for any order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from maade_np.backend import Array
from maade_np.layers import (
    affine_backward,
    affine_forward,
    heads_backward,
    heads_forward,
    lstm_backward,
    lstm_cell,
    lstm_forward,
    take_pairs_backward,
    take_pairs_forward,
)
from maade_np.policies.base import Batch, Layout, Params, Policy
from maade_np.policies.in_turn import by_hyper, by_step, head, pairs_by_step, sample_in_turn
from maade_np.policies.inputs import (
    check_counts,
    merged_scales,
    split_values,
    stacked_values,
    start_values,
)
from maade_np.spaces import CategoricalSpace

LSTM_SCALES = {"q": 1.0, "V": 1.0, "input": 1.0, "recurrent": 1.0, "heads": 0.1}


class LSTMCacheOfPolicy(NamedTuple):
    """Caches of the stages, in the order in which they ran."""

    batch: Batch
    tables: tuple[Any, Any]
    taken: tuple[Any, Any]
    layers: list[tuple[Any, Any]]
    heads: Any


class LSTM(Policy):
    r"""A density whose context is the state of an LSTM that reads one decision a step.

    For string b with values :math:`a_i`, decided in the order :math:`o_0, o_1, \dots`: the input of
    step t is the value that was decided last and the hyper-parameter that comes next,

    .. math::
        x_t &= q_{o_t} W_q + V_{a_{o_{t-1}}} W_v + b \qquad (x_0 = q_{o_0} W_q + b) \\
        h_t, c_t &= \mathrm{LSTM}(x_t, h_{t-1}, c_{t-1}; W_h) \\
        P(a_{o_t} \mid \text{before}) &= \mathrm{softmax}(h_t W_{out,o_t} + b_{out,o_t})_{a_{o_t}}

    with the gates of `maade_np.layers.lstm`. Each further layer reads the one below,
    :math:`x^l_t = h^{l-1}_t W^l_x + b^l`. The hyper-parameter that a value belongs to was the input of
    the step before, so its family's vector is enough, and the context layer has O(d^2) numbers whatever N
    is (the paper's Table 2).

    *Tables.* :math:`q W_q + b` (N, 4 H) and :math:`V W_v` (R, 4 H) hold all inputs that can occur; they
    are computed once a batch, and each step's input is a sum of two of their rows.

    *Backward.* Through the heads, then back through time, layer by layer from the top
    (`maade_np.layers.lstm_backward`); the gradients of the inputs are added up by the table's rows they
    were read from. Only the recurrences run step by step, for all strings at a time; they keep 7 N B H
    numbers a layer.

    *Departures from Zoph & Le:* any order; heads and input embeddings for each hyper-parameter; one
    layer by default (they: two of 35 units); normal weights scaled by the number of inputs (they:
    uniform in +-0.08), forget gates with bias 1 (Jozefowicz et al. 2015). The tanh constants and the
    temperature of later controllers (ENAS) are left out.

    Parameters
    ----------
    space : CategoricalSpace
    hidden : int, optional
        H, the units of a layer; d where it is not given.
    layers : int
    d : int
        Width of the embeddings q and V, and the default of `hidden`.
    rng : numpy.random.Generator or int, optional
        The source of the start.
    dtype : dtype
        float32 for searching, float64 for checking.
    init_scales : mapping, optional
        Standard deviations at the start. "q", "V": of each entry. "input" (W_q, W_v, W_x), "recurrent"
        (W_h) and "heads" (W_out): of each entry times the square root of the number of inputs. Biases
        start at 0, those of forget gates at 1. The default, `LSTM_SCALES`, makes a nearly uniform policy.

    Attributes
    ----------
    params : dict of arrays
        "q" (N, d); "V.<family>" (D_f, d); "lstm1.W_q", "lstm1.W_v" (d, 4 H); for l = 2 ... L
        "lstm<l>.W_x" (H, 4 H); for every layer "lstm<l>.W_h" (H, 4 H), "lstm<l>.b" (4 H,);
        "W_out" (N, H, D), "b_out" (N, D). The quarters of 4 H are g, i, f, o.
    """

    def __init__(
        self,
        space: CategoricalSpace,
        hidden: int | None = None,
        layers: int = 1,
        d: int = 36,
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
        init_scales: Mapping[str, float] | None = None,
    ) -> None:
        self.space, self.d, self.layers = space, d, layers
        self.hidden = d if hidden is None else hidden
        check_counts(d=d, hidden=self.hidden, layers=layers)
        scales = merged_scales(LSTM_SCALES, init_scales)
        self.layout = Layout(space, np)
        self.params = self._start(scales, np.random.default_rng(rng), dtype)

    def _start(self, scales: dict[str, float], rng: np.random.Generator, dtype: Any) -> Params:
        N, D, H, d = self.layout.N, self.layout.D, self.hidden, self.d

        def normal(kind: str, *shape: int) -> np.ndarray:
            return rng.normal(size=shape) * (scales[kind] / np.sqrt(shape[-2]))

        params = {"q": rng.normal(size=(N, d)) * scales["q"]}
        params |= start_values(self.space, d, scales["V"], rng)
        for m in range(1, self.layers + 1):
            if m == 1:
                params |= {f"lstm1.{name}": normal("input", d, 4 * H) for name in ("W_q", "W_v")}
            else:
                params[f"lstm{m}.W_x"] = normal("input", H, 4 * H)
            params[f"lstm{m}.W_h"] = normal("recurrent", H, 4 * H)
            params[f"lstm{m}.b"] = np.repeat([0.0, 0.0, 1.0, 0.0], H)
        params |= {"W_out": normal("heads", N, H, D), "b_out": np.zeros((N, D))}
        return {name: array.astype(dtype) for name, array in params.items()}

    def tables(self) -> tuple[Array, Array, tuple[Any, Any]]:
        """Return what hyper-parameters (N, 4 H) and values (R, 4 H) contribute, and the caches."""
        p = self.params
        hypers, cache_q = affine_forward(p["q"], p["lstm1.W_q"], p["lstm1.b"])
        V = stacked_values(p, self.space)
        values, cache_v = affine_forward(V, p["lstm1.W_v"], self.xp.zeros_like(p["lstm1.b"]))
        return hypers, values, (cache_q, cache_v)

    def logits_forward(self, batch: Batch) -> tuple[Array, LSTMCacheOfPolicy]:
        """Run along the strings, all at a time; see `Policy.logits_forward`."""
        p = self.params
        hypers, values, tables = self.tables()
        decided = self.layout.row[pairs_by_step(batch, self.layout.first)[:-1]]
        x, taken_q = take_pairs_forward(hypers, batch.orders.T)
        last, taken_v = take_pairs_forward(values, decided)
        x[1:] += last
        y, cache = lstm_forward(x, p["lstm1.W_h"])
        layers: list[tuple[Any, Any]] = [(None, cache)]
        for m in range(2, self.layers + 1):
            x, affine = affine_forward(y, p[f"lstm{m}.W_x"], p[f"lstm{m}.b"])
            y, cache = lstm_forward(x, p[f"lstm{m}.W_h"])
            layers.append((affine, cache))
        h = by_hyper(y, batch).transpose(1, 0, 2)
        logits, heads = heads_forward(h, p["W_out"], p["b_out"])
        return logits, LSTMCacheOfPolicy(batch, tables, (taken_q, taken_v), layers, heads)

    def logits_backward(self, dlogits: Array, cache: LSTMCacheOfPolicy) -> Params:
        """Walk `logits_forward` in reverse; see `Policy.logits_backward`."""
        grads: Params = {}
        dh, grads["W_out"], grads["b_out"] = heads_backward(dlogits, cache.heads)
        dy = by_step(dh.transpose(1, 0, 2), cache.batch)
        for m, (affine, layer) in zip(
            range(self.layers, 0, -1), reversed(cache.layers), strict=True
        ):
            dx, grads[f"lstm{m}.W_h"] = lstm_backward(dy, layer)
            if affine is not None:
                dy, grads[f"lstm{m}.W_x"], grads[f"lstm{m}.b"] = affine_backward(dx, affine)
        taken_q, taken_v = cache.taken
        dvalues = take_pairs_backward(dx[1:], taken_v)
        dV, grads["lstm1.W_v"], _ = affine_backward(dvalues, cache.tables[1])
        dhypers = take_pairs_backward(dx, taken_q)
        grads["q"], grads["lstm1.W_q"], grads["lstm1.b"] = affine_backward(dhypers, cache.tables[0])
        return {**grads, **split_values(dV, self.space)}

    def sample_logits(
        self, orders: np.ndarray, noise: Array, temperature: float
    ) -> tuple[Array, Array]:
        """Decide all hyper-parameters in turn, a step of the LSTM each; see `Policy.sample_logits`."""
        hypers, values, _ = self.tables()
        return sample_in_turn(
            self, lambda size: _Turns(self, hypers, values, size), orders, noise, temperature
        )


class _Turns:
    """States of strings in the making; see `maade_np.policies.in_turn.Turns`."""

    def __init__(self, policy: LSTM, hypers: Array, values: Array, size: int) -> None:
        xp, self.policy = policy.xp, policy
        self.hypers, self.values = hypers, values
        zeros = xp.zeros((size, policy.hidden), dtype=policy.dtype)
        self.states = [(zeros, zeros) for _ in range(policy.layers)]
        self.last: Array | None = None

    def logits(self, i: int | Array) -> Array:
        p, x = self.policy.params, self.hypers[i]
        if self.last is not None:
            x = self.last + x
        for m, (h, c) in enumerate(self.states, start=1):
            if m > 1:
                x = x @ p[f"lstm{m}.W_x"] + p[f"lstm{m}.b"]
            x, c, _ = lstm_cell(x, h, c, p[f"lstm{m}.W_h"])
            self.states[m - 1] = x, c
        return head(x, p["W_out"], p["b_out"], i)

    def decide(self, i: int | Array, value: Array) -> None:
        layout = self.policy.layout
        self.last = self.values.take(layout.row[layout.first[i] + value], axis=0)
