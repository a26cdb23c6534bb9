"""Anonymization of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.anonymization.geometry import cover
from anonbench.anonymization.methods import method_named
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, regions_at
from anonbench.core.vocabulary import Variant

DEFAULTS = Anonymization()


def anonymize(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
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
    method = settings.of(method_named(variant.method))
    least = method.least_side()
    result = image.copy()
    for region in regions[: regions_at(variant.degree, len(regions))]:
        area = cover(region, image.shape, settings.margin, least)
        if area is None:
            continue
        hidden = method.hide(image[area.window], region.entity)
        if area.inside is None:
            result[area.window] = hidden
        else:
            result[area.window][area.inside] = hidden[area.inside]
    return result
