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
# # 5. Derive additive attention, line by line
#
# *Reading time about 30 minutes · runs in about 5 seconds · assumes notebooks 3 and 4*
#
# **What you will do**
#
# Build the layer through which one decision looks at the decisions made before it: score each of
# them, turn the scores into weights, take the weighted mean. Then walk back through it, one line of
# algebra at a time, and let the complex step judge every line as soon as it is written.
#
# **What you will learn**
#
# - why a weighted mean is the right tool for a *set* of decisions, an empty one included
# - the gradient of attention in one picture: raising a score pulls the context towards that key
# - why additive scores are bounded, and why weights that start too small are blind to the query
# - two bugs with which the loss still goes down
#
# **What you will need**
#
# The backward of a softmax (notebook 3), the derivative of tanh and the complex step (notebook 4).
# Vectors are rows here, so a layer is written $x W$; a product of two vectors, $x \cdot y$, is a
# number; $d\text{something}$ is the gradient of one scalar loss $L$ with respect to it.

# %%
from unittest import mock

import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import gradcheck, layers

rng = np.random.default_rng(5)
np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 1. The question
#
# A policy decides hyper-parameters one after the other. When it comes to hyper-parameter $i$, some
# others have been decided, and each of these is represented by a vector $k_j$ with $d$ entries, its
# **key**. What is about to be decided is represented by a vector $x$ with $d$ entries too, the
# **query**: it says *which* hyper-parameter is asked for. Out of all this must come one vector of
# $d$ entries, the **context**, from which a softmax head makes probabilities.
#
# What makes it interesting is that the decided ones are a *set*:
#
# 1. it may have 25 members, or one, or, at the first decision, none;
# 2. it has no order: in which sequence the members were decided shall not matter (the paper,
#    section on the simplified Transformer block: "the sequence in which preceding hyper-parameters
#    in the auto-regressive order were encountered doesn't matter");
# 3. the number of parameters must not grow with it, for a search of 150 queries has no data to
#    waste.
#
# A plain mean of the keys has all three properties, but it treats all members alike. A **weighted**
# mean has them too, as long as each weight is made by the same small function. Additive attention
# (Bahdanau et al. 2014) makes a score of a query and a key with one hidden layer, whose weights are
# $W_q, W_k$ ($d \times a$) and $b_a, w_a$ ($a$ entries each):
#
# $$ e_j = \tanh(x W_q + k_j W_k + b_a) \cdot w_a \tag{5.1} $$
#
# Let $S$ be the set of what is **visible** to the query. The weights are the softmax over it, and
# the context is the mean of the visible keys under these weights:
#
# $$ \alpha_j = \frac{\exp e_j}{\sum_{l \in S} \exp e_l} \quad (j \in S), \qquad \alpha_j = 0 \quad
# (j \notin S) \tag{5.2} $$
#
# $$ c = \sum_{j \in S} \alpha_j\, k_j, \qquad c = 0 \text{ where } S \text{ is empty} \tag{5.3} $$
#
# (Transformers usually sum *values* that are made from the keys by one more matrix. The paper's
# "KV" are one thing: what is scored is what is summed.)
#
# In the package, (5.1) is `maade_np.layers.additive_scores_forward`, (5.2) is
# `maade_np.layers.masked_softmax_forward`, and (5.3) is a matrix product. Here are five keys and
# two queries; the first query sees three keys, the second sees all.

# %%
d, a = 4, 3
x = rng.normal(size=(2, d))
keys = rng.normal(size=(5, d))
W_q, W_k = rng.normal(size=(d, a)), rng.normal(size=(d, a))
b_a, w_a = rng.normal(size=a), rng.normal(size=a)
visible = np.array([[True, False, True, True, False], [True, True, True, True, True]])

scores, scores_cache = layers.additive_scores_forward(x, keys, W_q, W_k, b_a, w_a)  # (5.1)
alpha, softmax_cache = layers.masked_softmax_forward(scores, visible)  # (5.2)
context = alpha @ keys  # (5.3)

print("scores\n", scores)
print("weights\n", alpha)
print("context\n", context)

# %% [markdown]
# The package computes all pairs of a query and a key at once. Whether it computes *the equations*
# is for a slow version to say, one that loops over them and knows no mask: what is not visible is
# simply left out of the list.


# %%
def attend_slowly(x, keys, seen):
    """Equations 5.1 to 5.3 for one query, as they stand."""
    e = [np.tanh(x @ W_q + keys[j] @ W_k + b_a) @ w_a for j in seen]
    total = sum(np.exp(score) for score in e)
    return sum((np.exp(e[n]) / total * keys[j] for n, j in enumerate(seen)), np.zeros(d))


