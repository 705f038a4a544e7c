"""The official file: what is read, what is refused, and what becomes of it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import official_writer as of
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maade_np.spaces import nasbench101 as nb
from maade_np.tables import NASBench101, TableError, _frames, _official_rows
from maade_np.tables._crc32c import crc32c
from maade_np.tables.convert import convert
from maade_np.tables.tfrecord import Records, read_records, to_columns


def assert_same(found: Records, expected: Records) -> None:
    for name, ours, theirs in zip(Records._fields, found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert ours.dtype == theirs.dtype, name


@pytest.fixture
def generic_rows(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The payloads that go the slow way."""
    slow: list[bytes] = []
    original = _official_rows.parse_row

    def parse_row(payload: bytes) -> Any:
        slow.append(payload)
        return original(payload)

    monkeypatch.setattr(_official_rows, "parse_row", parse_row)
    return slow


# the checksum


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 3720, B.4, and the common check value
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_checksum_of_published_examples(data: bytes, expected: int) -> None:
    buffer = np.frombuffer(b"before" + data + b"behind", dtype=np.uint8)
    assert crc32c(buffer, np.array([6]), np.array([len(data)])).tolist() == [expected]
    assert of.crc32c(data) == expected


@given(st.binary(max_size=400), st.lists(st.tuples(*[st.integers(0, 400)] * 2), max_size=12))
def test_checksum_of_any_ranges(data: bytes, places: list[tuple[int, int]]) -> None:
    ranges = [(min(a, len(data)), min(b, len(data))) for a, b in map(sorted, places)]
    starts, ends = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    found = crc32c(np.frombuffer(data, dtype=np.uint8), starts, ends - starts)
    assert found.tolist() == [of.crc32c(data[a:b]) for a, b in ranges]


# reading


def test_a_real_record(tmp_path: Path, generic_rows: list[bytes]) -> None:
    path = tmp_path / "real.tfrecord"
    path.write_bytes(of.REAL_RECORD)
    records = read_records(path)
    assert generic_rows == []
    assert records.hash.tobytes().hex() == "00005c142e6f48ac74fdcf73e3439874"
    assert records.epochs.tolist() == [4]
    assert records.params.tolist() == [8_555_530]
    names = [of.OPS[op] for op in records.ops[0]]
    assert nb.module_hash(records.adjacency[0], names) == records.hash.tobytes().hex()
    halfway, final = records.metrics[0, 0, 0]
    np.testing.assert_allclose(halfway, [45.152, 0.10166266, 0.10526843, 0.10436699], rtol=1e-7)
    np.testing.assert_allclose(final, [89.904, 0.34985977, 0.34895834, 0.35046074], rtol=1e-7)
    assert np.isnan(records.metrics[0, 0, 1:]).all()
    columns = to_columns(records, {})
    assert columns["validation"][0, 0].tolist() == [3_484, 65_535, 65_535]
    assert columns["test"][0, 0].tolist() == [3_499, 65_535, 65_535]


