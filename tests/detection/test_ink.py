"""Ink is found and photographs are left; doubts about a searched image have their bounds."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_text import Finds, covered, page
from PIL import Image, ImageDraw

from anonbench.config.detectors import LOOKED_FOR, Detection, covering
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection import doubts
from anonbench.detection.kinds.ink import InkDetector
from anonbench.detection.search import DetectorFailed, Search, build_all
from anonbench.detection.views import Reach, Views
from anonbench_demo import portraits

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
BOXES = Path(__file__).with_name("ink_boxes.csv")
"""Drawn by hand about ink of 48 images of ../shared: the start of a file's SHA-256, kind, box."""


def ink_of(image: np.ndarray, lines: Sequence[Region] = ()) -> np.ndarray:
    (found,) = InkDetector(Finds(*lines)).detect([image])
    assert all(region.entity == Entity.INK for region in found)
    return covered(image.shape, found)


def around(mask: np.ndarray) -> Region:
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = columns.min() - 4, rows.min() - 4, columns.max() + 5, rows.max() + 5
    return Region(Entity.TEXT, x0, y0, x1, y1, 0.9)


def signature(image: np.ndarray, x: int, y: int, ink: tuple[int, int, int]) -> np.ndarray:
    turn = np.linspace(0, 6 * np.pi, 400)
    points = np.stack([x + 7 * turn, y + 20 * np.sin(turn) * np.cos(turn / 3)], axis=1)
    layer = np.full_like(image, 255)
    cv2.polylines(layer, [points.round().astype(np.int32)], False, ink, 2, cv2.LINE_AA)
    np.minimum(image, layer, out=image)
    return (layer < 200).any(axis=2)


def signed_page(shape: tuple[int, ...]) -> tuple[np.ndarray, list[Region], np.ndarray]:
    """Return a page with a signature, and where its words and that ink lie in an image."""
    sheet, lines = page()
    true = np.zeros(shape[:2], bool)
    true[300:700, 280:920] = signature(sheet, 420, 250, (0, 0, 0))
    words = [
        Region(Entity.TEXT, x + 280, each.y0 + 300, x + 280 + each.x1 / 2, each.y1 + 300, 0.9)
        for each in map(around, lines)
        for x in (each.x0, each.x1 / 2)
    ]
    return sheet, words, true


@pytest.mark.parametrize("ink", [(0, 0, 0), (30, 60, 200)])
def test_a_signature_is_found_beside_known_lines_and_these_are_not(ink: tuple[int, ...]) -> None:
    image, lines = page()
    true = signature(image, 420, 250, (ink[0], ink[1], ink[2]))
    strokes: np.ndarray = np.zeros(true.shape, np.uint8)
    for layer, colour in ((image, ink), (strokes, (1,))):  # they are covered in pieces
        for ends in (((630, 30), (570, 380)), ((30, 215), (400, 275))):
            cv2.line(layer, *ends, colour, 2)
    found = ink_of(image, [around(line) for line in lines])
    assert found[true].mean() > 0.99
    assert found[cv2.dilate(strokes, np.ones((5, 5), np.uint8)) > 0].all(), "with a margin"
    assert not any(found[line].any() for line in lines)
    assert found.mean() < 0.12
    on_a_negative = ink_of(255 - image, [around(line) for line in lines])
    assert on_a_negative[true].mean() > 0.99


def test_a_pale_stamp_on_clean_paper_is_found_and_on_a_photograph_it_is_not() -> None:
    """A stamp by 20 levels darker than its paper stayed visible: 32 were needed."""
    image = np.full((1000, 760), 250, np.uint8)
    true: np.ndarray = np.zeros(image.shape, np.uint8)
    for radius in (60, 40):
        cv2.circle(true, (380, 600), radius, (1,), 2)
    image[true > 0] -= 20
    for noise in (0, 1, 3):
        scanned = np.random.default_rng(0).normal(image, noise).clip(0, 255).round()
        found = ink_of(scanned.astype(np.uint8))
        assert found[true > 0].mean() > 0.99
        assert found.mean() < 0.05
    image[:200] = np.linspace(60, 200, 200)[:, None]
    lines = [box(Entity.TEXT, 40, 300 + 25 * row, 600, 20) for row in range(9)]
    assert not ink_of(image, lines).any(), "less paper: a pattern is as pale"


