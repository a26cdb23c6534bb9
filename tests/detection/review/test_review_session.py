"""A review from detection's results to the next run: corrections, record, other writers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.config import Config
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.datasets.images import decode
from anonbench.detection.review import file as file_module
from anonbench.detection.review.session import Conflict, Gone, Review
from anonbench.detection.user_annotations import seen_images
from image_files import turned
from reviewed_archive import NAME, SIZE, detect, make_archive, review

NAMES = ["a b.png", "ä/1.png", "ä/2.png", "<i>x.png"]
MISSED = {"entity": "face", "box": [100, 70, 160, 90]}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    detect(make_archive(folder, NAMES))
    return folder


@pytest.fixture
def config(searched: Path, tmp_path: Path) -> Config:
    """Return the config of a copy of the archive, after detection."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    return make_archive(tmp_path, NAMES)


def place(session: Review, name: str) -> int:
    return [entry.id for entry in session.entries].index(name)


def corrections(config: Config) -> Path:
    path = config.datasets[NAME].corrections
    assert path is not None
    return path


def decide(session: Review, name: str, regions: list[dict[str, object]]) -> dict[str, object]:
    number = place(session, name)
    return session.confirm(number, session.image(number)["version"], regions)


def found_boxes(regions: list[Region]) -> list[tuple[object, ...]]:
    return sorted((str(r.entity), r.x0, r.y0, r.x1, r.y1) for r in regions)


def test_added_moved_and_removed_regions_are_those_of_the_next_run(config: Config) -> None:
    session = review(config)
    decide(session, "a b", [{"found": 0}, MISSED])
    decide(session, "ä/1", [{"entity": "text", "box": [9, 18, 70, 42]}])
    decide(session, "ä/2", [])
    decide(session, "<i>x", [{"found": 0}])
    assert corrections(config).read_text() == (
        "id,action,entity,x0,y0,x1,y1\n"
        "a b,add,face,100,70,160,90\n"
        "ä/1,add,text,9,18,70,42\n"
        "ä/1,remove,text,11,20,61,40\n"
        "ä/2,remove,text,12,20,62,40\n"
    )
    after = detect(config)
    assert found_boxes(after["a b"]) == [("face", 100, 70, 160, 90), ("text", 10, 20, 60, 40)]
    assert found_boxes(after["ä/1"]) == [("text", 9, 18, 70, 42)]
    assert "ä/2" not in after and found_boxes(after["<i>x"]) == [("text", 13, 20, 63, 40)]


def test_a_review_goes_on_after_a_restart_and_after_the_next_run(config: Config) -> None:
    decide(review(config), "a b", [{"found": 0}, MISSED])
    for again in (False, True):
        if again:
            detect(config)
        session = review(config)
        image = session.image(place(session, "a b"))
        assert image["looked"] and image["removed"] == []
        assert [(r["entity"], r.get("row")) for r in image["regions"]] == [
            ("text", None),
            ("face", "1"),
        ]
        assert session.summary()["looked_at"] == 1
        assert session.record.looks["a b"].missed == 1
    decide(session, "a b", [{"found": 0}])
    assert corrections(config).read_text() == "id,action,entity,x0,y0,x1,y1\n"
    assert found_boxes(detect(config)["a b"]) == [("text", 10, 20, 60, 40)]


def test_a_look_does_not_count_where_other_regions_are_found_now(config: Config) -> None:
    decide(review(config), "a b", [{"found": 0}])
    boxes = config.datasets[NAME].boxes
    assert boxes is not None
    boxes.write_text(boxes.read_text().replace("a b.png,text,10,", "a b.png,text,5,"))
    detect(config)
    session = review(config)
    assert session.summary()["looked_at"] == 0
    assert not session.image(place(session, "a b"))["looked"]


def test_rows_of_others_stay_as_they_are(config: Config) -> None:
    corrections(config).write_text(
        "\ufeffpath,note,action,entity,x0,y0,x1,y1\n"
        'ä/2.png,"mine, really",add,face,1.50,2,9,9\n'
        "\n"
        "a b.png,all of it,remove,text,,,,\n"
    )
    session = review(config)
    image = session.image(place(session, "a b"))
    assert image["regions"] == [] and len(image["removed"]) == 1
    decide(session, "ä/1", [{"found": 0}, MISSED])
    assert corrections(config).read_text() == (
        "id,path,note,action,entity,x0,y0,x1,y1\n"
        ",a b.png,all of it,remove,text,,,,\n"
        "ä/1,,,add,face,100,70,160,90\n"
        ',ä/2.png,"mine, really",add,face,1.50,2,9,9\n'
    )
    decide(session, "a b", [{"found": 0}])
    assert "all of it" not in corrections(config).read_text()


