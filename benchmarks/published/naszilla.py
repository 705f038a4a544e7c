"""naszilla/naszilla, at any commit near 7e65491 (2022) and at 4922703 (February 2020).

What stands in for something else: TensorFlow, PyTorch, the other benchmarks and Bayesian optimisation
are only imported; `nasbench` is `maade_np.compat.nasbench` on the table; what a cell's losses are is
answered by the table's mean test error, for the noise-free protocol. All else is the published code.
"""

# ruff: noqa: NPY002 - published code draws from NumPy's global generator
from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np

import maade_np as mn
from maade_np.compat.nasbench import api
from maade_np.searchers._ensemble import Ensemble
from maade_np.searchers.local_search import neighbours
from maade_np.spaces import encodings
from maade_np.spaces.mutation import mutate
from maade_np.tables import NASBench101

from . import comparing
from .cells import Answers, spec, strings
from .comparing import Row
from .loading import load

QUERIES = 150
DRAWS = 20_000
CHILDREN = 5_000
ENCODED = 2_000
ARCHIVES = 60
CHOICES = 5_000
NETWORKS = 5
EVOLUTIONS = 3  # as often as others: it costs least, and differs most from seed to seed
_PREFIX = "naszilla.nas_bench_101."
CURRENT = {
    f"{_PREFIX}distances": "naszilla/nas_bench_101/distances.py",
    f"{_PREFIX}sample_random": "naszilla/nas_bench_101/sample_random.py",
    f"{_PREFIX}encodings": "naszilla/nas_bench_101/encodings.py",
    f"{_PREFIX}mutations": "naszilla/nas_bench_101/mutations.py",
    f"{_PREFIX}cell_101": "naszilla/nas_bench_101/cell_101.py",
    "naszilla.acquisition_functions": "naszilla/acquisition_functions.py",
    "naszilla.nas_benchmarks": "naszilla/nas_benchmarks.py",
    "naszilla.nas_algorithms": "naszilla/nas_algorithms.py",
}
CURRENT_STAND_INS = (
    "torch",
    "tensorflow",
    "nas_201_api",
    "nasbench301",
    "naszilla.nas_bench_201.cell_201",
    "naszilla.nas_bench_301.cell_301",
    "naszilla.meta_neural_net",
    "naszilla.bo.bo.probo",
    "naszilla.gcn.model",
    "naszilla.gcn.train_gcn",
)
OF_2020 = {
    "nas_bench.cell": "nas_bench/cell.py",
    "data": "data.py",
    "acquisition_functions": "acquisition_functions.py",
    "nas_algorithms": "nas_algorithms.py",
}
OF_2020_STAND_INS = ("tensorflow", "darts.arch", "meta_neural_net", "bo.bo.probo")


class Counting:
    """A data set that counts how often it is asked whether a cell is valid."""

    def __init__(self, nasbench: api.NASBench) -> None:
        self._nasbench, self.asked = nasbench, 0

    def is_valid(self, model: Any) -> bool:
        self.asked += 1
        return self._nasbench.is_valid(model)


class Trained:
    """What stands in for a Keras network of BANANAS: a member of this package's ensemble.

    The five that are fitted one after the other to the same examples are fitted at once.
    """

    count = 0
    ensemble: Ensemble
    rng = np.random.default_rng(0)

    def fit(self, inputs: np.ndarray, losses: np.ndarray, **settings: Any) -> float:
        self._member = Trained.count % NETWORKS
        Trained.count += 1
        if not self._member:
            widths = (inputs.shape[1], *[20] * 10, 1)
            Trained.ensemble = Ensemble(NETWORKS, widths, Trained.rng, beta2=0.99)
            Trained.ensemble.fit(inputs, losses, 150, 32, Trained.rng)
        return 0.0

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return Trained.ensemble.predict(inputs)[self._member]


