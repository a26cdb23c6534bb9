"""Statement on published image sets: what was hidden, how, by which code, and what may be missed.

It ends with the SHA-256 of all the rest, so that an edit shows. Whoever edits it can also compute
that again: it is a fingerprint to note elsewhere, and no signature with a key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import write_json
from anonbench.evaluation.policy.evidence import MISSED
from anonbench.evaluation.policy.table import read_policy
from anonbench.evaluation.policy.verdicts import standings
from anonbench.evaluation.policy.words import why_not

FINGERPRINT = "sha256"


def write_statement(
    dataset: str,
    audit: Path,
    policy: Path,
    shards: Sequence[tuple[str, str, Sequence[Path]]],
    made_by: Mapping[str, Any],
    output: Path,
) -> dict[str, Any]:
    """Write and return the statement on a data set's anonymized image sets.

    Args:
        dataset: its name.
        audit: what is published (`anonbench.anonymization.published.COLUMNS`).
        policy: verdicts (`anonbench.evaluation.policy.verdicts.JUDGED`).
        shards: split, variant, and the files with the digests of the set's shards.
        made_by: parameters of detection and methods, digests of their code, packages; plain data.
        output: the JSON file.

    """
    counts = pd.read_csv(audit).set_index(["split", "variant"])
    judged = read_policy(policy)
    verdicts = standings(judged)
    sets = []
    for split, variant, files in shards:
        method, _, degree = variant.rpartition("-")
        mine = judged[(judged["method"] == method) & (judged["degree"] == int(degree))]
        numbers: dict[Any, Any] = counts.loc[[(split, variant)]].iloc[0].to_dict()
        sets.append(
            {
                "split": split,
                "variant": variant,
                "counts": {name: int(number) for name, number in numbers.items()},
                "shards": [file.read_text(encoding="utf-8").strip() for file in files],
                "missed": _missed(mine),
                "policy": str(verdicts[dataset, method, int(degree)]),
                "why_not": why_not(mine),
            }
        )
    content = {"dataset": dataset, "made_by": dict(made_by), "image_sets": sets}
    signed = content | {FINGERPRINT: fingerprint(content)}
    write_json(output, signed)
    return signed


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain data, without a fingerprint that is in it."""
    rest = {key: value for key, value in content.items() if key != FINGERPRINT}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _missed(of_variant: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the share of each entity's true area that is missed, with its interval, or why not."""
    rows = of_variant[of_variant["rule"] == MISSED].to_dict("records")
    return {
        str(row["entity"]): {
            **{name: _plain(row[name]) for name in ("value", "low", "high")},
            "images": None if pd.isna(row["n"]) else int(row["n"]),
            "reason": row["reason"],
        }
        for row in rows
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
