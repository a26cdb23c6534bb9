"""Review of a folder of copies: the originals that its record names, doubtful ones first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from anonbench.anonymization.files.corrections import corrections_file, found_parts
from anonbench.anonymization.files.record import SEED, Outcome, audit_file, read_audit
from anonbench.config import Presentation
from anonbench.core.boxes import Region
from anonbench.core.errors import ChangedImage, InputError, UnreadableImage
from anonbench.datasets.annotations import Images
from anonbench.datasets.formats.pages import file_digest_of
from anonbench.datasets.inputs import open_images
from anonbench.detection.review.file import Record
from anonbench.detection.review.queue import Entry, draw_sample
from anonbench.detection.review.session import Review, Reviewed

LISTED = 100
"""Images with the weakest regions that are shown."""


def review_folder(to: Path, sample: int, originals: str | None = None) -> Review:
    """Begin or go on with the review of a folder that `anonbench anonymize` wrote.

    Args:
        to: the folder; its record is beside it.
        sample: images in the random sample.
        originals: where they are; None: where the record says.

    Raises:
        InputError: there is no record, or the originals are not where it says.

    """
    head, outcomes = read_audit(audit_file(to))
    place = originals or str(head["images_of"])
    try:
        files = {image.name: image for image in open_images(place, documents=True)}
    except InputError as error:
        raise InputError(f"{error}; name the place of the originals by --images") from None
    max_pixels = int(head["max_pixels"])
    shown = [each for each in outcomes if each.width and each.name in files]
    shown = [each for each in shown if each.status in ("written", "without_regions")]
    entries: dict[str, Entry] = {}
    found: dict[str, list[Region]] = {}
    for outcome in shown:
        for entry, regions in _entries(outcome):
            entries[entry.id], found[entry.id] = entry, regions
    digests = {name: entry.digest for name, entry in entries.items()}
    groups: dict[str, list[str]] = {}
    for name, digest in digests.items():
        groups.setdefault(digest, []).append(name)

    def read(entry: Entry) -> bytes:
        try:
            data = files[entry.path].data(max_pixels)
        except UnreadableImage as error:
            raise ChangedImage.of(entry.id, str(error)) from None
        if hashlib.sha256(data).hexdigest() != file_digest_of(entry.digest):
            raise ChangedImage.of(entry.id, "other content")
        return data

    corrections = corrections_file(to)
    columns = ["id", "path", "width", "height"]
    table = pd.DataFrame([asdict(each) for each in entries.values()], columns=columns)
    what = Reviewed(
        name=to.name,
        seed=SEED,
        confidence=Presentation().confidence,
        max_pixels=max_pixels,
        entries=_queue(entries, found, draw_sample(sorted(entries), SEED, sample)),
        searched=set(entries),
        unreadable=sum(each.status != "left_out" for each in outcomes) - len(shown),
        found=found,
        applied={},
        digests=digests,
        images=Images(to, table),
        twins={name: group for group in groups.values() if len(group) > 1 for name in group},
        read=read,
    )
    return Review(what, corrections, Record.beside(corrections))


def _entries(outcome: Outcome) -> Iterator[tuple[Entry, list[Region]]]:
    sizes = [page[:2] for page in outcome.pages] or [[outcome.width, outcome.height]]
    said = [page["doubts"] for page in outcome.searched] or [[]] * len(sizes)
    for (name, digest, found), (width, height), doubts in zip(
        found_parts(outcome), sizes, said, strict=False
    ):
        why = (*([] if found else ["nothing was found"]), *doubts)
        status, reason = ("ok", "") if outcome.output else ("empty", "the copy is not published")
        place = outcome.name, width, height, 0, digest
        yield Entry(name, *place, status, reason, why, None), found


def _queue(
    entries: dict[str, Entry], found: dict[str, list[Region]], drawn: list[str]
) -> list[Entry]:
    """Doubtful images, then the sample, then those with the weakest regions; none twice."""
    places = {name: place for place, name in enumerate(drawn)}
    weakest = {name: min(r.score for r in regions) for name, regions in found.items() if regions}
    weak = sorted(weakest, key=lambda name: (weakest[name], name))[:LISTED]
    doubtful = sorted((bool(found[name]), name) for name in entries if entries[name].why)
    return [
        replace(
            entries[name],
            why=(*entries[name].why, *(["lowest score"] if name in set(weak) else [])),
            place=places.get(name),
        )
        for name in dict.fromkeys([*(name for _, name in doubtful), *drawn, *weak])
    ]
