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
# # 8. Factorise the first block, and measure what it saves
#
# *Reading time about 30 minutes · runs in about 5 seconds · assumes notebooks 5 and 7*
#
# **What you will do**
#
# Find that MAADE's first block computes the same numbers over and over, compute them once, prove
# that it is the same function with the same gradient, and measure from which batch on it pays, and
# how much.
#
# **What you will learn**
#
# - how a batch of strings becomes one small table and a mask
# - three rearrangements that change the cost of a layer and nothing else
# - why 29 times fewer tanh do not make a program 29 times faster, and how to find out beforehand
# - where the trick ends: large families of values, and the second block
# - a bug in the gradient of a shared table that no check with one string can see
#
# **What you will need**
#
# The scores of additive attention (notebook 5) and the assembly of MAADE (notebook 7).

# %%
import time
from functools import partial
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import gradcheck, layers
from maade_np.policies.maade_sampler import make_tables

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 1. The same numbers, again and again
#
# A block scores every key for every query with a tanh of width $a$ (5.1). For a batch of $B$
# strings of $N$ decisions these are $B N^2 a$ numbers. At NAS-Bench-101's 26 decisions, with the
# paper's batch of 64 and $d = a = 45$, that makes two million, a forward pass. But what are they
# made of? Before the first block the query of $i$ is $q_i$, the same for all strings. The key of
# $j$ is $q_j + V_{a_j}$ (7.1): it depends on which **pair** $p = (j, a_j)$ of a hyper-parameter and
# a value it stands for, and on nothing else. There are only
#
# $$ P = \sum_j |A_j| \tag{8.1} $$
#
# pairs, $|A_j|$ being the number of values of $j$. So the score $e_{b,i,j}$ of string $b$ depends
# on $i$ and on $(j, a_{bj})$, and a batch of any size holds at most $N P$ different ones. Let us
# look for them in the textbook form's own cache, which keeps all of its tanh.

# %%
space = mn.spaces.NASBench101Space()
N, P = space.size, int(space.cardinalities.sum())
B, d = 64, 45
rng = np.random.default_rng(8)
actions = space.sample(B, rng)
orders = np.tile(rng.permutation(N), (B, 1))
textbook = mn.policies.MAADE(space, d=d, rng=0, dtype=np.float64, form="textbook")
factorised = mn.policies.MAADE(space, d=d, rng=0, dtype=np.float64, form="factorised")

_, cache = textbook.forward(actions, orders)
u = cache.inner.blocks[0][0].scores.u  # tanh(...) of every string, query and key
pairs = factorised.layout.first + actions  # (B, N): the number of each string's pair, 0 ... P - 1
which = np.arange(N)[None, :, None] * P + pairs[:, None, :]  # (query, pair) of each score
distinct, index = np.unique(which, return_inverse=True)
first = np.zeros((len(distinct), d))
first[index.ravel()] = u.reshape(-1, d)
spread = np.abs(u.reshape(-1, d) - first[index.ravel()]).max()
print(
    f"P = {P} pairs; {u[..., 0].size:,} scores in the batch, of which {len(distinct):,} are different"
)
print(f"scores of the same query and pair differ by at most {spread:.1g}")

