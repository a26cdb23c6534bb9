"""Table of the policy's verdicts."""

from __future__ import annotations

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.policy.verdicts import overall
from anonbench.evaluation.policy.words import resisted, tally, unlimited, why_not
from anonbench.reporting.labels import METHODS
from anonbench.reporting.notes import notes


def policy_grid(dataset: str, judged: pd.DataFrame) -> Grid:
    """One row per variant: verdict, rules by verdict, and the reasons or the resisted attacks."""
    rows = tuple(
        (METHODS.get(str(method), str(method)), f"{degree} %", *_cells(group))
        for (method, degree), group in judged.groupby(["method", "degree"], sort=False)
    )
    return Grid(
        stem=f"policy_{dataset}",
        title=f"What passes the policy, {dataset}",
        heads=("Method", "Degree", "Verdict", "Rules", "Evidence"),
        blocks=(GridBlock("", rows),),
        notes=notes("policy", unlimited=unlimited(judged)),
        left=5,
        wrapped=((4, 0.5),),
    )


def _cells(of_variant: pd.DataFrame) -> tuple[str, str, str]:
    verdict = overall(of_variant["verdict"])
    text = why_not(of_variant) or resisted(of_variant)
    return str(verdict), tally(of_variant), text
