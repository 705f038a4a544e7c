"""MAADE: masked attention autoregressive density estimation (the paper's section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from maade_np.backend import Array, scatter_add
from maade_np.layers import (
    affine_backward,
    affine_forward,
    factorised_block_backward,
    factorised_block_forward,
    fold_heads_backward,
    fold_heads_forward,
    heads_backward,
    heads_forward,
    key_table_backward,
    key_table_forward,
    textbook_block_backward,
    textbook_block_forward,
)
from maade_np.policies.base import Batch, Layout, Params, Policy
from maade_np.policies.maade_sampler import sample_factorised, sample_textbook
from maade_np.spaces import CategoricalSpace

INIT_SCALES = {"q": 1.0, "V": 1.0, "attention": 1.0, "ff": 1.0, "heads": 0.1}


class MAADECache(NamedTuple):
    """Caches of the stages, in the order in which they ran; those that did not run are None."""

    table: Any
    pairs: Array
    first: tuple[Any, Any] | None
    after: tuple[Any, Any] | None
    blocks: list[tuple[Any, Any]]
    fold: Any
    heads: Any


class MAADE(Policy):
    r"""An autoregressive density over strings, made of masked additive attention.

    For string b with values :math:`a_i`, decided in some order (equations 3 to 9, row vectors):

    .. math::
        q_i^{(0)} &= q_i, \qquad k_i^{(0)} = q_i + V_{a_i} \\
        q_i^{(m+1)} &= \mathrm{PosFF}(q_i^{(m)} + \mathrm{Attn}(q_i^{(m)},
            \{k_j^{(m)} : j \text{ before } i\})) \\
        k_i^{(m+1)} &= \mathrm{PosFF}(k_i^{(m)} + \mathrm{Attn}(k_i^{(m)},
            \{k_j^{(m)} : j \text{ before } i \text{ or } j = i\})) \\
        P(a_i \mid \text{before}) &= \mathrm{softmax}(q_i^{(M)} W_{out,i} + b_{out,i})_{a_i}

    Both streams share a block's weights. The last block has no key stream: nobody reads it.

    Parameters
    ----------
    space : CategoricalSpace
    d : int
        Width of queries, keys and values. The paper: 36 for 150 queries, 45 for 3,200.
    blocks : int
        M, the number of blocks. The paper: 1 in all experiments.
    ff_width, attention_width : int, optional
        f and a; d where they are not given.
    value_embedding : {"family", "shared"}
        One matrix of value vectors a family of hyper-parameters, or the paper's single one.
    attention : {"additive", "dot"}
    rng : numpy.random.Generator or int, optional
        The source of the start.
    dtype : dtype
        float32 for searching, float64 for checking.
    form : {"auto", "factorised", "textbook"}
        How the first block is computed; both forms are one function (see `maade_np.layers.block`).
        "auto" asks `factorised_pays`.
    init_scales : mapping, optional
        Standard deviations at the start. "q", "V": of each entry. "attention" (W_q, W_k, w_a), "ff"
        (W1, W2) and "heads" (W_out): of each entry times the square root of the number of inputs.
        Biases start at 0. The default, `INIT_SCALES`, makes a nearly uniform policy.

    Attributes
    ----------
    params : dict of arrays
        "q" (N, d); "V.<family>" (D_f, d); for m = 1 ... M "block<m>.W_q", "block<m>.W_k" (d, a),
        "block<m>.b_a", "block<m>.w_a" (a,) (w_a with additive attention only), "block<m>.W1" (d, f),
        "block<m>.b1" (f,), "block<m>.W2" (f, d), "block<m>.b2" (d,); "W_out" (N, d, D), "b_out" (N, D).

    Examples
    --------
    >>> import numpy as np, maade_np as mn
    >>> space = mn.spaces.CategoricalSpace(["width", "depth", "pool"], [3, 2, 2])
    >>> policy = mn.policies.MAADE(space, d=8, rng=0)
    >>> orders = np.tile([2, 0, 1], (5, 1))
    >>> actions, log_prob = policy.sample(5, orders, np.random.default_rng(1))
    >>> again, cache = policy.forward(actions, orders)
    >>> bool(np.allclose(log_prob, again))
    True
    >>> grads = policy.backward(np.ones(5, dtype=np.float32), cache)
    >>> sorted(grads) == sorted(policy.params)
    True
    """

    def __init__(
        self,
        space: CategoricalSpace,
        d: int = 36,
        blocks: int = 1,
        ff_width: int | None = None,
        attention_width: int | None = None,
        value_embedding: str = "family",
        attention: str = "additive",
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float32,
        form: str = "auto",
        init_scales: Mapping[str, float] | None = None,
    ) -> None:
        _check_choice("value_embedding", value_embedding, ("family", "shared"))
        _check_choice("attention", attention, ("additive", "dot"))
        _check_choice("form", form, ("auto", "factorised", "textbook"))
        self.d, self.blocks = d, blocks
        self.ff_width = d if ff_width is None else ff_width
        self.attention_width = d if attention_width is None else attention_width
        for name in ("d", "blocks", "ff_width", "attention_width"):
            if int(getattr(self, name)) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        self.space, self.attention, self.form = space, attention, form
        self.value_embedding = value_embedding
        scales = {**INIT_SCALES, **(init_scales or {})}
        if set(scales) != set(INIT_SCALES):
            raise ValueError(
                f"init_scales has {sorted(scales)}; it may name only {sorted(INIT_SCALES)}"
            )
        self.params = self._start(scales, np.random.default_rng(rng), dtype)
        self.layout = Layout(space, np)

    def _start(self, scales: dict[str, float], rng: np.random.Generator, dtype: Any) -> Params:
        N, D, d = self.space.size, int(self.space.cardinalities.max()), self.d
        f, a = self.ff_width, self.attention_width

        def normal(kind: str, *shape: int) -> np.ndarray:
            fan_in = 1 if kind in ("q", "V") else shape[-2] if len(shape) > 1 else shape[0]
            return rng.normal(size=shape) * (scales[kind] / np.sqrt(fan_in))

        params = {"q": normal("q", N, d)}
        if self.value_embedding == "shared":
            params["V.shared"] = normal("V", D, d)
        else:
            for family, size in self.space.family_sizes.items():
                params[f"V.{family}"] = normal("V", size, d)
        for m in range(1, self.blocks + 1):
            block = {"W_q": normal("attention", d, a), "W_k": normal("attention", d, a)}
            block["b_a"] = np.zeros(a)
            if self.attention == "additive":
                block["w_a"] = normal("attention", a)
            block |= {"W1": normal("ff", d, f), "b1": np.zeros(f)}
            block |= {"W2": normal("ff", f, d), "b2": np.zeros(d)}
            params |= {f"block{m}.{name}": array for name, array in block.items()}
        params |= {"W_out": normal("heads", N, d, D), "b_out": np.zeros((N, D))}
        return {name: array.astype(dtype) for name, array in params.items()}

    def block(self, m: int) -> Params:
        """Return the weights of block m (from 1) by their names inside the block."""
        prefix = f"block{m}."
        return {k[len(prefix) :]: v for k, v in self.params.items() if k.startswith(prefix)}

    def values(self) -> Array:
        """Return the value vectors of all families, one below the other (R, d)."""
        if self.value_embedding == "shared":
            return self.params["V.shared"]
        return self.xp.concatenate([self.params[f"V.{name}"] for name in self.space.family_sizes])

    def rows(self) -> Array:
        """Return for each pair the row of `values` that holds its vector (P,)."""
        layout = self.layout
        if self.value_embedding == "shared":
            return self.xp.arange(layout.P) - layout.first[layout.hyper]
        return layout.row

    def key_table(self) -> tuple[Array, Any]:
        """Return the initial keys of all pairs (P, d) and the cache of their backward."""
        return key_table_forward(self.params["q"], self.values(), self.layout.hyper, self.rows())

    def factorises(self, batch_size: int) -> bool:
        """Tell which form the first block takes for a batch of this size."""
        if self.form != "auto":
            return self.form == "factorised"
        return factorised_pays(
            batch_size, self.layout.N, self.layout.P, self.attention_width, self.d, self.blocks
        )

    def logits_forward(self, batch: Batch) -> tuple[Array, MAADECache]:
        """Run all blocks and the heads; see `Policy.logits_forward`."""
        p, M = self.params, self.blocks
        table, table_cache = self.key_table()
        pairs = self.layout.first + batch.actions
        x, keys = p["q"], table
        W, b = p["W_out"], p["b_out"]
        first = after = fold = None
        if factorised := self.factorises(len(batch.actions)):
            x, keys, first = self._first_block_forward(batch, pairs, table)
            W2, b2 = p["block1.W2"], p["block1.b2"]
            if M == 1:
                (W, b), fold = fold_heads_forward(W2, b2, W, b)
            else:
                (x, after_x), (keys, after_key) = (affine_forward(y, W2, b2) for y in (x, keys))
                after = after_x, after_key
        else:
            keys = table[pairs]
        earlier, later = batch.ranks[:, None, :], batch.ranks[:, :, None]
        blocks = []
        for m in range(2 if factorised else 1, M + 1):
            weights, key = self.block(m), None
            x, query = textbook_block_forward(x, keys, earlier < later, weights)
            if m < M:
                until = earlier <= later
                keys, key = textbook_block_forward(keys, keys, until, weights)
            blocks.append((query, key))
        logits, heads = heads_forward(x, W, b)
        return logits, MAADECache(table_cache, pairs, first, after, blocks, fold, heads)

    def logits_backward(self, dlogits: Array, cache: MAADECache) -> Params:
        """Walk `logits_forward` in reverse; see `Policy.logits_backward`."""
        grads: Params = {}
        dx, dW, db = heads_backward(dlogits, cache.heads)
        dkeys: Array = None
        for m, (query, key) in zip(range(self.blocks, 0, -1), reversed(cache.blocks), strict=False):
            dx, dkeys_query, dweights = textbook_block_backward(dx, query)
            _accumulate(grads, f"block{m}.", dweights)
            dkeys = self._key_stream_backward(grads, m, dkeys, key, dkeys_query)
        if cache.after is not None:
            after_x, after_key = cache.after
            dx, dW2, db2 = affine_backward(dx, after_x)
            _accumulate(grads, "block1.", {"W2": dW2, "b2": db2})
            dkeys, dW2, db2 = affine_backward(dkeys, after_key)
            _accumulate(grads, "block1.", {"W2": dW2, "b2": db2})
        if cache.fold is not None:
            dW2, db2, dW, db = fold_heads_backward(dW, db, cache.fold)
            _accumulate(grads, "block1.", {"W2": dW2, "b2": db2})
        if cache.first is not None:
            query, key = cache.first
            dx, dtable_query, dweights = factorised_block_backward(dx, query)
            _accumulate(grads, "block1.", dweights)
            dtable = self._key_stream_backward(grads, 1, dkeys, key, dtable_query)
        else:
            rows = dkeys.reshape(-1, self.d)
            dtable = scatter_add(cache.pairs.reshape(-1), rows, self.layout.P)
        dq, dV = key_table_backward(dtable, cache.table)
        grads |= {"q": dq + dx, "W_out": dW, "b_out": db}
        return self._split_values(grads, dV)

    def _first_block_forward(
        self, batch: Batch, pairs: Array, table: Array
    ) -> tuple[Array, Array, tuple[Any, Any]]:
        """Run the factorised first block, and its key stream where a second block reads it."""
        xp, layout, ranks, weights = self.xp, self.layout, batch.ranks, self.block(1)
        decided = xp.full((len(ranks), layout.P), layout.N, dtype=ranks.dtype)
        decided[xp.arange(len(ranks))[:, None], pairs] = ranks
        before = decided[:, None, :] < ranks[:, :, None]
        y, query = factorised_block_forward(self.params["q"], table, before, weights)
        if self.blocks == 1:
            return y, table, (query, None)
        until = decided[:, None, :] <= ranks[:, :, None]
        own = (pairs[:, :, None] == xp.arange(layout.P)).astype(self.dtype)
        y_key, key = factorised_block_forward(table, table, until, weights, own)
        return y, y_key, (query, key)

    @staticmethod
    def _key_stream_backward(
        grads: Params, m: int, dout: Array | None, cache: Any, dkeys: Array
    ) -> Array:
        """Add to the query stream's dkeys what comes through block m's key stream, if it ran."""
        if cache is None:
            return dkeys
        backward = textbook_block_backward if hasattr(cache, "ff") else factorised_block_backward
        dx, dkeys_key, dweights = backward(dout, cache)
        _accumulate(grads, f"block{m}.", dweights)
        return dkeys + dx + dkeys_key

    def sample_logits(
        self, orders: np.ndarray, noise: Array, temperature: float
    ) -> tuple[Array, Array]:
        """Decide all hyper-parameters in turn; see `Policy.sample_logits`."""
        if self.blocks == 1 and self.factorises(len(orders)):
            return sample_factorised(self, orders, noise, temperature)
        return sample_textbook(self, orders, noise, temperature)

    def _split_values(self, grads: Params, dV: Array) -> Params:
        if self.value_embedding == "shared":
            return {**grads, "V.shared": dV}
        for family, size in self.space.family_sizes.items():
            start = self.layout.family_rows[family]
            grads[f"V.{family}"] = dV[start : start + size]
        return grads


def factorised_pays(B: int, N: int, P: int, a: int, d: int, blocks: int) -> bool:
    """Tell whether the factorised first block is the cheaper one.

    Counts nanoseconds of an update on one core: of a tanh (with its backward), of an entry of the
    (B, N, P) weights and of a multiply-add. ``benchmarks/speed.py`` times both forms along B, N, d, M
    and D beside this rule's choice.
    """
    tanh, entry, multiply_add = 6.0, 4.0, 0.03
    tables = N + P if blocks > 1 else N
    streams = 2 if blocks > 1 else 1
    textbook = streams * B * N * N * (a * tanh + entry + 3 * d * multiply_add)
    factorised = tables * P * a * tanh + streams * B * N * P * (entry + 3 * d * multiply_add)
    return factorised < textbook


def _accumulate(grads: Params, prefix: str, more: Params) -> None:
    """Add gradients under their full names: both streams and both uses share a block's weights."""
    for name, array in more.items():
        key = prefix + name
        grads[key] = grads[key] + array if key in grads else array


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}")
