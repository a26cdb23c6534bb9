"""Choices in the order of the report, and the next step with its command."""

import math
import shlex
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from synthetic_results import make_best, make_scores

from anonbench.cli.main import command_parser
from anonbench.config import Policy, Privacy
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, RegionAttack
from anonbench.evaluation.comparisons.best import OWN
from anonbench.evaluation.policy.evidence import ATTACK, MISSED, RULES, evidence
from anonbench.evaluation.policy.verdicts import Verdict, judge
from anonbench.evaluation.privacy.probes import NO_LESSON
from anonbench.reporting.choice_table import COLUMNS, UNKNOWN, best_choices, choices, without_limit
from anonbench.reporting.html.page import Texts
from anonbench.reporting.html.words import Facts, Step, Words
from anonbench.reporting.summary import summarize
from policy_evidence import make_attacks, make_coverage, make_measured

VARIANTS = tuple(f"{method}-{d}" for method in ("pixelate", "blur", "mask") for d in (50, 100))
SCORES = make_scores("a", (50, 100)).assign(chance=0.1, floor=0.2)
KEY = ["method", "degree", "adaption", "query"]


@cache
def judged(low: float) -> pd.DataFrame:
    measured = make_measured(VARIANTS, dataset="a", quality=make_coverage(low))
    return judge(evidence(measured), Policy())


def table_of(low: float = 0.98) -> pd.DataFrame:
    return judged(low).copy()


def of(policy: pd.DataFrame | None, scores: pd.DataFrame = SCORES, **given: Any) -> pd.DataFrame:
    return choices("a", summarize(scores), policy=policy, **given)


def masks(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["method"] == "mask") & (table["degree"] == 100)]


def verdicts(table: pd.DataFrame) -> dict[str, set[str]]:
    return dict(masks(table).groupby("adaption")["verdict"].agg(set))


def test_what_passes_comes_first_then_what_is_unproved() -> None:
    table = of(table_of())
    assert list(table.columns) == COLUMNS
    first = table.iloc[0]
    assert (first["method"], first["degree"]) == ("mask", 100)
    assert (first["verdict"], first["rule"], first["failed"]) == ("pass", "", 0)
    assert first["resisted"] >= 1
    better = table[table["method"] == "blur"]
    assert better["kept"].max() > first["kept"] and set(better["verdict"]) == {"fail"}
    # net of chance by its own ranking: 0 is chance, where a query finds itself (0.2)
    scored = summarize(SCORES).query("metric == 'map'").set_index(KEY)["value"]
    for row in masks(table).to_dict("records"):
        value = scored[tuple(row[name] for name in KEY)]
        assert row["kept"] == pytest.approx((value - 0.2) / 0.8) and row["yardstick"] == OWN
    table = of(table_of(0.965))
    assert table.iloc[0]["method"] == "mask" and table.iloc[0]["verdict"] == Verdict.UNKNOWN
    found = table["verdict"].tolist()
    assert found == sorted(found, key=["pass", "not known", "fail"].index)
    table = of(table_of(0.9))
    assert set(table["verdict"]) == {"fail"}
    first = table.iloc[0]
    assert (first["method"], first["degree"], first["failed"]) == ("mask", 100, 1)
    assert first["rule"] == MISSED and first["rule_value"] > first["rule_limit"]
    blur = table[(table["method"] == "blur") & (table["degree"] == 100)].iloc[0]
    assert (blur["failed"], blur["rule"]) == (2, ATTACK)
    alike = table.groupby(["failed", "suspected", "open"])["rate"]
    assert alike.nunique().max() > 1 and alike.agg(lambda each: each.is_monotonic_increasing).all()
    assert blur["rule_attack"] == "reidentification"


