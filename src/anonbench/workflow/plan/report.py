"""Plan as text and as plain data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anonbench.workflow.plan.causes import Cause, Kind, Reasons, chain
from anonbench.workflow.plan.costs import Cost, wall_seconds
from anonbench.workflow.plan.jobs import Job, Plan

_LIMITS = (
    "At most: no job of {} was measured here, and the limit of its rule is counted, often several "
    "times too much."
)


@dataclass(frozen=True)
class Report:
    """A plan with its reasons and costs, for a run with so many cores and GPUs."""

    plan: Plan
    reasons: Reasons
    costs: Mapping[int, Cost]
    cores: int
    gpus: float

    @property
    def jobs(self) -> list[Job]:
        """Jobs that compute something."""
        return [job for job in self.plan.planned if job.script]

    @property
    def causes(self) -> list[Cause]:
        """Root causes, those of most jobs first; that something is new comes last."""
        counted = Counter(cause for job in self.jobs for cause in self.reasons.roots[job.id])
        return sorted(counted, key=lambda cause: (cause.kind is Kind.NEW, -counted[cause], cause))

    @property
    def stages(self) -> dict[str, list[Job]]:
        """Jobs by stage, in the order of the work."""
        found: dict[str, list[Job]] = defaultdict(list)
        for job in self.jobs:
            found[job.stage].append(job)
        return found


def as_text(report: Report) -> str:
    """Return what would run, why, and what it would cost."""
    if not report.jobs:
        return "Nothing would run: inputs, settings and code have not changed."
    lines = [f"{_count(len(report.jobs), 'job')} would run, because:"]
    numbers = {cause: str(number) for number, cause in enumerate(report.causes, 1)}
    for cause, number in numbers.items():
        own = Counter(job.stage for job in report.jobs if cause in report.reasons.own[job.id])
        stages = ", ".join(f"{stage} ({count})" for stage, count in own.items())
        lines.append(f"  {number}. {cause.text}  [{stages}]")
    head = ("stage", "jobs", "because of", "time", "CPU time", "GPU time", "writes", "memory")
    table: list[tuple[str, ...]] = [head]
    for stage, jobs in report.stages.items():
        causes = {cause for job in jobs for cause in report.reasons.roots[job.id]}
        because = ", ".join(number for cause, number in numbers.items() if cause in causes)
        table.append(_row(report, stage, because, jobs))
    table.append(_row(report, "total", "", report.jobs))
    return "\n".join([*lines, "", *_aligned(table, "<><>>>>>"), "", *_total(report, report.jobs)])


def explain(report: Report, job: Job, file: str) -> str:
    """Return why one file would be made again, with the way from each root cause."""
    if not job.planned:
        return f"{file} would not be made again: inputs, settings and code have not changed."
    lines = [f"{file} would be made{' again' * Path(file).exists()} by {job.label}, because:"]
    for number, cause in enumerate(report.reasons.roots[job.id], 1):
        way = chain(report.plan, report.reasons, job, cause)
        lines.append(f"  {number}. {cause.text}")
        if len(way) > 1:
            lines.append(f"     {' ← '.join(each.label for each in way)}")
    jobs = [each for each in report.plan.needed(job) if each.script]
    return "\n".join([*lines, "", f"With the jobs before it: {len(jobs)}.", *_total(report, jobs)])


def as_json(report: Report, job: Job | None = None) -> dict[str, Any]:
    """Return the plan, or the part of it that one job needs, as plain data."""
    needed = report.plan.planned if job is None else report.plan.needed(job)
    jobs = [each for each in needed if each.script]
    roots = {cause for each in jobs for cause in report.reasons.roots[each.id]}
    return {
        "jobs": [
            asdict(each)
            | asdict(report.costs[each.id])
            | {"stage": each.stage}
            | {"own": [cause.text for cause in report.reasons.own[each.id]]}
            | {"because": [cause.text for cause in report.reasons.roots[each.id]]}
            for each in jobs
        ],
        "causes": [
            {"kind": cause.kind.name.lower(), "text": cause.text}
            for cause in report.causes
            if cause in roots
        ],
        "cores": report.cores,
        "gpus": report.gpus,
        "wall_seconds": wall_seconds(needed, report.costs, report.cores, report.gpus),
    }


def _row(report: Report, stage: str, because: str, jobs: Sequence[Job]) -> tuple[str, ...]:
    costs = [report.costs[job.id] for job in jobs]
    limit = "" if all(cost.measured for cost in costs) else "≤ "
    return (
        stage,
        str(len(jobs)),
        because,
        limit + hours(sum(cost.seconds for cost in costs)),
        limit + hours(sum(cost.cpu_seconds for cost in costs)),
        limit + hours(sum(cost.gpu_seconds for cost in costs)),
        _disk(costs),
        size(1e6 * max(job.megabytes for job in jobs)),
    )


def _total(report: Report, jobs: Sequence[Job]) -> list[str]:
    costs = [report.costs[job.id] for job in jobs]
    wall = hours(wall_seconds(jobs, report.costs, report.cores, report.gpus))
    text = f"About {wall} with {_count(report.cores, 'core')}"
    if any(cost.gpu_seconds for cost in costs):
        text += f" and {_count(report.gpus, 'GPU')}"
    text += f"; {_disk(costs)} on disk"
    if replaced := sum(cost.replaced for cost in costs):
        text += f", of which {size(replaced)} replace what is there"
    unknown = sorted({job.stage for job in jobs if not report.costs[job.id].measured})
    return [f"{text}.", *([_LIMITS.format(", ".join(unknown))] if unknown else [])]


def _disk(costs: Sequence[Cost]) -> str:
    known = [cost.disk for cost in costs if cost.disk is not None]
    unknown = "?" if len(known) < len(costs) else ""
    return " + ".join(filter(None, [size(sum(known)) if known else "", unknown]))


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"


def hours(seconds: float) -> str:
    """Return a time in the unit that gives at least two digits."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            value = seconds / length
            return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Return a number of bytes with a unit."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)] for row in rows)
    return ["  ".join(row).rstrip() for row in cells]
