"""`anonbench status`: progress of a run, failed jobs, and the next step."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import read_config
from anonbench.core.errors import InputError
from anonbench.core.wording import duration

if TYPE_CHECKING:
    from snakemake_logger_plugin_anonbench.run import Run

_LOG_LINES = 10
"""Lines shown of a failed job's log."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "status",
        help="show how far a run is",
        description="Shows how far the latest run is, while it runs or afterwards. Only reads.",
        epilog="Examples:\n  anonbench status\n  anonbench status --configfile archive.yaml\n"
        "  anonbench status --results results/archive --json\n\n"
        "More: docs/how-to/plan.md.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--results", type=Path, nargs="+", default=[Path("results")], help="folders (results)"
    )
    which.add_argument(
        "--configfile", type=Path, metavar="FILE", help="the config that the workflow ran with"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the status of each folder of results.

    Raises:
        InputError: there is no such folder or config.

    """
    from snakemake_logger_plugin_anonbench.run import read

    if options.configfile is not None:
        options.results = [read_config(options.configfile).results]
        if not options.results[0].is_dir():
            raise InputError(
                f"{options.results[0]}: no such folder; `anonbench run --configfile "
                f"{options.configfile}` has not begun, or in another folder"
            )
    for results in options.results:
        if not results.is_dir():
            raise InputError(f"{results}: no such folder; --results names the config's `results`")
    runs = [(results, read(results)) for results in options.results]
    if options.json:
        print(json.dumps([as_json(*each) for each in runs], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(as_text(*each) for each in runs))


def as_json(results: Path, latest: Run) -> dict[str, Any]:
    """Latest run of a results folder as plain data."""
    now = time.time()
    state = latest.state(now)
    return latest.model_dump(mode="json") | {
        "results": str(results),
        "state": state,
        "seconds_left": latest.seconds_left(now) if state == "running" else None,
        "next_step": next_step(latest),
        "doubts": _doubts(results),
    }


def as_text(results: Path, latest: Run) -> str:
    """Latest run of a results folder as text."""
    lines = _jobs(results, latest) if latest.began else [f"{results}: no run is recorded"]
    step = next_step(latest)
    return "\n".join([*lines, *([f"  {step}"] if step else []), *_doubts(results)])


def _jobs(results: Path, latest: Run) -> list[str]:
    from snakemake_logger_plugin_anonbench.run import SHOWN

    now = time.time()
    state = latest.state(now)
    end = now if state == "running" else latest.ended or latest.seen
    period = f"{_clock(latest.began)} to {_clock(end)} ({duration(end - latest.began)})"
    head = f"{results}: {state}, {period}, process {latest.pid} on {latest.host}"
    counts = [f"{latest.done.total()} done", f"{len(latest.running)} under way"]
    counts += [f"{len(latest.failed)} failed", f"{latest.waiting.total()} left"]
    rules = ", ".join(f"{count} {rule}" for rule, count in sorted(latest.waiting.items()))
    lines = [head, f"  {latest.total} jobs: {', '.join(counts)}" + (f" ({rules})" if rules else "")]
    if state == "running" and (left := latest.seconds_left(now)) is not None:
        lines.append(f"  about {duration(left)} left, until {_clock(now + left)}")
    for job in list(latest.running.values())[:SHOWN]:
        lines.append(f"  {job.label} since {_clock(job.began)}")
        lines += [f"    | {line}" for line in job.last_lines(latest.folder, 1)]
    return lines + latest.failures(_LOG_LINES)


def next_step(latest: Run) -> str:
    """Next step for the user in one sentence; empty if nothing is to be done."""
    again = "run the same command again; what is done is kept"
    match latest.state(time.time()):
        case "failed":
            return f"Fix the cause and {again}."
        case "stopped":
            return f"To go on, {again}."
        case "died":
            numbers = ", ".join(map(str, latest.orphans()))
            end = f"End processes {numbers} or wait for them" if numbers else "Wait for its jobs"
            return f"{end}; then run the same command with --unlock, then without."
    return ""


def _doubts(results: Path) -> list[str]:
    """Warnings about what published images may show and about images left out."""
    from anonbench.datasets.image_sets.doubts import doubts_of_run

    return doubts_of_run(results, sorted(path.parent.name for path in results.glob("*/counts.csv")))


def _clock(at: float) -> str:
    """Format a time of day, with the date unless it is today."""
    then, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
