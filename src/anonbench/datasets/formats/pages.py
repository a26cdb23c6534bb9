"""Pages in digests of images, pages of TIFF files, and HEIC where it is installed.

TIFF pages are read from the file's directories, without any pixel.

Source: Adobe, TIFF Revision 6.0, 1992, sections 2 and 8; BigTIFF as libtiff defines it.
"""

import functools
import re
import struct
from importlib.util import find_spec
from typing import BinaryIO, NamedTuple

from anonbench.core.errors import UnreadableImage

MOST_PAGES = 9999  # of a document; the page tree of a small PDF may name millions
TIFF = (".tif", ".tiff")
WITH_PAGES = (*TIFF, ".pdf")  # suffixes of files that may have several pages
_MOST_DIRECTORIES = 4 * MOST_PAGES
_MOST_ENTRIES = 4096
# tags for the kind of a directory of a TIFF file, and their values for what is no page
_KIND, _OLD_KIND, _SMALLER_OR_MASK, _OLD_SMALLER = 254, 255, 1 | 4, 2
_SHORT = 3
_DIGEST = re.compile(r"(?P<sha256>[^:]*)(?::page=(?P<number>\d+)(?::dpi=(?P<dpi>\d+))?)?")
HEIF = "HEIF"  # Pillow's name for HEIC
HEIC_EXTRA = "the extra `heic`"  # optional: the package bundles libraries under the LGPL


@functools.cache
def reads_heif() -> bool:
    """Check whether HEIC images can be decoded here."""
    return find_spec("pillow_heif") is not None


@functools.cache
def register_heif() -> tuple[str, ...]:
    """Make Pillow decode HEIC if possible; return the formats that this adds."""
    if not reads_heif():
        return ()
    import pillow_heif

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    return (HEIF,)


class Page(NamedTuple):
    """One page of a TIFF or PDF file, or the first frame of an animation."""

    number: int  # from 1
    dpi: int = 0  # resolution of drawing in pixels an inch; 0 if the file holds pixels


def page_digest(sha256: str, page: Page | None) -> str:
    """Return the digest of an image: its file's and, for a page, its number and resolution."""
    if page is None:
        return sha256
    return f"{sha256}:page={page.number}" + (f":dpi={page.dpi}" if page.dpi else "")


def file_digest_of(digest: str) -> str:
    """Return the SHA-256 of the file that an image with this digest is in."""
    return digest.partition(":")[0]


def page_of(digest: str) -> Page | None:
    """Page that an image with this digest is in its file; None if the file is the image."""
    if (found := _DIGEST.fullmatch(digest)) is None:
        raise ValueError(f"{digest!r} is no digest of an image")
    if found["number"] is None:
        return None
    return Page(int(found["number"]), int(found["dpi"] or 0))


def page_id(document: str, number: int) -> str:
    """Return the id of a page: the document is its folder, so that ids stay paths and sort."""
    return f"{document}/page-{number:04d}"


def require_page(number: int, pages: int) -> None:
    """Raise UnreadableImage where a document has no page of this number, or too many pages."""
    if pages > MOST_PAGES:
        raise UnreadableImage(f"more than {MOST_PAGES} pages; split it")
    if not pages:
        raise UnreadableImage("a document without pages; leave it out")
    if not 1 <= number <= pages:
        raise UnreadableImage(f"no page {number} of {pages}")


def tiff_frames(file: BinaryIO) -> list[int]:
    """Indices of the directories of a TIFF file that are pages: no smaller copies, no masks.

    Empty for any other file, and for one whose directories are damaged or form a cycle.
    """
    try:
        head = file.read(4)
        order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack(order + "H", head[2:])[0] if order else 0
        if version == 42:
            number, count, size, value_at = order + "I", order + "H", 12, 8
        elif version == 43:
            number, count, size, value_at = order + "Q", order + "Q", 20, 12
            file.seek(8)
        else:
            return []
        frames: list[int] = []
        seen: set[int] = set()
        while place := _read(file, number):
            if place in seen or len(seen) == _MOST_DIRECTORIES:
                return []
            seen.add(place)
            file.seek(place)
            if (entries := _read(file, count)) > _MOST_ENTRIES:
                return []
            data = file.read(entries * size)
            if _is_page(data, order, range(0, len(data), size), value_at):
                frames.append(len(seen) - 1)
        return frames
    except (struct.error, OSError, OverflowError, ValueError):
        return []


def _read(file: BinaryIO, form: str) -> int:
    value: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return value


def _is_page(entries: bytes, order: str, starts: range, value_at: int) -> bool:
    for start in starts:
        tag, kind = struct.unpack_from(order + "HH", entries, start)
        if tag in (_KIND, _OLD_KIND):
            form = order + ("H" if kind == _SHORT else "I")
            (value,) = struct.unpack_from(form, entries, start + value_at)
            return value != _OLD_SMALLER if tag == _OLD_KIND else not value & _SMALLER_OR_MASK
    return True
