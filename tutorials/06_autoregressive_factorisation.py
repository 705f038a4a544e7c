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
# # 6. Factorise a policy into decisions, in any order
#
# *Reading time about 35 minutes · runs in about 10 seconds · assumes notebooks 1, 3 and 5*
#
# **What you will do**
#
# Take a probability apart into decisions, put it together again, and check on a space of 36 strings
# that nothing was lost. Then break the one rule that makes this work, in four ways, and see which
# test notices which.
#
# **What you will learn**
#
# - why a product of softmaxes is normalised over millions of strings without a sum over any of them
# - orders, their inverses, and the mask that follows from them
# - why a later decision must not leak: what it does to likelihood, to samples and to baselines
# - which of four tests catches which bug, and why the most popular one misses three of them
# - how strings are drawn by adding noise and taking the largest
#
# **What you will need**
#
# The policy gradient and its baseline (notebook 1), the softmax head (notebook 3), the context of a
# decision as a function of the decisions that it sees (notebook 5). How the network is put together
# inside is the subject of notebook 7; here only *who sees whom* counts.

# %%
from itertools import permutations, product

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import layers
from maade_np.policies.maade import MAADECache

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 1. One probability for every string
#
# A policy is a probability $P(a)$ for every string $a = (a_1, \dots, a_N)$ of a search space. Two
# things are asked of it: the probability of a given string, with its gradient, and new strings
# drawn from it. The obvious way, a score for every string and one softmax over all of them, needs a
# sum over all strings. The cells of NAS-Bench-101 are 26 decisions, 21 with two values and 5 with
# three:

# %%
cells = mn.spaces.NASBench101Space()
print(
    f"{cells.size} decisions, {cells.num_points:,} strings, "
    f"{cells.cardinalities.sum()} values altogether"
)

# %% [markdown]
# Half a billion terms for every gradient step, against 57 values altogether. The chain rule of
# probability makes it a matter of the 57. Choose an **order** $o = (o_0, \dots, o_{N-1})$, a
# permutation of the hyper-parameters: $o_t$ is decided at step $t$. Then
#
# $$ P(a) = \prod_{t=0}^{N-1} P\big(a_{o_t} \,\big|\, a_{o_0}, \dots, a_{o_{t-1}}\big) \tag{6.1} $$
#
# and each factor is a softmax over the few values of *one* hyper-parameter. (6.1) holds for every
# probability and in every order. What a policy does is to read it from right to left: a network
# *gives* the factors, and the product is $P$, by definition.
#
# Is that a probability? It is positive. Does it add up to 1? Sum over all strings, over the last
# decision first:
#
# $$ \sum_a \prod_{t=0}^{N-1} P(a_{o_t} | a_{o_{<t}})
#  = \sum_{a_{o_0}} P(a_{o_0}) \sum_{a_{o_1}} P(a_{o_1} | a_{o_0}) \cdots
#    \underbrace{\sum_{a_{o_{N-1}}} P(a_{o_{N-1}} | a_{o_{<N-1}})}_{=\,1} \tag{6.2} $$
#
# The last sum is over one softmax, so it is 1; then the one before has become the last, and so on
# to the first. Note what made it possible to move each sum to the right, past the factors before
# it: **those factors do not depend on the later decision**. That is the one rule of this notebook.
# It has the form of a promise about a program, and programs break promises.
#
# Here is a space small enough to test it: 36 strings, and a policy, `maade_np.policies.MAADE`, with
# random weights (the scale of its heads is raised, so that it is far from uniform).

# %%
space = mn.spaces.CategoricalSpace(["depth", "width", "pool", "act"], [2, 3, 2, 3])
strings = np.array(list(product(*map(range, space.cardinalities.tolist()))))
settings = {"d": 8, "dtype": np.float64, "init_scales": {"heads": 1.0}}
policy = mn.policies.MAADE(space, rng=0, **settings)

