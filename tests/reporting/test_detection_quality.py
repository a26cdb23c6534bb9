"""The table of detection quality."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from synthetic_results import make_quality

from anonbench.detection.quality_jobs import COLUMNS
from anonbench.reporting.grid_tables import (
    QUALITY_HEADS,
    QUALITY_METRICS,
    quality_rows,
    write_quality,
)


def test_the_table_has_a_row_an_entity_and_dashes_where_nothing_is_true(tmp_path: Path) -> None:
    rows = {row[0]: row for row in quality_rows(make_quality(), 0.95)}
    assert list(rows) == ["Face", "Text", "All"]
    assert rows["Text"][1:4] == ("2", "2", "1")
    cells = {name: dict(zip(QUALITY_METRICS, row[4:], strict=True)) for name, row in rows.items()}
    assert cells["Text"]["covered"] == "50.0 (0.0 to 100.0)"
    assert cells["Face"]["recall_90"] == "–"
    assert cells["Face"]["false_area"].startswith("1.0 (")  # 200 of 10,000 pixels in one of two
    left = pd.DataFrame([(50, "face", 0.61, 0.5, 0.7, 12)], columns=COLUMNS)
    write_quality(make_quality(), left, "pages", 0.95, tmp_path / "summary.md")
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("|") == len(QUALITY_HEADS) + 1
    assert {line.count("|") for line in lines[:5]} == {len(QUALITY_HEADS) + 1}
    assert lines[-1].startswith("pages.")
    assert "| 50 % | Face | 12 | 61.0 (50.0 to 70.0) |" in lines


def test_images_that_are_all_alike_have_the_interval_that_the_policy_uses() -> None:
    face = make_quality()
    face.loc[face["metric"] == "covered", ["value", "low", "high", "images"]] = 1.0, 1.0, 1.0, 118
    cells = dict(zip(QUALITY_METRICS, quality_rows(face, 0.95)[0][4:], strict=True))
    assert cells["covered"] == "100.0 (96.8 to 100.0)"