@pytest.mark.parametrize("label", [np.s_[100:400, 60:700], np.s_[600:1000, :]])
def test_dark_ink_on_the_light_part_of_a_dark_page_is_found(
    label: tuple[slice, slice],
) -> None:
    """A stamp on the label of a black folder stayed visible: only light ink was searched for."""
    image = np.full((1000, 760, 3), 12, np.uint8)
    image[label] = 250
    true = np.zeros(image.shape[:2], bool)
    true[label] = signature(image[label], 250, 150, (20, 20, 120))
    light = np.zeros(image.shape[:2], bool)
    light[450:590] = signature(image[450:590], 100, 70, (12, 12, 12))
    image[450:590] = np.where(light[450:590, :, None], np.uint8(240), np.uint8(12))
    found = ink_of(image)
    assert found[true].mean() > 0.99
    assert found[light].mean() > 0.99, "light ink on the dark part"
    assert found.mean() < 0.12


@pytest.mark.parametrize("paper", [(255, 225, 10), (255, 240, 0), (0, 200, 230), (230, 0, 140)])
def test_coloured_ink_on_paper_of_a_strong_colour_is_found(paper: tuple[int, ...]) -> None:
    """A red stamp on a yellow note stayed visible: neither has blue, and only that was searched."""
    image, lines = page()
    stamp = signature(image, 420, 250, (215, 40, 50))
    image = (image * (np.array(paper) / 255)).astype(np.uint8)
    found = ink_of(image, [around(line) for line in lines])
    assert found[stamp].mean() > 0.99
    assert found.mean() < 0.12
    sheet = np.full((1400, 1100, 3), 250, np.uint8)
    sheet[700:1100, 100:740] = image
    found = ink_of(sheet, [around(line) for line in lines])
    assert found[700:1100, 100:740][stamp].mean() > 0.99, "a note on a page"


def test_lines_that_no_detector_found_are_ink_and_rules_of_a_form_are_not() -> None:
    image, lines = page()
    cv2.line(image, (40, 210), (600, 210), (0, 0, 0), 2)
    cv2.rectangle(image, (20, 20), (620, 380), (0, 0, 0), 2)
    found = ink_of(image)
    assert all(found[line].mean() > 0.99 for line in lines)
    assert not found[209:212, 320:590].any()
    assert found[20:22, 100:500].mean() < 0.1


def test_a_fingerprint_is_found_where_its_ridges_are_blurred() -> None:
    image = np.full((1000, 760, 3), 245, np.uint8)
    true = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(true, (400, 600), (40, 52), 0, 0, 360, (1,), -1)
    image[true > 0] = 90
    assert ink_of(cv2.GaussianBlur(image, (0, 0), 3))[true > 0].mean() > 0.98


def test_tall_lines_make_no_document_and_small_ones_do() -> None:
    """Hair and folds of a photograph are found as a few tall lines."""
    image = np.repeat(np.linspace(90, 250, 900).astype(np.uint8)[:, None], 900, axis=1)
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    true = signature(image, 500, 450, (0, 0, 0))
    tall = [Region(Entity.TEXT, 9 + 20 * n, 9, 250 + 20 * n, 400, 0.9) for n in range(8)]
    small = [Region(Entity.TEXT, 9, 9 + 100 * n, 250, 60 + 100 * n, 0.9) for n in range(8)]
    assert not ink_of(image, tall).any()
    assert ink_of(image, small)[true].mean() > 0.9
    headline = Region(Entity.TEXT, 9, 9, 800, 159, 0.9)
    narrow = [Region(Entity.TEXT, 9, 200 + 80 * n, 200, 230 + 80 * n, 0.9) for n in range(8)]
    assert ink_of(image, [headline, *narrow])[true].mean() > 0.9


