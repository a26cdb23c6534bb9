"""Expected cost of planned jobs, measured or from rates; the plan as data and as text."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
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


def costs(plan: Plan) -> pd.DataFrame:
    """Expected cost of each planned job.

    Returns:
        By job: seconds, cpu_seconds, gpu_seconds, their basis, and disk, the bytes that it writes
        (NaN if unknown). Basis `measured`: the job's own last run, else the median of its stage in
        the same data set, else of its stage, in proportion to the work. `rates`: of `Estimates`.
    """
    made = [all(path.exists() for path in job.outputs) for job in plan.jobs]
    sizes = [
        float(sum(path.stat().st_size for path in job.outputs)) if is_made else np.nan
        for job, is_made in zip(plan.jobs, made, strict=True)
    ]
    found = _times(plan.jobs, plan.estimates).assign(disk=_usual(plan.jobs, sizes))
    found.insert(2, "gpu_seconds", found["seconds"] * [job.gpus for job in plan.jobs])
    found = found.loc[plan.planned]
    image = cache(lambda name: _image_bytes(plan, name))
    unknown = found.index[found["disk"].isna()]
    found.loc[unknown, "disk"] = np.array([_disk(plan, job, image) for job in unknown], float)
    return found


def usual_seconds(
    jobs: Sequence[Job], estimates: Mapping[str, Estimates], cores: int | None, gpus: float | None
) -> tuple[dict[str, float], float]:
    """Median seconds of a job of each rule, and the mean number of jobs at once.

    That number is the planned jobs' seconds, by these medians, over the run's expected time.
    Without a number of cores, jobs run one after the other; without one of GPUs, one job has them.
    """
    seconds: Any = _times(jobs, estimates)["seconds"]
    usual: dict[str, float] = seconds.groupby([job.rule for job in jobs]).median().to_dict()
    planned = {job: each for job, each in seconds.items() if job.planned}
    gpus = gpus or max((job.gpus for job in planned), default=0.0)
    whole = wall_seconds(planned, cores or 1, gpus)
    return usual, sum(usual[job.rule] for job in planned) / whole if whole else 1.0


def _times(jobs: Sequence[Job], estimates: Mapping[str, Estimates]) -> pd.DataFrame:
    """Seconds, CPU seconds and basis of each job."""
    work = np.array([_work(estimates, job) for job in jobs])
    runs = [job.benchmark and read_usage(job.benchmark) for job in jobs]
    spent = [(run.seconds, run.cpu_seconds) if run else (np.nan, np.nan) for run in runs]
    done = work / [_more_steps(estimates, job) for job in jobs]
    rate, cpu_rate = (_usual(jobs, each / done) for each in np.reshape(spent, (-1, 2)).T)
    limits = np.array([60.0 * job.minutes or np.inf for job in jobs])
    # a short job, which mostly starts Python, predicts little about a long one
    most = np.where([run is not None for run in runs], np.inf, limits)
    threads = np.array([job.threads for job in jobs])
    # a system's other threads only read images ahead
    busy = [1 if job.stage in {"embed_system", "reidentify"} else job.threads for job in jobs]
    known, by_rates = rate.notna(), np.minimum(STARTED + work, limits)
    seconds = np.minimum(rate * work, most).where(known, by_rates)
    cpu_seconds = np.minimum(cpu_rate * work, most * threads).where(known, by_rates * busy)
    basis = np.where(known, "measured", "rates")
    return pd.DataFrame({"seconds": seconds, "cpu_seconds": cpu_seconds, "basis": basis})


def wall_seconds(seconds: Mapping[Job, float], cores: int, gpus: float) -> float:
    """Lower bound of the total time: the longest chain, or all work spread over all devices."""
    ends: dict[Job, float] = {}
    for job, own in seconds.items():
        ends[job] = own + max((ends.get(each, 0.0) for each in job.before), default=0.0)
    on_cores = sum(own * min(cores, job.threads) for job, own in seconds.items())
    on_gpus = sum(own * min(gpus, job.gpus) for job, own in seconds.items())
    return max(*ends.values(), on_cores / cores, on_gpus / (gpus or 1), 0.0)


def _usual(jobs: Sequence[Job], values: Sequence[float] | np.ndarray) -> pd.Series:
    """Each job's own value, or else the median of its data set's stage, or else of its stage."""
    index: Any = [*jobs]
    found = pd.Series(values, index, float)
    stages = np.array([job.stage for job in jobs], object)
    names = np.array([job.wildcards.get("dataset", "") for job in jobs], object)
    of_stage, of_dataset = found.groupby(stages), found.groupby([stages, names])
    return found.fillna(of_dataset.transform("median")).fillna(of_stage.transform("median"))


def _work(estimates: Mapping[str, Estimates], job: Job) -> float:
    """Seconds according to a formula; 1 for all jobs of a stage without one."""
    of_pixels = ["pixels" in path.parts for path in job.outputs if path.suffix == ".h5"]
    sets, split = Counter(of_pixels), job.wildcards.get("split")
    try:
        own = estimates[job.wildcards["dataset"]]
        return own.seconds(job.stage, split, sets[False], sets[True]) or 1.0
    except (KeyError, ValueError):
        return 1.0


def _more_steps(estimates: Mapping[str, Estimates], job: Job) -> float:
    """Steps of a training now, as a multiple of those in its last log."""
    logs = [path for path in job.outputs if path.name == "log.csv" and path.is_file()]
    if job.stage != "train" or not job.planned or not logs:
        return 1.0
    last = logs[0].read_text("utf-8").rstrip().rpartition("\n")[2].partition(",")[0]
    now = estimates[job.wildcards["dataset"]].recipe.optimizer.steps
    return now / int(last) if last.isdecimal() and int(last) else 1.0


def _disk(plan: Plan, job: Job, image: Callable[[str], float | None]) -> float | None:
    """Bytes that a job will write, where a formula tells; `image` gives those of an image."""
    name = job.wildcards.get("dataset", "")
    counts = dict(plan.started.counts.get(name, {}))
    match job.stage:
        case "train" | "embed":
            if (sizes := sizes_by_settings(plan.estimates[name].recipe.backbone)) is None:
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
    found: Any = costs(plan)
    rows = found.astype(object).where(found.notna(), None).to_dict("records")
    replaced = [sum(p.stat().st_size for p in job.outputs if p.is_file()) for job in found.index]
    return {
        "jobs": [
            {
                "job": job.label,
                "stage": job.stage,
                "wildcards": job.wildcards,
                "outputs": list(map(str, job.outputs)),
                **row,
            }
            for job, row in zip(found.index, rows, strict=True)
        ],
        "cores": cores,
        "gpus": gpus,
        "wall_seconds": wall_seconds(found["seconds"].to_dict(), cores, gpus),
        "missing": list(map(str, plan.missing)),
        "disk_growth": float((found["disk"].fillna(0.0) - replaced).clip(lower=0.0).sum()),
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
