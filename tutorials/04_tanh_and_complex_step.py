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
# # 4. Check a tanh layer with the complex step
#
# *Reading time about 30 minutes · runs in about 3 seconds · assumes notebook 3*
#
# **What you will do**: derive the feed-forward layer of MAADE and its backward pass; meet a
# numerical derivative that subtracts nothing, see why it works, and check the layer with it to
# the last digit; then break it in as many ways as NumPy offers.
#
# **What you will learn**: the backward pass of affine maps and of $\tanh$, and what saturation
# does to it; why $\operatorname{Im} f(x + ih)/h$ with $h = 10^{-30}$ is exact to rounding; how to
# write code that it can check, and which innocent functions make it lie.
#
# **What you will need**: notebook 3, complex numbers (addition, multiplication, real and
# imaginary part), Taylor's formula.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import layers

# %% [markdown]
# ## The layer
#
# Between attention and heads MAADE has a small network that acts on every vector by itself (the
# paper's equation 8, with $\tanh$ for the usual relu):
#
# $$u = x W_1 + b_1, \qquad y = \tanh(u), \qquad \mathrm{out} = y W_2 + b_2 . \tag{4.1}$$
#
# Row vectors again: $x$ is one row, or many of them stacked into a matrix, or a whole array
# $(B, N, d)$ whose last axis is the row. $W_1$ has the shape $(d, f)$ and $W_2$ $(f, d)$.
# `maade_np.layers.tanh_ff_forward` computes it and returns what the way back needs in a cache
# with named fields.

# %%
rng = np.random.default_rng(0)
B, N, d, f = 2, 3, 4, 5
x = rng.normal(size=(B, N, d))
W1, b1 = rng.normal(size=(d, f)) / np.sqrt(d), 0.1 * rng.normal(size=f)
W2, b2 = rng.normal(size=(f, d)) / np.sqrt(f), 0.1 * rng.normal(size=d)
out, cache = layers.tanh_ff_forward(x, W1, b1, W2, b2)  # (4.1)
print("out:", out.shape, " cache:", ", ".join(cache._fields), " y:", cache.y.shape)
print("as written:", np.abs(out - (np.tanh(x @ W1 + b1) @ W2 + b2)).max())

# %% [markdown]
# ## Backward, line by line
#
# We are given $d\mathrm{out} = \partial L/\partial\,\mathrm{out}$ and walk (4.1) from right to
# left.
#
# **The second affine map.** With rows $r$,
# $\mathrm{out}_{rk} = \sum_m y_{rm} W_{2,mk} + b_{2,k}$. As in (3.6), see where each quantity
# occurs and sum over what is not its own index:
#
# $$dy = d\mathrm{out}\; W_2^{T}, \qquad dW_2 = y^{T} d\mathrm{out}, \qquad db_2 = \textstyle\sum_r d\mathrm{out}_r . \tag{4.2}$$
#
# **The tanh** acts on each number by itself, so its upstream gradient is multiplied by one
# derivative. That derivative can be written with the *output* alone:
#
# $$
# \begin{aligned}
# \tanh u &= \frac{e^{u} - e^{-u}}{e^{u} + e^{-u}} = \frac{s}{c} && s' = c,\ c' = s \\
# \tanh' u &= \frac{s' c - s c'}{c^2} = \frac{c^2 - s^2}{c^2} = 1 - \tanh^2 u && \text{quotient rule} \\
# du &= dy \odot (1 - y^2). && \odot \text{ is elementwise}
# \end{aligned} \tag{4.3}
# $$
#
# Hence the cache keeps $y$ and forgets $u$; the forward pass can even write $y$ over $u$. **The
# first affine map** is (4.2) with other names: $dx = du\,W_1^T$, $dW_1 = x^T du$,
# $db_1 = \sum_r du_r$.
#
# In the package these are `affine_backward`, `tanh_backward` and, all together,
# `tanh_ff_backward`. Here they are called one by one, each with the output of the one before:

