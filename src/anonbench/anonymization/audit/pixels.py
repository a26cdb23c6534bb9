"""Check of an image's pixels, layer by layer, against what they were made from."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np

from anonbench.anonymization.audit import Failure, NotHidden
from anonbench.anonymization.audit.regions import (
    Area,
    Region,
    Source,
    area_of,
    grids_of,
    hidden_regions,
    joined,
)
from anonbench.anonymization.audit.visibility import check_custom_method, check_visibility
from anonbench.config import Anonymization
from anonbench.core.registries.methods import Method, RegionWindow
from anonbench.core.vocabulary import Variant

_LEFT = ("none", "coarse", "unknown", "most", "all")  # information left in a region
_UNKNOWN = _LEFT.index("unknown")
_SHOW_NOTHING = ("mask", "inpaint", "replace")
"""Methods whose promise proves that nothing is left: a region is then unchanged by chance only."""
LEAST_SIDES = {
    **dict.fromkeys(("mask", "replace", "inpaint", "noise", "barrel", "recolour"), 1),
    **dict.fromkeys(("pixelate", "swirl", "patch_shuffle", "dp_pixelate"), 2),
    **dict.fromkeys(("random_crop", "equalize", "tile_shuffle"), 4),
    **dict.fromkeys(("blur", "box_blur", "median"), 5),
}
"""Least sides in pixels of built-in methods' windows. Written down once more, since a method that
forgets them shows a pixel as its own mean. Methods without an entry, of any package, are asked, and
`check_custom_method` looks at their regions.
"""
Step = tuple[str, Any, int, int]
"""A method's name, or that of a strength of one; it; least sides of a region's window in pixels;
and the width of the surroundings that it sees."""
Groups = dict[tuple[int, tuple[str, ...]], tuple[list[Step], list[Region]]]
"""Steps and their regions, by what they leave together, a place in `_LEFT`, and by their names."""


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

    All are uint8 [H, W] or [H, W, 3]. `source` is the original's file; without it, its coding
    blocks are those that regions name.

    Raises:
        Failure: a pixel inside or outside the regions is not as it has to be.
    """
    hidden = [] if variant.method is None else hidden_regions(regions, variant.degree)
    images, shape = [original, *between, pixels], original.shape
    if settings.coding_blocks and hidden and source is not None:
        grids = grids_of(source, shape)
        hidden = [each._replace(grids=grids) for each in hidden]
    groups = group_by_methods(str(variant.method), hidden, settings)
    count = sum(len(steps) for steps, _ in groups.values())
    if len(images) - 1 != max(count, 1):
        raise Failure(f"it is hidden in {len(images) - 1} layers, and should be in {count}")
    if any((each.shape, each.dtype) != (shape, original.dtype) for each in images):
        raise Failure("the shape or depth of a layer differs from the original's")
    # 2: hidden for certain, and no later method may change it; 1: it is or seems hidden
    done, proved = np.zeros((2, *shape[:2]), np.uint8)
    layers, left, inside = pairwise(images), [], 0
    if not groups:
        _check_step(original, pixels, None, [], done, done > 2)
    for (leaves, _), (steps, own) in groups.items():
        for _, method, least, around in steps:
            asked = shape, settings, least, around
            found = [area for each in own if (area := area_of(each, *asked))]
            if done.size == 1 < least and not done.any() and any(area.cover for area in found):
                raise NotHidden("an image of one pixel has nothing to average it with")
            together = joined(found, shape) if around else found
            seen = covered(hidden, shape, settings, upright=True) if around else done > 2
            told = _check_step(*next(layers), method, together, done, seen)
        inside += len(found)
        shows_nothing = any(method.name in _SHOW_NOTHING for _, method, *_ in steps)
        for entity, here, cover in found:
            done[here] = np.maximum(done[here], cover * ((cover == 2) | told[here]))
            if shows_nothing:
                proved[here] |= cover == 2
            else:
                left.append((entity, here, cover, leaves > _UNKNOWN))
    first, last = (np.atleast_3d(each).transpose(2, 0, 1) for each in (original, pixels))
    for entity, here, cover, is_weak in left:
        rest = (cover == 2) & (proved[here] == 0)
        check_visibility(first[:, *here], last[:, *here], rest, entity, is_weak)
    return {
        "regions": len(hidden),
        "outside_image": len(hidden) - inside,
        "hidden_pixels": int(np.count_nonzero(done)),
    }


