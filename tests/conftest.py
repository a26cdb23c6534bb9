"""What all tests share."""

import gc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import preloaded
from anonbench.cli import main

# the same examples everywhere, fifty of each kind, and no failure because a machine was busy
settings.register_profile("anonbench", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("anonbench")

# what is loaded stays to the end: collections that look at all of it take a tenth of the time
gc.set_threshold(50_000, 20, 20)

ROOT = Path(__file__).resolve().parents[1]


NEEDED = {"snakemake": "workflow", "forks": "workflow", "browser": "browser", "storage": "cluster"}
"""Marks of tests by a fixture that they use, directly or not."""


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, and begin with the files that take longest.

    At the end, one core would wait for the other's last.
    """
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in NEEDED:
                item.add_marker(NEEDED[fixture])
        if ROOT / "tests" / "cluster" in item.path.parents:
            item.add_marker("cluster")
    long = [
        {item.path for item in items if item.get_closest_marker(mark)}
        for mark in ("workflow", "slow")
    ]
    items.sort(key=lambda item: [item.path not in paths for paths in long])


def pytest_collection_finish() -> None:
    """Leave what the collection of tests has loaded out of all later garbage collections."""
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real images and weights beside the checkout, or skip."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder `shared` with real images and weights beside the checkout")
    return folder


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands of this process plan in forks of one that has loaded Snakemake."""
    monkeypatch.setattr("sys.executable", preloaded.python())


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Function that runs words as a command, checks its exit status, and returns what it prints."""

    def run(*words: object, status: int = 0) -> Any:
        capsys.readouterr()
        found = main([word for each in words for word in str(each).split()])
        said = capsys.readouterr()
        assert found == status, said.err
        return said

    return run
