"""Boxes of a user's own: what every format says comes through, what is wrong is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_sets import as_json, coco

from anonbench.cli import main
from anonbench.core.boxes import Region, box_table, region_fault, write_boxes
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations import read as own
from anonbench.datasets.annotations.coco import write_coco
from anonbench.datasets.annotations.rows import Images

ROOT = Path("/data/archive")
LISTED = pd.DataFrame(
    [("a", "a.jpg", 100, 80), ("train/b", "train/b.png", 200, 150)],
    columns=["id", "path", "width", "height"],
)
IMAGES = Images(ROOT, LISTED)
FACE = Region(Entity.FACE, 10, 20, 30, 50, 1.0)
CORNERED = "id,entity,x0,y0,x1,y1," + ",".join(f"q{number}" for number in range(8))


def read(path: Path, images: Images = IMAGES) -> dict[str, list[Region]]:
    return own.read_boxes_file(path, images).regions()


def refusal(path: Path, reader: Callable[[Path, Images], Any] = own.read_boxes_file) -> str:
    with pytest.raises(InputError) as error:
        reader(path, IMAGES)
    assert str(error.value).startswith(f"{path}")
    return str(error.value).removeprefix(f"{path}")


def corrections_of(path: Path) -> dict[str, list[own.Correction]]:
    stored = path.with_suffix(".parquet")
    own.write_annotations(own.read_corrections(path, IMAGES), stored)
    return own.read_stored_corrections(stored, IMAGES.ids.tolist())


def csv(tmp_path: Path, *lines: str, header: str = "id,entity,x0,y0,x1,y1") -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


# --- tables ---


def test_csv_may_give_paths_corners_and_scores(tmp_path: Path) -> None:
    corners = [10, 20, 30, 20, 30, 50, 10, 50]
    header = CORNERED.replace("id,", "path,score,", 1)
    rest = ",".join(map(str, corners))
    path = csv(
        tmp_path,
        f"a.jpg,0.25,face,10,20,30,50,{rest}",
        "",
        ".//train/./b.png,,face,10,20,30,50" + "," * 8,
        "/data/archive/a.jpg,,Face,10,20,30,50" + "," * 8,
        header=header,
    )
    found = read(path)
    cornered = Region(Entity.FACE, 10, 20, 30, 50, 0.25, tuple(corners))  # type: ignore[arg-type]
    assert found["a"] == [cornered, FACE]
    assert found["train/b"] == [FACE]


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """A region as detectors give it; half of them with corners, which may pass the image's edge."""
    x0, y0 = draw(st.floats(0, 500, width=32)), draw(st.floats(0, 500, width=32))
    x1 = draw(st.floats(np.float32(x0 + 1).item(), 1000, width=32))
    y1 = draw(st.floats(np.float32(y0 + 1).item(), 1000, width=32))
    entity, score = draw(st.sampled_from(Entity)), draw(st.floats(0, 1, width=32))
    quad = (x0, y0 - 3.0, x1, y0, x1, y1, x0, y1) if draw(st.booleans()) else None
    return Region(entity, x0, y0, x1, y1, score, quad)


IDS = ["a", "b.c", "train/d", "e f"]
images = st.dictionaries(
    st.sampled_from(IDS),
    st.lists(
        regions().filter(lambda each: region_fault(each, 1000, 1000) is None),
        min_size=1,
        max_size=4,
    ),
)


