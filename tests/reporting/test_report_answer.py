from __future__ import annotations

import pandas as pd
import pytest
from synthetic_results import make_scores

from anonbench.evaluation.sufficiency import DEFAULTS
from anonbench.reporting.html.answer import (
    answer,
    behind,
    on_originals,
    overview,
    ranked,
    stated,
    wins,
)
from anonbench.reporting.html.recommendations import Verdict, recommendations
from anonbench.reporting.summary import summarize, summarize_originals


def scores_with(best: tuple[str, str], value: float = 0.8) -> pd.DataFrame:
    """Return scores of 40 %, except for one method and adaption."""
    scores = make_scores("documents", (50, 100)).assign(value=0.4, low=0.38, high=0.42)
    chosen = (scores["method"] == best[0]) & (scores["adaption"] == best[1])
    scores.loc[chosen, ["value", "low", "high"]] = value, value - 0.02, value + 0.02
    return scores


def test_the_best_choice_and_its_loss_are_said() -> None:
    result = answer("documents", summarize(scores_with(("blur", "A"))))
    assert result.degree == 100
    original, anonymized, accuracy = result.parts
    assert original.choice == anonymized.choice == accuracy.choice == "Blur, adaption\u00a0A"
    assert [number.label for number in original.numbers] == ["mAP", "mnDCG"]
    assert original.numbers[0].value == "80.0 %"
    assert original.numbers[0].interval == "78.0 to 82.0"
    assert original.numbers[0].loss == "−20.0 points"
    assert accuracy.numbers[0].loss == ""
    assert "the intervals do not overlap" in original.notes[0]
    assert "240 queries, 24 scenarios, 1 training seed" in result.behind


def test_accuracies_stand_beside_those_on_originals() -> None:
    scores = make_scores("documents", control=True)
    known = scores[(scores["degree"] == 0) & (scores["adaption"] == "unadapted")]
    knn = 100 * known.loc[known["metric"] == "knn", "value"].iloc[0]
    found = on_originals(summarize_originals(scores))
    assert found == {"knn": pytest.approx(knn), "linear": pytest.approx(found["linear"])}
    accuracy = answer("documents", summarize(scores), originals=found).parts[2]
    assert accuracy.numbers[0].loss == f"originals {knn:.1f} %"
    (row,) = overview({"documents": summarize(scores)}, originals={"documents": found})
    assert row.originals == (None, None, None, None, found["knn"], found["linear"])
    assert on_originals(summarize_originals(make_scores("documents"))) == {}


def test_overlapping_intervals_are_said() -> None:
    result = answer("documents", summarize(scores_with(("blur", "A"), 0.42)))
    assert "the intervals overlap, so the order is not certain" in result.parts[0].notes[0]


def test_another_best_by_mndcg_is_said() -> None:
    scores = scores_with(("blur", "A"))
    other = (scores["method"] == "mask") & (scores["adaption"] == "C")
    scores.loc[other & (scores["metric"] == "mndcg"), "value"] = 0.9
    part = answer("documents", summarize(scores)).parts[0]
    assert [number.value for number in part.numbers] == ["80.0 %", "80.0 %"]
    assert "Highest mnDCG: Mask, adaption\u00a0C, 90.0 %." in part.notes


def test_the_lowest_degree_is_said_only_where_there_is_one() -> None:
    scores = scores_with(("blur", "A"))
    notes = answer("documents", summarize(scores)).parts[0].notes
    assert any(note.startswith("At degree 50 %") for note in notes)
    notes = answer("documents", summarize(scores[scores["degree"] == 100])).parts[0].notes
    assert not any(note.startswith("At degree") for note in notes)


def test_chance_is_said() -> None:
    scores = scores_with(("blur", "A")).assign(chance=0.79)
    assert "Even this mAP cannot be told from chance." in (
        answer("documents", summarize(scores)).parts[0].notes
    )


