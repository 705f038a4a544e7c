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
# # 13. Take the attention out: independent, MADE, NADE, LSTM
#
# *Reading time about 35 minutes · runs in about 20 seconds · assumes notebooks 1, 6 and 7*
#
# **What you will do**
#
# - Put four other densities where MAADE stood: independent decisions, MADE, NADE and an LSTM.
# - Draw what each decision can see, not from a diagram but from the live objects.
# - Fit all five to small joint distributions that you can enumerate, and compare what is left with
#   a floor that you derive.
# - Read the package's ablation on 500 real trials a row, and find out what it compared.
#
# **What you will learn**
#
# - What each policy can represent and what it provably cannot, and that a search needs less than
#   that.
# - Why the same learning rate is not the same step, and what an ablation at equal settings
#   measures.
#
# **What you will need**
#
# The chain rule of probability, masks and orders (notebook 6), MAADE (notebook 7). The last part
# reads the records of real trials in `benchmarks/results/`, which come with the repository.

# %%
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import layers, statistics
from maade_np.experiments import Plan, outcomes
from maade_np.reproduce import table2

# %% [markdown]
# ## 1. One interface, five densities
#
# Every policy of the package gives a string $a$ of $N$ decisions, taken in an order $o$, the
# probability
#
# $$P(a \mid o) = \prod_{t=0}^{N-1} \mathrm{softmax}\big(z_{o_t}(a_{o_0}, \dots, a_{o_{t-1}})\big)_{a_{o_t}}
# \tag{13.1}$$
#
# and differs in nothing but the function $z$: how the logits of a decision come from the decisions
# before it. `Policy.forward`, `backward`, `sample` and `conditionals` are written once, in
# `maade_np/policies/base.py`; a policy brings `logits_forward`, its backward, and a sampler. So an
# *ablation*, which takes one part out and leaves the rest, is one word in a search: `reinforce`
# (independent), `reinforce-made`, `reinforce-nade`, `reinforce-lstm` in the place of `remaade`.
#
# For this notebook a space of six switches is enough. Its 64 strings can be enumerated, so that
# nothing needs to be estimated.

# %%
N = 6
space = mn.spaces.CategoricalSpace([f"x{i + 1}" for i in range(N)], [2] * N)
strings = np.array(list(product([0, 1], repeat=N)))  # all 64, and row k is k in binary
natural = np.arange(N)


def make(name, seed, space=space, **more):
    """Return a small policy, in float64 so that rounding does not matter."""
    sizes = {"MADE": {"hidden": 24}, "NADE": {"hidden": 16}, "LSTM": {"d": 8}, "MAADE": {"d": 8}}
    settings = {**sizes.get(name, {}), **more}
    return getattr(mn.policies, name)(space, rng=seed, dtype=np.float64, **settings)


NAMES = ["Independent", "MADE", "NADE", "LSTM", "MAADE"]
COLOURS = dict(
    zip(
        NAMES,
        [course.MUTED, course.BLUE, course.GREEN, course.ORANGE, course.VERMILLION],
        strict=True,
    )
)
for name in NAMES:
    policy = make(name, seed=0)
    log_prob, _ = policy.forward(strings, np.tile(natural, (64, 1)))
    total = np.exp(log_prob).sum()
    print(
        f"{name:12} {policy.num_parameters:5} parameters, 64 probabilities that sum to {total:.12f}"
    )

# %% [markdown]
# ### Who listens to whom
#
# A density with a leak (a decision that sees a later one, or itself) still runs, samples and learns
# something. Whether there is one can be asked of the object itself: flip decision $j$ in every
# string and look which conditionals move. That needs no knowledge of how the policy works.


# %%
def influence(policy, order):
    """Return (N, N): how far flipping decision j moves the conditionals of decision i, at most."""
    orders = np.tile(order, (len(strings), 1))
    before = policy.conditionals(strings, orders)
    moved = np.empty((N, N))
    for j in range(N):
        flipped = strings.copy()
        flipped[:, j] = 1 - flipped[:, j]
        moved[:, j] = np.abs(policy.conditionals(flipped, orders) - before).max(axis=(0, 2))
    return moved


shuffled = np.array([3, 0, 5, 1, 4, 2])
figure, grid = course.axes(8.2, 4.1, 2, 5, sharex=True, sharey=True)
for ax, name in zip(grid.T, NAMES, strict=True):
    policy = make(name, seed=1)
    for row, (order, title) in enumerate(((natural, name), (shuffled, ""))):
        moved = influence(policy, order)
        largest = moved.max()
        course.heatmap(ax[row], moved / largest if largest else moved, space.names, space.names)
        ax[row].set_title(title)
        ax[row].set_xticks(np.arange(N + 1) - 0.5, minor=True)
        ax[row].set_yticks(np.arange(N + 1) - 0.5, minor=True)
        ax[row].grid(which="minor", color="#D1D5DB", linewidth=0.7)
        ax[row].tick_params(which="minor", length=0)
        # whatever the strengths are: nothing may come from a decision that is not before
        step = np.argsort(order)
        assert (moved[step[:, None] <= step] == 0).all()
grid[0, 0].set_ylabel("natural order\ndecision that reacts")
grid[1, 0].set_ylabel("order 4 1 6 2 5 3\ndecision that reacts")
for ax in grid[1]:
    ax.set_xlabel("flipped")
plt.show()

