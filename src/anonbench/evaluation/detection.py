"""Evaluation of a data set's detection: its quality, and the true area that stays in sight."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.affinity import scale

from anonbench.anonymization.geometry import regions_at
from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.numeric.clusters import clustered_draws
from anonbench.core.numeric.statistics import interval
from anonbench.core.vocabulary import Entity
from anonbench.detection import quality
from anonbench.detection.gather import read_outcomes

COLUMNS = ["degree", "entity", "visible_area", "low", "high", "images", "clusters"]
"""A row a degree and entity: the share of its true area that is not hidden, as a mean over `images`
with such regions, with a bootstrap interval over their `clusters`."""
_QUARTER = 32  # corners in a quarter of an ellipse's inscribed polygon: its area is underestimated


def visible_area(
    found: Mapping[str, Sequence[Region]],
    true: Mapping[str, Sequence[Region]],
    sizes: Mapping[str, quality.Size],
    degrees: Sequence[int],
    shapes: Mapping[str, str],
    margin: float,
    resamples: int,
    confidence: float,
    clusters: Mapping[Any, int] | None = None,
) -> pd.DataFrame:
    """True area outside of every hidden region at each degree, columns `COLUMNS`.

    What detectors miss, what a degree leaves out and what the corners of ellipses show are counted
    together, for the images of `true`. It is the same for every method: they hide the same pixels.
    Regions and sizes are by image id, the found ones in draw order; `shapes` says what of a region
    is hidden, by entity: `box`, `ellipse` or `image`; `margin` is the factor by which regions are
    grown. The bootstrap draws whole clusters (by image id; None: each image is one).
    """
    shares: dict[tuple[int, str], list[tuple[float, Any]]] = {}
    for image_id in sorted(true):
        size, cluster = sizes[image_id], image_id if clusters is None else clusters[image_id]
        regions = list(found.get(image_id, ()))
        hidden = _hidden(regions, size, shapes, margin)
        for entity in Entity:
            own = quality.outlines([each for each in true[image_id] if each.entity == entity], size)
            parts = shapely.get_parts(shapely.union_all(own))
            if (area := shapely.area(parts).sum()) > 0:
                for degree in degrees:
                    first = hidden[: regions_at(degree, len(regions))]
                    covered = min(float(quality.hidden_areas(parts, first).sum() / area), 1.0)
                    shares.setdefault((degree, str(entity)), []).append((1.0 - covered, cluster))
    rows = []
    for (degree, name), values in sorted(shares.items()):
        each, groups = map(np.array, zip(*values, strict=True))
        samples = clustered_draws(each[:, None], groups, resamples, "in sight")[:, 0]
        low, high = interval(samples, confidence)
        behind = len(each), len(np.unique(groups))
        rows.append((degree, name, float(each.mean()), low, high, *behind))
    return pd.DataFrame(rows, columns=COLUMNS)


def _hidden(
    regions: Sequence[Region], size: quality.Size, shapes: Mapping[str, str], margin: float
) -> np.ndarray:
    """Polygon that is hidden of each found region, object [N]."""
    corners = quality.stacked_corners(regions)
    middles = corners.mean(axis=1, keepdims=True)
    hidden = quality.hulls_inside(middles + margin * (corners - middles), size)
    for number, region in enumerate(regions):
        form = shapes.get(str(region.entity), "box")
        if form == "image":
            hidden[number] = shapely.box(0, 0, *size)
        elif form == "ellipse" and region.quad is None:
            radii = margin * (region.x1 - region.x0) / 2, margin * (region.y1 - region.y0) / 2
            circle = shapely.Point(*middles[number, 0]).buffer(1.0, quad_segs=_QUARTER)
            hidden[number] = shapely.intersection(scale(circle, *radii), shapely.box(0, 0, *size))
    return hidden


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
    clusters: pd.Series,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure a data set's boxes by its truth (`read_truth`), in the images that were searched.

    `images` are detection's outcome by shard; `hidden` has `degrees`, `margin` and `shape` of the
    data set's anonymization. Writes the tables of true `regions` and of images (`by_image`) as
    Parquet, `summarize_quality` (`summary`) and `visible_area` (`sight`) as CSV; the latter two are
    returned. Raises InputError if the truth cannot be read, or none of its images was searched.
    """
    outcome = read_outcomes(images)
    seen = outcome.loc[~outcome["status"].isin(["unreadable", "failed"]), "id"]
    rows = pd.read_parquet(manifest)
    rows = rows[rows["id"].isin(seen)]
    true = quality.read_truth(truth, rows, drawn)
    if not true:
        raise InputError(f"{truth}: none of its images could be searched")
    frame, sizes = read_boxes(boxes), quality.image_sizes(rows)
    found = image_regions(frame[frame["id"].isin(list(true))])
    of_regions, of_images = quality.measure(found, true, sizes)
    write_parquet(of_regions, regions)
    write_parquet(of_images, by_image)
    result = quality.summarize_quality(of_regions, of_images, resamples, confidence, clusters)
    write_csv(result, summary)
    how = (
        hidden["degrees"],
        hidden["shape"],
        hidden["margin"],
        resamples,
        confidence,
        clusters.to_dict(),
    )
    left = visible_area(found, true, sizes, *how)
    write_csv(left, sight)
    return result, left
