"""The embedded surrogate of NAS-Bench-101: columns of a table, computed by a model.

A small network (`maade_np.tables._surrogate_network`), fitted to the real test accuracies of
363,624 cells, says what to expect of a cell; a noise model
(`maade_np.tables._surrogate_noise`) draws its training runs, always the same ones for a cell.
`benchmarks/fit_surrogate.py` makes the weights, `benchmarks/surrogate_quality.py` measures how
good they are on cells to which nothing was fitted (the number of epochs of the fit was chosen
with their ranks seen, and one of 24 realisations of the noise by five figures of the whole space).

What is modelled and what is assumed
------------------------------------
- Test accuracy at 108 epochs, its spread and the probability of a collapse: fitted on all
  training cells. Test accuracy at lower budgets: no data, missing.
- Validation at 108 epochs: its gap to test, of cells of at most five vertices from means of
  three runs of some 900, of larger ones from the best of three runs of 20,001. Validation runs
  are taken to spread as test runs do, which the best of three supports; that a collapse hits
  validation and test of a run alike holds in every cell where both are known. How much of the
  other noise they share is an assumption (rho = 0.5), on which two moments bear only weakly.
- Validation at 4, 12, 36 epochs: single runs of 20,001 cells; how much of the scatter is the
  cell's own comes from means of three of some 910 mostly small cells. Budgets are drawn
  independently given the network's prediction (measured: rank correlations of about 0.1).
- A realisation of the noise is luck: of 24 the one was taken whose space is most like the real
  one in five figures (what random search and a hill climb find, the optimum, the distribution of
  single validation runs of random draws). The others differ by some 0.05 points in each.
- Training seconds: 30,736 training cells at 108 epochs; at lower budgets in proportion, an
  assumption.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from maade_np.spaces._isomorphism import NUM_CELLS, NUM_OP_CODES, isomorphism_index
from maade_np.spaces._parameters import count_parameters
from maade_np.tables._surrogate_network import forward, structure
from maade_np.tables._surrogate_noise import BUDGETS, LOW, Outputs, draw_runs, low_budget, sigmoid

HEADS = ("run", "low")
CELLS_AT_ONCE = 2048

_COLLAPSED = 0.1
_RUNS_VERSION = b"1"  # to be raised where changed code draws other runs from the same weights


def predict(cells: Any) -> dict[str, np.ndarray]:
    """What the model expects of a few cells, without drawing runs.

    Parameters
    ----------
    cells : array-like, int (B,)
        Class numbers, 0 to 423,623: `NASBench101Space().identity(actions)`.

    Returns
    -------
    dict
        float64 arrays. ``mean_test`` (B,): expected test accuracy at 108 epochs, collapses
        included. ``test`` (B,): the same of a run that does not collapse. ``spread`` (B,):
        standard deviation of such a run's test accuracy. ``collapse`` (B,): probability of a
        collapse. ``validation`` (B, 4): typical validation accuracy at 4, 12, 36 and 108
        epochs. ``seconds`` (B,): training seconds at 108 epochs.

    Raises
    ------
    ValueError
        Not a vector of class numbers; -1 stands for an invalid cell and is refused.

    Examples
    --------
    >>> from maade_np.spaces.nasbench101 import NASBench101Space, from_matrix
    >>> cell = NASBench101Space().identity(from_matrix([[0, 1], [0, 0]], [])[None])
    >>> sorted(predict(cell))
    ['collapse', 'mean_test', 'seconds', 'spread', 'test', 'validation']
    """
    outputs, noise = network_outputs(cells), surrogate_weights()[1]
    error, level = np.exp(outputs.log_error), outputs.level
    low = [sigmoid(low_budget(noise, b, outputs.low[b], np.zeros(1))) for b in range(LOW)]
    return {
        "mean_test": (1 - outputs.collapse) * level + outputs.collapse * _COLLAPSED,
        "test": level,
        "spread": outputs.spread * error,
        "collapse": outputs.collapse,
        "validation": np.stack([*low, 1 - error * np.exp(outputs.gap(noise))], axis=1),
        "seconds": np.exp(outputs.log_seconds),
    }


def surrogate_columns(progress: Callable[[float], None] | None = None) -> dict[str, np.ndarray]:
    """Modelled runs of every cell, rows by class number; some seconds of computing.

    Parameters
    ----------
    progress : callable, optional
        Is told the fraction that is done, in (0, 1], now and then.

    Returns
    -------
    dict
        ``validation``, ``test``: uint16 (423624, 4, 3), images of 9,984 answered correctly at
        4, 12, 36 and 108 epochs by three repeats; 65535 where not modelled, which is test below
        108 epochs. ``train_seconds``: float32 (423624, 4, 3). ``params``: uint32 (423624,),
        counted, not modelled.
    """
    index = isomorphism_index()
    shape = (NUM_CELLS, len(BUDGETS), 3)
    columns: dict[str, np.ndarray] = {
        "validation": np.empty(shape, dtype=np.uint16),
        "test": np.empty(shape, dtype=np.uint16),
        "train_seconds": np.empty(shape, dtype=np.float32),
        "params": count_parameters(index.edges, index.ops).astype(np.uint32),
    }
    for start in range(0, NUM_CELLS, CELLS_AT_ONCE):
        cells = np.arange(start, min(start + CELLS_AT_ONCE, NUM_CELLS))
        for key, part in runs(cells).items():
            columns[key][cells[0] : cells[-1] + 1] = part
        if progress is not None:
            progress((cells[-1] + 1) / NUM_CELLS)
    return columns


def runs(cells: Any) -> dict[str, np.ndarray]:
    """The rows of `surrogate_columns`, but for ``params``, of a few cells (B,)."""
    cells = _checked(cells)
    noise = surrogate_weights()[1]
    return draw_runs(noise, network_outputs(cells), noise_keys(cells))._asdict()


def network_outputs(cells: Any) -> Outputs:
    """The network's outputs for a few cells (B,), the noise model's input."""
    cells = _checked(cells)
    index = isomorphism_index()
    graphs = structure(index.edges[cells], index.ops[cells])
    raw = forward(surrogate_weights()[0], graphs, HEADS)
    return Outputs.of(raw, 2 + graphs.used.sum(axis=0))


def noise_keys(cells: np.ndarray) -> np.ndarray:
    """What a cell's draws are a function of: its representative, not its number, int64 (B,)."""
    index = isomorphism_index()
    return index.edges[cells].astype(np.int64) * NUM_OP_CODES + index.ops[cells]