# %%
dout = rng.normal(size=out.shape)
dy, *second = layers.affine_backward(dout, cache.second)  # (4.2): dy, and dW2, db2
du = dy * (1 - cache.y**2)  # (4.3)
first = layers.affine_backward(du, cache.first)  # (4.2) again: dx, dW1, db1
grads = dict(zip(("x", "W1", "b1", "W2", "b2"), (*first, *second), strict=True))
for (name, step_by_step), at_once in zip(
    grads.items(), layers.tanh_ff_backward(dout, cache), strict=True
):
    same = np.array_equal(step_by_step, at_once)
    print(f"d{name:3}{step_by_step.shape!s:10} same by tanh_ff_backward: {same}")

# %% [markdown]
# ### Saturation
#
# (4.3) has a consequence for training. Where $|u|$ is large, $1 - y^2$ is tiny, and next to
# nothing comes back: the unit is *saturated*. The figure shows the factor, and what it does to a
# whole layer of width 36 as its weights grow.

# %%
figure, (left, right) = course.axes(8.4, 3.1, 1, 2)
grid = np.linspace(-5, 5, 301)
y = np.tanh(grid)
left.plot(grid, y, color=course.BLUE, label="y = tanh u")
left.plot(
    grid,
    layers.tanh_ff.tanh_backward(np.ones_like(y), y),
    color=course.VERMILLION,
    label="1 − y²: what comes back",
)
left.set(xlabel="u", title="one unit")
left.legend(loc="upper left", fontsize=8)
left.set_ylim(-1.1, 1.7)
many, wide = rng.normal(size=(500, 36)), rng.normal(size=(36, 36)) / 6
upstream, zeros = rng.normal(size=(500, 36)), np.zeros(36)
scales, lengths = np.geomspace(0.1, 100, 25), []
for scale in scales:
    _, scaled = layers.tanh_ff_forward(many, scale * wide, zeros, wide, zeros)
    lengths.append(np.linalg.norm(layers.tanh_ff_backward(upstream, scaled)[1]))
right.loglog(scales, np.array(lengths) / lengths[0], color=course.BLUE)
right.axvline(1, color=course.MUTED, linewidth=1, dashes=(4, 2))
right.text(1.12, 0.12, "the package's start", color=course.MUTED, fontsize=8)
right.set(xlabel="size of u", ylabel="length of dW₁, relative", title="a layer", ylim=(0.05, 1.5))
right.set_yticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
right.minorticks_off()
plt.show()

# %% [markdown]
# A layer whose weights start large is deaf from the start. That is why the package divides random
# weights by $\sqrt{d}$ at the start: a sum of $d$ products is then of size 1, where the tanh
# still answers.
#
# ## A derivative without a difference
#
# Notebook 3 checked gradients by central differences and lost a third of the digits, because the
# difference of two nearly equal numbers keeps little but their rounding errors. Here is a way
# around (Squire and Trapp, 1998). Take a step *sideways*, into the complex plane. For a function
# with a Taylor series,
#
# $$f(x + ih) = f(x) + i h f'(x) - \tfrac12 h^2 f''(x) - \tfrac{i}{6} h^3 f'''(x) + \dots \tag{4.4}$$
#
# Real parts are even in $h$, imaginary parts odd. So the imaginary part alone is
#
# $$\frac{\operatorname{Im} f(x + ih)}{h} = f'(x) - \tfrac16 h^2 f'''(x) + \dots \tag{4.5}$$
#
# The truncation error is that of the central difference. What is missing is the subtraction. A
# complex number keeps its two parts in two separate floating-point numbers: $f(x)$ goes into the
# real one, $h f'(x)$ into the imaginary one, and however small $h$ is, the imaginary part has all
# its sixteen digits, because *its* size, not that of $f$, decides where they stand. So there is
# only one error, and it falls with $h$. Take $h = 10^{-30}$, and $h^2 = 10^{-60}$ is gone.

# %%
h = 1e-30
point = 0.3
z = 1.5 * (point + 1j * h) + 0.2
print("x + ih                ", point + 1j * h)
print("u = 1.5 (x + ih) + 0.2", z)
print("tanh u                ", np.tanh(z))
print("Im tanh u / h         ", np.tanh(z).imag / h)
print("1.5 (1 - tanh² u)     ", 1.5 * (1 - np.tanh(z.real) ** 2))
eta = 1e-5
print(
    "central difference    ",
    (np.tanh(1.5 * (point + eta) + 0.2) - np.tanh(1.5 * (point - eta) + 0.2)) / (2 * eta),
)