class Published:
    """A version of naszilla on a table: `algorithms`, and a search `space` to hand to them."""

    def __init__(self, table: NASBench101, answers: Answers) -> None:
        self.nasbench = Counting(api.NASBench(table, seed=0))
        self.answers = answers
        self.algorithms: ModuleType
        self.space: Any
        self.cell: Any
        self.identity: str  # the method of the space that says which cell one is

    def _load(self, directory: Path, files: Any, stand_ins: Any) -> dict[str, ModuleType]:
        nasbench = ModuleType("nasbench")
        nasbench.api = api  # type: ignore[attr-defined]
        given = {"nasbench": nasbench, "nasbench.api": api}
        return load(directory, files, stand_ins, given)

    def _answer(self) -> None:
        """Let every loss of a cell be the table's mean test error."""
        answers = self.answers

        def error(self: Any, *args: Any, **kwargs: Any) -> float:
            return answers.error(self.matrix, self.ops)

        self.cell.get_val_loss = self.cell.get_test_loss = error
        self.cell.get_num_params = lambda self, nasbench: 1

    def run(self, name: str, seed: int, **settings: Any) -> float:
        """Search, and return the lowest error of the first 150 queries."""
        random.seed(seed)
        np.random.seed(seed)
        search = getattr(self.algorithms, f"{name}_search")
        data = search(self.space, total_queries=QUERIES, verbose=0, **settings)
        return float(self.best(data))

    def know_cells(self) -> None:
        """Let a cell be known by its isomorphism class, as it is here."""
        setattr(
            self.space, self.identity, lambda arch: self.answers.cell(arch["matrix"], arch["ops"])
        )

    def know_paths(self) -> None:
        """Let a cell be known by its set of paths, as published."""
        vars(self.space).pop(self.identity, None)

    def bananas(self, seed: int) -> float:
        """Search by BANANAS, with this package's networks."""
        random.seed(seed)
        np.random.seed(seed)
        Trained.count, Trained.rng = 0, np.random.default_rng(seed)
        self.algorithms.MetaNeuralnet = Trained
        settings = {**self.networks, "total_queries": QUERIES, "verbose": 0}
        return float(self.best(self.algorithms.bananas(self.space, **settings)))

    def best(self, data: Any) -> float:
        """Return the lowest error of the first 150 queries, by naszilla's own count."""
        raise NotImplementedError

    def specs(self, data: Any) -> list[dict[str, Any]]:
        """Return the cells of some evaluations."""
        raise NotImplementedError


class Current(Published):
    """naszilla as it is now."""

    preset, bananas_preset, identity = "naszilla", "published", "get_hash"
    networks: ClassVar = {
        "metann_params": {"ensemble_params": [{}] * NETWORKS},
        "loss": "test_loss",
    }

    def __init__(self, directory: Path, table: NASBench101, answers: Answers) -> None:
        super().__init__(table, answers)
        modules = self._load(directory, CURRENT, CURRENT_STAND_INS)
        self.algorithms = modules["naszilla.nas_algorithms"]
        self.cell = modules[f"{_PREFIX}cell_101"].Cell101
        self.acquisition = modules["naszilla.acquisition_functions"].acq_fn
        self._answer()
        cls = modules["naszilla.nas_benchmarks"].Nasbench101
        self.space = cls.__new__(cls)  # its constructor reads the official file
        self.space.nasbench, self.space.index_hash = self.nasbench, None
        self.space.dataset, self.space.mf = "cifar10", False

    def best(self, data: Any) -> float:
        results = self.algorithms.compute_best_test_losses(data, 10, QUERIES, "test_loss")[0]
        return results[-1][1]

    def specs(self, data: Any) -> list[dict[str, Any]]:
        return [evaluated["spec"] for evaluated in data]

    def random_spec(self) -> dict[str, Any]:
        return self.cell.random_cell(self.nasbench, "adj")

    def archive(self, actions: np.ndarray) -> list[dict[str, Any]]:
        """Return evaluations as `get_candidates` takes them."""
        return [self.space.query_arch(spec(row)) for row in actions]


