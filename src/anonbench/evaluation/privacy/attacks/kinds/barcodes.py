"""Decoding of barcodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import (
    Equipment,
    Looking,
    RegionAttack,
    RegionShares,
    Risk,
)
from anonbench.core.vocabulary import Entity, Variant

_QUIET = 0.25
"""By how much of its shorter side a region is grown, for the quiet zone."""
_WHOLE = 3
"""Scales at which a code is searched: as it is, and enlarged up to so many times."""
_MOST_PIXELS = 4_000_000


class Barcodes(RegionAttack):
    """Barcodes, decoded by zxing-cpp as they are, enlarged, sharpened and in black and white.

    A code's own error correction helps where a part of it is hidden.
    """

    name: ClassVar = "barcodes"
    label: ClassVar = "Decoding of barcodes"
    risk: ClassVar = Risk.SINGLING_OUT
    entities: ClassVar = (Entity.BARCODE,)
    seconds_an_image: ClassVar = 0.02

    def load(self, equipment: Equipment) -> Looking:
        """See `RegionAttack.load`."""
        return _Decoding()


class _Decoding:
    def look(
        self, image: np.ndarray, regions: Sequence[Region], variant: Variant
    ) -> list[set[bytes]]:
        """See `Looking.look`: the contents of the codes in and around each region."""
        return [decoded(surrounded(image, region)) for region in regions]

    def shares(self, truth: set[bytes], found: set[bytes]) -> RegionShares:
        """Return whether a code of the original was decoded."""
        return {"decoded": float(bool(truth & found))} if truth else {}


def decoded(pixels: np.ndarray) -> set[bytes]:
    """Return the contents of all barcodes in an image, uint8 [H, W] or [H, W, 3]."""
    import zxingcpp

    from anonbench.detection.views import planes

    for version in (version for plane in planes(pixels) for version in _versions(plane)):
        # the check digits of codes without error correction are asked for: see `Barcode.valid`
        found = {code.bytes for code in zxingcpp.read_barcodes(version) if code.valid}
        if found:
            return found
    return set()


def _versions(grey: np.ndarray) -> Iterator[np.ndarray]:
    """Yield grey images to search, the likeliest first."""
    from anonbench.core.libraries.opencv import cv2

    for scale in range(1, _WHOLE + 1):
        if scale > 1 and grey.size * scale**2 > _MOST_PIXELS:
            return
        size = (scale * grey.shape[1], scale * grey.shape[0])
        large = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
        yield large
        soft = cv2.GaussianBlur(large, (0, 0), max(1.0, 0.02 * min(large.shape)))
        yield cv2.addWeighted(large, 2.5, soft, -1.5, 0)
        yield cv2.threshold(large, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]


def surrounded(image: np.ndarray, region: Region) -> np.ndarray:
    """Return a region's box with its quiet zone, a view of the image."""
    height, width = image.shape[:2]
    more = _QUIET * min(region.x1 - region.x0, region.y1 - region.y0)
    x0, y0 = max(0, int(region.x0 - more)), max(0, int(region.y0 - more))
    x1, y1 = min(width, int(region.x1 + more) + 1), min(height, int(region.y1 + more) + 1)
    return image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
