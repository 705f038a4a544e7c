"""maade_np: neural architecture search by policy gradient, in NumPy, with hand-derived gradients.

Importing it needs NumPy alone. The flow is: a space, a policy over it, a table or a function that
rewards its strings, an objective whose gradient the policy's backward takes, an optimizer; a searcher
is these together behind ``ask`` and ``tell``, and `search` runs one.
"""

from maade_np import (
    backend,
    baselines,
    gradcheck,
    layers,
    objectives,
    optimizers,
    policies,
    searchers,
    spaces,
    tables,
)
from maade_np._version import __version__
from maade_np.loop import search
from maade_np.results import SearchResult

__all__ = [
    "SearchResult",
    "__version__",
    "backend",
    "baselines",
    "gradcheck",
    "layers",
    "objectives",
    "optimizers",
    "policies",
    "search",
    "searchers",
    "spaces",
    "tables",
]
