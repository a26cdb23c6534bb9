"""What a dry run would do, by stage: jobs, hours and memory."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anonbench.errors import InputError


@dataclass(frozen=True)
class PlannedJob:
    """One job of a dry run, with what it asks of a scheduler."""

    rule: str
    threads: int
    minutes: float
    megabytes: int
    gpus: int


def summarize_dry_run(arguments: Sequence[str]) -> str:
    """Run `snakemake --dry-run` with these arguments and return the table of its jobs.

    Raises:
        InputError: Snakemake refuses the config or the targets; its own message.

    """
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("snakemake")), "--dry-run", "--cores", "64"]
    # a logger that reprints every job would only slow the reading down
    command += ["--workflow-profile", "none", *arguments]
    # as the default profile has it: code is among the parameters, see workflow/rules/identity.smk
    command += ["--rerun-triggers", "mtime", "params", "input", "software-env"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise InputError(run.stderr.strip() or run.stdout.strip())
    jobs = list(parse_jobs((run.stdout + run.stderr).splitlines()))
    return format_plan(jobs, time.monotonic() - began)


def parse_jobs(lines: Iterable[str]) -> Iterator[PlannedJob]:
    """Read the jobs off the text of a dry run."""
    rule, threads = "", 1
    for line in lines:
        if match := re.match(r"\s*(?:local)?(?:rule|checkpoint) (\w+):$", line):
            rule, threads = match[1], 1
        elif match := re.match(r"\s+threads: (\d+)", line):
            threads = int(match[1])
        elif rule and (match := re.match(r"\s+resources: (.*)", line)):
            asked = dict(re.findall(r"(\w+)=([^,\s]+)", match[1]))
            if "runtime" in asked:
                yield PlannedJob(
                    rule,
                    threads,
                    _number(asked["runtime"]),
                    int(_number(asked.get("mem_mb", "0"))),
                    int(_number(asked.get("gpu", "0"))),
                )
            rule = ""


def _number(text: str) -> float:
    digits = re.match(r"\d+(?:\.\d+)?", text)
    return float(digits[0]) if digits else 0.0


def format_plan(jobs: Sequence[PlannedJob], seconds: float) -> str:
    """Return a table of jobs by rule, in the order in which rules first appear.

    Hours are what the jobs may take at most (their `runtime`), added up.
    """
    by_rule: dict[str, list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        by_rule[job.rule].append(job)
    rows = [_row(rule, group) for rule, group in by_rule.items()]
    rows.append(_row("total", jobs))
    head = ("stage", "jobs", "job hours", "CPU hours", "GPU hours", "most memory")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    return "\n".join([*lines, f"planned in {seconds:.1f} s"])


def _row(rule: str, jobs: Sequence[PlannedJob]) -> tuple[str, ...]:
    hours = sum(job.minutes for job in jobs) / 60
    cpu = sum(job.minutes * job.threads for job in jobs) / 60
    gpu = sum(job.minutes * job.gpus for job in jobs) / 60
    memory = max((job.megabytes for job in jobs), default=0)
    return (
        rule,
        str(len(jobs)),
        f"{hours:,.0f}",
        f"{cpu:,.0f}",
        f"{gpu:,.0f}",
        f"{memory / 1000:,.1f} GB",
    )
