"""The compact file format of NAS-Bench-101 results, ``maade-np/nasbench101/1``.

A NumPy ``.npz`` without pickles, one row a cell, rows in ascending order of the official hash.
Headers are checked when the file is opened; a column is decompressed when it is first needed.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maade_np.files import atomic_write
from maade_np.tables.base import TableError

FORMAT = "maade-np/nasbench101/1"
IMAGES = 9_984  # 39 full batches of 256 of the 10,000 test images
MISSING = 65_535
REPEATS = 3


class Column(NamedTuple):
    """What a key must hold: dtype, and shape in terms of C rows and E training budgets."""

    dtype: str
    shape: tuple[str | int, ...]
    optional: bool = False


COLUMNS = {
    "edges": Column("uint32", ("C",)),
    "ops": Column("uint16", ("C",)),
    "epochs": Column("int16", ("E",)),
    "validation": Column("uint16", ("C", "E", REPEATS)),
    "test": Column("uint16", ("C", "E", REPEATS)),
    "validation_best": Column("uint16", ("C", "E"), optional=True),
    "train": Column("float32", ("C", "E", REPEATS), optional=True),
    "halfway": Column("float32", ("C", "E", REPEATS, 4), optional=True),
    "train_seconds": Column("float32", ("C", "E", REPEATS)),
    "params": Column("uint32", ("C",)),
    "hash": Column("uint8", ("C", 16)),
    "provenance": Column("str", ()),
}

_CORRUPT = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError)
_REMEDY = "use a file in the format of the documentation of NASBench101.load"


def check_header(source: str, headers: Mapping[str, tuple[np.dtype, tuple[int, ...]]]) -> None:
    """Check keys, dtypes and shapes; raises TableError naming source, key, found and expected."""
    missing = [key for key, column in COLUMNS.items() if not (column.optional or key in headers)]
    if missing:
        raise TableError(
            f"{source}: keys {missing} are missing, found {sorted(headers)}: {_REMEDY}"
        )
    for key in headers.keys() & COLUMNS.keys():
        dtype, shape = headers[key]
        expected = COLUMNS[key]
        right = dtype.kind == "U" if expected.dtype == "str" else dtype == expected.dtype
        if not right:
            raise TableError(
                f"{source}: key {key!r} has dtype {dtype}, expected {expected.dtype}: {_REMEDY}"
            )
        if len(shape) != len(expected.shape):
            raise TableError(
                f"{source}: key {key!r} has shape {shape}, expected {_shape_text(expected)}"
            )
    sizes = {"C": headers["edges"][1][0], "E": headers["epochs"][1][0]}
    for key in headers.keys() & COLUMNS.keys():
        shape = tuple(n if isinstance(n, int) else sizes[n] for n in COLUMNS[key].shape)
        if headers[key][1] != shape:
            raise TableError(
                f"{source}: key {key!r} has shape {headers[key][1]}, expected "
                f"{_shape_text(COLUMNS[key])} = {shape}, with C from 'edges' and E from 'epochs'"
            )


class TableFile(Mapping[str, np.ndarray]):
    """A table file as a mapping from key to array, each read when first asked for.

    Raises
    ------
    TableError
        Missing, truncated, no zip archive, pickled, of another format, a wrong dtype or shape,
        or changed on disk between two reads.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise TableError(
                f"{self.path}: there is no such file: check the path (--table, or the "
                "environment variable MAADE_NASBENCH101)"
            )
        self._stamp = self._read_stamp()
        self._arrays: dict[str, np.ndarray] = {}
        headers = self._read_headers()
        if "format" not in headers or headers["format"][0].kind != "U":
            raise TableError(
                f"{self.path}: no text key 'format', found {sorted(headers)}: this is another "
                f"kind of .npz file; {_REMEDY}"
            )
        if (found := str(self._read("format"))) != FORMAT:
            raise TableError(f"{self.path}: format is {found!r}, this version reads {FORMAT!r}")
        check_header(str(self.path), headers)
        self._keys = tuple(key for key in COLUMNS if key in headers)

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._keys:
            raise KeyError(key)
        if key not in self._arrays:
            array = self._read(key)
            check_counts(str(self.path), key, array)
            self._arrays[key] = array
        return self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @cached_property
    def sha256(self) -> str:
        """Of the whole file."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _read_headers(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        headers = {}
        try:
            with zipfile.ZipFile(self.path) as archive:
                for member in archive.namelist():
                    with archive.open(member) as file:
                        read = np.lib.format.read_array_header_1_0
                        if np.lib.format.read_magic(file) != (1, 0):
                            read = np.lib.format.read_array_header_2_0
                        shape, _, dtype = read(file)
                    headers[member.removesuffix(".npy")] = dtype, shape
        except _CORRUPT as error:
            raise self._corrupt(error) from error
        pickled = sorted(key for key, (dtype, _) in headers.items() if dtype.hasobject)
        if pickled:
            raise TableError(
                f"{self.path}: keys {pickled} hold pickled Python objects, which are never "
                f"loaded: {_REMEDY}"
            )
        return headers

    def _read(self, key: str) -> np.ndarray:
        if self._read_stamp() != self._stamp:
            raise TableError(f"{self.path}: the file changed after it was opened: load it again")
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{key}.npy") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        except _CORRUPT as error:
            raise self._corrupt(error) from error

    def _read_stamp(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._corrupt(error) from error
        return status.st_size, status.st_mtime_ns

    def _corrupt(self, error: Exception) -> TableError:
        return TableError(
            f"{self.path}: not a readable .npz file ({type(error).__name__}: {error}): it may be "
            "truncated or damaged; copy or make it again"
        )


def check_counts(source: str, key: str, counts: np.ndarray) -> None:
    """Check that image counts are at most 9,984 or missing."""
    if key not in ("validation", "validation_best", "test"):
        return
    shifted = counts + np.uint16(1)  # a missing one wraps round to 0: one comparison does
    if (wrong := shifted > IMAGES + 1).any():
        place = np.argwhere(wrong)[0].tolist()
        raise TableError(
            f"{source}: {key}{place} is {counts[tuple(place)]}, expected a count of at most "
            f"{IMAGES} images, or {MISSING} for a missing one"
        )


def save_columns(path: str | os.PathLike[str], columns: Mapping[str, np.ndarray]) -> None:
    """Write the columns in the format, atomically."""
    arrays = {key: columns[key] for key in COLUMNS if key in columns}
    with atomic_write(path) as file:
        np.savez_compressed(file, format=np.array(FORMAT), **arrays)  # type: ignore[arg-type]


def _shape_text(column: Column) -> str:
    return "(" + ", ".join(map(str, column.shape)) + ("," if len(column.shape) == 1 else "") + ")"
