"""Values of an opened image as a viewer shows them: 8 bits, grey or RGB, with conversions.

Values of grey and RGB images stay as stored, whatever profile is embedded: an anonymized image
equals its original outside of the regions. CMYK values are converted by their profile, without
which they have no meaning.
"""

import functools
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import cast

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from anonbench.datasets.formats.pages import HEIF, Page

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE, _SAMPLE_FORMAT = 258, 262, 281, 339
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = 1, 2
_DEEP, _SCANNED = 16, 12  # bits of values, and most of those that scanners use of them
_STRIP_PIXELS = 4_000_000
_LAB, _CMYK = "LAB", "CMYK"


def to_array(image: Image.Image) -> np.ndarray:
    """Return an image's pixels, uint8 [H, W] where it is grey, else [H, W, 3] RGB.

    16 bits are scaled to 8; palettes, CMYK and other colour models become RGB; transparency is laid
    on white.
    """
    if is_deep(image):
        return _to_8_bits(image)
    if has_alpha(image):
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        flat = Image.alpha_composite(ground, layer).convert("RGB")
        return np.asarray(flat.convert("L") if image.getbands()[0] in ("L", "1") else flat)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    transform = _transform(image.mode, _profile(image)) if image.mode in (_LAB, _CMYK) else None
    shape = (image.height, image.width, 3)
    pixels = np.empty(shape if mode == "RGB" else shape[:2], np.uint8)
    rows = max(1, _STRIP_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):  # all at once would take three times the memory
        whole = rows >= image.height
        strip = image if whole else image.crop((0, top, image.width, min(top + rows, image.height)))
        if transform is not None:
            strip = cast(Image.Image, ImageCms.applyTransform(strip, transform))
        pixels[top : top + rows] = strip if strip.mode == mode else strip.convert(mode)
    return pixels


def has_alpha(image: Image.Image) -> bool:
    """Check whether an image has transparency."""
    bands = () if image.mode == _LAB else image.getbands()
    return "A" in bands or "a" in bands or "transparency" in image.info


# --- colours ---


def colour_conversion(image: Image.Image) -> str:
    """Conversion of an image's colours to grey or RGB, as text; empty if values stay."""
    if image.mode == _LAB:
        return "L*a*b* to RGB"
    if image.mode == _CMYK:
        by_profile = _transform(_CMYK, _profile(image)) is not None
        return f"CMYK to RGB {'by its' if by_profile else 'without a'} colour profile"
    if image.mode in ("YCbCr", "HSV"):
        return f"{image.mode} to RGB"
    embedded = _profile(image)
    if embedded and not any(name in embedded for name in (b"sRGB", "sRGB".encode("utf-16-be"))):
        return "colour profile other than sRGB dropped, values kept"
    return ""


def _profile(image: Image.Image) -> bytes:
    embedded = image.info.get("icc_profile")
    return embedded if isinstance(embedded, bytes) else b""


