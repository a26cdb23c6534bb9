"""Verdicts of a policy: nothing passes that is not known to, and less is never allowed more."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.config import Anonymization, Policy
from anonbench.config.privacy import AttackLimits, Missed
from anonbench.core.errors import InputError
from anonbench.core.registries.attacks import LEARNED, NO_CODING, NO_REGION
from anonbench.core.registries.methods import least_information_left
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.detection import COLUMNS
from anonbench.evaluation.policy import verdicts
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.table import measured, read_policy, resisted, unlimited, why_not
from anonbench.evaluation.policy.verdicts import (
    JUDGED,
    OF_ENTITIES,
    Verdict,
    exposures,
    judge,
    standings,
)
from anonbench.evaluation.privacy.attacks.kinds import BUILT_IN
from anonbench.evaluation.privacy.probes import NO_LESSON
from policy_evidence import make_attacks, make_audit, make_coverage, make_measured
from synthetic_rates import make_rates

LAYERS = ["tile_shuffle", "pixelate"]
MASK = "mask-100"
GIVEN = {"variant": "given_deface-100"}  # of another program
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
ORDER = [PASS, UNKNOWN, FAIL]


def judged(policy: Policy | None = None, variant: str = "mask-100", **more: Any) -> pd.DataFrame:
    return judge(evidence(make_measured((variant,), **more)), policy or Policy())


def verdict_of(*given: Any, **more: Any) -> Verdict:
    (found,) = standings(judged(*given, **more)).values()
    return found


def reasons(*given: Any, **more: Any) -> str:
    return why_not(judged(*given, **more))


def test_what_fulfils_every_rule_passes_and_says_what_it_resisted() -> None:
    table = judged()
    assert standings(table) == {("portraits", "mask", 100): PASS}
    assert why_not(table) == ""
    text = resisted(table)
    assert text.startswith("resisted these attacks at N = 150 to 200: reidentification, rank 1")
    assert "anonymous" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "verdict", "said"),
    [
        ({"quality": None}, UNKNOWN, "true area missed (face): not known, at most 3 %"),
        ({"quality": make_coverage(0.9)}, FAIL, "true area missed (face): 9.5 % (9.0 to 10.0)"),
        ({"quality": make_coverage(0.965)}, UNKNOWN, "3 % (the interval contains the limit)"),
        ({"quality": make_coverage(images=19)}, UNKNOWN, "19 images with true boxes"),
        ({"quality": make_coverage(entity="text")}, UNKNOWN, "0 images with true boxes"),
        # no miss in few images: a bootstrap has no width, Wilson's interval ends at 3.7 %
        ({"quality": make_coverage(1.0, images=100)}, UNKNOWN, "true area missed (face): 0.0 %"),
        (
            {"quality": make_coverage(1.0, images=300, clusters=100)},
            UNKNOWN,
            "missed (face): 0.0 %",
        ),
        ({"quality": make_coverage(images=300, clusters=7)}, UNKNOWN, "7 clusters, and at least 8"),
        ({"rates": None}, UNKNOWN, "reidentification: not known, at most 10 %"),
        ({"attacks": None}, UNKNOWN, "residual: not known, at most 10 %"),
        ({"audit": make_audit((MASK,), failed_audits=1)}, FAIL, "audits of written images: 1"),
        ({"audit": make_audit((MASK,), used_failed=1)}, FAIL, "detector failed: 1.0 %"),
        (GIVEN, UNKNOWN, "regions hidden: not known, at least 100 % (there is no evidence"),
        (GIVEN | {"audit": make_audit(())}, UNKNOWN, "audits of written images: not known"),
    ],
)
def test_missing_evidence_fails(more: dict[str, Any], verdict: Verdict, said: str) -> None:
    table = judged(**more)
    assert [*standings(table).values()] == [verdict]
    assert said in why_not(table)


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        ({"low": 0.0}, FAIL, "true area missed (text): 99.5 %"),
        ({"low": 0.0, "images": 3}, UNKNOWN, "3 images with true boxes"),
        ({"low": 0.98}, PASS, ""),  # covered by regions of others
        ({"low": 0.0, "images": 0}, PASS, ""),  # none is true
    ],
)
def test_what_is_true_and_nobody_looks_for_is_missed(
    text: dict[str, Any], verdict: Verdict, said: str
) -> None:
    quality = pd.concat([make_coverage(), make_coverage(**text, entity="text")])
    assert verdict_of(quality=quality) is verdict
    assert said in reasons(quality=quality)
    assert verdict_of(Policy(missed=Missed(text=None)), quality=quality) is PASS


def test_a_planted_weak_setting_fails_by_degree_strength_and_attack() -> None:
    blocks = {"pixelate": {"blocks": {"face": 500, "text": 500}}}
    weak = Anonymization.model_validate(blocks).model_dump(mode="json")
    attacks = make_attacks("portraits", ("pixelate-50",), {"residual": 0.6})
    given = {"variant": "pixelate-50", "methods": weak, "attacks": attacks}
    for part in (
        "regions hidden: 50 %, at least 100 %",
        "pixelate.blocks.face: 500, at most 8",
        "reidentification, rank 1 (face): 60.0 % (59.5 to 63.0)",
        "residual, found: 60.0 % (59.0 to 61.0), control 1.0 %, above it 59.6 %",
    ):
        assert part in reasons(**given)
    row = {"rule": "attack", "value": 0.25, "low": 0.2, "high": 0.3, "control": 0.25, "n": 40}
    assert measured(row) == "25.0 % (20.0 to 30.0), control 25.0 %, not above it, N = 40"
    assert "blocks.text" not in reasons(**given)  # nobody looks for text
    assert verdict_of(**given) is FAIL


@pytest.mark.parametrize(
    ("change", "limit", "verdict"),
    [
        ({}, 0.49, PASS),
        ({}, 0.48, UNKNOWN),  # the rate is below, the upper end of its interval is not
        ({}, 0.4, FAIL),
        ({"reason": NO_LESSON}, 0.5, UNKNOWN),
        ({"reason": NO_LESSON}, 0.4, FAIL),
        ({"low": 0.43, "high": 0.66}, 0.7, UNKNOWN),  # too wide to show that the attack fails
        ({"low": 0.43, "high": 0.66}, 0.1, FAIL),
        ({"clusters": 2}, 0.4, UNKNOWN),
    ],
)
def test_limits_and_intervals(change: dict[str, Any], limit: float, verdict: Verdict) -> None:
    rates = make_rates("portraits")
    changed = {"low": 0.41, "high": 0.49} | change
    rates.loc[rates["method"] != "original", [*changed]] = [*changed.values()]
    if "reason" in change:  # of an attacker that could not learn
        rates = pd.concat(
            [rates.iloc[:1].assign(rate=float("nan"), **change), rates.assign(reason="")]
        )
    policy = Policy(attacks=AttackLimits(reidentification=limit))
    table = judged(policy, "blur-100", rates=rates).set_index("attack")
    assert table.loc[["reidentification"], "verdict"].tolist() == [str(verdict)]


def test_a_rate_at_its_limit_is_within_it() -> None:
    for rule, rate, control, limit in (
        ("missed", 1 - 0.97, float("nan"), 0.03),
        ("attack", 0.1 + 0.05 * 0.9, 0.1, 0.05),
    ):
        row = {"rule": rule, "low": rate, "high": rate, "control": control, "reason": ""}
        assert verdicts.verdict_of(row, "most", limit) is PASS
        assert verdicts.verdict_of(row | {"high": rate + 1e-6}, "most", limit) is UNKNOWN


def test_surroundings_are_measured_apart_and_judged_where_a_limit_is_set() -> None:
    """No method lowers that rate, so by default it is said and fails nothing."""
    rates = make_rates("portraits", remainder=0.4)
    rates["low"], rates["high"] = rates["rate"] - 0.005, rates["rate"] + 0.03
    table = judged(rates=rates)
    row = table[table["attack"] == "remainder"].iloc[0]
    assert (row["value"], row["verdict"]) == (0.4, "no limit")
    assert "remainder, rank 1 (face), up to 40.0 %" in unlimited(table)
    assert standings(table) == {("portraits", "mask", 100): PASS}
    strict = Policy(attacks=AttackLimits(remainder=0.2))
    assert verdict_of(strict, rates=rates) is FAIL
    said = reasons(strict, rates=rates)
    assert "remainder, rank 1 (face): 40.0 % (39.5 to 43.0), N = 150" in said
    assert "remainder: not known, at most 20 %" in reasons(strict)


def test_an_attack_that_fails_on_originals_or_has_a_reason_shows_nothing() -> None:
    attacks = make_attacks("portraits", ("mask-100",), {"residual": 0.0})
    why = attacks["reason"].mask(attacks["method"] == "mask", "too few regions")
    assert verdict_of(attacks=attacks.assign(reason=why)) is UNKNOWN
    attacks.loc[attacks["method"] == "original", ["rate", "low", "high"]] = (0.01, 0.0, 0.02)
    assert verdict_of(attacks=attacks) is UNKNOWN
    assert "no more than its control in originals" in reasons(attacks=attacks)
    for entity, verdict in (("text", PASS), ("face", FAIL)):  # that fakes are found, neither
        attacks = make_attacks("portraits", ("mask-100",), {"residual": 0.9}, entity=entity)
        assert verdict_of(attacks=attacks) is FAIL
        assert verdict_of(attacks=attacks, fakes={"mask": ("text",)}) is verdict


@pytest.mark.parametrize(
    ("originals", "limit", "verdict"),
    [
        ((0.12, 0.2), 0.1, PASS),
        ((0.07, 0.12), 0.1, UNKNOWN),  # whatever the method hides, the attack hardly finds more
        ((0.07, 0.12), 0.02, FAIL),
        ((0.07, 0.12), 1.0, PASS),  # nothing is asked for
    ],
)
def test_an_attack_that_finds_as_little_in_originals_shows_nothing(
    originals: tuple[float, float], limit: float, verdict: Verdict
) -> None:
    rates = make_rates("portraits").assign(low=0.05, high=0.08, rate=0.06)
    rates.loc[rates["method"] == "original", ["low", "high"]] = originals
    limits = {"reidentification": limit, "residual": limit}
    attacks = make_attacks("portraits", ("mask-100",), {"residual": 0.07}, control=0.0)
    attacks.loc[attacks["method"] == "original", ["low", "high"]] = originals
    given = {"attacks": attacks, "rates": rates}
    table = judged(Policy(attacks=AttackLimits.model_validate(limits)), **given)
    found = table[table["attack"].isin(list(limits))]
    assert set(found["verdict"]) == {str(verdict)}
    said = "the attack may find as little in originals, so it shows nothing"
    assert why_not(found).count(said) == 2 * (verdict is UNKNOWN)


@pytest.mark.parametrize(
    ("text", "originals", "verdict"),
    [
        ((0.01, 0.0, 0.05), (0.4, 0.6), PASS),
        ((0.01, 0.0, 0.15), (0.4, 0.6), UNKNOWN),  # of a lower rate, but the interval is wider
        ((0.01, 0.0, 0.05), (0.04, 0.6), UNKNOWN),  # it may find as little text in originals
        ((0.04, 0.01, 0.06), (0.4, 0.6), PASS),  # of a higher rate than the face's
    ],
)
def test_re_identification_is_judged_for_each_entity_by_its_own_originals(
    text: tuple[float, ...], originals: tuple[float, float], verdict: Verdict
) -> None:
    rates = make_rates("portraits")
    rates[["rate", "low", "high"]] = 0.02, 0.01, 0.055
    rates.loc[rates["method"] == "original", ["rate", "low", "high"]] = 0.08, 0.058, 0.12
    lines = rates.assign(entity="text")
    lines[["rate", "low", "high"]] = text
    lines.loc[lines["method"] == "original", ["rate", "low", "high"]] = 0.5, *originals
    assert verdict_of(rates=pd.concat([rates, lines], ignore_index=True)) is verdict
    assert verdict_of(rates=pd.concat([lines, rates], ignore_index=True)) is verdict


def test_a_strength_and_a_method_that_applies_another_are_bound_like_it() -> None:
    weak = Anonymization.model_validate({"blur": {"sigma": {"face": 0.01}}})
    more = {"applied": {"by_entity": ("by_entity", "blur")}}
    said = reasons(variant="by_entity-100", methods=weak.model_dump(mode="json"), **more)
    assert "blur.sigma.face: 0.01, at least 0.12" in said
    plain = Anonymization().model_dump(mode="json")
    fine = plain | {"pixelate_fine": {"blocks": {"face": 24}}}
    asked = {"variant": "pixelate_fine-100"}
    assert "pixelate.blocks.face: 24, at most 8" in reasons(**asked, methods=fine)
    assert verdict_of(**asked, methods=fine) is FAIL
    assert verdict_of(**asked, methods=plain) is UNKNOWN


@pytest.mark.parametrize(
    ("variant", "policy", "verdict", "said"),
    [
        ("pixelate-100", {}, PASS, ""),
        ("pixelate-100", {"information_left": "none"}, FAIL, "by design: coarse, at most none"),
        ("tile_shuffle-100", {}, FAIL, "left of regions by design: all, at most coarse"),
        ("tile_shuffle-100", {"information_left": "all"}, PASS, ""),
        ("stripes-100", {"information_left": "all"}, UNKNOWN, "does not say what it leaves"),
    ],
)
def test_information_left(variant: str, policy: Any, verdict: Verdict, said: str) -> None:
    table = judged(Policy.model_validate(policy), variant)
    rules = table[table["rule"] == "information_left"]
    assert [*rules["verdict"]] == [str(verdict)]
    assert said in why_not(rules)


def test_what_is_left_is_that_of_the_strongest_step_and_of_the_weakest_sought_entity() -> None:
    asked = Anonymization.model_validate(
        {"by_entity": {"face": "layers", "text": "tile_shuffle"}, "layers": {"methods": LAYERS}}
    )
    of_each = {str(each): asked.information_left("by_entity", each) for each in Entity}
    assert of_each.items() >= {"face": "coarse", "text": "all", "mrz": "none"}.items()
    stated = {"information_left": {"by_entity": of_each}}
    for sought, left in ((("face",), 1.0), (("face", "text"), 3.0), (("mrz",), 0.0)):
        table = judged(None, "by_entity-100", sought=sought, **stated)
        assert table.loc[table["rule"] == "information_left", "value"].tolist() == [left]
    for steps, least in (
        *((["all", "coarse"], "coarse"), (["unknown", "none"], "none"), (["most", "all"], "most")),
        *((["unknown", "most"], "unknown"), ([], "unknown")),
    ):
        assert least_information_left(steps) == least


def test_what_ellipses_leave_in_sight_counts_where_they_are_hidden() -> None:
    methods = Anonymization().model_dump(mode="json") | {"shape": {"face": "ellipse"}}
    assert verdict_of(methods=methods) is UNKNOWN
    assert "no true boxes" in reasons(methods=methods)
    for low, degree, verdict in ((0.005, 100, PASS), (0.2, 100, FAIL), (0.005, 50, UNKNOWN)):
        row = (degree, "face", low + 0.005, low, low + 0.01, 200, 200)
        visible_area = pd.DataFrame([row], columns=COLUMNS)
        assert verdict_of(methods=methods, visible_area=visible_area) is verdict
        # boxes are judged by the quality table
        assert verdict_of(visible_area=visible_area) is PASS


def test_every_entity_and_built_in_attack_has_a_limit_or_says_that_it_has_none() -> None:
    assert set(Missed.model_fields) == set(map(str, Entity))
    assert set(AttackLimits.model_fields) >= {"reidentification", *(a.name for a in BUILT_IN)}
    entities = {a.name: set(map(str, getattr(a, "entities", ()))) for a in BUILT_IN}
    of_some = {name: found for name, found in entities.items() if found}
    assert {name: set(found) for name, found in OF_ENTITIES.items() if name in of_some} == of_some


def test_an_attack_that_was_not_run_says_why() -> None:
    """Its one row stands for all variants; one that has nothing to attack concerns none."""
    attacks = make_attacks("portraits", (), {"residual": 0.0}).assign(rate=float("nan"))
    for reason, verdict in ((NO_REGION, PASS), (NO_CODING, PASS), ("no model", UNKNOWN)):
        assert verdict_of(attacks=attacks.assign(reason=reason)) is verdict
        said = reasons(attacks=attacks.assign(reason=reason))
        assert (f"({reason})" in said) is (verdict is UNKNOWN)


def test_an_attack_that_says_nothing_of_one_entity_does_not_pass() -> None:
    """A dictionary of lines of text tells nothing about machine-readable zones."""
    lines = make_attacks("portraits", (MASK,), {"dictionary": 0.0}, entity="text")
    zones = make_attacks("portraits", (), {"dictionary": 0.0}, entity="mrz", measure="")
    unknown = zones.assign(rate=float("nan"), reason="nothing was read")
    given = {"sought": ("text", "mrz"), "attacks": pd.concat([lines, unknown])}
    policy = Policy.model_validate({"attacks": {"dictionary": 0.05}})
    rows = judged(policy, **given).query("attack == 'dictionary'").set_index("entity")["verdict"]
    assert rows.to_dict() == {"text": str(PASS), "mrz": str(UNKNOWN)}
    assert "dictionary (mrz): not known" in reasons(policy, **given)


def test_an_attribute_of_which_nothing_is_known_does_not_pass_with_the_others() -> None:
    smiling = make_attacks("portraits", (MASK,), {"inference": 0.02}, measure="accuracy_of_Smiling")
    glasses = make_attacks("portraits", (), {"inference": 0.0}, measure="accuracy_of_Eyeglasses")
    unknown = glasses.assign(rate=float("nan"), reason="7 images: too few")
    given = {"attacks": pd.concat([smiling, unknown])}
    policy = Policy.model_validate({"attacks": {"inference": 0.1}})
    rows = judged(policy, **given).query("attack == 'inference'").set_index("measure")["verdict"]
    assert rows.to_dict() == {
        "accuracy_of_Smiling": str(PASS),
        "accuracy_of_Eyeglasses": "not known",
    }
    assert "inference, accuracy of Eyeglasses: not known" in reasons(policy, **given)


def test_an_attack_whose_restorers_could_not_learn_does_not_pass() -> None:
    """What is left of it, restoration without learning, is the weaker half."""
    plain = make_attacks("portraits", (MASK,), {"reconstruction": 0.0}, entity="text")
    learned = make_attacks("portraits", (), {"reconstruction": 0.0}, entity="text")
    learned = learned.assign(measure=LEARNED, rate=float("nan"), reason="no restorer was learned")
    given = {"sought": ("text",), "attacks": pd.concat([plain, learned])}
    policy = Policy.model_validate({"attacks": {"reconstruction": 0.05}})
    assert "reconstruction, learned (text): not known" in reasons(policy, **given)


@pytest.mark.parametrize("lacking", [{"entity": "text"}, {"measure": "found_by_other"}])
def test_what_was_tried_on_another_variant_only_does_not_pass(lacking: dict[str, Any]) -> None:
    """Neither a kind of region nor a measure is missing without being named."""
    names = (MASK, "pixelate-100")
    tried = make_attacks("portraits", names, {"residual": 0.02}, entity="face")
    attacks = pd.concat([tried, tried[tried["method"] != "mask"].assign(**lacking)])
    found = judge(evidence(make_measured(names, attacks=attacks)), Policy())
    rows = found[(found["attack"] == "residual") & (found["method"] == "mask")]
    assert list(rows["verdict"]) == ["not known", "pass"]
    assert rows["reason"].iloc[0] == "this attack was not run"
    assert ("singling_out", "mask") not in exposures(found).set_index(["risk", "method"]).index


def test_an_attack_of_which_nothing_is_known_on_originals_does_not_pass() -> None:
    attacks = make_attacks("portraits", (MASK,), {"residual": 0.02})
    assert verdict_of(attacks=attacks) is PASS
    on_originals = attacks["method"] == "original"
    unknown = attacks.assign(reason=np.where(on_originals, "5 clusters", ""))
    for table in (attacks[~on_originals], unknown):
        assert "what it finds in originals is not known" in reasons(attacks=table)


def test_re_identification_of_a_kind_that_only_another_variant_has_does_not_pass() -> None:
    rates = make_rates("portraits")
    rates["low"], rates["high"] = rates["rate"] - 0.005, rates["rate"] + 0.03
    lines = rates[rates["method"] != "mask"].assign(entity="text", match="region")
    rates = pd.concat([rates, lines], ignore_index=True)
    assert verdict_of(rates=rates) is UNKNOWN
    assert "(text: this attack was not run)" in reasons(rates=rates)


def test_re_identification_of_which_nothing_is_known_on_originals_does_not_pass() -> None:
    rates = make_rates("portraits")
    rates["low"], rates["high"] = rates["rate"] - 0.005, rates["rate"] + 0.03
    assert verdict_of(rates=rates) is PASS
    lines = rates.assign(entity="text", match="region")
    lines.loc[lines["method"] == "mask", ["rate", "low", "high"]] = 0.01, 0.0, 0.02
    lines = lines[lines["method"] != "original"]
    for table in (lines, pd.concat([rates, lines], ignore_index=True)):
        assert verdict_of(rates=table) is UNKNOWN
        assert "text: what is found in originals is not known" in reasons(rates=table)


@pytest.mark.parametrize(
    ("strongest", "other", "verdict"),
    [
        ((0.05, 0.03, 0.08), (0.0475, 0.03, 0.075), PASS),
        ((0.05, 0.03, 0.08), (0.0475, 0.018, 0.117), UNKNOWN),
        ((0.13, 0.08, 0.2), (0.125, 0.11, 0.15), FAIL),
    ],
)
def test_re_identification_is_judged_by_each_attacker(
    strongest: tuple[float, ...], other: tuple[float, ...], verdict: Verdict
) -> None:
    """Who finds fewer, but all of few persons, may find more than the limit elsewhere."""
    rates = make_rates("portraits")
    is_hidden = rates["method"] != "original"
    rates.loc[is_hidden, ["rate", "low", "high"]] = strongest
    rates.loc[is_hidden & (rates["attacker"] == "naive"), ["rate", "low", "high"]] = other
    assert verdict_of(rates=rates) is verdict


def test_re_identification_fails_by_a_kind_that_is_surely_found_too_often() -> None:
    """Faces are found as often, but less surely: their interval begins below the limit."""
    faces = make_rates("portraits")
    is_hidden = faces["method"] != "original"
    lines = faces.assign(entity="text", match="region")
    for rates, low, high in ((faces, 0.08, 0.2), (lines, 0.12, 0.15)):
        rates.loc[is_hidden, ["rate", "low", "high"]] = 0.13, low, high
    rates = pd.concat([faces, lines], ignore_index=True)
    rates.loc[rates["method"] == "original", ["low", "high"]] = 0.85, 0.95
    policy = Policy.model_validate({"attacks": {"reidentification": 0.1}})
    assert verdict_of(policy, rates=rates) is FAIL


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        ({"searched": ["face", "text"]}, FAIL),
        ({"methods": ["mask", "blur"]}, PASS),
        ({"methods": ["blur"]}, FAIL),
        ({"strength": [{"parameter": "mask.density", "least": 1.0}]}, UNKNOWN),
        ({"strength": [{"parameter": "blur.sigma.face", "least": 9.0}]}, PASS),
        ({"attacks": {"linkage": 0.1}}, UNKNOWN),
        ({"missed": {"face": None}, "attacks": {"residual": None}}, PASS),
    ],
)
def test_what_a_policy_asks_for(policy: dict[str, Any], verdict: Verdict) -> None:
    assert verdict_of(Policy.model_validate(policy)) is verdict


@pytest.mark.parametrize(
    "wrong",
    [
        {"strength": [{"parameter": "stripes.height", "least": 2}]},
        {"strength": [{"parameter": "blur", "least": 2}]},
        {"strength": [{"parameter": "blur.sigma.face"}]},
        {"strength": [{"parameter": "blur.sigma.face", "least": 1, "most": 2}]},
        {"strength": [{"parameter": "blur.sigma.face", each: 1} for each in ("least", "most")]},
        {"methods": ["stripes"]},
        {"attacks": {"reidentification": None}},
        {"degree": 0},
    ],
)
def test_a_policy_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Policy.model_validate(wrong)


@pytest.mark.parametrize("rough", [4, 24])
def test_two_strengths_of_one_method_are_both_judged(tmp_path: Any, rough: int) -> None:
    faces = {"fine": {"blocks": {"face": 24}}, "rough": {"blocks": {"face": rough}}}
    names = ["pixelate_fine", "pixelate_rough"]
    asked = Anonymization.model_validate(
        {"strengths": {"pixelate": faces}, "layers": {"methods": names}}
    )
    methods = {name: asked.method(name).model_dump(mode="json") for name in names}
    table = judged(variant="layers-100", methods=methods, applied={"layers": names})
    found = table[table["rule"] == "strength"]
    assert found["value"].tolist() == ([24] if rough == 24 else [24, rough])
    assert found["verdict"].iloc[0] == str(FAIL)
    table.to_csv(tmp_path / "policy.csv", index=False)
    assert standings(read_policy(tmp_path / "policy.csv")) == standings(table)
    pd.concat([table, found]).to_csv(tmp_path / "policy.csv", index=False)
    with pytest.raises(InputError, match="two rows of one rule"):
        read_policy(tmp_path / "policy.csv")


shares = st.floats(0.0, 1.0)
PASSING = evidence(make_measured())


def verdict_at(limit: float, *numbers: float, control: float, reason: str = "") -> Verdict:
    """Return the verdict on evidence that passes, but for one attack's rate and interval."""
    table = PASSING.copy()
    mine = table["attack"] == "residual"
    table.loc[mine, ["value", "low", "high"]] = numbers
    table.loc[mine, ["control", "reason"]] = (control, reason)
    (found,) = standings(judge(table, Policy(attacks=AttackLimits(residual=limit)))).values()
    return found