def covered(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    settings: Anonymization,
    upright: bool = False,
) -> np.ndarray:
    """Pixels that regions, or their upright boxes, may cover, bool [H, W]; see `area_of`."""
    found = np.zeros(shape[:2], bool)
    for region in regions:
        if area := area_of(region, shape, settings, upright=upright):
            found[area.window] |= area.cover > 0
    return found


def group_by_methods(name: str, hidden: Sequence[Region], settings: Anonymization) -> Groups:
    """Regions in draw order by their methods; the strongest come first, with all their steps.

    Later ones must not change their pixels, and see them hidden: otherwise a method that moves
    pixels would show again what another one had hidden.
    """
    groups: Groups = {}
    for region in hidden:
        steps = _steps(name, region.entity, settings)
        names, methods, *_ = zip(*steps, strict=True)
        levels = (each.information_left for each in methods)
        leaves = min(_LEFT.index(each) if each in _LEFT else _UNKNOWN for each in levels)
        groups.setdefault((leaves, names), (steps, []))[1].append(region)
    return {key: groups[key] for key in sorted(groups)}


def _steps(name: str, entity: str, settings: Anonymization) -> list[Step]:
    """Methods, one after the other, that hide a region of a kind; Failure if one has no check."""
    method = cast("Any", settings.method(name))
    kind = type(method)
    names: Sequence[str] = ()
    if method.name == "layers":
        names = method.methods
    elif method.name == "by_entity":
        names = (getattr(method, entity),)
    elif kind.steps is not Method.steps:
        names = method.steps(entity)
    if names:
        return [step for each in names for step in _steps(each, entity, settings)]
    if (kind.is_hidden, kind.is_hidden_in) == (Method.is_hidden, Method.is_hidden_in):
        raise Failure("its method defines no check for the audit (docs/how-to/adding.md)")
    if method.name not in LEAST_SIDES:  # no other package's method may have such a name
        if method.information_left == "coarse" and method.least_side < 2:
            raise Failure(
                "its method leaves means, and a region of one pixel is its own: its class needs a "
                "least_side of 2 or more (docs/how-to/adding.md)"
            )
        return [(name, method, method.least_side, method.surroundings)]
    least = LEAST_SIDES[method.name]
    if method.name == "dp_pixelate":
        least = method.min_block
    elif method.name == "mask" and method.colour == "mean":
        least = 4
    return [(name, method, least, 5 if method.name == "inpaint" else 0)]


def _check_step(
    before: np.ndarray,
    after: np.ndarray,
    method: Any,
    found: Sequence[Area],
    done: np.ndarray,
    upright: np.ndarray,
) -> np.ndarray:
    """Check one method; return the pixels that it hides, bool [H, W]."""
    told, in_sight = np.zeros(done.shape, bool), None
    first, last = (np.atleast_3d(each).transpose(2, 0, 1) for each in (before, after))
    # from the last region to the first, since later ones cover earlier ones: a pixel must show the
    # last that certainly covers it, or a later one that may cover it
    for entity, window, cover in reversed(found):
        look = (cover > 0) & (done[window] < 2) & ~told[window]
        if not look.any():
            continue
        own = look & (cover == 2) & (done[window] == 0)
        planes = first[:, *window], last[:, *window]
        try:
            right = kept(method, RegionWindow(*planes, own, entity, upright[window], look ^ own))
        except NotHidden as error:  # the rest must be right all the same
            in_sight, right = error, look
        if wrong := np.count_nonzero(own & ~right):
            raise Failure(
                f"{wrong} of the {np.count_nonzero(own)} pixels of a region ({entity}) are not "
                "hidden as the method requires"
            )
        told[window] |= look & right
    outside = (~told).view(np.uint8)
    if cv2.norm(before, after, cv2.NORM_INF, outside):  # faster than creating any new image
        count = np.count_nonzero((before != after)[~told])
        raise Failure(
            f"{count} values outside of its regions, or on slanted edges, are neither hidden nor "
            "unchanged"
        )
    if in_sight is not None:
        raise in_sight
    return told


def kept(method: Any, inside: RegionWindow) -> np.ndarray:
    """Pixels of a region that are as its method promises, bool [h, w]."""
    is_built_in, mask = method.name in LEAST_SIDES, inside.mask
    if not is_built_in:
        check_custom_method(inside.original, inside.written, mask, method.information_left)
    right = np.asarray(method.is_hidden_in(inside), bool)
    if right.shape != mask.shape:
        raise Failure(f"its method's check returns shape {right.shape}, not {mask.shape}")
    if not is_built_in and (mask & ~right).any() and not mask.all():
        raise Failure(
            "the method's is_hidden rejects pixels where regions overlap: it has to judge each "
            "pixel as if the other regions did not exist"
        )
    return right