def test_a_file_edited_meanwhile_is_read_again_and_never_overwritten(config: Config) -> None:
    session = review(config)
    number = place(session, "a b")
    before = session.image(number)["version"]
    other = "id,action,entity,x0,y0,x1,y1\na b,add,mrz,0,0,30,30\nä/1,add,mrz,0,0,40,40\n"
    corrections(config).write_text(other)
    with pytest.raises(Conflict, match="load it again"):
        session.confirm(number, before, [])
    assert corrections(config).read_text() == other and not session.record.looks
    decide(session, "ä/2", [{"found": 0}, MISSED])  # another image than those of the edit
    text = corrections(config).read_text()
    assert "a b,add,mrz,0,0,30,30\n" in text and "ä/1,add,mrz" in text and "ä/2,add,face" in text
    version = session.image(number)["version"]
    for broken in (b"id,action\na b,add\n", (text + "\u00e4/1").encode("latin-1")):
        corrections(config).write_bytes(broken)
        with pytest.raises(InputError):
            session.image(number)
        with pytest.raises(InputError):
            session.confirm(number, version, [{"found": 0}])
        assert corrections(config).read_bytes() == broken
    corrections(config).write_text(text)
    assert session.image(number)["version"] == version
    corrections(config).unlink()
    with pytest.raises(InputError, match="is gone since this review began"):
        decide(session, "ä/2", [])


def test_unreadable_never_takes_the_place(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    session = review(config)
    decide(session, "ä/1", [{"found": 0}, MISSED])
    before = corrections(config).read_bytes()
    wrong = "id,action,entity,x0,y0,x1,y1\nä/2,add,nose,0,0,9,9\n"
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda _, to, **__: to.write_text(wrong))
    with pytest.raises(InputError, match="'nose' is none of"):
        decide(session, "ä/2", [MISSED])
    assert corrections(config).read_bytes() == before and "ä/2" not in session.record.looks


def test_a_file_that_changed_or_went_is_told_and_not_confirmed(config: Config) -> None:
    session = review(config)
    root = config.datasets[NAME].path
    (root / "a b.png").write_bytes((root / "ä/1.png").read_bytes())
    (root / "ä/2.png").unlink()
    for name in ("a b", "ä/2"):
        with pytest.raises(Gone, match="is missing, or has changed since it was searched"):
            session.picture(place(session, name))
        with pytest.raises(Gone, match="is missing, or has changed since it was searched"):
            decide(session, name, [MISSED])
    assert not corrections(config).exists() and not session.record.path.exists()


def test_what_is_added_to_one_of_equal_files_is_hidden_in_all(tmp_path: Path) -> None:
    config = make_archive(tmp_path, ["a.png", "b.png", "c.png"])
    root = config.datasets[NAME].path
    shutil.copy(root / "a.png", root / "b.png")
    detect(config)
    session = review(config)
    shown = {entry.id: session.image(place(session, entry.id)) for entry in session.entries}
    ids = [name for name, image in shown.items() if "same bytes" in str(image["notes"])]
    decide(session, ids[0], [{"found": 0}, MISSED])
    for name in ids:
        assert "face" in {r["entity"] for r in session.image(place(session, name))["regions"]}


def test_corrections_are_of_the_image_that_was_seen(config: Config) -> None:
    session, folder = review(config), config.datasets[NAME].path
    decide(session, "a b", [MISSED])
    decide(session, "ä/1", [])
    decide(session, "ä/2", [])
    decide(session, "<i>x", [{"found": 0}])
    assert {*seen_images(corrections(config))} == {"a b", "ä/1", "ä/2"}, "all with corrections"
    Image.new("RGB", SIZE).save(folder / "ä/1.png")
    (folder / "a b.png").rename(folder / "new name.png")
    (folder / "<i>x.png").rename(folder / "a b.png")
    boxes = config.datasets[NAME].boxes
    assert boxes is not None
    boxes.write_text(boxes.read_text().replace("<i>x.png", "new name.png"))
    after = detect(config)
    text = ("text", 10, 20, 60, 40)
    assert text in found_boxes(after["a b"]), "a removal ends where the image is another"
    assert ("face", 100, 70, 160, 90) in found_boxes(after["new name"]), "what was added moves"
    assert "ä/1" in after and "ä/2" not in after, "it is unchanged"
    decide(review(config), "a b", [])
    assert "a b" not in detect(config)


def test_pictures_are_upright_and_positions_those_of_the_upright_original(tmp_path: Path) -> None:
    config = make_archive(tmp_path, ["a.jpg", "b.jpg"])
    root = config.datasets[NAME].path
    pixels = np.full((5000, 200, 3), 200, np.uint8)  # stored on its side, and larger than is sent
    pixels[:100, :] = 0
    Image.fromarray(pixels).save(root / "b.jpg", exif=turned())
    detect(config)
    session = review(config)
    number = place(session, "b")
    image = session.image(number)
    assert (image["width"], image["height"]) == (5000, 200)
    assert "Shown at 1/1.2 of its size" in image["notes"][-1]
    shown = decode(session.picture(number))
    assert shown.shape[:2] == (164, 4096)
    assert shown[:, -40:].mean() < 50 < shown[:, :-160].mean()
    decide(session, "b", [{"entity": "text", "box": [4900, 0, 5000, 200]}])
    assert found_boxes(detect(config)["b"]) == [("text", 4900, 0, 5000, 200)]


