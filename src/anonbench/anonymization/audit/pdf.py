"""Audit of a PDF file of images: pixels that were checked, and nothing besides.

The file is read from its first byte to its last. All that is not compressed pixels has one possible
text, by the number, sizes and places of the pages. So there is no room for a text, an attachment, a
second version of a page, metadata or anything else.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.files import png_pixels

_LENGTH = re.compile(rb" /Length ([1-9]\d{0,9}) >>\nstream\n")
_SPACES = {2: (1, 0, "DeviceGray"), 3: (3, 2, "DeviceRGB")}
"""By dimensions of the pixels: channels, PNG's colour type, PDF's name."""


@dataclass(frozen=True)
class CheckedPage:
    """A page whose pixels were checked before they were written."""

    shape: tuple[int, ...]
    digest: bytes
    dpi: int

    @classmethod
    def of(cls, pixels: np.ndarray, dpi: int) -> CheckedPage:
        """Describe a page by its pixels."""
        return cls(pixels.shape, _digest(pixels), dpi)


def check_pdf(data: bytes | mmap.mmap, pages: Sequence[CheckedPage]) -> None:
    """Refuse a PDF file that is not these pages, and nothing else.

    Raises:
        Failure: something is not as it has to be.

    """
    found = _Walk(data)
    found.expect(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    kids = " ".join(f"{3 * number} 0 R" for number in range(1, len(pages) + 1))
    found.object("<< /Type /Catalog /Pages 2 0 R >>")
    found.object(f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>")
    for page in pages:
        _check_page(found, page)
    count = len(found.objects) + 1
    start = found.at
    found.expect(f"xref\n0 {count}\n0000000000 65535 f \n".encode())
    for place in found.objects:
        found.expect(b"%010d 00000 n \n" % place)
    found.expect(f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    if found.at != len(data):
        raise Failure("something stands behind the end of the PDF file")


def _check_page(found: _Walk, page: CheckedPage) -> None:
    height, width = page.shape[:2]
    channels, kind, space = _SPACES[len(page.shape)]
    across, up = f"{72 * width / page.dpi:.4f}", f"{72 * height / page.dpi:.4f}"
    own = len(found.objects) + 1
    found.object(
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {across} {up}] /Contents {own + 1} 0 R "
        f"/Resources << /XObject << /Im {own + 2} 0 R >> >> >>"
    )
    placed = found.stream("<<")
    if placed != f"q {across} 0 0 {up} 0 0 cm /Im Do Q".encode():
        raise Failure("a page of the PDF file draws more than its image, or elsewhere")
    rows = found.stream(
        f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /{space} "
        f"/BitsPerComponent 8 /Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors "
        f"{channels} /BitsPerComponent 8 /Columns {width} >>"
    )
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)
    if _digest(png_pixels(png, page.shape)) != page.digest:
        raise Failure("the PDF file shows other pixels than those that were checked")


class _Walk:
    """A file, and how far it was read."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data
        self.at = 0
        self.objects: list[int] = []

    def expect(self, text: bytes) -> None:
        """Go past a text."""
        if self._data[self.at : self.at + len(text)] != text:
            raise Failure("the PDF file holds more than its images, or something else")
        self.at += len(text)

    def object(self, text: str) -> None:
        """Go past the next object."""
        self._begin(text)
        self.expect(b"\nendobj\n")

    def stream(self, text: str) -> bytes:
        """Go past the next object, and return its stream."""
        self._begin(text)
        length = _LENGTH.match(self._data, self.at)
        if length is None:
            raise Failure("the PDF file holds more than its images, or something else")
        start, size = length.end(), int(length[1])
        self.at = start + size
        self.expect(b"\nendstream\nendobj\n")
        return self._data[start : start + size]

    def _begin(self, text: str) -> None:
        self.objects.append(self.at)
        self.expect(f"{len(self.objects)} 0 obj\n{text}".encode())


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(pixels).data).digest()


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join(
        [struct.pack(">I", len(body)), name, body, struct.pack(">I", crc32(name + body))]
    )
