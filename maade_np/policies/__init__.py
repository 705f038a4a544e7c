"""Policies: densities over the strings of a space, with hand-derived gradients."""

from maade_np.policies.base import Batch, Policy, PolicyCache
from maade_np.policies.independent import Independent
from maade_np.policies.lstm import LSTM, LSTM_SCALES
from maade_np.policies.maade import INIT_SCALES, MAADE, factorised_pays
from maade_np.policies.made import MADE, MADE_SCALES
from maade_np.policies.nade import NADE, NADE_SCALES

__all__ = [
    "INIT_SCALES",
    "LSTM",
    "LSTM_SCALES",
    "MAADE",
    "MADE",
    "MADE_SCALES",
    "NADE",
    "NADE_SCALES",
    "Batch",
    "Independent",
    "Policy",
    "PolicyCache",
    "factorised_pays",
]
