"""First page of a data set: recommended choice, quality, risk, certainty and next step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from anonbench.core.vocabulary import ORIGINAL, UNADAPTED
from anonbench.reporting.figures.style import method_colour
from anonbench.reporting.html.texts import Texts
from anonbench.reporting.html.words import NAMES, Facts, Words, step
from anonbench.reporting.labels import NONE

BAR = 150
"""Pixels of a bar's full scale."""


@dataclass(frozen=True)
class Bar:
    """A value with its interval on a scale, in pixels; None if unknown."""

    value: float
    low: float | None
    high: float | None


def first_page(table: pd.DataFrame, facts: Facts, texts: Texts) -> dict[str, Any]:
    """Values of the first page's template for a data set.

    Args:
        table: its choices, in order (`anonbench.reporting.choices.table.choices`).
        facts: further facts about the data set.
        texts: texts of the language.
    """
    words = Words(texts, facts)
    records = table.to_dict("records")
    top = next((row for row in records if row["query"] == ORIGINAL), None)
    rows = _rows(records, words)
    methods = list(dict.fromkeys(row["method"] for row in rows if row["shown"]))
    pictures = [ORIGINAL, *methods] if facts.examples else []
    several = len({row["yardstick"] for row in records if row["yardstick"]}) > 0
    yardstick = top["yardstick"] if top and top["yardstick"] else "own"
    system = texts(
        "models.system" if facts.system else "models.unadapted_model", system=facts.system
    )
    return {
        "name": facts.name,
        "anchor": f"data-{facts.name}",
        "verdict": "open" if top is None or facts.gap else NAMES[top["verdict"]],
        "sentence": words.sentence(top, records),
        "notices": words.notices(),
        "left_out": _left_out(facts, texts),
        "toy": facts.toy,
        "cards": [
            (
                str(texts("originals")) if name == ORIGINAL else texts.method(name),
                facts.examples[name],
                "" if name == ORIGINAL else method_colour(name),
            )
            for name in pictures
            if name in facts.examples
        ],
        "outlines": facts.outlines,
        "rows": rows,
        "controls": _controls(records, words),
        "confidence": texts.confidence(facts.confidence),
        "limit": _limit(records, texts),
        "define": texts("define", yardstick=texts(f"yardstick.{yardstick}", system=system))
        if several
        else Markup(),
        "risks": [text for text in (words.unlimited(top), words.only()) if text],
        "sure": words.sure(top),
        "next": step(top, facts, texts),
    }


def _left_out(facts: Facts, texts: Texts) -> Markup | None:
    if not facts.left_out or facts.images is None:
        return None
    return texts("notice.left_out", number=texts.number(facts.left_out))


def _limit(records: Sequence[Mapping[Any, Any]], texts: Texts) -> str:
    """Limit of the shown attacks in percent; empty if there are several or none."""
    limits = {
        row["limit"] for row in records if row["limit"] != "" and row["limit"] == row["limit"]
    }
    return texts.number(100 * limits.pop()) if len(limits) == 1 else ""


def _rows(records: Sequence[Mapping[Any, Any]], words: Words) -> list[dict[str, Any]]:
    first: set[str] = set()
    rows = []
    for row in records:
        shown = row["query"] == ORIGINAL and row["method"] not in first
        if shown:
            first.add(str(row["method"]))
        rows.append(_row(row, shown, words))
    return rows


def _row(row: Mapping[Any, Any], shown: bool, words: Words) -> dict[str, Any]:
    """One choice as a row of the table; `shown` if it is the one of its method seen at first."""
    texts = words.texts
    known = not row["unknown"] and row["kept"] == row["kept"]
    ends = [texts.number(100 * row[name], 1) for name in ("kept", "kept_low", "kept_high") if known]
    tried = row["rate"] == row["rate"] and row["rate"] != ""
    sure = tried and row["rate_low"] == row["rate_low"]
    interval = [texts.percent(row[name]) for name in ("rate_low", "rate_high")] if sure else []
    limit = row["limit"]
    name = NAMES[row["verdict"]]
    return {
        "method": str(row["method"]),
        "label": texts.method(str(row["method"])),
        "colour": method_colour(str(row["method"])),
        "model": words.model(str(row["adaption"])) if row["adaption"] else NONE,
        "adaption": str(row["adaption"]),
        "degree": int(row["degree"]),
        "query": str(row["query"]),
        "shown": shown,
        "kept": f"{texts.number(100 * row['kept'])} %" if known else str(texts("table.unknown")),
        "kept_title": f"{ends[0]} ({ends[1]} – {ends[2]})" if known else row["unknown_detail"],
        "kept_bar": _bar(row["kept"], row["kept_low"], row["kept_high"]) if known else None,
        "attack": words.attack(str(row["attack"])),
        "rate": f"{texts.percent(row['rate'])} %" if tried else str(texts("table.unknown")),
        "high": texts("table.up_to", high=interval[1]) if interval else "",
        "rate_title": f"{' – '.join(interval)} %" if interval else str(texts("table.not_sure")),
        "rate_bar": _bar(row["rate"], row["rate_low"], row["rate_high"]) if tried else None,
        "limit": None if limit == "" or math.isnan(limit) else BAR * min(limit, 1.0),  # in pixels
        "verdict": str(texts(f"short.{name}")),
        "verdict_name": name,
        "why": words.short(row),
        "detail": row["detail"],
        "cost": words.cost(str(row["adaption"])),
    }


def _bar(value: float, low: float, high: float) -> Bar:
    def place(share: float) -> float:
        return round(BAR * min(max(share, 0.0), 1.0), 1)

    known = not (math.isnan(low) or math.isnan(high))
    return Bar(place(value), place(low) if known else None, place(high) if known else None)


def _controls(
    records: Sequence[Mapping[Any, Any]], words: Words
) -> dict[str, list[tuple[str, str]]]:
    """Controls for the reader, as value and label; only those with several options."""
    texts = words.texts
    best = ("", str(texts("table.best")))
    models = dict.fromkeys(str(row["adaption"]) for row in records if row["adaption"])
    degrees = sorted({int(row["degree"]) for row in records}, reverse=True)
    queries = dict.fromkeys(str(row["query"]) for row in records)
    found = {
        "model": [best, *((name, words.model(name)) for name in sorted(models, key=_plain_first))],
        "degree": [
            best,
            *(
                (
                    str(degree),
                    str(
                        texts("table.all_regions")
                        if degree == 100
                        else texts("table.share_regions", degree=degree)
                    ),
                )
                for degree in degrees
            ),
        ],
        "query": [(name, str(texts(f"table.queries.{name}"))) for name in sorted(queries)[::-1]],
    }
    return {
        name: choices
        for name, choices in found.items()
        if len(choices) > (1 if name == "query" else 2)
    }


def _plain_first(adaption: str) -> tuple[bool, str]:
    return adaption != UNADAPTED, adaption
