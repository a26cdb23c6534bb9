"""Next step: its command is one that anonbench has, whatever blocks a recommendation."""

from __future__ import annotations

import math
import shlex
from typing import Any

import pytest
import yaml

from anonbench.cli.main import command_parser
from anonbench.config import Privacy
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, RegionAttack
from anonbench.evaluation.policy.evidence import RULES
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.choice_table import COLUMNS, UNKNOWN
from anonbench.reporting.html.page import Texts
from anonbench.reporting.html.words import Facts, Step, Words, step

GAPS = {"few_images": 100, "few_queries": 20, "alike": None, "likely": None}


def row(verdict: Verdict = Verdict.UNKNOWN, **changes: Any) -> dict[str, Any]:
    """Return a choice, of which nothing is known but its names."""
    known = {"method": "mask", "degree": 100, "adaption": "A", "unknown": "", "rule_attack": ""}
    return dict.fromkeys(COLUMNS, math.nan) | known | {"verdict": verdict} | changes


def found(
    top: dict[str, Any] | None, gap: str | None = None, images: int = 30, language: str = "en"
) -> Step:
    """Return the next step for a choice of a data set."""
    numbers = {"there": 3, "needed": GAPS[gap]} if gap and GAPS[gap] else {}
    facts = Facts("a", images, 0, (), 0, (gap, numbers) if gap else None, False, {})  # type: ignore[arg-type]
    return step(top, facts, Texts(language))


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
def test_every_command_is_understood(language: str) -> None:
    parser = command_parser()
    for top, gap in CASES:
        asked = found(top, gap, language=language)
        name, *arguments = shlex.split(asked.command)
        _, rest = parser.parse_known_args(arguments)
        assert name == "anonbench" and asked.text
        # what `run` does not know itself is Snakemake's
        assert not rest or (arguments[0] == "run" and rest[0] == "--config"), asked.command
    assert (
        language == "de"
        or "until 100 are searched (3 now)" in found(CASES[0][0], "few_images").text
    )


def test_every_command_names_the_config_and_the_results() -> None:
    facts = Facts("a", 30, 0, (), 0, None, toy=False, examples={})
    texts = Texts(configfiles=["my archive.yaml"], results="results/mine")
    said = []
    for top, _ in CASES:
        asked = step(top, facts, texts)
        said.append(asked.command)
        if "policy check" in asked.command:
            assert "check results/mine" in asked.command
        else:
            assert "--configfile 'my archive.yaml'" in asked.command
        if asked.command.startswith("anonbench review"):
            assert "anonbench run --configfile &#39;my archive.yaml&#39;" in asked.then
    assert any("images export" in command for command in said)
    assert any("policy check" in command for command in said)


def test_an_attack_is_tried_more_often_by_the_setting_that_counts_its_tries() -> None:
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


ATTACKED = {"rule": "attack", "rule_attack": "reidentification", "rule_limit": 0.1}


def test_where_all_images_were_attacked_more_images_are_needed() -> None:
    asked = found(row(rule_n=120.0, rule_value=0.02, rule_high=0.12, **ATTACKED), images=120)
    assert "until about 188 can be attacked (120 now)" in asked.text
    assert asked.command == "anonbench run"


def test_where_persons_are_few_the_number_that_is_needed_is_told() -> None:
    lack = "not known: 6 persons, and 10 are needed"
    asked = found(row(rule_n=30.0, detail=lack, **ATTACKED))
    assert f"(30 tries are too few: {lack})" in asked.text


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
    facts = Facts("a", 60, 0, (), 0, None, toy=False, examples={}, searched_share=share)
    said = {each: str(step(top, facts, Texts(each)).text) for each in ("en", "de")}
    assert f"at least {add} other persons or documents" in said["en"]
    assert f"mindestens {add} weiteren Personen oder Dokumenten" in said["de"]
    assert all("nan" not in text and "probes" not in text for text in said.values())


def test_more_tries_do_not_help_where_a_kind_of_region_was_not_attacked() -> None:
    top = row(rule_n=229.0, rule_value=0.004, rule_high=0.035, **ATTACKED)
    asked = found(top, images=144)
    assert "leave out their detector" in asked.text and asked.command == "anonbench run"
    why = Words(Texts(), Facts("a", 144, 0, (), 0, None, False, {})).why(top)
    assert "up to" not in why and "for some kinds of regions" in why


def test_an_attack_is_not_tried_more_often_where_nothing_is_left_to_search_by() -> None:
    for high, said in ((0.09, "try another search system"), (0.11, "attack more images")):
        kept = {"kept": 0.02, "kept_low": 0.0, "kept_high": high, "rule_n": 20.0}
        assert said in found(row(**kept, **ATTACKED)).text
