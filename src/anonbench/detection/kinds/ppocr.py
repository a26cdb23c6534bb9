"""Text lines by PP-OCR's detectors (Li et al. 2022 and later), exported to ONNX.

Steps before and after the network are rapidocr's code, with the means and deviations that the
networks were trained with.
"""

import importlib.util
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Place, Positive
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped, require_finite, united
from anonbench.detection.text_recognizer import INSTALL, WHEEL
from anonbench.detection.text_search import TextSearch
from anonbench.detection.views import Reach, Views

log = logging.getLogger(__name__)

PACKAGES = (WHEEL, "rapidocr")  # have PP-OCR's networks as ONNX files, in their folder `models`
ONNX = "inference.onnx"


class Published(NamedTuple):
    """A text detector in a package: a file without its inference.yml."""

    files: tuple[str, ...]  # names that it goes by
    digest: str  # SHA-256
    install: str | None
    """The command that installs it; None: in no package, but rapidocr downloads it on request."""


PUBLISHED = {
    "PP-OCRv3_mobile_det": Published(
        ("ch_PP-OCRv3_det_infer.onnx",),
        "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526",
        INSTALL,
    ),
    "PP-OCRv4_mobile_det": Published(
        ("ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_det_mobile.onnx"),
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        "pip install --no-deps --force-reinstall rapidocr==3.4.2",
    ),
    "PP-OCRv5_mobile_det": Published(
        ("ch_PP-OCRv5_det_mobile.onnx",),
        "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae",
        None,
    ),
    "PP-OCRv6_small_det": Published(
        ("PP-OCRv6_det_small.onnx",),
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "pip install --no-deps --force-reinstall rapidocr==3.10.0",
    ),
}
"""By PaddleOCR's name for the model. Of v5 the digest is the one that rapidocr 3.10.0 lists."""


def find_models(models: Sequence[str], folder: Path | None, field: str = "model") -> list[Path]:
    """ONNX files of a setting's models, in a folder or a package; InputError without them.

    Weights that are known are checked by their digest; others are logged with it.
    """
    return [_found(model, folder, field) for model in models]


def _found(model: str, folder: Path | None, field: str) -> Path:
    known = PUBLISHED.get(model)
    onnx = packaged(model) if folder is None else _published_file([folder], model)
    if onnx is not None and known is not None:
        if file_digest(onnx) != known.digest:
            way_out = f"reinstall it: {known.install}" if known.install else "get it again"
            raise InputError(
                f"detector ppocr: {onnx} is damaged or of another version ({onnx.stat().st_size} "
                f"bytes, its SHA-256 is not {known.digest[:12]}…); {way_out}"
            )
        return onnx
    if folder is None:
        hint = missing_weights_hint(model)
        if field != "model":
            hint = "set it to null" + (f", or {known.install}" if known and known.install else "")
        raise InputError(f"detection.ppocr.{field}: there are no ONNX weights of {model}; {hint}")
    onnx = folder / ONNX
    if not onnx.is_file():
        also = f" and no {known.files[0]}" if known else ""
        raise InputError(
            f"detection.ppocr.weights: there is no {ONNX} in {folder}{also}; give the folder of "
            f"the model {model} in ONNX format"
        )
    log.info("%s from %s, SHA-256 %s", model, folder, file_digest(onnx))
    return onnx


def packaged(model: str) -> Path | None:
    """A model's ONNX file in the packages that are installed, or None."""
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    origins = [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]
    return _published_file([origin.with_name("models") for origin in origins], model)


def _published_file(folders: Iterable[Path], model: str) -> Path | None:
    names = PUBLISHED[model].files if model in PUBLISHED else ()
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)


def missing_weights_hint(model: str) -> str:
    """Hint for a model whose weights are missing."""
    folder = f"set detection.ppocr.weights to the model's folder ({ONNX}"
    if (known := PUBLISHED.get(model)) is None:
        other = "detection.ppocr.model to one that is found by its name"
        return f"{folder}), or {other}: {', '.join(PUBLISHED)}"
    return f"{folder}, or {known.files[0]})" + (f" or {known.install}" if known.install else "")


_MEANS = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATIONS = np.array([0.229, 0.224, 0.225], np.float32)
_STRIDE = 32  # the network halves its input five times
_CANDIDATES = 1000  # greatest number of contours examined in a view


