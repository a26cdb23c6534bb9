"""Barcodes by zxing-cpp."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Positive
from anonbench.core.vocabulary import Entity


class Zxing(DetectorKind):
    """Barcodes by zxing-cpp."""

    name: ClassVar = "zxing"
    label: ClassVar = "ZXing"
    entities: ClassVar = (Entity.BARCODE,)
    install: ClassVar = "pip install zxing-cpp"
    # 8.6 pages of RVL-CDIP were seen on a core
    images_per_second: ClassVar = 6.0

    try_harder: bool = True
    """Also let zxing look at versions turned by 90 degrees, inverted and downscaled."""
    scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0, 2.0)
    """Scales at which the upright image is searched."""
    rotations: tuple[Annotated[float, Field(gt=0.0, lt=90.0)], ...] = (30.0, 60.0)
    """Degrees by which the image is also turned, for slanted codes."""
    contrast: bool = True
    """Also search a version with its local contrast raised, for shadows, glare and dark photos."""
    undecoded: bool = True
    """Also keep codes whose check digits fail, with score 0.5 (but no DataMatrix, which text and
    hair are mistaken for)."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.zxing import ZxingDetector

        return ZxingDetector(self)
