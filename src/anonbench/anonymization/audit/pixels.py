"""Check of an image's pixels, layer by layer, against what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from anonbench.anonymization.audit.blocks import Grid, Source, grids_of
from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.joined import joined
from anonbench.anonymization.audit.loops import count_wrong, draw, own_pixels
from anonbench.anonymization.audit.order import in_turn, is_weak, shows_nothing
from anonbench.anonymization.audit.promises import Inside, Promise, promise_of
from anonbench.anonymization.audit.regions import Area, Region, area_of, frames_of, to_hide
from anonbench.anonymization.audit.remains import check_remains
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Variant

Found = list[tuple[Region, Area]]
_NOWHERE = np.empty((0, 0), bool)


@dataclass(frozen=True)
class Shown:
    """The pixels of an image that may show one of its regions."""

    seen: np.ndarray
    """bool [H, W]."""
    edge: np.ndarray | None
    """bool [H, W]: pixels on slanted edges, which the region there may show or not; None if there
    is no such pixel. Where regions overlap, the last one drawn counts."""
    needed: np.ndarray
    """bool [H, W]: pixels that some region covers for certain, hidden before or not."""
    numbers: np.ndarray
    """int [H, W]: the last region drawn that a pixel may belong to, -1 for none."""


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
    count = sum(len(names) for names, _ in turns) or 1
    if len(between) != count - 1:
        raise Failure(f"it is hidden in {len(between) + 1} layers, and should be in {count}")
    images = [original, *between, pixels]
    if any(each.shape != original.shape or each.dtype != original.dtype for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    grids: tuple[Grid, ...] = ()
    if source is not None and settings.coding_blocks and turns:
        grids = grids_of(source, original.shape)
    covered: np.ndarray | None = None
    if not turns:
        check_outside(original, pixels, np.zeros(original.shape[:2], bool))
    done: Done | None = None
    number = inside = 0
    sums: list[tuple[list[str], Found]] = []
    for names, own in turns:
        for name in names:
            promise = promise_of(name)
            alone = found_areas(own, original.shape, promise, settings, grids)
            found = joined(alone) if promise.around(settings) else alone
            shown = shown_regions(found, original.shape, done)
            layer = images[number], images[number + 1]
            unsure = check_layer(*layer, found, shown, promise, hidden, settings, done, grids)
            number += 1
        inside += len(alone)
        sums.append((names, alone))
        covered = shown.seen if covered is None else covered | shown.seen
        if number < count:
            done = _with(done, shown, unsure)
    _check_sums(original, pixels, sums)
    return {
        "regions": len(hidden),
        "outside_image": len(hidden) - inside,
        "hidden_pixels": 0 if covered is None else int(np.count_nonzero(covered)),
    }


def _check_sums(
    original: np.ndarray, pixels: np.ndarray, sums: Sequence[tuple[list[str], Found]]
) -> None:
    """Refuse regions that all steps of their methods together have left nearly as they were."""
    gone = np.zeros(original.shape[:2], bool)
    for names, found in sums:
        for _, area in found if shows_nothing(names) else ():
            gone[area.window] |= True if area.required is None else area.required
    for names, found in sums:
        for region, area in [] if shows_nothing(names) else found:
            own = ~gone[area.window]
            if area.required is not None:
                own &= area.required
            pair = _planes(original[area.window]), _planes(pixels[area.window])
            check_remains(*pair, own, region.entity, is_weak(names))


def found_areas(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    promise: Promise,
    settings: Anonymization,
    grids: Sequence[Grid] = (),
) -> Found:
    """Return the regions inside the image, with their pixels."""
    least, around = promise.least(settings), promise.around(settings)
    found = []
    for region in regions:
        form = getattr(settings.shape, region.entity)
        area = area_of(region, shape, settings.margin, least, form, around, grids)
        if area is not None:
            found.append((region, area))
    return found


def shown_regions(found: Found, shape: tuple[int, ...], done: Done | None = None) -> Shown:
    """Return the pixels of an image that may show a region."""
    seen, edge, needed = np.zeros((3, *shape[:2]), bool)
    numbers = np.full(shape[:2], -1, np.int16 if len(found) < 2**15 else np.int32)
    for number, (_, area) in enumerate(found):
        masks = (_NOWHERE if each is None else each for each in (area.required, area.allowed))
        draw(seen, edge, needed, numbers, number, *masks, _place(area))
    if done is not None:
        seen &= ~done.sure
        edge = (edge | done.maybe) & seen
    return Shown(seen, edge if edge.any() else None, needed, numbers)


def _place(area: Area) -> tuple[int, int, int, int]:
    """Return the first row and column of an area's window, and those behind its last ones."""
    rows, columns = area.window
    return rows.start, columns.start, rows.stop, columns.stop


