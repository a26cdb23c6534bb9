"""Boxes that are turned, and boxes of images of the same bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_sets import as_json, coco

from anonbench.anonymization.checked import anonymize
from anonbench.config import DataSource, Layout
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Variant
from anonbench.datasets.annotations import read as own
from anonbench.datasets.annotations.rows import Images
from anonbench.datasets.listing import list_images
from anonbench.datasets.manifest import left_out_copies
from anonbench.detection.user_annotations import match_user_file

LISTED = pd.DataFrame([("a", "a.jpg", 200, 100)], columns=["id", "path", "width", "height"])
IMAGES = Images(Path("/data"), LISTED)
BOX = [60.0, 40.0, 80.0, 20.0]


def only(folder: Path, size: tuple[int, int] | None = (200, 100), **annotation: Any) -> Region:
    """Return what is read of a box in a COCO file, by what the file says of it and its image."""
    image = dict(zip(("width", "height"), size or (), strict=False))
    path = as_json(folder, coco({"id": 5, "bbox": BOX} | annotation, **image))
    (region,) = own.read_boxes_file(path, IMAGES).regions()["a"]
    return region


def by_cvat(rotation: Any) -> dict[str, Any]:
    return {"attributes": {"occluded": False, "rotation": rotation}, "segmentation": []}


@pytest.mark.parametrize("rotation", [30.0, "30", 390, -330])
def test_a_box_is_turned_about_its_centre_clockwise(tmp_path: Path, rotation: Any) -> None:
    """By hand: the right end of the middle line goes down by 40 sin 30° = 20 pixels."""
    region = only(tmp_path, **by_cvat(rotation))
    corners = np.array(region.quad).reshape(4, 2)
    right, left = corners[1:3].mean(axis=0), corners[[0, 3]].mean(axis=0)
    assert right == pytest.approx([100 + 40 * np.cos(np.pi / 6), 70], abs=1e-4)
    assert left == pytest.approx([100 - 40 * np.cos(np.pi / 6), 30], abs=1e-4)
    white = np.full((100, 200), 255, np.uint8)
    hidden = anonymize(white, [region], Variant.parse("mask-100")) == 0
    assert hidden[69, 133] and hidden[31, 66] and not hidden[31, 133] and not hidden[69, 66]


@pytest.mark.parametrize(
    "annotation",
    [
        {"rotation": 12.5},
        {"attributes": {"box_angle": 0.3}},
        {"attributes": {"rotated": True}},
        by_cvat("a little"),
        by_cvat(20.0) | {"segmentation": [[60, 40, 140, 40, 140, 60, 60, 60]], "bbox": None},
    ],
)
def test_other_turns_are_refused(tmp_path: Path, annotation: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"annotation 5, .*not known how this turns the shape"):
        only(tmp_path, **annotation)


def test_what_turns_out_of_the_image_is_cut_and_nothing_is_fine(tmp_path: Path) -> None:
    standing = only(tmp_path, **by_cvat(90.0))  # all of it is inside
    assert (standing.x0, standing.y0, standing.x1, standing.y1) == (90, 10, 110, 90)
    region = only(tmp_path, bbox=[60, 75, 80, 20], **by_cvat(80.0))
    assert region.y1 == 100 and max((region.quad or ())[1::2]) > 110
    with pytest.raises(InputError, match=r"126\.129 is outside the image"):
        only(tmp_path, None, bbox=[60, 75, 80, 20], **by_cvat(80.0))
    nothing = {"attributes": {"angle": None, "rectangle": 7, "rotation": ""}}
    for fields in ({"rotation": 0}, {"rotation": float("nan")}, nothing, by_cvat(0.0)):
        upright = only(tmp_path, **fields)
        assert upright.quad is None and (upright.x0, upright.x1) == (60, 140)


@pytest.mark.parametrize("read", [own.read_boxes_file, own.read_corrections])
def test_tables(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "boxes.csv"
    corners = ",".join(f"q{number}" for number in range(8))
    head = f"id,action,entity,x0,y0,x1,y1,rotation,{corners}\n"
    plain = "a,add,text,60,40,140,60,0,,,,,,,,\n"
    path.write_text(f"{head}{plain}a,add,text,60,40,140,60,12.5,,,,,,,,\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"row 2 \(image a\), rotation: not read"):
        read(path, IMAGES)
    turned = "a,add,text,60,30,140,70,12.5,60,40,140,30,140,60,60,70\n"
    path.write_text(f"{head}{plain}{turned}", encoding="utf-8")
    if read is own.read_boxes_file:
        assert len(read(path, IMAGES).rows) == 2
    else:  # corrections have no corners
        with pytest.raises(InputError, match="give the box around it"):
            read(path, IMAGES)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_nan_turns_nothing_and_is_no_corner(tmp_path: Path, kind: str) -> None:
    """NaN is how a table writes an empty cell, of a column in which other boxes are turned."""
    corners = [60, 40, 140, 30, 140, 60, 60, 70]
    rows = [
        ("a", "text", 60, 40, 140, 60, np.nan, *[np.nan] * 8, np.nan),
        ("a", "text", 60, 30, 140, 70, 12.5, *corners, 0.5),
    ]
    names = ["id", "entity", *("x0", "y0", "x1", "y1"), "rotation"]
    names += [*(f"q{number}" for number in range(8)), "score"]
    table, path = pd.DataFrame(rows, columns=names), tmp_path / f"boxes.{kind}"
    write = {"csv": lambda: table.to_csv(path, index=False, na_rep="nan")}
    write.get(kind, lambda: table.to_parquet(path))()
    plain, turned = own.read_boxes_file(path, IMAGES).regions()["a"]
    assert plain.quad is None and plain.score == 1 and turned.quad == tuple(corners)
    table["rotation"] = [30.0, 12.5]  # of a box whose corners are NaN it is not known
    write.get(kind, lambda: table.to_parquet(path))()
    with pytest.raises(InputError, match=r"row 1 \(image a\), rotation: not read"):
        own.read_boxes_file(path, IMAGES)


COPIES = pd.DataFrame(
    [("d", "train/a", False), ("d", "val/a", True), ("d", "val/b", True)],
    columns=["digest", "id", "kept"],
)
USED = pd.DataFrame(
    [("val/a", 40, 20, "d"), ("val/b", 40, 20, "d"), ("val/c", 40, 20, "e")],
    columns=["id", "width", "height", "digest"],
).assign(path=lambda frame: frame["id"] + ".png")
ALL_LISTED = pd.DataFrame({"id": ["train/a", *USED["id"]]}).assign(path=lambda f: f["id"] + ".png")
SEED = 1  # one that draws an image of each split
HEADER = "id,entity,x0,y0,x1,y1,action\n"


def read(
    folder: Path, *rows: str, corrections: bool = False, spread: bool = True
) -> own.Annotations:
    file = folder / "own.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    images = Images(Path("/d"), pd.concat([USED, left_out_copies(COPIES, USED, ALL_LISTED)]))
    found = (own.read_corrections if corrections else own.read_boxes_file)(file, images)
    return own.share_among_copies(found, COPIES, spread=spread)


def test_boxes_of_copies(tmp_path: Path) -> None:
    lines = ("val/a,face,1,2,30,12,add", "val/a,text,,,,,remove")
    rows = read(tmp_path, *lines, corrections=True).rows
    pairs = [["val/a", "add"], ["val/a", "remove"], ["val/b", "add"]]
    assert rows[["id", "action"]].values.tolist() == pairs
    rows = read(tmp_path, "train/a,face,1,2,30,12,", "val/c,text,1,2,3,4,").rows
    pairs = [["val/c", "text"], ["val/a", "face"], ["val/b", "face"]]
    assert rows[["id", "entity"]].values.tolist() == pairs
    boxes = [f"{name},face,1,2,30,12," for name in ("train/a", "val/a", "val/b")]
    assert read(tmp_path, *boxes).rows["id"].tolist() == ["val/a", "val/b"]
    rows = read(tmp_path, "val/a,face,1,2,30,12,", "val/b,face,1,2,31,12,").rows
    assert sorted(rows["id"]) == ["val/a", "val/a", "val/b", "val/b"]
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
    match_user_file("boxes", boxes, "own", source, SEED, manifest, duplicates, output, {})
    found = own.read_regions(output, list(images["id"]))
    assert {name: [region.entity for region in found[name]] for name in found} == {used: ["face"]}
