"""Detection in one shard: its images in, a table of boxes and one of images out."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Blocks, Region, box_table, image_regions, with_blocks, write_boxes
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import write_parquet
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.jobs.work_cache import WorkCache, flushed_at_intervals
from anonbench.core.memory import memory_for
from anonbench.core.progress import track
from anonbench.core.registries.detectors import Detector
from anonbench.core.wording import count as counted
from anonbench.datasets.annotations.read import Correction, correct
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.formats.pages import page_of
from anonbench.datasets.images import read_original
from anonbench.detection import cache, search
from anonbench.detection.doubts import doubts_of
from anonbench.detection.reading import Original, read_batches
from anonbench.detection.text_search import with_text

log = logging.getLogger(__name__)

IMAGE_COLUMNS = ["id", "status", "reason", "regions", "doubts"]
DOUBTS = "image-doubts"  # name of the cache of doubts; no detector can have it
SUSPICIOUS = 100  # first images of a detector without any region that cause a warning


@dataclass(frozen=True)
class Job:
    """How a shard is searched."""

    root: Path  # the data set's folder
    detectors: Sequence[str]  # detectors whose regions are combined
    settings: Detection
    seed: int  # of the regions' draw order
    threads: int = 1  # CPU threads of this process: for reading, and for ONNX Runtime
    templates: Path | None = None  # folder of annotated templates
    boxes: Mapping[str, Sequence[Region]] = field(default_factory=dict)
    corrections: Mapping[str, Sequence[Correction]] = field(default_factory=dict)
    """The user's own regions, and corrections of all that is found, by image id."""
    keep_failed: bool = False
    """Whether an image on which a detector fails keeps the regions of the others."""
    kept: Sequence[Path] = ()
    """Prefixes of the paths of earlier findings; the first is also written. None: no cache."""


def detect_shard(manifest: pd.DataFrame, job: Job, boxes: Path, images: Path) -> None:
    """Find the sensitive regions of a shard's images, and write two tables.

    An image that cannot be read, or that a detector fails on, is recorded with the reason and has
    no regions (but see `Job.keep_failed`). Detectors are loaded only if there is an image that they
    have not searched before, or whose doubts are not known.

    Args:
        manifest: columns id, path (relative to the root), width, height, bytes and digest.
        job: everything else.
        boxes: the box table to write (Parquet, `anonbench.core.boxes.BOX_COLUMNS`).
        images: `IMAGE_COLUMNS` to write. The status is ok, empty, partial (a detector failed, and
            there are regions of others), failed (left out) or unreadable. Doubts are
            separated by semicolons.

    Raises:
        InputError: a detector's package or weights are missing.
        ChangedImage: a file is another one than the manifest describes.
    """
    shard = ShardSearch(job, manifest.sort_values("id"))
    shard.run()
    regions = shard.regions()
    write_boxes(box_table(regions, job.seed), boxes)
    write_parquet(shard.image_table(regions), images)


