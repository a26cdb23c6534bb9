"""`anonbench plan`: jobs that would run, with their expected cost."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from anonbench.workflow.snakefile import require_configfiles

_EPILOG = """\
All other arguments are passed to snakemake: targets first, then --configfile, --config.

Examples:
  anonbench plan --configfile archive.yaml
  anonbench plan archive_images --configfile archive.yaml --cores 16 --json

More: docs/how-to/plan.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "plan",
        help="list the jobs of an experiment, their time and disk",
        description="Shows how many jobs snakemake would run, and their cost from benchmarks of "
        "earlier jobs or from formulas. Runs and changes nothing. `snakemake -n` says why each job "
        "would run.",
        epilog=_EPILOG,
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
    """Print the plan."""
    require_configfiles(options.snakemake)
    from anonbench.workflow.plan.jobs import collect
    from anonbench.workflow.plan.report import as_data, as_text
    from anonbench.workflow.startup import weak_methods

    plan = collect(options.snakemake)
    for sentence in weak_methods(plan.started.settings):
        print(f"anonbench: {sentence}", file=sys.stderr)
    cores = options.cores or len(os.sched_getaffinity(0))
    gpus = options.gpus or max((each.gpus for each in plan.planned), default=0.0)
    data = as_data(plan, cores, gpus)
    print(json.dumps(data, indent=2, ensure_ascii=False) if options.json else as_text(data))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)
