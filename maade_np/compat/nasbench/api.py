"""The programming interface of NAS-Bench-101, as ``nasbench.api`` offers it.

Names, arguments and results are the original's (Ying et al., 2019, and `nasbench/api.py`).
What differs:

- Python's global random numbers are neither seeded nor drawn from.
- What is outside the search space is an `OutOfDomainError`, whatever is wrong with it, and so
  is a matrix with entries other than 0 and 1 (the original fails to find such a cell).
- A matrix of floats or booleans is the cell that it looks like.
- The statistics are read only, and made when they are looked at.
- What a file does not hold is a `NotInTableError` (a `KeyError`) that says so by name.
- `evaluate`, which trains a network with TensorFlow, is not offered.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, KeysView
from typing import Any, NoReturn

import numpy as np

from maade_np.compat.nasbench._sources import RecordsSource, SingleRuns, Source, TableSource
from maade_np.compat.nasbench._statistics import (
    ComputedStatistics,
    FixedStatistics,
    NotInTableError,
    Partial,
    drawn_run,
)
from maade_np.compat.nasbench.lib import config
from maade_np.compat.nasbench.lib.model_spec import ModelSpec
from maade_np.tables import NASBench101, TableError
from maade_np.tables.tfrecord import read_records

__all__ = ["ModelSpec", "NASBench", "NotInTableError", "OutOfDomainError"]


class OutOfDomainError(Exception):
    """A cell or a training budget outside the search space."""


class NASBench:
    """The data set, asked one cell at a time.

    Parameters
    ----------
    dataset_file : path-like or NASBench101
        The official ``.tfrecord`` file, whose values are given exactly; or a compact ``.npz``
        table or a table already loaded, whose accuracies are counts out of 9,984.
    seed : int, optional
        For which run a query draws: two objects with the same seed, asked for the same cells
        in the same order, answer the same. None draws from the system's entropy.
    progress : callable, optional
        Called with the bytes read and their total while a ``.tfrecord`` is read.
    single_runs : mapping of str to sequence of int, optional
        Which repeats are single training runs, for a compact table whose provenance does not
        say so: columns "train_seconds", "train", "validation", "test", "halfway", repeats 0 to
        2. For example ``{"test": [0]}``.

    Attributes
    ----------
    kind : "real" or "surrogate"
        Whether the figures were measured, or made by a model that a table holds.
    config : dict
        See `lib.config.build_config`.
    fixed_statistics : mapping
        Hash -> dict of "module_adjacency" (int8 (V, V)), "module_operations" (list of str) and
        "trainable_parameters" (int).
    computed_statistics : mapping
        Hash -> epochs -> list of three runs -> dict of ``halfway_`` and ``final_`` followed by
        "training_time" (seconds), "train_accuracy", "validation_accuracy" and "test_accuracy".
    valid_epochs : set of int
        The training budgets that the file has.
    total_epochs_spent : int
        The epochs of all queries since the counters were reset.

    Raises
    ------
    TableError
        A file that is missing, damaged or of another kind.

    Examples
    --------
    >>> nasbench = NASBench("nasbench_only108.tfrecord", seed=0)  # doctest: +SKIP
    >>> spec = ModelSpec([[0, 1], [0, 0]], ["input", "output"])
    >>> nasbench.query(spec)["validation_accuracy"]  # doctest: +SKIP
    """

    def __init__(
        self,
        dataset_file: str | os.PathLike[str] | NASBench101,
        seed: int | None = None,
        *,
        progress: Callable[[int, int], object] | None = None,
        single_runs: SingleRuns | None = None,
    ) -> None:
        self.config = config.build_config()
        self._random = random.Random(seed)
        self._source = _open(dataset_file, progress, single_runs)
        self.kind = self._source.kind
        self.fixed_statistics = FixedStatistics(self._source)
        self.computed_statistics = ComputedStatistics(self._source)
        self.valid_epochs = set(self._source.budgets)
        self.history: dict[str, Any] = {}
        self.reset_budget_counters()

    def query(
        self, model_spec: ModelSpec, epochs: int = 108, stop_halfway: bool = False
    ) -> dict[str, Any]:
        """One training run of a cell, drawn at random from its three, charged to the counters.

        Parameters
        ----------
        model_spec : ModelSpec
        epochs : int
            Training budget, one of `valid_epochs`.
        stop_halfway : bool
            Metrics after half the epochs of a run of that budget, and half of it charged.

        Returns
        -------
        dict
            "module_adjacency", "module_operations", "trainable_parameters", "training_time"
            (seconds), "train_accuracy", "validation_accuracy" and "test_accuracy", all of the
            same run. A metric that the file does not hold of all three runs is not in it, and
            looking it up raises `NotInTableError`.

        Raises
        ------
        OutOfDomainError
            A cell outside the search space, or a training budget that the file lacks.
        NotInTableError
            A cell that the file lacks.
        """
        if epochs not in self.valid_epochs:
            raise OutOfDomainError(
                f"{epochs!r} epochs are no training budget of {self._source.name}: it has "
                f"{sorted(self.valid_epochs)}"
            )
        self._check_spec(model_spec)
        module_hash = self._hash_spec(model_spec)
        fixed = self.fixed_statistics[module_hash]
        repeat = self._random.randint(0, self.config["num_repeats"] - 1)
        point = "halfway" if stop_halfway else "final"
        run = drawn_run(self._source, module_hash, int(epochs), point, repeat)
        self._seconds_spent += run.get("training_time", np.nan)
        self.total_epochs_spent += int(epochs) // 2 if stop_halfway else int(epochs)
        return run.merged_into(fixed) if isinstance(run, Partial) else fixed | run

    def is_valid(self, model_spec: ModelSpec) -> bool:
        """Whether a cell is in the search space; not charged."""
        try:
            self._check_spec(model_spec)
        except OutOfDomainError:
            return False
        return True

    @property
    def training_time_spent(self) -> float:
        """Simulated training seconds of all queries since the counters were reset.

        Raises
        ------
        NotInTableError
            The file does not hold the training time of every query made.
        """
        if np.isnan(self._seconds_spent):
            raise NotInTableError(
                f"the training time spent is unknown: {self._source.name} does not hold "
                "training_time of all the runs that were queried. Count epochs "
                "(total_epochs_spent) or queries instead, or open the official .tfrecord file"
            )
        return self._seconds_spent

    @training_time_spent.setter
    def training_time_spent(self, seconds: float) -> None:
        self._seconds_spent = seconds

    def get_budget_counters(self) -> tuple[float, int]:
        """`training_time_spent` and `total_epochs_spent`."""
        return self.training_time_spent, self.total_epochs_spent

    def reset_budget_counters(self) -> None:
        """Set both counters to 0."""
        self._seconds_spent = 0.0
        self.total_epochs_spent = 0

    def evaluate(self, model_spec: ModelSpec, model_dir: str) -> NoReturn:
        """Not offered: the original trains the cell with TensorFlow 1 here."""
        raise NotImplementedError(
            "evaluate trains a network, which this package does not do: query answers from the "
            "data set; to train cells use the original nasbench package"
        )

    def hash_iterator(self) -> KeysView[str]:
        """The module hashes of all cells, in the file's order."""
        return self.fixed_statistics.keys()

    def get_metrics_from_hash(
        self, module_hash: str
    ) -> tuple[dict[str, Any], dict[int, list[dict[str, float]]]]:
        """All that is known of a cell, for analysis: not charged.

        Returns
        -------
        fixed, computed : dict
            As in `fixed_statistics` and `computed_statistics`; copies.

        Raises
        ------
        NotInTableError
            No cell of the file has that hash.
        """
        return self.fixed_statistics[module_hash], self.computed_statistics[module_hash]

    def get_metrics_from_spec(
        self, model_spec: ModelSpec
    ) -> tuple[dict[str, Any], dict[int, list[dict[str, float]]]]:
        """All that is known of a cell, see `get_metrics_from_hash`.

        Raises
        ------
        OutOfDomainError
            A cell outside the search space.
        NotInTableError
            A cell that the file lacks.
        """
        self._check_spec(model_spec)
        return self.get_metrics_from_hash(self._hash_spec(model_spec))

    def _check_spec(self, model_spec: ModelSpec) -> None:
        """Raise `OutOfDomainError` where a cell, after pruning, is outside the search space."""
        if not hasattr(model_spec, "valid_spec"):
            raise TypeError(f"expected a ModelSpec, got {type(model_spec).__name__}")
        matrix, ops = model_spec.matrix, model_spec.ops
        if not model_spec.valid_spec or matrix is None or ops is None:
            raise OutOfDomainError(
                "the cell is not connected: no path leads from its input to its output"
            )
        limits = self.config
        if len(ops) > limits["module_vertices"]:
            raise OutOfDomainError(
                f"the cell has {len(ops)} vertices, pruned; at most {limits['module_vertices']} "
                "are in the search space"
            )
        if not ((matrix == 0) | (matrix == 1)).all():
            raise OutOfDomainError("the matrix has entries other than 0 and 1")
        if (edges := int(np.sum(matrix))) > limits["max_edges"]:
            raise OutOfDomainError(
                f"the cell has {edges} edges, pruned; at most {limits['max_edges']} are in the "
                "search space"
            )
        for place, expected in ((0, "input"), (-1, "output")):
            if ops[place] != expected:
                raise OutOfDomainError(f"ops[{place}] is {ops[place]!r}, expected {expected!r}")
        for op in ops[1:-1]:
            if op not in limits["available_ops"]:
                raise OutOfDomainError(
                    f"operation {op!r} is not in the search space: {limits['available_ops']}"
                )

    def _hash_spec(self, model_spec: ModelSpec) -> str:
        """The module hash of a cell that was checked."""
        return model_spec.hash_spec(self.config["available_ops"])


def _open(
    dataset: str | os.PathLike[str] | NASBench101,
    progress: Callable[[int, int], object] | None,
    single_runs: SingleRuns | None,
) -> Source:
    if isinstance(dataset, NASBench101):
        return TableSource(dataset, single_runs)
    path = os.fspath(dataset)
    if path.endswith(".npz"):
        return TableSource(NASBench101.load(path), single_runs)
    if single_runs is not None:
        raise TableError(f"{path}: single_runs is for .npz tables; this file holds single runs")
    return RecordsSource(read_records(path, progress), path)
