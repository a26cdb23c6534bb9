"""Plan as text and as plain data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anonbench.core.wording import duration
from anonbench.workflow.plan.causes import NEW, Reasons, chain
from anonbench.workflow.plan.costs import Cost, wall_seconds
from anonbench.workflow.plan.jobs import Job, Plan

_LIMITS = (
    "At most: no job of {} was measured here, and the limit of its rule is counted, often several "
    "times too much."
)
_HEAD = ("stage", "jobs", "because of", "time", "CPU time", "GPU time", "writes")


@dataclass(frozen=True)
class Report:
    """A plan with its reasons and costs, for a run with so many cores and GPUs."""

    plan: Plan
    reasons: Reasons
    costs: Mapping[int, Cost]
    cores: int
    gpus: float

    def jobs(self, job: Job | None = None) -> list[Job]:
        """Return the jobs that compute something: all, or those that one job needs."""
        needed = self.plan.needed(job) if job else self.plan.planned
        return [each for each in needed if each.script]

    @property
    def causes(self) -> list[str]:
        """Root causes, those of most jobs first; that something is new comes last."""
        counted = Counter(cause for job in self.jobs() for cause in self.reasons.roots[job.id])
        return sorted(counted, key=lambda cause: (cause == NEW, -counted[cause], cause))


def as_text(report: Report) -> str:
    """Return what would run, why, and what it would cost."""
    jobs = report.jobs()
    if not jobs:
        return "Nothing would run: inputs, settings and code have not changed."
    lines = [f"{_count(len(jobs), 'job')} would run, because:"]
    for number, cause in enumerate(report.causes, 1):
        own = Counter(job.stage for job in jobs if cause in report.reasons.own[job.id])
        stages = ", ".join(f"{stage} ({count})" for stage, count in own.items())
        lines.append(f"  {number}. {cause}  [{stages}]")
    of_stage: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        of_stage[job.stage].append(job)
    rows = [_HEAD, *(_row(report, *each) for each in of_stage.items()), _row(report, "total", jobs)]
    lines.append("")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, "<><>>>>", widths, strict=True)
        lines.append("  ".join(f"{cell:{side}{width}}" for cell, side, width in cells))
    return "\n".join([*lines, "", *_total(report, jobs)])


def explain(report: Report, job: Job, file: str) -> str:
    """Return why one file would be made again, with a way from each root cause."""
    if not job.planned:
        return f"{file} would not be made again: inputs, settings and code have not changed."
    lines = [f"{file} would be made{' again' * Path(file).exists()} by {job.label}, because:"]
    for number, cause in enumerate(report.reasons.roots[job.id], 1):
        way = chain(report.plan, report.reasons, job, cause)
        lines.append(f"  {number}. {cause}")
        lines += [f"     {' ← '.join(each.label for each in way)}"] if len(way) > 1 else []
    jobs = report.jobs(job)
    return "\n".join([*lines, "", f"With the jobs before it: {len(jobs)}.", *_total(report, jobs)])


def as_json(report: Report, job: Job | None = None) -> dict[str, Any]:
    """Return the plan, or the part of it that one job needs, as plain data."""
    own, roots = report.reasons.own, report.reasons.roots
    jobs = report.jobs(job)
    because = {cause for each in jobs for cause in roots[each.id]}
    return {
        "jobs": [
            asdict(each)
            | asdict(report.costs[each.id])
            | {"own": own[each.id], "because": roots[each.id]}
            for each in jobs
        ],
        "causes": [cause for cause in report.causes if cause in because],
        "cores": report.cores,
        "gpus": report.gpus,
        "wall_seconds": wall_seconds(jobs, report.costs, report.cores, report.gpus),
    }


def _row(report: Report, stage: str, jobs: Sequence[Job]) -> tuple[str, ...]:
    costs = [report.costs[job.id] for job in jobs]
    causes = {cause for job in jobs for cause in report.reasons.roots[job.id]}
    limit = "" if all(cost.measured for cost in costs) else "≤ "
    return (
        stage,
        str(len(jobs)),
        ", ".join(str(n) for n, cause in enumerate(report.causes, 1) if cause in causes),
        limit + duration(sum(cost.seconds for cost in costs)),
        limit + duration(sum(cost.cpu_seconds for cost in costs)),
        limit + duration(sum(cost.gpu_seconds for cost in costs)),
        _disk(costs),
    )


def _total(report: Report, jobs: Sequence[Job]) -> list[str]:
    costs = [report.costs[job.id] for job in jobs]
    wall = duration(wall_seconds(jobs, report.costs, report.cores, report.gpus))
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
    unknown = ["?"] if len(known) < len(costs) else []
    return " + ".join([*([size(sum(known))] if known else []), *unknown])


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"


def size(count: float) -> str:
    """Return a number of bytes with a unit."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"
