"""Plan as plain data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
from tqdm import tqdm

from anonbench.core.libraries.devices import model_name
from anonbench.core.wording import count, duration
from anonbench.workflow.plan.costs import costs, wall_seconds
from anonbench.workflow.plan.estimates.gpu_time import gpu_time, gpu_time_lines
from anonbench.workflow.plan.jobs import Plan

_LIMITS = (
    "At most: no job of {} was measured here, and the limit of its rule is counted, often several "
    "times too much."
)
_RATES = (
    "≈: no job of {} was measured here, and rates that were seen on a core elsewhere are counted. "
    "It may take a tenth of that where images are small, or three times as long."
)
_NO_GPU = (
    "This machine has no GPU: the plan counts with one as docs/reference/gpu-time.md says. "
    "A frozen system trains nothing (`systems`, see docs/how-to/systems.md)."
)
_HEAD = ["jobs", "time", "CPU time", "GPU time", "writes"]
_NAMED = 4
"""Stages that are listed individually."""
_TIMES = ("seconds", "cpu_seconds", "gpu_seconds")


def as_data(plan: Plan, cores: int, gpus: float) -> dict[str, Any]:
    """Planned jobs with their costs, for a run with these cores and GPUs."""
    jobs, cost = plan.planned, costs(plan)
    measured = {job: cost[job].gpu_seconds for job in jobs if cost[job].basis == "measured"}
    rows = [
        {
            "job": job.label,
            "stage": job.stage,
            "wildcards": job.wildcards,
            "outputs": list(map(str, job.outputs)),
            **asdict(cost[job]),
        }
        for job in jobs
    ]
    return {
        "jobs": rows,
        "cores": cores,
        "gpus": gpus,
        "gpu_here": model_name(),
        "wall_seconds": wall_seconds(jobs, cost, cores, gpus),
        "gpu_time": gpu_time(plan, jobs, measured, gpus),
    }


def as_text(data: Mapping[str, Any]) -> str:
    """Format the planned jobs and their cost, by stage."""
    if not data["jobs"]:
        return "Nothing would run: inputs, settings and code have not changed."
    jobs = pd.DataFrame(data["jobs"])
    parts = [*jobs.groupby("stage", sort=False), ("total", jobs)]
    rows = {name: _row(part) for name, part in parts}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=_HEAD)
    lines = [f"{count(len(jobs), 'job')} would run (snakemake -n says why):", ""]
    lines += [table.to_string(), "", total(data)]
    return "\n".join([*lines, *gpu_time_lines(data["gpu_time"])])


def _row(jobs: pd.DataFrame) -> list[str]:
    estimated = {*jobs["basis"]} - {"measured"}
    sign = "" if not estimated else "≈ " if estimated == {"rates"} else "≤ "
    sums = [jobs[column].sum() for column in _TIMES]
    times = [(sign if seconds else "") + duration(seconds) for seconds in sums]
    return [str(len(jobs)), *times, _disk(jobs)]


def total(data: Mapping[str, Any]) -> str:
    """Total time and disk space of a plan, and the basis of the time."""
    jobs = pd.DataFrame(data["jobs"])
    on_gpus = jobs["gpu_seconds"].any()
    text = f"About {duration(data['wall_seconds'])} with {count(data['cores'], 'core')}"
    text += f" and {count(round(data['gpus']), 'GPU')}" if on_gpus else ""
    lines = [f"{text}; {_disk(jobs)} on disk."]
    if on_gpus and data["gpu_here"] is None:
        lines.append(_NO_GPU)
    for basis, note in (("limit", _LIMITS), ("rates", _RATES)):
        if stages := sorted({*jobs["stage"][jobs["basis"] == basis]}):
            named = ", ".join(stages) if len(stages) <= _NAMED else f"{len(stages)} stages"
            lines.append(note.format(named))
    return "\n".join(lines)


def _disk(jobs: pd.DataFrame) -> str:
    known = jobs["disk"].dropna().astype(float)
    size = tqdm.format_sizeof(known.sum(), "B") if len(known) else "?"
    if 0 < len(known) < len(jobs):
        return f"≥ {size}"
    return size if jobs["weighed"].all() or not len(known) else f"≈ {size}"