for i in range(2):
    slow = attend_slowly(x[i], keys, np.flatnonzero(visible[i]))
    print(f"query {i}: largest difference {np.abs(slow - context[i]).max():.0e}")

# %% [markdown]
# ### A picture of it
#
# With $d = 2$ keys are points of the plane. The weights are positive and add up to one, so the
# context can only lie *among* the visible keys, in the smallest convex region that holds them: it
# is one of them if it sees one, on the segment between them if it sees two. (It is the feed-forward
# layer after the attention, notebook 4, that leaves this region.)

# %%
plane = np.random.default_rng(2)
points = np.array([[-1.2, 1.0], [-2.0, -0.6], [2.0, 1.0], [0.1, -1.0], [-0.2, 0.5], [1.3, -0.3]])
flat = {name: plane.normal(size=shape) for name, shape in {"W_q": (2, 8), "W_k": (2, 8)}.items()}
flat |= {"b_a": plane.normal(size=8), "w_a": plane.normal(size=8) / 2}
query = np.array([[0.6, -0.3]])


def draw_keys(ax, weights, labels=None):
    """Keys as discs of an area proportional to their weight; what is invisible stays hollow."""
    seen = weights > 0
    ax.scatter(*points[~seen].T, s=28, facecolors="none", edgecolors=course.MUTED)
    ax.scatter(*points[seen].T, s=20 + 700 * weights[seen], color=course.SKY, zorder=2)
    for j, point in enumerate(points):
        shown = (f"{weights[j]:.2f}" if labels is None else labels[j]) if seen[j] else ""
        above = 5 + 0.5 * (20 + 700 * weights[j]) ** 0.5
        ax.annotate(
            shown,
            point,
            xytext=(0, above),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            zorder=6,
        )
    ax.set(xlim=(-2.7, 2.7), ylim=(-1.6, 1.8), aspect="equal")
    ax.set_xticklabels([])
    ax.set_yticklabels([])
    ax.tick_params(length=0)


figure, all_axes = course.axes(9, 3.2, columns=3)
for ax, seen in zip(all_axes, ([4], [0, 3, 4], range(6)), strict=True):
    sees = np.isin(np.arange(6), list(seen))[None]
    e, _ = layers.additive_scores_forward(query, points, **flat)
    weights, _ = layers.masked_softmax_forward(e, sees)
    draw_keys(ax, weights[0])
    ax.scatter(*(weights @ points)[0], marker="X", s=90, color=course.VERMILLION, zorder=3)
    ax.set_title(f"the query sees {sees.sum()} of 6 keys")
all_axes[0].scatter([], [], marker="X", s=70, color=course.VERMILLION, label="context $c$")
all_axes[0].scatter([], [], s=70, color=course.SKY, label=r"key, with its weight $\alpha_j$")
_ = all_axes[0].legend(loc="lower left", fontsize=8, borderpad=0, bbox_to_anchor=(0, 0))

# %% [markdown]
# Compare the middle and the right panel: the three keys keep the *ratios* of their weights, since a
# score depends on its own key only, and they all lose the same share to the newcomers.
#
# ### Four promises, tested
#
# A layer for sets has to keep promises that no gradient check would notice. The last one is about
# the empty set. A popular way to mask is to overwrite invisible scores with a hugely negative
# number and to call an ordinary softmax. Look what it does where *nothing* is visible.

# %%
shuffled = rng.permutation(5)
e, _ = layers.additive_scores_forward(x, keys[shuffled], W_q, W_k, b_a, w_a)
again, _ = layers.masked_softmax_forward(e, visible[:, shuffled])
print("the order of the keys does not matter:", np.allclose(again @ keys[shuffled], context))

hidden = keys.copy()
hidden[1] = 1e6  # query 0 does not see key 1
e, _ = layers.additive_scores_forward(x, hidden, W_q, W_k, b_a, w_a)
again, _ = layers.masked_softmax_forward(e, visible)
print("what is not visible does not matter:  ", np.allclose((again @ hidden)[0], context[0]))

e, _ = layers.additive_scores_forward(x, keys, W_q, W_k, b_a, w_a)
again, _ = layers.masked_softmax_forward(e + 100.0, visible)
print("only differences of scores matter:    ", np.allclose(again, alpha))

nothing = np.zeros((1, 5), dtype=bool)
ours, _ = layers.masked_softmax_forward(scores[:1], nothing)
print("\nweights over the empty set, ours:     ", ours[0])


