"""What became of the latest run in a folder of results, seen from outside: nothing is written."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from snakemake_logger_plugin_anonbench import HEARTBEAT
from snakemake_logger_plugin_anonbench.run import Run, read

State = Literal["running", "finished", "failed", "stopped", "died", "unknown"]


def state_of(run: Run, now: float) -> State:
    """Return the state of a run at a Unix time; unknown where none is recorded."""
    if not run.began:
        return "unknown"
    if run.ended and run.failed:
        return "failed"
    if run.ended:
        return "finished" if run.done.total() == run.total else "stopped"
    if run.host != platform.node():
        return "running" if now - run.seen < 6 * HEARTBEAT else "died"
    with suppress(psutil.Error):
        process = psutil.Process(run.pid)
        # a later process may have the same number
        if process.create_time() <= run.began and process.status() != psutil.STATUS_ZOMBIE:
            return "running"
    return "died"


def unfinished(results: Path) -> dict[str, str]:
    """Return what became of the latest run's jobs that did not end well, by rule and wildcards."""
    run = read(results)
    is_running = state_of(run, time.time()) == "running"
    words = "is being made now" if is_running else "is unfinished: its run died"
    return {job.label: words for job in run.running.values()} | {
        job.label: f"could not be made the last time: see {[*job.logs, 'its scheduler'][0]}"
        for job in run.failed.values()
    }


def orphans(run: Run) -> list[int]:
    """Return the processes on this machine that execute scripts where a run was started."""
    scripts = str(run.folder.resolve() / ".snakemake" / "scripts") + os.sep
    return sorted(
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(word.startswith(scripts) for word in process.info["cmdline"] or [])
    )
