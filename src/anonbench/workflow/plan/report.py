"""Plan as plain data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
from tqdm import tqdm

from anonbench.core.wording import count, duration
from anonbench.workflow.plan.costs import costs, wall_seconds
from anonbench.workflow.plan.jobs import Plan

_RATES = (
    "≈: no job of {} was measured here, and rates that were seen elsewhere are counted. It may "
    "take a tenth of that where images are small, or three times as long."
)
_COLUMNS = {"seconds": "time", "cpu_seconds": "CPU time", "gpu_seconds": "GPU time"}
_NAMED = 4
"""Stages that are listed individually."""


def as_data(plan: Plan, cores: int, gpus: float) -> dict[str, Any]:
    """Planned jobs with their costs, for a run with these cores and GPUs."""
    jobs, cost = plan.planned, costs(plan)
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
    wall = wall_seconds(jobs, cost, cores, gpus)
    return {"jobs": rows, "cores": cores, "gpus": gpus, "wall_seconds": wall}


def as_text(data: Mapping[str, Any]) -> str:
    """Format the planned jobs and their cost, by stage."""
    if not data["jobs"]:
        return "Nothing would run: inputs, settings and code have not changed."
    jobs = pd.DataFrame(data["jobs"])
    parts = [*jobs.groupby("stage", sort=False), ("total", jobs)]
    table = pd.DataFrame.from_dict({name: _row(part) for name, part in parts}, orient="index")
    lines = [f"{count(len(jobs), 'job')} would run (snakemake -n says why):", ""]
    return "\n".join([*lines, table.to_string(), "", total(data)])


def _row(jobs: pd.DataFrame) -> dict[str, str]:
    sign = "" if (jobs["basis"] == "measured").all() else "≈ "
    sums = {head: jobs[column].sum() for column, head in _COLUMNS.items()}
    times = {head: (sign if seconds else "") + duration(seconds) for head, seconds in sums.items()}
    return {"jobs": str(len(jobs)), **times, "writes": _disk(jobs)}


def total(data: Mapping[str, Any]) -> str:
    """Total time and disk space of a plan, and the basis of the time."""
    jobs = pd.DataFrame(data["jobs"])
    text = f"About {duration(data['wall_seconds'])} with {count(data['cores'], 'core')}"
    if jobs["gpu_seconds"].any():
        text += f" and {count(round(data['gpus']), 'GPU')}"
    lines = [f"{text}; {_disk(jobs)} on disk."]
    if stages := sorted({*jobs["stage"][jobs["basis"] == "rates"]}):
        named = ", ".join(stages) if len(stages) <= _NAMED else f"{len(stages)} stages"
        lines.append(_RATES.format(named))
    return "\n".join(lines)


def _disk(jobs: pd.DataFrame) -> str:
    known = jobs["disk"].dropna().astype(float)
    size = tqdm.format_sizeof(known.sum(), "B") if len(known) else "?"
    return f"≥ {size}" if 0 < len(known) < len(jobs) else size
