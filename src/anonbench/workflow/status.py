"""State of the latest run in a folder of results, read from outside: nothing is written."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel

from snakemake_logger_plugin_anonbench import HEARTBEAT
from snakemake_logger_plugin_anonbench.run import NAME, Run, read

State = Literal["running", "finished", "failed", "stopped", "died", "unknown"]


class Status(BaseModel):
    """Latest run of a folder of results."""

    results: Path
    state: State
    run: Run
    seen: float
    """Unix time of the run's last sign of life; 0 where no run is recorded."""
    locked: bool
    """Whether Snakemake's lock on these results is there."""
    orphans: list[int]
    """Processes on this machine that go on although their run died."""


def status(results: Path, now: float | None = None) -> Status:
    """Return the state of the latest run at a Unix time, now by default."""
    run = read(results)
    seen = (results / NAME).stat().st_mtime if run.began else 0.0
    state = _state(run, (now or time.time()) - seen)
    orphans = _orphans(run.folder) if state == "died" else []
    locked = _is_locked(results, run.folder)
    return Status(results=results, state=state, run=run, seen=seen, locked=locked, orphans=orphans)


def unfinished(results: Path) -> dict[str, str]:
    """Return what became of the latest run's jobs that did not end well, by rule and wildcards."""
    latest = status(results)
    is_running = latest.state == "running"
    words = "is being made now" if is_running else "is unfinished: its run died"
    return {job.label: words for job in latest.run.running.values()} | {
        job.label: f"could not be made the last time: see {[*job.logs, 'its scheduler'][0]}"
        for job in latest.run.failed.values()
    }


def _state(run: Run, silent: float) -> State:
    if not run.began:
        return "unknown"
    if run.ended and run.failed:
        return "failed"
    if run.ended:
        return "finished" if run.done.total() == run.total else "stopped"
    if run.host != platform.node():
        return "running" if silent < 6 * HEARTBEAT else "died"
    with suppress(psutil.Error):
        process = psutil.Process(run.pid)
        # a later process may have the same number
        if process.create_time() <= run.began and process.status() != psutil.STATUS_ZOMBIE:
            return "running"
    return "died"


def _orphans(folder: Path) -> list[int]:
    """Return processes that execute scripts for a Snakemake that ran in this folder."""
    scripts = str(folder.resolve() / ".snakemake" / "scripts") + os.sep
    return sorted(
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(word.startswith(scripts) for word in process.info["cmdline"] or [])
    )


def _is_locked(results: Path, folder: Path) -> bool:
    """Return whether a Snakemake that runs or ran in `folder` has locked files of the results."""
    names = (os.path.relpath(results, folder) + os.sep, str(results.resolve()) + os.sep)
    lines: list[str] = []
    for lock in (folder / ".snakemake" / "locks").glob("*.lock"):
        with suppress(OSError):  # it was just taken away
            lines += lock.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.startswith(names) for line in lines)
