"""Table of corrected scores: numbers checked by hand, and the same in all files."""

from __future__ import annotations

import pandas as pd
from synthetic_results import make_scores

from anonbench.reporting.retrieval_tables import corrected_grid


def table() -> pd.DataFrame:
    """Scores of 40 between a floor of 20 and a ceiling of 60, by two seeds of adaption A."""
    scores = make_scores("a", (50, 100), seeds=(0, 1), control=True)
    scores = scores.assign(value=0.4, floor=0.2)
    control = (scores["method"] == "original") & (scores["adaption"] == "control")
    scores.loc[control, "value"] = 0.6
    one = (scores["adaption"] == "A") & (scores["seed"] == 1) & (scores["method"] == "blur")
    scores.loc[one, "value"] = 0.5
    return scores


def test_a_block_a_degree_and_query_kind_and_the_mean_over_seeds() -> None:
    grid = corrected_grid("a", table())
    assert [block.label for block in grid.blocks] == [
        f"With {query} query images, degree {degree} %"
        for degree in (50, 100)
        for query in ("original", "anonymized")
    ]
    assert grid.heads == ("Model", *(2 * ("Pixelate", "Blur", "Mask")))
    assert grid.groups == (("", 1), ("mAP", 3), ("mnDCG", 3))
    for block in grid.blocks:
        cells = {row[0]: row[1:] for row in block.rows}
        assert cells["A"] == 2 * ("50.0", "62.5", "50.0")
        assert cells["Unadapted"] == 6 * ("50.0",)
    assert grid.caption.startswith("Corrected scores in percent, a. 0 is a model without knowledge")


def test_what_is_not_known_is_said() -> None:
    scores = table()
    without = corrected_grid("a", scores[scores["adaption"] != "control"])
    assert not without.blocks and "no retraining control" in without.caption
    missing = (scores["adaption"] == "B") & (scores["method"] == "mask") & (scores["degree"] == 50)
    grid = corrected_grid("a", scores[~missing])
    assert next(row for row in grid.blocks[0].rows if row[0] == "B")[3] == "–"
