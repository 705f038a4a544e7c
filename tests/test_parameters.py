"""Parameter counts against a counter that builds one network layer by layer, and real ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maade_np.spaces import nasbench101 as nb
from maade_np.spaces._parameters import labelled_parameters

INCEPTION_LIKE = (
    [(0, 1), (0, 2), (0, 3), (0, 4), (1, 6), (2, 6), (3, 5), (4, 6), (5, 6)],
    [1, 0, 0, 2, 0],
)
BEST = (
    [(0, 1), (0, 2), (0, 5), (0, 6), (1, 5), (2, 3), (3, 4), (4, 5), (5, 6)],
    [1, 0, 2, 0, 0],
)


def code(edges, ops):
    mask = sum(1 << nb.EDGES.index(edge) for edge in edges)
    return mask, sum(op * 3**i for i, op in enumerate(ops))


def conv(size, into, out):
    return size * size * into * out + out + out


def slow_channels(matrix, output):
    """Of every vertex but the input, by the words of the rule."""
    last = len(matrix) - 1
    feeding = [v for v in range(1, last) if matrix[v][last]]
    channels = {last: output}
    for place, v in enumerate(feeding):
        channels[v] = output // len(feeding) + (1 if place < output % len(feeding) else 0)
    for v in range(last - 1, 0, -1):
        if v not in feeding:
            channels[v] = max(channels[w] for w in range(v + 1, last) if matrix[v][w])
    return channels


def slow_count(matrix, ops):
    """A cell (pruned here), counted as its network is built."""
    matrix, names = nb.prune(matrix, ops)
    last = len(matrix) - 1
    total, width = conv(3, 3, 128), 128
    for stack in range(3):
        out = 128 * 2**stack
        for _ in range(3):
            channels = slow_channels(matrix.tolist(), out)
            for v in range(1, last + 1):
                if matrix[0, v]:
                    total += conv(1, width, channels[v])
                if names[v].startswith("conv"):
                    size = int(names[v][len("conv")])
                    total += conv(size, channels[v], channels[v])
            width = out
    return total + width * 10 + 10


@pytest.mark.parametrize(("cell", "count"), [(INCEPTION_LIKE, 2_694_282), (BEST, 32_426_634)])
def test_published_counts(cell, count):
    mask, op_code = code(*cell)
    assert nb.count_parameters([mask], [op_code]).tolist() == [count]
    assert labelled_parameters([mask], [op_code]).tolist() == [count]
    matrices, ops = nb.matrix_ops(nb.from_codes(np.array([mask]), np.array([op_code])))
    assert slow_count(matrices[0], ops[0]) == count


@given(st.integers(0, 2**32))
def test_labelled_cells_agree_with_the_slow_counter(seed):
    rng = np.random.default_rng(seed)
    actions = nb.NASBench101Space().sample(20, rng)
    matrices, ops = nb.matrix_ops(actions)
    expected = [slow_count(m, o) for m, o in zip(matrices, ops, strict=True)]
    assert labelled_parameters(*nb.to_codes(actions)).tolist() == expected


@given(st.integers(0, 2**32), st.sampled_from([128, 256, 512]))
def test_channels(seed, output):
    rng = np.random.default_rng(seed)
    actions = nb.NASBench101Space().sample(20, rng)
    edges, _ = nb.to_codes(actions)
    found = nb.vertex_channels(edges, output)
    for row, matrix in zip(found, nb.matrix_ops(actions)[0], strict=True):
        pruned, _ = nb.prune(matrix, [0] * 5)
        expected = slow_channels(pruned.tolist(), output)
        assert [c for c in row.tolist() if c] == [expected[v] for v in range(1, len(pruned) - 1)]


def test_isomorphic_cells_have_the_count_of_the_official_labelling():
    """Three vertices feed the output, so that one of them has a channel less."""
    edges = [(0, 1), (0, 2), (0, 3), (1, 4), (4, 6), (2, 6), (3, 6)]
    ops = [2, 0, 1, 0, 0]
    masks, codes = [], []
    for order in permutations(range(1, 6)):
        place = dict(zip(range(7), (0, *order, 6), strict=True))
        moved = [(place[i], place[j]) for i, j in edges]
        if all(i < j for i, j in moved):
            mask, op_code = code(moved, [ops[order.index(v)] for v in range(1, 6)])
            masks.append(mask)
            codes.append(op_code)
    assert len(set(nb.cell_numbers(np.array(masks), np.array(codes)).tolist())) == 1
    assert len(set(labelled_parameters(masks, codes).tolist())) > 1
    assert len(set(nb.count_parameters(masks, codes).tolist())) == 1


def test_official_labelling_is_the_first_that_the_generator_meets():
    """By brute force over a few cells: all labellings, the smallest of (mask, operations)."""
    edges, ops = nb.official_codes()
    assert (nb.cell_numbers(edges, ops) == np.arange(nb.NUM_CELLS)).all()
    for cell in np.random.default_rng(0).integers(0, nb.NUM_CELLS, 40).tolist():
        matrices, labels = nb.matrix_ops(nb.from_codes(edges[[cell]], ops[[cell]]))
        matrix, names = nb.prune(matrices[0], labels[0])
        size = len(matrix)
        keys = []
        for order in permutations(range(1, size - 1)):
            place = [0, *order, size - 1]
            pairs = [(place.index(i), place.index(j)) for i, j in np.argwhere(matrix).tolist()]
            if all(i < j for i, j in pairs):
                mask = sum(2 ** (i + j * (j - 1) // 2) for i, j in pairs)
                keys.append((mask, [nb.OPS.index(names[v]) for v in order]))
        mine = sum(2 ** (i + j * (j - 1) // 2) for i, j in np.argwhere(matrix).tolist())
        assert (mine, [nb.OPS.index(name) for name in names[1:-1]]) == min(keys)


def test_invalid_cells():
    full = 2 ** len(nb.EDGES) - 1
    assert nb.count_parameters([0, full, 1], [0, 5, 0]).tolist() == [-1, -1, -1]
    assert labelled_parameters([0, 1], [0, 0]).tolist() == [-1, -1]
    matrix = np.triu(np.ones((7, 7), dtype=int), 1)
    assert labelled_parameters([full], [0]).tolist() == [slow_count(matrix, [0] * 5)]
    assert nb.count_parameters(np.array([], dtype=int), np.array([], dtype=int)).shape == (0,)


def test_every_row_of_the_real_table(table_path):
    with np.load(table_path) as table:
        counts = nb.count_parameters(table["edges"], table["ops"])
        assert np.array_equal(counts, table["params"])
