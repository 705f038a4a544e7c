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
# # 7. Assemble MAADE, and look inside a trained one
#
# *Reading time about 40 minutes · runs in about 15 seconds · assumes notebooks 4, 5 and 6*
#
# **What you will do**
#
# Put the layers of the last notebooks together into the paper's policy, masked attention
# autoregressive density estimation, and find every number of `policy.forward` again. Let a program
# draw the paper's two figures from a living policy. Then train one on a landscape whose dependences
# are known, and see where it looks.
#
# **What you will learn**
#
# - the five equations of MAADE, and why it has two streams
# - what happens at the first decision, which sees nothing, and why the last block has no key stream
# - how many numbers there are, and why their number does not grow with the number of decisions
# - what an attention map shows, and what it does not
#
# **What you will need**
#
# PosFF (notebook 4), additive attention and its two paths (notebook 5), orders and masks (notebook
# 6).

# %%
from itertools import permutations, product

import numpy as np
from matplotlib.patches import FancyBboxPatch

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import gradcheck, layers
from maade_np.reproduce import table2

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 1. The equations
#
# A policy gives, for every hyper-parameter $i$, probabilities of its values given the values that
# were decided before (6.1). MAADE makes them in three layers.
#
# **Embedding.** Each hyper-parameter has a **query** vector $q_i$ of $d$ entries: it says who is
# asking. Each value has a vector too, $V_a$; hyper-parameters of one *family* (all edges, say, or
# all operations) share theirs. A decision that was made is represented by its **key**, who it is
# plus what it chose:
#
# $$ q_i^{(0)} = q_i, \qquad k_i^{(0)} = q_i + V_{a_i} \tag{7.1} $$
#
# **Context.** $M$ blocks, each with its own weights, bring the two **streams** forward. $r$ are the
# ranks of notebook 6; $\mathrm{Attn}(x, S)$ is the context of notebook 5, a weighted mean of the
# keys of $S$, zero where $S$ is empty; PosFF is the tanh layer of notebook 4:
#
# $$ q_i^{(m+1)} = \mathrm{PosFF}\Big(q_i^{(m)} + \mathrm{Attn}\big(q_i^{(m)}, \{k_j^{(m)} : r_j < r_i\}
#    \big)\Big) \tag{7.2} $$
#
# $$ k_i^{(m+1)} = \mathrm{PosFF}\Big(k_i^{(m)} + \mathrm{Attn}\big(k_i^{(m)}, \{k_j^{(m)} : r_j \le r_i\}
#    \big)\Big) \tag{7.3} $$
#
# $$ \mathrm{PosFF}(x) = \tanh(x W_1 + b_1)\, W_2 + b_2 \tag{7.4} $$
#
# Both streams use the same weights of the block. Look at the two relations: a query sees what was
# decided *strictly* before, a key also sees itself.
#
# **Density.** Each hyper-parameter has its own softmax head on the last state of its query:
#
# $$ P(a_i \mid \text{before}) = \mathrm{softmax}\big(q_i^{(M)} W_{\mathrm{out},i} + b_{\mathrm{out},i}
#    \big)_{a_i}, \qquad \log P(a) = \sum_i \log P(a_i \mid \text{before}) \tag{7.5} $$
#
# | here | in the paper | in the package |
# | --- | --- | --- |
# | (7.1) | above (4) | `layers.key_table_forward` |
# | (7.2), (7.3) | (4) to (7) | `layers.textbook_block_forward`, `factorised_block_forward` |
# | (7.4) | (8) | `layers.tanh_ff_forward` |
# | (7.5) | (9), (2) | `layers.heads_forward`, `log_softmax_forward` |
# | all | section 5 | `policies.MAADE` |
#
# Here is a policy with two blocks for four hyper-parameters, two of which belong to one family. Its
# weights are the dictionary `params`; there is nothing else to a policy.

# %%
space = mn.spaces.CategoricalSpace(
    ["depth", "width", "pool", "act"], [2, 3, 2, 3], families=["size", "size", "pool", "act"]
)
settings = {"d": 8, "dtype": np.float64, "init_scales": {"heads": 1.0}}
policy = mn.policies.MAADE(space, blocks=2, rng=1, **settings)
for name, array in policy.params.items():
    print(f"{name:12} {array.shape!s:12} {array.size:4}")
print(f"{'altogether':25} {policy.num_parameters:4}")

# %% [markdown]
# ## 2. Every number of it, by hand
#
# Let us go through the equations for all 36 strings of this space in one order. Each line below is
# one equation, computed by the layer that the package has for it.

# %%
strings = np.array(list(product(*map(range, space.cardinalities.tolist()))))
order = np.array([2, 0, 3, 1])
orders = np.tile(order, (len(strings), 1))
ranks = mn.policies.base.check_orders(orders, space.size)  # (6.3)
before = ranks[:, None, :] < ranks[:, :, None]  # (6.4): row i sees column j
until = ranks[:, None, :] <= ranks[:, :, None]

