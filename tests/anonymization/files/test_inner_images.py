"""Doubtful, refused and long documents: inner JPEGs, ways out, and runs that were ended."""

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from codes import anonymized, files, photograph, records, save, save_pages, statuses
from PIL import Image

from anonbench.anonymization.files import file_job
from anonbench.anonymization.files.pages import pages_of
from anonbench.config import Detection
from anonbench.datasets.inputs import ImageFile, open_images
from anonbench.detection.search import Search
from image_files import coded, tiff
from pdf_files import page, stamped, stream

DRAWN = "200 0 0 150 0 0 cm /I Do"
NAMES = "/Resources << /XObject << /I 4 0 R >> >>"
IMAGE = "/Type /XObject /Subtype /Image /Width 200 /Height 150 /BitsPerComponent 8"


def jpeg(entries: str = "") -> bytes:
    data = coded(photograph(), "JPEG", quality=75)
    return stream(f"{IMAGE} /ColorSpace /DeviceRGB /Filter /DCTDecode {entries}", data)


def masked(mask: bytes) -> bytes:
    """Return a page of one colour, seen through a mask."""
    flat = zlib.compress(Image.new("RGB", (200, 150), "navy").tobytes())
    entries = f"{IMAGE} /ColorSpace /DeviceRGB /Filter /FlateDecode /SMask 5 0 R"
    return page(DRAWN, NAMES, stream(entries, flat), mask)


def mask_of(form: str) -> bytes:
    grey = photograph(grey=True)
    data = coded(grey, "JPEG") if form == "DCT" else zlib.compress(grey.tobytes())
    return stream(f"{IMAGE} /ColorSpace /DeviceGray /Filter /{form}Decode", data)


def pattern() -> bytes:
    kind = "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 200 150] "
    tile = stream(f"{kind} /XStep 200 /YStep 150 {NAMES}", DRAWN.encode())
    names = "/Resources << /Pattern << /P 5 0 R >> >>"
    return page("/Pattern cs /P scn 0 0 200 150 re f", names, jpeg(), tile)


def glyph() -> bytes:
    font = (
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 200 150] /FontMatrix [1 0 0 1 0 0] "
        f"/CharProcs << /a 5 0 R >> /Encoding << /Differences [97 /a] >> /FirstChar 97 {NAMES} "
        "/LastChar 97 /Widths [200] >>"
    )
    drawn = stream("", f"200 0 d0 {DRAWN}".encode())
    names = "/Resources << /Font << /F 6 0 R >> >>"
    return page("BT /F 1 Tf (a) Tj ET", names, jpeg(), drawn, font.encode())


def with_a_copy() -> bytes:
    names = "/Resources << /XObject << /I 4 0 R /J 5 0 R >> >>"
    return page(f"q {DRAWN} Q .1 0 0 .1 180 130 cm /J Do", names, jpeg(), jpeg())


FILES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "object": (lambda: page(DRAWN, NAMES, jpeg()), False),
    "a copy of it": (with_a_copy, False),
    "stamp": (lambda: stamped(jpeg()), False),
    "lossless mask": (lambda: masked(mask_of("Flate")), False),
    "mask": (lambda: masked(mask_of("DCT")), True),
    "pattern": (pattern, True),
    "glyph": (glyph, True),
}


