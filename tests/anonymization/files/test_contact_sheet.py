"""Contact sheets of anonymized copies: what they show, in which order, and what they never show."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import stat
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from codes import anonymized, photograph, save
from PIL import Image

from anonbench.anonymization.files import sheet as module
from anonbench.anonymization.files.record import Outcome
from anonbench.cli import main


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
    photograph("page").save(
        folder / "scan.pdf", save_all=True, append_images=[photograph("two")], resolution=150
    )
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
    assert "4 images of 4 written, 4 regions hidden" in text
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
    rows = json.loads(done.audit.read_text("utf-8"))["images"]
    outcome = next(Outcome(**row) for row in rows if row["output"] == "b.png")
    module.write_sheet(done.sheet, out, [outcome])
    assert tiles(done.sheet) == {}


def test_visible_regions_named_sheet_ends(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    both = Image.new("RGB", (400, 150))
    both.paste(photograph("one"), (0, 0))
    both.paste(photograph("two"), (200, 0))
    both.save(photos / "two.png")
    done = anonymized(photos, photos.parent / "out", contact_sheet=True, degree=50)
    assert done.sheet is not None
    found = tiles(done.sheet)
    picture, said = found["two.png"]
    assert next(iter(found)) == "two.png" and len(found) == 2
    assert said == "hidden: 1 barcode, 1 region visible; least certain: 1.00"
    assert near(picture, module.IN_SIGHT) > 100
    assert "; here are the first 2." in done.sheet.read_text("utf-8")


def test_doubtful_images_told_and_first(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faint = photograph("z-faint").convert("L").point(lambda value: 100 + value // 8)
    faint.save(photos / "z-faint.png")
    pages = [photograph("page"), faint]
    pages[0].save(photos / "scan.pdf", save_all=True, append_images=pages[1:], resolution=150)
    words = ["anonymize", str(photos), "-o", str(photos.parent / "out"), "--hide", "barcode"]
    assert main([*words, "--contact-sheet"]) == 3
    reason = "fewer than 128 grey levels between the darkest and the brightest pixel"
    told = capsys.readouterr().out
    assert f"2 doubtful, look at them (2: {reason})" in told
    assert f"to look at: {photos.parent / 'out.sheet.html'}; " in told
    audit = photos.parent / "out.audit.json"
    records = {row["name"]: row for row in json.loads(audit.read_text("utf-8"))["images"]}
    how = records["z-faint.png"]["searched"][0]
    assert how["doubts"] == [reason] and how["grey"][1] - how["grey"][0] == 31
    assert how["views"]["zxing"]["scales"] == [2.0, 1.0]
    assert [page["doubts"] for page in records["scan.pdf"]["searched"]] == [[], [reason]]
    assert "z-faint.png,written,,z-faint.png" in (text := audit.with_suffix(".csv").read_text())
    assert text.count(reason) == 3, "the one in which nothing was found, too"
    found = tiles(photos.parent / "out.sheet.html")
    assert {*list(found)[:3]} == {"z-faint.png", "scan.pdf, page 1", "scan.pdf, page 2"}
    assert [name for name, (_, said) in found.items() if "look at it" in said] == [
        *("scan.pdf, page 2", "z-faint.png")
    ]
