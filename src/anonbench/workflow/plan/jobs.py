"""A plan as it was collected: the jobs of a workflow, and those of them that would run."""

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

CORES = 64
"""Threads are planned as for so many cores: Snakemake cuts them down to those that it has."""

_CONFIG_FILES = ("--configfile", "--configfiles")
_SUFFIXES = (".yaml", ".yml", ".json")
_NOISE = ("Building DAG", "Assuming unrestricted", "host:")


@dataclass(frozen=True)
class Job:
    """One job of the workflow."""

    id: int
    rule: str
    wildcards: Mapping[str, str]
    script: bool
    """Whether it computes something; the others only collect files."""
    threads: int
    minutes: float
    """The longest that it may take, as its rule declares."""
    megabytes: float
    gpus: float
    outputs: Sequence[str]
    log: Sequence[str]
    benchmark: str | None
    seconds: float | None
    """What `resources` expects, where it has a formula: for the size of the work."""
    after: Sequence[int]
    """Jobs that it depends on."""
    why: Mapping[str, Any] | None = field(default=None, repr=False)
    """How it differs from the job that made what is there; None for a job that would not run."""

    @property
    def label(self) -> str:
        """Rule and wildcards, as the progress line has them."""
        return " ".join([self.rule, *self.wildcards.values()])


@dataclass(frozen=True)
class Plan:
    """What Snakemake would do."""

    jobs: Mapping[int, Job]
    """By number; those that would not run too."""
    results: Path
    config: Mapping[str, Any] = field(repr=False)
    codes: Mapping[str, dict[str, str]] = field(repr=False)
    """What each digest of code stands for now."""

    @cached_property
    def planned(self) -> list[Job]:
        """Jobs that would run, each after those that it depends on."""
        found: list[Job] = []
        seen: set[int] = set()
        for start in self.jobs:
            stack = [(start, False)]
            while stack:
                number, ready = stack.pop()
                if ready:
                    found.append(self.jobs[number])
                elif number not in seen:
                    seen.add(number)
                    stack.append((number, True))
                    stack += [(other, False) for other in self.jobs[number].after]
        return [job for job in found if job.why is not None]

    def stage(self, job: Job) -> str:
        """Return the job's stage: the folder of its benchmark, else its rule."""
        if job.benchmark is None:
            return job.rule
        path = Path(job.benchmark)
        folder = self.results / "benchmarks"
        return (
            path.relative_to(folder).with_suffix("").parts[0]
            if folder in path.parents
            else job.rule
        )


def collect(arguments: Sequence[str], target: str | None = None) -> Plan:
    """Let Snakemake plan and return what it found.

    Args:
        arguments: of snakemake: targets, --configfile, --config, …
        target: a file to be planned instead of the default targets.

    Raises:
        InputError: Snakemake refuses the config or the targets; its own message.

    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "plan.json"
        command = [sys.executable, "-m", "anonbench.workflow.plan.collect", str(output)]
        targets, options = targets_first(arguments)
        command += [target] if target else targets
        # a logger that counts jobs has nothing to count
        command += ["--dry-run", "--cores", str(CORES), "--workflow-profile", "none"]
        # as the default profile has it: code is a parameter, see workflow/rules/identity.smk
        command += ["--rerun-incomplete", "--rerun-triggers", "mtime", "params", "input"]
        # an option that takes no list, so that a target after it is not taken for a trigger
        command += ["software-env", "--nocolor", *options]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode or not output.exists():
            raise InputError(_message(run.stderr) or _message(run.stdout))
        return as_plan(json.loads(output.read_text(encoding="utf-8")))


def as_plan(content: Mapping[str, Any]) -> Plan:
    """Read what `anonbench.workflow.plan.collect` wrote."""
    jobs = [Job(**job) for job in content["jobs"]]
    return Plan(
        jobs={job.id: job for job in jobs},
        results=Path(content["results"]),
        config=content["config"],
        codes=content["codes"],
    )


def targets_first(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take apart targets and options: Snakemake would take a target for a second config file."""
    targets: list[str] = []
    options: list[str] = []
    for word in arguments:
        after = options[-1] if options else ""
        in_files = after.endswith(_SUFFIXES) and any(each in _CONFIG_FILES for each in options)
        if not word.startswith("-") and (not options or in_files) and not word.endswith(_SUFFIXES):
            targets.append(word)
        else:
            options.append(word)
    return targets, options


def _message(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback") for line in lines):
        return lines[-1]  # such as a --configfile that is not there
    return "\n".join(line for line in lines if not line.startswith(_NOISE))
