from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.reporting.paper.scenario_tables import (
    COLUMNS,
    profiles,
    scenario_grid,
    scenario_rows,
    write_profiles,
)


def experiment(**changes: Any) -> Experiment:
    entry = {
        "layout": "folder",
        "path": "x",
        "detectors": ["ppocr", "mtcnn", "zxing", "mrz"],
        "degrees": [100, 25],
        "methods": ["blur", "mask"],
        "paper_role": "rvl_cdip",
        "label": "class",
    }
    top = {key: changes.pop(key) for key in ("training_seeds", "control_seeds") if key in changes}
    return Experiment(load({"datasets": {"my_docs": {**entry, **changes}}, **top}))


def frame(made: Experiment) -> pd.DataFrame:
    return pd.DataFrame(scenario_rows(made, "my_docs"), columns=list(COLUMNS))


def test_every_scenario_is_spelled_out() -> None:
    table = frame(experiment(training_seeds=[0, 1], control_seeds=[7]))
    assert not table.duplicated().any()
    # 2 methods × 2 degrees × (unadapted, control, A, B, C, two baselines), twice; and originals
    anonymized = table[table["database"] != "original"]
    assert len(anonymized) == 2 * 4 * 7 and len(table) - len(anonymized) == 4
    assert Counter(anonymized["query"]) == {"original": 28, "anonymized": 28}
    one = table[(table["query"] == "anonymized") & (table["database"] == "mask-25")]
    rows = one.set_index("adaption")[["model", "global_crops", "local_crops", "seeds"]]
    assert rows.apply(tuple, axis=1).to_dict() == {
        "unadapted": ("unadapted", "original", "original", "0"),
        "control": ("unadapted", "original", "original", "1 7"),
        "A": ("A-mask-25", "original", "mask-25", "0 1"),
        "B": ("B-mask-25", "mask-25", "original", "0 1"),
        "C": ("C-mask-25", "mask-25", "mask-25", "0 1"),
        "pixels": ("pixels", "", "", "0"),
        "untrained": ("untrained", "", "", "0"),
    }
    assert set(one["query_images"]) == {"mask-25"}
    assert set(table.loc[table["query"] == "original", "query_images"]) == {"original"}


def test_grid_counts_trainings_and_scenarios() -> None:
    grid = scenario_grid(experiment(training_seeds=[0, 1], control_seeds=[7]), "my_docs")
    assert [len(block.rows) for block in grid.blocks] == [4, 7, 7]
    seen = ("original", "anonymized")
    assert grid.blocks[1].rows[5] == ("Raw pixels", "none", "none", *seen, "0", "4")
    assert grid.blocks[1].rows[2] == ("A", *["original", "anonymized"] * 2, "8", "8")
    assert grid.blocks[2].rows[0] == ("Unadapted", *["original"] * 2, *["anonymized"] * 2, "1", "4")
    assert "blur, mask at 25, 100 %" in grid.title
    assert "Table III of arXiv 2602.19641" in grid.caption
    assert "Table" not in scenario_grid(experiment(paper_role=None), "my_docs").caption


def test_a_system_is_named_and_nothing_was_trained() -> None:
    entry = {"layout": "folder", "path": "x", "detectors": ["mtcnn"], "system": "ours"}
    system = {"kind": "timm", "similarity": "euclidean"}
    made = Experiment(load({"datasets": {"my_docs": entry}, "systems": {"ours": system}}))
    grid = scenario_grid(made, "my_docs")
    assert grid.blocks[1].rows[0] == ("ours", *["none"] * 2, "original", "anonymized", "0", "3")
    assert "ranked by Euclidean distance" in grid.caption
    assert "The reference ranking is that of the system ours, as it is" in grid.caption
    assert "adapted" not in grid.caption.lower() and "training" not in grid.caption
    table = frame(made)
    assert set(table["global_crops"]) | set(table["local_crops"]) == {""}


@pytest.mark.parametrize("role", ["rvl_cdip", None])
def test_profile_has_the_columns_of_table_one(role: str | None, tmp_path: Path) -> None:
    (profile,) = profiles(experiment(paper_role=role).config)
    source = "RVL-CDIP: other data, in the layout folder" if role else "own"
    assert [*profile.values()] == [
        *("my_docs", source, "blur, mask (25, 100 %)", "Text, Face, Barcode, MRZ", "A, B, C", ""),
        "retrieval, classification (class)",
    ]
    counts = tmp_path / "counts.csv"
    counts.write_text("split,listed,used\ntrain,9,8\nval,5,4\n")
    paths = {name: tmp_path / f"experiment.{name}" for name in ("csv", "markdown", "latex")}
    write_profiles([profile], [counts], **paths)
    assert "4 images" in paths["markdown"].read_text()
