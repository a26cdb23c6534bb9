"""Disk by formula, against files as the jobs write them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.anonymization.shard import anonymize_shard
from anonbench.config import Recipe, load
from anonbench.config.experiment import Experiment
from anonbench.core.boxes import Region, box_table
from anonbench.core.vocabulary import Entity, Split, Variant
from anonbench.embedding.extract import write_untrained
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.workflow.plan_costs import costs
from anonbench.workflow.planned_jobs import Job, Plan
from image_sets import listed

IMAGES = 24
SIZES = {"width": 384, "depth": 2, "heads": 6, "patch": 16, "registers": 2}
RECIPE: dict[str, Any] = {"backbone": SIZES}


def draw(path: Path, seed: int) -> None:
    """Write a grainy page with shapes, another one for each seed, some larger."""
    random = np.random.default_rng(seed)
    height, width = (200, 150) if seed % 3 else (400, 300)
    page = np.full((height, width, 3), random.integers(120, 250), np.uint8)
    for _ in range(12):
        start, end = random.integers(0, min(height, width), (2, 2)).tolist()
        cv2.rectangle(page, start, end, random.integers(0, 256, 3).tolist(), -1)
    grain = random.normal(0, 3, page.shape)
    Image.fromarray((page + grain).clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def archive(tmp_path: Path, job: Callable[..., Job]) -> Callable[..., Plan]:
    """Return a function that plans the jobs of a small archive of real files."""
    paths = [f"{number:02d}.png" for number in range(IMAGES)]
    for number, path in enumerate(paths):
        draw(tmp_path / path, number)

    def make(*jobs: Job, images: int = IMAGES, **settings: Any) -> Plan:
        dataset = {"layout": "folder", "path": str(tmp_path), "recipe": "any"}
        dataset |= {"detectors": ["boxes"], "boxes": "own.csv", "degrees": [100]}
        config = load({"datasets": {"ids": dataset}, "recipes": {"any": RECIPE}} | settings)
        started: Any = SimpleNamespace(
            settings=config,
            experiment=Experiment(config),
            counts={"ids": dict.fromkeys(Split, images)},
            listings={"ids": pd.DataFrame({"path": paths})},
        )
        estimates: Any = SimpleNamespace(recipe=config.recipes["any"], seconds=lambda *of: 1.0)
        return Plan(jobs, started, {"ids": estimates})

    return make


def shard(folder: Path, plan: Plan, variant: str) -> int:
    """Write a shard of an archive with a face in each image; return its bytes."""
    manifest = listed(folder, plan.started.listings["ids"]["path"])
    ids = manifest["id"].tolist()
    boxes = box_table({each: [Region(Entity.FACE, 30, 30, 90, 110, 0.9)] for each in ids}, seed=0)
    images = pd.DataFrame({"id": ids, "status": "ok", "regions": 1})
    output = folder / "shard" / "0.tar"
    settings = plan.started.settings.anonymization
    kept = Variant.parse(variant)
    anonymize_shard(manifest, folder, boxes, images, kept, settings, False, output)
    return sum(file.stat().st_size for file in output.parent.iterdir())


def disk_of(plan: Plan, job: Job) -> float | None:
    disk = costs(plan)["disk"][job]
    return None if np.isnan(disk) else float(disk)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "format"), [("mask-100", "png"), ("blur-100", "jpeg"), ("pixelate-100", "png")]
)
def test_anonymized_images_take_what_is_said_or_a_third_less(
    tmp_path: Path, archive: Callable[..., Plan], job: Callable[..., Job], variant: str, format: str
) -> None:
    each = job(0, "anonymize")
    each.wildcards.update(split="val", variant=variant)  # type: ignore[attr-defined]
    plan = archive(each, anonymization={"format": format})
    said = disk_of(plan, each)
    assert said is not None
    assert 0.67 * said < shard(tmp_path, plan, variant) < 1.1 * said


def test_embeddings_and_backbones_take_what_is_said(
    tmp_path: Path, archive: Callable[..., Plan], job: Callable[..., Job]
) -> None:
    ids = [f"folder/{number:06d}" for number in range(500)]
    for stage, model, width in (("embed", "unadapted", 384), ("embed", "pixels", 3073)):
        files = [tmp_path / model / f"{split}.h5" for split in ("val", "train")]
        each = job(0, stage, outputs=files)
        said = disk_of(archive(each, images=500), each)
        for file in files:
            file.parent.mkdir(exist_ok=True)
            write_embeddings(file, Embeddings(ids, np.zeros((500, width), np.float32)))
        assert said == pytest.approx(sum(file.stat().st_size for file in files), rel=0.02)
    train = job(2)
    write_untrained(Recipe.model_validate(RECIPE), 0, tmp_path / "backbone.safetensors")
    written = (tmp_path / "backbone.safetensors").stat().st_size
    assert disk_of(archive(train), train) == pytest.approx(written, rel=0.12)


def test_images_that_cannot_be_read_are_passed_over(
    tmp_path: Path, archive: Callable[..., Plan], job: Callable[..., Job]
) -> None:
    each = job(0, "anonymize")
    each.wildcards["split"] = "val"  # type: ignore[index]
    plan = archive(each)
    paths = sorted(tmp_path.glob("*.png"))
    for path in paths[1:]:
        path.write_bytes(b"no image")
    one = disk_of(plan, each)
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    assert one is not None
    assert disk_of(plan, each) == one
    for path in paths:
        path.unlink()
    assert disk_of(plan, each) is None, "the images are not there"
