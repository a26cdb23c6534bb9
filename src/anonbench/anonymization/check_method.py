"""Trial of a method on drawn images, for authors of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import regions_of
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.settings import section
from anonbench.core.vocabulary import Entity, Variant

_SIZE = (48, 64)
_BOXES: Mapping[str, Sequence[tuple[float, float, float, float]]] = {
    "one region": [(8, 8, 40, 32)],
    "two regions that overlap": [(8, 8, 40, 32), (24, 16, 60, 44)],
    "a region inside another": [(8, 8, 56, 40), (20, 16, 30, 24)],
    "a region at the edge": [(0, 0, 20, 48)],
    "a region of one pixel": [(30, 20, 31, 21)],
    "a region with broken corners": [(7.3, 5.6, 31.9, 29.2)],
}


def check_method(name: str, settings: Anonymization | None = None) -> None:
    """Hide regions of drawn images by a method and audit the results as a run does.

    Args:
        name: of an installed method.
        settings: with its parameters; the defaults without it.

    Raises:
        InputError: there is no such method, it raises, gives other pixels the second time, or the
            audit refuses what it made; says for which image and regions.

    Example:
        >>> import anonbench
        >>> anonbench.check_method("mask")

    """
    if not isinstance(name, str):
        raise InputError(f"name: {name!r} is no name of a method")
    settings = section("settings", settings, Anonymization())
    variant = Variant(name, 100)
    random = np.random.default_rng(0)
    for kind, shape in (("colour", (*_SIZE, 3)), ("grey", _SIZE)):
        # dark values are more frequent: equalization must have something to do
        image = (256 * random.random(shape) ** 2).astype(np.uint8)
        for what, boxes in _BOXES.items():
            for entity in Entity:
                regions = [Region(entity, *box, 1.0) for box in boxes]
                try:
                    _check(image, regions, variant, settings)
                except InputError:  # the argument is wrong, not the method
                    raise
                except Exception as error:  # a Failure, or any exception of the method
                    why = str(error) if isinstance(error, Failure) else repr(error)
                    raise InputError(
                        f"method {name}, a {kind} image with {what} ({entity}): {why}"
                    ) from error


def _check(
    image: np.ndarray, regions: Sequence[Region], variant: Variant, settings: Anonymization
) -> None:
    hidden = layers(image, regions, variant, settings)[-1]
    *between, again = layers(image, regions, variant, settings)
    if not np.array_equal(hidden, again):
        raise Failure("a second run gives other pixels")
    rows = [vars(region) for region in regions]
    check_layers(image, hidden, regions_of(rows), variant, settings, between)
