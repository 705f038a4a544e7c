"""automl/nas_benchmarks (1b09906, 2019): regularized evolution on NASCifar10A.

What stands in for something else: ConfigSpace's two classes, in a dozen lines; `nasbench` is
`maade_np.compat.nasbench`; the data set answers with the table's mean test error, for the noise-free
protocol. The functions of `run_regularized_evolution.py` and the objective of `nas_cifar10.py`
are the published code; the script itself does not run.
"""

# ruff: noqa: NPY002 - published code draws from NumPy's global generator
from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import maade_np as mn
from maade_np.compat.nasbench import api
from maade_np.compat.nasbench.lib import graph_util
from maade_np.tables import NASBench101

from . import comparing
from .cells import Answers
from .comparing import Row
from .loading import load

BUDGETS = (150, 500)
FILES = {
    "nas_cifar10": "tabular_benchmarks/nas_cifar10.py",
    "run": "experiment_scripts/run_regularized_evolution.py",
}


class CategoricalHyperparameter:
    """ConfigSpace's, as far as it is used."""

    def __init__(self, name: str, choices: list[Any]) -> None:
        self.name, self.choices = name, choices


class ConfigurationSpace:
    """ConfigSpace's, as far as it is used: a configuration is a dict of uniform draws."""

    def __init__(self) -> None:
        self._hyperparameters: list[CategoricalHyperparameter] = []

    def add_hyperparameter(self, hyperparameter: CategoricalHyperparameter) -> None:
        self._hyperparameters.append(hyperparameter)

    def get_hyperparameters(self) -> list[CategoricalHyperparameter]:
        return self._hyperparameters

    def sample_configuration(self) -> dict[str, Any]:
        return {h.name: random.choice(h.choices) for h in self._hyperparameters}


class Enough(Exception):  # noqa: N818 - nothing went wrong
    """All queries are spent."""


class DataSet:
    """What the objective asks of `nasbench`, answered without noise."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.errors: list[float] = []

    def query(self, model: Any, epochs: int = 108) -> dict[str, float]:
        """Return the mean test accuracy of a valid cell, as its validation accuracy."""
        if len(self.errors) == max(BUDGETS):
            raise Enough
        cell = self._answers.cell(model.original_matrix, model.original_ops)
        if cell < 0:
            raise api.OutOfDomainError
        error = self._answers.error(model.original_matrix, model.original_ops)
        self.errors.append(error)
        return {"validation_accuracy": 1 - error / 100, "training_time": 1.0}

    def get_metrics_from_spec(self, model: Any) -> tuple[Any, Any]:
        """Return what the objective's log of test errors reads, which nobody looks at."""
        return None, {108: [{"final_test_accuracy": 0.0}] * 3}


class Published:
    """The published functions, under their rule of what is invalid or under this package's."""

    def __init__(self, directory: Path, answers: Answers) -> None:
        config_space = ModuleType("ConfigSpace")
        config_space.__dict__.update(
            ConfigurationSpace=ConfigurationSpace,
            CategoricalHyperparameter=CategoricalHyperparameter,
            OrdinalHyperparameter=type("OrdinalHyperparameter", (), {}),
        )
        nasbench, lib = ModuleType("nasbench"), ModuleType("nasbench.lib")
        nasbench.api, lib.graph_util = api, graph_util  # type: ignore[attr-defined]
        given = {
            "ConfigSpace": config_space,
            "nasbench": nasbench,
            "nasbench.api": api,
            "nasbench.lib": lib,
            "nasbench.lib.graph_util": graph_util,
        }
        modules = load(directory, FILES, ("tabular_benchmarks",), given, scripts=("run",))
        self._answers, self._functions = answers, modules["run"]
        self._module = modules["nas_cifar10"]

    def errors(self, seed: int, pruned: bool) -> list[float]:
        """Return the errors of the first valid cells of a search.

        Parameters
        ----------
        pruned : bool
            Whether edges are counted after pruning, as here, or before, as published.
        """
        random.seed(seed)
        np.random.seed(seed)
        cls = self._module.NASCifar10A
        benchmark = cls.__new__(cls)  # its constructor reads the official file
        benchmark.dataset, benchmark.multi_fidelity = DataSet(self._answers), True
        benchmark.reset_tracker()
        self._module.MAX_EDGES = 21 if pruned else 9
        self._functions.b = benchmark
        self._functions.cs = cls.get_configuration_space()
        with suppress(Enough):
            self._functions.regularized_evolution(10**6, population_size=100, sample_size=10)
        return benchmark.dataset.errors


def ours(table: NASBench101, seed: int) -> np.ndarray:
    """Return the errors of the cells that the package's search asks for."""
    searcher = mn.searchers.create("evolution", table.space, seed=seed, preset="nas-benchmarks")
    result = mn.search(searcher, table, budget=max(BUDGETS), protocol="test-mean")
    return 100 * (1 - result.history.signal)


def compare(directory: Path, table: NASBench101, answers: Answers, trials: int) -> list[Row]:
    """Compare searches with automl/nas_benchmarks."""
    trials = max(2, trials // 2)
    published = Published(directory, answers)
    mine = [ours(table, seed) for seed in range(trials)]
    rows = []
    for pruned, said in ((True, "validity as here"), (False, "validity as published")):
        theirs = [published.errors(seed, pruned) for seed in range(trials)]
        for budget in BUDGETS:
            rows.append(
                comparing.means(
                    f"evolution, {said}: lowest error (%), {budget} queries",
                    [min(errors[:budget]) for errors in theirs],
                    [errors[:budget].min() for errors in mine],
                )
            )
    return rows
