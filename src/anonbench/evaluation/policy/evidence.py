"""Evidence for a policy: measurements of each variant, one row per rule.

It does not depend on the policy, so that another policy can be judged by the same numbers.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from anonbench.core.numeric.clusters import too_few
from anonbench.core.numeric.statistics import with_width
from anonbench.core.registries.attacks import FAKES, PRIVACY_ATTACKS, RegionAttack
from anonbench.core.registries.method_names import base_of, has_own_vectors, is_given, pictures_of
from anonbench.core.registries.methods import INFORMATION_LEVELS, UNKNOWN
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.privacy.rates import ALL, REMAINDER, decisive

ALLOWED, DEGREE, INFORMATION_LEFT, STRENGTH = "allowed", "degree", "information_left", "strength"
SEARCHED, AUDIT, UNSEARCHED = "searched", "audit", "unsearched"
MISSED, ATTACK = "missed", "attack"
RULES = (ALLOWED, DEGREE, INFORMATION_LEFT, STRENGTH, SEARCHED, AUDIT, UNSEARCHED, MISSED, ATTACK)
"""Kinds of rules, in the order of the table."""
REIDENTIFICATION, OF_REMAINDER = "reidentification", "remainder"
NOT_RUN = "this attack was not run"
COLUMNS = [
    *("dataset", "method", "degree", "rule", "attack", "measure", "entity", "risk"),
    *("value", "low", "high", "control", "chance", "ceiling", "n", "clusters", "reason", "source"),
]
"""One row per variant and rule. `value` is a share (for `strength` the parameter, for
`information_left` the place in `anonbench.core.registries.methods.INFORMATION_LEVELS`, for `audit`
a number of images) with its interval; exact values have an interval of no width. `control` is the
rate to compare with, `ceiling` the lower end of the attack's rate on originals; `reason` says why a
value is not known; `source` names the file that it is from."""
MIN_IMAGES = 20
"""Images with true boxes of an entity, from which a share that is missed is estimated."""
_RISKS = {"region": "linkability", "person": "singling_out"}
_RATES_FILE, _ATTACKS_FILE = "privacy/reidentification.csv", "privacy/attacks.csv"


@dataclass(frozen=True)
class Measured:
    """Sources of a data set's evidence."""

    dataset: str
    sought: tuple[str, ...]  # entities that its detectors look for
    variants: tuple[str, ...]  # all variants to be judged, including those without any evidence
    methods: Mapping[str, Any]
    """The section `anonymization`: parameters by method, and `shape` if it is not the default."""
    audit: pd.DataFrame  # what is published (`anonbench.anonymization.published.COLUMNS`)
    quality: pd.DataFrame | None = None
    """Detection by true boxes (`anonbench.detection.quality.SUMMARY_COLUMNS`)."""
    visible_area: pd.DataFrame | None = None
    """True area in sight (`anonbench.evaluation.detection.COLUMNS`)."""
    rates: pd.DataFrame | None = None
    """Re-identification (`anonbench.evaluation.privacy.rates.RATE_COLUMNS`)."""
    attacks: pd.DataFrame | None = None
    """Other attacks (`anonbench.evaluation.privacy.attacks.table.COLUMNS`)."""
    applied: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of methods that apply others, all that are applied, by method."""
    information_left: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What each method leaves of each entity's regions."""
    fakes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Entities that each method replaces by fakes."""
    widest: float = 0.2  # the widest interval of a re-identification rate that is known, as a share
    confidence: float = 0.95  # of the intervals


def evidence(given: Measured) -> pd.DataFrame:
    """Evidence of every variant of a data set, columns `COLUMNS`."""
    rows: list[dict[str, Any]] = []
    missed = [_missed(given, entity) for entity in dict.fromkeys([*given.sought, *_true(given)])]
    strongest_of = _strongest(given)
    for variant in given.variants:
        method, _, degree = variant.rpartition("-")
        pictures = pictures_of(method)
        found = [
            # another program may have left any region visible
            *([] if is_given(pictures) else [_exact(DEGREE, int(degree) / 100)]),
            *(_exact(SEARCHED, float(e in given.sought), entity=str(e)) for e in Entity),
            *_information_left(given, pictures),
            *_strengths(given, pictures),
            *_published(given.audit[given.audit["variant"] == f"{pictures}-{degree}"]),
            *missed,
            *strongest_of.get((pictures, int(degree)), []),
            *attack_rates(given, method, int(degree)),
        ]
        whole = {"dataset": given.dataset, "method": method, "degree": int(degree)}
        rows += [whole | row for row in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    texts = ["attack", "measure", "entity", "risk", "reason", "source"]
    table[texts] = table[texts].fillna("")
    return table.astype({"n": "Int64", "clusters": "Int64"})


def _exact(rule: str, value: float, **more: Any) -> dict[str, Any]:
    return {"rule": rule, "value": value, "low": value, "high": value, **more}


def _information_left(given: Measured, method: str) -> Iterator[dict[str, Any]]:
    """Yield the information left in sought entities' regions, for the least hidden entity."""
    left = {given.information_left.get(method, {}).get(entity, UNKNOWN) for entity in given.sought}
    if left and left <= set(INFORMATION_LEVELS):
        yield _exact(INFORMATION_LEFT, float(max(map(INFORMATION_LEVELS.index, left))))