def popular_softmax(scores, visible):
    """Overwrite what must not be seen, then normalise."""
    e = np.where(visible, scores, -1e30)
    e = np.exp(e - e.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


print("weights over the empty set, popular:  ", popular_softmax(scores[:1], nothing)[0])

# %% [markdown]
# With the popular mask, a query that may see nothing sees *everything*, evenly: $-10^{30}$ less the
# row's maximum, which is $-10^{30}$ as well, is 0. In a policy that would be the first decision
# looking at all later ones, and notebook 6 shows what becomes of a policy then. Equation (5.3) says
# zero, and the package's masked softmax multiplies by the mask instead of overwriting.
#
# ## 2. The gradient, last line first
#
# Let some loss $L$ depend on the context, and let $dc$ be its gradient with respect to $c$. We take
# one query and go through (5.3), (5.2), (5.1) in this order, asking of each line: what depends on
# what, and with which derivative?
#
# **From (5.3).** $c = \sum_j \alpha_j k_j$ depends on the weights and on the keys. Moving
# $\alpha_j$ by a little moves $c$ along $k_j$, and moving $k_j$ moves $c$ by $\alpha_j$ times as
# much:
#
# $$ d\alpha_j = dc \cdot k_j, \qquad dk_j = \alpha_j\, dc \quad\text{(first path)} \tag{5.4} $$
#
# Keys act twice, here as what is *summed*, in (5.1) as what is *scored*. Whatever acts twice gets
# the sum of two gradients, so this is only the first path into $dk_j$.
#
# **From (5.2).** A softmax has the derivative $\partial \alpha_l / \partial e_j = \alpha_l
# (\delta_{lj} - \alpha_j)$ (notebook 3); hence
#
# $$ de_j = \sum_l d\alpha_l\, \alpha_l (\delta_{lj} - \alpha_j)
#         = \alpha_j \Big( d\alpha_j - \sum_l \alpha_l\, d\alpha_l \Big) \tag{5.5} $$
#
# which is `maade_np.layers.masked_softmax_backward`. At an invisible $j$ the weight is 0, so $de_j$
# is exactly 0: no gradient ever flows through the mask.
#
# **Both together.** Put (5.4) into (5.5). The sum becomes $\sum_l \alpha_l\, dc \cdot k_l = dc
# \cdot \sum_l \alpha_l k_l = dc \cdot c$, the context is back, and
#
# $$ de_j = \alpha_j\, (k_j - c) \cdot dc \tag{5.6} $$
#
# This line is worth a moment, because it is all there is to know about learning to attend. It says
# $\partial c / \partial e_j = \alpha_j (k_j - c)$: **raising the score of a key pulls the context
# towards that key**, by a share $\alpha_j$ of the way. A key with hardly any weight has hardly any
# pull, however useful it would be; neither has a key that takes all the weight, for then $c$ is
# $k_j$. The pulls add up to $\sum_j \alpha_j (k_j - c) = 0$: raising all scores together does
# nothing.

# %%
dcontext = rng.normal(size=context.shape)  # the upstream gradient, random as in notebook 3

dalpha = dcontext @ keys.T  # (5.4)
dkeys_summed = alpha.T @ dcontext  # (5.4), the first path
dscores = layers.masked_softmax_backward(dalpha, softmax_cache)  # (5.5)

pull = alpha[:, :, None] * (keys - context[:, None, :])  # (5.6), dc/de_j for every query and key
print("(5.5) and (5.6) agree:", np.allclose(dscores, (pull * dcontext[:, None, :]).sum(axis=2)))
print("the pulls add up to 0:", np.allclose(pull.sum(axis=1), 0))

worst = 0.0
for i, j in np.ndindex(scores.shape):  # the complex step: nudge one score along the imaginary axis
    nudged = scores.astype(complex)
    nudged[i, j] += 1e-30j
    weights, _ = layers.masked_softmax_forward(nudged, visible)
    derivative = (weights @ keys)[i].imag / 1e-30
    worst = max(worst, np.abs(derivative - pull[i, j]).max())
print(f"largest difference to the complex step: {worst:.0e}")

# %% [markdown]
# In the plane one can see it. Each arrow is $\alpha_j (k_j - c)$, what the context would do if the
# score of key $j$ rose by one (to first order). On the right a loss wants the context to move down
# and to the left, so $dc$ points the other way; keys on the side to which the context should go get
# a negative $de_j$, and gradient descent raises their scores.

# %%
e, _ = layers.additive_scores_forward(query, points, **flat)
weights, _ = layers.masked_softmax_forward(e, np.ones((1, 6), dtype=bool))
centre = (weights @ points)[0]
arrows = weights[0][:, None] * (points - centre)
dc = np.array([0.8, 0.6])

slopes = arrows @ dc  # (5.6)

figure, (left, right) = course.axes(9, 3.3, columns=2)
draw_keys(left, weights[0])
left.quiver(
    *np.tile(centre, (6, 1)).T,
    *(2.5 * arrows).T,
    angles="xy",
    scale_units="xy",
    scale=1,
    color=course.VERMILLION,
    width=0.009,
    zorder=4,
)
left.set_title(r"the pull $\alpha_j (k_j - c)$ of each key, 2.5 times enlarged")
draw_keys(right, weights[0], [f"{de:+.2f}" for de in slopes])
for ax in (left, right):
    ax.scatter(*centre, marker="X", s=70, color=course.INK, zorder=5)
right.quiver(
    *centre, *-dc, angles="xy", scale_units="xy", scale=1, color=course.INK, width=0.011, zorder=4
)
right.annotate("$-dc$", centre - dc, xytext=(-12, -9), textcoords="offset points", fontsize=10)
for sign, colour, label in (
    (-1, course.BLUE, "$de_j < 0$: its score should rise"),
    (1, course.ORANGE, "$de_j > 0$: its score should fall"),
):
    of = np.sign(slopes) == sign
    right.scatter(*points[of].T, s=20 + 700 * weights[0, of], color=colour, zorder=3)
    right.scatter([], [], s=60, color=colour, label=label)
right.legend(loc="lower right", fontsize=8, borderpad=0)
_ = right.set_title("the gradient $de_j$ that follows from it")

# %% [markdown]
# **From (5.1).** Name the inside of the hidden layer: $s_j = x W_q + k_j W_k + b_a$ and $u_j =
# \tanh s_j$, so that $e_j = u_j \cdot w_a$. The score is linear in $w_a$ and in $u_j$, and the
# derivative of tanh is a function of its output, $1 - u^2$ (notebook 4):
#
# $$ dw_a = \sum_j de_j\, u_j, \qquad ds_j = de_j\; w_a \odot (1 - u_j \odot u_j) \tag{5.7} $$
#
# ($\odot$ multiplies entry by entry.) Now $s_j$ is a sum of a term that depends on the query, one
# that depends on the key, and a bias. The query's term and the bias occur in the $s_j$ of *every*
# key, so their gradients are sums over $j$; each key's term occurs in its own $s_j$ only:
#
# $$ dx = \Big(\sum_j ds_j\Big) W_q^T, \quad dW_q = x^T \Big(\sum_j ds_j\Big), \quad
#    db_a = \sum_j ds_j, \quad dW_k = \sum_j k_j^T ds_j \tag{5.8} $$
#
# $$ dk_j = \underbrace{\alpha_j\, dc}_{\text{summed, (5.4)}} +
#           \underbrace{ds_j\, W_k^T}_{\text{scored}} \tag{5.9} $$
#
# With several queries in a batch everything that they share (the four weights, and keys that
# several queries see) is summed over queries as well. (5.7) and (5.8) are
# `maade_np.layers.additive_scores_backward`; it returns the scored path of (5.9).

# %%
dx, dkeys_scored, *others = layers.additive_scores_backward(dscores, scores_cache)  # (5.7), (5.8)
dweights = dict(zip(("W_q", "W_k", "b_a", "w_a"), others, strict=True))
dkeys = dkeys_summed + dkeys_scored  # (5.9)

u = scores_cache.u  # (2, 5, a): the cache is a named tuple, so one can look into it
ds = dscores[..., None] * w_a * (1 - u * u)  # (5.7), written out to compare
print("dw_a:", np.allclose(dweights["w_a"], np.einsum("ij,ija->a", dscores, u)))
print("dx:  ", np.allclose(dx, ds.sum(axis=1) @ W_q.T))
print("dW_k:", np.allclose(dweights["W_k"], np.einsum("jd,ija->da", keys, ds)))

# %% [markdown]
# That these lines agree with *our algebra* proves little, for we could have erred in both. So the
# whole layer, forward and backward, goes to the complex step, which knows nothing of the algebra
# (notebook 4). `gradcheck.check_pair` differentiates `sum(dout * out)` for a random `dout`, and
# raises an error unless every gradient is right to $10^{-10}$ of its norm. We add a third query
# that sees nothing, and hide key 1 from everyone, so that its gradient must be *exactly* 0.


# %%
def attention_forward(x, keys, W_q, W_k, b_a, w_a, visible):
    """Equations 5.1 to 5.3."""
    scores, scores_cache = layers.additive_scores_forward(x, keys, W_q, W_k, b_a, w_a)
    alpha, softmax_cache = layers.masked_softmax_forward(scores, visible)
    return alpha @ keys, (keys, scores_cache, softmax_cache)


def attention_backward(dcontext, cache):
    """Equations 5.4 to 5.9."""
    keys, scores_cache, softmax_cache = cache
    dscores = layers.masked_softmax_backward(dcontext @ keys.T, softmax_cache)
    dx, dkeys_scored, *dweights = layers.additive_scores_backward(dscores, scores_cache)
    dkeys = softmax_cache.alpha.T @ dcontext + dkeys_scored
    return dict(zip(("x", "keys", "W_q", "W_k", "b_a", "w_a"), (dx, dkeys, *dweights), strict=True))


three = np.array([[1, 0, 1, 1, 0], [1, 0, 1, 1, 1], [0, 0, 0, 0, 0]], dtype=bool)
inputs = {"x": rng.normal(size=(3, d)), "keys": keys}
inputs |= {"W_q": W_q, "W_k": W_k, "b_a": b_a, "w_a": w_a, "visible": three}
unseen = np.zeros(keys.shape, dtype=bool)
unseen[1] = True

report = gradcheck.check_pair(
    attention_forward, attention_backward, inputs, name="attention", zeros={"keys": unseen}
)
print("error of each gradient, relative to its norm\n")
print(f"{'':6} {'norm':>6} {'complex step':>13} {'central differences':>20}")
for entry in report.entries:
    print(
        f"{entry.name:6} {entry.norm:6.2f} {entry.errors['complex']:13.0e} "
        f"{entry.errors['central']:20.0e}"
    )

# %% [markdown]
# Right to rounding error. Central differences agree with what digits they have.
#
# ## 3. A forgotten path, and a loss that goes down all the same
#
# The mistake that (5.9) invites is to stop after (5.8) and hand back one of its two terms. Let us
# make it on purpose and *train*: eight keys, six queries and all weights are free, and each query
# has a random target that its context should meet. Three runs take the same steps of gradient
# descent from the same start; they differ in what they believe $dk_j$ to be.


# %%
def backward_with(paths):
    """Attention's backward, with only some of the paths into the keys."""

    def backward(dcontext, cache):
        grads = attention_backward(dcontext, cache)
        summed = cache[2].alpha.T @ dcontext
        grads["keys"] = {
            "both": grads["keys"],
            "summed only": summed,
            "scored only": grads["keys"] - summed,
        }[paths]
        return grads

    return backward


task = np.random.default_rng(2)
shapes = {"x": (6, d), "keys": (8, d), "W_q": (d, 8), "W_k": (d, 8), "b_a": (8,), "w_a": (8,)}
start = {name: task.normal(size=shape) for name, shape in shapes.items()}
start |= {name: start[name] / 2 for name in ("W_q", "W_k", "b_a", "w_a")}
target = task.normal(size=(6, d))
everything = np.ones((6, 8), dtype=bool)

figure, ax = course.axes(7.2, 3.2)
for paths, style in (("both", "-"), ("summed only", "--"), ("scored only", ":")):
    params, losses = {name: array.copy() for name, array in start.items()}, []
    for step in range(600):
        out, cache = attention_forward(**params, visible=everything)
        losses.append(0.5 * ((out - target) ** 2).sum())
        grads = backward_with(paths)(out - target, cache)
        if step == 0:
            true = attention_backward(out - target, cache)["keys"]
            lengths = np.linalg.norm(true) * np.linalg.norm(grads["keys"])
            cosine = (true * grads["keys"]).sum() / lengths
        for name, gradient in grads.items():
            params[name] -= 0.02 * gradient
    ax.plot(losses, style, label=paths, linewidth=2)
    print(
        f"{paths:12} cosine of its first dkeys with the true one {cosine:.2f}, "
        f"loss {losses[0]:.1f} -> {losses[-1]:.3f}"
    )
ax.set_yscale("log")
ax.set_xlabel("step of gradient descent")
ax.set_ylabel("loss")
_ = ax.legend(title="paths into $dk_j$")

# %% [markdown]
# All three learn, and no curve ever turns upwards. A wrong gradient need not point uphill; it only
# has to lie within a right angle of the true one, and all the other parameters get their true
# gradient anyway. Had you seen only the dashed curve, nothing would have told you. This is what a
# **silent bug** is, and why "it trains" is no test. The check needs no training and no second curve
# to compare with:

# %%
try:
    gradcheck.check_pair(attention_forward, backward_with("summed only"), inputs, name="attention")
except gradcheck.GradientError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# ## 4. What the tanh is for
#
# The paper prefers additive scores to the better known scaled dot product, $e_j = (x W_q + b_a)
# \cdot (k_j W_k) / \sqrt a$ (`maade_np.layers.dot_scores_forward`, in a policy `MAADE(...,
# attention="dot")`), since they "marginally improve" results. What differs? Hold the query fixed
# and look at the score as a function of the key. For the dot product it is *linear*: one direction
# is better, the opposite is worse, for ever. The additive score is a sum of $a$ tanh steps in
# different directions: it may prefer keys in one region of the space, and it is **bounded**. As
# $|\tanh| < 1$,
#
# $$ |e_j| \;<\; \sum_k |w_{a,k}| = \|w_a\|_1 \tag{5.10} $$

# %%
grid = np.linspace(-4, 4, 121)
plane_of_keys = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
additive, _ = layers.additive_scores_forward(query, plane_of_keys, **flat)
linear = {name: flat[name] for name in ("W_q", "W_k", "b_a")}
dot, _ = layers.dot_scores_forward(query, plane_of_keys, **linear)
bound = np.abs(flat["w_a"]).sum()

figure, (left, middle, right) = course.axes(9.6, 3.0, columns=3)
for ax, e, title in ((left, additive, "additive score"), (middle, dot, "dot-product score")):
    levels = np.linspace(-np.abs(e).max(), np.abs(e).max(), 17)
    picture = ax.contourf(grid, grid, e.reshape(121, 121), levels, cmap=course.DIVERGING)
    ax.contour(grid, grid, e.reshape(121, 121), levels, colors="white", linewidths=0.4)
    figure.colorbar(picture, ax=ax, fraction=0.046, pad=0.03, format="%.1f")
    ax.set(title=title, xlabel="key, first entry", aspect="equal")
    ax.grid(False)
left.set_ylabel("key, second entry")

distance = np.linspace(0, 20, 200)[:, None]
direction = np.array([[0.8, -0.6]])
for e, name, colour in (
    (layers.additive_scores_forward(query, distance * direction, **flat)[0], "additive", "BLUE"),
    (layers.dot_scores_forward(query, distance * direction, **linear)[0], "dot", "VERMILLION"),
):
    right.plot(distance[:, 0], e[0], color=getattr(course, colour), linewidth=2, label=name)
right.axhspan(-bound, bound, color=course.BLUE, alpha=0.1, linewidth=0)
right.set(title="a key moves away", xlabel="distance from the origin", ylabel="its score")
right.legend(loc="upper left")
print(f"norm ||w_a||_1 = {bound:.2f}; largest additive score on the grid {additive.max():.2f}")

# %% [markdown]
# The shaded band on the right is (5.10). Where a key of unusual size makes a dot product hand it
# all the weight, the additive score has long been saturated. That has a practical side: scores
# within a known range can be exponentiated before it is known which of them will be visible, which
# notebook 8 makes use of, and the first exercise asks you what it means for the weights.
#
# ## 5. With small weights, attention is blind
#
# The bound is about large weights. What happens with small ones is less known. Suppose that all
# weights inside the tanh start small: write $W_q = \epsilon \bar W_q$, $W_k = \epsilon \bar W_k$,
# and $b_a = 0$, as biases start. With $\tanh s = s - s^3/3 + \dots$ (cubes entry by entry),
#
# $$ e_{ij} = \underbrace{\epsilon\, x_i \bar W_q \cdot w_a}_{\text{the same for every key } j} +
#             \underbrace{\epsilon\, k_j \bar W_k \cdot w_a}_{\text{the same for every query } i} -
#             \tfrac13 \epsilon^3 (x_i \bar W_q + k_j \bar W_k)^3 \cdot w_a + \dots \tag{5.11} $$
#
# The first term is the same for all keys, and the softmax over keys removes it. To first order,
# then, *every query has the same weights*: attention ranks the keys, but does not listen to who is
# asking. What depends on both is in the cubic term. So:
#
# - the unevenness of the weights is of order $\epsilon$,
# - but their dependence on the query is of order $\epsilon^3$ (for the dot product it would be
#   $\epsilon^2$, its leading term);
# - and $dW_q$ is of order $\epsilon^2$, because in $\sum_j ds_j = \sum_j de_j\, w_a \odot (1 -
#   u_j^2)$ the leading part vanishes with $\sum_j de_j = 0$. $dW_k$ is of order 1.
#
# Halve the scale of the start, and what the query has to say falls to an eighth, while the gradient
# that could repair it falls to a quarter. Let us not believe it, but measure the exponents.

# %%
measure = np.random.default_rng(1)
x5, keys6, upstream = (measure.normal(size=(size, 8)) for size in (5, 6, 5))
unit = {"W_q": measure.normal(size=(8, 8)) / 8**0.5, "W_k": measure.normal(size=(8, 8)) / 8**0.5}
outer = measure.normal(size=8) / 8**0.5
epsilons = np.logspace(-2, 1, 31)
found = {name: [] for name in ("unevenness", "query", "query, dot product", "dW_q", "dW_k")}


def dependence(alpha):
    """How far the weights of single queries are from those of the average query."""
    return np.abs(alpha - alpha.mean(axis=0)).max()


for epsilon in epsilons:
    params = {"W_q": epsilon * unit["W_q"], "W_k": epsilon * unit["W_k"], "b_a": np.zeros(8)}
    out, cache = attention_forward(
        x5, keys6, **params, w_a=outer, visible=np.ones((5, 6), dtype=bool)
    )
    alpha = cache[2].alpha
    grads = attention_backward(upstream, cache)
    dot, _ = layers.dot_scores_forward(x5, keys6, **params)
    found["unevenness"].append(np.abs(alpha - 1 / 6).max())
    found["query"].append(dependence(alpha))
    found["query, dot product"].append(
        dependence(layers.masked_softmax_forward(dot, np.ones((5, 6), dtype=bool))[0])
    )
    found["dW_q"].append(np.linalg.norm(grads["W_q"]))
    found["dW_k"].append(np.linalg.norm(grads["W_k"]))

for name, values in found.items():
    slope = np.polyfit(np.log(epsilons[:8]), np.log(values[:8]), 1)[0]
    print(f"{name:20} of order epsilon^{slope:.2f}")

figure, (left, right) = course.axes(9, 3.4, columns=2)
for name, label, colour, style in (
    ("unevenness", "unevenness of the weights", course.GREEN, "-"),
    ("query", "their dependence on the query", course.BLUE, "-"),
    ("query, dot product", "the same, dot product", course.BLUE, ":"),
):
    left.loglog(epsilons, found[name], style, color=colour, linewidth=2, label=label)
for name, colour in (("dW_k", course.ORANGE), ("dW_q", course.VERMILLION)):
    right.loglog(epsilons, found[name], color=colour, linewidth=2, label=f"norm of ${name}$")
start_scale = mn.policies.INIT_SCALES["attention"]
for ax in (left, right):
    ax.axvline(start_scale, color=course.MUTED, linewidth=1, dashes=(4, 3))
    ax.set_xlabel(r"scale $\epsilon$ of $W_q$ and $W_k$")
    ax.legend(loc="lower right", fontsize=8.5)
left.set_title("the weights")
_ = right.set_title("the gradients")

# %% [markdown]
# The exponents are as derived: 1, 3, 2 for the dot product, 2 and 0. The dashed line is where the
# package's policies start, `maade_np.policies.INIT_SCALES["attention"]`: out of the blind region,
# and before the far right, where tanh saturates, $1 - u^2$ vanishes, and all gradients shrink.
# "Start with small weights" is good advice for the softmax heads (their scale,
# `INIT_SCALES["heads"]`, is small on purpose, so that a search begins near uniform) and bad advice
# here.
#
# ## 6. What it costs
#
# The two projections are made once for each vector, but there is a tanh of width $a$ for each
# *pair* of a query and a key. Let us have them counted, by a stand-in for `numpy.tanh` that keeps
# book (`Counting` in [`course.py`](course.py)).

# %%
B, N, width = 64, 26, 45  # the paper's setting for 3,200 queries
many = [np.random.default_rng(0).normal(size=(B, N, width)) for _ in range(2)]
weights = [np.zeros((width, width)), np.zeros((width, width)), np.zeros(width), np.zeros(width)]
for name, forward, arguments in (
    ("additive", layers.additive_scores_forward, (*many, *weights)),
    ("dot", layers.dot_scores_forward, (*many, *weights[:3])),
):
    with mock.patch.object(np, "tanh", course.Counting()) as tanh:
        forward(*arguments)
    print(f"{name:9}{tanh.count:>10,} numbers through tanh")
print(f"B N N a = {B * N * N * width:,}")

# %% [markdown]
# Two million tanh a forward pass, for a policy of some 13,000 parameters: that is the price of the
# additive form, and speed is the reason that Vaswani et al. give for dot products. Notebook 8 shows
# that in a policy's first block nearly all of these tanh are computed again and again on the same
# numbers.
#
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb05.py`](solutions/nb05.py).
#
# ### Exercise 5.1: how one-sided can it become?
#
# <a id="exercise_5_1_bound"></a>
# By (5.10) all scores lie within $\pm\|w_a\|_1$. Write a function `bound(w_a)` that returns the
# smallest number which the ratio $\alpha_j / \alpha_l$ of two *visible* keys can never exceed,
# whatever the query, the keys and the other weights are.

# %%
answer = None  # def answer(w_a): return ...
# checks.nb05.check_bound(answer)

# %% [markdown]
# ### Exercise 5.2: the pull
#
# <a id="exercise_5_2_pull"></a>
# Write `pull(alpha, keys, dcontext)`, which returns $de$ (n, m) for n queries and m keys by
# equation (5.6), from the weights (n, m), the keys (m, d) and the upstream gradient (n, d), without
# a loop. It must also be right for a query that sees nothing.

# %%
answer = None  # def answer(alpha, keys, dcontext): return ...
# checks.nb05.check_pull(answer)

# %% [markdown]
# ### Exercise 5.3: find the silent bug
#
# <a id="exercise_5_3_silent"></a>
# A colleague wrote the layer below for queries that see all keys. It trains. It was also checked by
# the complex step, at the start of training, where $W_k = 0$ "so that attention starts even": all
# six gradients agree with it to rounding error, as the cell after it shows. And yet one line is
# wrong. Find it, and give as answer a repaired `backward(dout, cache)` that takes the same cache.
#
# (When you have it: what in the colleague's printout was the warning?)


# %%
def colleagues_forward(x, keys, W_q, W_k, b_a, w_a):
    """Queries (n, d), keys (m, d); every query sees every key."""
    u = np.tanh((x @ W_q)[:, None, :] + (keys @ W_k)[None, :, :] + b_a)
    e = u @ w_a
    alpha = np.exp(e - e.real.max(axis=1, keepdims=True))
    alpha = alpha / alpha.sum(axis=1, keepdims=True)
    return alpha @ keys, (x, keys, W_q, W_k, w_a, u, alpha)


def colleagues_backward(dout, cache):
    """Return dx, dkeys, dW_q, dW_k, db_a, dw_a."""
    x, keys, W_q, W_k, w_a, u, alpha = cache
    dalpha = dout @ keys.T
    de = alpha * (dalpha - dalpha.mean(axis=1, keepdims=True))
    dw_a = np.einsum("ij,ija->a", de, u)
    ds = de[:, :, None] * w_a * (1 - u * u)
    dquery, dkey = ds.sum(axis=1), ds.sum(axis=0)
    dkeys = alpha.T @ dout + dkey @ W_k.T
    return dquery @ W_q.T, dkeys, x.T @ dquery, keys.T @ dkey, dquery.sum(axis=0), dw_a


# %%
colleague = np.random.default_rng(3)
at = {"x": (5, 4), "keys": (6, 4), "W_q": (4, 3), "W_k": (4, 3), "b_a": (3,), "w_a": (3,)}
at = {name: colleague.normal(size=shape) for name, shape in at.items()}
at["W_k"][:] = 0
dout = colleague.normal(size=(5, 4))
grads = colleagues_backward(dout, colleagues_forward(**at)[1])
for (name, array), gradient in zip(at.items(), grads, strict=True):
    numeric = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        nudged = {key: value.astype(complex) for key, value in at.items()}
        nudged[name][index] += 1e-30j
        numeric[index] = (dout * colleagues_forward(**nudged)[0]).sum().imag / 1e-30
    print(
        f"d{name:5} largest difference {np.abs(gradient - numeric).max():.0e}, "
        f"norm of the gradient {np.linalg.norm(gradient):.2f}"
    )

# %%
answer = None  # def answer(dout, cache): return dx, dkeys, dW_q, dW_k, db_a, dw_a
# checks.nb05.check_silent(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/layers/additive_scores.py`](../maade_np/layers/additive_scores.py) holds (5.1), (5.7)
#   and (5.8), [`masked_softmax.py`](../maade_np/layers/masked_softmax.py) holds (5.2) and (5.5),
#   and [`dot_scores.py`](../maade_np/layers/dot_scores.py) the rejected alternative.
# - [`maade_np/layers/block.py`](../maade_np/layers/block.py) puts them together with the
#   feed-forward layer of notebook 4, and adds the two paths of (5.9). Its checks are cases of
#   [`gradcheck_suite.py`](../maade_np/gradcheck_suite.py); `maade-np gradcheck scores` runs those
#   of the scores, `maade-np gradcheck` all.
# - Whether additive scores search better than dot products is an experiment: `maade-np search
#   --searcher remaade --attention dot`.
#
# ## Further reading
#
# - Bahdanau, Cho and Bengio, *Neural machine translation by jointly learning to align and
#   translate* (2014), arXiv:1409.0473: additive attention.
# - Vaswani et al., *Attention is all you need* (2017), arXiv:1706.03762: the scaled dot product,
#   and why it is scaled.
# - Krishna et al. (2020), arXiv:2006.00939: the paper that this course follows; its equations 4 to
#   7 use the layer of this notebook.
# - Squire and Trapp, *Using complex variables to estimate derivatives of real functions* (1998).
