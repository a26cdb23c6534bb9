"""PDF files with images that cannot be decoded whole: the copy is doubtful."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from codes import anonymized, photograph, records
from PIL import Image

from anonbench import detect
from anonbench.config import Detection
from anonbench.core.errors import UnreadableImage
from anonbench.core.provenance import file_digest
from anonbench.datasets.formats import pdf
from anonbench.datasets.formats.pages import Page, page_digest
from anonbench.datasets.formats.pdf import draw_pdf, has_damaged_images
from anonbench.detection.reading import DAMAGED_IMAGES
from anonbench.detection.shard import Job, detect_shard
from image_files import coded
from pdf_files import page, stamped, stream

SIZE = WIDTH, HEIGHT = 200, 150
DRAWN = "200 0 0 150 0 0 cm /I Do"
NAMES = "/Resources << /XObject << /I 4 0 R /J 5 0 R >> >>"
PICTURE = photograph(code=False)
TWO_COLOURS = PICTURE.convert("1")


def fax(compression: str = "group4", options: int = 0) -> bytes:
    tags = {292: options} if options else {}
    data = coded(TWO_COLOURS, "TIFF", compression=compression, tiffinfo=tags | {278: HEIGHT})
    with Image.open(io.BytesIO(data)) as image:
        (start,), (length,) = (image.tag_v2[tag] for tag in (273, 279))  # type: ignore[attr-defined]
    return data[start : start + length]


def without_marks(data: bytes) -> bytes:
    """Return a fax without the codes that end rows and pages."""
    bits = "".join(f"{each:08b}" for each in data).replace("000000000001", "")
    return int(bits + "0" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8))


def jbig2() -> bytes:
    """Return an image of one region, coded as a fax is."""
    place = struct.pack(">IIIIB", *SIZE, 0, 0, 0)
    bodies = (48, struct.pack(">IIIIBH", *SIZE, 0, 0, 0, 0)), (38, place + b"\1" + fax())
    heads = [struct.pack(">IBBBI", n, kind, 0, 1, len(b)) for n, (kind, b) in enumerate(bodies)]
    return b"".join(head + body for head, (_, body) in zip(heads, bodies, strict=True))


def in_letters(data: bytes) -> bytes:
    """Return lines as ReportLab writes them, of which the last may break the end mark."""
    return base64.a85encode(data, wrapcol=60) + b"~\n>"


RGB, GREY = "/ColorSpace /DeviceRGB", "/ColorSpace /DeviceGray"
PARAMETERS = "/DecodeParms << /Columns 200 /Rows 150 /K"
FLAT = zlib.compress(PICTURE.tobytes())
JPEG = coded(PICTURE, "JPEG")
STENCIL = "/ImageMask true /Filter"
# by name: what the dictionary says, bits a colour, and the data
KINDS: dict[str, tuple[str, int, bytes]] = {
    "Flate": (f"{RGB} /Filter /FlateDecode", 8, FLAT),
    "Flate in letters": (f"{RGB} /Filter [/ASCII85Decode /FlateDecode]", 8, in_letters(FLAT)),
    "JPEG": (f"{RGB} /Filter /DCTDecode", 8, JPEG),
    "progressive JPEG": (f"{RGB} /Filter /DCTDecode", 8, coded(PICTURE, "JPEG", progressive=True)),
    "packed JPEG": (f"{RGB} /Filter [/FlateDecode /DCTDecode]", 8, zlib.compress(JPEG)),
    "JPEG 2000": (f"{RGB} /Filter /JPXDecode", 8, coded(PICTURE, "JPEG2000")),
    "JBIG2": (f"{GREY} /Filter /JBIG2Decode", 1, jbig2()),
    "JBIG2 stencil": (f"{STENCIL} /JBIG2Decode", 1, jbig2()),
    "Group 4": (f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} -1 >>", 1, fax()),
    "Group 4 on black": (
        f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} -1 /BlackIs1 true >>",
        1,
        fax(),
    ),
    "Group 4 stencil": (f"{STENCIL} /CCITTFaxDecode {PARAMETERS} -1 >>", 1, fax()),
    "Group 4 without an end": (
        f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} -1 /EndOfBlock false >>",
        1,
        without_marks(fax()),
    ),
    "Group 3": (f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} 0 >>", 1, fax("group3")),
    "Group 3 without ends": (
        f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} 0 >>",
        1,
        without_marks(fax("group3")),
    ),
    "Group 3 in whole bytes": (
        f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} 0 /EncodedByteAlign true >>",
        1,
        fax("tiff_ccitt"),
    ),
    "Group 3, 2-D": (f"{GREY} /Filter /CCITTFaxDecode {PARAMETERS} 4 >>", 1, fax("group3", 1)),
}


def noise(data: bytes) -> bytes:
    return np.random.default_rng(0).integers(0, 256, len(data), np.uint8).tobytes()


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "its last twentieth is missing": lambda data: data[: -(len(data) // 20)],
    "zeros to the end": lambda data: data[: len(data) // 2].ljust(len(data), b"\0"),
    "empty": lambda data: b"",
    "other bytes": noise,
}


def image(kind: str, fault: Callable[[bytes], bytes]) -> bytes:
    entries, bits, data = KINDS[kind]
    size = f"/Type /XObject /Subtype /Image /Width {WIDTH} /Height {HEIGHT}"
    return stream(f"{size} /BitsPerComponent {bits} {entries}", fault(data))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_ends_too_early_or_is_another_is_seen(kind: str) -> None:
    whole = page(DRAWN, NAMES, image(kind, lambda data: data))
    before = draw_pdf(whole, Page(1, 72), 10**6)
    assert not has_damaged_images(whole, Page(1, 72))
    for name, fault in FAULTS.items():
        damaged = page(DRAWN, NAMES, image(kind, fault))
        assert (draw_pdf(damaged, Page(1, 72), 10**6) != before).any(), name
        assert has_damaged_images(damaged, Page(1, 72)), name


def with_a_code(damaged: str, fault: Callable[[bytes], bytes], more: str = "") -> bytes:
    """Return a page of a code without loss, and of another image in its corner."""
    code = zlib.compress(photograph("one").tobytes())
    size = f"/Type /XObject /Subtype /Image /Width {WIDTH} /Height {HEIGHT} /BitsPerComponent 8"
    both = f"q {DRAWN} Q q 40 0 0 30 150 110 cm /J Do Q"
    packed = stream(f"{size} {RGB} /Filter /FlateDecode", code)
    return page(both, NAMES, packed, image(damaged, fault), more=more)


@pytest.mark.parametrize("kind", ["JPEG", "Group 4"])
def test_a_copy_with_a_damaged_image_is_in_doubt(kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/cut.pdf").write_bytes(with_a_code(kind, FAULTS["cut"]))
    (tmp_path / "in/whole.pdf").write_bytes(with_a_code(kind, lambda data: data))
    done = anonymized(tmp_path / "in", tmp_path / "out")
    assert (done.written, done.regions) == (2, 2)
    doubts = {row["name"]: row["searched"][0]["doubts"] for row in records(done)}
    assert [DAMAGED_IMAGES in doubts[name] for name in doubts] == [True, False]
    assert done.reasons["doubtful"][DAMAGED_IMAGES] == 1
    found = detect(tmp_path / "in", ["zxing"], workers=1).images
    assert [DAMAGED_IMAGES in each for each in found["doubts"]] == [True, False]


def test_a_damaged_image_is_in_doubt_in_a_run(tmp_path: Path) -> None:
    path = tmp_path / "cut.pdf"
    path.write_bytes(with_a_code("JPEG", FAULTS["cut"]))
    digest = page_digest(file_digest(path), Page(1, 72))
    columns = ["id", "path", "width", "height", "bytes", "digest"]
    manifest = pd.DataFrame(
        [("cut", path.name, WIDTH, HEIGHT, path.stat().st_size, digest)], columns=columns
    )
    to = tmp_path / "boxes.parquet", tmp_path / "images.parquet"
    detect_shard(manifest, Job(tmp_path, ["zxing"], Detection(), 0), *to)
    assert pd.read_parquet(to[1])["doubts"].tolist() == [DAMAGED_IMAGES]


def test_a_damaged_image_in_a_stamp_is_seen() -> None:
    for kind in ("Flate", "JPEG"):
        for name, expected in (("cut", True), ("", False)):
            data = stamped(image(kind, FAULTS.get(name, lambda data: data)))
            assert has_damaged_images(data, Page(1, 72)) is expected


@pytest.mark.parametrize("where", ["page", "group"])
def test_a_colour_space_that_only_its_page_or_group_knows_is_no_damage(where: str) -> None:
    """PDFium itself decodes such an image only when it draws it."""
    values = PICTURE.resize((16, 12)).tobytes().hex()
    inline = f"{DRAWN[:-5]} BI /W 16 /H 12 /BPC 8 /CS /C /F /AHx ID {values}> EI"
    names = "/Resources << /ColorSpace << /C 4 0 R >> /XObject << /G 5 0 R >> >>"
    space = b"[/CalRGB << /WhitePoint [0.9505 1 1.089] >>]"
    group = stream(f"/Subtype /Form /BBox [0 0 200 150] {names}", inline.encode())
    data = page(inline if where == "page" else "/G Do", names, space, group)
    assert (draw_pdf(data, Page(1, 72), 10**6) < 250).any()
    assert not has_damaged_images(data, Page(1, 72))


def test_what_takes_too_long_to_look_at_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UnreadableImage("takes too much memory or time")

    data = page(DRAWN, NAMES, image("JPEG", lambda data: data))
    assert not has_damaged_images(data, Page(1, 72))
    monkeypatch.setattr(pdf, "ask", refuse)
    assert has_damaged_images(data, Page(1, 72))
