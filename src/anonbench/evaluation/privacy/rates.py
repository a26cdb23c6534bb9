"""Re-identification rates with intervals, strongest attacks, and reasons for unknown rates.

A variant's rate is known if those of all entities are: the strongest attack may be one that nobody
could run, or that is based on too few persons. Originals are the control: attacks that find no more
than chance there prove nothing elsewhere.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import clustered_rate, joined
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.attacks import ATTACKERS, ONLY_TRAIN
from anonbench.core.registries.method_names import in_order
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.evaluation.privacy.probes import (
    ADAPTIVE,
    ANONYMIZED,
    NAIVE,
    NO_LESSON,
    NO_MODEL,
    NO_STRANGER,
    ONLY_ONE,
    RANKS,
    TOO_LITTLE,
)


def with_clusters(probes: pd.DataFrame, clusters: pd.Series) -> pd.DataFrame:
    """Merge each probe's `cluster` (of its entity) with the clusters of images, by id.

    Probes that share either get the same one. Rows without an image stay as they are. InputError if
    a probe's image has no cluster.
    """
    from anonbench.datasets.clusters import clusters_of  # needs the config; rates are read without

    given = probes[probes["reason"] == ""]
    found = probes["cluster"].copy()
    for _, of_entity in given.groupby("entity", sort=False):
        groups = clusters_of(of_entity["id"], clusters)
        found.loc[of_entity.index] = joined(of_entity["cluster"].to_numpy(np.int64), groups)
    return probes.assign(cluster=found)


RATE_COLUMNS = [
    *("dataset", "degree", "method", "entity", "match", "regions", "attacker"),
    *("against", "rank", "rate", "low", "high", "n", "clusters", "gallery", "chance"),
    *(f"one_{what}" for what in ("rate", "low", "high", "chance", "gallery")),
    "reason",
]
"""Columns of the rates. `regions`: `all` (what the published images still give away), those that
are `hidden` at the degree, or the `remainder`: only the surroundings of all; `rank`: a match counts
if it is among the first `rank`; `n` probes of `clusters` persons (or images) in a `gallery` of this
number of crops, in which `chance` finds this share. `one_…`: the same in a gallery with one crop of
each person. A row without a rate or without an interval says why in `reason`."""
ALL, HIDDEN, REMAINDER = "all", "hidden", "remainder"
_KEYS = ["degree", "method", "entity", "match", "attacker", "against", "context"]
_ORDERS: dict[str, list[str]] = {
    "entity": [entity.value for entity in Entity],
    "regions": [ALL, HIDDEN, REMAINDER],
    "attacker": [NAIVE, ADAPTIVE, *ATTACKERS, ""],
    "against": [ORIGINAL, ANONYMIZED, ""],
}


def rates(dataset: str, probes: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Rates of a data set, columns `RATE_COLUMNS`, of probes (`probes.COLUMNS`).

    Intervals are Wilson's for the effective number of probes (`clustered_rate`), because probes of
    one person (or image) are found together.
    """
    rows: list[dict[str, Any]] = []
    for key, group in probes[probes["reason"] == ""].groupby(_KEYS, sort=False):
        whole = dict(zip(_KEYS, key, strict=True))
        parts = {REMAINDER if whole["context"] else ALL: group}
        if whole["method"] != ORIGINAL and not whole["context"]:
            parts[HIDDEN] = group[group["hidden"]]
        rows += [
            whole | {"regions": regions, "rank": rank} | _rate(part, rank, confidence)
            for regions, part in parts.items()
            for rank in RANKS
            if len(part)
        ]
    absent = probes.loc[probes["reason"] != "", [*_KEYS, "reason"]]
    seen = absent["context"].gt(0).map({True: REMAINDER, False: ALL})
    rows += absent.assign(regions=seen).to_dict("records")  # type: ignore[arg-type]
    table = pd.DataFrame(rows, columns=RATE_COLUMNS).assign(dataset=dataset)
    whole_numbers = dict.fromkeys(("rank", "n", "clusters", "gallery", "one_gallery"), "Int64")
    return _sorted(table).astype(whole_numbers)


def read_rates(path: Path) -> pd.DataFrame:
    """Read a table of rates."""
    return read_csv(path, RATE_COLUMNS, ("entity", "match", "regions", "attacker", "against"))


