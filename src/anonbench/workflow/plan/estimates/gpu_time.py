"""GPU time of planned trainings and embeddings by formula.

For jobs without a measured counterpart: their FLOPs, divided by the GPU's peak and the share of it
that trainings of ViT-L reached, published ones and this project's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pandas as pd

from anonbench.core.libraries.devices import model_name
from anonbench.core.vocabulary import Split
from anonbench.core.wording import count
from anonbench.training.loop.flops import forward_flops, image_flops, peak_flops, sizes_by_settings
from anonbench.workflow.plan.jobs import Job, Plan

Span = tuple[float, float]
"""Lower and upper end of a range."""

ON_A100: Span = (0.30, 0.35)
"""Shares of the peak. DINOv2's ViT-L/14 and ViT-L/16 reached 31 and 34 % (Oquab et al. 2023: 3.3
days on 96 A100, "about a day" on 32)."""
ON_HOPPER: Span = (0.30, 0.37)
"""This project's training of ViT-L/16 reached 34 to 37 % on an H200, at 128 to 256 images a step
(`benchmarks/gpu.py`). The least leaves room for smaller batches."""
ON_OTHERS: Span = (0.12, 0.37)
"""DINOv3's ViT-L/16 reached 13 % on 32 H100 (0.57 s a step, by its config)."""
REFERENCES = ("A100", "H100 or H200")
"""GPUs assumed by a plan if the machine has none."""
COUNTS = (1, 4, 8)
"""Numbers of GPUs over which the jobs are spread, besides the requested number."""
SMALLEST = 384
"""Width from which the shares apply: smaller models keep no GPU busy."""
ACTIVATIONS_TWICE = 4 / 3
"""Factor of the time with `checkpoint_activations`: one extra forward pass."""
_HOUR, _DAYS = 3600.0, 72.0
"""Seconds of an hour; hours from which days are shown."""


@dataclass(frozen=True)
class Work:
    """Computation of a job on GPUs."""

    images: float
    image_flops: float
    """FLOPs of one image, including everything that is recomputed."""
    precision: Literal["fp32", "bf16"]

    @property
    def flops(self) -> float:
        """FLOPs of the whole job."""
        return self.images * self.image_flops


class Device(NamedTuple):
    """A kind of GPU, and the expected share of its peak."""

    name: str
    share: Span

    def seconds(self, work: Work) -> Span:
        """Time of a job on one of these GPUs; several share it equally."""
        peak = peak_flops(self.name, work.precision)
        assert peak is not None  # `devices` knows no other
        least, most = (work.flops / (peak * share) for share in reversed(self.share))
        return least, most


def devices() -> list[Device]:
    """The machine's kind of GPU, or the reference GPUs if it has none or an unknown one."""
    here = model_name()
    names = REFERENCES if here is None or peak_flops(here, "bf16") is None else (here,)
    return [Device(name, _share(name)) for name in names]


def _share(name: str) -> Span:
    if "A100" in name:
        return ON_A100
    return ON_HOPPER if "H100" in name or "H200" in name else ON_OTHERS


def work_of(plan: Plan, job: Job) -> Work | None:
    """Work of a training or embedding on GPUs; None for other jobs and unknown backbones."""
    if not job.gpus or job.stage not in {"train", "embed"}:
        return None
    recipe = plan.estimates.recipe(job.wildcards["dataset"])
    sizes = sizes_by_settings(recipe.backbone)
    if sizes is None or sizes.width < SMALLEST:
        return None
    if job.stage == "embed":
        return Work(embedded(plan, job), forward_flops(sizes, recipe.crops.global_size), "fp32")
    again = ACTIVATIONS_TWICE if recipe.checkpoint_activations else 1.0
    images = recipe.optimizer.steps * recipe.optimizer.batch_size
    return Work(images, again * image_flops(sizes, recipe), recipe.precision)


def embedded(plan: Plan, job: Job) -> int:
    """Number of images that a job embeds, counting repetitions."""
    counts = plan.started.counts[job.wildcards["dataset"]]
    return sum(counts[Split(path.stem)] for path in job.outputs if path.suffix == ".h5")


