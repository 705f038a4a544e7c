# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11. Write a cell as 26 decisions, and count what you draw
#
# *Reading time about 30 minutes · runs in about 15 seconds · assumes notebook 1*
#
# **What you will do**
#
# - Turn a string of 26 decisions into a small network and back, prune it, and decide whether it is
#   valid.
# - Recognise the same cell in different strings, by trying all relabellings and by the package's
#   index.
# - Count exactly how many strings each of the 423,624 cells has.
# - Compute, without drawing anything, what random search will find, and check it by drawing.
#
# **What you will learn**
#
# - Which two rules of validity are around, and that one admits 73 % of all strings and the other 27
#   %.
# - That drawing strings uniformly is very far from drawing cells uniformly, and why that is no
#   handicap.
# - What a budget of queries means when cells repeat.
#
# **What you will need**
#
# Elementary probability. Nothing is downloaded: accuracies are from the surrogate.

# %% [markdown]
# ## The question
#
# NAS-Bench-101 (Ying et al. 2019) trained every *cell* of a certain kind on CIFAR-10: a directed
# acyclic graph of at most seven vertices and nine edges, whose first vertex is the input, whose
# last is the output, and whose inner vertices each carry one of three operations. A policy decides
# *strings*. The dictionary between the two is simple, and full of surprises when one counts. The
# question of this notebook: **what does a search draw when it draws at random?**
#
# ## 26 decisions
#
# Order the vertices so that edges go from lower to higher numbers. Then a graph on seven vertices
# is the upper triangle of a 7 × 7 matrix of zeros and ones, $21$ bits, and the five inner vertices
# add five choices of three. The bits are read row by row, so the edge from $i$ to $j$ is number
#
# $$k(i, j) = \sum_{l=0}^{i-1} (6 - l) + (j - i - 1), \qquad 0 \le i < j \le 6. \tag{11.1}$$

# %%
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import report
from maade_np.spaces import nasbench101 as nb

space = mn.spaces.NASBench101Space()
for i, j in nb.EDGES:
    assert nb.EDGES[sum(6 - row for row in range(i)) + j - i - 1] == (i, j)  # (11.1)

print(space)
print("decisions:", ", ".join(space.names[:4]), "...", ", ".join(space.names[-2:]))
print("values of an operation:", space.values[-1])
print(f"strings: 2^21 * 3^5 = {2**21 * 3**5:,}")

rng = np.random.default_rng(1)
string = space.sample(1, rng)  # uniform among the valid strings
matrix, ops = nb.matrix_ops(string)
print("\none string:", *string[0])
print(matrix[0])
print("operations of vertices 1 to 5:", [nb.OPS[op].split("-")[0] for op in ops[0]])

# %% [markdown]
# ## What counts is what is left after pruning
#
# A vertex that cannot be reached from the input computes nothing of use; one that does not lead to
# the output computes in vain. The official rule removes both kinds *before* it looks at anything
# else. Let $e_{ij}$ be the bits. Vertex $j$ is reached, and leads on, when
#
# $$R_0 = 1, \quad R_j = \bigvee_{i<j} (R_i \wedge e_{ij}), \qquad\qquad L_6 = 1, \quad L_i = \bigvee_{j>i} (e_{ij} \wedge L_j), \tag{11.2}$$
#
# it lives when both hold, and an edge lives when both of its ends do. The string is **valid** when
# the input leads to the output and at most nine edges live. As plain loops, beside the package's
# `space.is_valid` and `prune`:


# %%
def alive(matrix):
    """Return which of the seven vertices live, by (11.2) in plain loops."""
    R, L = [True] + [False] * 6, [False] * 6 + [True]
    for j in range(1, 7):
        R[j] = any(R[i] and matrix[i, j] for i in range(j))
    for i in reversed(range(6)):
        L[i] = any(matrix[i, j] and L[j] for j in range(i + 1, 7))
    return np.array(R) & np.array(L)


def valid(matrix):
    live = alive(matrix)
    return bool(live[0] and matrix[np.ix_(live, live)].sum() <= nb.MAX_EDGES)


