"""Table of verdicts of a data set: written by the workflow, read by report and command."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import read_csv, write_csv
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.policy.evidence import ATTACK, RULES, SEARCHED, Measured, evidence
from anonbench.evaluation.policy.verdicts import JUDGED, OF_ALL, Verdict, judge, verdict_of
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
    """Write and return the verdict on each variant and rule of a data set.

    Args:
        variants: to be judged, such as `mask-100`.
        sought: entities that its detectors look for.
        settings: `policy`, `methods` (the section `anonymization`), `applied` (of methods that
            apply others), `information_left`, and `settings` with the confidence and widest
            interval of a rate (`anonbench.config.stage_parameters.policy`).
        files: `audit`, and `quality`, `visible_area`, `rates` and `attacks` where there are such.
        output: the CSV, columns `anonbench.evaluation.policy.verdicts.JUDGED`.

    """
    shown = settings["settings"]
    measured = Measured(
        dataset=dataset,
        sought=tuple(sought),
        variants=tuple(variants),
        applied=settings["applied"],
        information_left=settings["information_left"],
        methods=settings["methods"],
        audit=pd.read_csv(files["audit"]),
        quality=pd.read_csv(files["quality"]) if "quality" in files else None,
        visible_area=pd.read_csv(files["visible_area"]) if "visible_area" in files else None,
        rates=read_rates(files["rates"]) if "rates" in files else None,
        attacks=read_attacks(files["attacks"]) if "attacks" in files else None,
        widest=shown["widest_interval"],
        confidence=shown["confidence"],
    )
    from anonbench.config.policy import Policy  # the table is read without the config

    judged = judge(evidence(measured), Policy.model_validate(settings["policy"]))
    write_csv(judged, output)
    return judged


_AGAIN = "make the table again (`snakemake -c all policy`)"
_VARIANT = ["dataset", "method", "degree"]
_ROW = ["rule", "attack", "measure", "entity"]
"""Columns that tell a variant's rows apart."""
_TEXTS = (
    *("dataset", "method", "rule", "attack", "measure", "entity", "risk"),
    *("reason", "source", "side", "verdict"),
)


def read_policy(path: Path) -> pd.DataFrame:
    """Read a table of verdicts (`JUDGED`).

    Raises:
        InputError: it is no such table, rows are missing or duplicated, or a verdict contradicts
            its evidence.

    """
    try:
        table = read_csv(path, JUDGED, _TEXTS)
    except ValueError as error:  # not UTF-8, or no CSV
        raise InputError(f"{path} is not a table ({type(error).__name__}); {_AGAIN}") from None
    for column, known in (("rule", set(RULES)), ("verdict", set(map(str, Verdict)))):
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
        if rows.duplicated(_ROW).any():
            yield f"{name} has two rows of one rule"
        for row in rows.to_dict("records"):
            unlimited = not row["side"]
            expected = Verdict.UNLIMITED if unlimited else _verdict(row)
            if row["verdict"] != str(expected):
                yield f"{name}: the verdict on {row['rule']} is not that of its numbers"


def _verdict(row: Mapping[Hashable, Any]) -> Verdict | None:
    try:
        return verdict_of({str(name): row[name] for name in row}, row["side"], float(row["limit"]))
    except ValueError:
        return None
