"""What the methods make of a region's pixels, computed in another way than by the methods.

Each function gets the region before and after, and the method's parameters. It returns bool [h, w]:
the pixels that show the method's result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import cv2
import numpy as np

from anonbench.anonymization.audit import NotHidden

LEAST_BLOCK, LEAST_SIGMA, LEAST_KERNEL, RADIUS = 2, 1.5, 5, 3
"""In pixels: smallest block, deviation of a blur and side of a kernel; inpainting's radius."""
ROUNDING = 0.502
"""Grey levels between a mean and its integer: a half, and a little for single precision. Values
that may be rounded either way could carry a message, so the tolerance is as small as possible.
"""
OFF = 0.002
"""Grey levels by which a blur may differ: the method drops waves of which a Gaussian leaves less
than a 270,000th.
"""
_MEAN = 0.5001
"""Grey levels between a mean in single precision, which is never x.5, and its integer."""
_UNSURE = 1e-6
"""Distance in pixels between a coordinate and a pixel's border within which rounding decides."""
_LEAST_SHARE = 1000
"""Parts of a pixel: OpenCV ignores smaller ones in the means of blocks."""


@dataclass(frozen=True)
class RegionWindow:
    """The window of one region, before and after anonymization."""

    original: np.ndarray
    """uint8 [c, h, w]."""
    written: np.ndarray
    """uint8 [c, h, w]."""
    mask: np.ndarray
    """bool [h, w]: the pixels that show this region and no other one."""
    entity: str
    hidden: np.ndarray
    """bool [h, w]: upright boxes of all regions that are hidden in the image, if its method sees
    the surroundings of its region.
    """
    edge: np.ndarray
    """bool [h, w]: pixels beside `mask`, on slanted edges, that may show the region or not."""

    def shows(self, expected: Iterable[Any], allowed: float = 0.5) -> np.ndarray:
        """Compare with planes, bool [h, w]: less than `allowed` grey levels away in all channels.

        They are best made one after the other: a large image has one of them at a time in memory.
        """
        kept = np.ones(self.mask.shape, bool)
        for written, plane in zip(self.written, expected, strict=True):
            off = np.subtract(written, plane, dtype=np.result_type(plane, np.float32))
            kept &= np.abs(off, out=off) < allowed
        return kept

    def strength(self, by_entity: Any) -> float:
        """Strength of a method that averages, for what the region shows."""
        self.refuse_one_pixel()
        return float(getattr(by_entity, self.entity))

    def refuse_one_pixel(self) -> None:
        """Refuse a window of one pixel.

        Raises:
            NotHidden: it is one.

        """
        if self.mask.size == 1:
            raise NotHidden("an image of one pixel has nothing to average it with")


