"""Search of an image at several scales, in tiles, and turned.

A network finds objects within its range of sizes and directions. So an image is searched at full or
half size, at half of that and so on; if it is large, in overlapping tiles, which also bounds
memory; and turned. Objects cut by the edges of tiles are whole at a smaller scale.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import ceil
from typing import Any, NamedTuple, cast

import numpy as np

from anonbench.core.boxes import Quad, Region, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.detection.base import corners_of, united

UPRIGHT, ALL_TURNS = (0,), (0, 90, 180, 270)  # degrees, counterclockwise
_CROP = 128  # side in pixels of the crops of a second search
_TOGETHER = 4_000_000  # pixels of the views that are passed to a detector together


@dataclass(frozen=True)
class SecondLook:
    """Second search for small regions of low score, at twice the largest scale, never enlarged.

    Regions of the largest scale get one, and of an image that is doubled those of full size. It
    uses the turn in which each was found, or all turns if the largest scale is searched upright.
    """

    below: int  # sides up to which a region is small, in pixels of the largest scale
    score: float  # least score at the second search; for other regions, at the first
    unsure: float = 0.0  # least score of a small region at the first search, unless that is upright


@dataclass(frozen=True)
class Reach:
    """Views in which a detector searches; lengths are in pixels."""

    whole: int  # longest side of an image that is searched in one piece
    tile: int  # longest side of a tile of a larger one
    overlap: int  # of neighbouring tiles
    least: int | None = None  # longest side of the smallest scale; None: the first in one piece
    doubled: int | None = None  # longest side up to which double size is searched, too, upright
    halved: int | None = None  # longest side from which images are searched from half size
    turns: tuple[int, ...] = UPRIGHT  # degrees by which each scale is turned
    upright: int | None = None  # pixels of an image from which its largest scale is upright only
    second: SecondLook | None = None
    versions: Callable[[np.ndarray], Iterable[np.ndarray]] | None = None
    """Versions of an image that are searched instead of it, such as its colour planes."""


class View(NamedTuple):
    """An image as passed to a detector."""

    pixels: np.ndarray
    back: np.ndarray  # float64 [2, 3]: from a place in the view to that in the image
    turn: int = 0


class Views:
    """A detector that searches all views of an image."""

    def __init__(self, detector: Detector, reach: Reach) -> None:
        self._detector, self._reach = detector, reach

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        plain = [number for number, image in enumerate(images) if self._is_plain(image)]
        # together: a detector may use several threads
        found = self._detector.detect([images[number] for number in plain]) if plain else []
        once = dict(zip(plain, found, strict=True))
        return [once[n] if n in once else self._search(image) for n, image in enumerate(images)]

    def _is_plain(self, image: np.ndarray) -> bool:
        """Whether an image is searched once, as it is."""
        reach = self._reach
        several = scales(image.shape, reach) != [image.shape[:2]] or len(reach.turns) > 1
        return not (several or reach.second or reach.versions)

    def views(self, shape: Sequence[int]) -> dict[str, Any]:
        """Scales, tiles and turns (degrees) at which an image of a shape is searched."""
        sizes = scales(shape, self._reach)
        return {
            "scales": [round(max(size) / max(shape[:2]), 4) for size in sizes],
            "tiles": [len(tiles(size, self._reach)) for size in sizes],
            "turns": list(self._reach.turns),
        }

    def turned(self, image: np.ndarray, degrees: float) -> list[Region]:
        """Regions that are found in an image turned counterclockwise, in pixels of the image."""
        views = (
            view
            for pixels in pyramid(image, self._reach)
            for view in turned_tiles(pixels, image.shape, degrees, self._reach)
        )
        return [moved(region, view.back) for view, region in self._search_views(views)]

    def _search(self, image: np.ndarray) -> list[Region]:
        versions = self._reach.versions(image) if self._reach.versions else [image]
        return united([r for each in versions for r in self._search_pyramid(each)], image)

    def _search_pyramid(self, image: np.ndarray) -> Iterator[Region]:
        second, reach = self._reach.second, self._reach
        is_large = reach.upright is not None and image.shape[0] * image.shape[1] > reach.upright
        largest = scales(image.shape, reach)[0][0] / image.shape[0]
        found: list[Region] = []
        unsure: list[tuple[View, Region]] = []
        for number, pixels in enumerate(pyramid(image, reach)):
            upright_only = pixels.shape[0] > image.shape[0] or (is_large and not number)
            turns = UPRIGHT if upright_only else reach.turns
            for view, seen in self._search_views(tiled(pixels, image.shape, turns, reach)):
                region = moved(seen, view.back)
                if second is None or seen.score >= second.score:
                    found.append(region)
                elif (
                    seen.score > (0.0 if is_large else second.unsure)
                    and number < max(1, largest)
                    and max(seen.x1 - seen.x0, seen.y1 - seen.y0) < second.below
                ):
                    unsure.append((view, region))
        yield from found
        if second is not None:
            unsure = [(view, region) for view, region in unsure if not _is_inside(region, found)]
            turns = reach.turns if is_large else ()
            for view, seen in self._search_views(_crops(image, unsure, turns)):
                if seen.score >= second.score:
                    yield moved(seen, view.back)

    def _search_views(self, views: Iterable[View]) -> Iterator[tuple[View, Region]]:
        """Findings in views, in the views' own pixels."""
        batch: list[View] = []
        for view in chain(views, [None]):
            if view is not None:
                batch.append(view)
            if batch and (view is None or sum(v.pixels.size for v in batch) > _TOGETHER):
                regions = self._detector.detect([each.pixels for each in batch])
                for each, of_view in zip(batch, regions, strict=True):
                    yield from ((each, region) for region in of_view)
                batch = []


