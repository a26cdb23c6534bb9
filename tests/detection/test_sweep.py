"""Threshold sweeps: dropping regions afterwards is detecting again, and what curves say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import encode
from anonbench.detection.kinds import Mtcnn, Ppocr
from anonbench.detection.quality.sweep import (
    SWEEP_COLUMNS,
    THRESHOLDS,
    curve,
    draw_sample,
    sweep,
    threshold_of,
    with_threshold,
)
from anonbench.detection.search import build
from anonbench_demo import documents, portraits
from anonbench_demo.truth import Drawing

SETTINGS = Detection(mtcnn=Mtcnn(thresholds=(0.4, 0.3, 0.8)), ppocr=Ppocr(box_thresh=0.65))


@pytest.fixture(scope="module")
def portrait() -> Drawing:
    return portraits.draw(0, "someone", 0)


@pytest.fixture(scope="module")
def page() -> Drawing:
    return documents.draw(0, "letter", 0)


def listed(folder: Path, drawings: dict[str, Drawing]) -> pd.DataFrame:
    rows = []
    for name, drawing in drawings.items():
        path = folder / f"{name}.png"
        path.write_bytes(encode(drawing.image))
        height, width = drawing.image.shape[:2]
        rows.append((name, path.name, width, height, path.stat().st_size, file_digest(path)))
    return pd.DataFrame(rows, columns=["id", "path", "width", "height", "bytes", "digest"])


def test_only_the_last_threshold_changes() -> None:
    assert threshold_of(DetectorName.MTCNN, SETTINGS) == 0.8
    assert threshold_of(DetectorName.PPOCR, SETTINGS) == 0.65
    assert threshold_of(DetectorName.ZXING, SETTINGS) is None
    lowered = with_threshold(DetectorName.MTCNN, SETTINGS, 0.1)
    assert lowered.mtcnn.thresholds == (0.4, 0.3, 0.1)
    assert lowered.ppocr == SETTINGS.ppocr
    assert with_threshold(DetectorName.PPOCR, SETTINGS, 0.1).ppocr.box_thresh == 0.1


@pytest.mark.parametrize(
    ("name", "fixture", "low", "high"),
    [(DetectorName.MTCNN, "portrait", 0.05, 0.99), (DetectorName.PPOCR, "page", 0.3, 0.85)],
)
def test_dropping_regions_afterwards_is_detecting_again(
    name: DetectorName, fixture: str, low: float, high: float, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(fixture).image
    turned = np.ascontiguousarray(np.rot90(image))  # where faces and lines are doubtful
    few, many = (
        build(name, with_threshold(name, SETTINGS, threshold)).detect([image, turned])
        for threshold in (high, low)
    )
    assert sum(map(len, few)) < sum(map(len, many))
    kept = [[region for region in regions if region.score >= high] for regions in many]
    assert kept == few


def box(x0: float, x1: float, score: float, entity: Entity = Entity.TEXT) -> Region:
    return Region(entity, x0, 0, x1, 10, score)


def test_curve_by_hand() -> None:
    true = {"a": [box(0, 10, 1), box(20, 30, 1), box(40, 50, 1, Entity.FACE)], "b": [box(0, 10, 1)]}
    found = {"a": [box(0, 10, 0.9), box(20, 26, 0.5), box(60, 100, 0.5)]}
    rows = curve(found, true, {"a": (100, 10), "b": (100, 10)}, [0.1, 0.6, 0.95])
    text = rows[rows["entity"] == "text"].set_index("threshold")
    assert text["covered"].tolist() == pytest.approx([1.6 / 3, 1 / 3, 0])
    assert text["recall_50"].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert text["recall_90"].tolist() == pytest.approx([1 / 3, 1 / 3, 0])
    assert text["false_area"].tolist() == pytest.approx([0.2, 0, 0])
    assert text["images"].tolist() == [2, 2, 2] and text["regions"].tolist() == [3, 3, 3]
    assert rows.loc[rows["entity"] == "face", "covered"].tolist() == [0, 0, 0]
    assert set(rows["entity"]) == {"text", "face"}


def test_a_score_at_the_threshold_counts_in_single_precision() -> None:
    found = {"a": [box(0, 10, float(np.float32(0.7)))]}
    rows = curve(found, {"a": [box(0, 10, 1)]}, {"a": (100, 10)}, [0.7])
    assert rows["covered"].tolist() == [1]


def test_sweep_measures_each_detector_by_itself_and_marks_the_setting(
    tmp_path: Path, portrait: Drawing
) -> None:
    manifest = listed(tmp_path, {"a": portrait})
    names = [DetectorName.ZXING, DetectorName.MTCNN]
    table = sweep(manifest, tmp_path, names, SETTINGS, {"a": portrait.regions})
    assert list(table.columns) == SWEEP_COLUMNS
    assert set(table["detector"]) == {"mtcnn"}
    assert table["threshold"].tolist() == list(THRESHOLDS)
    assert table.loc[table["in_use"], "threshold"].tolist() == [0.8]
    assert table["recall_50"].iloc[0] == 1 and table["recall_50"].is_monotonic_decreasing


def test_without_any_threshold_the_table_is_empty(tmp_path: Path, portrait: Drawing) -> None:
    manifest = listed(tmp_path, {"a": portrait})
    table = sweep(manifest, tmp_path, [DetectorName.ZXING], SETTINGS, {"a": []})
    assert table.empty and list(table.columns) == SWEEP_COLUMNS


def test_the_sample_depends_on_ids_alone() -> None:
    ids = [f"image-{number}" for number in range(50)]
    sample = draw_sample(ids, 10)
    assert sample == sorted(sample) == draw_sample(reversed(ids), 10)
    assert set(draw_sample(ids[:40], 10)) >= set(sample) & set(ids[:40])
    assert draw_sample(ids, 100) == sorted(ids)
