"""Independent implementations of MAADE, against which `benchmarks/speed.py` measures maade_np.

None of them imports maade_np: they share with it the names and shapes of the parameters and
nothing else, so that `python -m benchmarks.peers.check` can serve as an oracle. Each is written
as somebody who knows the framework well would write it.

Every peer is built as ``Peer(params, cardinalities, families, blocks=1, learning_rate=1e-3)`` and
has ``log_prob(actions, orders)``, ``gradients(actions, orders, dlog_prob)``,
``sample(batch_size, orders, seed)``, ``update(actions, orders, advantage)`` and
``numpy_params()``. Actions are (B, N) and indexed by hyper-parameter; orders are (N,), shared by
the batch, or (B, N), and ``orders[..., t]`` is the hyper-parameter decided at step t. Arithmetic is
done in the dtype of ``params``.
"""

from __future__ import annotations

import ctypes
import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# name of the peer -> (module, class, fixed keyword arguments, distribution to install)
PEERS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "torch": ("torch_maade", "TorchMAADE", {"sampler": "cached"}, "torch"),
    "torch-plain-sampler": ("torch_maade", "TorchMAADE", {"sampler": "plain"}, "torch"),
    "torch-factorised": ("torch_maade", "TorchFactorisedMAADE", {}, "torch"),
    "torch-folded": ("torch_maade", "TorchFactorisedMAADE", {"fold": True}, "torch"),
    "jax": ("jax_maade", "JaxMAADE", {}, "jax"),
    "jax-factorised": ("jax_maade", "JaxFactorisedMAADE", {}, "jax"),
    "jax-folded": ("jax_maade", "JaxFactorisedMAADE", {"fold": True}, "jax"),
    "autograd": ("autograd_maade", "AutogradMAADE", {}, "autograd"),
}


class MissingPeer(ImportError):  # noqa: N818 - reads as what it says
    """The framework of a peer is not installed; the message says which and how to get it."""


def limit_threads(threads: int = 1) -> None:
    """Ask every framework for ``threads`` CPU threads. Call it before NumPy's first product.

    The BLAS libraries and XLA read their settings when they are loaded, so a benchmark should
    also be started with ``OMP_NUM_THREADS`` set; PyTorch and threadpoolctl obey at any time.
    """
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ):
        os.environ[name] = str(threads)
    if threads == 1 and "xla_cpu_multi_thread_eigen" not in os.environ.get("XLA_FLAGS", ""):
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ImportError:
        return
    threadpoolctl.threadpool_limits(threads)


