"""Kinds of files by suffix."""

from __future__ import annotations

import pytest
from PIL import Image

from anonbench.datasets.files.walk import (
    NOT_IMAGE,
    SUFFIXES,
    is_image_name,
    is_quiet,
    suffix_reason,
)
from anonbench.datasets.formats import heif
from anonbench.datasets.images import FORMATS


def test_suffixes_are_those_of_the_formats_that_are_read() -> None:
    Image.init()
    known = {suffix for suffix, kind in Image.EXTENSION.items() if kind in (*FORMATS, "MPO")}
    assert known == SUFFIXES


def test_every_other_image_that_pillow_knows_is_one_by_name() -> None:
    Image.init()
    others = {suffix for suffix, kind in Image.EXTENSION.items() if suffix not in SUFFIXES}
    exotic = {s for s in others if not is_image_name("a" + s)}
    data = {".h5", ".hdf", ".grib", ".bufr", ".im", ".iim", ".fli", ".flc", ".palm", ".msp"}
    games = {".blp", ".ftc", ".ftu", ".gbr", ".pxr", ".pcd", ".bw", ".rgba"}
    assert exotic <= data | games | {".icb", ".vda", ".vst"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.AVIF", "AVIF"), ("a.b.cr2", "camera RAW"), ("x/a.djvu", "DjVu")],
)
def test_kinds_that_are_not_read(name: str, kind: str) -> None:
    assert suffix_reason(name) == f"an image of a kind that is not read ({kind}); " + (
        "convert it to PNG or JPEG"
    )
    assert not is_quiet(name, suffix_reason(name))


def test_pdf_and_heic_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert suffix_reason("x/a.PDF") == suffix_reason("a.heic") == ""
    monkeypatch.setattr(heif, "reads_heif", lambda: False)
    missing = suffix_reason("a.HEIC")
    assert "HEIC" in missing and "`heic`" in missing and not is_quiet("a.HEIC", missing)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpeg_original", "a.", "a.png.bak"])
def test_other_names_are_none_of_images(name: str) -> None:
    assert suffix_reason(name) == NOT_IMAGE
