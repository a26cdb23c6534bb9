from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from small_sets import dataset

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.datasets.listing import count_found, list_images, read_source, root_of


def test_the_publishers_files_as_they_are(celeba: Path) -> None:
    listing = list_images("c", dataset("celeba", celeba, label="Male"), 0)
    assert listing["id"].tolist() == [f"{i:06d}" for i in range(1, 8)]  # 8 is a test image
    assert listing["path"].iloc[0] == "img_align_celeba/000001.jpg"
    assert listing["split"].tolist() == ["train"] * 5 + ["val"] * 2
    assert listing["Bald"].tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert listing["Male"].tolist() == [0, 0, 1, 1, 0, 0, 1]
    assert listing["identity"].tolist() == [2880, 2880, 2881, 2881, 2882, 2882, 2883]
    assert (root_of(dataset("celeba", celeba)) / listing["path"][0]).is_file()
    settings = dataset("celeba", celeba, label="Male", split={"by": "identity"})
    cheap = list_images("c", settings, 0, labels=False)
    whole = list_images("c", settings, 0)
    pd.testing.assert_frame_equal(cheap, whole[["id", "path", "split"]])


def to_csv(file: Path, header: str, skip: int) -> None:
    lines = file.read_text().splitlines()[skip:]
    rows = [re.sub(r"\s+", ",", line.strip()) for line in lines]
    file.with_suffix(".csv").write_text("\n".join([header, *rows]) + "\n")
    file.unlink()


def test_the_csv_release_in_another_order_is_the_same(celeba: Path) -> None:
    settings = dataset("celeba", celeba)
    expected = list_images("c", settings, 0)
    lines = (celeba / "identity_CelebA.txt").read_text().splitlines()
    (celeba / "identity_CelebA.txt").write_text("\n".join(reversed(lines)) + "\n")
    to_csv(celeba / "list_attr_celeba.txt", "image_id,Bald,Male,Young", 2)
    to_csv(celeba / "list_eval_partition.txt", "image_id,partition", 0)
    (celeba / "img_align_celeba").rename(celeba / "inner")
    (celeba / "img_align_celeba").mkdir()
    (celeba / "inner").rename(celeba / "img_align_celeba" / "img_align_celeba")
    nested = list_images("c", settings, 0)
    assert nested["path"][0] == "img_align_celeba/img_align_celeba/000001.jpg"
    pd.testing.assert_frame_equal(nested.drop(columns="path"), expected.drop(columns="path"))


def test_the_official_archive_has_sub_folders(celeba: Path) -> None:
    expected = list_images("c", dataset("celeba", celeba), 0)
    folders = {"list_attr_celeba.txt": "Anno", "identity_CelebA.txt": "Anno"}
    folders |= {"list_eval_partition.txt": "Eval", "img_align_celeba": "Img"}
    for name, folder in folders.items():
        (celeba / folder).mkdir(exist_ok=True)
        (celeba / name).rename(celeba / folder / name)
    listing = list_images("c", dataset("celeba", celeba), 0)
    assert listing["path"][0] == "Img/img_align_celeba/000001.jpg"
    pd.testing.assert_frame_equal(listing.drop(columns="path"), expected.drop(columns="path"))


def test_png_release_and_wild_images(celeba: Path) -> None:
    with pytest.raises(InputError, match=r"c\.path: no folder of wild images .*img_celeba"):
        list_images("c", dataset("celeba", celeba, images="wild"), 0)
    (celeba / "img_align_celeba").rename(celeba / "img_align_celeba_png")
    (celeba / "img_celeba").mkdir()
    png = list_images("c", dataset("celeba", celeba), 0)
    assert png["path"][0] == "img_align_celeba_png/000001.png" and png["id"][0] == "000001"
    wild = list_images("c", dataset("celeba", celeba, images="wild"), 0)
    assert wild["path"][0] == "img_celeba/000001.jpg"


def test_lists_may_lack_images_or_be_absent(celeba: Path) -> None:
    file = celeba / "list_attr_celeba.txt"
    file.write_text("\n".join(file.read_text().splitlines()[:-3]) + "\n")
    (celeba / "identity_CelebA.txt").unlink()
    listing = list_images("c", dataset("celeba", celeba), 0)
    assert listing["Male"].dropna().to_dict() == dict(enumerate([0, 0, 1, 1, 0]))
    assert "identity" not in listing
    with pytest.raises(InputError, match=r"split\.by: .*'identity'.*not found: identity_CelebA"):
        list_images("c", dataset("celeba", celeba, split={"by": "identity"}), 0)


