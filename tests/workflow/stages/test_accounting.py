"""A mixed folder through Snakemake: every file that `find` finds is used or listed."""

import contextlib
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

import small_archive

pytestmark = pytest.mark.workflow

AVIF = b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + b"\0" * 64
BAD = {"zero.jpg": "empty file", "letter.jpg": "not an image"}
"""Files that cannot be read, and what is said of them."""


def fill(folder: Path) -> None:
    small_archive.draw(folder)
    train, val = folder / "images/train/left", folder / "images/val/left"
    codes = sorted(val.glob("*.png"))
    for name in ("IMG_1.AVIF", "IMG_2.avif", "IMG_3"):
        (val / name).write_bytes(AVIF)
    pages = [Image.open(code).convert("RGB") for code in codes[:2]]
    pages[0].save(val / "letter.pdf", save_all=True, append_images=pages[1:], resolution=150)
    (val / "photo.JPEG_original").write_bytes(b"\xff\xd8\xff\xe0 a photo")
    (val / "scan.jfif").write_bytes(b"\xff\xd8\xff\xe0 damaged")
    (train / "zero.jpg").touch()
    (train / "letter.jpg").write_text("Dear Sir or Madam")
    Image.new("CMYK", (60, 60)).save(train / "cmyk.jpg")
    (train / "copy.png").write_bytes(codes[0].read_bytes())
    (train / "linked.png").symlink_to(codes[1])
    (train / "again").symlink_to(val)
    (train / "loop").symlink_to(folder / "images")
    (train / "gone.png").symlink_to("nowhere.png")
    (train / ".DS_Store").write_bytes(b"\0")
    (folder / "images/.git").mkdir()
    (folder / "images/.git/HEAD").write_text("ref")
    (folder / "images/test").mkdir()
    (folder / "images/test/t.png").write_bytes(codes[0].read_bytes())
    (train / "a\nb.png").write_bytes(codes[2].read_bytes())
    os.mkfifo(train / "pipe.png")
    with contextlib.suppress(OSError):  # the file system takes UTF-8 names only
        os.close(os.open(os.fsencode(train) + b"/stra\xdfe.png", os.O_CREAT))


def test_used_and_listed_are_all_files(output_of: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    given = [path for path in (tmp_path / "images/train/left").iterdir() if path.is_file()]
    before = {path: path.read_bytes() for path in given}
    done = output_of(tmp_path, small_archive.config(), "--cores", "2", "archive_images")
    assert {path: path.read_bytes() for path in before} == before
    results = tmp_path / "results/archive"
    manifest = pd.read_parquet(results / "manifest.parquet")
    skipped = pd.read_csv(results / "skipped/manifest.csv", dtype=str)
    command = ["find", tmp_path / "images", "!", "-type", "d", "-printf", "%P\\0"]
    found = subprocess.run(command, check=True, capture_output=True).stdout.split(b"\0")[:-1]
    listed = [*manifest["path"].unique(), *skipped["path"]]
    assert sorted(listed) == sorted(name.decode(errors="backslashreplace") for name in found)
    assert skipped["reason"].notna().all()
    assert len(manifest) == 19
    kind = "an image of a kind that is not read (AVIF); convert it to PNG or JPEG"
    assert f"3: {kind}" in done
    drawn = "2: PDF page drawn at 150 dpi"
    assert f"archive: 3 images converted ({drawn}; " in done
    pages = {f"val/left/letter/page-000{number}" for number in (1, 2)}
    assert pages <= set(pd.read_parquet(results / "boxes.parquet")["id"])
    with tarfile.open(results / "images/mask-100/val/0.tar") as tar:
        assert {f"{page}.png" for page in pages} <= set(tar.getnames())
    copies = pd.read_csv(results / "duplicates.csv")
    left = copies.loc[~copies["kept"], "id"]
    assert sorted(left) == ["train/left/copy", "train/left/linked"]
    assert "2 of them left out of train, because val has them" in done
    whole = pd.read_csv(results / "skipped.csv", dtype=str)
    assert set(skipped["path"]) <= set(whole["path"])
    counts = pd.read_csv(results / "counts.csv")
    parts = counts[["unreadable", "failed", "without_regions", "used"]].sum(axis=1)
    assert (counts["listed"] == parts).all()
    assert counts["unreadable"].tolist() == [len(BAD), 1]  # the damaged scan
    told = {Path(row.path).name: row.reason for row in whole.itertuples()}
    assert all(said in told[name] for name, said in BAD.items())
    assert told["cmyk.jpg"] == "no region found"
    audit = pd.read_csv(results / "audit.csv").set_index("split")
    assert audit["left_out_duplicates"].to_dict() == {"train": 2, "val": 0}
