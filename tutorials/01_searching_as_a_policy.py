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
# # 1. Turn a search into a policy
#
# *Reading time about 30 minutes · runs in about 12 seconds · assumes no other notebook*
#
# **What you will do**: take a space of twelve networks, put a probability distribution on it,
# derive the gradient of the expected accuracy, check the derivation in three independent ways,
# climb that gradient, and then see what changes when some strings of the space may not be
# evaluated.
#
# **What you will learn**: how a search over discrete choices becomes a smooth optimisation; the
# score-function estimator, why it is unbiased, how fast its error falls; and what drawing again
# until a string is valid does to it.
#
# **What you will need**: Python with NumPy, the chain rule, and expectations and variances of
# discrete random variables. Nothing is downloaded: the accuracies are made up, and the larger
# space at the end is the package's built-in toy.

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn

# %% [markdown]
# ## A space is a set of strings
#
# Somebody has to choose a network: how many layers, whether there is a skip connection, which
# activation. Three decisions, $3 \cdot 2 \cdot 2 = 12$ networks. A network is written as a
# **string** $a = (a_1, a_2, a_3)$ of small integers, one for each decision.

# %%
space = mn.spaces.CategoricalSpace(
    ["layers", "skip", "activation"],
    [3, 2, 2],
    values=[[2, 4, 8], ["no skip", "skip"], ["relu", "tanh"]],
)
strings = np.array(list(product(*map(range, space.cardinalities))))
labels = [" · ".join(map(str, point.values())) for point in space.decode(strings)]
print(space)
print("the last string:", strings[-1], "is", space.decode(strings[-1:])[0])

# %% [markdown]
# Training network $a$ gives an accuracy $f(a)$, which we call its **reward**. In real life a
# reward costs hours of computation, and the aim is to find a good string after few of them. Here
# all twelve are known, because we made them up. That is the point of a toy: every expectation
# below is a sum of twelve terms, so whatever we claim about a random estimate can be compared
# with the exact number.
#
# There is a trap in the landscape. Among the networks without a skip connection four layers are
# best; eight layers are the worst choice without it and the best choice with it. The second
# decision can only be judged together with the first.

# %%
accuracy = np.array([0.88, 0.87, 0.87, 0.86, 0.90, 0.88, 0.91, 0.90, 0.82, 0.80, 0.94, 0.92])
for label, value in zip(labels, accuracy, strict=True):
    print(f"{label:22} {value:.2f}")

# %% [markdown]
# ## A policy is a distribution over the strings
#
# There is no derivative of $f$: the strings are isolated points, and one cannot go "a little"
# from two layers to four. But one can make four layers *a little more probable*. So let a
# **policy** $P(a; \theta)$ be a probability distribution over the strings that depends smoothly
# on a vector of parameters $\theta$, and consider the expected reward
#
# $$J(\theta) = \mathbb{E}_{a \sim P}[f(a)] = \sum_a P(a; \theta)\, f(a). \tag{1.1}$$
#
# Three things make $J$ worth climbing:
#
# - It is a smooth function of $\theta$, as smooth as $P$ is, whatever $f$ looks like.
# - It is an average of the $f(a)$, so $J(\theta) \le \max_a f(a)$, and it reaches the maximum
#   exactly where all probability lies on the best strings. Climbing $J$ to the top *is* solving
#   the search.
# - On the way a distribution keeps its doubts: it can favour eight layers with a skip connection
#   and still try other strings now and then.
#
# We use two policies of the package. `Independent` has one table of numbers, the logits $b_{ik}$,
# and chooses every decision by itself with probability $p_{ik} = e^{b_{ik}} / \sum_l e^{b_{il}}$,
# the **softmax** of the logits: positive, and 1 in sum.
# `MAADE`, the policy that the package is named after, lets a decision depend on those made before
# it; notebooks 5 to 7 take it apart. Here it is a black box with three calls: `sample`, `forward`
# (the log-probabilities of given strings) and `backward` (their gradient).
#
# A policy decides in some order, and `orders` says in which; for this notebook it is always
# first, second, third.

# %%
order = np.arange(space.size)
orders = np.tile(order, (len(strings), 1))
independent = mn.policies.Independent(space, dtype=np.float64)
independent.params["b_out"][:] = [[0.4, 0.1, -0.3], [0.3, 0.0, 0.0], [-0.2, 0.3, 0.0]]
maade = mn.policies.MAADE(space, d=6, rng=0, dtype=np.float64, init_scales={"heads": 1.0})


def expected_reward(policy):  # (1.1)
    """Return J: the probability of each of the twelve strings, times its reward, summed."""
    log_prob, _ = policy.forward(strings, orders)
    return (np.exp(log_prob) * accuracy).sum()


for policy in (independent, maade):
    log_prob, _ = policy.forward(strings, orders)
    print(
        f"{type(policy).__name__:12}{policy.num_parameters:4d} parameters, probabilities sum to "
        f"{np.exp(log_prob).sum():.12f}, J = {expected_reward(policy):.5f}"
    )

