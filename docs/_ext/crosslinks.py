"""Links between the course, the code and the pages.

* A function's page says which equations of the course it computes ("See also").
* `maade_np.layers.affine_forward`, `mn.search` and `maade_np/loop.py` in inline code are links.
* A link to a file of the package leads to its source with the site's own highlighting; one to a
  folder that has no page stays text.
* A numbered equation can be linked to: ``{ref}`(5.2) <eq-5-2>` ``.

A link from within the project that leads nowhere is a warning; names of other projects are not.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from course_index import REPOSITORY, TAG, anchor, canonical, computed_by
from docutils import nodes
from sphinx import addnodes
from sphinx.domains.python import PyObject
from sphinx.transforms import SphinxTransform

DOTTED = re.compile(r"(?:maade_np|mn)(?:\.\w+)+(?:\(.*\))?", re.DOTALL)
ALIGNED = re.compile(r"\s*\\begin\{(?:align|equation|gather)\*?\}")
PATH = re.compile(r"maade_np/(?:\w+/)*(?:\w+\.py)?")
# where inline code is a part of a link or of a heading already
INSIDE = (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.download_reference)


def setup(app: Any) -> dict[str, bool]:
    """Connect everything."""
    app.add_transform(LinksOfInlineCode)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("source-read", give_a_title)
    app.connect("autodoc-process-docstring", say_where_derived, priority=600)  # behind napoleon
    app.connect("autodoc-skip-member", skip_fields_of_named_tuples)
    app.connect("doctree-read", link_sources, priority=100)
    app.connect("doctree-read", anchor_equations)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def give_a_title(app: Any, docname: str, source: list[str]) -> None:
    """Put a title over a table of results that has none of its own."""
    if docname.startswith("benchmarks/") and not re.search(r"^# ", source[0], re.MULTILINE):
        folder, name = docname.split("/")[-2:]
        title = folder if folder == name else f"{folder}, {name}"
        source[0] = f"# {title.capitalize()}\n\n{source[0]}"


def say_where_derived(app: Any, what: str, name: str, obj: Any, options: Any, lines: list) -> None:
    """Add to a docstring the equations of the course that the function computes."""
    found = computed_by().get(name)
    if not found:
        return
    places: dict[str, list[str]] = {}
    for equation in found:
        number = "({}.{})".format(*equation.number)
        place = f":doc:`{equation.title} </{equation.docname}>`"
        places.setdefault(place, []).append(f":ref:`{number} <{equation.label}>`")
    text = "; ".join(f"{place}, {', '.join(numbers)}" for place, numbers in places.items())
    lines += ["", ".. seealso::", "", f"   In the course: {text}.", ""]


def skip_fields_of_named_tuples(
    app: Any, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out "Alias for field number 0"; the class's docstring says what its fields are."""
    return True if type(obj).__name__ == "_tuplegetter" else None


class LinksOfInlineCode(SphinxTransform):
    """Make links of inline code that names something of the package."""

    default_priority = 700

    def apply(self, **kwargs: Any) -> None:
        """Wrap what is found."""
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, INSIDE) or isinstance(node.parent.parent, INSIDE):
                continue
            text = node.astext()
            link = None
            if PATH.fullmatch(text) and (REPOSITORY / text).exists():
                link = source_link(text, self.env.docname, [])
            elif DOTTED.fullmatch(text) and (target := canonical(text.split("(")[0])):
                link = source_link(target, self.env.docname, [])
                link["refdomain"], link["reftype"] = "py", "obj"
            if link is not None:
                node.replace_self(link)
                link += node


def link_sources(app: Any, doctree: nodes.document) -> None:
    """Make a link to the package's source one to the highlighted page; let folders stay text.

    For MyST a link to a file is a download, and one to a folder leads nowhere.
    """
    for node in list(doctree.findall(addnodes.download_reference)):
        target = in_repository(node)
        if re.fullmatch(PATH, target):
            node.replace_self(source_link(target, app.env.docname, node.children))
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node["reftype"] == "myst" and (REPOSITORY / in_repository(node)).is_dir():
            target = in_repository(node) + "/"
            node.replace_self(source_link(target, app.env.docname, node.children))


def in_repository(node: nodes.Element) -> str:
    """Return where a relative link leads, as a path from the repository's root."""
    path = os.path.normpath(REPOSITORY / Path(node["refdoc"]).parent / node["reftarget"])
    return os.path.relpath(path, REPOSITORY).replace(os.sep, "/")


def source_link(target: str, docname: str, children: list[nodes.Node]) -> addnodes.pending_xref:
    """Return a link to a file or folder of the repository, to be resolved when all is read."""
    link = addnodes.pending_xref("", *children, refdomain="", reftype="source", refwarn=False)
    link["reftarget"], link["refdoc"], link["refexplicit"] = target, docname, True
    return link


def anchor_equations(app: Any, doctree: nodes.document) -> None:
    r"""Give numbered equations an anchor, and to MathJax as they stand.

    Sphinx would put those of several lines into an environment in which ``\tag`` is not allowed.
    """
    labels = app.env.domains["std"].anonlabels
    docname = app.env.docname
    for node in doctree.findall(nodes.math_block):
        text = node.astext()
        tag = TAG.search(text)
        if tag and docname.startswith("tutorials/"):
            label = anchor((int(tag[1]), int(tag[2])))
            node["ids"].append(label)
            labels[label] = docname, label
        if tag and not ALIGNED.match(text):
            node["no-wrap"] = node["nowrap"] = True
            node[:] = [nodes.Text(rf"\[{text}\]")]


def resolve(app: Any, env: Any, node: addnodes.pending_xref, contnode: nodes.Element) -> Any:
    """Resolve links to source files and folders; let names be that are not the project's."""
    target, kind = node.get("reftarget", ""), node.get("reftype")
    if node.get("refdomain") == "py":
        ours = target.startswith("maade_np.") and node.get("refwarn", True)
        return None if ours else found_by_last_name(app, env, node, contnode)
    if kind != "source":
        return None
    module = target.removesuffix(".py").rstrip("/").removesuffix("/__init__").replace("/", ".")
    page = f"_modules/{module.replace('.', '/')}"
    if not getattr(env, "_viewcode_modules", {}).get(module) or not target.endswith(".py"):
        page = f"docs/api/{module}"
        if page not in env.found_docs:
            return contnode
    uri = app.builder.get_relative_uri(node["refdoc"], page)
    return nodes.reference("", "", contnode, internal=True, refuri=uri)


def found_by_last_name(app: Any, env: Any, node: addnodes.pending_xref, contnode: Any) -> Any:
    """Link a bare `name` where just one thing of the package has it; else it stays as it is."""
    target = node.get("reftarget", "")
    if target.isidentifier() and node.get("reftype") in ("obj", "class"):
        objects = env.domains["py"].objects
        names = [full for full in objects if full.endswith(f".{target}")]
        if len(names) == 1 and len(target) > 3:
            entry = objects[names[0]]
            uri = app.builder.get_relative_uri(node["refdoc"], entry.docname)
            return nodes.reference("", "", contnode, internal=True, refuri=f"{uri}#{entry.node_id}")
    return contnode
