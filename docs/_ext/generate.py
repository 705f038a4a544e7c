"""Before reading, write the pages that are made from the code.

docs/api/, a page a module; docs/equations.md, the numbered equations of the course and what computes
them; docs/commands.md, the help of `maade-np`. A page is touched only where it changes, so that a
second build reads little.
"""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path
from typing import Any

from course_index import REPOSITORY, canonical, equations

from maade_np.files import write_text

PACKAGE = REPOSITORY / "maade_np"
DOCS = REPOSITORY / "docs"
# the order of the one picture; what is not named here comes behind
ORDER = (
    *("spaces", "layers", "policies", "objectives", "baselines", "optimizers", "gradcheck"),
    *("gradcheck_suite", "searchers", "testing", "tables", "loop", "results", "statistics"),
    *("experiments", "report", "reproduce", "cli", "compat"),
)


def setup(app: Any) -> dict[str, bool]:
    """Generate when Sphinx begins."""
    app.connect("builder-inited", lambda app: generate())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def generate() -> None:
    """Write all pages, and remove those of modules that are no more."""
    pages = {f"api/{name}.md": text for name, text in api_pages().items()}
    pages |= {"equations.md": equations_page(), "commands.md": commands_page()}
    for old in (DOCS / "api").glob("*.md"):
        if f"api/{old.name}" not in pages:
            old.unlink()
    for name, text in pages.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)


# the API ---------------------------------------------------------------------------------------


def api_pages() -> dict[str, str]:
    """Return a page for each module and package, by its dotted name; "index" lists the first."""
    pages = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        if path.name == "__init__.py":
            name = name.removesuffix(".__init__")
            pages[name] = package_page(name, path)
        elif path.name not in ("__main__.py", "_version.py"):
            pages[name] = module_page(name)
    pages["index"] = pages.pop("maade_np")
    return pages


def module_page(name: str) -> str:
    """Return the page of a module: its docstring and all that it defines."""
    title = name.removeprefix("maade_np.").split(".")[-1]
    return f"# {title}\n\n`{name}`\n\n{automodule(name)}"


def package_page(name: str, path: Path) -> str:
    """Return the page of a package: docstring, public names, modules, what it defines itself."""
    lines = [f"# {'API' if name == 'maade_np' else name.split('.')[-1]}", "", f"`{name}`", ""]
    lines += [automodule(name)]
    if exported := [row for row in public_names(name, path) if row]:
        lines += ["## Public names", "", "| | |", "| --- | --- |", *exported, ""]
    below = [p for p in path.parent.iterdir() if p != path and is_module(p)]
    below.sort(key=lambda p: (rank(p.stem), p.stem.startswith("_"), p.stem))
    if below:
        lines += ["## Modules", "", "| | |", "| --- | --- |"]
        for each in below:
            link = f"[{each.stem}]({name}.{each.stem}.md)"
            lines.append(f"| {link} | {first_line(each)} |")
        names = "\n".join(f"{name}.{each.stem}" for each in below)
        lines += ["", f"```{{toctree}}\n:hidden:\n\n{names}\n```"]
    return "\n".join(lines) + "\n"


def automodule(name: str) -> str:
    """Return the directive that documents a module."""
    return f"```{{eval-rst}}\n.. automodule:: {name}\n```\n"


def is_module(path: Path) -> bool:
    """Whether a file or folder is a module that has a page."""
    if path.is_dir():
        return (path / "__init__.py").exists()
    return path.suffix == ".py" and path.name not in ("__main__.py", "_version.py")


def rank(stem: str) -> int:
    """Return the place in the one picture."""
    return ORDER.index(stem) if stem in ORDER else len(ORDER)


def first_line(path: Path) -> str:
    """Return the first sentence of a module's docstring, without importing it."""
    file = path / "__init__.py" if path.is_dir() else path
    return in_a_cell(ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "")


def in_a_cell(docstring: str) -> str:
    """Return a docstring's first sentence as Markdown that stands in a table."""
    text = " ".join(docstring.split("\n\n")[0].split())
    text = re.match(r".*?\.(?= [A-Z`]|$)|.*", text)[0].rstrip(":")
    text = re.sub(r":math:`(.+?)`", r"$\1$", text.replace("``", "`"))
    return text.replace("|", r"\|")


