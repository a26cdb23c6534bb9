"""The manifest; every file of a data folder is used or has a reason."""

import hashlib
import logging
import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from small_sets import dataset, draw, touch, written

from anonbench.config import Dataset
from anonbench.core import workers
from anonbench.core.errors import InputError
from anonbench.datasets import walk
from anonbench.datasets.listing import find_unused, read_source, root_of
from anonbench.datasets.manifest import COLUMNS
from anonbench.datasets.walk import COPY


def run(settings: Dataset, out: Path) -> tuple[pd.DataFrame, dict[tuple[str, str], str]]:
    manifest, skipped, *_ = written(settings, out, 10_000)
    assert skipped.columns.tolist() == ["path", "split", "reason"]
    assert skipped["path"].is_monotonic_increasing
    reasons = {(row.path, row.split): row.reason for row in skipped.itertuples()}
    return manifest, reasons


def test_columns_and_values(tmp_path: Path, celeba: Path, rvl_cdip: Path) -> None:
    manifest, skipped = run(dataset("celeba", celeba, label="Male"), tmp_path)
    assert manifest.columns.tolist() == [*COLUMNS, "Bald", "Male", "Young", "identity"]
    assert set(skipped.values()) == {"list file", "in the test split"}
    assert manifest["id"].tolist() == [f"{i:06d}" for i in range(1, 8)]
    data = (celeba / "img_align_celeba" / "000001.jpg").read_bytes()
    first = manifest.iloc[0]
    assert (first["width"], first["height"], first["bytes"]) == (4, 3, len(data))
    assert first["digest"] == hashlib.sha256(data).hexdigest()
    # every layout gives the same table, beside its labels, and leaves the originals as they are
    before = {path: path.stat().st_mtime_ns for path in rvl_cdip.rglob("*")}
    pages, _ = run(dataset("rvl_cdip", rvl_cdip), tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in rvl_cdip.rglob("*")} == before
    assert pages.columns.tolist() == [*COLUMNS, "class"]
    for name, value in (("train/a.png", 1), ("val/b.png", 2)):
        draw(tmp_path / "folder" / name, value)
    rows = "path,split,reason,kept\nfolder/train/a.png,train,1,x\nfolder/val/b.png,val,2,y\n"
    (tmp_path / "t.csv").write_text(rows)
    listed, _ = run(dataset("table", tmp_path / "t.csv", label="reason"), tmp_path)
    assert listed.columns.tolist() == [*COLUMNS, "reason", "kept"]
    assert listed["reason"].tolist() == ["1", "2"]
    plain, _ = run(dataset("folder", tmp_path / "folder"), tmp_path)
    assert plain.columns.tolist() == COLUMNS
    for each in (pages, listed, plain):
        pd.testing.assert_series_equal(each[COLUMNS].dtypes, manifest[COLUMNS].dtypes)


def test_bad_files_are_recorded_not_fatal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "f"
    for value, name in enumerate(("train/a.png", "val/b.png")):
        draw(folder / name, value)
    draw(folder / "val" / "dot.png", size=(1, 1))
    (folder / "val" / "text.jpg").write_text("not an image")
    frames = [Image.new("L", (4, 4), v) for v in (0, 255)]
    frames[0].save(folder / "train" / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "train" / "notes.txt").touch()
    with caplog.at_level(logging.INFO):
        manifest, skipped = run(dataset("folder", folder), tmp_path)
    assert manifest["id"].tolist() == ["train/a", "train/moving", "val/b"]
    assert skipped == {
        ("val/dot.png", "val"): "a single pixel",
        ("val/text.jpg", "val"): "not an image, or of an unknown kind",
        ("train/notes.txt", ""): "not an image by its suffix",
    }
    assert "d: 2 train, 1 val; 3 files left out" in caplog.text
    done, loud = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert done == "d: 1 image converted (1: first frame of an animation); see converted.csv"
    assert loud.startswith("d: 2 files left out (") and "1: a single pixel" in loud


