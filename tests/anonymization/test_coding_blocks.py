"""Regions cover whole coding blocks of their file, for the anonymizer and for its audit alike."""

import re
import zlib
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import (
    Source,
    area_of,
    grids_of,
    read_regions,
    whole_blocks,
)
from anonbench.anonymization.geometry import Cover, cover, extend_to_blocks
from anonbench.config import Anonymization
from anonbench.core.boxes import (
    Blocks,
    Region,
    box_table,
    image_regions,
    read_boxes,
    with_blocks,
    write_boxes,
)
from anonbench.core.errors import UnreadableImage
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.coding_blocks import coding_blocks, shared_coding
from anonbench.datasets.formats.pages import Page, reads_heif
from anonbench.datasets.images import read_image
from image_files import coded, tiff, turned
from keyed_settings import asked
from pdf_files import page, stream

WIDTH, HEIGHT = 203, 141
MASK = Variant("mask", 100)


def picture() -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Image.fromarray(values)


def turned_jpeg(image: Image.Image, orientation: int) -> bytes:
    return coded(image, "JPEG", exif=turned(orientation), quality=80, subsampling=1)


def pdf(
    image: Image.Image,
    matrix: str,
    subsampling: int,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    coded_twice: bool = False,
    scans: int | None = None,
    annotation: str = "",
    lossless: str = "",
) -> bytes:
    """Return a page of 300 by 200 points with an image on it, in a group or an annotation."""
    more = {} if scans is None else {"progressive": True}
    data = coded(image, "JPEG", quality=80, subsampling=subsampling, **more)
    data = data if scans is None else without_scans(data, scans)
    data = zlib.compress(data) if coded_twice else data
    filters = "[/FlateDecode/DCTDecode]" if coded_twice else "/DCTDecode"
    if lossless:
        data, filters = zlib.compress(image.convert("RGB").tobytes()), f"/FlateDecode{lossless}"
    kind = f"/Width {size[0]} /Height {size[1]} /ColorSpace /DeviceRGB /BitsPerComponent 8"
    form = "/Type/XObject/Subtype/Form/BBox[0 0 300 200]/Resources<</XObject<</I 4 0 R>>>>"
    return page(
        "q 1 0 0 1 4 6 cm /G Do Q",
        "/Annots[6 0 R]" if annotation else "/Resources<</XObject<</G 5 0 R>>>>",
        stream(f"/Type/XObject/Subtype/Image {kind} /Filter{filters}", data),
        stream(form, f"q {matrix} cm /I Do Q".encode()),
        f"<</Type/Annot/F 4/Rect[0 0 300 200]{annotation}>>".encode(),
        media="300 200",
        catalog="/AcroForm<</Fields[6 0 R]>>",
    )


def without_scans(data: bytes, kept: int) -> bytes:
    """Return a progressive JPEG with its first scans, and an end marker behind them."""
    *_, last = islice(re.finditer(rb"\xff\xda", data), kept)
    marker = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(data, last.end())
    assert marker is not None
    return data[: marker.start()] + b"\xff\xd9"


STAMP = "/Subtype/Stamp/AP<</N 5 0 R>>"
BUTTON = "/Subtype/Widget/FT/Btn/Ff 65536/T(b)/MK<</I 5 0 R/TP 1>>"
"""An annotation with an appearance, and one of which PDFium makes it of an icon."""


