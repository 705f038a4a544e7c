"""Checks of notebook 7: MAADE in full."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from checks._common import exercise, expect, expect_close
from maade_np import layers
from maade_np.policies import MAADE
from maade_np.spaces import CategoricalSpace

CARDINALITIES, FAMILIES = [2, 3, 2, 4], ["size", "size", "pool", "act"]


def _space():
    return CategoricalSpace(["a", "b", "c", "d"], CARDINALITIES, families=FAMILIES)


def _policy(seed, **settings):
    """A policy of which no parameter is 0, biases included."""
    policy = MAADE(_space(), dtype=np.float64, rng=seed, **settings)
    rng = np.random.default_rng(seed)
    return policy.with_params(
        {name: array + 0.5 * rng.normal(size=array.shape) for name, array in policy.params.items()}
    )


@exercise
def check_count(answer):
    """7.1: the number of parameters."""
    expect(callable(answer), "The answer should be a function.")
    cells = [2] * 21 + [3] * 5, ["edge"] * 21 + ["op"] * 5
    for (cardinalities, families), d, blocks, a, f in (
        (cells, 36, 1, 36, 36),
        (cells, 45, 2, 45, 45),
        ((CARDINALITIES, FAMILIES), 6, 1, 3, 9),
        ((CARDINALITIES, FAMILIES), 5, 3, 7, 2),
        (([3, 3, 5], ["x", "y", "x"]), 4, 2, 4, 6),
        (([5, 3, 3], ["x", "y", "x"]), 4, 2, 4, 6),
    ):
        names = [str(i) for i in range(len(cardinalities))]
        space = CategoricalSpace(names, cardinalities, families=families)
        policy = MAADE(space, d=d, blocks=blocks, attention_width=a, ff_width=f, rng=0)
        found = answer(list(cardinalities), list(families), d, blocks, a, f)
        expect(
            found == policy.num_parameters,
            f"For {len(cardinalities)} decisions, d = {d}, {blocks} blocks, a = {a}, f = {f} the "
            f"policy does not have {found} parameters.",
        )
    return (
        "a block has 2 d a + 2 a numbers of attention and 2 d f + f + d of PosFF, for both streams "
        "together and for any N; only q and the heads grow with N."
    )


@exercise
def check_first(answer):
    """7.2: the probabilities of a decision that is made first."""
    expect(callable(answer), "The answer should be a function of a policy and i.")
    for blocks in (1, 2, 3):
        policy = _policy(70 + blocks, d=6, blocks=blocks, attention_width=5, ff_width=7)
        for i in range(4):
            order = np.array([[i, *(j for j in range(4) if j != i)]])
            right = np.exp(policy.conditionals(np.zeros((1, 4), dtype=int), order))[0, i]
            found = np.asarray(answer(policy, i))
            message = f"With {blocks} block(s), hyper-parameter {i}:"
            expect(
                found.shape == (CARDINALITIES[i],),
                f"{message} there are {CARDINALITIES[i]} values, your answer has shape {found.shape}.",
            )
            expect(np.allclose(found.sum(), 1), f"{message} your probabilities do not add up to 1.")
            expect_close(
                found, right[: CARDINALITIES[i]], f"{message} the probabilities are others."
            )
    return (
        "nothing is visible, so the context is the zero vector in every block, and q_i goes through "
        "the PosFF of each block and its head, whatever the string is."
    )


@exercise
def check_silent(answer):
    """7.3: the colleague's loop over both streams, repaired."""
    expect(callable(answer), "The answer should be a function of policy, actions and orders.")
    strings = np.array(list(product(*map(range, CARDINALITIES))))
    exists = np.arange(max(CARDINALITIES)) < np.array(CARDINALITIES)[:, None]
    for blocks in (1, 2, 3):
        policy = _policy(730 + blocks, d=6, blocks=blocks)
        kept = {name: array.copy() for name, array in policy.params.items()}
        for order in list(permutations(range(4)))[::5]:
            orders = np.tile(order, (len(strings), 1))
            logits = np.asarray(answer(policy, strings.copy(), orders.copy()))
            expect(
                logits.shape == (len(strings), 4, max(CARDINALITIES)),
                f"The logits should have shape (B, N, D); yours have {logits.shape}.",
            )
            log_probs, _ = layers.log_softmax_forward(logits, exists)
            chosen = np.take_along_axis(log_probs, strings[:, :, None], axis=2).sum(axis=(1, 2))
            total = np.exp(chosen).sum()
            expect(
                abs(total - 1) < 1e-9,
                f"With {blocks} block(s) and the order {list(order)} the probabilities of all strings "
                f"add up to {total:.6f}.",
            )
            right = policy.conditionals(strings, orders)
            expect_close(
                log_probs[:, exists],
                right[:, exists],
                f"With {blocks} block(s) and the order {list(order)} it is a policy, but not MAADE: "
                "compare your loop with (7.2) and (7.3).",
            )
        for name, array in policy.params.items():
            expect((array == kept[name]).all(), f"Your function changes the parameter {name}.")
    return (
        "`visible |= ...` changes the mask in place, so from the second block on the *queries* saw "
        "themselves: a leak that one block cannot show. Two names for two masks are enough."
    )
