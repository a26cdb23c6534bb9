"""Anonymization of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import anonbench.anonymization.methods  # noqa: F401 - a changed method is changed code of this one
from anonbench.anonymization.geometry import Cover, cover, framed, merged_windows, relative_window
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, regions_at
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.region_check import region_fault
from anonbench.core.registries.methods import INFORMATION_LEVELS, UNKNOWN, Method
from anonbench.core.vocabulary import Variant
from anonbench.core.wording import suggestion

DEFAULTS = Anonymization()
_NOT_KNOWN = 2
_TURNS = (*INFORMATION_LEVELS[:_NOT_KNOWN], UNKNOWN, *INFORMATION_LEVELS[_NOT_KNOWN:])
"""Order in which kinds of regions with different methods are hidden. Unknown methods run before
weak ones.
"""


def anonymize(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> np.ndarray:
    """Hide the first regions of the draw order, as many as the variant's degree requires.

    Regions under one method are computed from the same image, so that overlapping ones do not
    depend on their order, except for the pixels that they share: there the later one in the draw
    order wins. With several methods, see `layers`.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB; it is not changed.
        regions: the image's regions in draw order.
        variant: method and degree; the original variant returns the image itself.
        settings: strengths and margin.

    Raises:
        InputError: the image is not such an array, a region is invalid, there is no such method,
            or the degree is not 1 to 100. A wrong argument never leaves a region visible.

    """
    check_arguments(image, regions, variant, settings)
    return layers(image, regions, variant, settings)[-1]


def layers(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> list[np.ndarray]:
    """Images after each layer of `anonymize`; the last one is its result.

    Most methods have one layer. If there are several, each is computed from the previous image,
    over all regions with the same methods. If kinds of regions have different methods, the
    strongest come first with all their layers. Later ones see only what these have left, and
    change none of their pixels: a method that moves pixels cannot show again what was hidden.
    """
    if variant.method is None:
        return [image]
    hidden = regions[: regions_at(variant.degree, len(regions))]
    made: list[np.ndarray] = []
    done: np.ndarray | None = None
    groups = group_by_methods(variant.method, hidden, settings)
    for number, (methods, own) in enumerate(groups, start=1):
        for method in methods:
            before = made[-1] if made else image
            made.append(_hide(before, own, method, hidden, settings, done))
        if number < len(groups):
            covered = hidden_pixels(own, image.shape, settings)
            done = covered if done is None else done | covered
    return made or [image.copy()]


def check_arguments(
    image: np.ndarray, regions: Sequence[Region], variant: Variant, settings: Anonymization
) -> None:
    """Check the arguments of `anonymize`: a wrong one must not leave a region visible.

    Raises:
        InputError: one of them is wrong.

    """
    needed = "image: uint8 [H, W] or [H, W, 3] is needed"
    if not isinstance(image, np.ndarray):
        raise InputError(f"{needed}, this is no array")
    is_plain = image.dtype == np.uint8 and image.ndim >= 2 and image.shape[2:] in ((), (3,))
    if not is_plain or image.size == 0:
        raise InputError(f"{needed}, this is {image.dtype} {list(image.shape)}")
    if not isinstance(variant, Variant):
        raise InputError(
            f"variant: {variant!r} is not a variant; Variant.parse('mask-100') makes one"
        )
    if variant.method is not None:
        if not settings.has(variant.method):
            near = suggestion(str(variant.method), settings.names)
            raise InputError(f"variant: there is no method {variant.method!r}{near}")
        if not isinstance(variant.degree, int) or not 1 <= variant.degree <= 100:
            raise InputError(f"variant: the degree is 1 to 100 percent, not {variant.degree!r}")
    height, width = image.shape[:2]
    for number, region in enumerate(regions):
        if (reason := region_fault(region, width, height)) is not None:
            raise InputError(f"regions: number {number} {reason}")


def area_of(
    region: Region,
    shape: tuple[int, ...],
    method: Method | None,
    settings: Anonymization = DEFAULTS,
) -> Cover | None:
    """Return the window that a method works on and which of its pixels it hides.

    Args:
        region: of the image.
        shape: the image's, [H, W] or [H, W, 3].
        method: of `steps`; None: the window is the region's own.
        settings: margin and shapes.

    """
    form = settings.shape.of(region.entity)
    least, around = (method.least_side(), method.surroundings()) if method else (1, 0)
    return cover(region, shape, settings.margin, least, form, around, settings.coding_blocks)


def group_by_methods(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[tuple[tuple[Method, ...], list[Region]]]:
    """Return regions by their methods, in draw order; first those with the least left."""
    steps = {each: settings.steps(name, each) for each in {r.entity for r in hidden}}
    groups: dict[tuple[str, ...], tuple[tuple[Method, ...], list[Region]]] = {}
    for region in hidden:
        names, methods = zip(*steps[region.entity], strict=True)
        groups.setdefault(names, (methods, []))[1].append(region)

    def turn(names: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        levels = (method.information_left for method in groups[names][0])
        return min(_TURNS.index(each if each in _TURNS else UNKNOWN) for each in levels), names

    return [groups[names] for names in sorted(groups, key=turn)]


def _hide(
    image: np.ndarray,
    own: Sequence[Region],
    method: Method,
    hidden: Sequence[Region],
    settings: Anonymization,
    done: np.ndarray | None,
) -> np.ndarray:
    """Return one layer: regions hidden by a method, except pixels hidden already."""
    result = image.copy()
    found = ((region, area_of(region, image.shape, method, settings)) for region in own)
    areas = [(region, area) for region, area in found if area is not None]
    if method.surroundings():
        frames = framed(hidden, image.shape, settings)
        for window, group in merged_windows([area for _, area in areas]):
            covered = method.hide_among(image[window], frames[window])
            for part in group:
                _paste(result, part, covered[relative_window(part.window, window)], done)
        return result
    for region, area in areas:
        _paste(result, area, method.hide(image[area.window], region.entity), done)
    return result


def _paste(result: np.ndarray, area: Cover, covered: np.ndarray, done: np.ndarray | None) -> None:
    """Write a window's hidden pixels: those of its region that are not hidden already."""
    window, inside = area
    if done is not None:
        free = ~done[window]
        inside = free if inside is None else free & inside
    if inside is None:
        result[window] = covered
    else:
        cv2.copyTo(covered, inside.view(np.uint8), result[window])


def hidden_pixels(
    regions: Sequence[Region], shape: tuple[int, ...], settings: Anonymization
) -> np.ndarray:
    """Pixels that regions cover, bool [H, W].

    Args:
        regions: of the image.
        shape: the image's, [H, W] or [H, W, 3].
        settings: margin and shapes.

    """
    covered = np.zeros(shape[:2], bool)
    for region in regions:
        area = area_of(region, shape, None, settings)
        if area is not None:
            covered[area.window] |= True if area.inside is None else area.inside
    return covered
