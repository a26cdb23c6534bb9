"""First screen of the report: what is kept, what to use, how private, how sure, what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anonbench.core.vocabulary import ORIGINAL, QueryKind
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.html.choices.advice import Advice
from anonbench.reporting.html.choices.best import named
from anonbench.reporting.html.choices.effects import span
from anonbench.reporting.html.choices.passing import Passing
from anonbench.reporting.html.choices.risk import Risks, said_of_remainder
from anonbench.reporting.html.verdicts import Tally

NOTHING_RUN = "No retrieval was run, so there is no answer yet."
NO_CHOICE = "There is no recommendation yet: what lacks is named under Choices."


@dataclass(frozen=True)
class Line:
    """One question of the first screen and its answer."""

    question: str
    answer: str


def first_screen(
    given: Sequence[Advice],
    free: Sequence[Advice],
    limit: float,
    risks: Risks,
    adapting: Tally,
    evidence: Mapping[str, str],
    second: bool,
    pixels: Mapping[str, Mapping[tuple[int, str, str], float]],
    cheapest: str = "",
    system: str | None = None,
    standing: Sequence[Passing] = (),
) -> list[Line]:
    """Answer the five questions of a decision-maker.

    Args:
        given: the best choices (`advise`) under `limit`.
        free: the best choices without it.
        limit: percent of the regions that may be re-identified.
        risks: what attacks find in each variant.
        adapting: verdicts on adapted models, compared with the unadapted one.
        evidence: by data set, what its intervals are taken over, or why there are none.
        second: whether the quality kept is judged by a second reference.
        pixels: by data set, what raw pixels reach
            (`anonbench.reporting.html.choices.kept.pixels_kept`).
        cheapest: the cheapest experiments that would settle what is open, empty where nothing is.
        system: name of the system that is measured as it is; None where models are trained.
        standing: how the variants of each data set stand to the policy, where it was judged.

    """
    shown = preferred(given, free)
    following = _next(given, adapting, risks, cheapest)
    return [
        Line("What is kept?", _lost(given, shown, _yardstick(second, system), pixels)),
        *(Line("What to use?", text) for text in [_chosen(given, shown, limit)] if text),
        *(Line("What passes?", each.text) for each in standing),
        *(Line("How private?", text) for text in [_private(shown, risks)] if text),
        *(Line("How sure?", text) for text in [_sure(evidence)] if text),
        *(Line("What next?", text) for text in [following] if text),
    ]


def preferred(given: Sequence[Advice], free: Sequence[Advice]) -> list[Advice]:
    """Return the choices under the limit, and the one without it where none meets it."""
    return [row if row.best else other for row, other in zip(given, free, strict=True)]


def _lost(
    given: Sequence[Advice],
    shown: Sequence[Advice],
    yardstick: str,
    pixels: Mapping[str, Mapping[tuple[int, str, str], float]],
) -> str:
    if not shown:
        return NOTHING_RUN
    kept: dict[str, list[float]] = {}
    for row in shown:
        if row.best:
            kept.setdefault(row.dataset, []).append(float(row.best.kept.removesuffix(" %")))
    if not kept:
        return NO_CHOICE
    head, some = _passing(given, shown)
    text = f"{head} keeps {_of_each(kept)} of the retrieval quality that {yardstick}."
    unknown = [name for name in dict.fromkeys(row.dataset for row in shown) if name not in kept]
    missing = f"Of {', '.join(unknown)} it is not known." if unknown else ""
    return " ".join(
        part
        for part in (
            text,
            some,
            _doubtful(shown),
            _beside(shown, pixels),
            missing,
            _in_sight(shown),
        )
        if part
    )


def _passing(given: Sequence[Advice], shown: Sequence[Advice]) -> tuple[str, str]:
    """Return how the headline begins, and of what it says besides that nothing passes."""
    rows = [(row, inside.best is not None) for inside, row in zip(given, shown, strict=True)]
    within = {(row.dataset, row.query): passes for row, passes in rows if row.best}
    does = "passes" if _all_failed(shown) else "is known to pass"
    if not any(within.values()):
        best = "The best" if _all_failed(shown) else "The best of those that did not fail"
        return f"No choice {does} the policy. {best}", ""
    passing = {dataset for (dataset, _), passes in within.items() if passes}
    beyond = [
        f"{dataset} with {query} queries" if dataset in passing else dataset
        for (dataset, query), passes in within.items()
        if not passes
    ]
    some = f"Of {', '.join(dict.fromkeys(beyond))} none {does} the policy." if beyond else ""
    return "The best choice", some


def _all_failed(shown: Sequence[Advice]) -> bool:
    """Tell whether even the best choices failed on evidence: then all others did."""
    return all(row.best.standing == Verdict.FAIL for row in shown if row.best)


def _doubtful(shown: Sequence[Advice]) -> str:
    """Say where the best choices rank no better than chance may, empty where all do."""
    names = dict.fromkeys(row.dataset for row in shown if row.best and row.best.doubtful)
    return f"Chance may do as well ({', '.join(names)})." if names else ""


def _beside(
    shown: Sequence[Advice], pixels: Mapping[str, Mapping[tuple[int, str, str], float]]
) -> str:
    """Say what raw pixels reach on the images of the best choices, empty where it is not known."""
    reached: dict[str, list[float]] = {}
    for row in shown:
        if row.best:
            place = row.best.degree, row.best.method, row.query
            value = pixels.get(row.dataset, {}).get(place, math.nan)
            if not math.isnan(value):
                reached.setdefault(row.dataset, []).append(value)
    return f"Raw pixels reach {_of_each(reached)}." if reached else ""


def _of_each(values: Mapping[str, Sequence[float]]) -> str:
    """Name the range of each data set's values, percent: ``1.0 to 2.0 % (a), 3.0 % (b)``."""
    return ", ".join(f"{span(found)} % ({name})" for name, found in values.items())