@pytest.mark.slow
@settings(max_examples=24, deadline=None)
@given(kind=st.sampled_from(["csv", "parquet", "json"]), drawn=images)
@example(kind="csv", drawn={"a": [FACE, replace(FACE, quad=(10, 17, 30, 20, 30, 50, 10, 50))]})
def test_a_box_table_comes_back_as_it_was(
    kind: str, drawn: dict[str, list[Region]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    table, path = box_table(drawn, 0), folder / f"boxes.{kind}"
    manifest = pd.DataFrame({"id": IDS, "path": [f"folder/{name}.png" for name in IDS]})
    manifest = manifest.assign(width=1000, height=1000)
    write_boxes(table, folder / "table.parquet")
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "parquet":
        write_boxes(table, path)
    else:
        manifest.to_parquet(folder / "manifest.parquet")
        write_coco(folder / "table.parquet", folder / "manifest.parquet", path)
    known = Images(ROOT, manifest)
    found = own.read_boxes_file(path, known)
    pd.testing.assert_frame_equal(box_table(found.regions(), 0), table, check_exact=True)
    own.write_annotations(found, folder / "stored.parquet")
    assert own.read_regions(folder / "stored.parquet", known.ids.tolist()) == found.regions()
    assert set(own.read_regions(folder / "stored.parquet", ["a"])) <= {"a"}


# --- COCO ---


def test_coco_bbox_and_four_points(tmp_path: Path) -> None:
    corners = [10, 20, 30, 22, 29, 50, 11, 48]
    box = {"bbox": [10, 20, 20, 30]}
    shapes: list[dict[str, Any]] = [
        box,
        box | {"segmentation": [corners], "score": 0.5},
        box | {"segmentation": {"counts": "x", "size": [80, 100]}},
        {"segmentation": [[10, 20, 30, 20, 20, 50]]},
        {"segmentation": [[10, 20, 30, 20, 30, 50, 10, 50, 10, 20]]},
    ]
    found = read(as_json(tmp_path, coco(*shapes)))["a"]
    square = (10, 20, 30, 20, 30, 50, 10, 50)
    assert [region.quad for region in found] == [None, tuple(corners), None, None, square]
    assert {(r.x0, r.y0, r.x1, r.y1) for r in found} == {(10, 20, 30, 50)}
    assert [region.score for region in found] == [1, 0.5, 1, 1, 1]


@pytest.mark.parametrize(
    "shape",
    [
        [[10, 20, 30, 20, 35, 40, 30, 50, 10, 50]],
        [[10, 20, 12, 20, 12, 25, 10, 25], [20, 20, 32, 20, 32, 25, 20, 25]],
        [[10, 20, 30, 20, 20, 52]],
    ],
)
def test_coco_polygons_beyond_their_bbox_are_refused(tmp_path: Path, shape: Any) -> None:
    path = as_json(tmp_path, coco({"bbox": [10, 20, 20, 30], "segmentation": shape}))
    assert "annotation 1: its segmentation reaches beyond its bbox" in refusal(path)
    corners = [10, 20, 30, 10, 40, 50, 10, 60]  # four points are hidden
    path = as_json(tmp_path, coco({"bbox": [10, 20, 20, 30], "segmentation": [corners]}))
    assert read(path)["a"][0].quad == tuple(corners)


def test_shares_in_place_of_pixels_are_refused(tmp_path: Path) -> None:
    said = "are its numbers shares of width and height? (give pixels, or leave"
    told = refusal(as_json(tmp_path, coco({"bbox": [0.1, 0.2, 0.5, 0.5]})))
    assert " 1 (image a" in told and said in told
    for more in ((), ("a,add,face,1,1,9,9",)):
        path = csv(tmp_path, "a,add,face,0.1,0.2,0.6,1", *more, header=HEADER)
        for reader in (own.read_boxes_file, own.read_corrections):
            assert " 1 (image a" in refusal(path, reader) and said in refusal(path, reader)


def test_export_is_coco_for_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zone = Region(Entity.MRZ, 0, 0, 9, 9, 1.0, (0, 0, 9, 0, 9, 9, 0, 9))
    table = {"a": [FACE], "train/b": [zone]}
    write_boxes(box_table(table, 0), tmp_path / "b.parquet")
    LISTED.to_parquet(tmp_path / "m.parquet")
    arguments = [str(tmp_path / name) for name in ("b.parquet", "m.parquet", "out.json")]
    assert main(["boxes", "export", *arguments]) == 0
    data = json.loads((tmp_path / "out.json").read_text())
    names = {category["id"]: category["name"] for category in data["categories"]}
    first, second = data["annotations"]
    assert names[first["category_id"]] == "face" and names[second["category_id"]] == "mrz"
    assert first["bbox"] == [10, 20, 20, 30] and first["area"] == 600
    assert second["segmentation"] == [[0, 0, 9, 0, 9, 9, 0, 9]]
    by_id = {image["id"]: image for image in data["images"]}
    assert by_id[first["image_id"]]["file_name"] == "a.jpg"
    assert by_id[second["image_id"]]["width"] == 200
    for image in data["images"]:  # a tool may drop what is not COCO's
        del image["anonbench_id"]
    assert read(as_json(tmp_path, data)) == table
    (tmp_path / "out.json").unlink()
    LISTED[:1].to_parquet(tmp_path / "m.parquet")  # another data set's manifest
    assert main(["boxes", "export", *arguments]) == 1
    assert "'train/b'" in capsys.readouterr().err and not (tmp_path / "out.json").exists()


# --- what is wrong is named ---


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,face,10,20,130,50", "x1: 130 is outside the image, which has 100 × 80"),
        ("a,face,10,-5,30,50", "y0: -5 is outside"),
        ("a,face,100,20,100.5,50", "x0: the region lies outside the image"),
        ("a,face,10,20,10,50", "x1: empty or inverted box: x1 (10) is not greater"),
        ("a,face,10,,30,50", "y0: missing"),
        ("a,face,10,NaN,30,50", "y0: missing or not a finite"),
        ("a,face,10,2O,30,50", "y0: '2o' is not a number"),
        ("a,nose,10,20,30,50", "entity: 'nose' is none of face, text, barcode, mrz, ink"),
        (",face,10,20,30,50", "id: empty"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = csv(tmp_path, "a,face,10,20,30,50", line)
    image = line.partition(",")[0]
    assert refusal(path).lower().startswith(f": row 2 (image {image}), {said}".lower())


def test_rows_with_the_same_fault_are_counted(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,nose,1,1,2,2", "a,face,1,1,2,2", *["a,ear,1,1,2,2"] * 3)
    assert "row 1 " in refusal(path) and refusal(path).endswith("(3 more like it)")


def test_a_region_may_pass_the_edge_by_a_pixel(tmp_path: Path) -> None:
    (region,) = read(csv(tmp_path, "a,face,-1,-0.5,101,80.9"))["a"]
    assert (region.x0, region.y0, region.x1, region.y1) == (0, 0, 100, 80)


def test_wrong_corners_are_named(tmp_path: Path) -> None:
    for row, said in (
        ("a,text,10,20,30,50,10,20,30,20,30,50,10,", "q7: a quadrilateral needs all"),
        ("a,text,10,20,30,50,10,20,16,29,24,41,30,50", "x0: the region has its four corners on"),
        ("a,text,10,20,30,50,60,20,80,20,80,50,60,50", "x0: the region has a box that reaches"),
        # its box is cut at the edge; what is hidden are its corners, which pass the image's corner
        ("a,text,0,0,9,9,-20,10,10,-20,11,-19,-19,11", "x0: the region lies outside"),
    ):
        told = refusal(csv(tmp_path, row, header=CORNERED))
        assert told.startswith(f": row 1 (image a), {said}")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("entity,x0,y0,x1,y1", "no column id (or path)"),
        ("id,x0,y0,x1,y1", "no column entity"),
        ("path,entity,x0,y0,y1", "no column x1"),
        ("id;entity;x0;y0;x1;y1", "separated by commas"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, header: str, said: str) -> None:
    assert said in refusal(csv(tmp_path, header=header))
    assert "no column action" in refusal(csv(tmp_path), own.read_corrections)


@pytest.mark.parametrize("name", ["b.csv", "b.parquet", "b.json"])
def test_no_file_or_no_such_file(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name)
    for content in (b"", b"\x00\xff{,"):
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name)


BOX = {"bbox": [10, 20, 20, 30]}
SIZED = "image 7 (image a.jpg), width and height: "


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (coco(BOX | {"category_id": 4}), "annotation 1 (image a.jpg), entity: 'tree' is none of"),
        (coco(BOX | {"category_id": 9}), "annotation 1, category_id: 9 is not among the file's"),
        (coco(BOX | {"image_id": 9}), "annotation 1, image_id: 9 is not among the file's images"),
        (coco({"bbox": [1, 2, -3, 4]}), "annotation 1 (image a.jpg), bbox: empty or inverted"),
        (coco({"bbox": [1, 2, float("nan"), 4]}), "annotation 1 (image a.jpg), bbox: missing"),
        (coco({}), "annotation 1 (image a.jpg), bbox: missing"),
        (coco({"bbox": [90, 2, 30, 4]}), "annotation 1 (image a.jpg), bbox: 120 is outside"),
        (coco(BOX | {"id": 77, "score": None}), "annotation 77 (image a.jpg), score: not a finite"),
        (coco(BOX, width=50, height=40), f"{SIZED}made for 50 × 40 pixels, but the image has"),
        (coco(BOX) | {"categories": [3]}, "categories, entry 1: not an object"),
        (coco(BOX) | {"images": [{"file_name": "a.jpg"}]}, "images, entry 1, id: None is neither"),
        ({"images": []}, "is no COCO JSON"),
    ],
)
def test_wrong_json_is_named(tmp_path: Path, data: Any, said: str) -> None:
    assert said in refusal(as_json(tmp_path, data))


# --- corrections ---

HEADER = "id,action,entity,x0,y0,x1,y1"


def test_corrections_remove_what_they_overlap_by_half_and_then_add(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "a,add,face,11,20,30,50",
        "a,remove,face,11,21,31,49",
        "a,remove,text,,,,",
        "a,remove,barcode,1,1,5,5",
        header=HEADER,
    )
    before = path.read_bytes()
    assert "has corrections (rows with the action remove)" in refusal(path)
    corrections = corrections_of(path)
    other = Region(Entity.FACE, 60, 20, 80, 50, 0.9)
    texts = [Region(Entity.TEXT, x, 0, x + 5.0, 5, 0.9) for x in (0.0, 50.0)]
    found, unused = own.correct([*texts, FACE, other], corrections["a"])
    assert found == [other, Region(Entity.FACE, 11, 20, 30, 50, 1.0)]
    assert [(c.row, c.entity) for c in unused] == [("4", Entity.BARCODE)]
    assert set(corrections) == {"a"}
    assert path.read_bytes() == before
    # moved by s of 20 pixels: IoU (20 - s) / (20 + s); 0.54 and 0.48
    for shift, left in ((6.0, []), (7.0, [FACE])):
        path = csv(tmp_path, f"a,remove,face,{10 + shift},20,{30 + shift},50", header=HEADER)
        found, unused = own.correct([FACE], corrections_of(path)["a"])
        assert found == left and len(unused) == len(left)


def test_wrong_corrections_are_named(tmp_path: Path) -> None:
    for line, said in (
        ("a,drop,face,,,,", "action: 'drop' is neither add nor remove"),
        ("a,add,face,,,,", "x0: missing"),
        ("a,remove,face,1,,,", "y0: missing"),
        ("z,add,face,10,20,30,50", "id: no image of the data set has this id"),
    ):
        told = refusal(csv(tmp_path, line, header=HEADER), own.read_corrections)
        assert told.startswith(f": row 1 (image {line[0]}), {said}")
