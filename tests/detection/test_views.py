"""Search at several scales and in tiles: large faces and small lines of large images are found."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn_text import Looks, covered
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from anonbench.config.detectors import Detection, covering
from anonbench.core.boxes import Region, rectangle
from anonbench.core.vocabulary import Entity
from anonbench.detection import views
from anonbench.detection.base import clipped, united
from anonbench.detection.doubts import FEW_LEVELS, doubts_of
from anonbench.detection.search import build
from anonbench.detection.text_search import slant_of
from anonbench_demo import portraits

REACH = views.Reach(whole=300, tile=200, overlap=40, least=50)
EMPTY = np.zeros((900, 1200), np.uint8)


def quad(x0: float, y0: float, x1: float, y1: float, turn: float = 0.0) -> Region:
    """Return a line of text about the centre of a box, turned by degrees."""
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    corners = rectangle(x0, y0, x1, y1) - centre
    cos, sin = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    moved_corners = corners @ np.array([[cos, sin], [-sin, cos]]) + centre
    low, high = moved_corners.min(axis=0), moved_corners.max(axis=0)
    return Region(Entity.TEXT, *low, *high, 0.5, tuple(moved_corners.ravel()))  # type: ignore[arg-type]


def face(x0: float, y0: float, x1: float, y1: float, score: float = 0.5) -> Region:
    return Region(Entity.FACE, x0, y0, x1, y1, score)


def around(mask: np.ndarray) -> list[Region]:
    if not mask.any():
        return []
    rows, columns = np.nonzero(mask)
    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return [face(*map(float, ends))]


def drawn(regions: Sequence[Region]) -> np.ndarray:
    return covered(EMPTY.shape, list(regions))


@given(st.integers(1, 1500), st.integers(1, 1500))
def test_tiles_cover_each_scale_and_the_last_scale_is_one_piece(height: int, width: int) -> None:
    sizes = views.scales((height, width), REACH)
    assert sizes[0] == (height, width)
    assert len(views.tiles(sizes[-1], REACH)) == 1
    for size in sizes:
        seen = np.zeros(size, np.uint8)
        parts = views.tiles(size, REACH)
        for rows, columns in parts:
            assert 0 <= rows.start < rows.stop <= size[0] and columns.stop <= size[1]
            assert (
                len(parts) == 1 or max(rows.stop - rows.start, columns.stop - columns.start) <= 200
            )
            seen[rows, columns] += 1
        assert seen.all()


@pytest.mark.parametrize("shape", [(1, 5000), (9000, 2, 3)])
def test_an_image_may_be_a_line(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert FEW_LEVELS not in doubts_of(image, [], ["face", "text"])
    assert build("centerface", Detection()).detect([image]) == [[]]


def test_a_region_of_any_scale_and_tile_is_in_pixels_of_the_image() -> None:
    image = EMPTY.copy()
    image[640:700, 810:930] = 255
    search = views.Views(Looks(lambda seen: around(seen > 127)), REACH)
    (one,) = search.detect([image])[0]
    assert (one.x0, one.y0, one.x1, one.y1) == pytest.approx((810, 640, 930, 700), abs=8)
    assert drawn([one])[640:700, 810:930].all()
    small = image[600:740, 780:870]  # once: nothing of it is smaller than the least scale
    assert search.detect([small, image])[1] == [one]


def standing(least: int = 1) -> Looks:
    """Finds the bright rectangle of an image if it stands; with a low score if it is small."""

    def look(image: np.ndarray) -> list[Region]:
        (found,) = around(image > 127)
        height = found.y1 - found.y0
        score = 1.0 if height >= least else 0.1
        return [replace(found, score=score)] if height >= found.x1 - found.x0 else []

    return Looks(look)


@pytest.mark.parametrize("turn", views.ALL_TURNS)
def test_a_turned_view_has_a_way_back_for_boxes_and_corners(turn: int) -> None:
    image = np.zeros((120, 200), np.uint8)
    image[30:50, 80:150] = 255
    view, back = views.turned(image, turn)
    assert (view == np.rot90(image, turn // 90)).all()
    (seen,) = around(view > 0)
    box, line = (
        views.moved(each, back) for each in (seen, quad(seen.x0, seen.y0, seen.x1, seen.y1))
    )
    for each in (box, line):
        assert (each.x0, each.y0, each.x1, each.y1) == (80, 30, 150, 50)
    first = ((80, 30), (150, 30), (150, 50), (80, 50))[turn // 90]
    assert box.quad is None and line.quad is not None and line.quad[:2] == first


def test_what_stands_on_its_side_is_found_in_a_turned_view() -> None:
    image = np.zeros((200, 260), np.uint8)
    image[100:120, 60:100] = 255
    assert views.Views(standing(), views.Reach(300, 200, 40)).detect([image]) == [[]]
    reach = views.Reach(300, 200, 40, turns=views.ALL_TURNS)
    (found,) = views.Views(standing(), reach).detect([image])[0]
    assert (found.x0, found.y0, found.x1, found.y1) == (60, 100, 100, 120)
    assert views.Views(standing(), replace(reach, upright=200 * 260 - 1)).detect([image]) == [[]]


def test_a_small_region_of_low_score_is_searched_for_again_at_full_size() -> None:
    image = np.zeros((600, 800), np.uint8)
    image[300:336, 404:422] = 255
    second = views.SecondLook(below=20, score=0.5)
    reach = views.Reach(1000, 1000, 40, halved=400, second=second)
    sharp = standing(least=30)  # at half size it is 18 pixels high, and doubtful
    (found,) = views.Views(sharp, reach).detect([image])[0]
    assert (found.x0, found.y0, found.x1, found.y1) == (404, 300, 422, 336)
    assert sharp.shapes == [(300, 400), (128, 128)]
    assert views.Views(standing(least=40), reach).detect([image]) == [[]]
    lower = replace(reach, second=views.SecondLook(below=10, score=0.5))
    assert views.Views(standing(least=30), lower).detect([image]) == [[]]
    # a score of 0.1 is too low for it, unless turned objects are searched upright
    surer = replace(reach, second=views.SecondLook(below=20, score=0.5, unsure=0.2))
    assert views.Views(standing(least=30), surer).detect([image]) == [[]]
    upright = replace(surer, turns=views.ALL_TURNS, upright=600 * 800 - 1)
    assert len(views.Views(standing(least=30), upright).detect([image])[0]) == 1


def test_what_lies_in_a_sure_region_is_not_searched_for_again() -> None:
    """Not what lies above, below or beside it."""
    small = [face(x, y, x + 9, y + 9, 0.2) for x, y in ((340, 240), (340, 40), (40, 240))]
    look = Looks(lambda seen: [face(300, 200, 500, 400, 0.9), *small] if len(seen) > 128 else [])
    reach = views.Reach(1000, 1000, 40, second=views.SecondLook(below=20, score=0.5))
    image = np.zeros((600, 800), np.uint8)
    assert len(views.Views(look, reach).detect([image])[0]) == 1
    assert look.shapes == [image.shape, (128, 128), (128, 128)]


REGIONS = st.builds(
    quad,
    st.integers(100, 500),
    st.integers(100, 500),
    st.integers(520, 700),
    st.integers(520, 560),
    st.sampled_from([0.0, 3.0, -45.0, 90.0]),
)


@given(st.lists(REGIONS, max_size=8))
def test_united_regions_cover_all_that_was_found_in_any_order(regions: list[Region]) -> None:
    found = united(regions, EMPTY)
    assert not (
        drawn(regions) & ~cv2.dilate(drawn(found).astype(np.uint8), np.ones((3, 3))) > 0
    ).any()
    assert united(regions[::-1], EMPTY) == found
    assert len(found) <= len(regions)


def test_parts_of_a_line_become_one_and_neighbours_stay() -> None:
    for turn in (0.0, 0.4):
        line = [quad(100, 100, 420, 130, turn), quad(380, 101, 700, 131, turn)]
        (whole,) = united([*line, quad(150, 104, 300, 126, turn)], EMPTY)
        assert whole.x0 <= 101 and whole.x1 >= 699 and whole.y1 - whole.y0 < 40
        below = quad(100, 128, 700, 158, turn)
        assert len(united([*line, below], EMPTY)) == 2
    beside = [face(100, 100, 200, 220), face(190, 100, 290, 220)]
    assert len(united(beside, EMPTY)) == 2
    nose = face(140, 150, 160, 180, 0.9)
    assert united([beside[0], nose], EMPTY) == [face(100, 100, 200, 220, 0.9)]
    others = [beside[0], face(120, 96, 222, 200)]
    assert sorted(united(others, EMPTY), key=str) == sorted(others, key=str)


@pytest.mark.slow
def test_a_face_is_covered_at_the_size_of_a_telephones_photograph() -> None:
    image = portraits.draw(0, "someone", 0).image
    small = build("centerface", Detection())
    once = build("centerface", Detection(speed="single"))
    true = max(small.detect([image])[0], key=lambda region: region.score)
    factor = 8
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)

    box = [factor * side for side in (true.x0, true.y0, true.x1, true.y1)]
    whole = covered(large.shape, [face(*box)])
    found = [covered(large.shape, each.detect([large])[0]) for each in (once, small)]
    assert found[0][whole].mean() < 0.75 and found[1][whole].mean() > 0.85


@pytest.mark.slow
def test_lines_of_a_long_screenshot_are_found() -> None:
    image = np.full((5000, 800), 255, np.uint8)
    places = range(100, 4900, 120)
    for number, y in enumerate(places):
        text = f"message {number} of a long talk"
        cv2.putText(image, text, (60, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 0, 1, cv2.LINE_AA)

    (regions,) = build("ppocr", Detection()).detect([image])
    middles = [y - 10 for y in places]
    assert all(any(r.y0 < y < r.y1 and r.x0 < 80 for r in regions) for y in middles)


@pytest.mark.slow
def test_small_print_of_a_small_card_is_found_at_double_size() -> None:
    image = np.full((440, 340), 235, np.uint8)
    font = ImageFont.load_default(5)
    page = Image.fromarray(image)
    true = np.zeros(image.shape, bool)
    for number in range(20):
        box = (20, 15 + 20 * number, "Mustermann Erika 12.08.1964 Berlin")
        ImageDraw.Draw(page).text(box[:2], box[2], font=font, fill=60)
        x0, y0, x1, y1 = map(round, ImageDraw.Draw(page).textbbox(box[:2], box[2], font=font))
        true[y0:y1, x0:x1] = True
    shares = []
    for speed in ("thorough", "single"):
        detector = build("ppocr", Detection.model_validate(covering({"speed": speed})))
        shares.append(covered(image.shape, detector.detect([np.asarray(page)])[0])[true].mean())
    assert shares[0] > 0.97 > shares[1]


def test_a_code_beside_a_slanted_one_is_no_part_of_it() -> None:
    """It lies in the rectangle around the other, and not in the other itself."""
    image = np.zeros((400, 400), np.uint8)
    slanted = np.array([(0, 0), (400, 0), (400, 10), (10, 400)], float)
    beside = np.array([(300, 300), (380, 300), (380, 380), (300, 380)], float)
    inside = beside - 250
    *codes, part = clipped(Entity.BARCODE, [slanted, beside, inside], [1.0] * 3, image)
    assert united([*codes, part], image) == codes


def test_each_scale_is_searched_though_nothing_was_found_at_the_one_before() -> None:
    blind = Looks(lambda _: [])
    assert views.Views(blind, REACH).detect([EMPTY]) == [[]]
    assert {(225, 300), (113, 150), (57, 75)} <= {*blind.shapes}


def test_an_image_turned_as_a_whole_is_searched_in_tiles() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 330), np.uint8)
    pixels = cv2.GaussianBlur(noise, (0, 0), 2.0)
    whole, back = views.turned(pixels, 35)
    reach = views.Reach(whole=150, tile=100, overlap=20)
    expected = [
        (whole[rows, columns], back @ (columns.start, rows.start, 1))
        for rows, columns in views.tiles(whole.shape, reach)
    ]
    expected = [pair for pair in expected if (pair[0] < 255).any()]
    found = [*views.turned_tiles(pixels, (480, 660), 35, reach)]
    found = [view for view in found if (view.pixels < 255).any()]
    for (part, corner), view in zip(expected, found, strict=True):
        assert np.abs(part.astype(int) - view.pixels).max() <= 8
        assert view.back == pytest.approx(2 * np.column_stack([back[:, :2], corner]))


@pytest.mark.parametrize("degrees", [-80, -45, 8, 60, 100])
def test_the_slant_of_lines_is_told_by_the_lines(degrees: int) -> None:
    level = [quad(100, 100 + 40 * n, 400, 120 + 40 * n, degrees / 300) for n in range(9)]
    lines = [quad(100, 100 + 40 * n, 400, 120 + 40 * n, -degrees + n % 3) for n in range(4)]
    specks = [quad(500, 100 + 40 * n, 520, 115 + 40 * n, 20) for n in range(30)]
    slant = slant_of([*level, *lines, *specks], [])
    assert slant is not None
    assert (slant - degrees + 90) % 180 - 90 == pytest.approx(-0.75)  # the mean of 0, -1, -2, 0
    assert slant_of([*level, *lines[:2], *specks], []) is None
    assert slant_of([*level, *lines], [slant]) is None
    assert slant_of([], []) is None
