"""Colour models other than grey and RGB, converted to sRGB.

Values of grey and RGB images stay as they are stored, whatever profile is embedded: an anonymized
image equals its original outside of the regions. Values of CMYK mean nothing without their profile.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageCms

Convert = Callable[[Image.Image], Image.Image]
_LAB = "LAB"
_CMYK = "CMYK"


def to_rgb(image: Image.Image) -> Convert:
    """Return what makes RGB of an image, or of a part of it."""
    if image.mode == _LAB:
        return _lab()
    if image.mode == _CMYK and (convert := _by_profile(profile(image))):
        return convert
    return _by_formula


def conversion(image: Image.Image) -> str:
    """Say how the colours of an image become grey or RGB; empty where values stay."""
    if image.mode == _LAB:
        return "L*a*b* to RGB"
    if image.mode == _CMYK:
        by_profile = _by_profile(profile(image)) is not None
        return f"CMYK to RGB {'by its' if by_profile else 'without a'} colour profile"
    if image.mode in ("YCbCr", "HSV"):
        return f"{image.mode} to RGB"
    embedded = profile(image)
    if embedded and not any(name in embedded for name in (b"sRGB", "sRGB".encode("utf-16-be"))):
        return "colour profile other than sRGB dropped, values kept"
    return ""


def profile(image: Image.Image) -> bytes:
    """Return an image's colour profile, empty where it has none."""
    embedded = image.info.get("icc_profile")
    return embedded if isinstance(embedded, bytes) else b""


def _by_formula(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


@functools.lru_cache(8)
def _by_profile(embedded: bytes) -> Convert | None:
    """Return the conversion of a CMYK profile; None where it is damaged, or of something else."""
    if not embedded:
        return None
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(embedded))
        return _converter(source, _CMYK)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@functools.cache
def _lab() -> Convert:
    return _converter(ImageCms.createProfile("LAB"), _LAB)


def _converter(source: Any, mode: str) -> Convert:
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE,
    )

    def convert(image: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(image, transform)
        if converted is None:  # as the library's types have it
            raise ValueError("no image was made")
        return converted

    return convert
