"""Next step: its command is one that anonbench has, whatever blocks a recommendation."""

from __future__ import annotations

import math
import shlex
from typing import Any

import pytest
import yaml

from anonbench.cli.main import _parser
from anonbench.config import Privacy
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, RegionAttack
from anonbench.evaluation.policy.evidence import RULES
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.choice_table import COLUMNS, UNKNOWN
from anonbench.reporting.html.page import Texts
from anonbench.reporting.html.words import Facts, step

GAPS = {"few_images": 100, "few_queries": 20, "alike": None, "likely": None}


def row(**changes: Any) -> dict[str, Any]:
    """Return a choice, of which nothing is known but its names."""
    known = {"method": "mask", "degree": 100, "adaption": "A", "unknown": "", "rule_attack": ""}
    return dict.fromkeys(COLUMNS, math.nan) | known | changes


def facts(gap: str | None = None, images: int = 30) -> Facts:
    """Return what is known of a data set."""
    numbers = {"there": 3, "needed": GAPS[gap]} if gap and GAPS[gap] else {}
    found = (gap, numbers) if gap else None
    return Facts("a", images, 0, (), 0, found, toy=False, examples={})  # type: ignore[arg-type]


CASES = [
    *((row(verdict=Verdict.PASS, unknown=each), None) for each in ("", *UNKNOWN)),
    *((row(verdict=Verdict.PASS), gap) for gap in GAPS),
    *(
        (row(verdict=verdict, rule=rule, rule_entity="face", rule_limit=0.03), None)
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN)
        for rule in RULES
    ),
    (row(verdict=Verdict.UNKNOWN, rule="attack", rule_attack="reidentification"), None),
    (None, None),
]


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_command_is_understood(language: str) -> None:
    for top, gap in CASES:
        found = step(top, facts(gap), Texts(language))
        name, *arguments = shlex.split(found.command)
        options, rest = _parser().parse_known_args(arguments)
        assert name == "anonbench" and found.text
        # what `run` does not know itself is Snakemake's
        assert not rest or (arguments[0] == "run" and rest[0] == "--config"), found.command
        assert options is not None


def test_a_gap_names_what_is_missing() -> None:
    assert (
        "until 100 are searched (3 now)"
        in step(row(verdict=Verdict.PASS), facts("few_images"), Texts()).text
    )


def test_an_attack_is_tried_more_often_by_the_setting_that_counts_its_tries() -> None:
    for attack in ("reidentification", "remainder", *PRIVACY_ATTACKS):
        known = {"rule": "attack", "rule_attack": attack, "rule_n": 50.0}
        top = row(verdict=Verdict.UNKNOWN, **known)
        asked = shlex.split(step(top, facts(images=51), Texts()).command)[-1].removeprefix(
            "privacy="
        )
        privacy = Privacy.model_validate(yaml.safe_load(asked))
        drawn = {*privacy.model_fields_set}
        if attack in PRIVACY_ATTACKS and issubclass(PRIVACY_ATTACKS[attack], RegionAttack):
            most = privacy.of(PRIVACY_ATTACKS[attack]).most_images()
            assert "attacked_regions" in drawn and (most is None or most > 100), attack
        else:
            assert drawn == {"gallery" if attack == "inference" else "probes"}, attack


def test_where_all_images_were_attacked_more_images_are_needed() -> None:
    known = {"rule": "attack", "rule_attack": "reidentification", "rule_limit": 0.1}
    top = row(verdict=Verdict.UNKNOWN, rule_n=120.0, rule_value=0.02, rule_high=0.12, **known)
    found = step(top, facts(images=120), Texts())
    assert "until about 188 can be attacked (120 now)" in found.text
    assert found.command == "anonbench run"


def test_an_attack_is_not_tried_more_often_where_nothing_is_left_to_search_by() -> None:
    known = {"rule": "attack", "rule_attack": "reidentification", "rule_limit": 0.1, "rule_n": 20.0}
    top = row(verdict=Verdict.UNKNOWN, kept=0.02, kept_low=0.0, kept_high=0.09, **known)
    assert "try another search system" in step(top, facts(), Texts()).text
    top |= {"kept_high": 0.11}
    assert "attack more images" in step(top, facts(), Texts()).text
