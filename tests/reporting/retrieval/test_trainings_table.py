"""Table of the agreement of trainings: the numbers of its file, and what it says."""

from __future__ import annotations

from synthetic_tables import FEW, make_trainings

from anonbench.reporting.html.page import sentences
from anonbench.reporting.retrieval_tables import MOST_COLUMNS, trainings_grid

MANY = [*FEW[:2], *((f"{a}-{m}-100", 0) for a in "ABC" for m in ("pixelate", "blur", "mask"))]


def test_a_row_is_judged_and_a_column_judges() -> None:
    grid = trainings_grid("a", make_trainings(), 0.9)
    assert grid.groups == (("", 1), ("By Unadapted", 2), ("By B, Blur 50 %", 1))
    assert grid.heads == ("Training", "seed 0", "seed 1", "seed 0")
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


def test_the_caption_says_what_to_conclude_and_how_surely() -> None:
    notes = " ".join(trainings_grid("a", make_trainings(), 0.9).notes)
    assert "says how much the training in the row keeps of the ranking" in notes
    assert "(intervals of 90 % over 40 clusters reach at most 3.0 points from it)" in notes
    unsure = " ".join(trainings_grid("a", make_trainings(reason="4 clusters"), 0.9).notes)
    assert "(no interval: 4 clusters)" in unsure and "reach" not in unsure
    assert len(sentences(notes)) == len(sentences(unsure)) == 2
    alone = trainings_grid("a", make_trainings(FEW[:1]), 0.9)
    assert not alone.blocks and "one training" in alone.caption
