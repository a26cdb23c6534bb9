"""Pages of documents: which page of a file an image is, as its digest says it."""

from __future__ import annotations

import re
from typing import NamedTuple

from anonbench.core.errors import UnreadableImage

MOST_PAGES = 9999
"""Of one document. The page tree of a small PDF may name millions."""
_DIGEST = re.compile(r"(?P<sha256>[^:]*)(?::page=(?P<number>\d+)(?::dpi=(?P<dpi>\d+))?)?")


class Page(NamedTuple):
    """One page of a TIFF or PDF file, or the first frame of an animation."""

    number: int
    """From 1."""
    dpi: int = 0
    """How finely it is drawn, in pixels an inch; 0 where the file holds pixels."""


def page_digest(sha256: str, page: Page | None) -> str:
    """Return the digest of an image: that of its file and, of a page, which one and how drawn."""
    if page is None:
        return sha256
    return f"{sha256}:page={page.number}" + (f":dpi={page.dpi}" if page.dpi else "")


def file_digest_of(digest: str) -> str:
    """Return the SHA-256 of the file that an image with this digest is in."""
    return digest.partition(":")[0]


def page_of(digest: str) -> Page | None:
    """Return which page of its file an image with this digest is; None: the file is the image.

    Raises:
        ValueError: `page_digest` gives no such text.

    """
    if (found := _DIGEST.fullmatch(digest)) is None:
        raise ValueError(f"{digest!r} is no digest of an image")
    if found["number"] is None:
        return None
    return Page(int(found["number"]), int(found["dpi"] or 0))


def page_id(document: str, number: int) -> str:
    """Return the id of a page: the document is its folder, so that names stay paths and sort."""
    return f"{document}/page-{number:04d}"


def require_page(number: int, pages: int) -> None:
    """Raise UnreadableImage where a document has no page of this number, or too many pages."""
    if pages > MOST_PAGES:
        raise UnreadableImage(f"more than {MOST_PAGES} pages")
    if not 1 <= number <= pages:
        raise UnreadableImage(f"no page {number} of {pages}")
