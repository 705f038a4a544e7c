"""The gradient check: it passes what is right and catches what is wrong, with both numbers."""

from __future__ import annotations

import doctest
import re

import numpy as np
import pytest
from oracles import make_policy, random_actions, random_orders

from maade_np import gradcheck
from maade_np.gradcheck import GradientError
from maade_np.policies import MAADE

INPUTS = {
    "x": np.array([[0.5, -1.0, 2.0], [0.3, 0.7, -0.2]]),
    "w": np.array([1.0, 2.0, -1.5]),
    "shift": np.array([0.1, 0.2, 0.3]),
}


def forward(x, w, shift, power=2):
    """y = sum over rows of (x - shift)^2 w; only what is asked for is differentiated."""
    centred = x - shift
    return centred**power * w, (centred, w, power)


def right(dy, cache):
    centred, w, power = cache
    dx = power * centred ** (power - 1) * w * dy
    return {"x": dx, "w": (centred**power * dy).sum(axis=0), "shift": -dx.sum(axis=0)}


def changed(**changes):
    """A backward that is right but for some gradients."""

    def backward(dy, cache):
        grads = right(dy, cache)
        for name, change in changes.items():
            grads[name] = change(grads[name])
        return grads

    return backward


def one_entry(gradient):
    gradient = gradient.copy()
    gradient[1, 2] *= 1 + 1e-7
    return gradient