# %% [markdown]
# Each panel is scaled to its own largest value. In the natural order what reacts lies below the
# diagonal; in a shuffled order it is the same triangle with rows and columns permuted ($x_3$,
# decided last, reacts to all others; $x_4$, decided first, to none). The four autoregressive
# policies have the same *pattern*: each may depend on everything before it. They differ in how the
# dependence is made, and so in what is easy for them, what it costs, and how it fades.
# `Independent` is empty, and shall be.
#
# ## 2. The four in turn
#
# ### Independent decisions
#
# $$z_i = b_{out,i}, \qquad P(a) = \prod_i P(a_i) \tag{13.2}$$
#
# The paper's plain vanilla REINFORCE (its equation 15): what is left of the head without a context.
# Its parameters *are* its logits. They start at 0, so the policy starts exactly uniform, and the
# order makes no difference. In the package (13.2) is `maade_np.policies.Independent`.
#
# ### MADE: one network, masked
#
# Germain et al. (2015) take an ordinary network from all inputs to all outputs and delete
# connections, by multiplying the weights with a mask, until no output can see its own input or a
# later one. Every hidden unit $k$ gets a *degree* $m_k$ from 1 to $N-1$, a number of decisions it
# may read:
#
# $$h_k = \tanh\Big(b_k + \sum_{j:\; \mathrm{step}(j) < m_k} W_{(j, a_j),k}\Big), \qquad
# z_i = b_{out,i} + \sum_{k:\; m_k \le \mathrm{step}(i)} h_k W_{heads,k,i} \tag{13.3}$$
#
# where step counts from 0. A path from $j$ to $i$ needs a unit with
# $\mathrm{step}(j) < m_k \le \mathrm{step}(i)$, so there is one only if
# $\mathrm{step}(j) < \mathrm{step}(i)$, strictly: the two inequalities, one strict and one not,
# *are* the autoregressive property. In the package (13.3) is `maade_np.policies.MADE`. In matrices,
# the number of paths is the product of both masks,
#
# $$(M_1 M_2)_{ji} = \#\{k : \mathrm{step}(j) < m_k \le \mathrm{step}(i)\}. \tag{13.4}$$

# %%
four = mn.spaces.CategoricalSpace(["x1", "x2", "x3", "x4"], [2] * 4)
made = make("MADE", seed=0, space=four, hidden=6)
order = np.array([2, 0, 3, 1])
step = np.argsort(order)  # step[i]: when hyper-parameter i is decided
print("degrees of the hidden units:", made.degrees)

# by hand, with the weights and degrees of the live object, one string at a time
first_mask = step[:, None] < made.degrees  # (N, H)
heads_mask = made.degrees[:, None] <= step  # (H, N)
p = made.params
for string in ([0, 1, 1, 0], [1, 1, 0, 1]):
    rows = made.layout.first + np.array(string)  # the row of W for each pair (j, a_j)
    h = np.tanh(p["b1"] + (p["W"][rows] * first_mask).sum(axis=0))
    z = p["b_out"] + np.einsum("k,kid,ki->id", h, p["W_heads"], heads_mask)
    log_probs, _ = layers.log_softmax_forward(z, np.ones_like(z, dtype=bool))
    assert np.allclose(log_probs, made.conditionals([string], [order])[0], atol=1e-12)  # (13.3)
paths = first_mask.astype(int) @ heads_mask  # (13.4)
print("paths from decision j (row) to decision i (column), both in the order of the steps:")
print(paths[order][:, order])

# %% [markdown]
# The hand-made masks give the conditionals of the object to rounding error, and no path leads
# backwards. Drawn, with the inputs in the order in which they are decided:


# %%
def draw_made(ax, decided, lit=None):
    """Draw MADE's connections; `decided` inputs are known, output `lit` is being decided."""
    x_in, x_hidden, x_out = 0.0, 1.0, 2.0
    y_in = {j: -1.6 * t for t, j in enumerate(order)}
    y_hidden = -0.96 * np.arange(made.hidden)
    known = made.degrees <= decided
    for j, k in zip(*np.nonzero(first_mask), strict=True):
        on = known[k]
        ax.plot(
            [x_in, x_hidden],
            [y_in[j], y_hidden[k]],
            color=course.BLUE if on else "#D1D5DB",
            linewidth=1.4 if on else 0.7,
            zorder=1,
        )
    for k, i in zip(*np.nonzero(heads_mask), strict=True):
        on = i == lit
        ax.plot(
            [x_hidden, x_out],
            [y_hidden[k], y_in[i]],
            color=course.VERMILLION if on else "#D1D5DB",
            linewidth=1.4 if on else 0.7,
            zorder=1,
        )
    at = {"ha": "center", "va": "center", "fontsize": 9, "zorder": 3}
    for t, j in enumerate(order):
        fill = course.BLUE if t < decided else "white"
        ax.scatter(x_in, y_in[j], 420, color=fill, edgecolor=course.BLUE, zorder=2)
        ax.text(x_in, y_in[j], four.names[j], color="white" if t < decided else course.BLUE, **at)
        on = j == lit
        ax.scatter(
            x_out,
            y_in[j],
            420,
            color=course.VERMILLION if on else "white",
            edgecolor=course.VERMILLION,
            zorder=2,
        )
        ax.text(x_out, y_in[j], four.names[j], color="white" if on else course.VERMILLION, **at)
    for k, m in enumerate(made.degrees):
        fill = "#DCEBF5" if known[k] else "white"
        ax.scatter(x_hidden, y_hidden[k], 560, color=fill, edgecolor=course.INK, zorder=2)
        ax.text(x_hidden, y_hidden[k], f"m={m}", **{**at, "fontsize": 8})
    ax.set(xlim=(-0.3, 2.3), ylim=(-5.4, 0.9))
    for x, text in ((x_in, "decided"), (x_hidden, "hidden units"), (x_out, "to decide")):
        ax.text(x, 0.65, text, ha="center", color=course.MUTED)
    ax.axis("off")


def frame(figure, t):
    """Draw one step of sampling."""
    ax = figure.subplots()
    draw_made(ax, decided=t, lit=order[t])
    ax.set_title(f"step {t}: the head of {four.names[order[t]]} sees the units of degree ≤ {t}")


course.animate(
    frame,
    range(4),
    5.0,
    3.9,
    per_second=0.8,
    hold=3,
    dpi=80,
    alt="MADE deciding x3, x1, x4, x2 in turn; each step lights the hidden units that read no more "
    "than what is decided, and the head that reads them",
)

