"""linnanwang/AlphaX-NASBench101 (87eb0d4, 2020): the search tree, roll-outs, and network inputs.

What stands in for something else: Keras and jsonpickle are only imported; the authors' file of
accuracies is answered by the table; the meta-network, by a fixed function of its inputs. The classes
of `MCTS_metaDNN.py` and `arch_generator.py` are the published code; the script itself, which
searches without end from a seed of the clock, does not run.

The published search chooses among equally good actions by `numpy.random.choice`. Here it is told
what this package's tree chose, if its own bound of that action is the highest up to rounding.
"""

# ruff: noqa: NPY002 - published code draws from NumPy's global generator
from __future__ import annotations

import collections
import contextlib
import io
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from maade_np.searchers._building import CellBuilding, completions, finished
from maade_np.searchers._tree import Tree
from maade_np.spaces.nasbench101 import OPS, from_matrix, matrix_ops
from maade_np.tables import NASBench101

from . import comparing
from .cells import Answers
from .comparing import Row
from .loading import load

NODES = 2_500
ROLLOUTS = 1_100
SIMULATIONS = 10  # of a node, beside the roll-out that is evaluated
ENCODED = 500
MAX_NODES = 6  # as published
ROUNDING = 1e-9
FILES = {
    "arch_generator": "arch_generator.py",
    "net_predictor": "net_predictor.py",
    "MCTS_metaDNN": "MCTS_metaDNN.py",
}
STAND_INS = (
    "jsonpickle",
    "net_training",
    "keras.layers",
    "keras.layers.convolutional",
    "keras.layers.normalization",
    "keras.models",
    "keras.optimizers",
)
# cells from which roll-outs start: operations between input and output, and edges
STARTS: tuple[tuple[tuple[str, ...], tuple[tuple[int, int], ...]], ...] = (
    ((), ()),
    ((OPS[0], OPS[2]), ((0, 1), (1, 3))),
    ((OPS[1], OPS[0], OPS[0]), ((0, 1), (0, 2), (1, 4), (2, 3), (3, 4))),
)


class Done(Exception):  # noqa: N818 - nothing went wrong
    """The tree has its nodes."""


class Accuracies:
    """The authors' file: accuracies of cells, written as JSON, that use all their vertices."""

    def __init__(self, building: CellBuilding, answers: Answers) -> None:
        self._building, self._answers = building, answers

    def _state(self, text: str) -> np.ndarray:
        network = json.loads(text)
        return as_state(network)

    def __contains__(self, text: str) -> bool:
        return bool(self._building.accepts(self._state(text)[None])[0])

    def __getitem__(self, text: str) -> float:
        return 1 - float(self._answers.errors(self._state(text)[None, :-2])[0]) / 100


def as_state(network: dict[str, Any]) -> np.ndarray:
    """Return a published state as this package's tree has it."""
    nodes = [node for node in network["node_list"] if node != "term"]
    stopped = nodes != network["node_list"]
    actions = from_matrix(network["adj_mat"], nodes)
    return np.array([*actions, len(nodes), int(stopped)], dtype=np.int64)


def as_network(actions: np.ndarray, count: int) -> dict[str, Any]:
    """Return a string as the published code has its cell of so many vertices."""
    kept = [*range(count - 1), 6]
    matrix, ops = matrix_ops(actions[None])
    nodes = ["input", *(OPS[op] for op in ops[0][: count - 2]), "output"]
    return collections.OrderedDict(adj_mat=matrix[0][np.ix_(kept, kept)].tolist(), node_list=nodes)


class Choosing:
    """NumPy as the published module sees it, but for `random.choice`."""

    def __init__(self, choice: Any) -> None:
        self.random = type("random", (), {"choice": staticmethod(choice)})

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


class Published:
    """The published classes, with a tree that starts at the root."""

    def __init__(self, directory: Path, answers: Answers, building: CellBuilding) -> None:
        modules = load(directory, FILES, STAND_INS, scripts=("MCTS_metaDNN",))
        self.module = modules["MCTS_metaDNN"]
        self.encode = modules["net_predictor"].predict_encoder
        self.tree = self.module.MCTS.__new__(self.module.MCTS)  # its constructor reads a file
        self.tree.nodes = collections.OrderedDict()
        self.tree.dangling_nodes = collections.OrderedDict()
        self.tree.trained_networks = {}
        self.tree.arch_gen = modules["arch_generator"].arch_generator()
        known = Accuracies(building, answers)
        self.tree.net_trainer = _Trainer(known)
        self.tree.net_predictor = _Predictor()


class _Trainer:
    """Looks accuracies up, as the published one does; counts nothing."""

    def __init__(self, known: Accuracies) -> None:
        self.traing_mem, self.counter = known, 0
        self.training_trace: dict[str, float] = {}

    def train_net(self, network: Any) -> tuple[float, bool]:
        text = json.dumps(network, sort_keys=True)
        self.training_trace[text] = accuracy = self.traing_mem[text]
        return accuracy, False

    def print_best_traces(self) -> None:
        pass


class _Predictor:
    """A fixed function in place of the meta-network."""

    def predict(self, network: Any) -> float:
        return 0.9 + 0.01 * len(network["node_list"]) / 7

    def env_train(self, networks: Any) -> None:
        pass


class _Tracked(Tree):
    """A tree that notes which nodes it has gone down from."""

    def __init__(self, building: CellBuilding, exploration: float) -> None:
        super().__init__(building, exploration)
        self.way: list[int] = []

    def _children(self, node: int) -> list[bytes]:
        self.way.append(node)
        return super()._children(node)


