"""Every file of a data folder is used or has a reason, in every layout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from small_sets import dataset, touch

from anonbench.config import Dataset
from anonbench.datasets import walk
from anonbench.datasets.listing import find_unused, read_source, root_of

JPEG = b"\xff\xd8\xff\xe0"


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


def test_a_folder_with_everything_in_it(tmp_path: Path) -> None:
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
        ".git/x.png": walk.HIDDEN,
        "extra/e.png": outside,
        "extra/pool": walk.LINKED,
        "test/t.png": walk.TEST,
        "top.png": outside,
        "train/._a.png": walk.HIDDEN,
        "train/\\xe4.png": walk.NOT_UTF8,
        "train/c.AVIF": avif,
        "train/notes.txt": walk.NOT_IMAGE,
        "train/photo.jpeg_original": walk.RENAMED,
        "val/again": walk.TWICE,
        "val/gone.png": walk.BROKEN,
        "val/pipe.png": walk.SPECIAL,
        "val/scan": walk.RENAMED,
    }


def test_celeba(celeba: Path) -> None:
    touch(celeba, "img_align_celeba/000009.jpg", "img_align_celeba/x.avif", "img_celeba/1.jpg")
    touch(celeba, "Anno/list_bbox_celeba.txt", "README.txt")
    left = unused(dataset("celeba", celeba))
    assert left == {
        "Anno/list_bbox_celeba.txt": walk.LIST_FILE,
        "README.txt": "outside the folder of the images",
        "identity_CelebA.txt": walk.LIST_FILE,
        "img_align_celeba/000008.jpg": walk.TEST,
        "img_align_celeba/000009.jpg": walk.UNLISTED,
        "img_align_celeba/x.avif": walk.UNLISTED,
        "img_celeba/1.jpg": "outside the folder of the images",
        "list_attr_celeba.txt": walk.LIST_FILE,
        "list_eval_partition.txt": walk.LIST_FILE,
    }


def test_rvl_cdip(rvl_cdip: Path) -> None:
    touch(rvl_cdip, "images/imagesq/q/absent.tif", "images/other.tif", "readme.txt")
    lists = {f"labels/{name}.txt": walk.LIST_FILE for name in ("train", "val", "test")}
    left = {"images/imagesq/q/absent.tif": walk.TEST, "images/other.tif": walk.UNLISTED}
    outside = {"readme.txt": "outside the folder of the images"}
    assert unused(dataset("rvl_cdip", rvl_cdip)) == lists | left | outside
    (rvl_cdip / "labels" / "test.txt").unlink()
    left = dict.fromkeys(left, walk.UNLISTED)
    del lists["labels/test.txt"]
    assert unused(dataset("rvl_cdip", rvl_cdip)) == lists | left | outside


def test_a_table_beside_other_things(tmp_path: Path) -> None:
    home = touch(tmp_path / "home", "in/a.png", "in/b.avif", "in/.c.png", "in/deep/d.png")
    touch(home, "letters/private.txt", "notes.txt")
    far = touch(tmp_path / "far", "e.png", "f.png", "g.png")
    rows = ["in/a.png,train", f"{far}/e.png,val", "../far/f.png,test"]
    (home / "t.csv").write_text("\n".join(["path,split", *rows]) + "\n")
    assert unused(dataset("table", home / "t.csv")) == {
        "../far/f.png": walk.TEST,
        "../far/g.png": walk.NOT_NAMED,
        "in/.c.png": walk.HIDDEN,
        "in/b.avif": walk.NOT_NAMED,
    }
