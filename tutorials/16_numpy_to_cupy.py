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
# # 16. Run one code on NumPy and on CuPy, and count whether it pays
#
# *Reading time about 30 minutes · runs in about 6 seconds · assumes notebooks 6 and 7*
#
# **What you will do**
#
# - See how functions take their array module from their arrays, so that one code serves a CPU and a
#   GPU.
# - Build an array that behaves as if it lived on a GPU: it refuses every implicit way back to the
#   host, and keeps a ledger of every kernel launch and every transfer.
# - Run the real policy, its sampler, its backward and Adam on that array, unchanged.
# - Put what the ledger says beside measured NumPy times, and find out when a GPU would pay.
#
# **What you will learn**
#
# - The handful of habits by which array code stays portable, and the bugs that only a device shows.
# - Why random numbers are drawn on the host.
# - To estimate a speed-up from launches, bytes and operations before buying anything.
#
# **What you will need**
#
# The sampler and the score tables of MAADE (notebooks 6 and 7), at the level of what they compute.
# No GPU: **nothing in this notebook ran on one**. Times of NumPy are measured; what is said of a
# GPU is arithmetic on counted operations and on assumptions that are stated where they are made.
# The package's own GPU path has not been run on a GPU so far either; it is held in shape by an
# array like the one that you are going to build.

# %%
import ast
import operator
import time
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import backend

# %% [markdown]
# ## 1. Ask the array
#
# There are two common ways to make NumPy code run on CuPy. One is a global switch, read when the
# program starts: from then on `np` means the one or the other. It is short, and it makes it
# impossible to compare both in one process, so that no test can.
#
# The package asks the arrays. `maade_np.backend.array_module` returns the module that an array
# belongs to, and every function begins with it:


# %%
def softmax(z):
    """Return the softmax over the last axis, wherever z lives."""
    xp = backend.array_module(z)
    e = xp.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


print(
    softmax(np.array([[0.0, 1.0, 2.0]])).round(3), "by", backend.array_module(np.zeros(1)).__name__
)
try:
    backend.array_module([1.0, 2.0])
except TypeError as error:
    print("refused:", error)

