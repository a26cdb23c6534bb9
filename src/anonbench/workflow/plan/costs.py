"""What planned jobs would cost, from what jobs of their kind have cost before."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anonbench.core.jobs.resource_usage import ResourceUsage, read_spent
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import changes

MEASURED, DECLARED = "measured", "declared"
TELLING = 30.0
"""Seconds of expected work from which on a run tells how fast this machine is."""


@dataclass(frozen=True)
class Cost:
    """What one job is expected to take."""

    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    origin: str
    """`MEASURED`, or `DECLARED`: the most that its rule allows."""
    disk: float | None
    """Bytes that it writes; None where no job of its kind has written any."""
    replaced: int
    """Bytes of its outputs that are there and give way."""


def costs(plan: Plan) -> dict[int, Cost]:
    """Return the cost of each planned job that computes something.

    Seconds are those of the job's own last run; else the median of its stage in its data set, else
    of its stage, in proportion to the size of the work where `resources` has a formula;
    else what the rule declares, which is a limit and no estimate.
    """
    measured = {
        job.id: found
        for job in plan.jobs.values()
        if (found := _spent(job.benchmark, job.log)) is not None
    }
    sizes = {job.id: size for job in plan.jobs.values() if (size := _size(job)) is not None}
    kinds = _Kinds(plan)
    planned: dict[int, Cost] = {}
    for job in plan.planned:
        if job.script:
            runtime = _own_runtime(job, measured) or _runtime_of_kind(job, kinds, measured)
            origin = MEASURED if runtime else DECLARED
            declared = 60 * job.minutes
            seconds, cpu, _ = runtime or ResourceUsage(
                declared, declared * job.threads, job.megabytes
            )
            disk = sizes[job.id] if job.id in sizes else _median(kinds.of(job), sizes)
            replaced = _bytes(job)
            planned[job.id] = Cost(seconds, cpu, seconds * job.gpus, origin, disk, replaced)
    return planned


class _Kinds:
    """Jobs by stage and data set."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._groups: dict[tuple[str, ...], list[Job]] = defaultdict(list)
        for job in plan.jobs.values():
            for key in self._keys(job):
                self._groups[key].append(job)

    def of(self, job: Job) -> Iterator[list[Job]]:
        """Yield groups of jobs like this one, the nearest first."""
        yield from (self._groups[key] for key in self._keys(job))

    def _keys(self, job: Job) -> list[tuple[str, ...]]:
        stage = self._plan.stage(job)
        return [(stage, job.wildcards.get("dataset", "")), (stage,)]


def _own_runtime(job: Job, measured: Mapping[int, ResourceUsage]) -> ResourceUsage | None:
    """Return what the job took the last time, in proportion to the steps of a training."""
    last = measured.get(job.id)
    if last is None:
        return None
    factor = 1.0
    for change in changes((job.why or {}).get("before", []), (job.why or {}).get("now", {})):
        if change.key[-2:] in (("optimizer", "steps"), ("optimizer", "batch_size")):
            factor *= change.new / change.old
    if job.seconds is None or factor == 1.0:
        return last
    return _scaled(last, job.seconds / factor, job.seconds)


def _runtime_of_kind(
    job: Job, kinds: _Kinds, measured: Mapping[int, ResourceUsage]
) -> ResourceUsage | None:
    """Return the median of jobs of the same kind."""
    for group in kinds.of(job):
        # the work of a job that would run again may have been another when it was measured
        settled = [other for other in group if other.id in measured and other.why is None]
        known = settled or [other for other in group if other.id in measured]
        if known:
            runs = [_scaled(measured[other.id], other.seconds, job.seconds) for other in known]
            return ResourceUsage(*map(statistics.median, zip(*runs, strict=True)))
    return None


def _scaled(run: ResourceUsage, before: float | None, now: float | None) -> ResourceUsage:
    """Return what a run would take if the work were not of the size `before` but `now`.

    Of a very short run most is the start of Python: it tells nothing of the rate, and the
    formula's own is taken, which is a cautious one.
    """
    if not before or not now:
        return run
    rate = run.seconds / before
    rate = rate if before >= TELLING else min(1.0, rate)
    seconds = max(run.seconds + rate * (now - before), run.seconds * min(1.0, now / before))
    cpu = run.cpu_seconds * seconds / run.seconds if run.seconds else 0.0
    return ResourceUsage(seconds, cpu, run.mebibytes)


def usual_seconds(jobs: Iterable[tuple[str, str, Sequence[str]]]) -> dict[str, float]:
    """Return how long jobs of each rule have taken, the median, where any has run.

    Args:
        jobs: rule, benchmark file, logs.

    """
    found: dict[str, list[float]] = defaultdict(list)
    for rule, benchmark, logs in jobs:
        run = _spent(benchmark, logs)
        if run is not None:
            found[rule].append(run.seconds)
    return {rule: statistics.median(runs) for rule, runs in found.items()}


def _spent(benchmark: str | None, logs: Iterable[str]) -> ResourceUsage | None:
    return read_spent(Path(benchmark), map(Path, logs)) if benchmark else None


def _size(job: Job) -> int | None:
    """Return the bytes of a job's outputs, if all are there."""
    if not job.script or not all(Path(file).exists() for file in job.outputs):
        return None
    return _bytes(job)


def _bytes(job: Job) -> int:
    return sum(Path(file).stat().st_size for file in job.outputs if Path(file).exists())


def _median(groups: Iterable[list[Job]], sizes: Mapping[int, int]) -> float | None:
    for group in groups:
        known = [sizes[job.id] for job in group if job.id in sizes]
        if known:
            return statistics.median(known)
    return None
