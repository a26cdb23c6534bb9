"""Every file of a data folder is used or has a reason, in every layout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from anonbench.config import Dataset
from anonbench.datasets.files.walk import (
    BROKEN,
    HIDDEN,
    LINKED,
    LIST_FILE,
    NOT_IMAGE,
    NOT_NAMED,
    NOT_UTF8,
    RENAMED,
    SPECIAL,
    SUBSET,
    TEST,
    TWICE,
    UNLISTED,
)
from anonbench.datasets.listing import find_unused, read_source, root_of

Make = Callable[..., Dataset]
JPEG = b"\xff\xd8\xff\xe0"


def touch(root: Path, *paths: str, data: bytes = b"") -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def unused(settings: Dataset) -> dict[str, str]:
    """Return the reasons; no file of the data folder is missing or there twice."""
    source = read_source("d", settings, 0)
    is_table = settings.layout == "table"
    table = find_unused(source, root_of(settings), is_table)
    assert table["path"].is_unique and table["path"].is_monotonic_increasing
    assert set(table["path"]).isdisjoint(source.images["path"])
    if not is_table:
        command = ["find", settings.path, "!", "-type", "d", "-printf", "%P\\0"]
        names = subprocess.run(command, check=True, capture_output=True).stdout.split(b"\0")[:-1]
        found = {name.decode(errors="backslashreplace") for name in names} - source.followed
        assert found <= {*table["path"], *source.images["path"]}
    return dict(zip(table["path"], table["reason"], strict=True))


def test_a_folder_with_everything_in_it(tmp_path: Path, dataset: Make) -> None:
    root = touch(tmp_path / "d", "train/a.png", "val/b.jfif", "train/c.AVIF", "train/notes.txt")
    touch(root, "train/photo.jpeg_original", "val/scan", data=JPEG)
    touch(root, ".git/x.png", "train/._a.png", "test/t.png", "extra/e.png", "top.png")
    touch(tmp_path / "pool", "p.png")
    (root / "train" / "pool").symlink_to(tmp_path / "pool")
    (root / "val" / "again").symlink_to(root / "train")
    (root / "extra" / "pool").symlink_to(tmp_path / "pool")
    (root / "val" / "gone.png").symlink_to("nowhere")
    os.mkfifo(root / "val" / "pipe.png")
    odd = os.fsencode(root) + b"/train/\xe4.png"
    try:
        os.close(os.open(odd, os.O_CREAT))
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    avif = "an image of a kind that is not read (AVIF); convert it to PNG or JPEG"
    outside = "outside the folders train and val"
    assert unused(dataset("folder", root)) == {
        ".git/x.png": HIDDEN,
        "extra/e.png": outside,
        "extra/pool": LINKED,
        "test/t.png": TEST,
        "top.png": outside,
        "train/._a.png": HIDDEN,
        "train/\\xe4.png": NOT_UTF8,
        "train/c.AVIF": avif,
        "train/notes.txt": NOT_IMAGE,
        "train/photo.jpeg_original": RENAMED,
        "val/again": TWICE,
        "val/gone.png": BROKEN,
        "val/pipe.png": SPECIAL,
        "val/scan": RENAMED,
    }


def test_a_subset(tmp_path: Path, dataset: Make) -> None:
    root = touch(tmp_path, *(f"{number}.png" for number in range(9)), "a.txt")
    left = unused(dataset("folder", root, split={}, subset=4))
    assert left.pop("a.txt") == NOT_IMAGE
    assert list(left.values()) == [SUBSET] * 5


def test_celeba(celeba: Path, dataset: Make) -> None:
    touch(celeba, "img_align_celeba/000009.jpg", "img_align_celeba/x.avif", "img_celeba/1.jpg")
    touch(celeba, "Anno/list_bbox_celeba.txt", "README.txt")
    left = unused(dataset("celeba", celeba))
    assert left == {
        "Anno/list_bbox_celeba.txt": LIST_FILE,
        "README.txt": "outside the folder of the images",
        "identity_CelebA.txt": LIST_FILE,
        "img_align_celeba/000008.jpg": TEST,
        "img_align_celeba/000009.jpg": UNLISTED,
        "img_align_celeba/x.avif": UNLISTED,
        "img_celeba/1.jpg": "outside the folder of the images",
        "list_attr_celeba.txt": LIST_FILE,
        "list_eval_partition.txt": LIST_FILE,
    }


def test_rvl_cdip(rvl_cdip: Path, dataset: Make) -> None:
    touch(rvl_cdip, "images/imagesq/q/absent.tif", "images/other.tif", "readme.txt")
    lists = {f"labels/{name}.txt": LIST_FILE for name in ("train", "val", "test")}
    left = {"images/imagesq/q/absent.tif": TEST, "images/other.tif": UNLISTED}
    outside = {"readme.txt": "outside the folder of the images"}
    assert unused(dataset("rvl_cdip", rvl_cdip)) == lists | left | outside
    (rvl_cdip / "labels" / "test.txt").unlink()
    left = dict.fromkeys(left, UNLISTED)
    del lists["labels/test.txt"]
    assert unused(dataset("rvl_cdip", rvl_cdip)) == lists | left | outside


def test_a_table_beside_other_things(tmp_path: Path, dataset: Make) -> None:
    home = touch(tmp_path / "home", "in/a.png", "in/b.avif", "in/.c.png", "in/deep/d.png")
    touch(home, "letters/private.txt", "notes.txt")
    far = touch(tmp_path / "far", "e.png", "f.png", "g.png")
    rows = ["in/a.png,train", f"{far}/e.png,val", "../far/f.png,test"]
    (home / "t.csv").write_text("\n".join(["path,split", *rows]) + "\n")
    assert unused(dataset("table", home / "t.csv")) == {
        "../far/f.png": TEST,
        "../far/g.png": NOT_NAMED,
        "in/.c.png": HIDDEN,
        "in/b.avif": NOT_NAMED,
    }
