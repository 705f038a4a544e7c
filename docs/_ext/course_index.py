r"""What the notebooks' equations are, and which functions of the package compute them.

An equation is displayed maths with ``\tag{5.2}``. A function computes it where the notebook says so:

* in code, by a comment: ``scores, cache = layers.additive_scores_forward(...)  # (5.2)``; behind a
  comment that has a line of its own, everything up to the next empty line counts;
* in prose, by a phrase that names both: "(5.2) is `maade_np.layers.additive_scores_forward`", or by
  the paragraph right behind the equation: "That is `maade_np.baselines.MovingAverage`";
* in a list, by a point with a link to a file of the package: "`check_orders` (6.3), in [base.py](...)";
  it is the file as a whole where no name stands right beside the number.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent.parent
DISPLAYED = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
TAG = re.compile(r"\\tag\{(\d+)\.(\d+)\}")
NAMED = re.compile(r"`((?:maade_np|mn)(?:\.\w+)+)(?:\(.*?\))?`")


@dataclass
class Equation:
    """A numbered equation of a notebook."""

    number: tuple[int, int]
    docname: str
    title: str
    tex: str
    functions: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Where it is found on its page."""
        return anchor(self.number)


def anchor(number: tuple[int, int]) -> str:
    """Return the anchor of an equation."""
    return "eq-{}-{}".format(*number)


def canonical(name: str) -> str | None:
    """Return the full name under which something of the package is documented, None if nothing is.

    ``mn.layers.affine_forward`` is documented as ``maade_np.layers.affine.affine_forward``.
    """
    parts = re.sub(r"^mn\b", "maade_np", name).split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        full = ".".join(parts[:cut])
        for part in parts[cut:]:
            try:
                thing = getattr(thing, part)
            except AttributeError:
                return None
            known = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
            full = f"{known[0]}.{known[1]}" if all(known) else f"{full}.{part}"
        return full if full.startswith("maade_np") else None
    return None


@cache
def equations() -> dict[tuple[int, int], Equation]:
    """Return all numbered equations by number, in order."""
    found: dict[tuple[int, int], Equation] = {}
    for path in sorted((REPOSITORY / "tutorials").glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        code = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        title = prose[0].splitlines()[0].lstrip("# ")
        here = {}
        for tex in (m for text in prose for m in DISPLAYED.findall(text)):
            if tag := TAG.search(tex):
                number = int(tag[1]), int(tag[2])
                text = TAG.sub("", tex).strip()
                here[number] = Equation(number, f"tutorials/{path.stem}", title, text)
        text = "\n\n".join(prose)
        pairs = [*_named_in_code(code), *_named_in_prose(text), *_named_in_lists(text)]
        for beside in (False, True):
            for number, name in _named_behind(text) if beside else pairs:
                equation = here.get(number) or found.get(number)
                full = canonical(name)
                if not equation or not full or (beside and equation.functions):
                    continue
                if _computes(full) and full not in equation.functions:
                    equation.functions.append(full)
        for equation in here.values():  # a file says less than what is in it
            inner = equation.functions
            equation.functions = [f for f in inner if not any(g.startswith(f"{f}.") for g in inner)]
        found |= here
    return found


def computed_by() -> dict[str, list[Equation]]:
    """Return for each function the equations that it computes."""
    table: dict[str, list[Equation]] = {}
    for equation in equations().values():
        for name in equation.functions:
            table.setdefault(name, []).append(equation)
    return table


def _computes(full: str) -> bool:
    """Whether a full name is that of a function, a class or a file, not a package or a number."""
    if (REPOSITORY / full.replace(".", "/")).with_suffix(".py").exists():
        return True
    module, _, last = full.rpartition(".")
    try:
        return callable(getattr(importlib.import_module(module), last))
    except ImportError:  # a method
        return True
    except AttributeError:
        return False


def _named_in_prose(text: str) -> list[tuple[tuple[int, int], str]]:
    pairs = []
    for phrase in re.split(r"[,;:]\s|\.\s|\n\n", DISPLAYED.sub("\n\n", text)):
        numbers = re.findall(r"\((\d+)\.(\d+)\)", phrase)
        pairs += [((int(n), int(k)), name) for n, k in numbers for name in NAMED.findall(phrase)]
    return pairs


def _named_behind(text: str) -> list[tuple[tuple[int, int], str]]:
    """Return what the paragraph behind an equation says that it is, or is computed by."""
    pairs = []
    for tex, paragraph in re.findall(r"\$\$([^$]+)\$\$\s*\n\n((?:(?!\$\$).+\n?)+)", text):
        tag, names = (
            TAG.search(tex),
            set(re.findall(rf"\b(?:is|are|by) {NAMED.pattern}", paragraph)),
        )
        if tag and len(names) == 1:
            pairs.append(((int(tag[1]), int(tag[2])), names.pop()))
    return pairs


def _named_in_lists(text: str) -> list[tuple[tuple[int, int], str]]:
    pairs = []
    for point in re.findall(r"^[-*] .+\n?(?:^  .+\n?)*", text, re.MULTILINE):
        files = re.findall(r"\]\(\.\./(maade_np/[\w/]+)\.py\)", point)
        if len(files) == 1:
            module = files[0].replace("/", ".").removesuffix(".__init__")
            for name, n, k in re.findall(r"(?:`(\w+)`\s)?\((\d+)\.(\d+)\)", point):
                full = canonical(f"{module}.{name}") if name else None
                pairs.append(((int(n), int(k)), full or module))
    return pairs


def _named_in_code(code: str) -> list[tuple[tuple[int, int], str]]:
    aliases, pairs = _imports(code), []
    lines = code.splitlines()
    for at, line in enumerate(lines):
        before, mark, comment = line.partition("#")
        numbers = re.findall(r"\((\d+)\.(\d+)\)", comment) if mark else []
        if not numbers:
            continue
        text = before
        if not before.strip():
            rest = lines[at + 1 :]
            text = "\n".join(rest[: rest.index("") if "" in rest else None])
        elif before.lstrip().startswith(")"):  # behind a call of several lines
            start = max(k for k in range(at) if _depth(lines[k]) > 0)
            text = "\n".join(lines[start : at + 1])
        for name in re.findall(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*", text):
            root, dot, rest = name.partition(".")
            if root in aliases:
                pairs += [((int(n), int(k)), aliases[root] + dot + rest) for n, k in numbers]
    return pairs


def _depth(line: str) -> int:
    return sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))


def _imports(code: str) -> dict[str, str]:
    """Return what names of the package are called in a notebook: ``{"mn": "maade_np"}``."""
    names = {}
    for node in ast.walk(ast.parse(re.sub(r"^[%!].*", "", code, flags=re.MULTILINE))):
        if isinstance(node, ast.Import):
            names |= {a.asname: a.name for a in node.names if a.asname}
            names |= {"maade_np": "maade_np"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maade_np"):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return {name: full for name, full in names.items() if full.startswith("maade_np")}