def test_the_real_record_fits_the_real_table(table_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "real.tfrecord"
    path.write_bytes(of.REAL_RECORD)
    ours, table = to_columns(read_records(path), {}), NASBench101.load(table_path)
    np.testing.assert_array_equal(ours["hash"][0], table.column("hash")[0])
    assert ours["params"][0] == table.column("params")[0]
    [[cell], [theirs]] = (
        nb.cell_numbers(c["edges"][:1], c["ops"][:1])
        for c in (ours, {k: table.column(k) for k in ("edges", "ops")})
    )
    assert cell == theirs


@pytest.mark.parametrize("line_ends", [True, False])
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("complete", [True, False])
def test_what_was_written_is_read(
    tmp_path: Path,
    generic_rows: list[bytes],
    line_ends: bool,
    separators: tuple[str, str],
    complete: bool,
) -> None:
    records = of.made_up_records(40, (4, 12, 108), complete=complete)
    rows = of.rows_of(records, line_ends)
    path = of.write(tmp_path / "a.tfrecord", [of.payload(row, separators) for row in rows])
    assert_same(read_records(path), records)
    assert generic_rows == []  # the common layout never goes the slow way
    assert sorted(set(records.vertices.tolist()))[0] == 2


@pytest.mark.parametrize("chunk", [1, 20, 417, 1_000, 5_000])
def test_chunks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    records = of.made_up_records(12)
    path = of.write_records(tmp_path / "a.tfrecord", records)
    monkeypatch.setattr(_frames, "_CHUNK", chunk)
    calls: list[tuple[int, int]] = []
    assert_same(read_records(path, lambda done, total: calls.append((done, total))), records)
    size = path.stat().st_size
    assert calls[-1] == (size, size)
    assert calls == sorted(calls)


def test_the_order_of_rows_gives_cells_and_repeats(tmp_path: Path) -> None:
    """In any order of rows: cells by first appearance, repeats as they come."""
    records = of.made_up_records(15)
    rows = of.rows_of(records)
    order = np.random.default_rng(1).permutation(len(rows))
    shuffled = [rows[i] for i in order]
    found = read_records(of.write(tmp_path / "a.tfrecord", map(of.payload, shuffled)))
    cells = list(dict.fromkeys(row[0] for row in shuffled))
    assert [h.tobytes().hex() for h in found.hash] == cells
    for c, digest in enumerate(cells):
        for e, epochs in enumerate(found.epochs.tolist()):
            mine = [row for row in shuffled if row[:2] == [digest, epochs]]
            single = [
                read_records(of.write(tmp_path / "b.tfrecord", [of.payload(row)])) for row in mine
            ]
            expected = [one.metrics[0, 0, 0] for one in single]
            np.testing.assert_array_equal(found.metrics[c, e], expected)


def _reordered(epochs: int, params: int, halfway: Any, final: Any) -> bytes:
    parts = (
        of.evaluation(0, (0, 0, 0, 0)),
        *map(of.evaluation, (epochs, epochs), (halfway, final)),
    )
    return (
        of.double(3, 1.0)
        + of.integer(2, 7)  # of several the last counts
        + of.integer(2, params, width=9)
        + b"".join(of.text(1, part) for part in parts)
    )


def _with_more(epochs: int, params: int, halfway: Any, final: Any) -> bytes:
    unknown = (
        of.integer(9, 2**63)
        + of.double(8, 0.5)
        + of.text(7, b"\x0a\x2d" * 40)
        + of.varint(10 << 3 | 5)
        + b"wxyz"
    )
    parts = [
        unknown + of.text(6, b"/a/checkpoint") + of.evaluation(epochs, values) + unknown
        for values in ((0, 0, 0, 0), halfway, final)
    ]
    return unknown + b"".join(of.text(1, p) + unknown for p in parts) + of.integer(2, params)


def _backwards(epochs: int, params: int, halfway: Any, final: Any) -> bytes:
    parts = [
        b"".join(of.double(k + 2, values[k]) for k in (3, 1, 0, 2))
        for values in ((0, 0, 0, 0), halfway, final)
    ]
    return of.integer(2, params) + b"".join(of.text(1, part) for part in parts)


def _turned(epochs: int, params: int, halfway: Any, final: Any) -> bytes:
    """As long as the published messages, and with the same fields, in another order."""
    parts = [
        b"".join(of.double(k, value) for k, value in reversed([*enumerate([epochs, *v], start=1)]))
        for v in ((0, 0, 0, 0), halfway, final)
    ]
    return b"".join(of.text(1, p) for p in parts) + of.double(3, 1.0) + of.integer(2, params)


@pytest.mark.parametrize("write", [_reordered, _with_more, _backwards, _turned])
@pytest.mark.parametrize("fast", [True, False])
def test_messages_of_other_layouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., bytes], fast: bool
) -> None:
    records = of.made_up_records(10)
    monkeypatch.setattr(of, "message", write)
    rows = of.rows_of(records)
    if not fast:
        monkeypatch.setattr(_official_rows, "_LAYOUTS_TRIED", 0)
    assert_same(read_records(of.write(tmp_path / "a.tfrecord", map(of.payload, rows))), records)


