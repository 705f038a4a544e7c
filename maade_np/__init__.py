"""maade_np: neural architecture search by policy gradient, in NumPy, with hand-derived gradients."""
from . import layers, policies, spaces