@pytest.mark.parametrize("name", FILES)
def test_jpegs_whose_blocks_are_unknown_are_in_doubt(name: str, tmp_path: Path) -> None:
    make, is_inner = FILES[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.pdf").write_bytes(make())
    done = anonymized(tmp_path / "in", tmp_path / "out")
    assert (done.written, done.regions) == (1, 1)
    assert (file_job.INNER_IMAGES in done.reasons.get("doubtful", {})) is is_inner


def test_a_tiff_files_copy_takes_no_folders_name(tmp_path: Path) -> None:
    """Whichever was written first would have kept the other from being written."""
    save_pages(tmp_path / "in/a.tif", photograph("one"), photograph("two"))
    save(tmp_path / "in/a.tif.pdf/inner", "b.png")
    save_pages(tmp_path / "in/b.tif.pdf/c.tif", photograph("one"), photograph("two"))
    done = anonymized(tmp_path / "in", tmp_path / "out")
    written = {"a.tif.pdf/inner/b.png": "written", "b.tif.pdf/c.tif": "written"}
    assert statuses(done) == written | {"a.tif": "failed"}
    assert done.reasons["failed"] == {
        "its copy, with .pdf added, would have the name of another image or folder; rename it": 1
    }


RGB = np.asarray(photograph("one"))
ALPHA = np.full((*RGB.shape[:2], 1), 255, np.uint8)
CMYK = np.asarray(photograph("one").convert("CMYK"))
PDF = coded(photograph("one"), "PDF", resolution=200)
LARGE = {"save_all": True, "append_images": [photograph("two").resize((800, 600))]}
STRANGE = (
    "a TIFF file that is damaged, or of a kind that is not read, such as CMYK with transparency or "
    "pages with masks; save it as RGB without them"
)
AGAIN = "save it again as PDF, in a program that opens it"
DECODED = "save it again in a program that opens it, or leave it out"


def strip(values: np.ndarray, tags: dict[int, int]) -> tuple[bytes, dict[int, int]]:
    height, width, bands = values.shape
    return values.tobytes(), {256: width, 257: height, 277: bands} | tags


DOCUMENTS = {
    "rgb.tif": (tiff(strip(RGB, {262: 2})), ""),
    "cmyk.tif": (tiff(strip(CMYK, {262: 5})), ""),
    "two.tif": (tiff(*[strip(RGB, {262: 2})] * 2), ""),
    "masked.tif": (tiff(strip(RGB, {262: 2}), strip(ALPHA, {254: 4, 262: 4})), STRANGE),
    "transparent.tif": (tiff(strip(np.dstack([CMYK, ALPHA]), {262: 5, 338: 2})), STRANGE),
    "whole.pdf": (PDF, ""),
    "cut.pdf": (PDF[:300], f"a damaged PDF, or none; {AGAIN}"),
    "empty.pdf": (b"%PDF-1.7\n", f"a damaged PDF, or none; {AGAIN}"),
    "no_page.pdf": (
        page("", "").replace(b"/Type /Page /", b"/Type /Font /"),
        f"page 1: a damaged page of a PDF; {AGAIN}",
    ),
    "text.pdf": (b"Dear Sir or Madam,", f"not an image, or of an unknown kind; {DECODED}"),
    "cut.png": (
        coded(photograph("one"), "PNG")[:-20],
        f"truncated or damaged (no end marker IEND); {DECODED}",
    ),
    "pdf.png": (PDF, "a PDF; rename it to end in .pdf"),
    "large.pdf": (
        coded(photograph("one"), "PDF", resolution=200, **LARGE),
        "page 2: more than 100000 pixels; make it smaller, or raise detection.max_pixels",
    ),
}
"""Documents, and why they are refused: a way out is named."""


def test_what_cannot_be_read_has_no_copy_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, (data, _) in DOCUMENTS.items():
        (tmp_path / "in" / name).write_bytes(data)
    done = anonymized(tmp_path / "in", tmp_path / "out", detection=Detection(max_pixels=100_000))
    reasons = {row["name"]: row["reason"] for row in records(done)}
    assert reasons == {name: reason for name, (_, reason) in DOCUMENTS.items()}
    assert {*statuses(done).values()} == {"written", "unreadable"}
    assert {*files(tmp_path / "out")} == {*("rgb.tif", "cmyk.tif", "two.tif.pdf", "whole.pdf")}


TEXTS = ("one", "two", "three", "four")


@pytest.fixture
def searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with a line for each search: the process that made it."""
    monkeypatch.chdir(tmp_path)
    save_pages(tmp_path / "in/a.pdf", *map(photograph, TEXTS))
    lines, searched = tmp_path / "searches", Search.searched

    def counted(*given: Any) -> Any:
        with lines.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.1)  # so that no process is through before another one begins
        return searched(*given)

    monkeypatch.setattr(Search, "searched", counted)
    return lines


def ended_after(pages: int, searches: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    """Run until some pages are done; remove the list of searches."""
    searched = Search.searched

    def ending(*given: Any) -> Any:
        if len(searches.read_text().split()) == pages if searches.exists() else not pages:
            raise KeyboardInterrupt
        return searched(*given)

    with monkeypatch.context() as during:
        during.setattr(Search, "searched", ending)
        with pytest.raises(KeyboardInterrupt):
            anonymized(Path("in"), Path("out"), workers=1, **how)
    searches.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_processes_share_a_document_and_count_its_pages(
    searches: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    done = anonymized(Path("in"), Path("out"), workers=workers)
    by = searches.read_text().split()
    assert (done.written, done.regions, len(by), len({*by})) == (1, 4, 4, workers)
    assert "images and pages anonymized: 100%" in (said := capsys.readouterr().err)
    assert " 4/4 " in said
    assert len([*Path().glob("*out*")]) == 3  # the copies and two records
    assert not [*Path().glob(".*out*")]


def test_pages_are_counted_without_reading_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_pages(tmp_path / "in/a.pdf", *map(photograph, TEXTS))
    first, *others = map(photograph, TEXTS[:3])
    first.save(tmp_path / "in/b.tiff", save_all=True, append_images=others)
    (tmp_path / "in/c.pdf").write_bytes(b"no PDF")
    (tmp_path / "in/d.tif").write_bytes((tmp_path / "in/a.pdf").read_bytes())
    (tmp_path / "in/e.pdf").write_bytes((tmp_path / "in/a.pdf").read_bytes()[:500])
    (tmp_path / "in/f.tif").touch()
    monkeypatch.setattr(ImageFile, "data", None)
    images = open_images(tmp_path / "in", documents=True)
    counts = {image.name: pages_of(image, 10**6) for image in images}
    several = {"a.pdf": 4, "b.tiff": 3}
    assert counts == several | dict.fromkeys(["c.pdf", "d.tif", "e.pdf", "f.tif"], 1)


def test_an_ended_run_goes_on_within_a_document(
    searches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_after(3, searches, monkeypatch)
    (folder,) = Path().glob(".out.*-pages")
    assert folder.stat().st_mode & 0o77 == 0 and not files(Path("out"))
    next(folder.glob("*/*-2")).write_bytes(b"damaged")
    done = anonymized(Path("in"), Path("out"), workers=1)
    assert len(searches.read_text().split()) == 2 and not folder.exists()
    again = anonymized(Path("in"), Path("again"), workers=2)
    assert files(Path("out")) == files(Path("again")) and records(done) == records(again)


@pytest.mark.parametrize("changed", ["document", "settings"])
def test_pages_of_another_document_or_run_are_not_used(
    searches: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    ended_after(3, searches, monkeypatch)
    method = "mask"
    if changed == "document":
        save_pages(Path("in/a.pdf"), *map(photograph, reversed(TEXTS)))
    else:
        method = "blur"
        Path("out").rmdir()
        Path(".out.journal").unlink()
    anonymized(Path("in"), Path("out"), workers=1, method=method)
    anonymized(Path("in"), Path("again"), workers=1, method=method)
    assert len(searches.read_text().split()) == 8
    assert files(Path("out")) == files(Path("again"))


def test_after_a_page_that_refuses_a_document_the_others_are_searched(searches: Path) -> None:
    pages = [photograph(text, code=text != "two") for text in TEXTS]
    save_pages(Path("in/a.pdf"), *pages)
    done = anonymized(Path("in"), Path("out"), workers=1)
    assert statuses(done) == {"a.pdf": "without_regions"} and not files(Path("out"))
    assert records(done)[0]["reason"] == "nothing was found on page 2"
    assert len(searches.read_text().split()) == 4  # the second page twice: to say why
