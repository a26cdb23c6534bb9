"""Audit of one file of a user's, written in its own format, against the original's pixels.

What is proved, from the bytes as they were written: the regions of its record are hidden as their
method promises and every other pixel is the original's (`audit.pixels`), in the pixels that were
coded; and the file is these pixels and nothing else, but for the original's colour profile. Of a
format without loss, the decoded pixels are compared. For the rest, and for all formats but PNG, the
encoder is run again with the tables and options that stand in the file: it has to make the same
bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.files import png_pixels
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import Region
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Variant

_LOSSY_WEBP = 95
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

    Raises:
        Failure: something is not as it has to be.

    """
    if pixels.shape != original.shape or pixels.dtype != original.dtype:
        raise Failure("its shape or depth differs from the original's")
    regions = [_region(rank, row) for rank, row in enumerate(rows)]
    hidden = check_layers(original, pixels, regions, variant, settings, between)["hidden_pixels"]
    _check_file(data, pixels, profile)
    return hidden


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
        sampling = max(JpegImagePlugin.get_sampling(image), 0)
        more = {"progressive": True} if image.info.get("progressive") else {}
        return {"qtables": tables, "subsampling": sampling} | more
    if image.format == "TIFF":
        return {"compression": image.info.get("compression")}
    if image.format == "WEBP":
        return {"lossless": True} if _is_lossless_webp(data) else {"quality": _LOSSY_WEBP}
    return {}


def _is_lossless_webp(data: bytes) -> bool:
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] in (b"VP8L", b"VP8 "):
            return data[at : at + 4] == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    raise Failure("the file is not a whole image")
