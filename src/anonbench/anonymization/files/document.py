"""PDF files of anonymized pages.

Copies hold an image a page, without loss, and nothing else: no text, fonts, links, metadata,
identifiers or times; equal pixels give equal bytes. The format is ISO 32000-1. The rows of a page's
image are those of a PNG file, which PDF reads too (7.4.4.4).
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from anonbench.datasets.images import encode

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
