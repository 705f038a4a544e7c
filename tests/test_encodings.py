"""Encodings, distances and mutations against one cell at a time, and known counts."""

from __future__ import annotations

import math
from functools import cache

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maade_np.spaces import CategoricalSpace, NASBench101Space, encodings, mutation
from maade_np.spaces import nasbench101 as nb

SPACE = NASBench101Space()
SEEDS = st.integers(0, 2**32)
representatives = cache(nb.cell_representatives)


def random_strings(seed, n=12):
    """Any strings, valid or not."""
    return np.random.default_rng(seed).integers(0, SPACE.cardinalities, size=(n, SPACE.size))


def paths(string):
    """The sequences of operations on all paths from input to output, by networkx."""
    matrices, ops = nb.matrix_ops(string[None])
    graph = nx.from_numpy_array(matrices[0], create_using=nx.DiGraph)
    for path in nx.all_simple_paths(graph, 0, 6):
        yield [int(ops[0][v - 1]) for v in path[1:-1]]


def slow_path_counts(string):
    counts = np.zeros(364, dtype=int)
    for ops in paths(string):
        counts[sum(3**k * (op + 1) for k, op in enumerate(ops))] += 1
    return counts


@given(SEEDS)
def test_paths(seed):
    actions = random_strings(seed)
    expected = np.array([slow_path_counts(string) for string in actions])
    assert np.array_equal(encodings.path_counts(actions), expected)
    assert np.array_equal(encodings.path_encoding(actions), expected > 0)
    assert np.array_equal(encodings.path_encoding(actions, length=40), expected[:, :40] > 0)
    assert np.array_equal(encodings.path_counts(actions, length=1), expected[:, :1])


def test_the_index_of_named_paths():
    direct = nb.from_matrix([[0, 1], [0, 0]], [])
    assert np.flatnonzero(encodings.path_counts(direct[None])[0]).tolist() == [0]
    ops = ["conv1x1-bn-relu", "maxpool3x3"]
    chain = nb.from_matrix(np.eye(4, k=1, dtype=int), ops)
    assert np.flatnonzero(encodings.path_counts(chain[None])[0]).tolist() == [2 + 3 * 3]
    longest = nb.from_matrix(np.eye(7, k=1, dtype=int), ["maxpool3x3"] * 5)
    assert np.flatnonzero(encodings.path_counts(longest[None])[0]).tolist() == [363]
    full = nb.from_matrix(np.triu(np.ones((7, 7), dtype=int), 1), [0] * 5)
    found = encodings.path_counts(full[None])[0]
    assert found[found > 0].tolist() == [math.comb(5, k) for k in range(6)]


def distinct(rows):
    packed = np.packbits(rows, axis=1) if rows.dtype == bool else rows
    return len(np.unique(np.ascontiguousarray(packed).view(f"V{packed.shape[1]}")))


def test_known_numbers_of_encodings():
    cells = representatives()
    counts = encodings.path_counts(cells)
    assert distinct(counts > 0) == 170_820
    assert distinct(encodings.path_encoding(cells, length=40)) == 30_808
    assert distinct(counts) == 214_068


@given(SEEDS)
def test_paths_are_the_same_for_isomorphic_strings(seed):
    actions = SPACE.sample(20, np.random.default_rng(seed))
    others = representatives()[SPACE.identity(actions)]
    assert np.array_equal(encodings.path_counts(actions), encodings.path_counts(others))


def canonical(string):
    """A cell's representative, its unused operations called "-"."""
    string = representatives()[SPACE.identity(string[None])[0]]
    matrices, ops = nb.matrix_ops(string[None])
    graph = nx.from_numpy_array(matrices[0], create_using=nx.DiGraph)
    return matrices[0], [int(op) if graph.in_degree(v) else "-" for v, op in enumerate(ops[0], 1)]


def as_drawn(string):
    matrices, ops = nb.matrix_ops(string[None])
    return matrices[0], ops[0].tolist()


VIEWS = {"raw": as_drawn, "canonical": canonical}