# %% [markdown]
# Each hidden unit lights up once, as soon as all that it reads is decided, and never changes after
# that. So sampling costs no more than one pass through the network, though it takes $N$ steps
# (`maade_np.policies.made`, which also says how a batch with many orders gets by without masks).
# The price is elsewhere: the first decision has no unit at all, only biases; the second has those
# of degree 1; and *only the last* has all of them.
#
# ### NADE: a running sum
#
# $$s_0 = c, \qquad s_{t+1} = s_t + T[o_t, a_{o_t}], \qquad
# z_{o_t} = \sigma(s_t)\, W_{out,o_t} + b_{out,o_t} \tag{13.5}$$
#
# (Uria et al. 2016). In the package (13.5) is `maade_np.policies.NADE`. A decision adds its own
# vector, one for each pair of hyper-parameter and value, to one sum that all later decisions read.
# Nothing is ever forgotten, and an update of the context costs one addition. As a sum does not know
# the sequence of its terms, the context is the same for every order in which the *same set* was
# decided: what Krishna et al. say of attention ("the sequence in which preceding hyper-parameters
# were encountered doesn't matter") holds here too.
#
# ### LSTM: a state that is carried on
#
# $$x_t = q_{o_t} W_q + V_{a_{o_{t-1}}} W_v + b, \qquad
# h_t, c_t = \mathrm{LSTM}(x_t, h_{t-1}, c_{t-1}), \qquad z_{o_t} = h_t W_{out,o_t} + b_{out,o_t}
# \tag{13.6}$$
#
# The controller of Zoph & Le (2017): it reads the last decision and the name of the next, and all
# else has to be carried by the state $c_t = f_t \odot c_{t-1} + i_t \odot g_t$, which a forget gate
# $f_t < 1$ shrinks at every step. In the package (13.6) is `maade_np.policies.LSTM`, made of
# `maade_np.layers.lstm_cell`.
#
# Both recurrences, run by hand along one string with the live parameters, and compared with the
# object:

# %%
long = mn.spaces.CategoricalSpace([f"x{i + 1}" for i in range(12)], [2] * 12, ["switch"] * 12)
rng = np.random.default_rng(4)
string = rng.integers(2, size=12)
order12 = np.arange(12)


def run_nade(policy, string):
    """(13.5), a step at a time: return the hidden units and the logits of every step."""
    table, _ = policy.table()
    s, hidden, logits = policy.params["c"].copy(), [], []
    for i in order12:
        h, _ = layers.sigmoid_forward(s)
        hidden.append(h)
        logits.append(h @ policy.params["W_out"][i] + policy.params["b_out"][i])
        s = s + table[policy.layout.first[i] + string[i]]
    return np.array(hidden), np.array(logits)


def run_lstm(policy, string):
    """(13.6), a step at a time: return the memory c and the logits of every step."""
    # q W_q + b for every hyper-parameter, V W_v for every value
    hypers, values, _ = policy.tables()
    h = c = np.zeros((1, policy.hidden))
    memory, logits = [], []
    for t, i in enumerate(order12):
        x = hypers[i] if t == 0 else hypers[i] + values[string[order12[t - 1]]]
        h, c, _ = layers.lstm_cell(x, h, c, policy.params["lstm1.W_h"])
        memory.append(c[0])
        logits.append(h[0] @ policy.params["W_out"][i] + policy.params["b_out"][i])
    return np.array(memory), np.array(logits)


other = string.copy()
other[0] = 1 - other[0]
figure, grid = course.axes(8.2, 4.2, 2, 2, sharex=True)
for row, (name, run, what) in zip(
    grid,
    (("NADE", run_nade, "hidden unit of $σ(s_t)$"), ("LSTM", run_lstm, "memory cell of $c_t$")),
    strict=True,
):
    policy = make(name, seed=0, space=long)
    states, logits = run(policy, string)
    log_probs, _ = layers.log_softmax_forward(logits, np.ones_like(logits, dtype=bool))
    assert np.allclose(log_probs, policy.conditionals([string], [order12])[0], atol=1e-12)
    centre = 0.5 if name == "NADE" else 0.0
    course.heatmap(row[0], states.T - centre, diverging=True, label="from its middle")
    row[0].set(ylabel=what, title=f"{name}: the context along one string")
    difference = run(policy, other)[0] - states
    course.heatmap(row[1], difference.T, diverging=True, label="difference")
    row[1].set_title(f"{name}: what flipping $x_1$ changes in it")
    for ax in row:
        ax.set_aspect("auto")
        ax.set_yticks([])
for ax in grid[1]:
    ax.set_xticks(range(12), [f"{t + 1}" for t in range(12)])
    ax.set_xlabel("decision about to be made")
plt.show()

# %% [markdown]
# Below on the right the memory of $x_1$ fades from left to right: every step multiplies it by a
# forget gate. In NADE (above) it stays for good, though a sigmoid that has been pushed to 0 or 1 by
# other terms passes on less of it. How fast does a decision fade in each policy? Flip the first of
# 40 decisions and watch the conditionals, averaged over random strings and starts, with equal
# widths and untrained:

# %%
forty = mn.spaces.CategoricalSpace([f"x{i}" for i in range(40)], [2] * 40, ["switch"] * 40)
rng = np.random.default_rng(0)
sample = forty.sample(100, rng)
flipped = sample.copy()
flipped[:, 0] = 1 - flipped[:, 0]
orders = np.tile(np.arange(40), (100, 1))
figure, ax = course.axes(6.4, 2.9)
for name in NAMES[1:]:
    width = {"hidden": 400} if name == "MADE" else {"d": 32, "hidden": 32}
    width = {"d": 32} if name == "MAADE" else width
    squares = np.zeros(40)
    for seed in range(8):
        policy = make(name, seed, forty, **width)
        change = policy.conditionals(flipped, orders) - policy.conditionals(sample, orders)
        squares += (change**2).mean(axis=(0, 2)) / 8
    ax.plot(range(2, 41), np.sqrt(squares[1:]), color=COLOURS[name], label=name, linewidth=1.8)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="place of the decision that reacts to the first",
    ylabel="change of its log-probability",
    title="How long the first decision is heard, before any training",
)
ax.set_xticks([2, 3, 5, 10, 20, 40], ["2nd", "3rd", "5th", "10th", "20th", "40th"])
ax.minorticks_off()
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.show()

