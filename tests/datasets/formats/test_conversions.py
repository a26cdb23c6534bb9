"""What decoding converts, and how: colours, depth, transparency, HEIC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_folder import coded, grey_profile, picture
from PIL import Image, ImageCms

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.formats import heif, pixels
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.formats.pixels import conversions
from anonbench.datasets.images import open_checked, read_image, upright_size

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
    pixels._transform.cache_clear()
    image = picture(0, (3000, 2000)).convert("CMYK")  # more than one strip
    data = coded(image, "TIFF", icc_profile=SRGB)
    np.testing.assert_array_equal(read_image(data), np.asarray(image)[..., :3])
    assert done(data) == ["CMYK to RGB by its colour profile"]
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    assert len(built) == 1 and built[0][:3] == ("CMYK", "RGB", intent)
    pixels._transform.cache_clear()


def test_lab_becomes_rgb() -> None:
    values = Image.merge("LAB", [Image.new("L", (4, 4), v) for v in (255, 128, 128)])
    assert (read_image(coded(values, "TIFF")) >= 254).all()


def test_depth_and_transparency() -> None:
    floats = coded(Image.new("F", (4, 4), 9), "TIFF")
    assert done(floats) == ["32 to 8 bits, by the range in use"]
    palette = coded(Image.new("P", (4, 4)), "PNG", transparency=0)
    assert done(palette) == ["transparency laid on white"]
    assert done(coded(picture(0).convert("1"), "TIFF", compression="group4")) == []


def test_an_animation_is_its_first_frame_where_that_is_asked_for() -> None:
    frames = [Image.new("RGB", (8, 8), (80 * n, 10, 10)) for n in range(3)]
    data = coded(frames[1], "GIF", save_all=True, append_images=frames[2:])
    assert read_image(data, page=Page(1))[0, 0].tolist() == [80, 10, 10]
    with pytest.raises(UnreadableImage, match="no page 2"):
        read_image(data, page=Page(2))


def heic(image: Image.Image, **options: Any) -> bytes:
    pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    heif.register()
    return coded(image, heif.FORMAT, quality=-1, chroma=444, **options)


def test_heic_is_read_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    image = picture(0)
    data = heic(image, exif=turned.tobytes())
    pixels = read_image(data)
    upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
    assert np.abs(pixels.astype(int) - upright).max() <= 3
    with open_checked(data) as opened:
        assert upright_size(opened) == (32, 48)
    assert done(data) == ["turned upright by EXIF"]


def test_of_several_heic_images_the_main_one_is_read() -> None:
    data = heic(picture(0), save_all=True, append_images=[picture(1, (20, 20))])
    assert read_image(data).shape == (32, 48, 3)
    assert done(data) == ["main image of several in a HEIC file"]


def test_heic_is_refused_where_nothing_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = heic(picture(0))
    monkeypatch.setattr(heif, "register", tuple)
    with pytest.raises(UnreadableImage, match="not an image, or of an unknown kind"):
        read_image(data)
