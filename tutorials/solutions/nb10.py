"""Solutions of notebook 10: order ensembles."""

from __future__ import annotations

import numpy as np

from maade_np import objectives


def contexts(orders):
    """10.1: distinct pairs of a hyper-parameter and the set before it.

    A frozenset forgets the sequence, a Python set forgets repetitions.
    """
    found = {(z[t], frozenset(z[:t])) for z in orders.tolist() for t in range(len(z))}
    return len(found)


def mixture(log_prob, advantage):
    """10.2: -A P(z|a) / B, with P(z|a) a softmax over the orders.

    d log(mean of exp(l_s)) / d l_s = exp(l_s) / sum of exp(l_s): the 1/S cancels. Taking off the
    largest l first changes nothing and keeps exp in range.
    """
    weights = np.exp(log_prob - log_prob.max(axis=0))
    posterior = weights / weights.sum(axis=0)
    return -advantage * posterior / log_prob.shape[1]


def step(policy, optimizer, mixed, B, reward, rng):
    """10.3: forward wants orders[b, t], as sample does; argsort made the inverse of it, ranks[b, i].

    A string drawn in order z was trained in order z^-1, whose conditionals had nothing to do with
    how the string came about. The ratio P(a|z^-1) / P(a|z) would have given it away: with the same
    weights it has to be 1.
    """
    orders = mixed[rng.integers(len(mixed), size=B)]
    actions, _ = policy.sample(B, orders, rng)
    rewards = reward(actions)
    log_prob, cache = policy.forward(actions, orders)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
    optimizer.step(policy.backward(dlog_prob, cache))
    return rewards.mean()


def trials(difference, deviation, correlation):
    """10.4: solve difference = (1.96 + 0.84) se for n, with se from (10.8).

    1.96 is where a two-sided test at 5 % begins to say "different"; 0.84 more, and four in five
    estimates land beyond it.
    """
    return 2 * (1 - correlation) * ((1.96 + 0.84) * deviation / difference) ** 2
