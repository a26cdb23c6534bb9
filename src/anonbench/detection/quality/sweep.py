"""A detector's score threshold, varied: rightly and wrongly hidden area at each value.

Detection runs once, at the lowest threshold; regions below a higher one are dropped afterwards.
This gives the same as a run at the higher one: each of these thresholds is the last step of its
detector, and a region is suppressed only by better ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.io import scratch_folder
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import kind_named
from anonbench.detection.quality.quality import (
    COVERAGES,
    Size,
    false_share,
    hidden_shares,
    image_sizes,
    outlines,
    union,
)
from anonbench.detection.shard import Job, detect_shard

SWEEP_COLUMNS = [
    *("detector", "entity", "threshold", "in_use", "images", "regions"),
    *("covered", *(f"recall_{round(100 * share)}" for share in COVERAGES), "false_area"),
]


def threshold_of(name: str, settings: Detection) -> float | None:
    """Return the score threshold that a detector is set to, or None where it has none."""
    kind = kind_named(name)
    if kind.score_threshold is None:
        return None
    value = getattr(settings.of(kind), kind.score_threshold)
    return float(value[-1] if isinstance(value, tuple) else value)


def with_threshold(name: str, settings: Detection, threshold: float) -> Detection:
    """Return the settings with a detector's score threshold changed; see `threshold_of`."""
    kind = kind_named(name)
    section, field = settings.of(kind), str(kind.score_threshold)
    old = getattr(section, field)
    new = (*old[:-1], threshold) if isinstance(old, tuple) else threshold
    changed: Detection = settings.model_copy(update={name: section.model_copy(update={field: new})})
    return changed


def draw_sample(ids: Iterable[str], count: int) -> list[str]:
    """Return `count` of the ids, the same ones on every machine, sorted."""
    return sorted(sorted(ids, key=lambda image_id: hash_int("quality", image_id))[:count])


def sweep(
    manifest: pd.DataFrame,
    root: Path,
    detectors: Sequence[str],
    settings: Detection,
    true: Mapping[str, Sequence[Region]],
    thresholds: Sequence[float],
) -> pd.DataFrame:
    """Detect at the lowest threshold and measure at all, each detector by itself.

    Args:
        manifest: rows of the images to look at, with the columns that `detect_shard` reads.
        root: the folder that paths are relative to.
        detectors: those without a threshold are passed over.
        settings: of the detectors; the threshold in use is measured, too.
        true: true regions by image id, at least of the manifest's.
        thresholds: in [0, 1].

    Returns:
        `SWEEP_COLUMNS`: a row a detector, threshold and true entity.

    """
    sizes = image_sizes(manifest)
    parts = [pd.DataFrame(columns=SWEEP_COLUMNS)]
    for name in detectors:
        in_use = threshold_of(name, settings)
        if in_use is not None:
            steps = sorted({*thresholds, in_use})
            found = _found(manifest, root, name, with_threshold(name, settings, steps[0]))
            rows = curve(found, true, sizes, steps)
            parts.append(rows.assign(detector=str(name), in_use=rows["threshold"] == in_use))
    filled = [part for part in parts if len(part)] or parts
    return pd.concat(filled, ignore_index=True)[SWEEP_COLUMNS]


def _found(
    manifest: pd.DataFrame, root: Path, name: str, settings: Detection
) -> dict[str, list[Region]]:
    with scratch_folder() as folder:
        boxes, images = folder / "boxes.parquet", folder / "images.parquet"
        detect_shard(manifest, Job(root, [name], settings, seed=0), boxes, images)
        return image_regions(read_boxes(boxes))


def curve(
    found: Mapping[str, Sequence[Region]],
    true: Mapping[str, Sequence[Region]],
    sizes: Mapping[str, Size],
    thresholds: Sequence[float],
) -> pd.DataFrame:
    """Measure the found regions with scores of at least each threshold, by true entity.

    Args:
        found: by image id.
        true: by image id, at least those of `sizes`.
        sizes: of the images that are measured.
        thresholds: in the order of the result.

    Returns:
        threshold, entity, images, regions (true ones), covered (mean share of a region's area that
        is hidden), recalls at `COVERAGES` and false_area (mean over all images).

    """
    shares: dict[tuple[float, str], list[np.ndarray]] = {}
    false: dict[float, list[float]] = {threshold: [] for threshold in thresholds}
    for image_id, size in sorted(sizes.items()):
        regions = found.get(image_id, ())
        scores = np.array([region.score for region in regions])
        shapes, true_shapes = outlines(regions, size), outlines(true[image_id], size)
        kinds = np.array([str(region.entity) for region in true[image_id]], dtype=object)
        whole, all_true = shapely.area(true_shapes) > 0, union(true_shapes)
        for threshold in thresholds:
            # scores are kept in single precision
            kept = shapes[scores >= np.float32(threshold)] if len(shapes) else shapes
            hidden = hidden_shares(true_shapes, kept)
            false[threshold].append(false_share(all_true, union(kept), size))
            for entity in Entity:
                mine = hidden[whole & (kinds == entity)]
                shares.setdefault((threshold, str(entity)), []).append(mine)
    rows = [
        _point(threshold, entity, parts, false[threshold])
        for (threshold, entity), parts in shares.items()
        if sum(map(len, parts))
    ]
    return pd.DataFrame(rows)


def _point(
    threshold: float, entity: str, parts: Sequence[np.ndarray], false: Sequence[float]
) -> dict[str, Any]:
    hidden = np.concatenate(parts)
    return {
        "threshold": threshold,
        "entity": entity,
        "images": len(false),
        "regions": len(hidden),
        "covered": float(hidden.mean()),
        **{f"recall_{round(100 * c)}": float((hidden >= c).mean()) for c in COVERAGES},
        "false_area": float(np.mean(false)),
    }
