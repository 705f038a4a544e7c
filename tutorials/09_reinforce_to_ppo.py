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
# # 9. Take several steps on one batch: from REINFORCE to PPO
#
# *Reading time about 35 minutes · runs in about 20 seconds · assumes notebooks 1, 2 and 7*
#
# **What you will do**
#
# - Take many REINFORCE steps on one batch and watch the loss fall without limit while the policy
#   gains little.
# - Derive the importance weight that makes a second step honest, check it against the exact
#   gradient, and compute what it costs.
# - Work out PPO in the two forms that are around, the paper's printed one and the standard one, for
#   both signs of the advantage and all ranges of the ratio, and draw the gradient field of each.
# - Search with one, three and ten updates a batch, and compare.
#
# **What you will learn**
#
# - Why REINFORCE may use a batch only once, and what PPO changes about that.
# - In which two of six cases the paper's objective differs from the standard one, and what that
#   does.
# - Why the clipping range has no effect at all with one update a batch.
#
# **What you will need**
#
# The score-function estimator (notebook 1), the baseline (notebook 2), and that a policy has a
# `forward` that gives $\log P(a)$ and a `backward` (notebook 7). Nothing is downloaded.

# %% [markdown]
# ## The question
#
# In architecture search a reward is a trained network: minutes to hours. A gradient step costs
# milliseconds. It would be foolish to spend an hour on a batch of strings, take one small step with
# it, and throw it away. So: **may we take several steps on one batch?** And if not, what has to
# change?
#
# We need a place where the truth can be computed. Four hyper-parameters with 3, 3, 2 and 2 values
# make 36 strings; their rewards are drawn once and for all. Over so few strings every expectation
# is a sum.

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

import checks
import course
import maade_np as mn
from maade_np import objectives, statistics

space = mn.spaces.CategoricalSpace(["a", "b", "c", "d"], [3, 3, 2, 2])
strings = np.array(list(product(*map(range, space.cardinalities))))  # all 36, in order
orders = np.tile(np.arange(space.size), (len(strings), 1))

f = np.random.default_rng(7).normal(size=len(strings))
f = (f - f.min()) / (f.max() - f.min())  # rewards from 0 to 1


def row_of(actions):
    """Return where each string stands among the 36."""
    return np.ravel_multi_index(actions.T, space.cardinalities)


def new_policy():
    return mn.policies.MAADE(space, d=8, rng=0, dtype=np.float64)


def probabilities(policy):
    return np.exp(policy.forward(strings, orders)[0])


policy = new_policy()
P = probabilities(policy)
print(f"the probabilities of the {len(strings)} strings sum to {P.sum():.12f}")
print(
    f"expected reward of the policy {P @ f:.3f}, of uniform draws {f.mean():.3f}, best {f.max():.1f}"
)

# %% [markdown]
# ## Twice the same batch, naively
#
# REINFORCE minimises
#
# $$L(\theta) = -\frac1B \sum_{b=1}^B A_b \log P_\theta(a_b), \qquad A_b = f(a_b) - \bar f, \tag{9.1}$$
#
# computed by `maade_np.objectives.reinforce`. Let us take sixteen strings and step on this loss a
# hundred times, and do that for eight different batches.

# %%
B, STEPS = 16, 100


def train_on_one_batch(seed, steps=STEPS):
    """Return the loss, the exact expected reward and the exact entropy after each step."""
    policy = new_policy()
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-2)
    actions, _ = policy.sample(B, np.arange(space.size), np.random.default_rng(seed))
    rewards = f[row_of(actions)]
    advantage = rewards - rewards.mean()
    seen = []
    for _ in range(steps):
        log_prob, cache = policy.forward(actions, orders[:B])
        loss, dlog_prob = objectives.reinforce(log_prob, advantage)  # (9.1)
        P = probabilities(policy)
        seen.append((loss, P @ f, -(P * np.log(P.clip(1e-300))).sum()))
        optimizer.step(policy.backward(dlog_prob, cache))
    return np.array(seen)


tracks = np.array([train_on_one_batch(seed) for seed in range(8)])
losses, values, entropies = np.moveaxis(tracks, 2, 0)

figure, panels = course.axes(8.6, 2.5, columns=3)
names = ["loss (9.1)", "expected reward of the policy", "strings in play, exp(entropy)"]
for ax, name, lines in zip(panels, names, [losses, values, np.exp(entropies)], strict=True):
    ax.plot(lines[:5].T, color=course.SKY, linewidth=0.8)
    ax.plot(lines.mean(axis=0), color=course.BLUE, linewidth=2.4)
    ax.set_title(name)
    ax.set_xlabel("steps on the same batch")
panels[1].axhline(f.max(), color=course.MUTED, linestyle=":")
panels[1].text(STEPS, f.max() - 0.01, "best string", ha="right", va="top", color=course.MUTED)
panels[2].set_ylim(0, 37)
plt.show()
print(
    f"mean over the batches: loss {losses[:, 0].mean():.2f} -> {losses[:, -1].mean():.1f}, "
    f"expected reward {values[:, 0].mean():.2f} -> {values[:, -1].mean():.2f}, "
    f"strings in play {np.exp(entropies[:, 0]).mean():.0f} -> {np.exp(entropies[:, -1]).mean():.1f}"
)

