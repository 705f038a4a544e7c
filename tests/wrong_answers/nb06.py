"""Plausible wrong answers to the exercises of notebook 6."""

from __future__ import annotations

from itertools import product

import numpy as np


def _ranks(orders):
    return np.argsort(orders, axis=1)


def _all_strings(space):
    return np.array(list(product(*map(range, space.cardinalities.tolist()))))


def _changes(policy, order, j, shift=1):
    """The strings' probabilities, and those with decision j moved on by `shift`."""
    strings = _all_strings(policy.space)
    orders = np.tile(order, (len(strings), 1))
    changed = strings.copy()
    changed[:, j] = (changed[:, j] + shift) % policy.space.cardinalities[j]
    both = (policy.conditionals(some, orders) for some in (strings, changed))
    return (np.exp(log_probs) for log_probs in both)


def _last_only(policy, order):
    """Changes the last decision only."""
    before, after = _changes(policy, order, order[-1])
    return bool(np.abs(after - before).max() < 1e-9)


def _forgets_itself(policy, order):
    """Looks at strictly earlier decisions only, so a decision may see itself."""
    for t, j in enumerate(order):
        before, after = _changes(policy, order, j)
        if t and np.abs(after - before)[:, order[:t]].max() > 1e-9:
            return False
    return True


def _in_natural_order(policy, order):
    """Calls earlier what has the smaller number."""
    for j in range(policy.space.size):
        before, after = _changes(policy, order, j)
        if np.abs(after - before)[:, : j + 1].max() > 1e-9:
            return False
    return True


def _with_chosen_values(policy, order):
    """Compares the chosen values' probabilities, which change when another value is chosen."""
    strings = _all_strings(policy.space)
    orders = np.tile(order, (len(strings), 1))
    for t, j in enumerate(order):
        changed = strings.copy()
        changed[:, j] = (changed[:, j] + 1) % policy.space.cardinalities[j]
        chosen = [
            np.take_along_axis(policy.conditionals(some, orders), some[:, :, None], axis=2)
            for some in (strings, changed)
        ]
        if np.abs(chosen[0] - chosen[1])[:, order[: t + 1]].max() > 1e-9:
            return False
    return True


def _sums_to_one(policy, order):
    """Finds circles only."""
    strings = _all_strings(policy.space)
    orders = np.tile(order, (len(strings), 1))
    log_probs = policy.conditionals(strings, orders)
    chosen = np.take_along_axis(log_probs, strings[:, :, None], axis=2)[:, :, 0]
    return bool(abs(np.exp(chosen.sum(axis=1)).sum() - 1) < 1e-9)


def _one_string(policy, order):
    """Changes zeros to ones in a single string, so it sees two of three values."""
    strings = np.zeros((1, policy.space.size), dtype=int)
    orders = np.array(order)[None]
    before = np.exp(policy.conditionals(strings, orders))
    for t, j in enumerate(order):
        changed = strings.copy()
        changed[:, j] = 1
        after = np.exp(policy.conditionals(changed, orders))
        if np.abs(after - before)[:, order[: t + 1]].max() > 1e-9:
            return False
    return True


def _leaks(policy, order, asked, tolerance):
    strings = np.array(list(product(*map(range, policy.space.cardinalities.tolist()))))
    orders = np.tile(asked, (len(strings), 1))
    before = np.exp(policy.conditionals(strings, orders))
    for t, j in enumerate(order):
        for value in range(policy.space.cardinalities[j]):
            changed = strings.copy()
            changed[:, j] = value
            after = np.exp(policy.conditionals(changed, orders))
            if np.abs(after - before)[:, order[: t + 1]].max() > tolerance:
                return True
    return False


def _generous(policy, order):
    return not _leaks(policy, order, order, 1e-3)


def _ranks_for_order(policy, order):
    ranks = np.argsort(order)
    return not _leaks(policy, ranks, ranks, 1e-9)


WRONG = {
    "mask": [
        lambda orders: orders[:, None, :] < orders[:, :, None],  # orders for ranks
        lambda orders: _ranks(orders)[:, None, :] <= _ranks(orders)[:, :, None],  # sees itself
        lambda orders: _ranks(orders)[:, :, None] < _ranks(orders)[:, None, :],  # transposed
        lambda orders: np.tile(np.tri(orders.shape[1], k=-1, dtype=bool), (len(orders), 1, 1)),
        lambda orders: (_ranks(orders)[:, None, :] < _ranks(orders)[:, :, None]).astype(float),
        lambda orders: _ranks(orders)[:1, None, :] < _ranks(orders)[:1, :, None],  # of string 0
        lambda orders: (
            np.argsort(orders, axis=0)[:, None, :] < np.argsort(orders, axis=0)[:, :, None]
        ),
    ],
    "witness": [
        [0, 1, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [0, 3, 2, 1, 4],
        [1, 0, 3, 2, 4],  # two swaps that do not touch each other
        [1, 2, 0, 3],  # of four decisions
        [1, 2, 3, 4, 5],  # counted from one
    ],
    "causal": [
        _last_only,
        _forgets_itself,
        _in_natural_order,
        _with_chosen_values,
        _sums_to_one,
        _one_string,
        _generous,
        _ranks_for_order,
    ],
}
