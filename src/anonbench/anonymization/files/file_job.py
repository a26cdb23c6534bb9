"""Anonymization of one file: read, search, hide, write, audit."""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.anonymization.apply import MethodFailed
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.files import CheckedPage, check_file, check_pdf
from anonbench.anonymization.audit.regions import Source, regions_of
from anonbench.anonymization.checked import hidden
from anonbench.anonymization.files.corrections import (
    OfImage,
    Seen,
    corrections_file,
    digest_of_corrections,
    holding,
)
from anonbench.anonymization.files.pages import (
    FinishedPage,
    FinishedPages,
    drawn_page,
    page_count,
    page_size,
    remove_pages,
)
from anonbench.anonymization.files.places import remove, target
from anonbench.anonymization.files.record import (
    Outcome,
    as_rows,
    in_draw_order,
    remove_passing,
)
from anonbench.anonymization.files.stored import (
    SUFFIXES,
    TAKEN,
    TIFF_DPI,
    NotPublished,
    published,
    stored,
    with_way_out,
    write,
    write_pdf,
)
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region, region_fault
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.memory import memory_for
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Variant
from anonbench.core.workers import DIED
from anonbench.datasets.annotations.read import Correction, correct
from anonbench.datasets.annotations.rows import SLACK
from anonbench.datasets.coding_blocks import (
    JPEG2000,
    add_coding_blocks,
    inner_images,
    shared_coding,
)
from anonbench.datasets.formats.pages import TIFF, page_id, require_page, tiff_frames
from anonbench.datasets.formats.pdf import SUFFIX, is_pdf, pdf_pages, text_places
from anonbench.datasets.images import (
    SeveralFrames,
    encode,
    open_checked,
    read_image,
)
from anonbench.datasets.inputs import ImageFile
from anonbench.detection.reading import doubts_of_file
from anonbench.detection.search import DetectorFailed, Search

PIXELS, FROM_TIFF = "PDF pages drawn as pixels", "TIFF pages written as PDF"
INNER_IMAGES = "lossy images in a PDF's patterns, glyphs or masks: hidden pixels may leave traces"
SHARED_PIXELS = "JPEG 2000, in which hidden pixels leave traces in all others"


@dataclass(frozen=True)
class Job:
    """How all files are anonymized."""

    to: Path
    detectors: tuple[str, ...]
    variant: Variant
    detection: Detection
    anonymization: Anonymization
    keep_without_regions: bool


@dataclass(frozen=True)
class Task:
    """One image, and what is recorded of it."""

    image: ImageFile
    before: Outcome | None = None
    refused: str = ""  # why it cannot be written, whatever is in it
    taken: tuple[str, ...] = ()  # suffixes that its name cannot get
    corrections: OfImage = field(default_factory=dict)
    """What a person adds to and removes from the regions that are found."""
    seen: Seen = field(default_factory=dict)
    page: int = 0
    """Page of a document that is made ahead of it; 0: all of the image."""

    @property
    def taken_names(self) -> set[str]:
        """Names that are other images', and might be its copy's."""
        return {self.image.name + suffix for suffix in self.taken}


