"""Coded pixels of images in PDF files: whether they can be decoded to their end.

PDFium draws what it can decode, and the rest white or black, without a word. A codeword that was
replaced by another is seen by nobody.
"""

import base64
import io
import struct
import zlib
from contextlib import suppress

import numpy as np
from PIL import Image, TiffImagePlugin

from anonbench.datasets.formats.whole import require_filled, require_whole

_PART = 2**16  # bytes that are inflated at once
_TIFF = b"II*\0\x08\0\0\0"
# of faxes, by tags 259 and 292: Group 4, Group 3, with 2-D rows, with rows of whole bytes
_CODINGS = (4, 0), (3, 0), (3, 1), (2, 0)
_BEHIND = b"\x55" * 4096  # as Group 4 it draws black pixels on a white page
_REPEATED = 7
_UNKNOWN = 2**32 - 1


def from_ascii85(data: bytes) -> bytes:
    """Bytes that a stream of letters stands for; empty if it cannot be decoded."""
    with suppress(ValueError):
        return base64.a85decode(data.partition(b"~")[0])  # its end, `~>`, may be on two lines
    return b""


def inflates(data: bytes) -> bool:
    """Whether a zlib stream reaches its end; its checksum, which some writers omit, is not read."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    with suppress(zlib.error):
        for start in range(2, len(data), _PART):
            stream.decompress(data[start : start + _PART])
    return stream.eof


def is_whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG can be decoded, and no part of it is missing."""
    with suppress(Exception), Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        require_whole(data, image)
        image.load()
        require_filled(data, image)
        return True
    return False


def is_whole_jbig2(data: bytes) -> bool:
    """Whether the segments of a JBIG2 image end within its data; no pixel is decoded.

    Source: ITU-T T.88, 2018, section 7.2.
    """
    at = 0
    with suppress(struct.error):
        while at + 11 <= len(data):
            number, flags, refers = struct.unpack_from(">IBB", data, at)
            at, count = at + 6, refers >> 5
            if count == _REPEATED:
                count = struct.unpack_from(">I", data, at - 1)[0] & 0x1FFFFFFF
                at += 3 + (count + 8) // 8
            at += count * (1 if number <= 2**8 else 2 if number <= 2**16 else 4)
            at += 4 if flags & 64 else 1
            (length,) = struct.unpack_from(">I", data, at)
            if length == _UNKNOWN:
                return True
            at += 4 + length
        return at <= len(data)
    return False


def is_fax(data: bytes, pixels: np.ndarray) -> bool:
    """Whether libtiff decodes a fax to the same pixels, in either of the two colours.

    Codes behind its end change nothing if it has all of its rows.
    """
    height, width = pixels.shape[:2]
    flat = pixels.reshape(height, width, -1)
    expected = (flat == flat[0, 0]).all(axis=2)
    data += _BEHIND
    for compression, options in _CODINGS:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        sizes = {256: width, 257: height, 278: height, 279: len(data), 292: options}
        for tag, value in ({258: 1, 259: compression, 262: 0, 273: 0} | sizes).items():
            tags[tag] = value
        file = io.BytesIO(_TIFF + tags.tobytes(len(_TIFF)) + data)
        with suppress(Exception), Image.open(file, formats=["TIFF"]) as image:
            found = np.asarray(image)
            if ((found == found[0, 0]) == expected).all():
                return True
    return False
