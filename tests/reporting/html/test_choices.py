"""Choices in the order of the report: what passes, what is not known to, what failed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_results import make_best, make_scores

from anonbench.config import Policy
from anonbench.evaluation.comparisons.best import OWN
from anonbench.evaluation.policy.evidence import ATTACK, MISSED, evidence
from anonbench.evaluation.policy.verdicts import Verdict, judge
from anonbench.reporting.choice_table import COLUMNS, best_choices, choices, without_limit
from anonbench.reporting.summary import summarize
from policy_evidence import make_attacks, make_coverage, make_measured

VARIANTS = tuple(f"{method}-{d}" for method in ("pixelate", "blur", "mask") for d in (50, 100))
SCORES = make_scores("a", (50, 100)).assign(chance=0.1, floor=0.2)


def table_of(low: float = 0.98, policy: Policy | None = None) -> pd.DataFrame:
    measured = make_measured(VARIANTS, dataset="a", quality=make_coverage(low))
    return judge(evidence(measured), policy or Policy())


def of(policy: pd.DataFrame | None, scores: pd.DataFrame = SCORES, **given: Any) -> pd.DataFrame:
    return choices("a", summarize(scores), policy=policy, **given)


def order(table: pd.DataFrame) -> list[tuple[str, int]]:
    rows = table[["method", "degree"]].itertuples(index=False, name=None)
    return list(dict.fromkeys((str(method), int(degree)) for method, degree in rows))


def test_what_passes_comes_first_whatever_others_keep() -> None:
    table = of(table_of())
    assert list(table.columns) == COLUMNS
    assert order(table)[0] == ("mask", 100)
    first = table.iloc[0]
    assert (first["verdict"], first["rule"], first["failed"]) == ("pass", "", 0)
    assert first["resisted"] >= 1
    better = table[table["method"] == "blur"]
    assert better["kept"].max() > first["kept"] and set(better["verdict"]) == {"fail"}


@pytest.mark.parametrize("adaption", ["mapped", "D"])
def test_own_vectors_are_judged_by_their_own_verdict(adaption: str) -> None:
    own = table_of()
    of_mask = own[(own["method"] == "mask") & (own["degree"] == 100)]
    own_name = f"{adaption}_mask"
    failed = of_mask.assign(method=own_name, verdict="fail", value=0.9, low=0.8, high=0.95)
    chosen = (SCORES["method"] == "mask") & (SCORES["adaption"] == "unadapted")
    apart = SCORES[chosen].assign(adaption=adaption)
    scores = pd.concat([SCORES, apart], ignore_index=True)
    table = of(pd.concat([own, failed], ignore_index=True), scores)
    masks = table[(table["method"] == "mask") & (table["degree"] == 100)]
    verdicts = masks.groupby("adaption")["verdict"].agg(set).to_dict()
    assert verdicts[adaption] == {"fail"} and verdicts["unadapted"] == {"pass"}
    assert own_name not in set(table["method"])


def test_an_adapted_model_passes_no_limit_on_vectors_that_no_attack_has_seen() -> None:
    """Attacks see the unadapted model's vectors, and those of maps and of adaption D."""
    rates = {"residual": 0.02, "readability": 0.0, "barcodes": 0.0, "linkage": 0.02}
    measured = make_measured(
        VARIANTS,
        dataset="a",
        quality=make_coverage(0.98),
        attacks=make_attacks("a", VARIANTS, rates),
    )
    adapted = SCORES[SCORES["adaption"] == "A"].assign(adaption="C", value=0.95)
    scores = pd.concat([SCORES, adapted], ignore_index=True)
    for limits, expected in (({}, "pass"), ({"linkage": 0.1}, "not known")):
        table = of(judge(evidence(measured), Policy.model_validate({"attacks": limits})), scores)
        masks = table[(table["method"] == "mask") & (table["degree"] == 100)]
        verdicts = masks.groupby("adaption")["verdict"].agg(set).to_dict()
        assert verdicts["unadapted"] == {"pass"} and verdicts["C"] == {expected}
        assert table.iloc[0]["adaption"] == ("unadapted" if limits else "C")
    assert "vectors were not attacked" in masks.set_index("adaption")["detail"]["C"].iloc[0]


def test_a_map_that_is_not_recommended_comes_after_the_unadapted_model() -> None:
    mapped = SCORES[(SCORES["adaption"] == "unadapted") & (SCORES["method"] == "mask")]
    gaining = mapped.assign(adaption="mapped", value=0.9, low=0.88, high=0.92)
    scores = pd.concat([SCORES, gaining], ignore_index=True)
    own = table_of()
    policy = pd.concat([own, own[own["method"] == "mask"].assign(method="mapped_mask")])
    card = {"method": "mask", "degree": 100, "query": ["original", "anonymized"]}
    card |= {"remedy": "mapped", "pairs": 100}
    firsts = [
        of(policy, scores, maps=pd.DataFrame(card | {"why_not": why})).iloc[0]["adaption"]
        for why in ("", "shift gains as much and needs no map")
    ]
    assert firsts == ["mapped", "unadapted"]


def test_what_failed_on_evidence_comes_after_what_is_only_unproved() -> None:
    """Blur keeps more and is re-identified; of masks it is not known what detectors missed."""
    table = of(table_of(0.965))
    assert table.iloc[0]["method"] == "mask" and table.iloc[0]["verdict"] == Verdict.UNKNOWN
    verdicts = table["verdict"].tolist()
    assert verdicts == sorted(verdicts, key=["pass", "not known", "fail"].index)