def test_initials_of_which_a_line_covers_the_most_are_found_whole() -> None:
    """The tail of a letter outside of its line was too short to be ink, and stayed visible."""
    image = np.full((1200, 900), 250, np.uint8)
    place = (700, 500), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.0, (30,), 2, cv2.LINE_AA
    cv2.putText(image, "jm", *place)
    true = image < 150
    low = int(np.nonzero(true)[0].min())
    line = Region(Entity.TEXT, 690, low - 4, 790, low + 20, 0.9)
    seen = covered(image.shape, [line])
    assert 0.6 < seen[true].mean() < 0.9
    assert (seen | ink_of(image, [line]))[true].all()
    image[low + 24 :] = 250
    assert not ink_of(image, [line]).any(), "letters that stick out a little"


def test_letters_that_no_line_explains_are_found_on_a_page_and_other_marks_are_not() -> None:
    page = np.full((1000, 800), 255, np.uint8)
    lines = [box(Entity.TEXT, 40, 40 + 30 * row, 200, 20) for row in range(9)]
    point, bullet, rule = np.s_[405:407, 300:304], np.s_[402:411, 302:311], np.s_[398:412, 300:301]

    def seen(image: np.ndarray, lines: Sequence[Region] = lines) -> np.ndarray:
        (found,) = InkDetector(Finds(*lines)).detect([image])
        return covered(image.shape, found)

    assert not seen(page).any()
    for text in ("No", "2", "y"):
        shown = page.copy()
        cv2.putText(shown, text, (300, 410), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,), 1, cv2.LINE_AA)
        found = seen(shown)
        assert found[shown < 200].all() and found.mean() < 0.01, text
        assert not seen(shown, [*lines, box(Entity.TEXT, 290, 390, 60, 30)]).any(), "in a line"
        hidden = box(Entity.BARCODE, 290, 390, 60, 30)
        searched = [*lines], [*lines, hidden], lines[:7]
        doubtful = [doubts.LETTERS in doubts.doubts_of(shown, each, ["text"]) for each in searched]
        assert doubtful == [True, False, False], "without a search for ink"
        assert doubts.LETTERS not in doubts.doubts_of(shown, lines, ["text", "ink"])
    large = cv2.resize(shown, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    scaled = [box(Entity.TEXT, *(2 * v for v in (r.x0, r.y0, 200, 20))) for r in lines]
    assert seen(large, scaled)[large < 200].all()
    for x, y in ((285, 385), (310, 385), (330, 420), (280, 420), (270, 400)):
        cv2.rectangle(shown, (x, y), (x + 1, y + 1), (0,), -1)
    assert not seen(shown).any(), "dust, one fleck of many"
    shown = page.copy()
    cv2.putText(shown, "y", (12, 410), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,), 1, cv2.LINE_AA)
    for y in (385, 390, 420):
        cv2.rectangle(shown, (3, y), (4, y + 1), (0,), -1)
    assert seen(shown)[410, 15], "three flecks at the edge of the page"
    for mark in (point, bullet, rule):
        shown = page.copy()
        shown[mark] = 0
        assert not seen(shown).any()
    shown = page.copy()
    cv2.line(shown, (300, 412), (318, 398), (0,), 1)
    assert not seen(shown).any(), "a stroke of a pen"


def test_dust_and_photographs_have_no_ink() -> None:
    image = np.full((1000, 760), 250, np.uint8)
    rows, columns = (np.random.default_rng(0).integers(0, side, 400) for side in image.shape)
    for row, column in zip(rows, columns, strict=True):
        image[row : row + 2, column : column + 2] = 20
    assert not ink_of(image).any()
    dots = np.random.default_rng(0).integers(0, 5, (60, 60)) // 4 * 230 + 20
    image[300:540, 200:440] = np.kron(dots, np.ones((4, 4)))
    assert not ink_of(image).any(), "a printed picture"
    for number in range(4):
        image = portraits.draw(number, str(number), 0).image
        assert not ink_of(image).any()
        few = [Region(Entity.TEXT, 5, 5 + 9 * n, 60, 12 + 9 * n, 0.9) for n in range(3)]
        assert not ink_of(image, few).any()


