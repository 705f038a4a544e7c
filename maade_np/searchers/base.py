"""What every searcher shares: ask, tell, observe, and the accounting between them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np

from maade_np.spaces import CategoricalSpace

FULL_EPOCHS = 108


@dataclass(frozen=True)
class Proposals:
    """Strings that a searcher wants evaluated; every field has one entry a string.

    Attributes
    ----------
    actions : ndarray, int64 (n, N)
        Valid strings.
    ids : ndarray, int64 (n,)
        Counted from 0 over the whole search.
    epochs : ndarray, int64 (n,)
        The training budget asked for.
    orders : ndarray (n, N) or None
        The orders in which a policy decided them.
    log_prob : ndarray, float64 (n,) or None
        Their log-probability when they were drawn, at temperature 1.
    """

    actions: np.ndarray
    ids: np.ndarray
    epochs: np.ndarray
    orders: np.ndarray | None = None
    log_prob: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray | slice) -> Proposals:
        """Return the proposals in these rows."""
        columns: dict[str, Any] = {
            name: None if c is None else c[rows] for name, c in vars(self).items()
        }
        return replace(self, **columns)

    @staticmethod
    def join(parts: list[Proposals]) -> Proposals:
        """Return proposals of one searcher, one after the other."""
        columns = {name: [vars(part)[name] for part in parts] for name in vars(parts[0])}
        joined: dict[str, Any] = {
            name: None if c[0] is None else np.concatenate(c) for name, c in columns.items()
        }
        return replace(parts[0], **joined)


@dataclass(frozen=True)
class Settings:
    """The settings of a searcher: one field each, its help in the field's metadata."""

    def __post_init__(self) -> None:
        for declared in fields(self):
            value, choices = getattr(self, declared.name), declared.metadata["choices"]
            if choices and value not in choices:
                raise ValueError(
                    f"{declared.name} is {value!r}; choose one of {', '.join(map(repr, choices))}"
                )


def setting(default: Any, help: str, choices: tuple[Any, ...] = ()) -> Any:
    """Declare a settings field with the help that the command line shows."""
    return field(default=default, metadata={"help": help, "choices": choices})


