"""Comparison of another program's picture with its original, region by region.

What the program meant to hide is not known, so nothing is promised and nothing is proved. It is
measured what it changed, in grey levels of the luma (a change of colour hides nothing) and as means
over `_WINDOW` pixels a side. A pixel is *changed* where picture and original differ by more than
the picture's own coding noise, and by at least half of the original's detail there, which is its
difference from its surroundings. Pixels without detail look alike before and after a blur: of a
region, only those count whose detail is twice that noise. A region without any detail is judged by
all its pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin

from anonbench.anonymization.audit.regions import Region, area_of
from anonbench.core.libraries.opencv import cv2

_WINDOW = 5
_LEAST_NOISE = 2.0
"""Grey levels: differences up to this are never called a change."""
_MOST_NOISE = 8.0
"""Grey levels: larger ones are no coding noise; a picture that differs everywhere is changed."""
_SPREAD = 3.0
"""The noise is so many times the median difference of a picture."""
HIDDEN_FROM, VISIBLE_TO = 0.9, 0.1
"""Shares of a region that are changed: from the first on it is hidden, up to the second visible."""


ORIGINAL = "original"
"""The state of a picture that is its original."""


class State(StrEnum):
    """What the program did to a region."""

    HIDDEN = "hidden"
    """At least nine tenths of it are changed."""
    PARTLY = "partly"
    VISIBLE = "visible"
    """At most one tenth of it is changed."""


class Compared(NamedTuple):
    """A region that detection found, or the picture as a whole."""

    entity: str
    """Empty for the picture."""
    rank: int
    """Place in the image's draw order."""
    changed: float
    """Share of it that is changed; of the picture, that of the area outside all regions, NaN where
    there is none."""
    state: str
    """`State`; of the picture `ORIGINAL` where nothing is changed, in no region and nowhere else.
    """


def compare(
    original: np.ndarray, picture: np.ndarray, data: bytes, regions: Sequence[Region]
) -> list[Compared]:
    """Compare a picture with its original: the whole first, then its regions in draw order.

    Regions outside the image have no pixel and are left out.

    Args:
        original: uint8 [H, W] or [H, W, 3].
        picture: uint8 of the same height and width.
        data: the picture's file: of a JPEG, its quantization tables say what coding alone changes.
        regions: what detection found in the original.

    """
    before, after = _luma(original), _luma(picture)
    differs = _local(np.abs(_reencoded(before, data) - after))
    noise = float(np.clip(_SPREAD * np.median(differs), _LEAST_NOISE, _MOST_NOISE))
    detail = _local(np.abs(before - _local(before)))
    changed = (differs > noise) & (differs > detail / 2)
    telling = detail > 2 * noise
    free = np.ones(changed.shape, bool)
    found = []
    for region in sorted(regions, key=lambda each: each.rank):
        area = area_of(region, original.shape, 1.0, 1)
        if area is None:
            continue
        inside = area.may
        free[area.window] &= ~inside
        shows = inside & telling[area.window]
        share = float(changed[area.window][shows if shows.any() else inside].mean())
        state = State.HIDDEN if share >= HIDDEN_FROM else State.PARTLY
        state = State.VISIBLE if share <= VISIBLE_TO else state
        found.append(Compared(region.entity, region.rank, share, state.value))
    outside = float(changed[free].mean()) if free.any() else float("nan")
    return [Compared("", 0, outside, "" if changed.any() else ORIGINAL), *found]


def _luma(image: np.ndarray) -> np.ndarray:
    """Return float32 [H, W]."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float32)


def _local(values: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT))


def _reencoded(luma: np.ndarray, data: bytes) -> np.ndarray:
    """Return the original as a JPEG file of these tables shows it; of other formats as it is."""
    with Image.open(io.BytesIO(data)) as image:
        if not isinstance(image, JpegImagePlugin.JpegImageFile):
            return luma
        table = image.quantization[min(image.quantization)]
    coded = io.BytesIO()
    Image.fromarray(luma.astype(np.uint8)).save(coded, "JPEG", qtables=[table])
    with Image.open(coded) as image:
        return np.asarray(image, np.float32)
