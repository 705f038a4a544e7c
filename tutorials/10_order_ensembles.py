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
# # 10. Mix the orders in which a policy decides
#
# *Reading time about 30 minutes · runs in about 20 seconds · assumes notebooks 6, 7 and 9*
#
# **What you will do**
#
# - Fit one network to a known density under one order, under four and under all 24, and see what
#   each order knows.
# - Derive what the paper's ensemble of orders samples and climbs, check it exactly, and halve its
#   variance by a sum over orders that the paper does not make.
# - Count what more orders cost, and time it.
# - Look at hundreds of searches a row on real results, and compute how large a difference could
#   have stayed hidden.
#
# **What you will learn**
#
# - Why any order would do for a table of probabilities, and does not for a network.
# - That an order ensemble is a mixture, and the paper's estimate the score of a pair, order and
#   string.
# - Why "no difference was found" says something only together with the difference that would have
#   been.
#
# **What you will need**
#
# Masks and orders (notebook 6), MAADE (notebook 7), the ratio of PPO (notebook 9). Nothing is
# downloaded; the real results are committed records.

# %% [markdown]
# ## The question
#
# An autoregressive policy decides one hyper-parameter after the other, so somebody has to say which
# comes first. In a text the order is given; in a cell with 21 edges and 5 operations it is not. The
# paper's answer is to draw $S$ random orders at the start, to train *one* set of weights on all of
# them, and to draw an order anew for every string. Its Table 6 finds the test error to "improve,
# then dip, before asymptotically improving again" as $S$ grows.
#
# What is such an ensemble, what does it cost, and what does it bring?
#
# ## For a table, any order will do
#
# For every joint distribution $P$ and every order $z$ (a permutation; $z_t$ is decided at step $t$)
# the chain rule holds:
#
# $$P(a_1, \dots, a_N) = \prod_{t=1}^N P(a_{z_t} \mid a_{z_1}, \dots, a_{z_{t-1}}). \tag{10.1}$$
#
# There is nothing to choose: the conditionals differ from order to order, their product does not.
# Once more the 36 strings of notebook 9, now with a known density over them, in which the decisions
# hang together. Its conditionals, by summing the table:

# %%
import time
from itertools import permutations, product

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import objectives, statistics

space = mn.spaces.CategoricalSpace(["a", "b", "c", "d"], [3, 3, 2, 2])
strings = np.array(list(product(*map(range, space.cardinalities))))
f = np.random.default_rng(7).normal(size=len(strings))
target = np.exp(1.5 * f) / np.exp(1.5 * f).sum()


def chain(order):
    """Return the product of the table's conditionals along an order: (10.1), by plain sums."""
    found = np.ones(len(strings))
    for t in range(len(order)):
        seen, decided = order[: t + 1], order[:t]
        for row, string in enumerate(strings):
            with_it = target[(strings[:, seen] == string[seen]).all(axis=1)].sum()
            before = target[(strings[:, decided] == string[decided]).all(axis=1)].sum()
            found[row] *= with_it / before
    return found


every_order = np.array(list(permutations(range(4))))
worst = max(np.abs(chain(list(order)) - target).max() for order in every_order)
print(f"{len(every_order)} orders, largest difference of any product from the table: {worst:.1e}")

# %% [markdown]
# ## For a network it matters
#
# MAADE computes the conditionals from *one* set of weights, whatever the order: it is asked for
# $P(a_i \mid \text{a set of others})$, and nothing makes its answers for different sets belong to
# one joint distribution. So a network with weights $\theta$ has a density $P_\theta(a \mid z)$ *for
# each order*, and these can differ.
#
# To see by how much, fit it to the table: maximise $\sum_a P(a) \log P_\theta(a \mid z)$, averaged
# over the orders that are trained. (No search yet: with a known target we can ask what the network
# can represent.) What is left of
#
# $$\mathrm{KL}(P \,\|\, P_\theta(\cdot \mid z)) = \sum_a P(a) \log \frac{P(a)}{P_\theta(a \mid z)} \tag{10.2}$$
#
# is the misfit of order $z$.


# %%
def densities(policy):
    """Return P(a|z) for all 24 orders and 36 strings, (24, 36)."""
    orders = np.repeat(every_order, len(strings), axis=0)
    log_prob, _ = policy.forward(np.tile(strings, (len(every_order), 1)), orders)
    return np.exp(log_prob).reshape(len(every_order), len(strings))