@settings(max_examples=30)
@given(rate=shares, width=shares, control=shares, limits=st.tuples(shares, shares))
def test_a_higher_limit_never_judges_worse(
    rate: float, width: float, control: float, limits: tuple[float, float]
) -> None:
    numbers = rate, rate - width, rate + width
    lower, higher = (verdict_at(limit, *numbers, control=control) for limit in sorted(limits))
    assert ORDER.index(higher) <= ORDER.index(lower)


@settings(max_examples=30)
@given(limit=shares, control=shares, numbers=st.tuples(shares, shares, shares), lacks=st.booleans())
def test_what_is_not_known_never_passes(
    limit: float, control: float, numbers: tuple[float, float, float], lacks: bool
) -> None:
    given, reason = (numbers, "too few") if lacks else ((*numbers[:2], float("nan")), "")
    assert verdict_at(limit, *given, control=control, reason=reason) is not PASS


def test_another_policy_judges_the_written_table_as_it_would_the_evidence(tmp_path: Any) -> None:
    """Rows that one policy asked for in vain are none of the evidence of another."""
    known = evidence(make_measured(("mask-100", "blur-100"), attacks=None))
    judge(known, Policy.model_validate({"methods": ["mask"]})).to_csv(tmp_path / "a", index=False)
    other = Policy.model_validate({"attacks": {"residual": None}})
    again = judge(read_policy(tmp_path / "a"), other)
    pd.testing.assert_frame_equal(again, judge(known, other), check_dtype=False)
    assert standings(again) == {("portraits", "mask", 100): PASS, ("portraits", "blur", 100): FAIL}
    # a table without evidence passes nothing
    cut = evidence(make_measured()).query("rule == 'searched'")
    assert set(standings(judge(cut, Policy())).values()) == {UNKNOWN}
    assert judge(cut.iloc[:0], Policy()).columns.tolist() == JUDGED


def test_a_guess_that_is_often_right_makes_no_attack_blind_that_has_a_control() -> None:
    """Faces lie where faces lie; what a detector finds in masked images is what counts."""
    attacks = make_attacks("portraits", ("mask-100",), {"residual": 0.0}).assign(chance=0.95)
    assert verdict_of(attacks=attacks) is PASS
    # attacks concern only those who have such regions
    assert "readability: not known" in reasons(attacks=attacks, sought=("face", "text"))
    assert verdict_of(attacks=attacks.assign(control=float("nan"))) is UNKNOWN
