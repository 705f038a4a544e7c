"""MAADE as a density: it sums to 1, looks back only, and has the gradient of the equations."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as some
from oracles import all_orders, all_strings, make_policy, random_actions, random_orders, tile

from maade_np.policies import INIT_SCALES, MAADE, factorised_pays
from maade_np.policies.base import check_orders
from maade_np.spaces import CategoricalSpace

N = 4  # of mixed_space
KINDS = [
    {"attention": attention, "value_embedding": values, "blocks": M, "form": form}
    for attention in ("additive", "dot")
    for values in ("family", "shared")
    for M in (1, 2, 3)
    for form in ("factorised", "textbook")
]


def name_of(kind):
    return "-".join(str(value) for value in kind.values())


kinds = pytest.mark.parametrize("kind", KINDS, ids=name_of)


def batch(space, B, seed=0):
    rng = np.random.default_rng(seed)
    return random_actions(space, B, rng), random_orders(B, space.size, rng)


# ----------------------------------------------------------------------------------- the density


@kinds
def test_densities_sum_to_one(kind, mixed_space):
    policy, strings = make_policy(mixed_space, **kind), all_strings(mixed_space)
    for order in all_orders(N)[::5]:
        log_prob, _ = policy.forward(strings, tile(order, len(strings)))
        assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-12)


@kinds
def test_conditionals(kind, mixed_space):
    """Each is a distribution over what exists, and their chosen entries make log P."""
    policy, (actions, orders) = make_policy(mixed_space, **kind), batch(mixed_space, 20)
    log_probs = policy.conditionals(actions, orders)
    exists = np.arange(4) < mixed_space.cardinalities[:, None]
    assert (log_probs[:, ~exists] == -np.inf).all()
    assert np.isfinite(log_probs[:, exists]).all()
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=2), 1, rtol=1e-12)
    chosen = np.take_along_axis(log_probs, actions[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(chosen.sum(axis=1), policy.forward(actions, orders)[0], rtol=1e-12)
    assert (log_probs[:, 2, 0] == 0).all()  # the only value there is


@kinds
def test_later_values_do_not_touch_earlier_conditionals(kind, mixed_space):
    """Exactly so from the table of scores; else up to rounding, as the shift that keeps a softmax
    in range may come from a hidden score. Gradients are exactly 0 in any form; that comes below."""
    exact = kind["form"] == "factorised" and kind["blocks"] == 1
    policy, strings = make_policy(mixed_space, **kind), all_strings(mixed_space)
    others = strings[np.random.default_rng(0).permutation(len(strings))]
    for order in all_orders(N)[::7]:
        orders = tile(order, len(strings))
        log_probs = policy.conditionals(strings, orders)
        for t in range(N):
            changed = strings.copy()
            changed[:, order[t:]] = others[:, order[t:]]
            upto = order[: t + 1]
            np.testing.assert_allclose(
                policy.conditionals(changed, orders)[:, upto],
                log_probs[:, upto],
                rtol=0 if exact else 1e-12,
            )


@kinds
def test_every_earlier_value_is_looked_at(kind, mixed_space):
    policy, strings = make_policy(mixed_space, **kind), all_strings(mixed_space)
    for order in all_orders(N)[::7]:
        log_probs = policy.conditionals(strings, tile(order, len(strings)))
        for t, i in enumerate(order):
            prefixes = np.prod(mixed_space.cardinalities[order[:t]])
            if mixed_space.cardinalities[i] > 1:
                assert len(np.unique(log_probs[:, i, 0].round(9))) == prefixes


@kinds
def test_later_decisions_have_gradient_exactly_zero_on_earlier_conditionals(kind):
    """Here each hyper-parameter has parameters of its own, so who touches what can be read off."""
    space = CategoricalSpace(["a", "b", "c", "d"], [2, 3, 2, 4])  # four families
    policy = make_policy(space, **kind)
    actions, order = np.array([[1, 2, 0, 3]]), np.array([[2, 0, 3, 1]])
    _, cache = policy.forward(actions, order)
    for t, i in enumerate(order[0]):
        upstream = np.zeros((1, N, 4))
        upstream[0, i] = np.random.default_rng(t).normal(size=4)
        grads = policy.backward(np.zeros(1), cache, upstream)
        for s, j in enumerate(order[0]):
            own = grads["q"][j], grads["W_out"][j], grads["b_out"][j]
            assert np.any(own[0]) == (s <= t)
            assert np.any(own[1]) == np.any(own[2]) == (s == t)
            if policy.value_embedding == "family":
                assert np.any(grads[f"V.{space.names[j]}"]) == (s < t)


def test_the_order_counts(mixed_space):
    policy, strings = make_policy(mixed_space), all_strings(mixed_space)
    first, second = (
        policy.forward(strings, tile(o, len(strings)))[0] for o in all_orders(N)[[0, 9]]
    )
    assert np.abs(first - second).min() > 1e-6


def test_a_batch_is_its_strings(mixed_space):
    policy, (actions, orders) = make_policy(mixed_space, blocks=2), batch(mixed_space, 9)
    together, _ = policy.forward(actions, orders)
    alone = [policy.forward(actions[b : b + 1], orders[b : b + 1])[0][0] for b in range(9)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


# ------------------------------------------------------------------- against independent autograd


def test_the_oracle_differentiates():
    pytest.importorskip("autograd")
    assert oracles.anp is not np


@kinds
def test_values_and_gradients_of_the_equations(kind, mixed_space):
    value_and_grad = pytest.importorskip("autograd").value_and_grad
    policy, (actions, orders) = make_policy(mixed_space, **kind), batch(mixed_space, 5, seed=1)
    dlog_prob = np.random.default_rng(2).normal(size=5)

    def value(params):
        log_prob = oracles.maade_log_prob(params, mixed_space, policy.blocks, actions, orders)
        return oracles.anp.dot(dlog_prob, log_prob)

    expected, gradients = value_and_grad(value)(dict(policy.params))
    log_prob, cache = policy.forward(actions, orders)
    assert dlog_prob @ log_prob == pytest.approx(expected, rel=1e-12)
    grads = policy.backward(dlog_prob, cache)
    assert grads.keys() == policy.params.keys()
    for name, array in policy.params.items():
        assert grads[name].shape == array.shape
        scale = np.linalg.norm(gradients[name])
        np.testing.assert_allclose(grads[name], gradients[name], rtol=0, atol=1e-12 * scale + 1e-15)


@given(
    cardinalities=some.lists(some.integers(1, 4), min_size=1, max_size=5),
    B=some.integers(1, 5),
    blocks=some.integers(1, 3),
    d=some.integers(1, 5),
    attention=some.sampled_from(["additive", "dot"]),
    form=some.sampled_from(["factorised", "textbook"]),
    seed=some.integers(0, 2**32 - 1),
)
def test_values_in_any_space(cardinalities, B, blocks, d, attention, form, seed):
    names = [str(i) for i in range(len(cardinalities))]
    families = [str(i % 2) for i in range(len(cardinalities))]
    space = CategoricalSpace(names, cardinalities, families=families)
    policy = make_policy(space, seed, d=d, blocks=blocks, attention=attention, form=form)
    actions, orders = batch(space, B, seed)
    expected = oracles.maade_log_prob(policy.params, space, blocks, actions, orders)
    np.testing.assert_allclose(policy.forward(actions, orders)[0], expected, rtol=1e-10, atol=1e-12)


# -------------------------------------------------------------------------- both forms, both types


@pytest.mark.parametrize("scales", [{"heads": 1.0}, {"heads": 1.0, "attention": 60.0}], ids=str)
@pytest.mark.parametrize("attention", ["additive", "dot"])
@pytest.mark.parametrize("M", [1, 2, 3])
def test_both_forms_are_one_function(M, attention, scales, mixed_space):
    forms = [
        make_policy(mixed_space, blocks=M, attention=attention, form=form, init_scales=scales)
        for form in ("factorised", "textbook")
    ]
    actions, orders = batch(mixed_space, 16)
    rng = np.random.default_rng(3)
    dlog_prob, dconditionals = rng.normal(size=16), rng.normal(size=(16, N, 4))
    found = []
    for policy in forms:
        log_prob, cache = policy.forward(actions, orders)
        found.append((log_prob, policy.backward(dlog_prob, cache, dconditionals)))
    (log_prob, grads), (other_log_prob, other_grads) = found
    np.testing.assert_allclose(log_prob, other_log_prob, rtol=1e-11)
    for name, gradient in grads.items():
        scale = np.linalg.norm(gradient)
        np.testing.assert_allclose(gradient, other_grads[name], rtol=0, atol=1e-10 * scale + 1e-13)


@kinds
def test_float32_is_float64_with_fewer_digits(kind, mixed_space):
    double = make_policy(mixed_space, **kind)
    single = double.astype(np.float32)
    actions, orders = batch(mixed_space, 12)
    dlog_prob = np.random.default_rng(4).normal(size=12)
    log_prob, cache = double.forward(actions, orders)
    grads = double.backward(dlog_prob, cache)
    single_log_prob, single_cache = single.forward(actions, orders)
    single_grads = single.backward(dlog_prob.astype(np.float32), single_cache)
    assert single_log_prob.dtype == np.float32
    np.testing.assert_allclose(single_log_prob, log_prob, rtol=1e-4)
    for name, gradient in grads.items():
        assert single_grads[name].dtype == np.float32
        scale = np.linalg.norm(gradient)
        np.testing.assert_allclose(single_grads[name], gradient, rtol=0, atol=1e-4 * scale + 1e-7)


def test_the_cost_rule():
    """No tables of thousands of values for a small batch; the paper's setting factorises."""
    assert factorised_pays(B=64, N=26, P=57, a=45, d=45, blocks=1)
    assert factorised_pays(B=10, N=26, P=57, a=36, d=36, blocks=1)
    assert not factorised_pays(B=10, N=10, P=10_000, a=36, d=36, blocks=1)
    assert not factorised_pays(B=10, N=10, P=10_000, a=36, d=36, blocks=2)


