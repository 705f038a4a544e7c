"""The surrogate's network in torch, as it is fitted; maade_np runs the same in NumPy."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss, one_hot, softplus

from maade_np.spaces._isomorphism import EDGE_NUMBER, isomorphism_index
from maade_np.tables._surrogate_network import (
    INTERIOR,
    KINDS,
    OUTPUT,
    VERTEX_KINDS,
    structure,
)
from surrogate.data import Results

# log error is nearly homoscedastic: a run's spread is about 4.5 % of its error
CENTRE, SCALE = -2.37, 0.4
HUBER = 0.1 / SCALE
STUDENT = 5.0  # degrees of freedom in the likelihood of r0 - (r1 + r2) / 2
SIDE_WEIGHT = 0.02  # of the collapse and spread losses beside the mean's


class Network(nn.Module):
    """See `maade_np.tables._surrogate_network`; outputs (B, 3): mean, collapse, spread."""

    def __init__(self, h: int = 64) -> None:
        super().__init__()
        self.e_in = nn.Parameter(torch.randn(KINDS, h) * 0.5)
        self.e_out = nn.Parameter(torch.randn(KINDS, h) * 0.5)
        self.s1 = nn.Parameter(1 + torch.randn(VERTEX_KINDS, h) * 0.3)
        self.b1 = nn.Parameter(torch.randn(VERTEX_KINDS, h) * 0.3)
        self.s2 = nn.Parameter(1 + torch.randn(VERTEX_KINDS, h) * 0.3)
        self.b2 = nn.Parameter(torch.randn(VERTEX_KINDS, h) * 0.3)
        self.b3 = nn.Parameter(torch.randn(VERTEX_KINDS, h) * 0.1)
        self.W1 = nn.Linear(h, h, bias=False)
        self.W2 = nn.Linear(2 * h, h, bias=False)
        self.W3 = nn.Linear(2 * h, h, bias=False)
        self.head1 = nn.Linear(3 * h + KINDS, 128)
        self.head2 = nn.Linear(128, 64)
        self.head3 = nn.Linear(64, 3)

    def readout(self, edges: Tensor, vertex_kind: Tensor, kind: Tensor, used: Tensor) -> Tensor:
        """What the heads read, (B, 3 h + kinds)."""
        e, lit = edges.unsqueeze(2), used.unsqueeze(2)
        x = [self.e_in[kind]]
        for v in [*INTERIOR, OUTPUT]:
            a = e[EDGE_NUMBER[0, v]] * x[0]
            for u in range(1, v):
                a = torch.addcmul(a, e[EDGE_NUMBER[u, v]], x[u])
            if v < OUTPUT:
                c = vertex_kind[v - 1]
                x.append(torch.relu(self.W1(self.s1[c] * a) + self.b1[c]) + 0.5 * a)
        x.append(a)
        y = {OUTPUT: self.e_out[kind]}
        r = torch.zeros_like(a)
        for u in range(OUTPUT - 1, -1, -1):
            a = e[EDGE_NUMBER[u, OUTPUT]] * y[OUTPUT]
            for v in range(u + 1, OUTPUT):
                a = torch.addcmul(a, e[EDGE_NUMBER[u, v]], y[v])
            if u > 0:
                c = vertex_kind[u - 1]
                hidden = self.W2(torch.cat([self.s2[c] * a, x[u]], 1)) + self.b2[c]
                y[u] = torch.relu(hidden) + 0.5 * a
                r = r + torch.relu(self.W3(torch.cat([x[u], y[u]], 1)) + self.b3[c]) * lit[u - 1]
        return torch.cat([x[OUTPUT], a, r, one_hot(kind, KINDS).float()], 1)

    def forward(self, *cells: Tensor) -> Tensor:
        hidden = torch.relu(self.head1(self.readout(*cells)))
        return self.head3(torch.relu(self.head2(hidden)))


@dataclass(frozen=True)
class Cells:
    """All cells as tensors, by class number along the last axis."""

    tensors: tuple[Tensor, ...]

    def __getitem__(self, cells: Tensor) -> tuple[Tensor, ...]:
        return tuple(t[..., cells] for t in self.tensors)


def all_cells() -> Cells:
    index = isomorphism_index()
    return Cells(tuple(map(torch.from_numpy, structure(index.edges, index.ops))))


def targets(results: Results) -> Tensor:
    """(C, 6): standardised log errors of repeat 0 and of the pair, weights, collapsed runs."""
    columns = [
        (np.log(1 - np.nan_to_num(results.alive_first, nan=0.5)) - CENTRE) / SCALE,
        (np.log(1 - np.nan_to_num(results.alive_pair, nan=0.5)) - CENTRE) / SCALE,
        np.isfinite(results.alive_first) / 3,
        (2 - results.collapsed_pair) / 3,
        results.collapsed,
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def loss_of(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The loss, and its part that concerns the mean."""
    mean, collapse, spread = outputs.unbind(1)
    first, pair, w_first, w_pair, collapsed = y.unbind(1)
    fit = w_first * huber_loss(mean, first, delta=HUBER, reduction="none")
    fit = fit + w_pair * huber_loss(mean, pair, delta=HUBER, reduction="none")
    runs = 3 * softplus(collapse) - collapsed * collapse  # binomial
    # r0 - (r1 + r2) / 2 has variance 1.5 sigma^2; only where no run collapsed
    z = (first - pair) ** 2 / 1.5 * torch.exp(-2 * spread)
    tail = spread + (STUDENT + 1) / 2 * torch.log1p(z / STUDENT)
    return fit.mean() + SIDE_WEIGHT * (runs + tail * (collapsed == 0)).mean(), fit.mean()


def fit(
    cells: Cells, y: Tensor, train: np.ndarray, seed: int, epochs: int, batch: int = 1024,
    rate: float = 4e-3, log=print, h: int = 64,
) -> Network:  # fmt: skip
    """Fit by AdamW on one cosine cycle; returns the average of the weights' last 500 steps."""
    torch.manual_seed(seed)
    network, average = Network(h), Network(h)
    steps = epochs * (len(train) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.1, div_factor=10, final_div_factor=1000
    )
    rng, start, step = torch.Generator().manual_seed(seed), time.perf_counter(), 0
    everything = torch.from_numpy(train)
    for epoch in range(epochs):
        total = 0.0
        for part in everything[torch.randperm(len(train), generator=rng)].split(batch):
            if len(part) < batch:
                continue
            loss, about_mean = loss_of(network(*cells[part]), y[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            total += about_mean.item()
            keep = min(0.998, (1 + step) / (10 + step))
            with torch.no_grad():
                for a, p in zip(average.parameters(), network.parameters(), strict=True):
                    a.lerp_(p, 1 - keep)
        done = time.perf_counter() - start
        log(f"epoch {epoch + 1}/{epochs}: loss {total * batch / len(train):.5f}, {done:.0f} s")
    return average
