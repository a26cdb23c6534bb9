"""One review: data for the page, and changes that it may make."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Config
from anonbench.core.boxes import BOX_COLUMNS, Region, image_regions
from anonbench.core.errors import ChangedImage, InputError
from anonbench.core.numeric.clusters import Rate
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.read import Correction, read_stored_corrections
from anonbench.datasets.annotations.rows import Images
from anonbench.datasets.formats.pages import page_of
from anonbench.datasets.images import encode, read_image, read_original
from anonbench.datasets.listing import read_source, root_of
from anonbench.datasets.manifest import left_out_copies, read_copies
from anonbench.detection.base import bounded
from anonbench.detection.doubts import seen_clearly
from anonbench.detection.review import changes, queue
from anonbench.detection.review.changes import key_of
from anonbench.detection.review.file import CorrectionsFile, Look, Record

LONGEST = 4096  # greatest side in pixels of an image sent to the page
_QUALITY = 92


class Conflict(InputError):  # noqa: N818 - a finding, not a failure
    """The image's state differs from the one that the page knows."""

    status = 409


class Gone(InputError):  # noqa: N818 - a finding, not a failure
    """The image's file is not the one that was searched."""

    status = 410


@dataclass(frozen=True)
class Reviewed:
    """Images that were searched, as a review needs them."""

    name: str  # for the page's title
    seed: int  # of the sample
    confidence: float
    max_pixels: int
    entries: list[queue.Entry]  # images to look at, in this order
    searched: set[str]  # ids of all images that the sample was drawn from
    unreadable: int  # images that cannot be shown, as they were not read or searched
    found: dict[str, list[Region]]
    """Findings in the images of the queue and in those reviewed before, by id."""
    applied: dict[str, list[Correction]]  # corrections that the last run applied to them
    digests: dict[str, str]
    images: Images  # images that corrections may name
    twins: dict[str, list[str]]  # ids of the images of equal bytes, by id
    read: Callable[[queue.Entry], bytes]
    """Bytes of an original; raises ChangedImage if it was changed or removed."""
    gone: int = 0  # images that cannot be shown, as their originals are gone


def review_run(config: Config, name: str, corrections: Path, sample: int, target: str) -> Review:
    """Begin or go on with the review of the data set `name` of a run.

    `corrections` is the file that is written, `sample` the images in the random sample, `target`
    the command that makes detection's results, for messages. InputError where a result or file is
    missing, damaged, or does not fit the others.
    """
    dataset, folder = config.datasets[name], config.results / name
    record, boxes, root = Record(corrections), folder / "boxes.parquet", root_of(dataset)
    manifest, outcomes = queue.read_detected(folder, target)
    searched = sorted(outcomes.loc[outcomes["status"].isin(["ok", "partial", "empty"]), "id"])
    drawn = queue.draw_sample(searched, config.seed, sample)
    listed = config.detection_quality.listed
    entries = queue.entries(manifest, outcomes, boxes, listed, drawn)
    wanted = ({entry.id for entry in entries} | record.looks.keys()) & set(manifest["id"])
    stored = folder / "annotations" / "corrections.parquet"
    is_corrected = dataset.corrections is not None and stored.is_file()
    applied = read_stored_corrections(stored, wanted) if is_corrected else {}
    table = pd.read_parquet(boxes, columns=BOX_COLUMNS, filters=[("id", "in", wanted)])
    regions, absent = image_regions(table), 0
    found, used = dict[str, list[Region]](), set(searched)
    for each in wanted:
        found[each], lost = changes.found_without(regions.get(each, []), applied.get(each, []))
        absent += lost if each in used else 0
    if absent:
        raise InputError(
            f"{boxes} lacks {absent} regions of {stored}: detection was not run to its end since "
            "the corrections changed; run it, then review"
        )
    source = read_source(name, dataset, config.seed, labels=False)
    copies = read_copies(folder / "duplicates.csv")
    known = pd.concat([manifest, left_out_copies(copies, manifest, source.images)])
    others = pd.concat([source.images[["id", "path"]], source.others])
    groups = copies.groupby("digest")["id"].agg(list)
    what = Reviewed(
        name=name,
        seed=config.seed,
        confidence=config.presentation.confidence,
        max_pixels=config.detection.max_pixels,
        entries=entries,
        searched=used,
        unreadable=int((outcomes["status"] == "unreadable").sum()),
        found=found,
        applied=applied,
        digests=dict(zip(manifest["id"], manifest["digest"], strict=True)),
        images=Images(root, known, others),
        twins={each: group for group in groups for each in group},
        read=lambda entry: read_original(entry.id, root / entry.path, entry.bytes, entry.digest),
    )
    return Review(what, corrections, record)


