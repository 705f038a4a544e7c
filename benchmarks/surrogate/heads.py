"""The second head: validation at lower training budgets, and training seconds.

Only some 20,000 cells have them, so the sweeps stay as the test accuracies of all cells made
them; a head of three layers is fitted to what they read.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from maade_np.spaces._isomorphism import NUM_CELLS
from surrogate.data import Results
from surrogate.network import Cells, Network

LOW_BUDGETS = 3
SECONDS_WEIGHT = 10.0  # its noise is far below that of accuracies


def logit(accuracy: np.ndarray) -> np.ndarray:
    return np.log(accuracy) - np.log1p(-accuracy)


def low_targets(results: Results) -> np.ndarray:
    """Logit validation at 4, 12, 36 epochs and log seconds, (C, 4); NaN where unknown."""
    return np.column_stack([logit(results.best[:, :LOW_BUDGETS]), np.log(results.seconds)])


def fit_head(
    network: Network, cells: Cells, results: Results, train: np.ndarray, seed: int, log,
    epochs: int = 50, batch: int = 256, rate: float = 3e-3,
) -> nn.Sequential:  # fmt: skip
    """The head, its outputs in the units of `low_targets`."""
    torch.manual_seed(seed)
    y_all = low_targets(results)
    some = train[np.isfinite(y_all[train]).any(axis=1)]
    with torch.no_grad():
        read = torch.cat([network.readout(*cells[p]) for p in torch.from_numpy(some).split(4096)])
    y = torch.from_numpy(y_all[some].astype(np.float32))
    known = torch.isfinite(y)
    y = torch.nan_to_num(y)
    centre = (y * known).sum(0) / known.sum(0)
    scale = torch.sqrt((known * (y - centre) ** 2).sum(0) / known.sum(0))
    y = (y - centre) / scale
    weight = known.float() * torch.tensor([1.0, 1.0, 1.0, SECONDS_WEIGHT])
    head = nn.Sequential(
        nn.Linear(read.shape[1], 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 4)
    )
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=1e-2)
    steps = epochs * -(-len(some) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    rng = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        total = 0.0
        for part in torch.randperm(len(some), generator=rng).split(batch):
            fits = huber_loss(head(read[part]), y[part], delta=1.0, reduction="none")
            loss = (weight[part] * fits).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(part)
        if epoch + 1 == epochs:
            log(f"lower budgets, epoch {epoch + 1}/{epochs}: loss {total / len(some):.5f}")
    with torch.no_grad():
        head[4].weight *= scale[:, None]
        head[4].bias.copy_(head[4].bias * scale + centre)
    return head


def predict_head(network: Network, cells: Cells, head: nn.Sequential) -> Tensor:
    with torch.no_grad():
        parts = torch.arange(NUM_CELLS).split(8192)
        return torch.cat([head(network.readout(*cells[p])) for p in parts])


def run_noise(results: Results) -> float:
    """Robust standard deviation of one run's log seconds, where its cell's mean is known too."""
    ratio = np.log(results.single_seconds) - np.log(results.seconds)
    ratio = ratio[np.isfinite(ratio) & (ratio != 0)]
    spread = np.subtract(*np.quantile(ratio, [0.75, 0.25])) / 1.349
    return float(spread * np.sqrt(3 / 2))  # the run is one of the mean's three