class Anonymizer:
    """Anonymizes one file after the other."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._search = Search(job.detectors, job.detection)

    def __call__(self, task: Task) -> Outcome | None:
        """Outcome of an image, whose file is written, or none is left; None for a page."""
        if task.page:
            self._make_ahead(task)
            return None
        if task.refused:
            return Outcome(task.image.name, "failed", task.refused)
        try:
            done = self._done(task)
        except UnreadableImage as error:
            done = Outcome(
                task.image.name, "unreadable", with_way_out(error, self._job.detection.max_pixels)
            )
        _remove_others(self._job.to, task, done)
        remove_pages(self._job.to, task.image.name)
        return done

    def _read(self, task: Task) -> tuple[Task, bytes, str]:
        """A task with the corrections that hold; the file's bytes and SHA-256."""
        data = task.image.data(self._job.detection.max_pixels)
        digest = hashlib.sha256(data).hexdigest()
        corrections = holding(task.corrections, task.seen, digest)
        return replace(task, corrections=corrections), data, digest

    def _make_ahead(self, task: Task) -> None:
        """Make a page; if that fails, the document's own task says why."""
        try:
            task, data, digest = self._read(task)
            count = page_count(task.image.name, data)
        except UnreadableImage:
            return
        pages = self._pages(task, digest)
        if not 1 < count >= task.page or pages.is_refused():
            return
        with suppress(FileNotFoundError):  # the document was done meanwhile
            try:
                pages.page(task.page, lambda: self._page(task, data, task.page, count))
            except (UnreadableImage, NotPublished):
                pages.refuse()

    def _pages(self, task: Task, digest: str) -> FinishedPages:
        version = digest + digest_of_corrections(task.corrections)
        return FinishedPages(self._job.to, task.image.name, version)

    def _done(self, task: Task) -> Outcome:
        task, data, digest = self._read(task)
        if task.before and self._is_done(task, task.before, digest):
            return task.before
        if is_pdf(data):
            if not task.image.name.lower().endswith(SUFFIX):  # its copy's name would lie
                raise UnreadableImage(f"a PDF; rename it to end in {SUFFIX}")
            return self._document(task, data, digest, pdf_pages(data), task.image.name)
        try:
            with open_checked(data, None) as header:
                pixels = header.width * header.height
        except SeveralFrames:
            count = len(tiff_frames(io.BytesIO(data)))
            if not count:
                raise
            if not task.image.name.lower().endswith(TIFF):  # corrections of its pages are not read
                why = f"a TIFF file of several pages; rename it to end in {TIFF[0]}"
                raise UnreadableImage(why) from None
            return self._document(task, data, digest, count, task.image.name + SUFFIX)
        with memory_for(pixels):
            return self._image(task, data, digest)

    def _is_done(self, task: Task, before: Outcome, digest: str) -> bool:
        """Check whether an earlier run did everything for an image."""
        corrected = digest_of_corrections(task.corrections)
        is_same = (before.digest, before.corrected) == (digest, corrected)
        if not is_same or before.output in task.taken_names:
            return False
        if before.status != "written":
            return before.status == "without_regions"
        path = target(self._job.to, before.output)
        # what a link leads to may be changed after the check
        is_file = path.is_file() and not path.is_symlink()
        return is_file and file_digest(path) == before.output_digest

    def _image(self, task: Task, data: bytes, digest: str) -> Outcome:
        image, job = task.image, self._job
        original = read_image(data, job.detection.max_pixels)
        height, width = original.shape[:2]
        known: dict[str, Any] = {"digest": digest, "width": width, "height": height}
        try:
            own = task.corrections.get(image.name, [])
            searched, before, regions = self._regions(image.id, original, own, Source(data))
            known["searched"] = [searched]
            if own:
                known |= {"corrected": digest_of_corrections(task.corrections), "found": before}
            if not regions and not job.keep_without_regions:
                raise NotPublished("nothing was found in it", "without_regions")
            how = stored(data, original)
            if how.suffix in task.taken:
                raise NotPublished(TAKEN.format(how.suffix))
            known["regions"] = as_rows(regions, job.variant.degree)
            pixels, hidden = self._hidden(original, regions, Source(data))
            try:
                coded = write(pixels, how)
            except (InputError, OSError, ValueError) as error:
                raise NotPublished(f"cannot be written as {how.format} ({error})") from None
            output = image.name + how.suffix
            with published(self._job.to, output) as part:
                part.write_bytes(coded)
                check_file(part.read_bytes(), pixels, how.profile)
        except NotPublished as why:
            return Outcome(image.name, why.status, str(why), **known)
        known |= {"output": output, "output_digest": hashlib.sha256(coded).hexdigest()}
        known |= {"hidden_pixels": hidden, "converted": how.converted}
        return Outcome(image.name, "written", made=True, **known)

    def _document(self, task: Task, data: bytes, digest: str, count: int, output: str) -> Outcome:
        """Write the copy of a PDF or TIFF file, a PDF with each page as an image, or leave none."""
        name, numbers = task.image.name, range(1, count + 1)
        require_page(1, count)
        done, empty = list[FinishedPage](), list[str]()
        finished = self._pages(task, digest)

        def pages() -> Iterator[tuple[bytes, int]]:
            for number in numbers:
                make = partial(self._page, task, data, number, count)
                png, page = finished.page(number, make) if count > 1 else make()
                done.append(page)
                if not png:
                    empty.append(str(number))
                    continue
                yield png, page.copy.dpi
                del png
            if empty:
                named = ", page ".join(empty)
                raise NotPublished(f"nothing was found on page {named}", "without_regions")

        why = None
        try:
            if output.removeprefix(name) in task.taken:
                raise NotPublished(TAKEN.format(SUFFIX))
            with published(self._job.to, output) as part:
                with part.open("wb") as file:
                    write_pdf(file, len(numbers), pages())
                with (
                    part.open("rb") as written,
                    mmap.mmap(written.fileno(), 0, access=mmap.ACCESS_READ) as content,
                ):
                    check_pdf(content, [page.copy for page in done])
                output_digest = file_digest(part)
        except NotPublished as reason:
            why = reason
        inner = is_pdf(data) and any(page.rows for page in done) and inner_images(data)
        for page in done:
            page.searched["doubts"] += [INNER_IMAGES] if inner and page.rows else []
        corrected = digest_of_corrections(task.corrections)
        known: dict[str, Any] = {
            "digest": digest,
            "regions": [row for page in done for row in page.rows],
            "searched": [page.searched for page in done],
            "corrected": corrected,
            "found": [row for page in done for row in page.before] if corrected else [],
        }
        if why:
            limit, there = self._job.detection.max_pixels, [drawn_page(data, n) for n in numbers]
            known["pages"] = [[*page_size(data, each, limit), each.dpi] for each in there]
            return Outcome(name, why.status, str(why), **known)
        known["pages"] = sizes = [[*page.copy.shape[1::-1], page.dpi] for page in done]
        known |= {"output": output, "output_digest": output_digest}
        known |= {"width": sizes[0][0], "height": sizes[0][1]}
        known["converted"] = PIXELS if output == name else FROM_TIFF
        hidden = sum(page.hidden for page in done)
        return Outcome(name, "written", made=True, hidden_pixels=hidden, **known)

    def _page(self, task: Task, data: bytes, number: int, count: int) -> tuple[bytes, FinishedPage]:
        """A page as a PNG file, empty if nothing was found on it, and what became of it."""
        job, image = self._job, task.image
        image_id, name = (
            page_id(each, number) if count > 1 else each for each in (image.id, image.name)
        )
        try:
            page = drawn_page(data, number)
            width, height = page_size(data, page, job.detection.max_pixels)
            with memory_for(width * height):
                original = read_image(data, job.detection.max_pixels, page)
                own, source = task.corrections.get(name, []), Source(data, page)
                searched, before, regions = self._regions(image_id, original, own, source)
                searched["doubts"] += doubts_of_file(data, page)
                is_blank = bool((original == original[0, 0]).all())
                is_empty = not (regions or is_blank or job.keep_without_regions)
                pixels, hidden = self._hidden(original, regions, source)
                if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():  # whatever is hidden
                    pixels = np.ascontiguousarray(pixels[..., 0])
                try:
                    png = b"" if is_empty else encode(pixels)
                except InputError as error:
                    raise NotPublished(f"cannot be written as PDF ({error})") from None
                copy = CheckedPage.of(pixels, page.dpi or TIFF_DPI)
        except (UnreadableImage, NotPublished) as error:
            raise type(error)(f"page {number}: {error}") from None
        rows = as_rows(regions, job.variant.degree)
        own_rows, old = ([row | {"page": number} for row in each] for each in (rows, before))
        return png, FinishedPage(copy, page.dpi, hidden, own_rows, old, searched)

    def _regions(
        self, image_id: str, original: np.ndarray, own: Sequence[Correction], source: Source
    ) -> tuple[dict[str, Any], list[dict[str, Any]], list[Region]]:
        """How an image was searched; what was found, as rows; and it corrected, in draw order."""
        original.flags.writeable = False  # it is what the result is held against
        try:
            seen = self._search.searched(original, text_places(*source))
        except DetectorFailed as error:
            raise NotPublished(str(error)) from None
        height, width = original.shape[:2]
        after, _ = correct(seen.regions, own)
        for row, box in ((each.row, each.region) for each in own if each.region):
            beyond = max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
            if beyond > SLACK or region_fault(box, width, height):  # a person meant another place
                what = f"row {row} of {corrections_file(self._job.to).name} is not inside the image"
                raise NotPublished(f"{what} ({width} × {height} pixels)")
        if after:
            seen.how["coding"] = coding = shared_coding(*source)
            seen.how["doubts"] += [SHARED_PIXELS] if coding == JPEG2000 else []
        before = as_rows(in_draw_order(image_id, seen.regions), 0)
        return seen.how, before, in_draw_order(image_id, after)

    def _hidden(
        self, original: np.ndarray, regions: Sequence[Region], source: Source
    ) -> tuple[np.ndarray, int]:
        """Hide regions and audit the pixels; return them, and how many are hidden."""
        job = self._job
        own, asked = add_coding_blocks(regions, *source), (job.variant, job.anonymization)
        audited = regions_of(as_rows(regions, job.variant.degree))
        try:
            made = hidden(original, own, *asked, audited, source)
        except MethodFailed as failed:
            raise NotPublished(str(failed)) from None
        except Failure as failure:
            raise NotPublished(f"its audit fails: {failure}") from None
        return made.pixels, made.counts["hidden_pixels"]


def died(to: Path, task: Task) -> Outcome | None:
    """Outcome of an image that ended its worker; removes its files from `to`."""
    remove_passing(to)
    if task.page:
        return None
    done = Outcome(task.image.name, "failed", DIED)
    _remove_others(to, task, done)
    return done


def _remove_others(to: Path, task: Task, done: Outcome) -> None:
    """Remove copies of an image that are none now: they show less than there is to hide."""
    name = task.image.name
    left = {task.before.output} if task.before else set()
    if not done.output:
        left |= {name, *(name + suffix for suffix in SUFFIXES)}
    for output in left - task.taken_names - {"", done.output}:
        remove(to, output)
