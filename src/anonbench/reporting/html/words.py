"""Sentences about choices and the next step, in one language."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
from markupsafe import Markup

from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.method_names import setting_of
from anonbench.core.vocabulary import COMPATIBLE, ORIGINAL, UNADAPTED, Adaption
from anonbench.evaluation.policy.evidence import MIN_IMAGES, OF_REMAINDER, REIDENTIFICATION, RULES
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.html.texts import Texts
from anonbench.reporting.images.outlines import Outlines

NAMES = {Verdict.PASS: "pass", Verdict.UNKNOWN: "open", Verdict.FAIL: "fail"}
NAMES |= {Verdict.UNLIMITED: "open"}


@dataclass(frozen=True)
class Facts:
    """Facts about a data set besides its choices."""

    name: str
    images: int | None
    """Number of validation images."""
    left_out: int
    """Number of images in which nothing was found, or on which a detector failed."""
    notices: Sequence[tuple[str, Mapping[str, Any]]]
    """Warnings about what may be visible in published images: a text's key and its values."""
    published: int
    """Number of images that may be published without hidden regions."""
    gap: tuple[str, Mapping[str, int]] | None
    """Reason why no ranking can be judged: a text's key and its values."""
    toy: bool
    """Whether raw pixels predict better than the model."""
    examples: Mapping[str, Mapping[str, Any]]
    """One image by each method: data URI and size; `original` if it may be shown."""
    outlines: Outlines | None = None
    """Regions of one image, if no picture may be shown."""
    system: str | None = None
    confidence: float = 0.95
    attacks: str = "enabled: true"
    """Setting of the section `privacy` that enables attacks on regions."""
    unlimited: Mapping[str, float] = field(default_factory=dict)
    """Rates of attacks on the first choice that have no limit, above their control."""
    searched: Sequence[str] = ()
    """Entities that are searched for, if others are not."""


