"""A detector's score threshold, varied: rightly and wrongly hidden area at each value.

Detection runs once, at the lowest threshold; regions below a higher one are dropped afterwards.
This gives the same as a run at the higher one: each of these thresholds is the last step of its
detector, and a region is suppressed only by better ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.io import scratch_folder
from anonbench.core.numeric.seeding import hash_int
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import kind_named
from anonbench.detection.quality.quality import (
    ALL,
    COVERAGES,
    Size,
    image_sizes,
    measure,
)
from anonbench.detection.shard import Job, detect_shard

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
"""Score thresholds that are compared, in addition to the one in use."""
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
) -> pd.DataFrame:
    """Detect at the lowest threshold and measure at all, each detector by itself.

    Detectors without a threshold are passed over; the threshold in use is measured, too.
    """
    sizes = image_sizes(manifest)
    parts = [pd.DataFrame(columns=SWEEP_COLUMNS)]
    for name in detectors:
        in_use = threshold_of(name, settings)
        if in_use is not None:
            steps = sorted({*THRESHOLDS, in_use})
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

    The result has threshold, entity, images, regions (true ones), covered (mean share of a region's
    area that is hidden), recalls at `COVERAGES` and false_area (mean over all images).
    """
    rows = []
    for threshold in thresholds:
        least = np.float32(threshold)  # scores are kept in single precision
        kept = {name: [r for r in found.get(name, ()) if r.score >= least] for name in sizes}
        regions, images = measure(kept, {name: true[name] for name in sizes}, sizes)
        false = images.loc[images["entity"] == ALL, "false_area"].to_numpy(float)
        for entity in Entity:
            hidden = regions.loc[regions["entity"] == entity, "covered"].to_numpy(float)
            if len(hidden):
                point = {"threshold": threshold, "entity": str(entity), "images": len(false)}
                point |= {"regions": len(hidden), "covered": float(hidden.mean())}
                recalls = {f"recall_{round(100 * c)}": (hidden >= c).mean() for c in COVERAGES}
                rows.append(point | recalls | {"false_area": float(false.mean())})
    return pd.DataFrame(rows)
