"""How long planned jobs take side by side, on so many cores and GPUs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence

from anonbench.workflow.plan.jobs import Job


def wall_seconds(
    jobs: Sequence[Job], seconds: Mapping[int, float], cores: int, gpus: float
) -> float:
    """Return the time until the last job ends.

    Whenever cores and GPUs are free, that job starts which has the longest way to the end after
    it. One that wants more than there is gets all, as with Snakemake.

    Args:
        jobs: each after those that it depends on.
        seconds: by a job's number; jobs without any take no time.
        cores: of all machines.
        gpus: of all machines.

    """
    planned = {job.id: job for job in jobs}
    before = {job.id: sum(other in planned for other in job.after) for job in jobs}
    following: dict[int, list[int]] = defaultdict(list)
    way: dict[int, float] = {}
    for job in jobs:
        for other in job.after:
            following[other].append(job.id)
    for job in reversed(jobs):
        rest = max((way[other] for other in following[job.id]), default=0.0)
        way[job.id] = seconds.get(job.id, 0.0) + rest
    ready = [(-way[job.id], job.id) for job in jobs if not before[job.id]]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    free, free_gpus, now = float(cores), float(gpus), 0.0

    def wants(job: Job) -> tuple[float, float]:
        works = job.id in seconds
        return min(cores, job.threads) * works, min(gpus, job.gpus) * works

    while ready or running:
        waiting = []
        while ready:
            key, number = heapq.heappop(ready)
            threads, devices = wants(planned[number])
            if threads <= free and devices <= free_gpus:
                free, free_gpus = free - threads, free_gpus - devices
                heapq.heappush(running, (now + seconds.get(number, 0.0), number))
            else:
                waiting.append((key, number))
                if len(waiting) > _LOOKED_AT:
                    break
        for item in waiting:
            heapq.heappush(ready, item)
        now, number = heapq.heappop(running)
        threads, devices = wants(planned[number])
        free, free_gpus = free + threads, free_gpus + devices
        for other in following[number]:
            before[other] -= 1
            if not before[other]:
                heapq.heappush(ready, (-way[other], other))
    return now


_LOOKED_AT = 100
"""Jobs that have no room are passed over; so many, for the time that it takes."""
