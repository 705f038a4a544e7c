"""Policies: densities over the strings of a space, with hand-derived gradients."""

from .base import Batch, Policy, PolicyCache
from .maade import INIT_SCALES, MAADE, factorised_pays

__all__ = ["INIT_SCALES", "MAADE", "Batch", "Policy", "PolicyCache", "factorised_pays"]