# %% [markdown]
# `MAADE` was started far from uniform on purpose (`init_scales`), so that the twelve
# probabilities differ and a mistake in what follows has a chance to show. The figure has the
# landscape on the left and the two policies on the right. `Independent` treats skip and no skip
# alike at every depth, because it can only multiply: the pattern of four bars repeats, scaled.
# `MAADE` is free to have any pattern.

# %%
figure, (left, right) = course.axes(8.4, 3.7, 1, 2, sharey=True)
rows = np.arange(len(strings))
best = accuracy.argmax()
colours = [course.ORANGE if k == best else course.SKY for k in rows]
left.hlines(rows, 0.78, accuracy, color=colours, linewidth=1)
left.scatter(accuracy, rows, 45, colours, zorder=3)
left.set(xlim=(0.78, 0.96), xticks=np.arange(0.8, 0.96, 0.05), xlabel="reward f(a)")
left.set(yticks=rows, yticklabels=labels, title="the landscape (best string in orange)")
left.invert_yaxis()
for policy, shift, colour in ((independent, -0.2, course.BLUE), (maade, 0.2, course.GREEN)):
    probability = np.exp(policy.forward(strings, orders)[0])
    right.barh(rows + shift, probability, 0.38, color=colour, label=type(policy).__name__)
right.set(xlim=(0, 0.24), xticks=np.arange(0, 0.21, 0.05), xlabel="probability P(a; θ)")
right.set_title("two policies at their start")
right.legend(loc="lower right")
for ax in (left, right):
    ax.grid(axis="y", visible=False)
plt.show()

# %% [markdown]
# ## The gradient of an average over your own choices
#
# We want $\nabla J$, the derivative with respect to all parameters. Line by line:
#
# $$
# \begin{aligned}
# \nabla J &= \nabla \sum_a P(a; \theta)\, f(a) && \text{definition (1.1)} \\
# &= \sum_a f(a)\, \nabla P(a; \theta) && \text{a finite sum; } f \text{ does not depend on } \theta \\
# &= \sum_a P(a; \theta)\, f(a)\, \nabla \log P(a; \theta)
#    && \nabla \log P = \nabla P / P \text{, wherever } P > 0 \\
# &= \mathbb{E}_{a \sim P}\big[f(a)\, \nabla \log P(a; \theta)\big]. && \text{that is an expectation again}
# \end{aligned} \tag{1.2}
# $$
#
# Only the third line is a trick, and it is there for the sake of the fourth. The second line is
# already the gradient, but it is a sum over the whole space: twelve terms here, half a billion on
# NAS-Bench-101. The fourth is an *expectation under the policy itself*, and an expectation can be
# estimated by drawing:
#
# $$\hat g = \frac1B \sum_{b=1}^{B} f(a_b)\, \nabla \log P(a_b; \theta), \qquad a_1, \dots, a_B \sim P.
# \tag{1.3}$$
#
# This is the **score-function estimator**, or REINFORCE (Williams, 1992); $\nabla \log P$ is
# called the score. Look at what (1.3) asks for. Of $f$ it needs values at the strings that were
# drawn, nothing else: no derivative, no formula. Of $P$ it needs to be able to draw, and to
# differentiate the log-probability of what it drew. Every string pulls its own probability up, in
# proportion to its reward.
#
# One consequence will be needed again and again. Put $f = 1$ in (1.2): then $J = 1$ whatever
# $\theta$ is, so its gradient is zero, and
#
# $$\mathbb{E}_{a \sim P}\big[\nabla \log P(a; \theta)\big] = 0. \tag{1.4}$$
#
# **In code.** The package's objectives are losses, to be *minimised*, and each returns its
# derivative with respect to the log-probabilities; the policy's `backward` carries it on to the
# parameters. `maade_np.objectives.reinforce` is $L = -\frac1B \sum_b A_b \log P(a_b)$ with
# $\partial L/\partial \log P(a_b) = -A_b/B$; here the "advantage" $A_b$ is the plain reward. The
# gradient of $-L$ is (1.3).


# %%
def flat(grads):
    """Put a dict of gradients into one vector, in the order of the names."""
    return np.concatenate([grads[name].ravel() for name in sorted(grads)])


def draw_estimate(policy, B, rng):  # (1.3)
    """Draw B strings from the policy and estimate the gradient of J from them."""
    actions, _ = policy.sample(B, order, rng)
    reward = accuracy[space.identity(actions)]  # identity numbers the strings as `strings` does
    log_prob, cache = policy.forward(actions, np.tile(order, (B, 1)))
    _, dlog_prob = mn.objectives.reinforce(log_prob, reward)
    return flat(policy.backward(-dlog_prob, cache))


rng = np.random.default_rng(1)
print("one estimate of seven numbers, from 30 strings (zeros: values that do not exist)")
print(draw_estimate(independent, 30, rng).reshape(3, 3).round(3))

