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
# # 3. Derive a softmax head and check its gradient
#
# *Reading time about 35 minutes · runs in about 3 seconds · assumes notebook 1*
#
# **What you will do**: build the last layer of every policy, an affine map and a softmax, with
# decisions that have different numbers of values; derive its backward pass line by line; compare
# it with finite differences and choose their step; and then break a softmax in eight ways and see
# which checks notice.
#
# **What you will learn**: how to take gradients by hand without drowning in indices; why values
# that do not exist are left out by selection and not by infinities; where the error of a finite
# difference comes from; and how to recognise a check that cannot fail.
#
# **What you will need**: derivatives of $\exp$ and $\log$, matrix products, Taylor's formula. Of
# notebook 1 only that a policy gradient needs $\nabla \log P$.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import layers

# %% [markdown]
# ## The layer
#
# Whatever a policy does inside, it ends with a vector $h_i$ for each decision $i$, and turns it
# into probabilities of that decision's values. Every decision has its own affine map,
#
# $$z_i = h_i W_i + b_i, \tag{3.1}$$
#
# with row vectors, so $h_i$ has the shape $(d,)$, $W_i$ has $(d, D)$ and $z_i$ has $(D,)$; the
# numbers $z_i$ are called **logits**. Then the log-probability of value $k$ is
#
# $$\ell_{ik} = \log p_{ik} = z_{ik} - \log \sum_{l} e^{z_{il}}. \tag{3.2}$$
#
# In the package (3.1) is `maade_np.layers.heads_forward` for a whole batch at once, $h$ of shape
# $(B, N, d)$, and (3.2) is `maade_np.layers.log_softmax_forward`. Log-probabilities, not
# probabilities, because $\log P(a) = \sum_i \ell_{i a_i}$ is what a policy gradient needs.
#
# Our example: the three decisions of notebook 1, with 3, 2 and 2 values. All heads are stored in
# one array with $D = 3$ columns, and a boolean array says which values **exist**.

# %%
space = mn.spaces.CategoricalSpace(["layers", "skip", "activation"], [3, 2, 2])
exists = np.arange(3) < space.cardinalities[:, None]
rng = np.random.default_rng(0)
B, N, d, D = 4, 3, 5, 3
h, W, b = rng.normal(size=(B, N, d)), rng.normal(size=(N, d, D)), rng.normal(size=(N, D))
logits, heads_cache = layers.heads_forward(h, W, b)  # (3.1)
log_probs, softmax_cache = layers.log_softmax_forward(logits, exists)  # (3.2)
print("exists:", exists.tolist())
print("probabilities of the first string:\n", softmax_cache.probs[0].round(3))
print("sums:", softmax_cache.probs[0].sum(axis=-1))

# %% [markdown]
# ### Large logits
#
# Written as it stands, (3.2) overflows: $e^{1000}$ is no floating-point number. But a softmax
# does not change when all logits are shifted by the same amount $m$,
#
# $$\log\frac{e^{z_k - m}}{\sum_l e^{z_l - m}} = \log\frac{e^{-m} e^{z_k}}{e^{-m} \sum_l e^{z_l}} = z_k - \log \sum_l e^{z_l}, \tag{3.3}$$
#
# so take $m = \max_l z_l$. Then the largest exponential is $e^0 = 1$, the sum lies between 1 and
# $D$, and its logarithm is safe. Small exponentials may still become 0. That is harmless here,
# and it is not harmless if one takes the logarithm *afterwards*:

# %%
z = np.array([[1000.0, 0.0, -10.0]])
three = np.ones((1, 3), dtype=bool)
with np.errstate(all="ignore"):
    naive = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    shifted = np.exp(z - z.max()) / np.exp(z - z.max()).sum(axis=-1, keepdims=True)
    print("exp, then divide:                     ", np.log(naive)[0])
    print("exp of shifted, divide, then log:     ", np.log(shifted)[0])
print("log-softmax (3.2) with the shift (3.3):", layers.log_softmax_forward(z, three)[0][0])

