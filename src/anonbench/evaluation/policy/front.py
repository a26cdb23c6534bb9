"""Front of privacy and utility: exposure of each variant to each risk, area under the front."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anonbench.core.registries.attacks import NOTHING_TO_ATTACK
from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import NO_CHOICE
from anonbench.evaluation.policy.evidence import ATTACK, OF_REMAINDER
from anonbench.evaluation.policy.verdicts import above_control

AREA_COLUMNS = ["risk", "metric", "query", "method", "area", "variants"]
"""A row a risk, utility and method: the area under the method's front, and how many of its variants
it is of."""


def area(cost: np.ndarray, gain: np.ndarray) -> float:
    """Return the area under the front of points: the best gain for a cost limit, on average.

    For points (c_i, g_i), shares, U(x) = max {g_i : c_i ≤ x}, and 0 where no point is within x. The
    area is the integral of U over x from 0 to 1: the gain that is kept, on average over all limits
    on the cost. It is the hypervolume of the points with the reference point (1, 0) (Zitzler and
    Thiele 1998), and never falls where a point is added.

    Args:
        cost: float [N], the less the better; clipped to [0, 1].
        gain: float [N], the more the better; clipped to [0, 1].

    """
    order = np.argsort(np.clip(cost, 0.0, 1.0), kind="stable")
    ends = np.append(np.clip(cost, 0.0, 1.0)[order], 1.0)
    best = np.maximum.accumulate(np.clip(gain, 0.0, 1.0)[order])
    return float((np.diff(ends) * best).sum())


def exposures(judged: pd.DataFrame) -> pd.DataFrame:
    """Exposure of each variant to each risk: the strongest attack above its control.

    A variant is left out if an attack on it that shows this risk has no known rate, because that
    attack may be the strongest. An attack without a known rate in any variant is ignored. Attacks
    on surroundings are ignored too: no method hides surroundings, so they would make all methods
    alike.

    Args:
        judged: columns `anonbench.evaluation.policy.verdicts.JUDGED`, of one data set.

    Returns:
        Columns risk, method, degree, rate (a share above control, at least 0).

    """
    rows = _above_control(judged)
    rows = rows[rows["risk"] != ""]
    found = rows.groupby(["risk", "method", "degree"], sort=False)["rate"].agg(
        lambda rates: float(np.max(rates.to_numpy(np.float64)))
    )
    return found.dropna().reset_index()


def strongest_attacks(judged: pd.DataFrame) -> pd.DataFrame:
    """Strongest attack on each variant, of any risk, under the rules of `exposures`.

    Returns:
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
    rows = judged[
        (judged["rule"] == ATTACK)
        & ~judged["reason"].isin(NOTHING_TO_ATTACK)
        & (judged["source"] != "")
    ]
    rows = rows[rows["attack"] != OF_REMAINDER]
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
    """Add the columns `risk` and `rate` of `exposures` to points.

    Points of mapped vectors and of adaption D get the exposure of these vectors; those of other
    models get that of the unadapted model's.

    Args:
        judged: see `exposures`.
        points: columns method, degree and adaption among others.

    """
    names = zip(points["method"], points["adaption"], strict=True)
    published = [published_as(method, adaption) for method, adaption in names]
    of = exposures(judged).rename(columns={"method": "published"})
    named = points.assign(published=pd.Series(published, points.index, dtype=object))
    found = of.merge(named, on=["published", "degree"])
    return found.drop(columns="published")


def areas(judged: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Area under each method's front for every risk and every utility (`AREA_COLUMNS`).

    Args:
        judged: columns `anonbench.evaluation.policy.verdicts.JUDGED`, of one data set.
        summary: its scores, averaged over seeds: metric, query, method, degree, adaption, value.
            Every model is a point.

    """
    points = summary[~summary["adaption"].isin(NO_CHOICE)].dropna(subset=["value"])
    merged = exposed(judged, points)
    rows = [
        (*key, area(group["rate"].to_numpy(float), group["value"].to_numpy(float)), n)
        for key, group in merged.groupby(["risk", "metric", "query", "method"], sort=False)
        for n in [len(group[["method", "degree"]].drop_duplicates())]
    ]
    return pd.DataFrame(rows, columns=AREA_COLUMNS)
