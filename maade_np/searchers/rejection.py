"""Drawing until there are enough valid strings, and enough new ones where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from maade_np.spaces import CategoricalSpace

Draw = Callable[[int, int], dict[str, np.ndarray]]

MAX_TRIES = 100


def uniform(space: CategoricalSpace, rng: np.random.Generator) -> Draw:
    """Return a draw of every hyper-parameter from the uniform distribution, validity not looked at."""

    def draw(count: int, tries: int) -> dict[str, np.ndarray]:
        return {"actions": rng.integers(0, space.cardinalities, (count, space.size))}

    return draw


def first_occurrences(cells: np.ndarray) -> np.ndarray:
    """Return a mask (n,): each cell where it stands first."""
    first = np.zeros(len(cells), dtype=bool)
    first[np.unique(cells, return_index=True)[1]] = True
    return first


def contains(ascending: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a mask (n,): which values are among those of an ascending array."""
    if not len(ascending):
        return np.zeros(len(values), dtype=bool)
    place = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    found: np.ndarray = ascending[place] == values
    return found


class Rejection:
    """Collect valid strings from a source that also draws invalid ones.

    Parameters
    ----------
    space : CategoricalSpace
    duplicates : {"charge", "skip"}
        "charge": a cell that was proposed before is proposed again, as in the paper. "skip": it is
        passed over. Where no new cell is found in `MAX_TRIES` rounds (a small space runs out of
        them), a repeated one is proposed, so that a search always ends.

    Attributes
    ----------
    resampled : int
        Invalid strings drawn on the way to those that were taken.
    """

    def __init__(self, space: CategoricalSpace, duplicates: str) -> None:
        if duplicates not in ("charge", "skip"):
            raise ValueError(f"duplicates is {duplicates!r}; choose 'charge' or 'skip'")
        self.space, self.skip = space, duplicates == "skip"
        self.resampled = 0
        self._visited = np.empty(0, dtype=np.int64)
        self._rate = 1.0

    def collect(self, n: int, draw: Draw) -> dict[str, np.ndarray]:
        """Take the first n usable strings of ``draw(count, tries)``, called as often as needed.

        Parameters
        ----------
        n : int
        draw : callable
            Returns `count` strings as "actions" and any other columns; `tries` counts the rounds of
            this collection from 0.

        Returns
        -------
        columns : dict of arrays
            What `draw` returns, n rows each.
        """
        parts: list[dict[str, np.ndarray]] = []
        missing, tries = n, 0
        while missing:
            # looking for new cells, a round is a whole batch: it costs hardly more than one string
            wanted = n if self.skip and tries else missing
            drawn = draw(int(np.ceil(wanted / self._rate)), tries)
            cells = self.space.identity(drawn["actions"])
            valid = cells >= 0
            new = valid & self._new(cells) if self.skip and tries < MAX_TRIES else valid
            rows = np.flatnonzero(new)[:missing]
            looked_at = rows[-1] + 1 if len(rows) == missing else len(cells)
            self.resampled += int(looked_at - valid[:looked_at].sum())
            self._rate = float(np.clip(valid.mean(), 0.1, 1.0))
            if len(rows):
                parts.append({name: column[rows] for name, column in drawn.items()})
                if self.skip:
                    self._remember(cells[rows])
                missing -= len(rows)
            elif tries > 10 * MAX_TRIES:
                raise ValueError(
                    f"no valid string in the last {tries} rounds of draws: the policy has collapsed "
                    "onto invalid strings (a smaller learning rate or an entropy bonus prevents it), "
                    "or the space's is_valid admits almost nothing"
                )
            tries += 1
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def new(self, actions: np.ndarray) -> np.ndarray:
        """Return a mask: valid strings that `collect` would take now, each cell once if skipping."""
        cells = self.space.identity(actions)
        return (cells >= 0) & self._new(cells) if self.skip else cells >= 0

    def _new(self, cells: np.ndarray) -> np.ndarray:
        """Return a mask: cells not proposed before, each at its first occurrence only."""
        return first_occurrences(cells) & ~contains(self._visited, cells)

    def _remember(self, cells: np.ndarray) -> None:
        # union1d hashes all that was visited: 40 times as slow after 3,000 cells
        new = np.sort(cells[self._new(cells)])
        self._visited = np.insert(self._visited, np.searchsorted(self._visited, new), new)

    def visit(self, actions: np.ndarray) -> None:
        """Count strings that somebody else evaluated as proposed before."""
        if self.skip:
            self._remember(self.space.identity(actions))

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs."""
        return {"visited": self._visited, "rate": self._rate, "resampled": self.resampled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._visited, self._rate = state["visited"], state["rate"]
        self.resampled = state["resampled"]
