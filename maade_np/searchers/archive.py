"""What the baselines share: a uniform start, and an archive of all that was evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from maade_np.searchers.base import Proposals, Searcher, Settings, setting, streams
from maade_np.searchers.rejection import Rejection, uniform
from maade_np.spaces import CategoricalSpace


class Archive:
    """Evaluated strings with their rewards, by ascending id.

    Attributes
    ----------
    ids : ndarray, int64 (n,)
        Of the proposals; observations made elsewhere have -1 and stand first.
    actions : ndarray, int64 (n, N)
    rewards : ndarray, float64 (n,)
    """

    def __init__(self, size: int) -> None:
        self.ids = np.empty(0, dtype=np.int64)
        self.actions = np.empty((0, size), dtype=np.int64)
        self.rewards = np.empty(0)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Take results in; in whichever order they come, the archive is the same."""
        ids = np.concatenate([self.ids, ids])
        latest = ids[max(len(self.ids) - 1, 0) :]
        in_order = bool((latest[1:] >= latest[:-1]).all())
        order = slice(None) if in_order else np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.actions = np.concatenate([self.actions, actions])[order]
        self.rewards = np.concatenate([self.rewards, rewards])[order]

    def best_first(self) -> np.ndarray:
        """Return the rows by descending reward, among equals the earliest first."""
        return np.argsort(-self.rewards, kind="stable")

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.ids, self.actions, self.rewards = state["ids"], state["actions"], state["rewards"]


@dataclass(frozen=True)
class ArchiveSettings(Settings):
    """What the searchers share that choose by an archive."""

    batch_size: int = setting(1, "strings proposed at a time")
    initial: int = setting(10, "strings drawn uniformly before the method itself chooses")
    duplicates: str = setting(
        "charge",
        "'charge' a cell that was proposed before as a query, or 'skip' it and choose again",
        ("charge", "skip"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("batch_size", "initial"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


class ArchiveSearcher(Searcher):
    """Draws a start uniformly, then chooses by what has been evaluated.

    A subclass implements `choose`. It may be asked before anything was told (then it draws
    uniformly still), and told in parts and in any order.

    Attributes
    ----------
    archive : Archive
    rejection : Rejection
        Draws again what is invalid, and with duplicates skipped what was proposed before.
    rng : numpy.random.Generator
        Of all the searcher's own choices.
    """

    uses_observations: ClassVar[bool] = True
    settings: ArchiveSettings

    def __init__(self, space: CategoricalSpace, settings: ArchiveSettings, seed: int = 0) -> None:
        super().__init__(space, settings, seed)
        self.rng = streams(seed, "choices")["choices"]
        self.archive = Archive(space.size)
        self.rejection = Rejection(space, settings.duplicates)

    @property
    def batch_size(self) -> int:
        """How many strings `ask` proposes when it is not told a number."""
        return self.settings.batch_size

    def choose(self, n: int) -> np.ndarray:
        """Choose at most n valid strings (n, N) by the archive, which holds at least one."""
        raise NotImplementedError(f"{type(self).__name__} has no choose")

    @property
    def waiting(self) -> np.ndarray:
        """Strings proposed whose results are awaited (n, N)."""
        return self.archive.actions[:0] if self._open is None else self._open.actions

    def known(self) -> np.ndarray:
        """Return the cells that were evaluated or wait for their results, (n,)."""
        return self.space.identity(np.concatenate([self.archive.actions, self.waiting]))

    def completed(self, chosen: np.ndarray, n: int) -> np.ndarray:
        """Count the chosen strings (m, N) as proposed, and draw uniformly what is missing of n."""
        self.rejection.visit(chosen)
        if len(chosen) == n:
            return chosen
        drawn = self.rejection.collect(n - len(chosen), uniform(self.space, self.rng))
        return np.concatenate([chosen, drawn["actions"]])

    def propose(self, n: int) -> dict[str, np.ndarray]:
        """Draw uniformly while the start lasts or nothing is known, then choose."""
        observed = int(np.searchsorted(self.archive.ids, 0))
        start = self.settings.initial - self.counts["asked"] - observed
        if start > 0 or not len(self.archive):
            count = min(n, start) if start > 0 else n
            chosen = self.rejection.collect(count, uniform(self.space, self.rng))
        else:
            chosen = {"actions": self.choose(n)}
        self.counts["resampled"] = self.rejection.resampled
        return chosen

    def learn(self, proposals: Proposals, rewards: np.ndarray) -> None:
        """Take results into the archive."""
        self.archive.add(proposals.ids, proposals.actions, rewards)

    def take_observations(self, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Take evaluations made elsewhere into the archive; they count towards the start."""
        self.archive.add(np.full(len(actions), -1), actions, rewards)
        self.rejection.visit(actions)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that going on needs."""
        return {
            **super().state_dict(),
            "rng": self.rng.bit_generator.state,
            "archive": self.archive.state_dict(),
            "rejection": self.rejection.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state)
        self.rng.bit_generator.state = state["rng"]
        self.archive.load_state_dict(state["archive"])
        self.rejection.load_state_dict(state["rejection"])
