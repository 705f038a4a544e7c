"""Slow, obvious versions of what the package does fast, written from the equations.

One string at a time and one hyper-parameter at a time, with Python loops and no masks: what may not
be seen is simply left out of the list. The functions use autograd's NumPy where it is installed, so
that the same code gives independent gradients too; without it they are plain NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import permutations, product
from typing import Any

import numpy as np

from maade_np.policies import MAADE
from maade_np.spaces import CategoricalSpace

try:
    import autograd.numpy as anp
except ImportError:
    anp = np

Params = Mapping[str, Any]


def softmax(scores: Sequence[Any]) -> list[Any]:
    """The weights of a list of scores; an empty list has none."""
    top = max((float(getattr(s, "_value", s)) for s in scores), default=0.0)
    powers = [anp.exp(s - top) for s in scores]
    return [power / sum(powers) for power in powers]


def masked_softmax(scores: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Row by row, over the visible entries; `scores` of `visible`'s shape."""
    weights = np.zeros(visible.shape)
    for row in np.ndindex(*visible.shape[:-1]):
        seen = np.flatnonzero(visible[row])
        for j, weight in zip(seen, softmax([scores[row][j] for j in seen]), strict=True):
            weights[(*row, j)] = weight
    return weights


def score(x: Any, key: Any, weights: Params) -> Any:
    """One query, one key: equation 6 where there is a w_a, else a scaled dot product."""
    query, projected = anp.dot(x, weights["W_q"]), anp.dot(key, weights["W_k"])
    if "w_a" in weights:
        return anp.dot(anp.tanh(query + projected + weights["b_a"]), weights["w_a"])
    return anp.dot(query + weights["b_a"], projected) / math.sqrt(len(weights["b_a"]))


def attend(x: Any, keys: Sequence[Any], weights: Params) -> Any:
    """The weighted sum of what is visible; the zero vector where nothing is."""
    alpha = softmax([score(x, key, weights) for key in keys])
    return sum((a * key for a, key in zip(alpha, keys, strict=True)), anp.zeros(len(x)))


def pos_ff(x: Any, weights: Params) -> Any:
    """Equation 8 with tanh."""
    inner = anp.tanh(anp.dot(x, weights["W1"]) + weights["b1"])
    return anp.dot(inner, weights["W2"]) + weights["b2"]


def block_weights(params: Params, m: int) -> dict[str, Any]:
    """The weights of block m by their short names."""
    return {k.split(".")[1]: v for k, v in params.items() if k.startswith(f"block{m}.")}


def maade_conditionals(
    params: Params, space: CategoricalSpace, blocks: int, actions: Any, order: Any
) -> list[Any]:
    """For each hyper-parameter of one string the log-probabilities of all its values."""
    N = space.size
    step = {int(i): t for t, i in enumerate(order)}
    query = [params["q"][i] for i in range(N)]
    key = []
    for i in range(N):
        matrix = params.get(f"V.{space.families[i]}", params.get("V.shared"))
        key.append(query[i] + matrix[int(actions[i])])
    for m in range(1, blocks + 1):
        w = block_weights(params, m)
        before = [[key[j] for j in range(N) if step[j] < step[i]] for i in range(N)]
        until = [[key[j] for j in range(N) if step[j] <= step[i]] for i in range(N)]
        query = [pos_ff(query[i] + attend(query[i], before[i], w), w) for i in range(N)]
        key = [pos_ff(key[i] + attend(key[i], until[i], w), w) for i in range(N)]
    found = []
    for i in range(N):
        logits = anp.dot(query[i], params["W_out"][i]) + params["b_out"][i]
        logits = logits[: space.cardinalities[i]]
        top = max(float(getattr(z, "_value", z)) for z in logits)
        found.append(logits - top - anp.log(anp.sum(anp.exp(logits - top))))
    return found