def test_a_page_of_a_document_is_an_image_of_its_own(tmp_path: Path) -> None:
    config = make_archive(tmp_path, ["a.png"])
    first, second = (Image.new("L", (90, 60), level) for level in (250, 20))
    path = config.datasets[NAME].path / "scan.tif"
    first.save(path, save_all=True, append_images=[second], compression="tiff_lzw")
    detect(config)
    session = review(config)
    pages = sorted(entry.id for entry in session.entries if entry.path == "scan.tif")
    assert len(pages) == 2
    shown = [decode(session.picture(place(session, name))).mean() for name in pages]
    assert shown == pytest.approx([250, 20], abs=2)
    decide(session, pages[1], [{"entity": "text", "box": [10, 10, 50, 30]}])
    after = detect(config)
    assert found_boxes(after[pages[1]]) == [("text", 10, 10, 50, 30)] and pages[0] not in after


NO_REGIONS: list[dict[str, object]] = [
    {"entity": "face", "box": [0, 0, SIZE[0] + 1, 5]},
    {"entity": "face", "box": [5, 5, 5, 9]},
    {"entity": "face", "box": [-1, 0, 5, 5]},
    {"entity": "nose", "box": [0, 0, 5, 5]},
    {"entity": ["face"], "box": [0, 0, 5, 5]},
    {"entity": "face", "box": [0, 0, float("nan"), 5]},
    {"entity": "face", "box": [0, 0, 10**400, 5]},
    {"entity": "face", "box": [0, False, 10, 5]},
    {"found": 1},
    {"found": -1},
    {"found": True},
    {"row": "1"},
    {"row": []},
    {},
]


def test_what_is_no_region_is_refused_and_nothing_written(searched: Path) -> None:
    config = make_archive(searched, NAMES)
    session = review(config)
    for region in NO_REGIONS:
        with pytest.raises(InputError, match="region"):
            decide(session, "a b", [{"found": 0}, region])
    assert not corrections(config).exists()


def test_results_of_no_whole_run_are_refused(config: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run anonbench run archive_boxes"):
        review(make_archive(tmp_path / "unsearched", NAMES))
    decide(review(config), "a b", [{"found": 0}, MISSED])
    before = (config.results / NAME / "boxes.parquet").read_bytes()
    detect(config)
    (config.results / NAME / "boxes.parquet").write_bytes(before)
    with pytest.raises(InputError, match="not run to its end since the corrections changed"):
        review(config)
    for path in (config.results / NAME / "detect").glob("*/*.images.parquet"):
        pd.read_parquet(path).drop(columns="doubts").to_parquet(path)
    with pytest.raises(InputError, match=r"detect is of an earlier version: run "):
        review(config)


def test_the_sample_counts_in_the_order_drawn(config: Config) -> None:
    session = review(config, sample=3)
    drawn = [entry.id for entry in session.entries[:3]]
    decide(session, drawn[1], [{"found": 0}])
    assert session.summary()["sample"]["looked_at"] == 0
    assert session.summary()["sample"]["after_a_skipped_one"] == 1
    decide(session, drawn[0], [{"found": 0}, MISSED])
    summary = session.summary()
    assert summary["sample"]["looked_at"] == 2 and summary["not_looked_at"] == 2
    assert summary["sample"]["images_with_miss"]["value"] == 0.5
    json.dumps(summary, allow_nan=False)


def test_the_record_is_the_same_whatever_the_order(config: Config) -> None:
    texts = []
    for order in (NAMES, NAMES[::-1]):
        session = review(config)
        for name in order:
            decide(session, name.removesuffix(".png"), [{"found": 0}])
        texts.append(session.record.path.read_bytes())
        session.record.path.unlink()
    assert texts[0] == texts[1]
    session.record.path.write_text("id,digest\n")
    with pytest.raises(InputError, match="no record of a review"):
        review(config)


def test_others_writing_meanwhile_is_kept(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    session = review(config)
    decide(session, "a b", [{"found": 0}, MISSED])
    path = corrections(config)
    theirs = path.read_text(encoding="utf-8").replace("100", "101")
    read = file_module.read_corrections

    def meanwhile(file: Path, *args: object, **named: object) -> object:
        if file != path:  # what is about to be written
            path.write_text(theirs, encoding="utf-8")
        return read(file, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(file_module, "read_corrections", meanwhile)
    with pytest.raises(InputError, match="changed by another program"):
        decide(session, "a b", [{"found": 0}])
    assert path.read_text(encoding="utf-8") == theirs