package = Path(backend.__file__).parent
names = [
    path.relative_to(package.parent).as_posix()
    for path in sorted(package.rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if (isinstance(node, ast.Constant) and node.value == "cupy")
    or (isinstance(node, ast.Import) and any(alias.name == "cupy" for alias in node.names))
]
print("files whose code names cupy:", sorted(set(names)))

# %% [markdown]
# Two files name it: `maade_np/backend.py`, and the command `maade-np info`, which only looks
# whether it is installed. The first offers what differs between the two modules (`to_device`,
# `to_host`, `scatter_add`), and everything else says `xp`.
#
# ## 2. An array that lives elsewhere
#
# CuPy needs a GPU. The *mistakes* that break code on it do not. Here is an array whose numbers are
# hidden in a NumPy array, in a hundred lines. It allows what a device array allows, and keeps a
# ledger:
#
# - an operation that computes something is a **kernel launch**: the processor tells the device to
#   run a small program. A *view* (a slice, a transpose, a reshape that copies nothing) is none;
# - `xp.asarray` of a host array is a **transfer** to the device, `xp.asnumpy` one to the host, and
#   the latter *waits* until the device has finished;
# - a host array never meets a device array, and there is no implicit way home: no `float(x)`, no
#   `if x:`, no loop over x.

# %%
LEDGER = Counter()


def inside(value):
    """Unwrap device arrays; refuse host arrays."""
    if isinstance(value, Elsewhere):
        return value.hidden
    if isinstance(value, np.ndarray):
        raise TypeError(f"a host array of shape {value.shape} meets a device array; move it first")
    if isinstance(value, (list, tuple)):
        return type(value)(inside(item) for item in value)
    return value


def arrays(value):
    """Yield the NumPy arrays in arguments."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from arrays(item)


def note(function, read, written):
    """Enter one kernel launch into the ledger."""
    LEDGER["launches"] += 1
    LEDGER["bytes"] += written.nbytes + sum(array.nbytes for array in read)
    if function in (np.matmul, operator.matmul):
        LEDGER["operations"] += 2 * written.size * read[0].shape[-1]


def launch(function, *args, **kwargs):
    """Run a function of NumPy on hidden arrays, and wrap what it returns."""
    plain, named = inside(list(args)), {key: inside(value) for key, value in kwargs.items()}
    read = [*arrays(plain), *arrays(list(named.values()))]

    def wrapped(value):
        if isinstance(value, (list, tuple)):
            return type(value)(wrapped(item) for item in value)
        if not isinstance(value, (np.ndarray, np.generic)):
            return value
        value = np.asarray(value)
        in_place = any(value is array for array in read)
        view = value.base is not None and any(np.may_share_memory(value, a) for a in read)
        if in_place or not view:
            note(function, read, value)
        return Elsewhere(value)

    found = wrapped(function(*plain, **named))
    if found is None:  # something like add.at, which changes its first argument
        note(function, read, read[0])
    return kwargs["out"] if kwargs.get("out") is not None else found


class Elsewhere:
    """An array whose numbers are reached through its module only."""

    __array_ufunc__, __hash__ = None, None

    def __init__(self, hidden):
        self.hidden = hidden

    def __getattr__(self, name):  # shape, dtype, T, sum(...), reshape(...), ...
        if name.startswith("__"):  # such as __array_interface__, a back door
            raise AttributeError(name)
        value = getattr(self.hidden, name)
        if callable(value):
            return lambda *args, **kwargs: launch(getattr(np.ndarray, name), self, *args, **kwargs)
        return Elsewhere(value) if isinstance(value, np.ndarray) else value

    def __len__(self):
        return len(self.hidden)

    def __getitem__(self, index):
        return launch(operator.getitem, self, index)

    def __setitem__(self, index, value):
        LEDGER["launches"] += 1
        LEDGER["bytes"] += 2 * self.hidden[inside(index)].nbytes
        self.hidden[inside(index)] = inside(value)


def refused(what):
    def refuse(self, *args):
        raise TypeError(f"{what} of a device array needs its numbers on the host; use to_host")

    return refuse


for name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
    "and",
    "or",
]:
    function = getattr(operator, f"{name}_" if name in ("and", "or") else name)
    setattr(Elsewhere, f"__{name}__", lambda x, y, f=function: launch(f, x, y))
    setattr(Elsewhere, f"__r{name}__", lambda x, y, f=function: launch(f, y, x))
    if hasattr(operator, f"i{name}"):
        in_place = getattr(operator, f"i{name}")
        setattr(Elsewhere, f"__i{name}__", lambda x, y, f=in_place: (launch(f, x, y), x)[1])
for name in ("neg", "invert"):
    function = getattr(operator, name)
    setattr(Elsewhere, f"__{name}__", lambda x, f=function: launch(f, x))
for name in ("bool", "int", "float", "index", "iter", "array"):
    setattr(Elsewhere, f"__{name}__", refused(name))


class Module:
    """What `import cupy as xp` would give."""

    __name__ = "elsewhere"

    def __getattr__(self, name):
        value = getattr(np, name)
        if not callable(value) or isinstance(value, type):
            return value
        if name.startswith("empty"):  # memory, no kernel
            return lambda *args, **kwargs: Elsewhere(value(*inside(args), **kwargs))

        def call(*args, **kwargs):
            return launch(value, *args, **kwargs)

        if isinstance(value, np.ufunc):
            call.at = lambda *args: launch(value.at, *args)
        return call

    def asarray(self, array, dtype=None):
        if isinstance(array, Elsewhere):
            return array if dtype in (None, array.dtype) else array.astype(dtype)
        moved = np.array(array, dtype=dtype)  # always a copy: memory is not shared
        LEDGER["to device"] += 1
        LEDGER["bytes to device"] += moved.nbytes
        return Elsewhere(moved)

    def asnumpy(self, array):
        LEDGER["to host"] += 1
        LEDGER["bytes to host"] += array.nbytes
        return array.hidden.copy()


elsewhere = Module()
backend.register(Elsewhere, elsewhere)

# %% [markdown]
# The last line tells the package which module such an array belongs to; for `cupy.ndarray` the
# package finds out by itself. `softmax` above, unchanged:

# %%
z = elsewhere.asarray(np.array([[0.0, 1.0, 2.0]]))
LEDGER.clear()
p = softmax(z)
print("the same numbers:", np.array_equal(backend.to_host(p), softmax(np.array([[0.0, 1.0, 2.0]]))))
print("ledger:", dict(LEDGER))

rewards = np.array([0.1, 0.2, 0.3])
for text, attempt in {
    "p * rewards  (a host array)": lambda: p * rewards,
    "rewards * p": lambda: rewards * p,
    "float(p.max())": lambda: float(p.max()),
    "if p.max() > 0.5": lambda: bool(p.max() > 0.5),
    "np.asarray(p)": lambda: np.asarray(p),
    "np.exp(p)": lambda: np.exp(p),
    "for row in p": lambda: list(p),
}.items():
    try:
        attempt()
    except TypeError as error:
        print(f"  {text:28} {type(error).__name__}: {str(error)[:62]}")

# %% [markdown]
# Softmax needs five launches: a maximum, a difference, an exponential, a sum, a quotient. The
# refusals are the point of the exercise. In CuPy some of them are errors too (a host array in an
# operation, `np.asarray`). Others work, and `float`, `if` and a loop over rows do so by a silent
# wait until the device has caught up. In a loop of 26 decisions that is 26 waits, and the program
# is slow for a reason that no line shows. A test with an array that refuses finds the line.
#
# The package's tests do the same with a stricter array,
# [`tests/strict_array.py`](../tests/strict_array.py), which also refuses every function that CuPy
# does not have.
#
# ## 3. The real policy, elsewhere
#
# `Policy.to(xp)` moves the parameters; nothing else has to be said. One training step of ReMAADE on
# the NAS-Bench-101 space: sample $B$ strings, their log-probabilities, REINFORCE, backward, Adam.

# %%
space = mn.spaces.NASBench101Space()
N = space.size


def training_step(policy, B, seed=0):
    """Run one step of ReMAADE; yield the name of each stage when it has ended."""
    xp, rng = policy.xp, np.random.default_rng(seed)
    orders = np.tile(np.random.default_rng(1).permutation(N), (B, 1))
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=1e-3)
    yield "start", None
    actions, _ = policy.sample(B, orders, rng)
    yield "sample", actions
    rewards = actions[:, :21].mean(axis=1)  # whatever a table would say, on the host
    advantage = backend.to_device((rewards - rewards.mean()).astype(np.float32), xp)
    log_prob, cache = policy.forward(actions, orders)
    yield "forward", log_prob
    _, dlog_prob = mn.objectives.reinforce(log_prob, advantage)
    grads = policy.backward(dlog_prob, cache)
    yield "backward", grads
    optimizer.step(grads)
    yield "Adam", None


def ledger(policy, B):
    """Return the ledger of every stage of one step."""
    stages = {}
    for name, _ in training_step(policy, B):
        stages[name] = dict(LEDGER)
        LEDGER.clear()
    return {name: Counter(entry) for name, entry in stages.items() if name != "start"}


host = mn.policies.MAADE(space, d=45, rng=0)
device = host.to(elsewhere)
print("parameters live in", type(next(iter(device.params.values()))).__name__)
for (name, here), (_, there) in zip(
    training_step(host, 64), training_step(device, 64), strict=True
):
    if name == "sample":
        print("the same 64 strings:", np.array_equal(here, there))
    if name == "backward":
        off = max(np.abs(backend.to_host(there[key]) - here[key]).max() for key in here)
        print(f"gradients differ by at most {off:.0e}")
near = all(
    np.allclose(backend.to_host(device.params[key]), host.params[key], rtol=1e-5, atol=1e-7)
    for key in host.params
)
print("the same parameters after the step, to rounding:", near)

# %% [markdown]
# It runs: no function of the policy needs to know where its arrays are. What differs, in the last
# digits of some gradients, is `backend.scatter_add`, the one place where both ways part: NumPy
# sorts and sums runs, a device adds where it can, and sums in another order round differently. On a
# GPU every sum and every product does so, and agreement is to rounding error everywhere.
#
# ### Why the same strings? Randomness stays on the host
#
# A value is drawn as the place of the largest of logits plus Gumbel noise, which has exactly the
# distribution of the softmax at temperature $T$,
#
# $$a = \arg\max_v \Big(\frac{z_v}{T} + g_v\Big), \qquad g_v = -\log(-\log u_v), \quad u_v \sim \mathrm{U}(0, 1). \tag{16.1}$$
#
# The noise of a whole batch, $B \cdot N \cdot D$ numbers, is drawn by a `numpy.random.Generator` on
# the host and moved *once* (`Policy.sample`). CuPy has generators of its own. They draw other
# numbers from the same seed, their state cannot be put into a checkpoint, and a search would depend
# on the machine it ran on. What reproducibility costs can be counted:

# %%
counts = ledger(device, 64)
noise_bytes = 64 * N * 3 * 4
print(f"to the device while sampling: {counts['sample']['to device']} transfer, "
      f"{counts['sample']['bytes to device']:,} bytes (B N D float32 numbers: {noise_bytes:,})")  # fmt: skip
rng = np.random.default_rng(0)
start = time.perf_counter()
for _ in range(200):
    # (16.1): -log u of a uniform u is an exponential number
    -np.log(rng.standard_exponential((64, N, 3)))
noise_time = (time.perf_counter() - start) / 200
print(f"drawing them with NumPy: {1e6 * noise_time:.0f} µs (measured)")

# %% [markdown]
# One transfer of 20 kB. At 10 GB/s (an assumption; PCIe 3 with 16 lanes has 12 to 16) that is two
# millionths of a second, and some ten more for the call. Against the launches, next, it is nothing.
#
# ## 4. The ledger

# %%
print(
    f"{'':10} launches   MB read and written   million operations in products   to device   to host"
)
total = Counter()
for name, entry in counts.items():
    total.update(entry)
    print(f"{name:10} {entry['launches']:8}   {entry['bytes'] / 1e6:19.1f}   "
          f"{entry['operations'] / 1e6:30.1f}   {entry['to device']:9}   {entry['to host']:7}")  # fmt: skip
print(f"{'together':10} {total['launches']:8}   {total['bytes'] / 1e6:19.1f}   "
      f"{total['operations'] / 1e6:30.1f}   {total['to device']:9}   {total['to host']:7}")  # fmt: skip

print("\nlaunches of a step, by size of batch:",
      {B: sum(entry["launches"] for entry in ledger(device, B).values()) for B in (8, 64, 512)})  # fmt: skip

# %% [markdown]
# Two thirds of the launches are in the sampler: 26 decisions, one after the other, a dozen small
# operations each. No device can shorten that chain, since decision $t$ needs decision $t-1$. Each
# transfer to the host is a wait: in the sampler for the strings themselves and for one look at how
# large the scores are, in the forward for another, in Adam for making sure that the gradient is
# finite.
#
# And the number of launches *does not depend on the size of the batch*. That is what makes a GPU a
# machine for large batches: more work for the same number of launches.
#
# ## 5. What one operation costs
#
# A launch takes the *processor* some time, whatever the device does then: Python's call, CuPy's
# checks of types and shapes, the driver. How much, we cannot measure here. Two public measurements,
# both by developers in their issue trackers: ["25 µs"](https://github.com/numba/numba/issues/3003)
# a launch through CuPy and ["usually around 20
# microseconds"](https://github.com/cupy/cupy/issues/1294), both of 2018. Machines and CuPy have
# become faster. So let us **assume a launch costs between 5 and 25 µs**, and carry both ends
# through everything that follows.
#
# What does NumPy do in that time? Measured here, for a hyperbolic tangent:

# %%
LOW, HIGH = 5e-6, 25e-6  # seconds a launch: an assumption, see the text


def least_time(function, repeats=15, inner=1):
    """Return the shortest time of a call, in seconds: what else the machine does can only add."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(inner):
            function()
        times.append((time.perf_counter() - start) / inner)
    return min(times)


sizes = np.geomspace(10, 3e6, 18).astype(int)
seconds = []
for size in sizes:
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    out = np.empty_like(x)
    inner = max(1, int(20_000 / size))
    seconds.append(least_time(lambda x=x, out=out: np.tanh(x, out=out), 9, inner))
seconds = np.array(seconds)
figure, ax = course.axes(7, 3.1)
ax.axhspan(1e6 * LOW, 1e6 * HIGH, color=course.ORANGE, alpha=0.3, linewidth=0)
ax.text(
    12,
    1e6 * np.sqrt(LOW * HIGH),
    "assumed cost of launching\none operation on a GPU",
    va="center",
    fontsize=9,
)
ax.plot(
    sizes,
    1e6 * seconds,
    "o-",
    color=course.BLUE,
    markersize=4,
    label="NumPy's tanh, one thread (measured)",
)
for name, elements, y in (
    ("PosFF of 30 strings,\none decision", 30 * 36, 100),
    ("PosFF of 64 strings,\nall decisions", 64 * 26 * 45, 0.35),
):
    ax.axvline(elements, color=course.MUTED, linewidth=1, linestyle=":")
    ax.text(elements * 1.1, y, name, fontsize=8, color=course.MUTED, va="bottom")
ax.set(xscale="log", yscale="log", xlabel="elements", ylabel="µs", ylim=(0.3, 1e4))
ax.set_title("One operation")
ax.legend(loc="upper left")
plt.show()
crossing = [int(sizes[np.argmax(seconds > bound)]) for bound in (LOW, HIGH)]
print(f"NumPy takes longer than a launch from about {crossing[0]:,} to {crossing[1]:,} elements on")

# %% [markdown]
# Below that size a GPU cannot win with this operation, *even if it computed in no time at all*. The
# sampler's operations at the paper's batch of 30 lie far below; those of the backward, on all
# decisions together, above.
#
# ## 6. A floor for a whole step
#
# The device works while the processor goes on launching, so a step takes at least the longer of the
# two, and the transfers to the host on top, each of which waits:
#
# $$T_{GPU} \;\ge\; \max\Big(n\,\tau,\ \frac{\text{bytes}}{\beta},\ \frac{\text{operations}}{\varphi}\Big) + k\,\lambda \tag{16.2}$$
#
# with $n$ launches of $\tau$ each, a memory bandwidth $\beta$, an arithmetic rate $\varphi$, and
# $k$ transfers of latency $\lambda$. It is a *floor*: real kernels reach neither $\beta$ nor
# $\varphi$ at these sizes. Assumed: $\tau$ from 5 to 25 µs, $\beta = 10^{12}$ bytes a second,
# $\varphi = 10^{13}$ operations a second (a current data-centre GPU, rounded up), $\lambda = 10$
# µs. Measured: NumPy, one thread, on the machine that built this page.

# %%
BANDWIDTH, RATE, LATENCY = 1e12, 1e13, 1e-5  # assumptions


def floor(entries, tau):
    """(16.2), in seconds."""
    total = Counter()
    for entry in entries.values():
        total.update(entry)
    work = max(total["launches"] * tau, total["bytes"] / BANDWIDTH, total["operations"] / RATE)
    return work + (total["to device"] + total["to host"]) * LATENCY


def numpy_seconds(policy, B):
    """Measure one whole step."""

    def step():
        for _ in training_step(policy, B):
            pass

    step()
    return least_time(step, 7)


batches = np.array([8, 16, 30, 64, 128, 256, 512, 1024, 2048])
measured = np.array([numpy_seconds(host, B) for B in batches])
bounds = np.array([[floor(ledger(device, B), tau) for tau in (LOW, HIGH)] for B in batches])
figure, ax = course.axes(7, 3.3)
ax.fill_between(batches, 1e3 * bounds[:, 0], 1e3 * bounds[:, 1], color=course.ORANGE, alpha=0.3, linewidth=0,
                label="floor of a GPU (16.2), for launches of 5 to 25 µs")  # fmt: skip
ax.plot(batches, 1e3 * measured, "o-", color=course.BLUE, label="NumPy, one thread (measured)")
for B, text in ((30, "paper,\n150 queries"), (64, "paper,\n3,200 queries")):
    ax.axvline(B, color=course.MUTED, linewidth=1, linestyle=":")
    ax.text(B * 1.06, 42, text, fontsize=8, color=course.MUTED, va="top")
ax.set(xscale="log", yscale="log", xlabel="strings in a batch", ylabel="ms a step", ylim=(0.6, 60))
ax.set_xticks(batches, batches)
ax.set_yticks([1, 3, 10, 30], ["1", "3", "10", "30"])
ax.minorticks_off()
ax.set_title("ReMAADE, d = 45, one block: no GPU was used for this picture")
ax.legend(loc="lower right", fontsize=8.5)
plt.show()
for tau, bound in zip((LOW, HIGH), bounds.T, strict=True):
    ahead = batches[measured > bound]
    text = f"from B = {ahead[0]} on" if len(ahead) else "at none of these sizes"
    print(f"launches of {1e6 * tau:.0f} µs: NumPy is slower than the floor {text}")

# %% [markdown]
# The band is flat: hundreds of launches, whatever the batch, with the device idle most of the time.
# At the batches of the paper, 30 and 64, the whole step in NumPy takes about as long as the
# launches *alone* would at the optimistic end, and several times less than at the other. Where
# NumPy's cost is $a + bB$, the break-even lies at
#
# $$B^* = \frac{n\,\tau - a}{b}, \tag{16.3}$$
#
# and everything that makes a launch do more work moves it down:

# %%
settings = {
    "B = 30, d = 36, one block (the paper, 150 queries)": (30, {"d": 36}),
    "B = 64, d = 45, one block (the paper, 3,200)": (64, {"d": 45}),
    "B = 64, d = 45, two blocks": (64, {"d": 45, "blocks": 2}),
    "B = 64, d = 256, one block": (64, {"d": 256}),
    "B = 512, d = 45, two blocks": (512, {"d": 45, "blocks": 2}),
}
print(f"{'':52} launches   NumPy ms   floor at 5 µs, 25 µs")
for text, (B, sizes_of) in settings.items():
    policy = mn.policies.MAADE(space, rng=0, **sizes_of)
    entries = ledger(policy.to(elsewhere), B)
    low, high = (1e3 * floor(entries, tau) for tau in (LOW, HIGH))
    here = 1e3 * numpy_seconds(policy, B)
    launches = sum(entry["launches"] for entry in entries.values())
    print(f"{text:52} {launches:8}   {here:8.1f}   {low:13.1f}, {high:5.1f}")

# %% [markdown]
# Where the NumPy column lies between the last two, the assumption decides and this arithmetic
# cannot. Wide layers bring more work to the same number of launches. A second block (which the
# paper did not find useful) takes six times the launches, since its sampler works on the strings so
# far anew at every decision, and about ten times the work; with hundreds of strings in a batch the
# work wins at either end of the assumption, and by many times at the optimistic one. That is the
# kind of setting in which a GPU can pay, and (16.2) says by how much at most.
#
# It also says what to do about the flat part, in this order: *fewer launches* (the factorised block
# of notebook 8 did that for the CPU; `cupy.fuse` and CUDA graphs do it on the device), and *more
# work for each*: twenty searches with twenty seeds in one set of arrays would have the launches of
# one. The package does neither of the latter so far.
#
# ## 7. How much of the search is it?
#
# A faster step is a faster search only as far as the search consists of steps. If a share $s$ of
# the time is made $k$ times as fast, all of it becomes
#
# $$\frac{1}{(1 - s) + s / k} \;<\; \frac{1}{1 - s} \tag{16.4}$$
#
# times as fast (Amdahl 1967). `maade_np.search` notes where its time goes; on the **surrogate**
# table:

# %%
table = mn.tables.NASBench101.surrogate()
table.query(
    table.space.sample(10, np.random.default_rng(0)), seed=0
)  # its columns are computed once
for budget, preset in ((150, "paper-short"), (3200, "paper-medium")):
    searcher = mn.searchers.create("remaade", table.space, seed=0, preset=preset)
    result = mn.search(searcher, table, budget=budget, seed=0)
    seconds = result.timing
    everything = sum(seconds.values())
    share = (seconds["ask"] + seconds["tell"]) / everything
    print(f"{budget:5} queries: {everything:.2f} s, of which the policy {100 * share:.0f} %; "
          f"an infinitely fast policy makes the search {1 / (1 - share):.1f} times as fast")  # (16.4)  # fmt: skip
    print(
        f"      the trainings that the table stands for: {result.train_seconds / 3600:,.0f} hours (simulated)"
    )

# %% [markdown]
# The hours put it into proportion. On a table a search takes a fraction of a second, most of it the
# policy's. On real trainings the policy is less than a millionth of the bill: there the GPU belongs
# to the *networks that are trained*, and the policy may run wherever there is a processor.
#
# So when does a GPU pay for the policy? With large batches or wide or deep policies; with many
# searches in one set of arrays; or where everything else lives on the device already, so that the
# transfers are what one saves. Not for one search at the paper's settings. That is an argument from
# counted launches and an assumed price for each. With a GPU at hand, measure:
# `maade-np search --device cuda`, and (16.2) tells you what to expect.
#
# ## Exercises
#
# ### 1. One function for both · `exercise_16_1_log_mean_exp`
#
# Write `log_mean_exp(x)`: for each row of an array (B, n) the logarithm of the mean of the
# exponentials, (B,), without overflow and without losing rows that are all very small. It has to
# work on NumPy arrays and on arrays that live elsewhere (the check takes the package's strict
# array), return an array of the same kind and type, move nothing, and leave its argument as it was.

# %%
answer = None  # def answer(x): ...
# checks.nb16.check_log_mean_exp(answer)

# %% [markdown]
# ### 2. Find the silent bug · `exercise_16_2_baseline`
#
# The function below keeps the moving average of notebook 2 where it is used, on the device. On
# NumPy it is right. On a device it raises nothing, and returns something else that looks just as
# good. Why? Write `baseline(batches, decay=0.9)`: from a list of arrays of rewards (any lengths,
# all of one kind) the average after all of them, as an array of shape (1,) of their kind; the first
# batch's mean is the first value; nothing is transferred, and the batches stay as they are.


# %%
def colleagues_baseline(batches, decay=0.9):
    """Return the moving average of the batches' means, where the batches live."""
    xp = backend.array_module(*batches)
    value = np.array([float(backend.to_host(batches[0].mean()))])
    average = backend.to_device(value, xp)
    for batch in batches[1:]:
        value *= decay
        value += (1 - decay) * float(backend.to_host(batch.mean()))
    return average


rng = np.random.default_rng(3)
on_host = [rng.uniform(0.8, 0.95, size=20) for _ in range(6)]
on_device = [elsewhere.asarray(batch) for batch in on_host]
print("on the host:  ", colleagues_baseline(on_host).round(4))
print("on the device:", backend.to_host(colleagues_baseline(on_device)).round(4))

# %%
answer = None  # def answer(batches, decay=0.9): ...
# checks.nb16.check_baseline(answer)

# %% [markdown]
# ### 3. Break-even · `exercise_16_3_break_even`
#
# Write `break_even(launches, microseconds, fixed_ms, per_string_ms)`: the smallest batch (a whole
# number, at least 1) at which a NumPy step of `fixed_ms + per_string_ms * B` milliseconds takes
# *longer* than the launches alone.

# %%
answer = None  # def answer(launches, microseconds, fixed_ms, per_string_ms): ...
# checks.nb16.check_break_even(answer)

# %% [markdown]
# ## In practice
#
# - [`maade_np/backend.py`](../maade_np/backend.py): `array_module`, `to_device`, `to_host`,
#   `device_module`, `register`, and what differs between modules. 190 lines, the only ones that
#   know of CuPy.
# - [`tests/strict_array.py`](../tests/strict_array.py) and
#   [`tests/test_strict_array.py`](../tests/test_strict_array.py): all policies, objectives and
#   optimizers on an array that refuses.
# - `pip install 'maade-np[cupy12]'` (CUDA 12; `cupy13` for 13), then `--device cuda`, or
#   `policy.to(maade_np.backend.device_module("cuda"))`. An importable CuPy without a GPU is an
#   error that says so, and never a silent return to the CPU.
# - CuPy's own list of [differences from
#   NumPy](https://docs.cupy.dev/en/stable/user_guide/difference.html) is short, and every point on
#   it has cost somebody a day.
#
# ## Further reading
#
# - R. Okuta et al.: *CuPy: A NumPy-compatible library for NVIDIA GPU calculations*, LearningSys
#   2017.
# - C. R. Harris et al.: *Array programming with NumPy*, Nature 2020.
# - G. Amdahl: *Validity of the single processor approach to achieving large scale computing
#   capabilities*, AFIPS 1967.
# - S. Williams, A. Waterman, D. Patterson: *Roofline: an insightful visual performance model*, CACM
#   2009; (16.2) with $\tau = 0$.
# - CuPy, [performance best practices](https://docs.cupy.dev/en/stable/user_guide/performance.html).
