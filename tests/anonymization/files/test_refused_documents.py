"""Refused documents: the reason names a way out."""

import struct
from pathlib import Path

import numpy as np
import pytest
from codes import anonymized, files, photograph, records, save, save_pages, statuses

from image_files import coded
from pdf_files import page


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


def tiff(*pages: tuple[np.ndarray, dict[int, int]]) -> bytes:
    """Return a TIFF file of uncompressed pages of 8 bits, with these tags."""
    data, link = bytearray(b"II*\0" + bytes(4)), 4
    for values, own in pages:
        height, width, bands = values.shape
        start = len(data)
        data += values.tobytes() + bytes(values.size % 2)
        bits = len(data)
        data += struct.pack(f"<{bands}H", *[8] * bands)
        tags = {256: width, 257: height, 259: 1, 273: start, 277: bands, 278: height}
        rows = [(tag, 4, 1, value) for tag, value in (tags | {279: values.size} | own).items()]
        rows.append((258, 3, bands, bits if bands > 2 else 8))
        struct.pack_into("<I", data, link, len(data))
        data += struct.pack("<H", len(rows))
        data += b"".join(struct.pack("<HHII", *row) for row in sorted(rows))
        link = len(data)
        data += bytes(4)
    return bytes(data)


RGB = np.asarray(photograph("one"))
ALPHA = np.full((*RGB.shape[:2], 1), 255, np.uint8)
CMYK = np.asarray(photograph("one").convert("CMYK"))
PDF = coded(photograph("one"), "PDF")
STRANGE = (
    "a TIFF file that is damaged, or of a kind that is not read, such as CMYK with transparency or "
    "pages with masks; save it as RGB without them"
)
AGAIN = "save it again as PDF, in a program that opens it"
DECODED = "save it again in a program that opens it, or leave it out"
DOCUMENTS = {
    "masked.tif": (tiff((RGB, {262: 2}), (ALPHA, {254: 4, 262: 4})), STRANGE),
    "transparent.tif": (tiff((np.dstack([CMYK, ALPHA]), {262: 5, 338: 2})), STRANGE),
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
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_reason_names_a_way_out(name: str, tmp_path: Path) -> None:
    data, reason = DOCUMENTS[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    done = anonymized(tmp_path / "in", tmp_path / "out")
    assert [(row["name"], row["reason"]) for row in records(done)] == [(name, reason)]
    assert not files(tmp_path / "out")


def test_the_same_pages_without_masks_and_transparency_are_read(tmp_path: Path) -> None:
    """The pictures are refused for what the reason says, not for how they are written here."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/rgb.tif").write_bytes(tiff((RGB, {262: 2})))
    (tmp_path / "in/cmyk.tif").write_bytes(tiff((CMYK, {262: 5})))
    (tmp_path / "in/two.tif").write_bytes(tiff((RGB, {262: 2}), (RGB, {262: 2})))
    assert anonymized(tmp_path / "in", tmp_path / "out").written == 3