def _strengths(given: Measured, method: str) -> Iterator[dict[str, Any]]:
    """Yield each numeric parameter of a method and of those it applies; only of sought entities.

    Two strengths of one method that are both applied have a row each.
    """
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for step in given.applied.get(method, (method,)):
        for name, value in (given.methods.get(step) or {}).items():
            values = value if isinstance(value, Mapping) else {"": value}
            for entity, each in values.items():
                is_number = isinstance(each, int | float) and not isinstance(each, bool)
                if is_number and (not entity or entity in given.sought):
                    measure = f"{base_of(step)}.{name}.{entity}".rstrip(".")
                    found[measure, each] = _exact(STRENGTH, each, measure=measure, entity=entity)
    yield from found.values()


def _published(of_variant: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the counts of the audit of written images, train and validation together."""
    if not of_variant.empty:  # else pictures that were not written here
        names = ("images", "failed_audits", "used_failed")
        images, failed, partly = (int(of_variant[name].sum()) for name in names)
        more = {"n": images, "source": "audit.csv"}
        yield _exact(AUDIT, failed, **more)
        yield _exact(UNSEARCHED, partly / images if images else math.nan, **more)


def _true(given: Measured) -> list[str]:
    """Entities of which there are true boxes, whether detectors look for them or not."""
    table = given.quality
    if table is None:
        return []
    is_true = (table["metric"] == "covered") & (table["images"] > 0)
    return [str(each) for each in Entity if each in set(table.loc[is_true, "entity"])]


def _missed(given: Measured, entity: str) -> dict[str, Any]:
    """Share of the true area of an entity that no region (or ellipse) covers."""
    is_round = (given.methods.get("shape") or {}).get(entity) == "ellipse"
    source = "quality/visible_area.csv" if is_round else "quality/summary.csv"
    row: dict[str, Any] = {"rule": MISSED, "entity": entity, "source": source}
    table = given.visible_area if is_round else given.quality
    if given.quality is None or table is None:
        return row | {"reason": "no true boxes are given: truth"}
    is_hidden = table["degree"] == 100 if is_round else table["metric"] == "covered"
    found = table[(table["entity"] == entity) & is_hidden]
    images = int(found["images"].iloc[0]) if len(found) else 0
    if images < MIN_IMAGES:
        lack = f"{images} images with true boxes of it, and {MIN_IMAGES} are needed"
        if is_round and not is_hidden.any():
            lack = "what ellipses leave visible is measured where all regions are hidden: 100 %"
        return row | {"n": images, "reason": lack}
    clusters = int(found["clusters"].iloc[0])
    row |= {"n": images, "clusters": clusters}
    if lack := too_few(clusters):
        return row | {"reason": lack}
    names = ("visible_area", "low", "high") if is_round else ("value", "high", "low")
    value, low, high = (float(found[name].iloc[0]) for name in names)
    if not is_round:  # what is covered
        value, low, high = 1.0 - value, 1.0 - low, 1.0 - high
    low, high = with_width(value, low, high, clusters, given.confidence)
    return row | {"value": value, "low": low, "high": high}


def _strongest(given: Measured) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Decisive re-identification of each variant, by its regions and by their surroundings."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    if given.rates is None:
        return found
    for attack, regions in ((REIDENTIFICATION, ALL), (OF_REMAINDER, REMAINDER)):
        table = decisive(given.rates, given.widest, given.confidence, regions)
        for row in table[table["method"] != ORIGINAL].to_dict("records"):
            variant = (str(row["method"]), int(row["degree"]))
            found.setdefault(variant, []).append(_found(attack, row))
    return found


def _found(attack: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("entity", "chance", "ceiling", "n", "clusters")}
    if not row["shortfall"]:
        shown |= {"low": row["low"], "high": row["high"]}
    shown |= {"rule": ATTACK, "attack": attack, "measure": "rank_1", "value": row["rate"]}
    shown |= {"risk": _RISKS.get(row["match"], ""), "source": _RATES_FILE}
    return shown | {"reason": row["unknown"] or row["shortfall"]}


def _without(rows: pd.DataFrame, others: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Rows that agree with none of the others in these columns."""
    own, there = (pd.MultiIndex.from_frame(each[names]) for each in (rows, others))
    return rows[~own.isin(there)]


def attack_rates(given: Measured, method: str, degree: int) -> Iterator[dict[str, Any]]:
    """Yield the rates of the other attacks on a variant."""
    if given.attacks is None:
        return
    keys = ["attack", "measure", "entity"]
    table = given.attacks.fillna(dict.fromkeys(keys, ""))
    # rates are compared with chance if there is no control
    control = table["control"].fillna(table["chance"])
    table = table.assign(control=control, seen=table["measure"].str.startswith(SEEN))
    clear = table[(table["method"] == ORIGINAL) & (table["reason"] == "") & control.notna()]
    blind = set(map(tuple, clear.loc[~(clear["low"] > clear["control"]), keys].to_numpy()))
    ceilings = clear.set_index(keys)["low"].to_dict()
    of_degree = table[table["degree"] == degree]
    mine, pictures = of_degree[of_degree["method"] == method], pictures_of(method)
    if has_own_vectors(method):  # attacks on pictures are those on their method's
        others = of_degree[of_degree["method"] == pictures]
        on_pictures = [n for n, kind in PRIVACY_ATTACKS.items() if issubclass(kind, RegionAttack)]
        mine = pd.concat([others[others["attack"].isin(on_pictures)], mine])
    else:  # images that maps or models D were learned from: for comparison only
        mine, table = mine[~mine["seen"]], table[~table["seen"]]

    def reason(row: Mapping[Any, Any]) -> str:
        is_fake = row["attack"] == "residual" and row["entity"] in given.fakes.get(pictures, ())
        return FAKES if is_fake else str(row["reason"])

    # an attack may tell of one entity or measure and not of another
    which = ["attack", "entity", "seen"]
    is_whole = table["measure"].isin(("", SEEN))  # a reason that is not of one measure
    whole = _without(table[is_whole & (table["reason"] != "")], mine, which)
    tried = _without(_without(table[~is_whole], mine, keys), whole, which)
    for row in pd.concat([whole, tried]).drop_duplicates(keys).to_dict("records"):
        shown = {name: row[name] for name in (*keys, "risk")}
        yield shown | {"reason": reason(row) or NOT_RUN, "rule": ATTACK, "source": _ATTACKS_FILE}
    for row in mine.to_dict("records"):
        names = (*keys, "risk", "n", "clusters", "control", "chance")
        shown = {name: row[name] for name in names} | {"reason": reason(row)}
        if not shown["reason"]:
            shown["value"], key = row["rate"], tuple(row[name] for name in keys)
            # if it finds no more in originals, finding no more in a variant shows nothing
            if key in blind:
                why = "it finds no more than its control in originals, so it shows nothing"
                shown["reason"] = why
            elif key not in ceilings:
                shown["reason"] = "what it finds in originals is not known, so it shows nothing"
            else:
                shown |= {"low": row["low"], "high": row["high"], "ceiling": ceilings[key]}
        yield shown | {"rule": ATTACK, "source": _ATTACKS_FILE}
