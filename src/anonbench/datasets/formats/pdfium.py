"""PDFium: pages of PDF files, drawn without fonts of the machine, so that equal files look equal.

It is called in a process of its own (`pdf_process`), and not safe in threads.
"""

from __future__ import annotations

import ctypes
import functools
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import Page, require_page
from anonbench.datasets.formats.pdf import UNIT
from anonbench.datasets.formats.whole import has_all_scans

_POINTS = 72
"""In an inch: the unit of a page's size."""
_MOST_BYTES = 2**31 - 1
"""Of a bitmap, in PDFium."""
_MOST_OBJECTS = 500_000
"""Whose sizes are looked at before a page is drawn."""
_MOST_LOSSY = 2_000
"""Images of which each region asks for the blocks."""
_MOST_LEVELS = 12
_COVERED = 0.9
"""Share of a page that its scan covers."""
_LOSSY = {b"JPXDecode": "JPEG2000", b"JPX": "JPEG2000", b"DCTDecode": "JPEG", b"DCT": "JPEG"}
"""Filters whose pixels are coded with loss, and what Pillow calls their format."""
_BLOCK = 8
"""Pixels of a JPEG's."""
_ONE_BLOCK = (1024, 1024, 0, 128, 128)
"""Size, kind and sampling of what counts as one block and is of any size."""
_WHITE = 0xFFFFFFFF
_IDENTITY: tuple[float, ...] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def pdf_pages(source: Path | bytes) -> int:
    """See `anonbench.datasets.formats.pdf.pdf_pages`."""
    with _opened(source) as (library, document):
        return int(library.FPDF_GetPageCount(document))


def pdf_size(data: bytes, page: Page, max_pixels: int | None) -> tuple[int, int]:
    """See `anonbench.datasets.formats.pdf.pdf_size`."""
    with _opened(data) as (library, document):
        return _size(library, document, page, max_pixels)


def pdf_dpi(data: bytes, number: int) -> int:
    """See `anonbench.datasets.formats.pdf.pdf_dpi`."""
    with _opened(data) as (library, document):
        require_page(number, library.FPDF_GetPageCount(document))
        loaded = library.FPDF_LoadPage(document, number - 1)
        if not loaded:
            raise UnreadableImage("damaged page of a PDF")
        try:
            return _resolution_of_scan(library, loaded)
        finally:
            library.FPDF_ClosePage(loaded)


