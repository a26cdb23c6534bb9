"""What decoding converts, and files that are cut off or whose ends are zeros."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_folder import grey_profile, picture
from PIL import Image, ImageCms

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import HEIF, Page, reads_heif, register_heif
from anonbench.datasets.formats.pixels import conversions
from anonbench.datasets.images import open_checked, read_image, upright_size
from image_files import coded, turned

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def done(data: bytes, page: Page | None = None) -> list[str]:
    with open_checked(data, 10**7, page) as image:
        return [*conversions(image, page)]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_values_of_grey_and_rgb_stay_whatever_the_profile(mode: str) -> None:
    image = picture(0, mode=mode)
    dropped = ["colour profile other than sRGB dropped, values kept"]
    for profile, told in ((SRGB, []), (grey_profile(), dropped)):
        data = coded(image, "PNG", icc_profile=profile)
        np.testing.assert_array_equal(read_image(data), np.asarray(image))
        assert done(data) == told


def test_cmyk_without_a_profile_of_its_own_is_converted_by_formula() -> None:
    image = picture(0, mode="CMYK")
    for profile in (b"", b"\0" * 200, SRGB):
        data = coded(image, "TIFF", icc_profile=profile)
        np.testing.assert_array_equal(read_image(data), np.asarray(image.convert("RGB")))
        assert done(data) == ["CMYK to RGB without a colour profile"]


@pytest.mark.slow
def test_cmyk_is_converted_by_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """With L*a*b*'s profile in place of a printer's: four inks become three bands of light."""
    built = []

    def build(source: Any, target: Any, mode: str, *rest: Any) -> Any:
        built.append((mode, *rest))
        return original(ImageCms.createProfile("sRGB"), target, "RGB", *rest)

    original = ImageCms.buildTransform
    monkeypatch.setattr(ImageCms, "buildTransform", build)
    monkeypatch.setattr(
        ImageCms, "applyTransform", lambda image, _: Image.merge("RGB", image.split()[:3])
    )
    image = picture(0, (3000, 2000)).convert("CMYK")  # more than one strip
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    data = coded(image, "TIFF", icc_profile=lab)
    np.testing.assert_array_equal(read_image(data), np.asarray(image)[..., :3])
    assert done(data) == ["CMYK to RGB by its colour profile"]
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    assert len(built) == 1 and built[0][:3] == ("CMYK", "RGB", intent)


def test_lab_depth_transparency_and_first_frames() -> None:
    values = Image.merge("LAB", [Image.new("L", (4, 4), v) for v in (255, 128, 128)])
    assert (read_image(coded(values, "TIFF")) >= 254).all()
    floats = coded(Image.new("F", (4, 4), 9), "TIFF")
    assert done(floats) == ["32 to 8 bits, by the range in use"]
    palette = coded(Image.new("P", (4, 4)), "PNG", transparency=0)
    assert done(palette) == ["transparency laid on white"]
    assert done(coded(picture(0).convert("1"), "TIFF", compression="group4")) == []
    frames = [Image.new("RGB", (8, 8), (80 * n, 10, 10)) for n in range(3)]
    data = coded(frames[1], "GIF", save_all=True, append_images=frames[2:])
    assert read_image(data, page=Page(1))[0, 0].tolist() == [80, 10, 10]
    with pytest.raises(UnreadableImage, match="no page 2"):
        read_image(data, page=Page(2))


def heic(image: Image.Image, **options: Any) -> bytes:
    pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    register_heif()
    return coded(image, HEIF, quality=-1, chroma=444, **options)


def test_heic_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(0)
    data = heic(image, exif=turned().tobytes())
    pixels = read_image(data)
    upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
    assert np.abs(pixels.astype(int) - upright).max() <= 3
    with open_checked(data) as opened:
        assert upright_size(opened) == (32, 48)
    assert done(data) == ["turned upright by EXIF"]
    data = heic(picture(0), save_all=True, append_images=[picture(1, (20, 20))])
    assert read_image(data).shape == (32, 48, 3)
    assert done(data) == ["main image of several in a HEIC file"]
    data = heic(picture(0))
    monkeypatch.setattr("anonbench.datasets.formats.pages.register_heif", tuple)
    with pytest.raises(UnreadableImage, match="not an image, or of an unknown kind"):
        read_image(data)


LEVELS = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
GREY, RGB, MAX_SAMPLE_VALUE = 1, 2, 281
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(
    values: np.ndarray, bits: int, kind: int = UNSIGNED, photometric: int = GREY, most: int = 0
) -> bytes:
    """Return an uncompressed TIFF file of one strip; 12 bits are packed."""
    height, width, *bands = values.shape
    data = values.tobytes()
    if bits == 12:
        a, b = values[:, 0::2].astype(int), values[:, 1::2].astype(int)
        packed = np.stack([a >> 4, ((a & 15) << 4) | (b >> 8), b & 255], -1)
        data = packed.astype(np.uint8).tobytes()
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0}
    tags |= {277: (bands or [1])[0], 278: height, 279: len(data), 339: kind}
    tags |= {MAX_SAMPLE_VALUE: most} if most else {}
    after = 8 + 2 + 12 * len(tags) + 4
    places = {273: after + 6, 258: after} if bands else {273: after + 6}
    directory = struct.pack("<H", len(tags))
    for tag, value in sorted((tags | places).items()):
        if tag == 258 and bands:
            directory += struct.pack("<HHII", tag, 3, 3, value)
        else:
            directory += struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
    head = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0)
    return head + struct.pack("<HHH", *[bits] * 3) + data


def scaled(bits: int) -> np.ndarray:
    return (LEVELS.astype(np.uint32) * (2**bits - 1) // 255).astype("<u2")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(tiff(scaled(12), 12), id="12 bits"),
        pytest.param(tiff(scaled(12), 16, most=4095), id="12 bits in 16"),
        pytest.param(tiff(scaled(16), 16, most=4095), id="16 bits that the header denies"),
        pytest.param(tiff(scaled(16), 16), id="16 bits"),
        pytest.param(tiff(65535 - scaled(16), 16, photometric=0), id="16 bits, zero is white"),
        pytest.param(tiff(LEVELS.astype("<f4") / 1000, 32, FLOAT), id="floats below 1"),
        pytest.param(tiff(-LEVELS.astype("<f4"), 32, FLOAT, 0), id="floats, zero is white"),
        pytest.param(tiff(LEVELS.astype("<i2") * 8 - 1024, 16, SIGNED), id="16 signed"),
        pytest.param(tiff((LEVELS.astype("<i2") - 128).astype("i1"), 8, SIGNED), id="8 signed"),
        pytest.param(tiff(LEVELS.astype("<u4") << 24, 32), id="32 unsigned"),
        *(pytest.param(tiff(scaled(bits), 16), id=f"{bits} of 16 bits") for bits in (10, 12)),
        pytest.param(tiff(4095 - scaled(12), 16, photometric=0), id="12 of 16, zero is white"),
        pytest.param(coded(Image.fromarray(scaled(12)), "PNG"), id="12 of 16 bits in PNG"),
        pytest.param(b"P5\n8 6\n4095\n" + scaled(12).astype(">u2").tobytes(), id="PGM"),
    ],
)
def test_levels_are_those_that_a_viewer_shows(data: bytes) -> None:
    assert np.abs(read_image(data).astype(int) - LEVELS).max() <= 1


def test_a_scan_of_12_bits_in_16_says_so() -> None:
    used = {12: "16 to 8 bits, of which 12 are in use", 13: "16 to 8 bits", 16: "16 to 8 bits"}
    for bits, told in used.items():
        for data in (tiff(scaled(bits), 16), coded(Image.fromarray(scaled(bits)), "PNG")):
            assert done(data) == [told]
    for most, level in ((3, 3), (200, 200), (4095, 255), (4096, 16)):
        assert read_image(tiff(np.full((6, 8), most, "<u2"), 16)).max() == level


def test_values_that_are_no_numbers_are_the_darkest_or_brightest() -> None:
    holed = LEVELS.astype("<f4") + 100
    holed[0, :3] = np.nan, -np.inf, np.inf
    pixels = read_image(tiff(holed, 32, FLOAT))
    low = (LEVELS.astype(float) - LEVELS[0, 3]) * 255 / (255 - LEVELS[0, 3])
    assert pixels[0, :3].tolist() == [0, 0, 255]
    assert np.abs(pixels[1:] - low[1:]).max() <= 1
    for value in (7, np.nan):  # a flat image
        assert (read_image(tiff(np.full((6, 8), value, "<f4"), 32, FLOAT)) == 0).all()


def test_colours_of_12_bits_in_16_are_refused() -> None:
    colours = np.repeat(scaled(12)[..., None], 3, axis=2)
    with pytest.raises(UnreadableImage, match="colours of 12 bits; save it"):
        read_image(tiff(colours, 16, photometric=RGB, most=4095))
    assert read_image(tiff(colours, 16, photometric=RGB)).max() == 15


RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (240, 320, 3), dtype=np.uint8)
PAGE = np.full((240, 320, 3), 255, np.uint8)
PAGE[20:60] = NOISE[20:60]
GREY_PAGE = np.full((240, 320, 3), 128, np.uint8)
GREY_PAGE[20:60] = NOISE[20:60]
KINDS = {
    "png": ("PNG", {}),
    "gif": ("GIF", {}),
    "jpeg": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}),
    "webp": ("WEBP", {}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "jpeg 2000": ("JPEG2000", {}),
    "lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "packbits": ("TIFF", {"compression": "packbits"}),
    "deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "jpeg in tiff": ("TIFF", {"compression": "jpeg"}),
    **({"heic": ("HEIF", {})} if reads_heif() else {}),
}


def of_kind(kind: str, image: np.ndarray) -> bytes:
    register_heif()
    name, options = KINDS[kind]
    return coded(image, name, **options)


def is_refused(data: bytes) -> bool:
    try:
        read_image(data)
    except UnreadableImage:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image", [NOISE, PAGE, GREY_PAGE], ids=["noise", "page", "grey"])
def test_cut_or_filled_with_zeros_is_refused_and_whole_is_not(kind: str, image: np.ndarray) -> None:
    data = of_kind(kind, image)
    assert not is_refused(data)
    for share in (0.4, 0.7, 0.9):
        cut = data[: int(share * len(data))]
        assert is_refused(cut)
        assert is_refused(cut + bytes(len(data) - len(cut)))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_progressive_jpeg_that_lacks_scans_is_refused(mode: str) -> None:
    # decoders guess what is missing from blocks around, hidden ones too
    data = coded(Image.fromarray(NOISE).convert(mode), "JPEG", progressive=True)
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    ends = [data.rindex(b"\xff\xc4", 0, start) for start in starts[1:]]  # each has a table of codes
    assert len(ends) >= 5
    assert not is_refused(data)
    for end in ends:
        with pytest.raises(UnreadableImage, match="scans of its progression are missing"):
            read_image(data[:end] + b"\xff\xd9")


@pytest.mark.parametrize("kind", ["webp", "lossless webp", "jpeg", "png", "gif"])
def test_an_image_of_one_colour_is_whole(kind: str) -> None:
    for level in (0, 128, 255):
        assert not is_refused(of_kind(kind, np.full((1500, 1500, 3), level, np.uint8)))


def test_cut_and_damaged_jpeg_and_png_are_refused() -> None:
    for image in (NOISE, PAGE, GREY_PAGE):
        data = of_kind("jpeg", image)
        with pytest.raises(UnreadableImage, match="its data end before its image does"):
            read_image(data[: len(data) // 2] + b"\xff\xd9")
    data, preview = of_kind("jpeg", NOISE), of_kind("jpeg", PAGE)
    assert not is_refused(data + preview)
    assert is_refused(data[: len(data) // 2] + bytes(4096) + preview)
    data = of_kind("png", NOISE)
    at = data.index(b"IDAT") + 1000
    assert is_refused(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("kind", ["BMP", "PPM", "TIFF"])
def test_uncompressed_zeros_are_refused_where_a_block_of_a_disk_begins(kind: str) -> None:
    data = coded(Image.new("RGB", (333, 100), (200, 200, 200)), kind)
    dark = data[:60_000] + bytes(len(data) - 60_000)
    full = data[:61_440] + bytes(len(data) - 61_440)
    assert not is_refused(data) and not is_refused(dark) and is_refused(full)
    assert is_refused(data[:60_000])
