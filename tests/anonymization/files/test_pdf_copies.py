"""Copies of PDF files, colour profiles and quantization tables: nothing of the original."""

import io
import operator
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from codes import SRGB, anonymized, files, photograph, records, save, save_pages
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.files import CheckedPage, check_file, check_pdf
from anonbench.anonymization.files import stored
from anonbench.anonymization.files.stored import Stored, standard, standard_tables, standards, write
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import draw_pdf, pdf_pages
from anonbench.datasets.images import encode, read_image
from image_files import coded
from pdf_files import stream

CANARY = "Erika Mustermann"
DPI = 200


def scans(path: Path, *pages: Image.Image) -> Path:
    """Write a PDF of scans with a title, a text that can be selected and an attachment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = pages
    more = {"append_images": others, "resolution": DPI, "title": CANARY}
    document = pypdfium2.PdfDocument(coded(first, "PDF", save_all=True, **more))
    raw = pypdfium2.raw
    for page in document:
        text = raw.FPDFPageObj_NewTextObj(document, b"Helvetica", 12.0)
        wide = (f"{CANARY}\0").encode("utf-16-le")
        raw.FPDFText_SetText(text, (raw.FPDF_WCHAR * (len(wide) // 2)).from_buffer_copy(wide))
        raw.FPDFTextObj_SetTextRenderMode(text, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
        raw.FPDFPage_InsertObject(page, text)
        page.gen_content()
    document.new_attachment("notes.txt").set_data(CANARY.encode())
    document.save(path)
    return path


def codes_of(path: Path) -> list[str]:
    data = path.read_bytes()
    pages = [draw_pdf(data, Page(n, DPI), 10**7) for n in range(1, pdf_pages(data) + 1)]
    return [found.text for page in pages for found in zxingcpp.read_barcodes(page)]


def texts_of(path: Path) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))


def test_a_scan_becomes_pixels_and_nothing_else(tmp_path: Path) -> None:
    path = scans(tmp_path / "in/a.pdf", photograph("one"))
    document = pypdfium2.PdfDocument(path)
    assert CANARY in texts_of(path) and document.get_metadata_value("Title") == CANARY
    assert document.count_attachments() == 1 and codes_of(path) == ["one"]
    done = anonymized(tmp_path / "in", tmp_path / "out")
    assert (done.written, done.regions, done.is_doubtful) == (1, 1, False)
    assert done.converted == {"PDF pages drawn as pixels": 1}
    copy = tmp_path / "out/a.pdf"
    made = pypdfium2.PdfDocument(copy)
    assert texts_of(copy) == "" and made.get_metadata_dict(skip_empty=True) == {}
    assert made.count_attachments() == 0 and codes_of(copy) == []
    (image,) = made[0].get_objects()
    assert image.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE
    # the scan's own resolution: not one pixel outside of the region was resampled
    before = draw_pdf(path.read_bytes(), Page(1, DPI), 10**7)
    after = image.get_bitmap().to_numpy()[..., ::-1]
    hidden = (before != after).any(2)
    assert before.shape == after.shape == (150, 200, 3)
    assert hidden.any() and not hidden[:, 175:].any() and (after[hidden] == 0).all()
    np.testing.assert_array_equal(draw_pdf(copy.read_bytes(), Page(1, DPI), 10**7), after)


def test_every_page_is_hidden_and_a_blank_one_is_no_reason_to_refuse(tmp_path: Path) -> None:
    blank = Image.new("L", (80, 60), 255)
    grey = photograph("two", grey=True)
    scans(tmp_path / "in/x/a.pdf", photograph("one"), blank, grey)
    done = anonymized(tmp_path / "in", tmp_path / "out")
    assert (done.written, done.regions) == (1, 2)
    copy = tmp_path / "out/x/a.pdf"
    assert codes_of(copy) == [] and texts_of(copy) == ""
    sizes = [page.get_size() for page in pypdfium2.PdfDocument(copy)]
    expected = [(72 * w / DPI, 72 * h / DPI) for w, h in ((200, 150), (80, 60), (200, 150))]
    assert sizes == [pytest.approx(each, abs=0.01) for each in expected]
    (row,) = records(done)
    assert [region["page"] for region in row["regions"]] == [1, 3]


@pytest.mark.parametrize("compression", ["group4", "tiff_lzw", "jpeg"])
def test_tiff_files_of_several_pages_become_pdfs(tmp_path: Path, compression: str) -> None:
    mode = "1" if compression == "group4" else "RGB"
    first, *others = (photograph(text).convert(mode) for text in ("one", "two"))
    smaller = first.resize((50, 38))
    smaller.encoderinfo = {"tiffinfo": {254: 1}}
    path = tmp_path / "in/a.tif"
    path.parent.mkdir()
    first.save(path, save_all=True, append_images=[*others, smaller], compression=compression)
    done = anonymized(tmp_path / "in", tmp_path / "out", contact_sheet=True)
    assert (done.written, done.regions, done.sheet is None) == (1, 2, False)
    assert done.converted == {"TIFF pages written as PDF": 1}
    copy = tmp_path / "out/a.tif.pdf"
    assert set(files(tmp_path / "out")) == {"a.tif.pdf"} and codes_of(copy) == []
    (row,) = records(done)
    for number in (1, 2):
        before = read_image(path, None, Page(number))
        after = draw_pdf(copy.read_bytes(), Page(number, DPI), 10**7)
        visible = (before.reshape(150, 200, -1) == after).all(2)
        grown = read_regions(row["regions"][number - 1], 8 if compression == "jpeg" else 1)
        assert visible[~grown].all() and not after[grown].any()
    again = anonymized(tmp_path / "in", tmp_path / "out", contact_sheet=True)
    assert (again.written, again.made) == (1, 0)
    assert row["pages"] == [[200, 150, 0]] * 2 and done.sheet is not None
    assert 'width="200"' in done.sheet.read_text(encoding="utf-8")


def test_a_blank_page_of_a_fax_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    blank, rule = Image.new("1", (80, 60), 1), Image.new("1", (80, 60), 1)
    rule.paste(0, (0, 20, 80, 24))  # from side to side
    pages = [photograph("one").convert("1"), blank, rule, photograph("two").convert("1")]
    (tmp_path / "in").mkdir()
    pages[0].save(path := tmp_path / "in/a.tif", save_all=True, append_images=pages[1:])
    done = anonymized(tmp_path / "in", tmp_path / "out", keep_without_regions=True)
    assert (done.written, done.regions) == (1, 2)
    copy = tmp_path / "out/a.tif.pdf"
    assert codes_of(copy) == []
    for number in (2, 3):
        drawn = draw_pdf(copy.read_bytes(), Page(number, DPI), 10**7)
        np.testing.assert_array_equal(drawn[..., 0], read_image(path, None, Page(number)))


def test_pages_of_a_tiff_file_without_regions_are_recorded_as_they_are_seen(tmp_path: Path) -> None:
    first, second = (photograph(text, code=False) for text in ("one", "two"))
    (tmp_path / "in").mkdir()
    first.save(tmp_path / "in/a.tif", save_all=True, append_images=[second], tiffinfo={274: 6})
    (row,) = records(anonymized(tmp_path / "in", tmp_path / "out"))
    assert row["status"] == "without_regions"
    assert row["pages"] == [[150, 200, 0]] * 2


@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
def test_tiff_files_of_several_pages_have_a_suffix_of_tiff(tmp_path: Path, name: str) -> None:
    """A review's corrections of their pages would not be applied."""
    save_pages(tmp_path / "in/a.tif", photograph("one"), photograph("two"))
    (tmp_path / "in/a.tif").rename(tmp_path / "in" / name)
    done = anonymized(tmp_path / "in", tmp_path / "out")
    assert (done.written, done.unreadable) == (0, 1) and not files(tmp_path / "out")
    assert records(done)[0]["reason"] == "a TIFF file of several pages; rename it to end in .tif"


