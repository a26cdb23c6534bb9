"""The paper's three recommendations (arXiv 2602.19641, section V), evaluated on these data.

Keep the embeddings of the originals; keep the original model; decide case by case. Each gets a
verdict that follows by a stated rule from verdicts of tests
(`anonbench.evaluation.decision`), never from signs, and the numbers behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from anonbench.core.vocabulary import UNADAPTED, DeploymentKind, QueryKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.reporting.html.choices.best import Bests, Scenario, named, sharpest
from anonbench.reporting.html.choices.effects import (
    NO_SECOND,
    effect_points,
    medians,
    scored,
    span,
    tally,
    with_interval,
)
from anonbench.reporting.html.choices.kept import Kept, Place, kept
from anonbench.reporting.html.choices.risk import Risk, Risks, of_originals
from anonbench.reporting.html.verdicts import Tally
from anonbench.reporting.labels import ACCURACIES

_NOT_RUN = "No retrieval was run."


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
    judged: str = ""
    """What the verdict is about, where that is not the whole recommendation."""
    open: str = ""
    """What remains open."""


def recommendations(
    effects: Mapping[str, pd.DataFrame],
    comparisons: Mapping[str, pd.DataFrame],
    bests: Bests,
    summaries: Mapping[str, pd.DataFrame],
    given: Risks | None = None,
    query_kinds: Mapping[str, pd.DataFrame] | None = None,
    gaps: Mapping[str, str] | None = None,
    deployments: Mapping[str, pd.DataFrame] | None = None,
) -> list[Recommendation]:
    """Evaluate the three recommendations.

    Args:
        effects: by data set, its table of effects
            (`anonbench.evaluation.comparisons.effect_table`).
        comparisons: by data set, the paired tests of models
            (`anonbench.evaluation.comparisons.pairwise`).
        bests: the best of each column (`best_choices`).
        summaries: by data set, scores averaged over seeds (`summarize`).
        given: what attacks find in each variant and in the originals, where they were run.
        query_kinds: by data set, the paired tests of query kinds
            (`anonbench.evaluation.comparisons.query_kinds`), where they were run.
        gaps: by data set, why no statement about its rankings is possible.
        deployments: by data set, other ways to search the archive
            (`anonbench.evaluation.deployments.table`), where they were scored.

    """
    lack = _lack(summaries, gaps or {})
    return [
        _keep_embeddings(effects, of_originals(given or {}), lack, _kept_asked(deployments or {})),
        _keep_model(effects, comparisons, lack),
        _case_by_case(bests, effects, summaries, query_kinds or {}, lack),
    ]


def _lack(summaries: Mapping[str, pd.DataFrame], gaps: Mapping[str, str]) -> str:
    """Say why nothing at all can be said of rankings, empty where something can."""
    ranked = [
        name
        for name, table in summaries.items()
        if table.loc[table["metric"] == "map", "value"].notna().any()
    ]
    if not ranked:
        return _NOT_RUN
    if any(not gaps.get(name) for name in ranked):
        return ""
    return f"Not known: {'; '.join(f'{name}: {gaps[name]}' for name in ranked)}."


def _keep_embeddings(
    effects: Mapping[str, pd.DataFrame], revealed: Sequence[Risk], lack: str, asked: str
) -> Recommendation:
    """Holds for retrieval where anonymizing costs original queries something in every comparison.

    A comparison is a data set, method, mAP or mnDCG at the highest degree, with the same model.
    """
    title = "Keep the original embeddings"
    highest = {
        name: table[(table["degree"] == table["degree"].max()) & (table["query"] == "original")]
        for name, table in effects.items()
    }
    found = tally(highest, "anonymizing")
    points = (
        f"Kept embeddings lose nothing with original queries: they are the reference. {asked}",
        _revealed(revealed),
    )
    judged, left = "for retrieval", "open for privacy and law"
    if not found.total:
        return Recommendation(title, Verdict.UNKNOWN, lack or NO_SECOND, points, judged, left)
    shares = medians(with_interval(scored(highest)), "anonymizing", "share")
    cost = f"; the median cost on mAP is {span(shares)} % of the ceiling" if shares else ""
    summary = (
        f"Embedding the anonymized images instead, with the same model, {found.said()} for "
        f"original queries (all regions hidden as the highest degree says){cost}."
    )
    verdict = _borne_out(found.worse, found.total - found.worse - found.open, found.open)
    return Recommendation(title, verdict, summary, points, judged, left)


def _kept_asked(deployments: Mapping[str, pd.DataFrame]) -> str:
    """Say how anonymized queries do that search kept embeddings, by mAP."""
    verdicts: list[str] = []
    for table in deployments.values():
        rows = table[(table["kind"] == DeploymentKind.KEPT) & (table["metric"] == "map")]
        sharpest = SECOND if SECOND in set(rows["reference"]) else OWN
        verdicts += rows.loc[rows["reference"] == sharpest, "verdict"].tolist()
    if not verdicts:
        return "How well anonymized queries find them is not measured."
    return (
        f"With anonymized queries, searching them {Tally.of(verdicts).said()} with searching the "
        "anonymized images’ own embeddings."
    )


def _borne_out(supporting: int, against: int, undecided: int) -> Verdict:
    """Return the verdict on a claim from its cases; undecided ones refute nothing."""
    if not supporting and not against:
        return Verdict.UNKNOWN
    if not supporting:
        return Verdict.UNKNOWN if undecided > against else Verdict.FAILS
    return Verdict.HOLDS if not against and not undecided else Verdict.IN_PART


def _revealed(risks: Sequence[Risk]) -> str:
    if not risks:
        return (
            "What kept embeddings reveal of a person is not known: no attack was run, or there are "
            "too few persons, or none twice."
        )
    return max(risks, key=lambda each: each.rate).of_crops


def _keep_model(
    effects: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame], lack: str
) -> Recommendation:
    """Holds where every comparison shows that adapting gains less than the margin, if anything.

    A comparison is an adapted model against the unadapted one by a second reference.
    """
    title = "Keep the original model"
    found = tally(effects, "adapting")
    by_accuracy = _against_unadapted(comparisons)
    accuracy = (
        f"By accuracy (k-NN and linear), an adapted model {by_accuracy.said()} with the "
        "unadapted one."
    )
    points = (accuracy,) if by_accuracy.total else ()
    if not found.total:
        alone = "No adapted model was compared with the unadapted one by a second reference."
        why = lack or (alone if scored(effects) else NO_SECOND)
        return Recommendation(title, Verdict.UNKNOWN, why, points)
    undecided = found.total - found.without_gain - found.better
    verdict = _borne_out(found.without_gain, found.better, undecided)
    summary = f"By a second reference, adapting {found.said()} with the unadapted model."
    return Recommendation(title, verdict, summary, (*effect_points(effects), *points))


def _against_unadapted(comparisons: Mapping[str, pd.DataFrame]) -> Tally:
    """Count the verdicts on the accuracies of adapted models."""
    turned = {
        "better": "worse",
        "worse": "better",
        "not worse": "not better",
        "not better": "not worse",
    }
    verdicts = [
        turned.get(row["verdict"], row["verdict"]) if row["a"] == UNADAPTED else row["verdict"]
        for table in comparisons.values()
        for row in table[table["metric"].isin(list(ACCURACIES)) & (table["degree"] > 0)].to_dict(
            "records"
        )
        if UNADAPTED in (row["a"], row["b"])
    ]
    return Tally.of(verdicts)


def _case_by_case(
    bests: Bests,
    effects: Mapping[str, pd.DataFrame],
    summaries: Mapping[str, pd.DataFrame],
    query_kinds: Mapping[str, pd.DataFrame],
    lack: str,
) -> Recommendation:
    """Holds where no choice is the best, or cannot be told from it, in all cases.

    A case is a data set and query kind at the highest degree, by mAP. One in which no test could
    tell choices apart, for lack of clusters, is none.
    """
    title = "Decide case by case"
    cases: dict[tuple[str, str], tuple[Scenario, ...]] = {}
    for dataset in dict.fromkeys(key[0] for key in bests):
        degree = max(key[1] for key in bests if key[0] == dataset)
        for query in QueryKind:
            best = sharpest(bests, dataset, degree, query.value, "map")
            if best is not None and not best.reason:
                cases[dataset, query.value] = best.alike
    points = (*_widest(effects, summaries), *_by_query_kind(query_kinds))
    if len(cases) < 2:
        why = lack or "It takes two data sets or query kinds with enough clusters for tests."
        return Recommendation(title, Verdict.UNKNOWN, why, points)
    everywhere = set.intersection(*(set(alike) for alike in cases.values()))
    all_cases = "both cases" if len(cases) == 2 else f"all {len(cases)} cases"
    if not everywhere:
        summary = (
            f"No choice is among the best by mAP in {all_cases} (data set, query images, highest "
            "degree)."
        )
        return Recommendation(title, Verdict.HOLDS, summary, points)
    order = next(iter(cases.values()))
    summary = (
        f"In {all_cases} (data set, query images, highest degree) these are the best by mAP or "
        f"cannot be told from it: {named(c for c in order if c in everywhere)}. So nothing shows "
        "that cases need different choices."
    )
    return Recommendation(title, Verdict.UNKNOWN, summary, points)


def _by_query_kind(query_kinds: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say how anonymized queries do beside original ones, by mAP at the highest degree."""
    tables = [t[t["metric"] == "map"] for t in query_kinds.values()]
    found = Tally.of(
        verdict
        for table in tables
        for verdict in table.loc[table["degree"] == table["degree"].max(), "verdict"]
    )
    if found.total:
        yield (
            f"By mAP at the highest degree, with a query's own image left out, an anonymized query "
            f"{found.said()} with the original one."
        )


