"""What `replace` promises: a region shows one of a few pictures that are known in advance.

Fake content is computed from the size of the region only (`anonbench.core.fakes`). So few pictures
are possible: for a text one of each kind and number of lines, for a zone one of each format, for a
barcode one of its format, length and kind of characters. They are drawn here once more, by none of
the functions of `appearance` and `barcodes`, and exactly one of them is required, in two colours.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anonbench.anonymization.audit.visibility import block_means
from anonbench.core import fakes
from anonbench.core.registries.methods import RegionWindow

_UPRIGHT_TEXT = 2.5
_INKS = 3  # grey levels by which the ink may differ from its densest pixel, besides rounding
_EAN_DIGITS = {"EAN-13": 12, "EAN-8": 7, "UPC-A": 11, "UPC-E": 7, "ITF-14": 13, "ISBN": 12}


def is_redrawn(inside: RegionWindow) -> np.ndarray:
    """Return bool [h, w]: a picture that the region's size explains, in two colours; or paper."""
    shown = np.zeros(inside.mask.shape, bool)
    for picture in _pictures(inside):
        found = _two_colour_mask(picture, inside)
        if found is not None:  # few pixels of a region may fit several pictures, its edge only one
            shown |= found
            if shown[inside.mask | inside.edge].all():
                break
    return shown


def _pictures(inside: RegionWindow) -> Iterator[np.ndarray]:
    """Yield int64 [h, w], ink from 0 to 255, of each picture that may stand in a region."""
    height, width = size = inside.mask.shape
    is_text = inside.entity == "text"
    if inside.entity == "barcode":
        yield from [] if (code := _code(inside.original)) is None else [code]
    elif inside.entity != "ink":
        standing = height > (_UPRIGHT_TEXT if is_text else 1.0) * width
        lying = (width, height) if standing else size
        for glyphs in _texts(lying) if is_text else _zones(lying):
            canvas = Image.new("L", lying[::-1])
            for letter, letter_size, x, y in glyphs:
                font = _font(letter_size)
                ImageDraw.Draw(canvas).text((x, y), letter, fill=255, font=font, anchor="ls")
            picture = np.asarray(canvas).astype(np.int64)
            yield picture.T[::-1] if standing else picture
    yield np.zeros(size, np.int64)


def _two_colour_mask(picture: np.ndarray, inside: RegionWindow) -> np.ndarray | None:
    """Return bool [h, w], the pixels as in the picture, or None if some of the region's are not."""
    own = inside.mask
    if not own.any():  # others cover all but its edge: what is changed there is its own
        own = (inside.original != inside.written).any(axis=0) & inside.edge
    bare = own & (picture == 0)
    if not bare.any():
        return None if own.any() else own
    densest = int(np.where(own, picture, -1).argmax())
    most = int(picture.flat[densest])
    rounding, shown = math.ceil(_INKS + 128 / max(most, 1)), np.ones_like(own)
    for plane in inside.written.astype(np.int64):
        # paper is read where there is no ink, ink where there is most
        paper = int(plane[bare][0])
        guess = paper if not most else paper + round((plane.flat[densest] - paper) * 255 / most)
        inks = range(max(guess - rounding, 0), min(guess + rounding, 255) + 1)
        mixed = (np.floor((255.0 * paper + picture * float(i - paper) + 127) / 255) for i in inks)
        fitting = [each == plane for each in mixed if (each == plane)[own].all()]
        if not fitting:
            return None
        shown &= np.logical_or.reduce(fitting)  # pale pixels fit several inks, its edge only one
    return shown


Glyph = tuple[str, float, int, int]
"""A letter, the size of its font, and where it begins on its base line: x, y."""


