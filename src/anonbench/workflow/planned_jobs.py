"""Plan of a workflow: all jobs and those that would run, from a dry run of Snakemake."""

import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any

from anonbench.core.errors import InputError, WrongUsage
from anonbench.core.io import cannot_be_written_to, existing
from anonbench.core.jobs.checksums import MADE
from anonbench.core.wording import suggestion
from anonbench.workflow.estimates import Estimates
from anonbench.workflow.snakefile import START, with_snakefile
from anonbench.workflow.startup import Startup

PLAN = "ANONBENCH_PLAN"  # environment variable with the file to which a dry run writes its plan
_OPTIONS = (
    # a dry run with this --quiet ends as soon as the jobs are known
    *("--dry-run", "--nocolor", "--quiet", "rules", "progress"),
    # as in profiles/default/config.yaml, without its logger
    *("--workflow-profile", "none", "--rerun-incomplete"),
    *("--rerun-triggers", "mtime", "params", "input", "software-env"),
    # a high number, because threads are capped by it; last, because a list would swallow a target
    *("--cores", "64"),
)
_WRONG_USAGE = re.compile(r"^usage: .*?^\S+: error: ([^\n]+)", re.DOTALL | re.MULTILINE)
_NO_CONFIG = "defines configfile config.yaml but it is not present"
_NO_RULE = re.compile(r"No rule to produce (.+) \(if you use")


@dataclass(frozen=True, eq=False)
class Job:
    """One job of Snakemake that has a script, with its place in the DAG."""

    rule: str
    stage: str  # name of its script
    wildcards: Mapping[str, str]
    outputs: Sequence[Path]
    before: Sequence["Job"] = ()  # jobs that it depends on
    planned: bool = False  # whether it would run
    threads: int = 1
    gpus: float = 0.0
    minutes: float = 0.0  # time limit declared by its rule
    benchmark: Path | None = None

    @property
    def label(self) -> str:
        """Rule and wildcards, as in the progress line."""
        return " ".join([self.rule, *self.wildcards.values()])

    @property
    def results(self) -> list[Path]:
        """Outputs that are read: all but the mark that the job ended well."""
        return [path for path in self.outputs if path.suffix != MADE]


@dataclass(frozen=True)
class Plan:
    """Jobs of a workflow in dependency order, including those that would not run."""

    jobs: Sequence[Job]
    started: Startup  # config and data
    estimates: Mapping[str, Estimates]
    missing: Sequence[Path] = ()
    """Results that are gone and stay so: no planned job makes or reads them."""
    free: int | None = None  # free bytes on the disk of the results; None if they are in a bucket
    obstacle: str | None = None  # why the results cannot be written to
    folder: Path = Path()  # folder that relative paths are of (`--directory`)

    @property
    def planned(self) -> list[Job]:
        """Jobs that would run."""
        return [job for job in self.jobs if job.planned]

    @property
    def outdated(self) -> list[Job]:
        """Planned jobs whose outputs are there: from another config, other data or other code."""
        return [job for job in self.planned if all(path.is_file() for path in job.results)]


def collect(arguments: Iterable[str]) -> Plan:
    """Plan of Snakemake for these arguments (targets, --configfile, --config, …).

    Raises:
        InputError: Snakemake refuses them; the message is Snakemake's, unless an argument is
            unknown, or no rule makes a target.
    """
    given = with_snakefile([*arguments])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "plan")
        done = _snakemake([*_OPTIONS, *given], {PLAN: str(file)})
        if done.returncode == 0 and file.exists():
            plan: Plan = pickle.loads(file.read_bytes())
            return plan
    # notes about the config and earlier results, on standard error, are not why it refuses
    said = (line for line in done.stderr.splitlines() if not line.startswith(START))
    text = "\n".join(["", done.stdout, *said])
    # Snakemake's messages about host and files come before the error
    _, begun, error = text.rpartition("Building DAG of jobs...")
    refused = text.rpartition(f"\n{START}")[2]
    message = (refused if f"\n{START}" in text or not begun else error).strip()
    if wrong := _WRONG_USAGE.search(done.stderr):
        named = wrong[1].removeprefix("unrecognized arguments: ").partition("=")[0]
        options = re.findall("--[a-z-]+", done.stderr[: wrong.start(1)])
        raise WrongUsage(f"{wrong[1]}{suggestion(named, options)}")
    if _NO_CONFIG in message:
        raise InputError(
            "there is no config.yaml in this folder: name the experiment's config by --configfile"
        )
    if unknown := _NO_RULE.search(message):
        options = [word for word in given if word != unknown[1]]
        targets = _snakemake([*options, "--list-target-rules"]).stdout.split()
        near = suggestion(unknown[1], targets)
        message = f"no rule of this config makes {unknown[1]}{near}"
    raise InputError(message)


def write_plan(workflow: Any, started: Startup, estimates: Mapping[str, Estimates]) -> None:
    """Write the plan of a dry run that ends, for `collect`."""
    if workflow.dag is None:  # Snakemake has refused to plan
        return
    with chdir(workflow.overwrite_workdir or Path()):  # Snakemake has left it by now
        jobs, missing, free, obstacle = jobs_of(workflow.dag), [], None, None
        if not workflow.storage_settings.default_storage_provider:
            results = started.settings.results
            free, obstacle = disk_usage(existing(results)).free, cannot_be_written_to(results)
            stay = (path for job in jobs if not job.planned for path in job.results)
            missing = [path for path in stay if not path.exists()]
        plan = Plan(jobs, started, estimates, missing, free, obstacle, Path.cwd())
        Path(os.environ[PLAN]).write_bytes(pickle.dumps(plan))


def jobs_of(dag: Any) -> list[Job]:
    """Jobs of Snakemake's DAG that have a script, each after those that it depends on."""
    behind: dict[Any, list[Job]] = {}  # the job, or those before it if it only collects files
    planned = set(dag.needrun_jobs())
    jobs: list[Job] = []
    for raw in (job for level in dag.toposorted() for job in level):
        before = dict.fromkeys(x for each in dag.dependencies[raw] for x in behind[each])
        behind[raw] = [*before]
        if raw.rule.script:
            job = Job(
                raw.rule.name,
                stage=Path(raw.rule.script).stem,
                wildcards=wildcards_of(raw),
                outputs=[Path(file) for file in raw.output],
                before=[*before],
                planned=raw in planned,
                threads=raw.threads,
                gpus=float(raw.resources.get("gpu") or 0),
                minutes=float(raw.resources.get("runtime") or 0),
                benchmark=Path(raw.benchmark) if raw.benchmark else None,
            )
            behind[raw] = [job]
            jobs.append(job)
    return jobs


def wildcards_of(raw: Any) -> dict[str, str]:
    """A job's wildcards, with the data set of a rule that exists for one data set."""
    dataset = getattr(raw.params, "dataset", None)
    return ({"dataset": dataset} if dataset else {}) | dict(raw.wildcards.items())


def _snakemake(
    arguments: Sequence[str], environment: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, check=False, capture_output=True, text=True
    )
