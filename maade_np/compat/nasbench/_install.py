"""Putting this package in the place of `nasbench` among the modules of a Python process."""

from __future__ import annotations

import sys
from types import ModuleType

from maade_np.compat import nasbench
from maade_np.compat.nasbench import api, lib
from maade_np.compat.nasbench.lib import config, graph_util, model_spec

NAME = "nasbench"

_OURS: dict[str, ModuleType] = {
    NAME: nasbench,
    f"{NAME}.api": api,
    f"{NAME}.lib": lib,
    f"{NAME}.lib.config": config,
    f"{NAME}.lib.graph_util": graph_util,
    f"{NAME}.lib.model_spec": model_spec,
}
_replaced: dict[str, ModuleType] = {}


def install(force: bool = False) -> None:
    """Register this package as ``nasbench``, so that programs written for the original run.

    From then on ``from nasbench import api`` and ``from nasbench.lib import graph_util`` in this
    process give the modules here, whether or not the original is installed. Doing it twice does
    no harm.

    Parameters
    ----------
    force : bool
        Take the place of the original even if it was imported. What a program has of it by
        then stays the original's.

    Raises
    ------
    ImportError
        The original was imported and `force` is not set.
    """
    there = sys.modules.get(NAME)
    if there is nasbench:
        return
    if there is not None and not force:
        raise ImportError(
            f"the package {NAME!r} is already imported, from "
            f"{getattr(there, '__file__', None) or there!r}: call install() before anything "
            "imports it, or install(force=True) to put this one in its place"
        )
    _replaced.update(_registered())
    for name in _replaced:
        del sys.modules[name]
    sys.modules.update(_OURS)


def uninstall() -> None:
    """Undo `install`: what it had replaced is back, and ``nasbench`` means the original again.

    Without `install` before it nothing happens.
    """
    if sys.modules.get(NAME) is not nasbench:
        return
    for name in _registered():
        del sys.modules[name]
    sys.modules.update(_replaced)
    _replaced.clear()


def _registered() -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in sys.modules.items()
        if name == NAME or name.startswith(f"{NAME}.")
    }