class Of2020(Published):
    """naszilla as it was when the ReMAADE paper was written."""

    preset, bananas_preset, identity = "naszilla-2020", "published-2020", "get_path_indices"
    networks: ClassVar = {"metann_params": {}}

    def __init__(self, directory: Path, table: NASBench101, answers: Answers) -> None:
        super().__init__(table, answers)
        modules = self._load(directory, OF_2020, OF_2020_STAND_INS)
        self.algorithms = modules["nas_algorithms"]
        self.cell = modules["nas_bench.cell"].Cell
        self._answer()
        cls = modules["data"].Data
        self.space = cls.__new__(cls)
        self.space.search_space, self.space.nasbench = "nasbench", self.nasbench

    def best(self, data: Any) -> float:
        return self.algorithms.compute_best_test_losses(data, 10, QUERIES)[-1][1]

    def specs(self, data: Any) -> list[dict[str, Any]]:
        return [evaluated[0] for evaluated in data]

    def random_spec(self) -> dict[str, Any]:
        return self.cell.random_cell(self.nasbench)

    def archive(self, actions: np.ndarray) -> list[Any]:
        return [self.space.query_arch(spec(row)) for row in actions]


def ours(table: NASBench101, name: str, seed: int, **settings: Any) -> float:
    """Search with the package, and return the lowest error of 150 queries."""
    searcher = mn.searchers.create(name, table.space, seed=seed, **settings)
    result = mn.search(searcher, table, budget=QUERIES, protocol="test-mean")
    return 100 * (1 - result.best.mean_test)


class Wanted(NamedTuple):
    """Searches to compare: naszilla's function, ours, our settings, how many, by which identity."""

    published: str
    ours: str
    settings: dict[str, str]
    trials: int
    by_cell: bool = False
    what: str = ""


def searches(published: Published, table: NASBench101, wanted: Sequence[Wanted]) -> list[Row]:
    """Compare whole searches."""
    rows = []
    for one in wanted:
        if one.by_cell:
            published.know_cells()
        theirs = [published.run(one.published, seed) for seed in range(one.trials)]
        published.know_paths()
        mine = [ours(table, one.ours, seed, **one.settings) for seed in range(one.trials)]
        what = f"{one.ours}{one.what}: lowest error (%), {QUERIES} queries"
        rows.append(comparing.means(what, theirs, mine))
    return rows


def uniform_draws(published: Published, table: NASBench101) -> Row:
    """Compare the errors of the cells of uniform draws."""
    np.random.seed(0)
    theirs = published.answers.errors(strings(published.random_spec() for _ in range(DRAWS)))
    mine = published.answers.errors(table.space.sample(DRAWS, np.random.default_rng(0)))
    return comparing.distribution(
        "uniform draws: the error of the cell", theirs.tolist(), mine.tolist()
    )


def children(published: Published, table: NASBench101) -> list[Row]:
    """Compare mutants of five cells: what changes, which cell it is, how many are valid."""
    rng = np.random.default_rng(1)
    random.seed(1)
    np.random.seed(1)
    changes: list[list[Any]] = [[], []]
    found: list[list[Any]] = [[], []]
    edges: list[list[Any]] = [[], []]
    valid: list[list[bool]] = [[], []]
    for number, parent in enumerate(table.space.sample(5, rng)):
        cell, parents = published.cell(**spec(parent)), np.tile(parent, (CHILDREN, 1))
        published.nasbench.asked = 0
        theirs = strings(cell.mutate(published.nasbench) for _ in range(CHILDREN))
        refused = published.nasbench.asked - CHILDREN
        valid[0] += [True] * CHILDREN + [False] * refused
        drawn = mutate(table.space, parents, rng, published.preset, valid=False)
        valid[1] += table.space.is_valid(drawn).tolist()
        mine = mutate(table.space, parents, rng, published.preset)
        for side, born in enumerate((theirs, mine)):
            differ = born != parent
            counts = zip(differ[:, :21].sum(axis=1), differ[:, 21:].sum(axis=1), strict=True)
            changes[side] += [(number, int(e), int(o)) for e, o in counts]
            found[side] += [(number, c) for c in table.space.identity(born).tolist()]
            edges[side] += [(number, e) for e in published.answers.edges(born)]
    return [
        comparing.means("share of mutants that are valid", *valid),
        comparing.distribution("children: changed edges and operations", *changes),
        comparing.distribution("children: edges in use", *edges),
        comparing.distribution("children: the cell", *found),
    ]


