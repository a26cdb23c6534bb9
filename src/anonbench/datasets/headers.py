"""Headers of a file's images, from one read, before any pixel is decoded."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from anonbench.config import DataSource
from anonbench.core.errors import UnreadableImage
from anonbench.core.workers import in_threads
from anonbench.datasets.formats.pages import Page, page_digest, page_of, require_page, tiff_frames
from anonbench.datasets.formats.pdf import is_pdf, pdf_pages, pdf_size
from anonbench.datasets.formats.pixels import BETWEEN, conversions
from anonbench.datasets.images import (
    MAX_PIXELS,
    SeveralFrames,
    max_bytes,
    open_checked,
    read_file,
    read_image,
    upright_size,
)

PDF = "PDF"


class Header(NamedTuple):
    """Header of an image, or the reason why it is skipped."""

    width: int
    height: int
    bytes: int
    digest: str
    reason: str
    format: str = ""  # as Pillow calls it, or `PDF`
    converted: str = ""  # conversions by decoding, see `anonbench.datasets.formats.pixels`

    @property
    def page(self) -> Page | None:
        """Which page of its file `read_image` has to read."""
        return page_of(self.digest)


class Limits(NamedTuple):
    """Limits for opening images."""

    max_pixels: int
    pdf_dpi: int = DataSource.model_fields["pdf_dpi"].default


def look_at_all(
    root: Path, limits: Limits, paths: Sequence[str], numbers: Sequence[int | None]
) -> Iterator[Header]:
    """Yield the headers of images (paths below the root, `page_numbers`) in order.

    A file that is repeated in succession is read once.
    """
    pairs = zip(paths, numbers, strict=True)
    files = [(path, [n for _, n in pages]) for path, pages in groupby(pairs, itemgetter(0))]
    for headers in in_threads(lambda file: [*_look(root / file[0], limits, file[1])], files):
        yield from headers


def page_to_read(data: bytes, number: int | None, dpi: int) -> Page | None:
    """Page of a file that an image is, by the content; None if the file is the image.

    UnreadableImage for a PDF that cannot be opened, or of several pages without a number.
    """
    if not is_pdf(data):
        return None if number is None else Page(number)
    if number is None and (pages := pdf_pages(data)) > 1:
        require_page(1, pages)
        raise UnreadableImage(f"a PDF of {pages} pages whose name does not end in .pdf; rename it")
    return Page(number or 1, dpi)


def read_first_page(file: Path) -> np.ndarray:
    """Read an image, of a document its first page, for a sample of what a folder holds."""
    data = read_file(file, max_bytes(MAX_PIXELS))
    try:
        return read_image(data, page=Page(1, Limits(MAX_PIXELS).pdf_dpi) if is_pdf(data) else None)
    except SeveralFrames:
        return read_image(data, page=Page(1))


def _look(file: Path, limits: Limits, numbers: Sequence[int | None]) -> Iterator[Header]:
    """Yield a header for each page, from the same bytes: the file may be replaced at any time."""
    try:
        data = read_file(file, max_bytes(limits.max_pixels))
    except UnreadableImage as error:
        yield from [Header(0, 0, 0, "", str(error))] * len(numbers)
        return
    sha256 = hashlib.sha256(data).hexdigest()
    for number in numbers:
        try:
            yield header_of(data, sha256, number, limits)
        except UnreadableImage as error:
            yield Header(0, 0, 0, "", str(error))


def header_of(data: bytes, sha256: str, number: int | None, limits: Limits) -> Header:
    """Return an image's header from its file; UnreadableImage says why it cannot be used."""
    page = page_to_read(data, number, limits.pdf_dpi)
    if page is not None and page.dpi:
        size, kind = pdf_size(data, page, limits.max_pixels), PDF
        done = [f"PDF page drawn at {page.dpi} dpi"]
    else:
        try:
            opened = open_checked(data, limits.max_pixels, page)
        except SeveralFrames:
            # of one image to show: an animation, or one with smaller copies
            if data.startswith((b"II", b"MM")) and len(tiff_frames(io.BytesIO(data))) != 1:
                raise
            page = Page(1)
            opened = open_checked(data, limits.max_pixels, page)
        with opened as image:
            done, size, kind = [*conversions(image, page)], upright_size(image), str(image.format)
    if size == (1, 1):  # blurred or pixelated it would show itself
        raise UnreadableImage("a single pixel")
    return Header(*size, len(data), page_digest(sha256, page), "", kind, BETWEEN.join(done))
