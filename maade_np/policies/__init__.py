"""Policies: densities over the strings of a space, with hand-derived gradients."""

from maade_np.policies.base import Batch, Policy, PolicyCache
from maade_np.policies.maade import INIT_SCALES, MAADE, factorised_pays

__all__ = ["INIT_SCALES", "MAADE", "Batch", "Policy", "PolicyCache", "factorised_pays"]