def trees(published: Published, building: CellBuilding) -> list[Row]:
    """Let both trees grow by the same choices, and compare actions, visits and values."""
    mine, rng = _Tracked(building, exploration=2.0), np.random.default_rng(0)
    theirs = published.tree
    path: list[int] = []  # the way of this package's tree, as far as it is still to be gone
    last = 0  # where it ends
    legal: list[bool] = []
    best: list[bool] = []

    def settle() -> None:
        """Bring this package's tree the value that the published one found."""
        value = float(theirs.nodes[_text(mine.states[last])].get_xbar())
        if value > 0:
            mine.visit(last)
            mine.settle(last, value)
        else:
            mine.miss(last, new=not mine.visits[last])

    def descend() -> None:
        nonlocal last
        mine.way.clear()
        last, _ = mine.descend(0.0, 1.0, rng)
        path[:] = [*mine.way, last]

    def choice(options: Any, *size: int) -> Any:
        if not size:  # an action of a roll-out
            return options[rng.integers(len(options))]
        state, actions = theirs.get_state(), theirs.get_actions()
        if _text(building.root()) == json.dumps(state, sort_keys=True):
            settle()
            if len(mine) >= NODES:
                raise Done
            descend()
        networks = [theirs.arch_gen.get_next_network(state, action) for action in actions]
        bounds = {_key(n): (theirs.UCT(n), i) for i, n in enumerate(networks) if n is not None}
        legal.append(bounds.keys() == set(mine._children(path.pop(0))))
        bound, index = bounds[mine.states[path[0]].tobytes()]
        highest = max(bound for bound, _ in bounds.values())
        best.append(bound == highest or bound > highest - ROUNDING)
        return [index]

    def simulation(start: Any) -> Any:
        found = completions(building, as_state(start), 1, rng)
        if not len(found):
            return None
        network = as_network(found[0], int(building._vertices(found)[0]))
        network["node_list"].append("term")
        return network

    descend()  # to the root
    published.module.np = Choosing(choice)
    theirs.simulation = simulation
    with _quiet(), contextlib.suppress(Done):
        theirs.reset_to_root()
        theirs.search()
    published.module.np = np
    del theirs.simulation
    nodes = [theirs.nodes[_text(state)] for state in mine.states]
    values = [mine.mean(node, 0.0, 1.0, 0.0) for node in range(len(mine))]
    return [
        comparing.equal("tree: sets of legal actions", legal),
        comparing.equal("tree: what is chosen here is the published best", best),
        comparing.equal("tree: visits of nodes", np.equal([n.get_n() for n in nodes], mine.visits)),
        comparing.difference("tree: values of nodes", [n.get_xbar() for n in nodes], values),
    ]


def _key(network: dict[str, Any]) -> bytes:
    return as_state(network).tobytes()


def _text(state: np.ndarray) -> str:
    network = as_network(state[:-2], int(state[-2]))
    if finished(state):
        network["node_list"].append("term")
    return json.dumps(network, sort_keys=True)


@contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def rollouts(published: Published, building: CellBuilding) -> list[Row]:
    """Compare which cells random completions end in, as many at a time as a node has."""
    np.random.seed(1)
    rng = np.random.default_rng(1)
    ends: list[list[Any]] = [[], []]
    smallest: list[list[bool]] = [[], []]  # of those from the root
    for number, (ops, edges) in enumerate(STARTS):
        count = len(ops) + 2
        matrix = np.zeros((count, count), dtype=int)
        matrix[tuple(np.array(edges, dtype=int).reshape(-1, 2).T)] = 1
        nodes = ["input", *ops, "output"]
        start = collections.OrderedDict(adj_mat=matrix.tolist(), node_list=nodes)
        with _quiet():
            found = [published.tree.simulation(start) for _ in range(ROLLOUTS)]
        theirs = np.array([as_state(network)[:-2] for network in found])
        state, of_a_node = as_state(start), 1 + SIMULATIONS
        calls = range(0, ROLLOUTS, of_a_node)
        mine = np.concatenate([completions(building, state, of_a_node, rng) for _ in calls])
        for side, actions in enumerate((theirs, mine)):
            ends[side] += [(number, c) for c in building._space.identity(actions).tolist()]
            if not ops:
                smallest[side] += (building._vertices(actions) == 2).tolist()
    return [
        comparing.means("roll-outs from the root: share of the smallest cell", *smallest),
        comparing.distribution("roll-outs: the cell", *ends),
    ]


def inputs(published: Published, building: CellBuilding) -> Row:
    """Compare the 56 inputs of the meta-network."""
    rng = np.random.default_rng(2)
    drawn = completions(building, building.root(), ENCODED, rng)
    mine = building.encode(drawn)
    counts = building._vertices(drawn)
    theirs = [
        published.encode(as_network(row, int(count)))
        for row, count in zip(drawn, counts, strict=True)
    ]
    same = [np.array_equal(a, b) for a, b in zip(theirs, mine, strict=True)]
    return comparing.equal("inputs of the meta-network, 56 entries", same)


def compare(directory: Path, table: NASBench101, answers: Answers, trials: int) -> list[Row]:
    """Compare with AlphaX-NASBench101."""
    random.seed(0)
    building = CellBuilding(table.space, MAX_NODES, whole=True)
    published = Published(directory, answers, building)
    return [
        *trees(published, building),
        *rollouts(published, building),
        inputs(published, building),
    ]
