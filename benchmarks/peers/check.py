"""Do the peers agree with each other? ``python -m benchmarks.peers.check``

In float64, on random parameters and a space of mixed cardinalities, for one to three blocks, for
shared orders and an order for each string: log-probabilities, gradients and the parameters after
three updates; for one block also at weights that saturate the softmax. Then, on a space small
enough to enumerate, that probabilities sum to 1 and that the samplers draw from them. Exit status
1 if anything differs, 2 if fewer than two peers are installed.
"""

from __future__ import annotations

import itertools
import os
import sys
from typing import Any

import numpy as np

from . import PEERS, MissingPeer, create, limit_threads, random_params

TOLERANCE = 1e-9
CARDINALITIES = (2, 3, 2, 5, 3, 2, 3)
FAMILIES = ("edge", "op", "edge", "width", "op", "edge", "op")
Space = tuple[tuple[int, ...], tuple[str, ...]]


def peers_for(space: Space, params: dict[str, np.ndarray], blocks: int) -> dict[str, Any]:
    """Every installed peer that can do ``blocks`` blocks, built on the same parameters."""
    found = {}
    for name in PEERS:
        if blocks > 1 and name.endswith(("factorised", "folded")):
            continue
        try:
            found[name] = create(name, params, *space, blocks=blocks, learning_rate=1e-2)
        except MissingPeer:
            continue
    return found


def orders_of(kind: str, batch: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Natural or random and shared, or random for each string."""
    natural = np.tile(np.arange(size), (batch, 1))
    if kind == "natural":
        return natural
    if kind == "shared":
        return np.tile(rng.permutation(size), (batch, 1))
    return rng.permuted(natural, axis=1)


def difference(left: np.ndarray, right: np.ndarray, size: float | None = None) -> float:
    """Largest difference, relative to ``size``, by default that of ``right``'s largest entry.

    It is inf where a shape differs or a value is not finite.
    """
    if left.shape != right.shape or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return float("inf")
    return float(np.abs(left - right).max() / (size or max(np.abs(right).max(), 1e-300)))


def agreement(blocks: int, kind: str, scale: float, rng: np.random.Generator) -> dict[str, float]:
    """Worst difference of each peer from the first one; ``scale`` multiplies the scores.

    With usual scores each gradient is compared to its own size. A saturated softmax leaves some
    gradients nothing but rounding, which has no digits to compare and which Adam would magnify:
    there the size is that of the whole gradient, and nothing is updated.
    """
    space = CARDINALITIES, FAMILIES
    size, batch = len(CARDINALITIES), 11
    params = random_params(*space, d=6, blocks=blocks, rng=rng)
    for m in range(1, blocks + 1):
        params[f"block{m}.w_a"] *= scale
    orders = orders_of(kind, batch, size, rng)
    actions = rng.integers(0, CARDINALITIES, (batch, size))
    weight = rng.standard_normal(batch)
    first: tuple[dict[str, np.ndarray], ...] = ()
    worst = {}
    for name, peer in peers_for(space, params, blocks).items():
        log_prob = {"": np.array(peer.log_prob(actions, orders))}
        gradients = peer.gradients(actions, orders, weight)
        for _ in range(3 if scale == 1 else 0):
            peer.update(actions, orders, weight)
        result = log_prob, gradients, peer.numpy_params()
        if not first:
            first = result
            if scale == 1 and not all(np.any(gradients[key]) for key in params):
                return {f"{name}: a gradient is zero throughout": float("inf")}
        whole = max(float(np.abs(gradient).max()) for gradient in first[1].values())
        sizes = None, (None if scale == 1 else whole), None
        worst[name] = max(
            difference(got[key], expected[key], size)
            for got, expected, size in zip(result, first, sizes, strict=True)
            for key in expected
        )
    return worst


def sampling(
    blocks: int, kind: str, scale: float, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """For each peer: total probability less 1, and the chi-square's distance in deviations."""
    space = (2, 3, 3, 2), ("edge", "op", "op", "edge")
    params = random_params(*space, d=5, blocks=blocks, rng=rng)
    for m in range(1, blocks + 1):
        params[f"block{m}.w_a"] *= scale
    strings = np.array(list(itertools.product(*map(range, space[0]))))
    draws, size = 20_000, len(space[0])
    orders = orders_of(kind, draws, size, rng)
    ways = np.unique(orders, axis=0)
    found = {}
    for name, peer in peers_for(space, params, blocks).items():
        by_order = np.exp([peer.log_prob(strings, np.tile(way, (len(strings), 1))) for way in ways])
        density = by_order.mean(0) if len(ways) > 1 else by_order[0]
        drawn = peer.sample(draws, orders, rng)
        number = np.ravel_multi_index(drawn.T, space[0])
        expected = draws * density
        common = expected > 5
        count = np.append(np.bincount(number, minlength=len(strings))[common], 0.0)
        count[-1] = draws - count.sum()
        expected = np.append(expected[common], max(draws - expected[common].sum(), 1.0))
        statistic = ((count - expected) ** 2 / expected).sum()
        freedom = common.sum()
        found[name] = (
            float(np.abs(by_order.sum(1) - 1).max()),
            float((statistic - freedom) / np.sqrt(2 * freedom)),
        )
    return found


def main() -> int:
    """Run all checks and print a line for each."""
    limit_threads(1)
    # compiling is most of what this costs, and nothing is timed
    os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=0"
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
    except ImportError:
        pass
    rng = np.random.default_rng(0)
    space = CARDINALITIES, FAMILIES
    for name in PEERS:
        try:
            create(name, random_params(*space, d=3, blocks=1, rng=rng), *space)
        except MissingPeer as error:
            print(f"skipped: {error}")
    if len(peers_for(space, random_params(*space, d=3, blocks=1, rng=rng), 1)) < 2:
        print("fewer than two peers are installed; nothing to compare")
        return 2
    failed = False
    kinds = "shared", "each"
    for blocks, kind, scale in [
        (1, "natural", 1.0),
        *itertools.product((1, 2, 3), kinds, (1.0,)),
        *itertools.product((1,), kinds, (1000.0,)),
    ]:
        worst = agreement(blocks, kind, scale, rng)
        name = max(worst, key=lambda key: worst[key])
        bad = not worst[name] <= TOLERANCE
        failed |= bad
        print(
            f"{'FAIL' if bad else 'ok  '} {blocks} block(s), {kind:7} order, "
            f"scores x {scale:<6g} {len(worst)} peers, worst difference {worst[name]:.1e} ({name})"
        )
    for blocks, kind, scale in [
        *itertools.product((1, 2), kinds, (1.0,)),
        *itertools.product((1,), kinds, (1000.0,)),
    ]:
        for name, (excess, deviations) in sampling(blocks, kind, scale, rng).items():
            bad = not (excess <= TOLERANCE and abs(deviations) < 6)
            failed |= bad
            print(
                f"{'FAIL' if bad else 'ok  '} {name:20} {blocks} block(s), {kind:7} order, "
                f"scores x {scale:<6g} total - 1 = {excess:.1e}, chi-square {deviations:+.1f} deviations"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
