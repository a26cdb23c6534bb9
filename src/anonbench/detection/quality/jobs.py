"""The jobs that evaluate detection: from the stages' files to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config.detectors import Detection
from anonbench.core.boxes import image_regions, read_boxes
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_parquet
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.detection.quality.in_sight import in_sight
from anonbench.detection.quality.quality import image_sizes, measure, read_truth, summarize_quality
from anonbench.detection.quality.review import least_certain
from anonbench.detection.quality.sweep import draw_sample, sweep


def read_outcomes(images: Sequence[Path]) -> pd.DataFrame:
    """Return the shards' images tables as one."""
    return pd.concat([pd.read_parquet(path) for path in images], ignore_index=True)


def searched(manifest: Path, images: Sequence[Path]) -> pd.DataFrame:
    """Return the manifest's rows of the images that could be searched, found in or not."""
    listed, outcome = pd.read_parquet(manifest), read_outcomes(images)
    seen = outcome.loc[~outcome["status"].isin(["unreadable", "failed"]), "id"]
    return listed[listed["id"].isin(seen)]


def evaluate_detection(
    manifest: Path,
    boxes: Path,
    images: Sequence[Path],
    truth: Path,
    drawn: bool,
    resamples: int,
    confidence: float,
    hidden: Mapping[str, Any],
    regions: Path,
    by_image: Path,
    summary: Path,
    sight: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure a data set's boxes by its truth.

    Args:
        manifest: the data set's.
        boxes: what was found.
        images: detection's outcome by shard. Images that could not be searched are left out.
        truth: see `read_truth`.
        drawn: whether the truth is the demo's own.
        resamples: of the intervals.
        confidence: of the intervals.
        hidden: `degrees`, `margin` and `shape` of the data set's anonymization.
        regions: the table of true regions to write.
        by_image: the table of images to write.
        summary: the summary to write, as CSV.
        sight: what of the truth stays in sight, to write as CSV.

    Returns:
        The summary (`summarize_quality`), and what stays in sight (`in_sight`).

    Raises:
        InputError: the truth cannot be read, or none of its images was searched.

    """
    rows = searched(manifest, images)
    true = read_truth(truth, rows, drawn)
    if not true:
        raise InputError(f"{truth}: none of its images could be searched")
    frame = read_boxes(boxes)
    found = image_regions(frame[frame["id"].isin(list(true))])
    of_regions, of_images = measure(found, true, image_sizes(rows))
    write_parquet(of_regions, regions)
    write_parquet(of_images, by_image)
    result = summarize_quality(of_regions, of_images, resamples, confidence)
    write_csv(result, summary)
    left = in_sight(
        found,
        true,
        image_sizes(rows),
        hidden["degrees"],
        hidden["shape"],
        hidden["margin"],
        resamples,
        confidence,
    )
    write_csv(left, sight)
    return result, left


def sweep_dataset(
    manifest: Path,
    images: Sequence[Path],
    truth: Path,
    drawn: bool,
    root: Path,
    detectors: Sequence[str],
    settings: Detection,
    count: int,
    thresholds: Sequence[float],
    output: Path,
) -> None:
    """Vary the detectors' thresholds on a sample of the images whose truth is known.

    Args:
        manifest: the data set's.
        images: detection's outcome by shard.
        truth: see `read_truth`.
        drawn: whether the truth is the demo's own.
        root: the folder that the manifest's paths are relative to.
        detectors: the data set's.
        settings: of the detectors.
        count: images in the sample.
        thresholds: see `anonbench.detection.quality.sweep.sweep`.
        output: the CSV to write.

    Raises:
        InputError: the truth cannot be read.

    """
    rows = searched(manifest, images)
    true = read_truth(truth, rows, drawn)
    rows = rows[rows["id"].isin(draw_sample(true, count))]
    write_csv(sweep(rows, root, detectors, settings, true, thresholds), output)


def review_dataset(
    manifest: Path, boxes: Path, images: Sequence[Path], most: int, output: Path
) -> None:
    """List the images to look at, see `least_certain`, with their neutral numbers."""
    listed = pd.read_parquet(manifest, columns=["id", "path", "split"])
    scores = pd.read_parquet(boxes, columns=["id", "score"])
    table = least_certain(listed, read_outcomes(images), scores, most)
    table.insert(1, "number", Names.of(manifest).images(table["id"], manifest))
    write_csv(table, output)
