"""Check of an image's pixels, layer by layer, against what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.blocks import Source, grids_of
from anonbench.anonymization.audit.regions import Found, Region, area_of, hidden_regions, joined
from anonbench.anonymization.audit.steps import SHOW_NOTHING, UNKNOWN, Step, group_by_methods
from anonbench.anonymization.audit.visibility import check_visibility
from anonbench.config import Anonymization
from anonbench.core.registries.methods import RegionWindow
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
    images, count = [original, *between, pixels], sum(len(steps) for _, steps, _ in groups) or 1
    if len(between) != count - 1:
        raise Failure(f"it is hidden in {len(between) + 1} layers, and should be in {count}")
    if any(each.shape != original.shape or each.dtype != original.dtype for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    has_blocks = source is not None and settings.coding_blocks and groups
    grids = grids_of(source, original.shape) if source is not None and has_blocks else ()

    def areas(of: Sequence[Region], least: int = 1, around: int = 0, framed: bool = False) -> Found:
        found = []
        for region in of:
            form = settings.shape.of(region.entity)
            if framed:
                region, form = replace(region, slanted=False), form.replace("ellipse", "box")
            area = area_of(region, original.shape, settings.margin, least, form, around, grids)
            found += [] if area is None else [(region, area)]
        return found

    done = _Done(*np.zeros((4, *original.shape[:2]), bool))
    if any(step.around for _, steps, _ in groups for step in steps):
        for _, area in areas(hidden, framed=True):
            done.frames[area.window] |= area.required
    proved = np.zeros_like(done.may)
    layers, left, inside = pairwise(images), [], 0
    if not groups:
        _check_outside(original, pixels, done.may)
    for leaves, steps, of_group in groups:
        for step in steps:
            found = areas(of_group, step.least, step.around)
            open_ = _check_step(*next(layers), step, found, done)
        inside += len(found)
        for region, area in found:
            window, required, may = area
            done.may[window] |= may
            done.edges[window] |= may & ~open_[window]
            done.sure[window] |= required
            if any(step.base in SHOW_NOTHING for step in steps):
                proved[window] |= required
            else:
                left.append((leaves > UNKNOWN, region.entity, area))
        done.edges[done.sure] = False
    first, last = _planes(original), _planes(pixels)
    for is_weak, entity, (window, required, _) in left:
        own = required & ~proved[window]
        check_visibility(first[:, *window], last[:, *window], own, entity, is_weak)
    return {
        "regions": len(hidden),
        "outside_image": len(hidden) - inside,
        "hidden_pixels": int(np.count_nonzero(done.may)),
    }


class _Done(NamedTuple):
    """Pixels of an image, bool [H, W] each, after the methods that were checked so far.

    Regions may cover `may`, and certainly cover `sure`, which no later method may change; `edges`
    are hidden or seem so, and may be changed; `frames` are upright boxes of all hidden regions.
    """

    may: np.ndarray
    sure: np.ndarray
    edges: np.ndarray
    frames: np.ndarray


def _check_step(
    before: np.ndarray, after: np.ndarray, step: Step, found: Found, done: _Done
) -> np.ndarray:
    """Check one method; return the pixels on slanted edges that no region explains, bool [H, W]."""
    if step.around:
        found = joined(found, done.may.shape)
    open_ = np.zeros(done.may.shape, bool)
    for _, (window, _, may) in found:
        open_[window] |= may
    open_ &= ~done.sure
    _check_outside(before, after, open_)
    planes = _planes(before), _planes(after)
    # from the last region to the first, since later ones cover earlier ones: a pixel must show the
    # last that certainly covers it, or a later one that may cover it
    for region, (window, required, may) in reversed(found):
        look = open_[window] & may
        if not look.any():
            continue
        own = look & required & ~done.edges[window]
        first, last = (each[:, *window] for each in planes)
        frames, edge = done.frames[window], look ^ own
        kept = step.kept(RegionWindow(first, last, own, region.entity, frames, edge))
        if wrong := np.count_nonzero(own & ~kept):
            raise Failure(
                f"{wrong} of the {np.count_nonzero(own)} pixels of a region ({region.entity}) "
                "are not hidden as the method requires"
            )
        open_[window] &= ~(look & kept)
    if not np.array_equal(before[open_], after[open_]):
        raise Failure("pixels at the edge of a slanted region are neither hidden nor unchanged")
    return open_


def _check_outside(before: np.ndarray, after: np.ndarray, seen: np.ndarray) -> None:
    """Refuse an image with a change outside of `seen`, where no region may change it."""
    outside = (~seen).view(np.uint8)
    if cv2.norm(before, after, cv2.NORM_INF, outside):  # faster than creating any new image
        count = np.count_nonzero((before != after)[~seen])
        raise Failure(f"{count} values outside its regions were changed")


def _planes(image: np.ndarray) -> np.ndarray:
    """Return [c, H, W] of [H, W] or [H, W, c]."""
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
