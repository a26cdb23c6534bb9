"""Anonymization of one image, layer by layer."""

from collections.abc import Sequence

import numpy as np

import anonbench.anonymization.methods  # noqa: F401 - a changed method is changed code of this one
from anonbench.anonymization.geometry import cover_by, hidden_pixels, joined, regions_at
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import LEAST_LEFT_FIRST, Method, least_information_left
from anonbench.core.vocabulary import Variant
from anonbench.core.wording import suggestion

DEFAULTS = Anonymization()


class MethodFailed(Exception):  # noqa: N818 - a finding about an image
    """A method failed on an image. The message shows nothing of its content."""


def layers(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization = DEFAULTS,
) -> list[np.ndarray]:
    """Images after each layer of an anonymization; the last one is its result.

    Most methods have one layer. If there are several, each is computed from the previous image,
    over all regions with the same methods. If kinds of regions have different methods, the
    strongest come first with all their layers. Later ones see only what these have left, and
    change none of their pixels: a method that moves pixels cannot show again what was hidden.

    Raises:
        InputError: there is no such method.
        MethodFailed: it raised an exception.
    """
    if variant.method is None:
        return [image]
    hidden = regions[: regions_at(variant.degree, len(regions))]
    made, done = [image], np.zeros(image.shape[:2], bool)
    groups = group_by_methods(variant.method, hidden, settings)
    for number, (methods, own) in enumerate(groups, start=1):
        for method in methods:
            made.append(hide_regions(made[-1], own, method, hidden, settings, done))
        if number < len(groups):
            done |= hidden_pixels(own, image.shape, settings)
    return made[1:] or [image.copy()]


def group_by_methods(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[tuple[tuple[Method, ...], list[Region]]]:
    """Return regions by their methods, in draw order; first those with the least left.

    Raises:
        InputError: there is no such method.
    """
    try:
        method = settings.method(name)
    except KeyError:
        near = suggestion(name, settings.names)
        raise InputError(f"variant: there is no method {name!r}{near}") from None
    if type(method).steps is Method.steps:  # it stands for no others
        return [((method,), list(hidden))] if hidden else []
    groups: dict[tuple[int, tuple[str, ...]], tuple[tuple[Method, ...], list[Region]]] = {}
    for region in hidden:
        names, methods = zip(*settings.steps(name, region.entity), strict=True)
        left = least_information_left(each.information_left for each in methods)
        turn = LEAST_LEFT_FIRST.index(left)  # unknown methods run before weak ones
        groups.setdefault((turn, names), (methods, []))[1].append(region)
    return [groups[turn] for turn in sorted(groups)]


def hide_regions(
    image: np.ndarray,
    own: Sequence[Region],
    method: Method,
    hidden: Sequence[Region],
    settings: Anonymization,
    done: np.ndarray,
) -> np.ndarray:
    """Return one layer: regions hidden by a method, except pixels hidden already."""
    result, shape = image.copy(), image.shape
    covers = ((region, cover_by(method, region, shape, settings)) for region in own)
    areas = [(region, area) for region, area in covers if area is not None]
    if method.surroundings:
        upright = hidden_pixels(hidden, shape, settings, upright=True)
        areas = [(own[0], area) for area in joined([area for _, area in areas])]
    for region, (window, inside) in areas:
        pixels = image[window].copy()  # a method that writes into it changes no other region
        try:
            if method.surroundings:
                covered = method.hide_among(pixels, upright[window].copy())
            else:
                covered = method.hide(pixels, region.entity)
        except InputError:
            raise
        except Exception as error:  # other packages' methods may raise anything
            raise MethodFailed(
                f"method {method.name} failed ({type(error).__name__}); "
                f"anonbench.check_method({method.name!r}) says more"
            ) from error
        require_pixels(covered, pixels.shape, f"method {method.name}: it")
        cv2.copyTo(covered, (inside & ~done[window]).view(np.uint8), result[window])
    return result


def require_pixels(made: object, shape: tuple[int, ...], who: str) -> None:
    """Refuse a result that OpenCV would not copy: the region would stay visible."""
    found = getattr(made, "dtype", type(made).__name__), getattr(made, "shape", ())
    if not isinstance(made, np.ndarray) or found != (np.uint8, shape):
        raise InputError(
            f"{who} returned {found[0]} {[*found[1]]} instead of uint8 {[*shape]}; return uint8 of "
            "the same shape"
        )
