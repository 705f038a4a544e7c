"""The official file's rows: JSON arrays ``[hash, epochs, adjacency, operations, metrics]``.

`parse_row` reads one with the standard library; `parse_rows` reads a chunk by array operations
and leaves to it whatever is written in an uncommon way. What both accept is the same: 32 lower-case
hexadecimal digits; an integer; V**2 characters 0 or 1, a strictly upper triangular matrix row by
row; V operations joined by commas, "input" first and "output" last; a base64 text, line ends in
it or not, of a `ModelMetrics` message.
"""

from __future__ import annotations

import binascii
import json
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from maade_np.spaces.nasbench101 import EDGES, INPUT, OPS, OUTPUT, VERTICES
from maade_np.tables._frames import Frames
from maade_np.tables._model_metrics import KEPT, METRICS, learn_layout

MAX_EPOCHS = 2**15 - 1  # the compact format keeps them as int16
MAX_PARAMETERS = 2**31 - 1  # they are an int32 in the message

_HEX = 32
_QUOTES = 8  # four strings
_MAX_DIGITS = 4
_ADJACENCY = VERTICES**2
_OPERATIONS = 96  # bytes: seven names and six commas have at most 92
_LAYOUTS_TRIED = 8  # more than these in a chunk are read one by one
_LINE_END = b"\\n"  # as JSON writes it

_VERTICES_OF_SIZE = {v * v: v for v in range(2, VERTICES + 1)}
_EDGE_BITS = np.zeros((VERTICES, VERTICES), dtype=np.int64)
for _k, (_i, _j) in enumerate(EDGES):
    _EDGE_BITS[_i, _j] = 1 << _k
