"""Checks of what a caller hands in: a wrong argument must not leave a region in sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.region_check import region_fault
from anonbench.core.vocabulary import Variant
from anonbench.core.wording import suggestion


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
    height, width = image.shape[:2]
    for number, region in enumerate(regions):
        if (reason := region_fault(region, width, height)) is not None:
            raise InputError(f"regions: number {number} {reason}")


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and shape[2:] in ((), (3,)) and 0 not in shape