def model_version() -> str:
    """Names what `surrogate_columns` computes in this process: 12 digits."""
    return hashlib.sha256(_shipped() + _RUNS_VERSION).hexdigest()[:12]


@cache
def surrogate_weights() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The shipped weights of the network, float32, and of the noise model, float64."""
    with np.load(io.BytesIO(_shipped()), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    network = {
        key.removeprefix("network."): array.astype(np.float32)
        for key, array in arrays.items()
        if key.startswith("network.")
    }
    noise = {
        key.removeprefix("noise."): array.astype(np.float64)
        for key, array in arrays.items()
        if key.startswith("noise.")
    }
    return network, noise


@cache
def _shipped() -> bytes:
    return (files("maade_np.tables") / "data" / "surrogate.npz").read_bytes()


def _checked(cells: Any) -> np.ndarray:
    numbers = np.asarray(cells)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ValueError(
            f"cells is {numbers.dtype} {numbers.shape}, expected class numbers, integers (B,)"
        )
    outside = (numbers < 0) | (numbers >= NUM_CELLS)
    if outside.any():
        raise ValueError(
            f"cells[{int(outside.argmax())}] is {numbers[outside][0]}, expected a class number, "
            f"0 to {NUM_CELLS - 1} (-1 stands for an invalid string: leave it out)"
        )
    return numbers.astype(np.int64)