# %% [markdown]
# ## 2. A table and a mask
#
# Compute each of them once. Let $K$ ($P \times d$) be the keys of all pairs, and
#
# $$ T_{ip} = \tanh(q_i W_q + K_p W_k + b_a) \cdot w_a \qquad (N \times P) \tag{8.2} $$
#
# the scores of all pairs, for all queries. No string occurs in it. What is left of a string is
# *which pairs it chose*, and of its order *when*. Put both into one mask:
#
# $$ \mathcal M_{bip} = \big[\, p = (j, a_{bj}) \text{ for some } j \text{ with } r_{bj} < r_{bi} \,\big]
#    \tag{8.3} $$
#
# In words: string $b$ chose the pair $p$, before it decides $i$. Then
#
# $$ \alpha_{bip} = \frac{\mathcal M_{bip}\, e^{T_{ip}}}{\sum_{p'} \mathcal M_{bip'}\, e^{T_{ip'}}}, \qquad
#    c_{bi} = \sum_p \alpha_{bip} K_p \tag{8.4} $$
#
# is the same context as before: the sums run over $P$ pairs, but only those count for which
# $\mathcal M$ is 1, and these are exactly the visible keys of the string, each once. **A string's
# attention is attention over all pairs, masked to those it chose and may see.** No score is
# gathered, no loop over strings is needed; the mask does it. This is
# `maade_np.layers.factorised_block_forward`.
#
# On a space of six decisions it fits into a picture (a row is a decision, with its rank in
# brackets). The table belongs to the policy, the mask to a string and its order; the weights come
# from both.

# %%
six = mn.spaces.CategoricalSpace(
    ["depth", "width", "pool", "act", "norm", "skip"], [3, 3, 2, 3, 2, 2]
)
small = mn.policies.MAADE(six, d=8, rng=3, dtype=np.float64, form="factorised")
string, order = np.array([[1, 2, 0, 1, 1, 0]]), np.array([[2, 5, 0, 3, 1, 4]])
K, _ = small.key_table()
block = small.block(1)
T, _ = layers.additive_scores_forward(
    small.params["q"], K, block["W_q"], block["W_k"], block["b_a"], block["w_a"]
)  # (8.2)
ranks = mn.policies.base.check_orders(order, 6)
when = np.full((1, len(K)), 6)  # the step at which a pair was chosen; 6: never
when[0, small.layout.first + string[0]] = ranks[0]
M = when[:, None, :] < ranks[:, :, None]  # (8.3)
alpha, _ = layers.masked_softmax_forward(T, M)  # (8.4)

columns = [f"{six.names[j]}={v}" for j in range(6) for v in range(six.cardinalities[j])]
rows = [f"{six.names[i]} ({ranks[0, i]})" for i in range(6)]
figure, three = course.axes(8.4, 6.6, rows=3, sharex=True)
course.heatmap(three[0], T, rows, columns, "score $T_{ip}$", diverging=True)
course.heatmap(three[1], M[0], rows, columns, "mask", limit=1)
course.heatmap(three[2], alpha[0], rows, columns, r"weight $\alpha_{ip}$", limit=1)
for ax, title in zip(
    three,
    (
        "the table: one for the whole batch",
        "the mask of one string: what it chose, and had chosen by then",
        "its attention",
    ),
    strict=True,
):
    ax.set_title(title)
    ax.tick_params(axis="x", labelsize=8)
    for edge in np.cumsum(six.cardinalities)[:-1] - 0.5:
        ax.axvline(edge, color=course.MUTED, linewidth=0.6)

# %% [markdown]
# Is it the same function? The whole policy in both forms, on the batch of 64 cells, all
# log-probabilities and the gradient of every parameter for a random upstream gradient:

# %%
dlog_prob = np.random.default_rng(1).normal(size=B)
(log_prob, cache), (other, other_cache) = (
    p.forward(actions, orders) for p in (textbook, factorised)
)
grads, other_grads = (
    textbook.backward(dlog_prob, cache),
    factorised.backward(dlog_prob, other_cache),
)
print(f"log-probabilities differ by at most {np.abs(log_prob - other).max():.0e}")
for name, gradient in grads.items():
    error = np.linalg.norm(gradient - other_grads[name]) / np.linalg.norm(gradient)
    print(f"   d{name:12} differs by {error:.0e} of its norm")

