"""Choices for the first page: a row per method, degree, model and query kind.

Choices that pass the policy come first, then those not known to pass, then those that failed.
Passing choices are sorted by the quality they keep, the others by the number of rules against them
and then by the rate of the strongest attack, as passing ones without a known quality. A trained
model or a map comes after the unadapted model, unless a test shows that it gains or its verdict is
better. Quality kept is 0 for a random ranking and 1 for the unadapted model, retrained with another
seed and searching originals, all judged by a second reference: the own ranking favours its own
model.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from anonbench.core.numeric.clusters import MIN_CLUSTERS, too_few
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, ArchiveAttack
from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import COMPATIBLE, NO_CHOICE, ORIGINAL, UNADAPTED, Adaption
from anonbench.evaluation.comparisons.best import JOINT, OWN, SECOND
from anonbench.evaluation.comparisons.columns import SEPARATOR
from anonbench.evaluation.policy.evidence import ATTACK, MIN_IMAGES, MISSED, RULES
from anonbench.evaluation.policy.table import said
from anonbench.evaluation.policy.verdicts import Verdict, above_control, overall, rank
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.scores import corrected
from anonbench.evaluation.sufficiency import DEFAULTS, Needs, too_wide

_KEYS = ["dataset", "method", "degree", "adaption", "query"]
_QUALITY = ["kept", "kept_low", "kept_high", "optimism", "yardstick", "unknown", "unknown_detail"]
_ATTACK = ["attack", "measure", "entity", "rate", "rate_low", "rate_high", "limit"]
_RULE = {"rule": "rule", "rule_attack": "attack", "rule_entity": "entity", "rule_value": "rate"}
_RULE |= {"rule_low": "rate_low", "rule_high": "rate_high", "rule_limit": "limit", "rule_n": "n"}
_RULE |= {"rule_clusters": "clusters", "rule_chance": "chance", "rule_ceiling": "ceiling"}
_SIZES = ["queries", "clusters", "seeds", "pairs"]
COLUMNS = [*_KEYS, *_QUALITY, *_ATTACK, "attack_verdict", "verdict", *_RULE, "detail"]
COLUMNS += ["failed", "suspected", "open", "untested", "resisted", *_SIZES]
"""Columns of the table, rows in the order of the page. `kept` is the share of retrieval quality
that is left, 1 being the `yardstick`'s on originals (`second`: the same model after another
training, `own`: the system itself). The `optimism` of choosing the best has been subtracted.
`unknown` is the reason why it is not known (`UNKNOWN`). `rate` is that, above its control, of the
attack that comes closest to its limit or exceeds it most. `rule_…` and `detail` are the decisive
rule of the policy's `verdict` if it is no pass. `failed`, `open` and `suspected` count rules that
failed, rules with unknown result, and those of the latter whose value exceeds the limit; `untested`
names those with unknown result, separated by blanks: attacks, or `rule:entity`. `resisted` counts
attacks. `pairs`: images from which a choice's map was learned."""
_NUMBERS = ["degree", *_QUALITY[:4], *_ATTACK[3:], *list(_RULE)[3:], *_SIZES]
_NUMBERS += ["failed", "suspected", "open", "resisted"]
_PLACE = ["degree", "method", "adaption", "query"]
_VARIANT = ["degree", "method", "query"]
_ENDS = {"value": "rate", "low": "rate_low", "high": "rate_high", "ceiling": "ceiling"}
UNATTACKED = frozenset(Adaption) - {Adaption.UNADAPTED} - COMPATIBLE
"""Adaptions whose vectors no attack sees."""
UNKNOWN = ("gap", "clusters", "wide", "second", "chance", "not_run")
"""Reasons why the quality kept is not known: too few images for any ranking, too few clusters, too
wide an interval, no second reference, originals found only by chance, not evaluated."""
NAMED = 0.1  # smallest rate of an attack without a limit that is named
_SHARES = ("rank_1", "inverted", "seen_rank_1", "seen_inverted")
_UNJUDGED: dict[str, Any] = {
    **{"verdict": str(Verdict.UNKNOWN), "rule": ATTACK, "detail": "no attack was run"},
    **{"failed": 0, "suspected": 0, "open": 1, "untested": "", "resisted": 0},
}
Scenario = tuple[str, str]  # method and adaption


