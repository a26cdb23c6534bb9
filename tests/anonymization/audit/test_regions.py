"""The pixels of regions: against a library's geometry, joined, outside, at slanted edges."""

import random
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from scenes import check, picture, table

from anonbench.anonymization.audit import Failure, NotHidden
from anonbench.anonymization.audit.check import check_outside
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import SLACK, Area, area_of, read_regions
from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Blocks, Region, box_table
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import encode

SHAPE = (50, 60)
NUMBER = st.one_of(st.floats(-10, 70), st.integers(-5, 65).map(float))
QUAD = st.lists(NUMBER, min_size=8, max_size=8)


def quad_region(values: list[float]) -> Region:
    xs, ys = values[::2], values[1::2]
    return Region(Entity.TEXT, min(xs), min(ys), max(xs), max(ys), 1.0, tuple(values))  # type: ignore[arg-type]


def area(region: Region) -> Area | None:
    return area_of(read_regions(table([region]))["a"][0], SHAPE, Anonymization())


def painted(found: Area | None, sure: bool) -> np.ndarray:
    """Return bool [H, W] of what a region covers for certain, or may cover."""
    whole = np.zeros(SHAPE, bool)
    if found is not None:
        whole[found.window] = found.cover > int(sure)
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
def test_a_box_covers_what_it_touches_only(x: float, y: float, width: float, height: float) -> None:
    found = area(Region(Entity.FACE, x, y, x + width, y + height, 1.0))
    rows, columns = np.arange(SHAPE[0]), np.arange(SHAPE[1])
    touched = ((rows + 1 > y) & (rows < y + height))[:, None]
    touched = touched & ((columns + 1 > x) & (columns < x + width))
    assert np.array_equal(painted(found, True), touched)
    assert np.array_equal(painted(found, False), touched)


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


INPAINT = Variant("inpaint", 100)
BOXES = st.lists(
    st.tuples(st.integers(1, 90), st.integers(0, 70), st.integers(1, 25), st.integers(1, 20)),
    min_size=1,
    max_size=9,
)
STAIRS = [(10 * n, 8 * n, 11, 9) for n in range(8)]
"""Each meets the next one."""


def region(x: int, y: int, width: int, height: int) -> Region:
    return Region(Entity.TEXT, float(x), float(y), float(x + width), float(y + height), 1.0)


@given(BOXES, st.randoms())
@example(STAIRS, random.Random(0))
@example([(0, 0, 10, 10), (10, 0, 10, 10)], random.Random(0))
def test_both_find_the_same_groups_whatever_the_order_of_regions(
    boxes: list[tuple[int, int, int, int]], shuffled: random.Random
) -> None:
    found, settings = [region(*box) for box in boxes], Anonymization()
    mixed = found.copy()
    shuffled.shuffle(mixed)
    one, other = (anonymize(picture(), each, INPAINT, settings) for each in (found, mixed))
    assert np.array_equal(one, other)
    check(picture(), found, "inpaint", settings, one)


PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
BOX = Region(Entity.FACE, 5.0, 4.0, 15.0, 12.0, 1.0)
SLANTED = Region(Entity.TEXT, 18, 2, 28, 12, 1.0, (18, 7, 23, 2, 28, 7, 23, 12))


AROUND = [(3, 5), (12, 5), (4, 4), (4, 15)]
"""Pixels beside the box."""


@pytest.mark.parametrize(
    ("places", "regions", "differs", "asked"),
    [
        (AROUND, [BOX], True, {}),
        (AROUND, [BOX], False, {"margin": 1.5}),
        (AROUND, [BOX], False, {"shape": {"face": "image"}}),
        ([(4, 5), (11, 14)], [BOX], False, {}),
        ([(4, 5), (11, 14)], [], True, {}),
        ([(4, 5), (11, 14)], [BOX], True, {"shape": {"face": "ellipse"}}),
        ([(7, 23)], [SLANTED], False, {}),
        ([(2, 18)], [SLANTED], True, {}),
    ],
)
@pytest.mark.parametrize("before", [PICTURE, PICTURE[..., 0].copy()], ids=["colour", "grey"])
def test_only_pixels_of_regions_may_differ(
    before: np.ndarray, places: Any, regions: list[Region], differs: bool, asked: dict[str, Any]
) -> None:
    for place in places:
        assert changed_at(place, before, regions, **asked) is differs, place


