"""hyperopt's, Optuna's and HpBandSter's numbers, as `published_densities.py` stored them, and ours.

They were computed in environments of their own; so nothing published runs here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import published_densities
from published_densities import CARDINALITIES, GOLDEN, questions

from maade_np.searchers._hyperband import Bracket, bracket_sizes
from maade_np.searchers.bohb import BOHB, BOHBSettings
from maade_np.searchers.tpe import HYPEROPT, OPTUNA, OPTUNA_MULTIVARIATE, TPE, TPESettings
from maade_np.spaces import CategoricalSpace
from maade_np.tables import NASBench101

from . import comparing
from .cells import Answers
from .comparing import Row

SPACE = CategoricalSpace([f"x{i}" for i in range(5)], CARDINALITIES)
EPOCHS = [4, 12, 36, 108]


def stored(name: str) -> dict[str, Any]:
    """Return the numbers of hyperopt, optuna or hpbandster."""
    text = (GOLDEN / f"published_{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def history(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the results that the published programs were given, as rewards."""
    actions, losses = published_densities.history(n)
    return actions, -losses


def _tpe(n: int, settings: TPESettings) -> Any:
    searcher = TPE(SPACE, settings)
    searcher.observe(*history(n))
    return searcher.densities()


def hyperopt() -> list[Row]:
    """Compare the probabilities of values, under the good and the bad."""
    theirs: list[float] = []
    mine: list[float] = []
    for case in stored("hyperopt")["cases"]:
        for side, density in zip(("good", "bad"), _tpe(case["n"], HYPEROPT), strict=True):
            for row, expected in zip(density.probabilities, case[side], strict=True):
                theirs += expected
                mine += row[: len(expected)].tolist()
    return [comparing.difference("tpe, probabilities of values", theirs, mine)]


def optuna() -> list[Row]:
    """Compare log-probabilities of values, and of whole strings in the multivariate variant."""
    figures: list[list[list[float]]] = [[[], []], [[], []]]
    for case in stored("optuna")["cases"]:
        independent, joint = _tpe(case["n"], OPTUNA), _tpe(case["n"], OPTUNA_MULTIVARIATE)
        for side, one, whole in zip(("good", "bad"), independent, joint, strict=True):
            for row, expected in zip(one.probabilities, case[side]["values"], strict=True):
                figures[0][0] += expected
                figures[0][1] += np.log(row[: len(expected)]).tolist()
            figures[1][0] += case[side]["strings"]
            figures[1][1] += whole.log_parts(questions())[:, 0].tolist()
    return [
        comparing.difference("tpe, log-probabilities of values", *figures[0]),
        comparing.difference("tpe, log-probabilities of strings, multivariate", *figures[1]),
    ]


def hpbandster() -> list[Row]:
    """Compare bandwidths, densities, brackets and the order of queries."""
    published = stored("hpbandster")
    bandwidths: list[list[float]] = [[], []]
    densities: list[list[float]] = [[], []]
    for case in published["cases"]:
        searcher = BOHB(SPACE, BOHBSettings(min_bandwidth=case["min_bandwidth"]))
        searcher.archives[4].add(np.arange(case["n"]), *history(case["n"]))
        searcher._stale = True
        model = searcher.model()
        assert model is not None
        for side, found in zip(("good", "bad"), model, strict=True):
            bandwidths[0] += case[side]["bandwidths"]
            bandwidths[1] += found.bandwidths.tolist()
            densities[0] += case[side]["densities"]
            densities[1] += np.exp(found.log_parts(questions())[:, 0]).tolist()
    sizes = [bracket_sizes(number, 4, 3) == s for number, s in enumerate(published["sizes"])]
    asked = schedule()
    same = [a == b for a, b in zip(asked, published["schedule"], strict=True)]
    return [
        comparing.difference("bohb, bandwidths", *bandwidths),
        comparing.difference("bohb, densities", *densities),
        comparing.equal("bohb, brackets: strings of each rung", sizes),
        comparing.equal("bohb, order of the queries of a bracket", same),
    ]


def schedule() -> list[list[int]]:
    """Return number and epochs of a bracket's queries; losses are a formula without ties."""
    bracket, asked = Bracket([27, 9, 3, 1], EPOCHS, 1), []
    while not bracket.done:
        next_new, epochs = len(bracket.ids), bracket.epochs[bracket.rung]
        number = int(bracket.promoted[next_new, 0]) if bracket.rung else next_new
        bracket.ask(np.array([len(asked)]), np.array([[number]]))
        bracket.tell(np.array([len(asked)]), np.array([-((number * 17 + epochs * 5) % 29)]))
        asked.append([number, epochs])
    return asked


def versions() -> str:
    """Return the versions whose numbers are stored."""
    return (
        f"hyperopt {stored('hyperopt')['hyperopt']}, Optuna {stored('optuna')['optuna']}, "
        f"HpBandSter {stored('hpbandster')['hpbandster']}"
    )


def compare(directory: Path, table: NASBench101, answers: Answers, trials: int) -> list[Row]:
    """Compare with all three."""
    return [*hyperopt(), *optuna(), *hpbandster()]
