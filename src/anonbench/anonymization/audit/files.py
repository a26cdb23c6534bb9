"""Check that written files are the pixels that were checked, and nothing else.

Except for its compressed rows, a PNG file has one possible content; the rows are decompressed by
another library than the one that compressed them. Every other file is encoded again from the
pixels, with the tables and options in the file: this must give the same bytes. The pixels need not
be trusted: other pixels give another file.
"""

from __future__ import annotations

import hashlib
import io
import math
import mmap
import re
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from isal import isal_zlib
from PIL import Image, JpegImagePlugin

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.regions import is_lossless

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = {2: 0, 3: 2}  # PNG's colour types of grey and RGB, by dimensions of the pixels
_LENGTH = re.compile(rb">> /Length ([1-9]\d{0,9}) >>\nstream\n")
_LOSSY_WEBP = 95
_PROFILES = {
    "510dbbe5dbe3388273c1bb1cba241ea9f4b6e123a16d61ff70edd106ef07b64f",  # sRGB
    "e4f8e93e90a42f0695cf0e1d8886ef43b037fc10340445d1124e8b2a77e64f24",  # Display P3
    "526a07db274fec12651a432aa3db304b01bb31d71bcaa9dc488ae9963e80d81e",  # Adobe RGB (1998)
    "b5beb2a94f1fdc9cb7ff10454fa6952f8768eaf3202a0ca197998500b6cdb470",  # ProPhoto
    "1717a5595c9425459c7584d0d52ede3f83f6adef18949ddadfbda88e51ccfa64",  # grey, tones of sRGB
    "6823a1c9f392504b1a5a54a901e9aa051d19b6bdb501228bc521d2dba3d8eb96",  # grey, gamma 2.2
    "fa4fa1fa86d04398984903ef8969b55b7e774d5702b3fc893b4858653c45b4a0",  # grey, gamma 1.8
}
"""SHA-256 of the colour profiles that a file may have."""


def check_png(data: bytes, pixels: np.ndarray, profile: bytes = b"") -> None:
    """Refuse a PNG file that is not uint8 [H, W] or [H, W, 3], and a colour profile (Failure)."""
    size = struct.pack(">IIBBBBB", *pixels.shape[1::-1], 8, _KINDS[pixels.ndim], 0, 0, 0)
    head = _SIGNATURE + _chunk(b"IHDR", size)
    if profile:
        head += _chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile, 1))
    stream = data[len(head) + 8 : -16]
    if data != b"".join([head, _chunk(b"IDAT", stream), _chunk(b"IEND", b"")]):
        raise Failure("the PNG file is damaged, or contains other data than its image")
    if _rows_in(stream, pixels.shape) != _rows_of(pixels):
        raise Failure("the file shows other pixels than those that were checked")


def _chunk(name: bytes, body: bytes) -> bytes:
    named = name + body
    return struct.pack(">I", len(body)) + named + struct.pack(">I", isal_zlib.crc32(named))


def _rows_of(pixels: np.ndarray) -> bytes:
    """Rows as filtered in PNG files (9.2): grey ones unchanged, others less those above."""
    shown = pixels.reshape(len(pixels), -1)
    rows = np.empty((len(shown), 1 + shown.shape[1]), np.uint8)
    rows[:, 0], rows[:, 1:] = _KINDS[pixels.ndim], shown  # filter 0 is none, 2 is `Up`
    if pixels.ndim == 3:
        rows[1:, 1:] -= shown[:-1]
    return rows.tobytes()


def _rows_in(stream: bytes, shape: tuple[int, ...]) -> bytes:
    """Decompress rows; the stream must have exactly this size."""
    size, inflate = shape[0] * (1 + math.prod(shape[1:])), isal_zlib.decompressobj()
    try:
        rows: bytes = inflate.decompress(stream, size + 1)
    except Exception:  # decoders of damaged data may raise nearly anything
        raise Failure("the file's compressed pixels are damaged") from None
    if len(rows) != size or not inflate.eof or inflate.unused_data:
        raise Failure("the file contains more or less than its image")
    return rows


def check_file(
    data: bytes, pixels: np.ndarray, profile: bytes = b"", quality: int | None = None
) -> None:
    """Refuse a file that is not exactly uint8 [H, W] or [H, W, 3] and a profile (Failure).

    `quality` is that of a JPEG file; None: of any file, with standard tables.
    """
    if profile and hashlib.sha256(profile).hexdigest() not in _PROFILES:
        raise Failure("its colour profile is not a standard one")
    if quality is None and data.startswith(_SIGNATURE):
        return check_png(data, pixels, profile)
    again = io.BytesIO()
    options: dict[str, Any] = {"format": "JPEG", "quality": quality}
    try:
        if quality is None:
            with Image.open(io.BytesIO(data)) as image:
                options = _options(image, data)
                is_lossy = "qtables" in options or "quality" in options
                if not is_lossy and not np.array_equal(np.asarray(image), pixels):
                    raise Failure("the file shows other pixels than those that were checked")
        Image.fromarray(pixels).save(again, icc_profile=profile, **options)
    except Failure:
        raise
    except Exception:  # decoders of damaged data may raise nearly anything
        raise Failure("the file is not a whole image") from None
    if again.getvalue() != data:
        raise Failure("the file contains other data than its image")
    return None


