"""First page of a data set: recommended choice, quality, risk, certainty and next step."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from anonbench.core.vocabulary import ORIGINAL, UNADAPTED
from anonbench.evaluation.policy.evidence import RULES
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.html.page import Texts
from anonbench.reporting.html.words import NAMES, Facts, Words
from anonbench.reporting.labels import NONE, method_colour

BAR = 150  # pixels of a bar's full scale


def first_page(table: pd.DataFrame, facts: Facts, texts: Texts) -> dict[str, Any]:
    """Values of the first page's template for a data set's choices, in order."""
    words = Words(texts, facts)
    records = table.to_dict("records")
    top = next((row for row in records if row["query"] == ORIGINAL), None)
    first = table[table["query"] == ORIGINAL].drop_duplicates("method")
    names = {ORIGINAL: str(texts("originals"))} | {m: texts.method(m) for m in first["method"]}
    colours = {ORIGINAL: ""} | {method: method_colour(method) for method in first["method"]}
    limits = table["limit"].dropna().unique()
    system = texts("models.system" if facts.system else "models.unadapted_model")
    measured = texts(f"yardstick.{(top and top['yardstick']) or 'own'}", system=system)
    left_out = texts("notice.left_out", number=texts.number(facts.left_out))
    return {
        "name": facts.name,
        "anchor": f"data-{facts.name}",
        "verdict": "open" if top is None or facts.gap else NAMES[top["verdict"]],
        "sentence": words.sentence(top, records),
        "notices": words.notices(),
        "left_out": left_out if facts.left_out and facts.images is not None else "",
        "toy": facts.toy,
        "cards": [(names[n], facts.examples[n], colours[n]) for n in names if n in facts.examples],
        "outlines": facts.outlines,
        "rows": [_row(row, place in first.index, words) for place, row in enumerate(records)],
        "controls": _controls(table, words),
        "confidence": texts.confidence(facts.needs.confidence),
        "limit": texts.confidence(limits[0]) if len(limits) == 1 else "",
        "define": texts("define", yardstick=measured) if table["yardstick"].any() else "",
        "risks": words.risks(top),
        "sure": words.sure(top),
        "next": words.step(top),
    }


def known(first: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Rows seen at first that have a value (`kept` or `rate`), sorted by it as measured."""
    rows = [row for row in first["rows"] if row["shown"] and row[f"{name}_bar"]]

    def measured(row: Mapping[str, Any]) -> float:
        added = BAR * row["optimism"] if name == "kept" else 0.0  # of the best only
        return float(row[f"{name}_bar"]["value"] + added)

    return sorted(rows, key=lambda row: (measured(row), row[name], row["label"]))


def lacking(first: Mapping[str, Any]) -> list[str]:
    """Methods seen at first that did not fail and of which some limited attack is not known."""
    return [row["label"] for row in first["rows"] if row["shown"] and row["lacking"]]


def are_alike(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rows of `known` keep about as much: the ends print alike or are in both intervals."""
    least, most = rows[0]["kept_bar"], rows[-1]["kept_bar"]
    if rows[0]["kept"] == rows[-1]["kept"] or None in (least["high"], most["low"]):
        return bool(rows[0]["kept"] == rows[-1]["kept"])
    return bool(least["high"] >= most["value"] and most["low"] <= least["value"])


def _row(row: Mapping[Any, Any], shown: bool, words: Words) -> dict[str, Any]:
    """One choice as a row of the table; `shown` if it is the one of its method seen at first."""
    texts = words.texts
    adaption, name = str(row["adaption"]), NAMES[row["verdict"]]
    names = {rule for rule in row["untested"].split() if rule.partition(":")[0] not in RULES}
    if row["rate_high"] > row["limit"]:  # shown with its interval, which says enough
        names.discard(row["attack"])
    unknown = str(texts("table.unknown"))
    found = dict(row) | {
        "label": texts.method(row["method"]),
        "colour": method_colour(row["method"]),
        "model": words.model(adaption) if adaption else NONE,
        "shown": shown,
        "lacking": row["attack_verdict"] != Verdict.FAIL and (bool(names) or pd.isna(row["rate"])),
        **{"kept": unknown, "kept_title": row["unknown_detail"], "kept_bar": None, "chosen": ""},
        "attack": words.strongest(row),
        **{"rate": unknown, "rate_title": texts("table.not_sure"), "rate_bar": None, "high": ""},
        "limit": None if pd.isna(row["limit"]) else BAR * min(row["limit"], 1.0),  # in pixels
        "verdict": str(texts(f"short.{name}")),
        "verdict_name": name,
        "why": words.short(row),
        "cost": texts.first(f"cost.{adaption or UNADAPTED}", "cost.other"),
    }
    if not row["unknown"] and not pd.isna(row["kept"]):
        ends = (texts.number(100 * row[end], 1) for end in ("kept", "kept_low", "kept_high"))
        found |= {"kept": f"{texts.number(100 * row['kept'])} %", "kept_bar": _bar(row, "kept")}
        found |= {"kept_title": "{} ({} – {})".format(*ends), "chosen": words.chosen(row)}
    if not pd.isna(row["rate"]):
        found |= {"rate": f"{texts.percent(row['rate'])} %", "rate_bar": _bar(row, "rate")}
        if not pd.isna(row["rate_low"]):
            low, high = (texts.percent(row[end]) for end in ("rate_low", "rate_high"))
            found |= {"rate_title": f"{low} – {high} %", "high": texts("table.up_to", high=high)}
    return found


def _bar(row: Mapping[Any, Any], name: str) -> dict[str, float | None]:
    """A value with its interval on a scale, in pixels; None for ends that are unknown."""
    ends = {"value": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}
    known = not pd.isna([ends["low"], ends["high"]]).any()
    return {
        end: round(BAR * min(max(share, 0.0), 1.0), 1) if known or end == "value" else None
        for end, share in ends.items()
    }


def _controls(table: pd.DataFrame, words: Words) -> dict[str, list[tuple[str, str]]]:
    texts, shown = words.texts, {100: "table.all_regions"}
    best = ("", str(texts("table.best")))
    models = sorted({*table["adaption"]} - {""}, key=lambda name: (name != UNADAPTED, name))
    degrees = sorted({*table["degree"]}, reverse=True)
    share = "table.share_regions"
    found = {
        "model": [best, *((name, words.model(name)) for name in models)],
        "degree": [best, *((str(d), str(texts(shown.get(d, share), degree=d))) for d in degrees)],
        "query": [(q, str(texts(f"table.queries.{q}"))) for q in sorted({*table["query"]})[::-1]],
    }
    return {name: each for name, each in found.items() if len(each) > 1 + (best in each)}
