"""Pixelating, blurring and masking the regions of an image: ours beside what libraries offer.

Encoding and auditing the result are measured, too: every image is audited as it is written.

Each peer gets the same regions, the same block sizes and the same sigmas. Peers that average whole
pixels agree with us where the size divides evenly (but for the rounding of halves), so the regions'
sides do; Pillow's blur approximates a Gaussian by boxes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from common import emit, measure
from PIL import Image, ImageFilter

from anonbench.anonymization.apply import anonymize
from anonbench.anonymization.audit.check import Auditor
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.datasets.images import encode

HEIGHT, WIDTH, LINES = 1000, 762, 60
LINE_HEIGHT, LINE_WIDTH = 16, 320
SETTINGS = Anonymization()
REPEAT = 30
BLOCK = int(LINE_HEIGHT / SETTINGS.pixelate.blocks.text)
BLOCK_HEIGHT = min(BLOCK, LINE_HEIGHT)
"""Blocks wider than a line is high end with it."""
SIGMA = LINE_HEIGHT * SETTINGS.blur.sigma.text
Hide = Callable[[np.ndarray], np.ndarray]


def page() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def regions() -> list[Region]:
    corners = [(20 + 360 * (n % 2), 20 + 32 * (n // 2)) for n in range(LINES)]
    return [Region(Entity.TEXT, x, y, x + LINE_WIDTH, y + LINE_HEIGHT, 1.0) for x, y in corners]


def by_region(image: np.ndarray, hide: Hide) -> np.ndarray:
    result = image.copy()
    for region in regions():
        window = np.s_[int(region.y0) : int(region.y1), int(region.x0) : int(region.x1)]
        result[window] = hide(image[window])
    return result


def pillow_pixelate(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    return np.asarray(
        image.reduce((BLOCK, BLOCK_HEIGHT)).resize(image.size, Image.Resampling.NEAREST)
    )


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


def pillow_mask(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.new("L", pixels.shape[::-1], 0))


PEERS: dict[Method, dict[str, Hide]] = {
    Method.PIXELATE: {"pillow": pillow_pixelate, "scikit-image": skimage_pixelate},
    Method.BLUR: {"pillow": pillow_blur, "scikit-image": skimage_blur},
    Method.MASK: {"pillow": pillow_mask},
}


def compare(method: Method) -> dict[str, object]:
    image, found, variant = page(), regions(), Variant(method, 100)
    ours, own = measure(lambda: anonymize(image, found, variant, SETTINGS), REPEAT)
    peers = {}
    for name, hide in PEERS[method].items():
        theirs, time = measure(lambda hide=hide: by_region(image, hide), REPEAT)
        difference = np.abs(theirs.astype(int) - ours)
        peers[name] = time | {
            "times_ours": round(time["cpu_seconds"] / own["cpu_seconds"], 2),
            "largest_difference": int(difference.max()),
            "mean_difference": round(float(difference.mean()), 3),
        }
    data, encoding = measure(lambda: encode(ours), REPEAT)
    auditor = Auditor(box_table({"page": found}, seed=0), variant, SETTINGS)
    _, auditing = measure(lambda: auditor.check("page", image, data, ours), REPEAT)
    return own | {"peers": peers, "encoding": encoding, "audit": auditing}


def main() -> None:
    emit(
        {
            "what": f"{LINES} text lines on a {WIDTH}x{HEIGHT} grey page, all hidden",
            "methods": {str(method): compare(method) for method in Method},
        }
    )


if __name__ == "__main__":
    main()
