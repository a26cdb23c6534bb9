"""Every method beside the plain OpenCV, Pillow, NumPy or deface way.

    python benchmarks/bench_methods.py [METHOD ...]

Three drawn images with their true regions, in the demo's formats: a portrait (JPEG, 178 x 218, one
face), a card (JPEG, a face, text, a code, a zone) and a page (grey TIFF, its lines). "ours" is
`layers`, from the image to the hidden image, as the stage calls it; `anonbench.anonymize` checks
its arguments besides, which takes a microsecond a region. The plain way copies the image and does
the same to the box of each region, to every pixel in the image that it touches, with kernels and
blocks of the same size; its border is not always mirrored. deface's own pixelation of a face is
among the plain ways. Our random numbers follow from a secret key and the region's pixels, so that
only their owner can repeat them. "keyed" plain ways seed NumPy's generator by HMAC-SHA256 of the
box for that; "unkeyed" ones draw from one generator, whose seed everyone knows.

Of a slanted region a plain way keeps what OpenCV draws of its quadrilateral, to whole pixels: that
leaves pixels in sight which the region touches, as ours never does. So each plain way is timed
twice. The second time it draws the quadrilateral grown by as much as it takes to leave none
("plain_covering_all", which hides a few more). "left_in_sight" counts the pixels that the first
drawing leaves of those that regions touch.

Milliseconds of CPU, the least of several runs, with one thread as in the stage.
"""

from __future__ import annotations

import hmac
import math
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import emit
from PIL import Image, ImageFilter
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.anonymization.apply import anonymize, layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Variant
from anonbench.datasets.images import encode, read_image
from anonbench_demo import documents, ids, portraits
from anonbench_demo.build import encoded
from anonbench_demo.truth import Drawing

SECONDS, RUNS = 0.02, 3
"""A run's least CPU time, and runs of which the least counts."""
Plain = Callable[[np.ndarray, str], np.ndarray]
"""A box's pixels and what they show, to hidden pixels."""
DRAWN, KEY = np.random.default_rng(0), bytes(32)
ASKED = Anonymization()
PIXEL = np.array([*product((0.25, -1.25), repeat=2)])
"""Corners of a pixel about its centre, a quarter farther away than they are."""
WHITE = Anonymization.model_validate({"mask": {"colour": (255, 255, 255)}})


def odd(share: float, pixels: np.ndarray) -> int:
    return math.ceil(share * min(pixels.shape[:2])) // 2 * 2 + 1


def block(pixels: np.ndarray, blocks: float) -> tuple[int, int]:
    side = max(2, math.ceil(min(pixels.shape[:2]) / blocks))
    return max(1, pixels.shape[1] // side), max(1, pixels.shape[0] // side)


def opencv_pixelate(pixels: np.ndarray, entity: str) -> np.ndarray:
    size = block(pixels, getattr(ASKED.pixelate.blocks, entity))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def deface_mosaic(pixels: np.ndarray, entity: str) -> np.ndarray:
    """deface 1.5.0's loop over blocks, which it gives the colour of one of their pixels."""
    blocks = getattr(ASKED.pixelate.blocks, entity)
    result, size = pixels.copy(), max(2, math.ceil(min(pixels.shape[:2]) / blocks))
    for y in range(0, pixels.shape[0], size):
        for x in range(0, pixels.shape[1], size):
            colour = pixels[y, x].tolist()
            end = (min(x + size, pixels.shape[1]) - 1, min(y + size, pixels.shape[0]) - 1)
            cv2.rectangle(result, (x, y), end, colour, -1)
    return result


def opencv_gaussian(pixels: np.ndarray, entity: str) -> np.ndarray:
    sigma = getattr(ASKED.blur.sigma, entity) * min(pixels.shape[:2])
    return cv2.GaussianBlur(pixels, (0, 0), max(1.5, sigma))


def pillow_gaussian(pixels: np.ndarray, entity: str) -> np.ndarray:
    sigma = getattr(ASKED.blur.sigma, entity) * min(pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(max(1.5, sigma))))


def opencv_box(pixels: np.ndarray, entity: str) -> np.ndarray:
    side = max(5, odd(getattr(ASKED.box_blur.size, entity), pixels))
    return cv2.blur(pixels, (side, side))