# %% [markdown]
# ### Values that do not exist
#
# A decision with two values must give the third one probability 0, and nothing may flow back from
# it. Three ways are in use:
#
# - **Minus infinity.** Set the logit to $-\infty$; then $e^{-\infty} = 0$. Right so far, but the
#   log-probability is $-\infty$ too, and the first product with a zero, $0 \cdot (-\infty)$ in an
#   entropy $-\sum p \log p$ or in a mean of log-probabilities, is not 0 but "not a number".
# - **A large negative number**, say $-10^9$. Works, until somebody averages over the array, clips
#   it, or divides by it, and the number turns up in a result. In float32 it also swallows
#   whatever it is added to.
# - **Selection.** Let the layer know what exists, put a harmless number in the place of the rest
#   *before* the exponential, and multiply by the mask after it. The logit of a value that does
#   not exist is then never used at all.
#
# The package selects. To see that "never used" is meant literally, put nonsense there.

# %%
nonsense = np.where(exists, logits, np.nan)
again, again_cache = layers.log_softmax_forward(nonsense, exists)
print("same log-probabilities:", np.array_equal(again[:, exists], log_probs[:, exists]))
print("probability of what does not exist:", np.unique(again_cache.probs[:, ~exists]))
dlog_probs = rng.normal(size=log_probs.shape)
dlogits = layers.log_softmax_backward(dlog_probs, again_cache)
print("gradient of what does not exist:   ", np.unique(np.abs(dlogits[:, ~exists])))
with np.errstate(all="ignore"):
    minus_infinity = np.where(exists, log_probs, -np.inf)
    print(
        "entropies with -inf:", -(np.exp(minus_infinity) * minus_infinity).sum(axis=-1)[0].round(3)
    )
print("by selection:       ", -(again_cache.probs * again).sum(axis=-1)[0].round(3))

# %% [markdown]
# ## The backward pass, line by line
#
# Some scalar $L$, the loss, is computed from the log-probabilities. We are given its derivatives
# with respect to them and want those with respect to the logits, then to $h$, $W$ and $b$. As
# everywhere in the package, $dx$ is short for $\partial L / \partial x$: it has the shape of $x$,
# and is called the *upstream gradient* where it comes in.
#
# **Softmax.** One decision of one string; the index $i$ is dropped. First the derivative of one
# output with respect to one input. In (3.2) the logit $z_l$ stands in two places, alone (if
# $l = k$) and in the sum:
#
# $$
# \begin{aligned}
# \frac{\partial \ell_k}{\partial z_l}
# &= \frac{\partial z_k}{\partial z_l} - \frac{\partial}{\partial z_l} \log \sum_m e^{z_m} && \text{from (3.2)} \\
# &= [k = l] - \frac{e^{z_l}}{\sum_m e^{z_m}} && (\log u)' = u'/u \\
# &= [k = l] - p_l . && \text{the fraction is } p_l
# \end{aligned} \tag{3.4}
# $$
#
# Here $[k = l]$ is 1 if $k = l$ and else 0. A logit reaches $L$ through *all* outputs, so the
# chain rule sums over them:
#
# $$
# dz_l = \sum_k d\ell_k\, \frac{\partial \ell_k}{\partial z_l}
# = \sum_k d\ell_k\, [k = l] - p_l \sum_k d\ell_k
# = d\ell_l - p_l \sum_k d\ell_k . \tag{3.5}
# $$
#
# That is the whole of `maade_np.layers.log_softmax_backward`, and it explains what its cache
# keeps: the probabilities, nothing else. Two consequences, both good for checking. The sum of all
# $dz_l$ is zero, since $\sum_l p_l = 1$: shifting all logits changes nothing. And where only the
# log-probability of the chosen value $a$ counts, with $d\ell_a = g$, $dz = g\,([l = a] - p_l)$:
# push the chosen up by what it lacks to certainty, and the others down by their probability.

# %%
z = np.array([[0.5, -0.2, 1.1]])
ell, cache = layers.log_softmax_forward(z, three)
p = cache.probs[0]
jacobian = np.eye(3) - p[None, :]  # (3.4): row k, column l
by_backward = np.concatenate([layers.log_softmax_backward(row[None], cache) for row in np.eye(3)])
print("(3.4):\n", jacobian.round(4))
print(
    "rows of the Jacobian by backward, one upstream 1 at a time, the same:",
    np.allclose(jacobian, by_backward),
)
dell = rng.normal(size=(1, 3))
print("sum of dz:", layers.log_softmax_backward(dell, cache).sum().round(17))

