"""The solutions of the exercises, a module a notebook, each under the name of its check.

`solutions.nb05.bias` answers `checks.nb05.check_bias`. Try first.
"""

from importlib import import_module


def __getattr__(name: str):
    """Import `solutions.nbNN` when it is first named, so that `import solutions` is enough."""
    if name.startswith("nb"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
