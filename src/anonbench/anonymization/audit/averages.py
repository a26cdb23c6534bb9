"""Conditions of the methods that average, move or change pixels."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import cv2
import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.region_window import (
    RegionWindow,
    even_blocks,
    mean_tolerance,
    means,
    near,
    refuse_one_pixel,
    repeat_blocks,
    same,
    steepest,
)

LEAST_BLOCK, LEAST_SIGMA, LEAST_KERNEL, RADIUS = 2, 1.5, 5, 3
"""In pixels: smallest block, deviation of a blur and side of a kernel; inpainting's radius."""
OFF = 0.002
"""Grey levels by which a blur may differ: the method drops waves of which a Gaussian leaves less
than a 270,000th.
"""
_SINGLE = 1e-4
"""Grey levels by which a mean in single precision may differ."""
_UNSURE = 1e-6
"""Distance in pixels between a coordinate and a pixel's border within which rounding decides."""


def constant_blocks(inside: RegionWindow, method: Any) -> np.ndarray:
    """Pixelate: constant blocks, none narrower than asked for, of the original's mean colour."""
    counts, side = even_blocks(inside, getattr(method.blocks, inside.entity), LEAST_BLOCK)
    each = means(inside.original, counts)
    expected = (repeat_blocks(plane, inside.mask.shape) for plane in each)
    return near(inside, expected, mean_tolerance(counts, side))


def low_pass(inside: RegionWindow, method: Any) -> np.ndarray:
    """Blur: the Gaussian's shares of the original's pixels, and no steeper edge than it leaves."""
    refuse_one_pixel(inside)
    sigma = max(LEAST_SIGMA, getattr(method.sigma, inside.entity) * min(inside.mask.shape))
    # a difference is a sum of the original's values, weighted by the kernel's own differences
    left = np.ptp(inside.original) / (sigma * math.sqrt(2 * math.pi)) + 1.0
    if steepest(inside) > left:
        raise Failure("a blurred region has steeper edges than its kernel leaves")
    return near(inside, (blurred(plane, sigma) for plane in inside.original), 0.5 + OFF)


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
    """Uniform blur: exact sums over squares of the mirrored window; their means are never x.5."""
    side = _odd(inside, method)
    means = (_square_means(plane, side) for plane in inside.original)
    return near(inside, means, 0.5 + _SINGLE)


def _square_means(plane: np.ndarray, side: int) -> np.ndarray:
    padded = np.pad(plane, side // 2, mode="symmetric")
    total = np.asarray(cv2.integral(padded, sdepth=cv2.CV_64F))
    rows = total[side:] - total[:-side]
    del total
    found = rows[:, side:] - rows[:, :-side]
    found /= side**2
    return np.asarray(found)


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
    return same(inside, np.array(expected))


def _odd(inside: RegionWindow, method: Any) -> int:
    """Return the kernel's side: the requested share, rounded up to an odd number."""
    refuse_one_pixel(inside)
    share = float(getattr(method.size, inside.entity))
    side: int = math.ceil(max(LEAST_KERNEL, share * min(inside.mask.shape)))
    return side if side % 2 else side + 1


def uniform_colour(inside: RegionWindow, method: Any) -> np.ndarray:
    """Mask: the one colour, in a grey image its luma, a half of it rounded up; or the mean."""
    if method.colour == "mean":
        refuse_one_pixel(inside)
        sums = inside.original.sum(axis=(1, 2), dtype=np.int64)
        level = np.rint(sums / inside.original[0].size)
    elif len(inside.written) == 1:
        level = np.array([(np.dot(method.colour, (299, 587, 114)) + 500) // 1000])
    else:
        level = np.array(method.colour)
    return same(inside, level.reshape(-1, 1, 1))


def even_histogram(inside: RegionWindow, method: Any) -> np.ndarray:
    """Equalization: each value becomes the share of the window's values that are no larger.

    In ranks, by the single precision that the method has.
    """
    expected = []
    for plane in inside.original:
        counts = np.bincount(plane.ravel(), minlength=256)
        lowest = counts[counts > 0][0]
        ranks = np.clip(counts.cumsum() - lowest, 0, None).astype(np.float32)
        if rest := plane.size - lowest:
            levels = np.rint(ranks * (np.float32(255) / np.float32(rest)))
            expected.append(np.clip(levels, 0, 255).astype(np.uint8).take(plane))
        else:
            expected.append(plane)
    return same(inside, np.array(expected))


def converted_colours(inside: RegionWindow, method: Any) -> np.ndarray:
    """Colour space: exactly OpenCV's conversion; for a grey image the negative."""
    if len(inside.written) == 1 or method.space == "negative":
        return same(inside, ~inside.original)
    way = {"hsv": cv2.COLOR_RGB2HSV, "ycrcb": cv2.COLOR_RGB2YCrCb}[method.space]
    pixels = np.ascontiguousarray(inside.original.transpose(1, 2, 0))
    return same(inside, np.asarray(cv2.cvtColor(pixels, way)).transpose(2, 0, 1))


def filled_in(inside: RegionWindow, method: Any) -> np.ndarray:
    """Inpainting: the result stays the same if all hidden pixels have other values.

    The negative of the original is used, so that it differs wherever possible.
    """
    hidden, planes = inside.hidden, inside.original
    if hidden is None:
        raise Failure("it is not known what else is hidden around a region")
    if hidden.all():
        return same(inside, np.full(1, 128))
    seen = planes[:, ~hidden].sum(axis=1, dtype=np.int64) / np.count_nonzero(~hidden)
    usual = np.rint(seen).astype(np.uint8)[:, None, None]
    width = RADIUS + 2
    frame = ((0, 0), (width, width), (width, width))
    # an image framed by what is known, or by its mean; hidden pixels show the negative
    image = np.pad(np.where(hidden, usual, planes), frame, mode="edge")
    flags = np.pad(hidden, width)
    image = np.where(flags, np.pad(~planes, frame), image)
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    filled = cv2.inpaint(pixels, flags.astype(np.uint8) * 255, float(RADIUS), cv2.INPAINT_TELEA)
    shown = filled.reshape(*flags.shape, -1).transpose(2, 0, 1)
    return same(inside, shown[:, width:-width, width:-width])


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
    pairs = (same(inside, inside.original[:, y, x]) for y, x in product(*places))
    return np.asarray(np.logical_or.reduce([*pairs]))
