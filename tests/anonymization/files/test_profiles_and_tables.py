"""Colour profiles and quantization tables of copies: standard ones, and nothing of the original."""

from __future__ import annotations

import io
import operator
import struct
from pathlib import Path

import numpy as np
import pytest
from codes import SRGB, anonymized, save
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.files import check_file
from anonbench.anonymization.files import stored
from anonbench.anonymization.files.stored import Stored, standard, standard_tables, standards, write
from anonbench.datasets.images import encode

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
    """Return a profile of version 2 with primaries and tones of Adobe RGB, as software writes."""
    profile = SRGB[:8] + b"\2\x10" + SRGB[10:]
    points = {b"r": (39960, 20389, 1276), b"g": (13453, 41003, 3989), b"b": (9777, 4143, 48795)}
    for name, point in points.items():
        profile = with_tag(profile, name + b"TRC", curve(563))
        profile = with_tag(profile, name + b"XYZ", b"XYZ " + struct.pack(">4i", 0, *point))
    return profile


@pytest.mark.parametrize(
    ("profile", "space", "mode", "number"),
    [(SRGB, b"RGB ", "RGB", 0), (adobe(), b"RGB ", "RGB", 2), (grey(), b"GRAY", "L", 2)],
)
def test_nearest_standard_profile(profile: bytes, space: bytes, mode: str, number: int) -> None:
    made = standard(with_tag(profile, b"thmb", PICTURE), space)
    assert made == standards(space)[number]
    off = np.abs(converted(made, mode) - converted(profile, mode))
    assert off.mean() <= (1 if mode == "RGB" else 5)


@pytest.mark.parametrize("space", [b"RGB ", b"GRAY"])
def test_standard_profiles_are_themselves_and_known_to_the_audit(space: bytes) -> None:
    for each in standards(space):
        assert standard(each, space) == each
        pixels = np.zeros((8, 8, 3) if space == b"RGB " else (8, 8), np.uint8)
        check_file(stored.with_profile(encode(pixels), each), pixels, each)


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


def test_words_in_quantization_tables_are_not_copied(tmp_path: Path) -> None:
    """High frequencies of a flat picture are 0, whatever divides them."""
    words = b"CANARY, born 12.8.1964, of 12 Long Lane, London".ljust(54, b".")
    table = [16] * 10 + list(words)
    path = save(tmp_path / "photos", "a.jpg", qtables=[table, table])
    done = anonymized(tmp_path / "photos", tmp_path / "out")
    assert done.written == 1
    with Image.open(path) as given, Image.open(tmp_path / "out/a.jpg") as made:
        assert isinstance(given, JpegImageFile) and isinstance(made, JpegImageFile)
        assert given.quantization[0] == table
        for found in made.quantization.values():
            assert tuple(found) in standard_tables() and all(map(operator.le, found, table))
        wrong = io.BytesIO()
        pixels = np.asarray(made)
        Image.fromarray(pixels).save(wrong, "JPEG", qtables=[table, table])
    with pytest.raises(Failure, match="quantization"):
        check_file(wrong.getvalue(), pixels)


def test_a_profile_that_is_no_standard_one_fails_the_audit() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    data = write(pixels, Stored("PNG", profile=SRGB))
    with pytest.raises(Failure, match="profile"):
        check_file(data, pixels, SRGB)
