"""Array modules: the code asks its arrays, never a global switch.

Every function of the package takes its array module ``xp`` from the arrays it is given, so NumPy and
CuPy computations live side by side in one process. Random numbers are drawn on the host by
``numpy.random.Generator`` and moved once, so that a seed means the same on every device. This is the
only file that may import cupy.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or an array of another module with the same functions

# glibc hands freed memory back to the system above a threshold, and every batch's temporaries would
# be mapped, page by page, again. The threshold follows the largest block freed: one of 16 MB, never
# touched, keeps them mapped. Elsewhere it does nothing.
_ = np.empty(1 << 24, dtype=np.uint8)
del _

_MODULES: dict[type, Any] = {np.ndarray: np}
_DEVICES = {"cpu": "numpy", "cuda": "cupy"}


def register(array_type: type, module: Any) -> None:
    """Make `module` the array module of every array of type `array_type`.

    Parameters
    ----------
    array_type : type
        The array class.
    module : module or namespace
        Offers NumPy's functions for such arrays, and ``asarray`` to move a host array to the device.
        Its function ``asnumpy``, if there is one, brings an array back.
    """
    _MODULES[array_type] = module


def array_module(*arrays: Array) -> Any:
    """Return the one module that all `arrays` belong to.

    Parameters
    ----------
    *arrays : arrays
        At least one. ``None`` is passed over.

    Returns
    -------
    xp : module
        ``numpy`` or ``cupy``.

    Raises
    ------
    TypeError
        An argument is no array of a known module, or the arrays belong to different modules.
    """
    found: Any = None
    for array in arrays:
        if array is None:
            continue
        module = _MODULES.get(type(array)) or _discover(type(array))
        if found is None:
            found = module
        elif module is not found:
            raise TypeError(
                f"arrays of {found.__name__} and {module.__name__} are mixed; move one of them first "
                "with maade_np.backend.to_device(array, xp) or to_host(array)"
            )
    if found is None:
        raise TypeError("array_module needs at least one array")
    return found


def _discover(array_type: type) -> Any:
    for known, module in _MODULES.items():
        if issubclass(array_type, known):
            return module
    if array_type.__module__.split(".")[0] == "cupy":
        register(array_type, importlib.import_module("cupy"))
        return _MODULES[array_type]
    raise TypeError(
        f"{array_type.__module__}.{array_type.__qualname__} is no array that maade_np knows; "
        "pass a numpy.ndarray (numpy.asarray makes one) or a cupy.ndarray"
    )


def device_module(device: str) -> Any:
    """Return the array module of a device by name.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        ``"cuda"`` needs CuPy and a GPU.

    Raises
    ------
    ValueError
        The name is not known.
    ImportError, RuntimeError
        CuPy is missing; CuPy finds no GPU.
    """
    if device not in _DEVICES:
        raise ValueError(f"device {device!r} is not known; choose one of {sorted(_DEVICES)}")
    if device == "cpu":
        return np
    try:
        cupy = importlib.import_module(_DEVICES[device])
    except ImportError as error:
        raise ImportError(
            "device 'cuda' needs CuPy: pip install cupy-cuda12x (or cupy-cuda13x, by your CUDA version)"
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"CuPy is installed but finds no usable GPU: {error}") from error
    if count == 0:
        raise RuntimeError("CuPy is installed but finds no GPU; use device='cpu'")
    return cupy


def to_device(array: np.ndarray, xp: Any, dtype: Any = None) -> Array:
    """Move a host array to the device of `xp`; where it is there already, nothing is copied."""
    return xp.asarray(array, dtype=dtype)


def to_host(array: Array) -> np.ndarray:
    """Bring an array back as a NumPy array, and a Python number as a 0-d one."""
    if isinstance(array, (np.ndarray, np.generic, int, float, complex)):
        return np.asarray(array)
    return array_module(array).asnumpy(array)


def scatter_add(index: Array, rows: Array, size: int) -> Array:
    """Add up the rows that have the same index: ``out[index[r]] += rows[r]``, from zeros.

    Parameters
    ----------
    index : integer array (R,)
    rows : array (R, n)
    size : int
        The number of rows of the result.

    Returns
    -------
    out : array (size, n)
    """
    xp = array_module(rows)
    out = xp.zeros((size, rows.shape[1]), dtype=rows.dtype)
    if xp is not np:
        xp.add.at(out, index, rows)
        return out
    # sorted runs are added several times as fast as by add.at
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    out[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return out


def row_sum(x: Array) -> Array:
    """Sum over the last axis, which stays with length 1.

    A product with ones: three times as fast as ``sum(axis=-1)`` where the rows are short.
    """
    xp = array_module(x)
    return x @ xp.ones((x.shape[-1], 1), dtype=x.dtype)


def row_max(x: Array) -> Array:
    """Maximum of the real part over the last axis, which stays with length 1.

    Column by column where there are few: eight times as fast as ``max(axis=-1)`` on rows of three.
    """
    xp, real = array_module(x), x.real
    if x.shape[-1] > 8:
        return real.max(axis=-1, keepdims=True)
    top = real[..., :1]
    for column in range(1, x.shape[-1]):
        top = xp.maximum(top, real[..., column : column + 1])
    return top


def batch_sum(x: Array) -> Array:
    """Sum over the first axis, by the same product with ones."""
    xp = array_module(x)
    flat = x.reshape(x.shape[0], -1)
    return (xp.ones((1, x.shape[0]), dtype=x.dtype) @ flat).reshape(x.shape[1:])
