"""Files, links and everything else below a folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from small_sets import touch

from anonbench.datasets import walk


def found(root: Path, **options: bool) -> dict[str, str]:
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
        entries = found(tmp_path)
    special = dict.fromkeys(("pipe.png", "device.png", "s.png"), walk.SPECIAL)
    broken = dict.fromkeys(("self.png", "gone.png"), walk.BROKEN)
    assert entries == {"file": "", "good.png": ""} | special | broken


def test_mutual_links_end_and_no_folder_is_used_twice(tmp_path: Path) -> None:
    names = "abcdefgh"
    touch(tmp_path, *(f"{name}/file" for name in names))
    for name in names:
        for other in names.replace(name, ""):
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    entries = found(tmp_path)
    assert {path for path, reason in entries.items() if not reason} == {f"{n}/file" for n in names}
    assert list(entries.values()).count(walk.FOLLOWED) == 0
    assert list(entries.values()).count(walk.TWICE) == 8 * 7


@pytest.mark.parametrize("target", ["..", ".", "/"])
def test_links_to_what_encloses_them_are_not_followed(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "data/a", "secret/b")
    (tmp_path / "data" / "up").symlink_to(target)
    assert found(tmp_path / "data") == {"a": "", "up": walk.ENCLOSING}


def test_a_linked_folder_elsewhere_is_used_once(tmp_path: Path) -> None:
    touch(tmp_path, "pool/a", "pool/deep/b", "data/c")
    for name in ("one", "two"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "pool")
    (tmp_path / "data" / "inner").symlink_to(tmp_path / "pool" / "deep")
    links = {"one": walk.TWICE, "two": walk.FOLLOWED, "inner": walk.TWICE}
    assert found(tmp_path / "data") == {"c": "", "two/a": "", "two/deep/b": ""} | links
    links = dict.fromkeys(links, walk.LINKED)
    assert found(tmp_path / "data", everything=True) == {"c": ""} | links


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a", "closed/b")
    scandir = os.scandir

    def closed(path: str) -> object:
        if "closed" in path:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(walk.os, "scandir", closed)
    assert found(tmp_path) == {"a": "", "closed": walk.UNREADABLE}
    with pytest.raises(PermissionError):
        found(tmp_path / "closed")
