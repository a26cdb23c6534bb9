"""A picture with regions of every kind, hidden as asked, and its audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd
from hypothesis import strategies as st

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import Source
from anonbench.config import Anonymization
from anonbench.core.boxes import BOX_COLUMNS, Region
from anonbench.core.registries.methods import RegionWindow
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import encode

Format = Literal["png", "jpeg"]
JPEG_QUALITY = 95

FACE = Region(Entity.FACE, 8.4, 6.7, 39.2, 42.5, 1.0)
SLANTED = Region(
    Entity.TEXT, 50.0, 10.0, 92.0, 40.0, 1.0, (54.0, 10.0, 92.0, 28.0, 88.0, 40.0, 50.0, 22.0)
)
PIXEL = Region(Entity.BARCODE, 70.0, 60.0, 71.0, 61.0, 1.0)
LINE = Region(Entity.MRZ, 10.0, 60.0, 50.0, 61.0, 1.0)
OVER = Region(Entity.TEXT, 30.0, 30.0, 62.0, 52.0, 1.0)
BEYOND = Region(Entity.FACE, 86.5, 50.2, 120.0, 90.0, 1.0)
SPARED = [
    Region(Entity.FACE, 2.0, 66.0, 22.0, 79.0, 1.0),
    Region(Entity.TEXT, 30.0, 68.0, 60.0, 78.0, 1.0),
]
REGIONS = [FACE, SLANTED, PIXEL, LINE, OVER, BEYOND, *SPARED]
"""In draw order."""
DEGREE = 70
"""Percent; ceil(5.6) = 6 of the eight regions are hidden."""
COUNT = 6


@dataclass(frozen=True)
class Scene:
    """An original and what was made of it, also between layers."""

    original: np.ndarray
    honest: np.ndarray
    between: Sequence[np.ndarray]
    method: str
    settings: Anonymization
    regions: Sequence[Region] = tuple(REGIONS)

    @property
    def variant(self) -> Variant:
        return Variant(self.method, DEGREE)

    def hide(
        self,
        regions: list[Region] | None = None,
        original: np.ndarray | None = None,
        method: str | None = None,
        degree: int = 100,
        **settings: object,
    ) -> np.ndarray:
        """Anonymize otherwise than asked: by default, the regions that are to be hidden."""
        changed = self.settings.model_copy(update=settings)
        return layers(  # which checks no arguments
            self.original if original is None else original,
            self.regions[:COUNT] if regions is None else regions,
            Variant(method or self.method, degree),
            changed,
        )[-1]

    def code(self, pixels: np.ndarray) -> bytes:
        return encode(pixels, self.settings.format)

    def audit(
        self,
        pixels: np.ndarray | None = None,
        data: bytes | None = None,
        between: Sequence[np.ndarray] | None = None,
    ) -> dict[str, int]:
        """Audit pixels as the scene's image and a file as theirs; by default, the honest ones."""
        pixels = self.honest if pixels is None else pixels
        data = self.code(pixels) if data is None else data
        between = self.between if between is None else between
        asked = self.variant, self.settings
        auditor = Auditor(table(REGIONS), *asked)
        show(auditor, "a", asked, self.original, pixels, between, data=data)
        return auditor.counts


def show(
    auditor: Auditor,
    image_id: str,
    asked: tuple[Variant, Anonymization],
    original: np.ndarray,
    pixels: np.ndarray,
    between: Sequence[np.ndarray] = (),
    source: Source | None = None,
    data: bytes | None = None,
) -> None:
    """Audit an image of a shard: its pixels, then its file; by default, one of the pixels."""
    shown = auditor.regions(image_id), *asked, between, source
    counted = check_layers(original, pixels, *shown)
    data = encode(pixels, asked[1].format) if data is None else data
    auditor.check(image_id, data, pixels, counted)


def check(
    original: np.ndarray,
    regions: list[Region],
    method: str,
    settings: Anonymization,
    pixels: np.ndarray | None = None,
    between: Sequence[np.ndarray] = (),
    degree: int = 100,
    **more: Any,
) -> dict[str, int]:
    """Audit an image; pixels are those that the anonymizer makes, if no others are given."""
    variant = Variant(method, degree)
    if pixels is None:
        *between, pixels = layers(original, regions, variant, settings)
    auditor = Auditor(table(regions), variant, settings)
    show(auditor, "a", (variant, settings), original, pixels, between, **more)
    return auditor.counts


def picture(colour: bool = True, seed: int = 0) -> np.ndarray:
    """Return uint8 [80, 100(, 3)]: smooth shades with fine and coarse texture."""
    drawn = np.random.default_rng(seed)
    shape = (80, 100, 3) if colour else (80, 100)
    fine = drawn.normal(0, 25, shape)
    coarse = cv2.GaussianBlur(drawn.normal(0, 700, shape), (0, 0), 6)
    return np.clip(128 + fine + coarse, 1, 255).astype(np.uint8)


def table(regions: list[Region], image_id: str = "a") -> pd.DataFrame:
    """Return a box table of one image whose draw order is the list's."""
    rows = [
        (image_id, str(r.entity), r.x0, r.y0, r.x1, r.y1, *(r.quad or (np.nan,) * 8), r.score, rank)
        for rank, r in enumerate(regions)
    ]
    return pd.DataFrame(rows, columns=BOX_COLUMNS)


def window(
    original: np.ndarray, written: np.ndarray, entity: str = "face", own: np.ndarray | None = None
) -> RegionWindow:
    """Return a region, [h, w] or [c, h, w], that covers its window or some of its pixels."""
    planes = [each[None] if each.ndim == 2 else each for each in (original, written)]
    whole = np.ones(planes[0].shape[1:], bool)
    own = whole if own is None else own
    return RegionWindow(planes[0], planes[1], own, entity, whole, ~own)


@st.composite
def any_region(draw: st.DrawFn, side: int = 100) -> Region:
    """A box or any four corners: slanted rectangles, crossed ones, triangles, all but lines."""
    entity = draw(st.sampled_from(Entity))
    corner = st.one_of(st.floats(-0.2 * side, 1.2 * side), st.integers(-10, side + 10).map(float))
    if draw(st.booleans()):
        size = st.one_of(st.floats(0.1, 0.9 * side), st.integers(1, 6 * side // 10).map(float))
        x, y, width, height = draw(corner), draw(corner), draw(size), draw(size)
        return Region(entity, x, y, x + width, y + height, 1.0)
    corners = np.float32(draw(st.lists(corner, min_size=8, max_size=8))).astype(float)
    low, high = corners.reshape(4, 2).min(axis=0), corners.reshape(4, 2).max(axis=0)
    return Region(entity, *map(float, (*low, *high)), 1.0, tuple(corners.tolist()))
