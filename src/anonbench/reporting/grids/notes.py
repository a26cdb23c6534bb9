"""Notes below a result table: the data behind its numbers, and the meaning of its marks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.vocabulary import CONTROL, NO_CHOICE, UNADAPTED, Baseline
from anonbench.core.wording import count
from anonbench.evaluation.retrieval.scoring.metrics import MIN_K, PER_QUERY
from anonbench.reporting.labels import ADAPTIONS, AT_CHANCE, TIED
from anonbench.reporting.notes import notes


def result_notes(
    table: Table, scores: pd.DataFrame, baselines: Mapping[str, str], level: float | None
) -> tuple[str, ...]:
    """Notes below a table.

    Args:
        table: table that is shown.
        scores: its scores (`anonbench.reporting.summary.summarize`).
        baselines: values of the rows `anonbench.reporting.grids.layout.BASELINES` that are known,
            as text.
        level: significance level of the paired tests; None if there are none.
    """
    if scores.empty:
        return ("No scenario was run.",)
    retrieval, adaptions = table.kind != "downstream", set(scores["adaption"])
    untrained = list(Baseline) if set(Baseline) & adaptions else []
    known = [each for each in untrained if each in baselines]
    best = scores.assign(
        row=scores["adaption"].where(scores["adaption"].isin(NO_CHOICE), "models")
    ).pivot_table(index=["query", "metric", "method"], columns="row", values="value", aggfunc="max")
    above = []  # baselines that exceed every model, in how many of the columns
    for baseline in [each for each in Baseline if {"models", each} <= set(best)]:
        both = best[["models", baseline]].dropna()
        if exceeds := int((both[baseline] > both["models"]).sum()):
            above.append((ADAPTIONS[baseline], exceeds, len(both)))
    return notes(
        "results",
        behind=behind(retrieval, scores),
        cautions=cautions(scores),
        rbo="rbo" in set(scores["metric"]),
        several_seeds=(scores["seeds"] > 1).any(),
        retrieval=retrieval,
        control=ADAPTIONS[CONTROL] if CONTROL in adaptions else "",
        unadapted=ADAPTIONS[UNADAPTED],
        untrained=[ADAPTIONS[each] for each in untrained],
        reached=[f"{ADAPTIONS[each]} {baselines[each]}" for each in known],
        above=above,
        baselines={
            name: baselines.get(name) for name in ("control", "chance", "floor", "originals")
        },
        level=level,
        tied=TIED,
        at_chance=AT_CHANCE,
    )


def only(values: pd.Series) -> float | None:
    """The single value that all share up to rounding, or None."""
    found = pd.to_numeric(values).dropna().astype(float).round(12).unique()
    return float(found[0]) if len(found) == 1 else None


def cautions(scores: pd.DataFrame) -> tuple[str, ...]:
    """Reasons why a table's values support no statement; empty if they do."""
    clusters = scores["clusters"].min()
    return notes(
        "cautions",
        below_k=(scores.loc[scores["metric"].isin(PER_QUERY), "k"] < MIN_K).any(),
        least_k=MIN_K,
        clusters=MIN_CLUSTERS if pd.isna(clusters) else int(clusters),
        least_clusters=MIN_CLUSTERS,
    )


def behind(retrieval: bool, scores: pd.DataFrame) -> str:
    """Describe how many queries or images, clusters and seeds a table is based on."""
    low, high = int(scores["n"].min()), int(scores["n"].max())
    noun = "query" if retrieval else "validation image"
    images = count(low, noun) if low == high else f"{low:,} to {count(high, noun)}"
    clusters = scores["clusters"].min()
    # NaN if they were not counted
    parts = [f"{images} in {count(int(clusters), 'cluster')}" if clusters < low else images]
    for metric, name in (("mndcg", "k"), ("rbo", "k"), ("knn", "neighbours k")):
        k = only(scores.loc[scores["metric"] == metric, "k"])
        if k is not None:
            parts.append(f"{name} = {int(k):,}")
    return ", ".join([*parts, count(int(scores["seeds"].max()), "seed")])