# %% [markdown]
# Thin lines are five of the batches, the thick one is the mean of all eight. Three things to see.
#
# 1. **The loss has no bottom.** A string with $A_b < 0$ contributes $|A_b| \log P(a_b)$, and that
#    goes to $-\infty$ as its probability goes to 0. The steeper the loss falls, the less it means.
#    (A policy-gradient "loss" never measures progress: the data it is computed on change with the
#    policy. Here, where they stay, it measures how far the batch has been memorised.)
# 2. **The expected reward rises, then wavers**, on most batches well below the best string.
# 3. **The policy collapses.** On the strength of sixteen evaluations it now proposes two or three
#    strings. The next batch will contain hardly anything new.
#
# ## Why the second step is wrong
#
# Write $P_0$ for the policy that drew the batch and $P_\theta$ for the one we have after some
# steps. What we want to climb is the expected advantage *under $P_\theta$*. What we have are
# strings *from $P_0$*. Line by line, with the reason at the right:
#
# $$\begin{aligned}
# J(\theta) &= \sum_a P_\theta(a)\, A(a) && \text{definition} \\
#  &= \sum_a P_0(a)\, \frac{P_\theta(a)}{P_0(a)}\, A(a) && P_0(a) > 0 \text{: it is a softmax} \\
#  &= \mathbb E_{a \sim P_0}\,[\, r(a)\, A(a) \,], \quad r(a) = \frac{P_\theta(a)}{P_0(a)}
#  && \text{an expectation that we can sample}
# \end{aligned} \tag{9.2}$$
#
# and, since $P_0$ and $A$ do not depend on $\theta$ and $\nabla r = r\, \nabla \log P_\theta$,
#
# $$\nabla J(\theta) = \mathbb E_{a \sim P_0}\,[\, r(a)\, A(a)\, \nabla \log P_\theta(a) \,]. \tag{9.3}$$
#
# REINFORCE repeated on the same batch follows something else, the same expression without $r$:
#
# $$\mathbb E_{a \sim P_0}\,[\, A(a)\, \nabla \log P_\theta(a) \,]
# = \nabla\, \mathbb E_{a \sim P_0}\,[\, A(a) \log P_\theta(a) \,]. \tag{9.4}$$
#
# At $\theta = \theta_0$ the ratio is 1 and both agree: the first step is right. From then on (9.4)
# is the gradient of a weighted log-likelihood of old strings, not of $J$. Nor does the baseline
# stay harmless: with the ratio, $\mathbb E_{P_0}[r\, b\, \nabla \log P_\theta] = b\, \nabla \sum_a
# P_\theta(a) = 0$ for any constant $b$; without it that is false.
#
# Claims like these are checked in one cell. `policy.backward(w, cache)` returns
# $\sum_b w_b \nabla \log P(a_b)$; given all 36 strings and the right weights, that is an exact
# expectation. The true gradient beside it is the complex step (notebook 4) of
# $\sum_a P_\theta(a) f(a)$, one parameter at a time.


# %%
def flat(grads):
    return np.concatenate([grads[name].ravel() for name in policy.params])


def true_gradient(policy):
    """Return dJ by the complex step of the sum over all strings: no score function anywhere."""
    found = []
    for name, array in policy.params.items():
        for index in np.ndindex(array.shape):
            moved = {k: v.astype(complex) for k, v in policy.params.items()}
            moved[name][index] += 1e-30j
            found.append((probabilities(policy.with_params(moved)) @ f).imag / 1e-30)
    return np.array(found)


def expected_gradients(policy, P0, b):
    """Return the means of (9.3) and (9.4) over strings from P0: exact, by enumeration."""
    log_prob, cache = policy.forward(strings, orders)
    r, A = np.exp(log_prob) / P0, f - b
    weighted = flat(policy.backward(P0 * r * A, cache))  # (9.3)
    reused = flat(policy.backward(P0 * A, cache))  # (9.4)
    return weighted, reused


policy = new_policy()
P0, b = probabilities(policy), probabilities(policy) @ f
optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-2)
print("steps   KL(P0||P)   error of (9.3)   error of (9.4)   angle of (9.4) to the true gradient")
for step in range(21):
    if step in (0, 2, 5, 10, 20):
        true = true_gradient(policy)
        weighted, reused = expected_gradients(policy, P0, b)
        size = np.linalg.norm(true)
        angle = np.degrees(np.arccos(true @ reused / size / np.linalg.norm(reused)))
        print(
            f"{step:5}   {P0 @ np.log(P0 / probabilities(policy)):9.3f}   "
            f"{np.linalg.norm(weighted - true) / size:14.1e}   "
            f"{np.linalg.norm(reused - true) / size:14.2f}   {angle:9.0f} degrees"
        )
    # climb J itself, by its exact gradient
    log_prob, cache = policy.forward(strings, orders)
    optimizer.step(policy.backward(-np.exp(log_prob) * f, cache))

# %% [markdown]
# Errors are relative to the true gradient's size. (9.3) is the true gradient to rounding error at
# every distance. (9.4) is right at the start and then drifts, until it points across: at a right
# angle a step gains nothing.
#
# ## What the ratio costs
#
# So multiply by $r$ and all is well? In expectation, yes. But a sample of sixteen strings has to
# carry it, and $r$ is a product of as many factors as the string has decisions. Its mean under
# $P_0$ is always 1. Its variance is
#
# $$\operatorname{Var}_{P_0}[r] = \mathbb E_{P_0}[r^2] - 1 = \sum_a \frac{P_\theta(a)^2}{P_0(a)} - 1
# = \chi^2(P_\theta \,\|\, P_0), \tag{9.5}$$
#
# and if the decisions are independent under both policies the sum over strings factorises:
#
# $$\begin{aligned}
# 1 + \chi^2 = \mathbb E_{P_0}\Big[\prod_i r_i^2\Big] &= \prod_i \mathbb E_{P_0}[r_i^2]
#  && \text{independent decisions} \\
#  &= \prod_i \sum_v \frac{p_i(v)^2}{p_{0,i}(v)} && \text{the } N\text{-th power, if all } N \text{ move alike.}
# \end{aligned} \tag{9.6}$$
#
# A batch of $B$ weighted strings is then worth about $B / (1 + \chi^2)$ unweighted ones, the
# *effective sample size*. The policy `maade_np.policies.Independent` has independent decisions; on
# ten binary ones we can check (9.6) against all 1,024 strings.


