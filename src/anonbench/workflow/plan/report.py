"""Plan as plain data and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from tqdm import tqdm

from anonbench.core.libraries.devices import model_name
from anonbench.core.wording import count, duration
from anonbench.workflow.plan.causes import NEW, reasons
from anonbench.workflow.plan.costs import costs, wall_seconds
from anonbench.workflow.plan.estimates.gpu_time import gpu_time, gpu_time_lines
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.maps import map_lines, map_pairs

_UNCHANGED = "inputs, settings and code have not changed."
_LIMITS = (
    "At most: no job of {} was measured here, and the limit of its rule is counted, often several "
    "times too much."
)
_RATES = (
    "≈: no job of {} was measured here, and rates that were seen on a core elsewhere are counted. "
    "It may take a tenth of that where images are small, or three times as long."
)
_NO_GPU = (
    "This machine has no GPU: the plan counts with one as docs/how-to/plan.md#gpu-time says. "
    "A frozen system trains nothing (`systems`, see docs/how-to/own-data.md)."
)
_HEAD = ["jobs", "because of", "time", "CPU time", "GPU time", "writes"]
_NAMED = 4
"""Stages that are listed individually."""
_TIMES = ("seconds", "cpu_seconds", "gpu_seconds")


def as_data(plan: Plan, jobs: Sequence[Job], cores: int, gpus: float) -> dict[str, Any]:
    """Planned jobs with causes and costs, for a run with these cores and GPUs.

    Causes of most jobs come first; "new" comes last.
    """
    because, cost = reasons(plan), costs(plan)
    measured = {job: cost[job].gpu_seconds for job in jobs if cost[job].basis == "measured"}
    counted = Counter(cause for job in jobs for cause in because[job])
    rows = [
        {
            "job": job.label,
            "stage": job.stage,
            "wildcards": job.wildcards,
            "outputs": list(map(str, job.outputs)),
            "because": {cause: [x.label for x in way] for cause, way in because[job].items()},
            **asdict(cost[job]),
        }
        for job in jobs
    ]
    return {
        "jobs": rows,
        "causes": sorted(counted, key=lambda cause: (cause == NEW, -counted[cause], cause)),
        "cores": cores,
        "gpus": gpus,
        "gpu_here": model_name(),
        "wall_seconds": wall_seconds(jobs, cost, cores, gpus),
        "gpu_time": gpu_time(plan, jobs, measured, gpus),
        "maps": map_pairs(plan.started),
    }


def as_text(data: Mapping[str, Any]) -> str:
    """Format the planned jobs, their reasons and their cost."""
    if not data["jobs"]:
        return f"Nothing would run: {_UNCHANGED}"
    jobs = pd.DataFrame(data["jobs"])
    lines = [f"{count(len(jobs), 'job')} would run, because:"]
    for number, cause in enumerate(data["causes"], 1):
        is_own = [len(ways.get(cause, ())) == 1 for ways in jobs["because"]]
        stages = jobs["stage"][is_own].value_counts(sort=False)
        shown = ", ".join(f"{stage} ({count})" for stage, count in stages.items())
        lines.append(f"  {number}. {cause}  [{shown}]")
    parts = [*jobs.groupby("stage", sort=False), ("total", jobs)]
    rows = {name: _row(part, data["causes"]) for name, part in parts}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=_HEAD)
    lines += ["", table.to_string(), "", total(data)]
    return "\n".join([*lines, *gpu_time_lines(data["gpu_time"]), *map_lines(data["maps"])])


def explain(data: Mapping[str, Any], file: str) -> str:
    """Explain why a file of the last job would be made, with the chain of jobs to each cause."""
    if not data["jobs"]:
        return f"{file} would not be made again: {_UNCHANGED}"
    job = data["jobs"][-1]
    lines = [f"{file} would be made by {job['job']}, because:"]
    for number, (cause, way) in enumerate(job["because"].items(), 1):
        lines += [f"  {number}. {cause}", f"     {' ← '.join(way)}"]
    jobs = pd.DataFrame(data["jobs"])
    return "\n".join([*lines, "", f"With the jobs before it: {len(jobs)}.", total(data)])


def _row(jobs: pd.DataFrame, causes: Sequence[str]) -> list[str]:
    own = {cause for ways in jobs["because"] for cause in ways}
    numbers = ", ".join(str(number) for number, cause in enumerate(causes, 1) if cause in own)
    estimated = {*jobs["basis"]} - {"measured"}
    sign = "" if not estimated else "≈ " if estimated == {"rates"} else "≤ "
    sums = [jobs[column].sum() for column in _TIMES]
    times = [(sign if seconds else "") + duration(seconds) for seconds in sums]
    return [str(len(jobs)), numbers, *times, _disk(jobs)]


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
