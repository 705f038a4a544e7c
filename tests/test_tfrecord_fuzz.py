"""Damaged official files: refused as `TableError`, or read as an independent decoder reads them.

Half of the damage is done beneath the checksums, which are then put right, so that it reaches JSON,
base64 and the message.
"""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import official_writer as of
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from maade_np.tables import TableError
from maade_np.tables._model_metrics import learn_layout
from maade_np.tables.tfrecord import Records, read_records

RECORDS = of.made_up_records(8, (4, 108))
ROWS = of.rows_of(RECORDS)
PAYLOADS = [of.payload(row) for row in ROWS]
FRAMES = [of.frame(payload) for payload in PAYLOADS]
FILE = b"".join(FRAMES)
SECONDS = 20  # far beyond what any of these files takes, on any machine
Damage = list[tuple[str, float, float, bytes]]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "a.tfrecord"


# an independent decoder


def split(content: bytes) -> list[bytes] | None:
    """The payloads, or None where framing or a checksum is wrong."""
    payloads, at = [], 0
    while at < len(content):
        head = content[at : at + 12]
        if len(head) < 12 or head[8:] != of.checksum(head[:8]):
            return None
        end = at + 12 + int.from_bytes(head[:8], "little")
        payload, crc = content[at + 12 : end], content[end : end + 4]
        if crc != of.checksum(payload):
            return None
        payloads.append(payload)
        at = end + 4
    return payloads


def number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift, last = at + 1, shift + 7, data[at] < 128
        if last:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = number(data, at)
        wire = key & 7
        if wire == 0:
            value, at = number(data, at)
        elif wire == 2:
            size, at = number(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[wire]
            value, at = struct.unpack({1: "<d", 5: "<f"}[wire], data[at : at + size])[0], at + size
        yield key >> 3, value
    assert at == len(data)


def decode(message: bytes) -> tuple[int, list[list[float]]]:
    """Parameters, and half-way and final metrics."""
    params, evaluations = 0, []
    for key, value in fields(message):
        if key == 2:
            params = value
        if key == 1:
            evaluations.append(dict(fields(value)))
    assert len(evaluations) == 3
    return params, [[e.get(k, 0.0) for k in (2, 3, 4, 5)] for e in evaluations[1:]]


def assert_true_to(found: Records, payloads: list[bytes]) -> None:
    """What was read is what the decoder gives, and passes the documented checks."""
    assert int((~np.isnan(found.metrics[..., 0, 0])).sum()) == len(payloads)
    place = {h.tobytes().hex(): c for c, h in enumerate(found.hash)}
    budgets = found.epochs.tolist()
    repeats: dict[tuple[int, int], int] = {}
    for payload in payloads:
        digest, epochs, adjacency, operations, text = json.loads(payload.decode("utf-8"))
        c, e = place[digest], budgets.index(epochs)
        r = repeats[c, e] = repeats.get((c, e), -1) + 1
        v = int(found.vertices[c])
        matrix = found.adjacency[c, :v, :v]
        assert "".join(map(str, matrix.ravel().tolist())) == adjacency
        assert not np.tril(matrix).any()
        assert found.adjacency[c].sum() == matrix.sum()
        names = [of.OPS[op] for op in found.ops[c, : v - 2]]
        assert ",".join(["input", *names, "output"]) == operations
        params, metrics = decode(base64.b64decode(text))
        assert found.params[c] == params
        np.testing.assert_array_equal(found.metrics[c, e, r], metrics)
    known = found.metrics[~np.isnan(found.metrics[..., 0, 0])]
    assert (np.isfinite(known) & (known >= 0)).all()
    assert (known[..., 1:] <= 1).all()
    assert np.abs(known[..., 2:] * 9_984 - np.rint(known[..., 2:] * 9_984)).max(initial=0) <= 0.01


def check(path: Path, content: bytes) -> bool:
    """Whether the file is read; if so it must be right, otherwise refused as it should be."""
    path.write_bytes(content)
    start = time.monotonic()
    found: Records | str
    try:
        found = read_records(path)
    except TableError as error:
        found = str(error)
    assert time.monotonic() - start < SECONDS
    if isinstance(found, str):
        assert found.startswith(f"{path}: ")
        return False
    payloads = split(content)
    assert payloads is not None, "a wrong checksum was not noticed"
    assert_true_to(found, payloads)
    return True


# damage


damage = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "insert", "delete", "repeat", "swap", "length"]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=3,
)