class Best(NamedTuple):
    """The choice with the highest mAP, and those that may be as good."""

    choice: Scenario
    alike: tuple[Scenario, ...]  # no test distinguishes them from the best, which is one of them
    optimism: float  # what choosing the highest value adds to it, as a share; NaN if unknown
    reason: str  # reason why there is no interval and thus no test; empty if there is one


Bests = Mapping[tuple[str, int, str, str], Best]
"""By data set, degree, query kind and method (empty: all methods compete)."""


def choices(
    dataset: str,
    summary: pd.DataFrame,
    effects: pd.DataFrame | None = None,
    policy: pd.DataFrame | None = None,
    bests: Bests | None = None,
    needs: Needs = DEFAULTS,
    gap: str = "",
    maps: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Choices of one data set, columns `COLUMNS`.

    Args:
        summary: scores averaged over seeds (`anonbench.reporting.summary.summarize`).
        effects: costs by a second reference, if there is one.
        policy: verdicts (`anonbench.evaluation.policy.verdicts.JUDGED`), if it was evaluated.
        bests: see `best_choices`.
        needs: requirements for a value to count as known.
        gap: reason why no statement about rankings is possible.
        maps: retrieval regained by maps (`anonbench.evaluation.map_judging.VARIANT_COLUMNS`).
    """
    bests = bests or {}
    scored = summary[(summary["metric"] == "map") & ~summary["adaption"].isin(NO_CHOICE)]
    second = kept(effects, summary) if effects is not None and len(scored) else None
    if second is not None and len(second):
        scored = scored.merge(second, how="left", on=_PLACE, indicator="compared")
        scored = scored.assign(compared=scored["compared"] == "both", yardstick=SECOND)
    else:
        scored = with_floor(scored)
        floor = scored["floor"].to_numpy(float)
        for end, name in {"value": "kept", "low": "kept_low", "high": "kept_high"}.items():
            scored[name] = corrected(scored[end].to_numpy(float), floor, 1.0)
        scored = scored.assign(room=1.0 - floor, compared=True, yardstick=OWN)
    judged: dict[Any, dict[str, Any]] = {}  # by published method, degree, and if in `UNATTACKED`
    if policy is not None:
        for unseen, given in ((False, policy), (True, of_own_vectors(policy))):
            for key, group in _weighed(given).groupby(["method", "degree"], sort=False):
                judged[*key, unseen] = _standing(group)
    taught: Mapping[str, int] = {}
    refused = pd.DataFrame(columns=_PLACE)  # maps that gain no more than free remedies
    if maps is not None:
        whole = maps[maps["remedy"] == Adaption.MAPPED].groupby("method")["pairs"].max()
        taught = {published_as(str(name), Adaption.MAPPED): n for name, n in whole.items()}
        refused = maps[maps["why_not"].astype(str) != ""].assign(adaption=str(Adaption.MAPPED))
    rows, there = [], set()
    for row in scored.assign(dataset=dataset, queries=scored["n"]).to_dict("records"):
        name, degree = published_as(row["method"], row["adaption"]), row["degree"]
        there.add((name, degree))
        of_policy = judged.get((name, degree, row["adaption"] in UNATTACKED), _UNJUDGED)
        own = {each: row[each] for each in [*_KEYS, *_SIZES[:3]]} | {"pairs": taught.get(name)}
        rows.append(own | _quality(row, bests, needs, gap) | of_policy)
    absent: dict[str, Any] = {"dataset": dataset, "query": ORIGINAL, "unknown": "not_run"}
    absent |= {"unknown_detail": "no retrieval was run"}
    for (method, degree, unseen), standing in judged.items():
        if (method, degree) not in there and not unseen:
            rows.append(absent | {"method": method, "degree": degree} | standing)
    table = pd.DataFrame(rows, columns=COLUMNS)
    texts = [name for name in COLUMNS if name not in _NUMBERS]
    table[texts] = table[texts].astype(object).where(table[texts].notna(), "")
    table[_NUMBERS] = table[_NUMBERS].apply(pd.to_numeric)
    return _sorted(table, bests, refused) if len(table) else table


def _quality(row: Mapping[Any, Any], bests: Bests, needs: Needs, gap: str) -> dict[str, Any]:
    """Quality that a choice keeps, as shares, or the reason why it is unknown."""
    clusters = MIN_CLUSTERS if math.isnan(row["clusters"]) else int(row["clusters"])
    reasons = {
        "gap": gap,
        "clusters": too_few(clusters),
        "wide": too_wide(row["low"], row["high"], needs),
        "second": "" if row["compared"] else "it was not compared by a second reference",
        "chance": "the originals are found no better than by chance" * math.isnan(row["kept"]),
    }
    optimism = 0.0  # of a choice picked as the best of all, or the best of its method
    for of in ("", row["method"]):
        best = bests.get((row["dataset"], row["degree"], row["query"], of))
        if best is not None and best.choice == (row["method"], row["adaption"]):
            is_known = not math.isnan(best.optimism) and row["room"] > 0.0
            optimism = best.optimism / row["room"] if is_known else 0.0
            break
    unknown, detail = next(((kind, text) for kind, text in reasons.items() if text), ("", ""))
    found = {name: row[name] - optimism for name in _QUALITY[:3]} | {"optimism": optimism}
    return found | {"yardstick": row["yardstick"], "unknown": unknown, "unknown_detail": detail}


def _weighed(policy: pd.DataFrame) -> pd.DataFrame:
    """Rules with their rate above its control, and the keys by which they are weighed."""
    rules = policy.assign(
        is_attack=policy["rule"] == ATTACK,
        is_failed=policy["verdict"] == Verdict.FAIL,
        order=policy["rule"].map(RULES.index),
        n=policy["n"].astype(float),
    )
    control = rules["control"].where(rules["is_attack"]).astype(float)
    for end, name in _ENDS.items():
        values = zip(rules[end].astype(float), control, strict=True)
        rules[name] = [above_control(*pair) for pair in values]
    ratio = (rules["rate"] / rules["limit"].astype(float).clip(lower=1e-9)).fillna(-math.inf)
    return rules.assign(ratio=ratio, weight=ratio.where(rules["is_attack"], 0.0))


def _standing(rules: pd.DataFrame) -> dict[str, Any]:
    limited = rules[rules["limit"].notna()]
    attacks = limited[limited["is_attack"]]
    attacks = attacks.sort_values(["is_failed", "ratio"], ascending=False, kind="stable")
    against = limited[limited["verdict"] != Verdict.PASS]
    unknown = against[~against["is_failed"]]
    beyond = unknown["rate"].lt(unknown["limit"])
    beyond = beyond.where(unknown["side"] != "most", unknown["rate"].gt(unknown["limit"]))
    untested = (
        row["attack"] or ":".join(filter(None, (row["rule"], row["entity"])))
        for row in unknown.to_dict("records")
    )
    strongest: dict[Any, Any] = next(iter(attacks.head(1).to_dict("records")), {})
    found = {name: strongest.get(name, "") for name in ("attack", "measure", "entity")}
    found |= {name: strongest.get(name, math.nan) for name in (*_ENDS.values(), "limit")}
    # attacks come first, as methods differ in them
    keys = {"is_failed": False, "is_attack": False, "weight": False, "order": True}
    decisive = against.sort_values([*keys], ascending=[*keys.values()], kind="stable").head(1)
    for row in decisive.to_dict("records"):
        found |= {name: row[of] for name, of in _RULE.items()} | {"detail": said(row)}
    return found | {
        "attack_verdict": strongest.get("verdict", ""),
        "verdict": str(overall(rules["verdict"])),
        "failed": int(against["is_failed"].sum()),
        "suspected": int(beyond.sum()),
        "open": len(unknown),
        "untested": " ".join(dict.fromkeys(untested)),
        "resisted": attacks.loc[attacks["verdict"] == Verdict.PASS, "attack"].nunique(),
    }


def doubt_of(row: Mapping[Any, Any]) -> str:
    """Why a rate's interval leaves the decisive rule open: `blunt`, `part` or `wide` (texts)."""
    high, is_attack = row["rule_high"], row["rule"] == "attack"
    if is_attack and high >= row["rule_ceiling"]:  # as little may be found in originals
        return "blunt"
    return "part" if is_attack and high <= row["rule_limit"] else "wide"


def of_own_vectors(rules: pd.DataFrame) -> pd.DataFrame:
    """Rules of a variant for a model of `UNATTACKED`: no attack saw its vectors."""
    attacks = [n for n, attack in PRIVACY_ATTACKS.items() if issubclass(attack, ArchiveAttack)]
    unseen = (rules["rule"] == ATTACK) & rules["attack"].isin(attacks)
    found = rules.copy()
    found.loc[unseen, ["value", "low", "high"]] = math.nan
    found.loc[unseen, "reason"] = "the adapted model's vectors were not attacked"
    found.loc[unseen & rules["limit"].notna(), "verdict"] = str(Verdict.UNKNOWN)
    return found


def without_limit(judged: pd.DataFrame | None, top: Mapping[Any, Any] | None) -> dict[str, float]:
    """Rates of attacks on a choice that have no limit, above their control, highest first.

    Only those of at least `NAMED` that are shares of regions or images. Names begin with `SEEN` if
    the attacked images taught the map or model.
    """
    if judged is None or top is None:
        return {}
    name = published_as(str(top["method"]), str(top["adaption"]))
    rules = judged[(judged["method"] == name) & (judged["degree"] == top["degree"])]
    rules = of_own_vectors(rules) if top["adaption"] in UNATTACKED else rules
    rules = rules[(rules["rule"] == ATTACK) & rules["limit"].isna() & (rules["low"] > 0.0)]
    rates: dict[str, float] = {}
    for row in rules[rules["measure"].isin(_SHARES)].to_dict("records"):
        base = row["chance"] if pd.isna(row["control"]) else row["control"]
        if above_control(row["value"], base) >= NAMED:
            rate = above_control(row["value"], row["control"])
            name = SEEN * row["measure"].startswith(SEEN) + row["attack"]
            rates[name] = max(rate, rates.get(name, 0.0))
    return dict(sorted(rates.items(), key=lambda item: -item[1]))


def _sorted(table: pd.DataFrame, bests: Bests, refused: pd.DataFrame) -> pd.DataFrame:
    alike = [key for key, best in bests.items() if (key[3], UNADAPTED) in best.alike]
    behind = pd.MultiIndex.from_frame(table[["dataset", "degree", "query", "method"]]).isin(alike)
    refused_at = pd.MultiIndex.from_frame(refused[_PLACE])
    behind |= pd.MultiIndex.from_frame(table[_PLACE]).isin(refused_at)
    is_unknown = table["unknown"] != ""
    is_short = is_unknown | (table["verdict"] != Verdict.PASS)
    keys = pd.DataFrame(
        {
            "rank": table["verdict"].map(rank),
            **{name: table[name] for name in ("failed", "suspected", "open")},
            "unknown": is_unknown.astype(float),
            # of those that do not pass, the one of which attacks find less is closer to passing
            "rate": table["rate"].fillna(math.inf).where(is_short, 0.0),
            # as measured: the optimism is subtracted from the best only, not from those behind it
            "value": -(table["kept"] + table["optimism"]).fillna(-math.inf),
            "degree": -table["degree"],
            "adapted": table["adaption"] != UNADAPTED,
            **{name: table[name] for name in ("method", "adaption")},
            "asked": table["query"] != ORIGINAL,
        }
    )
    standing, quality = ["rank", "failed", "suspected", "open"], ["unknown", "rate", "value"]
    # no better known and of no more value than the unadapted model, which it does not surely beat
    plain = keys.set_index(pd.MultiIndex.from_frame(table[_VARIANT]))[lambda k: ~k["adapted"]]
    plain = plain.reindex(pd.MultiIndex.from_frame(table[_VARIANT])).set_index(keys.index)
    held = behind & (keys[standing] == plain[standing]).all(axis=1)
    worse = np.maximum(keys[quality], plain[quality].astype(float))
    keys[quality] = keys[quality].mask(held, worse)
    return table.loc[keys.sort_values([*keys], kind="stable").index].reset_index(drop=True)


def best_choices(tables: Iterable[pd.DataFrame]) -> Bests:
    """Best choices by mAP (`best.csv`), judged by the second reference or else by the own one."""
    found = {}
    for table in tables:
        ranked = table[table["metric"] == "map"]
        own, second = (ranked[ranked["reference"] == each] for each in (OWN, SECOND))
        for row in pd.concat([own, second]).to_dict("records"):  # the second replaces the own one
            method = str(row["method"])
            choice, *alike = (
                (method, name) if method else (*name.split(SEPARATOR, 1), "")[:2]
                for name in (row["best"], *row["indistinguishable"].split(JOINT))
            )
            key = (str(row["dataset"]), int(row["degree"]), str(row["query"]), method)
            optimism = float(row["value"] - row["unbiased"])
            found[key] = Best(choice, tuple(alike), optimism, str(row["reason"]))
    return found


def kept(effects: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Share of its mAP that each choice of a data set keeps, by a second reference.

    A choice loses the cost of anonymizing plus the cost of adapting (`effects`). The half-widths of
    both intervals are added, which gives an upper bound for the half-width of the sum.

    Returns:
        Columns degree, method, query, adaption, kept, kept_low, kept_high (NaN if unknown), and
        room: ceiling minus floor, the length of the scale in points of the score.
    """
    key = ["degree", "method", "query"]
    costs = effects[(effects["metric"] == "map") & ~effects["adaption"].isin(NO_CHOICE)]
    costs = costs.assign(half=costs["high"] - costs["value"])
    first = costs[costs["effect"] == "anonymizing"]
    both = costs[costs["effect"] == "adapting"]
    both = both.merge(first[[*key, "value", "half"]], on=key, suffixes=("", "_first"))
    for name in ("value", "half"):
        both[name] += both[f"{name}_first"]
    floors = with_floor(summary[summary["metric"] == "map"]).drop_duplicates(key)
    table = pd.concat([first, both]).drop(columns="floor", errors="ignore")
    table = table.merge(floors[[*key, "floor"]], how="left", on=key)
    names = ["value", "half", "floor", "ceiling"]
    cost, half, floor, ceiling = table[names].to_numpy(float).T
    scores = {"kept": ceiling - cost, "kept_low": ceiling - cost - half}
    scores["kept_high"] = ceiling - cost + half
    shares = {name: corrected(score, floor, ceiling) for name, score in scores.items()}
    return table[[*key, "adaption"]].assign(**shares, room=ceiling - floor)


def with_floor(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores whose floor is the higher of what a random ranking reaches with either query kind."""
    return scores.assign(floor=scores[["floor", "chance"]].max(axis=1).fillna(0.0))


def times_as_many(row: Mapping[Any, Any]) -> float:
    """Factor by which a decisive interval needs more tries; NaN if the rate is over its limit."""
    value, high, limit = row["rule_value"], row["rule_high"], row["rule_limit"]
    return float(((high - value) / (limit - value)) ** 2) if value < limit else math.nan


def boxes_needed(policy: pd.DataFrame | None) -> int:
    """Images that need true boxes for the policy's miss rates to be known; 0 if all are."""
    if policy is None:
        return 0
    lacking = policy[(policy["rule"] == MISSED) & (policy["verdict"] == Verdict.UNKNOWN)]
    lacking = lacking.rename(columns={n: f"rule_{n}" for n in ("value", "high", "limit", "n")})
    return max(map(true_boxes, lacking.to_dict("records")), default=0)


def true_boxes(row: Mapping[Any, Any]) -> int:
    """Number of images that need true boxes, including those that have them.

    At the miss rate so far; without one, if nothing is missed (Wilson's interval). 0 if enough have
    them: too much seems to be missed, or persons are too few.
    """
    there, times = 0 if pd.isna(row["rule_n"]) else int(row["rule_n"]), times_as_many(row)
    if not row["rule_limit"] > 0.0:
        return max(2 * there, MIN_IMAGES)
    if there and not math.isnan(times):
        return max(math.ceil(there * times), there + 1)
    enough = max(fewest_trials(row["rule_limit"], 0.95), MIN_IMAGES)
    return enough if there < enough else 0
