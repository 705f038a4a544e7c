"""The ablations' policies before anything is learnt, their sizes, their settings, and another device."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import random_actions, random_orders, tile
from policy_oracles import POLICIES, make_policy
from strict_array import same, xp

from maade_np.policies import LSTM, MADE, NADE, Independent
from maade_np.spaces import CategoricalSpace

N = 4  # of mixed_space
every = pytest.mark.parametrize("name", POLICIES)
CLASSES = [Independent, NADE, MADE, LSTM]


# ------------------------------------------------------------------------------------ the start


@every
def test_the_default_start_is_nearly_uniform(name):
    space = CategoricalSpace([f"h{i}" for i in range(10)], [3] * 10)
    strings = space.sample(500, np.random.default_rng(0))
    make, settings = POLICIES[name]
    kept = {k: v for k, v in settings.items() if k in ("inputs", "layers", "direct")}
    for seed in range(3):
        policy = make(space, rng=seed, **kept)
        log_prob, _ = policy.forward(strings, tile(np.arange(10), 500))
        distance = np.abs(log_prob + 10 * np.log(3))
        assert distance.mean() < 0.5
        assert distance.max() < 1e-5 if name == "independent" else distance.min() > 0
        assert (policy.params["b_out"] == 0).all()
        assert policy.dtype == np.float32


def test_independent_is_the_head_s_biases(mixed_space):
    policy = Independent(mixed_space, dtype=np.float64)
    assert {k: v.shape for k, v in policy.params.items()} == {"b_out": (4, 4)}
    log_probs = policy.conditionals(np.zeros((1, 4), int), tile(np.arange(4), 1))
    for i, cardinality in enumerate(mixed_space.cardinalities):
        np.testing.assert_allclose(log_probs[0, i, :cardinality], -np.log(cardinality), rtol=1e-12)


SPACE = CategoricalSpace(["a", "b", "c"], [40, 50, 40], families=["x", "y", "x"])
HEADS = {"b_out": (3, 50)}
VALUES = {"V.x": (40, 60), "V.y": (50, 60)}
SHAPES = {
    "nade": (NADE, {}, {"W": (130, 60), "c": (60,), "W_out": (3, 60, 50)}),
    "nade, embedded": (
        NADE,
        {"inputs": "embedded", "hidden": 70},
        {**VALUES, "W": (3, 60, 70), "c": (70,), "W_out": (3, 70, 50)},
    ),
    "made": (MADE, {}, {"W": (130, 180), "b1": (180,), "W_heads": (180, 3, 50)}),
    "made, all": (
        MADE,
        {"inputs": "embedded", "hidden": 70, "layers": 2, "direct": True},
        {
            **VALUES,
            "W": (3, 60, 70),
            "b1": (70,),
            "W2": (70, 70),
            "b2": (70,),
            "W_heads": (70, 3, 50),
            "W_direct": (130, 3, 50),
        },
    ),
    "lstm": (
        LSTM,
        {"hidden": 70, "layers": 2},
        {
            **VALUES,
            "q": (3, 60),
            "lstm1.W_q": (60, 280),
            "lstm1.W_v": (60, 280),
            "lstm1.W_h": (70, 280),
            "lstm1.b": (280,),
            "lstm2.W_x": (70, 280),
            "lstm2.W_h": (70, 280),
            "lstm2.b": (280,),
            "W_out": (3, 70, 50),
        },
    ),
}
# deviation of an entry times the square root of the number of its inputs
SCALES = {
    "q": 1,
    "V.x": 1,
    "V.y": 1,
    "W": 1,
    "W2": 1,
    "W_heads": 0.1,
    "W_out": 0.1,
    "W_direct": 0.1,
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_scales(name):
    make, settings, shapes = SHAPES[name]
    policy = make(SPACE, d=60, rng=0, dtype=np.float64, **settings)
    shapes = {**shapes, **HEADS}
    assert {key: array.shape for key, array in policy.params.items()} == shapes
    assert policy.num_parameters == sum(int(np.prod(shape)) for shape in shapes.values())
    for key, array in policy.params.items():
        if key.rsplit(".")[-1][0] in "bc":
            forget = np.repeat([0, 0, 1, 0], 70) if "lstm" in key else 0
            assert (array == forget).all()
            continue
        fan_in = {"q": 1, "V": 1, "W_direct": 3, "W_heads": len(array), "W": 3}.get(
            key.split(".")[0], array.shape[-2]
        )
        fan_in *= 60 if key == "W" and array.ndim == 3 else 1
        expected = SCALES.get(key, 1)
        assert array.std() * fan_in**0.5 == pytest.approx(expected, rel=0.1), key


@pytest.mark.parametrize(
    ("make", "settings", "power"),
    [
        (NADE, {"inputs": "embedded"}, 1),
        (MADE, {"inputs": "embedded"}, 2),
        (MADE, {"hidden": 50}, 1),
        (LSTM, {}, 0),
    ],
)
def test_growth_with_n_is_the_paper_s_table_2(make, settings, power):
    """Numbers between the embeddings and the heads: NADE N d^2, MADE N^2 d^2, LSTM d^2."""

    def context(size):
        space = CategoricalSpace([str(i) for i in range(size)], [2] * size, ["one"] * size)
        params = make(space, d=8, rng=0, **settings).params
        ends = ("q", "V.one", "W_out", "W_heads", "b_out")
        weights = [
            array.size for key, array in params.items() if key not in ends and array.ndim > 1
        ]
        return sum(weights)

    assert context(40) == 2**power * context(20)


def test_made_s_degrees():
    """Evenly from 1 to N-1; with fewer units than decisions some degrees have none."""
    ten = CategoricalSpace([str(i) for i in range(10)], [2] * 10)
    policy = MADE(ten, hidden=18)
    np.testing.assert_array_equal(policy.degrees, np.repeat(np.arange(1, 10), 2))
    assert policy.ends == list(range(0, 19, 2))
    few = MADE(ten, hidden=3)
    np.testing.assert_array_equal(few.degrees, [2, 5, 8])
    assert few.ends == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    assert len(MADE(ten, d=7).degrees) == 70
    for H in range(1, 40):
        degrees = MADE(ten, hidden=H).degrees
        assert degrees.min() >= 1
        assert degrees.max() <= 9
        u = (np.arange(H) + 0.5) / H
        np.testing.assert_array_equal(degrees, 1 + np.floor(u * 9 + 1e-12))


@pytest.mark.parametrize("make", CLASSES[1:])
def test_one_seed_one_start(make, mixed_space):
    first, second, other = (make(mixed_space, rng=seed).params for seed in (5, 5, 6))
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (NADE, {"d": 0}, "d is 0; it must be at least 1"),
        (NADE, {"hidden": 0}, "hidden is 0"),
        (NADE, {"inputs": "binary"}, "inputs is 'binary'; choose one of 'one-hot', 'embedded'"),
        (NADE, {"init_scales": {"U": 1.0}}, "may name only"),
        (MADE, {"layers": 0}, "layers is 0"),
        (MADE, {"form": "dense"}, "form is 'dense'; choose one of 'auto', 'masked', 'sliced'"),
        (MADE, {"hidden": -1}, "hidden is -1"),
        (MADE, {"inputs": ""}, "inputs is ''"),
        (MADE, {"init_scales": {"ff": 1.0}}, "may name only"),
        (LSTM, {"d": 0}, "d is 0"),
        (LSTM, {"layers": 0}, "layers is 0"),
        (LSTM, {"init_scales": {"W": 1.0}}, "may name only"),
    ],
)
def test_bad_settings(make, settings, message, mixed_space):
    with pytest.raises(ValueError, match=message):
        make(mixed_space, rng=0, **settings)


# -------------------------------------------------------------------------------- another device


@every
def test_forward_backward_conditionals_elsewhere(name, mixed_space):
    rng = np.random.default_rng(1)
    host = make_policy(name, mixed_space)
    strict = host.to(xp)
    actions, orders = random_actions(mixed_space, 5, rng), random_orders(5, N, rng)
    dlog_prob, dconditionals = rng.normal(size=5), rng.normal(size=(5, N, 4))
    log_prob, cache = host.forward(actions, orders)
    strict_log_prob, strict_cache = strict.forward(actions, orders)
    same(strict_log_prob, log_prob)
    same(
        strict.backward(xp.asarray(dlog_prob), strict_cache, xp.asarray(dconditionals)),
        host.backward(dlog_prob, cache, dconditionals),
    )
    same(strict.conditionals(actions, orders), host.conditionals(actions, orders))
    back = strict.to(np)
    assert back.xp is np
    np.testing.assert_array_equal(back.forward(actions, orders)[0], log_prob)


ORDERS = {
    "shared": lambda rng: np.array([2, 0, 3, 1]),
    "few": lambda rng: np.array([[2, 0, 3, 1], [0, 1, 2, 3]])[rng.integers(2, size=200)],
    "own": lambda rng: random_orders(200, N, rng),
}


@pytest.mark.parametrize("kind", ORDERS)
@every
def test_sampler_elsewhere(name, kind, mixed_space):
    host = make_policy(name, mixed_space)
    strict, orders = host.to(xp), ORDERS[kind](np.random.default_rng(3))
    for temperature in (1.0, 2.0):
        actions, log_prob = host.sample(200, orders, np.random.default_rng(4), temperature)
        found, strict_log_prob = strict.sample(200, orders, np.random.default_rng(4), temperature)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, actions)
        same(strict_log_prob, log_prob)
