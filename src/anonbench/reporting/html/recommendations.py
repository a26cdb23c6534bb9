"""The paper's three recommendations (arXiv 2602.19641, section V), evaluated on these data.

Keep the embeddings of the originals; keep the original model; decide case by case. Each gets a
verdict that follows by a stated rule from verdicts of tests
(`anonbench.evaluation.decision`), never from signs, and the numbers behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from anonbench.core.vocabulary import UNADAPTED, QueryKind
from anonbench.reporting.html.best import Bests, Scenario, named, sharpest
from anonbench.reporting.html.effects import NO_SECOND, effect_points, scored, span, tally
from anonbench.reporting.html.kept import kept
from anonbench.reporting.html.risk import Risk, Risks, of_originals
from anonbench.reporting.html.verdicts import Tally
from anonbench.reporting.labels import ACCURACIES

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
) -> list[Recommendation]:
    """Evaluate the three recommendations.

    Args:
        effects: by data set, its table of effects (`anonbench.evaluation.effect_table`).
        comparisons: by data set, the paired tests of models (`anonbench.evaluation.pairwise`).
        bests: the best of each column (`best_choices`).
        summaries: by data set, scores averaged over seeds (`summarize`).
        given: what attacks find in each variant and in the originals, where they were run.
        query_kinds: by data set, the paired tests of query kinds
            (`anonbench.evaluation.query_kinds`), where they were run.

    """
    return [
        _keep_embeddings(effects, of_originals(given or {})),
        _keep_model(effects, comparisons),
        _case_by_case(bests, effects, summaries, query_kinds or {}),
    ]


def _keep_embeddings(
    effects: Mapping[str, pd.DataFrame], revealed: Sequence[Risk]
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
        "Kept embeddings lose nothing with original queries: they are the reference. How well "
        "anonymized queries find them is not measured.",
        _revealed(revealed),
    )
    judged, left = "for retrieval", "open for privacy and law"
    if not found.total:
        return Recommendation(title, Verdict.UNKNOWN, NO_SECOND, points, judged, left)
    shares = [
        100 * float(table.loc[table["effect"] == "anonymizing", "share"].median())
        for table in scored(highest)
    ]
    summary = (
        f"Embedding the anonymized images instead, with the same model, {found.said()} for "
        f"original queries (all regions hidden as the highest degree says); the median cost on "
        f"mAP is {span(shares)} % of the ceiling."
    )
    verdict = _borne_out(found.worse, found.total - found.worse - found.open, found.open)
    return Recommendation(title, verdict, summary, points, judged, left)


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
            "What kept embeddings reveal of a person is not known: too few persons, or none twice."
        )
    return max(risks, key=lambda each: each.rate).of_crops


def _keep_model(
    effects: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]
) -> Recommendation:
    """Holds where every comparison shows that adapting gains less than the margin, if anything.

    A comparison is an adapted model against the unadapted one by a second reference.
    """
    title = "Keep the original model"
    found = tally(effects, "adapting")
    by_accuracy = _against_unadapted(comparisons)
    points = list(effect_points(effects))
    if by_accuracy.total:
        points.append(
            f"By accuracy (k-NN and linear), an adapted model {by_accuracy.said()} with the "
            "unadapted one."
        )
    if not found.total:
        return Recommendation(title, Verdict.UNKNOWN, f"{_NOTHING} {NO_SECOND}", tuple(points[1:]))
    undecided = found.total - found.without_gain - found.better
    verdict = _borne_out(found.without_gain, found.better, undecided)
    summary = f"By a second reference, adapting {found.said()} with the unadapted model."
    return Recommendation(title, verdict, summary, tuple(points))


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
) -> Recommendation:
    """Holds where no choice is the best, or cannot be told from it, in all cases.

    A case is a data set and query kind at the highest degree, by mAP.
    """
    title = "Decide case by case"
    cases: dict[tuple[str, str], tuple[Scenario, ...]] = {}
    for dataset in dict.fromkeys(key[0] for key in bests):
        degree = max(key[1] for key in bests if key[0] == dataset)
        for query in QueryKind:
            best = sharpest(bests, dataset, degree, query.value, "map")
            if best is not None:
                cases[dataset, query.value] = best.alike
    points = (*_widest(effects, summaries), *_by_query_kind(query_kinds))
    if len(cases) < 2:
        why = f"{_NOTHING} It takes two data sets or query kinds."
        return Recommendation(title, Verdict.UNKNOWN, why, ())
    everywhere = set.intersection(*(set(alike) for alike in cases.values()))
    if not everywhere:
        summary = (
            f"No choice is among the best by mAP in all {len(cases)} cases (data set, query "
            "images, highest degree)."
        )
        return Recommendation(title, Verdict.HOLDS, summary, points)
    order = next(iter(cases.values()))
    summary = (
        f"In all {len(cases)} cases (data set, query images, highest degree) these are the best "
        f"by mAP or cannot be told from it: {named(c for c in order if c in everywhere)}. So "
        "nothing shows that cases need different choices."
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
    """Say how far the quality kept by the same choice is apart between data sets."""
    values: dict[tuple[int, str, str, str], dict[str, float]] = {}
    for dataset, table in effects.items():
        for place, quality in kept(table, summaries[dataset]).items():
            if place[3] == QueryKind.ORIGINAL.value and quality.value == quality.value:
                values.setdefault(place, {})[dataset] = quality.value
    several = {key: found for key, found in values.items() if len(found) > 1}
    if several:
        degree = max(key[0] for key in several)
        of_degree = {key: found for key, found in several.items() if key[0] == degree}
        key = max(of_degree, key=lambda k: max(of_degree[k].values()) - min(of_degree[k].values()))
        found = of_degree[key]
        low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
        yield (
            f"The same choice ({named([key[1:3]])}, {degree} %) keeps {found[high]:.1f} % of the "
            f"quality on {high} and {found[low]:.1f} % on {low}: measure your own data."
        )