def gpu_time(
    plan: Plan, jobs: Sequence[Job], measured: Mapping[Job, float], gpus: float
) -> dict[str, Any] | None:
    """GPU work of jobs and its time in hours, each as a range.

    None if no job trains or embeds on GPUs with a backbone of known size. `measured` has the GPU
    seconds of jobs that need no formula.
    """
    works = {job: work for job in jobs if (work := work_of(plan, job))}
    if not works:
        return None
    stages = sorted({job.stage for job in works}, reverse=True)  # trainings first
    of_stage = {stage: [job for job in works if job.stage == stage] for stage in stages}
    counts = sorted({*COUNTS, *([round(gpus)] if gpus >= 1 else [])})

    def times(device: Device | None) -> dict[str, Any]:
        spans = {job: (seconds, seconds) for job, seconds in measured.items()}
        spans |= {job: device.seconds(works[job]) for job in works if device and job not in spans}
        ends = [{job: spans[job][end] / _HOUR for job in works} for end in (0, 1)]
        alone = [[(hours[job] / job.gpus, int(job.gpus)) for job in works] for hours in ends]
        return {
            "device": device.name if device else "measured here",
            "share": device.share if device else None,
            "gpu_hours": {
                stage: [sum(hours[job] for job in each) for hours in ends]
                for stage, each in of_stage.items()
            },
            "wall_hours": {n: [side_by_side(each, n) for each in alone] for n in counts},
        }

    return {
        "stages": [
            {
                "stage": stage,
                "jobs": len(each),
                "images": sum(works[job].images for job in each),
                "flops": sum(works[job].flops for job in each),
                "precision": sorted({works[job].precision for job in each}),
            }
            for stage, each in of_stage.items()
        ],
        "devices": [*map(times, [None] if works.keys() <= measured.keys() else devices())],
    }


def side_by_side(jobs: Iterable[tuple[float, int]], gpus: int) -> float | None:
    """Total time of independent jobs (time and GPUs of each) on some GPUs, longest first.

    None if a job needs more GPUs.
    """
    free = [0.0] * gpus
    for time, needed in sorted(jobs, reverse=True):
        if needed > gpus:
            return None
        free.sort()
        free[:needed] = [free[needed - 1] + time] * needed
    return max(free)


def gpu_time_lines(data: Mapping[str, Any] | None) -> list[str]:
    """Lines of a plan about GPU time; empty if there is nothing to report."""
    if data is None:
        return []
    lines = ["", "On GPUs (docs/reference/gpu-time.md says what is assumed):"]
    lines += [
        f"  {each['stage']}: {each['jobs']:,} × {each['images'] / each['jobs']:,.0f} images × "
        f"{each['flops'] / each['images'] / 1e12:.3g} TFLOP in {' and '.join(each['precision'])}"
        for each in data["stages"]
    ]
    rows = {each["device"]: _row(each) for each in data["devices"]}
    lines += ["", pd.DataFrame.from_dict(rows, orient="index").to_string()]
    return lines


def _row(device: Mapping[str, Any]) -> dict[str, str]:
    shown = {}
    if device["share"]:
        shares = "–".join(f"{100 * part:.0f}" for part in device["share"])
        shown["share of peak"] = f"{shares} %"
    shown |= {f"{stage}, GPU h": _span(*hours) for stage, hours in device["gpu_hours"].items()}
    for number, (least, most) in device["wall_hours"].items():
        if most is None:
            text = "too few"
        elif most < _DAYS:
            text = f"{_span(least, most)} h"
        else:
            text = f"{_span(least / 24, most / 24)} days"
        shown[f"on {count(number, 'GPU')}"] = text
    return shown


def _span(least: float, most: float) -> str:
    """Format a range to two digits, or one number if both ends look the same."""
    ends = [f"{float(f'{end:.2g}'):,.10g}" for end in (least, most)]
    return "–".join(dict.fromkeys(ends))
