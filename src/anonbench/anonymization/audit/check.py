"""Audit of anonymized images as written, against their originals.

The audit proves that a file holds its image and nothing else (`audit.files`); that the first
regions of the draw order, with all coding blocks that they touch (`audit.regions`), are as their
method promises (`audit.pixels`) and not nearly the original (`audit.visibility`); that every other
pixel is the original's; and that a shard has the images and regions that detection counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.files import check_file, check_png
from anonbench.anonymization.audit.pixels import covered
from anonbench.anonymization.audit.regions import Region, hidden_regions, read_regions
from anonbench.config import Anonymization
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Variant

if TYPE_CHECKING:
    import pandas as pd


_JPEG_QUALITY = 95  # of image sets


class Auditor:
    """Checks the images of one shard of a variant, and counts its findings."""

    def __init__(self, boxes: pd.DataFrame, variant: Variant, settings: Anonymization) -> None:
        self._regions = read_regions(boxes)
        self._variant = variant
        self._quality = None if settings.format == "png" else _JPEG_QUALITY
        self._checked: dict[str, int] = {}
        names = "images", "without_regions", "regions", "outside_image", "hidden_pixels", "failed"
        self.counts: Counter[str] = Counter(dict.fromkeys(names, 0))
        """Images, those that show no hidden region, hidden regions, those that lie outside their
        image, pixels hidden, images that failed and are masked."""

    def regions(self, image_id: str) -> list[Region]:
        """All regions of an image, as the box table has them."""
        return self._regions.get(image_id, [])

    def check(
        self, image_id: str, data: bytes, pixels: np.ndarray, counted: Mapping[str, int]
    ) -> None:
        """Refuse a file as written that is not its pixels alone (Failure), and count the image.

        `check_layers` has checked the pixels, and `counted`.
        """
        if self._quality is None:
            check_png(data, pixels)
        else:
            check_file(data, pixels, quality=self._quality)
        self._checked[image_id] = len(self.regions(image_id))
        is_bare = counted["regions"] == counted["outside_image"]
        self.counts.update(counted, images=1, without_regions=is_bare)

    def check_set(self, images: pd.DataFrame, keep_without_regions: bool) -> None:
        """Check that these were the images that detection left, with all regions that it counted.

        So neither an image on which a detector failed is published, nor one whose regions are
        missing from the box table (InputError). `images` is detection's outcome: columns id,
        status, regions.
        """
        statuses = ["ok", "partial", *(["empty"] if keep_without_regions else [])]
        left = images[images["status"].isin(statuses)]
        expected = dict(zip(left["id"].astype(str), left["regions"].astype(int), strict=True))
        if wrong := self._checked.items() ^ expected.items():
            image_id, _ = min(wrong)
            there, here = (
                f"it with {found[image_id]} regions" if image_id in found else "no such image"
                for found in (expected, self._checked)
            )
            raise InputError(
                f"image {image_id!r}: detection left {there}, and the shard of {self._variant} has "
                f"{here}. Nothing of it is published. This is a fault of the program: report it"
            )


def check_outside(
    before: np.ndarray,
    after: np.ndarray,
    files: tuple[bytes, bytes],
    regions: list[Region],
    degree: int,
    settings: Anonymization,
) -> None:
    """Refuse a picture that differs from the anonymized one outside of hidden regions (Failure).

    The one `before` is uint8 [H, W] or [H, W, 3], that `after` [H, W, 3]; `files` are their PNG
    files, and `regions` all of the image, of which `degree` percent are hidden.
    """
    shape = (*before.shape[:2], 3)
    if after.shape != shape or after.dtype != np.uint8:
        raise Failure("the picture is no RGB image of the same size")
    for data, pixels in zip(files, (before, after), strict=True):
        check_png(data, pixels)
    seen = covered(hidden_regions(regions, degree), shape, settings)
    differs = (after != np.atleast_3d(before)).any(axis=2)
    if changed := np.count_nonzero(differs & ~seen):
        raise Failure(f"{changed} pixels outside of its hidden regions differ")
