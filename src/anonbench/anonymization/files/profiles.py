"""Colour profiles of copies: made anew from an original's numbers, so that nothing else is copied.

An ICC profile may hold texts, tags of anyone's and pictures. Of a profile that consists of a white
point, primaries and tone curves (sRGB, Adobe RGB, Display P3, grey with a gamma) these are read and
written into a new one. Others, with tables of colours (CMYK, scanners, printers), are left out: the
content of a table cannot be vouched for.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_HEADER_BYTES = 128
_ENTRY = struct.Struct(">4sII")
_MOST_TAGS = 100
_MOST_POINTS = 4096
"""Of a tone curve."""
_CLASSES = (b"mntr", b"scnr", b"spac")
_POINTS = {b"RGB ": (b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), b"GRAY": (b"wtpt",)}
_CURVES = {b"RGB ": (b"rTRC", b"gTRC", b"bTRC"), b"GRAY": (b"kTRC",)}
_ADAPTATION = b"chad"
_TABLES = ("A2B", "B2A", "D2B", "B2D")
_PARAMETERS = (1, 3, 4, 5, 7)
"""Of a parametric curve, by its kind."""
_WHITE = bytes.fromhex("0000f6d6 00010000 0000d32d")  # D50, which every profile has to name
_TEXT = "colour profile"


def rebuilt(profile: bytes, space: bytes) -> bytes:
    """Return a profile of the same colours, empty where it is none of this kind.

    Args:
        profile: ICC, of anyone's.
        space: `RGB ` or `GRAY`, what the pixels are.

    """
    tags = _tags(profile)
    if (
        profile[36:40] != b"acsp"
        or profile[8] not in (2, 4)
        or profile[12:16] not in _CLASSES
        or profile[16:24] != space + b"XYZ "
        or any(name[:3].decode("latin-1") in _TABLES for name in tags)
    ):
        return b""
    kept = {name: _point(tags.get(name, b"")) for name in _POINTS[space]}
    kept |= {name: _curve(tags.get(name, b"")) for name in _CURVES[space]}
    if _ADAPTATION in tags:
        kept[_ADAPTATION] = _numbers(tags[_ADAPTATION], b"sf32", 9)
    return _profile(profile, kept) if all(kept.values()) else b""


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the content of each tag; none where the table is not as it has to be."""
    if len(profile) < _HEADER_BYTES + 4:
        return {}
    size, count = (int.from_bytes(profile[at : at + 4], "big") for at in (0, _HEADER_BYTES))
    end = _HEADER_BYTES + 4 + count * _ENTRY.size
    if count > _MOST_TAGS or not end <= size <= len(profile):
        return {}
    entries = list(_ENTRY.iter_unpack(profile[_HEADER_BYTES + 4 : end]))
    if any(start < end or start + length > size for _, start, length in entries):
        return {}
    return {name: profile[start : start + length] for name, start, length in entries}


def _numbers(tag: bytes, kind: bytes, count: int) -> bytes:
    """Return a tag of so many fixed-point numbers, empty where it is another."""
    fits = tag[:8] == kind + bytes(4) and len(tag) == 8 + 4 * count
    return tag if fits else b""


def _point(tag: bytes) -> bytes:
    return _numbers(tag, b"XYZ ", 3)


def _curve(tag: bytes) -> bytes:
    """Return a tone curve without what is behind it, empty where it is none."""
    if tag[:8] == b"para" + bytes(4) and len(tag) >= 12:
        kind = int.from_bytes(tag[8:10], "big")
        end = 12 + 4 * _PARAMETERS[kind] if kind < len(_PARAMETERS) else len(tag) + 1
        return tag[:10] + bytes(2) + tag[12:end] if end <= len(tag) else b""
    if tag[:8] != b"curv" + bytes(4) or len(tag) < 12:
        return b""
    count = int.from_bytes(tag[8:12], "big")
    end = 12 + 2 * count
    if count > _MOST_POINTS or end > len(tag):
        return b""
    points = struct.unpack(f">{count}H", tag[12:end])
    rises = list(points) == sorted(points)  # no picture does, and tones always do
    return tag[:end] if rises else b""


def _profile(given: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    old = given[8] == 2
    texts = {b"desc": _old_description(), b"cprt": b"text" + bytes(4) + _TEXT.encode() + b"\0"}
    texts = texts if old else dict.fromkeys(texts, _localized())
    everything = {**texts, **tags}
    at = _HEADER_BYTES + 4 + _ENTRY.size * len(everything)
    table, body, places = b"", b"", dict[bytes, int]()
    for name, content in everything.items():
        if content not in places:  # equal curves are stored once
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += _ENTRY.pack(name, places[content], len(content))
    header = bytes(8) + (b"\2\x10" if old else b"\4\x20") + bytes(2) + given[12:24]
    intent = int.from_bytes(given[64:68], "big") % 4
    rest = bytes(12) + b"acsp" + bytes(24) + intent.to_bytes(4, "big") + _WHITE
    header = (header + rest).ljust(_HEADER_BYTES, b"\0")
    whole = header + len(everything).to_bytes(4, "big") + table + body
    return len(whole).to_bytes(4, "big") + whole[4:]


def _old_description() -> bytes:
    """Return a text as version 2 describes profiles: in ASCII, without its two other forms."""
    text = _TEXT.encode() + b"\0"
    return b"desc" + bytes(4) + len(text).to_bytes(4, "big") + text + bytes(8 + 3 + 67)


def _localized() -> bytes:
    """Return a text as version 4 has all of them."""
    text = _TEXT.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
