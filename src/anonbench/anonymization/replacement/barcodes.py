"""Fake barcodes of the same symbology, as ink coverage.

Of the original's content, its length and the kind of its characters are kept. Nothing of it is
stored or logged.
"""

import math
from typing import NamedTuple

import numpy as np
import zxingcpp
from zxingcpp import BarcodeFormat

from anonbench.core.fakes import PayloadKind, Size, payload, payload_kind
from anonbench.core.libraries.opencv import cv2

LEAST, MOST = 6, 400
"""Characters of a fake payload: fewer could be the original's by chance, more fit no symbol."""
UNREAD = 12
_FIXED = {"EAN-13": 12, "EAN-8": 7, "UPC-A": 11, "UPC-E": 7, "ITF-14": 13, "ISBN": 12}
_SQUARE = 1.67
"""Longer side by shorter: below, an unread code is taken for a QR code, else for a Code 128."""
_LEAST_INSET = 0.5
"""Share of the window's sides; a code that lies so aslant that less is left is not drawn."""
_MOST_INSET = 0.9
_BORDER = 0.2  # paper around a region in which its code is read, as a share of the longer side
_STACKED = (BarcodeFormat.DataBarStk, BarcodeFormat.DataBarStkOmni, BarcodeFormat.DataBarExpStk)
_LINEAR = zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(BarcodeFormat.AllLinear))


class Code(NamedTuple):
    """What is kept of a barcode."""

    format: BarcodeFormat
    kind: PayloadKind
    length: int
    turns: int  # quarter turns counterclockwise
    inset: float  # share of the window's sides that the code fills; the rest is its quiet zone


def code_of(pixels: np.ndarray) -> Code:
    """Properties of a barcode, uint8 [h, w] or [h, w, 3], that its replacement keeps."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    border = math.ceil(_BORDER * max(grey.shape))
    light = int(np.percentile(grey, 90))
    framed = cv2.copyMakeBorder(grey, *(border,) * 4, cv2.BORDER_CONSTANT, value=(light,))
    found = [each for each in zxingcpp.read_barcodes(framed) if each.valid]
    if not found:
        return _unread(grey.shape)
    first = max(found, key=lambda each: len(each.text))
    turns = round(-first.orientation / 90)
    tilt = math.radians(abs(first.orientation + 90 * turns))
    length = min(max(len(first.text), LEAST), MOST)
    return Code(first.format, payload_kind(first.text), length, turns % 4, _inset(grey.shape, tilt))


def _unread(shape: tuple[int, ...]) -> Code:
    long = max(shape) >= _SQUARE * min(shape)
    format_ = BarcodeFormat.Code128 if long else BarcodeFormat.QRCode
    turns = 1 if long and shape[0] > shape[1] else 0
    return Code(format_, PayloadKind.CAPITALS, UNREAD, turns, _MOST_INSET)


def _inset(shape: tuple[int, ...], tilt: float) -> float:
    """Share of a window's sides that a code has within the tilted rectangle in it."""
    height, width = shape[:2]
    c, s = math.cos(tilt), math.sin(tilt)
    if c * c - s * s < 0.1:
        return 0.0
    a, b = (width * c - height * s) / (c * c - s * s), (height * c - width * s) / (c * c - s * s)
    share = min(a / (width * c + height * s), b / (width * s + height * c))
    return max(0.0, min(1.0, share)) * _MOST_INSET


def code_image(code: Code, size: Size) -> np.ndarray:
    """Return uint8 [h, w]: the fake code, or nothing where the original lies too far aslant."""
    coverage = np.zeros(size, np.uint8)
    if code.inset < _LEAST_INSET:
        return coverage
    modules = np.rot90(_symbol(code, size), code.turns)
    height, width = (max(1, math.floor(code.inset * side + 1e-6)) for side in size)
    y, x = (size[0] - height) // 2, (size[1] - width) // 2
    down, across = _overlaps(height, len(modules)), _overlaps(width, modules.shape[1])
    dark = down @ (modules > 0).astype(np.int64) @ across.T
    # of modules.size parts of a pixel, so many are dark
    coverage[y : y + height, x : x + width] = 255 * dark // modules.size
    return coverage


def _overlaps(pixels: int, modules: int) -> np.ndarray:
    """Int64 [pixels, modules]: the part of each pixel in each module, in `modules`-ths."""
    start, left = np.arange(pixels)[:, None] * modules, np.arange(modules) * pixels
    shared = np.minimum(start + modules, left + pixels) - np.maximum(start, left)
    return np.asarray(np.maximum(shared, 0))


def _symbol(code: Code, size: Size) -> np.ndarray:
    """Modules of a fake code, uint8 [rows, columns], 255 where dark; a linear code has one row.

    Where the format cannot hold such a payload, or zxing does not write it, the code is one that an
    unread code becomes.
    """
    digits = payload(PayloadKind.DIGITS, _FIXED.get(str(code.format), LEAST), size)
    attempts = [(code.format, payload(code.kind, code.length, size)), (code.format, digits)]
    if code.format == BarcodeFormat.Codabar:  # its content begins and ends with a letter
        attempts = [(code.format, f"A{payload(PayloadKind.DIGITS, code.length, size)}A")]
    for format_, content in (*attempts, (_unread(size).format, payload(code.kind, UNREAD, size))):
        try:
            made = zxingcpp.create_barcode(content, format_)
        except ValueError:
            continue
        modules = 255 - np.array(made.to_image(scale=1, add_quiet_zones=False))
        is_linear = format_ in _LINEAR and format_ not in _STACKED
        return np.asarray(modules[len(modules) // 2][None] if is_linear else modules)
    raise ValueError("no format holds the payload")
