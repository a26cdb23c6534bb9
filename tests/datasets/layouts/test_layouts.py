"""The layouts: CelebA, RVL-CDIP, folders and tables."""

import os
import re
from pathlib import Path

import pandas as pd
import pytest
from small_sets import dataset, touch

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.datasets.listing import count_found, list_images, read_source, root_of
from anonbench.datasets.walk import NOT_IMAGE, TEST, TWICE


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
    expected = list_images("c", dataset("celeba", celeba), 0)
    folders = {"list_attr_celeba.txt": "Anno", "identity_CelebA.txt": "Anno"}
    folders |= {"list_eval_partition.txt": "Eval", "img_align_celeba": "Img"}
    for name, folder in folders.items():
        (celeba / folder).mkdir(exist_ok=True)
        (celeba / name).rename(celeba / folder / name)
    listing = list_images("c", dataset("celeba", celeba), 0)
    assert listing["path"][0] == "Img/img_align_celeba/000001.jpg"
    pd.testing.assert_frame_equal(listing.drop(columns="path"), expected.drop(columns="path"))


def to_csv(file: Path, header: str, skip: int) -> None:
    lines = file.read_text().splitlines()[skip:]
    rows = [re.sub(r"\s+", ",", line.strip()) for line in lines]
    file.with_suffix(".csv").write_text("\n".join([header, *rows]) + "\n")
    file.unlink()


def test_releases_in_another_order_or_other_folders(celeba: Path) -> None:
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


def test_files_of_rvl_cdip(rvl_cdip: Path, tmp_path: Path) -> None:
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
    with (rvl_cdip / "labels" / "val.txt").open("a") as file:
        file.write("imagesz/new.tif\n")
    listing = list_images("r", dataset("rvl_cdip", rvl_cdip), 0)
    assert listing["class"].isna().tolist() == [False] * 6 + [True]
    with pytest.raises(InputError, match=r"datasets\.r\.path: no image tree .* folder images"):
        list_images("r", dataset("rvl_cdip", tmp_path), 0)


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
    for split in ("train", "val"):
        (tmp_path / "none" / split).mkdir(parents=True)
    refused(tmp_path / "none", "empty")
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


def write(folder: Path, *lines: str) -> Path:
    file = folder / "table.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_csv_and_its_paths(tmp_path: Path) -> None:
    rows = ["b/1.png,Validation,x,3,", "a/1.png,train,y,,n", "c/1.png,test,y,5,n"]
    settings = dataset("table", write(tmp_path, "path,split,kind,age,note", *rows), label="kind")
    listing = list_images("t", settings, 0)
    assert root_of(settings) == tmp_path
    assert listing.columns.tolist() == ["id", "path", "split", "kind", "age", "note"]
    assert listing["id"].tolist() == ["a/1", "b/1"]
    assert listing["split"].tolist() == ["train", "val"]
    assert listing["kind"].tolist() == ["y", "x"]
    assert listing["age"].isna().tolist() == [True, False] and listing["age"].iloc[1] == "3"
    folder = tmp_path / "tables"
    folder.mkdir()
    file = write(folder, "path", str(folder / "in/a.png"), "./b.png", "../out/c.png", "/far/d.png")
    listing = list_images("t", dataset("table", file, split=OWN), 0)
    paths = {"b": "b.png", "far/d": "/far/d.png", "in/a": "in/a.png", "out/c": "../out/c.png"}
    assert listing.set_index("id")["path"].to_dict() == paths


def test_ids_and_labels_of_tables_are_text(tmp_path: Path) -> None:
    file = write(tmp_path, "\ufeffid,path,kind,,", "007,x.png,a,,", "08,y.png,b,,")
    listing = list_images("t", dataset("table", file, label="kind", split=OWN), 0)
    assert listing["id"].tolist() == ["007", "08"]  # the mark of UTF-8 is no part of a name
    assert listing["kind"].tolist() == ["a", "b"] and listing.columns.is_unique
    people = ["7", "007", "07", "1000", "1e3", "NA", "None", "nan", "TRUE", "1.0", " 7"]
    lines = [f"{n}.png,{person}" for n, person in enumerate(people)]
    file = write(tmp_path, "path,identity", *lines, "x.png,")
    settings = dataset("table", file, label="identity", split=OWN)
    listing = list_images("t", settings, 0).set_index("id")["identity"]
    assert [listing[str(n)] for n in range(len(people))] == people
    assert listing.isna().sum() == 1 and pd.isna(listing["x"])
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "split": ["train", "val"], "n": [1, 2]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    one = list_images("t", dataset("table", tmp_path / "t.csv"), 0)
    two = list_images("t", dataset("table", tmp_path / "t.parquet"), 0)
    pd.testing.assert_frame_equal(one, two.astype({"n": "str"}))
    frame = pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "kind": ["", " ", "x"]})
    frame = frame.assign(split="val", shade=frame["kind"].astype("category"))
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        listing = list_images("t", dataset("table", tmp_path / name, split=OWN), 0)
        assert listing[["kind", "shade"]].isna().sum().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.png,Erika Mustermann"], "has no column `path`"),
        (["path,split", "a.png,train", ",val"], "row 2 .* has no path"),
        (["path,split", "a.png,train", "b.png,dev"], "split 'dev' is none of train, val, test"),
        (["path,id", "a.png,1", "b.png,1"], "two images have the id '1': a.png and b.png"),
        (["path,id", "a.png,1", "b.png,/etc/passwd"], r"row 2 .* the id '/etc/passwd' starts"),
        (["path", "a.png", "."], r"row 2 .*add a column `id`"),
        (["path,id", "a.png,1", "b\0.png,2"], "row 2 .* the path has a line break"),
        (["path", "a.png"], r"datasets\.t\.split: .*add a column `split`"),
        (["path,split"], "the data set is empty"),
        (["path,split", "a.png,train"], "none of the 1 images is in the split val"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        list_images("t", dataset("table", write(tmp_path, *lines)), 0)
    assert "Erika" not in str(error.value)  # of a row that may be content


def test_other_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    contents = {"empty.csv": b"", "a.parquet": b"no", "b.csv": b"\xff\xfe\x00"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    said = {"absent.csv": "does not exist", "pipe.csv": "is a pipe", ".": "is a folder"}
    for name in (*said, *contents):
        told = said.get(name, r"datasets\.t\.path: .*" + name)
        with pytest.raises(InputError, match=told):
            list_images("t", dataset("table", tmp_path / name), 0)
