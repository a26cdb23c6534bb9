"""Pages of TIFF files."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from odd_folder import coded, picture
from PIL import Image, TiffImagePlugin

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.documents import count_pages
from anonbench.datasets.formats.pages import Page, tiff_frames
from anonbench.datasets.images import open_checked, read_image, upright_size


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
    with pytest.raises(UnreadableImage, match=r"of several pages \(4 frames\)"):
        read_image(data, 10**4)


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
