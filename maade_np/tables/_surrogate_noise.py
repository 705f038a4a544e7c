"""From the surrogate's network to training runs: three repeats of a cell at four budgets.

At 108 epochs a run of a cell with log error m, spread sigma and level a = 1 - exp(m) has ::

    log test error       = m + tau(a) c + sigma T(z)
    log validation error = m + tau(a) c + gap(a) + gamma c' + sigma T(rho z + sqrt(1-rho^2) z')

with standard normals c, c' of the cell (what the network cannot see of it) and z, z' of the run;
T, a sinh-arcsinh map (Jones and Pewsey, 2009) of mean 0 and variance 1, gives the tails. With the
cell's probability a run collapses: it answers one class, in validation and test alike. At 4, 12
and 36 epochs a run is a point of the distribution of real runs of cells predicted alike, with
normal score sqrt(phi) c + sqrt(1 - phi) z, new ones at each budget. All normals are functions
of the cell alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from maade_np.tables._format import IMAGES, MISSING, REPEATS
from maade_np.tables.base import noise_uniform

BUDGETS = (4, 12, 36, 108)
LOW = len(BUDGETS) - 1
COLLAPSED_TEST, COLLAPSED_VALIDATION = 999, 949  # images of the one class that is answered
SCORES = np.linspace(-4.0, 4.0, 41)  # normal scores at which low-budget distributions are tabled

_SMALL = 5  # vertices
_NORMALS = 2 + LOW + REPEATS * (2 + LOW + 1)
_COLLAPSES = _NORMALS + _NORMALS % 2  # first stream after the normals', which come in pairs

Noise = Mapping[str, np.ndarray]
"""float64: ``shape`` (4,) of T: skew, tail, mean, standard deviation; ``level`` (K,) with
``tau`` (K,) and ``gap`` (2, K), small cells first; ``gamma``, ``rho`` (); ``share`` (3,) = phi;
``low_level`` (3, L) with ``low`` (3, L, 41), logits at `SCORES`; ``seconds`` (); ``seed`` ()."""


class Runs(NamedTuple):
    """Modelled runs of B cells: images of 9,984 (uint16) and seconds (float32), (B, 4, 3)."""

    validation: np.ndarray
    test: np.ndarray
    train_seconds: np.ndarray


class Outputs(NamedTuple):
    """What the network says of B cells, float64.

    Attributes
    ----------
    log_error : ndarray (B,)
        m: log of the mean test error at 108 epochs of runs that do not collapse.
    collapse : ndarray (B,)
        Probability of a collapse at 108 epochs.
    spread : ndarray (B,)
        sigma: standard deviation of a run's log error.
    low : ndarray (3, B)
        Logit of validation accuracy at 4, 12, 36 epochs, as a location of its distribution.
    log_seconds : ndarray (B,)
        Log of training seconds at 108 epochs.
    small : ndarray, bool (B,)
        At most five vertices; known, not predicted.
    """

    log_error: np.ndarray
    collapse: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    log_seconds: np.ndarray
    small: np.ndarray

    @classmethod
    def of(cls, raw: np.ndarray, vertices: np.ndarray) -> Outputs:
        """From the network's raw outputs (7, B), and numbers of vertices in use (B,)."""
        raw = raw.astype(np.float64)
        return cls(raw[0], sigmoid(raw[1]), np.exp(raw[2]), raw[3:6], raw[6], vertices <= _SMALL)

    @property
    def level(self) -> np.ndarray:
        """Test accuracy of typical runs, a = 1 - exp(m), (B,)."""
        return 1 - np.exp(self.log_error)

    def gap(self, noise: Noise) -> np.ndarray:
        """Log validation error less log test error, typically, (B,)."""
        small, large = (np.interp(self.level, noise["level"], curve) for curve in noise["gap"])
        return np.where(self.small, small, large)


def draw_runs(noise: Noise, outputs: Outputs, keys: np.ndarray) -> Runs:
    """The runs of cells with keys (B,), which their normals are functions of."""
    seed = int(noise["seed"])
    normals = iter(_normals(seed, keys, _NORMALS))
    c, own, *c_low = (next(normals) for _ in range(2 + LOW))
    validation = np.empty((len(keys), len(BUDGETS), REPEATS), dtype=np.uint16)
    test = np.full_like(validation, MISSING)
    seconds = np.empty(validation.shape, dtype=np.float32)
    tau = np.interp(outputs.level, noise["level"], noise["tau"])
    test_centre = outputs.log_error + tau * c
    validation_centre = test_centre + outputs.gap(noise) + float(noise["gamma"]) * own
    rho = float(noise["rho"])
    for repeat in range(REPEATS):
        z = next(normals)
        other = rho * z + np.sqrt(1 - rho * rho) * next(normals)
        collapsed = noise_uniform(seed, keys, _COLLAPSES + repeat) < outputs.collapse
        error = np.exp(test_centre + outputs.spread * tails(noise["shape"], z))
        test[:, LOW, repeat] = np.where(collapsed, COLLAPSED_TEST, _images(1 - error))
        error = np.exp(validation_centre + outputs.spread * tails(noise["shape"], other))
        validation[:, LOW, repeat] = np.where(collapsed, COLLAPSED_VALIDATION, _images(1 - error))
        for budget in range(LOW):
            phi = float(noise["share"][budget])
            score = np.sqrt(phi) * c_low[budget] + np.sqrt(1 - phi) * next(normals)
            logit = low_budget(noise, budget, outputs.low[budget], score)
            validation[:, budget, repeat] = _images(sigmoid(logit))
        full = np.exp(outputs.log_seconds + float(noise["seconds"]) * next(normals))
        seconds[:, :, repeat] = full[:, None] * (np.array(BUDGETS) / BUDGETS[-1])
    return Runs(validation, test, seconds)


def tails(shape: np.ndarray, z: np.ndarray) -> np.ndarray:
    """T(z)."""
    skew, tail, mean, deviation = shape.tolist()
    return (np.sinh((np.arcsinh(z) + skew) / tail) - mean) / deviation


def low_budget(noise: Noise, budget: int, location: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Logit validation accuracy (B,) of runs with normal scores (B,), by bilinear look-up.

    Beyond the outermost levels their distributions are shifted, to no less than the least tabled.
    """
    levels, table = noise["low_level"][budget], noise["low"][budget]
    inside = np.clip(location, levels[0], levels[-1])
    row = np.clip(np.searchsorted(levels, inside, side="right") - 1, 0, len(levels) - 2)
    down = (inside - levels[row]) / (levels[row + 1] - levels[row])
    place = (np.clip(score, SCORES[0], SCORES[-1]) - SCORES[0]) / (SCORES[1] - SCORES[0])
    column = np.minimum(place.astype(np.int64), len(SCORES) - 2)
    right = place - column
    upper = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower = table[row + 1, column] * (1 - right) + table[row + 1, column + 1] * right
    shifted = upper * (1 - down) + lower * down + (location - inside)
    return np.maximum(shifted, table.min())


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def _images(accuracy: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(accuracy, 0, 1) * IMAGES)


def _normals(seed: int, keys: np.ndarray, n: int) -> list[np.ndarray]:
    """Standard normals, n for each key, (B,) each, by the Box-Muller transform."""
    found: list[np.ndarray] = []
    for stream in range(0, n, 2):
        radius = np.sqrt(-2 * np.log1p(-noise_uniform(seed, keys, stream)))
        angle = 2 * np.pi * noise_uniform(seed, keys, stream + 1)
        found += [radius * np.cos(angle), radius * np.sin(angle)]
    return found[:n]