def public_names(name: str, path: Path) -> list[str]:
    """Return a table row for each public name of a package that one of its modules defines."""
    import importlib

    package, rows = importlib.import_module(name), []
    for public in getattr(package, "__all__", ()):
        full = canonical(f"{name}.{public}")
        thing = getattr(package, public)
        if full is None or not callable(thing) or full == f"{name}.{public}":
            continue
        rows.append(f"| {{py:obj}}`{public} <{full}>` | {in_a_cell(thing.__doc__ or '')} |")
    return rows


# the equations ---------------------------------------------------------------------------------


def equations_page() -> str:
    """Return the index of the course's equations, with links to them and to what computes them."""
    lines = [
        "# Equations",
        "",
        "Every numbered equation of [the course](../tutorials/README.md), and what computes it. The",
        "number leads to the derivation, the name to the function, whose page leads back.",
    ]
    title = None
    for equation in equations().values():
        if equation.title != title:
            title = equation.title
            lines += ["", f"## {title}", ""]
        number = "{}.{}".format(*equation.number)
        names = ", ".join(f"`{name}`" for name in equation.functions)
        lines += [f"**{{ref}}`({number}) <{equation.label}>`** {names}", ""]
        lines += [f"$$ {equation.tex} $$", ""]
    return "\n".join(lines) + "\n"


# the command line ------------------------------------------------------------------------------


def commands_page() -> str:
    """Return the help of every command, made from the parsers."""
    from maade_np.cli import parser

    return "\n".join(command_lines(parser(), 2)) + "\n"


def command_lines(parser: argparse.ArgumentParser, level: int) -> list[str]:
    """Return the section of a parser and those of its subcommands."""
    formatter = parser._get_formatter()
    usage = parser.prog
    lines = [f"{'#' * level} {parser.prog}", ""]
    below: list[argparse.ArgumentParser] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = list(action.choices.values())
            usage += f" {action.metavar or 'COMMAND'}"
        elif not action.option_strings:
            usage += f" {action.metavar or action.dest.upper()}"
    lines += ["```text", f"{usage} [options]", "```", ""]
    lines += prose(parser.description or "")
    for group in parser._action_groups:
        rows = [
            (invocation(action), formatter._expand_help(action) if action.help else "")
            for action in group._group_actions
            if not isinstance(action, argparse._SubParsersAction) and action.dest != "help"
        ]
        if not rows:
            continue
        if group.title not in ("options", "positional arguments"):
            lines += [
                f"**{group.title}**" + (f" ({group.description})" if group.description else "")
            ]
        lines += ["", "| | |", "| --- | --- |"]
        lines += [f"| {name} | {in_text(text)} |" for name, text in rows]
        lines += [""]
    for parser_below in below:
        lines += command_lines(parser_below, level + 1)
    return lines


def invocation(action: argparse.Action) -> str:
    """Return how an argument is written."""
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = ""
    if action.nargs != 0:
        value = f" {action.metavar or action.dest.upper()}"
        if action.choices and not action.metavar:
            value = " " + "\\|".join(map(str, action.choices))
        if action.nargs in ("+", "*"):
            value += " ..."
    return f"`{action.option_strings[-1]}{value}`"


def in_text(text: str) -> str:
    """Return help text as Markdown that stands in a table."""
    return flags(" ".join(text.split()).replace("|", r"\|").replace("<", r"\<"))


def flags(text: str) -> str:
    """Write --flags as code where they are not, and stars as stars."""
    parts = re.split(r"(`[^`]*`)", text)
    for n in range(0, len(parts), 2):
        parts[n] = re.sub(r"(?<![\w-])--\w[\w-]*", r"`\g<0>`", parts[n].replace("*", r"\*"))
    return "".join(parts)


def prose(text: str) -> list[str]:
    """Return a description: paragraphs as they are, what is indented as code."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        code = False
        for line in paragraph.splitlines():
            if line.startswith("  ") != code:
                lines += ["", "```text"] if not code else ["```", ""]
                code = not code
            lines.append(line[2:] if code else flags(line))
        lines += ["```", ""] if code else [""]
    return lines
