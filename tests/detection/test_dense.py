"""Codes of two dimensions that nobody can read are hidden whole, and text, bars and dots stay."""

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from drawn_text import Finds, covered

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region, rectangle
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.base import as_grey, clipped
from anonbench.detection.kinds.dense import SCALES, DenseDetector
from anonbench.detection.kinds.zxing import ReadAndUnread
from anonbench.detection.search import build
from anonbench.detection.views import Views

FORMATS = ["PDF417", "QRCode", "DataMatrix", "Aztec"]


def seen(image: np.ndarray, *read: Region) -> list[Region]:
    """Regions where a reader finds only what it is said to."""
    unread = Finds(), Views(DenseDetector(), SCALES)
    (found,) = ReadAndUnread(Finds(*read), [], *unread).detect([image])
    return found


@cache
def enlarged(
    name: str, degrees: int = 0, blur: float = 0.6, contrast: float = 0.7, high: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """A card with a code of one pixel a module, enlarged, on a table; and the code's corners."""
    text = "DAQ4711 DCSMUSTERMANN DACERIKA DBB12081964 DAGHEIDESTR 17 DAIKOELN " * 2
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, name))
    small = np.array(code.to_image(scale=1, add_quiet_zones=False)).repeat(high, axis=0)
    corners = rectangle(9, 9, 9 + small.shape[1], 9 + small.shape[0]) * 6
    card = cv2.copyMakeBorder(small, 9, 9, 9, 9, cv2.BORDER_CONSTANT, value=(255,))
    card = cv2.GaussianBlur(card, (0, 0), blur)
    card = cv2.resize(card, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    height, width = card.shape
    side = round(1.3 * float(np.hypot(*card.shape)))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turn[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    photo = cv2.warpAffine(card, turn, (side, side), borderValue=(110,))
    noise = np.random.default_rng(0).normal(0, 5, photo.shape)
    photo = (contrast * photo + 30 + noise).clip(0, 255).astype(np.uint8)
    return photo, corners @ turn[:, :2].T + turn[:, 2]


def inside(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    return covered(image.shape, clipped(Entity.BARCODE, [corners], [1.0], image))


BLURRED = product(FORMATS, [0, 5, 15, 30, 95], [{}])
PALE = product(FORMATS, [0, 15], [{"contrast": 0.2}])
OF_WIDE_BARS = product(["PDF417"], [0, 30], [{"high": 3}, {"high": 6}])


@pytest.mark.parametrize(("name", "degrees", "how"), [*BLURRED, *PALE, *OF_WIDE_BARS])
def test_all_of_a_code_is_hidden(name: str, degrees: int, how: dict[str, Any]) -> None:
    image, corners = enlarged(name, degrees, **how)
    for shown in (image, 255 - image):
        hidden = covered(image.shape, seen(shown))
        assert hidden[inside(image, corners)].mean() > 0.97
        assert hidden.sum() < 3 * inside(image, corners).sum()


@pytest.mark.parametrize("name", FORMATS)
def test_an_unread_code_that_touches_a_larger_one_that_was_read(name: str) -> None:
    image, corners = enlarged(name)
    other, its = enlarged("QRCode")
    (left, top), (right, bottom) = its[[0, 2]].astype(int)
    small = other[top:bottom, left:right]
    x, y = corners[1].astype(int)
    image = cv2.copyMakeBorder(image, 0, 0, 0, small.shape[1], cv2.BORDER_REPLICATE)
    beside = np.s_[y : y + len(small), x : x + small.shape[1]]
    image[beside] = small
    read = clipped(Entity.BARCODE, [corners], [1.0], image)
    hidden = covered(image.shape, seen(image, *read))
    assert hidden[beside].mean() > 0.95


@pytest.mark.parametrize("name", FORMATS)
def test_one_that_was_read_is_framed_as_it_was_read(name: str) -> None:
    image, corners = enlarged(name, 15)
    read = clipped(Entity.BARCODE, [corners], [1.0], image)
    assert seen(image, *read) == read


def test_what_a_reader_found_of_a_part_leaves_no_other_part_in_sight() -> None:
    """It reports a few rows of some codes."""
    image, corners = enlarged("PDF417", 15)
    part = corners.copy()
    part[1:3] = 0.7 * corners[[0, 3]] + 0.3 * corners[1:3]
    regions = seen(image, *clipped(Entity.BARCODE, [part], [0.5], image))
    assert covered(image.shape, regions)[inside(image, corners)].mean() > 0.97


@pytest.fixture(scope="module")
def zxing() -> Detector:
    return build("zxing", Detection(speed="single"))


@pytest.mark.parametrize("name", FORMATS)
def test_zxing_hides_what_it_cannot_read(zxing: Detector, name: str) -> None:
    image, corners = enlarged(name, 15)
    assert not any(code.valid for code in zxingcpp.read_barcodes(image))
    (found,) = zxing.detect([np.dstack([image] * 3)])
    assert {region.score for region in found} == {0.5}, "so that a person looks at it"
    assert covered(image.shape, found)[inside(image, corners)].mean() > 0.97


def text(height: int) -> np.ndarray:
    """A page full of lines of text close to each other."""
    image = np.full((1000, 800), 245, np.uint8)
    face, thick = cv2.FONT_HERSHEY_SIMPLEX, 1 + height // 14
    line = "Sehr geehrte Damen und Herren, wir bitten um Ueberweisung der Summe von 4711,00 Euro"
    for y in range(60, 960, round(1.7 * height)):
        cv2.putText(image, line, (40, y), face, height / 22, (20,), thick)
    return image


def bars() -> np.ndarray:
    code = zxingcpp.create_barcode("4711-MUSTERMANN", zxingcpp.BarcodeFormat.Code128)
    pixels = np.array(code.to_image(scale=4))
    return cv2.resize(pixels, (pixels.shape[1], 400), interpolation=cv2.INTER_NEAREST)


def stripes() -> np.ndarray:
    across = np.arange(500.0) + np.zeros((500, 1))
    return (128 + 100 * np.sin(across / 1.5)).astype(np.uint8)


def halftone() -> np.ndarray:
    down, across = np.mgrid[:500, :500]
    dots = np.cos(np.pi * (across + down) / 4) * np.cos(np.pi * (across - down) / 4)
    return np.where(dots > 0, 30, 225).astype(np.uint8)


OTHERS = {
    **{f"text of {height} pixels": text(height) for height in (8, 12, 20, 40)},
    **{"bars": bars(), "stripes": stripes(), "halftone": halftone()},
    "noise": np.random.default_rng(0).normal(128, 40, (600, 600)).clip(0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_such_code_stays(name: str) -> None:
    assert not seen(OTHERS[name])


@pytest.mark.parametrize("shape", [(1, 1), (14, 300), (20, 20)])
def test_an_image_smaller_than_a_code_has_none(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert not seen(rng.integers(0, 256, shape, np.uint8))


def test_hardly_a_real_page_or_photograph_has_one(shared: Path) -> None:
    """Three in 203 documents: white text on black, a guilloche. None in 1,371 photographs."""
    paths = [*sorted((shared / "data/rvl_cdip").rglob("*.tif"))[:60]]
    paths += [*sorted((shared / "data/celeba_wild").rglob("*.jpg"))[:60]]
    if not paths:
        pytest.skip("no RVL-CDIP or CelebA images in `shared`")
    assert sum(bool(seen(as_grey(read_image(path)))) for path in paths) <= 2


def test_real_codes_are_seen_where_they_are_printed(shared: Path) -> None:
    """Of 41 PDF417 most, most others have few modules in few pixels."""
    paths = sorted((shared / "data/barcode").glob("pdf417-[123]__*"))
    if not paths:
        pytest.skip("no pictures of codes in `shared`")
    shares = []
    for path in paths:
        image = as_grey(read_image(path))
        for code in zxingcpp.read_barcodes(image):
            at = code.position
            ends = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
            true = inside(image, np.array([(end.x, end.y) for end in ends], np.float64))
            shares.append(covered(image.shape, seen(image))[true].mean())
    assert np.mean(np.greater(shares, 0.9)) > 0.5
