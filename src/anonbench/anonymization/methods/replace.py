"""Replacement: fake content of the same kind in a document's regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.registries.methods import Method, RegionWindow

if TYPE_CHECKING:
    from anonbench.anonymization.replacement.appearance import Colours

LEAST_SIDE = 8
"""Narrower regions are masked: too few pixels for the colours to be no copy of one."""
LEAST_CONTRAST = 80
"""Grey levels between ink and paper of a barcode, below which it is drawn in black on white."""


class Replace(Method):
    """Text, zones and barcodes redrawn with fake content; faces and ink are covered."""

    name: ClassVar = "replace"
    label: ClassVar = "Replace"
    line_colour: ClassVar = "#7B3294"
    seconds_an_image: ClassVar = (0.002, 0.1)
    information_left: ClassVar = "coarse"

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Draw fake content in the colours of the region's ink and paper."""
        from anonbench.anonymization.replacement.appearance import colours

        if entity == "face" or min(pixels.shape[:2]) < LEAST_SIDE:
            return np.zeros_like(pixels)
        found, ink = colours(pixels)
        if entity == "barcode":
            coverage, found = _barcode(pixels, found)
        elif entity == "ink":  # a signature says nothing by being another one
            coverage = np.zeros(ink.shape, np.uint8)
        else:
            coverage = _zone(ink) if entity == "mrz" else _text(ink)
        return found.blended(coverage).reshape(pixels.shape)

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """See `Method.is_hidden_in`: one of a few pictures; faces and narrow regions are masked."""
        from anonbench.anonymization.replacement.pictures import is_redrawn

        if inside.entity == "face" or min(inside.mask.shape) < 8:
            return near(inside.written, [np.float32(0)] * len(inside.written))
        return is_redrawn(inside)


def _text(ink: np.ndarray) -> np.ndarray:
    from anonbench.anonymization.replacement.appearance import (
        STANDING,
        is_slanted,
        kind_of,
        rows_of,
        text_lines,
    )

    if is_slanted(ink):
        return np.zeros(ink.shape, np.uint8)
    if ink.shape[0] > STANDING * ink.shape[1]:
        return np.rot90(_text(np.rot90(ink, -1)))
    return text_lines(kind_of(ink), rows_of(ink), ink.shape)


def _zone(ink: np.ndarray) -> np.ndarray:
    from anonbench.anonymization.replacement.appearance import letters_of, zone_format, zone_lines

    if ink.shape[0] > ink.shape[1]:
        return np.rot90(_zone(np.rot90(ink, -1)))
    return zone_lines(zone_format(ink.shape, letters_of(ink)), ink.shape)


def _barcode(pixels: np.ndarray, found: Colours) -> tuple[np.ndarray, Colours]:
    from anonbench.anonymization.replacement.appearance import Colours
    from anonbench.anonymization.replacement.barcodes import code_image, code_of

    dark, light = sorted((found.ink, found.paper), key=lambda colour: float(colour.mean()))
    if light.mean() - dark.mean() < LEAST_CONTRAST:
        dark, light = np.zeros_like(dark), np.full_like(light, 255)
    return code_image(code_of(pixels), pixels.shape[:2]), Colours(light, dark)