def uniform_colour(inside: RegionWindow, method: Any) -> np.ndarray:
    """Mask: the one colour, in a grey image its luma, a half of it rounded up; or the mean."""
    if method.colour == "mean":
        inside.refuse_one_pixel()
        return inside.shows(np.rint(plane.mean(dtype=np.float64)) for plane in inside.original)
    levels = method.colour
    if len(inside.written) == 1:
        levels = [(np.dot(levels, (299, 587, 114)) + 500) // 1000]
    return inside.shows(map(np.float32, levels))


def constant_blocks(inside: RegionWindow, method: Any) -> np.ndarray:
    """Pixelate: even blocks of one value, which is the original's mean there."""
    counts, allowed, kept = even_blocks(inside, inside.strength(method.blocks), LEAST_BLOCK)
    means = (block_means(plane, counts) for plane in inside.original)
    kept &= inside.shows((repeat_blocks(each, inside.mask.shape) for each in means), allowed)
    return kept


def even_blocks(
    inside: RegionWindow, across: float, least: int
) -> tuple[tuple[int, int], float, np.ndarray]:
    """Blocks that share a window evenly: no detail may be finer than they are.

    Args:
        inside: the region.
        across: blocks across its shorter side.
        least: side of a block in pixels.

    Returns:
        The number of blocks down and across; how far a block's value may be from its mean; and
        bool [h, w], the pixels of blocks of one value.

    """
    height, width = shape = inside.mask.shape
    side = max(least, math.ceil(min(shape) / across))
    counts = max(1, height // side), max(1, width // side)
    starts = [
        np.flatnonzero(np.diff(owners(*each), prepend=-1))
        for each in zip(shape, counts, strict=True)
    ]
    kept = np.ones(counts, bool)
    for plane in inside.written:
        lowest, highest = np.where(inside.mask, plane, 255), np.where(inside.mask, plane, 0)
        for axis, start in enumerate(starts):
            lowest = np.minimum.reduceat(lowest, start, axis)
            highest = np.maximum.reduceat(highest, start, axis)
        kept &= highest <= lowest
    unsure = 2 * 0.255 / side if max(counts) > _LEAST_SHARE else 0.0
    return counts, ROUNDING + unsure, repeat_blocks(kept, shape)


def block_means(plane: np.ndarray, counts: tuple[int, int]) -> np.ndarray:
    """Means of [h, w] over even blocks, float64 [rows, columns]; parts of pixels count.

    They are differences of sums above and to the left of blocks' corners, interpolated linearly
    within a pixel.
    """
    sums = np.asarray(cv2.integral(plane, sdepth=cv2.CV_64F))
    for axis, (length, count) in enumerate(zip(plane.shape, counts, strict=True)):
        whole, part = np.divmod(np.arange(count + 1) * length, count)
        low, high = sums.take(whole, axis), sums.take(whole + (part > 0), axis)
        share = part / count
        sums = low + (high - low) * (share[:, None] if axis == 0 else share)
    return np.diff(np.diff(sums, axis=0), axis=1) * (math.prod(counts) / plane.size)


def repeat_blocks(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Repeat [rows, columns] over the pixels of a window, [h, w]."""
    for axis, length in enumerate(shape):
        values = values.take(owners(length, values.shape[axis]), axis=axis)
    return values


@lru_cache(maxsize=1024)
def owners(length: int, count: int) -> np.ndarray:
    """Return the block of each pixel: the one with its centre; on a border the later one."""
    starts = [-((count - 2 * number * length) // (2 * count)) for number in range(count)]
    return np.repeat(np.arange(count), np.diff([*starts, length]))


def low_pass(inside: RegionWindow, method: Any) -> np.ndarray:
    """Blur: the Gaussian's shares of the original's pixels."""
    sigma = max(LEAST_SIGMA, inside.strength(method.sigma) * min(inside.mask.shape))
    return inside.shows((blurred(plane, sigma) for plane in inside.original), 0.5 + OFF)


def blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a plane of a region whose borders are mirrors, float64 [h, w].

    Such a region is a sum of cosines, and a Gaussian leaves of each what its spectrum says.
    """
    from scipy import fft  # for the Gaussian alone

    waves = fft.dctn(plane.astype(np.float64), norm="ortho", overwrite_x=True)
    for axis, length in enumerate(plane.shape):
        angles = np.arange(length) * (math.pi * sigma / length)
        waves *= np.exp(-0.5 * np.square(angles)).reshape([-1, 1] if axis == 0 else [1, -1])
    return np.asarray(fft.idctn(waves, norm="ortho", overwrite_x=True))


def box_means(inside: RegionWindow, method: Any) -> np.ndarray:
    """Uniform blur: means of squares of the mirrored window, which are never x.5."""
    from scipy.ndimage import uniform_filter  # for this blur alone

    side = _odd(inside, method)
    planes = (plane.astype(np.float64) for plane in inside.original)
    return inside.shows((uniform_filter(each, side, mode="reflect") for each in planes), _MEAN)


def medians(inside: RegionWindow, method: Any) -> np.ndarray:
    """Median blur: the level that no more than half of the pixels around are below.

    It is found by counting, for each level of the window, the pixels around that are no brighter.
    """
    side = min(_odd(inside, method), 255)
    expected = []
    for plane in inside.original:
        levels, place = np.unique(plane), np.zeros(inside.mask.shape, np.intp)
        for level in levels[:-1]:
            below = (plane <= level).astype(np.float32)
            edge = cv2.BORDER_REPLICATE
            count = cv2.boxFilter(below, -1, (side, side), normalize=False, borderType=edge)
            place += np.asarray(count < side * side / 2)
        expected.append(levels[place])
    return inside.shows(expected)


def _odd(inside: RegionWindow, method: Any) -> int:
    """Return the kernel's side: the requested share, rounded up to an odd number."""
    side: int = math.ceil(max(LEAST_KERNEL, inside.strength(method.size) * min(inside.mask.shape)))
    return side if side % 2 else side + 1


def even_histogram(inside: RegionWindow, method: Any) -> np.ndarray:
    """Equalization: each value becomes the share of the window's values that are no larger.

    In ranks, by the single precision that the method has.
    """
    expected = []
    for plane in inside.original:
        counts = np.bincount(plane.ravel(), minlength=256)
        lowest = counts[counts > 0][0]
        ranks = np.clip(counts.cumsum() - lowest, 0, None).astype(np.float32)
        rest = plane.size - lowest
        levels = np.rint(ranks * (np.float32(255) / np.float32(rest))) if rest else np.arange(256)
        expected.append(np.clip(levels, 0, 255).take(plane))
    return inside.shows(expected)


def converted_colours(inside: RegionWindow, method: Any) -> np.ndarray:
    """Colour space: exactly OpenCV's conversion; for a grey image the negative."""
    if len(inside.written) == 1 or method.space == "negative":
        return inside.shows(~inside.original)
    way = {"hsv": cv2.COLOR_RGB2HSV, "ycrcb": cv2.COLOR_RGB2YCrCb}[method.space]
    return inside.shows(cv2.split(cv2.cvtColor(cv2.merge([*inside.original]), way)))


def filled_in(inside: RegionWindow, method: Any) -> np.ndarray:
    """Inpainting: the result stays the same if all hidden pixels have other values.

    The negative of the original is used, so that it differs wherever possible.
    """
    hidden, planes = inside.hidden, inside.original
    if hidden.all():
        return inside.shows([np.float32(128)] * len(planes))
    usual = np.rint(planes[:, ~hidden].mean(axis=1, dtype=np.float64)).astype(np.uint8)
    width = RADIUS + 2
    frame = ((0, 0), (width, width), (width, width))
    # an image framed by what is known, or by its mean; hidden pixels show the negative
    image = np.pad(np.where(hidden, usual[:, None, None], planes), frame, mode="edge")
    flags = np.pad(hidden, width)
    image = np.where(flags, np.pad(~planes, frame), image)
    pixels = cv2.merge([*image])
    filled = cv2.inpaint(pixels, flags.astype(np.uint8) * 255, float(RADIUS), cv2.INPAINT_TELEA)
    return inside.shows(cv2.split(filled[width:-width, width:-width]))


def turned(inside: RegionWindow, method: Any) -> np.ndarray:
    """Swirl: a rotation that fades with the distance from the centre."""
    points = _points(inside)
    share = 1.0 - np.abs(points) / np.sqrt(2.0)
    return _source_pixels(inside, points * np.exp(2j * np.pi * float(method.turns) * share))


def bulged(inside: RegionWindow, method: Any) -> np.ndarray:
    """Barrel: a factor that grows with the square of the distance, 1 at the corners."""
    points, strength = _points(inside), float(method.strength)
    factor = (1.0 + strength * np.abs(points) ** 2) / (1.0 + 2.0 * strength)
    return _source_pixels(inside, points * factor)


def _points(inside: RegionWindow) -> np.ndarray:
    """Centres of pixels as complex numbers, -1 … 1 across and down the window."""
    down, across = (np.linspace(-1.0, 1.0, 2 * length + 1)[1::2] for length in inside.mask.shape)
    return np.asarray(across[None, :] + 1j * down[:, None])


def _source_pixels(inside: RegionWindow, points: np.ndarray) -> np.ndarray:
    """Compare with the pixels that points lie in; at a border between pixels, with either one."""
    places = [
        [
            np.clip((each + 1.0) * length / 2.0 + off, 0.0, length - 0.5).astype(int)
            for off in (-_UNSURE, _UNSURE)
        ]
        for each, length in zip((points.imag, points.real), inside.mask.shape, strict=True)
    ]
    pairs = (inside.shows(inside.original[:, y, x]) for y, x in product(*places))
    return np.asarray(np.logical_or.reduce([*pairs]))
