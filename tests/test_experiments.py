"""Many trials: the same whatever the jobs and interruptions, and never of other settings."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

import maade_np as mn
from maade_np.experiments import Arm, Plan, outcomes, read_records, run_plan
from maade_np.experiments import trial as running
from maade_np.tables.toy import Toy

SMALL = {"batch_size": 6, "d": 4}
ARMS = (Arm("random", "random"), Arm("ours", "remaade", "paper-short", SMALL))
PLAN = Plan("toy", "test-holdout", 24, range(500, 503), ARMS, steps=4)


@pytest.fixture(autouse=True, scope="module")
def toy_protocol():
    assert PLAN.protocol in Toy().protocols


def figures(records):
    """Records without what differs from run to run."""
    return {key: {k: v for k, v in r.items() if k != "seconds"} for key, r in records.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return figures(run_plan(PLAN, tmp_path_factory.mktemp("whole")))


def test_a_record_is_what_a_search_gives(whole):
    table = Toy()
    assert set(whole) == {(arm.label, seed) for arm in ARMS for seed in PLAN.seeds}
    for arm in ARMS:
        searcher = mn.searchers.create(arm.searcher, table.space, 501, arm.preset, **arm.settings)
        result = mn.search(searcher, table, 24, PLAN.protocol, seed=501)
        record = whole[arm.label, 501]
        for at, query in enumerate((6, 12, 18, 24)):
            best = int(np.argmax(result.history.signal[:query]))
            for name in ("signal", "held_out", "mean_test"):
                error = 100 * (1 - getattr(result.history, name)[best])
                assert record[name][at] == pytest.approx(error, abs=1e-4)
        assert record["best"] == result.best.cell
        assert (record["queries"], record["distinct"]) == (24, len(set(result.history.cell)))


def test_more_trials_go_on_where_it_stopped(tmp_path, whole, monkeypatch):
    ran = []
    trial = running.run_trial
    monkeypatch.setattr(
        running,
        "run_trial",
        lambda plan, arm, seed, source: (
            ran.append((arm.label, seed)) or trial(plan, arm, seed, source)
        ),
    )
    run_plan(PLAN, tmp_path, trials=1)
    assert ran == [("random", 500), ("ours", 500)]
    again = run_plan(PLAN, tmp_path)
    assert ran[2:] == [(arm.label, seed) for seed in (501, 502) for arm in ARMS]
    assert figures(again) == whole
    run_plan(PLAN, tmp_path)
    assert len(ran) == 6


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_an_interrupted_run_goes_on(tmp_path, whole, cut):
    def stop(done, total):
        assert total == 6
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(PLAN, tmp_path, progress=stop)
    growing = tmp_path / "records.jsonl"
    content = growing.read_bytes()
    growing.write_bytes(content[: len(content) - cut])
    assert len(read_records(PLAN, tmp_path)) == (2 if cut else 3)
    assert figures(run_plan(PLAN, tmp_path)) == whole
    assert not growing.exists()


def test_two_jobs_give_what_one_gives(tmp_path, whole):
    pytest.importorskip("joblib")
    assert figures(run_plan(PLAN, tmp_path, jobs=2)) == whole


def test_packed_records_do_not_hang_on_the_order_of_ending(tmp_path, monkeypatch):
    trial = running.run_trial
    monkeypatch.setattr(running, "run_trial", lambda *a: {**trial(*a), "seconds": 0.0})
    straight, by_parts = tmp_path / "straight", tmp_path / "parts"
    run_plan(PLAN, straight)
    run_plan(PLAN, by_parts, trials=2)
    run_plan(PLAN, by_parts)
    name = "records.jsonl.gz"
    packed = (straight / name).read_bytes()
    assert packed == (by_parts / name).read_bytes()
    assert packed[4:8] == bytes(4)  # gzip's time of writing


def test_without_joblib_one_job_works_and_two_say_why_not(tmp_path, whole, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match="pip install joblib"):
        run_plan(PLAN, tmp_path, jobs=2)
    assert not list(tmp_path.iterdir())
    assert figures(run_plan(PLAN, tmp_path)) == whole


def changed(**changes):
    return Plan(**{**vars(PLAN), **changes})


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (changed(budget=30), "its budget is 24, not 30"),
        (changed(seeds=range(600, 603)), "its seeds start at 500, not 600"),
        (changed(steps=2), "its checkpoints is"),
        (changed(arms=ARMS[:1]), "arm 'ours' that the plan does not have"),
        (
            changed(arms=(ARMS[0], Arm("ours", "remaade", "paper-short", {**SMALL, "d": 5}))),
            "arm 'ours' was run with d = 4, the plan says 5",
        ),
        (
            changed(arms=(ARMS[0], Arm("ours", "reinforce"))),
            "arm 'ours' was run with searcher = 'remaade', the plan says 'reinforce'",
        ),
    ],
)
def test_another_plan_is_refused_by_name(tmp_path, plan, message):
    run_plan(PLAN, tmp_path, trials=1)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=message):
        run_plan(plan, tmp_path)
    with pytest.raises(ValueError, match=message):
        outcomes(plan, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_plan_may_gain_arms_and_seeds(tmp_path):
    run_plan(PLAN, tmp_path)
    more = changed(arms=(*ARMS, Arm("third", "reinforce")), seeds=range(500, 504))
    records = run_plan(more, tmp_path)
    assert len(records) == 12
    with pytest.raises(ValueError, match="'third' that the plan does not have"):
        read_records(PLAN, tmp_path)


def test_a_declaration_stays_in_the_file(tmp_path):
    """What is declared before the trials is kept by those who know nothing of it."""
    declared = {"against": ["random"], "test": "welch"}
    run_plan(changed(declared=declared), tmp_path, trials=1)
    run_plan(changed(seeds=range(500, 504)), tmp_path, trials=2)
    assert Plan.read(tmp_path).declared == declared
    assert Plan.read(tmp_path).seeds == range(500, 504)
    with pytest.raises(ValueError, match=r"declares .* test = welch, not .* test = rank"):
        run_plan(changed(declared={**declared, "test": "rank"}), tmp_path)


def test_a_setting_that_came_later_must_have_its_default(tmp_path):
    """A plan that does not know a setting is of a library in which there was none."""
    run_plan(PLAN, tmp_path, trials=1)
    (tmp_path / "records.jsonl.gz").unlink()
    path = tmp_path / "plan.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    del written["arms"]["ours"]["settings"]["entropy"]
    path.write_text(json.dumps(written), encoding="utf-8")
    assert len(run_plan(PLAN, tmp_path)) == 6
    assert "entropy" not in json.loads(path.read_text(encoding="utf-8"))["arms"]["ours"]["settings"]
    other = changed(
        arms=(ARMS[0], Arm("ours", "remaade", "paper-short", {**SMALL, "entropy": 0.1}))
    )
    with pytest.raises(ValueError, match=r"'ours' was run with entropy = 0\.0, the plan says 0.1"):
        run_plan(other, tmp_path)


def test_records_hang_on_all_that_the_plan_says(tmp_path):
    """A plan changed by hand, in code and in its file, does not take over the records."""
    run_plan(PLAN, tmp_path, trials=1)
    path = tmp_path / "plan.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**written, "protocol": "test-mean"}), encoding="utf-8")
    with pytest.raises(ValueError, match="a record of arm 'random' with other settings"):
        read_records(changed(protocol="test-mean"), tmp_path)


def damaged(folder, change):
    """Run one trial an arm and change its records, a list of dicts, in place."""
    run_plan(PLAN, folder, trials=1)
    path = folder / "records.jsonl.gz"
    records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    lines = change(records) or [json.dumps(record) for record in records]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: r[1].update(of="00000000"),
            "line 2: a record of arm 'ours' with other settings",
        ),
        (lambda r: r[0].update(arm="gone"), r"arm 'gone' with other settings .*no such arm"),
        (lambda r: r[1].update(table="real: other"), "line 2: records of several tables"),
        (lambda r: ["{", "{}"], "line 1 is no record"),
        (lambda r: r[0].pop("seed") and None, "line 1 is no record: 'seed'"),
    ],
)
def test_records_that_do_not_belong_are_refused(tmp_path, change, message):
    damaged(tmp_path, change)
    with pytest.raises(ValueError, match=message):
        read_records(PLAN, tmp_path)
    with pytest.raises(ValueError, match=message):
        run_plan(PLAN, tmp_path)


def test_what_cannot_be_run_is_refused_before_anything_is_written(tmp_path):
    folder = tmp_path / "new"
    with pytest.raises(ValueError, match=r"plan is for a real table .* toy is toy"):
        run_plan(changed(table="nasbench101"), folder, source="toy")
    with pytest.raises(ValueError, match="protocol 'nothing' is not available"):
        run_plan(changed(protocol="nothing"), folder)
    with pytest.raises(ValueError, match="arm 'x': remaade has no setting nothing"):
        run_plan(changed(arms=(*ARMS, Arm("x", "remaade", None, {"nothing": 1}))), folder)
    with pytest.raises(ValueError, match=r"trials is 4; .* from 1 to 3"):
        run_plan(PLAN, folder, trials=4)
    with pytest.raises(ValueError, match="jobs is 0"):
        run_plan(PLAN, folder, jobs=0)
    assert not folder.exists()
    with pytest.raises(ValueError, match=r"holds no plan\.json"):
        read_records(PLAN, tmp_path)
    (tmp_path / "plan.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match="is no plan"):
        run_plan(PLAN, tmp_path)


def test_one_run_at_a_time_writes_into_a_folder(tmp_path, whole):
    tried = []

    def start_another(done, total):
        with pytest.raises(RuntimeError, match=r"another run is writing into .*another folder"):
            run_plan(PLAN, tmp_path)
        tried.append(done)

    assert figures(run_plan(PLAN, tmp_path, progress=start_another)) == whole
    assert len(tried) == len(whole)
    assert figures(run_plan(PLAN, tmp_path)) == whole  # nothing is locked any more


HOLD = """
import sys, time
from maade_np.files import only_writer
with only_writer(sys.argv[1], "there"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_leaves_no_lock(tmp_path, whole):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "runs.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline().strip() == b"held"
            with pytest.raises(RuntimeError, match="another run is writing"):
                run_plan(PLAN, tmp_path)
        finally:
            process.kill()
    assert figures(run_plan(PLAN, tmp_path)) == whole


def test_plans_that_make_no_sense():
    with pytest.raises(ValueError, match=r"twice: .*random"):
        changed(arms=(ARMS[0], ARMS[0]))
    with pytest.raises(ValueError, match="no arm"):
        changed(arms=())
    with pytest.raises(ValueError, match="steps is 25"):
        changed(steps=25)


def test_outcomes_are_arrays_in_the_order_of_seeds(tmp_path, whole):
    run_plan(PLAN, tmp_path)
    found = outcomes(PLAN, tmp_path)["ours"]
    assert found.seeds.tolist() == [500, 501, 502]
    assert found.held_out.shape == (3, 4)
    np.testing.assert_array_equal(
        found.final("signal"), [whole["ours", s]["signal"][-1] for s in PLAN.seeds]
    )
    assert found.counts["queries"].tolist() == [24, 24, 24]
    assert len(found) == 3
