"""Conversions of an image by decoding, from its header: texts without names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from PIL import Image, TiffImagePlugin

from anonbench.datasets.formats import heif, pixels
from anonbench.datasets.formats.pages import Page

UPRIGHT = "turned upright by EXIF"
BETWEEN = "; "
"""Separator of conversions in one text."""
_ORIENTATION = 0x0112


def conversions(image: Image.Image, page: Page | None) -> list[str]:
    """Conversions of an opened image before its pixels are used, in the order of use.

    An image that is grey or RGB of 8 bits, upright and opaque has none. Palettes and images of one
    bit have none either: each stored value is one colour.
    """
    return [*_conversions(image, page)]


def conversion_counts(texts: Iterable[str]) -> dict[str, int]:
    """Number of images with each conversion, the most frequent first.

    Texts are conversions joined by `BETWEEN`. Equally frequent ones are sorted by text.
    """
    counts = Counter(each for text in texts if text for each in text.split(BETWEEN))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 if there is none that can be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF may be written by anything; a fault in it must not lose the image
        return 1


def _conversions(image: Image.Image, page: Page | None) -> Iterator[str]:
    is_tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
    if page is not None:
        yield "page of a document" if is_tiff else "first frame of an animation"
    if image.format == heif.FORMAT and getattr(image, "n_frames", 1) > 1:
        yield "main image of several in a HEIC file"
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # opened upright, as HEIC is
        turn: object = image.tag_v2.get(_ORIENTATION, 1)
    else:
        turn = image.info.get("original_orientation") or orientation(image)
    if turn in range(2, 9):
        yield UPRIGHT
    if colours := pixels.colour_conversion(image):
        yield colours
    bits = int(image.info.get("bit_depth", 8))  # HEIC
    tiles: Iterable[tuple[object, ...]] = getattr(image, "tile", ())
    if is_tiff or pixels.is_deep(image) or any(";16" in str(tile[3]) for tile in tiles):
        bits = pixels.declared_bits(image)
    by = ", by the range in use" if pixels.uses_range(image) else ""
    if bits > 8 or by:
        yield f"{bits} to 8 bits{by}"
    if pixels.has_alpha(image):
        yield "transparency laid on white"
