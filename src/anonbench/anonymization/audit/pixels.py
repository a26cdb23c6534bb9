"""Check of an image's pixels, layer by layer, against what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.order import in_turn
from anonbench.anonymization.audit.promises import Inside, Promise, promise_of
from anonbench.anonymization.audit.regions import Area, Region, areas_of, frames_of, to_hide
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Variant

Found = list[tuple[Region, Area]]


@dataclass(frozen=True)
class Done:
    """What methods before have hidden: no later one may change it."""

    sure: np.ndarray
    """bool [H, W]."""
    maybe: np.ndarray
    """bool [H, W]: pixels on slanted edges that look hidden. A later method may change them."""


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
    hidden = [] if variant.method is None else to_hide(regions, variant.degree)
    turns = in_turn(str(variant.method), hidden, settings)
    count = sum(len(names) for names, _ in turns) or 1
    if len(between) != count - 1:
        raise Failure(f"it is hidden in {len(between) + 1} layers, and should be in {count}")
    images = [original, *between, pixels]
    if any(each.shape != original.shape or each.dtype != original.dtype for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    if not turns:
        check_outside(original, pixels, [])
    covered = np.zeros(original.shape[:2], bool)
    done: Done | None = None
    number = inside = 0
    for names, own in turns:
        for name in names:
            promise = promise_of(name)
            found = found_areas(own, original.shape, promise, settings)
            edge = check_layer(*images[number : number + 2], found, promise, hidden, settings, done)
            number += 1
        inside += len(found)
        for _, area in found:
            covered[area.window] |= True if area.may is None else area.may
        if number < count:
            done = _with(done, found, edge, original.shape)
    return {
        "regions": len(hidden),
        "outside_image": len(hidden) - inside,
        "hidden_pixels": int(np.count_nonzero(covered)),
    }


def found_areas(
    regions: Sequence[Region], shape: tuple[int, ...], promise: Promise, settings: Anonymization
) -> Found:
    """Return the regions inside the image, with their pixels."""
    least, around = promise.least(settings), promise.around(settings)
    forms = [getattr(settings.shape, region.entity) for region in regions]
    areas = areas_of(regions, shape, settings.margin, least, forms, around)
    pairs = zip(regions, areas, strict=True)
    return [(region, area) for region, area in pairs if area is not None]


def check_layer(
    original: np.ndarray,
    pixels: np.ndarray,
    found: Found,
    promise: Promise,
    hidden: list[Region],
    settings: Anonymization,
    done: Done | None = None,
) -> np.ndarray | None:
    """Check the regions of one method, and that all else is as it was.

    Where they overlap, the later in the draw order is seen.

    Args:
        original: uint8 [H, W] or [H, W, 3], the image before.
        pixels: of the same shape, the image after.
        found: the regions in draw order, with their pixels.
        promise: what the method promises of them.
        hidden: all regions that are hidden in the image, by whatever method.
        settings: the methods' strengths.
        done: what is hidden already; None: nothing.

    Returns:
        bool [H, W]: pixels on slanted edges that look hidden; None if there is no such edge.

    Raises:
        Failure: a pixel inside or outside the regions is not what it has to be.

    """
    shown = _shown(found, original.shape, done)
    check_outside(original, pixels, found, done)
    edge = _edge(found, shown, done)
    unsure = None if edge is None else edge.copy()
    frames = None
    if promise.around(settings):
        forms = {each.entity: getattr(settings.shape, each.entity) for each in hidden}
        frames = frames_of(hidden, original.shape, settings.margin, forms)
    for number, (region, area) in enumerate(found):
        here = shown[area.window] == number
        own = here if area.required is None else here & area.required
        if unsure is not None:
            own = own & ~unsure[area.window]
        elif not own.any():
            continue
        windows = _planes(original[area.window]), _planes(pixels[area.window])
        near = None if frames is None else frames[area.window]
        kept = promise.kept(Inside(*windows, own, region.entity, near), settings)
        if (wrong := own & ~kept).any():
            raise Failure(
                f"{np.count_nonzero(wrong)} of the {np.count_nonzero(own)} pixels of a region "
                f"({region.entity}) are not hidden as they have to be"
            )
        if unsure is not None:
            unsure[area.window] &= ~(kept if area.may is None else kept & area.may)
    if edge is None or unsure is None:
        return None
    _check_unsure(original, pixels, found, unsure, done)
    return edge & ~unsure


def check_outside(
    original: np.ndarray, pixels: np.ndarray, found: Found, done: Done | None = None
) -> None:
    """Refuse an image that was changed where no region may change it.

    Raises:
        Failure: it was.

    """
    changed = original != pixels
    for _, area in found:
        inside = _free(area, done)
        if inside is None:
            changed[area.window] = False
        else:
            changed[area.window][inside] = False
    if changed.any():
        raise Failure(f"{np.count_nonzero(changed)} values outside its regions were changed")


def _free(area: Area, done: Done | None) -> np.ndarray | None:
    """Return bool [h, w]: what a region may change; None for the whole window."""
    if done is None:
        return area.may
    free = ~done.sure[area.window]
    return free if area.may is None else free & area.may


def _planes(window: np.ndarray) -> np.ndarray:
    """Return [c, h, w] of [h, w] or [h, w, c]: operations on planes are faster."""
    return window[None] if window.ndim == 2 else np.ascontiguousarray(window.transpose(2, 0, 1))


def _shown(found: Found, shape: tuple[int, ...], done: Done | None) -> np.ndarray:
    """Return int [H, W]: the number of the region that each pixel may show, -1 for none."""
    shown = np.full(shape[:2], -1, np.int16 if len(found) < 2**15 else np.int32)
    for number, (_, area) in enumerate(found):
        inside = _free(area, done)
        if inside is None:
            shown[area.window] = number
        else:
            shown[area.window][inside] = number
    return shown


def _edge(found: Found, shown: np.ndarray, done: Done | None) -> np.ndarray | None:
    """Return bool [H, W]: pixels on slanted edges, which the last region there may show or not."""
    parts = []
    for number, (_, area) in enumerate(found):
        if area.allowed is not None and area.required is not None:
            part = area.allowed & ~area.required & (shown[area.window] == number)
            if part.any():
                parts.append((area.window, part))
    before = None if done is None else done.maybe & (shown >= 0)
    if not parts and (before is None or not before.any()):
        return None
    edge = np.zeros(shown.shape, bool) if before is None else before
    for window, part in parts:
        edge[window] |= part
    return edge


def _check_unsure(
    original: np.ndarray, pixels: np.ndarray, found: Found, unsure: np.ndarray, done: Done | None
) -> None:
    """Refuse pixels on slanted edges that no region explains, unless they are as they were.

    And may be: no region is sure to cover them, or one before looks as if it did.
    """
    needed = np.zeros(unsure.shape, bool)
    for _, area in found:
        needed[area.window] |= True if area.required is None else area.required
    if done is not None:
        needed &= ~done.maybe
    differs = (original != pixels).reshape(*unsure.shape, -1).any(axis=2)
    if np.any(unsure & (needed | differs)):
        raise Failure("pixels at the edge of a slanted region are neither hidden nor as they were")


def _with(done: Done | None, found: Found, edge: np.ndarray | None, shape: tuple[int, ...]) -> Done:
    """Return what is hidden, with the regions of a method that had its turn."""
    sure = np.zeros(shape[:2], bool) if done is None else done.sure.copy()
    for _, area in found:
        sure[area.window] |= True if area.required is None else area.required
    maybe = np.zeros(shape[:2], bool) if done is None else done.maybe
    return Done(sure, (maybe if edge is None else maybe | edge) & ~sure)
