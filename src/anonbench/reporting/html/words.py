"""Sentences about choices and the next step, in one language."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.registries.method_names import setting_of
from anonbench.core.vocabulary import COMPATIBLE, ORIGINAL, UNADAPTED, Adaption
from anonbench.evaluation.policy import evidence
from anonbench.evaluation.policy.verdicts import OF_ENTITIES, Verdict
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.privacy.probes import NO_LESSON
from anonbench.evaluation.privacy.rates import MIN_GALLERY, clusters_needed
from anonbench.evaluation.sufficiency import DEFAULTS, Needs
from anonbench.reporting.choice_table import doubt_of, times_as_many, true_boxes
from anonbench.reporting.html.page import Texts
from anonbench.reporting.shown_images import Outlines

NAMES = {Verdict.PASS: "pass", Verdict.UNKNOWN: "open", Verdict.FAIL: "fail"}
NAMES |= {Verdict.UNLIMITED: "open"}


@dataclass(frozen=True)
class Facts:
    """Facts about a data set besides its choices."""

    name: str
    images: int | None  # number of validation images
    left_out: int  # number of images in which nothing was found, or on which a detector failed
    notices: Sequence[tuple[str, Mapping[str, Any]]]  # warnings: a text's key and its values
    published: int  # number of images that may be published without hidden regions
    gap: tuple[str, Mapping[str, float]] | None  # reason for no ranking, likewise
    toy: bool  # whether raw pixels predict better than the model
    examples: Mapping[str, Mapping[str, Any]]
    """One image by each method: data URI and size; `original` if it may be shown."""
    outlines: Outlines | None = None  # regions of one image, if no picture may be shown
    system: str | None = None
    needs: Needs = DEFAULTS
    searched_share: float = 1.0  # of the images; the others are for training
    attacks: str = "enabled: true"  # setting of the section `privacy` that enables attacks
    unlimited: Mapping[str, float] = field(default_factory=dict)  # see `without_limit`
    true_boxes: int = 0  # number of images that need true boxes (`boxes_needed`)
    searched: Sequence[str] = ()  # entities that are searched for, if others are not
    subset: int = 0  # most images that the config takes; 0: all
    drawn: Mapping[str, int] = field(default_factory=dict)
    """Settings of `privacy` that say how often attacks are tried at most."""


_NAMED = 3  # number of untested attacks that a sentence names
USELESS = 0.1  # share of the search quality below which a search hardly works
_SUBTRACTED = 0.05  # fewest points of a subtraction that is named
_OF_PROBES = (evidence.REIDENTIFICATION, evidence.OF_REMAINDER, "linkage", "inversion")
_DRAWN = dict.fromkeys(_OF_PROBES, "probes") | {"inference": "gallery"}
"""Settings of `privacy` that say how often an attack is tried; others: `attacked_regions`."""
_OF_IMAGES = ("residual", "dictionary", "block_noise")  # attacks with a number of images of theirs


class Step(NamedTuple):
    """One step with its command."""

    text: Markup
    command: str
    then: str = ""  # what is to be done after it, or besides
    persons: int = 0  # number of persons or documents to add


class Words:
    """Sentences about choices, in one language."""

    def __init__(self, texts: Texts, facts: Facts) -> None:
        self.texts, self.facts = texts, facts

    def sentence(
        self, top: Mapping[Any, Any] | None, records: Sequence[Mapping[Any, Any]]
    ) -> Markup:
        """Recommendation, or what prevents one."""
        texts = self.texts
        if top is None:
            return texts("say.not_run")
        kind, known = NAMES[top["verdict"]], not top["unknown"]
        said: dict[str, Any] = {"method": texts.method(top["method"]), "with_": self.with_(top)}
        if known:
            number = round(100 * top["kept"])
            said |= {"full": number >= 100, "instead": self.instead(top, records)}
            kept = texts.number(number)
            said |= {"kept": texts("say.all" if number >= 100 else "say.kept", kept=kept)}
        if kind == "pass" and not known:
            return texts("say.use_unknown", why=self.unknown(top), **said)
        if kind == "pass":
            said["resisted"] = texts("say.resisted", number=texts.number(top["resisted"]))
            few = "chance" if top["kept_low"] <= 0 else "useless" if is_useless(top) else ""
            parts = [texts("say.use", **said), self.others(top, records)]
            return Markup(" ").join([*parts, texts(f"say.{few}")] if few else parts)
        said["keeping"] = texts("say.keeping", useless=is_useless(top), **said) if known else ""
        said["why"] = self.why(top)
        more, names = int(top["failed"]) - 1, self.untested(top)
        key = "some" if more > 0 else "open" if names else "none"
        also = texts(f"say.also_{key}", number=texts.number(more), names=names)
        said["also"] = also if kind == "fail" or names else ""
        limits = texts(f"say.{kind}", **said)
        return texts("say.gap", why=self.unknown(top), limits=limits) if self.facts.gap else limits

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
        """Limits that were not tested enough, the first three by name; `why` has the decisive."""
        of_rule = ":".join(filter(None, (str(row["rule"]), str(row["rule_entity"]))))
        decisive, names = row["rule_attack"] or of_rule, []
        for name in (each for each in row["untested"].split() if each != decisive):
            rule, _, entity = name.partition(":")
            key, of = f"short.open_rule.{rule}", self.texts.named("entities", entity)
            is_rule = rule in evidence.RULES
            text = str(self.texts(key, entity=of)).rstrip("?") if is_rule else self.attack(name)
            names.append(text)
        more, shown = names[_NAMED:], ", ".join(names[:_NAMED])
        number = self.texts.number(len(more))
        return shown + str(self.texts("say.more", number=number)) if more else shown

    def instead(self, top: Mapping[Any, Any], records: Sequence[Mapping[Any, Any]]) -> Markup:
        """Quality of the same pictures with the same system unchanged, if a change is advised."""
        for row in records if top["adaption"] in COMPATIBLE else ():
            same = all(row[name] == top[name] for name in ("method", "degree", "query"))
            if same and row["adaption"] == UNADAPTED and not row["unknown"]:
                is_map = top["adaption"] == Adaption.MAPPED
                kept = self.texts.number(100 * row["kept"])
                return self.texts("say.instead", kept=kept, map=is_map)
        return Markup()

    def others(self, top: Mapping[Any, Any], records: Sequence[Mapping[Any, Any]]) -> Markup:
        """Other methods that pass and may keep as much; otherwise, that none keeps more."""
        names = dict.fromkeys(
            self.texts.method(str(row["method"]))
            for row in records
            if row["query"] == ORIGINAL and row["verdict"] == Verdict.PASS
            if row["method"] != top["method"]
            if row["unknown"] or row["kept_high"] >= top["kept_low"]
        )
        return self.texts("say.alike" if names else "say.best", others=", ".join(names))

    def chosen(self, row: Mapping[Any, Any]) -> str:
        """What was subtracted from the quality kept, in parentheses; empty if nothing."""
        points = 100 * row["optimism"]
        said = self.texts("table.chosen", points=self.texts.number(points, 1))
        return f" ({said})" if points >= _SUBTRACTED else ""  # NaN is not

    def unknown(self, row: Mapping[Any, Any]) -> Markup:
        """Reason why the quality kept is not known."""
        found = row["unknown"], {"there": row["clusters"], "needed": MIN_CLUSTERS}
        key, numbers = self.facts.gap or found if row["unknown"] == "gap" else found
        return self.texts(f"why.unknown.{key}", **self.numbers(numbers))

    def numbers(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Formatted numbers; texts stay as they are."""
        return {k: v if isinstance(v, str) else self.texts.number(v) for k, v in values.items()}

    def notices(self) -> list[Markup]:
        """Warnings about what may be visible in published images."""
        name, notices = self.facts.name, self.facts.notices
        return [self.texts(f"notice.{k}", dataset=name, **self.numbers(of)) for k, of in notices]

    def why(self, row: Mapping[Any, Any]) -> Markup:
        """Reason why a choice does not pass."""
        kind, rule = NAMES[row["verdict"]], _rule(row)
        wide = kind == "open" and not pd.isna(row["rule_high"]) and not pd.isna(row["rule_limit"])
        key = f"why.{kind}.{rule}_{doubt_of(row)}" if wide else ""
        persons = _persons(row, self.facts) if kind == "open" else {}
        if rule == "attack" and pd.isna(row["rule_high"]) and row["rule_clusters"] < MIN_CLUSTERS:
            persons = {"needed": MIN_CLUSTERS, "seen": row["rule_clusters"]} | persons
        values = self._values(row) | self.numbers(persons)
        if persons:
            key, chance = "why.open.attack_persons", row["rule_chance"]
            hopeless = chance >= row["rule_limit"]  # the gallery is too small for the limit
            values["chance"] = self.texts.percent(chance) if hopeless else ""
        return self.texts.first(key, f"why.{kind}.{rule}", **values)

    def short(self, row: Mapping[Any, Any]) -> Markup:
        """Short reason why a choice does not pass; empty if it passes."""
        kind = NAMES[row["verdict"]]
        key = f"short.{kind}_rule.{_rule(row)}"
        return Markup() if kind == "pass" else self.texts(key, **self._values(row))

    def _values(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        texts, entity = self.texts, str(row["rule_entity"])
        shares = {name: row[f"rule_{name}"] for name in ("value", "high", "limit")}
        said = {k: "?" if pd.isna(share) else texts.percent(share) for k, share in shares.items()}
        return said | {
            "limit": said["limit"].removesuffix(f"{texts.raw('decimal')}0"),
            "entity": texts.named("entities", entity),
            "entity_area": texts.named("areas", entity),
            "attack": self.attack(str(row["rule_attack"])),
            "value_number": "?" if pd.isna(shares["value"]) else texts.number(shares["value"]),
        }

    def attack(self, name: str) -> str:
        """Description of an attack's finding."""
        return self.texts.named("attack", name or "none")

    def strongest(self, row: Mapping[Any, Any]) -> str:
        """The strongest attack of a choice, with the kind of its regions if it may be of several.

        Rates of different kinds of regions cannot be compared.
        """
        attack, entity = str(row["attack"]), str(row["entity"])
        is_said = not entity or len(OF_ENTITIES.get(attack, ())) == 1
        of = "" if is_said else f" ({self.texts.named('entities', entity)})"
        return f"{self.attack(attack)}{of}"

    def sure(self, top: Mapping[Any, Any] | None) -> Markup:
        """Certainty of the numbers."""
        texts = self.texts
        if top is None or pd.isna(top["queries"]):
            return texts("sure.none", why=texts("why.unknown.not_run"))
        if top["unknown"] in ("gap", "clusters"):
            return texts("sure.none", why=self.unknown(top))
        trained = self.facts.system is None and top["seeds"] == 1
        numbers = {"low": 100 * top["kept_low"], "high": 100 * top["kept_high"]}
        numbers |= {"queries": top["queries"]}
        numbers |= {"clusters": "?" if pd.isna(top["clusters"]) else top["clusters"]}
        seeds = texts("sure.one_seed") if trained else ""
        method = texts.method(top["method"])
        return texts("sure.some", method=method, seeds=seeds, **self.numbers(numbers))

    def risks(self, top: Mapping[Any, Any] | None) -> list[Markup]:
        """Attacks on the first choice that succeed and have no limit; what alone is hidden."""
        found, parts = [], []
        for name, rate in self.facts.unlimited.items():
            attack = self.attack(name.removeprefix(SEEN))
            attack = str(self.texts("seen", attack=attack)) if name.startswith(SEEN) else attack
            parts.append(f"{attack} ({self.texts.number(100 * rate)} %)")
        if top is not None and parts:
            method = self.texts.method(top["method"])
            found.append(self.texts("unlimited", method=method, attacks=", ".join(parts)))
        if names := [self.texts.named("entities", name) for name in self.facts.searched]:
            found.append(self.texts("only", entities=", ".join(names)))
        return found

    def model(self, adaption: str) -> str:
        """Name of a model."""
        if adaption == UNADAPTED and self.facts.system:
            return self.facts.system
        return str(self.texts.first(f"models.{adaption}", "models.other", model=adaption))

    def step(self, top: Mapping[Any, Any] | None) -> Step:
        """Next step, and what is needed besides; `top` is the first choice, if any."""
        texts, facts, first = self.texts, self.facts, self._first_step(top)
        more, is_open = [], top is not None and top["verdict"] == Verdict.UNKNOWN
        if first.command.startswith("anonbench review"):
            more.append(texts("step.then.run"))
        elif facts.true_boxes and is_open and f"{facts.name}.truth" not in first.text:
            draw = self._to_draw(facts.true_boxes)
            more.append(texts("step.then.boxes", dataset=facts.name, **draw))
        if top is not None and top["unknown"] == "clusters" and not first.persons:
            more.append(texts("step.then.clusters", needed=texts.number(MIN_CLUSTERS)))
        if top is not None and NO_LESSON in str(top["detail"]) and facts.searched_share == 1.0:
            more.append(texts("step.then.learn", dataset=facts.name))
        if facts.subset and is_open:
            most = texts.number(facts.subset)
            more.append(texts("step.then.subset", dataset=facts.name, images=most))
        if facts.toy:
            more.append(texts("step.then.toy"))
        return first._replace(then=Markup(" ").join(more))

    def _first_step(self, top: Mapping[Any, Any] | None) -> Step:
        texts, facts, name = self.texts, self.facts, self.facts.name
        look, run = (f"anonbench {do}{texts.configfile}" for do in (f"review {name}", "run"))
        if facts.published:
            return Step(texts("step.notice"), look)
        if top is None or top["unknown"] == "not_run":
            return Step(texts("step.not_run"), run)
        if facts.gap is not None:
            key, numbers = facts.gap
            return Step(texts.first(f"step.{key}", "step.gap", **self.numbers(numbers)), run)
        variant = f"{top['method']}-{top['degree']}"
        if top["verdict"] == Verdict.PASS:
            if top["unknown"] == "second":
                return Step(texts("step.no_second"), f"{run} --config 'control_seeds=[1]'")
            if top["unknown"]:
                return Step(texts("step.gap"), run)
            export = f"anonbench images export {name} {variant} -o {variant}.tar{texts.configfile}"
            return Step(texts("step.publish"), export)
        if not top["unknown"] and is_useless(top):
            return Step(texts("step.useless", dataset=name), run)
        is_open, rule, attack = top["verdict"] != Verdict.FAIL, _rule(top), str(top["rule_attack"])
        if is_open and (doubt := doubt_of(top)) != "wide":
            return Step(texts(f"step.open.{doubt}", dataset=name), run)
        there = 0 if pd.isna(top["rule_n"]) else int(top["rule_n"])
        times, boxes, tried = times_as_many(top), true_boxes(top), there or 100
        is_open &= rule != "missed" or boxes > 0 or pd.isna(top["rule_value"])
        more_times = 4.0 if math.isnan(times) else min(times, 20.0)
        tries = max(math.ceil(tried * more_times), tried + 1)
        setting = _DRAWN.get(attack, "attacked_regions")
        is_all = facts.images is not None and 0 < facts.images <= there
        is_all |= attack not in _OF_IMAGES and 0 < there < facts.drawn.get(setting, 0)
        persons = _persons(top, facts)
        if not is_all and 0 < top["clusters"] < persons.get("needed", 0):  # more tries show no more
            is_all, persons = True, _persons({**top, "rule_clusters": top["clusters"]}, facts)
        if rule == "attack" and is_open and facts.images and is_all:  # all were attacked already
            key = "few_tries" if math.isnan(times) else "images"
            # an image may have several regions that are attacked
            images = max(math.ceil(facts.images * more_times), facts.images + 1)
            shown = facts.images if key == "images" else there
            numbers = {"images": images, "there": shown, "widest": 100 * facts.needs.widest}
            numbers |= persons
            named = {"detail": top["detail"], "attack": self.attack(attack)}
            text = texts(f"step.open.{key}", **named, **self.numbers(numbers))
            return Step(text, run, persons=persons.get("add", 0))
        more = f"{setting}: {tries}"
        more += f", {attack}: {{images: {tries}}}" if attack in _OF_IMAGES else ""
        commands = {
            "degree": f"{run} --config 'datasets={{{name}: {{degrees: [100]}}}}'",
            "missed": run if is_open else look,
            "unsearched": look,
            "audit": f"anonbench policy check {texts.results} --variant {variant}",
            "attack": f"{run} --config 'privacy={{{more}}}'" if is_open else run,
            "none": f"{run} --config 'privacy={{{facts.attacks}}}'",
        }
        named = {"dataset": name, "setting": setting_of(str(top["method"]))}
        named["entity"] = texts.named("entities", str(top["rule_entity"]))
        if rule == "missed" and is_open and not boxes:  # persons are too few
            rule, named = "few_tries", {"there": texts.number(there), "detail": top["detail"]}
        keys = f"step.{'open' if is_open else 'fail'}.{rule}", "step.look"
        return Step(texts.first(*keys, **self._to_draw(boxes), **named), commands.get(rule, run))

    def _to_draw(self, needed: int) -> dict[str, str]:
        """Images to draw true boxes in: all of them, and how many are `needed`, if too few."""
        there = round((self.facts.images or 0) / self.facts.searched_share) or needed
        few = {"needed": needed} if there < needed else {}
        return self.numbers({"images": min(needed, there), **few})


def _rule(row: Mapping[Any, Any]) -> str:  # the decisive one; `none` if no attack was run
    return "none" if row["rule"] == "attack" and not row["rule_attack"] else str(row["rule"])


def is_useless(row: Mapping[Any, Any]) -> bool:
    """Whether the quality kept surely lies below `USELESS`."""
    return bool(row["kept_high"] < USELESS)


def _persons(row: Mapping[Any, Any], facts: Facts) -> dict[str, int]:
    """Persons or documents `seen`, `needed` among the searched, and to `add` in all.

    Empty unless a re-identification rate is unknown for want of them.
    """
    seen, needs = row["rule_clusters"], facts.needs
    is_rate = row["rule_attack"] in (evidence.REIDENTIFICATION, evidence.OF_REMAINDER)
    if not is_rate or pd.isna([seen, row["rule_n"]]).any() or not pd.isna(row["rule_high"]):
        return {}
    enough = clusters_needed(needs.widest, needs.confidence, row["rule_limit"])
    needed = max(enough, int(seen) + MIN_GALLERY - int(row["rule_n"]))
    more = math.ceil((needed - int(seen)) / facts.searched_share)
    return {"seen": int(seen), "needed": needed, "add": more} if more > 0 else {}