def damaged(data: bytes, how: Damage) -> bytes:
    for kind, a, b, extra in how:
        if not data:
            return data
        i, j = sorted(round(x * (len(data) - 1)) for x in (a, b))
        j = min(j, i + 40) if extra[0] % 2 else j
        if kind == "flip":
            data = data[:i] + bytes([data[i] ^ 1 << extra[0] % 8]) + data[i + 1 :]
        elif kind == "set":
            data = data[:i] + extra[:1] + data[i + 1 :]
        elif kind == "cut":
            data = data[:i]
        elif kind == "insert":
            data = data[:i] + extra + data[i:]
        elif kind == "delete":
            data = data[:i] + data[j:]
        elif kind == "repeat":
            data = data[:j] + data[i:j] + data[j:]
        elif kind == "swap":
            k = (i + j) // 2
            data = data[:i] + data[k:j] + data[i:k] + data[j:]
        else:  # a length: of a record, of a field
            data = data[:i] + (b"\xff" * len(extra)) + data[i + len(extra) :]
    return data


def test_the_decoder_agrees_on_a_good_file(path: Path) -> None:
    assert check(path, FILE)


@given(damage)
def test_damaged_files(path: Path, how: Damage) -> None:
    content = damaged(FILE, how)
    if not check(path, content):
        assert content != FILE


@given(
    st.lists(st.sampled_from(["drop", "twice", "swap", "move"]), min_size=1, max_size=4), st.data()
)
def test_whole_records_lost_doubled_and_moved(path: Path, kinds: list[str], data: Any) -> None:
    frames = list(FRAMES)
    for kind in kinds:
        i, j = (data.draw(st.integers(0, len(frames) - 1)) for _ in range(2))
        if kind == "drop":
            del frames[i]
        elif kind == "twice":
            frames.insert(j, frames[i])
        elif kind == "swap":
            frames[i], frames[j] = frames[j], frames[i]
        else:
            frames.insert(j, frames.pop(i))
    read = check(path, b"".join(frames))
    assert read == (max(frames.count(frame) for frame in FRAMES) == 1 or _within_three(frames))


def _within_three(frames: list[bytes]) -> bool:
    runs = [tuple(json.loads(frame[12:-4])[:2]) for frame in frames]
    return max(map(runs.count, runs)) <= 3


@given(st.integers(0, len(PAYLOADS) - 1), damage)
def test_damaged_rows_with_right_checksums(path: Path, at: int, how: Damage) -> None:
    payload = damaged(PAYLOADS[at], how)
    check(path, b"".join([*FRAMES[:at], of.frame(payload), *FRAMES[at + 1 :]]))


@given(st.integers(0, len(ROWS) - 1), st.integers(0, 4), damage)
def test_damaged_fields_with_right_checksums(
    path: Path, at: int, position: int, how: Damage
) -> None:
    row = list(ROWS[at])
    row[position] = damaged(str(row[position]).encode(), how).decode("latin-1")
    if position == 1 and row[1].isdecimal():
        row[1] = int(row[1])
    check(path, b"".join([*FRAMES[:at], of.frame(of.payload(row)), *FRAMES[at + 1 :]]))


@given(st.integers(0, len(ROWS) - 1), damage, st.booleans())
def test_damaged_messages_with_right_checksums(
    path: Path, at: int, how: Damage, line_ends: bool
) -> None:
    row = list(ROWS[at])
    message = damaged(base64.b64decode(row[4]), how)
    encode = base64.encodebytes if line_ends else base64.b64encode
    row[4] = encode(message).decode()
    check(path, b"".join([*FRAMES[:at], of.frame(of.payload(row)), *FRAMES[at + 1 :]]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.integers(0, 5), json_values)
def test_other_json_values(path: Path, position: int, value: Any) -> None:
    row = [*ROWS[0][:position], value, *ROWS[0][position + 1 :]] if position < 5 else value
    assume(row != ROWS[0])
    check(path, of.frame(of.payload(row)) + b"".join(FRAMES))


@given(st.binary(max_size=600), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b", FILE]))
def test_garbage(path: Path, garbage: bytes, start: bytes) -> None:
    assert check(path, start + garbage) == (start == FILE and not garbage)


@given(st.binary(max_size=600))
def test_garbage_with_right_checksums(path: Path, garbage: bytes) -> None:
    assert not check(path, FILE + of.frame(garbage))


@settings(max_examples=200)
@given(st.integers(0, len(ROWS) - 1), damage)
def test_messages_against_googles_library(at: int, how: Damage) -> None:
    """What we take for a message, protobuf does as well, with the same values."""
    pytest.importorskip("google.protobuf", reason="protobuf is not installed (extra 'bench')")
    from official_file import model_metrics

    message = damaged(base64.b64decode(ROWS[at][4]), how)
    try:
        metrics, params = learn_layout(message).read_example()
    except ValueError:
        return
    theirs = model_metrics().FromString(message)
    assert params % 2**32 == theirs.trainable_parameters % 2**32
    expected = [
        (e.training_time, e.train_accuracy, e.validation_accuracy, e.test_accuracy)
        for e in theirs.evaluation_data[1:]
    ]
    np.testing.assert_array_equal(metrics, np.ravel(expected))