def test_of_what_all_failed_the_one_with_the_fewest_rules_against_it_is_the_nearest() -> None:
    table = of(table_of(0.9))
    assert set(table["verdict"]) == {"fail"}
    first = table.iloc[0]
    assert (first["method"], first["degree"], first["failed"]) == ("mask", 100, 1)
    assert first["rule"] == MISSED and first["rule_value"] > first["rule_limit"]
    blur = table[(table["method"] == "blur") & (table["degree"] == 100)].iloc[0]
    assert blur["failed"] == 2 and (blur["rule"], blur["rule_attack"]) == (
        ATTACK,
        "reidentification",
    )


def test_a_value_beyond_its_limit_counts_against_a_choice_though_nothing_is_proved() -> None:
    """A rate of 40 % without an interval is no failure; it is not named before one of 0.5 %."""
    policy = table_of()
    rates = policy["attack"] == "reidentification"
    policy.loc[rates, ["low", "high"]] = np.nan
    policy.loc[rates, "verdict"] = str(Verdict.UNKNOWN)
    policy.loc[rates & (policy["method"] == "blur"), "value"] = 0.399
    policy.loc[rates & (policy["method"] == "mask"), "value"] = 0.005
    whole = of(policy)
    table = whole[whole["degree"] == 100]
    assert table.iloc[0]["method"] == "mask"
    assert table.set_index("method")["suspected"].groupby(level=0).first()["blur"] == 1


def test_the_strongest_attack_is_above_its_control() -> None:
    policy = table_of()
    rows = (policy["method"] == "mask") & (policy["attack"] == "reidentification")
    policy.loc[rows, ["value", "low", "high", "control"]] = [0.28, 0.19, 0.37, 0.1]
    policy.loc[rows, "verdict"] = str(Verdict.FAIL)
    mask = of(policy).query("method == 'mask' and degree == 100").iloc[0]
    assert (mask["attack"], mask["limit"]) == ("reidentification", 0.1)
    # (0.28 - 0.1) / 0.9, and its ends
    assert [mask[name] for name in ("rate", "rate_low", "rate_high")] == pytest.approx(
        [0.2, 0.1, 0.3]
    )


def test_without_a_policy_nothing_passes() -> None:
    table = of(None)
    assert set(table["verdict"]) == {"not known"}
    assert set(table["detail"]) == {"no attack was run"}


def test_quality_is_net_of_chance() -> None:
    """By its own ranking: 0 is chance (0.2: a query finds itself), 100 the system on originals."""
    row = of(table_of()).query("method == 'mask' and degree == 100").iloc[0]
    key = dict(row[["method", "degree", "adaption", "query"]])
    scored = summarize(SCORES)
    same = (scored[list(key)] == pd.Series(key)).all(axis=1) & (scored["metric"] == "map")
    value = float(scored.loc[same, "value"].iloc[0])
    assert row["kept"] == pytest.approx((value - 0.2) / 0.8)
    assert row["yardstick"] == OWN


@pytest.mark.parametrize(
    ("scores", "given", "why"),
    [
        (SCORES.assign(clusters=3, low=math.nan, high=math.nan), {}, "clusters"),
        (SCORES.assign(low=0.1, high=0.9), {}, "wide"),
        (SCORES, {"gap": "12 queries are scored, and 20 are needed"}, "gap"),
    ],
)
def test_what_is_not_known_is_said(scores: pd.DataFrame, given: Any, why: str) -> None:
    table = of(table_of(), scores, **given)
    assert set(table["unknown"]) == {why} and (table["unknown_detail"] != "").all()


def test_no_training_comes_first_where_no_test_shows_that_one_gains() -> None:
    raised = SCORES["adaption"] == "A"
    scores = SCORES.assign(value=(0.4 + 0.1 * raised).to_numpy(), low=0.38, high=0.53)
    of_mask = of(table_of(), scores, bests=best_choices([make_best(scores, unsure=0.2)]))
    assert of_mask.iloc[0]["adaption"] == "unadapted"
    surely = of(table_of(), scores, bests=best_choices([make_best(scores, unsure=0.001)]))
    assert surely.iloc[0]["adaption"] == "A"


def test_a_variant_that_was_judged_and_not_searched_has_a_row() -> None:
    scores = SCORES[SCORES["method"] != "mask"]
    row = of(table_of(), scores).query("method == 'mask' and degree == 100").iloc[0]
    assert (row["verdict"], row["unknown"]) == ("pass", "not_run") and math.isnan(row["kept"])


def test_a_remedy_that_nobody_has_heard_of_is_a_choice_like_the_others() -> None:
    more = SCORES[SCORES["adaption"] == "A"].assign(
        adaption="distilled", value=0.9, low=0.88, high=0.92
    )
    first = of(table_of(), pd.concat([SCORES, more])).iloc[0]
    assert (first["method"], first["adaption"]) == ("mask", "distilled")


def test_attacks_without_a_limit_are_named_with_what_they_gain() -> None:
    policy = table_of()
    rows = (policy["method"] == "mask") & (policy["degree"] == 100) & (policy["rule"] == "attack")
    one = policy[rows].head(1).assign(attack="linkage", measure="rank_1", limit=float("nan"))
    one = one.assign(value=0.6, low=0.5, high=0.7, control=0.2)
    top = {"method": "mask", "degree": 100, "adaption": "unadapted"}
    assert without_limit(one, top) == {"linkage": pytest.approx(0.5)}
    assert without_limit(one.assign(limit=0.9), top) == {}
    assert without_limit(one.assign(control=0.59), top) == {}
    assert without_limit(one.assign(method="blur"), top) == {}
    assert without_limit(None, top) == without_limit(one, None) == {}
