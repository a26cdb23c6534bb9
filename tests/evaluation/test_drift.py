"""Drift: what differs is found, what does not is not, and what cannot be told is not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.core.boxes import Region, box_table, write_boxes
from anonbench.core.vocabulary import Entity
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation import drift
from anonbench.evaluation.drift import Batch, compare, energy_test, permuted_means, verdict


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "PERMUTATIONS", 499)


def batch(
    folder: Path,
    name: str,
    images: int = 60,
    empty: float = 0.1,
    size: float = 20,
    shift: float = 0,
) -> Batch:
    """Return a data set of drawn numbers: two images a cluster."""
    drawn = np.random.default_rng(list(name.encode()))
    root = folder / name
    root.mkdir()
    ids = [f"{name}{number:03d}" for number in range(images)]
    found = drawn.random(images) >= empty
    pd.DataFrame({"id": ids, "width": 100, "height": 100}).to_parquet(root / "manifest.parquet")
    clusters = pd.DataFrame({"id": ids, "cluster": np.arange(images) // 2, "by": "person"})
    clusters.to_parquet(root / "clusters.parquet")
    status = np.where(found, "ok", "empty")
    outcomes = pd.DataFrame({"id": ids, "status": status, "reason": "", "regions": found * 1})
    outcomes.to_parquet(root / "0.images.parquet")
    sides = drawn.normal(size, 3, images)
    regions = {
        image_id: [Region(Entity.TEXT, 0.0, 0.0, side, side, 0.9)]
        for image_id, side, is_found in zip(ids, sides, found, strict=True)
        if is_found
    }
    write_boxes(box_table(regions, 0), root / "boxes.parquet")
    vectors = drawn.normal(size=(images, 8)).astype(np.float32)
    vectors[:, 0] += shift
    write_embeddings(root / "val.h5", Embeddings(ids, vectors))
    scores = pd.DataFrame({"id": ids, "query": "original", "ap": drawn.random(images)})
    scores.to_parquet(root / "scores.parquet")
    return Batch(
        name,
        root / "manifest.parquet",
        root / "clusters.parquet",
        [root / "0.images.parquet"],
        root / "boxes.parquet",
        {"unadapted": root / "val.h5"},
        {"mask-100": root / "scores.parquet"},
    )


def test_equal_batches_have_not_drifted(tmp_path: Path) -> None:
    table = compare(batch(tmp_path, "old"), batch(tmp_path, "new"), 0.95)
    assert not table["drifted"].any()
    assert set(table["part"]) == {"detection", "regions", "embeddings", "retrieval"}
    assert "no drift found in" in verdict(table, "old", "new")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"empty": 0.6}, "detection (nothing found)"),
        ({"size": 30.0}, "regions (text: size)"),
        ({"shift": 2.0}, "embeddings (energy distance)"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, change: dict[str, float], part: str) -> None:
    old, new = batch(tmp_path, "old"), batch(tmp_path, "new", **change)  # type: ignore[arg-type]
    said = verdict(compare(old, new, 0.95), "old", "new")
    assert part in said and said.endswith("Repeat the evaluation on new")


def test_too_few_images_say_nothing(tmp_path: Path) -> None:
    table = compare(batch(tmp_path, "old"), batch(tmp_path, "new", images=8), 0.95)
    assert table["p"].isna().all() and (table["reason"] != "").all()
    assert "not known" in verdict(table, "old", "new")


def test_the_same_batches_give_the_same_table(tmp_path: Path) -> None:
    old, new = batch(tmp_path, "old"), batch(tmp_path, "new")
    pd.testing.assert_frame_equal(compare(old, new, 0.95), compare(old, new, 0.95))


def test_false_alarms_are_as_rare_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "PERMUTATIONS", 199)
    drawn = np.random.default_rng(5)
    alarms = [
        permuted_means(drawn.normal(size=40), np.ones(40), 15, number) <= 0.1
        for number in range(200)
    ]
    assert 0.04 < np.mean(alarms) < 0.17


def test_energy_distance_is_its_sum_of_distances() -> None:
    drawn = np.random.default_rng(0)
    one, other = drawn.normal(size=(12, 3)), drawn.normal(0.5, 1, size=(9, 3))

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([[np.linalg.norm(x - y) for y in b] for x in a]))

    expected = 2 * mean(one, other) - mean(one, one) - mean(other, other)
    distance, p = energy_test(one, other, "test")
    assert distance == pytest.approx(expected)
    assert 0 < p <= 1
    assert energy_test(one, one + 9, "test")[1] < 0.01