# %% [markdown]
# Four characters. Attention *averages*: the share of one among $t$ keys is about $1/t$, a straight
# line here. The LSTM *forgets*, faster and faster on this scale, that is geometrically. NADE
# *adds*: level. MADE gives late decisions *more units*, so that in it the first decision is heard
# better the later one asks. All of it is the start only: training can sharpen attention or open a
# forget gate, but it has to be learnt, and a search of 150 queries leaves five updates for that.
#
# ## 3. What each can represent
#
# Take a target distribution $p$ over the 64 strings and fit a policy $P$ to it by maximum
# likelihood. What is left is the Kullback–Leibler divergence, which the chain rule (13.1) splits by
# decisions:
#
# $$\mathrm{KL}(p \,\|\, P) = \sum_a p(a) \log\frac{p(a)}{P(a)}
# = \sum_t \mathbb{E}_{p}\, \mathrm{KL}\big(p(\cdot \mid \text{before}) \,\big\|\, P(\cdot \mid \text{before})\big)
# \;\ge\; 0. \tag{13.7}$$
#
# For independent decisions the best $P_i$ are the marginals $p_i$ (each term
# $-\sum_a p(a) \log P_i(a_i)$ is a cross-entropy, which is least at $P_i = p_i$), and what remains
# then is known exactly:
#
# $$\min_{P = \prod P_i} \mathrm{KL}(p \,\|\, P) = \sum_i H(p_i) - H(p), \tag{13.8}$$
#
# the *total correlation* of $p$, 0 only if $p$ itself is a product. Exercise 1 asks you to compute
# it. The gradient of $-\sum_a p(a) \log P(a)$ with respect to the 64 log-probabilities is $-p$, and
# that is what `backward` takes.

# %%
total = strings.sum(axis=1)
tilted = np.exp(strings @ np.linspace(-1, 1, N))
TARGETS = {
    "a product": tilted,
    "three equal pairs": (strings[:, 0::2] == strings[:, 1::2]).all(axis=1),
    "last = first": strings[:, 0] == strings[:, -1],
    "exactly one is on": total == 1,
    "an even number is on": total % 2 == 0,
    "random": np.random.default_rng(0).dirichlet(np.full(64, 0.3)),
}
TARGETS = {name: np.asarray(p, float) / np.sum(p) for name, p in TARGETS.items()}


def divergence(policy, p, order=natural):
    """(13.7) by enumeration."""
    every = np.array(list(product(*map(range, policy.space.cardinalities.tolist()))))
    log_prob, _ = policy.forward(every, np.tile(order, (len(every), 1)))
    seen = p > 0
    return float(p[seen] @ (np.log(p[seen]) - log_prob[seen]))


def fit(policy, p, steps=400, learning_rate=2e-2):
    """Ascend the likelihood of p, exactly, with Adam; return what is left of the divergence."""
    every = np.array(list(product(*map(range, policy.space.cardinalities.tolist()))))
    orders = np.tile(np.arange(policy.space.size), (len(every), 1))
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=learning_rate)
    for _ in range(steps):
        _, cache = policy.forward(every, orders)
        optimizer.step(policy.backward(-p, cache))
    return divergence(policy, p, np.arange(policy.space.size))


def divergence_of_marginals(p):
    """What is left by the independent policy whose logits are the logarithms of p's marginals."""
    policy, on = make("Independent", seed=0), strings.T @ p  # P(x_i = 1)
    policy.params["b_out"][...] = np.log(np.column_stack([1 - on, on]))
    return divergence(policy, p)


starts = {"an even number is on": range(2)}  # hard to train, as you will see
left = np.array(
    [
        [min(fit(make(name, seed), p) for seed in starts.get(target, range(1))) for name in NAMES]
        for target, p in TARGETS.items()
    ]
)
floor = np.array([divergence_of_marginals(p) for p in TARGETS.values()])
off = np.abs(left[:, 0] - floor).max()
print(f"independent decisions reach their floor (13.8) to {off:.1e}")
figure, ax = course.axes(7.4, 2.8)
shown = np.column_stack([floor, left]).clip(0)
course.heatmap(
    ax,
    shown,
    TARGETS,
    ["floor of\nindependent", *NAMES],
    label="KL left, in nats",
    numbers=".3f",
)
ax.set_aspect("auto")
ax.set_title("What is left after 400 exact steps (last but one: better of two starts)")
ax.axvline(0.5, color="white", linewidth=4)
plt.show()

# %% [markdown]
# Independent decisions land on their floor, to rounding error, whatever you train: the first two
# columns are one and the same. The four autoregressive policies come close to everything, with a
# few hundred parameters for a table of 63 free numbers.
#
# Two caveats belong to such a picture. A number that is not 0 is no proof of anything: more steps,
# another start, more units may remove it. And *parity* ("an even number is on") is the hard one
# throughout: there every proper subset of the decisions is uniform, so the first five conditionals
# have nothing to learn, and the last has to count all of them at once.
#
# ### A proof, and its numbers
#
# Where can one say "cannot"? Take parity of *three* bits: $a_3$ has to be $a_1 \oplus a_2$ (XOR),
# so that the logit difference of the third decision must be high for $(0,1)$ and $(1,0)$, low for
# $(0,0)$ and $(1,1)$.
#
# - **NADE with one hidden unit.** The difference is $w\,\sigma(s) + b$ with
#   $s = c + u_1 a_1 + u_2 a_2$: a *monotone* function of $s$. Now
#   $s_{00} + s_{11} = s_{01} + s_{10}$: both pairs have the same midpoint, so one encloses the
#   other, and along the axis of $s$ the contexts stand as outer, inner, inner, outer. XOR wants
#   these four to be low, high, high, low (or the reverse). The best that a monotone function can do
#   with that is to get one end right and give the other three one common probability, 2/3. Left is
#   $\frac34 H(\frac23) \approx 0.477$ nats of the $\log 2 \approx 0.693$.
# - **MADE with one unit of full degree.** The difference is
#   $w \tanh(u_1 a_1 + u_2 a_2 + b) + g(a_1)$: units of degree 1 may add any function $g$ of $a_1$.
#   Going from $a_2 = 0$ to $1$ changes it by an amount that has the sign of $w u_2$, *for both*
#   values of $a_1$; XOR needs one sign for each. One half can be had, the other stays a fair coin:
#   left is $\frac12 \log 2 \approx 0.347$.
# - **The same with a direct connection** from $a_2$ to the logits adds one constant to both
#   changes. They differ in size, since tanh saturates, so the constant can turn the sign of the
#   smaller one. Nothing forbids XOR any more.

