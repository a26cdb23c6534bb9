"""Pages of TIFF and PDF files, and the process with limits that decodes them."""

import io
import os
import re
import struct
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_folder import ENCRYPTED, picture, text_page
from PIL import Image, TiffImagePlugin

from anonbench.core.errors import UnreadableImage
from anonbench.datasets import images
from anonbench.datasets.documents import count_pages
from anonbench.datasets.formats.pages import (
    MOST_PAGES,
    Page,
    file_digest_of,
    page_digest,
    page_id,
    page_of,
    require_page,
    tiff_frames,
)
from anonbench.datasets.formats.pdf import ask, draw_pdf, is_pdf, pdf_pages, pdf_size
from anonbench.datasets.headers import page_to_read
from anonbench.datasets.image_sets.shards import member_name
from anonbench.datasets.images import open_checked, read_here, read_image, upright_size
from anonbench.datasets.source import id_problems, ids_of_files
from image_files import coded
from pdf_files import pages as pdf
from pdf_files import stream
from pdf_files import written as objects

LIMIT = 10**6
RED_LEFT = b"1 0 0 rg 0 0 72 72 re f"


def nested(levels: int) -> bytes:
    """Return a PDF whose page draws ten groups, each of which draws as many, and so on."""
    draw, groups = b"/X Do " * 10, []
    for level in range(1, levels + 1):
        names = f"/Resources << /XObject << /X {5 + level} 0 R >> >>" if level < levels else ""
        entries = f"/Subtype /Form /BBox [0 0 9 9] {names}"
        groups.append(stream(entries, draw if level < levels else b"0 0 9 9 re f"))
    return objects(
        b"<< /Pages 2 0 R >>",
        b"<< /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /X 5 0 R >> >> >>",
        stream("", draw),
        *groups,
    )


@pytest.mark.parametrize(
    ("media", "dpi", "size"),
    [
        ("0 0 144 72", 150, (300, 150)),
        ("10 20 154 92", 36, (72, 36)),
        ("0 0 595.276 841.89", 150, (1241, 1754)),  # A4
        ("0 0 1 1", 36, (1, 1)),
    ],
)
def test_size_is_that_of_the_page_in_inches(media: str, dpi: int, size: tuple[int, int]) -> None:
    data = pdf([RED_LEFT], media=media)
    assert pdf_size(data, Page(1, dpi), 10**7) == size
    assert draw_pdf(data, Page(1, dpi), 10**7).shape == (size[1], size[0], 3)


def test_each_page_is_drawn_the_same_by_threads_and_forks() -> None:
    data = pdf([text_page("one"), RED_LEFT, b""])
    assert pdf_pages(data) == 3
    pages = [draw_pdf(data, Page(number, 72), LIMIT) for number in (1, 2, 3)]
    assert (pages[0] < 255).any() and (pages[2] == 255).all()
    assert (pages[1][:, :72] == (255, 0, 0)).all() and (pages[1][:, 72:] == 255).all()
    assert pages[1].flags.writeable
    for number in (3, 2, 1):
        np.testing.assert_array_equal(draw_pdf(data, Page(number, 72), LIMIT), pages[number - 1])
    pypdfium2.PdfDocument.new().save(empty := io.BytesIO())
    with pytest.raises(UnreadableImage, match="a document without pages"):
        pdf_size(empty.getvalue(), Page(1, 72), LIMIT)
    with pytest.raises(UnreadableImage, match="no page 4 of 3"):
        pdf_size(data, Page(4, 72), LIMIT)
    data = pdf([text_page(str(number)) for number in range(6)])
    alone = [draw_pdf(data, Page(n, 72), LIMIT) for n in range(1, 7)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda n: draw_pdf(data, Page(n, 72), LIMIT), range(1, 7)))
    np.testing.assert_array_equal(alone, together)
    with ProcessPoolExecutor(2, get_context("fork")) as forks:
        apart = forks.map(draw_pdf, [data] * 6, [Page(n, 72) for n in range(1, 7)], [LIMIT] * 6)
        np.testing.assert_array_equal(alone, list(apart))


