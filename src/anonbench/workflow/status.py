"""How far a run is, read from outside: nothing is locked, written or settled.

The run itself records what happens (`snakemake_logger_plugin_anonbench.record`); jobs write their
logs and benchmark files. Snakemake may be at work in another process or on another machine.
"""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from anonbench.core.errors import InputError
from snakemake_logger_plugin_anonbench.progress import Progress
from snakemake_logger_plugin_anonbench.record import HEARTBEAT, NAME, read
from snakemake_logger_plugin_anonbench.summary import shortened

TAIL = 10
"""Lines of a failed job's log."""
_TAIL_BYTES = 16_384
_WIDTH = 300
_SILENT = 6 * HEARTBEAT
"""Seconds without a sign of life after which a run on another machine counts as dead."""
_SLACK = 2.0
"""Seconds by which the clocks of a machine and its file server may differ."""


class State(StrEnum):
    """What became of a run."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    DIED = "died"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class JobState:
    """A job that is under way or has failed."""

    label: str
    since: float
    """When it was started or handed to a scheduler; for a failed one, when it failed."""
    log: str | None
    """Path from the folder in which Snakemake runs."""
    tail: tuple[str, ...]
    """The last lines of its log, one where it is under way; none where it has written nothing."""
    message: str = ""
    """What a scheduler says of a failure."""


@dataclass(frozen=True)
class Status:
    """How far the latest run of a folder of results is."""

    results: Path
    state: State
    measured: int
    """Jobs with a benchmark file, of all runs."""
    began: float | None = None
    ended: float | None = None
    """When it ended, or when it was last seen to live."""
    host: str = ""
    process: int = 0
    orphans: Sequence[int] = ()
    """Processes on this machine that go on although their run died."""
    locked: bool = False
    """Whether Snakemake's lock on these results is there."""
    total: int = 0
    done: int = 0
    running: Sequence[JobState] = ()
    failed: Sequence[JobState] = ()
    left: Mapping[str, int] = field(default_factory=dict)
    """Jobs that neither ended nor failed nor are under way, by rule."""
    seconds_left: float | None = None


def status(results: Path, now: float | None = None) -> Status:
    """Return how far the latest run is.

    Args:
        results: folder of results.
        now: the time, in seconds as files are dated.

    Raises:
        InputError: there is no such folder.

    """
    if not results.is_dir():
        raise InputError(
            f"--results {results}: no such folder; name the `results` of the config, or start "
            "the command where snakemake was started"
        )
    now = time.time() if now is None else now
    measured = sum(1 for _ in (results / "benchmarks").rglob("*.tsv"))
    events = read(results)
    if not events:
        return Status(results, State.UNKNOWN, measured, locked=_is_locked(results, Path.cwd()))
    head = events[0]
    folder = Path(os.path.normpath(results / head["folder"]))
    progress, running, failed = _replayed(events, folder)
    ended = next((event["at"] for event in events if event["event"] == "end"), None)
    left = Counter(progress.left)
    left.subtract(Counter(job.label.split()[0] for job in running))
    state = _state(results, events, progress, ended, now)
    return Status(
        results=results,
        state=state,
        measured=measured,
        began=head["at"],
        ended=ended or (None if state is State.RUNNING else _last_sign(results, events)),
        host=head["host"],
        process=head["pid"],
        orphans=_orphans(folder) if state is State.DIED else (),
        locked=_is_locked(results, folder),
        total=progress.total,
        done=progress.done,
        running=running,
        failed=failed,
        left={rule: count for rule, count in sorted(left.items()) if count > 0},
        seconds_left=progress.seconds_left(now) if state is State.RUNNING else None,
    )


def unfinished(results: Path) -> dict[str, str]:
    """Return what became of the latest run's jobs that did not end, by rule and wildcards."""
    if not results.is_dir():
        return {}
    found = status(results)
    going_on = (
        "is being made now" if found.state is State.RUNNING else "is unfinished: its run died"
    )
    words = {job.label: going_on for job in found.running}
    for job in found.failed:
        words[job.label] = f"could not be made the last time: see {job.log or 'its scheduler'}"
    return words


