"""Tables of what images reveal: attacks, areas under the fronts, re-identification."""

from __future__ import annotations

import numpy as np
import pandas as pd
from synthetic_results import make_scores

from anonbench.config import Policy
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.evaluation.privacy.probes import NO_LESSON, UNTAUGHT
from anonbench.reporting.privacy_tables import (
    attacks_grid,
    front_area_grid,
    front_areas,
    reidentification_grid,
)
from policy_evidence import make_measured
from synthetic_rates import make_attacks, make_rates


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


VARIANTS = ("mask-100", "blur-100", "mask-50", "blur-50")


def test_every_model_and_utility_counts() -> None:
    judged = judge(evidence(make_measured(VARIANTS)), Policy())
    table = front_areas(judged, make_scores("portraits", (50, 100)))
    assert set(table["method"]) == {"mask", "blur"} and set(table["variants"]) == {2}
    assert {("map", "original"), ("knn", "")} <= set(
        table[["metric", "query"]].itertuples(index=False, name=None)
    )
    grid = front_area_grid("portraits", table)
    (block,) = grid.blocks
    assert block.label == "Singling out" and grid.heads == ("Utility", "Blur", "Mask")
    assert len(block.rows) == 6 and all("–" not in row for row in block.rows)
    nothing = front_areas(judged, make_scores("portraits").iloc[:0])
    assert nothing.empty and front_area_grid("portraits", nothing).blocks == ()


def test_a_row_a_variant_with_its_strongest_attack() -> None:
    grid = reidentification_grid("a", make_rates("a", (50, 100)), 0.9)
    (block,) = grid.blocks
    label = "Face: the same person in another photograph, among 200; chance 1 % at rank 1, "
    assert block.label in {f"{label}2e+01 % at rank 10", f"{label}10 % at rank 10"}
    assert [row[:2] for row in block.rows] == [
        ("–", "Originals"),
        *((f"{d} %", name) for d in (50, 100) for name in ("Pixelate", "Blur", "Mask")),
    ]
    blur = dict(zip(grid.heads[-5:], block.rows[5][-5:], strict=True))
    assert blur["Rank 1"] == "45.0 (41.0–49.0)" and blur["Probes"] == "150"
    half = dict(zip(grid.heads[-5:], block.rows[2][-5:], strict=True))
    assert blur["One mate"] == "35.0 (31.0–39.0)"
    assert half["Rank 1"] == "67.5 (63.5–71.5)" and half["Hidden only"] == "45.0 (41.0–49.0)"
    assert "intervals of 90 %, over at most 50 clusters of probes" in grid.caption
    assert all(len(row) == len(grid.heads) for row in block.rows)
    assert sum(span for _, span in grid.groups) == len(grid.heads)


def test_surroundings_have_a_column_and_no_part_in_the_strongest_attack() -> None:
    grid = reidentification_grid("a", make_rates("a", remainder=0.97))
    assert ("Unmasked remainder, rank 1", 1) in grid.groups
    (block,) = grid.blocks
    column = list(grid.heads).index("Rank 1") - 1
    assert [row[column] for row in block.rows] == ["97.0"] * 4
    assert block.rows[3][column + 1] == "1.0 (0.0–5.0)"
    assert "only the surroundings of a region" in grid.caption
    untaught = make_rates("a", remainder=0.4)
    lack = untaught[untaught["regions"] == "remainder"].iloc[:1]
    lack = lack.assign(rate=np.nan, rank=pd.NA, reason=f"{NO_LESSON}, {UNTAUGHT}")
    caption = reidentification_grid("a", pd.concat([untaught, lack])).caption
    assert f"Not taught: Face, Unmasked remainder ({NO_LESSON}, {UNTAUGHT})." in caption


def test_each_entity_has_its_block_and_what_is_missing_its_reason() -> None:
    rates = pd.concat(
        [make_rates("a"), make_rates("a", entity="text", match="region", adapted=False)]
    )
    grid = reidentification_grid("a", rates)
    assert [block.label.split(":")[0] for block in grid.blocks] == ["Face", "Text"]
    assert "the very same region" in grid.blocks[1].label
    assert "Not run: Text, Adaptive attacker (adapted model) (no model is adapted" in grid.caption
    assert "not run" in grid.blocks[1].rows[1]
    nothing = reidentification_grid("a", make_rates("a").iloc[:0])
    assert nothing.blocks == () and "No attack was run." in nothing.caption
