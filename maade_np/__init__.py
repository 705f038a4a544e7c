"""maade_np: neural architecture search by policy gradient, in NumPy, with hand-derived gradients.

Importing it needs NumPy alone. The flow is: a space, a policy over it, a table or a function that
rewards its strings, an objective whose gradient the policy's backward takes, an optimizer; a searcher
is these together behind ``ask`` and ``tell``, and `search` runs one.
"""

from maade_np import (
    backend,
    baselines,
    layers,
    objectives,
    optimizers,
    policies,
    searchers,
    spaces,
    tables,
)