drawn = rng.integers(0, space.cardinalities, size=(5000, space.size))  # any strings, valid or not
matrices, _ = nb.matrix_ops(drawn)
assert np.array_equal([valid(m) for m in matrices], space.is_valid(drawn))
print(f"5,000 random strings judged alike by both; {space.is_valid(drawn).mean():.0%} are valid")

# %% [markdown]
# Three different strings. Above each is drawn as written, edges as arcs from left to right, what is
# pruned in grey; below is the cell that remains (`maade_np.report.draw_cell`).

# %%
FACE = {0: "#0072B2", 1: "#8CCBF0", 2: "#F5B841"}  # conv 3x3, conv 1x1, max-pool, as in draw_cell
SHORT = ("3×3", "1×1", "pool")


def draw_string(ax, actions):
    """Draw all seven vertices of a string in a row, edges as arcs; what is pruned in grey."""
    (matrix,), (ops,) = nb.matrix_ops(actions[None])
    live = alive(matrix)
    angle = np.linspace(0, np.pi, 40)
    for i, j in nb.EDGES:
        if matrix[i, j]:
            lives = live[i] and live[j]
            middle, half = (i + j) / 2, (j - i) / 2
            ax.plot(
                middle - half * np.cos(angle),
                0.25 + 0.8 * half * np.sin(angle) * (j > i + 1),
                color=course.INK if lives else "#C9CED6",
                linewidth=1.5 if lives else 1.0,
                zorder=1 + lives,
            )
    for v in range(7):
        inner = 0 < v < 6
        face = FACE[ops[v - 1]] if inner and live[v] else "white"
        ink = (
            "white"
            if inner and live[v] and ops[v - 1] == 0
            else course.INK
            if live[v]
            else "#9CA3AF"
        )
        name = SHORT[ops[v - 1]] if inner else ("in", "out")[v == 6]
        box = {"boxstyle": "round,pad=0.25", "facecolor": face, "edgecolor": "#9CA3AF"}
        ax.text(
            v, 0.25, name, ha="center", va="center", fontsize=7.5, color=ink, bbox=box, zorder=4
        )
    ax.set(xlim=(-0.6, 6.6), ylim=(-0.2, 2.75), aspect="equal")
    ax.set_axis_off()


def draw_pruned(ax, actions):
    (matrix,), (ops,) = nb.matrix_ops(actions[None])
    report.draw_cell(*nb.prune(matrix, ops.tolist()), ax=ax)


def relabelled(actions, order):
    """Return the string with inner vertex v called order[v - 1], or None where an edge would go back."""
    (matrix,), (ops,) = nb.matrix_ops(actions[None])
    place = [0, *order, 6]
    moved, moved_ops = np.zeros((7, 7), dtype=int), np.zeros(5, dtype=int)
    for i, j in np.argwhere(matrix):
        moved[place[i], place[j]] = 1
    if np.tril(moved).any():
        return None
    for v in range(5):
        moved_ops[place[v + 1] - 1] = ops[v]
    return nb.from_matrix(moved, moved_ops.tolist())


base = nb.from_matrix(
    [[0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]], [0, 2, 1]
)
edge = {e: k for k, e in enumerate(nb.EDGES)}
second = relabelled(base, (3, 1, 5, 2, 4))
second[[edge[0, 4], edge[2, 4]]] = 1  # a vertex that leads nowhere
third = relabelled(base, (2, 3, 4, 1, 5))
third[[edge[1, 2], edge[1, 5], edge[5, 6]]] = 1  # vertices that nothing reaches
third[21], third[25] = 1, 2  # and their operations, which nobody reads
trio = np.array([base, second, third])

figure, panels = course.axes(9, 2.9, 2, 3, gridspec_kw={"height_ratios": (1.25, 1)})
for column, actions in enumerate(trio):
    draw_string(panels[0, column], actions)
    draw_pruned(panels[1, column], actions)
plt.show()
print("valid:", space.is_valid(trio), "  number of the cell:", space.identity(trio))

