"""Pages with drawn text, for the tests of the text detectors."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.registries.detectors import Detector
from anonbench.datasets.images import read_image
from anonbench.detection.base import corners_of
from anonbench.detection.kinds import Ppocr
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


def covered(shape: tuple[int, ...], regions: list[Region]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    for region in regions:
        cv2.fillPoly(mask, [corners_of(region).round().astype(np.int32)], 1)
    return mask.astype(bool)


def load(**settings: object) -> Detector:
    return build("ppocr", Detection(speed="single", ppocr=Ppocr.model_validate(settings)))


def pages() -> list[np.ndarray]:
    """Return pages in colour, negative, grey, slanted and large, and odd parts of them."""
    image, _ = page(ink=(160, 30, 90))
    grey = np.ascontiguousarray(image[:, :, 1])
    odd = [image[40:60, 50:400], grey[60:90, 60:80], np.full((5, 900), 77, np.uint8)]
    return [image, 255 - image, grey, turned(image, -12), cv2.resize(image, (2900, 1811)), *odd]


def receipt_coverage(path: Path, detector: Detector) -> float:
    """Return the share of a receipt's true text boxes (a CSV beside it) that is found."""
    image = read_image(path)
    true = np.zeros(image.shape[:2], np.uint8)
    with path.with_suffix(".csv").open(encoding="utf-8", errors="replace") as file:
        for row in csv.reader(file):
            if len(row) > 8:
                cv2.fillPoly(true, [np.array(row[:8], np.int32).reshape(4, 2)], 1)
    return float(covered(image.shape, detector.detect([image])[0])[true > 0].mean())
