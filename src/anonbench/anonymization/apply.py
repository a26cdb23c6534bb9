"""Anonymization of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.anonymization.geometry import Cover, cover, framed
from anonbench.anonymization.methods import method_named
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, regions_at
from anonbench.core.registries.methods import Method
from anonbench.core.vocabulary import Variant

DEFAULTS = Anonymization()


def anonymize(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> np.ndarray:
    """Hide the first regions of the draw order, as many as the variant's degree asks for.

    Every region is computed from the original, so that overlapping regions do not depend on which
    came first but in the pixels they share, where the later one in the draw order wins.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB; it is not changed.
        regions: the image's regions in draw order.
        variant: method and degree; the original variant returns the image itself.
        settings: strengths and margin.

    """
    return layers(image, regions, variant, settings)[-1]


def layers(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> list[np.ndarray]:
    """Return what `anonymize` makes layer by layer: images, of which the last one is its result.

    Most methods have one layer. Of several, each is computed from the image before, over all
    regions that have so many.
    """
    if variant.method is None:
        return [image]
    hidden = regions[: regions_at(variant.degree, len(regions))]
    found = {r.entity: steps(variant.method, r.entity, settings) for r in hidden}
    made: list[np.ndarray] = []
    for number in range(max(map(len, found.values()), default=0)):
        layer = [(r, found[r.entity][number]) for r in hidden if number < len(found[r.entity])]
        made.append(_hide(made[-1] if made else image, layer, hidden, settings))
    return made or [image.copy()]


def steps(name: str, entity: str, settings: Anonymization = DEFAULTS) -> list[Method]:
    """Return the methods, with their strengths, that one method stands for.

    Raises:
        KeyError: there is no such method; pictures of other programs have one of their own.

    """
    method = settings.of(method_named(name))
    names = method.steps(entity)
    if names == (name,):
        return [method]
    return [each for step in names for each in steps(step, entity, settings)]


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
    return cover(region, shape, settings.margin, least, form, around)


def _hide(
    image: np.ndarray,
    layer: Sequence[tuple[Region, Method]],
    hidden: Sequence[Region],
    settings: Anonymization,
) -> np.ndarray:
    result = image.copy()
    frames = None
    for region, method in layer:
        area = area_of(region, image.shape, method, settings)
        if area is None:
            continue
        pixels = image[area.window]
        if method.surroundings():
            if frames is None:
                frames = framed(hidden, image.shape, settings)
            covered = method.hide_among(pixels, frames[area.window], region.entity)
        else:
            covered = method.hide(pixels, region.entity)
        if area.inside is None:
            result[area.window] = covered
        else:
            result[area.window][area.inside] = covered[area.inside]
    return result