def test_large_and_thousands_of_images_in_a_page_are_refused(tmp_path: Path) -> None:
    picture(0, (200, 100)).save(tmp_path / "a.pdf", resolution=300)
    data = (tmp_path / "a.pdf").read_bytes()
    assert draw_pdf(data, Page(1, 150), 200 * 100).shape == (50, 100, 3)
    with pytest.raises(UnreadableImage, match="a page with an image of more than 19999 pixels"):
        draw_pdf(data, Page(1, 150), 200 * 100 - 1)
    picture_data = coded(picture(0, (8, 8)), "JPEG")
    head = b"BI /W 8 /H 8 /CS /RGB /BPC 8 /F /DCT ID "
    inline = b"q 144 0 0 72 0 0 cm " + head + picture_data + b"\nEI Q\n"
    draw_pdf(pdf([2_000 * inline]), Page(1, 20), LIMIT)
    with pytest.raises(UnreadableImage, match="a page of more than 2000 images coded with loss"):
        draw_pdf(pdf([2_001 * inline]), Page(1, 20), LIMIT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf([b""], media="0 0 100000 100000"), "more than 1000000 pixels"),
        (pdf([b""], trailer=ENCRYPTED), "an encrypted PDF"),
        (pdf([b""])[:150], "a damaged PDF"),
        (b"Dear Sir or Madam,", "a damaged PDF"),
    ],
)
def test_what_cannot_be_drawn_has_a_reason(data: bytes, reason: str) -> None:
    for read in (pdf_size, draw_pdf):
        with pytest.raises(UnreadableImage, match=reason):
            read(data, Page(1, 150), LIMIT)


@pytest.mark.slow
def test_a_bomb_ends_its_process_alone() -> None:
    good, bomb = pdf([RED_LEFT]), nested(8)
    before = draw_pdf(good, Page(1, 72), LIMIT)
    assert len(bomb) < 3000 and pdf_size(bomb, Page(1, 72), LIMIT) == (9, 9)
    with pytest.raises(UnreadableImage, match="too much memory or time"):
        draw_pdf(bomb, Page(1, 72), LIMIT)
    np.testing.assert_array_equal(draw_pdf(good, Page(1, 72), LIMIT), before)
    assert draw_pdf(nested(2), Page(1, 72), LIMIT).min() == 0


def decoder() -> Path:
    """Return where the system tells about the process that decodes for this one."""
    children = (file.read_text().split() for file in Path("/proc/self/task").glob("*/children"))
    found = [Path("/proc", each) for each in chain(*children)]
    (process,) = (each for each in found if b"child_process" in (each / "cmdline").read_bytes())
    return process


def test_a_child_that_was_killed_or_takes_minutes() -> None:
    good = pdf([RED_LEFT])
    pdf_pages(good)
    os.kill(int(decoder().name), 9)
    with pytest.raises(UnreadableImage, match="breaks the library"):
        pdf_pages(good)
    assert pdf_pages(good) == 1
    longer = []
    for what in ("pages", "size", "dpi", "images", "draw"):
        ask(what, pdf([RED_LEFT]), Page(1, 72))
        (limit,) = re.findall(r"Max cpu time +(\d+)", (decoder() / "limits").read_text())
        longer.append(int(limit) >= 600)
    assert longer == [False, False, False, False, True]


def test_what_is_a_pdf_and_how_many_pages_it_may_have(tmp_path: Path) -> None:
    assert is_pdf(b"%PDF-1.7") and is_pdf(b"\xef\xbb\xbf\r\n %PDF-1.7")
    assert not is_pdf(b"\xff\xd8\xff\xe1 about %PDF-1.7") and not is_pdf(b"")
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf([b""]).replace(b"/Kids [4 0 R]", b"/Kids [" + b"4 0 R " * 10000 + b"]"))
    assert pdf_pages(file) in (1, 10000)
    data = file.read_bytes().replace(b"/Count 1 ", b"/Count 10000 ")
    file.write_bytes(data)
    assert pdf_pages(data) == 10000 and count_pages(file, ".pdf") == 1
    with pytest.raises(UnreadableImage, match="more than 9999 pages"):
        page_to_read(data, None, 150)


SMOOTH = np.linspace(0, 255, 64 * 96 * 3).astype(np.uint8).reshape(64, 96, 3)


def progressive(scans: int) -> bytes:
    """Return a grey JPEG file of 64 × 64 pixels whose one scan of details comes so many times."""
    tables = b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1]) * 64
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, 64, 64, 1) + b"\x01\x11\x00"
    for kind, symbol in ((0, 0), (16, 0x50)):
        frame += b"\xff\xc4" + struct.pack(">HB", 20, kind) + bytes([1] + [0] * 15 + [symbol])
    first = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x00\x00" + bytes(9)
    details = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x01\x3f\x00" + b"\x7f\x7f"
    return b"\xff\xd8" + tables + frame + first + details * scans + b"\xff\xd9"


