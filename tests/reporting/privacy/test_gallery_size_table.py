from __future__ import annotations

from pathlib import Path

from anonbench.config import Presentation
from anonbench.core.io import write_csv
from anonbench.evaluation.privacy.gallery_sizes import read_gallery_sizes
from anonbench.reporting.dataset_tables import write_dataset_table
from anonbench.reporting.privacy.gallery_size import gallery_size_grid
from synthetic_rates import make_gallery_sizes


def test_a_row_a_variant_and_a_mark_where_it_is_extrapolated() -> None:
    grid = gallery_size_grid("a", make_gallery_sizes("a"), 0.9)
    (block,) = grid.blocks
    assert block.label == "Face: one crop of each person in the gallery; 40 were searched"
    assert grid.heads[3:5] == ("among 10", "among 100")
    assert block.rows[0][:2] == ("–", "Originals")
    assert block.rows[2][:5] == (
        "100 %",
        "Blur",
        "Naive (unadapted model)",
        "45.0 (22.5–55.0)",
        "22.5* (15.0–45.0)",
    )
    assert "at least" in grid.caption and "intervals of 90 %" in grid.caption


def test_why_there_is_no_interval_is_said() -> None:
    few = make_gallery_sizes("a").assign(low=float("nan"), high=float("nan"), reason="7 clusters")
    grid = gallery_size_grid("a", few, 0.95)
    assert grid.blocks[0].rows[2][3] == "45.0" and "No interval: 7 clusters." in grid.caption
    assert "No attack was run" in gallery_size_grid("a", few.iloc[:0], 0.95).caption


def test_the_files_hold_the_same(tmp_path: Path) -> None:
    sizes = make_gallery_sizes("a")
    paths = {name: tmp_path / f"table.{name}" for name in ("csv", "md", "tex")}
    write_csv(sizes, tmp_path / "sizes.csv")
    files = {"gallery_sizes": tmp_path / "sizes.csv"}
    write_dataset_table("gallery_size", "a", files, Presentation(), *paths.values())
    assert read_gallery_sizes(paths["csv"])["rate"].tolist() == sizes["rate"].tolist()
    assert "| 100 % | Blur |" in paths["md"].read_text(encoding="utf-8")