def test_auto_takes_the_rule_s_form():
    names = [str(i) for i in range(6)]
    small, large = CategoricalSpace(names, [2] * 6), CategoricalSpace(names, [400] * 6)
    assert MAADE(small, rng=0).factorises(64)
    assert not MAADE(large, rng=0).factorises(2)
    assert MAADE(large, rng=0, form="factorised").factorises(2)
    assert not MAADE(small, rng=0, form="textbook").factorises(64)


@pytest.mark.parametrize("M", [1, 2])
def test_backward_is_pure(M, mixed_space):
    policy, (actions, orders) = make_policy(mixed_space, blocks=M), batch(mixed_space, 6)
    dlog_prob, dconditionals = np.ones(6), np.ones((6, N, 4))
    with oracles.unchanged(policy.params, actions, orders):
        _, cache = policy.forward(actions, orders)
        with oracles.unchanged(cache, dlog_prob, dconditionals):
            first = policy.backward(dlog_prob, cache, dconditionals)
            second = policy.backward(dlog_prob, cache, dconditionals)
    for name, gradient in first.items():
        np.testing.assert_array_equal(gradient, second[name])
    plain = policy.backward(dlog_prob, cache)
    rest = policy.backward(dlog_prob * 0, cache, dconditionals)
    np.testing.assert_allclose(first["q"], plain["q"] + rest["q"], rtol=1e-9, atol=1e-12)


def test_what_does_not_exist_gets_no_gradient(mixed_space):
    policy, (actions, orders) = make_policy(mixed_space), batch(mixed_space, 6)
    _, cache = policy.forward(actions, orders)
    grads = policy.backward(np.ones(6), cache, np.full((6, N, 4), 1e3))
    missing = np.arange(4) >= mixed_space.cardinalities[:, None]
    assert (grads["b_out"][missing] == 0).all()
    assert (grads["W_out"].transpose(0, 2, 1)[missing] == 0).all()


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
