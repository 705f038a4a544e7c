"""The surrogate as a table of NAS-Bench-101 like any other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from maade_np.files import cached
from maade_np.spaces._isomorphism import NUM_CELLS, isomorphism_index
from maade_np.spaces.nasbench101 import cell_digests
from maade_np.tables._format import COLUMNS, save_columns
from maade_np.tables._surrogate_noise import BUDGETS
from maade_np.tables.nasbench101 import NASBench101
from maade_np.tables.surrogate import model_version, surrogate_columns

_MODELLED = ("validation", "test", "train_seconds", "params")


class Surrogate(NASBench101):
    """A table of all cells whose columns a model computed; see `NASBench101.surrogate`.

    Rows are in the order of class numbers. `save` writes them in the order of the format, and what
    it writes says in its provenance that it comes from the surrogate.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(done, total)`` while the columns are computed.
    """

    def __init__(self, progress: Callable[[int, int], object] | None = None) -> None:
        super().__init__(_SurrogateColumns(progress))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table in the format, atomically."""
        by_hash = np.lexsort(self.column("hash").T[::-1])
        columns = {
            key: self.column(key)[by_hash] if COLUMNS[key].shape[:1] == ("C",) else self.column(key)
            for key in self._columns
        }
        save_columns(path, columns)

    def describe(self) -> dict[str, Any]:
        """See `Table.describe`; with the version of the model."""
        return super().describe() | {"model": model_version()}

    def _index_rows(self, source: str) -> np.ndarray:
        return np.arange(NUM_CELLS, dtype=np.int32)


class _SurrogateColumns(Mapping[str, np.ndarray]):
    """The columns of the format, rows by class number; hashes are computed when asked for."""

    def __init__(self, progress: Callable[[int, int], object] | None) -> None:
        index = isomorphism_index()
        provenance = {
            "kind": "surrogate",
            "source": f"surrogate of maade_np, model {model_version()}: a regression fitted to real "
            "results, with modelled repeats; nothing here was measured",
            "single_runs": {"validation": [0, 1, 2], "test": [0, 1, 2], "train_seconds": [0, 1, 2]},
        }
        name = f"nasbench101-surrogate-{model_version()}"

        def share_done(share: float) -> None:
            if progress is not None:
                progress(round(1000 * share), 1000)

        modelled = cached(name, lambda: surrogate_columns(share_done), _accept)
        self._arrays: dict[str, np.ndarray] = {
            "edges": index.edges,
            "ops": index.ops.astype(np.uint16),
            "epochs": np.array(BUDGETS, dtype=np.int16),
            "provenance": np.array(json.dumps(provenance)),
            **modelled,
        }

    def __getitem__(self, key: str) -> np.ndarray:
        if key == "hash" and key not in self._arrays:
            self._arrays[key] = cell_digests()
        return self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter([*(key for key in self._arrays if key != "hash"), "hash"])

    def __len__(self) -> int:
        return len(list(iter(self)))


def _accept(arrays: Mapping[str, np.ndarray]) -> bool:
    sizes = {"C": NUM_CELLS, "E": len(BUDGETS)}
    return set(arrays) == set(_MODELLED) and all(
        arrays[key].dtype == COLUMNS[key].dtype
        and arrays[key].shape == tuple(sizes.get(str(n), n) for n in COLUMNS[key].shape)
        for key in _MODELLED
    )
