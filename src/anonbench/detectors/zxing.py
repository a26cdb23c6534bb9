"""Barcodes, linear and two-dimensional, by zxing-cpp."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import zxingcpp

from anonbench.boxes import Region
from anonbench.config.detectors import Zxing
from anonbench.detectors.base import clipped_quad
from anonbench.detectors.linear import grown_along_bars
from anonbench.opencv import cv2
from anonbench.vocabulary import Entity

_LINEAR = set(
    zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllLinear))
)
_STACKED = {
    zxingcpp.BarcodeFormat.DataBarStk,
    zxingcpp.BarcodeFormat.DataBarStkOmni,
    zxingcpp.BarcodeFormat.DataBarExpStk,
}


class ZxingDetector:
    """Barcodes of each image as quadrilaterals; all that are found are certain (score 1)."""

    def __init__(self, settings: Zxing) -> None:
        self._try_harder = settings.try_harder

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        barcodes = zxingcpp.read_barcodes(
            np.ascontiguousarray(grey),
            try_rotate=self._try_harder,
            try_downscale=self._try_harder,
            try_invert=self._try_harder,
            ean_add_on_symbol=zxingcpp.EanAddOnSymbol.Read,  # they are hidden, too
        )
        regions: list[Region] = []
        for barcode in barcodes:
            corners = _corners(barcode.position)
            if barcode.format in _STACKED:  # its ends are those of different rows
                corners = _enclosing(corners)
            if barcode.format in _LINEAR:
                corners = grown_along_bars(grey, corners)
            # from pixels' middles to their outer edges
            corners += 0.5 + 0.5 * np.sign(corners - corners.mean(axis=0))
            regions += clipped_quad(Entity.BARCODE, corners, 1.0, image)
        return _without_contained(regions)


def _corners(position: zxingcpp.Position) -> np.ndarray:
    """Return float [4, 2], x and y of top left, top right, bottom right, bottom left."""
    corners = (
        position.top_left,
        position.top_right,
        position.bottom_right,
        position.bottom_left,
    )
    return np.array([(corner.x, corner.y) for corner in corners], dtype=np.float64)


def _enclosing(corners: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _without_contained(regions: list[Region]) -> list[Region]:
    """Drop regions inside another: a code with an add-on is reported a second time without it."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda r: (r.x1 - r.x0) * (r.y1 - r.y0), reverse=True):
        if not any(_inside(region, other) for other in kept):
            kept.append(region)
    return kept


def _inside(region: Region, other: Region, slack: float = 3.0) -> bool:
    return (
        region.x0 >= other.x0 - slack
        and region.y0 >= other.y0 - slack
        and region.x1 <= other.x1 + slack
        and region.y1 <= other.y1 + slack
    )
