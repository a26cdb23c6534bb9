"""Answers over several frozen systems on the same images: what they keep, and what it means.

The unit of a mean is a system: methods within one are not independent. The interval of a mean is
Student's over the systems' values, for new systems of the same kind.
"""

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import NO_CHOICE, UNADAPTED
from anonbench.evaluation.map_judging import DISTILLED, MAP, MAPPED, NOTHING
from anonbench.evaluation.policy.verdicts import strongest_attacks
from anonbench.reporting.grid import Grid, grid_of
from anonbench.reporting.labels import METHODS, NONE, QUERIES, RETRIEVAL_METRICS, intervals
from anonbench.reporting.summary import at_highest_degree, summarize

Tables = Mapping[str, pd.DataFrame]  # by system: tidy scores, verdicts or judged maps
_KEY = ["system", "query", "method", "degree", "adaption"]
_INTERVAL = ["low", "high", "n", "clusters", "reason"]
_ATTACK = ["attack", "measure", "entity", "rate", "rate_low", "rate_high"]
VALUES = ["system", "query", "metric", "method", "value", *_INTERVAL]
"""One row per system, query kind, retrieval metric and method at the highest degree."""
ORDERS = ["query", "metric", "a", "b", "methods", "tau", "pairs", "clear", "agree"]
"""One row per query kind, metric and pair of systems: the methods that both have, Kendall's tau-b
of their values (Kendall 1945), the pairs of methods, those whose difference is clear in both
systems, and those of these in which it has the same sign."""
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
BEST = "mndcg_anonymized"  # predictor that the paper finds best
PREDICTED_BY = ("map_original", "map_anonymized", "mndcg_original", BEST)
FEWEST = 3  # least number of systems for an interval
_RANGES = {"kept": (0.0, 1.0), "attack": (0.0, 1.0), "lead": (-2.0, 2.0)}


def values_of(scores: Tables) -> pd.DataFrame:
    """Retrieval quality of each system under each method, columns `VALUES`."""
    parts = []
    for system, table in scores.items():
        rows = table[(table["adaption"] == UNADAPTED) & table["metric"].isin([*RETRIEVAL_METRICS])]
        parts.append(at_highest_degree(rows).assign(system=system)[VALUES])
    return pd.concat(parts, ignore_index=True)


def orders_of(values: pd.DataFrame, comparisons: Tables, level: float) -> pd.DataFrame:
    """Agreement of each pair of systems on which of two methods keeps more, columns `ORDERS`.

    Differences are clear if the p-value of the methods' comparison, after Holm, is below `level`.
    """
    rows = []
    for (query, metric), own in values.groupby(["query", "metric"], sort=False):
        kept = own.pivot(index="method", columns="system", values="value")
        kept = kept.reindex(columns=[*comparisons])
        signs = {}  # 1 if the first method keeps more, -1 if less, 0 if unclear
        for system, table in comparisons.items():
            asked = (table["query"] == query) & (table["metric"] == metric)
            of = at_highest_degree(table[asked & (table["adaption"] == UNADAPTED)])
            of = of.set_index(["a", "b"])
            signs[system] = np.sign(of["difference"]).where(of["p_holm"] < level, 0)
        for a, b in combinations(comparisons, 2):
            both = kept[[a, b]].dropna()
            tau = stats.kendalltau(both[a], both[b]).statistic if len(both) > 1 else np.nan
            pairs = pd.concat([signs[a], signs[b]], axis=1, join="inner").to_numpy()
            clear = pairs[(pairs != 0).all(axis=1)]
            agree = int((clear[:, 0] == clear[:, 1]).sum())
            rows.append((query, metric, a, b, len(both), tau, len(pairs), len(clear), agree))
    return pd.DataFrame(rows, columns=ORDERS)


def orders_grid(orders: pd.DataFrame) -> Grid:
    """Table of `ORDERS` by metric."""
    table = orders.astype(dict.fromkeys(("methods", "clear", "pairs", "agree"), str))
    texts = {
        "Systems": table["a"] + ", " + table["b"],
        "Queries": table["query"],
        "Methods": table["methods"],
        "Kendall’s τ": table["tau"].map("{:.2f}".format),
        "Clear": table["clear"] + " of " + table["pairs"],
        "Same sign": table["agree"],
    }
    by_metric = pd.DataFrame(texts).set_axis(table["metric"].map(RETRIEVAL_METRICS))
    return grid_of("orders", by_metric, stem="findings_orders", left=2)