@pytest.mark.parametrize(("brightest", "far"), [(60, 1.0), (180, 1.0), (100, 0.5)])
def test_page_that_is_a_part_of_a_photograph_is_searched_alone(brightest: int, far: float) -> None:
    """Letters in the boxes of a form are no line of text, and stayed visible on every desk."""
    image = np.random.default_rng(0).integers(0, brightest, (90, 120, 3), np.uint8)
    image = cv2.resize(image, (1200, 903), interpolation=cv2.INTER_CUBIC)
    sheet, on_it, true = signed_page(image.shape)
    cv2.rectangle(sheet, (480, 20), (620, 80), (8, 8, 8), -1)  # a logo as black as the desk
    on_it[-1] = Region(Entity.TEXT, 750, 310, 910, 390, 0.9)
    on_it.append(Region(Entity.TEXT, 9, 902, 50, 903, 0.9))  # of lettering that the edge cuts
    image[300:700, 280:920] = sheet * np.linspace(1, far, 640)[:, None]  # light from the left
    cable = np.array([(279, 500), (9, 9), (9, 890)])  # touches the page, and is as white
    cv2.polylines(image, [cable], False, (255, 255, 255), 7)
    found = ink_of(image, on_it)
    assert found[true].mean() > 0.95
    assert found.mean() < 0.03
    assert not ink_of(image, on_it[:3]).any()


@pytest.mark.parametrize("brightness", [1.0, 0.6])
def test_page_is_searched_on_a_desk_of_its_brightness_and_in_shadow(brightness: float) -> None:
    grain = 45 * np.sin(np.arange(1200) / 12)[:, None]
    image = np.tile(np.array([205, 145, 115]) + grain, (900, 1, 1))  # wood: its luma is 160
    sheet, on_it, true = signed_page(image.shape)
    image[300:700, 280:920] = sheet * brightness
    if brightness == 1:
        image[:, 450:650] *= 0.6
    found = ink_of(image.astype(np.uint8), on_it)
    assert found[true].mean() > 0.95
    assert found.mean() < 0.03


def test_signature_among_the_lines_of_a_card_in_a_photograph_is_found() -> None:
    """Identity cards have no colour of paper: on tables, their signatures stayed visible."""
    wide = np.random.default_rng(0).integers(0, 60, (90, 240, 3), np.uint8)
    wide = cv2.resize(wide, (2400, 900), interpolation=cv2.INTER_CUBIC)
    image = wide[:, 1200:]
    sheet, on_it, true = signed_page(image.shape)
    for left, tint in ((0, (1, 1, 1)), (220, (0.3, 0.7, 0.8)), (430, (0.9, 0.6, 0.3))):
        image[300:700, 280 + left : 920] = sheet[:, left:] * np.array(tint)
    on_it += [Region(Entity.TEXT, 840, y, 910, y + 20, 0.9) for y in (320, 640)]
    assert ink_of(image, on_it[1:])[true].mean() < 0.5, "too few lines"
    found = ink_of(wide, [replace(each, x0=each.x0 + 1200, x1=each.x1 + 1200) for each in on_it])
    assert found[:, 1200:][true].mean() > 0.95
    assert found.mean() < 0.03
    wall = cv2.copyMakeBorder(image, 450, 450, 600, 600, cv2.BORDER_REFLECT)
    signs = [box(Entity.TEXT, x, y, 60, 20) for x in range(9, 2400, 600) for y in (9, 1700)]
    assert not ink_of(wall, signs).any(), "lettering far apart"


