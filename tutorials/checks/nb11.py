"""Checks of notebook 11: cells as decisions."""

from __future__ import annotations

import numpy as np

import maade_np as mn
from checks._common import exercise, expect, expect_close
from maade_np.spaces import nasbench101 as nb

CHAIN = 357  # agrees with the notebook's `multiplicity` of that cell


@exercise
def check_valid(valid):
    """Compare with the package on random strings, sparse and dense ones among them."""
    space = mn.spaces.NASBench101Space()
    rng = np.random.default_rng(111)
    parts = []
    for density in (0.15, 0.3, 0.5, 0.7):
        strings = rng.integers(0, space.cardinalities, size=(400, space.size))
        strings[:, :21] = rng.random((400, 21)) < density
        parts.append(strings)
    strings = np.concatenate(parts)
    right = space.is_valid(strings)
    mine = np.array([bool(valid(s.copy())) for s in strings])
    too_strict, too_lax = strings[right & ~mine], strings[~right & mine]
    many = too_strict[too_strict[:, :21].sum(axis=1) > nb.MAX_EDGES]
    expect(
        not len(many),
        f"Your rule refuses {len(many)} valid strings that have more than nine edges as written. "
        "Which of them count?",
    )
    expect(not len(too_strict), f"Your rule refuses {len(too_strict)} strings that are valid.")
    expect(
        not len(too_lax),
        f"Your rule admits {len(too_lax)} strings that are not valid: they have no path from input to "
        "output, or too many edges among what is left.",
    )
    return (
        "prune first, then count: the unused part of a string is not looked at, not even counted."
    )


@exercise
def check_new(next_is_new):
    """Compare with the sum over cells, and with enumeration of a small case."""
    rng = np.random.default_rng(112)
    for C, n in ((2, 1), (5, 3), (50, 20), (400, 1000)):
        p = rng.dirichlet(np.full(C, 0.3))
        right = (p * (1 - p) ** n).sum()
        mine = float(next_is_new(p.copy(), n))
        expect(
            0 <= mine <= 1 + 1e-12, f"With {C} cells it gives {mine:.3g}, which is no probability."
        )
        expect(
            np.isclose(mine, right, rtol=1e-9, atol=1e-12),
            f"With {C} cells and n = {n} it is off. Sum over the cell that comes next: it must be "
            "drawn now, and must have been missed by all draws before.",
        )
    expect_close(next_is_new(np.full(4, 0.25), 0), 1.0, "Before the first draw every cell is new.")
    return (
        "after 3,200 draws of random search less than one in three is new, though it has seen "
        "0.3 % of the cells."
    )


@exercise
def check_chain(answer):
    """Compare with the count over all masks."""
    number = float(answer)
    expect(number == int(number) and number > 0, "It is a whole number of strings.")
    hints = {
        1: "That is the chain on the first vertices only. Any of the five may be left over.",
        5: "Any of five may be left over, yes. What else may such a string have that nobody looks at?",
        15: "The left-over vertex and its operation are counted. And its edges?",
        119: "Its edges are counted. And what may it carry?",
        480: "With all edges of the left-over vertex allowed it would come to life in most of them.",
        357
        * 24: "The four operations are alike, but the vertices of a chain cannot change places.",
    }
    expect(int(number) not in hints or number == CHAIN, hints.get(int(number), ""))
    expect(
        number == CHAIN,
        f"It is {'more' if number < CHAIN else 'fewer'}. For each place of the left-over vertex: it may "
        "have edges from vertices before it, or to vertices behind it, but not both.",
    )
    return "even this cell, which uses six of seven vertices, has hundreds of strings."


@exercise
def check_mean(mean_accuracy):
    """Compare estimates from a few thousand draws with the mean over all cells."""
    table = mn.tables.NASBench101.surrogate()
    accuracy = table.mean_test(nb.cell_representatives())
    truth, n = accuracy.mean(), 4000
    slack = 5 * accuracy.std() / np.sqrt(n)
    estimates = np.array(
        [float(mean_accuracy(table, n, np.random.default_rng(seed))) for seed in range(6)]
    )
    expect(
        np.ptp(estimates) > 0,
        "All estimates are equal: they are no estimates from random cells (or all cells were used).",
    )
    expect(
        abs(estimates.mean() - truth) < slack / 2 and np.all(abs(estimates - truth) < slack),
        "Estimates from 4,000 cells each "
        f"{'scatter too widely' if np.ptp(estimates) > 2 * slack else 'are off, all to one side'}. "
        "Is every cell equally likely to be among those that you average?",
    )
    return (
        "an average over strings is an average over cells weighted by their multiplicities; with all "
        "cells at hand, drawing their numbers is the plain way out."
    )
