"""The paper's tables: plans that say what the paper says, and results that follow from records."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from maade_np import cli
from maade_np.experiments import Arm, Plan, outcomes, run_plan
from maade_np.experiments.trial import run_trial
from maade_np.reproduce import STUDIES, Family, Part, Study, table2, write, write_study
from maade_np.reproduce.figures import rows
from maade_np.reproduce.study import Printed
from maade_np.reproduce.tuned import TUNED

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"

FAMILY = Family("All", "What they share.", ("random", "a", "b"), ("random", "a"))
ARMS = (
    Arm("random", "random"),
    Arm("a", "remaade", None, {"batch_size": 5, "d": 4}),
    Arm("b", "reinforce", None, {"batch_size": 5}),
)
TOY = Study(
    "toy-study",
    "A toy study",
    (
        Part(
            "toy",
            "Toy",
            Plan("toy", "test-holdout", 20, range(7, 19), ARMS, steps=4),
            (FAMILY,),
            ("random", "a"),
        ),
    ),
    {"a": Printed(6.16, 0.25)},
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    run_plan(TOY.parts[0].plan, folder / "toy")
    return folder


def test_rows_are_the_statistics_of_the_last_checkpoint(toy):
    scipy_stats = pytest.importorskip("scipy.stats")
    found = outcomes(TOY.parts[0].plan, toy / "toy")
    table = {row.label: row for row in rows(FAMILY, found)}
    last = {label: outcome.held_out[:, -1] for label, outcome in found.items()}
    assert list(table) == ["random", "a", "b"]
    pairs = [("a", "random"), ("b", "random"), ("b", "a")]
    assert FAMILY.pairs() == pairs
    raw = {
        pair: scipy_stats.ttest_ind(last[pair[0]], last[pair[1]], equal_var=False).pvalue
        for pair in pairs
    }
    ordered = sorted(raw.values())
    for (label, reference), p in raw.items():
        # Holm: the largest of the steps up to this one
        steps = [min(1, q * (3 - k)) for k, q in enumerate(ordered) if q <= p]
        assert table[label].against[reference].p == pytest.approx(max(steps))
        difference = last[label].mean() - last[reference].mean()
        assert table[label].against[reference].difference == pytest.approx(difference)
    assert table["a"].means["held_out"].value == pytest.approx(last["a"].mean())
    assert table["a"].deviations["held_out"] == pytest.approx(last["a"].std(ddof=1))
    assert table["random"].against == {}


def test_everything_is_written_and_again_the_same(toy):
    paths = write_study(TOY, toy)
    assert [path.name for path in paths] == [
        "table.md",
        "table.csv",
        "details.md",
        "table.tex",
        "wins.csv",
        "curves.csv",
        "toy.png",
        "toy-curves.png",
        "toy-ranks.png",
        "toy-wins.png",
    ]
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_study(TOY, toy)] == before
    text = paths[0].read_text(encoding="utf-8")
    assert "| 6.16 ± 0.25 |" in text
    assert "held out" in text
    lines = list(csv.DictReader(io.StringIO(paths[1].read_text(encoding="utf-8"))))
    assert [line["search"] for line in lines] == ["random", "a", "b"]
    assert lines[1]["reference_1"] == "random"
    assert lines[1]["paper"] == "6.16"


def test_what_has_no_record_is_said(tmp_path):
    with pytest.raises(ValueError, match="holds no record of toy-study"):
        write_study(TOY, tmp_path)
    with pytest.raises(ValueError, match=r"holds no measured\.json"):
        table2.write(tmp_path)


def run(capsys, *arguments):
    status = cli.main(["reproduce", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_command_runs_goes_on_and_reports(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MAADE_NASBENCH101", raising=False)
    monkeypatch.setitem(STUDIES, "table4", TOY)
    out = tmp_path / "out"
    status, printed, err = run(capsys, "table4", "--trials", 2, "--out", out)
    # a toy is no real table, so nothing is left out
    assert (status, err) == (0, "")
    assert str(out / "table.md") in printed
    assert "| random | 2 |" in (out / "table.md").read_text(encoding="utf-8")
    assert run(capsys, "table4", "--trials", 99, "--out", out)[0] == 0
    assert "| random | 12 |" in (out / "table.md").read_text(encoding="utf-8")
    (out / "table.md").unlink()
    assert run(capsys, "table4", "--report-only", "--out", out)[0] == 0
    assert "| random | 12 |" in (out / "table.md").read_text(encoding="utf-8")


def test_real_parts_without_a_table_are_left_out_and_said(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MAADE_NASBENCH101", raising=False)
    status, _, err = run(capsys, "table4", "--part", "paper", "--out", tmp_path)
    assert status == 2
    assert "part 'paper' needs real results: give --table" in err
    assert "no part could be run" in err
    status, _, err = run(capsys, "table4", "--part", "holdout")
    assert status == 2
    assert "table4 has no part 'holdout'; it has paper, tuned, asides, surrogate" in err


def test_table2_by_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(table2, "SIZES", (3, 6))
    monkeypatch.setattr(table2, "WIDTHS", (4, 32))
    assert run(capsys, "table2", "--memory", 0.0005, "--out", tmp_path)[0] == 0
    found = json.loads((tmp_path / "measured.json").read_text(encoding="utf-8"))
    assert len(found["rows"]) == 2 * 2 * 4
    made = {(r["policy"], r["N"], r["d"]) for r in found["rows"] if r["checked"]}
    assert ("MADE", 6, 4) in made
    assert ("MADE", 6, 32) not in made  # 36,864 parameters at 16 bytes: more than 0.5 MiB
    assert all(("seconds" in r) == (r["checked"] and r["d"] == 32) for r in found["rows"])


@pytest.mark.parametrize("name", table2.LAYERS)
@pytest.mark.parametrize(("N", "d"), [(2, 3), (7, 5), (26, 36)])
def test_counts_of_the_context_layer_are_those_of_the_policies(name, N, d):
    layer = table2.LAYERS[name]
    policy = layer.make(table2.make_space(N), d)
    assert table2.counted(policy, layer) == layer.parameters(N, d)
    # what is no context layer: embeddings and heads
    rest = policy.num_parameters - layer.parameters(N, d)
    values, queries = 2 * d, N * d if name in ("MAADE", "LSTM") else 0
    units = N * d if name == "MADE" else d
    assert rest == values + queries + N * units * 2 + N * 2
    # every weight matrix is applied once a decision, or once a string where it is a decision's own
    weights = sum(
        array.size
        for key, array in policy.params.items()
        if key.startswith(layer.prefixes) and key not in ("W_out", "W_heads") and array.ndim > 1
    )
    products = weights * (N if name in ("MAADE", "LSTM") else 1)
    if name == "MAADE":
        products += sum(2 * d * before for before in range(N))  # scores and contexts
    assert products == layer.multiply_adds(N, d)


def test_growth_is_the_papers():
    """Parameters: flat for MAADE and LSTM, linear for NADE, quadratic for MADE."""
    exponents = {"MAADE": 0, "LSTM": 0, "NADE": 1, "MADE": 2}
    for name, layer in table2.LAYERS.items():
        y = [float(layer.parameters(N, 32)) for N in table2.SIZES]
        assert table2.slope(list(table2.SIZES), y) == pytest.approx(exponents[name], abs=0.01)


def test_plans_have_the_papers_settings():
    short = STUDIES["table4"].part("paper").plan
    ours = short.arm("ReMAADE").resolved()
    assert (ours.batch_size, ours.learning_rate, ours.d, ours.orders) == (30, 1e-2, 36, "1")
    assert (ours.blocks, ours.objective, ours.updates, ours.duplicates) == (
        1,
        "reinforce",
        1,
        "charge",
    )
    for label in ("REINFORCE", "REINFORCE, MADE", "REINFORCE, NADE", "REINFORCE, LSTM"):
        other = vars(short.arm(label).resolved())
        shared = {key: value for key, value in vars(ours).items() if key in other}
        assert {key: other[key] for key in shared} == shared
    medium = STUDIES["table6"].part("holdout").plan
    assert [arm.resolved().orders for arm in medium.arms[1:]] == [
        "1",
        "2",
        "4",
        "6",
        "8",
        "16",
        "all",
    ]
    for arm in medium.arms[1:]:
        s = arm.resolved()
        assert (s.batch_size, s.learning_rate, s.d, s.objective) == (64, 1e-3, 45, "ppo")
    for study in STUDIES.values():
        for part in study.parts:
            assert part.plan.seeds.start == (
                50_000 if study.name in ("table3", "table5") else 20_000
            )
            labels = {arm.label for arm in part.plan.arms}
            for family in part.families:
                assert labels >= {*family.labels, *family.references, *part.curves}


def test_tuned_settings_are_what_the_tuning_chose():
    chosen = json.loads((RESULTS / "tune" / "chosen.json").read_text(encoding="utf-8"))
    assert {name: one["settings"] for name, one in chosen["searchers"].items()} == TUNED


def test_the_tuning_chose_from_its_records(monkeypatch, tmp_path):
    import tune

    trials = tune.Trials(run_missing=False)
    monkeypatch.setattr(trials, "save", lambda: None)
    chosen = json.loads((RESULTS / "tune" / "chosen.json").read_text(encoding="utf-8"))
    for name in tune.SEARCHERS:
        assert tune.tune(trials, name) == chosen["searchers"][name]
    effort = {name: sum(key[0] == name for key in trials.found) for name in tune.SEARCHERS}
    assert len(set(effort.values())) == 1  # the same for all


@pytest.mark.parametrize("name", STUDIES)
def test_committed_tables_are_what_the_records_give(name):
    study, folder = STUDIES[name], RESULTS / name
    made = write.all_rows(study, write.read_study(study, folder))
    for file, text in (
        ("table.md", write.as_markdown(study, made)),
        ("table.csv", write.as_csv(study, made)),
    ):
        assert (folder / file).read_text(encoding="utf-8") == text


def test_the_checklist_is_answered_from_the_records():
    import checklist

    assert checklist.PAGE.read_text(encoding="utf-8") == checklist.page()


def test_committed_agreement_is_what_the_records_give():
    import rank_agreement

    committed = (RESULTS / "table3" / "agreement.md").read_text(encoding="utf-8")
    assert committed == rank_agreement.report()
    a, b = np.array([3.0, 1.0, 2.0, 2.0]), np.array([9.0, 4.0, 4.0, 5.0])
    assert rank_agreement.kendall(a, b) == pytest.approx(4 / 6)  # two of six pairs are tied


def test_committed_table2_is_what_was_measured():
    found = json.loads((RESULTS / "table2" / "measured.json").read_text(encoding="utf-8"))
    folder = RESULTS / "table2"
    assert (folder / "table.md").read_text(encoding="utf-8") == table2.as_markdown(found)
    assert (folder / "table.csv").read_text(encoding="utf-8") == table2.as_csv(found)
    for row in found["rows"]:
        layer = table2.LAYERS[row["policy"]]
        assert row["parameters"] == layer.parameters(row["N"], row["d"])
        assert row["multiply_adds"] == layer.multiply_adds(row["N"], row["d"])


@pytest.mark.parametrize(
    ("name", "part", "arm"), [("table4", "paper", "random"), ("table6", "test-mean", "random")]
)
def test_committed_records_are_reproduced(name, part, arm, table_path):
    """Random search hangs on the generator alone: the same on every machine."""
    plan = STUDIES[name].part(part).plan
    found = outcomes(plan, RESULTS / name / part)[arm]
    again = run_trial(plan, plan.arm(arm), int(found.seeds[3]), str(table_path))
    for figure in ("signal", "held_out", "mean_test"):
        np.testing.assert_array_equal(again[figure], getattr(found, figure)[3])


def test_committed_surrogate_records_are_reproduced():
    plan = STUDIES["table4"].part("surrogate").plan
    found = outcomes(plan, RESULTS / "table4" / "surrogate")["random"]
    again = run_trial(plan, plan.arm("random"), int(found.seeds[5]), "surrogate")
    np.testing.assert_allclose(again["held_out"], found.held_out[5], atol=1e-4)


NUMBER = re.compile(r"[−-]?\d+\.\d{2,}")


@pytest.mark.parametrize("name", ["table2", "table3", "table4", "table5", "table6"])
def test_every_figure_of_the_readme_is_in_the_tables(name):
    """Numbers with two or more decimals stand in table.md, or in the list of what is quoted."""
    folder = RESULTS / name
    text = (folder / "README.md").read_text(encoding="utf-8")
    prose, _, quoted = text.partition("## Quoted from elsewhere")
    known = set(NUMBER.findall((folder / "table.md").read_text(encoding="utf-8")))
    known |= set(NUMBER.findall(quoted))
    plain = {number.lstrip("−-") for number in known}
    missing = [n for n in NUMBER.findall(prose) if n.lstrip("−-") not in plain]
    assert not missing
    assert prose.strip()
