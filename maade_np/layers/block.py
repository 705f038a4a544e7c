"""The Simplified Transformer block (the paper's equations 6 to 8), in two forms of one function.

A block lets each query x attend to the keys that are visible to it and sends the sum through PosFF:
``out = PosFF(x + sum_j alpha_j k_j)``. No residual around PosFF, no layer norm, no positions.

*Textbook form.* Queries and keys are vectors of each string: (B, N, d). It costs a tanh of width a
for each of B N N pairs. It serves every block, and it is what the other form is tested against.

*Factorised form, for the first block.* Before the first block a key depends on nothing but its pair
p = (j, a_j), and a query on nothing but i (query stream) or the pair (i, a_i) (key stream). So all
scores that can occur stand in one table of N x P (or P x P), made once for the whole batch: B/D times
(B/D^2) fewer tanh. The keys that a string chose are a subset of the P pairs, so *a string's attention
is attention over all pairs, masked to those it chose and may see*: no gather, no scatter, and what
flows back into the table is a sum over the batch. By the same reasoning W1 is applied to the P keys
and to the queries before the weighted sum, not to its B N results:
``(x + alpha K) W1 + b1 = (x W1 + b1) + alpha (K W1)``. It returns ``y = tanh(...)``, the inner activation
of PosFF; what is left of PosFF is the affine map ``y W2 + b2``, which the policy applies before a
second block or, where there is none, folds into the heads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from maade_np.backend import Array, array_module, batch_sum
from maade_np.layers.additive_scores import additive_scores_backward, additive_scores_forward
from maade_np.layers.affine import affine_backward, affine_forward
from maade_np.layers.dot_scores import dot_scores_backward, dot_scores_forward
from maade_np.layers.masked_softmax import (
    MaskedSoftmaxCache,
    masked_softmax_backward,
    masked_softmax_forward,
)
from maade_np.layers.tanh_ff import TanhFFCache, tanh_backward, tanh_ff_backward, tanh_ff_forward

Weights = dict[str, Array]


def scores_forward(x: Array, keys: Array, weights: Weights) -> tuple[Array, Any]:
    """Additive scores where the block has a vector w_a, scaled dot products where it has none."""
    if "w_a" in weights:
        return additive_scores_forward(
            x, keys, weights["W_q"], weights["W_k"], weights["b_a"], weights["w_a"]
        )
    return dot_scores_forward(x, keys, weights["W_q"], weights["W_k"], weights["b_a"])


def scores_backward(dscores: Array, cache: Any) -> tuple[Array, Array, Weights]:
    """Backward of `scores_forward`: dx, dkeys and the gradients of the attention's weights."""
    if hasattr(cache, "w_a"):
        dx, dkeys, dW_q, dW_k, db_a, dw_a = additive_scores_backward(dscores, cache)
        return dx, dkeys, {"W_q": dW_q, "W_k": dW_k, "b_a": db_a, "w_a": dw_a}
    dx, dkeys, dW_q, dW_k, db_a = dot_scores_backward(dscores, cache)
    return dx, dkeys, {"W_q": dW_q, "W_k": dW_k, "b_a": db_a}


class TextbookBlockCache(NamedTuple):
    """What the backward needs."""

    scores: Any
    softmax: MaskedSoftmaxCache
    keys: Array
    ff: TanhFFCache
    x_shape: tuple[int, ...]


def textbook_block_forward(
    x: Array, keys: Array, visible: Array, weights: Weights
) -> tuple[Array, TextbookBlockCache]:
    """Compute ``PosFF(x + alpha K)`` for queries and keys of each string (equations 6 and 7).

    Parameters
    ----------
    x : array (B, N, d), or (N, d) where all strings have the same queries
    keys : array (B, N, d)
    visible : boolean array (B, N, N)
        ``visible[b, i, j]``: string b's query i may see its key j.
    weights : dict
        W_q, W_k, b_a, w_a (additive attention only), W1, b1, W2, b2.

    Returns
    -------
    out : array (B, N, d)
    cache : TextbookBlockCache
    """
    scores, scores_cache = scores_forward(x, keys, weights)
    alpha, softmax = masked_softmax_forward(scores, visible)
    context = alpha @ keys
    out, ff = tanh_ff_forward(x + context, *(weights[name] for name in ("W1", "b1", "W2", "b2")))
    return out, TextbookBlockCache(scores_cache, softmax, keys, ff, x.shape)


