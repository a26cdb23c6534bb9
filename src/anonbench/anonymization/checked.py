"""Anonymization of one image with its audit, and the trial of a method on drawn images."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from anonbench.anonymization.apply import DEFAULTS, MethodFailed, layers
from anonbench.anonymization.audit import Failure, NotHidden
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import Region as Audited
from anonbench.anonymization.audit.regions import Source, regions_of
from anonbench.anonymization.methods.mask import Mask
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, region_fault
from anonbench.core.errors import InputError, listed
from anonbench.core.settings import section
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.core.wording import count
from anonbench.datasets.images import decode, encode

_SIZE = (48, 64)
_BOXES: Mapping[str, Sequence[tuple[float, float, float, float]]] = {
    "one region": [(8, 8, 40, 32)],
    "two regions that overlap": [(8, 8, 40, 32), (24, 16, 60, 44)],
    "a region inside another": [(8, 8, 56, 40), (20, 16, 30, 24)],
    "a region at the edge": [(0, 0, 20, 48)],
    "a region of one pixel": [(30, 20, 31, 21)],
    "a region with broken corners": [(7.3, 5.6, 31.9, 29.2)],
}


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
            the degree is not 1 to 100, or the result fails the audit that images of a run have to
            pass. A region is never left visible.
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
    settings = section("settings", settings, DEFAULTS)
    degree = variant.degree
    if variant.method is not None and not (type(degree) is int and 1 <= degree <= 100):
        raise InputError(f"variant: the degree is 1 to 100 percent, not {degree!r}")
    height, width = image.shape[:2]
    regions = listed("regions", regions, "give a list of `anonbench.core.boxes.Region`")
    for number, region in enumerate(regions):
        if not isinstance(region, Region):
            raise InputError(f"regions: number {number} is no Region, but {type(region).__name__}")
        if (reason := region_fault(region, width, height)) is not None:
            raise InputError(f"regions: number {number} {reason}")
    try:
        return hidden(image, regions, variant, settings).pixels
    except Failure as failure:
        raise InputError(f"variant {variant}: the image fails its audit: {failure}") from None
    except MethodFailed as failed:
        raise InputError(f"variant {variant}: {failed}") from failed.__cause__


class Hidden(NamedTuple):
    """An image with hidden regions that has passed its audit."""

    pixels: np.ndarray
    counts: Mapping[str, int]  # as the audit counted them: `check_layers`
    refused: str = ""  # why its regions are masked, where the method left one visible


def hidden(
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization,
    audited: list[Audited] | None = None,
    source: Source | None = None,
    or_masked: bool = False,
) -> Hidden:
    """Hide regions and audit the pixels, of all images that are published or measured.

    Args:
        audited: the regions as the audit reads them; None: those that are hidden.
        source: see `check_layers`.
        or_masked: make all regions black where the method leaves one visible.

    Raises Failure, MethodFailed, and InputError as `layers` does.
    """
    *between, result = layers(image, regions, variant, settings)
    if audited is None:
        audited = regions_of([vars(region) for region in regions])
    try:
        counts = check_layers(image, result, audited, variant, settings, between, source)
    except NotHidden as refused:
        if not or_masked:
            raise
        black = settings.model_copy(update={"mask": Mask(colour=(0, 0, 0))})
        variant = Variant(Method.MASK, variant.degree)
        made, why = hidden(image, regions, variant, black, audited, source), str(refused)
        return made._replace(refused=why)
    return Hidden(result, counts)


def as_published(
    image_id: str,
    image: np.ndarray,
    regions: Sequence[Region],
    variant: Variant,
    settings: Anonymization,
) -> Hidden:
    """An image in a variant as it is read back from the pipeline's image sets."""
    with naming(image_id, variant):
        made = hidden(image, regions, variant, settings, or_masked=True)
        if settings.format == "png" or variant.method is None:
            return made
        return made._replace(pixels=decode(encode(made.pixels, settings.format)))


@contextmanager
def naming(image_id: str, variant: Variant) -> Iterator[None]:
    """Raise InputError that names the image and its variant where it cannot be published."""
    try:
        yield
    except Failure as failure:
        raise InputError(
            f"image {image_id!r} as {variant} fails its audit: {failure}. Nothing of it is "
            "published. If its file was not changed during the run, this is a fault of the method "
            f"{variant.method}: report it to its author. Until it is fixed, take it out of "
            "`methods`, or the image out of the data"
        ) from None
    except (InputError, MethodFailed) as error:
        raise InputError(f"image {image_id!r}: {error}") from None


def masked_instead(variant: str, images: int) -> str:
    """Warning about images whose regions are masked, because the method left one visible."""
    return (
        f"{variant}: {count(images, 'image')} with a region that the method leaves nearly "
        "unchanged: the regions are masked instead"
    )


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
        raise InputError(f"name: give a method's name, such as 'mask', not {name!r}")
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
                    once, again = (layers(image, regions, variant, settings)[-1] for _ in "ab")
                    if not np.array_equal(once, again):
                        raise Failure("a second run gives other pixels")
                    hidden(image, regions, variant, settings)
                except InputError:  # the argument is wrong, not the method
                    raise
                except Exception as error:  # a Failure, or any exception of the method
                    cause = error.__cause__ if isinstance(error, MethodFailed) else error
                    why = str(error) if isinstance(error, Failure) else repr(cause)
                    raise InputError(
                        f"method {name}, a {kind} image with {what} ({entity}): {why}"
                    ) from error
