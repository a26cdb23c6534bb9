"""Pages of PDF files; the separate process that draws and decodes within limits.

A PDF of two kilobytes or a JPEG 2000 file of one can take hours, and a fault of a library would end
its process. So they are decoded in a child (`child_process`). A file that exceeds the limits counts
as unreadable, and the next one gets a new child.
"""

import json
import os
import subprocess
import sys
import threading
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from anonbench.core.errors import UnreadableImage
from anonbench.core.memory import memory_for
from anonbench.datasets.formats.pages import Page

SUFFIX = ".pdf"
_SIGNATURE = b"%PDF-"
_BEFORE = b"\xef\xbb\xbf \t\r\n\0"  # may come before the signature: byte order mark, white space
ONE_PIXEL = (1 / 8, 1 / 8)  # sampling for which a JPEG's blocks would be pixels
_UPRIGHT = 0.05  # pixels by which the ends of an upright image's rows differ at most
_LONGEST = 2**24
_TOO_MUCH = "takes too much memory or time to decode, or breaks the library; save it again, smaller"

_lock = threading.Lock()
# by the id of the process that asks: after a fork another child is started
_children: dict[int, subprocess.Popen[bytes]] = {}


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have locked it


os.register_at_fork(after_in_child=_renew_lock)


def ask(
    what: str,
    source: Path | bytes,
    page: Page | None = None,
    max_pixels: int | None = None,
    pixels: int = 0,
) -> tuple[Any, np.ndarray]:
    """Have a child answer a question of `formats.pdfium`, or decode an `image`.

    Returns what is told, as JSON holds it (of pixels their shape), and pixels, flat.
    UnreadableImage if it cannot be read, or not within the limits.
    """
    data = source if isinstance(source, bytes) else b""
    path = None if isinstance(source, bytes) else os.fspath(source.absolute())
    question = {"what": what, "page": page, "max_pixels": max_pixels, "pixels": pixels}
    question |= {"path": path, "bytes": len(data)}
    with _lock:
        if os.getpid() not in _children:
            _children[os.getpid()] = subprocess.Popen(
                [sys.executable, "-m", "anonbench.datasets.child_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )
        child = _children[os.getpid()]
        to, back = cast(BinaryIO, child.stdin), cast(BufferedReader, child.stdout)
        try:
            to.write(json.dumps(question).encode() + b"\n" + data)
            to.flush()
            answer = json.loads(back.readline(_LONGEST))
            size = answer.get("pixels", 0)
            if not 0 <= size < 2**33:
                raise ValueError("more pixels than an image has")
            values = np.empty(size, np.uint8)
            if back.readinto(values.data) != size:
                raise ValueError("fewer pixels than were said")
            if "refused" not in answer:
                return answer["told"], values
        except BaseException as error:  # it has ended, answers nonsense, or takes too long
            del _children[os.getpid()]
            child.kill()
            child.wait()
            if isinstance(error, OSError | ValueError | KeyError | TypeError | AttributeError):
                raise UnreadableImage(_TOO_MUCH) from None
            raise
    raise UnreadableImage(str(answer["refused"]))


def is_pdf(data: bytes) -> bool:
    """Check whether bytes are those of a PDF file."""
    return data[:1024].lstrip(_BEFORE).startswith(_SIGNATURE)


def pdf_pages(source: Path | bytes) -> int:
    """Number of pages; UnreadableImage if it is damaged, encrypted, or beyond the limits."""
    return int(ask("pages", source)[0])


def pdf_size(data: bytes, page: Page, max_pixels: int | None) -> tuple[int, int]:
    """Return width and height in pixels of a page as it will be drawn; raises as `pdf_pages`."""
    (width, height), _ = ask("size", data, page, max_pixels)
    return int(width), int(height)


def pdf_dpi(data: bytes, number: int) -> int:
    """Return the resolution of the scan that covers a page, in pixels an inch; 0 without one."""
    return int(ask("dpi", data, Page(number))[0])


def draw_pdf(data: bytes, page: Page, max_pixels: int | None) -> np.ndarray:
    """Draw a page on white: uint8 [H, W, 3] RGB, with its annotations and filled-in forms.

    Width and height are the page's in inches times `page.dpi`, rounded up. No image on it may have
    more than `max_pixels` either; None: the page was drawn before, and limits are wider.
    """
    width, height = pdf_size(data, page, max_pixels)
    with memory_for(width * height):
        shape, values = ask("draw", data, page, max_pixels)
        return values.reshape(shape)


class Placed(NamedTuple):
    """A lossy or enlarged image on a page, in pixels of the drawn page."""

    corner: tuple[float, float]  # x, y where the image's first pixel begins
    across: tuple[float, float]  # from there to the end of its first row
    down: tuple[float, float]  # from there to the end of its first column
    width: int
    height: int  # in its own pixels
    is_jpeg2000: bool
    sampling: tuple[float, float]
    """Of JPEG: luminance for each colour value, across and down; `ONE_PIXEL` if it is lossless."""

    @property
    def is_turned(self) -> bool:
        """Whether its rows run down the page."""
        return abs(self.across[1]) > abs(self.across[0])

    @property
    def is_slanted(self) -> bool:
        """Whether its rows run neither across nor down the page."""
        off = [min(map(abs, side)) for side in (self.across, self.down)]
        return max(off) > _UPRIGHT or min(max(map(abs, s)) for s in (self.across, self.down)) == 0

    @property
    def is_enlarged(self) -> bool:
        """Whether drawing mixes neighbouring pixels; it may add a pixel to each side."""
        across, down = (max(map(abs, side)) for side in (self.across, self.down))
        is_larger = across + 1 > self.width or down + 1 > self.height
        return is_larger and not self.is_slanted


def placed_images(data: bytes, page: Page) -> list[Placed]:
    """Images on a page coded with loss, or enlarged, in the order of drawing.

    None of patterns and masks; no lossless one of annotations.
    """
    return [Placed(*each) for each in ask("images", data, page)[0]]


def text_places(data: bytes, page: Page | None) -> list[np.ndarray]:
    """Corners of the text objects of a PDF's page, float64 [4, 2]; no other image has any.

    None of patterns, soft masks and invisible text.
    """
    if page is None or not page.dpi:
        return []
    return [np.array(each).reshape(4, 2) for each in ask("text", data, page)[0]]


def has_damaged_images(data: bytes, page: Page) -> bool:
    """Whether images on a page are drawn in part or not at all, as far as this can be known.

    None of patterns, glyphs and masks are looked at.
    """
    try:
        return bool(ask("damaged", data, page)[0])
    except UnreadableImage:  # nobody knows: the page was drawn before, in less time or memory
        return True
