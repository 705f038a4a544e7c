"""Solutions of notebook 15."""

from __future__ import annotations

import numpy as np


def is_valid(actions):
    # Code 0 of `layers` means one layer, so width w2 is there from code 1 on and w3 from code 2 on.
    layers, w2, w3 = actions[:, 0] + 1, actions[:, 2], actions[:, 3]
    return ((layers >= 2) | (w2 == 0)) & ((layers >= 3) | (w3 == 0))


def drive(searcher, start, wait, budget, workers):
    started = told = 0
    while told < budget:
        # fill all workers first, one string each: ask(1) takes the policy as it is now
        while started < budget and started - told < workers:
            proposal = searcher.ask(1)
            start(int(proposal.ids[0]), proposal.actions[0])
            started += 1
        number, reward = wait()
        searcher.tell(np.array([number]), [reward])  # by id: whichever has ended
        told += 1


def honest_score(X, y, folds, k, fit):
    # The bug: the ten features were chosen with all 90 patients, those left out included. Among 2,000
    # columns of noise some go with the outcome of the left-out rows by chance, and these were
    # picked. Choosing features looks at y, so it is a part of training, and belongs into the loop;
    # so does scaling, which did less harm.
    found = []
    for j, left_out in enumerate(folds):
        train = np.concatenate([fold for i, fold in enumerate(folds) if i != j])
        X_train, y_train = X[train], y[train]
        centred = X_train - X_train.mean(axis=0)
        correlation = np.abs(centred.T @ (y_train - y_train.mean())) / X_train.std(axis=0)
        chosen = np.argsort(-correlation)[:k]
        mean, scale = X_train[:, chosen].mean(axis=0), X_train[:, chosen].std(axis=0)
        predict = fit((X_train[:, chosen] - mean) / scale, y_train)
        prediction = predict((X[left_out][:, chosen] - mean) / scale)
        y_out = y[left_out]
        found.append(1 - ((y_out - prediction) ** 2).sum() / ((y_out - y_out.mean()) ** 2).sum())
    return np.mean(found)
