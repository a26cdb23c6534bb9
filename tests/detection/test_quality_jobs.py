"""True area in sight, and lists of doubtful images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection.quality_jobs import COLUMNS, REVIEW_COLUMNS, least_certain, visible_area
from anonbench.detection.review.queue import Detected, draw_sample

SIZE = (100, 50)


def box(x0: float, y0: float, x1: float, y1: float, entity: Entity = Entity.FACE) -> Region:
    """Return a region."""
    return Region(entity, x0, y0, x1, y1, 1.0)


def left(
    found: Sequence[Region],
    true: Sequence[Region],
    degrees: Sequence[int] = (100,),
    shapes: Mapping[str, str] | None = None,
    margin: float = 1.0,
) -> pd.Series:
    """Return what stays in sight of one image by degree and entity."""
    table = visible_area(
        {"a": found}, {"a": true}, {"a": SIZE}, degrees, shapes or {}, margin, 20, 0.9
    )
    assert list(table.columns) == COLUMNS and (table["images"] == 1).all()
    return table.set_index(["degree", "entity"])["visible_area"]


def test_boxes_ellipses_and_whole_images() -> None:
    face = box(20, 10, 60, 40)
    assert left([face], [face])[100, "face"] == 0.0
    corners = left([face], [face], shapes={"face": "ellipse"})[100, "face"]
    assert corners == pytest.approx(1 - math.pi / 4, abs=2e-3) and corners > 1 - math.pi / 4
    assert left([box(0, 0, 2, 2)], [face], shapes={"face": "image"})[100, "face"] == 0.0
    grown = left([face], [face], shapes={"face": "ellipse"}, margin=2**0.5)
    assert grown[100, "face"] == pytest.approx(0, abs=2e-3)
    assert left([], [face])[100, "face"] == 1.0


def test_a_degree_hides_the_first_regions_whatever_they_are_taken_for() -> None:
    one, other = box(0, 0, 10, 10), box(50, 0, 60, 10)
    shown = left([one, box(50, 0, 60, 5, Entity.TEXT)], [one, other], (50, 100))
    assert shown.to_dict() == {(50, "face"): 0.5, (100, "face"): 0.25}
    assert left([other, one], [one], (1, 51)).to_dict() == {(1, "face"): 1.0, (51, "face"): 0.0}


def test_slanted_regions_stay_what_they_are() -> None:
    quad = (50.0, 0.0, 75.0, 25.0, 50.0, 50.0, 25.0, 25.0)
    slanted = Region(Entity.FACE, 25, 0, 75, 50, 1.0, quad)
    for form in ("box", "ellipse"):
        shown = left([slanted], [box(25, 0, 75, 50)], shapes={"face": form})
        assert shown[100, "face"] == pytest.approx(0.5)


boxes = st.builds(
    lambda x, y, w, h, e: box(x, y, x + w, y + h, e),
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


SCORES = {"one": 0.7, "two": 0.9, "three": 0.6, "four": 0.8, "five": 0.9}
DOUBTS = {"one": "pale", "blank": "small", "four": "pale; small"}


def review(most: int) -> pd.DataFrame:
    outcome = [(name, "ok", "", 4) for name in SCORES]
    outcome += [("blank", "empty", "", 0), ("broken", "unreadable", "truncated", 0)]
    outcome += [("part", "partial", "mtcnn failed", 4)]
    images = pd.DataFrame(outcome, columns=["id", "status", "reason", "regions"])
    images["doubts"] = images["id"].map(DOUBTS).fillna("")
    manifest = pd.DataFrame(
        {"id": images["id"], "path": images["id"] + ".png", "split": "train"}
    ).sample(frac=1, random_state=0)
    boxes = pd.DataFrame(
        [(name, 1.0) for name in SCORES] + list(SCORES.items()) + [("part", 0.95)],
        columns=["id", "score"],
    )
    return least_certain(manifest, images, boxes, most)


def listed(table: pd.DataFrame, why: str) -> list[str]:
    return table.loc[table["why"] == why, "id"].tolist()


def test_each_kind_of_doubt_has_its_list() -> None:
    table = review(50)
    assert list(table.columns) == REVIEW_COLUMNS
    assert listed(table, "failed") == ["broken", "part"]
    most, *others = listed(table, "doubtful")
    assert most == "four" and set(others) == {"one", "blank"}
    assert listed(table, "empty") == ["blank"]
    by_id = table.set_index("id")
    assert by_id.loc["broken", "reason"] == "truncated"
    assert table.loc[table["why"] == "doubtful", "reason"].iloc[0] == "pale; small"
    assert by_id.loc["broken", "path"] == "broken.png"


def test_the_weakest_region_decides() -> None:
    table = review(3)
    assert listed(table, "lowest score") == ["three", "one", "four"]
    scores = table.loc[table["why"] == "lowest score", "score"]
    assert scores.tolist() == pytest.approx([0.6, 0.7, 0.8])


def test_a_persons_review_begins_with_doubtful_images(tmp_path: Path) -> None:
    ids = ["a", "b", "c", "d"]
    manifest = pd.DataFrame({"id": ids, "path": ids, "split": "train", "digest": ids})
    manifest = manifest.assign(width=9, height=9, bytes=9)
    outcomes = pd.DataFrame({"id": ids, "status": "ok", "reason": "", "regions": 1})
    outcomes["doubts"] = ["", "pale", "", "pale; small"]
    pd.DataFrame({"id": ids, "score": 0.9}).to_parquet(tmp_path / "boxes.parquet")
    detected = Detected(manifest, outcomes, tmp_path / "boxes.parquet", None)
    queue = detected.queue(listed=1, sample=2, seed=0)
    assert queue[0].id == "d" and queue[0].why[0] == "pale; small"
    assert [entry.id for entry in queue if entry.place is not None] == draw_sample(ids, 0, 2)