def _resolution_of_scan(library: Any, page: Any) -> int:
    area = library.FPDF_GetPageWidthF(page) * library.FPDF_GetPageHeightF(page)
    found, sides = library.FPDF_IMAGEOBJ_METADATA(), [ctypes.c_float() for _ in range(4)]
    finest = 0.0
    for index in range(min(library.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        placed = library.FPDFPage_GetObject(page, index)
        if library.FPDFPageObj_GetType(placed) != library.FPDF_PAGEOBJ_IMAGE:
            continue
        is_known = library.FPDFPageObj_GetBounds(placed, *sides)
        left, bottom, right, top = (side.value for side in sides)
        if not is_known or (right - left) * (top - bottom) < _COVERED * area:
            continue
        if library.FPDFImageObj_GetImageMetadata(placed, page, found):
            finest = max(finest, found.horizontal_dpi, found.vertical_dpi)
    return round(finest) if np.isfinite(finest) else 0


def draw_pdf(data: bytes, page: Page, max_pixels: int | None) -> np.ndarray:
    """See `anonbench.datasets.formats.pdf.draw_pdf`."""
    with _opened(data) as (library, document):
        width, height = _size(library, document, page, max_pixels)
        info = library.FPDF_FORMFILLINFO(version=2)
        form = library.FPDFDOC_InitFormFillEnvironment(document, info)
        try:
            loaded = library.FPDF_LoadPage(document, page.number - 1)
            if not loaded:
                raise UnreadableImage("damaged page of a PDF")
            try:
                _refuse_large_images(library, loaded, max_pixels)
                return _drawn(library, loaded, form, width, height)
            finally:
                library.FPDF_ClosePage(loaded)
        finally:
            if form:
                library.FPDFDOC_ExitFormFillEnvironment(form)


def placed_images(data: bytes, page: Page) -> list[list[int]]:
    """Return the lossy images on a page, each as numbers of `pdf.Placed`; places in `UNIT`."""
    with _opened(data) as (library, document):
        width, height = _size(library, document, page, None)
        loaded = library.FPDF_LoadPage(document, page.number - 1)
        if not loaded:
            raise UnreadableImage("damaged page of a PDF")
        try:
            return [*_placed(library, loaded, (UNIT * width, UNIT * height))]
        finally:
            library.FPDF_ClosePage(loaded)


def _placed(library: Any, page: Any, size: tuple[int, int]) -> Iterator[list[int]]:
    x, y = ctypes.c_int(), ctypes.c_int()
    for left, top, right, bottom in _annotations(library, page):
        points = []
        for across, down in ((left, top), (right, top), (left, bottom)):
            library.FPDF_PageToDevice(page, 0, 0, *size, 0, across, down, x, y)
            points += [x.value, y.value]
        yield [*points, *_ONE_BLOCK]
    for placed, matrix in _objects(library, page):
        if library.FPDFPageObj_GetType(placed) != library.FPDF_PAGEOBJ_IMAGE:
            continue
        kind = _lossy(library, placed)
        if kind is None:
            continue
        a, b, c, d, e, f = _times(_matrix(library, placed), matrix)
        points = []
        for u, v in ((0, 1), (1, 1), (0, 0)):  # first pixel, last one of the row, of the column
            across, down = a * u + c * v + e, b * u + d * v + f
            library.FPDF_PageToDevice(page, 0, 0, *size, 0, across, down, x, y)
            points += [x.value, y.value]
        yield [*points, *kind]


def _annotations(library: Any, page: Any) -> Iterator[tuple[float, float, float, float]]:
    """Yield the places of annotations that show an image coded with loss, as a stamp may."""
    place = library.FS_RECTF()
    for number in range(library.FPDFPage_GetAnnotCount(page)):
        annotation = library.FPDFPage_GetAnnot(page, number)
        inside = _objects(library, page, annotation)
        if any(
            _filter(library, each) in _LOSSY for each, _ in inside
        ) and library.FPDFAnnot_GetRect(annotation, place):
            yield place.left, place.top, place.right, place.bottom
        library.FPDFPage_CloseAnnot(annotation)


def _lossy(library: Any, image: Any) -> tuple[int, int, int, int, int] | None:
    """Return width and height, whether an image is JPEG 2000, and a JPEG's sampling; else None.

    The size is that of its data, which are drawn whole, whatever size the page's dictionary says.
    An image of which the blocks cannot be told counts as one.
    """
    if (kind := _LOSSY.get(_filter(library, image))) is None:
        return None
    sides = ctypes.c_uint(), ctypes.c_uint()
    library.FPDFImageObj_GetImagePixelSize(image, *sides)
    width, height = (max(1, side.value) for side in sides)
    # all filters before the last one are undone
    data = ctypes.create_string_buffer(library.FPDFImageObj_GetImageDataDecoded(image, None, 0))
    library.FPDFImageObj_GetImageDataDecoded(image, data, len(data))
    with suppress(Exception), Image.open(io.BytesIO(data.raw), formats=[kind]) as opened:
        width, height = opened.size
        if kind == "JPEG2000":
            return width, height, 1, 1, 1
        if has_all_scans(data.raw, opened):
            layers = opened.layer if len(opened.layer) > 1 else [(0, 1, 1, 0)]  # type: ignore[attr-defined]
            return width, height, 0, max(each[1] for each in layers), max(e[2] for e in layers)
    return width, height, 0, -(-width // _BLOCK), -(-height // _BLOCK)


def _filter(library: Any, image: Any) -> bytes:
    """Return the name of the filter that decodes an image's pixels, empty where there is none."""
    name = ctypes.create_string_buffer(32)
    last = library.FPDFImageObj_GetImageFilterCount(image) - 1
    library.FPDFImageObj_GetImageFilter(image, last, name, len(name))
    return name.value


def _matrix(library: Any, placed: Any) -> tuple[float, ...]:
    found = library.FS_MATRIX()
    if not library.FPDFPageObj_GetMatrix(placed, found):
        return _IDENTITY
    return found.a, found.b, found.c, found.d, found.e, found.f


def _times(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    """Return the matrix that does one after the other."""
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return (
        *(a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s),
        *(e * p + f * r + t, e * q + f * s + u),
    )


def _drawn(library: Any, page: Any, form: Any, width: int, height: int) -> np.ndarray:
    stride = -(-3 * width // 4) * 4
    rows = np.empty((height, stride), np.uint8)
    bitmap = library.FPDFBitmap_CreateEx(
        width, height, library.FPDFBitmap_BGR, rows.ctypes.data_as(ctypes.c_void_p), stride
    )
    if not bitmap:
        raise UnreadableImage("a page that cannot be drawn")
    try:
        how = (0, 0, width, height, 0, library.FPDF_ANNOT | library.FPDF_REVERSE_BYTE_ORDER)
        library.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, _WHITE)
        library.FPDF_RenderPageBitmap(bitmap, page, *how)
        if form:
            library.FPDF_FFLDraw(form, bitmap, page, *how)
    finally:
        library.FPDFBitmap_Destroy(bitmap)
    return np.ascontiguousarray(rows[:, : 3 * width]).reshape(height, width, 3)


def _size(library: Any, document: Any, page: Page, max_pixels: int | None) -> tuple[int, int]:
    require_page(page.number, library.FPDF_GetPageCount(document))
    points = library.FS_SIZEF()
    if not library.FPDF_GetPageSizeByIndexF(document, page.number - 1, points):
        raise UnreadableImage("damaged page of a PDF")
    inches = [side / _POINTS for side in (points.width, points.height)]
    if not all(0 < side < _MOST_BYTES / page.dpi for side in inches):
        raise UnreadableImage("a page without a size")
    # a thousandth of a pixel is rounding: sizes are float32
    width, height = (max(1, int(np.ceil(side * page.dpi - 1e-3))) for side in inches)
    if max_pixels is not None and width * height > max_pixels:
        raise UnreadableImage(f"more than {max_pixels} pixels")
    if 3 * (width + 1) * height > _MOST_BYTES:
        raise UnreadableImage("a page that is too large to be drawn")
    return width, height


def _refuse_large_images(library: Any, page: Any, max_pixels: int | None) -> None:
    """Raise UnreadableImage for an image on the page that is too large, or for too many of them."""
    if max_pixels is None:
        return
    width, height, lossy = ctypes.c_uint(), ctypes.c_uint(), 0
    for placed, _ in _objects(library, page):
        if library.FPDFPageObj_GetType(placed) != library.FPDF_PAGEOBJ_IMAGE:
            continue
        known = library.FPDFImageObj_GetImagePixelSize(placed, width, height)
        if known and width.value * height.value > max_pixels:
            raise UnreadableImage(f"a page with an image of more than {max_pixels} pixels")
        lossy += _filter(library, placed) in _LOSSY
        if lossy > _MOST_LOSSY:
            break
    if lossy + sum(1 for _ in _annotations(library, page)) > _MOST_LOSSY:
        raise UnreadableImage(f"a page of more than {_MOST_LOSSY} images coded with loss")


def _objects(
    library: Any, page: Any, annotation: Any = None
) -> Iterator[tuple[Any, tuple[float, ...]]]:
    """Yield what is drawn on a page, with what is inside of groups, and the matrix of the group.

    With an annotation, what is drawn in that.
    """
    found = 0
    if annotation is None:
        first = library.FPDFPage_CountObjects(page), library.FPDFPage_GetObject, page
    else:
        count = library.FPDFAnnot_GetObjectCount(annotation)
        first = count, library.FPDFAnnot_GetObject, annotation
    waiting = [(*first, 0, _IDENTITY)]
    while waiting:
        count, get, holder, level, matrix = waiting.pop()
        for index in range(count):
            found += 1
            if found > _MOST_OBJECTS:
                raise UnreadableImage(f"a page of more than {_MOST_OBJECTS} drawing objects")
            placed = get(holder, index)
            yield placed, matrix
            if library.FPDFPageObj_GetType(placed) == library.FPDF_PAGEOBJ_FORM:
                if level == _MOST_LEVELS:
                    raise UnreadableImage(f"a page with groups in more than {_MOST_LEVELS} levels")
                inside = library.FPDFFormObj_CountObjects(placed)
                own = _times(_matrix(library, placed), matrix)
                waiting.append((inside, library.FPDFFormObj_GetObject, placed, level + 1, own))


@contextmanager
def _opened(source: Path | bytes) -> Iterator[tuple[Any, Any]]:
    """Give PDFium and a document."""
    library = _library()
    if isinstance(source, bytes):
        document = library.FPDF_LoadMemDocument64(source, len(source), None)
    else:
        document = library.FPDF_LoadDocument(os.fsencode(source), None)
    if not document:
        error = library.FPDF_GetLastError()
        if error in (library.FPDF_ERR_PASSWORD, library.FPDF_ERR_SECURITY):
            raise UnreadableImage("an encrypted PDF; save it without its password")
        raise UnreadableImage("a damaged PDF, or none")
    try:
        yield library, document
    finally:
        library.FPDF_CloseDocument(document)


@functools.cache
def _library() -> Any:
    """Return PDFium's functions, set up to see no fonts but its own."""
    import pypdfium2_raw as library

    folders = (ctypes.POINTER(ctypes.c_char) * 1)()  # a list of none
    library.FPDF_InitLibraryWithConfig(
        library.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=folders)
    )
    return library