_NOT_HEX = 0xFF
_HEX_DIGITS = np.full(256, _NOT_HEX, dtype=np.uint8)
_HEX_DIGITS[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
_IS_BASE64 = np.zeros(256, dtype=bool)
_IS_BASE64[[*b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"]] = True
# odd numbers that turn twelve 64-bit words into one key; equal keys are compared in full
_MIX = np.cumprod(np.full(_OPERATIONS // 8, 0x9E3779B97F4A7C15, dtype=np.uint64))


class Rows(NamedTuple):
    """What n rows say.

    Attributes
    ----------
    digest : ndarray, uint8 (n, 16)
    epochs : ndarray, int16 (n,)
    vertices : ndarray, uint8 (n,)
    edges : ndarray, uint32 (n,)
        Bit k is edge k of the 7 x 7 upper triangle, whose upper left corner the matrix fills.
    ops : ndarray, uint8 (n,)
        Sum of op_i * 3**i over the V - 2 interior vertices as they stand.
    params : ndarray, uint32 (n,)
    metrics : ndarray, float64 (n, 2, 4)
        Half-way and final: training_time, train, validation and test accuracy.
    """

    digest: np.ndarray
    epochs: np.ndarray
    vertices: np.ndarray
    edges: np.ndarray
    ops: np.ndarray
    params: np.ndarray
    metrics: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Rows:
        """Room for n rows."""
        return cls(
            np.zeros((n, 16), dtype=np.uint8),
            np.zeros(n, dtype=np.int16),
            np.zeros(n, dtype=np.uint8),
            np.zeros(n, dtype=np.uint32),
            np.zeros(n, dtype=np.uint8),
            np.zeros(n, dtype=np.uint32),
            np.zeros((n, KEPT, METRICS)),
        )


def parse_rows(frames: Frames) -> Rows:
    """Read all rows of a chunk.

    Raises
    ------
    TableError
        Naming the record and what is wrong with it.
    """
    rows = Rows.empty(len(frames.starts))
    done = np.zeros(len(frames.starts), dtype=bool)
    if len(frames.buffer) >= _ADJACENCY + _OPERATIONS:
        quotes, plain = _quotes(frames)
        done[plain[_read_text(frames.buffer, plain, quotes, rows)]] = True
        keep = done[plain]
        done[plain[keep]] = _read_metrics(frames.buffer, plain[keep], quotes[keep], rows)
    for i in np.flatnonzero(~done).tolist():
        try:
            values = parse_row(frames.payload(i))
        except ValueError as error:
            raise frames.error(i, str(error)) from error
        for column, value in zip(rows, values, strict=True):
            column[i] = value
    return rows


def parse_row(payload: bytes) -> tuple[np.ndarray, int, int, int, int, int, np.ndarray]:
    """Read one row: the fields of `Rows`, or a ValueError that says what is wrong."""
    try:
        row = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its payload is no JSON text ({error})") from error
    types = [type(value).__name__ for value in row] if isinstance(row, list) else type(row).__name__
    if types != ["str", "int", "str", "str", "str"]:
        raise ValueError(
            f"its JSON value has types {str(types)[:200]}, expected an array of hash, epochs, "
            "adjacency, operations and metrics: ['str', 'int', 'str', 'str', 'str']"
        )
    digest, epochs, adjacency, operations, metrics = row
    if len(digest) != _HEX or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"its hash is {digest[:40]!r}, expected {_HEX} hexadecimal digits")
    if not 1 <= epochs <= MAX_EPOCHS:
        raise ValueError(f"its epochs is {epochs}, expected 1 to {MAX_EPOCHS}")
    vertices, edges = _parse_adjacency(adjacency)
    named, ops = _parse_operations(operations)
    if named != vertices:
        raise ValueError(
            f"its operations are {operations[:100]!r}, expected {vertices} names for {vertices} "
            f"vertices: 'input', {vertices - 2} of {list(OPS)}, 'output'"
        )
    values, params = _parse_metrics(metrics)
    return (
        np.frombuffer(bytes.fromhex(digest), np.uint8),
        epochs,
        vertices,
        edges,
        ops,
        params,
        values,
    )


@lru_cache(maxsize=4096)
def _parse_adjacency(text: str) -> tuple[int, int]:
    vertices = _VERTICES_OF_SIZE.get(len(text), 0)
    if not vertices or set(text) - {"0", "1"}:
        raise ValueError(
            f"its adjacency is {text[:60]!r} of {len(text)} characters, expected V**2 characters "
            f"0 or 1 for V of 2 to {VERTICES}"
        )
    matrix = np.array([int(c) for c in text]).reshape(vertices, vertices)
    if np.tril(matrix).any():
        raise ValueError(f"its adjacency {text!r} is not strictly upper triangular")
    return vertices, int((matrix * _EDGE_BITS[:vertices, :vertices]).sum())


@lru_cache(maxsize=4096)
def _parse_operations(text: str) -> tuple[int, int]:
    """Number of vertices and op code; (0, 0) where the text is none."""
    names = text.split(",")
    if len(names) < 2 or names[0] != INPUT or names[-1] != OUTPUT:
        return 0, 0
    if len(names) > VERTICES or set(names[1:-1]) - set(OPS):
        return 0, 0
    return len(names), sum(OPS.index(name) * 3**i for i, name in enumerate(names[1:-1]))


def _parse_metrics(text: str) -> tuple[np.ndarray, int]:
    try:
        text = text.replace("\n", "").replace("\r", "")
        message = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error, or characters beyond ASCII
        raise ValueError(f"its metrics are no base64 text ({error})") from error
    metrics, params = learn_layout(message).read_example()
    if params > MAX_PARAMETERS:
        raise ValueError(f"its trainable_parameters is {params}, expected 0 to {MAX_PARAMETERS}")
    return np.array(metrics).reshape(KEPT, METRICS), params


def _windows(buffer: np.ndarray, starts: np.ndarray, width: int) -> np.ndarray:
    """``buffer[start : start + width]`` as rows, uint8 (n, width); zeros beyond its end."""
    overhang = int(starts.max(initial=0)) + width - len(buffer)
    if overhang <= 0:
        return np.lib.stride_tricks.sliding_window_view(buffer, width)[starts]
    buffer = np.concatenate([buffer, np.zeros(overhang, dtype=np.uint8)])
    return np.lib.stride_tricks.sliding_window_view(buffer, width)[starts]


def _quotes(frames: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the quotes, (m, 8), of the rows that are commonly written, and which these are."""
    buffer, starts, ends = frames.buffer, frames.starts, frames.ends
    quotes = np.flatnonzero(buffer == ord('"'))
    first, beyond = np.searchsorted(quotes, starts), np.searchsorted(quotes, ends)
    plain = np.flatnonzero(beyond - first == _QUOTES)
    found = quotes[first[plain, None] + np.arange(_QUOTES)].reshape(-1, _QUOTES)
    start, end = starts[plain], ends[plain]
    common = (
        (buffer[start] == ord("["))
        & (found[:, 0] == start + 1)
        & (found[:, 1] == start + 2 + _HEX)
        & (found[:, -1] == end - 2)
        & (buffer[end - 1] == ord("]"))
    )
    for left, right in ((3, 4), (5, 6)):
        common &= _comma(buffer, found[:, left] + 1, found[:, right])
    return found[common], plain[common]


def _comma(buffer: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Whether exactly a comma, or a comma and a space, stands between two offsets."""
    size = stop - start
    return (buffer[start] == ord(",")) & (
        (size == 1) | ((size == 2) & (buffer[start + 1] == ord(" ")))
    )


def _read_text(buffer: np.ndarray, at: np.ndarray, quotes: np.ndarray, rows: Rows) -> np.ndarray:
    """Fill in all but the metrics of rows `at`; which of them could be read, bool (m,)."""
    digits = _HEX_DIGITS[_windows(buffer, quotes[:, 0] + 1, _HEX)]
    ok = (digits != _NOT_HEX).all(axis=1)
    rows.digest[at] = digits[:, ::2] << 4 | digits[:, 1::2]

    epochs, good = _read_epochs(buffer, quotes[:, 1] + 1, quotes[:, 2])
    rows.epochs[at], ok = epochs, ok & good

    vertices, edges, good = _read_adjacency(buffer, quotes[:, 2] + 1, quotes[:, 3])
    rows.vertices[at], rows.edges[at], ok = vertices, edges, ok & good

    named, ops, good = _read_operations(buffer, quotes[:, 4] + 1, quotes[:, 5])
    rows.ops[at], ok = ops, ok & good & (named == vertices)
    return ok


def _read_epochs(
    buffer: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The number between two commas, each with a space behind it or not; and where there is one."""
    start, tail = start.copy(), buffer[stop - 1] == ord(" ")
    ok = (buffer[start] == ord(",")) & (buffer[stop - 1 - tail] == ord(","))
    start += 1 + (buffer[start + 1] == ord(" "))
    size = stop - 1 - tail - start
    ok &= (size >= 1) & (size <= _MAX_DIGITS)
    text = _windows(buffer, start, _MAX_DIGITS).astype(np.int64) - ord("0")
    ok &= text[:, 0] != 0  # also no zero in front
    epochs = np.zeros(len(start), dtype=np.int64)
    for k in range(_MAX_DIGITS):
        digit, used = text[:, k], k < size
        ok &= ~used | ((digit >= 0) & (digit <= 9))
        epochs = np.where(used, 10 * epochs + digit, epochs)
    return np.where(ok, epochs, 0), ok


def _read_adjacency(
    buffer: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices and edge masks (m,), and where the text is a strictly upper triangular matrix."""
    bits = _windows(buffer, start, _ADJACENCY) - np.uint8(ord("0"))
    vertices, edges = np.zeros((2, len(start)), dtype=np.int64)
    ok = np.zeros(len(start), dtype=bool)
    for size, v in _VERTICES_OF_SIZE.items():
        members = np.flatnonzero(stop - start == size)
        if len(members) == 0:
            continue
        entries, weights = bits[members, :size], _EDGE_BITS[:v, :v].reshape(-1)
        allowed = (weights > 0).astype(np.uint8)
        ok[members] = (entries <= allowed).all(axis=1)
        vertices[members] = v
        edges[members] = entries[:, weights > 0] @ weights[weights > 0]
    return vertices, edges, ok


def _read_operations(
    buffer: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices named and op codes (m,), and where the text is such a list; each text read once."""
    size = stop - start
    text = _windows(buffer, start, _OPERATIONS)
    text[np.arange(_OPERATIONS) >= size[:, None]] = 0
    words = text.view(np.uint64)
    _, example, which = np.unique(words @ _MIX, return_index=True, return_inverse=True)
    found = np.array(
        [
            _parse_operations(text[i, : size[i]].tobytes().decode("latin-1"))
            for i in example.tolist()
        ],
        dtype=np.int64,
    ).reshape(-1, 2)
    same = (words == words[example][which]).all(axis=1) & (size == size[example][which])
    same &= size <= _OPERATIONS
    named, ops = found[which].T
    return named, ops, same & (named > 0)


def _read_metrics(buffer: np.ndarray, at: np.ndarray, quotes: np.ndarray, rows: Rows) -> np.ndarray:
    """Fill in the metrics of rows `at`; which of them could be read, bool (m,).

    Again and again the first row left is read, and with it all of the same size and layout.
    """
    ok = np.zeros(len(at), dtype=bool)
    start, sizes = quotes[:, 6] + 1, quotes[:, 7] - quotes[:, 6] - 1
    for size in np.unique(sizes).tolist():
        left = np.flatnonzero(sizes == size)
        text = _windows(buffer, start[left], size)
        for _ in range(_LAYOUTS_TRIED):
            if len(left) == 0 or size == 0:
                break
            alike, messages = _decode_base64(text)
            try:
                layout = learn_layout(messages[:1].tobytes())
            except ValueError:
                break
            match = layout.matches(messages)
            done = np.flatnonzero(alike)[match]
            metrics, params = layout.read(messages[match])
            rows.metrics[at[left[done]]] = metrics
            rows.params[at[left[done]]] = params.astype(np.uint32)
            ok[left[done]] = params <= MAX_PARAMETERS
            left, text = np.delete(left, done), np.delete(text, done, axis=0)
    return ok


def _decode_base64(text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which texts, uint8 (n, size), have line ends and padding just where the first has them,
    bool (n,), and their messages, uint8 (k, P).
    """
    first = text[0].tobytes()
    frame = np.zeros(len(first), dtype=bool)
    at = first.find(_LINE_END)
    while at >= 0:
        frame[at : at + len(_LINE_END)] = True
        at = first.find(_LINE_END, at + len(_LINE_END))
    body = np.flatnonzero(~frame)
    letters = len(first.replace(_LINE_END, b"").rstrip(b"="))
    padding = len(body) - letters
    frame[body[letters:]] = True
    alike = (text[:, frame] == text[0, frame]).all(axis=1)
    if len(body) % 4 or padding > 2:
        return np.zeros_like(alike), np.empty((0, 0), dtype=np.uint8)
    characters = text.take(body, axis=1)
    alike &= _IS_BASE64.take(characters[:, :letters]).all(axis=1)
    characters = characters[alike]
    characters[:, letters:] = ord("A")  # six zero bits in place of each padding character
    decoded = np.frombuffer(binascii.a2b_base64(characters.tobytes()), dtype=np.uint8)
    messages = decoded.reshape(len(characters), len(body) // 4 * 3)
    return alike, messages[:, : messages.shape[1] - padding]