def evaluated(published: Published, seed: int, count: int = 50) -> np.ndarray:
    """Return the first strings of a published evolution."""
    random.seed(seed)
    np.random.seed(seed)
    data = published.algorithms.evolution_search(
        published.space, total_queries=count - 1, verbose=0
    )
    return strings(published.specs(data))


def candidates(published: Published, table: NASBench101) -> list[Row]:
    """Compare what BANANAS chooses among, after the same 50 evaluations each."""
    figures: dict[str, list[list[float]]] = {}
    for seed in range(1000, 1000 + ARCHIVES):
        actions = evaluated(published, seed)
        archive = published.archive(actions)
        np.random.seed(seed)
        found = published.space.get_candidates(archive)
        theirs = strings(published.specs(found))
        searcher = mn.searchers.create(
            "bananas", table.space, seed=seed, preset=published.bananas_preset
        )
        searcher.observe(actions, 1 - published.answers.errors(actions) / 100)
        mine = searcher.candidates()
        known = set(map(_paths(published), actions))
        for side, drawn in enumerate((theirs, mine)):
            paths = set(map(_paths(published), drawn)) - known
            errors = published.answers.errors(drawn)
            for name, value in (
                ("sets of paths among them", len(paths)),
                ("edges in use", np.mean(published.answers.edges(drawn))),
                ("their mean error (%)", errors.mean()),
                ("their lowest error (%)", errors.min()),
            ):
                figures.setdefault(name, [[], []])[side].append(float(value))
    return [
        comparing.means(f"candidates: {name}", *both, paired=True) for name, both in figures.items()
    ]


def _paths(published: Published) -> Any:
    def paths(actions: np.ndarray) -> tuple[int, ...]:
        return tuple(sorted(published.cell(**spec(actions)).get_path_indices()))

    return paths


def path_encodings(published: Published, table: NASBench101) -> Row:
    """Compare all 364 entries of cells' path encodings."""
    drawn = table.space.sample(ENCODED, np.random.default_rng(2))
    mine = encodings.path_encoding(drawn)
    same = []
    for row, encoding in zip(drawn, mine, strict=True):
        cell = published.cell(**spec(row))
        theirs = cell.encode("path") if published.preset == "naszilla" else cell.encode_paths()
        same.append(np.array_equal(theirs, encoding))
    return comparing.equal("path encodings, 364 entries", same)


def neighbourhoods(published: Current, table: NASBench101) -> Row:
    """Compare the sets of cells that are one change away."""
    same = []
    for row in table.space.sample(300, np.random.default_rng(3)):
        around = published.cell(**spec(row)).get_neighborhood(published.nasbench)
        theirs = set(table.space.identity(strings(around)).tolist()) if around else set()
        mine = set(table.space.identity(neighbours(table.space, row)).tolist()) - {-1}
        own = set(table.space.identity(row[None]).tolist())
        same.append(theirs - own == mine - own)
    return comparing.equal("neighbourhoods, as sets of other cells", same)


def distances(published: Current, table: NASBench101) -> list[Row]:
    """Compare the distances of the GP-BO, which NASBOT here has as variants."""
    drawn = table.space.sample(60, np.random.default_rng(4))
    cells = [published.cell(**spec(row)) for row in drawn]
    rows = []
    for kind, name, function in (
        ("adj", "edit distances", encodings.edit_distance),
        ("nasbot", "simplified distances", encodings.nasbot_distance),
    ):
        theirs = np.array([[a.distance(b, kind) for b in cells] for a in cells])
        rows.append(comparing.equal(name, (theirs == function(drawn)).ravel()))
    return rows


