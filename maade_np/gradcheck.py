r"""Gradient checks: the complex step first, central differences second, a direction through all.

For a function f that is analytic, the complex step
:math:`\partial f / \partial x \approx \mathrm{Im}\, f(x + i h) / h` subtracts nothing, so h may be
1e-30 and the result is exact to rounding (Squire & Trapp 1998): it agrees with a right gradient to
1e-10 of its norm and better. Central differences need no complex numbers but lose half the digits.

What is differentiated is ``sum(dout * out)`` with *random* upstream gradients ``dout``: with ones a
softmax's backward could return zeros and pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from maade_np.policies import Policy

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-5
TOLERANCE = {"complex": 1e-10, "central": 1e-6}

Inputs = Mapping[str, Any]
Forward = Callable[..., tuple[Any, Any]]
Backward = Callable[[Any, Any], Any]


class GradientError(AssertionError):
    """A gradient is wrong; the message names the worst entry and both numbers."""


@dataclass(frozen=True)
class Entry:
    """How one input's gradient compares with the numbers.

    Attributes
    ----------
    name : str
    size : int
        Entries of the input; all are checked up to `max_entries` of the check, else a random choice.
    norm : float
        Euclidean norm of the analytic gradient.
    errors : dict of float
        For each method the largest absolute error, relative to the norm.
    worst : tuple
        Index, analytic and numeric value where the first method's error is largest.
    problem : str
        Empty where all is well.
    """

    name: str
    size: int
    norm: float
    errors: dict[str, float]
    worst: tuple[tuple[int, ...], float, float]
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """The outcome of one check: an `Entry` an input, and the direction through all inputs."""

    name: str
    entries: tuple[Entry, ...]
    directional: dict[str, float]

    @property
    def problems(self) -> list[str]:
        """What is wrong, one line each."""
        lines = [f"{self.name}: {entry.problem}" for entry in self.entries if entry.problem]
        for method, error in self.directional.items():
            if not error <= TOLERANCE[method]:
                lines.append(
                    f"{self.name}: along a random direction through all inputs the {method} "
                    f"derivative differs by {error:.2e} of its size"
                )
        return lines

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def worst(self, method: str) -> tuple[float, str]:
        """Return the largest relative error of a method and the input where it stands."""
        errors = [(e.errors[method], e.name) for e in self.entries if method in e.errors]
        return max(errors, default=(float("nan"), "-"))


def check_pair(
    forward: Forward,
    backward: Backward,
    inputs: Inputs,
    *,
    name: str = "layer",
    methods: Sequence[str] = ("complex", "central"),
    zeros: Mapping[str, np.ndarray] | None = None,
    rng: np.random.Generator | int = 0,
    max_entries: int = 400,
) -> Report:
    """Check a forward/backward pair, ours or yours.

    Parameters
    ----------
    forward : callable
        ``out, cache = forward(**inputs)``; out is an array or a tuple of arrays.
    backward : callable
        ``backward(dout, cache)`` returns a dict of gradients by the inputs' names, or (as one array or
        a tuple) the gradients of the floating-point inputs in their order.
    inputs : dict
        Floating-point arrays are checked; everything else is passed on as it is.
    name : str
    methods : sequence of {"complex", "central"}
        Leave out "complex" for code that is not analytic or not safe for complex numbers.
    zeros : dict of boolean arrays, optional
        Where an input's gradient must be *exactly* 0 (for example at what a mask hides).
    rng : numpy.random.Generator or int
        For upstream gradients and directions.
    max_entries : int
        Check at most so many entries an input one by one.

    Returns
    -------
    Report

    Raises
    ------
    GradientError
        A gradient is wrong, of another shape, missing, not exactly zero where it must be, or zero
        throughout where nothing says so.

    Examples
    --------
    A derivative of the sigmoid that forgot a factor, caught with both numbers:

    >>> import numpy as np
    >>> from maade_np import gradcheck
    >>> def forward(x):
    ...     y = 1 / (1 + np.exp(-x))
    ...     return y, y
    >>> def wrong_backward(dy, y):
    ...     return dy * y
    >>> gradcheck.check_pair(forward, wrong_backward, {"x": np.array([0.0])}, name="sigmoid")
    Traceback (most recent call last):
    maade_np.gradcheck.GradientError: sigmoid: dx[0] is 0.0628651, but complex says 0.0314326 ...
    >>> def right_backward(dy, y):
    ...     return dy * y * (1 - y)
    >>> gradcheck.check_pair(forward, right_backward, {"x": np.array([0.0])}, name="sigmoid").ok
    True
    """
    report = compare(
        forward,
        backward,
        inputs,
        name=name,
        methods=methods,
        zeros=zeros,
        rng=rng,
        max_entries=max_entries,
    )
    if not report.ok:
        raise GradientError("\n".join(report.problems))
    return report


def check(
    policy: Policy,
    actions: np.ndarray,
    orders: np.ndarray,
    *,
    methods: Sequence[str] = ("complex", "central"),
    rng: np.random.Generator | int = 0,
    max_entries: int = 400,
) -> Report:
    """Check a policy's backward, through log-probabilities and whole conditionals, in float64.

    Parameters
    ----------
    policy : Policy
        Converted to float64 for the check.
    actions, orders : integer arrays (B, N)
    methods, rng, max_entries
        See `check_pair`.

    Returns
    -------
    Report

    Raises
    ------
    GradientError
        With the worst parameter, its index and both numbers.
    """
    report = compare_policy(
        policy, actions, orders, methods=methods, rng=rng, max_entries=max_entries
    )
    if not report.ok:
        raise GradientError("\n".join(report.problems))
    return report


def compare_policy(policy: Policy, actions: np.ndarray, orders: np.ndarray, **how: Any) -> Report:
    """Compare a policy's gradients with the numbers; see `check`."""
    exists = policy.layout.exists

    def forward(**params: Any) -> tuple[Any, Any]:
        log_prob, cache = policy.with_params(params).forward(actions, orders)
        log_probs = policy.xp.where(exists, cache.log_probs, 0)
        return (log_prob, log_probs), (params, cache)

    def backward(dout: Any, cache: Any) -> Any:
        params, inner = cache
        return policy.with_params(params).backward(dout[0], inner, dout[1])

    params = {name: array.astype(np.float64) for name, array in policy.params.items()}
    beyond = {"b_out": ~exists} if "b_out" in params else {}
    if "W_out" in params:
        beyond["W_out"] = np.broadcast_to(~exists[:, None, :], params["W_out"].shape)
    return compare(forward, backward, params, name=type(policy).__name__, zeros=beyond, **how)


