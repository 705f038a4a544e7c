"""A Gaussian process on distances: kernel, marginal likelihood, posterior, growth by single points.

A kernel of a distance need not be positive: then the negative eigenvalues of the covariance of the
points are cut off (Kandasamy et al.'s code), and the noise keeps every factor in existence.

NumPy solves no triangular systems, so the inverse W of the Cholesky factor is kept: whitening is
then a matrix product, and a further point (`GaussianProcess.extended`) costs n^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

_NUMBERS_AT_ONCE = 2**21
_ROUNDING = 1e-9
# of the noise: the least variance of a prediction, for a kernel that is not quite positive
VARIANCE_FLOOR = 0.05


class KernelForm(NamedTuple):
    """Which hyper-parameters a kernel of D distances in T terms has, and where they may lie.

    k = sum_t scale_t exp(-sum over the distances i of term t of beta_i d_i^power_i)

    Attributes
    ----------
    term : ndarray, int (D,)
        The term that each distance stands in.
    power : ndarray, float64 (D,)
    beta, scale, noise : tuple of two floats, or ndarray (2, D) for beta
        Lowest and highest value; noise is the variance of a result, and all are in units of the
        variance of the results.
    """

    term: np.ndarray
    power: np.ndarray
    beta: np.ndarray
    scale: tuple[float, float] = (0.01, 100.0)
    noise: tuple[float, float] = (0.005, 0.2)

    def draw(self, n: int, rng: np.random.Generator) -> HyperParameters:
        """Draw n sets of hyper-parameters, each uniformly in its logarithm."""

        def log_uniform(bounds: Any, *shape: int) -> np.ndarray:
            low, high = np.log(bounds)
            return np.exp(rng.uniform(low, high, shape))

        return HyperParameters(
            noise=log_uniform(self.noise, n),
            scale=log_uniform(self.scale, n, int(self.term.max()) + 1),
            beta=log_uniform(self.beta, n, len(self.term)),
        )

    def covariance(self, distances: np.ndarray, hyper: HyperParameters) -> np.ndarray:
        """Return k, ``(..., *shape)``, for hyper-parameters (...) and distances ``(D, *shape)``."""
        raised = distances ** self.power.reshape(-1, *[1] * (distances.ndim - 1))
        total = np.zeros((*hyper.noise.shape, *distances.shape[1:]))
        for t in range(hyper.scale.shape[-1]):
            mine = np.flatnonzero(self.term == t)
            exponent = np.tensordot(hyper.beta[..., mine], raised[mine], axes=1)
            scale = hyper.scale[..., t]
            total += scale.reshape(*scale.shape, *[1] * (distances.ndim - 1)) * np.exp(-exponent)
        return total


class HyperParameters(NamedTuple):
    """Those of a kernel: noise (), scale (T,) and beta (D,), or of several in a leading axis."""

    noise: np.ndarray
    scale: np.ndarray
    beta: np.ndarray

    def take(self, row: int) -> HyperParameters:
        """Return one of several sets."""
        return HyperParameters(*(array[row] for array in self))


class Distances(Protocol):
    """Distances of strings, and the kernel that is made of them."""

    form: KernelForm

    def between(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return distances (D, n, m) of valid strings (n, N) and (m, N)."""