# %% [markdown]
# **The affine map.** With the batch index $r$, $z_{rik} = \sum_m h_{rim} W_{imk} + b_{ik}$. Read
# off where each quantity occurs, multiply by the upstream gradient, and sum over the indices that
# are not its own:
#
# $$
# \begin{aligned}
# dh_{rim} &= \textstyle\sum_k dz_{rik}\, W_{imk} && h_{rim} \text{ occurs in all values } k \text{ of its decision} \\
# dW_{imk} &= \textstyle\sum_r h_{rim}\, dz_{rik} && W_{imk} \text{ occurs in all strings } r \\
# db_{ik} &= \textstyle\sum_r dz_{rik} && b_{ik} \text{ likewise}
# \end{aligned} \tag{3.6}
# $$
#
# In matrices, for each decision, $dh = dz\,W^{T}$, $dW = h^{T} dz$, $db = \mathbf 1^{T} dz$. If
# in doubt where the transpose goes, look at the shapes: only one arrangement fits (but see below
# for when two fit). `maade_np.layers.heads_backward` does that for all decisions. First against
# plain loops:


# %%
def slow_heads_backward(dz, h, W):
    """Compute (3.6), one number at a time."""
    dh, dW, db = np.zeros_like(h), np.zeros_like(W), np.zeros((N, D))
    for r in range(B):
        for i in range(N):
            for k in range(D):
                db[i, k] += dz[r, i, k]
                for m in range(d):
                    dh[r, i, m] += dz[r, i, k] * W[i, m, k]
                    dW[i, m, k] += h[r, i, m] * dz[r, i, k]
    return dh, dW, db


dz = rng.normal(size=(B, N, D))
fast, slow = layers.heads_backward(dz, heads_cache), slow_heads_backward(dz, h, W)
for name, one, other in zip(("dh", "dW", "db"), fast, slow, strict=True):
    print(f"{name}: largest difference {np.abs(one - other).max():.0e}")

# %% [markdown]
# ## The first gradient check
#
# Loops prove that the code computes (3.6). They do not prove that (3.6) is right: whoever made a
# mistake in the formula makes it in the loop too. For that, ask the *forward* pass. Nudge an
# input a little and see how much the output changes:
#
# $$\frac{f(x + \eta) - f(x - \eta)}{2 \eta} \approx f'(x). \tag{3.7}$$
#
# The layer has many outputs, and one number is wanted. Take a **random** upstream gradient $g$
# and differentiate the scalar $v = \sum g \cdot \text{output}$; its gradient is exactly what
# `backward(g, cache)` must return.


# %%
def head_forward(h, W, b, exists):
    """Compute (3.1) and (3.2); what does not exist is set to 0, for nobody should look at it."""
    logits, heads_cache = layers.heads_forward(h, W, b)
    log_probs, softmax_cache = layers.log_softmax_forward(logits, exists)
    return np.where(exists, log_probs, 0), (heads_cache, softmax_cache)


def head_backward(dlog_probs, cache):
    """Walk back: (3.5), then (3.6)."""
    heads_cache, softmax_cache = cache
    return layers.heads_backward(
        layers.log_softmax_backward(dlog_probs, softmax_cache), heads_cache
    )


g = rng.normal(size=(B, N, D))
out, cache = head_forward(h, W, b, exists)
analytic = head_backward(g, cache)[1]  # dW, the second of the three


def value(W):
    """Return the scalar v as a function of the weights."""
    return (g * head_forward(h, W, b, exists)[0]).sum()


eta = 1e-5
numeric = np.empty_like(W)
for index in np.ndindex(*W.shape):
    nudge = np.zeros_like(W)
    nudge[index] = eta
    numeric[index] = (value(W + nudge) - value(W - nudge)) / (2 * eta)  # (3.7)
difference = np.abs(analytic - numeric).max()
print(f"largest |dW| {np.abs(analytic).max():.3f}, largest difference {difference:.1e}")
print("at weights of values that do not exist:", np.unique(np.abs(analytic[1:, :, 2])))

