"""NASBOT: a Gaussian process on distances of cells, its acquisition maximised by evolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from maade_np.searchers._acquisition import (
    STEPS,
    confidence_bound,
    evolve,
    expected_improvement,
)
from maade_np.searchers._distances import AUTO, DISTANCES, distances
from maade_np.searchers._gaussian_process import (
    GaussianProcess,
    HyperParameters,
)
from maade_np.searchers.archive import ArchiveSearcher, ArchiveSettings
from maade_np.searchers.base import setting
from maade_np.searchers.rejection import contains
from maade_np.spaces import CategoricalSpace, NASBench101Space
from maade_np.spaces.mutation import MUTATIONS, ONE
from maade_np.spaces.otmann import STRUCTURE

MIN_EVALUATIONS, MAX_EVALUATIONS = 50, 500


@dataclass(frozen=True)
class NasbotSettings(ArchiveSettings):
    """Settings of NASBOT; the defaults are the published ones."""

    duplicates: str = setting(
        "skip",
        "'charge' a cell drawn twice at the start as a query, or 'skip' it; candidates are new "
        "cells in both cases",
        ("charge", "skip"),
    )
    distance: str = setting(
        AUTO,
        "of cells of NAS-Bench-101: by optimal transport ('otmann'), of degrees and counts of "
        "operations ('simplified'), or 'edit'; on any space 'hamming'; 'auto': otmann or hamming",
        DISTANCES,
    )
    structure: str = setting(
        ",".join(map(str, STRUCTURE)), "weights of path lengths in otmann, a distance for each"
    )
    acquisition: str = setting(
        "ei", "what is maximised: expected improvement, or confidence bound", ("ei", "ucb")
    )
    effort: float = setting(
        25.0,
        "evaluations of the acquisition in each evolution, times the square root of the number of "
        f"results, {MIN_EVALUATIONS} to {MAX_EVALUATIONS}",
    )
    pool: int = setting(
        20, "cells that evolution starts from: half the best evaluated, half drawn uniformly"
    )
    mutation: str = setting(
        STEPS,
        "'steps': 1 to 5 changes, one with probability 1/2; or rates, the named ones on "
        "NAS-Bench-101 only",
        (STEPS, *MUTATIONS, ONE),
    )
    draws: int = setting(4400, "hyper-parameters of the kernel that are tried in each fit")
    hyper: str = setting(
        "sampled",
        "which of them is taken: one 'sampled' in proportion to its likelihood, or the 'likeliest'",
        ("sampled", "likeliest"),
    )
    refit: int = setting(7, "results after which the hyper-parameters are fitted anew")
    max_points: int = setting(
        500, "results that a fit uses: beyond, the best half of them and others drawn uniformly"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pool", "draws", "refit", "max_points"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 < self.effort < math.inf:
            raise ValueError(f"effort is {self.effort}; it must be above 0 and finite")
        self.weights()

    def weights(self) -> tuple[float, ...]:
        """Return the weights in `structure`, or say what is wrong with them."""
        try:
            weights = tuple(map(float, self.structure.split(",")))
        except ValueError:
            weights = ()
        if not weights or not all(0 <= weight < math.inf for weight in weights):
            raise ValueError(
                f"structure is {self.structure!r}; give weights from 0 on, such as '0.1,0.5'"
            )
        return weights


PUBLISHED = NasbotSettings()
SMALL = NasbotSettings(
    batch_size=5, structure="0.25,1.5", effort=12.0, draws=200, refit=20, max_points=250
)


class Nasbot(ArchiveSearcher):
    """Bayesian optimisation with a Gaussian process on an optimal-transport distance of cells.

    Kandasamy, Neiswanger, Schneider, Poczos and Xing, "Neural architecture search with Bayesian
    optimisation and optimal transport" (NeurIPS 2018), as in the authors' code
    (kirthevasank/nasbot, ``opt/nasbot.py``, ``nn/nn_gp.py``). After a uniform start: results, less
    their median, are those of a Gaussian process with the kernel

        scale_1 exp(-sum_nu beta_nu d_nu) + scale_2 exp(-sum_nu gamma_nu d'_nu^2),

    d_nu the distance OTMANN with weight nu of the path lengths, d'_nu normalised
    (`spaces.otmann`). Every `refit` results, `draws` sets of hyper-parameters are drawn, uniform in
    their logarithms, and one is taken in proportion to its likelihood. The string proposed is that
    with the largest expected improvement on the best result, among all that an evolution looks at.
    Proposals that wait for their results narrow the variance only ("hallucinated").

    Presets: ``"published"``, the settings of the code but for `initial` (20 there);
    ``"small"``, 5 strings from one evolution, 2 of the 4 weights nu, half the evaluations, 200
    draws every 20 results, of which at most 250 count.

    Differences from the code:

    - cells in place of networks (`spaces.otmann`), a uniform start in place of a list of known
      networks, mutations of 1 to 5 decisions in place of nine kinds of edits; a mutant that is
      invalid or known is dropped; evolution starts from the best cells and as many uniform ones;
    - a cell evaluated before, or awaited, is no candidate;
    - one set of hyper-parameters serves until the next fit, there each step takes another of those
      drawn; so the factor of the kernel matrix grows by single points, unless the matrix is not
      positive: its negative eigenvalues are cut off then, as there;
    - beta lies in 1e-4 to 10 for a mass of 128^2, there in 1e-9 to 1e-3 for a mass of 1;
    - beyond `max_points` results a fit uses a part; what arrives until the next fit joins it;
    - a batch is chosen one by one from one evolution, there each string has its own.

    ``distance="simplified"`` is what naszilla's GP-BO calls NASBOT's, "edit" its default. Both
    compare strings as they were drawn, with the kernel scale exp(-beta d), all else as above
    (there exp of the squared distance, its length fixed, and random candidates). Spaces other than
    NAS-Bench-101 have "hamming" alone, which "auto" takes there.
    """

    name = "nasbot"
    settings: NasbotSettings

    def __init__(self, space: CategoricalSpace, settings: NasbotSettings, seed: int = 0) -> None:
        super().__init__(space, settings, seed)
        if settings.mutation in MUTATIONS and not isinstance(space, NASBench101Space):
            raise ValueError(
                f"mutation {settings.mutation!r} has rates for NAS-Bench-101, and this is another "
                f"space ({space!r}): choose {STEPS!r} or {ONE!r}"
            )
        self.distances = distances(settings.distance, space, settings.weights())
        self.process: GaussianProcess | None = None
        self._rewards = np.empty(0)  # of the points of the process
        self._taken = np.empty(0, dtype=np.int64)  # ids of the results that it has or leaves out
        self._fitted = 0  # results known at the last fit

    def choose(self, n: int) -> np.ndarray:
        """Choose the n new cells that promise most, among those that an evolution looks at."""
        process = self.update()
        if len(self.waiting):
            process = process.extended(self.waiting)
        settings = self.settings
        effort = settings.effort * len(self.archive) ** 0.5
        best = self.archive.best_first()[: (settings.pool + 1) // 2]
        drawn = self.space.sample(settings.pool // 2, self.rng)
        population = evolve(
            self.space,
            np.concatenate([self.archive.actions[best], drawn]),
            lambda actions: self.acquisition(*process.predict(actions, self.results())),
            int(np.clip(effort, MIN_EVALUATIONS, MAX_EVALUATIONS)),
            settings.mutation,
            self.rng,
        )
        new = ~contains(np.sort(self.known()), population.cells) & self.rejection.new(
            population.actions
        )
        return self.completed(self._best(process, population.actions[new], n), n)

    def acquisition(self, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """Return what is to be high in candidates with these predictions, (n,)."""
        if self.settings.acquisition == "ei":
            return expected_improvement(mean, sd, float(self.results().max()))
        return confidence_bound(mean, sd, len(self.archive))

    def results(self) -> np.ndarray:
        """Return the rewards of the points, less their median, in standard deviations."""
        rewards = self._rewards
        results: np.ndarray = (rewards - np.median(rewards)) / (rewards.std() or 1.0)
        return results

    def update(self) -> GaussianProcess:
        """Return the process of all that is known: the last one extended, or a new fit."""
        archive, process = self.archive, self.process
        observed = np.count_nonzero(archive.ids < 0) != np.count_nonzero(self._taken < 0)
        if process is None or observed or len(archive) >= self._fitted + self.settings.refit:
            process = self._fit()
        else:
            new = ~contains(self._taken, archive.ids)
            if new.any():
                process = process.extended(archive.actions[new])
                self._rewards = np.concatenate([self._rewards, archive.rewards[new]])
        self.process, self._taken = process, archive.ids
        return process

    def _fit(self) -> GaussianProcess:
        archive, settings = self.archive, self.settings
        rows = np.arange(len(archive))
        if len(rows) > settings.max_points:
            best, others = np.split(archive.best_first(), [(settings.max_points + 1) // 2])
            drawn = self.rng.choice(others, settings.max_points - len(best), replace=False)
            rows = np.sort(np.concatenate([best, drawn]))
        points, self._rewards = archive.actions[rows], archive.rewards[rows]
        self._fitted = len(archive)
        candidates = self.distances.form.draw(settings.draws, self.rng)
        rng = self.rng if settings.hyper == "sampled" else None
        return GaussianProcess.fit(self.distances, candidates, points, self.results(), rng)

    def _best(self, process: GaussianProcess, candidates: np.ndarray, n: int) -> np.ndarray:
        """Take up to n of the candidates, each awaited when the next one is chosen."""
        chosen = candidates[:0]
        cross = process.covariance(process.points, candidates)
        while len(candidates) and len(chosen) < n:
            mean, sd = process.posterior(cross, self.results())
            row = int(self.acquisition(mean, sd).argmax())
            picked = candidates[row : row + 1]
            chosen = np.concatenate([chosen, picked])
            candidates, cross = np.delete(candidates, row, axis=0), np.delete(cross, row, axis=1)
            if len(chosen) < n:
                process = process.extended(picked)
                cross = np.concatenate([cross, process.covariance(picked, candidates)])
        return chosen

    def state_dict(self) -> dict[str, Any]:
        """Return everything that going on needs."""
        p = self.process
        return {
            **super().state_dict(),
            "process": p and {**vars(p), "distances": None, "hyper": p.hyper._asdict()},
            "rewards": self._rewards,
            "taken": self._taken,
            "fitted": self._fitted,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state)
        self.process, saved = None, state["process"]
        if saved is not None:
            hyper = HyperParameters(**{k: np.asarray(v) for k, v in saved["hyper"].items()})
            own = {"distances": self.distances, "hyper": hyper}
            self.process = GaussianProcess(**{**saved, **own})
        self._rewards, self._taken = state["rewards"], state["taken"]
        self._fitted = state["fitted"]
