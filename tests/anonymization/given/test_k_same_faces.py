"""Faces as k-same cuts them out and replaces them: nothing of a region stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.anonymization.geometry import cover, extent, framed
from anonbench.anonymization.given.k_same_faces import (
    HEIGHT,
    MASKED,
    POINTS,
    WIDTH,
    align_face,
    draw_averages,
    sort_regions,
)
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity

SETTINGS = Anonymization()
SHAPE = (90, 80, 3)


def face(*box: float, quad: tuple[float, ...] | None = None) -> Region:
    return Region(Entity.FACE, *box, 1.0, quad)  # type: ignore[misc,arg-type]


def noise(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def average(seed: int) -> np.ndarray:
    return noise(seed, (HEIGHT, WIDTH, 3))


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    x, y = draw(st.floats(-30, 85)), draw(st.floats(-30, 95))
    box = (x, y, x + draw(st.floats(0.3, 70)), y + draw(st.floats(0.3, 70)))
    entity = draw(st.sampled_from([Entity.FACE, Entity.FACE, Entity.TEXT]))
    slanted = draw(st.booleans())
    x0, y0, x1, y1 = box
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    quad = (middle_x, y0, x1, middle_y, middle_x, y1, x0, middle_y) if slanted else None
    return Region(entity, *box, draw(st.floats(0, 1)), quad)


@given(
    st.lists(boxes(), min_size=1, max_size=5),
    st.sampled_from([1.0, 1.3, 7.0]),
    st.booleans(),
    st.booleans(),
)
def test_no_pixel_of_any_region_is_the_originals(
    regions: list[Region], margin: float, only_largest: bool, colour: bool
) -> None:
    settings = Anonymization(margin=margin)
    one = noise(0, SHAPE[: 2 + colour])
    found = sort_regions(regions, one.shape, only_largest)
    hidden = framed([*regions, *found.faces], one.shape, settings)
    other = one.copy()
    other[hidden] = 255 - other[hidden]
    averages = [average(number) for number in range(len(found.faces))]
    drawn = draw_averages(one, found, averages, settings)
    assert drawn.shape == one.shape and drawn.dtype == np.uint8
    assert np.array_equal(drawn, draw_averages(other, found, averages, settings))
    assert np.array_equal(drawn[~hidden], one[~hidden])
    assert (drawn[framed(found.masked, one.shape, settings)] == MASKED).all()


@given(st.integers(0, 10), st.integers(0, 10), st.floats(0.05, 0.9))
def test_boxes_of_one_size_get_the_same_pixels(right: int, down: int, part: float) -> None:
    """Wherever they are, whatever is around them, and where the border cuts one off."""
    one = sort_regions([face(5 + part, 7, 40 + part, 55.5)], SHAPE)
    moved = sort_regions([face(5 + right + part, 7 + down, 40 + right + part, 55.5 + down)], SHAPE)
    drawn, other = (
        draw_averages(noise(seed), found, [average(9)], SETTINGS)[area.window]
        for seed, found in enumerate((one, moved))
        if (area := cover(found.faces[0], SHAPE)) is not None
    )
    assert np.array_equal(drawn, other)


def test_a_face_at_the_border_shows_its_part_of_the_average() -> None:
    inside, cut = face(20, 20, 60, 70), face(-20, -25, 20, 25)
    whole, rest = (
        draw_averages(noise(1), sort_regions([each], SHAPE), [average(3)], SETTINGS)
        for each in (inside, cut)
    )
    off = whole[45:70, 40:60].astype(int) - rest[:25, :20]
    assert np.abs(off).max() <= 1  # of rounding
    assert extent(cut) == (-20, -25, 20, 25)


def test_of_faces_that_overlap_the_largest_is_seen() -> None:
    found = sort_regions([face(30, 30, 50, 60), face(5, 5, 40, 50)], SHAPE)
    assert [each.x0 for each in found.faces] == [5, 30]
    plain = [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (200, 90)]
    drawn = draw_averages(noise(1), found, plain, SETTINGS)
    assert (drawn[5:50, 5:40] == 200).all() and (drawn[50:60, 30:50] == 90).all()


def test_boxes_of_one_face_are_one() -> None:
    """As two detectors find it; else it would be averaged with itself."""
    boxes = [face(10, 10, 40, 50), face(12, 14, 44, 52), face(60, 60, 70, 72), face(9, 8, 25, 30)]
    (one, other) = sort_regions(boxes, SHAPE).faces
    assert (one.x0, one.y0, one.x1, one.y1) == (9, 8, 44, 52)
    assert (other.x0, other.y1) == (60, 72)
    assert sort_regions([face(5.2, 5, 5.2, 9), face(40, 40, 70, 80)], SHAPE).faces[0].x0 == 40


def test_only_the_largest_is_a_persons() -> None:
    boxes = [face(60, 60, 70, 72), face(10, 10, 40, 50), face(200, 10, 300, 90)]
    found = sort_regions([*boxes, Region(Entity.TEXT, 0, 0, 9, 9, 1.0)], SHAPE, only_largest=True)
    assert [each.x0 for each in found.faces] == [10]
    assert sorted(each.x0 for each in found.masked) == [0, 60]


@pytest.mark.parametrize("margin", [1.0, 1.5])
@pytest.mark.parametrize("colour", [True, False])
def test_eyes_nose_and_mouth_come_to_one_place(margin: float, colour: bool) -> None:
    """A bright nose on a dark face, turned and scaled."""
    image = np.full((400, 400, 3)[: 2 + colour], 20, np.uint8)
    turn = np.array([(0.9, -0.3), (0.3, 0.9)]) * 1.4
    points = (POINTS - 0.5) * (WIDTH, HEIGHT) @ turn.T + 200
    x, y = points[2].round().astype(int)
    image[y - 6 : y + 7, x - 6 : x + 7] = 255
    settings = Anonymization(margin=margin)
    own = face(110, 90, 290, 310)
    aligned = align_face(image, own, points, [], settings)
    assert aligned.shape == (HEIGHT, WIDTH, 3)
    rows, columns, _ = np.nonzero(aligned > 130)
    nose = 0.5 + (POINTS[2] - 0.5) / margin
    np.testing.assert_allclose(columns.mean(), nose[0] * WIDTH, atol=1.5)
    np.testing.assert_allclose(rows.mean(), nose[1] * HEIGHT, atol=1.5)


def test_beside_the_box_nothing_is_seen_nor_what_is_masked_in_it() -> None:
    own, line = face(20, 20, 60, 70), Region(Entity.TEXT, 30, 60, 80, 68, 1.0)
    points = (POINTS * (40, 50)) + 20
    one = noise(2)
    other = one.copy()
    outside = framed([own], SHAPE, SETTINGS)
    other[~outside] = 0
    other[60:68, 30:] = 77
    first, second = (align_face(each, own, points, [line], SETTINGS) for each in (one, other))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, align_face(other, own, points, [], SETTINGS))
