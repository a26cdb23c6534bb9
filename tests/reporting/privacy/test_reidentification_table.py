from __future__ import annotations

import numpy as np
import pandas as pd

from anonbench.evaluation.privacy.gallery import NO_LESSON, UNTAUGHT
from anonbench.reporting.privacy_tables import reidentification_grid
from synthetic_rates import make_rates


def test_a_row_a_variant_with_its_strongest_attack() -> None:
    grid = reidentification_grid("a", make_rates("a", (50, 100)), 0.9)
    (block,) = grid.blocks
    assert (
        block.label
        == (
            "Face: the same person in another photograph, among 200; "
            "chance 1 % at rank 1, 2e+01 % at rank 10"
        )
        or "chance 1 % at rank 1, 10 % at rank 10" in block.label
    )
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
    assert "surroundings" not in reidentification_grid("a", make_rates("a")).caption
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
    text = "Attacks on text tell which line of the gallery it is; none of them reads it"
    assert text in grid.caption
    assert "on text" not in reidentification_grid("a", make_rates("a")).caption
    nothing = reidentification_grid("a", make_rates("a").iloc[:0])
    assert nothing.blocks == () and "No attack was run." in nothing.caption
