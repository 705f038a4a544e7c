"""Plausible wrong answers to the exercises of notebook 5."""

from __future__ import annotations

import numpy as np


def _pull_without_centre(alpha, keys, dcontext):
    return alpha * (dcontext @ keys.T)


def _pull_from_plain_mean(alpha, keys, dcontext):
    return alpha * (dcontext @ (keys - keys.mean(axis=0)).T)


def _pull_of_sigmoid(alpha, keys, dcontext):
    return alpha * (1 - alpha) * (dcontext @ keys.T)


def _pull_normalised_again(alpha, keys, dcontext):
    alpha = alpha / alpha.sum(axis=1, keepdims=True) if alpha.any(axis=1).all() else alpha + 1e-9
    context = alpha @ keys
    return alpha * (dcontext @ keys.T - (context * dcontext).sum(axis=1, keepdims=True))


def _pull_of_first_query(alpha, keys, dcontext):
    context = alpha @ keys
    return alpha * ((keys - context[0]) @ dcontext.T).T


def _backward(dout, cache, centred, swapped=False, scored=True):
    x, keys, W_q, W_k, w_a, u, alpha = cache
    dalpha = dout @ keys.T
    de = alpha * (dalpha - centred(alpha, dalpha))
    dw_a = np.einsum("ij,ija->a", de, u)
    ds = de[:, :, None] * w_a * (1 - u * u)
    dquery, dkey = ds.sum(axis=1), ds.sum(axis=0)
    if swapped:
        dquery, dkey = dkey, dquery
    dkeys = alpha.T @ dout + (dkey @ W_k.T if scored else 0)
    return dquery @ W_q.T, dkeys, x.T @ dquery, keys.T @ dkey, dquery.sum(axis=0), dw_a


def _right_mean(alpha, dalpha):
    return (alpha * dalpha).sum(axis=1, keepdims=True)


def _as_it_was(dout, cache):
    return _backward(dout, cache, lambda alpha, dalpha: dalpha.mean(axis=1, keepdims=True))


def _not_centred(dout, cache):
    return _backward(dout, cache, lambda alpha, dalpha: 0.0)


def _over_queries(dout, cache):
    return _backward(dout, cache, lambda alpha, dalpha: (alpha * dalpha).sum(axis=0))


def _mean_of_products(dout, cache):
    return _backward(
        dout, cache, lambda alpha, dalpha: (alpha * dalpha).mean(axis=1, keepdims=True)
    )


def _swapped_sums(dout, cache):
    return _backward(dout, cache, _right_mean, swapped=True)


def _one_path(dout, cache):
    return _backward(dout, cache, _right_mean, scored=False)


WRONG = {
    "bound": [
        lambda w_a: np.exp(np.abs(w_a).sum()),  # one score at its end, the other at 0
        lambda w_a: 2 * np.abs(w_a).sum(),  # of the difference of scores, not of the weights
        lambda w_a: np.exp(2 * np.sqrt((w_a**2).sum())),  # another norm
        lambda w_a: np.exp(2 * w_a.sum()),  # signs forgotten
        lambda w_a: np.exp(2 * len(w_a) * np.abs(w_a).max()),  # a bound, but not the smallest
    ],
    "pull": [
        _pull_without_centre,
        _pull_from_plain_mean,
        _pull_of_sigmoid,
        _pull_normalised_again,
        _pull_of_first_query,
    ],
    "silent": [
        _as_it_was,
        _not_centred,
        _over_queries,
        _mean_of_products,
        _swapped_sums,
        _one_path,
    ],
}
