"""Pages with drawn text, for the tests of the text detectors."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.registries.detectors import Detector
from anonbench.detection.base import corners_of
from anonbench.detection.kinds import Ppocr
from anonbench.detection.kinds import ppocr as ppocr_model
from anonbench.detection.kinds.ppocr import PUBLISHED
from anonbench.detection.search import build


class Finds:
    def __init__(self, *regions: Region) -> None:
        self.regions = list(regions)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        return [self.regions for _ in images]


class Looks:
    """A detector that a function is, and the shapes of the images that it was given."""

    def __init__(self, look: Callable[[np.ndarray], list[Region]]) -> None:
        self.look = look
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        self.shapes += [image.shape for image in images]
        return [self.look(image) for image in images]


def page(ink: tuple[int, int, int] = (0, 0, 0)) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a white page with three lines, and the pixels of each."""
    image = np.full((400, 640, 3), 255, np.uint8)
    lines = []
    for y, text in ((80, "Sehr geehrte Damen"), (190, "Invoice 4711"), (330, "Total: 12.50")):
        layer = np.full_like(image, 255)
        cv2.putText(layer, text, (60, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, ink, 3, cv2.LINE_AA)
        image = np.minimum(image, layer)
        lines.append((layer < 200).any(axis=2))
    return image, lines


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """Return a page turned about its centre, counter-clockwise, on white."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(image, turn, (width, height), borderValue=(255, 255, 255))


def turned_whole(page: np.ndarray, angle: float, ground: int = 235) -> np.ndarray:
    """Return a page turned about its centre, with all of its corners, on a ground."""
    side = int(np.hypot(*page.shape)) + 1
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), angle, 1.0)
    turn[:, 2] += (side - page.shape[1]) / 2, (side - page.shape[0]) / 2
    return cv2.warpAffine(page, turn, (side, side), borderValue=ground)


def covered(shape: tuple[int, ...], regions: list[Region]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    for region in regions:
        cv2.fillPoly(mask, [corners_of(region).round().astype(np.int32)], 1)
    return mask.astype(bool)


def packaged(model: str = Ppocr().model) -> Path:
    """Return the weights of a text detector that a package brings, or skip."""
    path = ppocr_model.packaged(model)
    if path is None:
        pytest.skip(f"no weights of {model}: {PUBLISHED[model].install or 'in no package'}")
    return path


def load(**settings: object) -> Detector:
    return build("ppocr", Detection(speed="single", ppocr=Ppocr.model_validate(settings)))


def pages() -> list[np.ndarray]:
    """Return pages in colour, negative, grey, slanted and large, and odd parts of them."""
    image, _ = page(ink=(160, 30, 90))
    grey = np.ascontiguousarray(image[:, :, 1])
    odd = [image[40:60, 50:400], grey[60:90, 60:80], np.full((5, 900), 77, np.uint8)]
    return [image, 255 - image, grey, turned(image, -12), cv2.resize(image, (2900, 1811)), *odd]
