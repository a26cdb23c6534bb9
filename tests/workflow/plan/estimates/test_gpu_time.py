"""GPU time by formula: against published trainings, and by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from anonbench.config import Recipe, load
from anonbench.config.experiment import Experiment
from anonbench.config.resources import Estimates
from anonbench.core.jobs.job_cache import ResourceUsage
from anonbench.core.vocabulary import Split
from anonbench.training.loop.flops import image_flops, sizes_by_settings
from anonbench.workflow.plan import costs as costs_module
from anonbench.workflow.plan.costs import costs
from anonbench.workflow.plan.estimates import gpu_time as formula
from anonbench.workflow.plan.estimates.gpu_time import (
    Device,
    Work,
    devices,
    gpu_time,
    gpu_time_lines,
    side_by_side,
    work_of,
)
from anonbench.workflow.plan.jobs import Job, Plan

DAY = 86_400.0
COUNTS = {Split.TRAIN: 1000, Split.VAL: 200}
IMAGE = 1.153e12
"""FLOPs of an image in the paper's recipe: 1.14e12 of ViT-L and 1 % of the heads."""


@pytest.fixture
def paper(root: Path, job: Callable[..., Job], tmp_path: Path) -> Callable[..., Plan]:
    """Return a function that plans the paper's trainings, of DINOv2's published length, and an
    embedding job of each model.
    """

    def make(seeds: list[int] | None = None, **recipe: Any) -> Plan:
        values = yaml.safe_load((root / "config/paper.yaml").read_text(encoding="utf-8"))
        values |= {"results": str(tmp_path)} | ({"training_seeds": seeds} if seeds else {})
        values["recipes"]["vit_large"] |= {"optimizer": {"accumulate": 16}} | recipe
        experiment = Experiment(load(values))
        counts: Any = dict.fromkeys(experiment.datasets, COUNTS)
        estimates = Estimates(experiment, counts)
        jobs = []
        for name in experiment.datasets:
            gpus = float(estimates.training_gpus(name))
            for number, (model, seed) in enumerate(experiment.trainings(name)):
                wildcards = {"dataset": name, "seed": str(seed)}
                if model.variant.method:
                    wildcards["anonymized"] = str(model.variant)
                files = [Path(f"none/{name}/{number}/{split}.h5") for split in ("val", "train")]
                train = job(number, gpus=gpus, threads=8)
                embed = job(number, "embed", outputs=files, gpus=min(gpus, 1.0))
                for each in (train, embed):
                    each.wildcards.clear()  # type: ignore[attr-defined]
                    each.wildcards.update(wildcards)  # type: ignore[attr-defined]
                jobs += [train, embed]
        started: Any = SimpleNamespace(
            settings=experiment.config, experiment=experiment, counts=counts, listings={}
        )
        return Plan(jobs, started, estimates)

    return make


def known(plan: Plan) -> dict[Job, float]:
    """Return the GPU seconds of jobs whose kind has run here, as the plan's report does."""
    found = costs(plan).items()
    return {job: cost.gpu_seconds for job, cost in found if cost.basis == "measured"}


@pytest.mark.parametrize(
    ("recipe", "gpus", "days"),
    [
        ({"backbone": {"name": "vit_large_patch16_224"}}, 32, 1.0),  # "about a day"
        (
            {
                "preset": "long",
                "backbone": {"name": "vit_large_patch14_dinov2", "drop_path": 0.4},
                "crops": {"local_size": 98},
            },
            96,
            3.3,
        ),
    ],
)
def test_published_trainings_on_a100_lie_within_the_range(
    recipe: dict[str, Any], gpus: int, days: float
) -> None:
    """DINOv2's short and long setting (Oquab et al. 2023)."""
    made = Recipe.model_validate(recipe)
    sizes, optimizer = sizes_by_settings(made.backbone), made.optimizer
    assert sizes is not None
    images = optimizer.steps * optimizer.batch_size
    work = Work(images, image_flops(sizes, made), "bf16")
    least, most = (
        seconds / gpus / DAY for seconds in Device("A100", formula.ON_A100).seconds(work)
    )
    assert least < days < most < 1.2 * least