def fit(trained, d=8, steps=600):
    """Fit a fresh MAADE of width d to the target under the given orders, all of them at once."""
    policy = mn.policies.MAADE(space, d=d, rng=0, dtype=np.float64)
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-2)
    actions = np.tile(strings, (len(trained), 1))
    orders = np.repeat(trained, len(strings), axis=0)
    dlog_prob = -np.tile(target, len(trained)) / len(trained)
    for _ in range(steps):
        _, cache = policy.forward(actions, orders)
        optimizer.step(policy.backward(dlog_prob, cache))
    return policy


CHOSEN = {"S = 1": [0], "S = 4": [0, 5, 14, 23], "S = all": list(range(24))}
fitted = {name: fit(every_order[rows]) for name, rows in CHOSEN.items()}
dens = {name: densities(policy) for name, policy in fitted.items()}


def kl(p):
    return (target * np.log(target / p)).sum(axis=-1)  # (10.2)


# with independent decisions the best possible is the product of the target's marginals
marginals = [
    [target[strings[:, i] == v].sum() for v in range(c)] for i, c in enumerate(space.cardinalities)
]
independent = np.prod([np.array(m)[strings[:, i]] for i, m in enumerate(marginals)], axis=0)
print(f"misfit of the best independent decisions: {kl(independent):.3f} nats")
print("            trained orders   untrained orders   mixture of the trained ones")
for name, rows in CHOSEN.items():
    rest = [z for z in range(24) if z not in rows]
    untrained = f"{kl(dens[name][rest]).mean():16.3f}" if rest else " " * 15 + "-"
    print(
        f"{name:10} {kl(dens[name][rows]).mean():14.4f} {untrained}   {kl(dens[name][rows].mean(axis=0)):20.4f}"
    )

# %%
figure, panels = course.axes(9, 3.1, columns=3)
for ax, (name, rows) in zip(panels, CHOSEN.items(), strict=True):
    ranked = np.array(rows + [z for z in range(24) if z not in rows])
    p = dens[name][ranked]
    distance = 0.5 * np.abs(p[:, None] - p[None]).sum(axis=2)
    image = course.heatmap(ax, distance, limit=0.9)
    edge = len(rows) - 0.5
    if edge < 23:
        ax.plot([-0.5, edge, edge], [edge, edge, -0.5], color=course.VERMILLION, linewidth=1.6)
    ax.set(
        title=f"{name}: {distance.max():.2f} at most",
        xticks=[],
        yticks=[],
        xlabel="24 orders, trained ones first",
    )
figure.colorbar(
    image, ax=panels, label="total variation distance", fraction=0.02
).outline.set_visible(False)
plt.show()

