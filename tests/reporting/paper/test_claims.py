from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from paper_numbers import cells

from anonbench.reporting.paper.claims import (
    CLAIMS,
    correlates_strongly,
    differ_significantly,
    evaluate_claims,
    falls_with_degree,
    half_are_masking,
    knn_rises,
    predicts_best,
    rises_in_half,
    trends_agree,
    unadapted_wins,
)
from anonbench.reporting.paper.published import published
from anonbench.reporting.paper.verdicts import Case, Verdict, decide

METHODS = ("pixelate", "blur", "mask")
ADAPTIONS = ("unadapted", "A", "B", "C")


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


def column(unadapted: float, a: float, b: float) -> pd.DataFrame:
    where = ("celeba", 100, "blur")
    return cells(
        (*where, "unadapted", "original", "map", unadapted),
        (*where, "A", "original", "map", a),
        (*where, "B", "original", "map", b),
        (*where, "A", "", "knn", 99.0),
    )


def pairs(p: float) -> pd.DataFrame:
    row = ("celeba", 100, "blur", "original", "map", "unadapted")
    columns = ["role", "degree", "method", "query", "metric", "a", "b", "p_holm"]
    return pd.DataFrame([(*row, "A", 1e-9), (*row, "B", p)], columns=columns)


def test_unadapted_wins_only_where_it_is_above_the_best() -> None:
    (won,) = unadapted_wins(column(50.0, 40.0, 49.9), None, 0.05)
    assert won.holds and won.significant is None
    assert won.numbers == "unadapted 50.0, B 49.9 (+0.1)"
    (tie,) = unadapted_wins(column(50.0, 40.0, 50.0), None, 0.05)
    assert tie.holds is False
    (alone,) = unadapted_wins(column(50.0, 40.0, 49.9).iloc[:1], None, 0.05)
    assert alone.holds is None


def test_the_paired_test_is_the_best_rivals() -> None:
    for p, told in ((0.2, False), (0.01, True)):
        (lost,) = unadapted_wins(column(49.0, 40.0, 50.0), pairs(p), 0.05)
        assert lost.holds is False and lost.significant is told
        assert f"p = {p:.3f}" in lost.numbers
        wanted = Verdict.FAILS if told else Verdict.OPEN
        assert decide([lost]) is wanted


def series(*values: float, query: str = "original", metric: str = "map") -> pd.DataFrame:
    degrees = (25, 50, 75, 100)
    return cells(
        *(
            ("rvl_cdip", d, "mask", "A", query, metric, value)
            for d, value in zip(degrees, values, strict=False)
        )
    )


def test_falls_with_degree() -> None:
    assert [c.holds for c in falls_with_degree(series(9, 8, 7, 6))] == [True]
    assert [c.holds for c in falls_with_degree(series(9, 8, 8, 6))] == [False]
    assert [c.holds for c in falls_with_degree(series(6, 9))] == [False]
    assert list(falls_with_degree(series(6, 9, query="anonymized"))) == []
    # one degree is no series; order of the rows does not matter
    assert list(falls_with_degree(series(9))) == []
    assert [c.holds for c in falls_with_degree(series(9, 8, 7).iloc[::-1])] == [True]


def test_trends_agree_step_by_step() -> None:
    both = pd.concat([series(9, 8, 7, 7), series(5, 4, 6, 5, metric="mndcg")])
    assert [c.holds for c in trends_agree(both, "mndcg", "map")] == [True, False, False]
    (first, *_) = trends_agree(both, "mndcg", "map")
    assert first.numbers == "mAP -1.0, mnDCG -1.0" and "25 to 50 %" in first.name


