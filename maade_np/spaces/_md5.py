"""MD5 of many short messages at once, in NumPy (the algorithm: RFC 1321).

Messages of one length are a uint32 array (words, n), message j its column j, so that each step
of the algorithm is a few calls on contiguous rows; digests are (4, n). Words are numbers: their
lowest byte comes first in the message, on any machine.
"""

from __future__ import annotations

import math

import numpy as np

_BLOCK_WORDS = 16
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_SHIFTS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_WORD_ORDER = ((1, 0), (5, 1), (3, 5), (7, 0))  # step i of a round reads word a i + b


def _u32(number: int) -> np.ndarray:
    """A number as an array: NumPy's calls take it faster than a scalar."""
    return np.array(number, dtype=np.uint32)


# each step: word of the block, sine constant, left rotation, its complement to 32
_STEPS = [
    (
        (_WORD_ORDER[step // 16][0] * step + _WORD_ORDER[step // 16][1]) % _BLOCK_WORDS,
        _u32(int(abs(math.sin(step + 1)) * 2**32)),
        _u32(_SHIFTS[step // 16][step % 4]),
        _u32(32 - _SHIFTS[step // 16][step % 4]),
    )
    for step in range(64)
]
_HEX_OF_8_BITS = np.frombuffer(bytes(range(256)).hex().encode("ascii"), "<u2").astype(np.uint32)
_HEX_OF_16_BITS = (_HEX_OF_8_BITS[:, None] << _u32(16) | _HEX_OF_8_BITS).reshape(-1)


def padded(message: bytes) -> np.ndarray:
    """A message with MD5's padding, uint32 (16 * blocks,)."""
    zeros = bytes(-(len(message) + 9) % 64)
    full = message + b"\x80" + zeros + (8 * len(message)).to_bytes(8, "little")
    return np.frombuffer(full, dtype="<u4").astype(np.uint32)


def md5(words: np.ndarray) -> np.ndarray:
    """Digests, uint32 (4, n), of padded messages, uint32 (16 * blocks, n)."""
    state = np.repeat(np.array(_START, dtype=np.uint32)[:, None], words.shape[1], axis=1)
    mixed, scratch = np.empty((2, words.shape[1]), dtype=np.uint32)
    for block in range(0, len(words), _BLOCK_WORDS):
        a, b, c, d = state.copy()
        for step, (word, sine, left, right) in enumerate(_STEPS):
            # a <- b + rotate(a + mixed(b, c, d) + word + sine), all in place
            _mix(step, b, c, d, mixed)
            np.add(a, mixed, a)
            np.add(words[block + word], sine, scratch)
            np.add(a, scratch, a)
            np.left_shift(a, left, scratch)
            np.right_shift(a, right, a)
            np.bitwise_or(a, scratch, a)
            np.add(a, b, a)
            a, b, c, d = d, a, b, c
        for register, value in zip(state, (a, b, c, d), strict=True):
            register += value
    return state


def hexadecimal(digests: np.ndarray) -> np.ndarray:
    """The digests' 32 characters, uint32 (8, n)."""
    text = np.empty((8, digests.shape[1]), dtype=np.uint32)
    for k, word in enumerate(digests):
        text[2 * k] = _HEX_OF_16_BITS.take(word & _u32(0xFFFF))
        text[2 * k + 1] = _HEX_OF_16_BITS.take(word >> _u32(16))
    return text


def leading_64_bits(digests: np.ndarray) -> np.ndarray:
    """Numbers, uint64 (n,), that order as the digests' text does up to character 16."""
    first, second = digests[:2].byteswap().astype(np.uint64)
    return first << np.uint64(32) | second


def to_bytes(digests: np.ndarray) -> np.ndarray:
    """Digests as bytes, uint8 (n, 16)."""
    return digests.T.astype("<u4", order="C").view(np.uint8)


def _mix(step: int, b: np.ndarray, c: np.ndarray, d: np.ndarray, out: np.ndarray) -> None:
    if step < 16:  # the bits of b choose between c and d
        np.bitwise_xor(c, d, out)
        np.bitwise_and(out, b, out)
        np.bitwise_xor(out, d, out)
    elif step < 32:  # those of d between b and c
        np.bitwise_xor(b, c, out)
        np.bitwise_and(out, d, out)
        np.bitwise_xor(out, c, out)
    elif step < 48:
        np.bitwise_xor(b, c, out)
        np.bitwise_xor(out, d, out)
    else:
        np.invert(d, out)
        np.bitwise_or(out, b, out)
        np.bitwise_xor(out, c, out)