_YARDSTICK = {
    True: "the original model has when it is trained again",
    False: "the original system has, by its own ranking, which favours the unadapted model",
}


def _yardstick(second: bool, system: str | None) -> str:
    if system is None:
        return _YARDSTICK[second]
    return f"{system} has on original images, by its own ranking; nothing was trained"


def _in_sight(given: Sequence[Advice]) -> str:
    """Say that a choice hides a part only, empty where all hide everything."""
    least = min(row.best.degree for row in given if row.best)
    return "" if least == 100 else f"Up to {100 - least} % of an image's regions stay in sight."


def _chosen(given: Sequence[Advice], shown: Sequence[Advice], limit: float) -> str:
    """Name the choices of each data set that are best, or as good, with original queries."""
    within = {(row.dataset, row.query) for row in given if row.best}
    parts: dict[bool, list[str]] = {True: [], False: []}
    for row in shown:
        if row.best is not None and row.query == QueryKind.ORIGINAL:
            alike = named((each.method, each.adaption) for each in (row.best, *row.alike))
            parts[(row.dataset, row.query) in within].append(f"{row.dataset}: {alike}")
    met, unmet = ("; ".join(texts) for texts in (parts[True], parts[False]))
    if not met and not unmet:
        return ""
    if _all_failed(shown):
        beyond = f"Every choice fails the policy; without it: {unmet}."
    elif any(row.best and row.best.standing for row in shown):
        beyond = f"No choice is known to pass the policy; of those that did not fail: {unmet}."
    else:
        beyond = (
            f"No choice is known to keep re-identification at or below {limit:g} %; without that "
            f"limit: {unmet}."
        )
    said = [f"{met}.", *([beyond] if unmet else [])] if met else [beyond]
    several = any(row.alike for row in shown if row.query == QueryKind.ORIGINAL)
    untold = "No test tells those named together from the best of them."
    return " ".join([*said, *([untold] if several else [])])


def _private(shown: Sequence[Advice], risks: Risks) -> str:
    variants = {(row.dataset, row.best.method, row.best.degree) for row in shown if row.best}
    found = [risk for key, risk in risks.items() if key in variants and risk.stated]
    if not found:
        return ""
    originals = [risk.ceiling for risk in found if risk.ceiling is not None]
    beside = f" (originals: {span(originals)} %)" if originals else ""
    low, high = min(risk.low for risk in found), max(risk.high for risk in found)
    text = (
        f"In these images the strongest attack that was tried re-identifies at least "
        f"{span([risk.rate for risk in found])} % ({low:.1f} to {high:.1f}) of the sensitive "
        f"regions{beside}; others may find more."
    )
    return " ".join(each for each in (text, said_of_remainder(found)) if each)


def _sure(evidence: Mapping[str, str]) -> str:
    return f"{'; '.join(f'{name}: {text}' for name, text in evidence.items())}." if evidence else ""


def _next(
    given: Sequence[Advice],
    adapting: Tally,
    risks: Risks,
    cheapest: str,
) -> str:
    parts = []
    if adapting.total and not adapting.better and not adapting.without_gain:
        parts.append(f"Whether adapting gains is open in all {adapting.total} tests.")
    elif adapting.total and not adapting.better:
        possible = adapting.total - adapting.without_gain
        still = f" and may gain in {possible}" if possible else ""
        parts.append(
            f"Keep the original model: adapting gains in 0 of {adapting.total} tests{still}."
        )
    elif adapting.total:
        parts.append(
            f"Adapt only where your own data show a gain: it gains in {adapting.better} and loses "
            f"in {adapting.worse} of {adapting.total} tests."
        )
    if any(row.best is None for row in given):
        parts.append("Add what lacks (see Choices).")
    if any(key[1] == ORIGINAL for key in risks):
        parts.append("Have a lawyer judge kept embeddings of originals.")
    return " ".join([*parts, *([cheapest] if cheapest else [])])
