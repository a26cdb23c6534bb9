"""`anonbench plan`: what would run, why, and what it would cost."""

from __future__ import annotations

import argparse
import difflib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.workflow.plan.jobs import Job, Plan

_NEAR = 3


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "plan",
        help="what would run, why, and what it would cost",
        description="Shows what snakemake would run, what changed since the results were made "
        "(which input, setting or function), and what the run would cost by the benchmarks of "
        "earlier jobs. Runs and changes nothing.",
        epilog="All other arguments go to snakemake: targets, --configfile, --config. "
        "More: docs/how-to/plan.md.",
    )
    parser.add_argument(
        "--why", metavar="FILE", help="explain one file: would it be made again, and why"
    )
    parser.add_argument(
        "--cores", type=_positive, metavar="N", help="cores of the planned run (this machine's)"
    )
    parser.add_argument(
        "--gpus", type=_positive, metavar="N", help="its GPUs (as many as its largest job needs)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with every job")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the plan, or why one file would be made again."""
    from anonbench.workflow.plan.causes import reasons
    from anonbench.workflow.plan.costs import costs
    from anonbench.workflow.plan.jobs import collect
    from anonbench.workflow.plan.report import Report, as_json, as_text, explain

    plan, job = collect(options.snakemake), None
    if options.why is not None:
        file = os.path.normpath(options.why)
        job = _maker(plan, file)
        if job is None:  # a file that none of the targets needs
            plan, job = _wider(plan, options.snakemake, file)
    cores = options.cores or len(os.sched_getaffinity(0))
    gpus = options.gpus or max((each.gpus for each in plan.planned), default=0.0)
    report = Report(plan, reasons(plan), costs(plan), cores, gpus)
    if options.json:
        print(json.dumps(as_json(report, job), indent=2, ensure_ascii=False))
    else:
        print(as_text(report) if job is None else explain(report, job, file))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def _maker(plan: Plan, file: str) -> Job | None:
    """Return the job that makes a file; one path may be absolute and the other not."""
    wanted = Path(file).absolute()
    outputs = ((job, path) for job in plan.jobs.values() for path in job.outputs)
    return next((job for job, path in outputs if Path(path).absolute() == wanted), None)


def _wider(plan: Plan, arguments: list[str], file: str) -> tuple[Plan, Job]:
    from anonbench.workflow.plan.jobs import collect

    try:
        wider = collect(arguments, file)
        if job := _maker(wider, file):
            return wider, job
    except InputError as error:
        if "MissingRuleException" not in str(error):
            raise InputError(f"--why {file}: {error}") from None
    files = [path for job in plan.jobs.values() for path in job.outputs]
    near = ", ".join(difflib.get_close_matches(file, files, _NEAR, 0.0))
    raise InputError(f"--why {file}: no job of this config makes it; near it: {near}")