@functools.lru_cache(8)
def _transform(mode: str, embedded: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion to sRGB; None where a CMYK profile is damaged, or of something else."""
    try:
        lab = ImageCms.createProfile("LAB") if mode == _LAB else None
        return ImageCms.buildTransform(
            lab or ImageCms.getOpenProfile(io.BytesIO(embedded)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


# --- grey levels of more than 8 bits ---


def is_deep(image: Image.Image) -> bool:
    """Check whether levels of a grey image must be scaled: more than 8 bits, or signed."""
    return image.mode == "F" or image.mode.startswith("I") or _is_signed(image)


def uses_range(image: Image.Image) -> bool:
    """Check whether levels are scaled by the range in use: floats, signed, 32-bit integers."""
    # Pillow scales PGM files from the declared range to 16 bits
    is_wide = image.mode == "F" or (image.mode == "I" and image.format != "PPM")
    return is_wide or _is_signed(image)


def declared_bits(image: Image.Image) -> int:
    """Bits per value from a TIFF file's header, and 16 for other formats."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return _DEEP
    bits, highest = _tag(image, _BITS_PER_SAMPLE, 1), _tag(image, _MAX_SAMPLE_VALUE, 0)
    return min(bits, highest.bit_length()) if bits == _DEEP and highest > 0 else bits


def _used_bits(image: Image.Image, values: np.ndarray) -> int:
    """Declared bits, or those in use: scans of 9 to 12 come in files of 16, nearly black."""
    bits, used = declared_bits(image), int(values.max(initial=0)).bit_length()
    if used > bits:  # the header is wrong
        return _DEEP
    return max(used, 8) if bits == _DEEP and used <= _SCANNED else bits


def _to_8_bits(image: Image.Image) -> np.ndarray:
    """Scale deep grey levels, uint8 [H, W]: by the range in use, or by the declared bits."""
    values = np.asarray(image)
    # Pillow reads 32 bits as signed, and 8 bits as unsigned
    if _is_signed(image) and values.dtype == np.uint8:
        values = values.view(np.int8)
    elif values.dtype == np.int32 and _tag(image, _SAMPLE_FORMAT, 1) == _UNSIGNED:
        values = values.view(np.uint32)
    levels: np.ndarray
    if uses_range(image):
        deep = values.astype(np.float64)
        finite = deep[np.isfinite(deep)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        deep = np.nan_to_num(deep, nan=low, posinf=high, neginf=low) - low
        levels = np.rint(deep * (255 / ((high - low) or 1.0))).astype(np.uint8)
    else:
        top = 2 ** _used_bits(image, values) - 1
        levels = ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    # Pillow inverts images in which zero is white only up to 8 bits
    return 255 - levels if _tag(image, _PHOTOMETRIC, -1) == _WHITE_IS_ZERO else levels


def _is_signed(image: Image.Image) -> bool:
    return _tag(image, _SAMPLE_FORMAT, _UNSIGNED) == _SIGNED


def _tag(image: Image.Image, tag: int, otherwise: int) -> int:
    """Highest value of a TIFF file's tag, `otherwise` where it has none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return otherwise
    value = image.tag_v2.get(tag, otherwise)
    return int(max(value) if isinstance(value, tuple) else value)


UPRIGHT = "turned upright by EXIF"
BETWEEN = "; "  # separator of conversions in one text
_ORIENTATION = 0x0112


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


def conversions(image: Image.Image, page: Page | None) -> Iterator[str]:
    """Yield the conversions of an opened image before its pixels are used, in the order of use.

    An image that is grey or RGB of 8 bits, upright and opaque has none. Palettes and images of one
    bit have none either: each stored value is one colour.
    """
    is_tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
    # before EXIF is read, for which Pillow loads a PNG file and forgets its tiles
    tiles: Iterable[tuple[object, ...]] = [*getattr(image, "tile", ())]
    if page is not None:
        yield "page of a document" if is_tiff else "first frame of an animation"
    if image.format == HEIF and getattr(image, "n_frames", 1) > 1:
        yield "main image of several in a HEIC file"
    # HEIC is opened upright
    if (image.info.get("original_orientation") or orientation(image)) in range(2, 9):
        yield UPRIGHT
    if colours := colour_conversion(image):
        yield colours
    bits = int(image.info.get("bit_depth", 8))  # HEIC
    if is_tiff or is_deep(image) or any(";16" in str(tile[3]) for tile in tiles):
        bits = declared_bits(image)
    by = ", by the range in use" if uses_range(image) else ""
    if is_deep(image) and not by:
        with suppress(Exception):  # damaged data, of which reading tells
            used = _used_bits(image, np.asarray(image))
            by = f", of which {used} are in use" if used != bits else ""
    if bits > 8 or by:
        yield f"{bits} to 8 bits{by}"
    if has_alpha(image):
        yield "transparency laid on white"
