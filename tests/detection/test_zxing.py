"""Barcodes are found where they were put, over their whole height."""

from math import ceil
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from drawn_text import Finds, covered, turned_whole

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region, rectangle
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.base import clipped
from anonbench.detection.kinds.cut_out import CutOutDetector
from anonbench.detection.kinds.zxing import (
    ReadAndUnread,
    across_bars,
    grown_along_bars,
    grown_sideways,
)
from anonbench.detection.search import build
from anonbench.evaluation.privacy.attacks.kinds.reading import decoded
from anonbench_demo import ids

FORMATS = ["Code128", "EAN13", "ITF", "PDF417", "QRCode", "DataMatrix", "Aztec"]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build("zxing", Detection())


def printed(name: str, scale: int = 3) -> np.ndarray:
    """Return a barcode, uint8 [H, W], cut to its bars."""
    code = zxingcpp.create_barcode("401234567890", getattr(zxingcpp.BarcodeFormat, name))
    pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=scale))
    ys, xs = np.nonzero(pixels < 128)
    return pixels[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def pasted(
    code: np.ndarray, x: int, y: int, size: tuple[int, ...] | None = None, ground: int = 235
) -> tuple[np.ndarray, np.ndarray]:
    """Return a page with the code at x, y, and the pixels of the code."""
    page = np.full(size or (code.shape[0] + 260, code.shape[1] + 300), ground, np.uint8)
    mask = np.zeros(page.shape, bool)
    page[y : y + code.shape[0], x : x + code.shape[1]] = code
    mask[y : y + code.shape[0], x : x + code.shape[1]] = True
    return page, mask


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_barcode_is_found_where_it_was_put(detector: Detector, name: str) -> None:
    code = printed(name)
    page, _ = pasted(code, 170, 90)
    (found,) = detector.detect([page])
    assert [region.entity for region in found] == [Entity.BARCODE]
    box = np.array([found[0].x0, found[0].y0, found[0].x1, found[0].y1])
    true = np.array([170, 90, 170 + code.shape[1], 90 + code.shape[0]])
    # an EAN's guard bars go on below the others by 15 pixels
    assert np.abs(box - true).max() <= (15 if name == "EAN13" else 4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "angle"), [("Code128", 4), ("Code128", 94), ("ITF", 30)])
def test_linear_code_is_covered_in_its_height(detector: Detector, name: str, angle: int) -> None:
    code = cv2.resize(printed(name), None, fx=1, fy=2, interpolation=cv2.INTER_NEAREST)
    page, mask = pasted(code, 150, 130)
    page = turned_whole(cv2.GaussianBlur(page, (0, 0), 0.8), angle)
    mask = turned_whole(mask.astype(np.uint8), angle, 0)
    (found,) = detector.detect([page])
    assert len(found) == 1
    inside = covered(page.shape, found)
    assert inside[mask > 0].mean() > 0.93
    assert inside.sum() < 1.25 * mask.sum()


@pytest.mark.slow
@pytest.mark.parametrize("template", ids.TEMPLATES)
def test_codes_of_scanned_cards_are_covered(detector: Detector, template: str) -> None:
    """Of PDF417, zxing gives one corner too far inside in half of all scans."""
    for key in ("k2", "k7"):
        drawing = ids.draw(0, template, key)
        (true,) = (each for each in drawing.regions if each.entity is Entity.BARCODE)
        (found,) = detector.detect([drawing.image])
        code = covered(drawing.image.shape, [true])
        hidden = covered(drawing.image.shape, found)
        assert (hidden & code).sum() >= 0.97 * code.sum()
        assert (hidden & ~code).sum() <= 0.25 * code.sum()


@pytest.mark.parametrize("name", ["Code128", "PDF417"])
def test_a_small_slanted_code_of_a_large_image_is_found(detector: Detector, name: str) -> None:
    code = turned_whole(pasted(printed(name, 2)[:60], 60, 50)[0], 30)[:600]
    assert detector.detect([pasted(code, 20, 0, (600, 3200))[0]])[0]


@pytest.mark.parametrize("name", ["Code128", "PDF417"])
def test_a_white_code_beside_a_black_one_is_found(detector: Detector, name: str) -> None:
    page, _ = pasted(printed("QRCode"), 500, 20, (500, 700))
    white = 255 - np.pad(printed(name)[:160], 30, constant_values=255)
    page[200 : 200 + len(white), 40 : 40 + white.shape[1]] = white
    (found,) = detector.detect([page])
    assert [region.y0 > 150 for region in sorted(found, key=lambda r: r.y0)] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Code128", "DataMatrix"])
def test_a_small_code_of_a_large_page_is_covered(detector: Detector, name: str) -> None:
    page, mask = pasted(np.rot90(printed(name, 2)), 500, 1800, (2100, 800))
    (found,) = detector.detect([page])
    inside = covered(page.shape, found)
    assert len(found) == 1 and inside[mask].mean() > 0.95
    assert inside.sum() < 1.3 * mask.sum()