# %% [markdown]
# > **You should know.** $L$ looks like a loss and is minimised like one, but it does not measure
# > how well the search is doing. The data it is computed on change with the policy. It may fall
# > while the policy gets worse and rise while it gets better; only its gradient, at the
# > parameters that drew the data, means something. What you watch is the reward.
#
# ## First check: is (1.2) right?
#
# The space is small, so the third line of (1.2) can be computed in full: `forward` on all twelve
# strings, then `backward` with $P(a) f(a)$ as the derivative with respect to each string's
# log-probability (its "upstream gradient"). And there is an independent
# witness: $J$ itself is a function of the parameters, and we can differentiate it numerically,
# without any logarithm. The package's gradient check does that, by the *complex step* (notebook
# 4) and by central differences (notebook 3). It raises an error if a single one of the
# derivatives is off, and also if a gradient is zero throughout (for then nothing was checked)
# unless it is told to expect that.


# %%
def exact_gradient(policy, reward=accuracy):  # (1.2), third line
    """Sum P f grad log P over all strings."""
    log_prob, cache = policy.forward(strings, orders)
    return policy.backward(np.exp(log_prob) * reward, cache)


def check_gradient(policy, unread=None):
    """Compare `exact_gradient` with numerical derivatives of `expected_reward`."""

    def forward(**params):
        moved = policy.with_params(params)
        return expected_reward(moved), moved

    def backward(dJ, moved):
        return {name: dJ * grad for name, grad in exact_gradient(moved).items()}

    name = type(policy).__name__
    report = mn.gradcheck.check_pair(forward, backward, policy.params, name=name, zeros=unread)
    for method in ("complex", "central"):
        error, where = report.worst(method)
        print(f"{name:12}{method:8} worst error {error:.0e} of the gradient's norm, at {where}")


check_gradient(independent)
# The activation is decided last: nobody reads its value, so its value vectors have no gradient.
check_gradient(maade, unread={"V.activation": np.ones((2, 6), dtype=bool)})
print("and (1.4), the mean score:", np.abs(flat(exact_gradient(maade, np.ones(12)))).max())

# %% [markdown]
# Errors of rounding size (which is larger for central differences; notebook 3 says why): (1.2)
# holds, for a table of logits and for a network alike.
#
# For `Independent` the gradient can also be read. From the softmax,
# $\partial \log p_{ia_i} / \partial b_{ik} = [a_i = k] - p_{ik}$ (notebook 3 derives it). Put
# that into (1.2):
#
# $$
# \frac{\partial J}{\partial b_{ik}} = \mathbb{E}\big[f\,([a_i = k] - p_{ik})\big]
# = p_{ik}\,\big(\mathbb{E}[f \mid a_i = k] - \mathbb{E}[f]\big). \tag{1.5}
# $$
#
# The logit of a value goes up exactly if the strings that have this value do better than the
# average string, and by more if the value is chosen often. What the gradient sees of a decision
# is the *average over all the others*. It does not see that eight layers are bad without a skip
# connection and excellent with it.

# %%
log_prob, _ = independent.forward(strings, orders)
probability = np.exp(log_prob)
mean = (probability * accuracy).sum()
gradient = exact_gradient(independent)["b_out"]
for i, name in enumerate(space.names):
    for k, value in enumerate(space.values[i]):
        here = strings[:, i] == k
        p = probability[here].sum()
        conditional = (probability * accuracy)[here].sum() / p
        print(
            f"{name:10} {value!s:8} chosen {p:.2f}, mean reward {conditional:.4f} (all: {mean:.4f}); "
            f"(1.5) {p * (conditional - mean):+.5f}, by backward {gradient[i, k]:+.5f}"
        )

# %% [markdown]
# ## Second check: is the estimator right on average?
#
# (1.3) is a random vector. "Unbiased" means that its *mean*, over all batches that might have
# been drawn, is the exact gradient. To test that, draw many strings, and compare not by eye but
# in units of the error that chance alone would produce. For one component of the gradient, with
# $\sigma$ its standard deviation for a single string,
#
# $$z = \frac{\hat g - \nabla J}{\sigma / \sqrt{B}} \tag{1.6}$$
#
# is close to a standard normal variable for large $B$ *if* the estimator is unbiased. (We know
# $\sigma$ exactly: it is one more sum over twelve strings.) If it is biased, $z$ has the mean
# $\sqrt{B}$ times bias over $\sigma$, and grows without limit.
#
# To make the test sharper we subtract 0.88 from all rewards. By (1.4) a constant changes the mean
# of nothing; but it makes $\sigma$ much smaller, as the next section will show.
#
# A test that cannot fail proves nothing, so an estimator that is subtly wrong goes through the
# same test. It draws at temperature 1.1, which flattens the policy a little, and is otherwise
# identical. That is not far-fetched: it is what one gets by raising the temperature "to explore
# more" and leaving the rest as it is.

