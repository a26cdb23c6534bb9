"""Crops of regions, as seen by attackers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import Cover, cover
from anonbench.core.boxes import Region
from anonbench.core.numeric.similarity import threads
from anonbench.evaluation.privacy.aligned import aligned
from anonbench.training.data.preprocess import Preprocess

GREY = 128
"""Grey level of a region's own pixels if only its surroundings are shown."""


Points = Mapping[tuple[str, int], np.ndarray]
"""Eyes, nose and mouth of faces in pixels, float64 [5, 2], by image and place in its draw."""


class Cut(NamedTuple):
    """Size and alignment of an attacker's crops."""

    side: int
    """Of its square crops, in pixels."""
    aligned: bool = False
    """Whether faces are aligned by their eyes, noses and mouths, where these are known."""


class Readable(Protocol):
    """Images by id."""

    def read(self, image_id: str) -> np.ndarray:
        """Return one image, uint8 [H, W] or [H, W, 3] RGB."""
        ...


@runtime_checkable
class Stored(Readable, Protocol):
    """Images by id that are in files."""

    def read_bytes(self, image_id: str) -> bytes:
        """Read the encoded bytes of one image."""
        ...


class Images(Readable, Protocol):
    """Images by id, with a list of ids."""

    @property
    def ids(self) -> list[str]:
        """The ids, sorted."""
        ...


def crop(image: np.ndarray, region: Region, margin: float) -> np.ndarray:
    """Crop a region of an image, uint8 [h, w] or [h, w, 3].

    Without a margin the crop shows nothing outside the region: pixels beside a slanted region get
    the region's mean colour, so that neither surroundings nor shape distinguish masked regions.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        region: in pixels of the image.
        margin: factor by which the region is grown about its centre.

    """
    area = cover(region, image.shape, margin)
    if area is None:  # a box outside its image: nothing is visible
        return np.zeros((1, 1, *image.shape[2:]), np.uint8)
    seen = image[area.window]
    if area.inside is None or margin > 1.0:
        return seen
    filled = seen.copy()
    filled[~area.inside] = seen[area.inside].mean(axis=0)
    return filled


def remainder(
    image: np.ndarray,
    region: Region,
    factor: float,
    margin: float = 1.0,
    regions: Sequence[Region] = (),
) -> np.ndarray:
    """Surroundings of a region, its own pixels grey, uint8 [h, w] or [h, w, 3].

    Pixels that methods write in a margin, or where another region overlaps, are derived from the
    region's own pixels; likewise, in turn, where a third region overlaps the second. All of these
    are grey, too.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        region: in pixels of the image.
        factor: by which the region's box is grown about its centre, above 1.
        margin: by which regions are grown when they are hidden.
        regions: all regions of the image. Coding blocks that they specify are hidden, too.

    """
    around = cover(region, image.shape, max(factor, margin), blocks=True)
    if around is None:
        return np.full((1, 1, *image.shape[2:]), GREY, np.uint8)
    covers = [cover(each, image.shape, margin, blocks=True) for each in (region, *regions)]
    own, *others = covers
    left = [area for area in others if area is not None]
    grey = [] if own is None else [own]
    for one in grey:  # grows during the loop
        grey += [area for area in left if _overlap(one, area)]
        left = [area for area in left if not _overlap(one, area)]
    seen = image.copy()
    for area in grey:
        seen[area.window][... if area.inside is None else area.inside] = GREY
    return seen[around.window]


def _overlap(one: Cover, other: Cover) -> bool:
    """Whether two regions' upright boxes share a pixel."""
    pairs = zip(one.window, other.window, strict=True)
    return all(a.start < b.stop and b.start < a.stop for a, b in pairs)


def read_crops(
    images: Readable,
    regions: Mapping[str, Sequence[Region]],
    wanted: pd.DataFrame,
    cuts: Collection[Cut],
    points: Points | None = None,
) -> dict[Cut, np.ndarray]:
    """Read crops of an image set, squashed into squares: by cut, uint8 [N, side, side, 3].

    The crops do not show a region's width and height: these are the same in every variant, and an
    attacker who has the original page can use them without any picture.

    Args:
        images: original or anonymized.
        regions: the images' regions in draw order.
        wanted: columns id, order, margin and context, rows of one image together. `context` is 0 or
            the factor of `remainder`; `margin` is that of `crop` or of `remainder`.
        cuts: sizes and alignments.
        points: of faces in the originals, for aligned cuts.

    """
    fits = {cut: Preprocess(cut.side, "imagenet", "squash").fit for cut in cuts}
    found = {cut: np.empty((len(wanted), cut.side, cut.side, 3), np.uint8) for cut in cuts}
    groups = [(str(name), group) for name, group in wanted.groupby("id", sort=False)]
    starts = np.cumsum([0, *(len(group) for _, group in groups)])

    def read(number: int) -> None:
        image_id, group = groups[number]
        image = images.read(image_id)
        crops = zip(group["order"], group["margin"], group["context"], strict=True)
        for row, (order, margin, context) in enumerate(crops, int(starts[number])):
            region = regions[image_id][order]
            seen = (
                remainder(image, region, float(context), float(margin), regions[image_id])
                if context
                else crop(image, region, float(margin))
            )
            for cut, fit in fits.items():
                own = (points or {}).get((image_id, order)) if cut.aligned and not context else None
                shown = seen
                if own is not None:
                    shown = aligned(seen, own - _corner(image, region, float(margin)), cut.side)
                found[cut][row] = fit(shown)

    with ThreadPoolExecutor(threads()) as pool:
        for _ in pool.map(read, range(len(groups))):
            pass
    return found


def _corner(image: np.ndarray, region: Region, margin: float) -> tuple[int, int]:
    """x and y of the first pixel that `crop` shows, for a region inside its image."""
    area = cover(region, image.shape, margin)
    return (area.window[1].start, area.window[0].start) if area else (0, 0)
