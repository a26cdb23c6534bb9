"""Ids, digests and pages of files, and of TIFF files in particular."""

from __future__ import annotations

import io
import posixpath
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_folder import coded, picture
from PIL import Image, TiffImagePlugin

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.documents import count_pages
from anonbench.datasets.formats.pages import (
    MOST_PAGES,
    Page,
    file_digest_of,
    page_digest,
    page_id,
    page_of,
    require_page,
    tiff_frames,
)
from anonbench.datasets.ids import id_problems, ids_of_files
from anonbench.datasets.image_sets.shards import member_name
from anonbench.datasets.images import open_checked, read_image, upright_size

HOSTILE = ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "/", ".", "..", "./a", "a/.", "a/.."]
HOSTILE += ["a\nb", "a\0b", "\x1b[2J", "\x7f", "a\u2028b", "\x85", "", "a" * 1025, "ü" * 513]
FINE = ["a", "a/b c/ü", "...", "a/...", ".a/b.c", "a..b", " a ", "con", "~", "%2E", "\\", "C:\\x"]
FINE += ["a" * 1024, "ü" * 512, "身分証/#2", "-rf"]


def test_hostile_ids_are_told_apart() -> None:
    for image_id in HOSTILE:
        problems = id_problems(pd.Series(["a", image_id, "b"], dtype="str"))
        assert problems.iloc[0] == problems.iloc[2] == "" != problems.iloc[1], image_id


def test_unusual_ids_are_fine() -> None:
    assert id_problems(pd.Series(FINE, dtype="str")).eq("").all()
    assert id_problems(pd.Series([], dtype="str")).empty


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("/.\n"), max_size=20))
def test_what_is_accepted_is_a_path_in_its_shortest_form(image_id: str) -> None:
    if id_problems(pd.Series([image_id], dtype="str")).iloc[0] == "":
        assert posixpath.normpath(image_id) == image_id
        assert not image_id.startswith("/") and ".." not in image_id.split("/")
        assert "\n" not in image_id and "\0" not in image_id


SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
PAGES = st.none() | st.builds(Page, st.integers(1, MOST_PAGES), st.just(0) | st.integers(36, 1200))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="/"))
PARTS = NAMES.filter(lambda name: name not in ("", ".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(sha=SHA, page=PAGES)
def test_a_digest_says_file_and_page(sha: str, page: Page | None) -> None:
    digest = page_digest(sha, page)
    assert page_of(digest) == page and file_digest_of(digest) == sha
    assert (digest == sha) == (page is None)


def test_what_is_no_digest_is_refused() -> None:
    for text in ("ab:page=", "ab:page=1:dpi=", "ab:dpi=3", "ab:page=-1", "ab:x"):
        with pytest.raises(ValueError, match="is no digest of an image"):
            page_of(text)


@pytest.mark.slow
@given(paths=st.lists(PATHS, min_size=1, max_size=8, unique=True), number=st.integers(1, 9999))
def test_ids_of_files_and_pages_never_meet_and_can_be_names(paths: list[str], number: int) -> None:
    ids = ids_of_files(pd.Series(paths, dtype="str"))
    assert ids.is_unique
    pages = pd.Series([page_id(each, number) for each in ids], dtype="str")
    assert pages.is_unique and pages.str.startswith(ids.iloc[0] + "/").any()
    assert (id_problems(pages) == "").all()
    names = [member_name(each, "png") for each in pages]
    assert len(set(names)) == len(names)
    assert not any(part in ("", ".", "..") for name in names for part in name.split("/"))


def test_ids_of_pages_are_in_the_order_of_pages() -> None:
    ids = [page_id("a b/ü", number) for number in (1, 2, 10, 999, MOST_PAGES)]
    assert ids == sorted(ids) and ids[0] == "a b/ü/page-0001"


def test_pages_that_are_not_there() -> None:
    for number, pages in ((0, 3), (4, 3), (1, 0), (1, MOST_PAGES + 1)):
        with pytest.raises(UnreadableImage, match=r"no page|more than 9999 pages"):
            require_page(number, pages)


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
    with pytest.raises(UnreadableImage, match="of several pages"):
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
