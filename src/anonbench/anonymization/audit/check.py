"""Audit of one anonymized image as written, against its original.

What is proved of each image, from the bytes that stand in the shard:

- the file holds the image and nothing else (`audit.files`);
- the regions shown hidden are the first of the draw order, as many as the degree asks for;
- inside each, every pixel holds what the method promises (`audit.promises`), and in all coding
  blocks of the original's file that it touches (`audit.blocks`);
- what all layers together leave of it is not nearly the original (`audit.remains`);
- every other pixel equals the original's.

Of the whole shard it is proved that its images and their regions are those that detection counted.

A PNG file is decoded, unless its rows are exactly those of the pixels that are said to be in it.

A JPEG file has no exact pixels to look at. It is proved in two steps: the pixels that are said to
be in it pass all checks exactly, and a second encoder makes the same bytes of them. Whoever names
these pixels need not be trusted: with others, one of the steps fails.

Several methods in order are proved the same way: the images between them are named, and each has to
be what its method makes of the one before (`audit.pixels`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from anonbench.anonymization.audit.blocks import Source
from anonbench.anonymization.audit.errors import Failure, NotHidden
from anonbench.anonymization.audit.files import check_jpeg, png_pixels
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import Region, read_regions
from anonbench.config import Anonymization
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Variant

if TYPE_CHECKING:
    import pandas as pd

_LEFT = {False: ("ok", "partial"), True: ("ok", "partial", "empty")}
"""Statuses of images that are published, without and with those that have no region."""


class Auditor:
    """Checks the images of one shard of a variant, and counts what it saw."""

    def __init__(self, boxes: pd.DataFrame, variant: Variant, settings: Anonymization) -> None:
        self._regions = read_regions(boxes)
        self._variant = variant
        self._settings = settings
        self._checked: dict[str, int] = {}
        self._counts: Counter[str] = Counter(
            images=0, without_regions=0, regions=0, outside_image=0, hidden_pixels=0, failed=0
        )

    @property
    def counts(self) -> dict[str, int]:
        """Images checked, images among them that show no hidden region, hidden regions, those of
        them that lie outside their image, pixels hidden, images that failed (always 0: the first
        failure raises)."""
        return dict(self._counts)

    def check(
        self,
        image_id: str,
        original: np.ndarray,
        data: bytes,
        pixels: np.ndarray | None = None,
        between: Sequence[np.ndarray] = (),
        source: Source | None = None,
    ) -> None:
        """Check one image.

        Args:
            image_id: as in the box table.
            original: uint8 [H, W] or [H, W, 3].
            data: the file as it was written.
            pixels: what was coded; needed for JPEG, and for PNG faster with it.
            between: images between the layers of a method that has several.
            source: the original's file; None: it was decoded from none.

        Raises:
            InputError: the image is not what it has to be.

        """
        try:
            self._check(self._regions.get(image_id, []), original, data, pixels, between, source)
        except Failure as failure:
            fault = (
                ". If its file was not changed during the run, this is a fault of the program: "
                "report it, and leave the image out until it is mended"
            )
            raise InputError(
                f"image {image_id!r} as {self._variant} fails its audit: {failure}. Nothing of its "
                f"shard is published{'' if isinstance(failure, NotHidden) else fault}"
            ) from None
        self._checked[image_id] = len(self._regions.get(image_id, []))

    def check_set(self, images: pd.DataFrame, keep_without_regions: bool) -> None:
        """Check that these were the images that detection left, with all regions that it counted.

        So neither an image that a detector failed on is published, nor one whose regions are not in
        the box table.

        Args:
            images: detection's outcome for the shard: id, status, regions.
            keep_without_regions: whether images without regions were to be kept.

        Raises:
            InputError: the box table or the images are others.

        """
        left = images[images["status"].isin(_LEFT[keep_without_regions])]
        expected = dict(zip(left["id"].astype(str), left["regions"].astype(int), strict=True))
        if wrong := sorted(self._checked.items() ^ expected.items()):
            image_id = wrong[0][0]
            raise InputError(
                f"image {image_id!r}: detection left {_regions(expected.get(image_id))}, and the "
                f"shard of {self._variant} has {_regions(self._checked.get(image_id))}. Nothing of "
                "it is published. This is a fault of the program: report it"
            )

    def _check(
        self,
        regions: list[Region],
        original: np.ndarray,
        data: bytes,
        pixels: np.ndarray | None,
        between: Sequence[np.ndarray],
        source: Source | None,
    ) -> None:
        if self._settings.format == "png":
            pixels = png_pixels(data, original.shape, named=pixels)
        if pixels is None:
            raise Failure("the pixels of a JPEG file were not given")
        if pixels.shape != original.shape or pixels.dtype != original.dtype:
            raise Failure("its shape or depth differs from the original's")
        if self._settings.format == "jpeg":
            check_jpeg(data, pixels, self._settings.jpeg_quality)
        asked = self._variant, self._settings
        counted = check_layers(original, pixels, regions, *asked, between, source)
        self._counts.update(counted)
        self._counts["images"] += 1
        self._counts["without_regions"] += counted["regions"] == counted["outside_image"]


def _regions(count: int | None) -> str:
    return "no such image" if count is None else f"it with {count} regions"
