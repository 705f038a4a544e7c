"""CRC-32C of many byte ranges at once, in NumPy.

The checksum of TFRecord files (polynomial 0x1EDC6F41, reflected; RFC 3720, appendix B.4). It is
linear over GF(2): the register after a message is the register after the message started from
zero, XOR the start value pushed through as many zero bytes. From zero, leading zero bytes change
nothing; so ranges of different length are aligned at their ends, padded with zeros in front, and
run in lock-step, four bytes a step.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_START = np.uint32(0xFFFFFFFF)
_WIDTH_STEP = 64  # ranges whose length has the same multiple of it run together
_MASK_DELTA = np.uint32(0xA282EAD8)


def _byte_table() -> np.ndarray:
    register = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        register = register >> np.uint32(1) ^ (register & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    return register


_BYTE = _byte_table()


def _pushed(register: np.ndarray, zeros: int) -> np.ndarray:
    """The register after so many more zero bytes."""
    for _ in range(zeros):
        register = register >> np.uint32(8) ^ _BYTE[register & np.uint32(0xFF)]
    return register


_HALVES = np.arange(2**16, dtype=np.uint32)
_LOW, _HIGH = _pushed(_HALVES, 4), _pushed(_HALVES << np.uint32(16), 4)


@cache
def _start_pushed(longest: int) -> np.ndarray:
    """What the start value contributes to the register after 0 to `longest` bytes."""
    pushed = np.empty(longest + 1, dtype=np.uint32)
    register = int(_START)
    table = _BYTE.tolist()
    for length in range(longest + 1):
        pushed[length] = register
        register = register >> 8 ^ table[register & 0xFF]
    return pushed


def crc32c(buffer: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Checksums, uint32 (n,), of the ranges ``buffer[start : start + length]``.

    Parameters
    ----------
    buffer : ndarray, uint8
    starts, lengths : ndarray, int (n,)

    Examples
    --------
    >>> text = np.frombuffer(b"123456789", np.uint8)
    >>> hex(crc32c(text, np.array([0]), np.array([9]))[0])
    '0xe3069283'
    """
    crc = np.empty(len(starts), dtype=np.uint32)
    widths = -(-lengths // _WIDTH_STEP) * _WIDTH_STEP
    # a power of two, so that few sizes are ever built
    crc[:] = _start_pushed(1 << int(lengths.max(initial=0)).bit_length())[lengths]
    for width in np.unique(widths[widths > 0]).tolist():
        members = np.flatnonzero(widths == width)
        crc[members] ^= _from_zero(
            _aligned(buffer, starts[members] + lengths[members], lengths[members], width)
        )
    return ~crc


def masked(crc: np.ndarray) -> np.ndarray:
    """The checksums as TFRecord stores them: rotated right by 15, plus a constant."""
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + _MASK_DELTA


def _aligned(buffer: np.ndarray, ends: np.ndarray, lengths: np.ndarray, width: int) -> np.ndarray:
    """The ranges as rows, uint8 (n, width), each at its row's end behind zeros."""
    if ends.min() < width:
        buffer = np.concatenate([np.zeros(width, dtype=np.uint8), buffer[: ends.max()]])
        ends = ends + width
    rows = np.lib.stride_tricks.sliding_window_view(buffer, width)[ends - width]
    front = np.arange(_WIDTH_STEP) < (width - lengths)[:, None]
    rows[:, :_WIDTH_STEP][front] = 0
    return rows


def _from_zero(rows: np.ndarray) -> np.ndarray:
    """Registers, uint32 (n,), after the bytes of each row, uint8 (n, 4 k), started from zero."""
    words = rows.view("<u4").T.astype(np.uint32, order="C")
    register, low, high = np.zeros((3, len(rows)), dtype=np.uint32)
    number = np.empty(len(rows), dtype=np.intp)
    for word in words:
        np.bitwise_xor(register, word, register)
        np.bitwise_and(register, 0xFFFF, number)
        _LOW.take(number, out=low, mode="clip")
        np.right_shift(register, 16, number)
        _HIGH.take(number, out=high, mode="clip")
        np.bitwise_xor(low, high, register)
    return register
