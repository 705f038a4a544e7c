"""Solutions of notebook 5: additive attention."""

from __future__ import annotations

import numpy as np


def bound(w_a):
    """5.1: the largest ratio of two weights that additive scores allow.

    alpha_j / alpha_l = exp(e_j) / exp(e_l) = exp(e_j - e_l): the sum over all keys cancels. By (5.10)
    no score is further from 0 than ||w_a||_1, so two scores differ by at most twice that. It is the
    smallest bound: a large key with the signs of w_a in front of the tanh comes as near to +||w_a||_1
    as one likes, its opposite to the other end.
    """
    return np.exp(2 * np.abs(w_a).sum())


def pull(alpha, keys, dcontext):
    """5.2: de[i, j] = alpha[i, j] (k_j - c_i) . dc_i, equation 5.6.

    Both dot products are made for all pairs at once: k_j . dc_i is an entry of a matrix product, and
    c_i . dc_i one number a query. A query that sees nothing has alpha = 0 and c = 0, so its row is 0
    without a special case.
    """
    context = alpha @ keys
    along_keys = dcontext @ keys.T
    along_context = (context * dcontext).sum(axis=1, keepdims=True)
    return alpha * (along_keys - along_context)


def silent(dout, cache):
    """5.3: the colleague's backward, repaired in one line.

    The backward of a softmax takes off sum_l alpha_l dalpha_l, the mean of dalpha under the weights
    (5.5). The colleague took the plain mean. They are the same where all weights are equal, which
    W_k = 0 makes them: the check was made at the one point where the bug could not be seen.
    """
    x, keys, W_q, W_k, w_a, u, alpha = cache
    dalpha = dout @ keys.T
    de = alpha * (dalpha - (alpha * dalpha).sum(axis=1, keepdims=True))  # was dalpha.mean(...)
    dw_a = np.einsum("ij,ija->a", de, u)
    ds = de[:, :, None] * w_a * (1 - u * u)
    dquery, dkey = ds.sum(axis=1), ds.sum(axis=0)
    dkeys = alpha.T @ dout + dkey @ W_k.T
    return dquery @ W_q.T, dkeys, x.T @ dquery, keys.T @ dkey, dquery.sum(axis=0), dw_a
