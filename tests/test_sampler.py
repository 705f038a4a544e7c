"""The samplers: their strings have the policy's density, and all paths are one function."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import all_orders, all_strings, chi_square_p, make_policy, random_orders, tile

from maade_np.layers.masked_softmax import SAFE_RANGE
from maade_np.policies import maade_sampler
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
PATHS = {
    **{name: {"form": "factorised", "orders": name} for name in ORDERS},
    "dot": {"form": "factorised", "attention": "dot", "orders": "few, grouped"},
    "textbook": {"form": "textbook", "orders": "own"},
    "two blocks": {"blocks": 2, "form": "factorised", "orders": "own"},
    "three blocks, shared": {"blocks": 3, "form": "textbook", "orders": "shared"},
}
EXTREME = {"heads": 2.0, "attention": 60.0}


def draw_orders(name, rng, batch):
    return ORDERS[name][rng.integers(len(ORDERS[name]), size=batch)]


def density(policy, order, temperature=1.0):
    """Exact probability of every string in one order, by enumeration."""
    strings = all_strings(policy.space)
    log_probs = policy.conditionals(strings, tile(order, len(strings))) / temperature
    log_probs -= np.log(np.exp(log_probs).sum(axis=2, keepdims=True))
    chosen = np.take_along_axis(log_probs, strings[:, :, None], axis=2)
    probs = np.exp(chosen.sum(axis=(1, 2)))
    assert probs.sum() == pytest.approx(1)
    return probs


def draw_counts(policy, orders, rng, temperature):
    """How often each string came in each order."""
    counts = np.zeros((len(orders), 24), dtype=int)
    for _ in range(BATCHES):
        which = rng.integers(len(orders), size=BATCH)
        actions, _ = policy.sample(BATCH, orders[which], rng, temperature)
        string = np.ravel_multi_index(tuple(actions.T), tuple(policy.space.cardinalities))
        np.add.at(counts, (which, string), 1)
    return counts


@pytest.mark.parametrize("extreme", [False, True], ids=["ordinary", "extreme"])
@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.6])
@pytest.mark.parametrize("path", PATHS)
def test_strings_have_the_density(path, temperature, extreme, mixed_space):
    settings = dict(PATHS[path])
    orders = ORDERS[settings.pop("orders")]
    scales = EXTREME if extreme else {"heads": 2.0, "V": 2.0, "attention": 2.0}
    policy = make_policy(mixed_space, rng=3, init_scales=scales, **settings)
    counts = draw_counts(policy, orders, np.random.default_rng(len(path)), temperature)

    def p_value(policy, temperature, orders=orders):
        densities = np.array([density(policy, order, temperature) for order in orders])
        expected = densities * BATCH * BATCHES / len(orders)
        return chi_square_p(counts.ravel(), expected.ravel())

    assert p_value(policy, temperature) > P_VALUE
    # the check has teeth: another temperature, the reverse orders, uniform attention are told apart
    assert p_value(policy, 1.3 * temperature) < 1e-6
    assert p_value(policy, temperature, orders[:, ::-1]) < 1e-6
    flattened = {k: v * (not k.endswith(("W_q", "W_k", "b_a"))) for k, v in policy.params.items()}
    assert p_value(policy.with_params(flattened), temperature) < 1e-6


@pytest.mark.parametrize("name", ORDERS)
def test_which_path_the_orders_take(name, mixed_space, monkeypatch):
    policy, taken = make_policy(mixed_space), []
    for path in ("_sample_group", "_sample_own_orders"):
        original = getattr(maade_sampler, path)
        monkeypatch.setattr(
            maade_sampler, path, lambda *a, f=original, p=path: taken.append(p) or f(*a)
        )
    policy.sample(
        BATCH, draw_orders(name, np.random.default_rng(0), BATCH), np.random.default_rng(1)
    )
    groups = {"shared": 1, "few, grouped": 3}
    assert taken == (["_sample_group"] * groups.get(name, 0) or ["_sample_own_orders"])


def test_the_extreme_policy_is_beyond_the_shared_shift(mixed_space):
    policy = make_policy(mixed_space, rng=3, init_scales=EXTREME)
    tables = maade_sampler.make_tables(policy)
    assert tables.weights is None
    assert np.ptp(tables.scores, axis=1).max() > 3 * SAFE_RANGE


@pytest.mark.parametrize("extreme", [False, True], ids=["ordinary", "extreme"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_log_probability_is_forward_s(path, extreme, dtype, mixed_space):
    settings = dict(PATHS[path])
    name = settings.pop("orders")
    scales = EXTREME if extreme else {"heads": 1.0}
    policy = make_policy(mixed_space, init_scales=scales, **settings).astype(dtype)
    rng = np.random.default_rng(0)
    orders = draw_orders(name, rng, 300)
    rtol, atol = (1e-10, 1e-12) if dtype is np.float64 else (5e-3, 5e-3)
    if extreme and dtype is np.float32:
        atol = 0.05  # attention scores of hundreds keep four digits behind the point
    for temperature in (1.0, 3.0):
        actions, log_prob = policy.sample(300, orders, rng, temperature)
        assert log_prob.dtype == dtype
        expected, _ = policy.forward(actions, orders)
        np.testing.assert_allclose(log_prob, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_one_seed_one_result_whatever_the_form(blocks, name, mixed_space):
    orders = draw_orders(name, np.random.default_rng(1), 400)
    for temperature in (1.0, 1.7):
        drawn = []
        for form in ("factorised", "textbook", "auto"):
            policy = make_policy(mixed_space, blocks=blocks, form=form)
            drawn.append(policy.sample(400, orders, np.random.default_rng(5), temperature))
        for actions, log_prob in drawn[1:]:
            np.testing.assert_array_equal(actions, drawn[0][0])
            np.testing.assert_allclose(log_prob, drawn[0][1], rtol=1e-10)
    again, _ = policy.sample(400, orders, np.random.default_rng(6))
    assert (again != drawn[0][0]).any()


@pytest.mark.parametrize("name", ["shared", "few, grouped"])
def test_grouped_and_own_orders_are_one_path(name, mixed_space, monkeypatch):
    policy = make_policy(mixed_space)
    rng = np.random.default_rng(2)
    orders = draw_orders(name, rng, 300)
    noise = rng.gumbel(size=(300, N, 4))
    tables = maade_sampler.make_tables(policy)
    own = maade_sampler._sample_own_orders(policy, tables, orders, noise, 1.5)
    with monkeypatch.context() as patch:
        patch.setattr(maade_sampler, "_sample_own_orders", None)  # the grouped path runs, or fails
        grouped = policy.sample_logits(orders, noise, 1.5)
    np.testing.assert_array_equal(grouped[0], own[0])
    exists = policy.layout.exists
    np.testing.assert_allclose(grouped[1][:, exists], own[1][:, exists], rtol=1e-10)


def test_a_shared_order_may_be_given_once(mixed_space):
    policy, order = make_policy(mixed_space), np.array([3, 1, 0, 2])
    once = policy.sample(30, order, np.random.default_rng(0))
    each = policy.sample(30, tile(order, 30), np.random.default_rng(0))
    for mine, theirs in zip(once, each, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_strings_are_in_range_and_on_the_host(mixed_space):
    policy = make_policy(mixed_space, blocks=2, init_scales={"heads": 30.0})
    actions, _ = policy.sample(
        500,
        random_orders(500, N, np.random.default_rng(0)),
        np.random.default_rng(1),
        temperature=100.0,
    )
    assert actions.dtype == np.int64
    assert (mixed_space.check(actions) == actions).all()
    assert (actions.max(axis=0) == mixed_space.cardinalities - 1).all()


def test_a_space_of_one_point():
    space = CategoricalSpace(["a", "b"], [1, 1])
    for form in ("factorised", "textbook"):
        policy = make_policy(space, form=form)
        actions, log_prob = policy.sample(3, np.array([1, 0]), np.random.default_rng(0))
        assert (actions == 0).all()
        assert (log_prob == 0).all()
        _, cache = policy.forward(actions, tile([1, 0], 3))
        assert all(
            (gradient == 0).all() for gradient in policy.backward(np.ones(3), cache).values()
        )


@pytest.mark.parametrize(
    ("batch_size", "orders", "temperature", "message"),
    [
        (0, np.arange(N), 1.0, "batch_size is 0; at least 1"),
        (2, np.arange(N), 0.0, "temperature is 0.0; it must be above 0"),
        (2, np.arange(N), -1.0, "temperature is -1.0"),
        (2, np.arange(N), np.nan, "temperature is nan"),
        (2, np.array([0, 1, 2, 2]), 1.0, r"\[0, 1, 2, 2\], is no permutation"),
        (2, np.arange(3), 1.0, r"orders has shape \(3,\); expected \(4,\) or \(2, 4\)"),
        (2, tile(np.arange(N), 3), 1.0, r"orders has shape \(3, 4\); expected \(4,\) or \(2, 4\)"),
        (2, np.arange(N) * 1.0, 1.0, "orders must be integers"),
    ],
)
def test_bad_input(batch_size, orders, temperature, message, mixed_space):
    policy = make_policy(mixed_space)
    with pytest.raises(ValueError, match=message):
        policy.sample(batch_size, orders, np.random.default_rng(0), temperature)
