"""Kinds of files by suffix and by content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from anonbench.datasets import walk
from anonbench.datasets.formats import heif
from anonbench.datasets.images import FORMATS


def test_suffixes_are_those_of_the_formats_that_are_read() -> None:
    Image.init()
    known = {suffix for suffix, kind in Image.EXTENSION.items() if kind in (*FORMATS, "MPO")}
    assert known == walk.SUFFIXES


def test_kinds_are_told_apart_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "jpg", ".jpg", "a.jpeg_original", "a.", "a.png.bak"):
        assert walk.suffix_reason(name) == walk.NOT_IMAGE
    for name, kind in (("a.AVIF", "AVIF"), ("a.b.cr2", "camera RAW"), ("x/a.djvu", "DjVu")):
        told = walk.suffix_reason(name)
        assert told.startswith(f"an image of a kind that is not read ({kind}); convert it")
        assert not walk.is_quiet(name, told)
    assert walk.suffix_reason("x/a.PDF") == walk.suffix_reason("a.heic") == ""
    monkeypatch.setattr(heif, "reads_heif", lambda: False)
    missing = walk.suffix_reason("a.HEIC")
    assert "HEIC" in missing and "`heic`" in missing and not walk.is_quiet("a.HEIC", missing)


@pytest.mark.parametrize("format", FORMATS)
def test_images_under_another_suffix_are_found_by_content(tmp_path: Path, format: str) -> None:
    file = tmp_path / "photo.JPEG_original"
    Image.new("RGB", (20, 20), (1, 2, 3)).save(file, format)
    # the first bytes of PPM and BMP are two letters of a text
    weak = format in ("PPM", "BMP", "DIB")
    assert walk.content_reason(file) == (walk.NOT_IMAGE if weak else walk.RENAMED)


def test_other_kinds_are_found_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(content: bytes) -> str:
        (tmp_path / "IMG_0001").write_bytes(content)
        return walk.content_reason(tmp_path / "IMG_0001")

    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1"
    assert "(AVIF)" in told(b"\0\0\0\x18ftypavif\0\0\0\0mif1")
    assert "(DICOM)" in told(b"\0" * 128 + b"DICM")
    assert told(b"%PDF-1.7\n") == told(heic) == walk.RENAMED
    monkeypatch.setattr(heif, "reads_heif", lambda: False)
    assert "`heic`" in told(heic) and "`heic`" not in told(b"%PDF-1.7\n")
    for content in (b"", b"text", b"ftypheic", b"\xff"):
        assert told(content) == walk.NOT_IMAGE


def test_pipes_missing_files_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", ".", "a\0b"):
        assert walk.content_reason(f"{tmp_path}/{name}") == walk.NOT_IMAGE