def check_layer(
    original: np.ndarray,
    pixels: np.ndarray,
    found: Found,
    shown: Shown,
    promise: Promise,
    hidden: list[Region],
    settings: Anonymization,
    done: Done | None = None,
    grids: Sequence[Grid] = (),
) -> np.ndarray | None:
    """Check the regions of one method, and that all else is as it was.

    Args:
        original: uint8 [H, W] or [H, W, 3], the image before.
        pixels: of the same shape, the image after.
        found: the regions in draw order, with their pixels.
        shown: which of them are seen.
        promise: what the method promises of them.
        hidden: all regions that are hidden in the image, by whatever method.
        settings: the methods' strengths.
        done: what is hidden already; None: nothing.
        grids: coding blocks of the original.

    Returns:
        bool [H, W]: pixels on slanted edges that do not look hidden; None if there is no such edge.

    Raises:
        Failure: a pixel inside or outside the regions is not what it has to be.

    """
    check_outside(original, pixels, shown.seen)
    edge = shown.edge
    unsure = _not_plain(pixels, found, shown.seen, promise, settings)
    if unsure is None:
        unsure = _check_regions(original, pixels, found, shown, promise, hidden, settings, grids)
    elif (unsure if edge is None else unsure > edge).any():  # and not
        raise Failure("pixels of its regions are not hidden as they have to be")
    if edge is None or unsure is None:
        return None
    _check_unsure(original, pixels, shown.needed, unsure, done)
    return unsure


def _not_plain(
    pixels: np.ndarray, found: Found, seen: np.ndarray, promise: Promise, settings: Anonymization
) -> np.ndarray | None:
    """Return bool [H, W]: pixels of regions that are not hidden, where each pixel tells by itself.

    None where it does not.
    """
    if not found:
        return np.zeros(seen.shape, bool)
    window = _around(found)
    plain = promise.plain(pixels[window], settings)
    if plain is None:
        return None
    wrong = np.zeros(seen.shape, bool)
    np.greater(seen[window], plain, out=wrong[window])  # and not
    return wrong


def _around(found: Found) -> tuple[slice, slice]:
    """Return rows and columns that hold the windows of all regions; there is one at least."""
    rows, columns = zip(*(area.window for _, area in found), strict=True)
    return (
        slice(min(each.start for each in rows), max(each.stop for each in rows)),
        slice(min(each.start for each in columns), max(each.stop for each in columns)),
    )


def _check_regions(
    original: np.ndarray,
    pixels: np.ndarray,
    found: Found,
    shown: Shown,
    promise: Promise,
    hidden: list[Region],
    settings: Anonymization,
    grids: Sequence[Grid],
) -> np.ndarray | None:
    """Check region by region; return the pixels on edges that no region explains."""
    unsure = None if shown.edge is None else shown.edge.copy()
    frames = None
    if promise.around(settings):
        forms = {each.entity: getattr(settings.shape, each.entity) for each in hidden}
        frames = frames_of(hidden, original.shape, settings.margin, forms, grids)
    doubts = _NOWHERE if unsure is None else unsure
    for number, (region, area) in enumerate(found):
        window, place = area.window, _place(area)
        required = _NOWHERE if area.required is None else area.required
        own = own_pixels(shown.numbers, number, shown.seen, doubts, required, place)
        edge = None
        if unsure is not None:
            edge = unsure[window].copy() if area.may is None else unsure[window] & area.may
        elif not own.any():
            continue
        pair = _planes(original[window]), _planes(pixels[window])
        near = None if frames is None else frames[window]
        kept = promise.kept(Inside(*pair, own, region.entity, near, edge), settings)
        if kept.shape != own.shape:  # compiled loops would read beyond its end
            raise Failure(f"its method's promise is of {kept.shape} pixels instead of {own.shape}")
        if wrong := count_wrong(own, kept, _NOWHERE if edge is None else edge, doubts, place):
            raise Failure(
                f"{wrong} of the {np.count_nonzero(own)} pixels of a region ({region.entity}) are "
                "not hidden as they have to be"
            )
    return unsure


def check_outside(original: np.ndarray, pixels: np.ndarray, seen: np.ndarray) -> None:
    """Refuse an image that was changed where no region may change it: outside `seen`, bool [H, W].

    Raises:
        Failure: it was.

    """
    outside = (~seen).view(np.uint8)
    if cv2.norm(original, pixels, cv2.NORM_INF, outside):  # faster than to make any new image
        count = np.count_nonzero((original != pixels)[~seen])
        raise Failure(f"{count} values outside its regions were changed")


def _planes(window: np.ndarray) -> np.ndarray:
    """Return [c, h, w] of [h, w] or [h, w, c], without gaps: operations on that are faster."""
    if window.ndim == 2:
        return window.copy()[None]
    planes = np.empty((3, *window.shape[:2]), np.uint8)
    cv2.split(window, [*planes])
    return planes


def _check_unsure(
    original: np.ndarray,
    pixels: np.ndarray,
    needed: np.ndarray,
    unsure: np.ndarray,
    done: Done | None,
) -> None:
    """Refuse pixels on slanted edges that no region explains, unless they are as they were.

    And may be: no region is sure to cover them, or one before looks as if it did.
    """
    if not unsure.any():
        return
    rows = np.flatnonzero(unsure.any(axis=1))  # few: pixels are faster found in these alone
    down, across = unsure[rows].nonzero()
    places = rows[down], across
    of_regions = needed[places] if done is None else needed[places] & ~done.maybe[places]
    if of_regions.any() or not np.array_equal(original[places], pixels[places]):
        raise Failure("pixels at the edge of a slanted region are neither hidden nor as they were")


def _with(done: Done | None, shown: Shown, unsure: np.ndarray | None) -> Done:
    """Return what is hidden, with the regions of a method that had its turn."""
    sure = shown.needed if done is None else done.sure | shown.needed
    maybe = np.zeros(sure.shape, bool) if done is None else done.maybe
    if shown.edge is not None and unsure is not None:
        maybe = maybe | (shown.edge & ~unsure)
    return Done(sure, maybe & ~sure)