@given(SEEDS, st.sampled_from(sorted(VIEWS)))
def test_adjacency_encoding(seed, form):
    actions = SPACE.sample(12, np.random.default_rng(seed))
    found = encodings.adjacency_encoding(actions, form)
    assert found.shape == (12, 36)
    for row, string in zip(found, actions, strict=True):
        matrix, ops = VIEWS[form](string)
        edges = [matrix[i, j] for i, j in nb.EDGES]
        assert row.tolist() == [*edges, *(int(op == o) for op in ops for o in range(3))]


@given(SEEDS, st.sampled_from(sorted(VIEWS)))
def test_edit_distance(seed, form):
    rng = np.random.default_rng(seed)
    a, b = SPACE.sample(7, rng), SPACE.sample(5, rng)
    found = encodings.edit_distance(a, b, form)
    for i, j in np.ndindex(7, 5):
        (m, ops), (its, others) = VIEWS[form](a[i]), VIEWS[form](b[j])
        differing = sum(x != y for x, y in zip(ops, others, strict=True))
        assert found[i, j] == (m != its).sum() + differing
    assert np.array_equal(
        encodings.edit_distance(a, form=form), encodings.edit_distance(a, a, form)
    )


@given(SEEDS, st.sampled_from(sorted(VIEWS)))
def test_nasbot_distance(seed, form):
    rng = np.random.default_rng(seed)
    a, b = SPACE.sample(7, rng), SPACE.sample(5, rng)
    found = encodings.nasbot_distance(a, b, form)
    for i, j in np.ndindex(7, 5):
        (m, ops), (its, others) = VIEWS[form](a[i]), VIEWS[form](b[j])
        expected = sum(
            abs(int(x) - int(y))
            for axis in (0, 1)
            for x, y in zip(sorted(m.sum(axis)), sorted(its.sum(axis)), strict=True)
        ) + sum(abs(ops.count(op) - others.count(op)) for op in range(3))
        assert found[i, j] == expected
    assert np.array_equal(
        encodings.nasbot_distance(a, form=form), encodings.nasbot_distance(a, a, form)
    )


@pytest.mark.parametrize("distance", [encodings.edit_distance, encodings.nasbot_distance])
@pytest.mark.parametrize("form", encodings.FORMS)
def test_distances_are_distances(distance, form):
    actions = SPACE.sample(40, np.random.default_rng(0))
    d = distance(actions, form=form)
    assert d.dtype == np.int64
    assert not d.diagonal().any()
    assert np.array_equal(d, d.T)
    assert (d[:, None] <= d[:, :, None] + d[None]).all()


@given(SEEDS)
def test_canonical_distances_of_isomorphic_strings_are_zero(seed):
    actions = SPACE.sample(10, np.random.default_rng(seed))
    others = representatives()[SPACE.identity(actions)]
    for distance in (encodings.edit_distance, encodings.nasbot_distance):
        assert not distance(actions, others, "canonical").diagonal().any()


def test_empty_batches():
    none = np.empty((0, 26), dtype=np.int64)
    assert encodings.path_encoding(none).shape == (0, 364)
    for form in encodings.FORMS:
        assert encodings.adjacency_encoding(none, form).shape == (0, 36)
        assert encodings.edit_distance(none, form=form).shape == (0, 0)
        assert encodings.nasbot_distance(none, form=form).shape == (0, 0)
    assert mutation.mutate(SPACE, none, np.random.default_rng(0), "one").shape == (0, 26)


@pytest.mark.parametrize("length", [0, 365, -1])
def test_a_wrong_length(length):
    with pytest.raises(ValueError, match=f"length is {length}: the path encoding has 1 to 364"):
        encodings.path_encoding(random_strings(0), length)


def test_wrong_forms_and_invalid_cells():
    actions = SPACE.sample(3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="form is 'canonic': choose one of 'raw', 'canonical'"):
        encodings.edit_distance(actions, form="canonic")
    actions[1] = 0
    assert encodings.adjacency_encoding(actions)[1].sum() == 5
    assert not encodings.path_counts(actions)[1].any()
    with pytest.raises(ValueError, match=r"actions\[1\] is no valid cell"):
        encodings.adjacency_encoding(actions, form="canonical")