def compare(
    forward: Forward,
    backward: Backward,
    inputs: Inputs,
    *,
    name: str,
    methods: Sequence[str] = ("complex", "central"),
    zeros: Mapping[str, np.ndarray] | None = None,
    rng: np.random.Generator | int = 0,
    max_entries: int = 400,
) -> Report:
    """Do what `check_pair` does, and return a report that may hold problems instead of raising."""
    rng = np.random.default_rng(rng)
    checked = {k: np.asarray(v, dtype=np.float64) for k, v in inputs.items() if _is_real(v)}
    if not checked:
        raise ValueError(f"{name} has no floating-point input; there is nothing to check")
    unknown = set(methods) - set(TOLERANCE)
    if unknown or not methods:
        raise ValueError(f"methods is {tuple(methods)}; choose from {', '.join(TOLERANCE)}")
    fixed = {k: v for k, v in inputs.items() if k not in checked}
    out, cache = forward(**checked, **fixed)
    douts = tuple(rng.normal(size=np.shape(part)) for part in _parts(out))
    grads = _by_name(backward(douts if isinstance(out, tuple) else douts[0], cache), checked, name)

    def value(shifted: Mapping[str, np.ndarray]) -> Any:
        parts = _parts(forward(**shifted, **fixed)[0])
        return sum((dout * part).sum() for dout, part in zip(douts, parts, strict=True))

    entries = []
    for key, array in checked.items():
        chosen = np.arange(array.size)
        if array.size > max_entries:
            chosen = np.sort(rng.choice(array.size, max_entries, replace=False))
        numeric = {m: _derivatives(m, value, checked, key, chosen) for m in methods}
        must_be_zero = None if zeros is None else zeros.get(key)
        entries.append(_entry(key, array, grads[key], chosen, numeric, must_be_zero))
    direction = {key: rng.normal(size=array.shape) for key, array in checked.items()}
    return Report(name, tuple(entries), _directional(value, checked, grads, direction, methods))