table, _ = policy.key_table()  # (7.1) for every pair of a hyper-parameter and a value
keys = table[policy.layout.first + strings]  # the pairs that each string chose, (36, 4, d)
x = policy.params["q"]  # the queries, the same for all strings
for m in (1, 2):
    weights = policy.block(m)
    x, _ = layers.textbook_block_forward(x, keys, before, weights)  # (7.2) and (7.4)
    keys, _ = layers.textbook_block_forward(keys, keys, until, weights)  # (7.3) and (7.4)
logits, _ = layers.heads_forward(x, policy.params["W_out"], policy.params["b_out"])  # (7.5)
exists = np.arange(3) < space.cardinalities[:, None]
log_probs, _ = layers.log_softmax_forward(logits, exists)  # (7.5)
log_prob = np.take_along_axis(log_probs, strings[:, :, None], axis=2).sum(axis=(1, 2))

expected, _ = policy.forward(strings, orders)
print(f"largest difference to policy.forward: {np.abs(log_prob - expected).max():.0e}")
print(f"sum of all probabilities: {np.exp(log_prob).sum():.12f}")

# %% [markdown]
# (In the loop, `x` is computed before `keys` is overwritten: both streams of block $m+1$ read the
# *old* keys. And `keys` of the last round is read by nobody. We come back to that.)
#
# ## 3. The paper's first figure, from the living object
#
# "Overall architecture layout" is a figure of boxes. The one below is drawn by a program that is
# given a policy, a string and an order, and draws what it finds: names and shapes from `params`,
# the vectors as coloured strips, the lines from the attention weights that the forward pass left in
# its cache, the bars from `policy.conditionals`. It has one block, as in all experiments of the
# paper.


# %%
ARROW = {"arrowstyle": "-|>", "linewidth": 0.8, "color": course.INK}


def strip(ax, vector, x, y, width=0.78, height=0.2):
    """A vector as a strip of coloured cells, centred at (x, y)."""
    limit = 2.5
    extent = (x - width / 2, x + width / 2, y - height / 2, y + height / 2)
    ax.imshow(
        vector[None],
        extent=extent,
        cmap=course.DIVERGING,
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        zorder=3,
    )


