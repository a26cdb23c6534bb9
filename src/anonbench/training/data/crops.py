"""Positions of crops in their images, and the cutting of them."""

from __future__ import annotations

from math import log

import numpy as np

from anonbench.core.libraries.opencv import cv2
from anonbench.training.data.augment import ATTEMPTS, Draw

ASPECTS = (3 / 4, 4 / 3)


def crop_boxes(draws: np.ndarray, sizes: np.ndarray, area: tuple[float, float]) -> np.ndarray:
    """Return the boxes of crops: a random share of the area at a random aspect (3:4 to 4:3).

    Inception's random resized crop (Szegedy et al. 2015), as torchvision does it: the first of ten
    attempts that fits into the image; where none does, the largest box in the middle whose aspect
    is in range.

    Args:
        draws: float [..., COLUMNS].
        sizes: int [..., 2], width and height of the image; broadcasts against `draws`.
        area: smallest and largest share of the image.

    Returns:
        int64 [..., 4]: x0, y0, x1, y1, half-open.

    """
    sizes = np.broadcast_to(sizes, (*draws.shape[:-1], 2))
    shares = area[0] + (area[1] - area[0]) * draws[..., Draw.AREA : Draw.AREA + ATTEMPTS]
    low, high = (log(aspect) for aspect in ASPECTS)
    aspects = np.exp(low + (high - low) * draws[..., Draw.ASPECT : Draw.ASPECT + ATTEMPTS])
    pixels = shares * sizes.prod(axis=-1, keepdims=True)
    boxes = np.rint(np.stack([np.sqrt(pixels * aspects), np.sqrt(pixels / aspects)], axis=-1))
    fits = ((boxes >= 1) & (boxes <= sizes[..., None, :])).all(axis=-1)
    found = fits.any(axis=-1, keepdims=True)
    first = fits.argmax(axis=-1)[..., None, None]
    drawn = np.take_along_axis(boxes, first, axis=-2)[..., 0, :]
    # the other side times the widest aspect (of a width: 4 / 3, of a height: 1 / (3 / 4))
    widest = np.maximum(np.rint(sizes[..., ::-1] * [ASPECTS[1], 1 / ASPECTS[0]]), 1)
    box = np.where(found, drawn, np.minimum(sizes, widest))
    random = np.floor(draws[..., Draw.LEFT : Draw.TOP + 1] * (sizes - box + 1))
    corner = np.where(found, random, (sizes - box) // 2)
    placed: np.ndarray = np.concatenate([corner, corner + box], axis=-1).astype(np.int64)
    return placed


def cut(image: np.ndarray, box: np.ndarray, flip: bool, out: np.ndarray) -> None:
    """Write one crop into `out`, resized and perhaps mirrored.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        box: int [4], x0, y0, x1, y1.
        flip: mirror left and right.
        out: uint8 [S, S, 3], contiguous; grey images fill all three channels.

    """
    x0, y0, x1, y1 = box.tolist()
    side = len(out)
    shrinks = x1 - x0 >= side and y1 - y0 >= side
    crop = cv2.resize(
        image[y0:y1, x0:x1],
        (side, side),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
    )
    if flip:
        crop = cv2.flip(crop, 1)
    if crop.ndim == 2:
        cv2.cvtColor(crop, cv2.COLOR_GRAY2RGB, dst=out)
    else:
        out[...] = crop