def _replayed(
    events: Sequence[Mapping[str, Any]], folder: Path
) -> tuple[Progress, list[JobState], list[JobState]]:
    progress = Progress()
    progress.plan(events[0]["jobs"])
    progress.expect(events[0].get("usual", {}))
    running: dict[int, Mapping[str, Any]] = {}
    failed: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for event in events[1:]:
        job, at = int(event.get("job", -1)), event["at"]
        if event["event"] == "started":
            progress.start(job, event["rule"], event["wildcards"], at, at)
            failed.pop(job, None)
            running[job] = event
        elif event["event"] == "done":
            progress.finish(job, at)
            running.pop(job, None)
        elif event["event"] == "failed" and job in running:
            progress.fail(job, event["logs"], event["message"])
            failed[job] = running.pop(job), event
    under_way = [_under_way(event, folder) for event in running.values()]
    return progress, under_way, [_failure(*both, folder) for both in failed.values()]


def _under_way(event: Mapping[str, Any], folder: Path) -> JobState:
    log = event["logs"][0] if event["logs"] else None
    tail = last_lines(folder / log, event["at"], 1) if log else ()
    return JobState(_label(event), event["at"], log, tail)


def _failure(started: Mapping[str, Any], event: Mapping[str, Any], folder: Path) -> JobState:
    logs = [*event["logs"], *started["logs"]]
    tail = last_lines(folder / logs[0], started["at"], TAIL) if logs else ()
    log, message = logs[0] if logs else None, shortened(event["message"])
    return JobState(_label(started), event["at"], log, tail, message)


def _label(event: Mapping[str, Any]) -> str:
    return " ".join([event["rule"], *map(str, event["wildcards"].values())])


def last_lines(path: Path, since: float, count: int) -> tuple[str, ...]:
    """Return the last lines of a log that was written since then; none of an older one.

    A progress bar counts as its last state.
    """
    try:
        if path.stat().st_mtime < since - _SLACK:
            return ()
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    return tuple(line[:_WIDTH] for line in lines if line.strip())[-count:]


def _state(
    results: Path,
    events: Sequence[Mapping[str, Any]],
    progress: Progress,
    ended: float | None,
    now: float,
) -> State:
    if ended is None:
        return State.RUNNING if _lives(results, events[0], now) else State.DIED
    if progress.failed:
        return State.FAILED
    return State.FINISHED if progress.done == progress.total else State.STOPPED


def _lives(results: Path, head: Mapping[str, Any], now: float) -> bool:
    """Tell whether the run's process is there; on another machine, whether it gave a sign."""
    if head["host"] != platform.node():
        return now - (results / NAME).stat().st_mtime < _SILENT
    try:
        process = psutil.Process(head["pid"])
        same = abs(process.create_time() - head["process"]) < _SLACK
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _orphans(folder: Path) -> list[int]:
    """Return processes that execute scripts for a Snakemake that ran in this folder."""
    scripts = str(folder.resolve() / ".snakemake" / "scripts") + os.sep
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(
            word.startswith(scripts) for word in words
        ):
            found.append(process.pid)
    return sorted(found)


def _last_sign(results: Path, events: Sequence[Mapping[str, Any]]) -> float:
    return max(float(events[-1]["at"]), (results / NAME).stat().st_mtime)


def _is_locked(results: Path, folder: Path) -> bool:
    """Tell whether a Snakemake that runs or ran in `folder` has locked files of the results."""
    prefix = os.path.relpath(results, folder) + os.sep
    whole = str(results.resolve()) + os.sep
    for lock in (folder / ".snakemake" / "locks").glob("*.lock"):
        try:
            with lock.open(encoding="utf-8", errors="replace") as lines:
                if any(line.startswith((prefix, whole)) for line in lines):
                    return True
        except OSError:  # it was just taken away
            continue
    return False