def worst(
    given: pd.DataFrame, rank: int = 1, by: Sequence[str] = ("degree", "method"), regions: str = ALL
) -> pd.DataFrame:
    """Attack that finds most, for each method and degree (or what `by` names): rows of `rates`.

    Attacks on different entities have galleries of different sizes, so the strongest is the one
    farthest above chance: (rate - chance) / (1 - chance). Choosing the highest of several makes it
    slightly too high. Originals (the ceiling) are included.
    """
    rows = given[(given["regions"] == regions) & (given["rank"] == rank) & given["rate"].notna()]
    above = (rows["rate"] - rows["chance"]) / (1.0 - rows["chance"]).clip(lower=1e-9)
    ordered = rows.assign(above=above).sort_values("above", ascending=False, kind="stable")
    best = ordered.drop_duplicates(list(by))
    return _sorted(best.drop(columns="above"))


def _rate(probes: pd.DataFrame, rank: int, confidence: float) -> dict[str, Any]:
    clusters = probes["cluster"].to_numpy()
    found, one = (
        clustered_rate(probes[f"{name}_{rank}"].to_numpy(np.float64), clusters, confidence)
        for name in ("hit", "one_hit")
    )
    return vars(found) | {
        "rate": found.value,
        "gallery": int(probes["gallery"].max()),
        "chance": float(probes[f"chance_{rank}"].mean()),
        "one_rate": one.value,
        "one_low": one.low,
        "one_high": one.high,
        "one_chance": float(probes[f"one_chance_{rank}"].mean()),
        "one_gallery": int(probes["one_gallery"].max()),
    }


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    methods = in_order(set(table["method"]) - {ORIGINAL, ""})
    orders = _ORDERS | {"method": [ORIGINAL, *methods, ""]}

    def place(column: pd.Series) -> pd.Series:
        return column.map(orders[column.name].index) if column.name in orders else column

    by = ["degree", "method", "entity", "regions", "attacker", "against", "rank"]
    return table.sort_values(by, key=place, kind="stable", ignore_index=True)


MIN_CLUSTERS = 20
"""Smallest number of persons (or images); with fewer, their similarity cannot be estimated."""
MIN_GALLERY = 100
"""Smallest gallery of regions in which a probe's own is searched; chance is then about 1 %."""
_VARIANT = ["degree", "method"]
_LACKS = (ONLY_ONE, ONLY_TRAIN, NO_LESSON, NO_STRANGER, TOO_LITTLE, NO_MODEL)
"""Beginnings of reasons that make a variant's rate unknown: the attack was not run, or not as
intended."""


def strongest(
    rates: pd.DataFrame, widest: float, confidence: float, regions: str = ALL
) -> pd.DataFrame:
    """Strongest known attack on each variant, and the unknown rates of the variant.

    Intervals wider than the share `widest` make a rate unknown.

    Returns:
        A row of `worst` for each method and degree, with three more columns. `shortfall`: why this
        rate and its interval show nothing; empty unless this holds for all entities. `wide`: why
        the interval is too wide to show that an attack fails; it may show that one succeeds.
        `unknown`: by entity, why its rate is unknown; empty if all are known.
    """
    by_entity = worst(rates, by=[*_VARIANT, "entity"], regions=regions)
    # entities that no attack finds in originals more often than chance could
    clear = by_entity[by_entity["method"] == ORIGINAL]
    blind = set(clear.loc[clear["low"] <= clear["chance"], "entity"])
    records = by_entity.to_dict("records")
    by_entity = by_entity.assign(
        shortfall=[_shortfall(row, blind, widest, confidence) for row in records],
        wide=[_too_wide(row, widest, confidence) for row in records],
    )
    lacks = rates["reason"].str.startswith(_LACKS, na=False) & (rates["regions"] == regions)
    lone = dict(rates.loc[lacks, ["entity", "reason"]].to_numpy().tolist())
    missing = [f"{entity}: {why}" for entity, why in lone.items()]
    rows = []
    for _, group in by_entity.groupby(_VARIANT, sort=False):
        lacking = group["shortfall"].where(group["shortfall"] != "", group["wide"])
        lacking = (group["entity"] + ": " + lacking)[lacking != ""]
        known = group[group["shortfall"] == ""]
        best = worst(known if len(known) else group, regions=regions)
        narrow = known[known["wide"] == ""]
        if best["wide"].iloc[0] and len(narrow):  # a narrower interval may show more
            other = worst(narrow, regions=regions)
            best = other if other["low"].iloc[0] > best["low"].iloc[0] else best
        others = [each for each in by_entity["entity"].unique() if each not in set(group["entity"])]
        absent = [f"{entity}: this attack was not run" for entity in others]
        rows.append(best.assign(unknown="; ".join([*lacking, *missing, *absent])))
    return pd.concat(rows, ignore_index=True) if rows else by_entity.assign(unknown="")


