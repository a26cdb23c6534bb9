"""Scratch folder of a run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from anonbench.core.jobs import run_scratch
from anonbench.core.jobs.run_scratch import shared_file, written

SHARED = """
import os
from anonbench.core.jobs.run_scratch import share_scratch
share_scratch()
print(os.environ["ANONBENCH_RUN_SCRATCH"])
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANONBENCH_RUN_SCRATCH", str(tmp_path))
    return tmp_path


def test_the_folder_goes_with_the_process_that_made_it() -> None:
    code = f"{SHARED}print(oct(os.stat(os.environ['ANONBENCH_RUN_SCRATCH']).st_mode))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder, mode = done.stdout.split()
    assert mode.endswith("700") and not Path(folder).exists()


def test_where_a_run_shares_nothing_there_is_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ANONBENCH_RUN_SCRATCH", raising=False)
    assert shared_file("a", 1) is None
    monkeypatch.setenv("ANONBENCH_RUN_SCRATCH", str(tmp_path / "of another machine"))
    assert shared_file("a", 1) is None


def test_what_is_there_is_used_and_what_has_no_room_is_not_written(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_scratch, "MOST", 100)
    assert shared_file("a", 100) == shared / "a"
    (shared / "a").write_bytes(b"0" * 60)
    assert shared_file("a", 100) == shared / "a"
    assert shared_file("b", 40) == shared / "b"
    assert shared_file("b", 41) is None


def test_writers_of_the_same_do_not_touch_each_other(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with written(shared / "a") as first:
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with written(shared / "a") as second:
            second.write_bytes(b"same")
        assert (shared / "a").read_bytes() == b"same"
        first.write_bytes(b"same")
    assert [path.name for path in shared.iterdir()] == ["a"]
    assert stat.S_IMODE((shared / "a").stat().st_mode) == 0o600


def test_what_was_not_finished_is_not_there(shared: Path) -> None:
    with pytest.raises(ZeroDivisionError), written(shared / "a") as part:
        part.write_bytes(b"half")
        1 / 0  # noqa: B018 - an error of a job
    assert list(shared.iterdir()) == []
