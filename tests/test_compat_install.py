"""compat.nasbench under the original's name: install, uninstall, the runner, a whole program."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from compat import official

import maade_np
from maade_np.compat import nasbench as ours
from maade_np.compat.nasbench import __main__ as runner

ROOT = str(Path(maade_np.__file__).parents[1])
PROGRAM = Path(__file__).parent / "compat" / "program.py"
NAMES = ("api", "lib", "lib.config", "lib.graph_util", "lib.model_spec")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Every test starts and ends without any nasbench."""
    ours.uninstall()
    assert "nasbench" not in sys.modules
    yield
    ours.uninstall()
    for name in [name for name in sys.modules if name.split(".")[0] == "nasbench"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def every_small_cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[official.Cell]]:
    """All cells of up to four vertices at 108 epochs."""
    data = official.cells(official.small_rows(4), epochs=(108,))
    path = tmp_path_factory.mktemp("file") / "small.tfrecord"
    return official.write_tfrecord(path, data, epochs=(108,)), data


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ROOT} | environment,
    )


def an_original(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    modules = {name: ModuleType(name) for name in ("nasbench", "nasbench.api", "nasbench.lib.old")}
    modules["nasbench"].__file__ = "somewhere/nasbench/__init__.py"
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return modules


def test_install_puts_this_package_under_the_name() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nasbench")
    ours.install()
    ours.install()
    from nasbench import api
    from nasbench.lib import config, graph_util, model_spec

    assert api is ours.api
    assert api.ModelSpec is model_spec.ModelSpec
    assert importlib.import_module("nasbench.lib.graph_util") is graph_util
    assert config.build_config()["num_repeats"] == 3
    with pytest.raises(ModuleNotFoundError, match=r"nasbench\.lib\.evaluate"):
        importlib.import_module("nasbench.lib.evaluate")
    ours.uninstall()
    ours.uninstall()
    for name in ("nasbench", *(f"nasbench.{name}" for name in NAMES)):
        assert name not in sys.modules
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_install_refuses_beside_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = an_original(monkeypatch)
    with pytest.raises(ImportError, match=r"somewhere/nasbench/__init__\.py.*force=True"):
        ours.install()
    assert sys.modules["nasbench.api"] is modules["nasbench.api"]
    assert "nasbench.lib" not in sys.modules
    ours.uninstall()  # not installed: the original stays
    assert sys.modules["nasbench"] is modules["nasbench"]


def test_install_by_force_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = an_original(monkeypatch)
    ours.install(force=True)
    assert sys.modules["nasbench.api"] is ours.api
    assert "nasbench.lib.old" not in sys.modules
    ours.uninstall()
    assert {name: sys.modules[name] for name in modules} == modules
    assert not set(NAMES[1:]) & {name.removeprefix("nasbench.") for name in sys.modules}


def test_importing_the_project_leaves_it_alone() -> None:
    code = (
        "import sys, maade_np; assert not [m for m in sys.modules if 'compat' in m.split('.')"
        " or m.split('.')[0] == 'nasbench']; import maade_np.compat.nasbench;"
        "assert 'nasbench' not in sys.modules"
    )
    assert run("-c", code).returncode == 0


def test_a_program_runs_unmodified(every_small_cell, tmp_path: Path) -> None:
    path, data = every_small_cell
    alone = run(PROGRAM, path, 10, 1)
    assert "No module named 'nasbench'" in alone.stderr
    done = run("-m", "maade_np.compat.nasbench", PROGRAM, path, 60, 1)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cells"] == len(data) == 91
    assert found["epochs"] == 60 * 108
    assert found["refused"]
    winner = next(c for c in data if found["validation"] in c.metrics[0, :, 1, 2].tolist())
    assert found["test"] == pytest.approx(winner.metrics[0, :, 1, 3].mean(), rel=1e-15)
    assert found["edges"] == winner.matrix.sum()
    assert 60 * 10 < found["seconds"] < 60 * 5_000
    again = run("-m", "maade_np.compat.nasbench", PROGRAM, path, 60, 1)
    assert again.stdout == done.stdout
    other = run("-m", "maade_np.compat.nasbench", PROGRAM, path, 60, 2)
    assert other.stdout != done.stdout


def test_the_runner_is_like_python_itself(tmp_path: Path) -> None:
    """Arguments, name, module search path, exit status, and the runner's own errors."""
    (tmp_path / "beside.py").write_text("VALUE = 5\n", encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, beside, nasbench.api\n"
        "assert __name__ == '__main__' and beside.VALUE == 5\n"
        "print(sys.argv[1:], __file__ == sys.argv[0])\n"
        "sys.exit(7)\n",
        encoding="utf-8",
    )
    done = run("-m", "maade_np.compat.nasbench", program, "a", "--help")
    assert (done.returncode, done.stdout.strip()) == (7, "['a', '--help'] True")
    missing = run("-m", "maade_np.compat.nasbench", tmp_path / "none.py")
    assert missing.returncode == 2
    assert "there is no program" in missing.stderr
    assert "usage:" in missing.stderr


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["--help"], 0)])
def test_usage(arguments, status, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        runner.main(arguments)
    assert stopped.value.code == status
    assert "usage: python -m maade_np.compat.nasbench PROGRAM" in capsys.readouterr().out