@pytest.mark.parametrize("adaption", ["mapped", "D"])
def test_own_vectors_are_judged_by_their_own_verdict(adaption: str) -> None:
    own, own_name = table_of(), f"{adaption}_mask"
    failed = masks(own).assign(method=own_name, verdict="fail", value=0.9, low=0.8, high=0.95)
    chosen = (SCORES["method"] == "mask") & (SCORES["adaption"] == "unadapted")
    apart = SCORES[chosen].assign(adaption=adaption)
    scores = pd.concat([SCORES, apart], ignore_index=True)
    table = of(pd.concat([own, failed], ignore_index=True), scores)
    assert verdicts(table)[adaption] == {"fail"} and verdicts(table)["unadapted"] == {"pass"}
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
        found = verdicts(table)
        assert found["unadapted"] == {"pass"} and found["C"] == {expected}
        assert table.iloc[0]["adaption"] == ("unadapted" if limits else "C")
    assert "vectors were not attacked" in masks(table).set_index("adaption")["detail"]["C"].iloc[0]


REFUSED = "shift gains as much and needs no map"


def with_maps(values: dict[str, float], why_not: str, **unadapted: float) -> pd.DataFrame:
    """Choices where some methods have maps, of this mAP, and passing rules of their own."""
    policy = table_of()
    passing, plain = policy[policy["method"] == "mask"], SCORES[SCORES["adaption"] == "unadapted"]
    scores = plain.assign(**unadapted)
    for method, value in values.items():
        rows = plain[plain["method"] == method]
        mapped = rows.assign(adaption="mapped", value=value, low=value - 0.02, high=value + 0.02)
        scores = pd.concat([scores, mapped], ignore_index=True)
        policy = pd.concat([policy, passing.assign(method=f"mapped_{method}")])
    cards = pd.DataFrame({"method": [*values]}).merge(pd.DataFrame({"degree": [50, 100]}), "cross")
    cards = cards.merge(pd.DataFrame({"query": ["original", "anonymized"]}), "cross")
    cards = cards.assign(remedy="mapped", pairs=100, why_not=why_not)
    return of(policy, scores, maps=cards)


def test_maps_come_in_the_order_of_what_they_keep_if_recommended() -> None:
    for unadapted in ({}, {"low": 0.1, "high": 0.9}):  # also where its quality is not known
        firsts = [with_maps({"mask": 0.9}, why, **unadapted).iloc[0] for why in ("", REFUSED)]
        assert [first["adaption"] for first in firsts] == ["mapped", "unadapted"]
    plain = SCORES.query("adaption == 'unadapted' and metric == 'map' and query == 'original'")
    values = plain.query("degree == 100 and method != 'mask'").set_index("method")["value"]
    worse, better = values.sort_values().index
    first = with_maps({worse: 0.92, better: 0.9}, REFUSED).iloc[0]
    assert (first["adaption"], first["verdict"], first["method"]) == ("mapped", "pass", worse)


def test_a_value_above_its_limit_or_control_counts() -> None:
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
    policy.loc[rates & (policy["method"] == "blur"), "value"] = 0.099
    table = of(policy)
    kept = table[table["degree"] == 100].groupby("method")["kept"].max()
    assert kept["blur"] > kept["mask"] and table.iloc[0]["method"] == "mask"  # attacks find less
    policy = table_of()
    rows = (policy["method"] == "mask") & (policy["attack"] == "reidentification")
    policy.loc[rows, ["value", "low", "high", "control"]] = [0.28, 0.19, 0.37, 0.1]
    policy.loc[rows, "verdict"] = str(Verdict.FAIL)
    mask = masks(of(policy)).iloc[0]
    assert (mask["attack"], mask["limit"]) == ("reidentification", 0.1)
    # (0.28 - 0.1) / 0.9, and its ends
    rates = mask[["rate", "rate_low", "rate_high"]].tolist()
    assert rates == pytest.approx([0.2, 0.1, 0.3])


