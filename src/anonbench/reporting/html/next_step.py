"""Next step: the cheapest step towards a passing method, with its command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.method_names import setting_of
from anonbench.evaluation.policy.evidence import MIN_IMAGES, OF_REMAINDER, REIDENTIFICATION
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.html.texts import Texts
from anonbench.reporting.html.words import Facts

RUN = "anonbench run"

_DRAWN = dict.fromkeys((REIDENTIFICATION, OF_REMAINDER, "linkage", "inversion"), "probes")
_DRAWN |= {"inference": "gallery"}
"""Settings of the section `privacy` that say how often an attack is tried, where it is not
`attacked_regions`."""
_OF_IMAGES = ("residual", "dictionary", "block_noise")
"""Attacks that look at so many images and no more: a setting of their own."""


@dataclass(frozen=True)
class Step:
    """One step with its command."""

    text: Markup
    command: str


def step(top: Mapping[Any, Any] | None, facts: Facts, texts: Texts) -> Step:
    """Next step for a data set.

    Args:
        top: its first choice (`anonbench.reporting.choices.table.choices`); None if nothing was
            run.
        facts: further facts about the data set.
        texts: texts of the language.
    """
    dataset = facts.name
    look = f"anonbench review {dataset}"
    if facts.published:
        return Step(texts("step.notice"), look)
    if top is None or top["unknown"] == "not_run":
        return Step(texts("step.not_run"), RUN)
    if facts.gap is not None:
        key, numbers = facts.gap
        known = {name: texts.number(value) for name, value in numbers.items()}
        return Step(texts.first(f"step.{key}", "step.gap", **known), RUN)
    if top["verdict"] == Verdict.PASS:
        if top["unknown"] == "second":
            return Step(texts("step.no_second"), f"{RUN} --config 'control_seeds=[1]'")
        if top["unknown"]:
            return Step(texts("step.gap"), RUN)
        variant = f"{top['method']}-{top['degree']}"
        export = f"anonbench images export {dataset} {variant} --to {variant}.tar"
        return Step(texts("step.publish"), export)
    kind = "fail" if top["verdict"] == Verdict.FAIL else "open"
    rule = str(top["rule"])
    if rule == "attack" and not top["rule_attack"]:
        rule = "none"
    entity = str(top["rule_entity"])
    text = texts.first(
        f"step.{kind}.{rule}",
        "step.look",
        dataset=dataset,
        setting=setting_of(str(top["method"])),
        entity=texts.named("entities", entity),
        images=texts.number(_true_boxes(top)) if rule == "missed" and kind == "open" else "",
    )
    commands = {
        "degree": f"{RUN} --config 'datasets={{{dataset}: {{degrees: [100]}}}}'",
        "missed": look if kind == "fail" else f"{look} --sample {_true_boxes(top)}",
        "unsearched": look,
        "audit": f"anonbench policy check results --variant {top['method']}-{top['degree']}",
        "attack": RUN if kind == "fail" else f"{RUN} --config 'privacy={{{_more(top)}}}'",
        "none": f"{RUN} --config 'privacy={{{facts.attacks}}}'",
    }
    return Step(text, commands.get(rule, RUN))


def _true_boxes(row: Mapping[Any, Any]) -> int:
    """Number of images that need true boxes, including those that have them.

    Assumes the miss rate measured so far. Without measurements: the smallest number at which
    Wilson's interval lies within the limit if nothing is missed.
    """
    limit, there = row["rule_limit"], row["rule_n"]
    there = 0 if there == "" or there is None or math.isnan(there) else int(there)
    if not limit > 0.0:
        return max(2 * there, MIN_IMAGES)
    needed = max(fewest_trials(limit, 0.95), MIN_IMAGES)
    value, high = row["rule_value"], row["rule_high"]
    if there and value < limit and high == high:
        needed = max(math.ceil(there * ((high - value) / (limit - value)) ** 2), there + 1)
    return needed


def _more(row: Mapping[Any, Any]) -> str:
    """Setting for the number of regions that an attack needs for a decisive interval."""
    there, limit = row["rule_n"], row["rule_limit"]
    value, high = row["rule_value"], row["rule_high"]
    there = 100 if there == "" or there is None or math.isnan(there) else int(there)
    times = ((high - value) / (limit - value)) ** 2 if value < limit and high == high else 4.0
    needed = max(math.ceil(there * min(times, 20.0)), there + 1)
    attack = str(row["rule_attack"])
    also = f", {attack}: {{images: {needed}}}" if attack in _OF_IMAGES else ""
    return f"{_DRAWN.get(attack, 'attacked_regions')}: {needed}{also}"
