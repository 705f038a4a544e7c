"""Plausible wrong answers to the exercises of notebook 13; every check must reject each."""

import math

import numpy as np

from solutions import nb13 as right


def _in_bits(p):
    return right.floor(p) / np.log(2)


def _joint_entropy_only(p):
    seen = p[p > 0]
    return -seen @ np.log(seen)


def _nan_at_zero(p):
    p = np.asarray(p, float)
    with np.errstate(all="ignore"):
        total = (p * np.log(p)).sum()
        for i in range(p.ndim):
            m = p.sum(axis=tuple(j for j in range(p.ndim) if j != i))
            total -= (m * np.log(m)).sum()
    return total


def _sums_the_wrong_axis(p):
    """The marginal of everything *but* i, a mistake that two decisions do not show."""
    seen = p[p > 0]
    total = seen @ np.log(seen)
    for i in range(p.ndim):
        rest = p.sum(axis=i)
        rest = rest[rest > 0]
        total -= rest @ np.log(rest)
    return total


def _divergence_from_uniform(p):
    seen = p[p > 0]
    return seen @ np.log(seen) + np.log(p.size)


def _and_instead():
    params = right.xor_by_hand()
    params["W_out"][2] = 0
    params["W_out"][2, 1, 1] = 20.0
    return params


def _reversed():
    params = right.xor_by_hand()
    params["W_out"] = -params["W_out"]
    params["b_out"] = -params["b_out"]
    return params


def _too_soft():
    params = right.xor_by_hand()
    return {name: value / 20 for name, value in params.items()}


def _one_unit():
    params = right.xor_by_hand()
    return {
        "W": params["W"][:, :1],
        "c": params["c"][:1],
        "W_out": params["W_out"][:, :1],
        "b_out": params["b_out"],
    }


def _rows_mistaken():
    """Row j + 2 v in place of 2 j + v."""
    params = right.xor_by_hand()
    params["W"] = np.zeros((6, 2))
    params["W"][3] = params["W"][4] = 40.0
    return params


def _one_of_many(p, alpha, D):
    return math.ceil(math.log(p / (1 - p)) / (2 * alpha))


def _others_stay(p, alpha, D):
    return math.ceil(math.log(p * (D - 1) / (1 - p)) / alpha)


def _rounded_down(p, alpha, D):
    return math.floor(math.log(p * (D - 1) / (1 - p)) / (2 * alpha))


def _in_queries(p, alpha, D):
    return 30 * right.updates_needed(p, alpha, D)


WRONG = {
    "floor": [
        _in_bits,
        _joint_entropy_only,
        _nan_at_zero,
        _sums_the_wrong_axis,
        _divergence_from_uniform,
        lambda p: -right.floor(p),
    ],
    "masks": [
        lambda m, s: (s[:, None] <= m, m[:, None] <= s),  # as it stands
        lambda m, s: (s[:, None] <= m, m[:, None] < s),  # no leak of itself, but one too many
        lambda m, s: (s[:, None] < m, m[:, None] < s),  # gives connections away
        lambda m, s: (s[:, None] < m, m[:, None] >= s),  # the wrong way round
        lambda m, s: (m[:, None] > s, s[:, None] >= m),  # transposed
        lambda m, s: (np.arange(len(s))[:, None] < m, m[:, None] <= np.arange(len(s))),
        lambda m, s: (
            (s[:, None] < m).astype(float),
            (m[:, None] <= s).astype(float),
        ),
    ],
    "xor_by_hand": [_and_instead, _reversed, _too_soft, _one_unit, _rows_mistaken],
    "updates_needed": [_one_of_many, _others_stay, _rounded_down, _in_queries],
}