# %%
log_prob, cache = maade.forward(strings, orders)
probability = np.exp(log_prob)
# the gradient of each string's log-probability by itself: one row a string
scores = np.array([flat(maade.backward(row, cache)) for row in np.eye(len(strings))])
exact = flat(exact_gradient(maade))
single = (accuracy - 0.88)[:, None] * scores  # what each string would contribute
sigma = np.sqrt((probability @ single**2 - exact**2).clip(0))
read = sigma > 1e-12  # leaves out what cannot vary: values that do not exist or are never read

total = 300_000
drawn = {}
for temperature, seed in ((1.0, 2), (1.1, 3)):
    rng = np.random.default_rng(seed)
    actions, _ = maade.sample(total, order, rng, temperature)
    drawn[temperature] = space.identity(actions)


def z_scores(numbers):
    """Return (1.6) of batches of strings, given by their numbers (batches, B)."""
    B = numbers.shape[1]
    # a batch's estimate is a mean over its strings, so it is enough to count how often each came
    counts = np.array([np.bincount(row, minlength=len(strings)) for row in numbers])
    return ((counts / B @ single - exact) / (sigma / np.sqrt(B)).clip(1e-300))[:, read]


figure, (left, right) = course.axes(8.4, 3.4, 1, 2)
bins = np.linspace(-5, 5, 41)
sizes = np.unique(np.geomspace(100, total, 40).astype(int))
for temperature, colour, name in (
    (1.0, course.BLUE, "drawn from the policy"),
    (1.1, course.VERMILLION, "drawn at temperature 1.1"),
):
    z = z_scores(drawn[temperature].reshape(-1, 300))
    left.hist(z.ravel(), bins, density=True, histtype="step", color=colour, linewidth=1.4)
    largest = [np.abs(z_scores(drawn[temperature][None, :size])).max() for size in sizes]
    right.semilogx(sizes, largest, color=colour, label=name)
grid = np.linspace(-5, 5, 201)
normal = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
left.plot(grid, normal, color=course.INK, linewidth=1, dashes=(4, 2), label="standard normal")
left.set(xlabel="z of (1.6), all parameters", ylabel="density", ylim=(0, 0.5))
left.set_title("1,000 batches of 300 strings")
left.legend(loc="upper left", fontsize=8)
right.axhspan(0, 4, color="#E9ECF0", zorder=0)
right.text(110, 0.25, "what chance explains", fontsize=8, color=course.MUTED)
right.set(
    xlabel="strings pooled into one estimate", ylabel="largest |z| of a parameter", ylim=(0, 12)
)
right.set_title("all in one batch")
right.legend(loc="upper left", fontsize=8)
plt.show()

# %% [markdown]
# Left: batches of 300 strings. Both histograms follow the normal curve; no single batch gives the
# wrong estimator away, and a search with it would look like any other. Right: the same strings
# pooled. The largest $|z|$ of the honest estimator stays where chance puts it, however many
# strings are taken. That of the wrong one leaves the band for good after some tens of thousands:
# its error does not average out, because its mean is not the gradient.
#
# ## How the error falls
#
# The estimate is a mean of $B$ independent vectors. Variances of independent summands add, so the
# expected squared distance from the truth is
#
# $$\mathbb{E}\,\lVert \hat g - \nabla J \rVert^2 = \frac{1}{B} \sum_j \sigma_j^2 . \tag{1.7}$$
#
# To halve the error takes four times the strings. The figure compares (1.7) with what is
# measured, relative to the length of the gradient itself: above 1 the noise is longer than the
# signal. Beside it stands the same estimator with one change: a constant, the mean reward, is
# subtracted from all rewards. By (1.4) this leaves the mean as it is. What it does to the noise
# is the subject of notebook 2.


# %%
def spread(shift):
    """Return the root of (1.7) for B = 1, relative to the gradient, with f - shift as the reward."""
    centred = (accuracy - shift)[:, None] * scores
    return np.sqrt((probability @ centred**2 - exact**2).sum()) / np.linalg.norm(exact)


