"""The pages beside published code say what the committed results say; what compares, compares."""

import json
import re
import sys

import numpy as np
import published_searchers
import pytest
from published import comparing, densities, loading
from published.cells import spec, string, strings

from maade_np.spaces import NASBench101Space

RESULTS = published_searchers.read()
PAGE = published_searchers.DOCS.read_text(encoding="utf-8")


def test_the_results_text_is_made_from_the_results():
    text = (published_searchers.RESULTS / "published.md").read_text(encoding="utf-8")
    assert text == published_searchers.markdown(RESULTS)


@pytest.mark.parametrize("part", published_searchers.PARTS)
def test_the_page_has_the_figures_of_every_part(part):
    """Read from the page, number by number."""
    after = PAGE.split(f"<!-- table: {part} -->\n")
    assert len(after) == 2
    lines = re.match(r"\n((?:\|.*\n)+)", after[1])[1].splitlines()[2:]
    assert len(lines) == len(RESULTS[part]["rows"])
    for line, row in zip(lines, RESULTS[part]["rows"], strict=True):
        what, published, here, agreement = (cell.strip() for cell in line[1:-1].split(" | "))
        assert what == row["what"]
        if row["kind"] == "means":
            for cell, side in ((published, "published"), (here, "ours")):
                mean, error = map(float, cell.split(" ± "))
                assert (mean, error) == (row[side], row[f"{side}_se"])
            assert float(re.match(r"z = (\S+)", agreement)[1]) == row["z"]
        elif row["kind"] == "distribution":
            assert float(re.match(r"chi-square (\S+)", agreement)[1]) == row["chi2"]
        elif row["kind"] == "equal":
            numbers = re.match(r"(\S+) of (\S+) equal", agreement).groups()
            assert [int(n.replace(",", "")) for n in numbers] == [row["equal"], row["n"]]
        elif row["largest"]:
            assert float(re.match(r"differ by (\S+)", agreement)[1]) == pytest.approx(
                row["largest"], rel=0.5
            )


def test_the_page_names_the_commits():
    for found in RESULTS.values():
        if found["commit"]:
            assert f"`{found['commit'][:7]}`" in PAGE
        assert all(name in PAGE for name in found["code"].split(", "))


def test_stored_densities_are_compared_anew():
    again = {row["what"]: row for row in densities.compare(None, None, None, 0)}
    for row in RESULTS["densities"]["rows"]:
        mine = again[row["what"]]
        assert mine["n"] == row["n"]
        assert mine.get("largest", 0) < 1e-12
        assert mine.get("equal") == row.get("equal")


def test_cells_there_and_back():
    drawn = NASBench101Space().sample(20, np.random.default_rng(0))
    np.testing.assert_array_equal(strings(map(spec, drawn)), drawn)
    assert (
        string(np.zeros((7, 7)), ["input", *["maxpool3x3"] * 5, "output"])[-5:].tolist() == [2] * 5
    )


# ------------------------------------------------------------------------------------- comparing


def test_means():
    rng = np.random.default_rng(0)
    a, b = rng.normal(5, 1, 400), rng.normal(5, 1, 400)
    row = comparing.means("x", a, b)
    assert abs(row["z"]) < 3
    assert row["published_se"] == pytest.approx(1 / 20, rel=0.1)
    assert comparing.means("x", a, a + 1)["z"] == pytest.approx(2**0.5 / 2 * 20, rel=0.1)
    assert abs(comparing.means("x", a, a + b / 100, paired=True)["z"]) > 50
    assert comparing.means("x", a, a, paired=True)["z"] == 0


def test_distributions():
    rng = np.random.default_rng(1)
    a, b = (rng.poisson(3, 2000).tolist() for _ in range(2))
    assert comparing.distribution("x", a, b)["p"] > 0.01
    assert comparing.distribution("x", a, [v + 1 for v in b])["p"] == 0
    # what is rare counts as one category, and of what never occurs there is none
    row = comparing.distribution("x", [0] * 50 + [1] * 50 + list(range(9, 19)), [0] * 55 + [1] * 55)
    assert row["categories"] == 3
    assert row["n"] == [110, 110]


def test_equality_and_differences():
    assert comparing.equal("x", [True, False, True]) == {
        "what": "x",
        "kind": "equal",
        "equal": 2,
        "n": 3,
    }
    assert comparing.difference("x", [1.0, 4.0], [1.0, 5.0])["largest"] == 0.25
    with pytest.raises(ValueError, match="published"):
        comparing.difference("x", [1.0], [1.0, 2.0])


def test_tables():
    rows = [
        comparing.means("means", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        comparing.distribution("draws", [0] * 500, [1] * 400),
        comparing.equal("flags", [True, False]),
        comparing.difference("numbers", [1.0], [1.0]),
    ]
    assert comparing.table(rows).splitlines()[2:] == [
        "| means | 2.000 ± 0.577 | 2.000 ± 0.577 | z = +0.00 (3 each) |",
        "| draws | 500 draws | 400 draws | chi-square 896.0 on 1, p < 0.001 |",
        "| flags |  |  | 1 of 2 equal |",
        "| numbers |  |  | no difference (1 numbers) |",
    ]
    results = {"a": {"rows": rows[2:3]}, "b": {"rows": rows[3:]}}
    page = "x\n\n<!-- table: a -->\n\ny\n\n<!-- table: b -->\n"
    once = published_searchers.with_tables(page, results)
    assert "1 of 2 equal |\n\ny\n\n<!-- table: b -->\n\n| compared" in once
    assert published_searchers.with_tables(once, results) == once
    results["a"]["rows"] = rows[:1]
    assert "1 of 2" not in published_searchers.with_tables(once, results)


# --------------------------------------------------------------------------------------- loading


def test_a_clone_is_loaded_without_what_it_asks_for(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "one.py").write_text("import frame.work as f\nLIMIT = 9\n")
    (tmp_path / "script.py").write_text(
        "import argparse\n"
        "from frame.work import layers\n"
        "from package.one import *\n"
        "class Node:\n"
        "    limit = LIMIT\n"
        "def count(d):\n"
        "    print 'counting'\n"
        "    return sum(v for _, v in d.iteritems()) + long(1)\n"
        "raise SystemExit(count({}))\n"
    )
    before = dict(sys.modules)
    modules = loading.load(
        tmp_path,
        {"package.one": "package/one.py", "script": "script.py"},
        stand_ins=("frame.work",),
        scripts=("script",),
        names={"long": int},
    )
    assert modules["script"].Node.limit == 9
    assert modules["script"].count({"a": 1, "b": 2}) == 4
    assert sys.modules.keys() == before.keys()


def test_what_is_python_2_is_read_as_python_3():
    source = "if x:\n    print 'a = %d.'%(a)\nprint(b)\n"
    assert loading.from_python2(source) == "if x:\n    print('a = %d.'%(a))\nprint(b)\n"


def test_the_commit_of_what_is_no_clone(tmp_path):
    assert loading.commit(tmp_path) == "unknown"


def test_the_results_are_plain_numbers():
    text = (published_searchers.RESULTS / "published.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == list(published_searchers.PARTS)
    assert "NaN" not in text