def test_images_of_the_lists_that_are_not_there_are_not_counted(celeba: Path) -> None:
    """A plan of 400 images with the lists of 10,000 was ten times too long."""
    for number in (2, 3, 7, 8):
        (celeba / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    source = read_source("c", dataset("celeba", celeba), 0, labels=False)
    assert count_found(source) == {Split.TRAIN: 3, Split.VAL: 1}
    assert len(source.images) == 7, "the manifest records the others as left out"


def test_own_split_needs_no_partition_and_never_uses_the_test_images(celeba: Path) -> None:
    own = dataset("celeba", celeba, split={"validation": 0.5})
    for count, gone in (
        (7, "list_eval_partition.txt"),
        (8, "list_attr_celeba.txt"),
        (8, "identity_CelebA.txt"),
    ):
        assert len(list_images("c", own, 0)) == count
        (celeba / gone).unlink()
    with pytest.raises(InputError, match=r"looked for list_eval_partition.txt or .csv, list_attr"):
        list_images("c", own, 0)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("list_eval_partition.txt", None, r"c\.path: no list of the split: looked for list_eval"),
        ("list_eval_partition.txt", "", r"list_eval_partition.txt is empty"),
        ("list_eval_partition.txt", "000001.jpg 3\n", "partition 3 is none of 0, 1 and 2"),
        ("list_eval_partition.txt", "000001.jpg 0 0\n", "partition.txt cannot be read as a list"),
        ("list_eval_partition.txt", "../../1.jpg 0\n", r"id '\.\./\.\./1' has a part"),
        ("list_eval_partition.txt", "000001.jpg 2\n", "the data set is empty"),
        ("list_attr_celeba.txt", "", "no attribute names"),
        ("list_attr_celeba.txt", "1\nA B\n000001.jpg 1 x\n", "cannot be read as a list of"),
        ("identity_CelebA.txt", "000001.jpg 1\n000001.jpg 2\n", "two lines for 000001.jpg"),
    ],
)
def test_damaged_lists_are_named(celeba: Path, file: str, text: str | None, message: str) -> None:
    (celeba / file).unlink()
    if text is not None:
        (celeba / file).write_text(text)
    with pytest.raises(InputError, match=message):
        list_images("c", dataset("celeba", celeba), 0)


def test_files_of_rvl_cdip(rvl_cdip: Path) -> None:
    settings = dataset("rvl_cdip", rvl_cdip, label="class")
    listing = list_images("r", settings, 0)
    assert listing["id"].tolist() == [f"imagesq/q/doc{i:02d}/{i:08d}" for i in range(6)]
    assert listing["path"].tolist() == [f"images/{i}.tif" for i in listing["id"]]
    assert listing["split"].tolist() == ["train"] * 4 + ["val"] * 2
    classes = ["letter", "handwritten", "scientific publication", "news article"]
    assert listing["class"].tolist() == [*classes, "presentation", "memo"]
    assert all((root_of(settings) / path).is_file() for path in listing["path"])
    own = list_images("r", dataset("rvl_cdip", rvl_cdip, split={"validation": 0.5}), 0)
    assert len(own) == 6 and (own["split"] == "val").sum() == 3  # never of the test images


def test_a_line_without_a_class_is_a_missing_label(rvl_cdip: Path) -> None:
    with (rvl_cdip / "labels" / "val.txt").open("a") as file:
        file.write("imagesz/new.tif\n")
    listing = list_images("r", dataset("rvl_cdip", rvl_cdip), 0)
    assert listing["class"].isna().tolist() == [False] * 6 + [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no list of the split val: looked for .*val.txt"),
        ("", r"datasets\.r\.path: .*val.txt is empty"),
        ("a.tif 16\n", r"val.txt: class 16 is not in 0"),
        ("a.tif letter\n", "val.txt cannot be read as a list of page, number"),
        ("imagesq/q/doc00/00000000.tif 1\n", "two images have the id 'imagesq/q/doc00/00000000'"),
    ],
)
def test_bad_lists_are_named(rvl_cdip: Path, text: str | None, message: str) -> None:
    file = rvl_cdip / "labels" / "val.txt"
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message):
        list_images("r", dataset("rvl_cdip", rvl_cdip), 0)


def test_the_image_tree_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"datasets\.r\.path: no image tree .* folder images"):
        list_images("r", dataset("rvl_cdip", tmp_path), 0)
