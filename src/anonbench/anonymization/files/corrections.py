"""A person's corrections of a folder of copies, which `anonbench review` writes beside it.

A review shows the originals that the folder's record names, doubtful ones first.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import pandas as pd

from anonbench.anonymization.files.record import (
    SEED,
    Outcome,
    as_region,
    audit_file,
    beside,
    read_audit,
)
from anonbench.config import Presentation
from anonbench.core.boxes import Region
from anonbench.core.errors import ChangedImage, InputError, UnreadableImage
from anonbench.core.wording import count
from anonbench.datasets.annotations.read import Action, Correction, group_by_image, read_corrections
from anonbench.datasets.annotations.rows import Images
from anonbench.datasets.formats.pages import Page, file_digest_of, page_digest, page_id
from anonbench.datasets.inputs import ImageFile, count_pages_of, open_images
from anonbench.datasets.inputs import Images as Given
from anonbench.detection.review.changes import key_of
from anonbench.detection.review.file import Record
from anonbench.detection.review.queue import Entry, digest_of, draw_sample
from anonbench.detection.review.session import Review, Reviewed

OfImage = dict[str, list[Correction]]  # corrections of one file by id: its name, or that of a page
Seen = dict[str, str]  # SHA-256 of the file that a person saw, by the id of the image or page
Corrections = tuple[dict[str, OfImage], dict[str, Seen]]
"""Corrections, and what a person saw, by the name of the file."""


def corrections_file(to: Path) -> Path:
    """File of the corrections of an output folder."""
    return beside(to, ".corrections.csv")


def corrections_of(to: Path, images: Given, before: Mapping[str, Outcome]) -> Corrections:
    """Read the corrections of a folder; what is added to an image is added to its copies.

    `before` is what earlier runs did, by name: rows of images that are gone are no mistakes.

    Raises:
        InputError: a row is wrong, or names no image; the file that copies were made with is gone.
    """
    file = corrections_file(to)
    if not file.is_file():
        if made := [name for name, each in sorted(before.items()) if each.corrected]:
            raise InputError(
                f"{file} is gone, with which {count(len(made), 'copy')} were made, such as "
                f"{made[0]}: what a person marked would be visible again. Put it back, or "
                "write one with its first line only (id,action,entity,x0,y0,x1,y1) to drop "
                "all corrections"
            )
        return {}, {}
    parts = [(image.name, part) for image in images for part in _parts(image)]
    earlier = [(name, part) for name, each in before.items() for part, *_ in found_parts(each)]
    given = {image.name for image in images}
    parts += [pair for pair in earlier if pair[0] not in given]  # it may have another name now
    known, others = (
        pd.DataFrame([pair[::-1] for pair in pairs], columns=["id", "path"])
        for pairs in (parts, earlier)
    )
    own = group_by_image(read_corrections(file, Images(Path(images.place), known, others)).rows)
    rows: dict[str, OfImage] = {}
    for name, part in parts:
        if part in own:
            rows.setdefault(name, {})[part] = own[part]
    looks = Record(file).looks
    seen: dict[str, Seen] = {}
    for name, part in parts:
        if part in looks:
            seen.setdefault(name, {})[part] = file_digest_of(looks[part].digest)
    _share(rows, before, seen, images)
    return rows, seen


def digest_of_corrections(own: OfImage) -> str:
    """Digest of one file's corrections; empty where it has none."""
    told = [(part, c.action, c.entity, c.region) for part, each in own.items() for c in each]
    return hashlib.sha256(repr(sorted(map(repr, told))).encode()).hexdigest() if told else ""


def additions(own: OfImage) -> OfImage:
    """Corrections that hide more."""
    return {part: [c for c in each if c.action is Action.ADD] for part, each in own.items()}


def holding(own: OfImage, seen: Seen, digest: str) -> OfImage:
    """Corrections of a file as it is now: only additions where a person saw it otherwise."""
    return {
        part: each if seen.get(part, digest) == digest else additions({part: each})[part]
        for part, each in own.items()
    }


def found_parts(outcome: Outcome) -> Iterator[tuple[str, str, list[Region]]]:
    """Yield id, digest and what detectors found of an image, or of each page of a PDF."""
    rows = outcome.found if outcome.corrected else outcome.regions
    if not outcome.pages:
        yield outcome.name, outcome.digest, [as_region(row) for row in rows]
    for number, (_, _, dpi) in enumerate(outcome.pages, 1):
        name = page_id(outcome.name, number) if len(outcome.pages) > 1 else outcome.name
        own = [as_region(row) for row in rows if row["page"] == number]
        yield name, page_digest(outcome.digest, Page(number, dpi)), own


def looked_at(to: Path, outcomes: Iterable[Outcome]) -> set[str]:
    """Names of images of a folder that a person confirmed, all pages, with what was found in it."""
    record = Record(corrections_file(to))
    return {
        each.name
        for each in outcomes
        if record.looks
        and all(record.is_looked_at(part, d, digest_of(f)) for part, d, f in found_parts(each))
    }


def _parts(image: ImageFile) -> list[str]:
    pages = count_pages_of(image)
    return [page_id(image.name, n) for n in range(1, pages + 1)] if pages > 1 else [image.name]


