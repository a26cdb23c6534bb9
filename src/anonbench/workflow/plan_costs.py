"""Expected cost of planned jobs, measured or from rates; the plan as data and as text."""

from __future__ import annotations

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from anonbench.core.errors import UnreadableImage
from anonbench.core.jobs.job_cache import read_usage
from anonbench.core.vocabulary import Split
from anonbench.core.wording import count, duration
from anonbench.datasets.documents import page_numbers
from anonbench.datasets.listing import root_of
from anonbench.training.loop.flops import sizes_by_settings
from anonbench.workflow.estimates import PIXELS, STARTED, Estimates
from anonbench.workflow.planned_jobs import Job, Plan
from anonbench.workflow.startup import drawn

ID_BYTES = 64  # bytes of an image's id in a file of embeddings; measured: 40 to 60
TAR_BYTES = 850  # overhead in bytes of an image in a shard: header, padding, line of the index


@dataclass(frozen=True)
class Cost:
    """Expected cost of one job."""

    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    basis: str
    """Basis of the time. `measured`: the job's own last run, else the median of its stage in the
    same data set, else of its stage, in proportion to the work. `rates`: of `Estimates`."""
    disk: float | None  # bytes that it writes; None if unknown


def costs(plan: Plan) -> dict[Job, Cost]:
    """Cost of each planned job."""
    times = _times(plan.jobs, plan.estimates)
    made = [job for job in plan.jobs if all(map(Path.exists, job.outputs))]
    written = _usual({job: float(sum(path.stat().st_size for path in job.outputs)) for job in made})
    image = cache(lambda name: _image_bytes(plan, name))
    found = {}
    for job in plan.planned:
        (seconds, cpu_seconds, basis), size = times[job], written(job)
        disk = _disk(plan, job, image) if size is None else size
        found[job] = Cost(seconds, cpu_seconds, seconds * job.gpus, basis, disk)
    return found


def usual_seconds(
    jobs: Sequence[Job], estimates: Estimates, cores: int | None, gpus: float | None
) -> tuple[dict[str, float], float]:
    """Median seconds of a job of each rule, and the mean number of jobs at once.

    That number is the planned jobs' seconds, by these medians, over the run's expected time.
    Without a number of cores, jobs run one after the other; without one of GPUs, one job has them.
    """
    times = {job: seconds for job, (seconds, _, _) in _times(jobs, estimates).items()}
    by_rule = defaultdict(list)
    for job, seconds in times.items():
        by_rule[job.rule].append(seconds)
    usual = {rule: median(each) for rule, each in by_rule.items()}
    planned = [job for job in jobs if job.planned]
    gpus = gpus or max((job.gpus for job in planned), default=0.0)
    whole = wall_seconds(planned, times, cores or 1, gpus)
    return usual, sum(usual[job.rule] for job in planned) / whole if whole else 1.0


def _times(jobs: Sequence[Job], estimates: Estimates) -> dict[Job, tuple[float, float, str]]:
    """Seconds, CPU seconds and basis of each job."""
    work = {job: _work(estimates, job) for job in jobs}
    runs = {j: run for j in jobs if j.benchmark and (run := read_usage(j.benchmark))}
    done = {job: work[job] / _more_steps(estimates, job) for job in runs}
    rate = _usual({job: run.seconds / done[job] for job, run in runs.items()})
    cpu_rate = _usual({job: run.cpu_seconds / done[job] for job, run in runs.items()})

    def time(job: Job) -> tuple[float, float, str]:
        limit, usual = 60.0 * job.minutes or math.inf, rate(job)
        if usual is None:
            # a system's other threads only read images ahead
            busy = 1 if job.stage in {"embed_system", "reidentify"} else job.threads
            seconds = min(STARTED + work[job], limit)
            return seconds, seconds * busy, "rates"
        # a short job, which mostly starts Python, predicts little about a long one
        most = math.inf if job in runs else limit
        cpu_seconds = min((cpu_rate(job) or 0.0) * work[job], most * job.threads)
        return min(usual * work[job], most), cpu_seconds, "measured"

    return {job: time(job) for job in jobs}