# %%
def one_decision(move):
    """Return 1 + chi2 of a binary decision whose probability moves from 1/2 to 1/2 + move."""
    new, old = np.array([0.5 - move, 0.5 + move]), np.array([0.5, 0.5])
    return (new**2 / old).sum()


switches = mn.spaces.CategoricalSpace([f"switch {i}" for i in range(10)], [2] * 10)
every = np.array(list(product(range(2), repeat=10)))
some_order = np.tile(np.arange(10), (1024, 1))
before = mn.policies.Independent(switches, dtype=np.float64)
logit = np.log(0.6 / 0.4)
after = before.with_params({"b_out": np.tile([0.0, logit], (10, 1))})
new, old = (np.exp(p.forward(every, some_order)[0]) for p in (after, before))
print(f"1 + chi2 over 1,024 strings {(new**2 / old).sum():.12f}")  # (9.5)
print(f"product of ten decisions    {one_decision(0.1) ** 10:.12f}")  # (9.6)

moves = np.linspace(0, 0.25, 100)
figure, ax = course.axes(6.2, 3)
for N, colour in [(1, course.SKY), (4, course.BLUE), (10, course.GREEN), (26, course.VERMILLION)]:
    ax.plot(0.5 + moves, [one_decision(m) ** -N for m in moves], color=colour, linewidth=2)
    at = 0.5 + moves[[22, 62, 48, 26][[1, 4, 10, 26].index(N)]]
    ax.text(at, one_decision(at - 0.5) ** -N, f" N = {N}", color=colour, va="bottom")
ax.set_xlabel("probability to which each of N even binary decisions has moved")
ax.set_ylabel("worth of the batch,\neffective size / B")
ax.set_ylim(0, 1.05)
plt.show()
print(
    f"26 decisions, each moved from 0.50 to 0.60: the batch is worth {one_decision(0.1) ** -26:.2f} of itself"
)

# %% [markdown]
# With the 26 decisions of a NAS-Bench-101 cell, moving each from 0.50 to 0.60 leaves about a third
# of the batch. A little further and the estimate hangs on one or two strings that happen to have
# large ratios; and strings that were never drawn have no say at all. The importance-weighted
# objective is unbiased and useless far from $P_0$. What is needed is a reason to *stay near*.
#
# ## PPO, in two forms
#
# Proximal policy optimisation puts the reason into the objective: whoever has moved beyond
# $1 \pm \epsilon$ gains nothing by moving further. The literature's form (Schulman et al. 2017), as
# an objective to be maximised, is
#
# $$J_{\text{clipped}}
# = \mathbb E_{P_0}\big[\min\big(r A,\ \operatorname{clip}(r, 1-\epsilon, 1+\epsilon)\, A\big)\big]. \tag{9.7}$$
#
# The ReMAADE paper prints (its equation 11)
#
# $$J_{\text{paper}}
# = \mathbb E_{P_0}\big[A\, \min\big(r,\ \operatorname{clip}(r, 1-\epsilon, 1+\epsilon)\big)\big]. \tag{9.8}$$
#
# The only difference is whether $A$ stands inside the minimum. Does it matter? Pulling a factor out
# of a minimum is allowed when it is positive, so for $A \ge 0$ the two are the same. For $A < 0$ it
# turns the minimum into a maximum. Go through it.
#
# **The paper's form.** Look at $\min(r, \operatorname{clip}(r))$ alone:
#
# | range of $r$ | $\operatorname{clip}(r)$ | $\min(r, \operatorname{clip}(r))$ |
# | --- | --- | --- |
# | $r < 1 - \epsilon$ | $1 - \epsilon$, which is larger than $r$ | $r$ |
# | $1 - \epsilon \le r \le 1 + \epsilon$ | $r$ | $r$ |
# | $r > 1 + \epsilon$ | $1 + \epsilon$, which is smaller than $r$ | $1 + \epsilon$ |
#
# So it is $\min(r, 1+\epsilon)$: the lower clip never acts, for no sign of $A$, and
#
# $$J_{\text{paper}} = \mathbb E_{P_0}[A\, \min(r, 1 + \epsilon)]. \tag{9.9}$$
#
# **The standard form.** For $A \ge 0$ the factor comes out and we have $A \min(r, 1+\epsilon)$
# again. For $A < 0$,
#
# $$\min(rA, \operatorname{clip}(r) A) = A \max(r, \operatorname{clip}(r))
# = A \max(r, 1 - \epsilon), \tag{9.10}$$
#
# by the same table with the inequalities turned round: here the *upper* clip never acts.
#
# **The gradients.** Where the ratio itself stands, $\partial r / \partial \log P_\theta = r$; where
# a constant stands, the gradient is 0. In the direction of ascent, a string's $\log P_\theta$ is
# pushed by:
#
# | | $r < 1 - \epsilon$ | in between | $r > 1 + \epsilon$ |
# | --- | --- | --- | --- |
# | $A > 0$, both forms | $rA$ (up) | $rA$ (up) | $0$ |
# | $A < 0$, standard | $\mathbf 0$ | $rA$ (down) | $\mathbf{rA}$ **(down)** |
# | $A < 0$, paper | $\mathbf{rA}$ **(down)** | $rA$ (down) | $\mathbf 0$ |
#
# They differ in the two bold columns. The package has both,
# `maade_np.objectives.ppo(..., form="paper")` and `form="clipped"`; it returns a loss, so its
# `dlog_prob` is minus the push, divided by $B$. Six strings, one in each case, and beside the
# analytic gradient the complex step of the loss (notebook 4), which knows nothing of our case
# table:

