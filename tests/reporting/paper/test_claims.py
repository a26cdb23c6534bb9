from __future__ import annotations

import pandas as pd
import pytest
from paper_numbers import best_choice

from anonbench.reporting.paper.cases import Case, Verdict, decide
from anonbench.reporting.paper.claims import CLAIMS, evaluate_by_second, evaluate_claims
from anonbench.reporting.paper.published import published


@pytest.mark.slow
def test_on_the_papers_own_numbers() -> None:
    """Three do not hold as worded: DOKIQ's anonymized queries, linear's steps, masking's share."""
    found = {f.claim.key: (f.verdict.value, f.count) for f in evaluate_claims(published())}
    assert found == {
        "unadapted_wins": ("does not hold", "67 of 72"),
        "falls_with_degree": ("holds", "24 of 24"),
        "mndcg_like_map": ("holds", "72 of 72"),
        "linear_like_knn": ("does not hold", "31 of 36"),
        "predicts_best": ("holds", "10 of 10"),
        "correlates_strongly": ("holds", "2 of 2"),
        "rises_in_half": ("holds", "1 of 1"),
        "half_are_masking": ("does not hold", "0 of 1"),
    }
    against = {f.claim.key: f.exceptions for f in evaluate_claims(published())}
    lost = against["unadapted_wins"]
    assert {case.role for case in lost} == {"dokiq"}
    assert all("(anonymized)" in case.name for case in lost)
    assert against["half_are_masking"][0].numbers == "4 of 6 are masking"


def test_no_numbers_tell_nothing() -> None:
    for finding in evaluate_claims(published().iloc[:0]):
        assert finding.verdict is Verdict.OPEN and finding.count == "0 of 0"


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([(True, None), (True, False)], Verdict.HOLDS),
        ([(True, None), (None, None)], Verdict.HOLDS),
        ([(True, None), (False, None)], Verdict.FAILS),
        ([(True, None), (False, True)], Verdict.FAILS),
        ([(True, None), (False, False)], Verdict.OPEN),
        ([(False, True), (False, False)], Verdict.FAILS),
        ([(None, None)], Verdict.OPEN),
        ([], Verdict.OPEN),
    ],
)
def test_verdicts(cases: list[tuple[bool | None, bool | None]], verdict: Verdict) -> None:
    assert decide([Case("celeba", "", holds, "", told) for holds, told in cases]) is verdict


def test_every_claim_has_a_source() -> None:
    assert len({claim.key for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.statement and any(w in claim.source for w in ("Table", "Fig", "Sec"))


def test_by_the_second_training() -> None:
    """Only the claim that rests on the ranking of one training is looked at again."""
    best = pd.concat([best_choice("unadapted", "unadapted"), best_choice("A", "A", method="mask")])
    found = dict(zip((c.key for c in CLAIMS), evaluate_by_second(best), strict=True))
    assert [key for key, finding in found.items() if finding] == ["unadapted_wins"]
    wins = found["unadapted_wins"]
    assert wins is not None and wins.verdict is Verdict.FAILS and wins.count == "1 of 2"
    (none,) = [finding for finding in evaluate_by_second(best.iloc[:0]) if finding]
    assert none.verdict is Verdict.OPEN and none.count == "0 of 0"