def test_what_is_not_known_is_said() -> None:
    for scores, gap, why in (
        (SCORES.assign(clusters=3, low=math.nan, high=math.nan), "", "clusters"),
        (SCORES.assign(low=0.1, high=0.9), "", "wide"),
        (SCORES, "12 queries are scored, and 20 are needed", "gap"),
    ):
        table = of(table_of(), scores, gap=gap)
        assert set(table["unknown"]) == {why} and (table["unknown_detail"] != "").all()
    # what was not attacked or not searched has a row
    table = of(None)
    assert set(table["verdict"]) == {"not known"}
    assert set(table["detail"]) == {"no attack was run"}
    row = masks(of(table_of(), SCORES[SCORES["method"] != "mask"])).iloc[0]
    assert (row["verdict"], row["unknown"]) == ("pass", "not_run") and math.isnan(row["kept"])


def test_no_training_comes_first_where_no_test_shows_that_one_gains() -> None:
    raised = SCORES["adaption"] == "A"
    scores = SCORES.assign(value=(0.4 + 0.1 * raised).to_numpy(), low=0.38, high=0.53)
    for unsure, first in ((0.2, "unadapted"), (0.001, "A")):
        best = make_best(scores, unsure=unsure)
        own = best["reference"] == OWN  # which counts for nothing beside a second one
        bests = best_choices(
            [best.assign(indistinguishable=best["best"].where(own, best["indistinguishable"]))]
        )
        table = of(table_of(), scores, bests=bests)
        assert table.iloc[0]["adaption"] == first
        both = table.merge(of(table_of(), scores), on=KEY, suffixes=("", "_plain"))
        assert (both["optimism"] > 0).any()
        assert (both["kept"] + both["optimism"]).tolist() == pytest.approx([*both["kept_plain"]])


def test_what_is_subtracted_for_a_choice_does_not_put_the_second_best_first() -> None:
    """The optimism is of the choice's value; the second best would have its own as the choice."""
    passing = table_of().query("method == 'mask'")
    policy = pd.concat([passing, passing.assign(method="blur")])
    scores = SCORES.query("adaption == 'unadapted' and method in ['mask', 'blur']")
    scores = scores.assign(value=0.5 + 0.005 * (scores["method"] == "blur"), low=0.48, high=0.53)
    chosen = make_best(scores)
    alone = chosen["scope"] == "models"  # nothing was chosen from one model of a method
    chosen["unbiased"] = chosen["unbiased"].mask(alone, chosen["value"])
    table = of(policy, scores, bests=best_choices([chosen]))
    best, second = table[(table["degree"] == 100) & (table["query"] == "original")].iloc[:2].iloc
    assert (best["method"], second["method"]) == ("blur", "mask")
    assert best["kept"] < second["kept"] < best["kept"] + best["optimism"]


def test_attacks_without_a_limit_are_named_with_what_they_gain() -> None:
    policy = table_of()
    rows = (policy["method"] == "mask") & (policy["degree"] == 100) & (policy["rule"] == "attack")
    one = policy[rows].head(1).assign(attack="linkage", measure="rank_1", limit=float("nan"))
    one = one.assign(value=0.6, low=0.5, high=0.7, control=0.2)
    top = {"method": "mask", "degree": 100, "adaption": "unadapted"}
    assert without_limit(one, top) == {"linkage": pytest.approx(0.5)}
    assert [*without_limit(one.assign(measure="seen_rank_1"), top)] == ["seen_linkage"]
    assert without_limit(one.assign(limit=0.9), top) == {}
    assert without_limit(one.assign(control=0.59), top) == {}
    assert without_limit(one.assign(method="blur"), top) == {}
    assert without_limit(None, top) == without_limit(one, None) == {}


GAPS = {"few_images": 100, "few_queries": 20, "alike": None, "likely": None}


def row(verdict: Verdict = Verdict.UNKNOWN, **changes: Any) -> dict[str, Any]:
    known = {"method": "mask", "degree": 100, "adaption": "A", "unknown": "", "rule_attack": ""}
    return dict.fromkeys(COLUMNS, math.nan) | known | {"verdict": verdict} | changes