def log_marginal_likelihood(
    form: KernelForm, hyper: HyperParameters, distances: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return the log-density of y (n,) under each of S sets of hyper-parameters, (S,).

    Of the kernel's matrix the positive part counts.

    Parameters
    ----------
    distances : ndarray (D, n, n)
        Symmetric, zeros on the diagonal.
    """
    n = len(y)
    below = np.tril_indices(n, -1)
    pairs = distances[:, below[0], below[1]]
    step = max(1, _NUMBERS_AT_ONCE // n**2)
    parts = []
    for start in range(0, len(hyper.noise), step):
        some = HyperParameters(*(array[start : start + step] for array in hyper))
        among = np.zeros((len(some.noise), n, n))
        among[:, below[0], below[1]] = form.covariance(pairs, some)
        among[:, range(n), range(n)] = some.scale.sum(axis=1)[:, None]
        values, vectors = np.linalg.eigh(among)  # reads the lower half
        variance = np.maximum(values, 0) + some.noise[:, None]
        fit = ((y @ vectors) ** 2 / variance + np.log(variance)).sum(axis=1) / 2
        parts.append(-fit - n / 2 * np.log(2 * np.pi))
    return np.concatenate(parts)


@dataclass(frozen=True)
class GaussianProcess:
    """The posterior on some strings, whose results it is given when it predicts.

    Attributes
    ----------
    distances : Distances
    hyper : HyperParameters
    points : ndarray, int64 (n, N)
    prior_covariance : ndarray, float64 (n, n)
        K, with whatever of it is negative.
    whiten : ndarray, float64 (n, n)
        W, lower triangular: W (K+ + noise I) W' = I, K+ the positive part.
    positive : bool
        Whether nothing of K was negative.
    """

    distances: Distances
    hyper: HyperParameters
    points: np.ndarray
    prior_covariance: np.ndarray
    whiten: np.ndarray
    positive: bool = True

    @staticmethod
    def fit(
        distances: Distances,
        candidates: HyperParameters,
        points: np.ndarray,
        results: np.ndarray,
        rng: np.random.Generator | None = None,
    ) -> GaussianProcess:
        """Return the posterior on points (n, N) under one of several sets of hyper-parameters.

        That is the one with the largest marginal likelihood of the results (n,), the first of
        equals; or, with `rng`, one drawn in proportion to the likelihood.
        """
        among = distances.between(points, points)
        likelihood = log_marginal_likelihood(distances.form, candidates, among, results)
        if rng is None:
            row = int(likelihood.argmax())
        else:
            probability = np.exp(likelihood - likelihood.max())
            row = int(rng.choice(len(probability), p=probability / probability.sum()))
        prior = GaussianProcess.prior(distances, candidates.take(row), points.shape[1])
        return prior.extended(points)

    @staticmethod
    def prior(distances: Distances, hyper: HyperParameters, size: int) -> GaussianProcess:
        """Return the process of strings of N = size before there is any."""
        points = np.empty((0, size), dtype=np.int64)
        return GaussianProcess(distances, hyper, points, np.empty((0, 0)), np.empty((0, 0)))

    def covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the prior covariance of the function at strings, (n, m)."""
        return self.distances.form.covariance(self.distances.between(a, b), self.hyper)

    def extended(self, strings: np.ndarray) -> GaussianProcess:
        """Return the posterior with c strings more, (c, N).

        The factor grows by a block where nothing negative is left of the covariance of the further
        points; otherwise it is made anew. With a positive kernel both are the same.
        """
        points = np.concatenate([self.points, strings])
        n, old = len(points), len(self.points)
        K = np.empty((n, n))
        K[:old, :old] = self.prior_covariance
        K[old:, :old] = self.covariance(strings, self.points)
        K[:old, old:] = K[old:, :old].T
        K[old:, old:] = self.covariance(strings, strings)
        cross = K[old:, :old] @ self.whiten.T
        unexplained, positive = positive_part(K[old:, old:] - cross @ cross.T)
        if not (self.positive and positive):
            old, cross = 0, np.empty((n, 0))
            unexplained, positive = positive_part(K)
        own = np.linalg.inv(np.linalg.cholesky(unexplained + self.hyper.noise * np.eye(n - old)))
        whiten = np.zeros((n, n))
        whiten[:old, :old] = self.whiten[:old, :old]
        whiten[old:, :old] = -own @ cross @ self.whiten[:old, :old]
        whiten[old:, old:] = own
        return GaussianProcess(self.distances, self.hyper, points, K, whiten, positive)

    def predict(self, strings: np.ndarray, results: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the function at strings (m, N), (m,) each.

        `results` (k,) are those of the first k points. The others are awaited: they narrow the
        standard deviation and leave the mean as it is, or close to it where K was not positive.
        """
        return self.posterior(self.covariance(self.points, strings), results)

    def posterior(self, cross: np.ndarray, results: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `predict` does at strings whose covariance with the points is `cross` (n, m)."""
        known = len(results)
        whitened = self.whiten @ cross
        mean = (self.whiten[:known, :known] @ results) @ whitened[:known]
        variance = self.hyper.scale.sum() - (whitened**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, VARIANCE_FLOOR * self.hyper.noise))


def positive_part(matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return a symmetric matrix with its negative eigenvalues cut off, and whether it has none."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= -_ROUNDING * values[-1]:
        return matrix, True
    return (vectors * np.maximum(values, 0)) @ vectors.T, False
