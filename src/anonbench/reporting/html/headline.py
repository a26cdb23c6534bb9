"""Headline of the report: what the recommended choices keep and reveal, or what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anonbench.core.vocabulary import QueryKind
from anonbench.reporting.html.advice import Advice
from anonbench.reporting.html.risk import Risks, said

NOTHING_RUN = "No retrieval was run, so there is no answer yet."
NO_CHOICE = "There is no recommendation yet: below is what lacks."


def lead(given: Sequence[Advice], limit: float, risks: Risks) -> str:
    """Say what the recommended choices keep, and what they still reveal.

    Args:
        given: the best choices (`advise`) under `limit`.
        limit: percent of the regions that may be re-identified.
        risks: what attacks find in each variant.

    """
    if not given:
        return NOTHING_RUN
    kept = {
        query: [row.best.value for row in given if row.best and row.query == query]
        for query in QueryKind
    }
    parts = [
        f"{_span(values)} mAP with {query} queries" for query, values in kept.items() if values
    ]
    if not parts:
        return NO_CHOICE
    everywhere = {row.dataset for row in given}
    chosen = {row.dataset for row in given if row.best}
    of = "" if chosen == everywhere else f"{len(chosen)} of "
    over = f" (over {of}{len(everywhere)} data sets)" if len(everywhere) > 1 else ""
    variants = {
        (row.dataset, row.best.method, row.best.degree) for row in given if row.best is not None
    }
    found = said(risk for key, risk in risks.items() if key in variants)
    text = (
        "At the highest degree of anonymization, the best choice of method and model that keeps "
        f"re-identification at or below {limit:g} % keeps {' and '.join(parts)}{over}."
    )
    return " ".join(part for part in (text, _in_sight(given), found) if part)


def _in_sight(given: Sequence[Advice]) -> str:
    """Say that a choice hides a part only, empty where all hide everything."""
    least = min(row.best.degree for row in given if row.best)
    return "" if least == 100 else f"Up to {100 - least} % of an image's regions stay in sight."


def no_choices(given: Sequence[Advice]) -> Iterator[str]:
    """Give, by data set, why there is no choice for it."""
    reasons = dict.fromkeys((row.dataset, row.why_not) for row in given if row.best is None)
    for dataset, why in reasons:
        yield f"{dataset}: {why}."


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return f"{high} %" if low == high else f"{low} to {high} %"
