"""The table of areas under the fronts: every risk, utility and method."""

from __future__ import annotations

from synthetic_results import make_scores

from anonbench.config import Policy
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.reporting.privacy_tables import front_area_grid, front_areas
from policy_evidence import make_measured

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


def test_without_scores_or_attacks_the_table_is_empty() -> None:
    judged = judge(evidence(make_measured(VARIANTS, rates=None, attacks=None)), Policy())
    scores = make_scores("portraits", (50, 100))
    for table in (front_areas(judged, scores), front_areas(judged, scores.iloc[:0])):
        assert table.empty and front_area_grid("portraits", table).blocks == ()
