"""Audit of one file of a user's, written in its own format, against the original's pixels.

What is proved, from the bytes as they were written: the regions of its record are hidden as their
method promises and every other pixel is the original's (`audit.pixels`), in the pixels that were
coded; and the file is these pixels and nothing else, but for a colour profile and quantization
tables, which are standard ones. Of a format without loss, the decoded pixels are compared. For the
rest, and for all formats but PNG, the encoder is run again with the tables and options that stand
in the file: it has to make the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin

from anonbench.anonymization.audit.blocks import Source
from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.files import png_pixels
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import Region
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Variant

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
_SIDES = ("x0", "y0", "x0", "y1", "x1", "y1", "x1", "y0")


def check_written(
    rows: Sequence[Mapping[str, Any]],
    original: np.ndarray,
    pixels: np.ndarray,
    data: bytes,
    profile: bytes,
    variant: Variant,
    settings: Anonymization,
    between: Sequence[np.ndarray] = (),
    source: Source | None = None,
) -> int:
    """Check one file; return how many of its pixels are hidden.

    Args:
        rows: the regions of its record in draw order: entity, x0, y0, x1, y1, and quad of a slanted
            one.
        original: uint8 [H, W] or [H, W, 3].
        pixels: what was coded, of the same shape.
        data: the file.
        profile: the colour profile that it has to hold, empty for none.
        variant: method and degree asked for.
        settings: the method's strengths.
        between: images between the layers of a method that has several.
        source: the original's file.

    Raises:
        Failure: something is not as it has to be.

    """
    hidden = check_coded(rows, original, pixels, variant, settings, between, source)
    if profile and hashlib.sha256(profile).hexdigest() not in _PROFILES:
        raise Failure("its colour profile is no standard one")
    _check_file(data, pixels, profile)
    return hidden


def check_coded(
    rows: Sequence[Mapping[str, Any]],
    original: np.ndarray,
    pixels: np.ndarray,
    variant: Variant,
    settings: Anonymization,
    between: Sequence[np.ndarray] = (),
    source: Source | None = None,
) -> int:
    """Check what is coded, before there is a file; see `check_written`."""
    if pixels.shape != original.shape or pixels.dtype != original.dtype:
        raise Failure("its shape or depth differs from the original's")
    regions = [_region(rank, row) for rank, row in enumerate(rows)]
    found = check_layers(original, pixels, regions, variant, settings, between, source)
    return found["hidden_pixels"]


def _region(rank: int, row: Mapping[str, Any]) -> Region:
    quad = row.get("quad")
    values = quad or [row[side] for side in _SIDES]
    corners = np.array(values, np.float64).reshape(4, 2)
    return Region(str(row["entity"]), rank, corners, quad is not None)


def _check_file(data: bytes, pixels: np.ndarray, profile: bytes) -> None:
    if data.startswith(b"\x89PNG"):
        if not np.array_equal(png_pixels(data, pixels.shape, profile, pixels), pixels):
            raise Failure("the file shows other pixels than those that were checked")
        return
    try:
        with Image.open(io.BytesIO(data)) as image:
            format_, options = str(image.format), _options(image, data)
            lossy = format_ == "JPEG" or "quality" in options
            if not lossy and not np.array_equal(np.asarray(image), pixels):
                raise Failure("the file shows other pixels than those that were checked")
        again = io.BytesIO()
        more = {"icc_profile": profile} if profile else {}
        Image.fromarray(pixels).save(again, format_, **options, **more)
    except Failure:
        raise
    except Exception:  # damaged data makes decoders raise nearly anything
        raise Failure("the file is not a whole image") from None
    if again.getvalue() != data:
        raise Failure("the file holds more than its image, or another one")


def _options(image: Image.Image, data: bytes) -> dict[str, Any]:
    """Return the encoder's options as they stand in a file."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if image.quantization.keys() != {component[3] for component in image.layer}:
            raise Failure("the JPEG file holds tables that no component uses, or lacks one")
        tables = [image.quantization[key] for key in sorted(image.quantization)]
        if not {*map(tuple, tables)} <= _standard_tables():
            raise Failure("the JPEG file's quantization tables are no standard ones")
        sampling = max(JpegImagePlugin.get_sampling(image), 0)
        more = {"progressive": True} if image.info.get("progressive") else {}
        return {"qtables": tables, "subsampling": sampling} | more
    if image.format == "TIFF":
        return {"compression": image.info.get("compression")}
    if image.format == "WEBP":
        return {"lossless": True} if _is_lossless_webp(data) else {"quality": _LOSSY_WEBP}
    return {}


@lru_cache(maxsize=1)
def _standard_tables() -> frozenset[tuple[int, ...]]:
    """Return the tables of all qualities, as another encoder writes them."""
    pixel, found = np.zeros((8, 8, 3), np.uint8), set[tuple[int, ...]]()
    for quality in range(1, 101):
        made, data = cv2.imencode(".jpg", pixel, [cv2.IMWRITE_JPEG_QUALITY, quality])
        with Image.open(io.BytesIO(data.tobytes())) as image:
            assert made and isinstance(image, JpegImagePlugin.JpegImageFile)
            found |= {tuple(table) for table in image.quantization.values()}
    return frozenset(found)


def _is_lossless_webp(data: bytes) -> bool:
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] in (b"VP8L", b"VP8 "):
            return data[at : at + 4] == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    raise Failure("the file is not a whole image")