# %% [markdown]
# Ten digits agree. Not sixteen; and how was $\eta = 10^{-5}$ chosen?
#
# ### The step: two errors pulling in opposite directions
#
# Expand both terms of (3.7):
#
# $$f(x \pm \eta) = f \pm \eta f' + \tfrac12 \eta^2 f'' \pm \tfrac16 \eta^3 f''' + \dots
# \quad\Longrightarrow\quad
# \frac{f(x+\eta) - f(x-\eta)}{2\eta} = f' + \tfrac16 \eta^2 f''' + \dots \tag{3.8}$$
#
# The even terms cancel, which is why one takes the **central** difference: the one-sided
# $(f(x+\eta) - f(x))/\eta$ has the much larger error $\frac12 \eta f''$. This *truncation* error
# says: small steps.
#
# Rounding says the opposite. A computed $f$ carries a relative error of about $\epsilon$, the
# spacing of floating-point numbers at 1 ($2 \cdot 10^{-16}$ in float64, $10^{-7}$ in float32).
# The two values in (3.7) nearly agree, so their difference loses the leading digits and keeps the
# errors, which are then divided by $2\eta$:
#
# $$\text{error}(\eta) \approx \tfrac16 |f'''|\, \eta^2 + \frac{\epsilon\, |f|}{\eta}. \tag{3.9}$$
#
# A sum of a falling and a rising power is a V on logarithmic axes. Let us look at it.


# %%
def at_step(eta, kind, dtype):
    """Return the error of a finite difference of `value` along one weight, relative to the truth."""
    moved = {name: array.astype(dtype) for name, array in (("h", h), ("W", W), ("b", b))}
    upstream, eta = g.astype(dtype), dtype(eta)

    def f(sign):
        W_moved = moved["W"].copy()
        W_moved[0, 0, 0] += sign * eta
        return (upstream * head_forward(moved["h"], W_moved, moved["b"], exists)[0]).sum()

    up, down = f(1), (f(-1) if kind == "central" else f(0))
    return abs(float((up - down) / (eta * (2 if kind == "central" else 1))) / analytic[0, 0, 0] - 1)


steps = np.geomspace(1e-15, 1, 91)


def shifted_value(offset):
    """Return v with one weight moved."""
    moved = W.copy()
    moved[0, 0, 0] += offset
    return value(moved)


# the third derivative for (3.9), from five values around the weight
five = np.array([shifted_value(offset) for offset in (-0.02, -0.01, 0.0, 0.01, 0.02)])
third = abs(five @ [-0.5, 1, 0, -1, 0.5]) / 0.01**3

figure, ax = course.axes(7.2, 3.8)
for kind, dtype, colour in (
    ("forward", np.float64, course.ORANGE),
    ("central", np.float64, course.BLUE),
    ("central", np.float32, course.VERMILLION),
):
    errors = np.array([at_step(step, kind, dtype) for step in steps])
    name = f"{'one-sided' if kind == 'forward' else kind}, {dtype.__name__}"
    usable = errors < 2
    ax.loglog(steps[usable], errors[usable], ".", color=colour, markersize=4, label=name)
scale = abs(analytic[0, 0, 0])
for dtype, colour in ((np.float64, course.BLUE), (np.float32, course.VERMILLION)):
    epsilon = np.finfo(dtype).eps
    predicted = (third * steps**2 / 6 + epsilon * abs(value(W)) / steps) / scale  # (3.9)
    ax.loglog(steps, predicted, color=colour, linewidth=1.2)
    best = (3 * epsilon * abs(value(W)) / third) ** (1 / 3)  # (3.10)
    error = (third * best**2 / 6 + epsilon * abs(value(W)) / best) / scale
    ax.plot(best, error, "v", color=course.INK, markersize=7)
ax.set(xlabel="step η", ylabel="relative error of the derivative", ylim=(1e-14, 5))
ax.set_title("dots: measured; lines: (3.9); triangles: the best step (3.10)")
ax.legend(loc="lower left", fontsize=8)
plt.show()

# %% [markdown]
# The derivative of (3.9) vanishes where both errors are of one size,
#
# $$\eta^* = \Big(\frac{3\, \epsilon\, |f|}{|f'''|}\Big)^{1/3} \sim \epsilon^{1/3}, \qquad
# \text{error}(\eta^*) \sim \epsilon^{2/3} : \tag{3.10}$$
#
# a step between $10^{-5}$ and $10^{-4}$ and ten digits in float64, a few hundredths and four or
# five digits in float32. **Never check a gradient by differences in float32**: a tolerance that
# lets honest rounding pass lets mistakes pass too. Check in float64, and compare float32 with
# float64. (The measured dots scatter below the line, since (3.9) is a bound of a kind: rounding
# errors are as large as that or smaller. The next notebook shows a check without this V.)
#
# ## Checks that cannot fail
#
# A check is worth something only if a wrong gradient makes it fail. That sounds too obvious to
# say; yet most of the checks below can be met in the tests of published code. To see what they
# notice, we break a layer in eight ways and try eight checks on each. The layer is the softmax
# itself, $\alpha_k = e^{z_k} / \sum_l e^{z_l}$, which the attention of notebook 5 uses
# (`maade_np.layers.masked_softmax_forward`). As $\alpha_k = e^{\ell_k}$, (3.4) gives
# $\partial \alpha_k / \partial z_l = \alpha_k ([k = l] - \alpha_l)$, and
#
# $$dz_l = \alpha_l \Big( d\alpha_l - \sum_k \alpha_k\, d\alpha_k \Big). \tag{3.11}$$