def test_only_hidden_regions_may_differ() -> None:
    regions = [BOX, SLANTED]
    assert sum(changed_at(p, PICTURE, regions, degree=50) for p in ((7, 9), (7, 23))) == 1


def changed_at(
    place: tuple[int, int],
    before: np.ndarray,
    regions: list[Region],
    degree: int = 100,
    **asked: Any,
) -> bool:
    read = read_regions(box_table({"a": regions}, 0)).get("a", [])
    made = np.repeat(before[..., None], 3, axis=2) if before.ndim == 2 else before.copy()
    made[*place, 1] ^= 1
    files = encode(before), encode(made)
    try:
        check_outside(before, made, files, read, degree, Anonymization.model_validate(asked))
    except Failure as failure:
        assert "1 pixels outside of its hidden regions differ" in str(failure)
        return True
    return False


def test_a_picture_of_another_size_or_with_more_in_it_is_refused() -> None:
    changed = PICTURE.copy()
    changed[0, 0, 0] ^= 1
    same = encode(PICTURE)
    for after, files in (
        (PICTURE[1:], (same, encode(PICTURE[1:]))),
        (PICTURE[..., 0], (same, encode(PICTURE[..., 0].copy()))),
        (PICTURE, (same, same + b"more")),
        (PICTURE, (same, encode(changed))),
        (PICTURE, (encode(changed), same)),
    ):
        with pytest.raises(Failure):
            check_outside(PICTURE, after, files, [], 100, Anonymization())


CORNERS = (40.0, 10.0, 70.0, 40.0, 40.0, 70.0, 10.0, 40.0)
DIAMOND = Region(Entity.TEXT, 10.0, 10.0, 70.0, 70.0, 1.0, CORNERS)
"""Its sides run through corners of pixels, which it touches there and nowhere else."""
BEFORE = Region(Entity.TEXT, 5.0, 5.0, 75.0, 75.0, 1.0)
INSIDE = [Region(Entity.TEXT, 9.0 + n, 40.0 - n, 71.0 - n, 40.0 + n, 1.0) for n in range(1, 31)]
"""Boxes that cover all of the diamond but what its sides touch."""
NAMES = ["mask", "blur", "swirl", "tile_shuffle", "pixelate", "dp_pixelate", "inpaint", "replace"]
"""Methods that judge pixels one by one, by blocks, with their surroundings, and as one picture."""
ALIKE = ("mask", "inpaint")
"""They make the same of a pixel whichever of two regions it belongs to."""
REFUSED = "neither hidden nor unchanged|as the method requires|narrower|steeper"


def edge_of(region: Region) -> np.ndarray:
    """Return int [N, 2], rows and columns of the pixels that may be hidden or not."""
    area = area_of(read_regions(table([region]))["a"][0], (80, 100), Anonymization())
    assert area is not None
    assert area.window == (slice(10, 70), slice(10, 70))
    covered = np.zeros((80, 100), bool)
    for box in INSIDE:
        covered[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    assert np.array_equal(covered[area.window], area.cover == 2)
    return np.argwhere(area.cover == 1) + 10


def foreign(honest: np.ndarray, original: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
    """Return an image with one pixel that is neither hidden nor as it was."""
    wrong = honest.copy()
    far = np.arange(0, 256, 5)[:, None]
    off = [np.abs(far - np.int64(image[place]).reshape(1, -1)) for image in (honest, original)]
    wrong[place] = far[np.minimum(*off).min(axis=1).argmax(), 0]
    return wrong


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
@pytest.mark.parametrize("name", NAMES)
def test_edge_pixel_hidden_or_unchanged(settings: Anonymization, name: str, colour: bool) -> None:
    original, regions = picture(colour), [DIAMOND]
    honest = anonymize(original, regions, Variant(name, 100), settings)
    places, half = edge_of(DIAMOND), honest.copy()
    assert len(places) > 100
    every_other = tuple(places[::2].T)
    half[every_other] = original[every_other]
    check(original, regions, name, settings, half)
    for place in places[::40].tolist():
        wrong = foreign(honest, original, tuple(place))
        with pytest.raises(Failure, match="neither hidden nor unchanged"):
            check(original, regions, name, settings, wrong)


def test_only_pixels_that_are_hidden_are_counted() -> None:
    original = np.full((80, 100), 200, np.uint8)
    honest = anonymize(original, [DIAMOND], Variant("mask", 100))
    for place in (edge_of(DIAMOND)[::2].tolist(), []):
        pixels = honest.copy()
        for y, x in place:
            pixels[y, x] = 200
        counts = check(original, [DIAMOND], "mask", Anonymization(), pixels)
        assert counts["hidden_pixels"] == np.count_nonzero(pixels == 0)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "replace"])
