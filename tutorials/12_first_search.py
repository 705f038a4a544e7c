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
# # 12. Run a first search and read its plots
#
# *Reading time about 30 minutes · runs in about 20 seconds · assumes notebooks 1, 2, 7 and 11*
#
# **What you will do**
#
# - Run a whole search in four lines, and read its record and its curve.
# - Compute how much worse a cell is than the training run that made you choose it, without knowing
#   how cells are distributed.
# - Watch the policy's 26 decisions evolve, and find out which of its certainties mean something.
# - Interrupt a search, resume it, and get the same result to the last bit.
#
# **What you will learn**
#
# - What drives a search and what is its result, and why they differ in one direction.
# - To tell from entropy, distinct cells and resampled strings whether a step size is too large or
#   too small.
# - That a policy can be certain of a decision that changes nothing.
#
# **What you will need**
#
# How a policy is sampled and trained (notebooks 1, 2 and 7), cells and their repetitions (notebook
# 11). Everything runs on the **surrogate** of NAS-Bench-101, which comes with the package: its
# numbers are modelled, not measured.

# %% [markdown]
# ## A search in four lines
#
# A *table* answers (here the surrogate), a *searcher* asks and learns (here ReMAADE with the
# paper's settings for 150 queries), and `mn.search` is the loop between them. Two seeds: the
# searcher's own choices, and the table's noise.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import report, statistics
from maade_np.spaces import nasbench101 as nb

table = mn.tables.NASBench101.surrogate()
searcher = mn.searchers.create("remaade", table.space, seed=2, preset="paper-short")
result = mn.search(searcher, table, budget=150, protocol="test-holdout", seed=2)

best = result.best
print(
    f"best cell found at query {best.query}: its driving run has {100 * (1 - best.signal):.2f} % error, "
    f"two other runs of it {100 * (1 - best.held_out):.2f} %"
)
print("counts:", result.counts)
print("regret (points):", {name: round(100 * value, 2) for name, value in result.regret().items()})
print(nb.cell_text(best.actions))

# %% [markdown]
# Under the protocol `test-holdout` every cell has three training runs. The first one **drives**:
# its test accuracy is all that the searcher is told. The mean of the two others is the **result**,
# which nobody looked at. `regret` is how far each figure lies below the best that the table has of
# it.
#
# The history has an entry for each query, and the report draws it:

# %%
figure, ax = course.axes(8, 4.8, layout="none")
figure.subplots_adjust(left=0.08, right=0.8, bottom=0.11, top=0.77)
report.draw_curve(result, ax=ax)
plt.show()

# %% [markdown]
# How to read it.
#
# - A **dot** is an evaluated string, at the error of its driving run. A **hollow** one is a cell
#   that was asked before: with `duplicates="charge"` it costs a query all the same.
# - A **triangle** at the upper border stands for what lies beyond: trainings that collapsed, cells
#   that do nothing. The axis is chosen from the bulk, so that they do not flatten the picture.
# - The **blue** line is the driving run of the best string so far, the *incumbent*. It can only
#   fall.
# - The **orange** line is the held-out result of *the same* string. It may rise: a new incumbent
#   was luckier, not better. Now and then it even runs below the blue one; luck has two signs.
# - The dashed line is the best held-out result that any of the 423,624 cells has here.
# - The dots come in batches of 30: five of them, so the policy has been updated **five times**, the
#   last time too late to be of use. What a search of 150 queries learns is a beginning.
#
# ## The driving run flatters
#
# Almost always the orange line ends above the blue one. No mistake: whoever picks the best of many
# noisy numbers picks luck as well. How much? Let $s = \theta + \epsilon$ be the signal of a cell
# whose true error is $\theta$, the noise normal with variance $\sigma^2$ and independent of
# $\theta$. Of the cells' distribution we assume *nothing*. Write $p(\theta)$ for its density,
# $\varphi_\sigma$ for the noise's, and $p(s)$ for the density of the signals:
#
# $$\begin{aligned}
# p(s) &= \int p(\theta)\, \varphi_\sigma(s - \theta)\, d\theta && \text{the signal is a sum} \\
# p'(s) &= \int p(\theta)\, \frac{\theta - s}{\sigma^2}\, \varphi_\sigma(s - \theta)\, d\theta && \varphi_\sigma'(x) = -\tfrac{x}{\sigma^2}\, \varphi_\sigma(x) \\
#  &= \frac{p(s)}{\sigma^2}\, \big(\mathbb E[\theta \mid s] - s\big) && \text{Bayes: } p(\theta \mid s) = p(\theta)\, \varphi_\sigma(s - \theta) / p(s)
# \end{aligned} \tag{12.1}$$
#
# and so
#
# $$\mathbb E[\theta \mid s] = s + \sigma^2\, \frac{d \log p(s)}{d s}. \tag{12.2}$$
#
# This is Tweedie's formula (Robbins 1956). What matters is the *slope* of the density of signals
# where you stand. At the good end there are few cells, and a little further up there are many more:
# the slope is positive, so the truth lies at higher errors, and the steeper the density, the more.
# (Notebook 14 has the special case of normally distributed cells.) On the surrogate all 423,624
# cells can be asked, so we can look. Here $\sigma$ comes from the median difference of the two
# held-out runs, and the slope from a curve through the logarithm of the counts, both smoothed:

# %%
cells = nb.cell_representatives()
asked = table.query(cells, "test-holdout")
signal, held_out = 100 * (1 - asked.signal), 100 * (1 - asked.held_out)
of_cell = table.space.identity(table.actions())
runs = np.empty((len(cells), 3))
runs[of_cell] = 100 * (1 - table.column("test")[:, -1] / 9984)  # images of 9,984 answered correctly
assert np.allclose(runs[:, 0], signal)
assert np.allclose(runs[:, 1:].mean(axis=1), held_out)

width = 0.1
edges = np.arange(5.6, 9.01, width)
middle = edges[:-1] + width / 2
which = np.digitize(signal, edges) - 1
inside = (which >= 0) & (which < len(middle))
count = np.bincount(which[inside], minlength=len(middle))
measured = np.bincount(which[inside], held_out[inside]) / count
apart = np.abs(runs[:, 1] - runs[:, 2])
# a normal difference of two runs has deviation sqrt(2) sigma, and its absolute value the median
# 0.6745 times that; a median does not mind the few runs that collapsed
sigma = np.array([np.median(apart[which == k]) for k in range(len(middle))]) / (0.6745 * 2**0.5)
sigma = np.polynomial.Polynomial.fit(middle, sigma, 2, w=np.sqrt(count))(middle)
log_density = np.polynomial.Polynomial.fit(middle, np.log(count), 6, w=np.sqrt(count))
tweedie = middle + sigma**2 * log_density.deriv()(middle)  # (12.2)

figure, panels = course.axes(9, 3.1, columns=2, gridspec_kw={"width_ratios": (1, 1.3)})
ax = panels[0]
ax.semilogy(middle, count, "o", color=course.SKY, markersize=3)
ax.semilogy(middle, np.exp(log_density(middle)), color=course.BLUE, linewidth=1.8)
ax.set(xlabel="error of the driving run (%)", ylabel="cells in a bin of 0.1 points")
ax.set_title("few at the good end (surrogate)")
ax = panels[1]
ax.plot([5.6, 9], [5.6, 9], ":", color=course.INK, linewidth=1)
ax.text(8.2, 8.0, "signal = truth", rotation=30, color=course.MUTED, ha="center", va="center")
ax.plot(middle, measured, color=course.VERMILLION, linewidth=2.2, label="held out, mean of the bin")
ax.plot(middle, tweedie, "--", color=course.BLUE, linewidth=1.8, label="Tweedie (12.2)")
ax.set(xlabel="error of the driving run (%)", ylabel="error (%)")
ax.legend(loc="upper left")
plt.show()
for s in (5.65, 5.85, 6.05, 6.55, 7.05, 8.05):
    k = np.abs(middle - s).argmin()
    print(
        f"driving run {middle[k]:.2f} %: held out {measured[k]:.2f}, by (12.2) {tweedie[k]:.2f}, sigma {sigma[k]:.2f}, {count[k]:,} cells"
    )

