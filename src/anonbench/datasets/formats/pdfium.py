"""PDFium: pages of PDF files, drawn reproducibly, without the machine's fonts.

It runs in a separate process (`anonbench.datasets.child_process`), and is not safe in threads.
"""

import ctypes
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
from PIL import Image
from pypdfium2 import PdfImage, PdfiumError, PdfMatrix, PdfTextObj, raw

from anonbench.core.boxes import grown
from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats import streams
from anonbench.datasets.formats.pages import Page, require_page
from anonbench.datasets.formats.pdf import ONE_PIXEL, Placed
from anonbench.datasets.formats.whole import ZEROS, has_all_scans

_AGAIN = "; save it again as PDF, in a program that opens it"
_AS_IMAGE = "; save it as an image"
_POINTS = 72  # points in an inch: the unit of a page's size
_MOST_BYTES = 2**31 - 1  # greatest size of a bitmap in PDFium, in bytes
_MOST_OBJECTS = 500_000  # greatest number of objects whose sizes are checked before a page is drawn
_MOST_LOSSY = 2_000  # greatest number of lossy images whose blocks are considered for each region
_MOST_LEVELS = 12
_COVERED = 0.9  # least share of a page that its scan covers
_LOSSY = {"JPXDecode": "JPEG2000", "JPX": "JPEG2000", "DCTDecode": "JPEG", "DCT": "JPEG"}
"""Filters whose pixels are coded with loss, and what Pillow calls their format."""
_NAMES = {"A85": "ASCII85Decode", "Fl": "FlateDecode", "DCT": "DCTDecode", "CCF": "CCITTFaxDecode"}
_BLOCK = 8  # side in pixels of a JPEG's blocks
_ONE_BLOCK = (1024, 1024, False, (128, 128))  # size, kind, sampling of one block of any size
_STROKED = (
    raw.FPDF_TEXTRENDERMODE_STROKE,
    raw.FPDF_TEXTRENDERMODE_FILL_STROKE,
    raw.FPDF_TEXTRENDERMODE_STROKE_CLIP,
    raw.FPDF_TEXTRENDERMODE_FILL_STROKE_CLIP,
)
_UNIT = 256  # PDFium returns positions as whole numbers: they are requested in parts of a pixel

# pypdfium2 starts PDFium with the machine's fonts: restart it with an empty list of folders
raw.FPDF_DestroyLibrary()
_NO_FOLDERS = (ctypes.POINTER(ctypes.c_char) * 1)()
raw.FPDF_InitLibraryWithConfig(raw.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=_NO_FOLDERS))


# Answers to the questions of `anonbench.datasets.formats.pdf`, about an open document


def pages(document: Any, *_: Any) -> int:
    """Number of pages."""
    return len(document)


def size(document: Any, page: Page, max_pixels: int | None) -> tuple[int, int]:
    """Width and height in pixels of a page as it will be drawn."""
    require_page(page.number, len(document))
    try:
        inches = [side / _POINTS for side in document.get_page_size(page.number - 1)]
    except PdfiumError:
        raise UnreadableImage(f"a damaged page of a PDF{_AGAIN}") from None
    if not all(0 < side < _MOST_BYTES / page.dpi for side in inches):
        raise UnreadableImage(f"a page without a size{_AGAIN}")
    # a thousandth of a pixel is rounding: sizes are float32
    width, height = (max(1, int(np.ceil(side * page.dpi - 1e-3))) for side in inches)
    if max_pixels is not None and width * height > max_pixels:
        raise UnreadableImage(f"more than {max_pixels} pixels")
    if 3 * (width + 1) * height > _MOST_BYTES:
        raise UnreadableImage("a page that is too large to be drawn; make it smaller")
    return width, height


