"""Expected cost of planned jobs, from what jobs of their kind have cost before."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from anonbench.core.jobs.made_from import plain, read_made_from
from anonbench.core.jobs.resource_usage import ResourceUsage, read_spent
from anonbench.workflow.plan.jobs import Job, Plan
from anonbench.workflow.plan.settings import changes


@dataclass(frozen=True)
class Cost:
    """Expected cost of one job."""

    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    measured: bool
    """Whether the time follows from benchmarks; else it is the limit that the rule declares."""
    disk: float | None
    """Bytes that it writes; None where no job of its stage has written any."""


def costs(plan: Plan) -> dict[Job, Cost]:
    """Return the cost of each planned job.

    Its time is that of its own last run; else the median of its stage in the same data set, else of
    its stage, in proportion to the work where `anonbench.config.resources` has a formula; else the
    limit that its rule declares.
    """
    usages = {job: _usage(job.raw.benchmark, job.raw.log) for job in plan.jobs}
    work = {job: _work(plan, job) for job in plan.jobs}
    runs = {job: (usage, work[job] / _more_steps(job)) for job, usage in usages.items() if usage}
    made = [job for job in plan.jobs if all(map(Path.exists, job.outputs))]
    sizes = {job: sum(path.stat().st_size for path in job.outputs) for job in made}
    return {job: _cost(job, work[job], runs, sizes) for job in plan.planned}


def wall_seconds(jobs: Sequence[Job], costs: Mapping[Job, Cost], cores: int, gpus: float) -> float:
    """Return the time that jobs take at least: their longest chain, or all work on all devices.

    Args:
        jobs: each after those that it depends on.
        costs: theirs.
        cores: of all machines.
        gpus: of all machines.

    """
    ends: dict[Job, float] = {}
    for job in jobs:
        ready = max((ends.get(each, 0.0) for each in job.before), default=0.0)
        ends[job] = ready + costs[job].seconds
    on_cores = sum(costs[job].seconds * min(cores, job.threads) for job in jobs)
    on_gpus = sum(costs[job].seconds * min(gpus, job.gpus) for job in jobs)
    return max(*ends.values(), on_cores / cores, on_gpus / (gpus or 1), 0.0)


def usual_seconds(jobs: Iterable[tuple[str, str, Sequence[str]]]) -> dict[str, float]:
    """Return the median time of jobs of each rule, from their rules, benchmark files and logs."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for rule, benchmark, logs in jobs:
        if usage := _usage(benchmark, logs):
            seconds[rule].append(usage.seconds)
    return {rule: median(runs) for rule, runs in seconds.items()}


def _cost(
    job: Job,
    work: float,
    runs: Mapping[Job, tuple[ResourceUsage, float]],
    sizes: Mapping[Job, int],
) -> Cost:
    """Return a job's cost from usage and work of measured jobs, and from bytes of written ones."""
    limit = 60 * job.minutes
    times = [_scaled(*runs[each], work, limit) for each in _alike(job, runs)]
    seconds = median([each[0] for each in times] or [limit])
    cpu_seconds = median([each[1] for each in times] or [limit * job.threads])
    written = [sizes[each] for each in _alike(job, sizes)]
    disk = median(written) if written else None
    return Cost(seconds, cpu_seconds, seconds * job.gpus, bool(times), disk)


def _alike(job: Job, known: Collection[Job]) -> list[Job]:
    """Return the job itself; else those of its stage and data set, else those of its stage."""
    stage = [each for each in known if each.stage == job.stage]
    dataset = job.wildcards.get("dataset")
    alike = [each for each in stage if each.wildcards.get("dataset") == dataset]
    return [job] if job in known else alike or stage


def _scaled(usage: ResourceUsage, before: float, now: float, limit: float) -> tuple[float, float]:
    """Return seconds and CPU seconds for another amount of work.

    A limit holds for a longer time than the measured one: short jobs mostly start Python.
    """
    seconds = min(usage.seconds * now / before, max(limit, usage.seconds))
    return seconds, usage.cpu_seconds * seconds / (usage.seconds or 1.0)


def _work(plan: Plan, job: Job) -> float:
    """Return the seconds that a formula expects, or 1 for all jobs of a stage without one."""
    try:
        split = job.wildcards.get("split", "train")
        return plan.estimates.seconds(job.stage, job.wildcards["dataset"], split) or 1.0
    except (KeyError, ValueError):
        return 1.0


def _more_steps(job: Job) -> float:
    """Return the steps of a training now as a multiple of those of its last run."""
    record = read_made_from(job.outputs) if job.planned else None
    changed = changes(record["parameters"], plain(job.raw.params)) if record else ()
    steps = (each for each in changed if each.key[-2:] == ("optimizer", "steps"))
    return float(math.prod(each.new / each.old for each in steps))


def _usage(benchmark: str | None, logs: Iterable[str]) -> ResourceUsage | None:
    return read_spent(Path(benchmark), map(Path, logs)) if benchmark else None
