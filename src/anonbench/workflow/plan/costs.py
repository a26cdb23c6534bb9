"""Expected cost of planned jobs, based on the measured cost of similar jobs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from anonbench.config.resources import Estimates
from anonbench.core.jobs.checksums import read_parameters
from anonbench.core.jobs.job_cache import read_usage
from anonbench.core.vocabulary import UNADAPTED
from anonbench.workflow.plan.estimates.disk import disk_by_formula
from anonbench.workflow.plan.estimates.gpu_time import devices, work_of
from anonbench.workflow.plan.jobs import Job, Plan, wildcards_of

STARTED = 3.0
"""Overhead in seconds of a job (Python, packages, files). Measured: 1 to 10."""


@dataclass(frozen=True)
class Cost:
    """Expected cost of one job."""

    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    basis: str
    """Basis of the time, in order of preference. `measured`: the job's own last run, else the
    median of its stage in the same data set, else of its stage, in proportion to the work.
    `formula`: its FLOPs on a GPU. `limit`: for another job on GPUs, the time limit of its rule.
    `rates`: those of `anonbench.config.resources`."""
    disk: float | None
    """Bytes that it writes; None if unknown."""
    weighed: bool = False
    """Whether the bytes are measured on such a job's files instead of computed by a formula."""


def costs(plan: Plan) -> dict[Job, Cost]:
    """Cost of each planned job."""
    work = {job: _work(plan.estimates, job.stage, job.wildcards) for job in plan.jobs}
    benchmarks = {job: job.benchmark for job in plan.jobs if job.benchmark}
    runs = {job: run for job, file in benchmarks.items() if (run := read_usage(file))}
    done = {job: work[job] / _more_steps(job) for job in runs}
    rate = _usual({job: run.seconds / done[job] for job, run in runs.items()})
    cpu_rate = _usual({job: run.cpu_seconds / done[job] for job, run in runs.items()})
    made = [job for job in plan.jobs if all(map(Path.exists, job.outputs))]
    written = _usual({job: float(sum(path.stat().st_size for path in job.outputs)) for job in made})
    device, disk = devices()[0], disk_by_formula(plan)

    def cost(job: Job) -> Cost:
        limit, usual, size = 60.0 * job.minutes, rate(job), written(job)
        cpu_seconds = None
        if usual is not None:
            # a short job, which mostly starts Python, predicts little about a long one
            most = math.inf if job in runs else limit
            basis, seconds = "measured", min(usual * work[job], most)
            cpu_seconds = min((cpu_rate(job) or 0.0) * work[job], most * job.threads)
        elif gpu_work := work_of(plan, job):
            basis, seconds = "formula", device.seconds(gpu_work)[1] / job.gpus
        elif job.gpus:
            basis, seconds = "limit", limit
        else:
            basis, seconds = "rates", min(STARTED + work[job], limit)
        return Cost(
            seconds,
            seconds * _busy(job) if cpu_seconds is None else cpu_seconds,
            seconds * job.gpus,
            basis,
            disk=disk(job) if size is None else size,
            weighed=size is not None,
        )

    return {job: cost(job) for job in plan.planned}


def wall_seconds(jobs: Sequence[Job], costs: Mapping[Job, Cost], cores: int, gpus: float) -> float:
    """Lower bound of the total time: the longest chain, or all work spread over all devices.

    `jobs` lists each job after those that it depends on.
    """
    ends: dict[Job, float] = {}
    for job in jobs:
        ready = max((ends.get(each, 0.0) for each in job.before), default=0.0)
        ends[job] = ready + costs[job].seconds
    on_cores = sum(costs[job].seconds * min(cores, job.threads) for job in jobs)
    on_gpus = sum(costs[job].seconds * min(gpus, job.gpus) for job in jobs)
    return max(*ends.values(), on_cores / cores, on_gpus / (gpus or 1), 0.0)


def usual_seconds(raw: Iterable[Any], estimates: Estimates) -> dict[str, float]:
    """Median seconds of a job of each rule: measured, or estimated if none has run."""
    took, expected = defaultdict(list), defaultdict(list)
    for job in raw:
        if job.benchmark and (usage := read_usage(Path(job.benchmark))):
            took[job.rule.name].append(usage.seconds)
        elif job.rule.script:
            work = _work(estimates, Path(job.rule.script).stem, wildcards_of(job))
            expected[job.rule.name].append(STARTED + work)
    return {rule: median(seconds) for rule, seconds in (expected | took).items()}


def _usual(known: Mapping[Job, float]) -> Callable[[Job], float | None]:
    """Function from a job to its own value, or else the median of its data set or stage."""
    values: dict[tuple[str | None, ...], list[float]] = defaultdict(list)
    for job, value in known.items():
        values[job.stage, job.wildcards.get("dataset")].append(value)
        values[job.stage,].append(value)

    def usual(job: Job) -> float | None:
        like = values.get((job.stage, job.wildcards.get("dataset"))) or values.get((job.stage,))
        return known[job] if job in known else median(like) if like else None

    return cache(usual)


def _busy(job: Job) -> int:
    """Cores that a job keeps busy; a system's other threads only read images ahead."""
    return 1 if job.stage in {"embed_system", "reidentify"} else job.threads


def _work(estimates: Estimates, stage: str, wildcards: Mapping[str, str]) -> float:
    """Seconds according to a formula; 1 for all jobs of a stage without one."""
    try:
        split, model = wildcards.get("split", "train"), wildcards.get("model", UNADAPTED)
        return estimates.seconds(stage, wildcards["dataset"], split, model) or 1.0
    except (KeyError, ValueError):
        return 1.0


def _more_steps(job: Job) -> float:
    """Steps of a training now, as a multiple of those of its last run."""
    recorded = (read_parameters(job.outputs) or {}).get("slice") or {}
    last, now = _steps(recorded.get("recipe")), _steps(job.recipe)
    return now / last if job.planned and last and now else 1.0


def _steps(recipe: Mapping[str, Any] | None) -> int | None:
    """Training steps of a recipe; None if the job does not train."""
    try:
        return int((recipe or {})["optimizer"]["steps"])
    except (LookupError, TypeError):
        return None
