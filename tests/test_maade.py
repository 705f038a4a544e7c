"""MAADE as a density: it sums to 1, looks back only, and has the gradient of the equations."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as some
from oracles import all_orders, all_strings, make_policy, random_actions, random_orders, tile

from maade_np.policies import MAADE, factorised_pays
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
