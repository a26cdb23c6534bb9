"""Check of an image's pixels, layer by layer, against what they were made from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from anonbench.anonymization.audit.blocks import Grid, Source, grids_of
from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.inside import Inside
from anonbench.anonymization.audit.promises import UNKNOWN, Step, Turn, in_turn
from anonbench.anonymization.audit.regions import (
    Found,
    Region,
    area_of,
    frames_of,
    joined,
    to_hide,
)
from anonbench.anonymization.audit.remains import check_remains
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
    """Check decoded pixels against the original; return counts as `Auditor.counts` has them.

    Args:
        original: uint8 [H, W] or [H, W, 3].
        pixels: of the same shape.
        regions: all of the image's.
        variant: the method and degree asked for.
        settings: the strengths.
        between: images between the layers of a method that has several. They need not be trusted.
        source: the original's file; None: nothing is known of its coding blocks.

    Raises:
        Failure: a pixel inside or outside the regions is not what it has to be.

    """
    hidden = [] if variant.method is None else to_hide(regions, variant.degree)
    turns = in_turn(str(variant.method), hidden, settings)
    images, count = [original, *between, pixels], sum(len(turn.steps) for turn in turns)
    if len(between) != max(count, 1) - 1:
        raise Failure(f"it is hidden in {len(between) + 1} layers, and should be in {count or 1}")
    if any(each.shape != original.shape or each.dtype != original.dtype for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    grids: tuple[Grid, ...] = ()
    if source is not None and settings.coding_blocks and turns:
        grids = grids_of(source, original.shape)
    image = _Image(settings, hidden, grids, original.shape[:2])
    if not turns:
        image.check_outside(original, pixels, image.may)
    number, areas = 0, []
    for turn in turns:
        for step in turn.steps:
            found = image.found(turn.regions, step)
            open_ = image.check(images[number], images[number + 1], step, found)
            number += 1
        image.finish(found, open_)
        areas.append(found)
    _check_sums(original, pixels, [*zip(turns, areas, strict=True)])
    return {
        "regions": len(hidden),
        "outside_image": len(hidden) - sum(map(len, areas)),
        "hidden_pixels": int(np.count_nonzero(image.may)),
    }


class _Image:
    """What methods have hidden of one image so far."""

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
        """Pixels that regions may cover; that those of earlier methods cover for certain, which no
        later one may change; and those on slanted edges that look hidden, which it may."""

    def found(self, regions: Sequence[Region], step: Step) -> Found:
        """Return the regions inside the image, with their pixels."""
        shape, margin, grids = self.may.shape, self._settings.margin, self._grids
        least, around = step.promise.least(step.asked), step.promise.around(step.asked)
        each = (
            (r, area_of(r, shape, margin, least, self._forms[r.entity], around, grids))
            for r in regions
        )
        return [(region, area) for region, area in each if area is not None]

    def check(self, before: np.ndarray, after: np.ndarray, step: Step, found: Found) -> np.ndarray:
        """Check the regions of one method, and that all else is as it was.

        Regions are looked at from the last to the first, as they lie over one another. A pixel has
        to be what the last region shows that covers it for certain; or what one over that shows,
        which may cover it.

        Args:
            before: uint8 [H, W] or [H, W, 3].
            after: of the same shape.
            step: the method.
            found: its regions in draw order, with their pixels.

        Returns:
            bool [H, W]: pixels on slanted edges that no region explains, and that are as they were.

        Raises:
            Failure: a pixel inside or outside the regions is not what it has to be.

        """
        _, promise, asked = step
        frames = None
        if promise.around(asked):
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
            kept = promise.kept(Inside(*pair, own, region.entity, near, look ^ own), asked)
            if kept.shape != own.shape:
                raise Failure(f"its method's promise is of {kept.shape} pixels, not {own.shape}")
            if wrong := np.count_nonzero(own & ~kept):
                raise Failure(
                    f"{wrong} of the {np.count_nonzero(own)} pixels of a region ({region.entity}) "
                    "are not hidden as they have to be"
                )
            open_[window] &= ~(look & kept)
        if not np.array_equal(before[open_], after[open_]):
            raise Failure(
                "pixels at the edge of a slanted region are neither hidden nor as they were"
            )
        return open_

    def check_outside(self, before: np.ndarray, after: np.ndarray, seen: np.ndarray) -> None:
        """Refuse an image that was changed where no region may change it: outside `seen`.

        Raises:
            Failure: it was.

        """
        outside = (~seen).view(np.uint8)
        if cv2.norm(before, after, cv2.NORM_INF, outside):  # faster than to make any new image
            count = np.count_nonzero((before != after)[~seen])
            raise Failure(f"{count} values outside its regions were changed")

    def finish(self, found: Found, open_: np.ndarray) -> None:
        """Note what is hidden, when regions of a method, or all its steps, were checked."""
        for _, (window, required, may) in found:
            self.may[window] |= may
            self._edges[window] |= may & ~open_[window]
            self._sure[window] |= required
        self._edges &= ~self._sure


def _check_sums(
    original: np.ndarray, pixels: np.ndarray, sums: Sequence[tuple[Turn, Found]]
) -> None:
    """Refuse regions that all steps of their methods together have left nearly as they were."""
    gone = np.zeros(original.shape[:2], bool)
    left = []
    for turn, found in sums:
        if not any(step.promise.shows_nothing for step in turn.steps):
            left += [(turn.leaves > UNKNOWN, *each) for each in found]
            continue
        for _, area in found:
            gone[area.window] |= area.required
    for is_weak, region, (window, required, _) in left:
        pair = _planes(original[window]), _planes(pixels[window])
        check_remains(*pair, required & ~gone[window], region.entity, is_weak)


def _planes(window: np.ndarray) -> np.ndarray:
    """Return [c, h, w] of [h, w] or [h, w, c], without gaps: operations on that are faster."""
    return np.stack(cv2.split(window))
