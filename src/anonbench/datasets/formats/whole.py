"""Detection of incomplete files, by the checksums, end markers and lengths of their formats.

Decoders read many of them without an error: missing parts become grey, black or noise, and the copy
looks like an image. What is not checked here, Pillow refuses by itself.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator

from isal import isal_zlib
from PIL import Image, ImageFile, JpegImagePlugin, TiffImagePlugin

from anonbench.core.errors import UnreadableImage

_MOST_READS = 2**21
_MOST_PARTS = 2**22
_MOST_SCANS = 100
"""Greatest number of scans in a JPEG file: each goes over the whole image; about ten are usual."""
_SCAN = re.compile(rb"\xff\xda")
_GUESSED = frozenset(range(10))
"""Coefficients of a progressive JPEG that decoders guess from neighbouring blocks until they are
sent in full.
"""


class HeaderReader(io.BytesIO):
    """Content of a file, whose header may be read in a bounded number of reads."""

    left: float = _MOST_READS

    def read(self, size: int | None = -1) -> bytes:
        """Read as a file does; raise UnreadableImage if it was read too often."""
        self.left -= 1
        if self.left < 0:
            raise UnreadableImage("takes too long to read")
        return super().read(size)


def require_whole(data: bytes, image: ImageFile.ImageFile) -> None:
    """Raise UnreadableImage if a file's structure shows that it is incomplete; no pixel is read."""
    try:
        if image.format == "PNG":
            _require_png(data)
        elif image.format in ("JPEG", "MPO"):
            _pixels_of_jpeg(data)
            if not has_all_scans(data, image):
                raise _cut("scans of its progression are missing")
        elif image.format == "WEBP" and 8 + struct.unpack_from("<I", data, 4)[0] > len(data):
            raise _cut("shorter than its header says")
        elif isinstance(image, TiffImagePlugin.TiffImageFile):
            for first, second in ((273, 279), (324, 325)):  # strips, tiles
                parts = zip(*(image.tag_v2.get(tag, ()) for tag in (first, second)), strict=False)
                if any(start + size > len(data) for start, size in parts):
                    raise _cut("shorter than its header says")
    except (struct.error, IndexError):
        raise _cut("it ends within a header") from None


def has_all_scans(data: bytes, image: Image.Image) -> bool:
    """Check whether a JPEG with an end marker has all its scans: decoders guess what is missing."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or not image.info.get("progressive"):
        return True
    sent: dict[int, set[int]] = {component[0]: set() for component in image.layer}
    start, end = _pixels_of_jpeg(data)
    for scan in _SCAN.finditer(data, start - 2, end):
        count = data[scan.end() + 2]
        components = data[scan.end() + 3 : scan.end() + 3 + 2 * count : 2]
        first, last, bits = struct.unpack_from("BBB", data, scan.end() + 3 + 2 * count)
        for each in components if bits & 15 == 0 else b"":  # none of its bits are still to come
            sent.setdefault(each, set()).update(range(first, last + 1))
    return all(each >= _GUESSED for each in sent.values())


def _cut(what: str) -> UnreadableImage:
    return UnreadableImage(f"truncated or damaged ({what})")


def _require_png(data: bytes) -> None:
    at = 8
    for _ in range(_MOST_PARTS):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not name.isalpha() or end > len(data):
            break
        check = isal_zlib.crc32(memoryview(data)[at + 4 : end - 4])
        if name[:1].isupper() and check != struct.unpack_from(">I", data, end - 4)[0]:
            raise _cut(f"wrong checksum in {name.decode()}")
        if name == b"IEND":
            return
        at = end
    raise _cut("no end marker IEND")


def _pixels_of_jpeg(data: bytes) -> tuple[int, int]:
    """Start and end of a JPEG file's coded pixels."""
    at = 2
    for _ in range(_MOST_PARTS):
        at = data.find(b"\xff", at)
        if at < 0:
            break
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == 0xDA:
            end = data.find(b"\xff\xd9", at)
            if end < 0 or data.find(b"\xff\xd8", at, end) >= 0:  # the end of a preview behind it
                break
            if data.count(b"\xff\xda", at, end) >= _MOST_SCANS:
                raise UnreadableImage(f"a JPEG of more than {_MOST_SCANS} scans")
            return at, end
        if marker not in (0x00, 0x01, *range(0xD0, 0xD8)):
            at += struct.unpack_from(">H", data, at)[0]
    raise _cut("no end marker EOI")


def _riff(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the chunks of a WebP file, also inside of frames: name, start and end of content."""
    at = 12
    end = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, at + 8 + size
        at += 8 + (16 if name == b"ANMF" else size + size % 2)


def is_lossless_webp(data: bytes) -> bool:
    """Check whether a WebP file's first picture is coded without loss."""
    return next((n == b"VP8L" for n, *_ in _riff(data) if n in (b"VP8L", b"VP8 ")), False)
