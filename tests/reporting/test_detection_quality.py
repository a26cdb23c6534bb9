"""The table and the sweep of detection, by what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from synthetic_results import make_quality, outputs

from anonbench.detection.quality.jobs import COLUMNS
from anonbench.reporting.detection import (
    QUALITY_HEADS,
    QUALITY_METRICS,
    quality_rows,
    write_quality,
)
from anonbench.reporting.figures import detection
from anonbench.reporting.figures.detection import threshold_sweep
from anonbench.reporting.figures.style import ENTITY_COLOURS


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that are drawn, instead of writing them."""
    figures: list[Figure] = []
    monkeypatch.setattr(detection, "save", lambda figure, outputs, dpi: figures.append(figure))
    return figures


def test_the_table_has_a_row_an_entity_and_dashes_where_nothing_is_true(tmp_path: Path) -> None:
    rows = {row[0]: row for row in quality_rows(make_quality())}
    assert list(rows) == ["Face", "Text", "All"]
    assert rows["Text"][1:4] == ("2", "2", "1")
    cells = {name: dict(zip(QUALITY_METRICS, row[4:], strict=True)) for name, row in rows.items()}
    assert cells["Text"]["covered"] == "50.0 (0.0 to 100.0)"
    assert cells["Face"]["recall_90"] == "–"
    assert cells["Face"]["false_area"].startswith("1.0 (")  # 200 of 10,000 pixels in one of two
    left = pd.DataFrame([(50, "face", 0.61, 0.5, 0.7, 12)], columns=COLUMNS)
    write_quality(make_quality(), left, "pages", tmp_path / "summary.md")
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("|") == len(QUALITY_HEADS) + 1
    assert {line.count("|") for line in lines[:5]} == {len(QUALITY_HEADS) + 1}
    assert lines[-1].startswith("pages.")
    assert "| 50 % | Face | 12 | 61.0 (50.0 to 70.0) |" in lines


def sweep_table(detectors: Sequence[str]) -> pd.DataFrame:
    rows = [
        (name, entity, threshold, threshold == 0.6, 9, 9, covered, covered, covered / 2, false)
        for name, false in zip(detectors, (0.3, 0.1), strict=False)
        for threshold in (0.1, 0.6, 0.9)
        for entity, covered in (("text", 1 - threshold), ("mrz", 0.9), ("face", 0.01))
    ]
    columns = ["detector", "entity", "threshold", "in_use", "images", "regions"]
    columns += ["covered", "recall_50", "recall_90", "false_area"]
    return pd.DataFrame(rows, columns=columns)


def test_a_column_a_detector_and_a_colour_an_entity(tmp_path: Path, drawn: list[Figure]) -> None:
    threshold_sweep(sweep_table(["ppocr", "mtcnn"]), "ids", outputs(tmp_path), 100)
    grid = np.array(drawn[0].axes).reshape(2, 2)
    assert [axes.get_title() for axes in grid[0]] == ["MTCNN", "PP-OCR"]
    curves = [line for line in grid[0, 1].lines if len(line.get_xdata()) == 3]
    colours = [ENTITY_COLOURS["text"].lower()] * 2 + [ENTITY_COLOURS["mrz"].lower()] * 2
    assert [to_hex(line.get_color()) for line in curves] == colours  # faces are not text's business
    assert curves[0].get_ydata() == pytest.approx([45, 20, 5])  # recall at 90 %
    assert curves[1].get_ydata() == pytest.approx([90, 40, 10])
    for axes in grid.ravel():
        marks = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
        assert marks == [0.6]
    assert grid[1, 0].lines[0].get_ydata() == pytest.approx([10, 10, 10])
    assert grid[1, 1].get_ylim()[0] == 0 and grid[1, 1].get_ylim()[1] >= 30


def test_no_threshold_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    threshold_sweep(sweep_table([]), "codes", outputs(tmp_path), 100)
    assert "codes" in drawn[0].texts[0].get_text()
