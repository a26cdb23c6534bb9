"""Quality of found regions, lists of doubtful images."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection.quality import (
    METRICS,
    matches,
    measure,
    measure_image,
    outlines,
    summarize_quality,
)
from anonbench.detection.review.queue import REVIEW_COLUMNS, draw_sample, entries, least_certain

SIZE = (100, 50)


def box(x0: float, y0: float, x1: float, y1: float, entity: Entity = Entity.TEXT) -> Region:
    return Region(entity, x0, y0, x1, y1, 1.0)


def test_numbers_by_hand() -> None:
    true = [box(0, 0, 10, 10), box(20, 0, 40, 10), box(60, 0, 70, 10, Entity.FACE)]
    found = [
        box(0, 0, 10, 10),
        box(20, 0, 35, 10, Entity.BARCODE),  # three quarters of a text, taken for a barcode
        box(60, 0, 70, 40, Entity.FACE),  # a face with 300 pixels too many
        box(22, 0, 30, 10, Entity.BARCODE),  # which hides nothing more
    ]
    rows, images = measure_image(found, true, SIZE)
    assert [row["covered"] for row in rows] == pytest.approx([1, 0.75, 1])
    assert [row["covered_alike"] for row in rows] == pytest.approx([1, 0, 1])
    assert [row["matched"] for row in rows] == [True, False, False]
    by_entity = {row["entity"]: row for row in images}
    assert list(by_entity) == ["face", "text", "barcode", "all"]
    assert by_entity["text"]["covered"] == pytest.approx(250 / 300)
    assert by_entity["text"]["covered_alike"] == pytest.approx(100 / 300)
    assert by_entity["barcode"]["true"] == 0 and np.isnan(by_entity["barcode"]["covered"])
    assert by_entity["face"]["false_area"] == pytest.approx(300 / 5000)
    assert by_entity["text"]["false_area"] == by_entity["barcode"]["false_area"] == 0
    assert by_entity["all"] == pytest.approx(
        {
            "entity": "all", "true": 3, "found": 4, "area": 400, "covered": 350 / 400,
            "covered_alike": 200 / 400, "false_area": 300 / 5000,
        }
    )  # fmt: skip


def test_as_many_pairs_as_possible_are_made() -> None:
    # the second found box fits the first true one best, which would leave the others without
    true = outlines([box(0, 0, 10, 10), box(0, 0, 15, 10)], SIZE)
    found = outlines([box(0, 0, 7, 10), box(0, 0, 11, 10)], SIZE)
    assert matches(true, found).tolist() == [True, True]
    assert matches(true[:1], found[:1]).tolist() == [True]
    assert matches(true[1:], found[:1]).tolist() == [False]
    assert matches(true, outlines([box(0, 0, 4, 10)], SIZE)).tolist() == [False, False]
    same = outlines([box(0, 0, 10, 10)] * 2, SIZE)  # a found region is matched once
    assert matches(same, same[:1]).sum() == 1


def test_quadrilaterals_count_their_own_area_and_flat_ones_none() -> None:
    diamond = Region(Entity.TEXT, 20, 10, 40, 30, 1.0, (30, 10, 40, 20, 30, 30, 20, 20))
    rows, images = measure_image([diamond], [box(20, 10, 40, 30)], SIZE)
    assert rows[0]["covered"] == pytest.approx(0.5)
    rows, images = measure_image([box(20, 10, 40, 30)], [diamond], SIZE)
    assert rows[0]["covered"] == 1
    assert images[-1]["false_area"] == pytest.approx(200 / 5000)
    crossed = Region(Entity.TEXT, 0, 0, 10, 10, 1.0, (0, 0, 10, 10, 10, 0, 0, 10))
    assert outlines([crossed], SIZE)[0].area == pytest.approx(100)  # that of their hull
    rows, images = measure_image([box(-50, -50, 10, 10)], [box(0, 0, 10, 10)], SIZE)
    assert rows[0]["matched"] and images[-1]["false_area"] == 0
    assert measure_image([], [box(100, 0, 120, 10)], SIZE)[0] == []
    flat = Region(Entity.TEXT, 0.0, 0.0, 1.0, 1.0, 1.0, (0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0))
    rows, images = measure_image([flat, box(0, 0, 1, 1), box(1, 0, 9, 9)], [box(0, 0, 10, 9)], SIZE)
    assert rows[0]["covered"] == pytest.approx(73 / 90)
    assert images[-1]["false_area"] == pytest.approx(0.0)
    alone, _ = measure_image([flat], [box(0, 0, 10, 9), flat], SIZE)
    assert alone[0]["covered"] == pytest.approx(0.0)


def test_summary_by_hand_also_of_an_entity_that_is_never_true() -> None:
    true = {
        "a": [box(0, 0, 10, 10), box(20, 0, 30, 10), box(40, 0, 50, 10)],
        "b": [box(0, 0, 10, 10)],
        "c": [],
    }
    found = {"a": [box(0, 0, 10, 10), box(20, 0, 26, 10)], "c": [box(0, 0, 50, 50)]}
    measured = measure(found, true, dict.fromkeys(true, SIZE))
    summary = summarize_quality(*measured, resamples=200, confidence=0.9)
    values = summary.set_index(["entity", "metric"])["value"]
    assert set(summary["metric"]) == set(METRICS)
    assert values["text", "covered"] == pytest.approx((160 / 300 + 0) / 2)  # a mean over images
    assert values["text", "recall_iou"] == pytest.approx(2 / 4)  # shares of regions
    assert values["text", "recall_50"] == pytest.approx(2 / 4)
    assert values["text", "recall_90"] == pytest.approx(1 / 4)
    assert values["text", "false_area"] == pytest.approx(0.5 / 3)  # also where nothing is true
    behind = summary.set_index(["entity", "metric"])
    assert behind.loc[("text", "covered"), ["images", "true", "found"]].tolist() == [2, 4, 3]
    assert behind.loc[("text", "false_area"), "images"] == 3
    assert (summary["low"] <= summary["value"]).all() and (
        summary["value"] <= summary["high"]
    ).all()
    assert (summary["low"] < summary["high"]).all()
    true = {name: [box(0, 0, 10, 10)] for name in "ab"}
    found = {**true, "a": [*true["a"], box(50, 0, 100, 50, Entity.FACE)]}
    measured = measure(found, true, dict.fromkeys("ab", SIZE))
    summary = summarize_quality(*measured, resamples=50, confidence=0.9)
    face = summary[summary["entity"] == "face"].set_index("metric")["value"]
    assert face["false_area"] == pytest.approx(0.5 / 2)  # there is none in the other image
    assert face.drop("false_area").isna().all()


def test_an_interval_is_over_persons_not_over_their_photographs() -> None:
    """Ten alike photographs of each of nine persons tell as much as one of each."""
    names = [f"{person}{photo}" for person in "abcdefghi" for photo in range(10)]
    true = {name: [box(0, 0, 10, 10, Entity.FACE)] for name in names}
    found = {name: [box(0, 0, 10 if name < "e" else 5, 10, Entity.FACE)] for name in names}
    measured = measure(found, true, dict.fromkeys(names, SIZE))
    persons = pd.Series({name: ord(name[0]) for name in names})

    def covered(of: Any, clusters: pd.Series | None = None) -> dict[str, float]:
        table = summarize_quality(*of, 500, 0.95, clusters)
        rows = table[(table["entity"] == "face") & (table["metric"] == "covered")]
        numbers = rows[["value", "low", "high", "images", "clusters"]]
        return dict(zip(numbers, numbers.to_numpy(float)[0].tolist(), strict=True))

    first = {name: regions for name, regions in true.items() if name.endswith("0")}
    alone = covered(measure(found, first, dict.fromkeys(names, SIZE)))
    by_person, by_image = covered(measured, persons), covered(measured)
    assert by_person == pytest.approx(alone | {"images": 90, "clusters": 9})
    assert by_person["high"] - by_person["low"] > 2 * (by_image["high"] - by_image["low"])
    assert by_image["clusters"] == 90


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


def test_lists_of_doubtful_images() -> None:
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
    drawn = draw_sample(ids, 0, 2)
    queue = entries(manifest, outcomes, tmp_path / "boxes.parquet", 1, drawn)
    assert queue[0].id == "d" and queue[0].why[0] == "pale; small"
    assert [entry.id for entry in queue if entry.place is not None] == drawn