def test_over_another_region_one_of_both_hides_it(settings: Anonymization, name: str) -> None:
    original, regions = picture(), [BEFORE, DIAMOND]
    honest = anonymize(original, regions, Variant(name, 100), settings)
    below = anonymize(original, regions[:1], Variant(name, 100), settings)
    places = edge_of(DIAMOND)
    every_other = tuple(places[::2].T)
    honest[every_other] = below[every_other]
    check(original, regions, name, settings, honest)
    for place in places[::40].tolist():
        bare = honest.copy()
        bare[tuple(place)] = original[tuple(place)]
        moved = int(np.abs(bare[tuple(place)].astype(int) - honest[tuple(place)]).max() > 3)
        # where a shuffled pixel stays in its place, what it was is what it has to be
        for wrong in (*[bare] * moved, foreign(honest, original, tuple(place))):
            with pytest.raises(Failure, match=REFUSED):
                check(original, regions, name, settings, wrong)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "inpaint"])
def test_edge_is_looked_at_where_others_cover_the_rest(settings: Anonymization, name: str) -> None:
    original, regions = picture(), [DIAMOND, *INSIDE]
    wrong = anonymize(original, regions, Variant(name, 100), settings)
    for place in edge_of(DIAMOND)[::40].tolist():
        wrong = foreign(wrong, original, tuple(place))
    with pytest.raises(Failure, match=REFUSED):
        check(original, regions, name, settings, wrong)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALIKE])
def test_a_region_explains_no_pixel_out_of_its_reach(settings: Anonymization, name: str) -> None:
    refused = 0
    for end in (100, 96):  # of the two, one at least is drawn so that it moves the corner
        middle = (40 + end) / 2
        quad = (middle, 10, end, 40, middle, 70, 40, 40)
        beside = Region(Entity.TEXT, 40.0, 10.0, float(end), 70.0, 1.0, quad)
        original, regions = picture(), [DIAMOND, beside]
        honest = anonymize(original, regions, Variant(name, 100), settings)
        box = Region(Entity.TEXT, 40.0, 10.0, float(end), 70.0, 1.0)
        as_beside = anonymize(original, [box], Variant(name, 100), settings)
        for y, x in edge_of(DIAMOND)[::3]:
            it = as_beside[y, x].astype(int)
            is_far = x >= 40 and x + y < 76
            if is_far and min(np.abs(it - i[y, x]).max() for i in (honest, original)) > 3:
                wrong = honest.copy()
                wrong[y, x] = as_beside[y, x]
                with pytest.raises(Failure, match="neither hidden nor unchanged"):
                    check(original, regions, name, settings, wrong)
                refused += 1
    assert refused


def test_images_without_coding_blocks_in_a_table_of_others() -> None:
    lossless = Region(Entity.FACE, 8.0, 8.0, 24.0, 24.0, 1.0)
    blocks = (Blocks(0.0, 0.0, 60.0, 50.0, 0.0, 0.0, 16.0, 16.0, 1.0, 1.0),)
    tables = {"a": [lossless]}, {"b": [replace(lossless, blocks=blocks)]}
    read = read_regions(pd.concat([box_table(each, 0) for each in tables]))
    found = [area_of(read[name][0], SHAPE, Anonymization()) for name in "ab"]
    assert [painted(each, True).sum() for each in found] == [16 * 16, 33 * 33]


def test_an_image_of_one_pixel_that_a_slanted_region_misses() -> None:
    pixel, settings = np.full((1, 1), 9, np.uint8), Anonymization()
    beside = quad_region([0.0, 3.0, 3.0, 0.0, 3.0, 3.0, 2.5, 2.5])
    over = quad_region([0.0, 1.5, 1.5, 0.0, 3.0, 3.0, 2.5, 2.5])
    assert check(pixel, [beside], "pixelate", settings)["hidden_pixels"] == 0
    with pytest.raises(NotHidden, match="one pixel"):
        check(pixel, [beside, over], "pixelate", settings)