def read_regions(row: dict[str, Any], block: int) -> np.ndarray:
    """Return the pixels, bool [150, 200], of the blocks that a region touches."""
    low = [int(row[side] // block * block) for side in ("y0", "x0")]
    high = [int(-(-row[side] // block) * block) for side in ("y1", "x1")]
    pixels = np.zeros((150, 200), bool)
    pixels[low[0] : high[0], low[1] : high[1]] = True
    return pixels


def test_a_copy_does_not_tell_whether_what_is_hidden_had_colours(tmp_path: Path) -> None:
    plain = photograph("one", grey=True).convert("RGB")
    code = np.array(plain)
    code[(code < 50).all(axis=2)] = (90, 0, 0)  # the code, and nothing else
    for name, page in (("grey.pdf", plain), ("red.pdf", Image.fromarray(code))):
        scans(tmp_path / "in" / name, page)
    assert anonymized(tmp_path / "in", tmp_path / "out").regions == 2
    for name in ("grey.pdf", "red.pdf"):
        assert b"/DeviceGray" in (tmp_path / "out" / name).read_bytes(), name


def written(*pages: np.ndarray) -> tuple[bytes, list[CheckedPage]]:
    file = io.BytesIO()
    stored.write_pdf(file, len(pages), ((encode(page), DPI) for page in pages))
    return file.getvalue(), [CheckedPage.of(page, DPI) for page in pages]


def test_the_audit_refuses_everything_else() -> None:
    grey = np.asarray(photograph("one", grey=True))
    colour = np.asarray(photograph("two"))
    data, pages = written(colour, grey)
    check_pdf(data, pages)
    other, _ = written(colour, np.asarray(photograph("three", grey=True)))
    start = data.rindex(b"xref\n0 ")
    packed = data.index(b"stream\nx")
    more = b"9 0 obj\n" + stream("", b"x") + b"\nendobj\n"
    sabotaged = {
        "other pixels": other,
        "a page less": written(colour)[0],
        "a page more": written(colour, grey, grey)[0],
        "pages changed about": written(grey, colour)[0],
        "behind the end": data + b"\n",
        "a comment": data.replace(b"%\xe2\xe3\xcf\xd3", b"%" + CANARY[:4].encode()),
        "an object more": data[:start] + more + data[start:],
        "a title": data.replace(b"/Root 1 0 R", b"/Root 1 0 R /Info << /Title (x) >>"),
        "metadata": data.replace(b"/Type /Catalog", b"/Type /Catalog /Metadata 4 0 R"),
        "a text": data.replace(b"/Im Do Q", b"/Im Do Q BT (x) Tj ET"),
        "drawn elsewhere": data.replace(b" 0 0 cm", b" 9 9 cm", 1),
        "an annotation": data.replace(b"/Type /Page /", b"/Type /Page /Annots [] /", 1),
        "a mask": data.replace(b"/Subtype /Image", b"/Subtype /Image /SMask 4 0 R", 1),
        "another size": data.replace(b"/Width 200", b"/Width 100"),
        "cut short": data[:-1],
        "a flipped bit": data[: packed + 40] + bytes([data[packed + 40] ^ 1]) + data[packed + 41 :],
        "nothing": b"",
        "a second version": data + data[start:],
    }
    for what, changed in sabotaged.items():
        assert changed != data, what
        with pytest.raises(Failure):
            check_pdf(changed, pages)


def test_the_audit_refuses_what_stands_behind_the_rows() -> None:
    """A stream that goes on behind the image's last row is a place for anything."""
    page = np.asarray(photograph("one", grey=True))
    data, pages = written(page)
    start = data.index(b"stream\nx") + 7
    rows = data[start : data.index(b"\nendstream", start)]
    for longer in (rows + b"CANARY", zlib.compress(zlib.decompress(rows) + b"CANARY")):
        changed = data.replace(rows, longer)
        changed = changed.replace(b"/Length %d " % len(rows), b"/Length %d " % len(longer))
        moved = len(longer) - len(rows) + len(str(len(longer))) - len(str(len(rows)))
        old = data.rindex(b"xref\n0 ")
        changed = changed.replace(b"startxref\n%d\n" % old, b"startxref\n%d\n" % (old + moved))
        with pytest.raises(Failure, match=r"more or less|damaged"):
            check_pdf(changed, pages)


PICTURE = b"data" + bytes(8) + b"CANARY"


def with_tag(profile: bytes, name: bytes, content: bytes) -> bytes:
    """Return a profile with one tag more, or another content of one."""
    end = 132 + 12 * int.from_bytes(profile[128:132], "big")
    rows = struct.iter_unpack(">4sII", profile[132:end])
    tags = {each: profile[start : start + length] for each, start, length in rows} | {name: content}
    table, body = struct.pack(">I", len(tags)), b""
    for each, data in tags.items():
        table += struct.pack(">4sII", each, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return struct.pack(">I", 128 + len(table + body)) + profile[4:128] + table + body


def curve(*points: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(points)}H", len(points), *points)


def grey() -> bytes:
    profile = with_tag(SRGB, b"kTRC", curve(0, 9000, 30000, 65535))
    return profile[:16] + b"GRAY" + profile[20:]


def converted(profile: bytes, mode: str) -> np.ndarray:
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    image = Image.fromarray(colours).convert(mode)
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    assert made is not None
    return np.asarray(made).astype(int)


def adobe() -> bytes:
    """Return a profile of version 2 with primaries and tones of Adobe RGB, as software writes."""
    profile = SRGB[:8] + b"\2\x10" + SRGB[10:]
    points = {b"r": (39960, 20389, 1276), b"g": (13453, 41003, 3989), b"b": (9777, 4143, 48795)}
    for name, point in points.items():
        profile = with_tag(profile, name + b"TRC", curve(563))
        profile = with_tag(profile, name + b"XYZ", b"XYZ " + struct.pack(">4i", 0, *point))
    return profile


@pytest.mark.parametrize(
    ("profile", "space", "mode", "number"),
    [(SRGB, b"RGB ", "RGB", 0), (adobe(), b"RGB ", "RGB", 2), (grey(), b"GRAY", "L", 2)],
)
def test_nearest_standard_profile(profile: bytes, space: bytes, mode: str, number: int) -> None:
    made = standard(with_tag(profile, b"thmb", PICTURE), space)
    assert made == standards(space)[number]
    off = np.abs(converted(made, mode) - converted(profile, mode))
    assert off.mean() <= (1 if mode == "RGB" else 5)


@pytest.mark.parametrize("space", [b"RGB ", b"GRAY"])
def test_standard_profiles_are_themselves_and_known_to_the_audit(space: bytes) -> None:
    for each in standards(space):
        assert standard(each, space) == each
        pixels = np.zeros((8, 8, 3) if space == b"RGB " else (8, 8), np.uint8)
        check_file(stored.with_profile(encode(pixels), each), pixels, each)


def test_words_in_numbers_of_a_profile_are_not_copied() -> None:
    profile = SRGB
    for name, text in ((b"wtpt", b"CANARY+CANAR"), (b"rXYZ", b"Erika_CANARY")):
        profile = with_tag(profile, name, b"XYZ " + bytes(4) + text)
    profile = with_tag(profile, b"rTRC", curve(*sorted(b"CANARY")))
    assert b"CANARY" in profile and standard(profile, b"RGB ") in standards(b"RGB ")


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"CANARY" * 40,
        SRGB[:200],
        SRGB[:128] + b"\xff\xff\xff\xff" + SRGB[132:],
        SRGB[:16] + b"CMYK" + SRGB[20:],
        SRGB[:12] + b"link" + SRGB[16:],
        with_tag(SRGB, b"A2B0", PICTURE),
        with_tag(SRGB, b"rTRC", b"para" + bytes(4) + b"\0\x09" + bytes(40)),
    ],
)
def test_what_is_no_profile_of_the_pixels_is_left_out(profile: bytes) -> None:
    assert standard(profile, b"RGB ") == b""


def test_words_in_quantization_tables_are_not_copied(tmp_path: Path) -> None:
    """High frequencies of a flat picture are 0, whatever divides them."""
    words = b"CANARY, born 12.8.1964, of 12 Long Lane, London".ljust(54, b".")
    table = [16] * 10 + list(words)
    path = save(tmp_path / "photos", "a.jpg", qtables=[table, table])
    done = anonymized(tmp_path / "photos", tmp_path / "out")
    assert done.written == 1
    with Image.open(path) as given, Image.open(tmp_path / "out/a.jpg") as made:
        assert isinstance(given, JpegImageFile) and isinstance(made, JpegImageFile)
        assert given.quantization[0] == table
        for found in made.quantization.values():
            assert tuple(found) in standard_tables() and all(map(operator.le, found, table))
        pixels = np.asarray(made)
    with pytest.raises(Failure, match="quantization"):
        check_file(coded(pixels, "JPEG", qtables=[table, table]), pixels)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_table_that_nothing_uses_is_refused_in_a_copy(number: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    data = coded(pixels, "JPEG", quality=80)
    start = data.index(b"\xff\xdb")
    table = data[start : start + 4] + bytes([number]) + data[start + 5 : start + 69]
    check_file(data, pixels)
    with pytest.raises(Failure, match="contains other data"):
        check_file(data[:start] + table + data[start:], pixels)


@pytest.mark.parametrize(("form", "more"), [("TIFF", {"compression": "jpeg"}), ("GIF", {})])
def test_a_lossless_kind_of_file_must_show_the_checked_pixels(form: str, more: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    with pytest.raises(Failure, match="other pixels"):
        check_file(coded(pixels, form, **more), pixels)


def test_a_profile_that_is_no_standard_one_fails_the_audit() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    data = write(pixels, Stored("PNG", profile=SRGB))
    with pytest.raises(Failure, match="profile"):
        check_file(data, pixels, SRGB)
