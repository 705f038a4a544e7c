"""A critic: what was evaluated predicts what is worth evaluating next."""

from __future__ import annotations

from itertools import product
from statistics import NormalDist
from typing import Any

import numpy as np

from maade_np.searchers.archive import Archive
from maade_np.spaces import CategoricalSpace, encodings

LENGTHS = (1.0, 2.0, 4.0)
NOISES = (0.03, 0.1, 0.3, 1.0)
MOST = 500
GROWTH = 1.1


class Critic:
    r"""A Gaussian process on all strings evaluated so far (Rasmussen & Williams 2006, chapter 2).

    The rewards enter as normal scores of their ranks, so that a collapsed training run weighs no more
    than any other last place. With feature vectors :math:`x` (`maade_np.spaces.encodings.features`:
    one-hot values, or on NAS-Bench-101 path counts and the canonical graph, the same for isomorphic
    cells) the covariance is Matérn's with :math:`\nu = 3/2`,

    .. math:: k(x, x') = v\,(1 + z)\,e^{-z}, \qquad z = \sqrt3\,\lVert x - x'\rVert / \ell ,

    and noise of variance :math:`v \sigma^2`. At every fit :math:`\ell` (in medians of the distances) and
    :math:`\sigma^2` are those of a grid with the largest marginal likelihood, in which :math:`v` is
    at its maximum, :math:`y^T (K + \sigma^2 I)^{-1} y / n`.

    Beyond `MOST` strings it is fitted to the best half of as many and to random others, and the grid is
    searched again only when there are a tenth more strings than at the last time: a fit costs one
    Cholesky factorisation of at most 500 rows then, and 12 before.

    Parameters
    ----------
    space : CategoricalSpace

    Attributes
    ----------
    archive : Archive
        What it has been told.
    """

    def __init__(self, space: CategoricalSpace) -> None:
        self.space = space
        self.archive = Archive(space.size)
        self._x: np.ndarray | None = None
        self._stale = False
        self._searched = 0  # strings when the grid was searched
        self._found = (LENGTHS[0], NOISES[0])

    @property
    def ready(self) -> bool:
        """Whether there is anything to predict from: two different rewards."""
        return len(self.archive) > 1 and bool(np.ptp(self.archive.rewards))

    def tell(self, ids: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Take results in."""
        self.archive.add(ids, actions, rewards)
        self._stale = True

    def fit(self, rng: np.random.Generator) -> None:
        """Fit to all results, if any are new; `rng` picks the rows where there are too many."""
        if not self._stale:
            return
        self._stale = False
        rows = self.archive.best_first()
        if len(rows) > MOST:
            others = rng.choice(rows[MOST // 2 :], MOST - MOST // 2, replace=False)
            rows = np.concatenate([rows[: MOST // 2], others])
        x = encodings.features(self.space, self.archive.actions[rows])
        y = normal_scores(self.archive.rewards[rows])
        distances = euclidean(x, x)
        unit = np.median(distances[np.triu_indices(len(x), 1)]) or 1.0
        best = -np.inf
        grid = [self._found]
        if len(self.archive) <= MOST or len(self.archive) >= GROWTH * self._searched:
            grid, self._searched = list(product(LENGTHS, NOISES)), len(self.archive)
        for length, noise in grid:
            K = matern(distances, length * unit)
            L = np.linalg.cholesky(K + noise * np.eye(len(y)))
            half = np.linalg.solve(L, y)
            v = half @ half / len(y)
            likelihood = -0.5 * len(y) * np.log(v) - np.log(np.diag(L)).sum()
            if likelihood > best:
                best = likelihood
                self._x, self._L, self._half, self._v = x, L, half, v
                self._length, self._found = length * unit, (length, noise)

    def predict(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return posterior mean and standard deviation of the score, noise left out, (n,) each."""
        assert self._x is not None
        x = encodings.features(self.space, actions)
        across = np.linalg.solve(self._L, matern(euclidean(self._x, x), self._length))
        mean = self._half @ across
        variance = self._v * (1 - (across**2).sum(axis=0))
        return mean, np.sqrt(variance.clip(0))

    def draw(self, actions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a draw from each string's own posterior (n,): independent Thompson sampling."""
        mean, deviation = self.predict(actions)
        return np.asarray(mean + deviation * rng.standard_normal(len(mean)))

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs."""
        fitted = None
        if self._x is not None:
            fitted = {
                "x": self._x,
                "L": self._L,
                "half": self._half,
                "v": float(self._v),
                "length": float(self._length),
                "searched": self._searched,
                "found": list(self._found),
            }
        return {"archive": self.archive.state_dict(), "fitted": fitted, "stale": self._stale}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.archive.load_state_dict(state["archive"])
        fitted, self._stale = state["fitted"], state["stale"]
        self._x = None
        if fitted is not None:
            self._x, self._L, self._half = fitted["x"], fitted["L"], fitted["half"]
            self._v, self._length = fitted["v"], fitted["length"]
            self._searched, self._found = fitted["searched"], tuple(fitted["found"])


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of the values' mid-ranks, (rank - 1/2) / n."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    quantile = NormalDist().inv_cdf
    scores = np.array([quantile(share) for share in middle / len(values)])
    return scores[place.reshape(-1)]


def euclidean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distances of all pairs of rows (n, m)."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(squares.clip(0))


def matern(distances: np.ndarray, length: float) -> np.ndarray:
    """Return Matérn's correlation with nu = 3/2."""
    z = np.sqrt(3) / length * distances
    return (1 + z) * np.exp(-z)
