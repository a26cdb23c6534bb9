"""The table of mixed archives."""

from __future__ import annotations

from pathlib import Path

from synthetic_tables import make_deployments

from anonbench.config import Presentation
from anonbench.core.io import write_csv
from anonbench.evaluation.deployments import read_deployments
from anonbench.reporting.dataset_tables import write_dataset_table
from anonbench.reporting.retrieval.deployments import deployments_grid


def test_a_row_a_database_with_its_queries() -> None:
    grid = deployments_grid("a", make_deployments(), 0.9)
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
    assert "intervals of 90 %" in grid.caption and "60 queries in 30 clusters" in grid.caption


def test_a_dagger_where_no_more_is_known_than_chance() -> None:
    table = make_deployments()
    table.loc[(table["share"] == 50) & (table["query"] == "original"), "low"] = 0.2
    cells = [row[2] for block in deployments_grid("a", table, 0.9).blocks for row in block.rows]
    assert sum("†" in cell for cell in cells) == 2


def test_without_a_second_reference_or_intervals_it_is_said() -> None:
    grid = deployments_grid("a", make_deployments("4 clusters are too few", second=False), 0.9)
    assert grid.heads == ("Database", "Queries", "mAP", "Difference", "Verdict")
    assert grid.blocks[0].rows[0][2:] == ("90.0", "–", "–")
    assert "No interval: 4 clusters are too few" in grid.caption
    assert "There is no second reference." in grid.caption
    nothing = deployments_grid("a", make_deployments().iloc[:0], 0.9)
    assert nothing.blocks == () and nothing.notes == ("No mixed archive was scored.",)


def test_its_files_have_all_rows(tmp_path: Path) -> None:
    files = {"deployments": tmp_path / "deployments.csv"}
    write_csv(make_deployments(), files["deployments"])
    paths = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    write_dataset_table("deployments", "a", files, Presentation(), *paths)
    assert len(read_deployments(paths[0])) == len(make_deployments())
    assert "Blur 50 %" in paths[1].read_text(encoding="utf-8")
