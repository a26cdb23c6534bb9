from __future__ import annotations

import pandas as pd
import pytest
from paper_numbers import best_choice

from anonbench.reporting.paper.cases import Case, Verdict, decide
from anonbench.reporting.paper.claims import BY_SECOND, PAPER, cases_of, verdicts
from anonbench.reporting.paper.comparison import published


@pytest.mark.slow
def test_on_the_papers_own_numbers() -> None:
    """Three do not hold as worded: DOKIQ's anonymized queries, linear's steps, masking's share."""
    cases = cases_of(PAPER, published())
    found = verdicts(cases).query("scope == 'all' and numbers == 'paper'").set_index("claim")
    assert found[["verdict", "holds", "cases"]].apply(tuple, axis=1).to_dict() == {
        "unadapted_wins": ("does not hold", 67, 72),
        "falls_with_degree": ("holds", 24, 24),
        "mndcg_like_map": ("holds", 72, 72),
        "linear_like_knn": ("does not hold", 31, 36),
        "predicts_best": ("holds", 10, 10),
        "correlates_strongly": ("holds", 2, 2),
        "rises_in_half": ("holds", 1, 1),
        "half_are_masking": ("does not hold", 0, 1),
    }
    against = cases[cases["holds"] == False].set_index("claim")  # noqa: E712
    lost = against.loc["unadapted_wins"]
    assert (
        set(lost["role"]) == {"dokiq"}
        and lost["case"].str.contains("(anonymized)", regex=False).all()
    )
    assert against["deciding"]["half_are_masking"] == "4 of 6 are masking"
    found = verdicts(cases_of(PAPER, published().iloc[:0]))
    assert set(found["verdict"]) == {"cannot be told"} and not found["cases"].any()


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([(True, None), (True, False), (None, None)], Verdict.HOLDS),
        ([(True, None), (False, None)], Verdict.FAILS),
        ([(True, None), (False, False)], Verdict.OPEN),
        ([(False, True), (False, False)], Verdict.FAILS),
        ([(None, None)], Verdict.OPEN),
        ([], Verdict.OPEN),
    ],
)
def test_verdicts(cases: list[tuple[bool | None, bool | None]], verdict: Verdict) -> None:
    assert decide([Case("celeba", "", holds, "", told) for holds, told in cases]) is verdict


def test_by_the_second_training() -> None:
    """Only the claim that rests on the ranking of one training is looked at again."""
    best = pd.concat([best_choice("unadapted", "unadapted"), best_choice("A", "A", method="mask")])
    for given, row in ((best, ["does not hold", 1, 2]), (best.iloc[:0], ["cannot be told", 0, 0])):
        found = verdicts(cases_of(BY_SECOND, given))
        found = found[found["numbers"] == BY_SECOND]
        assert found[["claim", "verdict", "holds", "cases"]].to_numpy().tolist() == [
            ["unadapted_wins", *row]
        ]
