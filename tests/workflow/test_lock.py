"""A dead run's lock goes by itself; that of a run that is going on stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anonbench.workflow.lock import acquire_run_lock, is_locked

RUN = """
import sys, time
from pathlib import Path
from anonbench.workflow.lock import acquire_run_lock
acquire_run_lock(Path(sys.argv[1]), only_looks=False)
(Path(sys.argv[1]) / "locks").mkdir()
(Path(sys.argv[1]) / "locks/0.output.lock").touch()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def snakemake(tmp_path: Path) -> Path:
    folder = tmp_path / ".snakemake"
    folder.mkdir()
    return folder


def start(snakemake: Path) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    run = subprocess.Popen([sys.executable, "-c", RUN, str(snakemake)], text=True, **pipes)
    assert run.stdout is not None
    assert run.stdout.readline() == "locked\n"
    return run


def marks(snakemake: Path) -> list[Path]:
    return list(snakemake.glob("anonbench-run.*"))


def test_a_lock_stays_while_its_run_is_there_and_goes_when_it_was_killed(snakemake: Path) -> None:
    run = start(snakemake)
    told = acquire_run_lock(snakemake, only_looks=True)
    assert told is not None
    assert f"a run on this machine (process {run.pid}) holds these results" in told
    assert is_locked(snakemake)
    run.kill()
    run.communicate()
    told = acquire_run_lock(snakemake, only_looks=True)
    assert (
        told == "the last run was killed: its lock is taken away, and what it had finished is kept"
    )
    assert not is_locked(snakemake)
    assert acquire_run_lock(snakemake, only_looks=True) is None


def test_a_run_that_ends_leaves_no_mark(snakemake: Path) -> None:
    run = start(snakemake)
    assert marks(snakemake)
    run.communicate("")
    assert run.returncode == 0
    assert not marks(snakemake)


@pytest.mark.parametrize("mark", ["anonbench-run.another-machine", None])
def test_a_lock_of_which_nothing_is_known_stays(snakemake: Path, mark: str | None) -> None:
    (snakemake / "locks").mkdir()
    (snakemake / "locks/0.output.lock").touch()
    if mark:
        (snakemake / mark).touch()
    told = acquire_run_lock(snakemake, only_looks=True)
    assert told is not None
    assert "snakemake --unlock" in told
    assert ("another-machine" in told) == (mark is not None)
    assert is_locked(snakemake)
