"""What all tests share: hypothesis profiles, the slow leg, small spaces, the real table's path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from maade_np.spaces import CategoricalSpace

# A loaded machine must not fail a test, so there is no deadline; one seed for one result in CI.
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=12,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("intense", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--slow``."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is slow unless it was asked for."""
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with --slow"))


@pytest.fixture
def mixed_space() -> CategoricalSpace:
    """Four hyper-parameters of two families, one of them with a single value: 24 strings."""
    return CategoricalSpace(
        ["pool", "width", "fixed", "depth"], [2, 3, 1, 4], families=["two", "more", "two", "more"]
    )


@pytest.fixture
def tiny_space() -> CategoricalSpace:
    """Three hyper-parameters, 12 strings, of which a rule admits 8."""
    return CategoricalSpace(
        ["a", "b", "c"], [2, 3, 2], is_valid=lambda actions: actions.sum(axis=1) % 3 != 1
    )


@pytest.fixture(scope="session")
def table_path() -> Path:
    """The NAS-Bench-101 table, where the environment says there is one."""
    path = os.environ.get("MAADE_NASBENCH101")
    if not path:
        pytest.skip("set MAADE_NASBENCH101 to the table's path to run this test")
    return Path(path)
