"""What is hidden in an image is hidden in all images of the same bytes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.config import DataSource, Layout
from anonbench.core.provenance import file_digest
from anonbench.datasets.annotations import (
    Annotations,
    Images,
    read_boxes_file,
    read_corrections,
    read_regions,
    share_among_copies,
)
from anonbench.datasets.listing import list_images
from anonbench.datasets.manifest import left_out_copies
from anonbench.detection.user_annotations import match_user_file

COPIES = pd.DataFrame(
    [("d", "train/a", False), ("d", "val/a", True), ("d", "val/b", True)],
    columns=["digest", "id", "kept"],
)
USED = pd.DataFrame(
    [("val/a", 40, 20, "d"), ("val/b", 40, 20, "d"), ("val/c", 40, 20, "e")],
    columns=["id", "width", "height", "digest"],
).assign(path=lambda frame: frame["id"] + ".png")
LISTED = pd.DataFrame({"id": ["train/a", *USED["id"]]}).assign(path=lambda f: f["id"] + ".png")
SEED = 1
"""One that draws an image of each split."""
HEADER = "id,entity,x0,y0,x1,y1,action\n"


def read(folder: Path, *rows: str, corrections: bool = False, spread: bool = True) -> Annotations:
    file = folder / "own.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    images = Images(Path("/d"), pd.concat([USED, left_out_copies(COPIES, USED, LISTED)]))
    found = (read_corrections if corrections else read_boxes_file)(file, images)
    return share_among_copies(found, COPIES, spread=spread)


def test_a_box_of_the_copy_that_is_left_out_is_on_those_that_are_used(tmp_path: Path) -> None:
    rows = read(tmp_path, "train/a,face,1,2,30,12,", "val/c,text,1,2,3,4,").rows
    pairs = [["val/c", "text"], ["val/a", "face"], ["val/b", "face"]]
    assert rows[["id", "entity"]].values.tolist() == pairs


def test_one_box_on_all_copies_is_one_region_of_each(tmp_path: Path) -> None:
    boxes = [f"{name},face,1,2,30,12," for name in ("train/a", "val/a", "val/b")]
    assert read(tmp_path, *boxes).rows["id"].tolist() == ["val/a", "val/b"]
    rows = read(tmp_path, "val/a,face,1,2,30,12,", "val/b,face,1,2,31,12,").rows
    assert sorted(rows["id"]) == ["val/a", "val/a", "val/b", "val/b"]


def test_additions_count_for_copies_and_removals_do_not(tmp_path: Path) -> None:
    lines = ("val/a,face,1,2,30,12,add", "val/a,text,,,,,remove")
    rows = read(tmp_path, *lines, corrections=True).rows
    pairs = [["val/a", "add"], ["val/a", "remove"], ["val/b", "add"]]
    assert rows[["id", "action"]].values.tolist() == pairs


def test_a_truth_stays_with_its_images(tmp_path: Path) -> None:
    rows = ("train/a,face,1,2,30,12,", "val/a,face,1,2,30,12,")
    found = read(tmp_path, *rows, spread=False)
    assert found.rows["id"].tolist() == found.images == ["val/a"]


def test_a_box_at_an_image_that_is_not_used_is_on_its_copy(tmp_path: Path) -> None:
    """What `subset` leaves out is read only where its size is a used image's."""
    contents = {"train/a": b"one", "train/b": b"two", "train/c": b"three", "val/d": b"four"}
    for image_id, content in contents.items():
        (tmp_path / "images" / image_id).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / f"{image_id}.png").write_bytes(content)
    whole = DataSource(layout=Layout.FOLDER, path=tmp_path / "images")
    source = whole.model_copy(update={"subset": 2})
    images = list_images("own", source, SEED)
    (used,) = (each for each in images["id"] if each.startswith("train/"))
    (other, far) = sorted(contents.keys() - set(images["id"]), key=lambda name: contents[name])
    for image_id, copied in ((other, used), (far, used)):
        (tmp_path / "images" / f"{image_id}.png").write_bytes(contents[copied])
    (tmp_path / "images" / f"{far}.png").write_bytes(b"x" * len(contents[used]))
    digests = [file_digest(tmp_path / "images" / path) for path in images["path"]]
    sizes = [(tmp_path / "images" / path).stat().st_size for path in images["path"]]
    manifest, duplicates = tmp_path / "manifest.parquet", tmp_path / "duplicates.csv"
    images.assign(width=40, height=20, bytes=sizes, digest=digests).to_parquet(manifest)
    duplicates.write_text("digest,id,split,kept\n")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"id,entity,x0,y0,x1,y1\n{other},face,1,2,30,12\n{far},text,1,2,30,12\n")
    output = tmp_path / "rows.parquet"
    match_user_file("boxes", boxes, "own", source, SEED, manifest, duplicates, output)
    found = read_regions(output, list(images["id"]))
    assert {name: [region.entity for region in found[name]] for name in found} == {used: ["face"]}