def _texts(size: fakes.Size) -> Iterator[list[Glyph]]:
    for rows in range(1, max(1, size[0] // 6) + 1):
        lines = [math.floor(row * size[0] / rows) for row in range(rows + 1)]
        for kind in fakes.TextKind:
            share, base = (0.8, 0.72) if kind is fakes.TextKind.WORDS else (0.95, 0.83)
            glyphs: list[Glyph] = []
            for row, (start, stop) in enumerate(pairwise(lines)):
                letter_size = max(round(share * (stop - start)), 1)
                place = margin = round((stop - start) / 10)
                line = start + round(base * (stop - start))
                for letter in fakes.characters(kind, size, row):
                    following = place + max(round(_font(letter_size).getlength(letter)), 1)
                    if following > size[1] - margin:
                        break
                    glyphs.append((letter, letter_size, place, line))
                    place = following
            yield glyphs


def _zones(size: fakes.Size) -> Iterator[list[Glyph]]:
    for layout in fakes.ZONES:
        lines = fakes.zone(layout, size)
        line_height = size[0] / len(lines)
        pitch = (size[1] - 0.4 * line_height) / layout.width
        letter_size = max(round(min(0.85 * line_height, 1.6 * pitch)), 1)
        lengths = {each: _font(letter_size).getlength(each) for each in set("".join(lines))}
        yield [
            (
                letter,
                letter_size,
                round(0.2 * line_height + (place + 0.5) * pitch - lengths[letter] / 2),
                round((number + 0.82) * line_height),
            )
            for number, line in enumerate(lines)
            for place, letter in enumerate(line)
        ]


@lru_cache(maxsize=256)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _code(original: np.ndarray) -> np.ndarray | None:
    """Return the fake code for the original's format, length and characters, if one fits."""
    import zxingcpp

    size = original.shape[1:]
    pixels = np.ascontiguousarray(original.transpose(1, 2, 0))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if len(original) == 3 else original[0]
    framed = np.pad(grey, math.ceil(0.2 * max(size)), constant_values=int(np.percentile(grey, 90)))
    read = [code for code in zxingcpp.read_barcodes(framed) if code.valid]
    formats, digits = zxingcpp.BarcodeFormat, fakes.PayloadKind.DIGITS
    oblong, contents = max(size) >= 1.67 * min(size), list[tuple[Any, str]]()
    spare = formats.Code128 if oblong else formats.QRCode
    kind, turns, share = fakes.PayloadKind.CAPITALS, int(oblong and size[0] > size[1]), 0.9
    if read:
        code = max(read, key=lambda each: len(each.text))
        kind, turns = fakes.payload_kind(code.text), round(-code.orientation / 90)
        share = _shrink_factor(size, math.radians(abs(code.orientation + 90 * turns)))
        length = min(max(len(code.text), 6), 400)
        fixed = _EAN_DIGITS.get(str(code.format), 6)
        payloads = [fakes.payload(*each, size) for each in ((kind, length), (digits, fixed))]
        if code.format == formats.Codabar:
            payloads = [f"A{fakes.payload(digits, length, size)}A"]
        contents = [(code.format, each) for each in payloads]
    for format_, content in (*contents, (spare, fakes.payload(kind, 12, size))):
        try:
            made = zxingcpp.create_barcode(content, format_)
        except ValueError:
            continue
        light = np.array(made.to_image(scale=1, add_quiet_zones=False))
        linear = zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(formats.AllLinear))
        stacked = {formats.DataBarStk, formats.DataBarStkOmni, formats.DataBarExpStk}
        if format_ in linear and format_ not in stacked:  # all rows are alike
            light = light[len(light) // 2][None]
        dark = np.rot90(light == 0, turns).astype(np.uint8)
        height, width = (max(1, math.floor(share * side + 1e-6)) for side in size)
        ink = np.floor(255 * block_means(dark[None], (height, width))[0] + 1e-6)
        rest = size[0] - height, size[1] - width
        frame = [(each // 2, each - each // 2) for each in rest]
        return np.pad(ink.astype(np.int64), frame) if share >= 0.5 else None
    return None


def _shrink_factor(size: tuple[int, ...], tilt: float) -> float:
    """Return the factor that shrinks a window to fit the tilted rectangle that it bounds."""
    turned = np.array([[math.cos(tilt), math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    if np.linalg.det(turned) < 0.1:
        return 0.0
    sides = np.array([size[1], size[0]], float)
    fits = np.linalg.solve(turned, sides) / (turned @ sides)
    return 0.9 * float(np.clip(fits.min(), 0.0, 1.0))
