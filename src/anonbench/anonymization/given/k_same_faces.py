"""Faces that are averaged: chosen, aligned, and replaced by averages in their regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from anonbench.anonymization.geometry import cover, extent, framed
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb
from anonbench.detection.faces.aligned import moved

WIDTH, HEIGHT = 96, 128
"""Pixels of an aligned face, which stands for its whole box. 0.75 is the median ratio of boxes by
MTCNN and CenterFace; nine tenths have 0.69 to 0.86."""
POINTS = np.array([(0.28, 0.384), (0.72, 0.384), (0.5, 0.594), (0.305, 0.746), (0.695, 0.746)])
"""Where eyes, nose and corners of the mouth are in a face's box, as shares of its sides: means over
196 photographs of CelebA in the wild, made symmetric; boxes by MTCNN (CenterFace's differ by 0.01).
"""
MASKED = 0
"""Level of what is masked."""
_SAME = 0.5
"""Two boxes that share so much of the smaller one are of one face."""


@dataclass(frozen=True)
class Sorted:
    """Regions of one image."""

    faces: tuple[Region, ...]
    """Upright boxes of faces that are averaged, the largest first."""
    masked: tuple[Region, ...]
    """All else that was found."""
    every: tuple[Region, ...]
    """All regions as they were found."""


def sort_regions(
    regions: Sequence[Region], shape: tuple[int, ...], only_largest: bool = False
) -> Sorted:
    """Tell faces that are averaged from regions that are masked.

    Boxes of one face, as two detectors find it, are one that encloses them: otherwise a face would
    be averaged with itself.

    Args:
        regions: all of an image; a face beyond its border has no pixel to average.
        shape: the image's.
        only_largest: the largest face is averaged, all others are masked.

    """
    inside = [each for each in regions if cover(each, shape) is not None]
    faces = _enclosing([each for each in inside if each.entity is Entity.FACE])
    masked = [each for each in inside if each.entity is not Entity.FACE]
    if only_largest:
        masked += faces[1:]
        faces = faces[:1]
    return Sorted(tuple(faces), tuple(masked), tuple(regions))


def align_face(
    image: np.ndarray,
    face: Region,
    points: np.ndarray,
    masked: Sequence[Region],
    settings: Anonymization,
) -> np.ndarray:
    """Return a face, turned, scaled and moved to the place of all: uint8 [HEIGHT, WIDTH, 3] RGB.

    It is made of the pixels of the face's box, those of masked regions grey. Where the box does not
    reach, its border is repeated.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB.
        face: an upright box that reaches into the image.
        points: float64 [5, 2], eyes, nose and mouth in pixels of the image.
        masked: regions that overlap it, and are not to be seen in it.
        settings: the margin.

    """
    area = cover(face, image.shape, settings.margin)
    assert area is not None
    seen = as_rgb(image[area.window]).copy()
    seen[framed(masked, image.shape, settings)[area.window]] = 127
    corner = (area.window[1].start, area.window[0].start)
    to = (0.5 + (POINTS - 0.5) / settings.margin) * (WIDTH, HEIGHT)
    large = moved(seen, points - corner, to, (WIDTH, HEIGHT))
    return np.asarray(cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def draw_averages(
    image: np.ndarray, regions: Sorted, averages: Sequence[np.ndarray], settings: Anonymization
) -> np.ndarray:
    """Return an image with an average in place of each face, and all other regions masked.

    An average is stretched to the face's whole box, by nothing but the box: no pixel of any
    region, and neither the pose nor the expression of a face, has a part in what is drawn. Where
    faces overlap, the largest is seen.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB; it is not changed.
        regions: of the image.
        averages: uint8 [HEIGHT, WIDTH, 3] RGB, one for each face.
        settings: margin, and shape: of a region that hides the whole image (`image`), all but
            averages is masked.

    """
    result = image.copy()
    result[framed(regions.every, image.shape, settings)] = MASKED
    for face, average in reversed([*zip(regions.faces, averages, strict=True)]):
        _draw(result, face, average, settings.margin)
    result[framed(regions.masked, image.shape, settings)] = MASKED
    return result


def _draw(result: np.ndarray, face: Region, average: np.ndarray, margin: float) -> None:
    """Stretch an average to a face's box, and write the part that is in the image."""
    area = cover(face, result.shape, margin)
    if area is None:
        return
    x0, y0, x1, y1 = extent(face, margin)
    rows, columns = area.window
    across, down = WIDTH / (x1 - x0), HEIGHT / (y1 - y0)
    part = (
        *((columns.start - x0) * across, (rows.start - y0) * down),
        *(min((columns.stop - x0) * across, WIDTH), min((rows.stop - y0) * down, HEIGHT)),
    )
    size = (columns.stop - columns.start, rows.stop - rows.start)
    drawn = Image.fromarray(average).resize(size, Image.Resampling.BILINEAR, box=part)
    pixels = np.asarray(drawn)
    result[area.window] = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if result.ndim == 2 else pixels


def _enclosing(faces: Sequence[Region]) -> list[Region]:
    """Return one box for all boxes of a face, the largest first."""
    boxes = list(faces)
    kept: list[Region] = []
    while len(kept) != len(boxes):  # a box that has grown may reach another one
        kept, boxes = [], kept or boxes
        for face in sorted(boxes, key=_by_size):
            same = [each for each in kept if _are_same(each, face)]
            kept = [each for each in kept if each not in same] + [_around([*same, face])]
    return sorted(kept, key=_by_size)


def _by_size(face: Region) -> tuple[float, ...]:
    return (-_area(face), face.x0, face.y0, face.x1, face.y1)


def _area(face: Region) -> float:
    return (face.x1 - face.x0) * (face.y1 - face.y0)


def _are_same(one: Region, other: Region) -> bool:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    shared = max(width, 0.0) * max(height, 0.0)
    return 0 < shared >= _SAME * min(_area(one), _area(other))


def _around(faces: Sequence[Region]) -> Region:
    return Region(
        Entity.FACE,
        min(each.x0 for each in faces),
        min(each.y0 for each in faces),
        max(each.x1 for each in faces),
        max(each.y1 for each in faces),
        max(each.score for each in faces),
    )
