"""Plausible wrong answers to the exercises of notebook 15; every check must reject each."""

import numpy as np


def _labels_for_codes(actions):
    """Takes the code of `layers` for their number."""
    layers, w2, w3 = actions[:, 0], actions[:, 2], actions[:, 3]
    return ((layers >= 2) | (w2 == 0)) & ((layers >= 3) | (w3 == 0))


def _forgets_the_third(actions):
    return (actions[:, 0] >= 1) | ((actions[:, 2] == 0) & (actions[:, 3] == 0))


def _wide_is_absent(actions):
    layers, w2, w3 = actions[:, 0] + 1, actions[:, 2], actions[:, 3]
    return ((layers >= 2) | (w2 == 3)) & ((layers >= 3) | (w3 == 3))


def _zero_never_there(actions):
    """A layer that is there may not have its first width."""
    layers, w2, w3 = actions[:, 0] + 1, actions[:, 2], actions[:, 3]
    return ((layers >= 2) == (w2 > 0)) & ((layers >= 3) == (w3 > 0))


def _one_answer(actions):
    layers = actions[:, 0] + 1
    return bool((((layers >= 2) | (actions[:, 2] == 0)) & (layers >= 3)).all())


def _as_numbers(actions):
    from solutions.nb15 import is_valid

    return is_valid(actions).astype(int)


def _one_after_the_other(searcher, start, wait, budget, workers):
    for _ in range(budget):
        proposal = searcher.ask(1)
        start(int(proposal.ids[0]), proposal.actions[0])
        number, reward = wait()
        searcher.tell(np.array([number]), [reward])


def _whole_batches(searcher, start, wait, budget, workers):
    told = 0
    while told < budget:
        batch = searcher.ask(min(workers, budget - told))
        for number, actions in zip(batch.ids, batch.actions, strict=True):
            start(int(number), actions)
        for _ in range(len(batch)):
            number, reward = wait()
            searcher.tell(np.array([number]), [reward])
            told += 1


def _overshoots(searcher, start, wait, budget, workers):
    running = told = 0
    while told < budget:
        while running < workers:
            proposal = searcher.ask(1)
            start(int(proposal.ids[0]), proposal.actions[0])
            running += 1
        number, reward = wait()
        searcher.tell(np.array([number]), [reward])
        running, told = running - 1, told + 1


def _leaves_the_last(searcher, start, wait, budget, workers):
    started = told = 0
    while started < budget:
        while started < budget and started - told < workers:
            proposal = searcher.ask(1)
            start(int(proposal.ids[0]), proposal.actions[0])
            started += 1
        number, reward = wait()
        searcher.tell(np.array([number]), [reward])
        told += 1


def _tells_in_the_order_of_asking(searcher, start, wait, budget, workers):
    started = told = 0
    while told < budget:
        while started < budget and started - told < workers:
            proposal = searcher.ask(1)
            start(int(proposal.ids[0]), proposal.actions[0])
            started += 1
        _, reward = wait()
        searcher.tell(np.array([told]), [reward])
        told += 1


def _tells_the_latest(searcher, start, wait, budget, workers):
    started = told = 0
    while told < budget:
        while started < budget and started - told < workers:
            proposal = searcher.ask(1)
            start(int(proposal.ids[0]), proposal.actions[0])
            started += 1
        _, reward = wait()
        searcher.tell(proposal, [reward])
        told += 1


def _asks_ahead(searcher, start, wait, budget, workers):
    queue, started, told = [], 0, 0
    while told < budget:
        while started < budget and started - told < workers:
            if not queue:
                batch = searcher.ask(min(6, budget - started))
                queue = list(zip(batch.ids.tolist(), batch.actions, strict=True))
            start(*queue.pop(0))
            started += 1
        number, reward = wait()
        searcher.tell(np.array([number]), [reward])
        told += 1


def _r_squared(y, prediction):
    return 1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum()


def _chosen(X, y, k):
    correlation = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())) / X.std(axis=0)
    return np.argsort(-correlation)[:k]


def _scores(X, y, folds, k, fit, choose="train", scale="train", on="left out", figure=_r_squared):
    """An honest score with one thing wrong."""
    found = []
    for j, left_out in enumerate(folds):
        train = np.concatenate([fold for i, fold in enumerate(folds) if i != j])
        rows = {"train": train, "all": np.arange(len(y)), "left out": left_out}
        chosen = _chosen(X[rows[choose]], y[rows[choose]], k)
        A = X[:, chosen]
        mean, deviation = A[rows[scale]].mean(axis=0), A[rows[scale]].std(axis=0)
        A = (A - mean) / deviation
        predict = fit(A[train], y[train])
        found.append(figure(y[rows[on]], predict(A[rows[on]])))
    return np.mean(found)


def _each_scaled_by_itself(X, y, folds, k, fit):
    found = []
    for j, left_out in enumerate(folds):
        train = np.concatenate([fold for i, fold in enumerate(folds) if i != j])
        chosen = _chosen(X[train], y[train], k)
        A, B = X[train][:, chosen], X[left_out][:, chosen]
        predict = fit((A - A.mean(axis=0)) / A.std(axis=0), y[train])
        found.append(_r_squared(y[left_out], predict((B - B.mean(axis=0)) / B.std(axis=0))))
    return np.mean(found)


def _trains_on_the_fold(X, y, folds, k, fit):
    everything = np.arange(len(y))
    return _scores(X, y, [np.setdiff1d(everything, fold) for fold in folds], k, fit)


WRONG = {
    "is_valid": [
        _labels_for_codes,
        _forgets_the_third,
        _wide_is_absent,
        _zero_never_there,
        _one_answer,
        _as_numbers,
        lambda actions: np.ones(len(actions), dtype=bool),
    ],
    "drive": [
        _one_after_the_other,
        _whole_batches,
        _overshoots,
        _leaves_the_last,
        _tells_in_the_order_of_asking,
        _tells_the_latest,
        _asks_ahead,
    ],
    "honest_score": [
        lambda *a: _scores(*a, choose="all", scale="all"),  # as it stands
        lambda *a: _scores(*a, choose="all"),
        lambda *a: _scores(*a, choose="left out"),
        lambda *a: _scores(*a, scale="all"),
        lambda *a: _scores(*a, on="train"),
        lambda *a: _scores(*a, figure=lambda y, p: ((y - p) ** 2).mean()),
        lambda *a: _scores(*a, figure=lambda y, p: -((y - p) ** 2).mean()),
        _each_scaled_by_itself,
        _trains_on_the_fold,
    ],
}