def dpi(document: Any, page: Page, *_: Any) -> int:
    """Resolution of the scan that covers a page."""
    loaded = _loaded(document, page.number)
    area, finest = loaded.get_width() * loaded.get_height(), 0.0
    objects = islice(loaded.get_objects(max_depth=1), _MOST_OBJECTS)
    for placed in (each for each in objects if isinstance(each, PdfImage)):
        with suppress(PdfiumError):
            left, bottom, right, top = placed.get_bounds()
            if (right - left) * (top - bottom) >= _COVERED * area:
                found = placed.get_metadata()
                finest = max(finest, found.horizontal_dpi, found.vertical_dpi)
    return round(finest) if np.isfinite(finest) else 0


def draw(document: Any, page: Page, max_pixels: int | None) -> np.ndarray:
    """Pixels of a page, uint8 [H, W, 3] RGB."""
    width, height = size(document, page, max_pixels)
    document.init_forms()
    loaded = _loaded(document, page.number)
    if max_pixels is not None:
        _refuse_large_images(loaded, max_pixels)
    bitmap = pypdfium2.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    how = (0, 0, width, height, 0, raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER)
    raw.FPDF_RenderPageBitmap(bitmap, loaded, *how)
    if document.formenv:
        raw.FPDF_FFLDraw(document.formenv, bitmap, loaded, *how)
    return np.array(bitmap.to_numpy())


def images(document: Any, page: Page, *_: Any) -> list[Placed]:
    """Lossy and enlarged images on a page, of the latter so many as are considered."""
    width, height = size(document, page, None)
    document.init_forms()  # makes the missing appearance of form fields, as for `draw`
    loaded = _loaded(document, page.number)
    drawn = _in_pixels(loaded, width, height)
    found = []
    for (first, along, below), kind in _placed(loaded):
        corner = drawn(*first)
        ends = [corner, drawn(*along) - corner, drawn(*below) - corner]
        found.append(Placed._make([*(tuple(end.tolist()) for end in ends), *kind]))
    lossless = (each for each in found if each.sampling == ONE_PIXEL and each.is_enlarged)
    return [each for each in found if each.sampling != ONE_PIXEL] + [*islice(lossless, _MOST_LOSSY)]


def text(document: Any, page: Page, *_: Any) -> list[list[float]]:
    """Corners of the text objects of a page, x and y in pixels, without invisible ones."""
    width, height = size(document, page, None)
    loaded = _with_annotations(document, page.number)
    drawn = _in_pixels(loaded, width, height)
    found, line = [], ctypes.c_float()
    for placed in (each for each in _objects(loaded) if isinstance(each, PdfTextObj)):
        mode = raw.FPDFTextObj_GetTextRenderMode(placed)
        if mode != raw.FPDF_TEXTRENDERMODE_INVISIBLE:
            with suppress(PdfiumError):
                corners, matrix = np.array(placed.get_quad_points()), _to_page(placed)
                if mode in _STROKED and raw.FPDFPageObj_GetStrokeWidth(placed, line):
                    corners = grown(corners, line.value / 2)
                on_page = (drawn(*matrix.on_point(*each)) for each in corners)
                found.append(np.concatenate([*on_page]).tolist())
    return found


def lossy(document: Any, *_: Any) -> int:
    """Number of different images coded with loss that are objects of pages or annotations."""
    document.init_forms()
    found = set[bytes]()
    for number in range(1, len(document) + 1):
        page = _loaded(document, number)
        stamps = (images for images, _ in _annotations(page))  # open while they are looked at
        for each in chain.from_iterable(chain([_objects(page)], stamps)):
            if _format(each):
                found.add(hashlib.sha256(bytes(each.get_data())).digest())
    return len(found)


def damaged(document: Any, page: Page, *_: Any) -> bool:
    """Whether the data of an image on a page cannot be decoded, or end before the image does."""
    document.init_forms()
    loaded = _loaded(document, page.number)
    known = set[bytes]()
    stamps = (images for images, _ in _annotations(loaded))  # open while they are looked at
    for each in chain.from_iterable(chain([_objects(loaded)], stamps)):
        if isinstance(each, PdfImage):
            data = bytes(each.get_data())
            if (digest := hashlib.sha256(data).digest()) not in known and _is_damaged(each, data):
                return True
            known.add(digest)
    return False