def values_grid(values: pd.DataFrame) -> Grid:
    """Table of mAP by method and system, with intervals; methods that keep most come first."""
    rows = values[values["metric"] == "map"]
    systems = list(dict.fromkeys(rows["system"]))
    cells = rows.assign(text=intervals(rows)).set_index(["query", "method", "system"])["text"]
    lines = [
        (QUERIES[query], METHODS[method], *(cells.get((query, method, s), NONE) for s in systems))
        for query in dict.fromkeys(rows["query"])
        for method in by_mean(rows)
    ]
    return grid_of(
        "systems",
        pd.DataFrame(lines, columns=["", "Method", *systems]),
        stem="findings_systems",
        queries=int(rows["n"].max()),
        clusters=int(rows["clusters"].max()),
    )


def by_mean(rows: pd.DataFrame) -> list[str]:
    """Methods sorted by mean quality over systems and query kinds, highest first."""
    means = rows.groupby("method")["value"].mean()
    return [str(method) for method in means.sort_values(ascending=False, kind="stable").index]


def price_of(scores: Tables, policies: Tables) -> pd.DataFrame:
    """Quality kept against the strongest attack, columns `PRICE`."""
    kept = _kept(scores, ("map",))
    names = zip(kept["method"].astype(str), kept["adaption"].astype(str), strict=True)
    kept["published"] = pd.Series([published_as(*name) for name in names], kept.index, object)
    found = [strongest_attacks(table).assign(system=name) for name, table in policies.items()]
    attacks = pd.concat(found).rename(columns={"method": "published"})
    price = kept.merge(attacks, how="left", on=["system", "published", "degree"])
    return _rounded(price.reindex(columns=PRICE))


def way_back_of(maps: Tables) -> pd.DataFrame:
    """Retrieval regained by mapped vectors and by adaption D, columns `WAY_BACK`."""
    parts = [pd.DataFrame(columns=WAY_BACK)]
    key = ["method", "degree", "query"]
    for system, table in maps.items():
        ranked = table[table["metric"] == MAP]
        without = ranked[ranked["remedy"] == NOTHING].set_index(key)["value"].rename("without")
        found = ranked[ranked["remedy"].isin((MAPPED, DISTILLED))]
        found = found.sort_values("pairs", kind="stable")
        found = found.drop_duplicates([*key, "remedy"], keep="last").sort_index()
        found = found.assign(system=system, adaption=found["remedy"])
        parts.append(found.join(without, on=key)[WAY_BACK])
    return _rounded(pd.concat(parts[1:] or parts, ignore_index=True))


def degrees_of(scores: Tables) -> pd.DataFrame:
    """Quality kept at each degree, columns `DEGREES`."""
    rows = _kept(scores, ("map", "knn"))
    if rows["degree"].nunique() < 2:
        return pd.DataFrame(columns=DEGREES)
    key = ["system", "query", "metric", "method", "adaption"]
    rows = rows.join(at_highest_degree(rows).set_index(key)["value"].rename("whole"), on=key)
    return _rounded(rows.assign(more=rows["value"] - rows["whole"])[DEGREES])


def predictors_of(correlations: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """Correlations (`anonbench.evaluation.correlation`) with accuracies, columns `PREDICTORS`."""
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
    """Means over systems with their intervals of this coverage (a share), columns `ANSWERS`."""
    rows: list[dict[str, Any]] = []

    def add(question: str, values: np.ndarray, systems: int = 0, **of: Any) -> None:
        mean = float(values.mean()) if len(values) else np.nan
        ends = (mean, mean) if len(values) >= FEWEST else (np.nan, np.nan)
        if len(values) >= FEWEST and np.ptp(values) > 0.0:
            ends = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
        low, high = np.clip(ends, *_RANGES.get(question, (-1.0, 1.0))).tolist()
        of |= {"question": question, "value": mean, "low": low, "high": high}
        rows.append(of | {"systems": systems or len(values)})

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
            add(question, group[column].to_numpy(float), **dict(zip(of_case, key, strict=True)))
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


def _without_each(pairs: pd.Series) -> np.ndarray:
    """Jackknife pseudo-values of a mean over pairs of systems, one per system (Tukey 1958).

    Pairs that share a system are dependent, systems are not.
    """
    first, second = (pairs.index.get_level_values(each) for each in ("a", "b"))
    systems = sorted({*first, *second})
    if (n := len(systems)) < FEWEST:
        return pairs.to_numpy(float)
    left = np.array([pairs[(first != each) & (second != each)].mean() for each in systems])
    return np.asarray(n * pairs.mean() - (n - 1) * left)


def _kept(scores: Tables, metrics: Collection[str]) -> pd.DataFrame:
    parts = [summarize(table).assign(system=system) for system, table in scores.items()]
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows["metric"].isin(metrics) & ~rows["adaption"].isin(NO_CHOICE)].copy()


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    return table.round(6).reset_index(drop=True)
