"""The official NAS-Bench-101 file (``nasbench_full.tfrecord``), read without TensorFlow.

Three layers, each of which a file has to get past: framing and checksums (`_frames`), rows of JSON
and base64 (`_official_rows`), protobuf messages (`_model_metrics`). Here rows become cells. A file
is read in chunks; what is kept is a hundred bytes a row.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maade_np.spaces.nasbench101 import EDGES, VERTICES, cell_numbers
from maade_np.tables._format import IMAGES, MISSING, REPEATS
from maade_np.tables._frames import Frames, Progress, read_frames, record_error
from maade_np.tables._model_metrics import KEPT, METRICS
from maade_np.tables._official_rows import Rows, parse_rows
from maade_np.tables.base import TableError

HALFWAY, FINAL = range(KEPT)
TRAINING_TIME, TRAIN, VALIDATION, TEST = range(METRICS)

_METRIC_NAMES = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
_INTERIOR = VERTICES - 2
_MAX_BUDGETS = 16
_COUNT_TOLERANCE = 0.01  # of an image; accuracies are float32 sums, off by some 3e-4 of one


class Records(NamedTuple):
    """All that the official file holds: C cells in the order of first appearance, E budgets.

    Attributes
    ----------
    hash : ndarray, uint8 (C, 16)
        The digest stated in the file.
    vertices : ndarray, uint8 (C,)
        V, 2 to 7.
    adjacency : ndarray, int8 (C, 7, 7)
        The V x V matrix in the upper left corner, as in the file; zeros beyond.
    ops : ndarray, int8 (C, 5)
        Numbers of the V - 2 interior operations in file order; 0 beyond.
    epochs : ndarray, int16 (E,)
        Training budgets, ascending.
    params : ndarray, uint32 (C,)
        Trainable parameters.
    metrics : ndarray, float64 (C, E, 3, 2, 4)
        By repeat in file order; half-way, final; training_time in seconds, and train, validation
        and test accuracy in [0, 1]. NaN where the file lacks the repeat.
    """

    hash: np.ndarray
    vertices: np.ndarray
    adjacency: np.ndarray
    ops: np.ndarray
    epochs: np.ndarray
    params: np.ndarray
    metrics: np.ndarray


def read_records(path: str | os.PathLike[str], progress: Progress | None = None) -> Records:
    """Read an official file: its layout is that of Ying et al., "NAS-Bench-101" (2019).

    Parameters
    ----------
    path : path-like
        ``nasbench_only108.tfrecord``, ``nasbench_full.tfrecord``, or a part of such a file.
    progress : callable, optional
        Called as ``progress(done_bytes, total_bytes)`` after every few megabytes.

    Returns
    -------
    Records

    Raises
    ------
    TableError
        A wrong checksum, a truncated file, a row of another shape, a value out of range, an
        accuracy that is no number of images of 9,984, more than three repeats, or rows of one
        hash that contradict each other; with record number and byte offset.
    """
    source = str(Path(path))
    chunks: list[Rows] = []
    metrics: deque[np.ndarray] = deque()
    offsets: list[np.ndarray] = []
    for frames in read_frames(path, progress):
        rows = parse_rows(frames)
        _check_metrics(frames, rows.metrics)
        metrics.append(rows.metrics)
        chunks.append(rows._replace(metrics=np.empty((0, KEPT, METRICS))))
        offsets.append(frames.offsets())
    whole = Rows(*map(np.concatenate, zip(*chunks, strict=True)))
    return _gather(source, whole, metrics, np.concatenate(offsets))


def _check_metrics(frames: Frames, metrics: np.ndarray) -> None:
    """Check the values, (n, 2, 4), of a chunk."""
    with np.errstate(invalid="ignore", over="ignore"):
        wrong = ~((metrics >= 0) & np.isfinite(metrics))
        wrong[..., TRAIN:] |= metrics[..., TRAIN:] > 1
        images = metrics[..., VALIDATION:] * IMAGES
        wrong[..., VALIDATION:] |= np.abs(images - np.rint(images)) > _COUNT_TOLERANCE
    if not wrong.any():
        return
    row, checkpoint, metric = np.argwhere(wrong)[0].tolist()
    value = float(metrics[row, checkpoint, metric])
    expected = "a finite time of at least 0 seconds"
    if metric != TRAINING_TIME:
        expected = "an accuracy in [0, 1]"
    if metric >= VALIDATION and 0 <= value <= 1:
        expected = f"a whole number of images of {IMAGES}, this is {value * IMAGES:.4f}"
    place = ("half-way", "final")[checkpoint]
    raise frames.error(
        row, f"its {place} {_METRIC_NAMES[metric]} is {value!r}, expected {expected}"
    )


def _gather(source: str, rows: Rows, chunks: deque[np.ndarray], offsets: np.ndarray) -> Records:
    """Cells from the rows of a whole file; their metrics come in chunks, which are used up."""
    cell, first_row = _number_by_appearance(rows.digest)
    _check_agreement(source, rows, offsets, cell, first_row)
    epochs, budget = np.unique(rows.epochs, return_inverse=True)
    if len(epochs) > _MAX_BUDGETS:
        raise TableError(
            f"{source}: {len(epochs)} different training budgets, {epochs[:8].tolist()} ..., "
            f"expected at most {_MAX_BUDGETS}: this is no NAS-Bench-101 file"
        )
    repeat = _occurrence(cell * len(epochs) + budget)
    if (repeat >= REPEATS).any():
        row = int((repeat >= REPEATS).argmax())
        raise record_error(
            source,
            row,
            int(offsets[row]),
            f"repeat {repeat[row] + 1} of cell {rows.digest[row].tobytes().hex()} at "
            f"{rows.epochs[row]} epochs, expected at most {REPEATS}: rows were written twice",
        )
    metrics = np.full((len(first_row), len(epochs), REPEATS, KEPT, METRICS), np.nan)
    done = 0
    while chunks:
        chunk = chunks.popleft()
        part = slice(done, done + len(chunk))
        metrics[cell[part], budget[part], repeat[part]] = chunk
        done += len(chunk)
    vertices = rows.vertices[first_row]
    bits = rows.edges[first_row, None] >> np.arange(len(EDGES), dtype=np.uint32) & np.uint32(1)
    adjacency = np.zeros((len(first_row), VERTICES, VERTICES), dtype=np.int8)
    adjacency[:, *np.transpose(EDGES)] = bits
    ops = rows.ops[first_row, None] // 3 ** np.arange(_INTERIOR) % 3
    return Records(
        hash=rows.digest[first_row],
        vertices=vertices,
        adjacency=adjacency,
        ops=ops.astype(np.int8),
        epochs=epochs,
        params=rows.params[first_row],
        metrics=metrics,
    )


def _halves(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers, uint64 (n,) each, that order as the digests, uint8 (n, 16), do."""
    high, low = np.ascontiguousarray(digests).view(">u8").astype(np.uint64).T
    return high, low


