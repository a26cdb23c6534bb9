"""Check of an image's pixels, layer by layer, against what they were made from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from anonbench.anonymization.audit.blocks import Grid, Source, grids_of
from anonbench.anonymization.audit.conditions import UNKNOWN, MethodGroup, Step, group_by_methods
from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.region_window import RegionWindow
from anonbench.anonymization.audit.regions import (
    Found,
    Region,
    area_of,
    frames_of,
    hidden_regions,
    joined,
)
from anonbench.anonymization.audit.visibility import check_visibility
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Variant


def check_layers(
    original: np.ndarray,
    pixels: np.ndarray,
    regions: list[Region],
    variant: Variant,
    settings: Anonymization,
    between: Sequence[np.ndarray] = (),
    source: Source | None = None,
) -> dict[str, int]:
    """Check decoded pixels against the original; return counts in the form of `Auditor.counts`.

    Args:
        original: uint8 [H, W] or [H, W, 3].
        pixels: of the same shape.
        regions: all of the image's.
        variant: the method and degree requested.
        settings: the strengths.
        between: images between the layers of a method that has several. They need not be trusted.
        source: the original's file; None: its coding blocks are not known.

    Raises:
        Failure: a pixel inside or outside the regions is not as it has to be.

    """
    hidden = [] if variant.method is None else hidden_regions(regions, variant.degree)
    groups = group_by_methods(str(variant.method), hidden, settings)
    images, count = [original, *between, pixels], sum(len(group.steps) for group in groups)
    if len(between) != max(count, 1) - 1:
        raise Failure(f"it is hidden in {len(between) + 1} layers, and should be in {count or 1}")
    if any(each.shape != original.shape or each.dtype != original.dtype for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    grids: tuple[Grid, ...] = ()
    if source is not None and settings.coding_blocks and groups:
        grids = grids_of(source, original.shape)
    image = _Image(settings, hidden, grids, original.shape[:2])
    if not groups:
        image.check_outside(original, pixels, image.may)
    number, areas = 0, []
    for group in groups:
        for step in group.steps:
            found = image.found(group.regions, step)
            open_ = image.check(images[number], images[number + 1], step, found)
            number += 1
        image.finish(found, open_)
        areas.append(found)
    _check_sums(original, pixels, [*zip(groups, areas, strict=True)])
    return {
        "regions": len(hidden),
        "outside_image": len(hidden) - sum(map(len, areas)),
        "hidden_pixels": int(np.count_nonzero(image.may)),
    }


class _Image:
    """State of the check of one image: pixels hidden by the methods so far."""

    def __init__(
        self,
        settings: Anonymization,
        hidden: list[Region],
        grids: Sequence[Grid],
        shape: tuple[int, ...],
    ) -> None:
        self._settings, self._hidden, self._grids = settings, hidden, grids
        self._forms = {each.entity: settings.shape.of(each.entity) for each in hidden}
        self.may, self._sure, self._edges = np.zeros((3, *shape), bool)
        """Pixels that regions may cover; pixels certainly covered by earlier methods, which no
        later method may change; and hidden-looking pixels on slanted edges, which a later one may
        change.
        """

    def found(self, regions: Sequence[Region], step: Step) -> Found:
        """Return the regions inside the image, with their pixels."""
        shape, margin, grids = self.may.shape, self._settings.margin, self._grids
        least, around = (
            step.condition.least(step.method),
            step.condition.around(step.method),
        )
        each = (
            (r, area_of(r, shape, margin, least, self._forms[r.entity], around, grids))
            for r in regions
        )
        return [(region, area) for region, area in each if area is not None]

    def check(self, before: np.ndarray, after: np.ndarray, step: Step, found: Found) -> np.ndarray:
        """Check the regions of one method, and that everything else is unchanged.

        Regions are checked from the last to the first, since later ones cover earlier ones. A pixel
        must show the last region that certainly covers it, or a later one that may cover it.

        Args:
            before: uint8 [H, W] or [H, W, 3].
            after: of the same shape.
            step: the method.
            found: its regions in draw order, with their pixels.

        Returns:
            bool [H, W]: pixels on slanted edges that no region explains, and that are unchanged.

        Raises:
            Failure: a pixel inside or outside the regions is not as it has to be.

        """
        _, condition, method = step
        frames = None
        if condition.around(method):
            found = joined(found)
            frames = frames_of(
                self._hidden, before.shape, self._settings.margin, self._forms, self._grids
            )
        open_ = np.zeros(self.may.shape, bool)
        for _, area in found:
            open_[area.window] |= area.may
        open_ &= ~self._sure
        self.check_outside(before, after, open_)
        for region, (window, required, may) in reversed(found):
            look = open_[window] & may
            if not look.any():
                continue
            own = look & required & ~self._edges[window]
            pair = _planes(before[window]), _planes(after[window])
            near = None if frames is None else frames[window]
            kept = condition.correct(
                RegionWindow(*pair, own, region.entity, near, look ^ own), method
            )
            if kept.shape != own.shape:
                raise Failure(f"its method's check returns shape {kept.shape}, not {own.shape}")
            if wrong := np.count_nonzero(own & ~kept):
                raise Failure(
                    f"{wrong} of the {np.count_nonzero(own)} pixels of a region ({region.entity}) "
                    "are not hidden as the method requires"
                )
            open_[window] &= ~(look & kept)
        if not np.array_equal(before[open_], after[open_]):
            raise Failure("pixels at the edge of a slanted region are neither hidden nor unchanged")
        return open_

    def check_outside(self, before: np.ndarray, after: np.ndarray, seen: np.ndarray) -> None:
        """Refuse an image with a change outside of `seen`, where no region may change it.

        Raises:
            Failure: it was changed there.

        """
        outside = (~seen).view(np.uint8)
        if cv2.norm(before, after, cv2.NORM_INF, outside):  # faster than creating any new image
            count = np.count_nonzero((before != after)[~seen])
            raise Failure(f"{count} values outside its regions were changed")

    def finish(self, found: Found, open_: np.ndarray) -> None:
        """Record hidden pixels after the regions of a method, or all its steps, were checked."""
        for _, (window, required, may) in found:
            self.may[window] |= may
            self._edges[window] |= may & ~open_[window]
            self._sure[window] |= required
        self._edges &= ~self._sure


def _check_sums(
    original: np.ndarray, pixels: np.ndarray, sums: Sequence[tuple[MethodGroup, Found]]
) -> None:
    """Refuse regions that are nearly unchanged after all steps of their methods together."""
    gone = np.zeros(original.shape[:2], bool)
    left = []
    for group, found in sums:
        if not any(step.condition.shows_nothing for step in group.steps):
            left += [(group.leaves > UNKNOWN, *each) for each in found]
            continue
        for _, area in found:
            gone[area.window] |= area.required
    for is_weak, region, (window, required, _) in left:
        pair = _planes(original[window]), _planes(pixels[window])
        check_visibility(*pair, required & ~gone[window], region.entity, is_weak)


def _planes(window: np.ndarray) -> np.ndarray:
    """Return [c, h, w] of [h, w] or [h, w, c], contiguous: operations on that are faster."""
    return np.stack(cv2.split(window))
