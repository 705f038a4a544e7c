"""Loading parts of a published program that the user has, without the frameworks that it asks for.

Nothing is written and nothing is copied: a file of the clone is compiled in memory. What is left of
`sys.modules` afterwards is as before.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

_PRINT = re.compile(r"^(\s*)print (?!\()(.+)$", re.MULTILINE)


def from_python2(source: str) -> str:
    """Make calls of print statements that take one line, and `items` of `iteritems`."""
    return _PRINT.sub(r"\1print(\2)", source).replace(".iteritems()", ".items()")


def definitions(source: str) -> ast.Module:
    """Keep imports, functions, classes and constants: what a program defines, not what it does."""
    kept: list[ast.stmt] = []
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign):
            try:
                ast.literal_eval(statement.value)
            except ValueError:
                continue
        elif not isinstance(
            statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
        ):
            continue
        kept.append(statement)
    return ast.Module(body=kept, type_ignores=[])


@contextmanager
def _modules(added: Mapping[str, ModuleType]) -> Iterator[None]:
    before = {name: sys.modules.get(name) for name in added}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def load(
    directory: Path,
    files: Mapping[str, str],
    stand_ins: Sequence[str] = (),
    given: Mapping[str, ModuleType] | None = None,
    scripts: Sequence[str] = (),
    names: Mapping[str, Any] | None = None,
) -> dict[str, ModuleType]:
    """Return modules of a clone.

    Parameters
    ----------
    directory : Path
        Of the clone.
    files : mapping of str to str
        Names of modules, as the program imports them, and their files, in the order in which they
        can be loaded.
    stand_ins : sequence of str
        Modules that are only imported: each attribute of them exists and does nothing.
    given : mapping of str to module, optional
        Modules that are asked, under the names by which the program imports them.
    scripts : sequence of str
        Modules of which only the definitions are kept, because they run when they are imported.
    names : mapping of str to object, optional
        What else every module finds, in place of builtins that are no more.
    """
    loaded: dict[str, ModuleType] = {}
    present: dict[str, ModuleType] = dict(given or {})
    present |= {name: MagicMock(name=name) for name in stand_ins}
    for name in [*present, *files]:
        for end in range(1, name.count(".") + 1):
            package = ".".join(name.split(".")[:end])
            if package not in present and package not in files:
                present[package] = ModuleType(package)
                present[package].__path__ = []  # type: ignore[attr-defined]
    # one by one, as a module that is loaded has to be there for the next
    with _modules(present | {name: ModuleType(name) for name in files}):
        for name, file in files.items():
            path = directory / file
            source = from_python2(path.read_text(encoding="utf-8"))
            tree = definitions(source) if name in scripts else ast.parse(source)
            module = sys.modules[name]
            module.__dict__.update(names or {}, __file__=str(path))
            exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)
            loaded[name] = module
    return loaded


def commit(directory: Path) -> str:
    """Return the commit of a clone, or "unknown" where git cannot say."""
    command = ["git", "-C", str(directory), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
