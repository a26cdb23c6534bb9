"""Text lines by PP-OCR's detectors (Li et al. 2022 and later), exported to ONNX.

Steps before and after the network are rapidocr's code, with the means and deviations that the
networks were trained with.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region, region_fault
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Place, Positive
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import (
    as_grey,
    as_rgb,
    clipped_quad,
    corners_of,
    require_finite,
    shows_screen,
    united,
    without_grid,
)
from anonbench.detection.text_recognizer import INSTALL, WHEEL
from anonbench.detection.views import Reach, Views, moved

log = logging.getLogger(__name__)

PACKAGES = (WHEEL, "rapidocr")
"""Packages that bring PP-OCR's networks as ONNX files, in their folder `models`."""
ONNX = "inference.onnx"


@dataclass(frozen=True)
class Published:
    """A text detector in a package: a file without its inference.yml."""

    files: tuple[str, ...]
    """Names that it goes by."""
    digest: str
    """SHA-256."""
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


def find_models(models: Sequence[str], folder: Path | None) -> list[Path]:
    """ONNX files of models, in a folder or a package; InputError without them.

    Weights that are known are checked by their digest; others are logged with it.
    """
    return [_found(model, folder) for model in models]


def _found(model: str, folder: Path | None) -> Path:
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
        raise InputError(
            f"detection.ppocr: there are no ONNX weights of {model}; {missing_weights_hint(model)}"
        )
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
    """Return a model's ONNX file in the packages that are installed, or None."""
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return _published_file([Path(origin).parent / "models" for origin in origins], model)


def missing_weights_hint(model: str) -> str:
    """Hint for a model whose weights are missing."""
    folder = f"set detection.ppocr.weights to the model's folder ({ONNX}"
    known = PUBLISHED.get(model)
    if known is None:
        return (
            f"{folder}), or detection.ppocr.model to one that is found by its name: "
            f"{', '.join(PUBLISHED)}"
        )
    folder += f", or {known.files[0]})"
    return folder if known.install is None else f"{folder} or {known.install}"


def _published_file(folders: Iterable[Path], model: str) -> Path | None:
    known = PUBLISHED.get(model)
    paths = [folder / name for folder in folders for name in known.files] if known else []
    return next((path for path in paths if path.is_file()), None)


_MEANS = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATIONS = np.array([0.229, 0.224, 0.225], np.float32)
Network = Callable[[np.ndarray], np.ndarray]
"""Float32 [1, 3, H, W] to the probability that each pixel is text, float32 [1, 1, H, W]. Several
threads may call it at once.
"""
_STRIDE = 32
"""The network halves its input five times."""
_CANDIDATES = 1000
"""Greatest number of contours examined in a view."""


class Ppocr(DetectorKind):
    """Text lines by PaddleOCR's detectors."""

    name: ClassVar = "ppocr"
    label: ClassVar = "PP-OCR"
    entities: ClassVar = (Entity.TEXT,)
    reads: ClassVar = ("speed",)
    install: ClassVar = "pip install onnxruntime rapidocr==3.10.0"
    seconds_an_image: ClassVar = (0.08, 0.25)

    model: str | tuple[str, ...] = "PP-OCRv3_mobile_det"
    """One or several models by PaddleOCR's names, whose findings are united
    (docs/how-to/detection.md)."""
    weights: Place | None = None
    """Folder of the model's ONNX file; by default that of an installed package."""
    limit_side_len: Count = 960
    """Longer side of the network's input, in pixels; images over 1.5 times as large are searched in
    tiles."""
    thresh: Fraction = 0.3
    """Probability from which a pixel is text."""
    box_thresh: Fraction = 0.6
    """Mean probability from which a box counts."""
    unclip_ratio: Positive = 1.5
    """Factor of the enlargement of a box beyond the text's core."""
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
        if loading.detection.speed == "single":
            return detector
        whole, quick = side * 3 // 2, loading.detection.speed == "quick"
        reach = Reach(
            whole=whole,
            tile=side,
            overlap=side // 5,
            halved=whole if quick else None,
            doubled=None if quick else side * 5 // 8,
        )
        if quick:
            return Levelled(Views(detector, reach), None, None)
        name, second = self.second_model, None
        if name is not None and name not in self.models:
            second = DbnetDetector(Ppocr(model=name), loading.threads)
        fine = Views(detector, replace(reach, doubled=None))
        return Levelled(Views(detector, reach), fine, second)


