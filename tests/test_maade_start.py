"""MAADE before anything is learnt: its parameters at the start, and the errors of bad input."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import make_policy, random_orders, tile

from maade_np.policies import INIT_SCALES, MAADE
from maade_np.policies.base import check_orders
from maade_np.spaces import CategoricalSpace

N = 4  # of mixed_space


# ------------------------------------------------------------------------------------ the start


def test_the_default_start_is_nearly_uniform():
    space = CategoricalSpace([f"h{i}" for i in range(10)], [3] * 10)
    strings = space.sample(500, np.random.default_rng(0))
    for seed in range(3):
        policy = MAADE(space, rng=seed)
        log_prob, _ = policy.forward(strings, tile(np.arange(10), 500))
        assert np.abs(log_prob + 10 * np.log(3)).mean() < 0.5
        assert (policy.params["b_out"] == 0).all()


def test_start_scales_and_shapes():
    space = CategoricalSpace(["a", "b", "c"], [40, 50, 40], families=["x", "y", "x"])
    policy = MAADE(space, d=60, blocks=2, ff_width=70, attention_width=80, rng=0, dtype=np.float64)
    shapes = {
        "q": (3, 60),
        "V.x": (40, 60),
        "V.y": (50, 60),
        "W_out": (3, 60, 50),
        "b_out": (3, 50),
    }
    for m in (1, 2):
        block = {"W_q": (60, 80), "W_k": (60, 80), "b_a": (80,), "w_a": (80,), "W1": (60, 70)}
        block |= {"b1": (70,), "W2": (70, 60), "b2": (60,)}
        shapes |= {f"block{m}.{name}": shape for name, shape in block.items()}
    assert {name: array.shape for name, array in policy.params.items()} == shapes
    assert policy.num_parameters == sum(int(np.prod(shape)) for shape in shapes.values())
    assert policy.params["V.x"].std() == pytest.approx(INIT_SCALES["V"], rel=0.1)
    assert policy.params["block1.W_q"].std() * 60**0.5 == pytest.approx(1, rel=0.1)
    assert policy.params["block1.W2"].std() * 70**0.5 == pytest.approx(1, rel=0.1)
    assert policy.params["W_out"].std() * 60**0.5 == pytest.approx(INIT_SCALES["heads"], rel=0.1)
    shared = MAADE(space, d=6, value_embedding="shared", attention="dot", rng=0)
    assert shared.params["V.shared"].shape == (50, 6)
    assert "block1.w_a" not in shared.params
    assert shared.dtype == np.float32


def test_one_seed_one_start(mixed_space):
    first, second, other = (MAADE(mixed_space, rng=seed).params for seed in (5, 5, 6))
    assert all((first[name] == second[name]).all() for name in first)
    assert (first["q"] != other["q"]).all()


# ------------------------------------------------------------------------------------- bad input

GOOD_ACTIONS, GOOD_ORDERS = np.zeros((2, N), dtype=int), tile(np.arange(N), 2)


@pytest.mark.parametrize(
    ("actions", "orders", "message"),
    [
        ([[0, 3, 0, 0], [0, 0, 0, 0]], GOOD_ORDERS, r"actions\[0, 1\] is 3: 'width' has 3 values"),
        ([[0, 0, 0, 0], [-1, 0, 0, 0]], GOOD_ORDERS, r"actions\[1, 0\] is -1: 'pool'"),
        (np.zeros((2, N)), GOOD_ORDERS, "dtype float64, expected integers"),
        (np.zeros((2, 5), dtype=int), GOOD_ORDERS, "5 columns, the space has 4"),
        (np.zeros(N, dtype=int), GOOD_ORDERS[0], r"use actions\[None\]"),
        (np.zeros((0, N), dtype=int), np.zeros((0, N), dtype=int), "no string"),
        (
            GOOD_ACTIONS,
            [[0, 1, 2, 3], [0, 1, 2, 2]],
            r"row 1 of orders, \[0, 1, 2, 2\], is no perm",
        ),
        (
            GOOD_ACTIONS,
            [[0, 1, 2, 4], [0, 1, 2, 3]],
            "row 0 of orders.*is no permutation of 0 ... 3",
        ),
        (GOOD_ACTIONS, [[0, 1, 2, 3], [0, 1, 2, -1]], "row 1 of orders"),
        (GOOD_ACTIONS, GOOD_ORDERS.astype(float), "orders must be integers.*float64"),
        (GOOD_ACTIONS, GOOD_ORDERS[:1], r"orders has shape \(1, 4\), but actions \(2, 4\)"),
        (GOOD_ACTIONS, np.arange(N), r"orders has shape \(4,\)"),
    ],
)
def test_bad_strings_and_orders(actions, orders, message, mixed_space):
    policy = make_policy(mixed_space)
    for call in (policy.forward, policy.conditionals):
        with pytest.raises(ValueError, match=message):
            call(np.asarray(actions), np.asarray(orders))


def test_orders_are_inverted():
    orders = random_orders(50, 7, np.random.default_rng(0))
    ranks = check_orders(orders, 7)
    np.testing.assert_array_equal(ranks, np.argsort(orders, axis=1))


def test_bad_upstream_gradients(mixed_space):
    policy = make_policy(mixed_space)
    _, cache = policy.forward(GOOD_ACTIONS, GOOD_ORDERS)
    with pytest.raises(
        ValueError, match=r"dlog_prob has shape \(3,\), but the batch has 2 strings"
    ):
        policy.backward(np.ones(3), cache)
    for shape in ((N, 4), (2, N, 1), (1, N, 4)):
        with pytest.raises(ValueError, match=r"dconditionals has shape .*expected \(2, 4, 4\)"):
            policy.backward(np.ones(2), cache, np.ones(shape))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"d": 0}, "d is 0; it must be at least 1"),
        ({"blocks": 0}, "blocks is 0"),
        ({"ff_width": -1}, "ff_width is -1"),
        ({"attention_width": 0}, "attention_width is 0"),
        ({"attention": "cosine"}, "attention is 'cosine'; choose one of 'additive', 'dot'"),
        ({"value_embedding": "none"}, "value_embedding is 'none'"),
        ({"form": "fast"}, "form is 'fast'"),
        ({"init_scales": {"head": 1.0}}, "may name only"),
    ],
)
def test_bad_settings(settings, message, mixed_space):
    with pytest.raises(ValueError, match=message):
        MAADE(mixed_space, rng=0, **settings)


def test_bad_params(mixed_space):
    policy = make_policy(mixed_space)
    with pytest.raises(ValueError, match=r"\['q'\] are missing or unknown"):
        policy.with_params({k: v for k, v in policy.params.items() if k != "q"})
    with pytest.raises(ValueError, match=r"\['z'\] are missing or unknown"):
        policy.with_params({**policy.params, "z": np.zeros(2)})