def _is_damaged(image: PdfImage, data: bytes) -> bool:
    filters = [_NAMES.get(each, each) for each in image.get_filters()]
    if filters[:1] == ["ASCII85Decode"]:
        data, filters = streams.from_ascii85(data), filters[1:]
    if not data or (filters[:1] == ["FlateDecode"] and not streams.inflates(data)):
        return True
    if filters[-1:] == ["DCTDecode"]:
        return not streams.is_whole_jpeg(bytes(image.get_data(decode_simple=True)))
    if filters[-1:] in (["JPXDecode"], ["JBIG2Decode"], ["CCITTFaxDecode"]):
        try:
            pixels = image.get_bitmap().to_numpy()
        except PdfiumError:
            return True
        if filters == ["CCITTFaxDecode"]:
            return not streams.is_fax(data, pixels)
        return data.endswith(bytes(ZEROS)) or (
            filters == ["JBIG2Decode"] and not streams.is_whole_jbig2(data)
        )
    return False


def _placed(page: Any) -> Iterator[tuple[list[tuple[float, float]], Any]]:
    """Yield images, and annotations with lossy ones: corner and ends on the page, `_coding`."""
    for shown, (left, top, right, bottom) in _annotations(page):
        if any(map(_format, shown)):
            yield [(left, top), (right, top), (left, bottom)], _ONE_BLOCK
    for placed in _objects(page):
        if isinstance(placed, PdfImage):
            kind = _coding(placed)
            matrix = placed.get_matrix().multiply(_to_page(placed))
            yield [matrix.on_point(*end) for end in ((0, 1), (1, 1), (0, 0))], kind


def _to_page(placed: Any) -> PdfMatrix:
    """Matrix from where an object is placed, which may be in a group, to the page."""
    matrix, holder = PdfMatrix(), placed.container
    while holder is not None:
        matrix, holder = matrix.multiply(holder.get_matrix()), holder.container
    return matrix


def _in_pixels(page: Any, width: int, height: int) -> Callable[..., np.ndarray]:
    """Function from a place on a page to pixels of the page drawn in this size."""
    at = ctypes.c_int(), ctypes.c_int()

    def drawn(*place: float) -> np.ndarray:
        raw.FPDF_PageToDevice(page, 0, 0, _UNIT * width, _UNIT * height, 0, *place, *at)
        return np.array([each.value for each in at]) / _UNIT

    return drawn


def _annotations(page: Any) -> Iterator[tuple[list[Any], tuple[float, float, float, float]]]:
    """Yield annotations, such as stamps, that show images: what each shows, and its place."""
    place = raw.FS_RECTF()
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        count = raw.FPDFAnnot_GetObjectCount(annotation)
        inside = (raw.FPDFAnnot_GetObject(annotation, index) for index in range(count))
        own = (pypdfium2.PdfObject(each, page=page, pdf=page.pdf) for each in inside)
        shown = [each for each in _objects(page, own) if isinstance(each, PdfImage)]
        if shown and raw.FPDFAnnot_GetRect(annotation, place):
            yield shown, (place.left, place.top, place.right, place.bottom)
        raw.FPDFPage_CloseAnnot(annotation)


def _objects(page: Any, among: Iterable[Any] | None = None) -> Iterator[Any]:
    """Yield objects, by default a page's, and those inside of groups, up to a limit."""

    def whole() -> Iterator[Any]:
        for placed in page.get_objects(max_depth=1) if among is None else among:
            yield placed
            if placed.type == raw.FPDF_PAGEOBJ_FORM:
                yield from page.get_objects(max_depth=_MOST_LEVELS + 1, form=placed, level=1)

    for count, placed in enumerate(whole()):
        if count == _MOST_OBJECTS:
            raise UnreadableImage(f"a page of more than {_MOST_OBJECTS} drawing objects{_AS_IMAGE}")
        if placed.type == raw.FPDF_PAGEOBJ_FORM and placed.level == _MOST_LEVELS:
            raise UnreadableImage(
                f"a page with groups in more than {_MOST_LEVELS} levels{_AS_IMAGE}"
            )
        yield placed


