"""Boxes of the most similar annotated template (Eberhardinger et al. 2025)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region, rectangle
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.vocabulary import Entity
from anonbench.detection import template_matching as matching
from anonbench.detection import views
from anonbench.detection.base import PerImage, bounded, clipped, corners_of
from anonbench.detection.planes import planes, spread_planes

ANNOTATIONS = ("annotations.json", "annotations.csv", "annotations.parquet")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
FEWEST = 30  # least number of features outside its boxes for a template to be recognizable
SMALLEST = 4  # ratio of the largest size at which images are looked at to the smallest
CANDIDATES = 10  # number of most similar templates that are tried on an image
LONGEST = 1000  # longest side of images and templates when they are matched, in pixels
ALIKE = 0.75  # least share of cells of the template outside its boxes in which the image is alike
PALE = 2  # width in pixels of the border around a template's boxes that is not compared either


class Template(DetectorKind):
    """Boxes of the most similar annotated template (Eberhardinger et al. 2025)."""

    name: ClassVar = "template"
    label: ClassVar = "Templates"
    seconds_an_image: ClassVar = (0.0, 1.0)

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        if loading.templates is None:
            raise InputError("detector template: the data set's setting `templates` is empty")
        return TemplateDetector(loading.templates)


Box = tuple[Entity, np.ndarray]  # entity, and its corners, float [4, 2]


@dataclass(frozen=True)
class Known:
    """A loaded template: the part that is compared, and the boxes that are passed on."""

    name: str
    size: tuple[int, int]  # width and height of its working copy, in whose pixels the rest is
    features: matching.Features  # outside its boxes: their content belongs to one person
    frame: np.ndarray  # uint8 [h, w]: the template at the size in which it is compared
    compared: np.ndarray  # bool [h, w]: the frame without the boxes
    boxes: list[Box]


Document = tuple[Known, np.ndarray, float]
"""A template, the transformation (float64 [3, 3]) from its pixels to the image's, and their
agreement."""


class TemplateDetector(PerImage):
    """The boxes of an annotated template, if the image shows such a document.

    The templates most similar by embedding are aligned to the image by their local features. The
    best-fitting one passes on its boxes if it passes every test; otherwise there are none. A
    region's score is the template's agreement with the image.
    """

    def __init__(self, folder: Path) -> None:
        """Read images, in sub-folders or not, and one of `ANNOTATIONS`; else InputError."""
        images = _read_images(folder)
        regions = _read_boxes(folder, images)
        self._known, descriptors = [], []
        for name, (_, image) in images.items():
            grey, _ = next(planes(bounded(image, LONGEST)))
            features, share = matching.extract(grey), _share(grey, image)
            boxes = [(region.entity, corners_of(region) * share) for region in regions[name]]
            self._known.append(_known(folder, name, grey, features, boxes))
            descriptors.append(features.descriptors)
        self._centres = matching.codebook(np.concatenate(descriptors))
        self._embeddings = np.stack([matching.embed(each, self._centres) for each in descriptors])

    def _search(self, image: np.ndarray) -> Iterator[Region]:
        for known, matrix, score in self.find(image):
            for entity, corners in known.boxes:
                yield from clipped(entity, [matching.moved(corners, matrix)], [score], image)

    def find(self, image: np.ndarray) -> list[Document]:
        """Templates that an image shows: in the whole image, and in tiles of it from half size."""
        # of an enlarged image, noise has the strongest features until it is shrunk again
        shrinking = views.Reach(whole=LONGEST, tile=LONGEST, overlap=0, least=LONGEST // SMALLEST)
        # features of full size take 2 s a megapixel
        tiling = views.Reach(whole=LONGEST, tile=LONGEST, overlap=LONGEST // 2, halved=1)
        found: list[Document] = []
        for plane in spread_planes(bounded(image, LONGEST)):
            for grey in views.pyramid(plane, shrinking):
                back = np.diag([*(1 / _share(grey, image)), 1.0])
                found = found or self._documents(grey, back, plane.shape[0] / grey.shape[0])
        for plane, _ in planes(image):
            for pixels in reversed([*views.pyramid(plane, tiling)]):
                if max(pixels.shape) <= LONGEST:
                    continue
                seen = [
                    each
                    for view in views.tiled(pixels, image.shape, views.UPRIGHT, tiling)
                    for each in self._documents(view.pixels, np.vstack([view.back, (0, 0, 1)]))
                ]
                for each in sorted(seen, key=lambda document: -document[2]):
                    # neighbouring tiles and scales show the same one
                    middle = _corners(*each[:2]).mean(axis=0, keepdims=True)
                    if not matching.is_in_any(middle, [_corners(*other[:2]) for other in found])[0]:
                        found.append(each)
        return found

    def _documents(self, grey: np.ndarray, back: np.ndarray, shrunk: float = 1.0) -> list[Document]:
        """Templates that a view (uint8 [h, w]) or its negative shows; see `find`."""
        features = matching.extract(grey)
        for seen, own in ((grey, features), (255 - grey, features.negative())):
            found = []
            while (best := self._best(seen, own, shrunk)) is not None:
                known, matrix, value = best
                found.append((known, back @ matrix, value))
                inside = matching.is_in_any(own.points, [_corners(known, matrix)])
                if not inside.any():  # it would be found again
                    break
                own = own[~inside]
            if found:
                return found
        return []

    def _best(
        self, grey: np.ndarray, features: matching.Features, shrunk: float
    ) -> Document | None:
        """The template that fits an image best, shrunk by a factor; see `find`."""
        similarity = self._embeddings @ matching.embed(features.descriptors, self._centres)
        best: Document | None = None
        for index in np.argsort(-similarity, kind="stable")[:CANDIDATES]:
            known = self._known[index]
            matrix = matching.align(known.features, features)
            if matrix is None or not matching.is_plausible(matrix, known.size, shrunk):
                continue
            frame = known.frame
            to_template = np.diag([*np.divide(known.size, frame.shape[::-1]), 1.0])
            value = matching.agreement(frame, known.compared, grey, matrix @ to_template)
            if value >= ALIKE and (best is None or value > best[2]):
                best = known, matrix, value
        return best


def _corners(known: Known, matrix: np.ndarray) -> np.ndarray:
    """Corners of a template's document under a transformation, float64 [4, 2]."""
    return matching.moved(rectangle(0, 0, *known.size), matrix)


