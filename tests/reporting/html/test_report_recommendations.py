"""Recommendations follow from verdicts of tests, never from signs."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic_results import make_best, make_comparisons, make_effects, make_scores

from anonbench.reporting.html.choices.best import best_choices
from anonbench.reporting.html.choices.recommendations import (
    Recommendation,
    Verdict,
    recommendations,
)
from anonbench.reporting.html.choices.risk import risks
from anonbench.reporting.html.verdicts import Tally
from anonbench.reporting.summary import summarize
from synthetic_rates import make_rates


def flat(dataset: str, value: float = 0.4) -> pd.DataFrame:
    return make_scores(dataset, control=True).assign(value=value, low=value, high=value)


def raised(scores: pd.DataFrame, by: float = 0.1, **where: str) -> pd.DataFrame:
    """Return scores of which those with these keys are higher."""
    chosen = (scores[list(where)] == pd.Series(where)).all(axis=1)
    return scores.assign(value=scores["value"] + by * chosen)


def judge(*tables: pd.DataFrame, **verdicts: str | list[str]) -> list[Recommendation]:
    """Evaluate the recommendations on scores; verdicts of effects are given by name."""
    names = [str(table["dataset"].iloc[0]) for table in tables]
    effects = dict(zip(names, map(make_effects, tables), strict=True))
    for table in effects.values():
        for effect, words in verdicts.items():
            rows = table.index[table["effect"] == effect]
            given = [words] * len(rows) if isinstance(words, str) else words
            table.loc[rows, "verdict"] = (given * len(rows))[: len(rows)]
    return recommendations(
        effects,
        {name: make_comparisons(table) for name, table in zip(names, tables, strict=True)},
        best_choices(map(make_best, tables)),
        {name: summarize(table) for name, table in zip(names, tables, strict=True)},
        risks({"a": make_rates("a")}),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("worse", Verdict.HOLDS),
        (["worse", "equivalent", "equivalent"], Verdict.IN_PART),
        (["worse", "undecided", "undecided"], Verdict.IN_PART),
        ("equivalent", Verdict.FAILS),
        ("undecided", Verdict.UNKNOWN),
        ("not known", Verdict.UNKNOWN),
    ],
)
def test_embeddings_are_judged_for_retrieval_alone(
    verdict: str | list[str], expected: Verdict
) -> None:
    item = judge(flat("a"), anonymizing=verdict)[0]
    assert item.verdict is expected
    assert (item.judged, item.open) == ("for retrieval", "open for privacy and law")
    # 3 methods, mAP and mnDCG; 5 points of a ceiling of 45
    assert "of 6 comparisons for original queries" in item.summary
    assert "the median cost on mAP is 11.1 % of the ceiling" in item.summary
    assert item.points[1] == (
        "From embeddings of face crops of originals, the strongest attack finds the same person "
        "in another photograph in at least 90.0 % (86.0 to 94.0; chance 1 %). Of embeddings of "
        "whole images it is not known."
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("worse", Verdict.HOLDS),
        (["equivalent", "not better"], Verdict.HOLDS),
        (["worse", "undecided"], Verdict.IN_PART),
        (["better", "equivalent"], Verdict.IN_PART),
        ("better", Verdict.FAILS),
        ("undecided", Verdict.UNKNOWN),
    ],
)
def test_the_model_is_judged_by_a_second_reference(
    verdict: str | list[str], expected: Verdict
) -> None:
    item = judge(flat("a"), adapting=verdict)[1]
    assert item.verdict is expected
    # 3 adapted models, 3 methods, 2 query kinds, mAP and mnDCG
    assert "of 36 comparisons with the unadapted model" in item.summary
    assert "an adapted model is undecided in 18 of 18 comparisons" in item.points[-1]


def test_a_gain_by_accuracy_is_the_adapted_models() -> None:
    scores = raised(flat("a"), adaption="A", metric="knn")
    points = judge(scores)[1].points
    assert "an adapted model gains in 3, is undecided in 15 of 18 comparisons" in points[-1]


def test_cases_differ_where_no_choice_is_among_the_best_of_all() -> None:
    blur = raised(flat("a"), method="blur", adaption="A")
    mask = raised(flat("b"), method="mask", adaption="A")
    item = judge(blur, mask)[2]
    assert item.verdict is Verdict.HOLDS and "in all 4 cases" in item.summary
    item = judge(blur, raised(blur, 0.01, adaption="C", method="blur").assign(dataset="b"))[2]
    assert item.verdict is Verdict.UNKNOWN
    assert "cannot be told from it: Blur with A. So nothing shows" in item.summary


def test_query_kinds_are_told_by_their_own_tests() -> None:
    """The scores say that anonymized queries are worse, the tests that they are not."""
    a, b = raised(flat("a"), query="original"), raised(flat("b"), query="original")
    rows = [
        ("map", 100, "equivalent"),
        ("map", 100, "better"),
        ("map", 25, "worse"),
        ("mndcg", 100, "worse"),
    ]
    tests = pd.DataFrame(rows, columns=["metric", "degree", "verdict"])
    summaries = {name: summarize(table) for name, table in (("a", a), ("b", b))}
    bests = best_choices(map(make_best, (a, b)))
    item = recommendations({}, {}, bests, summaries, query_kinds={"a": tests})[2]
    assert item.points == (
        "By mAP at the highest degree, with a query's own image left out, an anonymized query "
        "gains in 1, is equivalent in 1 of 2 comparisons with the original one.",
    )
    assert recommendations({}, {}, bests, summaries)[2].points == ()


def test_nothing_run_has_no_verdict() -> None:
    items = recommendations({}, {}, {}, {})
    assert {item.verdict for item in items} == {Verdict.UNKNOWN}
    assert "reveal of a person is not known: no attack was run, or" in items[0].points[1]
    assert items[1].summary == items[2].summary == items[0].summary == "No retrieval was run."


def test_counts_of_verdicts_in_words() -> None:
    found = Tally.of(["better", "worse", "worse", "equivalent", "not worse", "not known"])
    assert found.said() == (
        "gains in 1, loses in 2, is equivalent in 1, loses less than the margin, if at all, in 1, "
        "is not known for lack of clusters in 1 of 6 comparisons"
    )
    assert (found.better, found.worse, found.without_gain, found.open) == (1, 2, 3, 1)
