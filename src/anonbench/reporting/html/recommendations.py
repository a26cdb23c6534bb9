"""The paper's three recommendations (arXiv 2602.19641, section V), evaluated on these data.

Keep the embeddings of the originals; keep the original model; decide case by case. Each gets a
verdict that follows from the scores by a stated rule, and the numbers behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE, UNADAPTED, QueryKind
from anonbench.core.wording import count
from anonbench.reporting.html.answer import Choice, degrees, method_label, model_label, ranked
from anonbench.reporting.html.effects import effect_points
from anonbench.reporting.html.risk import Risk, Risks, of_originals
from anonbench.reporting.labels import ACCURACIES, RETRIEVAL_METRICS

_NOTHING = "No retrieval was run, or it had too few images."


class Verdict(StrEnum):
    """How far a recommendation is borne out."""

    HOLDS = "holds here"
    IN_PART = "holds in part"
    FAILS = "does not hold here"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True)
class Recommendation:
    """One recommendation, what these data say of it, and why."""

    title: str
    verdict: Verdict
    summary: str
    points: tuple[str, ...]


def recommendations(
    summaries: Mapping[str, pd.DataFrame],
    effects: Mapping[str, pd.DataFrame],
    level: float,
    given: Risks | None = None,
) -> list[Recommendation]:
    """Evaluate the three recommendations.

    Args:
        summaries: by data set, scores averaged over seeds (`summarize`).
        effects: by data set, its table of effects (`anonbench.evaluation.effect_table`).
        level: of the tests of effects.
        given: what attacks find in each variant and in the originals, where they were run.

    """
    return [
        _keep_embeddings(summaries, of_originals(given or {})),
        _keep_model(summaries, effects, level),
        _case_by_case(summaries),
    ]


def _keep_embeddings(
    summaries: Mapping[str, pd.DataFrame], revealed: Sequence[Risk]
) -> Recommendation:
    """Holds where even the best new embeddings lose, by their intervals, in every data set."""
    title = "Keep the original embeddings"
    best, worst = [], []
    for summary in summaries.values():
        if not summary.empty and (order := _highest(summary, "map", "original")):
            best.append(order[0])
            worst.append(order[-1])
    if not best:
        return _unknown(title)
    lost = [100 - choice.value for choice in best]
    surely = [
        (choice.high if choice.high == choice.high else choice.value) < 100 for choice in best
    ]
    verdict = Verdict.HOLDS if all(surely) else (Verdict.IN_PART if any(surely) else Verdict.FAILS)
    ahead, pairs = _original_ahead(summaries)
    points = [
        "Kept embeddings lose nothing with original queries: they are the reference. How well "
        "anonymized queries find them is not measured.",
        _revealed(revealed),
    ]
    if pairs:
        points.insert(
            0,
            "Where only the database is embedded anew, queries with kept embeddings of originals "
            f"keep more mAP than anonymized queries in {ahead} of {count(pairs, 'scenario')}.",
        )
    if worst != best:
        most = _range([100 - choice.value for choice in worst])
        points.insert(0, f"With the worst choice of method and model it is {most}.")
    text = (
        "Embedding the anonymized images instead costs original queries "
        f"{_range(lost)} of mAP at the highest degree, with the best choice."
    )
    return Recommendation(title, verdict, text, tuple(points))


def _revealed(risks: Sequence[Risk]) -> str:
    if not risks:
        return "What kept embeddings reveal of a person is not measured: no person is known twice."
    rate, chance = max((risk.rate, risk.chance) for risk in risks)
    return (
        "Embeddings of originals reveal persons: by the strongest attack, the embedding of a face "
        f"is nearest to another photograph of the same person in {rate:.1f} % (chance "
        f"{chance:.2g} %)."
    )


def _original_ahead(summaries: Mapping[str, pd.DataFrame]) -> tuple[int, int]:
    ahead = pairs = 0
    for summary in summaries.values():
        rows = summary[(summary["metric"] == "map") & ~summary["adaption"].isin(NO_CHOICE)]
        table = rows.pivot_table(
            index=["degree", "method", "adaption"], columns="query", values="value"
        )
        if {"original", "anonymized"} <= set(table.columns):
            both = table.dropna()
            ahead += int((both["original"] > both["anonymized"]).sum())
            pairs += len(both)
    return ahead, pairs


def _keep_model(
    summaries: Mapping[str, pd.DataFrame],
    effects: Mapping[str, pd.DataFrame],
    level: float,
) -> Recommendation:
    """Holds where the unadapted model has the best value of every column; in part, of most."""
    title = "Keep the original model"
    won, columns = _columns_won(summaries, set(RETRIEVAL_METRICS))
    if not columns:
        return _unknown(title, f"{_NOTHING} It takes an adapted model too.")
    verdict = Verdict.IN_PART if 2 * won > columns else Verdict.FAILS
    verdict = Verdict.HOLDS if won == columns else verdict
    summary = (
        f"The unadapted model has the highest value in {won} of {columns} columns of the "
        "retrieval tables (method, degree, query images, mAP and mnDCG)."
    )
    right, accuracies = _columns_won(summaries, set(ACCURACIES))
    points = list(effect_points(effects, level))
    if accuracies:
        points.append(
            f"By accuracy, which needs no reference ranking, it is the best in {right} of "
            f"{accuracies} columns (k-NN and linear)."
        )
    return Recommendation(title, verdict, summary, tuple(points))


def _columns_won(summaries: Mapping[str, pd.DataFrame], metrics: set[str]) -> tuple[int, int]:
    """Count the columns in which the unadapted model is best as printed, of those with rivals."""
    won = columns = 0
    for summary in summaries.values():
        rows = summary[summary["metric"].isin(metrics) & ~summary["adaption"].isin(NO_CHOICE)]
        for _, column in rows.groupby(["degree", "method", "query", "metric"]):
            if len(column) > 1 and (column["adaption"] == UNADAPTED).any():
                printed = (100 * column["value"]).round(1)
                won += bool((printed[column["adaption"] == UNADAPTED] == printed.max()).all())
                columns += 1
    return won, columns


def _case_by_case(summaries: Mapping[str, pd.DataFrame]) -> Recommendation:
    """Holds where no method and model is the best in all data sets and with both query kinds."""
    title = "Decide case by case"
    best = {
        (dataset, query.value): order[0]
        for dataset, summary in summaries.items()
        if not summary.empty
        for query in QueryKind
        if (order := _highest(summary, "map", query.value))
    }
    if len(best) < 2:
        return _unknown(title, f"{_NOTHING} It takes two data sets or query kinds.")
    if len(_choices(summaries)) < 2:
        return _unknown(title, "There is only one choice of method and model.")
    times = Counter(choice.scenario for choice in best.values())
    (top, most), differ = times.most_common(1)[0], len(times) > 1
    model = "the unadapted model" if top[1] == UNADAPTED else model_label(top[1])
    label = f"{method_label(top[0])} with {model}"
    if differ:
        summary = (
            f"{len(times)} different choices are the best by mAP in {len(best)} cases (data set, "
            f"query images) at the highest degree; the most frequent, {label}, in {most}."
        )
    else:
        cases = "both" if len(best) == 2 else f"all {len(best)}"
        summary = (
            f"{label} is the best by mAP in {cases} cases (data set, query images) at the highest "
            "degree; how much it keeps still differs."
        )
    return Recommendation(
        title, Verdict.HOLDS if differ else Verdict.FAILS, summary, tuple(_widest(summaries))
    )


def _choices(summaries: Mapping[str, pd.DataFrame]) -> set[tuple[str, str]]:
    """Return the methods and models that were scored, whatever the data set; not the control."""
    rows = pd.concat([summary[["method", "adaption"]] for summary in summaries.values()])
    return set(rows[~rows["adaption"].isin(NO_CHOICE)].itertuples(index=False, name=None))


def _widest(summaries: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say how far the same method and model are apart between data sets."""
    values: dict[tuple[int, tuple[str, str]], dict[str, float]] = {}
    for dataset, summary in summaries.items():
        if summary.empty:
            continue
        degree = degrees(summary)[-1]
        for choice in ranked(summary, degree, "map", "original"):
            values.setdefault((degree, choice.scenario), {})[dataset] = choice.value
    several = {key: found for key, found in values.items() if len(found) > 1}
    if several:
        key = max(several, key=lambda key: max(several[key].values()) - min(several[key].values()))
        found = several[key]
        low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
        degree, (method, adaption) = key
        yield (
            f"The same choice ({method_label(method)} {degree} %, {model_label(adaption)}) keeps "
            f"{found[high]:.1f} % on {high} and {found[low]:.1f} % on {low}: measure your own data."
        )


def _highest(summary: pd.DataFrame, metric: str, query: str) -> list[Choice]:
    return ranked(summary, degrees(summary)[-1], metric, query)


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return f"{high} points" if low == high else f"{low} to {high} points"


def _unknown(title: str, why: str = _NOTHING) -> Recommendation:
    return Recommendation(title, Verdict.UNKNOWN, why, ())
