"""TFRecord framing: a file as chunks of records whose checksums have been verified.

A record is its length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes (4 bytes), the
payload, and the masked CRC-32C of the payload (4 bytes).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

import numpy as np

from maade_np.tables._crc32c import crc32c, masked
from maade_np.tables.base import TableError

Progress = Callable[[int, int], object]

MAX_PAYLOAD = 2**14  # bytes; records of the official file have about 400
DAMAGED = "the file is damaged: download it again, or compare its SHA-256 with the published one"

_HEADER, _FOOTER = 12, 4
_CHUNK = 2**23
_LENGTH = Struct("<Q").unpack_from
# what people pass by mistake, told by its first bytes
_OTHER_FILES = {
    b"PK\x03\x04": "a zip archive (an .npz file?)",
    b"\x1f\x8b": "compressed with gzip: decompress it first",
    b"\x89HDF": "an HDF5 file",
    b"<": "a web page or XML: the download went wrong",
}


class Frames(NamedTuple):
    """Some consecutive records of a file.

    Attributes
    ----------
    source : str
        The file, for messages.
    buffer : ndarray, uint8
        Bytes of the file.
    starts, ends : ndarray, int64 (n,)
        Where in `buffer` each payload starts and ends.
    offset : int
        Where in the file `buffer` starts.
    first : int
        The number of the first record, counted from 0.
    """

    source: str
    buffer: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    offset: int
    first: int

    def offsets(self) -> np.ndarray:
        """Where in the file each record starts, int64 (n,)."""
        return self.starts + (self.offset - _HEADER)

    def payload(self, i: int) -> bytes:
        """The payload of record i of these."""
        return self.buffer[self.starts[i] : self.ends[i]].tobytes()

    def error(self, i: int, problem: str) -> TableError:
        """An error that says where record i of these is."""
        return record_error(self.source, self.first + i, int(self.offsets()[i]), problem)


def record_error(source: str, record: int, offset: int, problem: str) -> TableError:
    """An error about one record of a file."""
    return TableError(f"{source}: record {record} (from 0), at byte {offset}: {problem}")


def read_frames(path: str | os.PathLike[str], progress: Progress | None = None) -> Iterator[Frames]:
    """Read a TFRecord file chunk by chunk, verifying both checksums of every record.

    Parameters
    ----------
    path : path-like
    progress : callable, optional
        Called as ``progress(done_bytes, total_bytes)`` after every chunk.

    Raises
    ------
    TableError
        No such file, another kind of file, a wrong checksum, a record that ends beyond the file,
        or one of more than 16,384 bytes; with record number and byte offset.
    """
    path = Path(path)
    if not path.is_file():
        raise TableError(f"{path}: there is no such file: check the path")
    try:
        with open(path, "rb") as file:
            yield from _chunks(str(path), file, progress)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error})") from error


def _chunks(source: str, file: BinaryIO, progress: Progress | None) -> Iterator[Frames]:
    total = os.fstat(file.fileno()).st_size
    data, offset, first = file.read(_CHUNK), 0, 0
    if not data:
        raise TableError(f"{source}: the file is empty")
    for magic, name in _OTHER_FILES.items():
        if data.startswith(magic):
            raise TableError(f"{source}: no TFRecord file, but {name}")
    while data:
        more = file.read(_CHUNK)
        starts, lengths, stop = _walk(data)
        buffer = np.frombuffer(data, dtype=np.uint8)
        frames = Frames(source, buffer, starts, starts + lengths, offset, first)
        _verify_lengths(frames)
        _verify_payloads(frames)
        if (stop < len(data) and not more) or _excessive(data, stop):
            raise _broken(frames, data[stop:])
        if len(starts):
            yield frames
        first, offset = first + len(starts), offset + stop
        if progress is not None:
            progress(offset, max(total, offset))
        data = data[stop:] + more


def _walk(data: bytes) -> tuple[np.ndarray, np.ndarray, int]:
    """Starts and lengths, int64 (n,), of the payloads that are whole, and where the rest begins."""
    places, position, last = [], 0, len(data) - _HEADER
    while position <= last:
        places.append(position)
        position += _LENGTH(data, position)[0] + (_HEADER + _FOOTER)
    beyond = len(data) + MAX_PAYLOAD  # a length may be any number of 64 bits
    edges = np.array([*places, min(position, beyond)], dtype=np.int64)
    lengths = np.diff(edges) - (_HEADER + _FOOTER)
    whole = (edges[1:] <= len(data)) & (lengths <= MAX_PAYLOAD)
    n = len(places) if whole.all() else int(whole.argmin())
    return edges[:n] + _HEADER, lengths[:n], int(edges[n])


def _excessive(data: bytes, stop: int) -> bool:
    return len(data) - stop >= _HEADER and _LENGTH(data, stop)[0] > MAX_PAYLOAD


def _verify_lengths(frames: Frames) -> None:
    at = frames.starts - _HEADER
    wrong = _mismatches(frames.buffer, at, np.full(len(at), 8, dtype=np.int64))
    if len(wrong):
        raise frames.error(wrong[0], _length_problem(frames.first + wrong[0]))


def _length_problem(record: int) -> str:
    cause = DAMAGED if record else f"this is no TFRecord file, or {DAMAGED}"
    return f"the checksum of its length is wrong: {cause}"


def _verify_payloads(frames: Frames) -> None:
    wrong = _mismatches(frames.buffer, frames.starts, frames.ends - frames.starts)
    if len(wrong):
        raise frames.error(wrong[0], f"the checksum of its payload is wrong: {DAMAGED}")


def _mismatches(buffer: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Which ranges differ from the masked checksum stored right behind them."""
    if len(starts) == 0:
        return starts
    stored = np.lib.stride_tricks.sliding_window_view(buffer, _FOOTER)[starts + lengths]
    return np.flatnonzero(stored.view("<u4")[:, 0] != masked(crc32c(buffer, starts, lengths)))


def _broken(frames: Frames, rest: bytes) -> TableError:
    """Why the record behind these, of which `rest` is there, is none."""
    number, offset = frames.first + len(frames.starts), int(frames.offset + len(frames.buffer))
    offset -= len(rest)
    if len(rest) < _HEADER:
        problem = f"the file ends {len(rest)} bytes into it: {DAMAGED}"
        return record_error(frames.source, number, offset, problem)
    header = np.frombuffer(rest, dtype=np.uint8)
    zero, eight = np.array([0]), np.array([8])
    if len(_mismatches(header, zero, eight)):
        return record_error(frames.source, number, offset, _length_problem(number))
    (length,) = _LENGTH(rest)
    if length > MAX_PAYLOAD:
        problem = (
            f"its payload has {length} bytes, expected at most {MAX_PAYLOAD}: this is no "
            "NAS-Bench-101 file"
        )
    else:
        problem = (
            f"the file ends {len(rest)} bytes into it, it has "
            f"{_HEADER + length + _FOOTER}: {DAMAGED}"
        )
    return record_error(frames.source, number, offset, problem)