# %% [markdown]
# ## 3. Two more rearrangements
#
# With the scores out of the way something else is largest. PosFF multiplies the $B N$ sums $q_i +
# c_{bi}$ by $W_1$. But $c_{bi}$ is a mean of the $P$ keys, and a matrix may be applied before the
# mean is taken:
#
# $$ (q_i + \alpha_{bi} K)\, W_1 + b_1 = (q_i W_1 + b_1) + \alpha_{bi}\, (K W_1) \tag{8.5} $$
#
# The right side multiplies $N + P$ vectors by $W_1$, instead of $B N$, and needs no context at all.
# At the other end, PosFF's outer matrix is followed by the heads, with nothing but sums in between,
# so the two can be merged:
#
# $$ (y W_2 + b_2)\, W_{\mathrm{out},i} + b_{\mathrm{out},i} =
#    y\, \underbrace{(W_2 W_{\mathrm{out},i})}_{W_i} +
#    \underbrace{(b_2 W_{\mathrm{out},i} + b_{\mathrm{out},i})}_{b_i} \tag{8.6} $$
#
# $W_i$ and $b_i$ depend on parameters alone (`maade_np.layers.fold_heads_forward`), and $B N$
# products with a $f \times d$ matrix are gone. Between (8.5) and (8.6) stands $y = \tanh(\dots)$,
# which is what `factorised_block_forward` returns. Nothing can be moved past a tanh.

# %%
q = small.params["q"]
context = alpha @ K  # (8.4), for the string above
left = (q + context) @ block["W1"] + block["b1"]
right = q @ block["W1"] + block["b1"] + alpha @ (K @ block["W1"])
print("(8.5):", np.allclose(left, right, rtol=1e-12))

y, _ = layers.factorised_block_forward(q, K, M, block)
(W, b), _ = layers.fold_heads_forward(
    block["W2"], block["b2"], small.params["W_out"], small.params["b_out"]
)
merged, _ = layers.heads_forward(y, W, b)
apart, _ = layers.heads_forward(
    y @ block["W2"] + block["b2"], small.params["W_out"], small.params["b_out"]
)
print("(8.6):", np.allclose(merged, apart, rtol=1e-12))

# %% [markdown]
# ## 4. Counting
#
# How many numbers go through tanh in a forward pass? For the scores, $B N^2 a$ against $N P a$;
# PosFF's $B N f$ are the same in both. So of the scores' tanh there remain
#
# $$ \frac{N P a}{B N^2 a} = \frac{P}{B N} = \frac{\bar D}{B} \tag{8.7} $$
#
# with $\bar D = P / N$ the mean number of values of a decision. Counted, by a stand-in for
# `numpy.tanh` (notebook 5):


# %%
def count_tanh(policy, actions, orders):
    """How many numbers go through tanh in a forward pass."""
    with mock.patch.object(np, "tanh", course.Counting()) as tanh:
        policy.forward(actions, orders)
    return tanh.count


print(f"{'B':>4} {'textbook':>12} {'factorised':>12}   of the scores alone")
for size in (1, 4, 16, 64, 256):
    some = space.sample(size, rng)
    tiled = np.tile(orders[0], (size, 1))
    slow, fast = (count_tanh(policy, some, tiled) for policy in (textbook, factorised))
    inner = size * N * d
    print(
        f"{size:4} {slow:12,} {fast:12,}   {(slow - inner) / (fast - inner):6.1f} times fewer "
        f"(B N / P = {size * N / P:.1f})"
    )

# %% [markdown]
# For a single string the table is a waste: it holds scores of pairs that the string did not choose.
# From three strings on ($B > P / N$) it saves, and then in proportion to the batch.
#
# ## 5. Measuring
#
# Fewer tanh are not less time. We let both forms take turns, keep the fastest of several rounds of
# each (whatever else the machine does can only make a round longer), and report *ratios*, which say
# something about other machines too. An update is a forward and a backward pass, in float32 as in a
# search, with one thread.


# %%
def turns(*functions, rounds=7, repeat=1):
    """The shortest time of each function, measured in turns."""
    times = np.zeros((rounds, len(functions)))
    for row in times:
        for k, function in enumerate(functions):
            begin = time.perf_counter()
            for _ in range(repeat):
                function()
            row[k] = (time.perf_counter() - begin) / repeat
    return times.min(axis=0)