# %%
epsilon = 0.1
ratio = np.array([0.7, 1.0, 1.4, 0.7, 1.0, 1.4])
A = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
log_prob, old_log_prob = np.log(ratio), np.zeros(6)


def complex_step(form):
    """Return the derivative of the loss by each log-probability, from its values alone."""
    h = 1e-30
    return np.array(
        [
            objectives.ppo(log_prob + 1j * h * row, old_log_prob, A, epsilon, form)[0].imag / h
            for row in np.eye(6)
        ]
    )


print("   A      r   push, paper  (complex step)   push, standard  (complex step)")
pushes = {}
for form in ("paper", "clipped"):
    _, dlog_prob = objectives.ppo(log_prob, old_log_prob, A, epsilon, form)  # (9.8), (9.7)
    pushes[form] = -6 * dlog_prob, -6 * complex_step(form)
for row in zip(A, ratio, *pushes["paper"], *pushes["clipped"], strict=True):
    print(
        "{:+.0f}    {:.1f}   {:11.2f}  {:14.2f}   {:14.2f}  {:14.2f}".format(
            *(x + 0.0 for x in row)
        )
    )
by_hand = {"paper": [0.7, 1, 0, -0.7, -1, 0], "clipped": [0.7, 1, 0, 0, -1, -1.4]}
for form, (analytic, numeric) in pushes.items():
    assert np.allclose(analytic, by_hand[form], atol=1e-12), form
    assert np.allclose(numeric, by_hand[form], atol=1e-12), form

# %% [markdown]
# As pictures: what one string contributes to the objective, as a function of its ratio. Solid where
# there is a gradient, dotted where it is flat; the arrow says where the string is pushed.

# %%
ratios = np.linspace(0.4, 1.6, 601)
eps_drawn = 0.2
figure, panels = course.axes(8, 4.4, 2, 2, sharex=True)
for row, sign in enumerate((1.0, -1.0)):
    for ax, form, colour, name in zip(
        panels[row],
        ("paper", "clipped"),
        (course.VERMILLION, course.BLUE),
        ("as the paper prints it", "standard"),
        strict=True,
    ):
        value = np.array(
            [
                -objectives.ppo(np.log([r]), np.zeros(1), np.array([sign]), eps_drawn, form)[0]
                for r in ratios
            ]
        )
        push = np.array(
            [
                -objectives.ppo(np.log([r]), np.zeros(1), np.array([sign]), eps_drawn, form)[1][0]
                for r in ratios
            ]
        )
        ax.plot(ratios, sign * ratios, color=course.MUTED, linewidth=0.8, linestyle="--")
        ax.plot(ratios, np.where(push != 0, value, np.nan), color=colour, linewidth=2.6)
        ax.plot(
            ratios, np.where(push == 0, value, np.nan), color=colour, linewidth=2.6, linestyle=":"
        )
        for r in (0.6, 1.0, 1.4):
            at = np.abs(ratios - r).argmin()
            above = value[at] + 0.16
            if push[at]:
                ax.annotate(
                    "",
                    (r + 0.13 * sign, above),
                    (r, above),
                    arrowprops={"arrowstyle": "-|>", "color": course.INK, "lw": 1.4},
                )
            else:  # on the side of the line where the dashed one is not
                off = 0.1 if sign < 0 and form == "paper" else -0.3
                ax.text(r, value[at] + off, "no push", ha="center", color=course.MUTED)
        for edge in (1 - eps_drawn, 1 + eps_drawn):
            ax.axvline(edge, color=course.MUTED, linewidth=0.7, linestyle=":")
        ax.set_title(f"A = {sign:+.0f}, {name}")
        ax.set_ylim((0.2, 1.8) if sign > 0 else (-1.75, -0.15))
for ax in panels[1]:
    ax.set_xlabel("ratio r (dashed: r A; here epsilon is 0.2)")
for ax in panels[:, 0]:
    ax.set_ylabel("contribution to J")
plt.show()

# %% [markdown]
# Read the lower row, the bad strings.
#
# - **Left of the range** ($r < 1 - \epsilon$, the bad string has already become rare): the standard
#   form says *enough*, the paper's keeps pushing it down. Nothing keeps the policy near $P_0$ on
#   this side.
# - **Right of the range** ($r > 1 + \epsilon$, the bad string has become *likelier*, dragged along
#   by parameters that it shares with good ones): the standard form pushes it back. The paper's form
#   is flat there: this mistake is not corrected.
#
# There is a one-line way to say it. The standard objective is never above the dashed line: it is a
# *pessimistic* estimate of $rA$, for every string. The paper's is above it for $A < 0$ and
# $r > 1 + \epsilon$: it counts the harm of a bad string only up to $(1 + \epsilon)|A|$.

# %%
rng = np.random.default_rng(0)
r, A = np.exp(rng.normal(0, 0.4, 10_000)), rng.normal(size=10_000)
above = {}
for form in ("paper", "clipped"):
    value = np.array(
        [
            -objectives.ppo(np.log(r[k : k + 1]), np.zeros(1), A[k : k + 1], 0.2, form)[0]
            for k in range(len(r))
        ]
    )
    above[form] = value > r * A + 1e-12
print(
    "share of random strings on which the objective exceeds r A:",
    {form: float(share.mean()) for form, share in above.items()},
)
assert np.array_equal(above["paper"], (A < 0) & (r > 1.2))
assert not above["clipped"].any()

# %% [markdown]
# ## The gradient field
#
# One decision with three values, so that the whole policy is a point in a triangle: each corner is
# certainty of one value. A batch of twelve strings from the uniform policy (the triangle's centre)
# brought five times *good* ($A = 1$), four times *bad* ($A = -0.75$) and three times *poor*
# ($A = -2/3$). With this one batch, the arrows show where each objective would push *every* policy.
# Dotted are the lines on which a value's ratio is $1 \pm \epsilon$; the orange path is what 400
# small steps from the centre do.

