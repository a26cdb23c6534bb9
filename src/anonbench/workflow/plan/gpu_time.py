"""GPU time of planned trainings and embeddings: in all, on several GPUs, and what shortens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd

from anonbench.workflow.plan.costs import Cost
from anonbench.workflow.plan.formula import (
    Device,
    Span,
    Work,
    devices,
    shorter,
    side_by_side,
    work_of,
)
from anonbench.workflow.plan.jobs import Job, Plan

COUNTS = (1, 4, 8)
"""GPUs that the trainings are spread over, besides those that are asked for."""
_SHORTER = (
    "Shorter trainings, as a share of that time (what each changes: "
    "docs/how-to/plan.md#shorter-trainings):"
)
_HOUR = 3600.0
_DAYS = 72.0
"""Hours from which days are shown."""


def gpu_time(
    plan: Plan, jobs: Sequence[Job], costs: Mapping[Job, Cost], gpus: float
) -> dict[str, Any] | None:
    """Return the work of jobs on GPUs and its time in hours, each from the least to the most.

    None where no job trains or embeds on GPUs by a backbone whose sizes are known.
    """
    works = {job: work for job in jobs if (work := work_of(plan, job))}
    if not works:
        return None
    known = {job: costs[job].gpu_seconds for job in works if costs[job].basis == "measured"}
    counts = sorted({*COUNTS, *([round(gpus)] if gpus >= 1 else [])})
    trainings = [job for job in works if job.stage == "train" and job not in known]
    rows = [(each.name, each) for each in devices()] if len(known) < len(works) else []
    return {
        "stages": [
            {"stage": stage, **_sums([works[job] for job in each])}
            for stage, each in _by_stage(works)
        ],
        "devices": [
            {"device": name, "share": device.share, **_times(works, known, device, counts)}
            for name, device in rows
        ]
        or [{"device": "measured here", "share": None, **_times(works, known, None, counts)}],
        "shorter": dict(shorter(plan, trainings, devices()[0])) if trainings else {},
    }


def gpu_time_lines(data: Mapping[str, Any] | None) -> list[str]:
    """Return what a plan says of it; nothing where there is nothing to say."""
    if data is None:
        return []
    lines = ["", "On GPUs (docs/how-to/plan.md#gpu-time says what is assumed):"]
    lines += [
        f"  {each['stage']}: {each['jobs']:,} × {each['images'] / each['jobs']:,.0f} images × "
        f"{each['flops'] / each['images'] / 1e12:.3g} TFLOP in {' and '.join(each['precision'])}"
        for each in data["stages"]
    ]
    rows = {each["device"]: _row(each) for each in data["devices"]}
    lines += ["", pd.DataFrame.from_dict(rows, orient="index").to_string()]
    if data["shorter"]:
        lines += ["", _SHORTER]
        lines += [f"  {share:5.0%}  {change}" for change, share in data["shorter"].items()]
    return lines


def _by_stage(works: Mapping[Job, Work]) -> list[tuple[str, list[Job]]]:
    jobs = sorted(works, key=lambda job: job.stage, reverse=True)  # trainings first
    return [(stage, [*each]) for stage, each in groupby(jobs, lambda job: job.stage)]


def _sums(works: Sequence[Work]) -> dict[str, Any]:
    return {
        "jobs": len(works),
        "images": sum(work.images for work in works),
        "flops": sum(work.flops for work in works),
        "precision": sorted({work.precision for work in works}),
    }


def _times(
    works: Mapping[Job, Work],
    known: Mapping[Job, float],
    device: Device | None,
    counts: Sequence[int],
) -> dict[str, Any]:
    """Return GPU hours by stage, and the hours that all jobs take on so many GPUs."""

    def seconds(job: Job) -> Span:
        if device is None or job in known:
            return known[job], known[job]
        return device.seconds(works[job])

    spans = {job: seconds(job) for job in works}
    wall: dict[int, list[float | None]] = {}
    for count in counts:
        ends = [
            side_by_side([(spans[job][end] / job.gpus, int(job.gpus)) for job in works], count)
            for end in (0, 1)
        ]
        wall[count] = [None if end is None else end / _HOUR for end in ends]
    return {
        "gpu_hours": {
            stage: [sum(spans[job][end] for job in each) / _HOUR for end in (0, 1)]
            for stage, each in _by_stage(works)
        },
        "wall_hours": wall,
    }


def _row(device: Mapping[str, Any]) -> dict[str, str]:
    share = device["share"]
    shown = (
        {"share of peak": "–".join(f"{100 * part:.0f}" for part in share) + " %"} if share else {}
    )
    for stage, span in device["gpu_hours"].items():
        shown[f"{stage}, GPU h"] = _span(*span)
    for count, (least, most) in device["wall_hours"].items():
        column = f"on {count} GPU{'' if count == 1 else 's'}"
        if least is None or most is None:
            shown[column] = "too few"
        elif most < _DAYS:
            shown[column] = f"{_span(least, most)} h"
        else:
            shown[column] = f"{_span(least / 24, most / 24)} days"
    return shown


def _span(least: float, most: float) -> str:
    """Return a range to two digits, or one number where both ends are shown alike."""
    ends = [f"{float(f'{end:.2g}'):,.10g}" for end in (least, most)]
    return "–".join(dict.fromkeys(ends))