# %% [markdown]
# Each square compares the densities of two orders (the total variation distance: the largest
# difference in the probability of any event; 0 is the same density, 1 no overlap). Orange frames
# the trained orders. What the table and the picture say:
#
# - **Trained on one order, the network is a specialist.** It fits the target exactly in its order,
#   and in the 23 others it is worse than a model without any dependence: it was never asked for
#   those conditionals, and answers at random.
# - **Four orders**: a somewhat worse fit in each of them, still ignorance elsewhere.
# - **All orders**: no order is ignorant and the orders mostly agree, but hardly any is fitted
#   exactly. The same width has to serve many more conditionals.
#
# So mixing orders is not free even where nothing has to be explored: it *trades* exactness in one
# order for competence in many. With more width the trade becomes cheaper (try `d=16`).
#
# ## What the ensemble is: a mixture
#
# Now the paper's setting (its equation 10). Draw an order $z$ uniformly from the $S$ chosen ones,
# then a string in that order. The pair has the density
#
# $$P_\theta(z, a) = \frac1S\, P_\theta(a \mid z), \tag{10.3}$$
#
# and the string alone, whose reward is all that counts,
#
# $$\bar P_\theta(a) = \frac1S \sum_{s=1}^S P_\theta(a \mid z_s): \tag{10.4}$$
#
# a mixture of $S$ autoregressive densities with shared weights. Its expected reward is
# $J(\theta) = \sum_a \bar P_\theta(a) f(a)$. The gradient, line by line:
#
# $$\begin{aligned}
# \nabla J &= \sum_a \nabla \bar P_\theta(a)\, A(a) && \text{a baseline changes nothing} \\
#  &= \sum_{s, a} \tfrac1S\, \nabla P_\theta(a \mid z_s)\, A(a) && (10.4) \\
#  &= \sum_{s, a} P_\theta(z_s, a)\, \nabla \log P_\theta(a \mid z_s)\, A(a) && \nabla p = p \nabla \log p,\ (10.3) \\
#  &= \mathbb E_{z, a}[\, A(a)\, \nabla \log P_\theta(a \mid z) \,]. &&
# \end{aligned} \tag{10.5}$$
#
# So one takes the log-probability of the string *in the order in which it was drawn*. The factor
# $1/S$ has no gradient, and in PPO's ratio it cancels. That is what the package does, and what the
# paper writes.
#
# It is not the only unbiased way. The order is a nuisance: the reward depends on the string alone.
# Once a string is drawn, we may average over the orders that *could* have drawn it:
#
# $$\begin{aligned}
# \nabla \log \bar P_\theta(a) &= \frac{\sum_s \frac1S \nabla P_\theta(a \mid z_s)}{\bar P_\theta(a)}
#  = \sum_s \underbrace{\frac{P_\theta(a \mid z_s)}{\sum_{s'} P_\theta(a \mid z_{s'})}}_{P_\theta(z_s \mid a)} \nabla \log P_\theta(a \mid z_s)
#  = \mathbb E_{z \mid a}[\, \nabla \log P_\theta(a \mid z) \,].
# \end{aligned} \tag{10.6}$$
#
# The score of the mixture is the *conditional mean* of the pair's score, given the string.
# Replacing a random variable by its conditional mean keeps the mean and cannot increase the
# variance (Rao and Blackwell). Both claims by enumeration, on the policy that we fitted to four
# orders:


# %%
def scores(policy, orders):
    """Return P(a|z) (S, 36) and the gradient of log P(a|z) of every pair (S, 36, n), one by one."""
    p, g = [], []
    for order in orders:
        log_prob, cache = policy.forward(strings, np.tile(order, (len(strings), 1)))
        p.append(np.exp(log_prob))
        g.append(
            [
                np.concatenate([x.ravel() for x in policy.backward(one, cache).values()])
                for one in np.eye(len(strings))
            ]
        )
    return np.array(p), np.array(g)


four = every_order[CHOSEN["S = 4"]]
p, g = scores(fitted["S = 4"], four)
mixture = p.mean(axis=0)  # (10.4)
A = f - mixture @ f
pair = p / len(four)  # (10.3)
posterior = p / p.sum(axis=0)  # P(z|a)
mean_score = np.einsum("sa,san->an", posterior, g)  # (10.6)

of_pairs = np.einsum("sa,a,san->n", pair, A, g)  # (10.5)
of_mixture = np.einsum("a,a,an->n", mixture, A, mean_score)
spread_of_pairs = np.einsum("sa,a,san->", pair, A**2, g**2) - of_pairs @ of_pairs
spread_of_mixture = np.einsum("a,a,an->", mixture, A**2, mean_score**2) - of_mixture @ of_mixture
print(
    f"largest difference of the two expected gradients  {np.abs(of_pairs - of_mixture).max():.1e}"
)
print(f"variance of one string's estimate, score of the pair (10.5)     {spread_of_pairs:6.1f}")
print(f"                                   score of the mixture (10.6)  {spread_of_mixture:6.1f}")

# %% [markdown]
# The same mean to the last digits, and about half the variance. It costs a forward and a backward
# pass in all $S$ orders for every string. Where an evaluation takes an hour that would be cheap;
# neither the paper nor this package does it (you will, in exercise 10.2). How much it can bring in
# a search is another question, and the measurements below make one modest: orders hardly matter
# there.
#
# ## What more orders cost
#
# **In statistics.** A conditional is asked of the network as a hyper-parameter with the *set*
# decided before it (the attention does not see in which sequence: notebook 6). One order has $N$
# such contexts. $S$ orders have at most $S N$, and all orders together
#
# $$N\, 2^{N-1}: \tag{10.7}$$
#
# any subset of the others, for each. With $N = 26$ that is 872,415,232, to be learnt from 150 or
# 3,200 evaluations by weights that all of them share.
#
# **In time.** With one shared order the sampler can do without gathering: at step $t$ the whole
# batch decides the same hyper-parameter, and the contexts are one matrix product. As soon as
# strings have orders of their own, each has its own mask. An update knows no difference.

