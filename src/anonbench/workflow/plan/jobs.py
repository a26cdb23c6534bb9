"""Plan of a workflow: all jobs and those that would run, from a dry run of Snakemake."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anonbench.config.resources import Estimates
from anonbench.workflow.snakefile import with_snakefile
from anonbench.workflow.snakemake_adapter.planning import dry_run, own_reason, sorted_jobs
from anonbench.workflow.startup import Startup

_OPTIONS = (
    # a dry run with this --quiet ends as soon as the jobs are known
    *("--dry-run", "--nocolor", "--quiet", "rules", "progress"),
    # as in profiles/default/config.yaml, without its logger
    *("--workflow-profile", "none", "--rerun-incomplete"),
    *("--rerun-triggers", "mtime", "params", "input", "software-env"),
    # a high number, because threads are capped by it; last, because a list would swallow a target
    *("--cores", "64"),
)


@dataclass(frozen=True, eq=False)
class Job:
    """One job of Snakemake that has a script, with its place in the DAG."""

    raw: Any
    """Snakemake's own object: rule, input, params, log and benchmark."""
    stage: str
    """Name of its script."""
    wildcards: Mapping[str, str]
    outputs: Sequence[Path]
    before: Sequence[Job] = ()
    """Jobs that it depends on."""
    planned: bool = False
    """Whether it would run."""
    reason: str = ""
    """Snakemake's reason; empty for a job that runs only because of another one."""
    threads: int = 1
    gpus: float = 0.0
    minutes: float = 0.0
    """Time limit declared by its rule."""

    @property
    def label(self) -> str:
        """Rule and wildcards, as in the progress line."""
        return " ".join([self.raw.rule.name, *self.wildcards.values()])


@dataclass(frozen=True)
class Plan:
    """Jobs of a workflow in dependency order, including those that would not run."""

    jobs: Sequence[Job]
    started: Startup
    """Config and data."""
    config: Mapping[str, Any]
    """The config as plain data."""
    estimates: Estimates
    unrecorded: Collection[Path] = ()
    """Result files without a complete record of how they were made."""

    @property
    def planned(self) -> list[Job]:
        """Jobs that would run."""
        return [job for job in self.jobs if job.planned]

    def needed(self, job: Job) -> list[Job]:
        """Planned jobs that a planned job needs, itself last; empty for others."""
        needed = {job} if job.planned else set()
        for each in reversed(self.jobs):
            if each in needed:
                needed.update(each.before)
        return [each for each in self.planned if each in needed]

    def maker(self, file: str) -> Job | None:
        """Job that makes a file; one path may be absolute and the other relative."""
        makers = {path.absolute(): job for job in self.jobs for path in job.outputs}
        return makers.get(Path(file).absolute())


def collect(arguments: Iterable[str]) -> Plan:
    """Plan of Snakemake for these arguments (targets, --configfile, --config, …).

    Raises:
        InputError: Snakemake refuses the config or the targets; the message is Snakemake's.
    """
    plan: Plan = dry_run([*_OPTIONS, *with_snakefile([*arguments])], _plan)
    return plan


def _plan(workflow: Any) -> Plan:
    planned = set(workflow.dag.needrun_jobs())
    jobs: list[Job] = []
    behind: dict[Any, list[Job]] = {}  # the job, or those before it if it only collects files
    for raw in sorted_jobs(workflow.dag):
        before = dict.fromkeys(x for each in workflow.dag.dependencies[raw] for x in behind[each])
        behind[raw] = [*before]
        if raw.rule.script:
            job = Job(
                raw,
                stage=Path(raw.rule.script).stem,
                wildcards=wildcards_of(raw),
                outputs=[Path(file) for file in raw.output],
                before=[*before],
                planned=raw in planned,
                reason=own_reason(workflow.dag, raw),
                threads=raw.threads,
                gpus=float(raw.resources.get("gpu") or 0),
                minutes=float(raw.resources.get("runtime") or 0),
            )
            behind[raw] = [job]
            jobs.append(job)
    return Plan(
        jobs,
        workflow.globals["started"],
        config=workflow.globals["settings"].model_dump(mode="json"),
        estimates=workflow.globals["estimates"],
        unrecorded=set(workflow.globals["store"].unknown),
    )


def wildcards_of(raw: Any) -> dict[str, str]:
    """A job's wildcards, with the data set of a rule that exists for one data set only."""
    dataset = getattr(raw.params, "dataset", None)
    own = {} if dataset is None else {"dataset": dataset}
    return own | dict(raw.wildcards.items())