totals = []
for order in permutations(range(4)):
    log_prob, _ = policy.forward(strings, np.tile(order, (len(strings), 1)))
    totals.append(np.exp(log_prob).sum())  # (6.2)
print(
    f"{len(strings)} strings, {len(totals)} orders; "
    f"the sums differ from 1 by at most {np.abs(np.array(totals) - 1).max():.0e}"
)

# %% [markdown]
# `policy.forward(actions, orders)` gives $\log P$ of each string
# (`maade_np.policies.Policy.forward`), and `policy.conditionals(actions, orders)` the
# log-probability of *every* value of every decision, given what was decided before it. With three
# hyper-parameters all of it fits into a picture. A string is a way through the tree from left to
# right, the width of a branch is the probability of coming through it, and at every fork the
# branches share out what arrives.

# %%
small = mn.spaces.CategoricalSpace(["depth", "width", "pool"], [2, 3, 2])
tree_policy = mn.policies.MAADE(small, rng=3, **settings)
every = np.array(list(product(*map(range, small.cardinalities.tolist()))))


def draw_tree(ax, order):
    """The tree of decisions of the policy under an order, leaves sorted by the decisions."""
    rows = every[np.lexsort(every[:, order[::-1]].T)]
    log_probs = tree_policy.conditionals(rows, np.tile(order, (len(rows), 1)))
    heights = {(): (len(rows) - 1) / 2}
    arriving = {(): 1.0}
    for t in range(3):
        for leaf, row in enumerate(rows):
            path = tuple(row[order[: t + 1]])
            if path in heights:
                continue
            below = [n for n, r in enumerate(rows) if tuple(r[order[: t + 1]]) == path]
            heights[path] = float(np.mean(below))
            arriving[path] = arriving[path[:-1]] * np.exp(log_probs[leaf, order[t], path[-1]])
            ends = heights[path[:-1]], heights[path]
            ax.plot(
                [t, t + 1],
                ends,
                color=course.CYCLE[t],
                zorder=1,
                alpha=0.85,
                linewidth=0.6 + 22 * arriving[path],
                solid_capstyle="butt",
            )
            ax.text(
                t + 0.72,
                0.28 * ends[0] + 0.72 * ends[1],
                path[-1],
                fontsize=8,
                ha="center",
                va="center",
                bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none"},
            )
    for leaf, row in enumerate(rows):
        shown = f"{arriving[tuple(row[order])]:.3f}   {''.join(map(str, row))}"
        ax.text(3.06, leaf, shown, fontsize=8, va="center", family="monospace")
    for t, i in enumerate(order):
        ax.text(t + 0.5, -1.2, small.names[i], ha="center", color=course.CYCLE[t], fontsize=10)
    ax.set_title(f"order {', '.join(small.names[i] for i in order)}")
    ax.set(xlim=(-0.05, 3.9), ylim=(len(rows) - 0.3, -1.8))
    ax.axis("off")


figure, both = course.axes(9.2, 4.2, columns=2)
for ax, order in zip(both, ([0, 1, 2], [2, 1, 0]), strict=True):
    draw_tree(ax, np.array(order))

# %% [markdown]
# At the leaves stand the probability of each string and the string, always written as depth, width,
# pool. Look for the same string in both trees: its probabilities differ. The network has *one* set
# of weights, and each order makes another probability of it, each normalised. (Had the policy been
# able to represent one fixed $P$ exactly, then by (6.1) all orders could have agreed. With random
# weights there is no reason why they should.) So the order is a part of the question, and the
# package asks for it at every call. What several orders are good for is the subject of notebook 10.
#
# ## 2. From an order to a mask
#
# Networks do not know "before" and "after". They have a matrix of who may look at whom. Let
#
# $$ r = o^{-1}, \qquad r_{o_t} = t \tag{6.3} $$
#
# be the inverse permutation: hyper-parameter $i$ is decided at step $r_i$, its **rank**. Then
#
# $$ \text{visible}_{ij} = [\, r_j < r_i \,] \tag{6.4} $$
#
# says whether the query of $i$ may look at the key of $j$. In the package, `orders[b, t]` is $o_t$
# of string $b$; `maade_np.policies.base.check_orders` returns the ranks, and the comparison stands
# in `MAADE.logits_forward`.
#
# Two short lines with room for many mistakes. $r$ and $o$ are both permutations of the same
# numbers, both have shape (B, N), and for many orders they are *equal*.

