"""The detectors by name. A new one is a module with the interface of `Detector` and a case here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.errors import InputError
from anonbench.detection.base import Detector, LooksOnce

_INSTALL = {
    DetectorName.MTCNN: "pip install --no-deps facenet-pytorch==2.6.0",
    DetectorName.FACE_ONNX: "pip install onnxruntime",
    DetectorName.PPOCR: "pip install onnxruntime pyclipper (and paddleocr, for its engine)",
    DetectorName.ZXING: "pip install zxing-cpp",
    DetectorName.MRZ: "pip install onnxruntime",
}


def build_all(
    names: Sequence[DetectorName],
    settings: Detection,
    threads: int = 1,
    templates: Path | None = None,
) -> dict[DetectorName, Detector]:
    """Load detectors that search the same images; see `build`. Lines of text are found once."""
    shared = {DetectorName.PPOCR, DetectorName.MRZ} <= set(names)
    lines = LooksOnce(build(DetectorName.PPOCR, settings, threads)) if shared else None
    return {
        name: lines
        if lines is not None and name is DetectorName.PPOCR
        else build(name, settings, threads, templates, lines)
        for name in names
    }


def build(
    name: DetectorName,
    settings: Detection,
    threads: int = 1,
    templates: Path | None = None,
    lines: Detector | None = None,
) -> Detector:
    """Load a detector; its package is imported here and not before.

    Args:
        name: which.
        settings: the settings of all detectors; it reads its own section.
        threads: CPU threads of an inference engine of its own (ONNX Runtime). torch and OpenCV use
            the process's.
        templates: the data set's folder of annotated templates, for the detector `template`.
        lines: what finds lines of text for the detector `mrz`; loaded where it is not given.

    Raises:
        InputError: its package or its weights are missing; says what to install or where to put.

    """
    try:
        match name:
            case DetectorName.MTCNN:
                from anonbench.detection.faces.mtcnn import MtcnnDetector

                return MtcnnDetector(settings.mtcnn, settings.device)
            case DetectorName.FACE_ONNX:
                from anonbench.detection.faces.face_onnx import FaceOnnxDetector

                return FaceOnnxDetector(settings.face_onnx, threads)
            case DetectorName.PPOCR:
                if settings.ppocr.engine == "direct":
                    from anonbench.detection.text.dbnet import DbnetDetector

                    return DbnetDetector(settings.ppocr, threads)
                from anonbench.detection.text.ppocr import PpocrDetector

                return PpocrDetector(settings.ppocr, threads)
            case DetectorName.ZXING:
                from anonbench.detection.zxing import ZxingDetector

                return ZxingDetector(settings.zxing)
            case DetectorName.TEMPLATE:
                from anonbench.detection.template.template import TemplateDetector

                if templates is None:
                    raise InputError(
                        "detector template: the data set's setting `templates` is empty"
                    )
                return TemplateDetector(settings.template, templates, threads)
            case DetectorName.MRZ:
                from anonbench.detection.mrz.mrz import MrzDetector

                lines = lines or build(DetectorName.PPOCR, settings, threads)
                return MrzDetector(settings.mrz, lines, threads)
            case DetectorName.BOXES:
                from anonbench.detection.base import NoDetector

                return NoDetector()
    except ImportError as error:
        install = _INSTALL.get(name, "pip install -r requirements.lock")
        raise InputError(
            f"detector {name} cannot be loaded ({error}); install it: {install}"
        ) from error
