"""`anonbench plan`: jobs that would run, with reasons and expected cost."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError
from anonbench.workflow.snakefile import require_configfiles

if TYPE_CHECKING:
    from anonbench.workflow.plan.jobs import Plan

_NEAR = 3
_EPILOG = """\
All other arguments go to snakemake: targets first, then --configfile, --config.

Examples:
  anonbench plan --configfile archive.yaml
  anonbench plan archive_images --configfile archive.yaml --cores 16 --json
  anonbench plan --why results/report.html

More: docs/how-to/plan.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "plan",
        help="list the jobs of an experiment, their reasons, time and disk",
        description="Shows what snakemake would run, what changed since the results were made "
        "(which input, setting or function), and what the run would cost by the benchmarks of "
        "earlier jobs, else by formula. Runs and changes nothing.",
        epilog=_EPILOG,
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
    parser.set_defaults(run=run, passes_on=True)


def run(options: argparse.Namespace) -> None:
    """Print the plan, or the reasons for making one file again."""
    require_configfiles(options.snakemake)
    from anonbench.workflow.plan.jobs import collect
    from anonbench.workflow.plan.report import as_data, as_text, explain
    from anonbench.workflow.startup import weak_methods

    plan, job = collect(options.snakemake), None
    for sentence in weak_methods(plan.started.settings):
        print(f"anonbench: {sentence}", file=sys.stderr)
    if options.why is not None:
        file = os.path.normpath(options.why)
        if plan.maker(file) is None:  # a file that no target needs
            plan = _with_target(plan, options.snakemake, file)
        job = plan.maker(file)
    planned = plan.needed(job) if job else plan.planned
    cores = options.cores or len(os.sched_getaffinity(0))
    gpus = options.gpus or max((each.gpus for each in plan.planned), default=0.0)
    data = as_data(plan, planned, cores, gpus)
    if options.json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        print(explain(data, file) if job else as_text(data))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def _with_target(plan: Plan, arguments: list[str], file: str) -> Plan:
    """Add a target to the plan; InputError if no rule makes it."""
    from anonbench.workflow.plan.jobs import collect
    from anonbench.workflow.startup import NO_RULE

    try:
        wider = collect([file, *arguments])
        if wider.maker(file):
            return wider
    except InputError as error:
        if NO_RULE not in str(error):
            raise InputError(f"--why {file}: {error}") from None
    files = [str(path) for each in plan.jobs for path in each.outputs]
    near = ", ".join(difflib.get_close_matches(file, files, _NEAR, 0.0))
    raise InputError(f"--why {file}: no job of this config makes it; near it: {near}")
