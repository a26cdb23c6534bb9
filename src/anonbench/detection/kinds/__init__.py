"""The built-in detectors, in the order in which tables show them."""

from __future__ import annotations

from anonbench.core.registries.detectors import DETECTORS, DetectorKind
from anonbench.detection.kinds.boxes import Boxes
from anonbench.detection.kinds.centerface import Centerface
from anonbench.detection.kinds.face_onnx import FaceOnnx
from anonbench.detection.kinds.ink import Ink
from anonbench.detection.kinds.mrz import Mrz
from anonbench.detection.kinds.mtcnn import Mtcnn
from anonbench.detection.kinds.ppocr import Ppocr
from anonbench.detection.kinds.template import Template
from anonbench.detection.kinds.zxing import Zxing

BUILT_IN = (Mtcnn, Centerface, FaceOnnx, Ppocr, Zxing, Mrz, Ink, Template, Boxes)


def kind_named(name: str) -> type[DetectorKind]:
    """Return a detector's class, a built-in one or another package's."""
    built_in: dict[str, type[DetectorKind]] = {each.name: each for each in BUILT_IN}
    return built_in.get(name) or DETECTORS[name]
