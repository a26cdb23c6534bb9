"""Files that are cut off, or whose ends are zeros as after a copy to a full disk."""

from __future__ import annotations

import numpy as np
import pytest
from odd_folder import coded
from PIL import Image

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats.pages import reads_heif, register_heif
from anonbench.datasets.images import read_image

RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (240, 320, 3), dtype=np.uint8)
PAGE = np.full((240, 320, 3), 255, np.uint8)
PAGE[20:60] = NOISE[20:60]
GREY = np.full((240, 320, 3), 128, np.uint8)
GREY[20:60] = NOISE[20:60]
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
    return coded(Image.fromarray(image), name, **options)


def is_refused(data: bytes) -> bool:
    try:
        read_image(data)
    except UnreadableImage:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image", [NOISE, PAGE, GREY], ids=["noise", "page", "grey"])
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


def test_a_jpeg_cut_off_and_ended_is_refused() -> None:
    for image in (NOISE, PAGE, GREY):
        data = of_kind("jpeg", image)
        with pytest.raises(UnreadableImage, match="its data end before its image does"):
            read_image(data[: len(data) // 2] + b"\xff\xd9")


def test_the_end_of_a_preview_is_not_the_end_of_its_photograph() -> None:
    data, preview = of_kind("jpeg", NOISE), of_kind("jpeg", PAGE)
    assert not is_refused(data + preview)
    assert is_refused(data[: len(data) // 2] + bytes(4096) + preview)


def test_checksums_of_pixels_are_compared() -> None:
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
