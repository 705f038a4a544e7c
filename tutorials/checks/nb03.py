"""Checks of notebook 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from maade_np import gradcheck, layers

from ._common import exercise, expect, expect_close


def _temperature_forward(z: Any, T: Any) -> tuple[Any, Any]:
    ell, inner_cache = layers.log_softmax_forward(z / T, np.ones(z.shape, dtype=bool))
    return ell, (z, T, inner_cache.probs)


@exercise
def check_temperature(answer: Any) -> str:
    """Run the package's gradient check on the pair."""
    rng = np.random.default_rng(31)
    for B, D, T in ((4, 3, 1.7), (1, 5, 0.4), (6, 2, 1.0)):
        inputs = {"z": rng.normal(size=(B, D)), "T": T}
        grads = answer(rng.normal(size=(B, D)), _temperature_forward(**inputs)[1])
        expect(isinstance(grads, dict), 'Return a dict {"z": dz, "T": dT}.')
        expect(
            {"z", "T"} <= set(grads), f'The dict has {sorted(grads)}; it should have "z" and "T".'
        )
        try:
            gradcheck.check_pair(_temperature_forward, answer, inputs, name="temperature", rng=rng)
        except gradcheck.GradientError as error:
            message = str(error).splitlines()[0]
            raise AssertionError(
                f"At T = {T} the gradient check is not content. {message}. "
                "Call z / T by a name of its own, and go back to that first."
            ) from None
    return (
        "with u = z / T: du by (3.5), dz = du / T, and dT = -sum(du z) / T^2, summed over everything, "
        "because the one number T is read by every logit of every string."
    )


@exercise
def check_correct_once(answer: Any) -> str:
    """Check the gradient, then call the backward again with the same cache."""
    rng = np.random.default_rng(32)

    def forward(z: Any, actions: Any) -> tuple[Any, Any]:
        p = np.exp(z - z.real.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        rows = np.arange(len(z))
        return np.log(p[rows, actions]), (p, rows, actions)

    for B, D in ((6, 3), (1, 4), (5, 2)):
        inputs = {"z": rng.normal(size=(B, D)), "actions": rng.integers(0, D, size=B)}
        _, cache = forward(**inputs)
        before = [np.copy(part) for part in cache]
        one, two = rng.normal(size=B), rng.normal(size=B)
        kept = one.copy()
        returned = answer(one, cache)
        first = np.copy(returned)
        expect((one == kept).all(), "The upstream gradient was changed; it belongs to the caller.")
        second = answer(two, cache)
        expect(
            np.array_equal(returned, first),
            "The second call changes the array that the first one returned.",
        )
        third = answer(one, cache)
        expect_close(
            third,
            first,
            "The same cache and the same upstream gradient give another result when they are used "
            "again.",
        )
        same = all(np.array_equal(a, b) for a, b in zip(before, cache, strict=True))
        expect(same, "Something in the cache is not what it was before the call.")
        expect(
            not np.shares_memory(second, cache[0]),
            "What you return is a part of the cache: a caller who adds to it changes the cache.",
        )
        try:
            gradcheck.check_pair(forward, answer, inputs, name="chosen", rng=rng)
        except gradcheck.GradientError as error:
            raise AssertionError(
                f"The gradient itself is off now. {str(error).splitlines()[0]}."
            ) from None
    return (
        "a backward pass reads its cache and writes to new arrays. The gradient check calls it once, "
        "so it could not see what happens the second time."
    )


@exercise
def check_one_sided(answer: Any) -> str:
    """Compare with the minimum of the two errors' sum."""
    for f, f2, epsilon in ((1.0, 1.0, 2.2e-16), (30.0, 0.2, 2.2e-16), (0.5, 4.0, 1.2e-7)):
        found = answer(f, f2, epsilon)
        expect(found is not None, "The function returns None.")
        expect(np.shape(found) == (2,), "Return two numbers: the step, and the error it leaves.")
        step, error = map(float, found)

        def total(eta, f=f, f2=f2, epsilon=epsilon):
            return f2 * eta / 2 + 2 * epsilon * f / eta

        expect(step > 0, "A step is positive.")
        least = total(np.geomspace(step / 1000, step * 1000, 100_001)).min()
        expect(
            total(step) <= least * (1 + 1e-4),
            f"With |f| = {f}, |f''| = {f2} there is a step with a smaller error than {step:.1e}. "
            "Where is the derivative of the sum zero?",
        )
        expect_close(
            error, total(step), "The step is the best one, but the error is another.", rtol=1e-3
        )
    return (
        "step 2 sqrt(eps |f / f''|), error 2 sqrt(eps |f f''|): half of the digits are lost, where a "
        "central difference loses a third."
    )


# ------------------------------------------------------------------- layers for a_check_that_can_fail


def _layer(f: Callable, df: Callable) -> tuple[Callable, Callable]:
    return (lambda x: (f(x), x)), (lambda dout, x: df(dout, x))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _d_softmax(dout: np.ndarray, x: np.ndarray) -> np.ndarray:
    p = _softmax(x)
    return p * (dout - (dout * p).sum(axis=-1, keepdims=True))


def _log_softmax(x: np.ndarray) -> np.ndarray:
    return np.log(_softmax(x))


def _d_log_softmax(dout: np.ndarray, x: np.ndarray) -> np.ndarray:
    return dout - _softmax(x) * dout.sum(axis=-1, keepdims=True)


def _leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.1 * x)