def test_code_with_a_wrong_check_digit_is_kept_with_half_the_score() -> None:
    code = printed("EAN13").copy()
    last = slice(-10 * 3, -3 * 3)  # the last digit's seven modules, of three pixels
    assert [bool(value < 128) for value in code[10, last][1::3]] == [1, 1, 0, 0, 1, 1, 0]
    zero = np.array([1, 1, 1, 0, 0, 1, 0])
    code[:, last] = np.repeat(255 * (1 - zero), 3)
    page, _ = pasted(code, 150, 130)
    (found,) = build("zxing", Detection(speed="single")).detect([page])
    assert [region.score for region in found] == [0.5]


def bars(seed: int) -> np.ndarray:
    """Return bars like those of a linear code, that mean nothing."""
    widths = np.random.default_rng(seed).integers(1, 4, 95)
    row = np.repeat(np.arange(95) % 2 * 255, 3 * widths)[: 3 * 95]
    return np.tile(row.astype(np.uint8), (150, 1))


@pytest.mark.parametrize("angle", [0, 30, 90])
def test_bars_that_cannot_be_read_are_covered(detector: Detector, angle: int) -> None:
    page, mask = pasted(bars(1), 150, 130)
    page, mask = turned_whole(page, angle), turned_whole(mask.astype(np.uint8), angle, 0) > 0
    assert not decoded(np.repeat(page[..., None], 3, axis=2))
    (found,) = detector.detect([page])
    assert [region.score for region in found] == [0.5]
    hidden = covered(page.shape, found)
    assert hidden[mask & (page < 128)].mean() > 0.99
    assert hidden.sum() < 1.6 * mask.sum()


def test_real_codes_that_cannot_be_read_are_covered(detector: Detector, shared: Path) -> None:
    crumpled, beside = (
        shared / f"data/barcode/{name}.webp" for name in ("upca-5__01", "code128-2__37")
    )
    if not crumpled.exists():
        pytest.skip("no barcode pictures in `shared`")
    scores = [
        sorted(r.score for r in detector.detect([read_image(path)])[0])
        for path in (crumpled, beside)
    ]
    # the second image has bars beside a code that was read
    assert scores == [[0.5], [0.5, 1.0]]