def draw_architecture(policy, string, order):
    """The paper's figure 1 for a policy with one block."""
    space, N = policy.space, policy.space.size
    _, cache = policy.forward(string[None], order[None])
    query, _ = cache.inner.blocks[0]  # of the textbook form: the query stream's cache
    alpha = query.softmax.alpha[0]
    h = cache.inner.heads.h[0]
    probabilities = np.exp(policy.conditionals(string[None], order[None]))[0]
    keys = policy.key_table()[0][policy.layout.first + string]
    values = policy.values()[policy.rows()[policy.layout.first + string]]

    _, ax = course.axes(9.4, 5.9)
    ax.axis("off")
    for low, high, title, of in (
        (0.35, 2.05, "Embedding layer", ("q", "V.")),
        (2.25, 4.15, "Context representation", ("block",)),
        (4.35, 5.75, "Density estimation", ("W_out", "b_out")),
    ):
        ax.add_patch(
            FancyBboxPatch(
                (-2.5, low),
                N + 1.95,
                high - low,
                linewidth=0,
                zorder=0,
                boxstyle="round,pad=0.02,rounding_size=0.1",
                fc="#F1F5F9",
            )
        )
        ax.text(-2.42, high - 0.08, title, weight="bold", va="top", fontsize=10)
        shapes = [
            f"{name} {array.shape}" for name, array in policy.params.items() if name.startswith(of)
        ]
        half = -(-len(shapes) // 2) if len(shapes) > 6 else len(shapes)
        for k, text in enumerate(shapes):
            ax.text(
                -2.42 + 0.92 * (k // half),
                high - 0.42 - 0.2 * (k % half),
                va="top",
                s=text.replace("block1.", ""),
                fontsize=7.5,
                color=course.MUTED,
                family="monospace",
            )
    for t, i in enumerate(order):
        ax.text(
            t,
            0.12,
            f"{space.names[i]} = {string[i]}",
            ha="center",
            va="center",
            fontsize=10,
            color=course.INK,
        )
        strip(ax, policy.params["q"][i], t, 0.65)
        strip(ax, values[i], t, 1.0)
        strip(ax, keys[i], t, 1.72)
        ax.annotate("", (t, 1.6), xytext=(t, 1.12), arrowprops=ARROW)
        ax.plot(
            [t - 0.46, t - 0.46, t - 0.36], [0.68, 3.72, 3.72], color=course.GREEN, lw=1.2, zorder=1
        )
        ax.plot([t - 0.46, t - 0.4], [0.65, 0.65], color=course.GREEN, lw=1.2, zorder=1)
        for s in range(N):
            if alpha[i, order[s]] > 0:
                ax.plot(
                    [s, t],
                    [1.86, 3.4],
                    color=course.VERMILLION,
                    zorder=2,
                    alpha=0.75,
                    lw=0.4 + 4.5 * alpha[i, order[s]],
                    solid_capstyle="round",
                )
        ax.text(
            t,
            3.72,
            "PosFF",
            ha="center",
            va="center",
            fontsize=8.5,
            zorder=4,
            bbox={"boxstyle": "round,pad=0.3", "fc": "white", "ec": course.MUTED},
        )
        ax.plot([t, t], [3.4, 3.58], color=course.INK, lw=0.8)
        if not t:
            ax.text(t, 3.36, "0\n(sees nothing)", ha="center", va="top", fontsize=8)
        ax.annotate("", (t, 4.5), xytext=(t, 3.88), arrowprops=ARROW)
        strip(ax, h[i], t, 4.62)
        count = space.cardinalities[i]
        for a in range(count):
            place = t + 0.27 * (a - (count - 1) / 2)
            chosen = a == string[i]
            ax.bar(
                place,
                0.8 * probabilities[i, a],
                0.2,
                bottom=4.82,
                zorder=3,
                lw=1.1,
                edgecolor=course.BLUE,
                facecolor=course.BLUE if chosen else "white",
            )
    for y, text in ((0.65, "$q_i$"), (1.0, "$V_{a_i}$"), (1.72, "$k_i^{(0)}$"), (4.62, "$h_i$")):
        ax.text(N - 0.46, y, text, va="center", fontsize=10)
    ax.text(N - 0.46, 2.7, "Attn", va="center", color=course.VERMILLION, fontsize=10)
    ax.text(N - 0.46, 5.1, "$P$", va="center", fontsize=10)
    total = sum(np.log(probabilities[i, string[i]]) for i in range(N))
    ax.set_title(
        f"MAADE, M = {policy.blocks}, d = {policy.d}: one string, decided from left to right, "
        f"log P = {total:.2f}"
    )
    ax.set(xlim=(-2.6, N - 0.1), ylim=(-0.05, 5.85))
    ax.set_aspect("auto")


one = mn.policies.MAADE(space, blocks=1, rng=4, form="textbook", **settings)
draw_architecture(one, np.array([1, 2, 0, 1]), order)

# %% [markdown]
# Columns are decisions in their order, from left to right. At the bottom stand the two vectors of
# each decision, its query and the vector of its value, and their sum, the key (7.1). Orange lines
# are the attention, as wide as the weights: each decision sees the keys to the left of it. Its own
# query reaches it by the green line. The first decision sees nothing and gets the zero vector.
#
# Follow the lines upwards from the value vector of a column: you never come to its own bars. That
# is the promise of notebook 6.
#
# ### The first decision
#
# It deserves a line of its own, because here implementations differ in silence. With an empty
# visible set (5.3) gives 0, so $h = \mathrm{PosFF}(q_i)$ whatever the string is: a policy's first
# decision is a constant distribution, learnt by its head. (Exercise 7.2 asks you to compute it.)
#
# ## 4. Two streams
#
# Why are there keys *and* queries at all? With one block one could do without: nobody ever computes
# $k^{(1)}$. Two blocks need it, since the second block lets queries attend to *keys that have been
# through the first*. Now a decision has two jobs that contradict each other. For others it must
# stand for the value that it chose. For its own head it must not know that value. One vector cannot
# do both.
#
# Let us try all the same: one stream, which starts from $q_i + V_{a_i}$, and a head upon it.

# %%
for title, mask in (("strictly before", before), ("before, and itself", until)):
    stream = table[policy.layout.first + strings]
    for m in (1, 2):
        stream, _ = layers.textbook_block_forward(stream, stream, mask, policy.block(m))
    logits, _ = layers.heads_forward(stream, policy.params["W_out"], policy.params["b_out"])
    log_probs, _ = layers.log_softmax_forward(logits, exists)
    chosen = np.take_along_axis(log_probs, strings[:, :, None], axis=2).sum(axis=(1, 2))
    print(f"one stream, attending {title:20} sum of all 'probabilities' {np.exp(chosen).sum():.3f}")

# %% [markdown]
# No mask helps: the value comes in as the stream's own state, not by attention. And a stream that
# starts from $q_i$ alone would never tell the others what was chosen. Hence two streams (an idea of
# XLNet, Yang et al. 2019): the query stream asks and is read by the heads, the key stream tells and
# is read by attention.
#
# ### The paper's second figure, from the living object
#
# Two blocks. Squares are queries, circles keys, one column a decision, from left to right in their
# order. Every line is a weight that the forward pass of *this* policy computed for *this* string.
# Those that do not exist, because a mask forbids them, are not drawn: the program does not know the
# masks.


# %%
def draw_streams(policy, string, order):
    """The paper's figure 2: who attends to whom, block by block."""
    _, cache = policy.forward(string[None], order[None])
    N, M = policy.space.size, policy.blocks
    _, ax = course.axes(8.8, 4.6)
    ax.axis("off")
    q_at, k_at = (lambda t: 2 * t - 0.42), (lambda t: 2 * t + 0.42)
    for m, (query, key) in enumerate(cache.inner.blocks):
        low, high = 2 * m + 0.17, 2 * m + 1.83
        for stream, at, colour in ((query, q_at, course.VERMILLION), (key, k_at, course.BLUE)):
            if stream is None:
                continue
            alpha = stream.softmax.alpha[0][np.ix_(order, order)]
            for t, s in np.ndindex(N, N):
                if alpha[t, s] > 0:
                    ax.plot(
                        [k_at(s), at(t)],
                        [low, high],
                        color=colour,
                        alpha=0.75,
                        zorder=1,
                        lw=0.4 + 4.5 * alpha[t, s],
                        solid_capstyle="round",
                    )
            for t in range(N):
                ax.plot([at(t)] * 2, [low, high], color=course.INK, lw=0.9, dashes=(2, 2), zorder=0)
    for m in range(M + 1):
        for t, i in enumerate(order):
            for at, letter, form, colour in (
                (q_at, "q", "round,pad=0.28,rounding_size=0.05", course.VERMILLION),
                (k_at, "k", "circle,pad=0.16", course.BLUE),
            ):
                absent = letter == "k" and m == M
                ax.text(
                    at(t),
                    2 * m,
                    f"${letter}_{i}^{{({m})}}$",
                    ha="center",
                    va="center",
                    fontsize=9,
                    zorder=3,
                    alpha=0.35 if absent else 1,
                    bbox={
                        "boxstyle": form,
                        "fc": "white",
                        "lw": 1.4,
                        "ec": course.MUTED if absent else colour,
                        "ls": ":" if absent else "-",
                    },
                )
    for t, i in enumerate(order):
        ax.text(2 * t, -0.55, f"{policy.space.names[i]} = {string[i]}", ha="center", fontsize=9.5)
        ax.annotate(
            f"$P(a_{i}|\\cdot)$",
            (q_at(t), 2 * M + 0.25),
            xytext=(q_at(t), 2 * M + 0.75),
            ha="center",
            fontsize=9,
            arrowprops=ARROW | {"arrowstyle": "<|-"},
        )
    for m in range(M):
        ax.text(-1.6, 2 * m + 1, f"block {m + 1}", va="center", fontsize=10, weight="bold")
    ax.plot([], [], color=course.VERMILLION, lw=2.5, label="query stream (7.2)")
    ax.plot([], [], color=course.BLUE, lw=2.5, label="key stream (7.3)")
    ax.plot([], [], color=course.INK, lw=0.9, dashes=(2, 2), label="its own state")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    ax.set(xlim=(-1.7, 2 * N - 0.9), ylim=(-0.7, 2 * M + 1.05))
    ax.set_title(f"Two-stream attention, M = {M}")


two = mn.policies.MAADE(space, blocks=2, rng=4, form="textbook", **settings)
draw_streams(two, np.array([1, 2, 0, 1]), order)

# %% [markdown]
# Read off it:
#
# - No orange line goes straight up, every blue bundle has one that does: $r_j < r_i$ and $r_j \le
#   r_i$.
# - From no circle does a way lead to the square *above its own column*: squares are reached from
#   columns further left only, and squares never feed circles.
# - The circles of the top row are dotted. They would be the key stream of the last block, and
#   **nobody reads them**, so the package does not compute them. With $M = 1$, the setting of all
#   the paper's experiments, there is no key stream at all: keys are looked up (7.1), attended to
#   once, and that is the whole context layer. Notebook 8 makes much of this.
#
# The picture is of one string. That it holds for all, and for all 24 orders, is for the tests of
# notebook 6 to say:

# %%
worst_sum, worst_leak = 0.0, 0.0
for some in permutations(range(4)):
    tiled = np.tile(some, (len(strings), 1))
    worst_sum = max(worst_sum, abs(np.exp(two.forward(strings, tiled)[0]).sum() - 1))
    reference = np.exp(two.conditionals(strings, tiled))
    for t, j in enumerate(some):
        changed = strings.copy()
        changed[:, j] = (changed[:, j] + 1) % space.cardinalities[j]
        moved = np.abs(np.exp(two.conditionals(changed, tiled)) - reference)
        worst_leak = max(worst_leak, moved[:, list(some[: t + 1])].max())
print(f"24 orders: sums within {worst_sum:.0e} of 1, largest leak {worst_leak:.0e}")

# %% [markdown]
# ## 5. The gradient
#
# The backward pass walks all of this in reverse, and every step of it has been derived: the heads
# (notebook 3), PosFF (4), attention (5). What is new is only that some things are *used more than
# once*, and whatever is used more than once collects a sum:
#
# - the weights of every block but the last serve two streams: each of their gradients is a sum of
#   two;
# - a block's keys are read by the query stream and by the key stream, and in each of them as what
#   is scored and as what is summed (5.9): four terms, and a fifth where the key is the key stream's
#   own state;
# - $q_i$ is the query of hyper-parameter $i$ *and* a part of its key (7.1); $V_a$ is a part of the
#   key of every string and every member of the family that chose $a$.
#
# Leave one out, and the loss may well go down all the same (notebook 5). `gradcheck.check` asks the
# complex step about every parameter. The error given is relative to the norm of the parameter's
# gradient.

# %%
rng = np.random.default_rng(0)
actions = np.column_stack([rng.integers(0, count, size=8) for count in space.cardinalities])
own_orders = rng.permuted(np.tile(np.arange(4), (8, 1)), axis=1)  # each string its own
for form in ("textbook", "factorised"):
    for M in (1, 2, 3):
        checked = mn.policies.MAADE(space, blocks=M, rng=M, form=form, **settings)
        report = gradcheck.check(checked, actions, own_orders, methods=("complex",))
        error, where = report.worst("complex")
        print(
            f"M = {M}, {form:10} {checked.num_parameters:5} parameters, "
            f"largest error {error:.0e} (in {where})"
        )

# %% [markdown]
# (The factorised form is another way to compute the same first block. It is what the package uses
# by default, and the subject of notebook 8.)
#
# ## 6. What it weighs
#
# The paper's argument for attention is its Table 2: the context layer has $O(d^2)$ parameters,
# *whatever the number of decisions*, while those of NADE and MADE, two autoregressive networks
# without attention, grow with $N$ and $N^2$. Let us count, in living policies of the package (notebook 13 compares how they search).

# %%
sizes, width = (5, 10, 20, 40), 16
figure, ax = course.axes(6.4, 3.2)
for (name, layer), marker in zip(table2.LAYERS.items(), "osD^", strict=True):
    counts = [table2.counted(layer.make(table2.make_space(N), width), layer) for N in sizes]
    slope = np.polyfit(np.log(sizes), np.log(counts), 1)[0]
    print(f"{name:6}", *(f"{count:9,}" for count in counts), f"   of order N^{slope:.2f}")
    ax.loglog(sizes, counts, marker=marker, linewidth=2, label=name)
ax.set(xlabel="number of decisions N", ylabel=f"parameters, d = {width}")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
_ = ax.legend(title="context layer")

# %% [markdown]
# Embeddings and heads are not counted; in MAADE they are one $q_i$ and one head a decision, some $N
# d$ numbers. With 150 queries to learn from, that is the point of the design. (It says nothing
# about *time*: attention looks at all pairs of decisions. See
# [`benchmarks/results/table2`](../benchmarks/results/table2/README.md).)
#
# ## 7. Where does a trained policy look?
#
# ### A landscape with known dependences
#
# The toy table of the package, `mn.tables.Toy()`, is a made-up landscape of ten hyper-parameters on
# a ring, six switches and four knobs. Each contributes an amount that depends on itself and on the
# **next two**. So hyper-parameter $i$ has something to do with $i \pm 1$ and $i \pm 2$, and with
# the others only through them. A policy that has understood the landscape should look there. (This
# is a toy, not a benchmark.)
#
# A search would collapse on one good string, and a policy that always says the same has no need to
# look at anything. So we ask for a *spread* of good strings: maximise the expected accuracy,
# measured in units of a temperature $\tau$, plus the entropy $H(P) = -\sum_a P(a) \log P(a)$ of the policy. With $p^*(a) =
# e^{f(a)/\tau} / Z$ one line shows what that asks for:
#
# $$ \mathbb{E}_P\Big[\frac{f(a)}{\tau}\Big] + H(P) = \sum_a P(a) \log \frac{Z\, p^*(a)}{P(a)}
#    = \log Z - \mathrm{KL}(P \,\|\, p^*) \tag{7.6} $$
#
# The last term, $\mathrm{KL}(P \,\|\, p^*) = \sum_a P(a) \log (P(a) / p^*(a))$, the Kullback–Leibler
# divergence, is never negative, and zero only for $P = p^*$ (Gibbs' inequality, notebook 6). So at
# best $P = p^*$, in which a string is the likelier the better it is, and the divergence is the gap
# to $\log Z$. With 5,184 strings we can enumerate $p^*$ and watch this gap
# exactly, which the policy of course cannot. Its gradient is estimated from 64 sampled strings a
# step by REINFORCE (notebook 1) and `mn.objectives.entropy`, whose docstring derives it. Invalid
# strings count as a little worse than the worst valid one.

# %%
toy = mn.tables.Toy()
every = np.array(list(product(*map(range, toy.space.cardinalities.tolist()))))
valid = toy.space.is_valid(every)
tau = 0.01
accuracy = np.full(len(every), 0.78)
accuracy[valid] = toy.mean_test(every[valid])
log_total = np.log(np.exp(accuracy / tau - accuracy.max() / tau).sum()) + accuracy.max() / tau
p_star = np.exp(accuracy / tau - log_total)


def gap(policy, order):
    """The divergence of (7.6), exactly."""
    log_prob, _ = policy.forward(every, np.tile(order, (len(every), 1)))
    return float((np.exp(log_prob) * (log_prob - np.log(p_star))).sum())


def train(policy, order, steps=1200, batch=64):
    """Ascend (7.6); yield the step and the policy every 50 steps."""
    rng = np.random.default_rng(0)
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=5e-3)
    baseline = mn.baselines.MovingAverage(0.9)
    orders = np.tile(order, (batch, 1))
    for step in range(steps + 1):
        if step % 50 == 0:
            yield step, policy
        actions, _ = policy.sample(batch, orders, rng)
        reward = accuracy[np.ravel_multi_index(actions.T, toy.space.cardinalities)] / tau
        log_prob, cache = policy.forward(actions, orders)
        advantage = reward - baseline(reward)
        _, dlog_prob = mn.objectives.reinforce(log_prob, advantage)
        bonus = mn.objectives.entropy(
            log_prob, cache.log_probs, actions, orders, policy.layout.exists
        )
        optimizer.step(
            policy.backward(dlog_prob + bonus.dlog_prob, cache, dconditionals=bonus.dconditionals)
        )
        baseline.update(reward)


ring = np.arange(10)
mixed = np.array([4, 6, 2, 7, 3, 5, 9, 0, 8, 1])
contenders = {
    "MAADE, along the ring": (mn.policies.MAADE(toy.space, d=16, rng=2, dtype=np.float64), ring),
    "MAADE, mixed order": (mn.policies.MAADE(toy.space, d=16, rng=2, dtype=np.float64), mixed),
    "independent decisions": (mn.policies.Independent(toy.space, dtype=np.float64), ring),
}
print(f"{'uniform strings':22} {-np.log(len(every)) - np.log(p_star).mean():5.2f}")
snapshots, trained = [], {}
figure, ax = course.axes(7.0, 3.1)
for (name, (learner, order)), style in zip(contenders.items(), ("-", "--", ":"), strict=True):
    steps, gaps = [], []
    for step, current in train(learner, order):
        steps.append(step)
        gaps.append(gap(current, order))
        if name == "MAADE, along the ring":
            snapshots.append({key: array.copy() for key, array in current.params.items()})
    trained[name] = learner
    print(f"{name:22} {gaps[0]:5.2f} -> {gaps[-1]:.2f}")
    ax.plot(steps, gaps, style, linewidth=2, label=name)
ax.set(xlabel="step, 64 strings each", ylabel=r"KL$(P\,\|\,p^*)$", ylim=(0, None))
_ = ax.legend()

# %% [markdown]
# Decisions that do not look at each other stop early: the landscape cannot be had from them. The
# two MAADEs come much closer. Now their attention. The weights of a string depend on its values, so
# we average over 500 strings of the policy. Rows are decisions, columns what they look at, both
# along the ring: if a policy looks at its neighbours, we should see a band beside the diagonal (and
# something in the lower left corner, where the ring closes).


# %%
def attention_and_influence(policy, order, count=500):
    """Mean attention weights, and mean change of the conditionals when a decision changes, (N, N)."""
    looked = mn.policies.MAADE(toy.space, d=policy.d, form="textbook").with_params(policy.params)
    orders = np.tile(order, (count, 1))
    actions, _ = looked.sample(count, orders, np.random.default_rng(5))
    _, cache = looked.forward(actions, orders)
    attention = cache.inner.blocks[0][0].softmax.alpha.mean(axis=0)
    return attention, influence(lambda a: np.exp(looked.conditionals(a, orders)), actions)


def influence(conditionals, actions):
    """Total variation of the conditional of i when a_j changes, averaged over strings and values."""
    N, card = toy.space.size, toy.space.cardinalities
    moved, reference = np.zeros((N, N)), conditionals(actions)
    for j in range(N):
        for shift in range(1, card[j]):
            changed = actions.copy()
            changed[:, j] = (changed[:, j] + shift) % card[j]
            difference = np.abs(conditionals(changed) - reference).sum(axis=2).mean(axis=0) / 2
            moved[:, j] += difference / (card[j] - 1)
    return moved


def exact_conditionals(order):
    """A function from strings to the conditionals of p*, by summing over what comes later."""
    tensor, N, D = p_star.reshape(toy.space.cardinalities), toy.space.size, 3

    def conditionals(actions):
        found = np.zeros((len(actions), N, D))
        for t, i in enumerate(order):
            seen = np.sort(order[: t + 1])
            marginal = tensor.sum(axis=tuple(order[t + 1 :]))  # axes that remain: `seen`, ascending
            marginal = np.moveaxis(marginal, list(seen).index(i), -1)
            at = marginal[tuple(actions[:, [j for j in seen if j != i]].T)]
            at = np.broadcast_to(at, (len(actions), at.shape[-1]))
            found[:, i, : at.shape[1]] = at / at.sum(axis=1, keepdims=True)
        return found

    return conditionals


draws = every[np.random.default_rng(1).choice(len(every), size=500, p=p_star)]
start = mn.policies.MAADE(toy.space, d=16, rng=2, dtype=np.float64)
short = [name.replace("switch ", "s").replace("knob ", "k") for name in toy.space.names]
maps = {}
figure, grid = course.axes(9.6, 5.1, rows=2, columns=4)
for row, (order, name) in enumerate(
    ((ring, "MAADE, along the ring"), (mixed, "MAADE, mixed order"))
):
    attention, found = attention_and_influence(trained[name], order)
    exact = influence(exact_conditionals(order), draws)
    maps[name] = attention, found, exact, order
    at_start, _ = attention_and_influence(start, order)
    for ax, values, title, limit in (
        (grid[row, 0], at_start, "attention, at the start", 1.0),
        (grid[row, 1], attention, "attention, trained", 1.0),
        (grid[row, 2], found, "influence, trained", 0.5),
        (grid[row, 3], exact, "influence in $p^*$, exact", 0.5),
    ):
        course.heatmap(ax, values, short, short, limit=limit)
        ax.set_xticks(range(10), short, fontsize=7, rotation=90)
        ax.set_yticks(range(10), short, fontsize=7)
        if row == 0:
            ax.set_title(title, fontsize=10)
grid[0, 0].set_ylabel("decided along the ring")
_ = grid[1, 0].set_ylabel("decided in a mixed order")

# %% [markdown]
# (White is 0; the darkest blue is 1 for attention and 0.5 for influence, which the text below
# defines.) At the start attention spreads over whatever is visible; the first rows, which see little, are
# dark for this reason alone. After training the upper map has its band: the policy has found out,
# from samples and rewards, that the decisions shortly before are what matters. In the mixed order
# the neighbours are scattered, and the trained map picks many of them out.
#
# ### May one read it as an explanation?
#
# The two columns on the right are the test. **Influence** is measured from outside: change decision
# $j$, and see by how much the probabilities of $i$ move (the total variation, half the sum of
# absolute differences). It asks what the policy *does*; attention weights are a part of how it does
# it. Put them against each other, for every pair of a decision and one that it sees:

# %%
figure, (left, right) = course.axes(8.8, 3.4, columns=2)
for (name, (attention, found, exact, order)), colour, marker in zip(
    maps.items(), (course.VERMILLION, course.BLUE), "os", strict=True
):
    ranks = np.argsort(order)
    pair = (ranks[None, :] < ranks[:, None]) & (ranks[:, None] >= 2)
    left.plot(attention[pair], found[pair], marker, markersize=4, color=colour, label=name)
    right.plot(exact[pair], found[pair], marker, markersize=4, color=colour)
    by_attention = np.corrcoef(attention[pair], found[pair])[0, 1]
    by_truth = np.corrcoef(exact[pair], found[pair])[0, 1]
    print(
        f"{name:22} correlation of the policy's influence with its attention {by_attention:.2f}, "
        f"with the exact influence {by_truth:.2f}"
    )
left.set(xlabel="mean attention weight", ylabel="influence, measured")
right.set(xlabel="influence in $p^*$, exact")
right.axline((0, 0), slope=1, color=course.MUTED, linewidth=1)
left.set_ylim(-0.02, 0.64)
_ = left.legend(loc="upper left", fontsize=8.5)

# %% [markdown]
# On the right: what the policy does is, for most pairs, close to what it should do. On the left:
# attention goes along with it, loosely. There are decisions that are looked at a lot and change
# hardly anything, and there must be: weights add up to 1 even where nothing matters, so attention
# that is not needed has to go *somewhere*; and what a glance changes depends on the vectors as
# well. If the values of $j$ have keys that the head cannot tell apart, no weight makes $j$ matter.
# So: an attention map is a good place to *look for* a dependence. To claim one, change the decision
# and see.
#
# ### What it overlooks
#
# Some points of the right panel lie on the floor: the landscape has a dependence there, and the
# policy has none. Here are these pairs, with the attention that is paid to them at the end, and for
# those along the ring, of which we kept the parameters every 50 steps, also on the way.

# %%
reader = mn.policies.MAADE(toy.space, d=16, form="textbook")
frames = []
for number, params in enumerate(snapshots):
    reading = reader.with_params(params)
    tiled = np.tile(ring, (300, 1))
    actions, _ = reading.sample(300, tiled, np.random.default_rng(5))
    weights = reading.forward(actions, tiled)[1].inner.blocks[0][0].softmax.alpha.mean(axis=0)
    frames.append((50 * number, weights))

print(f"{'':28} {'influence':>15}   attention after ... steps")
print(
    f"{'decision sees':28} {'exact':>7} {'policy':>7}   {'0':>5} {'100':>5} {'200':>5} {'400':>5} "
    f"{'end':>5}"
)
for name, (attention, found, exact, order) in maps.items():
    print(name)
    ranks = np.argsort(order)
    overlooked = (ranks[None, :] < ranks[:, None]) & (exact - found > 0.15) & (ranks[:, None] >= 2)
    for i, j in np.argwhere(overlooked):
        way = [f"{frames[n][1][i, j]:5.2f}" if order is ring else " " * 5 for n in (0, 2, 4, 8)]
        pair = f"{toy.space.names[i]} sees {toy.space.names[j]}"
        print(
            f"   {pair:25} {exact[i, j]:7.2f} {found[i, j]:7.2f}  ", *way, f"{attention[i, j]:5.2f}"
        )

# %% [markdown]
# What is overlooked has a small weight, and (5.6) explains why it stays so. The pull of a key, and
# with it the gradient of its score, is proportional to *its own weight*: $de_j = \alpha_j (k_j - c)
# \cdot dc$. Early in training, when the heads know little yet, a key may lose its weight for
# reasons that do not last, and from then on hardly any gradient asks for it back. It is a local
# optimum that softmax attention shares with every other choice by softmax, a policy over strings
# included: what is never tried cannot be found to be good. A part of the gap that remained to $p^*$
# is here.
#
# Last, the band growing out of nothing, one frame every 50 steps.


# %%
def draw_frame(figure, frame):
    """The attention map after so many steps."""
    step, weights = frame
    ax = figure.subplots()
    course.heatmap(ax, weights, short, short, limit=1.0, label="mean attention weight")
    ax.set_title(f"after {step} steps", fontsize=10)


course.animate(
    draw_frame,
    frames,
    width=4.6,
    height=3.8,
    per_second=5,
    alt="The attention map of a policy during training: a band along the ring emerges.",
)

# %% [markdown]
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb07.py`](solutions/nb07.py).
#
# ### Exercise 7.1: count
#
# <a id="exercise_7_1_count"></a>
# Write `count(cardinalities, families, d, blocks, a, f)`: the number of parameters of a MAADE with
# attention width a and feed-forward width f. `families` is a list with the family of each
# hyper-parameter; a family has as many value vectors as its largest member has values, and every
# head as many columns as the largest of *all* hyper-parameters (they are stored in one array, see
# section 1). Do it from the equations, with pencil and paper first.

# %%
answer = None  # def answer(cardinalities, families, d, blocks, a, f): return ...
# checks.nb07.check_count(answer)

# %% [markdown]
# ### Exercise 7.2: the first decision
#
# <a id="exercise_7_2_first"></a>
# Write `first(policy, i)`: the probabilities (as many as `policy.space.cardinalities[i]`) of the
# values of hyper-parameter $i$ where it is decided *first*. Use `policy.params`, `policy.block(m)`,
# `policy.blocks` and NumPy or `layers`, but not the policy's forward pass. It must be right for any
# number of blocks.

# %%
answer = None  # def answer(policy, i): return ...
# checks.nb07.check_first(answer)

# %% [markdown]
# ### Exercise 7.3: find the silent bug
#
# <a id="exercise_7_3_silent"></a>
# A colleague prefers to have both streams in one short loop. With one block it gives the package's
# numbers to the last digit, in every order. Then someone sets `blocks=2`, and the search becomes
# worse, "so the paper is right that more blocks do not help". Find the mistake, and give as answer
# a repaired function. (The cell below it runs one of the tests of notebook 6.)


# %%
def colleagues_logits(policy, actions, orders):
    """Logits (B, N, D) of all decisions."""
    ranks = np.argsort(orders, axis=1)
    visible = ranks[:, None, :] < ranks[:, :, None]
    table, _ = policy.key_table()
    keys = table[policy.layout.first + actions]
    x = policy.params["q"]
    for m in range(1, policy.blocks + 1):
        weights = policy.block(m)
        x, _ = layers.textbook_block_forward(x, keys, visible, weights)
        visible |= np.eye(policy.space.size, dtype=bool)  # a key may see itself
        keys, _ = layers.textbook_block_forward(keys, keys, visible, weights)
    return layers.heads_forward(x, policy.params["W_out"], policy.params["b_out"])[0]


# %%
for M in (1, 2, 3):
    tested = mn.policies.MAADE(space, blocks=M, rng=M, **settings)
    log_probs, _ = layers.log_softmax_forward(colleagues_logits(tested, strings, orders), exists)
    chosen = np.take_along_axis(log_probs, strings[:, :, None], axis=2).sum(axis=(1, 2))
    print(f"{M} blocks: sum of all probabilities {np.exp(chosen).sum():.6f}")

# %%
answer = None  # def answer(policy, actions, orders): return logits
# checks.nb07.check_silent(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/policies/maade.py`](../maade_np/policies/maade.py): section 2 as `logits_forward`,
#   section 5 as `logits_backward`, and the start (`INIT_SCALES`).
# - [`maade_np/layers/block.py`](../maade_np/layers/block.py): one block, in two forms.
# - [`tests/oracles.py`](../tests/oracles.py): the equations once more, one string and one decision
#   at a time, in loops, which the tests differentiate by an independent autograd.
# - Settings of a search: `maade-np search --d 36 --blocks 1 --value-embedding shared` (the paper
#   has one matrix $V$ for all families) and so on; `maade-np search --help` lists them.
#
# ## Further reading
#
# - Krishna et al. (2020), arXiv:2006.00939, section 5: the equations, and figures 1 and 2.
# - Yang et al., *XLNet* (2019), arXiv:1906.08237, section 2.3: two streams, and why.
# - Jain and Wallace, *Attention is not explanation* (2019), arXiv:1902.10186, and Wiegreffe and
#   Pinter, *Attention is not not explanation* (2019), arXiv:1908.04626.
# - Kauffman and Levin, *Towards a general theory of adaptive walks on rugged landscapes* (1987):
#   the NK landscapes of which the toy is one.