def wall_seconds(
    jobs: Sequence[Job], seconds: Mapping[Job, float], cores: int, gpus: float
) -> float:
    """Lower bound of the total time: the longest chain, or all work spread over all devices."""
    ends: dict[Job, float] = {}
    for job in jobs:
        ready = max((ends.get(each, 0.0) for each in job.before), default=0.0)
        ends[job] = ready + seconds[job]
    on_cores = sum(seconds[job] * min(cores, job.threads) for job in jobs)
    on_gpus = sum(seconds[job] * min(gpus, job.gpus) for job in jobs)
    return max(*ends.values(), on_cores / cores, on_gpus / (gpus or 1), 0.0)


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


def _work(estimates: Estimates, job: Job) -> float:
    """Seconds according to a formula; 1 for all jobs of a stage without one."""
    of_pixels = ["pixels" in path.parts for path in job.outputs if path.suffix == ".h5"]
    sets, name, split = Counter(of_pixels), job.wildcards.get("dataset"), job.wildcards.get("split")
    try:
        return estimates.seconds(job.stage, str(name), split, sets[False], sets[True]) or 1.0
    except (KeyError, ValueError):
        return 1.0


def _more_steps(estimates: Estimates, job: Job) -> float:
    """Steps of a training now, as a multiple of those in its last log."""
    logs = [path for path in job.outputs if path.name == "log.csv" and path.is_file()]
    if job.stage != "train" or not job.planned or not logs:
        return 1.0
    last = logs[0].read_text("utf-8").rstrip().rpartition("\n")[2].partition(",")[0]
    now = estimates.recipe(job.wildcards["dataset"]).optimizer.steps
    return now / int(last) if last.isdecimal() and int(last) else 1.0


def _disk(plan: Plan, job: Job, image: Callable[[str], float | None]) -> float | None:
    """Bytes that a job will write, where a formula tells; `image` gives those of an image."""
    name = job.wildcards.get("dataset", "")
    counts = dict(plan.started.counts.get(name, {}))
    match job.stage:
        case "train" | "embed":
            if (sizes := sizes_by_settings(plan.estimates.recipe(name).backbone)) is None:
                return None
            if job.stage == "train":
                return 4.0 * sizes.weights
            files = [path for path in job.outputs if path.suffix == ".h5"]
            widths = {path: PIXELS if "pixels" in path.parts else sizes.width for path in files}
            return sum(counts[Split(path.stem)] * (4.0 * widths[path] + ID_BYTES) for path in files)
        case "anonymize" | "given" | "redraw":
            split = Split(job.wildcards["split"])
            shards = len(plan.started.experiment.shards(name, split, counts))
            each = image(name)
            return each and counts[split] / shards * (each + TAR_BYTES)
    return None


def _image_bytes(plan: Plan, name: str) -> float | None:
    """Mean bytes of a few images in the format of anonymized ones, which usually need less."""
    from anonbench.datasets.headers import page_to_read
    from anonbench.datasets.images import encode, max_bytes, read_file, read_image

    dataset, settings = plan.started.experiment.datasets[name], plan.started.settings
    limit, written = settings.detection.max_pixels, settings.anonymization
    some = drawn(plan.started.listings[name])
    sizes = []
    for path, number in zip(some["path"], page_numbers(some), strict=True):
        try:
            data = read_file(root_of(dataset) / path, max_bytes(limit))
            pixels = read_image(data, limit, page_to_read(data, number, dataset.pdf_dpi))
        except UnreadableImage:
            continue  # the manifest will skip and report it
        sizes.append(len(encode(pixels, written.format)))
    return float(np.mean(sizes)) if sizes else None


