"""Solutions of notebook 6: masks, orders, and a test of causality."""

from __future__ import annotations

from itertools import product

import numpy as np


def mask(orders):
    """6.1: visible[b, i, j] = rank of j < rank of i, equation 6.4.

    `orders[b, t]` is who is decided at step t; a mask is indexed by hyper-parameter, so the question
    "at which step is i decided" must be answered first. That is the inverse permutation, and argsort
    gives it: the entry that sorts to place i is the step at which i stands.
    """
    ranks = np.argsort(orders, axis=1)
    return ranks[:, None, :] < ranks[:, :, None]


# 6.2: any order that is not its own inverse. This one says: at step 0 decide 1, at step 1 decide 2,
# at step 2 decide 0; its inverse is [2, 0, 1, 3, 4], another order. A swap done twice is nothing done,
# so every swap is its own inverse, and so are the reversed and the natural order.
witness = [1, 2, 0, 3, 4]


def causal(policy, order):
    """6.3: change each decision in all strings, to all its values, and see who notices.

    Decision j may be noticed by those of larger rank only: not by earlier ones, and not by j itself.
    The latter is no contradiction, since `conditionals` are the probabilities of *all* values of
    j, which must not depend on the value that was chosen. All strings are tried, because a leak
    may show in some of them only.
    """
    space = policy.space
    strings = np.array(list(product(*map(range, space.cardinalities.tolist()))))
    orders = np.tile(order, (len(strings), 1))
    before = np.exp(policy.conditionals(strings, orders))
    for t, j in enumerate(order):
        for value in range(space.cardinalities[j]):
            changed = strings.copy()
            changed[:, j] = value
            after = np.exp(policy.conditionals(changed, orders))
            upto = order[: t + 1]
            if np.abs(after - before)[:, upto].max() > 1e-9:
                return False
    return True
