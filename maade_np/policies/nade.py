"""NADE: neural autoregressive distribution estimation (Uria et al. 2016), for categorical values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from maade_np.backend import Array
from maade_np.layers import (
    heads_backward,
    heads_forward,
    running_sums_backward,
    running_sums_forward,
    sigmoid_backward,
    sigmoid_forward,
    take_pairs_backward,
    take_pairs_forward,
)
from maade_np.policies.base import Batch, Layout, Params, Policy
from maade_np.policies.in_turn import by_hyper, by_step, head, pairs_by_step, sample_in_turn
from maade_np.policies.inputs import (
    check_counts,
    check_inputs,
    input_table_backward,
    input_table_forward,
    merged_scales,
    start_inputs,
)
from maade_np.spaces import CategoricalSpace

NADE_SCALES = {"V": 1.0, "W": 1.0, "heads": 0.1}


class NADECache(NamedTuple):
    """Caches of the stages, in the order in which they ran."""

    batch: Batch
    table: Any
    taken: Any
    y: Array
    heads: Any


class NADE(Policy):
    r"""A density whose context is one sum, to which each decision adds a vector of its own.

    For string b with values :math:`a_i`, decided in the order :math:`o_0, o_1, \dots`:

    .. math::
        s_0 &= c, \qquad s_{t+1} = s_t + T[o_t, a_{o_t}] \\
        h_t &= \sigma(s_t) \\
        P(a_{o_t} \mid \text{before}) &= \mathrm{softmax}(h_t W_{out,o_t} + b_{out,o_t})_{a_{o_t}}

    T holds a vector for each pair (hyper-parameter, value), so what is not decided, which adds nothing,
    differs from every value (for binary strings Uria et al. add :math:`x_{o_t} W_{o_t}`, and a 0 cannot
    be told from nothing). With ``inputs="one-hot"`` T is a parameter: a hidden layer over one-hot
    values. With ``inputs="embedded"`` :math:`T[j, v] = V_v W_j`, a hidden layer over N embedded
    values: the N d x d numbers of the paper's Table 2.

    *Cost.* The sum is carried along, so all N decisions of a string cost O(N H) and a sampler's step
    O(H), beside the heads. A batch takes four arrays of N B H numbers at a time, forward and backward.

    *Backward.* With :math:`z_t` the logits of step t: :math:`dh_t = dz_t W_{out,o_t}^T`,
    :math:`ds_t = dh_t \odot h_t (1 - h_t)`. As :math:`s_t = c + \sum_{u<t} T[o_u, a_{o_u}]`,

    .. math::
        dT[p] = \sum_b \sum_{t:\, \text{b chose p before t}} ds_{bt}, \qquad dc = \sum_{bt} ds_{bt} :

    a sum that runs backwards from the last step, then one sum over the strings for each pair.

    *Beyond Uria et al.:* categorical values, and a set of orders for one set of weights (as in their
    orderless NADE). W is shared by all orders; there is no visibility mask in the input, since an
    undecided hyper-parameter adds nothing while a decided one adds a vector that is learnt.

    Parameters
    ----------
    space : CategoricalSpace
    hidden : int, optional
        H, the width of the hidden layer; d where it is not given.
    inputs : {"one-hot", "embedded"}
    d : int
        Width of the embeddings, and the default of `hidden`.
    rng : numpy.random.Generator or int, optional
        The source of the start.
    dtype : dtype
        float32 for searching, float64 for checking.
    init_scales : mapping, optional
        Standard deviations at the start. "V": of each entry. "W": of each entry for one-hot inputs
        times the square root of N, for embedded ones times the square root of N d. "heads" (W_out): of
        each entry times the square root of H. Biases start at 0. The default, `NADE_SCALES`, gives
        sums of deviation about 1 and a nearly uniform policy.

    Attributes
    ----------
    params : dict of arrays
        "W" (P, H), or "V.<family>" (D_f, d) and "W" (N, d, H); "c" (H,); "W_out" (N, H, D),
        "b_out" (N, D).
    """

    def __init__(
        self,
        space: CategoricalSpace,
        hidden: int | None = None,
        inputs: str = "one-hot",
        d: int = 36,
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
        init_scales: Mapping[str, float] | None = None,
    ) -> None:
        self.space, self.inputs, self.d = space, inputs, d
        self.hidden = d if hidden is None else hidden
        check_inputs(inputs)
        check_counts(d=d, hidden=self.hidden)
        scales = merged_scales(NADE_SCALES, init_scales)
        self.layout = Layout(space, np)
        rng, H, N = np.random.default_rng(rng), self.hidden, space.size
        params = start_inputs(space, inputs, d, H, scales, rng)
        params["c"] = np.zeros(H)
        params["W_out"] = rng.normal(size=(N, H, self.layout.D)) * (scales["heads"] / np.sqrt(H))
        params["b_out"] = np.zeros((N, self.layout.D))
        self.params = {name: array.astype(dtype) for name, array in params.items()}

    def table(self) -> tuple[Array, Any]:
        """Return T (P, H) and the cache of its backward."""
        return input_table_forward(self.params, self.layout, self.space)

    def logits_forward(self, batch: Batch) -> tuple[Array, NADECache]:
        """Run along the strings, all at a time; see `Policy.logits_forward`."""
        p = self.params
        table, table_cache = self.table()
        rows, taken = take_pairs_forward(table, pairs_by_step(batch, self.layout.first))
        s, _ = running_sums_forward(rows, p["c"])
        y, _ = sigmoid_forward(s)
        h = by_hyper(y, batch).transpose(1, 0, 2)
        logits, heads = heads_forward(h, p["W_out"], p["b_out"])
        return logits, NADECache(batch, table_cache, taken, y, heads)

    def logits_backward(self, dlogits: Array, cache: NADECache) -> Params:
        """Walk `logits_forward` in reverse; see `Policy.logits_backward`."""
        dh, dW_out, db_out = heads_backward(dlogits, cache.heads)
        dy = by_step(dh.transpose(1, 0, 2), cache.batch)
        drows, dc = running_sums_backward(sigmoid_backward(dy, cache.y), None)
        dtable = take_pairs_backward(drows, cache.taken)
        grads = input_table_backward(dtable, cache.table, self.space)
        return {**grads, "c": dc, "W_out": dW_out, "b_out": db_out}

    def sample_logits(
        self, orders: np.ndarray, noise: Array, temperature: float
    ) -> tuple[Array, Array]:
        """Decide all hyper-parameters in turn, O(H) a step; see `Policy.sample_logits`."""
        table, _ = self.table()
        return sample_in_turn(
            self, lambda size: _Turns(self, table, size), orders, noise, temperature
        )


class _Turns:
    """The running sums of strings in the making; see `maade_np.policies.in_turn.Turns`."""

    def __init__(self, policy: NADE, table: Array, size: int) -> None:
        p = policy.params
        self.table, self.first = table, policy.layout.first
        self.W, self.b = p["W_out"], p["b_out"]
        self.s = policy.xp.zeros((size, policy.hidden), dtype=policy.dtype) + p["c"]

    def logits(self, i: int | Array) -> Array:
        return head(sigmoid_forward(self.s)[0], self.W, self.b, i)

    def decide(self, i: int | Array, value: Array) -> None:
        self.s += self.table.take(self.first[i] + value, axis=0)
