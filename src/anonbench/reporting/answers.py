"""Answers over several frozen systems: way back, predictors, price, means.

The unit of a mean is a system. Methods within a system are not independent, so the interval of a
mean is Student's over the systems' values, for new systems of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import NO_CHOICE
from anonbench.evaluation.mapped.judge import DISTILLED, MAP, MAPPED, NOTHING
from anonbench.evaluation.policy.front import strongest_attacks
from anonbench.reporting.summary import summarize

_KEY = ["system", "query", "method", "degree", "adaption"]
_INTERVAL = ["low", "high", "n", "clusters", "reason"]
_ATTACK = ["attack", "measure", "entity", "rate", "rate_low", "rate_high"]
PRICE = [*_KEY, "value", *_INTERVAL, *_ATTACK]
"""One row per system, query kind, method, degree and adaption: mAP by the system's own ranking, and
the strongest attack on the images (and on the vectors, where they are the adaption's own); rates
are above their control."""
WAY_BACK = [*_KEY, "without", "gain", *_INTERVAL, "why_not"]
"""One row per system, query kind, method, degree and adaption (`mapped`, D): mAP `without` it, and
its paired gain. `why_not`: why the map is not recommended."""
DEGREES = ["system", "query", "metric", "method", "adaption", "degree", "value", *_INTERVAL, "more"]
"""One row per system, query kind, method, degree and adaption with mAP and k-NN accuracy, and how
much `more` of it is there than with all regions hidden; none for a single degree."""
PREDICTORS = ["system", "degree", "predictor", "accuracy", "pearson", "spearman", "n", "reason"]
"""One row per system, degree, retrieval metric and accuracy: their correlation over methods."""
ANSWERS = ["question", "query", "degree", "method", "case", "value", "low", "high", "systems"]
"""One row per question and case: the mean over systems. `kept` is mAP by method and adaption,
`attack` the strongest attack's rate, `part` what hiding only a part keeps more than hiding all,
`way_back` the gain of an adaption, `order` Kendall's τ of two systems' orders by metric,
`predictor` Pearson's coefficient with an accuracy, and `lead` how far mnDCG of anonymized queries
is above another predictor."""
ACCURACIES = ("knn", "linear")
BEST = "mndcg_anonymized"
"""Predictor that the paper finds best."""
PREDICTED_BY = ("map_original", "map_anonymized", "mndcg_original", BEST)
FEWEST = 3
"""Least number of systems for an interval."""
_DIGITS = 6
_RANGES = {"kept": (0.0, 1.0), "attack": (0.0, 1.0), "lead": (-2.0, 2.0)}


def price_of(
    scores: Mapping[str, pd.DataFrame], policies: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Quality kept against the strongest attack, columns `PRICE`.

    Args:
        scores: tidy scores (`anonbench.reporting.summary.read_scores`) by system.
        policies: verdicts (`anonbench.evaluation.policy.table.read_policy`) by system.
    """
    parts = []
    for system, table in scores.items():
        kept = summarize(table).query("metric == 'map'").assign(system=system)
        kept = kept[~kept["adaption"].isin(NO_CHOICE)]
        names = zip(kept["method"].astype(str), kept["adaption"].astype(str), strict=True)
        attacks = strongest_attacks(policies[system]).rename(columns={"method": "published"})
        kept["published"] = pd.Series([published_as(*name) for name in names], kept.index, object)
        parts.append(kept.merge(attacks, how="left", on=["published", "degree"]))
    return _rounded(pd.concat(parts, ignore_index=True).reindex(columns=PRICE))


def way_back_of(maps: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Retrieval regained by mapped vectors and by adaption D, columns `WAY_BACK`.

    Args:
        maps: judged maps (`anonbench.evaluation.mapped.gather.read_maps`) by system.
    """
    parts = []
    key = ["method", "degree", "query"]
    for system, table in maps.items():
        ranked = table[table["metric"] == MAP]
        without = ranked[ranked["remedy"] == NOTHING].set_index(key)["value"].rename("without")
        found = ranked[ranked["remedy"].isin((MAPPED, DISTILLED))].sort_values(
            "pairs", kind="stable"
        )
        found = found.drop_duplicates([*key, "remedy"], keep="last").sort_index()
        found = found.assign(system=system, adaption=found["remedy"])
        parts.append(found.join(without, on=key))
    none = pd.DataFrame(columns=WAY_BACK)
    return _rounded(pd.concat(parts, ignore_index=True)[WAY_BACK] if parts else none)


def degrees_of(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Quality kept at each degree, columns `DEGREES`.

    Args:
        scores: tidy scores (`anonbench.reporting.summary.read_scores`) by system.
    """
    parts = [summarize(table).assign(system=system) for system, table in scores.items()]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["metric"].isin(("map", "knn")) & ~rows["adaption"].isin(NO_CHOICE)]
    if rows["degree"].nunique() < 2:
        return pd.DataFrame(columns=DEGREES)
    key = ["system", "query", "metric", "method", "adaption"]
    whole = rows[rows["degree"] == rows["degree"].max()].set_index(key)["value"].rename("whole")
    rows = rows.join(whole, on=key)
    return _rounded(rows.assign(more=rows["value"] - rows["whole"])[DEGREES])


def predictors_of(correlations: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """Correlation of each retrieval metric with each accuracy, columns `PREDICTORS`.

    Args:
        correlations: coefficients (`anonbench.evaluation.correlation.COLUMNS`) by system and
            degree.
    """
    parts = []
    for (system, degree), table in correlations.items():
        rows = table[table["metric"].isin(PREDICTED_BY) & table["metric_b"].isin(ACCURACIES)]
        rows = rows.rename(columns={"metric": "predictor", "metric_b": "accuracy"})
        parts.append(rows.assign(system=system, degree=degree)[PREDICTORS])
    return _rounded(pd.concat(parts, ignore_index=True))


def answers_of(
    price: pd.DataFrame,
    orders: pd.DataFrame,
    way_back: pd.DataFrame,
    predictors: pd.DataFrame,
    degrees: pd.DataFrame,
    confidence: float,
) -> pd.DataFrame:
    """Means over systems with their intervals, columns `ANSWERS`.

    Args:
        price: columns `PRICE`.
        orders: agreement of pairs of systems (`anonbench.reporting.systems.COLUMNS`).
        way_back: columns `WAY_BACK`; empty without an adaption.
        predictors: columns `PREDICTORS`.
        degrees: columns `DEGREES`.
        confidence: coverage of the intervals, as a share.
    """
    rows: list[dict[str, Any]] = []

    def add(question: str, values: np.ndarray, systems: int = 0, **of: Any) -> None:
        mean, *ends = over_systems(values, confidence)
        low, high = np.clip(ends, *_RANGES.get(question, (-1.0, 1.0))).tolist()
        row = {"question": question, "value": mean, "low": low, "high": high}
        rows.append(row | {"systems": systems or len(values)} | of)

    for (query, metric), pairs in orders.groupby(["query", "metric"], sort=False):
        values = _without_each(pairs.set_index(["a", "b"])["tau"].dropna())
        systems = len({*pairs["a"], *pairs["b"]})
        add("order", values, systems, query=query, case=metric)
    key: Any
    parts = degrees[degrees["degree"] < degrees["degree"].max()]
    asked = {
        "kept": (price, "value", price["adaption"]),
        "attack": (price, "rate", price["adaption"]),
        "way_back": (way_back, "gain", way_back["adaption"]),
        "part": (parts, "more", parts["adaption"] + " " + parts["metric"]),
    }
    of_case = ["query", "degree", "method", "case"]
    for question, (table, column, case) in asked.items():
        known = table.assign(case=case).dropna(subset=[column])
        for key, group in known.groupby(of_case, sort=False):
            of: dict[str, Any] = dict(zip(of_case, key, strict=True))
            add(question, group[column].to_numpy(float), **of)
    known = predictors.dropna(subset=["pearson"])  # without labels there is none
    for key, group in known.groupby(["degree", "accuracy"], sort=False):
        degree, accuracy = key
        coefficients = group.pivot(index="system", columns="predictor", values="pearson")
        for name in coefficients:
            of = {"degree": degree, "case": f"{name} {accuracy}"}
            add("predictor", coefficients[name].dropna().to_numpy(float), **of)
            if name != BEST and BEST in coefficients:  # paired
                leads = (coefficients[BEST] - coefficients[name]).dropna()
                add("lead", leads.to_numpy(float), **of)
    return _rounded(pd.DataFrame(rows, columns=ANSWERS).astype({"degree": "Int64"}))


def over_systems(values: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Mean of systems' values and Student's interval; without one below `FEWEST` systems."""
    mean = float(values.mean()) if len(values) else float("nan")
    if len(values) < FEWEST:
        return mean, float("nan"), float("nan")
    if np.ptp(values) == 0.0:
        return mean, mean, mean
    found = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
    return mean, float(found.low), float(found.high)


def _without_each(pairs: pd.Series) -> np.ndarray:
    """Jackknife pseudo-values of a mean over pairs of systems, one per system (Tukey 1958).

    Pairs that share a system are dependent, systems are not.
    """
    first, second = (pairs.index.get_level_values(each) for each in ("a", "b"))
    systems = sorted({*first, *second})
    if len(systems) < FEWEST:
        return pairs.to_numpy(float)
    left = [pairs[(first != each) & (second != each)].mean() for each in systems]
    n = len(systems)
    return np.array([n * pairs.mean() - (n - 1) * each for each in left], dtype=np.float64)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Table whose numbers have few digits: the files stand beside documentation."""
    return table.round(_DIGITS).reset_index(drop=True)