@pytest.mark.parametrize(("scale", "share"), [(5, 0.61), (7, 0.5), (12, 0.3)])
def test_no_row_of_a_wide_codes_bars_is_left(scale: int, share: float) -> None:
    """Rows of a wide code are sampled further apart: one that is left can still be read."""
    page, mask = pasted(printed("Code128", scale), 240, 30)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y, left, right = rows[0] + round(share * len(rows)), columns[0], columns[-1]
    row = np.array([(left, y), (right, y), (right, y), (left, y)], float)
    page[y + 5 : y + 5 + len(columns) // 50] = 235  # a scratch
    grown = grown_along_bars(page, row)
    assert grown[:, 1].min() <= rows[0] and grown[:, 1].max() >= rows[-1]
    aslant = np.array([(1, -0.5, 0.5 * y), (0, 1, 0)])  # the bars, not the row
    page, seen = (
        cv2.warpAffine(each, aslant, each.shape[::-1], borderValue=ground)
        for each, ground in ((page, 235.0), (mask.astype(np.uint8), 0.0))
    )
    grown = grown_along_bars(page, row)
    hidden = covered(page.shape, clipped(Entity.BARCODE, [grown], [1.0], page))
    assert hidden[seen > 0].mean() > 0.98
    noise = np.random.default_rng(0).integers(0, 256, page.shape, dtype=np.uint8)
    assert np.array_equal(across_bars(noise, row), row), "no bars have one direction"


@pytest.mark.parametrize("name", ["QRCode", "Code128"])
def test_a_white_code_on_a_black_page_is_covered(detector: Detector, name: str) -> None:
    page, _ = pasted(printed(name), 100, 80)
    dark, inverted = detector.detect([page, 255 - page])
    assert len(inverted) == 1
    assert covered(page.shape, inverted)[covered(page.shape, dark)].mean() > 0.97


@pytest.mark.slow
def test_real_barcodes(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data/barcode").glob("*-*"))[::24]
    if not paths:
        pytest.skip("no barcode pictures in `shared`")
    found = detector.detect([read_image(path) for path in paths])
    assert np.mean([bool(regions) for regions in found]) > 0.93


@pytest.mark.parametrize(
    ("ink", "paper"), [((200, 30, 60), (60, 112, 8)), ((120, 120, 120), (120, 94, 255))]
)
def test_codes_in_colours_of_one_grey_are_found(
    detector: Detector, ink: tuple[int, ...], paper: tuple[int, ...]
) -> None:
    code = np.pad(printed("QRCode", 5), 20, constant_values=255)
    drawn = np.where(code[..., None] < 128, ink, paper).astype(np.uint8)
    grey = cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY)
    assert np.ptp(grey.astype(int)) <= 3
    black, mask = pasted(code, 70, 60)
    page = np.repeat(black[..., None], 3, axis=2)
    page = np.concatenate([page, page], axis=1)  # a black one beside it
    page[60 : 60 + code.shape[0], 70 : 70 + code.shape[1]] = drawn
    (found,) = detector.detect([page])
    hidden = covered(page.shape, found)
    for left in (0, mask.shape[1]):
        inner = np.s_[85 : 35 + code.shape[0], left + 95 : left + 45 + code.shape[1]]
        assert hidden[inner].mean() > 0.99
    assert decoded(drawn)  # the attack sees it, too


@pytest.mark.parametrize(("gap", "end"), [(0, 250), (2, 340)])
def test_sides_are_moved_to_where_the_pattern_ends(gap: int, end: int) -> None:
    page = np.full((200, 400), 235, np.uint8)
    pattern = np.random.default_rng(0).integers(0, 2, (25, 72)) * 200
    page[50:150, 52:340] = np.kron(pattern, np.ones((4, 4)))
    page[:, 250:265] = 235  # wider than a sixteenth of what was read, and not twice as wide
    read = rectangle(52, 50, 212, 150)
    grown = grown_sideways(page, read, gap, first=0.6)
    assert (grown[:, 1] == read[:, 1]).all()
    assert 42 <= grown[:, 0].min() <= 52
    assert end <= grown[:, 0].max() <= end + 10


@pytest.mark.slow
def test_rows_of_different_lengths_are_covered(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data/barcode").glob("rssexpandedstacked-1__*.png"))[::6]
    if not paths:
        pytest.skip("no barcode pictures in `shared`")
    for path in paths:
        grey = read_image(path)
        visible = grey < 128
        for region in detector.detect([grey])[0]:
            area = np.s_[int(region.y0) : ceil(region.y1), int(region.x0) : ceil(region.x1)]
            visible[area] = False
        assert visible.mean() < 0.01, path.name


@pytest.mark.parametrize("angle", [0, 33])
@pytest.mark.parametrize("name", ["QRCode", "DataMatrix", "PDF417"])
def test_code_on_dark_ground_without_quiet_zone(detector: Detector, name: str, angle: int) -> None:
    """Whoever cuts it out and sets it on white can read it."""
    code = printed(name, 5)
    page, mask = pasted(np.clip(code, 20, 235), 120, 90, ground=20)
    assert decoded(np.where(mask, page, 255).astype(np.uint8))
    page, mask = turned_whole(page, angle, 20), turned_whole(mask.astype(np.uint8), angle, 0) > 0
    (found,) = detector.detect([page])
    hidden = covered(page.shape, found)
    assert hidden[mask & (page > 60)].mean() > 0.98
    assert hidden.sum() < 1.15 * mask.sum()


def test_light_patterns_are_not_taken_for_codes_that_were_read() -> None:
    pattern = np.random.default_rng(0).integers(0, 2, (24, 24)) * 200 + 20
    page, _ = pasted(np.kron(pattern, np.ones((6, 6))), 60, 50, (300, 500), 20)
    page[80:140, 300:420] = 220
    assert CutOutDetector().detect([page]) == [[]]


def test_faint_and_blurred_codes_are_found(detector: Detector) -> None:
    page, _ = pasted(printed("QRCode"), 150, 130)
    faint = cv2.GaussianBlur((40 + page / 15).astype(np.uint8), (0, 0), 1.0)
    plain = build("zxing", Detection(speed="single"))
    assert plain.detect([faint]) == [[]]
    (found,) = build("zxing", Detection()).detect([faint])
    assert len(found) == 1
    page, mask = pasted(printed("PDF417", 4), 150, 130)
    page = cv2.GaussianBlur(page, (0, 0), 3)
    assert decoded(page)
    (found,) = detector.detect([page])
    assert covered(page.shape, found)[mask].mean() > 0.95


@pytest.mark.parametrize("name", ["EAN13", "PDF417"])
def test_a_pale_code_beside_dark_print_is_covered(detector: Detector, name: str) -> None:
    page, mask = pasted(printed(name), 120, 150, ground=255)
    page = (241 + page / 18).astype(np.uint8)
    page[20:50, 40:200:6] = 0
    (found,) = detector.detect([page])
    assert covered(page.shape, found)[mask].mean() > 0.95


@pytest.mark.parametrize("module", [5, 10])
def test_a_code_of_separate_dots_is_found(detector: Detector, module: int) -> None:
    code = zxingcpp.create_barcode("4711-MUSTERMANN", zxingcpp.BarcodeFormat.QRCode)
    squares = np.array(code.to_image(scale=1, add_quiet_zones=True))
    page = np.full((squares.shape[0] * module, squares.shape[1] * module), 255, np.uint8)
    for y, x in np.argwhere(squares < 128).tolist():
        middle = (module * x + module // 2, module * y + module // 2)
        cv2.circle(page, middle, round(0.4 * module), (20,), -1)
    (found,) = detector.detect([page])
    assert covered(page.shape, found)[page < 128].mean() > 0.95


def test_what_is_read_again_adds_codes_and_changes_none() -> None:
    boxes = (20, 40, 100, 60), (18, 10, 102, 62), (120, 40, 180, 60)
    once, again, other = (Region(Entity.BARCODE, *box, 1.0) for box in boxes)
    detector = ReadAndUnread(Finds(once), [Finds(again, other)], Finds(), Finds())
    assert detector.detect([np.zeros((90, 200), np.uint8)]) == [[once, other]]