@pytest.mark.slow
def test_ink_of_real_documents_is_covered() -> None:
    """Nine tenths of what people wrote, signed, stamped and pressed; half of it in every place."""
    boxes = defaultdict(list)
    with BOXES.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = tuple(int(row[name]) for name in ("x0", "y0", "x1", "y1"))
            boxes[row["image"]].append((row["kind"], place))
    paths = [p for folder in ("id", "rvl_cdip/images") for p in (SHARED / folder).rglob("*")]
    images = {hashlib.sha256(p.read_bytes()).hexdigest()[:12]: p for p in paths if p.is_file()}
    if not boxes.keys() <= images.keys():
        pytest.skip("the images of ../shared/data/id and rvl_cdip are not here")
    names = [name for name in LOOKED_FOR if name in ("ppocr", "ink")]
    detectors = build_all(names, Detection.model_validate(covering()))
    shares = defaultdict(list)
    for name, places in [*boxes.items()][1::3]:
        image = read_image(images[name])
        found = [region for each in detectors.values() for region in each.detect([image])[0]]
        hidden = covered(image.shape, found)
        dark = image if image.ndim == 2 else image.min(axis=2)
        for kind, (x0, y0, x1, y1) in places:
            part = np.ascontiguousarray(dark[y0:y1, x0:x1])
            ink = cv2.threshold(part, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1] > 0
            shares[kind].append(hidden[y0:y1, x0:x1][ink].mean())
    assert np.mean([share for each in shares.values() for share in each]) > 0.95
    assert min(np.mean(each) for each in shares.values()) > 0.9
    assert min(min(each) for each in shares.values()) > 0.45


ALL = [str(entity) for entity in Entity]


def noise(height: int = 120, width: int = 160) -> np.ndarray:
    """Grey levels from 0 to 255, without edges in colour only."""
    return np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)


def box(entity: Entity, x0: float, y0: float, width: float, height: float, score: float = 0.9):
    return Region(entity, x0, y0, x0 + width, y0 + height, score)


FACE = box(Entity.FACE, 10, 10, 40, 50)


def of(
    image: np.ndarray, *regions: Region, kinds: list[str] = ALL, speed: str = "thorough"
) -> list[str]:
    return doubts.doubts_of(image, regions, kinds, speed)