def _number_by_appearance(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each row's digest, in the order of first appearance, and the row of that."""
    high, low = _halves(digests)
    order = np.lexsort((low, high))  # stable: rows of a digest stay in file order
    high, low = high[order], low[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    first_row = order[new]
    by_appearance = np.argsort(first_row)
    rank = np.empty_like(by_appearance)
    rank[by_appearance] = np.arange(len(rank))
    number = np.empty_like(order)
    number[order] = rank[np.cumsum(new) - 1]
    return number, first_row[by_appearance]


def _occurrence(key: np.ndarray) -> np.ndarray:
    """How many earlier entries each entry equals, int64 (n,)."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    new = np.ones(len(key), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(len(key)), 0))
    occurrence = np.empty_like(order)
    occurrence[order] = np.arange(len(key)) - start
    return occurrence


def _check_agreement(
    source: str, rows: Rows, offsets: np.ndarray, cell: np.ndarray, first_row: np.ndarray
) -> None:
    """Check that all rows of a hash state the same cell."""
    for name, column in (
        ("adjacency", rows.vertices),
        ("adjacency", rows.edges),
        ("operations", rows.ops),
        ("trainable_parameters", rows.params),
    ):
        differs = column != column[first_row][cell]
        if differs.any():
            row = int(differs.argmax())
            raise record_error(
                source,
                row,
                int(offsets[row]),
                f"its {name} differ from those of record {first_row[cell[row]]}, which has the "
                f"same hash {rows.digest[row].tobytes().hex()}: the file is not as published",
            )


def to_columns(
    records: Records, provenance: Mapping[str, Any], everything: bool = False
) -> dict[str, np.ndarray]:
    """The columns of the compact format (see `NASBench101.load`), rows ascending by hash.

    Parameters
    ----------
    records : Records
    provenance : mapping
        Where the numbers come from; kept as JSON, with ``single_runs`` (see `NASBench101.load`):
        all repeats of all columns, as every row of the official file is one training run.
    everything : bool
        Also the columns ``train``, float32 (C, E, 3), the final train accuracy, and ``halfway``,
        float32 (C, E, 3, 4), the half-way training_time in seconds and accuracies.

    Returns
    -------
    dict of str to ndarray
        Accuracies as correct images of 9,984, 65535 where missing.

    Raises
    ------
    TableError
        A cell that is not connected or has more than 9 edges.
    """
    order = np.lexsort(_halves(records.hash)[::-1])
    metrics = records.metrics[order]
    final = metrics[..., FINAL, :]
    edges, ops = _codes(records, order)
    invalid = cell_numbers(edges, ops) < 0
    if invalid.any():
        digest = records.hash[order][invalid.argmax()].tobytes().hex()
        raise TableError(
            f"{int(invalid.sum())} of {len(order)} cells are none of NAS-Bench-101 (not connected, "
            f"or more than 9 edges), first {digest}: the file is not as published"
        )
    columns = {
        "edges": edges,
        "ops": ops,
        "epochs": records.epochs.copy(),
        "validation": _counts(final[..., VALIDATION]),
        "test": _counts(final[..., TEST]),
        "train_seconds": final[..., TRAINING_TIME].astype(np.float32),
        "params": records.params[order],
        "hash": records.hash[order],
    }
    if everything:
        columns["train"] = final[..., TRAIN].astype(np.float32)
        columns["halfway"] = metrics[..., HALFWAY, :].astype(np.float32)
    single = [key for key, column in columns.items() if column.shape[2:3] == (REPEATS,)]
    runs = {"single_runs": {key: list(range(REPEATS)) for key in single}}
    columns["provenance"] = np.array(json.dumps(runs | dict(provenance)))
    return columns


def _codes(records: Records, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edge masks, uint32, and op codes, uint16, (C,) each, of the cells placed on 7 vertices.

    The output of a smaller cell moves to the last vertex; the vertices between are in no edge.
    """
    adjacency, vertices = records.adjacency[order], records.vertices[order]
    placed = adjacency.copy()
    for v in range(2, VERTICES):
        members = np.flatnonzero(vertices == v)
        placed[members, :, v - 1] = 0
        placed[members, :, VERTICES - 1] = adjacency[members, :, v - 1]
    sources, targets = np.transpose(EDGES)
    edges = placed[:, sources, targets].astype(np.uint32) @ (
        1 << np.arange(len(EDGES), dtype=np.uint32)
    )
    ops = records.ops[order].astype(np.uint16) @ (3 ** np.arange(_INTERIOR, dtype=np.uint16))
    return edges.astype(np.uint32), ops.astype(np.uint16)


def _counts(accuracy: np.ndarray) -> np.ndarray:
    """Correct images, uint16; 65535 where the accuracy is NaN."""
    return np.where(np.isnan(accuracy), MISSING, np.rint(accuracy * IMAGES)).astype(np.uint16)
