"""What random search is expected to find, without noise, from the exact distribution of its draws.

    python benchmarks/random_expectation.py --table nasbench101.npz

Every one of the 373,754,169 valid strings is equally likely, so a cell's probability is the number of
its strings. The expected best of n draws follows; 250 searches of the package, with seeds that no other
benchmark uses, are printed beside it. Writes ``results/first/random.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import maade_np as mn
from maade_np.files import write_text
from maade_np.spaces.nasbench101 import cell_numbers
from maade_np.tables import NASBench101


def strings_of_each_cell() -> np.ndarray:
    """Count the valid strings of every cell (423624,)."""
    masks = np.arange(1 << 21, dtype=np.uint32)
    counts = np.zeros(423_624, dtype=np.int64)
    for ops in range(3**5):
        cells = cell_numbers(masks, np.full(len(masks), ops, dtype=np.uint16))
        counts += np.bincount(cells[cells >= 0], minlength=len(counts))
    return counts


def expected_best(errors: np.ndarray, weights: np.ndarray, n: int) -> float:
    """Return the expected lowest error of n independent draws."""
    order = np.argsort(errors)
    below = np.cumsum(weights[order]) / weights.sum()
    none_so_low = (1 - below) ** n
    reached = np.append(1.0, none_so_low[:-1]) - none_so_low
    return float(errors[order] @ reached)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table")
    parser.add_argument("--trials", type=int, default=250)
    arguments = parser.parse_args()
    path = NASBench101.locate(arguments.table)
    if path is None:
        raise SystemExit("give --table PATH or set MAADE_NASBENCH101")
    table = NASBench101.load(path)
    counts = strings_of_each_cell()
    representatives = mn.spaces.nasbench101.cell_representatives().astype(np.int64)
    errors = 100 * (1 - table.mean_test(representatives))
    found: dict[str, object] = {"valid_strings": int(counts.sum())}
    for n in (150, 3200):
        best = []
        for seed in range(1000, 1000 + arguments.trials):
            searcher = mn.searchers.create("random", table.space, seed=seed)
            result = mn.search(searcher, table, budget=n, protocol="test-mean")
            best.append(100 * (1 - result.best.mean_test))
        found[str(n)] = {
            "expected": round(expected_best(errors, counts, n), 4),
            "mean": round(float(np.mean(best)), 4),
            "standard_error": round(float(np.std(best, ddof=1) / len(best) ** 0.5), 4),
            "trials": len(best),
        }
    text = json.dumps(found, indent=1) + "\n"
    write_text(Path(__file__).parent / "results" / "first" / "random.json", text)
    print(text)


if __name__ == "__main__":
    main()