# %% [markdown]
# The three are **one cell**. Grey things are pruned, and the rest is the same graph with other
# vertex numbers.
#
# ### Two rules are around
#
# How many of the $2^{21}$ edge masks are valid can be counted, all of them, by the same recursion
# on whole arrays. (Operations play no part in it.)

# %%
masks = np.arange(2**21, dtype=np.uint32)  # bit k is edge k
has = {e: (masks >> np.uint32(k) & 1).astype(bool) for k, e in enumerate(nb.EDGES)}
everywhere = np.ones(len(masks), dtype=bool)
R, L = {0: everywhere}, {6: everywhere}
for j in range(1, 7):
    R[j] = np.logical_or.reduce([R[i] & has[i, j] for i in range(j)])  # (11.2)
for i in reversed(range(6)):
    L[i] = np.logical_or.reduce([has[i, j] & L[j] for j in range(i + 1, 7)])
pruned = np.zeros_like(masks)
for k, (i, j) in enumerate(nb.EDGES):
    both = R[i] & L[i] & R[j] & L[j] & has[i, j]
    pruned |= both.astype(np.uint32) << np.uint32(k)

connected = R[6]
left, written = np.bitwise_count(pruned), np.bitwise_count(masks)
is_valid = connected & (left <= 9)
strict = connected & (written <= 9)
print(f"no path from input to output       {np.mean(~connected):7.2%}")
print(f"more than 9 edges left             {np.mean(connected & (left > 9)):7.2%}")
print(f"valid (official: prune, then <= 9) {np.mean(is_valid):7.2%}  = {is_valid.sum():,} masks")
print(f"valid if the edges *as written* must be <= 9: {np.mean(strict):7.2%}")
assert is_valid.sum() * 3**5 == 373_754_169

# %% [markdown]
# The last line is no invention: the code that produced the NAS-Bench-101 paper's search baselines
# ([automl/nas_benchmarks](https://github.com/automl/nas_benchmarks)) refuses strings with more than
# nine edges *as written*. A random search under that rule draws other cells than one under the
# official rule, so two tables with "random search, 150 queries" need not speak of the same thing.
# This package follows the official rule.
#
# ## When are two strings the same cell?
#
# When one pruned graph becomes the other by renaming inner vertices: with $A$, $B$ the matrices and
# $\alpha$, $\beta$ the operations on $V$ vertices, when a permutation $\pi$ of the inner vertices
# has
#
# $$A_{ij} = B_{\pi(i)\,\pi(j)} \ \text{ for all } i, j, \qquad \alpha_v = \beta_{\pi(v)} \ \text{ for all inner } v. \tag{11.3}$$
#
# With five inner vertices that is at most 120 attempts, so it can simply be tried. The package
# settles the question once for all pruned masks and then looks up a *number* of the cell, 0 to
# 423,623: `space.identity`.


# %%
def same_cell(a, b):
    """Try all renamings of (11.3)."""
    (A, B), (alpha, beta) = nb.matrix_ops(np.array([a, b]))
    (A, alpha), (B, beta) = nb.prune(A, alpha.tolist()), nb.prune(B, beta.tolist())
    if len(A) != len(B):
        return False
    for order in permutations(range(1, len(A) - 1)):
        pi = [0, *order, len(A) - 1]
        if np.array_equal(A, B[np.ix_(pi, pi)]) and alpha == [beta[v] for v in pi]:
            return True
    return False


drawn = space.sample(4000, np.random.default_rng(2))
cell = space.identity(drawn)
live = np.array([alive(m).sum() for m in nb.matrix_ops(drawn)[0]])
by_cell = {c: np.flatnonzero(cell == c) for c in np.unique(cell)}
equal = [rows[:2] for rows in by_cell.values() if len(rows) > 1 and live[rows[0]] > 3]
unequal = [
    (a, b) for a in range(300) for b in range(a) if cell[a] != cell[b] and live[a] == live[b] > 4
]
assert all(same_cell(drawn[a], drawn[b]) for a, b in equal)
assert not any(same_cell(drawn[a], drawn[b]) for a, b in unequal)
print(f"{len(equal)} pairs with one number: all can be renamed into each other")
print(f"{len(unequal):,} pairs of one size with two numbers: none can")
print(
    "official hashes of the trio above:",
    {nb.module_hash(m, o) for m, o in zip(*nb.matrix_ops(trio), strict=True)},
)

