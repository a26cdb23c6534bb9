"""A look changes no result and no record, whatever state they are in."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import preloaded
import small_archive
from processes import wait_for

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


@pytest.fixture
def look(root: Path, scratch: Path) -> Callable[..., str]:
    """Return a function that looks, after which everything has to be as it was."""
    config = yaml.safe_dump(small_archive.config())
    (scratch / "config.yaml").write_text(config, encoding="utf-8")

    def once(*command: str) -> str:
        program, *options = command
        given = [*options, "-s", root / "Snakefile", *small_archive.TARGETS]
        before = listing(scratch)
        run = preloaded.completed(program, [*given, "--configfile", "config.yaml"], scratch)
        said = run.stdout + run.stderr
        assert listing(scratch) == before, said[-2000:]
        assert run.returncode == 0, said[-3000:]
        return said

    return once


def test_finished_results_stay(look: Callable[..., str]) -> None:
    assert "Nothing to be done" in look("snakemake", "-n")
    for option in ("--lint", "--summary", "--dag"):
        look("snakemake", option)
    look("anonbench", "plan")


def test_a_killed_run_stays(look: Callable[..., str], root: Path, scratch: Path) -> None:
    """It is looked at while it stands still in the middle of a job, and after it was killed."""
    config = small_archive.config() | {"downstream": {"k": 1}}
    (scratch / "other.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    program = str(Path(sys.executable).with_name("snakemake"))
    command = [program, "-s", str(root / "Snakefile"), "--configfile", "other.yaml"]
    command += ["--cores", "1", *small_archive.TARGETS]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen(command, cwd=scratch, start_new_session=True, **quiet)
    marks = scratch / ".snakemake/incomplete"
    try:
        wait_for(lambda: any(path.is_file() for path in marks.rglob("*")))
        os.killpg(run.pid, signal.SIGSTOP)
        look("snakemake", "-n")
        look("anonbench", "plan")
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    look("snakemake", "-n")