# %% [markdown]
# ### Why it works, again: it is the chain rule in disguise
#
# Follow two numbers $u + ihu'$ and $v + ihv'$ through a product:
#
# $$(u + ihu')(v + ihv') = \underbrace{uv - h^2 u'v'}_{\text{rounds to } uv} + ih\,\underbrace{(u'v + uv')}_{\text{product rule}} . \tag{4.6}$$
#
# With $h = 10^{-30}$ the term $h^2 u'v'$ is below the rounding error of $uv$, so the real part is
# what it would have been without the step, and the imaginary part carries the derivative through
# by the product rule. The same goes for sums and quotients, and for $\exp$, $\log$, $\tanh$,
# which NumPy has for complex numbers. Real part: value. Imaginary part: $h$ times derivative.
# That is *forward-mode automatic differentiation*, done by the processor's complex arithmetic. No
# code has to be written for it, and it shares nothing with the backward pass that it checks.
#
# ### The picture of notebook 3, without the V


# %%
def value(x, W1, b1, W2, b2):
    """Return the scalar that is differentiated, the layer's output weighted by dout."""
    return (dout * layers.tanh_ff_forward(x, W1, b1, W2, b2)[0]).sum()


def along(step, kind):
    """Return the derivative with respect to W1[0, 0] by one of three methods."""
    moved = []
    for direction in {"complex": (1j,), "central": (1, -1), "one-sided": (1, 0)}[kind]:
        W = W1.astype(complex if kind == "complex" else float)
        W[0, 0] += direction * step
        moved.append(value(x, W, b1, W2, b2))
    if kind == "complex":
        return moved[0].imag / step  # (4.5)
    return (moved[0] - moved[1]) / (step * (2 if kind == "central" else 1))


figure, (left, right) = course.axes(8.4, 3.6, 1, 2, sharey=True, width_ratios=(1, 1.25))
for ax, exponents in ((left, np.linspace(-17, 0, 86)), (right, np.linspace(-323, 0, 160))):
    for kind, colour in (
        ("one-sided", course.ORANGE),
        ("central", course.BLUE),
        ("complex", course.GREEN),
    ):
        steps = 10.0**exponents
        error = np.array([abs(along(step, kind) / grads["W1"][0, 0] - 1) for step in steps])
        shown = error.clip(1e-17, 3)
        if kind != "complex" and ax is right:
            continue
        ax.semilogy(exponents, shown, ".", color=colour, markersize=4, label=kind)
    ax.set(xlabel="log₁₀ of the step", ylim=(3e-18, 10))
left.set(ylabel="relative error of the derivative", title="three methods")
left.legend(loc="lower right", fontsize=8)
left.set_xticks(range(-16, 1, 4))
right.set_title("the complex step down to the smallest number there is")
right.annotate(
    "h² f''' still counts",
    (-4, 1e-9),
    (-130, 1e-8),
    fontsize=8,
    arrowprops={"arrowstyle": "-", "color": course.MUTED},
)
right.annotate(
    "h underflows",
    (-316, 1e-4),
    (-270, 1e-3),
    fontsize=8,
    arrowprops={"arrowstyle": "-", "color": course.MUTED},
)
plt.show()

# %% [markdown]
# An error of rounding size over three hundred powers of ten: there is no step to choose. (Errors
# of exactly zero are drawn at $10^{-17}$.) At the far left numbers fall below $10^{-308}$, where
# float64 gives up its digits one by one. `maade_np.gradcheck` uses $10^{-30}$.
#
# ## The whole layer
#
# `check_pair` does this for every entry of every input, with random upstream gradients, and by
# central differences as well. It costs one complex forward pass for each entry, plus one.

