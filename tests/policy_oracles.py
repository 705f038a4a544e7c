"""The ablations' policies as their papers write them: slow, one string and one number at a time.

Like `oracles`, which does the same for MAADE, with autograd's NumPy where it is installed. MADE is built
from masks as Germain et al. define them (a weight stays where the degrees allow it), one network a
string; NADE sums what is before, anew for each decision; the LSTM is the textbook's cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from oracles import anp

from maade_np.policies import LSTM, MADE, NADE, Independent, Policy
from maade_np.spaces import CategoricalSpace

Params = Mapping[str, Any]

POLICIES: dict[str, tuple[type, dict[str, Any]]] = {
    "independent": (Independent, {}),
    "nade": (NADE, {"hidden": 5}),
    "nade, embedded": (NADE, {"hidden": 5, "inputs": "embedded", "d": 3}),
    "made": (MADE, {"hidden": 7}),
    "made, direct": (MADE, {"hidden": 7, "direct": True}),
    "made, sliced": (MADE, {"hidden": 7, "direct": True, "form": "sliced"}),
    "made, embedded": (MADE, {"d": 3, "inputs": "embedded"}),
    "made, two layers": (MADE, {"hidden": 8, "layers": 2, "direct": True, "inputs": "embedded"}),
    "made, three layers": (MADE, {"hidden": 6, "layers": 3}),
    "lstm": (LSTM, {"hidden": 4, "d": 3}),
    "lstm, two layers": (LSTM, {"hidden": 4, "d": 3, "layers": 2}),
}
AUTOREGRESSIVE = [name for name in POLICIES if name != "independent"]


def make_policy(
    name: str, space: CategoricalSpace, rng: Any = 0, dtype: Any = np.float64, **changes: Any
) -> Policy:
    """A small policy far from uniform: every parameter is random, biases too."""
    make, settings = POLICIES[name]
    rng = np.random.default_rng(rng)
    policy = make(space, rng=rng, dtype=np.float64, **{**settings, **changes})
    for array in policy.params.values():
        array += 0.6 * rng.normal(size=array.shape)
    return policy.astype(dtype)


def log_prob(policy: Policy, params: Params, actions: Any, orders: Any) -> Any:
    """log P of each string of a batch."""
    rows = []
    for string, order in zip(actions, orders, strict=True):
        conditionals = CONDITIONALS[type(policy)](params, policy, string, order)
        rows.append(sum(c[int(a)] for c, a in zip(conditionals, string, strict=True)))
    return anp.stack(rows)


def log_softmax(logits: Any, cardinality: int) -> Any:
    """Of the values that exist."""
    logits = logits[:cardinality]
    top = max(float(getattr(z, "_value", z)) for z in logits)
    return logits - top - anp.log(anp.sum(anp.exp(logits - top)))


def sigmoid(x: Any) -> Any:
    """As it is printed everywhere."""
    return 1 / (1 + anp.exp(-x))


def first_pair(space: CategoricalSpace, j: int) -> int:
    """The number of hyper-parameter j's value 0 among all pairs."""
    return int(sum(space.cardinalities[:j]))


def added(params: Params, policy: Any, j: int, value: int) -> Any:
    """What value of hyper-parameter j adds to a hidden layer."""
    if policy.inputs == "one-hot":
        return params["W"][first_pair(policy.space, j) + value]
    return anp.dot(params[f"V.{policy.space.families[j]}"][value], params["W"][j])


def independent_conditionals(params: Params, policy: Any, actions: Any, order: Any) -> list[Any]:
    """Equation 15."""
    space = policy.space
    return [log_softmax(params["b_out"][i], space.cardinalities[i]) for i in range(space.size)]


def nade_conditionals(params: Params, policy: Any, actions: Any, order: Any) -> list[Any]:
    """Uria et al., equations 2 to 4, with a sum of its own for each decision."""
    found: dict[int, Any] = {}
    for t, i in enumerate(order):
        before = [added(params, policy, int(j), int(actions[j])) for j in order[:t]]
        h = sigmoid(sum(before, params["c"]))
        logits = anp.dot(h, params["W_out"][i]) + params["b_out"][i]
        found[int(i)] = log_softmax(logits, policy.space.cardinalities[i])
    return [found[i] for i in range(policy.space.size)]


def made_conditionals(params: Params, policy: Any, actions: Any, order: Any) -> list[Any]:
    """Germain et al., equations 8 to 12: degrees from 1, masks, one network."""
    space, N, H = policy.space, policy.space.size, policy.hidden
    degree = {int(i): t + 1 for t, i in enumerate(order)}
    hidden = [1 + int((k + 0.5) / H * (N - 1)) for k in range(H)]
    keep = np.array([[hidden[k] >= degree[j] for k in range(H)] for j in range(N)])
    between = np.array([[hidden[k] >= hidden[j] for k in range(H)] for j in range(H)])
    pre = params["b1"]
    for j in range(N):
        pre = pre + added(params, policy, j, int(actions[j])) * keep[j]
    h = anp.tanh(pre)
    for layer in range(2, policy.layers + 1):
        h = anp.tanh(anp.dot(h, params[f"W{layer}"] * between) + params[f"b{layer}"])
    found = []
    for i in range(N):
        below = np.array([degree[i] > m for m in hidden])
        logits = anp.dot(h * below, params["W_heads"][:, i]) + params["b_out"][i]
        for j in range(N):
            if policy.direct and degree[i] > degree[j]:
                logits = logits + params["W_direct"][first_pair(space, j) + int(actions[j]), i]
        found.append(log_softmax(logits, space.cardinalities[i]))
    return found


def lstm_step(z: Any, c: Any) -> tuple[Any, Any]:
    """Output and memory from the four quarters' inputs."""
    H = len(c)
    g, i, f, o = (z[k * H : (k + 1) * H] for k in range(4))
    c = sigmoid(f) * c + sigmoid(i) * anp.tanh(g)
    return sigmoid(o) * anp.tanh(c), c


def lstm_conditionals(params: Params, policy: Any, actions: Any, order: Any) -> list[Any]:
    """One decision a step; the input is the next hyper-parameter and the last value."""
    space, found, last = policy.space, {}, None
    h = [anp.zeros(policy.hidden) for _ in range(policy.layers)]
    c = list(h)
    for i in order:
        x = anp.dot(params["q"][i], params["lstm1.W_q"]) + params["lstm1.b"]
        if last is not None:
            value = params[f"V.{space.families[last]}"][int(actions[last])]
            x = x + anp.dot(value, params["lstm1.W_v"])
        for k in range(policy.layers):
            if k:
                x = anp.dot(h[k - 1], params[f"lstm{k + 1}.W_x"]) + params[f"lstm{k + 1}.b"]
            h[k], c[k] = lstm_step(x + anp.dot(h[k], params[f"lstm{k + 1}.W_h"]), c[k])
        logits = anp.dot(h[-1], params["W_out"][i]) + params["b_out"][i]
        found[int(i)] = log_softmax(logits, space.cardinalities[i])
        last = int(i)
    return [found[i] for i in range(space.size)]


CONDITIONALS = {
    Independent: independent_conditionals,
    NADE: nade_conditionals,
    MADE: made_conditionals,
    LSTM: lstm_conditionals,
}
