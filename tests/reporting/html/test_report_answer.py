"""The overview of the best choices, each value traced to the tables by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic_results import make_best, make_scores

from anonbench.reporting.html.choices.answer import evidence, on_originals, overview, ranked, stated
from anonbench.reporting.html.choices.best import Best, best_choices, named, sharpest
from anonbench.reporting.summary import summarize, summarize_originals


def scores_with(best: tuple[str, str], value: float = 0.8) -> pd.DataFrame:
    """Return scores of 40 %, except for one method and adaption."""
    scores = make_scores("documents", (50, 100)).assign(value=0.4, low=0.38, high=0.42)
    chosen = (scores["method"] == best[0]) & (scores["adaption"] == best[1])
    scores.loc[chosen, ["value", "low", "high"]] = value, value - 0.02, value + 0.02
    return scores


def bests_of(scores: pd.DataFrame) -> dict[tuple[str, int, str, str, str, str], Best]:
    return best_choices([make_best(scores)])


def test_the_best_is_named_with_all_that_are_as_good() -> None:
    scores = scores_with(("blur", "A"))
    second = (scores["method"] == "blur") & (scores["adaption"] == "C")
    third = (scores["method"] == "mask") & (scores["adaption"] == "unadapted")
    scores.loc[second | third, "value"] = 0.79
    row = overview({"documents": summarize(scores)}, bests_of(scores), {})[1]
    assert row.degree == 100 and row.behind == "240 queries in 40 clusters, 1 seed"
    assert [cell.value for cell in row.cells] == ["79.0"] * 6  # less an optimism of one point
    assert {cell.choices for cell in row.cells} == {"Blur with A, C; Mask with unadapted"}


def test_what_a_value_is_read_against_stands_beside_it() -> None:
    scores = make_scores("documents", control=True)
    known = scores[(scores["degree"] == 0) & (scores["adaption"] == "unadapted")]
    knn = 100 * known.loc[known["metric"] == "knn", "value"].iloc[0]
    found = on_originals(summarize_originals(scores))
    assert found == {"knn": pytest.approx(knn), "linear": pytest.approx(found["linear"])}
    summaries, ceiling = {"documents": summarize(scores)}, {("documents", "map"): 45.0}
    (row,) = overview(summaries, bests_of(scores), ceiling, originals={"documents": found})
    assert [cell.beside for cell in row.cells[:5]] == ["ceiling 45.0"] * 2 + ["", ""] + [
        f"originals {knn:.1f}"
    ]
    assert on_originals(summarize_originals(make_scores("documents"))) == {}


def test_a_second_reference_comes_before_the_own_one() -> None:
    table = make_best(make_scores("documents"))
    table.loc[table["reference"] == "second", "value"] = 0.123
    found = best_choices([table])
    best = sharpest(found, "documents", 100, "original", "map")
    assert best is not None and best.value == pytest.approx(12.3)
    own = best_choices([table[table["reference"] == "own"]])
    best = sharpest(own, "documents", 100, "original", "map")
    assert best is not None and best.value > 12.3
    assert sharpest(own, "documents", 50, "original", "map") is None


def test_choices_are_named_by_method() -> None:
    assert named([("blur", "unadapted"), ("mask", "A"), ("blur", "C")]) == (
        "Blur with unadapted, C; Mask with A"
    )


def test_the_retraining_control_is_no_choice() -> None:
    scores = make_scores("documents", control=True).assign(value=0.5, low=0.4, high=0.6)
    scores.loc[scores["adaption"] == "control", "value"] = 0.99
    summary = summarize(scores)
    assert (summary["adaption"] == "control").any()
    assert max(choice.value for choice in ranked(summary, 100, "map", "original")) == 50


def test_the_own_image_is_no_merit() -> None:
    scores = scores_with(("blur", "A")).assign(chance=0.1, floor=0.1)
    scores.loc[scores["query"] == "anonymized", "floor"] = 0.79
    row = overview({"documents": summarize(scores)}, bests_of(scores), {})[0]
    assert [cell.at_chance for cell in row.cells] == [False, True, False, True, False, False]


def test_what_was_not_run_is_said() -> None:
    empty = summarize(make_scores("documents").iloc[:0])
    assert overview({"documents": empty}, {}, {}) == []
    unlabelled = make_scores("ids", labelled=False)
    row = overview({"ids": summarize(unlabelled)}, bests_of(unlabelled), {})[0]
    assert [cell.value for cell in row.cells[4:]] == ["not run"] * 2


def test_rankings_of_too_few_images_are_not_known() -> None:
    scores = scores_with(("blur", "A"))
    summary, bests = summarize(scores), best_choices([stated(make_best(scores), "k is 1")])
    row = overview({"documents": summary}, bests, {}, {"documents": "k is 1"})[0]
    assert [cell.value for cell in row.cells[:4]] == ["not known"] * 4
    assert all(cell.known for cell in row.cells[4:])
    wide = summary.assign(low=0.1, high=0.9)
    assert {c.value for c in overview({"documents": wide}, bests_of(scores), {})[0].cells} == {
        "not known"
    }


def test_without_enough_clusters_nothing_is_known() -> None:
    scores = scores_with(("blur", "A")).assign(clusters=4)
    table = make_best(scores).assign(reason="4 clusters, and 8 are needed")
    row = overview({"documents": summarize(scores)}, best_choices([table]), {})[0]
    assert {cell.value for cell in row.cells} == {"not known"}
    found = evidence({"documents": summarize(scores), "a": summarize(make_scores("a"))})
    assert found == {
        "documents": "nothing is sure, for 4 clusters are fewer than 8",
        "a": "intervals over 40 clusters",
    }
