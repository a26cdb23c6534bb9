"""Re-identification rates that a statement may rest on, and why others are not known.

A rate is known where its interval is narrow enough, and where enough persons (or images) and a
large enough gallery stand behind it. Originals are the control: attacks that find no more than
chance there show nothing by finding no more elsewhere. A variant's rate is known where that of
every entity is: the strongest attack may be the one that is not, or that nobody could make. Where
an attacker could not learn, as there are no train images or too few, the rate is a lower end alone,
and no limit is known to be kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.numeric.rates import Limit, Rate, against_limit
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.privacy.gallery import (
    NO_LESSON,
    NO_MODEL,
    ONLY_ONE,
    ONLY_TRAIN,
    TOO_LITTLE,
)
from anonbench.evaluation.privacy.rates import ALL, worst

MIN_CLUSTERS = 20
"""Persons (or images) of the probes; among fewer, how alike they are cannot be estimated."""
MIN_GALLERY = 100
"""Regions among which a probe's own is searched: chance is then about one in a hundred."""
_VARIANT = ["degree", "method"]
_LACKS = (ONLY_ONE, ONLY_TRAIN, NO_LESSON, TOO_LITTLE, NO_MODEL)
"""How reasons begin of attacks that were not run, or not as they should be, by which a variant's
rate is not known."""


def strongest(
    rates: pd.DataFrame, widest: float, confidence: float, regions: str = ALL
) -> pd.DataFrame:
    """Return the strongest known attack on each variant, and what is not known of the variant.

    Args:
        rates: of one data set (`anonbench.evaluation.privacy.rates.RATE_COLUMNS`).
        widest: the widest interval of a rate that is known, as a share.
        confidence: of the intervals.
        regions: what the attacks see, as in `worst`.

    Returns:
        A row of `worst` for each method and degree, and three columns. `shortfall`: why this rate
        is not known; empty unless no entity's rate is known. `unknown`: by entity, why its rate is
        not known; empty where all are. `ceiling`: the rate of the strongest attack on the originals
        of the same entity; NaN where they were not attacked.

    """
    by_entity = worst(rates, of=[*_VARIANT, "entity"], regions=regions)
    blind = _blind(by_entity)
    reasons = [_shortfall(row, widest, confidence, blind) for row in by_entity.to_dict("records")]
    by_entity = by_entity.assign(shortfall=reasons)
    lacks = rates["reason"].str.startswith(_LACKS, na=False) & (rates["regions"] == regions)
    lone = dict(rates.loc[lacks, ["entity", "reason"]].to_numpy().tolist())
    missing = [f"{entity}: {why}" for entity, why in lone.items()]
    rows = []
    for _, group in by_entity.groupby(_VARIANT, sort=False):
        known = group[group["shortfall"] == ""]
        best = worst(known if len(known) else group, regions=regions)
        of_entities = zip(group["entity"], group["shortfall"], strict=True)
        unknown = [*(f"{entity}: {why}" for entity, why in of_entities if why), *missing]
        rows.append(best.assign(unknown="; ".join(unknown)))
    found = pd.concat(rows, ignore_index=True) if rows else by_entity.assign(unknown="")
    clear = by_entity[by_entity["method"] == ORIGINAL].set_index("entity")["rate"]
    return found.assign(ceiling=found["entity"].map(clear).astype(np.float64))


def against(row: Mapping[Any, Any], limit: float) -> Limit:
    """Return how a variant stands to a limit on its re-identification rate.

    It is above where one attack surely is. It is within only where the upper end of the interval is
    and nothing is unknown, and then only of the attacks that were run.

    Args:
        row: of `strongest`.
        limit: a share.

    """
    if row["shortfall"]:
        return Limit.UNKNOWN
    value, low, high = (float(row[name]) for name in ("rate", "low", "high"))
    found = against_limit(Rate(value, low, high, row["n"], row["clusters"], row["n"]), limit)
    return Limit.UNKNOWN if found is Limit.WITHIN and row["unknown"] else found


def probes_needed(widest: float, confidence: float) -> int:
    """Return how many independent probes give an interval of this width, whatever they find."""
    if widest >= 1.0:
        return 1
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    return math.ceil(z * z * (1.0 / widest**2 - 1.0))  # Wilson's at one half, its widest


def _blind(by_entity: pd.DataFrame) -> set[str]:
    """Return the entities that no attack finds in originals more often than chance may."""
    clear = by_entity[by_entity["method"] == ORIGINAL]
    return set(clear.loc[clear["low"] <= clear["chance"], "entity"])


def _shortfall(row: dict[Any, Any], widest: float, confidence: float, blind: set[str]) -> str:
    """Return why a rate is not known and what to add, empty where it is known."""
    who = "persons" if row["match"] == "person" else "images"
    reasons = []
    if row["clusters"] < MIN_CLUSTERS:
        reasons.append(f"{row['clusters']:.0f} {who}, and {MIN_CLUSTERS} are needed")
    if row["gallery"] < MIN_GALLERY:
        reasons.append(f"a gallery of {row['gallery']:.0f}, and {MIN_GALLERY} are needed")
    width = row["high"] - row["low"]
    if math.isnan(width):
        reasons = reasons or ["no interval"]
    elif width > widest:
        needed = probes_needed(widest, confidence)
        reasons.append(
            f"an interval of {100 * width:.1f} points from {row['n']:.0f} probes, and at most "
            f"{100 * widest:g} are allowed: {needed} probes of different {who} are enough"
        )
    if row["method"] != ORIGINAL and row["entity"] in blind and row["low"] <= row["chance"]:
        reasons.append("attacks find no more than chance in originals, so that they show nothing")
    return ", ".join(reasons)