def refused(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        read_image(data)
    return str(caught.value)


@pytest.mark.slow
def test_a_jpeg_of_many_scans_and_a_header_of_many_bytes_are_refused() -> None:
    assert read_image(progressive(10)).shape == (64, 64)
    assert refused(progressive(200)) == "a JPEG of more than 100 scans"
    data = b"P2\n#" + b"a" * 5_000_000 + b"\n8 8\n255\n" + b"0 " * 64
    start = time.process_time()
    assert refused(data) == "takes too long to read"
    assert time.process_time() - start < 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "JPEG2000"])
def test_a_child_reads_what_this_process_reads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pixels in (SMOOTH, SMOOTH[..., 0]):
        data = coded(Image.fromarray(pixels), kind)
        here = read_here(data, None, None)
        with monkeypatch.context() as large:
            large.setattr(images, "MOST_HERE", pixels.shape[0] * pixels.shape[1] - 1)
            large.setattr(images, "to_array", None)  # in this process nothing is decoded
            apart = read_image(data)
        np.testing.assert_array_equal(here, apart)
        apart[0, 0] = 7  # it may be written to


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("BASE_BYTES = 2**25; c.BYTES_A_PIXEL = {'image': 1}", "too much memory to decode"),
        ("SECONDS = 0; c.PIXELS_A_SECOND = 10**9", "too much memory or time"),
    ],
)
def test_image_beyond_the_limits(limits: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = [f"from anonbench.datasets import child_process as c; c.{limits}; c.main()"]
    data = b"P5\n2000 1500\n4095\n" + bytes(6_000_000)  # a decoder in Python
    popen = subprocess.Popen

    def limited(command: list[str], **more: Any) -> Any:
        return popen([command[0], "-c", code.pop()] if code else command, **more)

    monkeypatch.setattr(subprocess, "Popen", limited)
    with ProcessPoolExecutor(1, get_context("fork")) as fork:  # which has no child yet
        assert reason in fork.submit(refused, data).result()
        small = fork.submit(read_image, b"P5\n20 15\n4095\n" + bytes(600))
        assert small.result().shape == (15, 20)


HOSTILE = ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "/", ".", "..", "./a", "a/.", "a/.."]
HOSTILE += ["a\nb", "a\0b", "\x1b[2J", "\x7f", "a\u2028b", "\x85", "", "a" * 1025, "ü" * 513]
FINE = ["a", "a/b c/ü", "...", "a/...", ".a/b.c", "a..b", " a ", "con", "~", "%2E", "\\", "C:\\x"]
FINE += ["a" * 1024, "ü" * 512, "身分証/#2", "-rf"]


SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
PAGES = st.none() | st.builds(Page, st.integers(1, MOST_PAGES), st.just(0) | st.integers(36, 1200))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="/"))
PARTS = NAMES.filter(lambda name: name not in ("", ".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(sha=SHA, page=PAGES)
def test_a_digest_says_file_and_page(sha: str, page: Page | None) -> None:
    digest = page_digest(sha, page)
    assert page_of(digest) == page and file_digest_of(digest) == sha
    assert (digest == sha) == (page is None)


@pytest.mark.slow
@given(paths=st.lists(PATHS, min_size=1, max_size=8, unique=True), number=st.integers(1, 9999))
def test_ids_of_files_and_pages_never_meet_and_can_be_names(paths: list[str], number: int) -> None:
    ids = ids_of_files(pd.Series(paths, dtype="str"))
    assert ids.is_unique
    pages = pd.Series([page_id(each, number) for each in ids], dtype="str")
    assert pages.is_unique and pages.str.startswith(ids.iloc[0] + "/").any()
    assert (id_problems(pages) == "").all()
    names = [member_name(each, "png") for each in pages]
    assert len(set(names)) == len(names)
    assert not any(part in ("", ".", "..") for name in names for part in name.split("/"))


def test_hostile_ids_pages_and_digests_are_refused() -> None:
    for image_id in HOSTILE:
        problems = id_problems(pd.Series(["a", image_id, "b"], dtype="str"))
        assert problems.iloc[0] == problems.iloc[2] == "" != problems.iloc[1], image_id
    assert id_problems(pd.Series(FINE, dtype="str")).eq("").all()
    assert id_problems(pd.Series([], dtype="str")).empty
    ids = [page_id("a b/ü", number) for number in (1, 2, 10, 999, MOST_PAGES)]
    assert ids == sorted(ids) and ids[0] == "a b/ü/page-0001"
    for text in ("ab:page=", "ab:page=1:dpi=", "ab:dpi=3", "ab:page=-1", "ab:x"):
        with pytest.raises(ValueError, match="is no digest of an image"):
            page_of(text)
    for number, pages in ((0, 3), (4, 3), (1, 0), (1, MOST_PAGES + 1)):
        with pytest.raises(UnreadableImage, match=r"no page|without pages|more than 9999 pages"):
            require_page(number, pages)


def frames(data: bytes) -> list[int]:
    return tiff_frames(io.BytesIO(data))


def directories(kinds: list[int | None], order: str = "<", tag: int = 254) -> bytes:
    """Return a TIFF of empty directories, with the subfile type of each."""
    data = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    for number, kind in enumerate(kinds):
        entries = [] if kind is None else [struct.pack(order + "HHII", tag, 4, 1, kind)]
        end = len(data) + 2 + 12 * len(entries) + 4
        following = 0 if number == len(kinds) - 1 else end
        data += struct.pack(order + "H", len(entries)) + b"".join(entries)
        data += struct.pack(order + "I", following)
    return data


@pytest.mark.parametrize("order", "<>")
def test_smaller_copies_and_masks_are_no_pages(order: str) -> None:
    assert frames(directories([None, 1, 0, 4, 2, 5], order)) == [0, 2, 4]
    assert frames(directories([None, 1, 2, 3], order, tag=255)) == [0, 1, 3]


@pytest.mark.parametrize("big", [False, True])
def test_pillows_pages_are_found(big: bool) -> None:
    pages = [picture(n) for n in range(4)]
    data = coded(pages[0], "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    assert frames(data) == [0, 1, 2, 3]
    assert data[2 if data[:1] == b"I" else 3] == (43 if big else 42)
    for number, page in enumerate(pages, start=1):
        np.testing.assert_array_equal(read_image(data, 10**4, Page(number)), np.asarray(page))
    with pytest.raises(UnreadableImage, match="no page 5 of 4"):
        read_image(data, 10**4, Page(5))
    with pytest.raises(UnreadableImage, match="of several pages"):
        read_image(data, 10**4)


def test_the_preview_of_a_raw_photograph_is_not_read_in_its_place(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254], tags[330] = 1, 8  # a smaller copy, and the place of the photograph
    tags.tagtype[330] = 13
    picture(1, (40, 30)).save(tmp_path / "a.tif", tiffinfo=tags)
    with pytest.raises(UnreadableImage, match="raw photograph"):
        read_image(tmp_path / "a.tif")


def test_circles_and_damage_are_no_pages() -> None:
    data = directories([None, None])
    assert frames(data) == [0, 1]
    circle = data[:-4] + struct.pack("<I", 8)
    assert frames(circle) == []
    assert not any(frames(data[:end]) for end in range(len(data)))
    assert frames(data[:8] + b"\xff\xff" + data[10:]) == []
    assert frames(coded(picture(0), "PNG")) == frames(b"") == []


def test_each_page_has_its_own_size_and_orientation(tmp_path: Path) -> None:
    turned = TiffImagePlugin.ImageFileDirectory_v2()
    turned[0x0112] = 6
    with TiffImagePlugin.AppendingTiffWriter(tmp_path / "a.tif", True) as file:
        for number, tags in enumerate(({}, turned)):
            picture(number, (40, 30)).save(file, "TIFF", tiffinfo=tags)
            file.newFrame()
    assert count_pages(tmp_path / "a.tif", ".tif") == 2
    for number, size in ((1, (40, 30)), (2, (30, 40))):
        with open_checked(tmp_path / "a.tif", 10**4, Page(number)) as image:
            assert upright_size(image) == size
        pixels = read_image(tmp_path / "a.tif", 10**4, Page(number))
        assert pixels.shape[:2] == size[::-1]
    with pytest.raises(UnreadableImage, match="more than 1199 pixels"):
        read_image(tmp_path / "a.tif", 1199, Page(2))
    expected = np.asarray(picture(1, (40, 30)).transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(pixels, expected)
