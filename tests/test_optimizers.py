"""Optimizers: against references written out here and PyTorch's, and a stored trajectory."""

from __future__ import annotations

import json
import math

import make_golden
import numpy as np
import pytest
from oracles import maade_log_prob, unchanged

from maade_np import optimizers

SHAPES = {"w": (3, 2), "b": (4,), "scalar": ()}


def problem(seed=0, steps=8, dtype=np.float64):
    """Parameters and the gradients of some steps, of very different sizes."""
    rng = np.random.default_rng(seed)
    params = {
        name: np.asarray(rng.normal(size=shape), dtype=dtype) for name, shape in SHAPES.items()
    }
    grads = [
        {
            name: np.asarray(10.0 ** rng.integers(-4, 3) * rng.normal(size=shape), dtype=dtype)
            for name, shape in SHAPES.items()
        }
        for _ in range(steps)
    ]
    return params, grads


def copy(params):
    return {name: array.copy() for name, array in params.items()}


def run(optimizer, grads):
    for step in grads:
        optimizer.step(step)
    return optimizer.params


def same(found, expected, rtol=1e-12):
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=rtol)


# ----------------------------------------------------------------------------------- references


def adam_reference(params, grads, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Algorithm 1 of Kingma and Ba, one number at a time."""
    found = {}
    for name, start in params.items():
        found[name] = np.empty(start.shape)
        for index in np.ndindex(*start.shape):
            theta, m, v = float(start[index]), 0.0, 0.0
            for t, step in enumerate(grads, start=1):
                g = float(step[name][index])
                m = beta1 * m + (1 - beta1) * g
                v = beta2 * v + (1 - beta2) * g * g
                m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
                theta -= rate * m_hat / (math.sqrt(v_hat) + epsilon)
            found[name][index] = theta
    return found


ADAMS = [
    {},
    {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2},
    {"learning_rate": 0.02, "beta1": 0.0, "beta2": 0.0},
]


@pytest.mark.parametrize("settings", ADAMS, ids=str)
def test_adam(settings):
    params, grads = problem()
    names = {"rate" if key == "learning_rate" else key: value for key, value in settings.items()}
    same(
        run(optimizers.Adam(copy(params), **settings), grads),
        adam_reference(params, grads, **names),
    )


@pytest.mark.parametrize("settings", ADAMS, ids=str)
def test_adam_is_pytorch_s(settings):
    torch = pytest.importorskip("torch")
    params, grads = problem()
    theirs = {
        k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in params.items()
    }
    how = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, **settings}
    optimizer = torch.optim.Adam(
        theirs.values(),
        lr=how["learning_rate"],
        betas=(how["beta1"], how["beta2"]),
        eps=how["epsilon"],
    )
    for step in grads:
        for name, tensor in theirs.items():
            tensor.grad = torch.tensor(step[name], dtype=torch.float64)
        optimizer.step()
    mine = run(optimizers.Adam(copy(params), **settings), grads)
    same(mine, {name: tensor.detach().numpy() for name, tensor in theirs.items()})


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd(momentum):
    params, grads = problem()
    expected, velocity = copy(params), dict.fromkeys(params, 0.0)
    for step in grads:
        for name in params:
            velocity[name] = momentum * velocity[name] + step[name]
            expected[name] = expected[name] - 0.05 * velocity[name]
    same(run(optimizers.SGD(copy(params), 0.05, momentum), grads), expected)


def test_the_first_step_of_adam_is_the_learning_rate():
    """Whatever the gradient's size: the bias corrections cancel it."""
    params = {"x": np.array([1.0, 2.0, 3.0])}
    optimizers.Adam(params, 0.01).step({"x": np.array([1e4, -1e-2, 0.0])})
    np.testing.assert_allclose(params["x"], [0.99, 2.01, 3.0], rtol=1e-6)


# ------------------------------------------------------------------------------------- behaviour

MAKERS = {
    "Adam": lambda params: optimizers.Adam(params, 0.05),
    "SGD": lambda params: optimizers.SGD(params, 0.05, momentum=0.8),
}
makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@makers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_in_place_and_keep_the_type(make, dtype):
    params, grads = problem(dtype=dtype)
    arrays = dict(params)
    optimizer = make(params)
    with unchanged(grads):
        run(optimizer, grads)
    assert optimizer.steps == len(grads)
    for name, array in arrays.items():
        assert params[name] is array
        assert array.dtype == dtype
        assert not np.array_equal(array, problem(dtype=dtype)[0][name])


@makers
def test_the_state_goes_round(make):
    params, grads = problem()
    whole = run(make(copy(params)), grads)
    first = make(copy(params))
    run(first, grads[:3])
    state = first.state_dict()
    stopped = copy(first.params)
    run(first, grads[3:])  # must not reach into the saved state
    second = make(stopped)
    second.load_state_dict(state)
    run(second, grads[3:])
    for name, array in whole.items():
        np.testing.assert_array_equal(second.params[name], array)
        np.testing.assert_array_equal(first.params[name], array)
    third = make(copy(params))
    third.load_state_dict(state)  # nor did the second
    assert third.steps == 3


@makers
def test_a_state_of_another_size(make):
    state = make({"x": np.zeros(3)}).state_dict()
    with pytest.raises(ValueError, match=r"m has shape \(3,\), here it is \(4,\).*another size"):
        make({"x": np.zeros(4)}).load_state_dict(state)


@makers
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": None}, r"gradients \['b'\] are missing or belong to no parameter"),
        ({"z": np.zeros(2)}, r"gradients \['z'\] are missing or belong to no parameter"),
        ({"w": np.zeros((2, 3))}, r"gradient 'w' has shape \(2, 3\), its parameter \(3, 2\)"),
        ({"b": np.array([0, np.nan, 0, 0])}, r"the gradient of \['b'\] is not finite"),
        ({"w": np.full((3, 2), np.inf)}, r"\['w'\] is not finite; a smaller learning rate"),
    ],
)
def test_a_bad_gradient_changes_nothing(make, change, message):
    params, grads = problem()
    optimizer = make(params)
    optimizer.step(grads[0])
    bad = {name: array for name, array in {**grads[1], **change}.items() if array is not None}
    with unchanged(params, optimizer.state_dict()), pytest.raises(ValueError, match=message):
        optimizer.step(bad)
    assert optimizer.steps == 1
    fresh = make(problem()[0])
    same(run(fresh, grads[:2]), run(optimizer, grads[1:2]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optimizers.Adam(p, 0.0), "learning_rate is 0.0; it must be above 0"),
        (lambda p: optimizers.SGD(p, -1.0), "learning_rate is -1.0"),
        (lambda p: optimizers.Adam(p, np.nan), "learning_rate is nan"),
        (lambda p: optimizers.Adam(p, beta1=1.0), r"beta1 is 1.0; it must be in \[0, 1\)"),
        (lambda p: optimizers.Adam(p, beta2=-0.5), "beta2 is -0.5"),
        (lambda p: optimizers.Adam(p, epsilon=0.0), "epsilon is 0.0; it must be above 0"),
        (lambda p: optimizers.SGD(p, momentum=1.0), "momentum is 1.0"),
        (lambda p: optimizers.Adam({}), "params is empty"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make({"x": np.zeros(2)})


# --------------------------------------------------------------------------- the stored trajectory


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_stored_trajectory(blocks):
    stored = json.loads(make_golden.PATH.read_text(encoding="utf-8"))[f"blocks={blocks}"]
    assert len(stored) == make_golden.STEPS + 1
    assert stored == sorted(stored, reverse=True)  # it descends
    np.testing.assert_allclose(make_golden.trajectory(blocks), stored, rtol=1e-9)


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_stored_trajectory_is_right(blocks):
    """Its first losses by autograd of the equations and the Adam above, without the package."""
    value_and_grad = pytest.importorskip("autograd").value_and_grad
    stored = json.loads(make_golden.PATH.read_text(encoding="utf-8"))[f"blocks={blocks}"]
    policy, actions, orders, advantage = make_golden.problem(blocks)

    def loss(params):
        log_prob = maade_log_prob(params, make_golden.SPACE, blocks, actions, orders)
        return -sum(log_prob * advantage) / len(advantage)

    start, grads = policy.params, []
    for expected in stored[:3]:
        found, gradient = value_and_grad(loss)(adam_reference(start, grads, rate=0.01))
        assert found == pytest.approx(expected, rel=1e-9)
        grads.append(gradient)
