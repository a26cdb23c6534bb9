"""The pixels of a region, against geometry by a library."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from scenes import table

from anonbench.anonymization.apply import anonymize
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import SLACK, Area, area_of, hidden_regions, read_regions
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity, Variant

SHAPE = (50, 60)
NUMBER = st.one_of(st.floats(-10, 70), st.integers(-5, 65).map(float))
QUAD = st.lists(NUMBER, min_size=8, max_size=8)


def quad_region(values: list[float]) -> Region:
    xs, ys = values[::2], values[1::2]
    return Region(Entity.TEXT, min(xs), min(ys), max(xs), max(ys), 1.0, tuple(values))  # type: ignore[arg-type]


def area(region: Region, margin: float = 1.0, least: int = 1) -> Area | None:
    return area_of(read_regions(table([region]))["a"][0], SHAPE, margin, least)


def painted(found: Area | None, sure: bool) -> np.ndarray:
    """Return bool [H, W] of what a region covers for certain, or may cover."""
    whole = np.zeros(SHAPE, bool)
    if found is not None:
        whole[found.window] = found.required if sure else found.may
    return whole


@pytest.mark.slow
@given(QUAD)
@example([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.225073858507e-311])
def test_a_quadrilateral_against_a_library(values: list[float]) -> None:
    hull = shapely.MultiPoint(np.array(values).reshape(4, 2)).convex_hull
    y, x = np.indices(SHAPE)
    small = shapely.box(x + 2 * SLACK, y + 2 * SLACK, x + 1 - 2 * SLACK, y + 1 - 2 * SLACK)
    large = shapely.box(x - 2 * SLACK, y - 2 * SLACK, x + 1 + 2 * SLACK, y + 1 + 2 * SLACK)
    found = area(quad_region(values))
    assert not np.any(painted(found, True) & ~shapely.intersects(hull, large))
    if hull.area > 1:
        assert np.all(painted(found, True)[shapely.intersects(hull, small)])
        assert not np.any(painted(found, False) & ~shapely.intersects(hull, large))


@given(NUMBER, NUMBER, st.floats(0.01, 50), st.floats(0.01, 50))
def test_a_box_covers_what_it_touches_and_no_more(
    x: float, y: float, width: float, height: float
) -> None:
    found = area(Region(Entity.FACE, x, y, x + width, y + height, 1.0))
    rows, columns = np.arange(SHAPE[0]), np.arange(SHAPE[1])
    touched = ((rows + 1 > y) & (rows < y + height))[:, None]
    touched = touched & ((columns + 1 > x) & (columns < x + width))
    assert np.array_equal(painted(found, True), touched)
    assert np.array_equal(painted(found, False), touched)


@pytest.mark.parametrize(
    ("corner", "window"),
    [
        ((0, 0), (slice(0, 5), slice(0, 5))),
        ((30, 20), (slice(18, 23), slice(28, 33))),
        ((59, 49), (slice(45, 50), slice(55, 60))),
    ],
)
def test_a_narrow_region_gets_a_larger_window(
    corner: tuple[int, int], window: tuple[slice, slice]
) -> None:
    x, y = corner
    found = area(Region(Entity.FACE, x, y, x + 1, y + 1, 1.0), least=5)
    assert found is not None and found.window == window
    assert np.argwhere(painted(found, True)).tolist() == [[y, x]]


@pytest.mark.parametrize("degree", [1, 33, 50, 99, 100])
def test_a_degree_hides_its_share_rounded_up(degree: int) -> None:
    for count in (0, 1, 3, 200):
        regions = read_regions(table([Region(Entity.FACE, 0, 0, 9, 9, 1.0)] * count)).get("a", [])
        hidden = hidden_regions(regions[::-1], degree)
        assert [each.rank for each in hidden] == [*range(int(np.ceil(degree * count / 100)))]


@pytest.mark.parametrize(
    ("name", "form", "count", "most"),
    [("mask", "image", 100, 20), ("pixelate", "box", 1, 60), ("blur", "box", 1, 60)],
)
def test_memory_of_large_and_of_many_regions(name: str, form: str, count: int, most: int) -> None:
    """Not each region keeps maps of the image, nor are all channels compared at once."""
    original = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    settings = Anonymization.model_validate({"shape": {"face": form}})
    boxes = [Region(Entity.FACE, 0.0, 0.0, 400.0, 400.0, 1.0)] * count
    hidden = anonymize(original, boxes, Variant(name, 100), settings)
    regions = read_regions(table(boxes))["a"]
    tracemalloc.start()
    check_layers(original, hidden, regions, Variant(name, 100), settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most * 400 * 400
