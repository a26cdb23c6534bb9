"""Grey levels of more than 8 bits, scaled to 8 as a viewer shows them."""

from __future__ import annotations

import numpy as np
from PIL import Image, TiffImagePlugin

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE, _SAMPLE_FORMAT = 258, 262, 281, 339
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = 1, 2
_DEEP = 16


def is_deep(image: Image.Image) -> bool:
    """Tell whether levels of a grey image have to be scaled: more than 8 bits, or signed."""
    return image.mode == "F" or image.mode.startswith("I") or _is_signed(image)


def uses_range(image: Image.Image) -> bool:
    """Tell whether levels are scaled by the range in use: floats, signed and 32-bit integers."""
    # of PGM files Pillow scales the declared range to 16 bits
    is_wide = image.mode == "F" or (image.mode == "I" and image.format != "PPM")
    return is_wide or _is_signed(image)


def declared_bits(image: Image.Image) -> int:
    """Bits a value by a TIFF file's header, and 16 for other formats."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return _DEEP
    bits, highest = _tag(image, _BITS_PER_SAMPLE, 1), _tag(image, _MAX_SAMPLE_VALUE, 0)
    return min(bits, highest.bit_length()) if bits == _DEEP and highest > 0 else bits


def to_8_bits(image: Image.Image) -> np.ndarray:
    """Scale deep grey levels: uint8 [H, W].

    Floats, signed and 32-bit integers go from their lowest finite value to their highest, others
    from 0 to the highest of their declared bits.
    """
    values = _stored(image)
    levels: np.ndarray
    if uses_range(image):
        levels = _by_range(values)
    else:
        top = 2 ** declared_bits(image) - 1
        if values.max(initial=0) > top:  # the header is wrong
            top = 2**_DEEP - 1
        levels = ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    return 255 - levels if _is_inverted(image) else levels


def _stored(image: Image.Image) -> np.ndarray:
    """Values as the file has them: Pillow reads 32 bits as signed, and 8 bits as unsigned."""
    values = np.asarray(image)
    if _is_signed(image) and values.dtype == np.uint8:
        return values.view(np.int8)
    is_unsigned = values.dtype == np.int32 and _tag(image, _SAMPLE_FORMAT, 1) == _UNSIGNED
    return values.view(np.uint32) if is_unsigned else values


def _by_range(values: np.ndarray) -> np.ndarray:
    deep = values.astype(np.float64)
    finite = deep[np.isfinite(deep)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    deep = np.nan_to_num(deep, nan=low, posinf=high, neginf=low) - low
    return np.rint(deep * (255 / ((high - low) or 1.0))).astype(np.uint8)


def _is_signed(image: Image.Image) -> bool:
    return _tag(image, _SAMPLE_FORMAT, _UNSIGNED) == _SIGNED


def _is_inverted(image: Image.Image) -> bool:
    """Tell whether zero is white; Pillow inverts such images only up to 8 bits."""
    return _tag(image, _PHOTOMETRIC, -1) == _WHITE_IS_ZERO


def _tag(image: Image.Image, tag: int, otherwise: int) -> int:
    """Highest value of a TIFF file's tag, `otherwise` where it has none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return otherwise
    value = image.tag_v2.get(tag, otherwise)
    return int(max(value) if isinstance(value, tuple) else value)