class ShardSearch:
    """A shard's images, each detector's findings in them, and failures."""

    def __init__(self, job: Job, manifest: pd.DataFrame) -> None:
        self._job = job
        self._rows = manifest.set_index(manifest["id"].astype(str))
        self._digests: dict[str, str] = dict(zip(self._rows.index, manifest["digest"], strict=True))
        # without detectors on pixels, images are still read: to learn which can be
        self._names = sorted({*job.detectors} - {"boxes"} or {"boxes"})
        kept = job.kept if self._digests else ()

        def opened(name: str, identity: Mapping[str, Any], schema: pa.Schema) -> WorkCache:
            files = [path.with_name(f"{path.name}.{name}.parquet") for path in kept]
            keys = self._digests.values()
            return WorkCache(next(iter(files), None), identity, schema, ["digest"], keys, files)

        own = job.settings, job.templates, search.share_lines(self._names)
        made = {name: cache.made_by(name, *own) for name in self._names if kept}
        self._caches = {n: opened(n, made.get(n, {}), cache.SCHEMA) for n in self._names}
        self._found = {name: cache.as_findings(each.table()) for name, each in self._caches.items()}
        """Findings by detector and digest of an image's file."""
        self._caches[DOUBTS] = opened(DOUBTS, cache.doubts_made_by(made), cache.DOUBT_SCHEMA)
        self._doubts: dict[str, str] = {
            row["digest"]: row["doubts"] for row in self._caches[DOUBTS].table().to_pylist()
        }
        """By digest. They depend on the findings of all detectors, but not on the user's own boxes
        and corrections, which say nothing of how an image was searched."""
        self._unreadable: dict[str, str] = {}  # reasons by image
        self._failed: dict[str, list[str]] = {}  # failures of detectors by image
        self._settled: set[str] = set()  # detectors that found something, or were warned of
        self._blocks: dict[str, tuple[Blocks, ...]] = {}
        self._detectors: dict[str, Detector] = {}

    def run(self) -> None:
        """Search the images that were not searched before."""
        job, count = self._job, len(self._digests)
        new = self._rows[[self._is_new(digest) for digest in self._digests.values()]]
        log.info("%d of %d images were searched before", count - len(new), count)
        batches = read_batches(new, job.root, job.settings.max_pixels, job.threads)
        with flushed_at_intervals(self.flush) as flush_if_due:
            for batch in track(batches, len(new), "images searched", len) if len(new) else ():
                with memory_for(sum(math.prod(image.pixels.shape[:2]) for image in batch)):
                    self.search(batch, flush_if_due)
                batch.clear()  # before the next images are read
        for name in self._names:
            self._warn_if_nothing(name)
        has_boxes = any(job.boxes.get(image_id) for image_id in self._digests)
        if "boxes" in job.detectors and count and not has_boxes:
            _warn_of_nothing(count, "boxes")

    def search(self, batch: list[Original], then: Callable[[], object] = lambda: None) -> None:
        """Search a batch, without images that cannot be read; `then` follows each detector.

        Raises:
            InputError: a detector cannot be loaded, or fails on all images.
        """
        self._blocks |= {image.id: image.blocks for image in batch}
        for image in batch:
            if image.problem:
                self._leave_out(image.id, image.problem)
        batch[:] = [image for image in batch if not image.problem]
        if not self._detectors and any(self._is_new(image.digest) for image in batch):
            job = self._job
            how = job.settings, job.threads, job.templates
            self._detectors = search.build_all(self._names, *how)
        for name, detector in self._detectors.items():
            self._detect(name, detector, batch)
            then()
        for image in batch:
            self._doubt(image)

    def flush(self) -> None:
        """Write the findings since the last call."""
        for each in self._caches.values():
            each.flush()

    def _is_searched(self, digest: str) -> bool:
        return all(digest in found for found in self._found.values())

    def _is_new(self, digest: str) -> bool:
        return digest not in self._doubts or not self._is_searched(digest)

    def _leave_out(self, image_id: str, problem: str) -> None:
        """Record an image that cannot be read."""
        self._unreadable[image_id] = problem
        log.warning("image %s is left out: %s", image_id, problem)

    def _doubt(self, image: Original) -> None:
        """Note the doubts about an image that every detector has searched."""
        if image.digest in self._doubts or not self._is_searched(image.digest):
            return
        said: list[str] = []
        if self._names != ["boxes"]:
            regions = [r for found in self._found.values() for r in found[image.digest]]
            kinds, speed = search.kinds_of(self._names), self._job.settings.speed
            said = doubts_of(image.pixels, regions, kinds, speed)
        self._doubts[image.digest] = "; ".join([*said, *image.doubts])
        row = {"digest": image.digest, "doubts": self._doubts[image.digest]}
        self._caches[DOUBTS].add(pa.Table.from_pylist([row], cache.DOUBT_SCHEMA))

    def _detect(self, name: str, detector: Detector, batch: Sequence[Original]) -> None:
        """Search the images of a batch that this detector has not searched.

        If it fails on all together, they are searched one by one.
        """
        known = self._found[name]
        new = [image for image in batch if image.digest not in known]
        if not new:
            return
        try:
            for image in new:
                search.require_light(name, image.pixels)
            answers = detector.detect([image.pixels for image in new])
            found = {image.digest: [*each] for image, each in zip(new, answers, strict=True)}
        except Exception:  # other packages may raise anything
            found = {}
            for image in new:
                try:
                    found[image.digest] = search.found_by(name, detector, image.pixels)
                except search.DetectorFailed as failure:
                    self._failed.setdefault(image.id, []).append(str(failure))
                    log.warning("image %s: %s", image.id, failure)
        text = {image.digest: (image.text, image.pixels) for image in new}
        found = {key: with_text(name, each, *text[key]) for key, each in found.items()}
        known |= found
        self._caches[name].add(cache.as_table(found))
        if len(known) >= SUSPICIOUS:
            self._warn_if_nothing(name)
        elif not known and len(self._failed) >= SUSPICIOUS:
            raise InputError(
                f"detector {name} failed on all of the first {len(self._failed)} images; the log "
                "says how: its package, its weights or the device is not right"
            )

    def _warn_if_nothing(self, name: str) -> None:
        """Warn once if no image so far has a region of this detector."""
        found = self._found[name].values()
        if name != "boxes" and name not in self._settled and found:
            self._settled.add(name)
            if not any(found):
                # beside others, one often has nothing to find: not all images show all kinds
                others = any(any(each.values()) for each in self._found.values())
                _warn_of_nothing(len(found), name, on_terminal=not others)

    def regions(self, ids: Iterable[str] | None = None) -> dict[str, list[Region]]:
        """Regions of used images (or those with `ids`), with corrections."""
        job = self._job
        united: dict[str, list[Region]] = {}
        unused: list[tuple[str, Correction]] = []
        for image_id in self._digests if ids is None else ids:
            if image_id in self._unreadable or (image_id in self._failed and not job.keep_failed):
                continue
            digest = self._digests[image_id]
            regions = [r for found in self._found.values() for r in found.get(digest, ())]
            regions += job.boxes.get(image_id, ())
            regions, more = correct(regions, job.corrections.get(image_id, ()))
            unused += [(image_id, correction) for correction in more]
            try:
                blocks = self._blocks_of(image_id) if regions else ()
                united[image_id] = with_blocks(regions, blocks)
            except UnreadableImage as error:  # found by an earlier version, and refused by this one
                self._leave_out(image_id, str(error))
        if unused:
            image_id, first = unused[0]
            text = f"{len(unused)} removals of the corrections match no region: none of theirs is "
            text += "there, or they overlap it by less than half; first row "
            warn_on_terminal(log, f"{text}{first.row}, {first.entity} (image {image_id})")
        return united

    def in_order(self, ids: Iterable[str]) -> dict[str, list[Region]]:
        """Regions of those images that can be used, in draw order."""
        found = self.regions(ids)
        ordered = image_regions(box_table(found, self._job.seed))
        return {image_id: ordered.get(image_id, []) for image_id in found}

    def image_table(self, regions: Mapping[str, Sequence[Region]]) -> pd.DataFrame:
        """One row an image, columns `IMAGE_COLUMNS`, sorted by id; see `regions`."""
        rows = []
        for image_id, digest in sorted(self._digests.items()):
            count = len(regions.get(image_id, ()))
            failed = "; ".join(self._failed.get(image_id, ()))
            reason = self._unreadable.get(image_id, failed)
            if image_id not in regions:
                status = "unreadable" if image_id in self._unreadable else "failed"
            else:
                status = "empty" if not count else "partial" if reason else "ok"
            rows.append((image_id, status, reason, count, self._doubts.get(digest, "")))
        frame = pd.DataFrame(rows, columns=IMAGE_COLUMNS)
        return frame.astype(dict.fromkeys(IMAGE_COLUMNS, str) | {"regions": np.int32})

    def _blocks_of(self, image_id: str) -> tuple[Blocks, ...]:
        """Blocks of an image's file; for cached findings, from its header."""
        if image_id not in self._blocks:
            place, size, digest = map(str, self._rows.loc[image_id, ["path", "bytes", "digest"]])
            data = read_original(image_id, self._job.root / place, int(size), digest)
            self._blocks[image_id] = coding_blocks(data, page_of(digest))
        return self._blocks[image_id]


def _warn_of_nothing(images: int, name: str, on_terminal: bool = True) -> None:
    text = f"NOTHING FOUND in the first {counted(images, 'image')} by {name}: is it the right "
    text += "detector for this data, with the right thresholds? Images without regions are not "
    text += "anonymized."
    if on_terminal:
        warn_on_terminal(log, text)
    else:
        log.warning("%s", text)