def test_doubts_are_outside_of_the_measured_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(noise(), FACE) == []
    assert of(np.full((60, 60), 200, np.uint8)) == [], "a blank page shows nothing"
    assert of(noise() // 2, FACE) == [doubts.FEW_LEVELS]
    assert of(noise() // 2 * 2, FACE) == []
    for side, expected in ((23, [doubts.SMALL_FACES]), (24, [])):
        assert of(noise(), FACE, box(Entity.FACE, 90, 60, side, 30)) == expected
    weak = box(Entity.FACE, 10, 10, 40, 50, 0.5)
    assert of(noise(), weak) == [doubts.WEAK_ONLY]
    assert of(noise(), weak, FACE) == []
    wide = np.tile(noise(), (1, 13, 1)[: noise().ndim])
    for speed, expected in (("single", [doubts.ONCE]), ("quick", [])):
        assert of(wide, FACE, speed=speed) == expected
    assert of(wide[:, :2000], FACE, speed="single") == []
    monkeypatch.setattr(doubts, "MOST_PIXELS", 120 * 160 - 1)
    assert of(noise(), FACE) == [doubts.LARGE]


def test_a_nearly_black_image_is_refused_and_few_levels_are_spread_for_a_person() -> None:
    """A scan of 10 bits in 16: what it shows is in sight as soon as someone brightens it."""
    search, dark = Search(["zxing"], Detection()), noise() // 8
    for image, refused in ((dark, True), (noise() // 4, False), (np.zeros_like(dark), False)):
        with pytest.raises(DetectorFailed, match="nearly black") if refused else nullcontext():
            search(image)
    assert doubts.grey_range(doubts.seen_clearly(noise() // 4)) == [0, 255]
    assert np.array_equal(doubts.seen_clearly(noise()), noise())


def test_a_page_without_a_sharp_edge_is_doubtful() -> None:
    page = np.full((400, 600), 230, np.uint8)
    for row in range(8):
        place = (20, 40 + 45 * row)
        cv2.putText(page, "Maria 4711", place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0,), 2, cv2.LINE_AA)
    for sigma, expected in ((0.5, []), (1, []), (3, [doubts.BLURRED])):
        blurred = cv2.GaussianBlur(page, (0, 0), sigma)
        assert of(np.clip(1.4 * blurred.astype(int) - 100, 0, 255).astype(np.uint8)) == expected


def test_lines_out_of_focus_in_a_sharp_photograph_are_doubtful() -> None:
    photograph = noise(400, 600)
    photograph[100:300, 100:500] = 220
    for row in range(3):
        place = (120, 150 + 50 * row)
        cv2.putText(photograph, "Maria 4711", place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0,), 2)
    lines = [box(Entity.TEXT, 115, 125 + 50 * row, 180, 30) for row in range(3)]
    assert of(photograph, FACE, *lines) == []
    blurred = photograph.copy()
    blurred[120:280, 110:480] = cv2.GaussianBlur(photograph[120:280, 110:480], (0, 0), 3)
    assert of(blurred, FACE, *lines) == [doubts.BLURRED]
    assert of(blurred, FACE, *lines[:2]) == [], "a sign behind a person"


def screen(image: np.ndarray, periods: tuple[float, float], angle: float = 0.3) -> np.ndarray:
    """Draw the grid of a screen's pixels on a photograph of it."""
    y, x = np.indices(image.shape[:2])
    ways = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    waves = (np.sin(2 * np.pi * way / each) for way, each in zip(ways, periods, strict=True))
    light = 0.76 + 0.12 * sum(waves)
    return (image * light.reshape(light.shape + (1,) * (image.ndim - 2))).astype(np.uint8)


def test_a_photographed_screen_is_doubtful_and_a_page_with_a_pattern_is_not() -> None:
    page = np.full((600, 600), 230, np.uint8)
    page[:, :200] = noise(600, 200)
    assert of(page, FACE) == []
    assert of(screen(page, (2.2, 2.4)), FACE) == [doubts.SCREEN]
    assert of(screen(page, (5.1, 5.3)), FACE) == [doubts.SCREEN]
    assert of(screen(page, (40, 45)), FACE) == [], "as coarse as lines of text"
    part = page.copy()
    part[450:, :250] = screen(page, (2.2, 2.4))[450:, :250]
    assert of(part, FACE) == [], "a printed picture"
    blinds = screen(page, (3.1, 1e9))
    assert of(blinds, FACE) == [], "in one direction only"


@pytest.mark.parametrize("is_ordered", [False, True])
@pytest.mark.parametrize("side", [300, 900])
def test_a_dithered_card_is_doubtful_and_a_page_of_two_levels_is_not(
    is_ordered: bool, side: int
) -> None:
    card = np.full((side, side), 210, np.uint8)
    for y in range(30, side, 30):
        cv2.putText(card, "Erika Mustermann", (9, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60,))
    bayer = np.array(
        [[8, 136, 40, 168], [200, 72, 232, 104], [56, 184, 24, 152], [248, 120, 216, 88]]
    )

    def dithered(grey: np.ndarray) -> np.ndarray:
        if is_ordered:
            return np.where(grey > np.tile(bayer, (side // 4, side // 4)), 255, 0).astype(np.uint8)
        return np.asarray(Image.fromarray(grey).convert("1")) * np.uint8(255)

    assert of(dithered(card), FACE) == [doubts.SCREEN]
    assert of(cv2.threshold(card, 128, 255, cv2.THRESH_BINARY)[1], FACE) == []
    stamp = np.full_like(card, 255)
    stamp[: side // 5, : side // 5] = card[: side // 5, : side // 5]
    assert of(dithered(stamp), FACE) == [], "a small picture on a page"


def test_heights_of_lines() -> None:
    lines = [box(Entity.TEXT, 60, 10 * n, 50, 9) for n in range(9)]
    speck, slanted = box(Entity.TEXT, 0, 0, 6, 6), (60.0, 0.0, 90.0, 30.0, 85.0, 35.0, 55.0, 5.0)
    assert of(noise(), FACE, *lines, speck) == [], "one of ten is a speck"
    assert of(noise(), FACE, *lines, speck, speck) == [doubts.LOW_LINES]
    line = Region(Entity.TEXT, 55.0, 0.0, 90.0, 35.0, 0.9, slanted)
    assert of(noise(), FACE, line) == [doubts.LOW_LINES], "7 pixels, though its box has 35"
    assert of(noise(450, 450), FACE, box(Entity.TEXT, 0, 0, 450, 410)) == [doubts.HIGH_LINES]


def test_text_without_a_face_is_doubtful_in_a_photograph_and_not_on_paper() -> None:
    line = box(Entity.TEXT, 20, 100, 60, 12)
    assert of(noise(), line) == [doubts.TEXT_ONLY]
    assert of(noise(), line, box(Entity.INK, 5, 60, 60, 20)) == [doubts.TEXT_ONLY], "ink is no face"
    assert of(noise(), line, FACE) == of(noise(), line, box(Entity.BARCODE, 0, 0, 30, 30)) == []
    assert of(noise(), line, kinds=["text"]) == [], "faces were not searched for"
    paper = np.full((120, 160), 240, np.uint8)
    paper[60:] = noise()[60:]
    assert of(paper, line) == [doubts.TEXT_ONLY], "half of it is paper"
    paper[60:80] = 240
    assert of(paper, line) == []
    assert of(noise(), box(Entity.TEXT, 0, 0, 160, 19)) == [], "so much of it is text"


def test_lines_in_two_colours_of_one_grey_level() -> None:
    image = Image.new("RGB", (300, 200), (200, 60, 60))
    ImageDraw.Draw(image).text((40, 80), "Erika Mustermann", fill=(40, 141, 60), font_size=24)
    for each in (image, image.convert("L")):
        pixels = np.asarray(each).copy()
        pixels[0, 0] = 255
        assert (doubts.COLOUR_ONLY in of(pixels, FACE)) is (each is image)
        assert doubts.COLOUR_ONLY not in of(pixels, FACE, box(Entity.TEXT, 35, 75, 220, 35))


def test_a_large_fingerprint_is_doubtful_until_it_is_hidden() -> None:
    """It is a printed picture to `ink`, or its page is no document. 300 of 700 pixels are rings."""
    down, across = np.mgrid[:700, :600] - np.array([350, 300])[:, None, None]
    far = np.hypot(down, across)
    rings = np.where(far < 150, 128 + 100 * np.sin(far * 0.7), 240).astype(np.uint8)
    stripes = np.where(far < 150, 128 + 100 * np.sin(across * 0.7), 240).astype(np.uint8)
    few = np.where(far < 150, 128 + 100 * np.sin(far * 0.15), 240).astype(np.uint8)
    small = np.where(far < 40, rings, np.uint8(240))
    arcs = 128 + 100 * np.sin(np.hypot(down + 190, across) * 0.7)
    palm = np.where(far < 150, arcs, 240).astype(np.uint8)  # whose ridges do not go all ways
    doubtful, others = (rings, palm), (stripes, few, small)
    for image in doubtful + others:
        assert (doubts.RIDGES in of(image, FACE)) is any(image is each for each in doubtful)
    assert doubts.RIDGES in of(palm, FACE, box(Entity.INK, 150, 200, 300, 230)), "a strip is left"
    assert doubts.RIDGES in of(rings.repeat(3, 0).repeat(3, 1), FACE)
    assert doubts.RIDGES not in of(rings, FACE, box(Entity.INK, 150, 200, 300, 300))


def test_a_search_says_its_views_and_doubts() -> None:
    search = Search(["zxing", "boxes"], Detection())
    found = search.searched(noise(300, 400))
    assert found.how["grey"] == [0, 255] and found.how["doubts"] == []
    assert found.how["views"] == {
        "zxing": {"scales": [2.0, 1.0], "tiles": [1, 1], "turns": [0, 30, 60]}
    }
    views = Views(Finds(), Reach(whole=100, tile=80, overlap=10)).views((150, 400, 3))
    assert views == {"scales": [1.0, 0.5, 0.25], "tiles": [12, 3, 1], "turns": [0]}