def update(policy, actions, orders):
    """A forward and a backward pass."""
    log_prob, cache = policy.forward(actions, orders)
    return policy.backward(np.ones_like(log_prob), cache)


def both_forms(space, **settings):
    """The same policy in both forms, in float32."""
    return [
        mn.policies.MAADE(space, rng=0, form=form, **settings)
        for form in ("textbook", "factorised")
    ]


pair = both_forms(space, d=d)
batches = (1, 2, 4, 8, 16, 32, 64, 128, 256)
gains, samples = [], []
for size in batches:
    some, tiled = space.sample(size, rng), np.tile(orders[0], (size, 1))
    repeat = max(1, 16 // size)
    slow, fast = turns(*(partial(update, p, some, tiled) for p in pair), repeat=repeat)
    gains.append(slow / fast)
    slow, fast = turns(*(partial(p.sample, size, orders[0], rng) for p in pair), rounds=5)
    samples.append(slow / fast)

figure, ax = course.axes(7.4, 3.6)
ax.loglog(
    batches,
    [size * N / P for size in batches],
    "--",
    color=course.MUTED,
    linewidth=1.5,
    label="tanh of the scores, counted",
)
ax.loglog(batches, samples, "s-", color=course.GREEN, linewidth=2, label="time of sampling")
ax.loglog(batches, gains, "o-", color=course.VERMILLION, linewidth=2, label="time of an update")
ax.axhline(1, color=course.INK, linewidth=0.8)
ax.set_xticks(batches, batches)
ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50, 100], ["0.5", "1", "2", "5", "10", "20", "50", "100"])
ax.minorticks_off()
ax.set(xlabel="batch B", ylabel="textbook / factorised")
ax.legend()
_ = ax.set_title(f"N = {N}, P = {P}, d = {d}, one block")
for wanted in (10, 30, 64):
    gain = np.exp(np.interp(np.log(wanted), np.log(batches), np.log(gains)))
    print(f"B = {wanted:2}: an update is about {gain:.1f} times as fast")

# %% [markdown]
# The update gains, from a few strings on, and far less than the count promised. Where did the rest
# go? Amdahl's law: if a share $s$ of the time is made to vanish, what remains is $1 - s$, so the
# gain is at most
#
# $$ \frac{1}{1 - s} \tag{8.8} $$
#
# So measure the share. How much of a *textbook* update at B = 64 is the layer of the scores,
# forward and backward, how much is tanh itself, and how long does the factorised update take beside
# it?

# %%
slow = pair[0]
weights, table = slow.block(1), slow.key_table()[0]
keys, queries = table[slow.layout.first + actions], slow.params["q"]
many = np.full((B, N, N, d), 0.3, dtype=np.float32)


def scores_only():
    """The layer of the scores, forward and backward."""
    e, cache = layers.additive_scores_forward(
        queries, keys, weights["W_q"], weights["W_k"], weights["b_a"], weights["w_a"]
    )
    layers.additive_scores_backward(e, cache)


whole, scores, tanh, fast = turns(
    lambda: update(slow, actions, orders),
    scores_only,
    lambda: np.tanh(many, out=many),
    lambda: update(pair[1], actions, orders),
    rounds=15,
)
print("share of the textbook update")
print(
    f"   tanh of the scores           {tanh / whole:4.0%}   without it: gain 1 / (1 - s) = "
    f"{1 / (1 - tanh / whole):.2f}"
)
print(
    f"   all of the scores' layer     {scores / whole:4.0%}   without it: gain 1 / (1 - s) = "
    f"{1 / (1 - scores / whole):.2f}"
)
print(f"   what remains                 {1 - scores / whole:4.0%}")
print(f"the whole factorised update     {fast / whole:4.0%}   measured:   gain {whole / fast:.2f}")