def pillow_box(pixels: np.ndarray, entity: str) -> np.ndarray:
    side = max(5, odd(getattr(ASKED.box_blur.size, entity), pixels))
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(side // 2)))


def opencv_median(pixels: np.ndarray, entity: str) -> np.ndarray:
    side = min(255, max(5, odd(getattr(ASKED.median.size, entity), pixels)))
    return cv2.medianBlur(np.ascontiguousarray(pixels), side)


def numpy_noise(pixels: np.ndarray, _: str, drawn: np.random.Generator = DRAWN) -> np.ndarray:
    return np.clip(pixels + drawn.normal(0, 80, pixels.shape), 0, 255).round().astype(np.uint8)


def numpy_laplace(
    pixels: np.ndarray, entity: str, drawn: np.random.Generator = DRAWN
) -> np.ndarray:
    size = block(pixels, getattr(ASKED.dp_pixelate.blocks, entity))
    means = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(float)
    noisy = np.clip(means + drawn.laplace(0, 20, means.shape), 0, 255).round().astype(np.uint8)
    return cv2.resize(noisy, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def numpy_tiles(pixels: np.ndarray, entity: str, drawn: np.random.Generator = DRAWN) -> np.ndarray:
    side = max(1, min(pixels.shape[:2]) // getattr(ASKED.tile_shuffle.tiles, entity))
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    tiles = [pixels[y * side : (y + 1) * side, x * side : (x + 1) * side]
             for y in range(rows) for x in range(columns)]  # fmt: skip
    order = drawn.permutation(len(tiles))
    result = pixels.copy()
    for place, tile in enumerate(order):
        y, x = divmod(place, columns)
        result[y * side : (y + 1) * side, x * side : (x + 1) * side] = tiles[tile]
    return result


def numpy_patches(
    pixels: np.ndarray, entity: str, drawn: np.random.Generator = DRAWN
) -> np.ndarray:
    side = max(2, -(-min(pixels.shape[:2]) // getattr(ASKED.patch_shuffle.patches, entity)))
    result = pixels.copy()
    for y in range(0, pixels.shape[0], side):
        for x in range(0, pixels.shape[1], side):
            patch = result[y : y + side, x : x + side]
            flat = patch.reshape(patch.shape[0] * patch.shape[1], -1)
            result[y : y + side, x : x + side] = drawn.permutation(flat).reshape(patch.shape)
    return result


def pillow_crop(pixels: np.ndarray, _: str, drawn: np.random.Generator = DRAWN) -> np.ndarray:
    height, width = pixels.shape[:2]
    y, x = int(drawn.integers(height * 6 // 10 + 1)), int(drawn.integers(width * 6 // 10 + 1))
    part = Image.fromarray(pixels).crop((x, y, x + width * 4 // 10 + 1, y + height * 4 // 10 + 1))
    return np.asarray(part.resize((width, height), Image.Resampling.NEAREST))


def both(way: str, hide: Callable[..., np.ndarray]) -> dict[str, Plain]:
    """Return a plain way that draws random numbers, by a known seed and by a secret key."""

    def keyed(pixels: np.ndarray, entity: str) -> np.ndarray:
        seed = hmac.digest(KEY, np.ascontiguousarray(pixels), "sha256")
        return hide(pixels, entity, np.random.default_rng(int.from_bytes(seed)))

    return {f"{way}, unkeyed": hide, f"{way}, keyed": keyed}


def opencv_remap(power: Callable[[np.ndarray], np.ndarray]) -> Plain:
    def move(pixels: np.ndarray, _: str) -> np.ndarray:
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        x, y = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
        come = power(x + 1j * y)
        across = ((come.real + 1) * width / 2 - 0.5).astype(np.float32)
        down = ((come.imag + 1) * height / 2 - 0.5).astype(np.float32)
        return cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return move


def opencv_equalize(pixels: np.ndarray, _: str) -> np.ndarray:
    if pixels.ndim == 2:
        return cv2.equalizeHist(np.ascontiguousarray(pixels))
    return cv2.merge([cv2.equalizeHist(plane) for plane in cv2.split(pixels)])


def opencv_hsv(pixels: np.ndarray, _: str) -> np.ndarray:
    return 255 - pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)


PLAIN: dict[str, dict[str, Plain]] = {
    "pixelate": {"opencv": opencv_pixelate, "deface": deface_mosaic},
    "blur": {"opencv": opencv_gaussian, "pillow": pillow_gaussian},
    "mask": {"numpy": lambda pixels, _: np.zeros_like(pixels)},
    "box_blur": {"opencv": opencv_box, "pillow": pillow_box},
    "median": {"opencv": opencv_median},
    "dp_pixelate": both("opencv and numpy", numpy_laplace),
    "noise": both("numpy", numpy_noise),
    "tile_shuffle": both("numpy", numpy_tiles),
    "patch_shuffle": both("numpy", numpy_patches),
    "random_crop": both("pillow", pillow_crop),
    "swirl": {
        "opencv": opencv_remap(lambda at: at * np.exp(2j * np.pi * (1 - np.abs(at) / np.sqrt(2))))
    },
    "barrel": {"opencv": opencv_remap(lambda at: at * (1 + 3 * np.abs(at) ** 2) / 7)},
    "equalize": {"opencv": opencv_equalize},
    "recolour": {"opencv": opencv_hsv},
}


def drawn(corners: np.ndarray, shape: tuple[int, int], covering: bool) -> np.ndarray:
    """Return the pixels of a quadrilateral, uint8 [h, w], as OpenCV draws them.

    A pixel that it touches has its centre in the sum of the quadrilateral and a pixel. OpenCV
    places lines to a fraction of a pixel only, which another quarter makes up for.
    """
    inside = np.zeros(shape, np.uint8)
    if not covering:
        cv2.fillConvexPoly(inside, corners.round().astype(np.int32), 1)
        return inside
    grown = (corners[:, None] + PIXEL).reshape(-1, 2)
    hull = cv2.convexHull(grown.astype(np.float32))
    cv2.fillConvexPoly(inside, (hull * 256).round().astype(np.int32), 1, shift=8)
    return inside


def by_region(
    image: np.ndarray, regions: list[Region], hide: Plain, covering: bool = False
) -> np.ndarray:
    result = image.copy()
    for region in regions:
        y0, y1 = max(int(region.y0), 0), min(math.ceil(region.y1), image.shape[0])
        x0, x1 = max(int(region.x0), 0), min(math.ceil(region.x1), image.shape[1])
        if y0 >= y1 or x0 >= x1:
            continue
        hidden, window = hide(image[y0:y1, x0:x1], region.entity), result[y0:y1, x0:x1]
        if region.quad is None:
            window[:] = hidden
        else:
            corners = np.array(region.quad).reshape(4, 2) - (x0, y0)
            cv2.copyTo(hidden, drawn(corners, window.shape[:2], covering), window)
    return result


def left_in_sight(shape: tuple[int, ...], regions: list[Region], covering: bool) -> int:
    """Return how many of the pixels that regions touch a plain way does not hide."""
    ours, plain = (np.zeros(shape[:2], np.uint8) for _ in range(2))
    ours = anonymize(ours, regions, Variant("mask", 100), WHITE)
    plain = by_region(plain, regions, lambda pixels, _: np.full_like(pixels, 255), covering)
    return int(np.count_nonzero(ours > plain))


def opencv_inpaint(image: np.ndarray, regions: list[Region]) -> np.ndarray:
    mask = np.zeros(image.shape[:2], np.uint8)
    for region in regions:
        y0, x0 = max(int(region.y0), 0), max(int(region.x0), 0)
        mask[y0 : math.ceil(region.y1), x0 : math.ceil(region.x1)] = 255
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)


def timed(work: Callable[[], Any]) -> float:
    """Return the CPU milliseconds of one call: the least of several runs of many."""
    start, calls = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        work()
        calls += 1
    spent = [time.process_time() - start]
    for _ in range(RUNS - 1):
        start = time.process_time()
        for _ in range(calls):
            work()
        spent.append(time.process_time() - start)
    return 1000 * min(spent) / calls


class Scene:
    """A drawn image, as it is read from a file."""

    def __init__(self, drawing: Drawing, suffix: str) -> None:
        self.regions = list(drawing.regions)
        self.image = read_image(encoded(drawing.image, suffix))


def compare(name: str, scene: Scene, settings: Anonymization) -> dict[str, Any]:
    variant, image, regions = Variant(name, 100), scene.image, scene.regions
    *between, last = layers(image, regions, variant, settings)
    ours = timed(lambda: layers(image, regions, variant, settings))
    plain, covering = (
        {
            way: timed(lambda hide=hide, all_of=all_of: by_region(image, regions, hide, all_of))  # type: ignore[misc]
            for way, hide in PLAIN.get(name, {}).items()
        }
        for all_of in (False, True)
    )
    if name == "inpaint":
        plain["opencv, whole image at once"] = timed(lambda: opencv_inpaint(image, regions))
    data = encode(last)
    auditor = Auditor(box_table({"it": regions}, seed=0), variant, settings)
    audit = timed(lambda: auditor.check("it", image, data, last, between))
    return {
        "ours": round(ours, 3),
        "plain": {way: round(spent, 3) for way, spent in plain.items()},
        "times_faster_than": {way: round(spent / ours, 2) for way, spent in plain.items()},
        "plain_covering_all": {way: round(spent, 3) for way, spent in covering.items()},
        "times_faster_than_covering_all": {
            way: round(spent / ours, 2) for way, spent in covering.items()
        },
        "audit": round(audit, 3),
    }


def main() -> None:
    chosen = sys.argv[1:] or list(METHODS)
    with threadpool_limits(1, user_api="blas"), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = {
            "portrait": Scene(portraits.draw(0, "gallery", 0), ".jpg"),
            "card": Scene(ids.draw(0, "id_card", "gallery"), ".jpg"),
            "page": Scene(documents.draw(0, "letter", "gallery"), ".tif"),
        }
        key = folder / "benchmark.key"
        key.write_bytes(bytes(32))
        keys = {name: {"key_file": key} for name, each in METHODS.items() if each().files()}
        settings = Anonymization.model_validate(keys)
        found = {
            name: {kind: compare(name, scene, settings) for kind, scene in scenes.items()}
            for name in chosen
        }
    about = {kind: [*scene.image.shape, len(scene.regions)] for kind, scene in scenes.items()}
    left = {
        kind: [left_in_sight(scene.image.shape, scene.regions, all_of) for all_of in (False, True)]
        for kind, scene in scenes.items()
    }
    what = "methods and their audit, CPU milliseconds"
    emit({"what": what, "scenes": about, "left_in_sight": left, "methods": found})


if __name__ == "__main__":
    main()
