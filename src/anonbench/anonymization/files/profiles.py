"""Colour profiles of copies: the standard one that is nearest to an original's.

An ICC profile may hold texts, tags of anyone's and pictures, and words in its very numbers. So
nothing of it is copied: it chooses one of a few profiles that are written here. Without a profile
colours are taken as sRGB, which is among them: the nearest is never further off.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_HEADER_BYTES = 128
_ENTRY = struct.Struct(">4sII")
_TEXT = "colour profile"
_LARGE = 2**20
"""Bytes of a profile that is not cached."""
_CLASSES = ("mntr", "scnr", "spac")
_MODES = {b"RGB ": "RGB", b"GRAY": "L"}
_LEVELS = {b"RGB ": 6, b"GRAY": 52}
"""Steps of the colours that profiles are compared by."""
_WHITE = (0.9642, 1.0, 0.8249)
"""D50, which colours of profiles are relative to."""
_SRGB_TONES = (3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
"""Kind and parameters of a curve (IEC 61966-2-1)."""
_GAMMA = 0
_STANDARDS: dict[bytes, tuple[tuple[tuple[float, ...], tuple[int, tuple[float, ...]]], ...]] = {
    b"RGB ": (
        # sRGB, Display P3, Adobe RGB (1998), ProPhoto: X, Y, Z of red, green, blue, relative to D50
        (
            (0.43607, 0.22249, 0.01392, 0.38515, 0.71687, 0.09708, 0.14307, 0.06061, 0.71410),
            _SRGB_TONES,
        ),
        (
            (0.51512, 0.24120, -0.00105, 0.29198, 0.69225, 0.04189, 0.15710, 0.06657, 0.78407),
            _SRGB_TONES,
        ),
        (
            (0.60974, 0.31111, 0.01947, 0.20528, 0.62567, 0.06087, 0.14919, 0.06322, 0.74457),
            (_GAMMA, (563 / 256,)),
        ),
        (
            (0.79767, 0.28804, 0.0, 0.13519, 0.71188, 0.0, 0.03134, 0.00009, 0.82491),
            (_GAMMA, (1.8,)),
        ),
    ),
    b"GRAY": (((), _SRGB_TONES), ((), (_GAMMA, (2.2,))), ((), (_GAMMA, (1.8,)))),
}


def standard(profile: bytes, space: bytes) -> bytes:
    """Return the standard profile that shows nearly the same colours; empty where none can be told.

    Args:
        profile: ICC, of anyone's.
        space: `RGB ` or `GRAY`, what the pixels are.

    """
    if profile[16:20] != space:
        return b""
    find = _nearest if len(profile) < _LARGE else _nearest.__wrapped__
    return find(profile, space)


@lru_cache(maxsize=32)
def _nearest(profile: bytes, space: bytes) -> bytes:
    try:
        given = ImageCms.getOpenProfile(io.BytesIO(profile))
        if given.profile.device_class.strip() not in _CLASSES:
            return b""
        return min(standards(space), key=lambda each: _distance(given, each, space))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return b""


@lru_cache(maxsize=2)
def standards(space: bytes) -> tuple[bytes, ...]:
    """Return the profiles of a colour space that a copy may have."""
    return tuple(_made(space, *each) for each in _STANDARDS[space])


def _distance(given: ImageCms.ImageCmsProfile, other: bytes, space: bytes) -> int:
    """Sum of level differences between two profiles' values of the same colours."""
    levels = np.linspace(0, 255, _LEVELS[space]).astype(np.uint8)
    mode = _MODES[space]
    grid = np.stack(np.meshgrid(*[levels] * len(mode), indexing="ij"), axis=-1)
    colours = grid.reshape(1, -1, len(mode)).squeeze(2) if mode == "L" else grid.reshape(1, -1, 3)
    target = ImageCms.getOpenProfile(io.BytesIO(other))
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    image = Image.fromarray(np.ascontiguousarray(colours))
    made = ImageCms.profileToProfile(image, given, target, relative, mode)
    return int(np.abs(np.asarray(made, np.int64) - colours).sum())


def _made(
    space: bytes, primaries: tuple[float, ...], tones: tuple[int, tuple[float, ...]]
) -> bytes:
    """Return an ICC profile of version 4."""
    kind, parameters = tones
    curve = b"para" + bytes(4) + struct.pack(">H2x", kind) + _fixed(parameters)
    tags = {b"desc": _localized(), b"cprt": _localized(), b"wtpt": _point(_WHITE)}
    for number, name in enumerate(b"rgb" if primaries else b""):
        tags[bytes([name]) + b"XYZ"] = _point(primaries[3 * number : 3 * number + 3])
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC") if primaries else (b"kTRC",), curve)
    at = _HEADER_BYTES + 4 + _ENTRY.size * len(tags)
    table, body, places = b"", b"", dict[bytes, int]()
    for tag, content in tags.items():
        if content not in places:  # equal curves are stored once
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += _ENTRY.pack(tag, places[content], len(content))
    header = bytes(8) + b"\4\x20" + bytes(2) + b"mntr" + space + b"XYZ "
    header = (header + bytes(12) + b"acsp" + bytes(28) + _fixed(_WHITE)).ljust(_HEADER_BYTES, b"\0")
    whole = header + len(tags).to_bytes(4, "big") + table + body
    return len(whole).to_bytes(4, "big") + whole[4:]


def _point(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: tuple[float, ...]) -> bytes:
    """Return numbers as ICC has them, in parts of 65536."""
    return struct.pack(f">{len(values)}i", *(round(65536 * value) for value in values))


def _localized() -> bytes:
    text = _TEXT.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
