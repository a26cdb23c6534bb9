"""The anonymization methods: the pixels of one region in, hidden pixels of the same shape out.

Every strength is relative to the region's shorter side, so that large and small faces, headlines
and footnotes are hidden alike. A region that is narrower than a method needs is computed in a
larger window (`least_side`): the mean of a single pixel would be that pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from anonbench.config import Anonymization, Blur, Mask, Pixelate
from anonbench.core.opencv import cv2
from anonbench.core.vocabulary import Entity, Method

Hide = Callable[[np.ndarray, Entity], np.ndarray]
"""Pixels uint8 [h, w] or [h, w, 3] and the entity → uint8 of the same shape."""


def hider(method: Method, settings: Anonymization) -> Hide:
    """Return the function that hides a region by `method`."""
    match method:
        case Method.PIXELATE:
            return lambda pixels, entity: pixelate(pixels, entity, settings.pixelate)
        case Method.BLUR:
            return lambda pixels, entity: blur(pixels, entity, settings.blur)
        case Method.MASK:
            return lambda pixels, entity: mask(pixels, settings.mask)


def least_side(method: Method, settings: Anonymization) -> int:
    """Return how many pixels wide and high the window must be that `method` works on."""
    match method:
        case Method.PIXELATE:
            return settings.pixelate.min_block
        case Method.BLUR:
            return 2 * math.ceil(settings.blur.min_sigma) + 1
        case Method.MASK:
            return 1


def pixelate(pixels: np.ndarray, entity: Entity, settings: Pixelate) -> np.ndarray:
    """Give every block its mean colour.

    Blocks share the region evenly (their sides may be fractions of a pixel, which then counts to
    both), so that none is smaller than asked for: a remainder of one pixel at the edge would be a
    pixel of the original.
    """
    height, width = pixels.shape[:2]
    blocks = int(getattr(settings.blocks, entity))
    side = max(settings.min_block, -(-min(height, width) // blocks))
    columns, rows = max(1, width // side), max(1, height // side)
    means = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    # not by cv2.resize: its 16 bits of fixed point move borders in windows of a thousand pixels
    means = means.reshape(rows, columns, *pixels.shape[2:])
    return means.take(_blocks(width, columns), axis=1).take(_blocks(height, rows), axis=0)


def _blocks(length: int, count: int) -> np.ndarray:
    """Return the block that the centre of each pixel lies in, where `count` share a length."""
    return (2 * np.arange(length) + 1) * count // (2 * length)


def blur(pixels: np.ndarray, entity: Entity, settings: Blur) -> np.ndarray:
    """Blur with a Gaussian; nothing outside the window has a part in it: its border is mirrored."""
    share = float(getattr(settings.sigma, entity))
    sigma = max(settings.min_sigma, share * min(pixels.shape[:2]))
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma)
    # in floating point: OpenCV's 8-bit Gaussian is coarser, and slower at these widths
    blurred = cv2.sepFilter2D(pixels, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    return np.rint(blurred).astype(np.uint8)


def mask(pixels: np.ndarray, settings: Mask) -> np.ndarray:
    """Cover with one colour (its luma in a grey image)."""
    if pixels.ndim == 3:
        return np.broadcast_to(np.array(settings.colour, np.uint8), pixels.shape)
    return np.full_like(pixels, mask_grey(settings))


def mask_grey(settings: Mask) -> int:
    """Return the mask's colour as grey level (ITU-R BT.601 luma)."""
    red, green, blue = settings.colour
    return round(0.299 * red + 0.587 * green + 0.114 * blue)
