"""Table of verdicts of a data set, and verdicts in words, for report and command."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import read_csv, write_csv
from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import count
from anonbench.evaluation.policy import evidence as rules
from anonbench.evaluation.policy import verdicts
from anonbench.evaluation.policy.evidence import ATTACK, SEARCHED
from anonbench.evaluation.policy.verdicts import JUDGED, OF_ALL, Verdict, above_control
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.evaluation.privacy.rates import read_rates


def judge_dataset(
    dataset: str,
    variants: Sequence[str],
    sought: Sequence[str],
    settings: Mapping[str, Any],
    files: Mapping[str, Path],
    output: Path,
) -> pd.DataFrame:
    """Write (CSV, columns `JUDGED`) and return the verdict on each variant and rule.

    Variants are such as `mask-100`; its detectors look for the entities `sought`. The settings are
    those of `anonbench.config.stage_parameters.policy`; the files `audit`, and `quality`,
    `visible_area`, `rates` and `attacks` where there are such.
    """
    readers = {"rates": read_rates, "attacks": read_attacks}
    tables: dict[str, Any] = {n: readers.get(n, pd.read_csv)(path) for n, path in files.items()}
    known = {name: settings[name] for name in ("applied", "fakes", "information_left", "methods")}
    asked = settings["settings"]
    limits = {"widest": asked["widest_interval"], "confidence": asked["confidence"]}
    measured = rules.Measured(dataset, tuple(sought), tuple(variants), **known, **limits, **tables)
    from anonbench.config.privacy import Policy  # the table is read without the config

    judged = verdicts.judge(rules.evidence(measured), Policy.model_validate(settings["policy"]))
    write_csv(judged, output)
    return judged


_AGAIN = "remove it, and make it again by `anonbench run policy --configfile CONFIG`"
_VARIANT = ["dataset", "method", "degree"]
_ROW = ["rule", "attack", "measure", "entity"]
"""Columns that tell a variant's rows apart; those of one parameter also differ in their value."""
_TEXTS = ("rule", "attack", "measure", "entity", "risk", "source", "side")


def read_policy(path: Path) -> pd.DataFrame:
    """Read a table of verdicts (`JUDGED`).

    Raises InputError if it is no such table, rows are missing or duplicated, or a verdict
    contradicts its evidence.
    """
    try:
        table = read_csv(path, JUDGED, _TEXTS)
    except ValueError as error:  # not UTF-8, or no CSV
        raise InputError(f"{path} is not a table ({type(error).__name__}); {_AGAIN}") from None
    for column, known in (("rule", set(rules.RULES)), ("verdict", set(map(str, Verdict)))):
        if unknown := set(table[column]) - known:
            raise InputError(f"{path}: {column} {min(unknown)!r} is unknown; {_AGAIN}")
    if wrong := next(_contradictions(table), ""):
        raise InputError(f"{path}: {wrong}; {_AGAIN}")
    return table.astype({"n": "Int64", "clusters": "Int64"})


def _contradictions(table: pd.DataFrame) -> Iterator[str]:
    """Yield contradictions of a table: missing rows, duplicate rows, wrong verdicts."""
    attacks = set(table.loc[table["rule"] == ATTACK, "attack"])
    for key, rows in table.groupby(_VARIANT, sort=False):
        name = "{} {}-{}".format(*key)
        there = set(zip(rows["rule"], rows["entity"], strict=True))
        wanted = {*((rule, "") for rule in OF_ALL), *((SEARCHED, str(each)) for each in Entity)}
        for rule, entity in sorted(wanted - there):
            yield f"{name} has no row of the rule {rule} {entity}".rstrip()
        for attack in sorted(attacks - set(rows["attack"])):
            yield f"{name} has no row of the attack {attack}, which others have"
        strengths = rows["value"].where(rows["rule"] == rules.STRENGTH)
        if rows.assign(value=strengths).duplicated([*_ROW, "value"]).any():
            yield f"{name} has two rows of one rule"
        for row in rows.to_dict("records"):
            expected = str(Verdict.UNLIMITED)
            if row["side"]:
                try:
                    expected = str(verdicts.verdict_of(row, row["side"], float(row["limit"])))
                except ValueError:
                    expected = ""
            if row["verdict"] != expected:
                yield f"{name}: the verdict on {row['rule']} is not that of its numbers"