# %%
inputs = {"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2}
report = mn.gradcheck.check_pair(
    layers.tanh_ff_forward, layers.tanh_ff_backward, inputs, name="tanh_ff"
)
figure, ax = course.axes(6.4, 2.7)
places = np.arange(len(report.entries))
for method, colour, marker in (("central", course.BLUE, "s"), ("complex", course.GREEN, "o")):
    errors = [max(entry.errors[method], 1e-17) for entry in report.entries]
    ax.semilogy(places, errors, marker, color=colour, label=method, markersize=7)
    tolerance = mn.gradcheck.TOLERANCE[method]
    ax.axhline(tolerance, color=colour, linewidth=1, dashes=(4, 2))
    ax.text(4.45, tolerance * 1.4, f"allowed, {method}", color=colour, fontsize=8, ha="right")
ax.set_xticks(places, [f"d{entry.name}\n({entry.size})" for entry in report.entries])
ax.set(ylabel="largest error / gradient's norm", ylim=(1e-18, 1e-4), xlim=(-0.5, 4.5))
ax.set_title("five gradients, every entry")
ax.legend(loc=(0.02, 0.66), ncols=2, fontsize=8)
plt.show()
print("entries checked one by one:", sum(entry.size for entry in report.entries))

# %% [markdown]
# The sharp tolerance is worth having. A mistake of one part in two million passes at the
# tolerance that differences need, and is thousands of times too large for that of the complex
# step. And a wrong transpose is no small mistake, but with a *square* matrix the shapes do not
# show it: `dy @ W` and `dy @ W.T` both fit. Try:

# %%
square = {**inputs, "W1": rng.normal(size=(d, d)), "b1": b1[:d], "W2": rng.normal(size=(d, d))}


def without_transpose(dout, cache):
    """Go back through (4.1), but with W2 where W2^T should be."""
    _, dW2, db2 = layers.affine_backward(dout, cache.second)
    du = (dout @ cache.second.W) * (1 - cache.y**2)
    return (*layers.affine_backward(du, cache.first), dW2, db2)


try:
    mn.gradcheck.check_pair(layers.tanh_ff_forward, without_transpose, square, name="square")
except mn.gradcheck.GradientError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# ### All entries at once
#
# A big policy has tens of thousands of parameters; one forward pass each is too much. Instead of
# moving one parameter, move all, along a random direction $\delta$:
#
# $$\frac{\operatorname{Im} v(\theta + ih\delta)}{h} = \langle \nabla v, \delta \rangle . \tag{4.7}$$
#
# One complex forward pass checks the whole gradient, if only by one number. Can an error hide? It
# would have to be at a right angle to a random direction, which happens with probability zero;
# but the number does not say *where* the error is. `check_pair` does both, and takes a random
# choice of entries where there are more than `max_entries`.

# %%
direction = {name: rng.normal(size=array.shape) for name, array in inputs.items()}
moved = {name: array + 1j * h * direction[name] for name, array in inputs.items()}
by_step = value(**moved).imag / h  # (4.7), left
by_backward = sum((grads[name] * direction[name]).sum() for name in inputs)  # (4.7), right
print(f"{by_step:.15f} by one complex forward pass")
print(f"{by_backward:.15f} by the backward pass")

# %% [markdown]
# ## What breaks it
#
# (4.4) needs a function with a Taylor series in the *complex* plane. $\exp$, $\log$, $\tanh$,
# sums, products, quotients and powers have one. Some functions that are smooth on the real line
# do not, because of the way they treat a complex argument. Each panel shows the true derivative
# and what the complex step says.

# %%
cases = {
    "tanh(x)": np.tanh,
    "sqrt(x**2)": lambda x: np.sqrt(x**2),
    "where(x > 0, x, 0.1 * x)": lambda x: np.where(x > 0, x, 0.1 * x),
    "clip(x, -1, 1)": lambda x: np.clip(x, -1, 1),
    "abs(x)": np.abs,
    "conj(x) * x": lambda x: np.conj(x) * x,
    "x * sign(x)": lambda x: x * np.sign(x),
    "x.real ** 2": lambda x: x.real**2,
}
grid = np.linspace(-2, 2, 42)  # 0 and the corners are not among them
figure, panels = course.axes(8.4, 4.0, 2, 4, sharex=True)
for ax, (name, function) in zip(panels.ravel(), cases.items(), strict=True):
    truth = (function(grid + 1e-6) - function(grid - 1e-6)) / 2e-6
    complex_step = np.imag(function(grid + 1j * h)) / h
    wrong = not np.allclose(truth, complex_step, atol=1e-6)
    ax.plot(grid, truth, color=course.SKY, linewidth=4, label="true")
    ax.plot(grid, complex_step, color=course.VERMILLION if wrong else course.INK, linewidth=1.3)
    ax.set_title(name, fontsize=9, family="monospace")
    ax.set_ylim(-4.5, 4.5)
    verdict = "wrong" if wrong else "right"
    ax.text(0.04, 0.93, verdict, transform=ax.transAxes, va="top", fontsize=9)
figure.supxlabel("x; wide: the derivative, thin: what the complex step says", fontsize=9)
plt.show()

# %% [markdown]
# - `abs` of a complex number is its *modulus*, $\sqrt{x^2 + h^2}$: a real number, which differs
#   from $|x|$ by $h^2/(2|x|)$. Nothing of first order in $h$ is left: derivative 0.
# - `conj` turns the sign of the imaginary part, so the derivative of that factor comes with the
#   wrong sign; here the two cancel. It hides in `x.conj().T`, in `np.vdot`, and in
#   `np.linalg.norm`.
# - `sign` of a complex number is, in NumPy 2, $x/|x|$, and brings an imaginary part of its own.
# - `.real` throws the derivative away and says nothing. A cast does too, and so does writing into
#   a float array; these at least warn. Take that warning for an error.
# - `where`, `clip` and `maximum` are right here: NumPy orders complex numbers by their real parts
#   first. But at a tie the imaginary part decides, some other array libraries have no order for
#   complex numbers at all, and it is better to say what is meant: decide on `x.real`.
# - `np.logaddexp`, `np.cbrt` and others do not exist for complex numbers, and raise a TypeError.
#   That is the friendliest way to fail.
#
# Cast, and a branch on the real part:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    table = np.zeros(3)
    table[:] = np.tanh(np.full(3, 0.5 + 1j * h))  # a float array has no room for the imaginary part
    print(
        "derivative after writing into a float array:",
        np.imag(table[0]) / h,
        "and",
        caught[0].category.__name__,
    )


def absolute(x):
    """Return |x|, so that the complex step sees it: the sign is decided on the real part."""
    return np.where(x.real < 0, -x, x)


print("absolute():", np.imag(absolute(np.array([-1.5, 2.0]) + 1j * h)) / h)

# %% [markdown]
# The rule of the package, for all analytic code: **maxima, masks, clips and branches decide on
# the real part; no `abs`, no conjugation, no cast to a real type.** The softmax of notebook 3
# takes its maximum from `x.real`, PPO decides on `ratio.real` whether it clips, and a transpose
# is `.T`, never `.conj().T`. It costs nothing for real input.
#
# Where the function itself is not analytic, or the code is not yours, leave the complex step out:
# `check_pair(..., methods=("central",))`. And where both are possible, let both run, as
# `check_pair` does by default. Exercise 4.2 shows what happens if you do not.
#
# ## Exercises
#
# Each has a self-check: take away the `#` before it when you have an answer. The solutions are in
# [`solutions/nb04.py`](solutions/nb04.py).
#
# ### Exercise 4.1: a gate
#
# <a id="exercise_4_1_gate"></a>
# A gated layer: $\mathrm{out} = \tanh(xW + b) \odot \sigma(xV + c)$, with
# $\sigma(u) = 1/(1 + e^{-u})$. The forward pass is given. Derive $\sigma'$ in terms of $\sigma$,
# then the backward pass, and write it. Note that $x$ is read twice.


# %%
def gate_forward(x, W, b, V, c):
    """Return the gated layer's output (B, f) for x (B, d), and a cache."""
    t = np.tanh(x @ W + b)
    s = 1 / (1 + np.exp(-(x @ V + c)))
    return t * s, (x, W, V, t, s)


def my_gate_backward(dout, cache):
    """Return {"x": dx, "W": dW, "b": db, "V": dV, "c": dc}."""


answer = None  # my_gate_backward
# checks.nb04.check_gate(answer)

# %% [markdown]
# ### Exercise 4.2: find the silent bug (perfect agreement)
#
# <a id="exercise_4_2_agreement"></a>
# A layer scales every row by its largest absolute value. The complex step agrees with its
# backward pass to sixteen digits.


# %%
def scaled_forward(x):
    """Divide each row of x (B, d) by its largest absolute value."""
    scale = np.abs(x).max(axis=-1, keepdims=True)
    return x / scale, (x, scale)


def scaled_backward(dout, cache):
    """Return dx."""
    _, scale = cache
    return dout / scale


rows = np.random.default_rng(1).normal(size=(5, 4))
report = mn.gradcheck.check_pair(
    scaled_forward, scaled_backward, {"x": rows}, name="scaled", methods=("complex",)
)
print("complex step: content,", f"with an error of {report.worst('complex')[0]:.0e}")

# %% [markdown]
# Why does it agree, and is it right? Mend what must be mended, in both functions, so that the
# output stays the same, and complex step *and* central differences agree with the backward pass.
# (Rows have no ties.)

# %%
answer = None  # (your scaled_forward, your scaled_backward)
# checks.nb04.check_agreement(answer)

# %% [markdown]
# ### Exercise 4.3: the Huber loss
#
# <a id="exercise_4_3_huber"></a>
# The Huber loss is a parabola near zero and straight outside, $\frac12 x^2$ for $|x| \le \delta$
# and $\delta\,(|x| - \frac12 \delta)$ else. Write it, elementwise, so that the complex step gives
# its derivative everywhere.


# %%
def my_huber(x, delta):
    """Return the Huber loss of each entry of x, real or complex."""


answer = None  # my_huber
# checks.nb04.check_huber(answer)

# %% [markdown]
# ### Exercise 4.4: curvature
#
# <a id="exercise_4_4_curvature"></a>
# A backward pass is made of the same analytic operations as the forward pass. So the *gradient*
# can be differentiated by the complex step too. Write a function that returns the second
# derivative along a direction, $H v$ with $H$ the matrix of second derivatives, to full
# precision, with a single call of `gradient`.


# %%
def my_curvature(gradient, x, v):
    """Return H v at x. `gradient(x)` returns the gradient (n,) and accepts complex x."""


answer = None  # my_curvature
# checks.nb04.check_curvature(answer)

# %% [markdown]
# ## In practice
#
# - The layer: [`maade_np/layers/tanh_ff.py`](../maade_np/layers/tanh_ff.py), made of
#   [`affine.py`](../maade_np/layers/affine.py). In MAADE its second affine map is folded into the
#   heads' where only they read it ([`heads.py`](../maade_np/layers/heads.py),
#   `fold_heads_forward`).
# - The check: [`maade_np/gradcheck.py`](../maade_np/gradcheck.py).
#   `mn.gradcheck.check(policy, actions, orders)` does the same for a whole policy,
#   `maade-np gradcheck` for everything there is.
# - [`tests/test_gradcheck.py`](../tests/test_gradcheck.py) and
#   [`tests/test_layers.py`](../tests/test_layers.py) hold every layer to an error of $10^{-10}$
#   of the gradient's norm, in float64. Whole policies in float32 are compared with themselves in
#   float64.
# - A new layer goes into `maade_np/layers/`, one file, and into the list of cases in
#   [`maade_np/gradcheck_suite.py`](../maade_np/gradcheck_suite.py).
#
# ## Further reading
#
# - W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions",
#   *SIAM Review* 40(1), 1998: two pages.
# - J. R. R. A. Martins, P. Sturdza and J. J. Alonso, "The complex-step derivative approximation",
#   *ACM Transactions on Mathematical Software* 29(3), 2003: what breaks it, in detail, and the
#   link to automatic differentiation.
# - A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd edition, SIAM 2008: forward and
#   reverse mode.
# - Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp", 1998: tanh, saturation,
#   and how to start.
