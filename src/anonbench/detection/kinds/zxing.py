"""Barcodes, linear and two-dimensional, by zxing-cpp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import clipped_quad
from anonbench.detection.linear_codes import across_bars, grown_along_bars
from anonbench.detection.views import Reach, Views, planes, planes_and_contrast

if TYPE_CHECKING:
    import zxingcpp

_STACKED = {"DataBarStk", "DataBarStkOmni", "DataBarExpStk"}
_LEVEL = 16
"""Greatest angle in degrees to the image's axes at which a stacked code counts as upright."""
_PDF417 = {"PDF417", "MicroPDF417"}
"""One of their corners is often given too far inside, by up to a quarter of the code's height."""
_BLACK_ONLY = ("AllLinear", "PDF417", "MicroPDF417", "MaxiCode")
"""Formats that are read as black on white alone, unless the image is inverted."""
_MISTAKEN = {"DataMatrix"}
"""Formats that are wrongly found in text and hair if the check sum is not verified."""
UNDECODED = 0.5
"""Score of a code whose check digits fail."""


class Zxing(DetectorKind):
    """Barcodes by zxing-cpp."""

    name: ClassVar = "zxing"
    label: ClassVar = "ZXing"
    entities: ClassVar = (Entity.BARCODE,)
    reads: ClassVar = ("speed",)
    install: ClassVar = "pip install zxing-cpp"
    # 2.1 pages of RVL-CDIP were seen on a core
    images_per_second: ClassVar = 2.0

    undecoded: bool = True
    """Also keep codes whose check digits fail, with score 0.5 (but no DataMatrix, which text and
    hair are mistaken for)."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        speed = loading.detection.speed
        reach = Reach(
            whole=2048,
            tile=1600,
            overlap=320,
            doubled=2400 if speed == "thorough" else None,
            turns=(0, 30, 60) if speed == "thorough" else (0,),
            versions=planes if speed == "single" else planes_and_contrast,
        )
        return Views(ZxingDetector(self), reach)


class ZxingDetector:
    """Barcodes of each image as quadrilaterals; one that could be decoded is certain (score 1)."""

    def __init__(self, settings: Zxing) -> None:
        import zxingcpp

        self._settings = settings
        self._zxing = zxingcpp
        linear, *others = (getattr(zxingcpp.BarcodeFormat, name) for name in _BLACK_ONLY)
        self._linear = set(zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(linear)))
        self._black_only = zxingcpp.BarcodeFormats((linear, *others))

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`; of grey images."""
        return [list(self._found(image)) for image in images]

    def _found(self, grey: np.ndarray) -> Iterator[Region]:
        read = partial(
            self._zxing.read_barcodes,
            ean_add_on_symbol=self._zxing.EanAddOnSymbol.Read,  # they are hidden, too
            return_errors=self._settings.undecoded,
        )
        for code in (*read(grey), *read(255 - grey, formats=self._black_only)):
            if not code.valid and code.format.name in _MISTAKEN:
                continue
            if (corners := self._corners(code, grey)) is not None:
                # from pixels' middles to their outer edges
                corners = corners + 0.5 + 0.5 * np.sign(corners - corners.mean(axis=0))
                score = 1.0 if code.valid else UNDECODED
                yield from clipped_quad(Entity.BARCODE, corners, score, grey)

    def _corners(self, code: zxingcpp.Barcode, grey: np.ndarray) -> np.ndarray | None:
        """Corners of a code, float64 [4, 2], from pixels' middles; None if not reported."""
        at = code.position
        points = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
        corners = np.array([(point.x, point.y) for point in points], np.float64)
        if not _plausible(corners):
            if not code.valid:
                return None
            corners = _enclosing(corners)
        if code.format.name in _STACKED:  # its ends are those of different rows
            if abs((code.orientation + 45) % 90 - 45) > _LEVEL:
                return None
            corners = _enclosing(corners)
        elif code.format in self._linear:
            corners = across_bars(grey, corners)
        if code.format in self._linear:
            corners = grown_along_bars(grey, corners)
        return _squared(corners) if code.format.name in _PDF417 else corners


def _plausible(corners: np.ndarray) -> bool:
    """Whether corners are valid: zxing reports a corner at 0, 0 for some codes."""
    convex = cv2.isContourConvex(corners.astype(np.float32))
    return bool(convex and not (corners == 0.0).all(axis=1).any())


def _squared(corners: np.ndarray) -> np.ndarray:
    """Rectangle around the rectangles along the top and along the bottom edge.

    If a corner is too far inside, one of the two edges is slanted, but it is not known which one.
    """
    around = []
    for edge in (corners[1] - corners[0], corners[2] - corners[3]):
        x, y = edge / max(np.hypot(*edge), 1e-6)
        axes = np.array([(x, y), (-y, x)])
        around.append(_enclosing(corners @ axes.T) @ axes)
    points = np.concatenate(around).astype(np.float32)
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(points)), np.float64)


def _enclosing(corners: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