def test_the_own_image_is_no_merit() -> None:
    scores = scores_with(("blur", "A")).assign(chance=0.1, floor=0.1)
    scores.loc[scores["query"] == "anonymized", "floor"] = 0.79
    original, anonymized = answer("documents", summarize(scores)).parts[:2]
    assert "Even this mAP cannot be told from chance." not in original.notes
    assert "Even this mAP cannot be told from chance." in anonymized.notes


def test_the_retraining_control_never_wins() -> None:
    scores = make_scores("documents", control=True).assign(value=0.5, low=0.4, high=0.6)
    scores.loc[scores["adaption"] == "control", "value"] = 0.99
    summary = summarize(scores)
    assert (summary["adaption"] == "control").any()
    assert max(choice.value for choice in ranked(summary, 100, "map", "original")) == 50
    assert overview({"documents": summary})[0].best[0].value == pytest.approx(50)


def test_headline_counts_comparisons() -> None:
    scores = scores_with(("blur", "A"))
    models, methods = wins({"documents": summarize(scores)})
    # with blur, A wins at 2 degrees × 2 query kinds; with the other methods all models tie
    assert models == (
        "Best model by mAP, all else equal: adaption\u00a0A in 12, adaption\u00a0B in 8, "
        "adaption\u00a0C in 8, Unadapted in 8 of 12 comparisons; ties count for each."
    )
    assert methods.startswith("Best method by mAP, all else equal: Blur in 16, Mask in 12")
    clear = scores_with(("blur", "A"))
    clear.loc[clear["adaption"] != "A", "value"] -= 0.1
    assert wins({"documents": summarize(clear)})[0] == (
        "Best model by mAP, all else equal: adaption\u00a0A in 12 of 12 comparisons."
    )


def test_nothing_run_is_said() -> None:
    empty = summarize(make_scores("documents").iloc[:0])
    assert wins({"documents": empty}) == []
    assert answer("documents", empty).parts == ()
    assert overview({"documents": empty}) == []
    assert behind(empty) == "no scores"
    unlabelled = answer("ids", summarize(make_scores("ids", labelled=False)))
    assert unlabelled.parts[2].choice == "not run"
    assert overview({"ids": summarize(make_scores("ids", labelled=False))})[0].best[4:] == (
        None,
        None,
    )


def test_rankings_of_too_few_images_are_not_told() -> None:
    summary = summarize(scores_with(("blur", "A")))
    result = answer("documents", summary, "k is 1")
    assert [part.choice for part in result.parts[:2]] == ["not known: k is 1"] * 2
    assert not any(part.numbers for part in result.parts[:2]) and result.parts[2].numbers
    row = overview({"documents": summary}, {"documents": "k is 1"})[0]
    assert row.best[:4] == (None,) * 4 and row.best[4] is not None
    assert row.unknown == (True,) * 4 + (False,) * 2
    wide = summary.assign(low=0.1, high=0.9)
    assert overview({"documents": wide})[0].unknown == (True,) * 6
    assert wins({"documents": stated(summary, "k is 1")}) == []


def test_a_measure_with_a_wide_interval_gives_no_statement() -> None:
    summary = summarize(scores_with(("blur", "A")))
    assert stated(summary, "", DEFAULTS).equals(summary)
    one = (summary["metric"] == "map") & (summary["degree"] == 100)
    wide = summary.copy()
    wide.loc[wide.index[one][0], ["low", "high"]] = 0.1, 0.9
    query = wide.loc[wide.index[one][0], "query"]
    left = stated(wide, "", DEFAULTS)
    # as a whole: the best of the others may not be the best
    assert left.equals(wide[~(one & (wide["query"] == query))])
    wide[["low", "high"]] = 0.1, 0.9
    given = {"documents": stated(wide, "", DEFAULTS)}
    assert wins(given) == []
    assert {each.verdict for each in recommendations(given, {}, {})} == {Verdict.UNKNOWN}