# %% [markdown]
# (The official hash, `nb.module_hash`, is an MD5 of neighbourhoods. Equal cells have equal hashes
# by construction. That different ones have different hashes is not guaranteed for such a hash, its
# authors' own tests contain two larger graphs that collide, but it holds for these 423,624.)
#
# ## How many strings has a cell?
#
# Call it $m_c$, the *multiplicity*. Every valid string is some cell, so
#
# $$\sum_{c} m_c = 243 \cdot 1{,}538{,}083 = 373{,}754{,}169. \tag{11.4}$$
#
# Three things make $m_c$ large: the names of vertices in use can be chosen in several ways; a
# vertex *not* in use may carry any operation; and it may have many edges, as long as they lead
# nowhere. All three favour small cells.
#
# To count, prune first: many masks have the same pruned form, and only the forms need to be looked
# up with each of the 243 labellings.

# %%
forms, masks_of_form = np.unique(pruned[is_valid], return_counts=True)
labellings = np.tile(np.arange(nb.NUM_OP_CODES), len(forms))
cell_of = nb.cell_numbers(np.repeat(forms, nb.NUM_OP_CODES), labellings)
multiplicity = np.bincount(cell_of, np.repeat(masks_of_form, nb.NUM_OP_CODES), nb.NUM_CELLS).astype(
    int
)
assert multiplicity.sum() == 373_754_169  # (11.4)
assert multiplicity.min() >= 1

cells = nb.cell_representatives()  # one string of each cell
linked = nb.matrix_ops(cells)[0]
vertices = 2 + (linked.any(axis=1) & linked.any(axis=2))[:, 1:6].sum(axis=1)  # vertices in use
print(f"{len(forms):,} pruned forms, {nb.NUM_CELLS:,} cells")
print(f"cells with a single string: {np.sum(multiplicity == 1):,}")
largest = multiplicity.argmax()
print(
    f"the cell with most strings, {multiplicity[largest]:,} of them or {multiplicity[largest] / multiplicity.sum():.1%}:"
)
print(nb.cell_text(cells[largest]))

# %% [markdown]
# Nearly a tenth of all valid strings are the cell that does *nothing*: its input is its output. And
# one third of all cells have one string each.
#
# ## What random search really draws
#
# Random search draws every decision uniformly and again if the string is invalid: uniform over
# valid *strings*, so cell $c$ comes with probability
#
# $$p_c = \frac{m_c}{\sum_{c'} m_{c'}}. \tag{11.5}$$

# %%
p = multiplicity / multiplicity.sum()  # (11.5)
sizes = np.arange(2, 8)
of_strings = np.array([p[vertices == v].sum() for v in sizes])
of_cells = np.array([np.mean(vertices == v) for v in sizes])

figure, panels = course.axes(9, 3, columns=2)
ax = panels[0]
ax.bar(sizes - 0.2, of_strings, 0.38, color=course.BLUE, label="of random strings")
ax.bar(sizes + 0.2, of_cells, 0.38, color=course.ORANGE, label="of all cells")
for x, share, colour in [
    *zip(sizes - 0.22, of_strings, [course.BLUE] * 6, strict=True),
    *zip(sizes + 0.22, of_cells, ["#9A6700"] * 6, strict=True),
]:
    text = f"{share:.0%}" if share > 0.02 else f"{share:.1%}" if share > 0.0005 else "≈0"
    ax.text(x, share + 0.01, text, ha="center", fontsize=7.5, color=colour)
