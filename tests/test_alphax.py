"""AlphaX: actions and roll-outs against a walk taken step by step, bounds and back-ups by hand."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from maade_np.checkpoints import load_state, save_state
from maade_np.searchers._building import (
    CellBuilding,
    StringBuilding,
    completions,
    finished,
    string,
)
from maade_np.searchers._tree import Tree, uct
from maade_np.searchers.alphax import PUBLISHED, SMALL, AlphaX, AlphaXSettings
from maade_np.spaces import CategoricalSpace, NASBench101Space
from maade_np.spaces.nasbench101 import EDGES, from_matrix, matrix_ops

CELLS = NASBench101Space()
QUICK = replace(SMALL, hidden="8-8", fit_every=10)


def reward(actions):
    return 0.5 + (actions * np.linspace(0.1, 1, actions.shape[1])).sum(axis=1) / 100


def drive(searcher, rounds):
    asked = []
    for _ in range(rounds):
        proposals = searcher.ask()
        searcher.tell(proposals, reward(proposals.actions))
        asked.append(proposals.actions)
    return np.concatenate(asked)


# ------------------------------------------------- building cells, against networks as AlphaX has them


def network(state):
    """A state as AlphaX writes it: matrix of the vertices there are, operations between the ends."""
    count = int(state[-2])
    kept = [*range(count - 1), 6]
    matrix = matrix_ops(state[None])[0][0][np.ix_(kept, kept)]
    return matrix, state[len(EDGES) : len(EDGES) + count - 2].tolist()


def as_state(matrix, ops, stopped=False):
    return np.array([*from_matrix(matrix, ops), len(matrix), int(stopped)])


def legal_networks(matrix, ops, max_nodes):
    count = len(matrix)
    if count < max_nodes:
        for op in range(3):
            yield as_state(np.zeros((count + 1, count + 1), dtype=int), [*ops, op])
    for i, j in combinations(range(count), 2):
        if not matrix[i, j] and matrix.sum() < 9:
            more = matrix.copy()
            more[i, j] = 1
            yield as_state(more, ops)
    yield as_state(matrix, ops, stopped=True)


@pytest.mark.parametrize("max_nodes", [2, 4, 7])
def test_actions(max_nodes):
    building, rng = CellBuilding(CELLS, max_nodes, True), np.random.default_rng(max_nodes)
    state = building.root()
    reached = set()
    for _ in range(400):
        found = building.next_states(state)
        expected = {s.tobytes() for s in legal_networks(*network(state), max_nodes)}
        assert {s.tobytes() for s in found} == expected
        assert len(found) == len(expected)
        reached.add(int(state[-2]))
        state = found[rng.integers(len(found))]
        if finished(state):
            state = building.root()
    assert max(reached) == max_nodes


def walk(building, state, rng, max_nodes):
    """One roll-out, action by action; None where an illegal action was drawn."""
    while True:
        matrix, ops = network(state)
        count = len(matrix)
        absent = [(i, j) for i, j in combinations(range(count), 2) if not matrix[i, j]]
        k = int(rng.integers(3 + len(absent) + 1))
        if k == 3 + len(absent):
            return as_state(matrix, ops, stopped=True)
        if k < 3:
            if count == max_nodes:
                return None
            state = as_state(np.zeros((count + 1, count + 1), dtype=int), [*ops, k])
        else:
            if matrix.sum() == 9:
                return None
            matrix[absent[k - 3]] = 1
            state = as_state(matrix, ops)


@pytest.mark.parametrize(
    ("start", "ops", "max_nodes"),
    [
        ([(0, 1)], [], 4),
        ([(0, 1), (1, 2), (0, 3), (1, 4)], [0, 2, 1], 5),
        ([(0, 1), (0, 2), (0, 3), (0, 4), (1, 4), (2, 4), (3, 4), (1, 2)], [0, 0, 1], 6),
    ],
)
def test_rollouts_have_the_distribution_of_a_walk_step_by_step(start, ops, max_nodes):
    building, rng = CellBuilding(CELLS, max_nodes, True), np.random.default_rng(0)
    matrix = np.zeros((len(ops) + 2, len(ops) + 2), dtype=int)
    for edge in start:
        matrix[edge] = 1
    state, n = as_state(matrix, ops), 1200
    slow = [walk(building, state, rng, max_nodes) for _ in range(n)]
    fast = building.complete(state, 20 * n, rng)
    for statistic in (
        lambda s: (s[-2], s[: len(EDGES)].sum()),
        lambda s: tuple(s[len(EDGES) : len(EDGES) + 5]),
        lambda s: (s[-2], s[5], s[-3 - 5 - 1]),
    ):
        a = Counter(statistic(s) for s in slow if s is not None)
        b = Counter(statistic(s) for s in fast)
        arrived = sum(a.values())
        assert arrived / n == pytest.approx(len(fast) / 20 / n, abs=4 * 0.5 / n**0.5)
        for key in a.keys() | b.keys():
            p = b[key] / len(fast)
            sd = math.sqrt(max(p * (1 - p), 1 / n) / arrived)
            assert a[key] / arrived == pytest.approx(p, abs=4.5 * sd), key


def test_rollouts_of_three_vertices_have_exact_probabilities():
    # with m free edges an edge is drawn with m / (m + 4), the end with 1 / (m + 4)
    building, n = CellBuilding(CELLS, 3, True), 200_000
    start = as_state(np.zeros((3, 3), dtype=int), [1])
    edges = building.complete(start, n, np.random.default_rng(0))[:, [0, 5, 10]]
    each = [1 / 7, 3 / 7 / 6 / 3, 3 / 7 * 2 / 6 / 5 / 3, 3 / 7 * 2 / 6 / 5 / 4]
    for chosen in np.ndindex(2, 2, 2):
        p = each[sum(chosen)]
        share = (edges == chosen).all(axis=1).sum() / n
        assert share == pytest.approx(p, abs=5 * math.sqrt(p / n)), chosen


@pytest.mark.parametrize("whole", [False, True])
def test_rollouts_end_in_acceptable_cells(whole):
    searcher = AlphaX(CELLS, replace(QUICK, cells="whole" if whole else "valid"), seed=0)
    rng = np.random.default_rng(1)
    for _ in range(30):
        state = searcher.building.root()
        for _ in range(rng.integers(20)):
            state = searcher.building.next_states(state)[:-1][rng.integers(1, 3)]
            if len(searcher.building.next_states(state)) < 4:
                break
        strings = completions(searcher.building, state, 11, rng)
        assert CELLS.is_valid(strings).all()
        for chosen in strings if whole else ():
            matrix = matrix_ops(chosen[None])[0][0]
            used = matrix.any(axis=0)[1:6]
            assert (used == matrix.any(axis=1)[1:6]).all()
            assert (np.diff(used.astype(int)) <= 0).all()  # those in use stand first
    walks = searcher.building.complete(searcher.building.root(), 500, rng)
    assert len(walks)
    assert all(map(finished, walks))


def test_the_first_completion_is_as_fair_as_all():
    """Walks stop at different times; those that stop early must not come first."""
    building = AlphaX(CELLS, QUICK, seed=0).building
    rng = np.random.default_rng(3)
    root = building.root()
    first = np.concatenate([completions(building, root, 1, rng) for _ in range(400)])
    many = completions(building, root, 4000, rng)
    share = [(found[:, :21].sum(axis=1) == 1).mean() for found in (first, many)]
    assert share[0] == pytest.approx(share[1], abs=4 * (0.25 / 400) ** 0.5)


def test_which_cells_count_as_whole():
    whole, valid = CellBuilding(CELLS, 7, True), CellBuilding(CELLS, 7, False)
    line = np.diag(np.ones(3, dtype=int), 1)
    loose = np.zeros((4, 4), dtype=int)
    loose[0, 1] = loose[1, 3] = 1  # vertex 2 is joined to nothing, its operation is 0
    states = np.array([as_state(line, [0, 2]), as_state(loose, [1, 0]), as_state(0 * line, [0, 0])])
    assert whole.accepts(states).tolist() == [True, False, False]
    assert valid.accepts(states).tolist() == [True, True, False]


def test_the_meta_networks_inputs():
    matrix = np.array([[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    (inputs,) = CellBuilding(CELLS, 7, True).encode(from_matrix(matrix, [1, 2])[None])
    assert inputs.shape == (56,)
    np.testing.assert_array_equal(inputs[:16], matrix.ravel())
    assert not inputs[16:49].any()
    assert inputs[49:].tolist() == [2, 3, 4, 9, 9, 9, 9]  # input, conv1x1, maxpool, nothing


def test_building_strings_of_any_space(mixed_space):
    building = StringBuilding(mixed_space)
    level = building.root()[None]
    for place in range(4):
        assert not any(map(finished, level))
        level = np.concatenate([building.next_states(state) for state in level])
        assert len(level) == np.prod(mixed_space.cardinalities[: place + 1])
    assert all(map(finished, level))
    assert sorted(mixed_space.identity(level[:, :4])) == list(range(24))
    state = building.next_states(building.root())[1]
    walks = building.complete(state, 500, np.random.default_rng(0))
    assert all(map(finished, walks))
    assert set(mixed_space.identity(walks[:, :4])) == set(range(12, 24))
    np.testing.assert_array_equal(
        building.encode(np.array([[1, 2, 0, 3]])).nonzero()[1], [1, 4, 5, 9]
    )


# -------------------------------------------------------------------------------------- the tree


def test_the_bound_by_hand():
    found = uct(np.array([0.5, 0.9]), np.array([1, 3]), 4, 2.0)
    np.testing.assert_allclose(
        found, [0.5 + 4 * math.sqrt(2 * math.log(4)), 0.9 + 4 * math.sqrt(2 * math.log(4) / 3)]
    )


def test_descents_and_backups_by_hand():
    space = CategoricalSpace(["a", "b"], [2, 2])
    tree = Tree(StringBuilding(space), exploration=0.1)
    rng = np.random.default_rng(0)

    def descend():
        node, new = tree.descend(0.0, 1.0, rng)
        return string(tree.states[node]).tolist(), tree.states[node][-2], node, new

    def mean(node):
        return tree.mean(node, 0.0, 1.0, -1.0)

    root = descend()
    assert root[2:] == (0, True)
    tree.visit(0)
    tree.settle(0, 0.4)
    first = descend()
    tree.visit(first[2])
    tree.settle(first[2], 0.2)
    second = descend()
    assert {first[0][0], second[0][0]} == {0, 1}
    assert first[1] == second[1] == 1
    tree.visit(second[2])
    assert mean(second[2]) == -1.0  # under way: not known
    assert mean(0) == pytest.approx((0.4 + 0.2) / 2)
    assert tree.visits[0] == 3
    tree.settle(second[2], 0.9)
    assert mean(0) == pytest.approx((0.4 + 0.2 + 0.9) / 3)
    np.testing.assert_allclose(
        tree.bounds(0, [first[2], second[2]], 0.0, 1.0),
        [0.2 + 0.2 * math.sqrt(2 * math.log(3)), 0.9 + 0.2 * math.sqrt(2 * math.log(3))],
    )
    third = descend()  # the better child, then one of its finished states
    assert third[1] == 2
    assert tree.parents[third[2]] == second[2]
    tree.miss(third[2], new=True)  # stays with the node
    assert mean(third[2]) == 0
    assert tree.visits[second[2]] == 1
    tree.miss(third[2], new=False)  # goes up as 0
    assert mean(second[2]) == pytest.approx(0.45)
    assert mean(0) == pytest.approx(1.5 / 4)
    # what counts is where a value stands in the range
    assert tree.mean(first[2], 0.1, 0.5, -1.0) == pytest.approx(0.2)


def test_a_state_reached_in_two_ways_is_one_node():
    searcher = AlphaX(CELLS, replace(QUICK, max_nodes=3, exploration=5.0), seed=0)
    drive(searcher, 25)
    keys = [state.tobytes() for state in searcher.tree.states]
    assert len(set(keys)) == len(keys)
    triangles = [s for s in searcher.tree.states if s[-2] == 3 and s[: len(EDGES)].sum() == 2]
    assert triangles


def test_counts_add_up():
    searcher = AlphaX(CELLS, QUICK, seed=0)
    drive(searcher, 60)
    tree = searcher.tree
    assert not any(tree.waiting)
    assert tree.parents[0] == -1
    assert all(parent < node for node, parent in enumerate(tree.parents))
    for node in range(len(tree)):
        below = [k for k, parent in enumerate(tree.parents) if parent == node]
        assert tree.valued[node] >= sum(tree.valued[k] for k in below)
        assert tree.visits[node] >= tree.valued[node]
    assert tree.visits[0] > tree.valued[0] >= 60  # descents to a refused state found nothing


# ------------------------------------------------------------------------------------ the search


def test_a_nodes_value_is_half_evaluation_half_simulation():
    searcher = AlphaX(CELLS, replace(QUICK, simulations=4), seed=3)
    proposals = searcher.ask()
    (visit,) = searcher._visits
    assert visit["simulated"].shape == (4, CELLS.size)
    searcher.network.predict = lambda inputs: np.full((1, len(inputs)), 0.3)
    cells = CELLS.identity(visit["simulated"])
    own = CELLS.identity(proposals.actions)[0]
    simulated = np.where(cells == own, 0.8, 0.3).mean()
    searcher.tell(proposals, [0.8])
    assert searcher.tree.mean(0, 0.0, 1.0, 0.0) == pytest.approx((0.8 + simulated) / 2)


def test_finished_states_are_evaluated_themselves():
    space = CategoricalSpace(["a"], [4])
    searcher = AlphaX(space, replace(QUICK, duplicates="charge", simulations=0), seed=0)
    drive(searcher, 40)
    for state, total, valued in zip(
        searcher.tree.states, searcher.tree.totals, searcher.tree.valued, strict=True
    ):
        if finished(state):
            assert total == pytest.approx(valued * reward(string(state)[None])[0])


def test_terminals_that_may_not_be_evaluated_score_nothing():
    searcher = AlphaX(CELLS, QUICK, seed=0)
    drive(searcher, 60)
    states = np.array(searcher.tree.states)
    refused = (states[:, -1] == 1) & ~searcher.building.accepts(states)
    assert refused.any()
    assert not np.array(searcher.tree.valued)[refused].any()


def test_known_cells_cost_nothing_unless_charged():
    cells = CELLS.identity(drive(AlphaX(CELLS, QUICK, seed=0), 40))
    assert len(set(cells.tolist())) == 40
    charged = CELLS.identity(drive(AlphaX(CELLS, replace(QUICK, duplicates="charge"), seed=0), 40))
    assert len(set(charged.tolist())) < 40


@pytest.mark.parametrize("cells", ["whole", "valid"])
def test_the_network_is_trained_when_due(cells):
    searcher = AlphaX(CELLS, replace(QUICK, cells=cells, fit_every=7), seed=0)
    trained = []
    for _ in range(22):
        before = searcher.network.parameters.copy()
        drive(searcher, 1)
        trained.append((searcher.network.parameters != before).any())
    assert np.flatnonzero(trained).tolist() == [6, 13, 20]


def test_observations_count_as_known():
    searcher = AlphaX(CELLS, replace(QUICK, fit_every=20), seed=0)
    before = searcher.network.parameters.copy()
    known = CELLS.sample(300, np.random.default_rng(0))
    searcher.observe(known, reward(known))
    assert (searcher.network.parameters != before).any()
    cells = CELLS.identity(drive(searcher, 20))
    assert not set(cells.tolist()) & set(CELLS.identity(known).tolist())


def test_results_late_in_parts_and_out_of_order():
    searcher = AlphaX(CELLS, replace(QUICK, batch_size=8), seed=0)
    open_ids, actions = [], {}
    rng = np.random.default_rng(0)
    for _ in range(6):
        proposals = searcher.ask()
        assert len(set(CELLS.identity(proposals.actions).tolist())) == 8
        actions |= dict(zip(proposals.ids.tolist(), proposals.actions, strict=True))
        open_ids += proposals.ids.tolist()
        rng.shuffle(open_ids)
        told, open_ids = open_ids[:5], open_ids[5:]
        searcher.tell(np.array(told), reward(np.array([actions[i] for i in told])))
    searcher.tell(np.array(open_ids), reward(np.array([actions[i] for i in open_ids])))
    assert not searcher._visits
    assert not searcher._asked
    assert not any(searcher.tree.waiting)


def test_min_max_sees_no_scale():
    searchers = [AlphaX(CELLS, replace(QUICK, scale="min-max"), seed=0) for _ in range(2)]
    for _ in range(40):
        one, other = (s.ask() for s in searchers)
        np.testing.assert_array_equal(one.actions, other.actions)
        searchers[0].tell(one, reward(one.actions))
        searchers[1].tell(other, 512 * reward(one.actions))


def test_it_prefers_the_better_branch():
    space = CategoricalSpace(["a", "b", "c"], [3, 4, 4])
    settings = replace(QUICK, exploration=0.1, simulations=2, duplicates="charge", fit_every=1000)
    searcher = AlphaX(space, settings, seed=0)
    searcher.network.predict = lambda inputs: np.full((1, len(inputs)), 0.5)
    actions = []
    for _ in range(120):
        proposals = searcher.ask()
        searcher.tell(proposals, 0.2 + 0.6 * (proposals.actions[:, 0] == 2))
        actions.append(proposals.actions[0])
    assert (np.array(actions)[60:, 0] == 2).mean() > 0.8


def test_a_saved_search_goes_on_bit_for_bit(tmp_path):
    one = AlphaX(CELLS, replace(QUICK, batch_size=3), seed=5)
    drive(one, 6)
    one.ask(2)
    save_state(tmp_path / "state.npz", one.state_dict())
    other = AlphaX(CELLS, replace(QUICK, batch_size=3), seed=99)
    other.load_state_dict(load_state(tmp_path / "state.npz"))
    np.testing.assert_array_equal(drive(one, 8), drive(other, 8))
    ids = np.array([18, 19])
    for searcher in (one, other):
        searcher.tell(ids, [0.5, 0.6])
    np.testing.assert_array_equal(drive(one, 8), drive(other, 8))


@pytest.mark.parametrize("duplicates", ["charge", "skip"])
def test_small_spaces_run_out_and_it_goes_on(tiny_space, duplicates):
    searcher = AlphaX(tiny_space, replace(QUICK, duplicates=duplicates), seed=0)
    actions = drive(searcher, 20)
    assert tiny_space.is_valid(actions).all()
    if duplicates == "skip":
        assert len(np.unique(tiny_space.identity(actions[:8]))) == 8
    assert not drive(AlphaX(CategoricalSpace(["only"], [1]), QUICK, seed=0), 5).any()


def test_asked_again_and_again_with_nothing_told(tiny_space):
    for space in (CELLS, tiny_space):
        searcher = AlphaX(space, QUICK, seed=0)
        for _ in range(30):
            assert space.is_valid(searcher.ask().actions).all()


@pytest.mark.parametrize(
    "change",
    [{"hidden": "64-"}, {"hidden": "0"}, {"max_nodes": 8}, {"exploration": -1}, {"fit_every": 0}],
)
def test_settings_out_of_range_are_named(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is"):
        AlphaXSettings(**change)


def test_the_published_settings():
    assert PUBLISHED.widths == (512, 2048, 2048, 512)
    assert (PUBLISHED.exploration, PUBLISHED.simulations, PUBLISHED.learning_rate) == (2, 10, 2e-4)
    assert (PUBLISHED.epochs, PUBLISHED.fit_batch, PUBLISHED.fit_every) == (20, 128, 100)
