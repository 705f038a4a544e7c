"""The pages in docs/ without Sphinx: links lead to files, names exist, the map is complete.

That the site builds without a warning is what ``sphinx-build -W -n`` says in CI.
"""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

import maade_np as mn
from maade_np.results import COLUMNS

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs"
GENERATED = {"api/index.md", "equations.md", "commands.md"}
PAGES = [path for path in sorted(DOCS.glob("*.md")) if path.name not in GENERATED]


@pytest.fixture(scope="module")
def course_index():
    """The part of the site that finds equations and names; it needs no Sphinx."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        yield importlib.import_module("course_index")
    finally:
        sys.path.remove(str(DOCS / "_ext"))


@pytest.fixture(params=[*PAGES, REPOSITORY / "CONTRIBUTING.md"], ids=lambda path: path.stem)
def page(request):
    return request.param


def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target) and target not in GENERATED:
            assert (page.parent / target).exists(), target


def test_names_of_the_package_exist(page, course_index):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:maade_np|mn)(?:\.\w+)+)", text):
        assert course_index.canonical(name), name
    for path in re.findall(r"`(maade_np/[\w/.]*)`", text):
        assert (REPOSITORY / path).exists(), path


def test_the_map_has_every_folder_and_file_of_the_package():
    text = (DOCS / "map.md").read_text(encoding="utf-8")
    package = REPOSITORY / "maade_np"
    for path in package.iterdir():
        if (path / "__init__.py").exists():
            assert f"`maade_np/{path.name}/`" in text
        elif path.suffix == ".py" and not path.name.startswith("_"):
            assert f"(../maade_np/{path.name})" in text, path.name


def test_everything_that_is_logged_is_explained(tmp_path, mixed_space):
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    settings = {"batch_size": 4, "objective": "ppo", "updates": 2}
    searcher = mn.searchers.create("remaade", mixed_space, seed=0, preset="paper-short", **settings)
    table = mn.tables.Objective(mixed_space, lambda point: float(point["width"]))
    result = mn.search(searcher, table, budget=8)
    for name in result.metrics[0]:
        assert f"### `{name}`" in text
    for name in COLUMNS:
        assert f"| `{name}` |" in text
    result.save(tmp_path)
    summary = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    for name in {*summary} - {"format", "names", "counts"}:
        assert f"`{name}`" in text, name
    for name in summary["counts"]:
        assert f"`counts.{name}`" in text


def test_equations_are_found_with_what_computes_them(course_index):
    code = (
        "import maade_np as mn\nfrom maade_np import layers as l\n\n"
        "y, cache = l.affine_forward(x, W, b)  # (5.2)\n"
        "# (5.3), both\na = mn.objectives.reinforce(y)\nb = l.relu_forward(y)\n\n"
        "c = mn.search(1)\nd = l.tanh_ff_forward(\n    x,\n)  # (5.4)\n"
    )
    assert course_index._named_in_code(code) == [
        ((5, 2), "maade_np.layers.affine_forward"),
        ((5, 3), "maade_np.objectives.reinforce"),
        ((5, 3), "maade_np.layers.relu_forward"),
        ((5, 4), "maade_np.layers.tanh_ff_forward"),
    ]
    prose = "In it, (5.1) is `maade_np.layers.relu_forward`, (5.2) is a product. See `mn.search`."
    assert course_index._named_in_prose(prose) == [((5, 1), "maade_np.layers.relu_forward")]
    full = "maade_np.layers.affine.affine_forward"
    assert course_index.canonical("mn.layers.affine_forward") == full
    assert course_index.canonical("mn.layers.nothing") is None