ax.set(xlabel="vertices in use, input and output included", ylabel="share", ylim=(0, 0.98))
ax.legend(loc="upper left")
ax.grid(axis="x", visible=False)
ax = panels[1]
falling = np.sort(p)[::-1].cumsum()
ax.semilogx(
    np.arange(1, len(p) + 1), falling, color=course.BLUE, linewidth=2, label="random strings"
)
ax.semilogx(
    np.arange(1, len(p) + 1),
    np.arange(1, len(p) + 1) / len(p),
    color=course.ORANGE,
    linewidth=2,
    label="uniform over cells",
)
ax.plot(91, falling[90], "o", color=course.INK)
ax.annotate(
    f"{falling[90]:.0%} of the draws\nare among 91 cells",
    (91, falling[90]),
    (150, 0.3),
    color=course.INK,
    arrowprops={"arrowstyle": "-", "color": course.MUTED},
)
ax.set(xlabel="so many cells, the likeliest first", ylabel="share of the draws", ylim=(0, 1.02))
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# Five in six cells use all seven vertices; three in a thousand random strings do. Ninety-one cells,
# those of at most four vertices, take more than half of the draws. What that looks like:

# %%
rng = np.random.default_rng(3)
rows = {
    "random strings": space.sample(3, rng),
    "random cells": cells[rng.integers(nb.NUM_CELLS, size=3)].astype(int),
}
figure, panels = course.axes(9.4, 2.7, 2, 3)
for line, (name, actions) in zip(panels, rows.items(), strict=True):
    for ax, one in zip(line, actions, strict=True):
        draw_pruned(ax, one)
    line[0].set_title(name)
plt.show()

# %% [markdown]
# ## How many different cells does a budget buy?
#
# A cell that has probability $p_c$ is missing from $n$ independent draws with probability
# $(1 - p_c)^n$. So the expected number of different cells is
#
# $$\mathbb E[\text{distinct}] = \sum_c \big(1 - (1 - p_c)^n\big), \tag{11.6}$$
#
# exactly. And beside it the package's own random search, on the surrogate, which counts as it goes:

# %%
table = mn.tables.NASBench101.surrogate()


def distinct(p, n):
    return (1 - (1 - p) ** n).sum()  # (11.6)


def random_search(n, seed, **settings):
    searcher = mn.searchers.create("random", space, seed=seed, **settings)
    return mn.search(searcher, table, budget=n, protocol="test-mean", seed=seed)


TRIALS = {10: 150, 150: 150, 3200: 10}
runs = {n: [random_search(n, seed) for seed in range(trials)] for n, trials in TRIALS.items()}
for n, found in runs.items():
    counted = [result.counts["distinct_cells"] for result in found]
    print(
        f"{n:5} draws: expected {distinct(p, n):7.1f} different cells, found {np.mean(counted):7.1f} "
        f"± {np.std(counted, ddof=1) / len(counted) ** 0.5:.1f} (mean of {len(counted)} searches);  "
        f"uniform over cells it would be {distinct(np.full(len(p), 1 / len(p)), n):.1f}"
    )

# %% [markdown]
# So a "budget of 3,200" buys random search some 1,250 trainings, if it looks up what it has already
# trained, or pays 3,200 times for 1,250 results if it does not. Both conventions are in use. The
# package's is `duplicates="charge"` (a repeated cell costs a query, as in the paper) or `"skip"`
# (it is passed over and drawn anew); it reports queries and distinct cells both, and only searches
# of one convention should be compared.
#
# ## Is it a handicap?
#
# Half the draws wasted on tiny cells: surely uniform draws over *cells* would do better? Do not
# guess; it can be computed. Let errors be sorted ascending, $\epsilon_1 \le \epsilon_2 \le \dots$,
# and $F_k = p_1 + \dots + p_k$ be the probability of a draw among the best $k$. The best of $n$
# draws is *not* among the best $k$ with probability $(1 - F_k)^n$, so
#
# $$\mathbb E[\text{best of } n] = \sum_k \epsilon_k \big( (1 - F_{k-1})^n - (1 - F_k)^n \big). \tag{11.7}$$

# %%
error = 100 * (1 - table.mean_test(cells))  # surrogate, mean of three modelled runs
order = np.argsort(error)


