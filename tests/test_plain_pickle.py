"""Plain data comes out of a pickle as it went in; anything else is refused before it is done."""

from __future__ import annotations

import copyreg
import functools
import operator
import os
import pickle
import struct
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maade_np.tables import TableError
from maade_np.tables._plain_pickle import MAX_BYTES, load_plain

NUMBERS = st.integers(-(2**900), 2**900) | st.floats(allow_nan=False) | st.booleans() | st.none()
KEYS = st.text() | st.integers()
PLAIN = st.recursive(
    NUMBERS | st.text(max_size=300),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(KEYS, inner)
        | st.tuples()
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner)
        | st.tuples(inner, inner, inner, inner)
    ),
)


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(PLAIN, st.sampled_from([2, 3, 4, 5]))
def test_round_trip(value, protocol):
    assert same(load_plain(pickle.dumps(value, protocol), "x"), value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_long_containers_and_shared_objects(protocol):
    shared = [1.5]
    value = {"list": list(range(5000)), "dict": {str(i): shared for i in range(3000)}}
    found = load_plain(pickle.dumps(value, protocol), "x")
    assert same(found, value)
    assert found["dict"]["0"] is found["dict"]["2999"]


class Call:
    """Pickled, it is a call of any function."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


class Stateful:
    def __setstate__(self, state):
        raise AssertionError("ran")


class New:
    pass


class NewEx:
    def __getnewargs_ex__(self):
        return (), {}

    def __new__(cls, **kwargs):
        return super().__new__(cls)


def boom(*_):
    raise AssertionError("ran")


def stateful():
    value = Stateful()
    value.__dict__["x"] = 1
    return value


def malicious():
    """Name -> pickle, most by the real pickler, the rest instruction by instruction."""
    return {
        "os.system": pickle.dumps(Call(os.system, ("echo ran > canary",)), 4),
        "os.system in a dict": pickle.dumps({"a": [1, Call(os.system, ("echo ran > canary",))]}, 2),
        "eval": pickle.dumps(Call(eval, ("open('canary', 'w').close()",)), 4),
        "exec": pickle.dumps(Call(exec, ("open('canary', 'w').close()",)), 5),
        "open": pickle.dumps(Call(open, ("canary", "w")), 3),
        "getattr": pickle.dumps(Call(getattr, (Call(__import__, ("os",)), "system")), 4),
        "attrgetter": pickle.dumps(Call(operator.attrgetter("system"), (1,)), 4),
        "dotted name": b"\x80\x04\x8c\x08builtins\x8c\x0dstr.__class__\x93.",
        "a name alone": pickle.dumps(os.getcwd, 4),
        "a name alone, protocol 2": pickle.dumps(os.getcwd, 2),
        "partial": pickle.dumps(functools.partial(boom, 1), 4),
        "setstate": pickle.dumps(stateful(), 4),
        "instance": pickle.dumps(New(), 2),
        "instance with keywords": pickle.dumps(NewEx(), 4),
        "array": pickle.dumps(np.arange(3.0), 5),
        "numpy number": pickle.dumps(np.float64(1.0), 4),
        "object array": pickle.dumps(np.array([Call(boom, ())], dtype=object), 4),
        "complex": pickle.dumps(1j, 4),
        "set": pickle.dumps({1, 2}, 4),
        "frozenset": pickle.dumps(frozenset({1}), 4),
        "bytes": pickle.dumps(b"x", 4),
        "bytearray": pickle.dumps(bytearray(b"x"), 5),
        "INST": b"\x80\x02(S'echo ran > canary'\nios\nsystem\n.",
        "OBJ": b"\x80\x02(cos\nsystem\nX\x11\x00\x00\x00echo ran > canaryo.",
        "REDUCE of text": b"\x80\x02X\x01\x00\x00\x00a)R.",
        "BUILD of a list": b"\x80\x02]}b.",
        "NEWOBJ of text": b"\x80\x02X\x01\x00\x00\x00a)\x81.",
        "NEWOBJ_EX": b"\x80\x04X\x01\x00\x00\x00a)}\x92.",
        "EXT2": b"\x80\x02\x83\x01\x00.",
        "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "PERSID": b"\x80\x02P1\n.",
        "BINPERSID": b"\x80\x02K\x01Q.",
        "NEXT_BUFFER": b"\x80\x05\x97.",
        "tuple as a key": pickle.dumps({(1, 2): 3}, 4),
        "deep tuple as a key": b"\x80\x02})" + b"\x85" * 100_000 + b"K\x01s.",
        "float as a key": pickle.dumps({1.5: 3}, 4),
        "protocol 0": pickle.dumps([1, 2], 0),
        "protocol 1": pickle.dumps([1, 2], 1),
        "protocol 6": b"\x80\x06N.",
        "a second PROTO": b"\x80\x04\x80\x04N.",
        "no pickle": b"hello",
        "nothing": b"",
        "nothing built": b"\x80\x04.",
        "two objects": b"\x80\x04NN.",
        "an open mark": b"\x80\x04(N.",
        "no mark": b"\x80\x04]Ne.",
        "append to nothing": b"\x80\x04Na.",
        "append to a dict": b"\x80\x04}Na.",
        "set on a list": b"\x80\x04]NNs.",
        "odd items": b"\x80\x04}(Nu.",
        "unknown memo": b"\x80\x04h\x07.",
        "bad text": b"\x80\x04\x8c\x01\xff.",
        "bytes after the end": pickle.dumps([1], 4) + b"N.",
        "invalid instruction": b"\x80\x04\xff.",
    }


@pytest.mark.parametrize("name", malicious())
def test_everything_else_is_refused_before_it_is_done(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TableError, match=r"^the file: byte [\d,]+ of a pickle: "):
        load_plain(malicious()[name], "the file")
    assert not list(tmp_path.iterdir())


def test_an_extension_that_the_program_has_used_is_refused():
    """The general machine takes an object from the registry's cache without asking anyone."""
    copyreg.add_extension("os", "makedirs", 240)
    try:
        data = pickle.dumps(os.makedirs, 2)
        assert data == b"\x80\x02\x82\xf0."
        assert pickle.loads(data) is os.makedirs
        with pytest.raises(TableError, match="EXT1 names an importable object"):
            load_plain(data, "x")
    finally:
        copyreg.remove_extension("os", "makedirs", 240)
        copyreg.clear_extension_cache()


HUGE = {
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "text": b"\x80\x04X" + struct.pack("<I", 2**32 - 1) + b"a.",
    "long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.",
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.",
    "bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a.",
    "integer": b"\x80\x04\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "short integer": b"\x80\x04\x8a\xff\x01.",
    "memo": b"\x80\x04Nr" + struct.pack("<I", 2**32 - 1) + b"j" + struct.pack("<I", 2**31) + b".",
}


@pytest.mark.parametrize("name", HUGE)
def test_an_announced_size_allocates_nothing(name):
    tracemalloc.start()
    try:
        with pytest.raises(TableError, match="byte"):
            load_plain(HUGE[name], "x")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_too_large():
    with pytest.raises(TableError, match="16,777,217 bytes, more than"):
        load_plain(bytes(MAX_BYTES + 1), "x")


def test_every_truncation_is_refused():
    data = pickle.dumps({"a": [1.5, 2, 300, 70_000, 2**80], "b": ("text" * 100, None, True)}, 4)
    for length in range(len(data)):
        with pytest.raises(TableError):
            load_plain(data[:length], "x")


def test_deep_nesting():
    depth = 100_000
    found = load_plain(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".", "x")
    for _ in range(depth - 1):
        (found,) = found
    assert found == []


def all_plain(value):
    seen, left = set(), [value]
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if type(item) is dict:
            left += [*item, *item.values()]
        elif type(item) in (list, tuple):
            left += item
        elif type(item) not in (str, float, int, bool, type(None)):
            return False
    return True


@given(PLAIN, st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3)), max_size=4))
def test_mutated_pickles_give_plain_data_or_our_error(value, changes):
    data = bytearray(pickle.dumps(value, 4))
    for place, piece in changes:
        at = 2 + place % (len(data) - 2)
        data[at : at + len(piece)] = piece
    with suppress(TableError):
        assert all_plain(load_plain(bytes(data), "x"))


@given(st.binary(max_size=200))
def test_random_programs_give_plain_data_or_our_error(program):
    with suppress(TableError):
        assert all_plain(load_plain(b"\x80\x04" + program, "x"))
