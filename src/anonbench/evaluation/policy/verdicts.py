"""Verdicts of a policy: pass, fail or not known, of each rule and each variant.

A rate passes only where the upper end of its interval lies within its limit and below the interval
of originals, and fails only where the lower end lies beyond its limit. A variant passes if all its
rules do: an intersection-union test, in which no interval has to be widened for the number of rules
(Berger 1982, Technometrics 24:295-300).
The area under the front of privacy and utility is in this module, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from anonbench.core.registries.attacks import NOTHING_TO_ATTACK
from anonbench.core.registries.method_names import family_of, pictures_of, published_as
from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.core.vocabulary import NO_CHOICE, Entity
from anonbench.evaluation.policy import evidence as rules
from anonbench.evaluation.policy.evidence import ATTACK, SEARCHED, STRENGTH

if TYPE_CHECKING:
    from anonbench.config import Policy


JUDGED = [*rules.COLUMNS, "side", "limit", "verdict"]
"""Columns of a table of verdicts: the evidence, the `side` (`most`, `least`) of the `limit` that
the row has to stay on, and the verdict."""
OF_ENTITIES: Mapping[str, frozenset[str]] = {
    "readability": frozenset({"text"}),
    "mrz_reading": frozenset({"mrz"}),
    "barcodes": frozenset({"barcode"}),
    "reconstruction": frozenset({"text", "barcode", "mrz"}),
    "dictionary": frozenset({"text", "mrz"}),
    "block_noise": frozenset({"text"}),
    "remainder": frozenset({"face"}),
}
"""Entities of which a data set has to look for one, for an attack to concern it; other attacks
concern all."""
_MOST, _LEAST = "most", "least"
OF_ALL = (rules.DEGREE, rules.INFORMATION_LEFT, rules.AUDIT, rules.UNSEARCHED)
"""Rules that every variant has evidence of."""
_NO_EVIDENCE = "there is no evidence of it"
_UNSAID = "the method does not say what it leaves"


class Verdict(StrEnum):
    """Verdict of a policy on a rule or a variant, best first."""

    PASS = "pass"
    UNKNOWN = "not known"
    FAIL = "fail"
    UNLIMITED = "no limit"  # only for rules: the policy does not limit it


def above_control(rate: float, control: float) -> float:
    """Rate above its control, as a share of the possible gain (anonymeter's risk).

    (rate - control) / (1 - control), both shares (Giomi et al. 2023, PoPETs 2023(2)). Without a
    control nothing is subtracted. If the control always succeeds, nothing can be gained: NaN.
    """
    if math.isnan(control) or control <= 0.0:
        return rate
    return (rate - control) / (1.0 - control) if control < 1.0 else math.nan


def judge(evidence: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Judge each row of evidence, and each rule that the policy requires without evidence.

    Evidence has the columns `anonbench.evaluation.policy.evidence.COLUMNS`, others are ignored; the
    result `JUDGED`, variants in the order of the evidence, rules in the order of `RULES`.
    """
    rows: list[dict[str, Any]] = []
    keys = ["dataset", "method", "degree"]
    for key, group in evidence[rules.COLUMNS].groupby(keys, sort=False):
        # without the rows that `_absent` added for an earlier policy
        is_absent = (group["reason"] != "") & (group["source"] == "")
        kept = group[(group["rule"] != rules.ALLOWED) & ~is_absent]
        given: list[dict[str, Any]] = kept.to_dict("records")  # type: ignore[assignment]
        whole = dict(zip(keys, key, strict=True))
        asked = [whole | row for row in _absent(given, pictures_of(str(whole["method"])), policy)]
        judged = [row | _verdict(row, policy) for row in [*asked, *given]]
        rows += sorted(judged, key=lambda row: rules.RULES.index(row["rule"]))
    table = pd.DataFrame(rows, columns=JUDGED)
    texts = ["attack", "measure", "entity", "risk", "reason", "source", "side"]
    table[texts] = table[texts].fillna("")
    return table.astype({"n": "Int64", "clusters": "Int64"})


def standings(judged: pd.DataFrame) -> dict[tuple[str, str, int], Verdict]:
    """Verdict on each variant, by data set, method and degree."""
    groups: Any = judged.groupby(["dataset", "method", "degree"], sort=False)["verdict"]
    return {(str(d), str(m), int(degree)): overall(each) for (d, m, degree), each in groups}


def rank(verdict: str) -> int:
    """Rank of a verdict, best first; an empty verdict counts as not known."""
    return list(Verdict).index(Verdict(verdict or Verdict.UNKNOWN))


def overall(verdicts: pd.Series) -> Verdict:
    """Verdict on a variant from those on its rules: it passes if all limited rules pass."""
    limited = set(map(str, verdicts)) - {str(Verdict.UNLIMITED)}
    if Verdict.FAIL in limited:
        return Verdict.FAIL
    return Verdict.PASS if limited == {str(Verdict.PASS)} else Verdict.UNKNOWN


def _absent(given: list[dict[str, Any]], method: str, policy: Policy) -> Iterator[dict[str, Any]]:
    """Yield the rules that a policy requires but that have no evidence."""
    if policy.methods:
        named = float(method in policy.methods)
        yield {"rule": rules.ALLOWED, "value": named, "low": named, "high": named}
    there = {(row["rule"], row["entity"]) for row in given}
    sought = {row["entity"] for row in given if row["rule"] == SEARCHED and row["value"] == 1.0}
    needed = [(rule, "") for rule in OF_ALL] + [(rules.MISSED, each) for each in sorted(sought)]
    for rule, entity in [*needed, *((SEARCHED, str(each)) for each in policy.searched)]:
        if (rule, entity) not in there:
            why = _UNSAID if rule == rules.INFORMATION_LEFT else _NO_EVIDENCE
            yield {"rule": rule, "entity": entity, "reason": why}
    known = {row["measure"] for row in given if row["rule"] == STRENGTH}
    applied = {family_of(method), *(measure.partition(".")[0] for measure in known)}
    for each in policy.strength:
        last = each.parameter.rpartition(".")[2]
        of_another = last in set(map(str, Entity)) and last not in sought
        if each.method in applied and each.parameter not in known and not of_another:
            why = "the method has no such parameter, or it is no number"
            yield {"rule": STRENGTH, "measure": each.parameter, "reason": why}
    attacked = {row["attack"] for row in given if row["rule"] == ATTACK}
    for attack, limit in policy.attacks.model_dump().items():
        concerned = attack not in OF_ENTITIES or OF_ENTITIES[attack] & sought
        if limit is not None and attack not in attacked and concerned:
            yield {"rule": ATTACK, "attack": attack, "reason": rules.NOT_RUN}


def _verdict(row: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    side, limit = _limit(row, policy)
    if limit is None or (row["rule"] == ATTACK and row.get("reason") in NOTHING_TO_ATTACK):
        return {"verdict": str(Verdict.UNLIMITED)}
    return {"side": side, "limit": limit, "verdict": str(verdict_of(row, side, limit))}


def verdict_of(row: Mapping[Any, Any], side: str, limit: float) -> Verdict:
    """Verdict on a row of evidence that has to stay on one side of a limit."""
    names = ("control", "low", "high", "ceiling")
    control, *ends = (math.nan if pd.isna(v := row.get(n)) else float(v) for n in names)
    if row["rule"] != ATTACK:
        control = math.nan
    above = (round(above_control(end, control), 12) for end in ends)  # 1 - 0.97 is 0.03
    low, high, ceiling = above
    is_within, is_beyond = high <= limit, low > limit
    if side == _LEAST:
        is_within, is_beyond = low >= limit, high < limit
    # an attack that may find as little in originals shows no protection; limit 1 asks for none
    is_known = not row.get("reason") and (limit >= 1.0 or not high >= ceiling)
    return (
        Verdict.FAIL if is_beyond else Verdict.PASS if is_within and is_known else Verdict.UNKNOWN
    )


def _limit(row: Mapping[str, Any], policy: Policy) -> tuple[str, float | None]:
    """Side and limit of a row; None: the policy does not limit it."""
    rule, entity, attack = row["rule"], str(row.get("entity")), str(row.get("attack"))
    if rule == STRENGTH:
        bounds = (each for each in policy.strength if each.parameter == row.get("measure"))
        bound = next(bounds, None)
        if bound is not None and bound.least is not None:
            return _LEAST, bound.least
        return _MOST, None if bound is None else bound.most
    sides: dict[str, tuple[str, float | None]] = {
        rules.ALLOWED: (_LEAST, 1.0),
        rules.DEGREE: (_LEAST, policy.degree / 100),
        rules.INFORMATION_LEFT: (_MOST, INFORMATION_LEVELS.index(policy.information_left)),
        SEARCHED: (_LEAST, 1.0 if entity in policy.searched else None),
        rules.AUDIT: (_MOST, 0.0),
        rules.UNSEARCHED: (_MOST, policy.unsearched),
        rules.MISSED: (_MOST, policy.missed.model_dump().get(entity)),
        ATTACK: (_MOST, policy.attacks.model_dump().get(attack)),
    }
    return sides[rule]


AREA_COLUMNS = ["risk", "metric", "query", "method", "area", "variants"]
"""A row a risk, utility and method: the area under the method's front, and how many of its variants
it is of."""


def area(cost: np.ndarray, gain: np.ndarray) -> float:
    """Area under the front of points: the best gain for a cost limit, on average.

    For points (c_i, g_i), float [N], clipped to [0, 1], U(x) = max {g_i : c_i ≤ x}, and 0 where no
    point is within x. The area is the integral of U over x from 0 to 1, the hypervolume with the
    reference point (1, 0) (Zitzler and Thiele 1998); it never falls where a point is added.
    """
    cost = np.clip(cost, 0.0, 1.0)
    order = np.argsort(cost, kind="stable")
    ends = np.append(cost[order], 1.0)
    best = np.maximum.accumulate(np.clip(gain, 0.0, 1.0)[order])
    return float((np.diff(ends) * best).sum())


def exposures(judged: pd.DataFrame) -> pd.DataFrame:
    """Exposure of each variant to each risk: the strongest attack above its control.

    A variant is left out if an attack on it that shows this risk has no known rate, because that
    attack may be the strongest. An attack without a known rate in any variant is ignored, and so
    are attacks on surroundings, which no method hides. `judged` (`JUDGED`) is of one data set.
    Columns risk, method, degree, rate (a share above control, at least 0).
    """
    rows = _above_control(judged)
    groups = rows[rows["risk"] != ""].groupby(["risk", "method", "degree"], sort=False)["rate"]
    return groups.max(skipna=False).dropna().reset_index()


def strongest_attacks(judged: pd.DataFrame) -> pd.DataFrame:
    """Strongest attack on each variant, of any risk, under the rules of `exposures`.

    Columns method, degree, attack, measure, entity, rate, rate_low, rate_high.
    """
    rows = _above_control(judged)
    complete = rows.groupby(["method", "degree"])["rate"].transform(lambda each: each.notna().all())
    rows = rows[complete.astype(bool)].sort_values("rate", ascending=False, kind="stable")
    found = rows.drop_duplicates(["method", "degree"]).sort_index()
    columns = ["method", "degree", "attack", "measure", "entity", "rate", "rate_low", "rate_high"]
    return found[columns].reset_index(drop=True)


def _above_control(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of telling attacks with `rate`, `rate_low` and `rate_high`, NaN if unknown."""
    is_telling = (judged["rule"] == ATTACK) & (judged["attack"] != rules.OF_REMAINDER)
    is_telling &= ~judged["reason"].isin(NOTHING_TO_ATTACK) & (judged["source"] != "")
    rows = judged[is_telling]
    known = (rows["reason"] == "") & rows["high"].notna()
    for name, end in (("rate", "value"), ("rate_low", "low"), ("rate_high", "high")):
        above = [
            max(above_control(float(value), float(control)), 0.0)
            for value, control in rows[[end, "control"]].itertuples(index=False)
        ]
        rows = rows.assign(**{name: np.where(known, above, np.nan)})
    attacks = [rows[name].fillna("") for name in ("attack", "measure", "entity")]
    return rows[rows["rate"].notna().groupby(attacks).transform("any")]


def exposed(judged: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `risk` and `rate` of `exposures` to points (method, degree, adaption, …).

    Points of mapped vectors and of adaption D get the exposure of these vectors; those of other
    models get that of the unadapted model's.
    """
    names = zip(points["method"], points["adaption"], strict=True)
    published = [published_as(method, adaption) for method, adaption in names]
    rates = exposures(judged).rename(columns={"method": "published"})
    named = points.assign(published=pd.Series(published, points.index, dtype=object))
    return rates.merge(named, on=["published", "degree"]).drop(columns="published")


def areas(judged: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Area under each method's front for every risk and every utility (`AREA_COLUMNS`).

    `judged` (`JUDGED`) is of one data set, `summary` has its scores, averaged over seeds: metric,
    query, method, degree, adaption, value. Every model is a point.
    """
    points = summary[~summary["adaption"].isin(NO_CHOICE)].dropna(subset=["value"])
    merged = exposed(judged, points)
    rows = [
        (*key, area(group["rate"].to_numpy(float), group["value"].to_numpy(float)), n)
        for key, group in merged.groupby(["risk", "metric", "query", "method"], sort=False)
        for n in [len(group[["method", "degree"]].drop_duplicates())]
    ]
    return pd.DataFrame(rows, columns=AREA_COLUMNS)