def _options(image: Image.Image, data: bytes) -> dict[str, Any]:
    """The encoder's format and options found in a file."""
    options: dict[str, Any] = {"format": image.format}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        tables = [image.quantization[key] for key in sorted(image.quantization)]
        if not {*map(tuple, tables)} <= _standard_tables():
            raise Failure("the JPEG file's quantization tables are not the standard ones")
        sampling = max(JpegImagePlugin.get_sampling(image), 0)
        is_progressive = bool(image.info.get("progressive"))
        options |= {"qtables": tables, "subsampling": sampling, "progressive": is_progressive}
    elif image.format == "TIFF":
        options["compression"] = image.info.get("compression")
    elif image.format == "WEBP":
        options |= {"lossless": True} if is_lossless(data) else {"quality": _LOSSY_WEBP}
    return options


@lru_cache(maxsize=1)
def _standard_tables() -> frozenset[tuple[int, ...]]:
    """Tables of all qualities, as another encoder writes them."""
    found = set[tuple[int, ...]]()
    for quality in range(1, 101):
        pixel, how = np.zeros((8, 8, 3), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
        with Image.open(io.BytesIO(cv2.imencode(".jpg", pixel, how)[1].tobytes())) as image:
            found |= {*map(tuple, cast("Any", image).quantization.values())}
    return frozenset(found)


class CheckedPage(NamedTuple):
    """A page of a PDF file, whose pixels were checked before they were written."""

    shape: tuple[int, ...]
    digest: bytes
    dpi: int

    @classmethod
    def of(cls, pixels: np.ndarray, dpi: int) -> CheckedPage:
        """Describe a page by its pixels."""
        return cls(pixels.shape, hashlib.sha256(_rows_of(pixels)).digest(), dpi)


def check_pdf(data: bytes | mmap.mmap, pages: Sequence[CheckedPage]) -> None:
    """Refuse a PDF file that is not exactly these pages (Failure).

    Besides compressed pixels, it has one possible content, from its first byte to its last: there
    is no room for a text, an attachment, a second version of a page, metadata or anything else.
    """
    kids = " ".join(f"{3 * number} 0 R" for number in range(1, len(pages) + 1))
    objects = [  # texts without compressed pixels, and the lengths of these
        ("<< /Type /Catalog /Pages 2 0 R >>", 0),
        (f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>", 0),
    ]
    at, found = 0, b""
    for page in pages:
        if (length := _LENGTH.search(data, at)) is None:
            raise Failure("the PDF file lacks the pixels of a page")
        found += data[at : length.end()]
        packed = int(length[1])
        at = length.end() + packed
        digest = hashlib.sha256(_rows_in(data[length.end() : at], page.shape)).digest()
        if digest != page.digest:
            raise Failure("the PDF file shows other pixels than those that were checked")
        height, width = page.shape[:2]
        channels, space = (1, "DeviceGray") if len(page.shape) == 2 else (3, "DeviceRGB")
        across, up = (f"{72 * side / page.dpi:.4f}" for side in (width, height))
        drawn, number = f"q {across} 0 0 {up} 0 0 cm /Im Do Q", len(objects) + 2
        page_text = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {across} {up}] /Contents {number} 0 R "
            f"/Resources << /XObject << /Im {number + 1} 0 R >> >> >>"
        )
        image_text = (
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace "
            f"/{space} /BitsPerComponent 8 /Filter /FlateDecode /DecodeParms << /Predictor 15 "
            f"/Colors {channels} /BitsPerComponent 8 /Columns {width} >> /Length {packed} >>\n"
            "stream\n\nendstream"
        )
        drawn = f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream"
        objects += [(page_text, 0), (drawn, 0), (image_text, packed)]
    text, table, cut = "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "0000000000 65535 f \n", 0
    for number, (each, packed) in enumerate(objects, start=1):
        table += f"{len(text) + cut:010d} 00000 n \n"
        text += f"{number} 0 obj\n{each}\nendobj\n"
        cut += packed
    size, start = len(objects) + 1, len(text) + cut
    text += f"xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    if found + data[at:] != f"{text}startxref\n{start}\n%%EOF\n".encode("latin-1"):
        raise Failure("the PDF file contains other data than its images")
