"""One job of the detection stage: the images of a shard in, box table and images table out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.boxes import Region, box_table, write_boxes
from anonbench.config.detectors import Detection, DetectorName
from anonbench.detectors.base import Detector
from anonbench.detectors.registry import build
from anonbench.errors import UnreadableImage
from anonbench.files import write_parquet
from anonbench.images import read_image
from anonbench.progress import track

log = logging.getLogger(__name__)

IMAGE_COLUMNS = ["id", "status", "reason", "regions"]
BATCH_IMAGES = 32
BATCH_PIXELS = 64_000_000
"""No batch holds more, but for a single image that is larger."""
SUSPICIOUS = 100
"""Images in a row, from the first on, without any region that are worth a warning."""


@dataclass
class _Found:
    """What a shard's images gave so far."""

    regions: dict[str, list[Region]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def fail(self, image_id: str, reason: str) -> None:
        self.failures[image_id] = reason
        log.warning("image %s is left out: %s", image_id, reason)


def detect_shard(
    manifest: pd.DataFrame,
    root: Path,
    detectors: Sequence[DetectorName],
    settings: Detection,
    seed: int,
    boxes: Path,
    images: Path,
    threads: int = 1,
) -> None:
    """Find the sensitive regions of a shard's images.

    An image that cannot be read, or that a detector fails on, is recorded with the reason and has
    no regions; the others go on.

    Args:
        manifest: the shard's rows, with columns id and path (relative to `root`); may be empty.
        root: the data set's folder.
        detectors: whose regions are taken together.
        settings: of the detectors.
        seed: of the regions' draw order.
        boxes: the box table to write (Parquet, `anonbench.boxes.BOX_COLUMNS`).
        images: the images table to write: id, status (ok, empty, unreadable), reason, regions.
        threads: CPU threads of this process, for all engines.

    Raises:
        InputError: a detector's package or weights are missing.

    """
    found = _Found()
    if len(manifest):
        _limit_threads(threads, detectors)
        built = {name: build(name, settings, threads) for name in detectors}
        seen, warned = 0, False
        for batch in _batches(manifest, root, settings.max_pixels, found):
            _detect_batch(batch, built, found)
            seen += len(batch)
            if not warned and seen >= SUSPICIOUS:
                warned = _warn_if_nothing(found, detectors)
        if not warned:
            _warn_if_nothing(found, detectors)
    write_boxes(box_table(found.regions, seed), boxes)
    write_parquet(_image_table(manifest, found), images)


def _limit_threads(threads: int, detectors: Sequence[DetectorName]) -> None:
    if DetectorName.MTCNN in detectors:
        import torch

        torch.set_num_threads(threads)


def _batches(
    manifest: pd.DataFrame, root: Path, max_pixels: int, found: _Found
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the readable images by id, in batches of bounded size, in the order of ids."""
    batch: dict[str, np.ndarray] = {}
    pixels = 0
    ordered = manifest.sort_values("id")
    rows = zip(ordered["id"].astype(str), ordered["path"].astype(str), strict=True)
    for image_id, path in track(rows, len(ordered), "images searched"):
        try:
            image = read_image(root / path, max_pixels)
        except UnreadableImage as error:
            found.fail(image_id, str(error))
            continue
        size = image.shape[0] * image.shape[1]
        if batch and (len(batch) == BATCH_IMAGES or pixels + size > BATCH_PIXELS):
            yield batch
            batch, pixels = {}, 0
        batch[image_id] = image
        pixels += size
    if batch:
        yield batch


def _detect_batch(
    batch: Mapping[str, np.ndarray], detectors: Mapping[DetectorName, Detector], found: _Found
) -> None:
    """Run all detectors; where one fails on the batch, again image by image."""
    try:
        results = [detector.detect(list(batch.values())) for detector in detectors.values()]
    except Exception:  # whatever a foreign package raises: the images one by one tell which it is
        for image_id, image in batch.items():
            _detect_image(image_id, image, detectors, found)
        return
    for image_id, *regions in zip(batch, *results, strict=True):
        found.regions[image_id] = [region for part in regions for region in part]


def _detect_image(
    image_id: str, image: np.ndarray, detectors: Mapping[DetectorName, Detector], found: _Found
) -> None:
    regions: list[Region] = []
    for name, detector in detectors.items():
        try:
            regions += detector.detect([image])[0]
        except UnreadableImage as error:
            return found.fail(image_id, f"{name}: {error}")
        except Exception as error:
            # the exception's text is left out: it may quote the image's content
            return found.fail(image_id, f"{name} failed ({type(error).__name__})")
    found.regions[image_id] = regions
    return None


def _warn_if_nothing(found: _Found, detectors: Sequence[DetectorName]) -> bool:
    """Warn where no image so far has a region; return True either way."""
    if found.regions and not any(found.regions.values()):
        log.warning(
            "NOTHING FOUND in the first %d images by %s: are these the right detectors and "
            "thresholds for this data? Images without regions are not anonymized.",
            len(found.regions),
            ", ".join(detectors),
        )
    return True


def _image_table(manifest: pd.DataFrame, found: _Found) -> pd.DataFrame:
    """Return one row for each image of the shard, sorted by id."""
    rows = []
    for image_id in sorted(manifest["id"].astype(str)):
        count = len(found.regions.get(image_id, ()))
        reason = found.failures.get(image_id, "")
        status = "unreadable" if reason else "ok" if count else "empty"
        rows.append((image_id, status, reason, count))
    frame = pd.DataFrame(rows, columns=IMAGE_COLUMNS)
    return frame.astype({"id": str, "status": str, "reason": str, "regions": np.int32})
