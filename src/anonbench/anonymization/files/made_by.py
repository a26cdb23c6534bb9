"""What copies depend on but the images: settings, models, code, and where the images are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anonbench.anonymization.files import one
from anonbench.config import Shapes
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.libraries.opencv import cv2
from anonbench.core.model_files import model_files
from anonbench.core.provenance import file_digest, versions
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS
from anonbench.datasets.files.reasons import shown
from anonbench.datasets.inputs import STANDARD_INPUT, Images
from anonbench.detection import cache


def made_by(
    job: one.Job, given: str | Path | Iterable[str | Path], images: Images
) -> dict[str, Any]:
    """Return all that outputs depend on but the images, and where those are."""
    method = str(job.variant.method)
    methods = job.anonymization.applied(method)
    asked = job.anonymization.sections(*methods) | {"margin": True, "coding_blocks": True}
    if job.anonymization.shape != Shapes():
        asked["shape"] = True
    read = [path for name in methods for path in job.anonymization.method(name).files()]
    return {
        "images_of": shown(_place(given, images)),
        "method": method,
        "degree": job.variant.degree,
        "anonymization": job.anonymization.model_dump(mode="json", include=asked),
        "files": [_digests(path) for path in read],
        "detectors": {name: cache.made_by(name, job.detection) for name in job.detectors},
        "max_pixels": job.detection.max_pixels,
        "keep_without_regions": job.keep_without_regions,
        "code": [
            module_digest([one.__name__]),
            *(METHODS.origin(base_of(name)) for name in methods),
        ],
        "versions": versions("numpy", "pillow") | {"opencv": cv2.__version__},
    }


def _digests(path: Path) -> list[str]:
    return [file_digest(file) for file in model_files(path)]


def _place(given: str | Path | Iterable[str | Path], images: Images) -> str:
    """Return where images are; of a list with relative paths, the folder that they start from."""
    if isinstance(given, str | Path) and str(given) != STANDARD_INPUT:
        return os.path.realpath(given)
    if all(image.file.is_absolute() for image in images):
        return images.place
    return f"{images.place}, in {Path.cwd()}"
