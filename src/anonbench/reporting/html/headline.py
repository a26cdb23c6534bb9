"""First screen of the report: what is lost, what to use, how private, how sure, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from anonbench.core.vocabulary import ORIGINAL, QueryKind
from anonbench.reporting.html.advice import Advice
from anonbench.reporting.html.best import named
from anonbench.reporting.html.effects import span
from anonbench.reporting.html.risk import Risks
from anonbench.reporting.html.verdicts import Tally

NOTHING_RUN = "No retrieval was run, so there is no answer yet."
NO_CHOICE = "There is no recommendation yet: below is what lacks."


@dataclass(frozen=True)
class Line:
    """One question of the first screen and its answer."""

    question: str
    answer: str


def first_screen(
    given: Sequence[Advice],
    limit: float,
    risks: Risks,
    adapting: Tally,
    evidence: Mapping[str, str],
    second: bool,
) -> list[Line]:
    """Answer the five questions of a decision-maker.

    Args:
        given: the best choices (`advise`) under `limit`.
        limit: percent of the regions that may be re-identified.
        risks: what attacks find in each variant.
        adapting: verdicts on adapted models, compared with the unadapted one.
        evidence: by data set, what its intervals are taken over, or why there are none.
        second: whether the quality kept is judged by a second reference.

    """
    return [
        Line("What is lost?", _lost(given, limit, second)),
        *(Line("What to use?", text) for text in [_chosen(given)] if text),
        *(Line("How private?", text) for text in [_private(given, risks)] if text),
        *(Line("How sure?", text) for text in [_sure(evidence)] if text),
        *(Line("What next?", text) for text in [_next(given, adapting, risks)] if text),
    ]


def no_choices(given: Sequence[Advice]) -> Iterator[str]:
    """Give, by data set, why there is no choice for it."""
    reasons = dict.fromkeys((row.dataset, row.why_not) for row in given if row.best is None)
    for dataset, why in reasons:
        yield f"{dataset}: {why}."


def _lost(given: Sequence[Advice], limit: float, second: bool) -> str:
    if not given:
        return NOTHING_RUN
    lost = [100 - float(row.best.kept.removesuffix(" %")) for row in given if row.best]
    if not lost:
        return NO_CHOICE
    everywhere = {row.dataset for row in given}
    chosen = {row.dataset for row in given if row.best}
    where = "" if chosen == everywhere else f" ({len(chosen)} of {len(everywhere)} data sets)"
    text = (
        f"The best choice with at most {limit:g} % of the regions re-identified loses "
        f"{span(lost)} % of the retrieval quality that the original model has when it is trained "
        f"again{where}."
    )
    return " ".join(part for part in (text, _in_sight(given), "" if second else _OWN) if part)


_OWN = "That is by the unadapted model’s own ranking, which favours it: there is no second one."


def _in_sight(given: Sequence[Advice]) -> str:
    """Say that a choice hides a part only, empty where all hide everything."""
    least = min(row.best.degree for row in given if row.best)
    return "" if least == 100 else f"Up to {100 - least} % of an image's regions stay in sight."


def _chosen(given: Sequence[Advice]) -> str:
    """Name the choices of each data set that are best, or as good, with original queries."""
    parts = []
    for row in given:
        if row.best is None or row.query != QueryKind.ORIGINAL:
            continue
        alike = (row.best, *row.alike)
        models = named([(each.method, each.adaption) for each in alike])
        parts.append(f"{row.dataset}: {models}")
    if not parts:
        return ""
    return f"{'; '.join(parts)}. No test tells those named together from the best of them."


def _private(given: Sequence[Advice], risks: Risks) -> str:
    variants = {(row.dataset, row.best.method, row.best.degree) for row in given if row.best}
    found = [risk for key, risk in risks.items() if key in variants and risk.stated]
    if not found:
        return ""
    originals = [
        risk.rate
        for (dataset, method, _), risk in risks.items()
        if method == ORIGINAL and risk.stated and dataset in {name for name, *_ in variants}
    ]
    beside = f" (originals: {span(originals)} %)" if originals else ""
    return (
        f"The strongest attack that was tried re-identifies at least "
        f"{span([risk.rate for risk in found])} % of the sensitive regions{beside}; others "
        "may find more."
    )


def _sure(evidence: Mapping[str, str]) -> str:
    return f"{'; '.join(f'{name}: {text}' for name, text in evidence.items())}." if evidence else ""


def _next(given: Sequence[Advice], adapting: Tally, risks: Risks) -> str:
    parts = []
    if adapting.total and not adapting.better and not adapting.without_gain:
        parts.append(f"Whether adapting gains is open in all {adapting.total} tests.")
    elif adapting.total and not adapting.better:
        parts.append(f"Keep the original model: adapting gains in 0 of {adapting.total} tests.")
    elif adapting.total:
        parts.append(
            f"Adapt only where your own data show a gain: it gains in {adapting.better} and loses "
            f"in {adapting.worse} of {adapting.total} tests."
        )
    if any(row.best is None for row in given):
        parts.append("Add what lacks below.")
    if any(key[1] == ORIGINAL for key in risks):
        parts.append("Have a lawyer judge kept embeddings of originals: they identify people.")
    return " ".join(parts)