def keep_memory() -> bool:
    """Let glibc keep freed memory, and say whether that worked; elsewhere nothing happens.

    By default arrays of several megabytes are given back to the system and their pages faulted in
    again at every update, which costs the textbook peers up to half of their time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    trim_threshold, mmap_threshold = -1, -3  # names in glibc's malloc.h
    return bool(mallopt(mmap_threshold, 1 << 25) and mallopt(trim_threshold, 1 << 30))


def create(
    name: str,
    params: Mapping[str, np.ndarray],
    cardinalities: Sequence[int],
    families: Sequence[str],
    **settings: Any,
) -> Any:
    """Build the peer ``name``, one of `PEERS`.

    Raises
    ------
    ValueError
        If there is no peer of that name.
    MissingPeer
        If its framework is not installed.
    """
    if name not in PEERS:
        raise ValueError(f"unknown peer {name!r}; the peers are {', '.join(PEERS)}")
    module, cls, fixed, distribution = PEERS[name]
    try:
        importlib.import_module(distribution)
    except ImportError as error:
        raise MissingPeer(
            f"peer {name!r} needs {distribution}, which is not installed: "
            f"pip install {distribution}"
        ) from error
    peer = getattr(importlib.import_module(f"{__name__}.{module}"), cls)
    return peer(params, cardinalities, families, **{**fixed, **settings})


@dataclass(frozen=True)
class Layout:
    """Index tables of a categorical space, worked out once.

    A pair p stands for (hyper-parameter j, value v); the P = sum of cardinalities pairs are
    numbered by j, then v. The families' value embeddings are stacked into one table, in the
    order in which the families first appear.
    """

    cardinalities: np.ndarray  # (N,)
    family_names: tuple[str, ...]
    value_offset: np.ndarray  # (N,) first row of j's family
    exists: np.ndarray  # (N, D) bool
    pair_offset: np.ndarray  # (N,) first pair of j
    pair_position: np.ndarray  # (P,) j of a pair
    pair_row: np.ndarray  # (P,) its row in the stack
    rows: int = field(default=0)  # rows in the stacked table

    @property
    def size(self) -> int:
        """N, the number of hyper-parameters."""
        return len(self.cardinalities)

    @property
    def pairs(self) -> int:
        """P, the number of (hyper-parameter, value) pairs."""
        return len(self.pair_position)


def layout(
    params: Mapping[str, np.ndarray],
    cardinalities: Sequence[int],
    families: Sequence[str],
    blocks: int,
) -> Layout:
    """Check that parameters and space belong together, and index the space.

    Raises
    ------
    ValueError
        If a parameter is missing or has another shape than the space asks for.
    """
    card = np.asarray(cardinalities, dtype=np.int64)
    names = tuple(dict.fromkeys(families))
    n, width = len(card), int(card.max())
    if len(families) != n:
        raise ValueError(f"{len(families)} families for {n} hyper-parameters; give one for each")
    needed = ["q", "W_out", "b_out", *(f"V.{name}" for name in names)]
    for m in range(1, blocks + 1):
        needed += [
            f"block{m}.{part}" for part in ("W_q", "W_k", "b_a", "w_a", "W1", "b1", "W2", "b2")
        ]
    missing = [name for name in needed if name not in params]
    if missing:
        raise ValueError(f"params lacks {', '.join(missing)}")
    if params["b_out"].shape != (n, width) or len(params["q"]) != n:
        raise ValueError(
            f"b_out has shape {params['b_out'].shape} and q {len(params['q'])} rows; "
            f"the space asks for {(n, width)} and {n}"
        )
    heights = [len(params[f"V.{name}"]) for name in names]
    first = dict(zip(names, np.cumsum([0, *heights[:-1]]), strict=True))
    value_offset = np.array([first[name] for name in families], dtype=np.int64)
    position = np.repeat(np.arange(n), card)
    pair_offset = np.cumsum(card) - card
    value = np.arange(len(position)) - pair_offset[position]
    return Layout(
        card,
        names,
        value_offset,
        np.arange(width) < card[:, None],
        pair_offset,
        position,
        value_offset[position] + value,
        rows=sum(heights),
    )


def shared_order(orders: np.ndarray) -> np.ndarray | None:
    """The one order (N,) that all strings follow, or None where they differ."""
    orders = np.asarray(orders)
    if orders.ndim == 1:
        return orders
    return orders[0] if bool((orders == orders[0]).all()) else None


def steps_of(orders: np.ndarray) -> np.ndarray:
    """Inverse permutations: the step at which each hyper-parameter is decided."""
    return np.argsort(orders, axis=-1)


def seed_of(seed: int | np.random.Generator) -> int:
    """A 63-bit seed for a framework's own generator, drawn from a NumPy one if given."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    return int(seed)


def random_params(
    cardinalities: Sequence[int],
    families: Sequence[str],
    d: int,
    blocks: int,
    rng: np.random.Generator,
    dtype: Any = np.float64,
    scale: float = 1.0,
) -> dict[str, np.ndarray]:
    """Random parameters of the common shapes (a = f = d), weights of size ``scale / sqrt(d)``."""
    card = np.asarray(cardinalities)
    n, width = len(card), int(card.max())
    shapes: dict[str, tuple[int, ...]] = {"q": (n, d)}
    for name in dict.fromkeys(families):
        shapes[f"V.{name}"] = (int(card[[f == name for f in families]].max()), d)
    for m in range(1, blocks + 1):
        shapes |= {f"block{m}.{part}": (d, d) for part in ("W_q", "W_k", "W1", "W2")}
        shapes |= {f"block{m}.{part}": (d,) for part in ("b_a", "w_a", "b1", "b2")}
    shapes |= {"W_out": (n, d, width), "b_out": (n, width)}
    return {
        name: (rng.standard_normal(shape) * scale / (np.sqrt(d) if len(shape) > 1 else 1.0)).astype(
            dtype
        )
        for name, shape in shapes.items()
    }
