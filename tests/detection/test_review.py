"""Lists of doubtful images: who is on them, in which order, and who is drawn."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anonbench.detection.quality_jobs import REVIEW_COLUMNS, least_certain
from anonbench.detection.review.queue import Detected, draw_sample

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