_RATES = (
    "≈: no job of {} was measured here, and rates that were seen elsewhere are counted. It may "
    "take half of that, or twice as long."
)
_COLUMNS = {"seconds": "time", "cpu_seconds": "CPU time", "gpu_seconds": "GPU time"}
_NAMED = 4  # stages that are listed individually


def as_data(plan: Plan, cores: int, gpus: float) -> dict[str, Any]:
    """Planned jobs with their costs, for a run with these cores and GPUs; what would stay gone."""
    jobs = costs(plan)
    seconds, grows = {job: cost.seconds for job, cost in jobs.items()}, 0.0
    for job, cost in jobs.items():
        replaced = sum(path.stat().st_size for path in job.outputs if path.is_file())
        grows += max(0.0, (cost.disk or 0.0) - replaced)
    return {
        "jobs": [
            {
                "job": job.label,
                "stage": job.stage,
                "wildcards": job.wildcards,
                "outputs": list(map(str, job.outputs)),
                **asdict(cost),
            }
            for job, cost in jobs.items()
        ],
        "cores": cores,
        "gpus": gpus,
        "wall_seconds": wall_seconds([*jobs], seconds, cores, gpus),
        "missing": list(map(str, plan.missing)),
        "disk_growth": grows,
        "disk_free": plan.free,
    }


def as_text(data: Mapping[str, Any]) -> str:
    """Format the planned jobs and their cost, by stage."""
    if not data["jobs"]:
        nothing = "Nothing would run: inputs, settings and code have not changed."
        return "\n".join([nothing, *missing(data)])
    jobs = pd.DataFrame(data["jobs"])
    parts = [*jobs.groupby("stage", sort=False), ("total", jobs)]
    table = pd.DataFrame.from_dict({name: _row(part) for name, part in parts}, orient="index")
    lines = [f"{count(len(jobs), 'job')} would run (snakemake -n says why):", ""]
    return "\n".join([*lines, table.to_string(), "", total(data), *missing(data)])


def missing(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for results that are gone and that no job would make again."""
    if gone := data["missing"]:
        named = gone[:_NAMED]
        more = f" and {len(gone) - _NAMED:,} more" if len(gone) > _NAMED else ""
        yield (
            f"GONE, and needed by no job that would run: {', '.join(named)}{more}. To make them "
            f"again: the same `anonbench run` with --forcerun {shlex.join(named)}"
        )


def _row(jobs: pd.DataFrame) -> dict[str, str]:
    sign = "" if (jobs["basis"] == "measured").all() else "≈ "
    sums = {head: jobs[column].sum() for column, head in _COLUMNS.items()}
    times = {head: (sign if seconds else "") + duration(seconds) for head, seconds in sums.items()}
    return {"jobs": str(len(jobs)), **times, "writes": _disk_space(jobs)}


def total(data: Mapping[str, Any]) -> str:
    """Total time and disk space of a plan, and the basis of the time."""
    jobs = pd.DataFrame(data["jobs"])
    text = f"About {duration(data['wall_seconds'])} with {count(data['cores'], 'core')}"
    if jobs["gpu_seconds"].any():
        text += f" and {count(round(data['gpus']), 'GPU')}"
    lines = [f"{text}; {_disk_space(jobs)} on disk."]
    if data["disk_free"] is not None and data["disk_growth"] > data["disk_free"]:
        lines.append(f"DISK TOO SMALL: {tqdm.format_sizeof(data['disk_free'], 'B')} are free.")
    if stages := sorted({*jobs["stage"][jobs["basis"] == "rates"]}):
        named = ", ".join(stages) if len(stages) <= _NAMED else f"{len(stages)} stages"
        lines.append(_RATES.format(named))
    return "\n".join(lines)


def _disk_space(jobs: pd.DataFrame) -> str:
    known = jobs["disk"].dropna().astype(float)
    size = tqdm.format_sizeof(known.sum(), "B") if len(known) else "?"
    return f"≥ {size}" if 0 < len(known) < len(jobs) else size