# %% [markdown]
# Two things are worth knowing here.
#
# *It is not the tanh.* It is the array: every operation that touches $B N^2 a$ numbers (a sum, the
# tanh, the product with $w_a$, and on the way back $1 - u^2$ and two more sums) costs its share,
# and with modern NumPy the tanh is but one of them. Whoever had put a cheaper function in its place
# would have gained next to nothing. The table makes *all* of these operations smaller.
#
# *Then the rest is what counts.* If only the scores had vanished, we should be left with "what
# remains". The factorised update is shorter than that, because (8.5) and (8.6) shorten the rest
# too. Of what is left now, most grows with $B$ in both forms: masks and weights of $B N P$ entries,
# the products with them, PosFF's own tanh, and the heads. No table helps there.
#
# **The sampler** gains even for a single string. It decides $N$ times in turn, and its textbook
# form computes at each step one row of scores for every string. With the table there is a shortcut.
# Let $\chi_b$ ($P$ zeros and ones) be the pairs that string $b$ has chosen *so far*, and
# $\omega_{ip} = e^{T_{ip}}$. As nothing else is visible, (8.4) and (8.5) become
#
# $$ \alpha_{bi} (K W_1) = \frac{\chi_b\, (\omega_i \odot K W_1)}{\chi_b \cdot \omega_i} \tag{8.9} $$
#
# where $\omega_i \odot K W_1$ has row $p$ multiplied by $\omega_{ip}$. It does not depend on the
# strings: one product of zeros and ones with a ready-made matrix gives numerator and (with a column
# of ones appended) denominator. No softmax, no gather.
# `maade_np.policies.maade_sampler.make_tables` prepares it.

# %%
tables = make_tables(small)
t = 4  # of the string above, at its fifth decision
i = order[0, t]
chi = np.zeros((1, len(K)))
chi[0, small.layout.first[order[0, :t]] + string[0, order[0, :t]]] = 1
weighted = tables.weights[i][:, None] * tables.values  # omega_i * K W_1, a row a pair
ratio = (chi @ weighted) / (chi @ tables.weights[i][:, None])  # (8.9)
print("(8.9) is the attention of (8.4):", np.allclose(ratio, alpha[0, i] @ (K @ block["W1"])))

# %% [markdown]
# One has to be careful with $e^{T}$: it may overflow, and if a large score is *not* chosen while
# small ones are, 0/0 threatens. Here the bound (5.10) helps, $|T_{ip}| < \|w_a\|_1$. As long as a
# row spans less than `maade_np.layers.masked_softmax.SAFE_RANGE`, subtracting its largest score is
# safe for every choice; beyond, `make_tables` gives no weights, and each string takes its own
# maximum.

# %%
for scale in (1.0, 30.0):
    wild = mn.policies.MAADE(six, d=8, rng=3, dtype=np.float64, init_scales={"attention": scale})
    made = make_tables(wild)
    width = np.ptp(made.scores, axis=1).max()
    verdict = "none: every string by itself" if made.weights is None else "ready-made weights"
    print(f"scale {scale:4.0f}: widest row of scores {width:6.1f} -> {verdict}")

# %% [markdown]
# ## 6. A gradient that many strings share
#
# Backwards, (8.4) is a masked softmax, and gives a gradient $de_{bip}$ for every string (5.5). All
# strings read the same table, and what is used many times collects a sum:
#
# $$ dT_{ip} = \sum_b de_{bip} \tag{8.10} $$
#
# Likewise $d(K W_1) = \sum_b \alpha_b^T\, dz_b$, where $z_b$ is the right side of (8.5). `masked_softmax_backward` sees that
# its scores were shared and returns the sum; from there on everything is as small as the table. (In
# the *textbook* form the sum comes at another place: the keys of the strings were *looked up* in
# $K$, so a key that many strings chose must collect from all of them. Exercise 8.3 is about this.)
#
# `gradcheck.check` has no idea of forms. Every string has its own order here, and there are 12 of
# them, so that each pair is chosen by several.

