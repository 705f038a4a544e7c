"""A strict stand-in for CuPy: an array that lives "elsewhere" and refuses every implicit way home.

CuPy needs a GPU; the mistakes that break code on it do not. This array keeps its numbers in a
hidden NumPy array and allows what CuPy allows, or less:

* its module `xp` offers a list of functions that CuPy has, so one that only NumPy has is an error;
* a host array never meets a device array, neither in an operator nor as an index nor as a value;
  `xp.asarray` moves one here (always a copy, so nothing can rely on shared memory) and `xp.asnumpy`
  moves it back (a copy too);
* NumPy functions and iteration refuse it, and so do ``bool``, ``int``, ``float``, ``item`` and
  ``tolist``, each of which is a silent wait for the device;
* a reduction returns a 0-d array, never a number;
* a mask on the left of an assignment takes a scalar only.

Importing this file registers the array with `maade_np.backend`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from maade_np import backend

# Functions with the names, arguments and results of NumPy's, all of them in CuPy 12 and later.
FUNCTIONS = """
abs absolute add all allclose amax amin any arange argmax argmin argsort around array_equal
ascontiguousarray atleast_1d atleast_2d bincount broadcast_arrays broadcast_to ceil clip
column_stack concatenate conj copysign copyto cos cosh count_nonzero cross cumprod cumsum diag
diagonal divide dot einsum empty empty_like equal exp expand_dims expm1 eye flatnonzero flip
floor floor_divide full full_like greater greater_equal hstack identity imag inner invert
isclose isfinite isinf isnan isin kron less less_equal linspace log log10 log1p log2 logaddexp
logical_and logical_not logical_or logical_xor matmul max maximum mean meshgrid min minimum mod
moveaxis multiply negative nonzero not_equal ones ones_like outer power prod ravel real
reciprocal remainder repeat reshape roll searchsorted sign sin sinh sort sqrt square squeeze
stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace transpose
tril triu true_divide unique var vdot vstack where zeros zeros_like
"""
METHODS = """
all any argmax argmin argsort astype clip conj copy cumprod cumsum dot fill flatten max mean min
nonzero prod ravel repeat reshape round squeeze std sum swapaxes take transpose var view
"""
CONSTANTS = """
bool_ complex128 complex64 dtype e float16 float32 float64 inf int16 int32 int64 int8 nan
newaxis pi uint16 uint32 uint64 uint8
"""


def _inside(value: Any) -> Any:
    """Unwrap an argument; a host array is refused wherever it stands."""
    if isinstance(value, StrictArray):
        return value._hidden
    if isinstance(value, np.ndarray):
        raise TypeError(
            f"a host array of shape {value.shape} meets a device array; use xp.asarray on it first"
        )
    if isinstance(value, list) and not all(isinstance(item, StrictArray) for item in value):
        raise TypeError("a list of numbers meets device arrays; use xp.asarray on it first")
    if isinstance(value, (list, tuple)):
        return type(value)(_inside(item) for item in value)
    return value


def _outside(value: Any) -> Any:
    """Wrap a result; numbers become 0-d arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        return StrictArray(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return type(value)(_outside(item) for item in value)
    return value


class _Function:
    """A NumPy function that takes and gives strict arrays; `at` is a ufunc's."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.__name__ = function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = self._function(*_inside(args), **{k: _inside(v) for k, v in kwargs.items()})
        return kwargs["out"] if kwargs.get("out") is not None else _outside(found)

    def at(self, *args: Any) -> None:
        if self.__name__ not in ("add", "subtract", "maximum", "minimum"):
            raise TypeError(f"CuPy has no {self.__name__}.at")
        self._function.at(*_inside(args))


class StrictModule:
    """The array module of `StrictArray`."""

    __name__ = "strict_array"

    def __init__(self) -> None:
        for name in FUNCTIONS.split():
            setattr(self, name, _Function(getattr(np, name)))
        for name in CONSTANTS.split():
            setattr(self, name, getattr(np, name))
        self.ndarray = StrictArray

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is not among the functions that NumPy and CuPy share")

    @staticmethod
    def asarray(array: Any, dtype: Any = None) -> StrictArray:
        """Move a host array here; a strict one is returned as it is where its type fits."""
        if isinstance(array, StrictArray):
            return array if dtype in (None, array.dtype) else array.astype(dtype)
        return StrictArray(np.array(array, dtype=dtype))

    @staticmethod
    def array(array: Any, dtype: Any = None) -> StrictArray:
        """Copy an array here."""
        hidden = array._hidden if isinstance(array, StrictArray) else array
        return StrictArray(np.array(hidden, dtype=dtype))

    @staticmethod
    def asnumpy(array: Any) -> np.ndarray:
        """Bring an array back, the only way there is."""
        if not isinstance(array, StrictArray):
            raise TypeError(f"asnumpy got {type(array).__name__}, which is no array of this module")
        return array._hidden.copy()


def _refused(what: str) -> Callable[..., Any]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{what} of a device array copies it to the host; use xp.asnumpy")

    return refuse


def _method(name: str) -> Callable[..., Any]:
    def method(self: StrictArray, *args: Any, **kwargs: Any) -> Any:
        found = getattr(self._hidden, name)(*_inside(args), **_inside_named(kwargs))
        return kwargs["out"] if kwargs.get("out") is not None else _outside(found)

    return method


def _inside_named(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: _inside(value) for name, value in kwargs.items()}


class StrictArray:
    """An array whose numbers can be reached through its module `xp` only."""

    __slots__ = ("_hidden",)
    __hash__ = None

    def __init__(self, hidden: np.ndarray) -> None:
        self._hidden = hidden

    def __repr__(self) -> str:
        return f"StrictArray(shape={self.shape}, dtype={self.dtype})"

    shape = property(lambda self: self._hidden.shape)
    dtype = property(lambda self: self._hidden.dtype)
    ndim = property(lambda self: self._hidden.ndim)
    size = property(lambda self: self._hidden.size)
    nbytes = property(lambda self: self._hidden.nbytes)
    T = property(lambda self: StrictArray(self._hidden.T))
    real = property(lambda self: StrictArray(self._hidden.real))
    imag = property(lambda self: StrictArray(self._hidden.imag))

    def __len__(self) -> int:
        return len(self._hidden)

    def __getitem__(self, index: Any) -> StrictArray:
        return _outside(self._hidden[_inside(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        mask = isinstance(index, StrictArray) and index.dtype == bool
        if mask and isinstance(value, StrictArray) and value.ndim:
            raise TypeError("CuPy sets what a mask selects to a scalar only")
        self._hidden[_inside(index)] = _inside(value)


for _name in ["bool", "int", "float", "complex", "index", "iter", "array", "contains"]:
    setattr(StrictArray, f"__{_name}__", _refused(_name))
for _name in ("item", "tolist", "tobytes"):
    setattr(StrictArray, _name, _refused(_name))
for _name in ("__array_ufunc__", "__array_function__"):
    setattr(StrictArray, _name, _refused("a NumPy function"))
for _name in METHODS.split():
    setattr(StrictArray, _name, _method(_name))


def _operator(function: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Any, Any], Any]:
    def operate(self: StrictArray, other: Any) -> Any:
        mine, theirs = self._hidden, _inside(other)
        return _outside(function(theirs, mine) if swapped else function(mine, theirs))

    return operate


def _unary(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def operate(self: StrictArray) -> Any:
        return _outside(function(self._hidden))

    return operate


def _inplace(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def operate(self: StrictArray, other: Any) -> StrictArray:
        hidden = function(self._hidden, _inside(other))
        if hidden is not self._hidden:  # a 0-d hidden array would be replaced by a number
            self._hidden[...] = hidden
        return self

    return operate


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
]:
    _function = getattr(operator, f"__{_name}__")
    setattr(StrictArray, f"__{_name}__", _operator(_function, False))
    setattr(StrictArray, f"__r{_name}__", _operator(_function, True))
    setattr(StrictArray, f"__i{_name}__", _inplace(getattr(operator, f"__i{_name}__")))
for _name in ["lt", "le", "eq", "ne", "gt", "ge"]:
    setattr(StrictArray, f"__{_name}__", _operator(getattr(operator, f"__{_name}__"), False))
for _name in ["neg", "pos", "abs", "invert"]:
    setattr(StrictArray, f"__{_name}__", _unary(getattr(operator, f"__{_name}__")))

xp = StrictModule()
backend.register(StrictArray, xp)


def same(strict: Any, host: Any, rtol: float = 1e-12) -> None:
    """Assert that a strict array has the numbers of a host array; dicts too."""
    if isinstance(host, dict):
        assert strict.keys() == host.keys()
        for name in host:
            same(strict[name], host[name], rtol)
        return
    assert isinstance(strict, StrictArray)
    assert strict.dtype == host.dtype
    np.testing.assert_allclose(xp.asnumpy(strict), host, rtol=rtol, atol=1e-14)
