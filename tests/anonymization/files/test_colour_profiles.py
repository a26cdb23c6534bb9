"""Colour profiles of copies: standard ones, and nothing of the original's."""

from __future__ import annotations

import hashlib
import io
import struct

import numpy as np
import pytest
from codes import SRGB
from PIL import Image, ImageCms

from anonbench.anonymization.audit import files as audited
from anonbench.anonymization.files.stored import standard, standards

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


def adobe() -> bytes:
    """Return a profile with the primaries and tones of Adobe RGB, as software writes them."""
    profile = old_version()
    for name, point in (
        (b"rXYZ", (39960, 20389, 1276)),
        (b"gXYZ", (13453, 41003, 3989)),
        (b"bXYZ", (9777, 4143, 48795)),
    ):
        profile = with_tag(profile, name, b"XYZ " + struct.pack(">4i", 0, *point))
    return profile


@pytest.mark.parametrize(
    ("profile", "space", "mode", "number"),
    [(SRGB, b"RGB ", "RGB", 0), (adobe(), b"RGB ", "RGB", 2), (grey(), b"GRAY", "L", 2)],
)
def test_the_nearest_standard_profile_is_taken(
    profile: bytes, space: bytes, mode: str, number: int
) -> None:
    made = standard(with_tag(profile, b"thmb", PICTURE), space)
    assert made == standards(space)[number]
    off = np.abs(converted(made, mode) - converted(profile, mode))
    assert off.mean() <= (1 if mode == "RGB" else 5)


@pytest.mark.parametrize("space", [b"RGB ", b"GRAY"])
def test_standard_profiles_are_themselves_and_known_to_the_audit(space: bytes) -> None:
    for each in standards(space):
        assert standard(each, space) == each
        assert hashlib.sha256(each).hexdigest() in audited._PROFILES
    assert len(audited._PROFILES) == 7


def test_words_in_numbers_of_a_profile_are_not_copied() -> None:
    profile = SRGB
    for name, text in ((b"wtpt", b"CANARY+CANAR"), (b"rXYZ", b"Erika_CANARY")):
        profile = with_tag(profile, name, b"XYZ " + bytes(4) + text)
    profile = with_tag(profile, b"rTRC", curve(*sorted(b"CANARY")))
    assert b"CANARY" in profile and standard(profile, b"RGB ") in standards(b"RGB ")


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"CANARY" * 40,
        SRGB[:200],
        SRGB[:128] + b"\xff\xff\xff\xff" + SRGB[132:],
        SRGB[:16] + b"CMYK" + SRGB[20:],
        SRGB[:12] + b"link" + SRGB[16:],
        with_tag(SRGB, b"A2B0", PICTURE),
        with_tag(SRGB, b"rTRC", b"para" + bytes(4) + b"\0\x09" + bytes(40)),
    ],
)
def test_what_is_no_profile_of_the_pixels_is_left_out(profile: bytes) -> None:
    assert standard(profile, b"RGB ") == b""
