"""BANANAS: an ensemble of networks predicts, Thompson sampling chooses among mutants of the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maade_np.searchers._ensemble import Ensemble
from maade_np.searchers.archive import ArchiveSearcher, ArchiveSettings
from maade_np.searchers.base import setting
from maade_np.searchers.rejection import contains
from maade_np.spaces import CategoricalSpace, NASBench101Space, encodings
from maade_np.spaces.mutation import MUTATIONS, ONE, mutate

# naszilla's factor in mean - factor * sd
UCB_FACTOR = 0.5


@dataclass(frozen=True)
class BananasSettings(ArchiveSettings):
    """Settings of BANANAS; the defaults are the published ones."""

    batch_size: int = setting(10, "strings proposed after each training of the ensemble")
    duplicates: str = setting(
        "skip",
        "'charge' a cell drawn twice at the start as a query, or 'skip' it, as published; "
        "candidates are new cells in both cases",
        ("charge", "skip"),
    )
    networks: int = setting(5, "networks in the ensemble")
    layers: int = setting(10, "hidden layers of a network")
    width: int = setting(20, "units of a hidden layer")
    epochs: int = setting(150, "passes through what was evaluated, in each training")
    fit_batch: int = setting(32, "examples in a step of training")
    learning_rate: float = setting(0.01, "learning rate of Adam")
    beta2: float = setting(0.99, "decay of Adam's second moment")
    target: str = setting(
        "error",
        "what is predicted: 'error', 100 (1 - reward), or 'standardised' rewards",
        ("error", "standardised"),
    )
    encoding: str = setting(
        "path",
        "inputs of the networks: the 'path' encoding of NAS-Bench-101's cells, or 'adjacency'; "
        "other spaces have one input for each value",
        ("path", "adjacency"),
    )
    length: int = setting(40, "entries of the path encoding that are kept, 364 for all")
    mutation: str = setting(
        "naszilla",
        "rates of mutation on NAS-Bench-101; elsewhere one hyper-parameter changes",
        (*MUTATIONS, ONE),
    )
    pool: int = setting(100, "candidates at which no further parent is mutated")
    children: int = setting(100, "mutants of each parent")
    max_parents: int = setting(5, "parents, from the best on, that may be mutated")
    acquisition: str = setting(
        "its",
        "what is lowest in the candidates taken: an independent sample of each (its), one "
        "network's prediction (ts), mean - sd/2 (ucb), or the mean",
        ("its", "ts", "ucb", "mean"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = ("networks", "layers", "width", "epochs", "fit_batch", "pool", "children")
        for name in (*positive, "max_parents"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 1 <= self.length <= encodings.NUM_PATHS:
            raise ValueError(f"length is {self.length}; it must be 1 to {encodings.NUM_PATHS}")


PUBLISHED = BananasSettings()
PUBLISHED_2020 = BananasSettings(length=364, mutation="naszilla-2020", max_parents=50)
SMALL = BananasSettings(layers=2, width=32, epochs=60, children=20, max_parents=25)


class Bananas(ArchiveSearcher):
    """Bayesian optimisation with an ensemble of neural predictors on the path encoding.

    White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for
    Neural Architecture Search" (AAAI 2021), algorithm 1, as in the authors' naszilla. After a
    uniform start, in each round: train the networks anew on all that was evaluated; mutate the best
    cells, one after the other, until there are enough new candidates; draw a sample from the normal
    distribution with the mean and standard deviation of the networks' predictions, independently for
    each candidate (independent Thompson sampling); propose those with the lowest samples.

    Presets: ``"published"``, naszilla as it is now; ``"published-2020"``, as it was when the ReMAADE
    paper was written (all 364 paths, higher rates of mutation, up to 50 parents); ``"small"``, 2 layers
    of 32 units, 60 epochs, and 20 mutants of each parent, so that a pool has some five parents.

    Differences from naszilla:

    - a cell is known by its isomorphism class, there by the sorted indices of its paths, which 71 %
      of the cells share with another;
    - where mutation finds fewer new cells than are asked for, the rest is drawn uniformly; there
      fewer are proposed;
    - inputs that are 0 in all examples and all candidates are left out: their weights would stay as
      they were drawn and meet zeros, so no prediction changes but for its random start;
    - the adjacency encoding has an input for each operation of each vertex, there one number;
    - of its acquisition functions, expected and probability of improvement are not here;
    - other spaces than NAS-Bench-101, where a mutation changes one hyper-parameter.

    Asked for fewer strings than `batch_size` it trains for those alone. Where proposals wait for
    their results, their cells are no candidates.
    """

    name = "bananas"
    settings: BananasSettings

    def __init__(self, space: CategoricalSpace, settings: BananasSettings, seed: int = 0) -> None:
        super().__init__(space, settings, seed)
        self._cells = isinstance(space, NASBench101Space)

    def choose(self, n: int) -> np.ndarray:
        """Choose the n candidates with the lowest acquisition."""
        candidates = self.candidates()
        if len(candidates) > n:
            candidates = candidates[np.argsort(self.acquisition(candidates), kind="stable")[:n]]
        return self.completed(candidates, n)

    def candidates(self) -> np.ndarray:
        """Mutate the best evaluated strings in turn until there are `pool` new cells, (n, N)."""
        settings, archive = self.settings, self.archive
        rates = settings.mutation if self._cells else ONE
        known = self.known()
        found = archive.actions[:0]
        for row in archive.best_first()[: settings.max_parents]:
            parents = np.repeat(archive.actions[row][None], settings.children, axis=0)
            try:
                children = mutate(self.space, parents, self.rng, rates)
            except ValueError:
                continue  # a parent without valid neighbours
            cells = self.space.identity(children)
            first = np.unique(cells, return_index=True)[1]
            new = np.sort(first[~contains(np.sort(known), cells[first])])
            found = np.concatenate([found, children[new]])
            known = np.concatenate([known, cells[new]])
            if len(found) >= settings.pool:
                break
        return found

    def acquisition(self, candidates: np.ndarray) -> np.ndarray:
        """Return what is to be low in a candidate, (n,), after training the ensemble anew."""
        predictions = self._predictions(candidates).astype(np.float64)
        mean, sd = predictions.mean(axis=0), predictions.std(axis=0)
        match self.settings.acquisition:
            case "its":
                return self.rng.normal(mean, sd)
            case "ts":
                return predictions[self.rng.integers(len(predictions))]
            case "ucb":
                return mean - UCB_FACTOR * sd
        return mean

    def _predictions(self, candidates: np.ndarray) -> np.ndarray:
        """Each network's prediction of the candidates' losses, (networks, n)."""
        settings = self.settings
        examples, inputs = self.encode(self.archive.actions), self.encode(candidates)
        met = np.any(np.concatenate([examples, inputs]), axis=0)
        limit = np.sqrt(6 / (len(met) + settings.width))  # Glorot's, of all inputs
        ensemble = Ensemble(
            settings.networks,
            (int(met.sum()), *[settings.width] * settings.layers, 1),
            self.rng,
            spread=[limit] + [None] * settings.layers,
            learning_rate=settings.learning_rate,
            beta2=settings.beta2,
        )
        losses = self._losses(self.archive.rewards)
        ensemble.fit(examples[:, met], losses, settings.epochs, settings.fit_batch, self.rng)
        return ensemble.predict(inputs[:, met])

    def _losses(self, rewards: np.ndarray) -> np.ndarray:
        if self.settings.target == "error":
            return 100 * (1 - rewards)
        return (rewards.mean() - rewards) / (rewards.std() or 1.0)

    def encode(self, actions: np.ndarray) -> np.ndarray:
        """Return the networks' inputs, (n, m) of zeros and ones."""
        if not self._cells:
            return encodings.one_hot(actions, self.space.cardinalities)
        if self.settings.encoding == "path":
            return encodings.path_encoding(actions, self.settings.length)
        return encodings.adjacency_encoding(actions)
