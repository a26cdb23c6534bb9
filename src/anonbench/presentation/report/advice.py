"""Which scenario keeps most under a constraint: every choice in one list, best first.

The page shows the first choice of each data set and query kind that meets the constraint; the
reader may change it there (`advice.js`), so that page and library choose alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from anonbench.presentation.labels import METHODS
from anonbench.presentation.report.answer import (
    Choice,
    degrees,
    method_label,
    model_label,
    ranked,
)
from anonbench.presentation.report.risk import NO_RISK, Risk, Risks, limits
from anonbench.presentation.summary import present
from anonbench.vocabulary import UNADAPTED, QueryKind


@dataclass(frozen=True)
class Option:
    """One scenario with one query kind, its numbers as text."""

    dataset: str
    query: str
    degree: int
    method: str
    adaption: str
    use: str
    """Method, degree and model for people."""
    kept: str
    """mAP in percent."""
    interval: str
    loss: str
    """Points of mAP less than the reference."""
    gain_loss: str
    """Points of mnDCG less than the reference, empty where it is unknown."""
    doubtful: bool
    """Whether its mAP cannot be told from chance."""
    risk: str
    """How often the strongest attack re-identifies a region of these images."""
    risk_interval: str
    risk_note: str
    """Chance and gallery; both empty where no attack was run."""
    risk_rate: float | None
    """The same rate as a number, in percent."""


def options(summaries: Mapping[str, pd.DataFrame], given: Risks | None = None) -> list[Option]:
    """Return every scenario of every data set and query kind, most mAP first within each.

    Args:
        summaries: by data set, scores averaged over seeds (`summarize`).
        given: what attacks find in each variant, where they were run.

    """
    found = []
    for dataset, summary in summaries.items():
        for query in QueryKind:
            here = [
                (choice, degree)
                for degree in degrees(summary)
                for choice in ranked(summary, degree, "map", query.value)
            ]
            # where two keep the same, the one that hides more is the better one
            here.sort(key=lambda entry: (-entry[0].value, -entry[1], entry[0].scenario))
            gains = {
                (degree, gain.scenario): gain
                for degree in degrees(summary)
                for gain in ranked(summary, degree, "mndcg", query.value)
            }
            found += [
                _option(
                    (dataset, query.value, degree),
                    choice,
                    gains.get((degree, choice.scenario)),
                    (given or {}).get((dataset, choice.method, degree)),
                )
                for choice, degree in here
            ]
    return found


def advise(given: Sequence[Option], degree: int) -> list[tuple[str, str, Option | None]]:
    """Return the best option of each data set and query kind that hides at least `degree` %.

    Where a data set's degrees are all lower, its highest one counts.
    """
    rows = []
    for dataset in dict.fromkeys(option.dataset for option in given):
        own = [option for option in given if option.dataset == dataset]
        least = min(degree, max(option.degree for option in own))
        for query in QueryKind:
            meeting = [o for o in own if o.query == query.value and o.degree >= least]
            rows.append((dataset, query.value, meeting[0] if meeting else None))
    return rows


def constraints(given: Sequence[Option]) -> dict[str, list[tuple[str, str]]]:
    """Return what to ask for, as key and label: degrees (highest first), methods, models, risks."""
    of_degrees = sorted({option.degree for option in given}, reverse=True)
    methods = present(pd.Series([option.method for option in given], dtype=object), METHODS)
    models = [("", "any model")]
    if any(option.adaption != UNADAPTED for option in given):
        models.append((UNADAPTED, "no new training: the unadapted model"))
    return {
        "degree": [(str(degree), _at_least(degree)) for degree in of_degrees],
        "method": [("", "any method"), *((m, f"{method_label(m)} only") for m in methods)],
        "adaption": models,
        "risk": limits(option.risk_rate for option in given),
    }


def plain(given: Sequence[Option]) -> list[dict[str, Any]]:
    """Return options as plain data."""
    return [asdict(option) for option in given]


def _at_least(degree: int) -> str:
    return "all regions (100 %)" if degree == 100 else f"{degree} % of the regions or more"


def _option(
    key: tuple[str, str, int], choice: Choice, gain: Choice | None, risk: Risk | None
) -> Option:
    dataset, query, degree = key
    known = not (math.isnan(choice.low) or math.isnan(choice.high))
    return Option(
        dataset=dataset,
        query=query,
        degree=degree,
        method=choice.method,
        adaption=choice.adaption,
        use=f"{method_label(choice.method)} {degree} %, {model_label(choice.adaption)}",
        kept=f"{choice.value:.1f} %",
        interval=f"{choice.low:.1f} to {choice.high:.1f}" if known else "",
        loss=f"{100 - choice.value:.1f}",
        gain_loss="" if gain is None else f"{100 - gain.value:.1f}",
        doubtful=choice.at_chance,
        risk=NO_RISK if risk is None else risk.text,
        risk_interval="" if risk is None else risk.interval,
        risk_note="" if risk is None else risk.note,
        risk_rate=None if risk is None else round(risk.rate, 4),
    )
