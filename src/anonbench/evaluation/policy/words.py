"""Verdicts in words: limits, measured values, and why a variant does not pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.core.wording import count
from anonbench.evaluation.policy.evidence import (
    ALLOWED,
    ATTACK,
    AUDIT,
    DEGREE,
    INFORMATION_LEFT,
    MISSED,
    SEARCHED,
    STRENGTH,
    UNSEARCHED,
)
from anonbench.evaluation.policy.verdicts import Verdict, above_control

_SUBJECTS = {
    ALLOWED: "method",
    DEGREE: "regions hidden",
    INFORMATION_LEFT: "left of regions by design",
    SEARCHED: "looked for",
    AUDIT: "failed audits of written images",
    UNSEARCHED: "published images on which a detector failed",
    MISSED: "true area missed",
}


def subject(row: Mapping[Any, Any]) -> str:
    """Subject of a rule: `true area missed (face)`, `readability, exact lines (text)`."""
    if row["rule"] == STRENGTH:
        return str(row["measure"]).replace("_", " ")
    text = _SUBJECTS.get(row["rule"], "")
    if row["rule"] == ATTACK:
        parts = [
            str(row[name]).replace("_", " ").strip() for name in ("attack", "measure") if row[name]
        ]
        text = ", ".join(parts)
    by_parameter = row["rule"] == ATTACK or row["rule"] in (SEARCHED, MISSED)
    return f"{text} ({row['entity']})" if row["entity"] and by_parameter else text


def measured(row: Mapping[Any, Any]) -> str:
    """A value with its interval, control and number: `6.1 % (4.9 to 7.5), n = 200`."""
    if pd.isna(row["value"]):
        return ""
    value = float(row["value"])
    if row["rule"] == ALLOWED:
        return "named" if value else "not named by the policy"
    if row["rule"] == SEARCHED:
        return "yes" if value else "no"
    if row["rule"] == INFORMATION_LEFT:
        return INFORMATION_LEVELS[int(value)]
    if row["rule"] in (STRENGTH, AUDIT):
        return f"{value:g}"
    text = f"{100 * value:.4g} %" if row["rule"] == DEGREE else f"{100 * value:.1f} %"
    if row["low"] != row["high"] and not pd.isna(row["low"]):
        text += f" ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    control = math.nan if pd.isna(row["control"]) else float(row["control"])
    if row["rule"] == ATTACK and control > 0.0:
        above = above_control(value, control)
        text += f", control {100 * control:.1f} %, above it {100 * above:.1f} %"
    return text if pd.isna(row["n"]) else f"{text}, N = {int(row['n']):,}"


def limit(row: Mapping[Any, Any]) -> str:
    """Limit of a rule: `at most 3 %`; empty without a limit."""
    if pd.isna(row["limit"]) or row["rule"] in (ALLOWED, SEARCHED):
        return ""
    if row["rule"] == INFORMATION_LEFT:
        return f"at {row['side']} {INFORMATION_LEVELS[int(row['limit'])]}"
    bare = row["rule"] in (STRENGTH, AUDIT)
    value = f"{row['limit']:g}" if bare else f"{100 * row['limit']:g} %"
    return f"at {row['side']} {value}"


def said(row: Mapping[Any, Any]) -> str:
    """One line for a rule that is not passed."""
    parts = [f"{subject(row)}: {measured(row) or 'not known'}"]
    if asked := limit(row):
        parts.append(asked)
    text = ", ".join(parts)
    return f"{text} ({row['reason']})" if row["reason"] else text


def why_not(of_variant: pd.DataFrame) -> str:
    """Why a variant does not pass, failed rules before unknown ones; empty if it passes."""
    found = [
        said(row) if verdict is Verdict.FAIL or not measured(row) else f"not known: {said(row)}"
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN)
        for row in of_variant[of_variant["verdict"] == str(verdict)].to_dict("records")
    ]
    return "; ".join(found)


def resisted(of_variant: pd.DataFrame) -> str:
    """Attacks that a variant resisted: `resisted these attacks at N = 100 to 200: …`."""
    rows = of_variant[(of_variant["rule"] == ATTACK) & (of_variant["verdict"] == str(Verdict.PASS))]
    if rows.empty:
        return ""
    numbers = sorted({int(n) for n in rows["n"].dropna()})
    span = (
        " to ".join(f"{n:,}" for n in dict.fromkeys((numbers[0], numbers[-1]))) if numbers else "?"
    )
    names = ", ".join(dict.fromkeys(subject(row) for row in rows.to_dict("records")))
    return f"resisted these attacks at N = {span}: {names}"


def unlimited(judged: pd.DataFrame) -> str:
    """List the attacks that were run and have no limit, with their highest rate."""
    rows = judged[(judged["rule"] == ATTACK) & (judged["verdict"] == str(Verdict.UNLIMITED))]
    rows = rows[rows["value"].notna()].sort_values("value", ascending=False, kind="stable")
    first = {subject(row): row for row in reversed(rows.to_dict("records"))}
    return "; ".join(f"{name}, up to {100 * row['value']:.1f} %" for name, row in first.items())


def tally(judged: pd.DataFrame) -> str:
    """Number of a variant's rules by verdict: `12 pass, 1 fail, 2 not known`."""
    counts = judged["verdict"].value_counts()
    shown = [v for v in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN) if counts.get(str(v), 0)]
    return ", ".join(f"{int(counts[str(v)])} {v}" for v in shown) or count(0, "rule")