# %%
def softmax_forward(z):
    """Return the softmax over the last axis, by the package's layer with everything visible."""
    return layers.masked_softmax_forward(z, np.ones(z.shape, dtype=bool))


def right(dalpha, cache):  # (3.11)
    """Return what the package returns."""
    return layers.masked_softmax_backward(dalpha, cache)


def inner(dalpha, alpha):
    """Return the sum in (3.11), one number a row."""
    return (dalpha * alpha).sum(axis=-1, keepdims=True)


backwards = {
    "right": right,
    "returns zeros": lambda d, c: np.zeros_like(d),
    "forgets α in front": lambda d, c: d - inner(d, c.alpha),
    "forgets the sum": lambda d, c: c.alpha * d,
    "only the diagonal, α(1 − α)": lambda d, c: c.alpha * (1 - c.alpha) * d,
    "takes α for 1/D": lambda d, c: (d - d.mean(axis=-1, keepdims=True)) / d.shape[-1],
    "sums over the batch too": lambda d, c: c.alpha * (d - (d * c.alpha).sum()),
    "twice too large": lambda d, c: 2 * right(d, c),
    "NaN in one place": lambda d, c: np.where(
        np.arange(d.size).reshape(d.shape) == 1, np.nan, right(d, c)
    ),
}

# %% [markdown]
# And the checks. Each takes a backward pass and returns whether it is content. All but the first
# two compare with central differences; what differs is what they are fed and how they compare.


# %%
def central(z, g, eta=1e-5):
    """Return the gradient of (g * softmax(z)).sum() by (3.7)."""
    found = np.empty_like(z)
    for index in np.ndindex(*z.shape):
        nudge = np.zeros_like(z)
        nudge[index] = eta
        up, down = softmax_forward(z + nudge)[0], softmax_forward(z - nudge)[0]
        found[index] = (g * (up - down)).sum() / (2 * eta)
    return found


rng = np.random.default_rng(5)
z_batch, g_batch = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))


def returns_something(backward):
    """There is a gradient, and it has the right shape."""
    found = backward(g_batch, softmax_forward(z_batch)[1])
    return found is not None and found.shape == z_batch.shape


def agrees_with_itself(backward):
    """It returns what it returned when the expected values were recorded."""
    cache = softmax_forward(z_batch)[1]
    golden = backward(g_batch, cache)  # in real life: a file, written by the same code
    return np.allclose(backward(g_batch, cache), golden, equal_nan=True)


def compared(backward, z, g, tolerance=1e-6):
    """Compare with central differences, as one should."""
    return np.abs(backward(g, softmax_forward(z)[1]) - central(z, g)).max() < tolerance


def compared_carelessly(backward):
    """The same, but it complains if the error is large, which a NaN is not."""
    error = np.abs(backward(g_batch, softmax_forward(z_batch)[1]) - central(z_batch, g_batch))
    return not (error > 1e-6).any()


def package(backward):
    """`maade_np.gradcheck.check_pair` on the same input."""
    try:
        mn.gradcheck.check_pair(softmax_forward, backward, {"z": z_batch})
    except mn.gradcheck.GradientError:
        return False
    return True


trials = {
    "has the\nright shape": returns_something,
    "equals its own\ngolden values": agrees_with_itself,
    "upstream\nof ones": partial(compared, z=z_batch, g=np.ones((3, 4))),
    "at equal\nlogits": partial(compared, z=np.zeros((3, 4)), g=g_batch),
    "batch\nof one": partial(compared, z=z_batch[:1], g=g_batch[:1]),
    "mean loss,\ntolerance 0.05": partial(compared, z=z_batch, g=g_batch / 12, tolerance=0.05),
    "error > tol\nraises": compared_carelessly,
    "gradcheck.\ncheck_pair": package,
}
content = np.array([[trial(b) for trial in trials.values()] for b in backwards.values()])