# %% [markdown]
# Cells whose driving run says 5.65 % have some 6.5 % in their other runs, and (12.2) foresees much
# of that from the signals and the size of the noise alone. At the very end it falls short, because
# the noise there is not normal: the luckiest runs come from tails that are heavier than a normal
# distribution's. From 7 % on the density is nearly level and the flattery small.
#
# Under the default protocol, `validation-single`, the blue line is *validation* error and lies
# lower still, for a second reason: on this benchmark validation accuracies are higher than test
# accuracies by about half a point for all cells alike. There the gap between the lines is not only
# luck.
#
# ## Is it learning? Entropy, distinct cells, resampled strings
#
# A searcher logs an entry a batch in `searcher.metrics`. The most telling number is the entropy,
# estimated from the strings themselves:
#
# $$H(P) = -\sum_a P(a) \log P(a) \approx -\frac1B \sum_b \log P(a_b). \tag{12.3}$$
#
# It starts near that of the uniform policy, $21 \ln 2 + 5 \ln 3 \approx 20.05$ nats, and $e^H$ is
# the number of strings that are still in play. We give a search ten times the budget, fifty
# updates, and run it with three step sizes: the paper's for 150 queries ($10^{-2}$), its step for
# 3,200 queries ($10^{-3}$), and one between.


# %%
def watched(learning_rate, seed=0, budget=1600):
    """Run a search of 50 batches; return the searcher, the result, and what was resampled so far."""
    searcher = mn.searchers.create(
        "remaade",
        table.space,
        seed=seed,
        preset="paper-short",
        batch_size=32,
        learning_rate=learning_rate,
    )
    resampled = []
    result = mn.search(
        searcher,
        table,
        budget,
        "test-holdout",
        seed=seed,
        on_batch=lambda progress: resampled.append(searcher.counts["resampled"]),
    )
    return searcher, result, np.array(resampled)