# %%
triangle = mn.spaces.CategoricalSpace(["value"], [3])
batch = np.repeat(np.arange(3), [5, 4, 3])[:, None]
A = np.array([1.0, -0.75, -2 / 3])[batch[:, 0]]
no_order = np.zeros((12, 1), dtype=int)
eps_field = 0.3
simplex = mn.policies.Independent(triangle, dtype=np.float64)
old_log_prob, _ = simplex.forward(batch, no_order)


def push(p, form):
    """Return the ascent direction in the three logits of the policy with probabilities p."""
    here = simplex.with_params({"b_out": np.log(p)[None]})
    log_prob, cache = here.forward(batch, no_order)
    if form == "reinforce":
        _, dlog_prob = objectives.reinforce(log_prob, A)
    else:
        _, dlog_prob = objectives.ppo(log_prob, old_log_prob, A, eps_field, form)
    return -here.backward(dlog_prob, cache)["b_out"][0]


def on_paper(p):
    """Return where probabilities (..., 3) lie in the drawn triangle: good on top, bad at the left."""
    p = np.asarray(p)
    return np.stack([0.5 * p[..., 0] + p[..., 2], np.sqrt(0.75) * p[..., 0]], axis=-1)


def path(form, steps=400, size=0.05):
    logits, points = np.zeros(3), [np.full(3, 1 / 3)]
    for _ in range(steps):
        logits = logits + size * push(points[-1], form)
        points.append(np.exp(logits) / np.exp(logits).sum())
    return np.array(points)


n = 13
grid = np.array([(i, j, n - i - j) for i in range(1, n) for j in range(1, n - i)]) / n
figure, panels = course.axes(9.6, 3.5, columns=3)
titles = {
    "reinforce": "REINFORCE (9.1)",
    "paper": "PPO as printed (9.8)",
    "clipped": "standard PPO (9.7)",
}
ends = {}
for ax, (form, title) in zip(panels, titles.items(), strict=True):
    dlogits = np.array([push(p, form) for p in grid])
    dp = grid * (dlogits - (grid * dlogits).sum(axis=1, keepdims=True))  # how the softmax moves
    arrows = on_paper(dp)
    strength = np.linalg.norm(arrows, axis=1)
    moving = strength > 1e-3
    unit = arrows[moving] / strength[moving, None]
    start = on_paper(grid[moving])
    ax.quiver(
        *start.T,
        *unit.T,
        np.sqrt(strength[moving]),
        cmap=course.SEQUENTIAL,
        norm=plt.Normalize(-0.1, 0.5),
        scale=18,
        width=0.007,
        pivot="mid",
    )
    ax.plot(*on_paper(grid[~moving]).T, ".", color=course.MUTED, markersize=2.5)
    for i, edge in product(range(3), (1 - eps_field, 1 + eps_field)):
        ends_of_line = [
            edge / 3 * np.eye(3)[i] + (1 - edge / 3) * np.eye(3)[k] for k in range(3) if k != i
        ]
        ax.plot(*on_paper(ends_of_line).T, color=course.MUTED, linewidth=0.8, linestyle=":")
    ax.plot(*on_paper(np.eye(3)[[0, 1, 2, 0]]).T, color=course.INK, linewidth=1)
    walked = path(form)
    ends[form] = walked[-1]
    ax.plot(*on_paper(walked).T, color=course.VERMILLION, linewidth=2.2)
    ax.plot(
        *on_paper(walked[0]), "o", color="white", markeredgecolor=course.VERMILLION, markersize=6
    )
    ax.plot(*on_paper(walked[-1]), "o", color=course.VERMILLION, markersize=6)
    for corner, name, offset in zip(
        on_paper(np.eye(3)),
        ("good", "bad", "poor"),
        ((0, 0.03), (0, -0.08), (0, -0.08)),
        strict=True,
    ):
        ax.text(*(corner + offset), name, ha="center", fontweight="bold")
    ax.set(title=title, aspect="equal", xlim=(-0.08, 1.08), ylim=(-0.1, 0.96))
    ax.set_axis_off()
plt.show()
for form, title in titles.items():
    print(
        f"{title:20} ends at good {ends[form][0]:.3f}, bad {ends[form][1]:.3f}, poor {ends[form][2]:.3f}"
    )

# %% [markdown]
# The darker an arrow, the stronger the push; a dot means there is none. REINFORCE sweeps everything
# to the top: certainty after twelve evaluations. Standard PPO pushes only inside the region where
# something is still unclipped, comes to rest at its border and stays there, however many steps
# follow: at $0.7/3$ for both bad values. The paper's objective stops pulling *good* up at $1.3/3$,
# but goes on pushing *bad* and *poor* down, and what they lose has to go somewhere: the policy
# still runs to the top, only more slowly. And along the bottom edge, where a bad value has become
# likely, it does harm: the likelier of the two bad values is out of its sight, the other is pushed
# down, and the mass goes from the one to the other. In numbers, at one point of that edge:

# %%
p = np.array([0.05, 0.57, 0.38])  # good, bad, poor
for form, title in titles.items():
    dlogits = push(p, form)
    dp = p * (dlogits - p @ dlogits)
    print(f"{title:20} moves good by {dp[0]:+.3f}, bad by {dp[1]:+.3f}, poor by {dp[2]:+.3f}")

