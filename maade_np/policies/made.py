"""MADE: masked autoencoder for distribution estimation (Germain et al. 2015), for any order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from maade_np.backend import Array, to_device, to_host
from maade_np.layers import masked_affine_backward, masked_affine_forward
from maade_np.layers.tanh_ff import tanh_backward
from maade_np.policies.base import Batch, Layout, Params, Policy
from maade_np.policies.in_turn import sample_in_turn
from maade_np.policies.inputs import (
    check_counts,
    check_inputs,
    input_table_backward,
    input_table_forward,
    merged_scales,
    start_inputs,
)
from maade_np.policies.made_ends import MaskedEnds, SlicedEnds
from maade_np.spaces import CategoricalSpace

MADE_SCALES = {"V": 1.0, "W": 1.0, "hidden": 1.0, "heads": 0.1, "direct": 0.1}


FORMS = ("auto", "masked", "sliced")


class MADECache(NamedTuple):
    """Caches of the stages, in the order in which they ran; the direct one may be None."""

    ends: MaskedEnds | SlicedEnds
    table: Any
    first: Any
    hidden: list[tuple[Array, Any]]
    y: Array
    heads: Any
    direct: Any


class MADE(Policy):
    r"""A density from one feed-forward network, masked so that a decision sees what is before it.

    For one string, in the order :math:`o_0, o_1, \dots`, with T[p] what the pair p = (hyper-parameter,
    value) adds to the first layer and :math:`p_t` the pair chosen at step t:

    .. math::
        h^1_k &= \tanh\Big(b^1_k + \sum_{t < m_k} T[p_t]_k\Big) \\
        h^l_k &= \tanh\Big(b^l_k + \sum_{j:\, m_j \le m_k} h^{l-1}_j W^l_{jk}\Big), \quad l = 2 \dots L \\
        z_{o_t} &= b_{out,o_t} + \sum_{k:\, m_k \le t} h^L_k W_{heads,k,o_t} \;
            \Big[+ \sum_{s<t} W_{direct,p_s,o_t}\Big]

    and :math:`P(a_i \mid \text{before}) = \mathrm{softmax}(z_i)_{a_i}`. The first decision's logits are
    its biases.

    *Degrees.* A hyper-parameter's degree is its place in the string's own order, so a batch may mix
    orders. A hidden unit's degree m_k, from 1 to N-1, is a number of decisions: the unit reads the
    first m_k of them, whichever they are. Germain et al. draw degrees uniformly; here unit k of H has
    :math:`m_k = 1 + \lfloor u_k (N-1) \rfloor` with :math:`u_k = (k + 1/2) / H`, the same spread
    without the chance. All layers have the same degrees.

    *Masks.* The degrees do not depend on the order, so the masks between hidden layers are fixed. Those
    at both ends depend on it; a batch of one order takes masked weights, a batch of several takes slices
    of units sorted by degree and no mask (`maade_np.policies.made_ends`). Either way a forward costs
    B (P H + (L-1) H^2 + H N D) multiply-adds. Sampling costs no more, whatever the orders are, as it
    computes each unit once, when what the unit reads is decided.

    *Backward.* That of a feed-forward network, each layer's in reverse; the masks act on gradients as
    on values, and each layer's docstring derives its own.

    *Width.* With ``inputs="embedded"`` :math:`T[j, v] = V_v W_j`, a layer of N d inputs, and with the
    default H = N d units: the quadratic N^2 d^2 of the paper's Table 2. With ``inputs="one-hot"`` T is
    the parameter itself, (P, H), as Germain et al. have it: linear in N for a fixed H.

    *Departures from Germain et al.:* categorical values; tanh for ReLU (the complex step that checks
    the gradients needs an analytic function); degrees spread, not drawn, and never drawn again (no
    connectivity-agnostic training). Orders may change with every string, as in their order-agnostic
    training.

    Parameters
    ----------
    space : CategoricalSpace
    hidden : int, optional
        H, units of each hidden layer; N d where it is not given. With fewer than N-1 units some
        decisions have the same units as the decision before them.
    layers : int
        L, hidden layers, at least 1.
    direct : bool
        Whether there are direct connections.
    inputs : {"one-hot", "embedded"}
    d : int
        Width of the embeddings, and the default's units for each hyper-parameter.
    rng : numpy.random.Generator or int, optional
        The source of the start.
    dtype : dtype
        float32 for searching, float64 for checking.
    form : {"auto", "masked", "sliced"}
        How forward and backward are computed; "auto" masks where all strings share an order, and
        "masked" is refused where they do not.
    init_scales : mapping, optional
        Standard deviations at the start. "V": of each entry. "W": of each entry times the square root
        of N (one-hot) or N d (embedded). "hidden" (W2, W3, ...) and "heads" (W_heads): of each entry
        times the square root of H; "direct": times the square root of N. Biases start at 0. The default,
        `MADE_SCALES`, makes a nearly uniform policy.

    Attributes
    ----------
    params : dict of arrays
        "W" (P, H), or "V.<family>" (D_f, d) and "W" (N, d, H); "b1" (H,); for l = 2 ... L "W<l>" (H, H)
        and "b<l>" (H,); "W_heads" (H, N, D), "b_out" (N, D); "W_direct" (P, N, D) if direct.
    degrees : ndarray (H,)
        Of the hidden units, ascending.
    """

    def __init__(
        self,
        space: CategoricalSpace,
        hidden: int | None = None,
        layers: int = 1,
        direct: bool = False,
        inputs: str = "one-hot",
        d: int = 36,
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
        form: str = "auto",
        init_scales: Mapping[str, float] | None = None,
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; choose one of {', '.join(map(repr, FORMS))}")
        self.space, self.inputs, self.d, self.layers, self.direct = space, inputs, d, layers, direct
        self.form = form
        self.hidden = space.size * d if hidden is None else hidden
        check_inputs(inputs)
        check_counts(d=d, hidden=self.hidden, layers=layers)
        scales = merged_scales(MADE_SCALES, init_scales)
        self.layout = Layout(space, np)
        H, N = self.hidden, space.size
        self.degrees = 1 + (2 * np.arange(H) + 1) * (N - 1) // (2 * H)
        self.ends = np.searchsorted(self.degrees, np.arange(N), side="right").tolist()
        self.params = self._start(scales, np.random.default_rng(rng), dtype)

    def _start(self, scales: dict[str, float], rng: np.random.Generator, dtype: Any) -> Params:
        H, N, D, P = self.hidden, self.layout.N, self.layout.D, self.layout.P

        def normal(kind: str, fan_in: int, *shape: int) -> np.ndarray:
            return rng.normal(size=shape) * (scales[kind] / np.sqrt(fan_in))

        params = start_inputs(self.space, self.inputs, self.d, H, scales, rng)
        params["b1"] = np.zeros(H)
        for m in range(2, self.layers + 1):
            params |= {f"W{m}": normal("hidden", H, H, H), f"b{m}": np.zeros(H)}
        params |= {"W_heads": normal("heads", H, H, N, D), "b_out": np.zeros((N, D))}
        if self.direct:
            params["W_direct"] = normal("direct", N, P, N, D)
        return {name: array.astype(dtype) for name, array in params.items()}

    def table(self) -> tuple[Array, Any]:
        """Return T (P, H) and the cache of its backward."""
        return input_table_forward(self.params, self.layout, self.space)

    def masks(self, batch: Batch) -> bool:
        """Tell which form a batch takes."""
        if self.form == "sliced":
            return False
        shared = bool(to_host((batch.ranks == batch.ranks[0]).all()))
        if self.form == "masked" and not shared:
            raise ValueError(
                "form 'masked' needs strings that share an order; use 'auto' or 'sliced'"
            )
        return shared

    def logits_forward(self, batch: Batch) -> tuple[Array, MADECache]:
        """Run all layers; see `Policy.logits_forward`."""
        p, xp = self.params, self.xp
        table, table_cache = self.table()
        ends = MaskedEnds(self, batch) if self.masks(batch) else SlicedEnds(self, batch)
        pre, first = ends.first_forward(table)
        y, hidden = xp.tanh(pre, out=pre), []
        degrees = to_device(self.degrees, xp)
        for m in range(2, self.layers + 1):
            mask = degrees[:, None] <= degrees
            pre, cache = masked_affine_forward(y, p[f"W{m}"], p[f"b{m}"], mask)
            hidden.append((y, cache))
            y = xp.tanh(pre, out=pre)
        logits, heads = ends.heads_forward(y)
        direct = None
        if self.direct:
            more, direct = ends.direct_forward()
            logits += more
        return logits, MADECache(ends, table_cache, first, hidden, y, heads, direct)

    def logits_backward(self, dlogits: Array, cache: MADECache) -> Params:
        """Walk `logits_forward` in reverse; see `Policy.logits_backward`."""
        ends, y, grads = cache.ends, cache.y, {}
        if self.direct:
            grads["W_direct"] = ends.direct_backward(dlogits, cache.direct)
        dy, grads["W_heads"], grads["b_out"] = ends.heads_backward(dlogits, cache.heads)
        for m, (below, hidden) in zip(
            range(self.layers, 1, -1), reversed(cache.hidden), strict=True
        ):
            dpre = tanh_backward(dy, y)
            dy, grads[f"W{m}"], grads[f"b{m}"] = masked_affine_backward(dpre, hidden)
            y = below
        dtable, grads["b1"] = ends.first_backward(tanh_backward(dy, y), cache.first)
        return {**grads, **input_table_backward(dtable, cache.table, self.space)}

    def sample_logits(
        self, orders: np.ndarray, noise: Array, temperature: float
    ) -> tuple[Array, Array]:
        """Decide all hyper-parameters in turn; see `Policy.sample_logits`."""
        table, _ = self.table()
        return sample_in_turn(
            self, lambda size: _Turns(self, table, size), orders, noise, temperature
        )


class _Turns:
    """Strings in the making: what is chosen, the units that are known, the logits so far."""

    def __init__(self, policy: MADE, table: Array, size: int) -> None:
        xp, p, layout = policy.xp, policy.params, policy.layout
        self.policy, self.table, self.t, self.strings = policy, table, 0, xp.arange(size)
        self.chosen = xp.zeros((size, layout.P), dtype=policy.dtype)
        self.units = [
            xp.zeros((size, policy.hidden), dtype=policy.dtype) for _ in range(1, policy.layers)
        ]
        self.W_heads = p["W_heads"].reshape(policy.hidden, -1)
        self.z = xp.zeros((size, layout.N, layout.D), dtype=policy.dtype) + p["b_out"]

    def logits(self, i: int | Array) -> Array:
        return self.z[:, i] if isinstance(i, int) else self.z[self.strings, i]

    def decide(self, i: int | Array, value: Array) -> None:
        """Let the units of the next degree see the new choice, and the logits those units."""
        policy, t = self.policy, self.t + 1
        p, pair = policy.params, policy.layout.first[i] + value
        self.chosen[self.strings, pair] = 1
        self.t = t
        if t == policy.layout.N:
            return
        known, new = slice(policy.ends[t]), slice(policy.ends[t - 1], policy.ends[t])
        if policy.direct:
            self.z += p["W_direct"].take(pair, axis=0)
        if new.start == new.stop:
            return
        y = policy.xp.tanh(self.chosen @ self.table[:, new] + p["b1"][new])
        for m, units in enumerate(self.units, start=2):
            units[:, new] = y
            y = policy.xp.tanh(units[:, known] @ p[f"W{m}"][known, new] + p[f"b{m}"][new])
        self.z += (y @ self.W_heads[new]).reshape(self.z.shape)
