"""The built-in detectors, in the order in which tables show them."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.registries.detectors import DETECTORS, Detector, DetectorKind, Loading
from anonbench.detection.kinds.centerface import Centerface
from anonbench.detection.kinds.face_onnx import FaceOnnx
from anonbench.detection.kinds.ink import Ink
from anonbench.detection.kinds.mrz import Mrz
from anonbench.detection.kinds.mtcnn import Mtcnn
from anonbench.detection.kinds.ppocr import Ppocr
from anonbench.detection.kinds.template import Template
from anonbench.detection.kinds.zxing import Zxing


class Boxes(DetectorKind):
    """Boxes from a file: nothing is looked for."""

    name: ClassVar = "boxes"
    label: ClassVar = "Boxes from a file"
    seconds_an_image: ClassVar = (0.0, 0.0)

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        return self

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return [[] for _ in images]


BUILT_IN = (Mtcnn, Centerface, FaceOnnx, Ppocr, Zxing, Mrz, Ink, Template, Boxes)


def kind_named(name: str) -> type[DetectorKind]:
    """A detector's class, a built-in one or another package's."""
    built_in: dict[str, type[DetectorKind]] = {each.name: each for each in BUILT_IN}
    return built_in.get(name) or DETECTORS[name]
