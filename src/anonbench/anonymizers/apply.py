"""Anonymize one image, and check what was written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.anonymizers.geometry import Cover, cover
from anonbench.anonymizers.methods import hider, mask_grey
from anonbench.boxes import Region, regions_at
from anonbench.config import Anonymization
from anonbench.vocabulary import Method, Variant


def anonymize(
    image: np.ndarray, regions: Sequence[Region], variant: Variant, settings: Anonymization
) -> np.ndarray:
    """Hide the first regions of the draw order, as many as the variant's degree asks for.

    Every region is computed from the original, so that overlapping regions do not depend on which
    came first but in the pixels they share, where the later one in the draw order wins.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB; it is not changed.
        regions: the image's regions in draw order.
        variant: method and degree; the original variant returns the image itself.
        settings: strengths and margin.

    """
    if variant.method is None:
        return image
    hide = hider(variant.method, settings)
    result = image.copy()
    for region, area in _covers(image, regions, variant, settings):
        hidden = hide(image[area.window], region.entity)
        if area.inside is None:
            result[area.window] = hidden
        else:
            result[area.window][area.inside] = hidden[area.inside]
    return result


def hidden_pixels(
    shape: tuple[int, ...], regions: Sequence[Region], variant: Variant, settings: Anonymization
) -> np.ndarray:
    """Return bool [H, W]: the pixels that belong to a region hidden in this variant."""
    hidden = np.zeros(shape[:2], dtype=bool)
    for _, area in _covers(np.empty(shape[:2], bool), regions, variant, settings):
        if area.inside is None:
            hidden[area.window] = True
        else:
            hidden[area.window] |= area.inside
    return hidden


def _covers(
    image: np.ndarray, regions: Sequence[Region], variant: Variant, settings: Anonymization
) -> list[tuple[Region, Cover]]:
    if variant.method is None:
        return []
    drawn = regions[: regions_at(variant.degree, len(regions))]
    areas = [(region, cover(region, image.shape, settings.margin)) for region in drawn]
    return [(region, area) for region, area in areas if area is not None]


def audit(
    original: np.ndarray,
    written: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization,
) -> str | None:
    """Return what is wrong with an anonymized image as it was written, or None.

    Checked on the decoded file: outside the regions it equals the original bit for bit (where the
    format is lossless), and inside them a mask is one colour.
    """
    if written.shape != original.shape:
        return "shape differs from the original's"
    if settings.format != "png":
        return None
    hidden = hidden_pixels(original.shape, regions, variant, settings)
    if not np.array_equal(original[~hidden], written[~hidden]):
        return "differs from the original outside its regions"
    if variant.method is Method.MASK:
        colour = mask_grey(settings.mask) if original.ndim == 2 else settings.mask.colour
        if not np.all(written[hidden] == np.array(colour, dtype=np.uint8)):
            return "shows something under a mask"
    return None