# %%
names = ["depth", "width", "pool", "act", "norm", "skip"]
figure, three = course.axes(9.2, 3.1, columns=3)
for ax, order, title in (
    (three[0], [0, 1, 2, 3, 4, 5], "natural order"),
    (three[1], [2, 5, 0, 3, 1, 4], "another order"),
    (three[2], [2, 5, 0, 3, 1, 4], "the same, sorted by step"),
):
    ranks = mn.policies.base.check_orders(np.array([order]), 6)[0]  # (6.3)
    visible = ranks[None, :] < ranks[:, None]  # (6.4)
    by = order if "sorted" in title else range(6)
    shown = [f"{names[i]} ({ranks[i]})" for i in by]
    course.heatmap(ax, visible[np.ix_(by, by)] * 0.6, shown, [names[i] for i in by], limit=1)
    ax.set_xticks(range(6), [names[i] for i in by], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_title(title)
    ax.set_xlabel("may be seen")
_ = three[0].set_ylabel("who decides (rank)")

# %% [markdown]
# Rows are sets of different sizes: the first to decide sees nothing, the last sees all others.
# Indexed by hyper-parameter the mask of a permuted order looks like a scatter, and one learns
# nothing from staring at it. Sorted by step (right) it is a triangle again, as it must be. The
# diagonal is empty.
#
# ## 3. Masks that are wrong
#
# To see what a wrong mask does we need a policy whose mask we can choose. The package's policies do
# not offer that, for good reason, so here is a subclass: it computes the logits as `MAADE` with one
# block does, by the same layers, but its mask comes from a rule. (What the lines do is said in
# notebook 7.)


# %%
class OwnMask(mn.policies.MAADE):
    """MAADE with one block, whose mask is made by `rule(ranks, orders)`; it samples as MAADE does."""

    rule = None

    def logits_forward(self, batch):
        """Compute all logits in one pass, as the package's textbook form does."""
        p = self.params
        table, table_cache = self.key_table()
        pairs = self.layout.first + batch.actions
        visible = self.rule(batch.ranks, batch.orders)
        x, block = layers.textbook_block_forward(p["q"], table[pairs], visible, self.block(1))
        logits, heads = layers.heads_forward(x, p["W_out"], p["b_out"])
        return logits, MAADECache(table_cache, pairs, None, None, [(block, None)], None, heads)


def compare(of_i, of_j, how):
    """A mask (B, N, N): how(of_i[b, i], of_j[b, j])."""
    return how(of_i[:, :, None], of_j[:, None, :])


RULES = {
    "right": lambda r, o: compare(r, r, lambda i, j: j < i),
    "sees itself": lambda r, o: compare(r, r, lambda i, j: j <= i),
    "order for rank": lambda r, o: compare(o, o, lambda i, j: j < i),
    "lower triangle": lambda r, o: np.broadcast_to(
        np.tri(r.shape[1], k=-1, dtype=bool), (*r.shape, r.shape[1])
    ),
    "one too few": lambda r, o: compare(r, r, lambda i, j: j < i - 1),
}


def make(rule, seed=0):
    """A policy with the mask of this name."""
    policy = OwnMask(space, rng=seed, **settings)
    policy.rule = RULES[rule]
    return policy


natural, permuted = [0, 1, 2, 3], [2, 0, 3, 1]
same = np.tile(permuted, (len(strings), 1))
print(
    "the right rule is the package's policy:",
    np.allclose(
        make("right").forward(strings, same)[0], policy.forward(strings, same)[0], rtol=1e-12
    ),
)

# %% [markdown]
# *sees itself* is the classical off-by-one, $\le$ for $<$. *order for rank* forgets to invert the
# permutation. *lower triangle* is the mask of the usual tutorial on language models, which have one
# order only. *one too few* errs on the safe side.
#
# ### Looking at dependence
#
# The most direct test asks the policy itself: **change one decision of a string, and see whose
# probabilities move**. It needs no knowledge of the code. For every string and every
# hyper-parameter $j$ we replace $a_j$ by another value, and record the largest change of any
# probability of hyper-parameter $i$.


# %%
def influence(policy, order):
    """The largest change of the probabilities of i when the value of j changes, (N, N)."""
    orders = np.tile(order, (len(strings), 1))
    before = np.exp(policy.conditionals(strings, orders))
    moved = np.zeros((space.size, space.size))
    for j in range(space.size):
        changed = strings.copy()
        changed[:, j] = (changed[:, j] + 1) % space.cardinalities[j]
        after = np.exp(policy.conditionals(changed, orders))
        moved[:, j] = np.abs(after - before).max(axis=(0, 2))
    return moved


figure, grid = course.axes(9.4, 4.6, rows=2, columns=5)
for row, order in zip(grid, (natural, permuted), strict=True):
    for ax, rule in zip(row, RULES, strict=True):
        found = influence(make(rule), order)[np.ix_(order, order)]
        shown = [space.names[i] for i in order]
        shade = np.where(found > 1e-12, 0.06 + found, 0)  # so that white is zero, and only zero
        course.heatmap(ax, shade, shown, shown, limit=0.6)
        ax.set_xticks(range(4), shown, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
        ax.set_yticks(range(4), shown if ax is row[0] else [""] * 4, fontsize=8)
        for s, t in np.ndindex(4, 4):
            if found[s, t] > 1e-12 and t >= s:
                box = plt.Rectangle(
                    (t - 0.5, s - 0.5), 1, 1, fill=False, linewidth=2, edgecolor=course.VERMILLION
                )
                ax.add_patch(box)
        if order == natural:
            ax.set_title(rule, fontsize=10)
grid[0, 0].set_ylabel("natural order\nwhose probabilities move")
grid[1, 0].set_ylabel("permuted order\nwhose probabilities move")
_ = figure.supxlabel("whose value is changed (both sorted by step)", fontsize=9)

# %% [markdown]
# White is zero to rounding error. Framed squares are leaks. White squares below the diagonal are
# the opposite, a decision that ignores what it could have seen (last column). And now the trap:
# **in the natural order, three of the five columns are the same picture.** *Order for rank* and
# *lower triangle* are perfectly right there, and whoever tests with the natural order only will
# never find out.
#
# ## 4. Four tests, four bugs
#
# How do the usual tests fare? Four of them, all in a few lines:
#
# - **sums to 1**: add up the probabilities of all strings, as in section 1;
# - **looks back only**: no framed square in the picture above;
# - **looks back at all**: no white square below the diagonal;
# - **samples agree**: the sampler decides one by one, and *cannot* see the future. Draw strings
#   with it and compare the log-probability that it reports with the one that `forward` gives for
#   the same strings.


# %%
def judge(policy, order):
    """Run the four tests; True where a policy passes."""
    orders = np.tile(order, (len(strings), 1))
    log_prob, _ = policy.forward(strings, orders)
    moved = influence(policy, order)[np.ix_(order, order)]
    actions, sampled = policy.sample(50, np.array(order), np.random.default_rng(0))
    again, _ = policy.forward(actions, np.tile(order, (50, 1)))
    return {
        "sums to 1": abs(np.exp(log_prob).sum() - 1) < 1e-9,
        "back only": np.triu(moved).max() < 1e-9,
        "back at all": moved[np.tril_indices(4, -1)].min() > 1e-9,
        "samples agree": np.abs(sampled - again).max() < 1e-9,
    }


for order, title in ((natural, "natural order"), (permuted, "permuted order")):
    print(f"{title:16}", *(f"{test:>14}" for test in judge(make("right"), order)))
    for rule in RULES:
        outcome = judge(make(rule), order).values()
        print(f"{rule:16}", *(f"{'ok' if passed else 'FAILS':>14}" for passed in outcome))
    print()

# %% [markdown]
# Three things to take home.
#
# **Half of the bugs pass in the natural order.** Only a permuted order tells an order from its
# rank.
#
# **The sum over all strings, the test that everyone thinks of first, finds one bug out of four.**
# The reason is in (6.2): what the proof needs is *some* order in which nobody looks ahead. *Order
# for rank* has one, the inverse permutation; *lower triangle* has one, the natural order. They are
# faultless probabilities, only not of the order that was asked for. Nothing but a *circle* in who
# looks at whom can break the sum, and "itself" is the smallest circle.
#
# **The sampler is the best witness**, because it is honest by construction: when it decides, the
# later values do not exist yet. (Unless it uses `forward` itself. If it reports what `forward`
# says of the finished string, it agrees with every bug.) The package's tests hold every policy to all four, in all orders
# (`tests/test_maade.py`, `tests/test_policies_density.py`).
#
# ## 5. What a leak does to learning
#
# Would one not notice at once, by a policy that does not learn? Let us look. First with plain
# maximum likelihood. There is a target $\pi$ over the 36 strings, and we climb $\sum_a \pi(a) \log
# P(a)$. For a probability that is normalised this can never exceed $\sum_a \pi(a) \log \pi(a)$,
# minus the entropy of the target (Gibbs' inequality).

# %%
target = np.random.default_rng(1).dirichlet(np.full(len(strings), 0.3))
ceiling = (target * np.log(target)).sum()
figure, ax = course.axes(7.2, 3.1)
print(f"{'':16} {'likelihood':>10} {'sum of P':>9} {'share of samples that are misplaced':>36}")
for rule, style in (("right", "-"), ("sees itself", "--"), ("order for rank", ":")):
    learner = make(rule)
    optimizer = mn.optimizers.Adam(learner.params, learning_rate=1e-2)
    likelihood = []
    for _ in range(500):
        log_prob, cache = learner.forward(strings, same)
        likelihood.append((target * log_prob).sum())
        optimizer.step(learner.backward(-target, cache))
    actions, _ = learner.sample(20_000, np.array(permuted), np.random.default_rng(0))
    share = np.bincount(space.identity(actions), minlength=len(strings)) / 20_000
    misplaced = 0.5 * np.abs(share - target).sum()
    print(f"{rule:16} {likelihood[-1]:10.3f} {np.exp(log_prob).sum():9.2f} {misplaced:36.2f}")
    ax.plot(likelihood, style, linewidth=2, label=rule)
ax.axhline(ceiling, color=course.MUTED, linewidth=1, dashes=(5, 3))
ax.text(
    500,
    ceiling + 0.1,
    "no normalised probability is above this",
    ha="right",
    va="bottom",
    color=course.MUTED,
    fontsize=8.5,
)
ax.set(xlabel="step", ylabel=r"$\sum_a \pi(a)\,\log P(a)$")
_ = ax.legend(loc=(0.74, 0.55))

# %% [markdown]
# The policy that sees its own answer learns to copy it: each factor tends to 1, for *every* string,
# so the "likelihood" approaches 0 and the "probabilities" add up to 36. It has the best training
# curve of the three, and its samples have next to nothing to do with the target. *Order for rank*
# stays at the ceiling and looks impeccable; its samples are wrong all the same, for they are drawn
# in an order that it was not trained in. When a likelihood is too good, suspect a leak.
#
# Now the policy gradient, where the strings come from the sampler and each is pushed by its
# advantage $f(a) - b$. The baseline $b$ may be subtracted because (notebook 1)
#
# $$ \sum_a P(a)\, \nabla \log P(a) = \nabla \sum_a P(a) = \nabla 1 = 0 \tag{6.5} $$
#
# which needs two things: that what is differentiated adds up to 1, *and* that the strings are drawn
# from it. We compute the exact gradient, a sum over all 36 strings weighted by the sampler's
# probabilities, so that there is no noise at all, for three baselines.

# %%
honest = mn.policies.MAADE(space, rng=0, **settings)  # what the sampler draws from
reward = np.random.default_rng(3).normal(size=len(strings))
reward = (reward - reward.min()) / np.ptp(reward)

figure, three = course.axes(9.2, 2.9, columns=3, sharey=True)
for ax, rule in zip(three, ("right", "sees itself", "order for rank"), strict=True):
    for name, colour, style in (
        ("mean reward", course.BLUE, "-"),
        ("0", course.VERMILLION, "--"),
        ("1", course.GREEN, ":"),
    ):
        learner, rewards = make(rule, seed=3), []
        optimizer = mn.optimizers.SGD(learner.params, learning_rate=0.1)
        for _ in range(200):
            P = np.exp(honest.with_params(learner.params).forward(strings, same)[0])
            rewards.append(P @ reward)
            b = rewards[-1] if name == "mean reward" else float(name)
            _, cache = learner.forward(strings, same)
            optimizer.step(learner.backward(-P * (reward - b), cache))
        ax.plot(rewards, style, color=colour, linewidth=2, label=name)
    P = np.exp(honest.with_params(make(rule, seed=3).params).forward(strings, same)[0])
    _, cache = make(rule, seed=3).forward(strings, same)
    grads = make(rule, seed=3).backward(P, cache)  # (6.5)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in grads.values()))
    ax.set_title(f"{rule}\nnorm of (6.5): {norm:.1e}", fontsize=10)
    ax.set_xlabel("step of the exact gradient")
three[0].set_ylabel("expected reward")
_ = three[0].legend(title="baseline $b$", loc="lower right")

# %% [markdown]
# On the left three curves lie on top of each other: with the right mask, a constant baseline does
# not change the exact gradient, as (6.5) says. In the other panels the baseline changes everything.
# And yet *with the mean reward as baseline, which is what one uses, both bugs get to the top*, one
# of them through a valley that no small step along the true gradient could lead into. That is how a
# leak survives: what it costs depends on a setting that should not matter, and nobody has the curve
# without it to compare with. So test for it.
#
# ## 6. Drawing strings
#
# To draw a string one walks down the tree: decide $o_0$, look, decide $o_1$, look, ... Each
# decision draws from a softmax. The package does so by a trick that needs no cumulative sums and
# treats a whole batch at once (`maade_np.policies.maade_sampler`): add independent **Gumbel noise**
# to the logits and take the largest,
#
# $$ g_k = -\log E_k, \quad E_k \sim \text{exponential}, \qquad a = \arg\max_k\, (z_k + g_k) \tag{6.6} $$
#
# Why does that draw from the softmax? Write $x_k = e^{-(z_k + g_k)} = E_k / e^{z_k}$: the largest
# $z_k + g_k$ is the smallest $x_k$, and $x_k$ is an exponential waiting time with rate $\lambda_k =
# e^{z_k}$. Which of several such clocks rings first? Clock $k$ rings at time $x$ with density
# $\lambda_k e^{-\lambda_k x}$, and every other clock $l$ is still silent with probability
# $e^{-\lambda_l x}$:
#
# $$ P(a = k) = \int_0^\infty \lambda_k e^{-\lambda_k x} \prod_{l \ne k} e^{-\lambda_l x}\, dx
#  = \lambda_k \int_0^\infty e^{-(\sum_l \lambda_l) x}\, dx = \frac{e^{z_k}}{\sum_l e^{z_l}} \tag{6.7} $$
#
# Does the sampler as a whole, with its noise, its order and its own way of computing the contexts,
# draw each string as often as `forward` says? Count 100,000 strings, and measure each count in
# units of its own standard deviation $\sqrt{n P (1 - P)}$. If all is well these are draws from
# (nearly) a standard normal distribution.

# %%
n = 100_000
actions, sampled = policy.sample(n, np.array(permuted), np.random.default_rng(6))
counts = np.bincount(space.identity(actions), minlength=len(strings))
log_prob, _ = policy.forward(strings, same)
P = np.exp(log_prob)
deviations = (counts - n * P) / np.sqrt(n * P * (1 - P))
again, _ = policy.forward(actions, np.tile(permuted, (n, 1)))
print(
    f"the sampler's log-probabilities and forward's differ by at most "
    f"{np.abs(sampled - again).max():.0e}"
)
print(
    f"deviations of the {len(counts)} counts: root mean square "
    f"{np.sqrt((deviations**2).mean()):.2f}, largest {np.abs(deviations).max():.1f}"
)

figure, ax = course.axes(6.2, 3.0)
ax.errorbar(
    P,
    counts / n,
    yerr=2 * np.sqrt(P * (1 - P) / n),
    fmt="o",
    markersize=4,
    elinewidth=1,
    color=course.BLUE,
)
ends = np.array([P.min() / 1.5, P.max() * 1.5])
ax.plot(ends, ends, color=course.MUTED, linewidth=1, zorder=0)
ax.set(xscale="log", yscale="log", xlabel="probability by forward", ylabel="share of the samples")
_ = ax.set_title("each of the 36 strings, two standard deviations")

# %% [markdown]
# Finally one string, slowly. The policy decides six hyper-parameters in the order 2, 5, 0, 3, 1, 4.
# An arc leads to the decision that is being made from each one that it sees, as wide as its
# attention weight; the bars are its probabilities, and the filled one was drawn.

# %%
six = mn.spaces.CategoricalSpace(names, [3, 3, 3, 3, 3, 3])
walker = mn.policies.MAADE(
    six,
    d=12,
    rng=11,
    dtype=np.float64,
    form="textbook",
    init_scales={"heads": 1.0, "attention": 2.0},
)
walk = np.array([[2, 5, 0, 3, 1, 4]])
drawn, total = walker.sample(1, walk, np.random.default_rng(8))
_, cache = walker.forward(drawn, walk)
attention = cache.inner.blocks[0][0].softmax.alpha[0]  # (5.2), notebook 5
probabilities = np.exp(walker.conditionals(drawn, walk))[0]


def draw_step(figure, frame):
    """One frame: step t, before the draw (`phase` 0) or after it (1)."""
    t, phase = divmod(frame, 2)
    ax = figure.subplots()
    for step, i in enumerate(walk[0]):
        known = step < t or (step == t and phase == 1)
        now = step == t
        if known or now:
            for k, p in enumerate(probabilities[i]):
                chosen = known and k == drawn[0, i]
                ax.bar(
                    i - 0.25 + 0.25 * k,
                    p,
                    0.21,
                    bottom=-1.25,
                    linewidth=1.2,
                    edgecolor=course.BLUE,
                    facecolor=course.BLUE if chosen else "white",
                )
        ax.text(
            i,
            0.08,
            drawn[0, i] if known else "?",
            ha="center",
            va="center",
            fontsize=13,
            color=course.INK if known else course.MUTED,
            bbox={
                "boxstyle": "circle,pad=0.35",
                "fc": course.SKY if known else "white",
                "ec": course.VERMILLION if now else course.MUTED,
                "lw": 2 if now else 1,
            },
        )
        ax.text(i, -1.45, six.names[i], ha="center", va="top", fontsize=9.5)
        ax.text(i, -1.72, f"step {step}", ha="center", va="top", fontsize=8, color=course.MUTED)
        if now:
            for j in walk[0, :t]:
                bend = 0.42 if j < i else -0.42
                ax.annotate(
                    "",
                    (i, 0.3),
                    xytext=(j, 0.3),
                    zorder=0,
                    arrowprops={
                        "arrowstyle": "-|>",
                        "color": course.VERMILLION,
                        "shrinkB": 4,
                        "linewidth": 0.4 + 5 * attention[i, j],
                        "connectionstyle": f"arc3,rad={-bend}",
                    },
                )
    done = walk[0, : t + phase]
    so_far = sum(np.log(probabilities[i, drawn[0, i]]) for i in done)
    ax.set_title(f"log P so far {so_far:6.2f}", fontsize=10)
    ax.set(xlim=(-0.6, 5.6), ylim=(-2.0, 1.75))
    ax.axis("off")


print(f"string {drawn[0]}, log P by the sampler {total[0]:.3f}")
course.animate(
    draw_step,
    range(12),
    width=6.6,
    height=3.4,
    per_second=1.0,
    hold=3.0,
    alt="A string is drawn one decision after the other; each looks at those made before.",
)

# %% [markdown]
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb06.py`](solutions/nb06.py).
#
# ### Exercise 6.1: the mask
#
# <a id="exercise_6_1_mask"></a>
# Write `mask(orders)`: from orders (B, N), each row its own permutation, to the boolean array (B,
# N, N) of (6.4), without a loop over strings.

# %%
answer = None  # def answer(orders): return ...
# checks.nb06.check_mask(answer)

# %% [markdown]
# ### Exercise 6.2: find the silent bug
#
# <a id="exercise_6_2_witness"></a>
# A colleague's policy takes its mask from these two lines:
#
# ```python
# step = orders
# visible = step[:, None, :] < step[:, :, None]
# ```
#
# Its tests pass: sums over all strings, samples against `forward`, and the picture of section 3,
# for the natural order, for the reversed order, and for every order that comes from the natural one
# by swapping two decisions. Give one order of **five** decisions, as a list, for which the mask is
# wrong. (What do the orders that were tested have in common?)

# %%
answer = None  # [.., .., .., .., ..]
# checks.nb06.check_witness(answer)

# %% [markdown]
# ### Exercise 6.3: a test that can fail
#
# <a id="exercise_6_3_causal"></a>
# Write `causal(policy, order)`, which returns True if under this order no decision depends on
# itself or on later ones, and False otherwise. Of the policy you may use `policy.space` and
# `policy.conditionals(actions, orders)` only. It is given policies in float64 over small spaces,
# some right, some with a leak, and some of these leaks are small: a single decision that sees a
# single later one. Differences above 1e-9 are leaks.

# %%
answer = None  # def answer(policy, order): return ...
# checks.nb06.check_causal(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/policies/base.py`](../maade_np/policies/base.py): what all policies share, among it
#   `check_orders` (6.3), the product (6.1) as a sum of logarithms, and the noise of (6.6). An order
#   that is no permutation is refused, with its row.
# - [`maade_np/policies/maade_sampler.py`](../maade_np/policies/maade_sampler.py): the walk down the
#   tree for a whole batch at a time.
# - [`tests/test_maade.py`](../tests/test_maade.py): section 4 for MAADE with one to three blocks;
#   [`tests/test_policies_density.py`](../tests/test_policies_density.py): for the other policies.
# - The orders of a search are a setting: `maade-np search --orders natural`, `--orders 4`,
#   `--orders all`.
#
# ## Further reading
#
# - Larochelle and Murray, *The neural autoregressive distribution estimator* (AISTATS 2011); Uria
#   et al., *Neural autoregressive distribution estimation* (2016), arXiv:1605.02226: orders, and
#   many of them.
# - Germain et al., *MADE: masked autoencoder for distribution estimation* (2015), arXiv:1502.03509:
#   masks in place of attention.
# - Yang et al., *XLNet* (2019), arXiv:1906.08237: permuted orders in a large model, and its two
#   streams.
# - Maddison, Tarlow and Minka, *A\* sampling* (2014), arXiv:1411.0030: on the Gumbel trick.
