"""The density estimation layer: one affine head for each hyper-parameter (equation 9)."""

from __future__ import annotations

from typing import NamedTuple

from maade_np.backend import Array, array_module, batch_sum


class HeadsCache(NamedTuple):
    """What the backward needs."""

    h: Array
    W: Array


def heads_forward(h: Array, W: Array, b: Array) -> tuple[Array, HeadsCache]:
    """Compute ``logits_i = h_i W[i] + b[i]``, each hyper-parameter by its own head.

    Parameters
    ----------
    h : array (B, N, f)
    W : array (N, f, D)
    b : array (N, D)

    Returns
    -------
    logits : array (B, N, D)
    cache : HeadsCache
    """
    xp = array_module(h)
    # contiguous, or every operation on it would loop over D values at a time
    logits = xp.ascontiguousarray((h.transpose(1, 0, 2) @ W).transpose(1, 0, 2))
    logits += b
    return logits, HeadsCache(h, W)


def heads_backward(dlogits: Array, cache: HeadsCache) -> tuple[Array, Array, Array]:
    r"""Backward of `heads_forward`: an affine backward for each hyper-parameter.

    Returns
    -------
    dh : array (B, N, f)
    dW : array (N, f, D)
    db : array (N, D)
    """
    h, W = cache
    xp = array_module(dlogits)
    dz = dlogits.transpose(1, 0, 2)
    dh = xp.empty_like(h)
    xp.matmul(dz, W.transpose(0, 2, 1), out=dh.transpose(1, 0, 2))
    dW = h.transpose(1, 2, 0) @ dz
    return dh, dW, batch_sum(dlogits)


class FoldHeadsCache(NamedTuple):
    """What the backward needs."""

    W2: Array
    b2: Array
    W_out: Array


def fold_heads_forward(
    W2: Array, b2: Array, W_out: Array, b_out: Array
) -> tuple[tuple[Array, Array], FoldHeadsCache]:
    """Fold the last affine map into the heads: ``(y W2 + b2) W_out[i] + b_out[i] = y W[i] + b[i]``.

    ``W[i] = W2 W_out[i]`` and ``b[i] = b2 W_out[i] + b_out[i]`` depend on the parameters alone: they
    are computed once a batch, and the B N products with the (f, d) matrix W2 are gone.

    Parameters
    ----------
    W2 : array (f, d)
    b2 : array (d,)
    W_out : array (N, d, D)
    b_out : array (N, D)

    Returns
    -------
    (W, b) : arrays (N, f, D), (N, D)
    cache : FoldHeadsCache
    """
    return (W2 @ W_out, b2 @ W_out + b_out), FoldHeadsCache(W2, b2, W_out)


def fold_heads_backward(
    dW: Array, db: Array, cache: FoldHeadsCache
) -> tuple[Array, Array, Array, Array]:
    r"""Backward of `fold_heads_forward`.

    .. math::
        dW_2 = \sum_i dW_i W_{out,i}^T, \quad db_2 = \sum_i W_{out,i}\, db_i, \quad
        dW_{out,i} = W_2^T dW_i + b_2^T db_i, \quad db_{out} = db .

    Returns
    -------
    dW2, db2, dW_out, db_out : arrays
        Shaped like what they belong to.
    """
    W2, b2, W_out = cache
    xp = array_module(dW)
    dW2 = xp.tensordot(dW, W_out, axes=((0, 2), (0, 2)))
    db2 = (W_out @ db[:, :, None]).sum(axis=0)[:, 0]
    dW_out = W2.T @ dW
    dW_out += b2[:, None] * db[:, None, :]
    return dW2, db2, dW_out, db
