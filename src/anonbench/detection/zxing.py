"""Barcodes, linear and two-dimensional, by zxing-cpp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import zxingcpp

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import clipped_quad
from anonbench.detection.colour_planes import planes
from anonbench.detection.mrz.linear import across_bars, grown_along_bars

if TYPE_CHECKING:
    from anonbench.detection.kinds.zxing import Zxing

_LINEAR = set(
    zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllLinear))
)
_STACKED = {
    zxingcpp.BarcodeFormat.DataBarStk,
    zxingcpp.BarcodeFormat.DataBarStkOmni,
    zxingcpp.BarcodeFormat.DataBarExpStk,
}
_PDF417 = {zxingcpp.BarcodeFormat.PDF417, zxingcpp.BarcodeFormat.MicroPDF417}
"""One of their corners is often given too far inside, by up to a quarter of the code's height."""
_MISTAKEN = {zxingcpp.BarcodeFormat.DataMatrix}
"""Without a right check sum, these are found in text and hair."""
UNDECODED = 0.5
"""Score of a code whose check digits fail."""
SAME = 0.8
"""Share of a region inside a larger one from which it is no region of its own."""
MAX_PIXELS = 32_000_000
"""Of an upscaled image: larger ones are searched as they are only."""


class ZxingDetector:
    """Barcodes of each image as quadrilaterals; one that could be decoded is certain (score 1)."""

    def __init__(self, settings: Zxing) -> None:
        self._settings = settings

    def views(self, shape: Sequence[int]) -> dict[str, Any]:
        """Scales and turns at which an image of a shape is searched."""
        right = [90] if self._settings.try_harder else []
        pixels = shape[0] * shape[1]
        scales = [s for s in self._settings.scales if s == 1 or pixels * s**2 <= MAX_PIXELS]
        return {"scales": scales, "turns": [0, *right, *self._settings.rotations]}

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        regions = [region for plane in planes(image) for region in self._found(plane)]
        return _without_contained(regions)

    def _found(self, grey: np.ndarray) -> list[Region]:
        regions: list[Region] = []
        for version, transform in self._versions(grey):
            for barcode in self._read(version, errors=self._settings.undecoded and version is grey):
                corners = _corners(barcode.position)
                if not _plausible(corners):
                    if not barcode.valid:
                        continue
                    corners = _enclosing(corners)
                if barcode.format in _STACKED:  # its ends are those of different rows
                    if regions and transform[0, 1]:  # and nowhere where it is crossed aslant
                        continue
                    corners = _enclosing(corners)
                corners = _transformed(corners, transform)
                if barcode.format in _PDF417:
                    corners = _squared(corners)
                if barcode.format in _LINEAR:
                    if barcode.format not in _STACKED:
                        corners = across_bars(grey, corners)
                    corners = grown_along_bars(grey, corners)
                # from pixels' middles to their outer edges
                corners += 0.5 + 0.5 * np.sign(corners - corners.mean(axis=0))
                score = 1.0 if barcode.valid else UNDECODED
                regions += clipped_quad(Entity.BARCODE, corners, score, grey)
        return regions

    def _read(self, grey: np.ndarray, errors: bool) -> list[zxingcpp.Barcode]:
        harder = self._settings.try_harder
        found = zxingcpp.read_barcodes(
            grey,
            try_rotate=harder,
            try_downscale=harder,
            try_invert=harder,
            ean_add_on_symbol=zxingcpp.EanAddOnSymbol.Read,  # they are hidden, too
            return_errors=errors,
        )
        return [barcode for barcode in found if barcode.valid or barcode.format not in _MISTAKEN]

    def _versions(self, grey: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield images to search, and float [2, 3]: from a place in each to that in the original.

        Places are those of pixels' middles, the first one being 0, 0.
        """
        same = np.array([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
        for scale in self._settings.scales:
            if scale == 1:
                yield grey, same
            elif grey.size * scale**2 <= MAX_PIXELS:
                yield _scaled(grey, scale)
        for degrees in self._settings.rotations:
            yield _turned(grey, degrees)
        if self._settings.contrast:
            yield cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(grey), same


def _scaled(grey: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    height, width = grey.shape
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    x, y = width / size[0], height / size[1]
    back = np.array([(x, 0.0, (x - 1) / 2), (0.0, y, (y - 1) / 2)])
    return cv2.resize(grey, size, interpolation=how), back


def _turned(grey: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the image turned counterclockwise on a white ground, and the way back."""
    height, width = grey.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(centre, degrees, 1.0), dtype=np.float64)
    reach = np.abs(turn[:, :2]) @ (width, height)
    size = (int(np.ceil(reach[0])), int(np.ceil(reach[1])))
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = cv2.warpAffine(grey, turn, size, flags=cv2.INTER_LINEAR, borderValue=(255,))
    return turned, cv2.invertAffineTransform(turn)


def _transformed(corners: np.ndarray, transform: np.ndarray) -> np.ndarray:
    result: np.ndarray = corners @ transform[:, :2].T + transform[:, 2]
    return result


def _corners(position: zxingcpp.Position) -> np.ndarray:
    """Return float [4, 2], x and y of top left, top right, bottom right, bottom left."""
    corners = (
        position.top_left,
        position.top_right,
        position.bottom_right,
        position.bottom_left,
    )
    return np.array([(corner.x, corner.y) for corner in corners], dtype=np.float64)


def _plausible(corners: np.ndarray) -> bool:
    """Return whether corners are those of a place: zxing gives some codes a corner at 0, 0."""
    convex = cv2.isContourConvex(corners.astype(np.float32))
    return bool(convex and not (corners == 0.0).all(axis=1).any())


def _squared(corners: np.ndarray) -> np.ndarray:
    """Return the rectangle around those along the top and along the bottom edge.

    Where a corner lies too far inside, one of the two edges slants, and which one cannot be told.
    """
    around = []
    for edge in (corners[1] - corners[0], corners[2] - corners[3]):
        x, y = edge / max(np.hypot(*edge), 1e-6)
        axes = np.array([(x, y), (-y, x)])
        around.append(_enclosing(corners @ axes.T) @ axes)
    rectangle: np.ndarray = cv2.boxPoints(
        cv2.minAreaRect(np.concatenate(around).astype(np.float32))
    )
    return rectangle.astype(np.float64)


def _enclosing(corners: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _without_contained(regions: list[Region]) -> list[Region]:
    """Drop regions inside another.

    A code is found in several versions of the image; one with an add-on is reported a second time
    without it.
    """
    quads = {id(region): _quad(region) for region in regions}
    areas = {id(region): max(cv2.contourArea(quads[id(region)]), 1e-6) for region in regions}
    kept: list[Region] = []
    for region in sorted(regions, key=lambda r: areas[id(r)], reverse=True):
        shares = (
            cv2.intersectConvexConvex(quads[id(region)], quads[id(other)])[0] / areas[id(region)]
            for other in kept
        )
        if all(share < SAME for share in shares):
            kept.append(region)
    return kept


def _quad(region: Region) -> np.ndarray:
    """Return the corners, float32 [4, 2], in the order that makes them convex."""
    points = np.array(region.quad, np.float32).reshape(4, 2)
    hull: np.ndarray = cv2.convexHull(points)
    return hull
