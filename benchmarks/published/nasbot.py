"""kirthevasank/nasbot (3c745dc, 2019): OTMANN, the kernel, the Gaussian process, acquisition.

What stands in for something else: the solver of the transport problem is SciPy's linear program where
POT (`ot`) is not installed; options and reports are only imported; what is Python 2 (`print`,
`iteritems`, `long`) is read as Python 3. A cell is handed over as a convolutional network of the
published class with two methods replaced: masses are this package's, because cells add where those
networks concatenate; and a network need not obey rules that cells do not (one decision layer at the
end, convolutions after the input, no pooling beside a convolution). `conv1` is a label more, under
the code's own rule. All else, path lengths, mismatch, cost matrix, transport, kernel, posterior, is
the published code.
"""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import dok_matrix

from maade_np.searchers import _acquisition
from maade_np.searchers._distances import TransportDistances
from maade_np.searchers._gaussian_process import GaussianProcess, log_marginal_likelihood
from maade_np.spaces import otmann
from maade_np.spaces.nasbench101 import NUM_CELLS, from_codes, matrix_ops, official_codes
from maade_np.tables import NASBench101

from . import comparing
from .cells import Answers
from .comparing import Row
from .loading import load

CELLS = 40  # all pairs of so many are compared
POINTS, ASKED, WAITING = 60, 40, 3
UNIT = 128**2
LABELS = ("conv3", "conv1", "max-pool")
FILES = {
    "utils.general_utils": "utils/general_utils.py",
    "utils.graph_utils": "utils/graph_utils.py",
    "utils.oper_utils": "utils/oper_utils.py",
    "gp.kernel": "gp/kernel.py",
    "gp.gp_core": "gp/gp_core.py",
    "nn.neural_network": "nn/neural_network.py",
    "nn.nn_comparators": "nn/nn_comparators.py",
    "opt.gpb_acquisitions": "opt/gpb_acquisitions.py",
}
STAND_INS = ("utils.option_handler", "utils.reporters", "utils.direct_fortran.direct")