class DbnetDetector:
    """Text lines of each image as quadrilaterals."""

    def __init__(self, settings: Ppocr, threads: int = 1) -> None:
        """Load the weights; InputError without them, or if they are damaged.

        Images are looked at together by several threads, each by one: that is faster than several
        threads for one image, and what is found cannot depend on their number.
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
        seen = _padded(image, max(_STRIDE, ceil(_STRIDE * max(image.shape[:2]) / self._limit)))
        tensor = np.asarray(self._before(as_rgb(seen)[:, :, ::-1]))  # blue first
        maps = (network(tensor) for network in self._networks)
        found = [region for each in maps for region in self._regions(each, seen, image)]
        return united(found, image) if len(self._networks) > 1 else found

    def _regions(self, maps: np.ndarray, seen: np.ndarray, image: np.ndarray) -> list[Region]:
        """Regions of one model, from the probability that each pixel of `seen` is text."""
        require_finite(maps)
        probabilities = np.ascontiguousarray(maps[0, 0])
        is_text = probabilities > self._after.thresh
        height, width = seen.shape[:2]
        # the next step would clip slanted lines at the image's edge corner by corner
        boxes, scores = self._after.boxes_from_bitmap(probabilities, is_text, width, height)
        pairs = zip(boxes.astype(np.float64), scores, strict=True)
        return [part for pair in pairs for part in clipped_quad(Entity.TEXT, *pair, image)]


def _padded(image: np.ndarray, least: int) -> np.ndarray:
    """Return an image with sides of at least so many pixels: its last row or column repeated."""
    below, right = (max(0, least - side) for side in image.shape[:2])
    if not (below or right):
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))


def _flush_denormals() -> None:
    """Make this thread treat numbers below 1e-38 as zero.

    PP-OCRv3's detector has some 13,000 such weights, and Intel's processors are slow at each
    product with them: single layers took thirty times as long. ONNX Runtime's own setting
    (`session.set_denormal_as_zero`) reaches only its own threads, and images are run in ours.
    """
    import torch

    torch.set_flush_denormal(True)


def _network(path: Path) -> Network:
    """The network as ONNX Runtime computes it, in the thread that calls it."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the package is imported
    from anonbench.core.libraries.onnx import cpu_session

    try:
        session = cpu_session(path)
    except Exception as error:  # the library's exceptions have no common base
        raise InputError(
            f"detector ppocr cannot load {path} ({type(error).__name__}); it is damaged or "
            "not an ONNX file: get it again"
        ) from error
    given, made = session.get_inputs(), session.get_outputs()
    if [len(x.shape) for x in given] != [4] or [len(x.shape) for x in made] != [4]:
        raise InputError(
            f"detector ppocr: {path} is not a text detector: it must turn one tensor of "
            "images into one of maps"
        )
    return lambda tensor: np.asarray(session.run(None, {given[0].name: tensor})[0])


# --- slanted lines, found again in the image turned level ---
#
# Large lines are found at any slant, but of small ones at 30 to 60 degrees only half. The slant of
# those that are found tells how to turn the image.

LEVEL = 5.0
"""Degrees from the axes up to which lines are level. At 6, a sixth of small lines is missed."""
_NEAR = 10.0
"""Degrees up to which a line has a slant that was searched."""
_LONG = 2.0
"""Least ratio of a line's length to its height for its slant to be known."""
_SHARE, _LINES = 0.2, 4
"""Least share of the length of all lines, or number of lines, that makes a slant. On 35 slanted
documents it was 0.55 or more; on level ones, and 60 pages, up to 0.13 or 3 lines seem slanted.
"""
_INSIDE = 0.9
"""Share of a region in a line of a turned image from which it is dropped."""
_MOST = 3
"""Greatest number of slants that are searched."""
_NEW, _HIGHEST, _SMALL = 0.5, 0.25, 480
"""Share of a second model's region in others from which it is dropped; its greatest height, as a
share of the image's shorter side, as PP-OCRv6 takes some faces for text; longest side of an image
that it searches at double size.
"""
_FAINT, _GROUND = (24, 48), 6
"""Least contrast of fine print on plain ground and on any; its multiple of the ground's own between
these.
"""
_BETWEEN, _FINE, _WORD, _INKED, _AROUND = 7, (3, 11), 20, 0.8, 49
"""Of fine print: greatest distance of letters; least and greatest height of a row, and its least
width; share of ink from which a row is a rule; side of the square that is searched.
"""


