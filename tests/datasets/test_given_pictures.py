"""Which picture of another program belongs to which image."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.core.errors import InputError
from anonbench.datasets.given import belonging, pictures_in, reasons_of_given, scan_given
from anonbench.datasets.headers import Limits

LIMITS = Limits(max_pixels=10_000, pdf_dpi=72)


def images(**paths: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": list(paths), "path": list(paths.values()), "width": 20, "height": 10}, dtype=object
    )


def draw(folder: Path, *paths: str, size: tuple[int, int] = (20, 10)) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros(size[::-1], np.uint8)).save(folder / path)


def test_two_pictures_of_an_image_or_two_images_of_a_picture_are_refused() -> None:
    with pytest.raises(InputError, match="'one' has 2 pictures"):
        belonging(images(one="a.jpg"), ["a.bmp", "a.png"], "deface")
    both = images(**{"a.jpg": "a.jpg", "a.png": "a.png"})
    with pytest.raises(InputError, match=r"1 picture belong to several images, a\.webp"):
        belonging(both, ["a.webp"], "deface")
    assert belonging(both, ["a.jpg", "a.png.webp"], "deface").tolist() == ["a.jpg", "a.png.webp"]
    assert belonging(both, ["a.jpg"], "deface").tolist() == ["a.jpg", None]


def test_images_are_left_out_for_a_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    draw(tmp_path, "good.png", "extra.png")
    draw(tmp_path, "large.png", size=(21, 10))
    turned = Image.fromarray(np.zeros((20, 10), np.uint8))  # stored on its side
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    listed = images(good="good.jpg", large="large.png", absent="absent.png", broken="broken.png")
    listed = pd.concat([listed, images(turned="turned.jpg")], ignore_index=True)
    with caplog.at_level(logging.WARNING):
        reasons = reasons_of_given("archive", listed, {"deface": tmp_path}, LIMITS)
    assert reasons.tolist() == [
        "",
        "the picture of deface has another size",
        "there is no picture of deface",
        "the picture of deface: not an image, or of an unknown kind",
        "",
    ]
    assert "pictures of deface: 1 file without an image" in caplog.text


def test_each_program_needs_every_picture(tmp_path: Path) -> None:
    draw(tmp_path, "one/a.png", "one/b.png", "two/a.png")
    folders = {name: tmp_path / name for name in ("one", "two")}
    reasons = reasons_of_given("x", images(a="a.png", b="b.png"), folders, LIMITS)
    assert reasons.tolist() == ["", "there is no picture of two"]


def test_a_folder_without_pictures_of_the_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="holds no pictures"):
        pictures_in(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        pictures_in(tmp_path / "absent")
    draw(tmp_path, "a_anonymized.png")
    with pytest.raises(InputError, match=r"no picture in .* has the path or the id of an image"):
        reasons_of_given("x", images(a="a.png"), {"deface": tmp_path}, LIMITS)


def test_a_changed_picture_changes_the_scan(tmp_path: Path) -> None:
    draw(tmp_path, "a.png")
    before = scan_given({"deface": tmp_path})
    assert before == scan_given({"deface": tmp_path})
    draw(tmp_path, "a.png", size=(40, 40))
    assert before != scan_given({"deface": tmp_path})
