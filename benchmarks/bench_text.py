"""Text of every size: what the default text detector covers, by height of lines and shape of image.

Lines of known height are drawn on pages, telephone screenshots, receipts three metres long and
plans (A0 at 200 dpi), level and turned by 90 degrees. "area" is the share of all true area that is
covered, in per cent, "lines" that of lines of which nine tenths are, "hidden" the share of the
image that is hidden; "seconds" are those of one core for a megapixel.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
from common import emit, measure, peak_memory_gb
from PIL import Image, ImageDraw, ImageFont

from anonbench.config.detectors import Detection, covering
from anonbench.core.boxes import Region
from anonbench.core.registries.detectors import Detector
from anonbench.detection.search import build

HEIGHTS = (8, 10, 12, 16, 24, 32, 48, 80, 160, 250, 400)
SENTENCE = (
    "Erika Mustermann Kundennummer 4711 Strasse Berlin Betrag 129,90 EUR geboren am 03.05.1971 "
    "Vertrag vom Januar Rechnung IBAN DE02 Konto Telefon +49 221 555 Aktenzeichen ZB Name Befund "
    "Anschrift Unterschrift Diagnose Termin Herr Frau Doktor Summe gesamt"
)
WORDS = SENTENCE.split()
A4, CHAT, LONG, A0 = (1654, 2339), (1080, 8800), (630, 23622), (6622, 9362)
"""Widths and heights in pixels, all but the screenshot at 200 dpi."""
Case = tuple[str, np.ndarray, list[np.ndarray]]
"""Name, image and the corners of each true line, float [4, 2]."""


def drawn(size: tuple[int, int], heights: tuple[int, ...], seed: int) -> Case:
    """Draw lines from top to bottom, column by column, those of the heights in turn."""
    random = np.random.default_rng(seed)
    image = Image.new("L", size, int(random.integers(225, 256)))
    draw = ImageDraw.Draw(image)
    lines, fonts = [], {height: ImageFont.load_default(height) for height in heights}
    y = heights[0]
    for number in range(100_000):
        height = heights[number % len(heights)]
        if y + 1.3 * height > size[1]:
            break
        x = int(random.integers(height // 2, height // 2 + max(size[0] // 20, 1)))
        while words := list(random.choice(WORDS, random.integers(1, 6))):
            while words:
                box = draw.textbbox((x, y), " ".join(words), font=fonts[height])
                if box[2] <= size[0] - 4:
                    break
                words.pop()
            if not words:
                break
            draw.text((x, y), " ".join(words), font=fonts[height], fill=int(random.integers(0, 90)))
            x0, y0, x1, y1 = box
            lines.append(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float))
            x = round(x1) + int(random.integers(2 * height, 6 * height))
        y += round(float(random.uniform(1.25, 2.2)) * height)
    name = f"{size[0]}x{size[1]}, " + ", ".join(map(str, heights)) + " px"
    return name, np.asarray(image), lines


def turned(case: Case) -> Case:
    """Turn an image with its lines clockwise by 90 degrees."""
    name, image, lines = case
    corners = [np.column_stack([image.shape[0] - line[:, 1], line[:, 0]]) for line in lines]
    return f"{name}, turned", np.ascontiguousarray(np.rot90(image, -1)), corners


def cases() -> Iterator[Case]:
    for height in HEIGHTS:
        yield drawn(A4, (height,), height)
    yield turned(drawn(A4, (12, 24, 48), 1))
    yield drawn(CHAT, (40,), 2)
    yield drawn(LONG, (24,), 3)
    yield drawn(LONG, (12, 48), 4)
    yield drawn(A0, (400, 33, 33, 33, 12, 8, 80), 5)
    yield turned(drawn(A0, (33, 16), 6))


def mask(shape: tuple[int, ...], corners: list[np.ndarray]) -> np.ndarray:
    """Draw the pixels inside quadrilaterals."""
    inside = np.zeros(shape[:2], np.uint8)
    for each in corners:
        cv2.fillConvexPoly(inside, cv2.convexHull(each.round().astype(np.int32)), (1,))
    return inside > 0


def corners_of(region: Region) -> np.ndarray:
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    return np.array(region.quad or (x0, y0, x1, y0, x1, y1, x0, y1), float).reshape(4, 2)


def result(detector: Detector, image: np.ndarray, lines: list[np.ndarray]) -> dict[str, Any]:
    (found,), times = measure(partial(detector.detect, [image]))
    shown = mask(image.shape, [corners_of(each) for each in found])
    truth = mask(image.shape, lines)
    whole = []
    for line in lines:
        (x0, y0), (x1, y1) = line.min(axis=0).astype(int), np.ceil(line.max(axis=0)).astype(int)
        whole.append(shown[max(y0, 0) : y1, max(x0, 0) : x1].mean() >= 0.9)
    return {
        "area": round(100 * float(shown[truth].mean()), 2),
        "lines": round(100 * float(np.mean(whole)), 1),
        "of": len(lines),
        "regions": len(found),
        "hidden": round(100 * float(shown.mean()), 1),
        "seconds": round(1e6 * times["cpu_seconds"] / shown.size, 3),
    }


def main() -> None:
    detectors = {
        speed: build("ppocr", Detection.model_validate(covering({"speed": speed})))
        for speed in ("thorough", "quick")
    }
    rows = {}
    for name, image, lines in cases():
        rows[name] = {speed: result(each, image, lines) for speed, each in detectors.items()}
        print(name, rows[name], file=sys.stderr)
    emit({"what": "text of every size", "rows": rows, "peak_memory_gb": peak_memory_gb()})


if __name__ == "__main__":
    main()
