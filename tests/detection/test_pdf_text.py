"""Text that a PDF holds as text is a region, even where no detector sees it."""

import io
from collections.abc import Callable
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pypdfium2
import pytest

from anonbench import anonymize_files, detect
from anonbench.config import Detection
from anonbench.core.boxes import Region, read_boxes
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Entity
from anonbench.datasets.formats.pages import Page, page_digest
from anonbench.datasets.formats.pdf import draw_pdf, text_places
from anonbench.detection import doubts
from anonbench.detection.base import clipped, corners_of
from anonbench.detection.shard import Job, detect_shard
from anonbench.detection.text_search import with_text
from anonbench.embedding.given_images import look_at
from anonbench.evaluation.privacy.attacks.files import attack_files
from pdf_files import page, stream

PAGE = Page(1, 150)
QUICK = Detection(speed="single")
UPRIGHT = "BT /F 24 Tf 10 40 Td (Abg) Tj ET"
SLANTED = "BT /F 12 Tf 0.8 0.6 -0.6 0.8 90 10 Tm (Xyz) Tj ET"
STROKED = "12 w 1 j BT 1 Tr /F 24 Tf 20 40 Td (Abg) Tj ET"  # of lines without a gap
SLANTED_STROKED = "6 w 1 j BT 2 Tr /F 12 Tf 0.8 0.6 -0.6 0.8 90 10 Tm (Xyz) Tj ET"
NOTE = "/Subtype /FreeText /Contents (Abg) /DA (/F 24 Tf) /BS << /W 0 >>"
FIELD = "/Subtype /Widget /FT /Tx /T (a) /V (Abg) /DA (/F 24 Tf 0 g)"
SPECKS = "BT 0.9 g /F 1 Tf 100 60 Td (Erika) Tj ET"  # letters of two pixels, which none detects


FONT = "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"


def pdf(content: str) -> bytes:
    return page(content, FONT)


def in_a_group(content: str) -> bytes:
    """Return a PDF whose page shows another one at half size."""
    document, source = pypdfium2.PdfDocument.new(), pypdfium2.PdfDocument(pdf(content))
    shown = source.page_as_xobject(0, document).as_pageobject()
    shown.set_matrix(pypdfium2.PdfMatrix().scale(0.5, 0.5).translate(40, 20))
    sheet = document.new_page(144, 72)
    sheet.insert_obj(shown)
    sheet.gen_content()
    document.save(written := io.BytesIO())
    return written.getvalue()


def annotated(annotation: str, content: str = "") -> bytes:
    """Return a PDF of a turned page with one annotation, which may show content as object 4."""
    shown = f"/Type /XObject /Subtype /Form /BBox [0 0 200 150] /Matrix [0 1 -1 0 0 0] {FONT}"
    fields = f"/AcroForm << /Fields [5 0 R] /DR{FONT.removeprefix('/Resources')} >>"
    return page(
        "",
        FONT,
        stream(shown, content.encode()),
        f"<< /Type /Annot /F 4 /Rect [20 20 95 120] {annotation} >>".encode(),
        more="/Annots [5 0 R] /Rotate 90",
        catalog=fields * ("/FT" in annotation),
    )


def stamped(content: str) -> bytes:
    """Return a PDF with a stamp at half size, turned as its page is."""
    return annotated("/Subtype /Stamp /AP << /N 4 0 R >>", content)


def nested(levels: int) -> bytes:
    """Return a PDF with a stamp of so many groups inside of each other."""
    kind = "/Type /XObject /Subtype /Form /BBox [0 0 200 150]"
    stamp = f"<</Type/Annot/F 4/Subtype/Stamp/Rect[0 0 200 150]/AP<</N {4 + levels} 0 R>>>>"
    groups = [stream(f"{kind} {FONT}", UPRIGHT.encode())]
    for number in range(4, 4 + levels):
        groups.append(stream(f"{kind} /Resources<</XObject<</X {number} 0 R>>>>", b"/X Do"))
    return page("", FONT, *groups, stamp.encode(), more=f"/Annots [{5 + levels} 0 R]")


def regions_of(data: bytes) -> tuple[np.ndarray, list[Region]]:
    """Return a page and the regions of its text, of which no detector has found any."""
    drawn = draw_pdf(data, PAGE, None)
    return drawn, with_text("ppocr", [], text_places(data, PAGE), drawn)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        *product([pdf, in_a_group, stamped], [UPRIGHT, SLANTED, STROKED, SLANTED_STROKED, SPECKS]),
        (annotated, NOTE),
        (annotated, FIELD),
    ],
)
def test_a_region_holds_all_of_its_text_and_little_else(
    make: Callable[[str], bytes], text: str
) -> None:
    drawn, (region,) = regions_of(make(text))
    assert region.entity is Entity.TEXT
    assert (region.quad is None) == (text not in {SLANTED, SLANTED_STROKED})
    inside = np.zeros(drawn.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, corners_of(region).round().astype(np.int32), (1,))
    inside = cv2.dilate(inside, np.ones((3, 3), np.uint8))  # all that it touches is hidden
    ink = drawn.min(axis=2) < 255
    assert ink.any() and not (ink & (inside == 0)).any()
    width, height = np.ptp(np.argwhere(ink), axis=0) + 1
    assert inside.sum() <= (width + 8) * (height + 8)


