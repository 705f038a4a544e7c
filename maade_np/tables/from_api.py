"""A table from an object of the `nasbench` package, for those who have it loaded already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from maade_np.spaces.nasbench101 import INPUT, OPS, OUTPUT, VERTICES
from maade_np.tables._format import IMAGES, REPEATS
from maade_np.tables.base import TableError
from maade_np.tables.tfrecord import Records, to_columns

POINTS = ("halfway", "final")
METRICS = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
NAMES = tuple(f"{point}_{metric}" for point in POINTS for metric in METRICS)

_figures_of = itemgetter(*NAMES)
_OP_NUMBER = {name: number for number, name in enumerate(OPS)}
_CELLS_A_REPORT = 4096
_COUNT_TOLERANCE = 0.01  # of an image: accuracies are float32 sums, off by some 3e-4 of one


def columns_from_api(
    api: Any,
    progress: Callable[[int, int], object] | None = None,
    everything: bool = False,
) -> dict[str, np.ndarray]:
    """The columns of a compact table from a `nasbench.api.NASBench` object.

    Parameters
    ----------
    api : nasbench.api.NASBench
        Any object with its `fixed_statistics` and `computed_statistics`. Nothing is drawn from
        it and its budget counters stay as they are.
    progress : callable, optional
        Called now and then with the cells done and their total.
    everything : bool
        Also the optional columns ``train`` and ``halfway`` (see `to_columns`).

    Returns
    -------
    dict
        See `NASBench101.load`; rows ascend by hash. The key of each cell is taken to be its
        hash: `NASBench101` checks some of them, ``maade-np table verify`` all.

    Raises
    ------
    TableError
        An object of another kind, or a cell that is malformed or incomplete: named by its hash,
        with what was found.
    """
    fixed, computed = (
        getattr(api, name, None) for name in ("fixed_statistics", "computed_statistics")
    )
    if not isinstance(fixed, Mapping) or not isinstance(computed, Mapping):
        raise TableError(
            f"{type(api).__name__} object: expected an instance of nasbench.api.NASBench, with "
            "the dictionaries fixed_statistics and computed_statistics"
        )
    if not fixed:
        raise TableError("the nasbench object holds no cells: load a file with it first")
    epochs = _budgets(computed)
    records = Records(
        hash=np.zeros((len(fixed), 16), np.uint8),
        vertices=np.zeros(len(fixed), np.uint8),
        adjacency=np.zeros((len(fixed), VERTICES, VERTICES), np.int8),
        ops=np.zeros((len(fixed), VERTICES - 2), np.int8),
        epochs=np.array(epochs, np.int16),
        params=np.zeros(len(fixed), np.uint32),
        metrics=np.zeros((len(fixed), len(epochs), REPEATS, len(POINTS), len(METRICS))),
    )
    for row, (module_hash, entry) in enumerate(fixed.items()):
        try:
            records.hash[row] = _digest(module_hash)
            _fill_cell(records, row, entry)
            records.metrics[row] = _runs(computed[module_hash], epochs)
        except TableError as error:
            raise TableError(f"cell {module_hash!r}: {error}") from error
        except KeyError as error:
            raise TableError(f"cell {module_hash!r}: there is no entry {error}") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise TableError(f"cell {module_hash!r}: {type(error).__name__}: {error}") from error
        if progress is not None and ((row + 1) % _CELLS_A_REPORT == 0 or row + 1 == len(fixed)):
            progress(row + 1, len(fixed))
    _check_range(records)
    keys = ("train_seconds", "validation", "test") + ("train", "halfway") * everything
    provenance = {
        "source": f"an object {type(api).__module__}.{type(api).__qualname__}",
        "single_runs": {key: list(range(REPEATS)) for key in keys},
    }
    return to_columns(records, provenance, everything)


def _budgets(computed: Mapping[str, Any]) -> list[int]:
    """The training budgets of the first cell, ascending; every other cell must have them too."""
    first = next(iter(computed.values()), None)
    if not isinstance(first, Mapping) or not first:
        raise TableError("computed_statistics has no training budgets for its first cell")
    wrong = [e for e in first if not isinstance(e, int | np.integer) or not 0 < e < 2**15]
    if wrong:
        raise TableError(f"computed_statistics has the training budget {wrong[0]!r}")
    return sorted(map(int, first))


def _digest(module_hash: Any) -> np.ndarray:
    try:
        digest = bytes.fromhex(module_hash)
    except (TypeError, ValueError):
        digest = b""
    if digest.hex() != module_hash or len(digest) != 16:
        raise TableError("its key is no module hash of 32 lower-case hexadecimal digits")
    return np.frombuffer(digest, np.uint8)


def _fill_cell(records: Records, row: int, entry: Mapping[str, Any]) -> None:
    matrix, ops = np.asarray(entry["module_adjacency"]), list(entry["module_operations"])
    count = len(ops)
    if not 2 <= count <= VERTICES or matrix.shape != (count, count):
        raise TableError(f"module_adjacency has shape {matrix.shape}, with {count} operations")
    if not np.isin(matrix, (0, 1)).all() or np.tril(matrix).any():
        raise TableError(f"module_adjacency is no upper triangle of 0 and 1: {matrix.tolist()}")
    unknown = [op for op in ops[1:-1] if op not in _OP_NUMBER]
    if unknown or (ops[0], ops[-1]) != (INPUT, OUTPUT):
        raise TableError(f"module_operations is {ops}, expected input, some of {OPS}, output")
    parameters = entry["trainable_parameters"]
    if not isinstance(parameters, int | np.integer) or not 0 < parameters < 2**32:
        raise TableError(f"trainable_parameters is {parameters!r}")
    records.vertices[row] = count
    records.adjacency[row, :count, :count] = matrix
    records.ops[row, : count - 2] = [_OP_NUMBER[op] for op in ops[1:-1]]
    records.params[row] = parameters


def _runs(computed: Mapping[int, Any], epochs: list[int]) -> np.ndarray:
    """All metrics of a cell, float64 (E, 3, 2, 4)."""
    if sorted(computed) != epochs:
        raise TableError(f"it has results at {sorted(computed)} epochs, other cells at {epochs}")
    repeats = [len(computed[budget]) for budget in epochs]
    if set(repeats) != {REPEATS}:
        raise TableError(f"it has {repeats} repeats at {epochs} epochs, expected {REPEATS} at each")
    figures = [_figures_of(run) for budget in epochs for run in computed[budget]]
    return np.array(figures, np.float64).reshape(len(epochs), REPEATS, len(POINTS), len(METRICS))


def _check_range(records: Records) -> None:
    limit = np.array([np.inf, 1.0, 1.0, 1.0])
    right = np.isfinite(records.metrics) & (records.metrics >= 0) & (records.metrics <= limit)
    with np.errstate(invalid="ignore", over="ignore"):
        images = records.metrics[..., 2:] * IMAGES
        right[..., 2:] &= np.abs(images - np.rint(images)) <= _COUNT_TOLERANCE
    if not right.all():
        row, budget, repeat, point, metric = np.argwhere(~right)[0].tolist()
        raise TableError(
            f"cell {records.hash[row].tobytes().hex()!r}: {POINTS[point]}_{METRICS[metric]} of "
            f"repeat {repeat} at {records.epochs[budget]} epochs is "
            f"{records.metrics[row, budget, repeat, point, metric]}, expected seconds of 0 or more, "
            f"or an accuracy in [0, 1], on validation and test a multiple of 1/{IMAGES}"
        )