def _format(placed: Any) -> str | None:
    """Format of an image that is coded with loss, by the last of its filters."""
    filters = placed.get_filters() if isinstance(placed, PdfImage) else []
    return _LOSSY.get(filters[-1]) if filters else None


def _coding(image: PdfImage) -> tuple[int, int, bool, tuple[float, float]]:
    """Width, height, whether an image is JPEG 2000, a JPEG's sampling.

    The size is that of its data. An image of unknown blocks counts as one block.
    """
    width, height = (max(1, side) for side in image.get_px_size())
    if (kind := _format(image)) is None:
        return width, height, False, ONE_PIXEL
    data = bytes(image.get_data(decode_simple=True))  # filters before the last one are undone
    with suppress(Exception), Image.open(io.BytesIO(data), formats=[kind]) as opened:
        width, height = opened.size
        if kind == "JPEG2000":
            return width, height, True, (1, 1)
        if has_all_scans(data, opened):
            layers = opened.layer if len(opened.layer) > 1 else [(0, 1, 1, 0)]  # type: ignore[attr-defined]
            return width, height, False, (max(e[1] for e in layers), max(e[2] for e in layers))
    return width, height, False, (-(-width // _BLOCK), -(-height // _BLOCK))


def _refuse_large_images(page: Any, max_pixels: int) -> None:
    lossy = sum(any(map(_format, shown)) for shown, _ in _annotations(page))
    for placed in _objects(page):
        if not isinstance(placed, PdfImage):
            continue
        with suppress(PdfiumError):
            width, height = placed.get_px_size()
            if width * height > max_pixels:
                raise UnreadableImage(f"a page with an image of more than {max_pixels} pixels")
        lossy += _format(placed) is not None
    if lossy > _MOST_LOSSY:
        raise UnreadableImage(
            f"a page of more than {_MOST_LOSSY} images coded with loss{_AS_IMAGE}"
        )


def _with_annotations(document: Any, number: int) -> Any:
    """Load a page whose annotations and form fields are objects of its own."""
    document.init_forms()
    loaded = _loaded(document, number)
    if raw.FPDFPage_GetAnnotCount(loaded):
        point = pypdfium2.PdfBitmap.new_native(1, 1, raw.FPDFBitmap_BGR)
        # makes the missing appearance of annotations, as for `draw`
        raw.FPDF_RenderPageBitmap(point, loaded, 0, 0, 1, 1, 0, raw.FPDF_ANNOT)
        raw.FPDFPage_Flatten(loaded, raw.FLAT_NORMALDISPLAY)
        return _loaded(document, number)
    return loaded


def _loaded(document: Any, number: int) -> Any:
    require_page(number, len(document))
    try:
        return document[number - 1]
    except PdfiumError:
        raise UnreadableImage(f"a damaged page of a PDF{_AGAIN}") from None


@contextmanager
def opened(source: Path | bytes) -> Iterator[Any]:
    """Open a document; it is closed with its pages."""
    if isinstance(source, bytes):
        handle = raw.FPDF_LoadMemDocument64(source, len(source), None)
    else:
        handle = raw.FPDF_LoadDocument(os.fsencode(source), None)
    if not handle:
        if raw.FPDF_GetLastError() in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise UnreadableImage("an encrypted PDF; save it without its password")
        raise UnreadableImage(f"a damaged PDF, or none{_AGAIN}")
    document = pypdfium2.PdfDocument(handle)
    try:
        yield document
    finally:
        document.close()
