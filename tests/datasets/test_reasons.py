"""Kinds of files by suffix and by content."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image, features

from anonbench.datasets import walk
from anonbench.datasets.formats import heif
from anonbench.datasets.images import FORMATS


def test_suffixes_are_those_of_the_formats_that_are_read() -> None:
    Image.init()
    known = {suffix for suffix, kind in Image.EXTENSION.items() if kind in (*FORMATS, "MPO")}
    assert known == walk.SUFFIXES


def test_every_other_image_that_pillow_knows_is_one_by_name() -> None:
    Image.init()
    others = {suffix for suffix, kind in Image.EXTENSION.items() if suffix not in walk.SUFFIXES}
    exotic = {s for s in others if not walk.is_image_name("a" + s)}
    data = {".h5", ".hdf", ".grib", ".bufr", ".im", ".iim", ".fli", ".flc", ".palm", ".msp"}
    games = {".blp", ".ftc", ".ftu", ".gbr", ".pxr", ".pcd", ".bw", ".rgba"}
    assert exotic <= data | games | {".icb", ".vda", ".vst"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.AVIF", "AVIF"), ("a.b.cr2", "camera RAW"), ("x/a.djvu", "DjVu")],
)
def test_kinds_that_are_not_read(name: str, kind: str) -> None:
    assert walk.suffix_reason(name) == f"an image of a kind that is not read ({kind}); " + (
        "convert it to PNG or JPEG"
    )
    assert not walk.is_quiet(name, walk.suffix_reason(name))


def test_pdf_and_heic_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert walk.suffix_reason("x/a.PDF") == walk.suffix_reason("a.heic") == ""
    monkeypatch.setattr(heif, "reads_heif", lambda: False)
    missing = walk.suffix_reason("a.HEIC")
    assert "HEIC" in missing and "`heic`" in missing and not walk.is_quiet("a.HEIC", missing)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpeg_original", "a.", "a.png.bak"])
def test_other_names_are_none_of_images(name: str) -> None:
    assert walk.suffix_reason(name) == walk.NOT_IMAGE


@pytest.mark.parametrize("format", FORMATS)
def test_images_under_another_suffix_are_found_by_content(tmp_path: Path, format: str) -> None:
    if format == "JPEG2000" and not features.check("jpg_2000"):
        pytest.skip("this Pillow cannot write JPEG 2000")
    data = io.BytesIO()
    Image.new("RGB", (20, 20), (1, 2, 3)).save(data, format)
    file = tmp_path / "photo.JPEG_original"
    file.write_bytes(data.getvalue())
    # the first bytes of PPM and BMP are two letters of a text
    weak = format in ("PPM", "BMP", "DIB")
    assert walk.content_reason(file) == (walk.NOT_IMAGE if weak else walk.RENAMED)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "AVIF"),
        (b"\0" * 128 + b"DICM", "DICOM"),
    ],
)
def test_kinds_that_are_not_read_are_found_by_content(
    tmp_path: Path, head: bytes, kind: str
) -> None:
    (tmp_path / "IMG_0001").write_bytes(head)
    assert f"({kind})" in walk.content_reason(tmp_path / "IMG_0001")


@pytest.mark.parametrize("head", [b"%PDF-1.7\n", b"\0\0\0\x18ftypheic\0\0\0\0mif1"])
def test_pdf_and_heic_under_another_suffix_are_found_by_content(
    tmp_path: Path, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "IMG_0001").write_bytes(head)
    assert walk.content_reason(tmp_path / "IMG_0001") == walk.RENAMED
    monkeypatch.setattr(heif, "reads_heif", lambda: False)
    is_heic = b"ftyp" in head
    assert ("`heic`" in walk.content_reason(tmp_path / "IMG_0001")) == is_heic


@pytest.mark.parametrize("content", [b"", b"text", b"ftypheic", b"\xff"])
def test_other_content_is_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert walk.content_reason(tmp_path / "x") == walk.NOT_IMAGE


def test_pipes_missing_files_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", ".", "a\0b"):
        assert walk.content_reason(f"{tmp_path}/{name}") == walk.NOT_IMAGE