# %% [markdown]
# So what the clip is there for, a bound on how far one batch may take the policy, the printed form
# gives for good strings only.
#
# ## The same on a real policy
#
# On MAADE the strings share parameters, so a string also moves when it is not pushed itself. A
# batch of 32 strings of the toy landscape, drawn by a fresh policy; forty Adam steps on each
# objective. Every dot is a string: how likely it has become, against its advantage.

# %%
toy = mn.tables.Toy()
N = toy.space.size
start = mn.policies.MAADE(toy.space, d=16, rng=1, dtype=np.float64)
rng = np.random.default_rng(5)
batch, drawn = start.sample(200, np.arange(N), rng)
keep = np.flatnonzero(toy.space.is_valid(batch))[:32]
batch, drawn = batch[keep], drawn[keep]
rewards = toy.query(batch, "test-mean").signal
A = mn.baselines.standardised(rewards)
batch_orders = np.tile(np.arange(N), (32, 1))


def several_updates(form, updates=40, epsilon=0.2):
    """Return the ratios of the batch's strings after each update, (updates + 1, 32)."""
    policy = start.with_params({k: v.copy() for k, v in start.params.items()})
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=3e-3)
    ratios = []
    for _ in range(updates + 1):
        log_prob, cache = policy.forward(batch, batch_orders)
        ratios.append(np.exp(log_prob - drawn))
        _, dlog_prob = objectives.ppo(log_prob, drawn, A, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))
    return np.array(ratios)


moved = {form: several_updates(form) for form in ("paper", "clipped")}


def draw(figure, step):
    for ax, form in zip(figure.subplots(1, 2, sharey=True), moved, strict=True):
        r = moved[form][step]
        ax.axvspan(0.8, 1.2, color=course.SKY, alpha=0.15, linewidth=0)
        ax.axhline(0, color=course.MUTED, linewidth=0.7)
        for chosen, colour in ((A >= 0, course.BLUE), (A < 0, course.VERMILLION)):
            ax.plot(r[chosen], A[chosen], "o", color=colour, markersize=4.5, alpha=0.85)
        ax.set_xscale("log")
        ax.set_xlim(0.001, 60)
        ax.set_xticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
        ax.minorticks_off()
        outside = np.mean(np.abs(r - 1) > 0.2)
        ax.set_title(f"{titles[form]}\nupdate {step}: {outside:.0%} outside", fontsize=9.5)
        ax.set_xlabel("ratio r")
        if form == "paper":
            ax.set_ylabel("advantage A")


course.animate(
    draw,
    [*range(16), *range(16, 41, 4)],
    width=7.4,
    height=3.1,
    per_second=5,
    hold=2,
    alt="Strings of one batch move apart: under the printed objective bad strings slide far to the "
    "left, under the standard one they stay near the clipping range.",
)

# %%
for form, r in moved.items():
    kl = (r[-1] - 1 - np.log(r[-1])).mean()
    print(
        f"{titles[form]:20} after 40 updates: bad strings' ratios {np.quantile(r[-1][A < 0], 0.1):.3f} to "
        f"{np.quantile(r[-1][A < 0], 0.9):.2f} (middle 80 %), {np.mean(np.abs(r[-1] - 1) > 0.2):.0%} outside, "
        f"KL about {kl:.2f}"
    )

# %% [markdown]
# Two lessons. Under the printed objective (left) most bad strings slide away without end, as (9.9)
# says, and the few that were dragged to the right by what they share with good ones are not called
# back. And **clipping is no wall**: under the standard objective (right) too most strings leave the
# shaded range. A clipped string has no say any more; the others go on moving the parameters that it
# shares, and Adam's momentum goes on a little by itself. Here standard PPO makes the flight about
# an order of magnitude shorter, no more. If you need a bound, watch the Kullback–Leibler divergence
# and stop.
#
# The KL printed above is estimated from the batch, by a form worth knowing. As
# $\mathbb E_{P_0}[r] = 1$, the term $r - 1$ adds nothing in the mean, yet it makes every single
# term non-negative, because $\log r \le r - 1$:
#
# $$\mathrm{KL}(P_0 \| P_\theta) = \mathbb E_{P_0}[-\log r] = \mathbb E_{P_0}[\,r - 1 - \log r\,]
# \approx \frac1B \sum_b (r_b - 1 - \log r_b). \tag{9.11}$$
#
# The searcher logs it as `metrics[k]["kl"]`, for batches on which it makes more than one update.
#
# ## With one update, PPO *is* REINFORCE
#
# The paper's algorithm (its box, line 9) makes one update a batch. Then $\theta = \theta_0$ when
# the gradient is taken, every ratio is 1, no string is clipped, and both forms have the gradient of
# (9.1):
#
# $$\frac{\partial L}{\partial \log P_\theta(a_b)}\Big|_{r=1} = -\frac{A_b\, r_b}{B}\Big|_{r=1} = -\frac{A_b}{B}. \tag{9.12}$$
#
# So $\epsilon$ has no effect at all: not a small one, none.

# %%
log_prob = drawn
_, reinforce_gradient = objectives.reinforce(log_prob, A)
for form, epsilon in product(("paper", "clipped"), (0.01, 0.1, 10.0)):
    _, dlog_prob = objectives.ppo(log_prob, drawn, A, epsilon, form)
    assert np.array_equal(dlog_prob, reinforce_gradient)  # (9.12)
print("gradients with r = 1: equal to the last bit, for both forms and every epsilon")


def history(**settings):
    searcher = mn.searchers.create("remaade", toy.space, seed=3, preset="paper-short", **settings)
    return mn.search(searcher, toy, budget=150, protocol="test-mean").history.actions


plain = history(objective="reinforce")
same = {
    f"{form}, epsilon {epsilon}": bool(
        np.array_equal(plain, history(objective="ppo", ppo_form=form, epsilon=epsilon))
    )
    for form, epsilon in product(("paper", "clipped"), (0.01, 0.1))
}
print("whole searches of 150 queries, the same strings as REINFORCE's:", same)