sizes = np.array([10, 30, 100, 300, 1000, 3000, 10_000])
figure, ax = course.axes(6.4, 3.4)
for shift, colour, name in (
    (0.0, course.VERMILLION, "plain rewards (1.3)"),
    (probability @ accuracy, course.BLUE, "rewards less their mean"),
):
    measured = []
    for size in sizes:
        groups = drawn[1.0][: total // size * size].reshape(-1, size)[:300]
        counts = np.array([np.bincount(row, minlength=len(strings)) for row in groups])
        error = counts / size @ ((accuracy - shift)[:, None] * scores) - exact
        measured.append(np.sqrt((error**2).sum(axis=1).mean()) / np.linalg.norm(exact))
    ax.loglog(sizes, spread(shift) / np.sqrt(sizes), color=colour, linewidth=1.3)  # (1.7)
    ax.loglog(sizes, measured, "o", color=colour, label=name)
    print(
        f"{name}: with 30 strings the noise is {spread(shift) / np.sqrt(30):.2f} times the gradient"
    )
ax.axhline(1, color=course.MUTED, linewidth=1)
ax.text(60, 1.12, "noise as long as the gradient", color=course.MUTED, fontsize=8)
ax.set(xlabel="strings in a batch, B", ylabel="error / length of the gradient")
ax.set_title("dots: measured; lines: equation (1.7)")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# With plain rewards a batch of 30 says almost nothing: the noise is more than ten times as long
# as the gradient. Nothing is wrong with the estimator, the accuracies merely have a large common
# part (0.88 or so) that says nothing about *which* string is better, and every string drawn pulls
# itself up by that amount.
#
# ## Climb
#
# Now search. A step of the loop: draw a batch, look up its rewards, form the estimate, take a
# step with an optimizer. This is the whole of a policy-gradient search, and the package's
# `PolicyGradient` does the same with more settings. `Adam` is an optimizer that divides every
# component of the gradient by a running average of its size, so that the learning rate, not the
# length of the gradient, sets the length of a step. `MovingAverage` is the baseline of the paper,
# a running mean of past rewards (notebook 2).


# %%
def climb(policy, updates, rng, B=30, learning_rate=0.02, baseline=None, exactly=False):
    """Train a copy of the policy; return all probabilities, (updates + 1, 12)."""
    policy = policy.with_params({name: array.copy() for name, array in policy.params.items()})
    optimizer = mn.optimizers.Adam(policy.params, learning_rate)
    history = [np.exp(policy.forward(strings, orders)[0])]
    for _ in range(updates):
        if exactly:
            grads = {name: -grad for name, grad in exact_gradient(policy).items()}
        else:
            actions, _ = policy.sample(B, order, rng)
            reward = accuracy[space.identity(actions)]
            advantage = reward if baseline is None else reward - baseline(reward)
            log_prob, cache = policy.forward(actions, np.tile(order, (B, 1)))
            _, dlog_prob = mn.objectives.reinforce(log_prob, advantage)
            grads = policy.backward(dlog_prob, cache)
            if baseline is not None:
                baseline.update(reward)
        optimizer.step(grads)
        history.append(np.exp(policy.forward(strings, orders)[0]))
    return np.array(history)


updates = 60
runs = {
    "estimates, plain rewards": [
        climb(maade, updates, np.random.default_rng(seed)) @ accuracy for seed in range(12)
    ],
    "estimates, moving-average baseline": [
        climb(maade, updates, np.random.default_rng(seed), baseline=mn.baselines.MovingAverage(0.9))
        @ accuracy
        for seed in range(12)
    ],
    "exact gradient (1.2)": [climb(maade, updates, None, exactly=True) @ accuracy],
}
figure, ax = course.axes(7.2, 3.4)
for (name, curves), colour, width in zip(
    runs.items(), (course.VERMILLION, course.BLUE, course.INK), (1.0, 1.0, 2.0), strict=True
):
    for number, curve in enumerate(curves):
        ax.plot(curve, color=colour, linewidth=width, label=name if number == 0 else None)
ax.axhline(accuracy.max(), color=course.MUTED, linewidth=1, dashes=(5, 3))
ax.text(updates, accuracy.max() + 0.002, "best string", ha="right", color=course.MUTED, fontsize=8)
ax.set(xlabel="update, 30 strings each", ylabel="expected reward J(θ)", ylim=(0.8, 0.95))
ax.set_title("twelve searches of each kind, and one by the exact gradient")
ax.legend(loc="lower right", fontsize=8)
plt.show()

# %% [markdown]
# With the baseline the estimates do nearly as well as the exact gradient. With plain rewards the
# searches wander, and where a curve has become flat, the policy has settled on a mediocre string,
# by luck as much as by merit: whatever is drawn pulls itself up, and what was drawn first is
# drawn more often. Such a policy is certain and wrong, and hardly recovers, since it no longer
# draws anything else.
#
# The animation follows the probabilities in one of the searches with a baseline. The mass does
# not go straight to the best string: at first a good string with four layers gains more, then the
# best one overtakes it.

# %%
rng = np.random.default_rng(0)
history = climb(maade, updates, rng, baseline=mn.baselines.MovingAverage(0.9))
named = {best: course.ORANGE, 11: course.BLUE, 6: course.GREEN}  # the three best
colours = [named.get(k, "#B6BCC6") for k in rows]


def draw_frame(figure, update):
    """Draw the policy after some updates, and how it came there."""
    bars, lines = figure.subplots(1, 2, width_ratios=(1, 1.2))
    bars.barh(rows, history[update], color=colours)
    bars.set(xlim=(0, 1), xlabel="probability P(a; θ)", yticks=rows, yticklabels=labels)
    bars.invert_yaxis()
    bars.grid(axis="y", visible=False)
    for k in [k for k in rows if k not in named] + [*named]:
        name = labels[k] if k in named else None
        lines.plot(history[: update + 1, k], color=colours[k], label=name)
    lines.set(xlim=(0, 30), ylim=(0, 1), xlabel="update")
    lines.set_title(f"after {update:2d} updates: J = {history[update] @ accuracy:.3f}", loc="left")
    lines.legend(loc="center right", fontsize=8)


course.animate(
    draw_frame,
    range(31),
    width=8.0,
    alt="Probabilities of the twelve strings over 30 updates; nearly all mass ends on the best string",
)

# %% [markdown]
# ## Strings that may not be
#
# In most spaces some strings mean nothing: a cell whose output is not connected to its input
# cannot be trained. The usual answer, the paper's too, is to **draw again** until the string is
# valid. It sounds harmless. Let us see what it does to (1.3).
#
# Let $Z = \sum_{a\ \text{valid}} P(a)$ be the probability of drawing a valid string. What
# survives the rejection follows
#
# $$P_v(a) = P(a) / Z \quad \text{for valid } a, \qquad \log P_v = \log P - \log Z. \tag{1.8}$$
#
# What one would like to climb is the mean reward of what is evaluated, $J_v = \mathbb{E}_{v}[f]$,
# with the expectation under $P_v$. What is printed in the paper, and done by most code, is to put
# the valid strings into (1.3) with $\nabla \log P$, the gradient of the *unconditional*
# log-probability. With a baseline $b$ subtracted from the rewards, its mean is
#
# $$
# \begin{aligned}
# \mathbb{E}_v\big[(f - b)\, \nabla \log P\big]
# &= \mathbb{E}_v\big[(f - b)\,(\nabla \log P_v + \nabla \log Z)\big] && \text{by (1.8)} \\
# &= \mathbb{E}_v\big[f\, \nabla \log P_v\big] - b\,\mathbb{E}_v\big[\nabla \log P_v\big]
#    + \mathbb{E}_v[f - b]\, \nabla \log Z && Z \text{ is the same for all strings} \\
# &= \nabla J_v + (J_v - b)\, \nabla \log Z. && \text{(1.2) and (1.4) for } P_v
# \end{aligned} \tag{1.9}
# $$
#
# Without rejection $Z = 1$, the second term is gone, and $b$ leaves no trace in the mean. With
# rejection the baseline **matters for the mean**: the estimator climbs $J_v$, and at the same
# time $\log Z$, with a weight that is the difference between the mean reward and the baseline.
# Only at $b = J_v$ is it unbiased (or where $\nabla \log Z$ happens to be zero).
#
# The package's toy table has ten decisions and a rule (one to four of its six switches must be
# on) that makes 648 of 5,184 strings invalid. That is still small enough to enumerate, so (1.9)
# can be checked term by term, with $\nabla J_v$ once more by the complex step.

# %%
toy = mn.tables.Toy()
every = np.array(list(product(*map(range, toy.space.cardinalities))))
valid = toy.space.is_valid(every)
toy_reward = np.zeros(len(every))
toy_reward[valid] = toy.mean_test(every[valid])
toy_order = np.arange(toy.space.size)
toy_orders = np.tile(toy_order, (len(every), 1))
print(
    f"{len(every)} strings, {valid.sum()} valid; rewards {toy_reward[valid].mean():.4f} on average"
)


def valid_quantities(policy):
    """Return Z, P_v of every string, J_v, and the cache of the forward pass."""
    log_prob, cache = policy.forward(every, toy_orders)
    within = np.exp(log_prob) * valid
    Z = within.sum()
    return Z, within / Z, (within * toy_reward).sum() / Z, cache  # (1.8)


toy_policy = mn.policies.Independent(toy.space, dtype=np.float64)
toy_policy.params["b_out"][:] = 0.3 * np.random.default_rng(3).normal(size=(10, 3))
Z, p_valid, J_valid, cache = valid_quantities(toy_policy)

step = 1e-30
true_gradient, validity_gradient = np.zeros((2, 10, 3))  # by the complex step: no score anywhere
for index in np.ndindex(10, 3):
    logits = toy_policy.params["b_out"].astype(complex)
    logits[index] += 1j * step
    moved = valid_quantities(toy_policy.with_params({"b_out": logits}))
    true_gradient[index] = moved[2].imag / step
    validity_gradient[index] = np.log(moved[0]).imag / step

for b in (0.0, 0.85, J_valid, 0.90, 0.95):
    mean_estimate = toy_policy.backward(p_valid * (toy_reward - b), cache)["b_out"]  # (1.9), left
    predicted = true_gradient + (J_valid - b) * validity_gradient  # (1.9), right
    bias = np.linalg.norm(mean_estimate - true_gradient) / np.linalg.norm(true_gradient)
    print(
        f"b = {b:.4f}: the two sides of (1.9) differ by {np.abs(mean_estimate - predicted).max():.0e}, "
        f"bias {bias:6.3f} times the gradient"
    )

# %% [markdown]
# Without a baseline the bias is several times as long as the gradient: such a search mostly
# learns *to be valid*, and the difference between good and bad strings is a small correction. At
# $b = J_v$ the bias is zero up to rounding.
#
# The sign matters more than the size. With $b < J_v$ the policy is drawn towards validity, which
# is a kind of help. With $b > J_v$ it is pushed **away** from validity: every valid string looks
# like a disappointment, and the easiest way to lower the probability of *all* valid strings is to
# draw invalid ones. These are never evaluated, so nothing stops it.
#
# Is that a curiosity? Take a baseline that people do use, the best reward so far ("was it an
# improvement?"), and search.


# %%
def search_toy(baseline, seed, updates=150, B=30):
    """Search with rejection; return Z and J_v before each update. Stop where Z falls below 2 %."""
    rng = np.random.default_rng(seed)
    policy = mn.policies.Independent(toy.space, dtype=np.float64)
    optimizer = mn.optimizers.Adam(policy.params, 0.05)
    moving = mn.baselines.MovingAverage(0.9)
    found, best_reward = [], 0.0
    for _ in range(updates):
        Z, _, J_valid, _ = valid_quantities(policy)
        found.append((Z, J_valid))
        if Z < 0.02:
            break
        actions = np.empty((0, toy.space.size), dtype=int)
        while len(actions) < B:  # draw again until B strings are valid
            more, _ = policy.sample(2 * B, toy_order, rng)
            actions = np.concatenate([actions, more[toy.space.is_valid(more)]])
        actions = actions[:B]
        reward = toy.mean_test(actions)
        best_reward = max(best_reward, reward.max())
        b = {"moving average": moving(reward), "none": 0.0, "best so far": best_reward}[baseline]
        log_prob, cache = policy.forward(actions, np.tile(toy_order, (B, 1)))
        _, dlog_prob = mn.objectives.reinforce(log_prob, reward - b)
        optimizer.step(policy.backward(dlog_prob, cache))
        moving.update(reward)
    return np.array(found)


figure, (left, right) = course.axes(8.4, 3.4, 1, 2)
for baseline, colour in (
    ("moving average", course.BLUE),
    ("none", course.ORANGE),
    ("best so far", course.VERMILLION),
):
    for seed in range(5):
        found = search_toy(baseline, seed)
        name = baseline if seed == 0 else None
        left.plot(found[:, 0], color=colour, linewidth=1.3, label=name)
        right.plot(found[:, 1], color=colour, linewidth=1.3, label=name)
        if len(found) < 150:
            left.plot(len(found) - 1, found[-1, 0], "x", color=colour)
            right.plot(len(found) - 1, found[-1, 1], "x", color=colour)
left.set(xlabel="update", ylabel="probability of a valid string, Z", ylim=(0, 1.04))
left.set_title("who stays valid (×: stopped, Z below 2 %)")
right.set(xlabel="update", ylabel="mean reward of valid strings")
right.set_title("and who finds good strings")
right.legend(title="baseline")
plt.show()

# %% [markdown]
# Against the best so far, nearly every string is a disappointment, and within some tens of
# updates the policy draws almost nothing valid. A loop that "draws again until valid" then draws
# for ever: the search does not fail, it hangs. Without a baseline the search becomes valid and
# learns little else. The moving average stays close to $J_v$, mostly a little *below* it while
# rewards improve, and that is the harmless side.
#
# So: with rejection, use a baseline that follows the mean reward, and count the strings that were
# drawn in vain. The package does both. (Exercise 1.4 shows that there is even an estimator for
# which the bias vanishes altogether.)
#
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb01.py`](solutions/nb01.py).
#
# ### Exercise 1.1: one decision
#
# <a id="exercise_1_1_one_decision"></a>
# One decision with $D$ values, chosen by a softmax of `logits`, value $k$ earning `rewards[k]`.
# Write a function that returns the exact gradient of the expected reward with respect to the
# logits, without a loop and without numerical differentiation.


# %%
def my_gradient(logits, rewards):
    """Return dJ/dlogits, an array (D,)."""


answer = None  # my_gradient
# checks.nb01.check_one_decision(answer)

# %% [markdown]
# ### Exercise 1.2: how many strings?
#
# <a id="exercise_1_2_how_many"></a>
# Somebody hands you `samples`, an array $(n, p)$ of $n$ independent one-string estimates
# $f(a)\,\nabla \log P(a)$, and `gradient`, the exact gradient $(p,)$. How large must a batch be
# for the root-mean-square error of (1.3) to be at most `ratio` times the gradient's length? Write
# a function that returns that number (the smallest integer).


# %%
def my_batch_size(samples, gradient, ratio):
    """Return the smallest sufficient B, an int."""


answer = None  # my_batch_size
# checks.nb01.check_how_many(answer)

# %% [markdown]
# ### Exercise 1.3: find the silent bug (each string once)
#
# <a id="exercise_1_3_each_string_once"></a>
# Evaluations are expensive, and a batch often has the same string several times. So a colleague
# removes the repeats before she evaluates. The code runs, the search improves, all tests of
# shapes pass.


# %%
def estimate_once(policy, evaluate, B, order, rng):
    """Estimate the gradient of E[f] (a dict, as `backward` returns it) from B strings.

    `evaluate(actions)` returns the rewards of strings (n, N), and must not be given a string twice.
    """
    actions, _ = policy.sample(B, order, rng)
    actions = np.unique(actions, axis=0)
    reward = evaluate(actions)
    log_prob, cache = policy.forward(actions, np.tile(order, (len(actions), 1)))
    _, dlog_prob = mn.objectives.reinforce(log_prob, reward)
    return policy.backward(-dlog_prob, cache)


def climb_once(seed, updates=60):
    """Train a copy of MAADE with `estimate_once` and a baseline; return J before each update."""
    policy = maade.with_params({name: array.copy() for name, array in maade.params.items()})
    optimizer = mn.optimizers.Adam(policy.params, 0.02)
    rng, level, found = np.random.default_rng(seed), accuracy.mean(), []
    for _ in range(updates):
        found.append(expected_reward(policy))
        grads = estimate_once(
            policy, lambda a, level=level: accuracy[space.identity(a)] - level, 30, order, rng
        )
        optimizer.step({name: -grad for name, grad in grads.items()})
        level = 0.9 * level + 0.1 * found[-1]
    return np.array(found)


figure, ax = course.axes(6.4, 2.8)
for seed in range(4):
    name = "with the colleague's estimate" if seed == 0 else None
    ax.plot(climb_once(seed), color=course.PURPLE, linewidth=1.2, label=name)
ax.axhline(accuracy.max(), color=course.MUTED, linewidth=1, dashes=(5, 3))
ax.text(0, accuracy.max() + 0.002, "best string", color=course.MUTED, fontsize=8)
ax.set(xlabel="update", ylabel="expected reward J(θ)", ylim=(0.87, 0.95))
ax.set_title("it finds the best string, so it must be right?")
ax.legend(loc="lower right", fontsize=8)
plt.show()

# %% [markdown]
# What does it compute, and what is wrong with that? Mend `estimate_once`, so that it is unbiased
# *and* still asks for each distinct string only once.

# %%
answer = None  # your estimate_once
# checks.nb01.check_each_string_once(answer)

# %% [markdown]
# ### Exercise 1.4: an estimator that rejection cannot bias
#
# <a id="exercise_1_4_valid_only"></a>
# You hold the rewards of $B \ge 2$ strings drawn from $P_v$ (by rejection), and nothing else:
# neither $Z$ nor $J_v$. Find weights $w_1, \dots, w_B$, functions of the rewards, such that
# $\sum_b w_b \nabla \log P(a_b)$ has the mean $\nabla J_v$ *exactly*, for every $B$. The check
# enumerates all batches of two and of three.
#
# Hint: (1.9) at $b = J_v$ says that $\nabla J_v$ is a covariance.


# %%
def my_weights(rewards):
    """Return the weights (B,) of the strings' scores."""


answer = None  # my_weights
# checks.nb01.check_valid_only(answer)

# %% [markdown]
# ## In practice
#
# - The loop of *Climb* is `PolicyGradient.update` in
#   [`maade_np/searchers/policy_gradient.py`](../maade_np/searchers/policy_gradient.py); its
#   docstring states (1.9). `ask` draws, `tell` learns: notebook 12 runs it on cells.
# - (1.3) as a loss is `reinforce` in [`maade_np/objectives.py`](../maade_np/objectives.py).
# - Drawing again is [`maade_np/searchers/rejection.py`](../maade_np/searchers/rejection.py). It
#   counts what was drawn in vain (`searcher.counts["resampled"]`) and gives up with a message,
#   rather than hang, when a policy has collapsed onto invalid strings.
# - On NAS-Bench-101 about 73 % of uniform strings are valid, so $\nabla \log Z$ is not small
#   there (notebook 11).
# - [`tests/test_objectives.py`](../tests/test_objectives.py) asserts (1.2), with and without a
#   baseline, and (1.9) by enumeration, in the manner of this notebook.
#
# ## Further reading
#
# - R. J. Williams, "Simple statistical gradient-following algorithms for connectionist
#   reinforcement learning", *Machine Learning* 8, 1992: the estimator (1.3).
# - R. S. Sutton and A. G. Barto, *Reinforcement Learning: An Introduction*, 2nd edition, chapter
#   13: policy gradients where a decision has later consequences.
# - S. Mohamed, M. Rosca, M. Figurnov and A. Mnih, "Monte Carlo gradient estimation in machine
#   learning", *JMLR* 21, 2020: this estimator among its relatives.
# - OpenAI, [Spinning Up, part
#   3](https://spinningup.openai.com/en/latest/spinningup/rl_intro3.html): the same derivation for
#   games and robots.
# - B. Zoph and Q. V. Le, "Neural architecture search with reinforcement learning", ICLR 2017; C.
#   S. Krishna et al., [arXiv:2006.00939](https://arxiv.org/abs/2006.00939), 2020: the search that
#   this package implements.
