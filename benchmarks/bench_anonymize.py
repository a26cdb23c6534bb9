"""Pixelating and blurring the regions of an image: ours beside what libraries offer.

Each peer gets the same regions, the same block sizes and the same sigmas. Peers that average whole
pixels agree with us where the size divides evenly (but for the rounding of halves), so the regions'
sides do; Pillow's blur approximates a Gaussian by boxes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from common import emit, measure
from PIL import Image, ImageFilter

from anonbench.anonymization.apply import layers
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity, Method, Variant

HEIGHT, WIDTH, LINES = 1000, 762, 60
LINE_HEIGHT, LINE_WIDTH = 16, 320
SETTINGS = Anonymization()
REPEAT = 30
BLOCK = int(LINE_HEIGHT / SETTINGS.pixelate.blocks.text)
BLOCK_HEIGHT = min(BLOCK, LINE_HEIGHT)
"""Blocks wider than a line is high end with it."""
SIGMA = LINE_HEIGHT * SETTINGS.blur.sigma.text
CORNERS = [(20 + 360 * (n % 2), 20 + 32 * (n // 2)) for n in range(LINES)]
Hide = Callable[[np.ndarray], np.ndarray]


def by_region(image: np.ndarray, hide: Hide) -> np.ndarray:
    result = image.copy()
    for x, y in CORNERS:
        window = np.s_[y : y + LINE_HEIGHT, x : x + LINE_WIDTH]
        result[window] = hide(image[window])
    return result


def pillow_pixelate(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    small = image.reduce((BLOCK, BLOCK_HEIGHT))
    return np.asarray(small.resize(image.size, Image.Resampling.NEAREST))


def skimage_pixelate(pixels: np.ndarray) -> np.ndarray:
    from skimage.measure import block_reduce

    means = np.floor(block_reduce(pixels, (BLOCK_HEIGHT, BLOCK), np.mean) + 0.5).astype(np.uint8)
    return means.repeat(BLOCK_HEIGHT, axis=0).repeat(BLOCK, axis=1)


def pillow_blur(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(SIGMA)))


def skimage_blur(pixels: np.ndarray) -> np.ndarray:
    from skimage.filters import gaussian

    blurred = gaussian(pixels, SIGMA, mode="reflect", preserve_range=True, truncate=3.0)
    return np.rint(blurred).astype(np.uint8)


PEERS: dict[Method, dict[str, Hide]] = {
    Method.PIXELATE: {"pillow": pillow_pixelate, "scikit-image": skimage_pixelate},
    Method.BLUR: {"pillow": pillow_blur, "scikit-image": skimage_blur},
}


def compare(method: Method) -> dict[str, Any]:
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    found = [Region(Entity.TEXT, x, y, x + LINE_WIDTH, y + LINE_HEIGHT, 1.0) for x, y in CORNERS]
    ours, own = measure(lambda: layers(image, found, Variant(method, 100), SETTINGS)[-1], REPEAT)
    peers: dict[str, Any] = {}
    for name, hide in PEERS[method].items():
        try:
            theirs, time = measure(lambda hide=hide: by_region(image, hide), REPEAT)
        except ModuleNotFoundError:
            peers[name] = "not installed"
            continue
        difference = np.abs(theirs.astype(int) - ours)
        peers[name] = time | {
            "times_ours": round(time["cpu_seconds"] / own["cpu_seconds"], 2),
            "largest_difference": int(difference.max()),
            "mean_difference": round(float(difference.mean()), 3),
        }
    return own | {"peers": peers}


def main() -> None:
    what = f"{LINES} text lines on a {WIDTH}x{HEIGHT} grey page, all hidden"
    emit({"what": what, "methods": {str(method): compare(method) for method in PEERS}})


if __name__ == "__main__":
    main()