def textbook_block_backward(dout: Array, cache: TextbookBlockCache) -> tuple[Array, Array, Weights]:
    r"""Backward of `textbook_block_forward`.

    Keys act twice, as what is scored and as what is summed, and so do queries; each gradient is the
    sum of both paths. From :math:`c_i = \sum_j \alpha_{ij} k_j`:
    :math:`d\alpha_{ij} = dc_i \cdot k_j`, :math:`dk_j = \sum_i \alpha_{ij}\, dc_i`.

    Returns
    -------
    dx : array, shaped like x
    dkeys : array (B, N, d)
    dweights : dict
    """
    alpha = cache.softmax.alpha
    dsum, *dff = tanh_ff_backward(dout, cache.ff)
    dkeys_summed = alpha.swapaxes(-1, -2) @ dsum
    dscores = masked_softmax_backward(dsum @ cache.keys.swapaxes(-1, -2), cache.softmax)
    dx_scored, dkeys_scored, dweights = scores_backward(dscores, cache.scores)
    dx_summed = batch_sum(dsum) if len(cache.x_shape) == 2 else dsum
    dweights |= dict(zip(("W1", "b1", "W2", "b2"), dff, strict=True))
    return dx_summed + dx_scored, dkeys_summed + dkeys_scored, dweights


class FactorisedBlockCache(NamedTuple):
    """What the backward needs."""

    scores: Any
    softmax: MaskedSoftmaxCache
    base: Any
    values: Any
    values_out: Array
    own: Array | None
    y: Array


def factorised_block_forward(
    x: Array, keys: Array, visible: Array, weights: Weights, own: Array | None = None
) -> tuple[Array, FactorisedBlockCache]:
    """Compute the first block's y for all strings from the tables of what can occur.

    Parameters
    ----------
    x : array (N, d) in the query stream; (P, d), the keys, in the key stream
    keys : array (P, d)
    visible : boolean array (B, N, P)
        ``visible[b, i, p]``: string b chose pair p, and its query i may see it.
    weights : dict
        W_q, W_k, b_a, w_a (additive attention only), W1, b1.
    own : array (B, N, P) of 0 and 1, optional
        Key stream: the one-hot choice, ``own[b, i, p] = 1`` where p is the pair (i, a_bi), so that
        ``own @ table`` selects each string's rows and its transpose brings gradients back.

    Returns
    -------
    y : array (B, N, f)
    cache : FactorisedBlockCache
    """
    xp = array_module(x)
    table, scores_cache = scores_forward(x, keys, weights)
    base_out, base = affine_forward(x, weights["W1"], weights["b1"])
    values_out, values = affine_forward(keys, weights["W1"], xp.zeros_like(weights["b1"]))
    scores = table if own is None else own @ table
    alpha, softmax = masked_softmax_forward(scores, visible)
    P, f = values_out.shape
    pre = (alpha.reshape(-1, P) @ values_out).reshape(*visible.shape[:2], f)
    pre += base_out if own is None else own @ base_out
    y = xp.tanh(pre, out=pre)
    return y, FactorisedBlockCache(scores_cache, softmax, base, values, values_out, own, y)


def factorised_block_backward(
    dy: Array, cache: FactorisedBlockCache
) -> tuple[Array, Array, Weights]:
    r"""Backward of `factorised_block_forward`.

    With :math:`s = x W_1 + b_1` (one row a query), :math:`K' = K W_1` and
    :math:`y_b = \tanh(s + \alpha_b K')`:

    .. math::
        ds = \sum_b dpre_b, \quad dK' = \sum_b \alpha_b^T dpre_b, \quad
        d\alpha_b = dpre_b K'^T, \quad d\text{table} = \sum_b de_b ;

    in the key stream the sums over strings go through the transposed one-hot choice.

    Returns
    -------
    dx, dkeys : arrays, shaped like x and keys
    dweights : dict
    """
    own, alpha = cache.own, cache.softmax.alpha
    dpre = tanh_backward(dy, cache.y)
    P, f = cache.values_out.shape
    rows = dpre.reshape(-1, f)
    dvalues = alpha.reshape(-1, P).T @ rows
    dalpha = (rows @ cache.values_out.T).reshape(alpha.shape)
    dtable = masked_softmax_backward(dalpha, cache.softmax)
    if own is None:
        dbase = batch_sum(dpre)
    else:
        chosen = own.reshape(-1, P).T
        dbase, dtable = chosen @ rows, chosen @ dtable.reshape(-1, P)
    dkeys, dW1_values, _ = affine_backward(dvalues, cache.values)
    dx, dW1_base, db1 = affine_backward(dbase, cache.base)
    dx_scored, dkeys_scored, dweights = scores_backward(dtable, cache.scores)
    dweights |= {"W1": dW1_values + dW1_base, "b1": db1}
    return dx + dx_scored, dkeys + dkeys_scored, dweights
