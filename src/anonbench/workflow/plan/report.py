"""A plan as text and as plain data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from anonbench.workflow.plan.causes import Cause, Kind, Reasons, chain
from anonbench.workflow.plan.costs import DECLARED, Cost
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.walltime import wall_seconds

_LABELS = 3
"""Jobs of a stage that are named."""


@dataclass(frozen=True)
class Machine:
    """What a run would have."""

    cores: int
    gpus: float


@dataclass(frozen=True)
class Report:
    """A plan with its reasons and costs."""

    plan: Plan
    reasons: Reasons
    costs: Mapping[int, Cost]
    machine: Machine

    @property
    def jobs(self) -> list[Job]:
        """Jobs that compute something."""
        return [job for job in self.plan.planned if job.script]

    @property
    def seconds(self) -> float:
        """How long the run would take."""
        each = {number: cost.seconds for number, cost in self.costs.items()}
        return wall_seconds(self.plan.planned, each, self.machine.cores, self.machine.gpus)

    @property
    def causes(self) -> list[Cause]:
        """All root causes, those of most jobs first; that something is new comes last."""
        counted = Counter(cause for job in self.jobs for cause in self.reasons.roots[job.id])
        return sorted(counted, key=lambda cause: (cause.kind is Kind.NEW, -counted[cause], cause))

    def stages(self) -> dict[str, list[Job]]:
        """Return the jobs by stage, in the order of the work."""
        found: dict[str, list[Job]] = defaultdict(list)
        depth: dict[int, int] = {}
        for job in self.plan.planned:
            depth[job.id] = 1 + max((depth.get(other, 0) for other in job.after), default=0)
            if job.script:
                found[self.plan.stage(job)].append(job)
        middle = {stage: median(depth[job.id] for job in jobs) for stage, jobs in found.items()}
        return {stage: found[stage] for stage in sorted(found, key=lambda name: middle[name])}


def as_text(report: Report) -> str:
    """Return what would run, why, and what it would cost."""
    if not report.jobs:
        return "Nothing would run: all that was asked for is as its inputs, settings and code are."
    count = len(report.jobs)
    lines = [f"{count} {'job' if count == 1 else 'jobs'} would run, because:"]
    numbers = {cause: number for number, cause in enumerate(report.causes, 1)}
    for cause, number in numbers.items():
        lines.append(f"  {number}. {cause.text}{_where(report, cause)}")
    table = [("stage", "jobs", "because of", "")]
    for stage, jobs in report.stages().items():
        groups: dict[tuple[int, ...], list[Job]] = defaultdict(list)
        for job in jobs:
            groups[tuple(sorted(numbers[c] for c in report.reasons.roots[job.id]))].append(job)
        for causes, group in sorted(groups.items()):
            table.append((stage, str(len(group)), _list(causes), _labels(stage, group)))
    lines += ["", *_aligned(table, "<><<"), "", *_cost_lines(report)]
    return "\n".join(lines)


def explain(report: Report, job: Job, file: str) -> str:
    """Return why one file would be made again, with the way from each root cause."""
    if job.why is None:
        return f"{file} would not be made again: it is as its inputs, settings and code are."
    causes = report.reasons.roots[job.id]
    exists = Path(file).exists()
    lines = [f"{file} would be made{' again' if exists else ''} by {job.label}, because:"]
    for number, cause in enumerate(causes, 1):
        way = chain(report.plan, report.reasons, job, cause)
        lines.append(f"  {number}. {cause.text}")
        if len(way) > 1:
            lines.append(f"     {' ← '.join(each.label for each in way)}")
    before = _ancestors(report.plan, job)
    after = f"{len(before) - 1} jobs would run before it. " if len(before) > 1 else ""
    return "\n".join([*lines, "", after + _total(report, before)])


def as_json(report: Report, job: Job | None = None) -> dict[str, Any]:
    """Return the plan, or of it what one job needs, as plain data."""
    needed = report.jobs if job is None else _ancestors(report.plan, job)
    jobs = [each for each in needed if each.script]
    return {
        "jobs": [_job(report, each) for each in jobs],
        "causes": [
            asdict(cause) | {"kind": cause.kind.name.lower(), "text": cause.text}
            for cause in report.causes
            if any(cause in report.reasons.roots[each.id] for each in jobs)
        ],
        "cores": report.machine.cores,
        "gpus": report.machine.gpus,
        "wall_seconds": _wall(report, jobs),
    }


def _job(report: Report, job: Job) -> dict[str, Any]:
    return {
        "rule": job.rule,
        "stage": report.plan.stage(job),
        "wildcards": dict(job.wildcards),
        "outputs": list(job.outputs),
        "own": [cause.text for cause in report.reasons.own[job.id]],
        "because": [cause.text for cause in report.reasons.roots[job.id]],
        "threads": job.threads,
        "gpus": job.gpus,
        "memory_mb": job.megabytes,
        **asdict(report.costs[job.id]),
    }


def _wall(report: Report, jobs: Sequence[Job]) -> float:
    each = {job.id: report.costs[job.id].seconds for job in jobs if job.id in report.costs}
    return wall_seconds(jobs, each, report.machine.cores, report.machine.gpus)


def _ancestors(plan: Plan, job: Job) -> list[Job]:
    """Return the job and all planned ones that it needs, each after those that it depends on."""
    needed, stack = {job.id}, [job.id]
    while stack:
        for number in plan.jobs[stack.pop()].after:
            if number not in needed and plan.jobs[number].why is not None:
                needed.add(number)
                stack.append(number)
    return [each for each in plan.planned if each.id in needed and each.script]


def _where(report: Report, cause: Cause) -> str:
    """Return the stages whose jobs have the cause themselves."""
    found = Counter(
        report.plan.stage(job) for job in report.jobs if cause in report.reasons.own[job.id]
    )
    stages = ", ".join(f"{stage} ({count})" for stage, count in found.items())
    return f"  [{stages}]"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _labels(stage: str, jobs: Sequence[Job]) -> str:
    names = sorted(job.label.removeprefix(f"{stage} ") for job in jobs)
    shown = [name for name in names[:_LABELS] if name != stage]
    return ", ".join([*shown, "…"] if len(jobs) > _LABELS else shown)


def _cost_lines(report: Report) -> list[str]:
    head = ("stage", "jobs", "job time", "CPU time", "GPU time", "writes", "memory", "known from")
    rows = [head, *(_row(report, *each) for each in report.stages().items())]
    rows.append(_row(report, "total", report.jobs))
    lines = _aligned(rows, "<>>>>>><")
    lines += ["", _total(report, report.jobs)]
    if any(report.costs[job.id].origin == DECLARED for job in report.jobs):
        lines.append(
            "declared: no job of the stage was measured here; the time is the most that its rule "
            "allows, not an estimate."
        )
    return lines


def _row(report: Report, stage: str, jobs: Sequence[Job]) -> tuple[str, ...]:
    costs = [report.costs[job.id] for job in jobs]
    declared = sum(cost.origin == DECLARED for cost in costs)
    origin = "benchmarks" if not declared else "declared"
    if 0 < declared < len(costs):
        origin = f"benchmarks; {declared} declared"
    return (
        stage,
        str(len(jobs)),
        hours(sum(cost.seconds for cost in costs)),
        hours(sum(cost.cpu_seconds for cost in costs)),
        hours(sum(cost.gpu_seconds for cost in costs)),
        _disk(costs),
        size(1e6 * max(job.megabytes for job in jobs)),
        origin,
    )


def _total(report: Report, jobs: Sequence[Job]) -> str:
    costs = [report.costs[job.id] for job in jobs if job.id in report.costs]
    declared = any(cost.origin == DECLARED for cost in costs)
    cores, gpus = report.machine.cores, report.machine.gpus
    parts = [
        f"{'At most' if declared else 'About'} {hours(_wall(report, jobs))} with {cores} cores"
    ]
    if any(cost.gpu_seconds for cost in costs):
        parts.append(f" and {gpus:g} {'GPU' if gpus == 1 else 'GPUs'}")
    replaced = sum(cost.replaced for cost in costs)
    known = any(cost.disk is not None for cost in costs)
    parts.append(f"; {_disk(costs)} on disk" if known else "; disk not known")
    if replaced:
        parts.append(f", of it {size(replaced)} in place of what is there")
    return "".join(parts) + "."


def _disk(costs: Iterable[Cost]) -> str:
    costs = list(costs)
    known = [cost.disk for cost in costs if cost.disk is not None]
    if not known:
        return "?"
    return size(sum(known)) + (" + ?" if len(known) < len(costs) else "")


def hours(seconds: float) -> str:
    """Write a time with two digits or more."""
    if seconds >= 36_000:
        return f"{seconds / 3600:,.0f} h"
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 600:
        return f"{seconds / 60:.0f} min"
    if seconds >= 60:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Write a number of bytes."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(sides))]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
