"""Pages of PDF files: their size, what they look like, and what is refused."""

from __future__ import annotations

import os
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from odd_folder import ENCRYPTED, coded, pdf, picture, text_page

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.documents import count_pages
from anonbench.datasets.formats import child
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pdf import draw_pdf, is_pdf, pdf_pages, pdf_size
from anonbench.datasets.headers import page_to_read

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
