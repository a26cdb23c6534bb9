"""Detection of incomplete files: cut off, or filled with zeros like a copy to a full disk.

Decoders read many of them without an error: missing parts become grey, black or noise, and the copy
looks like an image. GIF and JPEG 2000 are left to Pillow, which refuses such files by itself.
Uncompressed files of the right length show no such fault, except if zeros begin at a block of a
disk.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import islice

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, TiffImagePlugin

from anonbench.core.errors import UnreadableImage

_MOST_READS = 2**21
_MOST_PARTS = 2**22
_MOST_SCANS = 100  # in a JPEG file: each goes over the whole image; about ten are usual
_SCAN, _PROGRESSIVE = re.compile(rb"\xff\xda"), b"\xff\xc2"
_JPEG = 7  # compression of TIFF files
_GUESSED = frozenset(range(10))  # coefficients of a progressive JPEG guessed until they are sent
ZEROS = 64  # number of successive zero bytes in which compressed pixels never end
_PIXELS_A_BYTE = 2048  # greatest number of pixels for a byte of lossy WebP
_BLOCK = 4096  # size of a disk's block in bytes
_FILL = (127, 128)  # levels that libjpeg gives to missing pixels
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_CORNER = 8
_MISSING = 32  # blocks of 8 × 8 pixels without data from which an image counts as incomplete


class HeaderReader(io.BytesIO):
    """Content of a file, whose header may be read in a bounded number of reads."""

    left: float = _MOST_READS

    def read(self, size: int | None = -1) -> bytes:
        """Read as a file does; UnreadableImage if it was read too often."""
        self.left -= 1
        if self.left < 0:
            raise UnreadableImage("takes too long to read")
        return super().read(size)


def require_whole(data: bytes, image: ImageFile.ImageFile) -> None:
    """Raise UnreadableImage if a file's structure shows that it is incomplete.

    `image` is opened from it, at the relevant page; no pixel is read.
    """
    try:
        if image.format == "PNG":
            _require_png(data)
        elif image.format in ("JPEG", "MPO"):
            _pixels_of_jpeg(data)
            _require_scans(data, image)
        elif image.format == "WEBP":
            # blocks of one colour take a fraction of a bit each, and may be zeros
            least = ZEROS + image.width * image.height // _PIXELS_A_BYTE
            if 8 + struct.unpack_from("<I", data, 4)[0] > len(data):
                raise _cut("shorter than its header says")
            _require_boxes(data, _riff(data), (b"VP8 ", b"VP8L", b"ANMF"), least)
        elif image.format == "HEIF":
            _require_boxes(data, _iso(data), (b"mdat",), ZEROS)
        elif isinstance(image, TiffImagePlugin.TiffImageFile):
            _require_strips(data, image)
        if all(tile.codec_name == "raw" for tile in image.tile):
            _require_raw(data, image)
    except (struct.error, IndexError):
        raise _cut("it ends within a header") from None


def _require_scans(data: bytes, image: Image.Image) -> None:
    if not has_all_scans(data, image):
        raise _cut("scans of its progression are missing")


def has_all_scans(data: bytes, image: Image.Image) -> bool:
    """Check whether a JPEG, opened from data with an end marker, has all of its scans."""
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


def require_filled(data: bytes, image: Image.Image) -> None:
    """Raise UnreadableImage for a JPEG file whose data end before its image does.

    The file has passed `require_whole`; `image` is read from it, as it is stored.
    """
    width, height = image.size
    corner = image.crop((max(0, width - _CORNER), max(0, height - _CORNER), width, height))
    levels = corner.getextrema()
    pairs = levels if isinstance(levels[0], tuple) else [levels]
    if not all(low == high and low in _FILL for low, high in pairs):
        return
    # a scan without its last bytes differs at the end of its data; only a first scan has bits for
    # each block
    start, end = _pixels_of_jpeg(data)
    end = marker.start() if (marker := _MARKER.search(data, start)) else end
    whole, less = (_levels(data[:cut] + b"\xff\xd9") for cut in (end, end - 2))
    rows, columns = np.nonzero((whole != less).any(axis=2))
    last = rows.max(initial=-1) // _CORNER
    if last < 0:
        return
    column = columns[rows // _CORNER == last].max() // _CORNER
    down, across = (-(-side // _CORNER) for side in whole.shape[:2])
    if (down - 1 - last) * across + across - 1 - column > _MISSING:
        raise _cut("its data end before its image does")


def _levels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return np.atleast_3d(np.asarray(image))


def _cut(what: str) -> UnreadableImage:
    return UnreadableImage(f"truncated or damaged ({what})")


def _require_png(data: bytes) -> None:
    at = 8
    for _ in range(_MOST_PARTS):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not name.isalpha() or end > len(data):
            break
        check = zlib.crc32(memoryview(data)[at + 4 : end - 4])
        if name[:1].isupper() and check != struct.unpack_from(">I", data, end - 4)[0]:
            raise _cut(f"wrong checksum in {name.decode()}")
        if name == b"IEND":
            return
        at = end
    raise _cut("no end marker IEND")


def _pixels_of_jpeg(data: bytes) -> tuple[int, int]:
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


def _iso(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes of a HEIC file: name, start and end of their content."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if name == bytes(4):  # filled up behind its last box
            return
        end = at + size if size else len(data)
        yield name, at + head, end
        at = max(end, at + head)


def _require_boxes(
    data: bytes, boxes: Iterator[tuple[bytes, int, int]], with_pixels: tuple[bytes, ...], zeros: int
) -> None:
    filled = _end_without_zeros(data)
    for name, _, end in islice(boxes, _MOST_PARTS):
        if end > len(data):
            raise _cut("shorter than its header says")
        if name in with_pixels and end - filled >= zeros:
            raise _cut("its pixels end in zeros")


def _require_strips(data: bytes, image: TiffImagePlugin.TiffImageFile) -> None:
    if image.tag_v2.get(259, 1) == 1:
        return
    filled = _end_without_zeros(data)
    for first, second in ((273, 279), (324, 325)):
        starts, sizes = (image.tag_v2.get(tag, ()) for tag in (first, second))
        for start, size in zip(starts, sizes, strict=False):
            if start + size > len(data):
                raise _cut("shorter than its header says")
            if start + size - filled >= ZEROS and size >= ZEROS:
                raise _cut("its pixels end in zeros")
            part = data[start : start + size]
            if image.tag_v2[259] == _JPEG and _PROGRESSIVE in part:
                with Image.open(io.BytesIO(part), formats=["JPEG"]) as inner:
                    _require_scans(part, inner)


def _require_raw(data: bytes, image: ImageFile.ImageFile) -> None:
    """Refuse zeros to the end that begin with a block of a disk, and within a row of pixels."""
    filled = _end_without_zeros(data)
    if not image.tile or len(data) - filled < _BLOCK:
        return
    first = min(tile.offset for tile in image.tile)
    row = max(1, (len(data) - first) // image.height)
    if filled > first and filled % _BLOCK == 0 and (filled - first) % row:
        raise _cut("its pixels end in zeros")


def _end_without_zeros(data: bytes) -> int:
    return len(data.rstrip(b"\0")) if data.endswith(b"\0") else len(data)
