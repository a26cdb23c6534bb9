"""A look changes no result and no record, whatever state they are in."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_archive
import yaml

import preloaded

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

Listing = dict[str, tuple[str, int, int]]


def listing(folder: Path) -> Listing:
    """Return digest, size and time of every result and record of one."""
    found = {}
    records = (".snakemake/metadata/**/*", ".snakemake/incomplete/**/*", ".snakemake/anonbench/*")
    for path in sorted(x for each in ("results/**/*", *records) for x in folder.glob(each)):
        if path.is_file() or path.is_symlink():
            stat = path.lstat()
            digest = "" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (digest, stat.st_size, stat.st_mtime_ns)
    return found


class Looks:
    """Looks at a folder, after each of which everything has to be as it was."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        self._workflow = ["-s", str(root / "Snakefile"), "--configfile", "config.yaml"]
        config = yaml.safe_dump(small_archive.config())
        (folder / "config.yaml").write_text(config, encoding="utf-8")

    def snakemake(self, *options: str) -> str:
        """Look with an option of snakemake's, such as `-n`."""
        targets = ["--", *small_archive.TARGETS]
        return self._run("snakemake", *self._workflow, "--cores", "2", *options, *targets)

    def anonbench(self, command: str) -> str:
        """Look with a command of anonbench's."""
        return self._run("anonbench", command, *small_archive.TARGETS, *self._workflow)

    def _run(self, program: str, *arguments: str) -> str:
        before = listing(self._folder)
        run = preloaded.completed(program, arguments, self._folder)
        said = run.stdout + run.stderr
        assert listing(self._folder) == before, said[-2000:]
        assert run.returncode == 0, said[-3000:]
        return said


@pytest.fixture
def looks(root: Path, scratch: Path) -> Looks:
    return Looks(root, scratch)


def test_finished_results_stay(looks: Looks) -> None:
    assert "Nothing to be done" in looks.snakemake("-n")
    for option in ("--lint", "--summary", "--dag"):
        looks.snakemake(option)
    looks.anonbench("plan")


@pytest.fixture
def stopped(root: Path, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a run that stands still in the middle of a job; it is killed in the end."""
    config = small_archive.config() | {"downstream": {"k": 1}}
    (scratch / "other.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    program = str(Path(sys.executable).with_name("snakemake"))
    command = [program, "-s", str(root / "Snakefile"), "--configfile", "other.yaml"]
    run = subprocess.Popen(
        [*command, "--cores", "1", *small_archive.TARGETS],
        cwd=scratch,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    marks = scratch / ".snakemake/incomplete"
    end = time.monotonic() + 300
    while not any(path.is_file() for path in marks.rglob("*")):
        assert run.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGSTOP)
    yield run
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_a_run_beside_and_what_it_leaves_half_written_stay(
    looks: Looks, stopped: subprocess.Popen[bytes]
) -> None:
    looks.snakemake("-n")
    looks.anonbench("plan")
    os.killpg(stopped.pid, signal.SIGKILL)
    stopped.wait()
    looks.snakemake("-n")
