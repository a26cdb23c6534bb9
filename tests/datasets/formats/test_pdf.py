"""Pages of PDF files: their size, what they look like, and what is refused."""

from __future__ import annotations

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
import pytest
from odd_folder import ENCRYPTED, coded, pdf, picture, text_page
from PIL import Image

from anonbench.core.errors import UnreadableImage
from anonbench.datasets import images
from anonbench.datasets.documents import count_pages
from anonbench.datasets.formats import child
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import draw_pdf, is_pdf, pdf_pages, pdf_size
from anonbench.datasets.headers import page_to_read
from anonbench.datasets.images import read_here, read_image

LIMIT = 10**6
RED_LEFT = b"1 0 0 rg 0 0 72 72 re f"


def nested(levels: int) -> bytes:
    """Return a PDF whose page draws ten groups, each of which draws as many, and so on."""
    draw = b"/X Do " * 10
    bodies = [b"<< /Length %d >>\nstream\n%s\nendstream" % (len(draw), draw)]
    for level in range(levels):
        last = level == levels - 1
        inside = b"0 0 9 9 re f" if last else draw
        names = b"" if last else b"/Resources << /XObject << /X %d 0 R >> >>" % (6 + level)
        head = b"<< /Subtype /Form /BBox [0 0 9 9] %s /Length %d >>" % (names, len(inside))
        bodies.append(head + b"\nstream\n" + inside + b"\nendstream")
    data = (
        b"%PDF-1.4\n1 0 obj\n<< /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Kids [3 0 R] /Count 1 >>\n"
        b"endobj\n3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /X 5 0 R >> >> >>\nendobj\n"
    )
    for number, body in enumerate(bodies, start=4):
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return data + b"trailer\n<< /Root 1 0 R >>\n"


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


def test_each_page_is_drawn_and_twice_the_same() -> None:
    data = pdf([text_page("one"), RED_LEFT, b""])
    assert pdf_pages(data) == 3
    pages = [draw_pdf(data, Page(number, 72), LIMIT) for number in (1, 2, 3)]
    assert (pages[0] < 255).any() and (pages[2] == 255).all()
    assert (pages[1][:, :72] == (255, 0, 0)).all() and (pages[1][:, 72:] == 255).all()
    assert pages[1].flags.writeable
    for number in (3, 2, 1):
        np.testing.assert_array_equal(draw_pdf(data, Page(number, 72), LIMIT), pages[number - 1])
    with pytest.raises(UnreadableImage, match="no page 1 of 0"):
        pdf_size(pdf([]), Page(1, 72), LIMIT)
    with pytest.raises(UnreadableImage, match="no page 4 of 3"):
        pdf_size(data, Page(4, 72), LIMIT)


def test_threads_and_forks_draw_the_same() -> None:
    data = pdf([text_page(str(number)) for number in range(6)])
    alone = [draw_pdf(data, Page(n, 72), LIMIT) for n in range(1, 7)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda n: draw_pdf(data, Page(n, 72), LIMIT), range(1, 7)))
    np.testing.assert_array_equal(alone, together)
    with ProcessPoolExecutor(2, get_context("fork")) as forks:
        apart = forks.map(draw_pdf, [data] * 6, [Page(n, 72) for n in range(1, 7)], [LIMIT] * 6)
        np.testing.assert_array_equal(alone, list(apart))


def test_an_image_in_a_page_is_drawn_and_a_large_one_refused(tmp_path: Path) -> None:
    picture(0, (200, 100)).save(tmp_path / "a.pdf", resolution=300)
    data = (tmp_path / "a.pdf").read_bytes()
    assert draw_pdf(data, Page(1, 150), 200 * 100).shape == (50, 100, 3)
    with pytest.raises(UnreadableImage, match="a page with an image of more than 19999 pixels"):
        draw_pdf(data, Page(1, 150), 200 * 100 - 1)


def test_a_page_of_thousands_of_lossy_images_is_refused() -> None:
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
        (pdf([b""], extra=ENCRYPTED), "an encrypted PDF"),
        (pdf([b""])[:150], "a damaged PDF"),
        (b"Dear Sir or Madam,", "a damaged PDF"),
    ],
)
def test_what_cannot_be_drawn_has_a_reason(data: bytes, reason: str) -> None:
    for ask in (pdf_size, draw_pdf):
        with pytest.raises(UnreadableImage, match=reason):
            ask(data, Page(1, 150), LIMIT)


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


def test_a_child_that_was_killed_is_one_image_that_cannot_be_read() -> None:
    good = pdf([RED_LEFT])
    pdf_pages(good)
    os.kill(int(decoder().name), 9)
    with pytest.raises(UnreadableImage, match="breaks the library"):
        pdf_pages(good)
    assert pdf_pages(good) == 1


def test_questions_have_a_minute_and_a_page_that_was_drawn_before_has_ten() -> None:
    longer = []
    for what in ("pages", "size", "dpi", "images", "draw"):
        child.ask(what, pdf([RED_LEFT]), Page(1, 72))
        (limit,) = re.findall(r"Max cpu time +(\d+)", (decoder() / "limits").read_text())
        longer.append(int(limit) >= 600)
    assert longer == [False, False, False, False, True]


def test_a_document_of_too_many_pages_is_refused_as_such(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf([b""]).replace(b"/Kids [4 0 R]", b"/Kids [" + b"4 0 R " * 10000 + b"]"))
    assert pdf_pages(file) in (1, 10000)
    data = file.read_bytes().replace(b"/Count 1 ", b"/Count 10000 ")
    file.write_bytes(data)
    assert pdf_pages(data) == 10000 and count_pages(file, ".pdf") == 1
    with pytest.raises(UnreadableImage, match="more than 9999 pages"):
        page_to_read(data, None, 150)


def test_what_is_a_pdf() -> None:
    assert is_pdf(b"%PDF-1.7") and is_pdf(b"\xef\xbb\xbf\r\n %PDF-1.7")
    assert not is_pdf(b"\xff\xd8\xff\xe1 about %PDF-1.7") and not is_pdf(b"")


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


def test_a_jpeg_of_many_scans_is_refused_and_one_of_some_is_read() -> None:
    assert read_image(progressive(10)).shape == (64, 64)
    assert refused(progressive(200)) == "a JPEG of more than 100 scans"


@pytest.mark.slow
def test_a_header_that_is_a_comment_of_many_bytes_is_refused() -> None:
    data = b"P2\n#" + b"a" * 5_000_000 + b"\n8 8\n255\n" + b"0 " * 64
    start = time.process_time()
    assert refused(data) == "takes too long to read"
    assert time.process_time() - start < 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "JPEG2000"])
def test_a_child_reads_what_this_process_reads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pixels in (SMOOTH, SMOOTH[..., 0]):
        data = coded(Image.fromarray(pixels), kind)
        here = read_here(data, None, None)
        monkeypatch.setattr(images, "MOST_HERE", 0)
        apart = read_image(data)
        np.testing.assert_array_equal(here, apart)
        apart[0, 0] = 7  # it may be written to


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("BASE_BYTES = 2**25; c.BYTES_A_PIXEL = {'image': 1}", "MemoryError"),
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


def test_a_large_image_is_decoded_by_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    data = coded(Image.fromarray(SMOOTH), "PNG")
    monkeypatch.setattr(images, "MOST_HERE", 64 * 96 - 1)
    monkeypatch.setattr(images, "to_array", None)  # in this process nothing is
    assert read_image(data).shape == SMOOTH.shape