class Levelled:
    """A detector that also searches slanted lines and fine print, and by a second model.

    Slanted images are turned level. Of lines of 4 to 7 pixels two thirds are missed on a page of
    usual size. To search all of it at double size takes five times as long, so that only places
    that look like fine print are enlarged. In 196 photographs, the second model finds 5 % more
    words.
    """

    def __init__(self, views: Views, fine: Views | None, second: Detector | None) -> None:
        self._detector, self._fine, self._second = views, fine, second

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        pairs = zip(images, self._detector.detect(images), strict=True)
        return [self._completed(image, regions) for image, regions in pairs]

    def _completed(self, image: np.ndarray, regions: list[Region]) -> list[Region]:
        height, width = image.shape[:2]
        if shows_screen(image):
            image = without_grid(as_grey(image))
            regions = united([*regions, *self._detector.detect([image])[0]], image)
        regions = self._with_fine_print(image, regions)
        known: list[float] = []
        while len(known) < _MOST and (slant := slant_of(regions, known)) is not None:
            found = self._detector.turned(image, -slant)
            # some may lie beside the image
            inside = [region for region in found if region_fault(region, width, height) is None]
            lines = united(inside, image)
            kept = [each for each in regions if max(_shares(each, lines), default=0.0) < _INSIDE]
            regions = lines + kept
            known.append(slant)
        return regions + self._missed(image, regions)

    def _missed(self, image: np.ndarray, regions: list[Region]) -> list[Region]:
        """Regions by the second model where there are no others."""
        if self._second is None:
            return []
        seen, highest = image, _HIGHEST * min(image.shape[:2])
        if is_small := max(image.shape[:2]) <= _SMALL:
            seen = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        back = np.eye(2, 3) / (2 if is_small else 1)
        return [
            region
            for region in (moved(each, back) for each in self._second.detect([seen])[0])
            if min(cv2.minAreaRect(corners_of(region).astype(np.float32))[1]) <= highest
            and sum(_shares(region, regions)) < _NEW
        ]

    def _with_fine_print(self, image: np.ndarray, regions: list[Region]) -> list[Region]:
        if self._fine is None:
            return regions
        found: list[Region] = []
        for rows, columns in fine_print(image, regions):
            part = image[rows, columns]
            part = cv2.resize(part, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            back = np.array([[0.5, 0, columns.start], [0, 0.5, rows.start]])
            found += [moved(region, back) for region in self._fine.detect([part])[0]]
        # joined with the lines, they would hide much beside them
        new = (each for each in united(found, image) if sum(_shares(each, regions)) < _INSIDE)
        return [*regions, *new]


def fine_print(image: np.ndarray, lines: Sequence[Region]) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of places with level rows of small dark specks beside lines."""
    contrast = cv2.morphologyEx(as_grey(image), cv2.MORPH_BLACKHAT, np.ones((5, 5), np.uint8))
    ground = _GROUND * np.median(contrast)
    for line in lines:
        hull = cv2.convexHull(corners_of(line).round().astype(np.int32))
        cv2.fillConvexPoly(contrast, hull, (0,))
    rows = np.zeros(contrast.shape, np.uint8)
    for least in {_FAINT[1], int(np.clip(ground, *_FAINT))}:  # pale specks; the cores of dark ones
        rows |= _rows_of_specks((contrast > least).astype(np.uint8))
    near = cv2.dilate(rows, np.ones((_AROUND, _AROUND), np.uint8))
    for x, y, wide, high, _ in cv2.connectedComponentsWithStats(near)[2][1:].tolist():
        yield slice(y, y + high), slice(x, x + wide)


def _rows_of_specks(ink: np.ndarray) -> np.ndarray:
    """Pixels of level rows of specks that may be letters, uint8 [h, w], as `ink`."""
    rows = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, _BETWEEN), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rows)
    width, height, area = stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_AREA + 1].T
    small = (_FINE[0] <= height) & (height <= _FINE[1]) & (width >= _WORD)
    small &= np.bincount(labels.ravel(), ink.ravel(), minlength=len(stats)) < _INKED * area
    small[0] = False
    return np.asarray(small[labels].astype(np.uint8))


def _shares(region: Region, others: Sequence[Region]) -> list[float]:
    """Shares of a region's area that are in others."""
    hull, *hulls = (
        cv2.convexHull(corners_of(each).astype(np.float32)) for each in (region, *others)
    )
    area = max(cv2.contourArea(hull), 1e-9)
    return [cv2.intersectConvexConvex(hull, each)[0] / area for each in hulls]


def slants_of(lines: Sequence[Region]) -> list[float]:
    """Slants of many lines each, in degrees counterclockwise, without level."""
    known: list[float] = []
    while len(known) < _MOST and (slant := slant_of(lines, known)) is not None:
        known.append(slant)
    return known


def slant_of(regions: Sequence[Region], known: Sequence[float]) -> float | None:
    """Slant of many lines, in degrees counterclockwise, that is not near a known one or level."""
    slants, lengths = _long_lines(regions)
    total = lengths.sum()
    new = _apart(slants, 0.0, 90) > LEVEL
    for each in known:
        new &= _apart(slants, each, 90) > _NEAR
    slants, lengths = slants[new], lengths[new]
    alike = _apart(slants[:, None], slants, 180) <= _NEAR
    votes = alike @ lengths
    votes[(votes < _SHARE * total) & (alike.sum(axis=1) < _LINES)] = 0.0
    if not votes.any():
        return None
    most = int(votes.argmax())
    beside = (slants - slants[most] + 90) % 180 - 90
    return float(slants[most] + np.average(beside, weights=alike[most] * lengths))


def _long_lines(regions: Sequence[Region]) -> tuple[np.ndarray, np.ndarray]:
    """Slants in degrees, -180 to 180, and lengths of lines that are longer than high."""
    corners = np.array([corners_of(region) for region in regions]).reshape(-1, 4, 2)
    sides = corners[:, 1:3] - corners[:, :2]
    lengths = np.hypot(*sides.transpose(2, 0, 1))
    x, y = sides[np.arange(len(sides)), lengths.argmax(axis=1)].T
    is_long = lengths.max(axis=1) >= _LONG * lengths.min(axis=1)
    return np.degrees(np.arctan2(-y, x))[is_long], lengths.max(axis=1)[is_long]


def _apart(one: np.ndarray, other: np.ndarray | float, period: int) -> np.ndarray:
    """Distances of angles, in degrees, that are equal after a period."""
    return np.abs((one - other + period / 2) % period - period / 2)