# %%
nas = mn.spaces.NASBench101Space()
policy = mn.policies.MAADE(nas, d=45, rng=0)  # the paper's width for 3,200 queries
B, N = 64, nas.size
rng = np.random.default_rng(0)


def milliseconds(run, repeats=30):
    """Return the shortest time of a call: what else the machine does can only add."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        taken.append(1000 * (time.perf_counter() - start))
    return min(taken)


def update(actions, orders):
    _, cache = policy.forward(actions, orders)
    policy.backward(np.ones(B, dtype=np.float32), cache)


times = {}
for S in (1, 2, 4, 16, 64):
    mixed = np.array([rng.permutation(N) for _ in range(S)])
    orders = mixed[rng.integers(S, size=B)]
    actions, _ = policy.sample(B, orders, rng)
    times[S] = (
        milliseconds(lambda o=orders: policy.sample(B, o, rng)),
        milliseconds(lambda a=actions, o=orders: update(a, o)),
    )
figure, ax = course.axes(5.6, 2.4)
place = np.arange(len(times))
for k, (name, colour) in enumerate(
    (("drawing 64 strings", course.BLUE), ("update", course.ORANGE))
):
    ax.bar(place + 0.4 * k - 0.2, [t[k] for t in times.values()], 0.36, color=colour, label=name)
ax.set_xticks(place, [f"S = {S}" for S in times])
ax.set_ylabel("milliseconds")
ax.set_ylim(0, 1.45 * max(max(t) for t in times.values()))
ax.legend(ncols=2, loc="upper left")
ax.grid(axis="x", visible=False)
plt.show()

# %% [markdown]
# (On the machine that built this page; the heights will differ on yours, the step from one order to
# two should not.) Next to an evaluation both are nothing.
#
# ## Does it help a search?
#
# First on something quick. The toy landscape, noise-free, 150 queries, 40 seeds a row, the paper's
# settings with fifteen strings a batch:

# %%
toy = mn.tables.Toy()
SETTINGS = ("1", "4", "16", "all", "natural")


def final_error(orders, seed):
    searcher = mn.searchers.create(
        "remaade", toy.space, seed=seed, preset="paper-short", batch_size=15, orders=orders
    )
    result = mn.search(searcher, toy, budget=150, protocol="test-mean")
    return 100 * (1 - result.best.held_out)


on_toy = {S: np.array([final_error(S, seed) for seed in range(40)]) for S in SETTINGS}
for S, errors in on_toy.items():
    found = statistics.bootstrap(errors, rng=0)
    print(f"orders = {S:8} error {found.value:.2f} %  [{found.low:.2f}, {found.high:.2f}]  (toy)")

# %% [markdown]
# The intervals overlap widely. Forty trials of a toy prove nothing either way, so to the real
# thing. The repository holds the records of the paper's Table 6, run again on NAS-Bench-101's
# **real** test accuracies: 3,200 queries, B = 64, d = 45, step size 0.001, and $S$ from 1 to all.
# `test-holdout`: one test run drives, the mean of the two others, which the search never saw, is
# the result. They can be read without the table:

# %%
from pathlib import Path

from maade_np.reproduce import table6
from maade_np.reproduce.write import read_study

study = table6.STUDY
records = read_study(study, Path("../benchmarks/results/table6"))
real = records["holdout"]
rows = [name for name in real if name != "random"]
ours = {name: real[name].final("held_out") for name in rows}
print("trials a row:", {name: len(values) for name, values in ours.items()})

figure, panels = course.axes(9, 3.1, columns=2, sharex=True)
place = np.arange(len(rows))
printed = np.array([[study.printed[name].mean, study.printed[name].spread] for name in rows])
panels[0].errorbar(
    place,
    printed[:, 0],
    1.96 * printed[:, 1] / np.sqrt(500),
    fmt="D-",
    color=course.ORANGE,
    capsize=3,
)
panels[0].set_title("the paper's Table 6, if its ± are deviations of 500 trials")
bars = [statistics.bootstrap(ours[name], rng=0) for name in rows]
middle = np.array([bar.value for bar in bars])
span = [middle - [bar.low for bar in bars], [bar.high for bar in bars] - middle]
panels[1].errorbar(place, middle, span, fmt="o-", color=course.BLUE, capsize=3)
panels[1].set_title("measured again, real results, held out")
for ax, centre in zip(panels, (5.925, 6.125), strict=True):
    ax.set_ylim(centre - 0.06, centre + 0.06)
    ax.set_xticks(place, [name.removeprefix("S = ") for name in rows])
    ax.set_xlabel("S, number of orders mixed")
panels[0].set_ylabel("test error (%)")
plt.show()

# %% [markdown]
# Both panels span 0.12 points, so heights can be compared; levels cannot, for the paper's protocol
# is not fully stated. Bars are 95 % intervals of the mean. At the left the line falls from $S = 1$
# to 4 and then wavers. At the right there is no line to speak of.
#
# ### How large a difference could have hidden?
#
# "We found no difference" is worth little by itself: with three trials nobody finds one. So compute
# what could have been found. Two rows with $n$ trials each, standard deviation $\sigma$ and
# correlation $\rho$ between trials of the same seed have a difference of means with standard error
#
# $$\mathrm{se} = \sigma \sqrt{\frac{2 (1 - \rho)}{n}}. \tag{10.8}$$
#
# Why a correlation? In this package one seed gives all rows the same initial weights and the same
# noise for drawing, so the beginnings of their searches tend to be alike. It is weak, but it is
# there, and comparing trial by trial makes use of it. A difference is found with probability 80 %
# by a two-sided test at 5 % when it is at least $(1.96 + 0.84)\, \mathrm{se}$.

# %%
n = min(len(values) for values in ours.values())
final = np.array([ours[name][:n] for name in rows])
correlation = np.corrcoef(final)[np.triu_indices(len(rows), 1)]
sigma, rho = final.std(axis=1, ddof=1).mean(), correlation.mean()
se = sigma * np.sqrt(2 * (1 - rho) / n)  # (10.8)
print(
    f"standard deviation {sigma:.3f}, correlation of trials with the same seed {rho:.2f}, n = {n}"
)
print(
    f"standard error of a difference {se:.4f}; found in 80 % of cases: {2.8 * se:.3f} points or more"
)

reference = rows.index("S = 4")
p_values, lines = [], []
for k, name in enumerate(rows):
    if k != reference:
        found = statistics.bootstrap(final[k] - final[reference], rng=0)
        p_values.append(
            statistics.permutation_test(
                final[k], final[reference], rng=0, draws=3000, paired=True
            ).p
        )
        lines.append((name, found, study.printed[name].mean - study.printed["S = 4"].mean))
print("\nless S = 4       measured   95 % interval      p, corrected (Holm)   the paper's")
for (name, found, theirs), p_value in zip(lines, statistics.holm(p_values), strict=True):
    print(
        f"{name:10}   {found.value:+12.3f}   [{found.low:+.3f}, {found.high:+.3f}]   {p_value:15.2f}   {theirs:+15.2f}"
    )

# %% [markdown]
# That is a statement with content. A difference of 0.04 points, the paper's between $S = 1$ and
# $S = 4$, would very probably have shown, and lies outside the measured interval; differences of
# 0.01 or 0.02, such as the paper has between $S = 4$, 6, 8 and 16, could not be told from nothing
# by so many trials, nor by the paper's 500. On the noise-free protocol the trials scatter less, so
# that they can tell smaller differences apart:

# %%
noise_free = records["test-mean"]
errors = {name: noise_free[name].final("held_out") for name in rows}
means = [values.mean() for values in errors.values()]
spread = np.mean([values.std(ddof=1) for values in errors.values()])
print(
    f"standard deviation {spread:.3f}; the largest and the smallest of the seven means are "
    f"{np.ptp(means):.3f} points apart"
)
for name in ("S = 1", "S = 4", "S = all"):
    found = statistics.bootstrap(errors[name], rng=0)
    print(
        f"{name:8} {found.value:.3f} % [{found.low:.3f}, {found.high:.3f}]  ({len(errors[name])} trials, test-mean, real)"
    )
paired = [
    statistics.permutation_test(errors[k], errors["S = 4"], rng=0, draws=3000, paired=True).p
    for k in rows
    if k != "S = 4"
]
print(
    "p against S = 4, corrected:",
    {
        k: round(p, 2)
        for k, p in zip([k for k in rows if k != "S = 4"], statistics.holm(paired), strict=True)
    },
)

# %% [markdown]
# There all seven means lie within a few hundredths of a point. Whatever of that is more than luck,
# it is less than the 0.04 of the printed table. And one more look at that table, with its own
# numbers. Suppose that $S$ makes *no* difference at all, 500 trials a row, deviation 0.19. How far
# are the largest and the smallest of seven means apart?

# %%
rng = np.random.default_rng(1)
spans = np.ptp(rng.normal(5.92, 0.19 / np.sqrt(500), size=(50_000, 7)), axis=1)
print(
    f"by luck alone: {spans.mean():.3f} points on average; 0.04 or more in {np.mean(spans >= 0.04):.1%} of cases, 0.02 or more in {np.mean(spans >= 0.02):.0%}"
)

# %% [markdown]
# So of the pattern "improve, then dip, then improve" nothing needs an explanation (seven equal
# methods look like that), but the gap of $S = 1$ is more than luck, *if* the ± are standard
# deviations of trials and the trials are independent. We do not know that, and could not reproduce
# the gap. It is fair to say: **that mixing orders helps a search on this benchmark does not show in
# our measurements, and if it helps, then by a few hundredths of a point at most.**
#
# Why not, when the network knows so little about untrained orders? Because a search never asks for
# them: with $S = 1$ the same order draws the strings and is trained. The specialist is all it
# needs.
#
# ## What an ensemble is good for: filling in
#
# There is a use where order does matter. Suppose that something is decided from outside: "$c$ and
# $d$ are given, propose the rest". A policy can do that by reading the given values first, *if* it
# was trained on orders that begin with them:
#
# $$P_\theta(a, b \mid c, d) = P_\theta(a \mid c, d)\; P_\theta(b \mid c, d, a), \qquad z = (c, d, a, b). \tag{10.9}$$
#
# A policy that only knows the order $(a, b, c, d)$ has to be used by Bayes' rule, which means
# summing over all completions: nine here, millions in a real space. Mean misfit over the values of
# $c$ and $d$, from the fitted policies:

# %%
order = np.array([2, 3, 0, 1])
row = int(np.flatnonzero((every_order == order).all(axis=1))[0])


def completion(p):
    """Return P(a, b | c, d) of every string, from the probabilities of all strings."""
    given = np.array([p[(strings[:, 2:] == s[2:]).all(axis=1)].sum() for s in strings])
    return p / given


for name in CHOSEN:
    # in this order c and d come first, so dividing by their probability leaves (10.9)
    misfit = (target * np.log(completion(target) / completion(dens[name][row]))).sum()
    print(f"{name:8} misfit of the completions {misfit:.3f} nats")
without = (target * np.log(completion(target) / completion(independent))).sum()
print(f"independent decisions, which ignore what is given: {without:.3f} nats")

# %% [markdown]
# The specialist's guess is worse than ignoring what is given; the policy trained on all orders
# completes well. If you want *one* policy that can be conditioned on anything, train it on all
# orders (`orders="all"`).
#
# ## Exercises
#
# ### Exercise 10.1: contexts
#
# <a id="exercise_10_1_contexts"></a>
#
# Write `contexts(orders)` that takes an integer array (S, N) of orders and returns how many
# *different* conditionals they ask of MAADE: pairs of a hyper-parameter and the set decided before
# it. Check yours against (10.7) with all 24 orders of four.

# %%
answer = None  # def contexts(orders): ...

# checks.nb10.check_contexts(answer)

# %% [markdown]
# ### Exercise 10.2: half the variance
#
# <a id="exercise_10_2_mixture"></a>
#
# The loss of a batch under the mixture is $L = -\frac1B \sum_b A_b \log \bar P_\theta(a_b)$. Write
# `mixture_gradient(log_prob, advantage)`: `log_prob` (S, B) are the $\log P_\theta(a_b \mid z_s)$
# of each string in *all* orders, and what is returned is
# $\partial L / \partial \log P_\theta(a_b \mid z_s)$, also (S, B), ready for one `policy.backward`
# on $S \cdot B$ rows. Log-probabilities of real strings can be below $-1000$: do not exponentiate
# them as they are.

# %%
answer = None  # def mixture_gradient(log_prob, advantage): ...

# checks.nb10.check_mixture(answer)

# %% [markdown]
# ### Exercise 10.3: find the silent bug
#
# <a id="exercise_10_3_step"></a>
#
# One step of REINFORCE on an order ensemble. It runs and it learns. With the natural order
# (`mixed = np.arange(N)[None]`) it learns as well as the package does; with random orders it ends
# lower, which on many other rewards one would not even see. There is one number that would have
# given it away at once. Find out what is wrong and mend it.


# %%
def ensemble_step(policy, optimizer, mixed, B, reward, rng):
    """Draw a batch in orders from `mixed` (S, N), make one step, return the mean reward."""
    orders = mixed[rng.integers(len(mixed), size=B)]
    actions, _ = policy.sample(B, orders, rng)
    rewards = reward(actions)
    when = np.argsort(orders, axis=1)  # when each hyper-parameter was decided
    log_prob, cache = policy.forward(actions, when)
    _, dlog_prob = objectives.reinforce(log_prob, rewards - rewards.mean())
    optimizer.step(policy.backward(dlog_prob, cache))
    return rewards.mean()


# %%
def learn(step, mixed, seed, batches=60):
    switches = mn.spaces.CategoricalSpace([f"switch {i}" for i in range(8)], [2] * 8)
    policy = mn.policies.MAADE(switches, d=16, rng=seed, dtype=np.float64)
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-2)
    rng = np.random.default_rng(seed)

    def unlike_neighbours(actions):  # the share of neighbours, in a ring, that differ
        return (actions != np.roll(actions, 1, axis=1)).mean(axis=1)

    return [step(policy, optimizer, mixed, 32, unlike_neighbours, rng) for _ in range(batches)]


natural = np.arange(8)[None]
random_orders = np.array([np.random.default_rng([4, s]).permutation(8) for s in range(4)])
for name, mixed in (("natural order", natural), ("four random orders", random_orders)):
    curves = np.mean([learn(ensemble_step, mixed, seed) for seed in range(6)], axis=0)
    print(f"{name:18}  mean reward at batches 1, 20, 39, 58: {curves[[0, 19, 38, 57]].round(2)}")

# %%
answer = None  # your ensemble_step

# checks.nb10.check_step(answer)

# %% [markdown]
# ### Exercise 10.4: how many trials?
#
# <a id="exercise_10_4_trials"></a>
#
# Write `trials_needed(difference, deviation, correlation)`: how many trials a row, with the same
# seeds in both, does it take to find a difference of means with probability 80 % in a two-sided
# test at 5 %? (A fraction of a trial may stay.) Then see what the paper's 0.01 between $S = 4$ and
# $S = 6$ would have taken, with the deviation and correlation measured above.

# %%
answer = None  # def trials_needed(difference, deviation, correlation): ...

# checks.nb10.check_trials(answer)

# %% [markdown]
# ## In practice
#
# - `orders=` of every policy-gradient searcher: a number S, `"all"` for a fresh order a string,
#   `"natural"` for 0 … N-1. Default `"1"`: one random order, the cheapest. `make_orders` in
#   [`maade_np/searchers/policy_gradient.py`](../maade_np/searchers/policy_gradient.py) draws S
#   *distinct* permutations from the trial's own stream.
# - A policy takes an order a string: `policy.forward(actions, orders)` with `orders[b, t]` the
#   hyper-parameter that string b decides at step t
#   ([`maade_np/policies/base.py`](../maade_np/policies/base.py)).
# - [Table 6](../benchmarks/results/table6/README.md) has all rows and protocols,
#   `maade-np reproduce table6` runs it.
#
# ## Further reading
#
# - B. Uria, I. Murray, H. Larochelle, *A deep and tractable density estimator*,
#   [arXiv:1310.1757](https://arxiv.org/abs/1310.1757): training on all orders, and ensembles of
#   them.
# - Z. Yang et al., *XLNet*, [arXiv:1906.08237](https://arxiv.org/abs/1906.08237): the same idea for
#   text, with two streams.
# - C. S. Krishna et al., [arXiv:2006.00939](https://arxiv.org/abs/2006.00939), section 8.2 and
#   Table 6.
# - G. Casella, C. P. Robert, *Rao-Blackwellisation of sampling schemes*, Biometrika 83 (1996).