# %% [markdown]
# The paper's Table 4 lists "ReMAADE with PPO" (6.17 ± 0.25) and "ReMAADE w/o PPO" (6.16 ± 0.25) as
# two algorithms, and gives no number of updates a batch. If it is one, as the box says, they are
# one algorithm. Whatever it is, 500 trials with a standard deviation of 0.25 give a difference of
# two means a standard error of $0.25 \sqrt{2/500} \approx 0.016$: 0.01 is well inside.
#
# The package makes the number of updates an explicit setting, `updates`, and refuses more than one
# with plain REINFORCE:

# %%
try:
    mn.searchers.create(
        "remaade", toy.space, preset="paper-short", objective="reinforce", updates=3
    )
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ## Does it pay? Searches with one, three and ten updates
#
# Now whole searches: 150 queries on the **surrogate** of NAS-Bench-101, driven by the noise-free
# mean (protocol `test-mean`), fifteen strings a batch, everything else as in the paper. Four
# objectives: standard PPO, the paper's form, the importance-weighted (9.2) without any clip
# ($\epsilon$ so large that it never acts), and the naive reuse of (9.1), for which we have to
# overrule the package's refusal by a subclass. A search can end before its budget: when a collapsed
# policy proposes nothing valid any more, the loop gives up; then the best so far counts.


# %%
class NaiveReuse(mn.searchers.PolicyGradient):
    """REINFORCE that steps on each batch several times; to see what happens, not to be used."""

    def update(self, batch, rewards):
        advantage = self.advantage(rewards, self.baseline(rewards)).astype(np.float32)
        for _ in range(self.settings.updates):
            log_prob, cache = self.policy.forward(batch.actions, batch.orders)
            _, dlog_prob = objectives.reinforce(log_prob, advantage)
            self.optimizer.step(self.policy.backward(dlog_prob, cache))
        self.baseline.update(rewards)


table = mn.tables.NASBench101.surrogate()
ARMS = {
    "standard PPO": {"ppo_form": "clipped"},
    "PPO as printed": {"ppo_form": "paper"},
    "ratio, no clip": {"ppo_form": "clipped", "epsilon": 1e9},
    "naive reuse": {},
}
TRIALS, UPDATES = 16, (1, 3, 10)


def trial(arm, updates, seed):
    """Return the final error in %, the distinct cells, and whether the search broke down."""
    settings = mn.searchers.settings_for(
        "remaade", "paper-short", batch_size=15, objective="ppo", updates=updates, **ARMS[arm]
    )
    make = NaiveReuse if arm == "naive reuse" else mn.searchers.PolicyGradient
    searcher, seen = make(table.space, settings, seed), []
    try:
        mn.search(searcher, table, budget=150, protocol="test-mean", on_batch=seen.append)
        broke = False
    except ValueError:  # "the policy has collapsed onto invalid strings"
        broke = True
    return 100 * (1 - seen[-1].best_held_out), seen[-1].distinct_cells, broke


found = {}
for arm, updates in product(ARMS, UPDATES):
    if updates == 1 and arm != "standard PPO":
        found[arm, 1] = found["standard PPO", 1]  # (9.12): the same searches
        continue
    found[arm, updates] = np.array([trial(arm, updates, seed) for seed in range(TRIALS)])

figure, panels = course.axes(8.6, 3.2, columns=2)
colours = dict(
    zip(ARMS, (course.BLUE, course.VERMILLION, course.GREEN, course.PURPLE), strict=True)
)
marks = dict(zip(ARMS, "osD^", strict=True))
for k, arm in enumerate(ARMS):
    place = np.arange(len(UPDATES)) + 0.07 * (k - 1.5)
    for column, ax in enumerate(panels):
        bars = [statistics.bootstrap(found[arm, u][:, column], rng=0, draws=2000) for u in UPDATES]
        middle = [bar.value for bar in bars]
        span = [[b.value - b.low for b in bars], [b.high - b.value for b in bars]]
        ax.errorbar(
            place, middle, span, fmt=marks[arm] + "-", color=colours[arm], label=arm, capsize=2.5
        )
for ax, name in zip(
    panels,
    ("test error of the best cell (%), surrogate", "distinct cells of 150 queries"),
    strict=True,
):
    ax.set_xticks(range(len(UPDATES)), UPDATES)
    ax.set_xlabel("updates a batch")
    ax.set_title(name)
panels[1].legend(loc="lower left", fontsize=8.5)
plt.show()
print(
    "searches that broke down, of",
    TRIALS,
    ":",
    {
        f"{arm}, {u} updates": int(found[arm, u][:, 2].sum())
        for arm, u in found
        if found[arm, u][:, 2].any()
    },
)

# %% [markdown]
# Bars are 95 % bootstrap intervals of the mean over sixteen seeds. With the naive reuse and with
# the unclipped ratio, more updates do harm, and the right panel says why: the policy collapses and
# asks for the same few cells again. Both clipped forms prevent the worst. Neither gains by more
# updates *here*: with the paper's step size, a handful of evaluations a batch and repeated cells
# charged as queries, one step is about as much as a batch can pay for. Which of the two forms is
# better these few trials do not say.
#
# That is a statement about these settings. What was measured on the real table, 500 trials a row
# ([Table 4](../benchmarks/results/table4/README.md)): five updates a batch have the lowest mean of
# the paper's settings, 6.383 against 6.434, and after correction for eight tests that is no
# evidence (p = 0.078). The package's default makes three updates on batches of twelve, with ranks
# for advantages and repeated cells skipped; taken together these give a large gain, but one or ten
# updates in place of three made no difference that could be shown ([the
# study](../benchmarks/results/strong/README.md)).
#
# What to look at in your own searches is in `searcher.metrics`, one entry a batch:

# %%
for updates in UPDATES:
    searcher = mn.searchers.create(
        "remaade",
        table.space,
        seed=0,
        preset="paper-short",
        batch_size=15,
        objective="ppo",
        ppo_form="clipped",
        updates=updates,
    )
    mn.search(searcher, table, budget=150, protocol="test-mean")
    line = "  ".join(f"{m['entropy']:5.1f}" for m in searcher.metrics[::3])
    kl = np.mean([m.get("kl", 0) for m in searcher.metrics])
    clipped = np.mean([m.get("clipped", 0) for m in searcher.metrics])
    print(
        f"{updates:2} updates: entropy (nats) at batches 1, 4, 7, 10: {line};  KL a batch {kl:.3f}, clipped {clipped:.0%}"
    )

# %% [markdown]
# Entropy that falls to a few nats within a handful of batches, a KL of 1 a batch, most strings
# clipped: too many updates or too large a step. The uniform policy on this space has
# $21 \ln 2 + 5 \ln 3 \approx 20$ nats.
#
# ## Exercises
#
# ### Exercise 9.1: six cases
#
# <a id="exercise_9_1_six_cases"></a>
#
# Write `push(ratio, advantage, epsilon, form)` for arrays of ratios and advantages: how strongly
# each string's log-probability is pushed *up* (so for $A > 0$ in range it is positive), for
# `form="paper"` and `form="clipped"`. Use the case table, not the package. The check compares it
# with the complex step on random strings.

# %%
answer = None  # def push(ratio, advantage, epsilon, form): ...

# checks.nb09.check_six_cases(answer)

# %% [markdown]
# ### Exercise 9.2: what a batch is worth
#
# <a id="exercise_9_2_worth"></a>
#
# Write `worth(new, old)` for two lists of conditionals, one array of probabilities a decision
# (decisions may have different numbers of values), all decisions independent: the share
# $1 / (1 + \chi^2)$ of equation (9.6). Try it on your intuition: how far may each of 26 binary
# decisions move from 1/2 before half the batch is gone?

# %%
answer = None  # def worth(new, old): ...

# checks.nb09.check_worth(answer)

# %% [markdown]
# ### Exercise 9.3: find the silent bug
#
# <a id="exercise_9_3_updates"></a>
#
# The function below makes several PPO updates on a batch. It runs, its loss is finite, searches
# with it learn something. But in its log no string is ever outside the clipping range, however many
# updates it makes, and its policies collapse as under the naive reuse of the beginning. Find out
# why, and write a `ppo_updates` with the same arguments that does what it should.


# %%
def ppo_updates(policy, optimizer, actions, orders, advantage, updates, epsilon, form="clipped"):
    """Make several updates on one batch, whose strings were drawn by `policy` as it comes in."""
    for _ in range(updates):
        old_log_prob, _ = policy.forward(actions, orders)
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = objectives.ppo(log_prob, old_log_prob, advantage, epsilon, form)
        optimizer.step(policy.backward(dlog_prob, cache))


# %%
answer = None  # your ppo_updates

# checks.nb09.check_updates(answer)

# %% [markdown]
# ### Exercise 9.4: read the log
#
# <a id="exercise_9_4_logs"></a>
#
# Three runs of 25 batches on a space where the best reward is 1 and uniform draws get about 0.5.
# One is right. Two have a bug each that raises no error. Every line is a batch: mean reward,
# entropy in nats, the share of strings that were outside the clipping range *before the first*
# update, and after the last of five. Match each run with one of
#
# - `"right"`: nothing is wrong;
# - `"recomputed"`: the old log-probabilities are computed anew at every update, as in exercise 9.3;
# - `"tempered"`: strings are drawn at temperature 2, and the old log-probabilities are taken from
#   that tempered sampler, while the new ones are, as always, at temperature 1;
# - `"misaligned"`: the rewards were sorted on the way and belong to other strings of the batch.

# %%
checks.nb09.show_logs()

answer = None  # {"I": ..., "II": ..., "III": ...}

# checks.nb09.check_logs(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/objectives.py`](../maade_np/objectives.py) has `reinforce` (9.1) and `ppo` (9.7,
#   9.8). The log-ratio is bounded to ±20 before `exp`, so that a string that has become 500 million
#   times likelier cannot overflow; its gradient is 0 there.
# - [`maade_np/searchers/policy_gradient.py`](../maade_np/searchers/policy_gradient.py),
#   `PolicyGradient.update`: K steps on one batch, the old log-probability fixed when the strings
#   were drawn, the baseline moved *after* the gradient. Settings: `objective`, `ppo_form`,
#   `epsilon`, `updates`.
# - The sampler returns the log-probability at temperature 1 whatever the temperature of sampling
#   (`Policy.sample`), so the first ratio is 1 and PPO bounds the distance to the policy, not to the
#   tempered sampler.
# - On the command line: `maade-np search --objective ppo --ppo-form clipped --updates 3`.
#
# ## Further reading
#
# - J. Schulman et al., *Proximal policy optimization algorithms*,
#   [arXiv:1707.06347](https://arxiv.org/abs/1707.06347), equation 7.
# - C. S. Krishna et al., [arXiv:2006.00939](https://arxiv.org/abs/2006.00939), equations 11 to 13
#   and the algorithm box.
# - J. Achiam, *Spinning Up*, the page on
#   [PPO](https://spinningup.openai.com/en/latest/algorithms/ppo.html): the same case analysis for
#   the standard form.
# - A. Owen, *Monte Carlo theory, methods and examples*, [chapter
#   9](https://artowen.su.domains/mc/Ch-var-is.pdf): importance sampling and effective sample size.
