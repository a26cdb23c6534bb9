"""Plan as plain data and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from tqdm import tqdm

from anonbench.core.wording import duration
from anonbench.workflow.plan.causes import NEW, reasons
from anonbench.workflow.plan.costs import costs, wall_seconds
from anonbench.workflow.plan.jobs import Job, Plan

_UNCHANGED = "inputs, settings and code have not changed."
_LIMITS = (
    "At most: no job of {} was measured here, and the limit of its rule is counted, often several "
    "times too much."
)
_HEAD = ["jobs", "because of", "time", "CPU time", "GPU time", "writes"]
_TIMES = ("seconds", "cpu_seconds", "gpu_seconds")


def as_data(plan: Plan, jobs: Sequence[Job], cores: int, gpus: float) -> dict[str, Any]:
    """Return planned jobs with causes and costs, for a run with so many cores and GPUs.

    Causes are sorted: those of most jobs first, and that something is new last.
    """
    because, cost = reasons(plan), costs(plan)
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
        "wall_seconds": wall_seconds(jobs, cost, cores, gpus),
    }


def as_text(data: Mapping[str, Any]) -> str:
    """Return what would run, why, and what it would cost."""
    if not data["jobs"]:
        return f"Nothing would run: {_UNCHANGED}"
    jobs = pd.DataFrame(data["jobs"])
    lines = [f"{_count(len(jobs), 'job')} would run, because:"]
    for number, cause in enumerate(data["causes"], 1):
        is_own = [len(ways.get(cause, ())) == 1 for ways in jobs["because"]]
        stages = jobs["stage"][is_own].value_counts(sort=False)
        shown = ", ".join(f"{stage} ({count})" for stage, count in stages.items())
        lines.append(f"  {number}. {cause}  [{shown}]")
    parts = [*jobs.groupby("stage", sort=False), ("total", jobs)]
    rows = {name: _row(part, data["causes"]) for name, part in parts}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=_HEAD)
    return "\n".join([*lines, "", table.to_string(), "", _total(data, jobs)])


def explain(data: Mapping[str, Any], file: str) -> str:
    """Return why a file of the last job would be made, and the jobs from there to each cause."""
    if not data["jobs"]:
        return f"{file} would not be made again: {_UNCHANGED}"
    job = data["jobs"][-1]
    lines = [f"{file} would be made by {job['job']}, because:"]
    for number, (cause, way) in enumerate(job["because"].items(), 1):
        lines += [f"  {number}. {cause}", f"     {' ← '.join(way)}"]
    jobs = pd.DataFrame(data["jobs"])
    return "\n".join([*lines, "", f"With the jobs before it: {len(jobs)}.", _total(data, jobs)])


def _row(jobs: pd.DataFrame, causes: Sequence[str]) -> list[str]:
    own = {cause for ways in jobs["because"] for cause in ways}
    numbers = ", ".join(str(number) for number, cause in enumerate(causes, 1) if cause in own)
    limit = "" if jobs["measured"].all() else "≤ "
    sums = [jobs[column].sum() for column in _TIMES]
    times = [(limit if seconds else "") + duration(seconds) for seconds in sums]
    return [str(len(jobs)), numbers, *times, _disk(jobs)]


def _total(data: Mapping[str, Any], jobs: pd.DataFrame) -> str:
    text = f"About {duration(data['wall_seconds'])} with {_count(data['cores'], 'core')}"
    text += f" and {_count(data['gpus'], 'GPU')}" if jobs["gpu_seconds"].any() else ""
    text += f"; {_disk(jobs)} on disk."
    limits = sorted({*jobs["stage"][~jobs["measured"]]})
    return f"{text}\n{_LIMITS.format(', '.join(limits))}" if limits else text


def _disk(jobs: pd.DataFrame) -> str:
    known = jobs["disk"].dropna().astype(float)
    size = tqdm.format_sizeof(known.sum(), "B") if len(known) else "?"
    return f"≥ {size}" if 0 < len(known) < len(jobs) else size


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"
