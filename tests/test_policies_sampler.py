"""The ablations' samplers: their strings have the policy's density, whatever the orders are."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import all_orders, all_strings, chi_square_p, random_orders, tile
from policy_oracles import AUTOREGRESSIVE, POLICIES, make_policy

from maade_np.policies import in_turn
from maade_np.spaces import CategoricalSpace

N = 4  # of mixed_space
# With fixed seeds a right sampler passes for ever; one in 10,000 would be unlucky at the first run.
P_VALUE = 1e-4
BATCH, BATCHES = 300, 60

ORDERS = {
    "shared": all_orders(N)[[17]],
    "few, grouped": all_orders(N)[[17, 3, 8]],
    "own": all_orders(N)[::4],  # six orders are too many to be grouped in a batch of 300
}
every = pytest.mark.parametrize("name", POLICIES)
kinds = pytest.mark.parametrize("kind", ORDERS)


def draw_orders(kind, rng, batch):
    return ORDERS[kind][rng.integers(len(ORDERS[kind]), size=batch)]


def density(policy, order, temperature=1.0):
    """Exact probability of every string in one order, by enumeration."""
    strings = all_strings(policy.space)
    log_probs = policy.conditionals(strings, tile(order, len(strings))) / temperature
    log_probs -= np.log(np.exp(log_probs).sum(axis=2, keepdims=True))
    chosen = np.take_along_axis(log_probs, strings[:, :, None], axis=2)
    return np.exp(chosen.sum(axis=(1, 2)))


@kinds
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@every
def test_strings_have_the_density(name, temperature, kind, mixed_space):
    orders, policy = ORDERS[kind], make_policy(name, mixed_space, rng=3)
    # far enough from uniform for the teeth below
    sharper = {
        k: v * (2.5 if k.endswith(("_out", "_heads")) else 1) for k, v in policy.params.items()
    }
    policy = policy.with_params(sharper)
    rng = np.random.default_rng(len(name))
    counts = np.zeros((len(orders), 24), dtype=int)
    for _ in range(BATCHES):
        which = rng.integers(len(orders), size=BATCH)
        actions, _ = policy.sample(BATCH, orders[which], rng, temperature)
        string = np.ravel_multi_index(tuple(actions.T), tuple(mixed_space.cardinalities))
        np.add.at(counts, (which, string), 1)

    def p_value(policy, temperature, orders=orders):
        densities = np.array([density(policy, order, temperature) for order in orders])
        expected = densities * BATCH * BATCHES / len(orders)
        return chi_square_p(counts.ravel(), expected.ravel())

    assert p_value(policy, temperature) > P_VALUE
    # the check has teeth: another temperature and, where there is one, another order are told apart
    assert p_value(policy, 1.3 * temperature) < 1e-6
    if name in AUTOREGRESSIVE:
        assert p_value(policy, temperature, orders[:, ::-1]) < 1e-6


@kinds
@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_log_probability_is_forward_s(dtype, name, kind, mixed_space):
    policy = make_policy(name, mixed_space, dtype=dtype)
    rng = np.random.default_rng(0)
    orders = draw_orders(kind, rng, 300)
    rtol, atol = (1e-10, 1e-12) if dtype is np.float64 else (1e-4, 1e-4)
    for temperature in (1.0, 3.0):
        actions, log_prob = policy.sample(300, orders, rng, temperature)
        assert log_prob.dtype == dtype
        expected, _ = policy.forward(actions, orders)
        np.testing.assert_allclose(log_prob, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("kind", ["shared", "few, grouped"])
@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_grouped_and_own_orders_are_one_path(name, kind, mixed_space, monkeypatch):
    policy, taken = make_policy(name, mixed_space), []
    orders = draw_orders(kind, np.random.default_rng(1), 300)
    found = []
    for grouped in (True, False):
        with monkeypatch.context() as patch:
            if not grouped:
                patch.setattr(in_turn, "_groups", lambda *a: taken.append(a))
            found.append(policy.sample(300, orders, np.random.default_rng(5), 1.5))
    assert len(taken) == 1
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-10)
    again, _ = policy.sample(300, orders, np.random.default_rng(6))
    assert (again != found[0][0]).any()


@every
def test_a_shared_order_may_be_given_once(name, mixed_space):
    policy, order = make_policy(name, mixed_space), np.array([3, 1, 0, 2])
    once = policy.sample(30, order, np.random.default_rng(0))
    each = policy.sample(30, tile(order, 30), np.random.default_rng(0))
    for mine, theirs in zip(once, each, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@every
def test_strings_are_in_range_and_on_the_host(name, mixed_space):
    policy = make_policy(name, mixed_space)
    orders = random_orders(500, N, np.random.default_rng(0))
    actions, _ = policy.sample(500, orders, np.random.default_rng(1), temperature=100.0)
    assert actions.dtype == np.int64
    assert (mixed_space.check(actions) == actions).all()
    assert (actions.max(axis=0) == mixed_space.cardinalities - 1).all()


@pytest.mark.parametrize("cardinalities", [[1], [3], [1, 1]])
@every
def test_the_smallest_spaces(name, cardinalities):
    """One decision has no context: no hidden unit of MADE has a degree, and the rest is at its start."""
    space = CategoricalSpace([str(i) for i in range(len(cardinalities))], cardinalities)
    policy = make_policy(name, space)
    order = np.arange(space.size)[::-1]
    actions, log_prob = policy.sample(40, order, np.random.default_rng(0))
    expected, cache = policy.forward(actions, tile(order, 40))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)
    strings = all_strings(space)
    total = np.exp(policy.forward(strings, tile(order, len(strings)))[0]).sum()
    assert total == pytest.approx(1)
    grads = policy.backward(np.ones(40), cache)
    if max(cardinalities) == 1:
        assert (log_prob == 0).all()
        assert all((gradient == 0).all() for gradient in grads.values())
    elif name.startswith("made"):
        assert all(not gradient.any() for key, gradient in grads.items() if key != "b_out")


@every
def test_extreme_logits_stay_finite(name, mixed_space):
    policy = make_policy(name, mixed_space, dtype=np.float32)
    policy = policy.with_params({k: 300 * v for k, v in policy.params.items()})
    orders = random_orders(50, N, np.random.default_rng(0))
    actions, log_prob = policy.sample(50, orders, np.random.default_rng(1))
    expected, cache = policy.forward(actions, orders)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(expected).all()
    grads = policy.backward(np.ones(50, dtype=np.float32), cache)
    assert all(np.isfinite(gradient).all() for gradient in grads.values())


@every
def test_bad_input(name, mixed_space):
    policy, rng = make_policy(name, mixed_space), np.random.default_rng(0)
    for B, orders, temperature, message in (
        (0, np.arange(N), 1.0, "batch_size is 0; at least 1"),
        (2, np.arange(N), 0.0, "temperature is 0.0; it must be above 0"),
        (2, np.array([0, 1, 2, 2]), 1.0, r"\[0, 1, 2, 2\], is no permutation"),
        (2, np.arange(3), 1.0, r"orders has shape \(3,\); expected \(4,\) or \(2, 4\)"),
    ):
        with pytest.raises(ValueError, match=message):
            policy.sample(B, orders, rng, temperature)
    for call in (policy.forward, policy.conditionals):
        with pytest.raises(ValueError, match=r"actions\[0, 1\] is 3: 'width' has 3 values"):
            call(np.array([[0, 3, 0, 0]]), tile(np.arange(N), 1))
