"""Every method's images a second, beside the plain OpenCV, Pillow or NumPy way on the same pixels.

    python benchmarks/bench_methods.py [METHOD ...]

A drawn portrait (178 x 218, one face), a drawn card (600 x 420, a face, text, a code, a zone) and a
page of noise (762 x 1000, grey, 60 lines). Ours is `anonbench.anonymize`, from the image to the
hidden image. The plain way does the same to each box of the image; where its result is another one
(no mirrored border, other random numbers, unkeyed), it says so. "audit" is the check of the result.
Least CPU time of several runs. deface's own pixelation and blur of a face are among the plain ways.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bench_anonymize import page
from bench_anonymize import regions as lines
from common import emit, measure
from PIL import Image, ImageFilter

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Variant
from anonbench.datasets.images import decode, encode
from anonbench_demo import ids, portraits

REPEAT, CALLS = 5, 10
"""Runs, of which the least counts, and calls in each: some take less than the clock can tell."""
Plain = Callable[[np.ndarray], np.ndarray]
DRAWN = np.random.default_rng(0)


def odd(share: float, pixels: np.ndarray) -> int:
    return int(share * min(pixels.shape[:2])) // 2 * 2 + 1


def opencv_pixelate(pixels: np.ndarray) -> np.ndarray:
    side = max(2, min(pixels.shape[:2]) // (8 if min(pixels.shape[:2]) > 40 else 2))
    size = (max(1, pixels.shape[1] // side), max(1, pixels.shape[0] // side))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def deface_mosaic(pixels: np.ndarray) -> np.ndarray:
    """deface 1.5.0's loop over blocks of 20 pixels."""
    result, size = pixels.copy(), max(2, min(pixels.shape[:2]) // 8)
    for y in range(0, pixels.shape[0], size):
        for x in range(0, pixels.shape[1], size):
            colour = pixels[y, x].tolist()
            end = (min(x + size, pixels.shape[1]) - 1, min(y + size, pixels.shape[0]) - 1)
            cv2.rectangle(result, (x, y), end, colour, -1)
    return result


def opencv_gaussian(pixels: np.ndarray) -> np.ndarray:
    share = 0.12 if min(pixels.shape[:2]) > 40 else 0.5
    return cv2.GaussianBlur(pixels, (0, 0), max(1.5, share * min(pixels.shape[:2])))


def pillow_box(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(odd(0.42, pixels) // 2)))


def numpy_noise(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels + DRAWN.normal(0, 80, pixels.shape), 0, 255).round().astype(np.uint8)


def numpy_laplace(pixels: np.ndarray) -> np.ndarray:
    side = max(2, min(pixels.shape[:2]) // 4)
    size = (max(1, pixels.shape[1] // side), max(1, pixels.shape[0] // side))
    means = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(float)
    noisy = np.clip(means + DRAWN.laplace(0, 20, means.shape), 0, 255).round().astype(np.uint8)
    return cv2.resize(noisy, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def numpy_tiles(pixels: np.ndarray) -> np.ndarray:
    side = max(1, min(pixels.shape[:2]) // 8)
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    tiles = [pixels[y * side : (y + 1) * side, x * side : (x + 1) * side]
             for y in range(rows) for x in range(columns)]  # fmt: skip
    order = DRAWN.permutation(len(tiles))
    result = pixels.copy()
    for place, tile in enumerate(order):
        y, x = divmod(place, columns)
        result[y * side : (y + 1) * side, x * side : (x + 1) * side] = tiles[tile]
    return result


def numpy_patches(pixels: np.ndarray) -> np.ndarray:
    side = max(2, min(pixels.shape[:2]) // 4)
    result = pixels.copy()
    for y in range(0, pixels.shape[0], side):
        for x in range(0, pixels.shape[1], side):
            patch = result[y : y + side, x : x + side]
            flat = patch.reshape(patch.shape[0] * patch.shape[1], -1)
            result[y : y + side, x : x + side] = DRAWN.permutation(flat).reshape(patch.shape)
    return result


def pillow_crop(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    y, x = int(DRAWN.integers(height * 6 // 10)), int(DRAWN.integers(width * 6 // 10))
    part = Image.fromarray(pixels).crop((x, y, x + width * 4 // 10 + 1, y + height * 4 // 10 + 1))
    return np.asarray(part.resize((width, height), Image.Resampling.NEAREST))


def opencv_remap(power: Callable[[np.ndarray], np.ndarray]) -> Plain:
    def move(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        x, y = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
        come = power(x + 1j * y)
        across = ((come.real + 1) * width / 2 - 0.5).astype(np.float32)
        down = ((come.imag + 1) * height / 2 - 0.5).astype(np.float32)
        return cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return move


def opencv_equalize(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 2:
        return cv2.equalizeHist(np.ascontiguousarray(pixels))
    return cv2.merge([cv2.equalizeHist(plane) for plane in cv2.split(pixels)])


def opencv_hsv(pixels: np.ndarray) -> np.ndarray:
    return 255 - pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)


PLAIN: dict[str, dict[str, Plain]] = {
    "pixelate": {"opencv": opencv_pixelate, "deface": deface_mosaic},
    "blur": {"opencv": opencv_gaussian},
    "mask": {"numpy": np.zeros_like},
    "box_blur": {
        "opencv": lambda pixels: cv2.blur(pixels, (odd(0.42, pixels),) * 2),
        "pillow": pillow_box,
    },
    "median": {
        "opencv": lambda pixels: cv2.medianBlur(
            np.ascontiguousarray(pixels), max(5, odd(0.5, pixels))
        )
    },
    "dp_pixelate": {"opencv and numpy, unkeyed": numpy_laplace},
    "noise": {"numpy, unkeyed": numpy_noise},
    "tile_shuffle": {"numpy, unkeyed": numpy_tiles},
    "patch_shuffle": {"numpy, unkeyed": numpy_patches},
    "random_crop": {"pillow, unkeyed": pillow_crop},
    "swirl": {
        "opencv": opencv_remap(lambda at: at * np.exp(2j * np.pi * (1 - np.abs(at) / np.sqrt(2))))
    },
    "barrel": {"opencv": opencv_remap(lambda at: at * (1 + 3 * np.abs(at) ** 2) / 7)},
    "equalize": {"opencv": opencv_equalize},
    "recolour": {"opencv": opencv_hsv},
}


def by_box(image: np.ndarray, regions: list[Region], hide: Plain) -> np.ndarray:
    result = image.copy()
    for region in regions:
        y0, y1 = max(int(region.y0), 0), int(np.ceil(region.y1))
        x0, x1 = max(int(region.x0), 0), int(np.ceil(region.x1))
        result[y0:y1, x0:x1] = hide(image[y0:y1, x0:x1])
    return result


def opencv_inpaint(image: np.ndarray, regions: list[Region]) -> np.ndarray:
    mask = np.zeros(image.shape[:2], np.uint8)
    for region in regions:
        mask[int(region.y0) : int(region.y1) + 1, int(region.x0) : int(region.x1) + 1] = 255
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and the CPU seconds of one call."""
    made, spent = measure(lambda: [work() for _ in range(CALLS)][-1], REPEAT)
    return made, max(spent["cpu_seconds"], 1e-4) / CALLS


def compare(name: str, image: np.ndarray, regions: list[Region], asked: Anonymization) -> Any:
    variant = Variant(name, 100)
    made, seconds = timed(lambda: layers(image, regions, variant, asked))
    ways: dict[str, Callable[[], np.ndarray]] = {
        way: lambda hide=hide: by_box(image, regions, hide)  # type: ignore[misc]
        for way, hide in PLAIN.get(name, {}).items()
    }
    if name == "inpaint":
        ways["opencv, whole image at once"] = lambda: opencv_inpaint(image, regions)
    plain = {way: timed(work)[1] for way, work in ways.items()}
    *between, last = made
    data, coding = timed(lambda: encode(last))
    _, decoding = timed(lambda: decode(data))
    auditor = Auditor(box_table({"it": regions}, seed=0), variant, asked)
    _, audit = timed(lambda: auditor.check("it", image, data, last, between))
    whole, codec = seconds + audit + coding + decoding, coding + decoding
    return {
        "images_per_second": round(1 / seconds),
        "times_faster_than": {way: round(time / seconds, 2) for way, time in plain.items()},
        "audit_seconds": round(audit, 5),
        "times_decode_and_encode": round(whole / codec, 2),
    }


def main() -> None:
    chosen = sys.argv[1:] or list(METHODS)
    card, portrait = ids.draw(0, "id_card", "gallery"), portraits.draw(0, "gallery", 0)
    scenes = {
        "portrait": (portrait.image, portrait.regions),
        "card": (card.image, card.regions),
        "page": (page(), lines()),
    }
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "benchmark.key"
        key.write_bytes(bytes(32))
        keys = {name: {"key_file": key} for name, each in METHODS.items() if each().files()}
        asked = Anonymization.model_validate(keys)
        found = {
            name: {scene: compare(name, *given, asked) for scene, given in scenes.items()}
            for name in chosen
        }
    emit({"what": "methods, least CPU time of several runs", "methods": found})


if __name__ == "__main__":
    main()