def decisive(
    rates: pd.DataFrame, widest: float, confidence: float, regions: str = ALL
) -> pd.DataFrame:
    """Rates by which each variant is judged: rows of `strongest`, with the column `ceiling`.

    Another entity that is found less often may still be found more often than a limit, if an end of
    its interval lies higher, or hardly less often than in originals. It has a row of its own, after
    the strongest. Intervals of variants end at the highest ends of all attackers: one that finds
    fewer, but all of few persons, has a wider interval. `ceiling`: the lower end of the entity's
    rate on originals.
    """
    best = strongest(rates, widest, confidence, regions)
    each = worst(rates, by=[*_VARIANT, "entity"], regions=regions)
    ceilings = each[each["method"] == ORIGINAL].set_index("entity")["low"]
    tried = rates[(rates["regions"] == regions) & (rates["rank"] == 1)]
    ends = tried.groupby([*_VARIANT, "entity"])[["low", "high"]].max()
    for rows in (best, each):
        rows["ceiling"] = rows["entity"].map(ceilings)
        own = rows["method"] != ORIGINAL
        at = pd.MultiIndex.from_frame(rows.loc[own, [*_VARIANT, "entity"]])
        rows.loc[own, ["low", "high"]] = ends.reindex(at).to_numpy()
    each = each.assign(shortfall="", wide="", unknown="")
    found: list[dict[Any, Any]] = []
    for row in best.to_dict("records"):
        found.append(row)
        if row["method"] != ORIGINAL and not row["unknown"]:
            same = (each["method"] == row["method"]) & (each["degree"] == row["degree"])
            others = each[same & (each["entity"] != row["entity"])]
            worse = (others["high"] > row["high"]) | (others["low"] > row["low"])
            found += others[worse | ~(others["high"] < others["ceiling"])].to_dict("records")
    table = pd.DataFrame(found, columns=best.columns)
    is_open = (table["method"] != ORIGINAL) & (table["unknown"] == "") & table["ceiling"].isna()
    why = table["entity"] + ": what is found in originals is not known"
    return table.assign(unknown=table["unknown"].mask(is_open, why))


def clusters_needed(widest: float, confidence: float, limit: float = 0.0) -> int:
    """Searched persons (or images) that are enough for a verdict, whatever the rate.

    Their interval is at most `widest`, and within the limit (0: there is none) if nobody is found.
    """
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    narrow = math.ceil(z * z * (1.0 / widest**2 - 1.0))  # Wilson's at one half, its widest
    return max(MIN_CLUSTERS, narrow, fewest_trials(limit, confidence) if limit > 0.0 else 0)


def _shortfall(row: Mapping[Any, Any], blind: set[str], widest: float, confidence: float) -> str:
    """First reason why a rate and its interval show nothing; empty if they show something."""
    if row["clusters"] < MIN_CLUSTERS:
        enough = clusters_needed(widest, confidence)
        return f"{row['clusters']:.0f} {_who(row)}: {enough} are enough"
    if row["gallery"] < MIN_GALLERY:
        return f"a gallery of {row['gallery']:.0f}, and {MIN_GALLERY} are needed"
    if math.isnan(row["high"] - row["low"]):
        return "no interval"
    if row["method"] != ORIGINAL and row["entity"] in blind and row["low"] <= row["chance"]:
        return "attacks find no more than chance in originals, so that they show nothing"
    return ""


def _too_wide(row: Mapping[Any, Any], widest: float, confidence: float) -> str:
    """Why an interval is too wide, and what to add; empty if it is not, or if there is none."""
    width = row["high"] - row["low"]
    enough = f"{clusters_needed(widest, confidence)} probes of different {_who(row)} are enough"
    return f"an interval of {100 * width:.1f} points: {enough}" if width > widest else ""


def _who(row: Mapping[Any, Any]) -> str:
    return "persons" if row["match"] == "person" else "images"