def test_many_layouts_in_one_file(tmp_path: Path, generic_rows: list[bytes]) -> None:
    records = of.made_up_records(60)
    plain, rows = of.message, []
    try:
        for write in (plain, _reordered, _with_more, _backwards, _turned):
            of.message = write
            rows.append(of.rows_of(records))
    finally:
        of.message = plain
    mixed = [rows[i % 5][i] for i in range(len(rows[0]))]
    # and JSON written with blanks and escapes that only the slow way understands
    payloads = [of.payload(row) for row in mixed]
    payloads[5] = b" " + payloads[5].replace(b"[", b"[ \t").replace(b"input", b"\\u0069nput")
    assert_same(read_records(of.write(tmp_path / "a.tfrecord", payloads)), records)
    assert generic_rows == [payloads[5]]


def test_operations_whose_keys_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = of.made_up_records(40, (108,))
    monkeypatch.setattr(_official_rows, "_MIX", np.zeros_like(_official_rows._MIX))
    assert_same(read_records(of.write_records(tmp_path / "a.tfrecord", records)), records)


def test_a_zero_byte_is_no_padding(tmp_path: Path) -> None:
    """Operations are compared with zeros behind them; a zero in the file is another text."""
    payloads = [of.payload(row) for row in of.rows_of(of.made_up_records(1, (108,)))]
    payloads[2] = payloads[2].replace(b'output"', b'output\0"')
    with pytest.raises(TableError, match=r"record 2 .* no JSON text"):
        read_records(of.write(tmp_path / "a.tfrecord", payloads))


def test_absent_fields_are_zero(tmp_path: Path) -> None:
    records = of.made_up_records(1, (108,))
    message = of.text(1, b"") + of.text(1, of.double(5, 0.5)) + of.text(1, of.double(2, 3.0))
    row = of.rows_of(records)[0]
    row[4] = base64.b64encode(message).decode()
    found = read_records(of.write(tmp_path / "a.tfrecord", [of.payload(row)]))
    assert found.params.tolist() == [0]
    assert found.metrics[0, 0, 0].tolist() == [[0, 0, 0, 0.5], [3, 0, 0, 0]]


# what is refused


def _change(position: int, value: Any) -> Callable[[list[Any]], Any]:
    return lambda row: [*row[:position], value, *row[position + 1 :]]


def _entry(at: int) -> Callable[[list[Any]], Any]:
    return lambda row: _change(2, row[2][:at] + "1" + row[2][at + 1 :])(row)


def _message(make: Callable[[], bytes]) -> Callable[[list[Any]], Any]:
    return lambda row: [*row[:4], base64.b64encode(make()).decode()]


def _metrics(checkpoint: int, metric: int, value: float) -> Callable[[list[Any]], Any]:
    values = np.full((2, 4), 0.5)
    values[checkpoint, metric] = value
    return _message(lambda: of.message(108, 1, *values.tolist()))


