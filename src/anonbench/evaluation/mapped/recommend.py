"""Whether a map is recommended, by what it gains and by how much more it finds persons."""

from __future__ import annotations

import pandas as pd

from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.mapped.judge import FREE, LABELLED, MAP, MAPPED, SHUFFLED

MOST_FOUND = 0.03
"""Gain in mAP of images of the same person, above which a map is said to cost privacy; it is not
recommended where the whole interval is above."""


def price(table: pd.DataFrame, query: str) -> tuple[str, bool]:
    """How much more often a map finds the same person or document, and whether that is sure.

    Empty up to `MOST_FOUND`.

    Args:
        table: columns `COLUMNS`, of one map whose labels are persons or documents.
        query: the kind of queries.

    """
    rows = table[(table["query"] == query) & (table["metric"] == LABELLED)]
    found = rows[rows["remedy"] == MAPPED].to_dict("records")
    if not found or not found[0]["gain"] > MOST_FOUND:
        return "", False
    gain, low, high = (100 * found[0][name] for name in ("gain", "low", "high"))
    interval = "no interval" if found[0]["reason"] else f"{low:+.1f} to {high:+.1f}"
    text = (
        f"it finds the same person or document more easily, {gain:+.1f} points of mAP ({interval})"
    )
    return text, bool(found[0]["low"] > MOST_FOUND)


def why_not(
    table: pd.DataFrame, query: str = QueryKind.ORIGINAL.value, persons: bool = False
) -> str:
    """Reason not to recommend a map for queries of a kind; empty if it is recommended.

    Args:
        table: columns `COLUMNS`, of one map.
        query: the kind of queries.
        persons: whether labels are persons or documents, which should not be found more easily.

    """
    rows = table[(table["query"] == query) & (table["metric"] == MAP)]
    of = {row["remedy"]: row for row in rows.to_dict("records")}  # for maps, that of all pairs
    if MAPPED not in of:
        return "no map could be learned"
    mapped = of[MAPPED]
    if mapped["reason"]:
        return str(mapped["reason"])
    if not mapped["low"] > 0.0:
        return "its gain cannot be told from none"
    for remedy in FREE:
        if remedy in of and not mapped["low"] > of[remedy]["gain"]:
            return f"{remedy} gains as much and needs no map"
    if SHUFFLED in of and of[SHUFFLED]["gain"] > 0.0:
        return "a map of shuffled pairs gains, too: what it gains is not what the pairs tell"
    found, is_sure = price(table, query) if persons else ("", False)
    return found if is_sure else ""