def _widest(
    effects: Mapping[str, pd.DataFrame], summaries: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    """Say how far the quality kept by the same choice is apart between data sets.

    Of the choices whose intervals in two data sets are farthest apart; nothing where all overlap.
    """
    values: dict[Place, dict[str, Kept]] = {}
    for dataset, table in effects.items():
        for place, quality in kept(table, summaries[dataset]).items():
            if place[3] == QueryKind.ORIGINAL.value and not math.isnan(quality.low):
                values.setdefault(place, {})[dataset] = quality
    degree = max((place[0] for place, found in values.items() if len(found) > 1), default=0)
    gaps = [
        (above.low - below.high, place, (high, above), (low, below))
        for place, found in values.items()
        for high, above in found.items()
        for low, below in found.items()
        if place[0] == degree and above.low > below.high
    ]
    if gaps:
        _, place, (high, above), (low, below) = max(gaps, key=lambda gap: gap[0])
        yield (
            f"The same choice ({named([place[1:3]])}, {degree} %) keeps {_with_interval(above)} of "
            f"the quality on {high} and {_with_interval(below)} on {low}: measure your own data."
        )


def _with_interval(quality: Kept) -> str:
    return f"{quality.value:.1f} % ({quality.low:.1f} to {quality.high:.1f})"
