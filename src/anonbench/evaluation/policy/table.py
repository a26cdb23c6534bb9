"""Table of verdicts: written by the workflow, read by report and command."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.evaluation.policy.evidence import RULES
from anonbench.evaluation.policy.verdicts import JUDGED, Verdict

_TEXTS = (
    *("dataset", "method", "rule", "attack", "measure", "entity", "risk"),
    *("reason", "source", "side", "verdict"),
)


def read_policy(path: Path) -> pd.DataFrame:
    """Read a table of verdicts (`JUDGED`).

    Raises:
        InputError: a column is missing, or a rule or verdict is unknown.

    """
    table = read_csv(path, JUDGED, _TEXTS)
    for column, known in (("rule", set(RULES)), ("verdict", set(map(str, Verdict)))):
        if unknown := set(table[column]) - known:
            raise InputError(f"{path}: {column} {min(unknown)!r} is unknown; make the table again")
    return table.astype({"n": "Int64", "clusters": "Int64"})