figure, ax = course.axes(8.4, 4.3)
for row, column in np.ndindex(*content.shape):
    good = content[row, column] == (row == 0)
    colour = course.SKY if good else course.VERMILLION
    ax.add_patch(plt.Rectangle((column - 0.47, row - 0.45), 0.94, 0.9, color=colour, alpha=0.75))
    text = "content" if content[row, column] else "fails"
    ax.text(column, row, text, ha="center", va="center", fontsize=8.5)
ax.set(xlim=(-0.5, 7.5), ylim=(8.5, -0.5), yticks=range(9), yticklabels=list(backwards))
ax.set_xticks(range(8), list(trials), fontsize=8)
ax.xaxis.tick_top()
ax.tick_params(length=0)
ax.grid(False)
ax.spines[:].set_visible(False)
figure.supxlabel("orange: a wrong gradient passes", fontsize=9)
plt.show()
print("wrong gradients that pass, of 8:", (content[1:].sum(axis=0)).tolist())

# %% [markdown]
# Column by column:
#
# - **It has the right shape.** "The gradient is not None" is the same test in a framework. It
#   finds layers without a backward pass, and nothing else.
# - **It equals its own golden values.** A file of expected numbers, written by the code under
#   test, says that nothing has *changed*. It is a fine alarm for the future and says nothing
#   about today. Note that `numpy.testing.assert_allclose` counts NaN as equal to NaN by default.
# - **An upstream gradient of ones**, that is `output.sum()` as the loss. The outputs of a softmax
#   sum to 1 whatever the logits are, so the true gradient is zero and several wrong ones are too.
#   Zeros pass!
# - **At equal logits.** All $\alpha$ are $1/D$: whatever confuses the two is right there.
#   Policies *start* at such points. Symmetric, zero, or identity inputs are the same trap: at
#   $W = W^T$ a forgotten transpose goes unseen.
# - **A batch of one** hides every sum over the wrong axis.
# - **A tolerance larger than the gradient.** Divided by the batch size the gradients are of size
#   0.01. An absolute tolerance of 0.05 is content with zeros, and catches only what is far too
#   large, or not a number. Compare *relative* to the size of the gradient.
# - **`if error > tolerance: complain`** lets NaN through, as NaN is neither larger nor smaller
#   than anything. Ask whether the error is *small*, not whether it is large.
#
# The last column takes random inputs, random upstream gradients, more than one row, float64, an
# error relative to the gradient's norm, and asks `not error <= tolerance`. It also fails where a
# gradient is zero throughout, unless told that it must be: then nothing has been checked.
#
# ### One side of a branch
#
# Another kind: a function with a case distinction, tested on one side. The package has two forms
# of the objective of PPO, a policy gradient that takes several steps on one batch: the paper's
# form and the literature's (notebook 9). Each clips the *ratio* of a string's new probability to
# its old one. They agree for positive advantages and differ for negative ones. If somebody mixed up the backward passes, a check with
# positive advantages only would not notice.


# %%
def mixed_ppo(old, advantage):
    """Return a wrong pair: the paper's loss, with the gradient of the literature's."""

    def forward(log_prob):
        loss, _ = mn.objectives.ppo(log_prob, old, advantage, epsilon=0.1, form="paper")
        return loss, log_prob

    def backward(dloss, log_prob):
        _, dlog_prob = mn.objectives.ppo(log_prob, old, advantage, epsilon=0.1, form="clipped")
        return dloss * dlog_prob

    return forward, backward


rng = np.random.default_rng(6)
old, advantage = rng.normal(-5.0, 1.0, size=40), rng.normal(size=40)
log_prob = old + rng.normal(0.0, 0.2, size=40)  # ratios on both sides of 1 - 0.1 and 1 + 0.1
for name, this in (("positive advantages", np.abs(advantage)), ("both signs", advantage)):
    try:
        report = mn.gradcheck.check_pair(*mixed_ppo(old, this), {"log_prob": log_prob}, name="PPO")
        print(f"{name}: content, with an error of {report.worst('complex')[0]:.0e}")
    except mn.gradcheck.GradientError as error:
        print(f"{name}: {str(error).splitlines()[0]}")