def tiff_of_shared_colours(image: Image.Image) -> bytes:
    """Return a TIFF file in which two by two pixels have one colour, and nothing is lost."""
    width, height = (side // 2 * 2 for side in image.size)
    values = np.asarray(image.convert("YCbCr"))[:height, :width]
    fours = values.reshape(height // 2, 2, width // 2, 2, 3)
    units = [fours[:, row, :, column, 0] for row in (0, 1) for column in (0, 1)]
    units += [fours[..., band].mean(axis=(1, 3)).astype(np.uint8) for band in (1, 2)]
    data = zlib.compress(np.stack(units, axis=-1).tobytes())
    return tiff((data, {256: width, 257: height, 259: 8, 262: 6, 277: 3, 530: (2, 2)}))


def tiff_of_jpeg(
    image: Image.Image, old: bool = False, scans: int | None = None, parts: int = 1
) -> bytes:
    """Return a TIFF file with a JPEG; of the old kind with a tag that contradicts its header."""
    data = coded(image, "JPEG", quality=80, subsampling=2, progressive=scans is not None)
    data = data if scans is None else without_scans(data, scans)
    first = data.index(b"\xff\xda") + 14 if old else 0
    width, height = image.size
    tags = {256: width, 257: height, 262: 6, 273: 8 + first, 277: 3, 278: height // parts}
    tags |= {259: 6, 512: 1, 513: 8, 514: len(data)} if old else {259: 7}
    sampling = (1, 1) if old else (2, 2)
    return tiff((data, tags | {279: len(data) - first, 530: sampling}))


Make = Callable[[Image.Image], bytes]


def kind(format_: str, mode: str = "RGB", **options: object) -> Make:
    return lambda image: coded(image.convert(mode), format_, **options)


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="%d"/>'
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"VP8L"
FULL = partial(pdf, matrix="203 0 0 141 30 20")
ENLARGED = partial(pdf, matrix="220 0 0 150 30.3 20", subsampling=1)
FILES: dict[str, tuple[Make, Page | None]] = {
    "jpeg 4:4:4": (kind("JPEG", subsampling=0), None),
    "jpeg 4:2:2": (kind("JPEG", subsampling=1), None),
    "jpeg 4:2:0": (kind("JPEG", subsampling=2), None),
    "jpeg grey": (kind("JPEG", "L"), None),
    "jpeg progressive": (kind("JPEG", progressive=True), None),
    "jpeg cmyk": (kind("JPEG", "CMYK"), None),
    **{
        f"orientation {turn}": (partial(turned_jpeg, orientation=turn), None)
        for turn in range(2, 9)
    },
    "tiff": (kind("TIFF", compression="jpeg"), None),
    "tiff page": (kind("TIFF", compression="jpeg"), Page(1)),
    "tiff turned": (kind("TIFF", compression="jpeg", tiffinfo={274: 6}), None),
    "tiff turned by xmp": (kind("TIFF", compression="jpeg", tiffinfo={700: XMP % 6}), None),
    "tiff mirrored by xmp": (kind("TIFF", compression="jpeg", tiffinfo={700: XMP % 3}), None),
    "tiff of shared colours": (tiff_of_shared_colours, None),
    "tiff of old jpeg": (partial(tiff_of_jpeg, old=True), None),
    "pdf": (partial(pdf, matrix="203 0 0 141 30 20", subsampling=2), Page(1, 72)),
    "pdf scaled": (partial(pdf, matrix="140 0 0 101 30.3 20", subsampling=1), Page(1, 150)),
    "pdf enlarged": (partial(pdf, matrix="220 0 0 150 30.3 20", subsampling=2), Page(1, 300)),
    "pdf upside down": (partial(pdf, matrix="-203 0 0 -141 230 160", subsampling=2), Page(1, 90)),
    "pdf on its side": (partial(pdf, matrix="0 180 -111 0 160 9", subsampling=1), Page(1, 150)),
    "pdf slanted": (partial(pdf, matrix="142 20 -20 98 40 20", subsampling=1), Page(1, 100)),
    "pdf of a wrong size": (partial(FULL, subsampling=2, size=(512, 77)), Page(1, 150)),
    "pdf without a size": (partial(FULL, subsampling=2, size=(0, 0)), Page(1, 150)),
    "pdf coded twice": (partial(FULL, subsampling=1, coded_twice=True), Page(1, 150)),
    "pdf stamp": (partial(FULL, subsampling=2, annotation=STAMP), Page(1, 100)),
    "pdf button": (partial(FULL, subsampling=2, annotation=BUTTON), Page(1, 100)),
    "pdf lacking scans": (partial(FULL, subsampling=2, scans=3), Page(1, 150)),
    "pdf enlarged, lossless": (partial(ENLARGED, lossless=" "), Page(1, 150)),
    "pdf interpolated": (partial(ENLARGED, lossless="/Interpolate true"), Page(1, 300)),
    "pdf on its side, lossless": (
        partial(pdf, matrix="0 180 -111 0 160 9", subsampling=1, lossless="/Interpolate true"),
        Page(1, 150),
    ),
    "webp": (kind("WEBP", quality=80), None),
    "webp that names another": (kind("WEBP", quality=80, icc_profile=PROFILE), None),
    "jpeg 2000": (kind("JPEG2000", irreversible=True, num_resolutions=4), None),
    "heic": (kind("HEIF", quality=60), None),
}
WIDER = (
    *("webp", "webp that names another", "jpeg 2000", "heic"),
    *("pdf without a size", "tiff of shared colours", "tiff of old jpeg"),
)
EXACT = [name for name in FILES if name not in WIDER]
"""Files whose blocks explain all that a region changes."""
LOSSLESS = {
    "png": kind("PNG"),
    "bmp": kind("BMP"),
    "tiff": kind("TIFF", compression="tiff_lzw"),
    "webp": kind("WEBP", lossless=True),
    "webp that names another": kind("WEBP", lossless=True, icc_profile=PROFILE[:-1] + b" "),
}


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest) -> tuple[bytes, Page | None]:
    if request.param == "heic" and not reads_heif():
        pytest.skip("pillow-heif is not installed")
    if request.param == "jpeg 2000" and not features.check("jpg_2000"):
        pytest.skip("Pillow has no JPEG 2000 here")
    make, page = FILES[request.param]
    return make(picture()), page


def drawn(rng: np.random.Generator, shape: tuple[int, ...], blocks: tuple[object, ...]) -> Region:
    x, y = rng.uniform(0, (shape[1] - 40, shape[0] - 30))
    w, h = rng.uniform(3, (38, 28))
    quad = None
    if rng.random() < 0.5:
        quad = (x, y, x + w, y + 3, x + w - 2, y + h, x + 1, y + h - 2)
    return Region(Entity.FACE, x, y, x + w, y + h, 1.0, quad, blocks)  # type: ignore[arg-type]


def mask_of(region: Region, shape: tuple[int, ...], form: str, blocks: bool) -> np.ndarray:
    mask = np.zeros(shape[:2], bool)
    if (area := cover(region, shape, 1.0, 1, form, 0, blocks)) is not None:
        mask[area.window] = area.inside
    return mask


def test_the_audit_finds_the_same_blocks(file: tuple[bytes, Page | None]) -> None:
    data, page = file
    shape = read_image(data, None, page).shape
    blocks, grids = coding_blocks(data, page), grids_of(Source(data, page), shape)
    assert len(blocks) == len(grids) == 1
    rng = np.random.default_rng(0)
    regions = [drawn(rng, shape, blocks) for _ in range(20)]
    (audited,) = read_regions(box_table({"a": regions}, 0)).values()
    named = image_regions(box_table({"a": regions}, 0))["a"]
    grown = 0
    for region, other in zip(named, audited, strict=True):
        assert region.blocks == blocks
        for form in ("box", "ellipse", "image"):
            own = mask_of(region, shape, form, True)
            for theirs in (grids, other.grids):
                formed = Anonymization.model_validate({"shape": {"face": form}})
                area = area_of(other._replace(grids=theirs), shape, formed)
                assert area is not None
                sure, may = np.zeros((2, *shape[:2]), bool)
                sure[area.window] = area.cover == 2
                may[area.window] = area.cover > 0
                assert not (sure & ~own).any()
                assert not (own & ~may).any()
            grown += int(np.count_nonzero(own)) > np.count_nonzero(
                mask_of(region, shape, form, False)
            )
    assert grown > 5


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_file_has_no_blocks(name: str) -> None:
    data = LOSSLESS[name](picture())
    assert coding_blocks(data) == ()
    assert grids_of(Source(data), (HEIGHT, WIDTH, 3)) == ()


def test_old_jpeg_is_one_block_however_it_is_cut() -> None:
    whole, cut = (tiff_of_jpeg(picture(), old=True, parts=parts) for parts in (1, 2))
    shape = (HEIGHT, WIDTH, 3)
    assert grids_of(Source(cut), shape) == grids_of(Source(whole), shape) != ()
    assert coding_blocks(cut) == coding_blocks(whole)


def test_blocks_of_a_damaged_file_are_not_taken_for_none() -> None:
    with pytest.raises(Failure, match="coding blocks of its original cannot be found"):
        grids_of(Source(coded(picture(), "JPEG")[:20]), (HEIGHT, WIDTH, 3))


def test_bytes_between_segments_are_no_fault() -> None:
    """Some cameras fill up; a run ended at such a file, which every decoder reads."""
    data, shape = coded(picture(), "JPEG", quality=80, subsampling=1), (HEIGHT, WIDTH, 3)
    start = 4 + int.from_bytes(data[4:6], "big")
    for between in (b"\0\0\0", b"ab", b"\xff\xff\xff", b"\xff\0", b"\xff\xd0"):
        filled = data[:start] + between + data[start:]
        assert np.array_equal(read_image(filled), read_image(data)), between
        assert coding_blocks(filled) == coding_blocks(data), between
        assert grids_of(Source(filled), shape) == grids_of(Source(data), shape), between


@pytest.mark.parametrize("name", EXACT)
def test_no_pixel_beyond_the_blocks_of_a_region_depends_on_it(name: str) -> None:
    make, page = FILES[name]

    def drawn_with(level: int, image: Image.Image) -> np.ndarray:
        changed = image.copy()
        changed.paste((level, 0, level), (77, 61, 98, 74))
        return read_image(make(changed), None, page).astype(int)

    # where the changed pixels come to lie
    flat = Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128))
    apart = np.abs(drawn_with(255, flat) - drawn_with(0, flat))
    apart = (apart if apart.ndim == 2 else apart.max(axis=2)) > 60
    rows, columns = (apart.any(axis=axis).nonzero()[0] for axis in (1, 0))
    x0, y0, x1, y1 = map(float, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    region = Region(Entity.TEXT, x0, y0, x1, y1, 1.0, None, coding_blocks(make(flat), page))

    dark, light = (drawn_with(level, picture()) for level in (0, 255))
    differs = (dark != light).reshape(*dark.shape[:2], -1).any(axis=2)
    own, covered = (mask_of(region, dark.shape, "box", blocks) for blocks in (False, True))
    assert (differs & ~own).any()
    assert not (differs & ~covered).any()


def test_tiff_files_of_shared_colours_and_of_a_jpeg() -> None:
    data = tiff_of_shared_colours(picture())
    assert coding_blocks(data) == (Blocks(0, 0, 202, 140, 0, 0, 2, 2, 1, 1),)
    changed = picture()
    changed.paste((255, 0, 255), (77, 61, 98, 74))
    differs = (read_image(data) != read_image(tiff_of_shared_colours(changed))).any(axis=2)
    rows, columns = (differs.any(axis=axis).nonzero()[0] for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (60, 73, 76, 97)
    assert read_image(tiff_of_jpeg(picture(), scans=10)).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(UnreadableImage, match="scans of its progression are missing"):
        read_image(tiff_of_jpeg(picture(), scans=3))


SHARED = {
    "": kind("JPEG"),
    "WebP": kind("WEBP"),
    "JPEG 2000": kind("JPEG2000"),
    "HEIC": kind("HEIF"),
    "a palette": kind("GIF"),
    "grey levels by the range in use": kind("TIFF", "F"),
}


@pytest.mark.parametrize("coding", SHARED)
def test_codings_in_which_all_pixels_depend_on_each_other_are_named(coding: str) -> None:
    if coding == "HEIC" and not reads_heif():
        pytest.skip("pillow-heif is not installed")
    assert shared_coding(SHARED[coding](picture())) == coding


@pytest.mark.parametrize("method", ["mask", "pixelate", "inpaint", "layers"])
def test_every_method_hides_whole_blocks_and_nothing_else(method: str, tmp_path: Path) -> None:
    data = coded(picture(), "JPEG", quality=80, subsampling=2)
    original, blocks, variant = read_image(data), coding_blocks(data), Variant(method, 100)
    rng = np.random.default_rng(5)
    boxes = box_table({"a": [drawn(rng, original.shape, blocks) for _ in range(4)]}, 0)
    ordered = image_regions(boxes)["a"]

    def check(made: list[np.ndarray], settings: Anonymization) -> None:
        *between, pixels = made
        asked = read_regions(boxes)["a"], variant, settings
        check_layers(original, pixels, *asked, between, Source(data))

    for form in ("box", "ellipse"):
        settings = asked(tmp_path, shape={"face": form})
        covered = np.zeros(original.shape[:2], bool)
        for region in ordered:
            covered |= mask_of(region, original.shape, form, True)
        made = layers(original, ordered, variant, settings)
        assert np.array_equal(made[-1][~covered], original[~covered])
        check(made, settings)
        plain = settings.model_copy(update={"coding_blocks": False})
        with pytest.raises(Failure):
            check(layers(original, ordered, variant, plain), settings)
        with pytest.raises(Failure):
            check(made, plain)


def test_a_box_table_keeps_blocks_and_has_no_column_without_them(tmp_path: Path) -> None:
    blocks = coding_blocks(turned_jpeg(picture(), 6))
    own = [Region(Entity.FACE, 1, 2, 9, 9, 1.0, None, blocks)]
    write_boxes(box_table({"a": own, "b": with_blocks(own, ())}, 0), tmp_path / "a.parquet")
    read = image_regions(read_boxes(tmp_path / "a.parquet"))
    assert read["a"][0].blocks == blocks
    assert read["b"][0].blocks == ()
    write_boxes(box_table({"b": with_blocks(own, ())}, 0), tmp_path / "b.parquet")
    assert "blocks" not in read_boxes(tmp_path / "b.parquet")


def test_a_sliver_that_reaches_the_next_block_may_hide_it() -> None:
    """A code's corners lie a thousandth of a pixel beyond a block: it may be hidden or not."""
    corners = (234.0, 242.0, 521.0, 241.997, 521.0005, 304.0, 234.0, 304.0028)
    box = (234.0, 241.997, 521.0005, 304.0028)
    source = Source(coded(np.full((420, 600), 200, np.uint8), "JPEG", quality=92))
    (region,) = read_regions(box_table({"a": [Region(Entity.BARCODE, *box, 1.0, corners)]}, 0))["a"]
    region = region._replace(grids=grids_of(source, (420, 600)))
    area = area_of(region, (420, 600), Anonymization())
    assert area is not None and area.cover.all() and not (area.cover[-8:] == 2).any()


def test_blocks_that_reach_as_far_as_the_image_hide_all_of_it() -> None:
    """JPEG 2000 may have 32 levels of wavelets; written block by block, this one takes hours."""
    reach = 2.0**32
    slanted = np.eye(800, dtype=bool)

    def both(size: int, step: float) -> None:
        grid = Blocks(0, 0, size, size, 0, 0, step, step, reach, reach)
        inside, own = slanted[:size, :size], (slice(0, min(size, 800)), slice(0, min(size, 800)))
        window, hidden = extend_to_blocks(Cover(own, inside), [grid], (size, size))
        assert window == (slice(0, size), slice(0, size)) and hidden.all()
        given = 2 * inside.astype(np.uint8), np.array([[0, 0], inside.shape])
        cover, ends = whole_blocks(*given, [tuple(grid)], (size, size))
        assert ends.tolist() == [[0, 0], [size, size]] and (cover == 2).all()

    both(64, 8)
    both(1600, 2)