class Ppocr(DetectorKind):
    """Text lines by PaddleOCR's detectors."""

    name: ClassVar = "ppocr"
    label: ClassVar = "PP-OCR"
    entities: ClassVar = (Entity.TEXT,)
    reads: ClassVar = ("speed",)
    install: ClassVar = "pip install onnxruntime rapidocr==3.10.0"
    seconds_an_image: ClassVar = (0.1, 0.9)

    model: str | tuple[str, ...] = "PP-OCRv3_mobile_det"
    """One or several models by PaddleOCR's names, whose findings are united
    (docs/how-to/detection.md)."""
    weights: Place | None = None
    """Folder of the model's ONNX file; by default that of an installed package."""
    limit_side_len: Count = 960
    """Longer side of the network's input, in pixels; images over 1.5 times as large are searched in
    tiles."""
    thresh: Fraction = 0.3  # Probability from which a pixel is text.
    box_thresh: Fraction = 0.6  # Mean probability from which a box counts.
    unclip_ratio: Positive = 1.5  # Factor of the enlargement of a box beyond the text's core.
    second_model: str | None = None
    """Model that also searches each image once, at up to 960 pixels, for what the others miss, such
    as logos and decorated letters; with `speed: thorough`."""

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return (self.model,) if isinstance(self.model, str) else self.model

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        detector, side = DbnetDetector(self, loading.threads), self.limit_side_len
        reach = Reach(whole=side * 3 // 2, tile=side, overlap=side // 5)
        if loading.detection.speed == "single":
            return detector
        if loading.detection.speed == "quick":
            return TextSearch(Views(detector, replace(reach, halved=reach.whole)), None, None)
        name, second = self.second_model, None
        if name is not None and name not in self.models:
            find_models([name], None, "second_model")  # whose errors name the setting
            second = DbnetDetector(Ppocr(model=name), loading.threads)
        views = Views(detector, replace(reach, doubled=side * 5 // 8))
        return TextSearch(views, Views(detector, reach), second)


class DbnetDetector:
    """Text lines of each image as quadrilaterals."""

    def __init__(self, settings: Ppocr, threads: int = 1) -> None:
        """Load the weights; InputError without them, or if they are damaged.

        Each image is searched by one thread, so that their number has no effect.
        """
        from rapidocr.ch_ppocr_det.utils import DBPostProcess, DetPreProcess

        logging.getLogger("RapidOCR").setLevel(logging.WARNING)
        self._networks = [_network(path) for path in find_models(settings.models, settings.weights)]
        self._limit = settings.limit_side_len
        self._before = DetPreProcess(self._limit, "max", _MEANS, _DEVIATIONS)
        self._after = DBPostProcess(
            settings.thresh, settings.box_thresh, _CANDIDATES, settings.unclip_ratio
        )
        self._workers = ThreadPoolExecutor(threads, initializer=_flush_denormals)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        return list(self._workers.map(self._detect_one, images))

    def _detect_one(self, image: np.ndarray) -> list[Region]:
        least = max(_STRIDE, ceil(_STRIDE * max(image.shape[:2]) / self._limit))
        below, right = (max(0, least - side) for side in image.shape[:2])
        seen = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        tensor = np.asarray(self._before(as_rgb(seen)[:, :, ::-1]))  # blue first
        found = []
        for network in self._networks:
            maps = network(tensor)
            require_finite(maps)
            likely, (height, width) = np.ascontiguousarray(maps[0, 0]), seen.shape[:2]
            # the next step would clip slanted lines at the image's edge corner by corner
            boxes, scores = self._after.boxes_from_bitmap(
                likely, likely > self._after.thresh, width, height
            )
            found += clipped(Entity.TEXT, boxes.astype(np.float64), scores, image)
        return united(found, image) if len(self._networks) > 1 else found


def _flush_denormals() -> None:
    """Make this thread treat numbers below 1e-38 as zero.

    PP-OCRv3's detector has 13,000 such weights, with which layers take thirty times as long. ONNX
    Runtime's own setting reaches only its own threads, and images are run in ours.
    """
    import torch

    torch.set_flush_denormal(True)


def _network(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The network, run by the calling thread.

    It takes float32 [1, 3, H, W] and gives the probability that each pixel is text, [1, 1, H, W].
    """
    from anonbench.core.libraries.onnx import cpu_session

    try:
        session = cpu_session(path)
    except Exception as error:  # the library's exceptions have no common base
        raise InputError(
            f"detector ppocr cannot load {path} ({type(error).__name__}); it is damaged or "
            "not an ONNX file: get it again"
        ) from error
    given, made = session.get_inputs(), session.get_outputs()
    if [len(each.shape) for each in given] != [4] or [len(each.shape) for each in made] != [4]:
        raise InputError(
            f"detector ppocr: {path} is not a text detector: it must turn one tensor of "
            "images into one of maps"
        )
    return lambda tensor: np.asarray(session.run(None, {given[0].name: tensor})[0])