def _share(pixels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Width and height of a copy as shares of the image's, float64 [2]."""
    return np.divide(pixels.shape[1::-1], image.shape[1::-1])


def _read_images(folder: Path) -> dict[str, tuple[str, np.ndarray]]:
    """The templates' paths in the folder, and the images, by name."""
    if not folder.is_dir():
        raise InputError(f"templates: the folder {folder} does not exist")
    from anonbench.datasets.images import read_image  # the config is read with this module

    images: dict[str, tuple[str, np.ndarray]] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if hidden or path.suffix.lower() not in SUFFIXES:
            continue
        name = inside.with_suffix("").as_posix()
        if name in images:
            raise InputError(f"templates: {folder} has two images named {name}; rename one")
        try:
            images[name] = inside.as_posix(), read_image(path)
        except UnreadableImage as error:
            raise InputError(f"templates: {path}: {error}; replace it or take it out") from None
    if not images:
        raise InputError(f"templates: there is no image in {folder}")
    return images


def _read_boxes(
    folder: Path, images: Mapping[str, tuple[str, np.ndarray]]
) -> dict[str, list[Region]]:
    """The templates' boxes by name: the path in the folder without suffix is the id."""
    import pandas as pd

    from anonbench.datasets.annotations.read import read_boxes_file
    from anonbench.datasets.annotations.rows import Images

    files = [folder / name for name in ANNOTATIONS if (folder / name).is_file()]
    if len(files) != 1:
        amount = "several of" if files else "none of"
        raise InputError(f"templates: {folder} has {amount} {', '.join(ANNOTATIONS)}; keep one")
    rows = [(name, path, *image.shape[1::-1]) for name, (path, image) in images.items()]
    listed = pd.DataFrame(rows, columns=["id", "path", "width", "height"])
    boxes = read_boxes_file(files[0], Images(folder, listed)).regions()
    missing = [name for name in images if name not in boxes]
    if missing:
        raise InputError(
            f"templates: {files[0]} has no boxes of {missing[0]} ({len(missing)} such images in "
            "all); annotate it or take it out (COCO can list an image without boxes)"
        )
    return boxes


def _known(
    folder: Path, name: str, grey: np.ndarray, features: matching.Features, boxes: list[Box]
) -> Known:
    """A template (uint8 [h, w]) whose features outside the boxes are enough."""
    quads = [corners for _, corners in boxes]
    outside = features[~matching.is_in_any(features.points, quads)]
    if len(outside.points) < FEWEST:
        raise InputError(
            f"templates: {folder / name} has too little structure outside its boxes to be "
            f"recognized by ({len(outside.points)} features of {FEWEST}); draw the boxes around "
            "what is personal only, and not around what is printed on every such document"
        )
    full = np.array(grey.shape[::-1])
    size = np.maximum(1, np.rint(full * matching.FRAME / full.max())).astype(int)
    how = cv2.INTER_AREA if (size < full).any() else cv2.INTER_LINEAR
    frame = cv2.resize(grey, size.tolist(), interpolation=how)
    hidden = np.zeros(frame.shape, np.uint8)
    for quad in quads:
        hull = cv2.convexHull(np.rint(quad * size / full).astype(np.int32))
        cv2.fillConvexPoly(hidden, hull, (1,))
    compared = cv2.dilate(hidden, np.ones((2 * PALE + 1, 2 * PALE + 1), np.uint8)) == 0
    return Known(name, grey.shape[::-1], outside, frame, compared, boxes)