GOOD = [0.5] * 4
THREE = of.text(1, of.evaluation(0, GOOD)) * 3
BAD_ROWS = {
    "an object": (lambda row: {"a": row}, "types dict"),
    "four": (lambda row: row[:4], r"types \['str', 'int', 'str', 'str'\]"),
    "six": (lambda row: [*row, 1], "types"),
    "hash a number": (_change(0, 5), "types"),
    "hash short": (_change(0, "ab"), "hash is 'ab'"),
    "hash upper case": (_change(0, "A" * 32), "hash is 'AAA"),
    "epochs a truth value": (_change(1, True), "types"),
    "epochs a fraction": (_change(1, 108.0), "types"),
    "epochs a text": (_change(1, "108"), "types"),
    "epochs none": (_change(1, 0), "epochs is 0"),
    "epochs huge": (_change(1, 10**30), "epochs is 1000"),
    "epochs negative": (_change(1, -4), "epochs is -4"),
    "adjacency of 3": (_change(2, "011"), "'011' of 3 characters"),
    "adjacency of 64": (_change(2, "0" * 64), "of 64 characters"),
    "adjacency of 1": (_change(2, "0"), "of 1 characters"),
    "adjacency of letters": (_change(2, "0a00"), "'0a00' of 4"),
    "adjacency with 2": (_change(2, "0200"), "'0200' of 4"),
    "adjacency diagonal": (_change(2, "1100"), "'1100' is not strictly upper triangular"),
    "adjacency lower": (_change(2, "0010"), "not strictly upper triangular"),
    "adjacency diagonal of 7": (_entry(16), "not strictly upper triangular"),
    "adjacency lower of 7": (_entry(42), "not strictly upper triangular"),
    "operations fewer": (_change(3, "input,output"), "operations are 'input,output', expected 7"),
    "operations unknown": (
        lambda row: _change(3, row[3].replace("conv3x3", "conv5x5"))(row),
        "operations are",
    ),
    "operations turned": (
        lambda row: _change(3, ",".join(row[3].split(",")[::-1]))(row),
        "operations are 'output",
    ),
    "operations long": (_change(3, "input" * 90), "operations are 'inputinput"),
    "no base64": (_change(4, "$$$$"), "no base64"),
    "base64 of another tongue": (_change(4, "ÄÖÜß"), "no base64"),
    "base64 cut": (lambda row: _change(4, row[4].strip()[:-2])(row), "no base64"),
    "message empty": (_change(4, ""), "has 0 evaluation_data"),
    "message cut": (_message(lambda: of.message(108, 1, GOOD, GOOD)[:-3]), "truncated"),
    "two evaluations": (_message(lambda: of.text(1, b"") * 2), "has 2 evaluation_data"),
    "four evaluations": (_message(lambda: of.text(1, b"") * 4), "has 4 evaluation_data"),
    "evaluation cut": (
        _message(lambda: THREE[: len(THREE) // 3 * 2] + of.text(1, of.evaluation(0, GOOD)[:-1])),
        "truncated",
    ),
    "length beyond": (_message(lambda: THREE + b"\x3a\x7f"), "truncated"),
    "number without end": (_message(lambda: THREE + b"\x10" + b"\xff" * 11), "without end"),
    "number cut": (_message(lambda: THREE + b"\x10\xff"), "truncated"),
    "a group": (_message(lambda: THREE + b"\x3b\x3c"), "wire type 3"),
    "field 0": (_message(lambda: THREE + b"\x00\x00"), "field 0"),
    "wrong wire type": (_message(lambda: THREE + of.double(2, 1.0)), "field 2 of wire type 1"),
    "parameters negative": (
        _message(lambda: THREE + of.integer(2, 2**64 - 1)),
        "trainable_parameters is 18446744073709551615",
    ),
    "parameters huge": (_message(lambda: THREE + of.integer(2, 2**31)), "is 2147483648"),
    "time negative": (_metrics(1, 0, -1.0), "final training_time is -1.0"),
    "time not a number": (_metrics(0, 0, float("nan")), "half-way training_time is nan"),
    "time infinite": (_metrics(1, 0, float("inf")), "final training_time is inf"),
    "accuracy above 1": (_metrics(1, 1, 1.1), "final train_accuracy is 1.1"),
    "accuracy not a number": (_metrics(1, 3, float("nan")), "final test_accuracy is nan"),
    "accuracy huge": (_metrics(1, 3, 1e308), r"final test_accuracy is 1e\+308"),
    "accuracy negative": (_metrics(0, 2, -0.5), "half-way validation_accuracy is -0.5"),
    "no count": (_metrics(1, 2, 0.50005), r"final validation_accuracy .* this is 4992.4992"),
    "no count, half-way": (_metrics(0, 3, 5.4 / 9984), "half-way test_accuracy .* this is 5.4000"),
}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fast: bool
) -> None:
    change, expected = BAD_ROWS[name]
    records = of.made_up_records(12, (108,), seed=4)
    rows = of.rows_of(records)
    at = next(
        i for i, row in enumerate(rows) if len(row[2]) == 49 and "conv3x3" in row[3] and i > 2
    )
    payloads = [of.payload(row) for row in rows]
    payloads[at] = of.payload(change(rows[at]))
    path = of.write(tmp_path / "a.tfrecord", payloads)
    if not fast:
        monkeypatch.setattr(
            _official_rows, "_quotes", lambda _: (np.empty((0, 8), np.int64), np.empty(0, np.int64))
        )
    offset = sum(len(p) + 16 for p in payloads[:at])
    with pytest.raises(TableError, match=expected) as error:
        read_records(path)
    assert f"record {at} (from 0), at byte {offset}: " in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[",
        b"\xff\xfe[\x00",
        b"[" * 10_000,
        b'["\\ud800", 1, "", "", ""]',
        b"[" + b"1" * 5_000 + b"]",
        b"NaN",
        b'"' * 8,
        b'["' + b"0" * 32 + b'"x108, "0100", "input,output", "AAAA"]',
    ],
)
def test_a_payload_that_is_none(tmp_path: Path, payload: bytes) -> None:
    good = list(map(of.payload, of.rows_of(of.made_up_records(2))))
    with pytest.raises(TableError, match=rf"record {len(good)} \(from 0\)"):
        read_records(of.write(tmp_path / "a.tfrecord", [*good, payload, *good]))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04" + bytes(50), "zip archive"),
        (b"\x1f\x8b" + bytes(50), "gzip"),
        (b"<!DOCTYPE html>" + bytes(50), "web page"),
        (bytes(50), "this is no TFRecord file"),
        (b"\x00" * 5, "ends 5 bytes into it"),
        (of.header(2**40), "has 1099511627776 bytes, expected at most 16384"),
        (of.header(2**64 - 1), "expected at most"),
        (of.header(10) + b"abc", "the file ends 15 bytes into it, it has 26"),
        (of.REAL_RECORD + of.header(2**14 + 1), "record 1 .* at byte 417: .* 16385 bytes"),
        (of.REAL_RECORD[:8] + bytes(4) + of.REAL_RECORD[12:], "checksum of its length"),
        (of.REAL_RECORD[:-4] + bytes(4), "checksum of its payload"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(content)
    with pytest.raises(TableError, match=expected):
        read_records(path)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tfrecord", tmp_path):
        with pytest.raises(TableError, match="no such file"):
            read_records(path)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.tfrecord", of.REAL_RECORD * 2
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        if size == len(of.REAL_RECORD):
            assert len(read_records(path).hash) == 1
            continue
        at = size // len(of.REAL_RECORD)
        with pytest.raises(TableError, match=rf"record {at} .* ends {size - 417 * at} bytes into"):
            read_records(path)


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    for at in range(len(of.REAL_RECORD)):
        damaged = bytearray(of.REAL_RECORD)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(of.REAL_RECORD + damaged)
        with pytest.raises(TableError, match=r"record 1 \(from 0\), at byte 417"):
            read_records(path)


def test_rows_of_a_cell_must_agree(tmp_path: Path) -> None:
    records = of.made_up_records(12, (108,))
    cell = int(np.flatnonzero(records.vertices == 7)[0])
    rows = of.rows_of(records)
    first = 3 * cell
    other = next(r for r in rows if r[0] != rows[first][0] and len(r[2]) == 49)
    for position, name in ((2, "adjacency"), (3, "operations"), (4, "trainable_parameters")):
        changed = [list(row) for row in rows]
        changed[first + 2][position] = other[position]
        if changed == rows:
            continue
        path = of.write(tmp_path / "a.tfrecord", map(of.payload, changed))
        with pytest.raises(
            TableError, match=rf"record {first + 2} .*its {name} differ.* record {first},"
        ):
            read_records(path)
    # fewer vertices with the same operations kept: another adjacency as well
    small = next(r for r in rows if len(r[2]) == 9)
    changed = [*rows, [rows[first][0], 4, *small[2:]]]
    path = of.write(tmp_path / "a.tfrecord", map(of.payload, changed))
    with pytest.raises(TableError, match=rf"record {len(rows)} .*its adjacency differ"):
        read_records(path)


def test_a_fourth_repeat_is_refused(tmp_path: Path) -> None:
    rows = of.rows_of(of.made_up_records(5, (12, 108)))
    path = of.write(tmp_path / "a.tfrecord", map(of.payload, [*rows, rows[4]]))
    with pytest.raises(
        TableError, match=rf"record {len(rows)} .*repeat 4 of cell {rows[4][0]} at 108"
    ):
        read_records(path)


def test_too_many_budgets_are_refused(tmp_path: Path) -> None:
    row = of.rows_of(of.made_up_records(1))[0]
    rows = [[row[0], epochs, *row[2:]] for epochs in range(1, 18)]
    with pytest.raises(TableError, match="17 different training budgets"):
        read_records(of.write(tmp_path / "a.tfrecord", map(of.payload, rows)))


# columns and tables


def test_columns_against_one_cell_at_a_time() -> None:
    records = of.made_up_records(200, (36, 108), complete=False)
    columns = to_columns(records, {"source": "a test"}, everything=True)
    digests = [h.tobytes() for h in columns["hash"]]
    assert digests == sorted(digests)
    keys = ("validation", "test", "train_seconds", "train", "halfway")
    single = {key: [0, 1, 2] for key in keys}
    assert json.loads(str(columns["provenance"])) == {"single_runs": single, "source": "a test"}
    actions = nb.from_codes(columns["edges"], columns["ops"])
    for c, v in enumerate(records.vertices.tolist()):
        at = digests.index(records.hash[c].tobytes())
        expected = nb.from_matrix(records.adjacency[c, :v, :v], records.ops[c, : v - 2].tolist())
        np.testing.assert_array_equal(actions[at], expected)
        assert columns["params"][at] == records.params[c]
        for e in range(2):
            for r in range(3):
                halfway, final = records.metrics[c, e, r]
                np.testing.assert_array_equal(columns["halfway"][at, e, r], halfway.astype("f4"))
                np.testing.assert_array_equal(columns["train"][at, e, r], final[1].astype("f4"))
                np.testing.assert_array_equal(
                    columns["train_seconds"][at, e, r], final[0].astype("f4")
                )
                for key, accuracy in (("validation", final[2]), ("test", final[3])):
                    count = columns[key][at, e, r]
                    assert (count == 65_535) == np.isnan(accuracy)
                    assert np.isnan(accuracy) or abs(count / 9_984 - accuracy) < 1e-7
    table = NASBench101(columns)
    assert table.epochs == (36, 108)
    assert "train" not in to_columns(records, {})


def test_a_cell_that_is_none_is_refused() -> None:
    records = of.made_up_records(20)
    records.adjacency[3] = 0
    with pytest.raises(
        TableError, match=f"1 of 20 cells .* first {records.hash[3].tobytes().hex()}"
    ):
        to_columns(records, {})


def test_convert(tmp_path: Path) -> None:
    records = of.made_up_records(50, (4, 108), complete=False)
    source = of.write_records(tmp_path / "small.tfrecord", records)
    target = tmp_path / "small.npz"
    calls: list[int] = []
    summary = convert(source, target, progress=lambda done, total: calls.append(done))
    known = ~np.isnan(records.metrics[..., 0, 0])
    assert summary["cells"] == 50
    assert summary["rows"] == known.sum()
    assert summary["epochs"] == [4, 108]
    assert summary["missing"] == {4: (~known[:, 0]).sum(), 108: (~known[:, 1]).sum()}
    assert summary["official"] is None
    assert summary["bytes"] == target.stat().st_size
    assert calls
    table = NASBench101.load(target)
    assert json.loads(str(table.column("provenance")))["sha256"] == summary["sha256"]
    for key, expected in to_columns(records, json.loads(str(table.column("provenance")))).items():
        np.testing.assert_array_equal(table.column(key), expected, err_msg=key)
    before = target.read_bytes()
    with pytest.raises(TableError, match="exists"):
        convert(source, target)
    assert target.read_bytes() == before
    convert(source, target, overwrite=True)
    with pytest.raises(TableError, match=r"ends in \.npz"):
        convert(source, tmp_path / "small.txt")
    with pytest.raises(TableError, match="no folder"):
        convert(source, tmp_path / "none" / "small.npz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.npz", "small.tfrecord"]


def test_convert_refuses_hashes_that_do_not_match(tmp_path: Path) -> None:
    records = of.made_up_records(12)
    swapped = records._replace(hash=np.roll(records.hash, 1, axis=0))
    source = of.write_records(tmp_path / "a.tfrecord", swapped)
    with pytest.raises(TableError, match="but the cell in that row has hash"):
        convert(source, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


# NumPy 2.0 leaves its archive to the garbage collector, which then meets a closed file
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_convert_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = of.write_records(tmp_path / "a.tfrecord", of.made_up_records(3))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "a.npz", progress=interrupt)
    monkeypatch.setattr(np.lib.format, "write_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "a.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tfrecord"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits a file's size by a POSIX call")
def test_convert_on_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """Written by a process that the system lets no file grow beyond 2,000 bytes."""
    of.write_records(tmp_path / "a.tfrecord", of.made_up_records(60))
    code = (
        "import resource; from maade_np.spaces.nasbench101 import cell_numbers\n"
        "import numpy as np; cell_numbers(np.array([1]), np.array([0]))\n"
        "from maade_np.tables.convert import convert\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "convert('a.tfrecord', 'a.npz')"
    )
    root = str(Path(nb.__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "TableError: a.npz: cannot be written" in run.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.tfrecord"]


def test_independent_libraries_write_what_we_read(tmp_path: Path) -> None:
    """Table -> file of the official layout by Google's libraries -> table, exact."""
    for library in ("google.protobuf", "google_crc32c"):
        pytest.importorskip(library, reason=f"{library} is not installed (extra 'bench')")
    import official_file as benchmark

    columns = benchmark.made_up(100, None, epochs=(4, 12, 36, 108))
    source, target = tmp_path / "a.tfrecord", tmp_path / "a.npz"
    benchmark.write_file(source, columns)
    assert benchmark.plain_loop(source, keep=True) == 1_200
    convert(source, target, everything=True)
    assert benchmark.differences(target, columns) == []
    found = to_columns(read_records(source), {}, everything=True)
    for key in ("train", "halfway"):
        np.testing.assert_array_equal(found[key], columns[key])


def test_the_committed_table_follows_from_the_record() -> None:
    import official_file as benchmark

    record = json.loads((benchmark.HERE / "official.json").read_text(encoding="utf-8"))
    text = (benchmark.HERE / "official.md").read_text(encoding="utf-8")
    assert benchmark.markdown(record) == text
    ours = record["times"]["ours"]
    assert record["cells"] == nb.NUM_CELLS
    assert ours["rows"] == 3 * nb.NUM_CELLS
    assert ours["seconds"] <= 60
    assert ours["megabytes"] <= 1_000
