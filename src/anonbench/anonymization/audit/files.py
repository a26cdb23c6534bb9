"""Decoding of written images, independent of the library that wrote them.

A file passes only if it holds the image and nothing else: no metadata, no thumbnail, no further
frame, nothing behind the image's end.
"""

from __future__ import annotations

import io
import math
import struct

import cv2
import numpy as np
from PIL import Image
from zlib_ng import zlib_ng

from anonbench.anonymization.audit.errors import Failure

_PNG_START = b"\x89PNG\r\n\x1a\n"
_MOST_PROFILE = 2**26
_CHANNELS: dict[int, tuple[int, ...]] = {0: (), 2: (3,)}
"""By PNG colour type: grey and RGB; no palette, no alpha."""


def png_pixels(
    data: bytes,
    shape: tuple[int, ...],
    profile: bytes = b"",
    named: np.ndarray | None = None,
) -> np.ndarray:
    """Return the pixels of a PNG file, uint8 [H, W] or [H, W, 3].

    Args:
        data: the file.
        shape: the one that its pixels have to have; looked at before they are decoded.
        profile: the colour profile that the file has to hold; empty: it may hold none.
        named: pixels that may be those of the file. They need not be: it is decoded then.

    Raises:
        Failure: the file is damaged, of another shape, or holds anything besides an 8-bit grey or
            RGB image.

    """
    header, stream, embedded = _png_parts(data)
    if embedded != profile:
        raise Failure("the PNG file's colour profile is not the one it should have")
    width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", header)
    if depth != 8 or kind not in _CHANNELS or any(rest):
        raise Failure("the PNG file is not plain 8-bit grey or RGB")
    if (height, width, *_CHANNELS[kind]) != shape:
        raise Failure("the PNG file has another shape than the original")
    size = height * (1 + math.prod(shape[1:]))
    inflate = zlib_ng.decompressobj()
    try:
        rows = inflate.decompress(stream, size + 1)
        whole = len(rows) == size and inflate.eof
        if whole and named is not None and _stand_for(rows, named, shape):
            pixels = named
        else:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                pixels = np.asarray(image)
    except Exception:  # damaged data makes decoders raise nearly anything
        raise Failure("the PNG file is damaged") from None
    if not whole or inflate.unused_data:
        raise Failure("the PNG file holds more or less than its image")
    return pixels


def _stand_for(rows: bytes, pixels: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Tell whether rows of a PNG file stand for these pixels, as they are or filtered by `Up`.

    By that filter (PNG, 9.2) each value is the difference to the pixel above, modulo 256, and the
    first row is itself. No other pixels have the same differences. To compare is faster than to
    decode.
    """
    if pixels.shape != shape or pixels.dtype != np.uint8:
        return False
    filtered = np.frombuffer(rows, np.uint8).reshape(shape[0], -1)
    kinds, values = filtered[:, 0], filtered[:, 1:]
    shown = pixels.reshape(shape[0], -1)
    if (kinds == 0).all():
        return _are_equal(values, shown)
    if not (kinds == 2).all() or not _are_equal(values[:1], shown[:1]):
        return False
    return len(shown) == 1 or _are_equal(values[1:], shown[1:] - shown[:-1])


def _are_equal(values: np.ndarray, others: np.ndarray) -> bool:
    """Compare uint8 [h, w]; no array of all comparisons is made."""
    return cv2.norm(values, others, cv2.NORM_INF) == 0


def _png_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return header, compressed pixels and colour profile of a PNG file of no other chunks."""
    if not data.startswith(_PNG_START):
        raise Failure("the file is not a PNG file")
    chunks: list[tuple[bytes, bytes]] = []
    at = len(_PNG_START)
    while at < len(data):
        if at + 12 > len(data):
            raise Failure("something stands behind the end of the PNG file's image")
        length, name = struct.unpack_from(">I4s", data, at)
        body, check = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if len(check) < 4 or zlib_ng.crc32(body, zlib_ng.crc32(name)) != int.from_bytes(
            check, "big"
        ):
            raise Failure("the PNG file is damaged")
        chunks.append((name, body))
        at += 12 + length
    embedded = b""
    if len(chunks) > 1 and chunks[1][0] == b"iCCP":
        embedded = _png_profile(chunks.pop(1)[1])
    names = [name for name, _ in chunks]
    pixels = [body for name, body in chunks if name == b"IDAT"]
    if names != [b"IHDR", *[b"IDAT"] * len(pixels), b"IEND"] or chunks[-1][1] or not all(pixels):
        odd = sorted({name.decode("latin-1") for name in names} - {"IHDR", "IDAT", "IEND"})
        what = ", ".join(odd) or "chunks that it does not need"
        raise Failure(f"the PNG file holds more than its image: {what}")
    if len(chunks[0][1]) != 13 or not pixels:
        raise Failure("the PNG file is damaged")
    return chunks[0][1], b"".join(pixels), embedded


def _png_profile(chunk: bytes) -> bytes:
    name, _, rest = chunk.partition(b"\0")
    inflate = zlib_ng.decompressobj()
    try:
        profile = inflate.decompress(rest[1:], _MOST_PROFILE)
    except Exception:  # damaged data makes decoders raise nearly anything
        raise Failure("the PNG file is damaged") from None
    if name != b"icc" or rest[:1] != b"\0" or not inflate.eof or inflate.unused_data:
        raise Failure("the PNG file's colour profile holds more than a profile")
    return profile


def check_jpeg(data: bytes, pixels: np.ndarray, quality: int) -> None:
    """Refuse a JPEG file that is not, byte for byte, what `pixels` give at `quality`.

    A second encoder of the same standard writes the file again from the pixels. So nothing but
    these pixels is in it, neither in its blocks nor beside them, whatever quantization does to
    them.

    Args:
        data: the file.
        pixels: uint8 [H, W] or [H, W, 3], what the file is said to show; checked on its own.
        quality: the quality asked for.

    Raises:
        Failure: the file is another one.

    """
    again = io.BytesIO()
    Image.fromarray(pixels).save(again, "JPEG", quality=quality)
    if again.getvalue() == data:
        return
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            shown = np.asarray(image)
            more = sorted(str(k) for k in image.info if not str(k).startswith("jfif"))
        with Image.open(again) as image:
            expected = np.asarray(image)
    except Exception:  # damaged data makes decoders raise nearly anything
        raise Failure("the file is not a whole JPEG file") from None
    if shown.shape != expected.shape:
        raise Failure("the JPEG file shows an image of another shape")
    if not np.array_equal(shown, expected):
        raise Failure("the JPEG file shows other pixels than quantization at its quality explains")
    raise Failure(f"the JPEG file holds more than its image: {', '.join(more) or 'unknown data'}")
