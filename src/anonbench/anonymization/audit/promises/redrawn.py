"""The promise of `replace`: a region shows one of a few pictures that are known beforehand.

Fake content follows from the size of the region alone (`anonbench.core.fakes`). So there are few
pictures that may stand in it: for a text one of each kind and number of lines, for a zone one of
each format, for a barcode one of its format, length and kind of characters. The audit draws them
itself, glyph by glyph and module by module, and asks for one of them, exactly, in two colours. What
a region can tell of the original is then which picture it is, and the colours.

Shared with the anonymizer is what is drawn, by functions that get no pixel, and the libraries:
FreeType's glyphs and zxing's codes. Layout, drawing and colours are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import ImageFont

from anonbench.anonymization.audit.promises.inside import Inside, Promise
from anonbench.config import Anonymization
from anonbench.core import fakes

_NARROW = 8
"""Sides below which a region is masked."""
_UPRIGHT_TEXT = 2.5
_INKS = 3
"""Grey levels by which the ink may differ from what its densest pixel shows."""
_EAN_DIGITS = {"EAN-13": 12, "EAN-8": 7, "UPC-A": 11, "UPC-E": 7, "ITF-14": 13, "ISBN": 12}


class Redrawn(Promise):
    """Replace: a picture that the region's size explains, in two colours.

    Faces are masked, ink is under paper.
    """

    def least(self, settings: Anonymization) -> int:
        """Return 1: a narrower region is masked."""
        return 1

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Compare with each picture that may stand here, and with an empty region."""
        height, width = inside.mask.shape
        if inside.entity == "face" or min(height, width) < _NARROW:
            return np.asarray((inside.written == 0).all(axis=0))
        for picture in _pictures(inside):
            shown = _in_two_colours(picture, inside)
            if shown is not None:
                return shown
        return np.zeros(inside.mask.shape, bool)


def _pictures(inside: Inside) -> Iterator[np.ndarray]:
    """Yield int64 [h, w], ink from 0 to 255, of each picture that may stand in a region."""
    height, width = size = inside.mask.shape
    if inside.entity == "barcode":
        yield from _codes(inside.original)
    elif inside.entity != "ink":
        standing = height > (_UPRIGHT_TEXT if inside.entity == "text" else 1.0) * width
        lying = (width, height) if standing else size
        for picture in _texts(lying) if inside.entity == "text" else _zones(lying):
            yield picture.T[::-1] if standing else picture
    yield np.zeros(size, np.int64)


def _in_two_colours(picture: np.ndarray, inside: Inside) -> np.ndarray | None:
    """Return bool [h, w], which pixels are as in the picture, or None if the region's are not all.

    Paper and ink are read off the written pixels: where there is no ink, and where there is most.
    Of a region that others cover but for its edge, they are those at the edge that were changed.
    """
    own, shown = inside.mask, np.ones(inside.mask.shape, bool)
    if not own.any():
        own = _changed(inside)
    bare = own & (picture == 0)
    if not own.any():
        return own
    densest = int(np.where(own, picture, -1).argmax())
    for plane in inside.written.astype(np.int64):
        if not bare.any():
            return None
        paper, most = int(plane[bare][0]), int(picture.flat[densest])
        guess = paper if not most else paper + round((plane.flat[densest] - paper) * 255 / most)
        fitting = None
        for ink in range(max(guess - _INKS, 0), min(guess + _INKS, 255) + 1):
            exact = np.floor((255.0 * paper + picture * float(ink - paper) + 127) / 255) == plane
            if exact[own].all():
                fitting = exact
                break
        if fitting is None:
            return None
        shown &= fitting
    return shown


def _changed(inside: Inside) -> np.ndarray:
    """Return bool [h, w]: pixels at the edge that are not as they were."""
    changed = (inside.original != inside.written).any(axis=0)
    return np.asarray(changed & False if inside.edge is None else changed & inside.edge)


