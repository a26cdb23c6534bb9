"""Pages of PDF files, counted and drawn in a separate process within limits (`child`)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from anonbench.core.memory import memory_for
from anonbench.datasets.formats.child import ask
from anonbench.datasets.formats.pages import Page

SUFFIX = ".pdf"
_SIGNATURE = b"%PDF-"
_BEFORE = b"\xef\xbb\xbf \t\r\n\0"  # may come before the signature: byte order mark, white space
_UPRIGHT = 0.05  # pixels by which the ends of an upright image's rows differ at most


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

    Width and height are the page's in inches times `page.dpi`, rounded up. Fonts that the file does
    not embed are replaced by PDFium's own. No image on it may have more than `max_pixels` either;
    None: the page was drawn before, and limits are wider.
    """
    width, height = pdf_size(data, page, max_pixels)
    with memory_for(width * height):
        shape, values = ask("draw", data, page, max_pixels)
        return values.reshape(shape)


class Placed(NamedTuple):
    """A lossy image on a page, in pixels of the drawn page."""

    corner: tuple[float, float]  # x, y where the image's first pixel begins
    across: tuple[float, float]  # from there to the end of its first row
    down: tuple[float, float]  # from there to the end of its first column
    width: int
    height: int  # in its own pixels
    is_jpeg2000: bool
    sampling: tuple[int, int]  # of JPEG: luminance for each colour value, across and down

    @property
    def is_turned(self) -> bool:
        """Whether its rows run down the page."""
        return abs(self.across[1]) > abs(self.across[0])

    @property
    def is_slanted(self) -> bool:
        """Whether its rows run neither across nor down the page."""
        off = [min(map(abs, side)) for side in (self.across, self.down)]
        return max(off) > _UPRIGHT or min(max(map(abs, s)) for s in (self.across, self.down)) == 0


def placed_images(data: bytes, page: Page) -> list[Placed]:
    """Return the images on a page whose pixels were coded with loss, in the order of drawing.

    Images in patterns, glyphs and soft masks are left out. An annotation with lossy images has one
    block.
    """
    return [Placed(*each) for each in ask("images", data, page)[0]]
