"""Solutions of notebook 11: cells as decisions."""

from __future__ import annotations

import numpy as np

from maade_np.spaces import nasbench101 as nb


def valid(actions):
    """11.1: reach forwards, reach backwards, count the edges between vertices that do both."""
    matrix, k = np.zeros((7, 7), dtype=bool), 0
    for i in range(7):
        for j in range(i + 1, 7):
            matrix[i, j] = actions[k]
            k += 1
    reached, leads = {0}, {6}
    for j in range(1, 7):
        if any(matrix[i, j] for i in reached):
            reached.add(j)
    for i in range(5, -1, -1):
        if any(matrix[i, j] for j in leads):
            leads.add(i)
    live = sorted(reached & leads)
    return 6 in reached and matrix[np.ix_(live, live)].sum() <= 9


def new(p, n):
    """11.2: the next cell is c with probability p_c, and is new if n draws missed it.

    It is the step of (11.6) from n to n + 1: each term gains (1 - p)**n - (1 - p)**(n + 1).
    """
    return (p * (1 - p) ** n).sum()


# 11.3. The vertices of a chain cannot change places, so only the left-over vertex is free: it stands at
# one of the places 1 to 5. At place v it has v vertices before it and 6 - v behind it, all of them alive.
# It stays dead with edges from those before it (2^v choices, none included) or to those behind it
# (2^(6 - v)), none at all counted twice: 2^v + 2^(6 - v) - 1. And it carries any of three operations.
chain = 3 * sum(2**v + 2 ** (6 - v) - 1 for v in range(1, 6))


def mean(table, n, rng):
    """11.4: draw numbers of cells, not strings.

    `space.sample` is uniform over strings, so a cell is drawn in proportion to its strings, and small
    cells, of which some are very bad, are heard too often. Without repetitions the likely cells are still
    more likely to be in. Weights 1/m_c are unbiased (as a ratio, nearly), but a draw of a seven-vertex
    cell then weighs up to 36 million times one of the empty cell, and only three in a
    thousand draws are such cells: n draws are worth a few.
    """
    cells = nb.cell_representatives()
    return table.mean_test(cells[rng.integers(len(cells), size=n)]).mean()
