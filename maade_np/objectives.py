"""What the policy is trained on: minimised losses of the strings' log-probabilities.

Each function returns a loss and its gradient with respect to what the policy computed, so that a
policy gradient is ``policy.backward(dlog_prob, cache, dconditionals)``. The losses are no measure of
progress: the data they are computed on change with the policy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from maade_np.backend import Array, array_module, row_sum, to_device
from maade_np.policies.base import check_orders

# exp(20) is 5e8: a ratio beyond it says "far outside", and its exact value must not overflow.
MAX_LOG_RATIO = 20.0


def reinforce(log_prob: Array, advantage: Array) -> tuple[Array, Array]:
    r"""REINFORCE (Williams 1992; the paper's equation 1).

    .. math:: L = -\frac1B \sum_b A_b \log P(a_b), \qquad
              \frac{\partial L}{\partial \log P(a_b)} = -\frac{A_b}{B} .

    Parameters
    ----------
    log_prob : array (B,)
    advantage : array (B,)
        Reward minus baseline, a constant.

    Returns
    -------
    loss : scalar array
    dlog_prob : array (B,)
    """
    _check_batch(log_prob, advantage=advantage)
    dlog_prob = -advantage / len(log_prob)
    return (log_prob * dlog_prob).sum(), dlog_prob


def ppo(
    log_prob: Array,
    old_log_prob: Array,
    advantage: Array,
    epsilon: float = 0.1,
    form: str = "paper",
) -> tuple[Array, Array]:
    r"""Proximal policy optimisation, as the paper prints it or as the literature does.

    With :math:`r = P(a; \theta) / P(a; \theta_{old})`:

    * ``form="paper"`` (equation 11): :math:`L = -\mathrm{mean}\,A \min(r, \mathrm{clip}(r, 1-\epsilon,
      1+\epsilon))`. As :math:`\min(r, \mathrm{clip}(r)) = \min(r, 1+\epsilon)`, a string with
      :math:`A < 0` that became likelier than :math:`1+\epsilon` is *not* pushed down any more, and
      one that became unlikelier than :math:`1-\epsilon` still is.
    * ``form="clipped"`` (Schulman et al. 2017): :math:`L = -\mathrm{mean}\,\min(r A,
      \mathrm{clip}(r) A)`, that is :math:`A \min(r, 1+\epsilon)` for :math:`A \ge 0` and
      :math:`A \max(r, 1-\epsilon)` for :math:`A < 0`.

    They agree for :math:`A \ge 0`, and at :math:`r = 1` both are REINFORCE, so with one update a batch
    :math:`\epsilon` has no effect. Where the ratio counts, :math:`\partial r / \partial \log P = r`;
    where it is clipped, the gradient is 0.

    Parameters
    ----------
    log_prob : array (B,)
    old_log_prob : array (B,)
        Of the same strings under the parameters that drew them, constants.
    advantage : array (B,)
    epsilon : float
        Above 0.
    form : {"paper", "clipped"}

    Returns
    -------
    loss : scalar array
    dlog_prob : array (B,)
    """
    if form not in ("paper", "clipped"):
        raise ValueError(f"form is {form!r}; choose 'paper' or 'clipped'")
    if not epsilon > 0:
        raise ValueError(f"epsilon is {epsilon}; it must be above 0")
    _check_batch(log_prob, old_log_prob=old_log_prob, advantage=advantage)
    xp = array_module(log_prob, old_log_prob, advantage)
    log_ratio = log_prob - old_log_prob
    low, high = log_ratio.real < -MAX_LOG_RATIO, log_ratio.real > MAX_LOG_RATIO
    log_ratio = xp.where(low, -MAX_LOG_RATIO, xp.where(high, MAX_LOG_RATIO, log_ratio))
    ratio = xp.exp(log_ratio)
    capped = ratio.real > 1 + epsilon
    clipped = xp.where(capped, 1 + epsilon, ratio)
    if form == "clipped":
        floored = ratio.real < 1 - epsilon
        bad = advantage.real < 0
        clipped = xp.where(bad, xp.where(floored, 1 - epsilon, ratio), clipped)
        capped = xp.where(bad, floored, capped)
    loss = -(advantage * clipped).mean()
    active = ~(capped | low | high)
    return loss, -advantage * ratio * active / len(log_prob)


class EntropyGradient(NamedTuple):
    """The entropy's estimate, as a loss ``-H`` to be minimised, and its gradients."""

    loss: Array
    dlog_prob: Array
    dconditionals: Array


def entropy(
    log_prob: Array,
    log_probs: Array,
    actions: np.ndarray,
    orders: np.ndarray,
    exists: Array,
    form: str = "full",
) -> EntropyGradient:
    r"""Estimate the entropy of the policy under its orders, and the gradient of the estimate's mean.

    Along a sampled string, :math:`\sum_t H_t` (the entropies of its conditionals) is an unbiased
    estimate of the entropy. Its own derivative is not one of the entropy's gradient: a later
    :math:`H_s` also depends on the parameters through the prefix that was drawn.

    * ``"full"`` adds that part as a score term:
      :math:`\sum_t \nabla H_t + \sum_t \nabla \log\pi(a_t|\cdot)\,(\sum_{s>t} H_s - c_t)`.
    * ``"score"``: :math:`-(\log P + 1 - c)\,\nabla \log P`, cheap and unbiased, of larger variance.
    * ``"pathwise"``: :math:`\sum_t \nabla H_t` alone, common and biased; named so.

    The baselines c are means over the other strings of the batch, so they leave both unbiased.

    Parameters
    ----------
    log_prob : array (B,)
    log_probs : array (B, N, D)
        Conditionals of strings that were drawn from the policy at temperature 1.
    actions, orders : integer arrays (B, N), on the host
    exists : boolean array (N, D)
        Which values there are; ``policy.layout.exists``.
    form : {"full", "score", "pathwise"}

    Returns
    -------
    EntropyGradient
        loss (minus the entropy), dlog_prob (B,), dconditionals (B, N, D).
    """
    if form not in ("full", "score", "pathwise"):
        raise ValueError(f"form is {form!r}; choose 'full', 'score' or 'pathwise'")
    xp = array_module(log_prob, log_probs)
    B = len(log_prob)
    if form == "score":
        weight = log_prob + 1 - _mean_of_others(log_prob + 1)
        return EntropyGradient(log_prob.mean(), weight / B, xp.zeros_like(log_probs))
    finite = xp.where(exists, log_probs, 0)
    probs = xp.where(exists, xp.exp(finite), 0)
    H = -row_sum(probs * finite)[..., 0]
    dconditionals = probs * (finite + 1) / B
    if form == "full":
        ranks = to_device(check_orders(orders, H.shape[1]), xp)
        steps = xp.take_along_axis(H, to_device(np.asarray(orders), xp), axis=1)
        later = xp.cumsum(steps[:, ::-1], axis=1)[:, ::-1] - steps
        weight = xp.take_along_axis(later - _mean_of_others(later), ranks.astype(int), axis=1)
        chosen = to_device(np.asarray(actions), xp)[:, :, None] == xp.arange(log_probs.shape[2])
        dconditionals = dconditionals - chosen * weight[:, :, None] / B
    return EntropyGradient(-H.sum(axis=1).mean(), xp.zeros_like(log_prob), dconditionals)


def _mean_of_others(x: Array) -> Array:
    """For each row the mean of the other rows; 0 where there is no other."""
    if len(x) == 1:
        return x * 0
    return (x.sum(axis=0) - x) / (len(x) - 1)


def _check_batch(log_prob: Array, **others: Array) -> None:
    if log_prob.ndim != 1 or not len(log_prob):
        raise ValueError(f"log_prob has shape {log_prob.shape}; it must be (B,) with B at least 1")
    for name, array in others.items():
        if array.shape != log_prob.shape:
            raise ValueError(f"{name} has shape {array.shape}, but log_prob {log_prob.shape}")
