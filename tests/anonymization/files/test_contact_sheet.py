"""Contact sheets and reviews of copies, and what the next run makes of them."""

import base64
import html
import io
import json
import re
import shutil
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from codes import (
    anonymized,
    faint,
    files,
    pair,
    photograph,
    read_codes,
    records,
    save,
    save_pages,
    statuses,
)  # fmt: skip
from PIL import Image

from anonbench.anonymization.files import sheet as module
from anonbench.anonymization.files.corrections import review_folder
from anonbench.anonymization.files.record import Outcome
from anonbench.anonymization.files.run import Anonymized
from anonbench.cli import main
from anonbench.core.errors import InputError
from anonbench.core.io import locked
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import draw_pdf
from anonbench.detection.review.server import ReviewServer
from anonbench.detection.review.session import Gone, Review

FAINT = "fewer than 128 grey levels between the darkest and the brightest pixel"


def tiles(page: Path) -> dict[str, tuple[np.ndarray, str]]:
    """Return picture and text of each tile by its name, in their order."""
    found = re.findall(
        r'base64,([^"]+)"[^>]*><figcaption>(.*?)<br>(.*?)</figcaption>', page.read_text("utf-8")
    )
    return {
        html.unescape(name): (
            np.asarray(Image.open(io.BytesIO(base64.b64decode(coded)))).astype(int),
            html.unescape(re.sub("<.*?>", "", said)),
        )
        for coded, name, said in found
    }


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture - colour).max(2) < 90).sum())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    save(folder, "b.png")
    save(folder, "<a>&.jpg", quality=90)
    save(folder, "x/none.png", code=False)
    save_pages(folder / "scan.pdf", photograph("page"), photograph("two"))
    return folder


def test_it_shows_the_copies_with_outlines_doubtful_ones_first(photos: Path) -> None:
    done = anonymized(photos, photos.parent / "out", contact_sheet=True, keep_without_regions=True)
    assert done.sheet == photos.parent / "out.sheet.html"
    assert stat.S_IMODE(done.sheet.stat().st_mode) == 0o600
    found = tiles(done.sheet)
    assert next(iter(found)) == "x/none.png"
    assert found["x/none.png"][1].startswith("nothing was found")
    assert set(found) == {
        *("<a>&.jpg", "b.png", "x/none.png", "scan.pdf, page 1", "scan.pdf, page 2")
    }
    for name, (picture, said) in found.items():
        assert not zxingcpp.read_barcodes(picture.astype(np.uint8))
        assert picture.shape == (150, 200, 3)
        if name != "x/none.png":
            assert said.startswith("hidden: 1 barcode; least certain: 1.00")
            assert near(picture, module.HIDDEN) > 100
    text = done.sheet.read_text("utf-8")
    assert "4 images of 4 written, 4 regions hidden (outlined as found; what is hidden may" in text
    assert "http" not in text.replace('http-equiv="Content', "") and "<script" not in text


def test_it_is_made_from_copies_as_they_were_audited(photos: Path) -> None:
    out = photos.parent / "out"
    done = anonymized(photos, out, contact_sheet=True)
    assert done.sheet is not None
    before = done.sheet.read_bytes()
    assert anonymized(photos, out, contact_sheet=True).sheet == done.sheet
    assert done.sheet.read_bytes() == before, "the same copies give the same page"
    for path in photos.rglob("*.*"):
        path.unlink()
    save(photos, "b.png")
    (out / "b.png").write_bytes((photos / "b.png").read_bytes())  # another file by now
    outcome = next(Outcome(**row) for row in records(done) if row["output"] == "b.png")
    module.write_sheet(done.sheet, out, [outcome])
    assert tiles(done.sheet) == {}


def test_a_later_run_replaces_a_sheet_of_older_copies(photos: Path) -> None:
    sheet = anonymized(photos, photos.parent / "out", contact_sheet=True).sheet
    save(photos, "new.png")
    assert anonymized(photos, photos.parent / "out").sheet == sheet
    assert sheet is not None and "new.png" in tiles(sheet)