def test_dinov3_on_h100_lies_within_the_range() -> None:
    """0.57 s for a step of 2,048 images on 32 GPUs."""
    least, most = Device("H100", formula.ON_OTHERS).seconds(Work(2048, 1.14e12, "bf16"))
    assert least / 32 < 0.57 < most / 32


@pytest.mark.parametrize(("batch", "rate"), [(128, 306.0), (192, 308.5), (256, 313.9)])
def test_this_projects_training_on_h200_lies_within_the_range(batch: int, rate: float) -> None:
    """Images/s of `benchmarks/gpu.py` on an NVIDIA H200."""
    work = Work(batch, 1.154e12, "bf16")
    least, most = Device("H200", formula.ON_HOPPER).seconds(work)
    assert least < batch / rate < most


def test_the_papers_trainings(paper: Callable[..., Plan]) -> None:
    plan = paper()
    works = [work for job in plan.jobs if (work := work_of(plan, job)) and job.stage == "train"]
    assert len(works) == 57
    assert {work.images for work in works} == {125_000 * 2048}
    assert {work.precision for work in works} == {"bf16"}
    assert works[0].image_flops == pytest.approx(IMAGE, rel=2e-3)
    found = gpu_time(plan, plan.jobs, known(plan), 1.0)
    assert found is not None
    a100, hopper = found["devices"]
    hours = 57 * 256e6 * IMAGE / 312e12 / 3600
    assert a100["gpu_hours"]["train"] == pytest.approx([hours / 0.35, hours / 0.30], rel=2e-3)
    hours *= 312 / 989
    assert hopper["gpu_hours"]["train"] == pytest.approx([hours / 0.37, hours / 0.30], rel=2e-3)
    # 57 on 8 GPUs: eight rounds, and the embeddings take a few minutes in fp32
    one = 256e6 * IMAGE / (312e12 * 0.35) / 3600
    assert a100["wall_hours"][8][0] == pytest.approx(8 * one, rel=3e-3)
    assert a100["wall_hours"][4][0] == pytest.approx(15 * one, rel=3e-3)
    embedded = 57 * 1200 * 123.1e9 / (19.5e12 * 0.35) / 3600
    assert a100["gpu_hours"]["embed"][0] == pytest.approx(embedded, rel=1e-3)


def test_what_the_plan_says(paper: Callable[..., Plan]) -> None:
    plan = paper()
    text = "\n".join(gpu_time_lines(gpu_time(plan, plan.jobs, known(plan), 1.0)))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "train: 57 × 256,000,000 images × 1.15 TFLOP in bf16" in lines
    assert "embed: 57 × 1,200 images × 0.123 TFLOP in fp32" in lines
    (a100,) = [line for line in lines if line.startswith("A100")]
    assert a100.startswith("A100 30–35 % 43,000–50,000 0.34–0.4 1,800–2,100 days")


def test_a_job_on_many_gpus_needs_them_and_asked_for_gpus_are_shown(
    paper: Callable[..., Plan],
) -> None:
    plan = paper(gpus=8, optimizer={"accumulate": 2})
    found = gpu_time(plan, plan.jobs, known(plan), 16.0)
    assert found is not None
    walls = found["devices"][0]["wall_hours"]
    assert walls[4] == [None, None]
    one = 256e6 * IMAGE / (312e12 * 0.35) / 3600 / 8
    assert walls[8][0] == pytest.approx(57 * one, rel=3e-3)
    assert walls[16][0] == pytest.approx(29 * one, rel=3e-3)
    assert "too few" in "\n".join(gpu_time_lines(found))


def test_costs_take_the_most_on_the_first_gpu_of_the_list(paper: Callable[..., Plan]) -> None:
    plan = paper(gpus=8, optimizer={"accumulate": 2})
    train = plan.jobs[0]
    cost = costs(plan)[train]
    assert cost.basis == "formula"
    assert cost.seconds == pytest.approx(256e6 * IMAGE / (312e12 * 0.30) / 8, rel=2e-3)
    assert cost.gpu_seconds == pytest.approx(8 * cost.seconds)


def benchmarked(plan: Plan, stages: set[str]) -> Plan:
    """Return a plan in which jobs of some stages have been measured."""
    jobs = [
        replace(job, benchmark=Path(f"{job.stage}.tsv")) if job.stage in stages else job
        for job in plan.jobs
    ]
    return replace(plan, jobs=jobs)


