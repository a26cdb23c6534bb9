"""From what was found and what a person wants to corrections, and back."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations import Action, Correction, correct
from anonbench.detection.review.changes import corrections_for, found_without, key_of
from anonbench.detection.review.queue import Misses, count_misses, draw_sample, estimate, sentences

Entities = st.sampled_from([Entity.FACE, Entity.TEXT])


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x, y = draw(st.integers(0, 6)), draw(st.integers(0, 3))
    width, height = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    return Region(
        draw(Entities), x + 0.1, y, x + width, y + height, draw(st.sampled_from([0.5, 1]))
    )


@st.composite
def corrections(draw: st.DrawFn, row: int) -> Correction:
    action = draw(st.sampled_from(list(Action)))
    if action is Action.REMOVE and draw(st.booleans()):
        return Correction(str(row), action, draw(Entities), None)
    region = draw(regions())
    return Correction(str(row), action, region.entity, region)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Region], list[Correction], list[Region]]:
    found = draw(st.lists(regions(), max_size=6))
    present = [draw(corrections(row)) for row in range(1, 1 + draw(st.integers(0, 4)))]
    shown = [*found, *(c.region for c in present if c.region is not None)]
    some = draw(st.lists(st.sampled_from(shown), max_size=5)) if shown else []
    return found, present, some + draw(st.lists(regions(), max_size=3))


def keys(listed: list[Region]) -> set[object]:
    return {key_of(region) for region in listed}


@given(cases())
def test_wanted_regions_come_out(case: tuple[list[Region], list[Correction], list[Region]]) -> None:
    found, present, wanted = case
    kept, new = corrections_for(found, present, wanted)
    assert set(kept) <= set(present)
    assert keys(correct(found, kept + new)[0]) == keys(wanted)
    stored = [Correction(str(n), c.action, c.entity, c.region) for n, c in enumerate(kept + new, 1)]
    assert corrections_for(found, stored, wanted) == (stored, [])


@given(cases())
def test_what_was_found_is_known(case: tuple[list[Region], list[Correction], list[Region]]) -> None:
    found, _, wanted = case
    _, new = corrections_for(found, [], wanted)
    assert all(c.region is not None for c in new)
    again, absent = found_without(correct(found, new)[0], new)
    assert keys(again) == keys(found) and not absent


def test_rows_of_others_that_still_hold_stay() -> None:
    found = [Region(Entity.TEXT, 0, 0, 10, 4, 0.9)]
    rough = Correction("1", Action.REMOVE, Entity.TEXT, Region(Entity.TEXT, 1, 0, 10, 4, 1.0))
    unused = Correction("2", Action.REMOVE, Entity.FACE, None)
    assert corrections_for(found, [rough, unused], []) == ([rough, unused], [])
    assert corrections_for(found, [rough, unused], found) == ([unused], [])


def test_boxes_of_other_corrections_are_told() -> None:
    added = Correction("1", Action.ADD, Entity.FACE, Region(Entity.FACE, 0, 0, 5, 5, 1.0))
    assert found_without([], [added]) == ([], 1)


def box(x0: float, x1: float, entity: Entity = Entity.TEXT) -> Region:
    return Region(entity, x0, 0, x1, 10, 1.0)


def test_a_larger_sample_begins_with_a_smaller_one_and_another_seed_is_another() -> None:
    ids = [f"i{n}" for n in range(200)]
    large = draw_sample(ids, 3, 50)
    assert draw_sample(ids, 3, 20) == large[:20]
    assert draw_sample(ids[::-1], 3, 20) == large[:20]
    assert len(set(large)) == 50 and draw_sample(ids, 4, 50) != large
    assert sorted(draw_sample(ids, 0, 1000)) == sorted(ids)


def test_a_miss_is_a_region_that_is_hidden_by_less_than_half() -> None:
    for found, expected in (
        ([], (1, 1, 0)),
        ([box(0, 40)], (1, 1, 0)),
        ([box(0, 50)], (1, 0, 1)),
        ([box(0, 50), box(50, 89)], (1, 0, 1)),
        ([box(0, 90)], (1, 0, 0)),
        ([box(0, 100, Entity.FACE)], (1, 0, 0)),
    ):
        assert count_misses(found, [box(0, 100)], (200, 100)) == Misses(*expected)


def test_none_among_n_is_the_rule_of_three() -> None:
    result = estimate([Misses(3, 0, 0)] * 100, 900, 0.95)
    assert result.images.low == 0 and result.images.high == pytest.approx(1 - 0.05**0.01)
    assert result.images.high == pytest.approx(3 / 100, rel=0.02)
    assert result.regions.high == result.images.high  # three of an image tell as much as one
    assert result.unseen_with_miss == 27  # 900 · 2.951 % = 26.6
    assert sentences(result, 100, 0) == [
        "Random sample: 100 of 100 images looked at.",
        "0 of 100 images show something that was not hidden: at most 3.0 % (95 %, one-sided).",
        "0 of 300 marked regions were missed: at most 3.0 % (95 %, one-sided).",
        "Of 900 images that nobody looked at, at most 27 show something that is not hidden.",
    ]


def test_some_have_wilson_s_interval() -> None:
    looks = [Misses(2, 1, 0)] * 5 + [Misses(2, 0, 0)] * 45
    result = estimate(looks, 0, 0.95)
    assert (result.images.value, result.regions.value) == (0.1, 0.05)
    # Wilson (1927) for 5 of 50
    assert (result.images.low, result.images.high) == pytest.approx((0.0435, 0.2136), abs=2e-4)
    assert result.missed_images == 5 and result.missed_regions == 5
    assert result.unseen_with_miss == 0


def test_too_few_images_give_no_interval() -> None:
    result = estimate([Misses(1, 0, 0)] * 7, 10, 0.95)
    assert result.unseen_with_miss is None
    assert "too few images for an interval" in sentences(result, 7, 0)[1]
    assert sentences(estimate([], 10, 0.95), 4, 2) == [
        "Random sample: 0 of 4 images looked at.",
        "2 images of it looked at before their turn, such as doubtful ones, which come first: "
        "each counts once those drawn before it were looked at.",
    ]


def test_upper_ends_are_above_the_truth_as_often_as_they_say() -> None:
    """200 archives of 2,000 images, misses in clusters; samples of 80."""
    generator = np.random.default_rng(1)
    inside = {"images": 0, "regions": 0}
    for _ in range(200):
        regions = generator.integers(0, 12, 2000)
        bad = generator.random(2000) < 0.04
        missed = np.where(bad, generator.binomial(regions, 0.6), 0)
        chosen = generator.choice(2000, 80, replace=False)
        looks = [Misses(int(regions[i]), int(missed[i]), 0) for i in chosen]
        result = estimate(looks, 0, 0.95)
        inside["images"] += (missed > 0).mean() <= result.images.high
        inside["regions"] += missed.sum() / regions.sum() <= result.regions.high
    assert all(count >= 0.95 * 200 for count in inside.values()), inside


def test_the_documented_upper_ends_are_those_of_the_code(root: Path) -> None:
    text = (root / "docs/how-to/review.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) % \|$", text, flags=re.MULTILINE)
    ends = {n: estimate([Misses(1, 0, 0)] * int(n), 0, 0.95).images.high for n, _ in rows}
    assert len(rows) == 4 and all(f"{100 * ends[n]:.1f}" == told for n, told in rows)