# %%
four = mn.spaces.CategoricalSpace(["depth", "width", "pool", "act"], [2, 3, 2, 3])
some = np.column_stack([rng.integers(0, c, size=12) for c in four.cardinalities])
own = rng.permuted(np.tile(np.arange(4), (12, 1)), axis=1)
for blocks in (1, 2):
    checked = mn.policies.MAADE(
        four, d=6, blocks=blocks, rng=0, form="factorised", init_scales={"heads": 1.0}
    )
    error, where = gradcheck.check(checked, some, own, methods=("complex",)).worst("complex")
    print(f"{blocks} block(s): largest error {error:.0e} of the gradient's norm (in {where})")

# %% [markdown]
# ## 7. Where it ends
#
# **Many values.** $P$ grows with the number of values, and the table with it, whether a batch uses
# them or not; the masks $(B, N, P)$ grow as well. If ten hyper-parameters had a thousand values
# each, one would compute ten thousand columns to read at most $B$ a decision. So there is a rule,
# `maade_np.policies.factorised_pays`, which weighs the cost of both forms, and `form="auto"`, the
# default, asks it. Let us see how good it is: numbers are measured ratios of an update's time,
# textbook / factorised, and a frame means that the rule takes the factorised form.

# %%
counts, sizes, length, narrow = (2, 4, 8, 16, 32), (1, 4, 16, 64), 16, 24
measured = np.zeros((len(counts), len(sizes)))
figure, ax = course.axes(5.6, 3.9)
for row, values in enumerate(counts):
    wide = mn.spaces.CategoricalSpace([f"h{n}" for n in range(length)], [values] * length)
    forms = both_forms(wide, d=narrow)
    for column, size in enumerate(sizes):
        some = rng.integers(0, values, size=(size, length))
        tiled = np.tile(np.arange(length), (size, 1))
        slow, fast = turns(*(partial(update, p, some, tiled) for p in forms), rounds=5)
        measured[row, column] = slow / fast
        if mn.policies.factorised_pays(size, length, values * length, narrow, narrow, 1):
            ax.add_patch(
                plt.Rectangle(
                    (column - 0.46, row - 0.46),
                    0.92,
                    0.92,
                    fill=False,
                    edgecolor=course.INK,
                    linewidth=2,
                )
            )
course.heatmap(ax, np.log2(measured), counts, sizes, diverging=True, limit=3)
for (row, column), value in np.ndenumerate(measured):
    ax.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=9)
ax.set(xlabel="batch B", ylabel="values of each decision")
ax.set_aspect(0.6)
_ = ax.set_title(f"N = {length}, d = {narrow}: orange, the table is faster")

# %% [markdown]
# A rule of thumb that follows from (8.7): the table pays where $B$ is well above the number of
# values of a decision. For NAS-Bench-101, with 2.2 values a decision, it nearly always pays; for a
# learning rate on a grid of a thousand it does not. Near the border the two forms take about the same
# time, and a wrong choice costs little.
#
# **The second block.** The trick lives on the fact that a key depends on one pair. The first block
# destroys it: a key that has been through (7.3) has seen all keys before it, and depends on the
# *whole prefix* of the string. How many different keys are there in a batch of 64 cells, before the
# first block and after it?

# %%
deep = mn.policies.MAADE(space, d=16, blocks=2, rng=0, dtype=np.float64, form="textbook")
_, cache = deep.forward(actions, orders)
for name, at in (
    ("before block 1", cache.inner.blocks[0][0]),
    ("after block 1", cache.inner.blocks[1][0]),
):
    different = len(np.unique(at.keys.reshape(B * N, -1).round(9), axis=0))
    print(f"{name:15} {B * N:,} keys, {different:,} different")

