"""How an image is stored in its file, and how an anonymized one is written likewise.

Written files hold pixels and, where the original names its colours, a standard colour profile;
nothing else: EXIF, XMP, comments and thumbnails may show what was hidden. Pixels are upright, so
that no orientation is needed.
"""

from __future__ import annotations

import io
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from anonbench.anonymization.files.profiles import standard
from anonbench.datasets.formats.conversions import BETWEEN, conversions
from anonbench.datasets.formats.whole import is_lossless_webp
from anonbench.datasets.images import encode, open_checked

AS_THEY_ARE = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "PPM")
"""Formats that are written. Images of all others become PNG, and the names end in `.png`."""
_SAME = {"MPO": "JPEG", "DIB": "BMP"}
_LOSSY = {"HEIF": "JPEG"}
_SUFFIX = {"PNG": ".png", "JPEG": ".jpg"}
SUFFIXES = tuple(_SUFFIX.values())
"""That a copy's name may have more than its original's."""
_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
"""Of TIFF, without loss and for any depth; others become the third."""
JPEG_QUALITY = 95
"""Where the original has no tables of its own: CMYK, HEIC."""
WEBP_QUALITY = 95
_SPACES = {2: b"GRAY", 3: b"RGB "}


@dataclass(frozen=True)
class Stored:
    """Format and options of a file."""

    format: str
    """Of what is written, as Pillow names it."""
    suffix: str = ""
    """Appended to the name where the format is not the original's."""
    profile: bytes = b""
    """ICC profile, one of the standard ones; empty where the original has none."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of Pillow's `save`."""
    converted: str = ""
    """What reading did to the original (`anonbench.datasets.formats.conversions`)."""


def stored(data: bytes, pixels: np.ndarray) -> Stored:
    """Return how an original is stored, from its header.

    Args:
        data: the file, which `read_image` could read.
        pixels: what it read, uint8 [H, W] or [H, W, 3].

    """
    with open_checked(data, None) as image:
        given = str(image.format)
        format_ = _SAME.get(given, given)
        suffix = ""
        if format_ not in AS_THEY_ARE:
            format_ = _LOSSY.get(given, "PNG")
            suffix = _SUFFIX[format_]
        options: dict[str, Any] = {}
        if format_ == "JPEG":
            options = _jpeg(image, pixels)
        elif format_ == "TIFF":
            kept = image.info.get("compression")
            options = {"compression": kept if kept in _COMPRESSIONS else _COMPRESSIONS[2]}
        elif format_ == "WEBP":
            lossless = is_lossless_webp(data)
            options = {"lossless": True} if lossless else {"quality": WEBP_QUALITY}
        profile = b"" if format_ in ("BMP", "PPM") else _profile(image, pixels)
        return Stored(format_, suffix, profile, options, BETWEEN.join(conversions(image, None)))


def write(pixels: np.ndarray, how: Stored) -> bytes:
    """Return a file of the pixels, uint8 [H, W] or [H, W, 3] RGB.

    Raises:
        InputError: the format has no room for so large an image.

    """
    if how.format == "PNG":
        return with_profile(encode(pixels), how.profile)
    file = io.BytesIO()
    more = {"icc_profile": how.profile} if how.profile else {}
    Image.fromarray(pixels).save(file, how.format, **how.options, **more)
    return file.getvalue()


def with_profile(png: bytes, profile: bytes) -> bytes:
    """Return a PNG file with a colour profile behind its header."""
    if not profile:
        return png
    import zlib

    body = b"iCCP" + b"icc\0\0" + zlib.compress(profile, 1)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    end = 8 + 25  # signature and IHDR
    return png[:end] + chunk + png[end:]


def _jpeg(image: Image.Image, pixels: np.ndarray) -> dict[str, Any]:
    """Return tables of the original's quality: its own where they are standard ones.

    Then blocks outside the regions stay as they were. Other tables may be words, and the nearest
    standard ones are taken that are nowhere coarser.
    """
    more = {"progressive": True} if image.info.get("progressive") else {}
    bands = 1 if pixels.ndim == 2 else 3
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.layers != bands:
        return {"quality": JPEG_QUALITY, "subsampling": 0} | more
    # one for each component, of which the last may stand for those after it; none that is not used
    tables = [_standard(image.quantization[component[3]]) for component in image.layer]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    found = JpegImagePlugin.get_sampling(image)
    return {"qtables": tables, "subsampling": max(found, 0)} | more


def _standard(table: Sequence[int]) -> tuple[int, ...]:
    """Return the coarsest standard table that is nowhere coarser than one."""
    fine = [each for each in _tables() if all(map(operator.le, each, table))]
    return max(fine, key=lambda each: (each == tuple(table), sum(each)), default=(1,) * 64)


@lru_cache(maxsize=1)
def _tables() -> tuple[tuple[int, ...], ...]:
    """Return the tables of all qualities, for brightness and for colour (T.81, annex K)."""
    found: dict[tuple[int, ...], None] = {}
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            assert isinstance(image, JpegImagePlugin.JpegImageFile)
            found |= {tuple(table): None for table in image.quantization.values()}
    return tuple(found)


def _profile(image: Image.Image, pixels: np.ndarray) -> bytes:
    """Return a standard profile of the image's colours, empty where it names none."""
    profile = image.info.get("icc_profile")
    return standard(profile, _SPACES[pixels.ndim]) if isinstance(profile, bytes) else b""