def acquisition(published: Current, table: NASBench101) -> list[Row]:
    """Compare the choice among 20 candidates, given the networks' predictions."""
    rng = np.random.default_rng(5)
    dummy = table.space.sample(20, rng)
    order: list[bool] = []
    chosen: list[list[int]] = [[], []]
    for kind in ("ucb", "mean", "its"):
        asked = mn.searchers.create("bananas", table.space, preset="published", acquisition=kind)
        for _ in range(100 if kind != "its" else 1):
            predictions = rng.normal(6, 1, (5, 20))
            asked._predictions = lambda _, found=predictions: found
            if kind == "its":
                np.random.seed(5)
                for _ in range(CHOICES):
                    chosen[0].append(int(published.acquisition(predictions)[0]))
                    chosen[1].append(int(asked.acquisition(dummy).argmin()))
                continue
            theirs = published.acquisition(predictions, explore_type=kind)
            order.append(np.array_equal(theirs, np.argsort(asked.acquisition(dummy))))
    return [
        comparing.equal("order of candidates by ucb and by mean, given predictions", order),
        comparing.distribution("choice by its, given predictions", *chosen),
    ]


def bananas(published: Published, table: NASBench101, trials: int) -> list[Row]:
    """Compare whole searches by BANANAS, both with this package's networks."""
    preset = published.bananas_preset
    mine = [ours(table, "bananas", seed, preset=preset) for seed in range(trials)]
    rows = []
    for known, said in (
        (published.know_cells, "cells"),
        (published.know_paths, "sets of paths there"),
    ):
        known()
        what = f"bananas, known by {said}, networks of this package"
        theirs = [published.bananas(seed) for seed in range(trials)]
        rows.append(comparing.means(f"{what}: lowest error (%), {QUERIES} queries", theirs, mine))
    return rows


def compare(directory: Path, table: NASBench101, answers: Answers, trials: int) -> list[Row]:
    """Compare with naszilla as it is now."""
    published = Current(directory, table, answers)
    climb = Wanted("local", "local-search", {}, trials)
    wanted = (
        Wanted("random", "random", {"duplicates": "skip"}, trials),
        climb._replace(by_cell=True, what=", known by cells"),
        climb._replace(what=", known by sets of paths there"),
        Wanted("evolution", "evolution", {"preset": "naszilla"}, EVOLUTIONS * trials),
    )
    return [
        *searches(published, table, wanted),
        uniform_draws(published, table),
        neighbourhoods(published, table),
        *children(published, table),
        path_encodings(published, table),
        *candidates(published, table),
        *acquisition(published, table),
        *distances(published, table),
    ]


def compare_2020(directory: Path, table: NASBench101, answers: Answers, trials: int) -> list[Row]:
    """Compare with naszilla of February 2020."""
    published = Of2020(directory, table, answers)
    settings = {"preset": "naszilla-2020"}
    wanted = [Wanted("evolution", "evolution", settings, EVOLUTIONS * trials)]
    return [
        *searches(published, table, wanted),
        *children(published, table),
        path_encodings(published, table),
        *candidates(published, table),
    ]


def compare_bananas(
    directory: Path, table: NASBench101, answers: Answers, trials: int
) -> list[Row]:
    """Compare searches by BANANAS with naszilla as it is now."""
    return bananas(Current(directory, table, answers), table, max(2, trials // 10))


def compare_bananas_2020(
    directory: Path, table: NASBench101, answers: Answers, trials: int
) -> list[Row]:
    """Compare searches by BANANAS with naszilla of February 2020."""
    return bananas(Of2020(directory, table, answers), table, max(2, trials // 10))