def _derivatives(
    method: str, value: Any, at: Mapping[str, np.ndarray], key: str, chosen: np.ndarray
) -> np.ndarray:
    derivatives = np.empty(len(chosen))
    for k, index in enumerate(chosen):
        direction = np.zeros(at[key].size)
        direction[index] = 1.0
        step = {key: direction.reshape(at[key].shape)}
        derivatives[k] = _along(method, value, at, step)
    return derivatives


def _along(
    method: str, value: Any, at: Mapping[str, np.ndarray], direction: Mapping[str, np.ndarray]
) -> float:
    """Differentiate `value` at a point along a direction."""

    def moved(step: complex) -> dict[str, np.ndarray]:
        return {
            k: x + step * direction[k] if k in direction else x + 0 * step for k, x in at.items()
        }

    if method == "complex":
        return float(np.imag(value(moved(1j * COMPLEX_STEP)))) / COMPLEX_STEP
    return float(value(moved(CENTRAL_STEP)) - value(moved(-CENTRAL_STEP))) / (2 * CENTRAL_STEP)


def _directional(
    value: Any,
    at: Mapping[str, np.ndarray],
    grads: Mapping[str, np.ndarray],
    direction: Mapping[str, np.ndarray],
    methods: Sequence[str],
) -> dict[str, float]:
    if any(grads[key].shape != at[key].shape for key in at):
        return {}
    terms = [(grads[key] * direction[key]).ravel() for key in at]
    # infinities of both signs make a NaN, which fails the check
    with np.errstate(invalid="ignore"):
        analytic = float(sum(term.sum() for term in terms))
    # the terms may cancel, so the error is measured by their size
    size = float(np.sqrt(sum((term**2).sum() for term in terms))) or 1.0
    return {m: abs(_along(m, value, at, direction) - analytic) / size for m in methods}


def _entry(
    key: str,
    array: np.ndarray,
    gradient: np.ndarray,
    chosen: np.ndarray,
    numeric: Mapping[str, np.ndarray],
    must_be_zero: np.ndarray | None,
) -> Entry:
    if np.shape(gradient) != array.shape:
        problem = f"d{key} has shape {np.shape(gradient)}, but {key} {array.shape}"
        nothing: tuple[int, ...] = ()
        return Entry(key, array.size, 0.0, dict.fromkeys(numeric, np.inf), (nothing, 0, 0), problem)
    norm = float(np.linalg.norm(gradient))
    analytic = gradient.reshape(-1)[chosen]
    errors, problem, worst = {}, "", None
    for method, numbers in numeric.items():
        scale = max(norm, float(np.linalg.norm(numbers))) or 1.0
        difference = np.abs(analytic - numbers)
        at = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
        errors[method] = float(difference[at]) / scale
        index = tuple(int(i) for i in np.unravel_index(chosen[at], array.shape))
        worst = worst or (index, float(analytic[at]), float(numbers[at]))
        if not problem and not errors[method] <= TOLERANCE[method]:
            problem = (
                f"d{key}{list(index)} is {analytic[at]:.6g}, but {method} says {numbers[at]:.6g} "
                f"(off by {errors[method]:.1e} of the gradient's norm; {TOLERANCE[method]:.0e} allowed)"
            )
    if not problem and must_be_zero is not None and np.any(gradient[must_be_zero] != 0):
        index = tuple(int(i) for i in np.argwhere((gradient != 0) & must_be_zero)[0])
        problem = f"d{key}{list(index)} is {gradient[index]:.6g} and must be exactly 0"
    all_zero = must_be_zero is not None and bool(np.all(must_be_zero))
    if not problem and norm == 0 and not all_zero:
        problem = f"d{key} is zero throughout, so nothing was checked: a bug, or a dead test case"
    assert worst is not None
    return Entry(key, array.size, norm, errors, worst, problem)


def _is_real(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )


def _parts(out: Any) -> tuple[Any, ...]:
    return out if isinstance(out, tuple) else (out,)


def _by_name(grads: Any, checked: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    if isinstance(grads, Mapping):
        missing = set(checked) - set(grads)
        if missing:
            raise GradientError(f"{name}: the backward gives no gradient of {sorted(missing)}")
        return {key: np.asarray(grads[key]) for key in checked}
    grads = _parts(grads)
    if len(grads) != len(checked):
        raise GradientError(
            f"{name}: the backward gives {len(grads)} gradients for the {len(checked)} "
            f"floating-point inputs {list(checked)}"
        )
    return {key: np.asarray(grad) for key, grad in zip(checked, grads, strict=True)}
