"""The stand-in for CuPy is strict, or what it proves would be worth nothing."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from strict_array import same, xp

HOST = np.arange(6.0).reshape(2, 3)


REFUSED = {
    "host on the right": lambda x: x + HOST,
    "host on the left": lambda x: HOST + x,
    "0-d host": lambda x: x * np.array(2.0),
    "host inside an in-place operator": lambda x: operator.iadd(x, HOST),
    "strict inside a host's in-place operator": lambda x: operator.iadd(HOST.copy(), x),
    "host in a function": lambda x: xp.where(x > 0, x, HOST),
    "host in a list": lambda x: xp.concatenate([x, HOST]),
    "numbers in a list": lambda x: xp.sum([1.0, 2.0]),
    "host index": lambda x: x[np.array([0, 1])],
    "host index in a tuple": lambda x: x[:, np.array([0, 1])],
    "list index": lambda x: x[[0, 1]],
    "host value": lambda x: operator.setitem(x, slice(None), HOST),
    "host out": lambda x: xp.tanh(x, out=HOST.copy()),
    "array under a mask": lambda x: operator.setitem(x, x > 2, x[0]),
    "NumPy ufunc": np.tanh,
    "NumPy function": np.sum,
    "NumPy concatenate": lambda x: np.concatenate([x, x]),
    "np.asarray": np.asarray,
    "bool": lambda x: bool(x[0, 0]),
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.argmax()),
    "range": lambda x: range(x.argmax()),
    "iteration": list,
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "in": lambda x: 1.0 in x,
    "ufunc.at that CuPy lacks": lambda x: xp.multiply.at(x, xp.asarray([0]), 2.0),
    "asnumpy of a host array": lambda x: xp.asnumpy(HOST),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_stand_in_refuses(name):
    with pytest.raises(TypeError):
        REFUSED[name](xp.asarray(HOST))


@pytest.mark.parametrize(
    "name", ["put_along_axis", "apply_along_axis", "block", "trapezoid", "foo"]
)
def test_the_stand_in_has_only_what_cupy_has(name):
    with pytest.raises(AttributeError, match=name):
        getattr(xp, name)


def test_the_stand_in_computes():
    x = xp.asarray(HOST)
    same(x.sum(), np.asarray(15.0))
    same(x.T @ x + 1, HOST.T @ HOST + 1)
    same(2 - x, 2 - HOST)
    same(x[xp.asarray(np.array([1, 1])), 1:], HOST[[1, 1], 1:])
    same(x.real.max(axis=-1, keepdims=True), HOST.max(axis=-1, keepdims=True))
    y = x
    y += x > 2
    assert y is x
    same(x, HOST + (HOST > 2))
    assert xp.tanh(x, out=x) is x
    row = x[0]
    row -= row
    same(x[0], np.zeros(3))


def test_moving_copies_both_ways():
    host = HOST.copy()
    strict = xp.asarray(host)
    host[...] = -1
    back = xp.asnumpy(strict)
    back[...] = -2
    same(strict, HOST)
