"""Search spaces: what can be chosen, what is valid, and which choices are the same."""

from __future__ import annotations

from maade_np.spaces import encodings, mutation, nasbench101
from maade_np.spaces.categorical import CategoricalSpace
from maade_np.spaces.nasbench101 import NASBench101Space

__all__ = ["CategoricalSpace", "NASBench101Space", "encodings", "mutation", "nasbench101"]
