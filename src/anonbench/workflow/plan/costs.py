"""Expected cost of planned jobs, from what jobs of their kind have cost before."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from anonbench.core.jobs.benchmarks import ResourceUsage, read_usage
from anonbench.core.jobs.checksums import read_made_from
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import changes

TELLING = 30.0
"""Expected seconds; in a shorter job most of the time is the start of Python."""


@dataclass(frozen=True)
class Cost:
    """What one job is expected to take."""

    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    measured: bool
    """Whether the time follows from benchmarks; else it is the limit that the rule declares."""
    disk: float | None
    """Bytes that it writes; None where no job of its kind has written any."""
    replaced: int
    """Bytes of its outputs that are there now."""


def costs(plan: Plan) -> dict[int, Cost]:
    """Return the cost of each planned job that computes something.

    Its time is that of its own last run; else the median of its stage in the same data set, else of
    its stage, in proportion to the size of the work where `anonbench.config.resources` has a
    formula; else the limit that its rule declares.
    """
    jobs = [job for job in plan.jobs.values() if job.script]
    runs = {job.id: run for job in jobs if (run := _usage(job.benchmark))}
    sizes = {job.id: _bytes(job) for job in jobs if all(Path(f).exists() for f in job.outputs)}
    return {job.id: _cost(job, jobs, runs, sizes) for job in jobs if job.planned}


def _cost(
    job: Job, jobs: Sequence[Job], runs: Mapping[int, ResourceUsage], sizes: Mapping[int, int]
) -> Cost:
    if job.id in runs:
        runtimes = [_scaled(runs[job.id], _seconds_before(job), job.seconds)]
    else:
        # a job that would run again may have done another amount of work
        kind = _kind(job, (each for each in jobs if each.id in runs and not each.planned))
        kind = kind or _kind(job, (each for each in jobs if each.id in runs))
        runtimes = [_scaled(runs[each.id], each.seconds, job.seconds) for each in kind]
    limit = 60 * job.minutes
    seconds = median([each[0] for each in runtimes] or [limit])
    cpu = median([each[1] for each in runtimes] or [limit * job.threads])
    alike = [job] if job.id in sizes else _kind(job, (each for each in jobs if each.id in sizes))
    disk = median([sizes[each.id] for each in alike]) if alike else None
    return Cost(seconds, cpu, seconds * job.gpus, bool(runtimes), disk, _bytes(job))


def wall_seconds(
    jobs: Iterable[Job], expected: Mapping[int, Cost], cores: int, gpus: float
) -> float:
    """Return the time that jobs take at least: their longest chain, or all work on all devices.

    Args:
        jobs: each after those that it depends on.
        expected: their costs by number; a job without one takes no time.
        cores: of all machines.
        gpus: of all machines.

    """
    ends: dict[int, float] = {}
    core_seconds = gpu_seconds = 0.0
    for job in jobs:
        seconds = expected[job.id].seconds if job.id in expected else 0.0
        ends[job.id] = seconds + max((ends.get(other, 0.0) for other in job.after), default=0.0)
        core_seconds += seconds * min(cores, job.threads)
        gpu_seconds += seconds * min(gpus, job.gpus)
    return max(*ends.values(), 0.0, core_seconds / cores, gpu_seconds / (gpus or 1.0))


def usual_seconds(jobs: Iterable[tuple[str, str, Sequence[str]]]) -> dict[str, float]:
    """Return the median time of jobs of each rule, where any has run.

    Args:
        jobs: rule, benchmark file, logs (not read).

    """
    seconds: dict[str, list[float]] = defaultdict(list)
    for rule, benchmark, _ in jobs:
        if run := _usage(benchmark):
            seconds[rule].append(run.seconds)
    return {rule: median(runs) for rule, runs in seconds.items()}


def _kind(job: Job, others: Iterable[Job]) -> list[Job]:
    """Return those of the job's stage and data set, else those of its stage."""
    stage = [each for each in others if each.stage == job.stage]
    dataset = job.wildcards.get("dataset")
    return [each for each in stage if each.wildcards.get("dataset") == dataset] or stage


def _seconds_before(job: Job) -> float | None:
    """Return the expected time of the job's last run, by the steps of its training then."""
    before = read_made_from(map(Path, job.outputs)) or {"parameters": {}}
    return job.seconds and job.seconds * math.prod(
        change.old / change.new
        for change in changes(before["parameters"], job.parameters)
        if change.key[-2:] in (("optimizer", "steps"), ("optimizer", "batch_size"))
    )


def _scaled(run: ResourceUsage, before: float | None, now: float | None) -> tuple[float, float]:
    """Return the seconds, and CPU seconds, of a run with `now` expected in place of `before`.

    The run tells the machine's rate only where it was long enough; the formula's own is cautious.
    """
    if not before or not now or not run.seconds:
        return run.seconds, run.cpu_seconds
    rate = run.seconds / before
    rate = rate if before >= TELLING else min(1.0, rate)
    seconds = max(run.seconds + rate * (now - before), run.seconds * min(1.0, now / before))
    return seconds, run.cpu_seconds * seconds / run.seconds


def _usage(benchmark: str | None) -> ResourceUsage | None:
    return read_usage(Path(benchmark)) if benchmark else None


def _bytes(job: Job) -> int:
    return sum(Path(file).stat().st_size for file in job.outputs if Path(file).exists())