def test_what_was_measured_is_not_estimated(
    paper: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = benchmarked(paper(), {"train", "embed"})
    usage = {"train.tsv": 7200.0, "embed.tsv": 360.0}
    monkeypatch.setattr(
        costs_module, "read_usage", lambda path: ResourceUsage(usage[path.name], 0.0, 0.0)
    )
    found = gpu_time(plan, plan.jobs, known(plan), 1.0)
    assert found is not None
    (measured,) = found["devices"]
    assert measured["device"] == "measured here"
    assert measured["gpu_hours"]["train"] == pytest.approx([114.0, 114.0])
    assert measured["wall_hours"][1] == pytest.approx([114.0 + 5.7] * 2)
    assert "measured here 110 5.7 5 days 30 h 16 h" in " ".join(
        "\n".join(gpu_time_lines(found)).split()
    )


def test_a_measured_stage_stays_measured_beside_an_estimated_one(
    paper: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = benchmarked(paper(), {"embed"})
    monkeypatch.setattr(costs_module, "read_usage", lambda path: ResourceUsage(360.0, 0.0, 0.0))
    found = gpu_time(plan, plan.jobs, known(plan), 1.0)
    assert found is not None
    assert [each["device"] for each in found["devices"]] == ["A100", "H100 or H200"]
    hours = [each["gpu_hours"] for each in found["devices"]]
    assert [each["embed"] for each in hours] == [pytest.approx([5.7, 5.7])] * 2
    assert hours[0]["train"][0] < hours[0]["train"][1]


@pytest.mark.parametrize(
    "recipe",
    [
        {"device": "cpu"},
        {"backbone": {"width": 192, "heads": 3}},  # keeps no GPU busy
        {"backbone": {"name": "vit_so400m_patch14_siglip_224"}, "crops": {"local_size": 98}},
    ],
)
def test_nothing_is_said_of_other_trainings(
    paper: Callable[..., Plan], recipe: dict[str, Any]
) -> None:
    plan = paper(**recipe)
    found = costs(plan)
    on_cores = recipe.get("device") == "cpu"
    assert {cost.basis for cost in found.values()} == {"rates" if on_cores else "limit"}
    assert gpu_time_lines(gpu_time(plan, plan.jobs, known(plan), 1.0)) == []


def test_the_machines_own_gpu_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "NVIDIA A100-SXM4-80GB": formula.ON_A100,
        "NVIDIA H100 80GB HBM3": formula.ON_HOPPER,
        "NVIDIA L40S": formula.ON_OTHERS,
    }
    for name, share in names.items():
        monkeypatch.setattr(formula, "model_name", lambda name=name: name)
        assert devices() == [Device(name, share)]
    for unknown in (None, "NVIDIA H20"):
        monkeypatch.setattr(formula, "model_name", lambda unknown=unknown: unknown)
        assert [device.name for device in devices()] == ["A100", "H100 or H200"]


@pytest.mark.slow
def test_a_plan_is_made_without_torch() -> None:
    code = "import sys, anonbench.workflow.plan.report; sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_job_on_two_gpus_waits_until_both_are_free() -> None:
    assert side_by_side([(3.0, 2), (5.0, 1)], 2) == 8.0


@given(st.lists(st.floats(0.1, 100.0), min_size=1, max_size=30), st.integers(1, 9))
def test_jobs_side_by_side_fill_the_gpus_but_for_the_last_round(
    seconds: list[float], gpus: int
) -> None:
    ended = side_by_side([(each, 1) for each in seconds], gpus)
    least = max(*seconds, sum(seconds) / gpus, 0.0)
    assert ended is not None
    assert least <= ended * (1 + 1e-9)
    # Graham 1969, theorem of list scheduling: no GPU is idle while a job waits
    assert ended <= sum(seconds) / gpus + (1 - 1 / gpus) * max(seconds) + 1e-6
    all_gpus = side_by_side([(each, gpus) for each in seconds], gpus)
    assert all_gpus == pytest.approx(sum(seconds))
    assert side_by_side([(1.0, gpus + 1)], gpus) is None
