"""Table of attacks for people."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.config import Presentation
from anonbench.core.io import write_csv
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.reporting.dataset_tables import write_dataset_table
from anonbench.reporting.privacy_tables import attacks_grid
from synthetic_rates import make_attacks


def test_a_row_has_the_rate_beside_what_masks_and_chance_give() -> None:
    grid = attacks_grid("a", make_attacks("a"), 0.95)
    text, linked = grid.blocks
    assert text.label == "Reading of text: singling out"
    assert linked.label == "Linkage by retrieval: linkability"
    original, pixelate, *_ = text.rows
    assert original[:3] == ("Text: lines right", "–", "Originals")
    assert pixelate[1:] == ("100 %", "Pixelate", "30.0 (26.0–34.0)", "2.0", "1.0", "150")
    assert linked.rows[0][0] == "Own version first"
    assert any(
        "Inference of attributes: not run (the data set has no label)" in n for n in grid.notes
    )


def test_attributes_have_their_names_with_what_was_not_inferred() -> None:
    table = make_attacks("a")
    known = table["attack"] == "linkage"
    smiling = table[known].assign(attack="inference", measure="accuracy_of_Mouth_Open")
    lacking = table[table["reason"] != ""].assign(
        measure="accuracy_of_Bald", reason="no image has a label"
    )
    grid = attacks_grid("a", pd.concat([smiling, lacking]), 0.95)
    assert grid.blocks[0].rows[0][0] == "Mouth Open right"
    assert "Inference of attributes, Bald right: not run (no image has a label)." in grid.notes


def test_nothing_that_could_be_told_is_said() -> None:
    table = make_attacks("a").assign(rate=float("nan"), reason="3 clusters")
    grid = attacks_grid("a", table, 0.95)
    assert grid.blocks == ()
    assert grid.notes[0].startswith("No attack could be run: this says nothing")
    assert "Reading of text, Text" in grid.notes[1] and "3 clusters" in grid.notes[1]


def test_files_hold_the_rates(tmp_path: Path) -> None:
    files = {"attacks": tmp_path / "attacks.csv"}
    write_csv(make_attacks("a"), files["attacks"])
    paths = {name: tmp_path / f"table.{name}" for name in ("csv", "markdown", "latex")}
    write_dataset_table("attacks", "a", files, Presentation(), **paths)
    assert read_attacks(paths["csv"])["rate"].equals(make_attacks("a")["rate"])
