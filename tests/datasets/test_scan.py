"""Added, removed and replaced files are seen, whatever their time stamps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anonbench.datasets.walk import scan


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
