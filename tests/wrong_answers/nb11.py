"""Plausible wrong answers to the exercises of notebook 11."""

from __future__ import annotations

import numpy as np

from maade_np.spaces import nasbench101 as nb


def _matrix(actions):
    matrix = np.zeros((7, 7), dtype=bool)
    matrix[np.triu_indices(7, 1)] = actions[:21]
    return matrix


def _reached(matrix):
    reached = {0}
    for j in range(1, 7):
        if any(matrix[i, j] for i in reached):
            reached.add(j)
    return reached


def _valid_as_written(actions):
    matrix = _matrix(actions)
    return 6 in _reached(matrix) and matrix.sum() <= 9


def _valid_pruned_forwards_only(actions):
    matrix = _matrix(actions)
    live = sorted(_reached(matrix))
    return 6 in live and matrix[np.ix_(live, live)].sum() <= 9


def _valid_any_path(actions):
    return 6 in _reached(_matrix(actions))


def _valid_fewer_than_nine(actions):
    matrix = _matrix(actions)
    back = _matrix(actions)[::-1, ::-1].T
    live = sorted(_reached(matrix) & {6 - v for v in _reached(back)})
    return 6 in live and matrix[np.ix_(live, live)].sum() < 9


def _valid_column_major(actions):
    matrix, k = np.zeros((7, 7), dtype=bool), 0
    for j in range(7):
        for i in range(j):
            matrix[i, j] = actions[k]
            k += 1
    back = matrix[::-1, ::-1].T
    live = sorted(_reached(matrix) & {6 - v for v in _reached(back)})
    return 6 in live and matrix[np.ix_(live, live)].sum() <= 9


def _new_missed(p, n):
    return ((1 - p) ** n).sum()


def _new_share_of_distinct(p, n):
    return (1 - (1 - p) ** n).sum() / max(n, 1)


def _new_mean_missed(p, n):
    return ((1 - p) ** n).mean()


def _new_one_draw_more(p, n):
    return (p * (1 - p) ** (n + 1)).sum()


def _mean_of_strings(table, n, rng):
    return table.mean_test(table.space.sample(n, rng)).mean()


def _mean_without_repetitions(table, n, rng):
    cells = np.unique(table.space.identity(table.space.sample(n, rng)))
    return table.mean_test(nb.cell_representatives()[cells]).mean()


def _mean_of_first_cells(table, n, rng):
    return table.mean_test(nb.cell_representatives()[:n]).mean() + 1e-9 * rng.random()


def _mean_until_enough_distinct(table, n, rng):
    actions = table.space.sample(20 * n, rng)
    _, first = np.unique(table.space.identity(actions), return_index=True)
    return table.mean_test(actions[np.sort(first)[:n]]).mean()


WRONG = {
    "valid": [
        _valid_as_written,
        _valid_pruned_forwards_only,
        _valid_any_path,
        _valid_fewer_than_nine,
        _valid_column_major,
    ],
    "new": [_new_missed, _new_share_of_distinct, _new_mean_missed, _new_one_draw_more],
    "chain": [1, 5, 15, 119, 480, 360],
    "mean": [
        _mean_of_strings,
        _mean_without_repetitions,
        _mean_of_first_cells,
        _mean_until_enough_distinct,
    ],
}
