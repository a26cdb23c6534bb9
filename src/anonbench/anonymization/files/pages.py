"""Pages of documents: how they are drawn, and those that are done before their document is.

Each page is a task of its own, so that processes share a long document, its progress is seen, and a
run that was ended goes on within it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from anonbench.anonymization.audit.files import CheckedPage
from anonbench.anonymization.files.record import beside
from anonbench.core.errors import UnreadableImage
from anonbench.core.io import append_checksum, make_private, open_private, read_checksummed
from anonbench.datasets.formats.pages import MOST_PAGES, TIFF, WITH_PAGES, Page, tiff_frames
from anonbench.datasets.formats.pdf import (
    SUFFIX,
    is_pdf,
    pdf_dpi,
    pdf_pages,
    pdf_size,
)
from anonbench.datasets.images import open_checked, upright_size
from anonbench.datasets.inputs import ImageFile

LEAST_DPI, MOST_DPI = 150, 600
"""Pages are drawn at the resolution of their scan, within these; without a scan at the least."""


class FinishedPage(NamedTuple):
    """What became of a page."""

    copy: CheckedPage
    dpi: int  # at which the original was drawn
    hidden: int  # pixels
    rows: list[dict[str, Any]]
    before: list[dict[str, Any]]  # what detectors found
    searched: dict[str, Any]  # how it was


class FinishedPages:
    """Finished pages of one document, in a folder that all processes share."""

    def __init__(self, to: Path, name: str, version: str) -> None:
        """Find the pages of a document by its name; the version is its content and corrections."""
        self._folder = _folder(to, name)
        self._version = hashlib.sha256(version.encode()).hexdigest()

    def page(
        self, number: int, make: Callable[[], tuple[bytes, FinishedPage]]
    ) -> tuple[bytes, FinishedPage]:
        """A page as a PNG file and what became of it, made unless another process has done so."""
        path = self._path(str(number))
        with path.with_suffix(".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # whoever makes the page is waited for
            with suppress(FileNotFoundError, ValueError):  # not there, or damaged
                head, _, png = bytes(read_checksummed(path)).partition(b"\n")
                (shape, digest, dpi), *others = json.loads(head)
                copy = CheckedPage(tuple(shape), bytes.fromhex(digest), dpi)
                return png, FinishedPage(copy, *others)
            png, page = make()
            copy = page.copy
            head = json.dumps([[copy.shape, copy.digest.hex(), copy.dpi], *page[1:]]).encode()
            with open_private(part := path.with_suffix(".part")) as file:
                file.write(head + b"\n" + png)
            append_checksum(part)
            part.replace(path)
            return png, page

    def is_refused(self) -> bool:
        """Whether there will be no copy, because of one of the pages."""
        return self._path("refused").exists()

    def refuse(self) -> None:
        """Note that there will be no copy."""
        self._path("refused").touch()

    def _path(self, what: str) -> Path:
        for folder in (self._folder.parent, self._folder):
            make_private(folder)
        return self._folder / f"{self._version}-{what}"


def folder_of_pages(to: Path) -> Path:
    """Folder beside an output folder for pages of documents that are not done."""
    return (place := beside(to, ".anonbench-pages")).with_name(f".{place.name}")


def remove_pages(to: Path, name: str | None = None) -> None:
    """Remove the finished pages of a document, which is done, or those of all documents."""
    shutil.rmtree(_folder(to, name) if name else folder_of_pages(to), ignore_errors=True)


def _folder(to: Path, name: str) -> Path:
    return folder_of_pages(to) / hashlib.sha256(os.fsencode(name)).hexdigest()


def page_count(name: str, source: Path | bytes) -> int:
    """Number of pages of a document; 1 of other images. Of a file, only what tells it is read.

    Raises:
        UnreadableImage: a PDF file is damaged, encrypted, or has too many pages.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        if is_pdf(file.read(1024)):
            return pdf_pages(source) if name.lower().endswith(SUFFIX) else 1
        file.seek(0)
        return max(1, len(tiff_frames(file))) if name.lower().endswith(TIFF) else 1


def pages_of(image: ImageFile, max_pixels: int) -> int:
    """Number of pages of a document; 1 of others, and of what cannot be read."""
    if not image.name.lower().endswith(WITH_PAGES) or not image.file.is_file():
        return 1
    try:
        is_in_tar = image.offset is not None
        count = page_count(image.name, image.data(max_pixels) if is_in_tar else image.file)
    except (OSError, UnreadableImage):
        return 1
    return count if count <= MOST_PAGES else 1


def drawn_page(data: bytes, number: int) -> Page:
    """A page of a document, with the resolution at which it is drawn if it is of a PDF."""
    is_drawn = is_pdf(data)
    return Page(number, min(MOST_DPI, max(LEAST_DPI, pdf_dpi(data, number))) if is_drawn else 0)


def page_size(data: bytes, page: Page, limit: int) -> tuple[int, int]:
    """Width and height of a page in pixels; UnreadableImage beyond a limit of pixels."""
    if page.dpi:
        return pdf_size(data, page, limit)
    with open_checked(data, limit, page) as image:
        return upright_size(image)