class Searcher:
    """Proposes strings and learns from their rewards.

    A subclass sets `name`, implements `propose` and, if it learns, `learn`.

    Parameters
    ----------
    space : CategoricalSpace
    settings : Settings
    seed : int
        The source of the searcher's own choices.

    Attributes
    ----------
    training_budgets : tuple of int
        The epochs that it may ask for, ascending.
    counts : dict of int
        "asked" and "told" strings, and "resampled": invalid strings drawn on the way.
    """

    name: ClassVar[str]
    training_budgets: tuple[int, ...] = (FULL_EPOCHS,)
    uses_observations: ClassVar[bool] = False
    observation_reason: ClassVar[str] = "it learns only from what it proposed itself"

    def __init__(self, space: CategoricalSpace, settings: Settings, seed: int = 0) -> None:
        self.space, self.settings, self.seed = space, settings, seed
        self.counts = {"asked": 0, "told": 0, "resampled": 0}
        self._open: Proposals | None = None  # asked and not yet told, by ascending id

    @property
    def batch_size(self) -> int:
        """How many strings `ask` proposes when it is not told a number."""
        return 1

    def propose(self, n: int) -> dict[str, np.ndarray]:
        """Choose n valid strings: "actions", and whatever else of `Proposals` the searcher needs."""
        raise NotImplementedError(f"{type(self).__name__} has no propose")

    def learn(self, proposals: Proposals, rewards: np.ndarray) -> None:
        """Learn from results; called as they come in."""

    def ask(self, n: int | None = None) -> Proposals:
        """Propose at most n strings (default: the searcher's own batch).

        Raises
        ------
        ValueError
            n is below 1.
        """
        if n is not None and n < 1:
            raise ValueError(f"n is {n}; at least 1 string must be asked for")
        size = self.batch_size if n is None else min(n, self.batch_size)
        chosen = self.propose(size)
        count = len(chosen["actions"])
        ids = np.arange(self.counts["asked"], self.counts["asked"] + count)
        chosen.setdefault("epochs", np.full(count, FULL_EPOCHS))
        proposals = Proposals(ids=ids, **chosen)
        for column in vars(proposals).values():
            if column is not None:
                column.flags.writeable = False  # what is told later is about these strings
        self.counts["asked"] += count
        self._open = proposals if self._open is None else Proposals.join([self._open, proposals])
        return proposals

    def tell(self, proposals: Proposals | np.ndarray, rewards: Any) -> None:
        """Report results, in parts and in any order.

        Parameters
        ----------
        proposals : Proposals, or integer array (n,)
            What was asked, or the ids of a part of it.
        rewards : array (n,)
            Accuracies, or any finite numbers of which higher is better.

        Raises
        ------
        ValueError
            Lengths differ, a reward is not finite, an id was never asked for or was told before.
            Nothing of the call is taken then.
        """
        ids = proposals.ids if isinstance(proposals, Proposals) else np.asarray(proposals)
        if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
            raise ValueError(f"ids must be integers of shape (n,), not {ids.dtype} {ids.shape}")
        rewards = check_rewards(rewards, len(ids))
        if not len(ids):
            return
        told, self._open = self._split_open(ids)
        self.counts["told"] += len(ids)
        self.learn(told, rewards)

    def _split_open(self, ids: np.ndarray) -> tuple[Proposals, Proposals | None]:
        """Return the open proposals with these ids, and those that stay open."""
        waiting = np.empty(0, dtype=np.int64) if self._open is None else self._open.ids
        rows = np.searchsorted(waiting, ids)
        found = np.zeros(len(ids), dtype=bool)
        inside = rows < len(waiting)
        found[inside] = waiting[rows[inside]] == ids[inside]
        if not found.all():
            i = int(ids[int(np.argmin(found))])
            raise ValueError(
                f"proposal {i} was told before; tell each result once"
                if 0 <= i < self.counts["asked"]
                else f"proposal {i} was never asked for; ids so far are 0 to {self.counts['asked'] - 1}"
            )
        stays = np.ones(len(waiting), dtype=bool)
        stays[rows] = False
        if len(waiting) - stays.sum() < len(ids):
            raise ValueError(f"ids {ids.tolist()} name a proposal twice; tell each result once")
        assert self._open is not None
        return self._open.take(rows), self._open.take(stays) if stays.any() else None

    def observe(self, actions: Any, rewards: Any) -> None:
        """Take results of strings that somebody else chose.

        Raises
        ------
        ValueError
            The method cannot use them.
        """
        actions = self.space.check(actions).copy()
        rewards = check_rewards(rewards, len(actions))
        if not self.uses_observations:
            raise ValueError(
                f"{self.name} cannot use evaluations made elsewhere: {self.observation_reason}"
            )
        self.take_observations(actions, rewards)

    def take_observations(self, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Use observations; for searchers with `uses_observations`."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that going on needs: nested dicts of arrays, numbers and strings."""
        return {
            "searcher": self.name,
            "counts": dict(self.counts),
            "open": None if self._open is None else dict(vars(self._open)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state, as if nothing had happened in between.

        Raises
        ------
        ValueError
            The state belongs to another searcher.
        """
        if state.get("searcher") != self.name:
            raise ValueError(
                f"the state belongs to searcher {state.get('searcher')!r}, this one is {self.name!r}"
            )
        self.counts = dict(state["counts"])
        self._open = None if state["open"] is None else Proposals(**state["open"])


def check_rewards(rewards: Any, n: int) -> np.ndarray:
    """Return a copy of rewards as float64 (n,), or say what is wrong with them."""
    try:
        values = np.array(rewards, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"rewards are no numbers: {error}") from error
    if values.shape != (n,):
        raise ValueError(f"rewards has shape {values.shape}, but {n} results are told: give ({n},)")
    if not np.isfinite(values).all():
        k = int(np.argmin(np.isfinite(values)))
        raise ValueError(
            f"reward {k} is {values[k]}; rewards must be finite. "
            "For an evaluation that failed give the lowest reward that could occur"
        )
    return values


def streams(seed: int, *names: str) -> dict[str, np.random.Generator]:
    """Return independent generators by name, split from one seed."""
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(c) for name, c in zip(names, children, strict=True)}