def correlated(noise: dict[str, float], n: int = 12) -> pd.DataFrame:
    """Return rows whose retrieval metrics follow k-NN with so much noise."""
    rng = np.random.default_rng(3)
    truth = np.linspace(40, 90, 12)
    rows = []
    errors = {name: rng.normal(0, size, 12) for name, size in noise.items()}
    keys = [(method, adaption) for method in METHODS for adaption in ADAPTIONS][:n]
    for i, (method, adaption) in enumerate(keys):
        for name, error in errors.items():
            metric, _, query = name.partition("_")
            row = ("celeba", 100, method, adaption, query, metric)
            rows.append((*row, float(truth[i] + error[i])))
    return cells(*rows)


NAMES = ("map_original", "map_anonymized", "mndcg_original", "knn", "linear")


def test_predicts_best_and_correlates_strongly() -> None:
    good = correlated(
        {**dict.fromkeys(NAMES, 20.0), "mndcg_anonymized": 0.1, "knn": 0, "linear": 0}
    )
    assert [case.holds for case in predicts_best(good, None, 0.05)] == [True, True]
    assert all(case.significant for case in predicts_best(good, None, 0.05))
    assert [case.holds for case in correlates_strongly(good)] == [True, True]
    bad = correlated({**dict.fromkeys(NAMES, 0.1), "mndcg_anonymized": 60.0})
    assert [case.holds for case in predicts_best(bad, None, 0.05)] == [False, False]
    assert [case.holds for case in correlates_strongly(bad)] == [False, False]


def test_coefficients_that_do_not_exist() -> None:
    few = correlated({**dict.fromkeys(NAMES, 1.0), "mndcg_anonymized": 1.0}, n=2)
    assert {case.holds for case in predicts_best(few, None, 0.05)} == {None}
    assert {case.holds for case in correlates_strongly(few)} == {None}
    flat = correlated({**dict.fromkeys(NAMES, 1.0), "mndcg_anonymized": 1.0})
    flat.loc[flat["metric"] == "mndcg", "value"] = 50.0
    assert {case.holds for case in predicts_best(flat, None, 0.05)} == {None}
    unlabelled = flat[flat["query"] != ""]
    assert list(predicts_best(unlabelled, None, 0.05)) == []


def test_the_same_metric_is_not_told_apart_from_itself() -> None:
    values = np.random.default_rng(0).normal(size=(12, 2))
    rows = pd.DataFrame({"a": values[:, 0], "b": values[:, 0], "c": values[:, 1]})
    assert not differ_significantly(rows, 0.05)


def test_told_apart_in_both_directions() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(12.0)
    good, bad = truth + rng.normal(0, 0.1, 12), rng.normal(size=12)
    for first, second in ((good, bad), (bad, good)):
        assert differ_significantly(pd.DataFrame({"a": first, "b": second, "c": truth}), 0.05)


def accuracies(rising: set[tuple[str, str]]) -> pd.DataFrame:
    return cells(
        *(
            ("rvl_cdip", degree, method, adaption, "", "knn", value)
            for method in METHODS
            for adaption in ADAPTIONS
            for degree, value in ((75, 50.0), (100, 51.0 if (method, adaption) in rising else 50.0))
        )
    )


def test_rises_of_the_last_step() -> None:
    masks = {("mask", a) for a in ADAPTIONS}
    half = accuracies({("mask", a) for a in "ABC"} | {("blur", a) for a in "ABC"})
    assert int(knn_rises(half)["rises"].sum()) == 6 and len(knn_rises(half)) == 12
    (case,) = rises_in_half(half)
    assert case.holds and case.numbers == "rises in 6 of 12"
    (case,) = half_are_masking(half)
    assert case.holds and case.numbers == "3 of 6 are masking"
    few = accuracies(masks)
    assert [c.holds for c in rises_in_half(few)] == [False]
    assert [c.holds for c in half_are_masking(few)] == [False]
    none = accuracies(set())
    assert [c.holds for c in half_are_masking(none)] == [None]
    one_degree = none[none["degree"] == 100]
    assert [c.holds for c in rises_in_half(one_degree)] == [None]


def test_every_claim_has_a_source() -> None:
    assert len({claim.key for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.statement and any(w in claim.source for w in ("Table", "Fig", "Sec"))