STEPS = (1e-2, 3e-3, 1e-3)
searches = {step: watched(step) for step in STEPS}
figure, panels = course.axes(9.4, 2.9, columns=4)
titles = [
    "entropy (nats)",
    "new cells in a batch of 32",
    "share of valid strings",
    "mean error of a batch (%)",
]
for (step, (searcher, result, resampled)), colour in zip(
    searches.items(), course.CYCLE, strict=False
):
    h = result.history
    first = np.zeros(len(h), dtype=bool)
    first[np.unique(h.cell, return_index=True)[1]] = True
    thrown_away = np.diff(resampled, prepend=0)
    lines = [
        [m["entropy"] for m in searcher.metrics],  # (12.3)
        first.reshape(50, 32).sum(axis=1),
        32 / (32 + thrown_away),
        100 * (1 - h.signal.reshape(50, 32).mean(axis=1)),
    ]
    for ax, line, title in zip(panels, lines, titles, strict=True):
        smooth = np.convolve(np.pad(line, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        ax.plot(np.arange(1, 51), smooth, color=colour, linewidth=2, label=f"step {step:g}")
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("batch")
panels[0].set_ylim(0, 21)
panels[1].set_ylim(0, 33)
panels[2].set_ylim(0, 1.03)
panels[2].legend(loc="lower right", fontsize=8, handlelength=1.2)
plt.show()
for step, (searcher, result, _) in searches.items():
    last = searcher.metrics[-1]["entropy"]
    print(
        f"step {step:6g}: final entropy {last:4.1f} nats = {np.exp(last):12,.0f} strings in play, "
        f"{result.counts['distinct_cells']:4} distinct cells, best held out {100 * (1 - result.best.held_out):.2f} %"
    )

# %% [markdown]
# (Lines are means over five batches; all on the surrogate.) Three stories.
#
# - **Too fast** ($10^{-2}$): after a dozen batches the policy hardly proposes a new cell, and the
#   rest of the budget buys nothing. By its entropy hundreds of strings or more are still in play
#   then; they are the same few cells, written differently (notebook 11). Low entropy early is not
#   success, it is the end of the search.
# - **Too slow** ($10^{-3}$): fifty updates hardly move it, entropy stays near its maximum. It draws
#   new cells until the end, and they become better only slowly.
# - **Between** ($3 \cdot 10^{-3}$): entropy falls steadily, new cells keep coming for some thirty
#   batches, and the batches get better all the while.
#
# The third panel is worth a second look. Nobody ever rewards validity: invalid strings are thrown
# away and drawn again, without a trace in the gradient. Yet the share of valid strings changes.
# Part of that is equation (1.9) of notebook 1, the push along $\nabla \log Z$ that the baseline
# leaves. And part comes from the strings that are rewarded: a string with many edges has many
# neighbours with too many, so a policy around it draws more invalid strings; a policy that is
# nearly certain of one valid string draws hardly anything else.
#
# None of these numbers says which step is *best*; one search each is an anecdote. They say what
# goes on.
#
# ## Watch it decide
#
# The middle search again, this time from the inside: after every second batch 2,000 strings are
# drawn from the policy, by a generator of our own so that the search does not notice, and the
# frequency of each value is drawn. At the left the 21 edges, dark where the edge is nearly always
# taken; at the right the operations of the five inner vertices.

# %%
searcher = mn.searchers.create(
    "remaade", table.space, seed=0, preset="paper-short", batch_size=32, learning_rate=3e-3
)
own = np.random.default_rng(123)
album = []


def photograph(progress):
    if (progress.queries // 32) % 2 and progress.queries > 32:
        return
    strings, log_prob = searcher.policy.sample(2000, searcher.orders[0], own)
    matrix, ops = nb.matrix_ops(strings)
    album.append(
        {
            "queries": progress.queries,
            "edges": matrix.mean(axis=0),
            "entropy": -log_prob.mean(),
            "ops": np.array([[np.mean(ops[:, v] == o) for o in range(3)] for v in range(5)]),
            "valid": table.space.is_valid(strings).mean(),
            "best": 100 * (1 - progress.best_signal),
        }
    )


watched_result = mn.search(searcher, table, 1600, "test-holdout", seed=0, on_batch=photograph)
assert np.array_equal(
    watched_result.history.actions, searches[3e-3][1].history.actions
)  # unnoticed

VERTEX = ["in", "1", "2", "3", "4", "5", "out"]


def draw(figure, page):
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    shown = np.where(np.triu(np.ones((7, 7)), 1) > 0, page["edges"], np.nan)
    course.heatmap(left, shown[:6, 1:], VERTEX[:6], VERTEX[1:], limit=1.0)
    left.set_title("edge from (row) to (column)", fontsize=9)
    start = np.zeros(5)
    for o, (colour, name) in enumerate(
        zip(("#0072B2", "#8CCBF0", "#F5B841"), ("3×3", "1×1", "pool"), strict=True)
    ):
        right.barh(range(5), page["ops"][:, o], left=start, color=colour, label=name, height=0.7)
        start += page["ops"][:, o]
    right.set(xlim=(0, 1), yticks=range(5), yticklabels=VERTEX[1:6], ylabel="vertex")
    right.invert_yaxis()
    right.grid(False)
    right.legend(
        ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.08), fontsize=8, handlelength=1
    )
    right.set_title("operation", fontsize=9)
    figure.suptitle(
        f"{page['queries']:5} queries    entropy {page['entropy']:4.1f} nats    valid {page['valid']:.0%}    "
        f"best signal {page['best']:.2f} %",
        fontsize=9.5,
        x=0.02,
        ha="left",
    )


course.animate(
    draw,
    album,
    width=6.6,
    height=3.1,
    per_second=3,
    hold=3,
    alt="From grey uniformity the edges of the policy become dark or white, and the operations one-coloured.",
)

# %% [markdown]
# At first everything is near one half, or a third. Then single edges become certain, operations
# take a colour, and at the end most decisions are made. It is tempting to read the last picture as
# *insight*: "it has understood that vertex 5 wants this operation". Careful.
#
# ### Certain, and meaningless
#
# Take the string that the final policy draws most often, change one decision at a time, and ask
# whether it is still the same cell. Decisions that can be changed without changing the cell belong
# to vertices that are pruned: **neutral**, they have no influence on any reward.

# %%
strings, _ = searcher.policy.sample(5000, searcher.orders[0], own)
unique, times = np.unique(strings, axis=0, return_counts=True)
favourite = unique[times.argmax()].astype(int)
name_of_cell = table.space.identity(favourite[None])[0]


def neutral(string, i):
    """Whether every other value of decision i gives the same cell."""
    others = np.repeat(string[None], table.space.cardinalities[i], axis=0)
    others[:, i] = np.arange(table.space.cardinalities[i])
    return bool((table.space.identity(others) == table.space.identity(string[None])).all())


free = np.array([neutral(favourite, i) for i in range(table.space.size)])
sure = (strings == favourite).mean(axis=0)
figure, ax = course.axes(8.8, 2.7)
at = np.arange(table.space.size)
for chosen, colour, label in (
    (~free, course.BLUE, "changes the cell"),
    (free, course.VERMILLION, "neutral"),
):
    ax.vlines(at[chosen], 0, sure[chosen], color=colour, linewidth=1.2)
    ax.plot(at[chosen], sure[chosen], "o", color=colour, label=label)
ax.set_xticks(
    at,
    [n.replace("edge ", "").replace("-6", "-out").replace("0-", "in-") for n in table.space.names],
    rotation=90,
)
ax.set(ylim=(0, 1.3), ylabel="probability of\nthe favourite's value")
ax.legend(ncols=2, loc="upper right")
ax.grid(axis="x", visible=False)
plt.show()
print(
    f"neutral decisions: {free.sum()} of 26; of these, certain to 90 % or more: "
    f"{[table.space.names[i] for i in np.flatnonzero(free & (sure > 0.9))]}"
)

# %% [markdown]
# Some neutral decisions have become as certain as those that matter. Where does the certainty come
# from, if no reward depends on them? Take a decision $i$ that is independent of all others and of
# the reward. Its gradient is zero *in the mean*,
#
# $$\mathbb E[A\, \nabla \log p_i(a_i)] = \mathbb E[A]\; \mathbb E[\nabla \log p_i(a_i)] = \mathbb E[A] \cdot 0, \tag{12.4}$$
#
# but a batch is no mean. In every batch some value happens to occur in the better half more often,
# and is reinforced: a random walk. And the walk has sticky ends: near 0 or 1 nearly all strings of
# a batch have the same value, so there is nothing left to reverse it. Population genetics knows it
# as *drift*, and a neutral gene that rides along with a good one as a *hitchhiker*. In its pure
# form: one switch that counts, twenty that do not, and a noisy reward.


# %%
def drift(seed=0, batches=200, B=32, noise=0.5):
    """Return the probabilities of 'on' of 21 switches, of which the first alone is rewarded."""
    switches = mn.spaces.CategoricalSpace([f"switch {i}" for i in range(21)], [2] * 21)
    policy = mn.policies.Independent(switches, dtype=np.float64)
    optimizer = mn.optimizers.Adam(policy.params, learning_rate=0.1)
    rng, orders = np.random.default_rng(seed), np.tile(np.arange(21), (B, 1))
    seen = []
    for _ in range(batches):
        actions, _ = policy.sample(B, orders, rng)
        reward = actions[:, 0] + noise * rng.normal(size=B)
        log_prob, cache = policy.forward(actions, orders)
        _, dlog_prob = mn.objectives.reinforce(log_prob, reward - reward.mean())
        optimizer.step(policy.backward(dlog_prob, cache))
        seen.append(np.exp(policy.conditionals(actions[:1], orders[:1])[0, :, 1]))
    return np.array(seen)


walk = drift()
figure, ax = course.axes(6.4, 2.7)
ax.plot(walk[:, 1:], color=course.VERMILLION, linewidth=0.7, alpha=0.6)
ax.plot(walk[:, 0], color=course.BLUE, linewidth=2.4)
ax.text(26, 1.01, "the switch that counts", color=course.BLUE, va="bottom")
ax.text(201, 0.5, " twenty\n that do\n not", color=course.VERMILLION, va="center")
ax.set(xlabel="batch", ylabel="probability of 'on'", ylim=(-0.03, 1.12), xlim=(0, 230))
plt.show()
gone = np.mean((walk[-1, 1:] < 0.1) | (walk[-1, 1:] > 0.9))
print(
    f"neutral switches at the end below 10 % or above 90 %: {gone:.0%}; their mean probability {walk[-1, 1:].mean():.2f}"
)

# %% [markdown]
# The useful switch goes straight up. The others spread in both directions, symmetrically: an
# unbiased walk, exactly as (12.4) says, that takes some of them to a certainty about nothing. So
# before you read a policy's taste off its probabilities, ask which decisions can matter at all; and
# take drift into account when you choose between a long search with a large step and a short one.
# (It is also one reason why a collapsed policy is not a proof of optimality.)
#
# ## Stop and go on
#
# A real search lasts days and machines restart. `mn.search(..., checkpoint=path)` writes the state
# of everything, at most every ten seconds and between batches, and goes on from it if the file
# exists. Our searches are over in a fraction of a second, so for this page we set the ten seconds
# to zero. Then we interrupt the search as Ctrl-C would:

# %%
mn.loop.CHECKPOINT_SECONDS = 0.0


def fresh():
    return mn.searchers.create("remaade", table.space, seed=7)  # the package's default settings


def interrupt(progress):
    if progress.queries >= 60:
        raise KeyboardInterrupt


whole = mn.search(fresh(), table, 150, "test-holdout", seed=7)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "search.npz"
    try:
        mn.search(fresh(), table, 150, "test-holdout", seed=7, on_batch=interrupt, checkpoint=path)
    except KeyboardInterrupt:
        print(f"interrupted; the checkpoint has {path.stat().st_size / 1000:.0f} kB")
    try:
        mn.search(fresh(), table, 200, "test-holdout", seed=7, checkpoint=path)
    except ValueError as error:
        print("with another budget:", str(error).replace(str(path), path.name))
    resumed = mn.search(fresh(), table, 150, "test-holdout", seed=7, checkpoint=path)
    print("after the search the checkpoint is", "still there" if path.exists() else "removed")
    resumed.save(Path(folder) / "run")
    print("saved:", sorted(p.name for p in (Path(folder) / "run").iterdir()))
    loaded = mn.SearchResult.load(Path(folder) / "run")
for name in ("actions", "signal", "held_out", "cell"):
    assert np.array_equal(getattr(whole.history, name), getattr(resumed.history, name)), name
    assert np.array_equal(getattr(whole.history, name), getattr(loaded.history, name)), name
print("150 queries, interrupted after 60 and resumed: the same strings and results to the last bit")

# %% [markdown]
# "The same to the last bit" needs more than the weights. The state holds the optimizer's moments,
# the baseline, the random generators, what was asked and not yet answered, which cells were
# visited, and the rate of validity by which the next draw is sized. Leave out any of these and the
# search goes on, silently, as another one (exercise 12.4).
#
# ## One search is an anecdote
#
# So far we have looked at single searches. Never conclude from one that a setting is good. Thirty
# seeds each, 150 queries, on the surrogate:

# %%
ARMS = {
    "random": ("random", {}),
    "ReMAADE, paper": ("remaade", {"preset": "paper-short"}),
    "ReMAADE, default": ("remaade", {}),
}
found = {}
for name, (kind, settings) in ARMS.items():
    finals = []
    for seed in range(30):
        searcher = mn.searchers.create(kind, table.space, seed=seed, **settings)
        one = mn.search(searcher, table, 150, "test-holdout", seed=seed)
        finals.append((100 * (1 - one.best.signal), 100 * (1 - one.best.held_out)))
    found[name] = np.array(finals)

figure, ax = course.axes(7, 2.6)
jitter = np.random.default_rng(0).uniform(-0.09, 0.09, 30)
for row, finals in enumerate(found.values()):
    for column, colour, shift in ((0, course.BLUE, -0.17), (1, course.VERMILLION, 0.17)):
        ax.plot(finals[:, column], row + shift + jitter, "o", color=colour, markersize=3, alpha=0.6)
        bar = statistics.bootstrap(finals[:, column], rng=0)
        ax.plot([bar.low, bar.high], [row + shift] * 2, color=course.INK, linewidth=2.5)
        ax.plot(bar.value, row + shift, "|", color=course.INK, markersize=12, markeredgewidth=2)
ax.set_yticks(range(3), found)
ax.invert_yaxis()
ax.grid(axis="y", visible=False)
ax.set_xlabel("error of the best cell (%), surrogate: driving run (blue), held out (orange)")
plt.show()
for name, finals in found.items():
    bar = statistics.bootstrap(finals[:, 1], rng=0)
    print(f"{name:17} held out {bar.value:.3f} % [{bar.low:.3f}, {bar.high:.3f}]")

# %% [markdown]
# Each dot is a search, black the mean with its 95 % interval. The clouds overlap: a lucky random
# search beats an unlucky ReMAADE. Means differ, and it takes trials to say by how much; how many,
# and what else has to be watched, is the subject of notebook 14. Note also that the blue clouds lie
# to the left of the orange ones in every row.
#
# ## Exercises
#
# ### Exercise 12.1: the share of valid strings
#
# <a id="exercise_12_1_validity"></a>
#
# `on_batch` saw `searcher.counts["resampled"]` after each batch: how many invalid strings were
# drawn on the way, *so far*. Write `validity(resampled, batch_size)`: from these counts (K,) the
# share of valid strings among those that were drawn for each batch (K,).

# %%
answer = None  # def validity(resampled, batch_size): ...

# checks.nb12.check_validity(answer)

# %% [markdown]
# ### Exercise 12.2: what to expect of a winner
#
# <a id="exercise_12_2_expected"></a>
#
# Write `expected_truth(s, density, sigma)` for an evenly spaced grid of signals `s` and the density
# of *signals* on it: $\mathbb E[\theta \mid s]$ on the grid, by (12.2). The check knows populations
# for which the answer can be computed otherwise. What does it say of a population that is uniform
# over a wide range?

# %%
answer = None  # def expected_truth(s, density, sigma): ...

# checks.nb12.check_expected(answer)

# %% [markdown]
# ### Exercise 12.3: find the silent bugs
#
# <a id="exercise_12_3_loop"></a>
#
# A colleague did not trust `mn.search` and wrote the loop anew. It is shorter, it agrees with the
# package on noise-free tables, and under `test-holdout` its results are even *better*. There are
# two bugs, and the second shows only with some batch sizes. Mend both: given a fresh searcher, a
# table, a budget, a protocol and a seed, `my_search` should return the held-out error (in %) of the
# string with the best driving signal (the first of equal ones), as `mn.search` does.


# %%
def my_search(searcher, table, budget, protocol, seed):
    spent, best = 0, -np.inf
    while spent < budget:
        proposals = searcher.ask()
        accuracy = table.query(proposals.actions, protocol, seed=seed).held_out
        searcher.tell(proposals, accuracy)
        spent += len(proposals)
        best = max(best, accuracy.max())
    return 100 * (1 - best)


def both(kind, seed, **settings):
    def fresh():
        return mn.searchers.create(kind, table.space, seed=seed, **settings)

    packaged = mn.search(fresh(), table, 150, "test-holdout", seed)
    return my_search(fresh(), table, 150, "test-holdout", seed), 100 * (1 - packaged.best.held_out)


for kind, settings in (("random", {}), ("remaade", {"preset": "paper-short"})):
    mine, packaged = np.mean([both(kind, seed, **settings) for seed in range(40)], axis=0)
    print(f"{kind:8} my_search {mine:.3f} %   mn.search {packaged:.3f} %   (40 seeds, surrogate)")

# %%
answer = None  # your my_search

# checks.nb12.check_loop(answer)

# %% [markdown]
# ### Exercise 12.4: what must a checkpoint hold?
#
# <a id="exercise_12_4_state"></a>
#
# `searcher.state_dict()` of a ReMAADE with `preset="paper-short"` has the entries printed below.
# Save it between two batches, replace *one* entry by that of a fresh searcher with the same seed,
# load it into such a searcher and compare the strings that follow (three more batches, with the
# same rewards) with those of the uninterrupted search. The answer is the set of names of those
# entries without which the search becomes another one.

# %%
toy = mn.tables.Toy()
example = mn.searchers.create("remaade", toy.space, seed=0, preset="paper-short")
print(sorted(example.state_dict()))

answer = None  # {"params", ...}

# checks.nb12.check_state(answer)

# %% [markdown]
# ## In practice
#
# - The same on the command line: `maade-np search --out runs/first` on the surrogate, `maade-np
#   search --table nasbench101.npz --protocol
#   test-holdout` on real results. It leaves `result.json`, `history.csv`, `curve.png` and `cell.png`.
# - [`maade_np/loop.py`](../maade_np/loop.py) is the loop,
#   [`maade_np/results.py`](../maade_np/results.py) the record,
#   [`maade_np/report/`](../maade_np/report) the pictures.
# - Protocols, and what each reports: the README's table and `maade_np.tables.Protocol`. The table's
#   default is the first that it has runs for: `validation-single` on the surrogate, `test-holdout`
#   where there are only test runs.
# - The default settings of `remaade` are not the paper's but the [strong
#   ones](../benchmarks/results/strong/README.md); `preset="paper-short"` and `"paper-medium"` are
#   the paper's.
# - Your own objective takes the table's place: notebook 15.
#
# ## Further reading
#
# - H. Robbins, *An empirical Bayes approach to statistics*, 3rd Berkeley Symposium (1956); B.
#   Efron, *Tweedie's formula and selection bias*, JASA 106 (2011): (12.1) and (12.2).
# - M. Kimura, *The neutral theory of molecular evolution* (1983): drift.
# - R. J. Williams, *Simple statistical gradient-following algorithms for connectionist
#   reinforcement learning*, Machine Learning 8 (1992).
