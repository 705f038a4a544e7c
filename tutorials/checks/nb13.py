"""Checks of notebook 13: policies in the place of MAADE."""

from __future__ import annotations

from itertools import product

import numpy as np

import maade_np as mn
from checks._common import exercise, expect, expect_close


@exercise
def check_floor(answer):
    """The total correlation of random joint distributions, of any number of values a decision."""
    expect(callable(answer), "The answer must be a function of one array, `answer(p)`.")
    rng = np.random.default_rng(0)
    product_of = np.einsum("i,j,k->ijk", *(rng.dirichlet(np.ones(n)) for n in (2, 3, 4)))
    value = float(answer(product_of))
    expect(abs(value) < 1e-9, "For a product of marginals nothing is left, but you return not 0.")
    xor = np.array([[0.5, 0.0], [0.0, 0.5]])
    value = float(answer(xor))
    expect(np.isfinite(value), "A string of probability 0 makes your sum infinite or NaN.")
    expect_close(
        value,
        np.log(2),
        "For two switches that are always equal the floor is one bit, log 2 in nats.",
        rtol=1e-9,
    )
    for shape in ((2, 3), (3, 2, 4), (2, 2, 2, 2, 2)):
        p = rng.dirichlet(np.full(int(np.prod(shape)), 0.3)).reshape(shape)
        p[(0,) * len(shape)] = 0
        p /= p.sum()
        marginals = [p.sum(axis=tuple(set(range(p.ndim)) - {i})) for i in range(p.ndim)]
        best = np.ones(shape)
        for i, marginal in enumerate(marginals):
            best = best * marginal.reshape([-1 if j == i else 1 for j in range(p.ndim)])
        right = (p[p > 0] * np.log(p[p > 0] / best[p > 0])).sum()
        expect_close(
            float(answer(p)),
            right,
            f"For a random distribution of shape {shape} it is not the divergence from the product "
            "of its marginals.",
            rtol=1e-9,
        )
    return (
        "the sum of the marginals' entropies less the joint entropy, which is the divergence from the "
        "product of the marginals: no independent policy gets below it, trained or not."
    )


@exercise
def check_masks(answer):
    """No leak, and no connection given away."""
    expect(callable(answer), "The answer must be a function, `answer(degrees, step)`.")
    rng = np.random.default_rng(1)
    for N, H in ((4, 12), (6, 5), (9, 40)):
        degrees = np.sort(rng.integers(1, N, size=H))
        step = rng.permutation(N)
        found = answer(degrees.copy(), step.copy())
        expect(len(found) == 2, "Return two arrays: decisions to units, and units to decisions.")
        first, last = (np.asarray(mask) for mask in found)
        expect(
            first.shape == (N, H) and last.shape == (H, N),
            f"The shapes are {first.shape} and {last.shape}; for {N} decisions and {H} units they "
            f"must be {(N, H)} and {(H, N)}.",
        )
        expect(
            first.dtype == bool and last.dtype == bool,
            "Masks say yes or no: return boolean arrays.",
        )
        paths = first.astype(int) @ last
        later = step[:, None] >= step
        expect(
            not (paths * np.eye(N, dtype=int)).any(),
            "There is still a path from a decision to itself: it can read its own value.",
        )
        expect(not paths[later].any(), "There is a path from a decision to an earlier one.")
        reads = first.sum(axis=0)
        expect(
            (reads == degrees).all(),
            "A unit of degree m must read the first m decisions, all of them: yours read "
            f"{reads.tolist()} where the degrees are {degrees.tolist()}.",
        )
        usable = np.array([(degrees <= t).sum() for t in step])
        expect(
            (last.sum(axis=0) == usable).all(),
            "No leak, but connections are given away: a decision at step t may use every unit that "
            "reads no more than the t decisions before it.",
        )
    return (
        "steps count from 0, so the first m decisions are those with step < m. With `<=` a unit read "
        "one decision too many, and a decision could copy its own value: a divergence below 0 is "
        "what no density can have."
    )


@exercise
def check_xor_by_hand(answer):
    """A NADE of two units whose weights the reader chose."""
    params = answer() if callable(answer) else answer
    three = mn.spaces.CategoricalSpace(["x1", "x2", "x3"], [2] * 3)
    policy = mn.policies.NADE(three, hidden=2, rng=0, dtype=np.float64)
    expect(isinstance(params, dict), "Return a dict of the four arrays.")
    expect(
        set(params) == set(policy.params),
        f"The parameters are {sorted(policy.params)}, yours are {sorted(params)}.",
    )
    arrays = {name: np.asarray(value, dtype=float) for name, value in params.items()}
    for name, array in arrays.items():
        expect(
            array.shape == policy.params[name].shape,
            f"{name} has shape {array.shape}; two units need {policy.params[name].shape}.",
        )
        expect(np.isfinite(array).all(), f"{name} is not finite; large numbers will do.")
    strings = np.array(list(product([0, 1], repeat=3)))
    orders = np.tile(np.arange(3), (8, 1))
    log_prob, _ = policy.with_params(arrays).forward(strings, orders)
    even = strings.sum(axis=1) % 2 == 0
    first_two = np.exp(policy.with_params(arrays).conditionals(strings, orders))[:, :2]
    expect(
        np.abs(first_two - 0.5).max() < 0.2,
        "The first two decisions must stay fair coins, whatever came before: their heads need no "
        "context.",
    )
    left = float(-np.log(4) - log_prob[even].mean())
    odd = float(-np.log(4) - log_prob[~even].mean())
    expect(odd >= left, "It makes an odd number likely: the third decision is the wrong way round.")
    expect(
        left < 0.05,
        f"{left:.3f} nats are left. Does each of the two units tell what it should, for all four "
        "values of the first two decisions? And are the weights large enough?",
    )
    return (
        f"{left:.4f} nats are left. XOR is 'at least one, and not both': two thresholds of the same "
        "sum, which one monotone function cannot replace."
    )


@exercise
def check_updates_needed(answer):
    """How many steps of size alpha a probability needs."""
    expect(callable(answer), "The answer must be a function, `answer(p, alpha, D)`.")

    def probability(n, alpha, D):
        """What n updates give."""
        up, down = np.exp(n * alpha), np.exp(-n * alpha)
        return up / (up + (D - 1) * down)

    for p, alpha, D in ((0.9, 0.01, 2), (0.9, 0.1, 2), (0.6, 0.01, 3), (0.99, 0.003, 5)):
        n = answer(p, alpha, D)
        expect(float(n) == int(n), "A number of updates is whole.")
        n = int(n)
        expect(
            probability(n, alpha, D) >= p,
            f"After {n} updates of {alpha} the wanted one of {D} values has a probability of only "
            f"{probability(n, alpha, D):.4f}, below {p}.",
        )
        expect(
            probability(n - 1, alpha, D) < p,
            f"After {n - 1} updates of {alpha} the wanted one of {D} values has {p} already. What do "
            "the other logits do meanwhile?",
        )
    return (
        f"{int(answer(0.9, 0.01, 2))} updates, that is {30 * int(answer(0.9, 0.01, 2)):,} queries in "
        "batches of 30, at the learning rate with which the ablation gave it 150."
    )