def facts_of(gap: str | None = None, images: int = 30, **more: Any) -> Facts:
    numbers = {"there": 3, "needed": GAPS[gap]} if gap and GAPS[gap] else {}
    given = {"toy": False, "examples": {}, "gap": (gap, numbers) if gap else None} | more
    return Facts("a", images, 0, (), 0, **given)


def words(images: int = 30, language: str = "en", **more: Any) -> Words:
    return Words(Texts(language), facts_of(images=images, **more))


def found(top: dict[str, Any] | None, gap: str | None = None, **more: Any) -> Step:
    return Words(Texts(more.pop("language", "en")), facts_of(gap, **more)).step(top)


CASES = [
    *((row(Verdict.PASS, unknown=each), None) for each in ("", *UNKNOWN)),
    *((row(Verdict.PASS), gap) for gap in GAPS),
    *(
        (row(verdict, rule=rule, rule_entity="face", rule_limit=0.03), None)
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN)
        for rule in RULES
    ),
    (row(rule="attack", rule_attack="reidentification"), None),
    (None, None),
]


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_command_is_understood_and_names_the_config_and_the_results(language: str) -> None:
    parser, commands = command_parser(), set()
    texts = Texts(language, configfiles=["my archive.yaml"], results="results/mine")
    for top, gap in CASES:
        asked = Words(texts, facts_of(gap)).step(top)
        name, *arguments = shlex.split(asked.command)
        _, rest = parser.parse_known_args(arguments)
        assert name == "anonbench" and asked.text
        # what `run` does not know itself is Snakemake's
        options = {each for each in rest if each.startswith("-")}
        assert not rest or (arguments[0] == "run" and options <= {"--configfile", "--config"})
        commands.add(" ".join(arguments[:2]))
        if "policy check" in asked.command:
            assert "check results/mine" in asked.command
        else:
            assert "--configfile 'my archive.yaml'" in asked.command
        if asked.command.startswith("anonbench review"):
            assert "anonbench run --configfile &#39;my archive.yaml&#39;" in asked.then
    assert {"images export", "policy check"} <= commands
    assert "until 100 are searched (3 now)" in found(CASES[0][0], "few_images").text


ATTACKED = {"rule": "attack", "rule_attack": "reidentification", "rule_limit": 0.1}


@pytest.mark.parametrize(
    ("seen", "attacked", "share", "add"),
    [
        (15.0, 60.0, 1.0, 78),  # probes ask for most: 93
        (15.0, 60.0, 0.5, 156),  # half of what is added is for training
        (60.0, 60.0, 1.0, 40),  # the gallery: 100 regions, though 93 probes are enough
    ],
)
def test_step_says_how_many_to_add(seen: float, attacked: float, share: float, add: int) -> None:
    top = row(rule_n=attacked, rule_clusters=seen, rule_value=0.05, **ATTACKED)
    said = {
        each: str(words(60, each, searched_share=share).step(top).text) for each in ("en", "de")
    }
    assert f"at least {add} other persons or documents" in said["en"]
    assert f"mindestens {add} weiteren Personen oder Dokumenten" in said["de"]
    assert all("nan" not in text and "probes" not in text for text in said.values())


def test_more_tries_are_not_advised_where_the_archive_has_too_few_persons() -> None:
    top = row(rule_n=100.0, rule_clusters=14.0, rule_value=0.01, **ATTACKED)
    asked = found(top | {"clusters": 16}, images=192, searched_share=0.5)
    assert "at least 154 other persons" in asked.text and asked.persons == 154
    assert "93 have to be among the searched images, and 16 are" in asked.text
    assert asked.command == "anonbench run"
    asked = found(top | {"clusters": 120}, images=192)
    assert "attack more images" in asked.text and "probes" in asked.command
    said = "only 14 persons or documents are among the attacked images"
    assert said in words(192).why(top)
    said = "nur 14 Personen oder Dokumente sind unter den angegriffenen Bildern"
    assert said in words(192, "de").why(top)