def maade_log_prob(
    params: Params, space: CategoricalSpace, blocks: int, actions: Any, orders: Any
) -> Any:
    """log P of each string of a batch, equations 2 to 9."""
    rows = []
    for string, order in zip(actions, orders, strict=True):
        conditionals = maade_conditionals(params, space, blocks, string, order)
        rows.append(sum(c[int(a)] for c, a in zip(conditionals, string, strict=True)))
    return anp.stack(rows)


def all_strings(space: CategoricalSpace) -> np.ndarray:
    """Every string of a space, valid or not."""
    return np.array(list(product(*(range(c) for c in space.cardinalities))))


def all_orders(N: int) -> np.ndarray:
    """Every permutation of 0 ... N-1."""
    return np.array(list(permutations(range(N))))


def tile(order: Any, B: int) -> np.ndarray:
    """One order for each of B strings."""
    return np.tile(np.asarray(order), (B, 1))


def random_orders(B: int, N: int, rng: np.random.Generator) -> np.ndarray:
    """An order of its own for each string."""
    return rng.permuted(tile(np.arange(N), B), axis=1)


def random_actions(space: CategoricalSpace, B: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform strings, valid or not."""
    return rng.integers(0, space.cardinalities, size=(B, space.size))


def make_policy(space: CategoricalSpace, rng: Any = 0, **settings: Any) -> MAADE:
    """A small policy in float64, far from uniform: every parameter is random, biases too."""
    rng = np.random.default_rng(rng)
    sizes = {"d": 4, "ff_width": 5, "attention_width": 3, "dtype": np.float64}
    policy = MAADE(space, rng=rng, **{**sizes, "init_scales": {"heads": 1.0}, **settings})
    for name, array in policy.params.items():
        if name.rsplit(".")[-1].startswith("b"):
            array[...] = 0.3 * rng.normal(size=array.shape)
    return policy


def flat(grads: Mapping[str, np.ndarray]) -> np.ndarray:
    """All gradients in one vector, by name."""
    return np.concatenate([np.ravel(grads[name]) for name in sorted(grads)])


def weighted_score(
    policy: MAADE, actions: np.ndarray, orders: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """``sum_b weights_b grad log P(a_b)`` as one vector, from the policy's own backward."""
    _, cache = policy.forward(actions, orders)
    return flat(policy.backward(weights, cache))


def complex_gradient(
    value: Callable[[MAADE], Any], policy: MAADE, step: float = 1e-30
) -> np.ndarray:
    """The exact gradient of a scalar of the policy by the complex step, one parameter at a time."""
    found = {}
    for name, array in policy.params.items():
        gradient = np.empty(array.shape)
        for index in np.ndindex(*array.shape):
            shifted = {k: v.astype(complex) for k, v in policy.params.items()}
            shifted[name][index] += 1j * step
            gradient[index] = np.imag(value(policy.with_params(shifted))) / step
        found[name] = gradient
    return flat(found)


def chi_square_p(counts: np.ndarray, expected: np.ndarray) -> float:
    """p-value of counts against expected counts, by Wilson and Hilferty's approximation.

    Rare outcomes are joined until at least 5 are expected of them, so the approximation holds.
    """
    by_size = np.argsort(expected)
    counts, expected = counts[by_size], expected[by_size]
    rare = int(np.searchsorted(np.cumsum(expected), 5.0)) + 1
    rare = max(rare, int((expected < 5).sum()))
    counts = np.append(counts[rare:], counts[:rare].sum())
    expected = np.append(expected[rare:], expected[:rare].sum())
    k = len(counts) - 1
    statistic = float(((counts - expected) ** 2 / expected).sum())
    z = ((statistic / k) ** (1 / 3) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k))
    return 0.5 * math.erfc(z / math.sqrt(2))


@contextmanager
def unchanged(*trees: Any) -> Iterator[None]:
    """Assert that no array in these nested containers is written to inside."""
    before = [(array, array.copy()) for tree in trees for array in _arrays(tree)]
    yield
    for array, copy in before:
        np.testing.assert_array_equal(array, copy)


def _arrays(tree: Any) -> Iterator[np.ndarray]:
    if isinstance(tree, np.ndarray):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _arrays(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _arrays(value)
