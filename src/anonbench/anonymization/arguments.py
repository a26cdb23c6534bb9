"""Checks of what a caller hands in: a wrong argument must not leave a region in sight."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Variant
from anonbench.core.wording import suggestion

_FARTHEST = 2**24
"""Pixels that a corner may be away from an image's first one: beyond, float32 has no whole ones."""


def check_arguments(
    image: np.ndarray, regions: Sequence[Region], variant: Variant, settings: Anonymization
) -> None:
    """Check the arguments of `anonbench.anonymize`.

    Raises:
        InputError: one of them is wrong.

    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or not _is_image(image.shape):
        found = (
            f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else "no array"
        )
        raise InputError(f"image: uint8 [H, W] or [H, W, 3] is needed, this is {found}")
    if not isinstance(variant, Variant):
        raise InputError(f"variant: {variant!r} is none; Variant.parse('mask-100') reads one")
    if variant.method is not None:
        if not settings.has(variant.method):
            near = suggestion(str(variant.method), settings.names)
            raise InputError(f"variant: there is no method {variant.method!r}{near}")
        if not isinstance(variant.degree, int) or not 1 <= variant.degree <= 100:
            raise InputError(f"variant: the degree is 1 to 100 percent, not {variant.degree!r}")
    for number, region in enumerate(regions):
        if (reason := _fault(region)) is not None:
            raise InputError(f"regions: number {number} {reason}")


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and shape[2:] in ((), (3,)) and 0 not in shape


def _fault(region: Region) -> str | None:
    """Return what is wrong with a region, None if nothing is."""
    corners = (region.x0, region.y0, region.x1, region.y1, *(region.quad or ()))
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in corners):
        return "has a corner that is no place in an image"
    if region.quad is not None and len(region.quad) != 8:
        return "has no four corners"
    if region.quad is None and (region.x0 > region.x1 or region.y0 > region.y1):
        return "ends before it begins"
    return None
