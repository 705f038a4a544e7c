"""Files of the official layout, written plainly: what the tests of the reader read.

Nothing here is the reader's: the checksum goes byte by byte, the message is put together by hand.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from maade_np.spaces import nasbench101 as nb
from maade_np.tables.tfrecord import Records

# the first row of the published file: 4 epochs, first repeat (NAS-Bench-101, Apache-2.0)
REAL_RECORD = base64.b64decode(
    "kQEAAAAAAACYJe2bWyIwMDAwNWMxNDJlNmY0OGFjNzRmZGNmNzNlMzQzOTg3NCIsIDQsICIwMTAwMTEwMDAxMDAw"
    "MDAwMDEwMDEwMDAwMDEwMDAwMDAxMDAwMDAwMDEwMDAwMDAwIiwgImlucHV0LGNvbnYzeDMtYm4tcmVsdSxtYXhw"
    "b29sM3gzLGNvbnYzeDMtYm4tcmVsdSxjb252M3gzLWJuLXJlbHUsY29udjF4MS1ibi1yZWx1LG91dHB1dCIsICJD"
    "aTBKQUFBQUFBQUFBQUFSQUFBQUFBQUFBQUFaQUFBQW9LcXF1VDhoQUFBQVlKQUd1VDhwQUFBQUFHbVF1VDhLTFFr"
    "QUFBQUFBQUFBXG5RQkVBQUFEQWRKTkdRQmtBQUFCZ2tBYTZQeUVBQUFBZzMvSzZQeWtBQUFDQXk3ZTZQd290Q1FB"
    "QUFBQUFBQkJBRVFBQUFDRGJlVlpBXG5HUUFBQUVBYVpOWS9JUUFBQUdCVlZkWS9LUUFBQU9EeWJkWS9FSXFZaWdR"
    "WkFBQkFoem5iZVVBPVxuIl1oFmkD"
)
OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    _TABLE.append(_byte)


def crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF


def checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + checksum(packed)


def frame(payload: bytes) -> bytes:
    return header(len(payload)) + payload + checksum(payload)


def varint(number: int, width: int = 1) -> bytes:
    """A number, on at least so many bytes."""
    groups = []
    while number or len(groups) < width:
        groups.append(number & 0x7F)
        number >>= 7
    return bytes([g | 0x80 for g in groups[:-1]] + groups[-1:])


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def text(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def integer(number: int, value: int, width: int = 1) -> bytes:
    return varint(number << 3) + varint(value, width)


def evaluation(epoch: float, values: Sequence[float]) -> bytes:
    return b"".join(double(k, value) for k, value in enumerate([epoch, *values], start=1))


def message(epochs: int, params: int, halfway: Sequence[float], final: Sequence[float]) -> bytes:
    """A ModelMetrics message as the published file has them."""
    start = evaluation(0, (0.0, 0.1, 0.1, 0.1))
    parts = (start, evaluation(epochs / 2, halfway), evaluation(epochs, final))
    return b"".join(text(1, part) for part in parts) + integer(2, params) + double(3, 413.7)


def payload(row: Any, separators: tuple[str, str] = (", ", ": ")) -> bytes:
    return json.dumps(row, separators=separators).encode("utf-8")


def row(
    digest: bytes | np.ndarray,
    epochs: int,
    matrix: np.ndarray,
    ops: Iterable[int],
    metrics: bytes,
    line_ends: bool = True,
) -> list[Any]:
    """The JSON value of a record."""
    adjacency = "".join(map(str, np.asarray(matrix).ravel().tolist()))
    operations = ",".join(["input", *(OPS[op] for op in ops), "output"])
    encode = base64.encodebytes if line_ends else base64.b64encode
    return [bytes(digest).hex(), epochs, adjacency, operations, encode(metrics).decode("ascii")]


@cache
def _representatives() -> np.ndarray:
    return nb.cell_representatives()


def made_up_records(
    cells: int = 30, epochs: Sequence[int] = (4, 108), seed: int = 0, complete: bool = True
) -> Records:
    """Records of cells of 2 to 7 vertices with their true hashes, in no order."""
    rng = np.random.default_rng(seed)
    representatives = _representatives()
    chosen = np.union1d(np.arange(min(cells, 7)), rng.choice(nb.NUM_CELLS, cells, replace=False))
    chosen = rng.permutation(chosen[:cells])
    matrices, interior = nb.matrix_ops(representatives[chosen])
    adjacency = np.zeros((len(chosen), 7, 7), dtype=np.int8)
    ops = np.zeros((len(chosen), 5), dtype=np.int8)
    vertices, digests = np.zeros(len(chosen), dtype=np.uint8), []
    for c, (matrix, labels) in enumerate(zip(matrices, interior, strict=True)):
        pruned, names = nb.prune(matrix, labels.tolist())
        vertices[c] = len(pruned)
        adjacency[c, : len(pruned), : len(pruned)] = pruned
        ops[c, : len(pruned) - 2] = [OPS.index(name) for name in names[1:-1]]
        digests.append(bytes.fromhex(nb.module_hash(pruned, names)))
    shape = len(chosen), len(epochs), 3, 2
    metrics = np.empty((*shape, 4))
    metrics[..., 0] = rng.uniform(10, 5_000, shape)
    counts = rng.integers(0, 9_985, (*shape, 3))
    metrics[..., 1:] = (counts / 9_984).astype(np.float32)
    if not complete:
        metrics[:, :, 2][rng.random(shape[:2]) < 0.3] = np.nan
        metrics[0, 0, 1:] = np.nan
    return Records(
        hash=np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 16),
        vertices=vertices,
        adjacency=adjacency,
        ops=ops,
        epochs=np.array(epochs, dtype=np.int16),
        params=rng.integers(1, 50_000_000, len(chosen)).astype(np.uint32),
        metrics=metrics,
    )


def rows_of(records: Records, line_ends: bool = True) -> list[list[Any]]:
    """The JSON values of all records, cell by cell, budget by budget, repeat by repeat."""
    rows = []
    for c, v in enumerate(records.vertices.tolist()):
        matrix, ops = records.adjacency[c, :v, :v], records.ops[c, : v - 2].tolist()
        for e, epochs in enumerate(records.epochs.tolist()):
            for halfway, final in records.metrics[c, e].tolist():
                if not np.isnan(final[0]):
                    metrics = message(epochs, int(records.params[c]), halfway, final)
                    rows.append(row(records.hash[c], epochs, matrix, ops, metrics, line_ends))
    return rows


def write(path: Path, payloads: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(map(frame, payloads)))
    return path


def write_records(path: Path, records: Records) -> Path:
    return write(path, map(payload, rows_of(records)))