def test_missing_labels_are_recorded_where_a_label_is_asked_for(tmp_path: Path) -> None:
    lines = ["path,split,kind"]
    for i, kind in enumerate(["x", "", "y", "x"]):
        draw(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{'train' if i < 2 else 'val'},{kind}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    manifest, skipped = run(dataset("table", tmp_path / "t.csv", label="kind"), tmp_path)
    assert manifest["id"].tolist() == ["0", "2", "3"]
    assert skipped.pop(("1.png", "train")) == "no label in the column kind"
    assert skipped == {("t.csv", ""): "list file"}
    manifest, skipped = run(dataset("table", tmp_path / "t.csv"), tmp_path)
    assert len(manifest) == 4 and ("1.png", "train") not in skipped
    # what the first run wrote beside the images
    assert skipped[("m.parquet", "")] == skipped[("copies.csv", "")] == "not named by the table"


def test_listed_files_that_are_missing_or_no_files(tmp_path: Path, celeba: Path) -> None:
    (celeba / "img_align_celeba" / "000003.jpg").unlink()
    manifest, skipped = run(dataset("celeba", celeba), tmp_path)
    assert len(manifest) == 6
    assert skipped["img_align_celeba/000003.jpg", "train"] == "file is missing"
    for name in ("000006.jpg", "000007.jpg"):
        (celeba / "img_align_celeba" / name).unlink()
    with pytest.raises(InputError, match=r"datasets\.d\.path: .*split val .*2: file is missing"):
        run(dataset("celeba", celeba), tmp_path / "out")
    assert not (tmp_path / "out" / "m.parquet").exists()
    names = ("a.png", "b.png", "pipe.png", "zero.png")
    lines = [f"{name},{'val' if number else 'train'}" for number, name in enumerate(names)]
    (tmp_path / "t.csv").write_text("\n".join(["path,split", *lines]) + "\n")
    for value, name in enumerate(names[:2]):
        draw(tmp_path / name, value)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    _, skipped = run(dataset("table", tmp_path / "t.csv"), tmp_path)
    for name in names[2:]:
        assert skipped[(name, "val")] == "a device or pipe, not a file"


def test_bytes_do_not_depend_on_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "f"
    for i in range(40):
        draw(folder / ("train" if i % 3 else "val") / f"{i}.png", i)
    (folder / "train" / "bad.png").touch()
    written = []
    for threads, chunk in ((1, 64), (8, 1)):
        monkeypatch.setattr(workers, "THREADS", threads)
        monkeypatch.setattr(workers, "CHUNK", chunk)
        run(dataset("folder", folder), tmp_path)
        written.append([(tmp_path / f).read_bytes() for f in ("m.parquet", "s/m.csv")])
    assert written[0] == written[1]


def test_copies_never_cross_the_splits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "f"
    for name, value in {"train/x/a": 1, "train/x/b": 2, "val/x/c": 1, "val/y/d": 3}.items():
        draw(folder / f"{name}.png", value)
    (folder / "val" / "y" / "e.png").symlink_to(folder / "train" / "x" / "a.png")
    with caplog.at_level(logging.WARNING):
        manifest, skipped = run(dataset("folder", folder, label="class"), tmp_path)
    assert manifest["id"].tolist() == ["train/x/b", "val/x/c", "val/y/d", "val/y/e"]
    assert skipped == {("train/x/a.png", "train"): COPY}
    copies = pd.read_csv(tmp_path / "copies.csv")
    assert copies[["id", "split", "kept"]].to_numpy().tolist() == [
        ["train/x/a", "train", False],
        ["val/x/c", "val", True],
        ["val/y/e", "val", True],
    ]
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told[1] == (
        "d: 3 files show only 1 different image (equal bytes); 1 of them left out of train, "
        "because "
        "val has them; 1 of these images have two labels; see duplicates.csv"
    )
    (folder / "train" / "x" / "b.png").unlink()
    with pytest.raises(InputError, match=f"split train can be used .1: {re.escape(COPY)}"):
        run(dataset("folder", folder), tmp_path)


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
    (root / "val" / "self.png").symlink_to("self.png")
    (root / "val" / "device.png").symlink_to("/dev/null")
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
        "val/device.png": walk.SPECIAL,
        "val/gone.png": walk.BROKEN,
        "val/pipe.png": walk.SPECIAL,
        "val/scan": walk.RENAMED,
        "val/self.png": walk.BROKEN,
    }


def test_what_is_unused_of_publishers_folders(celeba: Path, rvl_cdip: Path) -> None:
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
