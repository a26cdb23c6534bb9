"""Table of choices on the first page: one row per method, degree, model and query kind.

Choices that pass the policy come first, then those not known to pass, then those that failed on
evidence. Passing choices are sorted by the quality they keep, the others by the number of rules
against them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.numeric.clusters import MIN_CLUSTERS, too_few
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, ArchiveAttack
from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import COMPATIBLE, NO_CHOICE, UNADAPTED, Adaption
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.evaluation.policy.evidence import ATTACK, RULES
from anonbench.evaluation.policy.verdicts import Verdict, above_control, overall, rank
from anonbench.evaluation.policy.words import said
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, Needs, too_wide
from anonbench.evaluation.scores import corrected
from anonbench.reporting.choices.best import Bests, kept, sharpest

COLUMNS = [
    *("dataset", "method", "degree", "adaption", "query"),
    *("kept", "kept_low", "kept_high", "yardstick", "unknown", "unknown_detail"),
    *("attack", "measure", "entity", "rate", "rate_low", "rate_high", "limit", "attack_verdict"),
    *("verdict", "rule", "rule_attack", "rule_entity", "rule_value", "rule_low", "rule_high"),
    *("rule_limit", "rule_n", "detail", "failed", "suspected", "open", "untested", "resisted"),
    *("queries", "clusters", "seeds", "pairs"),
]
"""Columns of the table, rows in the order of the page. `kept` is the share of retrieval quality
that is left, corrected for chance and for the optimism of choosing the best: 0 is a random
order, 1 is the `yardstick`'s quality on originals (`second`: the same model after another
training, `own`: the system itself). `unknown` is the reason why it is not known (`UNKNOWN`).
`rate` is the rate, above its control, of the attack that comes closest to its limit or exceeds
it most. `verdict` is the policy's; `rule_…` and `detail` are the decisive rule if it is no pass.
`failed`, `open` and `suspected` count rules that failed, rules with unknown result, and those of
the latter whose value exceeds the limit; `untested` names those with unknown result, separated by
blanks: attacks, or `rule:entity`. `resisted` counts attacks. `pairs`: images from which a choice's
map was learned."""
_NUMBERS = [
    *("degree", "kept", "kept_low", "kept_high", "rate", "rate_low", "rate_high", "limit"),
    *("rule_value", "rule_low", "rule_high", "rule_limit", "rule_n"),
    *("failed", "suspected", "open", "resisted", "queries", "clusters", "seeds", "pairs"),
]
_PLACE = ["degree", "method", "adaption", "query"]
UNATTACKED = frozenset(Adaption) - {Adaption.UNADAPTED} - COMPATIBLE
"""Adaptions whose vectors no attack sees."""
UNKNOWN = ("gap", "clusters", "wide", "second", "chance", "not_run")
"""Reasons why the quality kept is not known: too few images for any ranking, too few clusters, too
wide an interval, no second reference, originals found only by chance, not evaluated."""


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
        dataset: name of the data set.
        summary: scores averaged over seeds (`anonbench.reporting.summary.summarize`).
        effects: costs by a second reference, if there is one.
        policy: verdicts (`anonbench.evaluation.policy.verdicts.JUDGED`), if the policy was
            evaluated.
        bests: the best of each column (`anonbench.reporting.choices.best.best_choices`).
        needs: requirements for a value to count as known.
        gap: reason why no statement about rankings is possible.
        maps: retrieval regained by maps (`anonbench.evaluation.mapped.gather.VARIANT_COLUMNS`):
            maps that are not recommended come after the unadapted model.
    """
    scored = summary[(summary["metric"] == "map") & ~summary["adaption"].isin(NO_CHOICE)]
    second = {} if effects is None else kept(effects, summary)
    judged: dict[tuple[str, int, bool], dict[str, Any]] = {}
    if policy is not None:
        key: Any
        for key, group in policy.groupby(["method", "degree"], sort=False):
            for model, rules in ((False, group), (True, of_own_vectors(group))):
                judged[str(key[0]), int(key[1]), model] = _standing(rules)
    taught: Mapping[str, int] = {}
    if maps is not None:
        whole = maps[maps["remedy"] == Adaption.MAPPED].groupby("method")["pairs"].max()
        taught = {published_as(str(name), Adaption.MAPPED): n for name, n in whole.items()}
    rows = [
        {
            "dataset": dataset,
            **{name: row[name] for name in ("method", "degree", "adaption", "query")},
            **_quality(row, second, dataset, bests or {}, needs, gap),
            **judged.get(
                (
                    published_as(row["method"], row["adaption"]),
                    row["degree"],
                    row["adaption"] in UNATTACKED,
                ),
                _UNJUDGED,
            ),
            **{"queries": row["n"], "clusters": row["clusters"], "seeds": row["seeds"]},
            "pairs": taught.get(published_as(row["method"], row["adaption"])),
        }
        for row in scored.to_dict("records")
    ]
    there = {(published_as(row["method"], row["adaption"]), row["degree"]) for row in rows}
    rows += [  # judged by the policy but not evaluated in retrieval
        {"dataset": dataset, "method": method, "degree": degree, "query": "original"}
        | {"unknown": "not_run", "unknown_detail": "no retrieval was run"}
        | standing
        for (method, degree, model), standing in judged.items()
        if (method, degree) not in there and not model
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    texts = [name for name in COLUMNS if name not in _NUMBERS]
    table[texts] = table[texts].astype(object).where(table[texts].notna(), "")
    table[_NUMBERS] = table[_NUMBERS].apply(pd.to_numeric)
    not_recommended: set[tuple[Any, ...]] = set()  # maps that gain no more than free remedies
    if maps is not None:
        refused = maps[maps["why_not"].astype(str) != ""].assign(adaption=str(Adaption.MAPPED))
        not_recommended = set(refused[_PLACE].itertuples(index=False, name=None))
    return _sorted(table, bests or {}, not_recommended)


def _quality(
    row: Mapping[Any, Any],
    second: Mapping[Any, Any],
    dataset: str,
    bests: Bests,
    needs: Needs,
    gap: str,
) -> dict[str, Any]:
    """Quality that a choice keeps, as shares, or the reason why it is unknown."""
    low, high = float(row["low"]), float(row["high"])
    clusters = row["clusters"] if row["clusters"] == row["clusters"] else MIN_CLUSTERS
    reasons = {
        "gap": gap,
        "clusters": too_few(int(clusters)),
        "wide": too_wide(low, high, needs),
    }
    floor = max((v for v in (row["floor"], row["chance"]) if v == v), default=0.0)
    place = (int(row["degree"]), str(row["method"]), str(row["adaption"]), str(row["query"]))
    if not second:
        ends = corrected(np.array([row["value"], low, high], float), floor, 1.0).tolist()
        found, room, yardstick = ends, 1.0 - floor, OWN
    elif place in second:
        each = second[place]
        found = [each.value / 100, each.low / 100, each.high / 100]
        room, yardstick = each.room, SECOND
    else:
        found, room, yardstick = [math.nan] * 3, math.nan, SECOND
        reasons["second"] = "it was not compared by a second reference"
    optimism = 0.0  # of a choice picked as the best of all, or the best of its method
    for of in ("", place[1]):
        best = sharpest(bests, dataset, place[0], place[3], "map", of)
        if best is not None and best.choice == place[1:3]:
            lost = (best.value - best.unbiased) / 100 / room
            optimism = 0.0 if math.isnan(lost) else lost
            break
    if math.isnan(found[0]):
        reasons.setdefault("chance", "the originals are found no better than by chance")
    unknown, detail = next(((kind, text) for kind, text in reasons.items() if text), ("", ""))
    return {
        **dict(zip(("kept", "kept_low", "kept_high"), (v - optimism for v in found), strict=True)),
        "yardstick": yardstick,
        "unknown": unknown,
        "unknown_detail": detail,
    }


NAMED = 0.1
"""Smallest rate of an attack without a limit that is named."""
_SHARES = ("rank_1", "inverted", "seen_rank_1", "seen_inverted")
"""Measures that are shares of regions or images; `seen`: of images that a map was learned from."""
_UNJUDGED: dict[str, Any] = {
    "verdict": str(Verdict.UNKNOWN),
    "rule": ATTACK,
    "detail": "no attack was run",
    "failed": 0,
    "suspected": 0,
    "open": 1,
    "untested": "",
    "resisted": 0,
}


def _standing(rules: pd.DataFrame) -> dict[str, Any]:
    """Verdict on one variant, its strongest attack, and the decisive rule."""
    limited = rules[rules["limit"].notna()]
    records = [_measured(row) for row in limited.to_dict("records")]
    attacks = [row for row in records if row["rule"] == ATTACK]
    against = [row for row in records if row["verdict"] != Verdict.PASS]
    failed = [row for row in against if row["verdict"] == Verdict.FAIL]
    unknown = [row for row in against if row not in failed]
    suspected = [
        row
        for row in unknown
        if (row["rate"] > row["limit"] if row["side"] == "most" else row["rate"] < row["limit"])
    ]
    untested = (
        row["attack"] or ":".join(filter(None, (row["rule"], row["entity"]))) for row in unknown
    )
    attack = max(attacks, key=_severity, default={})
    decisive = {}
    if against:
        first = min(against, key=_weight)
        decisive = {
            "rule": first["rule"],
            "rule_attack": first["attack"],
            "rule_entity": first["entity"],
            "rule_value": first["rate"],
            "rule_low": first["rate_low"],
            "rule_high": first["rate_high"],
            "rule_limit": first["limit"],
            "rule_n": math.nan if pd.isna(first["n"]) else float(first["n"]),
            "detail": said(first),
        }
    return {
        **{name: attack.get(name, "") for name in ("attack", "measure", "entity")},
        **{name: attack.get(name, math.nan) for name in ("rate", "rate_low", "rate_high", "limit")},
        "attack_verdict": attack.get("verdict", ""),
        "verdict": str(overall(rules["verdict"])),
        **decisive,
        "failed": len(failed),
        "suspected": len(suspected),
        "open": len(unknown),
        "untested": " ".join(dict.fromkeys(untested)),
        "resisted": len({row["attack"] for row in attacks if row["verdict"] == Verdict.PASS}),
    }


def of_own_vectors(rules: pd.DataFrame) -> pd.DataFrame:
    """Return the rules of a variant for a model of `UNATTACKED`.

    What an attack on vectors found was found in the unadapted model's: of others it is not known.
    """
    attacks = {name for name in PRIVACY_ATTACKS if issubclass(PRIVACY_ATTACKS[name], ArchiveAttack)}
    unseen = (rules["rule"] == ATTACK) & rules["attack"].isin(attacks)
    found = rules.copy()
    found.loc[unseen, ["value", "low", "high"]] = math.nan
    found.loc[unseen, "reason"] = "the adapted model's vectors were not attacked"
    found.loc[unseen & rules["limit"].notna(), "verdict"] = str(Verdict.UNKNOWN)
    return found


def without_limit(judged: pd.DataFrame | None, top: Mapping[Any, Any] | None) -> dict[str, float]:
    """Rates of attacks on a choice that have no limit, above their control, highest first.

    Only those of at least `NAMED` that are shares of regions or images.
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
            rates[row["attack"]] = max(rate, rates.get(row["attack"], 0.0))
    return dict(sorted(rates.items(), key=lambda item: -item[1]))


def _measured(row: dict[Any, Any]) -> dict[str, Any]:
    control = row["control"] if row["rule"] == ATTACK else math.nan
    ends = ("value", "low", "high")
    values = {end: math.nan if pd.isna(row[end]) else float(row[end]) for end in ends}
    control = math.nan if pd.isna(control) else float(control)
    above = [above_control(values[end], control) for end in ends]
    return row | dict(zip(("rate", "rate_low", "rate_high"), above, strict=True))


def _severity(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Sort key of an attack: whether it failed the variant, then its rate relative to its limit."""
    found = row["rate"] / max(row["limit"], 1e-9) if row["rate"] == row["rate"] else -math.inf
    return row["verdict"] == Verdict.FAIL, found


def _weight(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Sort key of the rules against a variant; attacks come first, as methods differ in them."""
    is_attack = row["rule"] == ATTACK
    return (
        row["verdict"] != Verdict.FAIL,
        not is_attack,
        -_severity(row)[1] if is_attack else 0.0,
        RULES.index(row["rule"]),
    )


def _sorted(
    table: pd.DataFrame, bests: Bests, not_recommended: set[tuple[Any, ...]]
) -> pd.DataFrame:
    """Rows in the order of the page."""
    if table.empty:
        return table
    values = dict(
        zip(
            table[_PLACE].itertuples(index=False, name=None),
            table["kept"].fillna(-math.inf),
            strict=True,
        )
    )

    def key(row: Mapping[Any, Any]) -> tuple[Any, ...]:
        passes = row["verdict"] == Verdict.PASS
        place = (row["degree"], row["method"], row["adaption"], row["query"])
        value = values[place]
        best = sharpest(bests, str(row["dataset"]), place[0], place[3], "map", place[1])
        cheap = row["adaption"] == UNADAPTED
        is_alike = best is not None and (place[1], UNADAPTED) in best.alike
        if is_alike or place in not_recommended:
            # the unadapted model comes first unless a test shows that training or a map gains
            value = min(value, values.get((*place[:2], UNADAPTED, place[3]), value))
        against = (0, 0, 0) if passes else (row["failed"], row["suspected"], row["open"])
        return (
            rank(row["verdict"]),
            *against,
            bool(row["unknown"]),
            -value,
            -row["degree"],
            not cheap,
            row["method"],
            row["adaption"],
            row["query"] != "original",
        )

    records = table.to_dict("records")
    order = sorted(range(len(records)), key=lambda place: key(records[place]))
    return table.iloc[order].reset_index(drop=True)
