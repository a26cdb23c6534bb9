"""True area that each degree leaves in sight."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.detection import COLUMNS, visible_area

SIZE = (100, 50)


def face_box(x0: float, y0: float, x1: float, y1: float, entity: Entity = Entity.FACE) -> Region:
    return Region(entity, x0, y0, x1, y1, 1.0)


def left(
    found: Sequence[Region],
    true: Sequence[Region],
    degrees: Sequence[int] = (100,),
    shapes: Mapping[str, str] | None = None,
    margin: float = 1.0,
) -> pd.Series:
    table = visible_area(
        {"a": found}, {"a": true}, {"a": SIZE}, degrees, shapes or {}, margin, 20, 0.9
    )
    assert list(table.columns) == COLUMNS and (table["images"] == 1).all()
    return table.set_index(["degree", "entity"])["visible_area"]


def test_a_degree_hides_the_first_regions_whatever_they_are_taken_for() -> None:
    one, other = face_box(0, 0, 10, 10), face_box(50, 0, 60, 10)
    shown = left([one, face_box(50, 0, 60, 5, Entity.TEXT)], [one, other], (50, 100))
    assert shown.to_dict() == {(50, "face"): 0.5, (100, "face"): 0.25}
    assert left([other, one], [one], (1, 51)).to_dict() == {(1, "face"): 1.0, (51, "face"): 0.0}


def test_boxes_ellipses_slanted_regions_and_whole_images() -> None:
    face = face_box(20, 10, 60, 40)
    assert left([face], [face])[100, "face"] == 0.0
    corners = left([face], [face], shapes={"face": "ellipse"})[100, "face"]
    assert corners == pytest.approx(1 - math.pi / 4, abs=2e-3) and corners > 1 - math.pi / 4
    assert left([face_box(0, 0, 2, 2)], [face], shapes={"face": "image"})[100, "face"] == 0.0
    grown = left([face], [face], shapes={"face": "ellipse"}, margin=2**0.5)
    assert grown[100, "face"] == pytest.approx(0, abs=2e-3)
    assert left([], [face])[100, "face"] == 1.0
    quad = (50.0, 0.0, 75.0, 25.0, 50.0, 50.0, 25.0, 25.0)
    slanted = Region(Entity.FACE, 25, 0, 75, 50, 1.0, quad)
    for form in ("box", "ellipse"):
        shown = left([slanted], [face_box(25, 0, 75, 50)], shapes={"face": form})
        assert shown[100, "face"] == pytest.approx(0.5)


boxes = st.builds(
    lambda x, y, w, h, e: face_box(x, y, x + w, y + h, e),
    *(st.integers(-9, 90), st.integers(-9, 40), st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(Entity),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(boxes, max_size=6), st.lists(boxes, min_size=1, max_size=4))
def test_more_is_never_more_in_sight(found: list[Region], true: list[Region]) -> None:
    whole = left(found, true, (25, 50, 75, 100))
    for _, shares in whole.groupby(level="entity"):
        values = shares.to_list()
        assert values == sorted(values, reverse=True) and 0 <= values[-1] <= values[0] <= 1
    ellipses = left(found, true, (100,), dict.fromkeys(map(str, Entity), "ellipse"))
    assert (ellipses >= whole.reindex(ellipses.index) - 1e-9).all()