class Review:
    """The images to look at, the corrections file and the record. Safe in threads."""

    def __init__(self, what: Reviewed, corrections: Path, record: Record) -> None:
        self.what, self.record, self.entries = what, record, what.entries
        self._found_digests = {name: queue.digest_of(each) for name, each in what.found.items()}
        self.file = CorrectionsFile(corrections, what.images, what.twins)
        self.is_marked = not self.file.is_empty
        """Whether there are corrections, or some were taken back."""
        self._lock, self._decoding = threading.Lock(), threading.Lock()

    def overview(self) -> dict[str, Any]:
        """The list of images and the progress of the review."""
        with self._lock:
            images = [
                {
                    "name": entry.id,
                    "why": list(entry.why),
                    "sample": entry.place is not None,
                    "looked": self._look(entry.id) is not None,
                }
                for entry in self.entries
            ]
            names = {"dataset": self.what.name, "entities": [*map(str, Entity)]}
            return self._progress() | names | {"images": images}

    def image(self, number: int) -> dict[str, Any]:
        """An image's regions; InputError if the corrections cannot be read."""
        entry = self.entries[number]
        with self._lock:
            self.file.refresh()
            found, present = self.what.found[entry.id], self.file.of(entry.id)
            return {
                "number": number,
                "name": entry.id,
                "width": entry.width,
                "height": entry.height,
                "version": self._version(entry.id, present),
                "looked": self._look(entry.id) is not None,
                "notes": self._notes(entry, present),
            } | changes.shown_regions(found, present)

    def picture(self, number: int) -> bytes:
        """An image as upright JPEG of at most `LONGEST` pixels a side, or Gone."""
        entry = self.entries[number]
        with self._decoding:  # one at a time: an image may be large
            data, page = self._original(entry), page_of(entry.digest)
            pixels = bounded(read_image(data, self.what.max_pixels, page), LONGEST)
            return encode(seen_clearly(pixels), "jpeg", _QUALITY)

    def confirm(self, number: int, version: str, regions: list[dict[str, Any]]) -> dict[str, Any]:
        """Record the regions to hide in an image (`changes.wanted_regions`), and a look at it.

        The corrections are written first, then the record. `version` is what `image` returned.
        Returns the progress of the review.

        Raises:
            Conflict: the image's corrections have changed meanwhile.
            Gone: see `picture`.
            InputError: a region is invalid.
        """
        entry = self.entries[number]
        with self._lock:
            self.file.refresh()
            found, present = self.what.found[entry.id], self.file.of(entry.id)
            if version != self._version(entry.id, present):
                raise Conflict(
                    "Another tab or program changed this image's corrections since it was shown. "
                    "Nothing was written: load it again."
                )
            size = (entry.width, entry.height)
            wanted = changes.wanted_regions(found, present, regions, size)
            self._original(entry)
            kept, new = changes.corrections_for(found, present, wanted)
            dropped = [each for each in present if each not in kept]
            if dropped or new or not self.file.path.exists():  # a config may name it already
                self.file.replace(entry.id, dropped, new)
                self.is_marked |= bool(dropped or new)
            misses = queue.count_misses(found, wanted, size)
            keys = {key_of(region) for region in wanted}
            removed = sum(key_of(region) not in keys for region in found)
            digests = entry.digest, self._found_digests[entry.id]
            self.record.add(Look(entry.id, *digests, *misses, removed))
            return self._progress()

    def summary(self) -> dict[str, Any]:
        """State of the review as plain data."""
        with self._lock:
            sample, result, skipped = self._estimate()
            return {
                "dataset": self.what.name,
                "corrections": str(self.file.path),
                "record": str(self.record.path),
                "images": len(self.entries),
                "looked_at": len(self._looked()),
                "sample": {
                    "seed": self.what.seed,
                    "drawn": sample,
                    "looked_at": result.images.n,
                    "after_a_skipped_one": skipped,
                    "confidence": result.confidence,
                    "images_with_miss": _rate(result.images),
                    "regions_missed": _rate(result.regions),
                    "regions_hidden_in_part": result.partly,
                },
                "not_looked_at": result.unseen,
                "not_looked_at_with_miss_at_most": result.unseen_with_miss,
            }

    def _looked(self) -> list[int]:
        return [n for n, entry in enumerate(self.entries) if self._look(entry.id) is not None]

    def _progress(self) -> dict[str, Any]:
        sample, result, skipped = self._estimate()
        return {"looked": self._looked(), "estimate": queue.sentences(result, sample, skipped)}

    def _estimate(self) -> tuple[int, queue.Estimate, int]:
        """Size of the sample, its estimate, and how many looks came after a skipped image."""
        places = {entry.place: entry.id for entry in self.entries if entry.place is not None}
        looks = [self._look(places[place]) for place in sorted(places)]
        run = list(takewhile(bool, looks))
        skipped = sum(look is not None for look in looks[len(run) :])
        unseen = {each for each in self.what.searched if self._look(each) is None}
        misses = [look.misses for look in run if look]
        return len(looks), queue.estimate(misses, len(unseen), self.what.confidence), skipped

    def _look(self, image_id: str) -> Look | None:
        """Decision about an image, if it and its findings are still the same."""
        found = self._found_digests.get(image_id)
        if found and self.record.is_looked_at(image_id, self.what.digests[image_id], found):
            return self.record.looks[image_id]
        return None

    def _version(self, image_id: str, present: Sequence[Correction]) -> str:
        look = self.record.looks.get(image_id)
        rows = [(c.action, c.entity, c.region and key_of(c.region)) for c in present]
        return hashlib.sha256(repr((rows, look)).encode()).hexdigest()

    def _original(self, entry: queue.Entry) -> bytes:
        try:
            return self.what.read(entry)
        except ChangedImage:
            raise Gone(
                "The file of this image is missing, or has changed since it was searched. It "
                "cannot be confirmed: run detection again, then review it."
            ) from None

    def _notes(self, entry: queue.Entry, present: Sequence[Correction]) -> list[str]:
        copies = len(self.what.twins.get(entry.id, ())) - 1
        applied = self.what.applied.get(entry.id, [])
        before, now = ({c.entity for c in own if not c.region} for own in (applied, present))
        scale = max(entry.width, entry.height) / LONGEST
        notes = {
            f"Detection: {entry.reason}.": bool(entry.reason),
            "The image is left out, whatever is marked here, without keep_failed.": (
                entry.status == "failed"
            ),
            f"{copies} more files have the same bytes: what is added here is hidden in them too, "
            "what is removed here is not removed there.": copies > 0,
            "A removal of all regions was taken back since detection ran: run it again to see "
            "them.": bool(before - now),
            f"Shown at 1/{scale:.1f} of its size; positions are the original's.": scale > 1,
        }
        return [note for note, holds in notes.items() if holds]


def _rate(rate: Rate) -> dict[str, Any]:
    numbers = {"value": rate.value, "low": rate.low, "high": rate.high}
    plain = {name: None if np.isnan(number) else number for name, number in numbers.items()}
    return plain | {"n": rate.n, "reason": rate.reason}
