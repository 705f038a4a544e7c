"""Densities of categorical strings from observed ones: counts, and mixtures of kernels."""

from __future__ import annotations

import numpy as np

from maade_np.spaces.encodings import one_hot

# what stands for 0 where a logarithm is taken
TINY = 1e-300


def value_weights(
    actions: np.ndarray, weights: np.ndarray, cardinalities: np.ndarray
) -> np.ndarray:
    """Return the summed weight of the strings with each value, float64 (N, D)."""
    table = np.zeros((len(cardinalities), int(cardinalities.max())))
    table[existing(cardinalities)] = weights @ one_hot(actions, cardinalities)
    return table


def existing(cardinalities: np.ndarray) -> np.ndarray:
    """Return a mask (N, D): the values that each hyper-parameter has."""
    return np.arange(int(cardinalities.max())) < cardinalities[:, None]


def forgetting_weights(n: int, recent: int) -> np.ndarray:
    """Weights of n results, oldest first: 1 for the `recent` last, falling to 1/n before.

    Bergstra, Yamins and Cox (2013), "linear forgetting", as in hyperopt and Optuna.
    """
    ramp = np.linspace(1.0 / max(n, 1), 1.0, num=max(n - recent, 0))
    return np.concatenate([ramp, np.ones(min(n, recent))])


def perturbed(
    actions: np.ndarray, keep: np.ndarray, cardinalities: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Keep each value with probability `keep` ((N,) or (n, N)), else draw it uniformly."""
    drawn = rng.integers(0, cardinalities, actions.shape)
    return np.where(rng.random(actions.shape) < keep, actions, drawn)


def best_of_each(drawn: np.ndarray, gains: np.ndarray, groups: int) -> np.ndarray:
    """Take from each group of candidates what gains most, the first of equals.

    Parameters
    ----------
    drawn : ndarray, int64 (groups * m, N)
        One group after the other.
    gains : ndarray, float64 (groups * m, N) or (groups * m, 1)
        Of each value, where hyper-parameters are chosen one by one, or of each string.
    groups : int

    Returns
    -------
    chosen : ndarray, int64 (groups, N)
    """
    candidates = drawn.reshape(groups, -1, drawn.shape[1])
    best = gains.reshape(groups, -1, gains.shape[1]).argmax(axis=1)[:, None]
    best = np.broadcast_to(best, (groups, 1, drawn.shape[1]))
    return np.take_along_axis(candidates, best, axis=1)[:, 0]


class IndependentDensity:
    """A distribution of each hyper-parameter by itself.

    Parameters
    ----------
    probabilities : ndarray, float64 (N, D)
        0 where a value does not exist.
    cardinalities : ndarray, int64 (N,)
    """

    def __init__(self, probabilities: np.ndarray, cardinalities: np.ndarray) -> None:
        self.probabilities, self._last = probabilities, cardinalities - 1
        self._below = np.cumsum(probabilities, axis=1)[:, :-1]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n strings (n, N)."""
        levels = rng.random((n, len(self._last), 1))
        return np.minimum((levels >= self._below).sum(axis=2), self._last)

    def log_parts(self, actions: np.ndarray) -> np.ndarray:
        """Return the log-probability of each value of strings (n, N), float64 (n, N)."""
        found = np.take_along_axis(self.probabilities, actions.T, axis=1).T
        return np.log(np.maximum(found, TINY))


class KernelMixture:
    """A mixture of kernels around points, each kernel a product over hyper-parameters.

    The kernel of hyper-parameter i is `same_i` at the point's value and `other_i` at every other
    one. A uniform distribution may be mixed in.

    Parameters
    ----------
    points : ndarray, int64 (K, N)
    weights : ndarray, float64 (K,)
        Together with `uniform` they sum to 1.
    same, other : ndarray, float64 (N,)
    cardinalities : ndarray, int64 (N,)
    uniform : float
        Weight of the uniform distribution.
    """

    def __init__(
        self,
        points: np.ndarray,
        weights: np.ndarray,
        same: np.ndarray,
        other: np.ndarray,
        cardinalities: np.ndarray,
        uniform: float = 0.0,
    ) -> None:
        self.points, self.weights, self.uniform = points, weights, uniform
        self.same, self.other, self._cardinalities = same, other, cardinalities
        log_same, log_other = np.log(np.maximum(same, TINY)), np.log(np.maximum(other, TINY))
        self._slopes = np.repeat(log_same - log_other, cardinalities)
        self._log_weights = np.log(weights) + log_other.sum()
        self._encoded = one_hot(points, cardinalities).T
        self._log_uniform = np.log(max(uniform, TINY)) - np.log(cardinalities).sum()

    def log_parts(self, actions: np.ndarray) -> np.ndarray:
        """Return the log-density of whole strings (n, N), float64 (n, 1)."""
        encoded = one_hot(actions, self._cardinalities) * self._slopes
        logs = encoded @ self._encoded + self._log_weights
        top = np.maximum(logs.max(axis=1, initial=-np.inf), self._log_uniform)
        total = np.exp(logs - top[:, None]).sum(axis=1) + np.exp(self._log_uniform - top)
        return (top + np.log(total))[:, None]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n strings (n, N) from the mixture."""
        shares = np.append(self.weights, self.uniform)
        chosen = rng.choice(len(shares), n, p=shares / shares.sum())
        of_uniform = chosen == len(self.points)
        points = np.zeros((n, len(self.same)), dtype=np.int64)
        points[~of_uniform] = self.points[chosen[~of_uniform]]
        keep = np.where(of_uniform[:, None], 0.0, self.same - self.other)
        return perturbed(points, keep, self._cardinalities, rng)


class AitchisonAitken(KernelMixture):
    """The kernel density of strings, as BOHB estimates it (Falkner et al. 2018, section 3.2).

    Bandwidths follow the normal reference rule, 1.06 sigma n^(-1 / (4 + N)), sigma being the
    standard deviation of a hyper-parameter's value numbers (which for categories means little, but
    is what the published code does). A kernel is 1 - h at its own value and h / (c - 1) at others.

    Parameters
    ----------
    points : ndarray, int64 (n, N)
    cardinalities : ndarray, int64 (N,)
    min_bandwidth : float
    kernel : {"statsmodels", "bounded"}
        c is the number of values that occur in the points, or that the space has; in the latter
        case h is at most (c - 1) / c, where the kernel is uniform. Without that bound a kernel can
        favour the values that its point does not have, as it does on the operations of
        NAS-Bench-101.

    Attributes
    ----------
    bandwidths : ndarray, float64 (N,)
    """

    def __init__(
        self, points: np.ndarray, cardinalities: np.ndarray, min_bandwidth: float, kernel: str
    ) -> None:
        n, N = points.shape
        h = 1.06 * points.std(axis=0) * n ** (-1 / (4 + N))
        h = np.maximum(h, min_bandwidth)
        if kernel == "bounded":
            levels = cardinalities
            h = np.minimum(h, 1 - 1 / levels)
        else:
            seen = one_hot(points, cardinalities).any(axis=0)
            levels = np.add.reduceat(seen.astype(int), np.cumsum(cardinalities) - cardinalities)
        self.bandwidths = h
        # statsmodels divides by zero where all points agree; here that counts as two levels
        other = h / np.maximum(levels - 1, 1)
        super().__init__(points, np.full(n, 1 / n), 1 - h, other, cardinalities)

    def candidates(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n strings (n, N): a point, each value kept with 1 - h, else any value."""
        points = self.points[rng.integers(len(self.points), size=n)]
        return perturbed(points, 1 - self.bandwidths, self._cardinalities, rng)
