"""`anonbench plan`: what would run, why, and what it would cost."""

from __future__ import annotations

import argparse
import difflib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.workflow.plan.jobs import Job, Plan
    from anonbench.workflow.plan.report import Machine

_NEAR = 3


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "plan",
        help="what would run, why, and what it would cost",
        description="Says what snakemake would run, what changed since the results were made "
        "(which input, which setting, which function), and what it would cost by the benchmarks "
        "of earlier jobs. Runs nothing.",
        epilog="All other arguments go to snakemake: targets, --configfile, --config. "
        "More: docs/how-to/plan.md.",
    )
    parser.add_argument(
        "--why", metavar="FILE", help="one file of the results: would it be made again, and why"
    )
    parser.add_argument(
        "--cores", type=int, metavar="N", help="of the run whose time is estimated (this machine's)"
    )
    parser.add_argument(
        "--gpus", type=int, metavar="N", help="of that run (as many as its largest job wants)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with every job")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the plan, or what is known of one file."""
    from anonbench.workflow.plan.causes import reasons
    from anonbench.workflow.plan.costs import costs
    from anonbench.workflow.plan.report import Report, as_json, as_text, explain

    for name in ("cores", "gpus"):
        given = getattr(options, name)
        if given is not None and given < 1:
            raise InputError(f"--{name} {given}: there must be one at least")
    file = None if options.why is None else os.path.normpath(options.why)
    plan, job = _planned(options.snakemake, file)
    report = Report(plan, reasons(plan), costs(plan), _machine(options, plan))
    if options.json:
        print(json.dumps(as_json(report, job), indent=2, ensure_ascii=False))
    elif job is not None and file is not None:
        print(explain(report, job, file))
    else:
        print(as_text(report))


def _planned(arguments: Sequence[str], file: str | None) -> tuple[Plan, Job | None]:
    from anonbench.workflow.plan.jobs import collect

    plan = collect(arguments)
    if file is None:
        return plan, None
    job = _maker(plan, file)
    if job is None:  # a file that is made on request alone
        try:
            wider = collect(arguments, file)
        except InputError as error:
            raise _unknown(plan, file, error) from None
        plan, job = wider, _maker(wider, file)
        if job is None:
            raise _unknown(plan, file)
    return plan, job


def _maker(plan: Plan, file: str) -> Job | None:
    """Return the job that makes a file; paths may be absolute in the one and not in the other."""
    place = Path(file).absolute()
    return next(
        (
            job
            for job in plan.jobs.values()
            if any(
                Path(path).name == place.name and Path(path).absolute() == place
                for path in job.outputs
            )
        ),
        None,
    )


def _unknown(plan: Plan, file: str, error: InputError | None = None) -> InputError:
    reason = str(error).strip().splitlines() if error else []
    if reason and not any("MissingRuleException" in line for line in reason):
        return InputError(f"--why {file}: {' '.join(line.strip() for line in reason)}")
    files = [path for job in plan.jobs.values() for path in job.outputs]
    near = difflib.get_close_matches(file, files, _NEAR, 0.0)
    by_name = [path for path in files if Path(path).name == Path(file).name]
    shown = list(dict.fromkeys([*near, *by_name]))[:_NEAR]
    hint = f"; near it: {', '.join(shown)}" if shown else ""
    return InputError(f"--why {file}: no job of this config makes it{hint}")


def _machine(options: argparse.Namespace, plan: Plan) -> Machine:
    from anonbench.workflow.plan.report import Machine

    wanted = max((job.gpus for job in plan.planned), default=0.0)
    cores = options.cores or len(os.sched_getaffinity(0))
    return Machine(cores, float(options.gpus or wanted))