def scales(shape: Sequence[int], reach: Reach) -> list[tuple[int, int]]:
    """Heights and widths at which an image is searched, the largest first."""
    is_halved = reach.halved is not None and max(shape[:2]) >= reach.halved
    sizes = [_half(shape) if is_halved else (shape[0], shape[1])]
    if reach.doubled is not None and max(shape[:2]) <= reach.doubled:
        sizes.insert(0, (2 * shape[0], 2 * shape[1]))
    while max(sizes[-1]) > reach.whole or (reach.least and max(sizes[-1]) >= 2 * reach.least):
        sizes.append(_half(sizes[-1]))
    return sizes


def _half(shape: Sequence[int]) -> tuple[int, int]:
    return ceil(shape[0] / 2), ceil(shape[1] / 2)


def pyramid(image: np.ndarray, reach: Reach) -> Iterator[np.ndarray]:
    """Yield an image at all scales."""
    for rows, columns in scales(image.shape, reach):
        if rows > image.shape[0]:
            yield cv2.resize(image, (columns, rows), interpolation=cv2.INTER_CUBIC)
            continue
        if image.shape[:2] != (rows, columns):  # of the one before: as exact, and faster
            image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        yield image


def tiled(
    pixels: np.ndarray, shape: Sequence[int], turns: Sequence[int], reach: Reach
) -> Iterator[View]:
    """Yield the turned tiles of one scale of an image of a shape."""
    scale = np.divide(shape[1::-1], pixels.shape[1::-1])[:, None]
    for rows, columns in tiles(pixels.shape, reach):
        for turn in turns:
            seen, back = turned(pixels[rows, columns], turn)
            back[:, 2] += columns.start, rows.start
            yield View(seen, back * scale, turn)


def _crops(
    image: np.ndarray, unsure: Iterable[tuple[View, Region]], turns: Sequence[int]
) -> Iterator[View]:
    """Yield squares of an image about regions, each region in one of them at least."""
    centres: list[tuple[int, float, float]] = []
    for view, region in sorted(unsure, key=lambda pair: -pair[1].score):
        x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
        for turn in turns or (view.turn,):
            if any(t == turn and max(abs(x - u), abs(y - v)) < _CROP / 4 for t, u, v in centres):
                continue
            centres.append((turn, x, y))
            left, top = (
                max(0, min(round(middle - _CROP / 2), length - _CROP))
                for middle, length in ((x, image.shape[1]), (y, image.shape[0]))
            )
            seen, back = turned(image[top : top + _CROP, left : left + _CROP], turn)
            back[:, 2] += left, top
            yield View(seen, back, turn)


