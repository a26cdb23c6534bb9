"""State of the latest run in a folder of results, read from outside: nothing is written.

Snakemake may be at work in another process or on another machine. Its logger records what happens
(`snakemake_logger_plugin_anonbench`); jobs write their logs and benchmark files.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from anonbench.core.errors import InputError
from snakemake_logger_plugin_anonbench.record import HEARTBEAT
from snakemake_logger_plugin_anonbench.run import NAME, Run, read

_SILENT = 6 * HEARTBEAT
"""Seconds without a sign of life after which a run on another machine counts as dead."""
_SLACK = 2.0


class State(StrEnum):
    """What became of a run."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    DIED = "died"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Status:
    """Latest run of a folder of results."""

    results: Path
    state: State
    measured: int
    """Jobs with a benchmark file, of all runs."""
    locked: bool
    """Whether Snakemake's lock on these results is there."""
    run: Run = field(default_factory=Run)
    folder: Path = Path()
    """Where Snakemake was started."""
    host: str = ""
    process: int = 0
    seen: float = 0.0
    """When the run gave its last sign of life."""
    orphans: Sequence[int] = ()
    """Processes on this machine that go on although their run died."""


def status(results: Path, now: float | None = None) -> Status:
    """Return the state of the latest run.

    Args:
        results: folder of results.
        now: Unix time.

    Raises:
        InputError: there is no such folder.

    """
    if not results.is_dir():
        raise InputError(
            f"--results {results}: no such folder; name the `results` of the config, or start "
            "the command where snakemake was started"
        )
    measured = sum(1 for _ in (results / "benchmarks").rglob("*.tsv"))
    events = read(results)
    if not events:
        return Status(results, State.UNKNOWN, measured, _is_locked(results, Path.cwd()))
    head, run = events[0], Run()
    for event in events:
        run.apply(event)
    folder = Path(os.path.normpath(results / head["folder"]))
    seen = (results / NAME).stat().st_mtime
    state = _state(run, head, seen, time.time() if now is None else now)
    return Status(
        results=results,
        state=state,
        measured=measured,
        locked=_is_locked(results, folder),
        run=run,
        folder=folder,
        host=head["host"],
        process=head["pid"],
        seen=seen,
        orphans=_orphans(folder) if state is State.DIED else (),
    )


def unfinished(results: Path) -> dict[str, str]:
    """Return what became of the latest run's jobs that did not end well, by rule and wildcards."""
    if not results.is_dir():
        return {}
    latest = status(results)
    died = "is unfinished: its run died"
    words = "is being made now" if latest.state is State.RUNNING else died
    under_way = {job.label: words for job in latest.run.running.values()}
    return under_way | {
        job.label: f"could not be made the last time: see {[*job.logs, 'its scheduler'][0]}"
        for job in latest.run.failed.values()
    }


def _state(run: Run, head: Mapping[str, Any], seen: float, now: float) -> State:
    if run.ended is not None:
        ended_well = State.FINISHED if run.done == run.total else State.STOPPED
        return State.FAILED if run.failed else ended_well
    if head["host"] != platform.node():
        return State.RUNNING if now - seen < _SILENT else State.DIED
    with suppress(psutil.Error):
        process = psutil.Process(head["pid"])
        is_same = abs(process.create_time() - head["process"]) < _SLACK
        if is_same and process.status() != psutil.STATUS_ZOMBIE:
            return State.RUNNING
    return State.DIED


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