def best_of(p, n):
    F = np.append(0, np.cumsum(p[order])).clip(0, 1)
    return error[order] @ -np.diff((1 - F) ** n)  # (11.7)


uniform = np.full(len(p), 1 / len(p))
for n, found in runs.items():
    best = [100 * (1 - result.best.mean_test) for result in found]
    print(
        f"best of {n:5} draws: expected {best_of(p, n):.3f} %, found {np.mean(best):.3f} ± {np.std(best, ddof=1) / len(best) ** 0.5:.3f}"
    )

ns = np.unique(np.geomspace(1, 10_000, 40).astype(int))
figure, panels = course.axes(9, 3, columns=2, gridspec_kw={"width_ratios": (1.25, 1)})
ax = panels[0]
ax.semilogx(
    ns, [best_of(p, n) for n in ns], color=course.BLUE, linewidth=2, label="uniform over strings"
)
ax.semilogx(
    ns,
    [best_of(uniform, n) for n in ns],
    color=course.ORANGE,
    linewidth=2,
    label="uniform over cells",
)
ax.set(
    xlabel="draws, repetitions counted",
    ylabel="expected best error (%), surrogate",
    ylim=(5.8, 8.2),
)
ax.legend()
ax = panels[1]
levels = [np.quantile(error[vertices == v], [0.01, 0.25, 0.5, 0.75]) for v in sizes]
ax.plot(sizes, [q[2] for q in levels], "o-", color=course.INK, label="median")
ax.fill_between(
    sizes,
    [q[1] for q in levels],
    [q[3] for q in levels],
    color=course.SKY,
    alpha=0.35,
    linewidth=0,
    label="middle half",
)
ax.plot(sizes, [error[vertices == v].min() for v in sizes], "D--", color=course.GREEN, label="best")
ax.set(xlabel="vertices in use", ylabel="error of the cells (%), surrogate", ylim=(5, 18))
ax.legend()
plt.show()
mean = {"strings": p @ error, "cells": error.mean()}
print(
    f"mean error of a draw: {mean['strings']:.2f} % uniform over strings, {mean['cells']:.2f} % uniform over cells (surrogate)"
)
for n in (10, 150, 3200):
    print(
        f"best of {n:5}: {best_of(p, n):.3f} % over strings, {best_of(uniform, n):.3f} % over cells"
    )

# %% [markdown]
# The intuition is wrong. One draw over cells is better on average (the do-nothing cell alone, at 17
# %, sees to that), but the *best of several* is better over strings, at every budget from a handful
# up to thousands, although many draws repeat. Cells of four to six vertices are good on average;
# among those of seven are the very best ones, but also a crowd of mediocre ones to be drawn first.
# The bias of the string encoding towards small cells happens to be a useful one. On the **real**
# table the same computation for random strings gives 6.312 % at 150 and 5.929 % at 3,200
# ([`benchmarks/random_expectation.py`](../benchmarks/random_expectation.py)).
#
# Two consequences. "Random search" is not one baseline: an encoding is a choice, and it moves the
# number by as much as some published improvements. And every searcher that begins with random
# strings, or with a policy that is nearly uniform, starts from this same distribution.
#
# ## Where a policy begins, and where it goes
#
# A fresh MAADE is nearly uniform over strings, so its first batches are random search. With
# learning that changes:

# %%
searcher = mn.searchers.create("remaade", space, seed=0, preset="paper-medium")
result = mn.search(searcher, table, budget=3200, protocol="test-mean")
history = result.history
parts = {"first 320 queries": history.cell[:320], "last 320 queries": history.cell[-320:]}
figure, ax = course.axes(6.4, 2.6)
for k, (name, found) in enumerate(parts.items()):
    ax.bar(
        sizes + 0.27 * k - 0.13,
        [np.mean(vertices[found] == v) for v in sizes],
        0.25,
        color=(course.SKY, course.BLUE)[k],
        label=f"ReMAADE, {name}",
    )
