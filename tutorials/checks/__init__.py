"""The self-checks of the exercises, a module a notebook: `checks.nb05.check_bias(answer)`.

A check says "Right: ..." and why, or raises an AssertionError that says what is off. The answers
are apart, in `solutions`: look there when you have tried.
"""

from importlib import import_module


def __getattr__(name: str):
    """Import `checks.nbNN` when it is first named, so that `import checks` is all one needs."""
    if name.startswith("nb"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
