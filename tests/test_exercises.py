"""Every self-check of the notebooks accepts its solution and rejects the classical mistakes."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parent.parent / "tutorials"
MODULES = sorted(path.stem for path in (TUTORIALS / "checks").glob("nb*.py"))


def of(folder, name):
    return importlib.import_module(f"{folder}.{name}")


def checks_of(name):
    """The checks that a module defines, by the name of what they check."""
    module = of("checks", name)
    return {
        key.removeprefix("check_"): function
        for key, function in vars(module).items()
        if key.startswith("check_") and inspect.unwrap(function).__module__ == module.__name__
    }


def wrong_of(name):
    """The wrong answers by check; none where the file is missing, which a test below tells."""
    here = Path(__file__).parent / "wrong_answers" / f"{name}.py"
    return of("wrong_answers", name).WRONG if here.exists() else {}


CASES = [(name, key) for name in MODULES for key in checks_of(name)]
WRONG = [
    (name, key, number) for name, key in CASES for number in range(len(wrong_of(name).get(key, ())))
]


@pytest.mark.parametrize("source", sorted(TUTORIALS.glob("[0-9][0-9]_*.py")), ids=lambda p: p.stem)
def test_every_notebook_has_two_to_four_exercises_each_with_its_check(source):
    text = source.read_text(encoding="utf-8")
    number = source.name[:2]
    exercises = set(re.findall(rf"exercise_{int(number)}_\d+_\w+", text))
    mentioned = set(re.findall(rf"checks\.nb{number}\.check_(\w+)\(", text))
    assert 2 <= len(exercises) <= 4
    assert mentioned == set(checks_of(f"nb{number}")), "checks that are mentioned, and that exist"
    assert len(mentioned) >= len(exercises)


def test_every_check_has_a_solution_and_three_wrong_answers():
    folders = ("checks", "solutions", "../tests/wrong_answers")
    found = [{path.stem for path in (TUTORIALS / f).glob("nb*.py")} for f in folders]
    notebooks = {f"nb{path.name[:2]}" for path in TUTORIALS.glob("[0-9][0-9]_*.py")}
    assert found == [notebooks] * 3
    for name in MODULES:
        wrong = wrong_of(name)
        assert set(wrong) == set(checks_of(name)), name
        for key, answers in wrong.items():
            assert hasattr(of("solutions", name), key), f"solutions.{name}.{key} is missing"
            assert len(answers) >= 3, f"{name}: {key} has {len(answers)} wrong answers"


@pytest.mark.parametrize(("name", "key"), CASES)
def test_the_solution_is_accepted(name, key, capsys):
    said = checks_of(name)[key](getattr(of("solutions", name), key))
    text = capsys.readouterr().out + (said or "")
    assert text.startswith("Right"), "what is right is said to be, and why"
    assert len(text.split()) > 4, "the explanation is a sentence"


@pytest.mark.parametrize(("name", "key"), CASES)
def test_no_answer_is_no_right_answer(name, key):
    with pytest.raises(AssertionError, match=r"\w+ \w+"):
        checks_of(name)[key](None)


@pytest.mark.parametrize(("name", "key", "number"), WRONG)
def test_a_wrong_answer_is_rejected_in_words(name, key, number):
    answer = wrong_of(name)[key][number]
    with pytest.raises(AssertionError, match=r"\w+ \w+ \w+"):
        checks_of(name)[key](answer)
