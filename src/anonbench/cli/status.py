"""`anonbench status`: how far a run is, what failed, and how to go on."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError
from anonbench.core.wording import duration

if TYPE_CHECKING:
    from anonbench.workflow.status import Status

_LOG_LINES = 10
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
    """Print the status of each folder of results.

    Raises:
        InputError: there is no such folder.

    """
    from anonbench.workflow.status import status

    for results in options.results:
        if not results.is_dir():
            raise InputError(f"{results}: no such folder; --results names the config's `results`")
    statuses = [status(results) for results in options.results]
    if options.json:
        print(json.dumps([as_json(each) for each in statuses], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join([as_text(each), *_doubts(each)]) for each in statuses))


def as_json(latest: Status) -> dict[str, Any]:
    """Return a status as plain data."""
    return latest.model_dump(mode="json") | {
        "seconds_left": latest.run.seconds_left(time.time()),
        "next_step": next_step(latest),
        "doubts": _doubts(latest),
    }


def as_text(latest: Status) -> str:
    """Return a status as lines."""
    from snakemake_logger_plugin_anonbench.run import SHOWN

    run, now = latest.run, time.time()
    steps = [f"  {step}"] if (step := next_step(latest)) else []
    if latest.state == "unknown":
        return "\n".join([f"{latest.results}: no run is recorded", *steps])
    is_running = latest.state == "running"
    end = now if is_running else run.ended or latest.seen
    period = f"{_clock(run.began)} to {'now' if is_running else _clock(end)}"
    head = f"{latest.results}: {latest.state}, {period} ({duration(end - run.began)})"
    counts = [f"{run.done.total()} done"]
    if run.running:
        counts.append(f"{len(run.running)} {'running' if is_running else 'under way at its end'}")
    counts += [f"{len(run.failed)} failed"] if run.failed else []
    if run.waiting:
        rules = ", ".join(f"{count} {rule}" for rule, count in sorted(run.waiting.items()))
        counts.append(f"{run.waiting.total()} left ({rules})")
    lines = [f"{head}, process {run.pid} on {run.host}", f"  {run.total} jobs: {', '.join(counts)}"]
    if is_running and (left := run.seconds_left(now)) is not None:
        lines.append(f"  about {duration(left)} left, until {_clock(now + left)}")
    for job in list(run.running.values())[:SHOWN]:
        lines.append(f"  {job.label} since {_clock(job.began)}")
        lines += [f"    | {line}" for line in job.last_lines(run.folder, 1)]
    return "\n".join([*lines, *run.failures(_LOG_LINES), *steps])


def next_step(latest: Status) -> str:
    """Return what to do, in one sentence; nothing where there is nothing to do."""
    again = "run the same command again; what is done is kept"
    match latest.state:
        case "failed":
            return f"Fix the cause and {again}."
        case "stopped":
            return f"To go on, {again}."
        case "died":
            again = "run the same command with --unlock, then without" if latest.locked else again
            numbers = ", ".join(map(str, latest.orphans))
            end = f"End processes {numbers} or wait for them" if numbers else "Wait for its jobs"
            return f"{end}; then {again}."
        case "unknown" if latest.locked:
            return (
                "A snakemake without the logger of the default profile is running here or was "
                "killed; if none is, run its command with --unlock, then without."
            )
    return ""


def _doubts(latest: Status) -> list[str]:
    """Return what the published images may show, and what was left out."""
    from anonbench.datasets.doubts import said_of_run

    counts = sorted(latest.results.glob("*/counts.csv"))
    return said_of_run(latest.results, [path.parent.name for path in counts])


def _clock(at: float) -> str:
    """Return a time of day, with the date where it is not today."""
    then, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
