"""Plausible wrong answers to the exercises of notebook 12."""

from __future__ import annotations

import numpy as np


def _validity_cumulative(resampled, batch_size):
    return batch_size / (batch_size + resampled)


def _validity_of_taken(resampled, batch_size):
    return 1 - np.diff(resampled, prepend=0) / batch_size


def _validity_shares_swapped(resampled, batch_size):
    thrown_away = np.diff(resampled, prepend=0)
    return thrown_away / (batch_size + thrown_away)


def _validity_first_lost(resampled, batch_size):
    return batch_size / (batch_size + np.diff(resampled))


def _expected_sign(s, density, sigma):
    return s - sigma**2 * np.gradient(np.log(density), s)


def _expected_of_density(s, density, sigma):
    return s + sigma**2 * np.gradient(density, s)


def _expected_sigma(s, density, sigma):
    return s + sigma * np.gradient(np.log(density), s)


def _expected_per_step(s, density, sigma):
    return s + sigma**2 * np.gradient(np.log(density))


def _expected_normal(s, density, sigma):
    weights = density / density.sum()
    mean = weights @ s
    variance = weights @ (s - mean) ** 2
    return mean + (1 - sigma**2 / variance) * (s - mean)


def _loop(asks, tells, judges):
    def my_search(searcher, table, budget, protocol, seed):
        spent, best, result = 0, -np.inf, np.nan
        while spent < budget:
            proposals = searcher.ask(*asks(budget - spent))
            found = table.query(proposals.actions, protocol, seed=seed)
            searcher.tell(proposals, getattr(found, tells))
            spent += len(proposals)
            by = getattr(found, judges)
            if by.max() > best:
                best, result = by.max(), found.held_out[by.argmax()]
        return 100 * (1 - result)

    return my_search


def _all(left):
    return ()


def _left(left):
    return (left,)


def _loop_drops_last(searcher, table, budget, protocol, seed):
    spent, best, result = 0, -np.inf, np.nan
    while spent + searcher.batch_size <= budget:
        proposals = searcher.ask()
        found = table.query(proposals.actions, protocol, seed=seed)
        searcher.tell(proposals, found.signal)
        spent += len(proposals)
        if found.signal.max() > best:
            best, result = found.signal.max(), found.held_out[found.signal.argmax()]
    return 100 * (1 - result)


def _loop_best_held_out(searcher, table, budget, protocol, seed):
    spent, best = 0, -np.inf
    while spent < budget:
        proposals = searcher.ask(budget - spent)
        found = table.query(proposals.actions, protocol, seed=seed)
        searcher.tell(proposals, found.signal)
        spent += len(proposals)
        best = max(best, found.held_out.max())
    return 100 * (1 - best)


def _loop_one_protocol(searcher, table, budget, protocol, seed):
    return _loop(_left, "signal", "signal")(searcher, table, budget, "test-holdout", seed)


def _loop_luckiest_of_equals(searcher, table, budget, protocol, seed):
    spent, best = 0, (-np.inf, np.nan)
    while spent < budget:
        proposals = searcher.ask(min(searcher.batch_size, budget - spent))
        found = table.query(proposals.actions, protocol, seed=seed)
        searcher.tell(proposals, found.signal)
        spent += len(proposals)
        best = max(best, *zip(found.signal, found.held_out, strict=True))
    return 100 * (1 - best[1])


def _loop_last_of_equals(searcher, table, budget, protocol, seed):
    spent, best, result = 0, -np.inf, np.nan
    while spent < budget:
        proposals = searcher.ask(min(searcher.batch_size, budget - spent))
        found = table.query(proposals.actions, protocol, seed=seed)
        searcher.tell(proposals, found.signal)
        spent += len(proposals)
        if found.signal.max() >= best:
            best, result = found.signal.max(), found.held_out[found.signal.argmax()]
    return 100 * (1 - result)


WRONG = {
    "validity": [
        _validity_cumulative,
        _validity_of_taken,
        _validity_shares_swapped,
        _validity_first_lost,
    ],
    "expected": [
        _expected_sign,
        _expected_of_density,
        _expected_sigma,
        _expected_per_step,
        _expected_normal,
    ],
    "loop": [
        _loop(_all, "held_out", "held_out"),
        _loop(_left, "held_out", "held_out"),
        _loop(_all, "signal", "signal"),
        _loop(_left, "held_out", "signal"),
        _loop(_left, "signal", "held_out"),
        _loop_drops_last,
        _loop_best_held_out,
        _loop_one_protocol,
        _loop_luckiest_of_equals,
        _loop_last_of_equals,
    ],
    "state": [
        {"params"},
        {"params", "optimizer", "baseline"},
        {"params", "optimizer", "baseline", "rngs"},
        {"params", "optimizer", "baseline", "rngs", "rejection", "orders"},
        {"params", "optimizer", "baseline", "rngs", "rejection", "metrics", "counts"},
    ],
}
