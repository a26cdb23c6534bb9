from __future__ import annotations

from pathlib import Path

import pytest
from small_sets import dataset

from anonbench.core.errors import InputError
from anonbench.datasets.listing import list_images, root_of


def test_the_publishers_files_as_they_are(rvl_cdip: Path) -> None:
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
