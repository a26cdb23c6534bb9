"""Anonymization of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.anonymization.arguments import check_arguments
from anonbench.anonymization.geometry import Cover, cover, covers, framed, together, within
from anonbench.anonymization.methods import method_named
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, regions_at
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import RESIDUES, UNKNOWN, Method
from anonbench.core.vocabulary import Variant

DEFAULTS = Anonymization()
_NOT_KNOWN = 2
_TURNS = (*RESIDUES[:_NOT_KNOWN], UNKNOWN, *RESIDUES[_NOT_KNOWN:])
"""What is hidden first, where kinds of regions have different methods, to what is hidden last. What
may leave nothing goes before what is known to be weak."""


def anonymize(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> np.ndarray:
    """Hide the first regions of the draw order, as many as the variant's degree asks for.

    Regions under one method are computed from the same image, so that overlapping ones do not
    depend on which came first but in the pixels they share, where the later one in the draw order
    wins. Where there are several methods, see `layers`.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB; it is not changed.
        regions: the image's regions in draw order.
        variant: method and degree; the original variant returns the image itself.
        settings: strengths and margin.

    Raises:
        InputError: the image is another array, a region is none, there is no such method, or the
            degree is not 1 to 100. Nothing is left in sight because an argument was wrong.

    """
    check_arguments(image, regions, variant, settings)
    return layers(image, regions, variant, settings)[-1]


def layers(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> list[np.ndarray]:
    """Return what `anonymize` makes layer by layer: images, of which the last one is its result.

    Most methods have one layer. Of several, each is computed from the image before, over all
    regions that have the same methods. Where kinds of regions have different methods, those that
    hide most come first with all their layers. The next ones see only what these have left, and
    change no pixel of theirs: a method that moves pixels cannot show again what another one hid.
    """
    if variant.method is None:
        return [image]
    hidden = regions[: regions_at(variant.degree, len(regions))]
    made: list[np.ndarray] = []
    done: np.ndarray | None = None
    kinds = _by_methods(variant.method, hidden, settings)
    for number, (methods, own) in enumerate(kinds, start=1):
        for method in methods:
            before = made[-1] if made else image
            made.append(_hide(before, own, method, hidden, settings, done))
        if number < len(kinds):
            done = _covered(own, image.shape, settings, done)
    return made or [image.copy()]


def steps(name: str, entity: str, settings: Anonymization = DEFAULTS) -> list[Method]:
    """Return the methods, with their parameters, that one method stands for.

    Raises:
        KeyError: there is no such method; pictures of other programs have one of their own.

    """
    return [method for _, method in _named_steps(name, entity, settings)]


def area_of(
    region: Region, shape: tuple[int, ...], method: Method, settings: Anonymization = DEFAULTS
) -> Cover | None:
    """Return the window that a method works on and which of its pixels it hides.

    Args:
        region: of the image.
        shape: the image's, [H, W] or [H, W, 3].
        method: of `steps`.
        settings: margin and shapes.

    """
    form = settings.shape.of(region.entity)
    least, around = method.least_side(), method.surroundings()
    return cover(region, shape, settings.margin, least, form, around, settings.coding_blocks)


def _by_methods(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[tuple[list[Method], list[Region]]]:
    """Return regions by their methods, in draw order; first those of which least is left."""
    method = _method(name, settings)
    if not _has_steps(method):  # whatever the regions show
        return [([method], [*hidden])]
    names: dict[str, tuple[str, ...]] = {}
    methods: dict[tuple[str, ...], list[Method]] = {}
    for kind in {region.entity for region in hidden}:
        steps_of_kind = _named_steps(name, kind, settings)
        names[kind] = tuple(step for step, _ in steps_of_kind)
        methods[names[kind]] = [method for _, method in steps_of_kind]
    turns = sorted(methods, key=lambda each: (_place(methods[each]), each))
    return [(methods[turn], [r for r in hidden if names[r.entity] == turn]) for turn in turns]


def _place(methods: Sequence[Method]) -> int:
    """Return the place in `_TURNS` of the strongest of several methods."""
    known = (each.residue if each.residue in _TURNS else UNKNOWN for each in methods)
    return min(map(_TURNS.index, known))


def _named_steps(name: str, entity: str, settings: Anonymization) -> list[tuple[str, Method]]:
    """Return the methods that one method stands for, with their names and parameters."""
    method = _method(name, settings)
    if not _has_steps(method):
        return [(name, method)]
    each = method.steps(entity)
    return [found for step in each for found in _named_steps(step, entity, settings)]


def _method(name: str, settings: Anonymization) -> Method:
    found: Method = settings.at(name).of(method_named(base_of(name)))
    return found


def _has_steps(method: Method) -> bool:
    """Tell whether a method stands for others."""
    return type(method).steps is not Method.steps


def _hide(
    image: np.ndarray,
    own: Sequence[Region],
    method: Method,
    hidden: Sequence[Region],
    settings: Anonymization,
    done: np.ndarray | None,
) -> np.ndarray:
    """Return one layer: regions hidden by a method, but for what is done already."""
    result = image.copy()
    around = method.surroundings()
    areas = _areas(own, image.shape, settings, method.least_side(), around)
    if around:
        frames = framed(hidden, image.shape, settings)
        for window, group in together([area for area in areas if area is not None]):
            covered = method.hide_among(image[window], frames[window])
            for part in group:
                _paste(result, part, covered[within(part.window, window)], done)
        return result
    for region, area in zip(own, areas, strict=True):
        if area is not None:
            _paste(result, area, method.hide(image[area.window], region.entity), done)
    return result


def _paste(result: np.ndarray, area: Cover, covered: np.ndarray, done: np.ndarray | None) -> None:
    """Write a window's hidden pixels, those of its region that are not done already."""
    window, inside = area
    if done is not None:
        free = ~done[window]
        inside = free if inside is None else free & inside
    if inside is None:
        result[window] = covered
    else:
        cv2.copyTo(covered, inside.view(np.uint8), result[window])


def _areas(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    settings: Anonymization,
    least: int = 1,
    around: int = 0,
) -> list[Cover | None]:
    """Return the pixels of regions, None of those that lie outside the image."""
    forms = [settings.shape.of(region.entity) for region in regions]
    blocks = settings.coding_blocks
    return covers(regions, shape, settings.margin, least, forms, around, blocks)


def _covered(
    regions: Sequence[Region],
    shape: tuple[int, ...],
    settings: Anonymization,
    before: np.ndarray | None,
) -> np.ndarray:
    """Return bool [H, W]: pixels of regions, and those that were covered before."""
    covered = np.zeros(shape[:2], bool) if before is None else before
    for area in _areas(regions, shape, settings):
        if area is not None:
            covered[area.window] |= True if area.inside is None else area.inside
    return covered