class Words:
    """Sentences about choices, in one language."""

    def __init__(self, texts: Texts, facts: Facts) -> None:
        """Use the given texts and facts about the data set."""
        self.texts, self.facts = texts, facts

    def sentence(
        self, top: Mapping[Any, Any] | None, records: Sequence[Mapping[Any, Any]]
    ) -> Markup:
        """Recommendation, or what prevents one."""
        texts = self.texts
        if top is None:
            return texts("say.not_run")
        method, name = texts.method(str(top["method"])), NAMES[top["verdict"]]
        known = not top["unknown"]
        with_, instead = self.with_(top), self.instead(top, records)
        if name == "pass" and not known:
            return texts("say.use_unknown", method=method, with_=with_, why=self.unknown(top))
        kept = self.kept(top) if known else ""
        full = known and round(100 * top["kept"]) >= 100
        if name == "pass":
            parts = [
                texts(
                    "say.use",
                    method=method,
                    kept=kept,
                    resisted=self.resisted(top),
                    with_=with_,
                    instead=instead,
                    full=full,
                )
            ]
            parts.append(self.others(top, records))
            if top["kept_low"] <= 0:
                parts.append(texts("say.chance"))
            elif is_useless(top):
                parts.append(texts("say.useless"))
            return Markup(" ").join(part for part in parts if part)
        values: dict[str, Any] = {
            "method": method,
            "with_": with_,
            "keeping": texts(
                "say.keeping", kept=kept, instead=instead, full=full, useless=is_useless(top)
            )
            if known
            else "",
            "why": self.why(top),
        }
        if name == "fail":
            more, left = int(top["failed"]) - 1, int(top["open"])
            key = "some" if more else "open" if left else "none"
            values["also"] = texts(
                f"say.also_{key}", number=texts.number(more or left), names=self.untested(top)
            )
        limits = texts(f"say.{name}", **values)
        return texts("say.gap", why=self.unknown(top), limits=limits) if self.facts.gap else limits

    def kept(self, row: Mapping[Any, Any]) -> Markup:
        """Quality kept; all of it where it rounds to 100 or more."""
        number = round(100 * row["kept"])
        return self.texts(
            "say.all" if number >= 100 else "say.kept", kept=self.texts.number(number)
        )

    def with_(self, row: Mapping[Any, Any]) -> Markup:
        """Degree and model of a choice, unless they are the usual ones."""
        parts = Markup()
        if row["degree"] != 100:
            parts += self.texts("say.degree", degree=row["degree"])
        if row["adaption"] not in ("", UNADAPTED):
            pairs = row.get("pairs", math.nan)
            images = "" if pd.isna(pairs) else self.texts.number(pairs)
            key = "say.map" if row["adaption"] == Adaption.MAPPED else "say.model"
            parts += self.texts(key, model=row["adaption"], images=images)
        return parts

    def untested(self, row: Mapping[Any, Any]) -> str:
        """Attacks and other limits that were not tested enough, the first three by name."""
        names = []
        for name in row["untested"].split():
            rule, _, entity = name.partition(":")
            if rule in RULES:
                entity = self.texts.named("entities", entity)
                names.append(str(self.texts(f"short.open_rule.{rule}", entity=entity)).rstrip("?"))
            else:
                names.append(self.attack(name))
        more = len(names) - _NAMED
        shown = ", ".join(names[:_NAMED])
        return shown + str(self.texts("say.more", number=more)) if more > 0 else shown

    def instead(self, top: Mapping[Any, Any], records: Sequence[Mapping[Any, Any]]) -> Markup:
        """Quality of the same pictures with the same system unchanged, if a change is advised."""
        same = ("method", "degree", "query")
        plain = [
            row
            for row in records
            if row["adaption"] == UNADAPTED and all(row[name] == top[name] for name in same)
        ]
        if top["adaption"] not in COMPATIBLE or not plain or plain[0]["unknown"]:
            return Markup()
        return self.texts(
            "say.instead",
            kept=self.texts.number(100 * plain[0]["kept"]),
            map=top["adaption"] == Adaption.MAPPED,
        )

    def resisted(self, row: Mapping[Any, Any]) -> Markup:
        """Number of attacks that a choice resisted."""
        number = int(row["resisted"])
        key = {0: "none_resisted", 1: "resisted_one"}.get(number, "resisted")
        return self.texts(f"say.{key}", number=self.texts.number(number))

    def others(self, top: Mapping[Any, Any], records: Sequence[Mapping[Any, Any]]) -> Markup:
        """Other methods that pass and may keep as much; otherwise, that none keeps more."""
        low = top["kept_low"]
        names = dict.fromkeys(
            self.texts.method(str(row["method"]))
            for row in records
            if row["query"] == ORIGINAL
            and row["verdict"] == Verdict.PASS
            and row["method"] != top["method"]
            and (row["unknown"] or row["kept_high"] >= low)
        )
        if names:
            return self.texts("say.alike", others=", ".join(names))
        return self.texts("say.best")

    def unknown(self, row: Mapping[Any, Any]) -> Markup:
        """Reason why the quality kept is not known."""
        if row["unknown"] == "gap" and self.facts.gap:
            key, numbers = self.facts.gap
            return self.texts(f"why.unknown.{key}", **self._numbers(numbers))
        numbers = {"there": row["clusters"], "needed": MIN_CLUSTERS}
        return self.texts(f"why.unknown.{row['unknown']}", **self._numbers(numbers))

    def _numbers(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Formatted numbers; texts stay as they are."""
        return {
            name: value if isinstance(value, str) else self.texts.number(value)
            for name, value in values.items()
        }

    def notices(self) -> list[Markup]:
        """Warnings about what may be visible in published images."""
        return [
            self.texts(f"notice.{key}", dataset=self.facts.name, **self._numbers(values))
            for key, values in self.facts.notices
        ]

    def why(self, row: Mapping[Any, Any]) -> Markup:
        """Reason why a choice does not pass."""
        kind = NAMES[row["verdict"]]
        high = row["rule_high"]
        wide = kind == "open" and high == high and row["rule_limit"] == row["rule_limit"]
        if kind == "open" and row["rule"] == "attack" and not row["rule_attack"]:
            return self.texts("why.open.none")
        key = f"why.{kind}.{row['rule']}"
        keys = (f"{key}_wide", key) if wide else (key,)
        return self.texts.first(*keys, **self._values(row))

    def short(self, row: Mapping[Any, Any]) -> Markup:
        """Short reason why a choice does not pass; empty if it passes."""
        kind = NAMES[row["verdict"]]
        if kind == "pass":
            return Markup()
        rule = row["rule"]
        if kind == "open" and rule == "attack" and not row["rule_attack"]:
            rule = "none"
        return self.texts(f"short.{kind}_rule.{rule}", **self._values(row))

    def _values(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        texts = self.texts
        entity = str(row["rule_entity"])
        numbers = {"value": row["rule_value"], "high": row["rule_high"], "limit": row["rule_limit"]}
        known = {
            name: texts.percent(value) if value == value and value != "" else "?"
            for name, value in numbers.items()
        }
        known["limit"] = known["limit"].removesuffix(f"{texts.raw('decimal')}0")
        value = row["rule_value"]
        return known | {
            "entity": texts.named("entities", entity),
            "entity_area": texts.named("areas", entity),
            "attack": self.attack(str(row["rule_attack"])),
            "value_number": texts.number(value) if value == value and value != "" else "?",
        }

    def attack(self, name: str) -> str:
        """Description of an attack's finding."""
        return self.texts.named("attack", name or "none")

    def sure(self, top: Mapping[Any, Any] | None) -> Markup:
        """Certainty of the numbers."""
        texts = self.texts
        if top is None or top["queries"] != top["queries"]:
            return texts("sure.none", why=texts("why.unknown.not_run"))
        if top["unknown"] in ("gap", "clusters"):
            return texts("sure.none", why=self.unknown(top))
        trained = self.facts.system is None and top["seeds"] == 1
        return texts(
            "sure.some",
            queries=texts.number(top["queries"]),
            clusters=texts.number(top["clusters"]) if top["clusters"] == top["clusters"] else "?",
            method=self.texts.method(str(top["method"])),
            low=texts.number(100 * top["kept_low"]),
            high=texts.number(100 * top["kept_high"]),
            seeds=texts("sure.one_seed") if trained else "",
        )

    def unlimited(self, top: Mapping[Any, Any] | None) -> Markup:
        """Attacks on the first choice that have no limit; empty if none succeeds noticeably."""
        if top is None or not self.facts.unlimited:
            return Markup()
        found = [
            f"{self.attack(name)} ({self.texts.number(100 * rate)} %)"
            for name, rate in self.facts.unlimited.items()
        ]
        method = self.texts.method(str(top["method"]))
        return self.texts("unlimited", method=method, attacks=", ".join(found))

    def only(self) -> Markup:
        """What alone is hidden; empty if everything is searched for."""
        names = [self.texts.named("entities", name) for name in self.facts.searched]
        return self.texts("only", entities=", ".join(names)) if names else Markup()

    def model(self, adaption: str) -> str:
        """Name of a model."""
        if adaption == UNADAPTED and self.facts.system:
            return self.facts.system
        return str(self.texts.first(f"models.{adaption}", "models.other", model=adaption))

    def cost(self, adaption: str) -> str:
        """Cost of a choice."""
        return str(self.texts.first(f"cost.{adaption or UNADAPTED}", "cost.other"))


RUN = "anonbench run"
_NAMED = 3
"""Number of untested attacks that a sentence names."""
USELESS = 0.1
"""Share of the search quality below which a search hardly works."""

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
    then: str = ""
    """What is to be done after it, or besides."""


def is_useless(row: Mapping[Any, Any]) -> bool:
    """Whether the quality kept surely lies below `USELESS`."""
    return bool(row["kept_high"] < USELESS)


def step(top: Mapping[Any, Any] | None, facts: Facts, texts: Texts) -> Step:
    """Next step for a data set, and what is needed besides.

    Args:
        top: its first choice (`anonbench.reporting.choices.table.choices`); None if nothing was
            run.
        facts: further facts about the data set.
        texts: texts of the language.
    """
    first = _first_step(top, facts, texts)
    more = []
    if first.command.startswith("anonbench review"):
        more.append(texts("step.then.run"))
    if top is not None and top["unknown"] == "clusters":
        more.append(texts("step.then.clusters", needed=texts.number(MIN_CLUSTERS)))
    if facts.toy:
        more.append(texts("step.then.toy"))
    return replace(first, then=Markup(" ").join(more))


def _first_step(top: Mapping[Any, Any] | None, facts: Facts, texts: Texts) -> Step:
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
        export = f"anonbench images export {dataset} {variant} -o {variant}.tar"
        return Step(texts("step.publish"), export)
    if not top["unknown"] and is_useless(top):
        return Step(texts("step.useless", dataset=dataset), RUN)
    kind = "fail" if top["verdict"] == Verdict.FAIL else "open"
    rule = str(top["rule"])
    if rule == "attack" and not top["rule_attack"]:
        rule = "none"
    if rule == "attack" and kind == "open" and _attacks_all(top, facts.images):
        numbers = {"images": _tries(top), "there": int(top["rule_n"])}
        known = {name: texts.number(value) for name, value in numbers.items()}
        return Step(texts("step.open.images", **known), RUN)
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


def _attacks_all(row: Mapping[Any, Any], images: int | None) -> bool:
    """Whether an attack was tried on every validation image already."""
    there = row["rule_n"]
    return images is not None and there not in ("", None) and there >= images


def _tries(row: Mapping[Any, Any]) -> int:
    """Number of tries that an attack needs for a decisive interval."""
    there, limit = row["rule_n"], row["rule_limit"]
    value, high = row["rule_value"], row["rule_high"]
    there = 100 if there == "" or there is None or math.isnan(there) else int(there)
    times = ((high - value) / (limit - value)) ** 2 if value < limit and high == high else 4.0
    return max(math.ceil(there * min(times, 20.0)), there + 1)


def _more(row: Mapping[Any, Any]) -> str:
    """Setting for the number of regions that an attack needs for a decisive interval."""
    needed = _tries(row)
    attack = str(row["rule_attack"])
    also = f", {attack}: {{images: {needed}}}" if attack in _OF_IMAGES else ""
    return f"{_DRAWN.get(attack, 'attacked_regions')}: {needed}{also}"
