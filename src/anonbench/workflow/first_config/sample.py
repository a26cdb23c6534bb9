"""A sample of a folder's images, searched by detectors and embedded by a system, with times."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.config import DataSource
from anonbench.config.detectors import LOOKED_FOR, default_detection
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.progress import track
from anonbench.core.registries.detectors import DETECTORS, Detector
from anonbench.core.registries.systems import SystemKind
from anonbench.datasets.files.headers import read_first_page
from anonbench.datasets.images import MAX_PIXELS, encode

FEWEST, ENOUGH = 12, 40.0
"""Images that are looked at in any case; core seconds after which no more are."""
_EMBEDDED = 16
"""Images that are embedded, at most: a batch of the built-in kinds, which one thread computes."""
_MOST_BYTES = 3e8
"""Of these, from which no more are kept in memory."""
_PDF_DPI: int = DataSource.model_fields["pdf_dpi"].default


@dataclass
class Found:
    """What one detector found in the sample."""

    entity: str
    images: int = 0
    """With at least one region."""
    regions: int = 0
    failed: int = 0
    times: list[float] = field(default_factory=list)
    missing: str = ""
    """Why the detector could not be tried."""

    @property
    def seconds(self) -> float:
        """Median seconds of an image on a core."""
        return float(np.median(self.times)) if self.times else 0.0


@dataclass
class Sample:
    """What a sample shows."""

    read: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    """Images that cannot be read, by reason."""
    megapixels: list[float] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    png_bytes: list[int] = field(default_factory=list)
    read_times: list[float] = field(default_factory=list)
    write_times: list[float] = field(default_factory=list)
    encode_seconds: float = 0.0
    """Of one image on a core."""
    dimension: int = 0

    def seconds(self, kind: str) -> float:
        """Return the median seconds of an image: `read` or `write`."""
        times: list[float] = getattr(self, f"{kind}_times")
        return float(np.median(times)) if times else 0.0

    @property
    def finding(self) -> list[str]:
        """Detectors that found something; of text in photographs of faces, only if it is frequent.

        Text that few photographs have, on clothes or walls, is most of what is not known.
        """
        rare = {"ppocr"} if self.is_often("centerface") and not self.is_often("ppocr") else set()
        return [name for name, each in self.found.items() if each.images and name not in rare]

    def is_often(self, name: str) -> bool:
        """Whether a detector found something in half of the images or more."""
        return name in self.found and 0 < self.read <= 2 * self.found[name].images


def look(files: Sequence[Path], settings: SystemKind | None) -> Sample:
    """Search and embed images one by one.

    Args:
        files: the images.
        settings: of the system; None leaves it out.

    Returns:
        Counts and times. Nothing of what was read or recognized is kept.

    Raises:
        InputError: the system cannot be started, or does not answer as it should.

    """
    sample = Sample()
    kept = _search_all(files, _detectors(sample), sample)
    if settings is None or not kept:
        return sample
    from anonbench.embedding.systems import open_system

    with open_system(settings) as system:
        system.encode(kept)  # the first call is slower
        vectors, seconds = _timed(system.encode, kept)
    sample.encode_seconds, sample.dimension = seconds / len(kept), vectors.shape[1]
    return sample


def _detectors(sample: Sample) -> dict[str, Detector]:
    from anonbench.detection.base import CachedDetector
    from anonbench.detection.registry import build

    detectors: dict[str, Detector] = {}
    for name in LOOKED_FOR:
        sample.found[name] = Found(DETECTORS[name].entities[0])
        try:
            # lines of text are found once for both, as in the pipeline
            built = build(name, default_detection(), lines=detectors.get("ppocr"))
        except InputError as error:
            sample.found[name].missing = str(error)
        else:
            detectors[name] = CachedDetector(built) if name == "ppocr" else built
    return detectors


def _search_all(
    files: Sequence[Path], detectors: Mapping[str, Detector], sample: Sample
) -> list[np.ndarray]:
    """Search all images; return a few of them for the system, uint8 [H, W, 3]."""
    kept: list[np.ndarray] = []
    began = time.process_time()
    for number, file in enumerate(track(files, len(files), "images looked at")):
        if number >= FEWEST and time.process_time() - began > ENOUGH:
            break
        try:
            image, seconds = _timed(read_first_page, file, MAX_PIXELS, _PDF_DPI)
        except UnreadableImage as error:
            sample.unreadable[str(error)] += 1
            continue
        sample.read += 1
        sample.read_times.append(seconds)
        sample.megapixels.append(image.shape[0] * image.shape[1] / 1e6)
        data, seconds = _timed(encode, image)
        sample.write_times.append(seconds)
        sample.png_bytes.append(len(data))
        for name, detector in detectors.items():
            _search(sample.found[name], detector, image)
        if len(kept) < _EMBEDDED and sum(each.nbytes for each in kept) < _MOST_BYTES:
            kept.append(image if image.ndim == 3 else np.stack([image] * 3, axis=-1))
    return kept


def _search(found: Found, detector: Detector, image: np.ndarray) -> None:
    try:
        regions, seconds = _timed(detector.detect, [image])
    except UnreadableImage:
        found.failed += 1
        return
    found.times.append(seconds)
    found.images += bool(regions[0])
    found.regions += len(regions[0])


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    began = time.process_time()  # of all threads, whatever else runs on the cores
    result = function(*arguments)
    return result, time.process_time() - began
