"""Colour profiles of copies: the same colours, and nothing else of the original's."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from codes import SRGB
from PIL import Image, ImageCms

from anonbench.anonymization.files.profiles import rebuilt

PICTURE = b"data" + bytes(8) + b"CANARY"


def with_tag(profile: bytes, name: bytes, content: bytes) -> bytes:
    """Return a profile with one tag more, or another content of one."""
    end = 132 + 12 * int.from_bytes(profile[128:132], "big")
    rows = struct.iter_unpack(">4sII", profile[132:end])
    tags = {each: profile[start : start + length] for each, start, length in rows} | {name: content}
    table, body = struct.pack(">I", len(tags)), b""
    for each, data in tags.items():
        table += struct.pack(">4sII", each, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return struct.pack(">I", 128 + len(table + body)) + profile[4:128] + table + body


def curve(*points: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(points)}H", len(points), *points)


def old_version() -> bytes:
    """Return a profile of version 2 with a gamma and other primaries, as Adobe RGB has."""
    profile = SRGB[:8] + b"\2\x10" + SRGB[10:]
    red = b"XYZ " + struct.pack(">4i", 0, 39948, 20391, 1276)
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        profile = with_tag(profile, name, curve(563))
    return with_tag(profile, b"rXYZ", red)


def grey() -> bytes:
    profile = with_tag(SRGB, b"kTRC", curve(0, 9000, 30000, 65535))
    return profile[:16] + b"GRAY" + profile[20:]


def converted(profile: bytes, mode: str) -> np.ndarray:
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    image = Image.fromarray(colours).convert(mode)
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    assert made is not None
    return np.asarray(made).astype(int)


@pytest.mark.parametrize(
    ("profile", "space", "mode"),
    [(SRGB, b"RGB ", "RGB"), (old_version(), b"RGB ", "RGB"), (grey(), b"GRAY", "L")],
)
def test_colours_are_the_same_and_texts_are_not(profile: bytes, space: bytes, mode: str) -> None:
    made = rebuilt(with_tag(profile, b"thmb", PICTURE), space)
    assert np.abs(converted(made, mode) - converted(profile, mode)).max() <= 1
    assert b"CANARY" not in made and rebuilt(made, space) == made
    assert len(made) < len(profile) and "built-in".encode("utf-16-be") not in made


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"CANARY" * 40,
        SRGB[:200],
        SRGB[:128] + b"\xff\xff\xff\xff" + SRGB[132:],
        SRGB[:16] + b"CMYK" + SRGB[20:],
        with_tag(SRGB, b"A2B0", PICTURE),
        with_tag(SRGB, b"wtpt", PICTURE),
        with_tag(SRGB, b"rTRC", curve(0, 500, 400, 65535)),
        with_tag(SRGB, b"rTRC", curve(*range(5000))),
        with_tag(SRGB, b"rTRC", b"para" + bytes(4) + b"\0\x09" + bytes(40)),
        with_tag(SRGB, b"rTRC", curve(0, 9)[:-1]),
    ],
)
def test_profiles_of_other_kinds_are_left_out(profile: bytes) -> None:
    assert rebuilt(profile, b"RGB ") == b""
