"""Tables of retrieval: deployments, agreement of trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_tables import FEW, make_deployments, make_trainings

from anonbench.config import Presentation
from anonbench.core.io import write_csv
from anonbench.evaluation.deployments import read_deployments
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.reporting.dataset_tables import (
    MOST_COLUMNS,
    deployments_grid,
    trainings_grid,
    write_dataset_table,
)
from synthetic_rates import make_attacks


def test_a_row_a_database_with_its_queries() -> None:
    table = make_deployments()
    table.loc[(table["share"] == 50) & (table["query"] == "original"), "low"] = 0.2
    grid = deployments_grid("a", table, 0.9)
    assert grid.heads == ("Database", "Queries", "mAP", "Kept", "Difference", "Verdict")
    assert [len(block.rows) for block in grid.blocks] == [12]
    rows = {row[:2]: row[2:] for block in grid.blocks for row in block.rows}
    assert rows["Originals", "originals"] == (
        "90.0 (85.0 to 95.0)",
        "95.0 (90.0 to 100.0)",
        "–",
        "–",
    )
    difference = "-1.2 (-6.2 to +3.8)"
    assert rows["Blur 50 %", "Blur"][2:] == (difference, "worse")
    # no more is known than chance
    assert sum("†" in row[0] for row in rows.values()) == 2
    assert "intervals of 90 %" in grid.caption and "60 queries in 30 clusters" in grid.caption


def test_without_a_second_reference_or_intervals_it_is_said() -> None:
    grid = deployments_grid("a", make_deployments("4 clusters are too few", second=False), 0.9)
    assert grid.heads == ("Database", "Queries", "mAP", "Difference", "Verdict")
    assert grid.blocks[0].rows[0][2:] == ("90.0", "–", "–")
    assert "No interval: 4 clusters are too few" in grid.caption
    assert "There is no second reference." in grid.caption
    nothing = deployments_grid("a", make_deployments().iloc[:0], 0.9)
    assert nothing.blocks == () and nothing.notes == ("No mixed archive was scored.",)


@pytest.mark.parametrize(
    ("name", "make", "read", "text"),
    [
        ("deployments", make_deployments, read_deployments, "Blur 50 %"),
        ("attacks", lambda: make_attacks("a"), read_attacks, "Reading of text"),
    ],
)
def test_files_have_all_rows(name: str, make: Any, read: Any, text: str, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv"}
    write_csv(make(), files[name])
    paths = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    write_dataset_table(name, "a", files, Presentation(), *paths)
    pd.testing.assert_frame_equal(read(paths[0]), read(files[name]))
    assert len(read(paths[0])) == len(make())
    assert text in paths[1].read_text(encoding="utf-8")


MANY = [*FEW[:2], *((f"{a}-{m}-100", 0) for a in "ABC" for m in ("pixelate", "blur", "mask"))]


def test_a_row_is_judged_and_a_column_judges() -> None:
    grid = trainings_grid("a", make_trainings(), 0.9)
    assert grid.groups == (("", 1), ("By Unadapted", 2), ("By B, Blur 50 %", 1))
    assert grid.heads == ("Training", "seed 0", "seed 1", "seed 0")
    interval = "(intervals of 90 % over 40 clusters reach at most 3.0 points from it)"
    assert interval in grid.caption
    unsure = trainings_grid("a", make_trainings(reason="4 clusters"), 0.9).caption
    assert "(no interval: 4 clusters)" in unsure and "reach" not in unsure
    assert not trainings_grid("a", make_trainings(FEW[:1]), 0.9).blocks
    assert grid.blocks[0].rows == (
        ("Unadapted, seed 0", "–", "9.0", "8.0"),
        ("Unadapted, seed 1", "15.0", "–", "13.0"),
        ("B, Blur 50 %, seed 0", "20.0", "19.0", "–"),
    )


def test_of_many_trainings_only_unadapted_ones_judge() -> None:
    grid = trainings_grid("a", make_trainings(MANY), 0.95)
    assert grid.groups == (("", 1), ("By Unadapted", 2))
    assert len(grid.blocks[0].rows) == len(MANY)
    assert grid.blocks[0].rows[-1] == ("C, Mask 100 %, seed 0", "60.0", "59.0")
    square = trainings_grid("a", make_trainings(MANY[:MOST_COLUMNS]), 0.95)
    assert len(square.heads) == 1 + len(square.blocks[0].rows) == 1 + MOST_COLUMNS
