"""Anonymization of a PDF file: each page is drawn, searched, hidden and audited as an image.

Copies hold an image a page, without loss, and nothing else: no text, fonts, links, metadata,
identifiers or times; equal pixels give equal bytes. The format is ISO 32000-1. The rows of a page's
image are those of a PNG file, which PDF reads too (7.4.4.4).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.blocks import Source
from anonbench.anonymization.audit.check import check_written
from anonbench.anonymization.audit.files import CheckedPage, check_pdf
from anonbench.anonymization.files.corrections import (
    OfImage,
    corrected,
    digest_of_corrections,
)
from anonbench.anonymization.files.places import OF_NAMES, target
from anonbench.anonymization.files.record import Outcome, Status, as_rows, in_draw_order
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.memory import memory_for
from anonbench.core.provenance import file_digest
from anonbench.datasets.annotations import Correction
from anonbench.datasets.coding_blocks import add_coding_blocks
from anonbench.datasets.formats.pages import Page, page_id, require_page
from anonbench.datasets.formats.pdf import pdf_dpi, pdf_pages, pdf_size
from anonbench.datasets.images import encode, read_image
from anonbench.detection.search import DetectorFailed, Search, Searched

if TYPE_CHECKING:
    from anonbench.anonymization.files.file_job import Job

_POINTS = 72
_HEADER = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
_PNG_HEAD = 33
"""Bytes of a PNG file's signature and header; one chunk with all rows follows."""


class PdfWriter:
    """Writes pages one after the other; no more than one is in memory."""

    def __init__(self, file: BinaryIO, pages: int) -> None:
        """Write what comes before the first of so many pages."""
        self._file = file
        self._places: list[int] = []
        self._file.write(_HEADER)
        self._object("<< /Type /Catalog /Pages 2 0 R >>")
        kids = " ".join(f"{3 + 3 * page} 0 R" for page in range(pages))
        self._object(f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>")

    def add(self, pixels: np.ndarray, dpi: int) -> None:
        """Write a page: uint8 [H, W] or [H, W, 3], and how many pixels an inch has.

        Raises:
            InputError: PNG has no room for so large an image.

        """
        height, width, *colours = pixels.shape
        png = encode(pixels)
        size = int.from_bytes(png[_PNG_HEAD : _PNG_HEAD + 4], "big")
        rows = png[_PNG_HEAD + 8 : _PNG_HEAD + 8 + size]
        channels, space = (3, "RGB") if colours else (1, "Gray")
        right, top = (f"{_POINTS * side / dpi:.4f}" for side in (width, height))
        number = len(self._places) + 1
        self._object(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {right} {top}] /Contents {number + 1} 0 "
            f"R /Resources << /XObject << /Im {number + 2} 0 R >> >> >>"
        )
        self._object("<<", f"q {right} 0 0 {top} 0 0 cm /Im Do Q".encode())
        self._object(
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace "
            f"/Device{space} /BitsPerComponent 8 /Filter /FlateDecode /DecodeParms << /Predictor "
            f"15 /Colors {channels} /BitsPerComponent 8 /Columns {width} >>",
            rows,
        )

    def finish(self) -> None:
        """Write what comes behind the last page."""
        start, count = self._file.tell(), len(self._places) + 1
        table = "".join(f"{place:010d} 00000 n \n" for place in self._places)
        self._file.write(
            f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>"
            f"\nstartxref\n{start}\n%%EOF\n".encode()
        )

    def _object(self, text: str, stream: bytes | None = None) -> None:
        """Write an object: a dictionary, or one that is still open and its stream."""
        self._places.append(self._file.tell())
        self._file.write(f"{len(self._places)} 0 obj\n{text}".encode())
        if stream is not None:
            self._file.write(f" /Length {len(stream)} >>\nstream\n".encode())
            self._file.write(stream)
            self._file.write(b"\nendstream")
        self._file.write(b"\nendobj\n")


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
                self._corrected(found, before),
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
            self._corrected(found, before),
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

    def _corrected(self, found: Outcome, before: list[dict[str, Any]]) -> Outcome:
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
        own = add_coding_blocks(regions, data, page)
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
