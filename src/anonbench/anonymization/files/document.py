"""Anonymization of a PDF file: each page is drawn, searched, hidden and audited as an image."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.blocks import Source
from anonbench.anonymization.audit.check import check_written
from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.files import CheckedPage, check_pdf
from anonbench.anonymization.files.corrections import (
    OfImage,
    corrected,
    digest_of_corrections,
)
from anonbench.anonymization.files.outcome import Outcome, Status, as_rows, in_draw_order
from anonbench.anonymization.files.pdf import PdfWriter
from anonbench.anonymization.files.places import OF_NAMES, target
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.memory import memory_for
from anonbench.core.provenance import file_digest
from anonbench.datasets.annotations import Correction
from anonbench.datasets.coding_blocks import in_coding_blocks
from anonbench.datasets.formats.pages import Page, page_id, require_page
from anonbench.datasets.formats.pdf import pdf_dpi, pdf_pages, pdf_size
from anonbench.datasets.images import read_image
from anonbench.detection.search import DetectorFailed, Search, Searched

if TYPE_CHECKING:
    from anonbench.anonymization.files.one import Job

SEED = 0
"""Of the draw order, as the config's default."""
LEAST_DPI, MOST_DPI = 150, 600
"""Pages are drawn at the resolution of their scan, within these; without a scan at the least."""
PIXELS = "PDF pages drawn as pixels"


class _NotPublished(Exception):  # noqa: N818 - a finding about a page
    """A page cannot be published, so that the file is not."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status: Status = status


@dataclass(frozen=True)
class Documents:
    """Anonymizes PDF files."""

    job: Job
    search: Search
    corrections: OfImage

    def anonymized(self, image_id: str, found: Outcome, data: bytes) -> Outcome:
        """Write the copy of a PDF file, or leave none; return the outcome.

        Args:
            image_id: of the file; its pages' ids begin with it.
            found: the outcome so far: name and digest.
            data: the file.

        Raises:
            UnreadableImage: it has too many pages, or one that cannot be drawn.

        """
        part = self.job.to / f".{os.getpid()}.part"
        pages: list[CheckedPage] = []
        rows: list[dict[str, Any]] = []
        before: list[dict[str, Any]] = []
        hidden = 0
        searched: list[dict[str, Any]] = []
        try:
            count = pdf_pages(data)
            require_page(1, count)
            with part.open("wb") as file:
                writer = PdfWriter(file, count)
                for number in range(1, count + 1):
                    page_image = page_id(image_id, number) if count > 1 else image_id
                    part_id = page_id(found.name, number) if count > 1 else found.name
                    corrections = self.corrections.get(part_id, [])
                    try:
                        page = _page_of(data, number)
                        width, height = pdf_size(data, page, self.job.detection.max_pixels)
                        with memory_for(width * height):
                            own, pixels, covered, seen = self._page(
                                page_image, data, page, corrections
                            )
                            _add(writer, pixels, page.dpi)
                            pages.append(CheckedPage.of(pixels, page.dpi))
                    except UnreadableImage as error:
                        raise UnreadableImage(f"page {number}: {error}") from None
                    unchanged = in_draw_order(page_image, seen.regions, SEED)
                    for kept, more in ((rows, own), (before, as_rows(unchanged, 0))):
                        kept += [row | {"page": number} for row in more]
                    hidden += covered
                    searched.append(seen.how)
                writer.finish()
            _check(part, pages)
            digest = file_digest(part)
            part.replace(target(self.job.to, found.name))
        except _NotPublished as why:
            return replace(
                self._with_corrections(found, before),
                status=why.status,
                reason=str(why),
                regions=rows,
                pages=self._sizes(data, count),
                searched=searched,
            )
        except OSError as error:
            if error.errno not in OF_NAMES:
                raise
            return replace(found, reason=f"cannot be written by its name ({error.strerror})")
        finally:
            part.unlink(missing_ok=True)
        return replace(
            self._with_corrections(found, before),
            status="written",
            output=found.name,
            output_digest=digest,
            width=pages[0].shape[1],
            height=pages[0].shape[0],
            hidden_pixels=hidden,
            converted=PIXELS,
            regions=rows,
            pages=[[page.shape[1], page.shape[0], page.dpi] for page in pages],
            searched=searched,
        )

    def _with_corrections(self, found: Outcome, before: list[dict[str, Any]]) -> Outcome:
        digest = digest_of_corrections(self.corrections)
        return replace(found, corrected=digest, found=before) if digest else found

    def _sizes(self, data: bytes, count: int) -> list[list[int]]:
        """Width, height and resolution of all pages, of a file that is not published."""
        pages = [_page_of(data, number) for number in range(1, count + 1)]
        limit = self.job.detection.max_pixels
        return [[*pdf_size(data, page, limit), page.dpi] for page in pages]

    def _page(
        self, page_image: str, data: bytes, page: Page, corrections: Sequence[Correction]
    ) -> tuple[list[dict[str, Any]], np.ndarray, int, Searched]:
        """Regions of a page, its copy, the number of hidden pixels, and how it was searched."""
        job, number = self.job, page.number
        original = read_image(data, job.detection.max_pixels, page)
        if (original == original[..., :1]).all():  # PDFium draws in colour only
            original = np.ascontiguousarray(original[..., 0])
        original.flags.writeable = False  # it is what the result is held against
        try:
            seen = self.search.searched(original)
        except DetectorFailed as error:
            raise _NotPublished("failed", f"page {number}: {error}") from None
        height, width = original.shape[:2]
        after, fault = corrected(seen.regions, corrections, width, height)
        if fault:
            raise _NotPublished("failed", f"page {number}: {fault}")
        regions = in_draw_order(page_image, after, SEED)
        is_blank = bool((original == original[0, 0]).all())
        if not regions and not is_blank and not job.keep_without_regions:
            raise _NotPublished("without_regions", f"nothing was found on page {number}")
        rows = as_rows(regions, job.variant.degree)
        own = in_coding_blocks(regions, data, page)
        *between, pixels = layers(original, own, job.variant, job.anonymization)
        try:
            asked = job.variant, job.anonymization
            return (
                rows,
                pixels,
                check_written(
                    *(rows, original, pixels, None, b"", *asked, between), Source(data, page)
                ),
                seen,
            )
        except Failure as failure:
            raise _NotPublished("failed", f"page {number}: its audit fails: {failure}") from None


def _page_of(data: bytes, number: int) -> Page:
    return Page(number, min(MOST_DPI, max(LEAST_DPI, pdf_dpi(data, number))))


def _add(writer: PdfWriter, pixels: np.ndarray, dpi: int) -> None:
    try:
        writer.add(pixels, dpi)
    except InputError as error:
        raise _NotPublished("failed", f"cannot be written as PDF ({error})") from None


def _check(part: Path, pages: Sequence[CheckedPage]) -> None:
    """Audit the file as it stands on the disk."""
    with part.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            check_pdf(data, pages)
        except Failure as failure:
            raise _NotPublished("failed", f"its audit fails: {failure}") from None