WRONG = {
    "a wrong sign": (changed(shift=np.negative), r"dshift\[\d\] is"),
    "a missing factor": (changed(x=lambda g: g / 2), r"dx\[\d, \d\] is"),
    "a missing term": (changed(w=lambda g: g - 0.01), r"dw\[\d\] is"),
    "a sum forgotten": (changed(shift=lambda g: g / 2), r"dshift\[\d\] is"),
    "one entry, in the eighth digit": (changed(x=one_entry), r"dx\[1, 2\] is"),
    "a zero gradient": (changed(x=lambda g: g * 0), r"dx\[\d, \d\] is -?0, but"),
    "NaN": (changed(w=lambda g: g * np.nan), r"dw\[\d\] is nan"),
    "infinity": (changed(w=lambda g: g * np.inf), r"dw\[\d\] is -?inf"),
    "a wrong shape": (
        changed(shift=lambda g: g[None]),
        r"dshift has shape \(1, 3\), but shift \(3,\)",
    ),
    "a number for an array": (
        changed(shift=lambda g: g.sum()),
        r"dshift has shape \(\), but shift",
    ),
    "a transposed gradient": (changed(x=lambda g: g.T), r"dx has shape \(3, 2\), but x \(2, 3\)"),
    "another order of axes": (changed(x=lambda g: g[::-1]), r"dx\[\d, \d\] is"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_is_caught(name):
    backward, message = WRONG[name]
    with pytest.raises(GradientError, match=f"mine: {message}"):
        gradcheck.check_pair(forward, backward, INPUTS, name="mine")


@pytest.mark.parametrize("methods", [("complex",), ("central",), ("complex", "central")])
def test_a_right_gradient_passes(methods):
    report = gradcheck.check_pair(forward, right, INPUTS, name="mine", methods=methods)
    assert report.ok
    assert [entry.name for entry in report.entries] == list(INPUTS)
    for entry in report.entries:
        assert set(entry.errors) == set(report.directional) == set(methods)
        assert entry.norm > 0
    if "complex" in methods:
        assert report.worst("complex")[0] < 1e-15


def test_the_message_holds_both_numbers():
    with pytest.raises(GradientError) as caught:
        gradcheck.check_pair(forward, changed(w=lambda g: g * 3), INPUTS, name="mine")
    line = str(caught.value).splitlines()[0]
    found = re.search(r"dw\[(\d)\] is (\S+), but complex says (\S+) \(off by (\S+) of", line)
    assert float(found[2]) == pytest.approx(3 * float(found[3]), rel=1e-5)
    assert "1e-10 allowed" in line


def test_the_numbers_are_right():
    """The worst entry's numeric value is the derivative of the sum that was differentiated."""
    seen = {}

    def backward(dy, cache):
        seen["dy"] = dy
        return changed(w=lambda g: g + np.array([0, 1.0, 0]))(dy, cache)

    report = gradcheck.compare(forward, backward, INPUTS, name="mine")
    index, analytic, numeric = report.entries[1].worst
    assert index == (1,)
    exact = ((INPUTS["x"] - INPUTS["shift"]) ** 2 * seen["dy"]).sum(axis=0)[1]
    assert numeric == pytest.approx(exact)
    assert analytic == pytest.approx(exact + 1)
    assert report.entries[1].errors["complex"] == pytest.approx(1 / report.entries[1].norm, rel=0.5)


def test_the_upstream_gradient_is_random():
    """With ones upstream a softmax's backward could return zeros and pass."""

    def softmax(z):
        p = np.exp(z) / np.exp(z).sum()
        return p, p

    assert gradcheck.check_pair(
        softmax, lambda dp, p: p * (dp - (p * dp).sum()), {"z": np.arange(4.0)}
    ).ok
    with pytest.raises(GradientError, match="dz"):
        gradcheck.check_pair(softmax, lambda dp, p: p * 0, {"z": np.arange(4.0)})


def test_a_missing_gradient():
    def backward(dy, cache):
        return {name: g for name, g in right(dy, cache).items() if name != "w"}

    with pytest.raises(GradientError, match=r"mine: the backward gives no gradient of \['w'\]"):
        gradcheck.check_pair(forward, backward, INPUTS, name="mine")
    with pytest.raises(GradientError, match="gives 2 gradients for the 3 floating-point inputs"):
        gradcheck.check_pair(forward, lambda dy, c: tuple(backward(dy, c).values()), INPUTS)


def test_exact_zeros():
    mask = np.array([True, False, True])

    def masked(x):
        return np.where(mask, x, 0) ** 3, x

    def leaking(dy, x):
        dx = 3 * np.where(mask, x, 0) ** 2 * dy
        dx[1] = 1e-300  # no method sees that; the assertion does
        return dx

    x = {"x": np.array([1.0, 2.0, 3.0])}
    assert gradcheck.check_pair(
        masked, lambda dy, x: leaking(dy, x) * mask, x, zeros={"x": ~mask}
    ).ok
    assert gradcheck.check_pair(masked, leaking, x).ok
    with pytest.raises(GradientError, match=r"dx\[1\] is 1e-300 and must be exactly 0"):
        gradcheck.check_pair(masked, leaking, x, zeros={"x": ~mask})


def test_a_gradient_that_is_zero_throughout():
    """Even where the numbers agree: a check of nothing is no check, unless it is announced."""

    def constant(x, y):
        return y + 0 * x, x

    def backward(dout, x):
        return 0 * dout, dout

    inputs = {"x": np.ones(2), "y": np.ones(2)}
    with pytest.raises(GradientError, match="dx is zero throughout, so nothing was checked"):
        gradcheck.check_pair(constant, backward, inputs)
    assert gradcheck.check_pair(constant, backward, inputs, zeros={"x": np.ones(2, dtype=bool)}).ok


def test_several_outputs_and_a_tuple_of_gradients():
    def polar(r, angle):
        return (r * np.cos(angle), r * np.sin(angle)), (r, angle)

    def backward(dout, cache):
        (dx, dy), (r, angle) = dout, cache
        cos, sin = np.cos(angle), np.sin(angle)
        return dx * cos + dy * sin, r * (dy * cos - dx * sin)

    inputs = {"r": np.array([1.0, 2.0]), "angle": np.array([0.3, -1.0])}
    assert gradcheck.check_pair(polar, backward, inputs).ok
    with pytest.raises(GradientError, match="dr"):
        gradcheck.check_pair(polar, lambda d, c: backward(d[::-1], c), inputs)


def test_what_is_no_floating_point_array_is_passed_on():
    seen = []

    def gather(x, rows, label):
        seen.append((rows.dtype, label))
        return x[rows], (x.shape, rows)

    def backward(dout, cache):
        shape, rows = cache
        dx = np.zeros(shape)
        np.add.at(dx, rows, dout)
        return dx

    inputs = {"x": np.arange(3.0), "rows": np.array([0, 2, 2]), "label": "name"}
    report = gradcheck.check_pair(gather, backward, inputs)
    assert [entry.name for entry in report.entries] == ["x"]
    assert set(seen) == {(np.dtype(int), "name")}


def test_numbers_and_float32_are_taken():
    report = gradcheck.check_pair(
        lambda x, scale: (x**3 * scale, (x, scale)),
        lambda dy, c: (3 * c[0] ** 2 * c[1] * dy, float((c[0] ** 3 * dy).sum())),
        {"x": np.array([1, 2], dtype=np.float32), "scale": 2.0},
    )
    assert report.ok


def test_code_that_is_not_analytic():
    """abs and a cast to real defeat the complex step; central differences still work."""

    def norm(x):
        return np.abs(np.real(x)).sum(), np.sign(np.real(x))

    inputs = {"x": np.array([1.0, -2.0, 3.0])}
    with pytest.raises(GradientError, match="but complex says 0 "):
        gradcheck.check_pair(norm, lambda dy, sign: dy * sign, inputs)
    assert gradcheck.check_pair(norm, lambda dy, s: dy * s, inputs, methods=("central",)).ok
    with pytest.raises(GradientError, match="but central says"):
        gradcheck.check_pair(norm, lambda dy, s: -dy * s, inputs, methods=("central",))


def test_a_choice_of_entries_and_the_direction_through_all():
    """What the chosen entries miss, the direction sees."""
    x = {"x": np.linspace(-1, 1, 500)}

    def backward(dy, x):
        dx = 3 * x**2 * dy
        dx[wrong] += 0.5
        return dx

    wrong = []
    report = gradcheck.check_pair(lambda x: (x**3, x), backward, x, max_entries=5)
    assert report.ok
    for index in range(0, 500, 50):
        wrong[:] = [index]
        report = gradcheck.compare(lambda x: (x**3, x), backward, x, name="cube", max_entries=5)
        assert not report.ok
        assert report.directional["complex"] > 1e-3
        assert "along a random direction through all inputs the complex" in "".join(report.problems)


@pytest.mark.parametrize(
    ("inputs", "how", "message"),
    [
        ({"x": np.arange(3)}, {}, "mine has no floating-point input"),
        (INPUTS, {"methods": ("exact",)}, r"methods is \('exact',\); choose from complex, central"),
        (INPUTS, {"methods": ()}, r"methods is \(\)"),
    ],
)
def test_bad_input(inputs, how, message):
    with pytest.raises(ValueError, match=message):
        gradcheck.check_pair(forward, right, inputs, name="mine", **how)


# -------------------------------------------------------------------------------------- policies


def test_a_policy_is_checked(mixed_space):
    rng = np.random.default_rng(0)
    policy = make_policy(mixed_space, blocks=2).astype(np.float32)
    actions, orders = random_actions(mixed_space, 12, rng), random_orders(12, 4, rng)
    report = gradcheck.check(policy, actions, orders, max_entries=5)
    assert {entry.name for entry in report.entries} == set(policy.params)
    assert policy.dtype == np.float32
    assert report.worst("complex")[0] < 1e-10


def test_a_wrong_policy_is_caught(mixed_space):
    class Wrong(MAADE):
        def logits_backward(self, dlogits, cache):
            grads = super().logits_backward(dlogits, cache)
            grads["block1.b1"] = grads["block1.b1"] * 1.001
            return grads

    rng = np.random.default_rng(0)
    policy = Wrong(mixed_space, d=3, rng=0)
    actions, orders = random_actions(mixed_space, 8, rng), random_orders(8, 4, rng)
    with pytest.raises(GradientError, match=r"^Wrong: dblock1\.b1\[\d\] is .* but complex says"):
        gradcheck.check(policy, actions, orders, max_entries=5)


def test_a_gradient_beyond_the_cardinalities_is_caught(mixed_space):
    """There the numbers cannot see it (the value has no effect), so it must be exactly 0."""

    class Leaking(MAADE):
        def logits_backward(self, dlogits, cache):
            grads = super().logits_backward(dlogits, cache)
            grads["b_out"][0, 3] = 1e-30
            return grads

    rng = np.random.default_rng(0)
    policy = Leaking(mixed_space, d=3, rng=0)
    actions, orders = random_actions(mixed_space, 8, rng), random_orders(8, 4, rng)
    with pytest.raises(GradientError, match=r"db_out\[0, 3\] is 1e-30 and must be exactly 0"):
        gradcheck.check(policy, actions, orders, max_entries=5)


# ------------------------------------------------------------------------------------- docstrings


def test_the_docstring_s_example():
    found = doctest.testmod(gradcheck, optionflags=doctest.ELLIPSIS)
    assert found.attempted >= 6
    assert not found.failed