def turned(pixels: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn an image counterclockwise, on a white background unless by quarters.

    Returns:
        The turned image, and the transformation back to its original: float64 [2, 3].
    """
    height, width = pixels.shape[:2]
    quarters = round(degrees / 90)
    if degrees == 90 * quarters:
        ways = (
            ((1, 0, 0), (0, 1, 0)),
            ((0, -1, width), (1, 0, 0)),
            ((-1, 0, width), (0, -1, height)),
            ((0, 1, 0), (-1, 0, height)),
        )
        way = np.array(ways[quarters % 4], np.float64)
        return np.ascontiguousarray(np.rot90(pixels, quarters)), way
    turn, columns, rows = _turn(pixels.shape, degrees)
    seen = cv2.warpAffine(pixels, turn, (columns, rows), borderValue=(255, 255, 255))
    return seen, _back(turn)


def _turn(shape: Sequence[int], degrees: float) -> tuple[np.ndarray, int, int]:
    """Matrix, float64 [2, 3], that turns an image for OpenCV; width and height of the turned."""
    height, width = shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(centre, degrees, 1.0), np.float64)
    size = np.ceil(np.abs(turn[:, :2]) @ (width, height)).astype(int)
    turn[:, 2] += (size - (width, height)) / 2
    return turn, *size.tolist()


def _back(turn: np.ndarray) -> np.ndarray:
    back = np.array(cv2.invertAffineTransform(turn), np.float64)
    back[:, 2] += 0.5 - back[:, :2].sum(axis=1) / 2  # OpenCV counts from pixels' middles
    return back


def turned_tiles(
    pixels: np.ndarray, shape: Sequence[int], degrees: float, reach: Reach
) -> Iterator[View]:
    """Yield the tiles of one scale of an image of a shape that is turned as a whole.

    Each is made from its part of the image: the turned image may be twice as large.
    """
    turn, width, height = _turn(pixels.shape, degrees)
    scale = np.divide(shape[1::-1], pixels.shape[1::-1])[:, None]
    for rows, columns in tiles((height, width), reach):
        tile = turn - [[0, 0, columns.start], [0, 0, rows.start]]
        back = _back(tile)
        size = (columns.stop - columns.start, rows.stop - rows.start)
        corners = rectangle(0, 0, *size) @ back[:, :2].T + back[:, 2]
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
        high = np.ceil(corners.max(axis=0)).astype(int) + 1
        part = pixels[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
        if part.size:
            tile[:, 2] += tile[:, :2] @ low
            seen = cv2.warpAffine(part, tile, size, borderValue=(255, 255, 255))
            yield View(seen, back * scale)


def tiles(shape: Sequence[int], reach: Reach) -> list[tuple[slice, slice]]:
    """Rows and columns of tiles of about equal size that cover an image."""
    if max(shape[:2]) <= reach.whole:
        return [(slice(0, shape[0]), slice(0, shape[1]))]
    return list(product(_parts(shape[0], reach), _parts(shape[1], reach)))


def _parts(length: int, reach: Reach) -> list[slice]:
    count = max(1, ceil((length - reach.overlap) / (reach.tile - reach.overlap)))
    size = ceil((length + (count - 1) * reach.overlap) / count)
    starts = [round(number * (length - size) / max(count - 1, 1)) for number in range(count)]
    return [slice(start, start + size) for start in starts]


def moved(region: Region, back: np.ndarray) -> Region:
    """Region of a view in pixels of the image; turned by other than quarters, it has corners."""
    corners = corners_of(region) @ back[:, :2].T + back[:, 2]
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    slanted = np.count_nonzero(back[:, :2]) > 2
    quad = tuple(corners.ravel().tolist()) if region.quad is not None or slanted else None
    return Region(region.entity, x0, y0, x1, y1, region.score, cast("Quad | None", quad))


def _is_inside(region: Region, others: Iterable[Region]) -> bool:
    x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
    return any(each.x0 < x < each.x1 and each.y0 < y < each.y1 for each in others)