RATES = {"naszilla-2020": (1 / 7, 1 / 5), "naszilla": (1 / 21, 1 / 5), "naslib": (1 / 7, 1 / 3)}


@pytest.mark.parametrize("name", RATES)
def test_rates(name):
    """Changes are independent with the rate stated, and go to every other value alike."""
    n = 20_000
    parents = np.tile(SPACE.sample(1, np.random.default_rng(1)), (n, 1))
    children = mutation.mutate(SPACE, parents, np.random.default_rng(2), name, valid=False)
    changed = children != parents
    expected = np.repeat(RATES[name], [21, 5])
    assert np.abs(changed.mean(axis=0) - expected).max() < 5 * math.sqrt(0.25 / n)
    product = (changed[:, 3] & changed[:, 22]).mean()
    assert abs(product - expected[3] * expected[22]) < 5 * math.sqrt(0.1 / n)
    for column in range(21, 26):
        others = children[changed[:, column], column] != (parents[0, column] + 1) % 3
        assert abs(others.mean() - 0.5) < 5 * math.sqrt(0.25 / len(others))


def test_exactly_one():
    space = CategoricalSpace(["a", "fixed", "b"], [2, 1, 5])
    parents = space.sample(10_000, np.random.default_rng(0))
    children = mutation.mutate(space, parents, np.random.default_rng(1), "one")
    changed = children != parents
    assert (changed.sum(axis=1) == 1).all()
    assert abs(changed[:, 0].mean() - 0.5) < 0.025
    steps = (children - parents)[changed[:, 2], 2] % 5
    assert np.bincount(steps, minlength=5)[0] == 0
    assert np.bincount(steps)[1:].min() > 0.2 * len(steps)


@given(SEEDS, st.sampled_from([*RATES, "one", 0.5]))
def test_children_are_valid_and_a_function_of_the_stream(seed, rates):
    parents = SPACE.sample(30, np.random.default_rng(seed))
    before = parents.copy()
    children = mutation.mutate(SPACE, parents, np.random.default_rng(seed), rates)
    assert SPACE.is_valid(children).all()
    assert np.array_equal(parents, before)
    again = mutation.mutate(SPACE, parents, np.random.default_rng(seed), rates)
    assert np.array_equal(children, again)


def test_redrawn_children_are_those_that_were_refused():
    """The law of a child given that it is valid, by enumeration of a small space."""
    space = CategoricalSpace(
        ["a", "b"], [3, 3], is_valid=lambda actions: actions.sum(axis=1) % 2 == 0
    )
    parents = np.tile([[0, 0]], (40_000, 1))
    children = mutation.mutate(space, parents, np.random.default_rng(0), 0.4)
    law = {(0, 0): 0.36, (0, 2): 0.12, (2, 0): 0.12, (1, 1): 0.04, (2, 2): 0.04}
    for point, weight in law.items():
        share = (children == point).all(axis=1).mean()
        assert abs(share - weight / sum(law.values())) < 0.013


def test_mutation_refuses():
    actions, rng = SPACE.sample(3, np.random.default_rng(0)), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"'nasslib' is unknown \(did you mean 'naslib'\?\)"):
        mutation.mutate(SPACE, actions, rng, "nasslib")
    with pytest.raises(ValueError, match=r"families \['edges'\], the space has \['edge', 'op'\]"):
        mutation.mutate(SPACE, actions, rng, {"edges": 0.1})
    with pytest.raises(ValueError, match=r"the rate of 'op' is 1\.5: expected a probability"):
        mutation.mutate(SPACE, actions, rng, {"edge": 0.1, "op": 1.5})
    with pytest.raises(ValueError, match="the rate of 'edge' is nan"):
        mutation.mutate(SPACE, actions, rng, math.nan)
    with pytest.raises(ValueError, match="max_tries is 0"):
        mutation.mutate(SPACE, actions, rng, 0.1, max_tries=0)
    actions[2] = 0
    with pytest.raises(ValueError, match=r"none of 50 children of actions\[2\] was valid \(1 such"):
        mutation.mutate(SPACE, actions, rng, 0.0, max_tries=50)
    assert not mutation.mutate(SPACE, actions, rng, 0.0, valid=False)[2].any()
