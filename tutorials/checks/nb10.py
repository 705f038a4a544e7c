"""Checks of notebook 10: order ensembles."""

from __future__ import annotations

from itertools import permutations

import numpy as np

import maade_np as mn
from checks._common import exercise, expect, expect_close
from maade_np import objectives


@exercise
def check_contexts(contexts):
    """Count by frozensets, on random orders."""
    rng = np.random.default_rng(101)
    four = np.array(list(permutations(range(4))))
    cases = [four, np.arange(5)[None], np.array([[0, 1, 2, 3], [1, 0, 2, 3]])]
    cases += [
        np.array([rng.permutation(N) for _ in range(S)]) for S, N in ((3, 4), (20, 5), (7, 26))
    ]
    cases.append(np.repeat(cases[-1][:2], 3, axis=0))
    for orders in cases:
        right = len({(z[t], frozenset(z[:t])) for z in orders.tolist() for t in range(len(z))})
        mine = contexts(orders.copy())
        S, N = orders.shape
        expect(
            mine == right,
            f"For {S} orders of {N} your count is too {'large' if mine > right else 'small'}. "
            "What MAADE sees is a set: neither the sequence inside it nor how often it occurs counts.",
        )
    expect(contexts(four) == 4 * 2**3, "All orders of four do not give (10.7).")
    return (
        "S random orders of 26 have nearly S times 26 contexts, all but the few at the beginning and "
        "at the end, where orders meet."
    )


@exercise
def check_mixture(mixture_gradient):
    """Compare with the complex step of the mixture's loss."""
    rng = np.random.default_rng(102)
    for S, B, low in ((1, 3, 5.0), (3, 4, 10.0), (5, 6, 3000.0)):
        log_prob = -low * (1 + rng.random(B)) + rng.normal(0, 2, (S, B))
        advantage = rng.normal(size=B)

        def loss(x, advantage=advantage, S=S):
            top = x.real.max(axis=0)
            return -(advantage * (np.log(np.exp(x - top).sum(axis=0) / S) + top)).mean()

        numeric = np.empty((S, B))
        for index in np.ndindex(S, B):
            moved = log_prob.astype(complex)
            moved[index] += 1e-30j
            numeric[index] = loss(moved).imag / 1e-30
        with np.errstate(all="ignore"):
            mine = np.asarray(mixture_gradient(log_prob.copy(), advantage.copy()), float)
        expect(
            np.isfinite(mine).all(),
            f"With log-probabilities around {-1.5 * low:.0f} it is not finite: what is exp of that?",
        )
        if S == 1:
            _, plain = objectives.reinforce(log_prob[0], advantage)
            expect_close(mine, plain[None], "With one order it should be REINFORCE's gradient.")
        expect_close(
            mine, numeric, f"With {S} orders it is not the derivative of the mixture's loss."
        )
    return (
        "each string's weight is shared out among the orders by P(z|a), a softmax over orders, so a "
        "string that one order alone would have drawn trains that order."
    )


def _reference_step(policy, optimizer, mixed, B, reward, rng):
    orders = mixed[rng.integers(len(mixed), size=B)]
    actions, _ = policy.sample(B, orders, rng)
    rewards = reward(actions)
    log_prob, cache = policy.forward(actions, orders)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
    optimizer.step(policy.backward(dlog_prob, cache))
    return rewards.mean()


class _Spy:
    """A policy that remembers in which orders it drew and was evaluated."""

    def __init__(self, policy):
        self._policy, self.drawn, self.evaluated = policy, [], []

    def __getattr__(self, name):
        return getattr(self._policy, name)

    def sample(self, batch_size, orders, rng, temperature=1.0):
        actions, log_prob = self._policy.sample(batch_size, orders, rng, temperature)
        self.drawn.append((actions.copy(), np.broadcast_to(orders, actions.shape).copy()))
        return actions, log_prob

    def forward(self, actions, orders):
        self.evaluated.append((np.array(actions), np.array(orders)))
        return self._policy.forward(actions, orders)


@exercise
def check_step(ensemble_step):
    """Watch the calls, then compare the parameters after a step."""
    space = mn.spaces.CategoricalSpace([f"x{i}" for i in range(6)], [3, 2, 3, 2, 3, 2])
    worth = np.random.default_rng(103).normal(size=(6, 3))

    def reward(actions):
        return worth[np.arange(6), actions].sum(axis=1)

    for seed, S in enumerate((1, 3, 5)):
        means: list[list] = []
        mixed = np.array([np.random.default_rng([seed, s]).permutation(6) for s in range(S)])
        after = []
        for step in (ensemble_step, _reference_step):
            policy = mn.policies.MAADE(space, d=5, rng=seed, dtype=np.float64)
            optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-2)
            spy, rng = _Spy(policy), np.random.default_rng(seed)
            means.append([step(spy, optimizer, mixed, 16, reward, rng) for _ in range(3)])
            expect(optimizer.steps == 3, "One call should make one step of the optimizer.")
            for (drawn, orders), (seen, used) in zip(spy.drawn, spy.evaluated, strict=False):
                expect(np.array_equal(drawn, seen), "Strings were evaluated that were not drawn.")
                known = {tuple(z) for z in mixed.tolist()}
                expect(
                    all(tuple(z) in known for z in orders.tolist()),
                    "Strings were drawn in orders that are not in `mixed`.",
                )
                expect(
                    np.array_equal(orders, used),
                    "A string's log-probability is taken in another order than the one that it was "
                    "drawn in: compare what `sample` got with what `forward` gets.",
                )
            after.append(np.concatenate([p.ravel() for p in policy.params.values()]))
        expect(
            np.allclose(*after, rtol=1e-8, atol=1e-11),
            "The orders agree now, but the step is not the policy gradient of the batch. (Draw orders "
            "and strings from rng as the function above does.)",
        )
        expect(None not in means[0], "Return the mean reward of the batch.")
        expect_close(means[0], means[1], "What is returned is not the mean reward of the batch.")
    return (
        "an order and its inverse are both permutations, so nothing complains; with the natural order "
        "they are the same, so the test that everybody makes first cannot see it."
    )


@exercise
def check_trials(trials_needed):
    """Compare with (1.96 + 0.84)**2 times the variance of a difference."""
    for difference, deviation, correlation in (
        (0.04, 0.2, 0.0),
        (0.01, 0.21, 0.23),
        (0.05, 0.3, 0.5),
        (0.1, 0.3, 0.0),
        (0.04, 0.2, 0.9),
    ):
        right = 2 * (1 - correlation) * ((1.959964 + 0.841621) * deviation / difference) ** 2
        mine = float(trials_needed(difference, deviation, correlation))
        slack = max(1.0, 0.02 * right)
        hint = "few" if mine < right else "many"
        expect(
            abs(mine - right) <= slack,
            f"For a difference of {difference}, a deviation of {deviation} and a correlation of "
            f"{correlation} it says {mine:.0f}: that is too {hint}. Start from (10.8) and from the "
            "difference that is found in 80 % of cases.",
        )
    return (
        "four times as many trials halve the difference that can be found. For 0.01 points some "
        "5,000 trials a row would be needed, ten times as many as anybody has run."
    )
