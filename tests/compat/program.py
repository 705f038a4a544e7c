"""A search program as its users write them: it imports nasbench and knows of nothing else.

Usage: program.py FILE QUERIES SEED
"""

import json
import random
import sys

import numpy as np
from nasbench import api
from nasbench.lib import graph_util

VERTICES = 4


def draw(nasbench):
    """A random valid cell on four vertices."""
    while True:
        matrix = np.triu(np.random.randint(0, 2, (VERTICES, VERTICES)), 1)  # noqa: NPY002
        ops = [random.choice(nasbench.config["available_ops"]) for _ in range(VERTICES - 2)]
        spec = api.ModelSpec(matrix=matrix, ops=["input", *ops, "output"])
        if nasbench.is_valid(spec):
            return spec


def neighbour(nasbench, spec):
    """A valid cell that differs in one edge."""
    while True:
        matrix = spec.original_matrix.copy()
        source, target = sorted(random.sample(range(VERTICES), 2))
        matrix[source, target] = 1 - matrix[source, target]
        changed = api.ModelSpec(matrix, list(spec.original_ops))
        if nasbench.is_valid(changed):
            return changed


def main(path, queries, seed):
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    nasbench = api.NASBench(path, seed=seed)
    best = None
    for number in range(queries):
        spec = draw(nasbench) if number % 2 == 0 else neighbour(nasbench, best[1])
        found = nasbench.query(spec, epochs=108)
        if best is None or found["validation_accuracy"] > best[0]:
            best = found["validation_accuracy"], spec
    fixed, computed = nasbench.get_metrics_from_spec(best[1])
    seconds, epochs = nasbench.get_budget_counters()
    try:
        nasbench.query(best[1], epochs=5)
    except api.OutOfDomainError:
        refused = True
    print(
        json.dumps(
            {
                "validation": best[0],
                "test": np.mean([run["final_test_accuracy"] for run in computed[108]]),
                "edges": graph_util.num_edges(fixed["module_adjacency"]),
                "cells": len(list(nasbench.hash_iterator())),
                "seconds": seconds,
                "epochs": epochs,
                "refused": refused,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