def _texts(size: fakes.Size) -> Iterator[np.ndarray]:
    for rows in range(1, max(1, size[0] // 6) + 1):
        for kind in fakes.TextKind:
            words = kind is fakes.TextKind.WORDS
            glyph_share, base_share = (0.8, 0.72) if words else (0.95, 0.83)
            picture = np.zeros(size, np.int64)
            for row in range(rows):
                start, stop = (math.floor((row + step) * size[0] / rows) for step in (0, 1))
                font = _font(max(round(glyph_share * (stop - start)), 1))
                place = margin = round((stop - start) / 10)
                for letter in fakes.characters(kind, size, row):
                    following = place + max(round(font.getlength(letter)), 1)
                    if following > size[1] - margin:
                        break
                    _stamp(picture, font, letter, place, start + round(base_share * (stop - start)))
                    place = following
            yield picture


def _zones(size: fakes.Size) -> Iterator[np.ndarray]:
    for layout in fakes.ZONES:
        picture = np.zeros(size, np.int64)
        lines = fakes.zone(layout, size)
        line_height = size[0] / len(lines)
        pitch = (size[1] - 0.4 * line_height) / layout.width
        font = _font(max(round(min(0.85 * line_height, 1.6 * pitch)), 1))
        for number, line in enumerate(lines):
            for place, letter in enumerate(line):
                middle = 0.2 * line_height + (place + 0.5) * pitch
                left = round(middle - font.getlength(letter) / 2)
                _stamp(picture, font, letter, left, round((number + 0.82) * line_height))
        yield picture


def _stamp(picture: np.ndarray, font: Any, letter: str, left: int, base: int) -> None:
    """Draw one glyph over what is there, cut at the picture's border."""
    mask, (dx, dy) = font.getmask2(letter, mode="L", anchor="ls")
    width, height = mask.size
    if not width or not height:
        return
    glyph = np.array(mask, np.int64).reshape(height, width)
    y, x = base + dy, left + dx
    top, bottom = max(y, 0), min(y + height, picture.shape[0])
    first, last = max(x, 0), min(x + width, picture.shape[1])
    if top >= bottom or first >= last:
        return
    glyph = glyph[top - y : bottom - y, first - x : last - x]
    under = picture[top:bottom, first:last]
    under[:] = np.floor((under * (255 - glyph) + 255 * glyph) / 255 + 0.5)


def _codes(original: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the fake code that follows from the original's format, length and characters."""
    import zxingcpp

    size = original.shape[1:]
    grey = _grey(original)
    edge = math.ceil(0.2 * max(size))
    framed = np.pad(grey, edge, constant_values=int(np.percentile(grey, 90)))
    read = sorted(
        (code for code in zxingcpp.read_barcodes(framed) if code.valid),
        key=lambda code: -len(code.text),
    )
    formats = zxingcpp.BarcodeFormat
    oblong = max(size) >= 1.67 * min(size)
    spare = formats.Code128 if oblong else formats.QRCode
    kind, turns, share = fakes.PayloadKind.CAPITALS, int(oblong and size[0] > size[1]), 0.9
    contents: list[tuple[Any, str]] = []
    if read:
        code = read[0]
        kind = fakes.payload_kind(code.text)
        turns = round(-code.orientation / 90)
        share = _within(size, math.radians(abs(code.orientation + 90 * turns)))
        length = min(max(len(code.text), 6), 400)
        if code.format == formats.Codabar:
            digits = fakes.payload(fakes.PayloadKind.DIGITS, length, size)
            contents = [(code.format, f"A{digits}A")]
        else:
            digits = fakes.payload(
                fakes.PayloadKind.DIGITS, _EAN_DIGITS.get(str(code.format), 6), size
            )
            contents = [
                (code.format, fakes.payload(kind, length, size)),
                (code.format, digits),
            ]
    contents.append((spare, fakes.payload(kind, 12, size)))
    if share < 0.5:
        return
    for format_, content in contents:
        try:
            made = zxingcpp.create_barcode(content, format_)
        except ValueError:
            continue
        light = np.array(made.to_image(scale=1, add_quiet_zones=False))
        if format_ in _rods():
            light = light[len(light) // 2][None]
        yield _enlarged(np.rot90(light == 0, turns), size, share)
        return


def _grey(planes: np.ndarray) -> np.ndarray:
    """Return uint8 [h, w] by the luma that OpenCV computes, so that zxing reads the same."""
    if len(planes) == 1:
        return np.asarray(planes[0])
    import cv2

    grey: np.ndarray = cv2.cvtColor(planes.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
    return grey


@lru_cache(maxsize=1)
def _rods() -> frozenset[Any]:
    """Return the formats whose rows are all alike."""
    import zxingcpp

    formats = zxingcpp.BarcodeFormat
    linear = zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(formats.AllLinear))
    return frozenset(linear) - {
        formats.DataBarStk,
        formats.DataBarStkOmni,
        formats.DataBarExpStk,
    }


def _within(size: tuple[int, ...], tilt: float) -> float:
    """Return by how much a window shrinks to lie in the tilted rectangle whose box it is."""
    turned = np.array([[math.cos(tilt), math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    if np.linalg.det(turned) < 0.1:
        return 0.0
    sides = np.array([size[1], size[0]], float)
    length, breadth = np.linalg.solve(turned, sides)
    reach = turned @ sides
    return 0.9 * float(max(0.0, min(1.0, length / reach[0], breadth / reach[1])))


def _enlarged(dark: np.ndarray, size: tuple[int, ...], share: float) -> np.ndarray:
    """Return modules in the middle of a window; a pixel across several has their mean."""
    inner = [max(1, math.floor(share * side + 1e-6)) for side in size]
    sums = dark.astype(np.int64)
    for axis, pixels in enumerate(inner):
        modules = sums.shape[axis]
        sums = np.moveaxis(sums, axis, 0)
        total = np.concatenate([np.zeros((1, *sums.shape[1:]), np.int64), sums.cumsum(axis=0)])
        whole, part = np.divmod(np.arange(pixels + 1) * modules, pixels)
        beyond = np.concatenate([sums, sums[-1:]])[whole]
        upto = total[whole] * pixels + part[:, None] * beyond
        sums = np.moveaxis(np.diff(upto, axis=0), 0, axis)
    picture = np.zeros(size, np.int64)
    top, left = ((side - used) // 2 for side, used in zip(size, inner, strict=True))
    ink = sums * 255 // dark.size
    picture[top : top + inner[0], left : left + inner[1]] = ink
    return picture


@lru_cache(maxsize=256)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
