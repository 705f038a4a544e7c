"""How fast cells are encoded, compared and mutated, beside a plain loop over the cells.

    python benchmarks/encoding_speed.py          # a minute; writes results/speed/encodings.md

The loop enumerates the paths of one cell after the other by recursion, as published searchers do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from timing import compare  # noqa: E402

from maade_np.files import write_text  # noqa: E402
from maade_np.spaces import NASBench101Space, encodings, mutation  # noqa: E402
from maade_np.spaces import nasbench101 as nb  # noqa: E402

HERE = Path(__file__).parent / "results" / "speed"
SIZES = (64, 1_000, 20_000)


def loop(actions: np.ndarray) -> np.ndarray:
    """Path counts, one cell after the other."""
    counts = np.zeros((len(actions), encodings.NUM_PATHS), dtype=np.uint8)
    matrices, ops = nb.matrix_ops(actions)
    for row, matrix, labels in zip(counts, matrices.tolist(), ops.tolist(), strict=True):
        for index in path_indices(matrix, labels):
            row[index] += 1
    return counts


def path_indices(
    matrix: list[list[int]], labels: list[int], vertex: int = 0, place: int = 0, index: int = 0
) -> Iterator[int]:
    """Of every path from a vertex to the output, the index; `place` operations lie behind."""
    for target in range(vertex + 1, 7):
        if matrix[vertex][target]:
            if target == 6:
                yield index
            else:
                step = 3**place * (labels[target - 1] + 1)
                yield from path_indices(matrix, labels, target, place + 1, index + step)


def calls(actions: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    space, rng = NASBench101Space(), np.random.default_rng(0)
    codes = nb.to_codes(actions)
    return {
        "plain loop over cells: path counts": lambda: loop(actions),
        "path_counts": lambda: encodings.path_counts(actions),
        "path_encoding, 40": lambda: encodings.path_encoding(actions, 40),
        "adjacency_encoding": lambda: encodings.adjacency_encoding(actions),
        "adjacency_encoding, canonical": lambda: encodings.adjacency_encoding(actions, "canonical"),
        "edit_distance to 100": lambda: encodings.edit_distance(actions, actions[:100]),
        "nasbot_distance to 100": lambda: encodings.nasbot_distance(actions, actions[:100]),
        "mutate, naszilla-2020": lambda: mutation.mutate(space, actions, rng, "naszilla-2020"),
        "count_parameters": lambda: nb.count_parameters(*codes),
    }


def main() -> None:
    cells = nb.cell_representatives()
    rng = np.random.default_rng(0)
    columns = []
    for size in SIZES:
        actions = cells[rng.choice(len(cells), size, replace=False)].astype(np.int64)
        timed = calls(actions)
        assert np.array_equal(loop(actions), encodings.path_counts(actions))
        reference = next(iter(timed))
        found = compare(timed, reference, repeats=7, warmup=1, timer=time.process_time)
        columns.append([f"{1e6 * found.time(name).median / size:.2f}" for name in timed])
    lines = [
        "Microseconds of processor time a cell, one thread, by the size of the batch (medians).",
        "",
        f"| | {' | '.join(f'{size:,}' for size in SIZES)} |",
        "|---" * (len(SIZES) + 1) + "|",
        *(f"| {name} | {' | '.join(row)} |" for name, *row in zip(timed, *columns, strict=True)),
    ]
    HERE.mkdir(parents=True, exist_ok=True)
    write_text(HERE / "encodings.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
