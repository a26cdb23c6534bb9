"""Faces of k-same: nothing of a region is left, and an average is all that is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.anonymization.given.k_same_faces import (
    HEIGHT,
    POINTS,
    WIDTH,
    align_face,
    draw_averages,
    sort_regions,
)
from anonbench.config import Anonymization
from anonbench.core.boxes import Region

PLAIN = Anonymization()
AVERAGES = np.random.default_rng(9).integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
SIDES = st.floats(-20, 80, allow_nan=False)


def picture(colour: bool = True) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (60, 50, 3)[: 2 + colour], dtype=np.uint8)


def face(*box: float) -> Region:
    return Region("face", *box, 0.9)


@st.composite
def faces(draw: st.DrawFn) -> list[Region]:
    boxes = draw(st.lists(st.tuples(SIDES, SIDES, st.floats(1, 60), st.floats(1, 60)), max_size=4))
    kinds = draw(st.lists(st.sampled_from(["face", "text"]), min_size=4, max_size=4))
    return [
        Region(kind, x, y, x + w, y + h, 0.5)
        for kind, (x, y, w, h) in zip(kinds, boxes, strict=False)
    ]


def inside(regions: list[Region], margin: float = 1.0) -> np.ndarray:
    """Return the pixels that boxes touch, computed from their corners alone."""
    touched = np.zeros((60, 50), bool)
    for each in regions:
        x, y = (each.x0 + each.x1) / 2, (each.y0 + each.y1) / 2
        w, h = margin * (each.x1 - each.x0) / 2, margin * (each.y1 - each.y0) / 2
        columns = (np.arange(50) + 1 > x - w) & (np.arange(50) < x + w)
        rows = (np.arange(60) + 1 > y - h) & (np.arange(60) < y + h)
        touched |= rows[:, None] & columns
    return touched


@given(faces(), st.booleans(), st.sampled_from([1.0, 1.3]), st.booleans())
def test_no_pixel_of_a_region_has_a_part_in_the_picture(
    regions: list[Region], colour: bool, margin: float, one: bool
) -> None:
    settings = Anonymization(margin=margin)
    own = picture(colour)
    hidden = inside(regions, margin)
    other = own.copy()
    other[hidden] = 255 - other[hidden]
    chosen = sort_regions(regions, own.shape, one)
    averages = list(AVERAGES[: len(chosen.faces)])
    drawn = draw_averages(own, chosen, averages, settings)
    assert np.array_equal(draw_averages(other, chosen, averages, settings)[hidden], drawn[hidden])
    outside = ~inside([*regions, *chosen.faces], margin)  # one box for all boxes of a face
    assert np.array_equal(drawn[outside], own[outside])
    assert drawn.shape == own.shape and drawn.dtype == np.uint8


def test_faces_of_a_group_in_boxes_of_one_size_look_alike() -> None:
    one = draw_averages(
        picture(), sort_regions([face(4, 4, 28, 36)], (60, 50)), [AVERAGES[0]], PLAIN
    )
    two = draw_averages(
        255 - picture(), sort_regions([face(20, 20, 44, 52)], (60, 50)), [AVERAGES[0]], PLAIN
    )
    assert np.array_equal(one[4:36, 4:28], two[20:52, 20:44])


def test_what_is_no_face_is_masked_also_over_a_face() -> None:
    text = Region("text", 10.0, 10.0, 20.0, 14.0, 1.0)
    chosen = sort_regions([face(4, 4, 28, 36), text], (60, 50))
    drawn = draw_averages(picture(), chosen, [np.full_like(AVERAGES[0], 200)], PLAIN)
    assert (drawn[10:14, 10:20] == 0).all()
    assert (drawn[20:36, 4:28] == 200).all()


def test_a_face_that_two_detectors_found_is_one() -> None:
    boxes = [face(10, 10, 30, 40), face(12, 11, 31, 42), face(34, 10, 48, 28)]
    found = sort_regions(boxes, (60, 50))
    assert [(each.x0, each.y0, each.x1, each.y1) for each in found.faces] == [
        (10, 10, 31, 42),
        (34, 10, 48, 28),
    ]
    only = sort_regions(boxes, (60, 50), only_largest=True)
    assert len(only.faces) == 1 and len(only.masked) == 1


def test_points_come_to_the_places_of_all() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    own = face(50, 40, 146, 168)
    points = POINTS * (96, 128) + (50, 40) + (3.0, -2.0)
    for x, y in points:
        image[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 255
    aligned = align_face(image, own, points, (), PLAIN)
    assert aligned.shape == (HEIGHT, WIDTH, 3)
    for x, y in POINTS * (WIDTH, HEIGHT):
        assert aligned[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].mean() > 150


@pytest.mark.parametrize("colour", [True, False])
def test_masked_regions_are_not_in_an_average(colour: bool) -> None:
    text = Region("text", 10.0, 10.0, 24.0, 30.0, 1.0)
    points = POINTS * (24, 32) + (4, 4)
    own = picture(colour)
    other = own.copy()
    other[10:30, 10:24] = 255 - other[10:30, 10:24]
    one, two = (
        align_face(each, face(4, 4, 28, 36), points, [text], PLAIN) for each in (own, other)
    )
    assert np.array_equal(one, two)
