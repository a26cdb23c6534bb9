from __future__ import annotations

import pandas as pd
from synthetic_results import make_scores

from anonbench.reporting.html.recommendations import Verdict, recommendations
from anonbench.reporting.html.risk import risks
from anonbench.reporting.summary import summarize
from synthetic_rates import make_rates


def flat(dataset: str, value: float = 0.4, **options: object) -> pd.DataFrame:
    scores = make_scores(dataset, **options)  # type: ignore[arg-type]
    low, high = value - 0.02, value + 0.02
    return scores.assign(value=value, low=low, high=high)


def raised(scores: pd.DataFrame, by: float = 0.1, **where: str) -> pd.DataFrame:
    """Return scores of which those with these keys are higher."""
    chosen = (scores[list(where)] == pd.Series(where)).all(axis=1)
    return scores.assign(**{name: scores[name] + by * chosen for name in ("value", "low", "high")})


def judge(*tables: pd.DataFrame) -> list[tuple[Verdict, str, str]]:
    summaries = {str(table["dataset"].iloc[0]): summarize(table) for table in tables}
    return [
        (item.verdict, item.summary, " ".join(item.points))
        for item in recommendations(summaries, {}, 0.05)
    ]


def test_embeddings_are_worth_keeping_where_new_ones_lose() -> None:
    verdict, summary, points = judge(raised(flat("a"), method="blur"), flat("b"))[0]
    assert verdict is Verdict.HOLDS
    assert "50.0 to 60.0 points of mAP" in summary
    assert "With the worst choice of method and model it is 60.0 points." in points
    assert "What kept embeddings reveal of a person is not measured" in points
    lossless = flat("b").assign(value=1.0, low=1.0, high=1.0)
    assert judge(flat("a"), lossless)[0][0] is Verdict.IN_PART
    assert judge(lossless)[0][0] is Verdict.FAILS


def test_what_embeddings_of_originals_reveal_is_said() -> None:
    found = risks({"a": make_rates("a")})
    items = recommendations({"a": summarize(flat("a"))}, {}, 0.05, found)
    assert "another photograph of the same person in 90.0 % (chance 1 %)" in " ".join(
        items[0].points
    )


def test_original_queries_are_compared_with_anonymized_ones() -> None:
    points = judge(raised(flat("a"), query="original", method="mask"))[0][2]
    assert "keep more mAP than anonymized queries in 4 of 12 scenarios" in points


def test_the_model_is_worth_keeping_where_it_wins_every_column() -> None:
    best = raised(flat("a"), adaption="unadapted")
    verdict, summary, points = judge(best)[1]
    # 3 methods, 2 metrics, 2 query kinds; 3 methods, 2 accuracies
    assert verdict is Verdict.HOLDS and "in 12 of 12 columns" in summary
    assert "the best in 6 of 6 columns" in points
    verdict, summary, _ = judge(raised(best, 0.2, adaption="B", method="mask", metric="map"))[1]
    assert verdict is Verdict.IN_PART and "in 10 of 12 columns" in summary
    assert judge(raised(flat("a"), adaption="C"))[1][0] is Verdict.FAILS
    assert "there is no second reference" in points


def test_cases_differ_or_do_not() -> None:
    blur, mask = (
        raised(flat(n), method=m, adaption="A") for n, m in (("a", "blur"), ("b", "mask"))
    )
    verdict, summary, points = judge(blur, mask)[2]
    assert verdict is Verdict.HOLDS and summary.startswith("2 different choices")
    assert "keeps 50.0 % on a and 40.0 % on b" in points
    verdict, summary, _ = judge(blur, blur.assign(dataset="b"))[2]
    assert verdict is Verdict.FAILS
    assert "Blur with adaption\u00a0A is the best by mAP in all 4 cases" in summary


def test_one_choice_alone_decides_nothing() -> None:
    scores = flat("a", control=True)
    alone = scores[
        scores["method"].isin(["mask", "original"])
        & scores["adaption"].isin(["unadapted", "control"])
    ]
    (first, _, points), *others = judge(alone)
    assert first is Verdict.HOLDS and "worst choice" not in points
    assert "in 0 of 1 scenario." in points
    assert [verdict for verdict, *_ in others] == [Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert "takes an adapted model" in others[0][1] and "only one choice" in others[1][1]


def test_nothing_run_has_no_verdict() -> None:
    assert {verdict for verdict, *_ in judge(flat("a").iloc[:1].assign(value=float("nan")))} == {
        Verdict.UNKNOWN
    }
