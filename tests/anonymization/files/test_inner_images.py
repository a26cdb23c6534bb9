"""PDF files with JPEGs of which coding blocks are unknown: the copy is doubtful."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from codes import anonymized, photograph
from PIL import Image

from anonbench.anonymization.files import file_job
from image_files import coded
from pdf_files import page, stream

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


def stamp() -> bytes:
    shown = stream(f"/Type /XObject /Subtype /Form /BBox [0 0 200 150] {NAMES}", DRAWN.encode())
    note = "/Annots [<< /Subtype /Stamp /F 4 /Rect [0 0 200 150] /AP << /N 5 0 R >> >>]"
    return page("", "", jpeg(), shown, more=note)


def with_a_copy() -> bytes:
    names = "/Resources << /XObject << /I 4 0 R /J 5 0 R >> >>"
    return page(f"q {DRAWN} Q .1 0 0 .1 180 130 cm /J Do", names, jpeg(), jpeg())


FILES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "object": (lambda: page(DRAWN, NAMES, jpeg()), False),
    "a copy of it": (with_a_copy, False),
    "stamp": (stamp, False),
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