def test_limits_that_are_only_counted_are_in_the_nominative() -> None:
    named = {"rule": "attack", "rule_attack": "reidentification"}
    for more, said in ((1, "ein weiterer Punkt"), (2, "2 weitere Punkte")):
        names = ["residual", "readability", "barcodes", "linkage", "inversion"][: 3 + more]
        told = words(192, "de").untested(row(untested=" ".join(names), **named))
        assert told.endswith(f" und {said}")


def test_a_split_and_a_larger_sample_help_where_images_are_too_few() -> None:
    def then(top: dict[str, Any], **more: Any) -> str:
        return str(found(top, **more).then)

    top = row(rule_n=30.0, rule_clusters=10.0, **ATTACKED)
    for share, lesson in ((1.0, NO_LESSON), (0.5, NO_LESSON), (1.0, "")):
        said = then(top | {"detail": f"10 persons; {lesson}"}, searched_share=share)
        assert ("datasets.a.split: { validation: 0.5 }" in said) == (share == 1.0 and lesson != "")
    for subset in (0, 120):
        said = then(top, subset=subset)
        assert ("At most 120 images" in said and "datasets.a.subset" in said) == bool(subset)
        assert "subset" not in then(top | {"verdict": Verdict.PASS}, subset=subset)


def test_what_helps_where_tries_were_too_few() -> None:
    asked = found(row(rule_n=120.0, rule_value=0.02, rule_high=0.12, **ATTACKED), images=120)
    assert "until about 188 can be attacked (120 now)" in asked.text
    assert asked.command == "anonbench run"
    lack = "not known: 6 persons, and 10 are needed"
    asked = found(row(rule_n=30.0, detail=lack, **ATTACKED))
    assert f"(30 tries are too few: {lack})" in asked.text
    top = row(rule_n=229.0, rule_value=0.004, rule_high=0.035, **ATTACKED)
    asked = found(top, images=144)
    assert "leave out their detector" in asked.text and asked.command == "anonbench run"
    why = words(144).why(top)
    assert "up to" not in why and "for some kinds of regions" in why
    why = words(144).why(top | {"rule_high": math.nan, "rule_clusters": 120.0})
    assert "too little found in originals" in why  # there were images enough
    top |= {"rule_ceiling": 0.03}
    assert "(setting <code>privacy.recognizer.weights</code>)" in found(top, images=144).text
    why = words(144).why(top)
    assert "may fail on the originals, too" in why
    attacked = {**ATTACKED, "rule_attack": "residual", "rule_n": 47.0, "rule_clusters": 6.0}
    why = words(144).why(row(**attacked))
    assert why.startswith("only 6 persons or documents") and "at least 8 are needed" in why
    for high, said in ((0.09, "try another search system"), (0.11, "attack more images")):
        kept = {"kept": 0.02, "kept_low": 0.0, "kept_high": high, "rule_n": 20.0}
        assert said in found(row(**kept, **ATTACKED)).text
    top = row(rule_n=116.0, **ATTACKED)
    asked = found(top, images=121, drawn={"probes": 300})
    assert "add images of other persons" in asked.text and asked.command == "anonbench run", (
        "all were tried that can be"
    )
    top |= {"rule_attack": "residual"}
    asked = found(top, images=121, drawn={"attacked_regions": 300})
    assert "attack more images" in asked.text, "this attack has a number of images of its own"
    for attack in ("reidentification", "remainder", *PRIVACY_ATTACKS):
        asked = found(row(rule="attack", rule_attack=attack, rule_n=50.0), images=51)
        settings = shlex.split(asked.command)[-1].removeprefix("privacy=")
        privacy = Privacy.model_validate(yaml.safe_load(settings))
        drawn = {*privacy.model_fields_set}
        if attack in PRIVACY_ATTACKS and issubclass(PRIVACY_ATTACKS[attack], RegionAttack):
            most = privacy.of(PRIVACY_ATTACKS[attack]).most_images()
            assert "attacked_regions" in drawn and (most is None or most > 100), attack
        else:
            assert drawn == {"gallery" if attack == "inference" else "probes"}, attack
