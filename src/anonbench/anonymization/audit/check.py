"""Audit of one anonymized image as written, against its original.

What is proved of each image, from the bytes that stand in the shard:

- the file holds the image and nothing else (`audit.files`);
- the regions shown hidden are the first of the draw order, as many as the degree asks for;
- inside each, every pixel holds what the method promises (`audit.promises`);
- every other pixel equals the original's.

Of the whole shard it is proved that its images and their regions are those that detection counted.

A JPEG file has no exact pixels to look at. It is proved in two steps: the pixels that are said to
be in it pass all checks exactly, and a second encoder makes the same bytes of them. Whoever names
these pixels need not be trusted: with others, one of the steps fails.

Several methods in order are proved the same way: the images between them are named, and each has to
be what its method makes of the one before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.files import check_jpeg, png_pixels
from anonbench.anonymization.audit.promises import Inside, Promise, promise_of, steps_of
from anonbench.anonymization.audit.regions import (
    Area,
    Region,
    area_of,
    frames_of,
    read_regions,
    to_hide,
)
from anonbench.config import Anonymization
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Variant

if TYPE_CHECKING:
    import pandas as pd

Found = list[tuple[Region, Area, Promise]]
_LEFT = {False: ("ok", "partial"), True: ("ok", "partial", "empty")}
"""Statuses of images that are published, without and with those that have no region."""


class Auditor:
    """Checks the images of one shard of a variant, and counts what it saw."""

    def __init__(self, boxes: pd.DataFrame, variant: Variant, settings: Anonymization) -> None:
        self._regions = read_regions(boxes)
        self._variant = variant
        self._settings = settings
        self._checked: dict[str, int] = {}
        self._counts: Counter[str] = Counter(
            images=0, without_regions=0, regions=0, outside_image=0, hidden_pixels=0, failed=0
        )

    @property
    def counts(self) -> dict[str, int]:
        """Images checked, images among them that show no hidden region, hidden regions, those of
        them that lie outside their image, pixels hidden, images that failed (always 0: the first
        failure raises)."""
        return dict(self._counts)

    def check(
        self,
        image_id: str,
        original: np.ndarray,
        data: bytes,
        pixels: np.ndarray | None = None,
        between: Sequence[np.ndarray] = (),
    ) -> None:
        """Check one image.

        Args:
            image_id: as in the box table.
            original: uint8 [H, W] or [H, W, 3].
            data: the file as it was written.
            pixels: what was coded; needed, and looked at, only for JPEG.
            between: images between the layers of a method that has several.

        Raises:
            InputError: the image is not what it has to be.

        """
        try:
            self._check(self._regions.get(image_id, []), original, data, pixels, between)
        except Failure as failure:
            raise InputError(
                f"image {image_id!r} as {self._variant} fails its audit: {failure}. Nothing of its "
                "shard is published. If its file was not changed during the run, this is a fault "
                "of the program: report it, and leave the image out until it is mended"
            ) from None
        self._checked[image_id] = len(self._regions.get(image_id, []))

    def check_set(self, images: pd.DataFrame, keep_without_regions: bool) -> None:
        """Check that these were the images that detection left, with all regions that it counted.

        So neither an image that a detector failed on is published, nor one whose regions are not in
        the box table.

        Args:
            images: detection's outcome for the shard: id, status, regions.
            keep_without_regions: whether images without regions were to be kept.

        Raises:
            InputError: the box table or the images are others.

        """
        left = images[images["status"].isin(_LEFT[keep_without_regions])]
        expected = dict(zip(left["id"].astype(str), left["regions"].astype(int), strict=True))
        if wrong := sorted(self._checked.items() ^ expected.items()):
            image_id = wrong[0][0]
            raise InputError(
                f"image {image_id!r}: detection left {_regions(expected.get(image_id))}, and the "
                f"shard of {self._variant} has {_regions(self._checked.get(image_id))}. Nothing of "
                "it is published. This is a fault of the program: report it"
            )

    def _check(
        self,
        regions: list[Region],
        original: np.ndarray,
        data: bytes,
        pixels: np.ndarray | None,
        between: Sequence[np.ndarray],
    ) -> None:
        if self._settings.format == "png":
            pixels = png_pixels(data, original.shape)
        if pixels is None:
            raise Failure("the pixels of a JPEG file were not given")
        if pixels.shape != original.shape or pixels.dtype != original.dtype:
            raise Failure("its shape or depth differs from the original's")
        if self._settings.format == "jpeg":
            check_jpeg(data, pixels, self._settings.jpeg_quality)
        asked = self._variant, self._settings
        counted = check_layers(original, pixels, regions, *asked, between)
        self._counts.update(counted)
        self._counts["images"] += 1
        self._counts["without_regions"] += counted["regions"] == counted["outside_image"]


def check_layers(
    original: np.ndarray,
    pixels: np.ndarray,
    regions: list[Region],
    variant: Variant,
    settings: Anonymization,
    between: Sequence[np.ndarray] = (),
) -> dict[str, int]:
    """Check decoded pixels against the original; return counts as `Auditor.counts` has them.

    Args:
        original: uint8 [H, W] or [H, W, 3].
        pixels: of the same shape.
        regions: all of the image's.
        variant: the method and degree asked for.
        settings: the strengths.
        between: images between the layers of a method that has several. They need not be trusted.

    Raises:
        Failure: a pixel inside or outside the regions is not what it has to be.

    """
    if variant.method is None:
        check_pixels(original, pixels, [], [], settings)
        return {"regions": 0, "outside_image": 0, "hidden_pixels": 0}
    hidden = to_hide(regions, variant.degree)
    steps = {r.entity: steps_of(variant.method, r.entity, settings) for r in hidden}
    count = max(map(len, steps.values()), default=1)
    if len(between) != count - 1:
        raise Failure(f"it is hidden in {len(between) + 1} layers, and should be in {count}")
    images = [original, *between, pixels]
    if any(each.shape != original.shape or each.dtype != original.dtype for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    covered = np.zeros(original.shape[:2], bool)
    outside: list[Region] = []
    for number in range(count):
        layer = [r for r in hidden if number < len(steps[r.entity])]
        found = found_areas(
            layer, original.shape, {e: s[number:] for e, s in steps.items()}, settings
        )
        outside = outside or [r for r in layer if all(r is not each for each, _, _ in found)]
        covered |= check_pixels(images[number], images[number + 1], found, hidden, settings)
    return {
        "regions": len(hidden),
        "outside_image": len(outside),
        "hidden_pixels": int(np.count_nonzero(covered)),
    }


def found_areas(
    layer: Sequence[Region],
    shape: tuple[int, ...],
    steps: Mapping[str, Sequence[str]],
    settings: Anonymization,
) -> Found:
    """Return the regions inside the image, with their pixels and what is promised of them."""
    found = []
    for region in layer:
        promise = promise_of(steps[region.entity][0])
        least, around = promise.least(settings), promise.around(settings)
        form = getattr(settings.shape, region.entity)
        area = area_of(region, shape, settings.margin, least, form, around)
        if area is not None:
            found.append((region, area, promise))
    return found


def check_pixels(
    original: np.ndarray,
    pixels: np.ndarray,
    found: Found,
    hidden: list[Region],
    settings: Anonymization,
) -> np.ndarray:
    """Check one layer; return bool [H, W]: the pixels that it may have changed.

    Where regions overlap, the later in the draw order is seen.

    Args:
        original: uint8 [H, W] or [H, W, 3], the image before.
        pixels: of the same shape, the image after.
        found: the layer's regions in draw order, with their pixels and promises.
        hidden: all regions that are hidden in the image, in whatever layer.
        settings: the methods' strengths.

    Raises:
        Failure: a pixel inside or outside the regions is not what it has to be.

    """
    changed = original != pixels
    for _, area, _ in found:
        if area.may is None:
            changed[area.window] = False
        else:
            changed[area.window][area.may] = False
    if changed.any():
        raise Failure(f"{np.count_nonzero(changed)} values outside its regions were changed")
    shown = _shown(found, original.shape)
    unsure = _unsure(found, shown)
    frames = None
    for number, (region, area, promise) in enumerate(found):
        here = shown[area.window] == number
        own = here if area.required is None else here & area.required
        if unsure is not None:
            own = own & ~unsure[area.window]
        elif not own.any():
            continue
        if promise.around(settings) and frames is None:
            forms = {each.entity: getattr(settings.shape, each.entity) for each in hidden}
            frames = frames_of(hidden, original.shape, settings.margin, forms)
        windows = _planes(original[area.window]), _planes(pixels[area.window])
        near = None if frames is None else frames[area.window]
        inside = Inside(*windows, own, region.entity, near)
        kept = promise.kept(inside, settings)
        if not np.all(kept[own]):
            raise Failure(
                f"{np.count_nonzero(~kept[own])} of the {np.count_nonzero(own)} pixels of a region "
                f"({region.entity}) are not hidden as they have to be"
            )
        if unsure is not None:
            unsure[area.window] &= ~(kept if area.may is None else kept & area.may)
    if unsure is not None:
        _check_unsure(original, pixels, found, unsure)
    return np.asarray(shown >= 0)


def _regions(count: int | None) -> str:
    return "no such image" if count is None else f"it with {count} regions"


def _planes(window: np.ndarray) -> np.ndarray:
    """Return [c, h, w] of [h, w] or [h, w, c]: operations on planes are faster."""
    return window[None] if window.ndim == 2 else np.ascontiguousarray(window.transpose(2, 0, 1))


def _shown(found: Found, shape: tuple[int, ...]) -> np.ndarray:
    """Return int [H, W]: the number of the region that each pixel may show, -1 for none."""
    shown = np.full(shape[:2], -1, np.int16 if len(found) < 2**15 else np.int32)
    for number, (_, area, _) in enumerate(found):
        if area.may is None:
            shown[area.window] = number
        else:
            shown[area.window][area.may] = number
    return shown


def _unsure(found: Found, shown: np.ndarray) -> np.ndarray | None:
    """Return bool [H, W]: pixels on slanted edges, which the last region there may show or not."""
    unsure = None
    for number, (_, area, _) in enumerate(found):
        if area.allowed is None or area.required is None:
            continue
        edge = area.allowed & ~area.required & (shown[area.window] == number)
        if edge.any():
            if unsure is None:
                unsure = np.zeros(shown.shape, bool)
            unsure[area.window] |= edge
    return unsure


def _check_unsure(
    original: np.ndarray,
    pixels: np.ndarray,
    found: Found,
    unsure: np.ndarray,
) -> None:
    """Refuse pixels on slanted edges that no region explains, unless they are plain original."""
    needed = np.zeros(unsure.shape, bool)
    for _, area, _ in found:
        needed[area.window] |= True if area.required is None else area.required
    differs = (original != pixels).reshape(*unsure.shape, -1).any(axis=2)
    if np.any(unsure & (needed | differs)):
        raise Failure("pixels at the edge of a slanted region are neither hidden nor as they were")
