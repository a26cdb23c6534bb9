"""Plan of a workflow: all jobs and those that would run, from a dry run of Snakemake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anonbench.config.resources import Estimates
from anonbench.workflow.snakefile import with_snakefile
from anonbench.workflow.snakemake_adapter.planning import dry_run, sorted_jobs
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
    estimates: Estimates

    @property
    def planned(self) -> list[Job]:
        """Jobs that would run."""
        return [job for job in self.jobs if job.planned]


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
                threads=raw.threads,
                gpus=float(raw.resources.get("gpu") or 0),
                minutes=float(raw.resources.get("runtime") or 0),
            )
            behind[raw] = [job]
            jobs.append(job)
    return Plan(
        jobs,
        workflow.globals["started"],
        estimates=workflow.globals["estimates"],
    )


def wildcards_of(raw: Any) -> dict[str, str]:
    """A job's wildcards, with the data set and models of a rule that exists for one data set."""
    own = {name: getattr(raw.params, name, None) for name in ("dataset", "model")}
    return {name: each for name, each in own.items() if each} | dict(raw.wildcards.items())
