"""Notes below a result table: the data behind its numbers, and the meaning of its marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from anonbench.config.outputs import Table
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.vocabulary import CONTROL, NO_CHOICE, UNADAPTED, Baseline
from anonbench.core.wording import count
from anonbench.evaluation.retrieval.scoring.metrics import MIN_K, PER_QUERY
from anonbench.reporting.labels import ADAPTIONS, AT_CHANCE, TIED

_TITLES = {
    "retrieval": "Retrieval quality",
    "agreement": "Agreement of rankings with the reference's",
    "downstream": "Accuracy on anonymized images",
}
_AGREEMENT = (
    "Overlap: share of the reference's first results among the first results. RBO: rank-biased "
    "overlap, in which earlier results weigh more. Kendall’s τ: from −100, nothing shared, to "
    "100, the same order. Unchanged: queries whose first results are the same in the same order."
)


def title_of(table: Table) -> str:
    """Title of a result table."""
    what, degree = _TITLES[table.kind], f"{table.degree} % of the regions anonymized"
    return f"{what} in percent, {table.dataset}, {degree}"


def notes_of(
    table: Table, scores: pd.DataFrame, baselines: Mapping[str, str], confidence: float | None
) -> Iterator[str]:
    """Yield the sentences below a table.

    Args:
        table: table that is shown.
        scores: its scores (`anonbench.reporting.summary.summarize`).
        baselines: values of the rows `anonbench.reporting.grids.layout.BASELINES` that are known,
            as text.
        confidence: confidence of the paired tests; None if there are none.
    """
    if scores.empty:
        yield "No scenario was run."
        return
    retrieval = table.kind != "downstream"
    yield f"{behind(retrieval, scores)}."
    yield from cautions(scores)
    if "rbo" in set(scores["metric"]):
        yield _AGREEMENT
    if (scores["seeds"] > 1).any():
        yield "Values are means ± standard deviation over seeds."
    if CONTROL in set(scores["adaption"]):
        yield _control(retrieval, baselines.get("control"))
    if set(Baseline) & set(scores["adaption"]):
        yield _without_training(baselines)
        yield from _above_all_models(scores)
    bold = (
        "Bold: best value of a block and column at the printed precision, none where all are equal"
    )
    if confidence is None:
        yield f"{bold}."
    else:
        unit = "queries" if retrieval else "images"
        yield (
            f"{bold}; {TIED}: a paired test over the {unit} cannot tell it from the best "
            f"(p adjusted by Holm's method, level {100 * (1 - confidence):.3g} %)."
        )
    if "chance" in baselines:
        first = baselines.get("floor")
        floor = f" (anonymized queries find themselves first: {first})" if first else ""
        mark = f"{AT_CHANCE} marks values whose interval reaches it"
        yield f"Chance: {baselines['chance']}{floor}; {mark}."
    if "originals" in baselines:
        what = (
            "Identity, the reference against itself"
            if retrieval
            else f"{ADAPTIONS[UNADAPTED]} on originals"
        )
        yield f"{what}: {baselines['originals']}."


def only(values: pd.Series) -> float | None:
    """The single value that all share up to rounding, or None."""
    found = pd.to_numeric(values).dropna().astype(float).round(12).unique()
    return float(found[0]) if len(found) == 1 else None


def _control(retrieval: bool, on_originals: str | None) -> str:
    name = f"“{ADAPTIONS[CONTROL]}” is the unadapted model trained with another seed"
    if retrieval:
        text = (
            f"{name} than the reference's: the retraining ceiling. It is no yardstick for adapted "
            "models, which share the reference's seed; what adapting costs is measured by a second "
            "reference"
        )
    else:
        text = f"{name}: how far two trainings of one recipe are apart"
    if on_originals is None:
        return f"{text}."
    how = "retrained and searched among" if retrieval else "retrained, on"
    return f"{text}. {how.capitalize()} originals: {on_originals}."


def _without_training(on_originals: Mapping[str, str]) -> str:
    names = " and ".join(f"“{ADAPTIONS[each]}”" for each in Baseline)
    text = f"{names} need no training: what is above them was learned"
    reached = [
        f"{ADAPTIONS[each]} {on_originals[each]}" for each in Baseline if each in on_originals
    ]
    return f"{text}. On originals: {'; '.join(reached)}." if reached else f"{text}."


def _above_all_models(scores: pd.DataFrame) -> Iterator[str]:
    """Say in how many columns a baseline exceeds every model; nothing if there is none."""
    best = scores.assign(
        row=scores["adaption"].where(scores["adaption"].isin(NO_CHOICE), "models")
    ).pivot_table(index=["query", "metric", "method"], columns="row", values="value", aggfunc="max")
    for baseline in Baseline:
        if {"models", baseline} <= set(best):
            both = best[["models", baseline]].dropna()
            if above := int((both[baseline] > both["models"]).sum()):
                yield (
                    f"In {above} of {count(len(both), 'column')} “{ADAPTIONS[baseline]}” is above "
                    "every model: there a model gains nothing."
                )


def cautions(scores: pd.DataFrame) -> Iterator[str]:
    """Reasons why a table's values support no statement; empty if they do."""
    ranked = scores[scores["metric"].isin(PER_QUERY)]
    if (ranked["k"] < MIN_K).any():
        yield (
            f"Too few images for a statement: below k = {MIN_K} a query’s own image does not "
            "count, and these values say next to nothing about a larger archive."
        )
    clusters = scores["clusters"].min()
    if clusters < MIN_CLUSTERS:
        yield (
            f"No intervals and no tests: {count(int(clusters), 'cluster')}, and {MIN_CLUSTERS} are "
            "needed."
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
