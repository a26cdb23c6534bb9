"""`anonbench status`: how far a run is, what failed, and how to go on."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonbench.workflow.status import Status

_SHOWN = 20
_TAIL = 10
"""Lines of a failed job's log."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "status",
        help="how far a run is: done, running, failed, left",
        description="Shows how far the latest run is, while it runs or afterwards. Only reads.",
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

    statuses = [status(results) for results in options.results]
    if options.json:
        content = [as_json(each) for each in statuses]
        print(json.dumps(content, indent=2, ensure_ascii=False, default=str))
    else:
        print("\n\n".join("\n".join([as_text(each), *_doubts(each)]) for each in statuses))


def as_json(latest: Status) -> dict[str, Any]:
    """Return a status as plain data."""
    left = latest.run.seconds_left(time.time())
    words = {"next_step": next_step(latest), "doubts": _doubts(latest)}
    return asdict(latest) | {"seconds_left": left} | words


def as_text(latest: Status) -> str:
    """Return a status as lines."""
    from anonbench.workflow.status import State
    from snakemake_logger_plugin_anonbench.run import duration, listed

    run, now = latest.run, time.time()
    step = [f"  {step}"] if (step := next_step(latest)) else []
    if run.began is None:
        head = f"{latest.results}: no run is recorded; {latest.measured} jobs have benchmark files"
        return "\n".join([head, *step])
    lines = [f"{latest.results}: {_head(latest, now)}, process {latest.process} on {latest.host}"]
    is_running = latest.state is State.RUNNING
    counts = [f"{run.done} done"]
    if run.running:
        counts.append(f"{len(run.running)} {'running' if is_running else 'under way at its end'}")
    counts += [f"{len(run.failed)} failed"] if run.failed else []
    counts += [listed(run.waiting, "left")] if run.waiting else []
    lines.append(f"  {run.total} jobs: {', '.join(counts)}")
    left = run.seconds_left(now) if is_running else None
    if left is not None:
        lines.append(f"  about {duration(left)} left, until {_clock(now + left)}")
    for job in list(run.running.values())[:_SHOWN]:
        lines.append(f"  {job.label} since {_clock(job.began)}")
        lines += [f"    | {line}" for line in job.last_lines(latest.folder, 1)]
    return "\n".join([*lines, *run.failures(latest.folder, _TAIL), *step])


def _head(latest: Status, now: float) -> str:
    from anonbench.workflow.status import State
    from snakemake_logger_plugin_anonbench.run import duration

    began = latest.run.began or now
    match latest.state:
        case State.RUNNING:
            return f"running since {_clock(began)} ({duration(now - began)})"
        case State.DIED:
            return f"died; it began {_clock(began)} and was last seen {_clock(latest.seen)}"
    words = {State.FAILED: "ended with failures", State.STOPPED: "was stopped"}
    ended = latest.run.ended or now
    word = words.get(latest.state, latest.state)
    return f"{word}, {_clock(began)} to {_clock(ended)} ({duration(ended - began)})"


def next_step(latest: Status) -> str:
    """Return what to do, in one sentence; nothing where there is nothing to do."""
    from anonbench.workflow.status import State

    again = "run the same command again; what is done is kept"
    match latest.state:
        case State.DIED:
            again = "run the same command with --unlock, then without" if latest.locked else again
            if latest.orphans:
                numbers = ", ".join(map(str, latest.orphans))
                return f"Jobs are still running: end processes {numbers} or wait; then {again}."
            return f"When none of its jobs is running any more, {again}."
        case State.FAILED:
            return f"Fix the cause and {again}."
        case State.STOPPED:
            return f"To go on, {again}."
        case State.UNKNOWN if latest.locked:
            return (
                "A snakemake without the logger of the default profile is running here or was "
                "killed; if none is, run its command with --unlock, then without."
            )
    return ""


def _doubts(latest: Status) -> list[str]:
    """Return what the published images may show, and what was left out."""
    from anonbench.datasets.doubts import doubts_of_run

    counts = sorted(latest.results.glob("*/counts.csv"))
    return doubts_of_run(latest.results, [path.parent.name for path in counts])


def _clock(at: float) -> str:
    """Return a time of day, with the date where it is not today."""
    then, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