def transport(supply: np.ndarray, demand: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Solve the transport problem, as `ot.emd` does."""
    n, m = costs.shape
    rows = [np.repeat(np.arange(n) == i, m) for i in range(n)]
    columns = [np.tile(np.arange(m) == j, n) for j in range(m)]
    found = linprog(
        costs.ravel(),
        A_eq=np.array(rows + columns, dtype=float),
        b_eq=np.concatenate([supply, demand]),
    )
    if found.status:
        raise RuntimeError(f"the transport problem was not solved: {found.message}")
    return found.x.reshape(n, m)


class Published:
    """The published modules, and cells as networks of theirs."""

    def __init__(self, directory: Path) -> None:
        given: dict[str, ModuleType] = {}
        if importlib.util.find_spec("ot") is None:
            given["ot"] = ModuleType("ot")
            given["ot"].emd = transport  # type: ignore[attr-defined]
        modules = load(directory, FILES, STAND_INS, given, names={"long": int})
        self.kernel = modules["gp.kernel"].SumOfExpSumOfDistsKernel
        self.process = modules["gp.gp_core"].GP
        self.acquisitions = modules["opt.gpb_acquisitions"]
        self.probabilities = modules["utils.general_utils"].get_exp_probs_from_fitness
        networks, comparators = modules["nn.neural_network"], modules["nn.nn_comparators"]
        labels = [*networks.get_cnn_layer_labels(), "conv1"]
        networks.get_cnn_layer_labels = lambda max_conv_size=7: labels
        self.distance = comparators.get_default_otmann_distance("cnn", 1.0)

        class Network(networks.ConvNeuralNetwork):
            """A cell, with the masses that it is given."""

            def __init__(self, labels: list[str], edges: Any, masses: np.ndarray) -> None:
                self.layer_masses = masses
                nothing = [None] * len(labels)
                super().__init__(labels, edges, nothing, nothing)

            def _child_attrs_topological_sort(self, top_order: list[int]) -> None:
                super()._child_attrs_topological_sort(top_order)
                self.layer_masses = self.layer_masses[top_order]

            def _compute_layer_masses(self) -> None:
                pass

            def _check_if_valid_network(self) -> bool:
                return True

        self._network = Network

    def network(self, layers: otmann.Layers, matrix: np.ndarray, number: int) -> Any:
        """Return a cell as a published network."""
        used = [0, *(1 + np.flatnonzero(layers.mass[:, number])), 6]
        ends = layers.end_mass[number]
        masses = np.array([ends, *layers.mass[:, number], ends])[used] / UNIT
        labels = ["ip", *(LABELS[op] for op in layers.label[:, number]), "op"]
        edges = dok_matrix(matrix[np.ix_(used, used)].astype(float))
        return self._network([labels[v] for v in used], edges, masses)


def distances(published: Published, table: NASBench101) -> list[Row]:
    """Compare OTMANN, d and normalised, of pairs of cells, for the four weights of path lengths."""
    drawn = np.random.default_rng(0).integers(0, NUM_CELLS, CELLS)
    edges, ops = official_codes()
    actions = from_codes(edges[drawn], ops[drawn]).astype(np.int64)
    layers = otmann.cell_layers(drawn)
    matrices = matrix_ops(actions)[0]
    mine = otmann.otmann_distance(actions)
    networks = [published.network(layers, matrices[i], i) for i in range(CELLS)]
    ones = [1.0] * len(otmann.STRUCTURE)
    theirs = published.distance(networks, networks, ones, list(otmann.STRUCTURE), "lp-emd")
    return [
        comparing.difference("OTMANN, distance", theirs[::2], mine[0]),
        comparing.difference("OTMANN, normalised", theirs[1::2], mine[1]),
    ]


class _Reading:
    """Calls the acquisition on fixed candidates, where the published optimiser would search."""

    def __init__(self, candidates: list[np.ndarray]) -> None:
        self._candidates, self.values = candidates, np.empty(0)

    def __call__(self, acquisition: Any, evaluations: int) -> tuple[float, Any]:
        self.values = np.array([acquisition([one])[0] for one in self._candidates])
        best = int(np.argmax(self.values))
        return self.values[best], self._candidates[best]


def process(published: Published, table: NASBench101, answers: Answers) -> list[Row]:
    """Compare kernel, likelihood, posterior and acquisition, given this package's distances."""
    rng = np.random.default_rng(1)
    drawn = table.space.sample(POINTS + ASKED + WAITING, rng)
    points, asked, waiting = np.split(drawn, [POINTS, POINTS + ASKED])
    between = TransportDistances(table.space, otmann.STRUCTURE)
    errors = answers.errors(points)
    results = (np.median(errors) - errors) / errors.std()
    several = between.form.draw(40, rng)
    count = len(otmann.STRUCTURE)

    def listed(a: Any, b: Any) -> list[np.ndarray]:
        return list(between.between(np.array(a), np.array(b)))

    def theirs(hyper: Any) -> Any:
        groups = [[*range(count)], [*range(count, 2 * count)]]
        powers = [1] * count + [2] * count
        kernel = published.kernel(listed, list(hyper.scale), groups, hyper.beta, powers)
        rows = list(points)
        return published.process(
            rows,
            results,
            kernel,
            lambda x: np.zeros(len(x)),
            float(hyper.noise),
            handle_non_psd_kernels="project_first",
        )

    likelihood = log_marginal_likelihood(
        between.form, several, between.between(points, points), results
    )
    one = several.take(int(likelihood.argmax()))
    published_one = theirs(one)
    mine = GaussianProcess.prior(between, one, table.space.size).extended(points)
    mean, sd = mine.predict(asked, results)
    _, narrower = mine.extended(waiting).predict(asked, results)
    found = [published_one.eval([x], "std") for x in asked]
    their_mean, their_sd = np.array(found)[:, :, 0].T
    with_waiting = published_one.eval_with_hallucinated_observations
    their_narrower = [with_waiting([x], list(waiting), "std")[1][0] for x in asked]
    reading = _Reading(list(asked))
    best = float(results.max())
    about = Namespace(
        acq_opt_method="ga", max_evals=ASKED, curr_max_val=best, t=POINTS, evals_in_progress=[]
    )
    published.acquisitions.asy_ei(published_one, reading, about)
    improvement = reading.values
    published.acquisitions.asy_ucb(published_one, reading, about)
    bound = reading.values
    return [
        comparing.difference(
            "kernel",
            published_one.kernel.evaluate_from_dists(listed(asked, points)),
            mine.covariance(asked, points),
        ),
        comparing.difference(
            "likelihoods of hyper-parameters",
            [theirs(several.take(i)).compute_log_marginal_likelihood() for i in range(40)],
            likelihood,
        ),
        comparing.difference("posterior mean", their_mean, mean),
        comparing.difference("posterior standard deviation", their_sd, sd),
        comparing.difference("the same with awaited points", their_narrower, narrower),
        comparing.difference(
            "expected improvement",
            improvement,
            _acquisition.expected_improvement(mean, sd, best),
        ),
        comparing.difference(
            "upper confidence bound", bound, _acquisition.confidence_bound(mean, sd, POINTS)
        ),
        comparing.difference(
            "probabilities of parents",
            published.probabilities(results, scaling_const=2.0),
            _acquisition._selection(results),
        ),
    ]


def compare(directory: Path, table: NASBench101, answers: Answers, trials: int) -> list[Row]:
    """Compare with nasbot."""
    published = Published(directory)
    return [*distances(published, table), *process(published, table, answers)]
