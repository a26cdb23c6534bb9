"""Images as pixels: what is read, turned upright and refused, and what is written."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odd_folder import claimed_png
from PIL import Image

from anonbench.core.errors import InputError, UnreadableImage
from anonbench.datasets.images import (
    LONGEST,
    decode,
    encode,
    open_checked,
    read_image,
    to_png,
    upright_size,
)
from anonbench_demo import portraits
from image_files import coded, turned

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def reason(path: Path, max_pixels: int = 10**6) -> str:
    with pytest.raises(UnreadableImage) as error:
        read_image(path, max_pixels)
    assert path.name not in str(error.value)
    return str(error.value)


def test_transparency_depth_and_previews(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 51)).save(tmp_path / "rgba.png")
    Image.new("LA", (2, 2), (0, 51)).save(tmp_path / "la.png")
    assert (read_image(tmp_path / "rgba.png") == 204).all()
    grey = read_image(tmp_path / "la.png")
    assert grey.shape == (2, 2) and (grey == 204).all()
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    palette.save(tmp_path / "opaque.png")
    palette.save(tmp_path / "clear.png", transparency=0)
    assert read_image(tmp_path / "opaque.png").tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert read_image(tmp_path / "clear.png").tolist() == [[[255, 255, 255], [0, 0, 255]]]
    deep = COLOUR.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), COLOUR)
    Image.fromarray(GREY > 127).save(tmp_path / "a.tif", compression="group4")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), np.uint8(255) * (GREY > 127))
    preview = Image.new("RGB", (8, 8), (255, 0, 0))
    Image.new("RGB", (16, 8), (0, 0, 255)).save(
        tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview]
    )
    pixels = read_image(tmp_path / "a.jpg")
    assert pixels.shape == (8, 16, 3) and pixels[0, 0, 2] > 250


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_has_a_reason(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP"]))
    damaged = bytearray(coded(COLOUR, kind, exif=turned().tobytes()))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "a"
    path.write_bytes(damaged)
    try:
        pixels = read_image(path, 10**5)
    except UnreadableImage:
        return
    assert pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (3,))


def test_the_limit_is_the_given_one_in_each_thread(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(claimed_png(15_000, 15_000))  # beyond Pillow's limit
    with open_checked(tmp_path / "large.png", 15_000**2) as image:
        assert upright_size(image) == (15_000, 15_000)
    assert reason(tmp_path / "large.png", 15_000**2 - 1) == "more than 224999999 pixels"
    (tmp_path / "bomb.png").write_bytes(claimed_png(2**31 - 1, 2**31 - 1))
    with pytest.raises(UnreadableImage, match="more than"):
        read_image(tmp_path / "bomb.png")
    (tmp_path / "a.png").write_bytes(claimed_png(1000, 1000))

    def opens(limit: int) -> bool:
        try:
            open_checked(tmp_path / "a.png", limit).close()
        except UnreadableImage:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(opens, [10**6, 10**6 - 1] * 200)) == [True, False] * 200


def test_a_file_of_somebody_else_has_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Any, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    Image.new("RGB", (9, 6)).save(tmp_path / "a.png")
    monkeypatch.setattr(os, "open", refuse)
    assert reason(tmp_path / "a.png") == "you may not read the file; change its permissions"


def test_files_that_are_no_images_have_a_reason(tmp_path: Path) -> None:
    assert reason(tmp_path / "absent.png") == "file is missing"
    (tmp_path / "folder.png").mkdir()
    assert reason(tmp_path / "folder.png") == "a folder, not a file"
    (tmp_path / "a.jpg").write_bytes(b"")
    assert reason(tmp_path / "a.jpg") == "empty file"
    for content in (b"Dear Sir or Madam,\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff\xe0"):
        (tmp_path / "a.jpg").write_bytes(content)
        assert reason(tmp_path / "a.jpg") == "not an image, or of an unknown kind"
    with pytest.raises(UnreadableImage, match="damaged data"):
        decode(b"\x89PNG\r\n")  # of an image set


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "tif lzw", "webp"])
def test_images_are_upright_by_their_exif(tmp_path: Path, kind: str) -> None:
    upright = np.zeros((16, 32), dtype=np.uint8)
    upright[:8, :8] = 255  # bright corner, top left
    upright[:8, 16:24] = 128
    # how a camera stores it, by the definition of each value (row 0 and column 0 of the stored)
    stored = [upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1], upright.T]
    stored += [np.rot90(upright, 1), upright[::-1, ::-1].T, np.rot90(upright, -1)]
    lzw = {"compression": "tiff_lzw"}
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100}, "tif lzw": lzw}.get(kind, {})
    for orientation, pixels in enumerate(stored, start=1):
        path = tmp_path / f"{orientation}.{kind[:4].strip()}"
        image = Image.fromarray(np.ascontiguousarray(pixels))
        image.save(path, exif=turned(orientation), **options)
        shown = read_image(path)
        shown = shown if shown.ndim == 2 else shown[..., 0]
        assert np.abs(shown.astype(int) - upright).max() <= 4
        with open_checked(path) as image:
            assert upright_size(image) == (32, 16)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_invalid_exif_counts_as_none(tmp_path: Path, suffix: str) -> None:
    damaged = b"Exif\0\0no", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0"
    for exif in (*damaged, turned(77).tobytes()):
        Image.fromarray(COLOUR).save(tmp_path / f"a.{suffix}", exif=exif)
        assert read_image(tmp_path / f"a.{suffix}").shape == (6, 9, 3)
        with open_checked(tmp_path / f"a.{suffix}") as image:
            assert upright_size(image) == (9, 6)


@pytest.mark.parametrize(("side", "form"), [(65_501, "jpeg"), (1_000_001, "png")])
def test_an_image_that_a_format_has_no_room_for_is_refused(side: int, form: str) -> None:
    with pytest.raises(InputError, match=f"an image of {side} × 1 pixels cannot be written as"):
        encode(np.zeros((1, side), np.uint8), form)  # type: ignore[arg-type]


SHAPES = st.tuples(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (3,)])
).map(lambda each: (*each[:2], *each[2]))  # fmt: skip


@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape)), st.booleans())
def test_other_libraries_read_the_same_pixels(image: np.ndarray, mirrored: bool) -> None:
    image = image[:, ::-1] if mirrored else image  # no contiguous array, too
    data = to_png(image)
    assert to_png(image) == data
    with Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(np.asarray(opened), image)
        assert not opened.info
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(shown if image.ndim == 2 else shown[..., ::-1], image)


def test_other_processes_give_the_same_bytes() -> None:
    """ISA-L did not: what it finds in small images depends on memory that it does not clear."""
    code = (
        "import hashlib, numpy as np; from anonbench.datasets.images import to_png; "
        "small = np.random.default_rng(0).integers(0, 4, (1000, 8, 8), np.uint8); "
        "print(hashlib.sha256(b''.join(map(to_png, small))).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    assert len({subprocess.check_output(command) for _ in range(3)}) == 1


def test_a_photo_takes_less_space_than_by_opencv() -> None:
    image = portraits.draw(0, "gallery", 0).image
    _, coded = cv2.imencode(".png", image)
    assert len(to_png(image)) < 0.9 * len(coded)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((2, 2), np.uint16),
        *((shape, np.uint8) for shape in ((2, 2, 4), (2, 2, 1), (0, 2), (LONGEST + 1, 1))),
    ],
)
def test_what_no_reader_takes_is_refused(shape: tuple[int, ...], kind: type) -> None:
    with pytest.raises(ValueError, match=r"8 bits|sides of 1 to"):
        to_png(np.zeros(shape, kind))
