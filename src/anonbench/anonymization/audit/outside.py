"""Check that a picture made from an anonymized one is the same outside of the hidden regions."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.files import png_pixels
from anonbench.anonymization.audit.regions import Region, area_of, to_hide
from anonbench.config import Anonymization


def check_outside(
    before: bytes, data: bytes, regions: Sequence[Region], degree: int, settings: Anonymization
) -> None:
    """Compare two PNG files outside of what a degree hides.

    Args:
        before: the anonymized picture.
        data: the one that was made of it, as it was written: RGB.
        regions: all of the image.
        degree: percent of them that is hidden.
        settings: margin and shapes.

    Raises:
        Failure: they differ there, the new file is no plain RGB image of the same size, or the
            regions are not as detection writes them.

    """
    with Image.open(io.BytesIO(before), formats=["PNG"]) as image:
        expected = np.asarray(image.convert("RGB"))
    written = png_pixels(data, expected.shape)
    free = np.ones(expected.shape[:2], bool)
    hidden = to_hide(list(regions), degree)
    for region in hidden:
        form = settings.shape.of(region.entity)
        grids = region.grids if settings.coding_blocks else ()
        area = area_of(region, expected.shape, settings.margin, 1, form, grids=grids)
        if area is not None:
            free[area.window] &= False if area.may is None else ~area.may
    if changed := int((written != expected).any(axis=2)[free].sum()):
        raise Failure(f"{changed} pixels outside of its hidden regions differ")