# %%
three = mn.spaces.CategoricalSpace(["x1", "x2", "x3"], [2] * 3)
every3 = np.array(list(product([0, 1], repeat=3)))
parity = (every3.sum(axis=1) % 2 == 0) / 4
big = {"W": 3.0, "heads": 1.0}
CASES = {
    "NADE, 1 unit": lambda s: make("NADE", s, three, hidden=1, init_scales=big),
    "NADE, 2 units": lambda s: make("NADE", s, three, hidden=2, init_scales=big),
    "MADE, 1 unit of degree 2": lambda s: make("MADE", s, three, hidden=2, init_scales=big),
    "  with direct connections": lambda s: make(
        "MADE", s, three, hidden=2, direct=True, init_scales=big
    ),
    "MADE, 2 units of degree 2": lambda s: make("MADE", s, three, hidden=4, init_scales=big),
    "MAADE, d = 1": lambda s: make("MAADE", s, three, d=1, init_scales={"heads": 1.0}),
    "MAADE, d = 2": lambda s: make("MAADE", s, three, d=2, init_scales={"heads": 1.0}),
    "LSTM, d = 1": lambda s: make("LSTM", s, three, d=1, init_scales={"heads": 1.0}),
}
ends = {
    name: np.sort([fit(new(s), parity, 400, 8e-2) for s in range(6)]) for name, new in CASES.items()
}
figure, ax = course.axes(7.4, 3.1)
third = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
for value, text in ((0.75 * third, "¾ H(⅔)"), (np.log(2) / 2, "½ log 2"), (np.log(2), "log 2")):
    ax.axvline(value, color=course.MUTED, linestyle=":", linewidth=1.2)
    ax.text(value, -0.75, text, ha="center", color=course.MUTED, fontsize=8.5)
for row, values in enumerate(ends.values()):
    ax.plot(values, row + 0.09 * (np.arange(6) - 2.5), "o", markersize=4.5, color=course.SKY)
    ax.plot(values[0], row - 0.225, "o", markersize=6.5, color=course.BLUE)
ax.set_yticks(range(len(ends)), ends)
ax.set(ylim=(len(ends) - 0.4, -0.6), xlim=(-0.03, 0.75), xlabel="KL left, in nats")
ax.set_title("XOR: six starts each, the best one dark", pad=16)
plt.show()

# %% [markdown]
# No start goes below the floors that were derived, and with what the derivation says is missing (a
# second unit, a direct connection) some starts reach 0. *Some*: other starts of the very same network
# end at ¾ H(⅔) or ½ log 2, which are now local optima and no longer floors, or do not leave log 2.
# Representation asks whether there is a setting; training has to find it. For MAADE with $d = 1$ no
# start got further than ¾ H(⅔) either. That is an observation; a proof is not given here.
#
# (Taking the *best* of six starts is right here, because the question is whether it exists. In
# notebook 14 the question is how a method does, and there the same gesture is a fraud.)
#
# ## 4. A search needs less, and asks for something else
#
# A density that cannot represent the set of all good strings can still find one. Any single string,
# with probability 1, *is* a product. What matters to a search is which way the gradient points from
# where it starts. For independent decisions and an expected reward $J = \mathbb{E} f(a)$, since
# $\partial \log P / \partial b_{i,v} = \mathbb{1}[a_i = v] - P(a_i = v)$,
#
# $$\frac{\partial J}{\partial b_{i,v}} = P(a_i = v)\,\big(\mathbb{E}[f \mid a_i = v] - J\big). \tag{13.9}$$
#
# A decision is pushed only by what it does *on average over all others*. If from the uniform start
# no value of any single decision is better than another on average, the gradient is exactly 0,
# however good the best strings are.

# %%
REWARDS = {
    "each switch counts": strings.mean(axis=1),
    "pairs must be equal": (strings[:, 0::2] == strings[:, 1::2]).mean(axis=1),
    "an even number must be on": (total % 2 == 0).astype(float),
}
orders64 = np.tile(natural, (64, 1))
print("norm of the exact policy gradient at the start")
for title, f in REWARDS.items():
    row = []
    for name in NAMES:
        policy = make(name, seed=0)
        log_prob, cache = policy.forward(strings, orders64)
        prob = np.exp(log_prob)
        grads = policy.backward(prob * (f - prob @ f), cache)  # of J = sum_a P(a) f(a)
        row.append(np.sqrt(sum(float((g**2).sum()) for g in grads.values())))
        if name == "Independent":  # (13.9)
            on = strings == 1
            means = np.stack([[f[~on[:, i]].mean(), f[on[:, i]].mean()] for i in range(N)])
            assert np.allclose(grads["b_out"], 0.5 * (means - f.mean()), atol=1e-15)
    print(
        f"  {title:27}", "  ".join(f"{n} {value:.4f}" for n, value in zip(NAMES, row, strict=True))
    )

# %% [markdown]
# On pairs and on parity the independent policy stands on a saddle: gradient 0. The autoregressive
# ones see something at once, since given the first of a pair the second *does* make a difference.
# (On parity they see very little: what they react to is how far they are from uniform already.) Now
# let REINFORCE run, with samples, as a search does: $B = 30$, Adam, a moving-average baseline.


# %%
def reinforce(policy, f, seed, steps, learning_rate, B=30, entropy=0.0):
    """Return the exact expected reward before each update, and exp(entropy) at the end."""
    rng, orders = np.random.default_rng(1000 + seed), np.tile(natural, (B, 1))
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=learning_rate)
    baseline, expected = mn.baselines.MovingAverage(0.9), []
    for _ in range(steps):
        expected.append(np.exp(policy.forward(strings, orders64)[0]) @ f)
        actions, _ = policy.sample(B, orders, rng)
        rewards = f[actions @ 2 ** np.arange(N)[::-1]]
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = mn.objectives.reinforce(log_prob, rewards - baseline(rewards))
        baseline.update(rewards)
        dconditionals = None
        if entropy:
            exists = policy.layout.exists
            bonus = mn.objectives.entropy(log_prob, cache.log_probs, actions, orders, exists)
            dlog_prob = dlog_prob + entropy * bonus.dlog_prob
            dconditionals = entropy * bonus.dconditionals
        optimizer.step(policy.backward(dlog_prob, cache, dconditionals))
    log_prob, _ = policy.forward(strings, orders64)
    return expected, np.exp(-np.exp(log_prob) @ log_prob)