# %% [markdown]
# So: draw inputs from both sides of every branch, and put the branches into separate cases, so
# that one cannot hide behind the other. The package's own checks run PPO for each form, each sign
# of the advantage, and ratios inside and outside the clipping range.
#
# ## Check a layer of your own
#
# `maade_np.gradcheck.check_pair` is public, for any pair of functions: `forward(**inputs)`
# returns the output and a cache, `backward(dout, cache)` the gradients. All floating-point inputs
# are differentiated, everything else is passed on.
#
# Say you want a policy that never rules out anything: mix its probabilities with the uniform
# distribution,
#
# $$\ell'_k = \log\big((1 - \lambda)\, p_k + \lambda / D\big). \tag{3.12}$$
#
# With $m_k = (1-\lambda) p_k + \lambda/D$, upstream $d\ell'_k$ gives $dm_k = d\ell'_k / m_k$,
# then $dp_k = (1-\lambda)\, dm_k$, and from $p$ to the logits it is (3.11). For $\lambda$ itself,
# $d\lambda = \sum_k dm_k\,(1/D - p_k)$. A first attempt forgets a factor, as first attempts do:


# %%
def mixed_softmax_forward(z, mix):
    """Compute (3.12) for logits (B, D) and a number `mix`."""
    p, cache = softmax_forward(z)
    m = (1 - mix) * p + mix / z.shape[-1]
    return np.log(m), (p, m, mix, cache)


def first_attempt(dout, cache):
    """Go back through (3.12)."""
    p, m, _, inner_cache = cache
    dm = dout / m
    return {"z": right(dm, inner_cache), "mix": (dm * (1 / p.shape[-1] - p)).sum()}


def second_attempt(dout, cache):
    """Go back through (3.12), with the factor 1 - mix."""
    p, m, mix, inner_cache = cache
    dm = dout / m
    return {"z": right((1 - mix) * dm, inner_cache), "mix": (dm * (1 / p.shape[-1] - p)).sum()}


inputs = {"z": np.random.default_rng(7).normal(size=(5, 4)), "mix": 0.1}
for attempt in (first_attempt, second_attempt):
    try:
        report = mn.gradcheck.check_pair(
            mixed_softmax_forward, attempt, inputs, name=attempt.__name__
        )
        for entry in report.entries:
            errors = ", ".join(f"{method} {error:.0e}" for method, error in entry.errors.items())
            print(f"{report.name}: d{entry.name}, {entry.size} entries: {errors}")
    except mn.gradcheck.GradientError as error:
        print(error)

# %% [markdown]
# The message names the worst entry and both numbers, and their ratio (here $0.9 = 1 - \lambda$)
# often tells what is missing. It also says that the derivative along a *random direction through
# all inputs* is off: one number that sees everything at once.
#
# Two more habits of the tool. Where a gradient must be *exactly* zero, say so, and it is
# required:

# %%
beyond = {"W": np.broadcast_to(~exists[:, None, :], W.shape), "b": ~exists}
report = mn.gradcheck.check_pair(
    partial(head_forward, exists=exists),
    head_backward,
    {"h": h, "W": W, "b": b},
    name="head",
    zeros=beyond,
)
print(
    "the head of (3.1) and (3.2):", {e.name: f"{e.errors['complex']:.0e}" for e in report.entries}
)
try:  # all weights 0, as some networks start: nothing flows back to h
    mn.gradcheck.check_pair(
        partial(head_forward, exists=exists),
        head_backward,
        {"h": h, "W": 0 * W, "b": b},
        name="head",
    )
except mn.gradcheck.GradientError as error:
    print(error)

