"""A small archive with regions of its own, taken through detection as the workflow does."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from anonbench.config import Config, load
from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.datasets.listing import root_of
from anonbench.datasets.manifest import write_manifest
from anonbench.detection.gather import gather_boxes
from anonbench.detection.review.session import Review, review_run
from anonbench.detection.shard import Job, detect_shard
from anonbench.detection.user_annotations import match_user_file, read_user_regions, seen_images

NAME = "archive"
SIZE = (200, 120)


def make_archive(
    folder: Path, names: list[str], corrections: str | None = "corrections.csv", **more: Any
) -> Config:
    """Write images, their boxes (one each) and return the config; nothing is searched yet."""
    rows = ["path,entity,x0,y0,x1,y1"]
    for number, name in enumerate(names):
        pixels = np.full((SIZE[1], SIZE[0], 3), 235, np.uint8)
        pixels[20:40, 10 + number : 60 + number] = 40
        pixels[70:90, 100:160] = (30, 60, 30 + number)
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        rows.append(f"{name},text,{10 + number},20,{60 + number},40")
    (folder / "boxes.csv").write_text("\n".join([*rows, ""]))
    dataset: dict[str, Any] = {
        "layout": "folder",
        "path": str(folder / "images"),
        "split": {"validation": 0.5},
        "detectors": ["boxes"],
        "boxes": str(folder / "boxes.csv"),
    }
    if corrections is not None:
        dataset["corrections"] = str(folder / corrections)
    return load({"results": str(folder / "results"), "datasets": {NAME: dataset | more}})


def detect(config: Config) -> dict[str, list[Region]]:
    """Do what the rules manifest, match, detect and boxes do; return the regions by image."""
    dataset, folder = config.datasets[NAME], config.results / NAME
    manifest, duplicates = folder / "manifest.parquet", folder / "duplicates.csv"
    skipped = folder / "skipped.csv"
    told = (skipped, duplicates, folder / "converted.csv")
    write_manifest(NAME, dataset, 10**8, config.seed, manifest, *told)
    stored: dict[str, Path | None] = {"boxes": None, "corrections": None}
    for setting in stored:
        file = getattr(dataset, setting)
        if file is not None and file.exists():
            stored[setting] = folder / "annotations" / f"{setting}.parquet"
            source = config.seed, manifest, duplicates, stored[setting]
            seen = seen_images(file) if setting == "corrections" else {}
            match_user_file(setting, file, NAME, dataset, *source, seen)
    boxes, images = [], []
    for split, rows in pd.read_parquet(manifest).groupby("split"):
        own, corrected = read_user_regions(*stored.values(), only=set(rows["id"]))
        boxes.append(folder / f"detect/{split}/0.boxes.parquet")
        images.append(folder / f"detect/{split}/0.images.parquet")
        settings = root_of(dataset), dataset.detectors, config.detection, config.seed
        detect_shard(rows, Job(*settings, boxes=own, corrections=corrected), boxes[-1], images[-1])
    found = [folder / name for name in ("boxes.parquet", "all_skipped.csv", "counts.csv")]
    gather_boxes(manifest, skipped, boxes, images, True, *found)
    return image_regions(read_boxes(found[0]))


def review(config: Config, sample: int = 4) -> Review:
    """Begin a review, or go on with it."""
    file = config.datasets[NAME].corrections
    assert file is not None
    return review_run(config, NAME, file, sample, "anonbench run archive_boxes")