# %% [markdown]
# Most of them are keys of their own; prefixes are shared only near the beginning of the order,
# where few strings are possible. (The key stream of the *first* block can still be factorised: its
# queries are keys, so its table is $P \times P$, and (8.7) becomes $P^2 / (B N^2)$.) With one
# block, the setting of all the paper's experiments, the first block is all there is, and that is
# why the package is built around it.
#
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb08.py`](solutions/nb08.py).
#
# ### Exercise 8.1: the break-even
#
# <a id="exercise_8_1_break_even"></a>
# Write `break_even(N, P)`: the smallest batch for which the table of the query stream has *fewer*
# tanh than the textbook scores.

# %%
answer = None  # def answer(N, P): return ...
# checks.nb08.check_break_even(answer)

# %% [markdown]
# ### Exercise 8.2: contexts without a softmax
#
# <a id="exercise_8_2_contexts"></a>
# Write `contexts(scores, K, chi)`: for one hyper-parameter, the contexts (B, d) of B strings, by
# matrix products only, in the manner of (8.9). `scores` (P,) is its row of the table, between -10
# and 10; K (P, d) are the keys of all pairs; `chi` (B, P) says by 1 and 0 which pairs each string
# has chosen so far. A string may have chosen nothing yet.

# %%
answer = None  # def answer(scores, K, chi): return ...
# checks.nb08.check_contexts(answer)

# %% [markdown]
# ### Exercise 8.3: find the silent bug
#
# <a id="exercise_8_3_silent"></a>
# In the textbook form the keys of all strings are looked up, `keys = K[pairs]`, with `pairs` (B,
# N). A colleague wrote the way back below. It has the right shape, there is no warning, and it was
# checked by the complex step on a string, to the last digit. The search still learns, "a bit slowly
# with large batches". Give a repaired `backward(dkeys, pairs, P)`. (The cell under it repeats the
# check, and shows by how much the result is off for more strings.)


# %%
def colleagues_backward(dkeys, pairs, P):
    """From the gradient of the looked-up keys (B, N, d) to that of the table (P, d)."""
    dK = np.zeros((P, dkeys.shape[-1]))
    dK[pairs] += dkeys
    return dK


# %%
for size in (1, 2, 8, 64):
    some = space.sample(size, np.random.default_rng(0))
    looked_up = textbook.layout.first + some
    dkeys = np.random.default_rng(1).normal(size=(size, N, 3))
    numeric = np.zeros((P, 3))
    for index in np.ndindex(P, 3):
        table = np.zeros((P, 3), dtype=complex)
        table[index] = 1e-30j
        numeric[index] = (dkeys * table[looked_up]).sum().imag / 1e-30
    error = np.linalg.norm(colleagues_backward(dkeys, looked_up, P) - numeric)
    print(f"B = {size:2}: off by {error / np.linalg.norm(numeric):.0e} of the gradient's norm")

# %%
answer = None  # def answer(dkeys, pairs, P): return ...
# checks.nb08.check_silent(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/layers/block.py`](../maade_np/layers/block.py): both forms of a block, with their
#   backward passes; [`heads.py`](../maade_np/layers/heads.py): the folded heads (8.6).
# - [`maade_np/policies/maade.py`](../maade_np/policies/maade.py): which form is taken when
#   (`factorised_pays`), and the mask (8.3), called `before`.
# - [`maade_np/policies/maade_sampler.py`](../maade_np/policies/maade_sampler.py): (8.9), for
#   strings that share an order, and for strings that do not.
# - [`benchmarks/speed.py`](../benchmarks/speed.py) measures all of this carefully, beside the same
#   policy in other frameworks; [its table](../benchmarks/results/speed/speed.md) has the growth
#   with B, N, d, the number of blocks and of values.
#
# ## Further reading
#
# - Amdahl, *Validity of the single processor approach to achieving large scale computing
#   capabilities* (AFIPS 1967): the limit (8.8).
# - Larochelle and Murray, *The neural autoregressive distribution estimator* (AISTATS 2011):
#   another policy whose speed comes from computing what strings share once.
# - NumPy's documentation of `numpy.ufunc.at`, after you have done exercise 8.3.
