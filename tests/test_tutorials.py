"""The notebooks without running them: in step with their sources, whole, and true to the package.

That they run is what `python tutorials/build.py --check` says.
"""

import importlib
import json
import re
import shutil
from pathlib import Path

import pytest

import build as tutorials

FOLDER = Path(tutorials.HERE)
REPOSITORY = FOLDER.parent
SOURCES = tutorials.sources()


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem)
def source(request):
    return request.param


def prose(source):
    return "\n".join(text for kind, text in tutorials.read_source(source) if kind == "markdown")


def code(source):
    return "\n".join(text for kind, text in tutorials.read_source(source) if kind == "code")


def resolve(name):
    """The object of a dotted name; AttributeError where there is none."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        return thing
    raise AttributeError(name)


def test_every_source_has_a_notebook_and_every_notebook_a_source():
    assert {path.stem for path in SOURCES} == {path.stem for path in FOLDER.glob("*.ipynb")}
    assert [int(path.name[:2]) for path in SOURCES] == list(range(1, len(SOURCES) + 1))


def test_the_notebook_is_that_of_its_source_and_whole(source):
    assert list(tutorials.faults(source)) == []


def test_the_index_is_that_of_the_heads():
    text = tutorials.README.read_text(encoding="utf-8")
    assert tutorials.INDEX.search(text)[0] == tutorials.index()


def test_it_assumes_earlier_notebooks_only(source):
    assumes = tutorials.head(tutorials.read_source(source)[0][1]).assumes
    assert all(int(n) < int(source.name[:2]) for n in re.findall(r"\d+", assumes)), assumes


def test_equations_are_numbered_in_order_and_named_where_computed(source):
    number = int(source.name[:2])
    tags = re.findall(r"\\tag\{(.+?)\}", prose(source))
    assert tags == [f"{number}.{k}" for k in range(1, len(tags) + 1)]
    assert tags, "there is no numbered equation"
    # what a comment in the code computes exists, here or in an earlier notebook
    named = re.findall(r"\((\d+)\.(\d+)\)", " ".join(re.findall(r"#.*", code(source))))
    assert all(int(n) < number or (int(n) == number and int(k) <= len(tags)) for n, k in named), (
        named
    )


def test_no_private_name_of_the_package_is_used(source):
    text = code(source)
    private = re.findall(r"(?:mn|maade_np)(?:\.\w+)*\._\w+|from maade_np[\w.]*\._\w+", text)
    imported = re.findall(r"from maade_np[\w.]* import [^\n]*\b_\w+", text)
    assert not private + imported


def test_names_of_the_package_in_the_prose_exist(source):
    names = set(re.findall(r"`((?:maade_np|mn)(?:\.\w+)+)(?:\(.*?\))?`", prose(source)))
    for name in names:
        resolve(re.sub(r"^mn\b", "maade_np", name))


def test_checks_that_are_named_exist(source):
    for name in set(re.findall(r"\b(checks\.nb\d\d\.\w+)", prose(source) + code(source))):
        resolve(name)


def test_links_into_the_repository_lead_somewhere(source):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(source)):
        path = target.split("#")[0]
        if path and not re.match(r"[a-z]+:", path):
            assert (FOLDER / path).exists(), target


def output(kind, **more):
    return {"output_type": kind, **more}


ERROR = output("error", ename="ValueError", evalue="no", traceback=[])
WARNING = output("stream", name="stderr", text=["UserWarning: no"])
ADDRESS = output("execute_result", data={"text/plain": ["<object at 0x7f00deadbeef>"]})
HOME = output("stream", name="stdout", text=["saved in /home/me/runs"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda cells: cells.pop(), "are not those of"),
        (lambda cells: [cell.pop("outputs", None) for cell in cells], "no outputs"),
        (lambda cells: cells[-1].update(outputs=[ERROR]), "ends in an error: ValueError"),
        (lambda cells: cells[-1].update(outputs=[WARNING]), "has a warning"),
        (lambda cells: cells[-1].update(outputs=[ADDRESS]), "of one machine only: 0x7f00deadbeef"),
        (lambda cells: cells[-1].update(outputs=[HOME]), "of one machine only: /home/me/runs"),
        (lambda cells: cells[0].update(source="# 1. Title"), "no line"),
        (lambda cells: cells[-1].update(outputs=[{**HOME, "text": "x" * 10**6}]), "more than"),
        (
            lambda cells: cells[0].update(source=r"$$\begin{aligned} x \tag{1.1} \end{aligned}$$"),
            "inside an environment",
        ),
    ],
)
def test_what_is_wrong_is_found(damage, message, tmp_path):
    for suffix in (".py", ".ipynb"):
        shutil.copy(SOURCES[0].with_suffix(suffix), tmp_path)
    target = tmp_path / SOURCES[0].with_suffix(".ipynb").name
    notebook = json.loads(target.read_text(encoding="utf-8"))
    damage(notebook["cells"])
    target.write_text(json.dumps(notebook), encoding="utf-8")
    assert any(message in fault for fault in tutorials.faults(tmp_path / SOURCES[0].name))


def test_ids_of_cells_are_the_same_in_every_build():
    taken = set()
    ids = [tutorials.cell_id("code", text, taken) for text in ("a", "b", "a")]
    assert ids[2] == ids[0] + "-2"
    assert ids == [
        tutorials.cell_id("code", t, again) for again in [set()] for t in ("a", "b", "a")
    ]
