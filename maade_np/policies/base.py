"""What every policy shares: the batch, the heads' log-probabilities, and the five calls.

A policy is a density over the strings of a space, factorised by an order. What differs between
policies is one function and its backward, from a batch to the logits of all decisions; everything
around it lives here, once.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import numpy as np

from maade_np.backend import Array, array_module, row_sum, to_device, to_host
from maade_np.layers import log_softmax_backward, log_softmax_forward
from maade_np.layers.log_softmax import LogSoftmaxCache
from maade_np.spaces import CategoricalSpace

Params = dict[str, Array]


class Batch(NamedTuple):
    """A batch of strings as the layers need it, on the policy's device.

    Attributes
    ----------
    actions : (B, N)
        The value of each hyper-parameter.
    orders : (B, N)
        ``orders[b, t]`` is decided at step t.
    ranks : (B, N)
        The inverse: hyper-parameter i of string b is decided at step ``ranks[b, i]``.
    """

    actions: Array
    orders: Array
    ranks: Array


class PolicyCache(NamedTuple):
    """What `Policy.backward` needs; `log_probs` (B, N, D) also serves entropies."""

    batch: Batch
    log_probs: Array
    softmax: LogSoftmaxCache
    chosen: Array
    inner: Any


class Layout:
    """The pairs (hyper-parameter, value) of a space, flattened into P rows, on one device."""

    def __init__(self, space: CategoricalSpace, xp: Any) -> None:
        card = np.asarray(space.cardinalities)
        rows, sizes = {}, 0
        for family, size in space.family_sizes.items():
            rows[family], sizes = sizes, sizes + size
        hyper = np.repeat(np.arange(space.size), card)
        first = np.cumsum(card) - card
        value = np.arange(card.sum()) - first[hyper]
        self.N, self.P, self.D = space.size, int(card.sum()), int(card.max())
        self.family_rows = rows
        self.hyper = to_device(hyper, xp)
        self.row = to_device(np.array([rows[space.families[j]] for j in hyper]) + value, xp)
        self.starts, self.cardinalities = first.tolist(), card.tolist()
        self.first = to_device(first, xp)
        self.member = to_device(hyper == np.arange(space.size)[:, None], xp)
        self.exists = to_device(np.arange(self.D) < card[:, None], xp)
        self.values = to_device(np.arange(self.D), xp)


class Policy:
    """A density over strings: forward, backward, sample, conditionals.

    Subclasses set `params` and implement `logits_forward`, `logits_backward` and `sample_logits`.

    Attributes
    ----------
    space : CategoricalSpace
    params : dict of arrays
        Updated in place by the optimizers. All of one dtype and on one device.
    """

    space: CategoricalSpace
    params: Params
    layout: Layout

    def logits_forward(self, batch: Batch) -> tuple[Array, Any]:
        """Map a batch to the logits (B, N, D) of all decisions, given what was decided before."""
        raise NotImplementedError(f"{type(self).__name__} has no logits_forward")

    def logits_backward(self, dlogits: Array, cache: Any) -> Params:
        """Backward of `logits_forward`: the gradient of every parameter."""
        raise NotImplementedError(f"{type(self).__name__} has no logits_backward")

    def sample_logits(
        self, orders: np.ndarray, noise: Array, temperature: float
    ) -> tuple[Array, Array]:
        """Decide all hyper-parameters in turn; return the actions (B, N) and logits (B, N, D).

        A value is drawn as ``argmax(logits / temperature + noise)`` with Gumbel noise (B, N, D),
        which has exactly the softmax's distribution.
        """
        raise NotImplementedError(f"{type(self).__name__} has no sample_logits")

    @property
    def xp(self) -> Any:
        """The array module of the parameters."""
        return array_module(next(iter(self.params.values())))

    @property
    def dtype(self) -> np.dtype:
        """The type of the parameters."""
        return next(iter(self.params.values())).dtype

    @property
    def num_parameters(self) -> int:
        """The number of scalar parameters."""
        return sum(int(array.size) for array in self.params.values())

    def with_params(self, params: Params) -> Self:
        """Return the same policy with other parameters (another dtype, another device, a step)."""
        missing = set(self.params) ^ set(params)
        if missing:
            raise ValueError(
                f"parameters {sorted(missing)} are missing or unknown; "
                f"{type(self).__name__} has {sorted(self.params)}"
            )
        other = copy.copy(self)
        other.params = dict(params)
        other.layout = Layout(self.space, other.xp)
        return other

    def to(self, xp: Any) -> Self:
        """Return the policy on the device of the array module `xp`."""
        return self.with_params({k: to_device(to_host(v), xp) for k, v in self.params.items()})

    def astype(self, dtype: Any) -> Self:
        """Return the policy with all parameters converted to `dtype`."""
        return self.with_params({k: v.astype(dtype) for k, v in self.params.items()})

    def forward(self, actions: np.ndarray, orders: np.ndarray) -> tuple[Array, PolicyCache]:
        """Compute ``log P(a | order)`` of each string (equations 2 and 9).

        Parameters
        ----------
        actions : integer array (B, N)
            The values, indexed by hyper-parameter.
        orders : integer array (B, N)
            Each row a permutation of 0 ... N-1: ``orders[b, t]`` is decided at step t.

        Returns
        -------
        log_prob : array (B,)
        cache : PolicyCache
            For `backward`.

        Raises
        ------
        ValueError, TypeError
            An action is out of range, an order is no permutation, shapes or types do not fit.
        """
        batch = self._batch(actions, orders)
        logits, inner = self.logits_forward(batch)
        return self._log_prob(batch, logits, inner)

    def _log_prob(self, batch: Batch, logits: Array, inner: Any) -> tuple[Array, PolicyCache]:
        log_probs, softmax = log_softmax_forward(logits, self.layout.exists)
        chosen = batch.actions[:, :, None] == self.layout.values
        log_prob = row_sum((log_probs * chosen).reshape(len(logits), -1))[:, 0]
        return log_prob, PolicyCache(batch, log_probs, softmax, chosen, inner)

    def backward(
        self, dlog_prob: Array, cache: PolicyCache, dconditionals: Array | None = None
    ) -> Params:
        """Backward of `forward`.

        Parameters
        ----------
        dlog_prob : array (B,)
            With respect to the strings' log-probabilities.
        cache : PolicyCache
        dconditionals : array (B, N, D), optional
            With respect to the log-probability of every value of every decision, for objectives that
            depend on whole conditionals (entropy). Entries of values that do not exist are ignored.

        Returns
        -------
        grads : dict
            Keyed, ordered and shaped like `params`.
        """
        if dlog_prob.shape != (len(cache.chosen),):
            raise ValueError(
                f"dlog_prob has shape {dlog_prob.shape}, but the batch has {len(cache.chosen)} strings"
            )
        dlog_probs = dlog_prob[:, None, None] * cache.chosen
        if dconditionals is not None:
            if dconditionals.shape != cache.chosen.shape:
                raise ValueError(
                    f"dconditionals has shape {dconditionals.shape}; expected {cache.chosen.shape}"
                )
            dlog_probs = dlog_probs + dconditionals
        grads = self.logits_backward(log_softmax_backward(dlog_probs, cache.softmax), cache.inner)
        return {name: grads[name] for name in self.params}

    def conditionals(self, actions: np.ndarray, orders: np.ndarray) -> Array:
        """Compute the log-probability of every value of every decision, given what precedes it.

        Returns
        -------
        log_probs : array (B, N, D)
            ``-inf`` where a hyper-parameter has no such value.
        """
        _, cache = self.forward(actions, orders)
        return self.xp.where(self.layout.exists, cache.log_probs, -np.inf)

    def sample(
        self,
        batch_size: int,
        orders: np.ndarray,
        rng: np.random.Generator,
        temperature: float = 1.0,
    ) -> tuple[np.ndarray, Array]:
        """Draw strings, each decided in its own order.

        Parameters
        ----------
        batch_size : int
            B, at least 1.
        orders : integer array (B, N), or (N,) for one order that all strings share
        rng : numpy.random.Generator
            All noise is drawn from it on the host: one seed, one result, on every device.
        temperature : float
            Above 1 flattens every conditional, below 1 sharpens it.

        Returns
        -------
        actions : integer array (B, N), on the host
            Valid or not: the policy does not know which strings a space admits.
        log_prob : array (B,)
            At temperature 1, whatever the temperature of sampling was.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; at least 1 string must be drawn")
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}; it must be above 0")
        N, orders = self.space.size, np.asarray(orders)
        if orders.shape not in ((N,), (batch_size, N)):
            raise ValueError(
                f"orders has shape {orders.shape}; expected {(N,)} or {(batch_size, N)}"
            )
        orders = np.broadcast_to(orders, (batch_size, N))
        ranks = check_orders(orders, N)
        shape = (batch_size, self.layout.N, self.layout.D)
        noise = to_device(-np.log(rng.standard_exponential(shape)), self.xp, dtype=self.dtype)
        actions, logits = self.sample_logits(orders, noise, temperature)
        batch = Batch(actions, orders, ranks)
        log_prob, _ = self._log_prob(batch, logits, None)
        return to_host(actions), log_prob

    def _batch(self, actions: np.ndarray, orders: np.ndarray) -> Batch:
        actions = self.space.check(actions)
        if not len(actions):
            raise ValueError("actions holds no string; at least 1 is needed")
        orders = np.asarray(orders)
        if orders.shape != actions.shape:
            raise ValueError(
                f"orders has shape {orders.shape}, but actions {actions.shape}: one order a string"
            )
        ranks = check_orders(orders, self.space.size)
        xp = self.xp
        return Batch(*(to_device(array, xp) for array in (actions, orders, ranks)))


def check_orders(orders: np.ndarray, N: int) -> np.ndarray:
    """Check that each row is a permutation of 0 ... N-1 and return the inverse permutations.

    Returns
    -------
    ranks : array (B, N) of int16
    """
    orders = np.asarray(orders)
    if orders.ndim != 2 or orders.shape[1] != N or orders.dtype.kind not in "iu":
        raise ValueError(
            f"orders must be integers of shape (B, {N}), not {orders.dtype} of shape {orders.shape}"
        )
    ranks = np.full(orders.shape, -1, dtype=np.int16)
    if orders.size and (orders.min() < 0 or orders.max() >= N):
        bad = int(np.argmax(((orders < 0) | (orders >= N)).any(axis=1)))
    else:
        np.put_along_axis(ranks, orders, np.arange(N, dtype=np.int16)[None], axis=1)
        if ranks.min(initial=0) == 0:
            return ranks
        bad = int(np.argmax((ranks < 0).any(axis=1)))
    raise ValueError(
        f"row {bad} of orders, {orders[bad].tolist()}, is no permutation of 0 ... {N - 1}; "
        "orders[b, t] is the hyper-parameter that string b decides at step t"
    )
