"""Review of a folder of copies without a config, and what the next run makes of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from codes import anonymized, files, photograph, read_codes, save, statuses
from PIL import Image

from anonbench.anonymization.files.corrections import review_folder
from anonbench.anonymization.files.run import Anonymized
from anonbench.cli import main
from anonbench.core.errors import InputError
from anonbench.detection.review.server import ReviewServer
from anonbench.detection.review.session import Gone, Review

FAINT = "fewer than 128 grey levels between the darkest and the brightest pixel"
BOX = [10.0, 20.0, 60.0, 50.0]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with codes, an image without one, a faint one and a PDF."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    save(folder, "a.png")
    save(folder, "none.png", code=False)
    photograph("z").convert("L").point(lambda value: 100 + value // 8).save(folder / "z.png")
    photograph("one").save(
        folder / "scan.pdf", save_all=True, append_images=[photograph("two")], resolution=150
    )
    return folder


def run(photos: Path, **options: Any) -> Anonymized:
    return anonymized(photos, Path("out"), **options)


def confirm(review: Review, name: str, *added: list[float], removed: bool = False) -> None:
    """Confirm an image, its regions kept or all removed, and others added."""
    number = next(n for n, entry in enumerate(review.entries) if entry.id == name)
    image = review.image(number)
    kept = (
        [] if removed else [{k: r[k] for k in ("found", "row") if k in r} for r in image["regions"]]
    )
    new = [{"entity": "text", "box": box} for box in added]
    review.confirm(number, image["version"], [*kept, *new])


def hidden(name: str) -> bool:
    """Whether the box is black in a copy."""
    x0, y0, x1, y1 = map(int, BOX)
    return not np.asarray(Image.open(Path("out", name)).convert("L"))[y0:y1, x0:x1].any()


def test_doubtful_images_come_first_and_each_page_is_one(photos: Path) -> None:
    done = run(photos)
    assert done.doubtful == 1 and done.is_doubtful
    review = review_folder(Path("out"), sample=1)
    assert [(entry.id, entry.why[0]) for entry in review.entries[:2]] == [
        ("none.png", "nothing was found"),
        ("z.png", FAINT),
    ]
    assert {entry.id for entry in review.entries} == {
        *("a.png", "none.png", "z.png", "scan.pdf/page-0001", "scan.pdf/page-0002")
    }
    number = next(n for n, e in enumerate(review.entries) if e.id == "scan.pdf/page-0002")
    assert review.image(number)["regions"][0]["entity"] == "barcode"
    assert review.picture(number).startswith(b"\xff\xd8")


def test_what_was_marked_is_hidden_by_the_next_run_and_nothing_else_changes(photos: Path) -> None:
    run(photos)
    before = files(Path("out"))
    review = review_folder(Path("out"), sample=1)
    confirm(review, "none.png", BOX)
    confirm(review, "z.png")
    confirm(review, "scan.pdf/page-0002", BOX)
    done = run(photos)
    assert (done.corrected, done.written) == (2, 4)
    assert done.doubtful == 0 and not done.is_doubtful, "a person looked at the faint one"
    after = files(Path("out"))
    assert hidden("none.png") and after["scan.pdf"] != before["scan.pdf"]
    assert {name for name in before if after[name] != before[name]} == {"scan.pdf"}
    rows = json.loads(done.audit.read_text("utf-8"))["images"]
    pdf = next(row for row in rows if row["name"] == "scan.pdf")
    assert [(row["page"], row["entity"]) for row in pdf["regions"]].count((2, "text")) == 1
    assert [row["entity"] for row in pdf["found"]] == ["barcode", "barcode"]
    assert done.made == 2 and run(photos) == replace(done, made=0), "nothing else changed"
    again = review_folder(Path("out"), sample=1).overview()
    looked = {again["images"][place]["name"] for place in again["looked"]}
    assert looked == {"none.png", "z.png", "scan.pdf/page-0002"}


def test_what_was_removed_stays_in_sight_unless_the_image_changes(photos: Path) -> None:
    run(photos)
    confirm(review_folder(Path("out"), sample=1), "a.png", BOX, removed=True)
    run(photos)
    assert read_codes(Path("out/a.png")) == [] and hidden("a.png"), "the box hides part of the code"
    Path("out.corrections.csv").write_text(
        "id,action,entity,x0,y0,x1,y1\na.png,remove,barcode,,,,\na.png,add,text,150,100,190,140\n"
    )
    run(photos)
    assert read_codes(Path("out/a.png")) == ["a.png"]
    save(photos, "a.png", grey=True)
    for _ in range(2):
        run(photos)
        assert read_codes(Path("out/a.png")) == [], "the person saw another image"


def test_what_is_added_to_an_image_is_added_to_its_copies(photos: Path) -> None:
    shutil.copy(photos / "none.png", photos / "x.png")
    shutil.copy(photos / "scan.pdf", photos / "y.pdf")
    run(photos)
    review = review_folder(Path("out"), sample=1)
    confirm(review, "none.png", BOX)
    confirm(review, "scan.pdf/page-0002", BOX)
    assert "1 more files have the same bytes" in " ".join(review.image(0)["notes"])
    done = run(photos)
    assert hidden("none.png") and hidden("x.png") and done.corrected == 4
    assert files(Path("out"))["y.pdf"] == files(Path("out"))["scan.pdf"]


def test_wrong_corrections_are_said(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(photos)
    Path("out.corrections.csv").write_text(
        "id,action,entity,x0,y0,x1,y1\na.png,add,text,900,900,950,950\nz.png,add,text,1,1,9,9\n"
    )
    done = run(photos)
    assert statuses(done)["a.png"] == "failed" and not Path("out/a.png").exists()
    assert "a correction of it lies outside" in str(done.reasons["failed"])
    (photos / "z.png").unlink()
    assert run(photos).corrected == 1, "a row of an image that is gone is no mistake"
    Path("out.corrections.csv").write_text(
        "path,action,entity,x0,y0,x1,y1\na.png,add,text,9,9,50,50\nNone.png,add,text,1,1,9,9\n"
    )
    before = files(Path("out"))
    with pytest.raises(InputError, match=r"row 2 .* below .*photos with its suffix"):
        run(photos)
    assert files(Path("out")) == before


def test_originals_that_are_elsewhere_or_changed(photos: Path) -> None:
    run(photos)
    photos.rename("moved")
    with pytest.raises(InputError, match="name the place of the originals by --images"):
        review_folder(Path("out"), sample=1)
    review = review_folder(Path("out"), sample=1, originals="moved")
    save(Path("moved"), "none.png", grey=True, code=False)
    with pytest.raises(Gone, match="has changed since it was searched"):
        review.picture(0)


def test_the_command_opens_a_folder_and_says_how_its_corrections_are_used(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.png").write_bytes(b"no image")
    for name in ("gone.png", "lost.png"):
        save(photos, name)
    run(photos)
    for name in ("gone.png", "lost.png"):
        (photos / name).unlink()

    def interrupted(server: ReviewServer) -> None:
        confirm(server.review, "none.png", BOX)
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    assert main(["review", "out", "--sample", "2"]) == 0
    told = capsys.readouterr()
    assert "corrections: " in told.err and "out.corrections.csv" in told.err
    assert "\n1 image not shown, not readable" in told.err
    assert "\n2 images not shown, the originals are gone" in told.err
    assert "1 of 5 images were looked at" in told.out
    assert "to hide what was marked: the same `anonbench anonymize … -o out` again" in told.out
    assert main(["review", "photos"]) == 1
    assert "photos: no folder that `anonbench anonymize` wrote" in capsys.readouterr().err
