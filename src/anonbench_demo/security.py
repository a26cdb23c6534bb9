"""Security features of a card: guilloches, an emblem, a barcode."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import zxingcpp

from anonbench.core.libraries.opencv import cv2
from anonbench_demo.strokes import Colour, mix, rounded

Pixels = np.ndarray

BITS = 4


@lru_cache(maxsize=16)
def ground(width: int, height: int, first: Colour, second: Colour, line: Colour) -> Pixels:
    """Return a card's printed ground [height, width, 3]: a rainbow of two inks under guilloches.

    The array is shared: do not write to it.
    """
    share = np.linspace(0, 1, width)[None, :] * 0.7 + np.linspace(0, 0.3, height)[:, None]
    base = np.array(first) + share[:, :, None] * (np.array(second) - np.array(first))
    card = cv2.resize(base.astype(np.uint8), (width * 2, height * 2))
    t = np.linspace(0, 1, 260)
    for number in range(26):
        phase = number * 0.24
        wave = 0.5 + 0.42 * np.sin(t * 9 + phase) * np.cos(t * 3.1 - phase * 0.6)
        _curve(card, t * 2 * width, (wave + (number - 13) * 0.035) * 2 * height, line)
    for share_x, share_y, radius in ((0.72, 0.5, 0.34), (0.2, 0.3, 0.22)):
        _rosette(card, (share_x * 2 * width, share_y * 2 * height), radius * 2 * height, line)
    result: np.ndarray = cv2.resize(card, (width, height), interpolation=cv2.INTER_AREA)
    result.setflags(write=False)
    return result


def _rosette(card: Pixels, centre: tuple[float, float], radius: float, line: Colour) -> None:
    angle = np.linspace(0, 2 * np.pi, 500)
    for number in range(14):
        reach = radius * (0.62 + 0.36 * np.sin(7 * angle + number * 0.45) * np.cos(number * 0.2))
        x, y = centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)
        _curve(card, x, y, line)


def _curve(card: Pixels, x: np.ndarray, y: np.ndarray, line: Colour) -> None:
    path = np.rint(np.column_stack([x, y]) * 2**BITS).astype(np.int32)
    cv2.polylines(card, [path], False, rounded(line), 1, cv2.LINE_AA, BITS)


def emblem(card: Pixels, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """Draw a sun with rays into a ring, in place."""
    scale = 2**BITS
    ink, pale = rounded(colour), rounded(mix(colour, (255, 255, 255), 0.7))
    middle = (centre[0] * scale, centre[1] * scale)
    cv2.circle(card, middle, radius * scale, ink, -1, cv2.LINE_AA, BITS)
    angle = np.arange(24) * (np.pi / 12)
    reach = np.where(np.arange(24) % 2, 0.42, 0.82) * radius
    star = np.column_stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)])
    cv2.fillPoly(card, [np.rint(star * scale).astype(np.int32)], pale, cv2.LINE_AA, BITS)
    cv2.circle(card, middle, round(radius * 0.3 * scale), ink, -1, cv2.LINE_AA, BITS)


def barcode(text: str, format_name: str, scale: int, height: int | None = None) -> Pixels:
    """Return a barcode with its quiet zone, grey uint8; linear ones may be cut to `height`.

    `format_name` is one of zxing-cpp's, for example `Code128`, `PDF417`, `QRCode`.
    """
    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, format_name))
    image = np.array(zxingcpp.write_barcode_to_image(symbol, scale=scale, add_quiet_zones=True))
    return image if height is None else image[:height]


def extent(bars: Pixels) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return x and y of the first pixel of a code's ink, and of the one after its last."""
    rows, columns = np.nonzero((bars < 128).any(axis=1))[0], np.nonzero((bars < 128).any(axis=0))[0]
    return (int(columns[0]), int(rows[0])), (int(columns[-1]) + 1, int(rows[-1]) + 1)
