"""Whole images: what is hidden, what stays, how degrees nest."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from anonbench.anonymization.apply import anonymize, layers
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table, image_regions, regions_at
from anonbench.core.vocabulary import Entity, Method, Variant

SETTINGS = Anonymization()
DEGREES = (25, 50, 75, 100)
SHAPE = (50, 60)


def hidden_pixels(
    regions: list[Region], degree: int = 100, settings: Anonymization = SETTINGS
) -> np.ndarray:
    """Return bool [H, W]: where a white image turns black."""
    white = np.full(SHAPE, 255, np.uint8)
    return anonymize(white, regions, Variant(Method.MASK, degree), settings) == 0


def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)


@pytest.mark.parametrize("method", list(Method))
def test_degrees_nest_and_methods_hide_the_same(method: Method) -> None:
    image = picture()
    for count in (1, 4, 7, 23):
        places = np.random.default_rng(count).uniform(0, 40, (count, 2)).tolist()
        found = [Region(Entity.TEXT, x, y, x + 8, y + 4, 1.0) for x, y in places]
        regions = image_regions(box_table({"a": found}, seed=3))["a"]
        hidden = [hidden_pixels(regions, degree) for degree in DEGREES]
        for less, more in pairwise(hidden):
            assert np.all(more[less])
        for degree, area in zip(DEGREES, hidden, strict=True):
            result = anonymize(image, regions, Variant(method, degree), SETTINGS)
            changed = (result != image).any(axis=2)
            assert not changed[~area].any()
            assert changed[area].mean() > 0.95  # some pixel may equal its block's mean
            assert regions_at(degree, count) == int(np.ceil(degree * count / 100))
    assert regions_at(100, 0) == 0


@pytest.mark.parametrize(
    ("box", "margin", "rows", "columns"),
    [
        ((20, 20, 30, 24), 1.5, (19, 25), (17, 33)),
        ((10, 10, 30, 30), 1.1, (9, 31), (9, 31)),  # 20 + 1.1 * 10 is 31.000000000000004
    ],
)
def test_the_margin_grows_a_region_about_its_centre(
    box: tuple[float, ...], margin: float, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    region = Region(Entity.FACE, *box, 1.0)
    grown = hidden_pixels([region], settings=Anonymization(margin=margin))
    expected = np.zeros(SHAPE, bool)
    expected[slice(*rows), slice(*columns)] = True
    assert np.array_equal(grown, expected)


@pytest.mark.parametrize("method", list(Method))
def test_tiny_regions_are_hidden(method: Method) -> None:
    """A hidden pixel must not tell its own value: the neighbours have a part in it."""
    sizes, places = [(1, 1), (1, 9), (9, 1), (2, 1)], [(0, 0), (30, 20), (51, 41)]
    for (width, height), (x, y) in product(sizes, places):
        image = np.zeros(SHAPE, np.uint8)
        image[y : y + height, x : x + width] = 255
        region = Region(Entity.FACE, x, y, x + width, y + height, 1.0)
        # `anonymize` itself would take one that ends in the first pixel for shares
        result = layers(image, [region], Variant(method, 100), SETTINGS)[-1]
        assert result[y : y + height, x : x + width].max() < 200, region
        result[y : y + height, x : x + width] = 0
        assert not result.any(), region
