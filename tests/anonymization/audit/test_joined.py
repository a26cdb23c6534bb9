"""Regions that are hidden together, found by the anonymizer and by its audit."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from scenes import picture, table

from anonbench.anonymization import geometry
from anonbench.anonymization.apply import anonymize
from anonbench.anonymization.audit.regions import area_of, joined, read_regions
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity, Variant

SHAPE = (80, 100)
BOXES = st.lists(
    st.tuples(st.integers(1, 90), st.integers(0, 70), st.integers(1, 25), st.integers(1, 20)),
    min_size=1,
    max_size=9,
)
STAIRS = [(10 * n, 8 * n, 11, 9) for n in range(8)]
"""Each meets the next one."""
Window = tuple[int, int, int, int]


def region(x: int, y: int, width: int, height: int) -> Region:
    return Region(Entity.TEXT, float(x), float(y), float(x + width), float(y + height), 1.0)


def numbers(window: tuple[slice, slice]) -> Window:
    rows, columns = window
    return rows.start, rows.stop, columns.start, columns.stop


@given(BOXES, st.integers(0, 6))
@example(STAIRS, 0)
@example([(0, 0, 10, 10), (10, 0, 10, 10)], 0)
def test_groups_share_no_pixel_and_both_find_the_same(
    boxes: list[tuple[int, int, int, int]], around: int
) -> None:
    found = [region(*box) for box in boxes]
    covered = [geometry.cover(each, SHAPE, around=around) for each in found]
    groups = geometry.joined([area for area in covered if area is not None])
    windows = [numbers(window) for window, _ in groups]
    times = np.zeros(SHAPE, int)
    for top, bottom, left, right in windows:
        times[top:bottom, left:right] += 1
    assert times.max() <= 1
    expected = np.zeros(SHAPE, bool)
    for box in found:
        expected[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    assert sum(np.count_nonzero(inside) for _, inside in groups) == np.count_nonzero(expected)
    assert all(np.array_equal(inside, expected[window]) for window, inside in groups)

    read = read_regions(table(found))["a"]
    areas = [area_of(each, SHAPE, 1.0, 1, "box", around) for each in read]
    pairs = [(each, area) for each, area in zip(read, areas, strict=True) if area is not None]
    whole = joined(pairs, SHAPE)
    assert sorted(numbers(area.window) for _, area in whole) == sorted(windows)
    assert all(np.array_equal(area.required, expected[area.window]) for _, area in whole)


@given(BOXES, st.randoms())
def test_the_order_of_regions_is_no_matter_where_surroundings_count(
    boxes: list[tuple[int, int, int, int]], random: object
) -> None:
    found = [region(*box) for box in boxes]
    mixed = found.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = (
        anonymize(picture(), each, Variant("inpaint", 100), Anonymization())
        for each in (found, mixed)
    )
    assert np.array_equal(one, other)


def test_what_is_far_away_has_no_part() -> None:
    near, far = region(10, 10, 12, 9), region(60, 50, 20, 9)
    both, alone = (
        anonymize(picture(), each, Variant("inpaint", 100), Anonymization())
        for each in ([near, far], [near])
    )
    assert np.array_equal(both[:40], alone[:40])
