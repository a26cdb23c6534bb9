"""The detectors by name. A new one is a module with the interface of `Detector` and a case here."""

from __future__ import annotations

from anonbench.config.detectors import Detection, DetectorName
from anonbench.detectors.base import Detector
from anonbench.errors import InputError

_INSTALL = {
    DetectorName.MTCNN: "pip install --no-deps facenet-pytorch==2.6.0",
    DetectorName.PPOCR: "pip install paddleocr onnxruntime",
    DetectorName.ZXING: "pip install zxing-cpp",
}


def build(name: DetectorName, settings: Detection, threads: int = 1) -> Detector:
    """Load a detector; its package is imported here and not before.

    Args:
        name: which.
        settings: the settings of all detectors; it reads its own section.
        threads: CPU threads of an inference engine of its own (ONNX Runtime). torch and OpenCV use
            the process's.

    Raises:
        InputError: its package or its weights are missing; says what to install or where to put.

    """
    try:
        match name:
            case DetectorName.MTCNN:
                from anonbench.detectors.mtcnn import MtcnnDetector

                return MtcnnDetector(settings.mtcnn)
            case DetectorName.PPOCR:
                from anonbench.detectors.ppocr import PpocrDetector

                return PpocrDetector(settings.ppocr, threads)
            case DetectorName.ZXING:
                from anonbench.detectors.zxing import ZxingDetector

                return ZxingDetector(settings.zxing)
    except ImportError as error:
        raise InputError(
            f"detector {name} cannot be loaded ({error}); install it: {_INSTALL[name]}"
        ) from error
