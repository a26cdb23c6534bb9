from __future__ import annotations

from pathlib import Path

import pytest
from small_sets import dataset, touch

from anonbench.core.errors import InputError
from anonbench.datasets.listing import list_images, read_source
from anonbench.datasets.walk import NOT_IMAGE, TEST, TWICE

OWN = {"validation": 0.5}


def test_flat_and_class_folders(tmp_path: Path) -> None:
    names = ["a.jpg", "b.JPEG", "c.png", "d.tif", "e.TIFF", "f.bmp", "g.webp", "h.gif", "i.x.png"]
    touch(tmp_path, *names, "notes.txt", "jpg", ".hidden.jpg", ".git/x.jpg", "._a.jpg")
    source = read_source("f", dataset("folder", tmp_path, split=OWN), 0)
    assert source.images["path"].tolist() == names
    assert source.images["id"].tolist() == [*"abcdefgh", "i.x"]
    assert "class" not in source.images
    assert source.left == dict.fromkeys(("notes.txt", "jpg"), NOT_IMAGE)
    touch(tmp_path, "cat/1.png", "dog/1.png", "dog/deep/2.png")
    settings = dataset("folder", tmp_path, split=OWN, label="class")
    classes = list_images("f", settings, 0).set_index("id")["class"]
    assert classes.dropna().to_dict() == {"cat/1": "cat", "dog/1": "dog", "dog/deep/2": "deep"}
    assert classes.isna().sum() == len(names)


@pytest.mark.parametrize("val", ["val", "validation"])
def test_split_folders(tmp_path: Path, val: str) -> None:
    touch(tmp_path, "train/cat/1.png", "train/2.png", f"{val}/cat/1.png", "test/3.png", "4.png")
    paths = ["train/2.png", "train/cat/1.png", f"{val}/cat/1.png"]
    for split in ("official", OWN):
        source = read_source("f", dataset("folder", tmp_path, split=split), 0)
        assert source.images["path"].tolist() == paths and source.left == {}
        assert source.images["class"].dropna().tolist() == ["cat", "cat"]
        assert source.explain("test/3.png") == TEST
        assert source.explain("4.png") == "outside the folders train and val"
    listing = list_images("f", dataset("folder", tmp_path), 0)
    assert listing["split"].tolist() == ["train", "train", "val"]


def test_settings_that_give_no_images_are_refused(tmp_path: Path) -> None:
    def refused(path: Path, said: str, split: object = "official") -> None:
        with pytest.raises(InputError, match=said):
            list_images("f", dataset("folder", path, split=split), 0)

    touch(tmp_path, "flat/a.png", "one/train/a.png", "link/val/a.png", "odd/a.AVIF", "odd/b.djvu")
    refused(tmp_path / "flat", r"datasets\.f\.split: .* split: \{validation: 0\.2\}")
    (tmp_path / "one" / "val").mkdir()
    refused(tmp_path / "one", "none of the 1 images is in the split val")
    (tmp_path / "link" / "train").symlink_to("val")
    refused(tmp_path / "link", r"in the split train \(1: a folder that is used under")
    refused(tmp_path / "odd", r"empty \(1: .*AVIF.*convert.*; 1: .*DjVu", OWN)
    refused(Path("absent"), r"absent does not exist: it is sought in the current folder, /")
    refused(tmp_path / "absent", r"datasets\.f\.path: the folder .*absent does not exist")
    refused(tmp_path / "flat" / "a.png", "is a file")


def test_a_folder_linked_into_both_splits_is_one_of_val(tmp_path: Path) -> None:
    touch(tmp_path, "pool/a.png", "data/train/b.png", "data/val/c.png")
    for split in ("train", "val"):
        (tmp_path / "data" / split / "pool").symlink_to(tmp_path / "pool")
    source = read_source("f", dataset("folder", tmp_path / "data"), 0)
    assert source.images["id"].tolist() == ["train/b", "val/c", "val/pool/a"]
    assert source.left == {"train/pool": TWICE}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a\nb.png", "a line break"),
        ("a\x1b[2Jb.png", "control character"),
        ("/".join(["b" * 250] * 5) + ".png", "longer than 1024"),
        (" /~ %2E.x.png", ""),
    ],
)
def test_hostile_names_are_left_out_with_a_reason(tmp_path: Path, name: str, why: str) -> None:
    touch(tmp_path, "a.png", "b.png", name)
    source = read_source("f", dataset("folder", tmp_path, split=OWN), 0)
    assert why in source.left.get(name, "")
    assert len(source.images) + len(source.left) == 3 and bool(source.left) == bool(why)