def test_visible_regions_named_sheet_ends(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    pair("one", "two").save(photos / "two.png")
    done = anonymized(photos, photos.parent / "out", contact_sheet=True, degree=50)
    assert done.sheet is not None
    found = tiles(done.sheet)
    picture, said = found["two.png"]
    assert next(iter(found)) == "two.png" and len(found) == 2
    assert said == "hidden: 1 barcode, 1 region visible; least certain: 1.00"
    assert near(picture, module.IN_SIGHT) > 100
    assert (done.shown_regions, done.is_doubtful) == (1, True)
    assert len(read_codes(photos.parent / "out/two.png")) == 1
    assert "; here are the first 2." in done.sheet.read_text("utf-8")


def test_doubtful_images_told_and_first(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faint("z-faint").save(photos / "z-faint.png")
    save_pages(photos / "scan.pdf", photograph("page"), faint("z-faint"))
    words = ["anonymize", str(photos), "-o", str(photos.parent / "out"), "--hide", "barcode"]
    assert main([*words, "--contact-sheet"]) == 3
    told = capsys.readouterr().out
    assert f"2 doubtful, look at them (2: {FAINT})" in told
    assert f"to look at: {photos.parent / 'out.sheet.html'}; " in told
    audit = photos.parent / "out.audit.json"
    rows = {row["name"]: row for row in json.loads(audit.read_text("utf-8"))["images"]}
    how = rows["z-faint.png"]["searched"][0]
    assert how["doubts"] == [FAINT] and how["grey"][1] - how["grey"][0] == 31
    assert how["views"]["zxing"]["scales"] == [2.0, 1.0]
    assert [page["doubts"] for page in rows["scan.pdf"]["searched"]] == [[], [FAINT]]
    assert "z-faint.png,written,,z-faint.png" in (text := audit.with_suffix(".csv").read_text())
    assert text.count(FAINT) == 3, "the one in which nothing was found, too"
    found = tiles(photos.parent / "out.sheet.html")
    assert {*list(found)[:3]} == {"z-faint.png", "scan.pdf, page 1", "scan.pdf, page 2"}
    assert [name for name, (_, said) in found.items() if "look at it" in said] == [
        *("scan.pdf, page 2", "z-faint.png")
    ]


BOX = [10.0, 20.0, 60.0, 50.0]


@pytest.fixture
def reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with codes, an image without one, a faint one and a PDF."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    save(folder, "a.png")
    save(folder, "none.png", code=False)
    faint("z").save(folder / "z.png")
    save_pages(folder / "scan.pdf", photograph("one"), photograph("two"))
    return folder


def run(reviewed: Path, **options: Any) -> Anonymized:
    return anonymized(reviewed, Path("out"), **options)


def confirm(review: Review, name: str, *added: list[float], removed: bool = False) -> None:
    """Confirm an image, its regions kept or all removed, and others added."""
    number = next(n for n, entry in enumerate(review.entries) if entry.id == name)
    image = review.image(number)
    kept = (
        [] if removed else [{k: r[k] for k in ("found", "row") if k in r} for r in image["regions"]]
    )
    new = [{"entity": "text", "box": box} for box in added]
    review.confirm(number, image["version"], [*kept, *new])


def correct(*rows: str, key: str = "id") -> None:
    lines = [f"{key},action,entity,x0,y0,x1,y1", *rows]
    Path("out.corrections.csv").write_text("".join(f"{line}\n" for line in lines))


def hidden(name: str) -> bool:
    x0, y0, x1, y1 = map(int, BOX)
    return not np.asarray(Image.open(Path("out", name)).convert("L"))[y0:y1, x0:x1].any()


def seen_as_doubtful(folder: Path) -> list[str]:
    """Images that a new contact sheet asks to look at."""
    sheet = run(folder, contact_sheet=True).sheet
    assert sheet is not None
    return [name for name, (_, said) in tiles(sheet).items() if "look at it" in said]


def test_doubtful_images_come_first_and_each_page_is_one(reviewed: Path) -> None:
    done = run(reviewed)
    assert done.doubtful == 1 and done.is_doubtful
    assert seen_as_doubtful(reviewed) == ["z.png"]
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


def test_what_was_marked_is_hidden_by_the_next_run_and_nothing_else_changes(reviewed: Path) -> None:
    run(reviewed)
    before = files(Path("out"))
    review = review_folder(Path("out"), sample=1)
    confirm(review, "none.png", BOX)
    confirm(review, "z.png")
    confirm(review, "scan.pdf/page-0002", BOX)
    done = run(reviewed)
    assert (done.corrected, done.written) == (2, 4)
    assert done.doubtful == 0 and not done.is_doubtful, "a person looked at the faint one"
    after = files(Path("out"))
    assert hidden("none.png") and after["scan.pdf"] != before["scan.pdf"]
    assert {name for name in before if after[name] != before[name]} == {"scan.pdf"}
    pdf = next(row for row in records(done) if row["name"] == "scan.pdf")
    assert [(row["page"], row["entity"]) for row in pdf["regions"]].count((2, "text")) == 1
    assert [row["entity"] for row in pdf["found"]] == ["barcode", "barcode"]
    assert done.made == 2, "nothing else changed"
    assert run(reviewed, workers=2) == replace(done, made=0), "told by other processes, too"
    assert seen_as_doubtful(reviewed) == []
    again = review_folder(Path("out"), sample=1).overview()
    looked = {again["images"][place]["name"] for place in again["looked"]}
    assert looked == {"none.png", "z.png", "scan.pdf/page-0002"}
    for name in ("out.corrections.csv", "out.corrections.review.csv"):  # they name originals
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600


def test_all_pages_for_which_a_document_is_not_published_are_reviewed_at_once(
    reviewed: Path,
) -> None:
    empty = photograph("two", code=False)
    save_pages(reviewed / "fax.tif", empty, photograph("one"), empty)
    done = run(reviewed)
    assert statuses(done)["fax.tif"] == "without_regions"
    reasons = {row["name"]: row["reason"] for row in records(done)}
    assert reasons["fax.tif"] == "nothing was found on page 1, page 3"
    review = review_folder(Path("out"), sample=1)
    pages = [e for e in review.entries if e.path == "fax.tif"]
    found = {e.id: "nothing was found" not in e.why for e in pages}
    assert found == {f"fax.tif/page-000{n}": n == 2 for n in (1, 2, 3)}
    assert review.picture(0).startswith(b"\xff\xd8")
    confirm(review, "fax.tif/page-0001", BOX)
    confirm(review, "fax.tif/page-0003", BOX)
    done = run(reviewed)
    page = draw_pdf(Path("out/fax.tif.pdf").read_bytes(), Page(3, 200), 10**7)
    assert statuses(done)["fax.tif"] == "written" and not page[20:50, 10:60].any()
    assert (done.corrected, done.made) == (1, 1)


def test_damaged_documents_in_a_tar_do_not_end_a_run_with_corrections(reviewed: Path) -> None:
    (reviewed / "empty.tif").touch()
    with tarfile.open("photos.tar", "w") as tar:
        tar.add(reviewed, "")
    correct("a.png,add,text,10,20,60,50")
    done = run(Path("photos.tar"))
    assert (done.corrected, done.unreadable) == (1, 1)


def test_what_was_removed_stays_in_sight_unless_the_image_changes(reviewed: Path) -> None:
    run(reviewed)
    confirm(review_folder(Path("out"), sample=1), "a.png", BOX, removed=True)
    run(reviewed)
    assert read_codes(Path("out/a.png")) == [] and hidden("a.png"), "the box hides part of the code"
    correct("a.png,remove,barcode,,,,", "a.png,add,text,150,100,190,140")
    run(reviewed)
    assert read_codes(Path("out/a.png")) == ["a.png"]
    save(reviewed, "a.png", grey=True)
    for _ in range(2):
        run(reviewed)
        assert read_codes(Path("out/a.png")) == [], "the person saw another image"


def test_what_was_removed_from_a_page_comes_back_in_another_document(reviewed: Path) -> None:
    run(reviewed)
    confirm(review_folder(Path("out"), sample=9), "scan.pdf/page-0001", removed=True)
    save_pages(reviewed / "scan.pdf", photograph("other"), photograph("two"))
    run(reviewed)
    confirm(review_folder(Path("out"), sample=9), "scan.pdf/page-0002")
    done = run(reviewed)
    found = next(row for row in records(done) if row["name"] == "scan.pdf")["regions"]
    assert [row["page"] for row in found] == [1, 2], "the person saw another first page"


def test_what_is_added_to_an_image_is_added_to_its_copies(reviewed: Path) -> None:
    shutil.copy(reviewed / "none.png", reviewed / "x.png")
    shutil.copy(reviewed / "scan.pdf", reviewed / "y.pdf")
    run(reviewed)
    review = review_folder(Path("out"), sample=1)
    confirm(review, "none.png", BOX)
    confirm(review, "scan.pdf/page-0002", BOX)
    assert "1 more files have the same bytes" in " ".join(review.image(0)["notes"])
    done = run(reviewed)
    assert hidden("none.png") and hidden("x.png") and done.corrected == 4
    shutil.copy(reviewed / "none.png", reviewed / "new.png")
    shutil.copy(reviewed / "none.png", reviewed / "a.png")
    run(reviewed)
    assert hidden("new.png") and hidden("a.png"), "a copy that comes later, or in another's place"
    for name in ("none.png", "new.png", "a.png"):
        (reviewed / name).unlink()
    (reviewed / "x.png").rename(reviewed / "moved.png")
    run(reviewed)
    assert hidden("moved.png")
    assert files(Path("out"))["y.pdf"] == files(Path("out"))["scan.pdf"]
    Path("out.corrections.csv").unlink()
    with pytest.raises(InputError, match=r"is gone, with which 7 copies .*visible again"):
        run(reviewed)
    assert hidden("none.png")
    correct()
    assert run(reviewed).corrected == 0


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_is_added_follows_an_image_whose_name_another_gets(
    reviewed: Path, by_hand: bool
) -> None:
    run(reviewed)
    if by_hand:
        correct("none.png,add,text,10,20,60,50")
    else:
        confirm(review_folder(Path("out"), sample=1), "none.png", BOX)
    run(reviewed)
    assert hidden("none.png") and not hidden("z.png")
    (reviewed / "none.png").rename(reviewed / "z.png")
    save(reviewed, "none.png", grey=True)
    run(reviewed)
    assert hidden("z.png"), "in another image's place"
    (reviewed / "old").mkdir()
    (reviewed / "z.png").rename(reviewed / "old" / "none.png")
    run(reviewed)
    run(reviewed)
    # a row that is written by hand does not say which image it means
    assert by_hand or hidden("old/none.png"), "it keeps what a person saw in it"


def test_wrong_corrections_are_said(reviewed: Path) -> None:
    run(reviewed)
    correct("a.png,add,text,900,900,950,950", "z.png,add,text,1,1,9,9")
    done = run(reviewed)
    assert statuses(done)["a.png"] == "failed" and not Path("out/a.png").exists()
    why = "row 1 of out.corrections.csv is not inside the image (200 × 150 pixels)"
    assert done.reasons["failed"] == {why: 1}
    assert done.corrected == 1, "that of the image that failed was not applied"
    review = review_folder(Path("out"), sample=1)
    assert review.file.unmatched == 0, "a row of an image that is not shown is no mistake"
    correct("a.png,add,text,150,100,9000,9000", "z.png,add,text,1,1,9,9")
    assert run(reviewed).reasons["failed"] == {why: 1}
    (reviewed / "z.png").unlink()
    assert run(reviewed).corrected == 0, "a row of an image that is gone is no mistake"
    correct("a.png,add,text,9,9,50,50", "None.png,add,text,1,1,9,9", key="path")
    before = files(Path("out"))
    with pytest.raises(InputError, match=r"row 2 .* below .*photos with its suffix"):
        run(reviewed)
    assert files(Path("out")) == before


def test_originals_that_are_elsewhere_or_changed(reviewed: Path) -> None:
    run(reviewed)
    reviewed.rename("moved")
    with pytest.raises(InputError, match="name the place of the originals by --images"):
        review_folder(Path("out"), sample=1)
    review = review_folder(Path("out"), sample=1, originals="moved")
    save(Path("moved"), "none.png", grey=True, code=False)
    with pytest.raises(Gone, match="has changed since it was searched"):
        review.picture(0)


def test_the_command_opens_a_folder_and_says_how_its_corrections_are_used(
    reviewed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (reviewed / "broken.png").write_bytes(b"no image")
    for name in ("gone.png", "lost.png"):
        save(reviewed, name)
    run(reviewed)
    for name in ("gone.png", "lost.png"):
        (reviewed / name).unlink()

    asked: list[Any] = ["none.png"]

    def interrupted(server: ReviewServer) -> None:
        while asked:
            confirm(server.review, asked.pop(), BOX)
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    assert main(["review", "out", "--sample", "2"]) == 0
    told = capsys.readouterr()
    assert "corrections: " in told.err and "out.corrections.csv" in told.err
    assert "\n1 image not shown, not readable" in told.err
    assert "\n2 images not shown, the originals are gone" in told.err
    assert "1 of 5 images were looked at" in told.out
    assert "to hide what was marked: the same `anonbench anonymize … -o out` again" in told.out
    Path("out.corrections.csv").unlink()
    assert main(["review", "out"]) == 0
    assert capsys.readouterr().out.endswith("\nnothing is marked\n")
    assert main(["review", "photos"]) == 1
    assert "photos: no folder that `anonbench anonymize` wrote" in capsys.readouterr().err
    shutil.copy("out.audit.json", ".out.journal")  # as while a later run goes on
    assert main(["review", "out"]) == 1
    assert "was stopped (.out.journal is beside it)" in capsys.readouterr().err
    with locked(Path("out")):
        assert main(["review", "out"]) == 1
    assert "is writing them; wait until it ends" in capsys.readouterr().err
