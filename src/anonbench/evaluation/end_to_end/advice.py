"""Sentences that say what the scores of one system mean, as far as they are known."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

import pandas as pd

from anonbench.config import Policy, Presentation
from anonbench.core.registries.method_names import MAPPED
from anonbench.core.vocabulary import ORIGINAL, QueryKind
from anonbench.evaluation.comparisons.best import JOINT
from anonbench.evaluation.comparisons.columns import SEPARATOR
from anonbench.evaluation.end_to_end.scored import METRIC, Scored
from anonbench.evaluation.sample_sizes.sufficiency import Needs, too_wide, why_no_statement

_SHOWN = 0.05
"""Percentage points that a value with one decimal shows."""
PRIVACY = (
    "This says what retrieval keeps, and nothing of privacy: the method that keeps most may hide "
    "least."
)
ATTACKED = "These are lower bounds: an attacker who learns, or has a better model, finds more."


def advise(
    scored: Scored, images: int, presentation: Presentation, rates: pd.DataFrame | None = None
) -> list[str]:
    """Return, a sentence each, which method keeps most and what cannot be told apart.

    Args:
        scored: the scores.
        images: that were scored.
        presentation: how certain a statement has to be.
        rates: of re-identification, where it was tried (`.attacked.attack`).

    """
    privacy = [PRIVACY] if rates is None else [*_attacked(rates), ATTACKED]
    needs = Needs.of(scored.asked, presentation, Policy())
    if gap := why_no_statement(scored.table, needs, images):
        return [f"NOT KNOWN what anonymizing costs: {_plain(gap)}.", *privacy]
    sentences = []
    for degree in sorted(scored.table["degree"].unique(), reverse=True):
        methods = set(scored.table["method"])
        failed = {} if rates is None else _failed(rates, int(degree), needs, methods)
        for query in QueryKind:
            sentences.append(_sentence(scored, int(degree), query.value, needs, failed))
    return [*sentences, *privacy]


def _failed(
    rates: pd.DataFrame, degree: int, needs: Needs, scored: Collection[str]
) -> dict[str, str]:
    """Those of the scored methods that surely exceed the policy's limit on re-identification, with
    what was found.
    """
    rows = rates[(rates["degree"] == degree) & (rates["method"] != ORIGINAL)]
    return {
        name: f"{100 * row['rate']:.1f} % ({100 * row['low']:.1f} or more)"
        for row in rows[rows["low"] > needs.limit].to_dict("records")
        for name in (str(row["method"]), f"{MAPPED}{row['method']}")  # the same pictures
        if name in scored
    }


def _plain(text: str) -> str:
    return text.replace("validation images", "images")


def _sentence(
    scored: Scored, degree: int, query: str, needs: Needs, failed: Mapping[str, str]
) -> str:
    """Say which method keeps most, of those that do not fail if there are others."""
    where = f"At {degree} % with {query} queries"
    rows = scored.table[
        (scored.table["degree"] == degree)
        & (scored.table["query"] == query)
        & (scored.table["metric"] == METRIC)
    ].set_index("method")
    chosen = scored.best[(scored.best["degree"] == degree) & (scored.best["query"] == query)].iloc[
        0
    ]
    best = _method(chosen["best"])
    others = [name for name in rows.index if name not in failed]
    if best in failed and others:
        limit = f"{100 * needs.limit:g} %"
        best = str(rows.loc[others, "value"].astype(float).idxmax())
        value, low, high = (100 * float(rows[name].loc[best]) for name in ("value", "low", "high"))
        return (
            f"{where} {best} keeps most of what is not re-identified beyond {limit}: mAP "
            f"{value:.1f} % ({low:.1f} to {high:.1f}); beyond it are "
            f"{', '.join(f'{name} ({rate})' for name, rate in failed.items())}."
        )
    value, low, high, floor = (
        float(rows[name].loc[best]) for name in ("value", "low", "high", "floor")
    )
    shown = f"mAP {100 * value:.1f} %"
    if not math.isnan(low):
        shown += f" ({100 * low:.1f} to {100 * high:.1f})"
    if chosen["reason"]:
        return f"{where}: NOT KNOWN which method keeps most: {chosen['reason']} ({best}: {shown})."
    if unknown := too_wide(low, high, needs):
        return f"{where}: NOT KNOWN what {best} keeps: {_plain(unknown)}."
    text = f"{where} {best} keeps most: {shown}"
    if 100 * chosen["optimism"] >= _SHOWN:  # NaN is not
        text += f", {100 * chosen['unbiased']:.1f} % less the optimism of choosing the highest"
    alike = [m for each in chosen["indistinguishable"].split(JOINT) if (m := _method(each)) != best]
    alike = [each for each in alike if each not in failed or not others]
    text += f"; {_cannot_be_told(alike)}." if alike else "."
    if low <= floor:
        text += " It cannot be told from chance."
    return text


def _cannot_be_told(methods: list[str]) -> str:
    return f"{' and '.join(methods)} cannot be told from it"


def _method(choice: str) -> str:
    return choice.partition(SEPARATOR)[0]


def _attacked(found: pd.DataFrame) -> Iterator[str]:
    """Say how often hidden regions are found, for each degree and method."""
    for row in found.to_dict("records"):
        if row["method"] != ORIGINAL:
            rate, low, high = (f"{100 * row[name]:.1f}" for name in ("rate", "low", "high"))
            between = f" ({low} to {high})" if low != "nan" else ""
            yield (
                f"At {row['degree']} % {row['method']}, the system finds the original of {rate} % "
                f"of the regions{between} among {row['gallery']:,}; by chance "
                f"{100 * row['chance']:.1f} %."
            )