STEPS = 60
figure, grid = course.axes(8.2, 3.2, 1, 3, sharey=True)
ends = {title: {} for title in REWARDS}
for ax, (title, f) in zip(grid, REWARDS.items(), strict=True):
    for name, rate in [*((name, 0.03) for name in NAMES), ("Independent", 0.3)]:
        runs, left_open = zip(
            *(reinforce(make(name, s), f, s, STEPS, rate) for s in range(4)), strict=True
        )
        runs = np.array(runs)
        ends[title][name, rate] = runs[:, -1].mean(), np.mean(left_open)
        ax.plot(
            runs.mean(axis=0),
            color=COLOURS[name],
            linestyle="--" if rate > 0.1 else "-",
            linewidth=1.8,
            label=f"{name}, α = 0.3" if rate > 0.1 else name,
        )
    ax.set(title=title, xlabel="updates", ylim=(0.45, 1.03))
grid[0].set_ylabel("expected reward")
figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
plt.show()

# %% [markdown]
# Means of four runs; α = 0.03 for all, and once more the independent policy at α = 0.3. Three
# lessons, of which the first is the one that is usually missed.
#
# 1. **On the left** every decision can be judged alone, so independence is the *right* assumption.
#    At the common α the independent policy is nevertheless far behind, and at ten times that it is
#    level with the best. It is not a worse model there. It takes smaller steps.
# 2. **In the middle and on the right** it stands on its saddle, as (13.9) says; at the common α it
#    leaves it late (pairs) or not at all (parity), where the others climb.
# 3. **With the larger step** the noise of sampling throws it off the saddle, and after that it
#    climbs too, even on parity. It commits itself to one string with an even number on, and any
#    single string *is* a product. So not even here does the best reward tell the policies apart.
#
# What could tell them apart is how much they keep open: $\exp$ of the entropy is the number of
# strings among which a policy still chooses. Once more pairs, without and with an entropy bonus in
# the objective (`maade_np.objectives.entropy`, weight 0.1):

# %%
title = "pairs must be equal"
f = REWARDS[title]
print(f"{title}: {int((f == 1).sum())} strings of 64 have reward 1. After {STEPS} updates")
print(" " * 26, "no bonus           with the bonus")
for name in NAMES:
    rate = 0.3 if name == "Independent" else 0.03
    expected, left_open = ends[title][name, rate]
    with_bonus = [reinforce(make(name, s), f, s, STEPS, rate, entropy=0.1) for s in range(2)]
    also, more_open = np.mean([(run[-1], count) for run, count in with_bonus], axis=0)
    print(
        f"    {name:12} α = {rate:4}: reward {expected:.2f}, {left_open:3.1f} open   "
        f"reward {also:.2f}, {more_open:4.1f} open"
    )

# %% [markdown]
# Here is the difference at last. The autoregressive policies *can* keep the good strings open, all
# eight of them (and some others, which the bonus pays for as well). They do so only if the
# objective asks for it: by itself REINFORCE lets equally good strings drift apart, by the chance of
# which were drawn, until one or two are left. The independent policy cannot do it: every bit of
# freedom that it keeps in one switch costs a pair. Whether open choices are worth anything depends
# on the search; if all good strings are equally good, they are worth nothing.
#
# ## 5. Equal learning rates are not equal steps
#
# Adam's first step is, for every parameter, the learning rate times a sign,
#
# $$\Delta\theta = -\alpha\,\frac{m_1/(1-\beta_1)}{\sqrt{v_1/(1-\beta_2)} + \epsilon}
# = -\alpha\,\frac{g}{|g| + \epsilon} \approx -\alpha\,\mathrm{sign}(g), \tag{13.10}$$
#
# and the following ones are hardly larger (`maade_np.optimizers.Adam`). In the independent policy a
# parameter is a logit, so $K$ updates move a logit by at most about $K\alpha$. In a network one
# step moves *every* weight that the logit hangs on, all of them in the direction that helps, and
# the moves add up: a layer of 936 units, MADE's here, can move a logit by a multiple of $\alpha$
# that grows with its width. On the NAS-Bench-101 space with the paper's settings for 150 queries
# (α = 0.01, five updates of 30 strings), on the **surrogate** table:

# %%
theta, gradient = {"theta": np.zeros(3)}, np.array([5.0, -0.02, 0.0001])
mn.optimizers.Adam(theta, learning_rate=0.01).step({"theta": gradient})  # (13.10)
print("Adam's first step along the gradients", gradient.tolist(), "is", theta["theta"].round(6))
print()

table = mn.tables.NASBench101.surrogate()
SEARCHERS = {
    "Independent": "reinforce",
    "MADE": "reinforce-made",
    "NADE": "reinforce-nade",
    "LSTM": "reinforce-lstm",
    "MAADE": "remaade",
}
probes = table.space.sample(200, np.random.default_rng(1))
moved = {}
for name, searcher_name in SEARCHERS.items():
    searcher = mn.searchers.create(searcher_name, table.space, seed=0, preset="paper-short")
    orders = np.broadcast_to(searcher.orders[0], probes.shape)
    before = searcher.policy.conditionals(probes, orders).astype(float)
    real = np.isfinite(before)
    steps = []
    for _ in range(5):
        proposals = searcher.ask()
        searcher.tell(proposals, table.query(proposals.actions, seed=0).signal)
        after = searcher.policy.conditionals(probes, orders).astype(float)
        steps.append(np.abs(np.exp(after[real]) - np.exp(before[real])).mean())
    moved[name] = steps
    print(f"{name:12} {searcher.policy.num_parameters:7,} parameters, probabilities moved by "
          f"{steps[0]:.4f} on average after one update, {steps[-1]:.4f} after all five")  # fmt: skip

figure, ax = course.axes(6.0, 2.7)
for name, steps in moved.items():
    ax.plot(range(1, 6), steps, "o-", color=COLOURS[name], label=name, linewidth=1.8)
ax.set(
    yscale="log",
    xlabel="updates (of 30 queries each)",
    ylabel="mean change of a\nconditional probability",
    title="The same α = 0.01, one search on the surrogate",
)
ax.set_xticks(range(1, 6))
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.show()