@pytest.mark.parametrize(
    "content",
    [
        "20 45 60 5 re f " + UPRIGHT.replace("BT", "BT 3 Tr"),
        UPRIGHT.replace("BT", "BT 1 g"),
        "0.2 0.5 0.9 rg 0 0 200 150 re f " + UPRIGHT,
        "1 140 60 5 re f BT /F 12 Tf 0.7 0.7 -0.7 0.7 -40 125 Tm (past the corner) Tj ET",
        "BT 0.9 g /F 1 Tf 100 60 Td",
    ],
    ids=["invisible", "white", "of its ground's colour", "outside", "cut"],
)
def test_what_nobody_sees_is_no_region(content: str) -> None:
    assert regions_of(pdf(content))[1] == []


@pytest.mark.parametrize("matrix", ["1 0 0 1 10 20", "0 1 -1 0 60 10"], ids=["level", "upright"])
def test_letters_of_a_line_are_one_region_whose_parts_do_not_spell_it(matrix: str) -> None:
    spaced = f"BT /F 24 Tf {matrix} Tm (J) Tj 40 0 Td (i) Tj 40 0 Td (g) Tj ET"
    drawn, (line,) = regions_of(pdf(spaced))
    rows, columns = np.nonzero(drawn.min(axis=2) < 255)
    assert line.x0 <= columns.min() < columns.max() < line.x1
    assert line.y0 <= rows.min() < rows.max() < line.y1
    _, others = regions_of(pdf(spaced.replace("40 0", "0 30")))
    assert len(others) == 3, "lines below each other, or letters of different columns"


def test_text_that_was_found_is_no_second_region_and_belongs_to_detectors_of_text() -> None:
    data = pdf(UPRIGHT + SPECKS)
    drawn, (upright, specks) = regions_of(data)
    places = text_places(data, PAGE)
    assert with_text("ppocr", [upright], places, drawn) == [upright, specks]
    assert with_text("zxing", [upright], places, drawn) == [upright]
    assert text_places(data, None) == text_places(data, Page(1)) == []


def test_it_says_nothing_of_how_well_an_image_was_searched() -> None:
    drawn, regions = regions_of(pdf(SPECKS))
    assert doubts.LOW_LINES not in doubts.doubts_of(drawn, regions, ["text"])
    weak = Region(Entity.FACE, 10, 10, 60, 60, 0.4)
    assert doubts.WEAK_ONLY in doubts.doubts_of(drawn, [weak, *regions], ["face", "text"])


def test_every_command_hides_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in/a.pdf"
    path.write_bytes(pdf(UPRIGHT + SPECKS))
    how = {"detectors": ["ppocr"], "detection": QUICK, "workers": 1}
    anonymize_files(tmp_path / "in", tmp_path / "out", method="mask", **how)
    copy = draw_pdf((tmp_path / "out/a.pdf").read_bytes(), PAGE, None)
    assert not ((copy > 0) & (copy < 255)).any(), "grey letters are neither white nor masked"
    found = detect(tmp_path / "in", **how)
    digest = page_digest(file_digest(path), PAGE)
    row = ("a", "in/a.pdf", 417, 313, path.stat().st_size, digest)
    columns = ["id", "path", "width", "height", "bytes", "digest"]
    to = tmp_path / "boxes.parquet", tmp_path / "images.parquet"
    detect_shard(pd.DataFrame([row], columns=columns), Job(tmp_path, ["ppocr"], QUICK, 0), *to)
    ((image,),) = look_at(tmp_path / "in").batches(1)
    assert len(image.text) == 2
    both = str(tmp_path / "in"), str(tmp_path / "out")
    attacked = attack_files(*both, "mask", ["residual"], ["ppocr"], detection=QUICK)
    assert attacked.table["n"].tolist() == [2, 2]
    for boxes in (found.boxes, read_boxes(to[0])):
        assert boxes["x0"].max() > 200, "the specks, which are to the right"


def test_a_page_whose_text_cannot_be_listed_is_left_out(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.pdf").write_bytes(pdf(UPRIGHT))
        (tmp_path / folder / "b.pdf").write_bytes(nested(11))
    both = str(tmp_path / "in"), str(tmp_path / "out")
    attacked = attack_files(*both, "mask", ["residual"], ["ppocr"], detection=QUICK)
    assert (attacked.pairs, attacked.left_out) == (2, 1)
    anonymize_files(both[0], tmp_path / "to", detectors=["ppocr"], detection=QUICK, workers=1)
    assert [each.name for each in (tmp_path / "to").iterdir()] == ["a.pdf"]


@pytest.mark.parametrize("text", [UPRIGHT, SLANTED])
def test_what_regions_leave_of_a_line_is_hidden_and_paper_is_not(text: str) -> None:
    line = pdf(text.replace("(Abg)", "(a line of many letters)").replace("/F 24", "/F 14"))
    drawn, (whole,) = regions_of(line)
    corners, places = corners_of(whole), text_places(line, PAGE)
    for share, is_left in ((0.96, True), (1.0, False)):
        part = corners[[0, 0, 3, 3]] + share * (corners[[0, 1, 2, 3]] - corners[[0, 0, 3, 3]])
        (found,) = clipped(Entity.TEXT, [part], [0.9], drawn)
        assert with_text("ppocr", [found], places, drawn) == [found, *[whole] * is_left]
