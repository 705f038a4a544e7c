"""Checks of notebook 15: an objective of one's own."""

from __future__ import annotations

from itertools import product

import numpy as np

import maade_np as mn
from checks._common import exercise, expect, expect_close


@exercise
def check_is_valid(answer):
    """Every network has one valid string."""
    expect(callable(answer), "The answer must be a function of actions (B, 4).")
    every = np.array(list(product(range(3), range(4), range(4), range(4))))
    every = np.random.default_rng(0).permutation(every)
    valid = np.asarray(answer(every.copy()))
    expect(
        valid.shape == (len(every),),
        f"For {len(every)} strings the answer has shape {valid.shape}; it must be one value a string.",
    )
    expect(valid.dtype == bool, f"The answer must be True or False, not {valid.dtype}.")
    strings: dict[tuple[int, ...], list] = {}
    for row, yes in zip(every.tolist(), valid, strict=True):
        layers = row[0] + 1
        found = strings.setdefault((layers, *row[1 : 1 + layers]), [])
        if yes:
            found.append(row)
    for (layers, *widths), found in strings.items():
        network = f"the network of {layers} layer{'s' * (layers > 1)} with widths coded {widths}"
        expect(found, f"There is no valid string left for {network}.")
        expect(
            len(found) == 1,
            f"There are {len(found)} valid strings for {network}: {found}.",
        )
        expect(
            not any(found[0][1 + layers :]),
            f"{found[0]} is valid: what is not there must stand at its first value, which has code 0.",
        )
    space = mn.spaces.CategoricalSpace(["layers", "w1", "w2", "w3"], [3, 4, 4, 4], is_valid=answer)
    space.sample(20, np.random.default_rng(1))
    return (
        f"{valid.sum()} valid strings for {len(strings)} networks, where there were {len(every)}."
    )


class _Watched:
    """A searcher that takes note of what it is asked for and told."""

    def __init__(self, searcher):
        self._searcher = searcher
        self.told: dict[int, float] = {}

    def ask(self, n=None):
        return self._searcher.ask(n)

    def tell(self, proposals, rewards):
        self._searcher.tell(proposals, rewards)  # refuses what was told before
        ids = getattr(proposals, "ids", proposals)
        self.told |= dict(zip(np.asarray(ids).tolist(), np.asarray(rewards).tolist(), strict=True))

    def __getattr__(self, name):
        return getattr(self._searcher, name)


class _Pool:
    """Workers whose evaluations end in a random order."""

    def __init__(self, searcher, budget, workers, seed):
        self.searcher, self.budget, self.workers = searcher, budget, workers
        self.rng = np.random.default_rng(seed)
        self.running: dict[int, float] = {}
        self.ended: dict[int, float] = {}

    def start(self, number, actions):
        """Begin an evaluation."""
        actions, number = np.asarray(actions), int(number)
        expect(
            actions.shape == (4,),
            f"start got actions of shape {actions.shape}, not one string (4,).",
        )
        known = number in self.running or number in self.ended
        expect(not known, f"Proposal {number} is started twice.")
        expect(
            len(self.running) + len(self.ended) < self.budget,
            f"More than {self.budget} evaluations are started.",
        )
        self.running[number] = float(actions.sum())
        expect(
            len(self.running) <= self.workers,
            f"{len(self.running)} evaluations run at a time, on {self.workers} workers.",
        )

    def wait(self):
        """Return the id and the reward of some evaluation that has ended."""
        expect(self.running, "You wait although nothing runs: this would never end.")
        possible = min(self.workers, self.budget - len(self.ended))
        expect(
            len(self.running) == possible,
            f"{len(self.running)} evaluations run when you begin to wait, {possible} could.",
        )
        expect(
            self.searcher.counts["asked"] == len(self.running) + len(self.ended),
            "You have asked for strings that no worker is free for yet. They come from an older "
            "policy than they need to.",
        )
        number = int(self.rng.choice(sorted(self.running)))
        self.ended[number] = self.running.pop(number)
        return number, self.ended[number]


