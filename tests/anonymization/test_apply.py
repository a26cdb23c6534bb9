"""Whole images: what is hidden, what stays, how degrees nest."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.anonymization.apply import anonymize, layers
from anonbench.anonymization.geometry import cover
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table, image_regions, region_fault, regions_at
from anonbench.core.vocabulary import Entity, Method, Variant

SETTINGS = Anonymization()
DEGREES = (25, 50, 75, 100)
COORDINATE = st.floats(-20, 80, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    x0, y0 = draw(COORDINATE), draw(COORDINATE)
    width, height = draw(st.floats(0.5, 50)), draw(st.floats(0.5, 50))
    return Region(Entity.TEXT, x0, y0, x0 + width, y0 + height, 1.0)


@st.composite
def quads(draw: st.DrawFn) -> Region:
    cx, cy = draw(st.floats(0, 60)), draw(st.floats(0, 50))
    w, h, angle = draw(st.floats(2, 30)), draw(st.floats(2, 12)), draw(st.floats(-0.7, 0.7))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-w, -h), (w, -h), (w, h), (-w, h)]) @ turn.T + (cx, cy)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    quad = tuple(float(value) for value in corners.ravel())
    return Region(Entity.TEXT, float(x0), float(y0), float(x1), float(y1), 1.0, quad)


def hidden_pixels(
    shape: tuple[int, ...],
    regions: list[Region],
    degree: int = 100,
    settings: Anonymization = SETTINGS,
) -> np.ndarray:
    """Return bool [H, W]: where a white image turns black."""
    white = np.full(shape[:2], 255, np.uint8)
    return anonymize(white, regions, Variant(Method.MASK, degree), settings) == 0


def changed_pixels(
    image: np.ndarray, regions: list[Region], method: Method, degree: int
) -> np.ndarray:
    result = anonymize(image, regions, Variant(method, degree), SETTINGS)
    return np.asarray((result != image).any(axis=2))


def picture(colour: bool = True) -> np.ndarray:
    shape = (50, 60, 3) if colour else (50, 60)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def is_fine(region: Region) -> bool:
    return region_fault(region, 60, 50) is None


@given(
    st.lists(st.one_of(boxes(), quads()).filter(is_fine), max_size=6), st.sampled_from(list(Method))
)
@settings(deadline=None)
def test_outside_its_regions_an_image_stays_as_it_was(
    regions: list[Region], method: Method
) -> None:
    image = picture()
    variant = Variant(method, 100)
    result = anonymize(image, regions, variant, SETTINGS)
    hidden = hidden_pixels(image.shape, regions)
    assert np.array_equal(result[~hidden], image[~hidden])


@given(quads())
@settings(deadline=None)
def test_a_quadrilateral_covers_the_centres_inside_it_and_little_else(region: Region) -> None:
    area = cover(region, (50, 60))
    covered = np.zeros((50, 60), bool)
    if area is not None:
        covered[area.window] = area.inside
    corners = np.array(region.quad).reshape(4, 2)
    edges = np.roll(corners, -1, axis=0) - corners
    y, x = np.mgrid[0:50, 0:60] + 0.5
    offsets = np.stack([x, y], axis=-1)[:, :, None, :] - corners
    normals = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    distance = (normals[:, 0] * offsets[..., 1] - normals[:, 1] * offsets[..., 0]).min(axis=-1)
    assert np.all(covered[distance > 0])
    assert not np.any(covered[distance < -1.5])


@given(st.integers(1, 30), st.sampled_from(list(Method)))
@settings(deadline=None, max_examples=30)
def test_degrees_nest_and_methods_hide_the_same(count: int, method: Method) -> None:
    drawn = np.random.default_rng(count)
    found = [
        Region(Entity.TEXT, x, y, x + 8, y + 4, 1.0)
        for x, y in drawn.uniform(0, 40, (count, 2)).tolist()
    ]
    regions = image_regions(box_table({"a": found}, seed=3))["a"]
    image = picture()
    hidden = [hidden_pixels(image.shape, regions, degree) for degree in DEGREES]
    for less, more in pairwise(hidden):
        assert np.all(more[less])
    for degree, area in zip(DEGREES, hidden, strict=True):
        changed = changed_pixels(image, regions, method, degree)
        assert not changed[~area].any()
        assert changed[area].mean() > 0.95  # some pixel may equal its block's mean
        assert regions_at(degree, count) == int(np.ceil(degree * count / 100))


def test_every_degree_hides_at_least_one_region() -> None:
    assert [regions_at(degree, 1) for degree in (1, 25, 100)] == [1, 1, 1]
    assert [regions_at(degree, 4) for degree in DEGREES] == [1, 2, 3, 4]
    assert regions_at(100, 0) == 0


def test_the_margin_grows_a_region_about_its_centre() -> None:
    region = Region(Entity.FACE, 20, 20, 30, 24, 1.0)
    grown = hidden_pixels((50, 60), [region], settings=Anonymization(margin=1.5))
    rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
    assert (rows[0], rows[-1] + 1) == (19, 25)
    assert (columns[0], columns[-1] + 1) == (17, 33)


def test_a_margin_adds_no_pixel_by_rounding() -> None:
    region = Region(Entity.FACE, 10, 10, 30, 30, 1.0)  # 20 + 1.1 * 10 is 31.000000000000004
    grown = hidden_pixels((50, 60), [region], settings=Anonymization(margin=1.1))
    assert np.flatnonzero(grown.any(axis=1))[[0, -1]].tolist() == [9, 30]


@pytest.mark.parametrize("method", list(Method))
def test_tiny_regions_are_hidden(method: Method) -> None:
    """A hidden pixel must not tell its own value: the neighbours have a part in it."""
    sizes, places = [(1, 1), (1, 9), (9, 1), (2, 1)], [(0, 0), (30, 20), (51, 41)]
    for (width, height), (x, y) in product(sizes, places):
        image = np.zeros((50, 60), np.uint8)
        image[y : y + height, x : x + width] = 255
        region = Region(Entity.FACE, x, y, x + width, y + height, 1.0)
        # `anonymize` itself would take one that ends in the first pixel for shares
        result = layers(image, [region], Variant(method, 100), SETTINGS)[-1]
        assert result[y : y + height, x : x + width].max() < 200, region
        outside = np.ones(image.shape, bool)
        outside[y : y + height, x : x + width] = False
        assert not result[outside].any(), region


def test_a_pixel_is_hidden_by_the_mean_of_the_smallest_block_around_it() -> None:
    image = picture(colour=False)
    region = Region(Entity.FACE, 10, 20, 11, 21, 1.0)
    result = anonymize(image, [region], Variant(Method.PIXELATE, 100), SETTINGS)
    assert abs(float(result[20, 10]) - image[20:22, 10:12].mean()) <= 0.5


@pytest.mark.slow
@given(boxes())
def test_a_box_covers_every_pixel_that_it_touches(region: Region) -> None:
    area = cover(region, (50, 60))
    covered = np.zeros((50, 60), bool)
    if area is not None:
        covered[area.window] = True
    for y in range(50):
        for x in range(60):
            touches = (
                min(x + 1, region.x1) - max(x, region.x0) > 1e-9
                and min(y + 1, region.y1) - max(y, region.y0) > 1e-9
            )
            assert not touches or covered[y, x]


def test_a_triangle_is_hidden_and_no_more() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    triangle = Region(Entity.FACE, 10, 10, 50, 50, 1.0, (10, 10, 50, 10, 10, 50, 10, 10))
    hidden = (anonymize(image, [triangle], Variant.parse("mask-100")) != image).all(axis=2)
    assert hidden[10:30, 10:30].all() and not hidden[35:, 35:].any()
