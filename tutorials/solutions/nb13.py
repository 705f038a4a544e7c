"""Solutions of notebook 13."""

from __future__ import annotations

import math

import numpy as np


def floor(p):
    # The best independent policy has the marginals of p. What is left is the divergence of p from
    # their product, which is the sum of the marginal entropies less the joint entropy.
    p = np.asarray(p, dtype=float)
    total = 0.0
    for i in range(p.ndim):
        marginal = p.sum(axis=tuple(j for j in range(p.ndim) if j != i))
        marginal = marginal[marginal > 0]  # x log x is 0 at 0
        total -= marginal @ np.log(marginal)
    seen = p[p > 0]
    return total + seen @ np.log(seen)


def masks(degrees, step):
    # The bug stands in the first mask. Steps count from 0, so the first m decisions are those with
    # step < m; `<=` lets a unit of degree m read the decision at step m, and as the second mask lets
    # exactly that decision use the unit, it can copy itself. What gives it away is the result: the
    # divergence is negative, so the "probabilities" add up to more than 1.
    return step[:, None] < degrees, degrees[:, None] <= step


def xor_by_hand():
    # Each decision that is 1 adds 1 (times a large number) to both units, 0 adds nothing. With their
    # thresholds at 1/2 and 3/2 the first unit says "at least one is on", the second "both are".
    steep = 40.0
    W = np.zeros((6, 2))
    W[1] = W[3] = steep  # pairs (x1, 1) and (x2, 1)
    c = np.array([-0.5, -1.5]) * steep
    # The third decision makes the number even: 1 if at least one is on and not both. The first two
    # have heads of 0, so they are fair coins whatever the units say.
    W_out = np.zeros((3, 2, 2))
    W_out[2, 0, 1], W_out[2, 1, 1] = 20.0, -20.0
    b_out = np.zeros((3, 2))
    b_out[2, 1] = -10.0
    return {"W": W, "c": c, "W_out": W_out, "b_out": b_out}


def updates_needed(p, alpha, D):
    # After n updates the wanted logit is n alpha and the others are -n alpha: the gap grows by
    # 2 alpha an update. softmax: p = 1 / (1 + (D - 1) exp(-2 n alpha)), solved for n.
    gap = math.log(p * (D - 1) / (1 - p))
    return max(0, math.ceil(gap / (2 * alpha)))