def _share(
    rows: dict[str, OfImage], before: Mapping[str, Outcome], seen: Mapping[str, Seen], images: Given
) -> None:
    """Add to images what is added to others of equal bytes, now or as recorded or seen."""
    given = {name: additions(own) for name, own in rows.items()}
    there = {image.name: image for image in images}
    digests = {(name, each.digest) for name, each in before.items()}
    digests |= {(name, digest) for name, each in seen.items() for digest in each.values()}
    # of a size that is not recorded, and perhaps under another name now
    moved = [name for name, digest in digests if name in given and digest != _now(there, name)]
    sizes = {_size(there[name]) for name in given.keys() & there.keys()}
    digests |= {(i.name, _digest(i)) for i in images if moved or _size(i) in sizes}
    for group in _equal(sorted(digests)):
        givers = [name for name in group if name in given]
        for name, other in product(group, givers):
            for part, adding in given[other].items() if name != other else ():
                own = rows.setdefault(name, {}).setdefault(name + part[len(other) :], [])
                known = {key_of(c.region) for c in own if c.region is not None}
                own += [c for c in adding if c.region and key_of(c.region) not in known]


def _now(there: Mapping[str, ImageFile], name: str) -> str:
    return _digest(there[name]) if name in there else ""


def _size(image: ImageFile) -> int:
    with suppress(OSError):
        return image.file.stat().st_size if image.offset is None else image.size
    return 0


def _digest(image: ImageFile) -> str:
    """SHA-256 of a file; empty where it cannot be read."""
    with suppress(UnreadableImage):
        return hashlib.sha256(image.data()).hexdigest()
    return ""


def _equal(digests: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Names of equal images, those of several together."""
    groups: dict[str, list[str]] = {}
    for name, digest in digests:
        groups.setdefault(digest, []).append(name)
    return [group for digest, group in groups.items() if digest and len(group) > 1]


LISTED = 100  # images with the weakest regions that are shown


def review_folder(to: Path, sample: int, originals: str | None = None) -> Review:
    """Begin or go on with the review of a folder that `anonbench anonymize` wrote.

    `sample` is the number of images in the random sample. InputError where there is no record, or
    the originals are not where it says; then name their place.
    """
    head, outcomes = read_audit(audit_file(to))
    try:
        images = open_images(originals or str(head["images_of"]), documents=True)
    except InputError as error:
        raise InputError(f"{error}; name the place of the originals by --images") from None
    files = {image.name: image for image in images}
    max_pixels = int(head["max_pixels"])
    listed = [each for each in outcomes if each.status != "left_out"]
    there = [each for each in listed if each.name in files]
    searched = [each for each in there if each.width or each.pages]
    shown = [each for each in searched if each.status in ("written", "without_regions")]
    found: dict[str, list[Region]] = {}
    entries: dict[str, Entry] = {}
    for outcome in shown:
        sizes = [page[:2] for page in outcome.pages] or [[outcome.width, outcome.height]]
        said = [page["doubts"] for page in outcome.searched]
        state = ("ok", "") if outcome.output else ("empty", "the copy is not published")
        pages = zip(found_parts(outcome), sizes, said or [[]] * len(sizes), strict=False)
        for (name, digest, regions), (width, height), doubts in pages:
            why = (*([] if regions else ["nothing was found"]), *doubts)
            place = outcome.name, width, height, 0, digest
            entries[name] = Entry(name, *place, *state, why, None)
            found[name] = regions
    digests = {name: entry.digest for name, entry in entries.items()}

    def read(entry: Entry) -> bytes:
        try:
            data = files[entry.path].data(max_pixels)
        except UnreadableImage as error:
            raise ChangedImage.of(entry.id, str(error)) from None
        if hashlib.sha256(data).hexdigest() != file_digest_of(entry.digest):
            raise ChangedImage.of(entry.id, "other content")
        return data

    columns = ["id", "path", "width", "height"]
    table = pd.DataFrame([asdict(each) for each in entries.values()], columns=columns)
    parts = [(part, each.name) for each in outcomes for part, *_ in found_parts(each)]
    what = Reviewed(
        name=to.name,
        seed=SEED,
        confidence=Presentation().confidence,
        max_pixels=max_pixels,
        entries=_queue(entries, found, draw_sample(sorted(entries), SEED, sample)),
        searched=set(entries),
        unreadable=len(there) - len(shown),
        found=found,
        applied={},
        digests=digests,
        images=Images(to, table, pd.DataFrame(parts, columns=["id", "path"])),
        twins={name: group for group in _equal(digests.items()) for name in group},
        read=read,
        gone=len(listed) - len(there),
    )
    corrections = corrections_file(to)
    return Review(what, corrections, Record(corrections))


def _queue(
    entries: dict[str, Entry], found: dict[str, list[Region]], drawn: list[str]
) -> list[Entry]:
    """Doubtful images, then the sample, then those with the weakest regions; none twice."""
    weakest = {name: min(r.score for r in regions) for name, regions in found.items() if regions}
    weak = sorted(weakest, key=lambda name: (weakest[name], name))[:LISTED]
    doubtful = sorted((bool(found[name]), name) for name in entries if entries[name].why)
    entries = entries | {
        name: replace(entries[name], why=(*entries[name].why, "lowest score")) for name in weak
    }
    entries |= {name: replace(entries[name], place=n) for n, name in enumerate(drawn)}
    order = dict.fromkeys([*(name for _, name in doubtful), *drawn, *weak])
    return [entries[name] for name in order]