ax.bar(sizes - 0.4, of_strings, 0.25, color=course.ORANGE, label="random strings")
ax.set(xlabel="vertices in use", ylabel="share of the queries", ylim=(0, 0.72))
ax.legend(fontsize=8.5, loc="upper left")
ax.grid(axis="x", visible=False)
plt.show()
for name, found in parts.items():
    print(
        f"{name}: {len(np.unique(found))} different cells, mean error {error[found].mean():.2f} % (surrogate)"
    )

# %% [markdown]
# It leaves the smallest cells within its 3,200 queries and settles where the good ones are common.
# Notebook 12 watches it do so.
#
# ## Exercises
#
# ### Exercise 11.1: validity
#
# <a id="exercise_11_1_valid"></a>
#
# Write `valid(actions)` for one string, an integer array (26,): `True` where it may be evaluated
# under the official rule. Use nothing of the package (11.1 tells you which bit is which edge).

# %%
answer = None  # def valid(actions): ...

# checks.nb11.check_valid(answer)

# %% [markdown]
# ### Exercise 11.2: how many draws for one new cell?
#
# <a id="exercise_11_2_new"></a>
#
# After $n$ draws, how probable is it that the next one is a cell not seen before? Write
# `next_is_new(p, n)` for probabilities `p` of the cells. (It is a sum like (11.6), but not the
# difference of two values of it divided by anything.) With the `p` of this notebook: after 150
# draws of random search it is nearly 60 %. And after 3,200?

# %%
answer = None  # def next_is_new(p, n): ...

# checks.nb11.check_new(answer)

# %% [markdown]
# ### Exercise 11.3: count by hand
#
# <a id="exercise_11_3_chain"></a>
#
# How many strings are the chain input → 3×3 → 3×3 → 3×3 → 3×3 → output? It uses four of the five
# inner vertices. Think about which vertex is left over, what it may carry, and which edges it may
# have without coming to life.

# %%
answer = None  # a number

# checks.nb11.check_chain(answer)

# %% [markdown]
# ### Exercise 11.4: find the silent bug
#
# <a id="exercise_11_4_mean"></a>
#
# A colleague wants to know the mean accuracy of the 423,624 cells, from a few thousand random ones,
# and gets a number that is stable and plausible, and wrong. Mend the function. (Drawing more does
# not help, dropping repeated cells does not either. Weights $1/m_c$ would be right in the mean, but
# look at how unequal they are.)


# %%
def mean_accuracy(table, n, rng):
    """Estimate the mean test accuracy of all cells from n random ones."""
    actions = table.space.sample(n, rng)
    return table.mean_test(actions).mean()


found = [mean_accuracy(table, 5000, np.random.default_rng(seed)) for seed in range(3)]
print("three estimates:", np.round(found, 4))

# %%
answer = None  # your mean_accuracy

# checks.nb11.check_mean(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/spaces/nasbench101.py`](../maade_np/spaces/nasbench101.py): `NASBench101Space`,
#   `matrix_ops`, `from_matrix`, `prune`, `module_hash`, `cell_text`, `cell_representatives`, and
#   `enumerate_cells`, which makes the 423,624 cells from nothing.
# - The index behind `is_valid` and `identity` is built once, in about a second, from the $2^{21}$
#   masks, and cached. A batch of 64 strings is looked up in a fifth of a millisecond.
# - `duplicates="charge" | "skip"` of the searchers, and `result.counts` with `queries`,
#   `distinct_cells`, `duplicates` and `resampled`.
# - Drawing: `maade_np.report.draw_cell`, or `maade-np info` on the command line.
#
# ## Further reading
#
# - C. Ying et al., *NAS-Bench-101: towards reproducible neural architecture search*,
#   [arXiv:1902.09635](https://arxiv.org/abs/1902.09635), section 2 and the appendix on the hash.
# - C. White, W. Neiswanger, S. Nolen, Y. Savani, *A study on encodings for neural architecture
#   search*, [arXiv:2007.04965](https://arxiv.org/abs/2007.04965): encodings change what a search
#   does.
# - L. Li, A. Talwalkar, *Random search and reproducibility for neural architecture search*,
#   [arXiv:1902.07638](https://arxiv.org/abs/1902.07638).
