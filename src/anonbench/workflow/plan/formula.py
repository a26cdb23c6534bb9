"""GPU time of trainings and embeddings like none that was measured, by formula.

Their FLOPs, over the GPU's peak and the share of it that trainings of ViT-L by others reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from anonbench.config import Recipe
from anonbench.config.experiment import Experiment
from anonbench.core.libraries.devices import model_name
from anonbench.core.vocabulary import Split, Variant
from anonbench.training.loop.flops import forward_flops, image_flops, peak_flops, sizes_by_settings
from anonbench.workflow.plan.jobs import Job, Plan

Precision = Literal["fp32", "bf16"]
Span = tuple[float, float]
"""From the least to the most."""
Change = Callable[[Recipe], Recipe]

ON_A100: Span = (0.30, 0.35)
"""Shares of the peak. DINOv2's ViT-L/14 and ViT-L/16 reached 31 and 34 % (Oquab et al. 2023: 3.3
days on 96 A100, "about a day" on 32)."""
ON_OTHERS: Span = (0.12, 0.35)
"""DINOv3's ViT-L/16 reached 13 % on H100 (0.57 s a step, by its config); the most is an A100's."""
REFERENCES = ("A100", "H100 or H200")
"""GPUs that a plan counts with where the machine has none."""
SMALLEST = 384
"""Width from which the shares are taken as a guide: smaller models keep no GPU busy."""
ACTIVATIONS_TWICE = 4 / 3
"""Time with `checkpoint_activations`: one forward pass more beside one and a backward pass."""
PUBLISHED_DROP_PATH = 0.3
"""DINOv2's stochastic depth in its short setting."""
PRETRAINED_STEPS = 0.1
"""Share of the steps that `shorter` lets a training from released weights take."""


class Device(NamedTuple):
    """A kind of GPU, and the share of its peak that is expected."""

    name: str
    share: Span

    def seconds(self, work: Work) -> Span:
        """Return the time of a job on one of these GPUs; several share it equally."""
        peak = peak_flops(self.name, work.precision)
        assert peak is not None  # `devices` knows no other
        least, most = (work.flops / (peak * share) for share in reversed(self.share))
        return least, most


@dataclass(frozen=True)
class Work:
    """What a job computes on GPUs."""

    images: float
    image_flops: float
    """With all that is computed twice."""
    precision: Precision

    @property
    def flops(self) -> float:
        """FLOPs of the whole job."""
        return self.images * self.image_flops


def devices() -> list[Device]:
    """Return the machine's kind of GPU; where it has none or an unknown one, the references."""
    here = model_name()
    names = REFERENCES if here is None or peak_flops(here, "bf16") is None else (here,)
    return [Device(name, ON_A100 if "A100" in name else ON_OTHERS) for name in names]


def work_of(plan: Plan, job: Job, change: Change | None = None) -> Work | None:
    """Return the work of a training or an embedding on GPUs, None of other jobs and backbones.

    Args:
        plan: what the job is in.
        job: the job.
        change: a function from its recipe to another one that is asked about.

    """
    if not job.gpus or job.stage not in {"train", "embed"}:
        return None
    recipe = plan.estimates.recipe(job.wildcards["dataset"])
    recipe = change(recipe) if change else recipe
    sizes = sizes_by_settings(recipe.backbone)
    if sizes is None or sizes.width < SMALLEST:
        return None
    if job.stage == "embed":
        return Work(embedded(plan, job), forward_flops(sizes, recipe.crops.global_size), "fp32")
    again = ACTIVATIONS_TWICE if recipe.checkpoint_activations else 1.0
    images = recipe.optimizer.steps * recipe.optimizer.batch_size
    return Work(images, again * image_flops(sizes, recipe), recipe.precision)


def embedded(plan: Plan, job: Job) -> int:
    """Return how many images a job embeds, each as often as it does."""
    counts = plan.started.counts[job.wildcards["dataset"]]
    return sum(counts[Split(path.stem)] for path in job.outputs if path.suffix == ".h5")


def side_by_side(jobs: Iterable[tuple[float, int]], gpus: int) -> float | None:
    """Return the seconds of independent jobs on so many GPUs, the longest first.

    Args:
        jobs: seconds and GPUs of each.
        gpus: how many there are; None is returned where a job needs more.

    """
    free = [0.0] * gpus
    for seconds, needed in sorted(jobs, reverse=True):
        if needed > gpus:
            return None
        free.sort()
        free[:needed] = [free[needed - 1] + seconds] * needed
    return max(free)


def shorter(plan: Plan, jobs: Sequence[Job], device: Device) -> list[tuple[str, float]]:
    """Return changes of the config that shorten trainings, and which share of the time is left."""

    def time(chosen: Sequence[Job], change: Change | None = None) -> float:
        works = (work_of(plan, job, change) for job in chosen)
        return sum(device.seconds(work)[1] for work in works if work)

    whole = time(jobs)
    found = [(name, time(jobs, change)) for name, change in _CHANGES.items()]
    found += [(name, time(left)) for name, left in _fewer(plan.started.experiment, jobs)]
    return [(name, seconds / whole) for name, seconds in found if seconds < whole]


def _let_blocks_leave_out(recipe: Recipe) -> Recipe:
    rate = max(PUBLISHED_DROP_PATH, recipe.backbone.drop_path)
    backbone = recipe.backbone.model_copy(update={"drop_path": rate})
    return recipe.model_copy(update={"backbone": backbone})


def _start_from_released(recipe: Recipe) -> Recipe:
    steps = recipe.optimizer.steps * (1.0 if recipe.backbone.pretrained else PRETRAINED_STEPS)
    optimizer = recipe.optimizer.model_copy(update={"steps": steps})
    return recipe.model_copy(update={"optimizer": optimizer})


_CHANGES: dict[str, Change] = {
    "precision: bf16": lambda recipe: recipe.model_copy(update={"precision": "bf16"}),
    "checkpoint_activations: false": lambda recipe: recipe.model_copy(
        update={"checkpoint_activations": False}
    ),
    f"backbone.drop_path: {PUBLISHED_DROP_PATH}": _let_blocks_leave_out,
    f"backbone.pretrained, with {PRETRAINED_STEPS:.0%} of optimizer.steps": _start_from_released,
}


def _fewer(experiment: Experiment, jobs: Sequence[Job]) -> Iterator[tuple[str, list[Job]]]:
    """Yield settings that leave less to be compared, and the trainings that are left."""
    seeds, controls = experiment.config.training_seeds, experiment.config.control_seeds
    if controls:
        yield "control_seeds: []", [x for x in jobs if int(x.wildcards["seed"]) not in controls]
    if len(seeds) > 1:
        others = seeds[1:]
        left = [job for job in jobs if int(job.wildcards["seed"]) not in others]
        yield f"training_seeds: [{seeds[0]}]", left
    for name, dataset in experiment.datasets.items():
        highest = max(dataset.degrees)
        left = [x for x in jobs if x.wildcards["dataset"] != name or _degree(x) >= highest]
        yield f"datasets.{name}.degrees: [{highest}]", left


def _degree(job: Job) -> float:
    """Return the degree that a training adapts to; infinity for an unadapted one."""
    variant = job.wildcards.get("anonymized")
    return Variant.parse(variant).degree if variant else math.inf