# %% [markdown]
# and a gradient that is zero throughout is a failure of the *test case*, which the tool does not
# let pass in silence.
#
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb03.py`](solutions/nb03.py).
#
# ### Exercise 3.1: temperature
#
# <a id="exercise_3_1_temperature"></a>
# A temperature $T$ flattens or sharpens a softmax: $\ell_k = z_k/T - \log \sum_l e^{z_l/T}$. The
# forward pass is given. Derive the gradients with respect to the logits $z$ of shape $(B, D)$ and
# to the one number $T$.


# %%
def temperature_forward(z, T):
    """Return the log-probabilities (B, D) at temperature T, and a cache."""
    ell, inner_cache = layers.log_softmax_forward(z / T, np.ones(z.shape, dtype=bool))
    return ell, (z, T, inner_cache.probs)


def my_temperature_backward(dell, cache):
    """Return {"z": dz, "T": dT} for the upstream gradient dell (B, D); cache is (z, T, probs)."""


answer = None  # my_temperature_backward
# checks.nb03.check_temperature(answer)

# %% [markdown]
# ### Exercise 3.2: find the silent bug (correct, once)
#
# <a id="exercise_3_2_correct_once"></a>
# This pair returns the log-probability of chosen values. It passes the package's gradient check.
# A search with an entropy bonus, which calls `backward` for the reward and again for the bonus,
# learns nonsense with it.


# %%
def chosen_forward(z, actions):
    """Return the log-probability (B,) of the chosen values of logits (B, D)."""
    p = np.exp(z - z.real.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    rows = np.arange(len(z))
    return np.log(p[rows, actions]), (p, rows, actions)


def chosen_backward(dlog_prob, cache):
    """Return dz = dlog_prob ([l = a] - p_l)."""
    p, rows, actions = cache
    p[rows, actions] -= 1
    p *= -dlog_prob[:, None]
    return p


rng = np.random.default_rng(8)
inputs = {"z": rng.normal(size=(6, 3)), "actions": rng.integers(0, 3, size=6)}
report = mn.gradcheck.check_pair(chosen_forward, chosen_backward, inputs, name="chosen")
print("check_pair is content:", report.ok, "with an error of", f"{report.worst('complex')[0]:.0e}")

# %% [markdown]
# Mend `chosen_backward` (the forward pass may stay).

# %%
answer = None  # your chosen_backward
# checks.nb03.check_correct_once(answer)

# %% [markdown]
# ### Exercise 3.3: the one-sided difference
#
# <a id="exercise_3_3_one_sided"></a>
# For the one-sided difference $(f(x+\eta) - f(x))/\eta$ repeat the argument of (3.8) to (3.10):
# truncation $\frac12 |f''| \eta$, rounding $2 \epsilon |f| / \eta$. Write a function that returns
# the best step and the smallest error it leaves.


# %%
def my_step(f, f2, epsilon):
    """Return (best step, error there) for |f|, |f''| and the machine's epsilon."""


answer = None  # my_step
# checks.nb03.check_one_sided(answer)

# %% [markdown]
# ### Exercise 3.4: write a check that can fail
#
# <a id="exercise_3_4_a_check_that_can_fail"></a>
# Turn the tables. Write a check for layers with one input array, by hand, without
# `maade_np.gradcheck`. The self-check hands it right and wrong layers, some of them new to you,
# and counts wrong verdicts of either kind.


# %%
def my_check(forward, backward, shape, rng):
    """Return True if the gradient is right, False if not.

    `forward(x)` returns (out, cache), `backward(dout, cache)` returns dx. Choose x of the given
    shape yourself.
    """


answer = None  # my_check
# checks.nb03.check_a_check_that_can_fail(answer)

# %% [markdown]
# ## In practice
#
# - (3.2) and (3.5): [`maade_np/layers/log_softmax.py`](../maade_np/layers/log_softmax.py); (3.1)
#   and (3.6): [`maade_np/layers/heads.py`](../maade_np/layers/heads.py); (3.11):
#   [`maade_np/layers/masked_softmax.py`](../maade_np/layers/masked_softmax.py). One layer a file,
#   forward and backward side by side, the derivation in the docstring.
# - The check: [`maade_np/gradcheck.py`](../maade_np/gradcheck.py); all cases of the package:
#   [`maade_np/gradcheck_suite.py`](../maade_np/gradcheck_suite.py). `maade-np gradcheck` runs
#   them and prints the worst error of each.
# - [`tests/test_gradcheck.py`](../tests/test_gradcheck.py) breaks layers on purpose and asserts
#   that the tool says so: the tool has a test that can fail, too.
# - The backward passes of the package write to nothing they are given, and return gradients
#   instead of adding them up somewhere. So they may be called twice.
#
# ## Further reading
#
# - N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, SIAM 2002,
#   chapter 1: cancellation.
# - W. H. Press et al., *Numerical Recipes*, 3rd edition, section 5.7: (3.9) and (3.10).
# - A. Karpathy, [llm.c, a layer-norm
#   tutorial](https://github.com/karpathy/llm.c/blob/master/doc/layernorm/layernorm.md): one layer
#   derived, with a random upstream gradient.
# - R. DeMillo, R. Lipton and F. Sayward, "Hints on test data selection", *Computer* 11(4), 1978:
#   testing tests by breaking programs.