_BLUNT = "the attack may find as little in originals, so it shows nothing"
_OF_ENTITY = re.compile(rf"(?:^|; )({'|'.join(Entity)}): ")
"""Begin of a reason that is about one kind of region."""
_PARTS: Mapping[str, tuple[str, Callable[[float], str] | None]] = {
    rules.ALLOWED: ("method", lambda value: "named" if value else "not named by the policy"),
    rules.DEGREE: ("regions hidden", None),
    rules.INFORMATION_LEFT: ("left of regions by design", lambda v: INFORMATION_LEVELS[int(v)]),
    rules.STRENGTH: ("", "{:g}".format),
    SEARCHED: ("looked for", lambda value: "yes" if value else "no"),
    rules.AUDIT: ("failed audits of written images", "{:g}".format),
    rules.UNSEARCHED: ("published images on which a detector failed", None),
    rules.MISSED: ("true area missed", None),
    ATTACK: ("", None),
}  # subject of each rule, and how its values are written; None: shares with their intervals


def subject(row: Mapping[Any, Any]) -> str:
    """Subject of a rule: `true area missed (face)`, `readability, exact lines (text)`."""
    if row["rule"] == rules.STRENGTH:
        return str(row["measure"]).replace("_", " ")
    names = [row[name] for name in ("attack", "measure") if row[name]]
    text = ", ".join(str(name).replace("_", " ").strip() for name in names)
    text = text if row["rule"] == ATTACK else _PARTS[row["rule"]][0]
    by_entity = row["entity"] and row["rule"] in (ATTACK, SEARCHED, rules.MISSED)
    return f"{text} ({row['entity']})" if by_entity else text


def measured(row: Mapping[Any, Any]) -> str:
    """A value with its interval, control and number: `6.1 % (4.9 to 7.5), n = 200`."""
    if pd.isna(row["value"]):
        return ""
    value = float(row["value"])
    written = _PARTS[row["rule"]][1]
    if written is not None:
        return written(value)
    text = f"{100 * value:.4g} %" if row["rule"] == rules.DEGREE else f"{100 * value:.1f} %"
    if row["low"] != row["high"] and not pd.isna(row["low"]):
        text += f" ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    if row["rule"] == ATTACK and row["control"] > 0.0:
        above = above_control(value, float(row["control"]))
        text += f", control {100 * row['control']:.1f} %, "
        text += "not above it" if above <= 0.0 else f"above it {100 * above:.1f} %"
    return text if pd.isna(row["n"]) else f"{text}, N = {int(row['n']):,}"


def limit(row: Mapping[Any, Any]) -> str:
    """Limit of a rule: `at most 3 %`; empty without a limit."""
    if pd.isna(row["limit"]) or row["rule"] in (rules.ALLOWED, SEARCHED):
        return ""
    written = _PARTS[row["rule"]][1]
    value = written(row["limit"]) if written else f"{100 * row['limit']:g} %"
    return f"at {row['side']} {value}"


def said(row: Mapping[Any, Any]) -> str:
    """One line for a rule that is not passed."""
    return _line(*_said(row))


def _line(text: str, reasons: Sequence[str]) -> str:
    return f"{text} ({'; '.join(reasons)})" if reasons else text


def _said(row: Mapping[Any, Any]) -> tuple[str, list[str]]:
    """A rule with its value and limit, and the reasons why it is not known."""
    parts = [f"{subject(row)}: {measured(row) or 'not known'}"]
    if asked := limit(row):
        parts.append(asked)
    reason = row["reason"]
    if not reason and row["verdict"] == str(Verdict.UNKNOWN) and row["low"] <= row["high"]:
        is_blunt = row["high"] >= row["ceiling"]  # NaN is not
        reason = _BLUNT if is_blunt else "the interval contains the limit"
    first, *others = _OF_ENTITY.split(reason)
    reasons: dict[str, list[str]] = {"": [first]} if first else {}
    for entity, why in zip(others[::2], others[1::2], strict=True):
        reasons.setdefault(f"{entity}: ", []).append(why)
    return ", ".join(parts), [entity + "; ".join(each) for entity, each in reasons.items()]


def reasons_against(of_variant: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Rules that a variant does not pass, failed ones before unknown ones, with reasons."""
    found = []
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        for row in of_variant[of_variant["verdict"] == str(verdict)].to_dict("records"):
            text, reasons = _said(row)
            is_clear = verdict is Verdict.FAIL or not measured(row)
            found.append((text if is_clear else f"not known: {text}", reasons))
    return found


def why_not(of_variant: pd.DataFrame) -> str:
    """Why a variant does not pass, in one line; empty if it passes."""
    return "; ".join(_line(*each) for each in reasons_against(of_variant))


def resisted(of_variant: pd.DataFrame) -> str:
    """Attacks that a variant resisted: `resisted these attacks at N = 100 to 200: …`."""
    rows = of_variant[(of_variant["rule"] == ATTACK) & (of_variant["verdict"] == str(Verdict.PASS))]
    if rows.empty:
        return ""
    ends = dict.fromkeys((rows["n"].min(), rows["n"].max())) if rows["n"].notna().any() else {}
    span = " to ".join(f"{int(n):,}" for n in ends) or "?"
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
