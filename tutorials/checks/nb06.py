"""Checks of notebook 6: masks, orders, and a test of causality."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from checks._common import exercise, expect, expect_close
from maade_np import layers
from maade_np.policies import MAADE
from maade_np.policies.maade import MAADECache
from maade_np.spaces import CategoricalSpace


@exercise
def check_mask(answer):
    """6.1: who may see whom, from orders."""
    expect(callable(answer), "The answer should be a function of orders.")
    for B, N in ((1, 3), (6, 5), (9, 8)):
        orders = np.random.default_rng(N).permuted(np.tile(np.arange(N), (B, 1)), axis=1)
        given = orders.copy()
        found = np.asarray(answer(given))
        expect((given == orders).all(), "Your function changes the orders that it is given.")
        expect(found.dtype == bool, f"The mask should be boolean; it is {found.dtype}.")
        right = np.zeros((B, N, N), dtype=bool)
        for b, order in enumerate(orders.tolist()):
            for i, j in product(range(N), range(N)):
                right[b, i, j] = order.index(j) < order.index(i)
        if found.shape == right.shape:
            diagonal = found[:, np.arange(N), np.arange(N)]
            expect(not diagonal.any(), "In your mask a decision sees itself.")
            expect(
                (found.sum(axis=2).max(axis=1) == N - 1).all(),
                "In your mask the last decision does not see all the others.",
            )
        expect_close(found, right, f"For random orders of {N} decisions the mask is not (6.4).")
    return (
        "the ranks are the inverse permutations, which argsort gives, and a decision sees those of "
        "smaller rank."
    )


@exercise
def check_witness(answer):
    """6.2: an order for which orders and ranks give different masks."""
    order = np.asarray(answer)
    expect(
        order.shape == (5,), "The answer should be a list of five numbers, the hyper-parameters."
    )
    expect(
        sorted(order.tolist()) == list(range(5)),
        f"{order.tolist()} is no permutation of 0, 1, 2, 3, 4.",
    )
    ranks = np.argsort(order)
    right = ranks[None, :] < ranks[:, None]
    wrong = order[None, :] < order[:, None]
    expect(
        (right != wrong).any(),
        f"For the order {order.tolist()} the colleague's mask is the right one. Invert this order: "
        "what do you get?",
    )
    return (
        "an order that is not its own inverse shows the bug. The natural order, the reversed one and "
        "all swaps of two are their own inverses, as 26 of the 120 orders of five are; a random "
        "order would have shown it in 94 of 120 cases."
    )


class _Leaky(MAADE):
    """MAADE with one block and some more entries of the mask: leaks (i, j) by rank, or all of a rule."""

    extra: tuple[tuple[int, int], ...] = ()
    rule: str = ""
    always: tuple[int, ...] = ()

    def logits_forward(self, batch):
        p, r, o = self.params, batch.ranks, batch.orders
        table, table_cache = self.key_table()
        pairs = self.layout.first + batch.actions
        if self.rule == "order":
            visible = o[:, None, :] < o[:, :, None]
        elif self.rule == "triangle":
            visible = np.broadcast_to(np.tri(r.shape[1], k=-1, dtype=bool), (*r.shape, r.shape[1]))
        elif self.rule == "always":
            step = np.broadcast_to(np.argsort(self.always), r.shape)
            visible = step[:, None, :] < step[:, :, None]
        else:
            visible = r[:, None, :] < r[:, :, None]
        for i, j in self.extra:
            visible = visible | ((r[:, :, None] == i) & (r[:, None, :] == j))
        x, block = layers.textbook_block_forward(p["q"], table[pairs], visible, self.block(1))
        logits, heads = layers.heads_forward(x, p["W_out"], p["b_out"])
        return logits, MAADECache(table_cache, pairs, None, None, [(block, None)], None, heads)


def _causality_cases():
    """Yield (policy, order, whether it is causal, what it is)."""
    space = CategoricalSpace(["a", "b", "c", "d"], [3, 2, 3, 2])
    how = {"d": 6, "dtype": np.float64}
    permuted, natural = [2, 0, 3, 1], [0, 1, 2, 3]
    for seed, (order, blocks) in enumerate(product((natural, permuted, [3, 0, 1, 2]), (1, 2))):
        policy = MAADE(space, rng=seed, blocks=blocks, **how)
        yield policy, order, True, f"a policy without a leak, order {order}"
    leaks = [(t, t) for t in range(4)] + [*pairwise(range(4)), (0, 3), (1, 3), (0, 2)]
    for seed, leak in enumerate(leaks):
        policy = _Leaky(space, rng=seed, **how)
        policy.extra = (leak,)
        order = permuted if seed % 2 else natural
        what = "itself" if leak[0] == leak[1] else f"that of step {leak[1]}"
        yield (
            policy,
            order,
            False,
            f"order {order}, where the decision of step {leak[0]} sees {what}",
        )
    for rule in ("order", "triangle"):
        policy = _Leaky(space, rng=7, **how)
        policy.rule = rule
        yield policy, permuted, False, f"a mask that does not fit the order {permuted}"
        yield policy, natural, True, "a mask that is right in the natural order"
    policy = _Leaky(space, rng=9, **how)
    policy.extra = ((2, 3),)
    policy.params["V.a"][1] = policy.params["V.a"][0]
    order = [1, 2, 3, 0]
    yield policy, order, False, "a leak that shows only in one of the three values of a decision"
    policy = _Leaky(space, rng=10, **how)
    policy.extra = ((2, 3),)
    policy.params["V.a"][1:] = policy.params["V.a"][0] + 1e-5 * policy.params["V.a"][1:]
    yield policy, order, False, "a leak that moves probabilities by less than a millionth"
    policy = _Leaky(space, rng=11, **how)
    policy.rule, policy.always = "always", (3, 0, 1, 2)  # right in this order, not in its inverse
    yield policy, [3, 0, 1, 2], True, "a mask that is right in the order [3, 0, 1, 2] only"
    yield policy, order, False, f"a mask that does not fit the order {order}"


@exercise
def check_causal(answer):
    """6.3: a test that tells policies with a leak from those without."""
    expect(callable(answer), "The answer should be a function of a policy and an order.")
    for policy, order, causal, what in _causality_cases():
        found = answer(policy, np.array(order))
        expect(
            isinstance(found, (bool, np.bool_)),
            f"The answer should be True or False, not {found!r}.",
        )
        if causal:
            expect(found, f"Your test sees a leak where there is none: {what}.")
        else:
            expect(not found, f"Your test misses a leak: {what}.")
    return (
        "every value of every decision was changed, and only decisions of larger rank were allowed "
        "to notice, the changed one itself not."
    )
