"""The official file as a table in the compact format."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from maade_np.tables._format import save_columns
from maade_np.tables._frames import Progress
from maade_np.tables.base import TableError
from maade_np.tables.download import FILES
from maade_np.tables.nasbench101 import NASBench101
from maade_np.tables.tfrecord import Records, read_records, to_columns


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    everything: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read an official ``.tfrecord`` file and write it as an ``.npz`` table, atomically.

    Parameters
    ----------
    source, target : path-like
    everything : bool
        Also keep the final train accuracy and all half-way metrics (see `to_columns`).
    overwrite : bool
        Replace `target` where it exists.
    progress : callable, optional
        Called as ``progress(done_bytes, total_bytes)``.

    Returns
    -------
    dict
        ``cells``, ``rows``, ``epochs``, ``missing`` (by budget, how many repeats the file lacks),
        ``official`` (which published file it is by its SHA-256, or None), ``sha256`` (of the
        source) and ``bytes`` (of the target).

    Raises
    ------
    TableError
        As `read_records` and `NASBench101`, `target` exists, or it cannot be written.
    """
    source, target = Path(source), Path(target)
    if target.suffix != ".npz":
        raise TableError(f"{target}: a table's name ends in .npz")
    if target.exists() and not overwrite:
        raise TableError(f"{target}: the file exists: remove it, or allow it to be overwritten")
    if not target.parent.is_dir():
        raise TableError(f"{target}: there is no folder {target.parent}: create it first")
    records = read_records(source, progress)
    with open(source, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    official = next((known.name for known in FILES.values() if known.sha256 == sha256), None)
    summary = _summary(records) | {"official": official, "sha256": sha256}
    provenance = {
        "source": f"NAS-Bench-101 (Ying et al., 2019, Apache-2.0), from {source.name}",
        "sha256": sha256,
        "official": official,
    }
    columns = to_columns(records, provenance, everything)
    del records
    NASBench101(columns, name=str(source))  # its checks: isomorphic rows, hashes of a sample
    try:
        save_columns(target, columns)
    except OSError as error:
        raise TableError(f"{target}: cannot be written ({error}); nothing was left") from error
    return summary | {"bytes": target.stat().st_size}


def _summary(records: Records) -> dict[str, Any]:
    known = ~np.isnan(records.metrics[..., 0, 0])
    missing = (~known).sum(axis=(0, 2)).tolist()
    epochs = records.epochs.tolist()
    return {
        "cells": len(records.hash),
        "rows": int(known.sum()),
        "epochs": epochs,
        "missing": {e: n for e, n in zip(epochs, missing, strict=True) if n},
    }