# %% [markdown]
# The independent policy *cannot* move further: with five updates of at most about 0.01 in each
# logit, a switch goes from 1/2 to at most $1/(1 + e^{-2 \cdot 0.05}) \approx 0.525$. It ends its
# search as uniform as it began. Whatever a table says about "plain REINFORCE" at this learning
# rate, it says it of random search. MADE is at the other end: it has jumped before it has seen 60
# strings.
#
# ## 6. What the ablation says, on real results
#
# `maade-np reproduce table4` ran all of this on the real NAS-Bench-101 test accuracies, 500 trials
# a row, and its records are in the repository: for each trial the error of the cell it ended with,
# on training runs *that the search never saw* (`held_out`; notebook 14 says why that is the column
# to read).

# %%
results = next(
    folder
    for folder in (Path("../benchmarks/results"), Path("benchmarks/results"))
    if folder.is_dir()
)
figure, grid = course.axes(8.2, 3.2, 1, 2, sharex=True)
for ax, part, title in (
    (grid[0], "paper", "The paper's settings, α = 0.01 for all"),
    (grid[1], "tuned", "Each tuned with the same effort"),
):
    folder = results / "table4" / part
    found = outcomes(Plan.read(folder), folder)
    held_out = {label: outcome.final("held_out") for label, outcome in found.items()}
    for row, values in enumerate(held_out.values()):
        mean, low, high = statistics.bootstrap(values, rng=0, draws=2000)
        ax.plot([low, high], [row, row], color=course.BLUE, linewidth=3, alpha=0.5)
        ax.plot(mean, row, "o", color=course.BLUE)
        ax.annotate(f"{mean:.3f}", (mean, row), (0, 6), textcoords="offset points", ha="center",
                    fontsize=8.5)  # fmt: skip
    short = [label.replace(", tuned", "").replace("REINFORCE, ", "") for label in held_out]
    ax.set_yticks(range(len(short)), [s.replace("REINFORCE", "independent") for s in short])
    ax.set(ylim=(len(short) - 0.5, -0.7), xlabel="held-out test error (%)", title=title)
    reference = "ReMAADE" if part == "paper" else "ReMAADE, tuned"
    others = [label for label in held_out if label != reference]
    tests = [statistics.welch(held_out[label], held_out[reference]) for label in others]
    corrected = statistics.holm([test.p for test in tests])
    print(f"{title}: difference to {reference}, negative is better")
    alpha = Plan.read(folder).arm(reference).settings["learning_rate"]
    cells = found[reference].counts["distinct"].mean()
    print(f"    {reference:22} {f'α = {alpha}':9} {cells:4.0f} different cells")
    for label, test, p_value in zip(others, tests, corrected, strict=True):
        settings = Plan.read(folder).arm(label).settings
        alpha = settings.get("learning_rate")
        rate = f"α = {alpha}" if alpha else ""
        cells = found[label].counts["distinct"].mean()
        print(
            f"    {label:22} {rate:9} {cells:4.0f} different cells   {test.difference:+.3f}, "
            + (f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001")
        )
plt.show()

# %% [markdown]
# **Left**, with the paper's settings. ReMAADE beats random search, independent decisions and the
# LSTM; it does not beat MADE or NADE. Independent decisions do no better than random search, as
# section 5 says they must not. So on these results the claim "an autoregressive policy helps"
# stands *at this learning rate*, and the claim "attention is what does it" is not shown. The paper
# has MADE level with independent decisions and ReMAADE ahead of both, by a protocol that it does
# not fully state.
#
# **Right**, where every policy had settings of its own (the best of the same number of random
# candidates for each, chosen on other landscapes) and repeated cells are skipped by all. Look at
# the learning rates that came out: from 0.001 for MADE to 0.1 for independent decisions, a factor
# of a hundred, and nearly in the order of section 5's picture. The exception is ReMAADE, which got
# the step that suits the LSTM and collapses with it: it draws nothing new any more, repeats are let
# through then, and of 150 queries only 116 are different cells, where the others have 150. Every
# policy is now far ahead of random search, independent decisions *beat* ReMAADE, and the order of
# the left panel is almost turned around. That is no proof that independence is better, or attention
# worse. With twenty candidates a tuning is itself a lottery.
#
# What do the two panels say together? That on NAS-Bench-101 at 150 queries the difference between
# *settings* is several times that between *policies*, and that an ablation which holds the settings
# fixed measures which policy they happen to fit ([the full
# table](../benchmarks/results/table4/README.md), where p is corrected for more tests). It is a
# finding about 150 queries on one table, not about your problem.
#
# ## 7. What they cost
#
# The paper's Table 2 gives orders of growth for the *parameters* of the context layer.
# `maade_np.reproduce.table2` counts parameters and multiply-adds from shapes. Beside them a
# measurement: one sample and one update of 30 strings.

# %%
sizes = [5, 10, 20, 40, 80]
d = 16
figure, grid = course.axes(8.2, 3.2, 1, 3)
for name, layer in table2.LAYERS.items():
    counts = [layer.parameters(n, d) for n in sizes]
    small = layer.make(table2.make_space(10), d)
    assert table2.counted(small, layer) == layer.parameters(10, d)  # the formula, on a live object
    flops = [layer.multiply_adds(n, d) for n in sizes]
    timed = [n for n in sizes if not (name == "MADE" and n > 40)]
    times = [1000 * table2.seconds(layer.make(table2.make_space(n), d)) for n in timed]
    for ax, xs, ys in zip(grid, (sizes, sizes, timed), (counts, flops, times), strict=True):
        ax.plot(xs, ys, "o-", color=COLOURS[name], label=name, linewidth=1.8, markersize=4)
for ax, title in zip(
    grid,
    (
        "parameters",
        "multiply-adds a string",
        "ms for a sample and an update",
    ),
    strict=True,
):
    ax.set(xscale="log", yscale="log", xlabel="decisions N", title=title)
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
grid[0].legend(fontsize=8.5)
grid[2].set_yticks([0.3, 1, 3, 10, 30], ["0.3", "1", "3", "10", "30"])
grid[2].minorticks_off()
plt.show()

# %% [markdown]
# (Binary decisions, $d = 16$; the context layer's parameters and work; times from the machine that
# built this page, one thread, without MADE at 80 decisions.) The left panel is the paper's point:
# MAADE and the LSTM have as many parameters for any $N$, NADE's grow with $N$, MADE's with $N^2$
# where it has $N d$ units. The middle says what that leaves out: attention looks at every earlier
# decision, so its *work* has a term in $N^2$ as well. The right is what you wait for. At few
# decisions it is mostly the overhead of the calls. The LSTM, with its chain of $N$ steps forwards
# and $N$ backwards that nothing can shorten, is slow though it has few parameters.
#
# ## Exercises
#
# ### 1. The floor of independence · `exercise_13_1_floor`
#
# Write a function that takes a joint distribution as an array $p$ with one axis a decision (shape
# $D_1 \times \dots \times D_N$, entries that sum to 1, zeros allowed) and returns the smallest
# divergence that independent decisions can leave, (13.8), in nats.

# %%
answer = None  # def answer(p): ...
# checks.nb13.check_floor(answer)

# %% [markdown]
# ### 2. Find the silent bug · `exercise_13_2_masks`
#
# Below a colleague has made a MADE from the package's layers and fits it to "two equal pairs" on
# four switches. It runs, its loss falls, and the result is better than that of
# `maade_np.policies.MADE`. It is *too* good: look at what it prints, and at (13.7). What is wrong,
# and where? Write `masks(degrees, step)` right: it returns two boolean arrays, from decisions to
# hidden units (N, H) and from hidden units to decisions (H, N). The density must not leak, and must
# not give away connections that are allowed.


# %%
def colleagues_masks(degrees, step):
    """Return MADE's masks: a unit of degree m belongs to the first m decisions."""
    return step[:, None] <= degrees, degrees[:, None] <= step


def colleagues_fit(masks, steps=400, H=12, N=4):
    """Fit a MADE over binary decisions, one input a decision, and return the divergence (13.7)."""
    rng = np.random.default_rng(0)
    strings = np.array(list(product([0, 1], repeat=N)))
    p = (strings[:, 0::2] == strings[:, 1::2]).all(axis=1) / 4
    degrees, step = 1 + np.arange(H) * (N - 1) // H, np.arange(N)
    first, last = masks(degrees, step)
    last = np.repeat(last, 2, axis=1)
    params = {"W": rng.normal(size=(N, H)), "b": np.zeros(H)}
    params |= {"U": rng.normal(size=(H, 2 * N)) / H, "c": np.zeros(2 * N)}
    optimizer = mn.optimizers.Adam(params, learning_rate=3e-2)
    chosen = strings[:, :, None] == [0, 1]
    for _ in range(steps):
        pre, cache1 = layers.masked_affine_forward(
            2.0 * strings - 1, params["W"], params["b"], first
        )
        y = np.tanh(pre)
        z, cache2 = layers.masked_affine_forward(y, params["U"], params["c"], last)
        log_probs, cache3 = layers.log_softmax_forward(z.reshape(-1, N, 2), np.ones((N, 2), bool))
        log_prob = (log_probs * chosen).sum(axis=(1, 2))
        dz = layers.log_softmax_backward(-p[:, None, None] * chosen, cache3).reshape(z.shape)
        dy, dU, dc = layers.masked_affine_backward(dz, cache2)
        _, dW, db = layers.masked_affine_backward(dy * (1 - y**2), cache1)
        optimizer.step({"W": dW, "b": db, "U": dU, "c": dc})
    return p[p > 0] @ (np.log(p[p > 0]) - log_prob[p > 0])


print(f"KL left: {colleagues_fit(colleagues_masks):.3f} nats")

# %%
answer = None  # def answer(degrees, step): ...
# checks.nb13.check_masks(answer)

# %% [markdown]
# ### 3. XOR by hand · `exercise_13_3_xor_by_hand`
#
# Section 3 proves that NADE with one hidden unit cannot do XOR. Give it two, and give it the
# weights *yourself*: write a function that returns the parameters of
# `mn.policies.NADE(three, hidden=2)`, a dict of `"W"` (6, 2), `"c"` (2,), `"W_out"` (3, 2, 2) and
# `"b_out"` (3, 2), such that less than 0.05 nats are left of the divergence from even parity in the
# natural order. (Row $2j + v$ of `"W"` is what decision $j$ adds when it takes the value $v$. Think
# of one unit that says "at least one is on" and one that says "both are".)

# %%
answer = None  # def answer(): return {"W": ..., "c": ..., "W_out": ..., "b_out": ...}
# checks.nb13.check_xor_by_hand(answer)

# %% [markdown]
# ### 4. How many updates does it take? · `exercise_13_4_updates_needed`
#
# An independent decision with $D$ values starts uniform. Suppose Adam moves the logit of the value
# that is wanted up by exactly α at each update, and all others down by α (13.10). Write
# `updates_needed(p, alpha, D)`: after how many updates does the wanted value have a probability of
# at least $p$ for the first time? How many *queries* is that for $p = 0.9$, α = 0.01, $D = 2$ and
# batches of 30?

# %%
answer = None  # def answer(p, alpha, D): ...
# checks.nb13.check_updates_needed(answer)

# %% [markdown]
# ## In practice
#
# - The policies are in [`maade_np/policies/`](../maade_np/policies): `independent.py`, `made.py`
#   (both forms of its masks in `made_ends.py`), `nade.py`, `lstm.py`; what the last three share in
#   sampling is `in_turn.py`. A policy of your own is one file with three functions;
#   `maade-np gradcheck` then checks it like all others.
# - `mn.searchers.create("reinforce-made", space)` and its kin have three presets: `strong`,
#   `paper-short`, `paper-medium`. The strong ones have a learning rate of their own each, for the
#   reason of section 5. With the strong settings, which add a critic, the policies are level ([the
#   study](../benchmarks/results/strong/README.md)).
# - If you ablate: tune every side with the same effort, say how, and say how many candidates that
#   was.
#
# ## Further reading
#
# - M. Germain, K. Gregor, I. Murray, H. Larochelle: *MADE: Masked Autoencoder for Distribution
#   Estimation*, ICML 2015.
# - B. Uria, M.-A. Côté, K. Gregor, I. Murray, H. Larochelle: *Neural Autoregressive Distribution
#   Estimation*, JMLR 2016.
# - B. Zoph, Q. V. Le: *Neural Architecture Search with Reinforcement Learning*, ICLR 2017.
# - S. Watanabe: *Information theoretical analysis of multivariate correlation*, IBM Journal 1960,
#   where the total correlation comes from.
# - C. S. Krishna et al.: *Neural Architecture Search with Reinforce and Masked Attention
#   Autoregressive Density Estimators*, 2020, sections 5 and 8.1.