def _with_nan(dout: np.ndarray, x: np.ndarray) -> np.ndarray:
    found = _d_softmax(dout, x)
    found.reshape(-1)[-1] = np.nan
    return found


def _last_column(dout: np.ndarray, x: np.ndarray) -> np.ndarray:
    found = dout * (1 - np.tanh(x) ** 2)
    found[..., -1] *= 1.05
    return found


_RIGHT = {
    "a softmax": _layer(_softmax, _d_softmax),
    "a log-softmax": _layer(_log_softmax, _d_log_softmax),
    "tanh": _layer(np.tanh, lambda d, x: d * (1 - np.tanh(x) ** 2)),
    "a running sum": _layer(
        lambda x: np.cumsum(x, axis=-1), lambda d, x: np.cumsum(d[..., ::-1], axis=-1)[..., ::-1]
    ),
    "a leaky relu": _layer(_leaky, lambda d, x: np.where(x > 0, d, 0.1 * d)),
    "a tanh in large units": _layer(
        lambda x: 1e6 * np.tanh(x), lambda d, x: 1e6 * d * (1 - np.tanh(x) ** 2)
    ),
    "the square of the sum": _layer(
        lambda x: x.sum(axis=0) ** 2, lambda d, x: np.zeros_like(x) + 2 * x.sum(axis=0) * d
    ),
}

_WRONG = {
    "zeros from a softmax": _layer(_softmax, lambda d, x: np.zeros_like(d)),
    "a softmax without its probability in front": _layer(
        _softmax, lambda d, x: d - (d * _softmax(x)).sum(axis=-1, keepdims=True)
    ),
    "a softmax that takes its probabilities for equal": _layer(
        _softmax, lambda d, x: (d - d.mean(axis=-1, keepdims=True)) / d.shape[-1]
    ),
    "a log-softmax that takes its probabilities for equal": _layer(
        _log_softmax, lambda d, x: d - d.mean(axis=-1, keepdims=True)
    ),
    "a softmax that sums over the batch": _layer(
        _softmax, lambda d, x: _softmax(x) * (d - (d * _softmax(x)).sum())
    ),
    "a NaN in the last place": _layer(_softmax, _with_nan),
    "a last column that is five per cent off": _layer(np.tanh, _last_column),
    "a tanh that is one part in a thousand off": _layer(
        np.tanh, lambda d, x: 1.001 * d * (1 - np.tanh(x) ** 2)
    ),
    "a leaky relu that forgets its leak": _layer(_leaky, lambda d, x: np.where(x > 0, d, 0 * d)),
    "a leaky relu, wrong on the positive side only": _layer(
        _leaky, lambda d, x: np.where(x > 0, 1.1 * d, 0.1 * d)
    ),
    "a running sum that runs the wrong way": _layer(
        lambda x: np.cumsum(x, axis=-1), lambda d, x: np.cumsum(d, axis=-1)
    ),
    "a tanh in small units, twice too large": _layer(
        lambda x: 1e-6 * np.tanh(x), lambda d, x: 2e-6 * d * (1 - np.tanh(x) ** 2)
    ),
    "tanh with the sign turned": _layer(np.tanh, lambda d, x: -d * (1 - np.tanh(x) ** 2)),
}


@exercise
def check_a_check_that_can_fail(answer: Any) -> str:
    """Hand it right and wrong layers, and count wrong verdicts."""
    for seed in range(3):
        for shape in ((3, 4), (2, 5)):
            rng = np.random.default_rng(seed)
            for name, (forward, backward) in _RIGHT.items():
                found = answer(forward, backward, shape, rng)
                expect(found is not None, "The function returns None; return True or False.")
                expect(
                    bool(found),
                    f"A false alarm: {name} has a right gradient, and your check says it is wrong "
                    f"(shape {shape}). Is the error measured by the size of the gradient?",
                )
            for name, (forward, backward) in _WRONG.items():
                expect(
                    not bool(answer(forward, backward, shape, rng)),
                    f"Your check is content with this: {name} (shape {shape}).",
                )
    return (
        f"no false alarm on {len(_RIGHT)} right layers and no miss on {len(_WRONG)} wrong ones. "
        "Random input, random upstream gradient, every entry, relative error, and NaN is not small."
    )
