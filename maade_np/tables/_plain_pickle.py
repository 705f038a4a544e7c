"""Plain data out of a pickle, by an interpreter that can build nothing else.

A pickle is a program for a small stack machine, and the general machine can call any function.
This one knows lists, dicts, tuples, text, numbers, booleans and None; every other instruction is
refused where it stands, before anything has been done. Nothing here looks up a name, imports or
calls what a file names, so there is no list of safe exceptions to get wrong.

The instructions are those of protocols 2 to 5 (PEP 307, 3154 and 574).
"""

from __future__ import annotations

import struct
from typing import Any, NoReturn

from maade_np.tables.base import TableError

MAX_BYTES = 2**24

_FORBIDDEN = {
    b"c": "GLOBAL names an importable object",
    b"i": "INST makes an instance of a class",
    b"o": "OBJ makes an instance of a class",
    b"R": "REDUCE calls a function",
    b"b": "BUILD sets an object's state",
    b"P": "PERSID refers to an object outside the file",
    b"Q": "BINPERSID refers to an object outside the file",
    b"\x81": "NEWOBJ makes an instance of a class",
    b"\x82": "EXT1 names an importable object by a registered number",
    b"\x83": "EXT2 names an importable object by a registered number",
    b"\x84": "EXT4 names an importable object by a registered number",
    b"\x92": "NEWOBJ_EX makes an instance of a class",
    b"\x93": "STACK_GLOBAL names an importable object",
    b"\x97": "NEXT_BUFFER refers to data outside the file",
}
_CONSTANTS = {b"N"[0]: None, 0x88: True, 0x89: False}
_INTEGERS = {b"K"[0]: "<B", b"M"[0]: "<H", b"J"[0]: "<i"}
_TUPLES = {b")"[0]: 0, 0x85: 1, 0x86: 2, 0x87: 3}
_PROTOCOLS = range(2, 6)


def load_plain(data: bytes, source: str) -> Any:
    """The object that a pickle of plain data describes.

    Parameters
    ----------
    data : bytes
        The whole pickle, at most 16 MiB; an object takes at most some hundred times the bytes
        that describe it, for no instruction asks for memory beyond them.
    source : str
        What to call it in an error.

    Returns
    -------
    Any
        Of list, dict with keys that are text or integers, tuple, str, float, int, bool, None.

    Raises
    ------
    TableError
        An instruction that is not for plain data (named, with its byte), a truncated or
        malformed pickle, one of protocol 0 or 1, or one that is too large.
    """
    if len(data) > MAX_BYTES:
        raise TableError(f"{source}: {len(data):,} bytes, more than the {MAX_BYTES:,} read here")
    machine = _Machine(data, source)
    try:
        return machine.run()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        machine.fail(f"malformed or truncated ({type(error).__name__}: {error})")


class _Machine:
    """The stack machine: `stack` holds what is being built, `marked` the stacks below marks."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data, self.source, self.at = data, source, 0
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def fail(self, what: str) -> NoReturn:
        raise TableError(
            f"{self.source}: byte {self.at:,} of a pickle: {what}; only plain containers, text "
            "and numbers are read. Install the package that brings the file again"
        )

    def run(self) -> Any:
        # local names, and the most frequent instructions first: some 2 million are run a file
        data, memo, float_at = self.data, self.memo, struct.Struct(">d").unpack_from
        at = 0
        if data[0] != 0x80:
            self.fail("this is no pickle of protocol 2 to 5")
        while True:
            self.at = at
            code = data[at]
            at += 1
            if code == 0x47:  # BINFLOAT
                self.stack.append(float_at(data, at)[0])
                at += 8
            elif code == 0x94:  # MEMOIZE
                memo[len(memo)] = self.stack[-1]
            elif code == 0x28:  # MARK
                self.marked.append(self.stack)
                self.stack = []
            elif code == 0x5D:  # EMPTY_LIST
                self.stack.append([])
            elif code == 0x65:  # APPENDS
                self.append(self.marked_items())
            elif code == 0x68:  # BINGET
                self.stack.append(memo[data[at]])
                at += 1
            elif code == 0x75:  # SETITEMS
                self.set_items(self.marked_items())
            elif code == 0x8C:  # SHORT_BINUNICODE
                at = self.text(at + 1, data[at])
            elif code == 0x7D:  # EMPTY_DICT
                self.stack.append({})
            elif code == 0x2E:  # STOP
                return self.result(at)
            else:
                at = self.rare(code, at)

    def rare(self, code: int, at: int) -> int:
        """An instruction that files hold few of; returns where the next one is."""
        data, stack = self.data, self.stack
        if code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _INTEGERS:
            stack.extend(struct.unpack_from(_INTEGERS[code], data, at))
            at += struct.calcsize(_INTEGERS[code])
        elif code == 0x8A:  # LONG1
            end = at + 1 + data[at]
            stack.append(int.from_bytes(data[at + 1 : end], "little", signed=True))
            at = end
        elif code == 0x58:  # BINUNICODE
            at = self.text(at + 4, struct.unpack_from("<I", data, at)[0])
        elif code in _TUPLES:
            count = _TUPLES[code]
            items = [stack.pop() for _ in range(count)]
            stack.append(tuple(reversed(items)))
        elif code == 0x74:  # TUPLE
            items = self.marked_items()
            self.stack.append(tuple(items))
        elif code == 0x61:  # APPEND
            self.append([stack.pop()])
        elif code == 0x73:  # SETITEM
            value, key = stack.pop(), stack.pop()
            self.set_items([key, value])
        elif code == 0x71:  # BINPUT
            self.memo[data[at]] = stack[-1]
            at += 1
        elif code == 0x72:  # LONG_BINPUT
            self.memo[struct.unpack_from("<I", data, at)[0]] = stack[-1]
            at += 4
        elif code == 0x6A:  # LONG_BINGET
            stack.append(self.memo[struct.unpack_from("<I", data, at)[0]])
            at += 4
        elif code == 0x95:  # FRAME
            length = struct.unpack_from("<Q", data, at)[0]
            at += 8
            if length > len(data) - at:
                self.fail("truncated: a frame is longer than the file")
        elif code == 0x80 and self.at == 0:  # PROTO
            if data[at] not in _PROTOCOLS:
                self.fail(f"protocol {data[at]} is unknown")
            at += 1
        else:
            refused = _FORBIDDEN.get(bytes([code]), f"instruction 0x{code:02x} is not for it")
            self.fail(f"refused: {refused}")
        return at

    def text(self, at: int, length: int) -> int:
        # one that is cut short is found out by the next instruction, beyond the end
        self.stack.append(str(self.data[at : at + length], "utf-8"))
        return at + length

    def marked_items(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            self.fail(f"items are appended to a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target, keys = self.stack[-1], items[::2]
        if type(target) is not dict or len(items) % 2:
            self.fail(f"{len(items)} keys and values are put into a {type(target).__name__}")
        # a deep tuple as a key would be hashed recursively
        if not all(type(key) is str or type(key) is int for key in keys):
            self.fail("a dict has a key that is neither text nor an integer")
        target.update(zip(keys, items[1::2], strict=True))

    def result(self, end: int) -> Any:
        if end != len(self.data):
            self.fail(f"{len(self.data) - end:,} bytes follow the end")
        if len(self.stack) != 1 or self.marked:
            self.fail("malformed: it does not end with one object")
        return self.stack[0]
