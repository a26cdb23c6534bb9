"""From what was found and what a person wants to corrections, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations import Action, Correction, correct
from anonbench.detection.review.changes import corrections_for, found_without, key_of

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
