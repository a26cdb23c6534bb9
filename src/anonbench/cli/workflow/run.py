"""`anonbench run`, `report` and `plan`: snakemake with the workflow, cores and GPUs of here."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

from anonbench.cli.shared import add_command, tell
from anonbench.core.errors import InputError
from anonbench.core.wording import count

_ELSEWHERE = ("--profile", "--executor", "-e", "--cluster-generic-submit-cmd", "-j", "--jobs")
"""Options that run jobs elsewhere, so that this machine's resources do not apply."""
_CORES = ("-c", "--cores")
_RESOURCES = ("--resources", "--res")
_LOOKS = (
    *("-n", "--dry-run", "--dryrun", "--lint", "-l", "--list-rules", "--list-target-rules"),
    *("--unlock", "--summary", "-S", "-D", "--detailed-summary", "--dag", "--rulegraph"),
    *("--report", "--filegraph", "--lc", "--list-changes", "--help", "-h", "--version"),
)
"""Options with which no job runs."""
_RUN = """\
run: run an experiment up to its report
Says how many jobs will run and how long they take, runs snakemake, and says where the report is.
Without --cores, it uses all cores and GPUs of this machine.



All arguments are passed to snakemake: targets first, then --configfile, --config, -n. The exit
status is that of snakemake, 130 after Ctrl-C; the same command continues the run.

Examples:
  anonbench run --configfile archive.yaml
  anonbench run archive_boxes --configfile archive.yaml    # up to a stage
  anonbench run -n --configfile archive.yaml               # only list the jobs"""
_REPORT = """\
report: run an experiment up to its report only (as `run report`)
Runs the workflow up to the report, as `anonbench run report` does, and says where it is.



All arguments are passed to snakemake: --configfile, --config, -n. The exit status is that of
snakemake.

Examples:
  anonbench report --configfile archive.yaml"""
_PLAN = """\
plan: list the jobs of an experiment, their time and disk
Shows how many jobs snakemake would run, and their cost from benchmarks of earlier jobs or from
formulas. Runs and changes nothing. `snakemake -n` says why each job would run.

--cores N  cores of the planned run (this machine's)
--gpus N  its GPUs (as many as its largest job needs)
--json  print JSON, with every job

All other arguments are passed to snakemake: targets first, then --configfile, --config.

Examples:
  anonbench plan --configfile archive.yaml
  anonbench plan archive_images --configfile archive.yaml --cores 16 --json

More: docs/how-to/plan.md."""


def add(commands: Any) -> None:
    """Add the commands to the subparsers of `anonbench`."""
    add_command(commands, _RUN, run).set_defaults(passes_on=True, targets=())
    add_command(commands, _REPORT, run).set_defaults(passes_on=True, targets=("report",))
    add_command(commands, _PLAN, run_plan).set_defaults(passes_on=True)


def run(options: argparse.Namespace) -> None:
    """Replace this process by snakemake, unless the plan shows that jobs cannot run here."""
    from anonbench.workflow.snakefile import with_snakefile

    given = with_snakefile([*options.targets, *options.snakemake])
    arguments = [*given, *_machine_options(given)]
    if not _has(given, _LOOKS):
        _announce(given)
    program = Path(sys.executable).with_name("snakemake")
    sys.stdout.flush()
    # replaces this process, so that signals and the exit code are snakemake's own
    os.execvp(str(program) if program.is_file() else program.name, ["snakemake", *arguments])


def _has(arguments: Sequence[str], options: Sequence[str]) -> bool:
    # a short option has its value, or other ones, in the same word: -j4, -np
    names = (word.partition("=")[0] if word[:2] == "--" else word[:2] for word in arguments)
    return any(name in options for name in names)


def _machine_options(given: Sequence[str]) -> Iterator[str]:
    """Yield options for cores and GPUs, unless the user names them or jobs run elsewhere."""
    if _has(given, _ELSEWHERE):
        return
    if not _has(given, _CORES):
        yield from ("--cores", str(_cores(())))
    if not _has(given, _RESOURCES):
        yield from ("--resources", f"gpu={_gpus()}")


def _cores(given: Sequence[str]) -> int:
    """Number of cores that the user names, or that are here."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(*_CORES, nargs="?", default="")
    named = parser.parse_known_args(given)[0].cores or ""
    return int(named) if named.isdigit() else len(os.sched_getaffinity(0))


def _gpus() -> int:
    from anonbench.core.libraries.devices import candidates

    return len(candidates(os.environ))


def _announce(given: Sequence[str]) -> None:
    """Print the planned jobs and their expected time; InputError if they cannot run here."""
    from anonbench.core.io import RESULTS
    from anonbench.core.jobs.checksums import digest_file, verify
    from anonbench.workflow.plan_costs import as_data, missing, total
    from anonbench.workflow.planned_jobs import collect

    plan = collect(given)
    results = plan.started.settings.results
    if plan.obstacle:
        raise InputError(plan.obstacle)
    planned = plan.planned
    with chdir(plan.folder):
        for path in (path for job in plan.jobs if not job.planned for path in job.outputs):
            # tables, figures and the report have no reader that checks them; big files a digest
            if path.is_file() and not Path(digest_file(str(path))).is_file():
                verify(path)
    wanting = [job for job in planned if job.gpus]
    gpus = _gpus()
    here = not _has(given, (*_ELSEWHERE, *_RESOURCES))
    if wanting and here and not gpus:
        stages = ", ".join(sorted({job.stage for job in wanting}))
        raise InputError(
            f"{count(len(wanting), 'job')} ({stages}) would take a GPU, and this machine has none. "
            "Measure a frozen system, which trains nothing (`systems`, see "
            "docs/how-to/systems.md); set `device: cpu` in the recipe; or run on a cluster "
            "(--profile). With --resources gpu=1 they run here nevertheless"
        )
    data = as_data(plan, _cores(given), float(gpus))
    lines = [*missing(data)]
    if planned:
        lines = [f"{count(len(planned), 'job')}. {total(data)}", *lines, ""]
    elif (report := plan.folder / results / "report.html").is_file():
        lines = [f"Nothing to run. The report: {report.absolute()}", *lines]
    print(*lines, sep="\n", end="\n" * bool(lines), file=sys.stderr, flush=True)
    # estimates may be twice too high, so a run is refused only where even half has no room
    if plan.free is not None and data["disk_growth"] / 2 > plan.free:
        raise InputError(
            f"the disk of {results} is too small for this: make room, or name another folder"
            f"{RESULTS}"
        )


def run_plan(options: argparse.Namespace) -> None:
    """Print the plan."""
    from anonbench.workflow.snakefile import with_snakefile

    with_snakefile(options.snakemake)  # refuses before imports that take a second
    from anonbench.workflow.plan_costs import as_data, as_text
    from anonbench.workflow.planned_jobs import collect
    from anonbench.workflow.startup import weak_methods

    plan = collect(options.snakemake)
    for sentence in weak_methods(plan.started.settings):
        print(f"anonbench: {sentence}", file=sys.stderr)
    if plan.obstacle:
        print(f"anonbench: {plan.obstacle}", file=sys.stderr)
    cores = options.cores or len(os.sched_getaffinity(0))
    gpus = options.gpus or max((each.gpus for each in plan.planned), default=0.0)
    data = as_data(plan, cores, gpus)
    tell(options, data, as_text(data))
