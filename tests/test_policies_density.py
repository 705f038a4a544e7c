"""The ablations' policies as densities: they sum to 1, look back only, and have the right gradients."""

from __future__ import annotations

import numpy as np
import oracles
import policy_oracles
import pytest
from hypothesis import given
from hypothesis import strategies as some
from oracles import all_orders, all_strings, random_actions, random_orders, tile
from policy_oracles import AUTOREGRESSIVE, POLICIES, make_policy

from maade_np.policies.made import FORMS
from maade_np.spaces import CategoricalSpace

N = 4  # of mixed_space
every = pytest.mark.parametrize("name", POLICIES)
autoregressive = pytest.mark.parametrize("name", AUTOREGRESSIVE)


def batch(space, B, seed=0):
    rng = np.random.default_rng(seed)
    return random_actions(space, B, rng), random_orders(B, space.size, rng)


# ----------------------------------------------------------------------------------- the density


@every
def test_densities_sum_to_one(name, mixed_space):
    policy, strings = make_policy(name, mixed_space), all_strings(mixed_space)
    for order in all_orders(N):
        log_prob, _ = policy.forward(strings, tile(order, len(strings)))
        assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-12)


@every
def test_conditionals(name, mixed_space):
    """Each is a distribution over what exists, and their chosen entries make log P."""
    policy, (actions, orders) = make_policy(name, mixed_space), batch(mixed_space, 20)
    log_probs = policy.conditionals(actions, orders)
    exists = np.arange(4) < mixed_space.cardinalities[:, None]
    assert (log_probs[:, ~exists] == -np.inf).all()
    assert np.isfinite(log_probs[:, exists]).all()
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=2), 1, rtol=1e-12)
    chosen = np.take_along_axis(log_probs, actions[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(chosen.sum(axis=1), policy.forward(actions, orders)[0], rtol=1e-12)
    assert (log_probs[:, 2, 0] == 0).all()  # the only value there is


@every
def test_later_values_do_not_touch_earlier_conditionals(name, mixed_space):
    """Not even in the last digit: what comes later is never read."""
    policy, strings = make_policy(name, mixed_space), all_strings(mixed_space)
    others = strings[np.random.default_rng(0).permutation(len(strings))]
    for order in all_orders(N)[::5]:
        orders = tile(order, len(strings))
        log_probs = policy.conditionals(strings, orders)
        for t in range(N):
            changed = strings.copy()
            changed[:, order[t:]] = others[:, order[t:]]
            upto = order[: t + 1]
            found = policy.conditionals(changed, orders)[:, upto]
            np.testing.assert_array_equal(found, log_probs[:, upto])


@autoregressive
def test_every_earlier_value_is_looked_at(name, mixed_space):
    """A conditional differs between any two prefixes: "undecided" is no value, 0 included."""
    policy, strings = make_policy(name, mixed_space), all_strings(mixed_space)
    for order in all_orders(N)[::5]:
        log_probs = policy.conditionals(strings, tile(order, len(strings)))
        for t, i in enumerate(order):
            prefixes = np.prod(mixed_space.cardinalities[order[:t]])
            if mixed_space.cardinalities[i] > 1:
                assert len(np.unique(log_probs[:, i, 0].round(9))) == prefixes


@autoregressive
def test_a_decided_zero_is_not_an_undecided_one(name):
    """The only value of a hyper-parameter, decided before or after: two different contexts."""
    space = CategoricalSpace(["a", "b"], [2, 1])
    policy = make_policy(name, space)
    after, before = (
        policy.conditionals(np.zeros((1, 2), int), tile(o, 1)) for o in ([0, 1], [1, 0])
    )
    assert abs(after[0, 0, 0] - before[0, 0, 0]) > 1e-3


@every
def test_an_independent_policy_knows_no_order_and_the_others_do(name, mixed_space):
    policy, strings = make_policy(name, mixed_space), all_strings(mixed_space)
    first, second = (
        policy.forward(strings, tile(o, len(strings)))[0] for o in all_orders(N)[[0, 9]]
    )
    difference = np.abs(first - second)
    assert difference.max() == 0 if name == "independent" else difference.min() > 1e-6


@autoregressive
def test_the_first_decision_has_one_distribution(name, mixed_space):
    policy, strings = make_policy(name, mixed_space), all_strings(mixed_space)
    for order in all_orders(N)[::5]:
        first = policy.conditionals(strings, tile(order, len(strings)))[:, order[0]]
        assert (first == first[0]).all()
        if name.startswith("made"):  # it depends on biases alone
            biases = policy.params["b_out"][order[0], : mixed_space.cardinalities[order[0]]]
            expected = biases - np.log(np.exp(biases).sum())
            np.testing.assert_allclose(first[0][: len(expected)], expected, rtol=1e-12, atol=1e-15)


@every
def test_a_batch_of_any_orders_is_its_strings(name, mixed_space):
    policy, (actions, orders) = make_policy(name, mixed_space), batch(mixed_space, 9)
    together, cache = policy.forward(actions, orders)
    weights = np.random.default_rng(1).normal(size=9)
    grads = policy.backward(weights, cache)
    alone = {key: np.zeros_like(array) for key, array in grads.items()}
    for b in range(9):
        log_prob, cache = policy.forward(actions[b : b + 1], orders[b : b + 1])
        assert log_prob[0] == pytest.approx(together[b], rel=1e-12)
        for key, gradient in policy.backward(weights[b : b + 1], cache).items():
            alone[key] += gradient
    for key, gradient in grads.items():
        np.testing.assert_allclose(gradient, alone[key], rtol=1e-9, atol=1e-13)


# ------------------------------------------------------------------------------------- gradients


@every
def test_later_decisions_have_gradient_exactly_zero_on_earlier_conditionals(name):
    """Here each hyper-parameter has parameters of its own, so who touches what can be read off."""
    space = CategoricalSpace(["a", "b", "c", "d"], [2, 3, 2, 4])  # four families
    policy = make_policy(name, space)
    actions, order = np.array([[1, 2, 0, 3]]), np.array([[2, 0, 3, 1]])
    first = np.cumsum(space.cardinalities) - space.cardinalities
    _, cache = policy.forward(actions, order)
    for t, i in enumerate(order[0]):
        upstream = np.zeros((1, N, 4))
        upstream[0, i] = np.random.default_rng(t).normal(size=4)
        grads = policy.backward(np.zeros(1), cache, upstream)
        for s, j in enumerate(order[0]):
            pair = first[j] + actions[0, j]
            assert np.any(grads["b_out"][j]) == (s == t)
            if "W_out" in grads:
                assert np.any(grads["W_out"][j]) == (s == t)
            if "W" in grads:
                rows = grads["W"][j if policy.inputs == "embedded" else pair]
                assert np.any(rows) == (s < t)
            if "W_heads" in grads:
                assert np.any(grads["W_heads"][:, j]) == (s == t > 0)
            if "W_direct" in grads:
                assert np.any(grads["W_direct"][pair, i]) == (s < t)
            if "q" in grads:
                assert np.any(grads["q"][j]) == (s <= t)
            if f"V.{space.names[j]}" in grads:
                assert np.any(grads[f"V.{space.names[j]}"]) == (s < t)


@every
def test_values_and_gradients_of_the_papers(name, mixed_space):
    value_and_grad = pytest.importorskip("autograd").value_and_grad
    policy, (actions, orders) = make_policy(name, mixed_space), batch(mixed_space, 6, seed=1)
    dlog_prob = np.random.default_rng(2).normal(size=6)

    def value(params):
        return oracles.anp.dot(dlog_prob, policy_oracles.log_prob(policy, params, actions, orders))

    expected, gradients = value_and_grad(value)(dict(policy.params))
    log_prob, cache = policy.forward(actions, orders)
    assert dlog_prob @ log_prob == pytest.approx(expected, rel=1e-12)
    grads = policy.backward(dlog_prob, cache)
    assert grads.keys() == policy.params.keys()
    for key, array in policy.params.items():
        assert grads[key].shape == array.shape
        scale = np.linalg.norm(gradients[key])
        assert scale > 0
        np.testing.assert_allclose(grads[key], gradients[key], rtol=0, atol=1e-12 * scale)


@given(
    cardinalities=some.lists(some.integers(1, 4), min_size=1, max_size=6),
    B=some.integers(1, 5),
    name=some.sampled_from(sorted(POLICIES)),
    hidden=some.integers(1, 9),
    d=some.integers(1, 4),
    seed=some.integers(0, 2**32 - 1),
)
def test_values_in_any_space(cardinalities, B, name, hidden, d, seed):
    names = [str(i) for i in range(len(cardinalities))]
    families = [str(i % 2) for i in range(len(cardinalities))]
    space = CategoricalSpace(names, cardinalities, families=families)
    widths = {} if name == "independent" else {"hidden": hidden, "d": d}
    policy = make_policy(name, space, seed, **widths)
    actions, orders = batch(space, B, seed)
    log_prob, cache = policy.forward(actions, orders)
    expected = policy_oracles.log_prob(policy, policy.params, actions, orders)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-10, atol=1e-12)
    grads = policy.backward(np.ones(B), cache)
    # along one direction, a complex step
    rng = np.random.default_rng(seed)
    direction = {key: rng.normal(size=array.shape) for key, array in policy.params.items()}
    shifted = {key: array + 1e-30j * direction[key] for key, array in policy.params.items()}
    derivative = policy.with_params(shifted).forward(actions, orders)[0].imag.sum() / 1e-30
    terms = [(grads[key] * direction[key]).ravel() for key in grads]
    size = np.sqrt(sum((term**2).sum() for term in terms))
    assert sum(term.sum() for term in terms) == pytest.approx(derivative, rel=0, abs=1e-10 * size)


@every
def test_float32_is_float64_with_fewer_digits(name, mixed_space):
    double = make_policy(name, mixed_space)
    single = double.astype(np.float32)
    actions, orders = batch(mixed_space, 12)
    dlog_prob = np.random.default_rng(4).normal(size=12)
    log_prob, cache = double.forward(actions, orders)
    grads = double.backward(dlog_prob, cache)
    single_log_prob, single_cache = single.forward(actions, orders)
    single_grads = single.backward(dlog_prob.astype(np.float32), single_cache)
    assert single_log_prob.dtype == np.float32
    np.testing.assert_allclose(single_log_prob, log_prob, rtol=1e-4)
    for key, gradient in grads.items():
        assert single_grads[key].dtype == np.float32
        scale = np.linalg.norm(gradient)
        np.testing.assert_allclose(single_grads[key], gradient, rtol=0, atol=1e-4 * scale + 1e-7)


@every
def test_backward_is_pure(name, mixed_space):
    policy, (actions, orders) = make_policy(name, mixed_space), batch(mixed_space, 6)
    dlog_prob, dconditionals = np.ones(6), np.ones((6, N, 4))
    with oracles.unchanged(policy.params, actions, orders):
        _, cache = policy.forward(actions, orders)
        with oracles.unchanged(cache, dlog_prob, dconditionals):
            first = policy.backward(dlog_prob, cache, dconditionals)
            second = policy.backward(dlog_prob, cache, dconditionals)
    for key, gradient in first.items():
        np.testing.assert_array_equal(gradient, second[key])
    plain = policy.backward(dlog_prob, cache)
    rest = policy.backward(dlog_prob * 0, cache, dconditionals)
    for key, gradient in first.items():
        np.testing.assert_allclose(gradient, plain[key] + rest[key], rtol=1e-9, atol=1e-12)


@every
def test_what_does_not_exist_gets_no_gradient(name, mixed_space):
    policy, (actions, orders) = make_policy(name, mixed_space), batch(mixed_space, 6)
    _, cache = policy.forward(actions, orders)
    grads = policy.backward(np.ones(6), cache, np.full((6, N, 4), 1e3))
    missing = np.arange(4) >= mixed_space.cardinalities[:, None]
    assert (grads["b_out"][missing] == 0).all()
    if "W_out" in grads:
        assert (grads["W_out"].transpose(0, 2, 1)[missing] == 0).all()
    for key in grads.keys() & {"W_heads", "W_direct"}:
        assert (grads[key][:, missing] == 0).all()


def test_masked_weights_between_made_s_layers_get_no_gradient(mixed_space):
    policy, (actions, orders) = (
        make_policy("made, three layers", mixed_space),
        batch(mixed_space, 9),
    )
    _, cache = policy.forward(actions, orders)
    grads = policy.backward(np.random.default_rng(0).normal(size=9), cache)
    later = policy.degrees[:, None] > policy.degrees
    assert later.any()
    for key in ("W2", "W3"):
        assert (grads[key][later] == 0).all()
        assert (grads[key][~later] != 0).all()


def test_made_s_forms_are_one_function(mixed_space):
    """Where all strings share an order both forms can be had; "auto" masks there and there alone."""
    shared = tile([2, 0, 3, 1], 9)
    actions, own = batch(mixed_space, 9)
    rng = np.random.default_rng(5)
    dlog_prob, dconditionals = rng.normal(size=9), rng.normal(size=(9, N, 4))
    for name in ("made", "made, direct", "made, two layers", "made, three layers"):
        forms = {form: make_policy(name, mixed_space, form=form) for form in FORMS}
        assert [
            policy.masks(forms["auto"]._batch(actions, shared)) for policy in forms.values()
        ] == [
            True,
            True,
            False,
        ]
        assert not forms["auto"].masks(forms["auto"]._batch(actions, own))
        with pytest.raises(ValueError, match="form 'masked' needs strings that share an order"):
            forms["masked"].forward(actions, own)
        found = []
        for form in ("masked", "sliced"):
            log_prob, cache = forms[form].forward(actions, shared)
            found.append((log_prob, forms[form].backward(dlog_prob, cache, dconditionals)))
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
        for key, gradient in found[0][1].items():
            np.testing.assert_allclose(gradient, found[1][1][key], rtol=1e-9, atol=1e-13)
