"""Files, links and kinds below a folder, and what is seen of a change."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from PIL import Image
from small_sets import touch

from anonbench.datasets import walk
from anonbench.datasets.images import FORMATS
from anonbench.datasets.walk import scan


def entries_of(root: Path, **options: bool) -> dict[str, str]:
    entries = list(walk.walk(str(root), **options))
    assert len({path for path, _ in entries}) == len(entries)
    return dict(entries)


def test_what_is_no_file_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "file")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "self.png").symlink_to("self.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "device.png").symlink_to("/dev/null")
    (tmp_path / "good.png").symlink_to("file")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path is short
        server.bind("s.png")
        entries = entries_of(tmp_path)
    special = dict.fromkeys(("pipe.png", "device.png", "s.png"), walk.SPECIAL)
    broken = dict.fromkeys(("self.png", "gone.png"), walk.BROKEN)
    assert entries == {"file": "", "good.png": ""} | special | broken


def test_mutual_links_end_and_no_folder_is_used_twice(tmp_path: Path) -> None:
    names = "abcdefgh"
    touch(tmp_path, *(f"{name}/file" for name in names))
    for name in names:
        for other in names.replace(name, ""):
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    entries = entries_of(tmp_path)
    assert {path for path, reason in entries.items() if not reason} == {f"{n}/file" for n in names}
    assert list(entries.values()).count(walk.FOLLOWED) == 0
    assert list(entries.values()).count(walk.TWICE) == 8 * 7


@pytest.mark.parametrize("target", ["..", ".", "/"])
def test_links_to_what_encloses_them_are_not_followed(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "data/a", "secret/b")
    (tmp_path / "data" / "up").symlink_to(target)
    assert entries_of(tmp_path / "data") == {"a": "", "up": walk.ENCLOSING}


def test_a_linked_folder_elsewhere_is_used_once(tmp_path: Path) -> None:
    touch(tmp_path, "pool/a", "pool/deep/b", "data/c")
    for name in ("one", "two"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "pool")
    (tmp_path / "data" / "inner").symlink_to(tmp_path / "pool" / "deep")
    links = {"one": walk.TWICE, "two": walk.FOLLOWED, "inner": walk.TWICE}
    assert entries_of(tmp_path / "data") == {"c": "", "two/a": "", "two/deep/b": ""} | links
    links = dict.fromkeys(links, walk.LINKED)
    assert entries_of(tmp_path / "data", everything=True) == {"c": ""} | links


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a", "closed/b")
    scandir = os.scandir

    def closed(path: str) -> object:
        if "closed" in path:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(walk.os, "scandir", closed)
    assert entries_of(tmp_path) == {"a": "", "closed": walk.UNREADABLE}
    with pytest.raises(PermissionError):
        entries_of(tmp_path / "closed")


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
    monkeypatch.setattr(walk, "reads_heif", lambda: False)
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
    monkeypatch.setattr(walk, "reads_heif", lambda: False)
    assert "`heic`" in told(heic) and "`heic`" not in told(b"%PDF-1.7\n")
    for content in (b"", b"text", b"ftypheic", b"\xff"):
        assert told(content) == walk.NOT_IMAGE


def test_pipes_missing_files_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", ".", "a\0b"):
        assert walk.content_reason(f"{tmp_path}/{name}") == walk.NOT_IMAGE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in "abc":
        (tmp_path / "images" / f"{name}.jpg").write_text(name)
    (tmp_path / "list.txt").write_text("a b c")
    return tmp_path


PATHS = [f"images/{name}.jpg" for name in "abc"]


def test_an_untouched_folder_is_the_same(root: Path) -> None:
    assert scan(root, PATHS) == scan(root, PATHS)
    (root / "notes.md").write_text("no list and no image")
    before = scan(root, PATHS)
    assert before == scan(root, PATHS)


@pytest.mark.parametrize(
    "change", ["older", "longer", "removed", "list", "added", "beside", "elsewhere"]
)
def test_changes_are_seen(
    root: Path, change: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    far = tmp_path_factory.mktemp("elsewhere") / "far.jpg"
    far.write_text("far")
    paths, image = [*PATHS, str(far)], root / PATHS[0]
    before = scan(root, paths)
    match change:
        case "older":
            image.write_text("z")
            os.utime(image, (1, 1))
        case "longer":
            stat = image.stat()
            image.write_text("longer")
            os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        case "removed":
            image.unlink()
        case "list":
            (root / "list.txt").write_text("a c b d")
        case "beside":
            (root / "images" / "d.heic").write_text("d")
        case "elsewhere":
            far.write_text("other")
        case "added":
            (root / "images" / "d.jpg").write_text("d")
            paths.append("images/d.jpg")
    assert scan(root, paths) != before
