"""Plan of a workflow: its jobs and those that would run, from a dry run of Snakemake."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import DIGEST
from anonbench.core.jobs.fingerprint import SCRIPTS

_OPTIONS = (
    # a dry run with this --quiet ends as soon as the jobs are known
    *("--dry-run", "--nocolor", "--quiet", "rules", "progress"),
    # as in profiles/default/config.yaml, without its logger
    *("--workflow-profile", "none", "--rerun-incomplete"),
    *("--rerun-triggers", "mtime", "params", "input", "software-env"),
    # many, because threads are cut down to them; last, because a list would swallow a target
    *("--cores", "64"),
)


@dataclass(frozen=True)
class Job:
    """One job of the workflow."""

    id: int
    rule: str
    stage: str
    """Folder of its benchmark below `benchmarks`, else its rule."""
    wildcards: Mapping[str, str]
    script: bool
    """Whether it computes something; the others only collect files."""
    threads: int
    minutes: float
    """Time limit that its rule declares."""
    gpus: float
    inputs: Sequence[str]
    ancient: Sequence[str]
    """Inputs whose changes are no reason to run."""
    outputs: Sequence[str]
    log: Sequence[str]
    benchmark: str | None
    parameters: Mapping[str, Any] = field(repr=False)
    seconds: float | None
    """Time that `anonbench.config.resources` expects, where it has a formula for the stage."""
    after: Sequence[int]
    """Jobs that it depends on, by number."""
    planned: bool
    """Whether it would run."""
    forced: bool
    unrecorded: Sequence[str]
    """Outputs that are there and of which Snakemake has no record."""
    reason: str
    """Snakemake's reason; empty for a job that runs because of another one."""
    images: Mapping[str, Sequence[str]]
    """Changed images of a manifest's data set; see `changed_images`."""

    @property
    def label(self) -> str:
        """Rule and wildcards, as in the progress line."""
        return " ".join([self.rule, *self.wildcards.values()])

    @property
    def named(self) -> str:
        """The output by which users know the job."""
        return min(self.outputs, key=lambda file: file.endswith(DIGEST))


@dataclass(frozen=True)
class Plan:
    """What Snakemake would do."""

    jobs: Mapping[int, Job]
    """By number, each after those that it depends on; also those that would not run."""
    results: Path
    config: Mapping[str, Any] = field(repr=False)

    @property
    def planned(self) -> list[Job]:
        """Jobs that would run, each after those that it depends on."""
        return [job for job in self.jobs.values() if job.planned]

    @cached_property
    def remade(self) -> set[str]:
        """Outputs of the jobs that would run."""
        return {file for job in self.planned for file in job.outputs}

    def needed(self, job: Job) -> list[Job]:
        """Return the planned jobs that a job needs, in order, itself last."""
        needed = {job.id}
        for each in reversed([*self.jobs.values()]):
            if each.id in needed:
                needed.update(each.after)
        return [each for each in self.planned if each.id in needed]


def collect(arguments: Sequence[str], target: str | None = None) -> Plan:
    """Return the plan of a dry run of Snakemake.

    Args:
        arguments: of snakemake: targets, --configfile, --config, …
        target: one more target, such as a file that no other target needs.

    Raises:
        InputError: Snakemake refuses the config or the targets; its own message.

    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "plan.json"
        command = [sys.executable, "-m", "anonbench.workflow.plan.collect", str(output)]
        command += [*_OPTIONS, *([target] if target else []), *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode or not output.exists():
            raise InputError(_message(run.stderr) or _message(run.stdout))
        content = json.loads(output.read_text(encoding="utf-8"))
    jobs = {job["id"]: Job(**job) for job in content["jobs"]}
    SCRIPTS.update(content["scripts"])
    return Plan(jobs, Path(content["results"]), content["config"])


def _message(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    is_error_of_python = any(line.startswith("Traceback") for line in lines)
    return lines[-1] if is_error_of_python else "\n".join(lines)