@exercise
def check_drive(answer):
    """Budget spent exactly, all workers busy, every result told to the string that it belongs to."""
    expect(callable(answer), "The answer must be a function of five arguments.")
    space = mn.spaces.CategoricalSpace(list("abcd"), [4, 4, 4, 4])
    for budget, workers, seed in ((25, 4, 0), (7, 1, 1), (3, 5, 2), (40, 6, 3)):
        searcher = _Watched(
            mn.searchers.create("remaade", space, seed=seed, preset="paper-short", batch_size=6)
        )
        pool = _Pool(searcher, budget, workers, seed)
        answer(searcher, pool.start, pool.wait, budget, workers)
        expect(
            len(pool.ended) == budget,
            f"Of {budget} evaluations {len(pool.ended)} have ended and {len(pool.running)} still run.",
        )
        expect(
            set(searcher.told) == set(pool.ended),
            f"{len(searcher.told)} of {budget} results were told.",
        )
        expect(
            searcher.told == pool.ended,
            "Results were told to the wrong strings: wait() says which evaluation has ended, and it "
            "need not be the one that was started first, or last.",
        )
    return "the budget to the last query, no idle worker, and every reward with its own string."


def _reference(X, y, folds, k, fit, r_squared):
    """What `honest_score` should return."""
    found = []
    for j, left_out in enumerate(folds):
        train = np.concatenate([fold for i, fold in enumerate(folds) if i != j])
        A, b = X[train], y[train]
        correlation = np.abs((A - A.mean(axis=0)).T @ (b - b.mean())) / A.std(axis=0)
        chosen = np.argsort(-correlation)[:k]
        mean, scale = A[:, chosen].mean(axis=0), A[:, chosen].std(axis=0)
        predict = fit((A[:, chosen] - mean) / scale, b)
        found.append(r_squared(y[left_out], predict((X[left_out][:, chosen] - mean) / scale)))
    return float(np.mean(found))


class _Watcher:
    """A fit that looks at what it is given."""

    def __init__(self, fit, k):
        self.fit, self.k, self.sizes = fit, k, []

    def __call__(self, X_train, y_train):
        expect(
            X_train.shape == (len(y_train), self.k),
            f"fit got features of shape {X_train.shape} and {len(y_train)} outcomes; {self.k} features "
            "were to be chosen.",
        )
        self.sizes.append(len(y_train))
        scaled = np.allclose(X_train.mean(axis=0), 0) and np.allclose(X_train.std(axis=0), 1)
        expect(scaled, "The training rows are not scaled to mean 0 and deviation 1.")
        return self.fit(X_train, y_train)


@exercise
def check_honest_score(answer):
    """Nothing of the rows left out may reach the model."""
    expect(callable(answer), "The answer must be a function, `answer(X, y, folds, k, fit)`.")

    def r_squared(y, prediction):
        """(15.1)."""
        return 1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum()

    def fit(X_train, y_train):
        """Ridge regression, so that the scale of the features matters."""
        offset = y_train.mean()
        A = X_train.T @ X_train + 5.0 * np.eye(X_train.shape[1])
        solution = np.linalg.solve(A, X_train.T @ (y_train - offset))
        return lambda X: X @ solution + offset

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 1500)), rng.normal(size=90)
    folds = np.array_split(rng.permutation(90), 3)
    value = float(answer(X, y, folds, 10, fit))
    expect(
        value < 0.05,
        f"R² = {value:.2f} on pure noise: the rows left out still have a say in what is learnt. Which "
        "rows choose the features?",
    )
    for rows, columns, k in ((60, 30, 4), (75, 12, 3)):
        X = rng.normal(size=(rows, columns)) * rng.uniform(0.2, 5, size=columns) + rng.normal(
            size=columns
        )
        y = X[:, :3] @ rng.normal(size=3) + rng.normal(size=rows) + 2.0
        folds = np.array_split(rng.permutation(rows), 5)
        watched = _Watcher(fit, k)
        value = float(answer(X.copy(), y.copy(), folds, k, watched))
        expect(
            watched.sizes == [rows - len(fold) for fold in folds],
            "Each fold must be left out once, and the model be trained on all the others.",
        )
        expect_close(
            value,
            _reference(X, y, folds, k, fit, r_squared),
            "On data with a signal it is not the mean R² on the rows left out, with features and scale "
            "of the training rows of each fold.",
            rtol=1e-9,
        )
    return (
        "about nothing, from nothing. Everything that looks at y, and scaling too, is a part of the "
        "training, and has to happen once more in each fold, without the rows left out."
    )
