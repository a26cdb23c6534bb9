"""`anonbench status`: how far a run is, what failed, and how to go on."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonbench.workflow.status import JobState, Status

_SHOWN = 20


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "status",
        help="how far a run is: done, running, failed, left",
        description="Says how far the latest run is, while it runs or afterwards. Only reads.",
        epilog="More: docs/how-to/plan.md.",
    )
    parser.add_argument(
        "--results",
        type=Path,
        nargs="+",
        default=[Path("results")],
        metavar="DIR",
        help="folders of results (results)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the status of each folder of results."""
    from anonbench.workflow.status import status

    found = [status(results) for results in options.results]
    if options.json:
        print(json.dumps([as_json(each) for each in found], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join([as_text(each), *_doubts(each)]) for each in found))


def as_json(found: Status) -> dict[str, Any]:
    """Return a status as plain data."""
    words = {"results": str(found.results), "way_on": way_on(found), "doubts": _doubts(found)}
    return asdict(found) | words


def _doubts(found: Status) -> list[str]:
    """Return what the results publish, or leave out, because it may show too much."""
    from anonbench.datasets.doubts import said_of_run

    counts = sorted(found.results.glob("*/counts.csv"))
    return said_of_run(found.results, [path.parent.name for path in counts])


def as_text(found: Status) -> str:
    """Return a status as lines."""
    if found.began is None:
        head = f"{found.results}: no run is recorded; {found.measured} jobs have benchmark files"
        return "\n".join([head, *_indented(way_on(found))])
    now = time.time()
    lines = [f"{found.results}: {_head(found, now)}"]
    under_way = "running" if found.ended is None else "under way when it ended"
    counts = [f"{found.done} done"]
    counts += [f"{len(found.running)} {under_way}"] if found.running else []
    counts += [f"{len(found.failed)} failed"] if found.failed else []
    waiting = sum(found.left.values())
    rules = ", ".join(f"{count} {rule}" for rule, count in found.left.items())
    counts += [f"{waiting} left ({rules})"] if waiting else []
    lines.append(f"  {found.total} jobs: {', '.join(counts)}")
    if found.seconds_left is not None:
        end = _clock(now + found.seconds_left, now)
        lines.append(f"  about {_duration(found.seconds_left)} left, until {end}")
    for job in found.running[:_SHOWN]:
        lines += _running(job, now, found.ended)
    for job in found.failed[:_SHOWN]:
        lines += _failed(job, now)
    for kind, jobs in (("running", found.running), ("failed", found.failed)):
        if len(jobs) > _SHOWN:
            lines.append(f"  and {len(jobs) - _SHOWN} more {kind}")
    return "\n".join([*lines, *_indented(way_on(found))])


def way_on(found: Status) -> str:
    """Return what to do, one sentence; nothing where there is nothing to do."""
    from anonbench.workflow.status import State

    again = "run the same command again; what is done is kept"
    match found.state:
        case State.DIED:
            unlock = "run the same command with --unlock, then without" if found.locked else again
            if found.orphans:
                numbers = ", ".join(map(str, found.orphans))
                jobs = f"Its jobs are still at work: end or await the processes {numbers}"
                return f"{jobs}; then {unlock}."
            return f"When none of its jobs is at work any more, {unlock}."
        case State.FAILED:
            return f"Mend the cause and {again}."
        case State.STOPPED:
            return f"To go on, {again}."
        case State.UNKNOWN if found.locked:
            return (
                "A snakemake without the logger of the default profile is at work here or was "
                "killed; if none is, run its command with --unlock, then without."
            )
    return ""


def _head(found: Status, now: float) -> str:
    from anonbench.workflow.status import State

    began = f"begun {_clock(found.began or now, now)}"
    if found.state is State.RUNNING:
        whole = _duration(now - (found.began or now))
        return f"running, {began} ({whole} ago), process {found.process} on {found.host}"
    ended = found.ended or now
    if found.state is State.DIED:
        return (
            f"the run died, {began}: process {found.process} on {found.host} is gone, last seen "
            f"{_clock(ended, now)}"
        )
    words = {
        State.FINISHED: "finished",
        State.FAILED: "ended with failures",
        State.STOPPED: "was stopped",
    }
    took = _duration(ended - (found.began or ended))
    return f"{words[found.state]} {_clock(ended, now)}, {began}, {took}"


def _running(job: JobState, now: float, ended: float | None) -> list[str]:
    since = f"  {job.label}: since {_clock(job.since, now)}"
    if ended is None:
        since += f", {_duration(now - job.since)}"
    said = job.tail[-1] if job.tail else "nothing in its log yet"
    return [since, f"    {said}"]


def _failed(job: JobState, now: float) -> list[str]:
    head = f"  failed {_clock(job.since, now)}: {job.label}"
    lines = [head + (f" ({job.message})" if job.message else "")]
    lines += [f"    {job.log}:"] if job.log else []
    said = job.tail or ("nothing was written",)
    return [*lines, *(f"    | {line}" for line in said)]


def _indented(text: str) -> list[str]:
    return [f"  {text}"] if text else []


def _clock(at: float, now: float) -> str:
    """Write a time of day, with the date where it is another one."""
    then, today = time.localtime(at), time.localtime(now)
    same = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M", then)


def _duration(seconds: float) -> str:
    from snakemake_logger_plugin_anonbench.progress import duration

    return duration(max(0.0, seconds))
